/* Send and receive calls where it gets awkward: sizes beyond INT_MAX, timeouts of sockets that wake for nothing, the
 * order of complaints, messages broken off in the middle, the end of a context in a tight loop. api.md section 6. */
#include "transcript.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- sizes ---- */

/* Address space that takes no memory as long as nobody writes to it. */
static char *large_buffer(size_t size)
{
    char *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED)
        give_up("mmap");
    return buffer;
}

static int unmapped;

static void on_free(void *data, void *hint)
{
    unmapped += munmap(data, *(size_t *) hint) == 0;
}

/* Over inproc, where nothing is copied. */
static void beyond_int_max(void)
{
    static size_t sizes[] = {INT_MAX - 1, INT_MAX, (size_t) INT_MAX + 1, (size_t) UINT_MAX + 2, (size_t) 5 << 30};
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        zmq_msg_t m;
        char *buffer = large_buffer(sizes[i]), small[8];
        say(text("init_data %zu", sizes[i]), rc(zmq_msg_init_data(&m, buffer, sizes[i], on_free, &sizes[i])));
        say(text("msg_send %zu", sizes[i]), rc(zmq_msg_send(&m, push, 0)));
        say(text("msg_recv %zu", sizes[i]), rc(zmq_msg_recv(&m, pull, 0)));
        line(text("msg_size %zu", sizes[i]), "%zu", zmq_msg_size(&m));
        say(text("send on %zu", sizes[i]), rc(zmq_msg_send(&m, push, 0)));
        say(text("recv %zu", sizes[i]), rc(zmq_recv(pull, small, sizeof small, 0)));
        line(text("freed %zu", sizes[i]), "%d", unmapped);
        buffer = large_buffer(sizes[i]);
        say(text("send_const %zu", sizes[i]), rc(zmq_send_const(push, buffer, sizes[i], 0)));
        zmq_msg_init(&m);
        say(text("recvmsg %zu", sizes[i]), rc(zmq_recvmsg(pull, &m, 0)));
        line(text("recvmsg size %zu", sizes[i]), "%zu", zmq_msg_size(&m));
        say(text("sendmsg %zu", sizes[i]), rc(zmq_sendmsg(push, &m, 0)));
        say(text("recv again %zu", sizes[i]), rc(zmq_recv(pull, small, sizeof small, 0)));
        munmap(buffer, sizes[i]);
    }
}

/* ---- timeouts ---- */

struct nuisance {
    void *ctx;
    const char *endpoint;
    atomic_int stop;
    int gave_up;
};

/* Peers come and go, each of which wakes the socket and gives it nothing. */
static void *come_and_go(void *argument)
{
    struct nuisance *it = argument;
    long end = now_ms() + PATIENCE;
    while (!it->stop && now_ms() < end) {
        void *peer = zmq_socket(it->ctx, ZMQ_DEALER);
        int none = 0;
        zmq_setsockopt(peer, ZMQ_LINGER, &none, sizeof none);
        zmq_connect(peer, it->endpoint);
        zmq_poll(NULL, 0, 5);
        zmq_close(peer);
    }
    it->gave_up = !it->stop;
    return NULL;
}

static void total_timeout(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *s = sock(ctx, ZMQ_DEALER);
        set_int(s, ZMQ_RCVTIMEO, 200);
        struct nuisance it = {ctx, bind_any(s, t), 0, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, come_and_go, &it);
        const char *result = rx(s);
        it.stop = 1;
        pthread_join(thread, NULL);
        line(transport_names[t], "%s, in time %d", result, !it.gave_up);
    }
}

/* The one peer is full, and stays so while others come and are refused. */
static void total_timeout_of_send(void)
{
    void *ctx = context();
    void *pair = sock(ctx, ZMQ_PAIR), *peer = sock(ctx, ZMQ_PAIR);
    set_int(pair, ZMQ_SNDHWM, 1);
    set_int(peer, ZMQ_RCVHWM, 1);
    struct nuisance it = {ctx, attach(pair, peer, INPROC), 0, 0};
    while (strcmp(tx_now(pair, "x"), "1") == 0)
        ;
    set_int(pair, ZMQ_SNDTIMEO, 200);
    pthread_t thread;
    pthread_create(&thread, NULL, come_and_go, &it);
    const char *result = tx(pair, "x");
    it.stop = 1;
    pthread_join(thread, NULL);
    line("full", "%s, in time %d", result, !it.gave_up);
}

/* REQ throws away what is no reply, again and again. */
static void *wrong_replies(void *argument)
{
    struct nuisance *it = argument;
    long end = now_ms() + PATIENCE;
    void *router = it->ctx;
    while (!it->stop && now_ms() < end) {
        zmq_send(router, "R", 1, ZMQ_SNDMORE);
        zmq_send(router, "no delimiter", 12, ZMQ_DONTWAIT);
        zmq_poll(NULL, 0, 5);
    }
    it->gave_up = !it->stop;
    return NULL;
}

