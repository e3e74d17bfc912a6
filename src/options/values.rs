//! The values of a socket's options.

#![forbid(unsafe_code)]

use std::fmt::{self, Debug, Formatter};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use crate::context::ContextOptions;
use crate::error::Result;
use crate::memory;
use crate::options::security::Security;
use crate::options::table::{BATCH_SIZE, OPTIONS};
use crate::patterns::{SocketType, TypeRow};

/// Declares the struct together with its blank form, on which the table's defaults are then put.
macro_rules! socket_options {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// All options that a socket stores. Bind and connect capture a copy. Times are in
        /// milliseconds and sizes in bytes where nothing else is said; the table says what each value
        /// means.
        #[derive(Clone, Debug)]
        pub(crate) struct SocketOptions {
            $($(#[$doc])* pub(crate) $name: $type,)*
        }

        impl SocketOptions {
            fn blank() -> Self {
                Self { $($name: <$type>::default(),)* }
            }
        }
    };
}

socket_options! {
    /// Bit n = I/O thread n may serve the endpoint; 0 = all.
    affinity: u64,
    routing_id: Bytes,
    /// kbit/s.
    rate: i32,
    recovery_interval: i32,
    send_buffer: i32,
    receive_buffer: i32,
    linger: i32,
    /// Not positive = never.
    reconnect_interval: i32,
    /// 0 = no exponential back-off.
    reconnect_interval_max: i32,
    /// `None` until it is set: the listener may choose a better one than getsockopt reports.
    backlog: Option<i32>,
    /// Negative = no limit.
    max_message_size: i64,
    /// Messages per pipe; 0 = no limit.
    send_hwm: i32,
    /// Messages per pipe; 0 = no limit.
    receive_hwm: i32,
    multicast_hops: i32,
    multicast_max_tpdu: i32,
    multicast_loop: bool,
    receive_timeout: i32,
    send_timeout: i32,
    ipv6: bool,
    tcp_keepalive: i32,
    tcp_keepalive_count: i32,
    /// Seconds.
    tcp_keepalive_idle: i32,
    /// Seconds.
    tcp_keepalive_interval: i32,
    tcp_max_retransmit: i32,
    /// Empty = everybody.
    tcp_accept_filters: Vec<AcceptFilter>,
    ipc_filter_pids: Vec<i32>,
    ipc_filter_uids: Vec<u32>,
    ipc_filter_gids: Vec<u32>,
    immediate: bool,
    conflate: bool,
    type_of_service: i32,
    /// SO_PRIORITY; 0 = not set.
    priority: i32,
    /// SO_BUSY_POLL in microseconds, if positive.
    busy_poll: i32,
    /// 0 = no limit.
    handshake_interval: i32,
    /// 0 = off.
    heartbeat_interval: i32,
    /// Tenths of a second, as on the wire.
    heartbeat_ttl: u16,
    /// -1 = as `heartbeat_interval`, 0 = none.
    heartbeat_timeout: i32,
    /// 0 = the system's.
    connect_timeout: i32,
    /// `host:port`; empty = none.
    socks_proxy: Bytes,
    /// Empty = none; at most 255 bytes, as the password.
    socks_username: Bytes,
    socks_password: Bytes,
    /// ZMQ_RECONNECT_STOP_* bits.
    reconnect_stop: i32,
    /// A descriptor to listen on, -1 = none.
    use_fd: i32,
    /// Interface name; empty = any.
    bind_to_device: Bytes,
    loopback_fastpath: bool,
    invert_matching: bool,
    /// ZMQ_NOTIFY_* bits.
    router_notify: i32,
    /// ZMQ_ROUTER_RAW was on at some time: connections carry no ZMTP.
    router_raw: bool,
    stream_notify: bool,
    /// `X-` properties for the handshake, in the order of setting.
    metadata: Vec<(Bytes, Bytes)>,
    /// Bytes per read; `None` until it is set: the connection may choose a better one than getsockopt
    /// reports.
    in_batch_size: Option<i32>,
    /// Bytes per write, likewise.
    out_batch_size: Option<i32>,
    /// Empty = none.
    hello_message: Bytes,
    /// Empty = none.
    disconnect_message: Bytes,
    /// Empty = none.
    hiccup_message: Bytes,
    security: Security,
    /// ZMQ_ZERO_COPY_RECV of the context when the socket was made.
    zero_copy_receive: bool,
}

impl SocketOptions {
    /// The options of a new socket (context_options.tsv: what "sockets created afterwards" inherit).
    pub(crate) fn new(socket_type: SocketType, context: &ContextOptions) -> Self {
        let row = TypeRow::find(socket_type as i32);
        let mut options = Self {
            ipv6: context.ipv6(),
            zero_copy_receive: context.zero_copy_receive(),
            ..Self::default()
        };
        if row.is_some_and(|row| row.linger_zero) || !context.blocky() {
            options.linger = 0;
        }
        options
    }

    /// The most bytes of a message that a raw connection receives.
    pub(crate) fn raw_message_size(&self) -> usize {
        let size = self.in_batch_size.unwrap_or(BATCH_SIZE);
        usize::try_from(size).unwrap_or_default()
    }
}

impl Default for SocketOptions {
    /// The defaults of the table, for a context whose own options are untouched.
    fn default() -> Self {
        let mut options = Self {
            zero_copy_receive: true,
            ..Self::blank()
        };
        for row in OPTIONS {
            row.put_default(&mut options);
        }
        options.backlog = None;
        options.in_batch_size = None;
        options.out_batch_size = None;
        // Setting ZMQ_GSSAPI_SERVER selects it, also to what it is.
        options.security = Security::default();
        options
    }
}

/// Bytes that a caller handed in; clones share them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(Option<Arc<Vec<u8>>>);

/// Their number: some are passwords.
impl Debug for Bytes {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bytes({})", self.len())
    }
}

impl Bytes {
    /// `NoMemory` if there is none.
    pub(crate) fn copy(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(Arc::new(memory::copy(bytes)?))))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// A row of ZMQ_TCP_ACCEPT_FILTER: peers that share the first bits of an address.
///
/// IPv4 filters are stored as IPv4 whatever ZMQ_IPV6 says (design choice of transports.md 2.5): the
/// mapped address of an IPv4 peer is to be compared with them as IPv4, and with IPv6 filters as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AcceptFilter {
    pub(crate) address: IpAddr,
    /// How many bits count: up to 32 or 128.
    pub(crate) prefix: u8,
}
