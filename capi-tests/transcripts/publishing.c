/* PUB and XPUB: welcome messages, ZMQ_XPUB_NODROP, publishers that connect, peers that leave. patterns.md 8.3 and 8.5. */
#include "transcript.h"

#include <pthread.h>

static const int publishers[] = {ZMQ_PUB, ZMQ_XPUB};

static const char *all_quiet(void *socket)
{
    char all[600] = "";
    for (const char *got = rx_quiet(socket); got[0] == '['; got = rx_quiet(socket))
        strncat(all, got, sizeof all - strlen(all) - 1);
    return text("%s", all[0] ? all : "nothing");
}

static const char *all_now(void *socket)
{
    char all[600] = "";
    for (const char *got = rx_now(socket); got[0] == '['; got = rx_now(socket))
        strncat(all, got, sizeof all - strlen(all) - 1);
    return text("%s", all[0] ? all : "nothing");
}

/* Sizes and values of the options of publishers, on both. */
static void options(void)
{
    static const struct {
        int number;
        const char *name;
    } rows[] = {{ZMQ_XPUB_VERBOSE, "VERBOSE"}, {ZMQ_XPUB_VERBOSER, "VERBOSER"}, {ZMQ_XPUB_NODROP, "NODROP"},
                {ZMQ_XPUB_MANUAL, "MANUAL"}, {98, "MANUAL_LAST_VALUE"}};
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            void *pub = sock(context(), publishers[k]);
            char value[8] = {1};
            begin_line(text("%s %s", type_name(publishers[k]), rows[i].name));
            for (size_t size = 0; size < 9; size++)
                in_line(text("%zu", size), rc(zmq_setsockopt(pub, rows[i].number, value, size)));
            static const int values[] = {0, 1, 2, 0x7fffffff, -1, -0x7fffffff - 1};
            for (int v = 0; v < 6; v++)
                in_line(text("%d", values[v]), try_set_int(pub, rows[i].number, values[v]));
            in_line("read", show_int(pub, rows[i].number));
            end_line();
        }
        void *pub = sock(context(), publishers[k]);
        char buffer[8];
        size_t size = sizeof buffer;
        begin_line(text("%s WELCOME_MSG", type_name(publishers[k])));
        in_line("set", rc(zmq_setsockopt(pub, ZMQ_XPUB_WELCOME_MSG, "w\0w", 3)));
        in_line("cleared", rc(zmq_setsockopt(pub, ZMQ_XPUB_WELCOME_MSG, "", 0)));
        in_line("cleared by NULL", rc(zmq_setsockopt(pub, ZMQ_XPUB_WELCOME_MSG, NULL, 0)));
        in_line("read", rc(zmq_getsockopt(pub, ZMQ_XPUB_WELCOME_MSG, buffer, &size)));
        end_line();
    }
}

/* Each peer that comes gets what is set then, before anything else. */
static void welcome(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            void *ctx = context();
            void *pub = sock(ctx, publishers[k]);
            const char *endpoint = bind_any(pub, t);
            begin_line(text("%s %s", transport_names[t], type_name(publishers[k])));
            static const struct {
                const char *bytes;
                size_t size;
            } steps[] = {{"one\0bin", 7}, {"two", 3}, {"", 0}, {"three", 5}};
            for (int i = 0; i < 4; i++) {
                void *xsub = sock(ctx, ZMQ_XSUB);
                tx(xsub, "\001t");
                set_bytes(pub, ZMQ_XPUB_WELCOME_MSG, steps[i].bytes, steps[i].size);
                attach_to(pub, xsub, endpoint);
                /* "t" may take effect a little later. */
                zmq_pollitem_t item = {xsub, 0, ZMQ_POLLIN, 0};
                const char *got = "nothing";
                long end = now_ms() + PATIENCE;
                do {
                    got = rx_now(xsub);
                    if (got[0] == '[')
                        break;
                    tx(pub, "t");
                    get_int(pub, ZMQ_EVENTS);
                    zmq_poll(&item, 1, 5);
                } while (now_ms() < end);
                in_line("first", got);
                shut(xsub);
            }
            end_line();
        }
    }
}

/* A welcome message does not wait for room, and takes it. */
static void welcome_and_marks(void)
{
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_XPUB), *sub = sock(ctx, ZMQ_SUB);
    set_bytes(pub, ZMQ_XPUB_WELCOME_MSG, "welcome", 7);
    set_int(pub, ZMQ_SNDHWM, 1);
    set_int(sub, ZMQ_RCVHWM, 1);
    subscribe(sub, "");
    /* The subscriber does not look for input, which would take some. */
    connect_to(sub, bind_any(pub, INPROC));
    get_int(pub, ZMQ_EVENTS);
    for (int i = 0; i < 3; i++)
        tx(pub, text("%d", i));
    say("gets", all_now(sub));
}

