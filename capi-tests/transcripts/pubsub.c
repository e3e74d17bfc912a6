/* PUB and SUB: matching, subscriptions, fan-out, full subscribers. patterns.md section 8. */
#include "transcript.h"

/* Everything that arrives before the message "end", as one text. */
static const char *until_end(void *sub)
{
    char all[1500] = "";
    for (;;) {
        const char *got = rx(sub);
        if (strcmp(got, "[end]") == 0)
            return text("%s", all);
        if (strlen(all) + strlen(got) + 2 > sizeof all)
            return "too much";
        strcat(all, got);
        if (got[0] != '[')
            return text("%s", all);
    }
}

/* A SUB that gets "end" whatever else it has subscribed to. */
static void *subscriber(void *ctx)
{
    void *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "end");
    return sub;
}

static const char *const published[] = {"", "a", "b", "ab", "abc", "ba", "A", "a|x", "x|a", "|a",
                                        "abc|b|c", "b|a|a"};

static void publish(void *pub)
{
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        tx(pub, published[i]);
    tx(pub, "end");
}

static void matching(void)
{
    static const char *const topics[][3] = {{NULL}, {""}, {"a"}, {"ab"}, {"abc"}, {"abcd"}, {"b"},
                                            {"a", "b"}, {"a", "ab"}, {"", "a", "b"}, {"a", "a"},
                                            {"A"}};
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        const char *endpoint = bind_any(pub, t);
        for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
            void *sub = subscriber(ctx);
            char key[64];
            sprintf(key, "%s", transport_names[t]);
            for (int n = 0; n < 3 && topics[i][n]; n++) {
                subscribe(sub, topics[i][n]);
                sprintf(key + strlen(key), " '%s'", topics[i][n]);
            }
            attach_to(pub, sub, endpoint);
            sync_subscriptions(pub, sub);
            publish(pub);
            say(key, until_end(sub));
            shut(sub);
        }
    }
}

static void sub_binds(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        void *sub = subscriber(ctx);
        subscribe(sub, "a");
        attach(sub, pub, t);
        sync_subscriptions(pub, sub);
        publish(pub);
        say(text("%s", transport_names[t]), until_end(sub));
        subscribe(sub, "b");
        sync_subscriptions(pub, sub);
        publish(pub);
        say(text("%s, later subscription", transport_names[t]), until_end(sub));
    }
}

static void unsubscribe(void *sub, const char *topic)
{
    set_bytes(sub, ZMQ_UNSUBSCRIBE, topic, strlen(topic));
}

static void counting(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        void *sub = subscriber(ctx);
        attach(pub, sub, t);
        subscribe(sub, "a");
        subscribe(sub, "a");
        subscribe(sub, "b");
        unsubscribe(sub, "a");
        sync_subscriptions(pub, sub);
        publish(pub);
        say(text("%s 2 subscribed, 1 dropped", name), until_end(sub));
        unsubscribe(sub, "a");
        sync_subscriptions(pub, sub);
        publish(pub);
        say(text("%s 2 dropped", name), until_end(sub));
        say(text("%s unsubscribe again", name), rc(zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "a", 1)));
        say(text("%s unsubscribe unknown", name), rc(zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "zz", 2)));
        say(text("%s unsubscribe prefix", name), rc(zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "en", 2)));
        subscribe(sub, "a");
        sync_subscriptions(pub, sub);
        publish(pub);
        say(text("%s again", name), until_end(sub));
    }
}

/* Whether a message with this topic comes through within `limit` ms. */
static int takes_effect(void *pub, void *sub, const char *topic, size_t size, int limit)
{
    long end = now_ms() + limit;
    zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
    do {
        get_int(pub, ZMQ_EVENTS);
        tx_bytes(pub, topic, size, 0);
        if (now_ms() > end)
            return 0;
    } while (zmq_poll(&item, 1, 5) == 0);
    return 1;
}

static void long_topics(void)
{
    static const size_t sizes[] = {1, 245, 246, 256, 65536};
    char *topic = calloc(1, 65537);
    topic[0] = 1;
    for (int t = INPROC; t <= IPC; t++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            void *ctx = context();
            void *pub = sock(ctx, ZMQ_PUB);
            void *sub = subscriber(ctx);
            const char *key = text("%s %zu", transport_names[t], sizes[i]);
            attach(pub, sub, t);
            set_bytes(sub, ZMQ_SUBSCRIBE, topic, sizes[i]);
            /* The command of the stock library is malformed then (zmtp.md 5). */
            int broken = t != INPROC && sizes[i] >= 246;
            if (broken) {
                int works = takes_effect(pub, sub, topic, sizes[i], 500);
                say(key, works ? "takes effect" : "no subscription");
                continue;
            }
            sync_subscriptions(pub, sub);
            tx_bytes(pub, topic, sizes[i] - 1, 0);
            tx_bytes(pub, topic, sizes[i], 0);
            tx_bytes(pub, topic, sizes[i] + 1, 0);
            tx(pub, "end");
            say(key, until_end(sub));
        }
    }
    free(topic);
}

