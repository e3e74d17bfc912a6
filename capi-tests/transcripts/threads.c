/* The library's threads: when they start and end, their names, signals and scheduling; and what several threads of the
 * program may do with one socket, context or counter. api.md sections 1, 2 and 3. */
#include "transcript.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

enum { THREADS = 64 };

/* The library's threads, by what /proc says. The stock library has a reaper besides its I/O threads. */
struct seen {
    int count;
    struct {
        char name[32];
        long id;
    } of[THREADS];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A file of a thread, or an empty text if it has just ended. */
static const char *about(long id, const char *what)
{
    static char content[4096];
    char path[128];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", id, what);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(content, 1, sizeof content - 1, file) : 0;
    content[size] = 0;
    if (file)
        fclose(file);
    return content;
}

/* All threads but the main one. */
static void look(struct seen *seen)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    seen->count = 0;
    while ((task = readdir(tasks)) && seen->count < THREADS) {
        if (task->d_name[0] == '.' || atol(task->d_name) == getpid())
            continue;
        const char *name = about(atol(task->d_name), "comm");
        if (!name[0])
            continue;
        seen->of[seen->count].id = atol(task->d_name);
        snprintf(seen->of[seen->count++].name, 32, "%.*s", (int) strcspn(name, "\n"), name);
    }
    closedir(tasks);
    qsort(seen->of, (size_t) seen->count, sizeof seen->of[0], by_name);
}

static int is_reaper(const char *name)
{
    return strstr(name, "Reaper") != NULL;
}

/* A thread names itself a little after it began: waits until none has the name of the program any more. */
static void look_when_named(struct seen *seen)
{
    char own[32];
    snprintf(own, sizeof own, "%.*s", (int) strcspn(about(getpid(), "comm"), "\n"), about(getpid(), "comm"));
    long end = now_ms() + PATIENCE;
    int unnamed;
    do {
        look(seen);
        unnamed = 0;
        for (int i = 0; i < seen->count; i++)
            unnamed += strcmp(seen->of[i].name, own) == 0;
    } while (unnamed && now_ms() < end);
}

/* How many threads there are but for reapers. */
static const char *workers(void)
{
    struct seen seen;
    int count = 0;
    look_when_named(&seen);
    for (int i = 0; i < seen.count; i++)
        count += !is_reaper(seen.of[i].name);
    return text("%d", count);
}

/* The names of reapers, or of the others. */
static const char *names_of(const struct seen *seen, int reapers)
{
    const char *all = "";
    for (int i = 0; i < seen->count; i++)
        if (is_reaper(seen->of[i].name) == reapers)
            all = text("%s%s%s", all, all[0] ? " " : "", seen->of[i].name);
    return all[0] ? all : "none";
}

static void say_names(const char *key)
{
    struct seen seen;
    look_when_named(&seen);
    say(key, names_of(&seen, 0));
    say(text("%s, reaper", key), names_of(&seen, 1));
}

/* What is joined may still be listed for a moment. */
static const char *all_gone(void)
{
    struct seen seen;
    long end = now_ms() + PATIENCE;
    do {
        look(&seen);
    } while (seen.count && now_ms() < end);
    return text("%d left", seen.count);
}

static void start_and_end(void)
{
    say("before", workers());
    void *ctx = context();
    say("with a context", workers());
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 3);
    zmq_ctx_get(ctx, ZMQ_MAX_SOCKETS);
    say("with options", workers());
    void *s = sock(ctx, ZMQ_PAIR);
    say("with a socket", workers());
    for (int i = 0; i < 10; i++)
        bind_any(sock(ctx, classic_types[i]), i % 2 ? TCP : IPC);
    say("with more", workers());
    void *other = context();
    say("with another context", workers());
    void *t = sock(other, ZMQ_PAIR);
    say("with its socket", workers());
    bind_any(t, INPROC);
    say("with its inproc endpoint", workers());
    bind_any(t, TCP);
    say("with its tcp endpoint", workers());
    shut(t);
    term(other);
    /* A joined thread may still be listed for a moment. */
    long end = now_ms() + PATIENCE;
    while (strcmp(workers(), "3") != 0 && now_ms() < end)
        usleep(1000);
    say("after its end", workers());
    shut(s);
    zmq_ctx_shutdown(ctx);
    say("after a shutdown", workers());
}

