/* Monitors whose consumer is not there, does not read, leaves or changes: they never hold up their socket. How
 * monitors stop, are replaced and end. api.md section 9. */
#define ZMQ_BUILD_DRAFT_API
#include "transcript.h"

#include <dlfcn.h>

/* A draft, looked up at run time, as in poller.c. */
static __typeof__(zmq_socket_monitor_versioned) *versioned;

/* What a socket does between its start and its end, each step with a result. The monitored one is closed. */
static const char *life(void *ctx, void *monitored)
{
    void *other = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(monitored, TCP);
    connect_to(other, endpoint);
    tx(other, "x");
    const char *got = rx(monitored);
    const char *other_closed = shut(other);
    int unbound = zmq_unbind(monitored, endpoint);
    return text("%s, closed %s, unbind %d, close %s", got, other_closed, unbound, shut(monitored));
}

static void nobody(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)));
    say("life", life(ctx, s));
    say("term", term(ctx));
}

static void nobody_at_the_connecter(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL), *s = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(server, TCP);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)));
    connect_to(s, endpoint);
    tx(s, "x");
    say("message", rx(server));
    say("disconnect", rc(zmq_disconnect(s, endpoint)));
    say("close", shut(s));
    shut(server);
    say("term", term(ctx));
}

static void stop_without_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_MONITOR_STOPPED)));
    say("stop", rc(zmq_socket_monitor(s, NULL, 0)));
    shut(s);
    say("term", term(ctx));
}

static void replace_without_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_MONITOR_STOPPED)));
    say("replace", rc(zmq_socket_monitor(s, "inproc://n", ZMQ_EVENT_ALL)));
    void *monitor = sock(ctx, ZMQ_PAIR);
    connect_to(monitor, "inproc://n");
    bind_any(s, TCP);
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
}

static void close_without_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_MONITOR_STOPPED)));
    say("close", shut(s));
    say("term", term(ctx));
}

/* The next consumer gets what there is from then on. */
static void next_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    say("start", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED)));
    for (int i = 0; i < 3; i++) {
        void *monitor = sock(ctx, ZMQ_PAIR);
        connect_to(monitor, "inproc://m");
        /* A PAIR has one peer at a time: the last one has to be gone. */
        settle(ctx);
        const char *endpoint = bind_any(s, TCP);
        say(text("%d listening", i), event_name(next_event(monitor, NULL, NULL, 0)));
        zmq_unbind(s, endpoint);
        say(text("%d closed", i), event_name(next_event(monitor, NULL, NULL, 0)));
        shut(monitor);
    }
}

/* Failed binds, which are counted in their text: the events number first to end - 1. */
static void fail(void *s, int first, int end)
{
    for (int i = first; i < end; i++)
        zmq_bind(s, text("tcp://127.0.0.1:%d:x", i));
}

/* How many come, in order from `first`; who comes late finds fewer. */
static const char *failures(void *monitor, int first)
{
    int count = 0, wrong = 0;
    char address[256];
    set_int(monitor, ZMQ_RCVTIMEO, QUIET);
    while (next_event(monitor, NULL, address, sizeof address)) {
        wrong += strcmp(address, text("127.0.0.1:%d:x", first + count)) != 0;
        count++;
    }
    /* How many fit beyond the high-water mark depends on when room is reported. */
    return text("%s, wrong %d", count > 1000 ? "more than 1000" : text("%d", count), wrong);
}

static void slow_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *monitor = watch(s, ZMQ_EVENT_BIND_FAILED | ZMQ_EVENT_MONITOR_STOPPED);
    fail(s, 0, 5000);
    say("first", failures(monitor, 0));
    fail(s, 5000, 5010);
    say("then", failures(monitor, 5000));
    fail(s, 6000, 9000);
    say("again", failures(monitor, 6000));
    fail(s, 0, 5000);
    say("close", shut(s));
    /* Whoever ends with it has to get it. */
    say("last of all", await_event(monitor, ZMQ_EVENT_MONITOR_STOPPED));
    shut(monitor);
    say("term", term(ctx));
}

