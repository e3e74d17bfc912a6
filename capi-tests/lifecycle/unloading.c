/* links: nothing
 * plugin: plugin
 *
 * Programs that load the library while they run, and a plug-in that is linked with it, and unload them again,
 * also with threads and contexts alive. protocols: "Unloading and process end". */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIBRARY "libzmq.so.5"

static const char *current = "?";

static void expect(const char *key, int got)
{
    if (got == 0)
        printf("%s.%s: ok\n", current, key);
    else
        printf("%s.%s: WRONG: %d\n", current, key, got);
}

/* Runs `part` in a child, which exits by exit(); its exit code, or 1000 + the signal. */
static int in_child(int (*part)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(getenv("SLOW") ? 400 : 20);
        int result = part();
        fflush(stdout);
        exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* The functions of one loaded library. */
struct api {
    void *library;
    void *(*ctx_new)(void);
    int (*ctx_term)(void *);
    void *(*socket)(void *, int);
    int (*close)(void *);
    int (*bind)(void *, const char *);
    int (*connect)(void *, const char *);
    int (*getsockopt)(void *, int, void *, size_t *);
    int (*send)(void *, const void *, size_t, int);
    int (*recv)(void *, void *, size_t, int);
};

static int load(struct api *api, int flags)
{
    api->library = dlopen(LIBRARY, flags);
    if (!api->library)
        return printf("%s\n", dlerror());
#define FIND(name) \
    do { \
        *(void **) &api->name = dlsym(api->library, "zmq_" #name); \
        if (!api->name) \
            return 2; \
    } while (0)
    FIND(ctx_new);
    FIND(ctx_term);
    FIND(socket);
    FIND(close);
    FIND(bind);
    FIND(connect);
    FIND(getsockopt);
    FIND(send);
    FIND(recv);
    return 0;
}

enum { PAIR = 0, PUSH = 8, LAST_ENDPOINT = 32, DONTWAIT = 1 };

struct life {
    void *ctx, *here, *there;
};

static int begin(const struct api *api, struct life *life, const char *endpoint)
{
    char bound[256];
    size_t size = sizeof bound;
    life->ctx = api->ctx_new();
    life->here = api->socket(life->ctx, PAIR);
    life->there = api->socket(life->ctx, PAIR);
    if (!life->here || !life->there || api->bind(life->here, endpoint) != 0)
        return 3;
    if (api->getsockopt(life->here, LAST_ENDPOINT, bound, &size) != 0 || api->connect(life->there, bound) != 0)
        return 4;
    char buffer[8];
    if (api->send(life->there, "hello", 5, 0) != 5 || api->recv(life->here, buffer, sizeof buffer, 0) != 5)
        return 5;
    return 0;
}

static int end(const struct api *api, struct life *life)
{
    return api->close(life->here) == 0 && api->close(life->there) == 0 && api->ctx_term(life->ctx) == 0 ? 0 : 6;
}

static int flags_to_try;
static int ends_before_unloading;

/* Loads, uses, unloads, ten times. */
static int cycles(void)
{
    for (int i = 0; i < 10; i++) {
        struct api api;
        struct life life;
        int result = load(&api, flags_to_try);
        if (result == 0)
            result = begin(&api, &life, i % 2 ? "tcp://127.0.0.1:*" : "ipc://*");
        if (result == 0 && ends_before_unloading)
            result = end(&api, &life);
        if (result != 0)
            return result;
        if (dlclose(api.library) != 0)
            return 7;
        /* Threads that are still there have code to run. */
        usleep(1000);
    }
    return 0;
}

static void loading(void)
{
    static const struct {
        const char *name;
        int flags;
    } ways[] = {{"lazy", RTLD_LAZY}, {"now", RTLD_NOW}, {"global", RTLD_NOW | RTLD_GLOBAL},
                {"local", RTLD_LAZY | RTLD_LOCAL}, {"deep binding", RTLD_NOW | RTLD_DEEPBIND}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char key[64];
        flags_to_try = ways[i].flags;
        ends_before_unloading = 1;
        snprintf(key, sizeof key, "%s, ended", ways[i].name);
        expect(key, in_child(cycles));
        ends_before_unloading = 0;
        snprintf(key, sizeof key, "%s, alive", ways[i].name);
        expect(key, in_child(cycles));
    }
}

static struct api shared;

static void *cycle_in_thread(void *failed)
{
    for (int i = 0; i < 10; i++) {
        struct api api;
        struct life life;
        int result = load(&api, RTLD_NOW);
        if (result == 0)
            result = begin(&api, &life, "tcp://127.0.0.1:*");
        if (result == 0)
            result = end(&api, &life);
        if (result == 0)
            result = dlclose(api.library);
        if (result != 0)
            *(int *) failed = result;
    }
    return NULL;
}

/* The thread that ends after the library went has thread-locals of it. */
static int in_threads(void)
{
    pthread_t threads[4];
    int failed[4] = {0};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, cycle_in_thread, &failed[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return failed[0] | failed[1] | failed[2] | failed[3];
}

static void *wait_on_socket(void *socket)
{
    char byte;
    shared.recv(socket, &byte, 1, 0);
    return NULL;
}

/* A thread is blocked in the library when it is unloaded, and when the process ends. */
static int blocked_thread(void)
{
    int result = load(&shared, RTLD_NOW);
    if (result != 0)
        return result;
    void *ctx = shared.ctx_new();
    void *socket = shared.socket(ctx, PAIR);
    pthread_t thread;
    pthread_create(&thread, NULL, wait_on_socket, socket);
    usleep(10000);
    return dlclose(shared.library);
}

static void unload_at_exit(void)
{
    if (dlclose(shared.library) != 0)
        _exit(41);
}

static int close_in_handler(void)
{
    struct life life;
    int result = load(&shared, RTLD_NOW);
    atexit(unload_at_exit);
    return result ? result : begin(&shared, &life, "tcp://127.0.0.1:*");
}

/* Unsent with unlimited linger. */
static int unsent(void)
{
    int result = load(&shared, RTLD_NOW);
    if (result != 0)
        return result;
    void *ctx = shared.ctx_new();
    void *socket = shared.socket(ctx, PUSH);
    shared.connect(socket, "tcp://127.0.0.1:9");
    shared.send(socket, "x", 1, 0);
    shared.close(socket);
    return dlclose(shared.library);
}

static int fork_between(void)
{
    struct life life;
    int result = load(&shared, RTLD_NOW), status = 1;
    if (result == 0)
        result = begin(&shared, &life, "tcp://127.0.0.1:*");
    pid_t child = fork();
    if (child == 0) {
        struct life own;
        alarm(10);
        dlclose(shared.library);
        int bad = load(&shared, RTLD_NOW);
        exit(bad ? bad : begin(&shared, &own, "ipc://*") || end(&shared, &own));
    }
    waitpid(child, &status, 0);
    return result ? result : status ? 42 : end(&shared, &life);
}

static void odd_moments(void)
{
    expect("in several threads", in_child(in_threads));
    expect("a thread is blocked", in_child(blocked_thread));
    expect("in an exit handler", in_child(close_in_handler));
    expect("unsent messages", in_child(unsent));
    expect("a fork between", in_child(fork_between));
}

/* ---- the plug-in ---- */

static int plugin_flags;
static int plugin_rounds;

static int with_plugin(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/plugin.so", getenv("PLUGINS"));
    for (int i = 0; i < plugin_rounds; i++) {
        void *plugin = dlopen(path, plugin_flags);
        if (!plugin)
            return printf("%s\n", dlerror()) ? 50 : 50;
        int (*start)(const char *), (*exchange)(void), (*stop)(void);
        *(void **) &start = dlsym(plugin, "plugin_start");
        *(void **) &exchange = dlsym(plugin, "plugin_exchange");
        *(void **) &stop = dlsym(plugin, "plugin_stop");
        if (!getenv("PLUGIN_STARTS") && start("ipc://*") != 0)
            return 51;
        if (exchange() != 0)
            return 52;
        if (!getenv("PLUGIN_STOPS") && i % 2 && stop() != 0)
            return 53;
        if (dlclose(plugin) != 0)
            return 54;
    }
    return 0;
}

static int left_open(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/plugin.so", getenv("PLUGINS"));
    return dlopen(path, plugin_flags) ? 0 : 50;
}

static void plugins(void)
{
    static const int flags[] = {RTLD_LAZY, RTLD_NOW, RTLD_NOW | RTLD_DEEPBIND, RTLD_NOW | RTLD_GLOBAL};
    for (int i = 0; i < 4; i++) {
        char key[64];
        plugin_flags = flags[i];
        plugin_rounds = 10;
        unsetenv("PLUGIN_STARTS");
        unsetenv("PLUGIN_STOPS");
        snprintf(key, sizeof key, "functions, flags %x", flags[i]);
        expect(key, in_child(with_plugin));
        setenv("PLUGIN_STARTS", "1", 1);
        snprintf(key, sizeof key, "constructor, flags %x", flags[i]);
        expect(key, in_child(with_plugin));
        setenv("PLUGIN_STOPS", "1", 1);
        snprintf(key, sizeof key, "constructor and destructor, flags %x", flags[i]);
        expect(key, in_child(with_plugin));
        snprintf(key, sizeof key, "destructor at exit, flags %x", flags[i]);
        expect(key, in_child(left_open));
    }
}

/* The library is a part of the plug-in and goes with it, before the thread that waited in it ends. */
static void *load_and_unload(void *failed)
{
    char path[512];
    snprintf(path, sizeof path, "%s/plugin_static.so", getenv("PLUGINS"));
    for (int i = 0; i < 5; i++) {
        void *plugin = dlopen(path, RTLD_NOW);
        if (!plugin) {
            printf("%s\n", dlerror());
            *(int *) failed = 60;
            return NULL;
        }
        int (*start)(const char *), (*exchange)(void), (*stop)(void);
        *(void **) &start = dlsym(plugin, "plugin_start");
        *(void **) &exchange = dlsym(plugin, "plugin_exchange");
        *(void **) &stop = dlsym(plugin, "plugin_stop");
        if (start("tcp://127.0.0.1:*") != 0 || exchange() != 0 || stop() != 0)
            *(int *) failed = 61;
        if (dlclose(plugin) != 0)
            *(int *) failed = 62;
    }
    return NULL;
}

static int static_plugin(void)
{
    int failed = 0;
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, load_and_unload, &failed);
        pthread_join(thread, NULL);
    }
    load_and_unload(&failed);
    return failed;
}

static void static_plugins(void)
{
    char path[512];
    unsetenv("PLUGIN_STARTS");
    unsetenv("PLUGIN_STOPS");
    snprintf(path, sizeof path, "%s/plugin_static.so", getenv("PLUGINS"));
    if (access(path, F_OK) == 0)
        expect("loaded and unloaded", in_child(static_plugin));
    else
        printf("static_plugins.not built: ok\n");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } rules[] = {{"loading", loading}, {"odd_moments", odd_moments}, {"plugins", plugins},
                 {"static_plugins", static_plugins}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        current = rules[i].name;
        if (argc < 2 || strcmp(argv[1], current) == 0)
            rules[i].run();
    }
    return 0;
}
