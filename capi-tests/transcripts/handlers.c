/* ZAP handlers, in more detail: who is asked about and who is not, what a request says, answers that come late or in
 * another order, handlers that come and go (security.md sections 6 and 7). */
#define ZMQ_BUILD_DRAFT_API
#include "sides.h"

#include <sys/socket.h>

/* Later than libzmq 4.3.4; it refuses it. */
#define DISCONNECT_MSG 111
#define WELCOME "1.0|1|200|OK||"
/* What happens at once has happened by then, milliseconds. */
#define SOON 500

/* ---- who is asked about ---- */

/* With a handler in both contexts: whether it is asked on either side. */
static void ask(enum mechanism mechanism, int domain, int enforced)
{
    void *ctx = context(), *others = context();
    void *handler = handler_in(ctx, ZMQ_REP), *other = handler_in(others, ZMQ_REP);
    struct sides sides = sides_in(ctx, mechanism, domain ? "a domain" : "");
    sides.client = sock(others, ZMQ_DEALER);
    make_client(sides.client, mechanism);
    set_int(sides.server, ZMQ_ZAP_ENFORCE_DOMAIN, enforced);
    if (mechanism != NULL_MECHANISM)
        set_text(sides.client, ZMQ_ZAP_DOMAIN, "of the client");
    start(&sides, TCP);
    begin_line(text("%s%s%s", mechanism_names[mechanism], domain ? ", a domain" : "",
                    enforced ? ", enforced" : ""));
    tx(sides.client, "a message");
    /* One of them comes first. */
    zmq_pollitem_t items[] = {{.socket = handler, .events = ZMQ_POLLIN}, {.socket = sides.server, .events = ZMQ_POLLIN}};
    zmq_poll(items, 2, PATIENCE);
    int asks = items[0].revents != 0;
    in_line("the server asks", asks ? "yes" : "no");
    if (asks) {
        rx(handler);
        answer(handler, WELCOME);
    }
    in_line("receives", rx(sides.server));
    in_line("the client asks", strcmp(rx_now(other), "EAGAIN") == 0 ? "no" : "yes");
    in_line("the server asks again", strcmp(rx_now(handler), "EAGAIN") == 0 ? "no" : "yes");
    end_line();
}

static void who_is_asked_about(void)
{
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (int domain = 0; domain < 2; domain++)
            for (int enforced = 0; enforced < 2; enforced++)
                if (mechanism != PLAIN || domain || !enforced)
                    ask(mechanism, domain, enforced);
}

/* The stock library aborts, with a handler and without one. */
static void plain_enforced_without_a_domain(void)
{
    ask(PLAIN, 0, 1);
    struct sides sides = sides_in(context(), PLAIN, "");
    set_int(sides.server, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    start(&sides, TCP);
    say("without a handler", tell(&sides.at_server, 2));
}

/* ---- what is asked ---- */

/* Of IPv6, of IPv4 where both are served, and with a routing id of the peer, which nobody is told. */
static void addresses(void)
{
    static const char *const places[][2] = {
        {"tcp://[::1]:*", "tcp://[::1]:%d"}, {"tcp://*:*", "tcp://127.0.0.1:%d"}, {"tcp://*:*", "tcp://[::1]:%d"}};
    for (size_t i = 0; i < COUNT(places); i++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        struct sides sides = sides_in(ctx, PLAIN, "");
        set_int(sides.server, ZMQ_IPV6, 1);
        set_int(sides.client, ZMQ_IPV6, 1);
        set_text(sides.client, ZMQ_ROUTING_ID, "the peer");
        must(zmq_bind(sides.server, places[i][0]) == 0, "bind");
        char endpoint[64];
        snprintf(endpoint, sizeof endpoint, i == 1 ? "tcp://127.0.0.1:%d" : "tcp://[::1]:%d",
                 port_of(last_endpoint(sides.server)));
        connect_to(sides.client, endpoint);
        say(i == 1 ? "IPv4 among IPv6" : places[i][0], request_to(handler));
        answer(handler, WELCOME);
        traffic(&sides);
    }
}

/* Domains, names and passwords are bytes. */
static void bytes(void)
{
    static char most[255];
    memset(most, 'x', sizeof most);
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, PLAIN, "");
    set_bytes(sides.server, ZMQ_ZAP_DOMAIN, BYTES("a\0b\0"));
    set_bytes(sides.server, ZMQ_ROUTING_ID, BYTES("c\0d"));
    set_bytes(sides.client, ZMQ_PLAIN_USERNAME, BYTES("e\0f"));
    set_bytes(sides.client, ZMQ_PLAIN_PASSWORD, BYTES("\0g"));
    start(&sides, TCP);
    say("with NULs", request_to(handler));
    answer(handler, WELCOME);
    traffic(&sides);
    void *another = sock(ctx, ZMQ_DEALER);
    set_bytes(another, ZMQ_PLAIN_USERNAME, most, sizeof most);
    set_bytes(another, ZMQ_PLAIN_PASSWORD, most, sizeof most);
    connect_to(another, last_endpoint(sides.server));
    for (int frame = 0; frame < 8; frame++) {
        const char *said = rx_frame(handler, 0);
        if (frame >= 6)
            say("the longest", said);
    }
    answer(handler, WELCOME);
}

