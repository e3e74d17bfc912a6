/* zmq_proxy between sockets of each type, and what zmq_proxy_steerable obeys, counts and answers. api.md section 8. */
#include "transcript.h"

#include <pthread.h>
#include <sys/socket.h>

/* A proxy in its own thread. Each of its sockets has one peer outside, connected before it starts. */
struct proxy {
    void *ctx, *front, *back, *capture, *control;
    void *before, *behind, *seen, *commander;
    pthread_t thread;
    int result, error;
};

static void *run(void *argument)
{
    struct proxy *p = argument;
    p->result = p->control ? zmq_proxy_steerable(p->front, p->back, p->capture, p->control)
                           : zmq_proxy(p->front, p->back, p->capture);
    p->error = zmq_errno();
    return NULL;
}

static void shut_own(struct proxy *p)
{
    void *own[] = {p->front, p->back == p->front ? NULL : p->back, p->capture, p->control};
    for (int i = 0; i < 4; i++) {
        if (own[i])
            shut(own[i]);
    }
}

static int peer_of(int type)
{
    static const int peers[] = {ZMQ_PAIR,   ZMQ_SUB,  ZMQ_PUB,  ZMQ_REP,  ZMQ_REQ, ZMQ_DEALER,
                                ZMQ_DEALER, ZMQ_PUSH, ZMQ_PULL, ZMQ_XSUB, ZMQ_XPUB};
    return peers[type];
}

/* A socket of the proxy and its peer, both subscribed to everything. */
static void *side(void *ctx, int type, void **peer)
{
    void *socket = sock(ctx, type);
    *peer = sock(ctx, peer_of(type));
    if (type == ZMQ_ROUTER)
        set_bytes(*peer, ZMQ_ROUTING_ID, "id", 2);
    attach(socket, *peer, INPROC);
    if (type == ZMQ_SUB)
        subscribe(socket, "");
    if (type == ZMQ_PUB)
        subscribe(*peer, "");
    if (type == ZMQ_XSUB) {
        tx_bytes(socket, "\1", 1, 0);
        rx(*peer);
    }
    if (type == ZMQ_XPUB) {
        tx_bytes(*peer, "\1", 1, 0);
        rx(socket);
    }
    get_int(*peer, ZMQ_EVENTS);
    get_int(socket, ZMQ_EVENTS);
    return socket;
}

static void prepare(struct proxy *p, int front, int back)
{
    memset(p, 0, sizeof *p);
    p->ctx = context();
    p->front = side(p->ctx, front, &p->before);
    p->back = back == -1 ? p->front : side(p->ctx, back, &p->behind);
}

static void with_control(struct proxy *p, int type)
{
    p->control = side(p->ctx, type, &p->commander);
}

static void start(struct proxy *p)
{
    pthread_create(&p->thread, NULL, run, p);
}

static const char *joined(struct proxy *p)
{
    pthread_join(p->thread, NULL);
    shut_own(p);
    return p->result == -1 ? error_name(p->error) : text("%d", p->result);
}

static const char *stopped(struct proxy *p)
{
    zmq_ctx_shutdown(p->ctx);
    return joined(p);
}

static const char *terminated(struct proxy *p)
{
    tx(p->commander, "TERMINATE");
    return joined(p);
}

static int receives(int type)
{
    return type != ZMQ_PUB && type != ZMQ_PUSH;
}

/* Its peer speaks first. */
static int speaks(int type)
{
    return receives(type) && type != ZMQ_REQ;
}

static int takes(int type)
{
    return type != ZMQ_SUB && type != ZMQ_PULL;
}

/* What a peer says: a subscription where those are messages, after an id where one is read off. */
static const char *saying(int from, int to, int number)
{
    return from == ZMQ_XPUB ? text("\1%d", number) : text("%s%d|x", to == ZMQ_ROUTER ? "id|" : "", number);
}

