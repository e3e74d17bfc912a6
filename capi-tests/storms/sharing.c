/* Sockets that many threads use at once: senders, receivers and pollers of every kind and a thread that meddles, on both
 * ends of a connection, and somebody who closes, shuts down or terminates meanwhile. What a socket accepted arrives
 * once, whole and unchanged, and every blocked call ends with the right errno. A message of several frames has the
 * caller's own lock around it. (with: letters) */
#include "letters.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

/* How a letter travels. */
enum form {
    SINGLE, /* one frame */
    PARTS,  /* three frames, the letter in each */
    ROUTED, /* behind a routing id */
};

struct kind {
    int from, to;
    enum form form;
    int both; /* letters go back, too */
};

static const struct kind push_pull = {ZMQ_PUSH, ZMQ_PULL, SINGLE, 0};
static const struct kind push_pull_parts = {ZMQ_PUSH, ZMQ_PULL, PARTS, 0};
static const struct kind pair = {ZMQ_PAIR, ZMQ_PAIR, SINGLE, 1};
static const struct kind pair_parts = {ZMQ_PAIR, ZMQ_PAIR, PARTS, 1};
static const struct kind dealers = {ZMQ_DEALER, ZMQ_DEALER, SINGLE, 1};
static const struct kind dealer_router = {ZMQ_DEALER, ZMQ_ROUTER, ROUTED, 1};
static const struct kind routers = {ZMQ_ROUTER, ZMQ_ROUTER, ROUTED, 1};
static const struct kind pub_sub = {ZMQ_PUB, ZMQ_SUB, SINGLE, 0};
static const struct kind pub_sub_parts = {ZMQ_PUB, ZMQ_SUB, PARTS, 0};
static const struct kind xpub_xsub = {ZMQ_XPUB, ZMQ_XSUB, SINGLE, 1};
static const struct kind streams = {ZMQ_STREAM, ZMQ_STREAM, ROUTED, 1};

enum ending { FLOW, CLOSE_SENDER, CLOSE_RECEIVER, SHUTDOWN, TERMINATE };

enum { SENDERS = 3, RECEIVERS = 4, FLOW_LETTERS = 500, ENOUGH = 300, SHORT = 20 };

/* One of the two sockets and what its threads share. */
struct end {
    void *socket;
    int type;
    enum form form;
    int first_slot;
    pthread_mutex_t lock; /* around a message of several frames */
    char peer[8];         /* the routing id that a letter goes to */
    size_t peer_size;
    char rest[LARGEST]; /* of a stream, up to the next whole letter */
    size_t rest_size;
};

struct storm {
    struct end from, to;
    enum ending ending;
    atomic_int stop_sending, stop_receiving, stop_meddling;
    atomic_int made, freed; /* bodies with a free function */
    atomic_int wrong;       /* errors that no call may give */
    char complaint[200];
};

struct job {
    struct storm *storm;
    struct end *end;
    int number;
    int ended_with;
    pthread_t thread;
};

static void complain(struct storm *storm, const char *what, int error)
{
    if (atomic_fetch_add(&storm->wrong, 1) == 0)
        snprintf(storm->complaint, sizeof storm->complaint, "%s: %s", what, error_name(error));
}

static int is_multipart(const struct end *end)
{
    return end->form == PARTS || end->type == ZMQ_ROUTER || end->type == ZMQ_STREAM;
}

/* ---- sending ---- */

static void body_freed(void *data, void *storm)
{
    free(data);
    atomic_fetch_add(&((struct storm *) storm)->freed, 1);
}

/* One frame, in one of the ways there are; 0, or errno. */
static int send_frame(struct storm *storm, struct end *end, const char *data, size_t size, int way, int flags)
{
    int result;
    if (way == 2) {
        char *body = malloc(size);
        memcpy(body, data, size);
        zmq_msg_t message;
        zmq_msg_init_data(&message, body, size, body_freed, storm);
        atomic_fetch_add(&storm->made, 1);
        result = zmq_msg_send(&message, end->socket, flags);
        int error = errno;
        if (result == -1)
            zmq_msg_close(&message);
        errno = error;
    } else
        result = zmq_send(end->socket, data, size, flags);
    return result == -1 ? zmq_errno() : 0;
}

