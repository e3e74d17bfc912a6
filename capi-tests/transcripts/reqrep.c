/* REQ and REP. patterns.md sections 3, 4 and 17. */
#include "transcript.h"

/* REQ and REP attached over a transport. */
struct pair {
    void *ctx, *req, *rep;
};

static struct pair joined(enum transport transport, int req_option)
{
    struct pair p;
    p.ctx = context();
    p.req = sock(p.ctx, ZMQ_REQ);
    p.rep = sock(p.ctx, ZMQ_REP);
    if (req_option)
        set_int(p.req, req_option, 1);
    attach(p.rep, p.req, transport);
    return p;
}

/* Every call at every point of the cycle. */
static void states(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct pair p = joined(t, 0);
        const char *name = transport_names[t];
#define BOTH(point) \
    do { \
        say(text("%s %s REQ events", name, point), events(p.req)); \
        say(text("%s %s REP events", name, point), events(p.rep)); \
    } while (0)
        BOTH("idle");
        say(text("%s idle REQ recv", name), rx_frame(p.req, ZMQ_DONTWAIT));
        say(text("%s idle REQ recv blocking", name), rx_frame(p.req, 0));
        say(text("%s idle REP send", name), tx_frame(p.rep, "x", 0));
        say(text("%s idle REP send more", name), tx_frame(p.rep, "x", ZMQ_SNDMORE));
        say(text("%s idle REP recv", name), rx_frame(p.rep, ZMQ_DONTWAIT));
        say(text("%s request 1", name), tx_frame(p.req, "q1", ZMQ_SNDMORE));
        say(text("%s mid-request REQ recv", name), rx_frame(p.req, ZMQ_DONTWAIT));
        say(text("%s mid-request REQ events", name), events(p.req));
        say(text("%s request 2", name), tx_frame(p.req, "q2", 0));
        say(text("%s asked REQ send", name), tx_frame(p.req, "x", 0));
        say(text("%s asked REQ send more", name), tx_frame(p.req, "x", ZMQ_SNDMORE));
        say(text("%s asked REQ recv", name), rx_frame(p.req, ZMQ_DONTWAIT));
        say(text("%s asked REP", name), await(p.rep, ZMQ_POLLIN));
        BOTH("asked");
        say(text("%s frame 1", name), rx_frame(p.rep, 0));
        say(text("%s mid-request REP send", name), tx_frame(p.rep, "x", 0));
        say(text("%s mid-request REP events", name), events(p.rep));
        say(text("%s frame 2", name), rx_frame(p.rep, 0));
        BOTH("owed");
        say(text("%s owed REP recv", name), rx_frame(p.rep, ZMQ_DONTWAIT));
        say(text("%s reply 1", name), tx_frame(p.rep, "a1", ZMQ_SNDMORE));
        say(text("%s mid-reply REP recv", name), rx_frame(p.rep, ZMQ_DONTWAIT));
        say(text("%s mid-reply REP events", name), events(p.rep));
        say(text("%s reply 2", name), tx_frame(p.rep, "a2", 0));
        say(text("%s answered REP send", name), tx_frame(p.rep, "x", 0));
        say(text("%s answered", name), await(p.req, ZMQ_POLLIN));
        BOTH("answered");
        say(text("%s answer 1", name), rx_frame(p.req, 0));
        say(text("%s mid-answer REQ send", name), tx_frame(p.req, "x", 0));
        say(text("%s answer 2", name), rx_frame(p.req, 0));
        say(text("%s done REQ recv", name), rx_frame(p.req, ZMQ_DONTWAIT));
        BOTH("done");
        say(text("%s empty request", name), tx(p.req, ""));
        say(text("%s empty arrives", name), rx(p.rep));
        say(text("%s empty reply", name), tx(p.rep, "|"));
        say(text("%s empty answer", name), rx(p.req));
    }
}

static void no_peer(void)
{
    void *ctx = context();
    void *req = sock(ctx, ZMQ_REQ);
    set_int(req, ZMQ_SNDTIMEO, 20);
    say("send", tx_now(req, "x"));
    say("send blocking", tx(req, "x"));
    say("send more", tx_frame(req, "x", ZMQ_SNDMORE | ZMQ_DONTWAIT));
    say("recv", rx_now(req));
    void *rep = sock(ctx, ZMQ_REP);
    attach(rep, req, INPROC);
    say("nothing is stuck", tx(req, "a|b"));
    say("arrives", rx(rep));
}

