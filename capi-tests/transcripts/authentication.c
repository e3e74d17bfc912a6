/* ZAP handlers: what they are asked, what their answers lead to, and what happens without one
 * (security.md sections 2, 3, 6, 7). */
#define ZMQ_BUILD_DRAFT_API
#include "sides.h"

#include <sys/socket.h>

/* ---- what is asked ---- */

static void requests(void)
{
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (enum transport transport = TCP; transport <= IPC; transport++)
            for (int named = 0; named < 2; named++) {
                void *ctx = context();
                void *handler = handler_in(ctx, ZMQ_REP);
                struct sides sides = sides_in(ctx, mechanism, "a domain");
                if (named)
                    set_text(sides.server, ZMQ_ROUTING_ID, "server");
                start(&sides, transport);
                begin_line(text("%s, %s%s", mechanism_names[mechanism], transport_names[transport],
                                named ? ", with a routing id" : ""));
                in_line("request", request_to(handler));
                in_line("answer", answer(handler, "1.0|1|200|OK|user|"));
                in_line("server", tell(&sides.at_server, 2));
                in_line("client", tell_until(&sides.at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
                in_line("traffic", traffic(&sides));
                end_line();
            }
}

static void router_handler(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_ROUTER);
    struct sides sides = sides_in(ctx, PLAIN, "");
    start(&sides, TCP);
    char id[256];
    int size = zmq_recv(handler, id, sizeof id, 0);
    say("routing id", size == 5 ? "5 bytes" : "others");
    say("the rest", rx(handler));
    must(zmq_send(handler, id, (size_t) size, ZMQ_SNDMORE) == size, "the routing id");
    say("answer", tx(handler, "|1.0|1|200|OK|user|"));
    say("server", tell(&sides.at_server, 2));
    say("traffic", traffic(&sides));
}

/* A connecting socket asks, too, under NULL. */
static void who_connects_asks(void)
{
    void *ctx = context(), *others = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *server = sock(others, ZMQ_DEALER), *client = sock(ctx, ZMQ_DEALER);
    set_text(client, ZMQ_ZAP_DOMAIN, "of the client");
    const char *endpoint = plain_bind(server);
    struct story at_client = story_of(client, endpoint, RECONNECT);
    connect_to(client, endpoint);
    say("request", request_to(handler));
    say("answer", answer(handler, "1.0|1|200|OK||"));
    say("client", tell(&at_client, 3));
    tx(client, "there");
    say("arrives", rx(server));
}

/* ---- answers ---- */

static void statuses(void)
{
    static const char *const answers[] = {"1.0|1|300|later||", "1.0|1|400|no||", "1.0|1|500|broken||"};
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (int i = 0; i < 3; i++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            start(&sides, TCP);
            begin_line(text("%s, %.3s", mechanism_names[mechanism], answers[i] + 6));
            request_to(handler);
            answer(handler, answers[i]);
            in_line("server", tell(&sides.at_server, 3));
            in_line("client", tell_until(&sides.at_client, ZMQ_EVENT_DISCONNECTED));
            /* Who is told nothing tries again, and is asked about again. */
            set_int(handler, ZMQ_RCVTIMEO, 3 * RECONNECT);
            in_line("asked again", strcmp(rx(handler), "EAGAIN") == 0 ? "no" : "yes");
            end_line();
        }
}

static void defective_answers(void)
{
    static const char *const answers[] = {
        "1.0|1|200|OK|user",     "1.0|1|200|OK|user||more", "2.0|1|200|OK|user|", "1.0|2|200|OK|user|",
        "1.0|1|201|OK|user|",    "1.0|1|600|OK|user|",      "1.0|1||OK|user|",    "1.0|1|200|OK|user|x",
        "1.0|1|2000|OK|user|",   "1.0|1|400|OK|user|x",
    };
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (size_t i = 0; i < COUNT(answers); i++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            start(&sides, TCP);
            begin_line(text("%s, %s", mechanism_names[mechanism], answers[i]));
            request_to(handler);
            answer(handler, answers[i]);
            in_line("server", tell(&sides.at_server, 2));
            in_line("client", tell_until(&sides.at_client, ZMQ_EVENT_CONNECT_RETRIED));
            end_line();
        }
}

/* User-Id and the metadata of the answer go with each message. */
static void properties(void)
{
    static const char *const names[] = {"User-Id", "Colour", "Peer-Address", "Socket-Type", "Identity"};
    static const char metadata[] = "\6Colour\0\0\0\3red\7User-Id\0\0\0\4fake\14Peer-Address\0\0\0\1x";
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (int empty = 0; empty < 2; empty++) {
            void *ctx = context();
            void *handler = handler_in(ctx, ZMQ_REP);
            struct sides sides = sides_in(ctx, mechanism, "a domain");
            start(&sides, TCP);
            request_to(handler);
            welcome_with(handler, empty ? "" : "user", metadata, empty ? 0 : sizeof metadata - 1);
            begin_line(text("%s%s", mechanism_names[mechanism], empty ? ", nothing said" : ""));
            tx(sides.client, "a message");
            zmq_msg_t message;
            zmq_msg_init(&message);
            must(zmq_msg_recv(&message, sides.server, 0) == 9, "a message");
            for (size_t i = 0; i < COUNT(names); i++)
                in_line(names[i], property(&message, names[i]));
            zmq_msg_close(&message);
            tx(sides.server, "back");
            zmq_msg_init(&message);
            must(zmq_msg_recv(&message, sides.client, 0) == 4, "a message back");
            in_line("at the client", property(&message, "User-Id"));
            zmq_msg_close(&message);
            end_line();
        }
}

/* ---- no answer ---- */

static void without_a_handler(void)
{
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++)
        for (int domain = 0; domain < 2; domain++)
            for (int enforced = 0; enforced < 2; enforced++) {
                /* The reference aborts. */
                if (mechanism == PLAIN && !domain && enforced)
                    continue;
                struct sides sides = sides_in(context(), mechanism, domain ? "a domain" : "");
                set_int(sides.server, ZMQ_ZAP_ENFORCE_DOMAIN, enforced);
                set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
                start(&sides, TCP);
                begin_line(text("%s%s%s", mechanism_names[mechanism], domain ? ", a domain" : "",
                                enforced ? ", enforced" : ""));
                in_line("server", tell(&sides.at_server, 2));
                in_line("client", tell_until(&sides.at_client, mechanism == PLAIN || (domain && enforced)
                                                                   ? ZMQ_EVENT_CONNECT_RETRIED
                                                                   : ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
                end_line();
            }
}

/* A handler that is bound later serves who comes later, and who tries again. */
static void a_handler_comes(void)
{
    void *ctx = context();
    struct sides sides = sides_in(ctx, PLAIN, "");
    set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
    start(&sides, TCP);
    tell_until(&sides.at_client, ZMQ_EVENT_CONNECT_RETRIED);
    void *handler = handler_in(ctx, ZMQ_REP);
    say("request", request_to(handler));
    answer(handler, "1.0|1|200|OK||");
    say("client", await_event(sides.at_client.monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    say("traffic", traffic(&sides));
}

/* It says nothing: the handshake timer. */
static void a_silent_handler(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, PLAIN, "");
    set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
    start(&sides, TCP);
    say("request", request_to(handler));
    say("server", tell(&sides.at_server, 3));
    say("client", tell_until(&sides.at_client, ZMQ_EVENT_CONNECT_RETRIED));
}

/* It goes with the question: as if it were silent. */
static void a_handler_goes(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, PLAIN, "");
    set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
    start(&sides, TCP);
    say("request", request_to(handler));
    shut(handler);
    say("server", tell(&sides.at_server, 3));
}

/* There was one: who relied on it does not let everybody in when it is gone. */
static void a_handler_is_missed(void)
{
    void *ctx = context();
    must(zmq_unbind(handler_in(ctx, ZMQ_REP), HANDLER) == 0, "unbind");
    struct sides sides = sides_in(ctx, NULL_MECHANISM, "a domain");
    start(&sides, TCP);
    say("server", tell(&sides.at_server, 2));
    /* Without a domain nobody is asked. */
    sides = sides_in(ctx, NULL_MECHANISM, "");
    start(&sides, TCP);
    say("without a domain", traffic(&sides));
}

/* Who asks goes: nothing is left. */
static void the_asking_socket_goes(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, PLAIN, "");
    start(&sides, TCP);
    say("request", request_to(handler));
    say("close", shut(sides.server));
    say("answer", answer(handler, "1.0|1|200|OK||"));
    say("next request", rx_quiet(handler));
}

/* ---- hostile peers ---- */

/* What a server answers to a command, and what it tells. */
static void commands_to_a_server(void)
{
    static const struct {
        const char *what, *bytes;
        size_t size;
    } commands[] = {
#define COMMAND(what, bytes) {what, bytes, sizeof bytes - 1}
        COMMAND("empty", "\4\0"),
        COMMAND("a name that goes on", "\4\3\5AB"),
        COMMAND("INITIATE first", "\4\11\10INITIATE"),
        COMMAND("READY first", "\4\6\5READY"),
        COMMAND("HELLO without names", "\4\6\5HELLO"),
        COMMAND("HELLO without a password", "\4\10\5HELLO\1a"),
        COMMAND("HELLO cut", "\4\12\5HELLO\1a\2b"),
        COMMAND("HELLO and more", "\4\13\5HELLO\1a\1bc"),
        COMMAND("HELLO as a message", "\0\12\5HELLO\1a\1b"),
#undef COMMAND
    };
    for (size_t i = 0; i < COUNT(commands); i++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        void *server = sock(ctx, ZMQ_DEALER);
        set_int(server, ZMQ_PLAIN_SERVER, 1);
        const char *endpoint = plain_bind(server);
        struct story story = story_of(server, endpoint, RECONNECT);
        int fd = caller(endpoint, PLAIN, commands[i].bytes, commands[i].size);
        begin_line(commands[i].what);
        if (i + 1 == COUNT(commands)) {
            in_line("request", request_to(handler));
            answer(handler, "1.0|1|200|OK||");
            in_line("peer gets", plain_recv(fd, 10));
        } else {
            in_line("server", tell(&story, 3));
            in_line("peer gets", plain_recv(fd, 10));
        }
        end_line();
        close(fd);
    }
}

/* A peer leaves while the handler is reading of it: its request stays whole, and the next comes behind it. */
static void a_peer_goes_while_it_is_read_of(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *server = sock(ctx, ZMQ_DEALER);
    set_int(server, ZMQ_PLAIN_SERVER, 1);
    const char *endpoint = plain_bind(server);
    struct story story = story_of(server, endpoint, RECONNECT);
    int first = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1a\1b"));
    begin_line("first");
    for (int frame = 0; frame < 3; frame++)
        in_line("frame", rx_frame(handler, 0));
    plain_reset(first);
    in_line("server", tell_until(&story, ZMQ_EVENT_DISCONNECTED));
    int second = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1c\1d"));
    in_line("server", tell_until(&story, ZMQ_EVENT_ACCEPTED));
    settle(ctx);
    for (int frame = 3; frame < 8; frame++)
        in_line("frame", rx_frame(handler, 0));
    in_line("answer", answer(handler, "1.0|1|200|OK||"));
    end_line();
    say("second", request_to(handler));
    answer(handler, "1.0|1|200|OK||");
    say("it gets", plain_recv(second, 10));
    close(second);
}

/* Of a peer that has gone, a handler that comes to it later hears nothing. */
static void a_peer_goes_before_it_is_read_of(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *server = sock(ctx, ZMQ_DEALER);
    set_int(server, ZMQ_PLAIN_SERVER, 1);
    const char *endpoint = plain_bind(server);
    struct story story = story_of(server, endpoint, RECONNECT);
    for (int peer = 0; peer < 3; peer++) {
        int fd = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1a\1b"));
        say("asked", await(handler, ZMQ_POLLIN));
        plain_reset(fd);
        say("server", tell_until(&story, ZMQ_EVENT_DISCONNECTED));
    }
    settle(ctx);
    int last = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1c\1d"));
    say("request", request_to(handler));
    answer(handler, "1.0|1|200|OK||");
    say("it gets", plain_recv(last, 10));
    close(last);
}

/* Messages right behind READY wait for the handler. */
static void messages_before_the_answer(void)
{
    static char message[3 + 250];
    enum { MANY = 4000 };
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *server = sock(ctx, ZMQ_PULL);
    set_int(server, ZMQ_RCVHWM, 0);
    set_text(server, ZMQ_ZAP_DOMAIN, "a domain");
    int fd = plain_connect(plain_bind(server));
    plain_send_bytes(fd, plain_greeting("NULL"), 64);
    plain_send_bytes(fd, "\4\32\5READY\13Socket-Type\0\0\0\4PUSH\0\5early", 35);
    /* libzmq ends the connection over the frame, before or after it asks; without a request there is no answer below. */
    request_to(handler);
    message[1] = (char) 250;
    for (int i = 0; i < MANY; i++)
        if (send(fd, message, 252, MSG_NOSIGNAL) != 252) {
            say("send", error_name(errno));
            return;
        }
    say("before", rx_quiet(server));
    say("answer", answer(handler, "1.0|1|200|OK||"));
    say("after", rx(server));
    int count = 0;
    while (count < MANY && zmq_recv(server, message, sizeof message, 0) == 250)
        count++;
    line("and", "%d", count);
    close(fd);
}

/* Only a handler says who a peer is. */
static void a_peer_that_names_a_user(void)
{
    void *server = sock(context(), ZMQ_PULL);
    int fd = plain_connect(plain_bind(server));
    plain_send_bytes(fd, plain_greeting("NULL"), 64);
    plain_send_bytes(fd, "\4\53\5READY\13Socket-Type\0\0\0\4PUSH\7User-Id\0\0\0\5admin", 45);
    plain_recv(fd, 64 + 28);
    plain_send_bytes(fd, "\0\5hello", 7);
    zmq_msg_t message;
    zmq_msg_init(&message);
    must(zmq_msg_recv(&message, server, 0) == 5, "a message");
    say("User-Id", property(&message, "User-Id"));
    zmq_msg_close(&message);
    close(fd);
}

/* What a socket leaves behind is not waited for when nobody can let it in any more. */
static void left_behind(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    void *server = sock(context(), ZMQ_PULL), *client = plain_sock(ctx, ZMQ_PUSH);
    set_text(client, ZMQ_ZAP_DOMAIN, "of the client");
    set_int(client, ZMQ_HANDSHAKE_IVL, 500);
    set_int(client, ZMQ_RECONNECT_IVL, 10);
    connect_to(client, plain_bind(server));
    tx(client, "left");
    say("request", request_to(handler));
    say("close", shut(client));
    say("the handler", shut(handler));
    say("term", term(ctx));
}

/* A command while the handler is still thinking; a second HELLO. */
static void commands_out_of_turn(void)
{
    for (int answered = 0; answered < 2; answered++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        void *server = sock(ctx, ZMQ_DEALER);
        set_int(server, ZMQ_PLAIN_SERVER, 1);
        const char *endpoint = plain_bind(server);
        struct story story = story_of(server, endpoint, RECONNECT);
        int fd = caller(endpoint, PLAIN, BYTES("\4\12\5HELLO\1a\1b"));
        begin_line(answered ? "HELLO again" : "while it is asked");
        in_line("request", request_to(handler));
        if (answered) {
            answer(handler, "1.0|1|200|OK||");
            in_line("peer gets", plain_recv(fd, 10));
        }
        plain_send_bytes(fd, "\4\12\5HELLO\1a\1b", 12);
        in_line("server", tell(&story, 3));
        in_line("peer gets", plain_recv(fd, 1));
        end_line();
        close(fd);
    }
}

/* What a client makes of what a server says. */
static void commands_to_a_client(void)
{
    static const struct {
        const char *what, *bytes;
        size_t size;
    } commands[] = {
#define COMMAND(what, bytes) {what, bytes, sizeof bytes - 1}
        COMMAND("READY first", "\4\6\5READY"),
        COMMAND("WELCOME and more", "\4\11\7WELCOME!"),
        COMMAND("empty", "\4\0"),
        COMMAND("ERROR as libzmq spells it", "\4\11^RROR\003400"),
        COMMAND("ERROR 300 so", "\4\11^RROR\003300"),
        COMMAND("ERROR 200 so", "\4\11^RROR\003200"),
        COMMAND("ERROR cut so", "\4\11^RROR\004400"),
        COMMAND("ERROR without a reason so", "\4\5^RROR"),
        COMMAND("ERROR as it should be spelled", "\4\12\5ERROR\003400"),
#undef COMMAND
    };
    for (size_t i = 0; i < COUNT(commands); i++) {
        void *client = sock(context(), ZMQ_DEALER);
        char endpoint[64];
        int listener = plain_listen(TCP, endpoint);
        set_text(client, ZMQ_PLAIN_USERNAME, "admin");
        set_text(client, ZMQ_PLAIN_PASSWORD, "pass");
        struct story story = story_of(client, endpoint, RECONNECT);
        connect_to(client, endpoint);
        int fd = plain_accept(listener);
        char greeting[64];
        plain_send_bytes(fd, plain_greeting("PLAIN"), 64);
        must(recv(fd, greeting, sizeof greeting, MSG_WAITALL) == sizeof greeting, "greeting");
        begin_line(commands[i].what);
        in_line("client says", plain_recv(fd, 19));
        plain_send_bytes(fd, commands[i].bytes, commands[i].size);
        in_line("client", tell(&story, 4));
        end_line();
        close(fd);
        close(listener);
    }
}

static const struct rule rules[] = {
    RULE(requests),
    RULE(router_handler),
    RULE(who_connects_asks),
    RULE(statuses),
    RULE(defective_answers),
    RULE(properties),
    RULE(without_a_handler),
    RULE(a_handler_comes),
    RULE(a_silent_handler),
    RULE(a_handler_goes),
    RULE(a_handler_is_missed),
    RULE(the_asking_socket_goes),
    RULE(commands_to_a_server),
    RULE(a_peer_goes_while_it_is_read_of),
    RULE(a_peer_goes_before_it_is_read_of),
    RULE(messages_before_the_answer),
    RULE(a_peer_that_names_a_user),
    RULE(left_behind),
    RULE(commands_out_of_turn),
    RULE(commands_to_a_client),
};

RUN(rules)
