/* What the library sends or delivers by itself when peers come and go: ZMQ_ROUTER_NOTIFY, ZMQ_HELLO_MSG,
 * ZMQ_DISCONNECT_MSG and ZMQ_HICCUP_MSG. patterns.md sections 6.4 and 16. The stock library, built without
 * drafts, has none of these options: each rule ends there with its first line. */
#include "transcript.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Numbers of the draft part of zmq.h. */
enum { ROUTER_NOTIFY = 97, HELLO_MSG = 110, DISCONNECT_MSG = 111, HICCUP_MSG = 114 };
enum { CONNECT = 1, DISCONNECT = 2 };

/* A socket with a routing id and a short way back after a loss. */
static void *named(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return socket;
}

/* Whether the library has these options; says so. */
static int has(int option)
{
    void *ctx = context();
    int zero = 0;
    size_t size = option == ROUTER_NOTIFY ? sizeof zero : 0;
    int result = zmq_setsockopt(sock(ctx, ZMQ_ROUTER), option, &zero, size);
    say("option", rc(result));
    return result == 0;
}

static void set_message(void *socket, int option, const char *message)
{
    set_bytes(socket, option, message, strlen(message));
}

/* As bind_any, but the endpoint can be bound anew. */
static const char *bind_fixed(void *socket, enum transport transport)
{
    if (transport != IPC)
        return bind_any(socket, transport);
    zmq_bind(socket, "ipc://notices.sock");
    return "ipc://notices.sock";
}

/* A TCP connection without ZMTP. */
static int raw_connect(const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons(atoi(strrchr(endpoint, ':') + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (struct sockaddr *)&address, sizeof address);
    return fd;
}

static void notify_option(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    void *ctx = context();
    for (int k = 0; k < 12; k++) {
        void *s = sock(ctx, classic_types[k]);
        begin_line(type_name(classic_types[k]));
        in_line("set", try_set_int(s, ROUTER_NOTIFY, 3));
        in_line("get", show_int(s, ROUTER_NOTIFY));
        end_line();
    }
    static const int values[] = {-1, 0, 1, 2, 3, 4, 7};
    void *router = sock(ctx, ZMQ_ROUTER);
    begin_line("values");
    for (int i = 0; i < 7; i++)
        in_line(text("%d", values[i]), try_set_int(router, ROUTER_NOTIFY, values[i]));
    end_line();
}

static void notify_peers(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    for (int bits = 0; bits <= 3; bits++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            begin_line(text("%s %d", transport_names[t], bits));
            void *router = sock(ctx, ZMQ_ROUTER);
            set_int(router, ROUTER_NOTIFY, bits);
            const char *endpoint = bind_any(router, t);
            /* Too late for this endpoint. */
            set_int(router, ROUTER_NOTIFY, 3 - bits);
            void *dealer = named(ctx, ZMQ_DEALER, "d");
            attach_to(router, dealer, endpoint);
            if (t != INPROC && bits & CONNECT) {
                in_line("events", await(router, ZMQ_POLLIN));
                in_line("comes", rx(router));
            }
            in_line("before its messages", rx_now(router));
            tx(dealer, "1|2");
            tx(dealer, "3");
            in_line("message", rx(router));
            in_line("back", tx(router, "d|x"));
            in_line("arrives", rx(dealer));
            shut(dealer);
            in_line("next message", rx(router));
            if (t != INPROC && bits & DISCONNECT)
                in_line("goes", rx(router));
            in_line("then", rx_quiet(router));
            in_line("rcvmore", show_int(router, ZMQ_RCVMORE));
            end_line();
        }
    }
}

