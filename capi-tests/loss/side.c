/* One side of a connection that ends: side send|receive NAME=VALUE... DESCRIPTOR. The last is a socket to the other
   side, beside the libraries. Messages carry numbers; the receiver says which came:

       numbers FIRST LAST COUNT, gaps GAPS, doubled DOUBLED, errors ERRORS

   `type` and `endpoint` are the side's own, `bind` says whether it binds. What else there is stands in `settings`. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

/* Longest wait for something that must come, milliseconds. */
#define PATIENCE 40000
/* When nothing has come for so long after the sender has gone, nothing will. */
#define QUIET 3000

static struct settings {
    int type, bind, count, size, parts, sndhwm, rcvhwm, buffers;
    /* The receiver reads nothing before the sender has closed its socket, then a message a millisecond. */
    int full;
    /* The receiver then waits for so many milliseconds before it reads. */
    int pause;
    /* The receiver sends something back, which the sender does not read: so many at once, then one for each message. */
    int replies;
    /* The receiver speaks first, so that the sender knows it. */
    int greets;
    /* The sender's sockets: each sends one message. */
    int sockets;
    /* The sender says when its queue is full for the first time. */
    int tells_full;
    /* The receiver stops here and waits for its end. */
    int stop_after;
} is = {.count = 100, .size = 1000, .parts = 1, .sndhwm = 1000, .rcvhwm = 1000, .sockets = 1};

static char endpoint[256];
static int control;

static void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    vprintf (format, arguments);
    printf (" (%s)\n", zmq_strerror (zmq_errno ()));
    exit (1);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail ("line %d: %s", __LINE__, #condition); \
    } while (0)

static void read_settings (int count, char **words)
{
    static const struct {
        const char *name;
        int *value;
    } names[] = {
      {"type", &is.type},       {"bind", &is.bind},       {"count", &is.count},     {"size", &is.size},
      {"parts", &is.parts},     {"sndhwm", &is.sndhwm},   {"rcvhwm", &is.rcvhwm},   {"buffers", &is.buffers},
      {"full", &is.full},       {"replies", &is.replies}, {"sockets", &is.sockets}, {"stop_after", &is.stop_after},
      {"greets", &is.greets},   {"tells_full", &is.tells_full}, {"pause", &is.pause},
    };
    for (int at = 0; at < count; at++) {
        char *value = strchr (words[at], '=');
        CHECK (value);
        *value++ = 0;
        bool known = strcmp (words[at], "endpoint") == 0;
        if (known)
            snprintf (endpoint, sizeof endpoint, "%s", value);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strcmp (names[i].name, words[at]) == 0) {
                *names[i].value = atoi (value);
                known = true;
            }
        }
        if (!known)
            fail ("no setting %s", words[at]);
    }
}

/* ---- between the sides ---- */

static void tell (char word)
{
    /* The other side may have been killed. */
    if (send (control, &word, 1, MSG_NOSIGNAL) != 1)
        CHECK (errno == EPIPE || errno == ECONNRESET);
}

/* The next word, or 0 when the other side is gone. */
static char hear (int timeout)
{
    struct pollfd item = {control, POLLIN, 0};
    if (poll (&item, 1, timeout) != 1)
        fail ("the other side says nothing");
    char word;
    return recv (control, &word, 1, 0) == 1 ? word : 0;
}

static bool is_other_side_gone (void)
{
    char word;
    ssize_t heard;
    while ((heard = recv (control, &word, 1, MSG_DONTWAIT)) == 1) {
        /* What it said is of no interest any more. */
    }
    return heard == 0;
}

static void await (char word)
{
    char heard = hear (PATIENCE);
    if (heard != word)
        fail ("'%c' instead of '%c'", heard ? heard : '0', word);
}

/* ---- sockets ---- */

