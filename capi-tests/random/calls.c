/* Random calls from a seed: calls SEED COUNT [CALLS [SKIPPED,...]]
 *
 * For each of COUNT seeds a child process makes a sequence of calls on a few sockets of classic types, from one thread,
 * and prints every result: `SEED.STEP: call = result [events of all sockets]`. The same seed makes the same calls on
 * every library, and prints the same, as long as both behave alike. Each step depends on the seed and its number only,
 * so that steps can be left out of a sequence (the fourth argument) to shrink it.
 *
 * After each call every socket handles its commands, and what closed sockets do in the background has been done; so the
 * time never matters. Over inproc, where nothing else runs in the background. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define SOCKETS 5
#define NAMES 3
#define IDS 64

static const char *const types[12] = {"PAIR", "PUB", "SUB", "REQ", "REP", "DEALER",
                                      "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"};

static struct slot {
    void *socket;
    int type;
    int side;
    int mid; /* the last frame sent had MORE */
    int parked; /* has connected to these names (bits) before they were bound */
} slots[SOCKETS];
/* Who may be joined with whom: sockets of the first kind bind the names of even number and connect to the others, those of
 * the second kind the other way round; ANY does both. What becomes of types that do not belong together is not compared. */
static const struct family {
    int types[2][2];
    int any;
} families[] = {
    {{{ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PAIR, ZMQ_PAIR}}, 1},       {{{ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_DEALER}}, 1},
    {{{ZMQ_ROUTER, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_ROUTER}}, 1}, {{{ZMQ_PUB, ZMQ_XPUB}, {ZMQ_SUB, ZMQ_XSUB}}, 0},
    {{{ZMQ_PUB, ZMQ_XPUB}, {ZMQ_SUB, ZMQ_XSUB}}, 0},         {{{ZMQ_XPUB, ZMQ_XPUB}, {ZMQ_XSUB, ZMQ_SUB}}, 0},
    {{{ZMQ_REQ, ZMQ_DEALER}, {ZMQ_REP, ZMQ_ROUTER}}, 0},     {{{ZMQ_REQ, ZMQ_REQ}, {ZMQ_REP, ZMQ_ROUTER}}, 0},
    {{{ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_ROUTER, ZMQ_ROUTER}}, 0}, {{{ZMQ_PUSH, ZMQ_PUSH}, {ZMQ_PULL, ZMQ_PULL}}, 0}};
static const struct family *family;
static void *ctx;
static int closed_any, stopped;
static struct slot *bound[NAMES];
static unsigned char ids[IDS][5];
static int id_count;

/* ---- numbers from the seed ---- */

static uint64_t state;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int below(int n)
{
    state += 0x9e3779b97f4a7c15u;
    return (int)(mix(state) % (uint64_t)n);
}

static void seed_step(uint64_t seed, int step)
{
    state = mix(seed * 0x9e3779b97f4a7c15u + (uint64_t)step * 0xd1342543de82ef95u + 1);
}

/* ---- text ---- */

static char call[400], result[4000];

static void add(char *to, size_t size, const char *format, ...)
{
    size_t used = strlen(to);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(to + used, size - used, format, arguments);
    va_end(arguments);
}
#define CALL(...) add(call, sizeof call, __VA_ARGS__)
#define RESULT(...) add(result, sizeof result, __VA_ARGS__)

