/* See letters.h. */
#include "letters.h"

#include <stdatomic.h>

static _Atomic unsigned char accepted[SLOTS][NUMBERS];
static _Atomic unsigned char arrived[SLOTS][NUMBERS];
static atomic_int accepted_count, arrived_count, corrupt_count;

static const unsigned magic = 0x7a6d7121;

void letters_begin(void)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        for (int number = 0; number < NUMBERS; number++) {
            atomic_store(&accepted[slot][number], 0);
            atomic_store(&arrived[slot][number], 0);
        }
    }
    atomic_store(&accepted_count, 0);
    atomic_store(&arrived_count, 0);
    atomic_store(&corrupt_count, 0);
}

/* Mostly small, some beyond what is copied, a few beyond what one read takes. */
static size_t size_of(struct letter letter)
{
    unsigned mixed = (letter.slot * 7919 + letter.number) * 2654435761u >> 8;
    size_t head = sizeof magic + 2 * sizeof(unsigned);
    if (mixed % 50 == 0)
        return head + mixed % (LARGEST - head);
    if (mixed % 5 == 0)
        return head + mixed % 600;
    return head + mixed % 24;
}

static char byte_at(struct letter letter, size_t at)
{
    return (char) (letter.slot * 31 + letter.number * 7 + at);
}

size_t letter_write(char *buffer, struct letter letter)
{
    size_t size = size_of(letter), head = sizeof magic + 2 * sizeof(unsigned);
    memcpy(buffer, &magic, sizeof magic);
    memcpy(buffer + sizeof magic, &letter.slot, sizeof(unsigned));
    memcpy(buffer + sizeof magic + sizeof(unsigned), &letter.number, sizeof(unsigned));
    for (size_t at = head; at < size; at++)
        buffer[at] = byte_at(letter, at);
    return size;
}

void letter_accepted(struct letter letter)
{
    atomic_fetch_add(&accepted[letter.slot][letter.number], 1);
    atomic_fetch_add(&accepted_count, 1);
}

static int read_letter(const char *data, size_t size, struct letter *which)
{
    size_t head = sizeof magic + 2 * sizeof(unsigned);
    if (size < head || memcmp(data, &magic, sizeof magic) != 0)
        return 0;
    memcpy(&which->slot, data + sizeof magic, sizeof(unsigned));
    memcpy(&which->number, data + sizeof magic + sizeof(unsigned), sizeof(unsigned));
    if (which->slot >= SLOTS || which->number >= NUMBERS || size != size_of(*which))
        return 0;
    for (size_t at = head; at < size; at++) {
        if (data[at] != byte_at(*which, at))
            return 0;
    }
    return 1;
}

int letter_arrived(const void *data, size_t size, struct letter *which)
{
    if (!read_letter(data, size, which)) {
        atomic_fetch_add(&corrupt_count, 1);
        return 0;
    }
    atomic_fetch_add(&arrived[which->slot][which->number], 1);
    atomic_fetch_add(&arrived_count, 1);
    return 1;
}

int letters_accepted(void)
{
    return atomic_load(&accepted_count);
}

int letters_arrived(void)
{
    return atomic_load(&arrived_count);
}

void letters_check(const char *key, int lossy)
{
    int lost = 0, doubled = 0, unsent = 0, corrupt = atomic_load(&corrupt_count);
    for (int slot = 0; slot < SLOTS; slot++) {
        for (int number = 0; number < NUMBERS; number++) {
            int sent = atomic_load(&accepted[slot][number]), came = atomic_load(&arrived[slot][number]);
            lost += sent > came;
            doubled += came > 1;
            unsent += came > 0 && sent == 0;
        }
    }
    int wrong = (lossy ? 0 : lost) + doubled + unsent + corrupt;
    expect(text("%s letters", key),
           wrong ? text("%d of %d lost, %d doubled, %d unsent, %d corrupt", lost, letters_accepted(), doubled, unsent, corrupt)
                 : "all",
           "all");
}
