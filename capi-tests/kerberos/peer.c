/* One end of a connection whose mechanism is GSSAPI: peer KEY=VALUE...
 *
 *   end=bind | connect:ENDPOINT      bind prints `endpoint tcp://...`
 *   role=server | client | none      none: no security at all
 *   principal= service= nametype= servicetype= plaintext=    the options of these names
 *   zap=200 | 300 | 400 | 500        a handler in this process, which gives that status
 *   user=NAME                        messages have this User-Id, which is `somebody` for who was let in
 *   job=push pull req rep dealer router xpub sub | watch aside       what to do; watch only looks at events, and aside
 *                                    sees to it that others go on
 *   watch=MS                         for how long
 *   interval=MS                      ZMQ_HANDSHAKE_IVL
 *   patience=MS                      of each send and receive
 *
 * The last line says `done: WHAT` or what went wrong; events of the handshake and requests to the handler come before.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define LARGE (1024 * 1024)

static void *context;
/* Nothing takes that long unless it hangs. */
static int patience = 10000;

static void fail(const char *what)
{
    printf("failed: %s (%s)\n", what, zmq_strerror(zmq_errno()));
    fflush(stdout);
    _exit(1);
}

/* The value of a key, or NULL. */
static const char *argument(char **arguments, const char *key)
{
    size_t length = strlen(key);
    for (; *arguments; arguments++)
        if (strncmp(*arguments, key, length) == 0 && (*arguments)[length] == '=')
            return *arguments + length + 1;
    return NULL;
}

static void set_int(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) != 0)
        fail("an int option");
}

/* ---- events ---- */

static void *monitor;

static void print_event(int event, int value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        printf("event succeeded\n");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        printf("event failed\n");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        printf("event protocol %08x\n", value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        printf("event refused %d\n", value);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        printf("event disconnected\n");
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        printf("event retried\n");
        break;
    }
}

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Prints the events that come within `time` ms. */
static void print_events(long time)
{
    zmq_pollitem_t item = {monitor, 0, ZMQ_POLLIN, 0};
    long end = now() + time;
    while (zmq_poll(&item, 1, end > now() ? end - now() : 0) > 0 && now() <= end) {
        unsigned char frame[6];
        char address[256];
        uint16_t event;
        uint32_t value;
        if (zmq_recv(monitor, frame, sizeof frame, 0) != sizeof frame ||
            zmq_recv(monitor, address, sizeof address, 0) < 0)
            fail("an event");
        memcpy(&event, frame, sizeof event);
        memcpy(&value, frame + 2, sizeof value);
        print_event(event, (int)value);
    }
}

static void begin_events(void *socket)
{
    if (zmq_socket_monitor(socket, "inproc://events", ZMQ_EVENT_ALL) != 0)
        fail("zmq_socket_monitor");
    monitor = zmq_socket(context, ZMQ_PAIR);
    if (zmq_connect(monitor, "inproc://events") != 0)
        fail("the monitor");
}

/* ---- the ZAP handler ---- */

static const char *status;
static void *handler;

/* Prints what it is asked, mechanism and credentials, and answers. */
static void *handle(void *unused)
{
    (void)unused;
    for (;;) {
        char frames[12][300];
        int count = 0, more = 1;
        size_t size = sizeof more;
        while (more && count < 12) {
            int length = zmq_recv(handler, frames[count], sizeof frames[count] - 1, 0);
            if (length < 0)
                return NULL;
            frames[count++][length] = '\0';
            if (zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size) != 0)
                return NULL;
            /* A NUL in a credential would be one too many. */
            if (count == 7)
                printf("asked [%s] %s, %d frames, %d bytes\n", frames[5], frames[6], count, length);
        }
        const char *reply[] = {"1.0", frames[1], status, "text", "somebody", ""};
        for (int at = 0; at < 6; at++)
            if (zmq_send(handler, reply[at], strlen(reply[at]), at < 5 ? ZMQ_SNDMORE : 0) < 0)
                return NULL;
    }
}

static void begin_handler(const char *value)
{
    pthread_t thread;
    status = value;
    handler = zmq_socket(context, ZMQ_REP);
    if (zmq_bind(handler, "inproc://zeromq.zap.01") != 0 || pthread_create(&thread, NULL, handle, NULL) != 0)
        fail("the handler");
    pthread_detach(thread);
}

/* ---- messages ---- */

static char *large;
/* What the handler says; NULL: nobody looks. */
static const char *expected_user;

static void send_frame(void *socket, const void *bytes, size_t length, int flags)
{
    if (zmq_send(socket, bytes, length, flags) != (int)length)
        fail("send");
}

