/* Forked children: what they may do with what they inherited, a context of their own, programs that become
 * daemons, descriptors and exec. api.md section 2, protocols: "Fork". */
#include "expect.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

/* The child's part; how many seconds it may take. */
static pid_t begin_child(int seconds)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm((unsigned) (getenv("SLOW") ? seconds * 20 : seconds));
    }
    return child;
}

/* "0", the exit code, or the signal that ended it. */
static const char *end_of(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return "no child";
    return WIFEXITED(status) ? text("%d", WEXITSTATUS(status)) : text("signal %d", WTERMSIG(status));
}

static void finish_child(int code)
{
    fflush(stdout);
    _exit(code);
}

/* What the descriptors of this process refer to. */
struct open_files {
    int count;
    struct {
        int fd;
        dev_t device;
        ino_t inode;
    } of[512];
};

static void look_at_files(struct open_files *files)
{
    files->count = 0;
    for (int fd = 0; fd < 512; fd++) {
        struct stat is;
        if (fstat(fd, &is) != 0)
            continue;
        files->of[files->count].fd = fd;
        files->of[files->count].device = is.st_dev;
        files->of[files->count++].inode = is.st_ino;
    }
}

/* How many of them are not there any more, or something else. */
static int missing(const struct open_files *before)
{
    struct open_files now;
    int gone = 0;
    look_at_files(&now);
    for (int i = 0; i < before->count; i++) {
        int found = 0;
        for (int k = 0; k < now.count; k++)
            found += before->of[i].fd == now.of[k].fd && before->of[i].device == now.of[k].device
                     && before->of[i].inode == now.of[k].inode;
        gone += !found;
    }
    return gone;
}

/* Every function on a socket of the parent: EINTR, and it can be closed once. The number of wrong answers. */
static int refused(void *s)
{
    char buffer[16];
    int value = 0, wrong = 0;
    size_t size = sizeof value, count = 1;
    struct iovec part = {buffer, 1};
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    zmq_msg_t m;
    zmq_msg_init(&m);
#define REFUSED(call) wrong += differs(#call, rc(call), "EINTR")
    REFUSED(zmq_send(s, "x", 1, 0));
    REFUSED(zmq_send(s, "x", 1, ZMQ_DONTWAIT));
    REFUSED(zmq_send_const(s, "x", 1, 0));
    REFUSED(zmq_recv(s, buffer, 1, 0));
    REFUSED(zmq_recv(s, buffer, 1, ZMQ_DONTWAIT));
    REFUSED(zmq_msg_send(&m, s, 0));
    REFUSED(zmq_msg_recv(&m, s, 0));
    REFUSED(zmq_sendmsg(s, &m, 0));
    REFUSED(zmq_recvmsg(s, &m, 0));
    REFUSED(zmq_sendiov(s, &part, 1, 0));
    REFUSED(zmq_recviov(s, &part, &count, 0));
    REFUSED(zmq_poll(&item, 1, -1));
    REFUSED(zmq_poll(&item, 1, 0));
    REFUSED(zmq_ppoll(&item, 1, -1, NULL));
    REFUSED(zmq_proxy(s, s, NULL));
    REFUSED(zmq_proxy_steerable(s, s, NULL, s));
    REFUSED(zmq_device(ZMQ_QUEUE, s, s));
    REFUSED(zmq_bind(s, "inproc://of-the-child"));
    REFUSED(zmq_bind(s, "tcp://127.0.0.1:*"));
    REFUSED(zmq_connect(s, "inproc://of-the-child"));
    REFUSED(zmq_connect(s, "tcp://127.0.0.1:9"));
    REFUSED(zmq_unbind(s, "tcp://127.0.0.1:9"));
    REFUSED(zmq_disconnect(s, "tcp://127.0.0.1:9"));
    /* What is only stored can be set and read, as programs do before they close. */
    value = 7;
    wrong += differs("set LINGER", rc(zmq_setsockopt(s, ZMQ_LINGER, &value, sizeof value)), "0");
    wrong += differs("get LINGER", text("%s %d", rc(zmq_getsockopt(s, ZMQ_LINGER, &value, &size)), value), "0 7");
    wrong += differs("get TYPE", rc(zmq_getsockopt(s, ZMQ_TYPE, &value, &size)), "0");
    wrong += differs("set unknown", rc(zmq_setsockopt(s, 9999, &value, sizeof value)), "EINVAL");
    wrong += differs("send after that", rc(zmq_send(s, "x", 1, 0)), "EINTR");
    REFUSED(zmq_getsockopt(s, ZMQ_FD, &value, &size));
    REFUSED(zmq_getsockopt(s, ZMQ_EVENTS, &value, &size));
    REFUSED(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL));
    REFUSED(zmq_socket_monitor(s, NULL, 0));
    zmq_msg_close(&m);
    wrong += differs("close", rc(zmq_close(s)), "0");
    wrong += differs("close again", rc(zmq_close(s)), "ENOTSOCK");
    wrong += differs("use after close", rc(zmq_send(s, "x", 1, 0)), "ENOTSOCK");
    return wrong;
}

