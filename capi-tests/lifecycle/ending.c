/* zmq_ctx_term and zmq_ctx_shutdown against everything that may go on meanwhile. api.md section 2. */
#include "expect.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/uio.h>

/* ---- blocked calls ---- */

enum { CALLS = 18 };
static const char *const call_names[CALLS] = {
    "recv", "send", "msg_recv", "msg_send", "recvmsg", "sendmsg", "recviov", "sendiov", "send_const", "poll",
    "poll for two", "ppoll", "proxy", "proxy between two", "steerable proxy", "poller",
    "poller for all", "device"};

struct blocked {
    void *socket, *other;
    int call;
    char result[32];
    atomic_int *inside;
};

static void *block(void *argument)
{
    struct blocked *it = argument;
    void *s = it->socket;
    char byte;
    size_t count = 1;
    struct iovec part = {&byte, 1};
    zmq_pollitem_t items[2] = {{s, 0, ZMQ_POLLIN, 0}, {it->other, 0, ZMQ_POLLIN, 0}};
    zmq_poller_event_t event;
    void *poller = zmq_poller_new();
    zmq_poller_add(poller, s, NULL, ZMQ_POLLIN);
    zmq_msg_t m;
    sigset_t none;
    sigemptyset(&none);
    zmq_msg_init(&m);
    (*it->inside)++;
    int result = 0;
    switch (it->call) {
    case 0: result = zmq_recv(s, &byte, 1, 0); break;
    case 1: result = zmq_send(s, "x", 1, 0); break;
    case 2: result = zmq_msg_recv(&m, s, 0); break;
    case 3: result = zmq_msg_send(&m, s, 0); break;
    case 4: result = zmq_recvmsg(s, &m, 0); break;
    case 5: result = zmq_sendmsg(s, &m, 0); break;
    case 6: result = zmq_recviov(s, &part, &count, 0); break;
    case 7: result = zmq_sendiov(s, &part, 1, 0); break;
    case 8: result = zmq_send_const(s, "x", 1, 0); break;
    case 9: result = zmq_poll(items, 1, -1); break;
    case 10: result = zmq_poll(items, 2, -1); break;
    case 11: result = zmq_ppoll(items, 1, -1, &none); break;
    case 12: result = zmq_proxy(s, s, NULL); break;
    case 13: result = zmq_proxy(s, it->other, NULL); break;
    case 14: result = zmq_proxy_steerable(s, it->other, NULL, s); break;
    case 15: result = zmq_poller_wait(poller, &event, -1); break;
    case 16: result = zmq_poller_wait_all(poller, &event, 1, 60000); break;
    default: result = zmq_device(ZMQ_STREAMER, s, it->other); break;
    }
    snprintf(it->result, sizeof it->result, "%s", rc(result));
    zmq_poller_destroy(&poller);
    zmq_msg_close(&m);
    zmq_close(it->socket);
    zmq_close(it->other);
    return NULL;
}

static int wake_all(int shutdown_first, int wait_for_sleep)
{
    void *ctx = zmq_ctx_new();
    struct blocked calls[CALLS];
    pthread_t threads[CALLS];
    atomic_int inside = 0;
    int wrong = 0;
    for (int i = 0; i < CALLS; i++) {
        calls[i] = (struct blocked){zmq_socket(ctx, ZMQ_DEALER), zmq_socket(ctx, ZMQ_DEALER), i, "", &inside};
        pthread_create(&threads[i], NULL, block, &calls[i]);
    }
    while (wait_for_sleep && inside < CALLS)
        usleep(100);
    if (wait_for_sleep)
        usleep(3000);
    if (shutdown_first)
        wrong += differs("shutdown", rc(zmq_ctx_shutdown(ctx)), "0");
    wrong += differs("term", rc(zmq_ctx_term(ctx)), "0");
    for (int i = 0; i < CALLS; i++) {
        pthread_join(threads[i], NULL);
        wrong += differs(call_names[i], calls[i].result, "ETERM");
    }
    return wrong;
}

