/* Contexts: shutdown, termination, socket slots. api.md section 2. */
#include "transcript.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* -1 is both an error and the default of some options. */
static const char *get(void *ctx, int option)
{
    errno = 0;
    int value = zmq_ctx_get(ctx, option);
    return value == -1 && errno ? error_name(errno) : text("%d", value);
}

static void bad_handles(void)
{
    char garbage[512] = {0};
    say("get NULL", rc(zmq_ctx_get(NULL, ZMQ_IO_THREADS)));
    say("set NULL", rc(zmq_ctx_set(NULL, ZMQ_IO_THREADS, 1)));
    say("set NULL, unknown option", rc(zmq_ctx_set(NULL, 999, 1)));
    say("shutdown NULL", rc(zmq_ctx_shutdown(NULL)));
    say("term NULL", rc(zmq_ctx_term(NULL)));
    say("zmq_term NULL", rc(zmq_term(NULL)));
    say("destroy NULL", rc(zmq_ctx_destroy(NULL)));
    say("socket NULL", made(zmq_socket(NULL, ZMQ_PAIR)));
    say("get foreign", rc(zmq_ctx_get(garbage, ZMQ_IO_THREADS)));
    say("set foreign", rc(zmq_ctx_set(garbage, ZMQ_IO_THREADS, 1)));
    say("shutdown foreign", rc(zmq_ctx_shutdown(garbage)));
    say("term foreign", rc(zmq_ctx_term(garbage)));
    say("socket foreign", made(zmq_socket(garbage, ZMQ_PAIR)));
}

static void legacy(void)
{
    say("zmq_init(-1)", made(zmq_init(-1)));
    void *ctx = zmq_init(3);
    say("zmq_init(3)", made(ctx));
    say("IO_THREADS", get(ctx, ZMQ_IO_THREADS));
    say("zmq_term", rc(zmq_term(ctx)));
    ctx = zmq_init(0);
    say("zmq_init(0)", made(ctx));
    say("zmq_ctx_destroy", rc(zmq_ctx_destroy(ctx)));
}

static void after_start(void)
{
    void *ctx = context();
    plain_sock(ctx, ZMQ_PAIR);
    say("set IO_THREADS", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 5)));
    say("IO_THREADS", get(ctx, ZMQ_IO_THREADS));
    say("set MAX_SOCKETS", rc(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 1)));
    say("MAX_SOCKETS", get(ctx, ZMQ_MAX_SOCKETS));
    say("but another socket", made(plain_sock(ctx, ZMQ_PAIR)));
}

static void socket_defaults(void)
{
    void *ctx = context();
    void *before = plain_sock(ctx, ZMQ_PUSH);
    zmq_ctx_set(ctx, ZMQ_IPV6, 1);
    zmq_ctx_set(ctx, ZMQ_BLOCKY, 0);
    say("IPV6 before", show_int(before, ZMQ_IPV6));
    say("LINGER before", show_int(before, ZMQ_LINGER));
    say("IPV6 after", show_int(plain_sock(ctx, ZMQ_PUSH), ZMQ_IPV6));
    for (int i = 0; i < 12; i++)
        say(text("LINGER of %s after", type_name(classic_types[i])),
            show_int(plain_sock(ctx, classic_types[i]), ZMQ_LINGER));
}

static void unknown_types(void)
{
    static const int types[] = {-1, 21, 22, 99, 1000, 2147483647};
    void *ctx = context();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        say(text("type %d", types[i]), made(zmq_socket(ctx, types[i])));
}

static void slots(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 3);
    say("unknown type", made(zmq_socket(ctx, 99)));
    void *first = plain_sock(ctx, ZMQ_PAIR);
    say("first", made(first));
    say("second", made(plain_sock(ctx, ZMQ_PUB)));
    say("third", made(plain_sock(ctx, ZMQ_REQ)));
    say("fourth", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("unknown type when full", made(zmq_socket(ctx, 99)));
    say("monitor when full", rc(zmq_socket_monitor(first, "inproc://m", ZMQ_EVENT_ALL)));
    shut(first);
    /* The slot becomes free some time after zmq_close. */
    long end = now_ms() + PATIENCE;
    void *again = NULL;
    while (!again && now_ms() < end)
        again = zmq_socket(ctx, ZMQ_PAIR);
    say("after a close", made(again));
    if (again)
        zmq_close(again);
}

