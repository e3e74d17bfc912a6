/* Security mechanisms: which one a socket has, in which role, and with which keys (security.md sections 1, 4.5). */
#define ZMQ_BUILD_DRAFT_API
#include "sides.h"

#include <sys/socket.h>

/* ---- mechanisms and roles ---- */

/* All that do not fit: another mechanism, or the same role. Names of mechanisms and roles tell which. */
static void mismatches(void)
{
    static const struct {
        const char *name;
        enum mechanism mechanism;
        int serves;
    } kinds[] = {
        {"NULL", NULL_MECHANISM, 0}, {"PLAIN client", PLAIN, 0}, {"PLAIN server", PLAIN, 1},
        {"CURVE client", CURVE, 0},  {"CURVE server", CURVE, 1},
    };
    for (size_t one = 0; one < COUNT(kinds); one++)
        for (size_t other = 0; other < COUNT(kinds); other++) {
            int same = kinds[one].mechanism == kinds[other].mechanism;
            if (same && (kinds[one].mechanism == NULL_MECHANISM || kinds[one].serves != kinds[other].serves))
                continue;
            struct sides sides = sides_in(context(), NULL_MECHANISM, "");
            /* The binder's is over first. */
            set_int(sides.server, ZMQ_HANDSHAKE_IVL, 500);
            set_int(sides.client, ZMQ_HANDSHAKE_IVL, HANDSHAKE_IVL);
            set_int(sides.client, ZMQ_RECONNECT_IVL, 40);
            void *const sockets[2] = {sides.server, sides.client};
            const size_t roles[2] = {one, other};
            for (int i = 0; i < 2; i++) {
                if (kinds[roles[i]].serves)
                    make_server(sockets[i], kinds[roles[i]].mechanism);
                else
                    make_client(sockets[i], kinds[roles[i]].mechanism);
            }
            start(&sides, TCP);
            begin_line(text("%s binds, %s connects", kinds[one].name, kinds[other].name));
            in_line("binder", tell(&sides.at_server, 3));
            in_line("connecter", tell_until(&sides.at_client, ZMQ_EVENT_DISCONNECTED));
            in_line("tries again", tries_again(&sides.at_client));
            end_line();
        }
}

/* The server connects, the client binds. */
static void the_server_connects(void)
{
    for (int mechanism = PLAIN; mechanism < MECHANISMS; mechanism++) {
        void *ctx = context();
        void *handler = handler_in(ctx, ZMQ_REP);
        struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
        make_client(sides.server, mechanism);
        make_server(sides.client, mechanism);
        start(&sides, TCP);
        begin_line(mechanism_names[mechanism]);
        in_line("request", request_to(handler));
        answer(handler, "1.0|1|200|OK||");
        in_line("binder", tell(&sides.at_server, 2));
        in_line("connecter", tell(&sides.at_client, 3));
        in_line("traffic", traffic(&sides));
        end_line();
    }
}

/* ---- keys ---- */

static const char *const key_cases[] = {
    "another server key", "the client's own key as the server's", "a secret key of somebody else",
    "a public key of somebody else", "a server without a secret key", "a client without keys of its own",
    "a client without the server's key", "a public key of somebody else at the server",
};

static void spoil(struct sides *sides, size_t which)
{
    switch (which) {
    case 0:
        set_text(sides->client, ZMQ_CURVE_SERVERKEY, "fFLssg=mfIi5$zRv}od.fFLssg=mfIi5$zRv}od.");
        break;
    case 1:
        set_text(sides->client, ZMQ_CURVE_SERVERKEY, client_public);
        break;
    case 2:
        set_text(sides->client, ZMQ_CURVE_SECRETKEY, server_secret);
        break;
    case 3:
        set_text(sides->client, ZMQ_CURVE_PUBLICKEY, server_public);
        break;
    case 7:
        set_text(sides->server, ZMQ_CURVE_PUBLICKEY, client_public);
        break;
    default:
        break;
    }
}

