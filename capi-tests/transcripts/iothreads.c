/* I/O threads: how many there are, what ZMQ_AFFINITY makes of them, where objects go; descriptors and sockets in
 * number. queues.md sections 13 and 14. */
#include "plain.h"

#include <dirent.h>
#include <sys/socket.h>

static void set_affinity(void *socket, uint64_t mask)
{
    set_bytes(socket, ZMQ_AFFINITY, &mask, sizeof mask);
}

static void *context_of_threads(int count)
{
    void *ctx = context();
    if (zmq_ctx_set(ctx, ZMQ_IO_THREADS, count) != 0)
        give_up("IO_THREADS");
    return ctx;
}

static FILE *open_process_file(const char *folder, const char *name, const char *rest)
{
    return fopen(text("/proc/self/%s/%s%s", folder, name, rest), "r");
}

static int io_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *task = readdir(tasks); task; task = readdir(tasks)) {
        char name[32] = "";
        FILE *file = open_process_file("task", task->d_name, "/comm");
        if (file && fgets(name, sizeof name, file))
            count += strncmp(name, "ZMQbg/IO", 8) == 0;
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return count;
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += access(text("/proc/self/fd/%d", fd), F_OK) == 0;
    return count;
}

/* How many descriptors each of the last `threads` epoll descriptors of the process watches: those of the I/O threads,
 * in their order. */
static void watched(int threads, int *counts)
{
    int found[256], at = 0;
    for (int fd = 0; fd < 1024 && at < 256; fd++) {
        char target[64] = "", row[128];
        if (readlink(text("/proc/self/fd/%d", fd), target, sizeof target - 1) < 0 || !strstr(target, "eventpoll"))
            continue;
        FILE *file = open_process_file("fdinfo", text("%d", fd), "");
        found[at] = 0;
        while (file && fgets(row, sizeof row, file))
            found[at] += strncmp(row, "tfd:", 4) == 0;
        if (file)
            fclose(file);
        at++;
    }
    for (int i = 0; i < threads; i++)
        counts[i] = at >= threads ? found[at - threads + i] : -1;
}

/* What each thread watches more than `before`, once that are `more` in all. */
static const char *spread(int threads, const int *before, int more)
{
    int counts[256], sum;
    long end = now_ms() + PATIENCE;
    do {
        watched(threads, counts);
        sum = 0;
        for (int i = 0; i < threads; i++)
            sum += counts[i] - before[i];
        if (sum != more)
            usleep(1000);
    } while (sum != more && now_ms() < end);
    char out[1024] = "";
    for (int i = 0; i < threads; i++)
        sprintf(out + strlen(out), "%s%d", i ? " " : "", counts[i] - before[i]);
    return text("%s", out);
}

/* ---- how many ---- */

static void numbers(void)
{
    for (int threads = 0; threads <= 4; threads++) {
        void *ctx = context_of_threads(threads);
        void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
        begin_line(text("%d", threads));
        in_line("inproc bind", rc(zmq_bind(pull, "inproc://a")));
        in_line("connect", rc(zmq_connect(push, "inproc://a")));
        tx(push, "over inproc");
        in_line("recv", rx(pull));
        if (threads == 0) {
            in_line("tcp bind", rc(zmq_bind(pull, "tcp://127.0.0.1:*")));
            in_line("tcp connect", rc(zmq_connect(push, "tcp://127.0.0.1:9")));
            in_line("ipc bind", rc(zmq_bind(pull, "ipc://*")));
            in_line("ipc connect", rc(zmq_connect(push, "ipc://nobody")));
        } else {
            for (int t = TCP; t <= IPC; t++) {
                zmq_disconnect(push, last_endpoint(push));
                attach(pull, push, t);
                tx(push, "over a connection");
                in_line(transport_names[t], rx(pull));
            }
            in_line("threads", text("%d", io_threads()));
        }
        end_line();
        shut(pull);
        shut(push);
        term(ctx);
        line(text("%d after the end", threads), "%d", io_threads());
    }
}

/* Threads serve any number of connections. */
static void many_connections(void)
{
    for (int threads = 1; threads <= 4; threads++) {
        void *ctx = context_of_threads(threads);
        void *pull = sock(ctx, ZMQ_PULL), *push[40];
        const char *endpoint = bind_any(pull, threads % 2 ? TCP : IPC);
        for (int i = 0; i < 40; i++) {
            push[i] = sock(ctx, ZMQ_PUSH);
            connect_to(push[i], endpoint);
            for (int n = 0; n < 50; n++)
                tx(push[i], text("%d|%d", i, n));
        }
        int next[40] = {0}, wrong = 0, got = 0;
        for (; got < 2000; got++) {
            const char *message = rx(pull);
            int i = message[0] == '[' ? atoi(message + 1) : -1;
            if (i < 0 || i >= 40)
                break;
            wrong += strcmp(message, text("[%d|%d]", i, next[i]++)) != 0;
        }
        line(text("%d threads", threads), "%d, %d wrong", got, wrong);
    }
}