/* No high-water mark is in the way of requests. */
static void many(void)
{
    enum { PEERS = 30 };
    void *ctx = context();
    void *handler = sock(ctx, ZMQ_REP);
    set_int(handler, ZMQ_RCVHWM, 1);
    set_int(handler, ZMQ_SNDHWM, 1);
    must(zmq_bind(handler, HANDLER) == 0, "the handler's name");
    struct sides sides = sides_in(ctx, PLAIN, "");
    set_int(sides.server, ZMQ_RCVHWM, 1);
    set_int(sides.server, ZMQ_SNDHWM, 1);
    const char *endpoint = plain_bind(sides.server);
    int fds[PEERS];
    for (int i = 0; i < PEERS; i++)
        fds[i] = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1a\1b"));
    int requests = 0, welcomes = 0;
    for (int i = 0; i < PEERS; i++) {
        requests += strcmp(rx(handler), "[1.0|1||127.0.0.1||PLAIN|a|b]") == 0;
        answer(handler, WELCOME);
    }
    for (int i = 0; i < PEERS; i++) {
        welcomes += strcmp(plain_recv(fds[i], 10), "\\x04\\x08\\x07WELCOME") == 0;
        close(fds[i]);
    }
    line("requests", "%d", requests);
    line("welcomes", "%d", welcomes);
}

/* ---- answers ---- */

/* Through a ROUTER: whom it is for stands before it. */
static const char *answer_to(void *handler, const struct id *asker, const char *frames)
{
    must(zmq_send(handler, asker->bytes, asker->size, ZMQ_SNDMORE) == (int) asker->size, "the asker");
    return tx(handler, frames);
}

static struct id asker_of(void *handler)
{
    struct id asker;
    int size = zmq_recv(handler, asker.bytes, sizeof asker.bytes, 0);
    must(size > 0, "a request");
    asker.size = (size_t) size;
    return asker;
}

/* What only bytes can say. */
static void defects_in_bytes(void)
{
    static const struct {
        const char *what, *metadata;
        size_t size;
    } answers[] = {
        {"a type that does not fit", BYTES("\13Socket-Type\0\0\0\3SUB")},
        {"a type that fits", BYTES("\13Socket-Type\0\0\0\6DEALER")},
        {"no value", BYTES("\1a\0\0\0\0")},
        {"no name", BYTES("\0\0\0\0\1a")},
        {"a value that is cut", BYTES("\1a\0\0\0\2b")},
        {"a length that is cut", BYTES("\1a\0\0\0")},
        {"a name that is cut", BYTES("\3ab")},
    };
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (size_t i = 0; i < COUNT(answers); i++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            start(&sides, TCP);
            request_to(handler);
            welcome_with(handler, "", answers[i].metadata, answers[i].size);
            say(text("%s, %s", mechanism_names[mechanism], answers[i].what), tell(&sides.at_server, 2));
        }
}

/* Only a ROUTER can leave the delimiter out, or say something in it. */
static void delimiters(void)
{
    static const char *const answers[] = {"x|1.0|1|200|OK||", "1.0|1|200|OK||", "||1.0|1|200|OK||", "", "|1.0|1|200|OK||"};
    for (size_t i = 0; i < COUNT(answers); i++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_ROUTER);
        struct sides sides = sides_in(ctx, PLAIN, "");
        set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
        start(&sides, TCP);
        struct id asker = asker_of(handler);
        rx(handler);
        answer_to(handler, &asker, answers[i]);
        say(text("'%s'", answers[i]), tell(&sides.at_server, 2));
    }
}

