/* ZMQ_CONFLATE: the newest value arrives, whatever races with it. queues.md section 4. */
#include "expect.h"

#include <pthread.h>
#include <semaphore.h>

enum { ROUNDS = 1000 };

struct writer {
    void *socket;
    sem_t go;
};

/* Bursts of values without a pause; the last one of each says so. */
static void *write_bursts(void *argument)
{
    struct writer *it = argument;
    unsigned random = 1;
    for (int round = 0, value = 0; round < turns(ROUNDS); round++) {
        sem_wait(&it->go);
        random = random * 1103515245 + 12345;
        for (unsigned left = random >> 16 & 31;; left--) {
            int body[2] = {value++, left == 0};
            zmq_send(it->socket, body, sizeof body, 0);
            if (left == 0)
                break;
        }
    }
    return NULL;
}

/* After each burst only the newest has to come; what comes before is older, and comes in order. */
static void hammer(const char *name, void *from, void *to)
{
    struct writer writer = {from, {{0}}};
    pthread_t thread;
    sem_init(&writer.go, 0, 0);
    pthread_create(&thread, NULL, write_bursts, &writer);
    int wrong = 0;
    for (int round = 0, last = -1; round < turns(ROUNDS) && !wrong; round++) {
        sem_post(&writer.go);
        int body[2] = {0, 0};
        do {
            if (zmq_recv(to, body, sizeof body, 0) != sizeof body) {
                line(name, "WRONG: round %d: %s after %d", round, rc(-1), last);
                wrong++;
                break;
            }
            if (body[0] <= last) {
                line(name, "WRONG: round %d: %d after %d", round, body[0], last);
                wrong++;
            }
            last = body[0];
        } while (!body[1]);
    }
    for (int i = 0; wrong && i < ROUNDS; i++)
        sem_post(&writer.go);
    pthread_join(thread, NULL);
    sem_destroy(&writer.go);
    expect(text("%s, no value lost", name), text("%d", wrong), "0");
}

static void newest_value(enum transport t)
{
    static const int pairs[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_DEALER, ZMQ_DEALER}};
    for (int k = 0; k < 3; k++) {
        for (int who = 1; who < 4; who++) {
            static const char *const names[] = {"", "sender", "receiver", "both"};
            /* Over inproc one socket's setting is both's. */
            if (t == INPROC && who == 3)
                continue;
            void *ctx = context();
            void *from = sock(ctx, pairs[k][0]), *to = sock(ctx, pairs[k][1]);
            set_int(from, ZMQ_CONFLATE, who & 1);
            set_int(to, ZMQ_CONFLATE, who >> 1);
            set_int(from, ZMQ_SNDHWM, who & 1);
            set_int(to, ZMQ_RCVHWM, who >> 1);
            if (pairs[k][1] == ZMQ_SUB)
                subscribe(to, "");
            if (who == 2)
                attach(from, to, t);
            else
                attach(to, from, t);
            if (pairs[k][1] == ZMQ_SUB) {
                /* "" is in force when something comes. */
                zmq_pollitem_t item = {to, 0, ZMQ_POLLIN, 0};
                int body[2] = {-1, 0};
                for (long end = now_ms() + PATIENCE; zmq_poll(&item, 1, 2) == 0 && now_ms() < end;)
                    zmq_send(from, body, sizeof body, 0);
                int early[2] = {-1, 1};
                zmq_send(from, early, sizeof early, 0);
                while (zmq_recv(to, body, sizeof body, 0) == sizeof body && !body[1])
                    ;
            }
            hammer(text("%s to %s, %s", type_name(pairs[k][0]), type_name(pairs[k][1]), names[who]), from, to);
        }
    }
}

static void newest_value_inproc(void)
{
    newest_value(INPROC);
}

static void newest_value_tcp(void)
{
    newest_value(TCP);
}

static void newest_value_ipc(void)
{
    newest_value(IPC);
}

/* The last value of one that leaves is not lost to its leaving. */
static void last_value_of_one_that_leaves(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        int wrong = 0;
        for (int round = 0; round < turns(100); round++) {
            void *ctx = context();
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            set_int(push, ZMQ_CONFLATE, 1);
            set_int(push, ZMQ_LINGER, -1);
            const char *endpoint = bind_any(pull, t);
            connect_to(push, endpoint);
            tx(push, "older");
            tx(push, "last");
            if (round % 2)
                zmq_disconnect(push, endpoint);
            else
                shut(push);
            const char *got = rx(pull);
            wrong += differs(transport_names[t], strcmp(got, "[older]") == 0 ? rx(pull) : got, "[last]");
            if (round % 2)
                shut(push);
            shut(pull);
            term(ctx);
        }
        expect(text("%s, no value lost", transport_names[t]), text("%d", wrong), "0");
    }
}

static const struct rule rules[] = {
    {"newest_value_inproc", newest_value_inproc, 60000}, {"newest_value_tcp", newest_value_tcp, 60000},
    {"newest_value_ipc", newest_value_ipc, 60000}, RULE(last_value_of_one_that_leaves),
};

RUN(rules)
