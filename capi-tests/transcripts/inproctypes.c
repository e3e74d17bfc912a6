/* inproc between any two types, connected before or after the bind: nothing checks that they fit. api.md section 4,
 * patterns.md section 1.1. */
#include "transcript.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A generated routing id is another one each time. */
static const char *received(void *socket)
{
    const char *message = rx_now(socket), *rest = strchr(message, '|');
    return strncmp(message, "[\\x00", 5) == 0 && rest ? text("[ID%s", rest) : message;
}

/* Two messages from the one to the other, and what comes of it there. */
static void pass(const char *what, void *from, void *to)
{
    const char *sent = tx_now(from, "1");
    const char *also = tx_now(from, "2||3");
    events(from);
    events(to);
    const char *first = received(to), *second = received(to);
    in_line(what, text("%s %s, gives %s %s", sent, also, first, second));
}

static void meet(int connecting, int binding, int parked)
{
    void *ctx = context();
    void *connecter = sock(ctx, connecting), *binder = sock(ctx, binding);
    if (connecting == ZMQ_SUB)
        subscribe(connecter, "");
    if (binding == ZMQ_SUB)
        subscribe(binder, "");
    begin_line(text("to %s", type_name(binding)));
    if (!parked)
        in_line("bind", rc(zmq_bind(binder, "inproc://meeting")));
    in_line("connect", rc(zmq_connect(connecter, "inproc://meeting")));
    if (parked) {
        in_line("early", tx_now(connecter, "early|part"));
        in_line("bind", rc(zmq_bind(binder, "inproc://meeting")));
        events(binder);
        in_line("gives", received(binder));
    }
    /* What each has to say at first: subscriptions, routing ids. */
    events(connecter);
    events(binder);
    events(connecter);
    events(binder);
    pass("there", connecter, binder);
    pass("back", binder, connecter);
    in_line("disconnect", rc(zmq_disconnect(connecter, "inproc://meeting")));
    events(binder);
    in_line("then", tx_now(connecter, "x"));
    in_line("close", shut(connecter));
    in_line("close", shut(binder));
    in_line("term", term(ctx));
    end_line();
}

static void meet_all(int connecting, int parked)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        if (classic_types[i] != ZMQ_STREAM)
            meet(connecting, classic_types[i], parked);
    }
}

#define BOTH(name, type) \
    static void name##_bound(void) \
    { \
        meet_all(type, 0); \
    } \
    static void name##_parked(void) \
    { \
        meet_all(type, 1); \
    }

BOTH(pair, ZMQ_PAIR)
BOTH(pub, ZMQ_PUB)
BOTH(sub, ZMQ_SUB)
BOTH(req, ZMQ_REQ)
BOTH(rep, ZMQ_REP)
BOTH(dealer, ZMQ_DEALER)
BOTH(router, ZMQ_ROUTER)
BOTH(pull, ZMQ_PULL)
BOTH(push, ZMQ_PUSH)
BOTH(xpub, ZMQ_XPUB)
BOTH(xsub, ZMQ_XSUB)

/* ---- names that come late, or not at all ---- */

/* Several of several types wait for one name. */
static void several_wait(void)
{
    void *ctx = context();
    void *push[3], *dealer = sock(ctx, ZMQ_DEALER), *pull = sock(ctx, ZMQ_PULL);
    for (int i = 0; i < 3; i++) {
        push[i] = sock(ctx, ZMQ_PUSH);
        connect_to(push[i], "inproc://late");
        tx(push[i], text("%d|part", i));
    }
    connect_to(dealer, "inproc://late");
    tx(dealer, "dealer");
    shut(push[1]);
    say("disconnect", rc(zmq_disconnect(push[2], "inproc://late")));
    say("bind", rc(zmq_bind(pull, "inproc://late")));
    for (int i = 0; i < 4; i++)
        say(text("recv %d", i), rx_now(pull));
}

/* A connection that ended does not come back with the name. */
static void no_second_meeting(void)
{
    for (int unbinds = 0; unbinds < 2; unbinds++) {
        const char *name = unbinds ? "unbind and close" : "close";
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *first = sock(ctx, ZMQ_PULL), *second = sock(ctx, ZMQ_PULL);
        zmq_bind(first, "inproc://name");
        connect_to(push, "inproc://name");
        tx(push, "one");
        say(text("%s, recv", name), rx(first));
        if (unbinds)
            zmq_unbind(first, "inproc://name");
        shut(first);
        say(text("%s, gone", name), await_not(push, ZMQ_POLLOUT));
        say(text("%s, bind", name), bind_again(second, "inproc://name"));
        say(text("%s, send", name), tx_now(push, "two"));
        say(text("%s, nothing", name), rx_now(second));
        say(text("%s, connect", name), rc(zmq_connect(push, "inproc://name")));
        say(text("%s, send again", name), tx_now(push, "three"));
        say(text("%s, recv again", name), rx(second));
    }
}

