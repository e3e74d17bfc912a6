/* Routing ids: where they come from, what happens when two want the same, and how long they last. patterns.md section
 * 6.2; dealerrouter.c has the usual cases. */
#include "transcript.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

/* A ROUTER that says when it does not know somebody. */
static void *strict(void *ctx)
{
    void *socket = sock(ctx, ZMQ_ROUTER);
    set_int(socket, ZMQ_ROUTER_MANDATORY, 1);
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

static const char *connect_as(void *router, const char *id, const char *endpoint)
{
    set_bytes(router, ZMQ_CONNECT_ROUTING_ID, id, strlen(id));
    return rc(zmq_connect(router, endpoint));
}

/* Generated ids begin anywhere. */
static void random_starts(void)
{
    enum { SOCKETS = 8 };
    for (int raw = 0; raw < 2; raw++) {
        void *ctx = context();
        char first[SOCKETS][5];
        int equal = 0;
        for (int i = 0; i < SOCKETS; i++) {
            void *router = sock(ctx, ZMQ_ROUTER);
            void *dealer = sock(ctx, ZMQ_DEALER);
            set_int(router, ZMQ_ROUTER_RAW, raw);
            attach(router, dealer, INPROC);
            tx(dealer, "x");
            if (zmq_recv(router, first[i], 5, 0) != 5)
                equal = -100;
            for (int k = 0; k < i; k++)
                equal += memcmp(first[i], first[k], 5) == 0;
        }
        line(raw ? "raw" : "plain", "%d equal", equal);
    }
}

/* Over inproc every type says its id. */
static void every_type(void)
{
    for (int k = 0; k < 12; k++) {
        void *ctx = context();
        begin_line(type_name(classic_types[k]));
        void *router = strict(ctx);
        void *peer = sock(ctx, classic_types[k]);
        in_line("set", rc(zmq_setsockopt(peer, ZMQ_ROUTING_ID, "peer", 4)));
        attach(router, peer, INPROC);
        in_line("known", tx(router, "peer|x"));
        end_line();
    }
}

/* The id in front of a message: the announced one, a generated one, or none. */
static const char *whose(void *router)
{
    char id[256];
    int size = zmq_recv(router, id, sizeof id, 0);
    if (size < 0)
        return error_name(zmq_errno());
    const char *name = size == 5 && id[0] == 0 ? "generated" : shown(id, (size_t) size);
    return text("%s %s", name, rx(router));
}

/* What goes before what: the connecter's choice, RAW, the announced id, a generated one. */
static void precedence(void)
{
    for (int bits = 0; bits < 8; bits++) {
        int raw = bits & 1, chosen = bits & 2, announced = bits & 4;
        void *ctx = context();
        void *router = sock(ctx, ZMQ_ROUTER);
        void *dealer = announced ? named(ctx, ZMQ_DEALER, "announced") : sock(ctx, ZMQ_DEALER);
        set_int(router, ZMQ_ROUTER_RAW, raw != 0);
        const char *endpoint = bind_any(dealer, INPROC);
        if (chosen)
            connect_as(router, "chosen", endpoint);
        else
            connect_to(router, endpoint);
        get_int(dealer, ZMQ_EVENTS);
        tx(dealer, "m");
        say(text("%s%s%s", raw ? "raw " : "", chosen ? "chosen " : "", announced ? "announced" : ""), whose(router));
    }
}

/* A connection on which nobody has said anything. */
static void before_the_handshake(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    struct sockaddr_in address = {.sin_family = AF_INET};
    void *monitor = watch(router, ZMQ_EVENT_ACCEPTED);
    address.sin_port = htons((uint16_t) port_of(bind_any(router, TCP)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (struct sockaddr *) &address, sizeof address);
    say("accepted", await_event(monitor, ZMQ_EVENT_ACCEPTED));
    settle(ctx);
    say("accepted events", events(router));
    say("accepted empty id", tx(router, "|x"));
    close(fd);
    void *connecter = strict(ctx);
    connect_to(connecter, vacant(TCP));
    say("connecting events", events(connecter));
    say("connecting empty id", tx(connecter, "|x"));
}

/* The id of a connecter's peer is that of its first connection, whoever is there later. */
static void another_peer(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int chosen = 0; chosen < 2; chosen++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], chosen ? " chosen" : ""));
            void *router = strict(ctx);
            void *one = named(ctx, ZMQ_DEALER, "one");
            const char *endpoint = vacant(t);
        zmq_bind(one, endpoint);
            if (chosen)
                connect_as(router, "name", endpoint);
            else
                connect_to(router, endpoint);
            in_line("send", await(one, ZMQ_POLLOUT));
            tx(one, "1");
            in_line("first", rx(router));
            zmq_unbind(one, endpoint);
            settle(ctx);
            leave(one, router, t);
            void *two = named(ctx, ZMQ_DEALER, "two");
            in_line("bind", bind_again(two, endpoint));
            tx(two, "2");
            in_line("second", rx(router));
            in_line("to two", tx(router, "two|x"));
            in_line("to one", tx(router, "one|x"));
            in_line("to the name", tx(router, "name|x"));
            in_line("arrives", rx(two));
            end_line();
        }
    }
}