static void blocked_calls_wake(void)
{
    int wrong = 0;
    for (int i = 0; i < turns(20); i++)
        wrong += wake_all(i & 1, i & 2);
    expect("wrong answers", rc(wrong), "0");
}

/* ---- a busy context ends ---- */

struct worker {
    void *ctx;
    int number;
    unsigned seed;
    int strange;
};

/* Opens, binds, connects, sends, receives, polls, closes, until it hears of the end. */
static void *work(void *argument)
{
    struct worker *it = argument;
    for (;;) {
        int type = classic_types[rand_r(&it->seed) % 11];
        void *s = zmq_socket(it->ctx, type), *other = NULL;
        if (!s) {
            /* It may have ended altogether since the last close. */
            it->strange += zmq_errno() != ETERM && zmq_errno() != EFAULT;
            return NULL;
        }
        int linger = (int) (rand_r(&it->seed) % 3) * 5, timeout = (int) (rand_r(&it->seed) % 3), ended = 0;
        zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
        zmq_setsockopt(s, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
        if (type == ZMQ_SUB)
            zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
        char endpoint[64], buffer[256];
        size_t size = sizeof buffer;
        int way = (int) (rand_r(&it->seed) % 4);
        snprintf(endpoint, sizeof endpoint, "inproc://worker-%d", (int) (rand_r(&it->seed) % 8));
        switch (way) {
        case 0:
            zmq_bind(s, endpoint);
            break;
        case 1:
            zmq_connect(s, endpoint);
            break;
        case 2:
            zmq_bind(s, rand_r(&it->seed) % 2 ? "tcp://127.0.0.1:*" : "ipc://*");
            if (zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, buffer, &size) == 0
                && (other = zmq_socket(it->ctx, ZMQ_DEALER))) {
                zmq_setsockopt(other, ZMQ_LINGER, &linger, sizeof linger);
                zmq_connect(other, buffer);
                zmq_send(other, "x", 1, ZMQ_DONTWAIT);
            }
            break;
        default:
            snprintf(endpoint, sizeof endpoint, "inproc://monitor-%d", it->number);
            zmq_socket_monitor(s, endpoint, ZMQ_EVENT_ALL);
            zmq_connect(s, "tcp://127.0.0.1:9");
        }
        for (int i = 0; i < 4 && !ended; i++) {
            zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
            ended |= zmq_send(s, "x", 1, i % 2 ? ZMQ_SNDMORE : 0) == -1 && zmq_errno() == ETERM;
            ended |= zmq_recv(s, buffer, 1, 0) == -1 && zmq_errno() == ETERM;
            ended |= zmq_poll(&item, 1, timeout) == -1 && zmq_errno() == ETERM;
        }
        it->strange += zmq_close(s) != 0;
        if (other)
            it->strange += zmq_close(other) != 0;
    }
}

enum { WORKERS = 8 };

static void *call_term(void *ctx)
{
    int result;
    while ((result = zmq_ctx_term(ctx)) == -1 && zmq_errno() == EINTR)
        ;
    /* Of several threads one may come when all is over. */
    return result == 0 || zmq_errno() == EFAULT ? NULL : ctx;
}

static int end_a_busy_context(int terminators, unsigned round)
{
    void *ctx = zmq_ctx_new();
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS], enders[4];
    int wrong = 0;
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, (int) (round % 3) + 1);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ctx, i, round * 100 + (unsigned) i, 0};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    usleep(round % 7 * 500);
    for (int i = 0; i < terminators; i++)
        pthread_create(&enders[i], NULL, call_term, ctx);
    for (int i = 0; i < terminators; i++) {
        void *failed;
        pthread_join(enders[i], &failed);
        wrong += failed != NULL;
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        wrong += workers[i].strange;
    }
    return wrong;
}

static void busy_context(void)
{
    int wrong = 0;
    for (int round = 0; round < turns(200); round++)
        wrong += end_a_busy_context(1, (unsigned) round);
    expect("wrong", rc(wrong), "0");
}