static void error(void)
{
    static const struct { int number; const char *name; } names[] = {
        {EAGAIN, "EAGAIN"}, {EINVAL, "EINVAL"}, {ENOTSUP, "ENOTSUP"}, {EFSM, "EFSM"}, {ETERM, "ETERM"},
        {EFAULT, "EFAULT"}, {ENOTSOCK, "ENOTSOCK"}, {EHOSTUNREACH, "EHOSTUNREACH"}, {EADDRINUSE, "EADDRINUSE"},
        {ENOENT, "ENOENT"}, {EPROTONOSUPPORT, "EPROTONOSUPPORT"}, {ENOCOMPATPROTO, "ENOCOMPATPROTO"},
        {ECONNREFUSED, "ECONNREFUSED"}, {EINTR, "EINTR"}, {EMFILE, "EMFILE"}, {ENODEV, "ENODEV"},
        {ENAMETOOLONG, "ENAMETOOLONG"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == errno) {
            RESULT("%s", names[i].name);
            return;
        }
    RESULT("errno %d", errno);
}

static int outcome(int rc)
{
    if (rc < 0)
        error();
    else
        RESULT("%d", rc);
    return rc;
}

/* Generated routing ids get the numbers of their first appearance; request ids (4 bytes, which no other frame here
 * has) are random and get none. */
static void show_frame(const unsigned char *data, size_t size)
{
    if (size == 4) {
        RESULT("(4)");
        return;
    }
    if (size == 5 && data[0] == 0) {
        int i = 0;
        while (i < id_count && memcmp(ids[i], data, 5) != 0)
            i++;
        if (i == id_count && id_count < IDS)
            memcpy(ids[id_count++], data, 5);
        RESULT("id%d", i);
        return;
    }
    RESULT("'");
    for (size_t i = 0; i < size && i < 12; i++)
        if (data[i] < 32 || data[i] > 126)
            RESULT("\\%d", data[i]);
        else
            RESULT("%c", data[i]);
    RESULT(size > 12 ? "..%zu'" : "'", size);
}

/* ---- settling ---- */

static int events_of(struct slot *slot)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(slot->socket, ZMQ_EVENTS, &events, &size))
        return -1;
    /* POLLIN of a REP is only a promise on ours (listed). */
    return slot->type == ZMQ_REP ? events & ~ZMQ_POLLIN : events;
}

/* A closed socket is dealt with in the background, in the order of closing: one that is closed now has been dealt with
 * when its peer has lost it. */
static void await_closing(void)
{
    static void *other;
    static int number;
    char name[40];
    struct slot peer = {0};
    snprintf(name, sizeof name, "inproc://closing-%d", number++);
    if (!other)
        other = zmq_ctx_new();
    void *bound = zmq_socket(ctx, ZMQ_PAIR);
    peer.socket = zmq_socket(ctx, ZMQ_PAIR);
    if (!bound || !peer.socket || zmq_bind(bound, name) || zmq_connect(peer.socket, name)) {
        printf("no closing: %d\n", errno);
        exit(1);
    }
    events_of(&peer);
    zmq_close(bound);
    while (events_of(&peer) & ZMQ_POLLOUT)
        usleep(20);
    zmq_close(peer.socket);
}

static void settle(void)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SOCKETS; i++)
            if (slots[i].socket)
                events_of(&slots[i]);
        if (closed_any && !stopped)
            await_closing();
    }
}

static void show_events(void)
{
    RESULT(" [");
    for (int i = 0; i < SOCKETS; i++) {
        int events = slots[i].socket ? events_of(&slots[i]) : -2;
        RESULT("%c", events == -2 ? '.' : events == -1 ? 'x' : "-io*"[events & 3]);
    }
    RESULT("]");
}

/* ---- the calls ---- */

static void name_slot(struct slot *slot)
{
    CALL(" %s%d", slot->socket ? types[slot->type] : "none", (int)(slot - slots));
}

static const char *endpoint(int *number)
{
    static const char *const names[NAMES] = {"inproc://a", "inproc://b", "inproc://c"};
    static const char *const wrong[] = {"inproc://", "inproc:", "a", "", "INPROC://a", "nothing://a", "://a", "udp://127.0.0.1:1",
                                        "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://:*", "tcp://127.0.0.1:x", "ipc://", "ipc://@",
                                        "tcp://", "tcp://*", " inproc://a", "inproc://a "};
    *number = below(NAMES);
    const char *chosen = below(24) ? names[*number] : wrong[below(sizeof wrong / sizeof wrong[0])];
    return chosen;
}

static const int frame_sizes[] = {0, 1, 2, 3, 33, 34, 300, 9000};