static const char *pass(void *from, int from_type, void *to, int to_type, int number)
{
    if (!speaks(from_type))
        return "-";
    const char *sent = tx(from, saying(from_type, to_type, number));
    /* A subscription begins with no id that a ROUTER knows. */
    if (sent[0] == 'E' || !takes(to_type) || (from_type == ZMQ_XPUB && to_type == ZMQ_ROUTER))
        return text("sent %s", sent);
    return rx(to);
}

/* The front's peer says something, then the back's. REP has a rule of its own. */
static void pairs_with(int front)
{
    for (int back = ZMQ_PAIR; back <= ZMQ_XSUB; back++) {
        if (back == ZMQ_REP)
            continue;
        struct proxy p;
        prepare(&p, front, back);
        start(&p);
        begin_line(text("%s %s", type_name(front), type_name(back)));
        in_line("forth", pass(p.before, front, p.behind, back, 1));
        in_line("back", pass(p.behind, back, p.before, front, 2));
        in_line("ends", stopped(&p));
        end_line();
        shut(p.before);
        shut(p.behind);
    }
}

#define PAIRS(name, type) static void pairs_##name(void) { pairs_with(type); }
PAIRS(pair, ZMQ_PAIR)
PAIRS(pub, ZMQ_PUB)
PAIRS(sub, ZMQ_SUB)
PAIRS(req, ZMQ_REQ)
PAIRS(dealer, ZMQ_DEALER)
PAIRS(router, ZMQ_ROUTER)
PAIRS(pull, ZMQ_PULL)
PAIRS(push, ZMQ_PUSH)
PAIRS(xpub, ZMQ_XPUB)
PAIRS(xsub, ZMQ_XSUB)

/* A REP passes one request on; looking for the next one is out of turn, which ends the proxy. */
static void rep_in_front(void)
{
    for (int back = ZMQ_PAIR; back <= ZMQ_XSUB; back++) {
        if (back == ZMQ_REP || !takes(back))
            continue;
        struct proxy p;
        prepare(&p, ZMQ_REP, back);
        start(&p);
        tx(p.before, back == ZMQ_ROUTER ? "id|1" : "1");
        const char *got = rx(p.behind);
        line(type_name(back), "%s, ends %s", got, joined(&p));
        shut(p.before);
        shut(p.behind);
    }
    struct proxy p;
    prepare(&p, ZMQ_PAIR, ZMQ_REP);
    start(&p);
    tx(p.before, "not asked for");
    tx(p.behind, "asks");
    say("behind, sends nothing before it is asked", rx(p.before));
    say("behind, ends", joined(&p));
}

/* A REQ of the proxy asks, and its answer goes back; looking for another is out of turn, as is a second request. */
static void req_behind(void)
{
    struct proxy p;
    prepare(&p, ZMQ_DEALER, ZMQ_REQ);
    start(&p);
    tx(p.before, "question");
    say("question", rx(p.behind));
    tx(p.behind, "answer");
    say("answer", rx(p.before));
    say("ends", joined(&p));
    prepare(&p, ZMQ_DEALER, ZMQ_REQ);
    tx(p.before, "one");
    tx(p.before, "two");
    start(&p);
    say("first of two", rx(p.behind));
    say("two at once", joined(&p));
}

/* One socket on both sides gives back what it gets, if it can. */
static void same_socket(void)
{
    for (int type = ZMQ_PAIR; type <= ZMQ_XSUB; type++) {
        struct proxy p;
        prepare(&p, type, -1);
        start(&p);
        begin_line(type_name(type));
        int fails = type == ZMQ_SUB || type == ZMQ_PULL || type == ZMQ_REP;
        if (speaks(type)) {
            tx(p.before, saying(type, 0, 1));
            if (!fails)
                in_line("gets", rx(p.before));
        }
        in_line("ends", fails ? joined(&p) : stopped(&p));
        end_line();
        shut(p.before);
    }
}

static int connect_plainly(int port)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    unsigned char *bytes = (unsigned char *) &address;
    bytes[2] = (unsigned char) (port >> 8);
    bytes[3] = (unsigned char) port;
    memcpy(bytes + 4, "\x7f\0\0\1", 4);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *) &address, 16) != 0)
        give_up("connect");
    return fd;
}

