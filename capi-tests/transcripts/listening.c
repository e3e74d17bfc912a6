/* The state machine of an endpoint that was bound, and of the peers that are accepted there: events with their values, what
 * ends with what, and what a listener without descriptors does. transports.md section 6. */
#include "plain.h"
#include "story.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

/* A bound socket. */
struct side {
    void *ctx, *socket;
    const char *endpoint;
    struct story story;
};

static struct side bound_side(int type, enum transport transport)
{
    struct side side;
    side.ctx = context();
    side.socket = sock(side.ctx, type);
    side.story = story_of(side.socket, "", 1);
    side.story.endpoint = side.endpoint = bind_any(side.socket, transport);
    return side;
}

/* ---- peers ---- */

enum ending { END, RESET, SILENCE };

static const struct {
    const char *name;
    int handshake;
    const char *bytes;
    size_t size;
    enum ending ending;
} peers[] = {
    {"ends", 0, "", 0, END},
    {"ends in the greeting", 0, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11, END},
    {"is silent", 0, "", 0, SILENCE},
    {"ends later", 1, "\0\1x", 3, END},
    {"resets later", 1, "\0\1x", 3, RESET},
    {"is silent later", 1, "\0\1x", 3, SILENCE},
    {"sends too much", 1, "\0\1x\0\x65", 5, SILENCE},
};

/* Whatever ends a peer, it ends it alone, and nobody tries again. */
static void peers_end(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
            if (peers[i].ending == RESET && t == IPC)
                continue;
            const char *name = text("%s %s", transport_names[t], peers[i].name);
            struct side side;
            int64_t most = 100;
            side.ctx = context();
            side.socket = sock(side.ctx, ZMQ_DEALER);
            set_bytes(side.socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
            set_int(side.socket, ZMQ_HANDSHAKE_IVL, peers[i].ending == SILENCE ? 60 : 0);
            set_int(side.socket, ZMQ_HEARTBEAT_IVL, peers[i].handshake && peers[i].ending == SILENCE ? 60 : 0);
            side.story = story_of(side.socket, "", 1);
            side.story.endpoint = side.endpoint = bind_any(side.socket, t);
            int fd = plain_connect(side.endpoint);
            if (peers[i].handshake)
                plain_handshake(fd, "DEALER");
            if (peers[i].size)
                plain_send_bytes(fd, peers[i].bytes, peers[i].size);
            if (peers[i].ending == RESET)
                plain_reset(fd);
            else if (peers[i].ending == END)
                shutdown(fd, SHUT_WR);
            say(name, tell_until(&side.story, ZMQ_EVENT_DISCONNECTED));
            say(text("%s then", name), tell_rest(&side.story));
            int next = plain_connect(side.endpoint);
            say(text("%s next", name), tell(&side.story, 1));
            close(next);
            if (peers[i].ending != RESET)
                close(fd);
            shut(side.story.monitor);
            shut(side.socket);
            term(side.ctx);
        }
    }
}

/* Who is refused is closed, with an event; the next one is looked at anew. */
static void filtered(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    set_bytes(s, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 10);
    set_int(s, ZMQ_IPC_FILTER_UID, 4242);
    for (int t = TCP; t <= IPC; t++) {
        struct story story = story_of(s, "", 1);
        story.endpoint = bind_any(s, t);
        say(text("%s listens", transport_names[t]), tell(&story, 1));
        for (int i = 1; i <= 2; i++) {
            int fd = plain_connect(story.endpoint);
            line(text("%s refuses %d", transport_names[t], i), "%s, peer %s", tell(&story, 1), plain_end(fd, s));
            close(fd);
        }
        unwatch(s, story.monitor);
    }
}

/* All in one round: none is left waiting. */
static void many(void)
{
    enum { COUNT = 200 };
    for (int t = TCP; t <= IPC; t++) {
        struct side side = bound_side(ZMQ_PULL, t);
        int fds[COUNT], accepted = 0;
        tell(&side.story, 1);
        for (int i = 0; i < COUNT; i++)
            fds[i] = plain_connect(side.endpoint);
        while (accepted < COUNT && next_event(side.story.monitor, NULL, NULL, 0) == ZMQ_EVENT_ACCEPTED)
            accepted++;
        line(transport_names[t], "%d, then %s", accepted, tell_rest(&side.story));
        for (int i = 0; i < COUNT; i++)
            close(fds[i]);
    }
}

