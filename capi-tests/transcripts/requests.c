/* REQ and REP with several peers, with peers that go, and with envelopes of all shapes. patterns.md sections 3 and 4;
 * reqrep.c has one of each. */
#include "transcript.h"

static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

/* Waits until what was sent to the socket is there, in whatever state it is. */
static const char *arrived(void *socket)
{
    settle(context_of(socket));
    settle(context_of(socket));
    return events(socket);
}

/* The counter of the requests starts anywhere. */
static void first_ids(void)
{
    enum { SOCKETS = 8 };
    void *ctx = context();
    uint32_t first[SOCKETS];
    int equal = 0;
    for (int i = 0; i < SOCKETS; i++) {
        void *req = named(ctx, ZMQ_REQ, "me");
        void *router = sock(ctx, ZMQ_ROUTER);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        attach(router, req, INPROC);
        tx(req, "q");
        rx_frame(router, 0);
        if (zmq_recv(router, &first[i], 4, 0) != 4)
            equal = -1;
        for (int k = 0; k < i; k++)
            equal += first[i] == first[k];
    }
    line("equal ones", "%d", equal);
}

/* A peer that answers without reading lets the requests pile up. */
static void full(void)
{
    for (int relaxed = 0; relaxed < 2; relaxed++) {
        void *ctx = context();
        const char *name = relaxed ? "relaxed" : "strict";
        void *req = named(ctx, ZMQ_REQ, "me");
        void *router = sock(ctx, ZMQ_ROUTER);
        set_int(req, ZMQ_REQ_RELAXED, relaxed);
        set_int(req, ZMQ_SNDHWM, 2);
        set_int(router, ZMQ_RCVHWM, 1);
        set_int(req, ZMQ_SNDTIMEO, 20);
        attach(router, req, INPROC);
        int sent = 0;
        while (sent < 100 && strcmp(tx_now(req, "q"), "1") == 0) {
            sent++;
            tx(router, "me||r");
            if (!relaxed)
                rx(req);
        }
        line(text("%s requests", name), "%d", sent);
        say(text("%s events", name), events(req));
        say(text("%s send", name), tx_now(req, "x"));
        say(text("%s send more", name), tx_frame(req, "x", ZMQ_DONTWAIT | ZMQ_SNDMORE));
        say(text("%s waiting", name), tx(req, "x"));
        say(text("%s recv", name), rx_now(req));
        for (int i = 0; i < sent; i++)
            rx(router);
        say(text("%s room again", name), await(req, ZMQ_POLLOUT));
        say(text("%s next", name), tx(req, "a|b"));
        say(text("%s arrives", name), rx(router));
        say(text("%s nothing else", name), rx_now(router));
    }
}

/* Replies from a peer that was not asked, and more replies than requests. */
static void wrong_and_stale_replies(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = named(ctx, ZMQ_REQ, "me");
        void *one = sock(ctx, ZMQ_ROUTER);
        void *two = sock(ctx, ZMQ_ROUTER);
        attach(one, req, t);
        attach(two, req, t);
        tx(two, "me||unasked");
        in_line("unasked", arrived(req));
        in_line("request", tx(req, "q1"));
        in_line("arrives", rx(one));
        tx(two, "me||from another");
        arrived(req);
        in_line("from another", rx_now(req));
        tx(one, "me||right|reply");
        tx(one, "me||one too many");
        tx(two, "me||from another again");
        in_line("right", rx(req));
        in_line("then", arrived(req));
        in_line("next request", tx(req, "q2"));
        in_line("arrives at two", rx(two));
        in_line("stale", rx_now(req));
        tx(one, "me||late");
        arrived(req);
        tx(two, "me||fresh");
        in_line("fresh", rx(req));
        in_line("state", rx_now(req));
        end_line();
    }
}

