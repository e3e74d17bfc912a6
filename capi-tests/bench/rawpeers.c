#include "rawpeers.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { GREETING_BYTES = 64, READ_BYTES = 256 * 1024, EVENTS = 512 };

size_t put_handshake(unsigned char *at, const char *type)
{
    static const unsigned char head[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1, 'N', 'U', 'L', 'L'};
    const size_t length = strlen(type), body = 1 + 5 + 1 + 11 + 4 + length;
    unsigned char *to = at + GREETING_BYTES;
    memset(at, 0, GREETING_BYTES);
    memcpy(at, head, sizeof head);
    *to++ = FRAME_COMMAND;
    *to++ = (unsigned char) body;
    memcpy(to, "\5READY\13Socket-Type\0\0\0", 21);
    to += 21;
    *to++ = (unsigned char) length;
    memcpy(to, type, length);
    return GREETING_BYTES + 2 + body;
}

static void write_whole(int fd, const void *data, size_t length)
{
    /* The server reads all the time, and what is under way is bounded: a full socket would be a fault of the test. */
    const ssize_t wrote = send(fd, data, length, MSG_NOSIGNAL);
    if (wrote == -1)
        fail("write to the server");
    if ((size_t) wrote != length)
        fail_text("the server's socket is full");
}

void peer_send(struct peer *peer, int flags, const void *body, size_t size)
{
    unsigned char frame[2 + 255];
    if (size > 255)
        fail_text("a frame of more than 255 bytes");
    frame[0] = (unsigned char) flags;
    frame[1] = (unsigned char) size;
    memcpy(frame + 2, body, size);
    write_whole(peer->fd, frame, size + 2);
}

/* Takes whole frames off the front; gives how many bytes were taken. */
static size_t parse(struct peers *peers, struct peer *peer, const unsigned char *data, size_t length)
{
    size_t at = 0;
    if (!peer->greeted) {
        if (length < GREETING_BYTES)
            return 0;
        peer->greeted = 1;
        at = GREETING_BYTES;
    }
    while (length - at >= 2) {
        const int flags = data[at];
        const size_t size = data[at + 1];
        if (flags & FRAME_LONG)
            fail_text("the server sent a long frame");
        if (length - at < 2 + size)
            break;
        if (peer->ready) {
            peers->frame(peers, peer, flags, data + at + 2, size);
        } else {
            if (!(flags & FRAME_COMMAND) || size < 6 || memcmp(data + at + 2, "\5READY", 6) != 0)
                fail_text("the server did not answer with READY");
            peer->ready = 1;
            peers->ready++;
            /* libzmq ends a connection that sends more before its own READY has gone out. */
            if (peers->then_size != 0)
                write_whole(peer->fd, peers->then, peers->then_size);
        }
        at += 2 + size;
    }
    return at;
}

static void watch(struct peers *peers, struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {events, {peer}};
    CHECK(epoll_ctl(peers->epoll, operation, peer->fd, &event));
}

static void start_peer(struct peers *peers, struct peer *peer)
{
    const int on = 1;
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t) peers->port);
    memset(peer, 0, sizeof *peer);
    CHECK(peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK(setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (connect(peer->fd, (struct sockaddr *) &address, sizeof address) == -1 && errno != EINPROGRESS)
        fail("connect");
    watch(peers, peer, EPOLL_CTL_ADD, EPOLLOUT);
}

/* A full accept queue ends connections that the client took for made. */
static void connect_again(struct peers *peers, struct peer *peer)
{
    CHECK(close(peer->fd));
    peers->again++;
    start_peer(peers, peer);
}

static void read_peer(struct peers *peers, struct peer *peer)
{
    static unsigned char buffer[KEEP_BYTES + READ_BYTES];
    ssize_t got;
    size_t length, taken;
    memcpy(buffer, peer->keep, peer->kept);
    got = recv(peer->fd, buffer + peer->kept, READ_BYTES, 0);
    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (!peer->ready && (got == 0 || (got == -1 && errno == ECONNRESET))) {
        connect_again(peers, peer);
        return;
    }
    if (got == -1)
        fail("read from the server");
    if (got == 0)
        fail_text("the server ended a connection");
    length = peer->kept + (size_t) got;
    taken = parse(peers, peer, buffer, length);
    peer->kept = length - taken;
    if (peer->kept > KEEP_BYTES)
        fail_text("too much of an incomplete frame");
    memcpy(peer->keep, buffer + taken, peer->kept);
}

/* What is sent once a connection stands. */
static unsigned char opening[128];
static size_t opening_size;

static void handle(struct peers *peers, const struct epoll_event *event)
{
    struct peer *peer = event->data.ptr;
    if (event->events & EPOLLOUT) {
        int error = 0;
        socklen_t length = sizeof error;
        CHECK(getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &length));
        if (error == ECONNRESET) {
            connect_again(peers, peer);
            return;
        }
        if (error != 0) {
            errno = error;
            fail("connect");
        }
        write_whole(peer->fd, opening, opening_size);
        watch(peers, peer, EPOLL_CTL_MOD, EPOLLIN);
    } else {
        read_peer(peers, peer);
    }
}

void pump_peers(struct peers *peers, int milliseconds)
{
    struct epoll_event events[EVENTS];
    int i, count = epoll_wait(peers->epoll, events, EVENTS, milliseconds);
    if (count == -1 && errno != EINTR)
        fail("epoll_wait");
    for (i = 0; i < count; i++)
        handle(peers, &events[i]);
}

void connect_peers(struct peers *peers, int port, int count, int in_progress, const char *type, const void *then,
                   size_t then_size)
{
    peers->port = port;
    peers->all = CHECK_POINTER(calloc((size_t) count, sizeof *peers->all));
    peers->count = count;
    peers->connected = peers->ready = peers->again = 0;
    CHECK(peers->epoll = epoll_create1(EPOLL_CLOEXEC));
    opening_size = put_handshake(opening, type);
    peers->then = then;
    peers->then_size = then_size;
    while (peers->ready < count) {
        while (peers->connected < count && peers->connected - peers->ready < in_progress)
            start_peer(peers, &peers->all[peers->connected++]);
        pump_peers(peers, -1);
    }
}

void drop_peers(struct peers *peers)
{
    const struct linger reset = {1, 0};
    int i;
    for (i = 0; i < peers->connected; i++) {
        CHECK(setsockopt(peers->all[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
        CHECK(close(peers->all[i].fd));
    }
    CHECK(close(peers->epoll));
    free(peers->all);
    peers->all = NULL;
}
