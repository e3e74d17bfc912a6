/* Endpoints: grammar, LAST_ENDPOINT, keys of unbind and disconnect, what ends with them.
 * api.md section 4, transports.md sections 1 to 6. */
#include "transcript.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char *const common[] = {
    "", "x", ":", "://", "tcp", "tcp:", "tcp:/127.0.0.1:1", "tcp://", "://127.0.0.1:1",
    "TCP://127.0.0.1:*", " tcp://127.0.0.1:*", "tcp//127.0.0.1:*", "nonsense://x", "vmci://1:1",
    "udp://127.0.0.1:5000", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://:*", "tcp://*",
    "tcp://127.0.0.1:x", "tcp://127.0.0.1:*", "tcp://127.0.0.1:65536", "tcp://[127.0.0.1:*",
    "tcp://127.0.0.1 :*", "ipc://", "inproc://", "ipc://@", "inproc://a name with spaces",
    "ipc:///nonexistent-directory/x",
};

static void refused_or_not(void *ctx, const char *endpoint, int (*call)(void *, const char *))
{
    void *s = sock(ctx, ZMQ_PAIR);
    const char *result = rc(call(s, endpoint));
    line(text("'%s'", endpoint), "%s, last '%s'", result, masked(last_endpoint(s)));
    shut(s);
}

static void bind_grammar(void)
{
    static const char *const more[] = {
        "tcp://127.0.0.1:0", "tcp://*:*", "tcp://0.0.0.0:*", "tcp://lo:*", "tcp://lo:0",
        "tcp://nosuch0:*", "tcp://[::1]:*", "tcp://::1:*", "tcp://192.0.2.1:*", "tcp://localhost:*",
        "tcp://1.2.3:*", "tcp://256.0.0.1:*", "tcp://127.0.0.1:0;127.0.0.1:*",
        "tcp://1.2.3.4;127.0.0.1:*", "tcp://127.0.0.1:*:*", "ipc://*", "ipc://*x", "ipc://relative",
        "inproc://name", "inproc://*", "inproc://:",
    };
    void *ctx = context();
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        refused_or_not(ctx, common[i], zmq_bind);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        refused_or_not(ctx, more[i], zmq_bind);
}

static void connect_grammar(void)
{
    static const char *const more[] = {
        "tcp://127.0.0.1:0", "tcp://127.0.0.1:9", "tcp://localhost:9", "tcp://[::1]:9",
        "tcp://::1:9", "tcp://*:9", "tcp://-x:9", "tcp://.x:9",
        "tcp://x$:9", "tcp://x/y:9", "tcp://127.0.0.1:9x", "tcp://127.0.0.1:-9",
        "tcp://127.0.0.1:0;127.0.0.1:9", "tcp://lo:0;127.0.0.1:9", "tcp://*:0;127.0.0.1:9",
        "tcp://127.0.0.1;127.0.0.1:9", "tcp://127.0.0.1:0;127.0.0.1", "tcp://[fe80::1%lo]:9",
        "ipc:///nonexistent", "ipc://*", "ipc://@abstract-nobody", "inproc://nobody",
    };
    void *ctx = context();
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        refused_or_not(ctx, common[i], zmq_connect);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        refused_or_not(ctx, more[i], zmq_connect);
}

static void search_grammar(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        const char *unbind = rc(zmq_unbind(s, common[i]));
        line(text("'%s'", common[i]), "%s and %s", unbind, rc(zmq_disconnect(s, common[i])));
    }
}

static void port_numbers(void)
{
    void *ctx = context();
    static const char *const names[] = {"65536 too high", "negative", "trailing letter",
                                        "leading zeros", "leading plus", "leading blank"};
    static const char *const formats[] = {"%d", "%d", "%dx", "000%d", "+%d", " %d"};
    for (int i = 0; i < 6; i++) {
        int port = port_of(vacant(TCP));
        int number = i == 0 ? port + 65536 : i == 1 ? port - 65536 : port;
        char endpoint[64], tail[32];
        snprintf(tail, sizeof tail, formats[i], number);
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", tail);
        void *s = sock(ctx, ZMQ_PAIR);
        int bound = zmq_bind(s, endpoint);
        say(names[i], bound == -1 ? rc(bound)
                      : port_of(last_endpoint(s)) == port ? "binds the port"
                                                          : "binds another port");
        shut(s);
    }
}

