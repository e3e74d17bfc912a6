/* No descriptors, no threads, no memory: an error or another try later, never an abort or a busy loop, and all
 * is well when they come back. api.md section 2, protocols: "Connection". */
#include "expect.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Lets `spare` more descriptors be opened than are open now. */
static void allow(int spare)
{
    static int fillers[1024];
    static int filled;
    while (filled > 0)
        close(fillers[--filled]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (spare < 0)
        return;
    /* All but the spare ones, whatever gaps there are below. */
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        fillers[filled++] = fd;
    while (spare-- > 0 && filled > 0)
        close(fillers[--filled]);
}

static void plenty(void)
{
    allow(-1);
}

static const char *exchange(void *here, void *there)
{
    const char *sent = tx(there, "hello");
    return strcmp(sent, "5") == 0 ? rx(here) : sent;
}

/* Everything between zmq_ctx_new and zmq_ctx_term with `spare` descriptors: what failed did so by EMFILE. The
 * number of calls that succeeded, or -1. */
static int life_with(int spare)
{
    char byte;
    int value, good = 0, strange = 0;
    size_t size = sizeof value;
    void *ctx = zmq_ctx_new();
    allow(spare);
#define TRY(call) \
    do { \
        if (!(call)) { \
            if (errno != EMFILE && errno != EAGAIN) { \
                strange++; \
                line(text("with %d", spare), "WRONG: %s: %s", #call, error_name(errno)); \
            } \
        } else { \
            good++; \
        } \
    } while (0)
    void *sockets[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++)
        TRY((sockets[i] = zmq_socket(ctx, ZMQ_PAIR)) != NULL);
    void *s = sockets[0], *other = sockets[1], *third = sockets[2];
    if (s && other && third) {
        int timeout = 20, no = 0;
        for (int i = 0; i < 3; i++) {
            zmq_setsockopt(sockets[i], ZMQ_RCVTIMEO, &timeout, sizeof timeout);
            zmq_setsockopt(sockets[i], ZMQ_SNDTIMEO, &timeout, sizeof timeout);
            zmq_setsockopt(sockets[i], ZMQ_LINGER, &no, sizeof no);
        }
        TRY(zmq_recv(s, &byte, 1, 0) == 1);
        zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
        TRY(zmq_poll(&item, 1, 10) == 0);
        TRY(zmq_ppoll(&item, 1, 10, NULL) == 0);
        TRY(zmq_getsockopt(s, ZMQ_FD, &value, &size) == 0);
        TRY(zmq_getsockopt(s, ZMQ_EVENTS, &value, &size) == 0);
        TRY(zmq_socket_monitor(s, text("inproc://monitor-%d", spare), ZMQ_EVENT_ALL) == 0);
        TRY(zmq_bind(s, "tcp://127.0.0.1:*") == 0);
        const char *endpoint = last_endpoint(s);
        TRY(zmq_bind(other, "ipc://*") == 0);
        TRY(zmq_bind(third, "inproc://name") == 0);
        if (strncmp(endpoint, "tcp", 3) == 0) {
            TRY(zmq_connect(third, endpoint) == 0);
            TRY(zmq_send(third, "x", 1, 0) == 1);
            TRY(zmq_recv(s, &byte, 1, 0) == 1);
        }
        TRY(zmq_send(third, "y", 1, 0) == 1);
    }
    plenty();
    for (int i = 0; i < 3; i++) {
        if (!sockets[i]) {
            sockets[i] = zmq_socket(ctx, ZMQ_PAIR);
            if (!sockets[i])
                return -1;
        }
    }
    /* Descriptors are back: the same context works. */
    void *here = sock(ctx, ZMQ_PAIR), *there = sock(ctx, ZMQ_PAIR);
    connect_to(there, bind_any(here, TCP));
    strange += differs(text("with %d, afterwards", spare), exchange(here, there), "[hello]");
    shut(here);
    shut(there);
    for (int i = 0; i < 3; i++)
        zmq_close(sockets[i]);
    strange += differs(text("with %d, term", spare), rc(zmq_ctx_term(ctx)), "0");
    return strange ? -1 : good;
}

static void every_call(void)
{
    for (int spare = 0; spare < 14; spare++)
        expect_true(text("%d descriptors", spare), life_with(spare) >= 0);
}

/* ZMQ_FD and waiting need one descriptor each, and say so. */
static void descriptors_of_a_socket(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    char byte;
    set_int(s, ZMQ_RCVTIMEO, 30);
    allow(0);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    const char *recv = rc(zmq_recv(s, &byte, 1, 0));
    const char *recv_now = rc(zmq_recv(s, &byte, 1, ZMQ_DONTWAIT));
    const char *poll = rc(zmq_poll(&item, 1, 10));
    const char *poll_now = rc(zmq_poll(&item, 1, 0));
    const char *fd = show_int(s, ZMQ_FD);
    const char *poller = made(zmq_poller_new());
    const char *timers = made(zmq_timers_new());
    const char *events_now = events(s);
    const char *bind_inproc = rc(zmq_bind(s, "inproc://name"));
    const char *bind_tcp = rc(zmq_bind(s, "tcp://127.0.0.1:*"));
    const char *bind_ipc = rc(zmq_bind(s, "ipc://*"));
    const char *bind_abstract = rc(zmq_bind(s, "ipc://@zeroxide-exhaustion"));
    const char *connect_name = rc(zmq_connect(s, "tcp://localhost:9"));
    plenty();
    expect("recv", recv, "EMFILE");
    expect("recv, not waiting", recv_now, "EAGAIN");
    expect("poll", poll, "EMFILE");
    expect("poll, not waiting", poll_now, "0");
    expect("FD", fd, "EMFILE");
    expect("poller", poller, "EMFILE");
    expect("timers", timers, "made");
    expect("EVENTS", events_now, "-");
    expect("bind inproc", bind_inproc, "0");
    expect("bind tcp", bind_tcp, "EMFILE");
    expect("bind ipc", bind_ipc, "EMFILE");
    expect("bind abstract ipc", bind_abstract, "EMFILE");
    expect("connect", connect_name, "0");
    expect("recv afterwards", rc(zmq_recv(s, &byte, 1, 0)), "EAGAIN");
    expect("poll afterwards", rc(zmq_poll(&item, 1, 10)), "0");
    expect("poller afterwards", made(zmq_poller_new()), "made");
    expect_true("FD afterwards", get_int(s, ZMQ_FD) >= 0);
}

static void *call_term(void *argument)
{
    return (void *) rc(zmq_ctx_term(argument));
}

/* Waiting in zmq_ctx_term needs a descriptor as well: it says so and can be repeated. */
static void term_without(void)
{
    void *ctx = zmq_ctx_new();
    void *push = zmq_socket(ctx, ZMQ_PUSH);
    allow(0);
    pthread_t thread;
    pthread_create(&thread, NULL, call_term, ctx);
    void *result;
    pthread_join(thread, &result);
    plenty();
    expect("term", result, "EMFILE");
    expect("stopped", tx_now(push, "x"), "ETERM");
    zmq_close(push);
    allow(0);
    pthread_create(&thread, NULL, call_term, ctx);
    pthread_join(thread, &result);
    plenty();
    expect("term when all is closed", result, "0");
}

static long cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000L
           + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Milliseconds of processor time that this process takes in about 400. */
static long cpu_while_waiting(void)
{
    struct timespec pause = {0, 400 * 1000 * 1000};
    long before = cpu_ms();
    nanosleep(&pause, NULL);
    return cpu_ms() - before;
}

/* A child with another limit that, when told, connects `count` times and sends, and when told again ends. */
static pid_t clients(const char *endpoint, int count, int *tell)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        char byte;
        if (read(ends[0], &byte, 1) != 1)
            _exit(1);
        plenty();
        void *ctx = zmq_ctx_new();
        for (int i = 0; i < count; i++) {
            void *push = zmq_socket(ctx, ZMQ_PUSH);
            zmq_connect(push, endpoint);
            zmq_send(push, "x", 1, 0);
        }
        _exit(read(ends[0], &byte, 1) < 0);
    }
    close(ends[0]);
    *tell = ends[1];
    return child;
}

