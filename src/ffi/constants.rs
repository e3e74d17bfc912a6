//! Every integer constant of `zmq.h`.
//!
//! cbindgen turns each of them into a macro of the public header and the option tables refer to
//! the same names, so a number is written down exactly once. Function-like macros, text macros and
//! the fallbacks for missing `errno` numbers stand in the preamble of `cbindgen.toml`, because
//! cbindgen cannot express them. Contract: constants.tsv.

#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the header is made of them: some are for programs only"
)]

use std::ffi::c_int;

// Version

/// Major version of the API.
pub const ZMQ_VERSION_MAJOR: c_int = 4;
/// Minor version of the API.
pub const ZMQ_VERSION_MINOR: c_int = 3;
/// Patch level of the API.
pub const ZMQ_VERSION_PATCH: c_int = 6;

// Error numbers

/// Base of the error numbers that no operating system defines.
pub const ZMQ_HAUSNUMERO: c_int = 156384712;
/// The operation cannot be done in the socket's current state.
pub const EFSM: c_int = ZMQ_HAUSNUMERO + 51;
/// The transport cannot be used with this socket type.
pub const ENOCOMPATPROTO: c_int = ZMQ_HAUSNUMERO + 52;
/// The context was terminated or shut down.
pub const ETERM: c_int = ZMQ_HAUSNUMERO + 53;
/// No I/O thread is available for the task.
pub const EMTHREAD: c_int = ZMQ_HAUSNUMERO + 54;

// Context options

/// Number of I/O threads.
pub const ZMQ_IO_THREADS: c_int = 1;
/// Greatest number of sockets the context may have open.
pub const ZMQ_MAX_SOCKETS: c_int = 2;
/// Upper bound of ZMQ_MAX_SOCKETS (get only).
pub const ZMQ_SOCKET_LIMIT: c_int = 3;
/// Scheduling priority of the I/O threads (set only; shares its number with ZMQ_SOCKET_LIMIT).
pub const ZMQ_THREAD_PRIORITY: c_int = 3;
/// Scheduling policy of the I/O threads.
pub const ZMQ_THREAD_SCHED_POLICY: c_int = 4;
/// Greatest size of a message that may be sent.
pub const ZMQ_MAX_MSGSZ: c_int = 5;
/// Size of zmq_msg_t in bytes (get only).
pub const ZMQ_MSG_T_SIZE: c_int = 6;
/// Adds a processor to the affinity of the I/O threads.
pub const ZMQ_THREAD_AFFINITY_CPU_ADD: c_int = 7;
/// Removes a processor from the affinity of the I/O threads.
pub const ZMQ_THREAD_AFFINITY_CPU_REMOVE: c_int = 8;
/// Prefix of the names of the library's threads.
pub const ZMQ_THREAD_NAME_PREFIX: c_int = 9;

// Context defaults

/// Default of ZMQ_IO_THREADS.
pub const ZMQ_IO_THREADS_DFLT: c_int = 1;
/// Default of ZMQ_MAX_SOCKETS.
pub const ZMQ_MAX_SOCKETS_DFLT: c_int = 1023;
/// Default of ZMQ_THREAD_PRIORITY: leave it unset.
pub const ZMQ_THREAD_PRIORITY_DFLT: c_int = -1;
/// Default of ZMQ_THREAD_SCHED_POLICY: leave it unset.
pub const ZMQ_THREAD_SCHED_POLICY_DFLT: c_int = -1;

// Socket types

/// One peer, both directions.
pub const ZMQ_PAIR: c_int = 0;
/// Sends to every subscriber.
pub const ZMQ_PUB: c_int = 1;
/// Receives what it subscribed to.
pub const ZMQ_SUB: c_int = 2;
/// Sends a request, then receives its reply.
pub const ZMQ_REQ: c_int = 3;
/// Receives a request, then sends its reply.
pub const ZMQ_REP: c_int = 4;
/// Sends in turn to its peers and receives fairly from them.
pub const ZMQ_DEALER: c_int = 5;
/// Sends to the peer named by the first frame.
pub const ZMQ_ROUTER: c_int = 6;
/// Receives fairly from its peers.
pub const ZMQ_PULL: c_int = 7;
/// Sends in turn to its peers.
pub const ZMQ_PUSH: c_int = 8;
/// As ZMQ_PUB, and receives subscriptions as messages.
pub const ZMQ_XPUB: c_int = 9;
/// As ZMQ_SUB, and sends subscriptions as messages.
pub const ZMQ_XSUB: c_int = 10;
/// Talks to peers over plain TCP.
pub const ZMQ_STREAM: c_int = 11;
/// Old name of ZMQ_DEALER.
pub const ZMQ_XREQ: c_int = ZMQ_DEALER;
/// Old name of ZMQ_ROUTER.
pub const ZMQ_XREP: c_int = ZMQ_ROUTER;

