/*
 * Messages between two sockets.
 *
 *     messages throughput TRANSPORT SIZE COUNT WARMUP [--msg] [--hwm N] [--curve]
 *     messages latency    TRANSPORT SIZE COUNT WARMUP [--msg] [--curve]
 *
 * TRANSPORT is tcp, ipc or inproc. Throughput streams PUSH -> PULL, latency plays REQ/REP ping-pong and times every
 * round trip. tcp and ipc run as two processes, inproc as two threads of one context. The near side binds and measures,
 * the far side connects; with --curve the near side is the server of CURVE, without a handler. Every message carries its sequence number, and the receiver checks size and number.
 */
#include "measure.h"

#include <zmq.h>

enum mode { THROUGHPUT, LATENCY };

struct plan {
    enum mode mode;
    const char *transport;
    size_t size;
    uint64_t count;
    uint64_t warmup;
    int use_msg; /* zmq_msg_* instead of zmq_send and zmq_recv */
    int high_water_mark;
    int curve;
};

static struct plan plan = {THROUGHPUT, NULL, 0, 0, 0, 0, HIGH_WATER_MARK, 0};

enum { KEY_BYTES = 41 };

/* Of both sides, made before they part. */
static struct keys {
    char public_key[KEY_BYTES];
    char secret_key[KEY_BYTES];
} near_keys, far_keys;

static void make_keys(struct keys *keys)
{
    CHECK(zmq_curve_keypair(keys->public_key, keys->secret_key));
}

static void set_key(void *socket, int option, const char *key)
{
    CHECK(zmq_setsockopt(socket, option, key, KEY_BYTES));
}

static void become_server(void *socket)
{
    const int on = 1;

    set_key(socket, ZMQ_CURVE_SECRETKEY, near_keys.secret_key);
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on));
}

static void become_client(void *socket)
{
    set_key(socket, ZMQ_CURVE_PUBLICKEY, far_keys.public_key);
    set_key(socket, ZMQ_CURVE_SECRETKEY, far_keys.secret_key);
    set_key(socket, ZMQ_CURVE_SERVERKEY, near_keys.public_key);
}

/* One side's view: its socket, its buffer and its end of the link. */
struct side {
    void *context;
    void *socket;
    char *buffer;
    struct link link;
};

static void send_one(struct side *side, uint64_t sequence)
{
    put_sequence(side->buffer, sequence);
    if (plan.use_msg) {
        zmq_msg_t msg;
        CHECK(zmq_msg_init_size(&msg, plan.size));
        memcpy(zmq_msg_data(&msg), side->buffer, plan.size);
        CHECK(zmq_msg_send(&msg, side->socket, 0));
    } else {
        CHECK(zmq_send(side->socket, side->buffer, plan.size, 0));
    }
}

static void recv_one(struct side *side, uint64_t sequence)
{
    if (plan.use_msg) {
        zmq_msg_t msg;
        CHECK(zmq_msg_init(&msg));
        CHECK(zmq_msg_recv(&msg, side->socket, 0));
        check_sequence(zmq_msg_data(&msg), zmq_msg_size(&msg), plan.size, sequence);
        CHECK(zmq_msg_close(&msg));
    } else {
        const size_t got = receive(side->socket, side->buffer, plan.size);
        check_sequence(side->buffer, got, plan.size, sequence);
    }
}

static void open_side(struct side *side, int type)
{
    side->socket = open_socket(side->context, type, plan.high_water_mark);
    side->buffer = CHECK_POINTER(calloc(1, plan.size));
}

static void close_side(struct side *side)
{
    CHECK(zmq_close(side->socket));
    free(side->buffer);
}

/* ---- the measuring side ---- */

static void print_line(double seconds, double cpu, uint64_t *round_trips)
{
    print_value("rate", (double) plan.count / seconds);
    print_value("bytes_per_second", (double) plan.count * (double) plan.size / seconds);
    print_value("cpu_us", cpu / (double) plan.count * 1e6);
    if (round_trips != NULL)
        print_times(round_trips, plan.count);
    print_end();
}

static void measure(struct side *side, int inproc)
{
    const uint64_t total = plan.warmup + plan.count;
    uint64_t *round_trips = NULL;
    uint64_t i, start, end;
    double cpu, far_cpu;

    if (plan.mode == LATENCY)
        round_trips = CHECK_POINTER(calloc(plan.count, sizeof *round_trips));
    for (i = 0; i < plan.warmup; i++) {
        if (plan.mode == LATENCY)
            send_one(side, i);
        recv_one(side, i);
    }
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(side->link);
    if (plan.mode == THROUGHPUT) {
        for (; i < total; i++)
            recv_one(side, i);
        end = now_ns();
    } else {
        uint64_t before = now_ns();
        for (; i < total; i++) {
            uint64_t after;
            send_one(side, i);
            recv_one(side, i);
            after = now_ns();
            round_trips[i - plan.warmup] = after - before;
            before = after;
        }
        end = before;
    }
    cpu = cpu_seconds() - cpu;
    tell_barrier(side->link);
    far_cpu = hear_number(side->link);
    let_processes_end();
    /* Two threads share one process: its time is already that of both sides. */
    if (!inproc)
        cpu += far_cpu;
    print_line((double) (end - start) / 1e9, cpu, round_trips);
    free(round_trips);
}

