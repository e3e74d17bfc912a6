/* ZMQ_CONFLATE: for which types, in which directions, what is kept and what is not touched. queues.md section 4. */
#include "transcript.h"

/* Everything that is there, as one text. */
static const char *all_now(void *socket)
{
    char all[1000] = "";
    for (const char *got = rx_now(socket); got[0] == '['; got = rx_now(socket))
        strncat(all, got, sizeof all - strlen(all) - 1);
    return text("%s", all[0] ? all : "nothing");
}

static void *conflating(void *ctx, int type)
{
    void *socket = sock(ctx, type);
    set_int(socket, ZMQ_CONFLATE, 1);
    if (type == ZMQ_SUB)
        subscribe(socket, "");
    return socket;
}

static void *ordinary(void *ctx, int type)
{
    void *socket = sock(ctx, type);
    if (type == ZMQ_SUB)
        subscribe(socket, "");
    return socket;
}

static void send_three(void *socket, const char *before)
{
    for (const char *body = "123"; *body; body++)
        tx_now(socket, text("%s%c", before, *body));
    get_int(socket, ZMQ_EVENTS);
}

/* Who connects, and who binds. */
static const int pairs[][2] = {
    {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_SUB, ZMQ_PUB}, {ZMQ_DEALER, ZMQ_DEALER},
    {ZMQ_PUB, ZMQ_XSUB}, {ZMQ_SUB, ZMQ_XPUB}, {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_XPUB, ZMQ_SUB}, {ZMQ_XSUB, ZMQ_PUB}};

/* Over inproc the connecting socket's setting counts. */
static void types(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (int who = 0; who < 3; who++) {
            static const char *const names[] = {"the connecting", "the binding", "both"};
            void *ctx = context();
            void *connecter = (who != 1 ? conflating : ordinary)(ctx, pairs[i][0]);
            void *binder = (who != 0 ? conflating : ordinary)(ctx, pairs[i][1]);
            attach(binder, connecter, INPROC);
            for (int k = 0; k < 2; k++) {
                if (pairs[i][k] == ZMQ_XSUB)
                    tx(k ? binder : connecter, "\001");
            }
            get_int(binder, ZMQ_EVENTS);
            get_int(connecter, ZMQ_EVENTS);
            all_now(binder);
            all_now(connecter);
            begin_line(text("%s to %s, %s", type_name(pairs[i][0]), type_name(pairs[i][1]), names[who]));
            send_three(connecter, "");
            in_line("forth", all_now(binder));
            send_three(binder, "");
            in_line("back", all_now(connecter));
            end_line();
        }
    }
}

/* Types with envelopes take no notice. */
static void types_with_envelopes(void)
{
    void *ctx = context();
    void *router = conflating(ctx, ZMQ_ROUTER), *dealer = ordinary(ctx, ZMQ_DEALER);
    set_bytes(router, ZMQ_ROUTING_ID, "router", 6);
    set_bytes(dealer, ZMQ_ROUTING_ID, "dealer", 6);
    attach(dealer, router, INPROC);
    send_three(router, "dealer|");
    send_three(dealer, "");
    say("ROUTER forth", all_now(dealer));
    say("ROUTER back", all_now(router));
    void *rep = conflating(ctx, ZMQ_REP), *asker = ordinary(ctx, ZMQ_DEALER);
    attach(asker, rep, INPROC);
    send_three(asker, "|");
    begin_line("REP");
    for (int i = 0; i < 3; i++) {
        in_line("request", rx_now(rep));
        tx(rep, text("to %d", i));
    }
    in_line("replies", all_now(asker));
    end_line();
    void *req = conflating(ctx, ZMQ_REQ), *answerer = ordinary(ctx, ZMQ_REP);
    attach(answerer, req, INPROC);
    tx(req, "question|part");
    say("REQ request", rx(answerer));
    tx(answerer, "answer|part");
    say("REQ reply", rx(req));
}

/* What is set after connect and bind comes too late. */
static void set_later(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        const char *name = transport_names[t];
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
        const char *endpoint = bind_any(pull, t);
        set_int(pull, ZMQ_CONFLATE, 1);
        attach_to(pull, push, endpoint);
        set_int(push, ZMQ_CONFLATE, 1);
        send_three(push, "");
        begin_line(name);
        in_line("first", rx(pull));
        in_line("second", rx(pull));
        in_line("third", rx(pull));
        end_line();
    }
}

