/*
 * What the benchmark's programs share. Each of them measures the libzmq that its process was linked to at run time,
 * prints one line of key=value pairs on success, and ends with a message and status 1 when any call fails or any
 * message is wrong, missing or doubled: a figure is never printed for work that was not done.
 *
 * A program measures in its first process. Further processes are started before the library is first called; each is
 * joined to the first by a link, two pipes that carry endpoints, barriers and CPU times. Clocks start behind a barrier,
 * with nothing queued, and CPU times are read between the same two barriers on all sides, so that what I/O threads do
 * after the last call returned is counted, too.
 */
#ifndef MEASURE_H
#define MEASURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIME_LIMIT_SECONDS = 280, ENDPOINT_BYTES = 256, SEQUENCE_BYTES = 8 };

/*
 * The default of ZMQ_SNDHWM and ZMQ_RCVHWM, set explicitly so that it is the same whatever library runs: what
 * nearly all applications run with.
 */
enum { HIGH_WATER_MARK = 1000 };

/* One end of the two pipes between two processes (or threads). */
struct link {
    int from_other;
    int to_other;
};

/* ---- failing ---- */

void fail(const char *what) __attribute__((noreturn));      /* with errno's text */
void fail_text(const char *what) __attribute__((noreturn)); /* without */

#define CHECK(call)                                                                                                    \
    do {                                                                                                               \
        if ((call) == -1)                                                                                              \
            fail(#call);                                                                                               \
    } while (0)

/* The result of a call that gives a pointer, or the end. */
void *check_pointer(void *pointer, const char *what);
#define CHECK_POINTER(call) check_pointer((call), #call)

/* ---- processes, threads and links ---- */

/* Sets the time limit of this process and ends it as soon as one it started has failed. Call it first. */
void begin(void);
/* Runs `side` in a new process with its end of a link; gives the other end. Before any call into the library. */
struct link start_process(void (*side)(struct link));
/* Both ends of a link within one process. */
void make_link(struct link *one, struct link *other);
/* From here on processes may end: they no longer interrupt calls. */
void let_processes_end(void);
/* Waits for every process that start_process started; fails if one did. */
void wait_for_processes(void);
pthread_t start_thread(void *(*run)(void *), void *argument);
void join_thread(pthread_t thread);

void tell(struct link link, const void *data, size_t length);
void hear(struct link link, void *data, size_t length);
void tell_barrier(struct link link);
void hear_barrier(struct link link);
/* Whether something can be heard within `milliseconds`. */
int can_hear(struct link link, int milliseconds);
void tell_number(struct link link, double value);
double hear_number(struct link link);

/* ---- clocks and meters ---- */

uint64_t now_ns(void);
double since(uint64_t start_ns); /* seconds */
double cpu_seconds(void);        /* user and system time of this process, all its threads */
double resident_bytes(void);     /* memory of this process that is in RAM (RSS) */
void sleep_ns(long nanoseconds); /* for quiet times that belong to what is measured */

/* ---- messages and sockets ---- */

void put_sequence(void *body, uint64_t sequence);
void check_sequence(const void *body, size_t size, size_t expected_size, uint64_t sequence);
/* A socket with both high-water marks set; 0 is no limit. LINGER is the default, so that nothing is dropped. */
void *open_socket(void *context, int type, int high_water_mark);
void *new_context(void);
/* Binds and gives the endpoint that peers connect to. */
void bind_socket(void *socket, const char *endpoint, char resolved[ENDPOINT_BYTES]);
void bind_tcp(void *socket, char resolved[ENDPOINT_BYTES]);
/* The port of an endpoint of bind_tcp. */
int port_of(const char *endpoint);
/* Receives a frame of at most `room` bytes; fails if it was longer. */
size_t receive(void *socket, void *buffer, size_t room);

/* ---- arguments and results ---- */

uint64_t number(const char *text); /* above 0 */
void usage(const char *text) __attribute__((noreturn));
void print_value(const char *key, double value);
void print_text(const char *key, const char *value);
/* Sorts the times and prints p1_us, p10_us, ..., max_us. */
void print_times(uint64_t *nanoseconds, uint64_t count);
/* Ends the line with the file that the dynamic linker took the library from, so that the caller can check it. */
void print_end(void);

#endif
