/* See refusing.h. */
#include "refusing.h"

#include "transcript.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The low half of an argument, which is all of an int. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(number) ((unsigned) offsetof(struct seccomp_data, args[number]))
#else
#define ARGUMENT(number) ((unsigned) offsetof(struct seccomp_data, args[number]) + 4)
#endif
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
/* Goes on if it is this value, else skips so many instructions. */
#define IS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned) (value), 0, skipped)
#define GIVE(result) BPF_STMT(BPF_RET | BPF_K, result)

static void install(struct sock_filter *instructions, size_t count)
{
    struct sock_fprog program = {(unsigned short) count, instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        give_up("seccomp");
}

void refuse_option(int level, int option, int error)
{
    struct sock_filter instructions[] = {
        LOAD((unsigned) offsetof(struct seccomp_data, nr)), IS(SYS_setsockopt, 5),
        LOAD(ARGUMENT(1)), IS(level, 3),
        LOAD(ARGUMENT(2)), IS(option, 1),
        GIVE(SECCOMP_RET_ERRNO | (unsigned) error), GIVE(SECCOMP_RET_ALLOW),
    };
    install(instructions, sizeof instructions / sizeof instructions[0]);
}

void refuse_family(int family, int error)
{
    struct sock_filter instructions[] = {
        LOAD((unsigned) offsetof(struct seccomp_data, nr)), IS(SYS_socket, 3),
        LOAD(ARGUMENT(0)), IS(family, 1),
        GIVE(SECCOMP_RET_ERRNO | (unsigned) error), GIVE(SECCOMP_RET_ALLOW),
    };
    install(instructions, sizeof instructions / sizeof instructions[0]);
}