/* None is looked at when it is set. Who has the wrong one tries again for ever. */
static void wrong_keys(void)
{
    for (size_t i = 0; i < COUNT(key_cases); i++) {
        int serverless = i == 4, clientless = i == 5, unknown = i == 6;
        struct sides sides = sides_in(context(), NULL_MECHANISM, "");
        set_int(sides.client, ZMQ_RECONNECT_IVL, 40);
        set_int(sides.client, ZMQ_HANDSHAKE_IVL, unknown ? 400 : HANDSHAKE_IVL);
        if (serverless)
            set_int(sides.server, ZMQ_CURVE_SERVER, 1);
        else
            make_server(sides.server, CURVE);
        if (clientless)
            set_text(sides.client, ZMQ_CURVE_SERVERKEY, server_public);
        else if (unknown)
            set_text(sides.client, ZMQ_CURVE_SECRETKEY, client_secret);
        else
            make_client(sides.client, CURVE);
        spoil(&sides, i);
        start(&sides, TCP);
        begin_line(key_cases[i]);
        in_line("server", tell(&sides.at_server, i == 7 ? 2 : 3));
        in_line("client", tell_until(&sides.at_client, i == 7 ? ZMQ_EVENT_HANDSHAKE_SUCCEEDED : ZMQ_EVENT_DISCONNECTED));
        if (i != 7)
            in_line("tries again", tries_again(&sides.at_client));
        end_line();
    }
}

