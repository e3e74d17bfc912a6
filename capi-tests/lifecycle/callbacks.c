/* Free functions of messages: called exactly once, on whatever way a message goes, and under no lock: they may
 * use the library, even end the context. api.md section 5, protocols: "Locks". */
#include "expect.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int freed;
/* What else a free function does, if anything. */
static void (*on_free)(void *hint);

static void count_and_free(void *data, void *hint)
{
    free(data);
    if (on_free)
        on_free(hint);
    freed++;
}

static void *on_free_hint;

static void make(zmq_msg_t *message, size_t size)
{
    void *data = malloc(size ? size : 1);
    memset(data, 'x', size);
    if (zmq_msg_init_data(message, data, size, count_and_free, on_free_hint) != 0)
        say("init_data", "WRONG");
}

/* Until `wanted` functions were called, and no more. */
static void expect_freed(const char *key, int wanted)
{
    long end = now_ms() + PATIENCE * (getenv("SLOW") ? 20 : 1);
    while (freed < wanted && now_ms() < end)
        usleep(200);
    expect(key, text("%d", freed), text("%d", wanted));
    freed = 0;
}

static const char *send_one(void *socket, size_t size, int flags)
{
    zmq_msg_t message;
    make(&message, size);
    const char *result = rc(zmq_msg_send(&message, socket, flags));
    zmq_msg_close(&message);
    return result;
}

static const size_t sizes[] = {0, 1, 33, 34, 1000, 70000, 1 << 20};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Copies, moves and closes. */
static void by_hand(void)
{
    zmq_msg_t a, b;
    for (int i = 0; i < SIZES; i++) {
        make(&a, sizes[i]);
        zmq_msg_close(&a);
    }
    expect_freed("close", SIZES);
    for (int i = 0; i < SIZES; i++) {
        make(&a, sizes[i]);
        zmq_msg_init(&b);
        zmq_msg_copy(&b, &a);
        zmq_msg_close(&a);
        expect("a copy is left", text("%d", freed), text("%d", i));
        zmq_msg_close(&b);
    }
    expect_freed("close both", SIZES);
    make(&a, 100);
    make(&b, 100);
    zmq_msg_move(&a, &b);
    expect("move over one", text("%d", freed), "1");
    zmq_msg_close(&a);
    zmq_msg_close(&b);
    expect_freed("close after a move", 2);
    make(&a, 100);
    make(&b, 100);
    zmq_msg_copy(&a, &b);
    expect("copy over one", text("%d", freed), "1");
    zmq_msg_close(&a);
    zmq_msg_close(&b);
    expect_freed("close after a copy", 2);
}

/* A message that arrives, one by each transport and size. */
static void arrivals(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, transport);
        for (int i = 0; i < SIZES; i++) {
            send_one(push, sizes[i], 0);
            rx(pull);
        }
        expect_freed(text("%s, received", transport_names[transport]), SIZES);
        for (int i = 0; i < SIZES; i++)
            send_one(push, sizes[i], i + 1 < SIZES ? ZMQ_SNDMORE : 0);
        rx(pull);
        expect_freed(text("%s, in parts", transport_names[transport]), SIZES);
        for (int i = 0; i < 5; i++)
            send_one(push, 1000, 0);
        settle(ctx);
        shut(pull);
        shut(push);
        term(ctx);
        expect_freed(text("%s, never received", transport_names[transport]), 5);
    }
}