/* ---- affinity ---- */

static void masks(void)
{
    static const uint64_t all[] = {0, 1, 2, 3, 4, 5, 6, 8, 1ull << 63, ~0ull};
    for (int threads = 1; threads <= 3; threads++) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            void *ctx = context_of_threads(threads);
            void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
            set_affinity(pull, all[i]);
            set_affinity(push, all[i]);
            begin_line(text("%d threads, mask %llx", threads, (unsigned long long) all[i]));
            in_line("inproc bind", rc(zmq_bind(pull, "inproc://a")));
            in_line("connect", rc(zmq_connect(push, "inproc://a")));
            in_line("tcp bind", rc(zmq_bind(pull, "tcp://127.0.0.1:*")));
            in_line("connect", rc(zmq_connect(push, "tcp://127.0.0.1:9")));
            in_line("ipc bind", rc(zmq_bind(pull, "ipc://*")));
            in_line("connect", rc(zmq_connect(push, "ipc://nobody")));
            end_line();
            shut(pull);
            shut(push);
            term(ctx);
        }
    }
}

/* Of the threads that the mask at the bind allows, the one with the least to watch gets a listener, or the first. */
static void listeners(void)
{
    static const struct {
        uint64_t mask;
        int count;
    } cases[] = {{0, 6}, {0, 4}, {7, 3}, {1, 3}, {2, 5}, {4, 2}, {5, 4}, {6, 3}, {~0ull, 3}, {8 | 2, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *ctx = context_of_threads(3);
        void *pull = sock(ctx, ZMQ_PULL);
        int before[3];
        watched(3, before);
        set_affinity(pull, cases[i].mask);
        /* One is where it belongs before the next comes. */
        const char *where = "";
        for (int n = 1; n <= cases[i].count; n++) {
            bind_any(pull, TCP);
            where = spread(3, before, n);
        }
        line(text("mask %llx, %d", (unsigned long long) cases[i].mask, cases[i].count), "%s", where);
        shut(pull);
        term(ctx);
    }
}

static void set_later(void)
{
    void *ctx = context_of_threads(3);
    void *pull = sock(ctx, ZMQ_PULL);
    int before[3];
    watched(3, before);
    set_affinity(pull, 4);
    const char *endpoint = bind_any(pull, TCP);
    say("bound with 4", spread(3, before, 1));
    set_affinity(pull, 1);
    say("set to 1", spread(3, before, 1));
    int peers[4];
    for (int i = 0; i < 4; i++)
        peers[i] = plain_connect(endpoint);
    say("accepted by the listener of 4", spread(3, before, 5));
    bind_any(pull, TCP);
    say("bound with 1", spread(3, before, 6));
    for (int i = 0; i < 4; i++)
        close(peers[i]);
    say("gone", spread(3, before, 2));
}

/* A connection stays on its thread, also across reconnects. */
static void connections(void)
{
    void *ctx = context_of_threads(3);
    char endpoint[64];
    int listener = plain_listen(TCP, endpoint);
    void *push = sock(ctx, ZMQ_PUSH);
    set_int(push, ZMQ_RECONNECT_IVL, 5);
    int before[3];
    watched(3, before);
    set_affinity(push, 2);
    connect_to(push, endpoint);
    int peer = -1;
    for (int i = 0; i < 5; i++) {
        int next = accept(listener, NULL, NULL);
        if (peer != -1)
            close(peer);
        peer = next;
        say(text("connection %d", i), spread(3, before, 1));
        if (i < 4)
            shutdown(peer, SHUT_RDWR);
    }
    set_affinity(push, 4);
    connect_to(push, endpoint);
    int second = accept(listener, NULL, NULL);
    say("another", spread(3, before, 2));
    close(peer);
    close(second);
    close(listener);
}

/* More threads than the mask has bits: 0 means them all. libzmq counts a listener some time after the thread watches it,
 * so that one thread may get two. */
static void more_than_bits(void)
{
    void *ctx = context_of_threads(70);
    void *pull = sock(ctx, ZMQ_PULL);
    int before[70], after[70], one_each = 0;
    watched(70, before);
    for (int i = 1; i <= 70; i++) {
        bind_any(pull, TCP);
        spread(70, before, i);
    }
    watched(70, after);
    for (int i = 0; i < 70; i++)
        one_each += after[i] - before[i] == 1;
    say("mask 0", one_each > 64 ? "one on more threads than there are bits" : text("one each on %d", one_each));
    set_affinity(pull, 1ull << 63);
    bind_any(pull, TCP);
    spread(70, after, 1);
    watched(70, before);
    line("the last bit", "%d %d %d", before[62] - after[62], before[63] - after[63], before[64] - after[64]);
}

/* ---- in number ---- */

static const char *until_descriptors(int wanted)
{
    long end = now_ms() + PATIENCE;
    while (descriptors() != wanted && now_ms() < end)
        usleep(1000);
    return text("%d", descriptors() - wanted);
}

/* One for each listener and each connection, none for what is inproc beyond that of the socket; all are given back. */
static void in_use(void)
{
    int at_first = descriptors();
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    attach(pull, push, INPROC);
    int before = descriptors();
    const char *endpoint = bind_any(pull, TCP);
    say("a listener", until_descriptors(before + 1));
    int peers[10];
    for (int i = 0; i < 10; i++)
        peers[i] = plain_connect(endpoint);
    say("ten accepted, with the other ends", until_descriptors(before + 1 + 20));
    for (int i = 0; i < 10; i++)
        close(peers[i]);
    say("gone", until_descriptors(before + 1));
    char place[64];
    int listener = plain_listen(TCP, place);
    for (int i = 0; i < 10; i++) {
        connect_to(push, place);
        peers[i] = accept(listener, NULL, NULL);
    }
    say("ten connected, with the other ends", until_descriptors(before + 2 + 20));
    zmq_unbind(pull, endpoint);
    say("unbound", until_descriptors(before + 1 + 20));
    for (int i = 0; i < 10; i++)
        close(peers[i]);
    close(listener);
    shut(pull);
    shut(push);
    term(ctx);
    say("after the end", until_descriptors(at_first));
}

/* Sockets count until they are gone for good; the number is what MAX_SOCKETS says, 1023 by itself. */
static void sockets(void)
{
    void *ctx = context();
    line("default", "%d", zmq_ctx_get(ctx, ZMQ_MAX_SOCKETS));
    line("upper bound", "%d", zmq_ctx_get(ctx, ZMQ_SOCKET_LIMIT));
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 5);
    void *all[5];
    for (int i = 0; i < 5; i++)
        all[i] = sock(ctx, ZMQ_PAIR);
    say("one more", made(zmq_socket(ctx, ZMQ_PAIR)));
    shut(all[0]);
    void *again = NULL;
    for (long end = now_ms() + PATIENCE; !again && now_ms() < end; usleep(1000))
        again = zmq_socket(ctx, ZMQ_PAIR);
    say("after a close", made(again));
    say("and no more", made(zmq_socket(ctx, ZMQ_PAIR)));
    zmq_close(again);
}

