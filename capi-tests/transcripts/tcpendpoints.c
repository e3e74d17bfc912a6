/* tcp endpoints in all spellings, and what decides who may connect. transports.md sections 2.1 to 2.5. */
#include "transcript.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void *sock6(void *ctx, int type, int ipv6)
{
    void *s = sock(ctx, type);
    set_int(s, ZMQ_IPV6, ipv6);
    return s;
}

/* A link-local address and its interface, if this machine has one. */
static int link_local(char *address, size_t size, char *interface)
{
    struct ifaddrs *list;
    int found = 0;
    if (getifaddrs(&list) != 0)
        return 0;
    for (struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
        struct sockaddr_in6 *ip = (struct sockaddr_in6 *) entry->ifa_addr;
        if (!ip || ip->sin6_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&ip->sin6_addr))
            continue;
        found = inet_ntop(AF_INET6, &ip->sin6_addr, address, (socklen_t) size) != NULL;
        snprintf(interface, IF_NAMESIZE, "%s", entry->ifa_name);
    }
    freeifaddrs(list);
    return found;
}

/* ---- bind ---- */

static const char *const hosts[] = {
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.256",
    "127.0.0.1.1", "127.0.0", "0", "0.0.0.0", "*", "[127.0.0.1]", "[*]", "[lo]", "lo", "LO", "lo ", " lo",
    "lo0", "lo:0", "localhost", "LocalHost", "[localhost]", "localhost.", "nosuch0", "a/b", "lo%1",
    "127.0.0.1%lo", "127.0.0.1%nosuch", "127.0.0.1%", "127.0.0.1%1", "*%lo", "%lo", "%", "", "[]", "[",
    "]", "[[::1]]", "[::1", "::1]", "[::1]x", "x[::1]", "::1", "[::1]", "::", "[::]", "0::0", "[0:0:0:0:0:0:0:1]",
    "[::0001]", "::1%lo", "[::1%lo]", "[::1%1]", "[::1%01]", "[::1%99999]", "[::1%0]", "[::1%nosuch]", "[::1%]",
    "[::1%-1]", "[::1%1x]", "[::1%lo%lo]", "[::1]%lo", "[::ffff:127.0.0.1]", "::ffff:127.0.0.1",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:127.1]", "[fe80::1]", "[fe80::1%lo]", "[ff02::1]", "[:::]",
    "[1::2::3]", "[12345::]", "224.0.0.1", "255.255.255.255", "192.0.2.77", "\xff",
};

static void bind_hosts(int ipv6)
{
    void *ctx = context();
    for (size_t i = 0; i < COUNT(hosts); i++) {
        void *s = sock6(ctx, ZMQ_PAIR, ipv6);
        const char *endpoint = text("tcp://%s:*", hosts[i]);
        const char *result = rc(zmq_bind(s, endpoint));
        line(text("'%s'", shown(hosts[i], strlen(hosts[i]))), "%s, last '%s'", result,
             masked(last_endpoint(s)));
        shut(s);
    }
}

static void bind_ipv4(void)
{
    bind_hosts(0);
}

static void bind_ipv6(void)
{
    bind_hosts(1);
}

static void bind_ports(void)
{
    static const char *const ports[] = {"*", "0", "00", "+0", "-0", "0x0", " *", "* ", "**", "*0", "0*", "",
                                        " ", "x", "-", "+", "65536", "131072", "-65536", "99999999999",
                                        "18446744073709551616", ":", ":*", "1.5*", "\xff"};
    void *ctx = context();
    for (size_t i = 0; i < COUNT(ports); i++) {
        void *s = sock(ctx, ZMQ_PAIR);
        const char *result = rc(zmq_bind(s, text("tcp://127.0.0.1:%s", ports[i])));
        line(text("'%s'", shown(ports[i], strlen(ports[i]))), "%s, last '%s'", result,
             masked(last_endpoint(s)));
        shut(s);
    }
}