/* Dropped, refused, rolled back, left over. */
static void departures(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    send_one(pub, 1000, 0);
    expect_freed("PUB without subscribers", 1);
    void *router = sock(ctx, ZMQ_ROUTER);
    send_one(router, 5, ZMQ_SNDMORE);
    send_one(router, 5, 0);
    expect_freed("ROUTER without that peer", 2);
    void *pull = sock(ctx, ZMQ_PULL);
    expect("PULL cannot send", send_one(pull, 1000, 0), "ENOTSUP");
    expect_freed("refused and closed", 1);
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 3);
    connect_to(push, "inproc://nobody");
    int sent = 0;
    while (strcmp(send_one(push, 1000, ZMQ_DONTWAIT), "1000") == 0)
        sent++;
    expect_freed("not sent", 1);
    send_one(push, 1000, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    shut(push);
    /* Whoever binds the name gets them, but for the one that was not sent. */
    expect_freed("parked and closed, not sent either", 1);
    void *late = sock(ctx, ZMQ_PULL);
    zmq_bind(late, "inproc://nobody");
    rx(late);
    expect_freed("parked and received", 1);
    shut(late);
    expect_freed("parked and not received", sent - 1);
    void *other = context();
    push = sock(other, ZMQ_PUSH);
    for (int i = 0; i < 2; i++) {
        connect_to(push, "inproc://never");
        send_one(push, 1000, 0);
        i ? shut(push) : rc(zmq_disconnect(push, "inproc://never"));
    }
    expect("parked for ever", text("%d", freed), "0");
    term(other);
    expect_freed("parked to the end of the context", 2);
    push = sock(ctx, ZMQ_PUSH);
    connect_to(push, "tcp://127.0.0.1:9");
    for (int i = 0; i < 10; i++)
        send_one(push, 1000, 0);
    send_one(push, 1000, ZMQ_SNDMORE);
    expect("waiting", text("%d", freed), "0");
    shut(push);
    expect_freed("unsent at the close, one unfinished", 11);
    push = sock(ctx, ZMQ_PUSH);
    connect_to(push, "tcp://127.0.0.1:9");
    send_one(push, 1000, 0);
    zmq_disconnect(push, "tcp://127.0.0.1:9");
    expect_freed("unsent at the disconnect", 1);
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    send_one(a, 1000, ZMQ_SNDMORE);
    send_one(a, 1000, ZMQ_SNDMORE);
    shut(a);
    expect_freed("unfinished over inproc", 2);
    a = sock(ctx, ZMQ_PAIR);
    void *c = sock(ctx, ZMQ_PAIR);
    attach(a, c, INPROC);
    for (int i = 0; i < 5; i++)
        send_one(a, 1000, 0);
    shut(c);
    expect_freed("unread at the reader's close", 5);
    void *conflating = sock(ctx, ZMQ_PUSH), *reader = sock(ctx, ZMQ_PULL);
    set_int(conflating, ZMQ_CONFLATE, 1);
    set_int(reader, ZMQ_CONFLATE, 1);
    attach(reader, conflating, INPROC);
    for (int i = 0; i < 5; i++)
        send_one(conflating, 1000, 0);
    expect("replaced by the next", text("%d", freed), "4");
    shut(conflating);
    shut(reader);
    expect_freed("and the last one", 5);
}

/* One message to many: freed when the last one has it. */
static void shared(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *subs[4];
    for (int i = 0; i < 4; i++) {
        subs[i] = sock(ctx, ZMQ_SUB);
        attach(pub, subs[i], i % 2 ? TCP : INPROC);
        subscribe(subs[i], "");
        sync_subscriptions(pub, subs[i]);
    }
    for (int i = 0; i < 4; i++)
        while (strcmp(rx_quiet(subs[i]), "nothing") != 0)
            ;
    send_one(pub, 1000, 0);
    for (int i = 0; i < 4; i++)
        expect_true("received", rx(subs[i])[0] == '[');
    expect_freed("once", 1);
}

/* The context ends with everything in flight. */
static void in_flight(void)
{
    int wanted = 0;
    for (int round = 0; round < turns(40); round++) {
        void *ctx = zmq_ctx_new();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        connect_to(push, bind_any(pull, round % 3));
        for (int i = 0; i < 50; i++)
            send_one(push, sizes[i % SIZES], 0);
        wanted += 50;
        rx(pull);
        shut(round % 2 ? push : pull);
        shut(round % 2 ? pull : push);
        zmq_ctx_term(ctx);
    }
    expect_freed("all", wanted);
}

/* ---- what a free function may do ---- */

static void *other_socket;
static void *other_peer;
static atomic_int done_inside;

/* Uses another socket of the same context in every way. */
static void use_the_library(void *hint)
{
    char byte;
    int value;
    size_t size = sizeof value;
    zmq_msg_t m;
    (void) hint;
    zmq_send(other_socket, "y", 1, ZMQ_DONTWAIT);
    zmq_recv(other_peer, &byte, 1, ZMQ_DONTWAIT);
    zmq_getsockopt(other_socket, ZMQ_EVENTS, &value, &size);
    zmq_pollitem_t item = {other_peer, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 0);
    zmq_msg_init_size(&m, 1000);
    zmq_msg_close(&m);
    void *ctx = zmq_ctx_new();
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    zmq_bind(s, "inproc://inside");
    zmq_close(s);
    if (zmq_ctx_term(ctx) == 0)
        done_inside++;
}

