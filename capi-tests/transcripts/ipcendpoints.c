/* ipc endpoints: paths, abstract names, wildcards, descriptors, and who may connect. transports.md section 3. */
#include "transcript.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *kind_of(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return "nothing";
    return S_ISSOCK(status.st_mode)  ? "a socket"
           : S_ISDIR(status.st_mode) ? "a directory"
           : S_ISLNK(status.st_mode) ? "a link"
           : S_ISREG(status.st_mode) ? "a file"
                                     : "something else";
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file)
        fclose(file);
}

/* ---- names ---- */

/* Each spelling is bound, connected to, and unbound. */
static void spellings(void)
{
    static const char *const names[] = {
        "relative", "./dotted", "directory/inside", "directory/../back", "missing/inside",
        "two words", "a:b", "a;b", "a?b", "semi*star", "/", ".", "..", "directory", "directory/", "file/inside",
        "\xc3\xa4", "\xff", "a%b", "~", "[x]", "-", "tcp://127.0.0.1:1", "ipc://x", "@", "x@", "a\nb",
    };
    mkdir("directory", 0700);
    make_file("file");
    void *ctx = context();
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *endpoint = text("ipc://%s", names[i]), *key = shown(names[i], strlen(names[i]));
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        const char *result = rc(zmq_bind(pull, endpoint));
        int is_last = strcmp(last_endpoint(pull), endpoint) == 0;
        line(text("'%s' bind", key), "%s%s, %s there", result, is_last ? " as given" : "", kind_of(names[i]));
        if (result[0] == '0') {
            result = rc(zmq_connect(push, endpoint));
            is_last = strcmp(last_endpoint(push), endpoint) == 0;
            line(text("'%s' connect", key), "%s%s", result, is_last ? " as given" : "");
            tx(push, "through it");
            say(text("'%s' recv", key), rx(pull));
            say(text("'%s' unbind", key), rc(zmq_unbind(pull, endpoint)));
            say(text("'%s' disconnect", key), rc(zmq_disconnect(push, endpoint)));
            line(text("'%s' afterwards", key), "%s", kind_of(names[i]));
        }
        shut(push);
        shut(pull);
    }
}

/* From one byte to one too many, by path and by abstract name. */
static void lengths(void)
{
    static const size_t sizes[] = {1, 2, 100, 106, 107, 108, 109, 200, 1000};
    void *ctx = context();
    for (int abstract = 0; abstract < 2; abstract++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            char endpoint[1100] = "ipc://";
            memset(endpoint + 6, 'n', sizes[i]);
            endpoint[6 + sizes[i]] = 0;
            if (abstract) {
                endpoint[6] = '@';
                /* Abstract names are the whole machine's. */
                char own[32];
                int size = snprintf(own, sizeof own, "%d-", (int) getpid());
                if (sizes[i] >= 100)
                    memcpy(endpoint + 7, own, (size_t) size);
            }
            void *pull = sock(ctx, ZMQ_PULL);
            void *push = sock(ctx, ZMQ_PUSH);
            const char *key = text("%s %zu", abstract ? "abstract" : "path", sizes[i]);
            /* A short abstract name may be another run's. */
            if (!abstract || sizes[i] >= 100 || sizes[i] == 1) {
                const char *result = rc(zmq_bind(pull, endpoint));
                line(text("%s bind", key), "%s, last of %zu", result, strlen(last_endpoint(pull)));
                say(text("%s connect", key), rc(zmq_connect(push, endpoint)));
                if (result[0] == '0') {
                    tx(push, "hello");
                    say(text("%s recv", key), rx(pull));
                }
            } else {
                say(text("%s connect", key), rc(zmq_connect(push, endpoint)));
            }
            shut(push);
            shut(pull);
        }
    }
}

/* The address of an abstract name is its bytes, with no NUL behind them. */
static void abstract_address(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    char name[64];
    snprintf(name, sizeof name, "capi-tests-%d-exact", (int) getpid());
    say("bind", rc(zmq_bind(pull, text("ipc://@%s", name))));
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path + 1, name);
    socklen_t size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    line("connect", "%s", connect(fd, (struct sockaddr *) &address, size) == 0 ? "connected" : error_name(errno));
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    line("with a NUL", "%s",
         connect(other, (struct sockaddr *) &address, size + 1) == 0 ? "connected" : error_name(errno));
    close(fd);
    close(other);
    say("no file", kind_of(text("@%s", name)));
}

