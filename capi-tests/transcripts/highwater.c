/* High-water marks against a naive oracle: marks of all sizes on both sides, walks of sends and reads, parked
 * connects, endpoints without a listener, marks that change. queues.md section 2. */
#include "transcript.h"

#include <pthread.h>

/* More than any mark used here. */
#define MANY 200

static int is_sent(void *socket)
{
    return zmq_send(socket, "m", 1, ZMQ_DONTWAIT) == 1;
}

/* How many messages a socket accepts without waiting. */
static int fill(void *socket)
{
    int count = 0;
    while (count < MANY && is_sent(socket))
        count++;
    return count;
}

/* Receives a whole message, if there is one. */
static int is_read(void *socket)
{
    char buffer[8];
    if (zmq_recv(socket, buffer, sizeof buffer, ZMQ_DONTWAIT) == -1)
        return 0;
    while (get_int(socket, ZMQ_RCVMORE))
        zmq_recv(socket, buffer, sizeof buffer, 0);
    return 1;
}

static int drain(void *socket)
{
    int count = 0;
    while (is_read(socket))
        count++;
    return count;
}

/* What a writer knows of a queue, and its reader. */
struct oracle {
    int limit; /* 0: none */
    int written, read, reported;
};

static int takes(struct oracle *queue)
{
    if (queue->limit && queue->written - queue->reported >= queue->limit)
        return 0;
    queue->written++;
    return 1;
}

static int gives(struct oracle *queue)
{
    if (queue->read == queue->written)
        return 0;
    queue->read++;
    int step = (queue->limit + 1) / 2;
    if (step && queue->read % step == 0)
        queue->reported = queue->read;
    return 1;
}

static int sum(int sender, int receiver)
{
    return sender && receiver ? sender + receiver : 0;
}

/* A number below `bound`, the same ones in every run. */
static int dice(unsigned *state, int bound)
{
    *state = *state * 1103515245u + 12345u;
    return (int) (*state >> 16 & 0x7fff) % bound;
}

/* ---- inproc: exactly the sum ---- */

struct way {
    const char *name;
    int writer, reader;
};

