/* NULL, closed and foreign handles, and wrong arguments, for every function of the stable API that
 * takes them. api.md section 1, functions.tsv. */
#include "transcript.h"

#include <sys/uio.h>

/* Every function that takes a socket. */
static void all_calls(void *s)
{
    char buffer[16];
    int value = 0;
    size_t size = sizeof value;
    size_t count = 1;
    zmq_msg_t m;
    struct iovec part = {buffer, 1};
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    zmq_msg_init(&m);
    say("close", rc(zmq_close(s)));
    say("setsockopt", rc(zmq_setsockopt(s, ZMQ_LINGER, &value, sizeof value)));
    say("setsockopt, unknown option", rc(zmq_setsockopt(s, 9999, &value, sizeof value)));
    say("getsockopt", rc(zmq_getsockopt(s, ZMQ_LINGER, &value, &size)));
    say("bind", rc(zmq_bind(s, "inproc://x")));
    say("bind, bad endpoint", rc(zmq_bind(s, "x")));
    say("connect", rc(zmq_connect(s, "inproc://x")));
    say("unbind", rc(zmq_unbind(s, "inproc://x")));
    say("unbind, NULL", rc(zmq_unbind(s, NULL)));
    say("disconnect", rc(zmq_disconnect(s, "inproc://x")));
    say("send", rc(zmq_send(s, "x", 1, 0)));
    say("send_const", rc(zmq_send_const(s, "x", 1, 0)));
    say("recv", rc(zmq_recv(s, buffer, 1, 0)));
    say("msg_send", rc(zmq_msg_send(&m, s, 0)));
    say("msg_recv", rc(zmq_msg_recv(&m, s, 0)));
    say("sendmsg", rc(zmq_sendmsg(s, &m, 0)));
    say("recvmsg", rc(zmq_recvmsg(s, &m, 0)));
    say("sendiov", rc(zmq_sendiov(s, &part, 1, 0)));
    say("recviov", rc(zmq_recviov(s, &part, &count, 0)));
    say("sendiov, NULL", rc(zmq_sendiov(s, NULL, 1, 0)));
    say("monitor", rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)));
    say("monitor, NULL", rc(zmq_socket_monitor(s, NULL, 0)));
    if (s)
        say("poll", rc(zmq_poll(&item, 1, 0)));
    zmq_msg_close(&m);
}

static void null_socket(void)
{
    all_calls(NULL);
}

static void foreign_socket(void)
{
    static uint64_t memory[1024];
    all_calls(memory);
}

static void context_as_socket(void)
{
    all_calls(context());
}

/* Only the calls clients rely on, straight after the close: the memory may be gone. The stock library
 * keeps it until its reaper thread has run, so this is about a socket still alive: one with something
 * to send. */
static void closed_socket(void)
{
    void *ctx = context();
    void *push = plain_sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 300);
    connect_to(push, "tcp://127.0.0.1:9");
    tx(push, "unsent");
    say("first close", shut(push));
    say("close", rc(zmq_close(push)));
    say("send", rc(zmq_send(push, "x", 1, ZMQ_DONTWAIT)));
    char byte;
    say("recv", rc(zmq_recv(push, &byte, 1, ZMQ_DONTWAIT)));
    say("LINGER", show_int(push, ZMQ_LINGER));
    say("bind", rc(zmq_bind(push, "inproc://x")));
    zmq_pollitem_t item = {push, 0, ZMQ_POLLIN, 0};
    say("poll", rc(zmq_poll(&item, 1, 0)));
}

static void socket_as_context(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    say("socket", made(zmq_socket(s, ZMQ_PAIR)));
    say("get", rc(zmq_ctx_get(s, ZMQ_IO_THREADS)));
    say("shutdown", rc(zmq_ctx_shutdown(s)));
    say("term", rc(zmq_ctx_term(s)));
}

static void endpoints(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    say("unbind NULL", rc(zmq_unbind(s, NULL)));
    say("disconnect NULL", rc(zmq_disconnect(s, NULL)));
    say("unbind empty", rc(zmq_unbind(s, "")));
    say("bind empty", rc(zmq_bind(s, "")));
    say("connect empty", rc(zmq_connect(s, "")));
}

