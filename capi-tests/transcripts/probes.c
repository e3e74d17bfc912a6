/* ZMQ_PROBE_ROUTER: the empty message at the beginning of a pipe. patterns.md section 5; dealerrouter.c has the usual
 * cases. */
#include "transcript.h"

static const int probing_types[] = {ZMQ_DEALER, ZMQ_REQ, ZMQ_ROUTER};

static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

/* Connected before anybody is there: the probe waits in front of what was sent. */
static void before_the_bind(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 3; k++) {
            void *ctx = context();
            begin_line(text("%s %s", transport_names[t], type_name(probing_types[k])));
            const char *endpoint = vacant(t);
            void *peer = named(ctx, probing_types[k], "peer");
            set_int(peer, ZMQ_PROBE_ROUTER, 1);
            if (probing_types[k] == ZMQ_ROUTER)
                set_bytes(peer, ZMQ_CONNECT_ROUTING_ID, "there", 5);
            connect_to(peer, endpoint);
            set_int(peer, ZMQ_PROBE_ROUTER, 0);
            in_line("send", tx(peer, probing_types[k] == ZMQ_ROUTER ? "there|m" : "m"));
            void *router = sock(ctx, ZMQ_ROUTER);
            in_line("bind", bind_again(router, endpoint));
            in_line("probe", rx(router));
            in_line("message", rx(router));
            in_line("then", rx_now(router));
            end_line();
        }
    }
}

/* Receives; the other socket is entered on the way, as new pipes are only then taken in. */
static const char *rx_with(void *socket, void *other)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    for (long end = now_ms() + PATIENCE; now_ms() < end && zmq_poll(&item, 1, 5) == 0;)
        get_int(other, ZMQ_EVENTS);
    return rx_now(socket);
}

/* After a reconnection there is another one only where there is another pipe. */
static void reconnection(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int immediate = 0; immediate < 2; immediate++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], immediate ? " IMMEDIATE" : ""));
            const char *endpoint = vacant(t);
            void *router = sock(ctx, ZMQ_ROUTER);
            in_line("bind", bind_again(router, endpoint));
            void *dealer = named(ctx, ZMQ_DEALER, "d");
            set_int(dealer, ZMQ_PROBE_ROUTER, 1);
            set_int(dealer, ZMQ_IMMEDIATE, immediate);
            connect_to(dealer, endpoint);
            for (int round = 0; round < 3; round++) {
                in_line("first", round && !immediate ? "none" : rx_with(router, dealer));
                in_line("send", tx(dealer, "m"));
                in_line("message", rx(router));
                in_line("then", rx_now(router));
                void *monitor = watch(dealer, ZMQ_EVENT_DISCONNECTED);
                /* The listener first: one of ipc that goes late takes the file of the next one with it. */
                zmq_unbind(router, endpoint);
                settle(ctx);
                shut(router);
                in_line("lost", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
                unwatch(dealer, monitor);
                router = sock(ctx, ZMQ_ROUTER);
                in_line("bind", bind_again(router, endpoint));
            }
            end_line();
        }
    }
}

/* Every peer that comes gets one. */
static void from_the_binder(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 3; k++) {
            void *ctx = context();
            begin_line(text("%s %s", transport_names[t], type_name(probing_types[k])));
            void *binder = named(ctx, probing_types[k], "binder");
            set_int(binder, ZMQ_PROBE_ROUTER, 1);
            const char *endpoint = bind_any(binder, t);
            for (int i = 0; i < 3; i++) {
                void *router = sock(ctx, ZMQ_ROUTER);
                attach_to(binder, router, endpoint);
                in_line("probe", rx(router));
                in_line("then", rx_now(router));
            }
            end_line();
        }
    }
}

/* Two that probe each other; nothing tells DEALER or ROUTER a probe from an empty message. */
static void each_other(void)
{
    static const int pairs[][2] = {{ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_ROUTER}};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 3; k++) {
            void *ctx = context();
            begin_line(text("%s %s %s", transport_names[t], type_name(pairs[k][0]), type_name(pairs[k][1])));
            void *one = named(ctx, pairs[k][0], "one");
            void *two = named(ctx, pairs[k][1], "two");
            set_int(one, ZMQ_PROBE_ROUTER, 1);
            set_int(two, ZMQ_PROBE_ROUTER, 1);
            attach(one, two, t);
            in_line("one gets", rx(one));
            in_line("two gets", rx(two));
            in_line("one then", rx_now(one));
            in_line("two then", rx_now(two));
            end_line();
        }
    }
}

/* REP takes a probe for no request, and REQ one for no reply. */
static void to_rep_and_req(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(text("%s REP", transport_names[t]));
        void *rep = sock(ctx, ZMQ_REP);
        void *req = sock(ctx, ZMQ_REQ);
        set_int(req, ZMQ_PROBE_ROUTER, 1);
        attach(rep, req, t);
        in_line("nothing", rx_quiet(rep));
        in_line("send", tx(req, "q"));
        in_line("request", rx(rep));
        tx(rep, "r");
        in_line("reply", rx(req));
        end_line();
    }
    /* Over a connection it is a violation, see replies_on_the_wire of requests.c. */
    void *ctx = context();
    begin_line("inproc REQ");
    void *req = named(ctx, ZMQ_REQ, "req");
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ZMQ_PROBE_ROUTER, 1);
    attach(router, req, INPROC);
    in_line("send", tx(req, "q"));
    in_line("request", rx(router));
    in_line("probe is no reply", rx_now(req));
    tx(router, "req||r");
    in_line("reply", rx(req));
    end_line();
}

static const struct rule rules[] = {
    RULE(before_the_bind), RULE(reconnection), RULE(from_the_binder), RULE(each_other), RULE(to_rep_and_req),
};

RUN(rules)
