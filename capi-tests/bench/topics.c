/*
 * One SUB with many subscriptions at one PUB over tcp.
 *
 *     topics structured|random N COUNT
 *
 * Prints what a subscription costs in memory on both sides, how fast subscriptions are made (from the first
 * zmq_setsockopt until the publisher knows the last one), how long zmq_send takes for a topic that nobody has (it
 * differs from one that somebody has in its last letter), and how many messages that match a random one of the topics
 * arrive in a second. There are no high-water marks: libzmq drops subscriptions above them.
 */
#include "measure.h"

#include <zmq.h>

enum { TOPIC_BYTES = 24, BODY_BYTES = TOPIC_BYTES + SEQUENCE_BYTES, WINDOW = 800, STEP = 100, NO_LIMIT = 0 };

static const char first_topic[] = "!first", last_topic[] = "~last";

static int structured;
static uint64_t topics, count;

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Topic number i, padded with zeros; gives its length. */
static size_t put_topic(char topic[TOPIC_BYTES], uint64_t i)
{
    static const char *places[] = {"NYSE", "XETR", "XLON", "XPAR", "XTKS", "XHKG", "XNAS", "XSWX"};
    static const char *kinds[] = {"bid", "ask", "trd"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    memset(topic, 0, TOPIC_BYTES);
    if (structured) {
        snprintf(topic, TOPIC_BYTES, "md.%s.%05u.%s", places[i % 8], (unsigned) (i / 24), kinds[i / 8 % 3]);
    } else {
        const size_t length = 12 + mix(i) % 8;
        uint64_t at, bits = 0;
        for (at = 0; at < length; at++) {
            bits = at % 8 == 0 ? mix(i * 4 + at / 8 + 1) : bits >> 8;
            topic[at] = letters[(bits & 0xff) % (sizeof letters - 1)];
        }
    }
    return strlen(topic);
}

/* ---- the subscriber ---- */

static void receive_topic(void *socket, const char *topic)
{
    char body[BODY_BYTES];
    do
        if (receive(socket, body, sizeof body) != sizeof body)
            fail_text("a message of the wrong size arrived");
    while (strncmp(body, first_topic, TOPIC_BYTES) == 0 && topic != first_topic);
    if (strncmp(body, topic, TOPIC_BYTES) != 0)
        fail_text("a message of another topic arrived");
}

/* What is subscribed to, made beforehand: it costs as much as a subscription. */
static char (*choose_topics(void))[TOPIC_BYTES]
{
    char(*all)[TOPIC_BYTES] = CHECK_POINTER(calloc(topics, TOPIC_BYTES));
    uint64_t i;
    for (i = 0; i < topics; i++)
        put_topic(all[i], i);
    return all;
}

static void subscriber(struct link link)
{
    void *context = new_context();
    void *socket = open_socket(context, ZMQ_SUB, NO_LIMIT);
    char endpoint[ENDPOINT_BYTES], body[BODY_BYTES], (*const all)[TOPIC_BYTES] = choose_topics();
    uint64_t i, start, called;
    double memory;
    hear(link, endpoint, sizeof endpoint);
    CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, first_topic, strlen(first_topic)));
    CHECK(zmq_connect(socket, endpoint));
    receive_topic(socket, first_topic);
    tell_barrier(link);
    hear_barrier(link);
    memory = resident_bytes();
    start = now_ns();
    for (i = 0; i < topics; i++)
        CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, all[i], strlen(all[i])));
    CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, last_topic, strlen(last_topic)));
    called = now_ns();
    receive_topic(socket, last_topic);
    tell_number(link, since(start));
    tell_number(link, (double) (called - start) / 1e9);
    tell_number(link, resident_bytes() - memory);
    hear_barrier(link);
    for (i = 0; i < count; i++) {
        size_t got;
        do
            got = receive(socket, body, sizeof body);
        while (strncmp(body, last_topic, TOPIC_BYTES) == 0);
        if (got != sizeof body)
            fail_text("a message of the wrong size arrived");
        check_sequence(body + TOPIC_BYTES, SEQUENCE_BYTES, SEQUENCE_BYTES, i);
        if ((i + 1) % STEP == 0)
            tell_barrier(link);
    }
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
}

