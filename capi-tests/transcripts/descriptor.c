/* ZMQ_FD with ZMQ_EVENTS: when the descriptor becomes readable, and event loops of epoll that count on
 * it, edge- and level-triggered. api.md section 7, queues.md section 5. */
#include "transcript.h"

#include <pthread.h>
#include <sys/epoll.h>

/* Longest wait of a loop under way, milliseconds: another thread has to get its turn first. */
#define LOOP_PATIENCE 15000

/* ---- one step after the other ---- */

struct flow {
    const char *name;
    int reader;
    int writer;
};

static const struct flow flows[] = {
    {"PULL", ZMQ_PULL, ZMQ_PUSH},     {"PAIR", ZMQ_PAIR, ZMQ_PAIR},  {"SUB", ZMQ_SUB, ZMQ_XPUB},
    {"ROUTER", ZMQ_ROUTER, ZMQ_DEALER}, {"DEALER", ZMQ_DEALER, ZMQ_DEALER},
};
#define FLOWS (sizeof flows / sizeof flows[0])

/* A reader with everything there, and the one that writes to it. */
static void make(void *ctx, const struct flow *flow, enum transport transport, void **reader,
                 void **writer)
{
    *reader = sock(ctx, flow->reader);
    *writer = sock(ctx, flow->writer);
    if (flow->reader == ZMQ_ROUTER)
        set_bytes(*writer, ZMQ_ROUTING_ID, "id", 2);
    attach(*reader, *writer, transport);
    if (flow->reader == ZMQ_SUB) {
        subscribe(*reader, "");
        rx(*writer);
    }
}

static void messages(void)
{
    for (size_t f = 0; f < FLOWS; f++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *reader, *writer;
            make(ctx, &flows[f], t, &reader, &writer);
            int fd = get_int(reader, ZMQ_FD);
            const char *key = text("%s %s", flows[f].name, transport_names[t]);
            calm(ctx, reader);
            tx(writer, "1");
            line(text("%s first", key), "%d", readable_within(fd, PATIENCE));
            say(text("%s first, EVENTS without out", key),
                get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN ? "in" : "-");
            line(text("%s after EVENTS", key), "%d", readable_within(fd, 0));
            tx_there(ctx, writer, "2");
            line(text("%s second, nothing read", key), "%d", readable_within(fd, 0));
            say(text("%s read", key), rx(reader));
            say(text("%s read", key), rx(reader));
            say(text("%s nothing left", key), rx_now(reader));
            line(text("%s read to the end", key), "%d", readable_within(fd, 0));
            tx(writer, "3");
            line(text("%s third, after EAGAIN", key), "%d", readable_within(fd, PATIENCE));
            say(text("%s third", key), rx_now(reader));
        }
    }
}

/* The types whose input has its turn, is made of subscriptions, or comes without ZMTP. */
static void other_types(void)
{
    static const int types[][2] = {
        {ZMQ_REP, ZMQ_REQ}, {ZMQ_REQ, ZMQ_REP}, {ZMQ_XSUB, ZMQ_PUB}, {ZMQ_XPUB, ZMQ_SUB}, {ZMQ_STREAM, ZMQ_STREAM}};
    for (size_t i = 0; i < 5; i++) {
        for (int t = types[i][0] == ZMQ_STREAM ? TCP : INPROC; t <= (types[i][0] == ZMQ_STREAM ? TCP : IPC); t++) {
            void *ctx = context();
            void *reader = sock(ctx, types[i][0]), *writer = sock(ctx, types[i][1]);
            const char *key = text("%s %s", type_name(types[i][0]), transport_names[t]);
            zmq_msg_t id;
            zmq_msg_init(&id);
            if (types[i][0] == ZMQ_STREAM) {
                connect_to(writer, bind_any(reader, TCP));
                zmq_msg_recv(&id, writer, 0);
                rx_frame(writer, 0);
                rx(reader);
            } else {
                attach(reader, writer, t);
            }
            if (types[i][0] == ZMQ_XSUB) {
                tx_bytes(reader, "\1", 1, 0);
                sync_subscriptions(writer, reader);
            }
            if (types[i][0] == ZMQ_REQ) {
                tx(reader, "question");
                rx(writer);
            }
            int fd = get_int(reader, ZMQ_FD);
            calm(ctx, reader);
            say(text("%s before", key), get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN ? "in" : "-");
            if (types[i][1] == ZMQ_STREAM)
                zmq_msg_send(&id, writer, ZMQ_SNDMORE);
            if (types[i][1] == ZMQ_SUB)
                subscribe(writer, "topic");
            else
                tx(writer, "1");
            line(text("%s signalled", key), "%d", readable_within(fd, PATIENCE));
            say(text("%s EVENTS", key), get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN ? "in" : "-");
            line(text("%s after EVENTS", key), "%d", readable_within(fd, 0));
            const char *got = rx_now(reader);
            say(text("%s read", key), types[i][0] == ZMQ_STREAM ? text("%d", got[0] == '[') : got);
            say(text("%s nothing left", key), rx_now(reader));
            line(text("%s read to the end", key), "%d", readable_within(fd, 0));
        }
    }
}

