/* Handles that are NULL, foreign, closed, or closed by somebody else meanwhile; messages that are none.
 * Much of this is undefined on the stock library. api.md section 1, protocols: "Handles". */
#include "expect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

/* ---- every function that takes a socket ---- */

enum { SOCKET_CALLS = 34 };

/* Makes call number `call` on `s`; its result. */
static const char *socket_call(int call, void *s)
{
    static const char id[] = "id";
    char buffer[64];
    int value = 0;
    size_t size = sizeof value, count = 1;
    struct iovec part = {buffer, 1};
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    const char *result;
    zmq_msg_t m;
    zmq_msg_init(&m);
    switch (call) {
    case 0: result = rc(zmq_setsockopt(s, ZMQ_LINGER, &value, sizeof value)); break;
    case 1: result = rc(zmq_setsockopt(s, 9999, &value, sizeof value)); break;
    case 2: result = rc(zmq_setsockopt(s, ZMQ_SUBSCRIBE, NULL, 0)); break;
    case 3: result = rc(zmq_getsockopt(s, ZMQ_LINGER, &value, &size)); break;
    case 4: result = rc(zmq_getsockopt(s, ZMQ_EVENTS, &value, &size)); break;
    case 5: result = rc(zmq_getsockopt(s, ZMQ_FD, &value, &size)); break;
    case 6: result = rc(zmq_getsockopt(s, 9999, &value, &size)); break;
    case 7: result = rc(zmq_bind(s, "inproc://x")); break;
    case 8: result = rc(zmq_bind(s, "tcp://127.0.0.1:*")); break;
    case 9: result = rc(zmq_bind(s, "x")); break;
    case 10: result = rc(zmq_connect(s, "inproc://x")); break;
    case 11: result = rc(zmq_connect(s, "tcp://127.0.0.1:9")); break;
    case 12: result = rc(zmq_unbind(s, "inproc://x")); break;
    case 13: result = rc(zmq_disconnect(s, NULL)); break;
    case 14: result = rc(zmq_send(s, "x", 1, 0)); break;
    case 15: result = rc(zmq_send(s, "x", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE)); break;
    case 16: result = rc(zmq_send_const(s, "x", 1, 0)); break;
    case 17: result = rc(zmq_recv(s, buffer, 1, 0)); break;
    case 18: result = rc(zmq_recv(s, buffer, 1, ZMQ_DONTWAIT)); break;
    case 19: result = rc(zmq_msg_send(&m, s, 0)); break;
    case 20: result = rc(zmq_msg_recv(&m, s, 0)); break;
    case 21: result = rc(zmq_sendmsg(s, &m, 0)); break;
    case 22: result = rc(zmq_recvmsg(s, &m, 0)); break;
    case 23: result = rc(zmq_sendiov(s, &part, 1, 0)); break;
    case 24: result = rc(zmq_recviov(s, &part, &count, 0)); break;
    case 25: result = rc(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL)); break;
    case 26: result = rc(zmq_socket_monitor(s, NULL, 0)); break;
    case 27: result = rc(zmq_poll(&item, 1, -1)); break;
    case 28: result = rc(zmq_proxy(s, s, NULL)); break;
    case 29: result = rc(zmq_proxy_steerable(s, s, NULL, s)); break;
    case 30: result = rc(zmq_device(ZMQ_QUEUE, s, s)); break;
    case 31: result = rc(zmq_getsockopt(s, ZMQ_LINGER, &value, NULL)); break;
    case 32: (void) id; result = rc(zmq_unbind(s, "x")); break;
    default: result = rc(zmq_close(s)); break;
    }
    zmq_msg_close(&m);
    return result;
}

/* All of them say that it is no socket; the close comes last. */
static void no_socket(const char *what, void *s)
{
    int wrong = 0;
    for (int call = 0; call < SOCKET_CALLS; call++) {
        /* A NULL in a poll item means a descriptor, and NULL ends of a proxy have their own error. */
        if (!s && (call >= 27 && call <= 30))
            continue;
        wrong += differs(text("%s %d", what, call), socket_call(call, s), "ENOTSOCK");
    }
    expect(what, rc(wrong), "0");
}

static void no_context(const char *what, void *c)
{
    expect(text("%s get", what), rc(zmq_ctx_get(c, ZMQ_IO_THREADS)), "EFAULT");
    expect(text("%s set", what), rc(zmq_ctx_set(c, ZMQ_IO_THREADS, 1)), "EFAULT");
    expect(text("%s shutdown", what), rc(zmq_ctx_shutdown(c)), "EFAULT");
    expect(text("%s term", what), rc(zmq_ctx_term(c)), "EFAULT");
    expect(text("%s destroy", what), rc(zmq_ctx_destroy(c)), "EFAULT");
    expect(text("%s zmq_term", what), rc(zmq_term(c)), "EFAULT");
    expect(text("%s socket", what), made(zmq_socket(c, ZMQ_PAIR)), "EFAULT");
}

