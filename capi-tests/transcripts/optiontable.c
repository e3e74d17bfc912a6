/* Every row of socket_options.tsv on every socket type: default, lengths, values, NULL, and after the stop.
 *
 * The rows come from the contract's table (run.py writes option_rows.h). A line holds one probe of one
 * option; types that answer alike share a part of it, and those that are most stand under "else" or, if
 * they are all, without a name. What an option does is shown by the programs of the patterns. */
#include "transcript.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum kind { INT, WIDE, BYTES, KEY };

struct row {
    int number;
    enum kind kind;
    const char *name;
};

#define ROW(number, kind, name) {number, kind, name},
static const struct row rows[] = {
#include "option_rows.h"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROWS COUNT(rows)
/* Types 0 to 11 are stable, 12 to 20 draft. */
#define STABLE 12
#define TYPES 21
#define ANSWER 2400
#define LARGEST 1000

/* What one probe found on one type; empty = there is no such socket. */
typedef char answer[ANSWER];

/* Which rules a row went through on a type; shared with the children that run the rules. */
static unsigned char (*passed)[TYPES];

__attribute__((constructor)) static void share(void)
{
    passed = mmap(NULL, ROWS * TYPES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Outcomes in a row, equal neighbours joined: "0..3:EINVAL 4:4 5..8:EINVAL". */
struct runs {
    char *text;
    size_t used;
    char first[80], last[80], outcome[400];
};

static void put(struct runs *runs, const char *piece)
{
    int size = snprintf(runs->text + runs->used, ANSWER - runs->used, "%s", piece);
    runs->used += (size_t) size;
    if (runs->used >= ANSWER) {
        fprintf(stderr, "answer too long\n");
        abort();
    }
}

static void flush_run(struct runs *runs)
{
    if (!runs->outcome[0])
        return;
    if (runs->used)
        put(runs, " ");
    put(runs, runs->first);
    if (strcmp(runs->first, runs->last) != 0) {
        put(runs, "..");
        put(runs, runs->last);
    }
    put(runs, ":");
    put(runs, runs->outcome);
    runs->outcome[0] = 0;
}

static void add(struct runs *runs, const char *label, const char *outcome)
{
    if (strcmp(runs->outcome, outcome) != 0) {
        flush_run(runs);
        snprintf(runs->first, sizeof runs->first, "%s", label);
        snprintf(runs->outcome, sizeof runs->outcome, "%s", outcome);
    }
    snprintf(runs->last, sizeof runs->last, "%s", label);
}

/* One line for the types from `begin` to `end`, which are grouped by their answers. */
static void print_grouped(const char *key, answer *answers, int begin, int end)
{
    int first_of_most = -1, most = 0, groups = 0;
    for (int i = begin; i < end; i++) {
        int same = 0, is_new = answers[i][0] != 0;
        for (int j = begin; j < end; j++) {
            int equal = strcmp(answers[i], answers[j]) == 0;
            same += equal;
            is_new &= !(equal && j < i);
        }
        groups += is_new;
        if (answers[i][0] && same > most) {
            most = same;
            first_of_most = i;
        }
    }
    if (first_of_most < 0) {
        say(key, "no such type");
        return;
    }
    if (groups == 1) {
        say(key, answers[first_of_most]);
        return;
    }
    static char all[TYPES * ANSWER];
    size_t used = 0;
    for (int i = begin; i < end; i++) {
        if (!answers[i][0] || strcmp(answers[i], answers[first_of_most]) == 0)
            continue;
        int is_new = 1;
        for (int j = begin; j < i; j++)
            is_new &= strcmp(answers[i], answers[j]) != 0;
        for (int j = i; j < end && is_new; j++) {
            if (strcmp(answers[i], answers[j]) == 0)
                used += (size_t) sprintf(all + used, "%s ", type_name(j));
        }
        if (is_new)
            used += (size_t) sprintf(all + used, "{%s} ", answers[i]);
    }
    sprintf(all + used, "else {%s}", answers[first_of_most]);
    say(key, all);
}

typedef void probe(void *socket, const struct row *row, struct runs *runs);

static void note_passed(const struct row *row, int type, int rule)
{
    passed[row - rows][type] |= (unsigned char) (1 << rule);
}

/* NULL if there is no such type. What was closed gives its slot back a little later on the stock library. */
static void *open_socket(void *ctx, int type)
{
    long end = now_ms() + PATIENCE;
    void *s;
    do {
        s = zmq_socket(ctx, type);
    } while (!s && zmq_errno() == EMFILE && now_ms() < end);
    return s;
}

/* A probe of one row on all these types, each time on a new socket. */
static void probe_row(void *ctx, const struct row *row, probe *ask, int rule, int begin, int end)
{
    static answer answers[TYPES];
    memset(answers, 0, sizeof answers);
    for (int type = begin; type < end; type++) {
        void *s = open_socket(ctx, type);
        if (!s)
            continue;
        struct runs runs = {answers[type], 0, "", "", ""};
        ask(s, row, &runs);
        flush_run(&runs);
        zmq_close(s);
        note_passed(row, type, rule);
    }
    print_grouped(row->name, answers, begin, end);
}

static void probe_all(probe *ask, int rule, int begin, int end)
{
    void *ctx = context();
    for (size_t i = 0; i < ROWS; i++)
        probe_row(ctx, &rows[i], ask, rule, begin, end);
}

/* ---- reading ---- */

/* Lengths around every size that some option wants. */
static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 39,
                                 40, 41, 42, 64, 254, 255, 256, 257, LARGEST};

struct reading {
    int result;
    int number;
    size_t size;
    int is_clean; /* The rest is zero, a failure left the buffer alone, nothing beyond it is touched. */
    unsigned char buffer[LARGEST + 8];
};

static const struct reading *read_with(void *s, int option, size_t size)
{
    static struct reading r;
    memset(r.buffer, 0xee, sizeof r.buffer);
    r.size = size;
    r.result = zmq_getsockopt(s, option, r.buffer, &r.size);
    r.number = r.result == 0 ? 0 : zmq_errno();
    r.is_clean = 1;
    for (size_t i = r.result == 0 ? r.size : 0; i < sizeof r.buffer; i++)
        r.is_clean &= r.buffer[i] == (i < size && r.result == 0 ? 0 : 0xee);
    return &r;
}

/* The value in the longest buffer that the option takes, or the error. */
static const char *value(void *s, const struct row *row)
{
    size_t size = row->kind == INT ? 4 : row->kind == WIDE ? 8 : row->kind == KEY ? 41 : LARGEST;
    const struct reading *r = read_with(s, row->number, size);
    if (r->result != 0)
        return error_name(r->number);
    if (row->number == ZMQ_FD) {
        int fd;
        memcpy(&fd, r->buffer, sizeof fd);
        return fd > 2 ? "a descriptor" : "no descriptor";
    }
    if (row->kind == INT) {
        int number;
        memcpy(&number, r->buffer, sizeof number);
        return text("%d", number);
    }
    if (row->kind == WIDE) {
        int64_t number;
        memcpy(&number, r->buffer, sizeof number);
        return text("%lld", (long long) number);
    }
    return text("%s/%zu", shown(r->buffer, r->size), r->size);
}

static void read_lengths(void *s, const struct row *row, struct runs *runs)
{
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const struct reading *r = read_with(s, row->number, lengths[i]);
        const char *outcome = r->result != 0           ? error_name(r->number)
                              : r->size == lengths[i] ? "full"
                                                      : text("%zu", r->size);
        add(runs, text("%zu", lengths[i]), r->is_clean ? outcome : text("%s, writes", outcome));
    }
}

static void default_value(void *s, const struct row *row, struct runs *runs)
{
    add(runs, "reads", value(s, row));
}

/* ---- setting ---- */

/* 0, or the error. */
static int set(void *s, const struct row *row, const void *data, size_t size)
{
    return zmq_setsockopt(s, row->number, data, size) == 0 ? 0 : zmq_errno();
}

/* What a call that sets did, and what it left: "=" if the option now reads as `wanted`. */
static const char *effect_of(void *s, const struct row *row, int error, const char *before,
                             const char *wanted)
{
    const char *now = value(s, row);
    if (error) {
        int is_kept = strcmp(before, now) == 0;
        return is_kept ? error_name(error) : text("%s, but reads %s", error_name(error), now);
    }
    if (strcmp(now, wanted) == 0)
        return "=";
    return now[0] == 'E' ? "taken" : text("reads %s", now);
}

static const char *bytes_as_read(const struct row *row, const void *data, size_t size)
{
    static unsigned char copy[LARGEST + 1];
    memcpy(copy, data, size);
    copy[size] = 0;
    size_t total = row->number == ZMQ_ROUTING_ID ? size : size + 1;
    return text("%s/%zu", shown(copy, total), total);
}

static const char *set_bytes_effect(void *s, const struct row *row, const void *data, size_t size)
{
    const char *before = value(s, row);
    int error = set(s, row, data, size);
    return effect_of(s, row, error, before, bytes_as_read(row, data, size));
}

/* The number one in the first byte, whatever the length; what then reads is no matter here. */
static void set_lengths(void *s, const struct row *row, struct runs *runs)
{
    unsigned char data[LARGEST] = {1};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const char *before = value(s, row);
        int error = set(s, row, data, lengths[i]);
        const char *outcome = effect_of(s, row, error, before, value(s, row));
        add(runs, text("%zu", lengths[i]), error == 0 ? "taken" : outcome);
    }
}

