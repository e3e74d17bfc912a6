/*
 * A ROUTER with many peers, which are plain sockets of another process (rawpeers.h).
 *
 *     peers idle  N SECONDS               memory per peer, idle and after a message; CPU time while nothing happens
 *     peers storm N IN_PROGRESS [--raw]   N peers connect, at most IN_PROGRESS at a time, and each says hello
 *     peers echo  N COUNT                 messages of 100 B to peers chosen at random and back, at most 100 under way
 *
 * --raw: a plain accept loop takes the place of the ROUTER. The backlog is always the library's default, 100.
 */
#include "rawpeers.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <zmq.h>

enum { BODY_BYTES = 100, WINDOW = 100, BACKLOG = 100, SMOOTH = 64, CONTEXT_BYTES = 4 };

static int peer_count, in_progress, without_library;
static double idle_seconds;
static uint64_t message_count;

static const unsigned char ping[] = {FRAME_COMMAND, 7 + CONTEXT_BYTES, 4, 'P', 'I', 'N', 'G', 0, 0, 'c', 't', 'x', 't'};
static const unsigned char hello[] = {0, 5, 'h', 'e', 'l', 'l', 'o'};

/* ---- the server ---- */

struct server {
    void *context;
    void *socket;
};

static struct server open_server(struct link link)
{
    struct server server;
    char endpoint[ENDPOINT_BYTES];
    server.context = new_context();
    server.socket = open_socket(server.context, ZMQ_ROUTER, HIGH_WATER_MARK);
    bind_tcp(server.socket, endpoint);
    tell_number(link, port_of(endpoint));
    return server;
}

static void close_server(struct server server, struct link link)
{
    let_processes_end();
    tell_barrier(link);
    CHECK(zmq_close(server.socket));
    CHECK(zmq_ctx_term(server.context));
    wait_for_processes();
}

static size_t receive_from_peer(void *socket, unsigned char id[256], size_t *id_size, unsigned char *body, size_t room)
{
    int more;
    size_t option = sizeof more;
    *id_size = receive(socket, id, 256);
    CHECK(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &option));
    if (!more)
        fail_text("a routing id without a body");
    return receive(socket, body, room);
}

static void receive_hellos(void *socket, int count)
{
    unsigned char id[256], body[BODY_BYTES];
    size_t id_size;
    int i;
    for (i = 0; i < count; i++)
        if (receive_from_peer(socket, id, &id_size, body, sizeof body) != 5 || memcmp(body, "hello", 5) != 0)
            fail_text("a peer said something else than hello");
}

/* ---- idle peers ---- */

static int pongs;

static void expect_pong(struct peers *peers, struct peer *peer, int flags, const unsigned char *body, size_t size)
{
    (void) peers;
    (void) peer;
    if (!(flags & FRAME_COMMAND) || size < 5 || memcmp(body, "\4PONG", 5) != 0)
        fail_text("the server did not answer a PING with a PONG");
    pongs++;
}

/* A PONG says that the server has taken the peer in, without a message. */
static void connect_idle(struct peers *peers, int port, int count)
{
    pongs = 0;
    peers->frame = expect_pong;
    connect_peers(peers, port, count, SMOOTH, "DEALER", ping, sizeof ping);
    while (pongs < count)
        pump_peers(peers, -1);
}

static void idle_peers(struct link link)
{
    struct peers first, peers;
    const int port = (int) hear_number(link);
    int i;
    connect_idle(&first, port, 1);
    tell_barrier(link);
    hear_barrier(link);
    connect_idle(&peers, port, peer_count);
    tell_barrier(link);
    hear_barrier(link);
    for (i = 0; i < peer_count; i++)
        peer_send(&peers.all[i], 0, "hello", 5);
    hear_barrier(link);
    drop_peers(&peers);
    drop_peers(&first);
}

static void idle(void)
{
    const struct link link = start_process(idle_peers);
    const struct server server = open_server(link);
    double before, with_peers, after_messages, cpu;
    hear_barrier(link); /* one peer is there: threads and tables have been made */
    before = resident_bytes();
    tell_barrier(link);
    hear_barrier(link);
    with_peers = resident_bytes();
    sleep_ns(50000000); /* what is put off shortly after the last handshake is not idle time */
    cpu = cpu_seconds();
    sleep_ns((long) (idle_seconds * 1e9));
    cpu = cpu_seconds() - cpu;
    tell_barrier(link);
    receive_hellos(server.socket, peer_count);
    after_messages = resident_bytes();
    close_server(server, link);
    print_value("bytes_per_peer", (with_peers - before) / peer_count);
    print_value("bytes_per_peer_after_message", (after_messages - before) / peer_count);
    print_value("idle_cpu_us_per_second", cpu * 1e6 / idle_seconds);
}

/* ---- many peers at once ---- */

static void no_frame(struct peers *peers, struct peer *peer, int flags, const unsigned char *body, size_t size)
{
    (void) peers;
    (void) peer;
    (void) flags;
    (void) body;
    (void) size;
    fail_text("the server sent something");
}

static void storm_peers(struct link link)
{
    struct peers peers;
    const int port = (int) hear_number(link);
    peers.frame = no_frame;
    hear_barrier(link);
    connect_peers(&peers, port, peer_count, in_progress, "DEALER", hello, sizeof hello);
    tell_number(link, peers.again);
    hear_barrier(link);
    drop_peers(&peers);
}

static int listen_raw(struct link link)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK(bind(listener, (struct sockaddr *) &address, sizeof address));
    CHECK(listen(listener, BACKLOG));
    CHECK(getsockname(listener, (struct sockaddr *) &address, &length));
    tell_number(link, ntohs(address.sin_port));
    return listener;
}