/* What a ROUTER sees of REQ, and a DEALER of REP. */
static void envelopes(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *req = sock(ctx, ZMQ_REQ);
        void *router = sock(ctx, ZMQ_ROUTER);
        set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
        attach(router, req, t);
        tx(req, "q|2");
        say(text("%s ROUTER gets", name), rx(router));
        tx(router, "me||r|2");
        say(text("%s REQ gets", name), rx(req));
        void *rep = sock(ctx, ZMQ_REP);
        void *dealer = sock(ctx, ZMQ_DEALER);
        attach(rep, dealer, t);
        tx(dealer, "X|Y||A|B");
        say(text("%s REP gets", name), rx(rep));
        tx(rep, "r|s");
        say(text("%s DEALER gets", name), rx(dealer));
        tx(dealer, "||second empty");
        say(text("%s body begins empty", name), rx(rep));
        tx(rep, "");
        say(text("%s its reply", name), rx(dealer));
    }
}

static void malformed_requests(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        void *dealer = sock(ctx, ZMQ_DEALER);
        const char *name = transport_names[t];
        attach(rep, dealer, t);
        tx(dealer, "nodelim");
        tx(dealer, "A|B");
        tx(dealer, "");
        tx(dealer, "A|");
        tx(dealer, "|good");
        say(text("%s delivered", name), rx(rep));
        tx(rep, "reply");
        say(text("%s reply", name), rx(dealer));
        say(text("%s then", name), rx_now(rep));
    }
}

/* Over inproc only the socket looks at the envelope of a reply. */
static void malformed_replies(void)
{
    void *ctx = context();
    void *req = sock(ctx, ZMQ_REQ);
    void *router = sock(ctx, ZMQ_ROUTER);
    set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
    attach(router, req, INPROC);
    tx(req, "q");
    rx(router);
    tx(router, "me|no delimiter");
    tx(router, "me|not empty|x");
    tx(router, "me|");
    say("events", events(req));
    say("bad ones", rx_now(req));
    say("still waiting", tx(req, "x"));
    tx(router, "me||good|reply");
    say("good one", rx(req));
    tx(router, "me||stale");
    say("next request", tx(req, "q2"));
    say("stale is gone", rx_now(req));
    tx(router, "me||fresh");
    say("fresh", rx(req));
}

/* Over a connection a bad envelope ends it, and REQ does not come back. */
static void violation(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *req = sock(ctx, ZMQ_REQ);
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *name = transport_names[t];
        set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
        attach(router, req, t);
        tx(req, "q");
        rx(router);
        void *monitor = watch(req, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
        tx(router, "me|no delimiter");
        say(text("%s first event", name), event_name(next_event(monitor, NULL, NULL, 0)));
        set_int(monitor, ZMQ_RCVTIMEO, QUIET * 2);
        say(text("%s second event", name), event_name(next_event(monitor, NULL, NULL, 0)));
        say(text("%s recv", name), rx_now(req));
    }
}

static void round_robin(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *req = sock(ctx, ZMQ_REQ);
        void *rep[3];
        for (int i = 0; i < 3; i++) {
            rep[i] = sock(ctx, ZMQ_REP);
            attach(rep[i], req, t);
        }
        int served[3] = {0, 0, 0};
        for (int i = 0; i < 6; i++) {
            tx(req, "q");
            zmq_pollitem_t items[3];
            for (int k = 0; k < 3; k++)
                items[k] = (zmq_pollitem_t){rep[k], 0, ZMQ_POLLIN, 0};
            zmq_poll(items, 3, PATIENCE);
            for (int k = 0; k < 3; k++) {
                if (items[k].revents) {
                    served[k]++;
                    rx(rep[k]);
                    tx(rep[k], "r");
                }
            }
            rx(req);
        }
        line(transport_names[t], "%d %d %d", served[0], served[1], served[2]);
    }
}

