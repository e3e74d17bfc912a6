/* LINGER: what zmq_ctx_term waits for, and for how long. queues.md section 10. */
#include "transcript.h"


/* How long zmq_ctx_term took, in milliseconds: as long as it should, or not. */
static const char *slot(long took, long from, long to)
{
    return took < from - 20 ? "sooner" : took < to ? text("%ld to %ld", from, to) : "later";
}

static const char *const dead[] = {"", "tcp://127.0.0.1:9", "ipc://nobody"};

/* The value when it closes, not when it connected; sockets of any type that sends. */
static void of_types(void)
{
    static const int types[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR, ZMQ_REQ};
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < 4; i++) {
            for (int value = 0; value <= 400; value += 400) {
                void *ctx = context();
                void *s = plain_sock(ctx, types[i]);
                set_int(s, ZMQ_LINGER, value ? 0 : -1);
                connect_to(s, dead[t]);
                tx(s, "unsent");
                set_int(s, ZMQ_LINGER, value);
                shut(s);
                long start = now_ms();
                term(ctx);
                say(text("%s %s %d", transport_names[t], type_name(types[i]), value),
                    slot(now_ms() - start, value, 3000));
            }
        }
    }
}

/* All of them at the same time. */
static void in_parallel(void)
{
    void *ctx = context();
    for (int i = 0; i < 10; i++) {
        void *push = plain_sock(ctx, ZMQ_PUSH);
        connect_to(push, dead[1 + i % 2]);
        tx(push, "unsent");
        set_int(push, ZMQ_LINGER, 500);
        shut(push);
    }
    long start = now_ms();
    term(ctx);
    say("ten times 500 ms", slot(now_ms() - start, 500, 3000));
}

/* Without anything to send there is nothing to wait for. */
static void nothing_queued(void)
{
    static const int types[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR, ZMQ_REQ, ZMQ_PUB, ZMQ_ROUTER};
    for (int i = 0; i < 6; i++) {
        void *ctx = context();
        void *s = plain_sock(ctx, types[i]);
        set_int(s, ZMQ_LINGER, -1);
        connect_to(s, dead[TCP]);
        connect_to(s, dead[IPC]);
        connect_to(s, "inproc://nobody");
        long start = now_ms();
        say(text("%s close", type_name(types[i])), shut(s));
        say(text("%s term", type_name(types[i])), term(ctx));
        say(text("%s took", type_name(types[i])), slot(now_ms() - start, 0, 3000));
    }
}

/* Half a message is no message. */
static void half_a_message(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = plain_sock(ctx, ZMQ_PUSH);
        set_int(push, ZMQ_LINGER, -1);
        connect_to(push, t == INPROC ? "inproc://nobody" : dead[t]);
        say(text("%s send", transport_names[t]), tx_frame(push, "half", ZMQ_SNDMORE));
        long start = now_ms();
        shut(push);
        say(text("%s term", transport_names[t]), term(ctx));
        say(text("%s took", transport_names[t]), slot(now_ms() - start, 0, 3000));
    }
}

/* A name that nobody ever bound: what was sent there is dropped. */
static void never_bound(void)
{
    void *ctx = context();
    void *push = plain_sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, -1);
    connect_to(push, "inproc://nobody");
    tx(push, "1");
    tx(push, "2|3");
    long start = now_ms();
    shut(push);
    say("term", term(ctx));
    say("took", slot(now_ms() - start, 0, 3000));
}

/* An accepted connection that breaks takes its queue with it: nothing is left to linger for. */
static void accepted_is_lost(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context(), *other = context();
        void *binder = plain_sock(ctx, ZMQ_DEALER), *peer = sock(other, ZMQ_DEALER);
        set_int(binder, ZMQ_LINGER, -1);
        set_int(binder, ZMQ_SNDHWM, 0);
        set_int(peer, ZMQ_RCVHWM, 1);
        attach(binder, peer, t);
        static char data[100000];
        for (int i = 0; i < 300; i++)
            tx_bytes(binder, data, sizeof data, 0);
        /* Closed with all that in its queue, and then the peer goes. */
        shut(binder);
        settle(ctx);
        shut(peer);
        term(other);
        long start = now_ms();
        say(text("%s term", transport_names[t]), term(ctx));
        say(text("%s took", transport_names[t]), slot(now_ms() - start, 0, 3000));
    }
}