/* A frame that fits what the type does: ids, topics, subscriptions or numbered text. */
static size_t make_frame(struct slot *slot, int step, int first, int more, unsigned char *frame)
{
    static const char *const topics[] = {"", "a", "ab", "abc", "b", "z"};
    int kind = below(10);
    size_t size;
    if (slot->type == ZMQ_ROUTER && first && kind < 9) {
        if (id_count && kind < 7) {
            int i = below(id_count);
            memcpy(frame, ids[i], 5);
            CALL(" id%d", i);
            return 5;
        }
        size = (size_t)sprintf((char *)frame, "peer%d", below(3));
    } else if (slot->type == ZMQ_XSUB && first && !more && kind < 6) {
        frame[0] = (unsigned char)(kind < 4);
        size = 1 + (size_t)sprintf((char *)frame + 1, "%s", topics[below(6)]);
        if (size == 4)
            size = 3;
    } else if ((slot->type == ZMQ_PUB || slot->type == ZMQ_XPUB) && first)
        size = (size_t)sprintf((char *)frame, "%s-%d", topics[below(6)], step);
    else if (kind < 2) {
        size = (size_t)frame_sizes[below(sizeof frame_sizes / sizeof frame_sizes[0])];
        memset(frame, 'A' + step % 26, size);
    } else if (kind < 4)
        size = 0;
    else
        size = (size_t)sprintf((char *)frame, "m%d", step);
    if (size == 4)
        frame[size++] = '!';
    CALL(" '");
    for (size_t i = 0; i < size && i < 12; i++)
        if (frame[i] < 32)
            CALL("\\%d", frame[i]);
        else
            CALL("%c", frame[i]);
    CALL(size > 12 ? "..%zu'" : "'", size);
    return size;
}

static void send_frame(struct slot *slot, int step, int first, int more, int whole)
{
    unsigned char frame[9001];
    /* A PAIR that has lost its peer in the middle of a message goes on with it to the next, in the stock library. */
    if (slot->type == ZMQ_PAIR && !whole)
        more = 0;
    size_t size = make_frame(slot, step, first, more, frame);
    int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    if (more)
        CALL("+");
    if (below(2)) {
        if (outcome(zmq_send(slot->socket, frame, size, flags)) >= 0)
            slot->mid = more;
        return;
    }
    zmq_msg_t message;
    zmq_msg_init_size(&message, size);
    memcpy(zmq_msg_data(&message), frame, size);
    if (outcome(zmq_msg_send(&message, slot->socket, flags)) >= 0)
        slot->mid = more;
    RESULT(" keeps %zu%s", zmq_msg_size(&message), zmq_msg_more(&message) ? "+" : "");
    zmq_msg_close(&message);
}

static void do_send(struct slot *slot, int step)
{
    CALL("send");
    name_slot(slot);
    if (below(4) == 0) {
        /* A single frame, in whatever state the message is. */
        send_frame(slot, step, !slot->mid, below(2), 0);
        return;
    }
    int frames = 1 + (below(2) ? 0 : below(3)) + (slot->type == ZMQ_ROUTER);
    int delimiter = slot->type == ZMQ_DEALER && below(2) && !slot->mid;
    if (delimiter) {
        CALL(" ''+");
        if (outcome(zmq_send(slot->socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE)) >= 0)
            slot->mid = 1;
        RESULT(",");
    }
    for (int i = 0; i < frames; i++) {
        send_frame(slot, step, i == 0 && !slot->mid, i + 1 < frames, 1);
        if (i + 1 < frames)
            RESULT(",");
    }
}

static int receive_frame(struct slot *slot, int short_buffer)
{
    int more = 0;
    size_t size = sizeof more;
    if (short_buffer) {
        unsigned char buffer[3] = {'_', '_', '_'};
        int rc = outcome(zmq_recv(slot->socket, buffer, 2, ZMQ_DONTWAIT));
        if (rc < 0)
            return 0;
        /* What is cut off a random id may not be shown. */
        if (rc != 4 && !(rc == 5 && buffer[0] == 0))
            RESULT(" %c%c", rc > 0 ? (buffer[0] < 32 ? '?' : buffer[0]) : '.', rc > 1 ? (buffer[1] < 32 ? '?' : buffer[1]) : '.');
        RESULT("%c", buffer[2]);
    } else {
        zmq_msg_t message;
        zmq_msg_init(&message);
        int rc = zmq_msg_recv(&message, slot->socket, ZMQ_DONTWAIT);
        if (rc < 0)
            error();
        else {
            show_frame(zmq_msg_data(&message), zmq_msg_size(&message));
            RESULT("%s%s", zmq_msg_more(&message) ? "+" : "", (size_t)rc == zmq_msg_size(&message) ? "" : "!");
        }
        zmq_msg_close(&message);
        if (rc < 0)
            return 0;
    }
    if (zmq_getsockopt(slot->socket, ZMQ_RCVMORE, &more, &size))
        error();
    else if (more)
        RESULT(" more ");
    return more;
}

