/* PUSH and PULL, round-robin and fair queueing. patterns.md sections 1.4 and 7. */
#include "transcript.h"

static void directions(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        const char *name = transport_names[t];
        attach(push, pull, t);
        say(text("%s send", name), tx(push, "a|b|c"));
        say(text("%s recv", name), rx(pull));
        say(text("%s PUSH recv", name), rx_now(push));
        say(text("%s PUSH recv blocking", name), rx(push));
        say(text("%s PULL send", name), tx_now(pull, "x"));
        say(text("%s PULL send more", name), tx_frame(pull, "x", ZMQ_SNDMORE));
        say(text("%s PUSH events", name), events(push));
        say(text("%s PULL events", name), events(pull));
        tx(push, "next");
        say(text("%s PULL has input", name), await(pull, ZMQ_POLLIN));
        say(text("%s PULL events then", name), events(pull));
    }
}

/* How many messages a socket can take right now. */
static int drain(void *socket)
{
    int count = 0;
    while (rx_now(socket)[0] == '[')
        count++;
    return count;
}

static void round_robin(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int binds = 0; binds < 2; binds++) {
            void *ctx = context();
            void *push = sock(ctx, ZMQ_PUSH);
            void *pull[4];
            const char *endpoint = binds ? bind_any(push, t) : NULL;
            for (int i = 0; i < 4; i++) {
                pull[i] = sock(ctx, ZMQ_PULL);
                if (binds)
                    attach_to(push, pull[i], endpoint);
                else
                    attach_to(pull[i], push, bind_any(pull[i], t));
            }
            for (int i = 0; i < 12; i++)
                tx(push, "one|message");
            for (int i = 0; i < 4; i++) {
                const char *key = text("%s, PUSH %s, peer %d", transport_names[t],
                                       binds ? "binds" : "connects", i);
                int count = 0;
                while (count < 3 && strcmp(rx(pull[i]), "[one|message]") == 0)
                    count++;
                line(key, "%d and %s", count, rx_now(pull[i]));
            }
        }
    }
}

static void fair_queueing(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        void *push[3];
        const char *endpoint = bind_any(pull, t);
        for (int i = 0; i < 3; i++) {
            push[i] = sock(ctx, ZMQ_PUSH);
            attach_to(pull, push[i], endpoint);
        }
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 3; i++)
                tx(push[i], text("%d|%d", i, round));
        }
        /* All of it must be in the queues before the first is taken. */
        settle(ctx);
        settle(ctx);
        get_int(pull, ZMQ_EVENTS);
        for (int round = 0; round < 4; round++) {
            int seen[3] = {0, 0, 0};
            for (int i = 0; i < 3; i++) {
                const char *got = rx(pull);
                if (got[1] >= '0' && got[1] <= '2' && strlen(got) == 5 && got[3] == '0' + round)
                    seen[got[1] - '0']++;
            }
            line(text("%s round %d", transport_names[t], round), "%d %d %d", seen[0], seen[1],
                 seen[2]);
        }
    }
}

static void dead_endpoint(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, TCP);
    connect_to(push, "ipc://nobody");
    for (int i = 0; i < 10; i++)
        say(text("send %d", i), tx_now(push, "x"));
    int count = 0;
    while (count < 5 && rx(pull)[0] == '[')
        count++;
    line("arrive", "%d and %s", count, rx_quiet(pull));
}

static void immediate(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_IMMEDIATE, 1);
    connect_to(push, "ipc://nobody");
    say("no connection yet", tx_now(push, "x"));
    say("events", events(push));
    attach(pull, push, TCP);
    say("connected", await(push, ZMQ_POLLOUT));
    for (int i = 0; i < 4; i++)
        tx(push, text("%d", i));
    for (int i = 0; i < 4; i++)
        say(text("recv %d", i), rx(pull));
    void *parked = sock(ctx, ZMQ_PUSH);
    set_int(parked, ZMQ_IMMEDIATE, 1);
    connect_to(parked, "inproc://later");
    say("no effect on inproc", tx_now(parked, "x"));
}

