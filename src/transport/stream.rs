//! A connected stream, whatever the transport.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::Token;
use socket2::{Domain, SockAddr, Socket, TcpKeepalive};

use crate::sys::epoll::{Directions, Epoll};
use crate::sys::net;
use crate::transport::{StreamOptions, ipc, tcp};

/// A stream socket; closed when dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    kind: Kind,
    /// tcp: who that was, for when the system no longer knows (after a reset).
    peer: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    Ipc,
}

impl Stream {
    pub(super) fn tcp(socket: Socket, peer: Option<SocketAddr>) -> Self {
        Self {
            socket,
            kind: Kind::Tcp,
            peer,
        }
    }

    pub(super) fn ipc(socket: Socket) -> Self {
        Self {
            socket,
            kind: Kind::Ipc,
            peer: None,
        }
    }

    /// A connected socket of a test.
    #[cfg(test)]
    pub(crate) fn from_socket(socket: Socket) -> Self {
        socket.set_nonblocking(true).expect("non-blocking");
        match socket.domain().expect("domain") {
            Domain::UNIX => Self::ipc(socket),
            _ => Self::tcp(socket, None),
        }
    }

    /// Watches the descriptor for both directions.
    pub(crate) fn register(&self, epoll: Epoll, token: Token) -> io::Result<()> {
        epoll.add(self.as_raw_fd(), token, Directions::BOTH)
    }

    /// Changes the directions of [`Stream::register`].
    pub(crate) fn watch(
        &self,
        epoll: Epoll,
        token: Token,
        directions: Directions,
    ) -> io::Result<()> {
        epoll.change(self.as_raw_fd(), token, directions)
    }

    /// Ends [`Stream::register`].
    pub(crate) fn deregister(&self, epoll: Epoll) {
        epoll.remove(self.as_raw_fd());
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
        // Who accepts, sends and resets at once was there: what it sent counts.
        if let Some(error) = self.socket.take_error()?
            && !self.has_input()
        {
            return Err(error);
        }
        if self.kind == Kind::Ipc {
            return Ok(());
        }
        if self.socket.local_addr()?.as_socket() == self.peer_address() {
            // Possible with ephemeral ports: a failed attempt, but nobody refused it.
            return Err(io::Error::from_raw_os_error(libc::EPROTO));
        }
        self.apply_connected(options)
    }

    /// Something has come that was not read.
    fn has_input(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        self.socket.peek(&mut byte).is_ok_and(|bytes| bytes > 0)
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        // Any address of this host: only the system knows which one it became.
        match self.peer.filter(|peer| !peer.ip().is_unspecified()) {
            Some(peer) => Some(peer),
            None => {
                let peer = self.socket.peer_addr();
                peer.ok().and_then(|peer| peer.as_socket()).or(self.peer)
            }
        }
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
            Kind::Tcp => self.peer_address().map(tcp::host_text),
            Kind::Ipc => {
                let peer = net::peer_credentials(self.socket.as_raw_fd()).ok()?;
                Some(format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid))
            }
        }
    }

    /// Local and remote endpoint (monitor events of version 2).
    pub(crate) fn endpoint_texts(&self) -> (String, String) {
        let tcp_text = |address: Option<SocketAddr>| address.map(tcp::endpoint_text);
        let ipc_text =
            |address: io::Result<SockAddr>| address.ok().map(|it| ipc::endpoint_text(&it));
        let (local, remote) = match self.kind {
            Kind::Tcp => {
                let local = self.socket.local_addr().ok();
                let local = local.and_then(|address| address.as_socket());
                (tcp_text(local), tcp_text(self.peer_address()))
            }
            Kind::Ipc => (
                ipc_text(self.socket.local_addr()),
                ipc_text(self.socket.peer_addr()),
            ),
        };
        (local.unwrap_or_default(), remote.unwrap_or_default())
    }
}

/// See [`Stream::apply_service_class`]; also for listeners and before a connect.
pub(super) fn apply_service_class(socket: &Socket, options: &StreamOptions) {
    if options.tos.is_none() && options.priority.is_none() {
        return;
    }
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
    use std::io::Write;
    use std::net::TcpListener;

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

    #[test]
    fn a_reset_before_the_connect_was_noticed_leaves_what_came() {
        for sent in [&b"early"[..], b""] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
            let target = listener.local_addr().expect("address");
            let options = StreamOptions::default();
            let Connecting::InProgress(stream) = tcp::connect(target, None, &options) else {
                panic!("not in progress");
            };
            let (mut peer, _) = listener.accept().expect("accept");
            peer.write_all(sent).expect("write");
            let peer = Socket::from(peer);
            peer.set_linger(Some(Duration::ZERO)).expect("option");
            drop(peer);
            let result = stream.finish_connecting(&options);
            assert_eq!(result.is_ok(), !sent.is_empty());
            assert_eq!(stream.peer_address_text().as_deref(), Some("127.0.0.1"));
            assert_eq!(stream.endpoint_texts().1, format!("tcp://{target}"));
            let mut buffer = [0; 9];
            let received = stream.recv(&mut buffer).expect("the end");
            assert_eq!(&buffer[..received], sent);
        }
    }
}
