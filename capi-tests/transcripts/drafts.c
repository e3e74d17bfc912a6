/* Draft functions of the original that have no program of their own: looked up at run time, as in poller.c.
 * functions.tsv; api.md 9, queues.md 15. */
#define ZMQ_BUILD_DRAFT_API
#include "transcript.h"

#include <dlfcn.h>

#define EACH(what) \
    what(socket_monitor_versioned) what(socket_monitor_pipes_stats) what(socket_get_peer_state) \
    what(join) what(leave) what(connect_peer) what(disconnect_peer) what(msg_init_buffer) \
    what(msg_set_routing_id) what(msg_routing_id) what(msg_set_group) what(msg_group)

#define DECLARE(name) static __typeof__(zmq_##name) *draft_##name;
EACH(DECLARE)

static int look_up(void)
{
    int found = 1;
#define LOOK_UP(name) \
    *(void **) &draft_##name = dlsym(RTLD_DEFAULT, "zmq_" #name); \
    found &= draft_##name != NULL;
    EACH(LOOK_UP)
    return found;
}

static void there(void)
{
    say("functions", look_up() ? "yes" : "no");
}

/* A number of an event of version 2. */
static uint64_t number(void *monitor)
{
    uint64_t value = 0;
    int size = zmq_recv(monitor, &value, sizeof value, 0);
    if (size != sizeof value)
        line("wrong size", "%s", rc(size));
    return value;
}

/* The next frame: ports are not the same in every run. */
static const char *endpoint_text(void *monitor, const char *known)
{
    const char *frame = rx_frame(monitor, 0);
    size_t length = strlen(known);
    if (length && strncmp(frame + 1, known, length) == 0)
        return text("[the endpoint%s", frame + 1 + length);
    const char *end = strchr(frame, ']');
    return strncmp(frame, "[tcp://127.0.0.1:", 17) == 0 ? text("[a port%s", end) : frame;
}

/* One event of version 2 on a line: event, values, local and remote endpoint. */
static uint64_t show(void *monitor, const char *key, const char *known)
{
    int size;
    uint64_t event = 0;
    size = zmq_recv(monitor, &event, sizeof event, 0);
    if (size == -1) {
        say(key, rc(size));
        return 0;
    }
    const char *values = "";
    uint64_t count = number(monitor);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = number(monitor);
        int is_fd = event & (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED
                             | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED);
        values = event == ZMQ_EVENT_CONNECT_RETRIED ? value >= 10 ? " delay" : " no delay"
                 : is_fd ? value > 2 ? " fd" : " no fd" : text("%s %d", values, (int) value);
    }
    const char *local = endpoint_text(monitor, known);
    const char *name = event == ZMQ_EVENT_PIPES_STATS ? "PIPES_STATS" : event_name((int) event);
    line(key, "%s,%s, %s, %s", name, values, local, endpoint_text(monitor, known));
    return event;
}

/* Connects to a monitor. */
static void *consumer(void *ctx, int type, const char *endpoint)
{
    void *s = sock(ctx, type);
    if (type == ZMQ_SUB)
        subscribe(s, "");
    connect_to(s, endpoint);
    return s;
}

/* The life of a connection seen from both sides, in version 2. */
static void version_2_over(enum transport transport)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL), *client = sock(ctx, ZMQ_PUSH);
    say("server", rc(draft_socket_monitor_versioned(server, "inproc://server", ZMQ_EVENT_ALL_V2, 2,
                                                    ZMQ_PAIR)));
    say("client", rc(draft_socket_monitor_versioned(client, "inproc://client", ZMQ_EVENT_ALL_V2, 2,
                                                    ZMQ_PAIR)));
    void *of_server = consumer(ctx, ZMQ_PAIR, "inproc://server");
    void *of_client = consumer(ctx, ZMQ_PAIR, "inproc://client");
    const char *endpoint = bind_any(server, transport);
    show(of_server, "server 1", endpoint);
    connect_to(client, endpoint);
    for (int i = 1; i <= 5; i++) {
        uint64_t event = show(of_client, text("client %d", i), endpoint);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED || event == 0)
            break;
    }
    show(of_server, "server 2", endpoint);
    show(of_server, "server 3", endpoint);
    shut(client);
    show(of_server, "server 4", endpoint);
    say("stop", rc(zmq_socket_monitor(server, NULL, 0)));
    show(of_server, "server 5", endpoint);
}

static void version_2(void)
{
    version_2_over(TCP);
}

/* The connecting end has no name. */
static void version_2_ipc(void)
{
    version_2_over(IPC);
}

