/* PAIR. patterns.md section 2. */
#include "transcript.h"

/* Connects a new PAIR until it becomes the peer of `a`: the slot of one that left becomes free only
 * when its pipe has gone, which nothing announces. */
static void *next_peer(void *ctx, void *a, const char *endpoint)
{
    long end = now_ms() + PATIENCE;
    for (;;) {
        void *peer = sock(ctx, ZMQ_PAIR);
        attach_to(a, peer, endpoint);
        if (get_int(a, ZMQ_EVENTS) & ZMQ_POLLOUT || now_ms() > end)
            return peer;
        shut(peer);
    }
}

static void exchange(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        const char *name = transport_names[t];
        attach(a, b, t);
        say(text("%s events", name), events(a));
        say(text("%s send", name), tx(a, "hello"));
        say(text("%s recv", name), rx(b));
        say(text("%s multipart", name), tx(b, "one||three"));
        say(text("%s recv multipart", name), rx(a));
        say(text("%s empty", name), tx(b, ""));
        say(text("%s recv empty", name), rx(a));
        for (int i = 0; i < 3; i++) {
            tx(a, text("to b %d", i));
            tx(b, text("to a %d", i));
        }
        for (int i = 0; i < 3; i++)
            line(text("%s both ways %d", name, i), "%s %s", rx(a), rx(b));
        say(text("%s nothing more", name), rx_now(a));
    }
}

static void second_peer_inproc(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *first = sock(ctx, ZMQ_PAIR);
    void *second = sock(ctx, ZMQ_PAIR);
    const char *endpoint = attach(a, first, INPROC);
    say("connect", rc(zmq_connect(second, endpoint)));
    get_int(a, ZMQ_EVENTS);
    say("second loses its peer", await_not(second, ZMQ_POLLOUT));
    say("second sends", tx_now(second, "x"));
    say("first sends", tx(first, "still the peer"));
    say("arrives", rx(a));
    say("reply", tx(a, "yes"));
    say("first gets it", rx(first));
    say("second gets", rx_now(second));
    shut(first);
    say("first is gone", await_not(a, ZMQ_POLLOUT));
    get_int(second, ZMQ_EVENTS);
    say("second still sends", tx_now(second, "x"));
    void *third = next_peer(ctx, a, endpoint);
    say("third sends", tx(third, "new peer"));
    say("third arrives", rx(a));
}

static void second_peer_tcp(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *first = sock(ctx, ZMQ_PAIR);
    void *second = sock(ctx, ZMQ_PAIR);
    const char *endpoint = attach(a, first, TCP);
    attach_to(a, second, endpoint);
    say("first sends", tx(first, "still the peer"));
    say("arrives", rx(a));
    say("second gets", rx_quiet(second));
    say("a sends", tx(a, "to the peer"));
    say("first gets", rx(first));
}

/* Whether the refused connecter is told: the stock library leaves it connected to nobody. */
static void second_peer_is_told(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *first = sock(ctx, ZMQ_PAIR);
    void *second = sock(ctx, ZMQ_PAIR);
    const char *endpoint = attach(a, first, TCP);
    void *monitor = watch(second, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
    connect_to(second, endpoint);
    say("first event", event_name(next_event(monitor, NULL, NULL, 0)));
    settle(ctx);
    get_int(a, ZMQ_EVENTS);
    settle(ctx);
    set_int(monitor, ZMQ_RCVTIMEO, QUIET * 2);
    say("second event", event_name(next_event(monitor, NULL, NULL, 0)));
}

/* A refused connecter comes back in its own time, and is the peer when the first one has gone. The stock library leaves
 * it connected to nobody. */
static void refused_peer_follows(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *first = sock(ctx, ZMQ_PAIR);
        void *second = sock(ctx, ZMQ_PAIR);
        set_int(second, ZMQ_RECONNECT_IVL, 40);
        const char *name = transport_names[t];
        const char *endpoint = attach(a, first, t);
        void *monitor = watch(second, ZMQ_EVENT_CONNECT_RETRIED);
        long start = now_ms();
        connect_to(second, endpoint);
        int tries = 0;
        zmq_pollitem_t items[] = {{monitor, 0, ZMQ_POLLIN, 0}, {a, 0, ZMQ_POLLIN, 0}};
        /* As a program that waits for messages does; what arrives is no message. */
        int spoken = 0;
        while (now_ms() < start + 4 * QUIET) {
            zmq_poll(items, 2, 10);
            spoken += items[1].revents != 0;
            if (items[0].revents) {
                next_event(monitor, NULL, NULL, 0);
                tries++;
            }
        }
        long took = now_ms() - start;
        unwatch(second, monitor);
        line(text("%s comes back", name), "%d, in its own time %d, heard %d", tries > 0, tries <= took / 40 + 1, spoken);
        say(text("%s first sends", name), tx(first, "still the peer"));
        say(text("%s arrives", name), rx(a));
        say(text("%s a sends", name), tx(a, "to the peer"));
        say(text("%s first gets", name), rx(first));
        shut(first);
        /* Until then the place is that of the one that left. */
        say(text("%s place is free", name), await_not(a, ZMQ_POLLOUT));
        set_int(a, ZMQ_SNDTIMEO, 8 * QUIET);
        set_int(second, ZMQ_RCVTIMEO, 8 * QUIET);
        say(text("%s a sends to the next", name), tx(a, "welcome"));
        say(text("%s second gets", name), rx(second));
        say(text("%s second sends", name), tx(second, "thanks"));
        set_int(a, ZMQ_RCVTIMEO, QUIET);
        say(text("%s arrives from the second", name), rx(a));
    }
}

