/* Signals: EINTR from everything that waits, nothing lost in a storm of them, and library threads and the network
 * leave the application's signals alone. api.md sections 2, 6, 7. */
#include "expect.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <netinet/in.h>

static atomic_int handled;
static atomic_int handled_elsewhere;
static pthread_t application[8];
static atomic_int application_threads;

static void handle(int number)
{
    (void) number;
    int own = 0;
    for (int i = 0; i < application_threads; i++)
        own |= pthread_equal(pthread_self(), application[i]) != 0;
    handled++;
    if (!own)
        handled_elsewhere++;
}

static void catch(int number, int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = flags;
    sigaction(number, &action, NULL);
}

static void register_thread(void)
{
    /* In this order: a handler may look at it in between. */
    application[application_threads] = pthread_self();
    application_threads++;
}

/* From now on a SIGALRM every this many microseconds. */
static void storm(int interval)
{
    struct itimerval every = {{0, interval}, {0, interval}};
    setitimer(ITIMER_REAL, &every, NULL);
}

/* ---- EINTR ---- */

static void interrupted(int flags, const char *how)
{
    void *ctx = context();
    void *pair = plain_sock(ctx, ZMQ_PAIR), *other = plain_sock(ctx, ZMQ_PAIR);
    zmq_pollitem_t items[2] = {{pair, 0, ZMQ_POLLIN, 0}, {other, 0, ZMQ_POLLIN, 0}};
    char byte;
    size_t count = 1;
    struct iovec part = {&byte, 1};
    sigset_t none;
    zmq_msg_t m;
    zmq_msg_init(&m);
    sigemptyset(&none);
    register_thread();
    catch(SIGALRM, flags);
    /* Again and again, in case one comes before the call. */
    storm(20000);
    int timeout;
    for (timeout = -1; timeout <= 60000; timeout += 60001) {
        set_int(pair, ZMQ_RCVTIMEO, timeout);
        set_int(pair, ZMQ_SNDTIMEO, timeout);
#define INTERRUPTED(call) expect(text("%s, timeout %d, " #call, how, timeout), rc(call), "EINTR")
        INTERRUPTED(zmq_recv(pair, &byte, 1, 0));
        INTERRUPTED(zmq_send(pair, "x", 1, 0));
        INTERRUPTED(zmq_send_const(pair, "x", 1, 0));
        INTERRUPTED(zmq_msg_recv(&m, pair, 0));
        INTERRUPTED(zmq_msg_send(&m, pair, 0));
        INTERRUPTED(zmq_recvmsg(pair, &m, 0));
        INTERRUPTED(zmq_sendmsg(pair, &m, 0));
        INTERRUPTED(zmq_recviov(pair, &part, &count, 0));
        count = 1;
        INTERRUPTED(zmq_sendiov(pair, &part, 1, 0));
        INTERRUPTED(zmq_poll(items, 1, timeout));
        INTERRUPTED(zmq_poll(items, 2, timeout));
        INTERRUPTED(zmq_poll(NULL, 0, timeout));
        INTERRUPTED(zmq_ppoll(items, 2, timeout, NULL));
        INTERRUPTED(zmq_ppoll(items, 2, timeout, &none));
    }
    timeout = -1;
    INTERRUPTED(zmq_proxy(pair, other, NULL));
    INTERRUPTED(zmq_proxy_steerable(pair, other, NULL, other));
    INTERRUPTED(zmq_device(ZMQ_QUEUE, pair, other));
    void *poller = zmq_poller_new();
    zmq_poller_event_t event;
    zmq_poller_add(poller, pair, NULL, ZMQ_POLLIN);
    INTERRUPTED(zmq_poller_wait(poller, &event, -1));
    INTERRUPTED(zmq_poller_wait_all(poller, &event, 1, 60000));
    zmq_poller_destroy(&poller);
    void *ending = zmq_ctx_new();
    void *open = zmq_socket(ending, ZMQ_PAIR);
    INTERRUPTED(zmq_ctx_term(ending));
    zmq_close(open);
    storm(0);
    expect(text("%s, term again", how), rc(zmq_ctx_term(ending)), "0");
    expect(text("%s, recv works", how), (attach(pair, other, TCP), tx(other, "x"), rx(pair)), "[x]");
}

static void without_restart(void)
{
    interrupted(0, "plain");
}

static void with_restart(void)
{
    interrupted(SA_RESTART, "SA_RESTART");
}

static void on_another_stack(void)
{
    static char stack[65536];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&other, NULL);
    interrupted(SA_ONSTACK, "SA_ONSTACK");
}

/* Calls that do not wait are not interrupted; a time that is over is EAGAIN, not EINTR. */
static void not_interrupted(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    register_thread();
    catch(SIGALRM, 0);
    storm(500);
    int wrong = 0;
    for (int i = 0; i < turns(2000); i++) {
        wrong += strcmp(rx_now(a), "EAGAIN") != 0;
        wrong += strcmp(events(a), "out") != 0;
        zmq_pollitem_t item = {a, 0, ZMQ_POLLIN, 0};
        wrong += zmq_poll(&item, 1, 0) != 0;
    }
    storm(0);
    expect("wrong", rc(wrong), "0");
}