/* Digits: text, a short IPv4 address, and Z85. */
static void set_text_lengths(void *s, const struct row *row, struct runs *runs)
{
    char data[LARGEST];
    memset(data, '0', sizeof data);
    for (size_t i = 0; i < COUNT(lengths); i++)
        add(runs, text("%zu", lengths[i]), set_bytes_effect(s, row, data, lengths[i]));
}

static void int_values(void *s, const struct row *row, struct runs *runs)
{
    static const int values[] = {INT_MIN, -65536, -101, -100, -99, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7,
                                 8, 9, 16, 99, 100, 101, 254, 255, 256, 1023, 65535, 65536, 6553500,
                                 6553599, 6553600, INT_MAX - 1, INT_MAX};
    for (size_t i = 0; i < COUNT(values); i++) {
        const char *before = value(s, row);
        int error = set(s, row, &values[i], sizeof values[i]);
        const char *label = text("%d", values[i]);
        add(runs, label, effect_of(s, row, error, before, label));
    }
}

static void wide_values(void *s, const struct row *row, struct runs *runs)
{
    static const int64_t values[] = {INT64_MIN, INT_MIN, -2, -1, 0, 1, 2, 3, 255, 1000, INT_MAX,
                                     1LL + UINT_MAX, INT64_MAX};
    for (size_t i = 0; i < COUNT(values); i++) {
        const char *before = value(s, row);
        int error = set(s, row, &values[i], sizeof values[i]);
        const char *label = text("%lld", (long long) values[i]);
        add(runs, label, effect_of(s, row, error, before, label));
    }
}