/* The zone of a link-local address is written as the interface's name. */
static void bind_link_local(void)
{
    char address[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
    if (!link_local(address, sizeof address, interface)) {
        say("link-local", "no such address here");
        return;
    }
    unsigned index = if_nametoindex(interface);
    const char *const spellings[] = {text("[%s%%%s]", address, interface), text("[%s%%%u]", address, index),
                                     text("%s%%%s", address, interface), text("[%s]", address),
                                     text("[%s%%lo]", address), text("[%s%%%ux]", address, index)};
    void *ctx = context();
    for (size_t i = 0; i < COUNT(spellings); i++) {
        void *s = sock6(ctx, ZMQ_PULL, 1);
        const char *result = rc(zmq_bind(s, text("tcp://%s:*", spellings[i])));
        const char *last = last_endpoint(s);
        line(text("spelling %zu", i), "%s, named %d", result,
             strstr(last, text("[%s%%%s]", address, interface)) != NULL);
        if (result[0] == '0') {
            void *peer = sock6(ctx, ZMQ_PUSH, 1);
            say(text("spelling %zu, connect to it", i), rc(zmq_connect(peer, last)));
            tx(peer, "over the link");
            say(text("spelling %zu, recv", i), rx(s));
            say(text("spelling %zu, unbind", i), rc(zmq_unbind(s, last)));
            shut(peer);
        }
        shut(s);
    }
}

/* ---- connect ---- */

/* How the first attempt ends. */
static const char *attempt(void *ctx, const char *endpoint, int ipv6)
{
    void *s = sock6(ctx, ZMQ_PUSH, ipv6);
    void *monitor = watch(s, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
    const char *result = rc(zmq_connect(s, endpoint));
    if (result[0] == '0') {
        int is_last = strcmp(last_endpoint(s), endpoint) == 0;
        const char *event = event_name(next_event(monitor, NULL, NULL, 0));
        const char *disconnect = rc(zmq_disconnect(s, endpoint));
        result = text("%s%s, disconnect %s", event, is_last ? "" : ", last is not the text", disconnect);
    }
    unwatch(s, monitor);
    shut(s);
    return result;
}

/* Who listens on 127.0.0.1 and ::1 with one port number. */
static int listeners(void *ctx)
{
    for (;;) {
        void *four = sock6(ctx, ZMQ_PULL, 0);
        void *six = sock6(ctx, ZMQ_PULL, 1);
        int port = port_of(bind_any(four, TCP));
        if (zmq_bind(six, text("tcp://[::1]:%d", port)) == 0)
            return port;
        shut(four);
        shut(six);
    }
}

/* None that a name server would be asked for, and no address that may be somebody's. */
static void connect_hosts(int ipv6)
{
    static const char *const targets[] = {
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0", "0",
        "0.0.0.0", "[127.0.0.1]", "localhost", "LocalHost", "[localhost]", "127.0.0.1%lo", "127.0.0.1%1",
        "127.0.0.1%nosuch", "127.0.0.1%", "127.0.0.1%0", "localhost%nosuch", "::1", "[::1]", "::", "[::]", "0::0",
        "[0:0:0:0:0:0:0:1]", "[::0001]", "::1%lo", "[::1%lo]", "[::1%1]", "[::1%01]", "[::1%99999]", "[::1%0]",
        "[::1%nosuch]", "[::1%]", "[::1%1x]", "[::ffff:127.0.0.1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]",
        "*", "*%lo", "%lo", "%", "]", "lo ", " lo", "a/b", "a$b", "a,b", "a@b", "\xff", "_a/", "-a", ".a",
    };
    void *ctx = context();
    int port = listeners(ctx);
    for (size_t i = 0; i < COUNT(targets); i++) {
        say(text("'%s'", shown(targets[i], strlen(targets[i]))),
            attempt(ctx, text("tcp://%s:%d", targets[i], port), ipv6));
    }
}

static void connect_ipv4(void)
{
    connect_hosts(0);
}

static void connect_ipv6(void)
{
    connect_hosts(1);
}

static void connect_ports(void)
{
    void *ctx = context();
    int port = listeners(ctx);
    const char *const ports[] = {text("%d", port), text("0%d", port), text("000%d", port), text("%dx", port),
                                 text("%d-1", port), text("%d.5", port), text("%d%%lo", port),
                                 text("+%d", port), text(" %d", port), text("-%d", port), "0", "00", "0x50",
                                 "*", "", text("%d ", port)};
    for (size_t i = 0; i < COUNT(ports); i++)
        say(text("port %zu", i), attempt(ctx, text("tcp://127.0.0.1:%s", ports[i]), 0));
}

/* Source parts: how the attempt ends, and from where the peer sees it come. */
static void sources(void)
{
    static const char *const spellings[] = {
        "127.0.0.1:0;", "127.0.0.2:0;", "127.0.0.2:*;", "lo:0;", "lo:*;", "0.0.0.0:0;", "*:0;", "[127.0.0.2]:0;",
        "127.2:0;", "192.0.2.77:0;", "nosuch0:0;", "localhost:0;", "127.0.0.2;", "127.0.0.2:;", "127.0.0.2:x;",
        "127.0.0.2:00;", "127.0.0.2:65536;", ";", ":0;", ":;", "[::1]:0;", "::1:0;", "127.0.0.3:0;127.0.0.2:0;",
        "[127.0.0.2%lo]:0;", "[::1%lo]:0;", "[::1%nosuch]:0;", "127.0.0.2:0;;",
    };
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    int port = port_of(bind_any(pull, TCP));
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t i = 0; i < COUNT(spellings); i++) {
            void *push = sock6(ctx, ZMQ_PUSH, ipv6);
            void *monitor = watch(push, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
            const char *result = rc(zmq_connect(push, text("tcp://%s127.0.0.1:%d", spellings[i], port)));
            if (result[0] == '0') {
                int event = next_event(monitor, NULL, NULL, 0);
                result = event_name(event);
                zmq_msg_t m;
                zmq_msg_init(&m);
                if (event == ZMQ_EVENT_CONNECTED && tx(push, "x")[0] == '1'
                    && zmq_msg_recv(&m, pull, 0) == 1)
                    result = text("%s from %s", result, zmq_msg_gets(&m, "Peer-Address"));
                zmq_msg_close(&m);
            }
            say(text("'%s' %s", spellings[i], ipv6 ? "IPv6" : "IPv4"), result);
            unwatch(push, monitor);
            shut(push);
        }
    }
}

static void source_port(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    int port = port_of(bind_any(pull, TCP));
    int own = port_of(vacant(TCP));
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED);
    int fd = -1;
    void *push = sock(ctx, ZMQ_PUSH);
    connect_to(push, text("tcp://127.0.0.2:%d;127.0.0.1:%d", own, port));
    say("event", event_name(next_event(monitor, &fd, NULL, 0)));
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    line("getpeername", "%d", getpeername(fd, (struct sockaddr *) &address, &size));
    line("the port", "%d", ntohs(address.sin_port) == own);
    /* The same once more to the same target cannot be. */
    void *second = sock(ctx, ZMQ_PUSH);
    void *events = watch(second, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECT_RETRIED
                                     | ZMQ_EVENT_CLOSED);
    connect_to(second, text("tcp://127.0.0.2:%d;127.0.0.1:%d", own, port));
    for (int i = 0; i < 2; i++)
        say(text("second, event %d", i), event_name(next_event(events, NULL, NULL, 0)));
}