/* Messages that came late go to a listener that comes late; what it says goes nowhere. */
static void late_listener(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int disconnects = 0; disconnects < 2; disconnects++) {
            void *ctx = context(), *theirs = context(), *before = context();
            void *placeholder = sock(before, ZMQ_DEALER);
            const char *endpoint = t == TCP ? bind_any(placeholder, TCP) : text("ipc://late-%d", disconnects);
            const char *name = text("%s %s", transport_names[t], disconnects ? "disconnect" : "close");
            /* Only then the stock library has left the place. */
            shut(placeholder);
            term(before);
            void *dealer = plain_sock(ctx, ZMQ_DEALER);
            set_int(dealer, ZMQ_LINGER, -1);
            set_int(dealer, ZMQ_RECONNECT_IVL, 10);
            connect_to(dealer, endpoint);
            for (int i = 0; i < 100; i++)
                tx(dealer, text("%d|%s", i, "more"));
            if (disconnects)
                say(text("%s disconnect", name), rc(zmq_disconnect(dealer, endpoint)));
            else
                say(text("%s close", name), shut(dealer));
            void *late = sock(theirs, ZMQ_DEALER);
            say(text("%s bind", name), bind_again(late, endpoint));
            say(text("%s first", name), rx(late));
            tx_now(late, "an answer");
            int count = 1;
            while (count < 100 && strcmp(rx(late), text("[%d|more]", count)) == 0)
                count++;
            line(text("%s arrive", name), "%d then %s", count, rx_quiet(late));
            if (disconnects) {
                say(text("%s answer", name), rx_quiet(dealer));
                shut(dealer);
            }
            say(text("%s term", name), term(ctx));
        }
    }
}

/* A pause that is part of the rule. */
static void wait_ms(int time)
{
    zmq_poll(NULL, 0, time);
}

/* zmq_disconnect under one value, zmq_close later under another; how long the two take after the close. */
static void disconnect_then_close(int disconnect, int pause, int close, int from, int to)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *push = plain_sock(ctx, ZMQ_PUSH);
        connect_to(push, dead[t]);
        tx(push, "unsent");
        set_int(push, ZMQ_LINGER, disconnect);
        zmq_disconnect(push, dead[t]);
        wait_ms(pause);
        set_int(push, ZMQ_LINGER, close);
        shut(push);
        long start = now_ms();
        term(ctx);
        say(text("%s", transport_names[t]), slot(now_ms() - start, from, to));
    }
}

static void disconnect_shorter(void)
{
    disconnect_then_close(900, 200, 6000, 600, 3500);
}

static void disconnect_over(void)
{
    disconnect_then_close(100, 300, 6000, 0, 3000);
}

static void disconnect_zero(void)
{
    disconnect_then_close(0, 0, -1, 0, 3000);
}

static void disconnect_longer(void)
{
    disconnect_then_close(2500, 0, 300, 300, 2000);
}

static void disconnect_for_ever(void)
{
    disconnect_then_close(-1, 0, 0, 0, 3000);
}

static void disconnect_for_ever_close_later(void)
{
    disconnect_then_close(-1, 0, 300, 300, 3000);
}

