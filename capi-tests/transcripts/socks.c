/* SOCKS5 proxies made of bytes: what is said to them, and what the monitor tells. security.md 8.
 *
 * The stock library aborts when a socket leaves its endpoint while a failed attempt waits: every rule ends with a
 * connection, or, where a text is no proxy, with attempts that had no descriptor. */
#include "plain.h"
#include "story.h"

#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TARGET "tcp://example.test:5555"
#define CHOSEN "\5\0"
#define GRANTED "\5\0\0\1\0\0\0\0\0\0"
/* Bytes with their number: they hold zeros. */
#define BYTES(literal) (literal), sizeof(literal) - 1

enum { INTERVAL = 20, GREETING = 3, HEAD = 5, READY = 28 };
/* Drafts by the header; stable builds have the first two. */
enum { SOCKS_USERNAME = 99, SOCKS_PASSWORD = 100, RECONNECT_STOP = 109 };

struct proxy {
    int listener;
    char endpoint[64];
    /* What the option says. */
    const char *text;
};

static struct proxy proxy_here(void)
{
    struct proxy proxy;
    proxy.listener = plain_listen(TCP, proxy.endpoint);
    proxy.text = keep(proxy.endpoint + strlen("tcp://"));
    return proxy;
}

/* A socket that will connect through it. */
static void *through(const struct proxy *proxy, int type)
{
    void *socket = sock(context(), type);
    set_int(socket, ZMQ_RECONNECT_IVL, INTERVAL);
    set_bytes(socket, ZMQ_SOCKS_PROXY, proxy->text, strlen(proxy->text));
    return socket;
}

/* The next stream. What it says first, if there is a key for that. */
static int come(const struct proxy *proxy, const char *key)
{
    int fd = plain_accept(proxy->listener);
    must(fd >= 0, "nobody comes");
    const char *said = plain_recv(fd, GREETING);
    if (key)
        say(key, said);
    return fd;
}

/* The whole of a request. */
static const char *request_at(int fd)
{
    unsigned char head[HEAD], rest[300];
    must(recv(fd, head, sizeof head, MSG_WAITALL) == sizeof head, "a request");
    size_t left = head[3] == 1 ? 5 : head[3] == 4 ? 17 : head[4] + 2u;
    must(recv(fd, rest, left, MSG_WAITALL) == (ssize_t) left, "an address");
    char *all = scratch(sizeof head + sizeof rest);
    memcpy(all, head, sizeof head);
    memcpy(all + sizeof head, rest, left);
    return shown(all, sizeof head + left);
}

/* Greeting and choice; the request. */
static const char *ask(int fd)
{
    plain_send_bytes(fd, BYTES(CHOSEN));
    return request_at(fd);
}

/* Says yes, and is a socket of that type from then on. */
static void grant(int fd, const char *type)
{
    plain_send_bytes(fd, BYTES(GRANTED));
    plain_handshake(fd, type);
}

/* Whom the proxy is asked for. */
static void targets(void)
{
    static const char *const endpoints[] = {
        "tcp://1.2.3.4:5555", "tcp://127.1:5555", "tcp://0x7f.1:5555", "tcp://[2001:db8::1]:5555", "tcp://2001:db8::1:5555",
        "tcp://[::ffff:1.2.3.4]:5555", "tcp://[::1]:65535", "tcp://[fe80::1%lo]:5555", "tcp://localhost:5555", TARGET,
        "tcp://example.test.:5555", "tcp://a:1", "tcp://example.test:5x", "tcp://lo:5555", "tcp://[1.2.3.4]:5555",
        "tcp://1.2.3.4.5:5555",
    };
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t i = 0; i < COUNT(endpoints); i++) {
            struct proxy proxy = proxy_here();
            void *pull = through(&proxy, ZMQ_PULL);
            set_int(pull, ZMQ_IPV6, ipv6);
            say(text("%s IPV6 %d connect", endpoints[i], ipv6), rc(zmq_connect(pull, endpoints[i])));
            int fd = come(&proxy, NULL);
            say(text("%s IPV6 %d", endpoints[i], ipv6), ask(fd));
            say(text("%s IPV6 %d last endpoint", endpoints[i], ipv6), last_endpoint(pull));
            grant(fd, "PUSH");
            shut(pull);
            close(fd);
            close(proxy.listener);
        }
    }
}

/* The longest name that goes. */
static void longest_name(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    char endpoint[300] = "tcp://";
    memset(endpoint + 6, 'n', 255);
    strcpy(endpoint + 6 + 255, ":5555");
    connect_to(pull, endpoint);
    int fd = come(&proxy, NULL);
    say("request", ask(fd));
    grant(fd, "PUSH");
}