static void handler(int id, void *argument)
{
    (void) id;
    (void) argument;
}

static void no_timers(const char *what, void *t)
{
    void *handle = t;
    expect(text("%s add", what), rc(zmq_timers_add(t, 1, handler, NULL)), "EFAULT");
    expect(text("%s cancel", what), rc(zmq_timers_cancel(t, 1)), "EFAULT");
    expect(text("%s set_interval", what), rc(zmq_timers_set_interval(t, 1, 1)), "EFAULT");
    expect(text("%s reset", what), rc(zmq_timers_reset(t, 1)), "EFAULT");
    expect(text("%s timeout", what), rc((int) zmq_timers_timeout(t)), "EFAULT");
    expect(text("%s execute", what), rc(zmq_timers_execute(t)), "EFAULT");
    expect(text("%s destroy", what), rc(zmq_timers_destroy(&handle)), "EFAULT");
}

static void no_poller(const char *what, void *p)
{
    void *handle = p;
    zmq_poller_event_t event;
    zmq_fd_t fd;
    expect(text("%s size", what), rc(zmq_poller_size(p)), "EFAULT");
    expect(text("%s add", what), rc(zmq_poller_add(p, NULL, NULL, ZMQ_POLLIN)), "EFAULT");
    expect(text("%s modify", what), rc(zmq_poller_modify(p, NULL, ZMQ_POLLIN)), "EFAULT");
    expect(text("%s remove", what), rc(zmq_poller_remove(p, NULL)), "EFAULT");
    expect(text("%s add_fd", what), rc(zmq_poller_add_fd(p, 0, NULL, ZMQ_POLLIN)), "EFAULT");
    expect(text("%s modify_fd", what), rc(zmq_poller_modify_fd(p, 0, ZMQ_POLLIN)), "EFAULT");
    expect(text("%s remove_fd", what), rc(zmq_poller_remove_fd(p, 0)), "EFAULT");
    expect(text("%s wait", what), rc(zmq_poller_wait(p, &event, -1)), "EFAULT");
    expect(text("%s wait_all", what), rc(zmq_poller_wait_all(p, &event, 1, -1)), "EFAULT");
    expect(text("%s fd", what), rc(zmq_poller_fd(p, &fd)), "EFAULT");
    expect(text("%s destroy", what), rc(zmq_poller_destroy(&handle)), "EFAULT");
}

/* Handles of everything else as pollers, pollers as everything else, sockets that are none or closed in one. */
static void pollers(void)
{
    static _Alignas(64) unsigned char memory[4096];
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR), *closed = zmq_socket(ctx, ZMQ_PAIR), *timers = zmq_timers_new();
    void *p = zmq_poller_new();
    zmq_poller_event_t event;
    no_poller("NULL as poller", NULL);
    no_poller("zeroes as poller", memory);
    memset(memory, 0xff, sizeof memory);
    no_poller("ones as poller", memory);
    no_poller("odd address as poller", memory + 1);
    no_poller("socket as poller", s);
    no_poller("context as poller", ctx);
    no_poller("timers as poller", timers);
    no_socket("poller as socket", p);
    no_context("poller as context", p);
    no_timers("poller as timers", p);
    expect("add no socket", rc(zmq_poller_add(p, memory, NULL, ZMQ_POLLIN)), "ENOTSOCK");
    expect("add the context", rc(zmq_poller_add(p, ctx, NULL, ZMQ_POLLIN)), "ENOTSOCK");
    expect("add", rc(zmq_poller_add(p, closed, NULL, ZMQ_POLLIN)), "0");
    zmq_close(closed);
    expect("add closed", rc(zmq_poller_add(p, closed, NULL, ZMQ_POLLIN)), "ENOTSOCK");
    expect("wait for closed", rc(zmq_poller_wait(p, &event, 1000)), "ENOTSOCK");
    void *kept = p;
    expect("destroy", rc(zmq_poller_destroy(&p)), "0");
    no_poller("destroyed poller", kept);
    zmq_timers_destroy(&timers);
}

static void null_handles(void)
{
    void *null = NULL;
    no_socket("NULL as socket", NULL);
    no_context("NULL as context", NULL);
    no_timers("NULL as timers", NULL);
    expect("timers, NULL pointer", rc(zmq_timers_destroy(NULL)), "EFAULT");
    zmq_atomic_counter_destroy(&null);
    zmq_threadclose(NULL);
    expect("stopwatch", rc((int) zmq_stopwatch_stop(NULL)), "0");
}

