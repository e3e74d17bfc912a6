/* Options that hang together, and those that the socket's life changes. socket_options.tsv; every row by itself
 * is in optiontable.c. */
#include "transcript.h"

/* The option set last decides. */
static void mechanism(void)
{
    void *s = plain_sock(context(), ZMQ_PUSH);
    char key[32] = "0123456789abcdef0123456789abcde";
    say("fresh", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_PLAIN_SERVER, 1);
    say("PLAIN_SERVER 1", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_PLAIN_SERVER, 0);
    say("PLAIN_SERVER 0", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_PLAIN_USERNAME, "admin", 5);
    say("PLAIN_USERNAME", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_PLAIN_USERNAME, NULL, 0);
    say("PLAIN_USERNAME NULL", show_int(s, ZMQ_MECHANISM));
    char name[32];
    size_t size = sizeof name;
    int result = zmq_getsockopt(s, ZMQ_PLAIN_USERNAME, name, &size);
    say("PLAIN_USERNAME is kept", result == 0 ? shown(name, size) : error_name(zmq_errno()));
    set_bytes(s, ZMQ_PLAIN_PASSWORD, "secret", 6);
    say("PLAIN_PASSWORD", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_CURVE_SERVERKEY, key, 32);
    say("CURVE_SERVERKEY", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_CURVE_SERVER, 1);
    say("CURVE_SERVER", show_int(s, ZMQ_CURVE_SERVER));
    set_int(s, ZMQ_PLAIN_SERVER, 1);
    say("PLAIN_SERVER after CURVE_SERVER", show_int(s, ZMQ_MECHANISM));
    say("CURVE_SERVER then", show_int(s, ZMQ_CURVE_SERVER));
    set_int(s, ZMQ_CURVE_SERVER, 0);
    say("CURVE_SERVER 0", show_int(s, ZMQ_MECHANISM));
}

static void shared_storage(void)
{
    void *s = plain_sock(context(), ZMQ_PUSH);
    set_int(s, ZMQ_IPV6, 1);
    say("IPV4ONLY after IPV6 1", show_int(s, ZMQ_IPV4ONLY));
    set_int(s, ZMQ_IPV4ONLY, 1);
    say("IPV6 after IPV4ONLY 1", show_int(s, ZMQ_IPV6));
}

/* One message with two frames, read by getsockopt with the 64-bit buffer of old clients. */
static void rcvmore(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    say("before", show_int(b, ZMQ_RCVMORE));
    tx(a, "one|two");
    tx(a, "three");
    say("first", rx_frame(b, 0));
    int64_t wide_value = -1;
    size_t size = sizeof wide_value;
    zmq_getsockopt(b, ZMQ_RCVMORE, &wide_value, &size);
    line("in 64 bits", "%lld/%zu", (long long) wide_value, size);
    say("second", rx_frame(b, 0));
    say("after the second", show_int(b, ZMQ_RCVMORE));
    say("third", rx_frame(b, 0));
    say("failed", rx_now(b));
    say("unchanged by a failure", show_int(b, ZMQ_RCVMORE));
}

static const struct rule rules[] = {RULE(mechanism), RULE(shared_storage), RULE(rcvmore)};

RUN(rules)
