/* Threads that another one cancels, in calls that wait and in others: each ends as in any function of the C library, its
 * clean-up handlers run, and what it used is there for others. (POSIX.1, pthread_cancel; no part of the interface's own
 * promises.) */
#include "transcript.h"

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
    line(key, "%s, %s, %s", ended == 0 ? "ended" : error_name(ended), result == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
         call->returned ? "returned" : call->cleaned ? "cleaned up" : "not cleaned up");
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
            begin_line(text("%s, then", calls[i].name));
            in_line("sent", tx(pairs[1], "after"));
            in_line("received", rx(pairs[0]));
            end_line();
        }
        for (int end = 0; end < 2; end++)
            shut(pairs[end]);
        shut(call.other);
        say(text("%s, at last", calls[i].name), term(ctx));
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
    say("socket", tx_now(pair, "x"));
    say("close", shut(pair));
    say("then", term(ctx));
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
    line("started", "%s", call.returned ? "returned" : "cancelled");
}

static const struct rule rules[] = {
    RULE(over_inproc), RULE(over_tcp), RULE(over_ipc), RULE(while_it_terminates), RULE(in_a_started_thread),
};

RUN(rules)