struct sample {
    const char *label;
    const char *data;
    size_t size;
};

#define TEXT(string) {"'" string "'", string, sizeof string - 1}
#define NAMED(label, string) {label, string, sizeof string - 1}

static const struct sample any_bytes[] = {
    NAMED("empty", ""), TEXT("a"), TEXT("abcd"), NAMED("NUL within", "a\0b"), NAMED("NUL first", "\0b"),
    NAMED("NUL last", "ab\0"), NAMED("no text", "\xff\xfe\x80"), NAMED("blanks", " \t\n"),
};

static const struct sample filters[] = {
    TEXT("10.0.0.0/8"), TEXT("10.1.2.3"), TEXT("10.1.2.3/0"), TEXT("10.1.2.3/32"), TEXT("10.1.2.3/33"),
    TEXT("10.1.2.3/128"), TEXT("10.1.2.3/129"), TEXT("10.1.2.3/-1"), TEXT("10.1.2.3/"), TEXT("10.1.2.3/x"),
    TEXT("10.1.2.3/8x"), TEXT("10.1.2.3/ 8"), TEXT("10.1.2.3/08"), TEXT("10.1.2.3/8/8"), TEXT("10.1.2.3/999999999999"),
    TEXT("/8"), TEXT("10.1/8"), TEXT("0x0a.1"), TEXT("012.1"), TEXT("10.1.2"), TEXT("167772161"),
    TEXT("256.1.1.1"), TEXT("10.1.2.3.4"), TEXT(" 10.1.2.3"), TEXT("10.1.2.3 "), TEXT("10.1.2.3:80"),
    TEXT("localhost"), TEXT("lo"), TEXT("*"), TEXT("::1"), TEXT("::1/128"), TEXT("::1/129"), TEXT("::1/0"),
    TEXT("[::1]"), TEXT("[::1]/64"), TEXT("::ffff:10.0.0.0/104"), TEXT("::/0"), TEXT("fe80::1%lo/64"),
    TEXT("fe80::1%1"), TEXT(":::"), NAMED("with NUL", "10.0.0.0\0x"),
};

