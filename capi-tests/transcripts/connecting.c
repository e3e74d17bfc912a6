/* What steers attempts to connect: ZMQ_CONNECT_TIMEOUT and ZMQ_RECONNECT_STOP. transports.md section 5. */
#include "plain.h"
#include "transcript.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Of the draft part of zmq.h; every build accepts the number. */
enum { RECONNECT_STOP = 109 };
enum { CONN_REFUSED = 1, HANDSHAKE_FAILED = 2, AFTER_DISCONNECT = 4 };

static void connect_timeout(void)
{
    struct deaf deaf = plain_deaf(NULL);
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_CONNECT_TIMEOUT, 60);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    long start = now_ms();
    connect_to(push, deaf.endpoint);
    for (int i = 0; i < 2; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
    line("not before its time", "%s", now_ms() - start >= 60 ? "yes" : "no");
    for (int i = 2; i < 6; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
    shut(push);
    /* Without it the attempt goes on. */
    void *patient = sock(ctx, ZMQ_PUSH);
    void *other = watch(patient, ZMQ_EVENT_ALL);
    connect_to(patient, deaf.endpoint);
    say("patient", event_name(next_event(other, NULL, NULL, 0)));
    say("patient then", rx_quiet(other));
    plain_deaf_gone(&deaf);
}

/* A port on which nobody listens, at least for now. */
static const char *free_endpoint(void *ctx)
{
    void *s = sock(ctx, ZMQ_PULL);
    const char *endpoint = bind_any(s, TCP);
    zmq_unbind(s, endpoint);
    shut(s);
    return endpoint;
}

static void stop_refused(void)
{
    for (int bits = 0; bits < 2; bits++) {
        void *ctx = context();
        const char *name = bits ? "on" : "off";
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, RECONNECT_STOP, bits ? CONN_REFUSED : AFTER_DISCONNECT | HANDSHAKE_FAILED);
        say(text("%s reads", name), show_int(push, RECONNECT_STOP));
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        void *monitor = watch(push, ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED);
        const char *endpoint = free_endpoint(ctx);
        connect_to(push, endpoint);
        say(text("%s event", name), event_name(next_event(monitor, NULL, NULL, 0)));
        set_int(monitor, ZMQ_RCVTIMEO, bits ? QUIET : PATIENCE);
        say(text("%s then", name), event_name(next_event(monitor, NULL, NULL, 0)));
        if (bits)
            await_not(push, ZMQ_POLLOUT);
        say(text("%s send", name), tx_now(push, "x"));
        say(text("%s disconnect", name), rc(zmq_disconnect(push, endpoint)));
    }
}

static void stop_handshake(void)
{
    for (int bits = 0; bits < 2; bits++) {
        void *ctx = context();
        const char *name = bits ? "on" : "off";
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        bind(listener, (struct sockaddr *)&address, size);
        listen(listener, 10);
        getsockname(listener, (struct sockaddr *)&address, &size);
        const char *endpoint = text("tcp://127.0.0.1:%d", ntohs(address.sin_port));
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, RECONNECT_STOP, bits ? HANDSHAKE_FAILED : CONN_REFUSED | AFTER_DISCONNECT);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
        connect_to(push, endpoint);
        close(accept(listener, NULL, NULL));
        say(text("%s event", name), event_name(next_event(monitor, NULL, NULL, 0)));
        set_int(monitor, ZMQ_RCVTIMEO, bits ? QUIET : PATIENCE);
        say(text("%s then", name), event_name(next_event(monitor, NULL, NULL, 0)));
        if (bits)
            await_not(push, ZMQ_POLLOUT);
        say(text("%s send", name), tx_now(push, "x"));
        say(text("%s disconnect", name), rc(zmq_disconnect(push, endpoint)));
        close(listener);
    }
}

/* A socket file behind which nobody listens any more: refused, not missing. */
static void stale(const char *path)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    zmq_bind(s, text("ipc://%s", path));
    shut(s);
    term(ctx);
}

static void stop_after_disconnect(void)
{
    for (int bits = 0; bits < 2; bits++) {
        for (int disconnected = 0; disconnected < 2; disconnected++) {
            void *ctx = context();
            const char *name = text("%s%s", bits ? "on" : "off", disconnected ? ", after a disconnect" : "");
            const char *path = text("stale-%d-%d.sock", bits, disconnected);
            stale(path);
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(push, RECONNECT_STOP, bits ? AFTER_DISCONNECT : 0);
            set_int(push, ZMQ_RECONNECT_IVL, 10);
            if (disconnected) {
                connect_to(push, "ipc://nobody.sock");
                zmq_disconnect(push, "ipc://nobody.sock");
                settle(ctx);
            }
            void *monitor = watch(push, ZMQ_EVENT_CONNECT_RETRIED);
            connect_to(push, text("ipc://%s", path));
            set_int(monitor, ZMQ_RCVTIMEO, bits && disconnected ? QUIET : PATIENCE);
            say(text("%s retried", name), event_name(next_event(monitor, NULL, NULL, 0)));
        }
    }
}

static const struct rule rules[] = {
    RULE(connect_timeout), RULE(stop_refused), RULE(stop_handshake), RULE(stop_after_disconnect),
};

RUN(rules)
