/* What holds for every function: how a failure looks, and that errno says why, whatever was in it before. api.md
 * section 1; NULL, closed and foreign handles are in handles.c. */
#include "transcript.h"

#include <sys/uio.h>

/* What the calls work on. */
static void *ctx, *stopped, *pair, *pull, *req, *rep, *router, *old, *timers;
static const char *taken;

static void prepare(void)
{
    ctx = context();
    pair = sock(ctx, ZMQ_PAIR);
    pull = sock(ctx, ZMQ_PULL);
    req = sock(ctx, ZMQ_REQ);
    rep = sock(ctx, ZMQ_REP);
    router = sock(ctx, ZMQ_ROUTER);
    set_int(pair, ZMQ_RCVTIMEO, 1);
    set_int(pair, ZMQ_SNDTIMEO, 1);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    taken = bind_any(pull, TCP);
    connect_to(pair, "inproc://never-bound");
    zmq_disconnect(pair, "inproc://never-bound");
    void *ended = context();
    old = sock(ended, ZMQ_PAIR);
    stopped = ended;
    zmq_ctx_shutdown(ended);
    events(old);
    timers = zmq_timers_new();
}

static void handler(int id, void *argument)
{
    (void) id;
    (void) argument;
}

/* Makes a call that has to fail; "-1" or "NULL", or what it returned instead. NULL behind the last one. */
static const char *fail(int call, const char **what)
{
    char buffer[300] = "";
    uint8_t bytes[5] = {0};
    int value = 0;
    size_t size = sizeof value, small = 1, none = 0;
    struct iovec part = {buffer, 1};
    zmq_pollitem_t no_socket = {buffer, 0, ZMQ_POLLIN, 0};
    zmq_msg_t closed, good;
    memset(&closed, 0, sizeof closed);
    zmq_msg_init(&good);
    int saved = errno;
    int result = 0;
    const void *pointer = buffer;
#define CALL(number, expression) \
    case number: \
        *what = #expression; \
        errno = saved; \
        result = (expression); \
        saved = errno; \
        break
#define MAKE(number, expression) \
    case number: \
        *what = #expression; \
        errno = saved; \
        pointer = (expression); \
        saved = errno; \
        break
    switch (call) {
        CALL(0, zmq_ctx_get(NULL, ZMQ_IO_THREADS));
        CALL(1, zmq_ctx_get(ctx, 4711));
        CALL(2, zmq_ctx_set(NULL, ZMQ_IO_THREADS, 1));
        CALL(3, zmq_ctx_set(ctx, ZMQ_IO_THREADS, -1));
        CALL(4, zmq_ctx_shutdown(NULL));
        CALL(5, zmq_ctx_term(NULL));
        MAKE(6, zmq_init(-1));
        MAKE(7, zmq_socket(NULL, ZMQ_PAIR));
        MAKE(8, zmq_socket(ctx, 99));
        MAKE(9, zmq_socket(stopped, ZMQ_PAIR));
        CALL(10, zmq_close(NULL));
        CALL(11, zmq_setsockopt(pair, 4711, &value, sizeof value));
        CALL(12, zmq_setsockopt(pair, ZMQ_LINGER, &value, 1));
        CALL(13, zmq_getsockopt(pair, 4711, &value, &size));
        CALL(14, zmq_getsockopt(pair, ZMQ_LINGER, &value, &small));
        CALL(15, zmq_bind(pair, "nonsense"));
        CALL(16, zmq_bind(pair, "unknown://x"));
        CALL(17, zmq_bind(pair, taken));
        CALL(18, zmq_bind(pair, "tcp://192.0.2.1:9"));
        CALL(19, zmq_bind(pair, "ipc:///nowhere/at/all"));
        CALL(20, zmq_connect(pair, ""));
        CALL(21, zmq_connect(pair, "tcp://127.0.0.1"));
        CALL(22, zmq_unbind(pair, "tcp://127.0.0.1:9"));
        CALL(23, zmq_disconnect(pair, "tcp://127.0.0.1:9"));
        CALL(24, zmq_send(pull, "x", 1, 0));
        CALL(25, zmq_send(pair, "x", 1, ZMQ_DONTWAIT));
        CALL(26, zmq_send(pair, "x", 1, 0));
        CALL(27, zmq_send(rep, "x", 1, 0));
        CALL(28, zmq_send(router, "nobody", 6, ZMQ_SNDMORE));
        CALL(29, zmq_send(old, "x", 1, 0));
        CALL(30, zmq_recv(pair, buffer, 1, ZMQ_DONTWAIT));
        CALL(31, zmq_recv(pair, buffer, 1, 0));
        CALL(32, zmq_recv(req, buffer, 1, 0));
        CALL(33, zmq_recv(old, buffer, 1, 0));
        CALL(34, zmq_msg_send(&good, pair, ZMQ_DONTWAIT));
        CALL(35, zmq_msg_recv(&good, pair, ZMQ_DONTWAIT));
        CALL(36, zmq_msg_close(&closed));
        CALL(37, zmq_msg_copy(&good, &closed));
        CALL(38, zmq_msg_move(&good, &closed));
        CALL(39, zmq_msg_get(&good, 4711));
        CALL(40, zmq_msg_set(&good, ZMQ_MORE, 1));
        MAKE(41, zmq_msg_gets(&good, "Socket-Type"));
        CALL(42, zmq_sendiov(pair, &part, 0, 0));
        CALL(43, zmq_recviov(pair, &part, &none, 0));
        CALL(44, zmq_socket_monitor(pair, "tcp://127.0.0.1:9", ZMQ_EVENT_ALL));
        CALL(45, zmq_poll(NULL, 1, 0));
        CALL(46, zmq_poll(&no_socket, 1, 0));
        CALL(47, zmq_proxy(pair, NULL, NULL));
        CALL(48, zmq_proxy(old, old, NULL));
        MAKE(49, zmq_z85_encode(buffer, bytes, 5));
        MAKE(50, zmq_z85_decode(bytes, "Hel"));
        CALL(51, zmq_timers_add(timers, 1, NULL, NULL));
        CALL(52, zmq_timers_add(NULL, 1, handler, NULL));
        CALL(53, zmq_timers_cancel(timers, 1));
        CALL(54, (int) zmq_timers_timeout(NULL));
        CALL(55, zmq_timers_execute(NULL));
        CALL(56, zmq_msg_init_size(&closed, SIZE_MAX / 4));
    default: return NULL;
    }
    zmq_msg_close(&good);
    errno = saved;
    return pointer ? pointer == buffer ? text("%d", result) : "a pointer" : "NULL";
}

static void failures(void)
{
    static const int before[] = {0, EINTR, EAGAIN, 12345};
    prepare();
    for (int call = 0;; call++) {
        const char *first = NULL, *what = "";
        int same = 1;
        for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
            errno = before[i];
            const char *result = fail(call, &what);
            if (!result) {
                line("calls checked", "%d", call);
                return;
            }
            const char *name = error_name(errno), *by_function = error_name(zmq_errno());
            const char *found = text("%s %s %s", result, name, by_function);
            if (!first)
                first = found;
            same &= strcmp(first, found) == 0;
        }
        line(what, "%s%s", first, same ? "" : ", not always");
    }
}

static const struct rule rules[] = {RULE(failures)};

RUN(rules)
