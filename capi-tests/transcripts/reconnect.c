/* A connection is lost and comes back: what of the queues, the pipe and the socket's state survives. queues.md 7. */
#include "transcript.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *bind_there(void *socket, enum transport transport)
{
    static int number;
    if (transport == TCP)
        return bind_any(socket, TCP);
    const char *endpoint = keep(text("ipc://place-%d", ++number));
    if (zmq_bind(socket, endpoint) != 0)
        give_up("bind");
    return endpoint;
}

/* One that goes away, and one that connected to it. */
struct pair {
    void *ctx, *connecter, *binder, *monitor;
    const char *endpoint;
    int peer_type;
};

static void *peer_of(struct pair *pair)
{
    void *socket = sock(pair->ctx, pair->peer_type);
    if (pair->peer_type == ZMQ_SUB)
        subscribe(socket, "");
    return socket;
}

static struct pair begin(int type, int peer_type, enum transport transport, int immediate)
{
    struct pair pair = {.ctx = context(), .peer_type = peer_type};
    pair.connecter = sock(pair.ctx, type);
    set_int(pair.connecter, ZMQ_IMMEDIATE, immediate);
    set_int(pair.connecter, ZMQ_RECONNECT_IVL, 20);
    if (type == ZMQ_ROUTER) {
        set_bytes(pair.connecter, ZMQ_CONNECT_ROUTING_ID, "peer", 4);
        set_int(pair.connecter, ZMQ_ROUTER_MANDATORY, 1);
    }
    pair.binder = peer_of(&pair);
    pair.endpoint = bind_there(pair.binder, transport);
    attach_to(pair.binder, pair.connecter, pair.endpoint);
    return pair;
}

/* The binder closes, and the connecter's socket knows. */
static void lose(struct pair *pair)
{
    pair->monitor = watch(pair->connecter, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    settle(pair->ctx);
    shut(pair->binder);
    if (strcmp(await_event(pair->monitor, ZMQ_EVENT_DISCONNECTED), "yes") != 0)
        give_up("no loss");
    settle(pair->ctx);
    events(pair->connecter);
}

static void come_back(struct pair *pair)
{
    pair->binder = peer_of(pair);
    bind_again(pair->binder, pair->endpoint);
    if (strcmp(await_event(pair->monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED), "yes") != 0)
        give_up("no return");
    settle(pair->ctx);
    events(pair->connecter);
    events(pair->binder);
}

static const struct {
    int type, peer;
    const char *message;
} senders[] = {
    {ZMQ_PUSH, ZMQ_PULL, "m"},     {ZMQ_DEALER, ZMQ_DEALER, "m"}, {ZMQ_PAIR, ZMQ_PAIR, "m"},
    {ZMQ_XSUB, ZMQ_XPUB, "m"},     {ZMQ_REQ, ZMQ_REP, "m"},       {ZMQ_ROUTER, ZMQ_DEALER, "peer|m"},
    {ZMQ_XPUB, ZMQ_XSUB, "m"},     {ZMQ_PUB, ZMQ_SUB, "m"},
};
enum { SENDERS = sizeof senders / sizeof senders[0] };

/* What every type that can send does in the gap, and what of it the next peer gets. */
static void gap(int immediate)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < SENDERS; i++) {
            struct pair pair = begin(senders[i].type, senders[i].peer, t, immediate);
            const char *name = text("%s %s", transport_names[t], type_name(senders[i].type));
            lose(&pair);
            /* A ROUTER of the stock library now and then is ready to send what it then says EHOSTUNREACH to. */
            if (senders[i].type != ZMQ_ROUTER)
                say(text("%s events", name), events(pair.connecter));
            say(text("%s sends", name), tx_now(pair.connecter, senders[i].message));
            come_back(&pair);
            /* A PUB drops without a word what nobody has subscribed to. */
            say(text("%s arrives", name), rx_quiet(pair.binder));
            say(text("%s then", name), rx_quiet(pair.binder));
        }
    }
}

static void kept(void)
{
    gap(0);
}

static void immediate(void)
{
    gap(1);
}