static const char *read_plainly(int fd, size_t size)
{
    char buffer[64] = "";
    for (size_t at = 0; at < size;) {
        ssize_t got = recv(fd, buffer + at, size - at, 0);
        if (got <= 0)
            return text("%zu bytes", at);
        at += (size_t) got;
    }
    return text("%s", buffer);
}

/* Plain tcp: an echo server of one socket, and a program behind a PAIR. */
static void streams(void)
{
    struct proxy p;
    memset(&p, 0, sizeof p);
    p.ctx = context();
    p.front = p.back = sock(p.ctx, ZMQ_STREAM);
    set_int(p.front, ZMQ_STREAM_NOTIFY, 0);
    int port = port_of(bind_any(p.front, TCP));
    start(&p);
    int fd = connect_plainly(port);
    line("write", "%d", (int) send(fd, "hello", 5, 0));
    say("echo", read_plainly(fd, 5));
    close(fd);
    say("echo ends", stopped(&p));

    memset(&p, 0, sizeof p);
    p.ctx = context();
    p.front = sock(p.ctx, ZMQ_STREAM);
    set_int(p.front, ZMQ_STREAM_NOTIFY, 0);
    port = port_of(bind_any(p.front, TCP));
    p.back = side(p.ctx, ZMQ_PAIR, &p.behind);
    start(&p);
    fd = connect_plainly(port);
    line("write to a program", "%d", (int) send(fd, "question", 8, 0));
    zmq_msg_t id;
    zmq_msg_init(&id);
    line("id", "%d", zmq_msg_recv(&id, p.behind, 0));
    say("data", rx(p.behind));
    zmq_msg_send(&id, p.behind, ZMQ_SNDMORE);
    tx(p.behind, "answer");
    say("answer", read_plainly(fd, 6));
    close(fd);
    say("ends", stopped(&p));
}

/* A send that fails ends the proxy with its error. */
static void failures(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_ROUTER);
    set_int(p.back, ZMQ_ROUTER_MANDATORY, 1);
    start(&p);
    tx(p.before, "nobody|x");
    say("unknown peer of a mandatory ROUTER", joined(&p));

    prepare(&p, ZMQ_PULL, ZMQ_PUSH);
    p.capture = sock(p.ctx, ZMQ_PULL);
    start(&p);
    tx(p.before, "x");
    say("capture that cannot send", joined(&p));

    prepare(&p, ZMQ_PULL, ZMQ_XSUB);
    start(&p);
    tx(p.before, "x");
    say("data to an XSUB", rx(p.behind));
    say("data to an XSUB, ends", stopped(&p));
}

static void closed_sockets(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR), *other = sock(ctx, ZMQ_PAIR), *closed = sock(ctx, ZMQ_PAIR);
    shut(closed);
    zmq_ctx_shutdown(ctx);
    say("shut down", rc(zmq_proxy(s, other, NULL)));
    say("shut down, steerable", rc(zmq_proxy_steerable(s, other, NULL, NULL)));
    say("shut down, one socket", rc(zmq_proxy(s, s, NULL)));
}

static void closed_frontend(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR), *closed = sock(ctx, ZMQ_PAIR);
    shut(closed);
    say("frontend", rc(zmq_proxy(closed, s, NULL)));
    say("backend", rc(zmq_proxy(s, closed, NULL)));
    say("both", rc(zmq_proxy(closed, closed, NULL)));
}

static void device_without_sockets(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    say("no frontend", rc(zmq_device(1, NULL, s)));
    say("no backend", rc(zmq_device(1, s, NULL)));
}

