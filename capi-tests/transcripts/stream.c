/* STREAM and ROUTER_RAW against plain sockets. patterns.md sections 6.4 and 9, zmtp.md section 9. */
#include <poll.h>
#include <sys/socket.h>

#include "plain.h"

static void conversation(void)
{
    for (int k = 0; k < 2; k++) {
        for (int t = TCP; t <= IPC; t++) {
            void *ctx = context();
            const char *name = text("%s %s", type_name(raw_types[k]), transport_names[t]);
            void *s = raw(ctx, raw_types[k]);
            say(text("%s fresh", name), events(s));
            const char *endpoint = bind_any(s, t);
            memset(known_ids, 0, sizeof known_ids);
            int one = plain_connect(endpoint);
            say(text("%s comes", name), get(s));
            line(text("%s id", name), "%zu bytes, first %d", known_ids[0].size, known_ids[0].bytes[0]);
            plain_send(one, "hello");
            say(text("%s data", name), get(s));
            say(text("%s silent", name), events(s));
            say(text("%s reply", name), put(s, 'A', "world"));
            say(text("%s reply arrives", name), plain_recv(one, 5));
            int two = plain_connect(endpoint);
            say(text("%s another", name), get(s));
            plain_send(two, "2");
            say(text("%s another's data", name), get(s));
            say(text("%s to the first", name), put(s, 'A', "1"));
            say(text("%s to the other", name), put(s, 'B', "22"));
            say(text("%s first", name), plain_recv(one, 1));
            say(text("%s other", name), plain_recv(two, 2));
            close(one);
            say(text("%s goes", name), get(s));
            say(text("%s other stays", name), put(s, 'B', "still"));
            say(text("%s other still", name), plain_recv(two, 5));
            shutdown(two, SHUT_WR);
            say(text("%s other goes", name), get(s));
            say(text("%s nothing more", name), get_quiet(s));
            close(two);
        }
    }
}

static void metadata(void)
{
    static const char *const names[] = {"Peer-Address", "__fd", "Socket-Type", "Identity",
                                        "Routing-Id", "User-Id"};
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int peer = plain_connect(bind_any(s, TCP));
    plain_send(peer, "x");
    for (int i = 0; i < 4; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        zmq_msg_recv(&frame, s, 0);
        line(text("frame %d", i), "more %d, SRCFD %s", zmq_msg_more(&frame),
             zmq_msg_get(&frame, ZMQ_SRCFD) > 2 ? "fd" : "none");
        for (int n = 0; n < 6; n++) {
            const char *value = zmq_msg_gets(&frame, names[n]);
            if (n == 1 && value)
                value = atoi(value) == zmq_msg_get(&frame, ZMQ_SRCFD) ? "fd" : "another";
            say(text("frame %d %s", i, names[n]), value ? value : error_name(zmq_errno()));
        }
        zmq_msg_close(&frame);
    }
    close(peer);
}

/* Messages of two frames, whatever MORE says. */
static void cadence(void)
{
    for (int k = 0; k < 2; k++) {
        void *ctx = context();
        const char *name = type_name(raw_types[k]);
        void *s = raw(ctx, raw_types[k]);
        say(text("%s before any peer", name), tx_bytes(s, "id", 2, ZMQ_DONTWAIT));
        say(text("%s its other half", name), tx_bytes(s, "data", 4, ZMQ_DONTWAIT));
        memset(known_ids, 0, sizeof known_ids);
        int peer = plain_connect(bind_any(s, TCP));
        get(s);
        say(text("%s id alone", name), tx_bytes(s, known_ids[0].bytes, known_ids[0].size, 0));
        if (raw_types[k] == ZMQ_STREAM)
            say(text("%s dropped", name), tx_bytes(s, "dropped", 7, 0));
        tx_bytes(s, known_ids[0].bytes, known_ids[0].size, ZMQ_SNDMORE);
        say(text("%s data with MORE", name), tx_bytes(s, "a", 1, ZMQ_SNDMORE));
        say(text("%s next", name), put(s, 'A', "b"));
        say(text("%s arrives", name), plain_recv(peer, 2));
        close(peer);
    }
}

