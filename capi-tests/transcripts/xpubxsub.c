/* XPUB and XSUB: what subscriptions travel and are delivered, manual mode, NODROP, upstream messages.
 * patterns.md section 8. */
#include "transcript.h"

/* Numbers of the draft part of zmq.h; every build accepts the first two. */
enum { MANUAL_LAST_VALUE = 98, ONLY_FIRST_SUBSCRIBE = 108, XSUB_VERBOSE_UNSUBSCRIBE = 115, TOPICS_COUNT = 116 };

/* What follows until the upstream message "#", as one text. */
static const char *until_mark(void *xpub)
{
    char all[1500] = "";
    for (;;) {
        const char *got = rx(xpub);
        if (strcmp(got, "[#]") == 0)
            return text("%s", all);
        if (strlen(all) + strlen(got) + 2 > sizeof all)
            return "too much";
        strcat(all, got);
        if (got[0] != '[')
            return text("%s", all);
    }
}

/* Sends an (un)subscription. */
static void ask(void *xsub, int subscribe, const char *topic)
{
    char frame[400];
    frame[0] = (char) subscribe;
    strcpy(frame + 1, topic);
    zmq_send(xsub, frame, strlen(topic) + 1, 0);
}

/* What XPUB delivers for what has been asked since the last time. */
static const char *delivered(void *xpub, void *xsub)
{
    tx(xsub, "#");
    return until_mark(xpub);
}

static void mode_of(void *xpub, int mode)
{
    if (mode == 1)
        set_int(xpub, ZMQ_XPUB_VERBOSE, 1);
    if (mode == 2)
        set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
    if (mode == 3) {
        set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
        set_int(xpub, ZMQ_XPUB_VERBOSE, 0);
    }
    if (mode == 4) {
        set_int(xpub, ZMQ_XPUB_VERBOSE, 1);
        set_int(xpub, ZMQ_XPUB_VERBOSER, 0);
    }
    if (mode == 5)
        set_int(xpub, ZMQ_XPUB_MANUAL, 1);
}

static const char *const modes[] = {"default", "verbose", "verboser", "verboser then not verbose",
                                    "verbose then not verboser", "manual"};

static void deliveries(enum transport t)
{
    for (int mode = 0; mode < 6; mode++) {
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        mode_of(xpub, mode);
        const char *endpoint = bind_any(xpub, t);
        void *a = sock(ctx, ZMQ_XSUB);
        void *b = sock(ctx, ZMQ_XSUB);
        attach_to(xpub, a, endpoint);
        attach_to(xpub, b, endpoint);
        const char *m = modes[mode];
        ask(a, 1, "x");
        say(text("%s, a subscribes", m), delivered(xpub, a));
        ask(a, 1, "x");
        say(text("%s, a again", m), delivered(xpub, a));
        ask(b, 1, "x");
        say(text("%s, b subscribes", m), delivered(xpub, b));
        ask(b, 1, "y");
        ask(b, 1, "");
        say(text("%s, b other topics", m), delivered(xpub, b));
        ask(a, 0, "x");
        say(text("%s, a drops one of two", m), delivered(xpub, a));
        ask(a, 0, "x");
        say(text("%s, a drops", m), delivered(xpub, a));
        ask(a, 0, "x");
        say(text("%s, a drops once more", m), delivered(xpub, a));
        ask(b, 0, "x");
        say(text("%s, b drops", m), delivered(xpub, b));
        ask(b, 0, "unknown");
        say(text("%s, b drops unknown", m), delivered(xpub, b));
        shut(b);
        /* Leaving shows in the unsubscriptions, which come in one piece. */
        zmq_pollitem_t item = {xpub, 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, PATIENCE);
        say(text("%s, b leaves", m), delivered(xpub, a));
    }
}

static void modes_inproc(void)
{
    deliveries(INPROC);
}

static void modes_tcp(void)
{
    deliveries(TCP);
}

static void modes_ipc(void)
{
    deliveries(IPC);
}

/* The topics of a peer that leaves come in order. */
static void leaving_order(void)
{
    static const char *const topics[] = {"b", "abc", "a", "", "abd", "ab", "c\xff", "B", "c\x01"};
    for (int verboser = 0; verboser < 2; verboser++) {
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        set_int(xpub, ZMQ_XPUB_VERBOSER, verboser);
        void *a = sock(ctx, ZMQ_XSUB);
        void *b = sock(ctx, ZMQ_XSUB);
        const char *endpoint = bind_any(xpub, INPROC);
        attach_to(xpub, a, endpoint);
        attach_to(xpub, b, endpoint);
        for (int i = 0; i < 9; i++)
            ask(a, 1, topics[i]);
        ask(b, 1, "ab");
        delivered(xpub, a);
        delivered(xpub, b);
        shut(a);
        await(xpub, ZMQ_POLLIN);
        say(verboser ? "verboser" : "default", delivered(xpub, b));
    }
}