/* ---- texts ---- */

/* A listener has its own address, a peer the one that it came to. */
static void wildcard_text(void)
{
    static const char *const hosts[] = {"*", "0.0.0.0", "[::]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        void *s = sock(context(), ZMQ_DEALER);
        set_int(s, ZMQ_IPV6, hosts[i][0] == '[');
        struct story story = story_of(s, "", 1);
        say(text("%s bind", hosts[i]), rc(zmq_bind(s, text("tcp://%s:*", hosts[i]))));
        const char *endpoint = keep(last_endpoint(s));
        say(text("%s listens", hosts[i]), tell(&story, 1));
        int fd = plain_connect(text("tcp://127.0.0.1:%d", port_of(endpoint)));
        plain_handshake(fd, "DEALER");
        plain_send_bytes(fd, "\0\1x", 3);
        shutdown(fd, SHUT_WR);
        say(text("%s peer", hosts[i]), tell(&story, 3));
        zmq_msg_t m;
        zmq_msg_init(&m);
        zmq_msg_recv(&m, s, 0);
        say(text("%s from", hosts[i]), zmq_msg_gets(&m, "Peer-Address"));
        zmq_msg_close(&m);
        zmq_unbind(s, endpoint);
        say(text("%s unbound", hosts[i]), tell(&story, 1));
        close(fd);
    }
}

/* What was given to zmq_connect is what events say, also after a loss. */
static void typed_text(void)
{
    void *ctx = context();
    void *server = sock(ctx, ZMQ_PULL), *client = sock(ctx, ZMQ_PUSH);
    const char *endpoint = bind_any(server, TCP);
    set_int(client, ZMQ_RECONNECT_IVL, 10);
    struct story story = story_of(client, keep(text("tcp://localhost:%d", port_of(endpoint))), 10);
    connect_to(client, story.endpoint);
    say("up", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    zmq_unbind(server, endpoint);
    exchange_notices(server, server);
    say("lost", tell(&story, 1));
    line("named", "%d", strstr(tell(&story, 1), " at ") == NULL);
    server = sock(ctx, ZMQ_PULL);
    say("bound again", bind_again(server, endpoint));
    const char *told = tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    line("back", "%d %d", strstr(told, "SUCCEEDED 0") != NULL, strstr(told, " at ") == NULL);
    say("disconnect", rc(zmq_disconnect(client, story.endpoint)));
}

/* ---- the end of a listener ---- */

static void closed(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int closes = 0; closes < 2; closes++) {
            struct side side = bound_side(ZMQ_PULL, t);
            const char *name = text("%s %s", transport_names[t], closes ? "close" : "unbind");
            begin_line(name);
            in_line("", tell(&side.story, 1));
            in_line("result", closes ? shut(side.socket) : rc(zmq_unbind(side.socket, side.endpoint)));
            in_line("then", tell(&side.story, closes ? 2 : 1));
            in_line("and", tell_rest(&side.story));
            end_line();
        }
    }
}

/* The file of a wildcard cannot be removed: somebody else did. */
static void close_failed(void)
{
    struct side side = bound_side(ZMQ_PULL, IPC);
    tell(&side.story, 1);
    char folder[200];
    strcpy(folder, side.endpoint + 6);
    unlink(folder);
    *strrchr(folder, '/') = 0;
    rmdir(folder);
    say("unbind", rc(zmq_unbind(side.socket, side.endpoint)));
    say("event", tell(&side.story, 1));
    say("then", tell_rest(&side.story));
}

/* Nobody is accepted any more; peers end when what they sent was received, without an event on this side. */
static void unbound_with_peers(void)
{
    for (int t = TCP; t <= IPC; t++) {
        struct side side = bound_side(ZMQ_DEALER, t);
        const char *name = transport_names[t];
        int shaking = plain_connect(side.endpoint), ready = plain_connect(side.endpoint);
        plain_handshake(ready, "DEALER");
        plain_send_bytes(ready, "\0\1a\0\1b", 6);
        say(text("%s up", name), tell(&side.story, 4));
        rx(side.socket);
        say(text("%s unbind", name), rc(zmq_unbind(side.socket, side.endpoint)));
        plain_recv(shaking, 10);
        say(text("%s shaking", name), plain_end(shaking, side.socket));
        line(text("%s unread", name), "%d", readable_within(ready, QUIET));
        say(text("%s last", name), rx(side.socket));
        say(text("%s read", name), plain_end(ready, side.socket));
        say(text("%s event", name), tell(&side.story, 1));
        say(text("%s then", name), tell_rest(&side.story));
        void *again = sock(side.ctx, ZMQ_PULL);
        say(text("%s bound again", name), t == TCP ? bind_again(again, side.endpoint) : "0");
        close(shaking);
        close(ready);
    }
}

