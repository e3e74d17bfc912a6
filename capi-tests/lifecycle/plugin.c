/* What a plug-in that uses the library does: opens sockets, or has done so when it is loaded, and forgets or
 * ends them. For unloading.c. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static void *ctx, *here, *there;

int plugin_start(const char *endpoint)
{
    char bound[256];
    size_t size = sizeof bound;
    int patience = 4000;
    ctx = zmq_ctx_new();
    here = zmq_socket(ctx, ZMQ_PAIR);
    there = zmq_socket(ctx, ZMQ_PAIR);
    if (!here || !there)
        return 1;
    zmq_setsockopt(here, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (zmq_bind(here, endpoint) != 0 || zmq_getsockopt(here, ZMQ_LAST_ENDPOINT, bound, &size) != 0)
        return 2;
    return zmq_connect(there, bound) == 0 ? 0 : 3;
}

int plugin_exchange(void)
{
    char buffer[8];
    return zmq_send(there, "hello", 5, 0) == 5 && zmq_recv(here, buffer, sizeof buffer, 0) == 5 ? 0 : 1;
}

int plugin_stop(void)
{
    return zmq_close(here) == 0 && zmq_close(there) == 0 && zmq_ctx_term(ctx) == 0 ? 0 : 1;
}

static void *answer(void *socket)
{
    char buffer[8];
    int size = zmq_recv(socket, buffer, sizeof buffer, 0);
    zmq_send(socket, buffer, size > 0 ? (size_t) size : 0, 0);
    zmq_close(socket);
    return NULL;
}

/* A thread that blocks for the first time in its life, while this one waits for it. */
static int ask_a_thread(void)
{
    char buffer[8];
    int patience = 4000;
    pthread_t thread;
    void *own = zmq_socket(ctx, ZMQ_PAIR), *its = zmq_socket(ctx, ZMQ_PAIR);
    zmq_setsockopt(own, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_bind(own, "inproc://thread");
    zmq_connect(its, "inproc://thread");
    pthread_create(&thread, NULL, answer, its);
    zmq_send(own, "ask", 3, 0);
    int size = zmq_recv(own, buffer, sizeof buffer, 0);
    zmq_close(own);
    pthread_detach(thread);
    return size == 3 ? 0 : 1;
}

__attribute__((constructor)) static void loaded(void)
{
    if (!getenv("PLUGIN_STARTS"))
        return;
    if (plugin_start("tcp://127.0.0.1:*") != 0 || plugin_exchange() != 0 || ask_a_thread() != 0)
        abort();
}

__attribute__((destructor)) static void unloaded(void)
{
    if (getenv("PLUGIN_STOPS") && (plugin_exchange() != 0 || plugin_stop() != 0))
        abort();
}