/* Connected to one's own name: the name goes first, then the connection. */
static void own_name(void)
{
    void *s = sock(context(), ZMQ_DEALER);
    say("bind", rc(zmq_bind(s, "inproc://own")));
    say("connect", rc(zmq_connect(s, "inproc://own")));
    tx(s, "one");
    tx(s, "two|parts");
    say("recv", rx(s));
    say("recv again", rx(s));
    say("first unbind", rc(zmq_unbind(s, "inproc://own")));
    tx(s, "three");
    say("still", rx(s));
    say("second unbind", rc(zmq_unbind(s, "inproc://own")));
    say("third unbind", rc(zmq_unbind(s, "inproc://own")));
}

/* Sent, and gone before anybody has bound the name: it arrives all the same. */
static void left_before_the_bind(void)
{
    static const int types[][2] = {
        {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_DEALER, ZMQ_DEALER},
        {ZMQ_DEALER, ZMQ_REP}, {ZMQ_REQ, ZMQ_REP}, {ZMQ_REQ, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_PUB, ZMQ_SUB}};
    for (size_t i = 0; i < COUNT(types); i++) {
        for (int linger = -1; linger <= 0; linger++) {
            for (int closes = 0; closes < 2; closes++) {
                void *ctx = context();
                void *from = sock(ctx, types[i][0]), *to = sock(ctx, types[i][1]);
                set_int(from, ZMQ_LINGER, linger);
                connect_to(from, "inproc://late");
                begin_line(text("%s to %s, linger %d, %s", type_name(types[i][0]), type_name(types[i][1]), linger,
                                closes ? "close" : "disconnect"));
                in_line("send", tx_now(from, "one||part"));
                in_line("again", tx_now(from, "two"));
                in_line("unfinished", tx_frame(from, "never", ZMQ_DONTWAIT | ZMQ_SNDMORE));
                in_line("leave", closes ? shut(from) : rc(zmq_disconnect(from, "inproc://late")));
                in_line("bind", rc(zmq_bind(to, "inproc://late")));
                in_line("recv", received(to));
                in_line("recv", received(to));
                in_line("recv", received(to));
                end_line();
                set_int(closes ? to : from, ZMQ_LINGER, 0);
            }
        }
    }
}

/* Nobody comes: the context ends all the same, at once, with messages waiting and any linger. */
static void nobody_comes(void)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        if (classic_types[i] == ZMQ_STREAM)
            continue;
        void *ctx = context();
        void *s = plain_sock(ctx, classic_types[i]);
        begin_line(type_name(classic_types[i]));
        in_line("connect", rc(zmq_connect(s, "inproc://nobody")));
        in_line("events", events(s));
        in_line("send", tx_now(s, "waits|part"));
        in_line("recv", rx_now(s));
        in_line("close", shut(s));
        in_line("term", term(ctx));
        end_line();
    }
}

/* A monitor takes names of the same kind. */
static void names_of_monitors(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR), *other = sock(ctx, ZMQ_PAIR), *early = sock(ctx, ZMQ_PAIR);
    connect_to(early, "inproc://events");
    say("monitor", rc(zmq_socket_monitor(s, "inproc://events", ZMQ_EVENT_LISTENING)));
    say("taken", rc(zmq_bind(other, "inproc://events")));
    zmq_bind(s, "tcp://127.0.0.1:*");
    say("event", event_name(next_event(early, NULL, NULL, 0)));
    zmq_socket_monitor(s, NULL, 0);
    say("free", bind_again(other, "inproc://events"));
}

static const struct rule rules[] = {
    RULE(pair_bound), RULE(pair_parked), RULE(pub_bound), RULE(pub_parked), RULE(sub_bound), RULE(sub_parked),
    RULE(req_bound), RULE(req_parked), RULE(rep_bound), RULE(rep_parked), RULE(dealer_bound), RULE(dealer_parked),
    RULE(router_bound), RULE(router_parked), RULE(pull_bound), RULE(pull_parked), RULE(push_bound), RULE(push_parked),
    RULE(xpub_bound), RULE(xpub_parked), RULE(xsub_bound), RULE(xsub_parked), RULE(several_wait),
    RULE(no_second_meeting), RULE(own_name), RULE(left_before_the_bind), RULE(nobody_comes), RULE(names_of_monitors),
};

RUN(rules)
