/* How many sockets a context has room for, and the descriptors of contexts and sockets: none left, whose they are, that
 * no other program inherits them, and when they are given back. api.md section 2. */
#include "transcript.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

/* zmq_socket until it works: the stock library gives slots back a little after zmq_close. */
static void *socket_again(void *ctx, int type)
{
    long end = now_ms() + PATIENCE;
    void *s;
    while (!(s = zmq_socket(ctx, type)) && now_ms() < end)
        usleep(500);
    return s;
}

/* ---- slots ---- */

static void by_default(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 3000) {
        say("descriptors", "too few for this rule");
        return;
    }
    limit.rlim_cur = 3000;
    setrlimit(RLIMIT_NOFILE, &limit);
    void *ctx = context();
    int count = 0;
    void *s;
    while (count < 3000 && (s = try_sock(ctx, classic_types[count % 12])))
        count++;
    int error = errno;
    line("sockets", "%d", count);
    say("then", error_name(error));
    say("once more", made(zmq_socket(ctx, ZMQ_PAIR)));
}

/* Every type needs one, and is refused alike. */
static void of_every_type(void)
{
    for (int i = 0; i < 12; i++) {
        void *ctx = context();
        zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 1);
        void *s = zmq_socket(ctx, classic_types[i]);
        const char *first = made(s);
        line(type_name(classic_types[i]), "%s, then %s, and of no type %s", first,
             made(zmq_socket(ctx, classic_types[(i + 1) % 12])), made(zmq_socket(ctx, 4711)));
        zmq_close(s);
        void *again = socket_again(ctx, ZMQ_PUB);
        say(text("%s closed", type_name(classic_types[i])), made(again));
        zmq_close(again);
    }
}

static void given_back(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 4);
    int failed = 0;
    for (int i = 0; i < 100; i++) {
        void *s = socket_again(ctx, classic_types[i % 12]);
        if (s && i % 2)
            bind_any(s, i % 3);
        failed += !s || zmq_close(s) != 0;
    }
    line("failed", "%d", failed);
}

/* What is unsent keeps the slot on the stock library. */
static void while_lingering(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 1);
    void *push = zmq_socket(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 300);
    connect_to(push, "tcp://127.0.0.1:9");
    tx(push, "unsent");
    zmq_close(push);
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    say("meanwhile", made(s));
    if (s)
        zmq_close(s);
    s = socket_again(ctx, ZMQ_PAIR);
    say("afterwards", made(s));
    zmq_close(s);
}

static void of_monitors(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 3);
    void *a = plain_sock(ctx, ZMQ_PAIR), *b = plain_sock(ctx, ZMQ_PAIR);
    say("monitor", rc(zmq_socket_monitor(a, "inproc://a", ZMQ_EVENT_LISTENING)));
    say("socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("monitor of the other", rc(zmq_socket_monitor(b, "inproc://b", ZMQ_EVENT_LISTENING)));
    say("stop", rc(zmq_socket_monitor(a, NULL, 0)));
    void *s = socket_again(ctx, ZMQ_PAIR);
    say("socket then", made(s));
    zmq_close(s);
    long end = now_ms() + PATIENCE;
    int result;
    while ((result = zmq_socket_monitor(b, "inproc://b", ZMQ_EVENT_LISTENING)) == -1 && now_ms() < end)
        usleep(500);
    say("monitor then", rc(result));
    shut(b);
    s = socket_again(ctx, ZMQ_PAIR);
    say("closed with its monitor", made(s));
    void *t = socket_again(ctx, ZMQ_PAIR);
    say("two of them", made(t));
    zmq_close(s);
    zmq_close(t);
}

/* Set when there are sockets: too late, in both directions. */
static void changed_later(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2);
    try_sock(ctx, ZMQ_PAIR);
    say("more", rc(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 100)));
    say("second", made(try_sock(ctx, ZMQ_PAIR)));
    say("third", made(try_sock(ctx, ZMQ_PAIR)));
    say("less", rc(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 1)));
    say("reads", rc(zmq_ctx_get(ctx, ZMQ_MAX_SOCKETS)));
}

/* The failure of the first socket decides it as well. */
static void changed_after_a_failure(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 1);
    say("no type", made(zmq_socket(ctx, 99)));
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 5);
    say("first", made(try_sock(ctx, ZMQ_PAIR)));
    say("second", made(try_sock(ctx, ZMQ_PAIR)));
}

/* ---- descriptors ---- */

