//! The option table, in the order of the numbers (contract: socket_options.tsv).

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::ffi::constants as c;
use crate::options::PatternOption as P;
use crate::options::encoding::Empty;
use crate::options::lists;
use crate::options::row::Effect::{
    Immediately, Never, NextBind, NextConnect, NextEndpoint, NextPeer, NextRequest, OneConnect,
};
use crate::options::row::{Constant, Feature, Kind, Read, Row, Shape, StateOption};
use crate::options::security::Selected;
use crate::patterns::SocketType::{self, Dealer, Pub, Rep, Req, Router, Stream, Sub, Xpub, Xsub};

/// Of Cargo.toml.
const GSSAPI: Feature = Feature {
    name: "gssapi",
    is_built: cfg!(feature = "gssapi"),
};

const ANY: RangeInclusive<i32> = i32::MIN..=i32::MAX;
const BOOL: RangeInclusive<i32> = 0..=1;
const NAME_FORMS: RangeInclusive<i32> =
    c::ZMQ_GSSAPI_NT_HOSTBASED..=c::ZMQ_GSSAPI_NT_KRB5_PRINCIPAL;
const FROM_MINUS_ONE: RangeInclusive<i32> = -1..=i32::MAX;
const NOT_NEGATIVE: RangeInclusive<i32> = 0..=i32::MAX;
const POSITIVE: RangeInclusive<i32> = 1..=i32::MAX;

/// What ZMQ_IN_BATCH_SIZE and ZMQ_OUT_BATCH_SIZE read until they are set.
pub(super) const BATCH_SIZE: i32 = 8192;

/// REP is built on ROUTER and takes its options.
const ROUTERS: &[SocketType] = &[Router, Rep];
const PUBLISHERS: &[SocketType] = &[Xpub, Pub];

/// A row: its constant gives name and number.
macro_rules! row {
    ($name:ident, $kind:expr, $effect:expr, $text:literal) => {
        Row::new(stringify!($name), c::$name, $kind, $effect, $text)
    };
}

/// A stored int in an `i32` field.
macro_rules! int {
    ($field:ident, $default:expr, $accepts:expr) => {
        Kind::Int {
            default: $default,
            accepts: $accepts,
            get: |options| options.$field,
            set: |options, value| options.$field = value,
        }
    };
}

/// A stored int in a `bool` field.
macro_rules! flag {
    ($field:ident, $default:expr, $accepts:expr) => {
        Kind::Int {
            default: $default,
            accepts: $accepts,
            get: |options| i32::from(options.$field),
            set: |options, value| options.$field = value != 0,
        }
    };
}

/// Stored bytes.
macro_rules! bytes {
    ($field:ident, $lengths:expr, $empty:expr, $read:expr) => {
        Kind::Bytes {
            lengths: $lengths,
            empty: $empty,
            read: $read,
            get: |options| &options.$field,
            set: |options, value| options.$field = value,
        }
    };
}

const fn pattern_flag(make: fn(bool) -> P) -> Kind {
    Kind::PatternFlag {
        accepts: NOT_NEGATIVE,
        make,
        note: |_, _| {},
    }
}

/// The server's role of a mechanism.
macro_rules! server {
    ($mechanism:expr) => {
        Kind::Int {
            default: 0,
            accepts: BOOL,
            get: |options| i32::from(options.security.serves_by($mechanism)),
            set: |options, value| options.security.serve_by($mechanism, value != 0),
        }
    };
}

const fn state(state: StateOption, shape: Shape) -> Kind {
    Kind::State { state, shape }
}

