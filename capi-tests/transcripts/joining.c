/* See transcript.h: endpoints, and joining sockets at them. */
#include "transcript.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

const char *vacant(enum transport transport)
{
    static int number;
    if (transport != TCP)
        return text(transport == IPC ? "ipc://vacant-%d.sock" : "inproc://vacant-%d", ++number);
    /* Stays bound, not listening, so that nobody gets the port by chance; who binds to it with SO_REUSEADDR may. */
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *) &address, size) != 0
        || getsockname(fd, (struct sockaddr *) &address, &size) != 0)
        give_up("no port");
    return text("tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

const char *last_endpoint(void *socket)
{
    char *out = scratch(512);
    size_t size = 512;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, out, &size) != 0)
        return error_name(zmq_errno());
    return out;
}

const char *masked(const char *endpoint)
{
    char *out = scratch(strlen(endpoint) + 16);
    strcpy(out, endpoint);
    if (strncmp(out, "ipc://", 6) == 0) {
        char *directory = strstr(out, "/tmp");
        size_t size = strlen(out);
        if (directory && size > 7 && strcmp(out + size - 7, "/socket") == 0)
            strcpy(out + 6, "TEMPORARY/socket");
        return out;
    }
    char *colon = strrchr(out, ':');
    if (colon && colon[1] >= '0' && colon[1] <= '9')
        strcpy(colon, ":PORT");
    return out;
}

int port_of(const char *endpoint)
{
    return atoi(strrchr(endpoint, ':') + 1);
}

const char *bind_any(void *socket, enum transport transport)
{
    static int number;
    char *name = scratch(64);
    switch (transport) {
    case INPROC:
        snprintf(name, 64, "inproc://endpoint-%d", ++number);
        break;
    case TCP:
        strcpy(name, "tcp://127.0.0.1:*");
        break;
    case IPC:
        strcpy(name, "ipc://*");
        break;
    }
    if (zmq_bind(socket, name) != 0)
        give_up(text("bind %s", name));
    /* Not from scratch: callers keep it for the whole rule. */
    return keep(last_endpoint(socket));
}

void connect_to(void *socket, const char *endpoint)
{
    if (zmq_connect(socket, endpoint) != 0)
        give_up(text("connect %s", masked(endpoint)));
}

void attach_to(void *binder, void *connecter, const char *endpoint)
{
    if (strncmp(endpoint, "inproc", 6) == 0) {
        connect_to(connecter, endpoint);
    } else {
        void *at_binder = watch(binder, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        void *at_connecter = watch(connecter, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        connect_to(connecter, endpoint);
        if (next_event(at_binder, NULL, NULL, 0) == 0
            || next_event(at_connecter, NULL, NULL, 0) == 0) {
            errno = ETIMEDOUT;
            give_up("no handshake");
        }
        unwatch(binder, at_binder);
        unwatch(connecter, at_connecter);
        settle(context_of(binder));
        settle(context_of(connecter));
    }
    get_int(binder, ZMQ_EVENTS);
    get_int(connecter, ZMQ_EVENTS);
}

const char *attach(void *binder, void *connecter, enum transport transport)
{
    const char *endpoint = bind_any(binder, transport);
    attach_to(binder, connecter, endpoint);
    return endpoint;
}

void settle(void *ctx)
{
    void *here = sock(ctx, ZMQ_PAIR);
    void *there = sock(ctx, ZMQ_PAIR);
    const char *endpoint = bind_any(here, TCP);
    connect_to(there, endpoint);
    tx(there, "settled");
    rx(here);
    shut(here);
    shut(there);
}
