/*
 * Many peers of a server in one process, on plain sockets: ZMTP 3.1 with NULL, one thread, no library. So a figure says
 * what the server costs, and little more.
 */
#ifndef RAWPEERS_H
#define RAWPEERS_H

#include "measure.h"

enum { KEEP_BYTES = 320 };

struct peer {
    int fd;
    int greeted;      /* the server's greeting is complete */
    int ready;        /* the server's READY has come */
    int busy;         /* for users: something is under way */
    uint64_t next;    /* for users: what is expected next */
    size_t kept;      /* bytes of an incomplete frame, or greeting */
    unsigned char keep[KEEP_BYTES];
};

struct peers {
    struct peer *all;
    int count;
    int connected; /* how many have been started */
    int ready;
    int again; /* connections that ended before the server's READY, and were made anew */
    int port;
    int epoll;
    const void *then;
    size_t then_size;
    /* Called with every frame behind READY, commands included; flags as on the wire. */
    void (*frame)(struct peers *peers, struct peer *peer, int flags, const unsigned char *body, size_t size);
};

/*
 * Connects `count` peers to a port of the loopback, at most `in_progress` at a time without the server's READY.
 * `type` is their Socket-Type; `then` is what each sends when it has the server's READY.
 * Returns when all are ready.
 */
void connect_peers(struct peers *peers, int port, int count, int in_progress, const char *type, const void *then,
                   size_t then_size);
/* Handles what has come, waiting for the first at most `milliseconds` (-1: for ever). */
void pump_peers(struct peers *peers, int milliseconds);
/* Sends one frame with a body of at most 255 bytes. */
void peer_send(struct peer *peer, int flags, const void *body, size_t size);
/* Resets all connections, which leaves nothing in TIME_WAIT. */
void drop_peers(struct peers *peers);

/* What a peer sends first: greeting and READY; room for 128 bytes. Gives the length. */
size_t put_handshake(unsigned char *at, const char *type);

enum { FRAME_MORE = 1, FRAME_LONG = 2, FRAME_COMMAND = 4 };

#endif
