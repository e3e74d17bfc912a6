/* The events of zmq_socket_monitor, their order, values and texts. api.md section 9. */
#include "transcript.h"

/* One event as a line; descriptors only as "fd". */
static int show(void *monitor, const char *key, const char *expected_endpoint)
{
    int value = 0;
    char address[512] = "";
    int event = next_event(monitor, &value, address, sizeof address);
    const char *number = text("%d", value);
    if (event & (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED
                 | ZMQ_EVENT_DISCONNECTED))
        number = value > 2 ? "fd" : "no fd";
    if (event & (ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_BIND_FAILED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL))
        number = error_name(value);
    const char *where = strcmp(address, expected_endpoint) == 0 ? "the endpoint" : masked(address);
    line(key, "%s %s '%s'", event_name(event), number, where);
    return event;
}

static void life(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *server = sock(ctx, ZMQ_PULL);
        void *client = sock(ctx, ZMQ_PUSH);
        void *of_server = watch(server, ZMQ_EVENT_ALL);
        void *of_client = watch(client, ZMQ_EVENT_ALL);
        const char *endpoint = bind_any(server, t);
        show(of_server, text("%s server 1", name), endpoint);
        connect_to(client, endpoint);
        int i = 1;
        while (show(of_client, text("%s client %d", name, i++), endpoint)
               != ZMQ_EVENT_HANDSHAKE_SUCCEEDED
               && i < 6)
            ;
        show(of_server, text("%s server 2", name), endpoint);
        show(of_server, text("%s server 3", name), endpoint);
        shut(client);
        show(of_server, text("%s server 4", name), endpoint);
        say(text("%s unbind", name), rc(zmq_unbind(server, endpoint)));
        show(of_server, text("%s server 5", name), endpoint);
        say(text("%s stop", name), rc(zmq_socket_monitor(server, NULL, 0)));
        show(of_server, text("%s server 6", name), endpoint);
        say(text("%s last of client", name), await_event(of_client, ZMQ_EVENT_MONITOR_STOPPED));
    }
}

static void refused(void)
{
    void *ctx = context();
    void *client = sock(ctx, ZMQ_PUSH);
    void *probe = sock(ctx, ZMQ_PULL);
    set_int(client, ZMQ_RECONNECT_IVL, 20);
    const char *endpoint = bind_any(probe, TCP);
    zmq_unbind(probe, endpoint);
    void *monitor = watch(client, ZMQ_EVENT_ALL);
    /* Until the listener is really gone the connection can succeed. */
    settle(ctx);
    connect_to(client, endpoint);
    for (int i = 1; i <= 6; i++) {
        int value = 0;
        int event = next_event(monitor, &value, NULL, 0);
        if (event == ZMQ_EVENT_CONNECT_RETRIED)
            line(text("tcp %d", i), "%s at least the interval %d", event_name(event), value >= 20);
        else
            say(text("tcp %d", i), event_name(event));
    }
    void *other = sock(ctx, ZMQ_PUSH);
    set_int(other, ZMQ_RECONNECT_IVL, 20);
    void *of_other = watch(other, ZMQ_EVENT_ALL);
    connect_to(other, "ipc://nobody");
    for (int i = 1; i <= 4; i++)
        say(text("ipc %d", i), event_name(next_event(of_other, NULL, NULL, 0)));
}

static void lost(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *server = sock(ctx, ZMQ_PULL);
        void *client = sock(ctx, ZMQ_PUSH);
        set_int(client, ZMQ_RECONNECT_IVL, 20);
        attach(server, client, t);
        void *monitor = watch(client, ZMQ_EVENT_ALL);
        shut(server);
        say(text("%s 1", name), event_name(next_event(monitor, NULL, NULL, 0)));
        say(text("%s 2", name), event_name(next_event(monitor, NULL, NULL, 0)));
    }
}

static void bind_failure(void)
{
    void *ctx = context();
    void *first = sock(ctx, ZMQ_PULL);
    void *second = sock(ctx, ZMQ_PULL);
    const char *endpoint = bind_any(first, TCP);
    void *monitor = watch(second, ZMQ_EVENT_ALL);
    say("bind", rc(zmq_bind(second, endpoint)));
    show(monitor, "first", endpoint + 6);
    show(monitor, "second", endpoint + 6);
}

static void incompatible(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *sub = sock(ctx, ZMQ_SUB);
    void *monitor = watch(sub, ZMQ_EVENT_ALL & ~ZMQ_EVENT_CONNECT_DELAYED);
    connect_to(sub, bind_any(push, TCP));
    say("first", event_name(next_event(monitor, NULL, NULL, 0)));
    say("second", event_name(next_event(monitor, NULL, NULL, 0)));
    set_int(monitor, ZMQ_RCVTIMEO, QUIET * 3);
    say("third", event_name(next_event(monitor, NULL, NULL, 0)));
}

static void only_subscribed(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL);
    void *client = sock(ctx, ZMQ_PUSH);
    void *monitor = watch(server, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    connect_to(client, bind_any(server, TCP));
    say("first", event_name(next_event(monitor, NULL, NULL, 0)));
    tx(client, "x");
    rx(server);
    shut(client);
    say("second", event_name(next_event(monitor, NULL, NULL, 0)));
    void *none = sock(ctx, ZMQ_PULL);
    void *of_none = watch(none, 0);
    bind_any(none, TCP);
    set_int(of_none, ZMQ_RCVTIMEO, QUIET);
    say("mask 0", event_name(next_event(of_none, NULL, NULL, 0)));
    void *inproc = sock(ctx, ZMQ_PULL);
    void *of_inproc = watch(inproc, ZMQ_EVENT_ALL);
    bind_any(inproc, INPROC);
    set_int(of_inproc, ZMQ_RCVTIMEO, QUIET);
    say("inproc", event_name(next_event(of_inproc, NULL, NULL, 0)));
}

static void arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("NULL socket", rc(zmq_socket_monitor(NULL, "inproc://m", ZMQ_EVENT_ALL)));
    say("tcp", rc(zmq_socket_monitor(s, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL)));
    say("ipc", rc(zmq_socket_monitor(s, "ipc://m", ZMQ_EVENT_ALL)));
    say("bad", rc(zmq_socket_monitor(s, "m", ZMQ_EVENT_ALL)));
    say("empty", rc(zmq_socket_monitor(s, "inproc://", ZMQ_EVENT_ALL)));
    say("stop without start", rc(zmq_socket_monitor(s, NULL, 0)));
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_LISTENING)));
    void *other = sock(ctx, ZMQ_PULL);
    say("taken name", rc(zmq_socket_monitor(other, "inproc://m", ZMQ_EVENT_LISTENING)));
    say("replaced", rc(zmq_socket_monitor(s, "inproc://n", ZMQ_EVENT_LISTENING)));
}

static void consumer_comes_later(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_LISTENING)));
    bind_any(s, TCP);
    void *monitor = sock(ctx, ZMQ_PAIR);
    connect_to(monitor, "inproc://m");
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
}

static void stops_with_its_socket(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *monitor = watch(s, ZMQ_EVENT_ALL);
    shut(s);
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
}

static const struct rule rules[] = {
    RULE(life), RULE(refused), RULE(lost), RULE(bind_failure), RULE(incompatible),
    RULE(only_subscribed), RULE(arguments), RULE_WITHIN(consumer_comes_later, 1000),
    RULE(stops_with_its_socket),
};

RUN(rules)
