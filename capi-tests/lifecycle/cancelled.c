/* Threads that another one cancels, in calls that wait and in others: each ends as in any function of the C library, its
 * clean-up handlers run, and what it used is there for others. (POSIX.1, pthread_cancel; no part of the interface's own
 * promises. libzmq does the same, but now and then does not terminate afterwards.) */
#include "expect.h"

#include <pthread.h>
#include <time.h>

struct call {
    void (*make)(struct call *);
    void *ctx, *socket, *other;
    volatile int begun, cleaned, returned;
};

static void clean_up(void *argument)
{
    ((struct call *) argument)->cleaned = 1;
}

static void *run_call(void *argument)
{
    struct call *call = argument;
    pthread_cleanup_push(clean_up, call);
    call->begun = 1;
    call->make(call);
    call->returned = 1;
    pthread_cleanup_pop(0);
    return NULL;
}

static void not_now(struct call *call);

/* Cancels the thread when it is likely to wait; the result is the same if it does not yet. */
static void cancel(const char *key, struct call *call)
{
    const struct timespec a_while = {0, 30 * 1000 * 1000};
    struct timespec limit;
    pthread_t thread;
    void *result = NULL;
    int ended;

    pthread_create(&thread, NULL, run_call, call);
    while (!call->begun)
        sched_yield();
    nanosleep(&a_while, NULL);
    pthread_cancel(thread);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE / 1000;
    ended = pthread_timedjoin_np(thread, &result, &limit);
    expect(key, text("%s, %s, %s", ended == 0 ? "ended" : error_name(ended),
                     result == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
                     call->returned ? "returned" : call->cleaned ? "cleaned up" : "not cleaned up"),
           call->make == not_now ? "ended, not cancelled, returned" : "ended, cancelled, cleaned up");
}

static void receive(struct call *call)
{
    char buffer[8];
    zmq_recv(call->socket, buffer, sizeof buffer, 0);
}

static void receive_message(struct call *call)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    zmq_msg_recv(&message, call->socket, 0);
}

static void send_for_ever(struct call *call)
{
    for (;;)
        zmq_send(call->socket, "x", 1, 0);
}

static void poll_one(struct call *call)
{
    zmq_pollitem_t item = {call->socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, -1);
}

static void poll_for_a_while(struct call *call)
{
    zmq_pollitem_t items[2] = {{call->socket, 0, ZMQ_POLLIN, 0}, {call->other, 0, ZMQ_POLLIN, 0}};
    zmq_poll(items, 2, 100 * 1000);
}

static void forward(struct call *call)
{
    zmq_proxy(call->socket, call->other, NULL);
}

static void try_again_and_again(struct call *call)
{
    char buffer[8];
    for (;;)
        zmq_recv(call->socket, buffer, sizeof buffer, ZMQ_DONTWAIT);
}

static void terminate(struct call *call)
{
    zmq_ctx_term(call->ctx);
}

static void sleep_long(struct call *call)
{
    (void) call;
    zmq_sleep(100);
}

static void not_now(struct call *call)
{
    char buffer[8];
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    set_int(call->socket, ZMQ_RCVTIMEO, 200);
    zmq_recv(call->socket, buffer, sizeof buffer, 0);
}

static const struct {
    const char *name;
    void (*make)(struct call *);
} calls[] = {
    {"recv", receive},     {"msg_recv", receive_message}, {"send", send_for_ever}, {"poll", poll_one},
    {"poll of two", poll_for_a_while}, {"proxy", forward},  {"tries", try_again_and_again}, {"sleep", sleep_long},
    {"disabled", not_now},
};

static void in_calls(enum transport transport)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void *ctx = context();
        void *pairs[2] = {sock(ctx, ZMQ_PAIR), sock(ctx, ZMQ_PAIR)};
        struct call call = {calls[i].make, ctx, pairs[0], sock(ctx, ZMQ_DEALER), 0, 0, 0};
        attach(pairs[0], pairs[1], transport);
        set_int(pairs[0], ZMQ_RCVTIMEO, -1);
        set_int(pairs[0], ZMQ_SNDTIMEO, -1);
        cancel(calls[i].name, &call);
        /* Others use what the thread used. */
        set_int(pairs[0], ZMQ_RCVTIMEO, PATIENCE);
        if (calls[i].make != send_for_ever) {
            expect(text("%s, then sent", calls[i].name), tx(pairs[1], "after"), "5");
            expect(text("%s, then received", calls[i].name), rx(pairs[0]), "[after]");
        }
        for (int end = 0; end < 2; end++)
            shut(pairs[end]);
        shut(call.other);
        expect(text("%s, at last", calls[i].name), term(ctx), "0");
    }
}

static void over_inproc(void)
{
    in_calls(INPROC);
}

static void over_tcp(void)
{
    in_calls(TCP);
}

static void over_ipc(void)
{
    in_calls(IPC);
}

/* Another thread terminates the context then. */
static void while_it_terminates(void)
{
    void *ctx = context();
    void *pair = sock(ctx, ZMQ_PAIR);
    struct call call = {terminate, ctx, pair, NULL, 0, 0, 0};
    cancel("term", &call);
    expect("socket", tx_now(pair, "x"), "ETERM");
    expect("close", shut(pair), "0");
    expect("then", term(ctx), "0");
}

