/* Forked children: what they inherited is of no use to them, what they make is their own, and the parent notices
 * nothing. api.md section 2. What the stock library does not always survive is in lifecycle/forks.c. */
#include "transcript.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static pid_t begin_child(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(15);
    }
    return child;
}

static void end_child(void)
{
    fflush(stdout);
    _exit(0);
}

static const char *end_of(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return "no child";
    return WIFEXITED(status) ? text("exits %d", WEXITSTATUS(status)) : text("signal %d", WTERMSIG(status));
}

/* Every type, connected to nobody: what a child gets from it, waiting and not. */
static void every_type(void)
{
    void *ctx = context();
    void *sockets[12];
    for (int i = 0; i < 12; i++)
        sockets[i] = sock(ctx, classic_types[i]);
    /* The stock library leaves out looking for commands within a millisecond of the last look. */
    zmq_poll(NULL, 0, 20);
    pid_t child = begin_child();
    if (child == 0) {
        for (int i = 0; i < 12; i++) {
            char byte;
            const char *name = type_name(classic_types[i]);
            void *s = sockets[i];
            if (classic_types[i] != ZMQ_PUSH && classic_types[i] != ZMQ_PUB && classic_types[i] != ZMQ_REQ) {
                say(text("%s recv", name), rc(zmq_recv(s, &byte, 1, 0)));
                say(text("%s recv DONTWAIT", name), rc(zmq_recv(s, &byte, 1, ZMQ_DONTWAIT)));
            }
            say(text("%s send DONTWAIT", name), rc(zmq_send(s, "x", 1, ZMQ_DONTWAIT)));
            if (classic_types[i] == ZMQ_PAIR || classic_types[i] == ZMQ_PUSH || classic_types[i] == ZMQ_DEALER
                || classic_types[i] == ZMQ_REQ)
                say(text("%s send", name), rc(zmq_send(s, "x", 1, 0)));
            say(text("%s TYPE", name), get_int(s, ZMQ_TYPE) == classic_types[i] ? "itself" : "another");
            say(text("%s LINGER", name), try_set_int(s, ZMQ_LINGER, 5));
        }
        end_child();
    }
    say("child", end_of(child));
    for (int i = 0; i < 12; i++)
        say(text("%s in the parent", type_name(classic_types[i])), show_int(sockets[i], ZMQ_LINGER));
}

static void options_of_the_context(void)
{
    void *ctx = context();
    sock(ctx, ZMQ_PAIR);
    pid_t child = begin_child();
    if (child == 0) {
        say("get", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
        say("set", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 7)));
        say("get again", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
        end_child();
    }
    say("child", end_of(child));
    say("parent", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
}

/* Callers of zmq_ctx_term repeat it on EINTR: for ever on the stock library. */
static void term_in_the_child(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    /* Behind the handshake: the stock library's child may hang if its threads were in the middle of something. */
    tx(a, "before");
    say("before", rx(b));
    pid_t child = begin_child();
    if (child == 0) {
        say("first", rc(zmq_ctx_term(ctx)));
        say("second", rc(zmq_ctx_term(ctx)));
        end_child();
    }
    say("child", end_of(child));
    tx(a, "still here");
    say("parent", rx(b));
}

/* A whole life in this process. */
static const char *own_life(enum transport transport)
{
    void *ctx = zmq_ctx_new();
    void *pull = zmq_socket(ctx, ZMQ_PULL), *push = zmq_socket(ctx, ZMQ_PUSH);
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    connect_to(push, bind_any(pull, transport));
    tx(push, "own");
    const char *got = rx(pull);
    const char *push_closed = rc(zmq_close(push)), *pull_closed = rc(zmq_close(pull));
    return text("%s, close %s %s, term %s", got, push_closed, pull_closed, rc(zmq_ctx_term(ctx)));
}

static void own_contexts(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, IPC);
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        pid_t child = begin_child();
        if (child == 0) {
            say(text("%s", transport_names[transport]), own_life(transport));
            end_child();
        }
        say(text("%s child", transport_names[transport]), end_of(child));
    }
    tx(a, "still here");
    say("parent", rx(b));
}

