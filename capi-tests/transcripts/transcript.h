/* What every transcript program shares: running rules, printing lines, and short names for the
 * socket calls they repeat.
 *
 * A program is a table of rules. Each rule runs in its own child process with a time limit, so a
 * library that aborts or hangs in one rule still answers all the others; how such a rule ended is
 * itself a line of the transcript. A rule prints `rule.key: result` lines that are the same in
 * every run: no ports, pids, times or pointers.
 *
 * Sockets and contexts made through here are closed and terminated when the rule ends. */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

/* Longest wait for something that must come, milliseconds. */
#define PATIENCE 4000
/* How long a rule listens before it says that nothing comes, milliseconds. */
#define QUIET 120

struct rule {
    const char *name;
    void (*run)(void);
    int limit; /* milliseconds */
};

#define RULE(function) {#function, function, 20000}
/* For rules in which the stock library is known to hang: the hang costs this many milliseconds. */
#define RULE_WITHIN(function, limit) {#function, function, limit}
#define RUN(rules) \
    int main(int argc, char **argv) \
    { \
        return run_rules(argc, argv, rules, sizeof rules / sizeof rules[0]); \
    }

/* Runs all rules, or only the one named by argv[1] (then without a child, for a debugger). */
int run_rules(int argc, char **argv, const struct rule *rules, size_t count);

/* Prints one line of the transcript. */
void line(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a result that is already text. */
void say(const char *key, const char *result);
/* The results of one scenario as one line: begin_line("key"), in_line("what", result)..., end_line(). */
void begin_line(const char *key);
void in_line(const char *what, const char *result);
void end_line(void);
/* For a rule that cannot even be set up: says where it stopped, with errno, and ends it. */
void give_up(const char *what);
/* A short-lived formatted text, for keys and results put together from parts. */
const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Room for a text as short-lived as that. */
char *scratch(size_t size);
/* The same text, until the program ends. */
char *keep(const char *text);
/* Name of an error number, e.g. "EAGAIN". */
const char *error_name(int number);
/* The value, or the name of errno if it is -1. */
const char *rc(int value);
/* "made", or the name of errno if it is NULL. */
const char *made(const void *pointer);
/* Bytes with everything unprintable as \xNN; long ones as a length and a checksum. */
const char *shown(const void *data, size_t size);
/* Name of a socket type. */
const char *type_name(int type);
/* The twelve types of the stable API. */
extern const int classic_types[12];

enum transport { INPROC, TCP, IPC };
extern const char *const transport_names[3];

void *context(void);
/* A socket with LINGER 0 and both timeouts at PATIENCE. */
void *sock(void *ctx, int type);
/* A socket as the library makes it. */
void *plain_sock(void *ctx, int type);
/* The same, or NULL where plain_sock ends the rule. */
void *try_sock(void *ctx, int type);
/* What the socket was made in. */
void *context_of(void *socket);
/* Closes now; the end of the rule would do it too. */
const char *shut(void *socket);
/* Terminates now; the end of the rule would do it too. */
const char *term(void *ctx);
void set_int(void *socket, int option, int value);
const char *try_set_int(void *socket, int option, int value);
int get_int(void *socket, int option);
/* The value of an int option, or the name of the error. */
const char *show_int(void *socket, int option);
void set_bytes(void *socket, int option, const void *value, size_t size);
void subscribe(void *socket, const char *topic);

/* The number behind the last colon. */
int port_of(const char *endpoint);
/* Binds to a fresh endpoint of that transport and returns what to connect to. */
const char *bind_any(void *socket, enum transport transport);
/* An endpoint at which nobody is (tcp refuses) until the rule binds to it, again and again if it likes. */
const char *vacant(enum transport transport);
/* ZMQ_LAST_ENDPOINT. */
const char *last_endpoint(void *socket);
/* An endpoint with the port and the temporary directory replaced by fixed words. */
const char *masked(const char *endpoint);
void connect_to(void *socket, const char *endpoint);
/* Binds one, connects the other, and waits until both have their pipe. */
const char *attach(void *binder, void *connecter, enum transport transport);
/* Connects to an endpoint already bound by `binder`, and waits until both have their pipe. */
void attach_to(void *binder, void *connecter, const char *endpoint);
/* Waits until the I/O thread has finished what it was doing when this was called. */
void settle(void *ctx);

/* Sends frames separated by '|'; the size of the last frame, or the first error. */
const char *tx(void *socket, const char *frames);
/* The same without waiting. */
const char *tx_now(void *socket, const char *frames);
/* One frame with flags. */
const char *tx_frame(void *socket, const char *frame, int flags);
const char *tx_bytes(void *socket, const void *data, size_t size, int flags);
/* One whole message as frames separated by '|', or the error. Waits up to RCVTIMEO. */
const char *rx(void *socket);
/* The same without waiting. */
const char *rx_now(void *socket);
/* The same, waiting QUIET ms, with "nothing" for EAGAIN. */
const char *rx_quiet(void *socket);
/* One frame: its text, followed by " +" if more follow. */
const char *rx_frame(void *socket, int flags);
/* ZMQ_EVENTS as text: "-", "in", "out", "in out". */
const char *events(void *socket);
/* Waits until the socket reports that event; "yes", or "never". */
const char *await(void *socket, int event);
/* Waits until ZMQ_EVENTS no longer shows that event; "yes", or "never". */
const char *await_not(void *socket, int event);
/* Whether a descriptor has something to read, or will have within so many milliseconds. */
int readable_within(int fd, int limit);
/* Looks at ZMQ_EVENTS until ZMQ_FD is signalled no more. */
void calm(void *ctx, void *socket);
/* As tx, and waits until it has arrived where nothing is read. */
void tx_there(void *ctx, void *socket, const char *frames);
/* Receives and forgets everything that comes until `frame` arrives as a message of its own. */
const char *skip_to(void *socket, const char *frame);
/* Makes sure that what `sub` has subscribed to so far is in force at `pub`. Both may be the X kind of
 * socket; the subscription used for it stays. */
void sync_subscriptions(void *pub, void *sub);

/* Starts a monitor and returns the PAIR that receives its events. */
void *watch(void *socket, int mask);
/* Stops it and closes the PAIR. */
void unwatch(void *socket, void *monitor);
/* Name of the next event, or "nothing" after PATIENCE; the value and address are optional. */
int next_event(void *monitor, int *value, char *address, size_t size);
const char *event_name(int event);
/* Reads events up to this one; "yes", or "never". */
const char *await_event(void *monitor, int event);

/* Lets two sockets tell each other that a pipe between them ends, and agree on it. */
void exchange_notices(void *one, void *other);
/* Ends the connection of a socket that has connected, and waits until its peer has noticed. The socket is closed, but
 * over inproc only disconnected: what is left to say there takes both, and a closed socket its time. */
void leave(void *socket, void *peer, enum transport transport);

/* Binds to an endpoint that another socket has just left (the stock library frees it a little later); the result
 * of the last try within PATIENCE. */
const char *bind_again(void *socket, const char *endpoint);
/* "closed", or "open" after PATIENCE. */
const char *becomes_closed(int fd);

/* For pthread_create: what another thread does when this one is likely to wait. The rule is right if it does not,
 * too. Sends "wakes"; shuts a context down; sends the pthread_t SIGUSR1, again and again in case one comes before the
 * call. */
void *send_later(void *socket);
void *stop_later(void *ctx);
void *interrupt_later(void *thread);

/* Milliseconds on a monotonic clock. */
long now_ms(void);

#endif
