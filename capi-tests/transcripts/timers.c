/* Timers in time and in order, Z85 near its edges, every error text, and the other small functions. api.md sections
 * 10 to 12; see utilities.c, too. */
#include "transcript.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

static char ran[512];
static void *timers;

static void note(int id, void *argument)
{
    (void) argument;
    if (strlen(ran) < 400)
        sprintf(ran + strlen(ran), " %d", id);
}

static const char *execute(void)
{
    ran[0] = 0;
    const char *result = rc(zmq_timers_execute(timers));
    return text("%s:%s", result, ran);
}

static void after(int milliseconds)
{
    zmq_poll(NULL, 0, milliseconds);
}

/* By deadline, and those of one deadline in the order in which they were added. */
static void order(void)
{
    static const size_t intervals[] = {300, 300, 100, 300, 200, 100, 0xfffffff};
    timers = zmq_timers_new();
    for (size_t i = 0; i < 7; i++)
        zmq_timers_add(timers, intervals[i], note, NULL);
    after(600);
    say("first", execute());
    say("at once", execute());
    after(600);
    say("second", execute());
    zmq_timers_destroy(&timers);
}

/* However late, a timer runs once, and its next deadline is an interval after the call. */
static void late(void)
{
    timers = zmq_timers_new();
    zmq_timers_add(timers, 100000, note, NULL);
    zmq_timers_add(timers, 5, note, NULL);
    after(60);
    line("overdue", "%ld", zmq_timers_timeout(timers));
    say("once", execute());
    long timeout = zmq_timers_timeout(timers);
    line("next", "%d", timeout >= 0 && timeout <= 5);
    say("set_interval", rc(zmq_timers_set_interval(timers, 2, 300000)));
    timeout = zmq_timers_timeout(timers);
    line("the other is next", "%d", timeout > 0 && timeout <= 100000);
    long before = timeout;
    after(300);
    say("reset", rc(zmq_timers_reset(timers, 1)));
    timeout = zmq_timers_timeout(timers);
    line("begins anew", "%d", timeout > before && timeout <= 100000);
    zmq_timers_destroy(&timers);
}

static void none(void)
{
    timers = zmq_timers_new();
    errno = 77;
    long timeout = zmq_timers_timeout(timers);
    line("timeout", "%ld, errno %d", timeout, errno);
    say("execute", execute());
    zmq_timers_destroy(&timers);
}

/* A cancelled timer answers until it is the first to go, and never runs. */
static void cancelled(void)
{
    timers = zmq_timers_new();
    zmq_timers_add(timers, 5, note, NULL);
    zmq_timers_add(timers, 20, note, NULL);
    say("cancel", rc(zmq_timers_cancel(timers, 2)));
    say("set_interval", rc(zmq_timers_set_interval(timers, 2, 10)));
    say("reset", rc(zmq_timers_reset(timers, 2)));
    say("cancel again", rc(zmq_timers_cancel(timers, 2)));
    after(60);
    say("execute", execute());
    say("cancel the other", rc(zmq_timers_cancel(timers, 1)));
    line("timeout", "%ld", zmq_timers_timeout(timers));
    say("set_interval of the other", rc(zmq_timers_set_interval(timers, 1, 10)));
    say("reset of the other", rc(zmq_timers_reset(timers, 2)));
    line("id", "%d", zmq_timers_add(timers, 1, note, NULL));
    zmq_timers_destroy(&timers);
}

static void long_intervals(void)
{
    static const size_t values[] = {INT_MAX, (size_t) INT_MAX + 1, UINT32_MAX, (size_t) UINT32_MAX + 1};
    for (size_t i = 0; i < 4; i++) {
        timers = zmq_timers_new();
        line(text("%zu", values[i]), "%d", zmq_timers_add(timers, values[i], note, NULL));
        long timeout = zmq_timers_timeout(timers);
        line(text("%zu timeout", values[i]), "%d", timeout > INT_MAX - 5000L && (size_t) timeout <= values[i]);
        say(text("%zu execute", values[i]), execute());
        zmq_timers_destroy(&timers);
    }
}

