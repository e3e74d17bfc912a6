/* The C interface of Zeroxide, compatible with libzmq 4.3.6.
 *
 * Generated from src/ffi by cbindgen: change it there.
 *
 * Sockets may be shared between threads, but a message of several parts is sent by several calls: threads that send such
 * messages to one socket need a lock of their own around all parts of a message. The draft part is declared with
 * ZMQ_BUILD_DRAFT_API defined.
 */

#ifndef ZEROXIDE_ZMQ_H
#define ZEROXIDE_ZMQ_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#if defined(ZMQ_BUILD_DRAFT_API) && !defined(_WIN32)
/* For sigset_t, which a strictly standard <signal.h> does not define. */
#include <sys/select.h>
#endif

/* Fixed-width integer types are there. */
#define ZMQ_DEFINED_STDINT 1

#if defined(ZMQ_NO_EXPORT)
#define ZMQ_EXPORT
#elif defined(_WIN32)
#if defined(ZMQ_STATIC)
#define ZMQ_EXPORT
#elif defined(DLL_EXPORT)
#define ZMQ_EXPORT __declspec(dllexport)
#else
#define ZMQ_EXPORT __declspec(dllimport)
#endif
#elif defined(__GNUC__) && __GNUC__ >= 4
#define ZMQ_EXPORT __attribute__((visibility("default")))
#else
#define ZMQ_EXPORT
#endif

/* To compare versions, as in: #if ZMQ_VERSION >= ZMQ_MAKE_VERSION(4, 3, 0) */
#define ZMQ_MAKE_VERSION(major, minor, patch) ((major) * 10000 + (minor) * 100 + (patch))
#define ZMQ_VERSION ZMQ_MAKE_VERSION(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)

/* zmq_timers_* exist. */
#define ZMQ_HAVE_TIMERS

/* Numbers for errors that the system has none for. */
#ifndef ENOTSUP
#define ENOTSUP (ZMQ_HAUSNUMERO + 1)
#endif
#ifndef EPROTONOSUPPORT
#define EPROTONOSUPPORT (ZMQ_HAUSNUMERO + 2)
#endif
#ifndef ENOBUFS
#define ENOBUFS (ZMQ_HAUSNUMERO + 3)
#endif
#ifndef ENETDOWN
#define ENETDOWN (ZMQ_HAUSNUMERO + 4)
#endif
#ifndef EADDRINUSE
#define EADDRINUSE (ZMQ_HAUSNUMERO + 5)
#endif
#ifndef EADDRNOTAVAIL
#define EADDRNOTAVAIL (ZMQ_HAUSNUMERO + 6)
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED (ZMQ_HAUSNUMERO + 7)
#endif
#ifndef EINPROGRESS
#define EINPROGRESS (ZMQ_HAUSNUMERO + 8)
#endif
#ifndef ENOTSOCK
#define ENOTSOCK (ZMQ_HAUSNUMERO + 9)
#endif
#ifndef EMSGSIZE
#define EMSGSIZE (ZMQ_HAUSNUMERO + 10)
#endif
#ifndef EAFNOSUPPORT
#define EAFNOSUPPORT (ZMQ_HAUSNUMERO + 11)
#endif
#ifndef ENETUNREACH
#define ENETUNREACH (ZMQ_HAUSNUMERO + 12)
#endif
#ifndef ECONNABORTED
#define ECONNABORTED (ZMQ_HAUSNUMERO + 13)
#endif
#ifndef ECONNRESET
#define ECONNRESET (ZMQ_HAUSNUMERO + 14)
#endif
#ifndef ENOTCONN
#define ENOTCONN (ZMQ_HAUSNUMERO + 15)
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT (ZMQ_HAUSNUMERO + 16)
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH (ZMQ_HAUSNUMERO + 17)
#endif
#ifndef ENETRESET
#define ENETRESET (ZMQ_HAUSNUMERO + 18)
#endif

#if defined(ZMQ_BUILD_DRAFT_API)
/* zmq_poller_* exist. */
#define ZMQ_HAVE_POLLER

/* Names for zmq_msg_gets. */
#define ZMQ_MSG_PROPERTY_ROUTING_ID "Routing-Id"
#define ZMQ_MSG_PROPERTY_SOCKET_TYPE "Socket-Type"
#define ZMQ_MSG_PROPERTY_USER_ID "User-Id"
#define ZMQ_MSG_PROPERTY_PEER_ADDRESS "Peer-Address"
#endif

/* Of zmq_sendiov and zmq_recviov; <sys/uio.h> defines it. */
struct iovec;

/* A descriptor of the system. */
#if defined(_WIN32)
#if defined(_WIN64)
typedef unsigned __int64 zmq_fd_t;
#else
typedef unsigned int zmq_fd_t;
#endif
#else
typedef int zmq_fd_t;
#endif

/* A message; only zmq_msg_* may look inside. Must not be copied. */
typedef struct zmq_msg_t {
    union {
        unsigned char bytes[64];
        void *alignment;
    } _;
} zmq_msg_t;

#ifdef __cplusplus
extern "C" {
#endif

/* Takes back a buffer given to zmq_msg_init_data. */
typedef void(zmq_free_fn)(void *data, void *hint);

/* Runs when a timer is due. */
typedef void(zmq_timer_fn)(int timer_id, void *arg);

/* Runs in a thread started by zmq_threadstart. */
typedef void(zmq_thread_fn)(void *arg);

#ifdef __cplusplus
}
#endif

/* ---- Version ---- */

#define ZMQ_VERSION_MAJOR 4                         /* Major version of the API. */
#define ZMQ_VERSION_MINOR 3                         /* Minor version of the API. */
#define ZMQ_VERSION_PATCH 6                         /* Patch level of the API. */

/* ---- Error numbers ---- */

#define ZMQ_HAUSNUMERO 156384712                    /* Base of the error numbers that no operating system defines. */
#define EFSM (ZMQ_HAUSNUMERO + 51)                  /* The operation cannot be done in the socket's current state. */
#define ENOCOMPATPROTO (ZMQ_HAUSNUMERO + 52)        /* The transport cannot be used with this socket type. */
#define ETERM (ZMQ_HAUSNUMERO + 53)                 /* The context was terminated or shut down. */
#define EMTHREAD (ZMQ_HAUSNUMERO + 54)              /* No I/O thread is available for the task. */

/* ---- Context options ---- */