static void unknown(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    bind_any(s, TCP);
    say("STREAM", tx_bytes(s, "nobody", 6, ZMQ_SNDMORE));
    say("STREAM waiting", tx_bytes(s, "nobody", 6, ZMQ_SNDMORE));
    say("STREAM empty id", tx_bytes(s, "", 0, ZMQ_SNDMORE));
    say("STREAM events", events(s));
    void *router = raw(ctx, ZMQ_ROUTER);
    bind_any(router, TCP);
    say("ROUTER", tx(router, "nobody|m"));
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    say("ROUTER mandatory", tx(router, "nobody|m"));
}

static void close_by_empty_frame(void)
{
    for (int k = 0; k < 2; k++) {
        void *ctx = context();
        const char *name = type_name(raw_types[k]);
        void *s = raw(ctx, raw_types[k]);
        if (raw_types[k] == ZMQ_ROUTER)
            set_int(s, ZMQ_ROUTER_MANDATORY, 1);
        const char *endpoint = bind_any(s, TCP);
        memset(known_ids, 0, sizeof known_ids);
        int peer = plain_connect(endpoint);
        int stays = plain_connect(endpoint);
        get(s);
        get(s);
        /* Which of the two came first is not said. */
        say(text("%s who", name), put(s, 'A', "!"));
        int closed = readable_within(peer, 20) || !readable_within(stays, PATIENCE) ? peer : stays;
        int open = closed == peer ? stays : peer;
        say(text("%s last words", name), put(s, 'A', "bye"));
        say(text("%s close", name), put(s, 'A', ""));
        line(text("%s bytes before the end", name), "%zu", plain_count(closed, s));
        say(text("%s afterwards", name), put(s, 'A', "more"));
        say(text("%s no notice", name), get_quiet(s));
        say(text("%s others stay", name), put(s, 'B', "here"));
        say(text("%s here", name), plain_recv(open, 4));
        close(peer);
        close(stays);
    }
}

/* What was sent before the close arrives, LINGER 0 or not. */
static void close_with_much_queued(void)
{
    static char megabyte[1 << 20];
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int peer = plain_connect(bind_any(s, TCP));
    get(s);
    for (int i = 0; i < 10; i++)
        put_bytes(s, 'A', megabyte, sizeof megabyte, 0);
    say("close", put(s, 'A', ""));
    line("bytes before the end", "%zu", plain_count(peer, s));
    close(peer);
}

/* zmq_close with LINGER. */
static void linger(void)
{
    static char megabyte[1 << 20];
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int peer = plain_connect(bind_any(s, TCP));
    get(s);
    set_int(s, ZMQ_LINGER, -1);
    for (int i = 0; i < 10; i++)
        put_bytes(s, 'A', megabyte, sizeof megabyte, 0);
    shut(s);
    void *other = sock(ctx, ZMQ_PAIR);
    /* The stock library may lose the end of it. */
    line("most arrives", "%d", plain_count(peer, other) > 9 * sizeof megabyte);
    close(peer);
}

static void without_notices(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    static const int values[] = {-1, 0, 1, 2};
    for (int i = 0; i < 4; i++)
        say(text("set %d", values[i]), try_set_int(s, ZMQ_STREAM_NOTIFY, values[i]));
    say("get", show_int(s, ZMQ_STREAM_NOTIFY));
    set_int(s, ZMQ_STREAM_NOTIFY, 0);
    const char *endpoint = bind_any(s, TCP);
    int peer = plain_connect(endpoint);
    plain_send(peer, "first");
    say("first", get(s));
    close(peer);
    peer = plain_connect(endpoint);
    plain_send(peer, "second");
    say("second", get(s));
    close(peer);
    say("nothing more", get_quiet(s));
}