/* One letter, whole or not at all; 0, or errno. */
static int send_letter(struct storm *storm, struct end *end, const char *data, size_t size, int way)
{
    int flags = way == 1 ? ZMQ_DONTWAIT : 0, error = 0;
    if (!is_multipart(end))
        return send_frame(storm, end, data, size, way, flags);
    pthread_mutex_lock(&end->lock);
    int parts = end->form == PARTS ? 3 : 2;
    for (int part = 0; part < parts && !error; part++) {
        int more = part < parts - 1 ? ZMQ_SNDMORE : 0;
        if (end->form == ROUTED && part == 0)
            error = send_frame(storm, end, end->peer, end->peer_size, 0, flags | more);
        else
            error = send_frame(storm, end, data, size, way, flags | more);
        /* A message that was begun goes on unless the socket has ended. */
        if (error == EAGAIN && part > 0 && storm->ending != CLOSE_RECEIVER)
            complain(storm, "a frame in the middle", error);
    }
    pthread_mutex_unlock(&end->lock);
    return error;
}

static void *sender(void *argument)
{
    struct job *job = argument;
    struct storm *storm = job->storm;
    struct end *end = job->end;
    char *buffer = malloc(LARGEST);
    struct letter letter = {(unsigned) (end->first_slot + job->number), 0};
    unsigned last = storm->ending == FLOW ? FLOW_LETTERS : NUMBERS;
    while (letter.number < last && !atomic_load(&storm->stop_sending)) {
        size_t size = letter_write(buffer, letter);
        int error = send_letter(storm, end, buffer, size, job->number % 3);
        if (error == 0) {
            letter_accepted(letter);
            letter.number++;
        } else if (error == EHOSTUNREACH && storm->ending == CLOSE_RECEIVER)
            sched_yield();
        else if (error == EAGAIN) {
            zmq_pollitem_t item = {end->socket, 0, ZMQ_POLLOUT, 0};
            if (job->number % 3 == 1 && zmq_poll(&item, 1, SHORT) == -1 && zmq_errno() != EAGAIN)
                job->ended_with = zmq_errno();
        } else
            job->ended_with = error;
        if (job->ended_with)
            break;
    }
    /* Out of letters before the end came: that still has to show. */
    while (storm->ending != FLOW && !job->ended_with && !atomic_load(&storm->stop_sending)) {
        zmq_pollitem_t item = {end->socket, 0, 0, 0};
        if (zmq_poll(&item, 1, SHORT) == -1)
            job->ended_with = zmq_errno();
    }
    free(buffer);
    return NULL;
}

/* ---- receiving ---- */

/* Takes the whole letters out of the bytes of a stream that came so far. */
static void take_letters(struct storm *storm, struct end *end)
{
    struct letter which;
    size_t at = 0;
    while (end->rest_size - at >= 12) {
        char *expected = malloc(LARGEST);
        memcpy(&which.slot, end->rest + at + 4, sizeof which.slot);
        memcpy(&which.number, end->rest + at + 8, sizeof which.number);
        size_t size = which.slot < SLOTS && which.number < NUMBERS ? letter_write(expected, which) : 0;
        free(expected);
        if (size == 0) {
            complain(storm, "bytes of no letter", 0);
            at = end->rest_size;
        } else if (end->rest_size - at < size)
            break;
        else {
            letter_arrived(end->rest + at, size, &which);
            at += size;
        }
    }
    memmove(end->rest, end->rest + at, end->rest_size - at);
    end->rest_size -= at;
}

static void take_bytes(struct storm *storm, struct end *end, const char *data, size_t size)
{
    while (size > 0) {
        size_t room = sizeof end->rest - end->rest_size, part = size < room ? size : room;
        memcpy(end->rest + end->rest_size, data, part);
        end->rest_size += part;
        data += part;
        size -= part;
        take_letters(storm, end);
    }
}

