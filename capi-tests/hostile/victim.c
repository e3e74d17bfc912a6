/* What is attacked, and the good peer that it serves meanwhile.

       victim serve NAME=VALUE...                 the victim; prints "ready ATTACKED SIDE", the endpoints of its sockets
       victim good PATH ATTACKED SIDE [TYPE [option=NUMBER:VALUE...]]      the good peer

   Both take lines on their input and answer each with one. The victim: "connect ENDPOINT", "disconnect ENDPOINT" (its
   attacked socket), "use" (gives free memory back to the system, and says how many bytes are in use). The good peer: "measure COUNT" prints the median
   of so many round trips in microseconds and the longest of them, or "stuck".

   A round trip goes through the attacked socket as far as its type can:
       echo       there and back
       raw        there and back, as plain bytes
       pull       there by the attacked socket, back by a ROUTER of the same context, the side
       publish    there by the side, back by the attacked socket
       side       there and back by the side: the attacked socket shares only context and I/O thread */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/* Longest wait for an answer, milliseconds. */
#define PATIENCE 20000
/* Messages of the attacked socket taken before the others are looked at. */
#define BATCH 100
#define CHATTER 10
/* The public key of the good peer, where it has one; handshakes.py has the other half. */
#define GOOD_KEY "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

enum path { ECHO, RAW, PULL, PUBLISH, SIDE, PATHS };
static const char *const path_names[PATHS] = {"echo", "raw", "pull", "publish", "side"};

