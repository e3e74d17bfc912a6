/*
 * What the machine does without any messaging library: the floors and ceilings beside the figures of libraries.
 *
 *     raw stream   tcp|unix WRITE_BYTES TOTAL_BYTES    one process writes, another reads
 *     raw pingpong tcp|unix|futex|eventfd SIZE COUNT   blocking; two processes, or two threads for the last two
 *     raw cycle    COUNT                               tcp: connect, accept, 100 bytes, close on both ends, one thread
 *     raw crowd    CONNECTIONS ROUNDS                  tcp: one thread echoes what another process sends by each, four
 *                                                      messages of 100 bytes at a time
 *     raw fanout   PEERS COUNT                         tcp: one thread writes each message of 100 bytes to all
 *
 * The program is linked like the others but does not call the library, except for errno's texts.
 */
#include "measure.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { READ_BYTES = 256 * 1024, WARMUP = 500, CYCLE_BYTES = 100 };
enum { FRAME_BYTES = 102, BURST = 4, EVENTS = 256, GATHER_BYTES = 64 * 1024 };

static size_t size;
static uint64_t count; /* bytes of a stream, round trips, or cycles */
static int ends[2];    /* the two ends of the connection that processes share */

/* ---- connections ---- */

static int listen_tcp(struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int listener;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listener = socket(AF_INET, SOCK_STREAM, 0));
    CHECK(bind(listener, (struct sockaddr *) address, sizeof *address));
    CHECK(listen(listener, 100));
    CHECK(getsockname(listener, (struct sockaddr *) address, &length));
    return listener;
}

static int connect_tcp(const struct sockaddr_in *address)
{
    const int on = 1;
    int fd;
    CHECK(fd = socket(AF_INET, SOCK_STREAM, 0));
    CHECK(connect(fd, (const struct sockaddr *) address, sizeof *address));
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return fd;
}

static void open_ends(const char *transport)
{
    if (strcmp(transport, "tcp") == 0) {
        const int on = 1;
        struct sockaddr_in address;
        const int listener = listen_tcp(&address);
        ends[1] = connect_tcp(&address);
        CHECK(ends[0] = accept(listener, NULL, NULL));
        CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        close(listener);
    } else {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    }
}

static void write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t wrote;
        CHECK(wrote = write(fd, data, length));
        data += wrote;
        length -= (size_t) wrote;
    }
}

static void read_all(int fd, char *data, size_t length)
{
    while (length > 0) {
        ssize_t got;
        CHECK(got = read(fd, data, length));
        if (got == 0)
            fail_text("the connection ended early");
        data += got;
        length -= (size_t) got;
    }
}

/* ---- stream ---- */

static void stream_writer(struct link link)
{
    char *data = CHECK_POINTER(calloc(1, size));
    uint64_t left = count / size * size;
    double cpu;
    hear_barrier(link);
    cpu = cpu_seconds();
    for (; left > 0; left -= size)
        write_all(ends[1], data, size);
    tell_number(link, cpu_seconds() - cpu);
    hear_barrier(link); /* the end of a process interrupts calls of the first */
}

static void stream(const char *transport)
{
    char *data = CHECK_POINTER(malloc(READ_BYTES));
    const uint64_t total = count / size * size;
    uint64_t got = 0, start;
    double cpu, seconds;
    struct link link;
    open_ends(transport);
    link = start_process(stream_writer);
    cpu = cpu_seconds();
    start = now_ns();
    tell_barrier(link);
    while (got < total) {
        ssize_t some;
        CHECK(some = read(ends[0], data, READ_BYTES));
        if (some == 0)
            fail_text("the connection ended early");
        got += (uint64_t) some;
    }
    seconds = since(start);
    cpu = cpu_seconds() - cpu + hear_number(link);
    let_processes_end();
    tell_barrier(link);
    wait_for_processes();
    print_value("bytes_per_second", (double) total / seconds);
    print_value("cpu_us_per_mib", cpu * 1e6 / ((double) total / 1048576));
}

/* ---- ping-pong between processes ---- */

static void pong_process(struct link link)
{
    char *body = CHECK_POINTER(calloc(1, size));
    uint64_t i;
    for (i = 0; i < WARMUP + count; i++) {
        read_all(ends[1], body, size);
        write_all(ends[1], body, size);
    }
    hear_barrier(link); /* the end of a process interrupts calls of the first */
}

