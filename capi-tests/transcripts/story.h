/* What a monitor tells, as text that is the same in every run: events with their values. */
#ifndef STORY_H
#define STORY_H

#include "transcript.h"

struct story {
    void *monitor;
    /* What the events should name; others are shown. */
    const char *endpoint;
    /* Delays are shown in whole ones, as libzmq 4.3.4 adds less than one to each. */
    int interval;
    /* The descriptors of the last connection and of the listener. */
    int connection, listener;
};

/* Watches a socket from now on. */
struct story story_of(void *socket, const char *endpoint, int interval);
/* The next `count` events: errors by name, delays and codes as numbers, descriptors as "fd". DISCONNECTED is of the last
 * connection and CLOSED of the listener, if there is one, or else "of another". "nothing" if one does not come. */
const char *tell(struct story *story, int count);
/* The same up to this event. */
const char *tell_until(struct story *story, int event);
/* The same up to the end: until nothing has come for QUIET ms. */
const char *tell_rest(struct story *story);

#endif
