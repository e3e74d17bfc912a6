/*
 * The least that a stream of messages costs under the interface's terms, without a library: the ceiling beside the
 * figures of libraries.
 *
 *     least tcp|unix|inproc SIZE COUNT WARMUP
 *
 * What `messages throughput` does, with the same threads in the same places, and nothing that a library could leave out:
 * each message is a call that takes a lock, copies the body, publishes it, and looks whether the reader sleeps; a writer
 * may be HIGH_WATER_MARK messages ahead and hears of half of them at a time; one thread writes a stream and one reads
 * and takes it apart, both as much at once as there is. One socket, one peer, one kind of message, no errors.
 */
#include "measure.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum {
    SHORT_HEADER = 2, /* as ZMTP's */
    LONG_HEADER = 9,
    SHORT_MOST = 255,
    LINE_BYTES = 64,
    RING_BYTES = 4 * 1024 * 1024, /* and twice that as long as HIGH_WATER_MARK messages need more than half */
    IN_BYTES = 64 * 1024,         /* and more, so that two messages fit */
    MOST_BYTES = 1000 * 1000,
    STEP = HIGH_WATER_MARK / 2
};

#define ALIGNED __attribute__((aligned(LINE_BYTES)))

/* Messages from one thread to another. Words that one side writes share a line with nothing of the other's. */
struct queue {
    char *ring; /* ring_bytes, twice one after the other: what goes over the end is at the beginning */
    /* the writing side */
    ALIGNED int writer_lock;
    uint64_t written; /* messages */
    uint64_t end;     /* bytes */
    uint64_t seen_reported;
    /* what it shows: bytes, and messages */
    ALIGNED uint64_t published;
    uint64_t published_messages;
    /* the reading side */
    ALIGNED int reader_lock;
    uint64_t read;
    uint64_t at;
    uint64_t seen_published;
    uint64_t next_report;
    /* what it shows */
    ALIGNED uint64_t reported;
    /* who sleeps */
    ALIGNED int reader_sleeps;
    ALIGNED int writer_sleeps;
};

static struct queue queues[2]; /* a socket's; inproc has one */
static size_t size, in_bytes = IN_BYTES;
static uint64_t ring_bytes = RING_BYTES;
static uint64_t count, warmup;
static int fd;
static char *body;

/* ---- frames ---- */

static size_t header_bytes(size_t length)
{
    return length <= SHORT_MOST ? SHORT_HEADER : LONG_HEADER;
}

/* The length of the body behind a header of which `left` bytes are there; 0 if that is not all of it. */
static size_t body_bytes(const char *header, size_t left)
{
    size_t length;
    if (left < SHORT_HEADER)
        return 0;
    if (header[0] == 0)
        return (unsigned char) header[1];
    if (left < LONG_HEADER)
        return 0;
    memcpy(&length, header + 1, sizeof length);
    return length;
}

/* ---- sleeping ---- */