static void types_and_schemes(void)
{
    static const char *const endpoints[] = {"udp://127.0.0.1:5000", "tcp://127.0.0.1:*", "ipc://*",
                                            "inproc://x"};
    for (int i = 0; i < 12; i++) {
        void *ctx = context();
        void *s = sock(ctx, classic_types[i]);
        for (int e = 0; e < 4; e++)
            say(text("%s binds %s", type_name(classic_types[i]), endpoints[e]),
                rc(zmq_bind(s, endpoints[e])));
        shut(s);
        s = sock(ctx, classic_types[i]);
        say(text("%s connects udp", type_name(classic_types[i])), rc(zmq_connect(s, endpoints[0])));
        shut(s);
        term(ctx);
    }
}

static void ipv6(void)
{
    static const char *const endpoints[] = {"tcp://127.0.0.1:*", "tcp://*:*", "tcp://[::1]:*",
                                            "tcp://::1:*", "tcp://[::]:*", "tcp://lo:*",
                                            "tcp://[::ffff:127.0.0.1]:*", "tcp://[::1%lo]:*",
                                            "tcp://[::1%nosuch]:*", "tcp://[::1%]:*"};
    void *ctx = context();
    for (int i = 0; i < 10; i++) {
        void *s = sock(ctx, ZMQ_PAIR);
        set_int(s, ZMQ_IPV6, 1);
        const char *result = rc(zmq_bind(s, endpoints[i]));
        line(endpoints[i], "%s, last '%s'", result, masked(last_endpoint(s)));
        shut(s);
    }
    void *dual = sock(ctx, ZMQ_PAIR);
    void *four = sock(ctx, ZMQ_PAIR);
    set_int(dual, ZMQ_IPV6, 1);
    say("any", rc(zmq_bind(dual, "tcp://*:*")));
    connect_to(four, text("tcp://127.0.0.1:%d", port_of(last_endpoint(dual))));
    tx(four, "over IPv4");
    say("dual stack", rx(dual));
}

static void ipc_paths(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    char path[160] = "ipc://";
    memset(path + 6, 'p', 107);
    line("107 bytes", "%s", rc(zmq_bind(s, path)));
    path[6 + 107] = 'p';
    say("108 bytes", rc(zmq_bind(s, path)));
    say("connect 108 bytes", rc(zmq_connect(s, path)));
    path[6] = '@';
    say("abstract 108 bytes", rc(zmq_bind(s, path)));
    mkdir("directory", 0700);
    say("a directory", rc(zmq_bind(s, "ipc://directory")));
    FILE *file = fopen("file", "w");
    fclose(file);
    say("an existing file", rc(zmq_bind(s, "ipc://file")));
    struct stat status;
    line("is a socket now", "%d", stat("file", &status) == 0 && S_ISSOCK(status.st_mode));
    say("last", last_endpoint(s));
}

static void gone(const char *key, const char *path)
{
    long end = now_ms() + PATIENCE;
    while (access(path, F_OK) == 0 && now_ms() < end)
        poll(NULL, 0, 2);
    say(key, access(path, F_OK) == 0 ? "stays" : "is removed");
}

static void ipc_files(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    say("bind", rc(zmq_bind(s, "ipc://explicit")));
    say("bind wildcard", rc(zmq_bind(s, "ipc://*")));
    const char *wild = keep(last_endpoint(s));
    char *directory = keep(wild + 6);
    *strrchr(directory, '/') = 0;
    line("exists", "%d %d %d", access("explicit", F_OK), access(wild + 6, F_OK),
         access(directory, F_OK));
    struct stat status;
    stat(directory, &status);
    line("directory mode", "%o", status.st_mode & 0777);
    say("unbind explicit", rc(zmq_unbind(s, "ipc://explicit")));
    say("unbind wildcard", rc(zmq_unbind(s, wild)));
    gone("wildcard socket", wild + 6);
    gone("wildcard directory", directory);
    line("explicit socket", "%s", access("explicit", F_OK) == 0 ? "stays" : "is removed");
    say("bind wildcard again", rc(zmq_bind(s, "ipc://*")));
    wild = keep(last_endpoint(s));
    shut(s);
    gone("after close", wild + 6);
}

