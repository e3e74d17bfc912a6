/* XPUB: ZMQ_XPUB_MANUAL, ZMQ_XPUB_MANUAL_LAST_VALUE, and modes that change in mid-life. patterns.md 8.3 and 8.4. */
#include "transcript.h"

/* Its number in the draft part of zmq.h; every build accepts it. */
enum { MANUAL_LAST_VALUE = 98 };

static void ask(void *xsub, int subscribe, const char *topic)
{
    char frame[100];
    frame[0] = (char) subscribe;
    strcpy(frame + 1, topic);
    zmq_send(xsub, frame, strlen(topic) + 1, 0);
}

static const char *grant(void *xpub, const char *topic)
{
    return rc(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, topic, strlen(topic)));
}

static const char *withdraw(void *xpub, const char *topic)
{
    return rc(zmq_setsockopt(xpub, ZMQ_UNSUBSCRIBE, topic, strlen(topic)));
}

/* An XPUB and three peers of it. Over inproc everything is there at once, and a DEALER may be a peer, which sends
 * what an XSUB would keep to itself. */
struct scene {
    void *xpub, *peers[3];
};

static struct scene scene_of(int option, int type)
{
    struct scene it;
    void *ctx = context();
    it.xpub = sock(ctx, ZMQ_XPUB);
    if (option)
        set_int(it.xpub, option, 1);
    const char *endpoint = bind_any(it.xpub, INPROC);
    for (int i = 0; i < 3; i++) {
        it.peers[i] = sock(ctx, type);
        attach_to(it.xpub, it.peers[i], endpoint);
    }
    return it;
}

static struct scene scene(int option)
{
    return scene_of(option, ZMQ_XSUB);
}

static const char *all_now(void *socket)
{
    char all[600] = "";
    for (const char *got = rx_now(socket); got[0] == '['; got = rx_now(socket))
        strncat(all, got, sizeof all - strlen(all) - 1);
    return text("%s", all[0] ? all : "nothing");
}

/* Who gets a message of each of these topics. */
static void show(struct scene *it, const char *key, const char *topics)
{
    for (const char *topic = topics; *topic; topic++)
        tx(it->xpub, text("%c", *topic));
    begin_line(key);
    for (int i = 0; i < 3; i++)
        in_line(text("%c", 'a' + i), it->peers[i] ? all_now(it->peers[i]) : "gone");
    end_line();
}

static void peer_leaves(struct scene *it, int peer)
{
    leave(it->peers[peer], it->xpub, INPROC);
    shut(it->peers[peer]);
    it->peers[peer] = NULL;
}

/* Grants go to whoever sent the subscription received last. */
static void last_peer(void)
{
    struct scene it = scene_of(ZMQ_XPUB_MANUAL, ZMQ_DEALER);
    say("grant before any", grant(it.xpub, "x"));
    say("withdraw before any", withdraw(it.xpub, "x"));
    show(&it, "nobody", "x");
    ask(it.peers[0], 1, "A");
    ask(it.peers[1], 1, "B");
    await(it.xpub, ZMQ_POLLIN);
    say("grant before receiving", grant(it.xpub, "x"));
    show(&it, "not received", "xAB");
    say("first", rx_now(it.xpub));
    grant(it.xpub, "x");
    grant(it.xpub, "y");
    say("second", rx_now(it.xpub));
    grant(it.xpub, "y");
    grant(it.xpub, "z");
    show(&it, "granted", "xyzAB");
    say("nothing there", rx_now(it.xpub));
    grant(it.xpub, "w");
    show(&it, "after EAGAIN", "w");
    ask(it.peers[2], 0, "unknown");
    say("unsubscription", rx_now(it.xpub));
    grant(it.xpub, "v");
    show(&it, "after an unsubscription", "v");
    grant(it.xpub, "u");
    show(&it, "after sending", "u");
}

