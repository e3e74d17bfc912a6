#include "link.h"
#include "security.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int control;
unsigned long messages_sent, messages_received;

void fail (const char *file, int line, const char *format, ...)
{
    const char *slash = strrchr (file, '/');
    printf ("%s:%d: ", slash ? slash + 1 : file, line);
    va_list arguments;
    va_start (arguments, format);
    vprintf (format, arguments);
    va_end (arguments);
    printf ("\n");
    fflush (stdout);
    _exit (1);
}

/* ---- the other process ---- */

static void write_control (const char *bytes, size_t size)
{
    if (write (control, bytes, size) != (ssize_t) size)
        FAIL ("the other process is gone");
}

static char read_control (const char *what)
{
    struct pollfd waiting = {.fd = control, .events = POLLIN};
    if (poll (&waiting, 1, PATIENCE_MS) != 1)
        FAIL ("the other process never said %s", what);
    char letter;
    if (read (control, &letter, 1) != 1)
        FAIL ("the other process ended before it said %s", what);
    return letter;
}

void say (char letter)
{
    write_control (&letter, 1);
}

void hear (char letter)
{
    const char wanted[2] = {letter, 0};
    char got = read_control (wanted);
    if (got != letter)
        FAIL ("the other process said %c instead of %c", got, letter);
}

void say_text (const char *text)
{
    write_control (text, strlen (text));
    write_control ("\n", 1);
}

void hear_text (char *text, size_t size)
{
    size_t at = 0;
    for (char letter; (letter = read_control ("a text")) != '\n'; at++) {
        CHECK (at + 1 < size);
        text[at] = letter;
    }
    text[at] = 0;
}

void meet (char letter)
{
    say (letter);
    hear (letter);
}

bool is_ours (void)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    return patch != 4;
}

/* ---- socket ---- */

void set_int (void *socket, int option, int value)
{
    if (zmq_setsockopt (socket, option, &value, sizeof value) != 0)
        FAIL ("option %d = %d: errno %d", option, value, zmq_errno ());
}

int events_of (void *socket)
{
    int events;
    size_t size = sizeof events;
    CHECK (zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0);
    return events;
}

void hear_inside (struct link *link, char letter)
{
    zmq_pollitem_t items[] = {{.socket = link->socket}, {.fd = control, .events = ZMQ_POLLIN}};
    for (int waited = 0; waited < PATIENCE_MS; waited += 2) {
        events_of (link->socket);
        if (zmq_poll (items, 2, 2) == 1)
            break;
    }
    hear (letter);
}

void link_create (struct link *link, int high_water)
{
    link->context = zmq_ctx_new ();
    CHECK (link->context);
    link->socket = zmq_socket (link->context, link->type);
    CHECK (link->socket);
    secure (link);
    set_int (link->socket, ZMQ_LINGER, -1);
    set_int (link->socket, ZMQ_RCVTIMEO, PATIENCE_MS);
    set_int (link->socket, ZMQ_SNDTIMEO, PATIENCE_MS);
    set_int (link->socket, ZMQ_RECONNECT_IVL, 10);
    if (high_water >= 0) {
        set_int (link->socket, ZMQ_SNDHWM, high_water);
        set_int (link->socket, ZMQ_RCVHWM, high_water);
    }
    link->own_id = link->binder ? "binder" : "connecter";
    link->peer_id = link->binder ? "connecter" : "binder";
    /* Not to a REP: nobody sees it there, and a name that comes back before a REP of stock has let go of the old
     * connection, of which it tells nothing, is refused with all its messages. */
    if ((link->type == ZMQ_REQ || link->type == ZMQ_DEALER || link->type == ZMQ_ROUTER) && link->peer_type != ZMQ_REP)
        CHECK (zmq_setsockopt (link->socket, ZMQ_ROUTING_ID, link->own_id, strlen (link->own_id)) == 0);
    if (link->type == ZMQ_ROUTER)
        set_int (link->socket, ZMQ_ROUTER_MANDATORY, 1);
    if (link->type == ZMQ_XPUB)
        set_int (link->socket, ZMQ_XPUB_VERBOSE, 1);
    if (link->type == ZMQ_SUB)
        CHECK (zmq_setsockopt (link->socket, ZMQ_SUBSCRIBE, "", 0) == 0);
    if (link->type == ZMQ_XSUB)
        CHECK (zmq_send (link->socket, "\1", 1, 0) == 1);

    CHECK (zmq_socket_monitor (link->socket, "inproc://monitor", ZMQ_EVENT_ALL) == 0);
    link->monitor = zmq_socket (link->context, ZMQ_PAIR);
    set_int (link->monitor, ZMQ_LINGER, 0);
    set_int (link->monitor, ZMQ_RCVTIMEO, PATIENCE_MS);
    CHECK (zmq_connect (link->monitor, "inproc://monitor") == 0);
}