#define ZMQ_IO_THREADS 1                            /* Number of I/O threads. */
#define ZMQ_MAX_SOCKETS 2                           /* Greatest number of sockets the context may have open. */
#define ZMQ_SOCKET_LIMIT 3                          /* Upper bound of ZMQ_MAX_SOCKETS (get only). */
/* Scheduling priority of the I/O threads (set only; shares its number with ZMQ_SOCKET_LIMIT). */
#define ZMQ_THREAD_PRIORITY 3
#define ZMQ_THREAD_SCHED_POLICY 4                   /* Scheduling policy of the I/O threads. */
#define ZMQ_MAX_MSGSZ 5                             /* Greatest size of a message that may be sent. */
#define ZMQ_MSG_T_SIZE 6                            /* Size of zmq_msg_t in bytes (get only). */
#define ZMQ_THREAD_AFFINITY_CPU_ADD 7               /* Adds a processor to the affinity of the I/O threads. */
#define ZMQ_THREAD_AFFINITY_CPU_REMOVE 8            /* Removes a processor from the affinity of the I/O threads. */
#define ZMQ_THREAD_NAME_PREFIX 9                    /* Prefix of the names of the library's threads. */

/* ---- Context defaults ---- */

#define ZMQ_IO_THREADS_DFLT 1                       /* Default of ZMQ_IO_THREADS. */
#define ZMQ_MAX_SOCKETS_DFLT 1023                   /* Default of ZMQ_MAX_SOCKETS. */
#define ZMQ_THREAD_PRIORITY_DFLT -1                 /* Default of ZMQ_THREAD_PRIORITY: leave it unset. */
#define ZMQ_THREAD_SCHED_POLICY_DFLT -1             /* Default of ZMQ_THREAD_SCHED_POLICY: leave it unset. */

/* ---- Socket types ---- */

#define ZMQ_PAIR 0                                  /* One peer, both directions. */
#define ZMQ_PUB 1                                   /* Sends to every subscriber. */
#define ZMQ_SUB 2                                   /* Receives what it subscribed to. */
#define ZMQ_REQ 3                                   /* Sends a request, then receives its reply. */
#define ZMQ_REP 4                                   /* Receives a request, then sends its reply. */
#define ZMQ_DEALER 5                                /* Sends in turn to its peers and receives fairly from them. */
#define ZMQ_ROUTER 6                                /* Sends to the peer named by the first frame. */
#define ZMQ_PULL 7                                  /* Receives fairly from its peers. */
#define ZMQ_PUSH 8                                  /* Sends in turn to its peers. */
#define ZMQ_XPUB 9                                  /* As ZMQ_PUB, and receives subscriptions as messages. */
#define ZMQ_XSUB 10                                 /* As ZMQ_SUB, and sends subscriptions as messages. */
#define ZMQ_STREAM 11                               /* Talks to peers over plain TCP. */
#define ZMQ_XREQ ZMQ_DEALER                         /* Old name of ZMQ_DEALER. */
#define ZMQ_XREP ZMQ_ROUTER                         /* Old name of ZMQ_ROUTER. */

/* ---- Socket options ---- */