/* As many as SNDHWM says. */
static void room_in_the_gap(void)
{
    for (int t = TCP; t <= IPC; t++) {
        struct pair pair = {.ctx = context(), .peer_type = ZMQ_PULL};
        pair.connecter = sock(pair.ctx, ZMQ_PUSH);
        set_int(pair.connecter, ZMQ_SNDHWM, 5);
        set_int(pair.connecter, ZMQ_RECONNECT_IVL, 20);
        pair.binder = peer_of(&pair);
        pair.endpoint = bind_there(pair.binder, t);
        attach_to(pair.binder, pair.connecter, pair.endpoint);
        lose(&pair);
        int count = 0;
        while (count < 100 && strcmp(tx_now(pair.connecter, text("%d", count)), "1") == 0)
            count++;
        line(text("%s accepted", transport_names[t]), "%d", count);
        come_back(&pair);
        for (int i = 0; i < 5; i++)
            say(text("%s arrives %d", transport_names[t], i), rx(pair.binder));
        say(text("%s then", transport_names[t]), rx_quiet(pair.binder));
    }
}

/* What was received and not read, by IMMEDIATE; then what comes over the next connection. */
static void unread(void)
{
    static const struct {
        int type, peer;
    } receivers[] = {
        {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_SUB, ZMQ_XPUB}, {ZMQ_XSUB, ZMQ_XPUB},
    };
    for (int t = TCP; t <= IPC; t++) {
        for (int i = 0; i < 5; i++) {
            for (int immediate = 0; immediate < 2; immediate++) {
                struct pair pair = begin(receivers[i].type, receivers[i].peer, t, immediate);
                const char *name = text("%s %s IMMEDIATE %d", transport_names[t], type_name(receivers[i].type), immediate);
                int subscribes = receivers[i].peer == ZMQ_XPUB;
                if (receivers[i].type == ZMQ_SUB)
                    subscribe(pair.connecter, "");
                else if (subscribes)
                    tx(pair.connecter, "\1");
                if (subscribes)
                    rx(pair.binder);
                tx(pair.binder, "1");
                tx(pair.binder, "2|3");
                tx_frame(pair.binder, "half", ZMQ_SNDMORE);
                await(pair.connecter, ZMQ_POLLIN);
                set_int(pair.binder, ZMQ_LINGER, -1);
                lose(&pair);
                say(text("%s first", name), rx_now(pair.connecter));
                come_back(&pair);
                if (subscribes)
                    rx(pair.binder);
                tx(pair.binder, "4");
                say(text("%s second", name), rx(pair.connecter));
                say(text("%s third", name), rx_quiet(pair.connecter));
            }
        }
    }
}

/* The queue towards a publisher is emptied with the loss, and all topics are said again. */
static void hiccup(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        struct pair pair = {.ctx = context(), .peer_type = ZMQ_XPUB};
        pair.connecter = sock(pair.ctx, ZMQ_XSUB);
        set_int(pair.connecter, ZMQ_SNDHWM, 0);
        set_int(pair.connecter, ZMQ_RECONNECT_IVL, 20);
        pair.binder = peer_of(&pair);
        set_int(pair.binder, ZMQ_RCVHWM, 1);
        pair.endpoint = bind_there(pair.binder, t);
        tx(pair.connecter, "\1a");
        tx(pair.connecter, "\1b");
        attach_to(pair.binder, pair.connecter, pair.endpoint);
        say(text("%s topic", name), rx(pair.binder));
        say(text("%s another", name), rx(pair.binder));
        static char data[100000];
        for (int i = 0; i < 300; i++)
            tx_bytes(pair.connecter, data, sizeof data, 0);
        tx(pair.connecter, "\1c");
        tx(pair.connecter, "\1b");
        tx(pair.connecter, "\1d");
        tx(pair.connecter, "\0d");
        lose(&pair);
        tx(pair.connecter, "later");
        come_back(&pair);
        /* Topics have no order among them. */
        int topics = 0, seen[3] = {0, 0, 0};
        const char *got = "";
        for (int i = 0; i < 3; i++) {
            got = rx(pair.binder);
            if (strlen(got) == 7 && got[5] >= 'a' && got[5] <= 'c' && !seen[got[5] - 'a']++)
                topics++;
        }
        line(text("%s topics again", name), "%d", topics);
        say(text("%s what was sent in the gap", name), rx(pair.binder));
        say(text("%s then", name), rx_quiet(pair.binder));
        tx(pair.binder, "c1");
        say(text("%s works", name), rx(pair.connecter));
    }
}