/* One frame into `message`; 0, or errno. */
static int receive_frame(struct end *end, zmq_msg_t *message, int flags)
{
    return zmq_msg_recv(message, end->socket, flags) == -1 ? zmq_errno() : 0;
}

/* A whole message, for which the caller has the lock of a socket with several frames; 0, or errno. */
static int receive_letter(struct storm *storm, struct end *end, int flags)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    struct letter which = {0, 0}, first = {0, 0};
    int parts = 0, error;
    do {
        error = receive_frame(end, &message, flags);
        if (error) {
            if (parts > 0 && error == EAGAIN)
                complain(storm, "the rest of a message", error);
            break;
        }
        if (is_multipart(end) && end->form == ROUTED && parts == 0) {
            /* The routing id. */
        } else if (end->type == ZMQ_STREAM)
            take_bytes(storm, end, zmq_msg_data(&message), zmq_msg_size(&message));
        else if (end->form == PARTS && parts > 0) {
            /* The same letter again; it counts once. */
            char *expected = malloc(LARGEST);
            size_t size = letter_write(expected, first);
            if (size != zmq_msg_size(&message) || memcmp(expected, zmq_msg_data(&message), size) != 0)
                complain(storm, "frames of two messages", 0);
            free(expected);
        } else if (letter_arrived(zmq_msg_data(&message), zmq_msg_size(&message), &which))
            first = which;
        parts++;
    } while (zmq_msg_more(&message));
    zmq_msg_close(&message);
    if (!error && parts != (end->form == PARTS ? 3 : is_multipart(end) ? 2 : 1))
        complain(storm, text("%d frames", parts), 0);
    return error;
}

/* Waits for input, in one of the ways there are; 0, or errno. */
static int wait_for_input(struct end *end, void *poller, int way)
{
    zmq_pollitem_t item = {end->socket, 0, ZMQ_POLLIN, 0};
    zmq_poller_event_t event;
    if (way == 1)
        return zmq_poll(&item, 1, SHORT) == -1 ? zmq_errno() : 0;
    if (way == 2)
        return zmq_poller_wait(poller, &event, SHORT) == -1 ? zmq_errno() : 0;
    if (way == 3) {
        int now;
        size_t size = sizeof now;
        if (zmq_getsockopt(end->socket, ZMQ_EVENTS, &now, &size) == -1)
            return zmq_errno();
        int fd;
        size = sizeof fd;
        if (zmq_getsockopt(end->socket, ZMQ_FD, &fd, &size) == -1)
            return zmq_errno();
        struct pollfd readable = {fd, POLLIN, 0};
        if (!(now & ZMQ_POLLIN))
            poll(&readable, 1, SHORT);
    }
    return 0;
}

static void *receiver(void *argument)
{
    struct job *job = argument;
    struct storm *storm = job->storm;
    struct end *end = job->end;
    int way = job->number % 4;
    void *poller = zmq_poller_new();
    if (way == 2 && zmq_poller_add(poller, end->socket, NULL, ZMQ_POLLIN) == -1)
        job->ended_with = zmq_errno();
    while (!atomic_load(&storm->stop_receiving) && !job->ended_with) {
        int error = wait_for_input(end, poller, way);
        if (!error || error == EAGAIN) {
            if (is_multipart(end))
                pthread_mutex_lock(&end->lock);
            error = receive_letter(storm, end, way == 0 ? 0 : ZMQ_DONTWAIT);
            if (is_multipart(end))
                pthread_mutex_unlock(&end->lock);
        }
        if (error != EAGAIN)
            job->ended_with = error;
    }
    zmq_poller_destroy(&poller);
    return NULL;
}

/* ---- meddling ---- */

