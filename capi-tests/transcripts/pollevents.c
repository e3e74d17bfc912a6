/* What zmq_poll and ZMQ_EVENTS say of each socket type in each state, and the edges of zmq_poll's arguments. api.md
 * section 7. */
#include "transcript.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

/* What zmq_poll says when asked for everything, as events() does; both, if they do not agree. */
static const char *polled(void *socket)
{
    static const char *const names[] = {"-", "in", "out", "in out"};
    zmq_pollitem_t item = {socket, 77, ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI, 99};
    int ready = zmq_poll(&item, 1, 0);
    if (ready == -1)
        return error_name(zmq_errno());
    if (item.revents & ~3 || ready != (item.revents != 0))
        return text("%d items, revents %d", ready, item.revents);
    const char *found = names[item.revents], *option = events(socket);
    return strcmp(found, option) == 0 ? found : text("%s, but EVENTS %s", found, option);
}

static void idle(void)
{
    void *ctx = context();
    for (size_t i = 0; i < 12; i++) {
        void *s = sock(ctx, classic_types[i]);
        const char *name = type_name(classic_types[i]);
        say(name, polled(s));
        bind_any(s, TCP);
        say(text("%s bound", name), polled(s));
        /* A connection that is still to come counts as a peer, unless ZMQ_IMMEDIATE says that it does not. */
        void *connected = sock(ctx, classic_types[i]), *immediate = sock(ctx, classic_types[i]);
        connect_to(connected, vacant(TCP));
        say(text("%s connecting", name), polled(connected));
        set_int(immediate, ZMQ_IMMEDIATE, 1);
        connect_to(immediate, vacant(TCP));
        say(text("%s connecting, IMMEDIATE", name), polled(immediate));
    }
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    say("mandatory ROUTER", polled(router));
}

static const int couples[][2] = {
    {ZMQ_PAIR, ZMQ_PAIR},     {ZMQ_PUB, ZMQ_SUB},       {ZMQ_PUB, ZMQ_XSUB},      {ZMQ_XPUB, ZMQ_SUB},
    {ZMQ_XPUB, ZMQ_XSUB},     {ZMQ_REQ, ZMQ_REP},       {ZMQ_REQ, ZMQ_ROUTER},    {ZMQ_DEALER, ZMQ_REP},
    {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_ROUTER}, {ZMQ_PUSH, ZMQ_PULL},
};
#define COUPLES (sizeof couples / sizeof couples[0])

static void with_a_peer(void)
{
    for (size_t i = 0; i < COUPLES; i++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *one = sock(ctx, couples[i][0]), *two = sock(ctx, couples[i][1]);
            attach(one, two, t);
            const char *name = text("%s %s %s", type_name(couples[i][0]), type_name(couples[i][1]),
                                    transport_names[t]);
            /* The room at a new peer is one of its events. */
            if (get_int(one, ZMQ_TYPE) == ZMQ_PUSH || get_int(one, ZMQ_TYPE) == ZMQ_DEALER)
                await(one, ZMQ_POLLOUT);
            begin_line(name);
            in_line(type_name(couples[i][0]), polled(one));
            in_line(type_name(couples[i][1]), polled(two));
            end_line();
            shut(one);
            shut(two);
        }
    }
}

static void turns_of_a_request(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *req = sock(ctx, ZMQ_REQ), *rep = sock(ctx, ZMQ_REP);
        attach(rep, req, t);
        const char *name = transport_names[t];
        await(req, ZMQ_POLLOUT);
        line(text("%s at rest", name), "%s, %s", polled(req), polled(rep));
        tx_frame(req, "a", ZMQ_SNDMORE);
        say(text("%s first part sent", name), polled(req));
        tx(req, "b");
        say(text("%s sent", name), polled(req));
        await(rep, ZMQ_POLLIN);
        say(text("%s arrived", name), polled(rep));
        rx_frame(rep, 0);
        say(text("%s first part received", name), polled(rep));
        rx_frame(rep, 0);
        say(text("%s received", name), polled(rep));
        tx_frame(rep, "a", ZMQ_SNDMORE);
        say(text("%s first part of the reply sent", name), polled(rep));
        tx(rep, "b");
        say(text("%s replied", name), polled(rep));
        await(req, ZMQ_POLLIN);
        say(text("%s reply arrived", name), polled(req));
        rx_frame(req, 0);
        say(text("%s first part of the reply received", name), polled(req));
        rx_frame(req, 0);
        say(text("%s done", name), polled(req));
    }
}