static void ipc_stolen(void)
{
    void *ctx = context();
    void *old = sock(ctx, ZMQ_PULL);
    void *thief = sock(ctx, ZMQ_PULL);
    void *first = sock(ctx, ZMQ_PUSH);
    void *second = sock(ctx, ZMQ_PUSH);
    say("bind", rc(zmq_bind(old, "ipc://shared")));
    attach_to(old, first, "ipc://shared");
    say("second bind", rc(zmq_bind(thief, "ipc://shared")));
    attach_to(thief, second, "ipc://shared");
    tx(first, "to the old");
    tx(second, "to the thief");
    say("old", rx(old));
    say("thief", rx(thief));
    char name[64];
    snprintf(name, sizeof name, "ipc://@capi-tests-%d", (int) getpid());
    say("abstract", rc(zmq_bind(old, name)));
    line("last is the text", "%d", strcmp(last_endpoint(old), name) == 0);
    say("abstract again", rc(zmq_bind(thief, name)));
}

static void in_use(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    const char *endpoint = bind_any(a, TCP);
    const char *other = bind_any(b, TCP);
    say("tcp", rc(zmq_bind(b, endpoint)));
    say("tcp, same socket", rc(zmq_bind(a, endpoint)));
    line("last is left alone", "%d", strcmp(last_endpoint(b), other) == 0);
    say("inproc", rc(zmq_bind(a, "inproc://taken")));
    say("inproc taken", rc(zmq_bind(b, "inproc://taken")));
    say("inproc unbind", rc(zmq_unbind(a, "inproc://taken")));
    say("inproc free", rc(zmq_bind(b, "inproc://taken")));
    shut(b);
    bind_again(a, "inproc://taken");
    say("inproc free after close", last_endpoint(a));
}

static void last_endpoint_lengths(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PAIR);
    char buffer[64];
    size_t size = sizeof buffer;
    say("fresh", rc(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, buffer, &size)));
    line("fresh text", "'%s'/%zu", buffer, size);
    zmq_bind(s, "inproc://0123456789");
    for (size_t length = 18; length < 22; length++) {
        size = length;
        const char *result = rc(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, buffer, &size));
        line(text("buffer of %zu", length), "%s/%zu", result, size);
    }
    say("set", rc(zmq_setsockopt(s, ZMQ_LAST_ENDPOINT, "x", 1)));
}

static void keys_tcp(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_ROUTER);
    zmq_bind(s, "tcp://*:*");
    int port = port_of(last_endpoint(s));
    say("star", rc(zmq_unbind(s, text("tcp://*:%d", port))));
    say("lo", rc(zmq_unbind(s, text("tcp://lo:%d", port))));
    say("loopback", rc(zmq_unbind(s, text("tcp://127.0.0.1:%d", port))));
    say("other port", rc(zmq_unbind(s, "tcp://0.0.0.0:1")));
    say("resolved", rc(zmq_unbind(s, text("tcp://0.0.0.0:%d", port))));
    say("resolved again", rc(zmq_unbind(s, text("tcp://0.0.0.0:%d", port))));
    zmq_bind(s, "tcp://127.0.0.1:*");
    port = port_of(last_endpoint(s));
    say("by disconnect", rc(zmq_disconnect(s, text("tcp://127.0.0.1:%d", port))));
    zmq_bind(s, "tcp://127.0.0.1:*");
    port = port_of(last_endpoint(s));
    say("by name", rc(zmq_unbind(s, text("tcp://localhost:%d", port))));

    connect_to(s, "tcp://127.0.0.1:9");
    say("disconnect", rc(zmq_disconnect(s, "tcp://127.0.0.1:9")));
    say("disconnect again", rc(zmq_disconnect(s, "tcp://127.0.0.1:9")));
    connect_to(s, "tcp://127.0.0.1:9");
    say("disconnect by name", rc(zmq_disconnect(s, "tcp://localhost:9")));
    connect_to(s, "tcp://localhost:9");
    say("named, by address", rc(zmq_disconnect(s, "tcp://127.0.0.1:9")));
    say("named, by name", rc(zmq_disconnect(s, "tcp://localhost:9")));
    connect_to(s, "tcp://127.0.0.1:0;127.0.0.1:9");
    say("with source, last", last_endpoint(s));
    say("with source, without", rc(zmq_disconnect(s, "tcp://127.0.0.1:9")));
    say("with source, as given", rc(zmq_disconnect(s, "tcp://127.0.0.1:0;127.0.0.1:9")));
    connect_to(s, "tcp://127.0.0.1:9");
    say("by unbind", rc(zmq_unbind(s, "tcp://127.0.0.1:9")));
}

