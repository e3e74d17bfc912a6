/* See plain.h. */
#include "plain.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        _exit(1);
    }
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
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t) atoi(strrchr(endpoint, ':') + 1));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (struct sockaddr *) &address, sizeof address) == 0, "connect");
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
        must(bind(fd, (struct sockaddr *) &address, sizeof address) == 0 && listen(fd, 64) == 0, "listen");
        sprintf(endpoint, "ipc://%s", address.sun_path);
        return fd;
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(fd, (struct sockaddr *) &address, size) == 0 && listen(fd, 64) == 0, "listen");
    must(getsockname(fd, (struct sockaddr *) &address, &size) == 0, "getsockname");
    sprintf(endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

int plain_accept(int listener)
{
    if (!readable_within(listener, PATIENCE))
        return -1;
    return accept(listener, NULL, NULL);
}

void plain_send(int fd, const char *bytes)
{
    must(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL) == (ssize_t) strlen(bytes), "send");
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
