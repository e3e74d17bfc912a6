/* Round-robin sending and fair-queued receiving with peers that come and go, and that are full or empty: what each one
 * gets against what a naive count says. patterns.md section 1.4. */
#include "transcript.h"

enum { MANY = 5 };

/* The receiver and the sender of each way to send in turn. */
static const int senders[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_REQ, ZMQ_REP}};

/* One message to whoever has the turn, seen to its end: the number of that peer. */
static int pass(void *sender, void **peers, int count)
{
    int asks = get_int(sender, ZMQ_TYPE) == ZMQ_REQ;
    if (strcmp(tx(sender, "one|message"), "7") != 0)
        return -1;
    zmq_pollitem_t items[MANY];
    for (int i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){peers[i], 0, ZMQ_POLLIN, 0};
    if (zmq_poll(items, count, PATIENCE) != 1)
        return -1;
    for (int i = 0; i < count; i++) {
        if (!items[i].revents)
            continue;
        if (strcmp(rx_now(peers[i]), "[one|message]") != 0)
            return -1;
        if (asks && (strcmp(tx(peers[i], "yes"), "3") != 0 || strcmp(rx(sender), "[yes]") != 0))
            return -1;
        return i;
    }
    return -1;
}

/* Twice as many messages as there are peers: how many each got. */
static void turns(void *sender, void **peers, int count)
{
    int got[MANY + 1] = {0};
    for (int i = 0; i < 2 * count; i++)
        got[pass(sender, peers, count) + 1]++;
    char list[80] = "";
    for (int i = 0; i < count; i++)
        sprintf(list + strlen(list), " %d", got[i + 1]);
    in_line(text("%d peers", count), text("%s, lost %d", list + 1, got[0]));
}

static void round_robin(void)
{
    for (int k = 0; k < 3; k++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *sender = sock(ctx, senders[k][0]);
            char endpoint[256];
            snprintf(endpoint, sizeof endpoint, "%s", bind_any(sender, t));
            void *peers[MANY];
            int count = 0;
            begin_line(text("%s %s", transport_names[t], type_name(senders[k][0])));
            /* Five come; from the front, the middle and the end all but one go; three more come. */
            static const int steps[] = {1, 1, 1, 1, 1, -1, -3, -2, -1, 1, 1, 1};
            for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
                if (steps[step] > 0) {
                    peers[count] = sock(ctx, senders[k][1]);
                    attach_to(sender, peers[count++], endpoint);
                } else {
                    int gone = -steps[step] - 1;
                    leave(peers[gone], sender, t);
                    count--;
                    for (int i = gone; i < count; i++)
                        peers[i] = peers[i + 1];
                }
                turns(sender, peers, count);
            }
            end_line();
        }
    }
}

/* How many messages a socket takes now. */
static int fill(void *socket)
{
    int count = 0;
    while (count < 100 && strcmp(tx_now(socket, text("%d|part", count)), "4") == 0)
        count++;
    return count;
}

static int drain(void *socket)
{
    int count = 0;
    while (rx_now(socket)[0] == '[')
        count++;
    return count;
}

static void full_is_passed_over(void)
{
    for (int k = 0; k < 2; k++) {
        void *ctx = context();
        void *sender = sock(ctx, senders[k][0]);
        set_int(sender, ZMQ_SNDHWM, 2);
        const char *endpoint = bind_any(sender, INPROC);
        void *peers[3];
        for (int i = 0; i < 3; i++) {
            peers[i] = sock(ctx, senders[k][1]);
            set_int(peers[i], ZMQ_RCVHWM, i + 1);
            attach_to(sender, peers[i], endpoint);
        }
        begin_line(type_name(senders[k][0]));
        in_line("taken", text("%d", fill(sender)));
        in_line("all full", tx_now(sender, "x"));
        in_line("first frame", tx_frame(sender, "x", ZMQ_DONTWAIT | ZMQ_SNDMORE));
        in_line("events", events(sender));
        for (int i = 2; i >= 0; i--) {
            int had = drain(peers[i]);
            in_line(text("peer %d had", i), text("%d", had));
            in_line("room", await(sender, ZMQ_POLLOUT));
            int taken = fill(sender);
            in_line("taken again", text("%d", taken));
            int others = i == 2 ? 0 : drain(peers[2]);
            in_line("by the others", text("%d", others));
        }
        end_line();
    }
}

