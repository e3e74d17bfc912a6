/* What a listener and a connect make of an option that the system refuses. transports.md section 2.4. */
#include "plain.h"
#include "refusing.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Numbers of the draft part of zmq.h. */
enum { PRIORITY = 112, BUSY_POLL = 113 };

/* A socket that has what is needed for the option to be set. */
static void *wanting(void *ctx, int type, int option, int value)
{
    void *s = sock(ctx, type);
    set_int(s, ZMQ_RECONNECT_IVL, 10);
    if (option == ZMQ_BINDTODEVICE)
        set_bytes(s, option, "lo", 2);
    else if (option)
        say("set", try_set_int(s, option, value));
    if (option >= ZMQ_TCP_KEEPALIVE_CNT && option <= ZMQ_TCP_KEEPALIVE_INTVL)
        set_int(s, ZMQ_TCP_KEEPALIVE, 1);
    return s;
}

/* What a peer gets. It is cut off before the event says so. */
static const char *seen(int peer, int event)
{
    char byte;
    if (!readable_within(peer, event & (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED) ? PATIENCE : QUIET))
        return "nothing";
    return recv(peer, &byte, 1, 0) == 1 ? "a greeting" : "the end";
}

static void listening(int level, int kernel_option, int option, int value)
{
    refuse_option(level, kernel_option, EACCES);
    void *pull = wanting(context(), ZMQ_PULL, option, value);
    say("bind", rc(zmq_bind(pull, "tcp://127.0.0.1:*")));
    const char *endpoint = last_endpoint(pull);
    if (!endpoint[0])
        return;
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    for (int i = 0; i < 2; i++) {
        int peer = plain_connect(endpoint);
        int event = next_event(monitor, NULL, NULL, 0);
        line(text("peer %d", i), "%s, sees %s", event_name(event), seen(peer, event));
        close(peer);
    }
}

static void connecting(int level, int kernel_option, int option, int value)
{
    refuse_option(level, kernel_option, EACCES);
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    void *push = wanting(context(), ZMQ_PUSH, option, value);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    /* From an address of its own, and as IPv6, if that is what the option is about. */
    connect_to(push, kernel_option == SO_REUSEADDR && level == SOL_SOCKET ? text("tcp://127.0.0.1:0;%s", endpoint + 6)
                                                                         : endpoint);
    int event = 0;
    for (int i = 0; i < 3 && event != ZMQ_EVENT_CONNECTED; i++) {
        event = next_event(monitor, NULL, NULL, 0);
        say(text("event %d", i), event_name(event));
    }
    if (readable_within(listener, 0))
        say("peer sees", seen(plain_accept(listener), event));
}

#define REFUSED(name, level, kernel_option, option, value) \
    static void name##_listening(void) \
    { \
        listening(level, kernel_option, option, value); \
    } \
    static void name##_connecting(void) \
    { \
        connecting(level, kernel_option, option, value); \
    }

REFUSED(tos, IPPROTO_IP, IP_TOS, ZMQ_TOS, 0x28)
REFUSED(tclass, IPPROTO_IPV6, IPV6_TCLASS, ZMQ_TOS, 0x28)
REFUSED(priority, SOL_SOCKET, SO_PRIORITY, PRIORITY, 5)
REFUSED(busy_poll, SOL_SOCKET, SO_BUSY_POLL, BUSY_POLL, 50)
REFUSED(device, SOL_SOCKET, SO_BINDTODEVICE, ZMQ_BINDTODEVICE, 0)
REFUSED(send_buffer, SOL_SOCKET, SO_SNDBUF, ZMQ_SNDBUF, 40000)
REFUSED(receive_buffer, SOL_SOCKET, SO_RCVBUF, ZMQ_RCVBUF, 40000)
REFUSED(reuse_address, SOL_SOCKET, SO_REUSEADDR, 0, 0)
REFUSED(only_ipv6, IPPROTO_IPV6, IPV6_V6ONLY, ZMQ_IPV6, 1)
REFUSED(no_delay, IPPROTO_TCP, TCP_NODELAY, 0, 0)
REFUSED(keepalive, SOL_SOCKET, SO_KEEPALIVE, ZMQ_TCP_KEEPALIVE, 1)
REFUSED(keepalive_count, IPPROTO_TCP, TCP_KEEPCNT, ZMQ_TCP_KEEPALIVE_CNT, 7)
REFUSED(keepalive_idle, IPPROTO_TCP, TCP_KEEPIDLE, ZMQ_TCP_KEEPALIVE_IDLE, 77)
REFUSED(keepalive_interval, IPPROTO_TCP, TCP_KEEPINTVL, ZMQ_TCP_KEEPALIVE_INTVL, 17)
REFUSED(user_timeout, IPPROTO_TCP, TCP_USER_TIMEOUT, ZMQ_TCP_MAXRT, 12345)

/* How a connection fares whose both ends, or one, have this. */
static void out_of_range(int option, int value, int ipv6)
{
    static const char *const whose[] = {"listener", "connect"};
    for (int i = 0; i < 2; i++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH), *with = i ? push : pull;
        set_int(pull, ZMQ_IPV6, ipv6);
        set_int(push, ZMQ_IPV6, ipv6);
        set_int(with, ZMQ_TCP_KEEPALIVE, 1);
        begin_line(text("option %d, %d at the %s%s", option, value, whose[i], ipv6 ? ", IPv6" : ""));
        in_line("set", try_set_int(with, option, value));
        void *at_pull = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
        void *at_push = watch(push, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
        connect_to(push, bind_any(pull, TCP));
        in_line("listener", event_name(next_event(at_pull, NULL, NULL, 0)));
        in_line("connect", event_name(next_event(at_push, NULL, NULL, 0)));
        end_line();
        shut(push);
        shut(pull);
    }
}

static void service_out_of_range(void)
{
    static const int values[] = {255, 256, 1000, 0x7fffffff};
    for (size_t i = 0; i < COUNT(values); i++) {
        out_of_range(ZMQ_TOS, values[i], 0);
        out_of_range(ZMQ_TOS, values[i], 1);
    }
}

/* Counts up to 127 and times up to 32767 seconds, from 1 on, are what the kernel takes. */
static void keepalive_out_of_range(void)
{
    static const int options[] = {ZMQ_TCP_KEEPALIVE_CNT, ZMQ_TCP_KEEPALIVE_IDLE, ZMQ_TCP_KEEPALIVE_INTVL};
    static const int values[] = {0, 1, 127, 128, 32767, 32768, 0x7fffffff};
    for (size_t o = 0; o < COUNT(options); o++) {
        for (size_t i = 0; i < COUNT(values); i++)
            out_of_range(options[o], values[i], 0);
    }
    out_of_range(ZMQ_TCP_MAXRT, 0x7fffffff, 0);
}

#define BOTH(name) RULE(name##_listening), RULE(name##_connecting)

static const struct rule rules[] = {
    BOTH(tos), BOTH(tclass), BOTH(priority), BOTH(busy_poll), BOTH(device), BOTH(send_buffer), BOTH(receive_buffer),
    BOTH(reuse_address), BOTH(only_ipv6), BOTH(no_delay), BOTH(keepalive), BOTH(keepalive_count), BOTH(keepalive_idle),
    BOTH(keepalive_interval), BOTH(user_timeout), RULE(service_out_of_range), RULE(keepalive_out_of_range),
};

RUN(rules)