/* Options, connections that never come to be, monitors. */
static void *meddler(void *argument)
{
    struct job *job = argument;
    struct storm *storm = job->storm;
    void *socket = job->end->socket;
    char nowhere[40];
    snprintf(nowhere, sizeof nowhere, "%s", vacant(TCP));
    int lossless = job->end->type != ZMQ_PUB && job->end->type != ZMQ_XPUB && job->end->type != ZMQ_ROUTER &&
                   job->end->type != ZMQ_XSUB && job->end->type != ZMQ_STREAM;
    for (unsigned turn = 0; !atomic_load(&storm->stop_meddling) && !job->ended_with; turn++) {
        char endpoint[200];
        size_t size = sizeof endpoint;
        int mark = 1 + (int) (turn * 37 % 90), result = 0;
        switch (turn % 7) {
        case 0: result = zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size); break;
        case 1: size = sizeof result, result = zmq_getsockopt(socket, ZMQ_EVENTS, &mark, &size); break;
        case 2: result = lossless ? zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark) : 0; break;
        case 3: result = lossless ? zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark) : 0; break;
        case 4: result = job->end->type == ZMQ_STREAM ? 0 : zmq_connect(socket, nowhere); break;
        case 5: result = job->end->type == ZMQ_STREAM ? 0 : zmq_disconnect(socket, nowhere); break;
        default: result = zmq_socket_monitor(socket, turn % 2 ? NULL : text("inproc://meddler-%p", (void *) job), ZMQ_EVENT_ALL);
        }
        if (result == -1)
            job->ended_with = zmq_errno();
        sched_yield();
    }
    return NULL;
}

/* ---- a storm ---- */

static void make_end(struct end *end, void *ctx, int type, enum form form, int first_slot, int linger)
{
    memset(end, 0, sizeof *end);
    end->socket = plain_sock(ctx, type);
    end->type = type;
    end->form = form;
    end->first_slot = first_slot;
    pthread_mutex_init(&end->lock, NULL);
    int fan_out = type == ZMQ_PUB || type == ZMQ_SUB || type == ZMQ_XPUB || type == ZMQ_XSUB || type == ZMQ_ROUTER ||
                  type == ZMQ_STREAM;
    set_int(end->socket, ZMQ_LINGER, linger);
    set_int(end->socket, ZMQ_SNDHWM, fan_out ? 0 : 20);
    set_int(end->socket, ZMQ_RCVHWM, fan_out ? 0 : 20);
    set_int(end->socket, ZMQ_SNDTIMEO, SHORT);
    set_int(end->socket, ZMQ_RCVTIMEO, SHORT);
    if (type == ZMQ_ROUTER)
        set_int(end->socket, ZMQ_ROUTER_MANDATORY, 1);
    if (type == ZMQ_STREAM)
        set_int(end->socket, ZMQ_STREAM_NOTIFY, 1);
}

/* What the first messages between two ends say: who the other one is, and that subscriptions are in force. */
static int introduce(struct end *from, struct end *to)
{
    char buffer[16];
    if (from->type == ZMQ_STREAM) {
        struct end *ends[2] = {from, to};
        for (int i = 0; i < 2; i++) {
            set_int(ends[i]->socket, ZMQ_RCVTIMEO, PATIENCE);
            int size = zmq_recv(ends[i]->socket, ends[i]->peer, sizeof ends[i]->peer, 0);
            if (size < 1 || zmq_recv(ends[i]->socket, buffer, sizeof buffer, 0) != 0)
                return 0;
            ends[i]->peer_size = (size_t) size;
            set_int(ends[i]->socket, ZMQ_RCVTIMEO, SHORT);
        }
        return 1;
    }
    /* With MANDATORY, a ROUTER can send once it knows somebody. */
    if (from->type == ZMQ_ROUTER && strcmp(await(from->socket, ZMQ_POLLOUT), "yes") != 0)
        return 0;
    if (to->type == ZMQ_ROUTER && strcmp(await(to->socket, ZMQ_POLLOUT), "yes") != 0)
        return 0;
    if (from->type == ZMQ_PUB)
        sync_subscriptions(from->socket, to->socket);
    if (from->type == ZMQ_XPUB) {
        tx(to->socket, "\1");
        return strcmp(rx(from->socket), "[\\x01]") == 0;
    }
    return 1;
}