static void longest_interval(void)
{
    timers = zmq_timers_new();
    line("add", "%d", zmq_timers_add(timers, SIZE_MAX, note, NULL));
    line("timeout", "%d", zmq_timers_timeout(timers) > INT_MAX);
    say("execute", execute());
    zmq_timers_destroy(&timers);
}

/* Handlers that change other timers, and a pass that goes on after. */
static void changes(int id, void *argument)
{
    const char *what = argument;
    note(id, NULL);
    for (; *what; what++) {
        switch (*what) {
        case 'c': zmq_timers_cancel(timers, 3); break;
        case 's': zmq_timers_set_interval(timers, 3, 5000); break;
        case 'a': zmq_timers_add(timers, 5000, note, NULL); break;
        case 'x': zmq_timers_cancel(timers, id); break;
        case 't': sprintf(ran + strlen(ran), "(%ld)", zmq_timers_timeout(timers) == -1 ? -1 : 0L); break;
        }
    }
}

static void changed_by_handlers(void)
{
    static const char *const plans[] = {"", "c", "s", "a", "x", "cax", "t", "xct"};
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        timers = zmq_timers_new();
        zmq_timers_add(timers, 10, note, NULL);
        zmq_timers_add(timers, 10, changes, (void *) plans[i]);
        zmq_timers_add(timers, 10, note, NULL);
        zmq_timers_add(timers, 11, note, NULL);
        after(60);
        const char *first = execute();
        after(60);
        line(text("'%s'", plans[i]), "%s, then %s", first, execute());
        zmq_timers_destroy(&timers);
    }
}

/* ---- Z85 ---- */

static unsigned long mixed(unsigned long sum, unsigned long value)
{
    return (sum * 33 + value) & 0xffffffffUL;
}

/* Every byte at every place of some groups: which are legal, and a sum of what comes out. */
static void z85_characters(void)
{
    static const char *const groups[] = {"00000", "%nSc0", "%nSb#", "%nS00", "%n000", "%0000", "#####"};
    for (size_t g = 0; g < 7; g++) {
        for (int place = 0; place < 5; place++) {
            int legal = 0, errors = 0;
            unsigned long sum = 0;
            for (int byte = 1; byte < 256; byte++) {
                char string[6];
                uint8_t out[4] = {0};
                strcpy(string, groups[g]);
                string[place] = (char) byte;
                if (zmq_z85_decode(out, string)) {
                    legal++;
                    for (int i = 0; i < 4; i++)
                        sum = mixed(sum, out[i]);
                } else {
                    errors += errno != EINVAL;
                }
            }
            line(text("%s at %d", groups[g], place), "%d legal, %08lx, other errors %d", legal, sum, errors);
        }
    }
}

/* Values next to those where a digit changes, there and back. */
static void z85_values(void)
{
    uint64_t power = 1;
    for (int digit = 0; digit < 5; digit++, power *= 85) {
        unsigned long sum = 0;
        int wrong = 0, count = 0;
        for (uint64_t factor = 1; factor <= 85; factor++) {
            for (int delta = -2; delta <= 2; delta++) {
                uint64_t value = power * factor + (uint64_t) (int64_t) delta;
                if (value > UINT32_MAX)
                    continue;
                uint8_t bytes[4] = {(uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8),
                                    (uint8_t) value};
                uint8_t back[4];
                char string[6];
                wrong += zmq_z85_encode(string, bytes, 4) != string || strlen(string) != 5;
                wrong += zmq_z85_decode(back, string) != back || memcmp(back, bytes, 4) != 0;
                for (int i = 0; i < 5; i++)
                    sum = mixed(sum, (unsigned char) string[i]);
                count++;
            }
        }
        line(text("digit %d", digit), "%d values, %08lx, wrong %d", count, sum, wrong);
    }
}

