/*
 * One PUB and many SUBs over tcp, 100 B, everything reaches everybody.
 *
 *     fanout stream N COUNT [--raw]    messages as fast as the slowest subscriber keeps up with
 *     fanout lone   N COUNT [--raw]    one message at a time while all sleep: how long until the last has it
 *
 * The subscribers are N sockets of one thread of another process, or with --raw plain connections of it (rawpeers.h),
 * which shows the publisher's part. A PUB drops what a slow subscriber has no room for: the publisher is never more
 * than WINDOW messages ahead, and its high-water mark is well above that (it hears of what was read only when half of
 * the mark was, and when it looks, which libzmq does once in a millisecond). Every subscriber checks every message's
 * number.
 */
#include "rawpeers.h"

#include <zmq.h>

enum { BODY_BYTES = 100, WINDOW = 800, STEP = 100, SMOOTH = 64, QUIET_NS = 300000, WARMUP = 20 };
enum { PUBLISHER_MARK = 4 * HIGH_WATER_MARK };

/* Sent until every subscriber has had one, and START once behind them, so that all know where the count begins. */
static const uint64_t PRIME = UINT64_MAX, START = UINT64_MAX - 1;

static int subscribers, raw, lone;
static uint64_t count;

static uint64_t sequence_of(const void *body)
{
    uint64_t sequence;
    memcpy(&sequence, body, sizeof sequence);
    return sequence;
}

static uint64_t sent_at(const void *body)
{
    return sequence_of((const char *) body + SEQUENCE_BYTES);
}

/* ---- subscribers of the library ---- */

static void sub_receive(void *socket, uint64_t sequence, char *body)
{
    check_sequence(body, receive(socket, body, BODY_BYTES), BODY_BYTES, sequence);
}

static void sub_process(struct link link)
{
    void *context = new_context();
    void **sockets = CHECK_POINTER(calloc((size_t) subscribers, sizeof *sockets));
    char endpoint[ENDPOINT_BYTES], body[BODY_BYTES];
    double cpu;
    uint64_t i;
    int s;
    hear(link, endpoint, sizeof endpoint);
    for (s = 0; s < subscribers; s++) {
        sockets[s] = open_socket(context, ZMQ_SUB, HIGH_WATER_MARK);
        CHECK(zmq_setsockopt(sockets[s], ZMQ_SUBSCRIBE, "", 0));
        CHECK(zmq_connect(sockets[s], endpoint));
    }
    for (s = 0; s < subscribers; s++)
        sub_receive(sockets[s], PRIME, body);
    tell_barrier(link);
    for (s = 0; s < subscribers; s++)
        do
            receive(sockets[s], body, sizeof body);
        while (sequence_of(body) == PRIME);
    tell_barrier(link);
    cpu = cpu_seconds();
    for (i = 0; i < count; i++) {
        for (s = 0; s < subscribers; s++)
            sub_receive(sockets[s], i, body);
        if (lone)
            tell_number(link, (double) (now_ns() - sent_at(body)));
        else if ((i + 1) % STEP == 0)
            tell_barrier(link);
    }
    tell_number(link, cpu_seconds() - cpu);
    for (s = 0; s < subscribers; s++)
        CHECK(zmq_close(sockets[s]));
    CHECK(zmq_ctx_term(context));
}

/* ---- subscribers on plain sockets ---- */

static int primed, started;
static uint64_t last_sent_at;
static int *passed; /* by step (or by message if lone): how many subscribers have got that far */

static void take_frame(struct peers *peers, struct peer *peer, int flags, const unsigned char *body, size_t size)
{
    (void) peers;
    if (flags != 0 || size != BODY_BYTES)
        fail_text("a message of another form arrived");
    if (sequence_of(body) == PRIME) {
        primed += !peer->busy;
        peer->busy = 1;
    } else if (sequence_of(body) == START) {
        started++;
    } else {
        check_sequence(body, size, BODY_BYTES, peer->next);
        peer->next++;
        last_sent_at = sent_at(body);
        if (lone)
            passed[peer->next - 1]++;
        else if (peer->next % STEP == 0)
            passed[peer->next / STEP - 1]++;
    }
}