/* The id of a peer is free again when the peer is gone and read. */
static void free_again(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        const char *endpoint = bind_any(router, t);
        for (int i = 0; i < 3; i++) {
            void *dealer = named(ctx, ZMQ_DEALER, "same");
            attach_to(router, dealer, endpoint);
            tx(dealer, text("%d", i));
            in_line("comes", rx(router));
            in_line("answer", tx(router, text("same|to %d", i)));
            in_line("gets", rx(dealer));
            tx(dealer, "unread");
            if (t != INPROC)
                settle(ctx), settle(ctx);
            leave(dealer, router, t);
            in_line("gone", tx(router, "same|x"));
            in_line("unread", rx(router));
            in_line("then", rx_now(router));
            if (t == INPROC)
                exchange_notices(dealer, router);
        }
        end_line();
    }
}

/* A peer whose id is taken may send as much as it has room for; nobody hears of it. */
static void mute(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        void *first = named(ctx, ZMQ_DEALER, "same");
        const char *endpoint = bind_any(router, t);
        attach_to(router, first, endpoint);
        tx(first, "1");
        in_line("first", rx(router));
        void *second = named(ctx, ZMQ_DEALER, "same");
        void *third = named(ctx, ZMQ_DEALER, "same");
        void *other = named(ctx, ZMQ_DEALER, "other");
        attach_to(router, second, endpoint);
        attach_to(router, third, endpoint);
        attach_to(router, other, endpoint);
        tx(second, "2");
        tx(third, "3|3");
        tx(other, "4");
        in_line("only", rx(router));
        in_line("nothing", rx_quiet(router));
        in_line("events", events(router));
        leave(second, router, t);
        in_line("to the first", tx(router, "same|x"));
        in_line("gets", rx(first));
        in_line("third", rx_now(third));
        leave(first, router, t);
        in_line("nobody", tx(router, "same|x"));
        void *fourth = named(ctx, ZMQ_DEALER, "same");
        attach_to(router, fourth, endpoint);
        tx(fourth, "5");
        in_line("fourth", rx(router));
        in_line("back", tx(router, "same|y"));
        in_line("fourth gets", rx(fourth));
        in_line("third", rx_now(third));
        end_line();
    }
}

/* Room of a peer that nobody hears. */
static void mute_and_full(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    void *first = named(ctx, ZMQ_DEALER, "same");
    void *second = named(ctx, ZMQ_DEALER, "same");
    set_int(router, ZMQ_RCVHWM, 2);
    set_int(second, ZMQ_SNDHWM, 2);
    const char *endpoint = bind_any(router, INPROC);
    attach_to(router, first, endpoint);
    attach_to(router, second, endpoint);
    int sent = 0;
    for (; sent < 100 && strcmp(tx_now(second, "x"), "1") == 0; sent++)
        get_int(router, ZMQ_EVENTS);
    line("messages", "%d", sent);
    say("events", events(second));
}

/* The newest of several owners has the id. */
static void handover_chain(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        set_int(router, ZMQ_ROUTER_HANDOVER, 1);
        const char *endpoint = bind_any(router, t);
        void *last = NULL;
        for (int i = 0; i < 4; i++) {
            void *dealer = named(ctx, ZMQ_DEALER, "same");
            set_int(dealer, ZMQ_RECONNECT_IVL, -1);
            void *monitor = i == 3 && t != INPROC ? watch(last, ZMQ_EVENT_DISCONNECTED) : NULL;
            attach_to(router, dealer, endpoint);
            tx(dealer, text("%d", i));
            in_line("comes", rx(router));
            in_line("send", tx(router, text("same|to %d", i)));
            in_line("gets", rx(dealer));
            if (monitor) {
                set_int(monitor, ZMQ_RCVTIMEO, 2000);
                in_line("the one before goes", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
                unwatch(last, monitor);
            }
            if (last)
                in_line("and has nothing", rx_now(last));
            last = dealer;
        }
        end_line();
    }
}

