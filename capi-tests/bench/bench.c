/*
 * One measurement of the libzmq this process was linked to at run time.
 *
 *     bench throughput TRANSPORT SIZE COUNT WARMUP [--msg]
 *     bench latency    TRANSPORT SIZE COUNT WARMUP [--msg]
 *
 * TRANSPORT is tcp, ipc or inproc. Throughput streams PUSH -> PULL, latency plays REQ/REP ping-pong and
 * times every round trip. tcp and ipc run as two processes, inproc as two threads of one context. Prints one
 * line of key=value pairs on success; any failed call or wrong message ends it with a message and status 1.
 *
 * The near side binds and measures, the far side connects; two pipes between them carry the endpoint and the
 * barriers. The clock starts only when the warm-up has arrived in full, so nothing is queued at that
 * moment, and CPU time is read on both sides between the same two barriers: what I/O threads do after the last
 * zmq_send returned is counted too.
 *
 * Every message carries its sequence number in its first bytes, and the receiver checks size and number.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/*
 * The default of ZMQ_SNDHWM and ZMQ_RCVHWM, set explicitly so that it is the same whatever library runs: what
 * nearly all applications run with, and a backlog of at most 200 MB at the largest size.
 */
enum { HIGH_WATER_MARK = 1000 };

enum { TIME_LIMIT_SECONDS = 120, SEQUENCE_BYTES = 8, ENDPOINT_BYTES = 256 };

enum mode { THROUGHPUT, LATENCY };

struct plan {
    enum mode mode;
    const char *transport;
    size_t size;
    uint64_t count;
    uint64_t warmup;
    int use_msg; /* zmq_msg_* instead of zmq_send and zmq_recv */
};

/* One side's view: its socket, its buffer and its ends of the two pipes. */
struct side {
    const struct plan *plan;
    void *context;
    void *socket;
    char *buffer;
    int from_other;
    int to_other;
};

/* ---- failing ---- */

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static void fail_text(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

#define CHECK(call)                                                                                                    \
    do {                                                                                                               \
        if ((call) == -1)                                                                                              \
            fail(#call);                                                                                               \
    } while (0)

/* SIGCHLD: the other process failed, so end now instead of waiting for its messages for ever. */
static void child_ended(int number, siginfo_t *info, void *frame)
{
    static const char text[] = "bench: the other process ended early\n";
    (void) number;
    (void) frame;
    if (info->si_code == CLD_EXITED && info->si_status == 0)
        return;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

static void watch_child(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = child_ended;
    action.sa_flags = SA_SIGINFO | SA_NOCLDSTOP;
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGCHLD, &action, NULL));
}

/* ---- the two pipes ---- */

static void tell(int fd, const void *data, size_t length)
{
    if (write(fd, data, length) != (ssize_t) length)
        fail("write to the control pipe");
}

/* Reads exactly `length` bytes; these are far below PIPE_BUF, but a read may be interrupted. */
static void hear(int fd, void *data, size_t length)
{
    char *at = data;
    while (length > 0) {
        ssize_t got = read(fd, at, length);
        if (got == -1 && errno == EINTR)
            continue;
        if (got <= 0)
            fail_text("the other side closed the control pipe");
        at += got;
        length -= (size_t) got;
    }
}

static void tell_barrier(int fd)
{
    tell(fd, "b", 1);
}

static void hear_barrier(int fd)
{
    char byte;
    hear(fd, &byte, 1);
}

/* ---- clocks ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t));
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

/* User and system time of the whole process, all threads, in seconds. */
static double cpu_seconds(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage));
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_stime.tv_sec
           + ((double) usage.ru_utime.tv_usec + (double) usage.ru_stime.tv_usec) / 1e6;
}

/* ---- messages ---- */

static void send_one(struct side *side, uint64_t sequence)
{
    const size_t size = side->plan->size;
    memcpy(side->buffer, &sequence, SEQUENCE_BYTES);
    if (side->plan->use_msg) {
        zmq_msg_t msg;
        CHECK(zmq_msg_init_size(&msg, size));
        memcpy(zmq_msg_data(&msg), side->buffer, size);
        CHECK(zmq_msg_send(&msg, side->socket, 0));
    } else {
        CHECK(zmq_send(side->socket, side->buffer, size, 0));
    }
}

static void check(const struct side *side, const void *body, size_t size, uint64_t sequence)
{
    uint64_t got;
    if (size != side->plan->size)
        fail_text("a message of the wrong size arrived");
    memcpy(&got, body, SEQUENCE_BYTES);
    if (got != sequence)
        fail_text("a message is missing, doubled or out of order");
}

