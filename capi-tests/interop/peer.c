/* One side of a conversation between two libraries: peer binder|connecter SCENARIO ENDPOINT DESCRIPTOR; the
   connecter's endpoint may be empty: what the binder says. The last is a socket to the other side, beside the libraries. `peer list` prints the scenarios. A scenario is TYPE-TYPE.NAME
   (binder's type first) or a name of special.c. Prints what went wrong, or the counts of messages. */
#include "link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "special.h"

static const struct pairing {
    const char *name;
    int binder, connecter;
} pairings[] = {
  {"PAIR-PAIR", ZMQ_PAIR, ZMQ_PAIR},         {"PUB-SUB", ZMQ_PUB, ZMQ_SUB},
  {"SUB-PUB", ZMQ_SUB, ZMQ_PUB},             {"PUB-XSUB", ZMQ_PUB, ZMQ_XSUB},
  {"XSUB-PUB", ZMQ_XSUB, ZMQ_PUB},           {"XPUB-SUB", ZMQ_XPUB, ZMQ_SUB},
  {"SUB-XPUB", ZMQ_SUB, ZMQ_XPUB},           {"XPUB-XSUB", ZMQ_XPUB, ZMQ_XSUB},
  {"XSUB-XPUB", ZMQ_XSUB, ZMQ_XPUB},         {"REQ-REP", ZMQ_REQ, ZMQ_REP},
  {"REP-REQ", ZMQ_REP, ZMQ_REQ},             {"DEALER-ROUTER", ZMQ_DEALER, ZMQ_ROUTER},
  {"ROUTER-DEALER", ZMQ_ROUTER, ZMQ_DEALER}, {"ROUTER-ROUTER", ZMQ_ROUTER, ZMQ_ROUTER},
  {"DEALER-DEALER", ZMQ_DEALER, ZMQ_DEALER}, {"DEALER-REP", ZMQ_DEALER, ZMQ_REP},
  {"REP-DEALER", ZMQ_REP, ZMQ_DEALER},       {"REQ-ROUTER", ZMQ_REQ, ZMQ_ROUTER},
  {"ROUTER-REQ", ZMQ_ROUTER, ZMQ_REQ},       {"PUSH-PULL", ZMQ_PUSH, ZMQ_PULL},
  {"PULL-PUSH", ZMQ_PULL, ZMQ_PUSH},
};

#define COUNT_OF(array) (sizeof (array) / sizeof (array)[0])

static struct recipe of_sizes (unsigned seed, int frames, const size_t *sizes)
{
    struct recipe recipe = {.seed = seed, .frames = frames};
    memcpy (recipe.sizes, sizes, (size_t) frames * sizeof *sizes);
    return recipe;
}

/* One message each way, as far as the pattern has both. */
static void exchange (struct link *link, unsigned seed)
{
    bool first = is_lock_step (link) ? is_asker (link) : !link->binder;
    for (int turn = 0; turn < 2; turn++) {
        bool mine = first == (turn == 0);
        if (mine && sends (link))
            transmit_small (link, seed + (unsigned) turn);
        if (!mine && receives (link))
            receive_small (link, seed + (unsigned) turn);
    }
}

/* Every size class and multipart form, in both directions. */
static void shapes (struct link *link)
{
    const size_t mega = 1 << 20;
    const size_t single[] = {0,    1,    32,    33,    34,    64,     253,  254,      255,      256,
                             8191, 8192, 8193,  65535, 65536, 131072, mega, 10 * mega, 1,       0};
    const size_t empties[] = {0, 0, 0};
    const size_t mixed[] = {1, 0, 255, 256, 70000, 0};
    const size_t large[] = {0, mega, 0, mega, 1};
    const size_t huge[] = {10 * mega, 10 * mega, 3};
    struct recipe recipes[COUNT_OF (single) + 5];
    size_t count = 0;
    for (; count < COUNT_OF (single); count++)
        recipes[count] = of_sizes ((unsigned) count, 1, &single[count]);
    recipes[count++] = of_sizes (100, COUNT_OF (empties), empties);
    recipes[count++] = of_sizes (101, COUNT_OF (mixed), mixed);
    recipes[count++] = of_sizes (102, COUNT_OF (large), large);
    recipes[count++] = of_sizes (103, COUNT_OF (huge), huge);
    struct recipe *many = &recipes[count++];
    many->seed = 104;
    many->frames = 1000;
    for (int frame = 0; frame < many->frames; frame++)
        many->sizes[frame] = (size_t) (frame % 300);

    greet (link);
    bool first = is_lock_step (link) ? is_asker (link) : !link->binder;
    for (int turn = 0; turn < 2; turn++) {
        if (is_lock_step (link) && turn == 1)
            break;
        for (size_t at = 0; at < count; at++) {
            if (first == (turn == 0)) {
                if (sends (link))
                    transmit (link, &recipes[at], 0);
                if (is_lock_step (link))
                    receive (link, &recipes[at], 0);
            } else {
                if (receives (link))
                    receive (link, &recipes[at], 0);
                if (is_lock_step (link))
                    transmit (link, &recipes[at], 0);
            }
        }
        meet ('t');
    }
}

