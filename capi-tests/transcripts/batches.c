/* What a connection does with many messages at once, with a reader that stalls, with heartbeats beside it, and with
 * received storage. queues.md section 8. */
#include "transcript.h"

/* Of the draft part of the header; the option itself is in every build. */
#ifndef ZMQ_ZERO_COPY_RECV
#define ZMQ_ZERO_COPY_RECV 10
#endif
#define COUNT 20000

/* Numbers until there is no room any more, within a bound; how many. */
static int flood(void *socket, int bound)
{
    static char body[200];
    int sent = 0;
    while (sent < bound) {
        if (zmq_send(socket, &sent, sizeof sent, ZMQ_SNDMORE) == -1)
            break;
        zmq_send(socket, body, sizeof body, 0);
        sent++;
    }
    return sent;
}

/* How many numbers come in their order. */
static int read_numbers(void *socket, int count)
{
    int got = 0;
    char body[200];
    while (got < count) {
        int number = -1;
        if (zmq_recv(socket, &number, sizeof number, 0) != sizeof number || number != got
            || zmq_recv(socket, body, sizeof body, 0) != sizeof body)
            break;
        got++;
    }
    return got;
}

/* A healthy connection whose reader stalls outlives its heartbeats, and nothing is lost. */
static void stalled_with_heartbeats(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 100);
        set_int(pull, ZMQ_RCVHWM, 5);
        set_int(pull, ZMQ_RCVBUF, 4096);
        set_int(push, ZMQ_SNDBUF, 4096);
        set_int(pull, ZMQ_HEARTBEAT_IVL, 100);
        set_int(pull, ZMQ_HEARTBEAT_TIMEOUT, 200);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        attach(pull, push, t);
        void *monitor = watch(pull, ZMQ_EVENT_DISCONNECTED);
        set_int(push, ZMQ_SNDTIMEO, 300);
        int sent = flood(push, 2000);
        set_int(monitor, ZMQ_RCVTIMEO, 1000);
        int event = next_event(monitor, NULL, NULL, 0);
        say(text("%s, event", name), event ? event_name(event) : "nothing");
        set_int(pull, ZMQ_RCVTIMEO, 500);
        say(text("%s, all arrive", name), read_numbers(pull, sent) == sent ? "yes" : "no");
    }
}

/* With heartbeats on a connection that is in use on both sides: nothing happens to it. */
static void busy_with_heartbeats(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        void *ends[] = {push, pull};
        for (int i = 0; i < 2; i++) {
            set_int(ends[i], ZMQ_HEARTBEAT_IVL, 50);
            set_int(ends[i], ZMQ_HEARTBEAT_TIMEOUT, 2000);
        }
        set_int(push, ZMQ_SNDHWM, 0);
        attach(pull, push, t);
        void *monitor = watch(pull, ZMQ_EVENT_DISCONNECTED);
        int sent = flood(push, COUNT);
        line(text("%s, in order", transport_names[t]), "%d", read_numbers(pull, sent));
        set_int(monitor, ZMQ_RCVTIMEO, QUIET);
        line(text("%s, events", transport_names[t]), "%d", next_event(monitor, NULL, NULL, 0));
    }
}

/* What has been taken for the wire no longer counts: many more small messages go in than both marks. */
static void beyond_the_marks(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 2);
        set_int(pull, ZMQ_RCVHWM, 2);
        attach(pull, push, t);
        set_int(push, ZMQ_SNDTIMEO, 300);
        int sent = flood(push, COUNT);
        line(text("%s, more than twice the marks", transport_names[t]), "%d", sent > 8);
        line(text("%s, in order", transport_names[t]), "%s", read_numbers(pull, sent) == sent ? "all" : "not all");
        say(text("%s, and no more", transport_names[t]), rx_now(pull));
    }
}

/* Marks of all sizes, filled and read to the end again and again: always room for some, never for all, each of them
 * comes once. */