/* Without room: the peers of one end at their mark. */
static void full(void)
{
    static const int writers[][2] = {
        {ZMQ_PAIR, ZMQ_PAIR},     {ZMQ_PUSH, ZMQ_PULL},   {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER},
        {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_XSUB, ZMQ_XPUB}, {ZMQ_PUB, ZMQ_SUB},       {ZMQ_XPUB, ZMQ_SUB},
    };
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        for (int mandatory = 0; mandatory < (writers[i][0] == ZMQ_ROUTER ? 2 : 1); mandatory++) {
            void *ctx = context();
            void *writer = sock(ctx, writers[i][0]), *reader = sock(ctx, writers[i][1]);
            set_int(writer, ZMQ_SNDHWM, 3);
            set_int(reader, ZMQ_RCVHWM, 3);
            if (writers[i][1] == ZMQ_DEALER)
                set_bytes(reader, ZMQ_ROUTING_ID, "id", 2);
            if (mandatory)
                set_int(writer, ZMQ_ROUTER_MANDATORY, 1);
            if (writers[i][1] == ZMQ_SUB)
                subscribe(reader, "");
            attach(reader, writer, INPROC);
            const char *name = text("%s %s%s", type_name(writers[i][0]), type_name(writers[i][1]),
                                    mandatory ? " mandatory" : "");
            const char *message = writers[i][0] == ZMQ_ROUTER ? "id|x" : "x";
            say(text("%s empty", name), polled(writer));
            for (int sent = 0; sent < 6; sent++)
                tx_now(writer, message);
            say(text("%s full", name), polled(writer));
            say(text("%s next", name), tx_now(writer, message));
            while (rx_now(reader)[0] == '[')
                ;
            say(text("%s read", name), polled(writer));
            shut(reader);
            /* Those that never are without room go on, the others have nobody left. */
            int always = writers[i][0] == ZMQ_PUB || writers[i][0] == ZMQ_XPUB || writers[i][0] == ZMQ_XSUB
                         || (writers[i][0] == ZMQ_ROUTER && !mandatory);
            say(text("%s gone, nobody left", name), always ? polled(writer) : await_not(writer, ZMQ_POLLOUT));
        }
    }
}

/* POLLIN of those that a message can come to, while it is there and after. */
static void input(void)
{
    for (size_t i = 0; i < COUPLES; i++) {
        for (int t = INPROC; t <= IPC; t++) {
            int to = couples[i][1], from = couples[i][0];
            if (from == ZMQ_ROUTER)
                continue;
            void *ctx = context();
            void *reader = sock(ctx, to), *writer = sock(ctx, from);
            if (to == ZMQ_SUB)
                subscribe(reader, "");
            if (to == ZMQ_XSUB)
                tx_bytes(reader, "\1", 1, 0);
            attach(reader, writer, t);
            await(writer, ZMQ_POLLOUT);
            if (to == ZMQ_SUB || to == ZMQ_XSUB)
                sync_subscriptions(writer, reader);
            const char *name = text("%s %s %s", type_name(to), type_name(from), transport_names[t]);
            int before = get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN;
            tx(writer, to == ZMQ_REP && from == ZMQ_DEALER ? "|x|y" : "x|y");
            await(reader, ZMQ_POLLIN);
            const char *there = polled(reader);
            rx_frame(reader, 0);
            int half = get_int(reader, ZMQ_EVENTS) & ZMQ_POLLIN;
            while (get_int(reader, ZMQ_RCVMORE))
                rx_frame(reader, 0);
            line(name, "before %d, then %s, between parts %d, read %s", before, there, half, polled(reader));
            shut(reader);
            shut(writer);
        }
    }
}

static void negative_timeouts(void)
{
    static const long values[] = {-1, -2, -1000, INT_MIN, LONG_MIN};
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        const char *result = rc(zmq_poll(&item, 1, values[i]));
        pthread_join(thread, NULL);
        line(text("%ld", values[i]), "%s %s", result, rx_now(pull));
    }
}

static void nothing(int sig)
{
    (void) sig;
}

/* Nothing to wait for: only a signal ends it. */
static void negative_without_items(void)
{
    static const long values[] = {-1, -2, LONG_MIN};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nothing;
    sigaction(SIGUSR1, &action, NULL);
    pthread_t self = pthread_self(), thread;
    zmq_pollitem_t item = {NULL, 0, 0, 0};
    for (size_t i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, interrupt_later, &self);
        long start = now_ms();
        const char *result = rc(zmq_poll(i == 1 ? &item : NULL, 0, values[i]));
        line(text("%ld", values[i]), "%s, waited %d", result, now_ms() - start >= 15);
        pthread_join(thread, NULL);
    }
}