/* ---- keys ---- */

static const char *const key_hosts[] = {"127.0.0.1", "localhost", "127.1", "[127.0.0.1]", "lo", "*", "0.0.0.0",
                                        "[::1]", "::1", "[0::1]", "[::1%lo]", "[::]", "[::ffff:127.0.0.1]",
                                        "::ffff:127.0.0.1", "[::ffff:7f00:1]", "[::ffff:0.0.0.0]"};

/* Whether zmq_unbind with each host finds what was bound by one of them. */
static void keys_of_binds(int ipv6)
{
    void *ctx = context();
    for (size_t b = 0; b < COUNT(key_hosts); b++) {
        char found[1000] = "";
        void *s = sock6(ctx, ZMQ_ROUTER, ipv6);
        if (zmq_bind(s, text("tcp://%s:*", key_hosts[b])) != 0)
            continue;
        for (size_t k = 0; k < COUNT(key_hosts); k++) {
            const char *last = last_endpoint(s);
            int result = zmq_unbind(s, text("tcp://%s:%d", key_hosts[k], port_of(last)));
            if (result == 0 || zmq_errno() != ENOENT)
                sprintf(found + strlen(found), " %s%s%s", key_hosts[k], result ? " " : "",
                        result ? error_name(zmq_errno()) : "");
            if (result == 0)
                bind_again(s, last);
        }
        line(text("bound to %s %s, found as", key_hosts[b], ipv6 ? "IPv6" : "IPv4"), "%s", found);
        shut(s);
    }
}