// Socket options

/// Bit mask of the I/O threads that may serve the socket's connections.
pub const ZMQ_AFFINITY: c_int = 4;
/// The socket's routing id, as told to its peers.
pub const ZMQ_ROUTING_ID: c_int = 5;
/// Adds a subscription.
pub const ZMQ_SUBSCRIBE: c_int = 6;
/// Removes a subscription.
pub const ZMQ_UNSUBSCRIBE: c_int = 7;
/// Multicast rate in kilobits per second.
pub const ZMQ_RATE: c_int = 8;
/// Multicast recovery time in ms.
pub const ZMQ_RECOVERY_IVL: c_int = 9;
/// Size of the system's send buffer.
pub const ZMQ_SNDBUF: c_int = 11;
/// Size of the system's receive buffer.
pub const ZMQ_RCVBUF: c_int = 12;
/// Whether more parts of the message follow.
pub const ZMQ_RCVMORE: c_int = 13;
/// Descriptor that becomes readable when ZMQ_EVENTS should be looked at.
pub const ZMQ_FD: c_int = 14;
/// What the socket can do now: ZMQ_POLLIN, ZMQ_POLLOUT.
pub const ZMQ_EVENTS: c_int = 15;
/// The socket's type.
pub const ZMQ_TYPE: c_int = 16;
/// How long unsent messages survive zmq_close, in ms.
pub const ZMQ_LINGER: c_int = 17;
/// Pause before the first reconnection, in ms.
pub const ZMQ_RECONNECT_IVL: c_int = 18;
/// Length of the queue of connections not yet accepted.
pub const ZMQ_BACKLOG: c_int = 19;
/// Longest pause between reconnections, in ms.
pub const ZMQ_RECONNECT_IVL_MAX: c_int = 21;
/// Largest message accepted from a peer, in bytes.
pub const ZMQ_MAXMSGSIZE: c_int = 22;
/// High-water mark of each outbound queue, in messages.
pub const ZMQ_SNDHWM: c_int = 23;
/// High-water mark of each inbound queue, in messages.
pub const ZMQ_RCVHWM: c_int = 24;
/// Time to live of multicast packets.
pub const ZMQ_MULTICAST_HOPS: c_int = 25;
/// How long a receive may block, in ms.
pub const ZMQ_RCVTIMEO: c_int = 27;
/// How long a send may block, in ms.
pub const ZMQ_SNDTIMEO: c_int = 28;
/// The endpoint bound or connected last.
pub const ZMQ_LAST_ENDPOINT: c_int = 32;
/// ROUTER: report messages that cannot be routed.
pub const ZMQ_ROUTER_MANDATORY: c_int = 33;
/// SO_KEEPALIVE of TCP connections.
pub const ZMQ_TCP_KEEPALIVE: c_int = 34;
/// TCP_KEEPCNT of TCP connections.
pub const ZMQ_TCP_KEEPALIVE_CNT: c_int = 35;
/// TCP_KEEPIDLE of TCP connections.
pub const ZMQ_TCP_KEEPALIVE_IDLE: c_int = 36;
/// TCP_KEEPINTVL of TCP connections.
pub const ZMQ_TCP_KEEPALIVE_INTVL: c_int = 37;
/// Queue messages only for completed connections.
pub const ZMQ_IMMEDIATE: c_int = 39;
/// XPUB: pass on repeated subscriptions.
pub const ZMQ_XPUB_VERBOSE: c_int = 40;
/// ROUTER: talk to plain TCP peers.
pub const ZMQ_ROUTER_RAW: c_int = 41;
/// Allow IPv6 (also a context option).
pub const ZMQ_IPV6: c_int = 42;
/// The security mechanism in use.
pub const ZMQ_MECHANISM: c_int = 43;
/// PLAIN: be the server.
pub const ZMQ_PLAIN_SERVER: c_int = 44;
/// PLAIN: the client's user name.
pub const ZMQ_PLAIN_USERNAME: c_int = 45;
/// PLAIN: the client's password.
pub const ZMQ_PLAIN_PASSWORD: c_int = 46;
/// CURVE: be the server.
pub const ZMQ_CURVE_SERVER: c_int = 47;
/// CURVE: own public key.
pub const ZMQ_CURVE_PUBLICKEY: c_int = 48;
/// CURVE: own secret key.
pub const ZMQ_CURVE_SECRETKEY: c_int = 49;
/// CURVE: the server's public key.
pub const ZMQ_CURVE_SERVERKEY: c_int = 50;
/// Send an empty message to a new ROUTER peer.
pub const ZMQ_PROBE_ROUTER: c_int = 51;
/// REQ: number requests and match replies to them.
pub const ZMQ_REQ_CORRELATE: c_int = 52;
/// REQ: allow a new request before the reply.
pub const ZMQ_REQ_RELAXED: c_int = 53;
/// Keep only the last message.
pub const ZMQ_CONFLATE: c_int = 54;
/// ZAP domain of the socket.
pub const ZMQ_ZAP_DOMAIN: c_int = 55;
/// ROUTER: a new peer takes over a routing id in use.
pub const ZMQ_ROUTER_HANDOVER: c_int = 56;
/// Type of service of the IP packets.
pub const ZMQ_TOS: c_int = 57;
/// ROUTER, STREAM: routing id of the next peer connected to.
pub const ZMQ_CONNECT_ROUTING_ID: c_int = 61;
/// GSSAPI: be the server.
pub const ZMQ_GSSAPI_SERVER: c_int = 62;
/// GSSAPI: own principal.
pub const ZMQ_GSSAPI_PRINCIPAL: c_int = 63;
/// GSSAPI: the server's principal.
pub const ZMQ_GSSAPI_SERVICE_PRINCIPAL: c_int = 64;
/// GSSAPI: do not encrypt.
pub const ZMQ_GSSAPI_PLAINTEXT: c_int = 65;
/// Time limit of a handshake, in ms.
pub const ZMQ_HANDSHAKE_IVL: c_int = 66;
/// Address of a SOCKS5 proxy.
pub const ZMQ_SOCKS_PROXY: c_int = 68;
/// XPUB, PUB: report full queues instead of dropping.
pub const ZMQ_XPUB_NODROP: c_int = 69;
/// Whether zmq_ctx_term waits for ever by default (a context option in spite of its place).
pub const ZMQ_BLOCKY: c_int = 70;
/// XPUB: the application answers subscriptions itself.
pub const ZMQ_XPUB_MANUAL: c_int = 71;
/// XPUB: first message to a new subscriber.
pub const ZMQ_XPUB_WELCOME_MSG: c_int = 72;
/// STREAM: report connections and disconnections.
pub const ZMQ_STREAM_NOTIFY: c_int = 73;
/// PUB, SUB: match what was not subscribed to.
pub const ZMQ_INVERT_MATCHING: c_int = 74;
/// Pause between heartbeats, in ms.
pub const ZMQ_HEARTBEAT_IVL: c_int = 75;
/// How long the peer waits for a heartbeat, in ms.
pub const ZMQ_HEARTBEAT_TTL: c_int = 76;
/// How long to wait for the answer to a heartbeat, in ms.
pub const ZMQ_HEARTBEAT_TIMEOUT: c_int = 77;
/// XPUB: pass on repeated subscriptions and unsubscriptions.
pub const ZMQ_XPUB_VERBOSER: c_int = 78;
/// Time limit of a connection attempt, in ms.
pub const ZMQ_CONNECT_TIMEOUT: c_int = 79;
/// Time limit of TCP retransmission, in ms.
pub const ZMQ_TCP_MAXRT: c_int = 80;
/// Whether several threads may use the socket at a time.
pub const ZMQ_THREAD_SAFE: c_int = 81;
/// Largest multicast packet, in bytes.
pub const ZMQ_MULTICAST_MAXTPDU: c_int = 84;
/// VMCI: buffer size.
pub const ZMQ_VMCI_BUFFER_SIZE: c_int = 85;
/// VMCI: smallest buffer size.
pub const ZMQ_VMCI_BUFFER_MIN_SIZE: c_int = 86;
/// VMCI: largest buffer size.
pub const ZMQ_VMCI_BUFFER_MAX_SIZE: c_int = 87;
/// VMCI: time limit of a connection attempt, in ms.
pub const ZMQ_VMCI_CONNECT_TIMEOUT: c_int = 88;
/// Descriptor, made by the application, that the next bind or connect uses.
pub const ZMQ_USE_FD: c_int = 89;
/// GSSAPI: kind of the name in ZMQ_GSSAPI_PRINCIPAL.
pub const ZMQ_GSSAPI_PRINCIPAL_NAMETYPE: c_int = 90;
/// GSSAPI: kind of the name in ZMQ_GSSAPI_SERVICE_PRINCIPAL.
pub const ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE: c_int = 91;
/// Network device the socket is tied to.
pub const ZMQ_BINDTODEVICE: c_int = 92;