static void set (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

static void *open_socket (void *context)
{
    void *socket = zmq_socket (context, is.type);
    CHECK (socket);
    set (socket, ZMQ_LINGER, -1);
    set (socket, ZMQ_SNDHWM, is.sndhwm);
    set (socket, ZMQ_RCVHWM, is.rcvhwm);
    set (socket, ZMQ_SNDTIMEO, PATIENCE);
    set (socket, ZMQ_RCVTIMEO, PATIENCE);
    set (socket, ZMQ_RECONNECT_IVL, 10);
    if (is.buffers) {
        set (socket, ZMQ_SNDBUF, is.buffers);
        set (socket, ZMQ_RCVBUF, is.buffers);
    }
    if (is.type == ZMQ_SUB)
        CHECK (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "", 0) == 0);
    if (is.type == ZMQ_ROUTER)
        set (socket, ZMQ_ROUTER_MANDATORY, 1);
    return socket;
}

/* The binder's place is told to the other side, which connects there. */
static void open_endpoint (void *socket)
{
    if (is.bind) {
        /* Whoever was there before may just have been killed. */
        int bound = -1;
        for (int i = 0; i < PATIENCE && bound != 0; i++) {
            bound = zmq_bind (socket, endpoint);
            if (bound != 0)
                poll (NULL, 0, 1);
        }
        CHECK (bound == 0);
    } else {
        CHECK (zmq_connect (socket, endpoint) == 0);
    }
}

/* ---- messages ---- */

static unsigned char byte_of (unsigned number, int part, size_t at)
{
    return (unsigned char) (number * 31 + (unsigned) part * 7 + at + (at >> 8) * 13);
}

static bool send_message (void *socket, unsigned number, int flags)
{
    for (int part = 0; part < is.parts; part++) {
        zmq_msg_t message;
        CHECK (zmq_msg_init_size (&message, (size_t) is.size) == 0);
        unsigned char *data = zmq_msg_data (&message);
        for (size_t at = 0; at < (size_t) is.size; at++)
            data[at] = byte_of (number, part, at);
        memcpy (data, &number, sizeof number);
        if (zmq_msg_send (&message, socket, flags | (part + 1 < is.parts ? ZMQ_SNDMORE : 0)) == -1) {
            zmq_msg_close (&message);
            CHECK (part == 0 && zmq_errno () == EAGAIN);
            return false;
        }
    }
    return true;
}

static unsigned char peer_id[256];
static int peer_id_size;

/* To a ROUTER's one peer; all others know whom they send to. */
static void address (void *socket)
{
    if (is.type == ZMQ_ROUTER)
        CHECK (zmq_send (socket, peer_id, (size_t) peer_id_size, ZMQ_SNDMORE) == peer_id_size);
}

static struct {
    long first, last, count, gaps, doubled, errors;
    bool numbers[100000];
} seen = {.first = -1, .last = -1};

/* One whole message; false if none comes in time. Replies and greetings are no numbers. */
static bool receive_message (void *socket)
{
    if (is.type == ZMQ_ROUTER) {
        peer_id_size = zmq_recv (socket, peer_id, sizeof peer_id, 0);
        if (peer_id_size == -1)
            return false;
    }
    unsigned number = 0;
    int part = 0, more = 1;
    for (; more; part++) {
        zmq_msg_t message;
        CHECK (zmq_msg_init (&message) == 0);
        int size = zmq_msg_recv (&message, socket, 0);
        if (size == -1) {
            /* EFSM: a REQ that has its reply. */
            CHECK (zmq_errno () == EAGAIN || zmq_errno () == EFSM);
            if (part > 0 || is.type == ZMQ_ROUTER)
                seen.errors++;
            return false;
        }
        more = zmq_msg_more (&message);
        const unsigned char *data = zmq_msg_data (&message);
        if (size == 5 && memcmp (data, "hello", 5) == 0) {
            zmq_msg_close (&message);
            return true;
        }
        bool right = size == is.size;
        if (part == 0 && right)
            memcpy (&number, data, sizeof number);
        for (size_t at = sizeof number; right && at < (size_t) size; at++)
            right = data[at] == byte_of (number, part, at);
        seen.errors += !right || memcmp (data, &number, sizeof number) != 0;
        zmq_msg_close (&message);
    }
    seen.errors += part != is.parts;
    if (seen.first == -1)
        seen.first = number;
    else if (number != seen.last + 1)
        seen.gaps++;
    seen.last = number;
    seen.count++;
    CHECK (number < sizeof seen.numbers);
    seen.doubled += seen.numbers[number];
    seen.numbers[number] = true;
    return true;
}

