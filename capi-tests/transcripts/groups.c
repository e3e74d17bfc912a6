/* ZMQ_IPC_FILTER_GID and the groups that a user is a member of. transports.md section 3. */
#include "namespaces.h"
#include "transcript.h"

/* What a listener that lets a group in makes of user 0, whose own group is 0. */
static void member(const char *groups, int filter)
{
    private_namespaces(0);
    replace_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
    replace_file("/etc/passwd", "me:x:0:0::/:/bin/sh\n");
    replace_file("/etc/group", groups);
    void *ctx = context(), *pull = sock(ctx, ZMQ_PULL), *push = sock(ctx, ZMQ_PUSH);
    set_int(pull, ZMQ_IPC_FILTER_GID, filter);
    const char *endpoint = bind_any(pull, IPC);
    void *monitor = watch(pull, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    connect_to(push, endpoint);
    say("event", event_name(next_event(monitor, NULL, NULL, 0)));
}

static void primary(void)
{
    member("own:x:0:\n", 0);
}

static void supplementary(void)
{
    member("own:x:0:\nothers:x:4242:you,me\n", 4242);
}

static void not_a_member(void)
{
    member("own:x:0:\nothers:x:4242:you,men\n", 4242);
}

static void no_such_group(void)
{
    member("own:x:0:\n", 4242);
}

static void last_of_many(void)
{
    static char groups[64 * 1024];
    char *end = groups + sprintf(groups, "own:x:0:\n");
    for (int i = 1; i <= 1000; i++)
        end += sprintf(end, "group%d:x:%d:you,me\n", i, 4242 + i);
    member(groups, 4242 + 1000);
}

static const struct rule rules[] = {RULE(primary), RULE(supplementary), RULE(last_of_many), RULE(not_a_member),
                                    RULE(no_such_group)};

RUN(rules)