/* A whole life in a context of the child's own, over this transport. The number of wrong answers. */
static int own_life(enum transport transport)
{
    int wrong = 0;
    void *ctx = zmq_ctx_new();
    void *pull = zmq_socket(ctx, ZMQ_PULL), *push = zmq_socket(ctx, ZMQ_PUSH);
    char endpoint[256], buffer[8];
    size_t size = sizeof endpoint;
    const char *names[] = {"inproc://own", "tcp://127.0.0.1:*", "ipc://*"};
    int patience = PATIENCE * 2;
    zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof patience);
    wrong += differs("own bind", rc(zmq_bind(pull, names[transport])), "0");
    zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &size);
    wrong += differs("own connect", rc(zmq_connect(push, endpoint)), "0");
    for (int i = 0; i < 5; i++) {
        wrong += differs("own send", rc(zmq_send(push, "own", 3, 0)), "3");
        wrong += differs("own recv", rc(zmq_recv(pull, buffer, sizeof buffer, 0)), "3");
    }
    wrong += differs("own close", rc(zmq_close(push)), "0");
    wrong += differs("own close", rc(zmq_close(pull)), "0");
    wrong += differs("own term", rc(zmq_ctx_term(ctx)), "0");
    return wrong;
}

static void note(int id, void *argument)
{
    *(int *) argument += id;
}

/* A poller of the parent's, and one of the child's own. The number of wrong answers. */
static int refused_poller(void *p, void *s)
{
    int wrong = 0;
    zmq_poller_event_t event;
    zmq_fd_t fd;
    REFUSED(zmq_poller_add_fd(p, 0, NULL, ZMQ_POLLIN));
    REFUSED(zmq_poller_modify(p, s, ZMQ_POLLIN));
    REFUSED(zmq_poller_remove(p, s));
    REFUSED(zmq_poller_wait(p, &event, -1));
    REFUSED(zmq_poller_wait_all(p, &event, 1, 0));
    REFUSED(zmq_poller_fd(p, &fd));
    void *kept = p;
    wrong += differs("destroy", rc(zmq_poller_destroy(&p)), "0");
    wrong += differs("destroy again", rc(zmq_poller_destroy(&kept)), "EFAULT");
    p = zmq_poller_new();
    REFUSED(zmq_poller_add(p, s, NULL, ZMQ_POLLIN));
    wrong += differs("own poller", rc(zmq_poller_wait(p, &event, 1)), "EAGAIN");
    wrong += differs("destroy the own", rc(zmq_poller_destroy(&p)), "0");
    return wrong;
}