static void keys_mapped(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_ROUTER);
    set_int(s, ZMQ_IPV6, 1);
    zmq_bind(s, "tcp://127.0.0.1:*");
    int port = port_of(last_endpoint(s));
    say("unbind by plain address", rc(zmq_unbind(s, text("tcp://127.0.0.1:%d", port))));
    zmq_bind(s, "tcp://127.0.0.1:*");
    port = port_of(last_endpoint(s));
    say("unbind by mapped address", rc(zmq_unbind(s, text("tcp://[::ffff:127.0.0.1]:%d", port))));
}

static void keys_ipc_and_inproc(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_ROUTER);
    zmq_bind(s, "ipc://key");
    say("ipc other spelling", rc(zmq_unbind(s, "ipc://./key")));
    say("ipc exact", rc(zmq_unbind(s, "ipc://key")));
    say("ipc again", rc(zmq_unbind(s, "ipc://key")));
    zmq_bind(s, "ipc://*");
    say("ipc star", rc(zmq_unbind(s, "ipc://*")));
    say("ipc generated", rc(zmq_unbind(s, text("%s", last_endpoint(s)))));
    connect_to(s, "ipc://nobody");
    say("ipc disconnect", rc(zmq_disconnect(s, "ipc://nobody")));
    say("ipc disconnect again", rc(zmq_disconnect(s, "ipc://nobody")));
    zmq_bind(s, "inproc://key");
    say("inproc other", rc(zmq_unbind(s, "inproc://keys")));
    say("inproc", rc(zmq_unbind(s, "inproc://key")));
    say("inproc again", rc(zmq_unbind(s, "inproc://key")));
    zmq_bind(s, "inproc://key");
    void *other = sock(ctx, ZMQ_DEALER);
    say("inproc of another socket", rc(zmq_unbind(other, "inproc://key")));
    connect_to(other, "inproc://key");
    say("inproc disconnect", rc(zmq_disconnect(other, "inproc://key")));
    say("inproc disconnect again", rc(zmq_disconnect(other, "inproc://key")));
    say("inproc bound, by disconnect", rc(zmq_disconnect(s, "inproc://key")));
    connect_to(other, "inproc://never");
    say("inproc parked", rc(zmq_disconnect(other, "inproc://never")));
}

/* How many connections a second identical connect makes. */
static void connect_twice(void)
{
    static const int pairs[][2] = {{ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_SUB, ZMQ_PUB}, {ZMQ_PUB, ZMQ_SUB},
                                   {ZMQ_REQ, ZMQ_REP}, {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PULL, ZMQ_PUSH},
                                   {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_REP, ZMQ_REQ},
                                   {ZMQ_XSUB, ZMQ_XPUB}, {ZMQ_XPUB, ZMQ_XSUB}, {ZMQ_PAIR, ZMQ_PAIR}};
    for (int i = 0; i < 11; i++) {
        void *ctx = context();
        void *connecter = sock(ctx, pairs[i][0]);
        void *binder = sock(ctx, pairs[i][1]);
        const char *name = type_name(pairs[i][0]);
        const char *endpoint = bind_any(binder, TCP);
        void *monitor = watch(binder, ZMQ_EVENT_ACCEPTED);
        say(text("%s first", name), rc(zmq_connect(connecter, endpoint)));
        say(text("%s second", name), rc(zmq_connect(connecter, endpoint)));
        int count = 0;
        while (count < 2 && next_event(monitor, NULL, NULL, 0)) {
            count++;
            settle(ctx);
            set_int(monitor, ZMQ_RCVTIMEO, QUIET);
        }
        line(text("%s connections", name), "%d", count);
        say(text("%s disconnect", name), rc(zmq_disconnect(connecter, endpoint)));
        say(text("%s disconnect again", name), rc(zmq_disconnect(connecter, endpoint)));
        shut(monitor);
        shut(connecter);
        shut(binder);
        term(ctx);
    }
}

