/* DEALER and ROUTER. patterns.md sections 5, 6, 16 and 18. */
#include "transcript.h"

static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    return socket;
}

/* The id of a message, kept; the rest of the message as text. */
static const char *rx_from(void *router, char *id, int *size)
{
    *size = zmq_recv(router, id, 256, 0);
    return *size < 0 ? error_name(zmq_errno()) : rx(router);
}

static void exchange(void)
{
    static const int types[] = {ZMQ_DEALER, ZMQ_REQ, ZMQ_ROUTER};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            void *ctx = context();
            const char *name = text("%s %s", transport_names[t], type_name(types[k]));
            void *router = sock(ctx, ZMQ_ROUTER);
            void *peer = named(ctx, types[k], "peer");
            attach(router, peer, t);
            tx(peer, "a||c");
            say(text("%s to ROUTER", name), rx(router));
            say(text("%s empty frames", name), tx(router, "peer||x||"));
            say(text("%s back", name), rx(peer));
        }
        void *ctx = context();
        const char *name = transport_names[t];
        void *one = named(ctx, ZMQ_ROUTER, "one");
        void *two = named(ctx, ZMQ_ROUTER, "two");
        set_int(one, ZMQ_ROUTER_MANDATORY, 1);
        attach(one, two, t);
        say(text("%s ROUTER to ROUTER", name), tx(one, "two|hello"));
        say(text("%s arrives", name), rx(two));
        say(text("%s back", name), tx(two, "one|hello|back"));
        say(text("%s arrives back", name), rx(one));
        void *a = sock(ctx, ZMQ_DEALER);
        void *b = sock(ctx, ZMQ_DEALER);
        attach(a, b, t);
        tx(a, "plain|");
        say(text("%s DEALER to DEALER", name), rx(b));
    }
}

static void generated_ids(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_any(router, t);
        char id[2][256];
        int size[2];
        void *dealer[2];
        for (int i = 0; i < 2; i++) {
            dealer[i] = sock(ctx, ZMQ_DEALER);
            attach_to(router, dealer[i], endpoint);
            tx(dealer[i], text("from %d", i));
            say(text("%s body %d", name, i), rx_from(router, id[i], &size[i]));
            line(text("%s id size %d", name, i), "%d, first byte %d", size[i], id[i][0]);
        }
        uint32_t number[2];
        for (int i = 0; i < 2; i++) {
            const unsigned char *b = (const unsigned char *) id[i] + 1;
            number[i] = (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
        }
        line(text("%s step", name), "%u", number[1] - number[0]);
        for (int i = 0; i < 2; i++) {
            tx_bytes(router, id[i], (size_t) size[i], ZMQ_SNDMORE);
            tx(router, text("to %d", i));
            say(text("%s reply %d", name, i), rx(dealer[i]));
        }
    }
}

static void id_option(void)
{
    static const size_t sizes[] = {0, 1, 2, 255, 256, 300};
    char bytes[300];
    memset(bytes, 'i', sizeof bytes);
    void *ctx = context();
    for (int k = 0; k < 12; k++) {
        if (classic_types[k] == ZMQ_STREAM)
            continue;
        void *s = sock(ctx, classic_types[k]);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char out[256];
            size_t size = sizeof out;
            int set = zmq_setsockopt(s, ZMQ_ROUTING_ID, bytes, sizes[i]);
            const char *result = rc(set);
            int get = zmq_getsockopt(s, ZMQ_ROUTING_ID, out, &size);
            line(text("%s %zu", type_name(classic_types[k]), sizes[i]), "%s, reads %s/%zu", result,
                 rc(get), size);
        }
    }
    void *odd = sock(ctx, ZMQ_DEALER);
    say("leading zero", rc(zmq_setsockopt(odd, ZMQ_ROUTING_ID, "\0abc", 4)));
    void *router = sock(ctx, ZMQ_ROUTER);
    attach(router, odd, TCP);
    tx(odd, "x");
    say("leading zero arrives", rx(router));
    void *longest = sock(ctx, ZMQ_DEALER);
    void *other = sock(ctx, ZMQ_ROUTER);
    set_bytes(longest, ZMQ_ROUTING_ID, bytes, 255);
    attach(other, longest, IPC);
    tx(longest, "x");
    say("255 bytes arrive", rx(other));
}

