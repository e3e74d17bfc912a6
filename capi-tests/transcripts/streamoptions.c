/* Options of descriptors, read back from the kernel by the descriptors that monitor events name, and those that
 * steer attempts to connect. transports.md sections 2.4 and 5. */
#include "transcript.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Numbers of the draft part of zmq.h; every build accepts the second. */
enum { PRIORITY = 112, BUSY_POLL = 113, RECONNECT_STOP = 109 };
enum { CONN_REFUSED = 1, HANDSHAKE_FAILED = 2, AFTER_DISCONNECT = 4 };

/* The descriptors of a connection. */
struct descriptors {
    int listening, accepted, connected;
};

/* The descriptor that the next event of this kind names; -1 if none comes. */
static int descriptor_of(void *monitor, int event)
{
    int value = -1;
    for (;;) {
        int got = next_event(monitor, &value, NULL, 0);
        if (got == event)
            return value;
        if (got == 0)
            return -1;
    }
}

static struct descriptors descriptors_of(void *binder, void *connecter, const char *endpoint)
{
    struct descriptors fds;
    void *at_binder = watch(binder, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED);
    void *at_connecter = watch(connecter, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    if (zmq_bind(binder, endpoint) != 0)
        say("bind", rc(-1));
    fds.listening = descriptor_of(at_binder, ZMQ_EVENT_LISTENING);
    connect_to(connecter, last_endpoint(binder));
    fds.connected = descriptor_of(at_connecter, ZMQ_EVENT_CONNECTED);
    /* All options are set by then. */
    await_event(at_connecter, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    fds.accepted = descriptor_of(at_binder, ZMQ_EVENT_ACCEPTED);
    unwatch(binder, at_binder);
    unwatch(connecter, at_connecter);
    return fds;
}

static int kernel_int(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, option, &value, &size) == 0 ? value : -errno;
}

static const char *three(struct descriptors fds, int level, int option)
{
    return text("listening %d, accepted %d, connected %d", kernel_int(fds.listening, level, option),
                kernel_int(fds.accepted, level, option), kernel_int(fds.connected, level, option));
}

/* An int option on both sides, and what the kernel has then. */
static void show(const char *name, int option, int value, int level, int kernel_option)
{
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_PULL);
    void *connecter = sock(ctx, ZMQ_PUSH);
    if (option != 0) {
        const char *set = try_set_int(binder, option, value);
        if (strcmp(set, "0") != 0) {
            say(name, set);
            return;
        }
        set_int(connecter, option, value);
    }
    say(name, three(descriptors_of(binder, connecter, "tcp://127.0.0.1:*"), level, kernel_option));
}

static void by_default(void)
{
    show("TOS", 0, 0, IPPROTO_IP, IP_TOS);
    show("PRIORITY", 0, 0, SOL_SOCKET, SO_PRIORITY);
    show("KEEPALIVE", 0, 0, SOL_SOCKET, SO_KEEPALIVE);
    show("NODELAY", 0, 0, IPPROTO_TCP, TCP_NODELAY);
    show("USER_TIMEOUT", 0, 0, IPPROTO_TCP, TCP_USER_TIMEOUT);
    show("REUSEPORT", 0, 0, SOL_SOCKET, SO_REUSEPORT);
}

static void values(void)
{
    show("TOS", ZMQ_TOS, 0x28, IPPROTO_IP, IP_TOS);
    show("TOS 0", ZMQ_TOS, 0, IPPROTO_IP, IP_TOS);
    show("PRIORITY", PRIORITY, 5, SOL_SOCKET, SO_PRIORITY);
    show("PRIORITY 0", PRIORITY, 0, SOL_SOCKET, SO_PRIORITY);
    show("BUSY_POLL -1", BUSY_POLL, -1, SOL_SOCKET, SO_BUSY_POLL);
    show("SNDBUF", ZMQ_SNDBUF, 20000, SOL_SOCKET, SO_SNDBUF);
    show("RCVBUF", ZMQ_RCVBUF, 30000, SOL_SOCKET, SO_RCVBUF);
    show("SNDBUF 0", ZMQ_SNDBUF, 0, SOL_SOCKET, SO_SNDBUF);
    show("TCP_MAXRT", ZMQ_TCP_MAXRT, 7000, IPPROTO_TCP, TCP_USER_TIMEOUT);
    show("TCP_KEEPALIVE 0", ZMQ_TCP_KEEPALIVE, 0, SOL_SOCKET, SO_KEEPALIVE);
    show("TCP_KEEPALIVE 1", ZMQ_TCP_KEEPALIVE, 1, SOL_SOCKET, SO_KEEPALIVE);
}

/* Raising it needs a privilege on some systems: what a plain socket gets counts. */
static void busy_poll(void)
{
    int value = 50;
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(plain, SOL_SOCKET, SO_BUSY_POLL, &value, sizeof value);
    value = kernel_int(plain, SOL_SOCKET, SO_BUSY_POLL);
    close(plain);
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_PULL);
    void *connecter = sock(ctx, ZMQ_PUSH);
    const char *set = try_set_int(binder, BUSY_POLL, 50);
    say("set", set);
    if (strcmp(set, "0") != 0)
        return;
    set_int(connecter, BUSY_POLL, 50);
    struct descriptors fds = descriptors_of(binder, connecter, "tcp://127.0.0.1:*");
    line("as a plain socket", "listening %d, accepted %d, connected %d",
         kernel_int(fds.listening, SOL_SOCKET, SO_BUSY_POLL) == value,
         kernel_int(fds.accepted, SOL_SOCKET, SO_BUSY_POLL) == value,
         kernel_int(fds.connected, SOL_SOCKET, SO_BUSY_POLL) == value);
}