static const struct sample properties[] = {
    TEXT("X-a:b"), TEXT("X-:1"), TEXT("X-:12"), TEXT("Y-a:bc"), TEXT("x-a:bc"), TEXT("X-ab:"), TEXT(":abcde"),
    TEXT("abcde"), TEXT("X:abc"), TEXT("X-a::"), TEXT("X-a:b:c"), TEXT("X-a:other"), TEXT("X-a b:c"),
    TEXT("Identity:a"), NAMED("NUL in the value", "X-n:a\0b"), NAMED("NUL in the name", "X-\0n:ab"),
    NAMED("NUL as the value", "X-v:\0"),
};

static void add_samples(void *s, const struct row *row, struct runs *runs,
                        const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(runs, samples[i].label, set_bytes_effect(s, row, samples[i].data, samples[i].size));
}

static void byte_values(void *s, const struct row *row, struct runs *runs)
{
    add_samples(s, row, runs, any_bytes, COUNT(any_bytes));
    if (row->number == ZMQ_TCP_ACCEPT_FILTER)
        add_samples(s, row, runs, filters, COUNT(filters));
    if (row->number == 95)
        add_samples(s, row, runs, properties, COUNT(properties));
    static char large[257];
    memset(large, 'L', sizeof large);
    for (size_t size = 255; size <= 257; size++)
        add(runs, text("%zu bytes", size), set_bytes_effect(s, row, large, size));
    zmq_setsockopt(s, row->number, NULL, 0);
    add(runs, "after NULL", value(s, row));
}