static void accepting(const char *name, enum transport transport)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    const char *endpoint = bind_any(pull, transport);
    int tell = -1;
    /* So that waiting below needs no descriptor. */
    set_int(pull, ZMQ_RCVTIMEO, 1);
    rx(pull);
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    pid_t child = clients(endpoint, 6, &tell);
    allow(2);
    if (write(tell, "", 1) != 1)
        say(name, "WRONG: no clients");
    expect(text("%s, as many as there is room for", name), rx(pull), "[x]");
    expect(text("%s, second", name), rx(pull), "[x]");
    long busy = cpu_while_waiting();
    if (busy < 100)
        say(text("%s, no busy loop", name), "ok");
    else
        line(text("%s, no busy loop", name), "WRONG: %ld ms of 400", busy);
    expect(text("%s, nothing meanwhile", name), rx_now(pull), "EAGAIN");
    plenty();
    for (int i = 0; i < 4; i++)
        expect(text("%s, accepted when descriptors are back", name), rx(pull), "[x]");
    close(tell);
    waitpid(child, NULL, 0);
}

static void accept_without(void)
{
    accepting("tcp", TCP);
    accepting("ipc", IPC);
}

/* The connecting side tries again. */
static void connecting(const char *name, enum transport transport)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(pull, transport);
    set_int(push, ZMQ_RECONNECT_IVL, 20);
    set_int(push, ZMQ_SNDTIMEO, -1);
    set_int(pull, ZMQ_RCVTIMEO, 1);
    rx(pull);
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    void *events = watch(push, ZMQ_EVENT_CONNECT_RETRIED);
    allow(0);
    expect(text("%s connect", name), rc(zmq_connect(push, endpoint)), "0");
    expect(text("%s send", name), tx(push, "x"), "1");
    expect(text("%s retries", name), await_event(events, ZMQ_EVENT_CONNECT_RETRIED), "yes");
    long busy = cpu_while_waiting();
    if (busy < 200)
        say(text("%s, no busy loop", name), "ok");
    else
        line(text("%s, no busy loop", name), "WRONG: %ld ms of 400", busy);
    plenty();
    expect(text("%s, connected when descriptors are back", name), rx(pull), "[x]");
}