/* Bit mask of the I/O threads that may serve the socket's connections. */
#define ZMQ_AFFINITY 4
#define ZMQ_ROUTING_ID 5                            /* The socket's routing id, as told to its peers. */
#define ZMQ_SUBSCRIBE 6                             /* Adds a subscription. */
#define ZMQ_UNSUBSCRIBE 7                           /* Removes a subscription. */
#define ZMQ_RATE 8                                  /* Multicast rate in kilobits per second. */
#define ZMQ_RECOVERY_IVL 9                          /* Multicast recovery time in ms. */
#define ZMQ_SNDBUF 11                               /* Size of the system's send buffer. */
#define ZMQ_RCVBUF 12                               /* Size of the system's receive buffer. */
#define ZMQ_RCVMORE 13                              /* Whether more parts of the message follow. */
/* Descriptor that becomes readable when ZMQ_EVENTS should be looked at. */
#define ZMQ_FD 14
#define ZMQ_EVENTS 15                               /* What the socket can do now: ZMQ_POLLIN, ZMQ_POLLOUT. */
#define ZMQ_TYPE 16                                 /* The socket's type. */
#define ZMQ_LINGER 17                               /* How long unsent messages survive zmq_close, in ms. */
#define ZMQ_RECONNECT_IVL 18                        /* Pause before the first reconnection, in ms. */
#define ZMQ_BACKLOG 19                              /* Length of the queue of connections not yet accepted. */
#define ZMQ_RECONNECT_IVL_MAX 21                    /* Longest pause between reconnections, in ms. */
#define ZMQ_MAXMSGSIZE 22                           /* Largest message accepted from a peer, in bytes. */
#define ZMQ_SNDHWM 23                               /* High-water mark of each outbound queue, in messages. */
#define ZMQ_RCVHWM 24                               /* High-water mark of each inbound queue, in messages. */
#define ZMQ_MULTICAST_HOPS 25                       /* Time to live of multicast packets. */
#define ZMQ_RCVTIMEO 27                             /* How long a receive may block, in ms. */
#define ZMQ_SNDTIMEO 28                             /* How long a send may block, in ms. */
#define ZMQ_LAST_ENDPOINT 32                        /* The endpoint bound or connected last. */
#define ZMQ_ROUTER_MANDATORY 33                     /* ROUTER: report messages that cannot be routed. */
#define ZMQ_TCP_KEEPALIVE 34                        /* SO_KEEPALIVE of TCP connections. */
#define ZMQ_TCP_KEEPALIVE_CNT 35                    /* TCP_KEEPCNT of TCP connections. */
#define ZMQ_TCP_KEEPALIVE_IDLE 36                   /* TCP_KEEPIDLE of TCP connections. */
#define ZMQ_TCP_KEEPALIVE_INTVL 37                  /* TCP_KEEPINTVL of TCP connections. */
#define ZMQ_IMMEDIATE 39                            /* Queue messages only for completed connections. */
#define ZMQ_XPUB_VERBOSE 40                         /* XPUB: pass on repeated subscriptions. */
#define ZMQ_ROUTER_RAW 41                           /* ROUTER: talk to plain TCP peers. */
#define ZMQ_IPV6 42                                 /* Allow IPv6 (also a context option). */
#define ZMQ_MECHANISM 43                            /* The security mechanism in use. */
#define ZMQ_PLAIN_SERVER 44                         /* PLAIN: be the server. */
#define ZMQ_PLAIN_USERNAME 45                       /* PLAIN: the client's user name. */
#define ZMQ_PLAIN_PASSWORD 46                       /* PLAIN: the client's password. */
#define ZMQ_CURVE_SERVER 47                         /* CURVE: be the server. */
#define ZMQ_CURVE_PUBLICKEY 48                      /* CURVE: own public key. */
#define ZMQ_CURVE_SECRETKEY 49                      /* CURVE: own secret key. */
#define ZMQ_CURVE_SERVERKEY 50                      /* CURVE: the server's public key. */
#define ZMQ_PROBE_ROUTER 51                         /* Send an empty message to a new ROUTER peer. */
#define ZMQ_REQ_CORRELATE 52                        /* REQ: number requests and match replies to them. */
#define ZMQ_REQ_RELAXED 53                          /* REQ: allow a new request before the reply. */
#define ZMQ_CONFLATE 54                             /* Keep only the last message. */
#define ZMQ_ZAP_DOMAIN 55                           /* ZAP domain of the socket. */
#define ZMQ_ROUTER_HANDOVER 56                      /* ROUTER: a new peer takes over a routing id in use. */
#define ZMQ_TOS 57                                  /* Type of service of the IP packets. */
#define ZMQ_CONNECT_ROUTING_ID 61                   /* ROUTER, STREAM: routing id of the next peer connected to. */
#define ZMQ_GSSAPI_SERVER 62                        /* GSSAPI: be the server. */
#define ZMQ_GSSAPI_PRINCIPAL 63                     /* GSSAPI: own principal. */
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL 64             /* GSSAPI: the server's principal. */
#define ZMQ_GSSAPI_PLAINTEXT 65                     /* GSSAPI: do not encrypt. */
#define ZMQ_HANDSHAKE_IVL 66                        /* Time limit of a handshake, in ms. */
#define ZMQ_SOCKS_PROXY 68                          /* Address of a SOCKS5 proxy. */
#define ZMQ_XPUB_NODROP 69                          /* XPUB, PUB: report full queues instead of dropping. */
/* Whether zmq_ctx_term waits for ever by default (a context option in spite of its place). */
#define ZMQ_BLOCKY 70
#define ZMQ_XPUB_MANUAL 71                          /* XPUB: the application answers subscriptions itself. */
#define ZMQ_XPUB_WELCOME_MSG 72                     /* XPUB: first message to a new subscriber. */
#define ZMQ_STREAM_NOTIFY 73                        /* STREAM: report connections and disconnections. */
#define ZMQ_INVERT_MATCHING 74                      /* PUB, SUB: match what was not subscribed to. */
#define ZMQ_HEARTBEAT_IVL 75                        /* Pause between heartbeats, in ms. */
#define ZMQ_HEARTBEAT_TTL 76                        /* How long the peer waits for a heartbeat, in ms. */
#define ZMQ_HEARTBEAT_TIMEOUT 77                    /* How long to wait for the answer to a heartbeat, in ms. */
#define ZMQ_XPUB_VERBOSER 78                        /* XPUB: pass on repeated subscriptions and unsubscriptions. */
#define ZMQ_CONNECT_TIMEOUT 79                      /* Time limit of a connection attempt, in ms. */
#define ZMQ_TCP_MAXRT 80                            /* Time limit of TCP retransmission, in ms. */
#define ZMQ_THREAD_SAFE 81                          /* Whether several threads may use the socket at a time. */
#define ZMQ_MULTICAST_MAXTPDU 84                    /* Largest multicast packet, in bytes. */
#define ZMQ_VMCI_BUFFER_SIZE 85                     /* VMCI: buffer size. */
#define ZMQ_VMCI_BUFFER_MIN_SIZE 86                 /* VMCI: smallest buffer size. */
#define ZMQ_VMCI_BUFFER_MAX_SIZE 87                 /* VMCI: largest buffer size. */
#define ZMQ_VMCI_CONNECT_TIMEOUT 88                 /* VMCI: time limit of a connection attempt, in ms. */
/* Descriptor, made by the application, that the next bind or connect uses. */
#define ZMQ_USE_FD 89
#define ZMQ_GSSAPI_PRINCIPAL_NAMETYPE 90            /* GSSAPI: kind of the name in ZMQ_GSSAPI_PRINCIPAL. */
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE 91    /* GSSAPI: kind of the name in ZMQ_GSSAPI_SERVICE_PRINCIPAL. */
#define ZMQ_BINDTODEVICE 92                         /* Network device the socket is tied to. */

/* ---- Message properties ---- */

#define ZMQ_MORE 1                                  /* Whether more parts follow. */
#define ZMQ_SHARED 3                                /* Whether the payload may be shared with another message. */

/* ---- Flags of send and receive ---- */

#define ZMQ_DONTWAIT 1                              /* Do not block. */
#define ZMQ_SNDMORE 2                               /* More parts of the message follow. */

/* ---- Security mechanisms ---- */

#define ZMQ_NULL 0                                  /* No security. */
#define ZMQ_PLAIN 1                                 /* User name and password in the clear. */
#define ZMQ_CURVE 2                                 /* Elliptic-curve keys. */
#define ZMQ_GSSAPI 3                                /* GSSAPI. */

/* ---- Limits ---- */

#define ZMQ_GROUP_MAX_LENGTH 255                    /* Longest group name in bytes, without its NUL. */

/* ---- Old names and options ---- */

#define ZMQ_IDENTITY ZMQ_ROUTING_ID                 /* Old name of ZMQ_ROUTING_ID. */
#define ZMQ_CONNECT_RID ZMQ_CONNECT_ROUTING_ID      /* Old name of ZMQ_CONNECT_ROUTING_ID. */
#define ZMQ_TCP_ACCEPT_FILTER 38                    /* Accept TCP peers from these addresses only. */
#define ZMQ_IPC_FILTER_PID 58                       /* Accept ipc peers with this process id only. */
#define ZMQ_IPC_FILTER_UID 59                       /* Accept ipc peers with this user id only. */
#define ZMQ_IPC_FILTER_GID 60                       /* Accept ipc peers with this group id only. */
#define ZMQ_IPV4ONLY 31                             /* Opposite of ZMQ_IPV6. */
#define ZMQ_DELAY_ATTACH_ON_CONNECT ZMQ_IMMEDIATE   /* Old name of ZMQ_IMMEDIATE. */
#define ZMQ_NOBLOCK ZMQ_DONTWAIT                    /* Old name of ZMQ_DONTWAIT. */
#define ZMQ_FAIL_UNROUTABLE ZMQ_ROUTER_MANDATORY    /* Old name of ZMQ_ROUTER_MANDATORY. */
#define ZMQ_ROUTER_BEHAVIOR ZMQ_ROUTER_MANDATORY    /* Old name of ZMQ_ROUTER_MANDATORY. */
/* Message property: descriptor of the connection the message came from. */
#define ZMQ_SRCFD 2

