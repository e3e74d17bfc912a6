/* A system that refuses calls of this process, and of what it starts, from now on, and for good: a rule has a process of
 * its own. */
#ifndef REFUSING_H
#define REFUSING_H

/* setsockopt of one option fails with this errno. */
void refuse_option(int level, int option, int error);
/* No socket of this family can be made. */
void refuse_family(int family, int error);

#endif