/* What a peer's Identity is when the handler names another. */
static void identities(void)
{
    static const char metadata[] = "\10Identity\0\0\0\3him";
    for (int mechanism = PLAIN; mechanism < MECHANISMS; mechanism++)
        for (int named = 0; named < 2; named++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            void *router = sock(ctx, ZMQ_ROUTER);
            make_server(router, mechanism);
            struct sides sides = sides_in(ctx, mechanism, "");
            if (named)
                set_text(sides.client, ZMQ_ROUTING_ID, "me");
            connect_to(sides.client, plain_bind(router));
            request_to(handler);
            /* In libzmq it may depend on whether the peer's own metadata were read before. */
            settle(ctx);
            welcome_with(handler, "", metadata, sizeof metadata - 1);
            tx(sides.client, "a message");
            char id[256];
            int size = zmq_recv(router, id, sizeof id, 0);
            must(size > 0, "an id");
            begin_line(text("%s%s", mechanism_names[mechanism], named ? ", who has one" : ""));
            in_line("routing id", *id ? shown(id, (size_t) size) : "generated");
            zmq_msg_t message;
            zmq_msg_init(&message);
            must(zmq_msg_recv(&message, router, 0) == 9, "a message");
            in_line("Identity", property(&message, "Identity"));
            zmq_msg_close(&message);
            end_line();
        }
}

/* Each session has its own answer, in whatever order they come. */
static void in_another_order(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_ROUTER);
    struct sides sides = sides_in(ctx, PLAIN, "");
    void *clients[3];
    struct id askers[3];
    struct story stories[3];
    const char *endpoint = plain_bind(sides.server);
    for (int i = 0; i < 3; i++) {
        clients[i] = sock(ctx, ZMQ_DEALER);
        make_client(clients[i], PLAIN);
        stories[i] = story_of(clients[i], endpoint, RECONNECT);
        connect_to(clients[i], endpoint);
        askers[i] = asker_of(handler);
        rx(handler);
    }
    static const char *const answers[] = {"|1.0|1|400|||", "|1.0|1|200||A|", "|1.0|1|500|||"};
    for (int i = 2; i >= 0; i--)
        answer_to(handler, &askers[i], answers[i]);
    for (int i = 0; i < 3; i++)
        say(text("client %d", i), tell(&stories[i], 3));
}

/* Bytes to a raw client: nothing before the answer, and behind it what the contract says. */
static void wire(void)
{
    static const char *const answers[] = {"200", "300", "400", "500"};
    for (int mechanism = NULL_MECHANISM; mechanism <= PLAIN; mechanism++)
        for (size_t i = 0; i < COUNT(answers); i++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            set_int(sides.server, ZMQ_HANDSHAKE_IVL, 3 * SOON);
            const char *endpoint = plain_bind(sides.server);
            struct story story = story_of(sides.server, endpoint, RECONNECT);
            int fd = mechanism == PLAIN ? caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1a\1b"))
                                        : caller(endpoint, NULL_MECHANISM, BYTES("\4\34\5READY\13Socket-Type\0\0\0\6DEALER"));
            request_to(handler);
            begin_line(text("%s, %s", mechanism_names[mechanism], answers[i]));
            in_line("before", readable_within(fd, QUIET) ? "something" : "nothing");
            in_line("events", tell_rest(&story));
            answer(handler, text("1.0|1|%s||user|", answers[i]));
            if (i == 0) {
                in_line("gets", plain_recv(fd, mechanism == PLAIN ? 10 : 43));
                in_line("and", readable_within(fd, QUIET) ? plain_recv(fd, 1) : "nothing");
            } else {
                in_line("gets", i == 1 ? "" : plain_recv(fd, mechanism == PLAIN ? 11 : 12));
                in_line("and at once", readable_within(fd, SOON) ? plain_recv(fd, 1) : "nothing");
                in_line("at last", plain_recv(fd, 1));
            }
            end_line();
            close(fd);
        }
}

/* Accepts, and exchanges greetings. */
static int greeted(int listener)
{
    char greeting[64];
    int fd = plain_accept(listener);
    must(fd >= 0, "nobody comes");
    plain_send_bytes(fd, plain_greeting("NULL"), 64);
    must(recv(fd, greeting, sizeof greeting, MSG_WAITALL) == sizeof greeting, "greeting");
    return fd;
}