static void foreign_handles(void)
{
    static _Alignas(64) unsigned char memory[4096];
    void *ctx = context();
    void *socket = sock(ctx, ZMQ_PAIR);
    void *timers = zmq_timers_new();
    void *counter = zmq_atomic_counter_new();
    zmq_msg_t message;
    zmq_msg_init_size(&message, 100);
    memset(memory, 0, sizeof memory);
    no_socket("zeroes as socket", memory);
    no_context("zeroes as context", memory);
    no_timers("zeroes as timers", memory);
    memset(memory, 0xff, sizeof memory);
    no_socket("ones as socket", memory);
    no_context("ones as context", memory);
    no_timers("ones as timers", memory);
    srand(1);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof memory; i++)
            memory[i] = (unsigned char) rand();
        if (strcmp(rc(zmq_close(memory)), "ENOTSOCK") != 0)
            say("random memory", "WRONG: a socket");
    }
    no_socket("random memory as socket", memory);
    no_socket("context as socket", ctx);
    no_socket("timers as socket", timers);
    no_socket("message as socket", &message);
    no_socket("odd address as socket", memory + 1);
    no_socket("inside of a socket", (char *) socket + 4);
    no_socket("literal as socket", (void *) "a text that is long enough for a look at its first bytes");
    no_context("socket as context", socket);
    no_context("timers as context", timers);
    no_context("message as context", &message);
    no_timers("socket as timers", socket);
    no_timers("context as timers", ctx);
    no_socket("counter as socket", counter);
    expect("the socket lives", rc(zmq_close(socket)), "0");
    zmq_timers_destroy(&timers);
    zmq_atomic_counter_destroy(&counter);
    zmq_msg_close(&message);
    _exit((fflush(stdout), zmq_ctx_term(ctx)));
}

static void closed_handles(void)
{
    void *ctx = zmq_ctx_new();
    for (size_t i = 0; i < sizeof classic_types / sizeof classic_types[0]; i++) {
        void *s = zmq_socket(ctx, classic_types[i]);
        if (!s)
            continue;
        expect(text("%s close", type_name(classic_types[i])), rc(zmq_close(s)), "0");
        no_socket(text("closed %s", type_name(classic_types[i])), s);
    }
    void *busy = zmq_socket(ctx, ZMQ_PUSH);
    set_int(busy, ZMQ_LINGER, 0);
    connect_to(busy, "tcp://127.0.0.1:9");
    tx(busy, "unsent");
    zmq_close(busy);
    no_socket("closed with something unsent", busy);
    void *timers = zmq_timers_new();
    void *kept = timers;
    zmq_timers_destroy(&timers);
    no_timers("destroyed timers", kept);
    expect("term", rc(zmq_ctx_term(ctx)), "0");
    no_context("ended context", ctx);
    no_socket("ended context as socket", ctx);
    no_socket("closed before the context ended", busy);
}

/* A handle is not given out again at once: a late call meets no stranger. */
static void late_calls(void)
{
    void *ctx = context();
    void *old = zmq_socket(ctx, ZMQ_PAIR);
    zmq_close(old);
    int met = 0;
    for (int i = 0; i < 500; i++) {
        void *other = zmq_socket(ctx, ZMQ_PAIR);
        met += other == old;
        if (zmq_close(old) == 0)
            met++;
        zmq_close(other);
    }
    expect("strangers met", rc(met), "0");
}

/* ---- several threads ---- */

struct race {
    void *socket;
    pthread_barrier_t start;
    atomic_int closed;
    atomic_int strange;
};

static void *close_it(void *argument)
{
    struct race *race = argument;
    pthread_barrier_wait(&race->start);
    int result = zmq_close(race->socket);
    if (result == 0)
        race->closed++;
    else if (zmq_errno() != ENOTSOCK)
        race->strange++;
    return NULL;
}

static void *use_it(void *argument)
{
    struct race *race = argument;
    char byte;
    pthread_barrier_wait(&race->start);
    for (;;) {
        if (zmq_recv(race->socket, &byte, 1, ZMQ_DONTWAIT) == -1 && zmq_errno() != EAGAIN)
            break;
        if (zmq_send(race->socket, "x", 1, ZMQ_DONTWAIT) == -1 && zmq_errno() != EAGAIN)
            break;
        int value;
        size_t size = sizeof value;
        if (zmq_getsockopt(race->socket, ZMQ_EVENTS, &value, &size) == -1)
            break;
    }
    if (zmq_errno() != ENOTSOCK)
        race->strange++;
    return NULL;
}