static void no_io_threads(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0);
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    say("tcp bind", rc(zmq_bind(a, "tcp://127.0.0.1:*")));
    say("tcp connect", rc(zmq_connect(a, "tcp://127.0.0.1:9")));
    say("ipc bind", rc(zmq_bind(a, "ipc://*")));
    say("ipc connect", rc(zmq_connect(a, "ipc:///nonexistent")));
    say("bad scheme", rc(zmq_bind(a, "nonsense://x")));
    say("inproc bind", rc(zmq_bind(a, "inproc://a")));
    say("inproc connect", rc(zmq_connect(b, "inproc://a")));
    say("send", tx(a, "hello"));
    say("recv", rx(b));
}

static void term_of_unused(void)
{
    void *ctx = zmq_ctx_new();
    say("term", rc(zmq_ctx_term(ctx)));
    ctx = zmq_ctx_new();
    say("shutdown", rc(zmq_ctx_shutdown(ctx)));
    say("shutdown again", rc(zmq_ctx_shutdown(ctx)));
    say("socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("unknown type", made(zmq_socket(ctx, 99)));
    say("get", get(ctx, ZMQ_IO_THREADS));
    say("set", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2)));
    say("term after shutdown", rc(zmq_ctx_term(ctx)));
}

/* Which calls notice the stop, on a socket that has noticed it. */
static void after_shutdown(void)
{
    for (int i = 0; i < 12; i++) {
        int type = classic_types[i];
        const char *name = type_name(type);
        void *ctx = context();
        void *socket = sock(ctx, type);
        zmq_ctx_shutdown(ctx);
        say(text("%s LINGER before noticing", name), show_int(socket, ZMQ_LINGER));
        say(text("%s set before noticing", name), try_set_int(socket, ZMQ_LINGER, 0));
        say(text("%s EVENTS", name), events(socket));
        say(text("%s LINGER after noticing", name), show_int(socket, ZMQ_LINGER));
        say(text("%s send", name), tx_now(socket, "x"));
        say(text("%s recv", name), rx_now(socket));
        say(text("%s close", name), shut(socket));
        say(text("%s term", name), term(ctx));
    }
}