/* Topics go to a new peer once each. */
static void to_new_peers(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *xsub = sock(ctx, ZMQ_XSUB);
        ask(xsub, 1, "a");
        ask(xsub, 1, "a");
        ask(xsub, 1, "b");
        ask(xsub, 0, "b");
        ask(xsub, 0, "a");
        for (int i = 0; i < 2; i++) {
            void *xpub = sock(ctx, ZMQ_XPUB);
            set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
            attach(xpub, xsub, t);
            say(text("%s peer %d", transport_names[t], i), delivered(xpub, xsub));
        }
    }
}

/* What an XSUB forwards to a publisher that shows everything. */
static void forwarding(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        void *xsub = sock(ctx, ZMQ_XSUB);
        set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
        attach(xpub, xsub, t);
        ask(xsub, 1, "a");
        ask(xsub, 1, "a");
        say(text("%s twice", name), delivered(xpub, xsub));
        ask(xsub, 0, "a");
        say(text("%s one dropped", name), delivered(xpub, xsub));
        ask(xsub, 0, "a");
        say(text("%s both dropped", name), delivered(xpub, xsub));
        ask(xsub, 0, "a");
        ask(xsub, 0, "never");
        say(text("%s dropped again", name), delivered(xpub, xsub));
        ask(xsub, 1, "");
        ask(xsub, 0, "");
        say(text("%s empty topic", name), delivered(xpub, xsub));
    }
}

static void upstream(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        void *xsub = sock(ctx, ZMQ_XSUB);
        attach(xpub, xsub, t);
        say(text("%s send", name), tx(xsub, "user"));
        say(text("%s recv", name), rx(xpub));
        tx(xsub, "");
        say(text("%s empty", name), rx(xpub));
        tx(xsub, "one|two|three");
        say(text("%s multipart", name), rx(xpub));
        tx(xsub, "u1|\001B");
        say(text("%s subscription in a later frame, first part", name), rx_frame(xpub, 0));
        say(text("%s second part", name), rx_frame(xpub, 0));
        tx(xpub, "Bee");
        say(text("%s it is in force", name), rx(xsub));
        tx_frame(xsub, "\001first", ZMQ_SNDMORE);
        tx_frame(xsub, "user part", 0);
        say(text("%s subscription first, then a user frame", name), delivered(xpub, xsub));
        tx(xsub, "\002neither");
        say(text("%s other first byte", name), rx(xpub));
        tx(xpub, "nobody wants this");
        tx(xpub, "B|multi|part");
        say(text("%s downstream", name), rx(xsub));
    }
}

/* XSUB takes what it gets, SUB filters. */
static void no_filter(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *xsub = sock(ctx, ZMQ_XSUB);
    attach(xsub, push, INPROC);
    tx(push, "not subscribed");
    say("XSUB", rx(xsub));
    void *other = sock(ctx, ZMQ_PUSH);
    void *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "yes");
    attach(sub, other, INPROC);
    tx(other, "not subscribed|part");
    tx(other, "yes|part");
    say("SUB", rx(sub));
}

/* XSUB never waits for a full peer. */
static void full_upstream(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB);
    void *xsub = sock(ctx, ZMQ_XSUB);
    set_int(xpub, ZMQ_RCVHWM, 2);
    set_int(xsub, ZMQ_SNDHWM, 2);
    attach(xpub, xsub, INPROC);
    for (int i = 0; i < 8; i++)
        say(text("send %d", i), tx_now(xsub, text("%d", i)));
    say("events", events(xsub));
    for (int i = 0; i < 5; i++)
        say(text("recv %d", i), rx_now(xpub));
}