static void inverted(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        void *sub = sock(ctx, ZMQ_SUB);
        set_int(pub, ZMQ_INVERT_MATCHING, 1);
        set_int(sub, ZMQ_INVERT_MATCHING, 1);
        subscribe(sub, "a");
        attach(pub, sub, t);
        /* In force as soon as "a" no longer arrives. */
        long end = now_ms() + PATIENCE;
        do {
            get_int(pub, ZMQ_EVENTS);
            tx(pub, "a");
            tx(pub, "end");
        } while (strcmp(until_end(sub), "") != 0 && now_ms() < end);
        publish(pub);
        say(transport_names[t], until_end(sub));
    }
}

static void fan_out(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        static const char *const topics[] = {"a", "b", "", "c"};
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        void *sub[4];
        const char *endpoint = bind_any(pub, t);
        for (int i = 0; i < 4; i++) {
            sub[i] = subscriber(ctx);
            subscribe(sub[i], topics[i]);
            attach_to(pub, sub[i], endpoint);
            sync_subscriptions(pub, sub[i]);
        }
        /* What the last ones needed for that has also gone to the one for everything. */
        tx(pub, "end");
        for (int i = 0; i < 4; i++)
            until_end(sub[i]);
        publish(pub);
        for (int i = 0; i < 4; i++)
            say(text("%s '%s'", transport_names[t], topics[i]), until_end(sub[i]));
    }
}

static void directions(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *sub = sock(ctx, ZMQ_SUB);
    attach(pub, sub, INPROC);
    say("PUB recv", rx_now(pub));
    say("PUB recv blocking", rx(pub));
    say("SUB send", tx_now(sub, "x"));
    say("SUB send more", tx_frame(sub, "x", ZMQ_SNDMORE));
    say("PUB events", events(pub));
    say("SUB events", events(sub));
    say("PUB subscribe", rc(zmq_setsockopt(pub, ZMQ_SUBSCRIBE, "", 0)));
    say("PUB sends unsubscribed", tx(pub, "x"));
    say("SUB gets", rx_quiet(sub));
}

/* PUB does not take what an XSUB sends upstream. */
static void upstream(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *xsub = sock(ctx, ZMQ_XSUB);
    attach(pub, xsub, TCP);
    say("XSUB sends", tx(xsub, "user message"));
    tx(xsub, "\001a");
    sync_subscriptions(pub, xsub);
    tx(pub, "abc");
    say("XSUB gets", rx(xsub));
    say("PUB recv", rx_now(pub));
}

static void before_subscribers(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        const char *endpoint = bind_any(pub, t);
        say(text("%s send", transport_names[t]), tx(pub, "early"));
        void *sub = subscriber(ctx);
        subscribe(sub, "");
        attach_to(pub, sub, endpoint);
        sync_subscriptions(pub, sub);
        tx(pub, "late");
        tx(pub, "end");
        say(text("%s gets", transport_names[t]), until_end(sub));
    }
}

/* Over inproc nothing is in force before the PUB's thread enters the library. */
static void inproc_subscription_waits(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *sub = sock(ctx, ZMQ_SUB);
    attach(pub, sub, INPROC);
    subscribe(sub, "");
    get_int(pub, ZMQ_EVENTS);
    tx(pub, "after EVENTS");
    say("gets", rx(sub));
}

static void connect_before_bind(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *sub = subscriber(ctx);
    subscribe(sub, "a");
    connect_to(sub, "inproc://later");
    subscribe(sub, "b");
    zmq_bind(pub, "inproc://later");
    sync_subscriptions(pub, sub);
    publish(pub);
    say("gets", until_end(sub));
}

static void several_publishers(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *sub = subscriber(ctx);
        void *pub[3];
        subscribe(sub, "a");
        for (int i = 0; i < 3; i++) {
            pub[i] = sock(ctx, ZMQ_PUB);
            attach(pub[i], sub, t);
            sync_subscriptions(pub[i], sub);
        }
        for (int i = 0; i < 3; i++) {
            tx(pub[i], text("a%d", i));
            tx(pub[i], text("b%d", i));
            tx(pub[i], "end");
            say(text("%s from %d", transport_names[t], i), until_end(sub));
        }
        shut(pub[1]);
        tx(pub[2], "a after one left");
        say(text("%s after one left", transport_names[t]), rx(sub));
    }
}

static void welcome(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB);
        set_bytes(pub, ZMQ_XPUB_WELCOME_MSG, "welcome", 7);
        const char *endpoint = bind_any(pub, t);
        void *wants = subscriber(ctx);
        void *other = subscriber(ctx);
        void *xsub = sock(ctx, ZMQ_XSUB);
        subscribe(wants, "wel");
        void *all[] = {wants, other, xsub};
        for (int i = 0; i < 3; i++) {
            attach_to(pub, all[i], endpoint);
            if (i != 1)
                say(text("%s %s", transport_names[t], i ? "XSUB" : "subscribed"), rx(all[i]));
            sync_subscriptions(pub, all[i]);
        }
        tx(pub, "end");
        say(text("%s not subscribed", transport_names[t]), until_end(other));
    }
}