void link_connect (struct link *link)
{
    if (link->type == ZMQ_ROUTER)
        CHECK (zmq_setsockopt (link->socket, ZMQ_CONNECT_ROUTING_ID, link->peer_id, strlen (link->peer_id)) == 0);
    CHECK (zmq_connect (link->socket, link->endpoint) == 0);
}

void link_bind_again (struct link *link)
{
    if (zmq_bind (link->socket, link->endpoint) != 0)
        FAIL ("bind %s: errno %d", link->endpoint, zmq_errno ());
}

void link_open (struct link *link, const char *where)
{
    if (link->binder) {
        CHECK (zmq_bind (link->socket, where) == 0);
        size_t size = sizeof link->endpoint;
        CHECK (zmq_getsockopt (link->socket, ZMQ_LAST_ENDPOINT, link->endpoint, &size) == 0);
        say_text (link->endpoint);
    } else {
        hear_text (link->endpoint, sizeof link->endpoint);
        if (*where)
            snprintf (link->endpoint, sizeof link->endpoint, "%s", where);
        link_connect (link);
    }
}

void link_close (struct link *link)
{
    /* Events for a monitor that is gone would block libzmq's threads. */
    CHECK (zmq_socket_monitor (link->socket, NULL, 0) == 0);
    CHECK (zmq_close (link->monitor) == 0);
    CHECK (zmq_close (link->socket) == 0);
    CHECK (zmq_ctx_term (link->context) == 0);
    link->socket = link->context = NULL;
    link->subscribed = false;
}

int next_event (struct link *link, unsigned *value, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = link->monitor, .events = ZMQ_POLLIN};
    if (zmq_poll (&item, 1, timeout_ms) != 1)
        return 0;
    unsigned char body[6];
    CHECK (zmq_recv (link->monitor, body, sizeof body, 0) == 6);
    char text[256];
    CHECK (zmq_recv (link->monitor, text, sizeof text, 0) >= 0);
    uint16_t event;
    uint32_t number;
    memcpy (&event, body, sizeof event);
    memcpy (&number, body + 2, sizeof number);
    *value = number;
    return event;
}

unsigned await_event (struct link *link, int event)
{
    char seen[400] = "";
    for (;;) {
        unsigned value;
        int found = next_event (link, &value, PATIENCE_MS);
        if (found == event)
            return value;
        if (!found)
            FAIL ("event %d never came, only%s", event, seen);
        size_t at = strlen (seen);
        snprintf (seen + at, sizeof seen - at, " %d(%u)", found, value);
    }
}

/* ---- patterns ---- */

static bool can_send (int type)
{
    return type != ZMQ_SUB && type != ZMQ_PULL;
}

static bool can_receive (int type)
{
    return type != ZMQ_PUB && type != ZMQ_PUSH;
}

bool sends (const struct link *link)
{
    return can_send (link->type) && can_receive (link->peer_type);
}

bool receives (const struct link *link)
{
    return can_receive (link->type) && can_send (link->peer_type);
}

static bool asks_or_answers (int type)
{
    return type == ZMQ_REQ || type == ZMQ_REP;
}

bool is_lock_step (const struct link *link)
{
    return asks_or_answers (link->type) || asks_or_answers (link->peer_type);
}

bool is_asker (const struct link *link)
{
    return link->type == ZMQ_REQ || (link->peer_type == ZMQ_REP && link->type != ZMQ_REP);
}

/* The empty frame that REQ and REP put in front of a message, and that others must put there for them. */
static bool has_delimiter (const struct link *link)
{
    return !asks_or_answers (link->type) && asks_or_answers (link->peer_type);
}

static void fill (unsigned char *data, size_t size, unsigned seed)
{
    for (size_t at = 0; at < size; at++)
        data[at] = (unsigned char) (seed + at * 7 + (at >> 8));
    /* XSUB takes a first byte of 0 or 1 for a subscription. */
    if (size)
        data[0] = 'T';
}

static unsigned frame_seed (const struct recipe *recipe, int frame)
{
    return recipe->seed * 31 + (unsigned) frame;
}

static void release (void *data, void *hint)
{
    (void) hint;
    free (data);
}