static void every_call(void)
{
    struct open_files before;
    void *sockets[12];
    int count = 0;
    void *ctx = zmq_ctx_new(), *unused = zmq_ctx_new();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    /* Not by attach, which leaves connections that are still being closed. */
    connect_to(b, bind_any(a, TCP));
    tx(a, "first");
    rx(b);
    for (int i = 0; i < 12; i++) {
        void *s = zmq_socket(ctx, classic_types[i]);
        if (s) {
            bind_any(s, i % 2 ? TCP : IPC);
            sockets[count++] = s;
        }
    }
    void *poller = zmq_poller_new();
    zmq_poller_add(poller, a, NULL, ZMQ_POLLIN);
    void *timers = zmq_timers_new(), *counter = zmq_atomic_counter_new();
    int ran = 0;
    zmq_timers_add(timers, 0, note, &ran);
    zmq_msg_t m, copy;
    zmq_msg_init_size(&m, 1000);
    get_int(a, ZMQ_FD);
    look_at_files(&before);
    pid_t child = begin_child(20);
    if (child == 0) {
        int wrong = refused_poller(poller, a);
        for (int i = 0; i < count; i++)
            wrong += refused(sockets[i]);
        wrong += refused(a) + refused(b);
        expect("wrong answers about sockets", rc(wrong), "0");
        expect("context: get", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)), "1");
        expect("context: set", rc(zmq_ctx_set(ctx, ZMQ_BLOCKY, 1)), "0");
        expect("context: socket", made(zmq_socket(ctx, ZMQ_PAIR)), "EINTR");
        expect("context: shutdown", rc(zmq_ctx_shutdown(ctx)), "0");
        expect("context: term", rc(zmq_ctx_term(ctx)), "0");
        expect("context: term again", rc(zmq_ctx_term(ctx)), "EFAULT");
        expect("context: socket after it", made(zmq_socket(ctx, ZMQ_PAIR)), "EFAULT");
        expect("unused context: term", rc(zmq_ctx_term(unused)), "0");
        expect("timers: execute", rc(zmq_timers_execute(timers)), "0");
        expect("timers: ran", rc(ran), "1");
        expect("timers: add", rc(zmq_timers_add(timers, 5, note, &ran)), "2");
        expect("timers: destroy", rc(zmq_timers_destroy(&timers)), "0");
        expect("counter", rc(zmq_atomic_counter_inc(counter)), "0");
        zmq_msg_init(&copy);
        expect("message: copy", rc(zmq_msg_copy(&copy, &m)), "0");
        expect("message: close", rc(zmq_msg_close(&m)), "0");
        expect("message: close the copy", rc(zmq_msg_close(&copy)), "0");
        expect("inherited descriptors gone", rc(missing(&before)), "0");
        expect("own inproc", rc(own_life(INPROC)), "0");
        expect("own tcp", rc(own_life(TCP)), "0");
        expect("own ipc", rc(own_life(IPC)), "0");
        expect("inherited descriptors gone at last", rc(missing(&before)), "0");
        finish_child(0);
    }
    expect("child", end_of(child), "0");
    expect("parent's descriptors gone", rc(missing(&before)), "0");
    expect("parent's LINGER", show_int(a, ZMQ_LINGER), "0");
    expect("parent sends", tx(a, "there"), "5");
    zmq_poller_event_t event;
    zmq_poller_modify(poller, a, ZMQ_POLLOUT);
    expect("parent's poller", rc(zmq_poller_wait(poller, &event, PATIENCE)), "0");
    expect("parent destroys it", rc(zmq_poller_destroy(&poller)), "0");
    expect("parent receives", rx(b), "[there]");
    expect("parent's timers", rc(zmq_timers_execute(timers)), "0");
    expect("parent's unused context", rc(zmq_ctx_term(unused)), "0");
    for (int i = 0; i < count; i++) {
        set_int(sockets[i], ZMQ_LINGER, 0);
        expect(text("parent closes %d", i), rc(zmq_close(sockets[i])), "0");
    }
    shut(a);
    shut(b);
    expect("parent's term", rc(zmq_ctx_term(ctx)), "0");
    zmq_msg_close(&m);
}

/* A child that tries again whenever it reads EINTR, as bindings do, comes to an end. */
static void repeats_on_eintr(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    (void) s;
    pid_t child = begin_child(5);
    if (child == 0) {
        int result;
        do {
            result = zmq_ctx_term(ctx);
        } while (result == -1 && zmq_errno() == EINTR);
        finish_child(0);
    }
    expect("child", end_of(child), "0");
}

/* The child's own context and the parent's sockets. */
static void child_and_parent(void)
{
    for (enum transport transport = TCP; transport <= IPC; transport++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        const char *endpoint = bind_any(rep, transport);
        const char *name = transport_names[transport];
        pid_t child = begin_child(20);
        if (child == 0) {
            void *own = zmq_ctx_new();
            void *req = sock(own, ZMQ_REQ);
            connect_to(req, endpoint);
            int wrong = 0;
            for (int i = 0; i < 100; i++) {
                tx(req, "question");
                wrong += differs("answer", rx(req), "[answer]");
            }
            zmq_close(req);
            zmq_ctx_term(own);
            finish_child(wrong);
        }
        int wrong = 0;
        for (int i = 0; i < 100; i++) {
            wrong += differs("question", rx(rep), "[question]");
            tx(rep, "answer");
        }
        expect(text("%s questions", name), rc(wrong), "0");
        expect(text("%s child", name), end_of(child), "0");
    }
}

/* ---- forks in the middle of everything ---- */

struct traffic {
    void *ctx;
    char endpoint[256];
    atomic_int stop;
    atomic_long received;
    atomic_int wrong;
};