// Message properties

/// Whether more parts follow.
pub const ZMQ_MORE: c_int = 1;
/// Whether the payload may be shared with another message.
pub const ZMQ_SHARED: c_int = 3;

// Flags of send and receive

/// Do not block.
pub const ZMQ_DONTWAIT: c_int = 1;
/// More parts of the message follow.
pub const ZMQ_SNDMORE: c_int = 2;

// Security mechanisms

/// No security.
pub const ZMQ_NULL: c_int = 0;
/// User name and password in the clear.
pub const ZMQ_PLAIN: c_int = 1;
/// Elliptic-curve keys.
pub const ZMQ_CURVE: c_int = 2;
/// GSSAPI.
pub const ZMQ_GSSAPI: c_int = 3;

// Limits

/// Longest group name in bytes, without its NUL.
pub const ZMQ_GROUP_MAX_LENGTH: c_int = 255;

// Old names and options

/// Old name of ZMQ_ROUTING_ID.
pub const ZMQ_IDENTITY: c_int = ZMQ_ROUTING_ID;
/// Old name of ZMQ_CONNECT_ROUTING_ID.
pub const ZMQ_CONNECT_RID: c_int = ZMQ_CONNECT_ROUTING_ID;
/// Accept TCP peers from these addresses only.
pub const ZMQ_TCP_ACCEPT_FILTER: c_int = 38;
/// Accept ipc peers with this process id only.
pub const ZMQ_IPC_FILTER_PID: c_int = 58;
/// Accept ipc peers with this user id only.
pub const ZMQ_IPC_FILTER_UID: c_int = 59;
/// Accept ipc peers with this group id only.
pub const ZMQ_IPC_FILTER_GID: c_int = 60;
/// Opposite of ZMQ_IPV6.
pub const ZMQ_IPV4ONLY: c_int = 31;
/// Old name of ZMQ_IMMEDIATE.
pub const ZMQ_DELAY_ATTACH_ON_CONNECT: c_int = ZMQ_IMMEDIATE;
/// Old name of ZMQ_DONTWAIT.
pub const ZMQ_NOBLOCK: c_int = ZMQ_DONTWAIT;
/// Old name of ZMQ_ROUTER_MANDATORY.
pub const ZMQ_FAIL_UNROUTABLE: c_int = ZMQ_ROUTER_MANDATORY;
/// Old name of ZMQ_ROUTER_MANDATORY.
pub const ZMQ_ROUTER_BEHAVIOR: c_int = ZMQ_ROUTER_MANDATORY;
/// Message property: descriptor of the connection the message came from.
pub const ZMQ_SRCFD: c_int = 2;