static void keys_of_connects(int ipv6)
{
    void *ctx = context();
    for (size_t b = 0; b < COUNT(key_hosts); b++) {
        char found[1000] = "";
        void *s = sock6(ctx, ZMQ_ROUTER, ipv6);
        if (zmq_connect(s, text("tcp://%s:9", key_hosts[b])) != 0)
            continue;
        for (size_t k = 0; k < COUNT(key_hosts); k++) {
            int result = zmq_disconnect(s, text("tcp://%s:9", key_hosts[k]));
            if (result == 0 || zmq_errno() != ENOENT)
                sprintf(found + strlen(found), " %s%s%s", key_hosts[k], result ? " " : "",
                        result ? error_name(zmq_errno()) : "");
            if (result == 0)
                connect_to(s, text("tcp://%s:9", key_hosts[b]));
        }
        line(text("connected to %s %s, found as", key_hosts[b], ipv6 ? "IPv6" : "IPv4"), "%s", found);
        shut(s);
    }
}

static void unbind_keys(void)
{
    keys_of_binds(0);
    keys_of_binds(1);
}

static void disconnect_keys(void)
{
    keys_of_connects(0);
    keys_of_connects(1);
}

/* Several endpoints of one text end together; a bind and a connect of one text too. */
static void shared_keys(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_ROUTER);
    const char *endpoint = keep(bind_any(s, TCP));
    connect_to(s, endpoint);
    connect_to(s, endpoint);
    say("ends all", rc(zmq_disconnect(s, endpoint)));
    say("nothing is left", rc(zmq_disconnect(s, endpoint)));
    bind_again(s, endpoint);
    line("bound again", "%d", strcmp(last_endpoint(s), endpoint) == 0);
    connect_to(s, "tcp://127.0.0.1:09");
    say("another spelling of the port", rc(zmq_disconnect(s, "tcp://127.0.0.1:9")));
    say("the spelling itself", rc(zmq_disconnect(s, "tcp://127.0.0.1:09")));
    connect_to(s, "tcp://127.0.0.1:9");
    say("the other way round", rc(zmq_disconnect(s, "tcp://127.0.0.1:09")));
}

/* ---- ZMQ_USE_FD ---- */

static int own_listener(int family, int listens)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    address.ss_family = (sa_family_t) family;
    if (family == AF_INET)
        ((struct sockaddr_in *) &address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *) &address)->sin6_addr = in6addr_loopback;
    int fd = socket(family, SOCK_STREAM, 0);
    socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    bind(fd, (struct sockaddr *) &address, size);
    if (listens)
        listen(fd, 10);
    return fd;
}

static void use_fd(void)
{
    static const char *const endpoints[] = {"tcp://127.0.0.1:1", "tcp://*:*", "tcp://192.0.2.77:5", "tcp://nosuch0:5",
                                            "tcp://[::1]:5", "tcp://127.0.0.1:x", "tcp://127.0.0.1"};
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        int fd = own_listener(AF_INET, 1);
        set_int(pull, ZMQ_USE_FD, fd);
        const char *result = rc(zmq_bind(pull, endpoints[i]));
        line(endpoints[i], "%s, last '%s'", result, masked(last_endpoint(pull)));
        if (result[0] == '0') {
            void *push = sock(ctx, ZMQ_PUSH);
            say(text("%s, connect", endpoints[i]), rc(zmq_connect(push, last_endpoint(pull))));
            tx(push, "hello");
            say(text("%s, recv", endpoints[i]), rx(pull));
            say(text("%s, the text", endpoints[i]), rc(zmq_unbind(pull, endpoints[i])));
            say(text("%s, unbind", endpoints[i]), rc(zmq_unbind(pull, text("%s", last_endpoint(pull)))));
            say(text("%s, the descriptor", endpoints[i]), becomes_closed(fd));
        } else {
            line(text("%s, the descriptor", endpoints[i]), "%s", fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
        }
    }
}