static void late_consumer(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_BIND_FAILED);
    fail(s, 0, 3000);
    void *monitor = sock(ctx, ZMQ_PAIR);
    connect_to(monitor, "inproc://m");
    say("first", failures(monitor, 0));
    fail(s, 3000, 3005);
    say("then", failures(monitor, 3000));
}

/* Every type of monitor in both versions. */
static void each_type(void)
{
    static const int types[3][2] = {{ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_PUSH, ZMQ_PULL}};
    *(void **) &versioned = dlsym(RTLD_DEFAULT, "zmq_socket_monitor_versioned");
    for (int i = 0; versioned && i < 3; i++) {
        for (int version = 1; version <= 2; version++) {
            /* Not from scratch: many texts are made meanwhile. */
            const char *name = keep(text("%s %d", type_name(types[i][0]), version));
            void *ctx = context();
            void *s = sock(ctx, ZMQ_PULL);
            say(text("%s start", name), rc(versioned(s, "inproc://m", ZMQ_EVENT_ALL, version, types[i][0])));
            say(text("%s nobody", name), life(ctx, s));

            /* A consumer that came and left. */
            s = sock(ctx, ZMQ_PULL);
            versioned(s, "inproc://l", ZMQ_EVENT_ALL, version, types[i][0]);
            void *monitor = sock(ctx, types[i][1]);
            connect_to(monitor, "inproc://l");
            shut(monitor);
            say(text("%s left", name), life(ctx, s));

            s = sock(ctx, ZMQ_PULL);
            versioned(s, "inproc://n", ZMQ_EVENT_ALL, version, types[i][0]);
            say(text("%s stop", name), rc(zmq_socket_monitor(s, NULL, 0)));
            versioned(s, "inproc://n", ZMQ_EVENT_ALL, version, types[i][0]);
            int replaced = versioned(s, "inproc://o", ZMQ_EVENT_ALL, version, types[i][0]);
            monitor = sock(ctx, types[i][1]);
            if (types[i][1] == ZMQ_SUB)
                subscribe(monitor, "");
            connect_to(monitor, "inproc://o");
            fail(s, 0, 3000);
            line(text("%s replaced", name), "%d, slow %s", replaced, life(ctx, s));
            int count = 0, frames = 0;
            set_int(monitor, ZMQ_RCVTIMEO, QUIET);
            for (; rx_frame(monitor, 0)[0] == '['; frames++)
                count += !get_int(monitor, ZMQ_RCVMORE);
            line(text("%s kept", name), "enough %d, frames of each %d", count >= 1000, frames / (count ? count : 1));
            shut(monitor);
            say(text("%s term", name), term(ctx));
        }
    }
}

static void replaced(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *first = watch(s, ZMQ_EVENT_ALL);
    void *second = watch(s, ZMQ_EVENT_LISTENING | ZMQ_EVENT_MONITOR_STOPPED);
    say("first", event_name(next_event(first, NULL, NULL, 0)));
    void *third = watch(s, ZMQ_EVENT_LISTENING);
    say("second", event_name(next_event(second, NULL, NULL, 0)));
    void *fourth = watch(s, ZMQ_EVENT_ALL);
    const char *endpoint = bind_any(s, TCP);
    say("fourth", event_name(next_event(fourth, NULL, NULL, 0)));
    void *monitors[] = {first, second, third};
    for (int i = 0; i < 3; i++)
        say(text("%d hears nothing more", i), rx_quiet(monitors[i]));
    zmq_unbind(s, endpoint);
    say("fourth still", event_name(next_event(fourth, NULL, NULL, 0)));
}

