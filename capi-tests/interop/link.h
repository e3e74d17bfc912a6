/* What the scenarios of peer.c stand on: one socket of one process, the message codec of each pattern, and the
   control channel to the other process. Every failure ends the process with a line that says what was wrong. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#define PATIENCE_MS 5000
#define MAX_FRAMES 1024

#define FAIL(...) fail (__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition) ((condition) ? (void) 0 : FAIL ("%s is false (errno %d)", #condition, zmq_errno ()))

_Noreturn void fail (const char *file, int line, const char *format, ...);

/* A message by its recipe: frame sizes, and a seed that every byte follows from. */
struct recipe {
    unsigned seed;
    int frames;
    size_t sizes[MAX_FRAMES];
};

struct link {
    void *context;
    void *socket;
    void *monitor;
    int type;
    int peer_type;
    bool binder;
    const char *own_id;
    const char *peer_id;
    bool subscribed; /* an XPUB has a subscriber */
    char endpoint[256];
};

extern unsigned long messages_sent, messages_received;

extern int control; /* the descriptor of the channel to the other process */

/* The other process. say() and hear() exchange single letters; texts end with a newline. */
void say (char letter);
void hear (char letter);
void say_text (const char *text);
void hear_text (char *text, size_t size);
/* Both processes meet here. */
void meet (char letter);

/* True on our library, false on libzmq 4.3.4. */
bool is_ours (void);

/* Makes the context, the socket and its monitor. high_water -1 keeps the default. */
void link_create (struct link *link, int high_water);
/* bind (the endpoint may hold a wildcard) and tell the other side; or hear it and connect, there or to `where` if
   that is not empty. */
void link_open (struct link *link, const char *where);
void link_bind_again (struct link *link);
void link_connect (struct link *link);
void link_close (struct link *link);
void set_int (void *socket, int option, int value);
int events_of (void *socket);
/* hear() while the socket goes on with what needs its thread, such as subscribing again. */
void hear_inside (struct link *link, char letter);

/* Waits for this monitor event, skipping others; returns its value. */
unsigned await_event (struct link *link, int event);
/* The next event within the time, 0 if none. */
int next_event (struct link *link, unsigned *value, int timeout_ms);

/* What this pair of types carries. */
bool sends (const struct link *link);
bool receives (const struct link *link);
/* One of them is REQ or REP: request, reply, request, ... */
bool is_lock_step (const struct link *link);
/* This side begins each exchange of a lock-step pair. */
bool is_asker (const struct link *link);

/* Sends or receives one message in the pattern's envelope. With ZMQ_DONTWAIT: false = would block. */
bool transmit (struct link *link, const struct recipe *recipe, int flags);
bool receive (struct link *link, const struct recipe *expected, int flags);
void transmit_small (struct link *link, unsigned seed);
void receive_small (struct link *link, unsigned seed);
struct recipe small (unsigned seed);

/* Gets the pattern to where either side may send: routing ids known, subscriptions in place. */
void greet (struct link *link);
/* Waits until no peer can take a message. */
void await_absence (struct link *link);

#endif