static void eterm_everywhere(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
    zmq_msg_t m;
    int value = 0;
    size_t size = sizeof value;
    zmq_msg_init(&m);
    zmq_ctx_shutdown(ctx);
    say("bind", rc(zmq_bind(s, "inproc://x")));
    say("connect", rc(zmq_connect(s, "inproc://x")));
    say("unbind", rc(zmq_unbind(s, "inproc://x")));
    say("disconnect", rc(zmq_disconnect(s, "inproc://x")));
    say("bind, bad endpoint", rc(zmq_bind(s, "nonsense")));
    say("connect, bad endpoint", rc(zmq_connect(s, "")));
    say("unbind, NULL", rc(zmq_unbind(s, NULL)));
    say("disconnect, bad endpoint", rc(zmq_disconnect(s, "x")));
    say("send", rc(zmq_send(s, "x", 1, 0)));
    say("send DONTWAIT", rc(zmq_send(s, "x", 1, ZMQ_DONTWAIT)));
    say("send_const", rc(zmq_send_const(s, "x", 1, 0)));
    say("msg_send", rc(zmq_msg_send(&m, s, 0)));
    say("recv", rc(zmq_recv(s, &value, 1, 0)));
    say("recv DONTWAIT", rc(zmq_recv(s, &value, 1, ZMQ_DONTWAIT)));
    say("msg_recv", rc(zmq_msg_recv(&m, s, 0)));
    say("setsockopt", rc(zmq_setsockopt(s, ZMQ_LINGER, &value, sizeof value)));
    say("setsockopt, unknown", rc(zmq_setsockopt(s, 999, &value, sizeof value)));
    say("getsockopt", rc(zmq_getsockopt(s, ZMQ_LINGER, &value, &size)));
    say("getsockopt, unknown", rc(zmq_getsockopt(s, 999, &value, &size)));
    say("monitor", rc(zmq_socket_monitor(s, "inproc://m", 1)));
    say("monitor, NULL", rc(zmq_socket_monitor(s, NULL, 0)));
    say("poll", rc(zmq_poll(&item, 1, 0)));
    say("poll, blocking", rc(zmq_poll(&item, 1, -1)));
    say("proxy", rc(zmq_proxy(s, s, NULL)));
    say("new socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("ctx_get", get(ctx, ZMQ_IO_THREADS));
    say("ctx_set", rc(zmq_ctx_set(ctx, ZMQ_BLOCKY, 0)));
    say("msg_close", rc(zmq_msg_close(&m)));
    say("close", shut(s));
    say("close again", rc(zmq_close(NULL)));
}

static void queued_is_lost(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    tx(a, "one");
    tx(a, "two");
    say("before", rx(b));
    zmq_ctx_shutdown(ctx);
    say("EVENTS", events(b));
    say("after", rx_now(b));
}

struct blocked {
    void *socket;
    int call;
    const char *result;
};

static void *block(void *argument)
{
    struct blocked *it = argument;
    char byte;
    zmq_pollitem_t item = {it->socket, 0, ZMQ_POLLIN, 0};
    switch (it->call) {
    case 0:
        it->result = keep(rc(zmq_recv(it->socket, &byte, 1, 0)));
        break;
    case 1:
        it->result = keep(rc(zmq_send(it->socket, "x", 1, 0)));
        break;
    case 2:
        it->result = keep(rc(zmq_poll(&item, 1, -1)));
        break;
    default:
        it->result = keep(rc(zmq_proxy(it->socket, it->socket, NULL)));
    }
    zmq_close(it->socket);
    return NULL;
}

static void blocked_calls(int shutdown_first)
{
    static const char *const names[] = {"recv", "send", "poll", "proxy"};
    void *ctx = zmq_ctx_new();
    struct blocked calls[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        calls[i].socket = zmq_socket(ctx, ZMQ_PAIR);
        calls[i].call = i;
        pthread_create(&threads[i], NULL, block, &calls[i]);
    }
    if (shutdown_first)
        say("shutdown", rc(zmq_ctx_shutdown(ctx)));
    say("term", rc(zmq_ctx_term(ctx)));
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        say(names[i], calls[i].result);
    }
}

static void term_wakes_blocked(void)
{
    blocked_calls(0);
}

static void shutdown_wakes_blocked(void)
{
    blocked_calls(1);
}

static void *close_when_told(void *argument)
{
    void **sockets = argument;
    char byte;
    zmq_recv(sockets[0], &byte, 1, 0);
    zmq_close(sockets[0]);
    zmq_close(sockets[1]);
    return NULL;
}

static void term_waits_for_close(void)
{
    void *ctx = zmq_ctx_new();
    void *sockets[2] = {zmq_socket(ctx, ZMQ_PULL), zmq_socket(ctx, ZMQ_PUSH)};
    pthread_t thread;
    pthread_create(&thread, NULL, close_when_told, sockets);
    say("term", rc(zmq_ctx_term(ctx)));
    pthread_join(thread, NULL);
}

static void term_with_open_socket(void)
{
    void *ctx = zmq_ctx_new();
    zmq_socket(ctx, ZMQ_PAIR);
    say("term", rc(zmq_ctx_term(ctx)));
}

static void on_alarm(int number)
{
    (void) number;
}