/* ---- storms ---- */

struct traffic {
    void *ctx;
    const char *endpoint;
    int count;
    int wrong;
    long interrupted;
};

static void *sender(void *argument)
{
    struct traffic *it = argument;
    void *push = zmq_socket(it->ctx, ZMQ_PUSH);
    register_thread();
    /* Began with it blocked, so that no signal came before the thread was known. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    zmq_connect(push, it->endpoint);
    for (int number = 0; number < it->count;) {
        int size = zmq_send(push, &number, sizeof number, number % 2 ? 0 : ZMQ_SNDMORE);
        if (size == sizeof number)
            number++;
        else if (zmq_errno() != EINTR) {
            it->wrong++;
            break;
        }
    }
    zmq_close(push);
    return NULL;
}

/* Signals of all threads at once, on top of those of the timer. */
static void *shoot(void *argument)
{
    atomic_int *stop = argument;
    while (!*stop) {
        for (int i = 0; i < application_threads; i++)
            pthread_kill(application[i], SIGUSR1);
        usleep(500);
    }
    return NULL;
}

static void nothing_lost(const char *name, enum transport transport)
{
    void *ctx = context();
    void *pull = plain_sock(ctx, ZMQ_PULL);
    struct traffic it = {ctx, bind_any(pull, transport), turns(200000), 0, 0};
    pthread_t sending, shooting;
    atomic_int stop = 0;
    handled_elsewhere = 0;
    application_threads = 0;
    register_thread();
    catch(SIGALRM, 0);
    catch(SIGUSR1, SA_RESTART);
    storm(1000);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&sending, NULL, sender, &it);
    while (application_threads < 2)
        usleep(100);
    pthread_create(&shooting, NULL, shoot, &stop);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    for (int number = 0; number < it.count;) {
        int got = -1;
        int size = zmq_recv(pull, &got, sizeof got, 0);
        if (size == sizeof got && got == number) {
            number++;
        } else if (size == -1 && zmq_errno() == EINTR) {
            it.interrupted++;
        } else {
            it.wrong++;
            break;
        }
    }
    /* Nobody is shot at who may be gone. */
    stop = 1;
    pthread_join(shooting, NULL);
    pthread_join(sending, NULL);
    storm(0);
    expect(text("%s, wrong", name), rc(it.wrong), "0");
    /* Few messages are soon over. */
    expect_true(text("%s, many signals", name), handled > 20 || getenv("SLOW"));
    expect(text("%s, handled by library threads", name), rc(handled_elsewhere), "0");
}

static void storms(void)
{
    nothing_lost("tcp", TCP);
    nothing_lost("ipc", IPC);
    nothing_lost("inproc", INPROC);
}

/* Sends one message for each post. */
struct answers {
    void *socket;
    sem_t wanted;
    int count;
};

static void *answer(void *argument)
{
    struct answers *it = argument;
    for (int i = 0; i < it->count; i++) {
        while (sem_wait(&it->wanted) != 0)
            ;
        zmq_send(it->socket, "x", 1, 0);
    }
    return NULL;
}

/* A poll that was interrupted and is called again sees what has come, whenever it came: before the signal, at the same
 * time or behind it. */
static void polls(const char *name, enum transport transport)
{
    void *ctx = context();
    void *a = plain_sock(ctx, ZMQ_PAIR), *b = plain_sock(ctx, ZMQ_PAIR);
    attach(a, b, transport);
    struct answers it = {.socket = b, .count = turns(500)};
    pthread_t thread;
    sigset_t set;
    sem_init(&it.wanted, 0, 0);
    application_threads = 0;
    register_thread();
    catch(SIGALRM, 0);
    /* The signals are for the one that polls. */
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, answer, &it);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    storm(500);
    int wrong = 0;
    for (int i = 0; i < it.count; i++) {
        zmq_pollitem_t item = {a, 0, ZMQ_POLLIN, 0};
        int ready, was_asked = 0;
        char byte;
        while ((ready = zmq_poll(&item, 1, 60000)) == -1 && zmq_errno() == EINTR) {
            if (!was_asked)
                sem_post(&it.wanted);
            was_asked = 1;
        }
        wrong += ready != 1 || item.revents != ZMQ_POLLIN || zmq_recv(a, &byte, 1, ZMQ_DONTWAIT) != 1;
    }
    storm(0);
    pthread_join(thread, NULL);
    expect(text("%s, wrong", name), rc(wrong), "0");
}

static void interrupted_polls(void)
{
    polls("tcp", TCP);
    polls("inproc", INPROC);
}

/* ---- whose signals ---- */

