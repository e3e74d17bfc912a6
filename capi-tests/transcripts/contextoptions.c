/* Every row of context_options.tsv: default, values, and on a library that has them the two functions with a
 * length. The rows come from the contract's table (run.py writes context_option_rows.h). */
#include "transcript.h"

#include <dlfcn.h>
#include <limits.h>

struct option {
    int number;
    const char *name;
};

#define ROW(number, kind, name) {number, name},
static const struct option options[] = {
#include "context_option_rows.h"
    {-1, "-1"}, {0, "0"}, {11, "11"}, {41, "41"}, {43, "43"}, {69, "69"}, {71, "71"}, {10000000, "10000000"},
    {INT_MAX, "INT_MAX"}, {INT_MIN, "INT_MIN"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of the draft part of zmq.h. */
enum { ZERO_COPY_RECV = 10 };

typedef int set_ext_function(void *context, int option, const void *value, size_t size);
typedef int get_ext_function(void *context, int option, void *value, size_t *size);

/* -1 is both an error and the default of some options. */
static const char *get(void *ctx, int option)
{
    errno = 0;
    int value = zmq_ctx_get(ctx, option);
    return value == -1 && errno ? error_name(errno) : text("%d", value);
}

static void defaults(void)
{
    void *ctx = context();
    for (size_t i = 0; i < COUNT(options); i++)
        say(options[i].name, get(ctx, options[i].number));
}

static void setting(void)
{
    static const int values[] = {INT_MIN, -2, -1, 0, 1, 2, 3, 42, 1023, 65535, 65536, INT_MAX};
    for (size_t i = 0; i < COUNT(options); i++) {
        for (size_t v = 0; v < COUNT(values); v++) {
            void *ctx = context();
            const char *set = rc(zmq_ctx_set(ctx, options[i].number, values[v]));
            line(text("%s = %d", options[i].name, values[v]), "%s, reads %s", set,
                 get(ctx, options[i].number));
            term(ctx);
        }
    }
    line("options checked", "%zu", COUNT(options));
}

static void cpu_set(void)
{
    void *ctx = context();
    say("add", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_ADD, 3)));
    say("add twice", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_ADD, 3)));
    say("remove", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_REMOVE, 3)));
    say("remove twice", rc(zmq_ctx_set(ctx, ZMQ_THREAD_AFFINITY_CPU_REMOVE, 3)));
}

static int max_size(void *socket)
{
    int64_t size = 0;
    size_t length = sizeof size;
    zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &size, &length);
    return (int) size;
}

/* What was set is what new sockets and their messages live with. */
static void effects(void)
{
    static char body[100000];
    static const int numbers[] = {ZMQ_MAX_MSGSZ, ZERO_COPY_RECV, ZMQ_IPV6};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        for (int value = 0; value <= 1; value++) {
            void *ctx = context();
            const char *key = text("%d = %d", numbers[i], value);
            const char *set = rc(zmq_ctx_set(ctx, numbers[i], value));
            void *push = sock(ctx, ZMQ_PUSH), *pull = sock(ctx, ZMQ_PULL);
            connect_to(push, bind_any(pull, TCP));
            int right = 0;
            for (size_t size = 1; size <= sizeof body; size *= 10) {
                zmq_msg_t m;
                memset(body, (int) size % 251, size);
                zmq_send(push, body, size, 0);
                zmq_msg_init(&m);
                right += zmq_msg_recv(&m, pull, 0) == (int) size && memcmp(zmq_msg_data(&m), body, size) == 0;
                zmq_msg_close(&m);
            }
            line(key, "%s, %d messages right, IPV6 %s, MAXMSGSIZE %d", set, right, show_int(push, ZMQ_IPV6),
                 max_size(push));
        }
    }
}

/* An IPv6 address is none without the option of the context, and takes sockets made later only. */
static void ipv6(void)
{
    void *ctx = context();
    void *before = sock(ctx, ZMQ_PULL);
    zmq_ctx_set(ctx, ZMQ_IPV6, 1);
    void *after = sock(ctx, ZMQ_PULL);
    say("socket from before", rc(zmq_bind(before, "tcp://[::1]:*")));
    /* Not every machine has IPv6: whatever else comes of it. */
    line("socket from after takes it", "%d", strcmp(rc(zmq_bind(after, "tcp://[::1]:*")), "ENODEV") != 0);
}

/* The functions that only draft builds have. */
static int find_ext(set_ext_function **set, get_ext_function **get)
{
    *set = (set_ext_function *) dlsym(RTLD_DEFAULT, "zmq_ctx_set_ext");
    *get = (get_ext_function *) dlsym(RTLD_DEFAULT, "zmq_ctx_get_ext");
    return *set && *get;
}

/* Pieces of one line. */
struct pieces {
    char text[2000];
    size_t used;
};

static void add(struct pieces *all, const char *piece)
{
    int size = snprintf(all->text + all->used, sizeof all->text - all->used, "%s%s",
                        all->used ? ", " : "", piece);
    all->used += (size_t) size;
}