static void limit_descriptors(rlim_t number)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = number;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* All that may be opened are open. */
static int fill(int *fds, int room)
{
    int count = 0;
    while (count < room && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    return count;
}

static void no_descriptor_for_a_context(void)
{
    int fds[300];
    limit_descriptors(200);
    int count = fill(fds, 300);
    void *ctx = zmq_ctx_new();
    say("context", made(ctx));
    while (count > 0)
        close(fds[--count]);
    if (!ctx)
        ctx = zmq_ctx_new();
    say("afterwards", made(zmq_socket(ctx, ZMQ_PAIR)));
}

static void no_descriptor_for_a_socket(void)
{
    int fds[300];
    limit_descriptors(200);
    void *ctx = context();
    plain_sock(ctx, ZMQ_PAIR);
    int count = fill(fds, 300);
    for (int i = 0; i < 12; i++) {
        void *s = zmq_socket(ctx, classic_types[i]);
        say(type_name(classic_types[i]), made(s));
        if (s)
            zmq_close(s);
    }
    say("no type", made(zmq_socket(ctx, 99)));
    while (count > 0)
        close(fds[--count]);
    say("afterwards", made(plain_sock(ctx, ZMQ_PAIR)));
}

/* The first one needs some for the threads as well. */
static void no_descriptor_for_the_first(void)
{
    int fds[300];
    limit_descriptors(200);
    void *ctx = context();
    int count = fill(fds, 300);
    say("first", made(zmq_socket(ctx, ZMQ_PAIR)));
    say("again", made(zmq_socket(ctx, ZMQ_PAIR)));
    while (count > 0)
        close(fds[--count]);
    void *s = sock(ctx, ZMQ_PAIR), *t = sock(ctx, ZMQ_PAIR);
    attach(s, t, TCP);
    tx(s, "x");
    say("afterwards", rx(t));
}

static void more_threads_than_descriptors(void)
{
    limit_descriptors(200);
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 1000);
    say("socket", made(zmq_socket(ctx, ZMQ_PAIR)));
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2);
    void *s = sock(ctx, ZMQ_PAIR), *t = sock(ctx, ZMQ_PAIR);
    attach(s, t, TCP);
    tx(s, "x");
    say("with fewer", rx(t));
}

static const char *what_is(int fd)
{
    char path[64], target[200];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(path, target, sizeof target - 1);
    target[size < 0 ? 0 : size] = 0;
    return text("%s", target);
}

static void signalling_descriptor(void)
{
    void *ctx = context();
    int fds[12];
    for (int i = 0; i < 12; i++) {
        void *s = plain_sock(ctx, classic_types[i]);
        fds[i] = get_int(s, ZMQ_FD);
        int same = 0;
        for (int k = 0; k < i; k++)
            same += fds[k] == fds[i];
        line(type_name(classic_types[i]), "%s, the same again %d, of another %d", what_is(fds[i]),
             get_int(s, ZMQ_FD) == fds[i], same);
        line(text("%s flags", type_name(classic_types[i])), "closed on exec %d, waits %d",
             fcntl(fds[i], F_GETFD) == FD_CLOEXEC, !(fcntl(fds[i], F_GETFL) & O_NONBLOCK));
    }
}

/* Descriptors that another program would inherit. */
static int inheritable(void)
{
    int count = 0;
    for (int fd = 0; fd < 1000; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return count;
}

static void closed_on_exec(void)
{
    int before = inheritable();
    void *ctx = context();
    line("of a context", "%d", inheritable() - before);
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, transport);
        watch(a, ZMQ_EVENT_ALL);
        get_int(a, ZMQ_FD);
        rx_now(a);
        tx(a, "x");
        say(text("%s works", transport_names[transport]), rx(b));
        line(transport_names[transport], "%d", inheritable() - before);
    }
    void *waiting = sock(ctx, ZMQ_DEALER);
    connect_to(waiting, "tcp://127.0.0.1:9");
    connect_to(waiting, "ipc:///nowhere");
    rx_quiet(waiting);
    line("of connects that fail", "%d", inheritable() - before);
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* All of them are closed when zmq_ctx_term returns. */
static void closed_with_the_context(void)
{
    int before = open_descriptors(), left = 0;
    for (int round = 0; round < 10; round++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR), *monitor;
        attach(a, b, round % 3);
        monitor = watch(a, ZMQ_EVENT_ALL);
        connect_to(b, "tcp://127.0.0.1:9");
        get_int(b, ZMQ_FD);
        shut(b);
        shut(a);
        shut(monitor);
        term(ctx);
        /* One that a thread keeps for waiting may stay. */
        left = open_descriptors() - before;
    }
    line("at most one is left", "%d", left <= 1);
}

static const struct rule rules[] = {
    RULE(by_default), RULE(of_every_type), RULE(given_back), RULE(while_lingering), RULE(of_monitors),
    RULE(changed_later), RULE(changed_after_a_failure), RULE(no_descriptor_for_a_context),
    RULE(no_descriptor_for_a_socket), RULE_WITHIN(no_descriptor_for_the_first, 5000),
    RULE_WITHIN(more_threads_than_descriptors, 5000), RULE(signalling_descriptor), RULE(closed_on_exec),
    RULE(closed_with_the_context),
};

RUN(rules)