/* What was dropped with the loss takes no room any more. */
static void hiccup_makes_room(void)
{
    for (int t = TCP; t <= IPC; t++) {
        struct pair pair = {.ctx = context(), .peer_type = ZMQ_XPUB};
        pair.connecter = sock(pair.ctx, ZMQ_XSUB);
        set_int(pair.connecter, ZMQ_SNDHWM, 5);
        set_int(pair.connecter, ZMQ_RECONNECT_IVL, 20);
        pair.binder = peer_of(&pair);
        set_int(pair.binder, ZMQ_RCVHWM, 1);
        pair.endpoint = bind_there(pair.binder, t);
        attach_to(pair.binder, pair.connecter, pair.endpoint);
        static char data[100000];
        for (int i = 0; i < 300; i++)
            tx_bytes(pair.connecter, data, sizeof data, 0);
        lose(&pair);
        for (int i = 0; i < 5; i++)
            tx(pair.connecter, text("later %d", i));
        come_back(&pair);
        for (int i = 0; i < 5; i++)
            say(text("%s %d", transport_names[t], i), rx(pair.binder));
        say(text("%s then", transport_names[t]), rx_quiet(pair.binder));
    }
}

/* Topics that come and go in the gap. */
static void topics_in_the_gap(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        struct pair pair = begin(ZMQ_SUB, ZMQ_XPUB, t, 0);
        subscribe(pair.connecter, "a");
        subscribe(pair.connecter, "b");
        rx(pair.binder);
        rx(pair.binder);
        lose(&pair);
        set_bytes(pair.connecter, ZMQ_UNSUBSCRIBE, "a", 1);
        subscribe(pair.connecter, "c");
        come_back(&pair);
        say(text("%s settled", name), await(pair.binder, ZMQ_POLLIN));
        while (strcmp(rx_quiet(pair.binder), "nothing") != 0) {
        }
        tx(pair.binder, "a1");
        tx(pair.binder, "b1");
        tx(pair.binder, "c1");
        say(text("%s first", name), rx(pair.connecter));
        say(text("%s second", name), rx(pair.connecter));
        say(text("%s then", name), rx_quiet(pair.connecter));
    }
}

/* Subscriptions of a peer belong to the pipe of a publisher that connected: they outlive it. */
static void old_subscriptions(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        struct pair pair = begin(ZMQ_PUB, ZMQ_XSUB, t, 0);
        tx(pair.binder, "\1a");
        set_int(pair.connecter, ZMQ_SNDTIMEO, 0);
        long end = now_ms() + PATIENCE;
        while (rx_now(pair.binder)[0] != '[' && now_ms() < end) {
            events(pair.connecter);
            tx(pair.connecter, "a0");
        }
        lose(&pair);
        tx(pair.connecter, "a1");
        tx(pair.connecter, "b1");
        come_back(&pair);
        say(text("%s arrives", name), rx(pair.binder));
        say(text("%s then", name), rx_quiet(pair.binder));
        tx(pair.binder, "\1b");
        settle(pair.ctx);
        events(pair.connecter);
        tx(pair.connecter, "a2");
        tx(pair.connecter, "b2");
        say(text("%s old topic", name), rx(pair.binder));
        say(text("%s new topic", name), rx(pair.binder));
    }
}

/* The place in the round, and the id, are those of the pipe. */
static void state(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        struct pair pair = begin(ZMQ_ROUTER, ZMQ_DEALER, t, 0);
        tx(pair.binder, "before");
        say(text("%s before", name), rx(pair.connecter));
        lose(&pair);
        say(text("%s to the id", name), tx(pair.connecter, "peer|gap"));
        say(text("%s to another", name), tx(pair.connecter, "other|gap"));
        come_back(&pair);
        tx(pair.binder, "after");
        say(text("%s after", name), rx(pair.connecter));
        say(text("%s gap", name), rx(pair.binder));
    }
}