/* Each frame to the capture socket first, both directions, with the same flags. */
static void captures(void)
{
    static const int types[] = {ZMQ_PAIR, ZMQ_PUB, ZMQ_DEALER, ZMQ_PUSH, ZMQ_XPUB};
    for (size_t i = 0; i < 5; i++) {
        struct proxy p;
        const char *name = type_name(types[i]);
        prepare(&p, ZMQ_PAIR, ZMQ_PAIR);
        p.capture = side(p.ctx, types[i], &p.seen);
        start(&p);
        tx(p.before, "a||c");
        say(text("%s forth", name), rx(p.behind));
        tx(p.behind, "d");
        say(text("%s back", name), rx(p.before));
        say(text("%s captured", name), rx(p.seen));
        say(text("%s captured", name), rx(p.seen));
        say(text("%s ends", name), stopped(&p));
    }
}

/* A capture socket without room holds everything up. */
static void full_capture(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_PUSH);
    p.capture = sock(p.ctx, ZMQ_PUSH);
    set_int(p.capture, ZMQ_SNDTIMEO, -1);
    const char *endpoint = bind_any(p.capture, INPROC);
    start(&p);
    tx(p.before, "a|b");
    say("nobody takes the copy", rx_quiet(p.behind));
    p.seen = sock(p.ctx, ZMQ_PULL);
    connect_to(p.seen, endpoint);
    say("somebody does", rx(p.behind));
    say("copy", rx(p.seen));
    shut(p.seen);
    say("ends", stopped(&p));
}

/* Bursts in both directions at once through small queues: all arrive, in order. */
struct flow {
    void *out, *in;
    int count, wrong;
};

static void *flow_out(void *argument)
{
    struct flow *flow = argument;
    for (int i = 0; i < flow->count; i++)
        zmq_send(flow->out, &i, sizeof i, 0);
    return NULL;
}

static void bursts(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct proxy p;
        memset(&p, 0, sizeof p);
        p.ctx = context();
        void **all[] = {&p.front, &p.back, &p.before, &p.behind};
        for (int i = 0; i < 4; i++) {
            *all[i] = sock(p.ctx, i == 0 || i == 3 ? ZMQ_PULL : ZMQ_PUSH);
            set_int(*all[i], ZMQ_SNDHWM, 7);
            set_int(*all[i], ZMQ_RCVHWM, 7);
        }
        attach(p.front, p.before, t);
        attach(p.back, p.behind, t);
        start(&p);
        struct flow flow = {p.before, p.behind, 5000, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, flow_out, &flow);
        for (int i = 0; i < flow.count; i++) {
            int number = -1;
            zmq_recv(flow.in, &number, sizeof number, 0);
            flow.wrong += number != i;
        }
        pthread_join(thread, NULL);
        line(transport_names[t], "wrong %d, ends %s", flow.wrong, stopped(&p));
        shut(p.before);
        shut(p.behind);
    }
}

/* Each direction has its turn, however much the other has; the copies show the order. */
static void turns(void)
{
    struct proxy p;
    memset(&p, 0, sizeof p);
    p.ctx = context();
    void **all[] = {&p.front, &p.before, &p.back, &p.behind, &p.capture, &p.seen};
    for (int i = 0; i < 6; i++) {
        *all[i] = sock(p.ctx, ZMQ_PAIR);
        set_int(*all[i], ZMQ_SNDHWM, 0);
        set_int(*all[i], ZMQ_RCVHWM, 0);
    }
    for (int i = 0; i < 6; i += 2)
        attach(*all[i], *all[i + 1], INPROC);
    struct flow forth = {p.before, p.behind, 5000, 0};
    flow_out(&forth);
    tx(p.behind, "other way");
    start(&p);
    int at = 0;
    while (at < 5000 && strncmp(rx(p.seen), "[other", 6) != 0)
        at++;
    line("messages before the other direction's turn", "%d", at);
    for (int i = 0; i < forth.count; i++) {
        int number = -1;
        zmq_recv(forth.in, &number, sizeof number, 0);
        forth.wrong += number != i;
    }
    line("wrong", "%d", forth.wrong);
    say("ends", stopped(&p));
}

struct counts {
    uint64_t numbers[8];
    const char *bad;
};

