/* ZMQ_USE_FD with descriptors that are no listening stream sockets. transports.md sections 2.4, 3 and 15. */
#include "plain.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What becomes of such a descriptor: the call, the events, and whether it is open then and after the close. The stock
 * library aborts some time after the bind: all is said at the end. */
static void bind_with(int fd, const char *endpoint)
{
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_USE_FD, fd);
    void *monitor = watch(pull, ZMQ_EVENT_LISTENING | ZMQ_EVENT_BIND_FAILED | ZMQ_EVENT_ACCEPT_FAILED);
    int result = zmq_bind(pull, endpoint);
    int number = 0, event = next_event(monitor, &number, NULL, 0);
    const char *first = text("%s%s%s", event_name(event), result ? " " : "", result ? error_name(number) : "");
    set_int(monitor, ZMQ_RCVTIMEO, QUIET);
    event = next_event(monitor, &number, NULL, 0);
    begin_line(text("%s", endpoint));
    in_line("bind", text("%d", result));
    in_line("last", masked(last_endpoint(pull)));
    in_line("event", first);
    in_line("then", text("%s%s%s", event_name(event), event ? " " : "", event ? error_name(number) : ""));
    in_line("the descriptor is", fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
    shut(pull);
    in_line("after the close", result == 0 ? becomes_closed(fd) : fcntl(fd, F_GETFD) == -1 ? "closed" : "open");
    end_line();
}

static int inet(int type, int binds)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type, 0);
    must(!binds || bind(fd, (struct sockaddr *) &address, sizeof address) == 0, "bind");
    return fd;
}

static void fresh(void)
{
    bind_with(inet(SOCK_STREAM, 0), "tcp://127.0.0.1:*");
}

static void not_listening(void)
{
    bind_with(inet(SOCK_STREAM, 1), "tcp://127.0.0.1:*");
}

static void connected(void)
{
    char endpoint[64];
    plain_listen(TCP, endpoint);
    bind_with(plain_connect(endpoint), "tcp://127.0.0.1:*");
}

static void accepted(void)
{
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    plain_connect(endpoint);
    bind_with(plain_accept(listener), "tcp://127.0.0.1:*");
}

static void datagrams(void)
{
    bind_with(inet(SOCK_DGRAM, 1), "tcp://127.0.0.1:*");
}

static void a_pipe(void)
{
    int ends[2];
    must(pipe(ends) == 0, "pipe");
    bind_with(ends[0], "tcp://127.0.0.1:*");
}

static void an_end_of_a_pair(void)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    bind_with(ends[0], "ipc://name");
}

static void ipc_not_listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "not-listening"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(fd, (struct sockaddr *) &address, sizeof address) == 0, "bind");
    bind_with(fd, "ipc://not-listening");
}

static void ipc_datagrams(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "datagrams"};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    must(bind(fd, (struct sockaddr *) &address, sizeof address) == 0, "bind");
    bind_with(fd, "ipc://datagrams");
}

static void ipc_of_tcp(void)
{
    bind_with(inet(SOCK_STREAM, 1), "ipc://name");
}

static void ipc_not_open(void)
{
    bind_with(999, "ipc://name");
}

/* It begins to listen when it was found not to: then it is a listener like any other. */
static void listens_later(void)
{
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    int fd = inet(SOCK_STREAM, 1);
    set_int(pull, ZMQ_USE_FD, fd);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPT_FAILED);
    zmq_bind(pull, "tcp://127.0.0.1:*");
    await_event(monitor, ZMQ_EVENT_ACCEPT_FAILED);
    must(listen(fd, 10) == 0, "listen");
    connect_to(push, last_endpoint(pull));
    tx(push, "hello");
    say("recv", rx(pull));
}

static const struct rule rules[] = {
    RULE(fresh), RULE(not_listening), RULE(connected), RULE(accepted), RULE(datagrams), RULE(a_pipe),
    RULE(an_end_of_a_pair), RULE(ipc_not_listening), RULE(ipc_datagrams), RULE(ipc_of_tcp), RULE(ipc_not_open),
    RULE(listens_later),
};

RUN(rules)
