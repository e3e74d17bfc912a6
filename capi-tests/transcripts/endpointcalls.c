/* bind, connect, unbind, disconnect: the order in which they complain, what a failure leaves, a second connect to the
 * same text on every type, and what ends with an endpoint. api.md section 4. */
#include "transcript.h"

#include <poll.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef int endpoint_call(void *, const char *);

static endpoint_call *const calls[4] = {zmq_bind, zmq_connect, zmq_unbind, zmq_disconnect};
static const char *const call_names[4] = {"bind", "connect", "unbind", "disconnect"};

/* One with several faults each: the first one in the order of the checks is reported. */
static const char *const faulty[] = {
    "", "x", "://", "tcp://", "://x", "nonsense://", "nonsense://x", "udp://", "udp://x", "tcp://nosuch0", "tcp://x$:y",
    "tcp://nosuch0:*", "tcp://[::1:1", "ipc://", "ipc://@", "ipc:///nonexistent-directory/x", "inproc://",
    "tcp://127.0.0.1:*", "ipc://name", "inproc://name",
};

static void show_calls(const char *key, void *s, const char *endpoint)
{
    begin_line(text("%s '%s'", key, endpoint));
    for (int i = 0; i < 4; i++)
        in_line(call_names[i], rc(calls[i](s, endpoint)));
    end_line();
}

static void first_fault(void)
{
    static const int types[] = {ZMQ_DEALER, ZMQ_PUB, ZMQ_REQ, ZMQ_STREAM};
    for (size_t t = 0; t < COUNT(types); t++) {
        for (size_t i = 0; i < COUNT(faulty); i++) {
            void *s = sock(context(), types[t]);
            show_calls(type_name(types[t]), s, faulty[i]);
            shut(s);
        }
    }
}

static void first_fault_without_socket(void)
{
    static uint64_t memory[64];
    void *ctx = context();
    for (size_t i = 0; i < COUNT(faulty); i++) {
        show_calls("NULL", NULL, faulty[i]);
        show_calls("context", ctx, faulty[i]);
        show_calls("zeroes", memory, faulty[i]);
    }
    for (int i = 0; i < 4; i++)
        say(text("NULL, %s NULL", call_names[i]), rc(calls[i](NULL, NULL)));
}

static void first_fault_without_threads(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0);
    for (size_t i = 0; i < COUNT(faulty); i++) {
        void *s = sock(ctx, ZMQ_DEALER);
        show_calls("DEALER", s, faulty[i]);
        say(text("DEALER '%s' last", faulty[i]), last_endpoint(s));
        shut(s);
    }
}

/* As later calls see it: the first one may notice it or not. */
static void first_fault_when_stopped(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    zmq_ctx_shutdown(ctx);
    for (size_t i = 0; i < COUNT(faulty); i++)
        show_calls("PAIR", s, faulty[i]);
    say("unbind NULL", rc(zmq_unbind(s, NULL)));
    say("disconnect NULL", rc(zmq_disconnect(s, NULL)));
    shut(s);
    term(ctx);
}

static void schemes(void)
{
    static const char *const endpoints[] = {
        "pgm://eth0;239.192.1.1:5555", "epgm://eth0;239.192.1.1:5555", "norm://127.0.0.1:5556", "vmci://*:*", "vsock://1:1", "hyperv://1:1",
        "http://127.0.0.1:80", "tcp4://127.0.0.1:*", "tcps://127.0.0.1:*", "inprocx://x", "in://x", "i://x", "Inproc://x",
        "IPC://x", "ipc ://x", "\ttcp://127.0.0.1:*", "tcp://tcp://127.0.0.1:*", "inproc:///", "inproc://://", "tcp:///127.0.0.1:1",
    };
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        void *s = sock(context(), ZMQ_DEALER);
        show_calls("DEALER", s, endpoints[i]);
        shut(s);
    }
}

/* ---- ZMQ_LAST_ENDPOINT ---- */

static void last_endpoint_is_kept(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_DEALER), *other = sock(ctx, ZMQ_DEALER);
    zmq_bind(other, "inproc://taken");
    for (size_t i = 0; i < COUNT(faulty); i++) {
        zmq_bind(s, "inproc://mine");
        for (int c = 0; c < 4; c++) {
            if (calls[c](s, faulty[i]) == 0)
                calls[3](s, faulty[i]);
            else
                line(text("%s '%s'", call_names[c], faulty[i]), "%s", masked(last_endpoint(s)));
        }
        zmq_unbind(s, "inproc://mine");
    }
    zmq_bind(s, "inproc://mine");
    say("name taken", rc(zmq_bind(s, "inproc://taken")));
    say("name taken, last", last_endpoint(s));
    say("mine again", rc(zmq_bind(s, "inproc://mine")));
    const char *port = bind_any(other, TCP);
    say("port taken", rc(zmq_bind(s, port)));
    say("port taken, last", last_endpoint(s));
}