static long resident_kilobytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        give_up("statm");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Marks of two thousand millions reserve nothing, and their sum is still no small number. */
static void largest_marks(void)
{
    static const int marks[][2] = {{2147483647, 2147483647}, {2147483647, 1}, {1, 2147483647}};
    for (int i = 0; i < 3; i++) {
        for (int t = INPROC; t <= IPC; t++) {
            void *ctx = context();
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            long before = resident_kilobytes();
            set_int(push, ZMQ_SNDHWM, marks[i][0]);
            set_int(pull, ZMQ_RCVHWM, marks[i][1]);
            attach(pull, push, t);
            long grown = resident_kilobytes() - before;
            int sent = 0, got = 0;
            while (sent < 3000 && (t == INPROC ? tx_now(push, "m") : tx(push, "m"))[0] == '1') {
                sent++;
                /* With a mark of 1 at one end of a connection, what is on its way has to be read. */
                if (t != INPROC && (marks[i][0] == 1 || marks[i][1] == 1) && rx(pull)[0] == '[')
                    got++;
            }
            while (got < sent && rx(pull)[0] == '[')
                got++;
            line(text("%d/%d, %s", marks[i][0], marks[i][1], transport_names[t]), "%d, %d, %s", sent, got,
                 grown < 20000 ? "nothing reserved" : text("%ld KB", grown));
        }
    }
}

static const struct rule rules[] = {
    RULE(numbers), RULE(many_connections), RULE(masks), RULE(listeners), RULE(set_later), RULE(connections),
    RULE(more_than_bits), RULE(in_use), RULE(sockets),
    RULE(largest_marks),
};

RUN(rules)
