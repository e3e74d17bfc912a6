/* A server and a client with a security mechanism, and the ZAP handler that is asked. */
#ifndef SIDES_H
#define SIDES_H

#include "plain.h"
#include "story.h"

#define HANDLER "inproc://zeromq.zap.01"
/* Long enough for nobody to run into it by chance. */
#define HANDSHAKE_IVL 3000
#define RECONNECT 300
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Bytes with their number: they hold zeros. */
#define BYTES(literal) (literal), sizeof(literal) - 1

enum mechanism { NULL_MECHANISM, PLAIN, CURVE };
#define MECHANISMS 3
extern const char *const mechanism_names[MECHANISMS];

/* Keys of nobody else. */
extern const char server_public[], server_secret[], client_public[], client_secret[];

struct sides {
    void *ctx, *server, *client;
    struct story at_server, at_client;
};

void set_text(void *socket, int option, const char *value);
/* "admin" with his password, or the keys of the client. */
void make_client(void *socket, enum mechanism mechanism);
void make_server(void *socket, enum mechanism mechanism);
/* DEALERs. Neither is bound or connected. */
struct sides sides_in(void *ctx, enum mechanism mechanism, const char *domain);
/* Watches both, binds the one and connects the other. */
const char *start(struct sides *sides, enum transport transport);
/* What goes from the client to the server and back. */
const char *traffic(struct sides *sides);

/* A socket of that type that is bound where handlers are asked. */
void *handler_in(void *ctx, int type);
/* The frames of a request; without what ipc tells of the peer, and without the address of plain_bind. */
const char *request_to(void *handler);
const char *answer(void *handler, const char *frames);
/* An answer of 200 with this metadata. */
const char *welcome_with(void *handler, const char *user, const void *metadata, size_t size);
/* Whether another attempt of whoever connects follows. */
const char *tries_again(struct story *story);
/* A property of a message, or the error. */
const char *property(zmq_msg_t *message, const char *name);
/* A raw client that has sent its greeting and something behind it, and has read the greeting of the other side. */
int caller(const char *endpoint, enum mechanism mechanism, const void *command, size_t size);

#endif