static struct counts statistics(void *commander)
{
    struct counts counts = {{0}, NULL};
    int more = 1, count = 0;
    tx(commander, "STATISTICS");
    while (more && count < 8) {
        if (zmq_recv(commander, &counts.numbers[count++], 8, 0) != 8)
            counts.bad = "frame";
        more = get_int(commander, ZMQ_RCVMORE);
    }
    if (more || count != 8)
        counts.bad = "count";
    return counts;
}

static unsigned random_state = 12345;

static unsigned next_random(unsigned below)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % below;
}

/* One message of some frames of some sizes through the proxy; counted on the way. */
static int send_counted(void *from, void *to, uint64_t counts[2])
{
    static char buffer[3000];
    int frames = 1 + (int) next_random(4), wrong = 0;
    for (int i = 0; i < frames; i++) {
        size_t size = next_random(5) == 0 ? 0 : next_random(sizeof buffer);
        wrong += zmq_send(from, buffer, size, i + 1 < frames ? ZMQ_SNDMORE : 0) != (int) size;
        counts[0]++;
        counts[1] += size;
    }
    int more = 1;
    for (int i = 0; more; i++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        wrong += zmq_msg_recv(&part, to, 0) == -1;
        more = zmq_msg_more(&part);
        wrong += more != (i + 1 < frames);
        zmq_msg_close(&part);
    }
    return wrong;
}

static void counts(void)
{
    struct proxy p;
    prepare(&p, ZMQ_DEALER, ZMQ_DEALER);
    with_control(&p, ZMQ_PAIR);
    start(&p);
    uint64_t forth[2] = {0, 0}, back[2] = {0, 0};
    int wrong = 0, same = 0;
    for (int i = 0; i < 200; i++) {
        if (next_random(3) == 0)
            wrong += send_counted(p.behind, p.before, back);
        else
            wrong += send_counted(p.before, p.behind, forth);
        if (i % 10 == 9) {
            struct counts got = statistics(p.commander);
            const uint64_t expected[8] = {forth[0], forth[1], back[0], back[1],
                                          back[0],  back[1],  forth[0], forth[1]};
            same += !got.bad && memcmp(got.numbers, expected, sizeof expected) == 0;
        }
    }
    line("wrong frames", "%d", wrong);
    line("statistics as counted", "%d of 20", same);
    say("ends", terminated(&p));
}

static void pauses(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PAIR, ZMQ_PAIR);
    with_control(&p, ZMQ_PAIR);
    start(&p);
    for (int round = 0; round < 3; round++) {
        tx(p.commander, "PAUSE");
        tx(p.commander, "PAUSE");
        struct counts before = statistics(p.commander);
        for (int i = 0; i < 3; i++) {
            tx(p.before, text("%d", i));
            tx(p.behind, text("back %d", i));
        }
        if (round == 0)
            say("nothing passes", rx_quiet(p.behind));
        struct counts after = statistics(p.commander);
        line(text("round %d, counted", round), "%d", memcmp(&before, &after, sizeof before));
        tx(p.commander, "RESUME");
        tx(p.commander, "RESUME");
        for (int i = 0; i < 3; i++)
            line(text("round %d, message %d", round, i), "%s %s", rx(p.behind), rx(p.before));
    }
    tx(p.commander, "PAUSE");
    say("ends while paused", terminated(&p));
}

static void ends_while_paused(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PAIR, ZMQ_PAIR);
    with_control(&p, ZMQ_PAIR);
    start(&p);
    tx(p.commander, "PAUSE");
    statistics(p.commander);
    say("shutdown", stopped(&p));
}

/* Paused before anything was there, and commands that wait already. */
static void commands_first(void)
{
    struct proxy p;
    prepare(&p, ZMQ_PAIR, ZMQ_PAIR);
    with_control(&p, ZMQ_PAIR);
    tx(p.before, "x");
    tx(p.commander, "TERMINATE");
    start(&p);
    say("ends", joined(&p));
}

