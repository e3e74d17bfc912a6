/* Who ends a pipe, and what becomes of the messages in it. queues.md section 6. */
#include "transcript.h"

/* A name where another socket can bind later, too. */
static const char *bind_there(void *socket, enum transport transport)
{
    static int number;
    if (transport != IPC)
        return bind_any(socket, transport);
    const char *endpoint = keep(text("ipc://place-%d", ++number));
    if (zmq_bind(socket, endpoint) != 0)
        give_up("bind");
    return endpoint;
}

/* "0 1 2 ... then EAGAIN": what there is to read without waiting, shortened. */
static const char *read_all(void *socket)
{
    char out[256] = "";
    const char *got;
    while ((got = rx_now(socket))[0] == '[' && strlen(out) < 200)
        strcat(strcat(out, got), " ");
    return text("%sthen %s", out, got);
}

static void send_numbers(void *socket, int from, int to)
{
    for (int i = from; i <= to; i++)
        tx(socket, text("%d", i));
}

static const int both_ways[] = {ZMQ_PAIR, ZMQ_DEALER};

/* zmq_close: unread messages of the one who closes are gone, its peer keeps what it has. */
static void closed(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int i = 0; i < 2; i++) {
            for (int binds = 0; binds < 2; binds++) {
                void *ctx = context();
                void *stays = sock(ctx, both_ways[i]), *leaves = sock(ctx, both_ways[i]);
                const char *name = text("%s %s that %s", transport_names[t], type_name(both_ways[i]),
                                        binds ? "was bound" : "was connected");
                attach(binds ? leaves : stays, binds ? stays : leaves, t);
                send_numbers(stays, 1, 5);
                await(leaves, ZMQ_POLLIN);
                send_numbers(leaves, 1, 10);
                set_int(leaves, ZMQ_LINGER, -1);
                say(text("%s, closes", name), shut(leaves));
                for (int number = 1; number <= 10; number++) {
                    if (strcmp(rx(stays), text("[%d]", number)) != 0)
                        line(text("%s, message", name), "%d is missing", number);
                }
                say(text("%s, then", name), rx_quiet(stays));
            }
        }
    }
}

/* zmq_disconnect: the same for one pipe, and the socket stays. */
static void disconnected(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int i = 0; i < 2; i++) {
            void *ctx = context();
            void *binder = sock(ctx, both_ways[i]), *leaves = sock(ctx, both_ways[i]);
            const char *name = text("%s %s", transport_names[t], type_name(both_ways[i]));
            const char *endpoint = attach(binder, leaves, t);
            send_numbers(binder, 1, 10);
            await(leaves, ZMQ_POLLIN);
            settle(ctx);
            send_numbers(leaves, 1, 10);
            tx_frame(leaves, "half", ZMQ_SNDMORE);
            set_int(leaves, ZMQ_LINGER, -1);
            say(text("%s disconnect", name), rc(zmq_disconnect(leaves, endpoint)));
            say(text("%s unread", name), read_all(leaves));
            for (int number = 1; number <= 10; number++) {
                if (strcmp(rx(binder), text("[%d]", number)) != 0)
                    line(text("%s message", name), "%d is missing", number);
            }
            say(text("%s half a message", name), rx_quiet(binder));
            /* Over a connection the stock library does not always notice. */
            if (t == INPROC) {
                say(text("%s peer is gone", name), await_not(binder, ZMQ_POLLOUT));
                say(text("%s peer sends", name), tx_now(binder, "x"));
            }
        }
    }
}

/* zmq_unbind: what has come is still read, and only then the connection ends. */
static void unbound(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < 2; i++) {
            void *ctx = context();
            void *binder = sock(ctx, both_ways[i]), *connecter = sock(ctx, both_ways[i]);
            const char *name = text("%s %s", transport_names[t], type_name(both_ways[i]));
            const char *endpoint = bind_there(binder, t);
            set_int(connecter, ZMQ_RECONNECT_IVL, 10);
            attach_to(binder, connecter, endpoint);
            send_numbers(connecter, 1, 5);
            await(binder, ZMQ_POLLIN);
            settle(ctx);
            void *monitor = watch(connecter, ZMQ_EVENT_DISCONNECTED);
            say(text("%s unbind", name), rc(zmq_unbind(binder, endpoint)));
            settle(ctx);
            say(text("%s nothing ends", name), rx_quiet(monitor));
            say(text("%s absent for senders", name), await_not(binder, ZMQ_POLLOUT));
            say(text("%s still in", name), events(binder));
            for (int number = 1; number < 5; number++)
                rx(binder);
            say(text("%s last but one", name), rx_quiet(monitor));
            say(text("%s last", name), rx(binder));
            say(text("%s at its end", name), rx_now(binder));
            say(text("%s now", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            /* The connecter keeps what it has not sent. */
            say(text("%s goes on sending", name), tx_now(connecter, "kept"));
            void *next = sock(ctx, both_ways[i]);
            say(text("%s bind", name), bind_again(next, endpoint));
            say(text("%s next", name), rx(next));
        }
    }
}