/* Over inproc: connections are told apart by what comes of one message, or of two. */
static void connect_twice_inproc(void)
{
    static const int pairs[][2] = {{ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_SUB, ZMQ_PUB}, {ZMQ_PUB, ZMQ_SUB},
                                   {ZMQ_XSUB, ZMQ_XPUB}, {ZMQ_XPUB, ZMQ_XSUB}, {ZMQ_PAIR, ZMQ_PAIR}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        void *ctx = context();
        void *connecter = sock(ctx, pairs[i][0]);
        void *binder = sock(ctx, pairs[i][1]);
        const char *name = type_name(pairs[i][0]);
        if (pairs[i][0] == ZMQ_SUB)
            subscribe(connecter, "");
        if (pairs[i][1] == ZMQ_SUB)
            subscribe(binder, "");
        const char *endpoint = bind_any(binder, INPROC);
        say(text("%s first", name), rc(zmq_connect(connecter, endpoint)));
        say(text("%s second", name), rc(zmq_connect(connecter, endpoint)));
        if (pairs[i][0] == ZMQ_XSUB)
            tx_bytes(connecter, "\1", 1, 0);
        if (pairs[i][1] == ZMQ_XSUB)
            tx_bytes(binder, "\1", 1, 0);
        get_int(connecter, ZMQ_EVENTS);
        get_int(binder, ZMQ_EVENTS);
        get_int(connecter, ZMQ_EVENTS);
        if (pairs[i][0] == ZMQ_SUB || pairs[i][0] == ZMQ_XSUB) {
            tx(binder, "published");
            say(text("%s recv", name), rx_now(connecter));
            say(text("%s recv again", name), rx_now(connecter));
        } else if (pairs[i][0] == ZMQ_PUB || pairs[i][0] == ZMQ_XPUB) {
            tx(connecter, "published");
            say(text("%s recv", name), rx_now(binder));
            say(text("%s recv again", name), rx_now(binder));
        } else if (pairs[i][0] == ZMQ_DEALER) {
            tx(connecter, "one");
            tx(connecter, "two");
            char first[5] = "", second[5] = "";
            zmq_recv(binder, first, 5, 0);
            rx(binder);
            zmq_recv(binder, second, 5, 0);
            line(text("%s one peer", name), "%d", memcmp(first, second, 5) == 0);
        }
        say(text("%s disconnect", name), rc(zmq_disconnect(connecter, endpoint)));
        say(text("%s disconnect again", name), rc(zmq_disconnect(connecter, endpoint)));
        shut(connecter);
        shut(binder);
        term(ctx);
    }
}

/* A connect that is ignored is a success like any other. */
static void ignored_connect(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_DEALER);
    connect_to(s, "ipc://one");
    connect_to(s, "ipc://two");
    say("again", rc(zmq_connect(s, "ipc://one")));
    say("last", last_endpoint(s));
    say("another spelling", rc(zmq_connect(s, "ipc://./one")));
    say("disconnect", rc(zmq_disconnect(s, "ipc://one")));
    say("is gone", rc(zmq_disconnect(s, "ipc://one")));
    say("the other is there", rc(zmq_disconnect(s, "ipc://./one")));
    say("connect after disconnect", rc(zmq_connect(s, "ipc://one")));
    say("disconnect it", rc(zmq_disconnect(s, "ipc://one")));
}

static void unbind_ends_connections(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        const char *endpoint = attach(pull, push, t);
        void *monitor = watch(push, ZMQ_EVENT_DISCONNECTED);
        tx(push, "before");
        say(text("%s before", name), rx(pull));
        say(text("%s unbind", name), rc(zmq_unbind(pull, endpoint)));
        get_int(pull, ZMQ_EVENTS);
        zmq_pollitem_t items[2] = {{monitor, 0, ZMQ_POLLIN, 0}, {pull, 0, ZMQ_POLLIN, 0}};
        /* The socket takes part in ending its connections. */
        long end = now_ms() + PATIENCE;
        while (!(items[0].revents & ZMQ_POLLIN) && now_ms() < end)
            zmq_poll(items, 2, 100);
        say(text("%s peer sees", name), event_name(next_event(monitor, NULL, NULL, 0)));
        tx(push, "after");
        say(text("%s after", name), rx_quiet(pull));
    }
}