/* What is no subscription has a sender, too. */
static void user_message_between(void)
{
    struct scene it = scene(ZMQ_XPUB_MANUAL);
    ask(it.peers[0], 1, "A");
    say("asks", rx_now(it.xpub));
    tx(it.peers[1], "user");
    say("message", rx_now(it.xpub));
    say("grant", grant(it.xpub, "x"));
    show(&it, "granted", "x");
    tx(it.peers[1], "one|two");
    say("frame", rx_frame(it.xpub, 0));
    grant(it.xpub, "y");
    say("frame", rx_frame(it.xpub, 0));
    show(&it, "between frames", "y");
}

/* The set of one peer is not another's; granting twice is as good as once. */
static void withdrawing(void)
{
    struct scene it = scene(ZMQ_XPUB_MANUAL);
    for (int i = 0; i < 2; i++) {
        ask(it.peers[i], 1, "t");
        rx_now(it.xpub);
        grant(it.xpub, "x");
        grant(it.xpub, "x");
    }
    show(&it, "both", "x");
    say("withdraw", withdraw(it.xpub, "x"));
    show(&it, "one", "x");
    say("withdraw again", withdraw(it.xpub, "x"));
    ask(it.peers[2], 1, "t");
    rx_now(it.xpub);
    say("withdraw from one that has it not", withdraw(it.xpub, "x"));
    show(&it, "still one", "x");
}

/* Every request is delivered, and the asker's topics are a set when it leaves. */
static void duplicates(void)
{
    struct scene it = scene_of(ZMQ_XPUB_MANUAL, ZMQ_DEALER);
    for (int i = 0; i < 3; i++)
        ask(it.peers[0], 1, "x");
    ask(it.peers[1], 1, "x");
    ask(it.peers[1], 1, "y");
    say("asked", all_now(it.xpub));
    ask(it.peers[0], 0, "x");
    say("dropped once", all_now(it.xpub));
    for (int i = 0; i < 3; i++)
        ask(it.peers[2], 1, "x");
    say("another", all_now(it.xpub));
    peer_leaves(&it, 2);
    say("it leaves", all_now(it.xpub));
    peer_leaves(&it, 1);
    say("one that others ask as well", all_now(it.xpub));
    peer_leaves(&it, 0);
    say("the first", all_now(it.xpub));
}

/* What it asked for is told, what it was granted is forgotten; nobody is the last peer then. */
static void leaving(void)
{
    struct scene it = scene(ZMQ_XPUB_MANUAL);
    ask(it.peers[0], 1, "b");
    ask(it.peers[0], 1, "a");
    ask(it.peers[1], 1, "c");
    while (rx_now(it.xpub)[0] == '[')
        grant(it.xpub, "g");
    show(&it, "granted", "g");
    peer_leaves(&it, 0);
    say("told", rx_now(it.xpub));
    say("grant", grant(it.xpub, "h"));
    say("told", rx_now(it.xpub));
    grant(it.xpub, "h");
    say("then", rx_now(it.xpub));
    show(&it, "left", "gh");
}

/* Its request is still to be received when it is gone. */
static void gone_before_received(void)
{
    struct scene it = scene(ZMQ_XPUB_MANUAL);
    ask(it.peers[0], 1, "a");
    await(it.xpub, ZMQ_POLLIN);
    shut(it.peers[0]);
    it.peers[0] = NULL;
    say("request", rx(it.xpub));
    grant(it.xpub, "a");
    say("end", rx(it.xpub));
    grant(it.xpub, "a");
    ask(it.peers[1], 1, "b");
    say("another", rx(it.xpub));
    show(&it, "nobody was granted", "ab");
    grant(it.xpub, "b");
    show(&it, "granted", "ab");
}

static void switched_on_later(void)
{
    struct scene it = scene(0);
    ask(it.peers[0], 1, "a");
    ask(it.peers[1], 1, "a");
    say("asked", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_MANUAL, 1);
    show(&it, "earlier topics", "a");
    ask(it.peers[0], 0, "a");
    say("dropped", all_now(it.xpub));
    show(&it, "still in force", "a");
    withdraw(it.xpub, "a");
    show(&it, "withdrawn", "a");
    peer_leaves(&it, 1);
    say("one leaves", all_now(it.xpub));
    show(&it, "left", "a");
}

