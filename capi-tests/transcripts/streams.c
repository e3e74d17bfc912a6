/* STREAM on the connecting side, over ipc, and at its edges. patterns.md section 9; stream.c has the usual cases. */
#include "plain.h"

#include <sys/socket.h>

/* Connected to, as any other client would be: over tcp and ipc. */
static void connecting(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        void *ctx = context();
        begin_line(transport_names[t]);
        memset(known_ids, 0, sizeof known_ids);
        int listener = plain_listen(t, endpoint);
        void *s = raw(ctx, ZMQ_STREAM);
        set_int(s, ZMQ_RECONNECT_IVL, 20);
        connect_to(s, endpoint);
        in_line("id", own_id(s));
        in_line("sent at once", put(s, 'A', "early"));
        int peer = plain_accept(listener);
        in_line("early", plain_recv(peer, 5));
        in_line("comes", get(s));
        plain_send(peer, "hello");
        in_line("data", get(s));
        close(peer);
        in_line("goes", get(s));
        in_line("sent in between", put(s, 'A', "between"));
        peer = plain_accept(listener);
        in_line("comes again", get(s));
        in_line("between", plain_recv(peer, 7));
        in_line("close", put(s, 'A', ""));
        in_line("closed", plain_end(peer, s));
        in_line("afterwards", put(s, 'A', "x"));
        in_line("no new attempt", readable_within(listener, QUIET) ? "attempt" : "none");
        in_line("no notice", get_quiet(s));
        close(peer);
        close(listener);
        end_line();
    }
}

/* Nobody listens at first: what was sent waits. */
static void late_listener(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        memset(known_ids, 0, sizeof known_ids);
        const char *endpoint = vacant(t);
        void *s = raw(ctx, ZMQ_STREAM);
        set_int(s, ZMQ_RECONNECT_IVL, 10);
        void *monitor = watch(s, ZMQ_EVENT_CONNECT_RETRIED);
        connect_to(s, endpoint);
        in_line("id", own_id(s));
        in_line("send", put(s, 'A', "1"));
        in_line("refused", await_event(monitor, ZMQ_EVENT_CONNECT_RETRIED));
        in_line("send", put(s, 'A', "2"));
        in_line("no notice", get_quiet(s));
        unwatch(s, monitor);
        void *server = raw(ctx, ZMQ_STREAM);
        in_line("bind", bind_again(server, endpoint));
        in_line("comes", get(s));
        in_line("server sees", get(server));
        char bytes[3] = "";
        for (int got = 0; got < 2;) {
            int size = zmq_recv(server, NULL, 0, 0) < 0 ? -1 : zmq_recv(server, bytes + got, 2, 0);
            if (size < 0)
                break;
            got += size;
        }
        in_line("arrives", bytes);
        end_line();
    }
}

/* The socket's own id is that of the connection that came last. */
static void newest_id(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        memset(known_ids, 0, sizeof known_ids);
        void *s = raw(ctx, ZMQ_STREAM);
        const char *endpoint = bind_any(s, t);
        in_line("none", own_id(s));
        int one = plain_connect(endpoint);
        in_line("comes", get(s));
        in_line("one", own_id(s));
        int two = plain_connect(endpoint);
        in_line("comes", get(s));
        in_line("two", own_id(s));
        close(two);
        in_line("goes", get(s));
        in_line("still two", own_id(s));
        in_line("set", rc(zmq_setsockopt(s, ZMQ_ROUTING_ID, "own", 3)));
        in_line("own", own_id(s));
        close(one);
        end_line();
    }
}

/* The address of the other side, on both frames. */
static void addresses(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        void *ctx = context();
        void *s = raw(ctx, ZMQ_STREAM);
        int listener = plain_listen(t, endpoint);
        connect_to(s, endpoint);
        int peer = plain_accept(listener);
        plain_send(peer, "x");
        begin_line(transport_names[t]);
        for (int i = 0; i < 4; i++) {
            zmq_msg_t frame;
            zmq_msg_init(&frame);
            zmq_msg_recv(&frame, s, 0);
            const char *address = zmq_msg_gets(&frame, "Peer-Address");
            if (address && t == IPC)
                address = strncmp(address, "localhost:", 10) == 0 ? "localhost:..." : address;
            else if (address && strstr(endpoint, text("//%s:", address)))
                address = "the listener's";
            in_line(text("frame %d", i), address ? address : error_name(zmq_errno()));
            zmq_msg_close(&frame);
        }
        end_line();
        close(peer);
        close(listener);
    }
}