/* A full subscriber misses whole messages; the others do not. */
static void full_subscriber(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *slow = sock(ctx, ZMQ_SUB);
    void *fast = sock(ctx, ZMQ_SUB);
    set_int(pub, ZMQ_SNDHWM, 2);
    set_int(slow, ZMQ_RCVHWM, 2);
    set_int(fast, ZMQ_RCVHWM, 100);
    const char *endpoint = bind_any(pub, INPROC);
    subscribe(slow, "");
    subscribe(fast, "");
    attach_to(pub, slow, endpoint);
    attach_to(pub, fast, endpoint);
    for (int i = 0; i < 10; i++)
        say(text("send %d", i), tx(pub, text("%d|part", i)));
    say("events", events(pub));
    for (int i = 0; i < 10; i++)
        say(text("fast %d", i), rx_now(fast));
    for (int i = 0; i < 5; i++)
        say(text("slow %d", i), rx_now(slow));
    get_int(pub, ZMQ_EVENTS);
    tx(pub, "again");
    say("slow is served again", rx(slow));
    say("fast too", rx(fast));
}

/* Drained below the low-water mark only. */
static void partly_drained(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *sub = sock(ctx, ZMQ_SUB);
    set_int(pub, ZMQ_SNDHWM, 3);
    set_int(sub, ZMQ_RCVHWM, 3);
    subscribe(sub, "");
    attach(pub, sub, INPROC);
    for (int i = 0; i < 6; i++)
        tx(pub, text("%d", i));
    for (int i = 0; i < 4; i++) {
        say(text("read %d", i), rx_now(sub));
        get_int(pub, ZMQ_EVENTS);
        tx(pub, text("after %d", i));
    }
    for (int i = 0; i < 5; i++)
        say(text("rest %d", i), rx_now(sub));
}

static void mid_message_join(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *early = subscriber(ctx);
    void *late = subscriber(ctx);
    subscribe(early, "");
    subscribe(late, "");
    const char *endpoint = bind_any(pub, INPROC);
    attach_to(pub, early, endpoint);
    tx_frame(pub, "one", ZMQ_SNDMORE);
    attach_to(pub, late, endpoint);
    tx_frame(pub, "two", 0);
    tx(pub, "end");
    say("early", until_end(early));
    say("late", until_end(late));
}

/* The subscriber leaves while a message is being sent. */
static void mid_message_leave(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *stays = subscriber(ctx);
    void *leaves = subscriber(ctx);
    subscribe(stays, "");
    subscribe(leaves, "");
    const char *endpoint = bind_any(pub, INPROC);
    attach_to(pub, stays, endpoint);
    attach_to(pub, leaves, endpoint);
    say("first", tx_frame(pub, "one", ZMQ_SNDMORE));
    shut(leaves);
    get_int(pub, ZMQ_EVENTS);
    say("second", tx_frame(pub, "two", ZMQ_SNDMORE));
    say("third", tx_frame(pub, "three", 0));
    tx(pub, "end");
    say("stays", until_end(stays));
}

static void publisher_restarts(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *sub = subscriber(ctx);
        subscribe(sub, "a");
        set_int(sub, ZMQ_RECONNECT_IVL, 1);
        void *pub = sock(ctx, ZMQ_PUB);
        /* A wildcard of ipc would be gone with its socket. */
        const char *endpoint = keep(vacant(t));
        say(text("%s bind", name), rc(zmq_bind(pub, endpoint)));
        attach_to(pub, sub, endpoint);
        sync_subscriptions(pub, sub);
        tx(pub, "abc");
        say(text("%s before", name), rx(sub));
        void *monitor = watch(sub, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        shut(pub);
        say(text("%s gone", name), event_name(next_event(monitor, NULL, NULL, 0)));
        pub = sock(ctx, ZMQ_PUB);
        say(text("%s bind again", name), bind_again(pub, endpoint));
        long end = now_ms() + PATIENCE;
        say(text("%s back", name), event_name(next_event(monitor, NULL, NULL, 0)));
        get_int(sub, ZMQ_EVENTS);
        zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
        do {
            tx(pub, "b");
            tx(pub, "abc");
        } while (zmq_poll(&item, 1, 5) == 0 && now_ms() < end);
        say(text("%s after", name), rx(sub));
    }
}

static const struct rule rules[] = {
    RULE(matching), RULE(sub_binds), RULE(counting), RULE(long_topics), RULE(inverted),
    RULE(fan_out), RULE(directions), RULE(upstream), RULE(before_subscribers),
    RULE(inproc_subscription_waits), RULE(connect_before_bind), RULE(several_publishers),
    RULE(welcome), RULE(full_subscriber), RULE(partly_drained), RULE(mid_message_join),
    RULE(mid_message_leave), RULE(publisher_restarts),
};

RUN(rules)