/* ---- Kinds of GSSAPI names ---- */

#define ZMQ_GSSAPI_NT_HOSTBASED 0                   /* A service name with its host. */
#define ZMQ_GSSAPI_NT_USER_NAME 1                   /* A user name. */
#define ZMQ_GSSAPI_NT_KRB5_PRINCIPAL 2              /* A Kerberos 5 principal. */

/* ---- Monitor events ---- */

#define ZMQ_EVENT_CONNECTED 1                       /* A connection was made. */
#define ZMQ_EVENT_CONNECT_DELAYED 2                 /* A connection attempt is under way. */
#define ZMQ_EVENT_CONNECT_RETRIED 4                 /* A connection attempt is made again. */
#define ZMQ_EVENT_LISTENING 8                       /* The endpoint was bound. */
#define ZMQ_EVENT_BIND_FAILED 16                    /* The endpoint could not be bound. */
#define ZMQ_EVENT_ACCEPTED 32                       /* A connection was accepted. */
#define ZMQ_EVENT_ACCEPT_FAILED 64                  /* A connection could not be accepted. */
#define ZMQ_EVENT_CLOSED 128                        /* A descriptor was closed. */
#define ZMQ_EVENT_CLOSE_FAILED 256                  /* A descriptor could not be closed. */
#define ZMQ_EVENT_DISCONNECTED 512                  /* A connection was lost. */
#define ZMQ_EVENT_MONITOR_STOPPED 1024              /* Monitoring ended. */
#define ZMQ_EVENT_ALL 65535                         /* Every event of version 1. */
#define ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL 2048   /* A handshake failed for a reason of the system. */
#define ZMQ_EVENT_HANDSHAKE_SUCCEEDED 4096          /* A handshake succeeded. */
#define ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL 8192    /* A handshake failed since the peer broke the protocol. */
#define ZMQ_EVENT_HANDSHAKE_FAILED_AUTH 16384       /* A handshake failed since the peer was refused. */

/* ---- Values of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ---- */

/* ZMTP: no details. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED 268435456
/* ZMTP: a command that may not come here. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND 268435457
/* ZMTP: a nonce out of sequence. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE 268435458
/* ZMTP: the key exchange failed. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE 268435459
/* ZMTP: malformed command, no details. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED 268435473
/* ZMTP: malformed MESSAGE. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE 268435474
/* ZMTP: malformed HELLO. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO 268435475
/* ZMTP: malformed INITIATE. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE 268435476
/* ZMTP: malformed ERROR. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR 268435477
/* ZMTP: malformed READY. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY 268435478
/* ZMTP: malformed WELCOME. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME 268435479
/* ZMTP: metadata that cannot be read or accepted. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA 268435480
/* ZMTP: a cryptographic check failed. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC 285212673
/* ZMTP: the peers use different mechanisms. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH 285212674
/* ZAP: no details. */
#define ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED 536870912
/* ZAP: malformed reply. */
#define ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY 536870913
/* ZAP: reply to another request. */
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID 536870914
/* ZAP: reply of another version. */
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION 536870915
/* ZAP: a status that is none. */
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE 536870916
/* ZAP: metadata that cannot be read. */
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA 536870917
#define ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED 805306368 /* WebSocket: no details. */

/* ---- Polling ---- */

#define ZMQ_POLLIN 1                                /* Something can be received. */
#define ZMQ_POLLOUT 2                               /* Something can be sent. */
#define ZMQ_POLLERR 4                               /* An error or hang-up (descriptors only). */
#define ZMQ_POLLPRI 8                               /* Urgent data (descriptors only). */
/* Number of items that zmq_poll handles without allocating, in the original library. */
#define ZMQ_POLLITEMS_DFLT 16

/* ---- Features ---- */

#define ZMQ_HAS_CAPABILITIES 1                      /* zmq_has exists. */

/* ---- Types of zmq_device ---- */

#define ZMQ_STREAMER 1                              /* PULL to PUSH. */
#define ZMQ_FORWARDER 2                             /* XSUB to XPUB. */
#define ZMQ_QUEUE 3                                 /* ROUTER to DEALER. */
#if defined(ZMQ_BUILD_DRAFT_API)

/* ---- Draft socket types ---- */

#define ZMQ_SERVER 12                               /* Thread-safe: talks to any number of CLIENTs by routing id. */
#define ZMQ_CLIENT 13                               /* Thread-safe: talks to SERVERs. */
#define ZMQ_RADIO 14                                /* Thread-safe: sends to groups. */
#define ZMQ_DISH 15                                 /* Thread-safe: receives from groups it joined. */
#define ZMQ_GATHER 16                               /* Thread-safe: receives fairly from SCATTERs. */
#define ZMQ_SCATTER 17                              /* Thread-safe: sends in turn to GATHERs. */
#define ZMQ_DGRAM 18                                /* Plain UDP datagrams. */
#define ZMQ_PEER 19                                 /* Thread-safe: talks to other PEERs by routing id. */
#define ZMQ_CHANNEL 20                              /* Thread-safe: one peer, both directions. */

/* ---- Draft socket options ---- */