/* Each read is a message. */
static void sizes(void)
{
    static char bytes[20000];
    memset(bytes, 'b', sizeof bytes);
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int64_t limit = 10;
    zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
    int peer = plain_connect(bind_any(s, TCP));
    get(s);
    must(send(peer, bytes, sizeof bytes, 0) == sizeof bytes, "send");
    for (int i = 1; i <= 3; i++)
        say(text("20000 bytes, message %d", i), get(s));
    must(send(peer, bytes, 11, 0) == 11, "send");
    say("above MAXMSGSIZE", get(s));
    close(peer);
}

/* A peer that speaks ZMTP is answered by nobody. */
static void greeting(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    void *dealer = sock(ctx, ZMQ_DEALER);
    connect_to(dealer, bind_any(s, TCP));
    say("comes", get(s));
    char bytes[256];
    int size = zmq_recv(s, bytes, sizeof bytes, 0);
    size = zmq_recv(s, bytes, sizeof bytes, 0);
    line("signature", "%s", size >= 10 ? shown(bytes, 10) : "short");
}

static void connecting(void)
{
    char endpoint[64];
    void *ctx = context();
    int listener = plain_listen(TCP, endpoint);
    void *s = raw(ctx, ZMQ_STREAM);
    set_int(s, ZMQ_RECONNECT_IVL, 20);
    say("id before", own_id(s));
    connect_to(s, endpoint);
    say("id", own_id(s));
    say("sent at once", put(s, 'A', "early"));
    int peer = plain_accept(listener);
    say("early", plain_recv(peer, 5));
    say("comes", get(s));
    plain_send(peer, "hello");
    say("data", get(s));
    close(peer);
    say("goes", get(s));
    say("sent in between", put(s, 'A', "between"));
    peer = plain_accept(listener);
    say("comes again", get(s));
    say("between", plain_recv(peer, 7));
    say("id again", own_id(s));
    say("close", put(s, 'A', ""));
    say("closed", plain_end(peer, s));
    say("afterwards", put(s, 'A', "x"));
    close(peer);
    say("no new attempt", readable_within(listener, QUIET) ? "attempt" : "none");
    say("no notice", get_quiet(s));
    say("disconnect", rc(zmq_disconnect(s, endpoint)));
    close(listener);
}

static void named(void)
{
    char endpoint[64];
    void *ctx = context();
    int listener = plain_listen(TCP, endpoint);
    for (int k = 0; k < 2; k++) {
        const char *name = type_name(raw_types[k]);
        memset(known_ids, 0, sizeof known_ids);
        void *s = raw(ctx, raw_types[k]);
        set_bytes(s, ZMQ_ROUTING_ID, "own", 3);
        set_bytes(s, ZMQ_CONNECT_ROUTING_ID, "peer", 4);
        connect_to(s, endpoint);
        say(text("%s own id", name), own_id(s));
        say(text("%s by name", name), tx(s, "peer|hello"));
        int peer = plain_accept(listener);
        say(text("%s hello", name), plain_recv(peer, 5));
        say(text("%s comes", name), rx(s));
        plain_send(peer, "back");
        say(text("%s back", name), rx(s));
        connect_to(s, endpoint);
        say(text("%s own id after another connect", name), own_id(s));
        int other = plain_accept(listener);
        say(text("%s disconnect", name), rc(zmq_disconnect(s, endpoint)));
        say(text("%s first ends", name), plain_end(peer, s));
        close(peer);
        close(other);
        shut(s);
    }
    close(listener);
}

static void immediate(void)
{
    char endpoint[64];
    void *ctx = context();
    int listener = plain_listen(TCP, endpoint);
    void *s = raw(ctx, ZMQ_STREAM);
    set_int(s, ZMQ_IMMEDIATE, 1);
    connect_to(s, endpoint);
    int peer = plain_accept(listener);
    say("comes", get(s));
    say("id", own_id(s));
    say("send", put(s, 'A', "m"));
    say("m", plain_recv(peer, 1));
    close(peer);
    close(listener);
}

