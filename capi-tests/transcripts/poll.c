/* zmq_poll over sockets and descriptors. api.md section 7. */
#include "transcript.h"

#include <signal.h>

#include <pthread.h>
#include <sys/socket.h>

static void arguments(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 99};
    say("no items", rc(zmq_poll(NULL, 0, 0)));
    say("no items, array", rc(zmq_poll(&item, 0, 10)));
    say("NULL items", rc(zmq_poll(NULL, 1, 0)));
    say("negative count", rc(zmq_poll(&item, -1, 0)));
    say("nothing ready", rc(zmq_poll(&item, 1, 0)));
    line("revents is written", "%d", item.revents);
    void *closed = sock(ctx, ZMQ_PULL);
    zmq_pollitem_t gone = {closed, 0, ZMQ_POLLIN, 0};
    shut(closed);
    say("closed socket", rc(zmq_poll(&gone, 1, 0)));
    item.fd = -1;
    item.socket = NULL;
    item.events = ZMQ_POLLIN;
    say("descriptor -1", rc(zmq_poll(&item, 1, 0)));
    line("descriptor -1 revents", "%d", item.revents);
}

static void sockets(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        const char *name = transport_names[t];
        void *a = sock(ctx, ZMQ_PAIR);
        void *b = sock(ctx, ZMQ_PAIR);
        attach(a, b, t);
        tx(b, "x");
        static const short wanted[] = {0,
                                       ZMQ_POLLIN,
                                       ZMQ_POLLOUT,
                                       ZMQ_POLLIN | ZMQ_POLLOUT,
                                       ZMQ_POLLERR,
                                       ZMQ_POLLPRI,
                                       ZMQ_POLLERR | ZMQ_POLLPRI | ZMQ_POLLIN};
        say(text("%s there", name), await(a, ZMQ_POLLIN));
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            zmq_pollitem_t items[3] = {
                {a, 0, wanted[i], 0}, {b, 0, wanted[i], 0}, {a, 12345, wanted[i], 0}};
            int ready = zmq_poll(items, 3, 0);
            line(text("%s events %d", name, wanted[i]), "%s: %d %d %d", rc(ready),
                 items[0].revents, items[1].revents, items[2].revents);
        }
        rx(a);
        zmq_pollitem_t item = {a, 0, ZMQ_POLLIN, 0};
        say(text("%s read", name), rc(zmq_poll(&item, 1, 20)));
    }
}

static void descriptors(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    int ends[2];
    if (pipe(ends) != 0)
        return;
    zmq_pollitem_t items[3] = {
        {NULL, ends[0], ZMQ_POLLIN, 0}, {NULL, ends[1], ZMQ_POLLOUT, 0}, {a, 0, ZMQ_POLLIN, 0}};
    say("empty pipe", rc(zmq_poll(items, 3, 0)));
    line("empty pipe revents", "%d %d %d", items[0].revents, items[1].revents, items[2].revents);
    line("write", "%d", (int) write(ends[1], "x", 1));
    say("full pipe", rc(zmq_poll(items, 3, PATIENCE)));
    line("full pipe revents", "%d %d %d", items[0].revents, items[1].revents, items[2].revents);
    char byte;
    line("read", "%d", (int) read(ends[0], &byte, 1));
    close(ends[1]);
    say("hang-up", rc(zmq_poll(items, 1, 0)));
    line("hang-up revents", "%d", items[0].revents);
    items[0].events = 0;
    say("hang-up, nothing wanted", rc(zmq_poll(items, 1, 0)));
    line("hang-up, nothing wanted revents", "%d", items[0].revents);
    close(ends[0]);
    items[0].events = ZMQ_POLLIN;
    say("closed", rc(zmq_poll(items, 1, 0)));
    line("closed revents", "%d", items[0].revents);
}

static void timeouts(void)
{
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    static const long values[] = {0, 1, 50, 200};
    for (size_t i = 0; i < 4; i++) {
        for (int count = 0; count < 2; count++) {
            long start = now_ms();
            const char *result = rc(zmq_poll(&item, count, values[i]));
            long took = now_ms() - start;
            line(text("%d items %ld", count, values[i]), "%s, not early %d, not late %d", result,
                 took + 1 >= values[i], took < values[i] + 2000);
        }
    }
}

