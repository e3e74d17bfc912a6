/* The events of a monitor with their values: which number goes with which event, which descriptor is whose, which
 * text stands where. api.md section 9. */
#include "transcript.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

struct event {
    int number, value;
    char address[256];
};

static struct event next(void *monitor)
{
    struct event found;
    memset(&found, 0, sizeof found);
    found.number = next_event(monitor, &found.value, found.address, sizeof found.address);
    return found;
}

/* The next event that is none of those. */
static struct event next_but(void *monitor, int others)
{
    struct event found;
    do
        found = next(monitor);
    while (found.number & others);
    return found;
}

static struct event until(void *monitor, int number)
{
    return next_but(monitor, 0xffff & ~number);
}

static const char *named(struct event found)
{
    return event_name(found.number);
}

static int is_stream_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* A descriptor of the system's connected to a tcp endpoint of ours. */
static int connect_plainly(const char *endpoint)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t) port_of(endpoint));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *) &address, sizeof address) != 0)
        give_up("connect");
    return fd;
}

/* The descriptors in the values are those of the connection and of the listener. */
static void descriptors(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *server = sock(ctx, ZMQ_PULL), *client = sock(ctx, ZMQ_PUSH);
        void *at_server = watch(server, ZMQ_EVENT_ALL), *at_client = watch(client, ZMQ_EVENT_ALL);
        const char *endpoint = bind_any(server, t);
        struct event listening = next(at_server);
        connect_to(client, endpoint);
        struct event connected = until(at_client, ZMQ_EVENT_CONNECTED), accepted = next(at_server);
        line(text("%s events", name), "%s %s %s", named(listening), named(connected), named(accepted));
        line(text("%s streams", name), "%d %d %d", is_stream_socket(listening.value),
             is_stream_socket(connected.value), is_stream_socket(accepted.value));
        line(text("%s endpoints", name), "%d %d %d", strcmp(listening.address, endpoint) == 0,
             strcmp(connected.address, endpoint) == 0, strcmp(accepted.address, endpoint) == 0);
        struct event up = next(at_server), client_up = next(at_client);
        line(text("%s up", name), "%s %d %d, %s %d %d", named(up), up.value, strcmp(up.address, endpoint) == 0,
             named(client_up), client_up.value, strcmp(client_up.address, endpoint) == 0);
        shut(client);
        struct event gone = next(at_server);
        line(text("%s gone", name), "%s, of the accepted %d", named(gone), gone.value == accepted.value);
        zmq_unbind(server, endpoint);
        struct event closed = next(at_server);
        line(text("%s closed", name), "%s, of the listener %d, %d", named(closed),
             closed.value == listening.value, strcmp(closed.address, endpoint) == 0);
        shut(server);
    }
}

/* The connecting side loses its peer, and gets it back. */
static void back_again(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *server = sock(ctx, ZMQ_PULL), *client = sock(ctx, ZMQ_PUSH);
        set_int(client, ZMQ_RECONNECT_IVL, 30);
        void *monitor = watch(client, ZMQ_EVENT_ALL & ~ZMQ_EVENT_CONNECT_DELAYED);
        /* A path in the directory that the program runs in: a wildcard's would be gone. */
        const char *endpoint = t == IPC ? "ipc://again" : bind_any(server, TCP);
        if (t == IPC)
            say("ipc first bind", rc(zmq_bind(server, endpoint)));
        connect_to(client, endpoint);
        struct event connected = next(monitor);
        say(text("%s 2", name), named(next(monitor)));
        shut(server);
        struct event lost = next(monitor), retried = next(monitor);
        line(text("%s lost", name), "%s, of the connected %d, %d", named(lost), lost.value == connected.value,
             strcmp(lost.address, endpoint) == 0);
        line(text("%s retried", name), "%s, %d, %d", named(retried), retried.value >= 30 && retried.value < 60,
             strcmp(retried.address, endpoint) == 0);
        server = sock(ctx, ZMQ_PULL);
        say(text("%s bind", name), bind_again(server, endpoint));
        int refused = ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED
                      | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
        struct event again = next_but(monitor, refused);
        line(text("%s again", name), "%s, %d", named(again), is_stream_socket(again.value));
        say(text("%s up again", name), named(next(monitor)));
        shut(client);
        /* What a socket that is closed does no longer is seen from its last event. */
        say(text("%s last", name), named(next(monitor)));
    }
}

