#include "special.h"
#include "link.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof (array) / sizeof (array)[0])

static struct link open_as (bool binder, int binder_type, int connecter_type, const char *where)
{
    struct link link = {.binder = binder};
    link.type = binder ? binder_type : connecter_type;
    link.peer_type = binder ? connecter_type : binder_type;
    link_create (&link, 0);
    link_open (&link, where);
    return link;
}

static void finish (struct link *link)
{
    meet ('e');
    set_int (link->socket, ZMQ_LINGER, 0);
    link_close (link);
}

/* One frame, exactly. */
static void expect_frame (void *socket, const void *bytes, size_t size, bool more)
{
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message) == 0);
    if (zmq_msg_recv (&message, socket, 0) < 0)
        FAIL ("no frame of %zu bytes: errno %d", size, zmq_errno ());
    if (zmq_msg_size (&message) != size || memcmp (zmq_msg_data (&message), bytes, size) != 0)
        FAIL ("a frame of %zu bytes instead of %zu, or others", zmq_msg_size (&message), size);
    CHECK (zmq_msg_more (&message) == more);
    CHECK (zmq_msg_close (&message) == 0);
    messages_received++;
}

static void send_frame (void *socket, const void *bytes, size_t size, int flags)
{
    if (zmq_send (socket, bytes, size, flags) != (int) size)
        FAIL ("send of %zu bytes: errno %d", size, zmq_errno ());
    messages_sent++;
}

static void expect_nothing (void *socket)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    CHECK (zmq_poll (&item, 1, 50) == 0);
}

/* Topics of all lengths, twice subscribed and unsubscribed; the publisher sees each once, and the subscriber gets
   exactly what it asked for. */
static void topics (bool binder, int binder_type, int connecter_type, const char *where)
{
    struct link link = open_as (binder, binder_type, connecter_type, where);
    bool publishes = link.type == ZMQ_XPUB;
    /* As a subscriber, 4.3.4 spoils the stream with a topic of 246 bytes or more. */
    char longest[2] = {0};
    if (publishes) {
        hear_text (longest, sizeof longest);
    } else {
        longest[0] = is_ours () ? 'l' : 's';
        say_text (longest);
    }
    const size_t sizes[] = {1, 2, 31, 32, 33, 100, 245, 246, 254, 255, 256, 257, 300, 1000, 9000};
    size_t count = longest[0] == 'l' ? COUNT_OF (sizes) : 7;
    unsigned char topic[9001], body[9001];
    if (publishes) {
        set_int (link.socket, ZMQ_XPUB_VERBOSE, 0);
        expect_frame (link.socket, "\1", 1, false);
    }
    /* A subscriber that binds meets its publisher only inside the library. */
    say ('t');
    hear_inside (&link, 't');
    for (size_t at = 0; at < count; at++) {
        topic[0] = 1;
        memset (topic + 1, 'a' + (int) at, sizes[at]);
        memcpy (body, topic + 1, sizes[at]);
        if (publishes) {
            expect_frame (link.socket, topic, sizes[at] + 1, false);
            if (at == 0) {
                topic[0] = 0;
                expect_frame (link.socket, topic, 1, false);
                topic[0] = 1;
            }
            /* Too short, other, exact, longer. */
            send_frame (link.socket, body, sizes[at] - 1, 0);
            send_frame (link.socket, "no", 2, 0);
            send_frame (link.socket, body, sizes[at], ZMQ_SNDMORE);
            send_frame (link.socket, "exact", 5, 0);
            send_frame (link.socket, topic + 1, sizes[at], 0);
            hear ('u');
            topic[0] = 0;
            expect_frame (link.socket, topic, sizes[at] + 1, false);
            send_frame (link.socket, body, sizes[at], 0);
            say ('n');
        } else if (link.type == ZMQ_SUB) {
            for (int twice = 0; twice < 2; twice++)
                CHECK (zmq_setsockopt (link.socket, ZMQ_SUBSCRIBE, body, sizes[at]) == 0);
            if (at == 0)
                CHECK (zmq_setsockopt (link.socket, ZMQ_UNSUBSCRIBE, "", 0) == 0);
            expect_frame (link.socket, body, sizes[at], true);
            expect_frame (link.socket, "exact", 5, false);
            expect_frame (link.socket, body, sizes[at], false);
            for (int twice = 0; twice < 2; twice++)
                CHECK (zmq_setsockopt (link.socket, ZMQ_UNSUBSCRIBE, body, sizes[at]) == 0);
            say ('u');
            hear ('n');
            expect_nothing (link.socket);
        } else {
            for (int twice = 0; twice < 2; twice++)
                send_frame (link.socket, topic, sizes[at] + 1, 0);
            if (at == 0)
                send_frame (link.socket, "\0", 1, 0);
            expect_frame (link.socket, body, sizes[at], true);
            expect_frame (link.socket, "exact", 5, false);
            expect_frame (link.socket, body, sizes[at], false);
            topic[0] = 0;
            for (int twice = 0; twice < 2; twice++)
                send_frame (link.socket, topic, sizes[at] + 1, 0);
            say ('u');
            hear ('n');
            expect_nothing (link.socket);
        }
    }
    finish (&link);
}