/* Sends until there is no room, and what holds then. */
static void full(void)
{
    static char megabyte[1 << 20];
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    set_int(s, ZMQ_SNDHWM, 2);
    int peer = plain_connect(bind_any(s, TCP));
    get(s);
    const char *last = "";
    int sent = 0;
    /* The connection takes its share as it goes on. */
    for (long end = now_ms() + 500; now_ms() < end;) {
        last = put_bytes(s, 'A', megabyte, sizeof megabyte, ZMQ_DONTWAIT);
        if (strcmp(last, "EAGAIN") != 0)
            sent++;
    }
    say("full", last);
    line("some were sent", "%d", sent > 2 && sent < 50);
    say("events", events(s));
    set_int(s, ZMQ_SNDTIMEO, 50);
    say("waiting", put_bytes(s, 'A', "x", 1, 0));
    size_t total = 0;
    while (total < (size_t) sent << 20 && readable_within(peer, PATIENCE))
        total += (size_t) recv(peer, megabyte, sizeof megabyte, 0);
    line("all arrives", "%d", total == (size_t) sent << 20);
    set_int(s, ZMQ_SNDTIMEO, PATIENCE);
    say("again", put_bytes(s, 'A', "x", 1, 0));
    say("x", plain_recv(peer, 1));
    close(peer);
}

/* A peer that floods a socket that does not read has to wait, and nothing is lost. */
static void flood(void)
{
    static char bytes[65536];
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    set_int(s, ZMQ_RCVHWM, 10);
    int peer = plain_connect(bind_any(s, TCP));
    size_t sent = 0;
    for (;;) {
        struct pollfd item = {.fd = peer, .events = POLLOUT};
        if (sent > (256u << 20) || poll(&item, 1, 500) != 1)
            break;
        ssize_t now = send(peer, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (now > 0)
            sent += (size_t) now;
    }
    line("waits", "%d", sent < (256u << 20));
    close(peer);
    get(s);
    size_t received = 0;
    int largest = 0;
    for (;;) {
        char id[256];
        if (zmq_recv(s, id, sizeof id, 0) < 0)
            break;
        int size = zmq_recv(s, bytes, sizeof bytes, 0);
        if (size <= 0)
            break;
        largest = size > largest ? size : largest;
        received += (size_t) size;
    }
    line("all arrives", "%d", received == sent);
    line("largest message", "%d", largest);
    say("nothing more", get_quiet(s));
}

/* A peer that is lost between id and data, or while its pipe is full. */
static void lost(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int peer = plain_connect(bind_any(s, TCP));
    get(s);
    say("id", tx_bytes(s, known_ids[0].bytes, known_ids[0].size, ZMQ_SNDMORE));
    close(peer);
    say("goes", get(s));
    say("data", tx_bytes(s, "dropped", 7, 0));
    say("nothing more", get_quiet(s));
    say("afterwards", put(s, 'A', "x"));
}

static void two_streams(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *server = raw(ctx, ZMQ_STREAM);
        void *client = raw(ctx, ZMQ_STREAM);
        memset(known_ids, 0, sizeof known_ids);
        connect_to(client, bind_any(server, t));
        say(text("%s client's id", name), own_id(client));
        say(text("%s hello", name), put(client, 'A', "hello"));
        if (t != INPROC) {
            say(text("%s client sees", name), get(client));
            say(text("%s server sees", name), get(server));
        }
        say(text("%s arrives", name), get(server));
        say(text("%s reply", name), put(server, 'B', "world"));
        say(text("%s reply arrives", name), get(client));
        say(text("%s close", name), put(server, 'B', ""));
        if (t != INPROC) {
            say(text("%s client loses it", name), await_with(client, server));
            say(text("%s how", name), get(client));
        }
    }
}