static void connect_without(void)
{
    connecting("tcp", TCP);
    connecting("ipc", IPC);
}

/* ---- threads and memory ---- */

/* In a child of an unprivileged user, whom RLIMIT_NPROC binds. */
static void no_threads(void)
{
    if (geteuid() == 0 && syscall(SYS_setresuid, 65533, 65533, 65533) != 0) {
        say("SKIPPED, the user cannot be changed", "ok");
        return;
    }
    void *ctx = zmq_ctx_new();
    struct rlimit limit, none;
    getrlimit(RLIMIT_NPROC, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NPROC, &none);
    /* The I/O threads start with the first endpoint that needs one. */
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    expect("socket", made(s), "made");
    expect("bind", rc(zmq_bind(s, "tcp://127.0.0.1:*")), "EAGAIN");
    expect("bind again", rc(zmq_bind(s, "tcp://127.0.0.1:*")), "EAGAIN");
    expect("connect", rc(zmq_connect(s, "tcp://127.0.0.1:9")), "EAGAIN");
    expect("inproc needs none", rc(zmq_bind(s, "inproc://none")), "0");
    expect("threadstart", made(zmq_threadstart(NULL, NULL)), "EFAULT");
    setrlimit(RLIMIT_NPROC, &limit);
    expect("when threads are back", rc(zmq_bind(s, "tcp://127.0.0.1:*")), "0");
    zmq_close(s);
    expect("term", rc(zmq_ctx_term(ctx)), "0");
    ctx = zmq_ctx_new();
    setrlimit(RLIMIT_NPROC, &none);
    s = zmq_socket(ctx, ZMQ_PAIR);
    expect("bind in another context", rc(zmq_bind(s, "ipc://none")), "EAGAIN");
    zmq_close(s);
    expect("and its term", rc(zmq_ctx_term(ctx)), "0");
}