static void total_timeout_of_req(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *req = sock(ctx, ZMQ_REQ), *router = sock(ctx, ZMQ_ROUTER);
        set_bytes(req, ZMQ_ROUTING_ID, "R", 1);
        set_int(req, ZMQ_RCVTIMEO, 200);
        set_int(req, ZMQ_REQ_CORRELATE, 1);
        set_int(req, ZMQ_REQ_RELAXED, 1);
        attach(router, req, t);
        tx(req, "question");
        rx(router);
        struct nuisance it = {router, NULL, 0, 0};
        pthread_t thread;
        pthread_create(&thread, NULL, wrong_replies, &it);
        const char *result = rx(req);
        it.stop = 1;
        pthread_join(thread, NULL);
        line(transport_names[t], "%s, in time %d", result, !it.gave_up);
    }
}

/* ---- the order of complaints ---- */

static void order(void)
{
    for (size_t i = 0; i < COUNT(classic_types); i++) {
        void *ctx = context();
        void *s = sock(ctx, classic_types[i]);
        zmq_msg_t bad;
        memset(&bad, 0xee, sizeof bad);
        char byte;
        struct iovec part = {&byte, 1};
        size_t none = 0, one = 1;
        begin_line(type_name(classic_types[i]));
        in_line("recv into none", rc(zmq_msg_recv(&bad, s, ZMQ_DONTWAIT)));
        in_line("recviov of none", rc(zmq_recviov(s, &part, &none, ZMQ_DONTWAIT)));
        in_line("sendiov of none", rc(zmq_sendiov(s, &part, 0, ZMQ_DONTWAIT)));
        in_line("recviov", rc(zmq_recviov(s, &part, &one, ZMQ_DONTWAIT)));
        end_line();
        zmq_ctx_shutdown(ctx);
        events(s);
        begin_line(text("%s, stopped", type_name(classic_types[i])));
        in_line("recv into none", rc(zmq_msg_recv(&bad, s, ZMQ_DONTWAIT)));
        in_line("send", rc(zmq_send(s, "x", 1, ZMQ_DONTWAIT)));
        in_line("recv", rc(zmq_recv(s, &byte, 1, ZMQ_DONTWAIT)));
        in_line("recv of none", rc(zmq_recv(s, NULL, 0, ZMQ_DONTWAIT)));
        end_line();
        shut(s);
        term(ctx);
    }
}

static void bad_message_of(int type)
{
    void *ctx = context();
    void *s = sock(ctx, type);
    zmq_msg_t bad;
    memset(&bad, 0xee, sizeof bad);
    say("no socket", rc(zmq_msg_recv(&bad, NULL, 0)));
    say("send", rc(zmq_msg_send(&bad, s, ZMQ_DONTWAIT)));
}

static void bad_message_of_push(void)
{
    bad_message_of(ZMQ_PUSH);
}

static void bad_message_of_sub(void)
{
    bad_message_of(ZMQ_SUB);
}

static void bad_message_of_rep(void)
{
    bad_message_of(ZMQ_REP);
}

static void bad_message_when_stopped(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PUSH);
    zmq_ctx_shutdown(ctx);
    events(s);
    zmq_msg_t bad;
    memset(&bad, 0xee, sizeof bad);
    say("send", rc(zmq_msg_send(&bad, s, ZMQ_DONTWAIT)));
}

/* ---- messages broken off ---- */

/* The reader leaves with half a message read; the next reader begins with a whole one. */
static void reader_closes_in_the_middle(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL), *other = sock(ctx, ZMQ_PULL);
        const char *endpoint = bind_any(push, t);
        attach_to(push, pull, endpoint);
        tx(push, "1|2|3");
        tx(push, "4|5");
        say(text("%s, first part", name), rx_frame(pull, 0));
        shut(pull);
        say(text("%s, gone", name), await_not(push, ZMQ_POLLOUT));
        attach_to(push, other, endpoint);
        tx(push, "6|7");
        say(text("%s, the next one", name), rx(other));
    }
}

static void reader_disconnects_in_the_middle(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(push, pull, INPROC);
    tx(push, "1|2|3");
    tx(push, "4|5");
    say("first part", rx_frame(pull, 0));
    say("disconnect", rc(zmq_disconnect(pull, last_endpoint(push))));
    say("then", rx_now(pull));
    attach(push, pull, INPROC);
    tx(push, "6|7");
    say("the next one", rx(pull));
}