/* The events up to a message, and of a loss. */
static void story(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    struct story story = story_of(pull, proxy.endpoint, INTERVAL);
    connect_to(pull, TARGET);
    int fd = come(&proxy, "greeting");
    say("before the answer", tell(&story, 1));
    say("request", ask(fd));
    grant(fd, "PUSH");
    plain_send_bytes(fd, BYTES("\0\5hello"));
    say("message", rx(pull));
    say("events", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    close(fd);
    say("lost", tell_until(&story, ZMQ_EVENT_CONNECT_RETRIED));
    fd = come(&proxy, "greeting again");
    say("request again", ask(fd));
    grant(fd, "PUSH");
    say("again", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    say("disconnect by the proxy's text", rc(zmq_disconnect(pull, proxy.endpoint)));
    say("disconnect", rc(zmq_disconnect(pull, TARGET)));
}

/* A peer that says all at once: bytes behind the answer are the peer's. */
static void behind_the_answer(void)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
    } answers[] = {
        {"IPv4", BYTES("\5\0\0\1\1\2\3\4\5\6")},
        {"IPv6", BYTES("\5\0\0\4\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10\1\2")},
        {"a name", BYTES("\5\0\0\3\4name\1\2")},
        {"an empty name", BYTES("\5\0\0\3\0\1\2")},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct proxy proxy = proxy_here();
        void *pull = through(&proxy, ZMQ_PULL);
        connect_to(pull, TARGET);
        int fd = come(&proxy, NULL);
        ask(fd);
        char all[300];
        memcpy(all, answers[i].bytes, answers[i].size);
        char *end = all + answers[i].size;
        memcpy(end, plain_greeting("NULL"), 64);
        memcpy(end + 64, "\4\x1a\5READY\xbSocket-Type\0\0\0\4PUSH", READY);
        plain_send_bytes(fd, all, answers[i].size + 64 + READY);
        say(text("%s greeting", answers[i].name), plain_recv(fd, 64 + READY));
        plain_send_bytes(fd, BYTES("\0\5hello"));
        say(text("%s message", answers[i].name), rx(pull));
        shut(pull);
        close(fd);
        close(proxy.listener);
    }
}

