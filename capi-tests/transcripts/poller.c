/* zmq_poller_*, a draft of the original: looked up at run time, so that the program runs on a library without
 * them as well, where it says so and no more. api.md section 7. */
#define ZMQ_BUILD_DRAFT_API
#include "transcript.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define FUNCTION(name) static __typeof__(zmq_poller_##name) *poller_##name;
FUNCTION(new)
FUNCTION(destroy)
FUNCTION(size)
FUNCTION(add)
FUNCTION(modify)
FUNCTION(remove)
FUNCTION(add_fd)
FUNCTION(modify_fd)
FUNCTION(remove_fd)
FUNCTION(wait)
FUNCTION(wait_all)
FUNCTION(fd)

static int look_up(void)
{
#define LOOK_UP(name) *(void **) &poller_##name = dlsym(RTLD_DEFAULT, "zmq_poller_" #name);
    LOOK_UP(new)
    LOOK_UP(destroy)
    LOOK_UP(size)
    LOOK_UP(add)
    LOOK_UP(modify)
    LOOK_UP(remove)
    LOOK_UP(add_fd)
    LOOK_UP(modify_fd)
    LOOK_UP(remove_fd)
    LOOK_UP(wait)
    LOOK_UP(wait_all)
    LOOK_UP(fd)
    return poller_new && poller_destroy && poller_size && poller_add && poller_modify
           && poller_remove && poller_add_fd && poller_modify_fd && poller_remove_fd && poller_wait
           && poller_wait_all && poller_fd;
}

/* Results in the order of the calls, which the arguments of one call would not keep. */
static const char *then(const char *before, const char *result)
{
    return text("%s %s", before, result);
}

/* User data are texts. */
#define DATA(letter) ((void *) letter)

/* One event: its user data, what it is for, and what can be done. */
static const char *event(const zmq_poller_event_t *found)
{
    return text("%s %s %d", found->user_data ? (const char *) found->user_data : "-",
                found->socket ? found->fd == -1 ? "socket" : "socket and fd"
                              : found->fd == -1 ? "nothing" : "fd",
                found->events);
}

/* zmq_poller_wait_all into an array of which every place is shown. */
static const char *all(void *poller, int room, long timeout)
{
    zmq_poller_event_t found[4];
    memset(found, 0x55, sizeof found);
    const char *out = rc(poller_wait_all(poller, found, room, timeout));
    for (int i = 0; i < room; i++)
        out = text("%s, %s", out, event(&found[i]));
    return out;
}

static const char *one(void *poller, long timeout)
{
    zmq_poller_event_t found;
    memset(&found, 0x55, sizeof found);
    const char *out = rc(poller_wait(poller, &found, timeout));
    return text("%s, %s", out, event(&found));
}

static void handles(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    uint64_t foreign[8] = {1, 2, 3};
    void *closed = poller_new();
    void *copy = closed;
    zmq_poller_event_t found;
    int fd;
    const char *result = rc(poller_destroy(&copy));
    line("destroy", "%s, %d", result, copy == NULL);
    void *const none[] = {NULL, closed, s, foreign};
    for (size_t i = 0; i < 4; i++) {
        void *p = none[i];
        line(text("%s", ((const char *[]){"NULL", "destroyed", "socket", "foreign"})[i]),
             "%s %s %s %s %s %s %s %s %s %s %s", rc(poller_destroy(&p)), rc(poller_size(p)),
             rc(poller_add(p, s, NULL, 1)), rc(poller_modify(p, s, 1)), rc(poller_remove(p, s)),
             rc(poller_add_fd(p, 0, NULL, 1)), rc(poller_modify_fd(p, 0, 1)),
             rc(poller_remove_fd(p, 0)), rc(poller_wait(p, &found, 0)),
             rc(poller_wait_all(p, &found, 1, 0)), rc(poller_fd(p, &fd)));
    }
    say("destroy NULL", rc(poller_destroy(NULL)));
}