static struct recipe of_flood (unsigned seed)
{
    struct recipe recipe = small (seed);
    if (seed % 97 == 0)
        recipe.sizes[0] = 20000;
    if (seed % 1009 == 0)
        recipe.sizes[0] = 300000;
    return recipe;
}

/* Thousands of messages in both directions at once: none missing, in order. */
static void flood (struct link *link)
{
    greet (link);
    if (is_lock_step (link)) {
        for (unsigned seed = 0; seed < 2000; seed++)
            exchange (link, 2 * seed);
        return;
    }
    const unsigned count = 10000;
    unsigned sent = sends (link) ? 0 : count;
    unsigned received = receives (link) ? 0 : count;
    while (sent < count || received < count) {
        short events = (short) ((sent < count ? ZMQ_POLLOUT : 0) | (received < count ? ZMQ_POLLIN : 0));
        zmq_pollitem_t item = {.socket = link->socket, .events = events};
        if (zmq_poll (&item, 1, PATIENCE_MS) != 1)
            FAIL ("stuck at %u sent, %u received", sent, received);
        for (int batch = 0; batch < 50 && sent < count; batch++, sent++) {
            struct recipe recipe = of_flood (sent);
            if (!transmit (link, &recipe, ZMQ_DONTWAIT))
                break;
        }
        for (int batch = 0; batch < 50 && received < count; batch++, received++) {
            struct recipe recipe = of_flood (received);
            if (!receive (link, &recipe, ZMQ_DONTWAIT))
                break;
        }
    }
}

/* A side that can say something before the other has spoken. */
static unsigned gap_messages (const struct link *link)
{
    if (!sends (link))
        return 0;
    if (is_lock_step (link))
        return is_asker (link) ? 1 : 0;
    return 100;
}

/* The binder goes and comes back at the same place. What it had sent is still read after it has gone; what the
   connecter sends meanwhile arrives at the next binder. */
static void restart (struct link *link)
{
    struct link mirror = *link;
    mirror.type = link->peer_type;
    mirror.peer_type = link->type;
    const unsigned parting = is_lock_step (link) ? 0 : 20;
    greet (link);
    exchange (link, 0);
    if (link->binder) {
        for (unsigned seed = 0; sends (link) && seed < parting; seed++)
            transmit_small (link, seed);
        link_close (link);
        hear ('g');
        link_create (link, -1);
        link_bind_again (link);
        for (unsigned seed = 0; seed < gap_messages (&mirror); seed++)
            receive_small (link, 500 + seed);
        if (is_lock_step (link) && gap_messages (&mirror))
            transmit_small (link, 499);
    } else {
        await_event (link, ZMQ_EVENT_DISCONNECTED);
        /* By now the I/O thread has made the queue ready for the next connection, and then the socket does. */
        await_event (link, ZMQ_EVENT_CONNECT_RETRIED);
        events_of (link->socket);
        for (unsigned seed = 0; receives (link) && seed < parting; seed++)
            receive_small (link, seed);
        for (unsigned seed = 0; seed < gap_messages (link); seed++)
            transmit_small (link, 500 + seed);
        say ('g');
        if (is_lock_step (link) && gap_messages (link))
            receive_small (link, 499);
    }
    greet (link);
    exchange (link, 600);
}

/* The binder goes while the connecter has an idle connection, several times. */
static void restarts (struct link *link)
{
    greet (link);
    for (unsigned round = 0; round < 5; round++) {
        if (link->binder) {
            link_close (link);
            link_create (link, -1);
            link_bind_again (link);
        } else {
            await_event (link, ZMQ_EVENT_DISCONNECTED);
        }
        greet (link);
        exchange (link, round);
        meet ('r');
    }
}

/* Queued messages leave although zmq_disconnect follows at once; then the same socket connects again. */
static void disconnect (struct link *link)
{
    struct link mirror = *link;
    mirror.type = link->peer_type;
    mirror.peer_type = link->type;
    for (unsigned round = 0; round < 3; round++) {
        greet (link);
        exchange (link, round);
        /* A requester has to wait for its reply before it goes. */
        unsigned count = is_lock_step (link) ? 0 : link->binder ? gap_messages (&mirror) : gap_messages (link);
        if (link->binder) {
            for (unsigned seed = 0; seed < count; seed++)
                receive_small (link, seed);
            hear ('d');
            await_event (link, ZMQ_EVENT_DISCONNECTED);
            await_absence (link);
            say ('a');
        } else {
            for (unsigned seed = 0; seed < count; seed++)
                transmit_small (link, seed);
            CHECK (zmq_disconnect (link->socket, link->endpoint) == 0);
            await_absence (link);
            say ('d');
            hear_inside (link, 'a');
            link_connect (link);
        }
    }
}