static void malformed_sends(void)
{
    for (int mandatory = 0; mandatory < 2; mandatory++) {
        void *ctx = context();
        const char *name = mandatory ? "mandatory" : "default";
        void *router = sock(ctx, ZMQ_ROUTER);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        say(text("%s fresh events", name), events(router));
        set_int(router, ZMQ_ROUTER_MANDATORY, mandatory);
        say(text("%s events", name), events(router));
        say(text("%s nobody", name), tx(router, "d|x"));
        attach(router, dealer, INPROC);
        say(text("%s events with peer", name), events(router));
        say(text("%s id only", name), tx(router, "d"));
        say(text("%s unknown id only", name), tx(router, "u"));
        say(text("%s empty frame only", name), tx(router, ""));
        say(text("%s unknown id frame", name), tx_frame(router, "u", ZMQ_SNDMORE));
        if (!mandatory) {
            say(text("%s unknown body", name), tx_frame(router, "b", ZMQ_SNDMORE));
            say(text("%s unknown end", name), tx_frame(router, "e", 0));
        }
        say(text("%s known", name), tx(router, "d|b|e"));
        say(text("%s arrives", name), rx(dealer));
        say(text("%s then", name), rx_now(dealer));
    }
}

static void mandatory_full(void)
{
    for (int mandatory = 0; mandatory < 2; mandatory++) {
        void *ctx = context();
        const char *name = mandatory ? "mandatory" : "default";
        void *router = sock(ctx, ZMQ_ROUTER);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        set_int(router, ZMQ_ROUTER_MANDATORY, mandatory);
        set_int(router, ZMQ_SNDHWM, 1);
        set_int(dealer, ZMQ_RCVHWM, 1);
        set_int(router, ZMQ_SNDTIMEO, 20);
        attach(router, dealer, INPROC);
        for (int i = 0; i < 3; i++)
            say(text("%s %d", name, i), tx_now(router, text("d|%d|part", i)));
        say(text("%s events", name), events(router));
        say(text("%s blocking", name), tx(router, "d|late"));
        say(text("%s read", name), rx(dealer));
        say(text("%s after a read", name), await(router, ZMQ_POLLOUT));
        say(text("%s again", name), tx(router, "d|again"));
        say(text("%s read 2", name), rx(dealer));
        say(text("%s read 3", name), rx(dealer));
        say(text("%s read 4", name), rx_now(dealer));
    }
}

static void mandatory_gone(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        set_int(router, ZMQ_ROUTER_MANDATORY, 1);
        attach(router, dealer, t);
        tx(dealer, "x");
        say(text("%s there", name), rx(router));
        say(text("%s known", name), tx(router, "d|x"));
        shut(dealer);
        say(text("%s no room", name), await_not(router, ZMQ_POLLOUT));
        say(text("%s gone", name), tx(router, "d|x"));
    }
}

/* The destination goes between two frames. */
static void gone_in_the_middle(void)
{
    for (int t = INPROC; t <= TCP; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        void *other = named(ctx, ZMQ_DEALER, "other");
        const char *endpoint = attach(router, dealer, t);
        attach_to(router, other, endpoint);
        void *monitor = t == INPROC ? NULL : watch(router, ZMQ_EVENT_DISCONNECTED);
        tx(dealer, "x");
        rx(router);
        tx(other, "x");
        rx(router);
        say(text("%s id", name), tx_frame(router, "d", ZMQ_SNDMORE));
        say(text("%s first", name), tx_frame(router, "1", ZMQ_SNDMORE));
        shut(dealer);
        if (monitor) {
            say(text("%s gone", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            settle(ctx);
        }
        get_int(router, ZMQ_EVENTS);
        say(text("%s second", name), tx_frame(router, "2", ZMQ_SNDMORE));
        say(text("%s third", name), tx_frame(router, "3", 0));
        say(text("%s next", name), tx(router, "other|whole|message"));
        say(text("%s arrives", name), rx(other));
    }
}

static void duplicate_id(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        void *first = named(ctx, ZMQ_DEALER, "same");
        void *second = named(ctx, ZMQ_DEALER, "same");
        const char *endpoint = attach(router, first, t);
        tx(first, "first");
        say(text("%s first", name), rx(router));
        attach_to(router, second, endpoint);
        say(text("%s second sends", name), tx(second, "second"));
        say(text("%s nothing", name), rx_quiet(router));
        tx(router, "same|to whom");
        say(text("%s first gets", name), rx(first));
        say(text("%s second gets", name), rx_now(second));
        shut(first);
        set_int(router, ZMQ_ROUTER_MANDATORY, 1);
        say(text("%s first is gone", name), await_not(router, ZMQ_POLLOUT));
        tx(second, "later");
        say(text("%s not promoted", name), rx_quiet(router));
        say(text("%s send", name), tx(router, "same|x"));
    }
}

static void handover(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        set_int(router, ZMQ_ROUTER_HANDOVER, 1);
        void *first = named(ctx, ZMQ_DEALER, "same");
        void *second = named(ctx, ZMQ_DEALER, "same");
        const char *endpoint = attach(router, first, t);
        tx(first, "first");
        say(text("%s first", name), rx(router));
        attach_to(router, second, endpoint);
        tx(second, "second");
        say(text("%s second", name), rx(router));
        tx(router, "same|to whom");
        say(text("%s second gets", name), rx(second));
        say(text("%s first gets", name), rx_now(first));
        say(text("%s first is refused", name), t == INPROC ? await_not(first, ZMQ_POLLOUT) : "-");
    }
}