static void report (void)
{
    printf ("numbers %ld %ld %ld, gaps %ld, doubled %ld, errors %ld\n", seen.first, seen.last, seen.count, seen.gaps,
            seen.doubled, seen.errors);
    fflush (stdout);
}

/* ---- the sender ---- */

/* What the pattern needs before the first message can arrive. */
static void meet_receiver (void *socket)
{
    if (is.type == ZMQ_PUB) {
        /* Until the subscription is in force. */
        struct pollfd item = {control, POLLIN, 0};
        while (poll (&item, 1, 1) == 0)
            CHECK (zmq_send (socket, "hello", 5, 0) == 5);
        await ('h');
    }
    if (is.greets) {
        CHECK (receive_message (socket));
        CHECK (seen.count == 0);
    }
}

static void send_all (void)
{
    void *context = zmq_ctx_new ();
    int number = 0;
    for (int i = 0; i < is.sockets; i++) {
        void *socket = open_socket (context);
        open_endpoint (socket);
        meet_receiver (socket);
        bool full_told = false;
        for (int sent = 0; sent < is.count; sent++, number++) {
            address (socket);
            if (is.tells_full && !full_told && !send_message (socket, (unsigned) number, ZMQ_DONTWAIT)) {
                tell ('f');
                full_told = true;
            } else if (is.tells_full && !full_told) {
                continue;
            }
            CHECK (send_message (socket, (unsigned) number, 0));
            if (is.replies && number == 0)
                await ('r');
        }
        CHECK (zmq_close (socket) == 0);
    }
    tell ('c');
    while (zmq_ctx_term (context) == -1)
        CHECK (zmq_errno () == EINTR);
    /* And out at once: nothing of the library outlives the process. */
    _exit (0);
}

/* ---- the receiver ---- */

/* As many as are taken, or one. */
static void reply (void *socket, int most)
{
    for (int i = 0; i < most; i++) {
        if (is.type == ZMQ_ROUTER && zmq_send (socket, peer_id, (size_t) peer_id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) == -1)
            return;
        char body[1000] = "an answer";
        if (zmq_send (socket, body, sizeof body, ZMQ_DONTWAIT) == -1)
            return;
    }
}

static void meet_sender (void *socket)
{
    if (is.type == ZMQ_SUB) {
        CHECK (receive_message (socket));
        tell ('h');
    }
    if (is.greets)
        CHECK (zmq_send (socket, "hello", 5, 0) == 5);
    if (is.replies && is.type != ZMQ_REP) {
        CHECK (receive_message (socket));
        reply (socket, is.replies);
        tell ('r');
    }
}

/* Over one connection nothing comes behind the last. */
static bool has_all (long wanted)
{
    return is.sockets > 1 ? seen.count >= wanted : seen.last + 1 >= wanted;
}

static void receive_all (void)
{
    void *context = zmq_ctx_new ();
    void *socket = open_socket (context);
    open_endpoint (socket);
    meet_sender (socket);
    if (is.full)
        await ('c');
    poll (NULL, 0, is.pause);
    set (socket, ZMQ_RCVTIMEO, 100);
    long wanted = (long) is.count * is.sockets;
    for (int quiet = 0; !has_all (wanted) && quiet * 100 < QUIET;) {
        if (!receive_message (socket)) {
            quiet = is_other_side_gone () ? quiet + 1 : 0;
            continue;
        }
        quiet = 0;
        if (is.type == ZMQ_REP || is.replies)
            reply (socket, 1);
        if (is.full)
            poll (NULL, 0, 1);
        if (is.stop_after && seen.count == is.stop_after) {
            report ();
            pause ();
        }
    }
    /* Nothing comes after the last, nor twice. */
    set (socket, ZMQ_RCVTIMEO, 50);
    receive_message (socket);
    report ();
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_close (socket) == 0);
    zmq_ctx_term (context);
}

int main (int count, char **words)
{
    CHECK (count > 3);
    control = atoi (words[count - 1]);
    read_settings (count - 3, words + 2);
    if (strcmp (words[1], "send") == 0)
        send_all ();
    receive_all ();
    return 0;
}
