/* What the options make of the descriptors: listening, accepted, connected. transports.md section 2.4. */
#include "plain.h"
#include "transcript.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Numbers of the draft part of zmq.h. */
enum { PRIORITY = 112, BUSY_POLL = 113 };

struct setting {
    int option;
    int value;
};

static const struct {
    const char *name;
    int level;
    int option;
} looked_at[] = {
    {"KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE}, {"KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE}, {"KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT}, {"TOS", IPPROTO_IP, IP_TOS},
    {"TCLASS", IPPROTO_IPV6, IPV6_TCLASS}, {"V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY},
    {"NODELAY", IPPROTO_TCP, TCP_NODELAY}, {"REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
    {"REUSEPORT", SOL_SOCKET, SO_REUSEPORT}, {"BUSY_POLL", SOL_SOCKET, SO_BUSY_POLL},
};

/* The sizes of the buffers are the system's own affair unless they were set. */
static const char *look(int fd, int has_buffers)
{
    int listens = 0;
    socklen_t length = sizeof listens;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    const char *all = text("CLOEXEC %d", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    /* Whether a listening one blocks is nobody's business. */
    if (!listens)
        all = text("%s NONBLOCK %d", all, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    for (size_t i = 0; i < COUNT(looked_at); i++) {
        int value = 0;
        socklen_t size = sizeof value;
        if (getsockopt(fd, looked_at[i].level, looked_at[i].option, &value, &size) == 0)
            all = text("%s %s %d", all, looked_at[i].name, value);
    }
    char device[IFNAMSIZ] = "";
    length = sizeof device;
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &length) == 0 && device[0])
        all = text("%s BINDTODEVICE %s", all, device);
    for (int i = 0; has_buffers && i < 2; i++) {
        int value = 0;
        socklen_t size = sizeof value;
        getsockopt(fd, SOL_SOCKET, i ? SO_RCVBUF : SO_SNDBUF, &value, &size);
        all = text("%s %s %d", all, i ? "RCVBUF" : "SNDBUF", value);
    }
    return all;
}

/* The descriptor that an event of this kind names. */
static int fd_of(void *monitor, int event)
{
    int got, fd = -1;
    do {
        got = next_event(monitor, &fd, NULL, 0);
    } while (got && got != event);
    return got ? fd : -1;
}

static void show(const char *key, const char *endpoint, const struct setting *settings, int has_buffers)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    for (; settings->option; settings++) {
        if (settings->option == ZMQ_BINDTODEVICE) {
            set_bytes(pull, settings->option, "lo", 2);
            set_bytes(push, settings->option, "lo", 2);
            continue;
        }
        const char *result = try_set_int(pull, settings->option, settings->value);
        if (strcmp(result, "0") != 0)
            line(key, "option %d: %s", settings->option, result);
        try_set_int(push, settings->option, settings->value);
    }
    void *at_pull = watch(pull, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED);
    void *at_push = watch(push, ZMQ_EVENT_CONNECTED);
    say(text("%s, bind", key), rc(zmq_bind(pull, endpoint)));
    say(text("%s, connect", key), rc(zmq_connect(push, last_endpoint(pull))));
    say(text("%s, listening", key), look(fd_of(at_pull, ZMQ_EVENT_LISTENING), has_buffers));
    /* What is set after the connection is there, is set once a message came through. */
    int accepted = fd_of(at_pull, ZMQ_EVENT_ACCEPTED), connected = fd_of(at_push, ZMQ_EVENT_CONNECTED);
    tx(push, "through");
    say(text("%s, recv", key), rx(pull));
    say(text("%s, accepted", key), look(accepted, has_buffers));
    say(text("%s, connected", key), look(connected, has_buffers));
    shut(at_pull);
    shut(at_push);
    shut(pull);
    shut(push);
    term(ctx);
}

static const struct setting none[] = {{0, 0}};

static void defaults(void)
{
    show("tcp", "tcp://127.0.0.1:*", none, 0);
    show("ipc", "ipc://*", none, 0);
    static const struct setting ipv6[] = {{ZMQ_IPV6, 1}, {0, 0}};
    show("tcp IPv6", "tcp://[::1]:*", ipv6, 0);
    show("tcp mapped", "tcp://127.0.0.1:*", ipv6, 0);
}

static void keepalive(void)
{
    static const struct setting on[] = {{ZMQ_TCP_KEEPALIVE, 1}, {0, 0}};
    static const struct setting off[] = {{ZMQ_TCP_KEEPALIVE, 0}, {0, 0}};
    static const struct setting times[] = {{ZMQ_TCP_KEEPALIVE, 1}, {ZMQ_TCP_KEEPALIVE_CNT, 7},
                                           {ZMQ_TCP_KEEPALIVE_IDLE, 77}, {ZMQ_TCP_KEEPALIVE_INTVL, 17}, {0, 0}};
    static const struct setting times_alone[] = {{ZMQ_TCP_KEEPALIVE_CNT, 7}, {ZMQ_TCP_KEEPALIVE_IDLE, 77},
                                                 {ZMQ_TCP_KEEPALIVE_INTVL, 17}, {0, 0}};
    static const struct setting times_off[] = {{ZMQ_TCP_KEEPALIVE, 0}, {ZMQ_TCP_KEEPALIVE_CNT, 7},
                                               {ZMQ_TCP_KEEPALIVE_IDLE, 77}, {0, 0}};
    show("on", "tcp://127.0.0.1:*", on, 0);
    show("off", "tcp://127.0.0.1:*", off, 0);
    show("times", "tcp://127.0.0.1:*", times, 0);
    show("times alone", "tcp://127.0.0.1:*", times_alone, 0);
    show("times, but off", "tcp://127.0.0.1:*", times_off, 0);
    show("ipc", "ipc://*", times, 0);
}

static void others(void)
{
    static const struct setting maxrt[] = {{ZMQ_TCP_MAXRT, 12345}, {0, 0}};
    static const struct setting tos[] = {{ZMQ_TOS, 0x28}, {0, 0}};
    static const struct setting tos6[] = {{ZMQ_TOS, 0x28}, {ZMQ_IPV6, 1}, {0, 0}};
    static const struct setting buffers[] = {{ZMQ_SNDBUF, 40000}, {ZMQ_RCVBUF, 50000}, {0, 0}};
    static const struct setting no_buffers[] = {{ZMQ_SNDBUF, 0}, {ZMQ_RCVBUF, 0}, {0, 0}};
    show("MAXRT", "tcp://127.0.0.1:*", maxrt, 0);
    show("TOS", "tcp://127.0.0.1:*", tos, 0);
    show("TOS IPv6", "tcp://[::1]:*", tos6, 0);
    show("buffers", "tcp://127.0.0.1:*", buffers, 1);
    show("no buffers", "tcp://127.0.0.1:*", no_buffers, 1);
    show("ipc TOS", "ipc://*", tos, 0);
    show("ipc buffers", "ipc://*", buffers, 1);
}

/* ZMQ_BINDTODEVICE needs a privilege, without which both say so. */
static void device(void)
{
    static const char *const names[] = {"lo", "nosuch0", "sixteen bytes ok"};
    void *ctx = context();
    void *any = sock(ctx, ZMQ_PULL);
    const char *endpoint = bind_any(any, TCP);
    for (size_t i = 0; i < COUNT(names); i++) {
        void *pull = sock(ctx, ZMQ_PULL);
        set_bytes(pull, ZMQ_BINDTODEVICE, names[i], strlen(names[i]));
        const char *result = rc(zmq_bind(pull, "tcp://127.0.0.1:*"));
        line(text("%s bind", names[i]), "%s, last '%s'", result, masked(last_endpoint(pull)));
        /* With a monitor the stock library reports some other error. */
        void *at_pull = watch(pull, ZMQ_EVENT_LISTENING | ZMQ_EVENT_BIND_FAILED | ZMQ_EVENT_CLOSED);
        line(text("%s bind again", names[i]), "%d", zmq_bind(pull, "tcp://127.0.0.1:*"));
        say(text("%s bind event", names[i]), event_name(next_event(at_pull, NULL, NULL, 0)));
        void *push = sock(ctx, ZMQ_PUSH);
        set_bytes(push, ZMQ_BINDTODEVICE, names[i], strlen(names[i]));
        void *at_push = watch(push, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED);
        connect_to(push, endpoint);
        say(text("%s connect event", names[i]), event_name(next_event(at_push, NULL, NULL, 0)));
        void *ipc = sock(ctx, ZMQ_PULL);
        set_bytes(ipc, ZMQ_BINDTODEVICE, names[i], strlen(names[i]));
        say(text("%s ipc bind", names[i]), rc(zmq_bind(ipc, "ipc://*")));
        shut(push);
        shut(pull);
        shut(ipc);
    }
}

/* An option of draft builds on all three descriptors, against what a plain socket gets: raising SO_BUSY_POLL needs
 * a privilege on some systems. */
static void draft_option(const char *name, int option, int value, int kernel_option)
{
    socklen_t size = sizeof(int);
    int plain = socket(AF_INET, SOCK_STREAM, 0), wanted = value, got[3] = {-1, -1, -1};
    setsockopt(plain, SOL_SOCKET, kernel_option, &wanted, size);
    getsockopt(plain, SOL_SOCKET, kernel_option, &wanted, &size);
    close(plain);
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    const char *set = try_set_int(pull, option, value);
    say(text("%s set", name), set);
    if (strcmp(set, "0") != 0)
        return;
    set_int(push, option, value);
    void *at_pull = watch(pull, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED);
    void *at_push = watch(push, ZMQ_EVENT_CONNECTED);
    connect_to(push, bind_any(pull, TCP));
    int fds[3] = {fd_of(at_pull, ZMQ_EVENT_LISTENING), fd_of(at_pull, ZMQ_EVENT_ACCEPTED),
                  fd_of(at_push, ZMQ_EVENT_CONNECTED)};
    for (int i = 0; i < 3; i++)
        getsockopt(fds[i], SOL_SOCKET, kernel_option, &got[i], &size);
    line(text("%s as a plain socket", name), "listening %d, accepted %d, connected %d", got[0] == wanted,
         got[1] == wanted, got[2] == wanted);
}

static void draft_options(void)
{
    draft_option("PRIORITY 5", PRIORITY, 5, SO_PRIORITY);
    draft_option("PRIORITY 0", PRIORITY, 0, SO_PRIORITY);
    draft_option("BUSY_POLL 50", BUSY_POLL, 50, SO_BUSY_POLL);
}

static struct tcp_info tcp_state(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info;
}

/* A descriptor that is being connected, and is none of those below `known`, or -1. */
static int pending_above(int known)
{
    for (int fd = known + 1; fd < 1024; fd++) {
        if (tcp_state(fd).tcpi_state == TCP_SYN_SENT)
            return fd;
    }
    return -1;
}

/* While the connection is not yet there: what is set before it, and what is not. */
static void before_the_connection(void)
{
    static const struct setting everything[] = {
        {ZMQ_TOS, 0x28}, {ZMQ_SNDBUF, 40000}, {ZMQ_RCVBUF, 50000}, {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_CNT, 7}, {ZMQ_TCP_KEEPALIVE_IDLE, 77}, {ZMQ_TCP_KEEPALIVE_INTVL, 17},
        {ZMQ_TCP_MAXRT, 12345}};
    struct deaf deaf = plain_deaf("127.0.0.1");
    int port = port_of(deaf.endpoint);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        void *ctx = context(), *push = sock(ctx, ZMQ_PUSH);
        for (size_t i = 0; i < COUNT(everything); i++)
            set_int(push, everything[i].option, everything[i].value);
        set_int(push, ZMQ_IPV6, ipv6);
        set_bytes(push, ZMQ_BINDTODEVICE, "lo", 2);
        void *monitor = watch(push, ZMQ_EVENT_CONNECT_DELAYED);
        int known = dup(0);
        connect_to(push, text("tcp://127.0.0.2:0;127.0.0.1:%d", port));
        say(text("IPV6 %d event", ipv6), event_name(next_event(monitor, NULL, NULL, 0)));
        say(text("IPV6 %d", ipv6), look(pending_above(known), 1));
        close(known);
        shut(monitor);
        shut(push);
        term(ctx);
    }
}

/* On all three descriptors, once connected. */
static void device_on_descriptors(void)
{
    static const struct setting to_lo[] = {{ZMQ_BINDTODEVICE, 0}, {0, 0}};
    show("lo", "tcp://127.0.0.1:*", to_lo, 0);
    show("ipc", "ipc://*", to_lo, 0);
}

/* The length of the queue of a listener: the kernel knows it. */
static void backlog(void)
{
    static const int lengths[] = {-1, 0, 1, 17, 100};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        void *s = sock(context(), ZMQ_PULL);
        if (lengths[i] >= 0)
            set_int(s, ZMQ_BACKLOG, lengths[i]);
        void *monitor = watch(s, ZMQ_EVENT_LISTENING);
        bind_any(s, TCP);
        unsigned queue = tcp_state(fd_of(monitor, ZMQ_EVENT_LISTENING)).tcpi_sacked;
        line(lengths[i] < 0 ? "not set" : text("%d", lengths[i]), "reads %s, %s", show_int(s, ZMQ_BACKLOG),
             queue > 100 ? "more than 100" : text("%u", queue));
    }
}