static void ping_process(uint64_t *times)
{
    const struct link link = start_process(pong_process);
    char *body = CHECK_POINTER(calloc(1, size));
    uint64_t i, before = 0;
    for (i = 0; i < WARMUP + count; i++) {
        uint64_t after;
        if (i <= WARMUP)
            before = now_ns();
        put_sequence(body, i);
        write_all(ends[0], body, size);
        read_all(ends[0], body, size);
        check_sequence(body, size, size, i);
        after = now_ns();
        if (i >= WARMUP)
            times[i - WARMUP] = after - before;
        before = after;
    }
    let_processes_end();
    tell_barrier(link);
    wait_for_processes();
}

/* ---- ping-pong between threads ---- */

static int use_futex;
static int turns[2]; /* futex words, or eventfds: who may go on */

static void wake(int whose)
{
    if (use_futex) {
        __atomic_store_n(&turns[whose], 1, __ATOMIC_RELEASE);
        CHECK(syscall(SYS_futex, &turns[whose], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    } else {
        const uint64_t one = 1;
        if (write(turns[whose], &one, sizeof one) != sizeof one)
            fail("write to an eventfd");
    }
}

static void await_turn(int whose)
{
    if (use_futex) {
        while (__atomic_exchange_n(&turns[whose], 0, __ATOMIC_ACQUIRE) == 0)
            if (syscall(SYS_futex, &turns[whose], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno != EAGAIN
                && errno != EINTR)
                fail("futex");
    } else {
        uint64_t value;
        if (read(turns[whose], &value, sizeof value) != sizeof value)
            fail("read of an eventfd");
    }
}

static void *pong_thread(void *argument)
{
    uint64_t i;
    for (i = 0; i < WARMUP + count; i++) {
        await_turn(1);
        wake(0);
    }
    return argument;
}

static void ping_thread(uint64_t *times, int futex)
{
    uint64_t i, before = 0;
    pthread_t thread;
    use_futex = futex;
    if (!futex) {
        CHECK(turns[0] = eventfd(0, 0));
        CHECK(turns[1] = eventfd(0, 0));
    }
    thread = start_thread(pong_thread, NULL);
    for (i = 0; i < WARMUP + count; i++) {
        uint64_t after;
        if (i <= WARMUP)
            before = now_ns();
        wake(1);
        await_turn(0);
        after = now_ns();
        if (i >= WARMUP)
            times[i - WARMUP] = after - before;
        before = after;
    }
    join_thread(thread);
}

static void pingpong(const char *how)
{
    uint64_t *times = CHECK_POINTER(calloc(count, sizeof *times));
    if (strcmp(how, "futex") == 0 || strcmp(how, "eventfd") == 0) {
        ping_thread(times, strcmp(how, "futex") == 0);
    } else {
        open_ends(how);
        ping_process(times);
    }
    print_times(times, count);
    free(times);
}

/* ---- connections made and ended ---- */

static void cycle(void)
{
    char body[CYCLE_BYTES] = {0};
    struct sockaddr_in address;
    const int listener = listen_tcp(&address);
    uint64_t i, start = now_ns();
    double seconds;
    for (i = 0; i < count; i++) {
        const int here = connect_tcp(&address);
        int there;
        put_sequence(body, i);
        write_all(here, body, sizeof body);
        CHECK(there = accept(listener, NULL, NULL));
        read_all(there, body, sizeof body);
        check_sequence(body, sizeof body, sizeof body, i);
        CHECK(close(here));
        CHECK(close(there));
    }
    seconds = since(start);
    print_value("rate", (double) count / seconds);
    print_value("each_us", seconds * 1e6 / (double) count);
}

/* ---- many connections ---- */

static int *peers; /* one end each, after a fork that of this process */

/* Opens so many: `peers` are the accepted ends; gives the others. */
static int *open_many(int connections)
{
    const int on = 1;
    struct sockaddr_in address;
    const int listener = listen_tcp(&address);
    int *far = CHECK_POINTER(calloc((size_t) connections, sizeof *far)), i;
    peers = CHECK_POINTER(calloc((size_t) connections, sizeof *peers));
    for (i = 0; i < connections; i++) {
        far[i] = connect_tcp(&address);
        CHECK(peers[i] = accept(listener, NULL, NULL));
        CHECK(setsockopt(peers[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    }
    CHECK(close(listener));
    return far;
}

static void close_many(int *all, int connections)
{
    int i;
    for (i = 0; i < connections; i++)
        CHECK(close(all[i]));
}

static int watch_many(const int *all, int connections)
{
    int epoll, i;
    CHECK(epoll = epoll_create1(0));
    for (i = 0; i < connections; i++) {
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = EPOLLIN;
        event.data.fd = all[i];
        CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i], &event));
    }
    return epoll;
}

/* Reads so many bytes by all of these, as they come, and sends back what came by each if it `echoes`. */
static void read_many(const int *all, int connections, uint64_t left, int echoes)
{
    char *data = CHECK_POINTER(malloc(READ_BYTES));
    const int epoll = watch_many(all, connections);
    while (left > 0) {
        struct epoll_event events[EVENTS];
        int ready, i;
        CHECK(ready = epoll_wait(epoll, events, EVENTS, -1));
        for (i = 0; i < ready; i++) {
            ssize_t got;
            CHECK(got = read(events[i].data.fd, data, READ_BYTES));
            if (got == 0)
                fail_text("the connection ended early");
            if (echoes)
                write_all(events[i].data.fd, data, (size_t) got);
            left -= (uint64_t) got;
        }
    }
    CHECK(close(epoll));
    free(data);
}

static int *far_ends, connections;

static void burst_process(struct link link)
{
    char out[BURST * FRAME_BYTES] = {0}, in[BURST * FRAME_BYTES];
    uint64_t round;
    int i;
    close_many(peers, connections);
    hear_barrier(link);
    for (round = 0; round < count; round++) {
        for (i = 0; i < connections; i++)
            write_all(far_ends[i], out, sizeof out);
        for (i = 0; i < connections; i++)
            read_all(far_ends[i], in, sizeof in);
    }
    hear_barrier(link); /* the end of a process interrupts calls of the first */
}

static void crowd(void)
{
    const uint64_t messages = count * (uint64_t) connections * BURST;
    struct link link;
    uint64_t start;
    double seconds;
    far_ends = open_many(connections);
    link = start_process(burst_process);
    close_many(far_ends, connections);
    start = now_ns();
    tell_barrier(link);
    read_many(peers, connections, messages * FRAME_BYTES, 1);
    seconds = since(start);
    let_processes_end();
    tell_barrier(link);
    wait_for_processes();
    print_value("rate", (double) messages / seconds);
}

static void taking_process(struct link link)
{
    close_many(peers, connections);
    hear_barrier(link);
    read_many(far_ends, connections, count * (uint64_t) connections * FRAME_BYTES, 0);
    tell_barrier(link);
    hear_barrier(link); /* the end of a process interrupts calls of the first */
}

/* Each message is copied for each peer, as a library has to that lets one be slower than another. */
static void fanout(void)
{
    char body[FRAME_BYTES] = {0}, *gathered;
    uint64_t message, start;
    struct link link;
    double seconds;
    size_t filled = 0;
    int i;
    far_ends = open_many(connections);
    link = start_process(taking_process);
    close_many(far_ends, connections);
    gathered = CHECK_POINTER(malloc((size_t) connections * GATHER_BYTES));
    start = now_ns();
    tell_barrier(link);
    for (message = 0; message < count; message++) {
        for (i = 0; i < connections; i++)
            memcpy(gathered + (size_t) i * GATHER_BYTES + filled, body, sizeof body);
        filled += sizeof body;
        if (filled + sizeof body > GATHER_BYTES || message + 1 == count) {
            for (i = 0; i < connections; i++)
                write_all(peers[i], gathered + (size_t) i * GATHER_BYTES, filled);
            filled = 0;
        }
    }
    hear_barrier(link);
    seconds = since(start);
    let_processes_end();
    tell_barrier(link);
    wait_for_processes();
    print_value("rate", (double) (count * (uint64_t) connections) / seconds);
}

int main(int argc, char **argv)
{
    static const char text[] = "raw stream tcp|unix WRITE_BYTES TOTAL_BYTES"
                               " | pingpong tcp|unix|futex|eventfd SIZE COUNT | cycle COUNT"
                               " | crowd CONNECTIONS ROUNDS | fanout PEERS COUNT";
    begin();
    if (argc == 3 && strcmp(argv[1], "cycle") == 0) {
        count = number(argv[2]);
        cycle();
    } else if (argc == 4) {
        connections = (int) number(argv[2]);
        count = number(argv[3]);
        if (strcmp(argv[1], "crowd") == 0)
            crowd();
        else if (strcmp(argv[1], "fanout") == 0)
            fanout();
        else
            usage(text);
    } else if (argc == 5) {
        size = (size_t) number(argv[3]);
        count = number(argv[4]);
        if (strcmp(argv[1], "stream") == 0)
            stream(argv[2]);
        else if (strcmp(argv[1], "pingpong") == 0 && size >= SEQUENCE_BYTES)
            pingpong(argv[2]);
        else
            usage(text);
    } else {
        usage(text);
    }
    print_end();
    return 0;
}
