/* What travels upstream: subscriptions against high-water marks, over attachments and reconnections, options of
 * subscribers. patterns.md 8.1 to 8.3, queues.md 1. */
#include "transcript.h"

enum { FEW = 1000, MANY = 100000 };

/* Binds where another can bind again, and connects. */
static const char *attach_for_return(void *xpub, void *sub, enum transport t)
{
    if (t == TCP)
        return attach(xpub, sub, TCP);
    zmq_bind(xpub, "ipc://again");
    attach_to(xpub, sub, "ipc://again");
    return "ipc://again";
}

/* 4.3.4 does not send all topics: how long to wait for those that do not come. */
static int patience(void)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    return ZMQ_MAKE_VERSION(major, minor, patch) < ZMQ_MAKE_VERSION(4, 3, 6) ? 300 : 4 * PATIENCE;
}

static void ask(void *sub, int subscribe_, const char *topic)
{
    if (get_int(sub, ZMQ_TYPE) == ZMQ_SUB) {
        zmq_setsockopt(sub, subscribe_ ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic, strlen(topic));
        return;
    }
    char frame[100];
    frame[0] = (char) subscribe_;
    strcpy(frame + 1, topic);
    zmq_send(sub, frame, strlen(topic) + 1, 0);
}

static void ask_all(void *sub, int subscribe_, int count)
{
    for (int i = 0; i < count; i++)
        ask(sub, subscribe_, text("topic-%06d", i));
}

/* Whether this many (un)subscriptions to different topics arrive. */
static const char *hear_all(void *xpub, int subscribe_, int count)
{
    char *seen = calloc(1, (size_t) count);
    int heard = 0;
    char frame[100];
    while (heard < count) {
        int size = zmq_recv(xpub, frame, sizeof frame - 1, 0);
        if (size < 0)
            break;
        frame[size] = 0;
        int topic = size == 13 && frame[0] == subscribe_ ? atoi(frame + 7) : -1;
        if (topic < 0 || topic >= count || seen[topic])
            continue;
        seen[topic] = 1;
        heard++;
    }
    free(seen);
    return heard == count ? "all" : "not all";
}

static const int subscribers[] = {ZMQ_SUB, ZMQ_XSUB};

/* Marks of one message, and more topics. */
static void small_marks(enum transport t, int kind, int count)
{
    for (int when = 0; when < 3; when++) {
        static const char *const names[] = {"before connect", "right after connect", "before bind"};
        void *ctx = context();
        void *sub = sock(ctx, kind), *xpub = sock(ctx, ZMQ_XPUB);
        set_int(sub, ZMQ_SNDHWM, 1);
        set_int(xpub, ZMQ_RCVHWM, 1);
        set_int(xpub, ZMQ_RCVTIMEO, patience());
        if (when != 1)
            ask_all(sub, 1, count);
        if (when == 2)
            connect_to(xpub, bind_any(sub, t));
        else
            connect_to(sub, bind_any(xpub, t));
        if (when == 1)
            ask_all(sub, 1, count);
        /* One that binds meets its publisher only inside the library. */
        for (long end = now_ms() + PATIENCE; !(get_int(xpub, ZMQ_EVENTS) & ZMQ_POLLIN) && now_ms() < end;)
            get_int(sub, ZMQ_EVENTS);
        say(text("%s %s, %s", transport_names[t], type_name(kind), names[when]), hear_all(xpub, 1, count));
    }
}

static void few_topics(void)
{
    for (int t = INPROC; t <= IPC; t++)
        for (int k = 0; k < 2; k++)
            small_marks(t, subscribers[k], FEW);
}

static void many_topics(void)
{
    for (int t = INPROC; t <= IPC; t++)
        small_marks(t, ZMQ_SUB, MANY);
}

/* A subscriber with a mark of one comes back to its publisher. */
static void marks_and_reconnection(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            void *ctx = context();
            void *sub = sock(ctx, subscribers[k]), *xpub = sock(ctx, ZMQ_XPUB);
            set_int(sub, ZMQ_SNDHWM, 1);
            set_int(sub, ZMQ_RECONNECT_IVL, 10);
            const char *endpoint = attach_for_return(xpub, sub, t);
            ask(sub, 1, "first");
            say(text("%s %s", transport_names[t], type_name(subscribers[k])), rx(xpub));
            void *monitor = watch(sub, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            shut(xpub);
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
            settle(ctx);
            ask_all(sub, 1, FEW);
            xpub = sock(ctx, ZMQ_XPUB);
            set_int(xpub, ZMQ_RCVTIMEO, patience());
            bind_again(xpub, endpoint);
            await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            settle(ctx);
            get_int(sub, ZMQ_EVENTS);
            say(text("%s %s then", transport_names[t], type_name(subscribers[k])), hear_all(xpub, 1, FEW));
            unwatch(sub, monitor);
        }
    }
}