/* Nobody is there, and then somebody is. */
static void waits_for_a_peer(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        set_int(a, ZMQ_SNDTIMEO, 30);
        set_int(a, ZMQ_RCVTIMEO, 30);
        const char *name = transport_names[t];
        const char *endpoint = bind_any(a, t);
        say(text("%s send", name), tx(a, "x"));
        say(text("%s recv", name), rx(a));
        attach_to(a, b, endpoint);
        say(text("%s send then", name), tx(a, "y"));
        say(text("%s arrives", name), rx(b));
        say(text("%s nothing before", name), rx_now(b));
    }
}

static void full_peer(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    set_int(a, ZMQ_SNDHWM, 1);
    set_int(b, ZMQ_RCVHWM, 2);
    set_int(a, ZMQ_SNDTIMEO, 30);
    attach(a, b, INPROC);
    int count = 0;
    while (count < 100 && strcmp(tx_now(a, text("%d|part", count)), "4") == 0)
        count++;
    line("taken", "%d", count);
    say("events", events(a));
    say("waits", tx(a, "x"));
    say("the other way", tx(b, "back"));
    say("arrives", rx(a));
    for (int i = 0; i < count; i++)
        say(text("recv %d", i), rx(b));
    say("room", await(a, ZMQ_POLLOUT));
    say("send", tx(a, "next"));
    say("next", rx(b));
}

static void many_frames(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, t);
        enum { FRAMES = 3000 };
        int sent = 0, right = 0;
        for (int i = 0; i < FRAMES; i++)
            sent += strcmp(tx_frame(a, text("%04d", i), i + 1 < FRAMES ? ZMQ_SNDMORE : 0), "4") == 0;
        for (int i = 0; i < FRAMES; i++)
            right += strcmp(rx_frame(b, 0), text("[%04d]%s", i, i + 1 < FRAMES ? " +" : "")) == 0;
        line(transport_names[t], "%d %d then %s", sent, right, rx_now(b));
    }
}

static void departed_peer(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        const char *name = transport_names[t];
        const char *endpoint = attach(a, b, t);
        set_int(b, ZMQ_LINGER, -1);
        tx(b, "one");
        tx(b, "two|parts");
        say(text("%s there", name), await(a, ZMQ_POLLIN));
        shut(b);
        say(text("%s first", name), rx(a));
        say(text("%s second", name), rx(a));
        say(text("%s gone", name), await_not(a, ZMQ_POLLOUT));
        say(text("%s send", name), tx_now(a, "nobody"));
        say(text("%s recv", name), rx_now(a));
        void *c = next_peer(ctx, a, endpoint);
        say(text("%s next peer", name), tx(a, "welcome"));
        say(text("%s next peer gets", name), rx(c));
    }
}

static void unread_keeps_the_slot(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    void *c = sock(ctx, ZMQ_PAIR);
    const char *endpoint = attach(a, b, INPROC);
    tx(b, "unread");
    shut(b);
    say("b is gone", await_not(a, ZMQ_POLLOUT));
    connect_to(c, endpoint);
    get_int(a, ZMQ_EVENTS);
    say("c loses its peer", await_not(c, ZMQ_POLLOUT));
    say("unread", rx(a));
}

static void incomplete_multipart(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        const char *name = transport_names[t];
        attach(a, b, t);
        set_int(b, ZMQ_LINGER, -1);
        say(text("%s first frame", name), tx_frame(b, "one", ZMQ_SNDMORE));
        say(text("%s invisible", name), rx_quiet(a));
        say(text("%s events", name), events(a));
        say(text("%s last frame", name), tx_frame(b, "two", 0));
        say(text("%s visible", name), rx(a));
        tx_frame(b, "never", ZMQ_SNDMORE);
        shut(b);
        say(text("%s gone", name), await_not(a, ZMQ_POLLOUT));
        say(text("%s discarded", name), rx_now(a));
    }
}

static const struct rule rules[] = {
    RULE(exchange), RULE(second_peer_inproc), RULE(second_peer_tcp), RULE(second_peer_is_told),
    RULE(refused_peer_follows), RULE(waits_for_a_peer), RULE(full_peer), RULE(many_frames),
    RULE(departed_peer), RULE(unread_keeps_the_slot), RULE(incomplete_multipart),
};

RUN(rules)