static void monitored(void)
{
    char endpoint[64];
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    void *monitor = watch(s, ZMQ_EVENT_ALL);
    const char *bound = bind_any(s, TCP);
    say("bind", event_name(next_event(monitor, NULL, NULL, 0)));
    int peer = plain_connect(bound);
    say("comes", event_name(next_event(monitor, NULL, NULL, 0)));
    get(s);
    close(peer);
    get(s);
    int value = 0;
    int event = next_event(monitor, &value, NULL, 0);
    line("goes", "%s%s", event_name(event),
         event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL ? text(" %s", error_name(value)) : "");
    if (event != ZMQ_EVENT_DISCONNECTED)
        await_event(monitor, ZMQ_EVENT_DISCONNECTED);
    peer = plain_connect(bound);
    say("comes again", event_name(next_event(monitor, NULL, NULL, 0)));
    get(s);
    put(s, 'B', "");
    plain_end(peer, s);
    close(peer);
    unwatch(s, monitor);
    void *client = raw(ctx, ZMQ_STREAM);
    set_int(client, ZMQ_RECONNECT_IVL, 20);
    monitor = watch(client, ZMQ_EVENT_ALL);
    int listener = plain_listen(TCP, endpoint);
    connect_to(client, endpoint);
    peer = plain_accept(listener);
    say("client 1", event_name(next_event(monitor, NULL, NULL, 0)));
    say("client 2", event_name(next_event(monitor, NULL, NULL, 0)));
    get(client);
    close(peer);
    get(client);
    say("client's loss", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    say("client 3", event_name(next_event(monitor, NULL, NULL, 0)));
    close(listener);
    unwatch(client, monitor);
}

static void polled(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    int peer = plain_connect(bind_any(s, TCP));
    zmq_pollitem_t item = {.socket = s, .events = ZMQ_POLLIN | ZMQ_POLLOUT};
    say("comes", await(s, ZMQ_POLLIN));
    get(s);
    int ready = zmq_poll(&item, 1, 0);
    line("writable", "%d, %s", ready, item.revents == ZMQ_POLLOUT ? "out" : "not just out");
    plain_send(peer, "m");
    say("data", await(s, ZMQ_POLLIN));
    char id[256];
    zmq_recv(s, id, sizeof id, 0);
    say("between the halves", events(s));
    zmq_recv(s, id, sizeof id, 0);
    say("afterwards", events(s));
    close(peer);
}

static void unbound(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    const char *endpoint = bind_any(s, TCP);
    int peer = plain_connect(endpoint);
    get(s);
    plain_send(peer, "unread");
    say("arrives", await(s, ZMQ_POLLIN));
    say("unbind", rc(zmq_unbind(s, endpoint)));
    settle(ctx);
    say("still there", get(s));
    say("ends", plain_end(peer, s));
    say("no notice", get_quiet(s));
    close(peer);
}

/* The usual example: one response, then the end. */
static void web_server(void)
{
    static const char response[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello";
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    const char *endpoint = bind_any(s, TCP);
    for (int i = 0; i < 3; i++) {
        memset(known_ids, 0, sizeof known_ids);
        int peer = plain_connect(endpoint);
        plain_send(peer, "GET / HTTP/1.0\r\n\r\n");
        say(text("%d comes", i), get(s));
        say(text("%d request", i), get(s));
        say(text("%d response", i), put(s, 'A', response));
        say(text("%d close", i), put(s, 'A', ""));
        say(text("%d silence", i), get_quiet(s));
        say(text("%d arrives", i), plain_recv(peer, sizeof response - 1));
        say(text("%d end", i), plain_end(peer, s));
        close(peer);
    }
}

static const struct rule rules[] = {
    RULE(conversation),
    RULE(metadata),
    RULE(cadence),
    RULE(unknown),
    RULE(close_by_empty_frame),
    RULE(close_with_much_queued),
    RULE(linger),
    RULE(without_notices),
    RULE(sizes),
    RULE(greeting),
    RULE(connecting),
    RULE(named),
    RULE(immediate),
    RULE(full),
    RULE(flood),
    RULE(lost),
    RULE(two_streams),
    RULE(monitored),
    RULE(polled),
    RULE(unbound),
    RULE(web_server),
};

RUN(rules)