static void key_values(void *s, const struct row *row, struct runs *runs)
{
    static const struct sample samples[] = {
        NAMED("binary", "0123456789abcdef0123456789abcdef"),
        NAMED("zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        NAMED("Z85", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"),
        NAMED("Z85 with NUL", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\0"),
        NAMED("bad letter", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]y\"7"),
        NAMED("too large a group", "#####################################ns47"),
        NAMED("41 letters", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf77"),
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        const char *before = value(s, row);
        int error = set(s, row, samples[i].data, samples[i].size);
        const char *outcome = effect_of(s, row, error, before, "");
        add(runs, samples[i].label, text("%s, mechanism %s", outcome, show_int(s, ZMQ_MECHANISM)));
    }
}

static void values(void *s, const struct row *row, struct runs *runs)
{
    static probe *const by_kind[] = {int_values, wide_values, byte_values, key_values};
    by_kind[row->kind](s, row, runs);
}

/* With ZMQ_IPV6 the filters mean something else. */
static void filter_values_ipv6(void *s, const struct row *row, struct runs *runs)
{
    set_int(s, ZMQ_IPV6, 1);
    add_samples(s, row, runs, filters, COUNT(filters));
}

/* ---- NULL ---- */

/* Each call may end the process, so a child makes them, and the next child goes on behind the last. */
static const size_t null_lengths[] = {0, 1, 4, 8, 32, 40};

struct null_calls {
    size_t next;
    char outcome[TYPES][COUNT(null_lengths)][32];
};

static void null_call(void *ctx, const struct row *row, struct null_calls *calls)
{
    int type = (int) (calls->next / COUNT(null_lengths));
    size_t at = calls->next % COUNT(null_lengths);
    void *s = open_socket(ctx, type);
    if (s) {
        const char *before = value(s, row);
        int error = set(s, row, NULL, null_lengths[at]);
        const char *outcome = effect_of(s, row, error, before, value(s, row));
        snprintf(calls->outcome[type][at], 32, "%s", error == 0 ? "taken" : outcome);
        zmq_close(s);
    }
}

static void null_child(const struct row *row, struct null_calls *calls, size_t end)
{
    void *ctx = zmq_ctx_new();
    while (calls->next < end) {
        null_call(ctx, row, calls);
        calls->next++;
    }
    _exit(0);
}

static void null_row(const struct row *row, int rule, int begin, int end)
{
    static struct null_calls *calls;
    if (!calls)
        calls = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(calls, 0, sizeof *calls);
    calls->next = (size_t) begin * COUNT(null_lengths);
    size_t last = (size_t) end * COUNT(null_lengths);
    while (calls->next < last) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            null_child(row, calls, last);
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) {
            size_t at = calls->next++;
            strcpy(calls->outcome[at / COUNT(null_lengths)][at % COUNT(null_lengths)],
                   WTERMSIG(status) == SIGSEGV ? "crashes" : "aborts");
        }
    }
    static answer answers[TYPES];
    memset(answers, 0, sizeof answers);
    for (int type = begin; type < end; type++) {
        struct runs runs = {answers[type], 0, "", "", ""};
        for (size_t i = 0; i < COUNT(null_lengths) && calls->outcome[type][i][0]; i++)
            add(&runs, text("%zu", null_lengths[i]), calls->outcome[type][i]);
        flush_run(&runs);
        if (answers[type][0])
            note_passed(row, type, rule);
    }
    print_grouped(row->name, answers, begin, end);
}

static void null_all(int rule, int begin, int end)
{
    for (size_t i = 0; i < ROWS; i++)
        null_row(&rows[i], rule, begin, end);
}

/* ---- after zmq_ctx_shutdown ---- */

/* Reading and setting with a good, a bad and no length. */
static void six_calls(void *s, const struct row *row, struct runs *runs)
{
    unsigned char data[LARGEST] = {1};
    size_t good = row->kind == WIDE ? 8 : row->kind == KEY ? 32 : 4;
    const size_t sizes[] = {good, 3, 0};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct reading *r = read_with(s, row->number, sizes[i]);
        add(runs, text("get %zu", sizes[i]), r->result == 0 ? text("%zu", r->size) : error_name(r->number));
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int result = zmq_setsockopt(s, row->number, data, sizes[i]);
        add(runs, text("set %zu", sizes[i]), rc(result));
    }
}