/* The checks in their order: handle, socket or descriptor, events, registration. */
static void arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR), *other = sock(ctx, ZMQ_PAIR), *closed = sock(ctx, ZMQ_PAIR);
    shut(closed);
    void *p = poller_new();
    zmq_poller_event_t found;
    int fd;
    say("bad handle, bad rest", rc(poller_add(NULL, NULL, NULL, 99)));
    line("bad socket, bad events", "%s %s %s", rc(poller_add(p, NULL, NULL, 99)),
         rc(poller_modify(p, closed, 99)), rc(poller_remove(p, closed)));
    line("bad fd, bad events", "%s %s %s", rc(poller_add_fd(p, -1, NULL, 99)),
         rc(poller_modify_fd(p, -1, 99)), rc(poller_remove_fd(p, -1)));
    line("bad events", "%s %s %s %s", rc(poller_add(p, s, NULL, 16)), rc(poller_add(p, s, NULL, -1)),
         rc(poller_add_fd(p, 0, NULL, 16)), rc(poller_add_fd(p, 0, NULL, -1)));
    line("not registered", "%s %s %s %s", rc(poller_modify(p, s, 1)), rc(poller_remove(p, s)),
         rc(poller_modify_fd(p, 0, 1)), rc(poller_remove_fd(p, 0)));
    const char *result = rc(poller_add(p, s, NULL, 0));
    result = then(result, rc(poller_add_fd(p, 0, NULL, 0)));
    line("added", "%s, size %d", result, poller_size(p));
    result = rc(poller_add(p, s, NULL, 15));
    result = then(result, rc(poller_add_fd(p, 0, NULL, 15)));
    line("again", "%s, size %d", result, poller_size(p));
    line("modified", "%s %s %s", rc(poller_modify(p, s, 15)), rc(poller_modify(p, s, 16)),
         rc(poller_modify(p, other, 1)));
    result = rc(poller_remove(p, s));
    result = then(result, rc(poller_remove_fd(p, 0)));
    line("removed", "%s, size %d", result, poller_size(p));
    line("wait without place", "%s %s", rc(poller_wait(p, NULL, 0)),
         rc(poller_wait_all(p, NULL, -1, 0)));
    say("wait for less than none", rc(poller_wait_all(p, &found, -1, 0)));
    line("descriptor", "%s %s", rc(poller_fd(p, &fd)), rc(poller_fd(NULL, &fd)));
    poller_add(p, s, NULL, ZMQ_POLLIN);
    line("descriptor without thread-safe sockets", "%s %s", rc(poller_fd(p, &fd)),
         rc(poller_fd(p, NULL)));
    poller_destroy(&p);
}

static void nothing_to_wait_for(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PUB);
    void *p = poller_new();
    line("empty", "%s; %s", one(p, -1), all(p, 2, -1));
    line("empty, at once", "%s; %s", one(p, 0), all(p, 2, 0));
    poller_add(p, s, DATA("s"), 0);
    poller_add_fd(p, 1, DATA("f"), 0);
    line("disabled", "%s; %s", one(p, -1), all(p, 2, -1));
    long start = now_ms();
    const char *result = one(p, 50);
    line("disabled, 50 ms", "%s, in time %d", result, now_ms() - start + 1 >= 50);
    poller_modify(p, s, ZMQ_POLLOUT);
    say("enabled", one(p, -1));
    line("no room", "%s; %s", all(p, 0, 0), all(p, 0, -1));
    poller_modify(p, s, ZMQ_POLLERR | ZMQ_POLLPRI);
    say("nothing that a socket has", one(p, 20));
    poller_destroy(&p);
}

static void order(void)
{
    void *ctx = context();
    void *p = poller_new();
    void *ends[3][2];
    const char *letters[3] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        ends[i][0] = sock(ctx, ZMQ_PAIR);
        ends[i][1] = sock(ctx, ZMQ_PAIR);
        attach(ends[i][0], ends[i][1], (enum transport) i);
        poller_add(p, ends[i][0], DATA(letters[i]), ZMQ_POLLIN);
    }
    say("none", all(p, 4, 0));
    for (int i = 2; i >= 0; i--) {
        tx(ends[i][1], "x");
        await(ends[i][0], ZMQ_POLLIN);
    }
    say("all", all(p, 4, -1));
    line("too small", "%s; %s; %s", all(p, 2, -1), all(p, 2, -1), one(p, -1));
    rx(ends[0][0]);
    say("without the first", all(p, 4, -1));
    poller_modify(p, ends[1][0], ZMQ_POLLIN | ZMQ_POLLOUT);
    poller_modify(p, ends[2][0], 0);
    say("modified", all(p, 4, -1));
    poller_remove(p, ends[0][0]);
    poller_add(p, ends[0][0], DATA("last"), ZMQ_POLLOUT);
    say("added again", all(p, 4, -1));
    poller_destroy(&p);
}