// Kinds of GSSAPI names

/// A service name with its host.
pub const ZMQ_GSSAPI_NT_HOSTBASED: c_int = 0;
/// A user name.
pub const ZMQ_GSSAPI_NT_USER_NAME: c_int = 1;
/// A Kerberos 5 principal.
pub const ZMQ_GSSAPI_NT_KRB5_PRINCIPAL: c_int = 2;

// Monitor events

/// A connection was made.
pub const ZMQ_EVENT_CONNECTED: c_int = 0x0001;
/// A connection attempt is under way.
pub const ZMQ_EVENT_CONNECT_DELAYED: c_int = 0x0002;
/// A connection attempt is made again.
pub const ZMQ_EVENT_CONNECT_RETRIED: c_int = 0x0004;
/// The endpoint was bound.
pub const ZMQ_EVENT_LISTENING: c_int = 0x0008;
/// The endpoint could not be bound.
pub const ZMQ_EVENT_BIND_FAILED: c_int = 0x0010;
/// A connection was accepted.
pub const ZMQ_EVENT_ACCEPTED: c_int = 0x0020;
/// A connection could not be accepted.
pub const ZMQ_EVENT_ACCEPT_FAILED: c_int = 0x0040;
/// A descriptor was closed.
pub const ZMQ_EVENT_CLOSED: c_int = 0x0080;
/// A descriptor could not be closed.
pub const ZMQ_EVENT_CLOSE_FAILED: c_int = 0x0100;
/// A connection was lost.
pub const ZMQ_EVENT_DISCONNECTED: c_int = 0x0200;
/// Monitoring ended.
pub const ZMQ_EVENT_MONITOR_STOPPED: c_int = 0x0400;
/// Every event of version 1.
pub const ZMQ_EVENT_ALL: c_int = 0xFFFF;
/// A handshake failed for a reason of the system.
pub const ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: c_int = 0x0800;
/// A handshake succeeded.
pub const ZMQ_EVENT_HANDSHAKE_SUCCEEDED: c_int = 0x1000;
/// A handshake failed since the peer broke the protocol.
pub const ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: c_int = 0x2000;
/// A handshake failed since the peer was refused.
pub const ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: c_int = 0x4000;

