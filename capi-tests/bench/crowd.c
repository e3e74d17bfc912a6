/*
 * Several sockets at one: all over tcp with messages of 100 B.
 *
 *     crowd router  DEALERS ROUNDS    a ROUTER echoes what busy DEALERs of another process send, four under way of each
 *     crowd proxy   COUNT             4 DEALERs -> zmq_proxy of ROUTER and DEALER -> a DEALER that echoes: round trips
 *     crowd relay   COUNT             PUSH -> zmq_proxy of PULL and PUSH -> PULL
 *     crowd pushers PUSHERS COUNT     as many threads of another process, each with a PUSH, at one PULL
 */
#include "measure.h"

#include <zmq.h>

enum { BODY_BYTES = 100, BURST = 4, CLIENTS = 4, WINDOW = 100 };

static int sockets_there;
static uint64_t count;

static void send_body(void *socket, uint64_t sender, uint64_t sequence)
{
    char body[BODY_BYTES] = {0};
    put_sequence(body, sequence);
    memcpy(body + SEQUENCE_BYTES, &sender, sizeof sender);
    CHECK(zmq_send(socket, body, sizeof body, 0));
}

/* Receives a body and checks its number; gives its sender. */
static uint64_t receive_body(void *socket, const uint64_t *expected)
{
    char body[BODY_BYTES];
    uint64_t sender;
    const size_t size = receive(socket, body, sizeof body);
    memcpy(&sender, body + SEQUENCE_BYTES, sizeof sender);
    if (sender >= (uint64_t) sockets_there)
        fail_text("a message of an unknown sender arrived");
    check_sequence(body, size, BODY_BYTES, expected[sender]);
    return sender;
}

/* Takes a message of two frames and sends it back as it is. */
static void echo_one(void *socket)
{
    char id[256], body[BODY_BYTES];
    int more;
    size_t option = sizeof more;
    const size_t id_size = receive(socket, id, sizeof id);
    size_t size;
    CHECK(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &option));
    if (!more)
        fail_text("a message of one frame arrived");
    size = receive(socket, body, sizeof body);
    if (size != sizeof body)
        fail_text("a message of the wrong size arrived");
    CHECK(zmq_send(socket, id, id_size, ZMQ_SNDMORE));
    CHECK(zmq_send(socket, body, size, 0));
}

static void hear_endpoint(struct link link, char endpoint[ENDPOINT_BYTES])
{
    hear(link, endpoint, ENDPOINT_BYTES);
}

/* `cpu` is the time of all processes. */
static void print_rate(uint64_t messages, double seconds, double cpu)
{
    print_value("rate", (double) messages / seconds);
    print_value("cpu_us", cpu * 1e6 / (double) messages);
}

/* ---- one ROUTER, many DEALERs ---- */

static void dealers_round(void **dealers, uint64_t round)
{
    int d, b;
    for (d = 0; d < sockets_there; d++)
        for (b = 0; b < BURST; b++)
            send_body(dealers[d], (uint64_t) d, round * BURST + (uint64_t) b);
    for (d = 0; d < sockets_there; d++)
        for (b = 0; b < BURST; b++) {
            char body[BODY_BYTES];
            const size_t size = receive(dealers[d], body, sizeof body);
            check_sequence(body, size, sizeof body, round * BURST + (uint64_t) b);
        }
}

static void dealers_process(struct link link)
{
    void *context = new_context();
    void **dealers = CHECK_POINTER(calloc((size_t) sockets_there, sizeof *dealers));
    char endpoint[ENDPOINT_BYTES];
    uint64_t round;
    double cpu;
    int d;
    hear_endpoint(link, endpoint);
    for (d = 0; d < sockets_there; d++) {
        dealers[d] = open_socket(context, ZMQ_DEALER, HIGH_WATER_MARK);
        CHECK(zmq_connect(dealers[d], endpoint));
    }
    dealers_round(dealers, 0);
    tell_barrier(link);
    hear_barrier(link);
    cpu = cpu_seconds();
    for (round = 1; round <= count; round++)
        dealers_round(dealers, round);
    tell_number(link, cpu_seconds() - cpu);
    hear_barrier(link);
    for (d = 0; d < sockets_there; d++)
        CHECK(zmq_close(dealers[d]));
    CHECK(zmq_ctx_term(context));
}

static void router(void)
{
    const struct link link = start_process(dealers_process);
    const uint64_t in_a_round = (uint64_t) sockets_there * BURST;
    void *context = new_context(), *socket = open_socket(context, ZMQ_ROUTER, HIGH_WATER_MARK);
    char endpoint[ENDPOINT_BYTES];
    uint64_t i, start;
    double cpu, far_cpu, seconds;
    bind_tcp(socket, endpoint);
    tell(link, endpoint, sizeof endpoint);
    for (i = 0; i < in_a_round; i++)
        echo_one(socket);
    hear_barrier(link);
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(link);
    for (i = 0; i < in_a_round * count; i++)
        echo_one(socket);
    far_cpu = hear_number(link);
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    let_processes_end();
    tell_barrier(link);
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_rate(in_a_round * count, seconds, cpu + far_cpu);
    print_value("router_cpu_us", cpu * 1e6 / (double) (in_a_round * count));
}