static void fail (const char *what)
{
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail (#condition); \
    } while (0)

static enum path path_of (const char *name)
{
    for (int path = 0; path < PATHS; path++)
        if (strcmp (name, path_names[path]) == 0)
            return (enum path) path;
    fail (name);
    return PATHS;
}

static void set_int (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

/* An option as NUMBER:VALUE; ZMQ_MAXMSGSIZE is wider than the others, and some are text. */
static void set_option (void *socket, const char *text)
{
    char *rest;
    int option = (int) strtol (text, &rest, 10);
    CHECK (*rest == ':');
    rest++;
    int64_t wide = atoll (rest);
    int narrow = (int) wide;
    bool is_text = rest[strspn (rest, "-0123456789")] || !*rest;
    const void *value = is_text ? (const void *) rest : option == ZMQ_MAXMSGSIZE ? (const void *) &wide : &narrow;
    size_t size = is_text ? strlen (rest) : option == ZMQ_MAXMSGSIZE ? sizeof wide : sizeof narrow;
    CHECK (zmq_setsockopt (socket, option, value, size) == 0);
}

static void say (const char *line)
{
    puts (line);
    fflush (stdout);
}

/* A line of the input without its end; false if there are no more. */
static bool hear (char *line, int size)
{
    if (!fgets (line, size, stdin))
        return false;
    line[strcspn (line, "\n")] = 0;
    return true;
}

/* ---- the victim ---- */

static struct {
    enum path path;
    /* The application takes what the attacked socket has; without it does not even enter the socket. */
    bool reads;
    /* Bytes of messages that are published all the time. */
    size_t chatter;
    void *attacked, *side, *monitor;
    /* Who spoke last on the side. */
    char peer[256];
    size_t peer_size;
} victim = {.reads = true};

static void *bound (void *ctx, int type, char *endpoint, size_t size)
{
    void *socket = zmq_socket (ctx, type);
    CHECK (socket);
    set_int (socket, ZMQ_LINGER, 0);
    CHECK (zmq_bind (socket, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    return socket;
}


/* One frame of the attacked socket goes back to where it came from. What does not fit is lost: false. */
static bool send_back (zmq_msg_t *frame, bool more)
{
    if (zmq_msg_send (frame, victim.attacked, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0)
        return true;
    zmq_msg_close (frame);
    return false;
}

/* Plain bytes go back; empty messages only say that somebody came or went. */
static bool answer_raw (void)
{
    zmq_msg_t id, bytes;
    zmq_msg_init (&id);
    if (zmq_msg_recv (&id, victim.attacked, ZMQ_DONTWAIT) < 0)
        return false;
    zmq_msg_init (&bytes);
    CHECK (zmq_msg_recv (&bytes, victim.attacked, ZMQ_DONTWAIT) >= 0);
    if (zmq_msg_size (&bytes) && send_back (&id, true))
        send_back (&bytes, false);
    else
        zmq_msg_close (&bytes);
    zmq_msg_close (&id);
    return true;
}

/* One message of the attacked socket is answered there, or on the side. False if there is none. */
static bool answer_attacked (void)
{
    if (victim.path == RAW)
        return answer_raw ();
    for (int frames = 0, more = 1; more; frames++) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, victim.attacked, ZMQ_DONTWAIT) < 0)
            return frames > 0;
        more = zmq_msg_more (&frame);
        if (victim.path == ECHO) {
            send_back (&frame, more);
            continue;
        }
        if (victim.path == PULL && frames == 0 && !more && zmq_msg_size (&frame) == sizeof (uint64_t)
            && zmq_send (victim.side, victim.peer, victim.peer_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
            zmq_send (victim.side, zmq_msg_data (&frame), zmq_msg_size (&frame), ZMQ_DONTWAIT);
        zmq_msg_close (&frame);
    }
    return true;
}

static void answer_side (void)
{
    char body[256];
    int id = zmq_recv (victim.side, victim.peer, sizeof victim.peer, ZMQ_DONTWAIT);
    if (id < 0)
        return;
    victim.peer_size = (size_t) id;
    int size = zmq_recv (victim.side, body, sizeof body, ZMQ_DONTWAIT);
    CHECK (size >= 0);
    if (victim.path == PUBLISH) {
        zmq_send (victim.attacked, body, (size_t) size, ZMQ_DONTWAIT);
    } else if (victim.path == SIDE) {
        CHECK (zmq_send (victim.side, victim.peer, victim.peer_size, ZMQ_SNDMORE) >= 0);
        CHECK (zmq_send (victim.side, body, (size_t) size, 0) >= 0);
    }
}

static void chatter (void)
{
    static char *bytes;
    if (!bytes)
        bytes = calloc (1, victim.chatter);
    bytes[0] = 'c';
    for (int at = 0; at < CHATTER; at++)
        zmq_send (victim.attacked, bytes, victim.chatter, ZMQ_DONTWAIT);
}

/* ---- who says who may come in ---- */

/* What a handler answers to all but the good peer. */
enum manner { PROMPT, SLOW, SILENT, RUBBISH, MANNERS };
static const char *const manner_names[MANNERS] = {"prompt", "slow", "silent", "rubbish"};
static enum manner manner;

/* A request is the peer's routing id, an empty frame, and these. */
#define REQUEST 12
#define ADDRESS 5
#define MECHANISM 7
#define CREDENTIALS 8

struct text {
    char bytes[256];
    int size;
};

/* Reads a request; how many frames it has, none when the context has ended. */
static int take_request (void *handler, struct text *frames)
{
    int count = 0, more = 1;
    size_t size = sizeof more;
    for (; more; count++) {
        CHECK (count < REQUEST);
        frames[count].size = zmq_recv (handler, frames[count].bytes, sizeof frames[count].bytes, 0);
        if (frames[count].size < 0)
            return 0;
        CHECK (zmq_getsockopt (handler, ZMQ_RCVMORE, &more, &size) == 0);
    }
    return count;
}

/* The good peer has a password that others do not know, a key that is told here, or comes from another address. */
static bool is_good (const struct text *frames, int count, const uint8_t *key)
{
    if (memcmp (frames[MECHANISM].bytes, "PLAIN", 5) == 0)
        return count == CREDENTIALS + 2 && frames[CREDENTIALS + 1].size == 4
               && memcmp (frames[CREDENTIALS + 1].bytes, "pass", 4) == 0;
    if (memcmp (frames[MECHANISM].bytes, "CURVE", 5) == 0)
        return count == CREDENTIALS + 1 && memcmp (frames[CREDENTIALS].bytes, key, 32) == 0;
    return frames[ADDRESS].size == 9 && memcmp (frames[ADDRESS].bytes, "127.0.0.1", 9) == 0;
}

static void send_reply (void *handler, const struct text *frames, const char *const *reply, int count)
{
    /* Who has gone gets none. */
    zmq_send (handler, frames[0].bytes, (size_t) frames[0].size, ZMQ_SNDMORE);
    zmq_send (handler, "", 0, count ? ZMQ_SNDMORE : 0);
    for (int at = 0; at < count; at++)
        zmq_send (handler, reply[at], strlen (reply[at]), at < count - 1 ? ZMQ_SNDMORE : 0);
}

static void send_rubbish (void *handler, const struct text *frames)
{
    static char huge[1 << 20];
    static const char *const replies[][7] = {
      {"1.0", "1", "200", "", "", ""},   {"2.0", "1", "200", "", "", ""},     {"1.0", "2", "200", "", "", ""},
      {"1.0", "1", "201", "", "", ""},   {"1.0", "1", "200", "", "", "junk"}, {"1.0", "1", "", "", "", ""},
      {"1.0", "1", "600", huge, "", ""}, {"1.0", "1", "200", "", huge, huge},
    };
    static unsigned next;
    memset (huge, 'h', sizeof huge - 1);
    unsigned kind = next++ % 11;
    /* The first one is sound, but for those that say too much or too little. */
    switch (kind) {
        case 0:
            for (int count = 0; count < 6; count++)
                send_reply (handler, frames, replies[0], count);
            break;
        case 8: {
            const char *many[1000];
            for (int at = 0; at < 1000; at++)
                many[at] = "1.0";
            send_reply (handler, frames, many, 1000);
            break;
        }
        case 9:
            send_reply (handler, frames, replies[3], 6);
            send_reply (handler, frames, replies[0], 6);
            break;
        case 10:
            zmq_send (handler, frames[0].bytes, (size_t) frames[0].size, ZMQ_SNDMORE);
            zmq_send (handler, "no delimiter", 12, 0);
            break;
        default:
            send_reply (handler, frames, replies[kind], 6);
    }
}

static void *handle (void *handler)
{
    static const char *const yes[] = {"1.0", "1", "200", "OK", "somebody", ""}, *const no[] = {"1.0", "1", "400", "no", "", ""};
    static struct text frames[REQUEST];
    uint8_t key[32];
    CHECK (zmq_z85_decode (key, GOOD_KEY));
    int count;
    while ((count = take_request (handler, frames)) > 0) {
        bool good = is_good (frames, count, key);
        if (manner == SLOW)
            usleep (5000);
        if (good)
            send_reply (handler, frames, yes, 6);
        else if (manner == RUBBISH)
            send_rubbish (handler, frames);
        else if (manner != SILENT)
            send_reply (handler, frames, no, 6);
    }
    return NULL;
}

static void start_handler (void *ctx, const char *name)
{
    while (manner < MANNERS && strcmp (manner_names[manner], name) != 0)
        manner++;
    CHECK (manner < MANNERS);
    void *handler = zmq_socket (ctx, ZMQ_ROUTER);
    CHECK (handler && zmq_bind (handler, "inproc://zeromq.zap.01") == 0);
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, handle, handler) == 0 && pthread_detach (thread) == 0);
}

/* False at the end of the input. */
static bool obey (void)
{
    char line[512];
    if (!hear (line, sizeof line))
        return false;
    if (strncmp (line, "connect ", 8) == 0)
        CHECK (zmq_connect (victim.attacked, line + 8) == 0);
    else if (strncmp (line, "disconnect ", 11) == 0)
        /* It may have gone by itself. */
        zmq_disconnect (victim.attacked, line + 11);
    else {
        /* The system's view alone also has what the allocator could not give back. */
        malloc_trim (0);
        struct mallinfo2 now = mallinfo2 ();
        snprintf (line, sizeof line, "%zu", now.uordblks + now.hblkhd);
        say (line);
        return true;
    }
    say ("done");
    return true;
}

static int serve (int count, char **words)
{
    void *ctx = zmq_ctx_new ();
    /* Large blocks go back to the system when they are freed, whatever was freed before. */
    mallopt (M_MMAP_THRESHOLD, 1 << 20);
    char attacked[256] = "none", side[256], text[600];
    int type = ZMQ_ROUTER;
    bool binds = true;
    for (int at = 0; at < count; at++) {
        char *value = strchr (words[at], '=');
        CHECK (value);
        *value++ = 0;
        if (strcmp (words[at], "type") == 0) {
            type = atoi (value);
            CHECK (victim.attacked = zmq_socket (ctx, type));
            set_int (victim.attacked, ZMQ_LINGER, 0);
            if (type == ZMQ_SUB)
                CHECK (zmq_setsockopt (victim.attacked, ZMQ_SUBSCRIBE, "", 0) == 0);
        } else if (strcmp (words[at], "option") == 0)
            set_option (victim.attacked, value);
        else if (strcmp (words[at], "path") == 0)
            victim.path = path_of (value);
        else if (strcmp (words[at], "binds") == 0)
            binds = atoi (value);
        else if (strcmp (words[at], "reads") == 0)
            victim.reads = atoi (value);
        else if (strcmp (words[at], "chatter") == 0)
            victim.chatter = (size_t) atoi (value);
        else if (strcmp (words[at], "handler") == 0)
            start_handler (ctx, value);
        else if (strcmp (words[at], "monitor") == 0) {
            /* Nobody reads it. */
            CHECK (zmq_socket_monitor (victim.attacked, "inproc://monitor", ZMQ_EVENT_ALL) == 0);
            CHECK (victim.monitor = zmq_socket (ctx, ZMQ_PAIR));
            CHECK (zmq_connect (victim.monitor, "inproc://monitor") == 0);
        } else
            fail (words[at]);
    }
    if (binds) {
        size_t size = sizeof attacked;
        CHECK (zmq_bind (victim.attacked, "tcp://127.0.0.1:*") == 0);
        CHECK (zmq_getsockopt (victim.attacked, ZMQ_LAST_ENDPOINT, attacked, &size) == 0);
    }
    victim.side = bound (ctx, ZMQ_ROUTER, side, sizeof side);
    snprintf (text, sizeof text, "ready %s %s", attacked, side);
    say (text);
    zmq_pollitem_t items[] = {
      {.fd = 0, .events = ZMQ_POLLIN},
      {.socket = victim.side, .events = ZMQ_POLLIN},
      {.socket = victim.attacked, .events = ZMQ_POLLIN},
    };
    bool can_read = victim.reads && type != ZMQ_PUB && type != ZMQ_PUSH;
    while (zmq_poll (items, can_read ? 3 : 2, victim.chatter ? 1 : -1) >= 0) {
        if (items[0].revents && !obey ())
            break;
        if (items[1].revents)
            answer_side ();
        for (int at = 0; can_read && at < BATCH && answer_attacked (); at++)
            ;
        if (victim.chatter)
            chatter ();
    }
    /* What is left is part of what is tested, but not how it is taken apart. */
    _exit (0);
}

/* ---- the good peer ---- */

static struct {
    enum path path;
    void *attacked, *side;
    int fd;
    uint64_t number;
} good;

static void *connected (void *ctx, int type, const char *endpoint, int count, char **options)
{
    void *socket = zmq_socket (ctx, type);
    CHECK (socket);
    set_int (socket, ZMQ_LINGER, 0);
    set_int (socket, ZMQ_RECONNECT_IVL, 50);
    if (type == ZMQ_SUB)
        CHECK (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "g", 1) == 0);
    for (int at = 0; at < count; at++) {
        CHECK (strncmp (options[at], "option=", 7) == 0);
        set_option (socket, options[at] + 7);
    }
    CHECK (zmq_connect (socket, endpoint) == 0);
    return socket;
}

static int plain (const char *endpoint)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    to.sin_port = htons ((uint16_t) atoi (strrchr (endpoint, ':') + 1));
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    CHECK (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK (connect (fd, (struct sockaddr *) &to, sizeof to) == 0);
    return fd;
}

static double now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

/* Microseconds of one round trip; negative if no answer comes in time. */
static double round_trip (int patience)
{
    /* The first byte is the topic. */
    uint64_t sent = ++good.number << 8 | 'g', got = 0;
    double began = now_us ();
    if (good.path == RAW) {
        bool ok = write (good.fd, &sent, sizeof sent) == sizeof sent
                  && recv (good.fd, &got, sizeof got, MSG_WAITALL) == sizeof got;
        return ok && got == sent ? now_us () - began : -1;
    }
    void *there = good.path == PUBLISH || good.path == SIDE ? good.side : good.attacked;
    void *back = good.path == PULL || good.path == SIDE ? good.side : good.attacked;
    set_int (there, ZMQ_SNDTIMEO, patience);
    if (zmq_send (there, &sent, sizeof sent, 0) < 0)
        return -1;
    /* Late answers to questions that were given up come first. */
    for (double left = patience; got != sent && left > 0; left = patience - (now_us () - began) / 1000) {
        set_int (back, ZMQ_RCVTIMEO, (int) left + 1);
        zmq_recv (back, &got, sizeof got, 0);
    }
    return got == sent ? now_us () - began : -1;
}

static int by_size (const void *one, const void *other)
{
    double difference = *(const double *) one - *(const double *) other;
    return difference < 0 ? -1 : difference > 0;
}

static const char *measure (int count)
{
    static char line[100];
    double *taken = calloc ((size_t) count, sizeof *taken);
    for (int at = 0; at < count; at++) {
        taken[at] = round_trip (PATIENCE);
        if (taken[at] < 0)
            return "stuck";
    }
    qsort (taken, (size_t) count, sizeof *taken, by_size);
    snprintf (line, sizeof line, "%.1f %.1f", taken[count / 2], taken[count - 1]);
    free (taken);
    return line;
}

/* Connected, subscribed, and known to the side. */
static bool arrive (void)
{
    if (good.path == RAW || good.path == ECHO)
        return round_trip (PATIENCE) >= 0;
    double began = now_us ();
    CHECK (zmq_send (good.side, "", 0, 0) >= 0);
    while (now_us () - began < PATIENCE * 1000.0)
        if (round_trip (100) >= 0)
            return true;
    return false;
}

static int be_good (int count, char **words)
{
    CHECK (count >= 3);
    good.path = path_of (words[0]);
    void *ctx = zmq_ctx_new ();
    if (good.path == RAW)
        good.fd = plain (words[1]);
    else if (good.path != ECHO)
        good.side = connected (ctx, ZMQ_DEALER, words[2], 0, NULL);
    if (count > 3)
        good.attacked = connected (ctx, atoi (words[3]), words[1], count - 4, words + 4);
    say (arrive () ? "ready" : "stuck");
    char line[100];
    while (hear (line, sizeof line))
        say (measure (atoi (line + strlen ("measure "))));
    return 0;
}

int main (int count, char **words)
{
    if (count > 2 && strcmp (words[1], "serve") == 0)
        return serve (count - 2, words + 2);
    if (count > 2 && strcmp (words[1], "good") == 0)
        return be_good (count - 2, words + 2);
    return 2;
}