static void fair_queueing(void)
{
    void *ctx = context();
    void *rep = sock(ctx, ZMQ_REP);
    void *req[3];
    const char *endpoint = bind_any(rep, INPROC);
    for (int i = 0; i < 3; i++) {
        req[i] = sock(ctx, ZMQ_REQ);
        attach_to(rep, req[i], endpoint);
        tx(req[i], text("%d", i));
    }
    for (int i = 0; i < 3; i++) {
        say(text("request %d", i), rx(rep));
        tx(rep, text("to %d", i));
    }
    for (int i = 0; i < 3; i++)
        say(text("reply %d", i), rx(req[i]));
}

/* The server goes while REQ waits for it. */
static void server_lost(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct pair p = joined(t, 0);
        const char *name = transport_names[t];
        void *monitor = t == INPROC ? NULL : watch(p.req, ZMQ_EVENT_DISCONNECTED);
        tx(p.req, "q");
        say(text("%s arrives", name), rx(p.rep));
        shut(p.rep);
        if (monitor)
            say(text("%s gone", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
        say(text("%s recv", name), rx_now(p.req));
        say(text("%s send", name), tx_now(p.req, "x"));
        say(text("%s events", name), events(p.req));
    }
}

/* The client goes before its reply. */
static void client_lost(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct pair p = joined(t, 0);
        const char *name = transport_names[t];
        void *monitor = t == INPROC ? NULL : watch(p.rep, ZMQ_EVENT_DISCONNECTED);
        tx(p.req, "q");
        say(text("%s arrives", name), rx(p.rep));
        shut(p.req);
        if (monitor) {
            say(text("%s gone", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            settle(p.ctx);
        }
        say(text("%s events", name), events(p.rep));
        say(text("%s reply", name), tx_now(p.rep, "r|2"));
        say(text("%s recv", name), rx_now(p.rep));
    }
}

static void correlate(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *req = sock(ctx, ZMQ_REQ);
        void *router = sock(ctx, ZMQ_ROUTER);
        set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        attach(router, req, t);
        uint32_t ids[2];
        for (int i = 0; i < 2; i++) {
            char bytes[16];
            tx(req, "q");
            say(text("%s %d from", name, i), rx_frame(router, 0));
            line(text("%s %d id size", name, i), "%d", zmq_recv(router, bytes, sizeof bytes, 0));
            memcpy(&ids[i], bytes, 4);
            say(text("%s %d delimiter", name, i), rx_frame(router, 0));
            say(text("%s %d body", name, i), rx_frame(router, 0));
            uint32_t wrong = ids[i] + 7;
            tx_frame(router, "me", ZMQ_SNDMORE);
            tx_bytes(router, &wrong, 4, ZMQ_SNDMORE);
            tx(router, "|wrong");
            tx_frame(router, "me", ZMQ_SNDMORE);
            tx_bytes(router, &ids[i], 4, ZMQ_SNDMORE);
            tx(router, "|right");
            say(text("%s %d answer", name, i), rx(req));
        }
        line(text("%s step", name), "%u", ids[1] - ids[0]);
    }
}

static void correlate_with_rep(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct pair p = joined(t, ZMQ_REQ_CORRELATE);
        const char *name = transport_names[t];
        tx(p.req, "q|2");
        say(text("%s request", name), rx(p.rep));
        tx(p.rep, "r|2");
        say(text("%s reply", name), rx(p.req));
    }
}

static void relaxed(void)
{
    for (int correlated = 0; correlated < 2; correlated++) {
        void *ctx = context();
        const char *name = correlated ? "correlated" : "plain";
        void *req = sock(ctx, ZMQ_REQ);
        void *rep = sock(ctx, ZMQ_REP);
        set_int(req, ZMQ_REQ_RELAXED, 1);
        set_int(req, ZMQ_REQ_CORRELATE, correlated);
        attach(rep, req, INPROC);
        say(text("%s first", name), tx(req, "first"));
        say(text("%s events", name), events(req));
        say(text("%s second", name), tx(req, "second|part"));
        say(text("%s REP gets", name), rx(rep));
        tx(rep, "to first");
        say(text("%s REP gets next", name), rx(rep));
        tx(rep, "to second");
        say(text("%s REQ gets", name), rx(req));
        say(text("%s then", name), rx_now(req));
        tx(req, "third");
        rx(rep);
        tx(rep, "half|read|reply");
        say(text("%s half", name), rx_frame(req, 0));
        say(text("%s abandons", name), tx(req, "fourth"));
        say(text("%s REP gets fourth", name), rx(rep));
        tx(rep, "to fourth");
        say(text("%s REQ gets fourth", name), rx(req));
    }
}

