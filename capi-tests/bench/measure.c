#include "measure.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <zmq.h>

enum { MAX_PROCESSES = 8 };

static pid_t processes[MAX_PROCESSES];
static int process_count;

/* ---- failing ---- */

void fail(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

void fail_text(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void *check_pointer(void *pointer, const char *what)
{
    if (pointer == NULL)
        fail(what);
    return pointer;
}

/* ---- processes, threads and links ---- */

/* SIGCHLD: another process failed, so end now instead of waiting for its messages for ever. */
static void child_ended(int signal_number, siginfo_t *info, void *frame)
{
    static const char text[] = "bench: another process ended early\n";
    (void) signal_number;
    (void) frame;
    if (info->si_code == CLD_EXITED && info->si_status == 0)
        return;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

void begin(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = child_ended;
    action.sa_flags = SA_SIGINFO | SA_NOCLDSTOP;
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGCHLD, &action, NULL));
    alarm(TIME_LIMIT_SECONDS);
}

void make_link(struct link *one, struct link *other)
{
    int forth[2], back[2];
    CHECK(pipe2(forth, O_CLOEXEC));
    CHECK(pipe2(back, O_CLOEXEC));
    one->from_other = back[0];
    one->to_other = forth[1];
    other->from_other = forth[0];
    other->to_other = back[1];
}

struct link start_process(void (*side)(struct link))
{
    struct link ours, theirs;
    pid_t child;
    if (process_count == MAX_PROCESSES)
        fail_text("too many processes");
    make_link(&ours, &theirs);
    CHECK(child = fork());
    if (child == 0) {
        /* Its own ends only, so that the first process's death is seen as end of file. */
        close(ours.from_other);
        close(ours.to_other);
        process_count = 0;
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL));
        alarm(TIME_LIMIT_SECONDS); /* not inherited */
        side(theirs);
        exit(0);
    }
    close(theirs.from_other);
    close(theirs.to_other);
    processes[process_count++] = child;
    return ours;
}

void let_processes_end(void)
{
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        fail("signal");
}

void wait_for_processes(void)
{
    int i, status;
    for (i = 0; i < process_count; i++) {
        while (waitpid(processes[i], &status, 0) == -1)
            if (errno != EINTR)
                fail("waitpid");
        if (status != 0)
            fail_text("another process failed");
    }
    process_count = 0;
}

pthread_t start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, run, argument);
    if (errno != 0)
        fail("pthread_create");
    return thread;
}

void join_thread(pthread_t thread)
{
    errno = pthread_join(thread, NULL);
    if (errno != 0)
        fail("pthread_join");
}

void tell(struct link link, const void *data, size_t length)
{
    /* Far below PIPE_BUF: whole, or not at all. */
    if (write(link.to_other, data, length) != (ssize_t) length)
        fail("write to a link");
}

void hear(struct link link, void *data, size_t length)
{
    char *at = data;
    while (length > 0) {
        ssize_t got = read(link.from_other, at, length);
        if (got == -1 && errno == EINTR)
            continue;
        if (got <= 0)
            fail_text("the other side closed the link");
        at += got;
        length -= (size_t) got;
    }
}

void tell_barrier(struct link link)
{
    tell(link, "b", 1);
}

void hear_barrier(struct link link)
{
    char byte;
    hear(link, &byte, 1);
}

int can_hear(struct link link, int milliseconds)
{
    struct pollfd item = {link.from_other, POLLIN, 0};
    int ready;
    CHECK(ready = poll(&item, 1, milliseconds));
    return ready == 1;
}

void tell_number(struct link link, double value)
{
    tell(link, &value, sizeof value);
}

double hear_number(struct link link)
{
    double value;
    hear(link, &value, sizeof value);
    return value;
}

/* ---- clocks and meters ---- */

uint64_t now_ns(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t));
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

double since(uint64_t start_ns)
{
    return (double) (now_ns() - start_ns) / 1e9;
}

double cpu_seconds(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage));
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_stime.tv_sec
           + ((double) usage.ru_utime.tv_usec + (double) usage.ru_stime.tv_usec) / 1e6;
}

