//! A connected stream, whatever the transport.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Socket, TcpKeepalive};

use crate::sys::net;
use crate::transport::{StreamOptions, ipc, tcp};

/// A stream socket; closed when dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    Ipc,
}

impl Stream {
    pub(super) fn tcp(socket: Socket) -> Self {
        Self {
            socket,
            kind: Kind::Tcp,
        }
    }

    pub(super) fn ipc(socket: Socket) -> Self {
        Self {
            socket,
            kind: Kind::Ipc,
        }
    }

    /// A connected socket of a test.
    #[cfg(test)]
    pub(crate) fn from_socket(socket: Socket) -> Self {
        socket.set_nonblocking(true).expect("non-blocking");
        match socket.domain().expect("domain") {
            Domain::UNIX => Self::ipc(socket),
            _ => Self::tcp(socket),
        }
    }

    /// Watches the descriptor, edge-triggered, for both directions.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, both)
    }

    /// Ends [`Stream::register`].
    pub(crate) fn deregister(&self, registry: &Registry) {
        // It was registered, or the registration failed and there is nothing to undo.
        let _ = registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    pub(crate) fn is_tcp(&self) -> bool {
        self.kind == Kind::Tcp
    }

    /// Reads what is there; 0 = the peer has finished. `WouldBlock`.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buffer)
    }

    /// Writes what the kernel takes, in one call and without SIGPIPE. `WouldBlock`.
    pub(crate) fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket
            .send_vectored_with_flags(slices, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    }

    /// Nothing more will be written; the peer reads EOF behind what was.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// tcp: bytes that the peer's kernel has not acknowledged (an FIN counts as one). ipc: bytes that the
    /// peer's application has not read.
    pub(crate) fn unsent(&self) -> io::Result<usize> {
        net::unsent(self.socket.as_raw_fd())
    }

    /// The end of a connect that was in progress: its error, the options of connected streams, and the
    /// check against a connection to itself.
    pub(crate) fn finish_connecting(&self, options: &StreamOptions) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        if self.kind == Kind::Ipc {
            return Ok(());
        }
        let (local, peer) = (self.socket.local_addr()?, self.socket.peer_addr()?);
        if local.as_socket() == peer.as_socket() {
            // Possible with ephemeral ports: a failed attempt, but nobody refused it.
            return Err(io::Error::from_raw_os_error(libc::EPROTO));
        }
        self.apply_connected(options)
    }

    /// The options of streams that are up, accepted or connected (transports.md section 2.4).
    pub(super) fn apply_connected(&self, options: &StreamOptions) -> io::Result<()> {
        if self.kind == Kind::Ipc {
            return Ok(());
        }
        self.socket.set_tcp_nodelay(true)?;
        if let Some(on) = options.keepalive {
            // Setting the times switches it on, so that what is wanted comes last.
            self.apply_keepalive(options)?;
            self.socket.set_keepalive(on)?;
        }
        if let Some(ms) = options.max_retransmit {
            let timeout = Duration::from_millis(u64::from(ms.unsigned_abs()));
            self.socket.set_tcp_user_timeout(Some(timeout))?;
        }
        Ok(())
    }

    fn apply_keepalive(&self, options: &StreamOptions) -> io::Result<()> {
        let seconds = |value: i32| Duration::from_secs(u64::from(value.unsigned_abs()));
        let mut keepalive = TcpKeepalive::new();
        if let Some(count) = options.keepalive_count {
            keepalive = keepalive.with_retries(count.unsigned_abs());
        }
        if let Some(idle) = options.keepalive_idle {
            keepalive = keepalive.with_time(seconds(idle));
        }
        if let Some(interval) = options.keepalive_interval {
            keepalive = keepalive.with_interval(seconds(interval));
        }
        self.socket.set_tcp_keepalive(&keepalive)
    }

    /// TOS and PRIORITY; what the system refuses is ignored (design choice of transports.md section 2.4).
    pub(super) fn apply_service_class(&self, options: &StreamOptions) {
        apply_service_class(&self.socket, options);
    }

    /// `Peer-Address`: the numeric address without port; for ipc `localhost:<uid>:<gid>:<pid>`.
    pub(crate) fn peer_address_text(&self) -> Option<String> {
        match self.kind {
            Kind::Tcp => {
                let peer = self.socket.peer_addr().ok()?.as_socket()?;
                Some(tcp::host_text(peer))
            }
            Kind::Ipc => {
                let peer = net::peer_credentials(self.socket.as_raw_fd()).ok()?;
                Some(format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid))
            }
        }
    }

    /// Local and remote endpoint (monitor events of version 2).
    pub(crate) fn endpoint_texts(&self) -> (String, String) {
        let text = |address: io::Result<SockAddr>| match (self.kind, address) {
            (_, Err(_)) => String::new(),
            (Kind::Tcp, Ok(address)) => address
                .as_socket()
                .map(tcp::endpoint_text)
                .unwrap_or_default(),
            (Kind::Ipc, Ok(address)) => ipc::endpoint_text(&address),
        };
        (
            text(self.socket.local_addr()),
            text(self.socket.peer_addr()),
        )
    }
}

