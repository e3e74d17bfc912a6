/* Several publishers and subscribers do random things, and a plain table says what has to come of each. patterns.md 8. */
#include "transcript.h"

enum { PUBLISHERS = 2, SUBSCRIBERS = 4, TOPICS = 12, ROUNDS = 60, MESSAGES = 8 };

/* Some are prefixes of others. */
static const char *const topics[TOPICS] = {"", "a", "ab", "abc", "abd", "b", "ba", "bab", "c", "A", "a\x01", "ab\xff"};

struct world {
    void *ctx, *pubs[PUBLISHERS], *subs[SUBSCRIBERS];
    int sub_types[SUBSCRIBERS];
    /* How often each subscriber asked for each topic. */
    int asked[SUBSCRIBERS][TOPICS];
    unsigned random;
};

static unsigned below(struct world *it, unsigned bound)
{
    it->random = it->random * 1103515245 + 12345;
    return (it->random >> 16) % bound;
}

static int starts_with(const char *body, const char *topic)
{
    return strncmp(body, topic, strlen(topic)) == 0;
}

static int wants(const struct world *it, int sub, const char *body)
{
    for (int i = 0; i < TOPICS; i++)
        if (it->asked[sub][i] && starts_with(body, topics[i]))
            return 1;
    return 0;
}

static void change(struct world *it, int sub, int topic, int subscribe_)
{
    char frame[16];
    frame[0] = (char) subscribe_;
    strcpy(frame + 1, topics[topic]);
    if (it->sub_types[sub] == ZMQ_XSUB)
        zmq_send(it->subs[sub], frame, strlen(frame + 1) + 1, 0);
    else
        zmq_setsockopt(it->subs[sub], subscribe_ ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, frame + 1, strlen(frame + 1));
    if (subscribe_)
        it->asked[sub][topic]++;
    else if (it->asked[sub][topic])
        it->asked[sub][topic]--;
}

/* All changes so far are in force at all publishers: each hears of a topic that came after them. */
static void in_force(struct world *it)
{
    static int number;
    for (int s = 0; s < SUBSCRIBERS; s++) {
        char frame[32];
        sprintf(frame, "\001~%d~", ++number);
        if (it->sub_types[s] == ZMQ_XSUB)
            tx(it->subs[s], frame);
        else
            subscribe(it->subs[s], frame + 1);
        for (int p = 0; p < PUBLISHERS; p++)
            if (strcmp(skip_to(it->pubs[p], shown(frame, strlen(frame))), "yes") != 0)
                give_up("a subscription");
    }
}

/* Sends some messages on each publisher and compares what comes; how much is wrong. */
static int round_of(struct world *it, int number)
{
    int wrong = 0;
    for (int p = 0; p < PUBLISHERS; p++) {
        char bodies[MESSAGES][40];
        for (int m = 0; m < MESSAGES; m++) {
            sprintf(bodies[m], "%s%s", topics[below(it, TOPICS)], below(it, 2) ? "x" : "");
            zmq_send(it->pubs[p], bodies[m], strlen(bodies[m]), ZMQ_SNDMORE);
            tx(it->pubs[p], text("%d", m));
        }
        tx(it->pubs[p], "~end");
        for (int s = 0; s < SUBSCRIBERS; s++) {
            char expected[200] = "", got[200] = "";
            for (int m = 0; m < MESSAGES; m++)
                if (wants(it, s, bodies[m]))
                    sprintf(expected + strlen(expected), "[%s|%d]", shown(bodies[m], strlen(bodies[m])), m);
            const char *message;
            while (strcmp(message = rx(it->subs[s]), "[~end]") != 0 && message[0] == '[')
                strncat(got, message, sizeof got - strlen(got) - 1);
            if (strcmp(expected, got) != 0) {
                line("WRONG", "round %d, %d to %d: %s instead of %s", number, p, s, got, expected);
                wrong++;
            }
        }
    }
    return wrong;
}

static void join(struct world *it, int s, const char *const *endpoints)
{
    it->subs[s] = sock(it->ctx, it->sub_types[s]);
    memset(it->asked[s], 0, sizeof it->asked[s]);
    if (it->sub_types[s] == ZMQ_XSUB)
        tx(it->subs[s], "\001~end");
    else
        subscribe(it->subs[s], "~end");
    for (int p = 0; p < PUBLISHERS; p++)
        attach_to(it->pubs[p], it->subs[s], endpoints[p]);
}

static void agree(enum transport t)
{
    struct world it = {.ctx = context(), .random = 7 + (unsigned) t,
                       .sub_types = {ZMQ_SUB, ZMQ_XSUB, ZMQ_SUB, ZMQ_XSUB}};
    const char *endpoints[PUBLISHERS];
    for (int p = 0; p < PUBLISHERS; p++) {
        it.pubs[p] = sock(it.ctx, ZMQ_XPUB);
        endpoints[p] = bind_any(it.pubs[p], t);
    }
    for (int s = 0; s < SUBSCRIBERS; s++)
        join(&it, s, endpoints);
    int wrong = 0;
    for (int number = 0; number < ROUNDS && wrong < 5; number++) {
        for (int i = 0; i < 10; i++) {
            int s = (int) below(&it, SUBSCRIBERS);
            change(&it, s, (int) below(&it, TOPICS), below(&it, 5) < 3);
        }
        /* One leaves, and another comes in its place. */
        if (below(&it, 4) == 0) {
            int s = (int) below(&it, SUBSCRIBERS);
            shut(it.subs[s]);
            join(&it, s, endpoints);
        }
        in_force(&it);
        wrong += round_of(&it, number);
    }
    line("agree", "%s", wrong ? "no" : "yes");
}

static void over_inproc(void)
{
    agree(INPROC);
}

static void over_tcp(void)
{
    agree(TCP);
}

static void over_ipc(void)
{
    agree(IPC);
}

static const struct rule rules[] = {RULE(over_inproc), RULE(over_tcp), RULE(over_ipc)};

RUN(rules)
