/* ETERM: which call says so on which type of socket, what notices the end of a context, in which order errors come,
 * and what never says so. api.md sections 2 and 6. */
#include "transcript.h"

#include <pthread.h>
#include <sys/uio.h>

enum { CALLS = 36 };

static const char *const names[CALLS] = {
    "send", "send DONTWAIT", "send SNDMORE", "send_const", "msg_send", "sendmsg", "sendiov", "sendiov of none",
    "recv", "recv DONTWAIT", "recv of none", "msg_recv", "recvmsg", "recviov", "recviov of none", "bind inproc",
    "bind tcp", "bind nonsense", "connect inproc", "connect tcp", "connect nonsense", "unbind", "unbind NULL",
    "disconnect", "disconnect nonsense", "setsockopt", "setsockopt unknown", "setsockopt bad length", "getsockopt",
    "getsockopt unknown", "getsockopt EVENTS", "getsockopt FD", "monitor", "monitor NULL", "poll", "poll nothing"};

static const char *call(int number, void *s)
{
    char buffer[8];
    int value = 0;
    size_t size = sizeof value, one = 1, none = 0;
    struct iovec part = {buffer, 1};
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
    zmq_msg_t m;
    zmq_msg_init(&m);
    const char *result;
    switch (number) {
    case 0: result = rc(zmq_send(s, "x", 1, 0)); break;
    case 1: result = rc(zmq_send(s, "x", 1, ZMQ_DONTWAIT)); break;
    case 2: result = rc(zmq_send(s, "x", 1, ZMQ_SNDMORE)); break;
    case 3: result = rc(zmq_send_const(s, "x", 1, 0)); break;
    case 4: result = rc(zmq_msg_send(&m, s, 0)); break;
    case 5: result = rc(zmq_sendmsg(s, &m, 0)); break;
    case 6: result = rc(zmq_sendiov(s, &part, 1, 0)); break;
    case 7: result = rc(zmq_sendiov(s, &part, 0, 0)); break;
    case 8: result = rc(zmq_recv(s, buffer, 1, 0)); break;
    case 9: result = rc(zmq_recv(s, buffer, 1, ZMQ_DONTWAIT)); break;
    case 10: result = rc(zmq_recv(s, NULL, 0, 0)); break;
    case 11: result = rc(zmq_msg_recv(&m, s, 0)); break;
    case 12: result = rc(zmq_recvmsg(s, &m, 0)); break;
    case 13: result = rc(zmq_recviov(s, &part, &one, 0)); break;
    case 14: result = rc(zmq_recviov(s, &part, &none, 0)); break;
    case 15: result = rc(zmq_bind(s, "inproc://x")); break;
    case 16: result = rc(zmq_bind(s, "tcp://127.0.0.1:*")); break;
    case 17: result = rc(zmq_bind(s, "nonsense")); break;
    case 18: result = rc(zmq_connect(s, "inproc://x")); break;
    case 19: result = rc(zmq_connect(s, "tcp://127.0.0.1:9")); break;
    case 20: result = rc(zmq_connect(s, "unknown://x")); break;
    case 21: result = rc(zmq_unbind(s, "inproc://x")); break;
    case 22: result = rc(zmq_unbind(s, NULL)); break;
    case 23: result = rc(zmq_disconnect(s, "tcp://127.0.0.1:9")); break;
    case 24: result = rc(zmq_disconnect(s, "x")); break;
    case 25: result = rc(zmq_setsockopt(s, ZMQ_LINGER, &value, sizeof value)); break;
    case 26: result = rc(zmq_setsockopt(s, 9999, &value, sizeof value)); break;
    case 27: result = rc(zmq_setsockopt(s, ZMQ_LINGER, &value, 1)); break;
    case 28: result = rc(zmq_getsockopt(s, ZMQ_LINGER, &value, &size)); break;
    case 29: result = rc(zmq_getsockopt(s, 9999, &value, &size)); break;
    case 30: result = rc(zmq_getsockopt(s, ZMQ_EVENTS, &value, &size)); break;
    /* The number itself is nobody's business. */
    case 31: result = rc(zmq_getsockopt(s, ZMQ_FD, &value, &size)); break;
    case 32: result = rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)); break;
    case 33: result = rc(zmq_socket_monitor(s, NULL, 0)); break;
    case 34: result = rc(zmq_poll(&item, 1, -1)); break;
    default:
        item.events = 0;
        result = rc(zmq_poll(&item, 1, 0));
    }
    zmq_msg_close(&m);
    return result;
}

/* Each call as the first one after the end, and whether the socket knows of the end afterwards. */
static void first_calls(int from, int to)
{
    for (int i = from; i < to; i++) {
        for (int number = 0; number < CALLS; number++) {
            void *ctx = context();
            void *s = plain_sock(ctx, classic_types[i]);
            set_int(s, ZMQ_LINGER, 0);
            zmq_ctx_shutdown(ctx);
            const char *first = call(number, s);
            line(text("%s %s", type_name(classic_types[i]), names[number]), "%s, then LINGER %s", first,
                 show_int(s, ZMQ_LINGER));
            shut(s);
            term(ctx);
        }
    }
}

static void first_calls_a(void)
{
    first_calls(0, 6);
}

static void first_calls_b(void)
{
    first_calls(6, 11);
}

static void first_calls_of_stream(void)
{
    first_calls(11, 12);
}