/* The wait for a reply is not cut, and the reply of the next peer is none. */
static void request(void)
{
    for (int t = TCP; t <= IPC; t++) {
        const char *name = transport_names[t];
        struct pair pair = begin(ZMQ_REQ, ZMQ_ROUTER, t, 0);
        tx(pair.connecter, "question");
        const char *got = rx_frame(pair.binder, 0);
        say(text("%s id comes", name), got[0] == '[' ? "yes" : got);
        rx_frame(pair.binder, 0);
        say(text("%s question", name), rx_frame(pair.binder, 0));
        lose(&pair);
        say(text("%s asks again", name), tx_now(pair.connecter, "next"));
        say(text("%s waits", name), rx_now(pair.connecter));
        come_back(&pair);
        say(text("%s question again", name), rx_quiet(pair.binder));
        set_int(pair.connecter, ZMQ_RCVTIMEO, QUIET);
        say(text("%s still waits", name), rx(pair.connecter));
    }
}

/* inproc has no next time. */
static void inproc(void)
{
    void *ctx = context();
    void *binder = sock(ctx, ZMQ_DEALER), *connecter = sock(ctx, ZMQ_DEALER);
    say("bind", rc(zmq_bind(binder, "inproc://here")));
    attach_to(binder, connecter, "inproc://here");
    tx(connecter, "1");
    say("works", rx(binder));
    shut(binder);
    say("gone", await_not(connecter, ZMQ_POLLOUT));
    void *next = sock(ctx, ZMQ_DEALER);
    say("bound again", bind_again(next, "inproc://here"));
    say("send", tx_now(connecter, "2"));
    say("nothing there", rx_quiet(next));
    connect_to(connecter, "inproc://here");
    tx(connecter, "3");
    say("connected anew", rx(next));
}

/* ---- peers made of bytes ---- */

static const unsigned char opening[] = "\377\0\0\0\0\0\0\0\0\177\3\0NULL"
                                       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                       "\4\34\5READY\13Socket-Type\0\0\0\6DEALER";
enum { GREETING = 64 };

static int listen_at(enum transport transport, char *endpoint)
{
    int listener;
    if (transport == TCP) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof address;
        /* An address of this process alone: nobody who tries again for a port that was another's comes here. */
        address.sin_addr.s_addr = htonl(0x7f800000U | ((unsigned) getpid() & 0x7fffffU));
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *) &address, size) != 0)
            give_up("listener");
        getsockname(listener, (struct sockaddr *) &address, &size);
        unsigned char *part = (unsigned char *) &address.sin_addr.s_addr;
        sprintf(endpoint, "tcp://%d.%d.%d.%d:%d", part[0], part[1], part[2], part[3], ntohs(address.sin_port));
    } else {
        static int number;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        sprintf(address.sun_path, "raw-%d", ++number);
        unlink(address.sun_path);
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *) &address, sizeof address) != 0)
            give_up("listener");
        sprintf(endpoint, "ipc://raw-%d", number);
    }
    listen(listener, 10);
    return listener;
}

static void read_exactly(int fd, unsigned char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct pollfd item = {fd, POLLIN, 0};
        ssize_t got = poll(&item, 1, PATIENCE) == 1 ? recv(fd, data + at, size - at, 0) : -1;
        if (got <= 0)
            give_up("raw peer");
        at += (size_t) got;
    }
}

/* Says who we are, and reads greeting and READY. */
static void shake(int fd)
{
    unsigned char data[512];
    if (send(fd, opening, sizeof opening - 1, MSG_NOSIGNAL) != (ssize_t) sizeof opening - 1)
        give_up("greeting");
    read_exactly(fd, data, GREETING + 2);
    read_exactly(fd, data + GREETING + 2, data[GREETING + 1]);
}