static void manual(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        set_int(xpub, ZMQ_XPUB_MANUAL, 1);
        const char *endpoint = bind_any(xpub, t);
        say(text("%s subscribe without a peer", name),
            rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "Z", 1)));
        void *a = sock(ctx, ZMQ_XSUB);
        void *b = sock(ctx, ZMQ_XSUB);
        attach_to(xpub, a, endpoint);
        attach_to(xpub, b, endpoint);
        ask(a, 1, "A");
        say(text("%s asked", name), rx(xpub));
        say(text("%s grant another", name), rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "XA", 2)));
        ask(b, 1, "B");
        say(text("%s b asked", name), rx(xpub));
        say(text("%s grant to b", name), rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "XB", 2)));
        tx(xpub, "A");
        tx(xpub, "B");
        tx(xpub, "XA");
        tx(xpub, "XB");
        say(text("%s a gets", name), rx(a));
        say(text("%s b gets", name), rx(b));
        ask(a, 0, "A");
        say(text("%s a drops", name), rx(xpub));
        tx(xpub, "XA1");
        say(text("%s still granted", name), rx(a));
        say(text("%s withdraw", name), rc(zmq_setsockopt(xpub, ZMQ_UNSUBSCRIBE, "XA", 2)));
        say(text("%s withdraw unknown", name), rc(zmq_setsockopt(xpub, ZMQ_UNSUBSCRIBE, "no", 2)));
        ask(a, 1, "B");
        say(text("%s a asks", name), rx(xpub));
        zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "last", 4);
        tx(xpub, "XA2");
        tx(xpub, "last");
        say(text("%s no longer granted", name), rx(a));
        shut(b);
        await(xpub, ZMQ_POLLIN);
        say(text("%s b leaves", name), rx(xpub));
        say(text("%s grant to nobody", name), rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "XC", 2)));
        tx(xpub, "XC");
        tx(xpub, "last again");
        say(text("%s a gets only", name), rx(a));
        set_int(xpub, ZMQ_XPUB_MANUAL, 0);
        say(text("%s grant when not manual", name), rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "q", 1)));
        ask(a, 1, "normal");
        say(text("%s normal again", name), rx(xpub));
        tx(xpub, "normal");
        say(text("%s in force at once", name), rx(a));
    }
}

static void manual_last_value(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB);
    set_int(xpub, MANUAL_LAST_VALUE, 1);
    const char *endpoint = bind_any(xpub, INPROC);
    void *a = sock(ctx, ZMQ_SUB);
    void *b = sock(ctx, ZMQ_SUB);
    subscribe(a, "t");
    attach_to(xpub, a, endpoint);
    say("a asks", rx(xpub));
    set_bytes(xpub, ZMQ_SUBSCRIBE, "t", 1);
    tx(xpub, "t1");
    say("a gets", rx(a));
    subscribe(b, "t");
    attach_to(xpub, b, endpoint);
    say("b asks", rx(xpub));
    set_bytes(xpub, ZMQ_SUBSCRIBE, "t", 1);
    tx(xpub, "t2");
    say("a does not get the next", rx_now(a));
    say("b gets it", rx(b));
    tx(xpub, "t3");
    say("both a", rx(a));
    say("and b", rx(b));
}

/* Whoever asked last has no grant that matches, or is gone: the first message is for nobody, or for all. */
static void last_value_without_receiver(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        set_int(xpub, MANUAL_LAST_VALUE, 1);
        const char *endpoint = bind_any(xpub, t);
        void *a = sock(ctx, ZMQ_XSUB);
        void *b = sock(ctx, ZMQ_XSUB);
        attach_to(xpub, a, endpoint);
        attach_to(xpub, b, endpoint);
        ask(a, 1, "t");
        say(text("%s a asks", name), rx(xpub));
        set_bytes(xpub, ZMQ_SUBSCRIBE, "t", 1);
        tx(xpub, "t1");
        say(text("%s a gets", name), rx(a));
        ask(b, 1, "t");
        say(text("%s b asks", name), rx(xpub));
        tx(xpub, "t2");
        say(text("%s not granted, b", name), rx_quiet(b));
        say(text("%s not granted, a", name), rx_now(a));
        tx(xpub, "t3");
        say(text("%s next, a", name), rx(a));
        ask(b, 1, "u");
        say(text("%s b asks again", name), rx(xpub));
        set_bytes(xpub, ZMQ_SUBSCRIBE, "t", 1);
        shut(b);
        say(text("%s b leaves", name), rx(xpub));
        say(text("%s and", name), rx(xpub));
        tx(xpub, "t4");
        say(text("%s gone, a", name), rx(a));
        set_int(xpub, MANUAL_LAST_VALUE, 0);
        say(text("%s off", name), rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "t", 1)));
    }
}