/* The peer that was asked goes for good: its pipe with it, where the other side had connected, or over inproc. */
static void asked_is_gone(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = named(ctx, ZMQ_REQ, "me");
        const char *endpoint = bind_any(req, t);
        void *one = sock(ctx, ZMQ_ROUTER);
        void *two = sock(ctx, ZMQ_ROUTER);
        attach_to(req, one, endpoint);
        attach_to(req, two, endpoint);
        tx(req, "q");
        in_line("asked", rx(one));
        leave(one, req, t);
        in_line("events", events(req));
        in_line("recv", rx_now(req));
        in_line("send", tx_now(req, "x"));
        tx(two, "me||from another");
        in_line("any reply", rx(req));
        in_line("next", tx(req, "q2"));
        in_line("arrives", rx(two));
        leave(two, req, t);
        in_line("all gone", events(req));
        in_line("still waits", rx_now(req));
        in_line("no resend", tx_now(req, "x"));
        end_line();
        /* Nobody left, and nothing asked. */
        void *lonely = sock(ctx, ZMQ_REQ);
        void *rep = sock(ctx, ZMQ_REP);
        attach(lonely, rep, t);
        begin_line(text("%s before a request", transport_names[t]));
        in_line("events", await(lonely, ZMQ_POLLOUT));
        leave(rep, lonely, t);
        in_line("afterwards", events(lonely));
        in_line("send", tx_now(lonely, "q"));
        in_line("recv", rx_now(lonely));
        end_line();
    }
}

/* A REQ that connects keeps its pipe to a server that restarts: no request is sent again, and the answer of the next
 * server, should it give one, is that of the peer that was asked. */
static void server_restarts(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = named(ctx, ZMQ_REQ, "me");
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = vacant(t);
        zmq_bind(router, endpoint);
        attach_to(router, req, endpoint);
        tx(req, "q");
        in_line("request", rx(router));
        zmq_unbind(router, endpoint);
        settle(ctx);
        leave(router, req, t);
        in_line("events", events(req));
        void *monitor = watch(req, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        router = sock(ctx, ZMQ_ROUTER);
        in_line("bind", bind_again(router, endpoint));
        in_line("back", await_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
        in_line("not sent again", rx_quiet(router));
        in_line("recv", rx_now(req));
        in_line("send", tx_now(req, "x"));
        set_int(router, ZMQ_ROUTER_MANDATORY, 1);
        in_line("known", await(router, ZMQ_POLLOUT));
        in_line("answer", tx(router, "me||from the next"));
        in_line("reply", rx(req));
        in_line("next", tx(req, "q2"));
        in_line("arrives", rx(router));
        end_line();
    }
}

/* The requester disconnects from the peer that it asked. */
static void asked_is_disconnected(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = named(ctx, ZMQ_REQ, "me");
        void *one = sock(ctx, ZMQ_ROUTER);
        void *two = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = attach(one, req, t);
        attach(two, req, t);
        tx(req, "q");
        in_line("asked", rx(one));
        in_line("disconnect", rc(zmq_disconnect(req, endpoint)));
        exchange_notices(one, req);
        tx(two, "me||from another");
        arrived(req);
        in_line("recv", rx_now(req));
        in_line("state", tx_now(req, "x"));
        end_line();
    }
}

static const char *const plain_replies[] = {"x",   "",       "x|",    "|",     "||",     "|a|b",
                                            "a||b", "abcd||x", "abcd|x", "abcd|", "abcd", "abc||x"};

/* A reply of any shape over inproc, and behind it a good one: what REQ gets first. */
static void replies_inproc(void)
{
    for (size_t i = 0; i < sizeof plain_replies / sizeof plain_replies[0]; i++) {
        void *ctx = context();
        void *req = named(ctx, ZMQ_REQ, "me");
        void *router = sock(ctx, ZMQ_ROUTER);
        attach(router, req, INPROC);
        tx(req, "q");
        rx(router);
        begin_line(text("[%s]", plain_replies[i]));
        tx(router, text("me|%s", plain_replies[i]));
        in_line("events", events(req));
        tx(router, "me||good");
        in_line("gets", rx(req));
        end_line();
    }
}