static void *send_and_count(void *argument)
{
    struct traffic *it = argument;
    void *push = zmq_socket(it->ctx, ZMQ_PUSH);
    zmq_connect(push, it->endpoint);
    for (int number = 0; !it->stop; number++) {
        if (zmq_send(push, &number, sizeof number, 0) != sizeof number)
            it->wrong++;
    }
    int last = -1;
    zmq_send(push, &last, sizeof last, 0);
    zmq_close(push);
    return NULL;
}

static void *receive_and_count(void *argument)
{
    struct traffic *it = argument;
    void *pull = zmq_socket(it->ctx, ZMQ_PULL);
    size_t size = sizeof it->endpoint;
    char given[256];
    strcpy(given, it->endpoint);
    zmq_bind(pull, given);
    zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, it->endpoint, &size);
    pthread_t sender;
    pthread_create(&sender, NULL, send_and_count, it);
    for (int number = 0;; number++) {
        int got;
        if (zmq_recv(pull, &got, sizeof got, 0) != sizeof got)
            it->wrong++;
        if (got == -1)
            break;
        if (got != number)
            it->wrong++;
        it->received++;
    }
    pthread_join(sender, NULL);
    zmq_close(pull);
    return NULL;
}

/* Opens, connects and closes; asks contexts. */
static void *churn(void *argument)
{
    struct traffic *it = argument;
    while (!it->stop) {
        void *ctx = zmq_ctx_new();
        void *a = zmq_socket(ctx, ZMQ_PAIR), *b = zmq_socket(ctx, ZMQ_PAIR);
        zmq_ctx_set(it->ctx, ZMQ_BLOCKY, 1);
        zmq_bind(a, "inproc://churn");
        zmq_connect(b, "inproc://churn");
        zmq_connect(b, "tcp://127.0.0.1:9");
        zmq_send(b, "x", 1, ZMQ_DONTWAIT);
        int no = 0;
        zmq_setsockopt(b, ZMQ_LINGER, &no, sizeof no);
        zmq_close(a);
        zmq_close(b);
        if (zmq_ctx_term(ctx) != 0)
            it->wrong++;
    }
    return NULL;
}

static void *fork_again_and_again(void *argument)
{
    int rounds = turns(100);
    int wrong = 0;
    void **shared = argument;
    struct traffic *it = shared[0];
    for (int i = 0; i < rounds; i++) {
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            alarm(getenv("SLOW") ? 200 : 20);
            char byte;
            int bad = 0;
            zmq_ctx_get(it->ctx, ZMQ_IO_THREADS);
            bad += zmq_recv(shared[1], &byte, 1, 0) != -1 || zmq_errno() != EINTR;
            bad += zmq_close(shared[1]) != 0;
            bad += own_life(i % 3);
            bad += zmq_ctx_term(it->ctx) != 0;
            if (i % 4 == 0 && fork() == 0) {
                alarm(20);
                _exit(own_life(TCP));
            }
            int status = 0;
            if (i % 4 == 0)
                wait(&status);
            /* With and without what exit runs. */
            if (i % 2)
                exit(bad + status);
            _exit(bad + status);
        }
        wrong += differs("child", end_of(child), "0");
    }
    return (void *) (long) wrong;
}

static void storm(void)
{
    struct traffic traffic[3] = {{.endpoint = "tcp://127.0.0.1:*"}, {.endpoint = "ipc://*"},
                                 {.endpoint = "inproc://traffic"}};
    void *ctx = zmq_ctx_new();
    void *idle = zmq_socket(ctx, ZMQ_PULL);
    pthread_t receivers[3], churners[2], forkers[2];
    for (int i = 0; i < 3; i++) {
        traffic[i].ctx = ctx;
        pthread_create(&receivers[i], NULL, receive_and_count, &traffic[i]);
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&churners[i], NULL, churn, &traffic[i]);
    void *shared[2] = {&traffic[0], idle};
    for (int i = 0; i < 2; i++)
        pthread_create(&forkers[i], NULL, fork_again_and_again, shared);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(forkers[i], &wrong);
        expect("children that went wrong", rc((int) (long) wrong), "0");
    }
    for (int i = 0; i < 3; i++)
        traffic[i].stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(churners[i], NULL);
    for (int i = 0; i < 3; i++) {
        pthread_join(receivers[i], NULL);
        expect(text("%s: wrong", transport_names[(i + 1) % 3]), rc(traffic[i].wrong), "0");
        expect_true(text("%s: messages came", transport_names[(i + 1) % 3]), traffic[i].received > 0);
    }
    zmq_close(idle);
    expect("term", rc(zmq_ctx_term(ctx)), "0");
}

/* ---- exec ---- */

