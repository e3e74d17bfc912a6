/* zmq_ppoll, a draft of the original: looked up at run time, as in poller.c. api.md section 7. */
#define ZMQ_BUILD_DRAFT_API
#include "transcript.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

static __typeof__(zmq_ppoll) *ppoll_;
static volatile sig_atomic_t handled;

static int look_up(void)
{
    *(void **) &ppoll_ = dlsym(RTLD_DEFAULT, "zmq_ppoll");
    return ppoll_ != NULL;
}

static void handle(int sig)
{
    (void) sig;
    handled++;
}

/* Blocks SIGUSR1; the mask that lets it in. */
static sigset_t block(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    sigset_t one, old;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &old);
    return old;
}

/* Whether the thread blocks SIGUSR1. */
static int is_blocked(void)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, SIGUSR1);
}

static void arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL), *closed = sock(ctx, ZMQ_PULL);
    sigset_t mask = block();
    shut(closed);
    const sigset_t *masks[] = {NULL, &mask};
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "mask" : "no mask";
        zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 99}, gone = {closed, 0, ZMQ_POLLIN, 0};
        zmq_pollitem_t none = {NULL, -1, ZMQ_POLLIN, 99};
        say(text("%s, no items", name), rc(ppoll_(NULL, 0, 0, masks[i])));
        say(text("%s, NULL items", name), rc(ppoll_(NULL, 1, 0, masks[i])));
        say(text("%s, negative count", name), rc(ppoll_(&item, -1, 0, masks[i])));
        say(text("%s, closed socket", name), rc(ppoll_(&gone, 1, 0, masks[i])));
        const char *result = rc(ppoll_(&item, 1, 0, masks[i]));
        line(text("%s, nothing ready", name), "%s: %d", result, item.revents);
        result = rc(ppoll_(&none, 1, 20, masks[i]));
        line(text("%s, descriptor -1", name), "%s: %d", result, none.revents);
    }
}

/* The same answers as zmq_poll. */
static void like_poll(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        int pipes[2];
        if (pipe(pipes) != 0)
            return;
        attach(a, b, t);
        for (int step = 0; step < 4; step++) {
            if (step == 1) {
                tx(b, "x");
                await(a, ZMQ_POLLIN);
            } else if (step == 2) {
                line(text("%s write", transport_names[t]), "%d", (int) write(pipes[1], "x", 1));
            } else if (step == 3) {
                close(pipes[1]);
            }
            zmq_pollitem_t one[3] = {{a, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0},
                                     {NULL, pipes[0], ZMQ_POLLIN, 0},
                                     {b, 0, ZMQ_POLLIN, 0}};
            zmq_pollitem_t two[3];
            memcpy(two, one, sizeof two);
            sigset_t mask = block();
            int first = zmq_poll(one, 3, 0), second = ppoll_(two, 3, 0, &mask);
            line(text("%s %d", transport_names[t], step), "%d: %d %d %d, same %d", second,
                 two[0].revents, two[1].revents, two[2].revents,
                 first == second && memcmp(one, two, sizeof one) == 0);
        }
        close(pipes[0]);
    }
}

static void pending(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL), *pub = sock(ctx, ZMQ_PUB);
    sigset_t mask = block();
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0}, ready = {pub, 0, ZMQ_POLLOUT, 0};
    raise(SIGUSR1);
    say("kept out, no mask", rc(ppoll_(&item, 1, 20, NULL)));
    line("handled", "%d", (int) handled);
    sigset_t all;
    sigfillset(&all);
    say("kept out by the mask", rc(ppoll_(&item, 1, 20, &all)));
    line("handled", "%d", (int) handled);
    say("let in", rc(ppoll_(&item, 1, 0, &mask)));
    line("handled", "%d, blocked again %d", (int) handled, is_blocked());
    raise(SIGUSR1);
    say("let in, no items", rc(ppoll_(NULL, 0, 0, &mask)));
    raise(SIGUSR1);
    say("let in, a socket is ready", rc(ppoll_(&ready, 1, -1, &mask)));
    say("next", rc(ppoll_(&ready, 1, -1, &mask)));
    raise(SIGUSR1);
    long start = now_ms();
    say("let in, for ever", rc(ppoll_(&item, 1, -1, &mask)));
    line("handled", "%d, at once %d", (int) handled, now_ms() - start < 2000);
}

static void *interrupt_once(void *target)
{
    zmq_poll(NULL, 0, 50);
    pthread_kill(*(pthread_t *) target, SIGUSR1);
    return NULL;
}

static void interrupted(void)
{
    void *ctx = context();
    zmq_pollitem_t item = {sock(ctx, ZMQ_PULL), 0, ZMQ_POLLIN, 0};
    sigset_t mask = block();
    pthread_t self = pthread_self(), thread;
    pthread_create(&thread, NULL, interrupt_once, &self);
    say("while it waits", rc(ppoll_(&item, 1, -1, &mask)));
    line("handled", "%d, blocked again %d", (int) handled, is_blocked());
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, interrupt_once, &self);
    say("kept out while it waits", rc(ppoll_(&item, 1, 200, NULL)));
    line("handled then", "%d", (int) handled);
    pthread_join(thread, NULL);
}

static void wakes(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        sigset_t mask = block();
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        const char *result = rc(ppoll_(&item, 1, -1, &mask));
        line(text("%s message", transport_names[t]), "%s: %d", result, item.revents);
        pthread_join(thread, NULL);
        zmq_ctx_shutdown(ctx);
        say(text("%s shutdown", transport_names[t]), rc(ppoll_(&item, 1, -1, &mask)));
    }
}

/* Beyond what select can do. */
static void many(void)
{
    enum { COUNT = 1500 };
    static zmq_pollitem_t items[COUNT];
    struct rlimit limit = {4096, 4096};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    int pipes[2];
    if (pipe(pipes) != 0 || dup2(pipes[0], 2000) != 2000)
        return;
    for (int i = 0; i < COUNT; i++)
        items[i] = (zmq_pollitem_t){NULL, 2000, ZMQ_POLLIN, 0};
    sigset_t mask = block();
    say("none", rc(ppoll_(items, COUNT, 0, &mask)));
    line("write", "%d", (int) write(pipes[1], "x", 1));
    say("all", rc(ppoll_(items, COUNT, PATIENCE, &mask)));
}

/* Urgent data, which select would not watch. */
static void urgent(void)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.ss_family = AF_INET;
    int listener = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *) &address, &length);
    line("connect", "%d", connect(to, (struct sockaddr *) &address, length));
    zmq_pollitem_t item = {NULL, accept(listener, NULL, NULL), ZMQ_POLLPRI, 99};
    sigset_t mask = block();
    const char *result = rc(ppoll_(&item, 1, 0, &mask));
    line("before", "%s: %d", result, item.revents);
    line("sent", "%d", (int) send(to, "!", 1, MSG_OOB));
    result = rc(ppoll_(&item, 1, PATIENCE, &mask));
    line("urgent", "%s: %d", result, item.revents);
}

static void there(void)
{
    say("function", look_up() ? "yes" : "no");
}

static const struct rule rules[] = {
    RULE(there), RULE(arguments), RULE(like_poll), RULE(pending), RULE(interrupted), RULE(wakes),
    RULE(many), RULE(urgent),
};

int main(int argc, char **argv)
{
    size_t count = sizeof rules / sizeof rules[0];
    return run_rules(argc, argv, rules, look_up() ? count : 1);
}
