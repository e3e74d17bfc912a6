/* zmq_proxy, zmq_proxy_steerable and zmq_device. api.md section 8. */
#include "transcript.h"

#include <pthread.h>

/* A proxy in its own thread, between a ROUTER and a DEALER unless told otherwise. */
struct proxy {
    void *ctx, *front, *back, *capture, *control, *commander, *capture_out;
    const char *front_end, *back_end;
    pthread_t thread;
    int result, error;
    int device;
};

static void *run(void *argument)
{
    struct proxy *p = argument;
    if (p->device)
        p->result = zmq_device(1, p->front, p->back);
    else if (p->control)
        p->result = zmq_proxy_steerable(p->front, p->back, p->capture, p->control);
    else
        p->result = zmq_proxy(p->front, p->back, p->capture);
    p->error = zmq_errno();
    shut(p->front);
    if (p->back != p->front)
        shut(p->back);
    if (p->capture)
        shut(p->capture);
    if (p->control)
        shut(p->control);
    return NULL;
}

static void prepare(struct proxy *p, int front, int back, enum transport t)
{
    memset(p, 0, sizeof *p);
    p->ctx = context();
    p->front = sock(p->ctx, front);
    p->back = sock(p->ctx, back);
    p->front_end = bind_any(p->front, t);
    p->back_end = bind_any(p->back, t);
}

static void with_control(struct proxy *p, int theirs, int ours)
{
    p->control = sock(p->ctx, theirs);
    p->commander = sock(p->ctx, ours);
    if (theirs == ZMQ_SUB)
        subscribe(p->control, "");
    connect_to(p->commander, bind_any(p->control, INPROC));
}

static void start(struct proxy *p)
{
    pthread_create(&p->thread, NULL, run, p);
}

/* Ends it by the context and says how it ended; the caller has closed its own sockets. */
static void stop(struct proxy *p, const char *key)
{
    zmq_ctx_shutdown(p->ctx);
    pthread_join(p->thread, NULL);
    say(key, p->result == -1 ? error_name(p->error) : text("%d", p->result));
}

static void *peer(void *ctx, int type, const char *endpoint)
{
    void *socket = sock(ctx, type);
    connect_to(socket, endpoint);
    return socket;
}

static void forwards(void)
{
    for (int device = 0; device < 2; device++) {
        for (int t = INPROC; t <= IPC; t++) {
            struct proxy p;
            const char *name = text("%s%s", device ? "device " : "", transport_names[t]);
            prepare(&p, ZMQ_ROUTER, ZMQ_DEALER, t);
            p.device = device;
            start(&p);
            void *req = peer(p.ctx, ZMQ_REQ, p.front_end);
            void *rep = peer(p.ctx, ZMQ_REP, p.back_end);
            tx(req, "question||parts");
            say(text("%s request", name), rx(rep));
            tx(rep, "|answer");
            say(text("%s reply", name), rx(req));
            stop(&p, text("%s ends", name));
        }
    }
}

static void publishes(void)
{
    struct proxy p;
    prepare(&p, ZMQ_XSUB, ZMQ_XPUB, TCP);
    start(&p);
    void *pub = peer(p.ctx, ZMQ_XPUB, p.front_end);
    void *sub = peer(p.ctx, ZMQ_SUB, p.back_end);
    subscribe(sub, "a");
    say("subscription arrives", rx(pub));
    tx(pub, "b|no");
    tx(pub, "abc|yes");
    say("message", rx(sub));
    zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, "a", 1);
    say("unsubscription arrives", rx(pub));
    stop(&p, "ends");
}

static void captures(void)
{
    struct proxy p;
    prepare(&p, ZMQ_ROUTER, ZMQ_DEALER, INPROC);
    p.capture = sock(p.ctx, ZMQ_PUSH);
    void *seen = sock(p.ctx, ZMQ_PULL);
    attach(seen, p.capture, INPROC);
    start(&p);
    void *req = sock(p.ctx, ZMQ_REQ);
    set_bytes(req, ZMQ_ROUTING_ID, "me", 2);
    connect_to(req, p.front_end);
    void *rep = peer(p.ctx, ZMQ_REP, p.back_end);
    tx(req, "q|2");
    say("request", rx(rep));
    tx(rep, "r");
    say("reply", rx(req));
    say("captured request", rx(seen));
    say("captured reply", rx(seen));
    stop(&p, "ends");
}