/* Frame by frame, with a poll in between; the peer's next connection has the id again. */
static void notify_frames(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    begin_line("seen");
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ROUTER_NOTIFY, CONNECT | DISCONNECT);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    const char *endpoint = bind_any(router, TCP);
    for (int round = 0; round < 2; round++) {
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        attach_to(router, dealer, endpoint);
        tx(dealer, "m");
        tx_frame(dealer, "never finished", ZMQ_SNDMORE);
        shut(dealer);
        settle(ctx);
        for (int i = 0; i < 6; i++) {
            in_line("events", await(router, ZMQ_POLLIN));
            in_line("frame", rx_frame(router, 0));
        }
        in_line("then", rx_quiet(router));
        in_line("id", tx(router, "d|x"));
    }
    /* Back before anything of the first connection was received. */
    for (int round = 0; round < 2; round++) {
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        attach_to(router, dealer, endpoint);
        void *monitor = watch(router, ZMQ_EVENT_DISCONNECTED);
        tx(dealer, text("%d", round));
        if (round == 0) {
            shut(dealer);
            in_line("unread goes", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
        }
        unwatch(router, monitor);
    }
    for (int i = 0; i < 5; i++)
        in_line(text("unread %d", i), rx(router));
    in_line("unread send", tx(router, "d|x"));
    end_line();
}

static void notify_connecting(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    for (int immediate = 0; immediate < 2; immediate++) {
        void *ctx = context();
        begin_line(immediate ? "IMMEDIATE" : "default");
        void *router = named(ctx, ZMQ_ROUTER, "r");
        set_int(router, ROUTER_NOTIFY, CONNECT | DISCONNECT);
        set_int(router, ZMQ_IMMEDIATE, immediate);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        const char *endpoint = bind_any(dealer, TCP);
        connect_to(router, endpoint);
        in_line("comes", rx(router));
        tx(dealer, "m");
        in_line("message", rx(router));
        shut(dealer);
        in_line("goes", rx(router));
        dealer = named(ctx, ZMQ_DEALER, "d");
        in_line("bind", bind_again(dealer, endpoint));
        in_line("comes again", rx(router));
        tx(dealer, "m");
        in_line("message again", rx(router));
        zmq_disconnect(router, endpoint);
        in_line("own disconnect", rx_quiet(router));
        end_line();
    }
}

static void notify_own_end(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    begin_line("seen");
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ROUTER_NOTIFY, DISCONNECT);
    const char *endpoint = bind_any(router, TCP);
    void *dealer = named(ctx, ZMQ_DEALER, "d");
    attach_to(router, dealer, endpoint);
    void *monitor = watch(dealer, ZMQ_EVENT_DISCONNECTED);
    in_line("unbind", rc(zmq_unbind(router, endpoint)));
    for (long end = now_ms() + PATIENCE; now_ms() < end;) {
        zmq_pollitem_t item = {monitor, 0, ZMQ_POLLIN, 0};
        get_int(router, ZMQ_EVENTS);
        if (zmq_poll(&item, 1, 1) > 0)
            break;
    }
    in_line("the peer sees", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    in_line("nothing", rx_quiet(router));
    end_line();
}

static void notify_failed_handshake(void)
{
    if (!has(ROUTER_NOTIFY))
        return;
    begin_line("seen");
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    set_int(router, ROUTER_NOTIFY, CONNECT | DISCONNECT);
    set_bytes(router, DISCONNECT_MSG, "gone", 4);
    const char *endpoint = bind_any(router, TCP);
    void *monitor = watch(router, ZMQ_EVENT_DISCONNECTED);
    close(raw_connect(endpoint));
    in_line("silent peer", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    void *push = sock(ctx, ZMQ_PUSH);
    connect_to(push, endpoint);
    in_line("wrong type", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    in_line("nothing", rx_quiet(router));
    end_line();
}

static void hello(void)
{
    if (!has(HELLO_MSG))
        return;
    static const int pairs[][2] = {{ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_ROUTER},
                                   {ZMQ_REQ, ZMQ_ROUTER},    {ZMQ_REP, ZMQ_DEALER}};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 5; k++) {
            void *ctx = context();
            int a = pairs[k][0], b = pairs[k][1];
            begin_line(text("%s %s-%s", transport_names[t], type_name(a), type_name(b)));
            void *binder = named(ctx, a, "binder");
            void *connecter = named(ctx, b, "connecter");
            set_message(binder, HELLO_MSG, "hello from the binder");
            set_message(connecter, HELLO_MSG, "hello from the connecter");
            const char *endpoint = bind_any(binder, t);
            set_message(binder, HELLO_MSG, "too late");
            connect_to(connecter, endpoint);
            set_message(connecter, HELLO_MSG, "");
            get_int(binder, ZMQ_EVENTS);
            in_line("connecter gets", rx(connecter));
            in_line("connecter then", rx_now(connecter));
            if (a == ZMQ_DEALER || a == ZMQ_ROUTER) {
                in_line("binder gets", rx(binder));
                in_line("binder then", rx_now(binder));
            }
            end_line();
        }
    }
}

