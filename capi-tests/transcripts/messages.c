/* zmq_msg_t: storage kinds, free functions, copy, move, close, properties and metadata.
 * api.md section 5. */
#include "transcript.h"

#include <dlfcn.h>
#include <pthread.h>

static int freed;
static const void *freed_data;
static const void *freed_hint;
static pthread_mutex_t freed_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed_signal = PTHREAD_COND_INITIALIZER;

static void on_free(void *data, void *hint)
{
    pthread_mutex_lock(&freed_lock);
    freed++;
    freed_data = data;
    freed_hint = hint;
    pthread_cond_signal(&freed_signal);
    pthread_mutex_unlock(&freed_lock);
}

/* Waits until the free function has run that often; it may run on a thread of the library. */
static const char *await_freed(int times)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE / 1000;
    pthread_mutex_lock(&freed_lock);
    while (freed < times
           && pthread_cond_timedwait(&freed_signal, &freed_lock, &end) == 0)
        ;
    const char *out = text("%d", freed);
    pthread_mutex_unlock(&freed_lock);
    return out;
}

static void init(void)
{
    zmq_msg_t m;
    struct placed {
        char before;
        zmq_msg_t m;
    };
    line("sizeof", "%zu", sizeof m);
    line("alignment", "%zu", offsetof(struct placed, m));
    say("init", rc(zmq_msg_init(&m)));
    line("size", "%zu", zmq_msg_size(&m));
    line("more", "%d", zmq_msg_more(&m));
    say("get MORE", rc(zmq_msg_get(&m, ZMQ_MORE)));
    say("get SHARED", rc(zmq_msg_get(&m, ZMQ_SHARED)));
    say("get SRCFD", rc(zmq_msg_get(&m, ZMQ_SRCFD)));
    say("get unknown", rc(zmq_msg_get(&m, 99)));
    say("get -1", rc(zmq_msg_get(&m, -1)));
    say("set MORE", rc(zmq_msg_set(&m, ZMQ_MORE, 1)));
    say("set unknown", rc(zmq_msg_set(&m, 99, 1)));
    say("gets Socket-Type", made(zmq_msg_gets(&m, "Socket-Type")));
    say("close", rc(zmq_msg_close(&m)));
    say("close again", rc(zmq_msg_close(&m)));
    memset(&m, 0, sizeof m);
    say("close zeroed memory", rc(zmq_msg_close(&m)));
    memset(&m, 0xff, sizeof m);
    say("close memory of ones", rc(zmq_msg_close(&m)));
}

static void init_size(void)
{
    static const size_t sizes[] = {0, 1, 32, 33, 34, 100, 8192, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        zmq_msg_t m;
        say(text("init %zu", sizes[i]), rc(zmq_msg_init_size(&m, sizes[i])));
        memset(zmq_msg_data(&m), 'x', sizes[i]);
        line(text("size %zu", sizes[i]), "%zu", zmq_msg_size(&m));
        const char *data = zmq_msg_data(&m);
        int inside = data >= (const char *) &m && data < (const char *) (&m + 1);
        line(text("inside the struct %zu", sizes[i]), "%d", inside);
        say(text("shared %zu", sizes[i]), rc(zmq_msg_get(&m, ZMQ_SHARED)));
        say(text("close %zu", sizes[i]), rc(zmq_msg_close(&m)));
    }
    zmq_msg_t m;
    say("SIZE_MAX", rc(zmq_msg_init_size(&m, SIZE_MAX)));
    say("SIZE_MAX - 8", rc(zmq_msg_init_size(&m, SIZE_MAX - 8)));
    say("2^62", rc(zmq_msg_init_size(&m, (size_t) 1 << 62)));
}

