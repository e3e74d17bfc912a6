/* The security that all sockets of a run have: the binder is the server. */
#ifndef SECURITY_H
#define SECURITY_H

#include "link.h"

/* Gives a socket the mechanism that INTEROP_SECURITY names: plain, curve, or nothing. Before it binds or connects. */
void secure (struct link *link);

#endif
