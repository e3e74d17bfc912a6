#include "security.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Keys of nobody else. */
static const char server_public[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char server_secret[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
static const char client_public[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
static const char client_secret[] = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

static void set_text (void *socket, int option, const char *text)
{
    CHECK (zmq_setsockopt (socket, option, text, strlen (text)) == 0);
}

/* A ZAP handler that lets everybody in who knows the password, until its context ends. */
static void *handle (void *handler)
{
    for (;;) {
        char frames[8][64];
        int count = 0, more = 1;
        size_t size = sizeof more;
        while (more) {
            CHECK (count < 8);
            int length = zmq_recv (handler, frames[count], sizeof frames[0] - 1, 0);
            if (length == -1) {
                CHECK (zmq_errno () == ETERM && zmq_close (handler) == 0);
                return NULL;
            }
            frames[count++][length] = 0;
            CHECK (zmq_getsockopt (handler, ZMQ_RCVMORE, &more, &size) == 0);
        }
        bool knows = count == 8 && strcmp (frames[5], "PLAIN") == 0 && strcmp (frames[6], "admin") == 0 &&
                     strcmp (frames[7], "pass") == 0;
        const char *const reply[] = {"1.0", frames[1], knows ? "200" : "400", "", frames[6], ""};
        for (int frame = 0; frame < 6; frame++)
            CHECK (zmq_send (handler, reply[frame], strlen (reply[frame]), frame < 5 ? ZMQ_SNDMORE : 0) != -1);
    }
}

static void start_handler (void *context)
{
    void *handler = zmq_socket (context, ZMQ_REP);
    CHECK (handler && zmq_bind (handler, "inproc://zeromq.zap.01") == 0);
    set_int (handler, ZMQ_LINGER, 0);
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, handle, handler) == 0);
    CHECK (pthread_detach (thread) == 0);
}

void secure (struct link *link)
{
    const char *mechanism = getenv ("INTEROP_SECURITY");
    if (!mechanism)
        return;
    if (strcmp (mechanism, "plain") == 0) {
        if (link->binder) {
            set_int (link->socket, ZMQ_PLAIN_SERVER, 1);
            start_handler (link->context);
        } else {
            set_text (link->socket, ZMQ_PLAIN_USERNAME, "admin");
            set_text (link->socket, ZMQ_PLAIN_PASSWORD, "pass");
        }
    } else if (strcmp (mechanism, "curve") == 0) {
        if (link->binder) {
            set_int (link->socket, ZMQ_CURVE_SERVER, 1);
            set_text (link->socket, ZMQ_CURVE_SECRETKEY, server_secret);
        } else {
            set_text (link->socket, ZMQ_CURVE_SERVERKEY, server_public);
            set_text (link->socket, ZMQ_CURVE_PUBLICKEY, client_public);
            set_text (link->socket, ZMQ_CURVE_SECRETKEY, client_secret);
        }
    } else {
        FAIL ("no mechanism %s", mechanism);
    }
}