static void init_data(void)
{
    static char data[100] = "payload";
    int hint = 0;
    zmq_msg_t m;
    say("init", rc(zmq_msg_init_data(&m, data, sizeof data, on_free, &hint)));
    line("size", "%zu", zmq_msg_size(&m));
    line("same pointer", "%d", zmq_msg_data(&m) == (void *) data);
    say("shared", rc(zmq_msg_get(&m, ZMQ_SHARED)));
    line("freed before close", "%d", freed);
    say("close", rc(zmq_msg_close(&m)));
    line("freed after close", "%d", freed);
    line("data as given", "%d", freed_data == data);
    line("hint as given", "%d", freed_hint == &hint);
    say("close again", rc(zmq_msg_close(&m)));
    line("freed after closing again", "%d", freed);

    say("short, init", rc(zmq_msg_init_data(&m, data, 3, on_free, NULL)));
    line("short, same pointer", "%d", zmq_msg_data(&m) == (void *) data);
    say("short, close", rc(zmq_msg_close(&m)));
    line("short, freed", "%d", freed);

    say("empty, init", rc(zmq_msg_init_data(&m, data, 0, on_free, NULL)));
    line("empty, size", "%zu", zmq_msg_size(&m));
    say("empty, close", rc(zmq_msg_close(&m)));
    line("empty, freed", "%d", freed);

    say("empty NULL, init", rc(zmq_msg_init_data(&m, NULL, 0, on_free, NULL)));
    say("empty NULL, close", rc(zmq_msg_close(&m)));
    line("empty NULL, freed", "%d", freed);

    say("constant, init", rc(zmq_msg_init_data(&m, data, 7, NULL, NULL)));
    line("constant, same pointer", "%d", zmq_msg_data(&m) == (void *) data);
    say("constant, shared", rc(zmq_msg_get(&m, ZMQ_SHARED)));
    say("constant, close", rc(zmq_msg_close(&m)));
    say("constant empty, init", rc(zmq_msg_init_data(&m, NULL, 0, NULL, NULL)));
    line("constant empty, size", "%zu", zmq_msg_size(&m));
    say("constant empty, close", rc(zmq_msg_close(&m)));
    line("freed in all", "%d", freed);
}

/* One message of each storage kind. */
static void make(zmq_msg_t *m, int kind)
{
    static char data[64] = "user buffer";
    switch (kind) {
    case 0:
        zmq_msg_init(m);
        break;
    case 1:
        zmq_msg_init_size(m, 5);
        memcpy(zmq_msg_data(m), "small", 5);
        break;
    case 2:
        zmq_msg_init_size(m, 50);
        memset(zmq_msg_data(m), 'h', 50);
        break;
    case 3:
        zmq_msg_init_data(m, data, 11, on_free, NULL);
        break;
    default:
        zmq_msg_init_data(m, data, 4, NULL, NULL);
    }
}

static const char *const kinds[] = {"empty", "inline", "heap", "user", "constant"};

static const char *content(zmq_msg_t *m)
{
    return shown(zmq_msg_data(m), zmq_msg_size(m));
}

static void copy(void)
{
    for (int kind = 0; kind < 5; kind++) {
        zmq_msg_t a, b, c;
        freed = 0;
        make(&a, kind);
        zmq_msg_init_size(&b, 40);
        zmq_msg_init(&c);
        const char *k = kinds[kind];
        say(text("%s copy", k), rc(zmq_msg_copy(&b, &a)));
        say(text("%s copy of the copy", k), rc(zmq_msg_copy(&c, &b)));
        say(text("%s source", k), content(&a));
        say(text("%s content", k), content(&c));
        line(text("%s same pointer", k), "%d", zmq_msg_data(&a) == zmq_msg_data(&c));
        say(text("%s source shared", k), rc(zmq_msg_get(&a, ZMQ_SHARED)));
        say(text("%s shared", k), rc(zmq_msg_get(&c, ZMQ_SHARED)));
        zmq_msg_close(&a);
        zmq_msg_close(&b);
        line(text("%s freed with one left", k), "%d", freed);
        say(text("%s last one", k), content(&c));
        say(text("%s last one shared", k), rc(zmq_msg_get(&c, ZMQ_SHARED)));
        zmq_msg_close(&c);
        line(text("%s freed", k), "%d", freed);
    }
}