static void do_receive(struct slot *slot)
{
    int kind = below(4);
    CALL(kind == 0 ? "receive frame" : kind == 1 ? "receive short" : "receive");
    name_slot(slot);
    if (kind < 2)
        receive_frame(slot, kind == 1);
    else
        while (receive_frame(slot, 0))
            ;
}

static void do_drain(struct slot *slot)
{
    CALL("drain");
    name_slot(slot);
    for (int i = 0; i < 40 && slot->socket && (slot->type == ZMQ_REP ? i < 1 : events_of(slot) & ZMQ_POLLIN); i++) {
        RESULT("[");
        while (receive_frame(slot, 0))
            ;
        RESULT("]");
        settle();
    }
}

static void do_open(struct slot *slot)
{
    slot->side = below(2);
    slot->mid = slot->parked = 0;
    slot->type = family->types[slot->side][below(2)];
    CALL("open");
    slot->socket = zmq_socket(ctx, slot->type);
    name_slot(slot);
    RESULT(slot->socket ? "ok" : "");
    if (!slot->socket)
        error();
    /* The marks change only while there are no pipes: what comes of it later is a listed difference. */
    else if (below(2)) {
        int out = 1 + below(3), in = 1 + below(3);
        /* A full pipe loses subscriptions in the stock library. (One without a mark that was full while it was parked
         * stays so; so no other has none.) */
        if (slot->type == ZMQ_SUB || slot->type == ZMQ_XSUB)
            out = 0;
        if (slot->type == ZMQ_PUB || slot->type == ZMQ_XPUB)
            in = 0;
        CALL(" marks %d/%d", out, in);
        zmq_setsockopt(slot->socket, ZMQ_SNDHWM, &out, sizeof out);
        zmq_setsockopt(slot->socket, ZMQ_RCVHWM, &in, sizeof in);
    }
}

/* What comes of a connect that nobody has bound before it ends: its messages wait for a binder. In the stock library
 * its subscriptions do, too, and it takes the one place that a PAIR has, as if it were alive. */
static int dies_parked(const struct slot *slot)
{
    return slot->parked && (slot->type == ZMQ_SUB || slot->type == ZMQ_XSUB || slot->type == ZMQ_PAIR);
}

static void do_close(struct slot *slot)
{
    if (dies_parked(slot)) {
        CALL("nothing");
        return;
    }
    for (int i = 0; i < NAMES; i++)
        if (bound[i] == slot)
            bound[i] = NULL;
    CALL("close");
    name_slot(slot);
    if (slot->socket)
        closed_any = 1;
    outcome(zmq_close(slot->socket));
    slot->socket = NULL;
}

static void do_set(struct slot *slot)
{
    static const struct { const char *name; int option; } ints[] = {
        {"LINGER", ZMQ_LINGER}, {"IMMEDIATE", ZMQ_IMMEDIATE}, {"MANDATORY", ZMQ_ROUTER_MANDATORY},
        {"HANDOVER", ZMQ_ROUTER_HANDOVER}, {"CORRELATE", ZMQ_REQ_CORRELATE},
        {"RELAXED", ZMQ_REQ_RELAXED}, {"VERBOSE", ZMQ_XPUB_VERBOSE}, {"VERBOSER", ZMQ_XPUB_VERBOSER},
        {"NODROP", ZMQ_XPUB_NODROP}, {"MANUAL", ZMQ_XPUB_MANUAL}, {"INVERT", ZMQ_INVERT_MATCHING},
        {"SNDTIMEO", ZMQ_SNDTIMEO}, {"RCVTIMEO", ZMQ_RCVTIMEO}, {"TYPE", ZMQ_TYPE}, {"IPV6", ZMQ_IPV6},
        {"BACKLOG", ZMQ_BACKLOG}, {"RECONNECT_IVL", ZMQ_RECONNECT_IVL}, {"NOTIFY", ZMQ_STREAM_NOTIFY}, {"none", 3000}};
    static const int values[] = {-2, -1, 0, 0, 1, 1, 1, 2};
    int at = below(sizeof ints / sizeof ints[0]), value = values[below(8)];
    size_t size = below(12) ? 4 : (size_t)below(9);
    long long room[2] = {value, 0};
    CALL("set");
    name_slot(slot);
    CALL(" %s %d", ints[at].name, value);
    if (size != 4)
        CALL(" in %zu bytes", size);
    outcome(zmq_setsockopt(slot->socket, ints[at].option, room, size));
}