static void expect_frame(void *socket, const void *bytes, size_t length, int more)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, 0) < 0)
        fail("receive");
    if (zmq_msg_size(&message) != length || memcmp(zmq_msg_data(&message), bytes, length) != 0 ||
        zmq_msg_more(&message) != more) {
        printf("failed: another frame than expected: %zu bytes for %zu\n", zmq_msg_size(&message), length);
        fflush(stdout);
        _exit(1);
    }
    const char *user = zmq_msg_gets(&message, "User-Id");
    if (expected_user && (!user || strcmp(user, expected_user) != 0))
        fail("a property of the handler's reply");
    zmq_msg_close(&message);
}

/* Small and empty ones, many at once, one of several frames, a large one. */
static void send_all(void *socket)
{
    send_frame(socket, "hello", 5, 0);
    send_frame(socket, "", 0, 0);
    for (int count = 0; count < 500; count++)
        send_frame(socket, &count, sizeof count, 0);
    send_frame(socket, "one", 3, ZMQ_SNDMORE);
    send_frame(socket, "", 0, ZMQ_SNDMORE);
    send_frame(socket, large, 70000, ZMQ_SNDMORE);
    send_frame(socket, "end", 3, 0);
    send_frame(socket, large, LARGE, 0);
    /* A command without security; here it is a message. */
    send_frame(socket, "\4PING", 5, 0);
}

static void expect_all(void *socket)
{
    expect_frame(socket, "hello", 5, 0);
    expect_frame(socket, "", 0, 0);
    for (int count = 0; count < 500; count++)
        expect_frame(socket, &count, sizeof count, 0);
    expect_frame(socket, "one", 3, 1);
    expect_frame(socket, "", 0, 1);
    expect_frame(socket, large, 70000, 1);
    expect_frame(socket, "end", 3, 0);
    expect_frame(socket, large, LARGE, 0);
    expect_frame(socket, "\4PING", 5, 0);
}

static void request(void *socket)
{
    for (int round = 0; round < 5; round++) {
        send_frame(socket, "question", 8, ZMQ_SNDMORE);
        send_frame(socket, large, round == 4 ? LARGE : 100, 0);
        expect_frame(socket, large, round == 4 ? LARGE : 100, 1);
        expect_frame(socket, "answer", 6, 0);
    }
}

static void answer(void *socket)
{
    for (int round = 0; round < 5; round++) {
        expect_frame(socket, "question", 8, 1);
        expect_frame(socket, large, round == 4 ? LARGE : 100, 0);
        send_frame(socket, large, round == 4 ? LARGE : 100, ZMQ_SNDMORE);
        send_frame(socket, "answer", 6, 0);
    }
}

/* A ROUTER sends everything back to DEALER. */
static void route(void *socket)
{
    char id[256];
    int length = zmq_recv(socket, id, sizeof id, 0);
    if (length <= 0)
        fail("a routing id");
    expect_frame(socket, "to router", 9, 1);
    expect_frame(socket, large, LARGE, 0);
    send_frame(socket, id, (size_t)length, ZMQ_SNDMORE);
    send_frame(socket, large, LARGE, ZMQ_SNDMORE);
    send_frame(socket, "to dealer", 9, 0);
}

static void deal(void *socket)
{
    send_frame(socket, "to router", 9, ZMQ_SNDMORE);
    send_frame(socket, large, LARGE, 0);
    expect_frame(socket, large, LARGE, 1);
    expect_frame(socket, "to dealer", 9, 0);
}

/* A subscription; when there is a connection, two more and an end of one. Then what was asked for, and what was not. */
static void publish(void *socket)
{
    static const char *const later[] = {"\1B", "\1C", "\0B"};
    expect_frame(socket, "\1A", 2, 0);
    send_frame(socket, "A begins", 8, 0);
    for (int at = 0; at < 3; at++)
        expect_frame(socket, later[at], 2, 0);
    send_frame(socket, "B not for you", 13, 0);
    send_frame(socket, "A for you", 9, ZMQ_SNDMORE);
    send_frame(socket, large, LARGE, 0);
    send_frame(socket, "Z not for you", 13, 0);
    send_frame(socket, "C for you", 9, 0);
}

static void subscribe(void *socket)
{
    if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "A", 1) != 0)
        fail("subscribe");
    expect_frame(socket, "A begins", 8, 0);
    if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "B", 1) != 0 || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "C", 1) != 0 ||
        zmq_setsockopt(socket, ZMQ_UNSUBSCRIBE, "B", 1) != 0)
        fail("subscribe");
    expect_frame(socket, "A for you", 9, 1);
    expect_frame(socket, large, LARGE, 0);
    expect_frame(socket, "C for you", 9, 0);
}