/* Attempts that fail, in version 2: the remote endpoint alone. */
static void version_2_refused(void)
{
    void *ctx = context();
    void *client = sock(ctx, ZMQ_PUSH), *binder = sock(ctx, ZMQ_PULL);
    set_int(client, ZMQ_RECONNECT_IVL, 10);
    const char *endpoint = vacant(TCP);
    draft_socket_monitor_versioned(client, "inproc://client", ZMQ_EVENT_ALL_V2, 2, ZMQ_PAIR);
    void *of_client = consumer(ctx, ZMQ_PAIR, "inproc://client");
    connect_to(client, endpoint);
    for (int i = 1; i <= 6; i++)
        show(of_client, text("%d", i), endpoint);
    draft_socket_monitor_versioned(binder, "inproc://binder", ZMQ_EVENT_ALL_V2, 2, ZMQ_PAIR);
    void *of_binder = consumer(ctx, ZMQ_PAIR, "inproc://binder");
    endpoint = bind_any(binder, TCP);
    show(of_binder, "bound", endpoint);
    zmq_unbind(binder, endpoint);
    show(of_binder, "unbound", endpoint);
}

/* PAIR, PUB and PUSH; events that come before the consumer wait for it; a replaced monitor ends. */
static void types(void)
{
    static const int pairs[3][2] = {
        {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_PUSH, ZMQ_PULL}};
    for (int i = 0; i < 3; i++) {
        for (int version = 1; version <= 2; version++) {
            void *ctx = context();
            void *s = sock(ctx, ZMQ_PULL);
            const char *name = text("%s %d", type_name(pairs[i][0]), version);
            uint64_t mask = ZMQ_EVENT_LISTENING | ZMQ_EVENT_MONITOR_STOPPED;
            say(name, rc(draft_socket_monitor_versioned(s, "inproc://m", mask, version,
                                                        pairs[i][0])));
            const char *endpoint = bind_any(s, TCP);
            void *monitor = consumer(ctx, pairs[i][1], "inproc://m");
            if (version == 1)
                say(text("%s before", name), event_name(next_event(monitor, NULL, NULL, 0)));
            else
                show(monitor, text("%s before", name), endpoint);
            say(text("%s replaced", name),
                rc(draft_socket_monitor_versioned(s, "inproc://n", mask, version, pairs[i][0])));
            if (version == 1)
                say(text("%s last", name), event_name(next_event(monitor, NULL, NULL, 0)));
            else
                show(monitor, text("%s last", name), endpoint);
            say(text("%s nothing else", name), rx_quiet(monitor));
            void *next = consumer(ctx, pairs[i][1], "inproc://n");
            bind_any(s, TCP);
            say(text("%s next", name), await(next, ZMQ_POLLIN));
        }
    }
}

/* A SUB gets what it has subscribed to; PULLs share. */
static void consumers(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("pub", rc(draft_socket_monitor_versioned(s, "inproc://pub", ZMQ_EVENT_ALL_V1, 1, ZMQ_PUB)));
    void *listening = sock(ctx, ZMQ_SUB), *closed = sock(ctx, ZMQ_SUB);
    uint16_t event = ZMQ_EVENT_LISTENING;
    set_bytes(listening, ZMQ_SUBSCRIBE, &event, sizeof event);
    event = ZMQ_EVENT_CLOSED;
    set_bytes(closed, ZMQ_SUBSCRIBE, &event, sizeof event);
    connect_to(listening, "inproc://pub");
    connect_to(closed, "inproc://pub");
    zmq_unbind(s, bind_any(s, TCP));
    say("listening", event_name(next_event(listening, NULL, NULL, 0)));
    say("closed", event_name(next_event(closed, NULL, NULL, 0)));
    say("listening, more", rx_quiet(listening));
    say("closed, more", rx_quiet(closed));
    say("push", rc(draft_socket_monitor_versioned(s, "inproc://push", ZMQ_EVENT_LISTENING, 1,
                                                  ZMQ_PUSH)));
    void *one = consumer(ctx, ZMQ_PULL, "inproc://push");
    void *two = consumer(ctx, ZMQ_PULL, "inproc://push");
    for (int i = 0; i < 4; i++)
        bind_any(s, TCP);
    for (int i = 0; i < 2; i++) {
        say(text("one %d", i), event_name(next_event(one, NULL, NULL, 0)));
        say(text("two %d", i), event_name(next_event(two, NULL, NULL, 0)));
    }
}