static void watch_raw(int epoll, int fd)
{
    struct epoll_event event = {EPOLLIN, {0}};
    event.data.fd = fd;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

/* Accepts until the queue is empty, greets at once, and counts connections whose hello has come. */
static void serve_raw(int listener)
{
    unsigned char opening[128], data[512];
    const size_t opening_size = put_handshake(opening, "ROUTER");
    const size_t expected = put_handshake(data, "DEALER") + sizeof hello;
    size_t *got = CHECK_POINTER(calloc((size_t) sysconf(_SC_OPEN_MAX), sizeof *got));
    int hellos = 0, epoll;
    CHECK(epoll = epoll_create1(0));
    watch_raw(epoll, listener);
    while (hellos < peer_count) {
        struct epoll_event events[256];
        int i, count;
        CHECK(count = epoll_wait(epoll, events, 256, -1));
        for (i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) != -1) {
                    CHECK(write(fd, opening, opening_size));
                    watch_raw(epoll, fd);
                }
                if (errno != EAGAIN)
                    fail("accept");
            } else {
                const ssize_t some = read(fd, data, sizeof data);
                if (some == 0 || (some == -1 && errno == ECONNRESET && got[fd] < expected)) {
                    got[fd] = 0; /* the peer was told that it is not connected, and connects again */
                    CHECK(close(fd));
                    continue;
                }
                CHECK(some);
                got[fd] += (size_t) some;
                if (got[fd] > expected)
                    fail_text("a peer said something else than hello");
                hellos += got[fd] == expected;
            }
        }
    }
    free(got);
}

static void storm(void)
{
    const struct link link = start_process(storm_peers);
    struct server server = {NULL, NULL};
    const int listener = without_library ? listen_raw(link) : -1;
    double seconds, cpu, again;
    uint64_t start;
    if (!without_library)
        server = open_server(link);
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(link);
    if (without_library)
        serve_raw(listener);
    else
        receive_hellos(server.socket, peer_count);
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    again = hear_number(link); /* the last READY has been read */
    if (without_library) {
        let_processes_end();
        tell_barrier(link);
        wait_for_processes();
    } else {
        close_server(server, link);
    }
    print_value("seconds", seconds);
    print_value("rate", peer_count / seconds);
    print_value("cpu_us", cpu * 1e6 / peer_count);
    print_value("connected_again", again);
}

/* ---- echoes ---- */

static uint64_t sent, echoed, random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void send_to_some(struct peers *peers)
{
    unsigned char body[BODY_BYTES] = {0};
    struct peer *peer = &peers->all[next_random() % (uint64_t) peers->count];
    while (peer->busy) /* at most half of them are, or there is but one */
        peer = &peers->all[next_random() % (uint64_t) peers->count];
    peer->busy = 1;
    peer->next = sent++;
    put_sequence(body, peer->next);
    peer_send(peer, 0, body, sizeof body);
}

static void take_echo(struct peers *peers, struct peer *peer, int flags, const unsigned char *body, size_t size)
{
    if (flags != 0)
        fail_text("an echo with other flags");
    check_sequence(body, size, BODY_BYTES, peer->next);
    peer->busy = 0;
    echoed++;
    if (sent < message_count)
        send_to_some(peers);
}

static void echo_peers(struct link link)
{
    struct peers peers;
    const int port = (int) hear_number(link);
    const int window = peer_count < 2 * WINDOW ? (peer_count + 1) / 2 : WINDOW;
    int i;
    peers.frame = take_echo;
    connect_peers(&peers, port, peer_count, SMOOTH, "DEALER", "", 0);
    tell_barrier(link);
    hear_barrier(link);
    for (i = 0; i < window && sent < message_count; i++)
        send_to_some(&peers);
    while (echoed < message_count)
        pump_peers(&peers, -1);
    tell_barrier(link);
    hear_barrier(link);
    drop_peers(&peers);
}

static void echo(void)
{
    const struct link link = start_process(echo_peers);
    const struct server server = open_server(link);
    unsigned char id[256], body[BODY_BYTES];
    uint64_t i, start;
    double cpu, seconds;
    hear_barrier(link);
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(link);
    for (i = 0; i < message_count; i++) {
        size_t id_size;
        const size_t size = receive_from_peer(server.socket, id, &id_size, body, sizeof body);
        CHECK(zmq_send(server.socket, id, id_size, ZMQ_SNDMORE));
        CHECK(zmq_send(server.socket, body, size, 0));
    }
    hear_barrier(link);
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    close_server(server, link);
    print_value("rate", (double) message_count / seconds);
    print_value("cpu_us", cpu * 1e6 / (double) message_count); /* the server's only */
}

int main(int argc, char **argv)
{
    static const char text[] = "peers idle N SECONDS | storm N IN_PROGRESS [--raw] | echo N COUNT";
    begin();
    if (argc < 4)
        usage(text);
    peer_count = (int) number(argv[2]);
    if (strcmp(argv[1], "idle") == 0) {
        idle_seconds = atof(argv[3]);
        idle();
    } else if (strcmp(argv[1], "storm") == 0) {
        in_progress = (int) number(argv[3]);
        without_library = argc == 5 && strcmp(argv[4], "--raw") == 0;
        storm();
    } else if (strcmp(argv[1], "echo") == 0) {
        message_count = number(argv[3]);
        echo();
    } else {
        usage(text);
    }
    print_end();
    return 0;
}
