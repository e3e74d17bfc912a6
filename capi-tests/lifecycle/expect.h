/* Claims about the library: each prints one line, `rule.key: ok` or what was there instead. */
#ifndef EXPECT_H
#define EXPECT_H

#include "transcript.h"

/* The result (from rc, made, rx ...) is this one. */
static inline void expect(const char *key, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        say(key, "ok");
    else
        line(key, "WRONG: %s, not %s", got, wanted);
}

static inline void expect_true(const char *key, int holds)
{
    expect(key, holds ? "true" : "false", "true");
}

/* For claims that are made so often that only what is wrong is printed: counts it. */
static inline int differs(const char *key, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        return 0;
    line(key, "WRONG: %s, not %s", got, wanted);
    return 1;
}

/* Under memcheck everything takes fifty times as long: loops are cut. */
static inline int turns(int number)
{
    return getenv("SLOW") ? (number + 19) / 20 : number;
}

#endif