/* After a reconnection each topic is told once, however often it was asked for; what was dropped is not. */
static void reconnection(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            void *ctx = context();
            void *sub = sock(ctx, subscribers[k]), *xpub = sock(ctx, ZMQ_XPUB);
            set_int(sub, ZMQ_RECONNECT_IVL, 10);
            begin_line(text("%s %s", transport_names[t], type_name(subscribers[k])));
            const char *endpoint = attach_for_return(xpub, sub, t);
            ask(sub, 1, "twice");
            ask(sub, 1, "twice");
            ask(sub, 1, "dropped");
            ask(sub, 0, "dropped");
            in_line("first", rx(xpub));
            in_line("and", rx(xpub));
            in_line("and", rx(xpub));
            void *monitor = watch(sub, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            shut(xpub);
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
            settle(ctx);
            ask(sub, 1, "in the gap");
            xpub = sock(ctx, ZMQ_XPUB);
            set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
            bind_again(xpub, endpoint);
            await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            settle(ctx);
            get_int(sub, ZMQ_EVENTS);
            const char *one = rx(xpub), *other = rx(xpub);
            in_line("lower", strcmp(one, other) < 0 ? one : other);
            in_line("higher", strcmp(one, other) < 0 ? other : one);
            in_line("then", rx_quiet(xpub));
            ask(sub, 0, "twice");
            ask(sub, 0, "twice");
            in_line("dropped", rx(xpub));
            end_line();
            unwatch(sub, monitor);
        }
    }
}

/* A subscription takes no room from what an XSUB sends besides. */
static void full_upstream(void)
{
    void *ctx = context();
    void *xsub = sock(ctx, ZMQ_XSUB), *xpub = sock(ctx, ZMQ_XPUB);
    set_int(xsub, ZMQ_SNDHWM, 1);
    set_int(xpub, ZMQ_RCVHWM, 1);
    attach(xpub, xsub, INPROC);
    tx(xsub, "1");
    tx(xsub, "\001a");
    tx(xsub, "2");
    tx(xsub, "3");
    tx(xsub, "\001b");
    for (int i = 0; i < 5; i++)
        say(text("%d", i), rx_now(xpub));
}

static void on_every_type(void)
{
    void *ctx = context();
    for (int i = 0; i < 12; i++) {
        void *s = sock(ctx, classic_types[i]);
        line(type_name(classic_types[i]), "SUBSCRIBE %s %s %s UNSUBSCRIBE %s %s %s",
             rc(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "a", 1)), rc(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0)),
             rc(zmq_setsockopt(s, ZMQ_SUBSCRIBE, NULL, 0)), rc(zmq_setsockopt(s, ZMQ_UNSUBSCRIBE, "a", 1)),
             rc(zmq_setsockopt(s, ZMQ_UNSUBSCRIBE, NULL, 0)), rc(zmq_setsockopt(s, ZMQ_UNSUBSCRIBE, "never", 5)));
    }
}

/* NULL is the topic that matches everything. */
static void null_topic(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB), *sub = sock(ctx, ZMQ_SUB);
    attach(pub, sub, INPROC);
    say("subscribe", rc(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, NULL, 0)));
    get_int(pub, ZMQ_EVENTS);
    tx(pub, "anything");
    say("gets", rx_now(sub));
    say("unsubscribe", rc(zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "", 0)));
    get_int(pub, ZMQ_EVENTS);
    tx(pub, "anything");
    say("gets then", rx_now(sub));
}

/* What makes a subscription take effect, over inproc. */
static void taking_effect(void)
{
    static const char *const calls[] = {"", "EVENTS", "zmq_poll for output", "zmq_recv"};
    for (int call = 1; call < 4; call++) {
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB), *sub = sock(ctx, ZMQ_SUB);
        attach(xpub, sub, INPROC);
        /* A send looks at what came at most so often: this is one that did. */
        tx(xpub, "to nobody");
        subscribe(sub, "");
        zmq_pollitem_t item = {xpub, 0, ZMQ_POLLOUT, 0};
        switch (call) {
        case 1: get_int(xpub, ZMQ_EVENTS); break;
        case 2: zmq_poll(&item, 1, 0); break;
        default: rx_now(xpub); break;
        }
        tx(xpub, "message");
        say(calls[call], rx_now(sub));
    }
}

