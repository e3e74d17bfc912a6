/* When a pipe is there, what counts in it, what is seen of it, and in what order. queues.md sections 1, 3 and 12. */
#include "plain.h"

#include <sys/socket.h>

/* How many messages a socket accepts without waiting, up to a bound. */
static int fill(void *socket, int bound)
{
    int count = 0;
    while (count < bound && zmq_send(socket, "m", 1, ZMQ_DONTWAIT) == 1)
        count++;
    return count;
}

/* Greeting and READY of a NULL peer of ZMTP 3.0. */
static void shake_hands(int fd, const char *type)
{
    char out[64 + 64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", in[256];
    size_t length = strlen(type);
    char *ready = out + 64;
    ready[0] = 4;
    ready[1] = (char) (6 + 1 + 11 + 4 + length);
    memcpy(ready + 2, "\5READY\13Socket-Type\0\0\0", 6 + 1 + 11 + 3);
    ready[23] = (char) length;
    memcpy(ready + 24, type, length);
    size_t size = 64 + 24 + length;
    if (write(fd, out, size) != (ssize_t) size)
        give_up("write");
    /* Its greeting and READY: at least these. */
    for (size_t got = 0; got < 64 + 28;) {
        ssize_t part = read(fd, in, sizeof in);
        if (part <= 0)
            give_up("read");
        got += (size_t) part;
    }
}

/* ---- 1: when it is there ---- */

static void connecting(void)
{
    for (int immediate = 0; immediate < 2; immediate++) {
        void *ctx = context();
        char endpoint[64];
        int listener = plain_listen(TCP, endpoint);
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_IMMEDIATE, immediate);
        set_int(push, ZMQ_SNDHWM, 3);
        connect_to(push, endpoint);
        const char *name = immediate ? "IMMEDIATE 1" : "IMMEDIATE 0";
        line(text("%s, nothing there", name), "%d", fill(push, 9));
        int peer = accept(listener, NULL, NULL);
        settle(ctx);
        line(text("%s, connected", name), "%d more", fill(push, 9));
        shake_hands(peer, "PULL");
        say(text("%s, after the handshake", name), await(push, ZMQ_POLLOUT));
        /* What is sent now goes out at once: in the end, three or more. */
        line(text("%s, sends", name), "%d", fill(push, 3) > 0);
        close(peer);
        close(listener);
    }
}

static void accepting(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 3);
    const char *endpoint = bind_any(push, TCP);
    int fd = plain_connect(endpoint);
    settle(ctx);
    say("connected", events(push));
    say("send", tx_now(push, "x"));
    shake_hands(fd, "PULL");
    say("after the handshake", await(push, ZMQ_POLLOUT));
    say("send then", tx_now(push, "x"));
    int second = plain_connect(endpoint);
    shake_hands(second, "PULL");
    /* One pipe per connection: the second takes every other message. */
    char got = 0;
    for (long end = now_ms() + PATIENCE; got != 'x' && now_ms() < end;) {
        get_int(push, ZMQ_EVENTS);
        tx_now(push, "x");
        if (recv(second, &got, 1, MSG_DONTWAIT) == 1)
            got = 'x';
    }
    line("a second one", "%s", got == 'x' ? "served" : "never");
    close(fd);
    close(second);
    void *stream = sock(ctx, ZMQ_STREAM);
    const char *place = bind_any(stream, TCP);
    int plain = plain_connect(place);
    say("STREAM needs no more than the connection", await(stream, ZMQ_POLLIN));
    close(plain);
}

static void over_inproc(void)
{
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER), *other = sock(ctx, ZMQ_DEALER);
    say("without an endpoint", tx_now(dealer, "x"));
    connect_to(dealer, "inproc://later");
    say("connected", tx_now(dealer, "1"));
    zmq_bind(other, "inproc://later");
    say("bound, first try", rx_now(other));
    say("binder sends at once", tx_now(other, "2"));
    say("and it is there", rx_now(dealer));
    void *third = sock(ctx, ZMQ_DEALER);
    connect_to(third, "inproc://later");
    tx(third, "3");
    say("connect, send, receive without waiting", rx_now(other));
}