static void near_side(struct side *side, int inproc)
{
    char endpoint[ENDPOINT_BYTES] = "inproc://bench";
    char directory[] = "/tmp/zmq-bench-XXXXXX";
    char path[sizeof directory + 8] = "";
    char resolved[ENDPOINT_BYTES];

    if (strcmp(plan.transport, "tcp") == 0) {
        strcpy(endpoint, "tcp://127.0.0.1:*");
    } else if (strcmp(plan.transport, "ipc") == 0) {
        CHECK_POINTER(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/socket", directory);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    }
    open_side(side, plan.mode == THROUGHPUT ? ZMQ_PULL : ZMQ_REQ);
    if (plan.curve)
        become_server(side->socket);
    bind_socket(side->socket, endpoint, resolved);
    tell(side->link, resolved, sizeof resolved);
    measure(side, inproc);
    close_side(side);
    if (path[0] != '\0') {
        unlink(path); /* the library may have removed it already */
        CHECK(rmdir(directory));
    }
}

/* ---- the other side ---- */

static void far_side(struct side *side)
{
    char endpoint[ENDPOINT_BYTES];
    uint64_t i;
    double cpu;

    open_side(side, plan.mode == THROUGHPUT ? ZMQ_PUSH : ZMQ_REP);
    if (plan.curve)
        become_client(side->socket);
    hear(side->link, endpoint, sizeof endpoint);
    CHECK(zmq_connect(side->socket, endpoint));
    for (i = 0; i < plan.warmup; i++) {
        if (plan.mode == LATENCY)
            recv_one(side, i);
        send_one(side, i);
    }
    hear_barrier(side->link);
    cpu = cpu_seconds();
    for (; i < plan.warmup + plan.count; i++) {
        if (plan.mode == LATENCY)
            recv_one(side, i);
        send_one(side, i);
    }
    hear_barrier(side->link);
    tell_number(side->link, cpu_seconds() - cpu);
    close_side(side);
}

static void *far_thread(void *argument)
{
    far_side(argument);
    return NULL;
}

static void far_process(struct link link)
{
    struct side side = {new_context(), NULL, NULL, link};
    far_side(&side);
    CHECK(zmq_ctx_term(side.context));
}

/* ---- main ---- */

static void run_threads(void)
{
    struct side near_end = {new_context(), NULL, NULL, {0, 0}}, far_end = near_end;
    pthread_t thread;
    make_link(&near_end.link, &far_end.link);
    thread = start_thread(far_thread, &far_end);
    near_side(&near_end, 1);
    join_thread(thread);
    CHECK(zmq_ctx_term(near_end.context));
}

static void run_processes(void)
{
    struct side near_end = {NULL, NULL, NULL, start_process(far_process)};
    near_end.context = new_context();
    near_side(&near_end, 0);
    CHECK(zmq_ctx_term(near_end.context));
    wait_for_processes();
}

int main(int argc, char **argv)
{
    static const char text[] = "messages throughput|latency tcp|ipc|inproc SIZE COUNT WARMUP [--msg] [--hwm N] [--curve]";
    int i;

    if (argc < 6)
        usage(text);
    if (strcmp(argv[1], "latency") == 0)
        plan.mode = LATENCY;
    else if (strcmp(argv[1], "throughput") != 0)
        usage(text);
    plan.transport = argv[2];
    if (strcmp(plan.transport, "tcp") != 0 && strcmp(plan.transport, "ipc") != 0
        && strcmp(plan.transport, "inproc") != 0)
        usage(text);
    plan.size = (size_t) number(argv[3]);
    plan.count = number(argv[4]);
    plan.warmup = number(argv[5]);
    for (i = 6; i < argc; i++) {
        if (strcmp(argv[i], "--msg") == 0)
            plan.use_msg = 1;
        else if (strcmp(argv[i], "--curve") == 0)
            plan.curve = 1;
        else if (strcmp(argv[i], "--hwm") == 0 && i + 1 < argc)
            plan.high_water_mark = (int) number(argv[++i]);
        else
            usage(text);
    }
    if (plan.size < SEQUENCE_BYTES)
        fail_text("a message holds at least its sequence number of 8 bytes");
    if (plan.curve) {
        make_keys(&near_keys);
        make_keys(&far_keys);
    }
    begin();
    if (strcmp(plan.transport, "inproc") == 0)
        run_threads();
    else
        run_processes();
    return 0;
}
