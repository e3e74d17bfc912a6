/* A real SOCKS5 proxy, microsocks, between two sockets. security.md 8.
 *
 * The stock library aborts when a socket leaves its endpoint while a failed attempt waits: every rule ends with a
 * connection. */
#include "plain.h"
#include "story.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { INTERVAL = 20 };
/* Drafts by the header, which stable builds have. */
enum { SOCKS_USERNAME = 99, SOCKS_PASSWORD = 100 };

struct proxy {
    /* An address of this process alone. */
    const char *endpoint, *text;
    pid_t pid;
};

static void start(struct proxy *proxy, const char *password)
{
    char host[64];
    sscanf(proxy->text, "%63[^:]", host);
    const char *port = text("%d", port_of(proxy->endpoint));
    pid_t parent = getpid();
    proxy->pid = fork();
    must(proxy->pid >= 0, "fork");
    if (proxy->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        if (getppid() == parent && password)
            execlp("microsocks", "microsocks", "-i", host, "-p", port, "-u", "user", "-P", password, (char *) NULL);
        else if (getppid() == parent)
            execlp("microsocks", "microsocks", "-i", host, "-p", port, (char *) NULL);
        _exit(127);
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_aton(host, &address.sin_addr);
    address.sin_port = htons((uint16_t) port_of(proxy->endpoint));
    long end = now_ms() + PATIENCE;
    for (int there = 0; !there;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        there = connect(fd, (struct sockaddr *) &address, sizeof address) == 0;
        close(fd);
        must(there || now_ms() < end, "microsocks");
    }
}

static void stop(const struct proxy *proxy)
{
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
}

static struct proxy proxy_here(const char *password)
{
    struct proxy proxy = {.endpoint = plain_vacant()};
    proxy.text = proxy.endpoint + strlen("tcp://");
    start(&proxy, password);
    return proxy;
}

/* A socket that will connect through it. */
static void *through(const struct proxy *proxy, void *ctx, int type)
{
    void *socket = sock(ctx, type);
    set_int(socket, ZMQ_RECONNECT_IVL, INTERVAL);
    set_bytes(socket, ZMQ_SOCKS_PROXY, proxy->text, strlen(proxy->text));
    return socket;
}

/* Messages of every size, both ways where the types go both ways. */
static void patterns(void)
{
    static const struct {
        int binder, connecter;
    } pairs[] = {
        {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_REP, ZMQ_REQ}, {ZMQ_PUB, ZMQ_SUB},
        {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_PAIR, ZMQ_PAIR},
    };
    static char large[3000000];
    memset(large, 'x', sizeof large);
    struct proxy proxy = proxy_here(NULL);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        void *ctx = context();
        void *binder = sock(ctx, pairs[i].binder), *connecter = through(&proxy, ctx, pairs[i].connecter);
        const char *name = text("%s to %s", type_name(pairs[i].connecter), type_name(pairs[i].binder));
        struct story story = story_of(connecter, proxy.endpoint, INTERVAL);
        if (pairs[i].connecter == ZMQ_SUB)
            subscribe(connecter, "");
        connect_to(connecter, bind_any(binder, TCP));
        say(text("%s events", name), tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
        if (pairs[i].binder == ZMQ_PUB)
            sync_subscriptions(binder, connecter);
        int forth = pairs[i].connecter != ZMQ_PULL && pairs[i].connecter != ZMQ_SUB;
        int back = pairs[i].binder != ZMQ_PULL;
        static const size_t sizes[] = {0, 5, 300, sizeof large};
        for (size_t j = 0; j < COUNT(sizes); j++) {
            if (forth) {
                tx_bytes(connecter, large, sizes[j], 0);
                say(text("%s forth %zu", name, j), rx(binder));
            }
            if (back) {
                tx_bytes(binder, large, sizes[j], 0);
                say(text("%s back %zu", name, j), rx(connecter));
            }
        }
    }
}

/* What the proxy makes of what it is asked for. */
static void targets(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.1", "localhost", "[::1]"};
    struct proxy proxy = proxy_here(NULL);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = through(&proxy, ctx, ZMQ_PUSH);
        set_int(pull, ZMQ_IPV6, 1);
        must(zmq_bind(pull, "tcp://*:*") == 0, "bind");
        connect_to(push, text("tcp://%s:%d", hosts[i], port_of(last_endpoint(pull))));
        tx(push, "hello");
        say(hosts[i], rx(pull));
    }
}

/* With a name, and with a wrong password until the proxy knows that one. */
static void login(void)
{
    struct proxy proxy = proxy_here("another");
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = through(&proxy, ctx, ZMQ_PUSH);
    set_bytes(push, SOCKS_USERNAME, "user", 4);
    set_bytes(push, SOCKS_PASSWORD, "password", 8);
    struct story story = story_of(push, proxy.endpoint, INTERVAL);
    connect_to(push, bind_any(pull, TCP));
    tx(push, "hello");
    say("refused", tell_until(&story, ZMQ_EVENT_CONNECT_RETRIED));
    stop(&proxy);
    start(&proxy, "password");
    say("let in", await_event(story.monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    say("message", rx(pull));
}

/* Nobody is there, and the proxy says so, until somebody is. */
static void late_peer(void)
{
    struct proxy proxy = proxy_here(NULL);
    void *ctx = context(), *push = through(&proxy, ctx, ZMQ_PUSH);
    const char *target = plain_vacant();
    struct story story = story_of(push, proxy.endpoint, INTERVAL);
    connect_to(push, target);
    tx(push, "hello");
    say("refused", tell(&story, 3));
    say("and again", tell(&story, 3));
    int listener = plain_listen_at(target);
    int fd = plain_accept(listener);
    must(fd >= 0, "nobody comes");
    plain_handshake(fd, "PULL");
    say("message", plain_recv(fd, 7));
}

/* The proxy goes away, and with it the connection; what is sent meanwhile arrives when it is back. */
static void proxy_restarts(void)
{
    struct proxy proxy = proxy_here(NULL);
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = through(&proxy, ctx, ZMQ_PUSH);
    struct story story = story_of(push, proxy.endpoint, INTERVAL);
    connect_to(push, bind_any(pull, TCP));
    tx(push, "before");
    say("before", rx(pull));
    say("events", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    stop(&proxy);
    say("lost", tell(&story, 2));
    tx(push, "meanwhile");
    start(&proxy, NULL);
    say("back", await_event(story.monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    say("meanwhile", rx(pull));
}

static const struct rule rules[] = {
    RULE(patterns), RULE(targets), RULE(login), RULE(late_peer), RULE(proxy_restarts),
};

RUN(rules)