/* More topics than any mark, through a mark of one; the publisher hears each once. */
static void many_topics (bool binder, int binder_type, int connecter_type, const char *where)
{
    struct link link = open_as (binder, binder_type, connecter_type, where);
    char longest[2] = {0}, topic[16] = {1};
    if (link.type == ZMQ_XPUB) {
        set_int (link.socket, ZMQ_RCVHWM, 1);
        hear_text (longest, sizeof longest);
        expect_frame (link.socket, "\1", 1, false);
    } else {
        /* 4.3.4 drops what the mark has no room for. */
        longest[0] = is_ours () ? 'l' : 's';
        if (is_ours ())
            set_int (link.socket, ZMQ_SNDHWM, 1);
        say_text (longest);
    }
    /* A subscriber that binds meets its publisher only inside the library. */
    say ('t');
    hear_inside (&link, 't');
    int count = longest[0] == 'l' ? 100000 : 500;
    for (int at = 0; at < count; at++) {
        sprintf (topic + 1, "%06d", at);
        if (link.type == ZMQ_XPUB)
            expect_frame (link.socket, topic, 7, false);
        else
            CHECK (zmq_setsockopt (link.socket, ZMQ_SUBSCRIBE, topic + 1, 6) == 0);
    }
    if (link.type == ZMQ_XPUB)
        expect_frame (link.socket, "\0", 1, false);
    else
        CHECK (zmq_setsockopt (link.socket, ZMQ_UNSUBSCRIBE, "", 0) == 0);
    for (int at = 0; at < count; at += 499) {
        sprintf (topic + 1, "%06d", at);
        if (link.type == ZMQ_XPUB)
            send_frame (link.socket, topic + 1, 6, 0);
        else
            expect_frame (link.socket, topic + 1, 6, false);
    }
    finish (&link);
}

static void many_topics_connecting (bool binder, const char *where)
{
    many_topics (binder, ZMQ_XPUB, ZMQ_SUB, where);
}

static void many_topics_binding (bool binder, const char *where)
{
    many_topics (binder, ZMQ_SUB, ZMQ_XPUB, where);
}

static void topics_sub (bool binder, const char *where)
{
    topics (binder, ZMQ_XPUB, ZMQ_SUB, where);
}

static void topics_xsub (bool binder, const char *where)
{
    topics (binder, ZMQ_XPUB, ZMQ_XSUB, where);
}

static void topics_sub_binds (bool binder, const char *where)
{
    topics (binder, ZMQ_SUB, ZMQ_XPUB, where);
}

static void topics_xsub_binds (bool binder, const char *where)
{
    topics (binder, ZMQ_XSUB, ZMQ_XPUB, where);
}

/* A ROUTER with peers of three types under ids of all kinds, and one without an id. */
static void identities (bool binder, const char *where)
{
    const int types[] = {ZMQ_DEALER, ZMQ_REQ, ZMQ_ROUTER, ZMQ_DEALER};
    const size_t sizes[] = {1, 255, 33, 0};
    unsigned char ids[COUNT_OF (sizes)][256];
    for (size_t at = 0; at < COUNT_OF (sizes); at++)
        for (size_t byte = 0; byte < sizes[at]; byte++)
            ids[at][byte] = (unsigned char) (at == 0 ? 'A' : byte + 1 + 128 * (byte & 1));
    struct link link = open_as (binder, ZMQ_ROUTER, ZMQ_ROUTER, where);
    for (size_t at = 0; at < COUNT_OF (types); at++) {
        if (binder) {
            char id[256];
            int size = zmq_recv (link.socket, id, sizeof id, 0);
            CHECK (size == (int) (sizes[at] ? sizes[at] : 5));
            CHECK (sizes[at] ? memcmp (id, ids[at], sizes[at]) == 0 : id[0] == 0);
            if (types[at] == ZMQ_REQ)
                expect_frame (link.socket, "", 0, true);
            expect_frame (link.socket, "who am I", 8, false);
            send_frame (link.socket, id, (size_t) size, ZMQ_SNDMORE);
            if (types[at] == ZMQ_REQ)
                send_frame (link.socket, "", 0, ZMQ_SNDMORE);
            send_frame (link.socket, id, (size_t) size, 0);
            continue;
        }
        void *socket = zmq_socket (link.context, types[at]);
        set_int (socket, ZMQ_LINGER, 0);
        set_int (socket, ZMQ_RCVTIMEO, PATIENCE_MS);
        if (sizes[at])
            CHECK (zmq_setsockopt (socket, ZMQ_ROUTING_ID, ids[at], sizes[at]) == 0);
        if (types[at] == ZMQ_ROUTER)
            CHECK (zmq_setsockopt (socket, ZMQ_CONNECT_ROUTING_ID, "it", 2) == 0);
        CHECK (zmq_connect (socket, link.endpoint) == 0);
        if (types[at] == ZMQ_ROUTER)
            send_frame (socket, "it", 2, ZMQ_SNDMORE);
        send_frame (socket, "who am I", 8, 0);
        if (types[at] == ZMQ_ROUTER)
            expect_frame (socket, "it", 2, true);
        char answer[256];
        CHECK (zmq_recv (socket, answer, sizeof answer, 0) == (int) (sizes[at] ? sizes[at] : 5));
        CHECK (sizes[at] == 0 || memcmp (answer, ids[at], sizes[at]) == 0);
        CHECK (zmq_close (socket) == 0);
    }
    finish (&link);
}