static void unbind_inproc_keeps_pipes(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    const char *endpoint = attach(pull, push, INPROC);
    say("unbind", rc(zmq_unbind(pull, endpoint)));
    say("send", tx(push, "still"));
    say("recv", rx(pull));
}

static void disconnect_sends_queued(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_LINGER, -1);
        const char *name = transport_names[t];
        const char *endpoint = bind_any(pull, t);
        connect_to(push, endpoint);
        for (int i = 0; i < 5; i++)
            tx(push, text("%d", i));
        say(text("%s disconnect", name), rc(zmq_disconnect(push, endpoint)));
        say(text("%s send", name), tx_now(push, "no more"));
        for (int i = 0; i < 5; i++)
            say(text("%s recv %d", name, i), rx(pull));
        say(text("%s then", name), rx_quiet(pull));
    }
}

static void connect_before_bind(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PUSH);
    void *b = sock(ctx, ZMQ_PUSH);
    say("connect", rc(zmq_connect(a, "inproc://later")));
    say("connect another", rc(zmq_connect(b, "inproc://later")));
    say("send", tx(a, "early|part"));
    say("send another", tx(b, "second"));
    void *pull = sock(ctx, ZMQ_PULL);
    say("bind", rc(zmq_bind(pull, "inproc://later")));
    say("recv", rx(pull));
    say("recv another", rx(pull));
    shut(pull);
    /* After the binder is gone the name can be waited for again. */
    void *c = sock(ctx, ZMQ_PUSH);
    void *next = sock(ctx, ZMQ_PULL);
    bind_again(next, "inproc://later");
    connect_to(c, "inproc://later");
    tx(c, "third");
    say("next binder", rx(next));
}

static void several_endpoints(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    for (int t = INPROC; t <= IPC; t++) {
        void *push = sock(ctx, ZMQ_PUSH);
        attach(pull, push, t);
        tx(push, transport_names[t]);
        say(transport_names[t], rx(pull));
    }
}

static void use_fd(void)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(fd, (struct sockaddr *) &address, sizeof address);
    listen(fd, 10);
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(pull, ZMQ_USE_FD, fd);
    say("bind", rc(zmq_bind(pull, "tcp://127.0.0.1:1")));
    say("last", masked(last_endpoint(pull)));
    line("the port of the descriptor", "%d", port_of(last_endpoint(pull)) > 1);
    connect_to(push, last_endpoint(pull));
    tx(push, "hello");
    say("recv", rx(pull));
}

static void source_address(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    int port = port_of(bind_any(pull, TCP));
    connect_to(push, text("tcp://127.0.0.2:0;127.0.0.1:%d", port));
    tx(push, "hello");
    zmq_msg_t m;
    zmq_msg_init(&m);
    say("recv", rc(zmq_msg_recv(&m, pull, 0)));
    const char *peer = zmq_msg_gets(&m, "Peer-Address");
    say("seen as", peer ? peer : "NULL");
    zmq_msg_close(&m);
}

static const struct rule rules[] = {
    RULE(bind_grammar), RULE(connect_grammar), RULE(search_grammar), RULE(port_numbers),
    RULE(types_and_schemes), RULE(ipv6), RULE(ipc_paths), RULE(ipc_files), RULE(ipc_stolen),
    RULE(in_use), RULE(last_endpoint_lengths), RULE(keys_tcp), RULE(keys_mapped),
    RULE(keys_ipc_and_inproc), RULE(connect_twice), RULE(connect_twice_inproc), RULE(ignored_connect),
    RULE(unbind_ends_connections),
    RULE(unbind_inproc_keeps_pipes), RULE(disconnect_sends_queued), RULE(connect_before_bind),
    RULE(several_endpoints), RULE(use_fd), RULE(source_address),
};

RUN(rules)
