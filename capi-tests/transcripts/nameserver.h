/* A network and a name server of the rule's own, so that names resolve as the rule says. */
#ifndef NAMESERVER_H
#define NAMESERVER_H

#include "transcript.h"

/* Takes this process, which must have no threads yet, to namespaces of its own: a loopback interface and nothing else,
 * and a name server that answers what is said here. Names of /etc/hosts: localhost alone. */
void private_network(void);
/* The addresses of a name from now on, IPv4 and IPv6, separated by blanks; no name if NULL. */
void name_is(const char *name, const char *addresses);
/* Questions about the name stay without an answer until they are let go. */
void hold(const char *name);
void let_go(const char *name);
/* How often addresses of this family were asked for. */
int asked(const char *name, int family);
/* Waits for a question about the name; "yes", or "never". */
const char *await_question(const char *name);

#endif