/* The same over a connection, which ends at what cannot be a reply. */
static void replies_on_the_wire(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int correlate = 0; correlate < 2; correlate++) {
            for (size_t i = 0; i < sizeof plain_replies / sizeof plain_replies[0]; i++) {
                void *ctx = context();
                void *req = named(ctx, ZMQ_REQ, "me");
                void *router = sock(ctx, ZMQ_ROUTER);
                set_int(req, ZMQ_REQ_CORRELATE, correlate);
                set_int(req, ZMQ_RECONNECT_IVL, -1);
                attach(router, req, t);
                tx(req, "q");
                rx_frame(router, 0);
                char id[4] = "";
                if (correlate)
                    zmq_recv(router, id, 4, 0);
                rx_frame(router, 0);
                rx_frame(router, 0);
                void *monitor = watch(req, ZMQ_EVENT_DISCONNECTED);
                tx(router, text("me|%s", plain_replies[i]));
                tx_frame(router, "me", ZMQ_SNDMORE);
                if (correlate)
                    tx_bytes(router, id, 4, ZMQ_SNDMORE);
                tx(router, "|good");
                zmq_pollitem_t items[] = {{monitor, 0, ZMQ_POLLIN, 0}, {req, 0, ZMQ_POLLIN, 0}};
                const char *got = "EAGAIN";
                for (long end = now_ms() + PATIENCE; now_ms() < end && !items[0].revents && got[0] == 'E';) {
                    zmq_poll(items, 2, PATIENCE);
                    got = rx_now(req);
                }
                line(text("%s%s [%s]", transport_names[t], correlate ? " correlated" : "", plain_replies[i]), "%s",
                     items[0].revents ? "ends" : got);
            }
        }
    }
}

