/* A world of the rule's own. */
#ifndef NAMESPACES_H
#define NAMESPACES_H

/* Takes this process, which must have no threads yet, to namespaces of its own for users and mounts, and those of the
 * flags: it is user 0 and group 0 there, and nobody else is. */
void private_namespaces(int more);
/* Puts a file of its own in the place of one of the system's. */
void replace_file(const char *path, const char *contents);

#endif
