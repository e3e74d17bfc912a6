/* The end of a process and of its threads: exit handlers, destructors of C++ objects, thread-local destructors,
 * in all of which sockets may be used, closed and made; exit with everything in full swing. protocols: "Unloading
 * and process end". */
#include "expect.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* What a C++ compiler calls for objects with static or thread storage. */
extern int __cxa_atexit(void (*)(void *), void *, void *);
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static void *ctx, *here, *there;

static void begin(enum transport transport)
{
    ctx = zmq_ctx_new();
    here = zmq_socket(ctx, ZMQ_PAIR);
    there = zmq_socket(ctx, ZMQ_PAIR);
    int patience = PATIENCE;
    zmq_setsockopt(here, ZMQ_RCVTIMEO, &patience, sizeof patience);
    connect_to(there, bind_any(here, transport));
}

/* A message through the sockets made before. */
static int exchange(void)
{
    char buffer[8];
    return zmq_send(there, "hello", 5, 0) == 5 && zmq_recv(here, buffer, sizeof buffer, 0) == 5;
}

/* Sockets used, closed, and the context ended, wherever this is called. Ends the process with another code if
 * something fails. */
static void use_and_end(void *unused)
{
    (void) unused;
    zmq_pollitem_t item = {here, 0, ZMQ_POLLIN, 0};
    if (!exchange())
        _exit(11);
    if (zmq_poll(&item, 1, 5) != 0)
        _exit(12);
    if (zmq_close(here) != 0 || zmq_close(there) != 0)
        _exit(13);
    if (zmq_ctx_term(ctx) != 0)
        _exit(14);
}

/* A whole life that begins and ends here. */
static void whole_life(void *unused)
{
    begin(TCP);
    use_and_end(unused);
    begin(IPC);
    use_and_end(unused);
}

static void use_and_end_at_exit(void)
{
    use_and_end(NULL);
}

static void whole_life_at_exit(void)
{
    whole_life(NULL);
}

/* Runs `part` in a child that then exits by exit(); "0" if all went well in time. */
static const char *exits(void (*part)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(getenv("SLOW") ? 400 : 15);
        part();
        exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? text("%d", WEXITSTATUS(status)) : text("signal %d", WTERMSIG(status));
}

/* ---- handlers and static objects ---- */

static void handler_before(void)
{
    /* Registered before the library was used at all. */
    atexit(use_and_end_at_exit);
    begin(TCP);
}

static void handler_after(void)
{
    begin(TCP);
    exchange();
    atexit(use_and_end_at_exit);
}

static void handler_begins(void)
{
    atexit(whole_life_at_exit);
}

static void object_before(void)
{
    __cxa_atexit(use_and_end, NULL, __dso_handle);
    begin(IPC);
}

static void object_after(void)
{
    begin(IPC);
    exchange();
    __cxa_atexit(use_and_end, NULL, __dso_handle);
}

static void at_exit(void)
{
    expect("handler from before", exits(handler_before), "0");
    expect("handler from after", exits(handler_after), "0");
    expect("handler that begins anew", exits(handler_begins), "0");
    expect("object from before", exits(object_before), "0");
    expect("object from after", exits(object_after), "0");
}

/* A real destructor of this program, which runs after all exit handlers, and a constructor before main. */
static int destructor_acts;
static void *constructed;

__attribute__((constructor)) static void at_load(void)
{
    /* Costs a thread in every child, so only where it is asked for. */
    if (!getenv("CONSTRUCT"))
        return;
    begin(TCP);
    if (exchange())
        constructed = ctx;
}

__attribute__((destructor)) static void at_unload(void)
{
    if (destructor_acts == 1)
        use_and_end(NULL);
    if (destructor_acts == 2)
        whole_life(NULL);
}

static void destructor_ends(void)
{
    begin(TCP);
    exchange();
    destructor_acts = 1;
}

static void destructor_begins(void)
{
    destructor_acts = 2;
}

static void run_constructed(void)
{
    setenv("CONSTRUCT", "1", 1);
    execl("/proc/self/exe", "exits", "inside_of_constructed", NULL);
    _exit(21);
}