/* ---- proxies ---- */

struct proxy {
    void *front;
    void *back;
};

static void *proxy_thread(void *argument)
{
    struct proxy *proxy = argument;
    if (zmq_proxy(proxy->front, proxy->back, NULL) != -1 || errno != ETERM)
        fail("zmq_proxy");
    CHECK(zmq_close(proxy->front));
    CHECK(zmq_close(proxy->back));
    return NULL;
}

static void run_proxy(struct link link, int front, int back)
{
    void *context = new_context();
    struct proxy proxy;
    char endpoint[ENDPOINT_BYTES];
    pthread_t thread;
    double cpu;
    proxy.front = open_socket(context, front, HIGH_WATER_MARK);
    proxy.back = open_socket(context, back, HIGH_WATER_MARK);
    bind_tcp(proxy.front, endpoint);
    tell(link, endpoint, sizeof endpoint);
    bind_tcp(proxy.back, endpoint);
    tell(link, endpoint, sizeof endpoint);
    thread = start_thread(proxy_thread, &proxy);
    hear_barrier(link);
    cpu = cpu_seconds();
    hear_barrier(link);
    tell_number(link, cpu_seconds() - cpu);
    CHECK(zmq_ctx_shutdown(context));
    join_thread(thread);
    CHECK(zmq_ctx_term(context));
}

static void router_proxy(struct link link)
{
    run_proxy(link, ZMQ_ROUTER, ZMQ_DEALER);
}

static void relay_proxy(struct link link)
{
    run_proxy(link, ZMQ_PULL, ZMQ_PUSH);
}

static void worker_process(struct link link)
{
    void *context = new_context(), *socket = open_socket(context, ZMQ_DEALER, HIGH_WATER_MARK);
    char endpoint[ENDPOINT_BYTES];
    uint64_t i;
    double cpu = 0;
    hear_endpoint(link, endpoint);
    CHECK(zmq_connect(socket, endpoint));
    for (i = 0; i < count + CLIENTS * WINDOW; i++) {
        if (i == CLIENTS * WINDOW)
            cpu = cpu_seconds();
        echo_one(socket);
    }
    hear_barrier(link);
    tell_number(link, cpu_seconds() - cpu);
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
}

/* The first process is the client: its DEALERs keep WINDOW requests each under way. */
static void proxy_round_trips(void)
{
    const struct link proxy = start_process(router_proxy), worker = start_process(worker_process);
    void *context = new_context(), *clients[CLIENTS];
    char front[ENDPOINT_BYTES], back[ENDPOINT_BYTES];
    uint64_t i, start, sent[CLIENTS] = {0}, received[CLIENTS] = {0};
    double cpu, proxy_cpu, worker_cpu, seconds;
    int c;
    hear_endpoint(proxy, front);
    hear_endpoint(proxy, back);
    tell(worker, back, sizeof back);
    sockets_there = CLIENTS;
    for (c = 0; c < CLIENTS; c++) {
        clients[c] = open_socket(context, ZMQ_DEALER, HIGH_WATER_MARK);
        CHECK(zmq_connect(clients[c], front));
        while (sent[c] < WINDOW)
            send_body(clients[c], (uint64_t) c, sent[c]++);
    }
    for (c = 0; c < CLIENTS; c++) /* the first answers wait in the sockets: the way is open */
        received[receive_body(clients[c], received)]++;
    cpu = cpu_seconds();
    tell_barrier(proxy);
    start = now_ns();
    for (i = 0; i < count; i++) {
        c = (int) (i % CLIENTS);
        send_body(clients[c], (uint64_t) c, sent[c]++);
        received[receive_body(clients[c], received)]++;
    }
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    for (c = 0; c < CLIENTS; c++) /* what is still under way */
        while (received[c] < sent[c])
            received[receive_body(clients[c], received)]++;
    tell_barrier(proxy);
    proxy_cpu = hear_number(proxy);
    tell_barrier(worker);
    worker_cpu = hear_number(worker);
    let_processes_end();
    for (c = 0; c < CLIENTS; c++)
        CHECK(zmq_close(clients[c]));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_rate(count, seconds, cpu + proxy_cpu + worker_cpu);
    print_value("proxy_cpu_us", proxy_cpu * 1e6 / (double) count);
}

static void push_process(struct link link)
{
    void *context = new_context(), *socket = open_socket(context, ZMQ_PUSH, HIGH_WATER_MARK);
    char endpoint[ENDPOINT_BYTES];
    uint64_t i;
    double cpu;
    hear_endpoint(link, endpoint);
    CHECK(zmq_connect(socket, endpoint));
    send_body(socket, 0, 0);
    hear_barrier(link);
    cpu = cpu_seconds();
    for (i = 1; i <= count; i++)
        send_body(socket, 0, i);
    hear_barrier(link);
    tell_number(link, cpu_seconds() - cpu);
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
}

