//! Transports: open, accept, tune and name operating-system streams. tcp and ipc.
//!
//! Called by `io` and, for bind, by `socket`. Must not know ZMTP or pipes. Everything is non-blocking and
//! close-on-exec from birth. Contract: transports.md sections 1 to 6.
//!
//! Adding a transport: a file with its `bind` and `connect`, a variant of [`ConnectAddress`] and of
//! [`Listener`]'s rules.

#![forbid(unsafe_code)]

pub(crate) mod filter;
pub(crate) mod ipc;
mod listener;
pub(crate) mod resolve;
mod stream;
pub(crate) mod tcp;

pub(crate) use listener::{AcceptFailure, BindFailure, Listener, NextAccept};
pub(crate) use stream::Stream;

use std::os::fd::RawFd;

use crate::endpoint::{ConnectAddress, Endpoint, Use};
use crate::error::Error;

/// What the application wants of descriptors (transports.md section 2.4). `None` leaves the system's.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamOptions {
    /// IP_TOS, and IPV6_TCLASS as far as it goes.
    pub(crate) tos: Option<i32>,
    /// SO_PRIORITY.
    pub(crate) priority: Option<i32>,
    pub(crate) bind_to_device: Option<String>,
    /// Bytes. Setting one switches off the kernel's own tuning.
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
    /// SO_BUSY_POLL, microseconds.
    pub(crate) busy_poll: Option<i32>,
    pub(crate) keepalive: Option<bool>,
    pub(crate) keepalive_count: Option<i32>,
    /// Seconds.
    pub(crate) keepalive_idle: Option<i32>,
    /// Seconds.
    pub(crate) keepalive_interval: Option<i32>,
    /// TCP_USER_TIMEOUT, ms.
    pub(crate) max_retransmit: Option<i32>,
    /// `None` = never set: as long as the kernel allows.
    pub(crate) backlog: Option<i32>,
    pub(crate) ipv6: bool,
    /// A listening descriptor to adopt.
    pub(crate) use_fd: Option<RawFd>,
}

impl StreamOptions {
    /// listen(2)'s argument. With the 100 that getsockopt reports, bursts of connects lose SYNs and take
    /// seconds; the kernel caps what is too large.
    pub(crate) fn listen_backlog(&self) -> i32 {
        const AMPLE: i32 = 4096;
        self.backlog.unwrap_or(AMPLE)
    }
}

/// How an attempt to connect began.
#[derive(Debug)]
pub(crate) enum Connecting {
    /// It is up.
    Done(Stream),
    /// It will be writable when it is up, or broken.
    InProgress(Stream),
    /// It failed; the number of the descriptor if one had been opened.
    Failed {
        fd_opened: Option<RawFd>,
        error: Error,
    },
}

/// Other texts under which a tcp endpoint may be bound or connected: resolved as a connect address, then
/// as a bind address (transports.md section 2.2). Waits for name servers.
pub(crate) fn resolved_texts(text: &[u8], ipv6: bool) -> Vec<Box<[u8]>> {
    let Ok(Endpoint::Tcp(remote)) = Endpoint::parse(text, Use::Connect) else {
        return Vec::new();
    };
    let ipv6 = resolve::uses_ipv6(ipv6);
    let resolved = resolve::connect(&remote.host, remote.port, ipv6);
    let Some(&remote) = resolved.first() else {
        return Vec::new();
    };
    let mut addresses = vec![remote];
    // A name of the network is what it is as a connect address.
    if let Ok(Endpoint::Tcp(local)) = Endpoint::parse(text, Use::Bind) {
        addresses.extend(resolve::local(&local.host, local.port, ipv6));
    }
    let texts = addresses.into_iter().map(tcp::endpoint_text);
    texts.map(|text| text.into_bytes().into()).collect()
}

/// The text of an address without its scheme (monitor events of failed binds).
pub(crate) fn address_text(address: &ConnectAddress) -> String {
    match address {
        ConnectAddress::Ipc(address) => address.to_string(),
        ConnectAddress::Tcp(address) => address.to_string(),
    }
}