static void gone_with_the_context(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 5);
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    say("there", workers());
    shut(a);
    shut(b);
    say("term", term(ctx));
    say("then", all_gone());
}

static void without_io_threads(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0);
    sock(ctx, ZMQ_PAIR);
    say("workers", workers());
}

/* A socket that cannot be made starts them, too, or at least settles how many there will be. */
static void failed_socket(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2);
    say("socket", made(zmq_socket(ctx, 99)));
    say("workers", workers());
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 4);
    bind_any(sock(ctx, ZMQ_PAIR), TCP);
    say("later", workers());
}

static void names(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 12);
    bind_any(sock(ctx, ZMQ_PAIR), TCP);
    say_names("of twelve");
}

static void prefixes(void)
{
    static const int values[] = {0, 7, -1, 12345678, 2147483647};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        void *ctx = context();
        zmq_ctx_set(ctx, ZMQ_THREAD_NAME_PREFIX, values[i]);
        void *s = sock(ctx, ZMQ_PAIR);
        bind_any(s, TCP);
        say_names(text("%d", values[i]));
        shut(s);
        term(ctx);
        all_gone();
    }
}

static void in_thread(void *argument)
{
    char name[32] = "?";
    sigset_t mask;
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    int open = 0;
    for (int number = 1; number < 32; number++)
        open += number != SIGKILL && number != SIGSTOP && !sigismember(&mask, number);
    sprintf(argument, "%s, %d signals open", name, open);
}

static void started_by_the_program(void)
{
    char result[64] = "did not run";
    zmq_threadclose(zmq_threadstart(in_thread, result));
    say("thread", result);
}

/* The signals that library threads have open, and those of this thread as they were. */
static void signals(void)
{
    sigset_t mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 3);
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    struct seen seen;
    look_when_named(&seen);
    int open = 0;
    for (int i = 0; i < seen.count; i++) {
        unsigned long long mask = 0;
        const char *row = strstr(about(seen.of[i].id, "status"), "SigBlk:");
        if (row)
            sscanf(row, "SigBlk: %llx", &mask);
        for (int number = 1; number < 32; number++)
            open += number != SIGKILL && number != SIGSTOP && !(mask >> (number - 1) & 1);
    }
    line("open in library threads", "%d", open);
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    int changed = 0;
    for (int number = 1; number < 32; number++)
        changed += sigismember(&now, number) != sigismember(&mine, number);
    line("changed in this one", "%d", changed);
}

/* Options of threads set when there is a socket. */
static void frozen(void)
{
    void *ctx = context();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2);
    sock(ctx, ZMQ_PAIR);
    say("IO_THREADS", rc(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 4)));
    say("prefix", rc(zmq_ctx_set(ctx, ZMQ_THREAD_NAME_PREFIX, 7)));
    say("priority", rc(zmq_ctx_set(ctx, ZMQ_THREAD_PRIORITY, 0)));
    say("policy", rc(zmq_ctx_set(ctx, ZMQ_THREAD_SCHED_POLICY, SCHED_BATCH)));
    say("CPU", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_ADD, 0)));
    bind_any(sock(ctx, ZMQ_PAIR), TCP);
    say_names("after");
    say("IO_THREADS reads", rc(zmq_ctx_get(ctx, ZMQ_IO_THREADS)));
    say("prefix reads", rc(zmq_ctx_get(ctx, ZMQ_THREAD_NAME_PREFIX)));
    say("policy reads", rc(zmq_ctx_get(ctx, ZMQ_THREAD_SCHED_POLICY)));
    struct seen seen;
    look(&seen);
    int batch = 0;
    for (int i = 0; i < seen.count; i++)
        batch += sched_getscheduler((pid_t) seen.of[i].id) == SCHED_BATCH;
    line("threads of that policy", "%d", batch);
}

