/*
 * Keeps a CPU busy until it is told to end (SIGTERM), then prints how much it got done: what the programs beside it
 * left.
 */
#include "measure.h"

#include <signal.h>

static volatile sig_atomic_t told_to_end;

static void note_end(int signal_number)
{
    (void) signal_number;
    told_to_end = 1;
}

int main(void)
{
    uint64_t turns = 0, x = 1, start;
    begin();
    if (signal(SIGTERM, note_end) == SIG_ERR)
        fail("signal");
    printf("started\n");
    if (fflush(stdout) != 0)
        fail("standard output");
    start = now_ns();
    while (!told_to_end) {
        int i;
        for (i = 0; i < 10000; i++)
            x = x * 6364136223846793005u + 1442695040888963407u;
        turns++;
    }
    print_value("turns_per_second", (double) turns / since(start));
    print_value("last", (double) (x & 1)); /* so that the loop is not left out */
    printf("\n");
    return 0;
}