static void move(void)
{
    for (int kind = 0; kind < 5; kind++) {
        zmq_msg_t a, b;
        const char *k = kinds[kind];
        freed = 0;
        make(&a, kind);
        make(&b, 3);
        say(text("%s move", k), rc(zmq_msg_move(&b, &a)));
        line(text("%s old content freed", k), "%d", freed);
        line(text("%s source size", k), "%zu", zmq_msg_size(&a));
        say(text("%s content", k), content(&b));
        say(text("%s shared", k), rc(zmq_msg_get(&b, ZMQ_SHARED)));
        say(text("%s close source", k), rc(zmq_msg_close(&a)));
        say(text("%s close", k), rc(zmq_msg_close(&b)));
        line(text("%s freed", k), "%d", freed);
    }
}

static void invalid(void)
{
    zmq_msg_t good, bad;
    memset(&bad, 0, sizeof bad);
    zmq_msg_init_size(&good, 4);
    memcpy(zmq_msg_data(&good), "good", 4);
    say("copy from invalid", rc(zmq_msg_copy(&good, &bad)));
    say("untouched", content(&good));
    say("move from invalid", rc(zmq_msg_move(&good, &bad)));
    say("still untouched", content(&good));
    say("copy to invalid", rc(zmq_msg_copy(&bad, &good)));
    say("move to invalid", rc(zmq_msg_move(&bad, &good)));
    say("source of the failed move", content(&good));
    say("close", rc(zmq_msg_close(&good)));
    say("copy from closed", rc(zmq_msg_copy(&bad, &good)));
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    say("receive into invalid", rc(zmq_msg_recv(&bad, pull, ZMQ_DONTWAIT)));
}

static void move_to_itself(void)
{
    zmq_msg_t m;
    make(&m, 3);
    say("move", rc(zmq_msg_move(&m, &m)));
    line("size", "%zu", zmq_msg_size(&m));
    line("freed", "%d", freed);
    say("close", rc(zmq_msg_close(&m)));
}

static void copy_to_itself(void)
{
    zmq_msg_t m;
    make(&m, 1);
    say("copy", rc(zmq_msg_copy(&m, &m)));
    line("size", "%zu", zmq_msg_size(&m));
    say("close", rc(zmq_msg_close(&m)));
}

static void size_of_invalid(void)
{
    zmq_msg_t m;
    memset(&m, 0, sizeof m);
    line("size", "%zu", zmq_msg_size(&m));
}

static void data_of_invalid(void)
{
    zmq_msg_t m;
    memset(&m, 0, sizeof m);
    line("data", "%s", zmq_msg_data(&m) ? "something" : "NULL");
}

static void send_invalid(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    zmq_msg_t m;
    memset(&m, 0, sizeof m);
    say("send", rc(zmq_msg_send(&m, push, ZMQ_DONTWAIT)));
}

static void null_data(void)
{
    zmq_msg_t m;
    say("init", rc(zmq_msg_init_data(&m, NULL, 10, on_free, NULL)));
    line("freed", "%d", freed);
}

static void sent_over(enum transport transport)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    attach(pull, push, transport);
    for (int kind = 0; kind < 5; kind++) {
        const char *k = kinds[kind];
        zmq_msg_t m, got;
        freed = 0;
        make(&m, kind);
        const void *data = zmq_msg_data(&m);
        int shared = zmq_msg_get(&m, ZMQ_SHARED);
        say(text("%s send", k), rc(zmq_msg_send(&m, push, 0)));
        line(text("%s size after", k), "%zu", zmq_msg_size(&m));
        say(text("%s close after", k), rc(zmq_msg_close(&m)));
        zmq_msg_init(&got);
        say(text("%s recv", k), rc(zmq_msg_recv(&got, pull, 0)));
        say(text("%s content", k), content(&got));
        if (transport == INPROC && kind >= 2)
            line(text("%s same pointer", k), "%d", zmq_msg_data(&got) == data);
        if (transport == INPROC)
            line(text("%s shared", k), "%d then %d", shared, zmq_msg_get(&got, ZMQ_SHARED));
        else
            say(text("%s shared", k), rc(zmq_msg_get(&got, ZMQ_SHARED)));
        zmq_msg_close(&got);
        if (kind == 3)
            say(text("%s freed", k), await_freed(1));
    }
}

static void sent_over_inproc(void)
{
    sent_over(INPROC);
}

static void sent_over_tcp(void)
{
    sent_over(TCP);
}

