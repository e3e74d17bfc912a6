/* ROUTER and DEALER: where messages go, and what happens when they cannot go there. patterns.md sections 5, 6.1 and
 * 6.3; dealerrouter.c has the usual cases. */
#include "transcript.h"

#include <pthread.h>

static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

/* A ROUTER with room for two messages to each of its peers. */
static void *narrow(void *ctx, int mandatory)
{
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ZMQ_ROUTER_MANDATORY, mandatory);
    set_int(router, ZMQ_SNDHWM, 1);
    return router;
}

static void *narrow_peer(void *router, const char *id, const char *endpoint)
{
    void *dealer = named(context_of(router), ZMQ_DEALER, id);
    set_int(dealer, ZMQ_RCVHWM, 1);
    attach_to(router, dealer, endpoint);
    return dealer;
}

static void *receive_later(void *socket)
{
    zmq_poll(NULL, 0, 30);
    rx(socket);
    rx(socket);
    return NULL;
}

/* Two peers, and room at one, both or none of them. */
static void room(void)
{
    for (int mandatory = 0; mandatory < 2; mandatory++) {
        void *ctx = context();
        begin_line(mandatory ? "mandatory" : "default");
        void *router = narrow(ctx, mandatory);
        const char *endpoint = bind_any(router, INPROC);
        void *a = narrow_peer(router, "a", endpoint);
        void *b = narrow_peer(router, "b", endpoint);
        tx(router, "a|1");
        tx(router, "a|2");
        in_line("a is full", events(router));
        in_line("to a", tx_now(router, "a|dropped|if|accepted"));
        in_line("to b", tx_now(router, "b|1"));
        tx(router, "b|2");
        in_line("both are", events(router));
        in_line("to b", tx_now(router, "b|dropped"));
        in_line("to nobody", tx_now(router, "c|x"));
        set_int(router, ZMQ_SNDTIMEO, 20);
        in_line("waiting", tx(router, "b|dropped"));
        set_int(router, ZMQ_SNDTIMEO, 0);
        in_line("not waiting", tx(router, "b|dropped"));
        in_line("a gets", rx(a));
        rx(a);
        in_line("room", await(router, ZMQ_POLLOUT));
        in_line("to a", tx_now(router, "a|3"));
        in_line("to b", tx_now(router, "b|dropped"));
        in_line("a gets", rx(a));
        in_line("b gets", rx(b));
        in_line("b gets", rx(b));
        in_line("a then", rx_now(a));
        in_line("b then", rx_now(b));
        end_line();
    }
}

/* A sender that waits goes on as soon as its peer has read. */
static void waits_for_room(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        static char megabyte[1 << 20];
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = narrow(ctx, 1);
        void *dealer = narrow_peer(router, "a", bind_any(router, t));
        int sent = 0;
        /* More than the kernel takes; how much that is, and when it has it, is left open. */
        for (int full = 0; sent < 200 && full < 10;) {
            if (zmq_send(router, "a", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 1) {
                zmq_send(router, megabyte, sizeof megabyte, ZMQ_DONTWAIT);
                sent++;
                full = 0;
            } else {
                zmq_poll(NULL, 0, 5);
                full++;
            }
        }
        if (t == INPROC)
            in_line("now", tx_now(router, "a|last"));
        pthread_t reader;
        pthread_create(&reader, NULL, receive_later, dealer);
        in_line("waiting", tx(router, "a|last"));
        pthread_join(reader, NULL);
        for (; sent > 2; sent--)
            zmq_recv(dealer, megabyte, sizeof megabyte, 0);
        in_line("arrives", rx(dealer));
        end_line();
    }
}

