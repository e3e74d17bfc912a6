/* Blocking calls, wake-ups, and what goes on without the application; ZMQ_FD read to the letter. queues.md section 5;
 * event loops are in descriptor.c. */
#include "plain.h"

#include <pthread.h>
#include <sys/socket.h>

struct flow {
    const char *name;
    int reader, writer;
};

static const struct flow flows[] = {
    {"PULL", ZMQ_PULL, ZMQ_PUSH},
    {"PAIR", ZMQ_PAIR, ZMQ_PAIR},
    {"SUB", ZMQ_SUB, ZMQ_XPUB},
    {"DEALER", ZMQ_DEALER, ZMQ_DEALER},
};
#define FLOWS (sizeof flows / sizeof flows[0])

static void make(void *ctx, const struct flow *flow, enum transport transport, void **reader, void **writer)
{
    *reader = sock(ctx, flow->reader);
    *writer = sock(ctx, flow->writer);
    attach(*reader, *writer, transport);
    if (flow->reader == ZMQ_SUB) {
        subscribe(*reader, "");
        rx(*writer);
    }
}

/* Signalled by the first message only; EVENTS takes the signal; after a look that found nothing, so is the next. */
static void literally(void)
{
    for (size_t f = 0; f < FLOWS; f++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *reader, *writer;
            make(ctx, &flows[f], t, &reader, &writer);
            int fd = get_int(reader, ZMQ_FD);
            begin_line(text("%s %s", flows[f].name, transport_names[t]));
            calm(ctx, reader);
            tx(writer, "1");
            in_line("first", text("%d", readable_within(fd, PATIENCE)));
            in_line("EVENTS", get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN ? "in" : "-");
            in_line("then", text("%d", readable_within(fd, 0)));
            for (int i = 0; i < 9; i++)
                tx(writer, "more");
            tx_there(ctx, writer, "more");
            in_line("ten more", text("%d", readable_within(fd, 0)));
            for (int i = 0; i < 11; i++)
                rx_now(reader);
            in_line("read exactly", text("%d", readable_within(fd, 0)));
            in_line("EVENTS", get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN ? "in" : "-");
            tx(writer, "next");
            in_line("next after EVENTS", text("%d", readable_within(fd, PATIENCE)));
            in_line("read", rx_now(reader));
            in_line("read", rx_now(reader));
            tx(writer, "last");
            in_line("next after EAGAIN", text("%d", readable_within(fd, PATIENCE)));
            in_line("read", rx(reader));
            end_line();
        }
    }
}

/* The next message after exactly what was there has been read, with no look at the queue once it was empty. */
static void exactly_read(void)
{
    for (size_t f = 0; f < FLOWS; f++) {
        void *ctx = context();
        void *reader, *writer;
        make(ctx, &flows[f], TCP, &reader, &writer);
        int fd = get_int(reader, ZMQ_FD);
        calm(ctx, reader);
        tx(writer, "2");
        readable_within(fd, PATIENCE);
        say(text("%s, read", flows[f].name), rx_now(reader));
        tx_there(ctx, writer, "3");
        line(text("%s, next", flows[f].name), "%d", readable_within(fd, 0));
        say(text("%s, is there", flows[f].name), rx_now(reader));
    }
}

static void connect_is_seen(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        const char *endpoint = bind_any(pull, t);
        int fd = get_int(push, ZMQ_FD);
        connect_to(push, endpoint);
        line(text("%s after connect", transport_names[t]), "%d", readable_within(fd, PATIENCE));
        calm(ctx, push);
        line(text("%s after EVENTS", transport_names[t]), "%d", readable_within(fd, 0));
    }
}

/* ---- waiting ---- */

struct nagger {
    void *ctx;
    const char *endpoint;
    volatile int stop;
};

/* New peers, one after the other: each is a command that wakes the socket, and none is what it waits for. */
static void *nag(void *argument)
{
    struct nagger *it = argument;
    while (!it->stop) {
        void *peer = zmq_socket(it->ctx, ZMQ_DEALER);
        if (!peer)
            continue;
        int none = 0;
        zmq_setsockopt(peer, ZMQ_LINGER, &none, sizeof none);
        zmq_connect(peer, it->endpoint);
        usleep(2000);
        zmq_close(peer);
        usleep(1000);
    }
    return NULL;
}

static const char *took(long began, int wanted)
{
    long time = now_ms() - began;
    return time < wanted - 1 ? "too short" : time < wanted + 3000 ? "its time" : "too long";
}