/* A publisher that connects says it again to whoever comes. */
static void welcome_when_connecting(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB), *xsub = sock(ctx, ZMQ_XSUB);
        set_bytes(pub, ZMQ_XPUB_WELCOME_MSG, "welcome", 7);
        set_int(pub, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = t == TCP ? bind_any(xsub, TCP) : "ipc://welcome";
        if (t == IPC)
            zmq_bind(xsub, endpoint);
        begin_line(transport_names[t]);
        attach_to(xsub, pub, endpoint);
        in_line("first", rx(xsub));
        void *monitor = watch(pub, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        shut(xsub);
        await_event(monitor, ZMQ_EVENT_DISCONNECTED);
        settle(ctx);
        xsub = sock(ctx, ZMQ_XSUB);
        bind_again(xsub, endpoint);
        await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        settle(ctx);
        get_int(xsub, ZMQ_EVENTS);
        in_line("the next peer", all_quiet(xsub));
        end_line();
    }
}

/* A connecting publisher keeps its pipe over a loss, and the topics of the peer that was there. */
static void connecting_publisher(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int immediate = 0; immediate < 2; immediate++) {
            void *ctx = context();
            void *xpub = sock(ctx, ZMQ_XPUB), *xsub = sock(ctx, ZMQ_XSUB);
            set_int(xpub, ZMQ_IMMEDIATE, immediate);
            set_int(xpub, ZMQ_RECONNECT_IVL, 10);
            const char *endpoint = t == TCP ? bind_any(xsub, TCP) : text("ipc://back-%d", immediate);
            char copy[100];
            strcpy(copy, endpoint);
            if (t == IPC)
                zmq_bind(xsub, copy);
            tx(xsub, "\001old");
            tx(xsub, "\001both");
            begin_line(text("%s, IMMEDIATE %d", transport_names[t], immediate));
            attach_to(xsub, xpub, copy);
            in_line("asks", rx(xpub));
            in_line("asks", rx(xpub));
            void *monitor = watch(xpub, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            shut(xsub);
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
            settle(ctx);
            in_line("loss", all_quiet(xpub));
            in_line("send", tx(xpub, "both in the gap"));
            xsub = sock(ctx, ZMQ_XSUB);
            tx(xsub, "\001both");
            tx(xsub, "\001new");
            bind_again(xsub, copy);
            await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            settle(ctx);
            get_int(xsub, ZMQ_EVENTS);
            char heard[100] = "";
            for (const char *got = rx(xpub); got[0] == '['; got = rx_quiet(xpub))
                strcat(heard, got);
            in_line("heard", immediate ? (strlen(heard) > 14 ? "both" : heard) : heard);
            for (int i = 0; i < 3; i++)
                tx(xpub, text("%s now", i == 0 ? "old" : i == 1 ? "both" : "new"));
            in_line("gets", all_quiet(xsub));
            end_line();
        }
    }
}

/* What a publisher sends after a subscriber went is for nobody, also not for the next one. */
static void departed(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB), *sub = sock(ctx, ZMQ_SUB);
        const char *endpoint = bind_any(pub, t);
        subscribe(sub, "");
        attach_to(pub, sub, endpoint);
        sync_subscriptions(pub, sub);
        void *monitor = watch(pub, ZMQ_EVENT_DISCONNECTED);
        shut(sub);
        if (t != INPROC)
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
        unwatch(pub, monitor);
        tx(pub, "in between");
        sub = sock(ctx, ZMQ_SUB);
        subscribe(sub, "");
        attach_to(pub, sub, endpoint);
        sync_subscriptions(pub, sub);
        tx(pub, "now");
        say(transport_names[t], all_quiet(sub));
    }
}

/* A topic is told before its extensions, then bytes decide, over every transport. */
static void leaving_order(void)
{
    static const char *const topics[] = {"b", "abc", "a", "", "abd", "ab", "c\xff", "B", "c\x01"};
    for (int t = INPROC; t <= IPC; t++) {
        for (int verboser = 0; verboser < 2; verboser++) {
            void *ctx = context();
            void *xpub = sock(ctx, ZMQ_XPUB), *one = sock(ctx, ZMQ_XSUB), *other = sock(ctx, ZMQ_SUB);
            set_int(xpub, ZMQ_XPUB_VERBOSER, verboser);
            const char *endpoint = bind_any(xpub, t);
            attach_to(xpub, one, endpoint);
            attach_to(xpub, other, endpoint);
            for (int i = 0; i < 9; i++)
                tx(one, text("\001%s", topics[i]));
            for (int i = 0; i < 9; i++)
                rx(xpub);
            subscribe(other, "ab");
            subscribe(other, "mark");
            skip_to(xpub, "\\x01mark");
            shut(one);
            await(xpub, ZMQ_POLLIN);
            say(text("%s %s", transport_names[t], verboser ? "verboser" : "default"), all_now(xpub));
        }
    }
}