/* Room is asked for by the id only: what follows always goes. */
static void long_messages(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = narrow(ctx, 1);
        void *dealer = narrow_peer(router, "a", bind_any(router, t));
        in_line("id", tx_frame(router, "a", ZMQ_SNDMORE | ZMQ_DONTWAIT));
        int sent = 0;
        for (int i = 0; i < 1000; i++)
            sent += strcmp(tx_frame(router, "part", ZMQ_SNDMORE | ZMQ_DONTWAIT), "4") == 0;
        in_line("frames", text("%d", sent));
        in_line("in between", events(router));
        in_line("invisible", rx_now(dealer));
        in_line("end", tx_frame(router, "end", ZMQ_DONTWAIT));
        int received = 0;
        while (strcmp(rx_frame(dealer, 0), "[part] +") == 0)
            received++;
        in_line("received", text("%d", received));
        end_line();
    }
}

/* The peer goes before the id, behind it, or behind the first frame. */
static void peer_goes(void)
{
    static const char *const points[] = {"before", "id sent", "frame sent"};
    for (int t = INPROC; t <= IPC; t++) {
        for (int mandatory = 0; mandatory < 2; mandatory++) {
            for (int point = 0; point < 3; point++) {
                void *ctx = context();
                begin_line(text("%s%s %s", transport_names[t], mandatory ? " mandatory" : "", points[point]));
                void *router = sock(ctx, ZMQ_ROUTER);
                set_int(router, ZMQ_ROUTER_MANDATORY, mandatory);
                const char *endpoint = bind_any(router, t);
                void *dealer = named(ctx, ZMQ_DEALER, "d");
                void *other = named(ctx, ZMQ_DEALER, "other");
                attach_to(router, dealer, endpoint);
                attach_to(router, other, endpoint);
                tx(dealer, "x");
                tx(other, "x");
                rx(router);
                rx(router);
                if (point >= 1)
                    in_line("id", tx_frame(router, "d", ZMQ_SNDMORE));
                if (point >= 2)
                    in_line("first", tx_frame(router, "1", ZMQ_SNDMORE));
                leave(dealer, router, t);
                if (point == 0) {
                    in_line("whole", tx(router, "d|1|2"));
                } else {
                    in_line("events", events(router));
                    in_line("second", tx_frame(router, "2", ZMQ_SNDMORE));
                    in_line("third", tx_frame(router, "3", 0));
                }
                in_line("gone", tx(router, "d|1|2"));
                in_line("next", tx(router, "other|whole|message"));
                in_line("arrives", rx(other));
                in_line("then", rx_now(other));
                end_line();
            }
        }
    }
}

/* What a peer sent before it went is read, and the answer goes nowhere. */
static void departed(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int mandatory = 0; mandatory < 2; mandatory++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], mandatory ? " mandatory" : ""));
            void *router = sock(ctx, ZMQ_ROUTER);
            set_int(router, ZMQ_ROUTER_MANDATORY, mandatory);
            void *dealer = named(ctx, ZMQ_DEALER, "d");
            attach_to(router, dealer, bind_any(router, t));
            tx(dealer, "1|a");
            tx(dealer, "2");
            tx(dealer, "3");
            settle(ctx);
            settle(ctx);
            in_line("first", rx(router));
            in_line("id", rx_frame(router, 0));
            leave(dealer, router, t);
            in_line("answer", tx(router, "d|late"));
            in_line("second", rx(router));
            in_line("answer", tx(router, "d|late"));
            in_line("third", rx(router));
            in_line("then", rx_now(router));
            in_line("answer", tx(router, "d|late"));
            exchange_notices(router, t == INPROC ? dealer : router);
            in_line("events", events(router));
            end_line();
        }
    }
}

/* Sending in the middle of receiving, and the other way round. */
static void both_ways(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_any(router, t);
        void *a = named(ctx, ZMQ_DEALER, "a");
        void *b = named(ctx, ZMQ_DEALER, "b");
        attach_to(router, a, endpoint);
        attach_to(router, b, endpoint);
        tx(a, "1|2|3");
        in_line("id", rx_frame(router, 0));
        in_line("to b", tx_frame(router, "b", ZMQ_SNDMORE));
        in_line("1", rx_frame(router, 0));
        in_line("more", show_int(router, ZMQ_RCVMORE));
        in_line("x", tx_frame(router, "x", ZMQ_SNDMORE));
        in_line("2", rx_frame(router, 0));
        in_line("y", tx_frame(router, "y", 0));
        in_line("to a", tx(router, "a|z"));
        in_line("3", rx_frame(router, 0));
        in_line("more", show_int(router, ZMQ_RCVMORE));
        in_line("b gets", rx(b));
        in_line("a gets", rx(a));
        end_line();
    }
}