/* A connection that breaks is told of as one that ends. */
static void reset(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int notify = 0; notify < 2; notify++) {
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], notify ? "" : " without notices"));
            memset(known_ids, 0, sizeof known_ids);
            void *s = raw(ctx, ZMQ_STREAM);
            set_int(s, ZMQ_STREAM_NOTIFY, notify);
            const char *endpoint = bind_any(s, t);
            int peer = plain_connect(endpoint);
            plain_send(peer, "x");
            if (notify)
                in_line("comes", get(s));
            in_line("data", get(s));
            void *monitor = watch(s, ZMQ_EVENT_DISCONNECTED);
            struct linger now = {1, 0};
            setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            close(peer);
            in_line("goes", await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            in_line("notice", notify ? get(s) : get_quiet(s));
            in_line("then", get_quiet(s));
            in_line("send", put(s, 'A', "x"));
            end_line();
        }
    }
}

/* The peer goes between the id and the data, over ipc and at a connection of our own. */
static void lost_in_between(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int connects = 0; connects < 2; connects++) {
            char endpoint[64];
            void *ctx = context();
            begin_line(text("%s%s", transport_names[t], connects ? " connecting" : ""));
            memset(known_ids, 0, sizeof known_ids);
            void *s = raw(ctx, ZMQ_STREAM);
            set_int(s, ZMQ_RECONNECT_IVL, 10);
            int listener = connects ? plain_listen(t, endpoint) : -1, peer;
            if (connects) {
                connect_to(s, endpoint);
                peer = plain_accept(listener);
                close(listener);
            } else {
                peer = plain_connect(bind_any(s, t));
            }
            in_line("comes", get(s));
            in_line("id", tx_bytes(s, known_ids[0].bytes, known_ids[0].size, ZMQ_SNDMORE));
            close(peer);
            in_line("goes", get(s));
            in_line("data", tx_bytes(s, "dropped", 7, 0));
            in_line("nothing more", get_quiet(s));
            in_line("afterwards", put(s, 'A', "x"));
            end_line();
        }
    }
}

/* Sends between the halves of what is received, and receives between the halves of what is sent. */
static void both_ways(void)
{
    void *ctx = context();
    void *s = raw(ctx, ZMQ_STREAM);
    const char *endpoint = bind_any(s, TCP);
    int one = plain_connect(endpoint);
    get(s);
    int two = plain_connect(endpoint);
    get(s);
    plain_send(one, "in");
    char id[256], data[16] = "";
    int size = zmq_recv(s, id, sizeof id, 0);
    line("id", "%c, more %d", letter_of(id, (size_t) size), get_int(s, ZMQ_RCVMORE));
    say("id of B", tx_bytes(s, known_ids[1].bytes, known_ids[1].size, ZMQ_SNDMORE));
    line("data", "%d %s, more %d", zmq_recv(s, data, sizeof data, 0), data, get_int(s, ZMQ_RCVMORE));
    say("out", tx_bytes(s, "out", 3, 0));
    say("two", plain_recv(two, 3));
    say("one", readable_within(one, QUIET) ? "something" : "nothing");
    close(one);
    close(two);
}