// Values of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL

/// ZMTP: no details.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED: c_int = 0x1000_0000;
/// ZMTP: a command that may not come here.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND: c_int = 0x1000_0001;
/// ZMTP: a nonce out of sequence.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE: c_int = 0x1000_0002;
/// ZMTP: the key exchange failed.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE: c_int = 0x1000_0003;
/// ZMTP: malformed command, no details.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED: c_int = 0x1000_0011;
/// ZMTP: malformed MESSAGE.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE: c_int = 0x1000_0012;
/// ZMTP: malformed HELLO.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO: c_int = 0x1000_0013;
/// ZMTP: malformed INITIATE.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE: c_int = 0x1000_0014;
/// ZMTP: malformed ERROR.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR: c_int = 0x1000_0015;
/// ZMTP: malformed READY.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY: c_int = 0x1000_0016;
/// ZMTP: malformed WELCOME.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME: c_int = 0x1000_0017;
/// ZMTP: metadata that cannot be read or accepted.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA: c_int = 0x1000_0018;
/// ZMTP: a cryptographic check failed.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: c_int = 0x1100_0001;
/// ZMTP: the peers use different mechanisms.
pub const ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: c_int = 0x1100_0002;
/// ZAP: no details.
pub const ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED: c_int = 0x2000_0000;
/// ZAP: malformed reply.
pub const ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY: c_int = 0x2000_0001;
/// ZAP: reply to another request.
pub const ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID: c_int = 0x2000_0002;
/// ZAP: reply of another version.
pub const ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION: c_int = 0x2000_0003;
/// ZAP: a status that is none.
pub const ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE: c_int = 0x2000_0004;
/// ZAP: metadata that cannot be read.
pub const ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA: c_int = 0x2000_0005;
/// WebSocket: no details.
pub const ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED: c_int = 0x3000_0000;

// Polling

/// Something can be received.
pub const ZMQ_POLLIN: c_int = 1;
/// Something can be sent.
pub const ZMQ_POLLOUT: c_int = 2;
/// An error or hang-up (descriptors only).
pub const ZMQ_POLLERR: c_int = 4;
/// Urgent data (descriptors only).
pub const ZMQ_POLLPRI: c_int = 8;
/// Number of items that zmq_poll handles without allocating, in the original library.
pub const ZMQ_POLLITEMS_DFLT: c_int = 16;

// Features

/// zmq_has exists.
pub const ZMQ_HAS_CAPABILITIES: c_int = 1;

// Types of zmq_device

/// PULL to PUSH.
pub const ZMQ_STREAMER: c_int = 1;
/// XSUB to XPUB.
pub const ZMQ_FORWARDER: c_int = 2;
/// ROUTER to DEALER.
pub const ZMQ_QUEUE: c_int = 3;