/* What a receiver is told of who sent: the digit in its message. */
static int whose(void *receiver)
{
    const char *got = rx_now(receiver);
    int from = -1;
    for (const char *at = got; *at; at++) {
        if ((at[0] == '|' || at[0] == '[') && at[1] == 's' && at[2] >= '0' && at[2] <= '9')
            from = at[2] - '0';
    }
    if (get_int(receiver, ZMQ_TYPE) == ZMQ_REP && from >= 0)
        tx(receiver, "yes");
    return from;
}

static const int receivers[][2] = {{ZMQ_PULL, ZMQ_PUSH},   {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_ROUTER, ZMQ_DEALER},
                                   {ZMQ_REP, ZMQ_DEALER},  {ZMQ_SUB, ZMQ_PUB},       {ZMQ_XSUB, ZMQ_XPUB}};

struct meeting {
    void *ctx, *receiver, *peers[4];
};

static struct meeting meeting(int k, enum transport t)
{
    struct meeting m = {.ctx = context()};
    m.receiver = sock(m.ctx, receivers[k][0]);
    if (receivers[k][0] == ZMQ_SUB)
        subscribe(m.receiver, "s");
    if (receivers[k][0] == ZMQ_XSUB)
        tx_bytes(m.receiver, "\1s", 2, 0);
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "%s", bind_any(m.receiver, t));
    for (int i = 0; i < 4; i++) {
        m.peers[i] = sock(m.ctx, receivers[k][1]);
        set_bytes(m.peers[i], ZMQ_ROUTING_ID, text("id%d", i), 3);
        attach_to(m.receiver, m.peers[i], endpoint);
        if (receivers[k][0] == ZMQ_SUB || receivers[k][0] == ZMQ_XSUB)
            sync_subscriptions(m.peers[i], m.receiver);
    }
    return m;
}

static void send_some(struct meeting *m, int k, int peer, int count)
{
    for (int i = 0; i < count; i++)
        tx(m->peers[peer], text("%ss%d|%d", receivers[k][0] == ZMQ_REP ? "|" : "", peer, i));
}

/* Everything that was sent is in the queues, and the receiver knows. */
static void arrive(struct meeting *m)
{
    settle(m->ctx);
    settle(m->ctx);
    get_int(m->receiver, ZMQ_EVENTS);
}

static void one_round(struct meeting *m, int count)
{
    int seen[5] = {0};
    for (int i = 0; i < count; i++)
        seen[whose(m->receiver) + 1]++;
    in_line("round", text("%d %d %d %d, none %d", seen[1], seen[2], seen[3], seen[4], seen[0]));
}

static void fair_queue(void)
{
    static const int depths[][4] = {{2, 2, 2, 2}, {1, 2, 3, 4}, {4, 3, 2, 1}, {3, 1, 3, 1}, {0, 5, 0, 1}};
    for (int k = 0; k < 6; k++) {
        for (int t = INPROC; t <= IPC; t++) {
            for (int d = 0; d < 5; d++) {
                struct meeting m = meeting(k, t);
                begin_line(text("%s %s, set %d", transport_names[t], type_name(receivers[k][0]), d));
                for (int i = 0; i < 4; i++)
                    send_some(&m, k, i, depths[d][i]);
                arrive(&m);
                for (int round = 0; round < 5; round++) {
                    int active = 0;
                    for (int i = 0; i < 4; i++)
                        active += depths[d][i] > round;
                    one_round(&m, active);
                }
                in_line("then", rx_now(m.receiver));
                end_line();
                for (int i = 0; i < 4; i++)
                    shut(m.peers[i]);
                shut(m.receiver);
                term(m.ctx);
            }
        }
    }
}

/* A peer that has something again waits for its turn, and gets it. */
static void fair_queue_joins(void)
{
    for (int k = 0; k < 6; k++) {
        struct meeting m = meeting(k, INPROC);
        begin_line(type_name(receivers[k][0]));
        send_some(&m, k, 0, 6);
        arrive(&m);
        one_round(&m, 1);
        send_some(&m, k, 1, 3);
        arrive(&m);
        one_round(&m, 2);
        send_some(&m, k, 2, 2);
        send_some(&m, k, 3, 1);
        arrive(&m);
        one_round(&m, 4);
        one_round(&m, 3);
        shut(m.peers[0]);
        arrive(&m);
        in_line("and the rest", text("%d", drain(m.receiver) >= (receivers[k][0] == ZMQ_REP ? 1 : 2)));
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(round_robin), RULE(full_is_passed_over), RULE(fair_queue), RULE(fair_queue_joins),
};

RUN(rules)