/* Which frames of a message from upstream are taken as subscriptions. */
static void only_first_subscribe(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int sides = 0; sides < 4; sides++) {
            static const char *const who[] = {"nobody", "XPUB", "XSUB", "both"};
            const char *name = text("%s %s", transport_names[t], who[sides]);
            void *ctx = context();
            void *xpub = sock(ctx, ZMQ_XPUB);
            void *xsub = sock(ctx, ZMQ_XSUB);
            set_int(xpub, ONLY_FIRST_SUBSCRIBE, sides & 1);
            set_int(xsub, ONLY_FIRST_SUBSCRIBE, sides >> 1);
            attach(xpub, xsub, t);
            tx(xsub, "user|\001B|user");
            say(text("%s user frame first", name), delivered(xpub, xsub));
            tx(xsub, "\001C|\001D|user");
            say(text("%s subscription first", name), delivered(xpub, xsub));
            tx(xsub, "\001E");
            say(text("%s subscription alone", name), delivered(xpub, xsub));
            for (const char *topic = "BCDE"; *topic; topic++)
                tx(xpub, text("%c", *topic));
            tx(xpub, "E end");
            char got[64] = "";
            const char *message;
            while (strcmp(message = rx(xsub), "[E\\x20end]") != 0 && message[0] == '[')
                strcat(got, message);
            say(text("%s in force", name), got);
        }
    }
}

/* Also right after peers left, and with topics that several ask for. */
static void topics_count(void)
{
    void *probe = sock(context(), ZMQ_SUB);
    say("option", show_int(probe, TOPICS_COUNT));
    if (strcmp(show_int(probe, TOPICS_COUNT), "0") != 0)
        return;
    static const int types[] = {ZMQ_PUB, ZMQ_XPUB};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            begin_line(text("%s %s", transport_names[t], type_name(types[k])));
            void *ctx = context();
            void *pub = sock(ctx, types[k]);
            void *sub = sock(ctx, ZMQ_SUB);
            void *xsub = sock(ctx, ZMQ_XSUB);
            subscribe(sub, "a");
            subscribe(sub, "ab");
            subscribe(sub, "a");
            in_line("SUB", show_int(sub, TOPICS_COUNT));
            const char *endpoint = bind_any(pub, t);
            attach_to(pub, sub, endpoint);
            attach_to(pub, xsub, endpoint);
            ask(xsub, 1, "ab");
            ask(xsub, 1, "c");
            sync_subscriptions(pub, sub);
            sync_subscriptions(pub, xsub);
            /* Two of them are for synchronisation. */
            in_line("publisher", show_int(pub, TOPICS_COUNT));
            in_line("XSUB", show_int(xsub, TOPICS_COUNT));
            set_bytes(sub, ZMQ_UNSUBSCRIBE, "a", 1);
            in_line("SUB, one of two", show_int(sub, TOPICS_COUNT));
            set_bytes(sub, ZMQ_UNSUBSCRIBE, "a", 1);
            in_line("SUB, both", show_int(sub, TOPICS_COUNT));
            sync_subscriptions(pub, sub);
            in_line("publisher then", show_int(pub, TOPICS_COUNT));
            shut(sub);
            for (long end = now_ms() + PATIENCE; get_int(pub, TOPICS_COUNT) > 3 && now_ms() < end;)
                get_int(pub, ZMQ_EVENTS);
            in_line("a peer left", show_int(pub, TOPICS_COUNT));
            shut(xsub);
            for (long end = now_ms() + PATIENCE; get_int(pub, TOPICS_COUNT) > 0 && now_ms() < end;)
                get_int(pub, ZMQ_EVENTS);
            in_line("both left", show_int(pub, TOPICS_COUNT));
            end_line();
        }
    }
    void *ctx = context();
    for (int k = 0; k < 11; k++) {
        void *s = sock(ctx, classic_types[k]);
        begin_line(type_name(classic_types[k]));
        in_line("reads", show_int(s, TOPICS_COUNT));
        in_line("set", try_set_int(s, TOPICS_COUNT, 1));
        end_line();
    }
}

static void verbose_unsubscribe(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        void *xsub = sock(ctx, ZMQ_XSUB);
        set_int(xpub, ZMQ_XPUB_VERBOSER, 1);
        const char *set = try_set_int(xsub, XSUB_VERBOSE_UNSUBSCRIBE, 1);
        say(text("%s option", name), set);
        if (strcmp(set, "0") != 0)
            return;
        attach(xpub, xsub, t);
        ask(xsub, 1, "a");
        ask(xsub, 1, "a");
        ask(xsub, 0, "a");
        ask(xsub, 0, "a");
        ask(xsub, 0, "a");
        ask(xsub, 0, "never");
        say(text("%s all of them", name), delivered(xpub, xsub));
        set_int(xsub, XSUB_VERBOSE_UNSUBSCRIBE, 0);
        ask(xsub, 1, "a");
        ask(xsub, 1, "a");
        ask(xsub, 0, "a");
        ask(xsub, 0, "never");
        say(text("%s off", name), delivered(xpub, xsub));
    }
}