static void closes_race(void)
{
    void *ctx = context();
    int rounds = turns(400), closed = 0, strange = 0;
    for (int round = 0; round < rounds; round++) {
        struct race race;
        pthread_t threads[4];
        memset(&race, 0, sizeof race);
        race.socket = zmq_socket(ctx, ZMQ_PAIR);
        pthread_barrier_init(&race.start, NULL, 4);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, i < 2 ? close_it : use_it, &race);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&race.start);
        closed += race.closed;
        strange += race.strange;
    }
    expect("closed once each", rc(closed == rounds ? 1 : closed), "1");
    expect("strange answers", rc(strange), "0");
}

struct blocked {
    void *socket;
    void *peer;
    int call;
    char result[32];
    atomic_int *inside;
};

enum { BLOCKING = 14 };

static void *block(void *argument)
{
    struct blocked *it = argument;
    char byte;
    size_t count = 1;
    struct iovec part = {&byte, 1};
    zmq_pollitem_t items[2] = {{it->socket, 0, ZMQ_POLLIN, 0}, {it->peer, 0, ZMQ_POLLIN, 0}};
    zmq_poller_event_t event;
    void *poller = zmq_poller_new();
    zmq_poller_add(poller, it->socket, NULL, ZMQ_POLLIN);
    zmq_msg_t m;
    zmq_msg_init(&m);
    (*it->inside)++;
    int result = -1;
    switch (it->call) {
    case 0: result = zmq_recv(it->socket, &byte, 1, 0); break;
    case 1: result = zmq_send(it->socket, "x", 1, 0); break;
    case 2: result = zmq_poll(items, 1, -1); break;
    case 3: result = zmq_poll(items, 2, -1); break;
    case 4: result = zmq_proxy(it->socket, it->socket, NULL); break;
    case 5: result = zmq_proxy(it->socket, it->peer, NULL); break;
    case 6: result = zmq_proxy_steerable(it->socket, it->peer, NULL, it->peer); break;
    case 7: result = zmq_msg_recv(&m, it->socket, 0); break;
    case 8: result = zmq_msg_send(&m, it->socket, 0); break;
    case 9: result = zmq_recviov(it->socket, &part, &count, 0); break;
    case 10: result = zmq_sendiov(it->socket, &part, 1, 0); break;
    case 11: result = zmq_poller_wait(poller, &event, -1); break;
    case 12: result = zmq_poller_wait_all(poller, &event, 1, 60000); break;
    default: result = zmq_device(ZMQ_QUEUE, it->peer, it->socket); break;
    }
    snprintf(it->result, sizeof it->result, "%s", rc(result));
    zmq_poller_destroy(&poller);
    zmq_msg_close(&m);
    return NULL;
}

/* The thread is asleep: it is not running any more after having been told to go in. */
static void until_asleep(atomic_int *inside, int wanted)
{
    while (*inside < wanted)
        usleep(100);
    /* It may not be in its call yet: the close then comes first, which gives the same answer. */
    usleep(2000);
}

static void closed_while_blocked(void)
{
    void *ctx = context();
    int rounds = turns(20), wrong = 0;
    for (int round = 0; round < rounds; round++) {
        struct blocked calls[BLOCKING];
        pthread_t threads[BLOCKING];
        atomic_int inside = 0;
        for (int i = 0; i < BLOCKING; i++) {
            calls[i] = (struct blocked){zmq_socket(ctx, ZMQ_PAIR), zmq_socket(ctx, ZMQ_PAIR), i, "", &inside};
            pthread_create(&threads[i], NULL, block, &calls[i]);
        }
        until_asleep(&inside, BLOCKING);
        for (int i = 0; i < BLOCKING; i++)
            zmq_close(calls[i].socket);
        for (int i = 0; i < BLOCKING; i++) {
            pthread_join(threads[i], NULL);
            wrong += differs(text("call %d", i), calls[i].result, "ENOTSOCK");
            zmq_close(calls[i].peer);
        }
    }
    expect("wrong answers", rc(wrong), "0");
}

/* ---- messages ---- */