static void new_peers(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *pull = sock(ctx, ZMQ_PULL);
        int fd = get_int(pull, ZMQ_FD);
        const char *endpoint = bind_any(pull, t);
        calm(ctx, pull);
        void *push = sock(ctx, ZMQ_PUSH);
        int push_fd = get_int(push, ZMQ_FD);
        line(text("%s the same number", name), "%d", push_fd == get_int(push, ZMQ_FD));
        connect_to(push, endpoint);
        line(text("%s peer at the binder", name), "%d", readable_within(fd, PATIENCE));
        say(text("%s binder", name), events(pull));
        line(text("%s peer at the connecter", name), "%d", readable_within(push_fd, PATIENCE));
        say(text("%s connecter can write", name), await(push, ZMQ_POLLOUT));
        calm(ctx, push);
        calm(ctx, pull);
        if (t != INPROC)
            continue; /* the pipe stays: what is sent now waits for the listener's return */
        shut(pull);
        line(text("%s peer gone", name), "%d", readable_within(push_fd, PATIENCE));
        say(text("%s nobody there", name), events(push));
    }
}

static void subscriptions(void)
{
    static const int types[] = {ZMQ_PUB, ZMQ_XPUB};
    for (size_t i = 0; i < 2; i++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *publisher = sock(ctx, types[i]);
            void *subscriber = sock(ctx, ZMQ_SUB);
            attach(publisher, subscriber, t);
            int fd = get_int(publisher, ZMQ_FD);
            calm(ctx, publisher);
            subscribe(subscriber, "a");
            const char *key = text("%s %s", type_name(types[i]), transport_names[t]);
            line(key, "%d", readable_within(fd, PATIENCE));
            say(text("%s EVENTS", key), events(publisher));
            line(text("%s after EVENTS", key), "%d", readable_within(fd, 0));
        }
    }
}

static void room(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(pull, ZMQ_RCVHWM, 10);
        set_int(push, ZMQ_SNDHWM, 10);
        set_int(pull, ZMQ_RCVBUF, 4096);
        set_int(push, ZMQ_SNDBUF, 4096);
        attach(pull, push, t);
        int fd = get_int(push, ZMQ_FD);
        int sent = 0;
        /* Until nothing moves any more: what the system holds between the two has filled up. */
        do {
            while (strcmp(tx_now(push, "message"), "7") == 0)
                sent++;
            settle(ctx);
        } while (get_int(push, ZMQ_EVENTS) & ZMQ_POLLOUT || readable_within(fd, QUIET));
        line(text("%s full", name), "%d", readable_within(fd, 0));
        say(text("%s full EVENTS", name), events(push));
        for (int i = 0; i < sent; i++) {
            if (strcmp(rx(pull), "[message]") != 0)
                line(text("%s lost", name), "%d", i);
        }
        line(text("%s read", name), "%d", readable_within(fd, PATIENCE));
        say(text("%s read EVENTS", name), await(push, ZMQ_POLLOUT));
        say(text("%s nothing more", name), rx_now(pull));
    }
}