static void use_fd_closed_with_socket(void)
{
    void *pull = sock(context(), ZMQ_PULL);
    int fd = own_listener(AF_INET6, 1);
    set_int(pull, ZMQ_USE_FD, fd);
    say("IPv6", rc(zmq_bind(pull, "tcp://127.0.0.1:1")));
    say("last", masked(last_endpoint(pull)));
    say("monitor", rc(zmq_socket_monitor(pull, NULL, 0)));
    shut(pull);
    say("after close", becomes_closed(fd));
}

/* Its own options stay as they were. */
static void use_fd_as_it_is(void)
{
    void *pull = sock(context(), ZMQ_PULL);
    int fd = own_listener(AF_INET, 1), on = 0, buffer = 0;
    socklen_t size = sizeof on;
    int was = 0;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &was, &size);
    set_int(pull, ZMQ_RCVBUF, 100000);
    set_int(pull, ZMQ_TOS, 16);
    set_int(pull, ZMQ_USE_FD, fd);
    say("bind", rc(zmq_bind(pull, "tcp://127.0.0.1:1")));
    getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &size);
    line("SO_REUSEADDR", "%d", on);
    getsockopt(fd, IPPROTO_IP, IP_TOS, &on, &size);
    line("IP_TOS", "%d", on);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &size);
    line("SO_RCVBUF is kept", "%d", buffer == was);
}

static void use_fd_for_connect(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(pull, TCP);
    int fd = own_listener(AF_INET, 1);
    set_int(push, ZMQ_USE_FD, fd);
    say("connect", rc(zmq_connect(push, endpoint)));
    tx(push, "hello");
    say("recv", rx(pull));
    line("the descriptor", "%s", fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
}

/* A number that is no descriptor, and ones that are no tcp socket: they stay the caller's. */
static void use_fd_wrong(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_USE_FD, 999);
    const char *result = rc(zmq_bind(pull, "tcp://127.0.0.1:*"));
    settle(ctx);
    line("not open", "%s, last '%s'", result, last_endpoint(pull));
}