static void last_endpoint_changes(void)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        void *ctx = context();
        void *s = sock(ctx, classic_types[i]);
        begin_line(type_name(classic_types[i]));
        in_line("fresh", last_endpoint(s));
        zmq_bind(s, "inproc://a");
        in_line("bind", last_endpoint(s));
        zmq_connect(s, "inproc://nobody");
        in_line("connect", last_endpoint(s));
        zmq_connect(s, "tcp://localhost:9");
        in_line("connect", last_endpoint(s));
        zmq_bind(s, "ipc://name");
        in_line("bind", last_endpoint(s));
        in_line("unbind", rc(zmq_unbind(s, "ipc://name")));
        in_line("then", last_endpoint(s));
        in_line("disconnect", rc(zmq_disconnect(s, "tcp://localhost:9")));
        in_line("then", last_endpoint(s));
        zmq_bind(s, "tcp://*:*");
        in_line("bind", masked(last_endpoint(s)));
        end_line();
        shut(s);
        term(ctx);
    }
}

/* ---- the same text twice ---- */

static int partner(int type)
{
    switch (type) {
    case ZMQ_PUB: return ZMQ_SUB;
    case ZMQ_SUB: return ZMQ_PUB;
    case ZMQ_REQ: return ZMQ_REP;
    case ZMQ_REP: return ZMQ_REQ;
    case ZMQ_DEALER: return ZMQ_ROUTER;
    case ZMQ_ROUTER: return ZMQ_DEALER;
    case ZMQ_PULL: return ZMQ_PUSH;
    case ZMQ_PUSH: return ZMQ_PULL;
    case ZMQ_XPUB: return ZMQ_XSUB;
    case ZMQ_XSUB: return ZMQ_XPUB;
    default: return type;
    }
}

/* How many of these events come; at most `most`. */
static int count_events(void *ctx, void *monitor, int most)
{
    int count = 0;
    set_int(monitor, ZMQ_RCVTIMEO, PATIENCE);
    while (count < most && next_event(monitor, NULL, NULL, 0)) {
        count++;
        settle(ctx);
        set_int(monitor, ZMQ_RCVTIMEO, QUIET);
    }
    return count;
}

static void same_text(enum transport transport)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        /* Over ipc it listens for tcp alone. */
        if (classic_types[i] == ZMQ_STREAM && transport == IPC)
            continue;
        void *ctx = context();
        void *connecter = sock(ctx, classic_types[i]), *binder = sock(ctx, partner(classic_types[i]));
        const char *endpoint = bind_any(binder, transport);
        void *accepted = watch(binder, ZMQ_EVENT_ACCEPTED), *ended = watch(connecter, ZMQ_EVENT_DISCONNECTED);
        begin_line(text("%s over %s", type_name(classic_types[i]), transport_names[transport]));
        for (int k = 0; k < 3; k++)
            in_line("connect", rc(zmq_connect(connecter, endpoint)));
        in_line("accepted", text("%d", count_events(ctx, accepted, 4)));
        in_line("disconnect", rc(zmq_disconnect(connecter, endpoint)));
        in_line("disconnect", rc(zmq_disconnect(connecter, endpoint)));
        in_line("connect", rc(zmq_connect(connecter, endpoint)));
        in_line("accepted", text("%d", count_events(ctx, accepted, 2)));
        in_line("unbind", rc(zmq_unbind(connecter, endpoint)));
        in_line("unbind", rc(zmq_unbind(connecter, endpoint)));
        end_line();
        unwatch(binder, accepted);
        unwatch(connecter, ended);
        shut(connecter);
        shut(binder);
        term(ctx);
    }
}

static void same_text_tcp(void)
{
    same_text(TCP);
}

static void same_text_ipc(void)
{
    same_text(IPC);
}