static void *read_later(void *sub)
{
    zmq_poll(NULL, 0, 20);
    for (int i = 0; i < 2; i++)
        rx(sub);
    return NULL;
}

/* ZMQ_XPUB_NODROP: nobody gets what one that wants it has no room for. */
static void no_drop(void)
{
    for (int k = 0; k < 2; k++) {
        void *ctx = context();
        void *pub = sock(ctx, publishers[k]), *slow = sock(ctx, ZMQ_SUB), *fast = sock(ctx, ZMQ_SUB);
        const char *name = type_name(publishers[k]);
        set_int(pub, ZMQ_XPUB_NODROP, 1);
        set_int(pub, ZMQ_SNDHWM, 1);
        set_int(slow, ZMQ_RCVHWM, 1);
        subscribe(slow, "s");
        subscribe(fast, "");
        const char *endpoint = bind_any(pub, INPROC);
        attach_to(pub, slow, endpoint);
        attach_to(pub, fast, endpoint);
        say(text("%s begun", name), tx_frame(pub, "s1", ZMQ_SNDMORE));
        say(text("%s rest", name), tx_now(pub, "rest"));
        say(text("%s second", name), tx_now(pub, "s2|rest"));
        say(text("%s third", name), tx_now(pub, "s3|rest"));
        say(text("%s other topic", name), tx_now(pub, "x|rest"));
        say(text("%s events", name), events(pub));
        say(text("%s fast", name), all_now(fast));
        set_int(pub, ZMQ_SNDTIMEO, PATIENCE);
        pthread_t thread;
        pthread_create(&thread, NULL, read_later, slow);
        say(text("%s blocking", name), tx(pub, "s4"));
        pthread_join(thread, NULL);
        say(text("%s slow", name), rx(slow));
        /* The slow one wants everything else then. */
        set_int(pub, ZMQ_INVERT_MATCHING, 1);
        for (int i = 0; i < 3; i++)
            say(text("%s inverted %d", name, i), tx_now(pub, "x"));
        say(text("%s inverted, for nobody", name), tx_now(pub, "s"));
        set_int(pub, ZMQ_INVERT_MATCHING, 0);
        shut(slow);
        for (long end = now_ms() + PATIENCE; tx_now(pub, "s5")[0] == 'E' && now_ms() < end;)
            get_int(pub, ZMQ_EVENTS);
        say(text("%s the full one left", name), tx_now(pub, "s6"));
    }
}

/* Over a connection a full subscriber holds up the publisher, and nothing is lost. */
static void no_drop_over_connections(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_XPUB), *sub = sock(ctx, ZMQ_SUB);
        set_int(pub, ZMQ_XPUB_NODROP, 1);
        set_int(pub, ZMQ_SNDHWM, 2);
        set_int(sub, ZMQ_RCVHWM, 2);
        subscribe(sub, "");
        attach(pub, sub, t);
        rx(pub);
        set_int(pub, ZMQ_SNDTIMEO, 200);
        char *body = calloc(1, 100000);
        int sent = 0, got = 0;
        while (sent < 1000 && zmq_send(pub, body, 100000, 0) == 100000)
            sent++;
        begin_line(transport_names[t]);
        in_line("stops", sent < 1000 ? "yes" : "no");
        while (got < sent && zmq_recv(sub, body, 100000, 0) == 100000)
            got++;
        in_line("all arrive", got == sent ? "yes" : "no");
        in_line("then", rx_quiet(sub));
        set_int(pub, ZMQ_SNDTIMEO, PATIENCE);
        in_line("goes on", tx(pub, "more"));
        in_line("arrives", rx(sub));
        end_line();
        free(body);
    }
}

/* Whatever type it is joined to, an XPUB or XSUB takes frames for what their first byte says. */
static void frames_of_other_types(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB), *dealer = sock(ctx, ZMQ_DEALER);
    attach(xpub, dealer, INPROC);
    static const char *const sent[] = {"\001a", "\001a", "user", "\002a", "x|\001b|y", "\001c|x"};
    for (int i = 0; i < 6; i++)
        tx(dealer, sent[i]);
    say("delivered", all_now(xpub));
    zmq_send(dealer, "\0never", 6, 0);
    zmq_send(dealer, "\0a", 2, 0);
    zmq_send(dealer, "\0a", 2, 0);
    zmq_send(dealer, "\0", 1, 0);
    say("unsubscribed", all_now(xpub));
    for (const char *topic = "abcxy"; *topic; topic++)
        tx(xpub, text("%c", *topic));
    say("in force", all_now(dealer));
}

static const struct rule rules[] = {
    RULE(options), RULE(welcome), RULE(welcome_and_marks), RULE(welcome_when_connecting), RULE(connecting_publisher),
    RULE(departed), RULE(leaving_order), RULE(no_drop), RULE(no_drop_over_connections), RULE(frames_of_other_types),
};

RUN(rules)