static void library_inside(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        other_socket = sock(ctx, ZMQ_PAIR);
        other_peer = sock(ctx, ZMQ_PAIR);
        attach(other_socket, other_peer, transport);
        attach(pull, push, transport);
        on_free = use_the_library;
        for (int i = 0; i < 20; i++) {
            send_one(push, sizes[i % SIZES], 0);
            rx(pull);
        }
        void *pub = sock(ctx, ZMQ_PUB);
        send_one(pub, 1000, 0);
        for (int i = 0; i < 5; i++)
            send_one(push, 1000, 0);
        shut(pull);
        shut(push);
        shut(pub);
        expect_freed(transport_names[transport], 26);
        expect(text("%s, inside", transport_names[transport]), text("%d", done_inside), "26");
        done_inside = 0;
        on_free = NULL;
        shut(other_socket);
        shut(other_peer);
        term(ctx);
    }
}

/* Uses the very socket that the message was sent on: not promised, but it does not hang. */
static void same_socket(void *hint)
{
    int value;
    size_t size = sizeof value;
    zmq_getsockopt(hint, ZMQ_EVENTS, &value, &size);
    zmq_send(hint, "again", 5, ZMQ_DONTWAIT);
}

static void same_socket_inside(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL), *pub = sock(ctx, ZMQ_PUB);
        attach(pull, push, transport);
        on_free = same_socket;
        on_free_hint = pub;
        send_one(pub, 1000, 0);
        on_free_hint = push;
        send_one(push, 1000, 0);
        rx(pull);
        expect_freed(transport_names[transport], 2);
        expect(text("%s, sent inside", transport_names[transport]), rx(pull), "[again]");
        send_one(push, 1000, 0);
        shut(pull);
        shut(push);
        expect_freed(text("%s, on close", transport_names[transport]), 1);
        on_free = NULL;
        on_free_hint = NULL;
    }
}

static atomic_int term_result;

static void end_the_context(void *hint)
{
    term_result = zmq_ctx_term(hint) == 0 ? 0 : zmq_errno();
}

static pthread_t main_thread;

/* The last reference may also be the sender's, if that was slower than the I/O thread. On a thread with open
 * sockets zmq_ctx_term would wait for them. */
static void end_the_context_elsewhere(void *hint)
{
    if (!pthread_equal(pthread_self(), main_thread))
        end_the_context(hint);
}

/* zmq_ctx_term from a free function: on the caller's thread when all is closed, and on an I/O thread. */
static void term_inside(void)
{
    void *ctx = zmq_ctx_new();
    zmq_close(zmq_socket(ctx, ZMQ_PAIR));
    zmq_msg_t m;
    on_free = end_the_context;
    on_free_hint = ctx;
    term_result = -1;
    make(&m, 100);
    zmq_msg_close(&m);
    expect_freed("message closed", 1);
    expect("term", error_name(term_result), "no error");
    expect("ended", rc(zmq_ctx_term(ctx)), "EFAULT");

    /* The last socket's close drops the message; an I/O thread releases it. */
    ctx = zmq_ctx_new();
    void *dealer = zmq_socket(ctx, ZMQ_DEALER);
    connect_to(dealer, bind_any(dealer, INPROC));
    on_free_hint = ctx;
    term_result = -1;
    send_one(dealer, 100, 0);
    expect("close", rc(zmq_close(dealer)), "0");
    expect_freed("dropped by the close", 1);
    expect("term after the close", text("%d", (int) term_result), text("%d", EDEADLK));
    expect("ended by its owner", rc(zmq_ctx_term(ctx)), "0");

    /* In a context without I/O threads the close does that itself, and the message ends the context. */
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0);
    dealer = zmq_socket(ctx, ZMQ_DEALER);
    connect_to(dealer, bind_any(dealer, INPROC));
    on_free_hint = ctx;
    term_result = -1;
    send_one(dealer, 100, 0);
    expect("close without I/O threads", rc(zmq_close(dealer)), "0");
    expect_freed("dropped by that close", 1);
    expect("term in the close", error_name(term_result), "no error");
    expect("ended as well", rc(zmq_ctx_term(ctx)), "EFAULT");

    /* On an I/O thread, which cannot wait for itself. */
    ctx = zmq_ctx_new();
    void *push = zmq_socket(ctx, ZMQ_PUSH);
    void *pull = zmq_socket(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    connect_to(push, bind_any(pull, TCP));
    main_thread = pthread_self();
    on_free = end_the_context_elsewhere;
    on_free_hint = ctx;
    term_result = -1;
    int sent = 0;
    while (term_result == -1 && sent < 100) {
        send_one(push, 100000, 0);
        rx(pull);
        while (freed < sent + 1)
            usleep(100);
        sent++;
    }
    expect("term on an I/O thread", text("%d", (int) term_result), text("%d", EDEADLK));
    send_one(push, 100000, 0);
    expect_true("the context goes on", rx(pull)[0] == '[');
    expect_freed("all", sent + 1);
    zmq_close(push);
    zmq_close(pull);
    expect("term of that", rc(zmq_ctx_term(ctx)), "0");
}