static void several_terms(void)
{
    int wrong = 0;
    for (int round = 0; round < turns(60); round++)
        wrong += end_a_busy_context(3, (unsigned) round);
    expect("wrong", rc(wrong), "0");
}

/* Two threads end a context that nobody uses: one or both say 0, and afterwards it is gone. */
static void idle_terms(void)
{
    int wrong = 0;
    for (int round = 0; round < turns(300); round++) {
        void *ctx = zmq_ctx_new();
        if (round % 2)
            zmq_close(zmq_socket(ctx, ZMQ_PAIR));
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, call_term, ctx);
        for (int i = 0; i < 2; i++) {
            void *failed;
            pthread_join(threads[i], &failed);
            wrong += failed != NULL;
        }
        wrong += differs("afterwards", rc(zmq_ctx_term(ctx)), "EFAULT");
    }
    expect("wrong", rc(wrong), "0");
}

static void ignore(int number)
{
    (void) number;
}

struct interrupter {
    pthread_t target;
    atomic_int stop;
};

static void *interrupt(void *argument)
{
    struct interrupter *it = argument;
    while (!it->stop) {
        pthread_kill(it->target, SIGUSR1);
        usleep(200);
    }
    return NULL;
}

static void *close_later(void *socket)
{
    usleep(100 * 1000);
    zmq_close(socket);
    return NULL;
}

/* Hundreds of signals in zmq_ctx_term: each time EINTR, and at last 0. */
static void interrupted_term(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    void *ctx = zmq_ctx_new();
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    struct interrupter it = {pthread_self(), 0};
    pthread_t killer, closer;
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &block, NULL);
    pthread_create(&closer, NULL, close_later, s);
    pthread_create(&killer, NULL, interrupt, &it);
    pthread_sigmask(SIG_UNBLOCK, &block, NULL);
    int result, times = 0;
    while ((result = zmq_ctx_term(ctx)) == -1 && zmq_errno() == EINTR)
        times++;
    it.stop = 1;
    pthread_join(killer, NULL);
    pthread_join(closer, NULL);
    expect("at last", rc(result), "0");
    expect_true("EINTR more than once", times > 1);
    expect("afterwards", rc(zmq_ctx_term(ctx)), "EFAULT");
}

/* ---- what term waits for ---- */

static void linger(int value, int least, int most)
{
    void *ctx = zmq_ctx_new();
    void *push = zmq_socket(ctx, ZMQ_PUSH);
    void *other = zmq_socket(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, value);
    set_int(other, ZMQ_LINGER, 0);
    connect_to(push, "tcp://127.0.0.1:9");
    connect_to(other, "tcp://127.0.0.1:9");
    tx(push, "unsent");
    tx(other, "unsent");
    zmq_close(push);
    zmq_close(other);
    long before = now_ms();
    const char *result = rc(zmq_ctx_term(ctx));
    long took = now_ms() - before;
    expect(text("linger %d", value), result, "0");
    if (took >= least && took < most)
        say(text("linger %d, time", value), "ok");
    else
        line(text("linger %d, time", value), "WRONG: %ld ms", took);
}

static void linger_values(void)
{
    linger(0, 0, 5000);
    linger(1, 0, 5000);
    linger(300, 290, 5000);
}

/* Without a limit term waits until the peer is there and has it. */
static void linger_for_ever(void)
{
    void *ctx = zmq_ctx_new(), *theirs = context();
    void *push = zmq_socket(ctx, ZMQ_PUSH);
    const char *endpoint = keep(vacant(TCP));
    connect_to(push, endpoint);
    tx(push, "unsent");
    zmq_close(push);
    pthread_t thread;
    pthread_create(&thread, NULL, call_term, ctx);
    usleep(100 * 1000);
    void *pull = sock(theirs, ZMQ_PULL);
    expect("bind", rc(zmq_bind(pull, endpoint)), "0");
    expect("received", rx(pull), "[unsent]");
    void *failed;
    pthread_join(thread, &failed);
    expect_true("term", failed == NULL);
}