/* Keys of 32 bytes, and of 40 letters with the NUL behind them or without it, are the same. */
static void forms_of_keys(void)
{
    for (int form = 0; form < 3; form++) {
        uint8_t binary[3][32];
        zmq_z85_decode(binary[0], client_public);
        zmq_z85_decode(binary[1], client_secret);
        zmq_z85_decode(binary[2], server_public);
        const char *const letters[3] = {client_public, client_secret, server_public};
        const int options[3] = {ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVERKEY};
        void *ctx = context(), *handler = handler_in(ctx, ZMQ_REP);
        struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
        make_server(sides.server, CURVE);
        for (int i = 0; i < 3; i++)
            if (form == 0)
                set_bytes(sides.client, options[i], binary[i], 32);
            else
                set_bytes(sides.client, options[i], letters[i], 39 + (size_t) form);
        start(&sides, TCP);
        begin_line(form == 0 ? "32 bytes" : form == 1 ? "40 letters" : "40 letters and NUL");
        in_line("request", request_to(handler));
        answer(handler, "1.0|1|200|OK||");
        in_line("traffic", traffic(&sides));
        end_line();
    }
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

static const char *curve_state_of(void *socket)
{
    return text("%s, CURVE_SERVER %s, PLAIN_SERVER %s", mechanism_of(socket), show_int(socket, ZMQ_CURVE_SERVER),
                show_int(socket, ZMQ_PLAIN_SERVER));
}

/* Which option is set last decides; keys of one's own say nothing about the role. */
static void options_of_curve(void)
{
    void *socket = sock(context(), ZMQ_DEALER);
    say("fresh", curve_state_of(socket));
    set_text(socket, ZMQ_CURVE_PUBLICKEY, client_public);
    say("a public key", curve_state_of(socket));
    set_int(socket, ZMQ_PLAIN_SERVER, 1);
    say("PLAIN_SERVER", curve_state_of(socket));
    set_text(socket, ZMQ_CURVE_SECRETKEY, client_secret);
    say("a secret key", curve_state_of(socket));
    set_text(socket, ZMQ_CURVE_SERVERKEY, server_public);
    say("a key of a server", curve_state_of(socket));
    set_text(socket, ZMQ_CURVE_PUBLICKEY, client_public);
    say("a public key again", curve_state_of(socket));
    set_int(socket, ZMQ_CURVE_SERVER, 1);
    say("CURVE_SERVER", curve_state_of(socket));
    set_text(socket, ZMQ_PLAIN_PASSWORD, "pass");
    say("a password", curve_state_of(socket));
    set_int(socket, ZMQ_CURVE_SERVER, 1);
    say("CURVE_SERVER again", curve_state_of(socket));
    say("CURVE_SERVER 0", try_set_int(socket, ZMQ_CURVE_SERVER, 0));
    say("then", curve_state_of(socket));
    say("CURVE_SERVER 2", try_set_int(socket, ZMQ_CURVE_SERVER, 2));
    say("CURVE_SERVER -1", try_set_int(socket, ZMQ_CURVE_SERVER, -1));
    set_text(socket, ZMQ_CURVE_SERVERKEY, server_public);
    say("a key of a server again", curve_state_of(socket));
    set_int(socket, ZMQ_PLAIN_SERVER, 0);
    say("PLAIN_SERVER 0", curve_state_of(socket));
}

/* Whoever is a server of PLAIN and gets keys becomes one of CURVE. */
static void keys_leave_the_role(void)
{
    struct sides sides = sides_in(context(), NULL_MECHANISM, "");
    set_int(sides.server, ZMQ_PLAIN_SERVER, 1);
    set_text(sides.server, ZMQ_CURVE_SECRETKEY, server_secret);
    make_client(sides.client, CURVE);
    start(&sides, TCP);
    say("server", tell(&sides.at_server, 2));
    say("traffic", traffic(&sides));
}

/* The mechanism in a greeting, and whether it says that it is a server. */
static const char *greeting_at(int fd)
{
    unsigned char greeting[64];
    plain_send_bytes(fd, plain_greeting("NULL"), 12);
    must(recv(fd, greeting, sizeof greeting, MSG_WAITALL) == sizeof greeting, "greeting");
    return text("%.20s, as-server %d", greeting + 12, greeting[32]);
}

/* An endpoint keeps the options that it was made with. */
static void options_change_later(void)
{
    void *ctx = context();
    struct sides sides = sides_in(ctx, NULL_MECHANISM, "");
    const char *endpoint = plain_bind(sides.server);
    set_int(sides.server, ZMQ_PLAIN_SERVER, 1);
    connect_to(sides.client, endpoint);
    say("traffic", traffic(&sides));

    void *binder = sock(ctx, ZMQ_DEALER);
    const char *endpoints[2 * MECHANISMS];
    for (int i = 0; i < MECHANISMS; i++) {
        make_server(binder, i);
        endpoints[2 * i] = plain_bind(binder);
        make_client(binder, i);
        endpoints[2 * i + 1] = plain_bind(binder);
    }
    for (int i = 0; i < 2 * MECHANISMS; i++) {
        int fd = plain_connect(endpoints[i]);
        say(text("binds as a %s of %s", i % 2 ? "client" : "server", mechanism_names[i / 2]), greeting_at(fd));
        close(fd);
    }

    void *connecter = sock(ctx, ZMQ_DEALER);
    int listeners[MECHANISMS];
    for (int i = 0; i < MECHANISMS; i++) {
        char place[64];
        listeners[i] = plain_listen(TCP, place);
        make_client(connecter, i);
        connect_to(connecter, place);
    }
    for (int i = 0; i < MECHANISMS; i++) {
        int fd = plain_accept(listeners[i]);
        say(text("connects with %s", mechanism_names[i]), greeting_at(fd));
        /* A later attempt is of the same endpoint. */
        close(fd);
        fd = plain_accept(listeners[i]);
        say(text("connects with %s again", mechanism_names[i]), greeting_at(fd));
        close(fd);
        close(listeners[i]);
    }
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
        const char *endpoint = plain_bind(server);
        int fd = plain_connect(endpoint);
        plain_send_bytes(fd, "\xff\0\0\0\0\0\0\0\1\x7f\1\5\0\0", 14);
        say(kind ? "NULL with a domain" : "PLAIN", end_of(fd));
        close(fd);
    }
}

static const struct rule rules[] = {
    RULE(mismatches), RULE(the_server_connects), RULE(wrong_keys), RULE(forms_of_keys), RULE(options), RULE(options_of_curve),
    RULE(keys_leave_the_role), RULE(options_change_later), RULE(inproc), RULE(old_peers),
};

RUN(rules)