/* One socket on both sides. */
static void same_socket(void)
{
    struct proxy p;
    memset(&p, 0, sizeof p);
    p.ctx = context();
    p.front = p.back = sock(p.ctx, ZMQ_ROUTER);
    p.front_end = bind_any(p.front, INPROC);
    start(&p);
    void *dealer = sock(p.ctx, ZMQ_DEALER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
    connect_to(dealer, p.front_end);
    tx(dealer, "back|to|me");
    say("comes back", rx(dealer));
    stop(&p, "ends");
}

static void show_statistics(void *commander, const char *key)
{
    uint64_t numbers[8];
    int more = 1, count = 0, bad = 0;
    while (more && count < 8) {
        bad += zmq_recv(commander, &numbers[count++], 8, 0) != 8;
        more = get_int(commander, ZMQ_RCVMORE);
    }
    if (bad || more || count != 8) {
        line(key, "frames %d, bad %d, more %d", count, bad, more);
        return;
    }
    line(key, "%d %d, %d %d, %d %d, %d %d", (int) numbers[0], (int) numbers[1], (int) numbers[2],
         (int) numbers[3], (int) numbers[4], (int) numbers[5], (int) numbers[6], (int) numbers[7]);
}

static void steered(void)
{
    struct proxy p;
    prepare(&p, ZMQ_ROUTER, ZMQ_DEALER, INPROC);
    with_control(&p, ZMQ_PAIR, ZMQ_PAIR);
    start(&p);
    void *dealer = sock(p.ctx, ZMQ_DEALER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
    connect_to(dealer, p.front_end);
    void *back = peer(p.ctx, ZMQ_ROUTER, p.back_end);
    tx(p.commander, "STATISTICS");
    show_statistics(p.commander, "nothing yet");
    tx(dealer, "12345|1");
    zmq_msg_t id;
    zmq_msg_init(&id);
    zmq_msg_recv(&id, back, 0);
    say("arrives", rx(back));
    zmq_msg_send(&id, back, ZMQ_SNDMORE);
    tx(back, "me|123");
    say("back", rx(dealer));
    tx(p.commander, "STATISTICS");
    show_statistics(p.commander, "statistics");
    tx(p.commander, "PAUSE");
    tx(p.commander, "STATISTICS");
    show_statistics(p.commander, "paused");
    tx(dealer, "waits");
    say("nothing passes", rx_quiet(back));
    tx(p.commander, "RESUME");
    zmq_msg_recv(&id, back, 0);
    say("passes", rx(back));
    zmq_msg_close(&id);
    tx(p.commander, "TERMINATE");
    pthread_join(p.thread, NULL);
    line("result", "%d", p.result);
}

static void unknown_commands(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_PUSH, INPROC);
    with_control(&p, ZMQ_PAIR, ZMQ_PAIR);
    start(&p);
    tx(p.commander, "unknown");
    tx(p.commander, "statistics");
    tx(p.commander, "PAUSE and more");
    tx(p.commander, "");
    tx(p.commander, "STATISTICS");
    show_statistics(p.commander, "then");
    tx(p.commander, "TERMINATE");
    pthread_join(p.thread, NULL);
    line("result", "%d", p.result);
}

/* A REP answers every command. */
static void rep_control(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_PUSH, INPROC);
    with_control(&p, ZMQ_REP, ZMQ_REQ);
    set_int(p.commander, ZMQ_RCVTIMEO, 500);
    start(&p);
    tx(p.commander, "STATISTICS");
    show_statistics(p.commander, "statistics");
    static const char *const commands[] = {"PAUSE", "unknown", "RESUME", "", "TERMINATE"};
    for (int k = 0; k < 5; k++) {
        tx(p.commander, commands[k]);
        say(text("'%s'", commands[k]), rx(p.commander));
    }
    pthread_join(p.thread, NULL);
    line("result", "%d", p.result);
}

static void control_types(void)
{
    static const int types[][2] = {
        {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_DEALER, ZMQ_DEALER}};
    for (size_t i = 0; i < 3; i++) {
        struct proxy p;
        const char *name = type_name(types[i][0]);
        prepare(&p, ZMQ_PULL, ZMQ_PUSH, INPROC);
        with_control(&p, types[i][0], types[i][1]);
        start(&p);
        void *push = peer(p.ctx, ZMQ_PUSH, p.front_end);
        void *pull = peer(p.ctx, ZMQ_PULL, p.back_end);
        tx(push, "one|way");
        say(text("%s passes", name), rx(pull));
        tx(p.commander, "TERMINATE");
        pthread_join(p.thread, NULL);
        line(text("%s result", name), "%d", p.result);
    }
}

/* A backend without a peer keeps the messages at the front. */
static void back_pressure(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_PUSH, INPROC);
    start(&p);
    void *push = peer(p.ctx, ZMQ_PUSH, p.front_end);
    for (int i = 0; i < 3; i++)
        tx(push, text("%d", i));
    void *pull = peer(p.ctx, ZMQ_PULL, p.back_end);
    for (int i = 0; i < 3; i++)
        say(text("message %d", i), rx(pull));
    stop(&p, "ends");
}

static void bad_handles(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_DEALER);
    say("no frontend", rc(zmq_proxy(NULL, s, NULL)));
    say("no backend", rc(zmq_proxy(s, NULL, NULL)));
    say("neither", rc(zmq_proxy(NULL, NULL, NULL)));
    say("steerable, no frontend", rc(zmq_proxy_steerable(NULL, s, NULL, s)));
    say("steerable, no backend", rc(zmq_proxy_steerable(s, NULL, NULL, s)));
}

static const struct rule rules[] = {
    RULE(forwards), RULE(publishes), RULE(captures), RULE(same_socket), RULE(steered),
    RULE_WITHIN(unknown_commands, 3000), RULE_WITHIN(rep_control, 4000), RULE(control_types), RULE(back_pressure), RULE(bad_handles),
};

RUN(rules)
