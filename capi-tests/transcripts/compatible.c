/* Which types may talk to which: each of the twelve connected to each, on every transport, and what both sides see of
 * it. patterns.md section 1.1. */
#include "transcript.h"

/* What one side saw. */
struct view {
    void *monitor;
    int succeeded, failed, lost, retried;
};

static void look(struct view *view)
{
    int event;
    while ((event = next_event(view->monitor, NULL, NULL, 0)) != 0) {
        view->succeeded += event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        view->failed += event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL || event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        view->lost += event == ZMQ_EVENT_DISCONNECTED;
        view->retried += event == ZMQ_EVENT_CONNECT_RETRIED;
    }
}

static void begin_view(struct view *view, void *socket)
{
    memset(view, 0, sizeof *view);
    view->monitor = watch(socket, ZMQ_EVENT_ALL);
    set_int(view->monitor, ZMQ_RCVTIMEO, 0);
}

/* The names of the types for which a condition holds. */
static const char *types_with(const int *holds)
{
    static char list[200];
    list[0] = 0;
    for (int k = 0; k < 12; k++) {
        if (holds[k])
            sprintf(list + strlen(list), "%s%s", list[0] ? " " : "", type_name(classic_types[k]));
    }
    return list[0] ? list : "none";
}

/* One connecting type against the eleven that know ZMTP; a peer that is not let in is gone at both ends, and the
 * connecter does not come back to it. */
static void against_all(enum transport transport, int type)
{
    void *ctx = context();
    void *connecter[12];
    struct view near[12], far[12];
    for (int b = 0; b < 11; b++) {
        void *binder = sock(ctx, classic_types[b]);
        begin_view(&far[b], binder);
        connecter[b] = sock(ctx, type);
        set_int(connecter[b], ZMQ_RECONNECT_IVL, 1);
        begin_view(&near[b], connecter[b]);
        connect_to(connecter[b], bind_any(binder, transport));
    }
    /* Until every pair has come to an end, and then a while longer: a connecter that finds its peer gone before it
     * could read who that is tries once more. */
    long end = now_ms() + PATIENCE;
    for (int calm = 0; calm < 4 && now_ms() < end;) {
        int open = 0;
        zmq_poll(NULL, 0, 5);
        for (int b = 0; b < 11; b++) {
            look(&near[b]);
            look(&far[b]);
            int near_done = near[b].succeeded || (near[b].lost && near[b].lost > near[b].retried);
            open |= !near_done || !(far[b].succeeded || far[b].lost);
        }
        calm = open ? 0 : calm + 1;
    }
    zmq_poll(NULL, 0, QUIET);
    int met[12] = {0}, refused[12] = {0}, odd[12] = {0}, back[12] = {0};
    for (int b = 0; b < 11; b++) {
        int retried = near[b].retried;
        look(&near[b]);
        look(&far[b]);
        met[b] = near[b].succeeded == 1 && far[b].succeeded == 1 && !near[b].lost && !far[b].lost;
        refused[b] = !near[b].succeeded && !far[b].succeeded && near[b].lost && far[b].lost;
        odd[b] = near[b].failed || far[b].failed || (!met[b] && !refused[b]);
        back[b] = near[b].retried - retried;
    }
    const char *name = type_name(type);
    line(name, "talks to %s", types_with(met));
    line(text("%s parts", name), "from %s", types_with(refused));
    line(text("%s otherwise", name), "%s", types_with(odd));
    line(text("%s comes back", name), "to %s", types_with(back));
}

static void tcp(void)
{
    for (int c = 0; c < 11; c++)
        against_all(TCP, classic_types[c]);
}

static void ipc(void)
{
    for (int c = 0; c < 11; c++)
        against_all(IPC, classic_types[c]);
}