#define ZMQ_ZAP_ENFORCE_DOMAIN 93                   /* Refuse peers when the ZAP domain is empty. */
#define ZMQ_LOOPBACK_FASTPATH 94                    /* Faster loopback connections (Windows). */
#define ZMQ_METADATA 95                             /* Adds a property of the application to the handshake. */
#define ZMQ_MULTICAST_LOOP 96                       /* Whether own multicast packets come back. */
#define ZMQ_ROUTER_NOTIFY 97                        /* ROUTER: report connections and disconnections. */
/* XPUB: manual answers, last value only to the latest subscriber. */
#define ZMQ_XPUB_MANUAL_LAST_VALUE 98
#define ZMQ_SOCKS_USERNAME 99                       /* User name at the SOCKS5 proxy. */
#define ZMQ_SOCKS_PASSWORD 100                      /* Password at the SOCKS5 proxy. */
#define ZMQ_IN_BATCH_SIZE 101                       /* Bytes read from a connection at a time. */
#define ZMQ_OUT_BATCH_SIZE 102                      /* Bytes written to a connection at a time. */
#define ZMQ_WSS_KEY_PEM 103                         /* wss: private key. */
#define ZMQ_WSS_CERT_PEM 104                        /* wss: certificate. */
#define ZMQ_WSS_TRUST_PEM 105                       /* wss: certificates to trust. */
#define ZMQ_WSS_HOSTNAME 106                        /* wss: the server's name. */
#define ZMQ_WSS_TRUST_SYSTEM 107                    /* wss: trust the system's certificates. */
/* XPUB: only the first frame of a message can be a subscription. */
#define ZMQ_ONLY_FIRST_SUBSCRIBE 108
#define ZMQ_RECONNECT_STOP 109                      /* When to stop reconnecting. */
#define ZMQ_HELLO_MSG 110                           /* First message to every new peer. */
#define ZMQ_DISCONNECT_MSG 111                      /* Message received in the name of a peer that went away. */
#define ZMQ_PRIORITY 112                            /* SO_PRIORITY of the connections. */
#define ZMQ_BUSY_POLL 113                           /* SO_BUSY_POLL of the connections. */
#define ZMQ_HICCUP_MSG 114                          /* Message received when a connection is made again. */
#define ZMQ_XSUB_VERBOSE_UNSUBSCRIBE 115            /* XSUB: pass on repeated unsubscriptions. */
#define ZMQ_TOPICS_COUNT 116                        /* XPUB, XSUB: number of topics subscribed to. */
#define ZMQ_NORM_MODE 117                           /* norm: congestion control. */
#define ZMQ_NORM_UNICAST_NACK 118                   /* norm: unicast negative acknowledgements. */
#define ZMQ_NORM_BUFFER_SIZE 119                    /* norm: buffer size. */
#define ZMQ_NORM_SEGMENT_SIZE 120                   /* norm: segment size. */
#define ZMQ_NORM_BLOCK_SIZE 121                     /* norm: block size. */
#define ZMQ_NORM_NUM_PARITY 122                     /* norm: parity segments per block. */
#define ZMQ_NORM_NUM_AUTOPARITY 123                 /* norm: parity segments sent without being asked for. */
#define ZMQ_NORM_PUSH 124                           /* norm: send without waiting for a full segment. */

/* ---- Values of ZMQ_NORM_MODE ---- */

#define ZMQ_NORM_FIXED 0                            /* Fixed rate. */
#define ZMQ_NORM_CC 1                               /* Congestion control. */
#define ZMQ_NORM_CCL 2                              /* Congestion control that watches loss only. */
#define ZMQ_NORM_CCE 3                              /* Congestion control with explicit notification. */
#define ZMQ_NORM_CCE_ECNONLY 4                      /* Congestion control by explicit notification only. */

/* ---- Flags of ZMQ_RECONNECT_STOP ---- */

#define ZMQ_RECONNECT_STOP_CONN_REFUSED 1           /* Stop when the connection is refused. */
#define ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED 2       /* Stop when the handshake fails. */
#define ZMQ_RECONNECT_STOP_AFTER_DISCONNECT 4       /* Stop after a disconnection. */

/* ---- Draft context options ---- */

/* Whether received messages may be slices of the receive buffer. */
#define ZMQ_ZERO_COPY_RECV 10

/* ---- Flags of ZMQ_ROUTER_NOTIFY ---- */

#define ZMQ_NOTIFY_CONNECT 1                        /* Report connections. */
#define ZMQ_NOTIFY_DISCONNECT 2                     /* Report disconnections. */

/* ---- Draft monitor events ---- */

#define ZMQ_EVENT_PIPES_STATS 65536                 /* Lengths of the queues of a connection. */
#define ZMQ_CURRENT_EVENT_VERSION 1                 /* Version of events that zmq_socket_monitor uses. */
#define ZMQ_CURRENT_EVENT_VERSION_DRAFT 2           /* Newest version that zmq_socket_monitor_versioned accepts. */
#define ZMQ_EVENT_ALL_V1 ZMQ_EVENT_ALL              /* Every event of version 1. */
/* Every event of version 2. */
#define ZMQ_EVENT_ALL_V2 (ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS)
#endif

/* One thing for zmq_poll to watch: a socket or, if that is NULL, a descriptor. */
typedef struct {
    /* The socket, or NULL. */
    void *socket;
    /* The descriptor, if there is no socket. */
    zmq_fd_t fd;
    /* What to watch: ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR, ZMQ_POLLPRI. */
    short events;
    /* What of it was found. */
    short revents;
} zmq_pollitem_t;

#if defined(ZMQ_BUILD_DRAFT_API)

/* What zmq_poller_wait found: a socket or, if that is NULL, a descriptor. */
typedef struct {
    /* The socket, or NULL. */
    void *socket;
    /* The descriptor, or -1. */
    zmq_fd_t fd;
    /* What was given when it was added. */
    void *user_data;
    /* What can be done. */
    short events;
} zmq_poller_event_t;

#endif

#ifdef __cplusplus