/* One frame of the payload; small ones by copy, large ones handed over. */
static bool transmit_frame (void *socket, size_t size, unsigned seed, int flags)
{
    unsigned char *data = malloc (size + 1);
    CHECK (data);
    fill (data, size, seed);
    zmq_msg_t message;
    if (size > 4096) {
        CHECK (zmq_msg_init_data (&message, data, size, release, NULL) == 0);
    } else {
        CHECK (zmq_msg_init_size (&message, size) == 0);
        memcpy (zmq_msg_data (&message), data, size);
        free (data);
    }
    if (zmq_msg_send (&message, socket, flags) < 0) {
        if (zmq_errno () != EAGAIN)
            FAIL ("send of %zu bytes: errno %d", size, zmq_errno ());
        CHECK (zmq_msg_close (&message) == 0);
        return false;
    }
    return true;
}

bool transmit (struct link *link, const struct recipe *recipe, int flags)
{
    if (link->type == ZMQ_ROUTER) {
        if (zmq_send (link->socket, link->peer_id, strlen (link->peer_id), ZMQ_SNDMORE | flags) < 0) {
            if (zmq_errno () != EAGAIN || !(flags & ZMQ_DONTWAIT))
                FAIL ("no way to %s: errno %d", link->peer_id, zmq_errno ());
            return false;
        }
        flags = 0;
    }
    if (has_delimiter (link)) {
        if (zmq_send (link->socket, "", 0, ZMQ_SNDMORE | flags) < 0) {
            if (zmq_errno () != EAGAIN || !(flags & ZMQ_DONTWAIT))
                FAIL ("delimiter: errno %d", zmq_errno ());
            return false;
        }
        flags = 0;
    }
    for (int frame = 0; frame < recipe->frames; frame++) {
        int more = frame + 1 < recipe->frames ? ZMQ_SNDMORE : 0;
        if (!transmit_frame (link->socket, recipe->sizes[frame], frame_seed (recipe, frame), flags | more)) {
            if (frame || !(flags & ZMQ_DONTWAIT))
                FAIL ("message %u frame %d: would block", recipe->seed, frame);
            return false;
        }
        flags = 0;
    }
    messages_sent++;
    return true;
}

static void check_frame (struct link *link, zmq_msg_t *message, const struct recipe *expected, int frame)
{
    size_t size = zmq_msg_size (message);
    if (size != expected->sizes[frame])
        FAIL ("message %u frame %d: %zu bytes instead of %zu", expected->seed, frame, size, expected->sizes[frame]);
    unsigned char *wanted = malloc (size + 1);
    CHECK (wanted);
    fill (wanted, size, frame_seed (expected, frame));
    if (memcmp (wanted, zmq_msg_data (message), size) != 0)
        FAIL ("message %u frame %d: other bytes", expected->seed, frame);
    free (wanted);
    if (zmq_msg_more (message) != (frame + 1 < expected->frames))
        FAIL ("message %u frame %d of %d: more is %d", expected->seed, frame, expected->frames,
              zmq_msg_more (message));
    (void) link;
}

/* A frame that the pattern puts in front. */
static void check_envelope (zmq_msg_t *message, const char *expected)
{
    size_t size = strlen (expected);
    if (zmq_msg_size (message) != size || memcmp (zmq_msg_data (message), expected, size) != 0)
        FAIL ("envelope frame of %zu bytes is not \"%s\"", zmq_msg_size (message), expected);
    CHECK (zmq_msg_more (message));
}

static bool receive_frame (struct link *link, zmq_msg_t *message, int flags, unsigned seed)
{
    if (zmq_msg_recv (message, link->socket, flags) >= 0)
        return true;
    if (zmq_errno () != EAGAIN || !(flags & ZMQ_DONTWAIT))
        FAIL ("receive of message %u: errno %d", seed, zmq_errno ());
    return false;
}

/* What an XPUB is told about its peer; the payload of other messages never begins like that. */
static bool note_subscription (struct link *link, zmq_msg_t *message)
{
    const unsigned char *data = zmq_msg_data (message);
    if (link->type != ZMQ_XPUB || zmq_msg_size (message) != 1 || data[0] > 1)
        return false;
    CHECK (!zmq_msg_more (message));
    link->subscribed = data[0] == 1;
    return true;
}