/* A stop that the socket has noticed, or not yet. ZMQ_EVENTS makes it notice. */
static void after_stop(int rule, int begin, int end, int is_noticed)
{
    static answer all[ROWS][TYPES];
    memset(all, 0, sizeof all);
    for (int type = begin; type < end; type++) {
        void *ctx = context();
        void *s = open_socket(ctx, type);
        if (!s)
            continue;
        zmq_ctx_shutdown(ctx);
        if (is_noticed)
            get_int(s, ZMQ_EVENTS);
        for (size_t i = 0; i < ROWS; i++) {
            if (!is_noticed && rows[i].number == ZMQ_EVENTS)
                continue;
            struct runs runs = {all[i][type], 0, "", "", ""};
            six_calls(s, &rows[i], &runs);
            flush_run(&runs);
            note_passed(&rows[i], type, rule);
        }
        zmq_close(s);
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (is_noticed || rows[i].number != ZMQ_EVENTS)
            print_grouped(rows[i].name, all[i], begin, end);
    }
}

/* ---- numbers that no option has ---- */

static void unassigned(int begin, int end)
{
    static const int numbers[] = {INT_MIN, -1000, -4, -1, 0, 1, 2, 3, 10, 20, 26, 29, 30, 67, 82, 83,
                                  125, 126, 127, 128, 255, 256, 1000, 65536, INT_MAX};
    void *ctx = context();
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct row row = {numbers[i], INT, text("%d", numbers[i])};
        static answer answers[TYPES];
        memset(answers, 0, sizeof answers);
        for (int type = begin; type < end; type++) {
            void *s = open_socket(ctx, type);
            if (!s)
                continue;
            struct runs runs = {answers[type], 0, "", "", ""};
            six_calls(s, &row, &runs);
            flush_run(&runs);
            zmq_close(s);
        }
        print_grouped(row.name, answers, begin, end);
    }
}

/* ---- rules ---- */

enum { DEFAULTS, READ_LENGTHS, SET_LENGTHS, SET_TEXT_LENGTHS, VALUES, NULLS, STOPPED };
#define EVERY_RULE ((1 << (STOPPED + 1)) - 1)

#define PROBE(name, ask, rule) \
    static void name(void) { probe_all(ask, rule, 0, STABLE); } \
    static void draft_##name(void) { probe_all(ask, rule, STABLE, TYPES); }

PROBE(defaults, default_value, DEFAULTS)
PROBE(get_with_length, read_lengths, READ_LENGTHS)
PROBE(set_with_length, set_lengths, SET_LENGTHS)
PROBE(set_text_with_length, set_text_lengths, SET_TEXT_LENGTHS)
PROBE(set_values, values, VALUES)

#define ON_TYPES(name, call, ...) \
    static void name(void) { call(__VA_ARGS__ 0, STABLE); } \
    static void draft_##name(void) { call(__VA_ARGS__ STABLE, TYPES); }

#define NOTHING
ON_TYPES(set_null, null_all, NULLS,)
ON_TYPES(no_option, unassigned, NOTHING)

static void stop_noticed(void) { after_stop(STOPPED, 0, STABLE, 1); }
static void draft_stop_noticed(void) { after_stop(STOPPED, STABLE, TYPES, 1); }
static void stop_not_noticed(void) { after_stop(STOPPED, 0, STABLE, 0); }

static void filters_with_ipv6(void)
{
    static const struct row filter = {ZMQ_TCP_ACCEPT_FILTER, BYTES, "TCP_ACCEPT_FILTER"};
    void *s = sock(context(), ZMQ_PULL);
    static answer found;
    struct runs runs = {found, 0, "", "", ""};
    filter_values_ipv6(s, &filter, &runs);
    flush_run(&runs);
    say(filter.name, found);
}