/* A tcp connection of the system's. */
static void system_pair(int ends[2])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.ss_family = AF_INET;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *) &address, &length);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ends[0], (struct sockaddr *) &address, length) != 0)
        line("setup", "connect: %s", error_name(errno));
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void descriptors(void)
{
    int ends[2], pipes[2];
    system_pair(ends);
    if (pipe(pipes) != 0)
        return;
    void *p = poller_new();
    poller_add_fd(p, ends[0], DATA("a"), ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLPRI);
    poller_add_fd(p, pipes[0], DATA("r"), ZMQ_POLLIN);
    say("idle", all(p, 3, 0));
    line("write", "%d", (int) (send(ends[1], "x", 1, 0) + write(pipes[1], "x", 1)));
    poller_modify_fd(p, ends[0], ZMQ_POLLIN);
    say("input", all(p, 3, PATIENCE));
    poller_modify_fd(p, ends[0], ZMQ_POLLPRI);
    line("urgent", "%d", (int) send(ends[1], "!", 1, MSG_OOB));
    char byte;
    line("read", "%d", (int) read(pipes[0], &byte, 1));
    say("urgent data", all(p, 3, PATIENCE));
    poller_remove_fd(p, ends[0]);
    close(pipes[1]);
    say("hang-up", all(p, 3, PATIENCE));
    poller_modify_fd(p, pipes[0], ZMQ_POLLERR);
    say("hang-up as an error", all(p, 3, PATIENCE));
    poller_modify_fd(p, pipes[0], 0);
    say("hang-up, disabled", all(p, 3, 0));
    close(pipes[0]);
    poller_modify_fd(p, pipes[0], ZMQ_POLLIN);
    say("closed", all(p, 3, 0));
    poller_destroy(&p);
    close(ends[0]);
    close(ends[1]);
}

static void timeouts(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    void *p = poller_new();
    poller_add(p, s, DATA("s"), ZMQ_POLLIN);
    static const long values[] = {0, 1, 50, 200};
    for (size_t i = 0; i < 4; i++) {
        for (int with_fd = 0; with_fd < 2; with_fd++) {
            if (with_fd)
                poller_add_fd(p, 1000, DATA("f"), 0);
            long start = now_ms();
            const char *result = one(p, values[i]);
            long took = now_ms() - start;
            line(text("%ld%s", values[i], with_fd ? " with a descriptor" : ""),
                 "%s, not early %d, not late %d", result, took + 1 >= values[i],
                 took < values[i] + 2000);
        }
        poller_remove_fd(p, 1000);
    }
    poller_destroy(&p);
}

static void wakes(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL), *idle = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        void *p = poller_new(), *late = poller_new();
        poller_add(p, idle, DATA("idle"), ZMQ_POLLIN);
        poller_add(p, pull, DATA("pull"), ZMQ_POLLIN);
        poller_add(late, pull, DATA("pull"), ZMQ_POLLIN);
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        say(text("%s message", name), one(p, -1));
        pthread_join(thread, NULL);
        say(text("%s still", name), one(p, 0));
        rx(pull);
        say(text("%s read", name), one(p, 20));
        pthread_create(&thread, NULL, stop_later, ctx);
        say(text("%s shutdown", name), one(p, -1));
        pthread_join(thread, NULL);
        line(text("%s after", name), "%s; %s", one(p, 0), all(p, 1, -1));
        say(text("%s first wait after", name), one(late, -1));
        const char *result = rc(poller_modify(p, idle, 0));
        result = then(result, rc(poller_remove(p, idle)));
        result = then(result, rc(poller_remove(p, pull)));
        result = then(result, rc(poller_add(p, pull, DATA("pull"), ZMQ_POLLIN)));
        say(text("%s changes after", name), result);
        poller_destroy(&p);
        poller_destroy(&late);
    }
}

static void nothing(int sig)
{
    (void) sig;
}

static void interrupted(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nothing;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    void *ctx = context();
    void *p = poller_new();
    pthread_t self = pthread_self(), thread;
    pthread_create(&thread, NULL, interrupt_later, &self);
    say("empty", one(p, PATIENCE));
    poller_add(p, sock(ctx, ZMQ_PULL), DATA("s"), ZMQ_POLLIN);
    say("socket", one(p, PATIENCE));
    int pipes[2];
    if (pipe(pipes) == 0)
        poller_add_fd(p, pipes[0], DATA("f"), ZMQ_POLLIN);
    say("descriptor", one(p, PATIENCE));
    pthread_join(thread, NULL);
    poller_destroy(&p);
}

/* Closed before it was removed: undefined in the original. */
static void closed_while_registered(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL), *ready = sock(ctx, ZMQ_PUB);
    void *p = poller_new();
    poller_add(p, s, DATA("s"), ZMQ_POLLIN);
    poller_add(p, ready, DATA("ready"), ZMQ_POLLOUT);
    say("before", one(p, 0));
    shut(s);
    line("closed", "%s; %s", one(p, -1), all(p, 2, 0));
    line("changes", "%s %s, size %d", rc(poller_modify(p, s, 0)),
         rc(poller_add(p, s, DATA("s"), 1)), poller_size(p));
    const char *result = rc(poller_remove(p, s));
    result = then(result, rc(poller_remove(p, s)));
    line("removed", "%s, size %d", result, poller_size(p));
    say("after", one(p, -1));
    poller_add(p, sock(ctx, ZMQ_PULL), DATA("t"), ZMQ_POLLIN);
    say("destroyed with sockets in it", rc(poller_destroy(&p)));
}