/* Over inproc the connections are counted by disconnecting: one ends all. */
static void same_text_inproc(void)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        if (classic_types[i] == ZMQ_STREAM)
            continue;
        void *ctx = context();
        void *connecter = sock(ctx, classic_types[i]), *binder = sock(ctx, partner(classic_types[i]));
        begin_line(type_name(classic_types[i]));
        zmq_bind(binder, "inproc://twice");
        for (int k = 0; k < 3; k++)
            in_line("connect", rc(zmq_connect(connecter, "inproc://twice")));
        in_line("disconnect", rc(zmq_disconnect(connecter, "inproc://twice")));
        in_line("disconnect", rc(zmq_disconnect(connecter, "inproc://twice")));
        end_line();
        shut(connecter);
        shut(binder);
        term(ctx);
    }
}

/* The same before anybody has bound the name; what was given up does not come back. */
static void same_text_parked_of(int type)
{
    void *ctx = context();
    void *connecter = sock(ctx, type), *binder = sock(ctx, partner(type));
    begin_line(type_name(type));
    in_line("connect", rc(zmq_connect(connecter, "inproc://parked")));
    in_line("connect", rc(zmq_connect(connecter, "inproc://parked")));
    in_line("disconnect", rc(zmq_disconnect(connecter, "inproc://parked")));
    in_line("disconnect", rc(zmq_disconnect(connecter, "inproc://parked")));
    in_line("bind", rc(zmq_bind(binder, "inproc://parked")));
    events(binder);
    in_line("events", events(connecter));
    end_line();
    shut(connecter);
    shut(binder);
    term(ctx);
}

static void same_text_parked(void)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        if (classic_types[i] != ZMQ_STREAM && classic_types[i] != ZMQ_REP && classic_types[i] != ZMQ_ROUTER)
            same_text_parked_of(classic_types[i]);
    }
}

static void same_text_parked_rep(void)
{
    same_text_parked_of(ZMQ_REP);
}

static void same_text_parked_router(void)
{
    same_text_parked_of(ZMQ_ROUTER);
}

/* All connections of one text end: none is left to send to. */
static void one_disconnect_ends_all(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = bind_any(pull, t);
        for (int i = 0; i < 3; i++)
            attach_to(pull, push, endpoint);
        say(text("%s before", transport_names[t]), tx(push, "x"));
        say(text("%s recv", transport_names[t]), rx(pull));
        say(text("%s disconnect", transport_names[t]), rc(zmq_disconnect(push, endpoint)));
        say(text("%s send", transport_names[t]), tx_now(push, "x"));
        say(text("%s events", transport_names[t]), events(push));
    }
}

/* ---- what ends with an endpoint ---- */

/* Sent while nobody is bound any more, received by the next one to bind. */
static void waits_for_the_next_bind(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = attach(pull, push, t);
        void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED);
        say(text("%s unbind", name), rc(zmq_unbind(pull, endpoint)));
        zmq_pollitem_t items[2] = {{monitor, 0, ZMQ_POLLIN, 0}, {pull, 0, ZMQ_POLLIN, 0}};
        long end = now_ms() + PATIENCE;
        while (!(items[0].revents & ZMQ_POLLIN) && now_ms() < end)
            zmq_poll(items, 2, 100);
        say(text("%s send", name), tx_now(push, "waits"));
        say(text("%s nothing yet", name), rx_quiet(pull));
        say(text("%s bind", name), bind_again(pull, endpoint));
        say(text("%s recv", name), rx(pull));
    }
}

/* The reconnecting side is not touched by an unbind of another endpoint. */
static void unbind_spares_others(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *one = sock(ctx, ZMQ_PUSH), *two = sock(ctx, ZMQ_PUSH);
        const char *first = attach(pull, one, t);
        const char *second = attach(pull, two, t);
        say(text("%s unbind", transport_names[t]), rc(zmq_unbind(pull, first)));
        tx(two, "still there");
        say(text("%s recv", transport_names[t]), rx(pull));
        say(text("%s unbind again", transport_names[t]), rc(zmq_unbind(pull, first)));
        say(text("%s unbind the other", transport_names[t]), rc(zmq_unbind(pull, second)));
    }
}

