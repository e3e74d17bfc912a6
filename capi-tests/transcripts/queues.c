/* High-water marks, conflation, lost and ended endpoints, linger, ZMQ_FD. queues.md. */
#include "transcript.h"


/* How many messages a socket accepts without waiting, up to a bound. */
static int fill(void *socket, int bound)
{
    int count = 0;
    while (count < bound && zmq_send(socket, "m", 1, ZMQ_DONTWAIT) == 1)
        count++;
    return count;
}

/* How many are there to be received. */
static int drain(void *socket)
{
    int count = 0;
    char buffer[8];
    while (zmq_recv(socket, buffer, sizeof buffer, ZMQ_DONTWAIT) >= 0)
        count++;
    return count;
}

static void marks(void)
{
    static const int cases[][2] = {{2, 2}, {1, 1}, {3, 3}, {2, 3}, {3, 2}, {5, 0}, {0, 5}, {7, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int binds = 0; binds < 2; binds++) {
            void *ctx = context();
            const char *name = text("%d/%d, PUSH %s", cases[i][0], cases[i][1],
                                    binds ? "binds" : "connects");
            void *push = sock(ctx, ZMQ_PUSH);
            void *pull = sock(ctx, ZMQ_PULL);
            set_int(push, ZMQ_SNDHWM, cases[i][0]);
            set_int(pull, ZMQ_RCVHWM, cases[i][1]);
            attach(binds ? push : pull, binds ? pull : push, INPROC);
            int limit = fill(push, 3000);
            line(text("%s accepted", name), "%d", limit);
            if (limit == 3000)
                continue;
            char steps[128] = "";
            for (int read = 0; read < 2 * limit; read++) {
                rx(pull);
                get_int(push, ZMQ_EVENTS);
                sprintf(steps + strlen(steps), " %d", fill(push, 3000));
            }
            line(text("%s after each read", name), "%s", steps);
        }
    }
}

static void default_marks(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    line("accepted", "%d", fill(push, 5000));
    for (int i = 0; i < 999; i++)
        rx(pull);
    get_int(push, ZMQ_EVENTS);
    line("after 999 reads", "%d", fill(push, 5000));
    rx(pull);
    get_int(push, ZMQ_EVENTS);
    line("after 1000 reads", "%d", fill(push, 5000));
}

/* Only whole messages count. */
static void multipart(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 1);
    set_int(pull, ZMQ_RCVHWM, 1);
    attach(pull, push, INPROC);
    say("first", tx_now(push, "a|b|c|d|e"));
    say("second begins", tx_frame(push, "1", ZMQ_DONTWAIT | ZMQ_SNDMORE));
    say("events in the middle", events(push));
    say("second ends", tx_frame(push, "2", ZMQ_DONTWAIT));
    say("events", events(push));
    say("third", tx_now(push, "x|y"));
    say("read a frame", rx_frame(pull, 0));
    say("third after a frame", tx_now(push, "x|y"));
    for (int i = 0; i < 4; i++)
        rx_frame(pull, 0);
    say("room", await(push, ZMQ_POLLOUT));
    say("third after a message", tx_now(push, "x|y"));
    say("second", rx(pull));
    say("third arrives", rx(pull));
    say("then", rx_now(pull));
}

static void before_bind(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 2);
    connect_to(push, "inproc://later");
    line("parked", "%d", fill(push, 100));
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_RCVHWM, 3);
    say("bind", rc(zmq_bind(pull, "inproc://later")));
    say("room", await(push, ZMQ_POLLOUT));
    line("more", "%d", fill(push, 100));
    line("arrive", "%d", drain(pull));
}

static void no_listener(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 2);
    connect_to(push, "tcp://127.0.0.1:9");
    line("one", "%d", fill(push, 100));
    connect_to(push, "ipc://nobody");
    connect_to(push, "ipc://nobody2");
    line("two more", "%d", fill(push, 100));
}

static void changed_marks(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 2);
    connect_to(push, "tcp://127.0.0.1:9");
    line("before", "%d", fill(push, 1));
    set_int(push, ZMQ_SNDHWM, 5);
    line("raised", "%d", fill(push, 100));
    void *a = sock(ctx, ZMQ_PUSH);
    void *b = sock(ctx, ZMQ_PULL);
    set_int(a, ZMQ_SNDHWM, 10);
    set_int(b, ZMQ_RCVHWM, 10);
    attach(b, a, INPROC);
    set_int(b, ZMQ_RCVHWM, 20);
    get_int(a, ZMQ_EVENTS);
    line("inproc, receiver changes", "%d", fill(a, 1000));
    void *c = sock(ctx, ZMQ_PUSH);
    void *d = sock(ctx, ZMQ_PULL);
    set_int(c, ZMQ_SNDHWM, 10);
    set_int(d, ZMQ_RCVHWM, 10);
    attach(d, c, INPROC);
    set_int(c, ZMQ_SNDHWM, 20);
    get_int(d, ZMQ_EVENTS);
    line("inproc, sender changes", "%d", fill(c, 1000));
    void *e = sock(ctx, ZMQ_PUSH);
    connect_to(e, "inproc://parked");
    set_int(e, ZMQ_SNDHWM, 3);
    line("parked, then changed", "%d", fill(e, 3000));
}