/* "all", "none" or how many of the library's threads are so. */
static const char *how_many(const struct seen *seen, int count)
{
    return count == 0 ? "none" : count == seen->count ? "all" : text("%d", count);
}

static void scheduling(void)
{
    void *ctx = context();
    cpu_set_t mine, first;
    sched_getaffinity(0, sizeof mine, &mine);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &mine))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2);
    say("policy", rc(zmq_ctx_set(ctx, ZMQ_THREAD_SCHED_POLICY, SCHED_BATCH)));
    say("CPU", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_ADD, cpu)));
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    struct seen seen;
    look_when_named(&seen);
    int batch = 0, bound = 0;
    for (int i = 0; i < seen.count; i++) {
        cpu_set_t its;
        sched_getaffinity((pid_t) seen.of[i].id, sizeof its, &its);
        batch += sched_getscheduler((pid_t) seen.of[i].id) == SCHED_BATCH;
        bound += CPU_EQUAL(&its, &first);
    }
    say("of that policy", how_many(&seen, batch));
    say("on that CPU", how_many(&seen, bound));
    cpu_set_t now;
    sched_getaffinity(0, sizeof now, &now);
    line("this thread is as before", "%d", sched_getscheduler(0) == SCHED_OTHER && CPU_EQUAL(&now, &mine));
    tx(a, "x");
    say("they work", rx(b));
}

/* As a user who may not. */
static void refused_scheduling(int option, int value)
{
    if (geteuid() == 0 && syscall(SYS_setresuid, 65533, 65533, 65533) != 0) {
        say("user", "cannot be changed");
        return;
    }
    void *ctx = context();
    say("set", rc(zmq_ctx_set(ctx, option, value)));
    void *a = sock(ctx, ZMQ_PAIR), *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, TCP);
    tx(a, "x");
    say("it works", rx(b));
}

static void refused_policy(void)
{
    refused_scheduling(ZMQ_THREAD_SCHED_POLICY, SCHED_FIFO);
}

static void no_such_policy(void)
{
    refused_scheduling(ZMQ_THREAD_SCHED_POLICY, 4711);
}

static void refused_priority(void)
{
    refused_scheduling(ZMQ_THREAD_PRIORITY, 10);
}

static void no_such_cpu(void)
{
    refused_scheduling(ZMQ_THREAD_AFFINITY_CPU_ADD, 1000);
}

static void cpu_beyond_all(void)
{
    refused_scheduling(ZMQ_THREAD_AFFINITY_CPU_ADD, 2147483647);
}

/* ---- the program's own threads ---- */

/* Each thread has its own error. */
struct failing {
    pthread_barrier_t *step;
    void *socket;
    int number;
    int wrong;
};

static void *fail_again_and_again(void *argument)
{
    struct failing *it = argument;
    static const int wanted[] = {ENOTSOCK, EFAULT, EAGAIN, EINVAL};
    char byte;
    for (int i = 0; i < 200; i++) {
        switch (it->number) {
        case 0: zmq_close(NULL); break;
        case 1: zmq_ctx_term(NULL); break;
        case 2: zmq_recv(it->socket, &byte, 1, ZMQ_DONTWAIT); break;
        default: zmq_bind(it->socket, "nonsense");
        }
        /* The others fail now, or have failed. */
        pthread_barrier_wait(it->step);
        it->wrong += zmq_errno() != wanted[it->number] || errno != wanted[it->number];
        pthread_barrier_wait(it->step);
    }
    return NULL;
}

static void errno_of_each_thread(void)
{
    void *ctx = context();
    pthread_barrier_t step;
    pthread_t threads[4];
    struct failing each[4];
    pthread_barrier_init(&step, NULL, 4);
    for (int i = 0; i < 4; i++) {
        each[i] = (struct failing){&step, sock(ctx, ZMQ_PAIR), i, 0};
        pthread_create(&threads[i], NULL, fail_again_and_again, &each[i]);
    }
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        wrong += each[i].wrong;
    }
    line("wrong", "%d", wrong);
}