struct change {
    void *poller, *socket;
    int what;
};

static void *change_later(void *argument)
{
    struct change *change = argument;
    zmq_poll(NULL, 0, 20);
    if (change->what == 0)
        poller_add(change->poller, change->socket, DATA("added"), ZMQ_POLLOUT);
    else if (change->what == 1)
        poller_modify(change->poller, change->socket, ZMQ_POLLOUT);
    else
        poller_destroy(&change->poller);
    return NULL;
}

/* Pollers are not made for several threads, but that is no reason to crash or to sleep for ever. */
static void changed_while_waiting(void)
{
    void *ctx = context();
    void *p = poller_new();
    struct change change = {p, sock(ctx, ZMQ_PUB), 0};
    pthread_t thread;
    poller_add(p, sock(ctx, ZMQ_PULL), DATA("idle"), ZMQ_POLLIN);
    for (change.what = 0; change.what < 3; change.what++) {
        pthread_create(&thread, NULL, change_later, &change);
        say(((const char *[]){"added", "enabled", "destroyed"})[change.what], one(p, PATIENCE));
        pthread_join(thread, NULL);
        if (change.what < 2)
            poller_modify(p, change.socket, 0);
    }
}

/* As many sockets as a context can have. */
static void many(void)
{
    enum { COUNT = 1000 };
    static void *push[COUNT], *pull[COUNT];
    static zmq_poller_event_t found[COUNT];
    void *ctx = context();
    void *p = poller_new();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2 * COUNT);
    int wrong = 0;
    for (int i = 0; i < COUNT; i++) {
        push[i] = zmq_socket(ctx, ZMQ_PUSH);
        pull[i] = zmq_socket(ctx, ZMQ_PULL);
        wrong += zmq_bind(pull[i], text("inproc://%d", i)) != 0;
        wrong += zmq_connect(push[i], text("inproc://%d", i)) != 0;
        wrong += poller_add(p, pull[i], pull[i], ZMQ_POLLIN) != 0;
    }
    line("added", "%d, wrong %d", poller_size(p), wrong);
    line("none", "%s", rc(poller_wait_all(p, found, COUNT, 0)));
    wrong = 0;
    for (int i = COUNT - 1; i >= 0; i--) {
        zmq_send(push[i], "x", 1, 0);
        wrong += poller_wait(p, found, -1) != 0 || found->user_data != pull[i];
    }
    line("one after the other", "wrong %d", wrong);
    int count = poller_wait_all(p, found, COUNT, -1);
    for (int i = 0; i < count; i++)
        wrong += found[i].socket != pull[i] || found[i].events != ZMQ_POLLIN;
    line("all", "%d, wrong %d", count, wrong);
    poller_destroy(&p);
    for (int i = 0; i < COUNT; i++) {
        zmq_close(push[i]);
        zmq_close(pull[i]);
    }
}

/* A loop that serves requests of several kinds, as a program would write it. */
static void serving(void)
{
    void *ctx = context();
    void *rep = sock(ctx, ZMQ_REP), *pull = sock(ctx, ZMQ_PULL);
    void *req = sock(ctx, ZMQ_REQ), *push = sock(ctx, ZMQ_PUSH);
    attach(rep, req, TCP);
    attach(pull, push, IPC);
    void *p = poller_new();
    poller_add(p, rep, DATA("rep"), ZMQ_POLLIN);
    poller_add(p, pull, DATA("pull"), ZMQ_POLLIN);
    int served = 0, pulled = 0;
    for (int i = 0; i < 20; i++) {
        tx(req, "request");
        tx(push, "work");
        for (int turns = 0; turns < 2;) {
            zmq_poller_event_t found[2];
            int count = poller_wait_all(p, found, 2, PATIENCE);
            if (count < 1) {
                line("failed", "%s", rc(count));
                return;
            }
            for (int at = 0; at < count; at++, turns++) {
                rx(found[at].socket);
                if (found[at].socket == rep)
                    served += strcmp(tx(rep, "reply"), "5") == 0;
                else
                    pulled++;
            }
        }
        rx(req);
    }
    line("done", "%d %d", served, pulled);
    poller_destroy(&p);
}

static void there(void)
{
    say("functions", look_up() ? "yes" : "no");
}

static const struct rule rules[] = {
    RULE(there), RULE(handles), RULE(arguments), RULE(nothing_to_wait_for), RULE(order),
    RULE(descriptors), RULE(timeouts), RULE(wakes), RULE(interrupted),
    RULE(closed_while_registered), RULE(changed_while_waiting), RULE(many), RULE(serving),
};

int main(int argc, char **argv)
{
    size_t count = sizeof rules / sizeof rules[0];
    return run_rules(argc, argv, rules, look_up() ? count : 1);
}