static void filled_and_drained(void)
{
    static const int marks[] = {1, 2, 3, 8};
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < 16; i++) {
            void *ctx = context();
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            set_int(push, ZMQ_SNDHWM, marks[i / 4]);
            set_int(pull, ZMQ_RCVHWM, marks[i % 4]);
            set_int(push, ZMQ_SNDBUF, 4096);
            set_int(pull, ZMQ_RCVBUF, 4096);
            attach(pull, push, t);
            set_int(push, ZMQ_SNDTIMEO, 10);
            int none = 0, all = 0, lost = 0, late = 0;
            for (int round = 0; round < 10; round++) {
                late += strcmp(await(push, ZMQ_POLLOUT), "yes") != 0;
                int sent = flood(push, 5000);
                none += sent == 0;
                all += sent == 5000;
                lost += read_numbers(pull, sent) != sent || strcmp(rx_now(pull), "EAGAIN") != 0;
            }
            line(text("%s, %d/%d", transport_names[t], marks[i / 4], marks[i % 4]),
                 "no room %d, none taken %d, no end %d, lost %d", late, none, all, lost);
        }
    }
}

/* Storage of received messages: the same to see, whatever ZMQ_ZERO_COPY_RECV says. */
static void received(void)
{
    static const size_t sizes[] = {0, 1, 33, 34, 200, 8000, 8192, 100000};
    char *data = malloc(100200);
    for (size_t i = 0; i < 100200; i++)
        data[i] = (char) (i * 31 + i / 7);
    for (int zero_copy = 0; zero_copy < 2; zero_copy++) {
        void *ctx = context();
        say(text("zero copy %d", zero_copy), rc(zmq_ctx_set(ctx, ZMQ_ZERO_COPY_RECV, zero_copy)));
        for (int t = TCP; t <= IPC; t++) {
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            attach(pull, push, t);
            begin_line(text("zero copy %d, %s", zero_copy, transport_names[t]));
            /* All are kept, and looked at only when the last has come. */
            zmq_msg_t kept[8 * 20];
            for (int n = 0; n < 160; n++)
                zmq_send(push, data + n, sizes[n % 8], 0);
            int same = 0, shared = 0;
            for (int n = 0; n < 160; n++) {
                zmq_msg_init(&kept[n]);
                zmq_msg_recv(&kept[n], pull, 0);
            }
            for (int n = 0; n < 160; n++) {
                same += zmq_msg_size(&kept[n]) == sizes[n % 8]
                    && memcmp(zmq_msg_data(&kept[n]), data + n, sizes[n % 8]) == 0;
                shared += zmq_msg_get(&kept[n], ZMQ_SHARED);
                zmq_msg_close(&kept[n]);
            }
            in_line("same", text("%d", same));
            in_line("shared", text("%d", shared));
            end_line();
        }
    }
    free(data);
}

/* Written over in place, a received message leaves its neighbours alone. */
static void written_over(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, TCP);
    char body[40];
    memset(body, 'a', sizeof body);
    for (int i = 0; i < 50; i++)
        zmq_send(push, body, sizeof body, 0);
    zmq_msg_t all[50];
    int same = 0;
    for (int i = 0; i < 50; i++) {
        zmq_msg_init(&all[i]);
        zmq_msg_recv(&all[i], pull, 0);
    }
    for (int i = 0; i < 50; i += 2)
        memset(zmq_msg_data(&all[i]), 'b', sizeof body);
    for (int i = 0; i < 50; i++) {
        same += ((char *) zmq_msg_data(&all[i]))[0] == (i % 2 ? 'a' : 'b')
            && ((char *) zmq_msg_data(&all[i]))[sizeof body - 1] == (i % 2 ? 'a' : 'b');
        zmq_msg_close(&all[i]);
    }
    line("untouched and written", "%d", same);
}

static const struct rule rules[] = {
    RULE(stalled_with_heartbeats), RULE(busy_with_heartbeats), RULE(beyond_the_marks),
    RULE(filled_and_drained), RULE(received), RULE(written_over),
};

RUN(rules)