static void wakes(void)
{
    for (int t = INPROC; t <= IPC; t++) {
        void *ctx = context();
        void *push = sock(ctx, ZMQ_PUSH);
        void *pull = sock(ctx, ZMQ_PULL);
        void *idle = sock(ctx, ZMQ_PULL);
        attach(pull, push, t);
        zmq_pollitem_t items[2] = {{idle, 0, ZMQ_POLLIN, 0}, {pull, 0, ZMQ_POLLIN, 0}};
        pthread_t thread;
        pthread_create(&thread, NULL, send_later, push);
        say(text("%s message", transport_names[t]), rc(zmq_poll(items, 2, -1)));
        line(text("%s which", transport_names[t]), "%d %d", items[0].revents, items[1].revents);
        pthread_join(thread, NULL);
        rx(pull);
        pthread_create(&thread, NULL, stop_later, ctx);
        say(text("%s shutdown", transport_names[t]), rc(zmq_poll(items, 2, -1)));
        pthread_join(thread, NULL);
        say(text("%s after", transport_names[t]), rc(zmq_poll(items, 2, 0)));
    }
}

static void nothing(int sig)
{
    (void) sig;
}

static void interrupted(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nothing;
    sigaction(SIGUSR1, &action, NULL);
    void *ctx = context();
    void *s = sock(ctx, ZMQ_PULL);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    pthread_t self = pthread_self(), thread;
    pthread_create(&thread, NULL, interrupt_later, &self);
    say("socket", rc(zmq_poll(&item, 1, PATIENCE)));
    say("no items", rc(zmq_poll(NULL, 0, PATIENCE)));
    pthread_join(thread, NULL);
}

/* A tcp connection of the system's with urgent data. */
static void urgent(void)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.ss_family = AF_INET;
    int listener = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *) &address, &length);
    line("connect", "%d", connect(to, (struct sockaddr *) &address, length));
    int from = accept(listener, NULL, NULL);
    static const short wanted[] = {ZMQ_POLLPRI, ZMQ_POLLIN, ZMQ_POLLIN | ZMQ_POLLPRI, ZMQ_POLLERR};
    for (int step = 0; step < 3; step++) {
        if (step == 1)
            line("urgent", "%d", (int) send(to, "!", 1, MSG_OOB));
        else if (step == 2)
            line("ordinary", "%d", (int) send(to, "x", 1, 0));
        for (int i = 0; i < 4; i++) {
            zmq_pollitem_t item = {NULL, from, wanted[i], 0};
            const char *result = rc(zmq_poll(&item, 1, QUIET));
            line(text("%d events %d", step, wanted[i]), "%s: %d", result, item.revents);
        }
    }
}

/* A loop that serves requests of several kinds, as a program would write it. */
static void serving(void)
{
    void *ctx = context();
    void *rep = sock(ctx, ZMQ_REP), *pull = sock(ctx, ZMQ_PULL);
    void *req = sock(ctx, ZMQ_REQ), *push = sock(ctx, ZMQ_PUSH);
    attach(rep, req, TCP);
    attach(pull, push, IPC);
    zmq_pollitem_t items[2] = {{rep, 0, ZMQ_POLLIN, 0}, {pull, 0, ZMQ_POLLIN, 0}};
    int served = 0, pulled = 0;
    for (int i = 0; i < 20; i++) {
        tx(req, "request");
        tx(push, "work");
        while (served + pulled < 2 * (i + 1)) {
            int count = zmq_poll(items, 2, PATIENCE);
            if (count < 1) {
                line("failed", "%s", rc(count));
                return;
            }
            if (items[0].revents) {
                rx(rep);
                tx(rep, "reply");
                served++;
            }
            if (items[1].revents) {
                rx(pull);
                pulled++;
            }
        }
        rx(req);
    }
    line("done", "%d %d", served, pulled);
}

/* More items than fit a set of select. */
static void many(void)
{
    enum { COUNT = 1500 };
    static zmq_pollitem_t items[COUNT];
    void *ctx = context();
    void *push = sock(ctx, ZMQ_PUSH);
    void *pull = sock(ctx, ZMQ_PULL);
    attach(pull, push, INPROC);
    tx(push, "x");
    for (int i = 0; i < COUNT; i++)
        items[i] = (zmq_pollitem_t){pull, 0, ZMQ_POLLIN, 0};
    say("all ready", rc(zmq_poll(items, COUNT, 0)));
}

static const struct rule rules[] = {
    RULE(arguments), RULE(sockets), RULE(descriptors), RULE(timeouts), RULE(wakes),
    RULE(interrupted), RULE(urgent), RULE(serving), RULE(many),
};

RUN(rules)