/* Over inproc in the other order, and before what was sent at once. */
static void hello_first(void)
{
    if (!has(HELLO_MSG))
        return;
    static const char *const endpoints[] = {"inproc://later", "", "ipc://later.sock"};
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        const char *endpoint = endpoints[t];
        if (t == TCP) {
            void *first = sock(ctx, ZMQ_DEALER);
            endpoint = bind_any(first, t);
            zmq_unbind(first, endpoint);
            shut(first);
        }
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        set_message(dealer, HELLO_MSG, "hello");
        set_int(dealer, ZMQ_PROBE_ROUTER, 1);
        connect_to(dealer, endpoint);
        tx(dealer, "at|once");
        void *router = named(ctx, ZMQ_ROUTER, "r");
        set_message(router, HELLO_MSG, "welcome");
        in_line("bind", bind_again(router, endpoint));
        in_line("first", rx(router));
        in_line("second", rx(router));
        in_line("third", rx(router));
        in_line("then", rx_now(router));
        tx(router, "d|answer");
        in_line("dealer first", rx(dealer));
        in_line("dealer second", rx(dealer));
        end_line();
    }
}

static void hello_again(void)
{
    if (!has(HELLO_MSG))
        return;
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        set_message(dealer, HELLO_MSG, "hello");
        void *router = named(ctx, ZMQ_ROUTER, "r");
        const char *endpoint = bind_fixed(router, t);
        connect_to(dealer, endpoint);
        for (int round = 0; round < 3; round++) {
            in_line("first", rx(router));
            in_line("send", tx(dealer, "m"));
            in_line("second", rx(router));
            void *monitor = watch(dealer, ZMQ_EVENT_DISCONNECTED);
            shut(router);
            in_line("lost", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            unwatch(dealer, monitor);
            router = named(ctx, ZMQ_ROUTER, "r");
            in_line("bind", bind_again(router, endpoint));
        }
        end_line();
    }
}

/* Neither side's hello is a request or a reply. */
static void hello_with_req_and_rep(void)
{
    if (!has(HELLO_MSG))
        return;
    static const int servers[] = {ZMQ_REP, ZMQ_ROUTER};
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < 2; k++) {
            void *ctx = context();
            begin_line(text("%s %s", transport_names[t], type_name(servers[k])));
            void *server = named(ctx, servers[k], "server");
            void *req = named(ctx, ZMQ_REQ, "req");
            set_message(server, HELLO_MSG, "welcome");
            set_message(req, HELLO_MSG, "hello");
            const char *endpoint = bind_any(server, t);
            connect_to(req, endpoint);
            if (servers[k] == ZMQ_ROUTER)
                in_line("hello", rx(server));
            in_line("early reply", rx_now(req));
            for (int round = 0; round < 2; round++) {
                in_line(text("request %d", round), tx(req, "question"));
                in_line(text("arrives %d", round), rx(server));
                tx(server, servers[k] == ZMQ_REP ? "answer" : "req||answer");
                in_line(text("reply %d", round), rx(req));
            }
            in_line("state", rx_now(req));
            end_line();
        }
    }
}

/* Accepted by all types, sent by those that may send unasked. */
static void without_effect(void)
{
    if (!has(HELLO_MSG))
        return;
    static const int options[] = {HELLO_MSG, DISCONNECT_MSG, HICCUP_MSG};
    static const int pairs[][2] = {{ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_SUB, ZMQ_PUB}, {ZMQ_XPUB, ZMQ_XSUB}};
    for (int k = 0; k < 4; k++) {
        for (int t = INPROC; t <= TCP; t++) {
            void *ctx = context();
            begin_line(text("%s %s-%s", transport_names[t], type_name(pairs[k][0]), type_name(pairs[k][1])));
            void *binder = sock(ctx, pairs[k][0]);
            void *connecter = sock(ctx, pairs[k][1]);
            for (int i = 0; i < 3; i++) {
                in_line(text("set %d", i), rc(zmq_setsockopt(binder, options[i], "message", 7)));
                in_line(text("set other %d", i), rc(zmq_setsockopt(connecter, options[i], "message", 7)));
                size_t size = 0;
                in_line(text("get %d", i), rc(zmq_getsockopt(binder, options[i], NULL, &size)));
            }
            if (pairs[k][0] == ZMQ_SUB)
                subscribe(binder, "");
            attach(binder, connecter, t);
            in_line("binder", rx_quiet(binder));
            in_line("connecter", rx_now(connecter));
            shut(connecter);
            in_line("after", rx_quiet(binder));
            end_line();
        }
    }
}