static const struct way ways[] = {
    {"PUSH PULL", ZMQ_PUSH, ZMQ_PULL},         {"PAIR PAIR", ZMQ_PAIR, ZMQ_PAIR},
    {"DEALER DEALER", ZMQ_DEALER, ZMQ_DEALER}, {"DEALER ROUTER", ZMQ_DEALER, ZMQ_ROUTER},
    {"DEALER REP", ZMQ_DEALER, ZMQ_REP},       {"XPUB SUB", ZMQ_XPUB, ZMQ_SUB},
    {"XSUB XPUB", ZMQ_XSUB, ZMQ_XPUB},         {"PUB SUB", ZMQ_PUB, ZMQ_SUB},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* Both ends of a way with these marks; the writer fails with EAGAIN when there is no room, unless it is a PUB. */
static void open_way(void *ctx, const struct way *way, int sndhwm, int rcvhwm, void **writer, void **reader)
{
    *writer = sock(ctx, way->writer);
    *reader = sock(ctx, way->reader);
    set_int(*writer, ZMQ_SNDHWM, sndhwm);
    set_int(*reader, ZMQ_RCVHWM, rcvhwm);
    if (way->writer == ZMQ_XPUB)
        set_int(*writer, ZMQ_XPUB_NODROP, 1);
    if (way->reader == ZMQ_SUB)
        subscribe(*reader, "");
}

static void close_way(void *writer, void *reader)
{
    shut(writer);
    shut(reader);
}

static void pairs(void)
{
    for (int binds = 0; binds < 2; binds++) {
        for (int sndhwm = 0; sndhwm <= 20; sndhwm++) {
            void *ctx = context();
            char accepted[256] = "";
            for (int rcvhwm = 0; rcvhwm <= 20; rcvhwm++) {
                void *push, *pull;
                open_way(ctx, &ways[0], sndhwm, rcvhwm, &push, &pull);
                attach(binds ? push : pull, binds ? pull : push, INPROC);
                sprintf(accepted + strlen(accepted), " %d", fill(push));
                close_way(push, pull);
            }
            line(text("SNDHWM %d, PUSH %s", sndhwm, binds ? "binds" : "connects"), "%s", accepted + 1);
        }
    }
}

/* Runs of sends and reads at random; how many of them the oracle gets wrong. */
static const char *walk(void *writer, void *reader, struct oracle queue, unsigned seed, int steps)
{
    /* These drop what has no room. */
    int drops = get_int(writer, ZMQ_TYPE) == ZMQ_PUB || get_int(writer, ZMQ_TYPE) == ZMQ_XSUB;
    int wrong = 0, sent = 0;
    while (steps-- > 0) {
        int run = 1 + dice(&seed, 6);
        if (dice(&seed, 2)) {
            get_int(writer, ZMQ_EVENTS);
            for (; run > 0; run--) {
                int taken = is_sent(writer), room = takes(&queue);
                wrong += taken != (drops || room);
                sent += taken;
            }
        } else {
            for (; run > 0; run--)
                wrong += is_read(reader) != gives(&queue);
        }
    }
    return text("%d sent, %d wrong", sent, wrong);
}

static void walks(void)
{
    for (size_t w = 0; w < WAYS; w++) {
        if (ways[w].reader == ZMQ_REP || ways[w].reader == ZMQ_XPUB)
            continue; /* one takes the next after its reply only, the other reads ahead */
        void *ctx = context();
        unsigned seed = 7 + (unsigned) w;
        for (int round = 0; round < 12; round++) {
            int sndhwm = dice(&seed, 9), rcvhwm = dice(&seed, 9), binds = dice(&seed, 2);
            void *writer, *reader;
            open_way(ctx, &ways[w], sndhwm, rcvhwm, &writer, &reader);
            attach(binds ? writer : reader, binds ? reader : writer, INPROC);
            struct oracle queue = {sum(sndhwm, rcvhwm), 0, 0, 0};
            say(text("%s %d/%d", ways[w].name, sndhwm, rcvhwm),
                walk(writer, reader, queue, seed, 300));
            close_way(writer, reader);
        }
    }
}

static void all_types(void)
{
    static const int marks[][2] = {{1, 1}, {2, 3}, {4, 1}};
    for (size_t w = 0; w < WAYS; w++) {
        for (int i = 0; i < 3; i++) {
            void *ctx = context();
            void *writer, *reader;
            open_way(ctx, &ways[w], marks[i][0], marks[i][1], &writer, &reader);
            attach(writer, reader, INPROC);
            int accepted = 0;
            for (int n = 0; n < 20; n++)
                accepted += is_sent(writer);
            /* REP reads one and waits for the reply. */
            line(text("%s %d/%d", ways[w].name, marks[i][0], marks[i][1]), "%d accepted, %d arrive",
                 accepted, drain(reader));
        }
    }
}

/* A ROUTER's limit is that of each peer's pipe. */
static void router(void)
{
    for (int mandatory = 0; mandatory < 2; mandatory++) {
        void *ctx = context();
        void *from = sock(ctx, ZMQ_ROUTER);
        set_int(from, ZMQ_SNDHWM, 2);
        set_int(from, ZMQ_ROUTER_MANDATORY, mandatory);
        const char *endpoint = bind_any(from, INPROC);
        void *to[2];
        for (int i = 0; i < 2; i++) {
            to[i] = sock(ctx, ZMQ_DEALER);
            set_bytes(to[i], ZMQ_ROUTING_ID, i ? "b" : "a", 1);
            set_int(to[i], ZMQ_RCVHWM, i ? 3 : 1);
            attach_to(from, to[i], endpoint);
        }
        for (int i = 0; i < 2; i++) {
            char results[128] = "";
            for (int n = 0; n < 7; n++)
                sprintf(results + strlen(results), " %s", tx_now(from, i ? "b|m" : "a|m"));
            line(text("mandatory %d, %s", mandatory, i ? "2/3" : "2/1"), "%s, %d arrive", results + 1,
                 drain(to[i]));
        }
    }
}

/* Both directions of a pipe have marks of their own. */
static void directions(void)
{
    for (int binds = 0; binds < 2; binds++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        set_int(a, ZMQ_SNDHWM, 1);
        set_int(a, ZMQ_RCVHWM, 2);
        set_int(b, ZMQ_SNDHWM, 4);
        set_int(b, ZMQ_RCVHWM, 8);
        attach(binds ? a : b, binds ? b : a, INPROC);
        const char *name = binds ? "binds" : "connects";
        line(text("%s, its 1 with 8", name), "%d", fill(a));
        line(text("%s, 4 with its 2", name), "%d", fill(b));
        line(text("%s, arrive", name), "%d %d", drain(b), drain(a));
    }
}

static void no_limit(void)
{
    static const int marks[][2] = {{5, 0}, {0, 5}, {0, 0}};
    for (int i = 0; i < 3; i++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], marks[i][0], marks[i][1], &push, &pull);
        attach(pull, push, INPROC);
        int count = 0;
        while (count < 100000 && is_sent(push))
            count++;
        line(text("%d/%d", marks[i][0], marks[i][1]), "%d accepted, %d arrive", count, drain(pull));
    }
}