/* Who connects and refuses whom it finds tries again itself. */
static void who_connects_refuses(void)
{
    static const char *const statuses[] = {"300", "400", "500"};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        void *ctx = context(), *handler = handler_in(ctx, ZMQ_REP), *client = sock(ctx, ZMQ_DEALER);
        char endpoint[64];
        int listener = plain_listen(TCP, endpoint);
        set_text(client, ZMQ_ZAP_DOMAIN, "of the client");
        set_int(client, ZMQ_HANDSHAKE_IVL, 500);
        set_int(client, ZMQ_RECONNECT_IVL, 40);
        struct story story = story_of(client, endpoint, 40);
        connect_to(client, endpoint);
        int fd = greeted(listener);
        begin_line(statuses[i]);
        rx(handler);
        answer(handler, text("1.0|1|%s|||", statuses[i]));
        if (i > 0)
            in_line("peer gets", plain_recv(fd, 12));
        shutdown(fd, SHUT_WR);
        in_line("client", tell_until(&story, ZMQ_EVENT_DISCONNECTED));
        in_line("tries again", tries_again(&story));
        close(fd);
        fd = greeted(listener);
        in_line("asks again", strncmp(rx(handler), "[1.0|1|of", 9) == 0 ? "yes" : "no");
        end_line();
        close(fd);
        close(listener);
    }
}

/* An answer that comes when its peer has gone is none for the next one. */
static void a_late_answer(void)
{
    void *ctx = context(), *handler = handler_in(ctx, ZMQ_ROUTER), *client = sock(ctx, ZMQ_DEALER);
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    set_text(client, ZMQ_ZAP_DOMAIN, "of the client");
    set_int(client, ZMQ_RECONNECT_IVL, 10);
    struct story story = story_of(client, endpoint, 10);
    connect_to(client, endpoint);
    struct id askers[2];
    int fd = -1;
    for (int i = 0; i < 2; i++) {
        fd = greeted(listener);
        askers[i] = asker_of(handler);
        rx(handler);
        if (i == 0)
            close(fd);
    }
    tell_until(&story, ZMQ_EVENT_CONNECT_RETRIED);
    say("connected again", await_event(story.monitor, ZMQ_EVENT_CONNECTED));
    answer_to(handler, &askers[0], "|1.0|1|500|||");
    set_int(story.monitor, ZMQ_RCVTIMEO, SOON);
    say("the late answer", tell(&story, 1));
    set_int(story.monitor, ZMQ_RCVTIMEO, PATIENCE);
    answer_to(handler, &askers[1], "|" WELCOME);
    plain_send_bytes(fd, BYTES("\4\34\5READY\13Socket-Type\0\0\0\6DEALER"));
    say("its own answer", tell(&story, 1));
    close(fd);
}

/* ---- handlers that come and go ---- */

/* Only who is bound in the same context counts. */
static void handlers_elsewhere(void)
{
    void *ctx = context();
    void *other = handler_in(context(), ZMQ_REP), *connected = sock(ctx, ZMQ_REP);
    connect_to(connected, HANDLER);
    struct sides sides = sides_in(ctx, CURVE, "a domain");
    start(&sides, TCP);
    say("traffic", traffic(&sides));
    say("in another context", rx_now(other));
    say("connected", rx_now(connected));
}

/* Somebody of another type has the name. The stock library aborts. */
static void another_type(void)
{
    static const int types[] = {ZMQ_PULL, ZMQ_DEALER, ZMQ_PAIR, ZMQ_SUB, ZMQ_REQ};
    for (size_t i = 0; i < COUNT(types); i++)
        for (int mechanism = 0; mechanism < MECHANISMS; mechanism++) {
            void *ctx = context(), *other = handler_in(ctx, types[i]);
            if (types[i] == ZMQ_SUB)
                subscribe(other, "");
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            start(&sides, TCP);
            say(text("%s, %s", type_name(types[i]), mechanism_names[mechanism]), tell(&sides.at_server, 2));
        }
}

/* Who is in stays in, and who comes is asked about. */
static void a_handler_comes_later(void)
{
    for (int mechanism = NULL_MECHANISM; mechanism < MECHANISMS; mechanism += CURVE) {
        void *ctx = context();
        struct sides sides = sides_in(ctx, mechanism, "a domain");
        const char *endpoint = start(&sides, TCP);
        begin_line(mechanism_names[mechanism]);
        in_line("before", traffic(&sides));
        void *handler = handler_in(ctx, ZMQ_REP);
        in_line("with a handler", traffic(&sides));
        in_line("it is asked", rx_quiet(handler));
        void *another = sock(ctx, ZMQ_DEALER);
        make_client(another, mechanism);
        connect_to(another, endpoint);
        in_line("the next", request_to(handler));
        answer(handler, "1.0|1|400|||");
        in_line("still", traffic(&sides));
        end_line();
    }
}