static void stop(void)
{
    for (size_t i = 0; i < 12; i++) {
        void *ctx = context();
        void *socket = sock(ctx, classic_types[i]);
        const char *name = type_name(classic_types[i]);
        int fd = get_int(socket, ZMQ_FD);
        calm(ctx, socket);
        zmq_ctx_shutdown(ctx);
        line(name, "%d", readable_within(fd, PATIENCE));
        say(text("%s EVENTS", name), events(socket));
    }
}

/* ---- loops ---- */

enum style { UNTIL_EAGAIN, UNTIL_NO_EVENTS, ONE_AT_A_TIME };
static const char *const style_names[] = {"until EAGAIN", "until no EVENTS", "one at a time"};

struct loop {
    void *socket;
    int epoll;
    long wakes;
    long idle;
};

static void watch_with(struct loop *loop, void *socket, int edge)
{
    struct epoll_event item = {.events = EPOLLIN | (edge ? EPOLLET : 0)};
    *loop = (struct loop) {socket, epoll_create1(EPOLL_CLOEXEC), 0, 0};
    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, get_int(socket, ZMQ_FD), &item);
}

/* What each event loop does: look at EVENTS, and go to sleep only when they show nothing. */
static int loop_until(struct loop *loop, int event)
{
    while (!(get_int(loop->socket, ZMQ_EVENTS) & event)) {
        struct epoll_event item;
        if (epoll_wait(loop->epoll, &item, 1, LOOP_PATIENCE) != 1)
            return 0;
        loop->wakes++;
        loop->idle += !(get_int(loop->socket, ZMQ_EVENTS) & event);
    }
    return 1;
}

struct sender {
    void *socket;
    int count;
    int pause; /* microseconds between two */
};

static void *send_numbers(void *argument)
{
    struct sender *sender = argument;
    for (int i = 0; i < sender->count; i++) {
        zmq_send(sender->socket, &i, sizeof i, 0);
        if (sender->pause)
            usleep((useconds_t) sender->pause);
    }
    return NULL;
}

/* The next number, past a routing id; -1 if there is none. */
static int receive_number(void *socket)
{
    int number = -1;
    int more;
    do {
        if (zmq_recv(socket, &number, sizeof number, ZMQ_DONTWAIT) == -1)
            return -1;
        more = get_int(socket, ZMQ_RCVMORE);
    } while (more);
    return number;
}

/* Receives numbers in order; how many came. */
static int loop_over(struct loop *loop, int count, enum style style)
{
    int next = 0;
    while (next < count && loop_until(loop, ZMQ_POLLIN)) {
        do {
            int number = receive_number(loop->socket);
            if (number == -1)
                break;
            if (number != next)
                return -number;
            next++;
        } while (style == UNTIL_EAGAIN ||
                 (style == UNTIL_NO_EVENTS && get_int(loop->socket, ZMQ_EVENTS) & ZMQ_POLLIN));
    }
    return next;
}

static void reading_loops(void)
{
    for (size_t f = 0; f < FLOWS; f++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *reader, *writer;
            make(ctx, &flows[f], t, &reader, &writer);
            if (flows[f].writer == ZMQ_XPUB)
                set_int(writer, ZMQ_XPUB_NODROP, 1);
            for (int edge = 0; edge < 2; edge++) {
                for (enum style style = UNTIL_EAGAIN; style <= ONE_AT_A_TIME; style++) {
                    struct sender sender = {writer, 3000, 0};
                    struct loop loop;
                    pthread_t thread;
                    watch_with(&loop, reader, edge);
                    pthread_create(&thread, NULL, send_numbers, &sender);
                    line(text("%s %s %s %s", flows[f].name, transport_names[t],
                              edge ? "edge" : "level", style_names[style]),
                         "%d", loop_over(&loop, sender.count, style));
                    pthread_join(thread, NULL);
                    close(loop.epoll);
                }
            }
            shut(reader);
            shut(writer);
        }
    }
}

