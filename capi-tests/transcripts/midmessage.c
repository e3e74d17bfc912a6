/* A peer that is lost in the middle of a message, seen from the sender and from the receiver: nobody ever gets a part
 * of a message. patterns.md sections 1.4 and 18. */
#include "transcript.h"

#include <poll.h>

/* A type that sends, and one to receive it. */
static const int pairs[][2] = {{ZMQ_PUSH, ZMQ_PULL},     {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_REQ, ZMQ_REP},
                               {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_PUB, ZMQ_SUB},       {ZMQ_XPUB, ZMQ_XSUB},
                               {ZMQ_XSUB, ZMQ_XPUB},     {ZMQ_PAIR, ZMQ_PAIR}};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

/* A socket whose sends give up early. */
static void *end_of(void *ctx, int type, const char *id)
{
    void *socket = sock(ctx, type);
    set_bytes(socket, ZMQ_ROUTING_ID, id, strlen(id));
    set_int(socket, ZMQ_SNDTIMEO, QUIET);
    set_int(socket, ZMQ_RECONNECT_IVL, 1);
    if (type == ZMQ_SUB)
        subscribe(socket, "");
    return socket;
}

static const char *bind_fixed(void *socket, enum transport transport)
{
    static int count;
    if (transport == TCP)
        return bind_any(socket, transport);
    const char *suffix = transport == IPC ? ".sock" : "";
    const char *endpoint = text("%s://middle%d%s", transport_names[transport], count++, suffix);
    return zmq_bind(socket, endpoint) == 0 ? endpoint : "unbound";
}

/* What both have to know of each other before messages pass: subscriptions, and who a ROUTER can send to. */
static void meet(void *sender, void *peer)
{
    int type = get_int(sender, ZMQ_TYPE), peer_type = get_int(peer, ZMQ_TYPE);
    if (peer_type == ZMQ_XSUB)
        tx_bytes(peer, "\1", 1, 0);
    if (peer_type == ZMQ_XSUB || peer_type == ZMQ_SUB)
        sync_subscriptions(sender, peer);
    if (type == ZMQ_XSUB)
        sync_subscriptions(peer, sender);
    if (type == ZMQ_ROUTER) {
        tx(peer, "hello");
        rx(sender);
    }
}

/* A sender, one peer, and what it takes to lose that and get another. */
struct scene {
    enum transport transport;
    int peer_type, binds;
    void *ctx, *sender, *peer;
    char endpoint[256];
};

static struct scene scene(enum transport t, int type, int peer_type, int binds)
{
    struct scene s = {t, peer_type, binds, context(), NULL, NULL, ""};
    s.sender = end_of(s.ctx, type, "sender");
    s.peer = end_of(s.ctx, peer_type, "peer");
    snprintf(s.endpoint, sizeof s.endpoint, "%s", bind_fixed(binds ? s.sender : s.peer, t));
    if (binds)
        attach_to(s.sender, s.peer, s.endpoint);
    else
        attach_to(s.peer, s.sender, s.endpoint);
    meet(s.sender, s.peer);
    get_int(s.sender, ZMQ_EVENTS);
    return s;
}

/* The peer goes, and the sender has heard all of it. Over inproc both sides have to agree: one that has bound goes only
 * by being closed, which says so in its own time. */
static void lose(struct scene *s)
{
    if (s->transport == INPROC && s->binds) {
        leave(s->peer, s->sender, INPROC);
        shut(s->peer);
        return;
    }
    int connected = s->transport != INPROC;
    void *monitor = connected ? watch(s->sender, ZMQ_EVENT_DISCONNECTED) : NULL;
    struct pollfd item = {.fd = get_int(s->sender, ZMQ_FD), .events = POLLIN};
    get_int(s->sender, ZMQ_EVENTS);
    shut(s->peer);
    if (connected) {
        await_event(monitor, ZMQ_EVENT_DISCONNECTED);
        unwatch(s->sender, monitor);
    }
    for (int step = 0; step < 3; step++) {
        if (connected)
            settle(s->ctx);
        else
            poll(&item, 1, step ? QUIET / 4 : PATIENCE);
        get_int(s->sender, ZMQ_EVENTS);
    }
}

static void end_scene(struct scene *s)
{
    shut(s->sender);
    if (s->peer)
        shut(s->peer);
    term(s->ctx);
}