struct handed {
    void *ctx, *socket, *peer;
    enum transport transport;
    const char *result;
};

static void *make_it(void *argument)
{
    struct handed *it = argument;
    it->socket = plain_sock(it->ctx, ZMQ_PAIR);
    set_int(it->socket, ZMQ_LINGER, 0);
    set_int(it->socket, ZMQ_RCVTIMEO, PATIENCE);
    return NULL;
}

static void *bind_it(void *argument)
{
    struct handed *it = argument;
    connect_to(it->peer, bind_any(it->socket, it->transport));
    return NULL;
}

static void *receive_with_it(void *argument)
{
    struct handed *it = argument;
    tx(it->peer, "for|you");
    it->result = rx(it->socket);
    return NULL;
}

static void *send_with_it(void *argument)
{
    struct handed *it = argument;
    tx(it->socket, "back");
    it->result = rx(it->peer);
    return NULL;
}

static void *close_it(void *argument)
{
    struct handed *it = argument;
    it->result = shut(it->socket);
    return NULL;
}

static void in_another_thread(void *work(void *), struct handed *it)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, it);
    pthread_join(thread, NULL);
}

/* A socket that gets each call from another thread. */
static void handed_over(void)
{
    for (enum transport transport = INPROC; transport <= IPC; transport++) {
        void *ctx = context();
        struct handed it = {ctx, NULL, sock(ctx, ZMQ_PAIR), transport, ""};
        const char *name = transport_names[transport];
        in_another_thread(make_it, &it);
        in_another_thread(bind_it, &it);
        in_another_thread(receive_with_it, &it);
        say(text("%s receives", name), it.result);
        in_another_thread(send_with_it, &it);
        say(text("%s sends", name), it.result);
        in_another_thread(close_it, &it);
        say(text("%s close", name), it.result);
        shut(it.peer);
        say(text("%s term", name), term(ctx));
    }
}

static void *count(void *argument)
{
    for (int i = 0; i < 100000; i++)
        zmq_atomic_counter_inc(argument);
    for (int i = 0; i < 50000; i++)
        zmq_atomic_counter_dec(argument);
    return NULL;
}

static void counter(void)
{
    void *number = zmq_atomic_counter_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, number);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    line("value", "%d", zmq_atomic_counter_value(number));
    zmq_atomic_counter_destroy(&number);
}

/* Opens and closes sockets, and sets and reads options. */
static void *use_context(void *argument)
{
    void *ctx = argument;
    size_t wrong = 0;
    for (int i = 0; i < 100; i++) {
        void *s = zmq_socket(ctx, classic_types[i % 12]);
        wrong += !s;
        wrong += zmq_ctx_set(ctx, ZMQ_IPV6, i % 2) != 0;
        wrong += (unsigned) zmq_ctx_get(ctx, ZMQ_IPV6) > 1;
        wrong += zmq_ctx_get(ctx, ZMQ_IO_THREADS) != 1;
        wrong += zmq_close(s) != 0;
    }
    return (void *) wrong;
}

static void shared_context(void)
{
    void *ctx = context();
    pthread_t threads[4];
    size_t wrong = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, use_context, ctx);
    for (int i = 0; i < 4; i++) {
        void *its;
        pthread_join(threads[i], &its);
        wrong += (size_t) its;
    }
    line("wrong", "%zu", wrong);
    say("term", term(ctx));
}

static const struct rule rules[] = {
    RULE(start_and_end), RULE(gone_with_the_context), RULE(without_io_threads), RULE(failed_socket), RULE(names),
    RULE(prefixes), RULE(started_by_the_program), RULE(signals), RULE(frozen), RULE(scheduling),
    RULE(refused_policy), RULE(no_such_policy), RULE(refused_priority), RULE(no_such_cpu), RULE(cpu_beyond_all),
    RULE(errno_of_each_thread), RULE(handed_over), RULE(counter), RULE(shared_context),
};

RUN(rules)
