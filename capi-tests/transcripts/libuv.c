/* ZMQ_FD in a libuv loop: a uv_poll_t on the descriptor of each socket, all in one thread. api.md section 7.
 * Needs libuv's header, without which run.py leaves it out. */
#include "transcript.h"

#include <uv.h>

#define PAIRS 8
#define COUNT 1000
/* Longest time in which nothing happens in a loop under way, milliseconds. */
#define LOOP_PATIENCE 15000

/* A socket in the loop. */
struct watched {
    void *socket;
    int wanted; /* what it waits for */
    /* Does what can be done; called again as long as EVENTS show what is wanted. */
    void (*act)(struct watched *watched);
    uv_poll_t poll;
    int sent;
    int received;
    int wrong;
};

/* One loop, with its sockets and an end. */
struct loop {
    uv_loop_t uv;
    uv_timer_t timer;
    struct watched *sockets[2 * PAIRS];
    int count;
    int progress;
    int progress_before;
    int missing; /* messages; the loop ends with the last */
};

static struct loop loop;

/* Once woken, a socket is looked at until it shows nothing: the descriptor tells of a change only once. */
static void look(struct watched *watched)
{
    while (loop.missing > 0 && get_int(watched->socket, ZMQ_EVENTS) & watched->wanted) {
        watched->act(watched);
        loop.progress++;
    }
    if (loop.missing == 0)
        uv_stop(&loop.uv);
}

static void woken(uv_poll_t *poll, int status, int events)
{
    (void) status;
    (void) events;
    look(poll->data);
}

static void too_late(uv_timer_t *timer)
{
    (void) timer;
    if (loop.progress == loop.progress_before)
        uv_stop(&loop.uv);
    loop.progress_before = loop.progress;
}

static void begin(int messages)
{
    memset(&loop, 0, sizeof loop);
    loop.missing = messages;
    loop.progress_before = -1;
    uv_loop_init(&loop.uv);
    uv_timer_init(&loop.uv, &loop.timer);
    uv_timer_start(&loop.timer, too_late, LOOP_PATIENCE, LOOP_PATIENCE);
}

static struct watched *watch_socket(void *socket, int wanted, void (*act)(struct watched *))
{
    struct watched *watched = calloc(1, sizeof *watched);
    watched->socket = socket;
    watched->wanted = wanted;
    watched->act = act;
    watched->poll.data = watched;
    uv_poll_init(&loop.uv, &watched->poll, get_int(socket, ZMQ_FD));
    uv_poll_start(&watched->poll, UV_READABLE, woken);
    loop.sockets[loop.count++] = watched;
    return watched;
}

/* Runs to the end; prints how many messages are missing and how many came wrong. */
static void run(const char *key)
{
    int wrong = 0;
    for (int i = 0; i < loop.count; i++)
        look(loop.sockets[i]);
    if (loop.missing > 0)
        uv_run(&loop.uv, UV_RUN_DEFAULT);
    for (int i = 0; i < loop.count; i++) {
        wrong += loop.sockets[i]->wrong;
        uv_poll_stop(&loop.sockets[i]->poll);
        uv_close((uv_handle_t *) &loop.sockets[i]->poll, NULL);
    }
    uv_close((uv_handle_t *) &loop.timer, NULL);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    line(key, "%d missing, %d wrong, closed %d", loop.missing, wrong, uv_loop_close(&loop.uv));
    for (int i = 0; i < loop.count; i++) {
        shut(loop.sockets[i]->socket);
        free(loop.sockets[i]);
    }
}

static void receive(struct watched *watched)
{
    int number = -1;
    int more;
    do {
        if (zmq_recv(watched->socket, &number, sizeof number, ZMQ_DONTWAIT) == -1)
            return;
        more = get_int(watched->socket, ZMQ_RCVMORE);
    } while (more);
    watched->wrong += number != watched->received++;
    loop.missing--;
}

static void produce(struct watched *watched)
{
    if (zmq_send(watched->socket, &watched->sent, sizeof(int), ZMQ_DONTWAIT) != -1)
        watched->sent++;
    if (watched->sent == COUNT)
        watched->wanted = 0;
}

/* Writers that fill their queues and readers that empty them. */
static void streams(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin(PAIRS * COUNT);
        for (int i = 0; i < PAIRS; i++) {
            void *pull = sock(ctx, ZMQ_PULL);
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(pull, ZMQ_RCVHWM, 3 + i);
            set_int(push, ZMQ_SNDHWM, 3 + i);
            connect_to(push, bind_any(pull, t));
            watch_socket(pull, ZMQ_POLLIN, receive);
            watch_socket(push, ZMQ_POLLOUT, produce);
        }
        run(transport_names[t]);
    }
}

static void echo(struct watched *watched)
{
    zmq_msg_t frame;
    int more;
    zmq_msg_init(&frame);
    do {
        if (zmq_msg_recv(&frame, watched->socket, ZMQ_DONTWAIT) == -1)
            return;
        more = zmq_msg_more(&frame);
        zmq_msg_send(&frame, watched->socket, more ? ZMQ_SNDMORE : 0);
    } while (more);
    zmq_msg_close(&frame);
}

/* An answer brings the next question. */
static void ask_again(struct watched *watched)
{
    receive(watched);
    if (watched->sent < COUNT) {
        zmq_send(watched->socket, &watched->sent, sizeof(int), 0);
        watched->sent++;
    }
}

/* One server, many clients, a few questions of each under way. */
static void questions(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin(PAIRS * COUNT);
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_any(router, t);
        watch_socket(router, ZMQ_POLLIN, echo);
        for (int i = 0; i < PAIRS; i++) {
            void *dealer = sock(ctx, ZMQ_DEALER);
            connect_to(dealer, endpoint);
            struct watched *client = watch_socket(dealer, ZMQ_POLLIN, ask_again);
            for (; client->sent <= i; client->sent++)
                zmq_send(dealer, &client->sent, sizeof(int), 0);
        }
        run(transport_names[t]);
    }
}


/* One publisher that never waits, and subscribers in the same loop. */
static void subscribers(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin(PAIRS * COUNT);
        void *xpub = sock(ctx, ZMQ_XPUB);
        set_int(xpub, ZMQ_XPUB_VERBOSE, 1);
        set_int(xpub, ZMQ_SNDHWM, 0);
        const char *endpoint = bind_any(xpub, t);
        for (int i = 0; i < PAIRS; i++) {
            void *sub = sock(ctx, ZMQ_SUB);
            set_int(sub, ZMQ_RCVHWM, 0);
            subscribe(sub, "");
            connect_to(sub, endpoint);
            watch_socket(sub, ZMQ_POLLIN, receive);
        }
        for (int i = 0; i < PAIRS; i++)
            rx(xpub);
        watch_socket(xpub, ZMQ_POLLOUT, produce);
        run(transport_names[t]);
    }
}

static const struct rule rules[] = {RULE(streams), RULE(questions), RULE(subscribers)};

RUN(rules)