/* Numbers of open descriptors that a new program would get. */
static int inheritable(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += flags != -1 && !(flags & FD_CLOEXEC);
    }
    return count;
}

/* What a shell that this program starts has open. */
static const char *seen_by_a_shell(int way)
{
    static char command[] = "ls /proc/self/fd | wc -l";
    char *arguments[] = {"sh", "-c", command, NULL};
    int ends[2];
    char answer[32] = "";
    if (pipe2(ends, O_CLOEXEC) != 0)
        return "no pipe";
    fflush(stdout);
    pid_t child = -1;
    if (way == 0) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn(&child, "/bin/sh", &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    } else {
        child = way == 1 ? vfork() : fork();
        if (child == 0) {
            dup2(ends[1], 1);
            execve("/bin/sh", arguments, environ);
            _exit(127);
        }
    }
    close(ends[1]);
    if (read(ends[0], answer, sizeof answer - 1) <= 0)
        strcpy(answer, "nothing");
    close(ends[0]);
    waitpid(child, NULL, 0);
    answer[strcspn(answer, "\n")] = 0;
    return text("%s", answer);
}

static void new_programs(void)
{
    const char *ways[] = {"posix_spawn", "vfork", "fork"};
    const char *before[3];
    int inheritable_before = inheritable();
    for (int way = 0; way < 3; way++)
        before[way] = seen_by_a_shell(way);
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    void *c = sock(ctx, ZMQ_PAIR), *d = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    attach(c, d, IPC);
    get_int(a, ZMQ_FD);
    connect_to(a, "tcp://localhost:9");
    rx_quiet(a);
    expect("inheritable descriptors", rc(inheritable()), text("%d", inheritable_before));
    for (int way = 0; way < 3; way++)
        expect(ways[way], seen_by_a_shell(way), before[way]);
    expect("still works", (tx(a, "x"), rx(b)), "[x]");
    expect("still works over ipc", (tx(c, "x"), rx(d)), "[x]");
}

/* ---- daemons ---- */

static void daemons(void)
{
    /* A context from before, as global objects are; one with a socket; a thread that has waited. */
    void *ctx = zmq_ctx_new(), *used = zmq_ctx_new();
    void *s = zmq_socket(used, ZMQ_PULL);
    set_int(s, ZMQ_RCVTIMEO, 1);
    rx(s);
    pid_t child = begin_child(20);
    if (child == 0) {
        setsid();
        pid_t daemon = fork();
        if (daemon != 0) {
            int status;
            waitpid(daemon, &status, 0);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
        }
        alarm(20);
        /* All but what the claims are printed to. */
        syscall(SYS_close_range, 3, ~0U, 0);
        void *a = zmq_socket(ctx, ZMQ_PAIR), *b = zmq_socket(ctx, ZMQ_PAIR);
        set_int(a, ZMQ_RCVTIMEO, PATIENCE);
        connect_to(b, bind_any(a, TCP));
        expect("the context from before works", (tx(b, "x"), rx(a)), "[x]");
        zmq_close(a);
        zmq_close(b);
        expect("and ends", rc(zmq_ctx_term(ctx)), "0");
        expect("the parent's socket", rc(zmq_close(s)), "0");
        expect("the parent's context", rc(zmq_ctx_term(used)), "0");
        expect("another context", rc(own_life(IPC)), "0");
        finish_child(0);
    }
    expect("daemon", end_of(child), "0");
    expect("parent's socket", rx(s), "EAGAIN");
    zmq_close(s);
    expect("parent's term", rc(zmq_ctx_term(used)), "0");
    zmq_ctx_term(ctx);
}

static void *blocked(void *socket)
{
    return (void *) rx(socket);
}

/* A thread is blocked at the fork, and gets its message afterwards. */
static void blocked_at_the_fork(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    pthread_t thread;
    pthread_create(&thread, NULL, blocked, a);
    usleep(20000);
    pid_t child = begin_child(10);
    if (child == 0) {
        int bad = zmq_close(a) != 0 || zmq_close(b) != 0 || zmq_ctx_term(ctx) != 0;
        exit(bad);
    }
    expect("child", end_of(child), "0");
    tx(b, "late");
    void *got;
    pthread_join(thread, &got);
    expect("parent", got, "[late]");
}

static const struct rule rules[] = {
    RULE(every_call), RULE(repeats_on_eintr), RULE(child_and_parent), RULE_WITHIN(storm, 120000),
    RULE(new_programs), RULE(daemons), RULE(blocked_at_the_fork),
};

RUN(rules)