static void inside_of_constructed(void)
{
    if (!getenv("CONSTRUCT"))
        return;
    /* main began with sockets that were made before it. */
    if (!constructed)
        _exit(22);
    destructor_acts = 1;
    exit(exchange() ? 0 : 23);
}

static void constructors(void)
{
    expect("destructor ends", exits(destructor_ends), "0");
    expect("destructor begins anew", exits(destructor_begins), "0");
    /* Memcheck's programs cannot start themselves anew. */
    if (!getenv("SLOW"))
        expect("constructor begins", exits(run_constructed), "0");
}

/* ---- threads that end ---- */

static pthread_key_t key;

static void *with_key(void *destroys_first)
{
    char byte;
    if (destroys_first) {
        /* Sets the key before the library's own thread-locals come into being, and after. */
        pthread_setspecific(key, "x");
    }
    begin(TCP);
    exchange();
    zmq_recv(here, &byte, 1, ZMQ_DONTWAIT);
    pthread_setspecific(key, "x");
    return NULL;
}

static void *with_object(void *unused)
{
    begin(TCP);
    exchange();
    __cxa_thread_atexit_impl(use_and_end, unused, __dso_handle);
    return NULL;
}

static void *with_object_before(void *unused)
{
    __cxa_thread_atexit_impl(use_and_end, unused, __dso_handle);
    begin(TCP);
    return NULL;
}

static void *with_late_life(void *unused)
{
    (void) unused;
    /* A thread that never used the library before it ends. */
    pthread_setspecific(key, "x");
    return NULL;
}

static void *with_late_object(void *unused)
{
    __cxa_thread_atexit_impl(whole_life, unused, __dso_handle);
    return NULL;
}

static void in_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, argument);
    pthread_join(thread, NULL);
}

static void key_ends(void)
{
    pthread_key_create(&key, use_and_end);
    in_thread(with_key, NULL);
}

static void key_ends_first(void)
{
    pthread_key_create(&key, use_and_end);
    in_thread(with_key, &key);
}

static void key_begins(void)
{
    pthread_key_create(&key, whole_life);
    in_thread(with_late_life, NULL);
}

static void object_ends(void)
{
    in_thread(with_object, NULL);
}

static void object_ends_last(void)
{
    in_thread(with_object_before, NULL);
}

static void object_begins(void)
{
    in_thread(with_late_object, NULL);
}

/* Of the main thread, whose objects go first at exit. */
static void main_object(void)
{
    begin(TCP);
    exchange();
    __cxa_thread_atexit_impl(use_and_end, NULL, __dso_handle);
}

static void freed_at_the_end(void *data, void *hint)
{
    (void) data;
    atomic_int *count = hint;
    (*count)++;
}

static atomic_int freed;

static void close_message(void *message)
{
    zmq_msg_close(message);
}

static void *with_message(void *message)
{
    begin(INPROC);
    exchange();
    pthread_setspecific(key, message);
    return NULL;
}

/* A free function that runs in a thread's last moments. */
static void key_frees(void)
{
    static zmq_msg_t message;
    static char data[100];
    zmq_msg_init_data(&message, data, sizeof data, freed_at_the_end, &freed);
    pthread_key_create(&key, close_message);
    in_thread(with_message, &message);
    if (freed != 1)
        _exit(31);
    use_and_end(NULL);
}

static void ends_of_threads(void)
{
    expect("key ends", exits(key_ends), "0");
    expect("key ends, set first", exits(key_ends_first), "0");
    expect("key begins", exits(key_begins), "0");
    expect("object ends", exits(object_ends), "0");
    expect("object made first ends", exits(object_ends_last), "0");
    expect("object begins", exits(object_begins), "0");
    expect("object of the main thread", exits(main_object), "0");
    expect("key frees a message", exits(key_frees), "0");
}

/* Threads that wait and end by the thousand leave nothing behind. */
static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += access(text("/proc/self/fd/%d", fd), F_OK) == 0;
    return count;
}

static void *wait_a_little(void *socket)
{
    char byte;
    zmq_recv(socket, &byte, 1, 0);
    return NULL;
}