static void do_set_bytes(struct slot *slot)
{
    static const struct { const char *name; int option; } bytes[] = {
        {"SUBSCRIBE", ZMQ_SUBSCRIBE}, {"SUBSCRIBE", ZMQ_SUBSCRIBE}, {"SUBSCRIBE", ZMQ_SUBSCRIBE}, {"UNSUBSCRIBE", ZMQ_UNSUBSCRIBE},
        {"ROUTING_ID", ZMQ_ROUTING_ID}, {"CONNECT_ROUTING_ID", ZMQ_CONNECT_ROUTING_ID}, {"WELCOME", ZMQ_XPUB_WELCOME_MSG}};
    static const char *const topics[] = {"", "a", "ab", "abc", "b", "z"};
    int at = slot->type == ZMQ_SUB ? below(4) : below(7);
    char value[300];
    if (at == 5 && below(2))
        at = 4;
    if (at < 4 || at == 6)
        snprintf(value, sizeof value, "%s", topics[below(6)]);
    else
        snprintf(value, sizeof value, "peer%d", below(3));
    size_t size = strlen(value);
    if (below(30) == 0)
        memset(value, 'x', sizeof value), size = (size_t)(254 + below(4));
    CALL("set");
    name_slot(slot);
    CALL(" %s %.6s %zu", bytes[at].name, value, size);
    outcome(zmq_setsockopt(slot->socket, bytes[at].option, value, size));
}

static void do_get(struct slot *slot)
{
    /* All but descriptors, and what is listed for single options. */
    int option = below(3) ? 4 + below(30) : below(95);
    unsigned char value[300];
    size_t size = below(3) ? sizeof value : (size_t)below(10);
    if (option == ZMQ_FD || option == ZMQ_EVENTS)
        option = ZMQ_TYPE;
    /* Those of GSSAPI, which is a feature: a library without it has none of them. */
    if ((option >= ZMQ_GSSAPI_SERVER && option <= ZMQ_GSSAPI_PLAINTEXT)
        || (option >= ZMQ_GSSAPI_PRINCIPAL_NAMETYPE && option <= ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE))
        option = ZMQ_TYPE;
    memset(value, 0, sizeof value);
    CALL("get");
    name_slot(slot);
    CALL(" %d in %zu", option, size);
    if (outcome(zmq_getsockopt(slot->socket, option, value, &size)) == 0) {
        RESULT(" %zu:", size);
        for (size_t i = 0; i < size && i < 12; i++)
            RESULT("%02x", value[i]);
    }
}

static void do_poll(void)
{
    zmq_pollitem_t items[8];
    int count = below(7);
    CALL("poll");
    for (int i = 0; i < count; i++) {
        struct slot *slot = &slots[below(SOCKETS)];
        items[i] = (zmq_pollitem_t){slot->socket, -1, (short)below(16), 77};
        if (slot->type == ZMQ_REP)
            items[i].events &= ~ZMQ_POLLIN;
        CALL(" %d/%d", (int)(slot - slots), items[i].events);
    }
    outcome(zmq_poll(items, count, 0));
    RESULT(":");
    for (int i = 0; i < count; i++)
        RESULT(" %d", items[i].revents);
}

static void do_wrong(struct slot *slot)
{
    zmq_msg_t message;
    int which = below(10), value = 1;
    size_t size = sizeof value;
    CALL("wrong %d", which);
    name_slot(slot);
    switch (which) {
    case 0: outcome(zmq_send(NULL, "x", 1, ZMQ_DONTWAIT)); break;
    case 1: outcome(zmq_recv(NULL, &value, 1, ZMQ_DONTWAIT)); break;
    case 2: outcome(zmq_bind(NULL, "inproc://a")); break;
    case 3: outcome(zmq_unbind(slot->socket, NULL)); break;
    case 4: outcome(zmq_disconnect(slot->socket, NULL)); break;
    case 5: outcome(zmq_poll(NULL, 2, 0)); break;
    case 6: outcome(zmq_poll(NULL, -1, 0)); break;
    case 7: outcome(zmq_getsockopt(NULL, ZMQ_TYPE, &value, &size)); break;
    case 8:
        zmq_msg_init(&message);
        zmq_msg_close(&message);
        outcome(zmq_msg_recv(&message, slot->socket, ZMQ_DONTWAIT));
        break;
    case 9: outcome(zmq_send(slot->socket, NULL, 0, ZMQ_DONTWAIT)); break;
    }
}