/* The size of a message does not matter, nor that of its frames, nor how many they are. */
static void sizes(void)
{
    static const size_t all[] = {0, 1, 33, 34, 8192, 1000000};
    char *data = calloc(1, 1000000);
    for (size_t i = 0; i < 6; i++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], 2, 3, &push, &pull);
        attach(pull, push, INPROC);
        int count = 0;
        while (count < MANY && zmq_send(push, data, all[i], ZMQ_DONTWAIT) != -1)
            count++;
        line(text("%zu bytes", all[i]), "%d", count);
    }
    for (int t = INPROC; t <= TCP; t++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], 1, 1, &push, &pull);
        if (t == INPROC)
            attach(pull, push, INPROC);
        else
            connect_to(push, "tcp://127.0.0.1:9");
        for (int frames = 1; frames <= 1000; frames *= 10) {
            int refused = 0, count = 0;
            for (; count < 3; count++) {
                for (int i = 1; i < frames; i++) {
                    if (zmq_send(push, "f", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE) == -1) {
                        refused = i;
                        break;
                    }
                }
                if (refused || !is_sent(push))
                    break;
            }
            line(text("%s of %d frames", transport_names[t], frames), "%d, then refused at frame %d",
                 count, refused ? refused : frames);
            if (t == TCP)
                break; /* nobody takes them */
            drain(pull);
            get_int(push, ZMQ_EVENTS);
        }
    }
    free(data);
}

/* ---- one end only ---- */

static void before_bind(void)
{
    void *ctx = context();
    int number = 0;
    for (int sndhwm = 0; sndhwm <= 5; sndhwm++) {
        char parked[128] = "", more[128] = "";
        for (int rcvhwm = 0; rcvhwm <= 5; rcvhwm++) {
            const char *name = text("inproc://later-%d", number++);
            void *push, *pull;
            open_way(ctx, &ways[0], sndhwm, rcvhwm, &push, &pull);
            connect_to(push, name);
            sprintf(parked + strlen(parked), " %d", fill(push));
            zmq_bind(pull, name);
            get_int(push, ZMQ_EVENTS);
            sprintf(more + strlen(more), " %d", fill(push));
            close_way(push, pull);
        }
        line(text("SNDHWM %d parked", sndhwm), "%s", parked + 1);
        line(text("SNDHWM %d more when bound", sndhwm), "%s", more + 1);
    }
    /* The receiver waits: its mark is added to that of the sender that binds. */
    for (int rcvhwm = 0; rcvhwm <= 3; rcvhwm++) {
        const char *name = text("inproc://later-%d", number++);
        void *push, *pull;
        open_way(ctx, &ways[0], 2, rcvhwm, &push, &pull);
        connect_to(pull, name);
        zmq_bind(push, name);
        line(text("PULL of %d parked", rcvhwm), "%d", fill(push));
        close_way(push, pull);
    }
}

/* Sent while parked, read when bound: the phase of the reports counts from the first message. */
static void before_bind_walks(void)
{
    void *ctx = context();
    unsigned seed = 99;
    for (int round = 0; round < 12; round++) {
        int sndhwm = 1 + dice(&seed, 6), rcvhwm = 1 + dice(&seed, 6);
        const char *name = text("inproc://walk-%d", round);
        void *push, *pull;
        open_way(ctx, &ways[0], sndhwm, rcvhwm, &push, &pull);
        connect_to(push, name);
        struct oracle queue = {sndhwm, 0, 0, 0};
        int wrong = 0;
        for (int i = dice(&seed, 9); i > 0; i--)
            wrong += is_sent(push) != takes(&queue);
        zmq_bind(pull, name);
        queue.limit = sndhwm + rcvhwm;
        line(text("%d/%d parked", sndhwm, rcvhwm), "%d wrong", wrong);
        say(text("%d/%d then", sndhwm, rcvhwm), walk(push, pull, queue, seed, 300));
        close_way(push, pull);
    }
}