/* Refused attempts: each event with its value, and the growing delay. */
static void refused(void)
{
    void *ctx = context();
    void *client = sock(ctx, ZMQ_PUSH);
    set_int(client, ZMQ_RECONNECT_IVL, 10);
    set_int(client, ZMQ_RECONNECT_IVL_MAX, 40);
    const char *endpoint = keep(vacant(TCP));
    void *monitor = watch(client, ZMQ_EVENT_ALL);
    connect_to(client, endpoint);
    for (int i = 0; i < 4; i++) {
        struct event delayed = next(monitor), closed = next(monitor), retried = next(monitor);
        line(text("tcp %d", i), "%s %s %d, %s %d %d, %s %d", named(delayed), error_name(delayed.value),
             strcmp(delayed.address, endpoint) == 0, named(closed), closed.value > 2,
             strcmp(closed.address, endpoint) == 0, named(retried), strcmp(retried.address, endpoint) == 0);
        line(text("tcp delay %d", i), "%d", retried.value >= 10 && retried.value <= 50);
    }
    const char *nobody = "ipc://nobody";
    void *other = sock(ctx, ZMQ_PUSH);
    set_int(other, ZMQ_RECONNECT_IVL, 10);
    monitor = watch(other, ZMQ_EVENT_ALL);
    connect_to(other, nobody);
    for (int i = 0; i < 2; i++) {
        struct event closed = next(monitor), retried = next(monitor);
        line(text("ipc %d", i), "%s %d %d, %s %d %d", named(closed), closed.value > 2,
             strcmp(closed.address, nobody) == 0, named(retried), retried.value >= 10,
             strcmp(retried.address, nobody) == 0);
    }
}

/* What fails in zmq_bind itself. */
static void bind_failures(void)
{
    void *ctx = context();
    void *first = sock(ctx, ZMQ_PULL);
    const char *taken = bind_any(first, TCP);
    const char *endpoints[] = {taken, "tcp://198.51.100.1:5555", "tcp://nointerface:5555", "tcp://127.0.0.1",
                               "tcp://127.0.0.1:99999", "tcp://:5555", "tcp://127.0.0.1:", "tcp://*:x", "tcp://",
                               "ipc:///nowhere/at/all", "ipc://"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ipc://", "inproc://", "nonsense", "udp://127.0.0.1:5555"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        void *socket = sock(ctx, ZMQ_PULL);
        void *monitor = watch(socket, ZMQ_EVENT_ALL);
        begin_line(masked(endpoints[i]));
        in_line("bind", rc(zmq_bind(socket, endpoints[i])));
        set_int(monitor, ZMQ_RCVTIMEO, QUIET);
        struct event found;
        while ((found = next(monitor)).number)
            in_line(named(found), text("%s '%s'", found.number == ZMQ_EVENT_BIND_FAILED ? error_name(found.value)
                                                  : found.value > 2 ? "fd" : "no fd", masked(found.address)));
        end_line();
    }
}

/* No descriptor left for a peer: the only call of accept that a test can let fail. */
static void accept_failure(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL);
    const char *endpoint = bind_any(server, TCP);
    void *monitor = watch(server, ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_ACCEPTED);
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t) port_of(endpoint));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    /* Who waits has what it needs for that from now on. Fewer than it polls would be too few. */
    set_int(monitor, ZMQ_RCVTIMEO, 1);
    rx(monitor);
    set_int(monitor, ZMQ_RCVTIMEO, PATIENCE);
    struct rlimit before, none = {3, 0};
    getrlimit(RLIMIT_NOFILE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    if (connect(fd, (struct sockaddr *) &address, sizeof address) != 0)
        give_up("connect");
    struct event failed = next(monitor);
    line("failed", "%s %s, %d", named(failed), error_name(failed.value), strcmp(failed.address, endpoint) == 0);
    setrlimit(RLIMIT_NOFILE, &before);
    say("then", named(until(monitor, ZMQ_EVENT_ACCEPTED)));
    zmq_socket_monitor(server, NULL, 0);
    close(fd);
}

