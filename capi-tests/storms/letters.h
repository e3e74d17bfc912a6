/* Letters that many threads send and receive over shared sockets, and the account of them: which ones a socket has
 * accepted, which ones came out, and how often.
 *
 * A letter says who sent it (a slot), its number there, and carries a body of a size and with bytes that follow from
 * both, so that one that was torn, mixed or cut shows. */
#ifndef LETTERS_H
#define LETTERS_H

#include "expect.h"

enum { SLOTS = 16, NUMBERS = 4096, LARGEST = 20000 };

struct letter {
    unsigned slot;
    unsigned number;
};

/* Forgets everything that was sent and received. No thread may be using the account. */
void letters_begin(void);
/* Writes the letter into a buffer of LARGEST bytes; its size. */
size_t letter_write(char *buffer, struct letter letter);
/* Notes that a socket accepted this letter. */
void letter_accepted(struct letter letter);
/* Notes a letter that came out of a socket; 0 if these bytes are none. */
int letter_arrived(const void *data, size_t size, struct letter *which);
/* How many were accepted, and how many came. */
int letters_accepted(void);
int letters_arrived(void);
/* Prints `key letters: ok`, or how many were lost, doubled, unsent (arrived although refused) or corrupt. With
 * `lossy`, losses are none of the claim's business. */
void letters_check(const char *key, int lossy);

#endif