static void interrupted_term(void)
{
    void *ctx = zmq_ctx_new();
    void *socket = zmq_socket(ctx, ZMQ_PAIR);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    /* Again and again, in case the first one comes before the call. */
    ualarm(100000, 100000);
    say("term", rc(zmq_ctx_term(ctx)));
    ualarm(0, 0);
    say("new socket meanwhile", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("recv meanwhile", rx_now(socket));
    say("close", rc(zmq_close(socket)));
    say("term again", rc(zmq_ctx_term(ctx)));
}

static void interrupted_calls(void)
{
    void *ctx = context();
    void *pair = plain_sock(ctx, ZMQ_PAIR);
    zmq_pollitem_t item = {pair, 0, ZMQ_POLLIN, 0};
    char byte;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    /* Again and again, in case one comes before the call. */
    ualarm(50000, 50000);
    say("recv", rc(zmq_recv(pair, &byte, 1, 0)));
    say("send", rc(zmq_send(pair, "x", 1, 0)));
    say("poll", rc(zmq_poll(&item, 1, -1)));
    say("poll without items", rc(zmq_poll(NULL, 0, 3000)));
    say("proxy", rc(zmq_proxy(pair, pair, NULL)));
    ualarm(0, 0);
}

static void isolated_contexts(void)
{
    void *first = context();
    void *second = context();
    void *a = sock(first, ZMQ_PAIR);
    void *b = sock(second, ZMQ_PAIR);
    void *c = sock(second, ZMQ_PAIR);
    say("bind", rc(zmq_bind(a, "inproc://name")));
    say("bind in the other", rc(zmq_bind(b, "inproc://name")));
    say("connect in the other", rc(zmq_connect(c, "inproc://name")));
    tx(c, "hello");
    say("reaches", rx(b));
    say("not", rx_quiet(a));
}

static void linger_of_term(void)
{
    void *ctx = context();
    void *push = plain_sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 300);
    connect_to(push, "tcp://127.0.0.1:9");
    tx(push, "unsent");
    long start = now_ms();
    say("close", shut(push));
    long closed = now_ms() - start;
    say("term", term(ctx));
    long took = now_ms() - start;
    line("close returns at once", "%d", closed < 200);
    line("term waits at least LINGER", "%d", took >= 290);
    line("and not much longer", "%d", took < 2500);
}

static void no_linger_needed(void)
{
    void *ctx = context();
    void *idle = plain_sock(ctx, ZMQ_PUSH);
    connect_to(idle, "tcp://127.0.0.1:9");
    void *unbound = plain_sock(ctx, ZMQ_PUSH);
    connect_to(unbound, "inproc://never-bound");
    tx(unbound, "waits for nobody");
    shut(idle);
    shut(unbound);
    say("term", term(ctx));
}

static void fork_child(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    connect_to(b, bind_any(a, TCP));
    tx(b, "there");
    say("before", rx(a));
    say("idle", rx_quiet(a));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        say("child send", tx_now(a, "x"));
        say("child recv", rx_now(a));
        /* zmq_close is left out: the stock library now and then waits there for a lock that an I/O
         * thread held at the fork. */
        void *fresh = zmq_ctx_new();
        void *c = zmq_socket(fresh, ZMQ_PAIR);
        void *d = zmq_socket(fresh, ZMQ_PAIR);
        say("child bind", rc(zmq_bind(c, "inproc://child")));
        say("child connect", rc(zmq_connect(d, "inproc://child")));
        say("child sends in a fresh context", tx(c, "fresh"));
        say("child receives", rx(d));
        zmq_close(c);
        zmq_close(d);
        say("child term", rc(zmq_ctx_term(fresh)));
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    line("child exits", "%d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    say("parent send", tx(a, "still here"));
    say("parent recv", rx(b));
}

static const struct rule rules[] = {
    RULE(bad_handles), RULE(legacy),
    RULE(after_start), RULE(socket_defaults), RULE(unknown_types), RULE(slots),
    RULE(no_io_threads), RULE(term_of_unused), RULE(after_shutdown), RULE(eterm_everywhere),
    RULE(queued_is_lost), RULE(term_wakes_blocked), RULE(shutdown_wakes_blocked),
    RULE(term_waits_for_close), RULE_WITHIN(term_with_open_socket, 300), RULE(interrupted_term),
    RULE(interrupted_calls), RULE(isolated_contexts), RULE(linger_of_term), RULE(no_linger_needed),
    RULE(fork_child),
};

RUN(rules)