/* One message of a router, with a word for its id: the given name, or "generated". */
static const char *rx_whose(void *router, const char *name)
{
    char id[256];
    int size = zmq_recv(router, id, sizeof id, ZMQ_DONTWAIT);
    if (size < 0)
        return error_name(zmq_errno());
    int is_name = size == (int)strlen(name) && memcmp(id, name, size) == 0;
    int is_generated = size == 5 && id[0] == 0;
    const char *whose = is_name ? name : is_generated ? "generated" : shown(id, size);
    return text("%s: %s", whose, rx(router));
}

/* What the old owner of an id had sent before another peer took the id. */
static void handover_unread(void)
{
    static const char *const moments[] = {"unread", "polled", "id read", "frame read"};
    for (int t = INPROC; t <= IPC; t++) {
        for (int moment = 0; moment < 4; moment++) {
            void *ctx = context();
            const char *name = text("%s %s", transport_names[t], moments[moment]);
            void *router = sock(ctx, ZMQ_ROUTER);
            set_int(router, ZMQ_ROUTER_HANDOVER, 1);
            void *first = named(ctx, ZMQ_DEALER, "same");
            void *second = named(ctx, ZMQ_DEALER, "same");
            /* Does not come back to take the id again. */
            set_int(first, ZMQ_RECONNECT_IVL, -1);
            const char *endpoint = attach(router, first, t);
            tx(first, "1|a");
            tx(first, "2|b");
            tx(first, "3|c");
            settle(ctx);
            settle(ctx);
            if (moment == 1)
                say(text("%s events", name), await(router, ZMQ_POLLIN));
            if (moment >= 2)
                say(text("%s id", name), rx_frame(router, 0));
            if (moment >= 3)
                say(text("%s frame", name), rx_frame(router, 0));
            attach_to(router, second, endpoint);
            tx(second, "new");
            settle(ctx);
            settle(ctx);
            get_int(router, ZMQ_EVENTS);
            if (moment >= 2)
                say(text("%s rest", name), rx(router));
            /* The order between the peers is left open. */
            char got[8][64];
            int count = 0;
            for (long end = now_ms() + QUIET; count < 8 && now_ms() < end;) {
                const char *message = rx_whose(router, "same");
                if (strcmp(message, "EAGAIN") == 0)
                    continue;
                snprintf(got[count++], sizeof got[0], "%s", message);
            }
            qsort(got, count, sizeof got[0], (int (*)(const void *, const void *))strcmp);
            char all[512] = "";
            for (int i = 0; i < count; i++)
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", got[i]);
            say(text("%s unread", name), all);
            tx(router, "same|to whom");
            say(text("%s second gets", name), rx(second));
        }
    }
}

