/* See transcript.h: rules, lines, sockets, messages. */
#include "transcript.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define MANY 4096

static const char *current_rule = "?";
static void *open_sockets[MANY];
static void *open_contexts[MANY];
/* The context of the socket at the same place in open_sockets. */
static void *contexts_of_sockets[MANY];

const int classic_types[12] = {ZMQ_PAIR, ZMQ_PUB, ZMQ_SUB, ZMQ_REQ, ZMQ_REP, ZMQ_DEALER,
                               ZMQ_ROUTER, ZMQ_PULL, ZMQ_PUSH, ZMQ_XPUB, ZMQ_XSUB, ZMQ_STREAM};
const char *const transport_names[3] = {"inproc", "tcp", "ipc"};

static void remember(void **list, void *entry)
{
    for (size_t i = 0; entry && i < MANY; i++) {
        if (!list[i]) {
            list[i] = entry;
            return;
        }
    }
}

static void forget(void **list, void *entry)
{
    for (size_t i = 0; i < MANY; i++) {
        if (list[i] == entry)
            list[i] = NULL;
    }
}

void give_up(const char *what)
{
    line("setup", "%s: %s", what, error_name(errno));
    fflush(stdout);
    _exit(0);
}

static void run_here(const struct rule *rule)
{
    current_rule = rule->name;
    rule->run();
    for (size_t i = 0; i < MANY; i++) {
        if (open_sockets[i])
            zmq_close(open_sockets[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (open_contexts[i])
            zmq_ctx_term(open_contexts[i]);
    }
    fflush(stdout);
}

/* Waits for the child; 0 if it is still running when the time is over. */
static int reap_within(pid_t child, int limit, int *status)
{
    long end = now_ms() + limit;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    for (;;) {
        if (waitpid(child, status, WNOHANG) == child)
            return 1;
        long left = end - now_ms();
        if (left <= 0)
            return 0;
        struct timespec wait = {left / 1000, left % 1000 * 1000000};
        sigtimedwait(&mask, NULL, &wait);
    }
}

/* Of AddressSanitizer, if the program is built with it: leaks end the process. */
void __lsan_do_leak_check(void) __attribute__((weak));

static void run_in_child(const struct rule *rule)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* Dies with this process, which stays in the runner's process group. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_here(rule);
        if (__lsan_do_leak_check)
            __lsan_do_leak_check();
        _exit(0);
    }
    int status = 0;
    current_rule = rule->name;
    /* SLOW: everything runs under a tool that takes its time. */
    if (!reap_within(child, rule->limit * (getenv("SLOW") ? 20 : 1), &status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        line("outcome", "hangs");
    } else if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        line("outcome", "%s", sig == SIGABRT ? "aborts" : sig == SIGSEGV ? "crashes" : "killed");
    } else if (WEXITSTATUS(status) != 0) {
        line("outcome", "exit %d", WEXITSTATUS(status));
    }
}

int run_rules(int argc, char **argv, const struct rule *rules, size_t count)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(rules[i].name, argv[1]) == 0)
                run_here(&rules[i]);
        }
        return 0;
    }
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    for (size_t i = 0; i < count; i++)
        run_in_child(&rules[i]);
    return 0;
}

