/* See nameserver.h. */
#include "nameserver.h"

#include "namespaces.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

enum { NAMES = 32, QUESTIONS = 16, HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, DATAGRAM = 512 };

struct question {
    unsigned char bytes[DATAGRAM];
    size_t size;
    struct sockaddr_in from;
};

static struct name {
    char text[64];
    const char *addresses;
    int held;
    int asked_for_a;
    int asked_for_aaaa;
    struct question waiting[QUESTIONS];
    int waiting_count;
} names[NAMES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static int server;

/* The entry of a name, made if there is none; NULL if there are too many. */
static struct name *entry_of(const char *text)
{
    for (int i = 0; i < NAMES; i++) {
        if (!names[i].text[0])
            snprintf(names[i].text, sizeof names[i].text, "%s", text);
        if (strcmp(names[i].text, text) == 0)
            return &names[i];
    }
    return NULL;
}

/* The name and type that are asked for; the size of the question with its header, 0 if it is none. */
static size_t parsed(const struct question *question, char *name, size_t room, int *type)
{
    size_t at = HEADER, length = 0;
    while (at < question->size && question->bytes[at]) {
        size_t label = question->bytes[at++];
        if (at + label >= question->size || length + label + 2 > room)
            return 0;
        memcpy(name + length, question->bytes + at, label);
        length += label;
        name[length++] = '.';
        at += label;
    }
    if (length == 0 || at + 5 > question->size)
        return 0;
    name[length - 1] = 0;
    *type = question->bytes[at + 1] << 8 | question->bytes[at + 2];
    return at + 5;
}

/* Appends the addresses of the wanted type to an answer; how many there are. */
static int append(unsigned char *answer, size_t *size, const char *addresses, int type)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", addresses);
    int count = 0;
    char *rest;
    for (char *one = strtok_r(copy, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        unsigned char data[16];
        int is_v6 = strchr(one, ':') != NULL;
        size_t length = is_v6 ? 16 : 4;
        if (is_v6 != (type == TYPE_AAAA) || inet_pton(is_v6 ? AF_INET6 : AF_INET, one, data) != 1)
            continue;
        /* The name of the question, the type, the Internet, not to be kept. */
        const unsigned char head[] = {0xC0, HEADER, 0, (unsigned char) type, 0, 1, 0, 0, 0, 0, 0, (unsigned char) length};
        memcpy(answer + *size, head, sizeof head);
        memcpy(answer + *size + sizeof head, data, length);
        *size += sizeof head + length;
        count++;
    }
    return count;
}

static void answer(const struct name *name, const struct question *question, size_t size, int type)
{
    unsigned char bytes[2 * DATAGRAM] = {0};
    memcpy(bytes, question->bytes, size);
    memset(bytes + 2, 0, HEADER - 2);
    bytes[2] = 0x81;
    bytes[3] = name->addresses ? 0x80 : 0x83;
    bytes[5] = 1;
    if (name->addresses && (type == TYPE_A || type == TYPE_AAAA))
        bytes[7] = (unsigned char) append(bytes, &size, name->addresses, type);
    sendto(server, bytes, size, 0, (const struct sockaddr *) &question->from, sizeof question->from);
}

static void handle(const struct question *question)
{
    char text[64];
    int type;
    size_t size = parsed(question, text, sizeof text, &type);
    pthread_mutex_lock(&lock);
    struct name *name = size ? entry_of(text) : NULL;
    if (name) {
        name->asked_for_a += type == TYPE_A;
        name->asked_for_aaaa += type == TYPE_AAAA;
        if (!name->held)
            answer(name, question, size, type);
        else if (name->waiting_count < QUESTIONS)
            name->waiting[name->waiting_count++] = *question;
        pthread_cond_broadcast(&came);
    }
    pthread_mutex_unlock(&lock);
}

static void *serve(void *unused)
{
    (void) unused;
    struct question question;
    for (;;) {
        socklen_t length = sizeof question.from;
        ssize_t got = recvfrom(server, question.bytes, sizeof question.bytes, 0, (struct sockaddr *) &question.from, &length);
        question.size = got > 0 ? (size_t) got : 0;
        handle(&question);
    }
    return NULL;
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_flags = IFF_UP};
    strcpy(request.ifr_name, "lo");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        give_up("lo");
    close(fd);
}

void private_network(void)
{
    private_namespaces(CLONE_NEWNET);
    raise_loopback();
    replace_file("/etc/hosts", "127.0.0.1 localhost\n");
    replace_file("/etc/nsswitch.conf", "hosts: files dns\n");
    /* Longer than any rule. */
    replace_file("/etc/resolv.conf", "nameserver 127.0.0.1\nsearch .\noptions timeout:30 attempts:1\n");
    unsetenv("RES_OPTIONS");
    unsetenv("LOCALDOMAIN");

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    if (bind(server, (struct sockaddr *) &address, sizeof address) != 0 || pthread_create(&thread, NULL, serve, NULL) != 0)
        give_up("name server");
    pthread_detach(thread);
}

void name_is(const char *name, const char *addresses)
{
    pthread_mutex_lock(&lock);
    entry_of(name)->addresses = addresses;
    pthread_mutex_unlock(&lock);
}

void hold(const char *name)
{
    pthread_mutex_lock(&lock);
    entry_of(name)->held = 1;
    pthread_mutex_unlock(&lock);
}

void let_go(const char *name)
{
    pthread_mutex_lock(&lock);
    struct name *entry = entry_of(name);
    entry->held = 0;
    for (int i = 0; i < entry->waiting_count; i++) {
        char text[64];
        int type;
        size_t size = parsed(&entry->waiting[i], text, sizeof text, &type);
        answer(entry, &entry->waiting[i], size, type);
    }
    entry->waiting_count = 0;
    pthread_mutex_unlock(&lock);
}

int asked(const char *name, int family)
{
    pthread_mutex_lock(&lock);
    const struct name *entry = entry_of(name);
    int count = family == AF_INET ? entry->asked_for_a : entry->asked_for_aaaa;
    pthread_mutex_unlock(&lock);
    return count;
}

const char *await_question(const char *name)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE / 1000;
    pthread_mutex_lock(&lock);
    const struct name *entry = entry_of(name);
    int late = 0;
    while (!late && entry->asked_for_a + entry->asked_for_aaaa == 0)
        late = pthread_cond_timedwait(&came, &lock, &end) != 0;
    pthread_mutex_unlock(&lock);
    return late ? "never" : "yes";
}
