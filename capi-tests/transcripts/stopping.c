/* The end of a context seen by calls that wait, on every type and transport, and by sockets that close with something
 * left to send. api.md section 2; which call says ETERM is in termination.c. */
#include "transcript.h"

#include <pthread.h>
#include <stdatomic.h>

enum call { RECV, SEND, POLL, PROXY, CALLS };
static const char *const call_names[CALLS] = {"recv", "send", "poll", "proxy"};

/* A socket that waits in a call, in a thread of its own. */
struct waiting {
    void *socket;
    int type;
    enum call call;
    char result[32];
    const char *closed;
    atomic_int *inside;
};

static void *wait_in_it(void *argument)
{
    struct waiting *it = argument;
    zmq_pollitem_t item = {it->socket, 0, ZMQ_POLLIN, 0};
    char byte;
    int result = 0;
    (*it->inside)++;
    switch (it->call) {
    case RECV: result = zmq_recv(it->socket, &byte, 1, 0); break;
    case SEND: result = zmq_send(it->socket, "x", 1, 0); break;
    case POLL: result = zmq_poll(&item, 1, -1); break;
    default: result = zmq_proxy(it->socket, it->socket, NULL); break;
    }
    snprintf(it->result, sizeof it->result, "%s", rc(result));
    it->closed = rc(zmq_close(it->socket));
    return NULL;
}

/* Whether a socket of this type that has no peer, or one that is silent and takes nothing, waits in this call. */
static int waits(int type, enum call call)
{
    switch (call) {
    case RECV: return type != ZMQ_PUB && type != ZMQ_PUSH && type != ZMQ_REQ;
    case SEND: return type == ZMQ_PAIR || type == ZMQ_PUSH || type == ZMQ_DEALER || type == ZMQ_REQ;
    case PROXY: return type == ZMQ_PAIR || type == ZMQ_DEALER || type == ZMQ_ROUTER;
    default: return type != ZMQ_PUB && type != ZMQ_PUSH;
    }
}

/* All of them at once; they are likely to wait already, and the rule is right if they do not. */
static void wake_all(int shutdown_first, int connected)
{
    void *ctx = zmq_ctx_new();
    struct waiting all[12 * CALLS];
    pthread_t threads[12 * CALLS];
    atomic_int inside = 0;
    int count = 0;
    void *silent = plain_sock(ctx, ZMQ_STREAM);
    const char *endpoint = bind_any(silent, TCP);
    for (int i = 0; i < 12; i++) {
        for (int call = 0; call < CALLS; call++) {
            if (!waits(classic_types[i], call))
                continue;
            void *s = zmq_socket(ctx, classic_types[i]);
            /* A peer that never says what it is, so that there is nobody to send to. */
            if (connected && classic_types[i] != ZMQ_STREAM) {
                int yes = 1;
                zmq_setsockopt(s, ZMQ_IMMEDIATE, &yes, sizeof yes);
                zmq_connect(s, endpoint);
            }
            all[count] = (struct waiting){s, classic_types[i], call, "", "", &inside};
            pthread_create(&threads[count], NULL, wait_in_it, &all[count]);
            count++;
        }
    }
    while (inside < count)
        usleep(200);
    usleep(20000);
    if (shutdown_first)
        say("shutdown", rc(zmq_ctx_shutdown(ctx)));
    shut(silent);
    say("term", rc(zmq_ctx_term(ctx)));
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        line(text("%s %s", type_name(all[i].type), call_names[all[i].call]), "%s, close %s", all[i].result,
             all[i].closed);
    }
    line("calls checked", "%d", count);
}

static void woken_by_shutdown(void)
{
    wake_all(1, 0);
}

static void woken_by_term(void)
{
    wake_all(0, 0);
}

static void connected_and_woken(void)
{
    wake_all(1, 1);
}

/* A full socket. Over the network the stock library now and then never ends after this: see lifecycle/ending.c. */
static void full(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 2);
    set_int(pull, ZMQ_RCVHWM, 2);
    attach(pull, push, INPROC);
    int sent = 0;
    while (zmq_send(push, "x", 1, ZMQ_DONTWAIT) != -1)
        sent++;
    line("sent", "%d", sent);
    set_int(push, ZMQ_SNDTIMEO, -1);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_later, ctx);
    say("send", rc(zmq_send(push, "x", 1, 0)));
    pthread_join(thread, NULL);
    say("close", shut(push));
    say("close the other", shut(pull));
    say("term", term(ctx));
}

/* What came before the end, read one after the other: the stock library looks at commands now and then only. */
static void queued(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        const char *name = transport_names[transport];
        void *a = sock(ctx, ZMQ_DEALER), *b = sock(ctx, ZMQ_DEALER);
        attach(a, b, transport);
        tx(b, "whole|message");
        tx(b, "another");
        say(text("%s part read", name), rx_frame(a, 0));
        zmq_ctx_shutdown(ctx);
        say(text("%s part unread", name), rx_frame(a, 0));
        say(text("%s EVENTS", name), events(a));
        say(text("%s another", name), rx_frame(a, 0));
        say(text("%s close", name), shut(a));
        shut(b);
        say(text("%s term", name), term(ctx));
    }
}