static int join_ends(struct storm *storm, enum transport transport)
{
    struct end *from = &storm->from, *to = &storm->to;
    if (from->form == ROUTED && from->type != ZMQ_STREAM) {
        set_bytes(from->socket, ZMQ_ROUTING_ID, "from", 4);
        set_bytes(to->socket, ZMQ_ROUTING_ID, "to", 2);
        memcpy(from->peer, "to", 2), from->peer_size = 2;
        memcpy(to->peer, "from", 4), to->peer_size = 4;
    }
    if (to->type == ZMQ_SUB)
        subscribe(to->socket, "");
    if (to->type == ZMQ_SUB || to->type == ZMQ_XSUB) {
        set_int(from->socket, ZMQ_RCVTIMEO, PATIENCE);
        set_int(to->socket, ZMQ_RCVTIMEO, PATIENCE);
    }
    if (from->type == ZMQ_STREAM)
        connect_to(from->socket, bind_any(to->socket, transport));
    else
        attach(to->socket, from->socket, transport);
    int known = introduce(from, to);
    set_int(from->socket, ZMQ_RCVTIMEO, SHORT);
    set_int(to->socket, ZMQ_RCVTIMEO, SHORT);
    /* What is connected from here on never gets a pipe. */
    if (from->type != ZMQ_STREAM) {
        set_int(from->socket, ZMQ_IMMEDIATE, 1);
        set_int(to->socket, ZMQ_IMMEDIATE, 1);
    }
    return known;
}

static void *terminator(void *ctx)
{
    return (void *) (long) zmq_ctx_term(ctx);
}

/* Waits until `count()` reaches what it must, within PATIENCE from the last progress. */
static void await_letters(int (*count)(void), int wanted)
{
    int last = -1;
    for (long since = now_ms(); count() < wanted && now_ms() - since < 2 * PATIENCE;) {
        if (count() != last) {
            last = count();
            since = now_ms();
        }
        poll(NULL, 0, 1);
    }
}

/* Starts `number` threads; the place behind the last job. */
static struct job *start(struct job *job, struct storm *storm, struct end *end, void *(*function)(void *), int number)
{
    for (int i = 0; i < number; i++, job++) {
        *job = (struct job){storm, end, i, 0, 0};
        pthread_create(&job->thread, NULL, function, job);
    }
    return job;
}

/* Joins, and says with what they ended. */
static void finish(struct job *from, struct job *to, int wanted, const char *key)
{
    for (struct job *job = from; job < to; job++) {
        pthread_join(job->thread, NULL);
        if (job->ended_with != wanted)
            complain(job->storm, text("%s, a thread ended with another error than %s", key, error_name(wanted)),
                     job->ended_with);
    }
}