/* ---- descriptors ---- */

static const char *blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags == -1 ? error_name(errno) : flags & O_NONBLOCK ? "no" : "yes";
}

static void blocks(void)
{
    for (int t = TCP; t <= IPC; t++) {
        struct side side = bound_side(ZMQ_DEALER, t);
        int fd = plain_connect(side.endpoint);
        plain_handshake(fd, "DEALER");
        tell(&side.story, 3);
        line(transport_names[t], "listener %s, peer %s", blocking(side.story.listener), blocking(side.story.connection));
        close(fd);
    }
}

/* One that the caller made, and that blocks. */
static void adopted(void)
{
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    void *s = sock(context(), ZMQ_PULL);
    set_int(s, ZMQ_USE_FD, listener);
    say("bind", rc(zmq_bind(s, "tcp://127.0.0.1:*")));
    line("listener", "%s", blocking(listener));
}

/* ---- no descriptors ---- */

static long cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A peer that waits for a descriptor: others are served, the I/O thread tries now and then, and accepts at last. */
static void starving(enum transport transport)
{
    enum { WINDOW = 400, PAUSE = 10 };
    const char *name = transport_names[transport];
    struct side side = bound_side(ZMQ_DEALER, transport);
    int good = plain_connect(side.endpoint);
    plain_handshake(good, "DEALER");
    tell(&side.story, 3);
    /* Who waits has what it needs for that from now on. */
    rx_quiet(side.socket);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int late = socket(transport == TCP ? AF_INET : AF_UNIX, SOCK_STREAM, 0), failures = 1;
    getsockname(side.story.listener, (struct sockaddr *) &address, &size);
    no_descriptors();
    must(connect(late, (struct sockaddr *) &address, size) == 0, "connect");
    say(text("%s fails", name), tell(&side.story, 1));
    set_int(side.story.monitor, ZMQ_RCVTIMEO, PAUSE);
    long start = now_ms(), cpu = cpu_ms(), passed;
    while ((passed = now_ms() - start) < WINDOW)
        failures += next_event(side.story.monitor, NULL, NULL, 0) != 0;
    long used = cpu_ms() - cpu;
    line(text("%s failures", name), "%s", failures <= 2 + passed / PAUSE ? "now and then" : "all the time");
    plain_send_bytes(good, "\0\4good", 6);
    const char *got;
    /* The stock library goes no further than the reader of its events. */
    while ((got = rx_now(side.socket))[0] != '[' && now_ms() - start < WINDOW + PATIENCE)
        next_event(side.story.monitor, NULL, NULL, 0);
    say(text("%s serves others", name), got);
    descriptors_again();
    set_int(side.story.monitor, ZMQ_RCVTIMEO, PATIENCE);
    say(text("%s accepted", name), await_event(side.story.monitor, ZMQ_EVENT_ACCEPTED));
    plain_handshake(late, "DEALER");
    plain_send_bytes(late, "\0\4late", 6);
    say(text("%s is served", name), rx(side.socket));
    /* Over tcp the stock library is as busy as it can be, over ipc it has aborted. */
    if (transport == IPC)
        line(text("%s thread", name), "%s", used <= PAUSE + passed / 4 ? "sleeps" : "is busy");
    close(late);
    close(good);
}

static void starving_tcp(void)
{
    starving(TCP);
}

static void starving_ipc(void)
{
    starving(IPC);
}

static const struct rule rules[] = {
    RULE(peers_end), RULE(filtered), RULE(many), RULE(wildcard_text), RULE(typed_text), RULE(closed), RULE(close_failed),
    RULE(unbound_with_peers), RULE(blocks), RULE(adopted), RULE(starving_tcp), RULE(starving_ipc),
};

RUN(rules)