static void arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("NULL", rc(draft_socket_monitor_versioned(NULL, "inproc://m", 0, 1, ZMQ_PAIR)));
    say("NULL, stats", rc(draft_socket_monitor_pipes_stats(NULL)));
    for (int version = -1; version <= 3; version++)
        say(text("version %d", version),
            rc(draft_socket_monitor_versioned(s, "inproc://m", 0, version, ZMQ_PAIR)));
    say("version 1, 17 bits",
        rc(draft_socket_monitor_versioned(s, "inproc://m", 0x10000, 1, ZMQ_PAIR)));
    say("version 2, 64 bits",
        rc(draft_socket_monitor_versioned(s, "inproc://n", UINT64_MAX, 2, ZMQ_PAIR)));
    say("bad mask to stop", rc(draft_socket_monitor_versioned(s, NULL, 0x10000, 1, ZMQ_PAIR)));
    say("bad type to stop", rc(draft_socket_monitor_versioned(s, NULL, 0, 1, ZMQ_SUB)));
    say("scheme before type", rc(draft_socket_monitor_versioned(s, "ipc://m", 0, 1, ZMQ_SUB)));
    for (size_t i = 0; i < sizeof classic_types / sizeof classic_types[0]; i++)
        say(text("type %s", type_name(classic_types[i])),
            rc(draft_socket_monitor_versioned(s, text("inproc://type-%d", (int) i), 0, 2,
                                              classic_types[i])));
    zmq_ctx_shutdown(ctx);
    /* Another call notices it. */
    events(s);
    say("stopped", rc(draft_socket_monitor_versioned(s, "inproc://m", 0, 99, 99)));
}