static void disconnect_message(void)
{
    if (!has(DISCONNECT_MSG))
        return;
    for (int t = INPROC; t <= IPC; t++) {
        for (int way = 0; way < 2; way++) {
            void *ctx = context();
            begin_line(text("%s %s", transport_names[t], way ? "disconnect" : "close"));
            void *router = sock(ctx, ZMQ_ROUTER);
            set_message(router, DISCONNECT_MSG, "gone");
            const char *endpoint = bind_any(router, t);
            set_message(router, DISCONNECT_MSG, "too late");
            void *dealer = named(ctx, ZMQ_DEALER, "d");
            void *other = named(ctx, ZMQ_DEALER, "other");
            attach_to(router, dealer, endpoint);
            attach_to(router, other, endpoint);
            tx(dealer, "whole|message");
            tx_frame(dealer, "never finished", ZMQ_SNDMORE);
            if (way == 0)
                shut(dealer);
            else
                set_int(dealer, ZMQ_LINGER, -1), zmq_disconnect(dealer, endpoint);
            in_line("message", rx(router));
            in_line("gone", rx(router));
            in_line("then", rx_quiet(router));
            in_line("other", tx(other, "still here"));
            in_line("other arrives", rx(router));
            end_line();
        }
        /* Not for connections that this side made, or ends. */
        void *ctx = context();
        begin_line(transport_names[t]);
        void *router = named(ctx, ZMQ_ROUTER, "r");
        set_message(router, DISCONNECT_MSG, "gone");
        void *dealer = named(ctx, ZMQ_DEALER, "d");
        attach(dealer, router, t);
        shut(dealer);
        in_line("own connection", rx_quiet(router));
        dealer = named(ctx, ZMQ_DEALER, "d2");
        const char *endpoint = attach(router, dealer, t);
        zmq_unbind(router, endpoint);
        in_line("own unbind", rx_quiet(router));
        end_line();
    }
}

/* Connected before the bind: who left before it, too, is heard, but not said to have gone. */
static void disconnect_message_order(void)
{
    if (!has(DISCONNECT_MSG))
        return;
    begin_line("seen");
    void *ctx = context();
    void *early = named(ctx, ZMQ_DEALER, "early");
    void *gone = named(ctx, ZMQ_DEALER, "gone");
    connect_to(early, "inproc://later");
    connect_to(gone, "inproc://later");
    tx(early, "1");
    tx(gone, "1");
    shut(gone);
    void *router = sock(ctx, ZMQ_ROUTER);
    set_message(router, DISCONNECT_MSG, "bye");
    in_line("bind", rc(zmq_bind(router, "inproc://later")));
    shut(early);
    in_line("message", rx(router));
    in_line("left", rx(router));
    in_line("end", rx(router));
    in_line("then", rx_quiet(router));
    /* Needs no room. */
    void *small = sock(ctx, ZMQ_ROUTER);
    set_int(small, ZMQ_RCVHWM, 1);
    set_message(small, DISCONNECT_MSG, "bye");
    void *dealer = named(ctx, ZMQ_DEALER, "d");
    set_int(dealer, ZMQ_SNDHWM, 1);
    attach(small, dealer, INPROC);
    int sent = 0;
    while (strcmp(tx_now(dealer, "m"), "1") == 0)
        sent++;
    shut(dealer);
    for (int i = 0; i < sent; i++)
        in_line(text("full %d", i), rx(small));
    in_line("full end", rx(small));
    in_line("full then", rx_quiet(small));
    end_line();
}

