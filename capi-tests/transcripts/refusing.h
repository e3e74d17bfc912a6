/* A system that refuses calls of this process, and of what it starts, from now on, and for good: a rule has a process of
 * its own. A listener that gives no answer. */
#ifndef REFUSING_H
#define REFUSING_H

/* setsockopt of one option fails with this errno. */
void refuse_option(int level, int option, int error);
/* No socket of this family can be made. */
void refuse_family(int family, int error);
/* Listens at an address of this host with a queue that is full: attempts to connect stay pending. The port. */
int deaf_at(const char *host);

#endif