extern "C" {

#endif

/* ---- Version, error numbers and capabilities ---- */

/* The calling thread's errno; for programs that link another C library than this one. */
ZMQ_EXPORT int zmq_errno(void);

/* The text for an error number; static, never NULL. */
ZMQ_EXPORT const char *zmq_strerror(int errnum);

/* Writes the version of the library; NULL pointers are skipped. */
ZMQ_EXPORT void zmq_version(int *major, int *minor, int *patch);

/* Whether the library has a capability: 1 or 0. The name is compared exactly; NULL is none. */
ZMQ_EXPORT int zmq_has(const char *capability);

/* ---- Contexts ---- */

/* Makes a context. It opens and starts nothing before the first zmq_socket. NULL and errno on
 * failure. */
ZMQ_EXPORT void *zmq_ctx_new(void);

/* Ends a context: waits until every socket was closed and has lingered, then frees it. -1:
 * EFAULT if it is none, EINTR if a signal came, EMFILE without a descriptor to wait on; then
 * call again. EDEADLK from a free function that runs on a thread of this context. In a forked
 * child it only gives up the parent's context. */
ZMQ_EXPORT int zmq_ctx_term(void *context);

/* Lets every blocked call on the context's sockets, and all later ones, fail with ETERM. Does
 * not wait. -1: EFAULT. */
ZMQ_EXPORT int zmq_ctx_shutdown(void *context);

/* Sets an option of a context. -1: EFAULT, EINVAL. */
ZMQ_EXPORT int zmq_ctx_set(void *context, int option, int optval);

/* The value of an option of a context. -1: EFAULT, EINVAL; some options can be negative. */
ZMQ_EXPORT int zmq_ctx_get(void *context, int option);

/* Old form of zmq_ctx_new, with the number of I/O threads. NULL: EINVAL if that is negative. */
ZMQ_EXPORT void *zmq_init(int io_threads);

/* Old name of zmq_ctx_term. */
ZMQ_EXPORT int zmq_term(void *context);

/* Old name of zmq_ctx_term. */
ZMQ_EXPORT int zmq_ctx_destroy(void *context);

#if defined(ZMQ_BUILD_DRAFT_API)

/* zmq_ctx_set for options that are not an int. -1: EFAULT, EINVAL. */
ZMQ_EXPORT int zmq_ctx_set_ext(void *context, int option, const void *optval, size_t optvallen);

/* zmq_ctx_get for options that are not an int; does not change *optvallen. -1: EFAULT, EINVAL. */
ZMQ_EXPORT int zmq_ctx_get_ext(void *context, int option, void *optval, size_t *optvallen);

#endif

/* ---- Messages ---- */

/* Makes an empty message. Always 0. */
ZMQ_EXPORT int zmq_msg_init(zmq_msg_t *msg);

/* Makes a message of size bytes, whose values are not set. -1: ENOMEM; then there is no message
 * to close. */
ZMQ_EXPORT int zmq_msg_init_size(zmq_msg_t *msg, size_t size);

/* Makes a message of the caller's buffer, without a copy. ffn(data, hint) is called when the
 * last message that refers to it is gone, from any thread; without ffn the buffer must live for
 * ever. -1: ENOMEM; ffn is not called then. */
ZMQ_EXPORT int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn * ffn,
    void *hint);

/* Sends a message, which is empty afterwards. Its size; -1: the message is as before. To send
 * the parts of one message from several threads needs a lock of the caller's. */
ZMQ_EXPORT int zmq_msg_send(zmq_msg_t *msg, void *socket, int flags);

/* Receives a message into an initialised one. Its size; -1 and errno on failure. */
ZMQ_EXPORT int zmq_msg_recv(zmq_msg_t *msg, void *socket, int flags);

/* Releases a message. -1: EFAULT if there is none. */
ZMQ_EXPORT int zmq_msg_close(zmq_msg_t *msg);

/* Moves the content of src to dest; src is empty afterwards. -1: EFAULT if one of them is no
 * message. */
ZMQ_EXPORT int zmq_msg_move(zmq_msg_t *dest, zmq_msg_t *src);

/* Makes dest a copy of src that shares large content with it; neither may be written to
 * afterwards. -1: EFAULT if one of them is no message. */
ZMQ_EXPORT int zmq_msg_copy(zmq_msg_t *dest, zmq_msg_t *src);

/* The content of a message, until it is closed, moved, sent or received into. NULL: EFAULT if
 * there is no message. */
ZMQ_EXPORT void *zmq_msg_data(zmq_msg_t *msg);

/* The size of a message in bytes. 0 and EFAULT if there is none. */
ZMQ_EXPORT size_t zmq_msg_size(const zmq_msg_t *msg);

/* Whether more parts follow: 1 or 0. */
ZMQ_EXPORT int zmq_msg_more(const zmq_msg_t *msg);

/* A property of a message: ZMQ_MORE, ZMQ_SRCFD, ZMQ_SHARED. -1: EINVAL if it has none such. */
ZMQ_EXPORT int zmq_msg_get(const zmq_msg_t *msg, int property);

/* There are no properties to set: always -1 and EINVAL. */
ZMQ_EXPORT int zmq_msg_set(zmq_msg_t *msg, int property, int optval);

/* A text that the sender's connection is described by, which lives as long as the message. NULL:
 * EINVAL if there is none of that name. */
ZMQ_EXPORT const char *zmq_msg_gets(const zmq_msg_t *msg, const char *property);

/* zmq_msg_send with other argument order. */
ZMQ_EXPORT int zmq_sendmsg(void *socket, zmq_msg_t *msg, int flags);

/* zmq_msg_recv with other argument order. */
ZMQ_EXPORT int zmq_recvmsg(void *socket, zmq_msg_t *msg, int flags);

#if defined(ZMQ_BUILD_DRAFT_API)

/* Makes a message with a copy of size bytes. -1: ENOMEM. */
ZMQ_EXPORT int zmq_msg_init_buffer(zmq_msg_t *msg, const void *buf, size_t size);

/* Names the peer that a SERVER or PEER sends to. -1: EINVAL for 0. */
ZMQ_EXPORT int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id);

/* The peer that a SERVER or PEER received from, or 0. */
ZMQ_EXPORT uint32_t zmq_msg_routing_id(zmq_msg_t *msg);

/* Names the group that a RADIO sends to; at most 255 bytes count. -1: ENOMEM, EINVAL for NULL. */
ZMQ_EXPORT int zmq_msg_set_group(zmq_msg_t *msg, const char *group);

/* The group of a message, or "", as long as it lives. */
ZMQ_EXPORT const char *zmq_msg_group(zmq_msg_t *msg);

#endif

/* ---- Sockets: options, endpoints, sending and receiving of buffers ---- */

/* Opens a socket. NULL: EFAULT if context is none, ETERM, EMFILE, EINVAL for an unknown type. */
ZMQ_EXPORT void *zmq_socket(void *context, int type);

/* Closes a socket, without waiting; its unsent messages linger. -1: ENOTSOCK. */
ZMQ_EXPORT int zmq_close(void *socket);

/* Sets an option. -1: ENOTSOCK, ETERM, EINVAL. */
ZMQ_EXPORT int zmq_setsockopt(void *socket, int option, const void *optval, size_t optvallen);

/* Writes an option to optval, which has room for *optvallen bytes, and its length to *optvallen.
 * -1: ENOTSOCK, ETERM, EINVAL. */
ZMQ_EXPORT int zmq_getsockopt(void *socket, int option, void *optval, size_t *optvallen);

/* Accepts connections at an endpoint. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT,
 * ENOCOMPATPROTO, EADDRINUSE, EADDRNOTAVAIL, ENODEV, EMTHREAD, and those of the system. */
ZMQ_EXPORT int zmq_bind(void *socket, const char *endpoint);

/* Connects to an endpoint, in the background. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT,
 * ENOCOMPATPROTO, EMTHREAD, ENAMETOOLONG. */
