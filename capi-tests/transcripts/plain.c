/* See plain.h. */
#include "plain.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

void must(int ok, const char *what)
{
    if (!ok)
        give_up(what);
}

/* Of a numeric endpoint of tcp. */
static struct sockaddr_in address_of(const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64] = "";
    sscanf(endpoint, "tcp://%63[^:]", host);
    must(inet_aton(host, &address.sin_addr) != 0, endpoint);
    address.sin_port = htons((uint16_t) port_of(endpoint));
    return address;
}

int plain_connect(const char *endpoint)
{
    int fd;
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, endpoint + 6, sizeof address.sun_path - 1);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        must(connect(fd, (struct sockaddr *) &address, sizeof address) == 0, "connect");
        return fd;
    }
    struct sockaddr_in address = address_of(endpoint);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (struct sockaddr *) &address, sizeof address) == 0, "connect");
    return fd;
}

/* An address of this process alone; no port. */
static struct sockaddr_in own_address(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(0x7f800000U | ((unsigned) getpid() & 0x7fffffU));
    return address;
}

/* A socket bound to that address, on its port or a free one, which is then in it. */
static int bound(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    must(bind(fd, (struct sockaddr *) address, size) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *) address, &size) == 0, "getsockname");
    return fd;
}

static void name_of(const struct sockaddr_in *address, char *endpoint)
{
    sprintf(endpoint, "tcp://%s:%d", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
}

/* A free port, bound. */
static int own_port(char *endpoint)
{
    struct sockaddr_in address = own_address();
    int fd = bound(&address);
    name_of(&address, endpoint);
    return fd;
}

int plain_listen(enum transport transport, char *endpoint)
{
    int fd;
    if (transport == IPC) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        sprintf(address.sun_path, "plain.sock");
        unlink(address.sun_path);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        must(bind(fd, (struct sockaddr *) &address, sizeof address) == 0, "bind");
        sprintf(endpoint, "ipc://%s", address.sun_path);
    } else {
        fd = own_port(endpoint);
    }
    must(listen(fd, 64) == 0, "listen");
    return fd;
}

const char *plain_bind(void *socket)
{
    struct sockaddr_in address = own_address();
    int result = zmq_bind(socket, text("tcp://%s:*", inet_ntoa(address.sin_addr)));
    must(result == 0, "bind");
    return keep(last_endpoint(socket));
}

const char *plain_vacant(void)
{
    char *endpoint = scratch(64);
    own_port(endpoint);
    return keep(endpoint);
}

int plain_listen_at(const char *endpoint)
{
    struct sockaddr_in address = address_of(endpoint);
    int fd = bound(&address);
    must(listen(fd, 64) == 0, "listen");
    return fd;
}

int plain_accept(int listener)
{
    if (!readable_within(listener, PATIENCE))
        return -1;
    return accept(listener, NULL, NULL);
}

struct deaf plain_deaf(const char *host)
{
    struct deaf deaf;
    struct sockaddr_in address = host ? address_of(text("tcp://%s:0", host)) : own_address();
    deaf.listener = bound(&address);
    must(listen(deaf.listener, 0) == 0, "listen");
    for (size_t i = 0; i < sizeof deaf.fillers / sizeof deaf.fillers[0]; i++) {
        deaf.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(deaf.fillers[i], (struct sockaddr *) &address, sizeof address);
    }
    name_of(&address, deaf.endpoint);
    return deaf;
}

void plain_deaf_gone(const struct deaf *deaf)
{
    close(deaf->listener);
    for (size_t i = 0; i < sizeof deaf->fillers / sizeof deaf->fillers[0]; i++)
        close(deaf->fillers[i]);
}

void plain_send_bytes(int fd, const void *bytes, size_t size)
{
    must(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t) size, "send");
}

void plain_send(int fd, const char *bytes)
{
    plain_send_bytes(fd, bytes, strlen(bytes));
}

const char *plain_greeting(const char *mechanism)
{
    char *greeting = scratch(64);
    memcpy(greeting, "\xff\0\0\0\0\0\0\0\1\x7f\3\1", 12);
    memcpy(greeting + 12, mechanism, strlen(mechanism));
    return greeting;
}

