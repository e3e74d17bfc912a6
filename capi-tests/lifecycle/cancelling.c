/* Threads that are cancelled anywhere in the library, in calls that wait and in calls that do not: each ends at once,
 * and the sockets serve the threads that follow. (cancelled.c has what each call does.) */
#include "expect.h"

#include <pthread.h>

static void *ctx, *one, *other;
static const char *router;

static void send_bytes(void *socket, size_t size)
{
    static const char bytes[300];
    zmq_send(socket, bytes, size, ZMQ_DONTWAIT);
}

static void receive_bytes(void *socket, int flags)
{
    char buffer[300];
    zmq_recv(socket, buffer, sizeof buffer, flags);
}

static void send_message(void *socket)
{
    zmq_msg_t message;
    zmq_msg_init_size(&message, 5000);
    if (zmq_msg_send(&message, socket, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&message);
}

static void receive_message(void *socket)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    zmq_msg_recv(&message, socket, 0);
    zmq_msg_close(&message);
}

static void poll_both(void)
{
    zmq_pollitem_t items[2] = {{one, 0, ZMQ_POLLIN, 0}, {other, 0, ZMQ_POLLIN, 0}};
    zmq_poll(items, 2, 1);
}

/* A cancelled thread leaves it open: the limit is far away. */
static void come_and_go(void)
{
    const int no_linger = 0;
    void *dealer = zmq_socket(ctx, ZMQ_DEALER);
    if (dealer == NULL)
        return;
    zmq_setsockopt(dealer, ZMQ_LINGER, &no_linger, sizeof no_linger);
    zmq_connect(dealer, router);
    send_bytes(dealer, 1);
    zmq_close(dealer);
}

static void *work(void *argument)
{
    unsigned seed = (unsigned) (uintptr_t) argument;
    for (;;)
        switch (rand_r(&seed) % 8) {
        case 0: send_bytes(one, (size_t) rand_r(&seed) % 300); break;
        case 1: receive_bytes(other, 0); break;
        case 2: send_bytes(other, 10); break;
        case 3: receive_bytes(one, ZMQ_DONTWAIT); break;
        case 4: poll_both(); break;
        case 5: come_and_go(); break;
        case 6: send_message(one); break;
        case 7: receive_message(other); break;
        }
    return NULL;
}

static void cancel_many(enum transport transport)
{
    unsigned seed = 1;
    int others = 0;

    ctx = context();
    one = sock(ctx, ZMQ_PAIR);
    other = sock(ctx, ZMQ_PAIR);
    router = keep(bind_any(sock(ctx, ZMQ_ROUTER), TCP));
    attach(one, other, transport);
    set_int(other, ZMQ_RCVTIMEO, 1);
    for (int i = 0; i < turns(300); i++) {
        pthread_t threads[2];
        for (int t = 0; t < 2; t++)
            pthread_create(&threads[t], NULL, work, (void *) (uintptr_t) rand_r(&seed));
        /* Any moment will do. */
        usleep((useconds_t) rand_r(&seed) % 400);
        for (int t = 0; t < 2; t++)
            pthread_cancel(threads[t]);
        for (int t = 0; t < 2; t++) {
            void *result = NULL;
            pthread_join(threads[t], &result);
            others += result != PTHREAD_CANCELED;
        }
    }
    expect("ended otherwise", rc(others), "0");
    set_int(other, ZMQ_RCVTIMEO, PATIENCE);
    char buffer[300];
    while (zmq_recv(other, buffer, sizeof buffer, ZMQ_DONTWAIT) >= 0)
        ;
    expect("send", tx(one, "last"), "4");
    expect("recv", skip_to(other, "last"), "yes");
}

static void over_inproc(void)
{
    cancel_many(INPROC);
}

static void over_tcp(void)
{
    cancel_many(TCP);
}

static void over_ipc(void)
{
    cancel_many(IPC);
}

static const struct rule rules[] = {
    RULE_WITHIN(over_inproc, 60000), RULE_WITHIN(over_tcp, 60000), RULE_WITHIN(over_ipc, 60000),
};

RUN(rules)