static void stopped(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *monitor = watch(s, ZMQ_EVENT_ALL);
    const char *endpoint = bind_any(s, TCP);
    say("stop", rc(zmq_socket_monitor(s, NULL, 0)));
    say("again", rc(zmq_socket_monitor(s, NULL, ZMQ_EVENT_ALL)));
    zmq_unbind(s, endpoint);
    int value = -1;
    char address[64] = "unchanged";
    say("before", event_name(next_event(monitor, NULL, NULL, 0)));
    int last = next_event(monitor, &value, address, sizeof address);
    line("last", "%s %d '%s'", event_name(last), value, address);
    say("nothing more", rx_quiet(monitor));
    void *without = watch(s, ZMQ_EVENT_ALL & ~ZMQ_EVENT_MONITOR_STOPPED);
    say("stop unasked", rc(zmq_socket_monitor(s, NULL, 0)));
    say("nothing", rx_quiet(without));
}

/* The name of a monitor is free once it has stopped. */
static void name_again(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL), *other = sock(ctx, ZMQ_PULL);
    for (int i = 0; i < 3; i++) {
        void *which = i == 1 ? other : s;
        int result;
        long end = now_ms() + PATIENCE;
        while ((result = zmq_socket_monitor(which, "inproc://m", ZMQ_EVENT_LISTENING)) == -1
               && zmq_errno() == EADDRINUSE && now_ms() < end)
            zmq_poll(NULL, 0, 10);
        say(text("start %d", i), rc(result));
        zmq_socket_monitor(which, NULL, 0);
    }
}

static void masks(void)
{
    static const int values[] = {0, 1, 0xffff, 0x8000, 0x10000, 0x1ffff, -1, (int) 0x80000000};
    void *ctx = context();
    for (size_t i = 0; i < 8; i++)
        say(text("%x", (unsigned) values[i]),
            rc(zmq_socket_monitor(sock(ctx, ZMQ_PULL), text("inproc://mask-%zu", i), values[i])));
}

static void ends_with_the_context(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *monitor = watch(s, ZMQ_EVENT_ALL);
    bind_any(s, TCP);
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
    zmq_ctx_shutdown(ctx);
    say("consumer", rx(monitor));
    say("start", rc(zmq_socket_monitor(s, "inproc://late", ZMQ_EVENT_ALL)));
    say("stop", rc(zmq_socket_monitor(s, NULL, 0)));
    shut(s);
    shut(monitor);
    say("term", term(ctx));
}

/* Events that nobody reads hold nothing up at the end. */
static void unread_at_the_end(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *monitor = plain_sock(ctx, ZMQ_PAIR);
    zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL);
    connect_to(monitor, "inproc://m");
    for (int i = 0; i < 20; i++)
        bind_any(s, TCP);
    say("close", shut(s));
    say("close consumer", shut(monitor));
    say("term", term(ctx));
}

static void takes_a_socket(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2);
    void *s = sock(ctx, ZMQ_PULL), *other = sock(ctx, ZMQ_PULL);
    say("none left", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)));
    shut(other);
    int result;
    long end = now_ms() + PATIENCE;
    while ((result = zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)) == -1 && zmq_errno() == EMFILE
           && now_ms() < end)
        zmq_poll(NULL, 0, 10);
    say("one left", rc(result));
}

static void there(void)
{
    say("versioned", dlsym(RTLD_DEFAULT, "zmq_socket_monitor_versioned") ? "yes" : "no");
}

static const struct rule rules[] = {
    RULE(there), RULE_WITHIN(nobody, 1500), RULE_WITHIN(nobody_at_the_connecter, 1500),
    RULE_WITHIN(stop_without_consumer, 1500), RULE_WITHIN(replace_without_consumer, 1500),
    RULE_WITHIN(close_without_consumer, 1500), RULE_WITHIN(next_consumer, 2000),
    RULE_WITHIN(slow_consumer, 3000), RULE_WITHIN(late_consumer, 2000), RULE(each_type), RULE(replaced), RULE(stopped),
    RULE(name_again), RULE(masks), RULE(ends_with_the_context), RULE(unread_at_the_end), RULE(takes_a_socket),
};

RUN(rules)