static void use_fd_no_socket(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    int fd = open("/dev/null", O_RDWR);
    set_int(pull, ZMQ_USE_FD, fd);
    const char *result = rc(zmq_bind(pull, "tcp://127.0.0.1:*"));
    settle(ctx);
    line("no socket", "%s, last '%s'", result, last_endpoint(pull));
    line("the descriptor", "%s", fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
}

static void use_fd_unix(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    set_int(pull, ZMQ_USE_FD, fd);
    const char *result = rc(zmq_bind(pull, "tcp://127.0.0.1:*"));
    settle(ctx);
    line("unix socket", "%s, last '%s'", result, last_endpoint(pull));
    line("the descriptor", "%s", fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
}

/* ---- accept filters ---- */

/* What a listener with these filters (split by blanks) makes of a peer. */
static void filtered(const char *host, int ipv6, const char *filters, const char *peer)
{
    void *ctx = context();
    void *pull = sock6(ctx, ZMQ_PULL, ipv6);
    char copy[200];
    snprintf(copy, sizeof copy, "%s", filters);
    const char *results = "";
    for (char *one = strtok(copy, " "); one; one = strtok(NULL, " "))
        results = text("%s%s ", results, rc(zmq_setsockopt(pull, ZMQ_TCP_ACCEPT_FILTER, one, strlen(one))));
    zmq_bind(pull, text("tcp://%s:*", host));
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    void *push = sock6(ctx, ZMQ_PUSH, 1);
    int port = port_of(last_endpoint(pull));
    connect_to(push, text("tcp://%s:%d", peer, port));
    line(text("%s IPV6=%d, %s, peer %s", host, ipv6, filters, peer), "%s%s", results,
         event_name(next_event(monitor, NULL, NULL, 0)));
    shut(push);
    shut(monitor);
    shut(pull);
    term(ctx);
}

static void accept_filters(void)
{
    static const char *const of_ipv4[] = {"127.0.0.1", "127.0.0.1/32", "127.0.0.2", "127.0.0.2/31", "127.0.0.2/30",
                                          "127.0.0.0/8", "10.0.0.0/8", "10.0.0.0/0", "10.0.0.0/8 127.0.0.0/8",
                                          "10.0.0.0/8 11.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1", "::1"};
    static const char *const of_ipv6[] = {"127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "10.0.0.0/104", "127.0.0.0/104",
                                          "::1", "::1/128", "::2", "::2/126", "::/0", "::ffff:127.0.0.0/104",
                                          "::ffff:10.0.0.0/104", "10.0.0.0/8 ::1"};
    for (size_t i = 0; i < COUNT(of_ipv4); i++)
        filtered("127.0.0.1", 0, of_ipv4[i], "127.0.0.1");
    for (size_t i = 0; i < COUNT(of_ipv6); i++) {
        filtered("[::1]", 1, of_ipv6[i], "[::1]");
        filtered("*", 1, of_ipv6[i], "127.0.0.1");
    }
}

/* A filter that is set while ZMQ_IPV6 is off, for a listener with ZMQ_IPV6. */
static void filter_before_ipv6(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, "127.0.0.0/8", 11);
    set_int(pull, ZMQ_IPV6, 1);
    zmq_bind(pull, "tcp://*:*");
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    connect_to(sock(ctx, ZMQ_PUSH), text("tcp://127.0.0.1:%d", port_of(last_endpoint(pull))));
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
}

/* The filters of a listener are those of its bind. */
static void filters_are_copied(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    const char *open = keep(bind_any(pull, TCP));
    set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 10);
    const char *closed = keep(bind_any(pull, TCP));
    set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, NULL, 0);
    const char *open_again = keep(bind_any(pull, TCP));
    const char *const endpoints[] = {open, closed, open_again};
    for (int i = 0; i < 3; i++) {
        void *push = sock(ctx, ZMQ_PUSH);
        connect_to(push, endpoints[i]);
        say(text("listener %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
        shut(push);
    }
}

/* What the peer sees of it: a connection that ends, and again. */
static void filtered_peer(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 10);
    const char *endpoint = bind_any(pull, TCP);
    void *push = sock(ctx, ZMQ_PUSH);
    void *monitor = watch(push, ZMQ_EVENT_ALL & ~ZMQ_EVENT_CONNECT_DELAYED);
    connect_to(push, endpoint);
    for (int i = 0; i < 5; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
}

/* Credential filters are for ipc alone. */
static void ipc_filter_on_tcp(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_IPC_FILTER_UID, 4242);
    set_int(pull, ZMQ_IPC_FILTER_PID, 1);
    void *push = sock(ctx, ZMQ_PUSH);
    attach(pull, push, TCP);
    tx(push, "hello");
    say("recv", rx(pull));
}

static const struct rule rules[] = {
    RULE(bind_ipv4), RULE(bind_ipv6), RULE(bind_ports), RULE(bind_link_local), RULE(connect_ipv4),
    RULE(connect_ipv6), RULE(connect_ports), RULE(sources), RULE(source_port), RULE(unbind_keys),
    RULE(disconnect_keys), RULE(shared_keys), RULE(use_fd), RULE(use_fd_closed_with_socket),
    RULE(use_fd_as_it_is), RULE(use_fd_for_connect), RULE(use_fd_wrong), RULE(use_fd_no_socket), RULE(use_fd_unix),
    RULE(accept_filters), RULE(filter_before_ipv6), RULE(filters_are_copied), RULE(filtered_peer),
    RULE(ipc_filter_on_tcp),
};

RUN(rules)