static void relaxed_without_server(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *req = sock(ctx, ZMQ_REQ);
        void *rep = sock(ctx, ZMQ_REP);
        set_int(req, ZMQ_REQ_RELAXED, 1);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        const char *endpoint = bind_any(rep, t);
        connect_to(req, endpoint);
        say(text("%s one", name), tx(req, "one"));
        say(text("%s two", name), tx(req, "two"));
        say(text("%s sees", name), rx(rep));
        tx(rep, "to one");
        say(text("%s sees next", name), rx(rep));
        tx(rep, "to two");
        say(text("%s delivered", name), rx(req));
        say(text("%s then", name), rx_now(req));
    }
}

static void probe(void)
{
    void *ctx = context();
    void *req = sock(ctx, ZMQ_REQ);
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(req, ZMQ_PROBE_ROUTER, 1);
    set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
    attach(router, req, TCP);
    say("probe", rx(router));
    say("REQ recv", rx_now(req));
    tx(req, "q");
    say("request", rx(router));
}

/* The reply to a client whose pipe is full is dropped. */
static void full_client(void)
{
    void *ctx = context();
    void *rep = sock(ctx, ZMQ_REP);
    void *dealer = sock(ctx, ZMQ_DEALER);
    set_int(rep, ZMQ_SNDHWM, 1);
    set_int(dealer, ZMQ_RCVHWM, 1);
    attach(rep, dealer, INPROC);
    for (int i = 0; i < 4; i++) {
        tx(dealer, text("|%d", i));
        say(text("request %d", i), rx(rep));
        say(text("reply %d", i), tx_now(rep, text("to %d", i)));
    }
    for (int i = 0; i < 3; i++)
        say(text("got %d", i), rx_now(dealer));
}

/* A request that waits in the queue goes out when the server is back. */
static void queued_request(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *req = sock(ctx, ZMQ_REQ);
        set_int(req, ZMQ_RECONNECT_IVL, 10);
        const char *endpoint = t == TCP ? NULL : "ipc://late";
        void *rep = sock(ctx, ZMQ_REP);
        if (t == TCP) {
            endpoint = bind_any(rep, TCP);
            zmq_unbind(rep, endpoint);
        }
        connect_to(req, endpoint);
        say(text("%s queued", name), tx(req, "q"));
        int bound = -1;
        for (long end = now_ms() + PATIENCE; bound != 0 && now_ms() < end;)
            bound = zmq_bind(rep, endpoint);
        say(text("%s bind", name), rc(bound));
        say(text("%s arrives", name), rx(rep));
        tx(rep, "r");
        say(text("%s reply", name), rx(req));
    }
}

static void blocked_calls(void)
{
    void *ctx = context();
    void *req = sock(ctx, ZMQ_REQ);
    void *rep = sock(ctx, ZMQ_REP);
    attach(rep, req, INPROC);
    set_int(req, ZMQ_RCVTIMEO, 30);
    tx(req, "q");
    say("recv times out", rx(req));
    say("send", tx(req, "x"));
    rx(rep);
    tx(rep, "late");
    say("late reply", rx(req));
}

static const struct rule rules[] = {
    RULE(states), RULE(no_peer), RULE(envelopes), RULE(malformed_requests),
    RULE(malformed_replies), RULE(violation), RULE(round_robin), RULE(fair_queueing),
    RULE(server_lost), RULE(client_lost), RULE(correlate), RULE(correlate_with_rep),
    RULE(relaxed), RULE(relaxed_without_server), RULE(probe), RULE(full_client),
    RULE(queued_request), RULE(blocked_calls),
};

RUN(rules)