/* Parked inproc connects, monitors in all states, sockets in the middle of a message. */
static void odd_states(void)
{
    int wrong = 0;
    for (int round = 0; round < turns(50); round++) {
        void *ctx = zmq_ctx_new();
        void *parked[3], *monitored, *reader, *middle, *peer;
        for (int i = 0; i < 3; i++) {
            parked[i] = zmq_socket(ctx, ZMQ_DEALER);
            zmq_connect(parked[i], i ? "inproc://nobody" : "inproc://m-of-nobody");
            zmq_send(parked[i], "x", 1, 0);
        }
        monitored = zmq_socket(ctx, ZMQ_DEALER);
        zmq_socket_monitor(monitored, "inproc://m", ZMQ_EVENT_ALL);
        reader = zmq_socket(ctx, ZMQ_PAIR);
        if (round % 2)
            zmq_connect(reader, "inproc://m");
        zmq_bind(monitored, "tcp://127.0.0.1:*");
        middle = zmq_socket(ctx, ZMQ_PAIR);
        peer = zmq_socket(ctx, ZMQ_PAIR);
        zmq_bind(middle, "inproc://middle");
        zmq_connect(peer, "inproc://middle");
        zmq_send(middle, "half", 4, ZMQ_SNDMORE);
        zmq_send(peer, "one", 3, ZMQ_SNDMORE);
        zmq_send(peer, "two", 3, 0);
        char buffer[8];
        zmq_recv(middle, buffer, 3, 0);
        wrong += differs("shutdown", rc(zmq_ctx_shutdown(ctx)), "0");
        wrong += differs("shutdown again", rc(zmq_ctx_shutdown(ctx)), "0");
        wrong += differs("middle", rc(zmq_recv(middle, buffer, 3, 0)), "ETERM");
        wrong += differs("monitor", rc(zmq_recv(reader, buffer, 3, 0)), "ETERM");
        void *all[] = {parked[0], parked[1], parked[2], monitored, reader, middle, peer};
        for (int i = 0; i < 7; i++)
            wrong += differs("close", rc(zmq_close(all[(i + round) % 7])), "0");
        wrong += differs("term", rc(zmq_ctx_term(ctx)), "0");
    }
    expect("wrong", rc(wrong), "0");
}

/* Pollers of stopped sockets, whether they have waited before or not: the stock library aborts. */
static void pollers(void)
{
    for (int waited = 0; waited < 2; waited++) {
        void *ctx = zmq_ctx_new();
        void *s = zmq_socket(ctx, ZMQ_PAIR);
        void *poller = zmq_poller_new(), *late = zmq_poller_new();
        zmq_poller_event_t event;
        zmq_poller_add(poller, s, NULL, ZMQ_POLLIN);
        if (waited)
            zmq_poller_wait(poller, &event, 1);
        zmq_ctx_shutdown(ctx);
        expect("wait", rc(zmq_poller_wait(poller, &event, -1)), "ETERM");
        expect("wait_all", rc(zmq_poller_wait_all(poller, &event, 1, -1)), "ETERM");
        expect("modify", rc(zmq_poller_modify(poller, s, ZMQ_POLLOUT)), "0");
        expect("wait after modify", rc(zmq_poller_wait(poller, &event, 0)), "ETERM");
        expect("add", rc(zmq_poller_add(late, s, NULL, ZMQ_POLLIN)), "0");
        expect("wait of another", rc(zmq_poller_wait(late, &event, -1)), "ETERM");
        expect("remove", rc(zmq_poller_remove(poller, s)), "0");
        expect("wait for nothing", rc(zmq_poller_wait(poller, &event, 1)), "EAGAIN");
        zmq_close(s);
        expect("term", rc(zmq_ctx_term(ctx)), "0");
        expect("destroy", rc(zmq_poller_destroy(&poller)), "0");
        expect("destroy with a closed socket", rc(zmq_poller_destroy(&late)), "0");
    }
}