/// See [`Stream::apply_service_class`]; also for listeners and before a connect.
pub(super) fn apply_service_class(socket: &Socket, options: &StreamOptions) {
    if socket.domain().is_ok_and(|domain| domain == Domain::UNIX) {
        return;
    }
    if let Some(tos) = options.tos {
        let tos = tos.unsigned_abs();
        let _ = socket.set_tos_v4(tos);
        let _ = socket.set_tclass_v6(tos);
    }
    if let Some(priority) = options.priority {
        let _ = socket.set_priority(priority.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::*;
    use crate::transport::Connecting;

    /// A connected stream with these options, and what listens for it.
    fn connect(source: Option<SocketAddr>, options: &StreamOptions) -> (Stream, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let target = listener.local_addr().expect("address");
        let stream = match tcp::connect(target, source, options) {
            Connecting::Done(stream) | Connecting::InProgress(stream) => stream,
            Connecting::Failed { error, .. } => panic!("{error:?}"),
        };
        listener.accept().expect("accept");
        stream.finish_connecting(options).expect("options");
        (stream, listener)
    }

    #[test]
    fn options_reach_the_descriptor() {
        let options = StreamOptions {
            tos: Some(0x28),
            keepalive: Some(true),
            keepalive_count: Some(3),
            keepalive_idle: Some(40),
            keepalive_interval: Some(5),
            max_retransmit: Some(7000),
            send_buffer: Some(20_000),
            receive_buffer: Some(30_000),
            ..StreamOptions::default()
        };
        let source: SocketAddr = "127.0.0.3:0".parse().expect("address");
        let (stream, _listener) = connect(Some(source), &options);
        let socket = &stream.socket;
        assert!(socket.tcp_nodelay().expect("option"));
        assert!(socket.keepalive().expect("option"));
        assert_eq!(socket.tcp_keepalive_retries().expect("option"), 3);
        let seconds = Duration::from_secs;
        assert_eq!(socket.tcp_keepalive_time().expect("option"), seconds(40));
        assert_eq!(socket.tcp_keepalive_interval().expect("option"), seconds(5));
        let timeout = socket.tcp_user_timeout().expect("option");
        assert_eq!(timeout, Some(seconds(7)));
        assert_eq!(socket.tos_v4().expect("option"), 0x28);
        // The kernel doubles them.
        assert_eq!(socket.send_buffer_size().expect("option"), 40_000);
        assert_eq!(socket.recv_buffer_size().expect("option"), 60_000);
        let local = socket.local_addr().expect("address").as_socket();
        assert_eq!(local.map(|local| local.ip()), Some(source.ip()));
    }

    #[test]
    fn keepalive_that_is_switched_off_stays_off_whatever_its_times_are() {
        let options = StreamOptions {
            keepalive: Some(false),
            keepalive_count: Some(3),
            ..StreamOptions::default()
        };
        let (stream, _listener) = connect(None, &options);
        assert!(!stream.socket.keepalive().expect("option"));
        assert_eq!(stream.socket.tcp_keepalive_retries().expect("option"), 3);
    }
}