static void sent_over_ipc(void)
{
    sent_over(IPC);
}

static void free_functions(void)
{
    static char data[64];
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_PUB);
    void *push = sock(ctx, ZMQ_PUSH);
    zmq_msg_t m;
    zmq_msg_init_data(&m, data, 10, on_free, NULL);
    say("dropped by PUB", rc(zmq_msg_send(&m, pub, 0)));
    line("freed by PUB", "%d", freed);

    freed = 0;
    zmq_msg_init_data(&m, data, 10, on_free, NULL);
    say("failed send", rc(zmq_msg_send(&m, push, ZMQ_DONTWAIT)));
    line("not freed", "%d", freed);
    line("still ours", "%zu", zmq_msg_size(&m));
    zmq_msg_close(&m);
    line("freed by close", "%d", freed);

    freed = 0;
    void *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    for (int i = 0; i < 3; i++) {
        zmq_msg_init_data(&m, data, 10, on_free, NULL);
        zmq_msg_send(&m, push, 0);
    }
    zmq_msg_init(&m);
    zmq_msg_recv(&m, pull, 0);
    line("freed while received is open", "%d", freed);
    zmq_msg_close(&m);
    line("freed by closing the received", "%d", freed);
    shut(push);
    shut(pull);
    shut(pub);
    say("term", term(ctx));
    line("unread ones freed", "%d", freed);
}

static void free_function_of_unsent(void)
{
    static char data[64];
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    connect_to(push, "tcp://127.0.0.1:9");
    zmq_msg_t m;
    for (int i = 0; i < 5; i++) {
        zmq_msg_init_data(&m, data, 50, on_free, NULL);
        zmq_msg_send(&m, push, 0);
    }
    shut(push);
    say("term", term(ctx));
    line("freed", "%d", freed);
}

static void free_function_of_fan_out(void)
{
    static char data[64];
    void *ctx = context();
    void *pub = sock(ctx, ZMQ_XPUB);
    void *sub[3];
    const char *endpoint = bind_any(pub, INPROC);
    for (int i = 0; i < 3; i++) {
        sub[i] = sock(ctx, ZMQ_SUB);
        subscribe(sub[i], "");
        connect_to(sub[i], endpoint);
    }
    say("subscribed", rx(pub));
    zmq_msg_t m, got[3];
    zmq_msg_init_data(&m, data, 50, on_free, NULL);
    say("send", rc(zmq_msg_send(&m, pub, 0)));
    for (int i = 0; i < 3; i++) {
        zmq_msg_init(&got[i]);
        say(text("recv %d", i), rc(zmq_msg_recv(&got[i], sub[i], 0)));
        line(text("same pointer %d", i), "%d", zmq_msg_data(&got[i]) == (void *) data);
    }
    zmq_msg_close(&got[0]);
    zmq_msg_close(&got[2]);
    line("freed with one left", "%d", freed);
    zmq_msg_close(&got[1]);
    line("freed", "%d", freed);
}

static void more_flag(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    tx(a, "one|two");
    zmq_msg_t m, c, moved;
    zmq_msg_init(&m);
    zmq_msg_init(&c);
    zmq_msg_init(&moved);
    zmq_msg_recv(&m, b, 0);
    line("first", "%d", zmq_msg_more(&m));
    say("property", rc(zmq_msg_get(&m, ZMQ_MORE)));
    zmq_msg_copy(&c, &m);
    line("copy", "%d", zmq_msg_more(&c));
    zmq_msg_move(&moved, &m);
    line("moved", "%d", zmq_msg_more(&moved));
    line("moved from", "%d", zmq_msg_more(&m));
    say("socket", show_int(b, ZMQ_RCVMORE));
    /* The flag of a message to be sent comes from the flags argument alone. */
    say("sent without SNDMORE", rc(zmq_msg_send(&moved, b, 0)));
    zmq_msg_recv(&c, a, 0);
    line("arrives without", "%d", zmq_msg_more(&c));
    zmq_msg_recv(&m, b, 0);
    line("second", "%d", zmq_msg_more(&m));
    say("socket after the second", show_int(b, ZMQ_RCVMORE));
    zmq_msg_close(&m);
    zmq_msg_close(&c);
}