ZMQ_EXPORT int zmq_connect(void *socket, const char *endpoint);

/* Ends what zmq_bind began. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT, ENOENT. */
ZMQ_EXPORT int zmq_unbind(void *socket, const char *endpoint);

/* Ends what zmq_connect began; messages already queued are still sent. -1: ENOTSOCK, ETERM,
 * EINVAL, EPROTONOSUPPORT, ENOENT. */
ZMQ_EXPORT int zmq_disconnect(void *socket, const char *endpoint);

/* Sends a copy of len bytes as one part of a message; ZMQ_SNDMORE says that more follow. len;
 * -1: ENOTSOCK, EAGAIN, ENOTSUP, EINVAL, EFSM, EHOSTUNREACH, ETERM, EINTR. To send the parts of
 * one message from several threads needs a lock of the caller's. */
ZMQ_EXPORT int zmq_send(void *socket, const void *buf, size_t len, int flags);

/* zmq_send without a copy: the bytes must stay as they are for ever. */
ZMQ_EXPORT int zmq_send_const(void *socket, const void *buf, size_t len, int flags);

/* Receives one part of a message; of a longer one than len bytes the rest is lost. Its whole
 * size; -1: ENOTSOCK, EAGAIN, ENOTSUP, EFSM, ETERM, EINTR. */
ZMQ_EXPORT int zmq_recv(void *socket, void *buf, size_t len, int flags);

/* Sends count buffers, as copies: with ZMQ_SNDMORE as one message, else each as its own. The
 * size of the last one; -1: EINVAL if there are none, and those of zmq_send; what was sent
 * before stays sent. */
ZMQ_EXPORT int zmq_sendiov(void *socket, struct iovec *iov, size_t count, int flags);

/* Receives the parts of one message, at most *count, each into memory that the caller releases
 * with free(). *count says how many were received, also on failure. Their number; -1: EINVAL if
 * there is no room, ENOMEM, and those of zmq_recv. */
ZMQ_EXPORT int zmq_recviov(void *socket, struct iovec *iov, size_t *count, int flags);

#if defined(ZMQ_BUILD_DRAFT_API)

/* ---- Draft functions on sockets: groups and peers ---- */

/* Lets a DISH receive a group. -1: ENOTSOCK, ENOTSUP for another type, EINVAL if the name is
 * longer than 255 bytes or was joined before. */
ZMQ_EXPORT int zmq_join(void *socket, const char *group);

/* Ends zmq_join. -1: ENOTSOCK, ENOTSUP for another type, EINVAL if the group was not joined. */
ZMQ_EXPORT int zmq_leave(void *socket, const char *group);

/* zmq_connect of a PEER. The routing id of the new peer; 0: ENOTSOCK, ENOTSUP for another type,
 * EFAULT with ZMQ_IMMEDIATE, and those of zmq_connect. */
ZMQ_EXPORT uint32_t zmq_connect_peer(void *socket, const char *endpoint);

/* Ends the connection of a SERVER or PEER to a peer. -1: ENOTSOCK, ENOTSUP for another type,
 * EHOSTUNREACH. */
ZMQ_EXPORT int zmq_disconnect_peer(void *socket, uint32_t routing_id);

/* Whether a ROUTER can send to a peer: ZMQ_POLLOUT or 0. -1: ENOTSOCK, ENOTSUP for another type,
 * EHOSTUNREACH. */
ZMQ_EXPORT int zmq_socket_get_peer_state(void *socket, const void *routing_id,
    size_t routing_id_size);

#endif

/* ---- zmq_poll ---- */

/* Waits until something can be done with one of nitems sockets and descriptors, or timeout ms
 * have passed (-1 = for ever). How many have non-zero revents; -1: ETERM, EINTR, ENOTSOCK,
 * EFAULT, EINVAL. */
ZMQ_EXPORT int zmq_poll(zmq_pollitem_t *items, int nitems, long timeout);

#if defined(ZMQ_BUILD_DRAFT_API)

/* zmq_poll with the signal mask replaced while it waits. -1: as zmq_poll, and EINVAL for a
 * socket that is thread-safe. */
ZMQ_EXPORT int zmq_ppoll(zmq_pollitem_t *items, int nitems, long timeout, const sigset_t *sigmask);

/* ---- zmq_poller_* ---- */

/* Makes a poller. NULL and errno on failure. */
ZMQ_EXPORT void *zmq_poller_new(void);

/* Frees a poller and sets the pointer to NULL. -1: EFAULT. */
ZMQ_EXPORT int zmq_poller_destroy(void **poller_p);

/* How many sockets and descriptors a poller watches. -1: EFAULT. */
ZMQ_EXPORT int zmq_poller_size(void *poller);

/* Lets a poller watch a socket. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or if it does
 * already, EMFILE, ENOMEM. */
ZMQ_EXPORT int zmq_poller_add(void *poller, void *socket, void *user_data, short events);

/* Changes what a poller watches a socket for. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or
 * if it does not. */
ZMQ_EXPORT int zmq_poller_modify(void *poller, void *socket, short events);

/* Ends zmq_poller_add; best before zmq_close. -1: EFAULT, ENOTSOCK, EINVAL if the socket is not
 * watched. */
ZMQ_EXPORT int zmq_poller_remove(void *poller, void *socket);

/* Lets a poller watch a descriptor. -1: EFAULT, EBADF for -1, EINVAL for unknown events or if it
 * does already, ENOMEM. */
ZMQ_EXPORT int zmq_poller_add_fd(void *poller, zmq_fd_t fd, void *user_data, short events);

/* Changes what a poller watches a descriptor for. -1: EFAULT, EBADF, EINVAL for unknown events
 * or if it does not. */
ZMQ_EXPORT int zmq_poller_modify_fd(void *poller, zmq_fd_t fd, short events);

/* Ends zmq_poller_add_fd. -1: EFAULT, EBADF, EINVAL if the descriptor is not watched. */
ZMQ_EXPORT int zmq_poller_remove_fd(void *poller, zmq_fd_t fd);

/* Waits for one event, at most timeout ms (-1 = for ever). -1: EFAULT, EAGAIN when the time is
 * over, ETERM, EINTR, ENOMEM. */
ZMQ_EXPORT int zmq_poller_wait(void *poller, zmq_poller_event_t *event, long timeout);

/* Waits for at most n_events events, at most timeout ms (-1 = for ever). How many; -1: EFAULT,
 * EINVAL if n_events is negative, EAGAIN when the time is over, ETERM, EINTR, ENOMEM. */
