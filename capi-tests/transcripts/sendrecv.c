/* Every way to send and receive: buffers, messages, constant data, vectors, the legacy names; truncation,
 * flags, timeouts. api.md section 6, patterns.md section 1.3. */
#include "transcript.h"

#include <pthread.h>
#include <sys/uio.h>

struct couple {
    void *ctx, *push, *pull;
};

static struct couple couple(enum transport transport)
{
    struct couple c = {context(), NULL, NULL};
    c.push = sock(c.ctx, ZMQ_PUSH);
    c.pull = sock(c.ctx, ZMQ_PULL);
    attach(c.pull, c.push, transport);
    return c;
}

static void fresh_sockets(void)
{
    void *ctx = context();
    for (int k = 0; k < 12; k++) {
        const char *name = type_name(classic_types[k]);
        void *a = sock(ctx, classic_types[k]);
        say(text("%s events", name), events(a));
        say(text("%s send", name), tx_frame(a, "x", ZMQ_DONTWAIT));
        void *b = sock(ctx, classic_types[k]);
        say(text("%s send more", name), tx_frame(b, "x", ZMQ_DONTWAIT | ZMQ_SNDMORE));
        void *c = sock(ctx, classic_types[k]);
        say(text("%s recv", name), rx_frame(c, ZMQ_DONTWAIT));
        say(text("%s RCVMORE", name), show_int(c, ZMQ_RCVMORE));
        void *d = plain_sock(ctx, classic_types[k]);
        say(text("%s LINGER", name), show_int(d, ZMQ_LINGER));
        set_int(d, ZMQ_LINGER, 0);
    }
}

static void truncation(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct couple c = couple(t);
        const char *name = transport_names[t];
        static const size_t lengths[] = {0, 1, 5, 9, 10, 11, 40};
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            char buffer[41];
            memset(buffer, '.', sizeof buffer);
            tx(c.push, "0123456789|next");
            int got = zmq_recv(c.pull, buffer, lengths[i], 0);
            line(text("%s into %zu", name, lengths[i]), "%s %.12s", rc(got), buffer);
            say(text("%s more after %zu", name, lengths[i]), show_int(c.pull, ZMQ_RCVMORE));
            say(text("%s next after %zu", name, lengths[i]), rx_frame(c.pull, 0));
            say(text("%s no more after %zu", name, lengths[i]), show_int(c.pull, ZMQ_RCVMORE));
        }
        char *large = calloc(1, 100000);
        memset(large, 'L', 100000);
        char small[4] = "...";
        tx_bytes(c.push, large, 100000, 0);
        line(text("%s large", name), "%s %s", rc(zmq_recv(c.pull, small, 3, 0)), small);
        tx(c.push, "to nowhere");
        say(text("%s NULL and 0", name), rc(zmq_recv(c.pull, NULL, 0, 0)));
        say(text("%s nothing left", name), rx_now(c.pull));
        say(text("%s send NULL and 0", name), rc(zmq_send(c.push, NULL, 0, 0)));
        say(text("%s empty", name), rx(c.pull));
        free(large);
    }
}

static void flags(void)
{
    struct couple c = couple(INPROC);
    say("send unknown bits", tx_frame(c.push, "abc", 0x7ffffffc));
    say("recv unknown bits", rx_frame(c.pull, 0x7ffffffc));
    say("send all bits", tx_frame(c.push, "abc", -1));
    say("end", tx_frame(c.push, "end", 0));
    say("recv with SNDMORE", rx_frame(c.pull, ZMQ_SNDMORE));
    say("more", show_int(c.pull, ZMQ_RCVMORE));
    say("recv all bits", rx_frame(c.pull, -1));
    say("more at the end", show_int(c.pull, ZMQ_RCVMORE));
    say("recv fails", rx_frame(c.pull, ZMQ_DONTWAIT));
    say("more after failure", show_int(c.pull, ZMQ_RCVMORE));
    say("RCVMORE of the sender", show_int(c.push, ZMQ_RCVMORE));
}