/* Memory that stays until the process ends, reachable, so that a search for leaks finds only the library's. */
static void *new_kept(size_t size)
{
    struct kept {
        struct kept *next;
        char memory[];
    };
    static struct kept *all;
    struct kept *kept = calloc(1, sizeof *kept + size);
    kept->next = __atomic_load_n(&all, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&all, &kept->next, kept, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    return kept->memory;
}

char *keep(const char *text)
{
    return strcpy(new_kept(strlen(text) + 1), text);
}

/* Texts live long enough for one line and everything that builds it. Each thread has its own. */
char *scratch(size_t size)
{
    struct ring {
        char *texts[1024];
        size_t at;
    };
    static __thread struct ring *ring;
    if (!ring)
        ring = new_kept(sizeof *ring);
    ring->at = (ring->at + 1) % 1024;
    free(ring->texts[ring->at]);
    return ring->texts[ring->at] = calloc(1, size);
}

void line(const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s.%s: ", current_rule, key);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void say(const char *key, const char *result)
{
    line(key, "%s", result);
}

static char line_key[128];
static char line_result[8192];

void begin_line(const char *key)
{
    snprintf(line_key, sizeof line_key, "%s", key);
    line_result[0] = 0;
}

void in_line(const char *what, const char *result)
{
    size_t at = strlen(line_result);
    snprintf(line_result + at, sizeof line_result - at, "%s%s %s", at ? "; " : "", what, result);
}

void end_line(void)
{
    say(line_key, line_result);
}

const char *text(const char *format, ...)
{
    char *out = scratch(2048);
    va_list args;
    va_start(args, format);
    vsnprintf(out, 2048, format, args);
    va_end(args);
    return out;
}

const char *error_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {EAGAIN, "EAGAIN"}, {EINVAL, "EINVAL"}, {EFAULT, "EFAULT"}, {EINTR, "EINTR"},
        {ENOMEM, "ENOMEM"}, {ENODEV, "ENODEV"}, {ENOENT, "ENOENT"}, {EACCES, "EACCES"},
        {EPERM, "EPERM"}, {EMFILE, "EMFILE"}, {EBADF, "EBADF"}, {ENOTSUP, "ENOTSUP"},
        {EPROTONOSUPPORT, "EPROTONOSUPPORT"}, {EADDRINUSE, "EADDRINUSE"}, {EPROTO, "EPROTO"},
        {EADDRNOTAVAIL, "EADDRNOTAVAIL"}, {ECONNREFUSED, "ECONNREFUSED"}, {EPIPE, "EPIPE"},
        {EINPROGRESS, "EINPROGRESS"}, {ENOTSOCK, "ENOTSOCK"}, {EMSGSIZE, "EMSGSIZE"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"}, {EHOSTUNREACH, "EHOSTUNREACH"}, {EFSM, "EFSM"},
        {ENOCOMPATPROTO, "ENOCOMPATPROTO"}, {ETERM, "ETERM"}, {EMTHREAD, "EMTHREAD"},
        {ENAMETOOLONG, "ENAMETOOLONG"}, {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"},
        {ENXIO, "ENXIO"}, {ECONNRESET, "ECONNRESET"}, {EEXIST, "EEXIST"}, {0, "no error"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == number)
            return names[i].name;
    }
    return text("errno %d", number);
}

const char *rc(int value)
{
    return value == -1 ? error_name(zmq_errno()) : text("%d", value);
}

const char *made(const void *pointer)
{
    return pointer ? "made" : error_name(zmq_errno());
}

const char *shown(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    if (size > 80) {
        unsigned long sum = 5381;
        for (size_t i = 0; i < size; i++)
            sum = (sum * 33 + bytes[i]) & 0xffffffffUL;
        return text("<%zu bytes %08lx>", size, sum);
    }
    char *out = scratch(size * 4 + 1);
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] > 32 && bytes[i] < 127 && bytes[i] != '\\' && bytes[i] != '|')
            out[at++] = (char) bytes[i];
        else
            at += (size_t) sprintf(out + at, "\\x%02x", bytes[i]);
    }
    return out;
}

const char *type_name(int type)
{
    static const char *const names[] = {"PAIR", "PUB", "SUB", "REQ", "REP", "DEALER",
                                        "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM",
                                        "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER",
                                        "DGRAM", "PEER", "CHANNEL"};
    return type >= 0 && type < 21 ? names[type] : text("%d", type);
}

void *context(void)
{
    void *ctx = zmq_ctx_new();
    if (!ctx)
        give_up("zmq_ctx_new");
    remember(open_contexts, ctx);
    return ctx;
}

void *try_sock(void *ctx, int type)
{
    void *socket = zmq_socket(ctx, type);
    remember(open_sockets, socket);
    for (size_t i = 0; socket && i < MANY; i++) {
        if (open_sockets[i] == socket)
            contexts_of_sockets[i] = ctx;
    }
    return socket;
}

void *plain_sock(void *ctx, int type)
{
    void *socket = try_sock(ctx, type);
    if (!socket)
        give_up("zmq_socket");
    return socket;
}

void *sock(void *ctx, int type)
{
    void *socket = plain_sock(ctx, type);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDTIMEO, PATIENCE);
    set_int(socket, ZMQ_RCVTIMEO, PATIENCE);
    return socket;
}

const char *shut(void *socket)
{
    forget(open_sockets, socket);
    return rc(zmq_close(socket));
}

const char *term(void *ctx)
{
    forget(open_contexts, ctx);
    return rc(zmq_ctx_term(ctx));
}