/* The connecter closes its socket and its context at once after sending. */
static void linger (struct link *link)
{
    struct link mirror = *link;
    mirror.type = link->peer_type;
    mirror.peer_type = link->type;
    greet (link);
    unsigned count = link->binder ? gap_messages (&mirror) : gap_messages (link);
    if (link->binder) {
        for (unsigned seed = 0; seed < count; seed++)
            receive_small (link, seed);
        await_event (link, ZMQ_EVENT_DISCONNECTED);
        return;
    }
    for (unsigned seed = 0; seed < count; seed++)
        transmit_small (link, seed);
    link_close (link);
}

/* As linger, but nobody is bound yet when the connecter's socket is closed. */
static void late (struct link *link)
{
    struct link mirror = *link;
    mirror.type = link->peer_type;
    mirror.peer_type = link->type;
    if (link->binder) {
        link_close (link);
        say ('b');
        hear ('c');
        link_create (link, -1);
        link_bind_again (link);
        /* A publisher without a peer has no subscriptions: what it sends goes nowhere. */
        bool goes_nowhere = link->peer_type == ZMQ_PUB || link->peer_type == ZMQ_XPUB;
        unsigned count = goes_nowhere ? 0 : gap_messages (&mirror);
        for (unsigned seed = 0; seed < count; seed++)
            receive_small (link, seed);
        return;
    }
    hear ('b');
    /* No attempt succeeds any more: what is queued from now on is for the next binder. */
    await_event (link, ZMQ_EVENT_CONNECT_RETRIED);
    events_of (link->socket);
    for (unsigned seed = 0; seed < gap_messages (link); seed++)
        transmit_small (link, seed);
    CHECK (zmq_socket_monitor (link->socket, NULL, 0) == 0);
    CHECK (zmq_close (link->monitor) == 0);
    CHECK (zmq_close (link->socket) == 0);
    say ('c');
    CHECK (zmq_ctx_term (link->context) == 0);
    link->context = NULL;
}

static const struct scenario {
    const char *name;
    void (*run) (struct link *link);
    int high_water;
} scenarios[] = {
  {"shapes", shapes, -1},         {"flood", flood, -1},   {"restart", restart, -1}, {"restarts", restarts, -1},
  {"disconnect", disconnect, -1}, {"linger", linger, -1}, {"late", late, -1},
};

static void run_pairing (const struct pairing *pairing, const struct scenario *scenario, bool binder,
                         const char *where)
{
    struct link link = {.binder = binder};
    link.type = binder ? pairing->binder : pairing->connecter;
    link.peer_type = binder ? pairing->connecter : pairing->binder;
    /* Those that drop at the mark lose nothing without one. */
    bool drops = pairing->binder == ZMQ_XPUB || pairing->binder == ZMQ_PUB || pairing->connecter == ZMQ_XPUB ||
                 pairing->connecter == ZMQ_PUB;
    link_create (&link, drops ? 0 : scenario->high_water);
    link_open (&link, where);
    scenario->run (&link);
    if (link.context) {
        /* Whoever still reads has its messages before the other is gone. */
        meet ('e');
        /* Subscriptions for a binder that is gone would wait for ever. */
        set_int (link.socket, ZMQ_LINGER, 0);
        link_close (&link);
    } else {
        say ('e');
        hear ('e');
    }
}

static void list (void)
{
    for (size_t pair = 0; pair < COUNT_OF (pairings); pair++)
        for (size_t at = 0; at < COUNT_OF (scenarios); at++)
            printf ("%s.%s\n", pairings[pair].name, scenarios[at].name);
    list_special ();
}

int main (int count, char **arguments)
{
    if (count == 2 && strcmp (arguments[1], "list") == 0) {
        list ();
        return 0;
    }
    CHECK (count == 5);
    signal (SIGPIPE, SIG_IGN);
    control = atoi (arguments[4]);
    bool binder = strcmp (arguments[1], "binder") == 0;
    char *name = arguments[2], *dot = strchr (name, '.');
    bool ran = !dot && run_special (name, binder, arguments[3]);
    for (size_t pair = 0; dot && pair < COUNT_OF (pairings); pair++)
        for (size_t at = 0; at < COUNT_OF (scenarios); at++)
            if (strncmp (name, pairings[pair].name, (size_t) (dot - name)) == 0 &&
                strlen (pairings[pair].name) == (size_t) (dot - name) && strcmp (dot + 1, scenarios[at].name) == 0) {
                run_pairing (&pairings[pair], &scenarios[at], binder, arguments[3]);
                ran = true;
            }
    if (!ran)
        FAIL ("no scenario %s", name);
    printf ("sent %lu received %lu\n", messages_sent, messages_received);
    return 0;
}
