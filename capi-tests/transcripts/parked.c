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

/* A name is any bytes, and as many. */
static void any_bytes(void)
{
    char *long_name = scratch(3000);
    memset(long_name, 'n', 2999);
    const char *const names[] = {"x", "\xff\xfe\x01", " ", "a b\tc\n", "://", "tcp://127.0.0.1:*", "*", "@", "../x", "x ", long_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        const char *endpoint = keep(text("inproc://%s", names[i])), *other = keep(text("inproc://%s.", names[i]));
        begin_line(shown(names[i], strlen(names[i])));
        in_line("bind", rc(zmq_bind(pull, endpoint)));
        in_line("last", strcmp(last_endpoint(pull), endpoint) == 0 ? "as given" : last_endpoint(pull));
        in_line("connect", rc(zmq_connect(push, endpoint)));
        tx(push, "hello");
        in_line("gets", rx(pull));
        in_line("unbind another", rc(zmq_unbind(pull, other)));
        in_line("unbind", rc(zmq_unbind(pull, endpoint)));
        end_line();
    }
}

/* After the one who had bound it the name can be waited for again. */
static void parked_again(void)
{
    static const char *const endings[] = {"unbind", "close"};
    for (int i = 0; i < 2; i++) {
        void *ctx = context();
        void *first = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH), *second = sock(ctx, ZMQ_PULL);
        zmq_bind(first, name);
        if (i == 0)
            zmq_unbind(first, name);
        else
            shut(first);
        /* The stock library frees the name a little after the close. */
        bind_again(second, name);
        zmq_unbind(second, name);
        say(text("%s, connect", endings[i]), rc(zmq_connect(push, name)));
        tx(push, "waits");
        say(text("%s, nothing yet", endings[i]), rx_now(second));
        void *third = sock(ctx, ZMQ_PULL);
        say(text("%s, bind", endings[i]), rc(zmq_bind(third, name)));
        say(text("%s, gets", endings[i]), rx(third));
    }
}

/* What is about connections of a network does nothing here. */
static void options_of_networks(void)
{
    static const int options[][2] = {{ZMQ_IMMEDIATE, 1}, {ZMQ_RECONNECT_IVL, -1}, {ZMQ_RECONNECT_IVL_MAX, 1},
                                     {ZMQ_HANDSHAKE_IVL, 1}, {ZMQ_HEARTBEAT_IVL, 1}, {ZMQ_HEARTBEAT_TIMEOUT, 1},
                                     {ZMQ_HEARTBEAT_TTL, 100}, {ZMQ_CONNECT_TIMEOUT, 1}, {ZMQ_TCP_MAXRT, 1},
                                     {ZMQ_SNDBUF, 1}, {ZMQ_RCVBUF, 1}, {ZMQ_BACKLOG, 0}, {ZMQ_IPC_FILTER_UID, 4242}};
    static const int64_t no_size = 3;
    for (int bound_first = 0; bound_first < 2; bound_first++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
            set_int(pull, options[i][0], options[i][1]);
            set_int(push, options[i][0], options[i][1]);
        }
        set_bytes(pull, ZMQ_MAXMSGSIZE, &no_size, sizeof no_size);
        set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 10);
        begin_line(bound_first ? "bound first" : "connected first");
        if (bound_first)
            in_line("bind", rc(zmq_bind(pull, name)));
        in_line("connect", rc(zmq_connect(push, name)));
        in_line("send", tx_now(push, "longer than allowed"));
        if (!bound_first)
            in_line("bind", rc(zmq_bind(pull, name)));
        /* More than any of the times. */
        in_line("gets", rx_now(pull));
        in_line("nothing", rx_quiet(pull));
        in_line("send", tx_now(push, "still there"));
        in_line("gets", rx_now(pull));
        end_line();
    }
}

/* All connections to a name end with one zmq_disconnect; who has bound it has no such means. */
static void who_ends_what(void)
{
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_PUSH), *one = sock(ctx, ZMQ_PULL), *two = sock(ctx, ZMQ_PULL);
    zmq_bind(binder, name);
    connect_to(one, name);
    connect_to(one, name);
    connect_to(two, name);
    say("disconnect", rc(zmq_disconnect(one, name)));
    say("once more", rc(zmq_disconnect(one, name)));
    tx(binder, "a");
    tx(binder, "b");
    tx(binder, "c");
    for (int i = 0; i < 3; i++)
        say(text("the other gets %d", i), rx(two));
    say("by the binder", rc(zmq_disconnect(binder, name)));
    tx(binder, "d");
    say("still joined", rx(two));
    say("once more by the binder", rc(zmq_disconnect(binder, name)));
}

static const struct rule rules[] = {RULE(messages_outlive), RULE(half_a_message), RULE(request), RULE(twice), RULE(never_bound),
                                    RULE(any_bytes), RULE(parked_again), RULE(options_of_networks), RULE(who_ends_what),
    RULE(id_of_the_binder), RULE(id_after_the_bind), RULE(refused_by_itself), RULE(stopped),
                                    RULE(probe_of_the_binder), RULE(subscription_to_others), RULE(mandatory_in_mid_message)};
RUN(rules)
