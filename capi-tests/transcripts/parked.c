/* Names of inproc: what a connect leaves behind that ends before the bind, and what a bind brings along. */
#include "transcript.h"

static const char *const name = "inproc://later";

static void *alone(void *ctx, int type, int linger)
{
    void *socket = plain_sock(ctx, type);
    set_int(socket, ZMQ_LINGER, linger);
    connect_to(socket, name);
    return socket;
}

/* What was sent before the connecter left reaches whoever binds then, whatever ZMQ_LINGER says. */
static void messages_outlive(void)
{
    static const int lingers[] = {-1, 0, 100};
    static const char *const endings[] = {"close", "disconnect", "disconnect and close"};
    for (int i = 0; i < 3; i++)
        for (int ending = 0; ending < 3; ending++) {
            void *ctx = context();
            void *push = alone(ctx, ZMQ_PUSH, lingers[i]);
            tx(push, "one");
            tx(push, "two|parts");
            if (ending > 0)
                rc(zmq_disconnect(push, name));
            if (ending != 1)
                shut(push);
            void *pull = sock(ctx, ZMQ_PULL);
            set_int(pull, ZMQ_RCVTIMEO, QUIET);
            begin_line(text("LINGER %d, %s", lingers[i], endings[ending]));
            in_line("bound", bind_again(pull, name));
            in_line("gets", rx(pull));
            in_line("and", rx(pull));
            in_line("and", rx_quiet(pull));
            end_line();
        }
}

static void half_a_message(void)
{
    void *ctx = context();
    void *push = alone(ctx, ZMQ_PUSH, -1);
    tx(push, "whole");
    tx_frame(push, "half", ZMQ_SNDMORE);
    shut(push);
    void *pull = sock(ctx, ZMQ_PULL);
    say("bound", bind_again(pull, name));
    say("gets", rx(pull));
    say("and", rx_quiet(pull));
}

/* The id comes along. */
static void request(void)
{
    void *ctx = context();
    void *dealer = plain_sock(ctx, ZMQ_DEALER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
    connect_to(dealer, name);
    tx(dealer, "question");
    shut(dealer);
    void *router = sock(ctx, ZMQ_ROUTER);
    say("bound", bind_again(router, name));
    say("gets", rx(router));
}

/* Two connects of one socket to one name: a disconnect ends both, and leaves what each has. */
static void twice(void)
{
    void *ctx = context();
    void *push = alone(ctx, ZMQ_PUSH, -1);
    connect_to(push, name);
    tx(push, "one");
    tx(push, "two");
    say("disconnect", rc(zmq_disconnect(push, name)));
    void *pull = sock(ctx, ZMQ_PULL);
    say("bound", bind_again(pull, name));
    say("gets", rx(pull));
    say("and", rx(pull));
    say("and then", rx_quiet(pull));
}

static int freed;

static void count(void *data, void *hint)
{
    (void)data;
    (void)hint;
    freed++;
}

/* Nobody ever binds: the message is freed when the context ends. */
static void never_bound(void)
{
    static char data[100];
    void *ctx = context();
    void *push = alone(ctx, ZMQ_PUSH, -1);
    zmq_msg_t message;
    zmq_msg_init_data(&message, data, sizeof data, count, NULL);
    line("send", "%d", zmq_msg_send(&message, push, 0));
    shut(push);
    say("term", term(ctx));
    line("freed", "%d", freed);
}

/* A ROUTER that connects can address the binder at once, before that has looked. */
static void id_of_the_binder(void)
{
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER), *router = sock(ctx, ZMQ_ROUTER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "there", 5);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    rc(zmq_bind(dealer, name));
    connect_to(router, name);
    say("send", tx_now(router, "there|at once"));
    say("gets", rx(dealer));
}

/* The id is that of the time of the bind. */
static void id_after_the_bind(void)
{
    for (int transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        void *dealer = sock(ctx, ZMQ_DEALER), *router = sock(ctx, ZMQ_ROUTER);
        set_bytes(dealer, ZMQ_ROUTING_ID, "early", 5);
        const char *endpoint = bind_any(dealer, transport);
        set_bytes(dealer, ZMQ_ROUTING_ID, "late", 4);
        connect_to(router, endpoint);
        tx(dealer, "hello");
        say(transport_names[transport], rx(router));
    }
}

/* A PAIR that has its peer refuses what its own connect brings: there is nothing to disconnect. */
static void refused_by_itself(void)
{
    void *ctx = context();
    void *first = sock(ctx, ZMQ_PAIR), *second = sock(ctx, ZMQ_PAIR), *pair = sock(ctx, ZMQ_PAIR);
    rc(zmq_bind(first, "inproc://first"));
    rc(zmq_bind(second, "inproc://second"));
    connect_to(pair, "inproc://first");
    say("connect", rc(zmq_connect(pair, "inproc://second")));
    say("last endpoint", last_endpoint(pair));
    exchange_notices(pair, second);
    say("disconnect", rc(zmq_disconnect(pair, "inproc://second")));
    say("disconnect from the peer", rc(zmq_disconnect(pair, "inproc://first")));
}

/* A send that the end of the context refuses has not looked at the message. */
static void stopped(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    zmq_msg_t message;
    zmq_msg_init_size(&message, 1);
    say("no peer", rc(zmq_msg_send(&message, push, ZMQ_SNDMORE | ZMQ_DONTWAIT)));
    line("more", "%d", zmq_msg_more(&message));
    zmq_msg_close(&message);
    zmq_msg_init_size(&message, 1);
    rc(zmq_ctx_shutdown(ctx));
    say("events", events(push));
    say("stopped", rc(zmq_msg_send(&message, push, ZMQ_SNDMORE | ZMQ_DONTWAIT)));
    line("more, stopped", "%d", zmq_msg_more(&message));
    zmq_msg_close(&message);
}

/* ZMQ_PROBE_ROUTER of a binder for which a ROUTER has waited. */
static void probe_of_the_binder(void)
{
    void *ctx = context();
    void *dealer = sock(ctx, ZMQ_DEALER), *router = sock(ctx, ZMQ_ROUTER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "binder", 6);
    set_int(dealer, ZMQ_PROBE_ROUTER, 1);
    connect_to(router, name);
    say("bound", rc(zmq_bind(dealer, name)));
    exchange_notices(dealer, router);
    say("probe", rx_quiet(router));
}

/* A peer that is no publisher, which only inproc lets a SUB have. */
static void subscription_to_others(void)
{
    static const int types[] = {ZMQ_PULL, ZMQ_PAIR, ZMQ_DEALER};
    for (int i = 0; i < 3; i++) {
        void *ctx = context();
        void *sub = sock(ctx, ZMQ_SUB), *other = sock(ctx, types[i]);
        rc(zmq_bind(other, name));
        connect_to(sub, name);
        subscribe(sub, "topic");
        say(type_name(types[i]), rx_quiet(other));
    }
}

/* Between the frames of a message: a ROUTER whose next frame cannot fail. */
static void mandatory_in_mid_message(void)
{
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    tx_frame(router, "nobody", ZMQ_SNDMORE);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    say("events", events(router));
    say("rest", tx_now(router, "rest"));
    say("events then", events(router));
}

static const struct rule rules[] = {RULE(messages_outlive), RULE(half_a_message), RULE(request), RULE(twice), RULE(never_bound),
                                    RULE(id_of_the_binder), RULE(id_after_the_bind), RULE(refused_by_itself), RULE(stopped),
                                    RULE(probe_of_the_binder), RULE(subscription_to_others), RULE(mandatory_in_mid_message)};
RUN(rules)
