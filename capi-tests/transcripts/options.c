/* Socket options: default, lengths and accepted values of every stable option on every classic type.
 * socket_options.tsv. What an option does is shown by the programs of the patterns. */
#include "transcript.h"

#include <limits.h>

struct option {
    int number;
    const char *name;
};

#define OPTION(name) {ZMQ_##name, #name}

static const struct option int_options[] = {
    OPTION(RATE), OPTION(RECOVERY_IVL), OPTION(SNDBUF), OPTION(RCVBUF), OPTION(LINGER),
    OPTION(RECONNECT_IVL), OPTION(BACKLOG), OPTION(RECONNECT_IVL_MAX), OPTION(SNDHWM),
    OPTION(RCVHWM), OPTION(MULTICAST_HOPS), OPTION(RCVTIMEO), OPTION(SNDTIMEO), OPTION(IPV4ONLY),
    OPTION(ROUTER_MANDATORY), OPTION(TCP_KEEPALIVE), OPTION(TCP_KEEPALIVE_CNT),
    OPTION(TCP_KEEPALIVE_IDLE), OPTION(TCP_KEEPALIVE_INTVL), OPTION(IMMEDIATE),
    OPTION(XPUB_VERBOSE), OPTION(ROUTER_RAW), OPTION(IPV6), OPTION(PLAIN_SERVER),
    OPTION(CURVE_SERVER), OPTION(PROBE_ROUTER), OPTION(REQ_CORRELATE), OPTION(REQ_RELAXED),
    OPTION(CONFLATE), OPTION(ROUTER_HANDOVER), OPTION(TOS), OPTION(IPC_FILTER_PID),
    OPTION(IPC_FILTER_UID), OPTION(IPC_FILTER_GID), OPTION(HANDSHAKE_IVL), OPTION(XPUB_NODROP),
    OPTION(BLOCKY), OPTION(XPUB_MANUAL), OPTION(STREAM_NOTIFY), OPTION(INVERT_MATCHING),
    OPTION(HEARTBEAT_IVL), OPTION(HEARTBEAT_TTL), OPTION(HEARTBEAT_TIMEOUT), OPTION(XPUB_VERBOSER),
    OPTION(CONNECT_TIMEOUT), OPTION(TCP_MAXRT), OPTION(MULTICAST_MAXTPDU), OPTION(USE_FD),
    OPTION(VMCI_CONNECT_TIMEOUT),
    /* Draft numbers that every build accepts. */
    {93, "ZAP_ENFORCE_DOMAIN"}, {94, "LOOPBACK_FASTPATH"}, {96, "MULTICAST_LOOP"},
    {98, "XPUB_MANUAL_LAST_VALUE"}, {109, "RECONNECT_STOP"},
};

static const struct option read_only_options[] = {
    OPTION(RCVMORE), OPTION(EVENTS), OPTION(TYPE), OPTION(MECHANISM), OPTION(THREAD_SAFE),
};

static const struct option byte_options[] = {
    OPTION(ROUTING_ID), OPTION(SUBSCRIBE), OPTION(UNSUBSCRIBE), OPTION(PLAIN_USERNAME),
    OPTION(PLAIN_PASSWORD), OPTION(ZAP_DOMAIN), OPTION(CONNECT_ROUTING_ID), OPTION(SOCKS_PROXY),
    OPTION(XPUB_WELCOME_MSG), OPTION(BINDTODEVICE), OPTION(LAST_ENDPOINT),
    OPTION(TCP_ACCEPT_FILTER), {95, "METADATA"}, {99, "SOCKS_USERNAME"}, {100, "SOCKS_PASSWORD"},
};

static const struct option wide_options[] = {
    OPTION(AFFINITY), OPTION(MAXMSGSIZE), OPTION(VMCI_BUFFER_SIZE),
};

static const struct option key_options[] = {
    OPTION(CURVE_PUBLICKEY), OPTION(CURVE_SECRETKEY), OPTION(CURVE_SERVERKEY),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text put together piece by piece. */
struct pieces {
    char text[2000];
    size_t size;
};

static void add(struct pieces *all, const char *piece)
{
    size_t size = strlen(piece);
    if (all->size + size + 2 > sizeof all->text)
        return;
    if (all->size)
        all->text[all->size++] = ' ';
    memcpy(all->text + all->size, piece, size + 1);
    all->size += size;
}

/* What a buffer of that length gets: the error, or the length returned. */
static const char *get_length(void *s, int option, size_t size)
{
    unsigned char buffer[300];
    memset(buffer, 0xee, sizeof buffer);
    size_t got = size;
    if (zmq_getsockopt(s, option, buffer, &got) != 0)
        return text("%zu:%s", size, error_name(zmq_errno()));
    size_t untouched = 0;
    for (size_t i = got; i < size; i++)
        untouched += buffer[i] != 0;
    for (size_t i = size; i < sizeof buffer; i++)
        untouched += buffer[i] != 0xee;
    return text("%zu:%zu%s", size, got, untouched ? " not padded with zeros" : "");
}

static void show_lengths(void *s, const struct option *option, const char *name)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 8, 16, 255, 256};
    struct pieces all = {"", 0};
    for (size_t i = 0; i < COUNT(sizes); i++)
        add(&all, get_length(s, option->number, sizes[i]));
    line(text("%s %s get lengths", option->name, name), "%s", all.text);
    static const unsigned char zeros[16];
    all.size = 0;
    add(&all, text("NULL/0:%s", rc(zmq_setsockopt(s, option->number, NULL, 0))));
    for (size_t i = 0; i < 8; i++) {
        int set = zmq_setsockopt(s, option->number, zeros, sizes[i]);
        add(&all, text("%zu:%s", sizes[i], rc(set)));
    }
    line(text("%s %s set lengths", option->name, name), "%s", all.text);
}