ZMQ_EXPORT int zmq_poller_wait_all(void *poller, zmq_poller_event_t *events, int n_events,
    long timeout);

/* The descriptor that becomes readable when a thread-safe socket of a poller needs attention.
 * -1: EFAULT, EINVAL if it never had one. */
ZMQ_EXPORT int zmq_poller_fd(void *poller, zmq_fd_t *fd);

#endif

/* ---- Proxies ---- */

/* Forwards messages between two sockets, and copies them to capture unless that is NULL, until
 * something fails. -1: EFAULT if frontend or backend is NULL, ETERM, EINTR, and those of sending
 * and receiving. */
ZMQ_EXPORT int zmq_proxy(void *frontend, void *backend, void *capture);

/* zmq_proxy that obeys PAUSE, RESUME, TERMINATE and STATISTICS from control, unless that is
 * NULL. 0 after TERMINATE. */
ZMQ_EXPORT int zmq_proxy_steerable(void *frontend, void *backend, void *capture, void *control);

/* Old form of zmq_proxy; type is ignored. */
ZMQ_EXPORT int zmq_device(int type, void *frontend, void *backend);

/* ---- Socket monitors ---- */

/* Sends the events of a mask to a PAIR socket bound at an inproc endpoint; NULL stops that. -1:
 * ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT, EADDRINUSE, EMFILE. */
ZMQ_EXPORT int zmq_socket_monitor(void *socket, const char *endpoint, int events);

#if defined(ZMQ_BUILD_DRAFT_API)

/* zmq_socket_monitor with a version of the events (1 or 2) and a socket type (PAIR, PUB, PUSH).
 * -1: EINVAL also for another version or type. */
ZMQ_EXPORT int zmq_socket_monitor_versioned(void *socket, const char *endpoint, uint64_t events,
    int event_version, int type);

/* Asks for a ZMQ_EVENT_PIPES_STATS per connection. -1: ENOTSOCK, EINVAL if the event is not
 * monitored, EAGAIN if there are no connections. */
ZMQ_EXPORT int zmq_socket_monitor_pipes_stats(void *socket);

#endif

/* ---- zmq_timers_* ---- */

/* Makes a set of timers. */
ZMQ_EXPORT void *zmq_timers_new(void);

/* Frees timers and sets the pointer to NULL. -1: EFAULT. */
ZMQ_EXPORT int zmq_timers_destroy(void **timers_p);

/* Adds a timer that runs every interval ms until it is cancelled. Its id, from 1; -1: EFAULT,
 * also without handler. */
ZMQ_EXPORT int zmq_timers_add(void *timers, size_t interval, zmq_timer_fn * handler, void *arg);

/* Ends a timer. -1: EFAULT, EINVAL if there is none with this id. */
ZMQ_EXPORT int zmq_timers_cancel(void *timers, int timer_id);

/* Gives a timer another interval in ms, beginning now. -1: EFAULT, EINVAL if there is none with
 * this id. */
ZMQ_EXPORT int zmq_timers_set_interval(void *timers, int timer_id, size_t interval);

/* Begins the interval of a timer anew. -1: EFAULT, EINVAL if there is none with this id. */
ZMQ_EXPORT int zmq_timers_reset(void *timers, int timer_id);

/* Time in ms until the next timer is due; -1 if there are none. -1: EFAULT. */
ZMQ_EXPORT long zmq_timers_timeout(void *timers);

/* Runs the timers that are due, each once. -1: EFAULT. */
ZMQ_EXPORT int zmq_timers_execute(void *timers);

/* ---- Atomic counters ---- */

/* Makes a counter with the value 0. */
ZMQ_EXPORT void *zmq_atomic_counter_new(void);

/* Sets the value of a counter. */
ZMQ_EXPORT void zmq_atomic_counter_set(void *counter, int value);

/* Adds 1; the value before. */
ZMQ_EXPORT int zmq_atomic_counter_inc(void *counter);

/* Subtracts 1; 0 if the value is 0 now, else 1. */
ZMQ_EXPORT int zmq_atomic_counter_dec(void *counter);

/* The value of a counter. */
ZMQ_EXPORT int zmq_atomic_counter_value(void *counter);

/* Frees a counter and sets the pointer to NULL. */
ZMQ_EXPORT void zmq_atomic_counter_destroy(void **counter_p);

/* ---- Stopwatches, sleeping, threads ---- */

/* Starts a stopwatch. */
ZMQ_EXPORT void *zmq_stopwatch_start(void);

/* Microseconds since the start. */
ZMQ_EXPORT unsigned long zmq_stopwatch_intermediate(void *watch);

/* Microseconds since the start; frees the stopwatch. */
ZMQ_EXPORT unsigned long zmq_stopwatch_stop(void *watch);

/* Sleeps for whole seconds, or until a signal comes. */
ZMQ_EXPORT void zmq_sleep(int seconds);

/* Runs a function in a new thread, in which all signals are blocked. NULL and errno if there can
 * be none. */
ZMQ_EXPORT void *zmq_threadstart(zmq_thread_fn * func, void *arg);

/* Waits until the thread has ended, and frees the handle. */
ZMQ_EXPORT void zmq_threadclose(void *thread);

/* ---- Z85 text ---- */

/* Writes size bytes as Z85 text with a NUL to dest, which needs size * 5 / 4 + 1 bytes. dest, or
 * NULL: EINVAL if size is not a multiple of 4. */
ZMQ_EXPORT char *zmq_z85_encode(char *dest, const uint8_t *data, size_t size);

/* Writes the bytes of a Z85 text to dest, which needs 4/5 of the text's length. dest, or NULL:
 * EINVAL if the length is 0 or not a multiple of 5, or the text is not Z85; dest may have been
 * written to. */
ZMQ_EXPORT uint8_t *zmq_z85_decode(uint8_t *dest, const char *string);

/* ---- CURVE keys ---- */

/* Makes a pair of keys as Z85 texts of 40 characters and a NUL each. -1: the system has no
 * random numbers (its errno). */
ZMQ_EXPORT int zmq_curve_keypair(char *z85_public_key, char *z85_secret_key);

/* Writes the public key of a secret key. -1: EINVAL if that is not a key. */
ZMQ_EXPORT int zmq_curve_public(char *z85_public_key, const char *z85_secret_key);

#ifdef __cplusplus

}

#endif

#endif  /* ZEROXIDE_ZMQ_H */

#undef ZMQ_EXPORT