static void put(int fd, const char *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t) size)
        line("short write", "%s", error_name(errno));
}

/* A ZMTP 3 greeting of a mechanism. */
static void greet(int fd, const char *mechanism)
{
    char greeting[64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0";
    memcpy(greeting + 12, mechanism, strlen(mechanism));
    put(fd, greeting, sizeof greeting);
}

/* What a peer can do wrong before it is one. */
static void handshake_failures(void)
{
    static const struct {
        const char *name, *mechanism, *bytes;
        size_t size;
        int ends;
    } cases[] = {
        {"ends at once", NULL, "", 0, 1},
        {"ends in the greeting", NULL, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11, 1},
        {"ends before READY", "NULL", "", 0, 1},
        {"another mechanism", "PLAIN", "", 0, 0},
        {"no mechanism", "XYZ", "", 0, 0},
        {"unknown command", "NULL", "\4\6\5WRONG", 8, 0},
        {"message for a command", "NULL", "\0\3abc", 5, 0},
        {"READY without its name's end", "NULL", "\4\3\5REA", 5, 0},
        {"READY of a type that does not fit", "NULL", "\4\x19\5READY\x0bSocket-Type\0\0\0\3PUB", 27, 0},
        {"ERROR cut off", "NULL", "\4\x07\5ERROR\2", 9, 0},
        {"flags of no frame", "NULL", "\x88\3abc", 5, 0},
        {"READY", "NULL", "\4\x1a\5READY\x0bSocket-Type\0\0\0\4PUSH", 28, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *ctx = context();
        void *server = sock(ctx, ZMQ_PULL);
        void *monitor = watch(server, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED));
        int fd = connect_plainly(bind_any(server, TCP));
        if (cases[i].mechanism)
            greet(fd, cases[i].mechanism);
        put(fd, cases[i].bytes, cases[i].size);
        if (cases[i].ends)
            shutdown(fd, SHUT_WR);
        struct event found = next(monitor);
        shutdown(fd, SHUT_WR);
        set_int(monitor, ZMQ_RCVTIMEO, 3 * QUIET);
        begin_line(cases[i].name);
        in_line(named(found), found.number == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL ? error_name(found.value)
                              : found.number == ZMQ_EVENT_DISCONNECTED ? found.value > 2 ? "fd" : "no fd"
                              : text("%x", found.value));
        in_line("then", named(next(monitor)));
        end_line();
        close(fd);
        shut(server);
    }
}

static void handshake_in_vain(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL);
    set_int(server, ZMQ_HANDSHAKE_IVL, 50);
    void *monitor = watch(server, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED));
    int fd = connect_plainly(bind_any(server, TCP));
    struct event found = next(monitor);
    line("silent peer", "%s %s, %s", named(found), error_name(found.value), named(next(monitor)));
    close(fd);
}

/* STREAM has no handshake. */
static void stream(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_STREAM), *client = sock(ctx, ZMQ_STREAM);
    void *at_server = watch(server, ZMQ_EVENT_ALL), *at_client = watch(client, ZMQ_EVENT_ALL);
    const char *endpoint = bind_any(server, TCP);
    connect_to(client, endpoint);
    rx(client);
    rx(server);
    shut(client);
    begin_line("server");
    for (int i = 0; i < 3; i++)
        in_line(named(next(at_server)), "");
    end_line();
    begin_line("client");
    for (int i = 0; i < 3; i++)
        in_line(named(next(at_client)), "");
    end_line();
}

/* How many come, and how many are not what was asked for. */
static const char *tally(void *monitor, int asked)
{
    int count = 0, others = 0;
    struct event found;
    set_int(monitor, ZMQ_RCVTIMEO, QUIET);
    while ((found = next(monitor)).number) {
        count++;
        others += found.number != asked;
    }
    return text("%d, others %d", count, others);
}