/* A frame of at most 255 bytes as text; with size and flags if it is longer. */
static const char *raw_frame(int fd)
{
    unsigned char head[9];
    static unsigned char body[1 << 20];
    read_exactly(fd, head, 2);
    size_t size = head[1];
    if (head[0] & 2) {
        read_exactly(fd, head + 2, 7);
        size = 0;
        for (int i = 1; i < 9; i++)
            size = size << 8 | head[i];
    }
    read_exactly(fd, body, size);
    return text("%s%s", shown(body, size), head[0] & 1 ? " +" : "");
}

static void raw_send(int fd, const char *data, size_t size)
{
    if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t) size)
        give_up("raw send");
}

/* Cut after each byte of a message of three frames: whole messages before it are there, nothing of it. */
static void cut_in_the_middle(void)
{
    static const char whole[] = "\0\3all", cut[] = "\1\2ab\1\0\0\3cde", next[] = "\0\4next";
    for (int t = TCP; t <= IPC; t++) {
        for (size_t bytes = 0; bytes < sizeof cut; bytes++) {
            char endpoint[64];
            void *ctx = context();
            void *dealer = sock(ctx, ZMQ_DEALER);
            int listener = listen_at(t, endpoint);
            const char *name = text("%s after %zu", transport_names[t], bytes);
            set_int(dealer, ZMQ_RECONNECT_IVL, 10);
            connect_to(dealer, endpoint);
            int peer = accept(listener, NULL, NULL);
            shake(peer);
            raw_send(peer, whole, sizeof whole - 1);
            raw_send(peer, cut, bytes);
            close(peer);
            peer = accept(listener, NULL, NULL);
            shake(peer);
            raw_send(peer, next, sizeof next - 1);
            begin_line(name);
            in_line("", rx(dealer));
            in_line("", rx(dealer));
            if (bytes == sizeof cut - 1)
                in_line("", rx(dealer));
            in_line("then", rx_now(dealer));
            end_line();
            shut(dealer);
            term(ctx);
            close(peer);
            close(listener);
        }
    }
}

/* The peer takes a part of a message and goes; the next connection begins with a message. */
static void cut_while_sending(void)
{
    for (int t = TCP; t <= IPC; t++) {
        for (int frames = 1; frames <= 3; frames++) {
            char endpoint[64];
            void *ctx = context();
            void *dealer = sock(ctx, ZMQ_DEALER);
            int listener = listen_at(t, endpoint);
            const char *name = text("%s %d frames", transport_names[t], frames);
            set_int(dealer, ZMQ_RECONNECT_IVL, 10);
            connect_to(dealer, endpoint);
            int peer = accept(listener, NULL, NULL);
            shake(peer);
            static char large[20 << 20];
            for (int i = 1; i <= frames; i++)
                tx_bytes(dealer, large, sizeof large, i < frames ? ZMQ_SNDMORE : 0);
            tx(dealer, "second|message");
            tx(dealer, "third");
            unsigned char data[1000];
            read_exactly(peer, data, sizeof data);
            close(peer);
            peer = accept(listener, NULL, NULL);
            shake(peer);
            say(text("%s first", name), raw_frame(peer));
            say(text("%s second", name), raw_frame(peer));
            say(text("%s third", name), raw_frame(peer));
            shut(dealer);
            term(ctx);
            close(peer);
            close(listener);
        }
    }
}

/* A protocol error of the one we connected to: unread stays, nothing is sent any more, and nobody tries again. */
static void protocol_error(void)
{
    for (int t = TCP; t <= IPC; t++) {
        char endpoint[64];
        const char *name = transport_names[t];
        void *ctx = context();
        void *dealer = sock(ctx, ZMQ_DEALER);
        int listener = listen_at(t, endpoint);
        set_int(dealer, ZMQ_RECONNECT_IVL, 10);
        int64_t most = 100;
        set_bytes(dealer, ZMQ_MAXMSGSIZE, &most, sizeof most);
        connect_to(dealer, endpoint);
        int peer = accept(listener, NULL, NULL);
        shake(peer);
        void *monitor = watch(dealer, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CONNECT_DELAYED);
        raw_send(peer, "\0\1a\1\1b\0\1c\0\310", 11);
        say(text("%s lost", name), event_name(next_event(monitor, NULL, NULL, 0)));
        say(text("%s no other attempt", name), rx_quiet(monitor));
        settle(ctx);
        say(text("%s unread", name), rx(dealer));
        say(text("%s unread 2", name), rx(dealer));
        say(text("%s then", name), rx_now(dealer));
        say(text("%s no room", name), await_not(dealer, ZMQ_POLLOUT));
        say(text("%s send", name), tx_now(dealer, "x"));
        say(text("%s disconnect", name), rc(zmq_disconnect(dealer, endpoint)));
        say(text("%s again", name), rc(zmq_disconnect(dealer, endpoint)));
        close(peer);
        close(listener);
    }
}