/* Pairs of every size arrive as one stream of bytes. */
static void sent_sizes(void)
{
    static char bytes[300000];
    static const size_t sizes[] = {1, 2, 255, 256, 8191, 8192, 8193, 65536, 300000};
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        memset(known_ids, 0, sizeof known_ids);
        void *s = raw(ctx, ZMQ_STREAM);
        int peer = plain_connect(bind_any(s, t));
        get(s);
        size_t total = 0;
        int accepted = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            memset(bytes, 'a' + (int) i, sizes[i]);
            accepted += put_bytes(s, 'A', bytes, sizes[i], 0)[0] != 'E';
            total += sizes[i];
        }
        put(s, 'A', "");
        /* In order: as many of each letter as were sent of it. */
        size_t seen[9] = {0}, got = 0;
        int sorted = 1;
        char last = 'a';
        for (ssize_t now = 1; now > 0 && readable_within(peer, PATIENCE);) {
            now = recv(peer, bytes, sizeof bytes, 0);
            for (ssize_t k = 0; k < now; k++) {
                sorted &= bytes[k] >= last;
                last = bytes[k];
                seen[(last - 'a') % 9]++;
            }
            got += now > 0 ? (size_t) now : 0;
            events(s);
        }
        int right = 0;
        for (size_t i = 0; i < 9; i++)
            right += seen[i] == sizes[i];
        line(transport_names[t], "accepted %d, all arrives %d, in order %d, each whole %d", accepted, got == total,
             sorted, right);
        close(peer);
    }
}

/* Chosen names: for one connection, gone with it. */
static void names(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        void *ctx = context();
        begin_line(transport_names[t]);
        memset(known_ids, 0, sizeof known_ids);
        int listener = plain_listen(t, endpoint);
        void *s = raw(ctx, ZMQ_STREAM);
        for (int round = 0; round < 2; round++) {
            set_bytes(s, ZMQ_CONNECT_ROUTING_ID, "peer", 4);
            connect_to(s, endpoint);
            in_line("send", tx(s, "peer|hello"));
            int peer = plain_accept(listener);
            in_line("hello", plain_recv(peer, 5));
            in_line("comes", rx(s));
            plain_send(peer, "back");
            in_line("back", rx(s));
            in_line("close", tx(s, "peer|"));
            in_line("end", plain_end(peer, s));
            in_line("unknown", tx(s, "peer|x"));
            close(peer);
        }
        connect_to(s, endpoint);
        int peer = plain_accept(listener);
        in_line("generated", get(s));
        in_line("used once", tx(s, "peer|x"));
        close(peer);
        close(listener);
        end_line();
    }
}

static void name_in_use(void)
{
    char endpoint[64];
    void *ctx = context();
    int listener = plain_listen(TCP, endpoint);
    void *s = raw(ctx, ZMQ_STREAM);
    set_bytes(s, ZMQ_CONNECT_ROUTING_ID, "peer", 4);
    say("first", rc(zmq_connect(s, endpoint)));
    set_bytes(s, ZMQ_CONNECT_ROUTING_ID, "peer", 4);
    say("second", rc(zmq_connect(s, endpoint)));
    say("send", tx(s, "peer|x"));
    int peer = plain_accept(listener);
    say("arrives", plain_recv(peer, 1));
    say("just one", readable_within(listener, QUIET) ? "another" : "one");
}

/* ROUTER_RAW that comes too late: the endpoint goes on speaking ZMTP. */
static void raw_too_late(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        memset(known_ids, 0, sizeof known_ids);
        void *router = sock(ctx, ZMQ_ROUTER);
        const char *endpoint = bind_any(router, t);
        in_line("set", try_set_int(router, ZMQ_ROUTER_RAW, 1));
        int peer = plain_connect(endpoint);
        in_line("greets", plain_recv(peer, 10));
        in_line("no notice", get_quiet(router));
        close(peer);
        void *dealer = sock(ctx, ZMQ_DEALER);
        set_bytes(dealer, ZMQ_ROUTING_ID, "announced", 9);
        connect_to(dealer, endpoint);
        tx(dealer, "x");
        in_line("message", get(router));
        line("id", "%zu bytes, first %d", known_ids[0].size, known_ids[0].bytes[0]);
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(connecting), RULE(late_listener), RULE(newest_id), RULE(addresses), RULE(reset), RULE(lost_in_between),
    RULE(both_ways), RULE(sent_sizes), RULE(names), RULE(name_in_use), RULE(raw_too_late),
};

RUN(rules)