/* Each length, with the int 3 in front: the result, and what the option then is as an int. */
static void set_ext(void)
{
    static const size_t sizes[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 300};
    set_ext_function *set;
    get_ext_function *get_as;
    if (!find_ext(&set, &get_as))
        return;
    for (size_t i = 0; i < COUNT(options); i++) {
        struct pieces all = {"", 0};
        for (size_t v = 0; v < COUNT(sizes); v++) {
            char data[300];
            memset(data, 'p', sizeof data);
            memcpy(data, (int[]){3}, sizeof(int));
            void *ctx = context();
            const char *result = rc(set(ctx, options[i].number, data, sizes[v]));
            add(&all, text("%zu: %s reads %s", sizes[v], result, get(ctx, options[i].number)));
            term(ctx);
        }
        say(options[i].name, all.text);
    }
}

/* Each length: the result, the length afterwards, and the int in the buffer if it was written to. */
static void get_ext(void)
{
    static const size_t sizes[] = {0, 1, 3, 4, 5, 8, 16, 17, 64};
    set_ext_function *set;
    get_ext_function *get_as;
    if (!find_ext(&set, &get_as))
        return;
    void *ctx = context();
    for (size_t i = 0; i < COUNT(options); i++) {
        struct pieces all = {"", 0};
        for (size_t v = 0; v < COUNT(sizes); v++) {
            char buffer[64];
            size_t size = sizes[v];
            memset(buffer, '.', sizeof buffer);
            const char *result = rc(get_as(ctx, options[i].number, buffer, &size));
            int value;
            memcpy(&value, buffer, sizeof value);
            add(&all, text("%zu: %s%s%s", sizes[v], result, size == sizes[v] ? "" : " other length",
                           buffer[0] == '.' ? "" : text(" %d", value)));
        }
        say(options[i].name, all.text);
    }
}

static void ext_text(void)
{
    static const char *const names[] = {"a", "ab", "12", "a name", "sixteen bytes ok", "-7", "0012", "9x"};
    set_ext_function *set;
    get_ext_function *get_as;
    if (!find_ext(&set, &get_as))
        return;
    void *ctx = context();
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *result = rc(set(ctx, ZMQ_THREAD_NAME_PREFIX, names[i], strlen(names[i])));
        line(text("'%s'", names[i]), "%s, as int %s", result, get(ctx, ZMQ_THREAD_NAME_PREFIX));
        struct pieces all = {"", 0};
        for (size_t size = 0; size <= 17; size++) {
            char buffer[32];
            size_t got = size;
            memset(buffer, '.', sizeof buffer);
            const char *read = rc(get_as(ctx, ZMQ_THREAD_NAME_PREFIX, buffer, &got));
            const char *found = buffer[0] == '.' ? "" : text(" %s", shown(buffer, 18));
            add(&all, text("%zu: %s%s", size, read, size == 4 ? "" : found));
        }
        say(text("'%s' as text", names[i]), all.text);
    }
    say("with a NUL", rc(set(ctx, ZMQ_THREAD_NAME_PREFIX, "ab\0cd", 6)));
    char buffer[8] = "........";
    size_t size = sizeof buffer;
    say("get it", rc(get_as(ctx, ZMQ_THREAD_NAME_PREFIX, buffer, &size)));
    say("as it is", shown(buffer, sizeof buffer));
}

static void ext_null(void)
{
    set_ext_function *set;
    get_ext_function *get_as;
    if (!find_ext(&set, &get_as))
        return;
    char garbage[512] = {0};
    int value = 1;
    size_t size = sizeof value;
    void *ctx = context();
    say("set, NULL context", rc(set(NULL, ZMQ_IO_THREADS, &value, sizeof value)));
    say("set, foreign context", rc(set(garbage, ZMQ_IO_THREADS, &value, sizeof value)));
    say("set, NULL context and option", rc(set(NULL, 999, &value, sizeof value)));
    say("get, NULL context", rc(get_as(NULL, ZMQ_IO_THREADS, &value, &size)));
    say("get, foreign context", rc(get_as(garbage, ZMQ_IO_THREADS, &value, &size)));
    say("set, NULL value", rc(set(ctx, ZMQ_IO_THREADS, NULL, sizeof value)));
    say("set, NULL text", rc(set(ctx, ZMQ_THREAD_NAME_PREFIX, NULL, 6)));
    say("get, NULL value", rc(get_as(ctx, ZMQ_IO_THREADS, NULL, &size)));
    say("get, NULL length", rc(get_as(ctx, ZMQ_IO_THREADS, &value, NULL)));
}

static const struct rule rules[] = {
    RULE(defaults), RULE(setting), RULE(cpu_set), RULE(effects), RULE(ipv6), RULE(set_ext), RULE(get_ext), RULE(ext_text),
    RULE(ext_null),
};

RUN(rules)
