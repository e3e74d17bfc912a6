/* How messages end, and on which thread their free functions run; what a message is after it was sent, received over,
 * or forwarded. api.md section 5. */
#include "transcript.h"

#include <pthread.h>
#include <stdatomic.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static pthread_t application;
static atomic_int freed, on_application, on_io, on_reaper, elsewhere;

static void on_free(void *data, void *hint)
{
    (void) data;
    (void) hint;
    char name[32] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (pthread_equal(pthread_self(), application))
        on_application++;
    else if (strstr(name, "/IO/"))
        on_io++;
    else if (strstr(name, "/Reaper"))
        on_reaper++;
    else
        elsewhere++;
    freed++;
}

static char bytes[100000];

static void make(zmq_msg_t *m, size_t size)
{
    zmq_msg_init_data(m, bytes, size, on_free, NULL);
}

static const char *send_one(void *socket, size_t size, int flags)
{
    zmq_msg_t m;
    make(&m, size);
    const char *result = rc(zmq_msg_send(&m, socket, flags));
    zmq_msg_close(&m);
    return result;
}

/* So many ran, and where. */
static void show_freed(const char *key, int wanted)
{
    long end = now_ms() + PATIENCE;
    while (freed < wanted && now_ms() < end)
        zmq_poll(NULL, 0, 1);
    begin_line(key);
    in_line("freed", text("%d", freed));
    if (on_application)
        in_line("by the application", text("%d", on_application));
    if (on_io)
        in_line("by an I/O thread", text("%d", on_io));
    if (on_reaper)
        in_line("by the reaper", text("%d", on_reaper));
    if (elsewhere)
        in_line("elsewhere", text("%d", elsewhere));
    end_line();
    freed = on_application = on_io = on_reaper = elsewhere = 0;
}

static const size_t sizes[] = {0, 5, 33, 34, 1000, 9000, 100000};

/* ---- on which thread ---- */

static void unsent(void)
{
    application = pthread_self();
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL), *pub = sock(ctx, ZMQ_PUB), *xpub = sock(ctx, ZMQ_XPUB);
    void *router = sock(ctx, ZMQ_ROUTER), *rep = sock(ctx, ZMQ_REP), *dealer = sock(ctx, ZMQ_DEALER);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        zmq_msg_t m;
        make(&m, sizes[i]);
        zmq_msg_close(&m);
    }
    show_freed("closed", COUNT(sizes));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        send_one(push, sizes[i], ZMQ_DONTWAIT);
        send_one(dealer, sizes[i], ZMQ_DONTWAIT | ZMQ_SNDMORE);
        send_one(pull, sizes[i], 0);
        send_one(rep, sizes[i], 0);
    }
    show_freed("refused", 4 * COUNT(sizes));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        send_one(pub, sizes[i], 0);
        send_one(xpub, sizes[i], ZMQ_SNDMORE);
        send_one(xpub, sizes[i], 0);
        send_one(router, sizes[i], ZMQ_SNDMORE);
        send_one(router, sizes[i], 0);
    }
    show_freed("dropped", 5 * COUNT(sizes));
}

static void arrived(void)
{
    application = pthread_self();
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            send_one(push, sizes[i], 0);
            rx(pull);
            show_freed(text("%s %zu", transport_names[t], sizes[i]), 1);
        }
        for (size_t i = 0; i < COUNT(sizes); i++)
            send_one(push, sizes[i], i + 1 < COUNT(sizes) ? ZMQ_SNDMORE : 0);
        rx(pull);
        show_freed(text("%s in parts", transport_names[t]), COUNT(sizes));
    }
}

/* Received into a buffer, in part, or by the vector. */
static void arrived_otherwise(void)
{
    application = pthread_self();
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    char buffer[10];
    send_one(push, 5, 0);
    say("whole", rc(zmq_recv(pull, buffer, 10, 0)));
    show_freed("received whole", 1);
    send_one(push, 1000, 0);
    say("in part", rc(zmq_recv(pull, buffer, 10, 0)));
    show_freed("received in part", 1);
    zmq_msg_t m;
    make(&m, 100);
    say("recv, nothing there", rc(zmq_msg_recv(&m, pull, ZMQ_DONTWAIT)));
    line("content after that", "%zu", zmq_msg_size(&m));
    show_freed("received over, nothing there", 0);
    tx(push, "text");
    say("recv over it", rc(zmq_msg_recv(&m, pull, 0)));
    show_freed("received over", 1);
    zmq_msg_close(&m);
    show_freed("closed", 0);
}

