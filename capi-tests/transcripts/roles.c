/* Security mechanisms: which one a socket has, in which role, and with which keys (security.md sections 1, 4.5). */
#define ZMQ_BUILD_DRAFT_API
#include "sides.h"

#include <sys/socket.h>

/* ---- mechanisms and roles ---- */

static void mismatches(void)
{
    static const char *const kinds[] = {"NULL", "client", "server"};
    for (int one = 0; one < 3; one++)
        for (int other = 0; other < 3; other++) {
            if ((one == 0 && other == 0) || one + other == 3)
                continue;
            void *ctx = context();
            struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
            set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
            set_int(sides.client, ZMQ_HANDSHAKE_IVL, 500);
            void *const sockets[2] = {sides.server, sides.client};
            const int roles[2] = {one, other};
            for (int i = 0; i < 2; i++) {
                if (roles[i] == 1) {
                    set_text(sockets[i], ZMQ_PLAIN_USERNAME, "admin");
                    set_text(sockets[i], ZMQ_PLAIN_PASSWORD, "pass");
                } else if (roles[i] == 2) {
                    set_int(sockets[i], ZMQ_PLAIN_SERVER, 1);
                }
            }
            start(&sides, TCP);
            begin_line(text("%s binds, %s connects", kinds[one], kinds[other]));
            in_line("binder", tell(&sides.at_server, 3));
            in_line("connecter", tell_until(&sides.at_client, ZMQ_EVENT_DISCONNECTED));
            end_line();
        }
}

/* The server connects, the client binds. */
static void the_server_connects(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
    set_text(sides.server, ZMQ_PLAIN_USERNAME, "bound");
    set_text(sides.server, ZMQ_PLAIN_PASSWORD, "client");
    set_int(sides.client, ZMQ_PLAIN_SERVER, 1);
    start(&sides, TCP);
    say("request", request_to(handler));
    answer(handler, "1.0|1|200|OK||");
    say("binder", tell(&sides.at_server, 2));
    say("connecter", tell(&sides.at_client, 3));
    say("traffic", traffic(&sides));
}

/* ---- options ---- */

static const char *mechanism_of(void *socket)
{
    static const char *const names[] = {"NULL", "PLAIN", "CURVE", "GSSAPI"};
    int mechanism = get_int(socket, ZMQ_MECHANISM);
    return mechanism >= 0 && mechanism < 4 ? names[mechanism] : "another";
}

static const char *state_of(void *socket)
{
    char name[300], password[300], domain[300];
    size_t name_size = sizeof name, password_size = sizeof password, domain_size = sizeof domain;
    must(zmq_getsockopt(socket, ZMQ_PLAIN_USERNAME, name, &name_size) == 0, "username");
    must(zmq_getsockopt(socket, ZMQ_PLAIN_PASSWORD, password, &password_size) == 0, "password");
    must(zmq_getsockopt(socket, ZMQ_ZAP_DOMAIN, domain, &domain_size) == 0, "domain");
    return text("%s, server %s, '%s' %zu, '%s' %zu, '%s' %zu, enforced %s", mechanism_of(socket),
                show_int(socket, ZMQ_PLAIN_SERVER), name, name_size, password, password_size, domain, domain_size,
                show_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN));
}

static void options(void)
{
    void *socket = sock(context(), ZMQ_DEALER);
    say("fresh", state_of(socket));
    set_text(socket, ZMQ_PLAIN_USERNAME, "admin");
    say("a name", state_of(socket));
    say("server", try_set_int(socket, ZMQ_PLAIN_SERVER, 1));
    say("then", state_of(socket));
    set_text(socket, ZMQ_PLAIN_PASSWORD, "pass");
    say("a password", state_of(socket));
    say("no name", rc(zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, NULL, 0)));
    say("then so", state_of(socket));
    set_int(socket, ZMQ_PLAIN_SERVER, 1);
    say("server again", state_of(socket));
    say("no server", try_set_int(socket, ZMQ_PLAIN_SERVER, 0));
    say("then again", state_of(socket));
    set_text(socket, ZMQ_PLAIN_PASSWORD, "other");
    say("another password", state_of(socket));
    say("no password", rc(zmq_setsockopt(socket, ZMQ_PLAIN_PASSWORD, NULL, 0)));
    say("at last", state_of(socket));
    say("server 2", try_set_int(socket, ZMQ_PLAIN_SERVER, 2));
    say("server -1", try_set_int(socket, ZMQ_PLAIN_SERVER, -1));
    say("an empty name", rc(zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, "", 0)));
    char most[257];
    memset(most, 'x', sizeof most);
    say("255 bytes", rc(zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, most, 255)));
    say("256 bytes", rc(zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, most, 256)));
    say("domain of 255", rc(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, most, 255)));
    say("domain of 256", rc(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, most, 256)));
    say("no domain", rc(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "", 0)));
    say("enforced 7", try_set_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 7));
    say("reads", show_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN));
    say("mechanism set", try_set_int(socket, ZMQ_MECHANISM, 1));
}

/* An endpoint keeps the options that it was made with. */
static void options_change_later(void)
{
    void *ctx = context();
    struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
    const char *endpoint = keep(bind_any(sides.server, TCP));
    set_int(sides.server, ZMQ_PLAIN_SERVER, 1);
    connect_to(sides.client, endpoint);
    say("traffic", traffic(&sides));
}

/* inproc has no security. */
static void inproc(void)
{
    void *ctx = context();
    void *handler = handler_in(ctx, ZMQ_REP);
    struct sides sides = sides_in(ctx, PLAIN, "a domain");
    set_int(sides.client, ZMQ_PLAIN_SERVER, 1);
    connect_to(sides.client, bind_any(sides.server, INPROC));
    say("traffic", traffic(&sides));
    say("asked", rx_quiet(handler));
}

/* Whatever comes before it. */
static const char *end_of(int fd)
{
    char bytes[256];
    while (readable_within(fd, PATIENCE))
        if (recv(fd, bytes, sizeof bytes, 0) <= 0)
            return "end";
    return "no end";
}

/* Peers of ZMTP 2.0 cannot authenticate. */
static void old_peers(void)
{
    for (int kind = 0; kind < 2; kind++) {
        void *server = sock(context(), ZMQ_DEALER);
        if (kind == 0)
            set_int(server, ZMQ_PLAIN_SERVER, 1);
        else
            set_text(server, ZMQ_ZAP_DOMAIN, "a domain");
        const char *endpoint = keep(bind_any(server, TCP));
        int fd = plain_connect(endpoint);
        plain_send_bytes(fd, "\xff\0\0\0\0\0\0\0\1\x7f\1\5\0\0", 14);
        say(kind ? "NULL with a domain" : "PLAIN", end_of(fd));
        close(fd);
    }
}

static const struct rule rules[] = {
    RULE(mismatches), RULE(the_server_connects), RULE(options), RULE(options_change_later), RULE(inproc), RULE(old_peers),
};

RUN(rules)
