/* See sides.h. */
#define ZMQ_BUILD_DRAFT_API
#include "sides.h"

const char *const mechanism_names[MECHANISMS] = {"NULL", "PLAIN", "CURVE"};

const char server_public[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const char server_secret[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
const char client_public[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const char client_secret[] = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

void set_text(void *socket, int option, const char *value)
{
    set_bytes(socket, option, value, strlen(value));
}

void make_client(void *socket, enum mechanism mechanism)
{
    if (mechanism == PLAIN) {
        set_text(socket, ZMQ_PLAIN_USERNAME, "admin");
        set_text(socket, ZMQ_PLAIN_PASSWORD, "pass");
    } else if (mechanism == CURVE) {
        set_text(socket, ZMQ_CURVE_PUBLICKEY, client_public);
        set_text(socket, ZMQ_CURVE_SECRETKEY, client_secret);
        set_text(socket, ZMQ_CURVE_SERVERKEY, server_public);
    }
}

void make_server(void *socket, enum mechanism mechanism)
{
    if (mechanism == PLAIN) {
        set_int(socket, ZMQ_PLAIN_SERVER, 1);
    } else if (mechanism == CURVE) {
        set_text(socket, ZMQ_CURVE_SECRETKEY, server_secret);
        set_int(socket, ZMQ_CURVE_SERVER, 1);
    }
}

struct sides sides_in(void *ctx, enum mechanism mechanism, const char *domain)
{
    struct sides sides = {.ctx = ctx, .server = sock(ctx, ZMQ_DEALER), .client = sock(ctx, ZMQ_DEALER)};
    set_int(sides.server, ZMQ_HANDSHAKE_IVL, HANDSHAKE_IVL);
    set_int(sides.client, ZMQ_RECONNECT_IVL, RECONNECT);
    if (*domain)
        set_text(sides.server, ZMQ_ZAP_DOMAIN, domain);
    make_server(sides.server, mechanism);
    make_client(sides.client, mechanism);
    return sides;
}

const char *start(struct sides *sides, enum transport transport)
{
    sides->at_server = story_of(sides->server, "", RECONNECT);
    const char *endpoint = transport == TCP ? plain_bind(sides->server) : keep(bind_any(sides->server, transport));
    sides->at_server.endpoint = endpoint;
    sides->at_client = story_of(sides->client, endpoint, get_int(sides->client, ZMQ_RECONNECT_IVL));
    tell(&sides->at_server, 1);
    connect_to(sides->client, endpoint);
    return endpoint;
}

const char *traffic(struct sides *sides)
{
    const char *sent = tx(sides->client, "to the server");
    const char *there = rx(sides->server);
    tx(sides->server, "back");
    return text("%s %s %s", sent, there, rx(sides->client));
}

void *handler_in(void *ctx, int type)
{
    void *handler = sock(ctx, type);
    int result = zmq_bind(handler, HANDLER);
    must(result == 0, "the handler's name");
    return handler;
}

/* Cut out of frames, up to the end of its own one. */
static const char *without(const char *frames, const char *part, const char *instead)
{
    const char *found = strstr(frames, part);
    if (!found)
        return frames;
    const char *rest = strchr(found + 1, '|');
    return text("%.*s%s%s", (int) (found - frames), frames, instead, rest ? rest : "");
}

const char *request_to(void *handler)
{
    return without(without(rx(handler), "|localhost:", "|localhost:<credentials>"), "|127.1", "|<a server's address>");
}

const char *answer(void *handler, const char *frames)
{
    return tx(handler, frames);
}

const char *welcome_with(void *handler, const char *user, const void *metadata, size_t size)
{
    for (const char *const *frame = (const char *const[]){"1.0", "1", "200", "OK", user, NULL}; *frame; frame++)
        tx_frame(handler, *frame, ZMQ_SNDMORE);
    return tx_bytes(handler, metadata, size, 0);
}

const char *tries_again(struct story *story)
{
    set_int(story->monitor, ZMQ_RCVTIMEO, QUIET);
    int event = next_event(story->monitor, NULL, NULL, 0);
    set_int(story->monitor, ZMQ_RCVTIMEO, PATIENCE);
    return event == ZMQ_EVENT_CONNECT_RETRIED ? "yes" : event == 0 ? "no" : event_name(event);
}

const char *property(zmq_msg_t *message, const char *name)
{
    const char *value = zmq_msg_gets(message, name);
    return value ? text("'%s'", value) : error_name(zmq_errno());
}

int caller(const char *endpoint, enum mechanism mechanism, const void *command, size_t size)
{
    int fd = plain_connect(endpoint);
    plain_send_bytes(fd, plain_greeting(mechanism_names[mechanism]), 64);
    plain_recv(fd, 64);
    if (size)
        plain_send_bytes(fd, command, size);
    return fd;
}
