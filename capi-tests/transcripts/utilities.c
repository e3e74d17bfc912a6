/* Timers, counters, stopwatch, threads, z85, error texts, capabilities. api.md sections 10 to 12. */
#include "transcript.h"

#include <signal.h>

static char fired[256];
static void *timers;

static void note(int id, void *argument)
{
    if (strlen(fired) < 128)
        sprintf(fired + strlen(fired), " %d%s", id, (const char *) argument);
}

static void cancels_itself(int id, void *argument)
{
    note(id, argument);
    sprintf(fired + strlen(fired), "(%s)", rc(zmq_timers_cancel(timers, id)));
}

static void adds_another(int id, void *argument)
{
    note(id, argument);
    zmq_timers_cancel(timers, id);
    sprintf(fired + strlen(fired), "(%s)", rc(zmq_timers_add(timers, 0, cancels_itself, "new")));
}

static const char *execute(void)
{
    fired[0] = 0;
    const char *result = rc(zmq_timers_execute(timers));
    return text("%s:%s", result, fired);
}

/* Waits for the next deadline and executes. */
static const char *next(void)
{
    long timeout = zmq_timers_timeout(timers);
    if (timeout < 0 || timeout > PATIENCE)
        return text("timeout %ld", timeout);
    zmq_poll(NULL, 0, timeout);
    return execute();
}

static void timer_rules(void)
{
    timers = zmq_timers_new();
    line("new", "%d", timers != NULL);
    line("timeout of none", "%ld", zmq_timers_timeout(timers));
    say("execute none", execute());
    int one = zmq_timers_add(timers, 60, note, "");
    int two = zmq_timers_add(timers, 60, note, "");
    int far = zmq_timers_add(timers, 1000000, note, "");
    line("ids", "%d %d %d", one, two, far);
    long timeout = zmq_timers_timeout(timers);
    line("timeout", "%d", timeout > 0 && timeout <= 60);
    say("too early", execute());
    say("both", next());
    say("again", next());
    say("cancel", rc(zmq_timers_cancel(timers, one)));
    say("cancel again", rc(zmq_timers_cancel(timers, one)));
    say("one left", next());
    say("set_interval", rc(zmq_timers_set_interval(timers, two, 500000)));
    timeout = zmq_timers_timeout(timers);
    line("timeout of interval", "%d", timeout > 400000 && timeout <= 500000);
    say("reset", rc(zmq_timers_reset(timers, two)));
    say("set_interval unknown", rc(zmq_timers_set_interval(timers, 99, 1)));
    say("reset unknown", rc(zmq_timers_reset(timers, 99)));
    say("cancel unknown", rc(zmq_timers_cancel(timers, 99)));
    say("cancel two", rc(zmq_timers_cancel(timers, two)));
    say("cancel far", rc(zmq_timers_cancel(timers, far)));
    line("timeout at the end", "%ld", zmq_timers_timeout(timers));
    line("id is new", "%d", zmq_timers_add(timers, 1, note, ""));
    say("no handler", rc(zmq_timers_add(timers, 1, NULL, "")));
    void *kept = timers;
    say("destroy", rc(zmq_timers_destroy(&timers)));
    line("destroy clears", "%d", timers == NULL && kept != NULL);
    say("destroy again", rc(zmq_timers_destroy(&timers)));
}

static void timer_bad_handles(void)
{
    say("add", rc(zmq_timers_add(NULL, 1, note, "")));
    say("cancel", rc(zmq_timers_cancel(NULL, 1)));
    say("set_interval", rc(zmq_timers_set_interval(NULL, 1, 1)));
    say("reset", rc(zmq_timers_reset(NULL, 1)));
    say("timeout", rc((int) zmq_timers_timeout(NULL)));
    say("execute", rc(zmq_timers_execute(NULL)));
    int other[64] = {0};
    say("foreign", rc(zmq_timers_execute(other)));
}

static void timer_destroy_null(void)
{
    say("destroy", rc(zmq_timers_destroy(NULL)));
}

static void timer_handlers(void)
{
    timers = zmq_timers_new();
    zmq_timers_add(timers, 1, cancels_itself, "");
    say("cancels itself", next());
    line("none left", "%ld", zmq_timers_timeout(timers));
    zmq_timers_add(timers, 1, adds_another, "");
    zmq_poll(NULL, 0, 2);
    const char *first = execute();
    const char *then = zmq_timers_timeout(timers) == -1 ? "" : next();
    /* Whether the new timer runs at once or with the next call is not promised. */
    line("adds another", "%d", strstr(text("%s%s", first, then), "3new(0)") != NULL);
    line("none left then", "%ld", zmq_timers_timeout(timers));
    zmq_timers_destroy(&timers);
}

static void timer_without_interval(void)
{
    timers = zmq_timers_new();
    zmq_timers_add(timers, 0, note, "");
    say("interval 0", execute());
}

static void counters(void)
{
    void *counter = zmq_atomic_counter_new();
    line("new", "%d", zmq_atomic_counter_value(counter));
    line("inc", "%d", zmq_atomic_counter_inc(counter));
    line("inc again", "%d", zmq_atomic_counter_inc(counter));
    line("value", "%d", zmq_atomic_counter_value(counter));
    line("dec", "%d", zmq_atomic_counter_dec(counter));
    line("dec to zero", "%d", zmq_atomic_counter_dec(counter));
    line("dec below", "%d", zmq_atomic_counter_dec(counter));
    line("below", "%d", zmq_atomic_counter_value(counter));
    zmq_atomic_counter_set(counter, 1000);
    line("set", "%d", zmq_atomic_counter_value(counter));
    zmq_atomic_counter_destroy(&counter);
    line("destroy clears", "%d", counter == NULL);
}

