//! Names resolve off the I/O threads, so that a slow name server holds up nobody else.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::endpoint::{TcpHost, TcpSource};
use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::sys;
use crate::transport::resolve;

/// Where the answer goes. The attempt number lets a late one find nobody.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) thread: Arc<IoHandle>,
    pub(crate) connection: ObjectId,
    pub(crate) attempt: u64,
}

/// See [`resolve::uses_ipv6`].
pub(crate) fn uses_ipv6(wanted: bool) -> bool {
    resolve::uses_ipv6(wanted)
}

/// The addresses of a host that needs no look-up.
pub(crate) fn numeric(host: &TcpHost, port: u16, ipv6: bool) -> Option<Vec<SocketAddr>> {
    resolve::numeric(host, port, ipv6)
}

/// The local address to connect from: a literal or an interface name.
pub(crate) fn local(source: &TcpSource, ipv6: bool) -> Option<SocketAddr> {
    resolve::local(&source.host, source.port, ipv6).ok()
}

/// Looks `host` up on a thread of its own and posts the addresses, none if it failed.
pub(crate) fn resolve(host: TcpHost, port: u16, ipv6: bool, reply: Reply) {
    let failed = Reply {
        thread: Arc::clone(&reply.thread),
        ..reply
    };
    let Reply {
        connection,
        attempt,
        ..
    } = failed;
    let look_up = move || {
        let addresses = resolve::connect(&host, port, ipv6);
        reply.thread.post(IoCommand::Resolved(
            reply.connection,
            reply.attempt,
            addresses,
        ));
    };
    // Without a thread it is a failed attempt like any other.
    if sys::thread::spawn_detached("ZMQbg/Resolve", look_up).is_err() {
        failed
            .thread
            .post(IoCommand::Resolved(connection, attempt, Vec::new()));
    }
}