// Draft socket types

/// Thread-safe: talks to any number of CLIENTs by routing id.
#[cfg(draft_api)]
pub const ZMQ_SERVER: c_int = 12;
/// Thread-safe: talks to SERVERs.
#[cfg(draft_api)]
pub const ZMQ_CLIENT: c_int = 13;
/// Thread-safe: sends to groups.
#[cfg(draft_api)]
pub const ZMQ_RADIO: c_int = 14;
/// Thread-safe: receives from groups it joined.
#[cfg(draft_api)]
pub const ZMQ_DISH: c_int = 15;
/// Thread-safe: receives fairly from SCATTERs.
#[cfg(draft_api)]
pub const ZMQ_GATHER: c_int = 16;
/// Thread-safe: sends in turn to GATHERs.
#[cfg(draft_api)]
pub const ZMQ_SCATTER: c_int = 17;
/// Plain UDP datagrams.
#[cfg(draft_api)]
pub const ZMQ_DGRAM: c_int = 18;
/// Thread-safe: talks to other PEERs by routing id.
#[cfg(draft_api)]
pub const ZMQ_PEER: c_int = 19;
/// Thread-safe: one peer, both directions.
#[cfg(draft_api)]
pub const ZMQ_CHANNEL: c_int = 20;

// Draft socket options

/// Refuse peers when the ZAP domain is empty.
#[cfg(draft_api)]
pub const ZMQ_ZAP_ENFORCE_DOMAIN: c_int = 93;
/// Faster loopback connections (Windows).
#[cfg(draft_api)]
pub const ZMQ_LOOPBACK_FASTPATH: c_int = 94;
/// Adds a property of the application to the handshake.
#[cfg(draft_api)]
pub const ZMQ_METADATA: c_int = 95;
/// Whether own multicast packets come back.
#[cfg(draft_api)]
pub const ZMQ_MULTICAST_LOOP: c_int = 96;
/// ROUTER: report connections and disconnections.
#[cfg(draft_api)]
pub const ZMQ_ROUTER_NOTIFY: c_int = 97;
/// XPUB: manual answers, last value only to the latest subscriber.
#[cfg(draft_api)]
pub const ZMQ_XPUB_MANUAL_LAST_VALUE: c_int = 98;
/// User name at the SOCKS5 proxy.
#[cfg(draft_api)]
pub const ZMQ_SOCKS_USERNAME: c_int = 99;
/// Password at the SOCKS5 proxy.
#[cfg(draft_api)]
pub const ZMQ_SOCKS_PASSWORD: c_int = 100;
/// Bytes read from a connection at a time.
#[cfg(draft_api)]
pub const ZMQ_IN_BATCH_SIZE: c_int = 101;
/// Bytes written to a connection at a time.
#[cfg(draft_api)]
pub const ZMQ_OUT_BATCH_SIZE: c_int = 102;
/// wss: private key.
#[cfg(draft_api)]
pub const ZMQ_WSS_KEY_PEM: c_int = 103;
/// wss: certificate.
#[cfg(draft_api)]
pub const ZMQ_WSS_CERT_PEM: c_int = 104;
/// wss: certificates to trust.
#[cfg(draft_api)]
pub const ZMQ_WSS_TRUST_PEM: c_int = 105;
/// wss: the server's name.
#[cfg(draft_api)]
pub const ZMQ_WSS_HOSTNAME: c_int = 106;
/// wss: trust the system's certificates.
#[cfg(draft_api)]
pub const ZMQ_WSS_TRUST_SYSTEM: c_int = 107;
/// XPUB: only the first frame of a message can be a subscription.
#[cfg(draft_api)]
pub const ZMQ_ONLY_FIRST_SUBSCRIBE: c_int = 108;
/// When to stop reconnecting.
#[cfg(draft_api)]
pub const ZMQ_RECONNECT_STOP: c_int = 109;
/// First message to every new peer.
#[cfg(draft_api)]
pub const ZMQ_HELLO_MSG: c_int = 110;
/// Message received in the name of a peer that went away.
#[cfg(draft_api)]
pub const ZMQ_DISCONNECT_MSG: c_int = 111;
/// SO_PRIORITY of the connections.
#[cfg(draft_api)]
pub const ZMQ_PRIORITY: c_int = 112;
/// SO_BUSY_POLL of the connections.
#[cfg(draft_api)]
pub const ZMQ_BUSY_POLL: c_int = 113;
/// Message received when a connection is made again.
#[cfg(draft_api)]
pub const ZMQ_HICCUP_MSG: c_int = 114;
/// XSUB: pass on repeated unsubscriptions.
#[cfg(draft_api)]
pub const ZMQ_XSUB_VERBOSE_UNSUBSCRIBE: c_int = 115;
/// XPUB, XSUB: number of topics subscribed to.
#[cfg(draft_api)]
pub const ZMQ_TOPICS_COUNT: c_int = 116;
/// norm: congestion control.
#[cfg(draft_api)]
pub const ZMQ_NORM_MODE: c_int = 117;
/// norm: unicast negative acknowledgements.
#[cfg(draft_api)]
pub const ZMQ_NORM_UNICAST_NACK: c_int = 118;
/// norm: buffer size.
#[cfg(draft_api)]
pub const ZMQ_NORM_BUFFER_SIZE: c_int = 119;
/// norm: segment size.
#[cfg(draft_api)]
pub const ZMQ_NORM_SEGMENT_SIZE: c_int = 120;
/// norm: block size.
#[cfg(draft_api)]
pub const ZMQ_NORM_BLOCK_SIZE: c_int = 121;
/// norm: parity segments per block.
#[cfg(draft_api)]
pub const ZMQ_NORM_NUM_PARITY: c_int = 122;
/// norm: parity segments sent without being asked for.
#[cfg(draft_api)]
pub const ZMQ_NORM_NUM_AUTOPARITY: c_int = 123;
/// norm: send without waiting for a full segment.
#[cfg(draft_api)]
pub const ZMQ_NORM_PUSH: c_int = 124;

