/* REP with envelopes of all shapes, with several requesters, and with requesters that go. patterns.md section 4;
 * reqrep.c has one of each. */
#include "transcript.h"

/* Waits until what was sent to the socket is there, in whatever state it is. */
static const char *arrived(void *socket)
{
    settle(context_of(socket));
    settle(context_of(socket));
    return events(socket);
}

static void alone(void)
{
    void *ctx = context();
    void *rep = sock(ctx, ZMQ_REP);
    set_int(rep, ZMQ_RCVTIMEO, 20);
    set_int(rep, ZMQ_SNDTIMEO, 20);
    say("events", events(rep));
    say("recv", rx_now(rep));
    say("recv waiting", rx(rep));
    say("send", tx_now(rep, "x"));
    say("send waiting", tx(rep, "x"));
    say("send more", tx_frame(rep, "x", ZMQ_SNDMORE));
}

/* The envelope ends with the first empty frame, and comes back in front of the reply. */
static void envelopes(void)
{
    static const char *const requests[] = {
        "|b",        "||",         "|",          "X||b",   "X|Y||b",  "X|Y||a|b",       "X||",
        "X|||",      "X||b|",      "X||b||c",    "||||",   "a|b|c|d|e|f|g|h|i|j||body",
    };
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        void *dealer = sock(ctx, ZMQ_DEALER);
        attach(rep, dealer, t);
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            begin_line(text("%s [%s]", transport_names[t], requests[i]));
            tx(dealer, requests[i]);
            in_line("body", rx(rep));
            in_line("sent", tx(rep, i % 2 ? "r" : "r||s"));
            in_line("reply", rx(dealer));
            end_line();
        }
    }
}

/* Frames of an envelope that are long, many, or binary. */
static void large_envelopes(void)
{
    static const size_t sizes[] = {1, 29, 30, 33, 34, 255, 256, 8192, 300000};
    static char bytes[300000];
    memset(bytes, 0xe5, sizeof bytes);
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        void *dealer = sock(ctx, ZMQ_DEALER);
        attach(rep, dealer, t);
        int good = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            tx_bytes(dealer, bytes, sizes[i], ZMQ_SNDMORE);
            tx(dealer, "|body");
            rx(rep);
            tx(rep, "reply");
            good += strcmp(rx(dealer), text("[%s||reply]", shown(bytes, sizes[i]))) == 0;
        }
        line(text("%s sizes", transport_names[t]), "%d", good);
        for (int i = 0; i < 1000; i++)
            tx_frame(dealer, text("%d", i), ZMQ_SNDMORE);
        tx(dealer, "|body");
        say(text("%s 1000 frames", transport_names[t]), rx(rep));
        tx(rep, "reply");
        int in_order = 0;
        for (int i = 0; i < 1000; i++)
            in_order += strcmp(rx_frame(dealer, 0), text("[%d] +", i)) == 0;
        line(text("%s in order", transport_names[t]), "%d", in_order);
        say(text("%s then", transport_names[t]), rx(dealer));
    }
}

/* Each request without a delimiter in front of a body is passed over; nothing of it is in the next reply. */
static void not_requests(void)
{
    static const char *const shapes[] = {"x", "a|b", "", "a|", "a|b|", "a|b|c"};
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *rep = sock(ctx, ZMQ_REP);
        void *dealer = sock(ctx, ZMQ_DEALER);
        attach(rep, dealer, t);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            begin_line(text("%s [%s]", transport_names[t], shapes[i]));
            tx(dealer, shapes[i]);
            in_line("events", arrived(rep));
            in_line("recv", rx_now(rep));
            in_line("send", tx_now(rep, "x"));
            tx(dealer, "A||good");
            in_line("good", rx(rep));
            tx(rep, "reply");
            in_line("reply", rx(dealer));
            end_line();
        }
    }
}

/* Two requesters: one is answered while the other waits. */
static void one_at_a_time(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        begin_line(transport_names[t]);
        void *rep = sock(ctx, ZMQ_REP);
        void *a = sock(ctx, ZMQ_REQ);
        void *b = sock(ctx, ZMQ_REQ);
        const char *endpoint = bind_any(rep, t);
        attach_to(rep, a, endpoint);
        attach_to(rep, b, endpoint);
        tx(a, "from a|more");
        in_line("first frame", rx_frame(rep, 0));
        tx(b, "from b");
        in_line("events", arrived(rep));
        in_line("rest", rx(rep));
        in_line("events", events(rep));
        in_line("recv", rx_now(rep));
        in_line("reply", tx_frame(rep, "to a", ZMQ_SNDMORE));
        in_line("mid-reply", rx_now(rep));
        in_line("a has nothing", rx_now(a));
        in_line("end", tx_frame(rep, "end", 0));
        in_line("a gets", rx(a));
        arrived(b);
        in_line("b", rx_now(b));
        in_line("events", events(rep));
        in_line("too early", tx_now(rep, "x"));
        in_line("b's turn", rx(rep));
        tx(rep, "to b");
        in_line("b gets", rx(b));
        arrived(a);
        in_line("a", tx(a, "again"));
        in_line("a again", rx(rep));
        end_line();
    }
}

/* A requester goes at every point of the cycle; the other is served as ever. */
static void requester_goes(void)
{
    static const char *const points[] = {"unread", "mid-request", "owed", "mid-reply", "answered"};
    for (int t = INPROC; t <= IPC; t++) {
        for (int point = 0; point < 5; point++) {
            void *ctx = context();
            begin_line(text("%s %s", transport_names[t], points[point]));
            void *rep = sock(ctx, ZMQ_REP);
            void *req = sock(ctx, ZMQ_REQ);
            void *other = sock(ctx, ZMQ_REQ);
            const char *endpoint = bind_any(rep, t);
            attach_to(rep, req, endpoint);
            attach_to(rep, other, endpoint);
            tx(req, "1|2");
            arrived(rep);
            if (point >= 1)
                in_line("first", rx_frame(rep, 0));
            if (point >= 2)
                in_line("second", rx_frame(rep, 0));
            if (point >= 3)
                in_line("reply", tx_frame(rep, "r", ZMQ_SNDMORE));
            if (point >= 4)
                in_line("end", tx_frame(rep, "s", 0));
            leave(req, rep, t);
            in_line("events", events(rep));
            if (point == 0)
                in_line("unread", rx(rep));
            if (point == 1)
                in_line("rest", rx(rep));
            if (point < 3)
                in_line("send", tx(rep, "r|s"));
            if (point == 3)
                in_line("rest", tx(rep, "s|t"));
            in_line("send again", tx_now(rep, "x"));
            in_line("recv", rx_now(rep));
            tx(other, "request");
            in_line("other", rx(rep));
            tx(rep, "reply");
            in_line("served", rx(other));
            end_line();
        }
    }
}

static const struct rule rules[] = {
    RULE(alone), RULE(envelopes), RULE(large_envelopes), RULE(not_requests), RULE(one_at_a_time), RULE(requester_goes),
};

RUN(rules)