/* One bit asked for: that event and no other, in lives that have most of them. */
static void each_alone(void)
{
    for (int bit = 0; bit < 16; bit++) {
        void *ctx = context(), *of_client = context();
        void *server = sock(ctx, ZMQ_PULL), *client = sock(of_client, ZMQ_PUSH);
        set_int(client, ZMQ_RECONNECT_IVL, 5000);
        void *at_server = watch(server, 1 << bit), *at_client = watch(client, 1 << bit);
        const char *endpoint = bind_any(server, TCP);
        zmq_bind(server, endpoint);
        connect_to(client, vacant(TCP));
        settle(of_client);
        connect_to(client, endpoint);
        rx_quiet(server);
        shut(client);
        begin_line(event_name(1 << bit));
        in_line("client", tally(at_client, 1 << bit));
        /* After this the connection is closed, and after that the server knows. */
        shut(at_client);
        term(of_client);
        settle(ctx);
        zmq_unbind(server, endpoint);
        settle(ctx);
        shut(server);
        in_line("server", tally(at_server, 1 << bit));
        end_line();
    }
}

/* Events of several connections: each in its order. */
static void several_connections(void)
{
    enum { COUNT = 20 };
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL), *clients[COUNT];
    void *monitor = watch(server, ZMQ_EVENT_ALL);
    const char *endpoint = bind_any(server, TCP);
    int fds[COUNT], states[COUNT], known = 0, wrong = 0, ended = 0;
    say("first", named(next(monitor)));
    for (int i = 0; i < COUNT; i++) {
        clients[i] = sock(ctx, ZMQ_PUSH);
        connect_to(clients[i], endpoint);
        tx(clients[i], "x");
    }
    for (int i = 0; i < COUNT; i++)
        rx(server);
    for (int i = 0; i < COUNT; i++)
        shut(clients[i]);
    int up = 0, gone = 0;
    while (ended < COUNT) {
        struct event found = next(monitor);
        if (found.number == ZMQ_EVENT_ACCEPTED) {
            fds[known] = found.value;
            states[known++] = 1;
        } else if (found.number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            up++;
            wrong += up > known;
        } else if (found.number == ZMQ_EVENT_DISCONNECTED) {
            ended++;
            gone = 0;
            for (int i = 0; i < known; i++) {
                if (fds[i] == found.value && states[i] == 1) {
                    states[i] = 2;
                    gone = 1;
                }
            }
            wrong += !gone;
        } else {
            line("unexpected", "%s", named(found));
            break;
        }
    }
    line("accepted, up, ended, wrong", "%d %d %d %d", known, up, ended, wrong);
}

/* Several endpoints: each event with its own. */
static void several_endpoints(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL);
    void *monitor = watch(server, ZMQ_EVENT_ALL);
    const char *one = bind_any(server, TCP), *two = bind_any(server, IPC), *three = bind_any(server, TCP);
    const char *endpoints[] = {one, two, three};
    for (int i = 0; i < 3; i++) {
        struct event found = next(monitor);
        line(text("listening %d", i), "%s %d", named(found), strcmp(found.address, endpoints[i]) == 0);
    }
    for (int i = 2; i >= 0; i--) {
        void *client = sock(ctx, ZMQ_PUSH);
        connect_to(client, endpoints[i]);
        struct event found = next(monitor), up = next(monitor);
        line(text("peer at %d", i), "%s %d, %s %d", named(found), strcmp(found.address, endpoints[i]) == 0, named(up),
             strcmp(up.address, endpoints[i]) == 0);
    }
}

static void disconnected_on_purpose(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *server = sock(ctx, ZMQ_PULL), *client = sock(ctx, ZMQ_PUSH);
        const char *endpoint = bind_any(server, t), *name = transport_names[t];
        void *at_client = watch(client, ZMQ_EVENT_ALL), *at_server = watch(server, ZMQ_EVENT_ALL);
        connect_to(client, endpoint);
        await_event(at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        await_event(at_server, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        say(text("%s disconnect", name), rc(zmq_disconnect(client, endpoint)));
        settle(ctx);
        get_int(client, ZMQ_EVENTS);
        say(text("%s server", name), named(next(at_server)));
        set_int(at_client, ZMQ_RCVTIMEO, QUIET);
        say(text("%s client", name), named(next(at_client)));
    }
}

static const struct rule rules[] = {
    RULE(descriptors), RULE(back_again), RULE(refused), RULE(bind_failures), RULE(accept_failure),
    RULE(handshake_failures), RULE(handshake_in_vain), RULE(stream), RULE(each_alone), RULE(several_connections),
    RULE(several_endpoints), RULE(disconnected_on_purpose),
};

RUN(rules)