/* The option set last decides. */
static void mechanism(void)
{
    void *s = plain_sock(context(), ZMQ_PUSH);
    char key[32] = "0123456789abcdef0123456789abcde";
    static const struct row user = {ZMQ_PLAIN_USERNAME, BYTES, ""};
    say("fresh", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_PLAIN_SERVER, 1);
    say("PLAIN_SERVER 1", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_PLAIN_SERVER, 0);
    say("PLAIN_SERVER 0", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_PLAIN_USERNAME, "admin", 5);
    say("PLAIN_USERNAME", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_PLAIN_USERNAME, NULL, 0);
    say("PLAIN_USERNAME NULL", show_int(s, ZMQ_MECHANISM));
    say("PLAIN_USERNAME is kept", value(s, &user));
    set_bytes(s, ZMQ_PLAIN_PASSWORD, "secret", 6);
    say("PLAIN_PASSWORD", show_int(s, ZMQ_MECHANISM));
    set_bytes(s, ZMQ_CURVE_SERVERKEY, key, 32);
    say("CURVE_SERVERKEY", show_int(s, ZMQ_MECHANISM));
    set_int(s, ZMQ_CURVE_SERVER, 1);
    say("CURVE_SERVER", show_int(s, ZMQ_CURVE_SERVER));
    set_int(s, ZMQ_PLAIN_SERVER, 1);
    say("PLAIN_SERVER after CURVE_SERVER", show_int(s, ZMQ_MECHANISM));
    say("CURVE_SERVER then", show_int(s, ZMQ_CURVE_SERVER));
    set_int(s, ZMQ_CURVE_SERVER, 0);
    say("CURVE_SERVER 0", show_int(s, ZMQ_MECHANISM));
}

static void shared_storage(void)
{
    void *s = plain_sock(context(), ZMQ_PUSH);
    set_int(s, ZMQ_IPV6, 1);
    say("IPV4ONLY after IPV6 1", show_int(s, ZMQ_IPV4ONLY));
    set_int(s, ZMQ_IPV4ONLY, 1);
    say("IPV6 after IPV4ONLY 1", show_int(s, ZMQ_IPV6));
}

/* One message with two frames, read by getsockopt with the 64-bit buffer of old clients. */
static void rcvmore(void)
{
    void *ctx = context();
    void *a = sock(ctx, ZMQ_PAIR);
    void *b = sock(ctx, ZMQ_PAIR);
    attach(a, b, INPROC);
    say("before", show_int(b, ZMQ_RCVMORE));
    tx(a, "one|two");
    tx(a, "three");
    say("first", rx_frame(b, 0));
    int64_t wide_value = -1;
    size_t size = sizeof wide_value;
    zmq_getsockopt(b, ZMQ_RCVMORE, &wide_value, &size);
    line("in 64 bits", "%lld/%zu", (long long) wide_value, size);
    say("second", rx_frame(b, 0));
    say("after the second", show_int(b, ZMQ_RCVMORE));
    say("third", rx_frame(b, 0));
    say("failed", rx_now(b));
    say("unchanged by a failure", show_int(b, ZMQ_RCVMORE));
}

static int pairs_checked(int begin, int end)
{
    int count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        for (int type = begin; type < end; type++)
            count += passed[i][type] == EVERY_RULE;
    }
    return count;
}

/* Last, for it counts what the others did. */
static void total(void)
{
    line("rows", "%zu", ROWS);
    line("rows x types checked", "%d", pairs_checked(0, STABLE));
    line("rows x draft types checked", "%d", pairs_checked(STABLE, TYPES));
}

static const struct rule rules[] = {
    RULE(defaults), RULE(get_with_length), RULE(set_with_length), RULE(set_text_with_length),
    RULE(set_values), RULE_WITHIN(set_null, 60000), RULE(stop_noticed), RULE(stop_not_noticed),
    RULE(no_option), RULE(draft_defaults), RULE(draft_get_with_length), RULE(draft_set_with_length),
    RULE(draft_set_text_with_length), RULE(draft_set_values), RULE_WITHIN(draft_set_null, 60000),
    RULE(draft_stop_noticed), RULE(draft_no_option), RULE(filters_with_ipv6), RULE(mechanism),
    RULE(shared_storage), RULE(rcvmore), RULE(total),
};

RUN(rules)