/* Any two types that have inproc at all are joined, in either order; nothing is checked. */
static void inproc(void)
{
    for (int early = 0; early < 2; early++) {
        for (int c = 0; c < 12; c++) {
            int joined[12] = {0};
            for (int b = 0; b < 12; b++) {
                void *ctx = context();
                void *binder = sock(ctx, classic_types[b]);
                void *connecter = sock(ctx, classic_types[c]);
                int bound = early ? 0 : zmq_bind(binder, "inproc://meeting");
                int connected = zmq_connect(connecter, "inproc://meeting");
                if (early)
                    bound = zmq_bind(binder, "inproc://meeting");
                joined[b] = bound == 0 && connected == 0;
                get_int(binder, ZMQ_EVENTS);
                get_int(connecter, ZMQ_EVENTS);
                shut(binder);
                shut(connecter);
                term(ctx);
            }
            line(text("%s%s", type_name(classic_types[c]), early ? " early" : ""), "joins %s", types_with(joined));
        }
    }
}

/* What passes between types that were not made for each other. */
static void inproc_traffic(void)
{
    static const int pairs[][2] = {{ZMQ_PULL, ZMQ_PAIR},   {ZMQ_PAIR, ZMQ_PUSH},   {ZMQ_DEALER, ZMQ_PUSH},
                                   {ZMQ_PULL, ZMQ_DEALER}, {ZMQ_PAIR, ZMQ_DEALER}, {ZMQ_PULL, ZMQ_PUB},
                                   {ZMQ_XSUB, ZMQ_XSUB}, {ZMQ_PULL, ZMQ_XSUB},   {ZMQ_SUB, ZMQ_PUSH},
                                   {ZMQ_PULL, ZMQ_PULL},   {ZMQ_PUSH, ZMQ_PUSH},   {ZMQ_XSUB, ZMQ_DEALER},
                                   {ZMQ_DEALER, ZMQ_SUB},  {ZMQ_PULL, ZMQ_REQ},    {ZMQ_XPUB, ZMQ_DEALER}};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        void *ctx = context();
        void *a = sock(ctx, pairs[k][0]);
        void *b = sock(ctx, pairs[k][1]);
        if (pairs[k][0] == ZMQ_SUB)
            subscribe(a, "");
        if (pairs[k][1] == ZMQ_SUB)
            subscribe(b, "t");
        attach(a, b, INPROC);
        begin_line(text("%s and %s", type_name(pairs[k][0]), type_name(pairs[k][1])));
        in_line("to the binder", tx_now(b, "1|2"));
        in_line("gets", rx_now(a));
        in_line("then", rx_now(a));
        in_line("back", tx_now(a, "t|4"));
        in_line("gets", rx_now(b));
        end_line();
    }
}

/* Plain bytes are no handshake: a STREAM takes what a socket of ZMTP says, and the socket waits. */
static void stream(void)
{
    for (int c = 0; c < 12; c++) {
        for (int binds = 0; binds < 2; binds++) {
            void *ctx = context();
            void *plain = sock(ctx, ZMQ_STREAM);
            void *other = sock(ctx, classic_types[c]);
            struct view view;
            begin_view(&view, other);
            if (binds)
                connect_to(other, bind_any(plain, TCP));
            else
                connect_to(plain, bind_any(other, TCP));
            begin_line(text("%s, STREAM %s", type_name(classic_types[c]), binds ? "binds" : "connects"));
            char id[256], bytes[256];
            in_line("id", rc(zmq_recv(plain, id, sizeof id, 0)));
            in_line("comes", rc(zmq_recv(plain, bytes, sizeof bytes, 0)));
            if (classic_types[c] != ZMQ_STREAM) {
                in_line("id again", rc(zmq_recv(plain, id, sizeof id, 0)));
                int size = zmq_recv(plain, bytes, sizeof bytes, 0);
                in_line("greeting", shown(bytes, size < 0 ? 0 : size));
            }
            set_int(plain, ZMQ_RCVTIMEO, 0);
            look(&view);
            in_line("handshake", view.succeeded ? "yes" : view.failed || view.lost ? "failed" : "waits");
            end_line();
        }
    }
    void *ctx = context();
    say("inproc bind", rc(zmq_bind(sock(ctx, ZMQ_STREAM), "inproc://s")));
    say("ipc bind", rc(zmq_bind(sock(ctx, ZMQ_STREAM), "ipc://s.sock")));
    say("ipc connect", rc(zmq_connect(sock(ctx, ZMQ_STREAM), "ipc://s.sock")));
}

static const struct rule rules[] = {RULE(tcp), RULE(ipc), RULE(inproc), RULE(inproc_traffic), RULE(stream)};

RUN(rules)