static void recv_one(struct side *side, uint64_t sequence)
{
    if (side->plan->use_msg) {
        zmq_msg_t msg;
        CHECK(zmq_msg_init(&msg));
        CHECK(zmq_msg_recv(&msg, side->socket, 0));
        check(side, zmq_msg_data(&msg), zmq_msg_size(&msg), sequence);
        CHECK(zmq_msg_close(&msg));
    } else {
        int got = zmq_recv(side->socket, side->buffer, side->plan->size, 0);
        if (got == -1)
            fail("zmq_recv");
        check(side, side->buffer, (size_t) got, sequence);
    }
}

/* ---- sockets ---- */

static void open_socket(struct side *side, int type)
{
    const int mark = HIGH_WATER_MARK;
    side->socket = zmq_socket(side->context, type);
    if (side->socket == NULL)
        fail("zmq_socket");
    CHECK(zmq_setsockopt(side->socket, ZMQ_SNDHWM, &mark, sizeof mark));
    CHECK(zmq_setsockopt(side->socket, ZMQ_RCVHWM, &mark, sizeof mark));
    side->buffer = calloc(1, side->plan->size);
    if (side->buffer == NULL)
        fail("calloc");
}

static void close_socket(struct side *side)
{
    CHECK(zmq_close(side->socket));
    free(side->buffer);
}

/* ---- the measuring side ---- */

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

/* The file the dynamic linker took the library from: the caller checks that it measured what it meant to. */
static void print_library(void)
{
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    int found = 0;
    while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/');
        if (path != NULL && strstr(path, "libzmq.so") != NULL) {
            path[strcspn(path, "\n")] = '\0';
            printf(" library=%s", path);
            found = 1;
        }
    }
    if (maps != NULL)
        fclose(maps);
}

static void print_line(const struct plan *plan, double seconds, double cpu, const uint64_t *round_trips)
{
    const double count = (double) plan->count;
    printf("mode=%s transport=%s size=%zu count=%llu api=%s hwm=%d seconds=%.6f rate=%.1f cpu_seconds_per_million=%.6f",
           plan->mode == THROUGHPUT ? "throughput" : "latency", plan->transport, plan->size,
           (unsigned long long) plan->count, plan->use_msg ? "msg" : "buffer", HIGH_WATER_MARK, seconds,
           count / seconds, cpu / count * 1e6);
    if (round_trips != NULL)
        printf(" p50_us=%.3f p99_us=%.3f", (double) round_trips[plan->count / 2] / 1e3,
               (double) round_trips[plan->count - 1 - plan->count / 100] / 1e3);
    print_library();
    printf("\n");
}

static void measure(struct side *side, int inproc)
{
    const struct plan *plan = side->plan;
    const uint64_t total = plan->warmup + plan->count;
    uint64_t *round_trips = NULL;
    uint64_t i, start, end;
    double cpu, far_cpu = 0;

    if (plan->mode == LATENCY) {
        round_trips = calloc(plan->count, sizeof *round_trips);
        if (round_trips == NULL)
            fail("calloc");
    }
    for (i = 0; i < plan->warmup; i++) {
        if (plan->mode == LATENCY)
            send_one(side, i);
        recv_one(side, i);
    }
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(side->to_other);
    if (plan->mode == THROUGHPUT) {
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
            round_trips[i - plan->warmup] = after - before;
            before = after;
        }
        end = before;
    }
    cpu = cpu_seconds() - cpu;
    tell_barrier(side->to_other);
    hear(side->from_other, &far_cpu, sizeof far_cpu);
    /* The other process may end from here on: that must not interrupt zmq_ctx_term. */
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        fail("signal");
    /* Two threads share one process: its time is already that of both sides. */
    if (!inproc)
        cpu += far_cpu;
    if (round_trips != NULL)
        qsort(round_trips, plan->count, sizeof *round_trips, compare_u64);
    print_line(plan, (double) (end - start) / 1e9, cpu, round_trips);
    free(round_trips);
}

static void near_side(const struct plan *plan, struct side *side, int inproc)
{
    char endpoint[ENDPOINT_BYTES] = "inproc://bench";
    char directory[] = "/tmp/zmq-bench-XXXXXX";
    char path[sizeof directory + 8] = "";
    char resolved[ENDPOINT_BYTES];
    size_t length = sizeof resolved;

    if (strcmp(plan->transport, "tcp") == 0) {
        strcpy(endpoint, "tcp://127.0.0.1:*");
    } else if (strcmp(plan->transport, "ipc") == 0) {
        if (mkdtemp(directory) == NULL)
            fail("mkdtemp");
        snprintf(path, sizeof path, "%s/socket", directory);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    }
    open_socket(side, plan->mode == THROUGHPUT ? ZMQ_PULL : ZMQ_REQ);
    CHECK(zmq_bind(side->socket, endpoint));
    memset(resolved, 0, sizeof resolved);
    CHECK(zmq_getsockopt(side->socket, ZMQ_LAST_ENDPOINT, resolved, &length));
    tell(side->to_other, resolved, sizeof resolved);
    measure(side, inproc);
    close_socket(side);
    if (path[0] != '\0') {
        unlink(path); /* the library may have removed it already */
        CHECK(rmdir(directory));
    }
}

