/* Kept for programs that include it: everything it once declared stands in zmq.h. */
#ifndef ZEROXIDE_ZMQ_UTILS_H
#define ZEROXIDE_ZMQ_UTILS_H

#if defined(_MSC_VER)
#pragma message("zmq_utils.h is deprecated: include zmq.h")
#elif defined(__GNUC__)
#pragma message "zmq_utils.h is deprecated: include zmq.h"
#endif

#endif