/* The peer goes away after the first frames of a message. */
static void lost_in_the_middle(int flags, const char *how)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *first = sock(ctx, ZMQ_PULL);
    const char *endpoint = attach(push, first, TCP);
    void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED);
    say(text("%s, frame 1", how), tx_frame(push, "1", flags | ZMQ_SNDMORE));
    say(text("%s, frame 2", how), tx_frame(push, "2", flags | ZMQ_SNDMORE));
    shut(first);
    say(text("%s, gone", how), event_name(next_event(monitor, NULL, NULL, 0)));
    settle(ctx);
    say(text("%s, events", how), events(push));
    void *second = sock(ctx, ZMQ_PULL);
    attach_to(push, second, endpoint);
    say(text("%s, frame 3", how), tx_frame(push, "3", flags | ZMQ_SNDMORE));
    say(text("%s, frame 4", how), tx_frame(push, "4", flags));
    say(text("%s, next message", how), tx(push, "next|message"));
    say(text("%s, arrives", how), rx(second));
    say(text("%s, then", how), rx_now(second));
}

static void peer_lost(void)
{
    lost_in_the_middle(0, "blocking");
    lost_in_the_middle(ZMQ_DONTWAIT, "not blocking");
}

/* The other peers take the place of one that left. */
static void peer_leaves(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull[3];
    const char *endpoint = bind_any(push, INPROC);
    for (int i = 0; i < 3; i++) {
        pull[i] = sock(ctx, ZMQ_PULL);
        attach_to(push, pull[i], endpoint);
    }
    say("disconnect", rc(zmq_disconnect(pull[1], endpoint)));
    say("close", shut(pull[0]));
    /* Messages go to the others once the socket knows. */
    set_int(push, ZMQ_SNDTIMEO, 0);
    long end = now_ms() + PATIENCE;
    int in_a_row = 0;
    while (in_a_row < 6 && now_ms() < end) {
        get_int(push, ZMQ_EVENTS);
        tx(push, "x");
        in_a_row = drain(pull[2]) ? in_a_row + 1 : 0;
    }
    line("all to the last", "%d", in_a_row);
    shut(pull[2]);
    say("nobody left", await_not(push, ZMQ_POLLOUT));
    say("send", tx_now(push, "x"));
}

/* Messages of a peer that left are still there. */
static void sender_leaves(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = bind_any(pull, t);
        const char *name = transport_names[t];
        for (int i = 0; i < 3; i++) {
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(push, ZMQ_LINGER, -1);
            connect_to(push, endpoint);
            tx(push, text("from|%d", i));
            shut(push);
        }
        int seen[3] = {0, 0, 0};
        for (int i = 0; i < 3; i++) {
            const char *got = rx(pull);
            if (strlen(got) == 8 && got[6] >= '0' && got[6] < '3')
                seen[got[6] - '0']++;
        }
        line(name, "%d %d %d then %s", seen[0], seen[1], seen[2], rx_now(pull));
    }
}

/* PUSH does not wait for the queue of a peer that left: what an accepted one had not taken is lost, and the next one
 * gets what is sent from then on. */
static void queued_for_a_departed_peer(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_SNDHWM, 1000);
        set_int(push, ZMQ_LINGER, -1);
        void *first = sock(ctx, ZMQ_PULL);
        set_int(first, ZMQ_RCVHWM, 1);
        const char *name = transport_names[t];
        const char *endpoint = attach(push, first, t);
        char *large = calloc(1, 100000);
        for (int i = 0; i < 500; i++)
            tx_bytes(push, large, 100000, 0);
        free(large);
        line(text("%s first", name), "%.1s", rx(first));
        shut(first);
        say(text("%s gone", name), await_not(push, ZMQ_POLLOUT));
        say(text("%s send", name), tx_now(push, "nobody"));
        void *second = sock(ctx, ZMQ_PULL);
        attach_to(push, second, endpoint);
        say(text("%s next", name), tx(push, "next"));
        say(text("%s arrives", name), rx(second));
        say(text("%s then", name), rx_now(second));
        say(text("%s close", name), shut(push));
    }
}

static void sizes(void)
{
    static const size_t all[] = {0, 1, 33, 34, 254, 255, 256, 8191, 8192, 8193, 65536, 1000000};
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        attach(pull, push, t);
        char *data = malloc(1000000);
        for (size_t i = 0; i < 1000000; i++)
            data[i] = (char) (i * 7 + i / 251);
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            tx_bytes(push, data, all[i], ZMQ_SNDMORE);
            tx_bytes(push, data + 1000000 - all[i], all[i], 0);
        }
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            say(text("%s %zu", transport_names[t], all[i]), rx(pull));
        free(data);
    }
}

static const struct rule rules[] = {
    RULE(directions), RULE(round_robin), RULE(fair_queueing), RULE(dead_endpoint), RULE(immediate),
    RULE(peer_lost), RULE(peer_leaves), RULE(sender_leaves), RULE(queued_for_a_departed_peer),
    RULE(sizes),
};

RUN(rules)