/* ---- what is left to send ---- */

/* LINGER as it is when the socket closes counts. */
static void linger_at_the_close(void)
{
    static const int before[] = {-1, 60000, 0};
    for (int i = 0; i < 3; i++) {
        void *ctx = context();
        void *push = plain_sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_LINGER, before[i]);
        connect_to(push, "tcp://127.0.0.1:9");
        tx(push, "unsent");
        set_int(push, ZMQ_LINGER, i == 2 ? 300 : 0);
        long start = now_ms();
        say(text("%d, close", before[i]), shut(push));
        say(text("%d, term", before[i]), term(ctx));
        line(text("%d, waited", before[i]), "%d", now_ms() - start >= 290);
    }
}

/* Each socket lingers by itself; the longest one counts. */
static void longest_linger(void)
{
    void *ctx = context();
    void *sockets[3];
    for (int i = 0; i < 3; i++) {
        sockets[i] = plain_sock(ctx, ZMQ_DEALER);
        set_int(sockets[i], ZMQ_LINGER, i * 200);
        connect_to(sockets[i], "tcp://127.0.0.1:9");
        tx(sockets[i], "unsent");
    }
    long start = now_ms();
    for (int i = 0; i < 3; i++)
        shut(sockets[i]);
    line("closing does not wait", "%d", now_ms() - start < 390);
    say("term", term(ctx));
    line("term waits", "%d", now_ms() - start >= 390);
}

/* Nothing is left to send: nothing to wait for, whatever LINGER says. */
static void nothing_unsent(void)
{
    for (int i = 0; i < 12; i++) {
        void *ctx = context();
        void *s = plain_sock(ctx, classic_types[i]);
        set_int(s, ZMQ_LINGER, -1);
        connect_to(s, "tcp://127.0.0.1:9");
        connect_to(s, "ipc:///nowhere");
        connect_to(s, "inproc://never-bound");
        bind_any(s, TCP);
        shut(s);
        say(type_name(classic_types[i]), term(ctx));
    }
}

/* What a SUB or XSUB wants is not waited for, by default or told so. */
static void subscriptions_unsent(void)
{
    void *ctx = context();
    void *sub = plain_sock(ctx, ZMQ_SUB), *xsub = plain_sock(ctx, ZMQ_XSUB);
    say("SUB", show_int(sub, ZMQ_LINGER));
    say("XSUB", show_int(xsub, ZMQ_LINGER));
    subscribe(sub, "a");
    tx(xsub, "\001a");
    connect_to(sub, "tcp://127.0.0.1:9");
    connect_to(xsub, "tcp://127.0.0.1:9");
    subscribe(sub, "b");
    tx(xsub, "\001b");
    shut(sub);
    shut(xsub);
    say("term", term(ctx));
}

/* Without BLOCKY nobody waits for a peer that is not there. */
static void not_blocky(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_BLOCKY, 0);
    static const int types[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR, ZMQ_REQ};
    for (int i = 0; i < 4; i++) {
        void *s = plain_sock(ctx, types[i]);
        connect_to(s, "tcp://127.0.0.1:9");
        tx(s, "unsent");
        shut(s);
    }
    say("term", term(ctx));
}

/* Parked connects, with messages, on every type that sends at once. */
static void never_bound(void)
{
    static const int types[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR, ZMQ_REQ};
    for (int i = 0; i < 4; i++) {
        void *ctx = context();
        void *s = plain_sock(ctx, types[i]);
        set_int(s, ZMQ_LINGER, -1);
        connect_to(s, "inproc://never-bound");
        say(text("%s send", type_name(types[i])), tx(s, "x"));
        shut(s);
        say(text("%s term", type_name(types[i])), term(ctx));
    }
}

static void *shut_down(void *ctx)
{
    return (void *) rc(zmq_ctx_shutdown(ctx));
}

static void several_shutdowns(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, shut_down, ctx);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        say(text("shutdown %d", i), result);
    }
    say("recv", rx(s));
    say("close", shut(s));
    say("term", term(ctx));
}

/* Sockets opened, and connected, before the shutdown that nobody told them of close as ever. */
static void closed_without_noticing(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *a = plain_sock(ctx, ZMQ_PUSH), *b = plain_sock(ctx, ZMQ_PULL);
        attach(b, a, transport);
        tx(a, "unread");
        zmq_ctx_shutdown(ctx);
        say(text("%s close", transport_names[transport]), shut(a));
        say(text("%s close the other", transport_names[transport]), shut(b));
        say(text("%s term", transport_names[transport]), term(ctx));
    }
}

static const struct rule rules[] = {
    RULE(woken_by_shutdown), RULE(woken_by_term), RULE(connected_and_woken), RULE(full), RULE(queued),
    RULE(linger_at_the_close), RULE(longest_linger), RULE(nothing_unsent), RULE(subscriptions_unsent),
    RULE(not_blocky), RULE(never_bound), RULE(several_shutdowns), RULE(closed_without_noticing),
};

RUN(rules)