static void control_types(void)
{
    static const int types[] = {ZMQ_PAIR, ZMQ_SUB, ZMQ_PULL, ZMQ_DEALER};
    for (size_t i = 0; i < 4; i++) {
        struct proxy p;
        const char *name = type_name(types[i]);
        prepare(&p, ZMQ_PULL, ZMQ_PUSH);
        with_control(&p, types[i]);
        start(&p);
        tx(p.before, "1");
        say(text("%s passes", name), rx(p.behind));
        tx(p.commander, "PAUSE");
        if (types[i] == ZMQ_PAIR || types[i] == ZMQ_DEALER)
            line(text("%s statistics", name), "%d", (int) statistics(p.commander).numbers[0]);
        tx(p.commander, "RESUME");
        tx(p.before, "2");
        say(text("%s passes again", name), rx(p.behind));
        say(text("%s ends", name), terminated(&p));
    }
}

/* STATISTICS to a control socket that cannot answer. */
static void statistics_without_answer(void)
{
    static const int types[] = {ZMQ_SUB, ZMQ_PULL};
    for (size_t i = 0; i < 2; i++) {
        struct proxy p;
        prepare(&p, ZMQ_PULL, ZMQ_PUSH);
        with_control(&p, types[i]);
        start(&p);
        tx(p.commander, "STATISTICS");
        say(type_name(types[i]), joined(&p));
    }
}

/* No command is longer, shorter or of several frames. */
static void not_quite_commands(void)
{
    static const char *const commands[] = {"PAUSE\\0", "PAUS", "pause", "TERMINATE ", "RESUMED", "KILL", " PAUSE", ""};
    struct proxy p;
    prepare(&p, ZMQ_PULL, ZMQ_PUSH);
    with_control(&p, ZMQ_PAIR);
    start(&p);
    for (size_t i = 0; i < 8; i++)
        tx(p.commander, commands[i]);
    tx_bytes(p.commander, "PAUSE", 6, 0);
    tx_bytes(p.commander, "TERMINATE", 10, 0);
    tx(p.before, "x");
    say("passes", rx(p.behind));
    tx(p.commander, "PAUSE|RESUME");
    tx(p.before, "y");
    say("two frames, two commands", rx(p.behind));
    say("ends", terminated(&p));
}

static void same_socket_with_control(void)
{
    struct proxy p;
    prepare(&p, ZMQ_ROUTER, -1);
    with_control(&p, ZMQ_PAIR);
    start(&p);
    tx(p.before, "a|b");
    say("comes back", rx(p.before));
    tx(p.commander, "PAUSE");
    struct counts got = statistics(p.commander);
    line("statistics", "%d %d, %d %d, %d %d, %d %d", (int) got.numbers[0], (int) got.numbers[1],
         (int) got.numbers[2], (int) got.numbers[3], (int) got.numbers[4], (int) got.numbers[5],
         (int) got.numbers[6], (int) got.numbers[7]);
    tx(p.before, "c");
    say("paused", rx_quiet(p.before));
    tx(p.commander, "RESUME");
    say("resumed", rx(p.before));
    say("ends", terminated(&p));
}

static const struct rule rules[] = {
    RULE(pairs_pair), RULE(pairs_pub), RULE(pairs_sub), RULE(pairs_req), RULE(pairs_dealer),
    RULE(pairs_router), RULE(pairs_pull), RULE(pairs_push), RULE(pairs_xpub), RULE(pairs_xsub), RULE(rep_in_front), RULE(req_behind), RULE(same_socket),
    RULE(streams), RULE(failures), RULE(closed_sockets), RULE_WITHIN(closed_frontend, 2000),
    RULE_WITHIN(device_without_sockets, 2000), RULE(captures), RULE(full_capture), RULE(bursts),
    RULE(turns), RULE(counts), RULE(pauses), RULE(ends_while_paused), RULE(commands_first),
    RULE(control_types), RULE(statistics_without_answer), RULE_WITHIN(not_quite_commands, 2000),
    RULE_WITHIN(same_socket_with_control, 2000),
};

RUN(rules)
