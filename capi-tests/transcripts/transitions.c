/* The state machine of an endpoint that was connected: each of its arrows with the events, their values and what becomes
 * of the pipe and of the endpoint. transports.md section 5. */
#include "plain.h"
#include "story.h"

#include <sys/socket.h>

/* Of the draft part of zmq.h; every build accepts the number. */
enum { RECONNECT_STOP = 109 };
enum { CONN_REFUSED = 1, HANDSHAKE_FAILED = 2 };
enum { INTERVAL = 10, LONGEST = 40 };

/* A socket that connects; its delays are 10, 20, 40, 40 ... ms. */
struct side {
    void *ctx, *socket;
    struct story story;
};

static struct side side_of(int type)
{
    struct side side;
    side.ctx = context();
    side.socket = sock(side.ctx, type);
    set_int(side.socket, ZMQ_RECONNECT_IVL, INTERVAL);
    set_int(side.socket, ZMQ_RECONNECT_IVL_MAX, LONGEST);
    return side;
}

static void go(struct side *side, const char *endpoint)
{
    side->story = story_of(side->socket, endpoint, INTERVAL);
    connect_to(side->socket, endpoint);
}

/* Whether there is a pipe and an endpoint: one that was dropped is unknown. */
static void what_is_left(const char *key, struct side *side)
{
    exchange_notices(side->socket, side->socket);
    begin_line(text("%s left", key));
    in_line("send", tx_now(side->socket, "x"));
    in_line("disconnect", rc(zmq_disconnect(side->socket, side->story.endpoint)));
    in_line("again", rc(zmq_disconnect(side->socket, side->story.endpoint)));
    end_line();
}

/* Somebody has come, and said the first ten bytes. */
static int taken(int listener)
{
    int fd = plain_accept(listener);
    must(fd != -1, "accept");
    plain_recv(fd, 10);
    return fd;
}

/* ---- attempts that fail ---- */

static const char *refusing(enum transport transport)
{
    char endpoint[64];
    if (transport == TCP)
        return plain_vacant();
    /* Its file stays. */
    close(plain_listen(IPC, endpoint));
    return keep(endpoint);
}