/* Heartbeats of both sides keep an idle connection; nothing is lost or added by them. */
static void heartbeats (bool binder, const char *where)
{
    struct link link = {.binder = binder, .type = ZMQ_PAIR, .peer_type = ZMQ_PAIR};
    link_create (&link, -1);
    set_int (link.socket, ZMQ_HEARTBEAT_IVL, binder ? 20 : 30);
    set_int (link.socket, ZMQ_HEARTBEAT_TIMEOUT, 3000);
    set_int (link.socket, ZMQ_HEARTBEAT_TTL, 3000);
    link_open (&link, where);
    greet (&link);
    await_event (&link, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    unsigned value;
    if (next_event (&link, &value, 500) != 0)
        FAIL ("an event on an idle connection");
    greet (&link);
    expect_nothing (link.socket);
    finish (&link);
}

/* A frame above MAXMSGSIZE of one side: what came before it is there, only the connection ends. */
static void limit (bool binder, bool of_binder, const char *where)
{
    struct link link = {.binder = binder, .type = ZMQ_DEALER, .peer_type = ZMQ_DEALER};
    link_create (&link, -1);
    bool limited = binder == of_binder;
    int64_t most = 1000;
    if (limited)
        CHECK (zmq_setsockopt (link.socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    link_open (&link, where);
    static unsigned char body[1001];
    greet (&link);
    if (!limited) {
        send_frame (link.socket, body, 1000, ZMQ_SNDMORE);
        send_frame (link.socket, body, 1000, 0);
        hear ('1');
        send_frame (link.socket, body, 1001, 0);
    } else {
        expect_frame (link.socket, body, 1000, true);
        expect_frame (link.socket, body, 1000, false);
        say ('1');
    }
    await_event (&link, ZMQ_EVENT_DISCONNECTED);
    if (limited)
        expect_nothing (link.socket);
    if (of_binder) {
        /* An ordinary loss for the connecter. */
        await_event (&link, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        meet ('r');
        greet (&link);
    } else if (!binder) {
        unsigned value;
        CHECK (next_event (&link, &value, 100) == 0);
        CHECK (!(events_of (link.socket) & ZMQ_POLLOUT));
        CHECK (zmq_disconnect (link.socket, link.endpoint) == 0);
    }
    finish (&link);
}

static void limit_of_binder (bool binder, const char *where)
{
    limit (binder, true, where);
}

static void limit_of_connecter (bool binder, const char *where)
{
    limit (binder, false, where);
}

/* Types that do not fit: whoever sees it first drops the connection, without an event of its own; the other may
   see just the end. The right type is served. */
static void mismatch (bool binder, const char *where)
{
    struct link link = {.binder = binder, .type = binder ? ZMQ_PULL : ZMQ_PUB, .peer_type = ZMQ_PUSH};
    link_create (&link, -1);
    link_open (&link, where);
    for (;;) {
        unsigned value;
        int event = next_event (&link, &value, PATIENCE_MS);
        if (event == ZMQ_EVENT_DISCONNECTED)
            break;
        if (event == 0 || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            FAIL ("event %d(%u) between types that do not fit", event, value);
    }
    if (binder) {
        expect_frame (link.socket, "right", 5, false);
    } else {
        void *socket = zmq_socket (link.context, ZMQ_PUSH);
        CHECK (zmq_connect (socket, link.endpoint) == 0);
        send_frame (socket, "right", 5, 0);
        CHECK (zmq_close (socket) == 0);
    }
    finish (&link);
}

static const struct special {
    const char *name;
    void (*run) (bool binder, const char *where);
} specials[] = {
  {"topics-XPUB-SUB", topics_sub},
  {"topics-XPUB-XSUB", topics_xsub},
  {"topics-SUB-XPUB", topics_sub_binds},
  {"topics-XSUB-XPUB", topics_xsub_binds},
  {"topics-many", many_topics_connecting},
  {"topics-many-SUB-binds", many_topics_binding},
  {"identities", identities},
  {"heartbeats", heartbeats},
  {"limit-of-binder", limit_of_binder},
  {"limit-of-connecter", limit_of_connecter},
  {"mismatch", mismatch},
};

void list_special (void)
{
    for (size_t at = 0; at < COUNT_OF (specials); at++)
        printf ("%s\n", specials[at].name);
}

bool run_special (const char *name, bool binder, const char *where)
{
    for (size_t at = 0; at < COUNT_OF (specials); at++)
        if (strcmp (name, specials[at].name) == 0) {
            specials[at].run (binder, where);
            return true;
        }
    return false;
}