/* A stalled reader stops the writer, and loses nothing. */
static void stalled_reader(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 2);
        set_int(pull, ZMQ_RCVHWM, 2);
        attach(pull, push, t);
        set_int(push, ZMQ_SNDTIMEO, 300);
        char *data = calloc(1, 1000000);
        int sent = 0;
        while (sent < 200 && zmq_send(push, data, 1000000, 0) == 1000000)
            sent++;
        line(text("%s at least the marks", name), "%d", sent >= 4);
        line(text("%s stops", name), "%d", sent < 200);
        int got = 0;
        while (got < sent && zmq_recv(pull, data, 1000000, 0) == 1000000)
            got++;
        line(text("%s all arrive", name), "%d", got == sent);
        say(text("%s then", name), rx_now(pull));
        say(text("%s room again", name), await(push, ZMQ_POLLOUT));
        free(data);
    }
}

static int before_4_3_6(void)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    return ZMQ_MAKE_VERSION(major, minor, patch) < ZMQ_MAKE_VERSION(4, 3, 6);
}

static void conflated(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_CONFLATE, 1);
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(pull, ZMQ_CONFLATE, 1);
        if (t == INPROC) {
            attach(pull, push, t);
            for (int i = 0; i < 3000; i++)
                tx(push, text("%d", i));
        } else {
            const char *endpoint = bind_any(pull, t);
            connect_to(push, endpoint);
            for (int i = 0; i < 3000; i++)
                tx(push, text("%d", i));
        }
        /* Earlier values may come out first, but the newest must come, and last. */
        const char *got = "nothing";
        while (strcmp(got, "[2999]") != 0 && strcmp(got, "EAGAIN") != 0) {
            got = rx(pull);
            /* 4.3.4 now and then sleeps on the last value, until another one comes. */
            if (strcmp(got, "EAGAIN") == 0 && before_4_3_6()) {
                tx(push, "2999");
                got = rx(pull);
            }
        }
        say(text("%s newest", name), got);
        say(text("%s then", name), rx_now(pull));
        say(text("%s events", name), events(push));
    }
    void *ctx = context();
    void *alone = sock(ctx, ZMQ_PUSH);
    set_int(alone, ZMQ_CONFLATE, 1);
    set_int(alone, ZMQ_SNDHWM, 1);
    connect_to(alone, "tcp://127.0.0.1:9");
    line("nobody there", "%d", fill(alone, 3000));
    void *push = sock(ctx, ZMQ_PUSH);
    void *binder = sock(ctx, ZMQ_PULL);
    set_int(binder, ZMQ_CONFLATE, 1);
    attach(binder, push, INPROC);
    tx(push, "1");
    tx(push, "2");
    say("binder alone over inproc", rx(binder));
    say("binder alone then", rx_now(binder));
}

static void conflated_types(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    set_int(a, ZMQ_CONFLATE, 1);
    set_int(b, ZMQ_CONFLATE, 1);
    attach(a, b, INPROC);
    tx(b, "1");
    tx(b, "2");
    say("PAIR ignores it", rx(a));
    say("PAIR second", rx(a));
    void *pub = sock(ctx, ZMQ_PUB);
    void *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "");
    set_int(sub, ZMQ_CONFLATE, 1);
    attach(pub, sub, INPROC);
    for (int i = 0; i < 10; i++)
        tx(pub, text("%d", i));
    say("SUB", rx(sub));
    say("SUB then", rx_now(sub));
}

/* What happens to messages when an end is closed or an endpoint ended. */
static void ends(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_LINGER, -1);
        const char *endpoint = attach(pull, push, t);
        tx(push, "1");
        tx(push, "2");
        say(text("%s there", name), await(pull, ZMQ_POLLIN));
        say(text("%s disconnect", name), rc(zmq_disconnect(push, endpoint)));
        say(text("%s events", name), events(push));
        say(text("%s send", name), tx_now(push, "3"));
        say(text("%s still readable", name), rx(pull));
        say(text("%s still readable 2", name), rx(pull));
        say(text("%s again", name), rc(zmq_disconnect(push, endpoint)));
        connect_to(push, endpoint);
        tx(push, "4");
        say(text("%s reconnected", name), rx(pull));
        say(text("%s unbind", name), rc(zmq_unbind(pull, endpoint)));
        say(text("%s unbind again", name), rc(zmq_unbind(pull, endpoint)));
        if (t == INPROC) {
            tx(push, "5");
            say("inproc pipe stays", rx(pull));
        }
    }
}

