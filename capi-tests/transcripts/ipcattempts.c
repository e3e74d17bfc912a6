/* Attempts to connect over ipc: what fails is tried again, whatever it was. transports.md section 3. */
#include "plain.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Of the draft part of zmq.h; every build accepts the number. */
enum { RECONNECT_STOP = 109, CONN_REFUSED = 1, AFTER_DISCONNECT = 4 };

static const char *const path = "attempts.sock";
static const char *const endpoint = "ipc://attempts.sock";

/* A listener at the path, instead of what the rule before left there. */
static int own_listener(int backlog, struct sockaddr_un *address)
{
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(fd, (struct sockaddr *) address, sizeof *address) == 0 && listen(fd, backlog) == 0, "listen");
    return fd;
}

/* Tries with these options, two failures long; what there is to see but for the values. */
static void *failing(const char *key, int option, int value)
{
    void *push = sock(context(), ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    if (option)
        set_int(push, option, value);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    connect_to(push, endpoint);
    tx(push, "waits");
    begin_line(key);
    for (int i = 0; i < 4; i++)
        in_line("event", event_name(next_event(monitor, NULL, NULL, 0)));
    end_line();
    return monitor;
}

/* Somebody is there now. */
static void reached(const char *key, void *monitor)
{
    void *pull = sock(context_of(monitor), ZMQ_PULL);
    line(text("%s, bind", key), "%s", rc(zmq_bind(pull, endpoint)));
    say(text("%s, connected", key), await_event(monitor, ZMQ_EVENT_CONNECTED));
    say(text("%s, recv", key), rx(pull));
}

/* A file that nobody listens behind any more. */
static void make_stale(void)
{
    struct sockaddr_un address = {0};
    close(own_listener(1, &address));
}

static void missing(void)
{
    reached("missing", failing("missing", 0, 0));
}

static void stale(void)
{
    make_stale();
    reached("stale", failing("stale", 0, 0));
}

static void no_socket(void)
{
    unlink(path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    reached("a file", failing("a file", 0, 0));
}

static void missing_directory(void)
{
    void *push = sock(context(), ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL), *pull = sock(context_of(push), ZMQ_PULL);
    connect_to(push, "ipc://later/inside");
    for (int i = 0; i < 4; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
    must(mkdir("later", 0700) == 0, "mkdir");
    say("bind", rc(zmq_bind(pull, "ipc://later/inside")));
    say("connected", await_event(monitor, ZMQ_EVENT_CONNECTED));
}

/* The bits of ZMQ_RECONNECT_STOP for refused attempts, and times for them, are for tcp. */
static void refused_goes_on(void)
{
    make_stale();
    reached("stop when refused", failing("stop when refused", RECONNECT_STOP, CONN_REFUSED));
}

/* Whether refused attempts stop: that is decided by the option as it is at the time of a zmq_disconnect. */
static void stop_is_read_at_the_disconnect(void)
{
    static const int bits[][2] = {{0, 0}, {0, AFTER_DISCONNECT}, {AFTER_DISCONNECT, 0}, {AFTER_DISCONNECT, AFTER_DISCONNECT}};
    make_stale();
    for (int i = 0; i < 4; i++) {
        void *push = sock(context(), ZMQ_PUSH);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        set_int(push, RECONNECT_STOP, bits[i][0]);
        connect_to(push, "ipc://nobody.sock");
        set_int(push, RECONNECT_STOP, bits[i][1]);
        zmq_disconnect(push, "ipc://nobody.sock");
        set_int(push, RECONNECT_STOP, bits[i][0]);
        /* No attempt at the other one is left. */
        settle(context_of(push));
        void *monitor = watch(push, ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED);
        connect_to(push, endpoint);
        begin_line(text("%d, then %d", bits[i][0], bits[i][1]));
        in_line("event", event_name(next_event(monitor, NULL, NULL, 0)));
        set_int(monitor, ZMQ_RCVTIMEO, bits[i][1] ? QUIET : PATIENCE);
        in_line("then", event_name(next_event(monitor, NULL, NULL, 0)));
        end_line();
    }
}

/* A listener whose queue is full, and the descriptors in it. */
static int full_listener(int *waiting, int most)
{
    struct sockaddr_un address = {0};
    int fd = own_listener(0, &address), count = 0;
    while (count < most) {
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[count], (struct sockaddr *) &address, sizeof address) != 0)
            break;
        count++;
    }
    must(count < most && errno == EAGAIN, "a full queue");
    return fd;
}

static void full(const char *key, int option, int value)
{
    int waiting[8], listener = full_listener(waiting, 8);
    void *monitor = failing(key, option, value);
    /* Who waited is taken, and leaves room. */
    close(plain_accept(listener));
    say(text("%s, connected", key), await_event(monitor, ZMQ_EVENT_CONNECTED));
    int peer = plain_accept(listener);
    line(text("%s, greets", key), "%d", readable_within(peer, PATIENCE));
}

static void full_queue(void)
{
    full("full", 0, 0);
}

static void no_connect_timeout(void)
{
    full("full, with a time", ZMQ_CONNECT_TIMEOUT, 1);
}

/* The superuser may everything: it is somebody else for a while. */
static void not_allowed(void)
{
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL);
    say("bind", rc(zmq_bind(pull, endpoint)));
    must(chmod(path, 0) == 0, "chmod");
    int is_root = geteuid() == 0;
    must(!is_root || seteuid(65534) == 0, "seteuid");
    void *monitor = failing("not allowed", 0, 0);
    must(!is_root || seteuid(0) == 0, "seteuid");
    must(chmod(path, 0700) == 0, "chmod");
    say("connected", await_event(monitor, ZMQ_EVENT_CONNECTED));
    say("recv", rx(pull));
}

static const struct rule rules[] = {
    RULE(missing), RULE(stale), RULE(no_socket), RULE(missing_directory), RULE(refused_goes_on), RULE(stop_is_read_at_the_disconnect), RULE(full_queue),
    RULE(no_connect_timeout), RULE(not_allowed),
};

RUN(rules)