/* The blocked signals of a thread, from its status. */
static unsigned long long blocked(const char *task)
{
    char path[300], row[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    while (file && fgets(row, sizeof row, file))
        sscanf(row, "SigBlk: %llx", &mask);
    if (file)
        fclose(file);
    return mask;
}

static void stay(void *leave)
{
    while (!*(atomic_int *) leave)
        usleep(1000);
}

static void library_threads(void)
{
    if (getenv("SLOW")) {
        say("SKIPPED, memcheck has masks of its own", "ok");
        return;
    }
    void *ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 3);
    void *s = zmq_socket(ctx, ZMQ_PAIR);
    /* The I/O threads start with the first endpoint that needs one. */
    zmq_bind(s, "tcp://127.0.0.1:*");
    atomic_int leave = 0;
    void *thread = zmq_threadstart(stay, &leave);
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int others = 0, open = 0;
    while ((task = readdir(tasks))) {
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        others++;
        unsigned long long mask = blocked(task->d_name);
        /* All but SIGKILL and SIGSTOP, and the two that the C library keeps to itself. */
        unsigned long long wanted = ~(1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1) | 1ULL << 31 | 1ULL << 32);
        if ((mask & wanted) != wanted)
            open++;
    }
    closedir(tasks);
    expect("threads besides this one", rc(others), "4");
    expect("with signals open", rc(open), "0");
    expect("this one has none blocked", text("%llx", blocked(text("%d", getpid()))), "0");
    leave = 1;
    zmq_threadclose(thread);
    zmq_close(s);
    zmq_ctx_term(ctx);
}

static void on_pipe(int number)
{
    (void) number;
    say("SIGPIPE", "WRONG: it came");
}

/* Peers that vanish while they are sent to. */
static void broken_pipes(void)
{
    signal(SIGPIPE, on_pipe);
    int wrong = 0;
    for (int round = 0; round < turns(100); round++) {
        void *ctx = zmq_ctx_new();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = bind_any(pull, round % 2 ? IPC : TCP);
        connect_to(push, endpoint);
        for (int i = 0; i < 50; i++)
            zmq_send(push, "some bytes to be sent", 20, ZMQ_DONTWAIT);
        if (round % 3)
            shut(pull);
        for (int i = 0; i < 50; i++)
            zmq_send(push, "some bytes to be sent", 20, ZMQ_DONTWAIT);
        if (round % 3 == 0)
            shut(pull);
        shut(push);
        wrong += zmq_ctx_term(ctx) != 0;
    }
    /* A peer that resets. */
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER);
    const char *endpoint = bind_any(dealer, TCP);
    for (int round = 0; round < turns(50); round++) {
        int peer = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)},
                                      .sin_port = htons((uint16_t) atoi(strrchr(endpoint, ':') + 1))};
        struct linger reset = {1, 0};
        if (connect(peer, (struct sockaddr *) &address, sizeof address) != 0)
            wrong++;
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        usleep(500);
        close(peer);
    }
    expect("wrong", rc(wrong), "0");
    signal(SIGPIPE, SIG_DFL);
}

/* Dispositions and the mask of the caller are as they were. */
static void nothing_changed(void)
{
    struct sigaction before[65], after[65];
    sigset_t mask_before, mask_after;
    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    for (int number = 1; number < 65; number++)
        sigaction(number, NULL, &before[number]);
    pthread_sigmask(SIG_BLOCK, NULL, &mask_before);
    void *ctx = zmq_ctx_new();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    connect_to(b, bind_any(a, TCP));
    connect_to(b, "tcp://localhost:9");
    tx(b, "x");
    rx(a);
    atomic_int leave = 1;
    void *thread = zmq_threadstart(stay, &leave);
    zmq_threadclose(thread);
    shut(a);
    shut(b);
    zmq_ctx_term(ctx);
    int changed = 0;
    for (int number = 1; number < 65; number++)
        if (sigaction(number, NULL, &after[number]) == 0)
            changed += before[number].sa_handler != after[number].sa_handler;
    pthread_sigmask(SIG_BLOCK, NULL, &mask_after);
    expect("dispositions changed", rc(changed), "0");
    for (int number = 1; number < 65; number++)
        changed += sigismember(&mask_before, number) != sigismember(&mask_after, number);
    expect("and blocked signals", rc(changed), "0");
}

/* Children of the application end while it waits. */
static void children_end(void)
{
    void *ctx = context();
    void *pull = plain_sock(ctx, ZMQ_PULL);
    register_thread();
    catch(SIGCHLD, 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        _exit(0);
    }
    char byte;
    expect("recv", rc(zmq_recv(pull, &byte, 1, 0)), "EINTR");
    waitpid(child, NULL, 0);
    expect("handled", rc(handled), "1");
    expect("by a library thread", rc(handled_elsewhere), "0");
    signal(SIGCHLD, SIG_DFL);
}

static const struct rule rules[] = {
    RULE(without_restart), RULE(with_restart), RULE(on_another_stack), RULE(not_interrupted),
    RULE_WITHIN(storms, 120000), RULE_WITHIN(interrupted_polls, 60000), RULE(library_threads), RULE(broken_pipes), RULE(nothing_changed),
    RULE(children_end),
};

RUN(rules)
