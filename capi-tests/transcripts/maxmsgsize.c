/* ZMQ_MAXMSGSIZE between two sockets. queues.md section 9. */
#include "transcript.h"

static void set_limit(void *socket, int64_t limit)
{
    set_bytes(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
}

#define FAILURES (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL \
                  | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
#define LIFE (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | FAILURES)

/* The next events, by name. */
static const char *next_events(void *monitor, int count)
{
    char names[256] = "";
    for (int i = 0; i < count; i++) {
        int event = next_event(monitor, NULL, NULL, 0);
        sprintf(names + strlen(names), "%s%s", i ? " " : "", event ? event_name(event) : "nothing");
    }
    return text("%s", names);
}

/* The limit at the accepting side: what is too large is lost with the connection, the rest comes over the next. */
static void accepting(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int size = 999; size <= 1001; size++) {
            void *ctx = context();
            const char *name = text("%s, %d", transport_names[t], size);
            void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
            set_limit(pull, 1000);
            set_int(push, ZMQ_RECONNECT_IVL, 10);
            attach(pull, push, t);
            void *at_pull = watch(pull, LIFE), *at_push = watch(push, LIFE);
            char *body = calloc(1, 2000);
            tx(push, "before");
            say(text("%s, before", name), rx(pull));
            tx_bytes(push, body, (size_t) size, 0);
            if (size <= 1000) {
                say(text("%s, arrives", name), rx(pull));
            } else {
                say(text("%s, accepting side", name), next_events(at_pull, 2));
                say(text("%s, connecting side", name), next_events(at_push, 2));
            }
            tx(push, "after|it");
            say(text("%s, after", name), rx(pull));
            say(text("%s, then", name), rx_now(pull));
            free(body);
        }
    }
}

/* The limit at the connecting side: the end of the endpoint, which can still be disconnected. */
static void connecting(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        set_limit(pull, 1000);
        set_int(pull, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = attach(push, pull, t);
        void *at_pull = watch(pull, ZMQ_EVENT_ALL), *at_push = watch(push, LIFE);
        char body[1001] = "";
        tx(push, "before");
        say(text("%s, before", name), rx(pull));
        tx_bytes(push, body, sizeof body, 0);
        say(text("%s, accepting side", name), next_events(at_push, 1));
        say(text("%s, connecting side", name), next_events(at_pull, 1));
        say(text("%s, nobody left", name), await_not(push, ZMQ_POLLOUT));
        set_int(at_pull, ZMQ_RCVTIMEO, QUIET);
        say(text("%s, nothing more", name), next_event(at_pull, NULL, NULL, 0) ? "an event" : "nothing");
        say(text("%s, disconnect", name), rc(zmq_disconnect(pull, endpoint)));
        connect_to(pull, endpoint);
        say(text("%s, connected again", name), await(push, ZMQ_POLLOUT));
        tx(push, "again");
        say(text("%s, and works", name), rx(pull));
    }
}

/* The limit that the READY of each type just fits, or does not. */
static void handshake(void)
{
    static const struct {
        int binder, connecter, size;
    } cases[] = {
        {ZMQ_PULL, ZMQ_PUSH, 26}, {ZMQ_PUSH, ZMQ_PULL, 26}, {ZMQ_PAIR, ZMQ_PAIR, 26}, {ZMQ_PUB, ZMQ_SUB, 25},
        {ZMQ_DEALER, ZMQ_DEALER, 41}, {ZMQ_REP, ZMQ_REQ, 38}, {ZMQ_DEALER, ZMQ_ROUTER, 41},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int less = -1; less <= 1; less++) {
            int limit = less == 1 ? 0 : cases[i].size + less;
            void *ctx = context();
            const char *name = text("%s from %s, %d", type_name(cases[i].binder), type_name(cases[i].connecter), limit);
            void *binder = sock(ctx, cases[i].binder), *connecter = sock(ctx, cases[i].connecter);
            set_limit(binder, limit);
            set_int(connecter, ZMQ_RECONNECT_IVL, 10);
            const char *endpoint = bind_any(binder, TCP);
            void *monitor = watch(binder, LIFE);
            connect_to(connecter, endpoint);
            /* Again and again, if it does not fit. */
            say(name, next_events(monitor, less == 0 ? 1 : 3));
        }
    }
}

static void without_effect(void)
{
    void *ctx = context();
    char body[100] = "";
    void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    set_limit(pull, 10);
    set_limit(push, 10);
    attach(pull, push, INPROC);
    tx_bytes(push, body, sizeof body, 0);
    say("inproc", rx(pull));
    void *sender = sock(ctx, ZMQ_PUSH), *receiver = sock(ctx, ZMQ_PULL);
    attach(receiver, sender, TCP);
    set_limit(sender, 10);
    tx_bytes(sender, body, sizeof body, 0);
    say("set after the connection was made, at the sender", rx(receiver));
    void *limited = sock(ctx, ZMQ_PUSH), *other = sock(ctx, ZMQ_PULL);
    set_limit(limited, 50);
    attach(other, limited, TCP);
    tx_bytes(limited, body, sizeof body, 0);
    say("what is sent", rx(other));
    void *stream = sock(ctx, ZMQ_STREAM), *peer = sock(ctx, ZMQ_STREAM);
    set_limit(stream, 10);
    const char *endpoint = bind_any(stream, TCP);
    connect_to(peer, endpoint);
    char id[8];
    say("STREAM id", rc(zmq_recv(peer, id, sizeof id, 0)));
    rx_frame(peer, 0);
    zmq_send(peer, id, 5, ZMQ_SNDMORE);
    tx_bytes(peer, body, sizeof body, 0);
    zmq_recv(stream, id, sizeof id, 0);
    rx_frame(stream, 0);
    zmq_recv(stream, id, sizeof id, 0);
    say("STREAM", rx_frame(stream, 0));
}

/* The limit that counts is that of the time of the bind or connect. */
static void changed(void)
{
    void *ctx = context();
    char body[100] = "";
    void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    attach(pull, push, TCP);
    set_limit(pull, 50);
    tx_bytes(push, body, sizeof body, 0);
    say("lowered later", rx(pull));
    void *second = sock(ctx, ZMQ_PUSH);
    attach_to(pull, second, last_endpoint(pull));
    tx_bytes(second, body, sizeof body, 0);
    say("of the same listener", rx(pull));
    void *third = sock(ctx, ZMQ_PUSH);
    bind_any(pull, TCP);
    connect_to(third, last_endpoint(pull));
    tx(third, "small");
    say("of a new listener", rx(pull));
    tx_bytes(third, body, sizeof body, 0);
    say("of a new listener, too large", rx_quiet(pull));
}

static const struct rule rules[] = {
    RULE(accepting), RULE(connecting), RULE(handshake), RULE(without_effect), RULE(changed),
};

RUN(rules)