/* What is in the way of a bind. */
static void in_the_way(void)
{
    void *ctx = context();
    make_file("plain");
    if (symlink("target", "dangling") != 0 || symlink("plain-target", "link") != 0 || mkfifo("fifo", 0600) != 0)
        say("setup", error_name(errno));
    make_file("plain-target");
    mkdir("a-directory", 0700);
    static const char *const names[] = {"plain", "dangling", "link", "fifo", "a-directory"};
    for (size_t i = 0; i < COUNT(names); i++) {
        void *s = sock(ctx, ZMQ_PULL);
        const char *result = rc(zmq_bind(s, text("ipc://%s", names[i])));
        line(names[i], "%s, %s there", result, kind_of(names[i]));
        shut(s);
    }
    line("what the link named", "%s", kind_of("plain-target"));
    line("what the dangling one named", "%s", kind_of("target"));
}

static void file_mode(void)
{
    static const mode_t masks[] = {0, 022, 077, 0777};
    void *ctx = context();
    mode_t before = umask(0);
    for (size_t i = 0; i < COUNT(masks); i++) {
        umask(masks[i]);
        void *s = sock(ctx, ZMQ_PULL);
        zmq_bind(s, "ipc://mode");
        struct stat status;
        stat("mode", &status);
        line(text("umask %o", masks[i]), "%o", status.st_mode & 0777);
        shut(s);
    }
    umask(before);
}

/* ---- wildcards ---- */

/* Where the generated path is, and whether it goes again. */
static void wildcard_in(const char *key)
{
    void *s = sock(context(), ZMQ_PULL);
    const char *result = rc(zmq_bind(s, "ipc://*"));
    char path[300];
    snprintf(path, sizeof path, "%s", last_endpoint(s));
    if (result[0] != '0') {
        line(key, "%s, last '%s'", result, path);
        return;
    }
    char *name = path + 6, *file = strrchr(name, '/');
    *file++ = 0;
    char *directory = strrchr(name, '/');
    const char *parent = directory ? (*directory++ = 0, name) : "(working directory)";
    if (!directory)
        directory = name;
    struct stat status;
    stat(text("%s/%s", parent[0] == '(' ? "." : parent, directory), &status);
    line(key, "in %s, %.3s and %zu letters, %s, mode %o", parent, directory, strlen(directory) - 3, file,
         status.st_mode & 0777);
    const char *whole = text("%s/%s", parent[0] == '(' ? "." : parent, directory);
    shut(s);
    long end = now_ms() + PATIENCE;
    while (access(whole, F_OK) == 0 && now_ms() < end)
        poll(NULL, 0, 1);
    say(text("%s, afterwards", key), kind_of(whole));
}

static void wildcard_places(void)
{
    static const char *const variables[] = {"TMPDIR", "TEMPDIR", "TMP"};
    static const char *const places[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        mkdir(places[i], 0700);
        unsetenv(variables[i]);
    }
    make_file("file");
    wildcard_in("none");
    for (int i = 2; i >= 0; i--) {
        setenv(variables[i], places[i], 1);
        wildcard_in(text("%s", variables[i]));
    }
    setenv("TMPDIR", "missing", 1);
    wildcard_in("TMPDIR is missing");
    setenv("TMPDIR", "file", 1);
    wildcard_in("TMPDIR is a file");
    setenv("TMPDIR", "", 1);
    wildcard_in("TMPDIR is empty");
    setenv("TMPDIR", "one/", 1);
    wildcard_in("TMPDIR ends with a slash");
    setenv("TMPDIR", "./one", 1);
    wildcard_in("TMPDIR is relative");
    unsetenv("TEMPDIR");
    unsetenv("TMP");
    setenv("TMPDIR", "missing", 1);
    wildcard_in("only a missing one");
}

/* A path that is too long for a socket. */
static void wildcard_too_deep(void)
{
    char deep[120];
    memset(deep, 'd', sizeof deep);
    deep[110] = 0;
    mkdir(deep, 0700);
    setenv("TMPDIR", deep, 1);
    void *s = sock(context(), ZMQ_PULL);
    const char *result = rc(zmq_bind(s, "ipc://*"));
    line("bind", "%s, last '%s'", result, last_endpoint(s));
    line("nothing is left", "%s", rmdir(deep) == 0 ? "yes" : error_name(errno));
}