static void relay(void)
{
    const struct link proxy = start_process(relay_proxy), pusher = start_process(push_process);
    void *context = new_context(), *socket = open_socket(context, ZMQ_PULL, HIGH_WATER_MARK);
    char front[ENDPOINT_BYTES], back[ENDPOINT_BYTES];
    uint64_t next = 0, start;
    double cpu, proxy_cpu, pusher_cpu, seconds;
    sockets_there = 1;
    hear_endpoint(proxy, front);
    hear_endpoint(proxy, back);
    CHECK(zmq_connect(socket, back));
    tell(pusher, front, sizeof front);
    receive_body(socket, &next);
    cpu = cpu_seconds();
    tell_barrier(proxy);
    start = now_ns();
    tell_barrier(pusher);
    for (next = 1; next <= count; next++)
        receive_body(socket, &next);
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    tell_barrier(proxy);
    proxy_cpu = hear_number(proxy);
    tell_barrier(pusher);
    pusher_cpu = hear_number(pusher);
    let_processes_end();
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_rate(count, seconds, cpu + proxy_cpu + pusher_cpu);
    print_value("proxy_cpu_us", proxy_cpu * 1e6 / (double) count);
}

/* ---- many PUSHes, one PULL ---- */

static char pull_endpoint[ENDPOINT_BYTES];
static void *push_context;
static pthread_barrier_t all_ready;

static void *push_thread(void *argument)
{
    const uint64_t sender = (uint64_t) (uintptr_t) argument;
    void *socket = open_socket(push_context, ZMQ_PUSH, HIGH_WATER_MARK);
    uint64_t i;
    CHECK(zmq_connect(socket, pull_endpoint));
    send_body(socket, sender, 0);
    pthread_barrier_wait(&all_ready);
    pthread_barrier_wait(&all_ready); /* the measuring side has everybody's first message */
    for (i = 1; i <= count; i++)
        send_body(socket, sender, i);
    CHECK(zmq_close(socket));
    return NULL;
}

static void pushers_process(struct link link)
{
    pthread_t *threads = CHECK_POINTER(calloc((size_t) sockets_there, sizeof *threads));
    double cpu;
    int t;
    hear_endpoint(link, pull_endpoint);
    push_context = new_context();
    pthread_barrier_init(&all_ready, NULL, (unsigned) sockets_there + 1);
    for (t = 0; t < sockets_there; t++)
        threads[t] = start_thread(push_thread, (void *) (uintptr_t) t);
    pthread_barrier_wait(&all_ready);
    hear_barrier(link);
    cpu = cpu_seconds();
    pthread_barrier_wait(&all_ready);
    hear_barrier(link);
    tell_number(link, cpu_seconds() - cpu);
    for (t = 0; t < sockets_there; t++)
        join_thread(threads[t]);
    CHECK(zmq_ctx_term(push_context));
}

static void pushers(void)
{
    const struct link link = start_process(pushers_process);
    void *context = new_context(), *socket = open_socket(context, ZMQ_PULL, HIGH_WATER_MARK);
    uint64_t *next = CHECK_POINTER(calloc((size_t) sockets_there, sizeof *next));
    const uint64_t total = (uint64_t) sockets_there * count;
    char endpoint[ENDPOINT_BYTES];
    uint64_t i, start;
    double cpu, seconds;
    int s;
    bind_tcp(socket, endpoint);
    tell(link, endpoint, sizeof endpoint);
    for (s = 0; s < sockets_there; s++)
        next[receive_body(socket, next)]++;
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(link);
    for (i = 0; i < total; i++)
        next[receive_body(socket, next)]++;
    seconds = since(start);
    cpu = cpu_seconds() - cpu;
    tell_barrier(link);
    cpu += hear_number(link);
    let_processes_end();
    CHECK(zmq_close(socket));
    CHECK(zmq_ctx_term(context));
    wait_for_processes();
    print_rate(total, seconds, cpu);
    free(next);
}

int main(int argc, char **argv)
{
    static const char text[] = "crowd router DEALERS ROUNDS | proxy COUNT | relay COUNT | pushers PUSHERS COUNT";
    begin();
    if (argc == 3) {
        count = number(argv[2]);
        if (strcmp(argv[1], "proxy") == 0)
            proxy_round_trips();
        else if (strcmp(argv[1], "relay") == 0)
            relay();
        else
            usage(text);
    } else if (argc == 4) {
        sockets_there = (int) number(argv[2]);
        count = number(argv[3]);
        if (strcmp(argv[1], "router") == 0) {
            router();
        } else if (strcmp(argv[1], "pushers") == 0) {
            count = (count + (uint64_t) sockets_there - 1) / (uint64_t) sockets_there;
            pushers();
        } else {
            usage(text);
        }
    } else {
        usage(text);
    }
    print_end();
    return 0;
}