const char *try_set_int(void *socket, int option, int value)
{
    return rc(zmq_setsockopt(socket, option, &value, sizeof value));
}

void set_int(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) != 0)
        give_up(text("option %d = %d", option, value));
}

int get_int(void *socket, int option)
{
    int value = 0;
    size_t size = sizeof value;
    return zmq_getsockopt(socket, option, &value, &size) == 0 ? value : -1;
}

const char *show_int(void *socket, int option)
{
    int value = 0;
    size_t size = sizeof value;
    if (zmq_getsockopt(socket, option, &value, &size) != 0)
        return error_name(zmq_errno());
    return text("%d", value);
}

void set_bytes(void *socket, int option, const void *value, size_t size)
{
    if (zmq_setsockopt(socket, option, value, size) != 0)
        give_up(text("option %d", option));
}

void subscribe(void *socket, const char *topic)
{
    set_bytes(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
}

void *context_of(void *socket)
{
    for (size_t i = 0; i < MANY; i++) {
        if (open_sockets[i] == socket)
            return contexts_of_sockets[i];
    }
    return NULL;
}

const char *tx_bytes(void *socket, const void *data, size_t size, int flags)
{
    return rc(zmq_send(socket, data, size, flags));
}

const char *tx_frame(void *socket, const char *frame, int flags)
{
    return tx_bytes(socket, frame, strlen(frame), flags);
}

static const char *send_frames(void *socket, const char *frames, int flags)
{
    for (;;) {
        const char *end = strchr(frames, '|');
        size_t size = end ? (size_t) (end - frames) : strlen(frames);
        int sent = zmq_send(socket, frames, size, flags | (end ? ZMQ_SNDMORE : 0));
        if (sent == -1 || !end)
            return rc(sent);
        frames = end + 1;
    }
}

const char *tx(void *socket, const char *frames)
{
    return send_frames(socket, frames, 0);
}

const char *tx_now(void *socket, const char *frames)
{
    return send_frames(socket, frames, ZMQ_DONTWAIT);
}

/* Any frame of any size as text; NULL with errno on failure. */
static const char *receive_frame(void *socket, int flags, int *more)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    const char *out = NULL;
    if (zmq_msg_recv(&message, socket, flags) != -1) {
        out = shown(zmq_msg_data(&message), zmq_msg_size(&message));
        *more = zmq_msg_more(&message);
        zmq_msg_close(&message);
    } else {
        int error = zmq_errno();
        zmq_msg_close(&message);
        errno = error;
    }
    return out;
}

static const char *receive_message(void *socket, int flags)
{
    int more = 0;
    const char *frame = receive_frame(socket, flags, &more);
    if (!frame)
        return error_name(zmq_errno());
    char *out = scratch(8192);
    snprintf(out, 8192, "[%s", frame);
    while (more) {
        frame = receive_frame(socket, flags, &more);
        if (!frame)
            return text("%s, then %s", out, error_name(zmq_errno()));
        size_t at = strlen(out);
        snprintf(out + at, 8192 - at, "|%s", frame);
    }
    size_t at = strlen(out);
    snprintf(out + at, 8192 - at, "]");
    return out;
}

const char *rx(void *socket)
{
    return receive_message(socket, 0);
}

const char *rx_now(void *socket)
{
    return receive_message(socket, ZMQ_DONTWAIT);
}

const char *rx_quiet(void *socket)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, QUIET);
    const char *out = rx_now(socket);
    return strcmp(out, "EAGAIN") == 0 ? "nothing" : out;
}

const char *rx_frame(void *socket, int flags)
{
    int more = 0;
    const char *frame = receive_frame(socket, flags, &more);
    if (!frame)
        return error_name(zmq_errno());
    return text("[%s]%s", frame, more ? " +" : "");
}

const char *events(void *socket)
{
    int value = 0;
    size_t size = sizeof value;
    if (zmq_getsockopt(socket, ZMQ_EVENTS, &value, &size) != 0)
        return error_name(zmq_errno());
    switch (value) {
    case 0:
        return "-";
    case ZMQ_POLLIN:
        return "in";
    case ZMQ_POLLOUT:
        return "out";
    case ZMQ_POLLIN | ZMQ_POLLOUT:
        return "in out";
    default:
        return text("%d", value);
    }
}

long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}