static void do_step(int step)
{
    int kind = below(100);
    struct slot *slot = &slots[below(SOCKETS)];
    if (!slot->socket) {
        if (kind < 90) {
            do_open(slot);
            return;
        }
    }
    if (kind < 12) {
        int number, bind = below(2);
        const char *where = endpoint(&number);
        if (!family->any)
            bind = slot->side == (number & 1);
        CALL(bind ? "bind" : "connect");
        name_slot(slot);
        CALL(" '%s'", where);
        int done = outcome(bind ? zmq_bind(slot->socket, where) : zmq_connect(slot->socket, where));
        if (done == 0 && bind) {
            bound[number] = slot;
            for (int i = 0; i < SOCKETS; i++)
                slots[i].parked &= ~(1 << number);
        } else if (done == 0 && !bound[number])
            slot->parked |= 1 << number;
    } else if (kind < 16) {
        int number, unbind = below(2);
        const char *where = endpoint(&number);
        /* A frame that a look at the events has taken out of its pipe outlives the pipe in the stock library. */
        if (slot->mid || dies_parked(slot)) {
            CALL("nothing");
            return;
        }
        for (int i = 0; i < SOCKETS; i++)
            if (slots[i].socket && (&slots[i] == slot || slot->type == ZMQ_PUB || slot->type == ZMQ_XPUB))
                do_drain(&slots[i]);
        CALL(unbind ? ", unbind" : ", disconnect");
        name_slot(slot);
        CALL(" '%s'", where);
        RESULT(",");
        if (outcome(unbind ? zmq_unbind(slot->socket, where) : zmq_disconnect(slot->socket, where)) == 0) {
            if (bound[number] == slot)
                bound[number] = NULL;
            slot->parked &= ~(1 << number);
        }
    } else if (kind < 18)
        do_close(slot);
    else if (kind < 24 && !slot->mid)
        do_set(slot);
    else if (kind < 32)
        do_set_bytes(slot);
    else if (kind < 35)
        do_get(slot);
    else if (kind < 37)
        do_poll();
    else if (kind < 65)
        do_send(slot, step);
    else if (kind < 88)
        do_receive(slot);
    else if (kind < 97)
        do_drain(slot);
    else if (kind < 99)
        do_wrong(slot);
    else if (below(6) == 0) {
        CALL("shutdown");
        stopped = 1;
        outcome(zmq_ctx_shutdown(ctx));
    } else
        do_poll();
}

static int skipped(const char *list, int step)
{
    while (list && *list) {
        char *end;
        long first = strtol(list, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (step >= first && step <= last)
            return 1;
        list = *end == ',' ? end + 1 : end;
    }
    return 0;
}

static void sequence(long seed, int steps, const char *left_out)
{
    ctx = zmq_ctx_new();
    family = &families[(unsigned long)seed % (sizeof families / sizeof families[0])];
    for (int step = 0; step < steps; step++) {
        if (skipped(left_out, step))
            continue;
        call[0] = result[0] = 0;
        seed_step((uint64_t)seed, step);
        do_step(step);
        settle();
        show_events();
        printf("%ld.%d: %s = %s\n", seed, step, call, result);
        fflush(stdout);
    }
    for (int i = 0; i < SOCKETS; i++)
        if (slots[i].socket)
            zmq_close(slots[i].socket);
    printf("%ld.term: %d\n", seed, zmq_ctx_term(ctx));
}

int main(int argc, char **argv)
{
    long seed = argc > 1 ? atol(argv[1]) : 1, count = argc > 2 ? atol(argv[2]) : 1;
    int steps = argc > 3 ? atoi(argv[3]) : 80;
    for (; count > 0; seed++, count--) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            sequence(seed, steps, argc > 4 ? argv[4] : NULL);
            fflush(stdout);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status))
            printf("%ld.end: signal %d\n", seed, WTERMSIG(status));
    }
    return 0;
}