/* To REP it is a request without a return address. */
static void disconnect_message_of_rep(void)
{
    if (!has(DISCONNECT_MSG))
        return;
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *rep = sock(ctx, ZMQ_REP);
        set_message(rep, DISCONNECT_MSG, "gone");
        const char *endpoint = bind_any(rep, t);
        void *req = sock(ctx, ZMQ_REQ);
        attach_to(rep, req, endpoint);
        tx(req, "question");
        in_line("request", rx(rep));
        tx(rep, "answer");
        in_line("reply", rx(req));
        shut(req);
        in_line("gone", rx(rep));
        in_line("reply to it", tx(rep, "to nobody"));
        req = sock(ctx, ZMQ_REQ);
        attach_to(rep, req, endpoint);
        tx(req, "next question");
        in_line("next request", rx(rep));
        tx(rep, "answer");
        in_line("next reply", rx(req));
        end_line();
    }
}

static void hiccup_message(void)
{
    if (!has(HICCUP_MSG))
        return;
    for (int t = TCP; t <= IPC; t++) {
        for (int immediate = 0; immediate < 2; immediate++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], immediate ? " IMMEDIATE" : ""));
            void *dealer = named(ctx, ZMQ_DEALER, "d");
            set_message(dealer, HICCUP_MSG, "lost");
            set_int(dealer, ZMQ_IMMEDIATE, immediate);
            void *router = sock(ctx, ZMQ_ROUTER);
            /* Not for connections that others made. */
            set_message(router, HICCUP_MSG, "lost");
            const char *endpoint = bind_fixed(router, t);
            attach_to(router, dealer, endpoint);
            set_message(dealer, HICCUP_MSG, "too late");
            tx(dealer, "m");
            rx(router);
            tx(router, "d|1");
            tx(router, "d|2");
            in_line("message", rx(dealer));
            in_line("message 2", rx(dealer));
            shut(router);
            in_line("lost", rx(dealer));
            in_line("then", rx_quiet(dealer));
            router = sock(ctx, ZMQ_ROUTER);
            in_line("bind", bind_again(router, endpoint));
            in_line("again", tx(dealer, "again"));
            in_line("arrives", rx(router));
            zmq_disconnect(dealer, endpoint);
            in_line("own disconnect", rx_quiet(dealer));
            in_line("accepted side", rx_quiet(router));
            end_line();
        }
    }
    /* There is no way back over inproc, and no hiccup. */
    void *ctx = context();
    void *dealer = named(ctx, ZMQ_DEALER, "d");
    set_message(dealer, HICCUP_MSG, "lost");
    void *router = sock(ctx, ZMQ_ROUTER);
    attach(router, dealer, INPROC);
    shut(router);
    say("inproc", rx_quiet(dealer));
}

/* To REQ it stands for the reply that will not come. */
static void hiccup_message_of_req(void)
{
    if (!has(HICCUP_MSG))
        return;
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *req = named(ctx, ZMQ_REQ, "req");
        set_message(req, HICCUP_MSG, "lost");
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_fixed(router, t);
        attach_to(router, req, endpoint);
        tx(req, "question");
        in_line("request", rx(router));
        shut(router);
        in_line("lost", rx(req));
        in_line("state", rx_now(req));
        router = sock(ctx, ZMQ_ROUTER);
        in_line("bind", bind_again(router, endpoint));
        in_line("next question", tx(req, "next question"));
        in_line("next request", rx(router));
        tx(router, "req||answer");
        in_line("next reply", rx(req));
        /* Nobody waits for a reply: nothing to tell. */
        void *monitor = watch(req, ZMQ_EVENT_DISCONNECTED);
        shut(router);
        in_line("lost again", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
        settle(ctx);
        in_line("nothing asked", rx_now(req));
        router = sock(ctx, ZMQ_ROUTER);
        in_line("bind again", bind_again(router, endpoint));
        in_line("third question", tx(req, "third question"));
        in_line("third request", rx(router));
        tx(router, "req||third answer");
        in_line("third reply", rx(req));
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(notify_option), RULE(notify_peers), RULE(notify_frames), RULE(notify_connecting),
    RULE(notify_own_end), RULE(notify_failed_handshake), RULE(hello), RULE(hello_first),
    RULE(hello_again), RULE(hello_with_req_and_rep), RULE(without_effect), RULE(disconnect_message),
    RULE(disconnect_message_order), RULE(disconnect_message_of_rep), RULE(hiccup_message),
    RULE(hiccup_message_of_req),
};

RUN(rules)
