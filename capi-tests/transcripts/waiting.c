/* See transcript.h: waiting for events and for other threads. */
#include "transcript.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

const char *await(void *socket, int event)
{
    zmq_pollitem_t item = {socket, 0, (short) event, 0};
    int ready = zmq_poll(&item, 1, PATIENCE);
    if (ready == -1)
        return error_name(zmq_errno());
    return ready ? "yes" : "never";
}

const char *await_not(void *socket, int event)
{
    int fd = get_int(socket, ZMQ_FD);
    long end = now_ms() + PATIENCE;
    while (get_int(socket, ZMQ_EVENTS) & event) {
        if (now_ms() > end)
            return "never";
        /* The socket's descriptor says when there is something new to look at. */
        struct pollfd item = {fd, POLLIN, 0};
        poll(&item, 1, 50);
    }
    return "yes";
}

int readable_within(int fd, int limit)
{
    struct pollfd item = {fd, POLLIN, 0};
    return poll(&item, 1, limit) == 1;
}

void calm(void *ctx, void *socket)
{
    int fd = get_int(socket, ZMQ_FD);
    settle(ctx);
    do
        get_int(socket, ZMQ_EVENTS);
    while (readable_within(fd, QUIET));
}

void tx_there(void *ctx, void *socket, const char *frames)
{
    tx(socket, frames);
    settle(ctx);
    settle(ctx);
}

const char *skip_to(void *socket, const char *frame)
{
    size_t size = strlen(frame);
    for (;;) {
        const char *got = rx(socket);
        if (strlen(got) == size + 2 && memcmp(got + 1, frame, size) == 0)
            return "yes";
        if (got[0] != '[')
            return got;
    }
}

void sync_subscriptions(void *pub, void *sub)
{
    static int number;
    char topic[32];
    size_t size = (size_t) sprintf(topic, "\001~sync-%d.", ++number);
    if (get_int(sub, ZMQ_TYPE) == ZMQ_XSUB)
        zmq_send(sub, topic, size, 0);
    else
        subscribe(sub, topic + 1);
    long end = now_ms() + PATIENCE;
    zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
    do {
        get_int(pub, ZMQ_EVENTS);
        zmq_send(pub, topic + 1, size - 1, 0);
        if (now_ms() > end) {
            errno = ETIMEDOUT;
            give_up("no subscription");
        }
    } while (zmq_poll(&item, 1, 5) == 0);
    char last[48];
    sprintf(last, "%s last", topic + 1);
    zmq_send(pub, last, strlen(last), 0);
    skip_to(sub, shown(last, strlen(last)));
}

void *watch(void *socket, int mask)
{
    static int number;
    char name[48];
    snprintf(name, sizeof name, "inproc://monitor-%d", ++number);
    if (zmq_socket_monitor(socket, name, mask) != 0)
        give_up("zmq_socket_monitor");
    void *monitor = sock(context_of(socket), ZMQ_PAIR);
    connect_to(monitor, name);
    return monitor;
}

void unwatch(void *socket, void *monitor)
{
    zmq_socket_monitor(socket, NULL, 0);
    shut(monitor);
}

int next_event(void *monitor, int *value, char *address, size_t size)
{
    unsigned char head[6];
    uint16_t event;
    uint32_t number;
    if (zmq_recv(monitor, head, sizeof head, 0) != (int) sizeof head)
        return 0;
    memcpy(&event, head, sizeof event);
    memcpy(&number, head + sizeof event, sizeof number);
    char rest[512];
    int got = zmq_recv(monitor, rest, sizeof rest - 1, 0);
    rest[got < 0 ? 0 : got >= (int) sizeof rest ? (int) sizeof rest - 1 : got] = 0;
    if (value)
        *value = (int) number;
    if (address)
        snprintf(address, size, "%s", rest);
    return event;
}

const char *event_name(int event)
{
    static const char *const names[] = {
        "CONNECTED", "CONNECT_DELAYED", "CONNECT_RETRIED", "LISTENING", "BIND_FAILED", "ACCEPTED",
        "ACCEPT_FAILED", "CLOSED", "CLOSE_FAILED", "DISCONNECTED", "MONITOR_STOPPED",
        "HANDSHAKE_FAILED_NO_DETAIL", "HANDSHAKE_SUCCEEDED", "HANDSHAKE_FAILED_PROTOCOL",
        "HANDSHAKE_FAILED_AUTH"};
    if (event == 0)
        return "nothing";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (event == 1 << i)
            return names[i];
    }
    return text("event %d", event);
}

const char *await_event(void *monitor, int event)
{
    for (;;) {
        int got = next_event(monitor, NULL, NULL, 0);
        if (got == event)
            return "yes";
        if (got == 0)
            return "never";
    }
}

void exchange_notices(void *one, void *other)
{
    for (int round = 0; round < 3; round++) {
        settle(context_of(one));
        get_int(one, ZMQ_EVENTS);
        get_int(other, ZMQ_EVENTS);
    }
}

void leave(void *socket, void *peer, enum transport transport)
{
    if (transport == INPROC) {
        zmq_disconnect(socket, last_endpoint(socket));
        exchange_notices(socket, peer);
        return;
    }
    void *monitor = watch(peer, ZMQ_EVENT_DISCONNECTED);
    shut(socket);
    await_event(monitor, ZMQ_EVENT_DISCONNECTED);
    unwatch(peer, monitor);
    exchange_notices(peer, peer);
}

const char *bind_again(void *socket, const char *endpoint)
{
    long end = now_ms() + PATIENCE;
    for (;;) {
        int bound = zmq_bind(socket, endpoint);
        if (bound == 0 || now_ms() > end)
            return rc(bound);
        poll(NULL, 0, 1);
    }
}

const char *becomes_closed(int fd)
{
    long end = now_ms() + PATIENCE;
    while (fcntl(fd, F_GETFD) != -1 && now_ms() < end)
        poll(NULL, 0, 1);
    return fcntl(fd, F_GETFD) == -1 ? "closed" : "open";
}

/* How long the others wait: until somebody is likely to sleep. */
#define A_LITTLE 20

void *send_later(void *socket)
{
    zmq_poll(NULL, 0, A_LITTLE);
    tx(socket, "wakes");
    return NULL;
}

void *stop_later(void *ctx)
{
    zmq_poll(NULL, 0, A_LITTLE);
    zmq_ctx_shutdown(ctx);
    return NULL;
}

void *interrupt_later(void *thread)
{
    for (int i = 0; i < 20; i++) {
        zmq_poll(NULL, 0, A_LITTLE);
        pthread_kill(*(pthread_t *) thread, SIGUSR1);
    }
    return NULL;
}