/* ---- the publisher ---- */

static void publish(void *socket, const char *topic, uint64_t sequence)
{
    char body[BODY_BYTES] = {0};
    strncpy(body, topic, TOPIC_BYTES);
    put_sequence(body + TOPIC_BYTES, sequence);
    CHECK(zmq_send(socket, body, sizeof body, 0));
}

/* Topics in random order, so that walking them is cheap and looking them up is not. */
static char (*choose_targets(void))[TOPIC_BYTES]
{
    char(*targets)[TOPIC_BYTES] = CHECK_POINTER(calloc(count, TOPIC_BYTES));
    uint64_t i;
    for (i = 0; i < count; i++)
        put_topic(targets[i], mix(i ^ 0x5eed) % topics);
    return targets;
}

static void send_missing(void *socket, char (*targets)[TOPIC_BYTES])
{
    uint64_t i, start;
    char topic[TOPIC_BYTES];
    double cpu = cpu_seconds(), seconds;
    start = now_ns();
    for (i = 0; i < count; i++) {
        memcpy(topic, targets[i], TOPIC_BYTES);
        topic[strlen(topic) - 1] = '#';
        publish(socket, topic, i);
    }
    seconds = since(start);
    print_value("miss_ns", seconds * 1e9 / (double) count);
    print_value("miss_rate", (double) count / seconds);
    print_value("miss_cpu_us", (cpu_seconds() - cpu) * 1e6 / (double) count);
}

static void send_matching(void *socket, struct link link, char (*targets)[TOPIC_BYTES])
{
    uint64_t i, start, acknowledged = 0;
    double cpu = cpu_seconds(), seconds;
    tell_barrier(link);
    start = now_ns();
    for (i = 0; i < count; i++) {
        for (; i - acknowledged >= WINDOW; acknowledged += STEP)
            hear_barrier(link);
        publish(socket, targets[i], i);
    }
    for (; acknowledged < count; acknowledged += STEP)
        hear_barrier(link);
    seconds = since(start);
    print_value("match_rate", (double) count / seconds);
    print_value("match_cpu_us", (cpu_seconds() - cpu) * 1e6 / (double) count); /* the publisher's only */
}

int main(int argc, char **argv)
{
    static const char text[] = "topics structured|random N COUNT";
    char endpoint[ENDPOINT_BYTES];
    char(*targets)[TOPIC_BYTES];
    struct link link;
    void *context, *socket;
    double memory, seconds;
    if (argc != 4)
        usage(text);
    begin();
    structured = strcmp(argv[1], "structured") == 0;
    if (!structured && strcmp(argv[1], "random") != 0)
        usage(text);
    topics = number(argv[2]);
    count = number(argv[3]);
    if (count % STEP != 0)
        fail_text("COUNT is a multiple of 100");
    link = start_process(subscriber);
    targets = choose_targets();
    context = new_context();
    socket = open_socket(context, ZMQ_PUB, NO_LIMIT);
    bind_tcp(socket, endpoint);
    tell(link, endpoint, sizeof endpoint);
    while (!can_hear(link, 1))
        publish(socket, first_topic, 0);
    hear_barrier(link);
    memory = resident_bytes();
    tell_barrier(link);
    while (!can_hear(link, 0)) {
        publish(socket, last_topic, 0);
        sleep_ns(50000);
    }
    seconds = hear_number(link);
    print_value("subscribe_rate", (double) topics / seconds);
    print_value("subscribe_call_us", hear_number(link) * 1e6 / (double) topics);
    print_value("subscriber_bytes_each", hear_number(link) / (double) topics);
    print_value("publisher_bytes_each", (resident_bytes() - memory) / (double) topics);
    send_missing(socket, targets);
    send_matching(socket, link, targets);
    let_processes_end();
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_end();
    return 0;
}