static void refused(void)
{
    for (int t = TCP; t <= IPC; t++) {
        struct side side = side_of(ZMQ_PUSH);
        go(&side, refusing(t));
        for (int i = 1; i <= 5; i++)
            say(text("%s attempt %d", transport_names[t], i), tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
    }
}

/* Before and in connect(2) itself: a descriptor was opened, or was not. */
static void failed_at_once(void)
{
    /* No file, no address that tcp could reach, a source that is not here, none at all, no zone, and no name: its label is
     * longer than any. */
    static const char *const endpoints[] = {
        "ipc://nobody", "tcp://224.0.0.1:5", "tcp://192.0.2.77:0;127.0.0.1:5", "tcp://nosuch0:0;127.0.0.1:5",
        "tcp://127.0.0.1%nosuch:5", "tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:5"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        struct side side = side_of(ZMQ_PUSH);
        go(&side, endpoints[i]);
        for (int attempt = 1; attempt <= 2; attempt++)
            say(text("%s attempt %d", endpoints[i], attempt), tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
    }
}

static void out_of_descriptors(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        int listener = plain_listen(t, endpoint);
        struct side side = side_of(ZMQ_PUSH);
        side.story = story_of(side.socket, endpoint, INTERVAL);
        /* Who waits has what it needs for that from now on. */
        tell_rest(&side.story);
        no_descriptors();
        connect_to(side.socket, endpoint);
        say(text("%s attempts", transport_names[t]), tell(&side.story, 3));
        descriptors_again();
        say(text("%s then", transport_names[t]), await_event(side.story.monitor, ZMQ_EVENT_CONNECTED));
        close(listener);
    }
}

/* A connection whose two ends are one: no peer, but tried again. */
static void to_itself(void)
{
    struct side side = side_of(ZMQ_PUSH);
    int port = port_of(vacant(TCP));
    go(&side, keep(text("tcp://127.0.0.1:%d;127.0.0.1:%d", port, port)));
    for (int i = 1; i <= 2; i++)
        say(text("attempt %d", i), tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
}

static void connect_timeout(void)
{
    struct deaf deaf = plain_deaf(NULL);
    struct side side = side_of(ZMQ_PUSH);
    set_int(side.socket, ZMQ_CONNECT_TIMEOUT, 60);
    go(&side, deaf.endpoint);
    for (int i = 1; i <= 2; i++)
        say(text("attempt %d", i), tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
    plain_deaf_gone(&deaf);
}

/* ---- the delay ---- */

/* Without a maximum the delay does not grow, and is anew each time between the interval and nearly its double. */
static void jitter(void)
{
    struct side side = side_of(ZMQ_PUSH);
    set_int(side.socket, ZMQ_RECONNECT_IVL_MAX, 0);
    void *monitor = watch(side.socket, ZMQ_EVENT_CONNECT_RETRIED);
    connect_to(side.socket, "ipc://nobody");
    int wrong = 0, different = 0, first = 0, delay = 0;
    for (int i = 0; i < 12; i++) {
        next_event(monitor, &delay, NULL, 0);
        wrong += delay < INTERVAL || delay > 2 * INTERVAL - 1;
        different += i > 0 && delay != first;
        first = i == 0 ? delay : first;
    }
    line("wrong, different", "%d %s", wrong, different ? "yes" : "no");
}

static void extreme_delays(void)
{
    static const int values[][2] = {{50, 20}, {1, 1}, {INT32_MAX, 0}, {INT32_MAX, INT32_MAX}, {INT32_MAX, 5}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        void *s = sock(context(), ZMQ_PUSH);
        set_int(s, ZMQ_RECONNECT_IVL, values[i][0]);
        set_int(s, ZMQ_RECONNECT_IVL_MAX, values[i][1]);
        void *monitor = watch(s, ZMQ_EVENT_CONNECT_RETRIED);
        int delay = 0, least = values[i][0] < values[i][1] || values[i][1] == 0 ? values[i][0] : values[i][1];
        connect_to(s, "ipc://nobody");
        next_event(monitor, &delay, NULL, 0);
        line(text("interval %d, maximum %d", values[i][0], values[i][1]), "%s",
             delay == least ? "the shorter one" : delay > least ? "more than that" : "less than that");
    }
}

/* A peer that can be reached, and leaves at once, is tried again after the shortest delay for ever; what was refused
 * before that counts no more. */
static void growth_starts_over(void)
{
    const char *endpoint = plain_vacant();
    int listener = plain_listen_at(endpoint);
    struct side side = side_of(ZMQ_PUSH);
    go(&side, endpoint);
    for (int i = 1; i <= 3; i++) {
        close(taken(listener));
        say(text("left %d", i), tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
    }
    close(listener);
    while (!strstr(tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED), "RETRIED 40")) {
    }
    listener = plain_listen_at(endpoint);
    int fd = taken(listener);
    close(listener);
    close(fd);
    await_event(side.story.monitor, ZMQ_EVENT_CONNECTED);
    say("left again", tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
    say("refused", tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
}

/* The first attempt does not wait, the next one does. */
static void first_attempt(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        int listener = plain_listen(t, endpoint);
        struct side side = side_of(ZMQ_PUSH);
        set_int(side.socket, ZMQ_RECONNECT_IVL, 60000);
        set_int(side.socket, ZMQ_RECONNECT_IVL_MAX, 60000);
        go(&side, endpoint);
        side.story.interval = 60000;
        close(taken(listener));
        begin_line(transport_names[t]);
        in_line("", tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED));
        in_line("then", tell_rest(&side.story));
        end_line();
        close(listener);
    }
}

/* ---- connections that end ---- */

enum ending { END, RESET, SILENCE };

/* What a peer does that ours has connected to. */
struct peer {
    const char *name;
    /* Ours comes back. */
    int again;
    /* The handshake, or a part of it. */
    int handshake;
    const char *mechanism, *bytes;
    size_t size;
    enum ending ending;
};

static const struct peer peers[] = {
    {"ends", 1, 0, NULL, "", 0, END},
    {"resets", 1, 0, NULL, "", 0, RESET},
    {"is silent", 1, 0, NULL, "", 0, SILENCE},
    {"ends in the greeting", 1, 0, NULL, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11, END},
    {"ends before READY", 1, 0, "NULL", "", 0, END},
    {"is silent before READY", 1, 0, "NULL", "", 0, SILENCE},
    {"has another mechanism", 0, 0, "PLAIN", "", 0, SILENCE},
    {"has another type", 0, 0, "NULL", "\4\x19\5READY\x0bSocket-Type\0\0\0\3PUB", 27, SILENCE},
    {"sends a wrong command", 0, 0, "NULL", "\4\6\5WRONG", 8, SILENCE},
    {"ends later", 1, 1, NULL, "\0\1x", 3, END},
    {"resets later", 1, 1, NULL, "\0\1x", 3, RESET},
    {"is silent later", 1, 1, NULL, "\0\1x", 3, SILENCE},
    {"sends too much", 0, 1, NULL, "\0\1x\0\x65", 5, SILENCE},
    {"sends nonsense", 1, 1, NULL, "\0\1x\x88\1x", 6, SILENCE},
};

static void act(const struct peer *peer, int fd)
{
    if (peer->mechanism)
        plain_send_bytes(fd, plain_greeting(peer->mechanism), 64);
    if (peer->size)
        plain_send_bytes(fd, peer->bytes, peer->size);
    if (peer->ending == RESET)
        plain_reset(fd);
    else if (peer->ending == END)
        shutdown(fd, SHUT_WR);
}

static void endings(enum transport last, int option, int value)
{
    for (int t = TCP; t <= (int) last; t++) {
        for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
            const struct peer *peer = &peers[i];
            const char *name = text("%s %s", transport_names[t], peer->name);
            /* Over ipc there is nothing of the kind. */
            if (peer->ending == RESET && t == IPC)
                continue;
            char endpoint[64];
            int64_t most = 100;
            int listener = plain_listen(t, endpoint), fd;
            struct side side = side_of(ZMQ_DEALER);
            set_bytes(side.socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
            set_int(side.socket, ZMQ_HANDSHAKE_IVL, peer->ending == SILENCE ? 60 : 0);
            set_int(side.socket, ZMQ_HEARTBEAT_IVL, peer->handshake && peer->ending == SILENCE ? 60 : 0);
            if (option)
                set_int(side.socket, option, value);
            go(&side, endpoint);
            if (peer->handshake) {
                fd = plain_accept(listener);
                plain_handshake(fd, "DEALER");
            } else {
                fd = taken(listener);
            }
            act(peer, fd);
            say(name, tell_until(&side.story, ZMQ_EVENT_DISCONNECTED));
            int stops = !peer->again || (option && !peer->handshake);
            say(text("%s then", name), stops ? tell_rest(&side.story) : tell(&side.story, 1));
            what_is_left(name, &side);
            shut(side.story.monitor);
            shut(side.socket);
            term(side.ctx);
            close(listener);
            if (peer->ending != RESET)
                close(fd);
        }
    }
}

static void ends(void)
{
    endings(IPC, 0, 0);
}

static void ends_and_stops(void)
{
    endings(TCP, RECONNECT_STOP, HANDSHAKE_FAILED);
}

/* Connections without a handshake do not fail in it. */
static void nothing_to_fail(void)
{
    struct side side = side_of(ZMQ_STREAM);
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    set_int(side.socket, RECONNECT_STOP, HANDSHAKE_FAILED);
    set_int(side.socket, ZMQ_HANDSHAKE_IVL, 30);
    go(&side, endpoint);
    int fd = plain_accept(listener);
    begin_line("STREAM is silent");
    in_line("", tell_until(&side.story, ZMQ_EVENT_CONNECTED));
    in_line("then", tell_rest(&side.story));
    end_line();
    close(fd);
    say("STREAM", tell_until(&side.story, ZMQ_EVENT_DISCONNECTED));
    set_int(side.story.monitor, ZMQ_RCVTIMEO, 3 * QUIET);
    say("STREAM then", tell(&side.story, 1));
    side = side_of(ZMQ_DEALER);
    set_int(side.socket, RECONNECT_STOP, HANDSHAKE_FAILED);
    go(&side, endpoint);
    fd = taken(listener);
    /* ZMTP 2.0, a DEALER without routing id, and a message. */
    plain_send_bytes(fd, "\xff\0\0\0\0\0\0\0\1\x7f\1\5\0\0\0\1x", 17);
    say("ZMTP 2.0 arrives", rx(side.socket));
    shutdown(fd, SHUT_WR);
    say("ZMTP 2.0", tell_until(&side.story, ZMQ_EVENT_DISCONNECTED));
    set_int(side.story.monitor, ZMQ_RCVTIMEO, 3 * QUIET);
    say("ZMTP 2.0 then", tell(&side.story, 1));
    close(fd);
    close(listener);
}

/* ---- no further attempt ---- */

/* An attempt that failed was the last one; pipe and endpoint stay. */
static void idle(void)
{
    static const int never[] = {0, -1};
    const char *const endpoints[] = {refusing(TCP), refusing(IPC), "ipc://nobody", "tcp://127.0.0.1%nosuch:5"};
    static const char *const names[] = {"tcp refused", "ipc refused", "ipc no file", "tcp no address"};
    for (int i = 0; i < 2; i++) {
        for (size_t e = 0; e < sizeof endpoints / sizeof endpoints[0]; e++) {
            const char *name = text("%d %s", never[i], names[e]);
            struct side side = side_of(ZMQ_PUSH);
            set_int(side.socket, ZMQ_RECONNECT_IVL, never[i]);
            go(&side, endpoints[e]);
            if (e < 3)
                say(name, tell_until(&side.story, ZMQ_EVENT_CLOSED));
            say(text("%s then", name), tell_rest(&side.story));
            what_is_left(name, &side);
        }
    }
}

/* As what was given to zmq_connect: by number, and by name. */
static void lost_for_good(const char *key, int option, int value)
{
    for (int named = 0; named < 2; named++) {
        for (int shaken = 0; shaken < 2; shaken++) {
            const char *name = text("%s %s %s", key, named ? "by name" : "by number",
                                    shaken ? "in traffic" : "in its handshake");
            void *server = sock(context(), shaken ? ZMQ_PULL : ZMQ_STREAM);
            struct side side = side_of(ZMQ_PUSH);
            set_int(side.socket, option, value);
            const char *endpoint = bind_any(server, TCP);
            go(&side, named ? keep(text("tcp://localhost:%d", port_of(endpoint))) : endpoint);
            if (shaken) {
                await_event(side.story.monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            } else {
                await_event(side.story.monitor, ZMQ_EVENT_CONNECTED);
                /* That somebody came, and the greeting: what is unread would make the end a reset. */
                rx(server);
                rx(server);
            }
            shut(server);
            say(name, tell_until(&side.story, ZMQ_EVENT_DISCONNECTED));
            say(text("%s then", name), tell_rest(&side.story));
            what_is_left(name, &side);
        }
    }
}

static void gone_after_a_loss(void)
{
    lost_for_good("0", ZMQ_RECONNECT_IVL, 0);
    lost_for_good("-1", ZMQ_RECONNECT_IVL, -1);
}

static void gone_when_refused(void)
{
    int port = port_of(vacant(TCP));
    for (int named = 0; named < 2; named++) {
        const char *name = named ? "by name" : "by number";
        struct side side = side_of(ZMQ_PUSH);
        set_int(side.socket, RECONNECT_STOP, CONN_REFUSED);
        go(&side, keep(text("tcp://%s:%d", named ? "localhost" : "127.0.0.1", port)));
        say(name, tell_until(&side.story, ZMQ_EVENT_CLOSED));
        say(text("%s then", name), tell_rest(&side.story));
        what_is_left(name, &side);
    }
}

/* ---- zmq_disconnect in each state ---- */

enum state { WAITING, PENDING, SHAKING, READY, STATES };

static void in_state(enum state state, int closes)
{
    static const char *const names[] = {"waiting", "pending", "shaking", "ready"};
    char endpoint[64] = "ipc://nobody";
    struct side side = side_of(ZMQ_DEALER);
    int listener = -1, fd = -1;
    if (state == PENDING) {
        struct deaf deaf = plain_deaf(NULL);
        strcpy(endpoint, deaf.endpoint);
    } else if (state != WAITING)
        listener = plain_listen(TCP, endpoint);
    set_int(side.socket, ZMQ_RECONNECT_IVL, 60000);
    set_int(side.socket, ZMQ_RECONNECT_IVL_MAX, 60000);
    go(&side, endpoint);
    side.story.interval = 60000;
    static const int last[] = {ZMQ_EVENT_CONNECT_RETRIED, ZMQ_EVENT_CONNECT_DELAYED, ZMQ_EVENT_CONNECTED,
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED};
    if (state == SHAKING)
        fd = taken(listener);
    if (state == READY)
        plain_handshake(fd = plain_accept(listener), "DEALER");
    const char *name = text("%s %s", closes ? "close" : "disconnect", names[state]);
    begin_line(name);
    in_line("", tell_until(&side.story, last[state]));
    in_line("result", closes ? shut(side.socket) : rc(zmq_disconnect(side.socket, endpoint)));
    if (!closes)
        exchange_notices(side.socket, side.socket);
    if (closes || state == PENDING)
        in_line("then", tell(&side.story, 1));
    in_line("and", tell_rest(&side.story));
    if (fd != -1)
        in_line("peer", plain_end(fd, side.story.monitor));
    end_line();
}

static void disconnected(void)
{
    for (int closes = 0; closes < 2; closes++) {
        for (int state = WAITING; state < STATES; state++) {
            /* The monitor of a socket that is closed may end before the descriptor. */
            if (state != PENDING || !closes)
                in_state(state, closes);
        }
    }
}

/* What was not sent yet goes on trying, as long as LINGER says. */
static void unsent(void)
{
    static const int lingers[] = {0, 60, 5000, -1};
    for (int closes = 0; closes < 2; closes++) {
        for (size_t i = 0; i < sizeof lingers / sizeof lingers[0]; i++) {
            const char *name = text("%s %d", closes ? "close" : "disconnect", lingers[i]);
            struct side side = side_of(ZMQ_DEALER);
            const char *endpoint = plain_vacant();
            set_int(side.socket, ZMQ_LINGER, lingers[i]);
            go(&side, endpoint);
            tx(side.socket, "late");
            tell_until(&side.story, ZMQ_EVENT_CONNECT_RETRIED);
            say(name, closes ? shut(side.socket) : rc(zmq_disconnect(side.socket, endpoint)));
            /* Longer than the short one. */
            zmq_poll(NULL, 0, QUIET);
            if (!closes)
                exchange_notices(side.socket, side.socket);
            tell_rest(&side.story);
            int listener = plain_listen_at(endpoint);
            int comes = readable_within(listener, lingers[i] > 60 || lingers[i] < 0 ? PATIENCE : QUIET);
            say(text("%s comes back", name), comes ? "yes" : "no");
            if (comes) {
                int fd = plain_accept(listener);
                plain_handshake(fd, "DEALER");
                say(text("%s sends", name), plain_recv(fd, 6));
                close(fd);
            }
            close(listener);
        }
    }
}

static const struct rule rules[] = {
    RULE(refused), RULE(failed_at_once), RULE(out_of_descriptors), RULE(to_itself), RULE(connect_timeout), RULE(jitter),
    RULE(extreme_delays), RULE(growth_starts_over), RULE(first_attempt), RULE(ends), RULE(ends_and_stops),
    RULE(nothing_to_fail), RULE(idle), RULE(gone_after_a_loss), RULE(gone_when_refused), RULE(disconnected), RULE(unsent),
};

RUN(rules)