static void many_threads(void)
{
    void *own = context();
    void *s = sock(own, ZMQ_PAIR);
    set_int(s, ZMQ_RCVTIMEO, 1);
    in_thread(wait_a_little, s);
    int before = open_descriptors();
    for (int i = 0; i < turns(1000); i++)
        in_thread(wait_a_little, s);
    expect("descriptors left over", text("%d", open_descriptors() - before), "0");
}

/* ---- exit with everything in full swing ---- */

static void *send_for_ever(void *socket)
{
    for (;;)
        zmq_send(socket, "a message that is sent", 22, 0);
    return NULL;
}

static void *receive_for_ever(void *socket)
{
    char buffer[64];
    for (;;)
        zmq_recv(socket, buffer, sizeof buffer, 0);
    return NULL;
}

static void *poll_for_ever(void *socket)
{
    zmq_pollitem_t item = {socket, 0, 0, 0};
    for (;;)
        zmq_poll(&item, 1, -1);
    return NULL;
}

static void *churn_for_ever(void *own)
{
    for (;;) {
        void *s = zmq_socket(own, ZMQ_PUSH);
        int no = 0;
        zmq_setsockopt(s, ZMQ_LINGER, &no, sizeof no);
        zmq_connect(s, "tcp://127.0.0.1:9");
        zmq_close(s);
    }
    return NULL;
}

static void full_swing(void)
{
    static const char *const endpoints[] = {"tcp://127.0.0.1:*", "ipc://*", "inproc://x"};
    void *own = zmq_ctx_new();
    pthread_t thread;
    zmq_ctx_set(own, ZMQ_IO_THREADS, 2);
    for (int i = 0; i < 3; i++) {
        void *push = zmq_socket(own, ZMQ_PUSH), *pull = zmq_socket(own, ZMQ_PULL);
        zmq_bind(pull, endpoints[i]);
        zmq_connect(push, last_endpoint(pull));
        pthread_create(&thread, NULL, send_for_ever, push);
        pthread_create(&thread, NULL, receive_for_ever, pull);
    }
    pthread_create(&thread, NULL, receive_for_ever, zmq_socket(own, ZMQ_PULL));
    pthread_create(&thread, NULL, poll_for_ever, zmq_socket(own, ZMQ_PULL));
    pthread_create(&thread, NULL, churn_for_ever, own);
    usleep((useconds_t) (rand() % 4) * 2000);
}

static void in_full_swing(void)
{
    int wrong = 0;
    for (int i = 0; i < turns(100); i++) {
        srand((unsigned) i);
        wrong += differs(text("exit %d", i), exits(full_swing), "0");
    }
    expect("exits that went wrong", rc(wrong), "0");
}

static void *term_for_ever(void *own)
{
    zmq_ctx_term(own);
    return NULL;
}

/* A thread is in zmq_ctx_term, which cannot come to its end; another in a handler. */
static void in_term(void)
{
    void *own = zmq_ctx_new();
    zmq_socket(own, ZMQ_PAIR);
    pthread_t thread;
    pthread_create(&thread, NULL, term_for_ever, own);
    usleep(5000);
}

/* Unsent messages with unlimited linger: exit does not wait for them. */
static void unsent(void)
{
    void *own = zmq_ctx_new();
    void *push = zmq_socket(own, ZMQ_PUSH);
    zmq_connect(push, "tcp://127.0.0.1:9");
    zmq_send(push, "x", 1, 0);
    zmq_close(push);
}

static void *exit_from_thread(void *unused)
{
    (void) unused;
    exit(0);
}

static void exit_elsewhere(void)
{
    pthread_t thread;
    full_swing();
    pthread_create(&thread, NULL, exit_from_thread, NULL);
    pthread_exit(NULL);
}

static void open_things(void)
{
    expect("in zmq_ctx_term", exits(in_term), "0");
    expect("unsent", exits(unsent), "0");
    expect("exit from another thread", exits(exit_elsewhere), "0");
}

static const struct rule rules[] = {
    RULE(at_exit), RULE(constructors), RULE_WITHIN(ends_of_threads, 60000), RULE(many_threads),
    RULE_WITHIN(in_full_swing, 60000), RULE(open_things), RULE(inside_of_constructed),
};

RUN(rules)