/* Another peer takes its place. */
static void replace(struct scene *s)
{
    s->peer = end_of(s->ctx, s->peer_type, "next");
    if (s->binds) {
        attach_to(s->sender, s->peer, s->endpoint);
    } else {
        bind_again(s->peer, s->endpoint);
        if (s->transport == INPROC)
            connect_to(s->sender, s->endpoint);
        get_int(s->peer, ZMQ_EVENTS);
    }
    if (get_int(s->sender, ZMQ_TYPE) == ZMQ_PAIR)
        await(s->sender, ZMQ_POLLOUT);
    if (get_int(s->sender, ZMQ_TYPE) != ZMQ_REQ)
        meet(s->sender, s->peer);
}

/* Frame by frame, as a program that polls and tries again when it is told to. */
static void send_frames(void *sender, int from, int to, int last, int flags)
{
    for (int frame = from; frame <= to; frame++) {
        int more = frame < last ? ZMQ_SNDMORE : 0;
        const char *result = tx_frame(sender, text("%d", frame), flags | more);
        in_line(text("%d", frame), result);
        if (strcmp(result, "EAGAIN") == 0 && frame > 0) {
            get_int(sender, ZMQ_EVENTS);
            in_line("again", tx_frame(sender, text("%d", frame), flags | more));
        }
    }
}

/* Everything that comes up to [a|b], but for subscriptions. */
static void read_up_to_the_next(void *peer, int may_be_silent)
{
    for (;;) {
        const char *got = may_be_silent ? rx_quiet(peer) : rx(peer);
        if (strncmp(got, "[\\x01", 5) == 0)
            continue;
        in_line("gets", got);
        if (got[0] != '[' || strcmp(got, "[a|b]") == 0 || may_be_silent)
            return;
    }
}

/* Lost after the first frames of three; the rest is sent before there is another peer, or after. */
static void lost(enum transport t, int k, int binds, int flags, int after, int late)
{
    int router = pairs[k][0] == ZMQ_ROUTER;
    struct scene s = scene(t, pairs[k][0], pairs[k][1], binds);
    if (router)
        tx_frame(s.sender, "peer", flags | ZMQ_SNDMORE);
    send_frames(s.sender, 1, after, 3, flags);
    lose(&s);
    in_line("lost", events(s.sender));
    if (late)
        replace(&s);
    send_frames(s.sender, after + 1, 3, 3, flags);
    if (!late)
        replace(&s);
    /* A connection that comes back keeps its id in a ROUTER that made it. */
    const char *id = binds || t == INPROC ? "next" : "peer";
    in_line("next", tx(s.sender, router ? text("%s|a|b", id) : "a|b"));
    read_up_to_the_next(s.peer, pairs[k][0] == ZMQ_REQ);
    in_line("then", rx_now(s.peer));
    end_scene(&s);
}

static void lost_over(enum transport t, int flags)
{
    for (int k = 0; k < PAIRS; k++) {
        for (int shape = 0; shape < 4; shape++) {
            int binds = shape & 1, late = shape >> 1;
            /* The new peer of a publisher, and of an XSUB, is met with messages. */
            if (late && (pairs[k][0] == ZMQ_REQ || (k >= 4 && k <= 6)))
                continue;
            for (int after = pairs[k][0] == ZMQ_ROUTER ? 0 : 1; after <= 2; after++) {
                begin_line(text("%s %s, after %d%s", type_name(pairs[k][0]), binds ? "binds" : "connects", after,
                                late ? ", late" : ""));
                lost(t, k, binds, flags, after, late);
                end_line();
            }
        }
    }
}

static void lost_inproc(void) { lost_over(INPROC, 0); }
static void lost_tcp(void) { lost_over(TCP, 0); }
static void lost_ipc(void) { lost_over(IPC, 0); }
static void lost_tcp_now(void) { lost_over(TCP, ZMQ_DONTWAIT); }
static void lost_ipc_now(void) { lost_over(IPC, ZMQ_DONTWAIT); }