static void bind_null(void)
{
    say("bind", rc(zmq_bind(sock(context(), ZMQ_PAIR), NULL)));
}

static void connect_null(void)
{
    say("connect", rc(zmq_connect(sock(context(), ZMQ_PAIR), NULL)));
}

static void has_null(void)
{
    line("has", "%d", zmq_has(NULL));
}

static void version_null(void)
{
    zmq_version(NULL, NULL, NULL);
    say("version", "returns");
}

static void getsockopt_null_length(void)
{
    int value;
    say("get", rc(zmq_getsockopt(sock(context(), ZMQ_PAIR), ZMQ_LINGER, &value, NULL)));
}

static void getsockopt_null_value(void)
{
    size_t size = sizeof(int);
    say("get", rc(zmq_getsockopt(sock(context(), ZMQ_PAIR), ZMQ_LINGER, NULL, &size)));
}

static void getsockopt_null_value_short(void)
{
    size_t size = 0;
    say("get", rc(zmq_getsockopt(sock(context(), ZMQ_PAIR), ZMQ_LINGER, NULL, &size)));
}

static void setsockopt_null_value(void)
{
    say("set", rc(zmq_setsockopt(sock(context(), ZMQ_PAIR), ZMQ_LINGER, NULL, sizeof(int))));
}

static void setsockopt_null_text(void)
{
    say("set", rc(zmq_setsockopt(sock(context(), ZMQ_PAIR), ZMQ_ROUTING_ID, NULL, 3)));
}

static void subscribe_null(void)
{
    void *sub = sock(context(), ZMQ_SUB);
    say("length 0", rc(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, NULL, 0)));
    say("unsubscribe length 0", rc(zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, NULL, 0)));
}

static void send_null(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    say("send", rc(zmq_send(a, NULL, 0, 0)));
    say("send_const", rc(zmq_send_const(a, NULL, 0, 0)));
    say("recv", rc(zmq_recv(b, NULL, 0, 0)));
    say("recv again", rc(zmq_recv(b, NULL, 0, 0)));
    tx(a, "text");
    say("recv a longer one", rc(zmq_recv(b, NULL, 0, 0)));
}

static void send_null_bytes(void)
{
    say("send", rc(zmq_send(sock(context(), ZMQ_PUB), NULL, 10, 0)));
}

static void recv_null_bytes(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    tx(a, "text");
    say("recv", rc(zmq_recv(b, NULL, 4, 0)));
}

static void poll_arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    zmq_pollitem_t items[2] = {{s, 0, ZMQ_POLLIN, 7}, {s, 0, ZMQ_POLLIN, 7}};
    say("nothing", rc(zmq_poll(NULL, 0, 0)));
    say("nothing, some ms", rc(zmq_poll(NULL, 0, 5)));
    say("array but no items", rc(zmq_poll(items, 0, 0)));
    say("NULL array", rc(zmq_poll(NULL, 1, 0)));
    say("negative count", rc(zmq_poll(items, -1, 0)));
    say("negative count, NULL", rc(zmq_poll(NULL, -1, 0)));
    say("two of the same", rc(zmq_poll(items, 2, 0)));
    line("revents written", "%d %d", items[0].revents, items[1].revents);
}

static void proxy_arguments(void)
{
    void *s = sock(context(), ZMQ_PAIR);
    say("both NULL", rc(zmq_proxy(NULL, NULL, NULL)));
    say("frontend NULL", rc(zmq_proxy(NULL, s, NULL)));
    say("backend NULL", rc(zmq_proxy(s, NULL, NULL)));
    say("steerable, both NULL", rc(zmq_proxy_steerable(NULL, NULL, NULL, NULL)));
    say("steerable, backend NULL", rc(zmq_proxy_steerable(s, NULL, NULL, s)));
}

static void device_null(void)
{
    say("device", rc(zmq_device(ZMQ_QUEUE, NULL, NULL)));
}