static void wildcard_spellings(void)
{
    static const char *const names[] = {"*", "**", "*x", "*/x", "*:*"};
    void *ctx = context();
    for (size_t i = 0; i < COUNT(names); i++) {
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        const char *result = rc(zmq_bind(pull, text("ipc://%s", names[i])));
        line(names[i], "%s, last '%s'", result, masked(last_endpoint(pull)));
        connect_to(push, last_endpoint(pull));
        tx(push, "hello");
        say(text("%s recv", names[i]), rx(pull));
        say(text("%s unbind as given", names[i]), rc(zmq_unbind(pull, text("ipc://%s", names[i]))));
        say(text("%s unbind", names[i]), rc(zmq_unbind(pull, text("%s", last_endpoint(pull)))));
        shut(push);
        shut(pull);
    }
    /* For a connect it is a name like any other. */
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    say("bind ./*", rc(zmq_bind(pull, "ipc://./*")));
    say("connect *", rc(zmq_connect(push, "ipc://*")));
    say("last", last_endpoint(push));
    tx(push, "a file of that name");
    say("recv", rx(pull));
    say("disconnect *", rc(zmq_disconnect(push, "ipc://*")));
}

/* ---- ZMQ_USE_FD ---- */

static int own_listener(const char *path)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *) &address, sizeof address) != 0 || listen(fd, 10) != 0)
        say("own listener", error_name(errno));
    return fd;
}

static void use_fd(void)
{
    static const char *const endpoints[] = {"ipc://given", "ipc://another-name", "ipc://file", "ipc://*"};
    make_file("file");
    void *ctx = context();
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        void *pull = sock(ctx, ZMQ_PULL);
        void *push = sock(ctx, ZMQ_PUSH);
        unlink("given");
        int fd = own_listener("given");
        set_int(pull, ZMQ_USE_FD, fd);
        const char *result = rc(zmq_bind(pull, endpoints[i]));
        line(endpoints[i], "%s, last '%s'", result, masked(last_endpoint(pull)));
        connect_to(push, "ipc://given");
        tx(push, "hello");
        say(text("%s recv", endpoints[i]), rx(pull));
        line(text("%s reads", endpoints[i]), "%d", get_int(pull, ZMQ_USE_FD) == fd);
        say(text("%s unbind", endpoints[i]), rc(zmq_unbind(pull, text("%s", last_endpoint(pull)))));
        say(text("%s the descriptor", endpoints[i]), becomes_closed(fd));
        line(text("%s files", endpoints[i]), "%s, %s", kind_of("given"), kind_of("file"));
        shut(push);
        shut(pull);
    }
}

static void use_fd_closed_with_socket(void)
{
    void *pull = sock(context(), ZMQ_PULL);
    unlink("given");
    int fd = own_listener("given");
    set_int(pull, ZMQ_USE_FD, fd);
    say("bind", rc(zmq_bind(pull, "ipc://given")));
    shut(pull);
    say("the descriptor", becomes_closed(fd));
    say("the file", kind_of("given"));
}

/* Names that no socket could have. */
static void use_fd_bad_names(void)
{
    char long_name[140] = "ipc://";
    memset(long_name + 6, 'n', 120);
    const char *const endpoints[] = {long_name, "ipc://@", "ipc://missing/inside"};
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        void *pull = sock(context(), ZMQ_PULL);
        unlink("given");
        int fd = own_listener("given");
        set_int(pull, ZMQ_USE_FD, fd);
        const char *result = rc(zmq_bind(pull, endpoints[i]));
        line(text("name %zu", i), "%s, last of %zu", result, strlen(last_endpoint(pull)));
    }
}

/* ---- credential filters ---- */

struct filter {
    int option;
    int value;
};

/* Values that are this process's own, or nobody's. */
enum { OWN = 1, OTHER };

static int filter_value(const struct filter *filter)
{
    if (filter->value == OTHER)
        return filter->option == ZMQ_IPC_FILTER_PID ? 1 : 4242;
    return filter->option == ZMQ_IPC_FILTER_PID   ? (int) getpid()
           : filter->option == ZMQ_IPC_FILTER_UID ? (int) getuid()
                                                  : (int) getgid();
}

/* What a listener with these filters makes of a peer of this process. */
static const char *filtered(const struct filter *filters)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    void *push = sock(ctx, ZMQ_PUSH);
    for (size_t i = 0; i < 3 && filters[i].option; i++)
        set_int(pull, filters[i].option, filter_value(&filters[i]));
    const char *endpoint = bind_any(pull, IPC);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    connect_to(push, endpoint);
    const char *result = event_name(next_event(monitor, NULL, NULL, 0));
    shut(push);
    shut(monitor);
    shut(pull);
    term(ctx);
    return result;
}