static void storm_once(const struct kind *kind, enum transport transport, enum ending ending)
{
    static const char *const endings[] = {"flow", "sender closed", "receiver closed", "shutdown", "terminated"};
    const char *key = text("%s %s", transport_names[transport], endings[ending]);
    static struct storm storm;
    memset(&storm, 0, sizeof storm);
    storm.ending = ending;
    letters_begin();
    void *ctx = context();
    /* What was not received when the receiver went is not waited for. */
    int linger = ending == FLOW || ending == CLOSE_SENDER ? -1 : 0;
    make_end(&storm.from, ctx, kind->from, kind->form, 0, linger);
    make_end(&storm.to, ctx, kind->to, kind->form, SENDERS, linger);
    expect_true(text("%s begins", key), join_ends(&storm, transport));

    struct job jobs[4 * SENDERS + 4 * RECEIVERS], *job = jobs;
    struct job *const senders = job;
    job = start(job, &storm, &storm.from, sender, SENDERS);
    /* Letters that go back have no place to arrive at once their receiver is closed: not then. */
    int both = kind->both && (ending == FLOW || ending == SHUTDOWN || ending == TERMINATE);
    if (both)
        job = start(job, &storm, &storm.to, sender, SENDERS);
    struct job *const receivers = job;
    job = start(job, &storm, &storm.to, receiver, RECEIVERS);
    struct job *const back_receivers = job;
    if (both)
        job = start(job, &storm, &storm.from, receiver, RECEIVERS);
    struct job *const meddlers = job;
    job = start(job, &storm, &storm.from, meddler, 1);
    struct job *const far_meddler = job;
    job = start(job, &storm, &storm.to, meddler, 1);

    pthread_t terminating = 0;
    if (ending != FLOW) {
        await_letters(letters_accepted, ENOUGH);
        switch (ending) {
        case CLOSE_SENDER: expect(text("%s close", key), shut(storm.from.socket), "0"); break;
        case CLOSE_RECEIVER: expect(text("%s close", key), shut(storm.to.socket), "0"); break;
        case SHUTDOWN: expect(text("%s shutdown", key), rc(zmq_ctx_shutdown(ctx)), "0"); break;
        default: pthread_create(&terminating, NULL, terminator, ctx); break;
        }
    }
    int stopped = ending == SHUTDOWN || ending == TERMINATE ? ETERM : 0;
    if (ending == CLOSE_RECEIVER) {
        finish(receivers, back_receivers, ENOTSOCK, key);
        finish(far_meddler, job, ENOTSOCK, key);
        atomic_store(&storm.stop_sending, 1);
        atomic_store(&storm.stop_meddling, 1);
        finish(senders, receivers, 0, key);
        finish(meddlers, far_meddler, 0, key);
    } else if (ending == CLOSE_SENDER) {
        finish(senders, receivers, ENOTSOCK, key);
        finish(meddlers, far_meddler, ENOTSOCK, key);
        await_letters(letters_arrived, letters_accepted());
        atomic_store(&storm.stop_receiving, 1);
        atomic_store(&storm.stop_meddling, 1);
        finish(receivers, meddlers, 0, key);
        finish(far_meddler, job, 0, key);
    } else {
        finish(senders, receivers, stopped, key);
        if (ending == FLOW)
            await_letters(letters_arrived, letters_accepted());
        if (ending == FLOW) {
            atomic_store(&storm.stop_receiving, 1);
            atomic_store(&storm.stop_meddling, 1);
        }
        finish(receivers, job, stopped, key);
    }
    expect(text("%s calls", key), atomic_load(&storm.wrong) ? storm.complaint : "right", "right");
    letters_check(key, ending != FLOW && ending != CLOSE_SENDER);

    expect(text("%s sender is closed", key), shut(storm.from.socket), ending == CLOSE_SENDER ? "ENOTSOCK" : "0");
    expect(text("%s receiver is closed", key), shut(storm.to.socket), ending == CLOSE_RECEIVER ? "ENOTSOCK" : "0");
    void *result = NULL;
    if (ending == TERMINATE) {
        pthread_join(terminating, &result);
        expect(text("%s term", key), rc((int) (long) result), "0");
    }
    expect(text("%s context is gone", key), term(ctx), ending == TERMINATE ? "EFAULT" : "0");
    expect(text("%s bodies freed", key), text("%d", atomic_load(&storm.freed)), text("%d", atomic_load(&storm.made)));
    pthread_mutex_destroy(&storm.from.lock);
    pthread_mutex_destroy(&storm.to.lock);
}

/* All ways to end, over all transports. A letter that goes through a socket whose peer may be gone is no letter. */
static void storm(const struct kind *kind)
{
    for (int t = kind->from == ZMQ_STREAM ? TCP : INPROC; t <= IPC; t++) {
        for (int ending = FLOW; ending <= TERMINATE; ending++)
            storm_once(kind, t, ending);
    }
}

#define STORM(kind) \
    static void kind##_storm(void) \
    { \
        storm(&kind); \
    }

STORM(push_pull)
STORM(push_pull_parts)
STORM(pair)
STORM(pair_parts)
STORM(dealers)
STORM(dealer_router)
STORM(routers)
STORM(pub_sub)
STORM(pub_sub_parts)
STORM(xpub_xsub)
STORM(streams)

/* ---- REQ and REP ---- */