/* The id is taken over while a message to it is half written. */
static void handover_in_the_middle(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        set_int(router, ZMQ_ROUTER_HANDOVER, 1);
        const char *endpoint = bind_any(router, t);
        void *first = named(ctx, ZMQ_DEALER, "same");
        void *second = named(ctx, ZMQ_DEALER, "same");
        set_int(first, ZMQ_RECONNECT_IVL, -1);
        attach_to(router, first, endpoint);
        tx(first, "1");
        in_line("comes", rx(router));
        in_line("id", tx_frame(router, "same", ZMQ_SNDMORE));
        in_line("a", tx_frame(router, "a", ZMQ_SNDMORE));
        attach_to(router, second, endpoint);
        tx(second, "2");
        in_line("takes over", await(router, ZMQ_POLLIN));
        in_line("b", tx_frame(router, "b", ZMQ_SNDMORE));
        in_line("c", tx_frame(router, "c", 0));
        in_line("second's", rx(router));
        in_line("next", tx(router, "same|whole|message"));
        in_line("second gets", rx(second));
        in_line("first gets", rx_now(first));
        end_line();
    }
}

/* A peer announces the id that was chosen for another. */
static void announces_a_chosen_id(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int handover = 0; handover < 2; handover++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], handover ? " HANDOVER" : ""));
            void *router = strict(ctx);
            set_int(router, ZMQ_ROUTER_HANDOVER, handover);
            void *chosen = sock(ctx, ZMQ_DEALER);
            const char *there = bind_any(chosen, t);
            in_line("connect", connect_as(router, "name", there));
            in_line("send", tx(router, "name|1"));
            in_line("gets", rx(chosen));
            void *dealer = named(ctx, ZMQ_DEALER, "name");
            const char *endpoint = bind_any(router, t);
            attach_to(router, dealer, endpoint);
            tx(dealer, "2");
            in_line("announced", rx_quiet(router));
            in_line("send", tx(router, "name|3"));
            in_line("chosen", handover ? "-" : rx(chosen));
            in_line("announced", handover ? rx(dealer) : rx_now(dealer));
            end_line();
        }
    }
}

/* How long a choice lasts: for one connect that works. */
static void choices(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        void *peer = named(ctx, ZMQ_DEALER, "own");
        const char *endpoint = bind_any(peer, t);
        set_bytes(router, ZMQ_CONNECT_ROUTING_ID, "first", 5);
        set_bytes(router, ZMQ_CONNECT_ROUTING_ID, "second", 6);
        in_line("bad endpoint", rc(zmq_connect(router, "nonsense")));
        in_line("unknown protocol", rc(zmq_connect(router, "what://ever")));
        in_line("bad bytes", rc(zmq_setsockopt(router, ZMQ_CONNECT_ROUTING_ID, "", 0)));
        in_line("connect", rc(zmq_connect(router, endpoint)));
        in_line("first", tx(router, "first|x"));
        in_line("second", tx(router, "second|x"));
        in_line("own", tx(router, "own|x"));
        in_line("gets", rx(peer));
        in_line("disconnect", rc(zmq_disconnect(router, endpoint)));
        exchange_notices(peer, router);
        in_line("gone", tx(router, "second|x"));
        in_line("the same again", connect_as(router, "second", endpoint));
        in_line("send", tx(router, "second|y"));
        in_line("gets", rx(peer));
        end_line();
    }
}

/* A choice of any bytes. */
static void chosen_bytes(void)
{
    static char bytes[1000];
    static const size_t sizes[] = {1, 5, 255, 256, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *ctx = context();
        void *router = strict(ctx);
        void *peer = sock(ctx, ZMQ_DEALER);
        const char *endpoint = bind_any(peer, TCP);
        begin_line(text("%zu zeroes", sizes[i]));
        in_line("set", rc(zmq_setsockopt(router, ZMQ_CONNECT_ROUTING_ID, bytes, sizes[i])));
        in_line("connect", rc(zmq_connect(router, endpoint)));
        in_line("id", rc(zmq_send(router, bytes, sizes[i], ZMQ_SNDMORE)));
        in_line("body", tx(router, "x"));
        in_line("gets", rx(peer));
        tx(peer, "y");
        in_line("back", rc(zmq_recv(router, NULL, 0, 0)));
        in_line("body", rx(router));
        end_line();
    }
}