static void messages(void)
{
    struct couple c = couple(INPROC);
    zmq_msg_t msg;
    zmq_msg_init_size(&msg, 3);
    memcpy(zmq_msg_data(&msg), "abc", 3);
    say("msg_send", rc(zmq_msg_send(&msg, c.push, ZMQ_SNDMORE)));
    line("empty after", "%zu", zmq_msg_size(&msg));
    say("again", rc(zmq_msg_send(&msg, c.push, 0)));
    say("close", rc(zmq_msg_close(&msg)));
    zmq_msg_init_size(&msg, 50);
    say("msg_recv into a used one", rc(zmq_msg_recv(&msg, c.pull, 0)));
    say("contents", shown(zmq_msg_data(&msg), zmq_msg_size(&msg)));
    line("more", "%d", zmq_msg_more(&msg));
    say("recv again", rc(zmq_msg_recv(&msg, c.pull, 0)));
    line("no more", "%d", zmq_msg_more(&msg));
    say("failed recv", rc(zmq_msg_recv(&msg, c.pull, ZMQ_DONTWAIT)));
    line("size after failure", "%zu", zmq_msg_size(&msg));
    zmq_msg_close(&msg);
    say("recv into closed", rc(zmq_msg_recv(&msg, c.pull, ZMQ_DONTWAIT)));
    void *alone = sock(c.ctx, ZMQ_PUSH);
    zmq_msg_init_size(&msg, 40);
    memset(zmq_msg_data(&msg), 'k', 40);
    say("failed send", rc(zmq_msg_send(&msg, alone, ZMQ_DONTWAIT)));
    line("kept", "%zu %c", zmq_msg_size(&msg), *(char *) zmq_msg_data(&msg));
    say("then sent", rc(zmq_msg_send(&msg, c.push, 0)));
    say("arrives", rx(c.pull));
    zmq_msg_close(&msg);
}

static void legacy(void)
{
    struct couple c = couple(INPROC);
    zmq_msg_t msg;
    zmq_msg_init_size(&msg, 2);
    memcpy(zmq_msg_data(&msg), "ab", 2);
    say("sendmsg", rc(zmq_sendmsg(c.push, &msg, ZMQ_SNDMORE)));
    say("sendmsg empty", rc(zmq_sendmsg(c.push, &msg, 0)));
    say("recvmsg", rc(zmq_recvmsg(c.pull, &msg, 0)));
    line("recvmsg more", "%d", zmq_msg_more(&msg));
    say("recvmsg empty", rc(zmq_recvmsg(c.pull, &msg, 0)));
    say("recvmsg none", rc(zmq_recvmsg(c.pull, &msg, ZMQ_DONTWAIT)));
    say("sendmsg NULL socket", rc(zmq_sendmsg(NULL, &msg, 0)));
    say("recvmsg NULL socket", rc(zmq_recvmsg(NULL, &msg, 0)));
    zmq_msg_close(&msg);
}

static void constant(void)
{
    static const char data[] = "constant data longer than what a message holds inside itself";
    for (int t = INPROC; t <= IPC; t++) {
        struct couple c = couple(t);
        const char *name = transport_names[t];
        say(text("%s short", name), rc(zmq_send_const(c.push, data, 8, ZMQ_SNDMORE)));
        say(text("%s long", name), rc(zmq_send_const(c.push, data, sizeof data - 1, 0)));
        say(text("%s arrives", name), rx(c.pull));
        say(text("%s empty", name), rc(zmq_send_const(c.push, data, 0, 0)));
        say(text("%s empty arrives", name), rx(c.pull));
        if (t == INPROC) {
            zmq_msg_t msg;
            zmq_msg_init(&msg);
            zmq_send_const(c.push, data, sizeof data, 0);
            zmq_msg_recv(&msg, c.pull, 0);
            line("not copied", "%d", zmq_msg_data(&msg) == (const void *) data);
            zmq_msg_close(&msg);
        }
    }
    void *ctx = context();
    void *alone = sock(ctx, ZMQ_PUSH);
    say("nobody", rc(zmq_send_const(alone, data, 8, ZMQ_DONTWAIT)));
    say("NULL socket", rc(zmq_send_const(NULL, data, 8, 0)));
}

static void send_vectors(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct couple c = couple(t);
        const char *name = transport_names[t];
        struct iovec parts[3] = {{"one", 3}, {"", 0}, {"three", 5}};
        /* SNDMORE joins the parts; the last one ends the message all the same. */
        say(text("%s with SNDMORE", name), rc(zmq_sendiov(c.push, parts, 3, ZMQ_SNDMORE)));
        say(text("%s arrives", name), rx(c.pull));
        say(text("%s without SNDMORE", name), rc(zmq_sendiov(c.push, parts, 3, 0)));
        for (int i = 0; i < 3; i++)
            say(text("%s frame %d", name, i), rx_frame(c.pull, 0));
        say(text("%s then", name), rx_now(c.pull));
        say(text("%s one", name), rc(zmq_sendiov(c.push, parts, 1, 0)));
    }
    struct couple c = couple(INPROC);
    struct iovec part = {"x", 1};
    say("none", rc(zmq_sendiov(c.push, &part, 0, 0)));
    say("NULL vector", rc(zmq_sendiov(c.push, NULL, 1, 0)));
    say("NULL socket", rc(zmq_sendiov(NULL, &part, 1, 0)));
    void *alone = sock(c.ctx, ZMQ_PUSH);
    say("nobody", rc(zmq_sendiov(alone, &part, 1, ZMQ_DONTWAIT)));
}