void plain_handshake(int fd, const char *type)
{
    char ready[64] = "\4?\5READY\13Socket-Type\0\0\0?";
    size_t length = strlen(type), size = 24 + length;
    ready[1] = (char) (size - 2);
    ready[23] = (char) length;
    memcpy(ready + 24, type, length);
    plain_send_bytes(fd, plain_greeting("NULL"), 64);
    plain_send_bytes(fd, ready, size);
    unsigned char head[66], body[256];
    must(recv(fd, head, sizeof head, MSG_WAITALL) == (ssize_t) sizeof head, "greeting");
    must(recv(fd, body, head[65], MSG_WAITALL) == (ssize_t) head[65], "READY");
}

void plain_reset(int fd)
{
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

const char *plain_recv(int fd, size_t size)
{
    char bytes[4096];
    size_t got = 0;
    while (got < size) {
        if (!readable_within(fd, PATIENCE))
            return text("%s and nothing more", shown(bytes, got));
        ssize_t now = recv(fd, bytes + got, sizeof bytes - got, 0);
        if (now <= 0)
            return got ? text("%s and the end", shown(bytes, got)) : "end";
        got += (size_t) now;
    }
    return shown(bytes, got);
}

size_t plain_count(int fd, void *socket)
{
    static char bytes[65536];
    size_t total = 0;
    long end = now_ms() + PATIENCE;
    while (now_ms() < end) {
        if (!readable_within(fd, 20)) {
            events(socket);
            continue;
        }
        ssize_t now = recv(fd, bytes, sizeof bytes, 0);
        if (now <= 0)
            return total;
        total += (size_t) now;
    }
    return total + 1;
}

const char *plain_end(int fd, void *socket)
{
    return plain_count(fd, socket) == 0 ? "end" : "not the end";
}

struct id known_ids[26];

char letter_of(const void *bytes, size_t size)
{
    int i = 0;
    while (known_ids[i].size && (known_ids[i].size != size || memcmp(known_ids[i].bytes, bytes, size) != 0))
        i++;
    memcpy(known_ids[i].bytes, bytes, size);
    known_ids[i].size = size;
    return (char) ('A' + i);
}

const char *get(void *socket)
{
    static char data[100000];
    char id[256];
    int size = zmq_recv(socket, id, sizeof id, 0);
    if (size < 0)
        return error_name(zmq_errno());
    char letter = letter_of(id, (size_t) size);
    int more = get_int(socket, ZMQ_RCVMORE);
    int length = zmq_recv(socket, data, sizeof data, 0);
    if (length < 0)
        return text("%c %s", letter, error_name(zmq_errno()));
    const char *shown_data = length > 60 ? text("%d bytes", length) : shown(data, (size_t) length);
    return text("%c%s%s%s", letter, more ? " + " : " ", shown_data,
                get_int(socket, ZMQ_RCVMORE) ? " +" : "");
}

const char *get_quiet(void *socket)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, QUIET) == 1 ? get(socket) : "nothing";
}

const char *put_bytes(void *socket, char letter, const void *data, size_t size, int flags)
{
    int i = letter - 'A';
    if (zmq_send(socket, known_ids[i].bytes, known_ids[i].size, ZMQ_SNDMORE | flags) < 0)
        return error_name(zmq_errno());
    return tx_bytes(socket, data, size, flags);
}

const char *put(void *socket, char letter, const char *data)
{
    return put_bytes(socket, letter, data, strlen(data), ZMQ_DONTWAIT);
}

const char *await_with(void *socket, void *other)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    for (long end = now_ms() + PATIENCE; now_ms() < end;) {
        if (zmq_poll(&item, 1, 20) == 1)
            return "yes";
        events(other);
    }
    return "never";
}

const char *own_id(void *socket)
{
    char id[256];
    size_t size = sizeof id;
    if (zmq_getsockopt(socket, ZMQ_ROUTING_ID, id, &size) != 0)
        return error_name(zmq_errno());
    return size ? text("%c, %zu bytes, first %d", letter_of(id, size), size, id[0]) : "empty";
}

const int raw_types[2] = {ZMQ_STREAM, ZMQ_ROUTER};

void *raw(void *ctx, int type)
{
    void *socket = sock(ctx, type);
    if (type == ZMQ_ROUTER)
        set_int(socket, ZMQ_ROUTER_RAW, 1);
    return socket;
}

static struct rlimit descriptors_before;

void no_descriptors(void)
{
    getrlimit(RLIMIT_NOFILE, &descriptors_before);
    /* Not fewer than a library polls at once: that would be another error. */
    struct rlimit none = {3, descriptors_before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
}

void descriptors_again(void)
{
    setrlimit(RLIMIT_NOFILE, &descriptors_before);
}
