/*
 * Things made and ended, over and over.
 *
 *     churn sockets  COUNT    zmq_socket, zmq_close
 *     churn contexts COUNT    zmq_ctx_new, zmq_socket, zmq_close, zmq_ctx_term
 *     churn tcp      COUNT    zmq_socket, zmq_connect, zmq_send, receive it at the bound socket, zmq_close
 *     churn inproc   COUNT    the same over inproc
 *
 * A socket's slot may be free later than zmq_close returns; zmq_socket then fails with EMFILE at the limit of 1023
 * sockets, which is waited for and counted, and never taken for a socket that was made. The clock stops when the
 * context has ended, so that what was put off is part of the figure.
 */
#include "measure.h"

#include <sched.h>
#include <zmq.h>

enum { BODY_BYTES = 100 };

static uint64_t full; /* how often there was no slot */

static void *make_socket(void *context, int type)
{
    for (;;) {
        void *socket = zmq_socket(context, type);
        if (socket != NULL)
            return socket;
        if (errno != EMFILE)
            fail("zmq_socket");
        full++;
        sched_yield();
    }
}

static void churn_sockets(uint64_t count)
{
    void *context = new_context();
    uint64_t i;
    for (i = 0; i < count; i++)
        CHECK(zmq_close(make_socket(context, ZMQ_PUSH)));
    CHECK(zmq_ctx_term(context));
}

static void churn_contexts(uint64_t count)
{
    uint64_t i;
    for (i = 0; i < count; i++) {
        void *context = new_context();
        CHECK(zmq_close(make_socket(context, ZMQ_PUSH)));
        CHECK(zmq_ctx_term(context));
    }
}

static void churn_connections(uint64_t count, const char *endpoint)
{
    void *context = new_context();
    void *bound = open_socket(context, ZMQ_PULL, HIGH_WATER_MARK);
    char resolved[ENDPOINT_BYTES];
    char body[BODY_BYTES] = {0};
    uint64_t i;
    bind_socket(bound, endpoint, resolved);
    for (i = 0; i < count; i++) {
        void *socket = make_socket(context, ZMQ_PUSH);
        size_t got;
        CHECK(zmq_connect(socket, resolved));
        put_sequence(body, i);
        CHECK(zmq_send(socket, body, sizeof body, 0));
        got = receive(bound, body, sizeof body);
        check_sequence(body, got, sizeof body, i);
        CHECK(zmq_close(socket));
    }
    CHECK(zmq_close(bound));
    CHECK(zmq_ctx_term(context));
}

int main(int argc, char **argv)
{
    static const char text[] = "churn sockets|contexts|tcp|inproc COUNT";
    uint64_t count, start;
    double seconds, cpu;
    if (argc != 3)
        usage(text);
    begin();
    count = number(argv[2]);
    cpu = cpu_seconds();
    start = now_ns();
    if (strcmp(argv[1], "sockets") == 0)
        churn_sockets(count);
    else if (strcmp(argv[1], "contexts") == 0)
        churn_contexts(count);
    else if (strcmp(argv[1], "tcp") == 0)
        churn_connections(count, "tcp://127.0.0.1:*");
    else if (strcmp(argv[1], "inproc") == 0)
        churn_connections(count, "inproc://churn");
    else
        usage(text);
    seconds = since(start);
    print_value("rate", (double) count / seconds);
    print_value("each_us", seconds * 1e6 / (double) count);
    print_value("cpu_us", (cpu_seconds() - cpu) * 1e6 / (double) count);
    print_value("no_slot", (double) full);
    print_end();
    return 0;
}