/* A peer whose connection went comes back before its earlier messages were read. */
static void peer_back(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int handover = 0; handover < 2; handover++) {
            void *ctx = context();
            const char *name = text("%s%s", transport_names[t], handover ? " HANDOVER" : "");
            void *router = sock(ctx, ZMQ_ROUTER);
            set_int(router, ZMQ_ROUTER_HANDOVER, handover);
            const char *endpoint = bind_any(router, t);
            for (int i = 0; i < 3; i++) {
                void *dealer = named(ctx, ZMQ_DEALER, "same");
                attach_to(router, dealer, endpoint);
                tx(dealer, text("%d", i));
                void *monitor = t == INPROC ? NULL : watch(router, ZMQ_EVENT_DISCONNECTED);
                if (i < 2)
                    shut(dealer);
                if (i < 2 && monitor)
                    await_event(monitor, ZMQ_EVENT_DISCONNECTED);
                if (monitor)
                    unwatch(router, monitor);
                settle(ctx);
                get_int(router, ZMQ_EVENTS);
                if (i == 2) {
                    tx(router, "same|to whom");
                    say(text("%s gets", name), rx_quiet(dealer));
                }
            }
            for (int i = 0; i < 4; i++) {
                zmq_pollitem_t item = {router, 0, ZMQ_POLLIN, 0};
                zmq_poll(&item, 1, QUIET);
                say(text("%s %d", name, i), rx_whose(router, "same"));
            }
        }
    }
}

static void connect_routing_id(void)
{
    static const char *const endpoints[] = {"inproc://later", "tcp://127.0.0.1:9", "ipc://nobody"};
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *router = sock(ctx, ZMQ_ROUTER);
        set_int(router, ZMQ_ROUTER_MANDATORY, 1);
        set_bytes(router, ZMQ_CONNECT_ROUTING_ID, "chosen", 6);
        connect_to(router, endpoints[t]);
        say(text("%s before the connection", name), tx(router, "chosen|early"));
        void *peer = named(ctx, ZMQ_DEALER, "own");
        const char *endpoint = bind_any(peer, t);
        set_bytes(router, ZMQ_CONNECT_ROUTING_ID, "other", 5);
        connect_to(router, endpoint);
        say(text("%s send", name), tx(router, "other|hello"));
        say(text("%s arrives", name), rx(peer));
        tx(peer, "back");
        say(text("%s id of the peer", name), rx(router));
        say(text("%s own id", name), tx(router, "own|x"));
        void *third = named(ctx, ZMQ_DEALER, "third");
        attach(third, router, t);
        tx(third, "x");
        say(text("%s used once", name), rx(router));
    }
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    say("empty", rc(zmq_setsockopt(router, ZMQ_CONNECT_ROUTING_ID, "", 0)));
    say("NULL", rc(zmq_setsockopt(router, ZMQ_CONNECT_ROUTING_ID, NULL, 0)));
    char out[256];
    size_t size = sizeof out;
    say("read", rc(zmq_getsockopt(router, ZMQ_CONNECT_ROUTING_ID, out, &size)));
    void *dealer = sock(ctx, ZMQ_DEALER);
    say("DEALER", rc(zmq_setsockopt(dealer, ZMQ_CONNECT_ROUTING_ID, "a", 1)));
}

static void connect_routing_id_twice(void)
{
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    for (int i = 0; i < 2; i++) {
        set_bytes(router, ZMQ_CONNECT_ROUTING_ID, "same", 4);
        say(text("connect %d", i), rc(zmq_connect(router, text("tcp://127.0.0.1:%d", 9 + i))));
    }
}

static void probe(void)
{
    static const int types[] = {ZMQ_DEALER, ZMQ_REQ, ZMQ_ROUTER};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 3; k++) {
            void *ctx = context();
            const char *name = text("%s %s", transport_names[t], type_name(types[k]));
            void *router = sock(ctx, ZMQ_ROUTER);
            void *peer = named(ctx, types[k], "peer");
            set_int(peer, ZMQ_PROBE_ROUTER, 1);
            attach(router, peer, t);
            say(text("%s probe", name), rx(router));
            say(text("%s once", name), rx_now(router));
        }
        void *ctx = context();
        void *binder = named(ctx, ZMQ_DEALER, "binder");
        set_int(binder, ZMQ_PROBE_ROUTER, 1);
        void *router = sock(ctx, ZMQ_ROUTER);
        attach(binder, router, t);
        say(text("%s from the binder", transport_names[t]), rx(router));
    }
    void *ctx = context();
    for (int k = 0; k < 11; k++) {
        void *s = sock(ctx, classic_types[k]);
        say(type_name(classic_types[k]), try_set_int(s, ZMQ_PROBE_ROUTER, 1));
    }
}