static void lock(int *word)
{
    int is_free = 0;
    if (!__atomic_compare_exchange_n(word, &is_free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        fail_text("nobody else is here");
}

static void unlock(int *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static void wake_if_asleep(int *sleeps)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(sleeps, __ATOMIC_RELAXED) != 0 && __atomic_exchange_n(sleeps, 0, __ATOMIC_ACQ_REL) != 0)
        CHECK(syscall(SYS_futex, sleeps, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
}

static void fall_asleep(int *sleeps)
{
    __atomic_store_n(sleeps, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void sleep_while(int *sleeps)
{
    while (__atomic_load_n(sleeps, __ATOMIC_ACQUIRE) != 0)
        if (syscall(SYS_futex, sleeps, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0) == -1 && errno != EAGAIN && errno != EINTR)
            fail("futex");
}

/* ---- the writing side ---- */

static int has_room(struct queue *queue)
{
    if (queue->written - queue->seen_reported < HIGH_WATER_MARK)
        return 1;
    queue->seen_reported = __atomic_load_n(&queue->reported, __ATOMIC_ACQUIRE);
    return queue->written - queue->seen_reported < HIGH_WATER_MARK;
}

static void wait_for_room(struct queue *queue)
{
    while (!has_room(queue)) {
        fall_asleep(&queue->writer_sleeps);
        if (has_room(queue)) {
            __atomic_store_n(&queue->writer_sleeps, 0, __ATOMIC_RELAXED);
            return;
        }
        sleep_while(&queue->writer_sleeps);
    }
}

static void append(struct queue *queue, const char *from, size_t length)
{
    char *to = queue->ring + (queue->end & (ring_bytes - 1));
    if (length <= SHORT_MOST) {
        to[0] = 0;
        to[1] = (char) length;
        to += SHORT_HEADER;
    } else {
        to[0] = 2;
        memcpy(to + 1, &length, sizeof length);
        to += LONG_HEADER;
    }
    memcpy(to, from, length);
    queue->end += header_bytes(length) + length;
    queue->written++;
}

static void publish(struct queue *queue)
{
    __atomic_store_n(&queue->published, queue->end, __ATOMIC_RELEASE);
    __atomic_store_n(&queue->published_messages, queue->written, __ATOMIC_RELEASE);
    wake_if_asleep(&queue->reader_sleeps);
}

__attribute__((noinline)) static void send_call(struct queue *queue, const char *from, size_t length)
{
    lock(&queue->writer_lock);
    if (!has_room(queue))
        wait_for_room(queue);
    append(queue, from, length);
    publish(queue);
    unlock(&queue->writer_lock);
}

/* ---- the reading side ---- */

static int has_any(struct queue *queue)
{
    if (queue->at != queue->seen_published)
        return 1;
    queue->seen_published = __atomic_load_n(&queue->published, __ATOMIC_ACQUIRE);
    return queue->at != queue->seen_published;
}

static void wait_for_any(struct queue *queue)
{
    while (!has_any(queue)) {
        fall_asleep(&queue->reader_sleeps);
        if (has_any(queue)) {
            __atomic_store_n(&queue->reader_sleeps, 0, __ATOMIC_RELAXED);
            return;
        }
        sleep_while(&queue->reader_sleeps);
    }
}

static void report(struct queue *queue)
{
    if (queue->read < queue->next_report)
        return;
    queue->next_report = queue->read + STEP;
    __atomic_store_n(&queue->reported, queue->read, __ATOMIC_RELEASE);
    wake_if_asleep(&queue->writer_sleeps);
}

__attribute__((noinline)) static size_t receive_call(struct queue *queue, char *to, size_t room)
{
    const char *from;
    size_t length;
    lock(&queue->reader_lock);
    if (!has_any(queue))
        wait_for_any(queue);
    from = queue->ring + (queue->at & (ring_bytes - 1));
    length = body_bytes(from, LONG_HEADER);
    memcpy(to, from + header_bytes(length), length < room ? length : room);
    queue->at += header_bytes(length) + length;
    queue->read++;
    report(queue);
    unlock(&queue->reader_lock);
    return length;
}

/* ---- the threads that move bytes ---- */

static void *write_stream(void *argument)
{
    struct queue *queue = argument;
    while (queue->read < warmup + count) {
        wait_for_any(queue);
        queue->read = __atomic_load_n(&queue->published_messages, __ATOMIC_ACQUIRE);
        queue->seen_published = __atomic_load_n(&queue->published, __ATOMIC_ACQUIRE); /* at least those */
        while (queue->at != queue->seen_published) {
            ssize_t wrote;
            CHECK(wrote = write(fd, queue->ring + (queue->at & (ring_bytes - 1)), queue->seen_published - queue->at));
            queue->at += (uint64_t) wrote;
        }
        report(queue);
    }
    return NULL;
}

static void *read_stream(void *argument)
{
    struct queue *queue = argument;
    char *in = CHECK_POINTER(malloc(in_bytes));
    size_t held = 0;
    while (queue->written < warmup + count) {
        size_t at = 0, length;
        ssize_t got;
        CHECK(got = read(fd, in + held, in_bytes - held));
        if (got == 0)
            fail_text("the connection ended early");
        held += (size_t) got;
        while ((length = body_bytes(in + at, held - at)) != 0 && held - at >= header_bytes(length) + length) {
            if (!has_room(queue)) {
                publish(queue);
                wait_for_room(queue);
            }
            append(queue, in + at + header_bytes(length), length);
            at += header_bytes(length) + length;
        }
        publish(queue);
        memmove(in, in + at, held - at);
        held -= at;
    }
    free(in);
    return NULL;
}

/* ---- the two sides ---- */

static void far_side(struct link link, struct queue *queue)
{
    uint64_t i;
    double cpu = 0;
    for (i = 0; i < warmup + count; i++) {
        if (i == warmup) {
            hear_barrier(link);
            cpu = cpu_seconds();
        }
        put_sequence(body, i);
        send_call(queue, body, size);
    }
    hear_barrier(link);
    tell_number(link, cpu_seconds() - cpu);
}

static void near_side(struct link link, struct queue *queue, int inproc)
{
    char *got = CHECK_POINTER(malloc(size));
    uint64_t i, start = 0, end;
    double cpu = 0;
    for (i = 0; i < warmup + count; i++) {
        size_t length;
        if (i == warmup) {
            cpu = cpu_seconds();
            start = now_ns();
            tell_barrier(link);
        }
        length = receive_call(queue, got, size);
        check_sequence(got, length, size, i);
    }
    end = now_ns();
    cpu = cpu_seconds() - cpu;
    tell_barrier(link);
    if (inproc)
        hear_number(link);
    else
        cpu += hear_number(link);
    print_value("rate", (double) count / ((double) (end - start) / 1e9));
    print_value("cpu_us", cpu / (double) count * 1e6);
    free(got);
}

static void far_process(struct link link)
{
    pthread_t thread = start_thread(write_stream, &queues[0]);
    far_side(link, &queues[0]);
    join_thread(thread);
    hear_barrier(link); /* the end of a process interrupts calls of the first */
}

static int ends[2];

static void open_tcp(void)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener, end;
    CHECK(listener = socket(AF_INET, SOCK_STREAM, 0));
    CHECK(bind(listener, (struct sockaddr *) &address, length));
    CHECK(listen(listener, 1));
    CHECK(getsockname(listener, (struct sockaddr *) &address, &length));
    CHECK(ends[1] = socket(AF_INET, SOCK_STREAM, 0));
    CHECK(connect(ends[1], (struct sockaddr *) &address, length));
    CHECK(ends[0] = accept(listener, NULL, NULL));
    for (end = 0; end < 2; end++)
        CHECK(setsockopt(ends[end], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    CHECK(close(listener));
}

static void far_process_on_its_end(struct link link)
{
    fd = ends[1];
    far_process(link);
}

static void run_processes(const char *transport)
{
    struct link link;
    pthread_t thread;
    if (strcmp(transport, "unix") == 0)
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    else
        open_tcp();
    link = start_process(far_process_on_its_end);
    fd = ends[0];
    thread = start_thread(read_stream, &queues[1]);
    near_side(link, &queues[1], 0);
    join_thread(thread);
    let_processes_end();
    tell_barrier(link);
    wait_for_processes();
}

static void *far_thread(void *argument)
{
    far_side(*(const struct link *) argument, &queues[0]);
    return NULL;
}

static void run_threads(void)
{
    struct link near_end, far_end;
    pthread_t thread;
    make_link(&near_end, &far_end);
    thread = start_thread(far_thread, &far_end);
    near_side(near_end, &queues[0], 1);
    join_thread(thread);
}

static char *make_ring(void)
{
    int half, memory;
    char *ring;
    CHECK(memory = memfd_create("ring", 0));
    CHECK(ftruncate(memory, ring_bytes));
    ring = mmap(NULL, 2 * ring_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED)
        fail("mmap");
    for (half = 0; half < 2; half++)
        if (mmap(ring + half * ring_bytes, ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0)
            == MAP_FAILED)
            fail("mmap");
    CHECK(close(memory));
    return ring;
}

int main(int argc, char **argv)
{
    static const char text[] = "least tcp|unix|inproc SIZE COUNT WARMUP";
    int q;
    if (argc != 5)
        usage(text);
    size = (size_t) number(argv[2]);
    count = number(argv[3]);
    warmup = number(argv[4]);
    if (size < SEQUENCE_BYTES || size > MOST_BYTES)
        usage(text);
    begin();
    while (ring_bytes < 2 * HIGH_WATER_MARK * (LONG_HEADER + size))
        ring_bytes *= 2;
    while (in_bytes < 2 * (LONG_HEADER + size))
        in_bytes *= 2;
    body = CHECK_POINTER(calloc(1, size));
    for (q = 0; q < 2; q++) {
        queues[q].ring = make_ring();
        queues[q].next_report = STEP;
    }
    if (strcmp(argv[1], "inproc") == 0)
        run_threads();
    else
        run_processes(argv[1]);
    print_end();
    return 0;
}
