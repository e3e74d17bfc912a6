/* Peers that speak no ZMTP, and sockets that carry plain bytes. */
#ifndef PLAIN_H
#define PLAIN_H

#include "transcript.h"

/* Gives the rule up if the system does not do what it should. */
void must(int ok, const char *what);
/* A stream to an endpoint of tcp on this host, or of ipc. */
int plain_connect(const char *endpoint);
/* A listener on a free port or at "plain.sock", and the endpoint to connect to. Over tcp it has an address of this process
 * alone: nobody who tries again for a port that was another's comes there. */
int plain_listen(enum transport transport, char *endpoint);
/* Binds to a free port of the same address, and returns what to connect to. */
const char *plain_bind(void *socket);
/* The same address with a port that refuses everybody, and stays ours: plain_listen_at may listen there, often. */
const char *plain_vacant(void);
int plain_listen_at(const char *endpoint);
/* A listener of tcp whose queue is full: attempts to connect stay without an answer while its descriptors are open. */
struct deaf {
    char endpoint[64];
    int listener, fillers[4];
};
/* At a numeric address of this host, or at one of this process alone (NULL). */
struct deaf plain_deaf(const char *host);
/* Closes its descriptors. */
void plain_deaf_gone(const struct deaf *deaf);
/* -1 if nobody comes. */
int plain_accept(int listener);
/* A ZMTP 3.1 greeting with that mechanism, 64 bytes. */
const char *plain_greeting(const char *mechanism);
/* As a socket of that type: says greeting and READY, and reads those of the other side. */
void plain_handshake(int fd, const char *type);
/* Closes with a reset. */
void plain_reset(int fd);
void plain_send(int fd, const char *bytes);
void plain_send_bytes(int fd, const void *bytes, size_t size);
/* So many bytes, then nothing more that is there: their text. "end" for the end of the stream. */
const char *plain_recv(int fd, size_t size);
/* Bytes up to the end of the stream, counted. `socket` is entered on the way: the stock library closes only then. */
size_t plain_count(int fd, void *socket);
const char *plain_end(int fd, void *socket);

/* From now on nobody in this process gets a new descriptor, and no more. */
void no_descriptors(void);
void descriptors_again(void);

/* STREAM, and ROUTER with ZMQ_ROUTER_RAW. */
extern const int raw_types[2];
/* A socket of one of these types, not yet bound. */
void *raw(void *ctx, int type);

/* Routing ids, which differ from run to run: a letter for each, in the order of their coming. */
struct id {
    char bytes[256];
    size_t size;
};
extern struct id known_ids[26];
char letter_of(const void *bytes, size_t size);
/* ZMQ_ROUTING_ID of a socket, as a letter. */
const char *own_id(void *socket);

/* Receives one pair: letter and data. */
const char *get(void *socket);
const char *get_quiet(void *socket);
/* Sends one pair. */
const char *put_bytes(void *socket, char letter, const void *data, size_t size, int flags);
const char *put(void *socket, char letter, const char *data);
/* Waits for something to receive, and enters the other socket on the way. */
const char *await_with(void *socket, void *other);

#endif