static void receive_vectors(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct couple c = couple(t);
        const char *name = transport_names[t];
        struct iovec parts[4];
        static const size_t rooms[] = {4, 2, 3, 1};
        for (size_t i = 0; i < 4; i++) {
            memset(parts, 0, sizeof parts);
            size_t count = rooms[i];
            tx(c.push, "one||three");
            int got = zmq_recviov(c.pull, parts, &count, 0);
            line(text("%s room %zu", name, rooms[i]), "%s, count %zu", rc(got), count);
            for (size_t k = 0; k < count && k < 4; k++) {
                say(text("%s room %zu part %zu", name, rooms[i], k),
                    shown(parts[k].iov_base, parts[k].iov_len));
                free(parts[k].iov_base);
            }
            const char *rest = rooms[i] < 3 ? rx(c.pull) : rx_now(c.pull);
            say(text("%s room %zu rest", name, rooms[i]), rest);
        }
    }
    struct couple c = couple(INPROC);
    struct iovec part;
    size_t count = 1;
    say("nothing there", rc(zmq_recviov(c.pull, &part, &count, ZMQ_DONTWAIT)));
    say("NULL socket", rc(zmq_recviov(NULL, &part, &count, 0)));
    say("NULL count", rc(zmq_recviov(c.pull, &part, NULL, ZMQ_DONTWAIT)));
    count = 0;
    say("no room", rc(zmq_recviov(c.pull, &part, &count, ZMQ_DONTWAIT)));
    count = 1;
    say("NULL vector", rc(zmq_recviov(c.pull, NULL, &count, ZMQ_DONTWAIT)));
}

static void timeouts(void)
{
    static const int values[] = {0, 1, 50, 200};
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    for (size_t i = 0; i < 4; i++) {
        set_int(push, ZMQ_SNDTIMEO, values[i]);
        set_int(pull, ZMQ_RCVTIMEO, values[i]);
        long start = now_ms();
        const char *sent = tx(push, "x");
        long middle = now_ms();
        const char *got = rx(pull);
        long end = now_ms();
        /* The clock of this program counts whole milliseconds. */
        line(text("send %d", values[i]), "%s, not early %d, not late %d", sent,
             middle - start + 1 >= values[i], middle - start < values[i] + 2000);
        line(text("recv %d", values[i]), "%s, not early %d, not late %d", got,
             end - middle + 1 >= values[i], end - middle < values[i] + 2000);
    }
}

static void wakes_the_blocked(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        struct couple c = couple(t);
        set_int(c.pull, ZMQ_RCVTIMEO, -1);
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, c.push);
        say(text("%s blocked recv", transport_names[t]), rx(c.pull));
        pthread_join(thread, NULL);
    }
}

static void *receive_later(void *socket)
{
    zmq_poll(NULL, 0, 20);
    for (int i = 0; i < 4; i++)
        rx(socket);
    return NULL;
}

static void wakes_the_full(void)
{
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(push, ZMQ_SNDHWM, 1);
    set_int(pull, ZMQ_RCVHWM, 1);
    set_int(push, ZMQ_SNDTIMEO, -1);
    attach(pull, push, INPROC);
    tx(push, "1");
    tx(push, "2");
    say("full", tx_now(push, "3"));
    pthread_t thread;
    pthread_create(&thread, NULL, receive_later, pull);
    say("blocked send", tx(push, "3"));
    say("another", tx(push, "4"));
    pthread_join(thread, NULL);
}

static void order_of_checks(void)
{
    struct couple c = couple(INPROC);
    zmq_msg_t bad;
    memset(&bad, 0xee, sizeof bad);
    say("no socket, bad message", rc(zmq_msg_send(&bad, NULL, 0)));
    say("recv, bad message", rc(zmq_msg_recv(&bad, c.pull, ZMQ_DONTWAIT)));
    say("recv, cannot, bad message", rc(zmq_msg_recv(&bad, c.push, ZMQ_DONTWAIT)));
    say("ENOTSUP before EAGAIN", rx_frame(c.push, ZMQ_DONTWAIT));
    zmq_ctx_shutdown(c.ctx);
    say("notice", events(c.push));
    say("notice too", events(c.pull));
    say("stopped, cannot", rx_frame(c.push, ZMQ_DONTWAIT));
    say("stopped, recv, bad message", rc(zmq_msg_recv(&bad, c.pull, ZMQ_DONTWAIT)));
    say("stopped, DONTWAIT", rx_frame(c.pull, ZMQ_DONTWAIT));
}

static const struct rule rules[] = {
    RULE(fresh_sockets), RULE(truncation), RULE(flags), RULE(messages), RULE(legacy),
    RULE(constant), RULE(send_vectors), RULE(receive_vectors), RULE(timeouts),
    RULE(wakes_the_blocked), RULE(wakes_the_full), RULE(order_of_checks),
};

RUN(rules)