/* The id of a STREAM's connection, which is that of the pipe. */
static void stream_state(void)
{
    char endpoint[64], id[16];
    void *stream = sock(context(), ZMQ_STREAM);
    int listener = listen_at(TCP, endpoint);
    set_int(stream, ZMQ_RECONNECT_IVL, 10);
    connect_to(stream, endpoint);
    int peer = accept(listener, NULL, NULL);
    int size = zmq_recv(stream, id, sizeof id, 0);
    line("id", "%d", size);
    say("there", rx_frame(stream, 0));
    close(peer);
    size = zmq_recv(stream, id, sizeof id, 0);
    line("id again", "%d", size);
    say("gone", rx_frame(stream, 0));
    struct pollfd item = {listener, POLLIN, 0};
    line("comes back", "%d", poll(&item, 1, QUIET * 3));
    say("send the id", rc(zmq_send(stream, id, size < 0 ? 0 : (size_t) size, ZMQ_SNDMORE | ZMQ_DONTWAIT)));
    close(listener);
}

/* How a sender ends that the receiver has no room for: it is all in the kernel. */
static void read_to_the_end(void)
{
    static const char *const ends[] = {"close", "reset"};
    for (int t = TCP; t <= IPC; t++) {
        for (int how = 0; how < 2; how++) {
            if (t == IPC && how == 1)
                continue;
            char endpoint[64];
            void *ctx = context();
            void *dealer = sock(ctx, ZMQ_DEALER);
            int listener = listen_at(t, endpoint);
            set_int(dealer, ZMQ_RCVHWM, 1);
            set_int(dealer, ZMQ_RECONNECT_IVL, 10000);
            connect_to(dealer, endpoint);
            int peer = accept(listener, NULL, NULL);
            shake(peer);
            /* More than the stock library reads at once, and less than a window. */
            enum { COUNT = 200 };
            static char frames[COUNT][250];
            for (int i = 0; i < COUNT; i++)
                frames[i][1] = (char) 248;
            raw_send(peer, frames[0], sizeof frames);
            say(text("%s %s there", transport_names[t], ends[how]), await(dealer, ZMQ_POLLIN));
            /* All of it has reached the receiver's kernel: a reset destroys what has not. */
            int unsent = 1;
            for (long end = now_ms() + PATIENCE; t == TCP && unsent != 0 && now_ms() < end; poll(NULL, 0, 1))
                ioctl(peer, TIOCOUTQ, &unsent);
            if (how == 1) {
                struct linger now = {1, 0};
                setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            }
            close(peer);
            settle(ctx);
            set_int(dealer, ZMQ_RCVTIMEO, 500);
            int arrived = 0;
            while (rx(dealer)[0] == '[')
                arrived++;
            say(text("%s %s", transport_names[t], ends[how]), arrived == COUNT ? "all" : "some are missing");
            close(listener);
        }
    }
}

static const struct rule rules[] = {
    RULE(kept), RULE(immediate), RULE(room_in_the_gap), RULE(unread), RULE(hiccup), RULE(hiccup_makes_room),
    RULE(topics_in_the_gap), RULE(old_subscriptions), RULE(state), RULE(request), RULE(inproc),
    RULE(cut_in_the_middle), RULE(cut_while_sending), RULE(protocol_error), RULE(stream_state), RULE(read_to_the_end),
};

RUN(rules)
