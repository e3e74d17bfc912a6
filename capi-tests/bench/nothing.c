/*
 * In front of a libzmq (LD_PRELOAD): messages are received that nobody sent, of 100 bytes with their number, and what is
 * sent goes nowhere. What a program does then is the part of a binding and of the program itself.
 */
#include <stdint.h>
#include <string.h>

#include <zmq.h>

enum { BODY_BYTES = 100 };

int zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
    const int size = (int) zmq_msg_size(message);
    (void) socket;
    (void) flags;
    return zmq_msg_close(message) == 0 && zmq_msg_init(message) == 0 ? size : -1;
}

int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags)
{
    static uint64_t number;
    (void) socket;
    (void) flags;
    if (zmq_msg_init_size(message, BODY_BYTES) != 0)
        return -1;
    memcpy(zmq_msg_data(message), &number, sizeof number);
    number++;
    return BODY_BYTES;
}