/* After a reconnection the id stays, and the probe is not repeated. */
static void reconnection(void)
{
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    void *dealer = named(ctx, ZMQ_DEALER, "d");
    set_int(dealer, ZMQ_PROBE_ROUTER, 1);
    set_int(dealer, ZMQ_RECONNECT_IVL, 10);
    const char *endpoint = attach(router, dealer, TCP);
    say("probe", rx(router));
    void *monitor = watch(dealer, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    shut(router);
    say("lost", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    say("queued", tx(dealer, "queued"));
    void *again = sock(ctx, ZMQ_ROUTER);
    int bound = -1;
    for (long end = now_ms() + PATIENCE; bound != 0 && now_ms() < end;)
        bound = zmq_bind(again, endpoint);
    say("bind", rc(bound));
    say("back", await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    say("arrives", rx(again));
    tx(again, "d|reply");
    say("reply", rx(dealer));
}

static void dealer_rules(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *dealer = sock(ctx, ZMQ_DEALER);
        set_int(dealer, ZMQ_SNDTIMEO, 20);
        say(text("%s no peer", name), tx_now(dealer, "x"));
        say(text("%s no peer, more", name), tx_frame(dealer, "x", ZMQ_DONTWAIT | ZMQ_SNDMORE));
        say(text("%s no peer, blocking", name), tx(dealer, "x"));
        void *peer[3];
        for (int i = 0; i < 3; i++) {
            peer[i] = sock(ctx, ZMQ_DEALER);
            attach(peer[i], dealer, t);
        }
        for (int i = 0; i < 6; i++)
            tx(dealer, text("%d|part", i));
        for (int i = 0; i < 3; i++) {
            int count = 0;
            while (count < 2 && rx(peer[i])[0] == '[')
                count++;
            line(text("%s peer %d", name, i), "%d then %s", count, rx_now(peer[i]));
            for (int k = 0; k < 2; k++)
                tx(peer[i], text("%d", i));
        }
        settle(ctx);
        settle(ctx);
        get_int(dealer, ZMQ_EVENTS);
        for (int round = 0; round < 2; round++) {
            int seen[3] = {0, 0, 0};
            for (int i = 0; i < 3; i++) {
                const char *got = rx(dealer);
                if (got[1] >= '0' && got[1] <= '2')
                    seen[got[1] - '0']++;
            }
            line(text("%s round %d", name, round), "%d %d %d", seen[0], seen[1], seen[2]);
        }
    }
}

/* A message in the middle of which the sender is read is not mixed with others. */
static void multipart_from_many(void)
{
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    const char *endpoint = bind_any(router, INPROC);
    void *a = named(ctx, ZMQ_DEALER, "a");
    void *b = named(ctx, ZMQ_DEALER, "b");
    attach_to(router, a, endpoint);
    attach_to(router, b, endpoint);
    tx_frame(a, "a1", ZMQ_SNDMORE);
    say("incomplete", rx_now(router));
    tx(b, "b1|b2|b3");
    say("b id", rx_frame(router, 0));
    tx_frame(a, "a2", 0);
    say("b 1", rx_frame(router, 0));
    say("b 2", rx_frame(router, 0));
    say("b 3", rx_frame(router, 0));
    say("a", rx(router));
    say("then", rx_now(router));
}

static void options_of_router(void)
{
    static const int options[] = {ZMQ_ROUTER_MANDATORY, ZMQ_ROUTER_HANDOVER, ZMQ_PROBE_ROUTER};
    static const char *const names[] = {"MANDATORY", "HANDOVER", "PROBE"};
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    for (int i = 0; i < 3; i++) {
        say(text("%s -1", names[i]), try_set_int(router, options[i], -1));
        say(text("%s 2", names[i]), try_set_int(router, options[i], 2));
        say(text("%s read", names[i]), show_int(router, options[i]));
    }
}

static const struct rule rules[] = {
    RULE(exchange), RULE(generated_ids), RULE(id_option), RULE(malformed_sends),
    RULE(mandatory_full), RULE(mandatory_gone), RULE(gone_in_the_middle), RULE(duplicate_id),
    RULE(handover), RULE(handover_unread), RULE(peer_back),
    RULE(connect_routing_id), RULE(connect_routing_id_twice), RULE(probe),
    RULE(reconnection), RULE(dealer_rules), RULE(multipart_from_many), RULE(options_of_router),
};

RUN(rules)