/* Handlers that call the library, and wait in it. */
static void close_and_terminate(void *argument)
{
    struct call *call = argument;
    char buffer[8];
    call->cleaned++;
    set_int(call->socket, ZMQ_RCVTIMEO, 50);
    expect("handler receives", rc(zmq_recv(call->socket, buffer, sizeof buffer, 0)), "EAGAIN");
    expect("at once", rc(zmq_recv(call->socket, buffer, sizeof buffer, ZMQ_DONTWAIT)), "EAGAIN");
    expect("closes", shut(call->socket), "0");
    expect("terminates", term(call->ctx), "0");
}

static void receive_with_handler(struct call *call)
{
    pthread_cleanup_push(close_and_terminate, call);
    receive(call);
    pthread_cleanup_pop(0);
}

static void handlers_that_call(void)
{
    void *ctx = context();
    struct call call = {receive_with_handler, ctx, sock(ctx, ZMQ_PAIR), NULL, 0, 0, 0};
    set_int(call.socket, ZMQ_RCVTIMEO, -1);
    cancel("recv", &call);
}

/* In functions that the library calls. */
static void receive_of_timer(int id, void *argument)
{
    (void) id;
    receive(argument);
}

static void sleep_of_timer(int id, void *argument)
{
    (void) id;
    sleep_long(argument);
}

static void pause_of_timer(int id, void *argument)
{
    (void) id;
    (void) argument;
    pause();
}

static void execute(struct call *call, void (*handler)(int, void *))
{
    void *timers = zmq_timers_new();
    zmq_timers_add(timers, 0, handler, call);
    zmq_timers_execute(timers);
}

static void timer_that_receives(struct call *call)
{
    execute(call, receive_of_timer);
}

static void timer_that_sleeps(struct call *call)
{
    execute(call, sleep_of_timer);
}

static void timer_that_pauses(struct call *call)
{
    execute(call, pause_of_timer);
}

static void in_timers(void)
{
    void (*const timers[])(struct call *) = {timer_that_receives, timer_that_sleeps, timer_that_pauses};
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        void *ctx = context();
        struct call call = {timers[i], ctx, sock(ctx, ZMQ_PAIR), NULL, 0, 0, 0};
        set_int(call.socket, ZMQ_RCVTIMEO, -1);
        cancel(text("timer %d", (int) i), &call);
    }
}

static void receive_to_free(void *data, void *hint)
{
    (void) data;
    receive(hint);
}

static void close_message(struct call *call)
{
    static char byte;
    zmq_msg_t message;
    zmq_msg_init_data(&message, &byte, 1, receive_to_free, call);
    zmq_msg_close(&message);
}

static void in_a_free_function(void)
{
    void *ctx = context();
    struct call call = {close_message, ctx, sock(ctx, ZMQ_PAIR), NULL, 0, 0, 0};
    set_int(call.socket, ZMQ_RCVTIMEO, -1);
    cancel("free", &call);
}

/* A descriptor that is always ready: there is no wait. */
static void poll_what_is_ready(struct call *call)
{
    zmq_pollitem_t item = {call->socket, 0, ZMQ_POLLOUT, 0};
    for (;;)
        zmq_poll(&item, 1, -1);
}

static void without_waits(void)
{
    void *ctx = context();
    struct call call = {poll_what_is_ready, ctx, sock(ctx, ZMQ_PAIR), NULL, 0, 0, 0};
    void *peer = sock(ctx, ZMQ_PAIR);
    attach(call.socket, peer, INPROC);
    cancel("poll", &call);
}

/* What a thread does after a receive. */
static void read_after_receives(struct call *call)
{
    int fds[2];
    char byte;
    if (pipe(fds) != 0)
        give_up("pipe");
    for (;;) {
        receive(call);
        zmq_send(call->socket, "again", 5, 0);
        if (call->returned == 2)
            (void) !read(fds[0], &byte, 1);
    }
}

static void after_receives(void)
{
    int ended = 0;
    for (int round = 0; round < 200; round++) {
        void *ctx = context();
        void *peer = sock(ctx, ZMQ_PAIR);
        struct call call = {read_after_receives, ctx, sock(ctx, ZMQ_PAIR), NULL, 0, 0, 0};
        pthread_t thread;
        void *result = NULL;
        attach(call.socket, peer, TCP);
        pthread_create(&thread, NULL, run_call, &call);
        for (int message = 0; message < 20; message++) {
            tx(peer, "x");
            rx(peer);
        }
        call.returned = 2;
        tx_now(peer, "x");
        pthread_cancel(thread);
        pthread_join(thread, &result);
        ended += result == PTHREAD_CANCELED;
        shut(peer);
        shut(call.socket);
        term(ctx);
    }
    expect("ended", rc(ended), "200");
}

/* In a thread of the library's own making. */
static void a_started_thread(void *argument)
{
    struct call *call = argument;
    *(pthread_t *) call->other = pthread_self();
    call->begun = 1;
    receive(call);
    call->returned = 1;
}

static void in_a_started_thread(void)
{
    pthread_t thread;
    void *ctx = context();
    struct call call = {NULL, ctx, sock(ctx, ZMQ_PAIR), &thread, 0, 0, 0};
    set_int(call.socket, ZMQ_RCVTIMEO, -1);
    void *handle = zmq_threadstart(a_started_thread, &call);
    while (!call.begun)
        sched_yield();
    pthread_cancel(thread);
    zmq_threadclose(handle);
    expect("started", call.returned ? "returned" : "cancelled", "cancelled");
}

static const struct rule rules[] = {
    RULE(over_inproc), RULE(over_tcp), RULE(over_ipc), RULE(while_it_terminates), RULE(in_a_started_thread),
    RULE(handlers_that_call), RULE(in_timers), RULE(in_a_free_function), RULE(without_waits), RULE(after_receives),
};

RUN(rules)