static void *read_slowly(void *argument)
{
    struct sender *reader = argument;
    int wrong = 0;
    for (int i = 0; i < reader->count; i++) {
        int number = -1;
        zmq_recv(reader->socket, &number, sizeof number, 0);
        wrong += number != i;
        if (reader->pause && i % 16 == 0)
            usleep((useconds_t) reader->pause);
    }
    reader->count = wrong;
    return NULL;
}

static void writing_loops(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int edge = 0; edge < 2; edge++) {
            void *ctx = context();
            void *pull = sock(ctx, ZMQ_PULL);
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(pull, ZMQ_RCVHWM, 7);
            set_int(push, ZMQ_SNDHWM, 7);
            attach(pull, push, t);
            struct sender reader = {pull, 3000, 50};
            struct loop loop;
            pthread_t thread;
            watch_with(&loop, push, edge);
            pthread_create(&thread, NULL, read_slowly, &reader);
            int sent = 0;
            while (sent < 3000 && loop_until(&loop, ZMQ_POLLOUT)) {
                while (sent < 3000 && zmq_send(push, &sent, sizeof sent, ZMQ_DONTWAIT) != -1)
                    sent++;
            }
            pthread_join(thread, NULL);
            line(text("%s %s", transport_names[t], edge ? "edge" : "level"), "%d sent, %d wrong",
                 sent, reader.count);
            close(loop.epoll);
            shut(pull);
            shut(push);
        }
    }
}

/* Two sockets in one loop, each of which answers the other: nothing else ever wakes either. */
static void answering_loops(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int edge = 0; edge < 2; edge++) {
            void *ctx = context();
            void *rep = sock(ctx, ZMQ_REP);
            void *req = sock(ctx, ZMQ_REQ);
            attach(rep, req, t);
            struct loop at_rep, at_req;
            watch_with(&at_rep, rep, edge);
            watch_with(&at_req, req, edge);
            int turns = 0;
            tx(req, "question");
            while (turns < 1000) {
                if (!loop_until(&at_rep, ZMQ_POLLIN) || strcmp(rx_now(rep), "[question]") != 0)
                    break;
                tx(rep, "answer");
                if (!loop_until(&at_req, ZMQ_POLLIN) || strcmp(rx_now(req), "[answer]") != 0)
                    break;
                tx(req, "question");
                turns++;
            }
            line(text("%s %s", transport_names[t], edge ? "edge" : "level"), "%d", turns);
            close(at_rep.epoll);
            close(at_req.epoll);
            shut(rep);
            shut(req);
        }
    }
}

/* One wake-up for a message that comes alone, and hardly one for nothing. The second half of each line has
 * no key, so that it is not compared: see it with --show. */
static void wake_ups(void)
{
    static const int count = 400;
    for (int t = INPROC; t <= IPC; t++) {
        for (int edge = 0; edge < 2; edge++) {
            void *ctx = context();
            void *pull = sock(ctx, ZMQ_PULL);
            void *push = sock(ctx, ZMQ_PUSH);
            attach(pull, push, t);
            struct sender sender = {push, count, 300};
            struct loop loop;
            pthread_t thread;
            calm(ctx, pull);
            watch_with(&loop, pull, edge);
            pthread_create(&thread, NULL, send_numbers, &sender);
            int got = loop_over(&loop, count, UNTIL_EAGAIN);
            pthread_join(thread, NULL);
            const char *key = text("%s %s", transport_names[t], edge ? "edge" : "level");
            line(key, "%d, at most one each %d, idle ones few %d", got, loop.wakes <= count + 20,
                 loop.idle <= count / 20);
            printf("  per 1000 messages that come alone, %s: %.1f wake-ups, %.1f for nothing\n", key,
                   (double) loop.wakes * 1000 / count, (double) loop.idle * 1000 / count);
            close(loop.epoll);
        }
    }
}

static const struct rule rules[] = {
    RULE(messages),      RULE(other_types),   RULE(new_peers),     RULE(subscriptions),   RULE(room), RULE(stop),
    RULE(reading_loops), RULE(writing_loops), RULE(answering_loops), RULE(wake_ups),
};

RUN(rules)