/* What is queued at the disconnect, for somebody who comes later or never. */
static void disconnect_lingers(void)
{
    static const int times[] = {-1, 0, 60000};
    for (size_t i = 0; i < COUNT(times); i++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_LINGER, times[i]);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = text("ipc://later-%zu", i);
        connect_to(push, endpoint);
        tx(push, "queued");
        tx(push, "two|parts");
        say(text("%d disconnect", times[i]), rc(zmq_disconnect(push, endpoint)));
        say(text("%d again", times[i]), rc(zmq_disconnect(push, endpoint)));
        say(text("%d send", times[i]), tx_now(push, "x"));
        settle(ctx);
        say(text("%d bind", times[i]), rc(zmq_bind(pull, endpoint)));
        say(text("%d recv", times[i]), times[i] ? rx(pull) : rx_quiet(pull));
        say(text("%d then", times[i]), times[i] ? rx(pull) : rx_quiet(pull));
        set_int(push, ZMQ_LINGER, 0);
    }
}

/* A short linger ends while nobody is there. */
static void disconnect_linger_ends(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 50);
    connect_to(push, "ipc://never");
    tx(push, "queued");
    say("disconnect", rc(zmq_disconnect(push, "ipc://never")));
    set_int(push, ZMQ_LINGER, -1);
    shut(push);
    say("term", term(ctx));
}

/* Each side leaves an inproc pair, with something in both queues. */
static void disconnect_inproc(void)
{
    for (int binder_leaves = 0; binder_leaves < 2; binder_leaves++) {
        const char *name = binder_leaves ? "unbind" : "disconnect";
        void *ctx = context();
        void *a = sock(ctx, ZMQ_DEALER), *b = sock(ctx, ZMQ_DEALER);
        attach(a, b, INPROC);
        tx(a, "to b|part");
        tx(b, "to a|part");
        tx_frame(b, "unfinished", ZMQ_SNDMORE);
        const char *endpoint = text("%s", last_endpoint(a));
        say(name, rc(binder_leaves ? zmq_unbind(a, endpoint) : zmq_disconnect(b, endpoint)));
        events(a);
        events(b);
        say(text("%s, at a", name), rx_now(a));
        say(text("%s, at b", name), rx_now(b));
        say(text("%s, a sends", name), tx_now(a, "more"));
        if (!binder_leaves)
            say(text("%s, b goes on", name), tx_frame(b, "end", ZMQ_DONTWAIT));
        say(text("%s, at b again", name), rx_now(b));
    }
}

static void names_again(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    for (int i = 0; i < 3; i++) {
        say(text("bind %d", i), rc(zmq_bind(a, "inproc://name")));
        say(text("taken %d", i), rc(zmq_bind(b, "inproc://name")));
        say(text("unbind %d", i), rc(zmq_unbind(a, "inproc://name")));
        say(text("by the other %d", i), rc(zmq_bind(b, "inproc://name")));
        say(text("not the owner's %d", i), rc(zmq_unbind(a, "inproc://name")));
        say(text("the owner's %d", i), rc(zmq_disconnect(b, "inproc://name")));
    }
    zmq_bind(b, "inproc://name");
    shut(b);
    say("after the owner's close", bind_again(a, "inproc://name"));
    say("several names", rc(zmq_bind(a, "inproc://second")));
    say("one of them", rc(zmq_unbind(a, "inproc://name")));
    say("the other", rc(zmq_unbind(a, "inproc://second")));
    say("case counts", rc(zmq_bind(a, "inproc://Name")));
    say("another case", rc(zmq_unbind(a, "inproc://name")));
}

/* A host that does not exist: tried again and again, and one that does exist is reached by its name. */
static void unknown_host(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECTED);
    say("connect", rc(zmq_connect(push, "tcp://no.such.host.invalid:5555")));
    say("last", masked(last_endpoint(push)));
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
    say("event again", event_name(next_event(monitor, NULL, NULL, 0)));
    say("send", tx_now(push, "queues"));
    say("disconnect", rc(zmq_disconnect(push, "tcp://no.such.host.invalid:5555")));
}

static const struct rule rules[] = {
    RULE(first_fault), RULE(first_fault_without_socket), RULE(first_fault_without_threads),
    RULE(first_fault_when_stopped), RULE(schemes), RULE(last_endpoint_is_kept), RULE(last_endpoint_changes),
    RULE(same_text_tcp), RULE(same_text_ipc), RULE(same_text_inproc), RULE(same_text_parked), RULE(same_text_parked_rep),
    RULE(same_text_parked_router), RULE(one_disconnect_ends_all),
    RULE(waits_for_the_next_bind), RULE(unbind_spares_others), RULE(disconnect_lingers), RULE(disconnect_linger_ends),
    RULE(disconnect_inproc), RULE(names_again), RULE(unknown_host),
};

RUN(rules)