/* Closes its hint, which is another socket or the one that drops the message. */
static void close_it(void *hint)
{
    if (zmq_close(hint) == 0)
        done_inside++;
}

static void close_inside(void)
{
    void *ctx = zmq_ctx_new();
    void *pub = zmq_socket(ctx, ZMQ_PUB);
    on_free = close_it;
    on_free_hint = pub;
    expect("send", send_one(pub, 100, 0), "100");
    expect_freed("dropped", 1);
    expect("closed inside", text("%d", done_inside), "1");
    expect("it is closed", rc(zmq_close(pub)), "ENOTSOCK");
    expect("term", rc(zmq_ctx_term(ctx)), "0");
}

/* Answers as the REQ expects, and waits for what does not come: that must take no wake-up of the wait in which
 * it is called. */
static void answer_and_wait(void *router)
{
    zmq_send(router, "R", 1, ZMQ_SNDMORE);
    zmq_send(router, "", 0, ZMQ_SNDMORE);
    zmq_send(router, "answer", 6, 0);
    zmq_pollitem_t item = {other_socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 1);
    done_inside++;
}

/* Once the REQ waits: a message that is no answer, which it drops in the middle of its wait. */
static void *send_no_answer(void *router)
{
    usleep(50000);
    zmq_send(router, "R", 1, ZMQ_SNDMORE);
    send_one(router, 1000, 0);
    return NULL;
}

static void wait_inside(void)
{
    void *ctx = context();
    void *req = sock(ctx, ZMQ_REQ), *router = sock(ctx, ZMQ_ROUTER);
    other_socket = sock(ctx, ZMQ_PULL);
    zmq_setsockopt(req, ZMQ_ROUTING_ID, "R", 1);
    attach(router, req, INPROC);
    zmq_send(req, "question", 8, 0);
    for (int i = 0; i < 3; i++)
        rx(router);
    on_free = answer_and_wait;
    on_free_hint = router;
    done_inside = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, send_no_answer, router);
    expect("the wait outside", rx(req), "[answer]");
    pthread_join(thread, NULL);
    expect("inside", text("%d", done_inside), "1");
    expect_freed("dropped", 1);
    on_free = NULL;
    on_free_hint = NULL;
    shut(req);
    shut(router);
    shut(other_socket);
    term(ctx);
}

static pthread_mutex_t callers_lock = PTHREAD_MUTEX_INITIALIZER;

static void take_the_lock(void *hint)
{
    (void) hint;
    pthread_mutex_lock(&callers_lock);
    pthread_mutex_unlock(&callers_lock);
}

/* A caller may hold a lock across zmq_close that its free functions take. */
static void close_locked(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    on_free = take_the_lock;
    for (int i = 0; i < 3; i++)
        send_one(push, 1000, 0);
    pthread_mutex_lock(&callers_lock);
    shut(pull);
    shut(push);
    expect("while it is held", text("%d", freed), "0");
    pthread_mutex_unlock(&callers_lock);
    expect_freed("once it is not", 3);
    on_free = NULL;
    term(ctx);
}

/* Many threads drop copies of the same messages. */
struct dropper {
    zmq_msg_t *copies;
    int count;
};

static void *drop_all(void *argument)
{
    struct dropper *it = argument;
    for (int i = 0; i < it->count; i++)
        zmq_msg_close(&it->copies[i]);
    return NULL;
}

static void racing_copies(void)
{
    enum { COPIES = 500, THREADS = 4 };
    static zmq_msg_t copies[THREADS][COPIES];
    int rounds = turns(40);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < COPIES; i++) {
            make(&copies[0][i], 40);
            for (int k = 1; k < THREADS; k++) {
                zmq_msg_init(&copies[k][i]);
                zmq_msg_copy(&copies[k][i], &copies[0][i]);
            }
        }
        pthread_t threads[THREADS];
        struct dropper droppers[THREADS];
        for (int k = 0; k < THREADS; k++) {
            droppers[k] = (struct dropper){copies[k], COPIES};
            pthread_create(&threads[k], NULL, drop_all, &droppers[k]);
        }
        for (int k = 0; k < THREADS; k++)
            pthread_join(threads[k], NULL);
    }
    expect_freed("each once", rounds * COPIES);
}

static const struct rule rules[] = {
    RULE(by_hand), RULE(arrivals), RULE(departures), RULE(shared), RULE(in_flight), RULE(library_inside),
    RULE(same_socket_inside), RULE(term_inside), RULE(close_inside), RULE(close_locked), RULE(wait_inside),
    RULE(racing_copies),
};

RUN(rules)