/* Without a handshake timer a silent handler is waited for. */
static void no_timer(void)
{
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        struct sides sides = sides_in(ctx, mechanism, "a domain");
        set_int(sides.server, ZMQ_HANDSHAKE_IVL, 0);
        set_int(sides.client, ZMQ_HANDSHAKE_IVL, 0);
        start(&sides, TCP);
        begin_line(mechanism_names[mechanism]);
        in_line("request", request_to(handler));
        in_line("server", tell(&sides.at_server, 1));
        set_int(sides.at_server.monitor, ZMQ_RCVTIMEO, SOON);
        in_line("then", tell(&sides.at_server, 1));
        set_int(sides.at_server.monitor, ZMQ_RCVTIMEO, PATIENCE);
        answer(handler, WELCOME);
        in_line("server", tell(&sides.at_server, 1));
        in_line("traffic", traffic(&sides));
        end_line();
    }
}

/* A silent handler, and one that goes: both ends, and the next attempt. */
static void silent_handlers(void)
{
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        struct sides sides = sides_in(ctx, mechanism, "a domain");
        set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
        set_int(sides.client, ZMQ_RECONNECT_IVL, 40);
        start(&sides, TCP);
        begin_line(mechanism_names[mechanism]);
        request_to(handler);
        in_line("server", tell(&sides.at_server, 3));
        in_line("client", tell_until(&sides.at_client, ZMQ_EVENT_DISCONNECTED));
        in_line("tries again", tries_again(&sides.at_client));
        end_line();
    }
}

/* ---- what the refused one has left ---- */

/* Who is told that it is refused has nobody to send to until somebody connects it again; who is not goes on. */
static void what_was_sent(void)
{
    static const char *const statuses[] = {"300", "400"};
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (size_t i = 0; i < COUNT(statuses); i++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
            set_text(pull, ZMQ_ZAP_DOMAIN, "a domain");
            set_int(pull, ZMQ_HANDSHAKE_IVL, 500);
            set_int(push, ZMQ_RECONNECT_IVL, 40);
            make_server(pull, mechanism);
            make_client(push, mechanism);
            const char *endpoint = plain_bind(pull);
            struct story story = story_of(push, endpoint, 40);
            connect_to(push, endpoint);
            begin_line(text("%s, %s", mechanism_names[mechanism], statuses[i]));
            in_line("send", tx_now(push, "queued"));
            request_to(handler);
            answer(handler, text("1.0|1|%s|||", statuses[i]));
            tell_until(&story, ZMQ_EVENT_DISCONNECTED);
            if (i == 1) {
                in_line("room", await_not(push, ZMQ_POLLOUT));
                in_line("send", tx_now(push, "lost"));
                in_line("disconnect", rc(zmq_disconnect(push, endpoint)));
                connect_to(push, endpoint);
                in_line("send", tx_now(push, "new"));
            } else {
                in_line("send", tx_now(push, "more"));
            }
            request_to(handler);
            answer(handler, WELCOME);
            in_line("arrives", rx(pull));
            end_line();
        }
}

/* A ROUTER with DISCONNECT_MSG says nothing of peers that never were. */
static void no_notices(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *router = sock(ctx, ZMQ_ROUTER);
    set_text(router, ZMQ_ZAP_DOMAIN, "a domain");
    zmq_setsockopt(router, DISCONNECT_MSG, "gone", 4);
    const char *endpoint = plain_bind(router);
    struct story story = story_of(router, endpoint, RECONNECT);
    struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
    connect_to(sides.client, endpoint);
    request_to(handler);
    answer(handler, "1.0|1|400|||");
    say("router", tell_until(&story, ZMQ_EVENT_DISCONNECTED));
    say("receives", rx_quiet(router));
}

static const struct rule rules[] = {
    RULE(who_is_asked_about), RULE(plain_enforced_without_a_domain), RULE(addresses), RULE(bytes), RULE(many),
    RULE(defects_in_bytes), RULE(delimiters), RULE(identities), RULE(in_another_order), RULE(wire),
    RULE(who_connects_refuses), RULE(a_late_answer), RULE(handlers_elsewhere), RULE(another_type),
    RULE(a_handler_comes_later), RULE(no_timer), RULE(silent_handlers), RULE(what_was_sent), RULE(no_notices),
};

RUN(rules)
