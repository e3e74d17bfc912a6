/* Names of tcp endpoints, looked up with a name server of the rule's own. transports.md sections 2.1 to 2.3. */
#include "nameserver.h"
#include "plain.h"
#include "refusing.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The network is this rule's alone. */
enum { PORT = 5555 };

static const char *at(const char *host)
{
    return keep(text("tcp://%s:%d", host, PORT));
}

static void *bound(void *ctx, const char *endpoint, int ipv6)
{
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_IPV6, ipv6);
    if (zmq_bind(pull, endpoint) != 0)
        give_up(endpoint);
    return pull;
}

/* What a socket is told of its attempts, up to a connection or so many events. */
static const char *attempts(void *monitor, int most)
{
    const char *all = "";
    for (int event = 0; most > 0 && event != ZMQ_EVENT_CONNECTED; most--) {
        event = next_event(monitor, NULL, NULL, 0);
        all = text("%s%s%s", all, all[0] ? " " : "", event_name(event));
    }
    return all;
}

/* A name that nobody answers for holds up nobody else. */
static void slow_name(void)
{
    private_network();
    name_is("slow.test", "127.0.0.1");
    hold("slow.test");
    void *ctx = context();
    void *pull = bound(ctx, at("127.0.0.1"), 0), *push = sock(ctx, ZMQ_PUSH), *late = sock(ctx, ZMQ_PUSH);
    attach_to(pull, push, at("127.0.0.1"));
    connect_to(late, at("slow.test"));
    say("asked", await_question("slow.test"));
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE / 2);
    tx(push, "meanwhile");
    say("a connection", rx(pull));
    void *new = sock(ctx, ZMQ_PUSH);
    connect_to(new, at("127.0.0.1"));
    tx(new, "new");
    say("a new connection", rx(pull));
    tx(late, "late");
    let_go("slow.test");
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    say("then", skip_to(pull, "late"));
}

/* Nor the end of its socket and context. */
static void left_while_asking(void)
{
    private_network();
    hold("slow.test");
    void *ctx = context(), *push = sock(ctx, ZMQ_PUSH);
    connect_to(push, at("slow.test"));
    say("asked", await_question("slow.test"));
    say("disconnect", rc(zmq_disconnect(push, at("slow.test"))));
    connect_to(push, at("slow.test"));
    say("close", shut(push));
    say("term", term(ctx));
}

static int entries(const char *directory)
{
    DIR *listed = opendir(directory);
    if (!listed)
        give_up(directory);
    int count = 0;
    while (readdir(listed))
        count++;
    closedir(listed);
    return count;
}

/* Many that ask for it leave neither threads nor descriptors behind, and each gets its answer. */
static void many_ask(void)
{
    enum { MANY = 100, FEW = 20 };
    private_network();
    name_is("slow.test", "127.0.0.1");
    hold("slow.test");
    void *ctx = context(), *pull = bound(ctx, at("127.0.0.1"), 0), *probe = sock(ctx, ZMQ_PUSH), *first = sock(ctx, ZMQ_PUSH);
    attach_to(pull, probe, at("127.0.0.1"));
    connect_to(first, at("slow.test"));
    say("asked", await_question("slow.test"));
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    void *others[MANY];
    for (int i = 0; i < MANY; i++) {
        others[i] = sock(ctx, ZMQ_PUSH);
        connect_to(others[i], i % 2 ? at("slow.test") : keep(text("tcp://slow.test:%d", i + 1)));
    }
    /* All of them ask by now: their thread, which does one thing after the other, has made another connection. */
    void *new = sock(ctx, ZMQ_PUSH);
    connect_to(new, at("127.0.0.1"));
    tx(new, "new");
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE / 2);
    say("a new connection", rx(pull));
    say("threads", entries("/proc/self/task") - threads < FEW ? "few" : "many");
    tx(others[MANY - 1], "other");
    for (int i = 0; i < MANY - 1; i++)
        shut(others[i]);
    say("descriptors", entries("/proc/self/fd") - descriptors < FEW ? "few" : "many");
    let_go("slow.test");
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE);
    say("then", skip_to(pull, "other"));
}

struct call {
    int (*function)(void *, const char *);
    void *socket;
    const char *endpoint;
    const char *result;
};

static void *make_call(void *argument)
{
    struct call *call = argument;
    call->result = keep(rc(call->function(call->socket, call->endpoint)));
    return NULL;
}