/* The same once it is known. */
static void later_calls(void)
{
    for (int i = 0; i < 12; i++) {
        void *ctx = context();
        void *s = sock(ctx, classic_types[i]);
        zmq_ctx_shutdown(ctx);
        events(s);
        int other = 0;
        for (int number = 0; number < CALLS; number++) {
            const char *result = call(number, s);
            if (strcmp(result, "ETERM") != 0) {
                say(text("%s %s", type_name(classic_types[i]), names[number]), result);
                other++;
            }
        }
        line(type_name(classic_types[i]), "%d do not say ETERM", other);
        shut(s);
        term(ctx);
    }
}

/* Calls on a socket that is connected, and has something to read. */
static void connected(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, transport);
        tx(b, "one|two");
        say(text("%s first part", transport_names[transport]), rx_frame(a, 0));
        zmq_ctx_shutdown(ctx);
        say(text("%s LINGER", transport_names[transport]), show_int(a, ZMQ_LINGER));
        say(text("%s poll", transport_names[transport]), await(a, ZMQ_POLLIN));
        say(text("%s second part", transport_names[transport]), rx_now(a));
        say(text("%s send", transport_names[transport]), tx_now(a, "x"));
        say(text("%s unbind", transport_names[transport]), rc(zmq_unbind(a, "inproc://nothing")));
        say(text("%s close", transport_names[transport]), shut(a));
        say(text("%s close the other", transport_names[transport]), shut(b));
        say(text("%s term", transport_names[transport]), term(ctx));
    }
}

static void of_several(void)
{
    void *ctx = context(), *other = context();
    void *stopped = sock(ctx, ZMQ_PAIR), *works = sock(other, ZMQ_PUB);
    zmq_ctx_shutdown(ctx);
    zmq_pollitem_t stopped_last[] = {{works, 0, ZMQ_POLLOUT, 0}, {stopped, 0, ZMQ_POLLIN, 0}};
    zmq_pollitem_t stopped_first[] = {{stopped, 0, ZMQ_POLLIN, 0}, {works, 0, ZMQ_POLLOUT, 0}};
    zmq_pollitem_t with_nothing[] = {{NULL, -1, ZMQ_POLLIN, 0}, {stopped, 0, 0, 0}};
    say("ready and stopped", rc(zmq_poll(stopped_last, 2, -1)));
    say("stopped and ready", rc(zmq_poll(stopped_first, 2, -1)));
    say("stopped, nothing asked", rc(zmq_poll(with_nothing, 2, -1)));
    say("proxy, frontend stopped", rc(zmq_proxy(stopped, works, NULL)));
    say("proxy, backend stopped", rc(zmq_proxy(works, stopped, NULL)));
    say("steerable, control stopped", rc(zmq_proxy_steerable(works, works, NULL, stopped)));
    say("the other works", tx_now(works, "x"));
}

/* What has nothing to do with the end of a context. */
static void never(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    zmq_msg_t m, other;
    zmq_ctx_shutdown(ctx);
    events(s);
    say("ctx_get", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
    say("ctx_set", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2)));
    say("ctx_set, bad", rc(zmq_ctx_set(ctx, 9999, 2)));
    say("shutdown", rc(zmq_ctx_shutdown(ctx)));
    say("msg_init_size", rc(zmq_msg_init_size(&m, 100)));
    say("msg_init", rc(zmq_msg_init(&other)));
    say("msg_copy", rc(zmq_msg_copy(&other, &m)));
    say("msg_move", rc(zmq_msg_move(&m, &other)));
    say("msg_get", rc(zmq_msg_get(&m, ZMQ_MORE)));
    say("msg_close", rc(zmq_msg_close(&m)));
    say("socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("socket of no type", made(zmq_socket(ctx, 4711)));
    say("close", shut(s));
    say("close again", rc(zmq_close(NULL)));
    say("term", term(ctx));
}

static void *in_term(void *ctx)
{
    zmq_ctx_term(ctx);
    return NULL;
}

/* The same calls while another thread waits in zmq_ctx_term. */
static void while_terminating(void)
{
    void *ctx = zmq_ctx_new();
    void *s = plain_sock(ctx, ZMQ_DEALER), *waits = plain_sock(ctx, ZMQ_PULL);
    pthread_t thread;
    pthread_create(&thread, NULL, in_term, ctx);
    say("a blocked one wakes", rx(waits));
    for (int number = 0; number < CALLS; number++)
        say(names[number], call(number, s));
    say("socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("ctx_get", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
    say("shutdown", rc(zmq_ctx_shutdown(ctx)));
    say("close", shut(s));
    say("close the other", shut(waits));
    pthread_join(thread, NULL);
}

/* The end of one context does not concern another. */
static void of_another(void)
{
    void *first = context(), *second = context();
    void *a = sock(first, ZMQ_PAIR), *b = sock(second, ZMQ_PAIR);
    attach(a, b, TCP);
    tx(a, "x");
    say("before", rx(b));
    zmq_ctx_shutdown(first);
    say("stopped", events(a));
    say("other", rx_quiet(b));
    shut(a);
    say("term", term(first));
    say("other still", rx_quiet(b));
}

static const struct rule rules[] = {
    RULE(first_calls_a), RULE(first_calls_b), RULE(first_calls_of_stream), RULE(later_calls), RULE(connected),
    RULE(of_several), RULE(never), RULE(while_terminating), RULE(of_another),
};

RUN(rules)
