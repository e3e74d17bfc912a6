/* Scenarios with types, options and numbers of sockets of their own. */
#ifndef SPECIAL_H
#define SPECIAL_H

#include <stdbool.h>

void list_special (void);
/* False if there is no such scenario. */
bool run_special (const char *name, bool binder, const char *where);

#endif