/// Sorted by number, each number once.
#[rustfmt::skip]
pub(super) static OPTIONS: &[Row] = &[
    row!(ZMQ_AFFINITY, Kind::Uint64 { default: 0, get: |o| o.affinity, set: |o, v| o.affinity = v },
        NextEndpoint, "Bit n lets I/O thread n serve the connection; 0 = all threads, the least loaded one is taken."),
    row!(ZMQ_ROUTING_ID, bytes!(routing_id, 1..=255, Empty::Refused, Read::Binary),
        NextEndpoint, "The name under which ROUTER peers know this socket; REQ, DEALER and ROUTER announce it.")
        .alias("ZMQ_IDENTITY"),
    row!(ZMQ_SUBSCRIBE, Kind::PatternBytes { empty: Empty::Taken, make: P::Subscribe },
        Immediately, "Adds a topic prefix; empty = everything. Counted: each needs its own unsubscribe. On XPUB and PUB in manual mode: subscribes the peer that asked last.")
        .only(&[Sub, Xpub, Pub]),
    row!(ZMQ_UNSUBSCRIBE, Kind::PatternBytes { empty: Empty::Taken, make: P::Unsubscribe },
        Immediately, "Takes a topic prefix back; one that was never added is ignored.")
        .only(&[Sub, Xpub, Pub]),
    row!(ZMQ_RATE, int!(rate, 100, POSITIVE), NextEndpoint, "Multicast rate in kbit/s."),
    row!(ZMQ_RECOVERY_IVL, int!(recovery_interval, 10000, NOT_NEGATIVE),
        NextEndpoint, "Multicast recovery window in ms."),
    row!(ZMQ_SNDBUF, int!(send_buffer, -1, FROM_MINUS_ONE), NextEndpoint, "SO_SNDBUF in bytes; -1 = the system's."),
    row!(ZMQ_RCVBUF, int!(receive_buffer, -1, FROM_MINUS_ONE), NextEndpoint, "SO_RCVBUF in bytes; -1 = the system's."),
    row!(ZMQ_RCVMORE, state(StateOption::ReceiveMore, Shape::PaddedInt),
        Immediately, "1 if more frames follow the one received last."),
    row!(ZMQ_FD, state(StateOption::Fd, Shape::PaddedInt),
        Immediately, "A descriptor that becomes readable when ZMQ_EVENTS is worth a look (edge-triggered). Only ever poll it.")
        .not_thread_safe(),
    row!(ZMQ_EVENTS, state(StateOption::Events, Shape::PaddedInt),
        Immediately, "ZMQ_POLLIN and ZMQ_POLLOUT as they are now."),
    row!(ZMQ_TYPE, state(StateOption::Type, Shape::ExactInt), Immediately, "The socket type's number."),
    row!(ZMQ_LINGER, int!(linger, -1, FROM_MINUS_ONE),
        Immediately, "How long in ms unsent messages outlive zmq_close; -1 = for ever. 0 at creation for SUB and XSUB, and for all types with ZMQ_BLOCKY 0."),
    row!(ZMQ_RECONNECT_IVL, int!(reconnect_interval, 100, FROM_MINUS_ONE),
        NextEndpoint, "Delay in ms before the next connection attempt; 0 and -1 = no further attempt."),
    row!(ZMQ_BACKLOG, Kind::Int { default: 100, accepts: NOT_NEGATIVE,
            get: |o| o.backlog.unwrap_or(100), set: |o, v| o.backlog = Some(v) },
        NextBind, "The backlog of listen(). Until it is set the listener takes a larger one than is reported."),
    row!(ZMQ_RECONNECT_IVL_MAX, int!(reconnect_interval_max, 0, NOT_NEGATIVE),
        NextEndpoint, "If positive, the delay doubles with each attempt up to this many ms."),
    row!(ZMQ_MAXMSGSIZE, Kind::Int64 { default: -1, get: |o| o.max_message_size, set: |o, v| o.max_message_size = v },
        NextEndpoint, "Peers that send a larger frame are dropped; negative = no limit. Not for inproc."),
    row!(ZMQ_SNDHWM, int!(send_hwm, 1000, NOT_NEGATIVE), Immediately, "Messages queued per peer for sending; 0 = no limit."),
    row!(ZMQ_RCVHWM, int!(receive_hwm, 1000, NOT_NEGATIVE), Immediately, "Messages queued per peer after receiving; 0 = no limit."),
    row!(ZMQ_MULTICAST_HOPS, int!(multicast_hops, 1, POSITIVE), NextEndpoint, "Time to live of multicast packets."),
    row!(ZMQ_RCVTIMEO, int!(receive_timeout, -1, FROM_MINUS_ONE),
        Immediately, "Longest wait of a receive in ms; 0 = none, -1 = for ever."),
    row!(ZMQ_SNDTIMEO, int!(send_timeout, -1, FROM_MINUS_ONE),
        Immediately, "Longest wait of a send in ms; 0 = none, -1 = for ever."),
    row!(ZMQ_IPV4ONLY, Kind::Int { default: 1, accepts: BOOL,
            get: |o| i32::from(!o.ipv6), set: |o, v| o.ipv6 = v == 0 },
        NextEndpoint, "The opposite of ZMQ_IPV6.").deprecated(),
    row!(ZMQ_LAST_ENDPOINT, state(StateOption::LastEndpoint, Shape::Text),
        Immediately, "The endpoint of the last successful bind (resolved) or connect (as given)."),
    row!(ZMQ_ROUTER_MANDATORY, pattern_flag(P::RouterMandatory),
        Immediately, "On: sending to an unknown peer fails with EHOSTUNREACH, to a full one with EAGAIN. Off: the message is dropped.")
        .alias("ZMQ_FAIL_UNROUTABLE, ZMQ_ROUTER_BEHAVIOR").only(ROUTERS),
    row!(ZMQ_TCP_KEEPALIVE, int!(tcp_keepalive, -1, -1..=1), NextEndpoint, "SO_KEEPALIVE; -1 = the system's."),
    row!(ZMQ_TCP_KEEPALIVE_CNT, int!(tcp_keepalive_count, -1, FROM_MINUS_ONE),
        NextEndpoint, "TCP_KEEPCNT; -1 = the system's."),
    row!(ZMQ_TCP_KEEPALIVE_IDLE, int!(tcp_keepalive_idle, -1, FROM_MINUS_ONE),
        NextEndpoint, "TCP_KEEPIDLE in s; -1 = the system's."),
    row!(ZMQ_TCP_KEEPALIVE_INTVL, int!(tcp_keepalive_interval, -1, FROM_MINUS_ONE),
        NextEndpoint, "TCP_KEEPINTVL in s; -1 = the system's."),
    row!(ZMQ_TCP_ACCEPT_FILTER, Kind::List { c_type: "string", add: lists::add_tcp_filter },
        NextBind, "Adds `address` or `address/prefix`; peers must match one of them. NULL takes all back.").deprecated(),
    row!(ZMQ_IMMEDIATE, flag!(immediate, 0, BOOL),
        NextConnect, "1: messages queue only towards established connections.").alias("ZMQ_DELAY_ATTACH_ON_CONNECT"),
    row!(ZMQ_XPUB_VERBOSE, pattern_flag(P::XpubVerbose),
        Immediately, "Reports repeated subscriptions too.").only(PUBLISHERS),
    row!(ZMQ_ROUTER_RAW, Kind::PatternFlag { accepts: NOT_NEGATIVE, make: P::RouterRaw, note: |o, on| o.router_raw |= on },
        NextEndpoint, "Connections carry plain bytes. Once on, the connections stay so.").deprecated().only(ROUTERS),
    row!(ZMQ_IPV6, flag!(ipv6, 0, BOOL), NextEndpoint, "Names and wildcards stand for IPv6 addresses. A context option too, for new sockets."),
    row!(ZMQ_MECHANISM, state(StateOption::Mechanism, Shape::ExactInt),
        Immediately, "The security mechanism that the options set last select."),
    row!(ZMQ_PLAIN_SERVER, server!(Selected::Plain),
        NextEndpoint, "1: peers name themselves to this socket, and a ZAP handler says who may come in; 0: no security."),
    row!(ZMQ_PLAIN_USERNAME, Kind::Bytes { lengths: 1..=255, empty: Empty::Null, read: Read::Text,
            get: |o| &o.security.plain_username, set: |o, v| o.security.set_plain(|s| &mut s.plain_username, v) },
        NextEndpoint, "Under this name to servers; NULL: no security."),
    row!(ZMQ_PLAIN_PASSWORD, Kind::Bytes { lengths: 1..=255, empty: Empty::Null, read: Read::Text,
            get: |o| &o.security.plain_password, set: |o, v| o.security.set_plain(|s| &mut s.plain_password, v) },
        NextEndpoint, "With this password to servers; NULL: no security."),
    row!(ZMQ_CURVE_SERVER, server!(Selected::Curve),
        NextEndpoint, "1: peers have to know this socket's public key, everything is encrypted, and a ZAP handler, if there is one, says who may come in; 0: no security."),
    row!(ZMQ_CURVE_PUBLICKEY, Kind::Key { get: |o| &o.security.curve.public,
            set: |o, key| o.security.set_curve(|keys| &mut keys.public, key) },
        NextEndpoint, "This socket's public key, as a client; its secret key has to belong to it."),
    row!(ZMQ_CURVE_SECRETKEY, Kind::Key { get: |o| o.security.curve.secret.bytes(),
            set: |o, key| o.security.set_curve_secret(key) },
        NextEndpoint, "This socket's secret key, in both roles."),
    row!(ZMQ_CURVE_SERVERKEY, Kind::Key { get: |o| &o.security.curve.server,
            set: |o, key| { o.security.set_curve(|keys| &mut keys.server, key); o.security.serves = false } },
        NextEndpoint, "The public key of the server, which makes this socket a client."),
    row!(ZMQ_PROBE_ROUTER, pattern_flag(P::ProbeRouter),
        NextPeer, "Sends an empty message to each new peer.").only(&[Router, Dealer, Req, Rep]),
    row!(ZMQ_REQ_CORRELATE, pattern_flag(P::ReqCorrelate),
        NextRequest, "Numbers the requests, and ignores replies to earlier ones.").only(&[Req]),
    row!(ZMQ_REQ_RELAXED, pattern_flag(P::ReqRelaxed),
        Immediately, "Allows the next request before the reply.").only(&[Req]),
    row!(ZMQ_CONFLATE, flag!(conflate, 0, BOOL),
        NextEndpoint, "Queues keep only the newest single-frame message. For DEALER, PULL, PUSH, PUB and SUB."),
    row!(ZMQ_ZAP_DOMAIN, Kind::Bytes { lengths: 1..=255, empty: Empty::Refused, read: Read::Text,
            get: |o| &o.security.zap_domain, set: |o, v| o.security.zap_domain = v },
        NextEndpoint, "What a ZAP handler is told of this socket. Without security (NULL) it is asked only if this is set."),
    row!(ZMQ_ROUTER_HANDOVER, pattern_flag(P::RouterHandover),
        Immediately, "A new peer takes over the routing id of an old one, instead of being ignored.").only(ROUTERS),
    row!(ZMQ_TOS, int!(type_of_service, 0, NOT_NEGATIVE), NextEndpoint, "IP_TOS and IPV6_TCLASS; 0 = not set."),
    row!(ZMQ_IPC_FILTER_PID, Kind::List { c_type: "pid_t", add: lists::add_pid },
        NextBind, "Adds a process that may connect; NULL takes all back. The three lists are one.").deprecated(),
    row!(ZMQ_IPC_FILTER_UID, Kind::List { c_type: "uid_t", add: lists::add_uid },
        NextBind, "Adds a user that may connect; NULL takes all back.").deprecated(),
    row!(ZMQ_IPC_FILTER_GID, Kind::List { c_type: "gid_t", add: lists::add_gid },
        NextBind, "Adds a group whose users may connect; NULL takes all back.").deprecated(),
    row!(ZMQ_CONNECT_ROUTING_ID, Kind::PatternBytes { empty: Empty::Refused, make: P::ConnectRoutingId },
        OneConnect, "Names the peer of the next connect.").alias("ZMQ_CONNECT_RID").only(&[Router, Stream, Rep]),
    row!(ZMQ_GSSAPI_SERVER, Kind::Int { default: 0, accepts: BOOL,
            get: |o| i32::from(o.security.serves_by(Selected::Gssapi)), set: |o, v| o.security.serve_by_gssapi(v != 0) },
        NextEndpoint, "1: peers have to have Kerberos tickets for this socket; 0: this socket has one.")
        .needs(GSSAPI),
    row!(ZMQ_GSSAPI_PRINCIPAL, Kind::Bytes { lengths: 1..=255, empty: Empty::Refused, read: Read::Text,
            get: |o| &o.security.gssapi.principal, set: |o, v| o.security.set_principal(v) },
        NextEndpoint, "The name of this socket. Without one a client takes the ticket that fits, and a server any key of its keytab.")
        .needs(GSSAPI),
    row!(ZMQ_GSSAPI_SERVICE_PRINCIPAL, Kind::Bytes { lengths: 1..=255, empty: Empty::Refused, read: Read::Text,
            get: |o| &o.security.gssapi.service, set: |o, v| o.security.set_service(v) },
        NextEndpoint, "The name of the server, which makes this socket a client.")
        .needs(GSSAPI),
    row!(ZMQ_GSSAPI_PLAINTEXT, Kind::Int { default: 0, accepts: BOOL,
            get: |o| i32::from(o.security.gssapi.plain), set: |o, v| o.security.gssapi.plain = v != 0 },
        NextEndpoint, "1: who is who is made sure of, but nothing encrypted. To be set on both ends.")
        .needs(GSSAPI),
    row!(ZMQ_HANDSHAKE_IVL, int!(handshake_interval, 30000, NOT_NEGATIVE),
        NextEndpoint, "Longest handshake in ms; 0 = no limit."),
    row!(ZMQ_SOCKS_PROXY, bytes!(socks_proxy, 1..=usize::MAX, Empty::Null, Read::Text),
        NextConnect, "`host:port` of a SOCKS5 proxy that makes the tcp connections, and resolves the names in endpoints; NULL = none."),
    row!(ZMQ_XPUB_NODROP, pattern_flag(P::XpubNodrop),
        Immediately, "A full subscriber makes sending wait, instead of missing the message.").only(PUBLISHERS),
    row!(ZMQ_BLOCKY, Kind::Absent(Constant::Int(1)), Never, "A context option; on a socket always EINVAL."),
    row!(ZMQ_XPUB_MANUAL, pattern_flag(P::XpubManual),
        Immediately, "Subscriptions are only reported; ZMQ_SUBSCRIBE on this socket decides.").only(PUBLISHERS),
    row!(ZMQ_XPUB_WELCOME_MSG, Kind::PatternBytes { empty: Empty::Taken, make: P::XpubWelcomeMsg },
        NextPeer, "Sent first to each new subscriber; empty = none.").only(PUBLISHERS),
    row!(ZMQ_STREAM_NOTIFY, Kind::SetOnlyInt { default: 1, accepts: BOOL, set: |o, v| o.stream_notify = v != 0 },
        NextEndpoint, "Delivers an empty message when a peer comes or goes.").only(&[Stream]),
    row!(ZMQ_INVERT_MATCHING, flag!(invert_matching, 0, ANY),
        Immediately, "Messages go to those who did not subscribe. To be set on both ends."),
    row!(ZMQ_HEARTBEAT_IVL, int!(heartbeat_interval, 0, NOT_NEGATIVE), NextEndpoint, "A PING every so many ms; 0 = off."),
    row!(ZMQ_HEARTBEAT_TTL, Kind::Int { default: 0, accepts: -99..=6_553_599,
            get: |o| i32::from(o.heartbeat_ttl) * 100, set: |o, v| o.heartbeat_ttl = u16::try_from(v / 100).unwrap_or(0) },
        NextEndpoint, "After so many ms of silence the peer is to close the connection; rounded down to tenths of a second, 0 = never."),
    row!(ZMQ_HEARTBEAT_TIMEOUT, int!(heartbeat_timeout, -1, NOT_NEGATIVE),
        NextEndpoint, "The connection closes after so many ms without traffic after a PING; -1 = ZMQ_HEARTBEAT_IVL, 0 = never."),
    row!(ZMQ_XPUB_VERBOSER, pattern_flag(P::XpubVerboser),
        Immediately, "Reports repeated subscriptions and unsubscriptions too.").only(PUBLISHERS),
    row!(ZMQ_CONNECT_TIMEOUT, int!(connect_timeout, 0, NOT_NEGATIVE),
        NextConnect, "Longest TCP connection attempt in ms; 0 = the system's."),
    row!(ZMQ_TCP_MAXRT, int!(tcp_max_retransmit, 0, NOT_NEGATIVE), NextEndpoint, "TCP_USER_TIMEOUT in ms; 0 = the system's."),
    row!(ZMQ_THREAD_SAFE, state(StateOption::ThreadSafe, Shape::PaddedInt),
        Immediately, "1 for the types that libzmq lets threads share."),
    row!(ZMQ_MULTICAST_MAXTPDU, int!(multicast_max_tpdu, 1500, POSITIVE), NextEndpoint, "Size of multicast packets."),
    row!(ZMQ_VMCI_BUFFER_SIZE, Kind::Absent(Constant::Uint64(0)), NextEndpoint, "VMCI is not implemented."),
    row!(ZMQ_VMCI_BUFFER_MIN_SIZE, Kind::Absent(Constant::Uint64(0)), NextEndpoint, "VMCI is not implemented."),
    row!(ZMQ_VMCI_BUFFER_MAX_SIZE, Kind::Absent(Constant::Uint64(0)), NextEndpoint, "VMCI is not implemented."),
    row!(ZMQ_VMCI_CONNECT_TIMEOUT, Kind::Absent(Constant::Int(-1)), NextEndpoint, "VMCI is not implemented."),
    row!(ZMQ_USE_FD, int!(use_fd, -1, FROM_MINUS_ONE), NextBind, "A listening descriptor to adopt; -1 = none."),
    row!(ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, Kind::Int { default: 0, accepts: NAME_FORMS,
            get: |o| o.security.gssapi.principal_form, set: |o, v| o.security.gssapi.principal_form = v },
        NextEndpoint, "How ZMQ_GSSAPI_PRINCIPAL is read: 0 = service@host, 1 = a user, 2 = a Kerberos principal.")
        .needs(GSSAPI),
    row!(ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, Kind::Int { default: 0, accepts: NAME_FORMS,
            get: |o| o.security.gssapi.service_form, set: |o, v| o.security.gssapi.service_form = v },
        NextEndpoint, "The same for ZMQ_GSSAPI_SERVICE_PRINCIPAL.")
        .needs(GSSAPI),
    row!(ZMQ_BINDTODEVICE, bytes!(bind_to_device, 1..=16, Empty::Null, Read::Text),
        NextEndpoint, "SO_BINDTODEVICE: the only interface to use; NULL = any."),
    row!(ZMQ_ZAP_ENFORCE_DOMAIN, Kind::Int { default: 0, accepts: ANY,
            get: |o| i32::from(o.security.zap_enforces_domain), set: |o, v| o.security.zap_enforces_domain = v != 0 },
        NextEndpoint, "1: without a ZAP handler nobody comes in where a domain is set, and CURVE asks only there.").draft(),
    row!(ZMQ_LOOPBACK_FASTPATH, flag!(loopback_fastpath, 0, ANY), NextEndpoint, "Stored only.").draft(),
    row!(ZMQ_METADATA, Kind::List { c_type: "string", add: lists::add_metadata },
        NextEndpoint, "Adds a property `X-Name:value` to the handshake; the first value of a name stays.").draft(),
    row!(ZMQ_MULTICAST_LOOP, flag!(multicast_loop, 1, ANY), NextEndpoint, "Multicast reaches this host too.").draft(),
    row!(ZMQ_ROUTER_NOTIFY, int!(router_notify, 0, 0..=3),
        NextEndpoint, "Delivers routing id and an empty frame when a peer comes (1) or goes (2). Not over inproc.").draft().only(ROUTERS),
    row!(ZMQ_XPUB_MANUAL_LAST_VALUE, pattern_flag(P::XpubManualLastValue),
        Immediately, "ZMQ_XPUB_MANUAL, and the first message after a subscription goes to that subscriber only.").draft().only(PUBLISHERS),
    row!(ZMQ_SOCKS_USERNAME, bytes!(socks_username, 0..=255, Empty::NullOfAnyLength, Read::Text),
        NextConnect, "Under this name to the proxy; empty or NULL = without one.").draft(),
    row!(ZMQ_SOCKS_PASSWORD, bytes!(socks_password, 0..=255, Empty::NullOfAnyLength, Read::Text),
        NextConnect, "With this password, if there is a name.").draft(),
    row!(ZMQ_IN_BATCH_SIZE, Kind::Int { default: BATCH_SIZE, accepts: POSITIVE,
            get: |o| o.in_batch_size.unwrap_or(BATCH_SIZE), set: |o, v| o.in_batch_size = Some(v) },
        NextEndpoint, "Most bytes of a read, and of a message of STREAM. Until it is set only the latter: other types read more at once.").draft(),
    row!(ZMQ_OUT_BATCH_SIZE, Kind::Int { default: BATCH_SIZE, accepts: POSITIVE,
            get: |o| o.out_batch_size.unwrap_or(BATCH_SIZE), set: |o, v| o.out_batch_size = Some(v) },
        NextEndpoint, "Most bytes of a write. Until it is set more are written at once.").draft(),
    row!(ZMQ_WSS_KEY_PEM, Kind::Absent(Constant::Bytes), NextEndpoint, "Not implemented yet.").draft(),
    row!(ZMQ_WSS_CERT_PEM, Kind::Absent(Constant::Bytes), NextEndpoint, "Not implemented yet.").draft(),
    row!(ZMQ_WSS_TRUST_PEM, Kind::Absent(Constant::Bytes), NextEndpoint, "Not implemented yet.").draft(),
    row!(ZMQ_WSS_HOSTNAME, Kind::Absent(Constant::Bytes), NextEndpoint, "Not implemented yet.").draft(),
    row!(ZMQ_WSS_TRUST_SYSTEM, Kind::Absent(Constant::Int(0)), NextEndpoint, "Not implemented yet.").draft(),
    row!(ZMQ_ONLY_FIRST_SUBSCRIBE, pattern_flag(P::OnlyFirstSubscribe),
        Immediately, "Only the first frame of a message can be a subscription.").draft().only(&[Xpub, Xsub, Pub]),
    row!(ZMQ_RECONNECT_STOP, int!(reconnect_stop, 0, ANY),
        NextEndpoint, "No further connection attempt: 1 after a refused one, 2 after a failed handshake, 4 after zmq_disconnect.").draft(),
    row!(ZMQ_HELLO_MSG, bytes!(hello_message, 1..=usize::MAX, Empty::Taken, Read::Never),
        NextEndpoint, "The first message that each new peer receives, on ROUTER, DEALER, REQ and REP; empty = none. Not for REQ peers, which take replies only.").draft(),
    row!(ZMQ_DISCONNECT_MSG, bytes!(disconnect_message, 1..=usize::MAX, Empty::Taken, Read::Never),
        NextEndpoint, "Received as from an accepted peer that goes away, on ROUTER and REP (there as a request whose reply goes nowhere); empty = none.").draft(),
    row!(ZMQ_PRIORITY, int!(priority, 0, NOT_NEGATIVE), NextEndpoint, "SO_PRIORITY; 0 = not set.").draft(),
    row!(ZMQ_BUSY_POLL, int!(busy_poll, 0, ANY), NextEndpoint, "SO_BUSY_POLL in microseconds, if positive.").draft(),
    row!(ZMQ_HICCUP_MSG, bytes!(hiccup_message, 1..=usize::MAX, Empty::Taken, Read::Never),
        NextEndpoint, "Received when an own connection is lost, on DEALER and REQ (there as the reply, unless replies are numbered; a request that is still queued is dropped); empty = none.").draft(),
    row!(ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, Kind::PatternFlag { accepts: ANY, make: P::XsubVerboseUnsubscribe, note: |_, _| {} },
        Immediately, "Passes every unsubscription on, not only the last one.").draft().only(&[Xsub]),
    row!(ZMQ_TOPICS_COUNT, state(StateOption::TopicsCount, Shape::PaddedInt),
        Immediately, "Number of subscribed prefixes.").draft().only(&[Pub, Xpub, Sub, Xsub]),
    row!(ZMQ_NORM_MODE, Kind::Absent(Constant::Int(1)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_UNICAST_NACK, Kind::Absent(Constant::Int(0)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_BUFFER_SIZE, Kind::Absent(Constant::Int(2048)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_SEGMENT_SIZE, Kind::Absent(Constant::Int(1400)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_BLOCK_SIZE, Kind::Absent(Constant::Int(16)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_NUM_PARITY, Kind::Absent(Constant::Int(4)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_NUM_AUTOPARITY, Kind::Absent(Constant::Int(0)), NextEndpoint, "NORM is not implemented yet.").draft(),
    row!(ZMQ_NORM_PUSH, Kind::Absent(Constant::Int(0)), NextEndpoint, "NORM is not implemented yet.").draft(),
];