static void ints(int type)
{
    static const int values[] = {INT_MIN, -100, -99, -2, -1, 0, 1, 2, 3, 99, 254, 65535, 65536,
                                 6553599, 6553600, INT_MAX};
    void *ctx = context();
    const char *name = type_name(type);
    for (size_t i = 0; i < COUNT(int_options); i++) {
        const struct option *option = &int_options[i];
        void *s = plain_sock(ctx, type);
        say(text("%s %s default", option->name, name), show_int(s, option->number));
        show_lengths(s, option, name);
        shut(s);
        s = plain_sock(ctx, type);
        struct pieces all = {"", 0};
        for (size_t v = 0; v < COUNT(values); v++) {
            const char *set = try_set_int(s, option->number, values[v]);
            const char *got = show_int(s, option->number);
            add(&all, strcmp(set, "0") == 0 ? text("%d>%s", values[v], got)
                                            : text("%d:%s", values[v], set));
        }
        line(text("%s %s values", option->name, name), "%s", all.text);
        shut(s);
    }
}

static void read_only(int type)
{
    void *ctx = context();
    const char *name = type_name(type);
    for (size_t i = 0; i < COUNT(read_only_options); i++) {
        const struct option *option = &read_only_options[i];
        void *s = plain_sock(ctx, type);
        say(text("%s %s default", option->name, name), show_int(s, option->number));
        show_lengths(s, option, name);
        say(text("%s %s set", option->name, name), try_set_int(s, option->number, 1));
    }
    void *s = plain_sock(ctx, type);
    struct option fd = {ZMQ_FD, "FD"};
    int first = get_int(s, ZMQ_FD);
    line(text("FD %s", name), "%s, the same again: %d", first > 2 ? "a descriptor" : "none",
         first == get_int(s, ZMQ_FD));
    show_lengths(s, &fd, name);
    say(text("FD %s set", name), try_set_int(s, ZMQ_FD, 1));
}

/* What the option reads as, with the length. */
static const char *read_bytes(void *s, int option)
{
    char buffer[600];
    size_t size = sizeof buffer;
    if (zmq_getsockopt(s, option, buffer, &size) != 0)
        return error_name(zmq_errno());
    return text("%s/%zu", shown(buffer, size), size);
}

static void bytes(int type)
{
    static const struct {
        const char *name;
        const char *data;
        size_t size;
    } values[] = {
        {"empty", "", 0}, {"one", "a", 1}, {"four", "abcd", 4}, {"with NUL", "a\0b", 3},
        {"NUL first", "\0b", 2}, {"address", "10.0.0.0/8", 10}, {"short address", "10.1/8", 6},
        {"bad mask", "10.0.0.1/33", 11}, {"empty mask", "10.0.0.1/", 9}, {"no mask", "::1", 3},
        {"property", "X-a:b", 5}, {"four byte property", "X-:1", 4}, {"bad property", "Y-a:b", 5},
        {"valueless property", "X-ab:", 5}, {"nameless property", ":abcde", 6},
    };
    static char large[256];
    memset(large, 'L', sizeof large);
    void *ctx = context();
    const char *name = type_name(type);
    for (size_t i = 0; i < COUNT(byte_options); i++) {
        const struct option *option = &byte_options[i];
        void *s = plain_sock(ctx, type);
        const char *key = text("%s %s", option->name, name);
        say(text("%s default", key), read_bytes(s, option->number));
        struct pieces all = {"", 0};
        add(&all, text("NULL/0:%s", rc(zmq_setsockopt(s, option->number, NULL, 0))));
        for (size_t v = 0; v < COUNT(values); v++) {
            int set = zmq_setsockopt(s, option->number, values[v].data, values[v].size);
            add(&all, text("%s:%s", values[v].name, rc(set)));
        }
        line(text("%s values", key), "%s", all.text);
        all.size = 0;
        static const size_t sizes[] = {15, 16, 17, 255, 256};
        for (size_t v = 0; v < COUNT(sizes); v++) {
            int set = zmq_setsockopt(s, option->number, large, sizes[v]);
            const char *was = rc(set);
            add(&all, text("%zu:%s>%s", sizes[v], was, read_bytes(s, option->number)));
        }
        line(text("%s sizes", key), "%s", all.text);
        zmq_setsockopt(s, option->number, "abc", 3);
        all.size = 0;
        for (size_t size = 0; size < 7; size++)
            add(&all, get_length(s, option->number, size));
        line(text("%s get lengths", key), "%s", all.text);
        zmq_setsockopt(s, option->number, NULL, 0);
        say(text("%s after clearing", key), read_bytes(s, option->number));
        shut(s);
    }
}