/* A failed send in the middle changes nothing: the part can be sent again. */
static void full_in_the_middle(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 1);
    set_int(pull, ZMQ_RCVHWM, 1);
    attach(pull, push, INPROC);
    say("one", tx_now(push, "1"));
    say("two begins", tx_frame(push, "2", ZMQ_DONTWAIT | ZMQ_SNDMORE));
    for (int i = 0; i < 5; i++)
        say(text("two goes on %d", i), tx_frame(push, text("2.%d", i), ZMQ_DONTWAIT | ZMQ_SNDMORE));
    say("two ends", tx_frame(push, "end", ZMQ_DONTWAIT));
    say("three", tx_frame(push, "3", ZMQ_DONTWAIT | ZMQ_SNDMORE));
    say("recv", rx(pull));
    say("recv two", rx(pull));
    say("room", await(push, ZMQ_POLLOUT));
    say("three again", tx_now(push, "3|end"));
    say("recv three", rx(pull));
}

/* A vector that does not go out whole: what was sent of it stays the beginning of a message. */
static void vector_in_the_middle(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 1);
    set_int(pull, ZMQ_RCVHWM, 1);
    attach(pull, push, INPROC);
    struct iovec parts[3] = {{"a", 1}, {"b", 1}, {"c", 1}};
    say("each alone", rc(zmq_sendiov(push, parts, 3, ZMQ_DONTWAIT)));
    say("recv", rx_now(pull));
    say("recv second", rx_now(pull));
    say("recv third", rx_now(pull));
    say("room", await(push, ZMQ_POLLOUT));
    say("in one", rc(zmq_sendiov(push, parts, 3, ZMQ_DONTWAIT | ZMQ_SNDMORE)));
    say("recv in one", rx_now(pull));
    struct iovec room[2];
    size_t count = 2;
    say("room again", await(push, ZMQ_POLLOUT));
    tx(push, "1|2|3|4");
    say("first two", rc(zmq_recviov(pull, room, &count, 0)));
    line("count", "%zu", count);
    free(room[0].iov_base);
    free(room[1].iov_base);
    say("more", show_int(pull, ZMQ_RCVMORE));
    say("the others", rx(pull));
}

/* ---- tight loops ---- */

struct loop {
    void *socket;
    int sends;
    atomic_int running;
    const char *result;
};

static void *tight_loop(void *argument)
{
    struct loop *it = argument;
    char byte;
    it->running = 1;
    for (;;) {
        int result = it->sends ? zmq_send(it->socket, "x", 1, ZMQ_DONTWAIT) : zmq_recv(it->socket, &byte, 1, ZMQ_DONTWAIT);
        if (result == -1 && zmq_errno() != EAGAIN)
            break;
    }
    it->result = error_name(zmq_errno());
    zmq_close(it->socket);
    return NULL;
}

/* The end is noticed by calls that never wait. */
static void end_in_a_tight_loop(void)
{
    static const int types[] = {ZMQ_PUB, ZMQ_XSUB, ZMQ_ROUTER, ZMQ_PAIR, ZMQ_DEALER, ZMQ_PULL, ZMQ_SUB, ZMQ_PUSH};
    for (size_t i = 0; i < COUNT(types); i++) {
        for (int sends = 0; sends < 2; sends++) {
            if (types[i] == (sends ? ZMQ_PULL : ZMQ_PUSH) || types[i] == (sends ? ZMQ_SUB : ZMQ_PUB))
                continue;
            void *ctx = zmq_ctx_new();
            struct loop it = {zmq_socket(ctx, types[i]), sends, 0, NULL};
            pthread_t thread;
            pthread_create(&thread, NULL, tight_loop, &it);
            while (!it.running)
                zmq_poll(NULL, 0, 1);
            say(text("%s %s, term", type_name(types[i]), sends ? "sends" : "receives"), rc(zmq_ctx_term(ctx)));
            pthread_join(thread, NULL);
            say(text("%s %s", type_name(types[i]), sends ? "sends" : "receives"), it.result);
        }
    }
}

/* A new peer is noticed by sends that drop until then. */
static void peer_in_a_tight_loop(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pub = sock(ctx, ZMQ_PUB), *sub = sock(ctx, ZMQ_SUB);
        subscribe(sub, "");
        connect_to(sub, bind_any(pub, t));
        long end = now_ms() + PATIENCE;
        const char *got = "EAGAIN";
        while (strcmp(got, "EAGAIN") == 0 && now_ms() < end) {
            zmq_send(pub, "x", 1, 0);
            got = rx_now(sub);
        }
        say(transport_names[t], got);
    }
}

static const struct rule rules[] = {
    RULE(beyond_int_max), RULE(total_timeout), RULE(total_timeout_of_send), RULE(total_timeout_of_req), RULE(order), RULE(bad_message_of_push),
    RULE(bad_message_of_sub), RULE(bad_message_of_rep), RULE(bad_message_when_stopped), RULE(reader_closes_in_the_middle),
    RULE(reader_disconnects_in_the_middle), RULE(full_in_the_middle), RULE(vector_in_the_middle), RULE(end_in_a_tight_loop),
    RULE(peer_in_a_tight_loop),
};

RUN(rules)