static void credential_filters(void)
{
    static const int options[] = {ZMQ_IPC_FILTER_PID, ZMQ_IPC_FILTER_UID, ZMQ_IPC_FILTER_GID};
    static const char *const values[] = {"no", "own", "other"};
    for (int pid = 0; pid <= OTHER; pid++) {
        for (int uid = 0; uid <= OTHER; uid++) {
            for (int gid = 0; gid <= OTHER; gid++) {
                const int chosen[3] = {pid, uid, gid};
                struct filter filters[3] = {{0, 0}, {0, 0}, {0, 0}};
                size_t count = 0;
                for (int i = 0; i < 3; i++) {
                    if (chosen[i])
                        filters[count++] = (struct filter){options[i], chosen[i]};
                }
                say(text("%s pid, %s uid, %s gid", values[pid], values[uid], values[gid]), filtered(filters));
            }
        }
    }
}

/* Several values of one list. */
static void several_values(void)
{
    static const int options[] = {ZMQ_IPC_FILTER_PID, ZMQ_IPC_FILTER_UID, ZMQ_IPC_FILTER_GID};
    for (int i = 0; i < 3; i++) {
        struct filter both[3] = {{options[i], OTHER}, {options[i], OWN}, {0, 0}};
        say(text("option %d, other and own", options[i]), filtered(both));
        void *ctx = context();
        void *pull = sock(ctx, ZMQ_PULL);
        set_int(pull, options[i], filter_value(&both[0]));
        set_bytes(pull, options[i], NULL, 0);
        void *push = sock(ctx, ZMQ_PUSH);
        attach(pull, push, IPC);
        tx(push, "cleared");
        say(text("option %d", options[i]), rx(pull));
    }
}

/* The process that connects counts, not the one that listens. */
static void pid_of_a_child(void)
{
    int to_child[2], from_child[2];
    if (pipe(to_child) != 0 || pipe(from_child) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char endpoint[256];
        ssize_t size = read(to_child[0], endpoint, sizeof endpoint - 1);
        endpoint[size < 0 ? 0 : size] = 0;
        void *ctx = zmq_ctx_new();
        void *push = zmq_socket(ctx, ZMQ_PUSH);
        zmq_connect(push, endpoint);
        zmq_send(push, "from the child", 14, 0);
        /* Until it is told to go. */
        if (read(to_child[0], endpoint, 1) >= 0)
            _exit(0);
        _exit(1);
    }
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_IPC_FILTER_PID, (int) child);
    const char *endpoint = bind_any(pull, IPC);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    void *push = sock(ctx, ZMQ_PUSH);
    connect_to(push, endpoint);
    say("from this process", event_name(next_event(monitor, NULL, NULL, 0)));
    shut(push);
    if (write(to_child[1], endpoint, strlen(endpoint)) > 0)
        say("recv", rx(pull));
    close(to_child[1]);
    close(to_child[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void filter_on_other_transports(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_bytes(pull, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 10);
    void *push = sock(ctx, ZMQ_PUSH);
    attach(pull, push, IPC);
    tx(push, "an address filter");
    say("ipc", rx(pull));
    set_int(pull, ZMQ_IPC_FILTER_UID, 4242);
    void *other = sock(ctx, ZMQ_PUSH);
    attach(pull, other, INPROC);
    tx(other, "a user filter");
    say("inproc", rx(pull));
}

/* What the peer sees of it. */
static void filtered_peer(void)
{
    void *ctx = context();
    void *pull = sock(ctx, ZMQ_PULL);
    set_int(pull, ZMQ_IPC_FILTER_UID, 4242);
    const char *endpoint = bind_any(pull, IPC);
    void *push = sock(ctx, ZMQ_PUSH);
    void *monitor = watch(push, ZMQ_EVENT_ALL & ~ZMQ_EVENT_CONNECT_DELAYED);
    connect_to(push, endpoint);
    for (int i = 0; i < 5; i++)
        say(text("event %d", i), event_name(next_event(monitor, NULL, NULL, 0)));
}

static const struct rule rules[] = {
    RULE(spellings), RULE(lengths), RULE(abstract_address), RULE(in_the_way), RULE(file_mode),
    RULE(wildcard_places), RULE(wildcard_too_deep), RULE(wildcard_spellings), RULE(use_fd),
    RULE(use_fd_closed_with_socket), RULE(use_fd_bad_names), RULE(credential_filters),
    RULE(several_values), RULE(pid_of_a_child), RULE(filter_on_other_transports), RULE(filtered_peer),
};

RUN(rules)