static void wide(int type)
{
    static const int64_t values[] = {INT64_MIN, -2, -1, 0, 1, 2, 1000, INT64_MAX};
    void *ctx = context();
    const char *name = type_name(type);
    for (size_t i = 0; i < COUNT(wide_options); i++) {
        const struct option *option = &wide_options[i];
        void *s = plain_sock(ctx, type);
        struct pieces all = {"", 0};
        for (size_t v = 0; v <= COUNT(values); v++) {
            int64_t got = 0;
            size_t size = sizeof got;
            if (v > 0) {
                int set = zmq_setsockopt(s, option->number, &values[v - 1], sizeof values[0]);
                add(&all, text("%s", rc(set)));
            }
            int read = zmq_getsockopt(s, option->number, &got, &size);
            add(&all, read == 0 ? text("reads %lld", (long long) got) : rc(read));
        }
        line(text("%s %s values", option->name, name), "%s", all.text);
        show_lengths(s, option, name);
        shut(s);
    }
}

static void keys(int type)
{
    static const char z85[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    void *ctx = context();
    const char *name = type_name(type);
    for (size_t i = 0; i < COUNT(key_options); i++) {
        const struct option *option = &key_options[i];
        void *s = plain_sock(ctx, type);
        const char *key = text("%s %s", option->name, name);
        char buffer[64];
        size_t size = 41;
        say(text("%s default", key), zmq_getsockopt(s, option->number, buffer, &size) == 0
                                         ? buffer : error_name(zmq_errno()));
        struct pieces all = {"", 0};
        static const size_t lengths[] = {0, 1, 31, 32, 33, 39, 40, 41, 42};
        for (size_t v = 0; v < COUNT(lengths); v++) {
            char copy[64];
            memset(copy, 0, sizeof copy);
            strcpy(copy, z85);
            int set = zmq_setsockopt(s, option->number, copy, lengths[v]);
            add(&all, text("%zu:%s", lengths[v], rc(set)));
        }
        line(text("%s set lengths", key), "%s", all.text);
        all.size = 0;
        for (size_t v = 0; v < COUNT(lengths); v++)
            add(&all, get_length(s, option->number, lengths[v]));
        line(text("%s get lengths", key), "%s", all.text);
        size = 41;
        say(text("%s reads", key), zmq_getsockopt(s, option->number, buffer, &size) == 0
                                       ? buffer : error_name(zmq_errno()));
        say(text("%s mechanism", key), show_int(s, ZMQ_MECHANISM));
        int set = zmq_setsockopt(s, option->number, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]y\"7", 40);
        say(text("%s bad text", key), rc(set));
        shut(s);
    }
}

/* Numbers that no option has, and those that draft builds alone have are left out. */
static void unassigned(int type)
{
    static const int numbers[] = {-1, 0, 1, 2, 3, 10, 20, 26, 29, 30, 67, 82, 83, 125, 1000, INT_MAX};
    void *s = plain_sock(context(), type);
    struct pieces all = {"", 0};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        const char *set = try_set_int(s, numbers[i], 1);
        const char *got = show_int(s, numbers[i]);
        add(&all, text("%d:%s,%s", numbers[i], set, got));
    }
    say(type_name(type), all.text);
}

#define FOR_ALL_TYPES(name) \
    static void all_##name(void) \
    { \
        for (size_t i = 0; i < 12; i++) \
            name(classic_types[i]); \
    }

FOR_ALL_TYPES(ints)
FOR_ALL_TYPES(read_only)
FOR_ALL_TYPES(bytes)
FOR_ALL_TYPES(wide)
FOR_ALL_TYPES(keys)
FOR_ALL_TYPES(unassigned)

/* The option set last decides. */
static void mechanism(void)
{
    void *ctx = context();
    void *s = plain_sock(ctx, ZMQ_PUSH);
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
    say("PLAIN_USERNAME is kept", read_bytes(s, ZMQ_PLAIN_USERNAME));
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

static const struct rule rules[] = {
    RULE(all_ints), RULE(all_read_only), RULE(all_bytes), RULE(all_wide), RULE(all_keys),
    RULE(all_unassigned), RULE(mechanism), RULE(shared_storage), RULE(rcvmore),
};

RUN(rules)