static void closed_with_something(void)
{
    application = pthread_self();
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        for (int i = 0; i < 5; i++)
            send_one(push, 1000, 0);
        if (t != INPROC)
            show_freed(text("%s sent", name), 5);
        shut(pull);
        shut(push);
        term(ctx);
        show_freed(text("%s unread at the close", name), t == INPROC ? 5 : 0);
        ctx = context();
        push = sock(ctx, ZMQ_PUSH);
        connect_to(push, t == INPROC ? "inproc://nobody" : t == TCP ? "tcp://127.0.0.1:9" : "ipc://nobody");
        for (int i = 0; i < 5; i++)
            send_one(push, 1000, 0);
        send_one(push, 1000, ZMQ_SNDMORE);
        show_freed(text("%s waiting", name), 0);
        shut(push);
        term(ctx);
        show_freed(text("%s unsent at the close", name), 6);
    }
}

/* A copy that is kept outlives what was sent. */
static void kept_copies(void)
{
    application = pthread_self();
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        zmq_msg_t kept, sent, got;
        make(&kept, 1000);
        zmq_msg_init(&sent);
        zmq_msg_init(&got);
        for (int i = 0; i < 3; i++) {
            zmq_msg_copy(&sent, &kept);
            say(text("%s send %d", name, i), rc(zmq_msg_send(&sent, push, 0)));
        }
        line(text("%s kept", name), "%zu bytes, shared %d", zmq_msg_size(&kept), zmq_msg_get(&kept, ZMQ_SHARED));
        for (int i = 0; i < 3; i++) {
            say(text("%s recv %d", name, i), rc(zmq_msg_recv(&got, pull, 0)));
            line(text("%s got %d", name, i), "same bytes %d, shared %d", zmq_msg_data(&got) == (void *) bytes,
                 zmq_msg_get(&got, ZMQ_SHARED));
        }
        zmq_msg_close(&got);
        settle(ctx);
        show_freed(text("%s while it is kept", name), 0);
        zmq_msg_close(&kept);
        show_freed(text("%s closed", name), 1);
    }
}

/* ---- forwarding ---- */

/* Received and sent on, again and again, between all transports: the content and the flags stay. */
static void forwarded(void)
{
    void *ctx = context();
    void *push[4], *pull[4];
    static const enum transport ways[4] = {TCP, INPROC, IPC, INPROC};
    for (int i = 0; i < 4; i++) {
        push[i] = sock(ctx, ZMQ_PUSH);
        pull[i] = sock(ctx, ZMQ_PULL);
        attach(pull[i], push[i], ways[i]);
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char) (i * 7 + i / 251);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        zmq_send(push[0], bytes, sizes[i], ZMQ_SNDMORE);
        zmq_send(push[0], bytes, sizes[i], 0);
        zmq_msg_t m;
        zmq_msg_init(&m);
        for (int hop = 0; hop < 20; hop++) {
            for (int part = 0; part < 2; part++) {
                zmq_msg_recv(&m, pull[hop % 4], 0);
                zmq_msg_send(&m, push[(hop + 1) % 4], zmq_msg_more(&m) ? ZMQ_SNDMORE : 0);
            }
        }
        int more = 1, parts = 0, right = 1;
        while (more) {
            zmq_msg_recv(&m, pull[0], 0);
            more = zmq_msg_more(&m);
            parts++;
            right &= zmq_msg_size(&m) == sizes[i] && memcmp(zmq_msg_data(&m), bytes, sizes[i]) == 0;
        }
        line(text("%zu", sizes[i]), "%d parts, right %d", parts, right);
        zmq_msg_close(&m);
    }
}

static const char *property(zmq_msg_t *m, const char *key)
{
    const char *value = zmq_msg_gets(m, key);
    return value ? value : error_name(zmq_errno());
}

/* What was received over tcp has metadata, which goes when it is sent on. */
static void metadata_is_stripped(void)
{
    void *ctx = context();
    void *in = sock(ctx, ZMQ_PUSH), *middle = sock(ctx, ZMQ_PULL), *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(middle, in, TCP);
    attach(a, b, INPROC);
    static const size_t all[] = {0, 5, 1000, 100000};
    for (size_t i = 0; i < COUNT(all); i++) {
        zmq_msg_t m, copy;
        zmq_msg_init(&m);
        zmq_msg_init(&copy);
        zmq_send(in, bytes, all[i], 0);
        zmq_msg_recv(&m, middle, 0);
        say(text("%zu received", all[i]), property(&m, "Socket-Type"));
        zmq_msg_copy(&copy, &m);
        say(text("%zu send", all[i]), rc(zmq_msg_send(&m, a, 0)));
        say(text("%zu sent", all[i]), property(&m, "Socket-Type"));
        say(text("%zu the copy", all[i]), property(&copy, "Socket-Type"));
        zmq_msg_recv(&m, b, 0);
        say(text("%zu arrived", all[i]), property(&m, "Socket-Type"));
        say(text("%zu arrived, SRCFD", all[i]), rc(zmq_msg_get(&m, ZMQ_SRCFD)));
        zmq_msg_close(&m);
        zmq_msg_close(&copy);
    }
}