/* Who asks, and what the proxy makes of it. */
static void logins(void)
{
    static const struct {
        const char *username, *password, *choice;
    } logins[] = {
        {"user", "pw", "\5\2"}, {"user", NULL, "\5\2"}, {NULL, "pw", "\5\2"}, {NULL, NULL, "\5\2"},
        {"user", "pw", CHOSEN}, {NULL, "pw", CHOSEN},
    };
    for (size_t i = 0; i < COUNT(logins); i++) {
        struct proxy proxy = proxy_here();
        void *pull = through(&proxy, ZMQ_PULL);
        const char *username = logins[i].username, *password = logins[i].password;
        if (username)
            set_bytes(pull, SOCKS_USERNAME, username, strlen(username));
        if (password)
            set_bytes(pull, SOCKS_PASSWORD, password, strlen(password));
        const char *name = text("%s %s, choice %d:", username ? username : "nobody", password ? password : "nothing", logins[i].choice[1]);
        struct story story = story_of(pull, proxy.endpoint, INTERVAL);
        connect_to(pull, TARGET);
        int fd = come(&proxy, text("%s greeting", name));
        plain_send_bytes(fd, logins[i].choice, 2);
        if (logins[i].choice[1] == 2) {
            size_t size = 3 + (username ? strlen(username) + (password ? strlen(password) : 0) : 0);
            say(text("%s login", name), plain_recv(fd, size));
            plain_send_bytes(fd, BYTES("\1\0"));
        }
        say(text("%s request", name), request_at(fd));
        grant(fd, "PUSH");
        say(text("%s events", name), tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
        shut(pull);
        close(fd);
        close(proxy.listener);
    }
}

/* Whatever goes wrong, the next attempt comes. */
static void failures(void)
{
    static const struct {
        const char *name, *choice;
        size_t choice_size;
        const char *answer;
        size_t answer_size;
    } failures[] = {
        {"end instead of a choice", BYTES(""), NULL, 0},
        {"half a choice", BYTES("\5"), NULL, 0},
        {"no method", BYTES("\5\377"), NULL, 0},
        {"a method that was not offered", BYTES("\5\1"), NULL, 0},
        {"version 4", BYTES("\4\0"), NULL, 0},
        {"end instead of an answer", BYTES(CHOSEN), BYTES("")},
        {"half an answer", BYTES(CHOSEN), BYTES("\5\0\0\1\1\2")},
        {"code 1", BYTES(CHOSEN), BYTES("\5\1\0\1\0\0\0\0\0\0")},
        {"code 2", BYTES(CHOSEN), BYTES("\5\2\0\1\0\0\0\0\0\0")},
        {"code 3", BYTES(CHOSEN), BYTES("\5\3\0\1\0\0\0\0\0\0")},
        {"code 4", BYTES(CHOSEN), BYTES("\5\4\0\1\0\0\0\0\0\0")},
        {"code 5", BYTES(CHOSEN), BYTES("\5\5\0\1\0\0\0\0\0\0")},
        {"code 6", BYTES(CHOSEN), BYTES("\5\6\0\1\0\0\0\0\0\0")},
        {"code 7", BYTES(CHOSEN), BYTES("\5\7\0\1\0\0\0\0\0\0")},
        {"code 8", BYTES(CHOSEN), BYTES("\5\x8\0\1\0\0\0\0\0\0")},
        {"code 255", BYTES(CHOSEN), BYTES("\5\377\0\1\0\0\0\0\0\0")},
        {"an answer of version 4", BYTES(CHOSEN), BYTES("\4\0\0\1\0\0\0\0\0\0")},
        {"something reserved", BYTES(CHOSEN), BYTES("\5\0\1\1\0\0\0\0\0\0")},
        {"an unknown type of address", BYTES(CHOSEN), BYTES("\5\0\0\2\0\0\0\0\0\0")},
    };
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    struct story story = story_of(pull, proxy.endpoint, INTERVAL);
    connect_to(pull, TARGET);
    for (size_t i = 0; i < COUNT(failures); i++) {
        int fd = come(&proxy, NULL);
        plain_send_bytes(fd, failures[i].choice, failures[i].choice_size);
        if (failures[i].answer) {
            request_at(fd);
            plain_send_bytes(fd, failures[i].answer, failures[i].answer_size);
        }
        shutdown(fd, SHUT_WR);
        say(text("%s, then", failures[i].name), plain_recv(fd, 1));
        say(failures[i].name, tell_until(&story, ZMQ_EVENT_CONNECT_RETRIED));
        close(fd);
    }
    int fd = come(&proxy, NULL);
    ask(fd);
    grant(fd, "PUSH");
    say("at last", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
}

/* A name that the proxy does not know. */
static void wrong_login(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    set_bytes(pull, SOCKS_USERNAME, "me", 2);
    struct story story = story_of(pull, proxy.endpoint, INTERVAL);
    connect_to(pull, TARGET);
    static const char *const statuses[] = {"\1\1", "\1\377", "\5\0"};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        int fd = come(&proxy, NULL);
        plain_send_bytes(fd, "\5\2", 2);
        plain_recv(fd, 5);
        plain_send_bytes(fd, statuses[i], 2);
        say(text("answer %zu", i), tell_until(&story, ZMQ_EVENT_CONNECT_RETRIED));
        close(fd);
    }
    int fd = come(&proxy, NULL);
    plain_send_bytes(fd, "\5\2", 2);
    plain_recv(fd, 5);
    plain_send_bytes(fd, BYTES("\1\0"));
    request_at(fd);
    grant(fd, "PUSH");
    say("at last", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
}

/* Nobody listens where the proxy should be; RECONNECT_STOP is about the target. */
static void away(void)
{
    const char *endpoint = plain_vacant();
    struct proxy proxy = {-1, "", endpoint + strlen("tcp://")};
    void *pull = through(&proxy, ZMQ_PULL);
    int when_refused = 1;
    zmq_setsockopt(pull, RECONNECT_STOP, &when_refused, sizeof when_refused);
    struct story story = story_of(pull, endpoint, INTERVAL);
    connect_to(pull, TARGET);
    say("first", tell(&story, 3));
    say("second", tell(&story, 3));
    proxy.listener = plain_listen_at(endpoint);
    int fd = come(&proxy, NULL);
    ask(fd);
    grant(fd, "PUSH");
    say("there", await_event(story.monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
}

/* Texts that lead nowhere are taken, and tried again and again. */
static void no_proxies(void)
{
    static const char *const texts[] = {
        "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:*", "127.0.0.1:00", ":1080", "*:1080", "[::1]:1080", "::1",
        "socks5://127.0.0.1:1080", "tcp://127.0.0.1:1080", "x", ":",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct proxy proxy = {-1, "", texts[i]};
        void *pull = through(&proxy, ZMQ_PULL);
        struct story story = story_of(pull, keep(text("tcp://%s", texts[i])), INTERVAL);
        say(text("'%s' connect", texts[i]), rc(zmq_connect(pull, TARGET)));
        say(text("'%s'", texts[i]), tell(&story, 3));
        shut(pull);
    }
}

/* Texts that lead there. */
static void proxy_texts(void)
{
    static const char *const texts[] = {"%s:%d", "[%s]:%d", "%s:+%d", "%s:%dx", "127.0.0.9:0;%s:%d"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct proxy proxy = proxy_here();
        char host[64], said[128];
        sscanf(proxy.text, "%63[^:]", host);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(said, sizeof said, texts[i], host, port_of(proxy.endpoint));
#pragma GCC diagnostic pop
        proxy.text = said;
        void *pull = through(&proxy, ZMQ_PULL);
        connect_to(pull, TARGET);
        int fd = come(&proxy, NULL);
        say(texts[i], ask(fd));
        grant(fd, "PUSH");
        shut(pull);
        close(fd);
        close(proxy.listener);
    }
}

/* The option is for later connects over tcp, and for nothing else. */
static void what_it_is_for(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL), *direct = sock(context_of(pull), ZMQ_PUSH);
    const char *endpoint = bind_any(pull, TCP);
    connect_to(direct, endpoint);
    tx(direct, "bound");
    say("a bound one", rx(pull));
    for (int t = INPROC; t <= IPC; t++) {
        if (t == TCP)
            continue;
        void *push = sock(context_of(pull), ZMQ_PUSH);
        connect_to(pull, bind_any(push, t));
        tx(push, "over it");
        say(transport_names[t], rx(pull));
    }
    void *push = sock(context_of(pull), ZMQ_PUSH);
    const char *target = bind_any(push, TCP);
    connect_to(pull, TARGET);
    say("taken back", rc(zmq_setsockopt(pull, ZMQ_SOCKS_PROXY, NULL, 0)));
    connect_to(pull, target);
    tx(push, "directly");
    say("without", rx(pull));
    int fd = come(&proxy, "the earlier one");
    say("its request", ask(fd));
    grant(fd, "PUSH");
    plain_send_bytes(fd, BYTES("\0\3yes"));
    say("its message", rx(pull));
}

/* Whose address a message has. */
static void peer_address(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    connect_to(pull, "tcp://1.2.3.4:5555");
    int fd = come(&proxy, NULL);
    ask(fd);
    grant(fd, "PUSH");
    plain_send_bytes(fd, BYTES("\0\5hello"));
    zmq_msg_t message;
    zmq_msg_init(&message);
    must(zmq_msg_recv(&message, pull, 0) == 5, "a message");
    const char *address = zmq_msg_gets(&message, "Peer-Address");
    must(address != NULL, "an address");
    say("of the proxy", strncmp(address, proxy.text, strlen(address)) == 0 ? "yes" : address);
    zmq_msg_close(&message);
}

/* Every type that connects, and one that carries plain bytes. */
static void streams(void)
{
    struct proxy proxy = proxy_here();
    void *stream = through(&proxy, ZMQ_STREAM);
    connect_to(stream, TARGET);
    int fd = come(&proxy, NULL);
    ask(fd);
    plain_send_bytes(fd, BYTES(GRANTED "bytes"));
    say("connected", get(stream));
    say("bytes", get(stream));
    put(stream, 'A', "back");
    say("back", plain_recv(fd, 4));
}

/* A socket that leaves while the proxy is silent. */
static void closed(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    connect_to(pull, TARGET);
    int fd = come(&proxy, NULL);
    shut(pull);
    say("the proxy reads", plain_recv(fd, 1));
}

/* A proxy that is silent. The timer of the handshake is for what comes behind. */
static void silent(void)
{
    struct proxy proxy = proxy_here();
    void *pull = through(&proxy, ZMQ_PULL);
    set_int(pull, ZMQ_CONNECT_TIMEOUT, PATIENCE / 20);
    set_int(pull, ZMQ_HANDSHAKE_IVL, PATIENCE / 20);
    struct story story = story_of(pull, proxy.endpoint, INTERVAL);
    connect_to(pull, TARGET);
    int fd = come(&proxy, NULL);
    say("the proxy reads", readable_within(fd, PATIENCE / 4) ? plain_recv(fd, 1) : "nothing");
    int again = readable_within(proxy.listener, QUIET);
    say("and again", again ? "yes" : "no");
    if (again) {
        close(fd);
        fd = come(&proxy, NULL);
    }
    ask(fd);
    grant(fd, "PUSH");
    say("events", tell_until(&story, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
}

static const struct rule rules[] = {
    RULE(targets), RULE(longest_name), RULE(story), RULE(behind_the_answer), RULE(logins), RULE(failures),
    RULE(wrong_login), RULE(away), RULE(no_proxies), RULE(proxy_texts), RULE(what_it_is_for), RULE(peer_address),
    RULE(streams), RULE(closed), RULE(silent),
};

RUN(rules)