/* zmq_unbind: what was not sent is not sent any more. */
static void unbound_with_a_queue(void)
{
    for (int t = TCP; t <= IPC; t++) {
        void *ctx = context();
        void *binder = sock(ctx, ZMQ_DEALER), *connecter = sock(ctx, ZMQ_DEALER);
        set_int(binder, ZMQ_SNDHWM, 0);
        set_int(binder, ZMQ_LINGER, -1);
        set_int(connecter, ZMQ_RCVHWM, 1);
        const char *endpoint = attach(binder, connecter, t);
        static char data[100000];
        for (int i = 0; i < 300; i++)
            tx_bytes(binder, data, sizeof data, 0);
        void *monitor = watch(connecter, ZMQ_EVENT_DISCONNECTED);
        say(text("%s unbind", transport_names[t]), rc(zmq_unbind(binder, endpoint)));
        settle(ctx);
        int count = 0;
        for (; rx(connecter)[0] == '['; count++)
            if (count == 1)
                set_int(connecter, ZMQ_RCVTIMEO, 500);
        line(text("%s some come", transport_names[t]), "%d", count > 0 && count < 300);
        say(text("%s the end", transport_names[t]), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
    }
}

/* Unread messages do not keep a socket that is closed, nor what it was bound to. */
static void unread_at_the_end(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        for (int before = 0; before < 3; before++) {
            static const char *const how[] = {"as it is", "after unbind", "after the peer has gone"};
            void *ctx = context();
            void *binder = plain_sock(ctx, ZMQ_DEALER), *connecter = sock(context(), ZMQ_DEALER);
            if (t == INPROC) {
                shut(connecter);
                connecter = sock(ctx, ZMQ_DEALER);
            }
            const char *name = text("%s %s", transport_names[t], how[before]);
            const char *endpoint = attach(binder, connecter, t);
            void *monitor = t != INPROC ? watch(connecter, ZMQ_EVENT_DISCONNECTED) : NULL;
            send_numbers(connecter, 1, 10);
            await(binder, ZMQ_POLLIN);
            settle(ctx);
            if (before == 1)
                zmq_unbind(binder, endpoint);
            if (before == 2)
                shut(connecter);
            long start = now_ms();
            say(text("%s close", name), shut(binder));
            if (t == INPROC && before != 2)
                shut(connecter);
            say(text("%s term", name), term(ctx));
            line(text("%s at once", name), "%d", now_ms() - start < 2000);
            if (t != INPROC && before != 2)
                say(text("%s the peer sees it", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
        }
    }
}

/* An accepted connection is lost: unread stays, unsent goes, and the peer that comes back is another one. */
static void accepted_is_lost(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < 2; i++) {
            void *ctx = context();
            void *binder = sock(ctx, both_ways[i]), *first = sock(ctx, both_ways[i]);
            const char *name = text("%s %s", transport_names[t], type_name(both_ways[i]));
            set_int(binder, ZMQ_SNDHWM, 0);
            set_int(first, ZMQ_RCVHWM, 1);
            const char *endpoint = attach(binder, first, t);
            static char data[100000];
            send_numbers(first, 1, 3);
            await(binder, ZMQ_POLLIN);
            for (int number = 0; number < 300; number++)
                tx_bytes(binder, data, sizeof data, 0);
            settle(ctx);
            void *monitor = watch(binder, ZMQ_EVENT_DISCONNECTED);
            shut(first);
            say(text("%s lost", name), await_event(monitor, ZMQ_EVENT_DISCONNECTED));
            settle(ctx);
            events(binder);
            say(text("%s send", name), tx_now(binder, "x"));
            say(text("%s in", name), await(binder, ZMQ_POLLIN));
            say(text("%s unread", name), read_all(binder));
            void *second = sock(ctx, both_ways[i]);
            attach_to(binder, second, endpoint);
            say(text("%s send to the next", name), tx(binder, "new"));
            say(text("%s next gets", name), rx(second));
            say(text("%s then", name), rx_now(second));
        }
    }
}

/* A pipe that is only read is absent for those who send. */
static void skipped_while_read(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *dealer = sock(ctx, ZMQ_DEALER), *leaves = sock(ctx, ZMQ_DEALER), *stays = sock(ctx, ZMQ_DEALER);
        const char *name = transport_names[t];
        const char *endpoint = bind_any(dealer, t);
        attach_to(dealer, leaves, endpoint);
        attach_to(dealer, stays, endpoint);
        set_int(leaves, ZMQ_LINGER, -1);
        tx(leaves, "1");
        tx(leaves, "2|3");
        await(dealer, ZMQ_POLLIN);
        void *monitor = t != INPROC ? watch(dealer, ZMQ_EVENT_DISCONNECTED) : NULL;
        if (monitor) {
            shut(leaves);
            await_event(monitor, ZMQ_EVENT_DISCONNECTED);
        } else {
            /* Over inproc the stock library does not say when it has closed. */
            zmq_disconnect(leaves, endpoint);
        }
        settle(ctx);
        events(dealer);
        for (int i = 1; i <= 4; i++)
            tx(dealer, text("%d", i));
        for (int i = 1; i <= 4; i++)
            say(text("%s send %d", name, i), rx(stays));
        say(text("%s first", name), rx(dealer));
        say(text("%s still in", name), events(dealer));
        say(text("%s first frame", name), rx_frame(dealer, 0));
        say(text("%s in the middle", name), events(dealer));
        say(text("%s last frame", name), rx_frame(dealer, 0));
        say(text("%s at the end", name), events(dealer));
        say(text("%s nothing", name), rx_now(dealer));
    }
}

/* Both ends at the same time. */
static void both_leave(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        for (int round = 0; round < 50; round++) {
            void *a = sock(ctx, ZMQ_DEALER), *b = sock(ctx, ZMQ_DEALER);
            const char *endpoint = bind_any(a, t);
            connect_to(b, endpoint);
            tx(b, "x");
            if (round % 3 == 0)
                rx(a);
            if (round % 3 == 0)
                tx(a, "y|z");
            if (round % 2 == 0)
                zmq_disconnect(b, endpoint);
            shut(a);
            shut(b);
        }
        say(transport_names[t], term(ctx));
    }
}

static const struct rule rules[] = {
    RULE(closed), RULE(disconnected), RULE(unbound), RULE(unbound_with_a_queue), RULE(unread_at_the_end),
    RULE(accepted_is_lost), RULE(skipped_while_read), RULE(both_leave),
};

RUN(rules)