double resident_bytes(void)
{
    long total, resident;
    FILE *file = CHECK_POINTER(fopen("/proc/self/statm", "r"));
    if (fscanf(file, "%ld %ld", &total, &resident) != 2)
        fail_text("/proc/self/statm has another form");
    fclose(file);
    return (double) resident * (double) sysconf(_SC_PAGESIZE);
}

void sleep_ns(long nanoseconds)
{
    struct timespec rest = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    while (nanosleep(&rest, &rest) == -1)
        if (errno != EINTR)
            fail("nanosleep");
}

/* ---- messages and sockets ---- */

void put_sequence(void *body, uint64_t sequence)
{
    memcpy(body, &sequence, SEQUENCE_BYTES);
}

void check_sequence(const void *body, size_t size, size_t expected_size, uint64_t sequence)
{
    uint64_t got;
    if (size != expected_size)
        fail_text("a message of the wrong size arrived");
    memcpy(&got, body, SEQUENCE_BYTES);
    if (got != sequence)
        fail_text("a message is missing, doubled or out of order");
}

void *open_socket(void *context, int type, int high_water_mark)
{
    void *socket = CHECK_POINTER(zmq_socket(context, type));
    CHECK(zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark));
    CHECK(zmq_setsockopt(socket, ZMQ_RCVHWM, &high_water_mark, sizeof high_water_mark));
    return socket;
}

void *new_context(void)
{
    return CHECK_POINTER(zmq_ctx_new());
}

void bind_socket(void *socket, const char *endpoint, char resolved[ENDPOINT_BYTES])
{
    size_t length = ENDPOINT_BYTES;
    memset(resolved, 0, ENDPOINT_BYTES);
    CHECK(zmq_bind(socket, endpoint));
    CHECK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, resolved, &length));
}

void bind_tcp(void *socket, char resolved[ENDPOINT_BYTES])
{
    bind_socket(socket, "tcp://127.0.0.1:*", resolved);
}

int port_of(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    if (colon == NULL)
        fail_text("an endpoint without a port");
    return (int) number(colon + 1);
}

size_t receive(void *socket, void *buffer, size_t room)
{
    const int got = zmq_recv(socket, buffer, room, 0);
    if (got == -1)
        fail("zmq_recv");
    if ((size_t) got > room)
        fail_text("a message that is too long arrived");
    return (size_t) got;
}

/* ---- arguments and results ---- */

uint64_t number(const char *text)
{
    char *rest;
    const unsigned long long value = strtoull(text, &rest, 10);
    if (*text == '\0' || *rest != '\0' || value == 0)
        fail_text("sizes and counts are whole numbers above 0");
    return value;
}

void usage(const char *text)
{
    fprintf(stderr, "usage: %s\n", text);
    exit(2);
}

void print_value(const char *key, double value)
{
    printf("%s=%.9g ", key, value);
}

void print_text(const char *key, const char *value)
{
    printf("%s=%s ", key, value);
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

void print_times(uint64_t *nanoseconds, uint64_t count)
{
    static const double shares[] = {1, 10, 25, 50, 75, 90, 99, 99.9};
    size_t i;
    qsort(nanoseconds, count, sizeof *nanoseconds, compare_u64);
    for (i = 0; i < sizeof shares / sizeof *shares; i++) {
        const uint64_t at = (uint64_t) (shares[i] / 100 * (double) count);
        printf("p%g_us=%.3f ", shares[i], (double) nanoseconds[at < count ? at : count - 1] / 1e3);
    }
    printf("max_us=%.3f ", (double) nanoseconds[count - 1] / 1e3);
}

void print_end(void)
{
    char line[4096];
    FILE *maps = CHECK_POINTER(fopen("/proc/self/maps", "r"));
    int found = 0;
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/');
        if (path != NULL && strstr(path, "libzmq.so") != NULL) {
            path[strcspn(path, "\n")] = '\0';
            print_text("library", path);
            found = 1;
        }
    }
    fclose(maps);
    printf("\n");
    if (fflush(stdout) != 0)
        fail("standard output");
}