/* The time runs from the call on, however often it is woken in between. */
static void deadlines(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        struct nagger nagger = {ctx, bind_any(router, t), 0};
        pthread_t thread;
        pthread_create(&thread, NULL, nag, &nagger);
        set_int(router, ZMQ_RCVTIMEO, 300);
        long began = now_ms();
        const char *got = rx(router);
        line(text("%s recv", name), "%s after %s", got, took(began, 300));
        zmq_pollitem_t item = {router, 0, ZMQ_POLLIN, 0};
        began = now_ms();
        int ready = zmq_poll(&item, 1, 300);
        line(text("%s poll", name), "%d after %s", ready, took(began, 300));
        nagger.stop = 1;
        pthread_join(thread, NULL);
        /* A sender without room, which is woken by messages. */
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, INPROC);
        set_int(a, ZMQ_SNDHWM, 1);
        set_int(b, ZMQ_RCVHWM, 1);
        while (tx_now(a, "x")[0] == '1')
            ;
        set_int(a, ZMQ_SNDTIMEO, 300);
        pthread_create(&thread, NULL, send_later, b);
        began = now_ms();
        got = tx(a, "no room");
        line(text("%s send", name), "%s after %s", got, took(began, 300));
        pthread_join(thread, NULL);
    }
}

/* A blocked call goes on with the first message, room or end that comes. */
static void goes_on(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        attach(pull, push, t);
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        say(text("%s recv", transport_names[t]), rx(pull));
        pthread_join(thread, NULL);
    }
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_later, ctx);
    say("shutdown ends it", tx(push, "x"));
    pthread_join(thread, NULL);
}

/* A peer that comes while there is much to read is noticed before all of that has been read. */
static void noticed_in_time(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *busy = sock(ctx, ZMQ_PUSH), *late = sock(ctx, ZMQ_PUSH);
        set_int(busy, ZMQ_SNDHWM, 0);
        set_int(pull, ZMQ_RCVHWM, 0);
        const char *endpoint = attach(pull, busy, t);
        for (int i = 0; i < 2000; i++)
            tx(busy, "busy");
        rx(pull);
        void *monitor = watch(pull, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        connect_to(late, endpoint);
        tx(late, "late");
        if (t != INPROC) {
            await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            settle(ctx);
            settle(ctx);
        }
        int reads = 0;
        while (reads < 1999 && strcmp(rx(pull), "[late]") != 0)
            reads++;
        line(transport_names[t], "%s", reads <= 201 ? "within 200 messages" : "late");
    }
}

/* ---- without the application ---- */

/* Greeting and READY of a PULL of ZMTP 3.0. */
static const char opening[] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "\4\x1a\5READY\13Socket-Type\0\0\0\4PULL";

/* Reads what a PUSH says after its greeting and READY, so many bytes. */
static const char *read_behind_opening(int fd, size_t size)
{
    char in[256];
    size_t got = 0, all = 64 + 28 + size;
    while (got < all && readable_within(fd, PATIENCE) > 0) {
        ssize_t part = read(fd, in + got, all - got);
        if (part <= 0)
            break;
        got += (size_t) part;
    }
    return got == all ? shown(in + 64 + 28, size) : text("%zu bytes", got);
}

/* Connecting, the handshake, what is queued, and all that again after a loss: no call is made meanwhile. */
static void connecting_side(void)
{
    void *ctx = context();
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    connect_to(push, endpoint);
    tx(push, "one|two");
    for (int round = 0; round < 3; round++) {
        if (!readable_within(listener, PATIENCE))
            give_up("no connection");
        int fd = accept(listener, NULL, NULL);
        if (write(fd, opening, sizeof opening - 1) != (ssize_t) sizeof opening - 1)
            give_up("write");
        say(text("connection %d", round), read_behind_opening(fd, round ? 0 : 10));
        close(fd);
    }
    close(listener);
}

/* Accepting, the handshake, and filling the receive queue. */
static void accepting_side(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        const char *endpoint = bind_any(pull, t);
        void *monitor = watch(push, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        connect_to(push, endpoint);
        for (int i = 0; i < 3; i++)
            tx(push, text("%d", i));
        say(text("%s handshake", transport_names[t]), await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
        settle(ctx);
        settle(ctx);
        say(text("%s first look", transport_names[t]), rx_now(pull));
        say(text("%s second", transport_names[t]), rx_now(pull));
        say(text("%s third", transport_names[t]), rx_now(pull));
    }
}

static const struct rule rules[] = {
    RULE(literally), RULE(exactly_read), RULE(connect_is_seen), RULE(deadlines), RULE(goes_on), RULE(noticed_in_time),
    RULE(connecting_side), RULE(accepting_side),
};

RUN(rules)