/* The receiver that disconnects loses what it has not read. */
static void receiver_disconnects(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = attach(push, pull, t);
        tx(push, "1");
        tx(push, "2");
        say(text("%s first", name), rx(pull));
        say(text("%s there", name), await(pull, ZMQ_POLLIN));
        say(text("%s disconnect", name), rc(zmq_disconnect(pull, endpoint)));
        say(text("%s rest", name), rx_now(pull));
        /* Over a connection the stock library does not always notice. */
        if (t != INPROC)
            continue;
        say(text("%s PUSH notices", name), await_not(push, ZMQ_POLLOUT));
        say(text("%s send", name), tx_now(push, "3"));
    }
}

/* A connecting sender keeps its queue over a loss; an accepting one does not. */
static void gap(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = t == TCP ? bind_any(pull, TCP) : "ipc://gap";
        if (t == IPC)
            zmq_bind(pull, endpoint);
        attach_to(pull, push, endpoint);
        void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED);
        shut(pull);
        say(text("%s lost", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
        settle(ctx);
        say(text("%s events", name), events(push));
        say(text("%s queued", name), tx_now(push, "1|2"));
        void *again = sock(ctx, ZMQ_PULL);
        int bound = -1;
        for (long end = now_ms() + PATIENCE; bound != 0 && now_ms() < end;)
            bound = zmq_bind(again, endpoint);
        say(text("%s arrives", name), rx(again));
    }
}

static void gap_immediate(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_IMMEDIATE, 1);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    const char *endpoint = attach(pull, push, TCP);
    tx(push, "x");
    say("works", rx(pull));
    shut(pull);
    say("no peer", await_not(push, ZMQ_POLLOUT));
    say("send", tx_now(push, "lost"));
    void *again = sock(ctx, ZMQ_PULL);
    int bound = -1;
    for (long end = now_ms() + PATIENCE; bound != 0 && now_ms() < end;)
        bound = zmq_bind(again, endpoint);
    say("back", await(push, ZMQ_POLLOUT));
    tx(push, "after");
    say("arrives", rx(again));
}

/* Milliseconds zmq_ctx_term takes after a close with that LINGER and an unsent message. */
static void linger_values(void)
{
    static const int values[] = {0, 100, 400};
    for (size_t i = 0; i < 3; i++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        connect_to(push, "tcp://127.0.0.1:9");
        tx(push, "unsent");
        set_int(push, ZMQ_LINGER, values[i]);
        shut(push);
        long start = now_ms();
        term(ctx);
        long took = now_ms() - start;
        line(text("close %d", values[i]), "%d %d", took >= values[i] - 20, took < values[i] + 2000);
        ctx = context();
        push = sock(ctx, ZMQ_PUSH);
        connect_to(push, "ipc://nobody");
        tx(push, "unsent");
        set_int(push, ZMQ_LINGER, values[i]);
        zmq_disconnect(push, "ipc://nobody");
        start = now_ms();
        shut(push);
        term(ctx);
        took = now_ms() - start;
        line(text("disconnect %d", values[i]), "%d", took < values[i] + 2000);
    }
}

/* A listener that comes during the linger time gets the messages. */
static void late_listener(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, PATIENCE);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    connect_to(push, "ipc://late");
    tx(push, "1");
    tx(push, "2|3");
    say("close", shut(push));
    void *pull = sock(ctx, ZMQ_PULL);
    say("bind", rc(zmq_bind(pull, "ipc://late")));
    say("first", rx(pull));
    say("second", rx(pull));
}

/* All that was sent before the close arrives, whatever its size. */
static void nothing_lost_at_close(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(push, ZMQ_LINGER, -1);
        set_int(push, ZMQ_SNDHWM, 0);
        set_int(pull, ZMQ_RCVHWM, 0);
        attach(pull, push, t);
        for (int i = 0; i < 2000; i++)
            tx(push, text("%d|%s", i, "and something to make it longer than a little"));
        shut(push);
        int count = 0;
        while (count < 2000 && rx(pull)[0] == '[')
            count++;
        line(transport_names[t], "%d then %s", count, rx_quiet(pull));
    }
}

static void descriptor(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    int fd = get_int(pull, ZMQ_FD);
    say("events", events(pull));
    line("quiet", "%d", readable_within(fd, 0));
    tx(push, "1");
    line("a message", "%d", readable_within(fd, 0));
    say("events then", events(pull));
    line("after EVENTS", "%d", readable_within(fd, 0));
    say("recv", rx_now(pull));
    say("recv nothing", rx_now(pull));
    line("quiet again", "%d", readable_within(fd, 0));
    tx(push, "2");
    line("another", "%d", readable_within(fd, 0));
    say("recv directly", rx_now(pull));
}

static const struct rule rules[] = {
    RULE(marks), RULE(default_marks), RULE(multipart), RULE(before_bind), RULE(no_listener),
    RULE(changed_marks), RULE(stalled_reader), RULE(conflated), RULE(conflated_types), RULE(ends),
    RULE(receiver_disconnects), RULE(gap), RULE(gap_immediate), RULE(linger_values),
    RULE(late_listener), RULE(nothing_lost_at_close), RULE(descriptor),
};

RUN(rules)