/* What the peer sent before it went is still unread: its pipe is there, and takes nothing. */
static void lost_with_unread(void)
{
    static const int types[] = {ZMQ_DEALER, ZMQ_PAIR};
    for (int shape = 0; shape < 24; shape++) {
        enum transport t = shape % 3;
        int type = types[shape / 3 % 2], wait = shape / 6 % 2, last = shape / 12;
        begin_line(text("%s %s, %s, %s", transport_names[t], type_name(type), wait ? "waits" : "DONTWAIT",
                        last ? "last frame" : "more"));
        struct scene s = scene(t, type, type, 1);
        set_int(s.peer, ZMQ_LINGER, -1);
        tx(s.peer, "unread|message");
        in_line("there", await(s.sender, ZMQ_POLLIN));
        int flags = wait ? 0 : ZMQ_DONTWAIT;
        send_frames(s.sender, 1, 1 + last, 3, flags);
        lose(&s);
        void *other = NULL;
        if (type == ZMQ_DEALER) {
            other = end_of(s.ctx, type, "other");
            attach_to(s.sender, other, s.endpoint);
        }
        send_frames(s.sender, 2 + last, 3, 3, flags);
        in_line("unread", rx(s.sender));
        if (other) {
            in_line("next", tx(s.sender, "a|b"));
            read_up_to_the_next(other, 0);
            in_line("then", rx_now(other));
            shut(other);
        }
        s.peer = NULL;
        end_scene(&s);
        end_line();
    }
}

/* A reader that has the first frame gets the others at once, also when the sender is gone; of what the sender had not
 * finished it sees nothing. */
static void reading_goes_on(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int k = 0; k < PAIRS; k++) {
            int type = pairs[k][0];
            begin_line(text("%s %s", transport_names[t], type_name(pairs[k][1])));
            /* Its reader is the side that stays. */
            struct scene s = scene(t, pairs[k][1], type, 1);
            void *sender = s.peer, *reader = s.sender;
            if (type == ZMQ_ROUTER) {
                /* meet() was for the other direction. */
                tx(reader, "hello");
                rx(sender);
            }
            if (type == ZMQ_PUB || type == ZMQ_XPUB || type == ZMQ_XSUB) {
                if (type == ZMQ_XPUB)
                    tx_bytes(reader, "\1", 1, 0);
                if (type == ZMQ_XSUB)
                    tx_bytes(sender, "\1", 1, 0), skip_to(reader, "\\x01");
                else
                    sync_subscriptions(sender, reader);
            }
            set_int(sender, ZMQ_LINGER, -1);
            const char *to = type == ZMQ_ROUTER ? "sender|" : "";
            in_line("whole", tx(sender, text("%s1|2|3", to)));
            if (type == ZMQ_ROUTER)
                tx_frame(sender, "sender", ZMQ_SNDMORE);
            if (type != ZMQ_REQ)
                in_line("begun", tx_frame(sender, "cut", ZMQ_SNDMORE));
            in_line("first", rx_frame(reader, 0));
            lose(&s);
            in_line("second", rx_frame(reader, ZMQ_DONTWAIT));
            in_line("third", rx_frame(reader, ZMQ_DONTWAIT));
            in_line("then", rx_now(reader));
            s.peer = NULL;
            end_scene(&s);
            end_line();
        }
    }
}

/* A message of 3 MB that is under way when its sender goes without lingering: whole, or nothing. */
static void cut_on_the_way(void)
{
    static char part[1 << 20];
    for (int t = TCP; t <= IPC; t++) {
        for (int binds = 0; binds < 2; binds++) {
            struct scene s = scene(t, ZMQ_PULL, ZMQ_PUSH, binds);
            for (int round = 0; round < 3; round++) {
                tx_bytes(s.peer, part, sizeof part, ZMQ_SNDMORE);
                tx_bytes(s.peer, part, sizeof part, ZMQ_SNDMORE);
                tx_bytes(s.peer, part, sizeof part, 0);
                lose(&s);
                replace(&s);
                tx(s.peer, "a|b");
                const char *got = rx_frame(s.sender, 0);
                int frames = 0;
                for (; got[0] == '[' && strcmp(got, "[a] +") != 0; frames++)
                    got = rx_frame(s.sender, 0);
                line(text("%s PULL %s, round %d", transport_names[t], binds ? "binds" : "connects", round),
                     "%s, then %s %s", frames % 3 ? "a part" : "whole or nothing", got,
                     rx_frame(s.sender, ZMQ_DONTWAIT));
            }
            end_scene(&s);
        }
    }
}

static const struct rule rules[] = {
    RULE(lost_inproc),  RULE(lost_tcp),         RULE(lost_ipc),        RULE(lost_tcp_now),
    RULE(lost_ipc_now), RULE(lost_with_unread), RULE(reading_goes_on), RULE(cut_on_the_way),
};

RUN(rules)