static void iov_arguments(void)
{
    void *s = sock(context(), ZMQ_PAIR);
    char byte;
    struct iovec part = {&byte, 1};
    size_t zero = 0, one = 1;
    say("send NULL", rc(zmq_sendiov(s, NULL, 1, 0)));
    say("send none", rc(zmq_sendiov(s, &part, 0, 0)));
    say("recv NULL array", rc(zmq_recviov(s, NULL, &one, ZMQ_DONTWAIT)));
    say("recv NULL count", rc(zmq_recviov(s, &part, NULL, ZMQ_DONTWAIT)));
    say("recv none", rc(zmq_recviov(s, &part, &zero, ZMQ_DONTWAIT)));
    say("recv nothing there", rc(zmq_recviov(s, &part, &one, ZMQ_DONTWAIT)));
    line("count after that", "%zu", one);
}

static void handler(int id, void *argument)
{
    (void) id;
    (void) argument;
}

static void timers_handles(void)
{
    static uint64_t memory[64];
    void *null = NULL;
    void *foreign = memory;
    say("add, NULL", rc(zmq_timers_add(NULL, 1, handler, NULL)));
    say("cancel, NULL", rc(zmq_timers_cancel(NULL, 1)));
    say("set_interval, NULL", rc(zmq_timers_set_interval(NULL, 1, 1)));
    say("reset, NULL", rc(zmq_timers_reset(NULL, 1)));
    say("timeout, NULL", rc((int) zmq_timers_timeout(NULL)));
    say("execute, NULL", rc(zmq_timers_execute(NULL)));
    say("destroy, NULL", rc(zmq_timers_destroy(&null)));
    say("add, foreign", rc(zmq_timers_add(memory, 1, handler, NULL)));
    say("cancel, foreign", rc(zmq_timers_cancel(memory, 1)));
    say("set_interval, foreign", rc(zmq_timers_set_interval(memory, 1, 1)));
    say("reset, foreign", rc(zmq_timers_reset(memory, 1)));
    say("timeout, foreign", rc((int) zmq_timers_timeout(memory)));
    say("execute, foreign", rc(zmq_timers_execute(memory)));
    say("destroy, foreign", rc(zmq_timers_destroy(&foreign)));
    void *timers = zmq_timers_new();
    say("no handler", rc(zmq_timers_add(timers, 1, NULL, NULL)));
    zmq_timers_destroy(&timers);
    line("destroyed is NULL", "%d", timers == NULL);
    say("destroy again", rc(zmq_timers_destroy(&timers)));
}

static void monitor_arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    void *other = sock(ctx, ZMQ_PAIR);
    say("stop without one", rc(zmq_socket_monitor(s, NULL, 0)));
    say("stop with a mask", rc(zmq_socket_monitor(s, NULL, ZMQ_EVENT_ALL)));
    say("tcp", rc(zmq_socket_monitor(s, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL)));
    say("unknown scheme", rc(zmq_socket_monitor(s, "nonsense://x", ZMQ_EVENT_ALL)));
    say("no scheme", rc(zmq_socket_monitor(s, "x", ZMQ_EVENT_ALL)));
    say("empty", rc(zmq_socket_monitor(s, "", ZMQ_EVENT_ALL)));
    say("empty name", rc(zmq_socket_monitor(s, "inproc://", ZMQ_EVENT_ALL)));
    say("bit 16", rc(zmq_socket_monitor(s, "inproc://m", 0x10000)));
    say("all bits", rc(zmq_socket_monitor(s, "inproc://m", -1)));
    say("mask 0", rc(zmq_socket_monitor(s, "inproc://m0", 0)));
    say("name taken", rc(zmq_socket_monitor(other, "inproc://m0", ZMQ_EVENT_ALL)));
    say("stop", rc(zmq_socket_monitor(s, NULL, 0)));
}

static const struct rule rules[] = {
    RULE(null_socket), RULE(foreign_socket), RULE(context_as_socket), RULE(closed_socket),
    RULE(socket_as_context), RULE(endpoints), RULE(bind_null), RULE(connect_null), RULE(has_null),
    RULE(version_null), RULE(getsockopt_null_length), RULE(getsockopt_null_value),
    RULE(getsockopt_null_value_short), RULE(setsockopt_null_value), RULE(setsockopt_null_text),
    RULE(subscribe_null), RULE(send_null), RULE(send_null_bytes), RULE(recv_null_bytes),
    RULE(poll_arguments), RULE(proxy_arguments), RULE(device_null), RULE(iov_arguments),
    RULE(timers_handles), RULE(monitor_arguments),
};

RUN(rules)