static void nobody_listens(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        char accepted[256] = "";
        for (int sndhwm = 0; sndhwm <= 20; sndhwm++) {
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(push, ZMQ_SNDHWM, sndhwm);
            connect_to(push, t == TCP ? "tcp://127.0.0.1:9" : "ipc://nobody");
            sprintf(accepted + strlen(accepted), " %d", fill(push));
            shut(push);
        }
        line(text("%s 0 to 20", transport_names[t]), "%s", accepted + 1);
    }
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 10);
    for (int i = 0; i < 3; i++)
        connect_to(push, text("tcp://127.0.0.1:%d", 7 + i));
    line("three endpoints of 10", "%d", fill(push));
}

/* ---- changes ---- */

/* Both marks are equal when the pipe is made: then 4.3.4, too, takes the sum of what they are. */
static void changes(void)
{
    static const int cases[][2] = {{3, 5}, {3, 1}, {5, 20}, {5, 2}, {2, 0}, {4, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int who = 0; who < 2; who++) {
            for (int before = 0; before < 3; before += 2) {
                void *ctx = context();
                void *push, *pull;
                open_way(ctx, &ways[0], cases[i][0], cases[i][0], &push, &pull);
                attach(pull, push, INPROC);
                for (int n = 0; n < before; n++)
                    tx(push, "m");
                set_int(who ? pull : push, who ? ZMQ_RCVHWM : ZMQ_SNDHWM, cases[i][1]);
                get_int(push, ZMQ_EVENTS);
                get_int(pull, ZMQ_EVENTS);
                line(text("%s from %d to %d, %d written", who ? "RCVHWM" : "SNDHWM", cases[i][0],
                          cases[i][1], before),
                     "%d more", fill(push));
            }
        }
    }
}

/* Again and again, with all of it read in between. */
static void many_changes(void)
{
    void *ctx = context();
    void *push, *pull;
    open_way(ctx, &ways[0], 4, 4, &push, &pull);
    attach(pull, push, INPROC);
    unsigned seed = 5;
    int stuck = 0, over = 0, lost = 0;
    for (int round = 0; round < 200; round++) {
        int who = dice(&seed, 2), mark = 1 + dice(&seed, 9);
        set_int(who ? pull : push, who ? ZMQ_RCVHWM : ZMQ_SNDHWM, mark);
        get_int(push, ZMQ_EVENTS);
        get_int(pull, ZMQ_EVENTS);
        int sent = fill(push);
        stuck += sent == 0;
        over += sent > 18;
        lost += drain(pull) != sent;
        get_int(push, ZMQ_EVENTS);
    }
    line("no room for one with nothing in the queue", "%s", stuck ? "stays so" : "never");
    line("more than both marks", "%d", over);
    line("lost", "%d", lost);
}

/* Found full before the mark is raised. */
static void raised_while_full(void)
{
    for (int who = 0; who < 2; who++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], 3, 3, &push, &pull);
        attach(pull, push, INPROC);
        const char *name = who ? "RCVHWM" : "SNDHWM";
        line(text("%s full", name), "%d", fill(push));
        set_int(who ? pull : push, who ? ZMQ_RCVHWM : ZMQ_SNDHWM, 7);
        get_int(push, ZMQ_EVENTS);
        get_int(pull, ZMQ_EVENTS);
        line(text("%s raised", name), "%d", fill(push));
        char steps[128] = "";
        for (int read = 0; read < 6; read++) {
            is_read(pull);
            get_int(push, ZMQ_EVENTS);
            sprintf(steps + strlen(steps), " %d", fill(push));
        }
        line(text("%s after each read", name), "%s", steps + 1);
    }
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, 2);
    connect_to(push, "tcp://127.0.0.1:9");
    line("nobody listens full", "%d", fill(push));
    set_int(push, ZMQ_SNDHWM, 6);
    get_int(push, ZMQ_EVENTS);
    line("nobody listens raised", "%d", fill(push));
}

static void lowered_while_full(void)
{
    for (int who = 0; who < 2; who++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], 5, 5, &push, &pull);
        attach(pull, push, INPROC);
        const char *name = who ? "RCVHWM" : "SNDHWM";
        line(text("%s full", name), "%d", fill(push));
        set_int(who ? pull : push, who ? ZMQ_RCVHWM : ZMQ_SNDHWM, 1);
        get_int(push, ZMQ_EVENTS);
        get_int(pull, ZMQ_EVENTS);
        line(text("%s lowered", name), "%d", fill(push));
        line(text("%s all are there", name), "%d", drain(pull));
        get_int(push, ZMQ_EVENTS);
        int more = fill(push);
        line(text("%s room again", name), "%d", more > 0 && more <= 6);
        line(text("%s all of it", name), "%d", drain(pull) == more);
    }
}