/* Those that are still connected have the value of the close, the others their own. */
static void several(void)
{
    void *ctx = context(), *theirs = context();
    void *pull = sock(theirs, ZMQ_PULL);
    void *push = plain_sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 100);
    connect_to(push, dead[TCP]);
    tx(push, "lost");
    zmq_disconnect(push, dead[TCP]);
    connect_to(push, "ipc://second");
    tx(push, "sent");
    wait_ms(300);
    set_int(push, ZMQ_LINGER, -1);
    set_int(push, ZMQ_RECONNECT_IVL, 10);
    shut(push);
    say("bind", rc(zmq_bind(pull, "ipc://second")));
    say("arrives", rx(pull));
    say("term", term(ctx));
}

/* What the kernel has is not taken back. */
static void zero_recalls_nothing(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context(), *theirs = context();
        void *push = plain_sock(ctx, ZMQ_PUSH), *pull = sock(theirs, ZMQ_PULL);
        set_int(push, ZMQ_LINGER, 0);
        attach(pull, push, t);
        tx(push, "1");
        say(text("%s there", transport_names[t]), await(pull, ZMQ_POLLIN));
        shut(push);
        say(text("%s term", transport_names[t]), term(ctx));
        say(text("%s arrives", transport_names[t]), rx(pull));
        say(text("%s then", transport_names[t]), rx_quiet(pull));
    }
}

/* And what it has not is gone at once: a peer that takes nothing does not hold up anybody. */
static void zero_with_a_queue(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context(), *theirs = context();
        void *push = plain_sock(ctx, ZMQ_PUSH), *pull = sock(theirs, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 0);
        set_int(pull, ZMQ_RCVHWM, 1);
        attach(pull, push, t);
        static char data[100000];
        for (int i = 0; i < 500; i++)
            tx_bytes(push, data, sizeof data, 0);
        set_int(push, ZMQ_LINGER, 0);
        shut(push);
        long start = now_ms();
        say(text("%s term", transport_names[t]), term(ctx));
        say(text("%s took", transport_names[t]), slot(now_ms() - start, 0, 3000));
        set_int(pull, ZMQ_RCVTIMEO, 500);
        int count = 0;
        while (rx(pull)[0] == '[')
            count++;
        line(text("%s not all arrive", transport_names[t]), "%d", count < 500);
    }
}

/* A peer that reads nothing is waited for as long as LINGER says. */
static void stalled_peer(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context(), *theirs = context();
        void *push = plain_sock(ctx, ZMQ_PUSH), *pull = sock(theirs, ZMQ_PULL);
        set_int(push, ZMQ_SNDHWM, 0);
        set_int(pull, ZMQ_RCVHWM, 1);
        attach(pull, push, t);
        static char data[100000];
        for (int i = 0; i < 500; i++)
            tx_bytes(push, data, sizeof data, 0);
        set_int(push, ZMQ_LINGER, 500);
        shut(push);
        long start = now_ms();
        say(text("%s term", transport_names[t]), term(ctx));
        say(text("%s took", transport_names[t]), slot(now_ms() - start, 500, 3500));
    }
}

/* What each type starts with, with ZMQ_BLOCKY and without. */
static void defaults(void)
{
    for (int blocky = 0; blocky < 2; blocky++) {
        void *ctx = context();
        zmq_ctx_set(ctx, ZMQ_BLOCKY, blocky);
        for (int i = 0; i < 12; i++)
            say(text("%s, BLOCKY %d", type_name(classic_types[i]), blocky),
                show_int(plain_sock(ctx, classic_types[i]), ZMQ_LINGER));
    }
}

static const struct rule rules[] = {
    RULE(of_types), RULE(in_parallel), RULE(nothing_queued), RULE(half_a_message), RULE(never_bound),
    RULE(accepted_is_lost), RULE(late_listener), RULE(disconnect_shorter), RULE(disconnect_over),
    RULE(disconnect_zero), RULE(disconnect_longer), RULE_WITHIN(disconnect_for_ever, 4000),
    RULE_WITHIN(disconnect_for_ever_close_later, 4000), RULE(several), RULE(zero_recalls_nothing),
    RULE(zero_with_a_queue), RULE(stalled_peer), RULE(defaults),
};

RUN(rules)