/* One message from each in turn, all frames of it together. */
static void fair(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_any(router, t);
        void *dealer[3];
        for (int i = 0; i < 3; i++) {
            dealer[i] = named(ctx, ZMQ_DEALER, text("%d", i));
            attach_to(router, dealer[i], endpoint);
            for (int k = 0; k < 3; k++)
                tx(dealer[i], text("%d|%d|end", i, k));
        }
        settle(ctx);
        settle(ctx);
        get_int(router, ZMQ_EVENTS);
        begin_line(transport_names[t]);
        for (int round = 0; round < 3; round++) {
            int seen[3] = {0, 0, 0}, whole = 0;
            for (int i = 0; i < 3; i++) {
                const char *got = rx(router);
                int from = got[1] - '0';
                if (from >= 0 && from < 3)
                    seen[from]++;
                whole += strcmp(got, text("[%d|%d|%d|end]", from, from, round)) == 0;
            }
            in_line(text("round %d", round), text("%d %d %d, whole %d", seen[0], seen[1], seen[2], whole));
        }
        in_line("then", rx_now(router));
        end_line();
    }
}

/* DEALER when all its peers are full, and when one has room again. */
static void full_dealer(void)
{
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER);
    set_int(dealer, ZMQ_SNDHWM, 1);
    const char *endpoint = bind_any(dealer, INPROC);
    void *peer[2];
    for (int i = 0; i < 2; i++) {
        peer[i] = sock(ctx, ZMQ_DEALER);
        set_int(peer[i], ZMQ_RCVHWM, 1);
        attach_to(dealer, peer[i], endpoint);
    }
    int sent = 0;
    while (sent < 100 && strcmp(tx_now(dealer, text("%d", sent)), "1") == 0)
        sent++;
    line("messages", "%d", sent);
    say("events", events(dealer));
    say("send", tx_now(dealer, "x"));
    say("send more", tx_frame(dealer, "x", ZMQ_DONTWAIT | ZMQ_SNDMORE));
    set_int(dealer, ZMQ_SNDTIMEO, 20);
    say("waiting", tx(dealer, "x"));
    set_int(dealer, ZMQ_SNDTIMEO, PATIENCE);
    pthread_t reader;
    pthread_create(&reader, NULL, receive_later, peer[1]);
    say("waiting for a reader", tx(dealer, "a|b"));
    pthread_join(reader, NULL);
    say("arrives", rx(peer[1]));
    say("nothing else", rx_now(peer[1]));
    say("the other has", rx(peer[0]));
}

/* DEALER loses the peer to which it has begun to write. */
static void dealer_in_the_middle(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *dealer = sock(ctx, ZMQ_DEALER);
        const char *endpoint = bind_any(dealer, t);
        void *one = sock(ctx, ZMQ_DEALER);
        void *two = sock(ctx, ZMQ_DEALER);
        attach_to(dealer, one, endpoint);
        attach_to(dealer, two, endpoint);
        tx(one, "unread");
        settle(ctx);
        settle(ctx);
        in_line("first", tx_frame(dealer, "1", ZMQ_SNDMORE));
        leave(one, dealer, t);
        in_line("events", events(dealer));
        in_line("second", tx_frame(dealer, "2", ZMQ_SNDMORE));
        in_line("third", tx_frame(dealer, "3", 0));
        in_line("next", tx(dealer, "whole|message"));
        in_line("arrives", rx(two));
        in_line("then", rx_now(two));
        in_line("unread", rx(dealer));
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(room), RULE(waits_for_room), RULE(long_messages), RULE(peer_goes), RULE(departed), RULE(both_ways),
    RULE(fair), RULE(full_dealer), RULE(dealer_in_the_middle),
};

RUN(rules)