static void long_timeouts(void)
{
    static const long values[] = {INT_MAX, (long) INT_MAX + 1, LONG_MAX / 1000000, LONG_MAX - 1, LONG_MAX};
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        const char *result = rc(zmq_poll(&item, 1, values[i]));
        pthread_join(thread, NULL);
        line(text("%ld", values[i]), "%s %s", result, rx_now(pull));
    }
}

/* An item that wants nothing never fires; the socket still hears what happens to it. */
static void nothing_wanted(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        const char *name = transport_names[t];
        attach(pull, push, t);
        struct pollfd fd = {get_int(pull, ZMQ_FD), POLLIN, 0};
        tx(push, "x");
        line(text("%s signalled", name), "%d", poll(&fd, 1, PATIENCE));
        zmq_pollitem_t item = {pull, 0, 0, 99};
        const char *result = rc(zmq_poll(&item, 1, 20));
        line(text("%s polled", name), "%s, revents %d", result, item.revents);
        line(text("%s signalled then", name), "%d", poll(&fd, 1, 0));
        say(text("%s events", name), events(pull));
        say(text("%s message", name), rx_now(pull));
        zmq_ctx_shutdown(ctx);
        say(text("%s shutdown", name), rc(zmq_poll(&item, 1, PATIENCE)));
    }
}

static void duplicates(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    tx(b, "x");
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1)
        return;
    zmq_pollitem_t items[] = {
        {a, 0, ZMQ_POLLIN, 0},          {a, 0, ZMQ_POLLOUT, 0},         {a, 0, 0, 0},
        {NULL, ends[0], ZMQ_POLLIN, 0}, {NULL, ends[0], 0, 0},          {NULL, ends[0], ZMQ_POLLIN, 0},
        {NULL, -1, ZMQ_POLLIN, 99},     {a, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0},
    };
    line("ready", "%s", rc(zmq_poll(items, 8, -1)));
    line("revents", "%d %d %d, %d %d %d, %d, %d", items[0].revents, items[1].revents, items[2].revents,
         items[3].revents, items[4].revents, items[5].revents, items[6].revents, items[7].revents);
}

/* Each pass writes revents, also of items that have nothing (any more). */
static void written_on_each_pass(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    int ends[2];
    if (pipe(ends) != 0)
        return;
    zmq_pollitem_t items[] = {
        {a, 0, ZMQ_POLLIN, 99}, {NULL, ends[0], ZMQ_POLLIN, 99}, {NULL, -1, ZMQ_POLLIN, 99}, {b, 0, ZMQ_POLLOUT, 99}};
    say("only the last", rc(zmq_poll(items, 4, PATIENCE)));
    line("revents", "%d %d %d %d", items[0].revents, items[1].revents, items[2].revents, items[3].revents);
    tx(b, "x");
    say("the first too", rc(zmq_poll(items, 4, PATIENCE)));
    line("revents", "%d %d %d %d", items[0].revents, items[1].revents, items[2].revents, items[3].revents);
    rx(a);
    items[3].events = 0;
    say("none", rc(zmq_poll(items, 4, 1)));
    line("revents", "%d %d %d %d", items[0].revents, items[1].revents, items[2].revents, items[3].revents);
}

/* A closed socket among others: before whatever is ready, wherever it stands. */
static void closed_among_others(void)
{
    void *ctx = context();
    void *ready = sock(ctx, ZMQ_PUB), *closed = sock(ctx, ZMQ_PULL);
    shut(closed);
    for (int at = 0; at < 3; at++) {
        zmq_pollitem_t items[3] = {
            {ready, 0, ZMQ_POLLOUT, 0}, {ready, 0, ZMQ_POLLOUT, 0}, {ready, 0, ZMQ_POLLOUT, 0}};
        items[at].socket = closed;
        say(text("at %d", at), rc(zmq_poll(items, 3, 0)));
    }
    zmq_pollitem_t item = {closed, 0, ZMQ_POLLIN, 0};
    say("and no items", rc(zmq_poll(&item, 0, 0)));
    say("and a negative count", rc(zmq_poll(&item, -1, 0)));
}

static const struct rule rules[] = {
    RULE(idle), RULE(with_a_peer), RULE(turns_of_a_request), RULE(full), RULE(input), RULE(negative_timeouts),
    RULE(negative_without_items), RULE(long_timeouts), RULE(nothing_wanted), RULE(duplicates),
    RULE(written_on_each_pass), RULE(closed_among_others),
};

RUN(rules)