/* ---- the other side ---- */

static void far_side(struct side *side)
{
    const struct plan *plan = side->plan;
    char endpoint[ENDPOINT_BYTES];
    uint64_t i;
    double cpu;

    open_socket(side, plan->mode == THROUGHPUT ? ZMQ_PUSH : ZMQ_REP);
    hear(side->from_other, endpoint, sizeof endpoint);
    CHECK(zmq_connect(side->socket, endpoint));
    for (i = 0; i < plan->warmup; i++) {
        if (plan->mode == LATENCY)
            recv_one(side, i);
        send_one(side, i);
    }
    hear_barrier(side->from_other);
    cpu = cpu_seconds();
    for (; i < plan->warmup + plan->count; i++) {
        if (plan->mode == LATENCY)
            recv_one(side, i);
        send_one(side, i);
    }
    hear_barrier(side->from_other);
    cpu = cpu_seconds() - cpu;
    tell(side->to_other, &cpu, sizeof cpu);
    close_socket(side);
}

static void *far_thread(void *argument)
{
    far_side(argument);
    return NULL;
}

/* ---- main ---- */

static void *new_context(void)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        fail("zmq_ctx_new");
    return context;
}

static void run_threads(const struct plan *plan, struct side *near_end, struct side *far_end)
{
    pthread_t thread;
    near_end->context = far_end->context = new_context();
    errno = pthread_create(&thread, NULL, far_thread, far_end);
    if (errno != 0)
        fail("pthread_create");
    near_side(plan, near_end, 1);
    errno = pthread_join(thread, NULL);
    if (errno != 0)
        fail("pthread_join");
    CHECK(zmq_ctx_term(near_end->context));
}

static void run_processes(const struct plan *plan, struct side *near_end, struct side *far_end)
{
    int status;
    pid_t child;
    watch_child();
    CHECK(child = fork()); /* before the library was first called */
    if (child == 0) {
        /* Each process keeps only its own ends, so the other's death is seen as end of file. */
        close(near_end->from_other);
        close(near_end->to_other);
        alarm(TIME_LIMIT_SECONDS); /* not inherited */
        far_end->context = new_context();
        far_side(far_end);
        CHECK(zmq_ctx_term(far_end->context));
        exit(0);
    }
    close(far_end->from_other);
    near_end->context = new_context();
    near_side(plan, near_end, 0);
    CHECK(zmq_ctx_term(near_end->context));
    while (waitpid(child, &status, 0) == -1)
        if (errno != EINTR)
            fail("waitpid");
    if (status != 0)
        fail_text("the other process failed");
}

static unsigned long long number(const char *text)
{
    char *rest;
    const unsigned long long value = strtoull(text, &rest, 10);
    if (*text == '\0' || *rest != '\0' || value == 0)
        fail_text("sizes and counts are whole numbers above 0");
    return value;
}

int main(int argc, char **argv)
{
    struct plan plan = {THROUGHPUT, NULL, 0, 0, 0, 0};
    struct side near_end = {&plan, NULL, NULL, NULL, -1, -1}, far_end = near_end;
    int to_far[2], to_near[2];

    if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "--msg") != 0))
        fail_text("usage: bench throughput|latency tcp|ipc|inproc SIZE COUNT WARMUP [--msg]");
    if (strcmp(argv[1], "latency") == 0)
        plan.mode = LATENCY;
    else if (strcmp(argv[1], "throughput") != 0)
        fail_text("the mode is throughput or latency");
    plan.transport = argv[2];
    if (strcmp(plan.transport, "tcp") != 0 && strcmp(plan.transport, "ipc") != 0
        && strcmp(plan.transport, "inproc") != 0)
        fail_text("the transport is tcp, ipc or inproc");
    plan.size = (size_t) number(argv[3]);
    plan.count = number(argv[4]);
    plan.warmup = number(argv[5]);
    plan.use_msg = argc == 7;
    if (plan.size < SEQUENCE_BYTES)
        fail_text("a message holds at least its sequence number of 8 bytes");

    CHECK(pipe(to_far));
    CHECK(pipe(to_near));
    near_end.from_other = to_near[0];
    near_end.to_other = to_far[1];
    far_end.from_other = to_far[0];
    far_end.to_other = to_near[1];
    alarm(TIME_LIMIT_SECONDS);
    if (strcmp(plan.transport, "inproc") == 0)
        run_threads(&plan, &near_end, &far_end);
    else
        run_processes(&plan, &near_end, &far_end);
    return 0;
}