static void raw_process(struct link link)
{
    static const unsigned char subscribe_all[] = {0, 1, 1};
    struct peers peers;
    char endpoint[ENDPOINT_BYTES];
    const uint64_t steps = lone ? count : count / STEP;
    uint64_t i;
    double cpu;
    passed = CHECK_POINTER(calloc(steps, sizeof *passed));
    hear(link, endpoint, sizeof endpoint);
    peers.frame = take_frame;
    connect_peers(&peers, port_of(endpoint), subscribers, SMOOTH, "SUB", subscribe_all, sizeof subscribe_all);
    while (primed < subscribers)
        pump_peers(&peers, -1);
    tell_barrier(link);
    while (started < subscribers)
        pump_peers(&peers, -1);
    tell_barrier(link);
    cpu = cpu_seconds();
    for (i = 0; i < steps; i++) {
        while (passed[i] < subscribers)
            pump_peers(&peers, -1);
        if (lone)
            tell_number(link, (double) (now_ns() - last_sent_at));
        else
            tell_barrier(link);
    }
    tell_number(link, cpu_seconds() - cpu);
    hear_barrier(link);
    drop_peers(&peers);
}

/* ---- the publisher ---- */

static void publish(void *socket, uint64_t sequence)
{
    char body[BODY_BYTES] = {0};
    const uint64_t now = now_ns();
    memcpy(body, &sequence, sizeof sequence);
    memcpy(body + SEQUENCE_BYTES, &now, sizeof now);
    CHECK(zmq_send(socket, body, sizeof body, 0));
}

static void stream(void *socket, struct link link)
{
    uint64_t i, acknowledged = 0;
    const uint64_t start = now_ns();
    double cpu = cpu_seconds(), seconds, far_cpu;
    for (i = 0; i < count; i++) {
        for (; i - acknowledged >= WINDOW; acknowledged += STEP)
            hear_barrier(link);
        publish(socket, i);
    }
    for (; acknowledged < count; acknowledged += STEP)
        hear_barrier(link);
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    far_cpu = hear_number(link);
    print_value("deliveries_per_second", (double) count * subscribers / seconds);
    print_value("publisher_cpu_us", cpu * 1e6 / ((double) count * subscribers));
    print_value("cpu_us", (cpu + far_cpu) * 1e6 / ((double) count * subscribers));
}

static void send_lone(void *socket, struct link link)
{
    uint64_t *times = CHECK_POINTER(calloc(count, sizeof *times));
    uint64_t i;
    for (i = 0; i < count; i++) {
        sleep_ns(QUIET_NS); /* everybody sleeps again */
        publish(socket, i);
        times[i] = (uint64_t) hear_number(link);
    }
    hear_number(link);
    print_times(times + WARMUP, count - WARMUP);
    free(times);
}

int main(int argc, char **argv)
{
    static const char text[] = "fanout stream|lone SUBSCRIBERS COUNT [--raw]";
    char endpoint[ENDPOINT_BYTES];
    struct link link;
    void *context, *socket;
    if (argc < 4 || argc > 5)
        usage(text);
    begin();
    lone = strcmp(argv[1], "lone") == 0;
    if (!lone && strcmp(argv[1], "stream") != 0)
        usage(text);
    subscribers = (int) number(argv[2]);
    count = number(argv[3]);
    raw = argc == 5 && strcmp(argv[4], "--raw") == 0;
    if (lone ? count <= WARMUP : count % STEP != 0)
        fail_text("a stream has a multiple of 100 messages, and more than 20 are sent alone");
    link = start_process(raw ? raw_process : sub_process);
    context = new_context();
    socket = open_socket(context, ZMQ_PUB, PUBLISHER_MARK);
    bind_tcp(socket, endpoint);
    tell(link, endpoint, sizeof endpoint);
    while (!can_hear(link, 1))
        publish(socket, PRIME);
    hear_barrier(link);
    publish(socket, START);
    hear_barrier(link);
    if (lone)
        send_lone(socket, link);
    else
        stream(socket, link);
    let_processes_end();
    if (raw)
        tell_barrier(link);
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_end();
    return 0;
}