/* Every way to get the number of a request wrong; inproc, where nothing filters before the socket. */
static void numbers(void)
{
    static const char *const shapes[] = {"without number", "number only", "no delimiter", "short", "long", "next",
                                         "previous", "twice", "number behind"};
    for (int i = 0; i < 9; i++) {
        void *ctx = context();
        void *req = named(ctx, ZMQ_REQ, "me");
        void *router = sock(ctx, ZMQ_ROUTER);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        attach(router, req, INPROC);
        uint32_t id = 0, other;
        char padded[5] = {0};
        for (int round = 0; round < 2; round++) {
            tx(req, "q");
            rx_frame(router, 0);
            zmq_recv(router, &id, 4, 0);
            rx_frame(router, 0);
            rx_frame(router, 0);
            if (round == 0) {
                tx_frame(router, "me", ZMQ_SNDMORE);
                tx_bytes(router, &id, 4, ZMQ_SNDMORE);
                tx(router, "|first");
                rx(req);
            }
        }
        memcpy(padded, &id, 4);
        tx_frame(router, "me", ZMQ_SNDMORE);
        switch (i) {
        case 0: tx(router, "|wrong"); break;
        case 1: tx_bytes(router, &id, 4, 0); break;
        case 2: tx_bytes(router, &id, 4, ZMQ_SNDMORE); tx(router, "wrong|wrong"); break;
        case 3: tx_bytes(router, &id, 3, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        case 4: tx_bytes(router, padded, 5, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        case 5: other = id + 1; tx_bytes(router, &other, 4, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        case 6: other = id - 1; tx_bytes(router, &other, 4, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        case 7: tx_bytes(router, &id, 4, ZMQ_SNDMORE); tx_bytes(router, &id, 4, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        case 8: tx_frame(router, "", ZMQ_SNDMORE); tx_bytes(router, &id, 4, ZMQ_SNDMORE); tx(router, "|wrong"); break;
        }
        tx_frame(router, "me", ZMQ_SNDMORE);
        tx_bytes(router, &id, 4, ZMQ_SNDMORE);
        tx(router, "|right");
        say(shapes[i], rx(req));
    }
}

/* A request is abandoned for the next one, at the same server or at another. */
static void relaxed(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int correlated = 0; correlated < 2; correlated++) {
            for (int servers = 1; servers <= 2; servers++) {
                void *ctx = context();
                begin_line(text("%s%s, %d", transport_names[t], correlated ? " correlated" : "", servers));
                void *req = sock(ctx, ZMQ_REQ);
                void *rep[2];
                set_int(req, ZMQ_REQ_RELAXED, 1);
                set_int(req, ZMQ_REQ_CORRELATE, correlated);
                for (int i = 0; i < servers; i++) {
                    rep[i] = sock(ctx, ZMQ_REP);
                    attach(rep[i], req, t);
                }
                in_line("recv first", rx_now(req));
                in_line("frame", tx_frame(req, "first", ZMQ_SNDMORE));
                in_line("recv in between", rx_now(req));
                in_line("end", tx_frame(req, "end", 0));
                in_line("arrives", rx(rep[0]));
                in_line("events", events(req));
                tx(rep[0], "to the first");
                in_line("answered", await(req, ZMQ_POLLIN));
                in_line("second", tx(req, "second"));
                in_line("stale", rx_now(req));
                void *second = rep[servers - 1];
                in_line("arrives", rx(second));
                tx(second, "to the second|part");
                in_line("half", rx_frame(req, 0));
                in_line("third", tx(req, "third"));
                in_line("arrives", rx(rep[0]));
                tx(rep[0], "to the third");
                in_line("whole", rx(req));
                in_line("state", rx_now(req));
                in_line("events", events(req));
                end_line();
            }
        }
    }
}

/* The late answer to an abandoned request comes from the same server; only its number tells. */
static void relaxed_late_answer(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = sock(ctx, ZMQ_REQ);
        void *rep = sock(ctx, ZMQ_REP);
        set_int(req, ZMQ_REQ_RELAXED, 1);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        attach(rep, req, t);
        for (int i = 0; i < 3; i++)
            in_line("send", tx(req, text("%d", i)));
        for (int i = 0; i < 3; i++) {
            in_line("asked", rx(rep));
            in_line("none yet", rx_now(req));
            tx(rep, text("to %d", i));
            if (i < 2)
                arrived(req);
        }
        in_line("reply", rx(req));
        in_line("state", rx_now(req));
        end_line();
    }
}

/* The server goes while its request is half written, or its reply half read. */
static void lost_in_the_middle(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(text("%s request", transport_names[t]));
        void *req = named(ctx, ZMQ_REQ, "me");
        const char *endpoint = bind_any(req, t);
        void *one = sock(ctx, ZMQ_ROUTER);
        void *two = sock(ctx, ZMQ_ROUTER);
        attach_to(req, one, endpoint);
        attach_to(req, two, endpoint);
        in_line("first", tx_frame(req, "1", ZMQ_SNDMORE));
        leave(one, req, t);
        in_line("events", events(req));
        in_line("second", tx_frame(req, "2", ZMQ_SNDMORE));
        in_line("third", tx_frame(req, "3", 0));
        in_line("the other gets", rx_quiet(two));
        in_line("recv", rx_now(req));
        in_line("send", tx_now(req, "x"));
        if (t == INPROC)
            exchange_notices(one, req);
        tx(two, "me||from another");
        in_line("any reply", rx(req));
        in_line("next", tx(req, "whole|request"));
        in_line("arrives", rx(two));
        end_line();
        begin_line(text("%s reply", transport_names[t]));
        tx(two, "me||1|2|3");
        in_line("first", rx_frame(req, 0));
        leave(two, req, t);
        in_line("events", events(req));
        in_line("second", rx_frame(req, 0));
        in_line("third", rx_frame(req, 0));
        in_line("state", rx_now(req));
        in_line("send", tx_now(req, "x"));
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(first_ids), RULE(full), RULE(wrong_and_stale_replies), RULE(asked_is_gone), RULE(server_restarts),
    RULE(asked_is_disconnected), RULE(replies_inproc), RULE(replies_on_the_wire), RULE(numbers), RULE(relaxed),
    RULE(relaxed_late_answer), RULE(lost_in_the_middle),
};

RUN(rules)