/* A call that has to ask itself waits, but not with the socket in its hands. */
static void asking_calls(void)
{
    private_network();
    void *ctx = context(), *pull = bound(ctx, at("127.0.0.1"), 0);
    struct call calls[] = {{zmq_unbind, pull, at("unbind.test"), NULL}, {zmq_disconnect, pull, at("disconnect.test"), NULL},
                           {zmq_bind, pull, "tcp://bind.test:*", NULL}};
    static const char *const names[] = {"unbind.test", "disconnect.test", "bind.test"};
    for (size_t i = 0; i < COUNT(calls); i++) {
        name_is(names[i], i == 1 ? "127.0.0.9" : "127.0.0.1");
        hold(names[i]);
        pthread_t thread;
        pthread_create(&thread, NULL, make_call, &calls[i]);
        line(text("%s asked", names[i]), "%s", await_question(names[i]));
        line(text("%s, the socket", names[i]), "%s", show_int(pull, ZMQ_TYPE));
        let_go(names[i]);
        pthread_join(thread, NULL);
        line(names[i], "%s, last '%s'", calls[i].result, masked(last_endpoint(pull)));
    }
}

/* Each attempt asks again. */
static void changed_record(void)
{
    private_network();
    name_is("moving.test", "127.0.0.2");
    void *ctx = context();
    void *first = bound(ctx, at("127.0.0.2"), 0), *second = bound(ctx, at("127.0.0.3"), 0), *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    attach_to(first, push, at("moving.test"));
    tx(push, "before");
    say("first", rx(first));
    name_is("moving.test", "127.0.0.3");
    void *monitor = watch(second, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    shut(first);
    say("second", event_name(next_event(monitor, NULL, NULL, 0)));
    tx(push, "after");
    say("recv", skip_to(second, "after"));
    say("last", last_endpoint(push));
    say("disconnect", rc(zmq_disconnect(push, at("moving.test"))));
}

/* No descriptor and no event but one, again and again, until there is such a name. */
static void unknown_name(void)
{
    private_network();
    name_is("later.test", NULL);
    void *ctx = context(), *push = sock(ctx, ZMQ_PUSH);
    bound(ctx, at("127.0.0.1"), 0);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    connect_to(push, at("later.test"));
    say("attempts", attempts(monitor, 4));
    name_is("later.test", "127.0.0.1");
    say("connected", await_event(monitor, ZMQ_EVENT_CONNECTED));
}

static const char *const records[] = {"127.0.0.2", "::1", "127.0.0.2 ::1", "::1 127.0.0.2", NULL};

/* Which addresses are asked for, and which are taken. */
static void families(void)
{
    private_network();
    void *ctx = context();
    void *four = bound(ctx, at("127.0.0.2"), 0), *six = bound(ctx, at("[::1]"), 1);
    for (size_t i = 0; i < COUNT(records); i++) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            const char *name = keep(text("n%zu-%d.test", i, ipv6));
            name_is(name, records[i]);
            void *push = sock(ctx, ZMQ_PUSH);
            set_int(push, ZMQ_IPV6, ipv6);
            void *monitor = watch(push, ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED);
            connect_to(push, at(name));
            begin_line(text("%s, IPV6 %d", records[i] ? records[i] : "none", ipv6));
            in_line("event", event_name(next_event(monitor, NULL, NULL, 0)));
            in_line("asked for A", asked(name, AF_INET) ? "yes" : "no");
            in_line("AAAA", asked(name, AF_INET6) ? "yes" : "no");
            tx(push, "x");
            zmq_pollitem_t items[] = {{four, 0, ZMQ_POLLIN, 0}, {six, 0, ZMQ_POLLIN, 0}};
            zmq_poll(items, 2, records[i] && (ipv6 || i != 1) ? PATIENCE : 0);
            in_line("reaches", items[0].revents ? text("IPv4 %s", rx(four)) : items[1].revents ? text("IPv6 %s", rx(six)) : "nobody");
            end_line();
            unwatch(push, monitor);
            shut(push);
        }
    }
}

/* The same names to listen at. */
static void bound_names(void)
{
    private_network();
    void *ctx = context();
    for (size_t i = 0; i < COUNT(records); i++) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            name_is("bound.test", records[i]);
            void *pull = sock(ctx, ZMQ_PULL);
            set_int(pull, ZMQ_IPV6, ipv6);
            const char *result = rc(zmq_bind(pull, "tcp://bound.test:*"));
            line(text("%s, IPV6 %d", records[i] ? records[i] : "none", ipv6), "%s, last '%s'", result,
                 masked(last_endpoint(pull)));
            shut(pull);
        }
    }
}