static void failed_send_keeps(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    zmq_msg_t m;
    zmq_msg_init_size(&m, 4);
    memcpy(zmq_msg_data(&m), "keep", 4);
    say("send", rc(zmq_msg_send(&m, push, ZMQ_DONTWAIT | ZMQ_SNDMORE)));
    say("content", content(&m));
    line("more from the flags", "%d", zmq_msg_more(&m));
    say("send without", rc(zmq_msg_send(&m, push, ZMQ_DONTWAIT)));
    line("no more", "%d", zmq_msg_more(&m));
    zmq_msg_close(&m);
}

static void metadata_over(enum transport transport)
{
    static const char *const keys[] = {"Socket-Type", "Identity", "Routing-Id", "User-Id", "X-note",
                                       "X-other", "socket-type", "", "Nonsense"};
    void *ctx = context();
    void *router = sock(ctx, ZMQ_ROUTER);
    void *dealer = sock(ctx, ZMQ_DEALER);
    set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
    /* ZMQ_METADATA; settable in every build. */
    set_bytes(dealer, 95, "X-note:some:text", 16);
    attach(router, dealer, transport);
    tx(dealer, "a|b");
    zmq_msg_t m, c;
    zmq_msg_init(&m);
    zmq_msg_init(&c);
    for (int frame = 0; frame < 3; frame++) {
        say(text("frame %d", frame), rc(zmq_msg_recv(&m, router, 0)));
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            const char *value = zmq_msg_gets(&m, keys[i]);
            say(text("frame %d %s", frame, keys[i]), value ? value : error_name(zmq_errno()));
        }
        const char *address = zmq_msg_gets(&m, "Peer-Address");
        if (address && transport == IPC) {
            char expected[64];
            sprintf(expected, "localhost:%d:%d:%d", (int) getuid(), (int) getgid(), (int) getpid());
            line(text("frame %d Peer-Address", frame), "%s",
                 strcmp(address, expected) == 0 ? "localhost:uid:gid:pid" : address);
        } else {
            say(text("frame %d Peer-Address", frame), address ? address : error_name(zmq_errno()));
        }
        int fd = zmq_msg_get(&m, ZMQ_SRCFD);
        say(text("frame %d SRCFD", frame), fd >= 0 ? "a descriptor" : error_name(zmq_errno()));
        const char *number = zmq_msg_gets(&m, "__fd");
        say(text("frame %d __fd", frame),
            !number ? error_name(zmq_errno()) : atoi(number) == fd ? "the same" : number);
    }
    zmq_msg_copy(&c, &m);
    const char *value = zmq_msg_gets(&c, "Identity");
    say("copied", value ? value : error_name(zmq_errno()));
    zmq_msg_t moved;
    zmq_msg_init(&moved);
    zmq_msg_move(&moved, &c);
    value = zmq_msg_gets(&moved, "Identity");
    say("moved", value ? value : error_name(zmq_errno()));
    value = zmq_msg_gets(&c, "Identity");
    say("moved from", value ? value : error_name(zmq_errno()));
    /* A failed send strips the metadata already. */
    void *push = sock(ctx, ZMQ_PUSH);
    say("failed send", rc(zmq_msg_send(&moved, push, ZMQ_DONTWAIT)));
    value = zmq_msg_gets(&moved, "Identity");
    say("after it", value ? value : error_name(zmq_errno()));
    zmq_msg_close(&m);
    zmq_msg_close(&c);
    zmq_msg_close(&moved);
    /* The other direction. */
    tx(router, "me|back");
    zmq_msg_init(&m);
    zmq_msg_recv(&m, dealer, 0);
    value = zmq_msg_gets(&m, "Socket-Type");
    say("back Socket-Type", value ? value : error_name(zmq_errno()));
    value = zmq_msg_gets(&m, "Identity");
    say("back Identity", value ? shown(value, strlen(value)) : error_name(zmq_errno()));
    zmq_msg_close(&m);
}

static void metadata_tcp(void)
{
    metadata_over(TCP);
}

static void metadata_ipc(void)
{
    metadata_over(IPC);
}