/* A name needs a thread to be looked up: without one that is a failed attempt. */
static void no_thread_for_names(void)
{
    if (geteuid() == 0 && syscall(SYS_setresuid, 65533, 65533, 65533) != 0) {
        say("SKIPPED, the user cannot be changed", "ok");
        return;
    }
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(pull, TCP);
    const char *by_name = text("tcp://localhost:%s", strrchr(endpoint, ':') + 1);
    set_int(push, ZMQ_RECONNECT_IVL, 20);
    struct rlimit limit, none;
    getrlimit(RLIMIT_NPROC, &limit);
    none = limit;
    none.rlim_cur = 0;
    void *events = watch(push, ZMQ_EVENT_CONNECT_RETRIED);
    setrlimit(RLIMIT_NPROC, &none);
    expect("connect", rc(zmq_connect(push, by_name)), "0");
    expect("retries", await_event(events, ZMQ_EVENT_CONNECT_RETRIED), "yes");
    setrlimit(RLIMIT_NPROC, &limit);
    tx(push, "x");
    expect("connected when threads are back", rx(pull), "[x]");
}

/* Numbers that no machine has room for: what cannot be is an error, and what need not be costs nothing. */
static void large_numbers(void)
{
    void *ctx = zmq_ctx_new();
    expect("MAX_SOCKETS", rc(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2147483647)), "0");
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    expect("a socket of many", made(s), "made");
    zmq_close(s);
    expect("term", rc(zmq_ctx_term(ctx)), "0");
    allow(20);
    ctx = zmq_ctx_new();
    expect("IO_THREADS", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2147483647)), "0");
    const char *with_many = made(zmq_socket(ctx, ZMQ_PAIR));
    plenty();
    expect("a socket with many threads", with_many, "EMFILE");
    expect("a sane number", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2)), "0");
    s = zmq_socket(ctx, ZMQ_PAIR);
    expect("a socket with a sane number", made(s), "made");
    zmq_close(s);
    expect("term at last", rc(zmq_ctx_term(ctx)), "0");
}

static long address_space(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Address space for the thread's stack and buffers runs out at one point or another. */
static void no_memory(void)
{
    if (getenv("SLOW")) {
        say("SKIPPED, memcheck needs the address space", "ok");
        return;
    }
    int failed = 0, worked = 0;
    for (int step = 0; step < 24; step++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            void *ctx = zmq_ctx_new();
            struct rlimit limit = {(rlim_t) address_space() + (rlim_t) step * 512 * 1024, RLIM_INFINITY};
            setrlimit(RLIMIT_AS, &limit);
            void *s = zmq_socket(ctx, ZMQ_PAIR);
            int error = errno;
            int bound = s && zmq_bind(s, "tcp://127.0.0.1:*") == 0;
            zmq_msg_t m;
            int refused = zmq_msg_init_size(&m, 1 << 30) == -1 && zmq_errno() == ENOMEM;
            limit.rlim_cur = RLIM_INFINITY;
            setrlimit(RLIMIT_AS, &limit);
            if (!refused || (!s && error != EAGAIN && error != ENOMEM))
                _exit(2);
            if (!s)
                s = zmq_socket(ctx, ZMQ_PAIR);
            int ends = s && zmq_close(s) == 0 && zmq_ctx_term(ctx) == 0;
            _exit(!ends ? 3 : bound ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
        failed += code == 1;
        worked += code == 0;
        if (code > 1)
            line("step", "WRONG: %d ends with %d", step, code);
    }
    expect_true("it failed at first", failed > 0);
    expect_true("and worked at last", worked > 0);
}

static const struct rule rules[] = {
    RULE_WITHIN(every_call, 60000), RULE(descriptors_of_a_socket), RULE(term_without),
    RULE_WITHIN(accept_without, 40000), RULE_WITHIN(connect_without, 40000), RULE(no_threads),
    RULE(no_thread_for_names), RULE(large_numbers), RULE(no_memory),
};

RUN(rules)