/* Asks whenever the socket is in the state for it. */
static void *asker(void *argument)
{
    struct job *job = argument;
    char *buffer = malloc(LARGEST);
    for (struct letter letter = {(unsigned) job->number, 0}; letter.number < FLOW_LETTERS / 2;) {
        size_t size = letter_write(buffer, letter);
        int error = send_frame(job->storm, job->end, buffer, size, job->number % 3, 0);
        if (error == 0) {
            letter_accepted(letter);
            letter.number++;
        } else if (error == EFSM || error == EAGAIN)
            sched_yield();
        else {
            job->ended_with = error;
            break;
        }
    }
    free(buffer);
    return NULL;
}

/* Takes replies whenever the socket is in the state for it. */
static void *listener(void *argument)
{
    struct job *job = argument;
    while (!atomic_load(&job->storm->stop_receiving)) {
        int error = receive_letter(job->storm, job->end, job->number % 2 ? ZMQ_DONTWAIT : 0);
        if (error == EFSM || error == EAGAIN)
            sched_yield();
        else if (error) {
            job->ended_with = error;
            break;
        }
    }
    return NULL;
}

/* Answers with what it got. Nobody else can answer until it has. */
static void *answerer(void *argument)
{
    struct job *job = argument;
    char *buffer = malloc(LARGEST);
    while (!atomic_load(&job->storm->stop_receiving) && !job->ended_with) {
        int size = zmq_recv(job->end->socket, buffer, LARGEST, job->number % 2 ? ZMQ_DONTWAIT : 0);
        if (size == -1 && (zmq_errno() == EFSM || zmq_errno() == EAGAIN))
            sched_yield();
        else if (size == -1 || zmq_send(job->end->socket, buffer, (size_t) size, 0) == -1)
            job->ended_with = zmq_errno();
    }
    free(buffer);
    return NULL;
}

static void req_rep_storm(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        static struct storm storm;
        const char *key = transport_names[t];
        memset(&storm, 0, sizeof storm);
        letters_begin();
        void *ctx = context();
        make_end(&storm.from, ctx, ZMQ_REQ, SINGLE, 0, -1);
        make_end(&storm.to, ctx, ZMQ_REP, SINGLE, SENDERS, -1);
        expect_true(text("%s begins", key), join_ends(&storm, t));
        struct job jobs[32], *job = start(jobs, &storm, &storm.from, asker, SENDERS);
        struct job *const others = job;
        job = start(job, &storm, &storm.from, listener, 2);
        job = start(job, &storm, &storm.to, answerer, 3);
        finish(jobs, others, 0, key);
        await_letters(letters_arrived, letters_accepted());
        atomic_store(&storm.stop_receiving, 1);
        finish(others, job, 0, key);
        expect(text("%s calls", key), atomic_load(&storm.wrong) ? storm.complaint : "right", "right");
        letters_check(key, 0);
        expect(text("%s close", key), shut(storm.from.socket), "0");
        expect(text("%s close far", key), shut(storm.to.socket), "0");
        expect(text("%s term", key), term(ctx), "0");
        expect(text("%s bodies freed", key), text("%d", atomic_load(&storm.freed)), text("%d", atomic_load(&storm.made)));
    }
}

static const struct rule rules[] = {
    RULE_WITHIN(push_pull_storm, 120000),
    RULE_WITHIN(push_pull_parts_storm, 120000),
    RULE_WITHIN(pair_storm, 120000),
    RULE_WITHIN(pair_parts_storm, 120000),
    RULE_WITHIN(dealers_storm, 120000),
    RULE_WITHIN(dealer_router_storm, 120000),
    RULE_WITHIN(routers_storm, 120000),
    RULE_WITHIN(pub_sub_storm, 120000),
    RULE_WITHIN(pub_sub_parts_storm, 120000),
    RULE_WITHIN(xpub_xsub_storm, 120000),
    RULE_WITHIN(streams_storm, 120000),
    RULE_WITHIN(req_rep_storm, 120000),
};

RUN(rules)