/* One per connection, and as many as there are connections. */
static void many(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        const char *endpoint = bind_any(pull, t);
        set_int(push, ZMQ_SNDHWM, 1);
        set_int(pull, ZMQ_RCVHWM, 1);
        int endpoints = t == INPROC ? 300 : 100;
        for (int i = 0; i < endpoints; i++)
            connect_to(push, endpoint);
        /* Before anything can be read there is room for one each at least. */
        line(text("%s, one each", transport_names[t]), "%d", fill(push, endpoints));
        int got = 0;
        while (got < endpoints && rx(pull)[0] == '[')
            got++;
        line(text("%s, arrive", transport_names[t]), "%d", got);
    }
}

/* ---- 1: what counts ---- */

/* The id that goes ahead of the messages to a ROUTER takes no place. */
static void ids(void)
{
    static const int types[] = {ZMQ_ROUTER, ZMQ_REP, ZMQ_DEALER};
    for (size_t i = 0; i < 3; i++) {
        for (int parked = 0; parked < 2; parked++) {
            void *ctx = context();
            void *dealer = sock(ctx, ZMQ_DEALER), *binder = sock(ctx, types[i]);
            set_int(dealer, ZMQ_SNDHWM, 1);
            set_int(binder, ZMQ_RCVHWM, 1);
            set_bytes(dealer, ZMQ_ROUTING_ID, "name", 4);
            const char *name = text("%s, %s", type_name(types[i]), parked ? "parked" : "bound");
            if (parked) {
                connect_to(dealer, "inproc://ids");
                line(text("%s, alone", name), "%d", fill(dealer, 9));
            }
            zmq_bind(binder, "inproc://ids");
            if (!parked)
                connect_to(dealer, "inproc://ids");
            get_int(dealer, ZMQ_EVENTS);
            line(text("%s, accepted", name), "%d", fill(dealer, 9));
            if (types[i] != ZMQ_REP)
                say(text("%s, first", name), rx(binder));
        }
    }
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER);
    set_int(dealer, ZMQ_SNDHWM, 2);
    set_bytes(dealer, ZMQ_ROUTING_ID, "name", 4);
    connect_to(dealer, "tcp://127.0.0.1:9");
    line("nobody listens", "%d", fill(dealer, 9));
}

/* A probe is a message. */
static void probes(void)
{
    for (int t = INPROC; t <= TCP; t++) {
        void *ctx = context();
        void *dealer = sock(ctx, ZMQ_DEALER);
        set_int(dealer, ZMQ_SNDHWM, 3);
        set_int(dealer, ZMQ_PROBE_ROUTER, 1);
        connect_to(dealer, t == INPROC ? "inproc://probe" : "tcp://127.0.0.1:9");
        line(transport_names[t], "%d beside the probe", fill(dealer, 9));
    }
}

/* How many of 20 topics reach the publisher. */
static const char *topics_that_come(void *xpub)
{
    int count = 0;
    while (count < 20 && rx(xpub)[0] == '[')
        count++;
    return text("%d", count);
}

/* Topics are never dropped for want of room. */
static void topics(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int before = 0; before < 2; before++) {
            void *ctx = context();
            void *xpub = sock(ctx, ZMQ_XPUB), *sub = sock(ctx, ZMQ_SUB);
            set_int(sub, ZMQ_SNDHWM, 5);
            set_int(xpub, ZMQ_RCVHWM, 5);
            set_int(xpub, ZMQ_RCVTIMEO, 500);
            const char *endpoint = bind_any(xpub, t);
            if (!before)
                connect_to(sub, endpoint);
            for (int i = 0; i < 20; i++)
                subscribe(sub, text("topic %d", i));
            if (before)
                connect_to(sub, endpoint);
            const char *order = before ? "subscribed, then connected" : "connected, then subscribed";
            say(text("%s, %s", transport_names[t], order), topics_that_come(xpub));
        }
    }
}