/* What a stalled reader lets through is bounded, not lost, and goes on when it reads. */
static void stalled(void)
{
    static const int all[] = {100, 10000, 1000000};
    char *data = calloc(1, 1000000);
    for (int t = TCP; t <= IPC; t++) {
        for (size_t i = 0; i < 3; i++) {
            void *ctx = context();
            void *push, *pull;
            open_way(ctx, &ways[0], 2, 2, &push, &pull);
            set_int(push, ZMQ_SNDBUF, 4096);
            set_int(pull, ZMQ_RCVBUF, 4096);
            attach(pull, push, t);
            set_int(push, ZMQ_SNDTIMEO, 300);
            size_t size = (size_t) all[i];
            int sent = 0;
            while (sent < 2000 && zmq_send(push, data, size, 0) == all[i])
                sent++;
            const char *name = text("%s, %d bytes", transport_names[t], all[i]);
            line(text("%s, at least both marks", name), "%d", sent >= 4);
            line(text("%s, beyond them no more than the system holds", name), "%d",
                 (sent - 8) * all[i] < 500000);
            if (all[i] == 1000000) {
                zmq_recv(pull, data, size, 0);
                say(text("%s, room after one read", name), await(push, ZMQ_POLLOUT));
                line(text("%s, one more", name), "%d", zmq_send(push, data, size, 0));
            }
            set_int(pull, ZMQ_RCVTIMEO, 1000);
            int got = 0;
            while (got < sent && zmq_recv(pull, data, size, 0) == all[i])
                got++;
            line(text("%s, the rest", name), "%s, then %s", got == sent ? "arrives" : text("%d", got), rx_now(pull));
        }
    }
    free(data);
}

struct blocked {
    void *socket;
    int sent;
};

static void *send_ten(void *argument)
{
    struct blocked *it = argument;
    for (it->sent = 0; it->sent < 10 && zmq_send(it->socket, "m", 1, 0) == 1; it->sent++)
        ;
    return NULL;
}

/* A sender that waits goes on with the reads, whatever the receiver made of its mark meanwhile. */
static void changed_while_a_sender_waits(void)
{
    static const int marks[] = {1, 4, 9, 0};
    for (size_t i = 0; i < 4; i++) {
        void *ctx = context();
        void *push, *pull;
        open_way(ctx, &ways[0], 2, 2, &push, &pull);
        attach(pull, push, INPROC);
        set_int(push, ZMQ_SNDTIMEO, 1500);
        set_int(pull, ZMQ_RCVTIMEO, 1500);
        fill(push);
        struct blocked sender = {push, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, send_ten, &sender);
        set_int(pull, ZMQ_RCVHWM, marks[i]);
        int got = 0;
        while (got < 14 && rx(pull)[0] == '[')
            got++;
        pthread_join(thread, NULL);
        line(text("RCVHWM 2 to %d", marks[i]), "%d sent, %d read", sender.sent, got);
    }
}

/* Marks that were different when the pipe was made. */
static void changes_of_unequal_marks(void)
{
    static const int cases[][3] = {{100, 10, 20}, {3, 7, 5}, {1, 2, 1}, {0, 5, 6}, {5, 0, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int who = 0; who < 2; who++) {
            void *ctx = context();
            void *push, *pull;
            open_way(ctx, &ways[0], cases[i][0], cases[i][1], &push, &pull);
            attach(push, pull, INPROC);
            set_int(who ? pull : push, who ? ZMQ_RCVHWM : ZMQ_SNDHWM, cases[i][2]);
            get_int(push, ZMQ_EVENTS);
            get_int(pull, ZMQ_EVENTS);
            line(text("%d/%d, then %s %d", cases[i][0], cases[i][1], who ? "RCVHWM" : "SNDHWM", cases[i][2]),
                 "%d", fill(push));
        }
    }
    for (int mark = 1; mark <= 3; mark++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_SNDHWM, 2);
        connect_to(push, "inproc://parked");
        set_int(push, ZMQ_SNDHWM, mark);
        line(text("parked with 2, then %d", mark), "%d", fill(push));
    }
}

static const struct rule rules[] = {
    RULE(pairs), RULE(walks), RULE(all_types), RULE(router), RULE(directions), RULE(no_limit), RULE(sizes),
    RULE(before_bind), RULE(before_bind_walks), RULE(nobody_listens), RULE(stalled), RULE(changes),
    RULE(many_changes), RULE(raised_while_full), RULE(lowered_while_full),
    RULE(changed_while_a_sender_waits), RULE(changes_of_unequal_marks),
};

RUN(rules)