static void stopwatch(void)
{
    void *watch = zmq_stopwatch_start();
    zmq_poll(NULL, 0, 20);
    unsigned long middle = zmq_stopwatch_intermediate(watch);
    zmq_poll(NULL, 0, 20);
    unsigned long end = zmq_stopwatch_stop(watch);
    line("microseconds", "%d %d %d", middle >= 19000, end >= middle + 19000, end < 20000000);
    long start = now_ms();
    zmq_sleep(1);
    line("sleep", "%d", now_ms() - start >= 999);
}

static void in_thread(void *argument)
{
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    int blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGUSR1);
    sprintf(argument, "ran, signals blocked %d", blocked);
}

static void threads(void)
{
    char result[64] = "did not run";
    void *thread = zmq_threadstart(in_thread, result);
    line("started", "%d", thread != NULL);
    zmq_threadclose(thread);
    say("thread", result);
}

static void z85(void)
{
    static const uint8_t bytes[] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    char out[64];
    uint8_t back[64];
    for (size_t size = 0; size <= 8; size++) {
        strcpy(out, "unchanged");
        char *result = zmq_z85_encode(out, bytes, size);
        line(text("encode %zu", size), "%s %s", result ? "ok" : error_name(errno),
             result ? out : "-");
    }
    static const char *const texts[] = {
        "HelloWorld", "Hello", "", "Hell", "HelloW", "#####", "%nSc0", "%nSc1", "00000", "Hel\"o",
        "Hel o", "Hel\x80o", "~~~~~", "{{{{{", "}}}}}", "#0000"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t *result = zmq_z85_decode(back, texts[i]);
        line(text("decode %zu", i), "%s %s", result ? "ok" : error_name(errno),
             result ? shown(back, strlen(texts[i]) / 5 * 4) : "-");
    }
    for (int first = 0; first < 256; first += 17) {
        uint8_t four[4] = {(uint8_t) first, (uint8_t) (255 - first), 7, (uint8_t) (first * 3)};
        zmq_z85_encode(out, four, 4);
        zmq_z85_decode(back, out);
        line(text("there and back %d", first), "%s %d", out, memcmp(four, back, 4) == 0);
    }
}

/* Keys are drawn at random: what can be compared are their forms, and that one comes from the other. */
static void curve_keys(void)
{
    char public_key[42] = "", secret_key[42] = "", derived[42] = "";
    public_key[41] = secret_key[41] = derived[41] = '!';
    say("pair", rc(zmq_curve_keypair(public_key, secret_key)));
    uint8_t bytes[32];
    line("lengths", "%zu %zu", strlen(public_key), strlen(secret_key));
    line("nothing beyond", "%c%c", public_key[41], secret_key[41]);
    line("are Z85", "%d %d", zmq_z85_decode(bytes, public_key) != NULL,
         zmq_z85_decode(bytes, secret_key) != NULL);
    say("public of the secret", rc(zmq_curve_public(derived, secret_key)));
    line("is the same", "%d", strcmp(derived, public_key) == 0);
    char other_public[41] = "", other_secret[41] = "";
    zmq_curve_keypair(other_public, other_secret);
    line("another pair is another", "%d", strcmp(other_public, public_key) != 0);
    /* The keys of the manual. */
    say("known secret", rc(zmq_curve_public(derived, "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs")));
    say("its public", derived);
    say("bad letter", rc(zmq_curve_public(derived, "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%c\"")));
    say("no multiple of five", rc(zmq_curve_public(derived, "D:)Q[IlAW")));
    say("empty", rc(zmq_curve_public(derived, "")));
}

static void error_texts(void)
{
    static const int numbers[] = {EFSM, ENOCOMPATPROTO, ETERM, EMTHREAD, EHOSTUNREACH, EAGAIN,
                                  ENOTSOCK, EINVAL, EADDRINUSE, EPROTONOSUPPORT, ENOTSUP, EMFILE,
                                  EFAULT, EINTR, ENODEV, ENOENT, ENOMEM, 0, -1, 100000};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        say(text("%d", numbers[i]), zmq_strerror(numbers[i]));
    errno = ENOENT;
    line("zmq_errno", "%d", zmq_errno() == ENOENT);
}

static void capabilities(void)
{
    static const char *const names[] = {"ipc", "pgm", "tipc", "norm", "curve", "gssapi", "vmci",
                                        "draft", "WS", "WSS", "vsock", "", "IPC", "tcp", "nonsense"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        line(text("'%s'", names[i]), "%d", zmq_has(names[i]));
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    line("version", "%d.%d", major, minor);
    line("patch", "%d", patch);
}

static const struct rule rules[] = {
    RULE(timer_rules), RULE(timer_bad_handles), RULE(timer_destroy_null),
    RULE(timer_handlers), RULE_WITHIN(timer_without_interval, 700),
    RULE(counters), RULE(stopwatch), RULE(threads), RULE(z85), RULE(curve_keys),
    RULE(error_texts), RULE(capabilities),
};

RUN(rules)