/* A child's child: neither generation can use what an earlier one made, and each has a life of its own. */
static void generations(void)
{
    void *ctx = context();
    void *first = sock(ctx, ZMQ_PULL);
    zmq_poll(NULL, 0, 20);
    pid_t child = begin_child();
    if (child == 0) {
        void *own = zmq_ctx_new();
        void *second = zmq_socket(own, ZMQ_PULL);
        char byte;
        say("child's own", rx_quiet(second));
        pid_t grandchild = begin_child();
        if (grandchild == 0) {
            say("grandchild, parent's", rc(zmq_recv(first, &byte, 1, 0)));
            say("grandchild, child's", rc(zmq_recv(second, &byte, 1, 0)));
            say("grandchild", own_life(TCP));
            end_child();
        }
        say("grandchild", end_of(grandchild));
        say("child, parent's", rc(zmq_recv(first, &byte, 1, 0)));
        say("child", own_life(IPC));
        say("child's close", rc(zmq_close(second)));
        say("child's term", rc(zmq_ctx_term(own)));
        end_child();
    }
    say("child", end_of(child));
    say("parent", rx_quiet(first));
}

/* Parent and child, and several children at once, talk to each other. */
static void with_the_parent(void)
{
    for (enum transport transport = TCP; transport <= IPC; transport++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        const char *endpoint = bind_any(rep, transport), *name = transport_names[transport];
        pid_t children[3];
        for (int i = 0; i < 3; i++) {
            children[i] = begin_child();
            if (children[i] == 0) {
                void *own = zmq_ctx_new();
                void *req = sock(own, ZMQ_REQ);
                connect_to(req, endpoint);
                int right = 0;
                for (int k = 0; k < 20; k++) {
                    tx(req, "question");
                    right += strcmp(rx(req), "[answer]") == 0;
                }
                zmq_close(req);
                zmq_ctx_term(own);
                _exit(right);
            }
        }
        int right = 0;
        for (int i = 0; i < 60; i++) {
            right += strcmp(rx(rep), "[question]") == 0;
            tx(rep, "answer");
        }
        line(text("%s questions", name), "%d", right);
        for (int i = 0; i < 3; i++)
            say(text("%s child %d", name, i), end_of(children[i]));
        /* The next ones find it again. */
        shut(rep);
    }
}

static void *wait_for_it(void *socket)
{
    return (void *) rx(socket);
}

/* A thread waits at the fork; it has no part in the child. */
static void while_a_thread_waits(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_it, a);
    zmq_poll(NULL, 0, 30);
    pid_t child = begin_child();
    if (child == 0) {
        say("own", own_life(TCP));
        end_child();
    }
    say("child", end_of(child));
    tx(b, "late");
    void *got;
    pthread_join(thread, &got);
    say("parent", got);
}

/* A context that had no socket at the fork works on both sides. */
static void unused_context(void)
{
    void *ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_BLOCKY, 0);
    pid_t child = begin_child();
    void *s = zmq_socket(ctx, ZMQ_PAIR), *t = zmq_socket(ctx, ZMQ_PAIR);
    const char *who = child ? "parent" : "child";
    set_int(s, ZMQ_RCVTIMEO, PATIENCE);
    connect_to(t, bind_any(s, TCP));
    tx(t, "x");
    const char *got = rx(s);
    zmq_close(s);
    zmq_close(t);
    const char *ended = rc(zmq_ctx_term(ctx));
    if (child == 0) {
        line(who, "%s, term %s", got, ended);
        end_child();
    }
    say("child", end_of(child));
    line(who, "%s, term %s", got, ended);
}

static const struct rule rules[] = {
    RULE(every_type), RULE(options_of_the_context), RULE_WITHIN(term_in_the_child, 5000), RULE(own_contexts),
    RULE(generations), RULE(with_the_parent), RULE(while_a_thread_waits), RULE_WITHIN(unused_context, 5000),
};

RUN(rules)