static void pipes_stats(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        say(text("%s no monitor", name), rc(draft_socket_monitor_pipes_stats(push)));
        draft_socket_monitor_versioned(push, "inproc://m", ZMQ_EVENT_LISTENING, 2, ZMQ_PAIR);
        say(text("%s not asked for", name), rc(draft_socket_monitor_pipes_stats(push)));
        draft_socket_monitor_versioned(push, "inproc://n", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
        say(text("%s no pipes", name), rc(draft_socket_monitor_pipes_stats(push)));
        set_int(push, ZMQ_SNDHWM, 10);
        set_int(pull, ZMQ_RCVHWM, 10);
        const char *endpoint = bind_any(pull, t);
        /* This takes the monitor away. */
        attach_to(pull, push, endpoint);
        draft_socket_monitor_versioned(push, "inproc://push", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
        draft_socket_monitor_versioned(pull, "inproc://pull", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
        void *of_push = consumer(ctx, ZMQ_PAIR, "inproc://push");
        void *of_pull = consumer(ctx, ZMQ_PAIR, "inproc://pull");
        tx(push, "message|of|parts");
        await(pull, ZMQ_POLLIN);
        say(text("%s asked", name), rc(draft_socket_monitor_pipes_stats(push)));
        show(of_push, text("%s push", name), endpoint);
        say(text("%s asked", name), rc(draft_socket_monitor_pipes_stats(pull)));
        show(of_pull, text("%s pull", name), endpoint);
    }
}

/* What is read counts until it is reported: at the low-water steps. */
static void statistics_and_reports(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 2);
    set_int(pull, ZMQ_RCVHWM, 2);
    const char *endpoint = attach(pull, push, INPROC);
    draft_socket_monitor_versioned(push, "inproc://push", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
    draft_socket_monitor_versioned(pull, "inproc://pull", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
    void *of_push = consumer(ctx, ZMQ_PAIR, "inproc://push"), *of_pull = consumer(ctx, ZMQ_PAIR, "inproc://pull");
    for (int i = 0; i < 4; i++)
        tx(push, "message|part");
    for (int read = 0; read <= 4; read++) {
        draft_socket_monitor_pipes_stats(push);
        show(of_push, text("push after %d", read), endpoint);
        draft_socket_monitor_pipes_stats(pull);
        show(of_pull, text("pull after %d", read), endpoint);
        rx_now(pull);
    }
    /* One event for each pipe. */
    void *parked = sock(ctx, ZMQ_PUSH);
    connect_to(parked, "inproc://nobody");
    connect_to(parked, "tcp://127.0.0.1:9");
    draft_socket_monitor_versioned(parked, "inproc://parked", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR);
    void *of_parked = consumer(ctx, ZMQ_PAIR, "inproc://parked");
    for (int i = 0; i < 6; i++)
        tx_now(parked, "m");
    say("two pipes", rc(draft_socket_monitor_pipes_stats(parked)));
    for (int i = 0; i < 2; i++)
        show(of_parked, text("pipe %d", i), "inproc://nobody");
}

static const char *peer_state(void *socket, const char *id)
{
    return rc(draft_socket_get_peer_state(socket, id, strlen(id)));
}

static void peer_states(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER), *dealer = sock(ctx, ZMQ_DEALER);
        void *rep = sock(ctx, ZMQ_REP), *req = sock(ctx, ZMQ_REQ);
        set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
        set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
        set_int(router, ZMQ_SNDHWM, 2);
        set_int(dealer, ZMQ_RCVHWM, 2);
        set_int(router, ZMQ_ROUTER_MANDATORY, 1);
        say(text("%s nobody", name), peer_state(router, "me"));
        attach(router, dealer, t);
        attach(rep, req, t);
        tx(dealer, "hello");
        rx(router);
        line(text("%s router", name), "%s, %s, %s", peer_state(router, "me"),
             peer_state(router, "you"), peer_state(router, ""));
        /* More than the kernel takes. */
        static char body[50000];
        int sent = 0;
        while (zmq_send(router, "me", 2, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 2
               && zmq_send(router, body, sizeof body, ZMQ_DONTWAIT) != -1 && sent < 5000)
            sent++;
        line(text("%s full", name), "%s, %d", peer_state(router, "me"), sent >= 2);
        tx(req, "hello");
        rx(rep);
        line(text("%s rep", name), "%s, %s", peer_state(rep, "me"), peer_state(rep, "you"));
        shut(dealer);
        settle(ctx);
        events(router);
        say(text("%s gone", name), peer_state(router, "me"));
    }
    void *ctx = context();
    for (size_t i = 0; i < 12; i++)
        say(type_name(classic_types[i]), peer_state(sock(ctx, classic_types[i]), "me"));
    say("NULL", rc(draft_socket_get_peer_state(NULL, "me", 2)));
}

/* What other socket types have: refused before other complaints. */
static void other_types(void)
{
    void *ctx = context();
    for (size_t i = 0; i < 12; i++) {
        void *s = sock(ctx, classic_types[i]);
        errno = 0;
        unsigned peer = draft_connect_peer(s, "inproc://nobody");
        const char *connected = text("%u %s", peer, error_name(errno));
        line(type_name(classic_types[i]), "%s %s, %s, %s", rc(draft_join(s, "group")),
             rc(draft_leave(s, "group")), connected, rc(draft_disconnect_peer(s, 1)));
    }
    errno = 0;
    unsigned peer = draft_connect_peer(NULL, "inproc://nobody");
    const char *connected = text("%u %s", peer, error_name(errno));
    line("NULL", "%s %s, %s, %s", rc(draft_join(NULL, "group")), rc(draft_leave(NULL, "group")),
         connected, rc(draft_disconnect_peer(NULL, 1)));
}

/* The end of the context is no concern of these, on whatever type. */
static void after_the_end(void)
{
    for (size_t i = 0; i < 12; i++) {
        void *ctx = context();
        void *s = sock(ctx, classic_types[i]);
        zmq_ctx_shutdown(ctx);
        say(text("%s notices", type_name(classic_types[i])), events(s));
        line(type_name(classic_types[i]), "%s %s, %s, %s", rc(draft_join(s, "group")), rc(draft_leave(s, "group")),
             rc(draft_disconnect_peer(s, 1)), peer_state(s, "me"));
    }
}

static void messages(void)
{
    zmq_msg_t msg, copy;
    say("init_buffer", rc(draft_msg_init_buffer(&msg, "content", 7)));
    line("content", "%s", shown(zmq_msg_data(&msg), zmq_msg_size(&msg)));
    line("fresh", "%u '%s'", draft_msg_routing_id(&msg), draft_msg_group(&msg));
    say("routing id 0", rc(draft_msg_set_routing_id(&msg, 0)));
    say("routing id", rc(draft_msg_set_routing_id(&msg, 0xdeadbeef)));
    say("group", rc(draft_msg_set_group(&msg, "group")));
    zmq_msg_init(&copy);
    say("copy", rc(zmq_msg_copy(&copy, &msg)));
    line("copied", "%x '%s'", draft_msg_routing_id(&copy), draft_msg_group(&copy));
    char group[300];
    for (size_t length = 13; length <= 255; length += 121) {
        memset(group, 'g', length);
        group[length] = 0;
        const char *result = rc(draft_msg_set_group(&msg, group));
        line(text("group of %d", (int) length), "%s, kept %d", result,
             strcmp(draft_msg_group(&msg), group) == 0);
    }
    const char *result = rc(draft_msg_set_group(&msg, "short again"));
    line("last call wins", "%s '%s'", result, draft_msg_group(&msg));
    say("close", rc(zmq_msg_close(&msg)));
    say("close copy", rc(zmq_msg_close(&copy)));
    say("empty buffer", rc(draft_msg_init_buffer(&msg, NULL, 0)));
    zmq_msg_close(&msg);
}

static const struct rule rules[] = {
    RULE(there), RULE(version_2), RULE(version_2_ipc), RULE(version_2_refused), RULE(types), RULE(consumers), RULE(arguments),
    RULE(pipes_stats), RULE(statistics_and_reports), RULE(peer_states), RULE(other_types), RULE(after_the_end),
    RULE(messages),
};

int main(int argc, char **argv)
{
    size_t count = sizeof rules / sizeof rules[0];
    return run_rules(argc, argv, rules, look_up() ? count : 1);
}