/* A sender waits because the network takes no more, and the end comes. */
static void full(void)
{
    static char body[100000];
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        const char *name = transport_names[transport];
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 2);
        set_int(pull, ZMQ_RCVHWM, 2);
        attach(pull, push, transport);
        set_int(push, ZMQ_SNDTIMEO, QUIET);
        while (zmq_send(push, body, sizeof body, 0) != -1)
            ;
        set_int(push, ZMQ_SNDTIMEO, -1);
        pthread_t thread;
        pthread_create(&thread, NULL, stop_later, ctx);
        expect(text("%s send", name), rc(zmq_send(push, body, sizeof body, 0)), "ETERM");
        pthread_join(thread, NULL);
        expect(text("%s recv", name), rc(zmq_recv(pull, body, sizeof body, 0)), "ETERM");
        expect(text("%s close", name), shut(push), "0");
        expect(text("%s close the other", name), shut(pull), "0");
        expect(text("%s term", name), term(ctx), "0");
    }
}

/* Between the parts of a message sent and of one received: both are given up. */
static void in_a_message(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        const char *name = transport_names[transport];
        void *ctx = context();
        void *a = sock(ctx, ZMQ_DEALER), *b = sock(ctx, ZMQ_DEALER);
        attach(a, b, transport);
        tx(b, "whole|message");
        expect(text("%s first part", name), tx_frame(a, "one", ZMQ_SNDMORE), "3");
        expect(text("%s part read", name), rx_frame(a, 0), "[whole] +");
        zmq_ctx_shutdown(ctx);
        expect(text("%s second part", name), tx_frame(a, "two", 0), "ETERM");
        expect(text("%s part unread", name), rx_frame(a, 0), "ETERM");
        expect(text("%s RCVMORE", name), show_int(a, ZMQ_RCVMORE), "ETERM");
        expect(text("%s close", name), shut(a), "0");
        shut(b);
        expect(text("%s term", name), term(ctx), "0");
    }
}

/* A context without sockets, with one that was closed, after failures of zmq_socket. */
static void hardly_used(void)
{
    void *ctx = zmq_ctx_new();
    expect("unused", rc(zmq_ctx_term(ctx)), "0");
    ctx = zmq_ctx_new();
    expect("no such type", made(zmq_socket(ctx, 4711)), "EINVAL");
    expect("only a failure", rc(zmq_ctx_term(ctx)), "0");
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0);
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    zmq_close(s);
    expect("without threads", rc(zmq_ctx_term(ctx)), "0");
    ctx = zmq_ctx_new();
    expect("shutdown", rc(zmq_ctx_shutdown(ctx)), "0");
    expect("socket after that", made(zmq_socket(ctx, ZMQ_PAIR)), "ETERM");
    expect("shut down, unused", rc(zmq_ctx_term(ctx)), "0");
}

/* Contexts by the hundred, each with its threads. */
static void many_contexts(void)
{
    int wrong = 0;
    for (int round = 0; round < turns(300); round++) {
        void *ctx = zmq_ctx_new();
        void *a = zmq_socket(ctx, ZMQ_PUSH), *b = zmq_socket(ctx, ZMQ_PULL);
        char endpoint[256], byte;
        size_t size = sizeof endpoint;
        zmq_bind(b, round % 2 ? "tcp://127.0.0.1:*" : "ipc://*");
        zmq_getsockopt(b, ZMQ_LAST_ENDPOINT, endpoint, &size);
        zmq_connect(a, endpoint);
        zmq_send(a, "x", 1, 0);
        wrong += zmq_recv(b, &byte, 1, 0) != 1;
        zmq_close(a);
        zmq_close(b);
        wrong += zmq_ctx_term(ctx) != 0;
    }
    expect("wrong", rc(wrong), "0");
}

static const struct rule rules[] = {
    RULE(blocked_calls_wake), RULE_WITHIN(busy_context, 60000), RULE_WITHIN(several_terms, 60000),
    RULE(idle_terms), RULE(interrupted_term), RULE(linger_values), RULE(linger_for_ever), RULE(odd_states), RULE(full),
    RULE(in_a_message), RULE(pollers),
    RULE(hardly_used), RULE_WITHIN(many_contexts, 60000),
};

RUN(rules)