/* With IMMEDIATE there is no pipe before the connection, and a new one with the next. */
static void chosen_and_immediate(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = strict(ctx);
        set_int(router, ZMQ_IMMEDIATE, 1);
        const char *endpoint = vacant(t);
        in_line("connect", connect_as(router, "chosen", endpoint));
        in_line("nobody there", tx(router, "chosen|x"));
        in_line("not used twice", connect_as(router, "other", vacant(t)));
        for (int round = 0; round < 2; round++) {
            void *peer = named(ctx, ZMQ_DEALER, "own");
            in_line("bind", bind_again(peer, endpoint));
            in_line("room", await(router, ZMQ_POLLOUT));
            in_line("chosen", tx(router, "chosen|1"));
            in_line("own", tx(router, "own|2"));
            in_line("gets", rx(peer));
            tx(peer, "3");
            in_line("whose", rx(router));
            zmq_unbind(peer, endpoint);
            settle(ctx);
            leave(peer, router, t);
        }
        end_line();
    }
}

/* With IMMEDIATE two connects may have the same choice: the connection that comes second does without. */
static void chosen_twice_and_immediate(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    set_int(router, ZMQ_IMMEDIATE, 1);
    const char *endpoints[] = {vacant(TCP), vacant(IPC)};
    for (int i = 0; i < 2; i++)
        say(text("connect %d", i), connect_as(router, "chosen", endpoints[i]));
    for (int i = 0; i < 2; i++) {
        void *peer = named(ctx, ZMQ_DEALER, text("own %d", i));
        say(text("bind %d", i), bind_again(peer, endpoints[i]));
        tx(peer, "y");
        say(text("whose %d", i), rx(router));
        say(text("chosen %d", i), tx(router, "chosen|x"));
        say(text("own %d", i), tx(router, text("own %d|x", i)));
        say(text("gets %d", i), rx_quiet(peer));
    }
}

/* Ids that are taken cannot be chosen: by a peer's announcement, by an earlier choice, by a generated one. */
static void chosen_again(enum transport transport, const char *how, const char *id, size_t size, void *router)
{
    void *ctx = context_of(router);
    void *peer = sock(ctx, ZMQ_DEALER);
    const char *endpoint = bind_any(peer, transport);
    set_bytes(router, ZMQ_CONNECT_ROUTING_ID, id, size);
    begin_line(text("%s %s", how, transport_names[transport]));
    in_line("connect", rc(zmq_connect(router, endpoint)));
    in_line("owner", rc(zmq_send(router, id, size, ZMQ_SNDMORE)));
    in_line("body", tx(router, "x"));
    in_line("nobody there", rx_now(peer));
    in_line("without a choice", rc(zmq_connect(router, endpoint)));
    tx(peer, "y");
    in_line("works", whose(router));
    end_line();
}

static void announced_is_chosen(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    void *owner = named(ctx, ZMQ_DEALER, "same");
    attach(router, owner, TCP);
    tx(owner, "x");
    say("owner", rx(router));
    chosen_again(TCP, "announced", "same", 4, router);
}

static void generated_is_chosen(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    void *owner = sock(ctx, ZMQ_DEALER);
    attach(router, owner, TCP);
    tx(owner, "x");
    char id[5];
    line("size", "%d", zmq_recv(router, id, 5, 0));
    say("owner", rx(router));
    chosen_again(TCP, "generated", id, 5, router);
}

static void chosen_is_chosen_inproc(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    void *owner = sock(ctx, ZMQ_DEALER);
    say("first", connect_as(router, "same", bind_any(owner, INPROC)));
    chosen_again(INPROC, "chosen", "same", 4, router);
}

static void chosen_is_chosen_before_bind(void)
{
    void *ctx = context();
    void *router = strict(ctx);
    say("first", connect_as(router, "same", "inproc://nobody"));
    say("second", connect_as(router, "same", "inproc://nobody"));
    say("to the first", tx(router, "same|x"));
    void *peer = sock(ctx, ZMQ_DEALER);
    say("bind", rc(zmq_bind(peer, "inproc://nobody")));
    say("arrives", rx(peer));
    say("once", rx_now(peer));
}

static const struct rule rules[] = {
    RULE(random_starts), RULE(every_type), RULE(precedence), RULE(before_the_handshake), RULE(another_peer),
    RULE(free_again), RULE(mute), RULE(mute_and_full), RULE(handover_chain), RULE(handover_in_the_middle),
    RULE(announces_a_chosen_id), RULE(choices), RULE(chosen_bytes), RULE(chosen_and_immediate),
    RULE(chosen_twice_and_immediate), RULE(announced_is_chosen),
    RULE(generated_is_chosen), RULE(chosen_is_chosen_inproc), RULE(chosen_is_chosen_before_bind),
};

RUN(rules)