/* The older ones were never sent; neither mark counts. */
static void conflating_sender(void)
{
    static const int senders[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER}};
    for (int t = TCP; t <= IPC; t++) {
        for (size_t k = 0; k < sizeof senders / sizeof senders[0]; k++) {
            void *ctx = context();
            void *sender = conflating(ctx, senders[k][0]);
            void *receiver = sock(ctx, senders[k][1]);
            set_int(sender, ZMQ_SNDHWM, 1);
            set_int(sender, ZMQ_RECONNECT_IVL, 10);
            set_bytes(sender, ZMQ_ROUTING_ID, "me", 2);
            const char *endpoint = keep(vacant(t));
            begin_line(text("%s %s to %s", transport_names[t], type_name(senders[k][0]), type_name(senders[k][1])));
            connect_to(sender, endpoint);
            int taken = 0;
            while (taken < 3000 && tx_now(sender, text("%d", taken))[0] != 'E')
                taken++;
            in_line("taken", text("%d", taken));
            in_line("events", events(sender));
            in_line("bind", rc(zmq_bind(receiver, endpoint)));
            in_line("arrives", rx(receiver));
            in_line("then", rx_quiet(receiver));
            end_line();
        }
    }
}

static int before_4_3_6(void)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    return ZMQ_MAKE_VERSION(major, minor, patch) < ZMQ_MAKE_VERSION(4, 3, 6);
}

/* Reads until the value comes; whether what came before was in order. */
static const char *newest(void *sender, void *receiver, int value)
{
    int last = -1;
    for (long end = now_ms() + PATIENCE; last != value && now_ms() < end;) {
        char body[1000] = "";
        zmq_pollitem_t item = {receiver, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, 100) == 0) {
            /* 4.3.4 now and then sleeps on the last value, until another one comes. */
            if (before_4_3_6())
                tx_bytes(sender, text("%d", value), 12, 0);
            continue;
        }
        zmq_recv(receiver, body, sizeof body, 0);
        int got = atoi(body);
        if (got < last)
            return text("%d after %d", got, last);
        last = got;
    }
    return text("%d", last);
}

/* A receiver that does not read stops nobody, and has the newest when it does. */
static void conflating_receiver(void)
{
    static const int senders[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_XPUB, ZMQ_SUB},
                                     {ZMQ_DEALER, ZMQ_DEALER}};
    for (int t = TCP; t <= IPC; t++) {
        for (size_t k = 0; k < sizeof senders / sizeof senders[0]; k++) {
            void *ctx = context();
            void *sender = sock(ctx, senders[k][0]);
            void *receiver = conflating(ctx, senders[k][1]);
            int blocks = senders[k][0] == ZMQ_PUSH || senders[k][0] == ZMQ_DEALER;
            set_int(sender, ZMQ_SNDHWM, blocks ? 1 : 0);
            set_int(receiver, ZMQ_RCVHWM, 1);
            attach(sender, receiver, t);
            if (!blocks)
                sync_subscriptions(sender, receiver);
            begin_line(text("%s %s to %s", transport_names[t], type_name(senders[k][0]), type_name(senders[k][1])));
            char body[1000] = "";
            int taken = 0;
            do
                sprintf(body, "%d", taken);
            while (zmq_send(sender, body, sizeof body, 0) != -1 && ++taken < 20000);
            in_line("taken", text("%d", taken));
            in_line("newest", newest(sender, receiver, 19999));
            end_line();
        }
    }
}