static void z85_lengths(void)
{
    uint8_t bytes[64] = {1, 2, 3}, back[64];
    char string[96];
    for (size_t size = 0; size <= 48; size++) {
        memset(string, '!', sizeof string);
        const char *result = zmq_z85_encode(string, bytes, size) ? "ok" : error_name(errno);
        if (size % 4 == 0 || size < 8)
            line(text("encode %zu", size), "%s, length %d, beyond %c", result,
                 result[0] == 'o' ? (int) strlen(string) : -1, string[size / 4 * 5 + 1]);
        memset(string, '0', sizeof string);
        string[size] = 0;
        memset(back, 0xee, sizeof back);
        result = zmq_z85_decode(back, string) ? "ok" : error_name(errno);
        if (size % 5 == 0 || size < 8)
            line(text("decode %zu", size), "%s, beyond %02x", result, back[size / 5 * 4]);
    }
}

/* ---- the rest ---- */

static void error_texts(void)
{
    for (int number = 0; number <= 200; number++)
        say(text("%d", number), zmq_strerror(number));
    for (int number = 156384710; number <= 156384770; number++)
        say(text("%d", number), zmq_strerror(number));
    static const int others[] = {-1, -11, INT_MAX, INT_MIN, 156384712 + 1000};
    for (size_t i = 0; i < 5; i++)
        say(text("%d", others[i]), zmq_strerror(others[i]));
}

static void *count(void *counter)
{
    for (int i = 0; i < 20000; i++)
        zmq_atomic_counter_inc(counter);
    for (int i = 0; i < 5000; i++)
        zmq_atomic_counter_dec(counter);
    return NULL;
}

static void counters(void)
{
    void *counter = zmq_atomic_counter_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, counter);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    line("four threads", "%d", zmq_atomic_counter_value(counter));
    static const int values[] = {2, 1, 0, -1, INT_MIN + 1};
    for (int i = 0; i < 5; i++) {
        zmq_atomic_counter_set(counter, values[i]);
        int result = zmq_atomic_counter_dec(counter);
        line(text("dec %d", values[i]), "%d, %d", result, zmq_atomic_counter_value(counter));
        zmq_atomic_counter_set(counter, values[i]);
        result = zmq_atomic_counter_inc(counter);
        line(text("inc %d", values[i]), "%d, %d", result, zmq_atomic_counter_value(counter));
    }
    zmq_atomic_counter_destroy(&counter);
}

static void blocked(void *argument)
{
    sigset_t mask;
    int free_signals = 0;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number < 32; number++)
        free_signals += number != SIGKILL && number != SIGSTOP && !sigismember(&mask, number);
    sprintf(argument, "%d signals let in, same thread %d", free_signals, *(pthread_t *) ((char *) argument + 64)
            == pthread_self());
}

static void threads(void)
{
    char result[128] = "did not run";
    pthread_t self = pthread_self();
    memcpy(result + 64, &self, sizeof self);
    for (int i = 0; i < 2; i++) {
        void *thread = zmq_threadstart(blocked, result);
        zmq_threadclose(thread);
        say(text("%d", i), result);
        strcpy(result, "did not run again");
    }
}

static void nothing(int sig)
{
    (void) sig;
}

static void sleeps(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nothing;
    sigaction(SIGUSR1, &action, NULL);
    long start = now_ms();
    zmq_sleep(0);
    line("no seconds", "%d", now_ms() - start < 900);
    start = now_ms();
    zmq_sleep(1);
    line("a second", "%d", now_ms() - start >= 999);
    pthread_t self = pthread_self(), thread;
    pthread_create(&thread, NULL, interrupt_later, &self);
    start = now_ms();
    zmq_sleep(10);
    line("a signal cuts it short", "%d", now_ms() - start < 8000);
    pthread_join(thread, NULL);
}

static const struct rule rules[] = {
    RULE(order), RULE(late), RULE(none), RULE(cancelled), RULE(long_intervals), RULE_WITHIN(longest_interval, 1500),
    RULE(changed_by_handlers), RULE(z85_characters), RULE(z85_values), RULE(z85_lengths), RULE(error_texts),
    RULE(counters), RULE(threads), RULE(sleeps),
};

RUN(rules)