static void switched_off_later(void)
{
    struct scene it = scene(ZMQ_XPUB_MANUAL);
    ask(it.peers[0], 1, "a");
    rx_now(it.xpub);
    grant(it.xpub, "x");
    set_int(it.xpub, ZMQ_XPUB_MANUAL, 0);
    show(&it, "grants stay", "ax");
    ask(it.peers[1], 1, "x");
    say("granted to another already", all_now(it.xpub));
    ask(it.peers[1], 1, "a");
    say("asked of before", all_now(it.xpub));
    ask(it.peers[0], 0, "a");
    say("drops what it asked for", all_now(it.xpub));
    ask(it.peers[0], 0, "x");
    say("drops what it was granted", all_now(it.xpub));
    ask(it.peers[0], 1, "y");
    say("asks", all_now(it.xpub));
    peer_leaves(&it, 0);
    say("leaves", all_now(it.xpub));
    show(&it, "left", "axy");
}

/* What was asked in manual mode and what was asked without it, when the peer leaves in either mode. */
static void leaving_after_a_change(void)
{
    for (int to = 0; to < 2; to++) {
        struct scene it = scene(to ? 0 : ZMQ_XPUB_MANUAL);
        ask(it.peers[0], 1, "before");
        rx_now(it.xpub);
        if (!to)
            grant(it.xpub, "granted");
        set_int(it.xpub, ZMQ_XPUB_MANUAL, to);
        ask(it.peers[0], 1, "after");
        rx_now(it.xpub);
        if (to)
            grant(it.xpub, "granted");
        peer_leaves(&it, 0);
        say(to ? "manual then" : "automatic then", all_now(it.xpub));
    }
}

/* VERBOSE and VERBOSER mean nothing there. */
static void verbose_too(void)
{
    for (int verboser = 0; verboser < 2; verboser++) {
        struct scene it = scene_of(ZMQ_XPUB_MANUAL, ZMQ_DEALER);
        set_int(it.xpub, verboser ? ZMQ_XPUB_VERBOSER : ZMQ_XPUB_VERBOSE, 1);
        begin_line(verboser ? "VERBOSER" : "VERBOSE");
        for (int i = 0; i < 4; i++)
            ask(it.peers[i & 1], 1, "a");
        in_line("asked", all_now(it.xpub));
        for (int i = 0; i < 3; i++)
            ask(it.peers[i & 1], 0, "a");
        in_line("dropped", all_now(it.xpub));
        peer_leaves(&it, 1);
        in_line("left", all_now(it.xpub));
        end_line();
    }
}