/* Frames are replaced, not messages. */
static void multipart(void)
{
    void *ctx = context();
    void *push = conflating(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    tx(push, "p1|p2");
    say("inproc", rx_frame(pull, 0));
    say("inproc RCVMORE", show_int(pull, ZMQ_RCVMORE));
    say("inproc then", rx_now(pull));
    tx(push, "a");
    tx_frame(push, "b", ZMQ_SNDMORE);
    say("inproc unfinished", rx_frame(pull, ZMQ_DONTWAIT));
    void *sender = conflating(ctx, ZMQ_PUSH), *receiver = sock(ctx, ZMQ_PULL);
    set_int(sender, ZMQ_RECONNECT_IVL, 10);
    connect_to(sender, "ipc://parts");
    tx(sender, "p1|p2|p3");
    zmq_bind(receiver, "ipc://parts");
    say("ipc", rx(receiver));
    say("ipc then", rx_quiet(receiver));
}

/* A ROUTER knows its peer whatever that has sent. */
static void routing_id(void)
{
    static const char *const names[] = {"bound first", "connected first", "ROUTER looks in between"};
    for (int how = 0; how < 3; how++) {
        void *ctx = context();
        void *dealer = conflating(ctx, ZMQ_DEALER), *router = sock(ctx, ZMQ_ROUTER);
        set_bytes(dealer, ZMQ_ROUTING_ID, "me", 2);
        if (how != 1)
            zmq_bind(router, "inproc://router");
        connect_to(dealer, "inproc://router");
        tx(dealer, "x");
        if (how == 2)
            get_int(router, ZMQ_EVENTS);
        tx(dealer, "y");
        if (how == 1)
            zmq_bind(router, "inproc://router");
        begin_line(names[how]);
        in_line("arrives", rx_now(router));
        in_line("then", rx_now(router));
        tx(router, "me|1");
        tx(router, "me|2");
        in_line("back", all_now(dealer));
        end_line();
    }
}

/* The end of a pipe is no value. */
static void last_value_before_the_end(void)
{
    void *ctx = context();
    void *push = conflating(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
    const char *endpoint = attach(pull, push, INPROC);
    tx(push, "older");
    tx(push, "last");
    zmq_disconnect(push, endpoint);
    say("arrives", rx_now(pull));
    say("then", rx_now(pull));
}

enum { TOPICS = 200 };

/* How many of the subscriptions to 000, 001 ... and "z" arrive, up to and with "z". */
static const char *heard(void *xpub)
{
    int count = 0;
    for (;;) {
        const char *got = rx(xpub);
        /* 4.3.4 may lose the last one, too. */
        if (strncmp(got, "[\\x01", 5) != 0)
            return "not all";
        if (got[5] == 'z')
            return count == TOPICS ? "all" : "not all";
        count++;
    }
}

static void ask_for_many(void *sub)
{
    for (int i = 0; i < TOPICS; i++) {
        if (get_int(sub, ZMQ_TYPE) == ZMQ_XSUB)
            tx(sub, text("\001%03d", i));
        else
            subscribe(sub, text("%03d", i));
    }
}

/* All topics of a conflating subscriber get there, and what takes them back. */
static void subscriptions(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int when = 0; when < 3; when++) {
            static const char *const names[] = {"before", "after", "before, SUB binds"};
            void *ctx = context();
            void *sub = sock(ctx, ZMQ_SUB), *xpub = sock(ctx, ZMQ_XPUB);
            set_int(sub, ZMQ_CONFLATE, 1);
            if (when != 1)
                ask_for_many(sub);
            if (when == 2)
                attach(sub, xpub, t);
            else
                attach(xpub, sub, t);
            if (when == 1)
                ask_for_many(sub);
            subscribe(sub, "z");
            get_int(sub, ZMQ_EVENTS);
            say(text("%s %s", transport_names[t], names[when]), heard(xpub));
        }
    }
}

/* One value for each publisher, not for each topic. */
static void per_publisher(void)
{
    void *ctx = context();
    void *sub = conflating(ctx, ZMQ_SUB), *pubs[2];
    for (int i = 0; i < 2; i++) {
        pubs[i] = sock(ctx, ZMQ_PUB);
        attach(pubs[i], sub, INPROC);
        tx(pubs[i], text("a of %d", i));
        tx(pubs[i], text("b of %d", i));
    }
    const char *first = rx_now(sub), *second = rx_now(sub);
    say("lower", strcmp(first, second) < 0 ? first : second);
    say("higher", strcmp(first, second) < 0 ? second : first);
    say("then", rx_now(sub));
}

/* A value that nobody wants has replaced one that was wanted. */
static void filter(void)
{
    void *ctx = context();
    void *sub = sock(ctx, ZMQ_SUB), *push = sock(ctx, ZMQ_PUSH);
    set_int(sub, ZMQ_CONFLATE, 1);
    subscribe(sub, "a");
    attach(push, sub, INPROC);
    tx(push, "a1");
    tx(push, "b1");
    say("replaced", rx_now(sub));
    say("events", events(sub));
    tx(push, "b2");
    tx(push, "a2");
    say("wanted", rx_now(sub));
    say("then", rx_now(sub));
}

/* Looking for input is not reading: what comes later is newer. */
static void looked_at_before(void)
{
    static const int kinds[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_DEALER, ZMQ_DEALER}};
    for (int k = 0; k < 3; k++) {
        void *ctx = context();
        void *sender = sock(ctx, kinds[k][0]), *receiver = conflating(ctx, kinds[k][1]);
        attach(sender, receiver, INPROC);
        tx(sender, "1");
        begin_line(type_name(kinds[k][1]));
        in_line("events", events(receiver));
        tx(sender, "2");
        tx(sender, "3");
        in_line("read", rx_now(receiver));
        in_line("then", rx_now(receiver));
        end_line();
    }
}

static const struct rule rules[] = {
    RULE(types), RULE(types_with_envelopes), RULE(set_later), RULE(conflating_sender), RULE(conflating_receiver),
    RULE(multipart), RULE(routing_id), RULE(last_value_before_the_end), RULE(subscriptions),
    RULE(per_publisher), RULE(filter), RULE(looked_at_before),
};

RUN(rules)