static void metadata_inproc(void)
{
    metadata_over(INPROC);
}

static void metadata_of_subscription(void)
{
    void *ctx = context();
    void *xpub = sock(ctx, ZMQ_XPUB);
    void *sub = sock(ctx, ZMQ_SUB);
    subscribe(sub, "t");
    attach(xpub, sub, TCP);
    zmq_msg_t m;
    zmq_msg_init(&m);
    say("recv", rc(zmq_msg_recv(&m, xpub, 0)));
    const char *value = zmq_msg_gets(&m, "Socket-Type");
    say("Socket-Type", value ? value : error_name(zmq_errno()));
    value = zmq_msg_gets(&m, "Peer-Address");
    say("Peer-Address", value ? value : error_name(zmq_errno()));
    zmq_msg_close(&m);
}

static void received_storage(void)
{
    static const size_t sizes[] = {0, 1, 100, 500, 8000, 9000, 100000};
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    char *data = malloc(100000);
    for (size_t i = 0; i < 100000; i++)
        data[i] = (char) ('a' + i % 26);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        zmq_send(a, data, sizes[i], 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        zmq_msg_t m, c;
        zmq_msg_init(&m);
        zmq_msg_init(&c);
        say(text("recv %zu", sizes[i]), rc(zmq_msg_recv(&m, b, 0)));
        line(text("content %zu", sizes[i]), "%d", memcmp(zmq_msg_data(&m), data, sizes[i]) == 0);
        say(text("shared %zu", sizes[i]), rc(zmq_msg_get(&m, ZMQ_SHARED)));
        zmq_msg_copy(&c, &m);
        say(text("shared after copy %zu", sizes[i]), rc(zmq_msg_get(&m, ZMQ_SHARED)));
        zmq_msg_close(&m);
        line(text("copy %zu", sizes[i]), "%d", memcmp(zmq_msg_data(&c), data, sizes[i]) == 0);
        zmq_msg_close(&c);
    }
    free(data);
}

/* A function that only draft builds have. */
static void init_buffer(void)
{
    typedef int init_buffer_function(zmq_msg_t *msg, const void *buffer, size_t size);
    init_buffer_function *make = (init_buffer_function *) dlsym(RTLD_DEFAULT, "zmq_msg_init_buffer");
    static const size_t sizes[] = {0, 1, 33, 34, 1000};
    char bytes[1000];
    memset(bytes, 'b', sizeof bytes);
    for (size_t i = 0; make && i < sizeof sizes / sizeof sizes[0]; i++) {
        zmq_msg_t m;
        const char *result = rc(make(&m, bytes, sizes[i]));
        int is_copy = zmq_msg_data(&m) != bytes && memcmp(zmq_msg_data(&m), bytes, sizes[i]) == 0;
        line(text("%zu bytes", sizes[i]), "%s, size %zu, copied %d, shared %d", result, zmq_msg_size(&m), is_copy,
             zmq_msg_get(&m, ZMQ_SHARED));
        say(text("%zu bytes, close", sizes[i]), rc(zmq_msg_close(&m)));
    }
    zmq_msg_t m;
    if (make) {
        say("NULL and 0", rc(make(&m, NULL, 0)));
        say("NULL and 5", rc(make(&m, NULL, 5)));
        say("too large", rc(make(&m, bytes, SIZE_MAX)));
    }
}

static const struct rule rules[] = {
    RULE(init), RULE(init_size), RULE(init_data), RULE(copy), RULE(move), RULE(invalid),
    RULE(move_to_itself), RULE(copy_to_itself), RULE(size_of_invalid), RULE(data_of_invalid),
    RULE(send_invalid), RULE(null_data), RULE(sent_over_inproc), RULE(sent_over_tcp),
    RULE(sent_over_ipc), RULE(free_functions), RULE(free_function_of_unsent),
    RULE(free_function_of_fan_out), RULE(more_flag), RULE(failed_send_keeps), RULE(metadata_tcp),
    RULE(metadata_ipc), RULE(metadata_inproc), RULE(metadata_of_subscription),
    RULE(received_storage), RULE(init_buffer),
};

RUN(rules)