/* All addresses of a name are tried in one attempt: the delay comes after the last one. */
static void several_addresses(void)
{
    private_network();
    static const char *const several[] = {"127.0.0.2 127.0.0.3 127.0.0.4", "127.0.0.4 127.0.0.2", "127.0.0.2 127.0.0.3"};
    void *ctx = context();
    void *pull = bound(ctx, at("127.0.0.4"), 0);
    for (size_t i = 0; i < COUNT(several); i++) {
        name_is("several.test", several[i]);
        void *push = sock(ctx, ZMQ_PUSH), *monitor = watch(push, ZMQ_EVENT_ALL);
        set_int(push, ZMQ_RECONNECT_IVL, 10);
        connect_to(push, at("several.test"));
        tx(push, several[i]);
        say(several[i], attempts(monitor, 6));
        unwatch(push, monitor);
        set_int(pull, ZMQ_RCVTIMEO, i < 2 ? PATIENCE / 2 : QUIET);
        say(text("%s, recv", several[i]), rx(pull));
        shut(push);
    }
}

/* One that does not answer has its time, then comes the next. */
static void deaf_address(void)
{
    private_network();
    name_is("deaf.test", "127.0.0.2 127.0.0.3");
    struct deaf deaf = plain_deaf("127.0.0.2");
    int port = port_of(deaf.endpoint);
    void *ctx = context(), *push = sock(ctx, ZMQ_PUSH);
    void *pull = bound(ctx, text("tcp://127.0.0.3:%d", port), 0);
    set_int(push, ZMQ_CONNECT_TIMEOUT, 60);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    connect_to(push, text("tcp://deaf.test:%d", port));
    tx(push, "x");
    say("attempts", attempts(monitor, 4));
    set_int(pull, ZMQ_RCVTIMEO, PATIENCE / 2);
    say("recv", rx(pull));
}

/* Interfaces come before names, and sources are never names. */
static void interfaces_first(void)
{
    private_network();
    name_is("lo", "127.0.0.2");
    name_is("source.test", "127.0.0.1");
    void *ctx = context(), *push = sock(ctx, ZMQ_PUSH);
    void *pull = bound(ctx, "tcp://lo:*", 0);
    say("lo", masked(last_endpoint(pull)));
    line("asked", "%d", asked("lo", AF_INET));
    bound(ctx, at("127.0.0.1"), 0);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    void *monitor = watch(push, ZMQ_EVENT_ALL);
    connect_to(push, text("tcp://source.test:0;127.0.0.1:%d", PORT));
    say("source", attempts(monitor, 2));
    line("source asked", "%d", asked("source.test", AF_INET));
    /* To connect to, it is a name like any other. */
    void *other = sock(ctx, ZMQ_PUSH), *named = bound(ctx, at("127.0.0.2"), 0);
    connect_to(other, at("lo"));
    tx(other, "x");
    say("connect to lo", rx(named));
}

/* On a system without IPv6 it is IPv4 all the same. */
static void without_ipv6(void)
{
    private_network();
    name_is("both.test", "::1 127.0.0.1");
    refuse_family(AF_INET6, EAFNOSUPPORT);
    void *ctx = context();
    static const char *const hosts[] = {"*", "127.0.0.1", "lo", "[::1]"};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        void *s = sock(ctx, ZMQ_PULL);
        set_int(s, ZMQ_IPV6, 1);
        const char *result = rc(zmq_bind(s, text("tcp://%s:*", hosts[i])));
        line(text("bind %s", hosts[i]), "%s, last '%s'", result, masked(last_endpoint(s)));
        shut(s);
    }
    void *pull = bound(ctx, at("127.0.0.1"), 0);
    static const char *const targets[] = {"127.0.0.1", "both.test", "127.0.0.2:0;127.0.0.1", "lo:0;both.test", "[::1]"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        void *push = sock(ctx, ZMQ_PUSH), *monitor = watch(push, ZMQ_EVENT_ALL);
        set_int(push, ZMQ_IPV6, 1);
        connect_to(push, at(targets[i]));
        say(text("connect %s", targets[i]), attempts(monitor, 2));
        unwatch(push, monitor);
        shut(push);
    }
    shut(pull);
}

/* Those that take longer on the stock library wait there. */
static const struct rule rules[] = {
    RULE(slow_name), RULE_WITHIN(left_while_asking, 4000), RULE(many_ask),
    RULE(asking_calls), RULE(changed_record), RULE(unknown_name),
    RULE(families), RULE(bound_names), RULE(several_addresses), RULE(deaf_address), RULE(interfaces_first),
    RULE(without_ipv6),
};

RUN(rules)