/* The end of a pipe needs no room: all that was in a full one can be read, and then the peer is gone. */
static void full_and_closed(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int how = 0; how < 2; how++) {
            void *ctx = context();
            const char *name = text("%s, %s", transport_names[t], how ? "disconnect" : "close");
            void *pair = sock(ctx, ZMQ_PAIR), *other = sock(ctx, ZMQ_PAIR);
            set_int(pair, ZMQ_RCVHWM, 2);
            set_int(other, ZMQ_SNDHWM, 2);
            set_int(other, ZMQ_LINGER, -1);
            const char *endpoint = attach(pair, other, t);
            int sent = t == INPROC ? fill(other, 9) : fill(other, 2);
            say(name, how ? rc(zmq_disconnect(other, endpoint)) : shut(other));
            int got = 0;
            while (got < sent && rx(pair)[0] == '[')
                got++;
            line(text("%s, sent and read", name), "%d %d", sent, got);
            /* After a disconnect over a connection the stock library does not notice. */
            if (!how || t == INPROC)
                say(text("%s, gone", name), await_not(pair, ZMQ_POLLOUT));
            say(text("%s, nothing more", name), rx_now(pair));
        }
    }
}

/* ---- 3: what is seen ---- */

/* Nothing of a message before its last frame, and nothing at all if that never comes. */
static void unfinished(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int how = 0; how < 3; how++) {
            void *ctx = context();
            const char *name = text("%s, %s", transport_names[t],
                                    how == 2 ? "finished" : how ? "disconnected" : "closed");
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            set_int(push, ZMQ_LINGER, -1);
            const char *endpoint = attach(pull, push, t);
            tx(push, "whole|message");
            tx_frame(push, "begun", ZMQ_SNDMORE);
            for (int i = 0; i < 300; i++)
                tx_frame(push, "and-so-on", ZMQ_SNDMORE);
            say(text("%s, the one before", name), rx(pull));
            say(text("%s, nothing of it", name), rx_quiet(pull));
            say(text("%s, events", name), events(pull));
            if (how == 2) {
                tx(push, "end");
                const char *got = rx(pull);
                line(text("%s, all of it", name), "%d %s", strncmp(got, "[begun|and-so-on|", 17) == 0,
                     got + strlen(got) - 5);
                continue;
            }
            say(text("%s, end", name), how ? rc(zmq_disconnect(push, endpoint)) : shut(push));
            say(text("%s, nothing", name), rx_quiet(pull));
        }
    }
}

/* ---- 12: order ---- */

static int numbers_in_order(void *pull, int count)
{
    for (int i = 0; i < count; i++) {
        char body[9000];
        int number = -1;
        if (zmq_recv(pull, &number, sizeof number, 0) != sizeof number || number != i || !get_int(pull, ZMQ_RCVMORE)
            || zmq_recv(pull, body, sizeof body, 0) != i * 37 % 9000 || get_int(pull, ZMQ_RCVMORE))
            return i;
    }
    return count;
}

/* Strictly in order and whole, whatever the sizes and the marks; the last comes before the end. */
static void fifo(void)
{
    static char body[9000];
    static const int marks[] = {1, 7, 0};
    for (int t = INPROC; t <= IPC; t++) {
        for (size_t m = 0; m < 3; m++) {
            void *ctx = context();
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            set_int(push, ZMQ_SNDHWM, marks[m]);
            set_int(pull, ZMQ_RCVHWM, marks[m]);
            set_int(push, ZMQ_LINGER, -1);
            set_int(push, ZMQ_SNDTIMEO, 0);
            attach(pull, push, t);
            int sent = 0, got = 0;
            while (got < 3000) {
                int room = 1;
                get_int(push, ZMQ_EVENTS);
                while (sent < 3000 && room) {
                    room = zmq_send(push, &sent, sizeof sent, ZMQ_SNDMORE) != -1;
                    if (room)
                        room = zmq_send(push, body, (size_t) (sent++ * 37 % 9000), 0) != -1;
                }
                int number = -1;
                if (zmq_recv(pull, &number, sizeof number, 0) != sizeof number || number != got
                    || zmq_recv(pull, body, sizeof body, 0) != got * 37 % 9000)
                    break;
                got++;
            }
            line(text("%s, marks %d", transport_names[t], marks[m]), "%d", got);
            if (marks[m] != 0)
                continue;
            for (int i = 0; i < 100; i++) {
                zmq_send(push, &i, sizeof i, ZMQ_SNDMORE);
                zmq_send(push, body, (size_t) (i * 37 % 9000), 0);
            }
            shut(push);
            line(text("%s, before the end", transport_names[t]), "%d", numbers_in_order(pull, 100));
        }
    }
}