bool receive (struct link *link, const struct recipe *expected, int flags)
{
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message) == 0);
    if (link->type == ZMQ_ROUTER) {
        if (!receive_frame (link, &message, flags, expected->seed))
            return false;
        check_envelope (&message, link->peer_id);
        flags = 0;
    }
    if (has_delimiter (link)) {
        if (!receive_frame (link, &message, flags, expected->seed))
            return false;
        check_envelope (&message, "");
        flags = 0;
    }
    for (int frame = 0; frame < expected->frames; frame++) {
        do {
            if (!receive_frame (link, &message, flags, expected->seed))
                return false;
        } while (frame == 0 && note_subscription (link, &message));
        check_frame (link, &message, expected, frame);
        flags = 0;
    }
    CHECK (zmq_msg_close (&message) == 0);
    messages_received++;
    return true;
}

struct recipe small (unsigned seed)
{
    struct recipe recipe = {.seed = seed, .frames = 1};
    recipe.sizes[0] = 10 + seed % 40;
    if (seed % 5 == 0) {
        recipe.frames = 2;
        recipe.sizes[1] = seed % 300;
    }
    return recipe;
}

void transmit_small (struct link *link, unsigned seed)
{
    struct recipe recipe = small (seed);
    transmit (link, &recipe, 0);
}

void receive_small (struct link *link, unsigned seed)
{
    struct recipe recipe = small (seed);
    receive (link, &recipe, 0);
}

/* ---- greeting ---- */

#define HELLO "hello"

/* A publisher that cannot see subscriptions: it sends until one has arrived. */
static void greet_as_pub (struct link *link)
{
    zmq_pollitem_t item = {.fd = control, .events = ZMQ_POLLIN};
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        CHECK (zmq_send (link->socket, HELLO, 5, 0) == 5);
        if (zmq_poll (&item, 1, 5) == 1) {
            hear ('s');
            CHECK (zmq_send (link->socket, "", 0, ZMQ_SNDMORE) == 0);
            CHECK (zmq_send (link->socket, "end of hellos", 13, 0) == 13);
            return;
        }
    }
    FAIL ("no subscriber");
}

static void greet_as_subscriber (struct link *link)
{
    char text[32];
    CHECK (zmq_recv (link->socket, text, sizeof text, 0) == 5);
    say ('s');
    int size;
    while ((size = zmq_recv (link->socket, text, sizeof text, 0)) == 5) {
    }
    CHECK (size == 0);
    CHECK (zmq_recv (link->socket, text, sizeof text, 0) == 13);
}

static void await_subscription (struct link *link, bool subscribed)
{
    while (link->subscribed != subscribed) {
        zmq_msg_t message;
        CHECK (zmq_msg_init (&message) == 0);
        receive_frame (link, &message, 0, 0);
        CHECK (note_subscription (link, &message));
        CHECK (zmq_msg_close (&message) == 0);
    }
}

/* The side that a ROUTER can answer, or that need not know anybody, says the first word. */
static bool speaks_first (const struct link *link)
{
    if (link->type == ZMQ_ROUTER && link->peer_type == ZMQ_ROUTER)
        return !link->binder;
    if (is_lock_step (link))
        return is_asker (link);
    if (link->type == ZMQ_ROUTER || link->peer_type == ZMQ_ROUTER)
        return link->type != ZMQ_ROUTER;
    return sends (link) && (!receives (link) || !link->binder);
}

void greet (struct link *link)
{
    if (link->type == ZMQ_PUB) {
        greet_as_pub (link);
        return;
    }
    if (link->peer_type == ZMQ_PUB) {
        greet_as_subscriber (link);
        return;
    }
    if (link->type == ZMQ_XPUB) {
        await_subscription (link, true);
        say ('s');
        return;
    }
    if (link->peer_type == ZMQ_XPUB) {
        hear_inside (link, 's');
        return;
    }
    const unsigned word = 1000000;
    if (speaks_first (link)) {
        transmit_small (link, word);
        if (receives (link))
            receive_small (link, word + 1);
    } else {
        receive_small (link, word);
        if (sends (link))
            transmit_small (link, word + 1);
    }
}

void await_absence (struct link *link)
{
    switch (link->type) {
    case ZMQ_XPUB:
        await_subscription (link, false);
        return;
    case ZMQ_PAIR:
    case ZMQ_DEALER:
    case ZMQ_PUSH:
    case ZMQ_REQ:
    case ZMQ_ROUTER:
        break;
    default:
        return;
    }
    zmq_pollitem_t item = {.socket = link->monitor, .events = 0};
    for (int waited = 0; waited < PATIENCE_MS; waited += 2) {
        if (!(events_of (link->socket) & ZMQ_POLLOUT))
            return;
        zmq_poll (&item, 1, 2);
    }
    FAIL ("the peer never left");
}