/* Every function that takes a message, on memory that holds none. */
static void no_message(const char *what, zmq_msg_t *m, void *s)
{
    zmq_msg_t good;
    zmq_msg_init_size(&good, 50);
    expect(text("%s close", what), rc(zmq_msg_close(m)), "EFAULT");
    expect(text("%s data", what), made(zmq_msg_data(m)), "EFAULT");
    errno = 0;
    zmq_msg_size(m);
    expect(text("%s size", what), error_name(errno), "EFAULT");
    /* No error is documented for this one. */
    expect(text("%s more", what), rc(zmq_msg_more(m)), "0");
    expect(text("%s get", what), rc(zmq_msg_get(m, ZMQ_MORE)), "EFAULT");
    expect(text("%s gets", what), made(zmq_msg_gets(m, "Socket-Type")), "EFAULT");
    expect(text("%s send", what), rc(zmq_msg_send(m, s, ZMQ_DONTWAIT)), "EFAULT");
    expect(text("%s recv", what), rc(zmq_msg_recv(m, s, ZMQ_DONTWAIT)), "EFAULT");
    expect(text("%s sendmsg", what), rc(zmq_sendmsg(s, m, ZMQ_DONTWAIT)), "EFAULT");
    expect(text("%s recvmsg", what), rc(zmq_recvmsg(s, m, ZMQ_DONTWAIT)), "EFAULT");
    expect(text("%s move to", what), rc(zmq_msg_move(m, &good)), "EFAULT");
    expect(text("%s move from", what), rc(zmq_msg_move(&good, m)), "EFAULT");
    expect(text("%s copy to", what), rc(zmq_msg_copy(m, &good)), "EFAULT");
    expect(text("%s copy from", what), rc(zmq_msg_copy(&good, m)), "EFAULT");
    expect(text("%s leaves the other alone", what), rc((int) zmq_msg_size(&good)), "50");
    zmq_msg_close(&good);
}

static void no_messages(void)
{
    void *s = sock(context(), ZMQ_PAIR);
    zmq_msg_t m;
    memset(&m, 0, sizeof m);
    no_message("zeroes", &m, s);
    memset(&m, 0xff, sizeof m);
    no_message("ones", &m, s);
    no_message("NULL", NULL, s);
    zmq_msg_init(&m);
    zmq_msg_close(&m);
    no_message("closed", &m, s);
    zmq_msg_init_size(&m, 1000);
    zmq_msg_close(&m);
    no_message("closed, large", &m, s);
    unsigned char bytes[sizeof m + 8];
    memset(bytes, 0, sizeof bytes);
    no_message("odd address", (zmq_msg_t *) (void *) (bytes + ((uintptr_t) bytes % 2 ? 0 : 1)), s);
}

/* One byte tells a message from other memory: of 256 values two are taken. */
static void random_messages(void)
{
    zmq_msg_t good;
    zmq_msg_init_size(&good, 50);
    srand(7);
    int refused = 0, skipped = 0;
    const int rounds = 5000;
    const size_t kind = 41;
    for (int i = 0; i < rounds; i++) {
        _Alignas(8) unsigned char bytes[sizeof(zmq_msg_t)];
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = (unsigned char) rand();
        if (bytes[kind] == ((unsigned char *) &good)[kind] || bytes[kind] == 0xA9) {
            skipped++;
            continue;
        }
        refused += zmq_msg_close((zmq_msg_t *) (void *) bytes) == -1 && zmq_errno() == EFAULT;
    }
    zmq_msg_close(&good);
    expect("refused", rc(refused), text("%d", rounds - skipped));
    expect_true("few could not be told", skipped < rounds / 50);
}

static void moved_messages(void)
{
    zmq_msg_t a, b;
    zmq_msg_init_size(&a, 100);
    zmq_msg_init(&b);
    expect("move", rc(zmq_msg_move(&b, &a)), "0");
    expect("the source is empty", rc((int) zmq_msg_size(&a)), "0");
    expect("copy onto itself", rc(zmq_msg_copy(&b, &b)), "0");
    expect("still there", rc((int) zmq_msg_size(&b)), "100");
    expect("move onto itself", rc(zmq_msg_move(&b, &b)), "0");
    expect("a source is empty", rc((int) zmq_msg_size(&b)), "0");
    expect("close the source", rc(zmq_msg_close(&a)), "0");
    expect("close it again", rc(zmq_msg_close(&a)), "EFAULT");
    expect("close", rc(zmq_msg_close(&b)), "0");
    expect("close again", rc(zmq_msg_close(&b)), "EFAULT");
    expect("initialise again", rc(zmq_msg_init(&b)), "0");
    expect("usable", rc(zmq_msg_close(&b)), "0");
}

static const struct rule rules[] = {
    RULE(null_handles), RULE(foreign_handles), RULE(pollers), RULE(closed_handles),
    RULE(late_calls), RULE(closes_race), RULE(closed_while_blocked), RULE(no_messages), RULE(random_messages),
    RULE(moved_messages),
};

RUN(rules)