/* Messages of several peers, each of several frames, come whole and in the order of each. */
static void not_interleaved(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push[4];
        const char *endpoint = bind_any(pull, t);
        int next[4] = {0}, wrong = 0;
        for (int i = 0; i < 4; i++) {
            push[i] = sock(ctx, ZMQ_PUSH);
            connect_to(push[i], endpoint);
        }
        /* Frames of different messages are written by turns. */
        for (int round = 0; round < 50; round++) {
            for (int frame = 0; frame < 3; frame++) {
                for (int i = 0; i < 4; i++)
                    tx_frame(push[i], text("%d.%d", i, round), frame < 2 ? ZMQ_SNDMORE : 0);
            }
        }
        for (int n = 0; n < 200; n++) {
            const char *got = rx(pull);
            int i = got[1] - '0';
            if (i < 0 || i > 3) {
                wrong++;
                break;
            }
            const char *frame = text("%d.%d", i, next[i]++);
            wrong += strcmp(got, text("[%s|%s|%s]", frame, frame, frame)) != 0;
        }
        line(transport_names[t], "%d wrong, each in order %d %d %d %d", wrong, next[0], next[1], next[2], next[3]);
    }
}

/* Topics and messages of one XSUB keep their order. */
static void topics_and_messages(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB), *xsub = sock(ctx, ZMQ_XSUB);
        attach(xpub, xsub, t);
        char wanted[512] = "", got[512] = "";
        for (int i = 0; i < 8; i++) {
            int kind = i % 4;
            zmq_send(xsub, kind == 0 ? "\1a" : kind == 2 ? "\0a" : text("u%d", i), 2, 0);
            sprintf(wanted + strlen(wanted), "[%s]", kind == 0 ? "\\x01a" : kind == 2 ? "\\x00a" : text("u%d", i));
        }
        for (int i = 0; i < 8; i++)
            strcat(got, rx(xpub));
        line(transport_names[t], "%s%s", got, strcmp(got, wanted) == 0 ? "" : " is wrong");
    }
}

/* In order with gaps, over losses of the connection. */
static void over_reconnects(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        set_int(push, ZMQ_SNDHWM, 0);
        void *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = t == TCP ? bind_any(pull, TCP) : "ipc://order";
        if (t == IPC)
            zmq_bind(pull, endpoint);
        connect_to(push, endpoint);
        void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED);
        int sent = 0, last = -1, wrong = 0;
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < 500; i++, sent++)
                zmq_send(push, &sent, sizeof sent, 0);
            for (int i = 0; i < 100; i++) {
                int number = -1;
                if (zmq_recv(pull, &number, sizeof number, 0) != sizeof number)
                    break;
                wrong += number <= last;
                last = number;
            }
            shut(pull);
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
            pull = sock(ctx, ZMQ_PULL);
            bind_again(pull, endpoint);
        }
        int number = -1, end = -1;
        for (int tries = 0; number != end && tries < 100; tries++) {
            zmq_send(push, &end, sizeof end, 0);
            set_int(pull, ZMQ_RCVTIMEO, 100);
            while (zmq_recv(pull, &number, sizeof number, 0) == sizeof number && number != end) {
                wrong += number <= last;
                last = number;
            }
        }
        line(transport_names[t], "%d wrong, the last message %s", wrong, number == end ? "comes" : "is lost");
    }
}

/* An option set between two messages is of the pipes that come later. */
static void options_in_between(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *a = sock(ctx, ZMQ_PULL), *b = sock(ctx, ZMQ_PULL);
    attach(a, push, INPROC);
    tx(push, "1");
    say("CONFLATE", try_set_int(push, ZMQ_CONFLATE, 1));
    tx(push, "2");
    tx(push, "3");
    say("the old pipe keeps all", rx(a));
    say("the old pipe keeps all", rx(a));
    say("the old pipe keeps all", rx(a));
    zmq_disconnect(push, last_endpoint(a));
    attach(b, push, INPROC);
    tx(push, "4");
    tx(push, "5");
    say("the new one the last", rx(b));
    say("then", rx_now(b));
}

static const struct rule rules[] = {
    RULE(connecting), RULE(accepting), RULE(over_inproc), RULE(many), RULE(ids), RULE(probes), RULE(topics),
    RULE(full_and_closed), RULE(unfinished), RULE(fifo), RULE(not_interleaved), RULE(topics_and_messages),
    RULE(over_reconnects), RULE(options_in_between),
};

RUN(rules)