/* Each of the two options at 0 turns manual mode off. */
static void either_option(void)
{
    static const struct {
        const char *name;
        int options[3], values[3];
    } cases[] = {
        {"MANUAL 1", {ZMQ_XPUB_MANUAL}, {1}},
        {"MANUAL 7", {ZMQ_XPUB_MANUAL}, {7}},
        {"LAST_VALUE 1", {MANUAL_LAST_VALUE}, {1}},
        {"MANUAL 1, LAST_VALUE 0", {ZMQ_XPUB_MANUAL, MANUAL_LAST_VALUE}, {1, 0}},
        {"LAST_VALUE 1, MANUAL 0", {MANUAL_LAST_VALUE, ZMQ_XPUB_MANUAL}, {1, 0}},
        {"LAST_VALUE 1, MANUAL 1", {MANUAL_LAST_VALUE, ZMQ_XPUB_MANUAL}, {1, 1}},
        {"LAST_VALUE 1, MANUAL 0, MANUAL 1", {MANUAL_LAST_VALUE, ZMQ_XPUB_MANUAL, ZMQ_XPUB_MANUAL}, {1, 0, 1}},
        {"MANUAL 1, LAST_VALUE 1", {ZMQ_XPUB_MANUAL, MANUAL_LAST_VALUE}, {1, 1}},
        {"MANUAL -1", {ZMQ_XPUB_MANUAL}, {-1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene it = scene(0);
        begin_line(cases[i].name);
        for (int k = 0; k < 3 && cases[i].options[k]; k++)
            in_line("set", try_set_int(it.xpub, cases[i].options[k], cases[i].values[k]));
        in_line("SUBSCRIBE", grant(it.xpub, "q"));
        /* Whether the first message is for the last peer only. */
        for (int peer = 0; peer < 2; peer++) {
            ask(it.peers[peer], 1, "t");
            rx_now(it.xpub);
            grant(it.xpub, "t");
        }
        tx(it.xpub, "t1");
        in_line("a gets", all_now(it.peers[0]));
        in_line("b gets", all_now(it.peers[1]));
        end_line();
    }
}

/* Until a message was sent, or the next subscription is received. */
static void last_value(void)
{
    struct scene it = scene(MANUAL_LAST_VALUE);
    for (int i = 0; i < 3; i++) {
        ask(it.peers[i], 1, "t");
        rx_now(it.xpub);
        grant(it.xpub, "t");
    }
    show(&it, "the last one only", "t");
    show(&it, "everybody", "t");
    say("grant after it", grant(it.xpub, "s"));
    show(&it, "granted after it", "s");
    ask(it.peers[1], 1, "u");
    rx_now(it.xpub);
    show(&it, "no new grant", "tt");
    ask(it.peers[1], 0, "u");
    say("unsubscribes", rx_now(it.xpub));
    show(&it, "after an unsubscription", "tt");
    ask(it.peers[0], 1, "v");
    rx_now(it.xpub);
    show(&it, "the first does not match", "vt");
    ask(it.peers[0], 1, "w");
    rx_now(it.xpub);
    tx(it.peers[2], "user");
    say("user message", rx_now(it.xpub));
    show(&it, "after a user message", "tt");
    ask(it.peers[0], 1, "w");
    rx_now(it.xpub);
    say("EAGAIN", rx_now(it.xpub));
    show(&it, "after EAGAIN", "tt");
    ask(it.peers[0], 1, "w");
    rx_now(it.xpub);
    tx(it.xpub, "t|of|parts");
    show(&it, "a message of parts", "t");
    ask(it.peers[0], 1, "w");
    await(it.xpub, ZMQ_POLLIN);
    show(&it, "not received", "t");
}

/* The modes of delivery change while peers hold topics. */
static void changing_modes(void)
{
    struct scene it = scene_of(0, ZMQ_DEALER);
    ask(it.peers[0], 1, "x");
    say("first", all_now(it.xpub));
    ask(it.peers[1], 1, "x");
    say("default", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_VERBOSE, 1);
    ask(it.peers[2], 1, "x");
    ask(it.peers[1], 1, "x");
    say("verbose", all_now(it.xpub));
    ask(it.peers[2], 0, "x");
    say("verbose, dropped", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_VERBOSE, 0);
    ask(it.peers[2], 1, "x");
    say("off", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_VERBOSER, 1);
    ask(it.peers[2], 1, "x");
    ask(it.peers[2], 0, "x");
    ask(it.peers[2], 0, "x");
    say("verboser", all_now(it.xpub));
    peer_leaves(&it, 2);
    say("verboser, one without topics leaves", all_now(it.xpub));
    peer_leaves(&it, 1);
    say("verboser, one leaves", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_VERBOSE, 1);
    ask(it.peers[0], 1, "x");
    say("verbose after it", all_now(it.xpub));
    set_int(it.xpub, ZMQ_XPUB_VERBOSER, 0);
    ask(it.peers[0], 1, "x");
    say("verboser off", all_now(it.xpub));
    peer_leaves(&it, 0);
    say("the last one leaves", all_now(it.xpub));
}

static const struct rule rules[] = {
    RULE(last_peer), RULE(user_message_between), RULE(withdrawing), RULE(duplicates), RULE(leaving),
    RULE(gone_before_received), RULE(switched_on_later), RULE(switched_off_later), RULE(leaving_after_a_change),
    RULE(verbose_too), RULE(either_option), RULE(last_value), RULE(changing_modes),
};

RUN(rules)