/* A connection from an address that was named. */
static void source_address(void)
{
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    int port = port_of(bind_any(pull, TCP));
    void *monitor = watch(push, ZMQ_EVENT_CONNECTED);
    connect_to(push, text("tcp://127.0.0.2:0;127.0.0.1:%d", port));
    int fd = fd_of(monitor, ZMQ_EVENT_CONNECTED);
    tx(push, "through");
    say("recv", rx(pull));
    say("connected", look(fd, 0));
}

/* Options that are set later are for later endpoints. */
static void copied_at_bind(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_TCP_KEEPALIVE_CNT, 5);
    set_int(pull, ZMQ_TCP_KEEPALIVE, 1);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED);
    const char *first = bind_any(pull, TCP);
    set_int(pull, ZMQ_TCP_KEEPALIVE_CNT, 6);
    const char *second = bind_any(pull, TCP);
    const char *const endpoints[] = {first, second};
    for (int i = 0; i < 2; i++) {
        void *push = sock(ctx, ZMQ_PUSH);
        connect_to(push, endpoints[i]);
        int fd = fd_of(monitor, ZMQ_EVENT_ACCEPTED), count = 0;
        socklen_t size = sizeof count;
        tx(push, "through");
        rx(pull);
        getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, &size);
        line(text("listener %d", i), "%d", count);
    }
}

/* Attempts that come later, too, are made with the options of their connect. */
static void copied_at_connect(void)
{
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_TCP_KEEPALIVE, 1);
    set_int(push, ZMQ_TCP_KEEPALIVE_CNT, 5);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_CONNECTED);
    connect_to(push, vacant(TCP));
    set_int(push, ZMQ_TCP_KEEPALIVE_CNT, 6);
    set_int(push, ZMQ_RECONNECT_IVL, -1);
    for (int i = 0; i < 2; i++) {
        bind_again(pull, last_endpoint(push));
        int fd = fd_of(monitor, ZMQ_EVENT_CONNECTED), count = 0;
        socklen_t size = sizeof count;
        tx(push, "through");
        line(text("connection %d, recv", i), "%s", rx(pull));
        getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, &size);
        line(text("connection %d", i), "%d", count);
        shut(pull);
        pull = sock(ctx, ZMQ_PULL);
    }
}

static const struct rule rules[] = {
    RULE(defaults), RULE(keepalive), RULE(others), RULE(device), RULE(draft_options), RULE(copied_at_bind), RULE(copied_at_connect),
    RULE(before_the_connection), RULE(device_on_descriptors), RULE(backlog), RULE(source_address),
};

RUN(rules)