static void keepalive(void)
{
    for (int on = -1; on <= 1; on++) {
        void *ctx = context();
        void *sockets[2] = {sock(ctx, ZMQ_PULL), sock(ctx, ZMQ_PUSH)};
        for (int i = 0; i < 2; i++) {
            set_int(sockets[i], ZMQ_TCP_KEEPALIVE, on);
            set_int(sockets[i], ZMQ_TCP_KEEPALIVE_CNT, 3);
            set_int(sockets[i], ZMQ_TCP_KEEPALIVE_IDLE, 40);
            set_int(sockets[i], ZMQ_TCP_KEEPALIVE_INTVL, 5);
        }
        struct descriptors fds = descriptors_of(sockets[0], sockets[1], "tcp://127.0.0.1:*");
        int usual = kernel_int(fds.listening, IPPROTO_TCP, TCP_KEEPIDLE);
        say(text("%d on", on), three(fds, SOL_SOCKET, SO_KEEPALIVE));
        line(text("%d times", on), "listener %s, accepted %d %d %d, connected %d %d %d",
             usual == 40 ? "set" : "as usual", kernel_int(fds.accepted, IPPROTO_TCP, TCP_KEEPCNT),
             kernel_int(fds.accepted, IPPROTO_TCP, TCP_KEEPIDLE),
             kernel_int(fds.accepted, IPPROTO_TCP, TCP_KEEPINTVL),
             kernel_int(fds.connected, IPPROTO_TCP, TCP_KEEPCNT),
             kernel_int(fds.connected, IPPROTO_TCP, TCP_KEEPIDLE),
             kernel_int(fds.connected, IPPROTO_TCP, TCP_KEEPINTVL));
    }
}

static const char *device_of(int fd)
{
    char name[IFNAMSIZ] = "";
    socklen_t size = sizeof name;
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) != 0)
        return error_name(errno);
    return text("'%s'", name);
}

static void device(void)
{
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_PULL);
    void *connecter = sock(ctx, ZMQ_PUSH);
    set_bytes(binder, ZMQ_BINDTODEVICE, "lo", 2);
    set_bytes(connecter, ZMQ_BINDTODEVICE, "lo", 2);
    struct descriptors fds = descriptors_of(binder, connecter, "tcp://127.0.0.1:*");
    line("lo", "listening %s, accepted %s, connected %s", device_of(fds.listening),
         device_of(fds.accepted), device_of(fds.connected));
    tx(connecter, "x");
    say("arrives", rx(binder));
    void *other = sock(ctx, ZMQ_PULL);
    set_bytes(other, ZMQ_BINDTODEVICE, "nosuch0", 7);
    say("no such device", rc(zmq_bind(other, "tcp://127.0.0.1:*")));
    set_bytes(connecter, ZMQ_BINDTODEVICE, "nosuch0", 7);
    set_int(connecter, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(connecter, ZMQ_EVENT_ALL);
    say("connect", rc(zmq_connect(connecter, "tcp://127.0.0.1:9")));
    for (int i = 0; i < 3; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
}

/* ipc takes none of this. */
static void ipc(void)
{
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_PULL);
    void *connecter = sock(ctx, ZMQ_PUSH);
    for (int i = 0; i < 2; i++) {
        void *s = i ? binder : connecter;
        set_int(s, ZMQ_TOS, 0x28);
        set_int(s, ZMQ_SNDBUF, 20000);
        set_int(s, ZMQ_TCP_KEEPALIVE, 1);
        set_int(s, ZMQ_TCP_MAXRT, 7000);
        set_bytes(s, ZMQ_BINDTODEVICE, "nosuch0", 7);
    }
    struct descriptors fds = descriptors_of(binder, connecter, "ipc://streamoptions.sock");
    say("KEEPALIVE", three(fds, SOL_SOCKET, SO_KEEPALIVE));
    line("SNDBUF", "%s", kernel_int(fds.connected, SOL_SOCKET, SO_SNDBUF) == 40000 ? "set" : "as usual");
    tx(connecter, "x");
    say("arrives", rx(binder));
}

/* A listener whose queue is full: attempts stay without an answer. */
static int deaf_listener(char *endpoint, int *fillers, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, size);
    listen(listener, 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, size);
    }
    sprintf(endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return listener;
}

static void connect_timeout(void)
{
    char endpoint[64];
    int fillers[4];
    int listener = deaf_listener(endpoint, fillers, 4);
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_CONNECT_TIMEOUT, 60);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    long start = now_ms();
    connect_to(push, endpoint);
    for (int i = 0; i < 2; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
    line("not before its time", "%s", now_ms() - start >= 60 ? "yes" : "no");
    for (int i = 2; i < 6; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
    shut(push);
    /* Without it the attempt goes on. */
    void *patient = sock(ctx, ZMQ_PUSH);
    void *other = watch(patient, ZMQ_EVENT_ALL);
    connect_to(patient, endpoint);
    say("patient", event_name(next_event(other, NULL, NULL, 0)));
    say("patient then", rx_quiet(other));
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
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
    RULE(by_default), RULE(values), RULE(busy_poll), RULE(keepalive), RULE(device), RULE(ipc), RULE(connect_timeout),
    RULE(stop_refused), RULE(stop_handshake), RULE(stop_after_disconnect),
};

RUN(rules)