// Values of ZMQ_NORM_MODE

/// Fixed rate.
#[cfg(draft_api)]
pub const ZMQ_NORM_FIXED: c_int = 0;
/// Congestion control.
#[cfg(draft_api)]
pub const ZMQ_NORM_CC: c_int = 1;
/// Congestion control that watches loss only.
#[cfg(draft_api)]
pub const ZMQ_NORM_CCL: c_int = 2;
/// Congestion control with explicit notification.
#[cfg(draft_api)]
pub const ZMQ_NORM_CCE: c_int = 3;
/// Congestion control by explicit notification only.
#[cfg(draft_api)]
pub const ZMQ_NORM_CCE_ECNONLY: c_int = 4;

// Flags of ZMQ_RECONNECT_STOP

/// Stop when the connection is refused.
#[cfg(draft_api)]
pub const ZMQ_RECONNECT_STOP_CONN_REFUSED: c_int = 1;
/// Stop when the handshake fails.
#[cfg(draft_api)]
pub const ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED: c_int = 2;
/// Stop after a disconnection.
#[cfg(draft_api)]
pub const ZMQ_RECONNECT_STOP_AFTER_DISCONNECT: c_int = 4;

// Draft context options

/// Whether received messages may be slices of the receive buffer.
#[cfg(draft_api)]
pub const ZMQ_ZERO_COPY_RECV: c_int = 10;

// Flags of ZMQ_ROUTER_NOTIFY

/// Report connections.
#[cfg(draft_api)]
pub const ZMQ_NOTIFY_CONNECT: c_int = 1;
/// Report disconnections.
#[cfg(draft_api)]
pub const ZMQ_NOTIFY_DISCONNECT: c_int = 2;

// Draft monitor events

/// Lengths of the queues of a connection.
#[cfg(draft_api)]
pub const ZMQ_EVENT_PIPES_STATS: c_int = 0x1_0000;
/// Version of events that zmq_socket_monitor uses.
#[cfg(draft_api)]
pub const ZMQ_CURRENT_EVENT_VERSION: c_int = 1;
/// Newest version that zmq_socket_monitor_versioned accepts.
#[cfg(draft_api)]
pub const ZMQ_CURRENT_EVENT_VERSION_DRAFT: c_int = 2;
/// Every event of version 1.
#[cfg(draft_api)]
pub const ZMQ_EVENT_ALL_V1: c_int = ZMQ_EVENT_ALL;
/// Every event of version 2.
#[cfg(draft_api)]
pub const ZMQ_EVENT_ALL_V2: c_int = ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS;