static void no_drop(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB);
    void *slow = sock(ctx, ZMQ_SUB);
    void *fast = sock(ctx, ZMQ_SUB);
    set_int(xpub, ZMQ_XPUB_NODROP, 1);
    set_int(xpub, ZMQ_SNDHWM, 1);
    set_int(slow, ZMQ_RCVHWM, 1);
    set_int(fast, ZMQ_RCVHWM, 100);
    const char *endpoint = bind_any(xpub, INPROC);
    subscribe(slow, "s");
    subscribe(fast, "");
    attach_to(xpub, slow, endpoint);
    attach_to(xpub, fast, endpoint);
    rx(xpub);
    rx(xpub);
    for (int i = 0; i < 4; i++)
        say(text("send %d", i), tx_now(xpub, text("s%d|part", i)));
    say("events", events(xpub));
    say("not matching the full one", tx_now(xpub, "other"));
    for (int i = 0; i < 4; i++)
        say(text("fast %d", i), rx_now(fast));
    say("slow 0", rx_now(slow));
    say("slow 1", rx_now(slow));
    get_int(xpub, ZMQ_EVENTS);
    say("again", tx_now(xpub, "s5"));
    say("slow", rx(slow));
    say("fast", rx(fast));
    set_int(xpub, ZMQ_SNDTIMEO, 20);
    tx(xpub, "s6");
    tx(xpub, "s7");
    say("blocking times out", tx(xpub, "s8"));
    set_int(xpub, ZMQ_XPUB_NODROP, 0);
    say("dropped when turned off", tx(xpub, "s9"));
}

static void directions(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB);
    void *xsub = sock(ctx, ZMQ_XSUB);
    say("XPUB events", events(xpub));
    say("XSUB events", events(xsub));
    attach(xpub, xsub, TCP);
    say("XPUB attached", events(xpub));
    say("XSUB attached", events(xsub));
    ask(xsub, 1, "t");
    say("input", await(xpub, ZMQ_POLLIN));
    say("XPUB events then", events(xpub));
    say("SUBSCRIBE on XPUB", rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "t", 1)));
    say("SUBSCRIBE on XSUB", rc(zmq_setsockopt(xsub, ZMQ_SUBSCRIBE, "t", 1)));
}

/* A subscription message has no properties of the message it came in but the connection's. */
static void subscription_frame(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *xpub = sock(ctx, ZMQ_XPUB);
        void *sub = sock(ctx, ZMQ_SUB);
        subscribe(sub, "topic");
        attach(xpub, sub, t);
        zmq_msg_t m;
        zmq_msg_init(&m);
        say(text("%s size", transport_names[t]), rc(zmq_msg_recv(&m, xpub, 0)));
        line(text("%s more", transport_names[t]), "%d", zmq_msg_more(&m));
        const char *type = zmq_msg_gets(&m, "Socket-Type");
        say(text("%s from", transport_names[t]), type ? type : "NULL");
        zmq_msg_close(&m);
    }
}

/* Subscriptions and messages through a chain of XSUB and XPUB. */
static void chain(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_XPUB);
        void *xsub = sock(ctx, ZMQ_XSUB);
        void *xpub = sock(ctx, ZMQ_XPUB);
        void *sub = sock(ctx, ZMQ_SUB);
        attach(pub, xsub, t);
        attach(xpub, sub, t);
        subscribe(sub, "a");
        zmq_msg_t m;
        zmq_msg_init(&m);
        zmq_msg_recv(&m, xpub, 0);
        say(text("%s upstream", transport_names[t]), rc(zmq_msg_send(&m, xsub, 0)));
        say(text("%s arrives", transport_names[t]), rx(pub));
        tx(pub, "b");
        tx(pub, "abc|rest");
        zmq_msg_init(&m);
        zmq_msg_recv(&m, xsub, 0);
        zmq_msg_send(&m, xpub, ZMQ_SNDMORE);
        zmq_msg_init(&m);
        zmq_msg_recv(&m, xsub, 0);
        zmq_msg_send(&m, xpub, 0);
        say(text("%s downstream", transport_names[t]), rx(sub));
    }
}

static const struct rule rules[] = {
    RULE(modes_inproc), RULE(modes_tcp), RULE(modes_ipc), RULE(leaving_order), RULE(to_new_peers),
    RULE(forwarding), RULE(upstream), RULE(no_filter), RULE(full_upstream), RULE(manual),
    RULE(manual_last_value), RULE(last_value_without_receiver), RULE(only_first_subscribe),
    RULE(topics_count), RULE(verbose_unsubscribe), RULE(no_drop), RULE(directions), RULE(subscription_frame), RULE(chain),
};

RUN(rules)
