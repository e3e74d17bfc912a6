/* See story.h. */
#include "story.h"

struct story story_of(void *socket, const char *endpoint, int interval)
{
    struct story story = {watch(socket, ZMQ_EVENT_ALL), endpoint, interval, -1, -1};
    return story;
}

/* The descriptor in a value: the one that is expected, if there is one. */
static const char *of_descriptor(int value, int expected)
{
    if (value <= 2)
        return "no fd";
    return expected == -1 || value == expected ? "fd" : "of another";
}

static const char *value_of(struct story *story, int event, int value)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
    case ZMQ_EVENT_ACCEPTED:
        story->connection = value;
        return of_descriptor(value, -1);
    case ZMQ_EVENT_LISTENING:
        story->listener = value;
        return of_descriptor(value, -1);
    case ZMQ_EVENT_DISCONNECTED:
        return of_descriptor(value, story->connection);
    case ZMQ_EVENT_CLOSED:
        return of_descriptor(value, story->listener);
    case ZMQ_EVENT_CONNECT_RETRIED:
        return text("%d", value / story->interval * story->interval);
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return text("%d", value);
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return text("%#x", (unsigned) value);
    default:
        return error_name(value);
    }
}

/* Appends the next event; its number, 0 for none. */
static int append(struct story *story, char *out)
{
    int value = 0;
    char address[256] = "";
    int event = next_event(story->monitor, &value, address, sizeof address);
    if (event == 0)
        return 0;
    out += strlen(out);
    sprintf(out, "%s %s%s", event_name(event), value_of(story, event, value),
            strcmp(address, story->endpoint) == 0 ? "" : text(" at '%s'", masked(address)));
    return event;
}

/* Up to so many events, or to `last`, or to the end. */
static const char *events_of(struct story *story, int count, int last)
{
    char *out = scratch(2048);
    *out = 0;
    while (count-- > 0 && strlen(out) < 1500) {
        if (*out)
            strcat(out, ", ");
        int event = append(story, out);
        if (event == 0) {
            strcat(out, "nothing");
            break;
        }
        if (event == last)
            break;
    }
    return out;
}

const char *tell(struct story *story, int count)
{
    return events_of(story, count, 0);
}

const char *tell_until(struct story *story, int event)
{
    return events_of(story, 1000, event);
}

const char *tell_rest(struct story *story)
{
    set_int(story->monitor, ZMQ_RCVTIMEO, QUIET);
    const char *told = events_of(story, 1000, 0);
    set_int(story->monitor, ZMQ_RCVTIMEO, PATIENCE);
    return told;
}