/* Others of the same I/O thread go on while somebody is asked who does not answer. */
static void go_on(void *socket)
{
    (void)socket;
    char endpoint[256];
    size_t size = sizeof endpoint;
    void *pull = zmq_socket(context, ZMQ_PULL), *push = zmq_socket(context, ZMQ_PUSH);
    set_int(pull, ZMQ_RCVTIMEO, patience);
    set_int(push, ZMQ_LINGER, 0);
    /* The handshake has begun by then. */
    print_events(300);
    if (zmq_bind(pull, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 || zmq_connect(push, endpoint) != 0)
        fail("a pair");
    send_frame(push, "hello", 5, 0);
    expect_frame(pull, "hello", 5, 0);
    zmq_close(push);
    zmq_close(pull);
}

/* For how long events are looked at. */
static long watched = 20;

static void watch(void *socket)
{
    (void)socket;
}

static const struct job {
    const char *name;
    int type;
    void (*run)(void *socket);
} jobs[] = {
    {"push", ZMQ_PUSH, send_all}, {"pull", ZMQ_PULL, expect_all}, {"req", ZMQ_REQ, request},
    {"rep", ZMQ_REP, answer},     {"dealer", ZMQ_DEALER, deal},   {"router", ZMQ_ROUTER, route},
    {"xpub", ZMQ_XPUB, publish},  {"sub", ZMQ_SUB, subscribe},    {"watch", ZMQ_DEALER, watch},
    {"aside", ZMQ_DEALER, go_on},
};

static const struct job *find_job(const char *name)
{
    for (size_t at = 0; at < sizeof jobs / sizeof *jobs; at++)
        if (strcmp(jobs[at].name, name) == 0)
            return &jobs[at];
    fail("no such job");
    return NULL;
}

static void set_options(void *socket, char **arguments)
{
    static const struct {
        const char *key;
        int option;
        int is_text;
    } options[] = {
        {"principal", ZMQ_GSSAPI_PRINCIPAL, 1},
        {"service", ZMQ_GSSAPI_SERVICE_PRINCIPAL, 1},
        {"nametype", ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, 0},
        {"servicetype", ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, 0},
        {"plaintext", ZMQ_GSSAPI_PLAINTEXT, 0},
        {"interval", ZMQ_HANDSHAKE_IVL, 0},
    };
    for (size_t at = 0; at < sizeof options / sizeof *options; at++) {
        const char *value = argument(arguments, options[at].key);
        if (!value)
            continue;
        if (!options[at].is_text)
            set_int(socket, options[at].option, atoi(value));
        else if (zmq_setsockopt(socket, options[at].option, value, strlen(value)) != 0)
            fail(options[at].key);
    }
    const char *role = argument(arguments, "role");
    int mechanism = -1;
    size_t size = sizeof mechanism;
    if (strcmp(role, "server") == 0)
        set_int(socket, ZMQ_GSSAPI_SERVER, 1);
    if (zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &size) != 0 ||
        mechanism != (strcmp(role, "none") == 0 ? ZMQ_NULL : ZMQ_GSSAPI))
        fail("another mechanism");
    set_int(socket, ZMQ_SNDTIMEO, patience);
    set_int(socket, ZMQ_RCVTIMEO, patience);
    /* What was sent is to arrive. Ends of subscriptions need not. */
    set_int(socket, ZMQ_LINGER, strstr(argument(arguments, "job"), "sub") ? 0 : patience);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 4)
        return 2;
    large = malloc(LARGE);
    for (size_t at = 0; at < LARGE; at++)
        large[at] = (char)(at * 7 + at / 251);
    context = zmq_ctx_new();
    const char *zap = argument(arguments, "zap");
    if (zap)
        begin_handler(zap);
    if (argument(arguments, "watch"))
        watched = atol(argument(arguments, "watch"));
    if (argument(arguments, "patience"))
        patience = atoi(argument(arguments, "patience"));
    expected_user = argument(arguments, "user");
    const struct job *job = find_job(argument(arguments, "job"));
    void *socket = zmq_socket(context, job->type);
    set_options(socket, arguments);
    begin_events(socket);
    const char *end = argument(arguments, "end");
    if (strcmp(end, "bind") == 0) {
        char endpoint[256];
        size_t size = sizeof endpoint;
        if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0 ||
            zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)
            fail("bind");
        printf("endpoint %s\n", endpoint);
    } else if (zmq_connect(socket, strchr(end, ':') + 1) != 0) {
        fail("connect");
    }
    job->run(socket);
    /* What was not asked for would have come by then. */
    print_events(watched);
    zmq_close(socket);
    zmq_close(monitor);
    printf("done: %s\n", job->name);
    fflush(stdout);
    /* A handler's thread is in a call. */
    if (zap)
        _exit(0);
    zmq_ctx_term(context);
    return 0;
}
