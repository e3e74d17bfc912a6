/*
 * Small fixed workloads whose instructions instructions.py counts.
 *
 *     instructions topics|fanout|inproc|tcp COUNT
 *
 * topics   a PUB sends to a SUB with 10000 topics, none of which matches: what finding that out takes
 * fanout   a PUB sends to 10 SUBs of the same process, which receive
 * inproc   PUSH to PULL, 100 B
 * tcp      the same over tcp; only what the application's thread does is counted
 *
 * One thread sends and receives, so that the counts are the same each time. They are taken inside `work` only, which
 * runs once after a warm-up that does the same.
 */
#include "measure.h"

#include <zmq.h>

enum { BODY_BYTES = 100, TOPICS = 10000, TOPIC_BYTES = 32, SUBSCRIBERS = 10, BATCH = 50 };

static void *near, *far[SUBSCRIBERS];
static int receivers;
static char body[BODY_BYTES];

static void exchange(uint64_t count)
{
    char got[BODY_BYTES];
    uint64_t i, sent = 0;
    int r;
    while (sent < count) {
        const uint64_t batch = count - sent < BATCH ? count - sent : BATCH;
        for (i = 0; i < batch; i++)
            CHECK(zmq_send(near, body, sizeof body, 0));
        for (i = 0; i < batch; i++)
            for (r = 0; r < receivers; r++)
                if (receive(far[r], got, sizeof got) != sizeof got || memcmp(got, body, sizeof got) != 0)
                    fail_text("another message arrived");
        sent += batch;
    }
}

void work(uint64_t count) __attribute__((noinline));
void work(uint64_t count)
{
    exchange(count);
    __asm__ volatile("");
}

static void join(void *context, int near_type, int far_type, const char *wanted)
{
    const int tcp = strcmp(wanted, "tcp") == 0, publishes = near_type == ZMQ_PUB;
    char endpoint[ENDPOINT_BYTES] = "inproc://work";
    int r;
    near = open_socket(context, near_type, HIGH_WATER_MARK);
    if (tcp)
        bind_tcp(near, endpoint);
    else
        CHECK(zmq_bind(near, endpoint));
    for (r = 0; r < (receivers > 0 ? receivers : 1); r++) {
        far[r] = open_socket(context, far_type, HIGH_WATER_MARK);
        if (publishes && receivers > 0)
            CHECK(zmq_setsockopt(far[r], ZMQ_SUBSCRIBE, "", 0));
        CHECK(zmq_connect(far[r], endpoint));
    }
}

static void subscribe(void)
{
    char topic[TOPIC_BYTES];
    int i;
    for (i = 0; i < TOPICS; i++) {
        snprintf(topic, sizeof topic, "md.%02d.%04d.bid", i % 16, i);
        CHECK(zmq_setsockopt(far[0], ZMQ_SUBSCRIBE, topic, strlen(topic)));
    }
    snprintf(body, sizeof body, "md.%02d.%04d.ask", 4711 % 16, 4711);
}

int main(int argc, char **argv)
{
    static const char text[] = "instructions topics|fanout|inproc|tcp COUNT";
    void *context;
    uint64_t count;
    int r;
    if (argc != 3)
        usage(text);
    begin();
    context = new_context();
    count = number(argv[2]);
    receivers = strcmp(argv[1], "topics") == 0 ? 0 : strcmp(argv[1], "fanout") == 0 ? SUBSCRIBERS : 1;
    if (receivers == 1)
        join(context, ZMQ_PUSH, ZMQ_PULL, argv[1]);
    else
        join(context, ZMQ_PUB, ZMQ_SUB, argv[1]);
    if (receivers == 0)
        subscribe();
    exchange(count);
    work(count);
    CHECK(zmq_close(near));
    for (r = 0; r < SUBSCRIBERS && far[r] != NULL; r++)
        CHECK(zmq_close(far[r]));
    CHECK(zmq_ctx_term(context));
    print_end();
    return 0;
}