/* A message outlives its socket and its context, with all that is known of it. */
static void outlives_everything(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        zmq_msg_t m, large;
        zmq_msg_init(&m);
        zmq_msg_init(&large);
        memset(bytes, 'o', sizeof bytes);
        zmq_send(push, "small|", 6, ZMQ_SNDMORE);
        zmq_send(push, bytes, 60000, 0);
        zmq_msg_recv(&m, pull, 0);
        zmq_msg_recv(&large, pull, 0);
        shut(push);
        shut(pull);
        say(text("%s term", transport_names[t]), term(ctx));
        line(text("%s small", transport_names[t]), "%s, more %d, %s", shown(zmq_msg_data(&m), zmq_msg_size(&m)),
             zmq_msg_more(&m), property(&m, "Socket-Type"));
        say(text("%s large", transport_names[t]), shown(zmq_msg_data(&large), zmq_msg_size(&large)));
        zmq_msg_close(&m);
        zmq_msg_close(&large);
    }
}

/* ---- metadata by the peer's type ---- */

static void properties_of(int sending, int receiving)
{
    static const char *const keys[] = {"Socket-Type", "Identity", "User-Id", "X-none"};
    for (int t = TCP; t <= IPC; t++) {
        for (int named = 0; named < 2; named++) {
            void *ctx = context();
            void *from = sock(ctx, sending), *to = sock(ctx, receiving);
            if (named)
                set_bytes(from, ZMQ_ROUTING_ID, "me", 2);
            if (sending == ZMQ_ROUTER)
                set_bytes(to, ZMQ_ROUTING_ID, "you", 3);
            if (receiving == ZMQ_SUB)
                subscribe(to, "");
            if (sending == ZMQ_SUB)
                subscribe(from, "x");
            attach(to, from, t);
            if (receiving == ZMQ_SUB)
                await(from, ZMQ_POLLOUT);
            if (sending == ZMQ_PUB || sending == ZMQ_XPUB)
                settle(ctx);
            if (sending == ZMQ_XPUB)
                rx(from);
            if (sending == ZMQ_REP) {
                tx(to, "question");
                rx(from);
            }
            if (sending != ZMQ_SUB)
                tx(from, sending == ZMQ_ROUTER ? "you|body" : "body");
            zmq_msg_t m;
            zmq_msg_init(&m);
            begin_line(text("%s to %s over %s%s", type_name(sending), type_name(receiving), transport_names[t],
                            named ? ", named" : ""));
            do {
                in_line("recv", rc(zmq_msg_recv(&m, to, 0)));
                for (size_t i = 0; i < COUNT(keys); i++)
                    in_line(keys[i], text("'%s'", property(&m, keys[i])));
                const char *address = property(&m, "Peer-Address");
                in_line("address", t == TCP ? address : text("%.10s", address));
            } while (zmq_msg_more(&m));
            end_line();
            zmq_msg_close(&m);
        }
    }
}

static void properties(void)
{
    static const int types[][2] = {
        {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_REQ, ZMQ_ROUTER}, {ZMQ_REQ, ZMQ_REP}, {ZMQ_DEALER, ZMQ_ROUTER},
        {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_REP, ZMQ_REQ},
        {ZMQ_SUB, ZMQ_XPUB}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_XPUB, ZMQ_SUB}};
    for (size_t i = 0; i < COUNT(types); i++)
        properties_of(types[i][0], types[i][1]);
}

/* Both sides name the process on the other end, which is this one. */
static void peer_address(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, t);
        void *const both[2] = {a, b};
        for (int i = 0; i < 2; i++) {
            zmq_msg_t m;
            zmq_msg_init(&m);
            tx(both[i], "x");
            zmq_msg_recv(&m, both[1 - i], 0);
            const char *expected = t == TCP ? "127.0.0.1"
                                            : text("localhost:%d:%d:%d", (int) getuid(), (int) getgid(), (int) getpid());
            const char *got = property(&m, "Peer-Address");
            say(text("%s, %s", transport_names[t], i ? "connecter" : "binder"), strcmp(got, expected) == 0 ? "right" : got);
            zmq_msg_close(&m);
        }
    }
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    set_int(a, ZMQ_IPV6, 1);
    set_int(b, ZMQ_IPV6, 1);
    zmq_bind(a, "tcp://[::1]:*");
    connect_to(b, last_endpoint(a));
    tx(b, "x");
    zmq_msg_t m;
    zmq_msg_init(&m);
    zmq_msg_recv(&m, a, 0);
    say("IPv6", property(&m, "Peer-Address"));
    zmq_msg_close(&m);
}

static const struct rule rules[] = {
    RULE(unsent), RULE(arrived), RULE(arrived_otherwise), RULE(closed_with_something), RULE(kept_copies), RULE(forwarded),
    RULE(metadata_is_stripped), RULE(outlives_everything), RULE(properties), RULE(peer_address),
};

RUN(rules)