/* Matching inverted on one side only. */
static void inverted(void)
{
    static const char *const names[] = {"neither", "PUB", "SUB", "both"};
    for (int t = INPROC; t <= IPC; t++) {
        for (int who = 0; who < 4; who++) {
            void *ctx = context();
            void *pub = sock(ctx, ZMQ_PUB), *sub = sock(ctx, ZMQ_SUB), *xsub = sock(ctx, ZMQ_XSUB);
            const char *endpoint = bind_any(pub, t);
            attach_to(pub, sub, endpoint);
            attach_to(pub, xsub, endpoint);
            subscribe(sub, "a");
            tx(xsub, "\001a");
            sync_subscriptions(pub, xsub);
            sync_subscriptions(pub, sub);
            while (zmq_poll(&(zmq_pollitem_t){xsub, 0, ZMQ_POLLIN, 0}, 1, 0) == 1)
                rx_now(xsub);
            set_int(pub, ZMQ_INVERT_MATCHING, who & 1);
            set_int(sub, ZMQ_INVERT_MATCHING, who >> 1);
            static const char *const published[] = {"a", "b", "", "ab|b", "b|a", "A"};
            for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
                tx(pub, published[i]);
            set_int(pub, ZMQ_INVERT_MATCHING, 0);
            set_int(sub, ZMQ_INVERT_MATCHING, 0);
            void *both[] = {sub, xsub};
            begin_line(text("%s %s", transport_names[t], names[who]));
            for (int k = 0; k < 2; k++) {
                char all[300] = "";
                /* The filter of the SUB counts when it is read. */
                if (k == 0)
                    set_int(sub, ZMQ_INVERT_MATCHING, who >> 1);
                for (const char *got = rx_quiet(both[k]); got[0] == '['; got = rx_quiet(both[k]))
                    strcat(all, got);
                in_line(k ? "XSUB" : "SUB", all[0] ? all : "nothing");
            }
            end_line();
        }
    }
}

static void invert_values(void)
{
    static const int values[] = {0, 1, 2, -1, 256, 0x10000};
    void *ctx = context();
    for (int i = 0; i < 12; i++) {
        void *s = sock(ctx, classic_types[i]);
        char all[200] = "";
        for (int k = 0; k < 6; k++) {
            sprintf(all + strlen(all), " %d:%s", values[k], try_set_int(s, ZMQ_INVERT_MATCHING, values[k]));
            strcat(all, text(">%s", show_int(s, ZMQ_INVERT_MATCHING)));
        }
        say(type_name(classic_types[i]), all);
    }
}

/* Found by a look for input, no longer wanted when it is read. */
static void looked_at_before(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB), *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "a");
    subscribe(sub, "b");
    attach(pub, sub, INPROC);
    tx(pub, "a1|part");
    tx(pub, "a2");
    tx(pub, "b1");
    say("events", events(sub));
    zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "a", 1);
    say("first", rx_now(sub));
    say("second", rx_now(sub));
    tx(pub, "b2|part");
    say("begun", rx_frame(sub, 0));
    zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "b", 1);
    say("rest of it", rx_frame(sub, ZMQ_DONTWAIT));
    say("then", rx_now(sub));
}

/* A SUB filters what a peer sends that does not. */
static void second_filter(void)
{
    void *ctx = context();
    void *peer = sock(ctx, ZMQ_DEALER), *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "a");
    attach(peer, sub, INPROC);
    static const char *const sent[] = {"b", "|a", "a|b", "b|a|a", "ab", "", "a"};
    for (int i = 0; i < 7; i++)
        tx(peer, sent[i]);
    for (int i = 0; i < 4; i++)
        say(text("%d", i), rx_now(sub));
}

static const struct rule rules[] = {
    RULE(few_topics), RULE_WITHIN(many_topics, 60000), RULE(marks_and_reconnection), RULE(reconnection),
    RULE(full_upstream), RULE(on_every_type), RULE(null_topic), RULE(taking_effect), RULE(inverted),
    RULE(invert_values), RULE(looked_at_before), RULE(second_filter),
};

RUN(rules)
