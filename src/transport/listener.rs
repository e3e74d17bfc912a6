//! A listening socket, whatever the transport. Contract: transports.md section 6.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

use mio::Token;
use socket2::Socket;

use crate::endpoint::ConnectAddress;
use crate::error::Error;
use crate::sync::Lock;
use crate::sys::epoll::{Directions, Epoll};
use crate::sys::net;
use crate::transport::filter::PeerFilters;
use crate::transport::ipc::Temporary;
use crate::transport::{Stream, StreamOptions, address_text, ipc, tcp};

/// Accepts peers on an I/O thread, and can be closed from any: when zmq_unbind or zmq_close returns, the
/// endpoint is free. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    /// A leaf lock.
    state: Lock<State>,
    fd: RawFd,
    is_tcp: bool,
}

#[derive(Debug)]
enum State {
    Open {
        socket: Socket,
        temporary: Option<Temporary>,
    },
    /// With the errno of closing it.
    Closed(Result<(), i32>),
}

/// A listener and the endpoint that it is known by.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listener: Listener,
    /// ZMQ_LAST_ENDPOINT.
    pub(crate) last_endpoint: Vec<u8>,
}

/// Why a bind failed, and what its monitor events say.
#[derive(Debug)]
pub(crate) struct BindFailure {
    pub(crate) error: Error,
    /// The descriptor that had been opened: CLOSED precedes BIND_FAILED.
    pub(crate) fd_opened: Option<RawFd>,
    /// The text of BIND_FAILED.
    pub(crate) text: Vec<u8>,
    /// The text of CLOSED.
    pub(crate) closed_text: Vec<u8>,
}

/// Why an accept brought nobody.
#[derive(Debug)]
pub(crate) struct AcceptFailure {
    pub(crate) error: Error,
    pub(crate) next: NextAccept,
}

/// When to accept again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextAccept {
    /// At once: it concerned one peer, who is gone.
    Now,
    /// Some time later: descriptors or memory ran out, and whoever waits stays there without a further signal.
    Later,
    /// When the descriptor is ready: it does not listen, so that nobody waits.
    Ready,
}

impl Listener {
    /// Binds and listens in the caller's thread. `named`: see [`crate::transport::resolve::BindName`].
    pub(crate) fn bind(
        address: &ConnectAddress,
        named: Option<SocketAddr>,
        options: &StreamOptions,
    ) -> Result<Bound, BindFailure> {
        let text = address_text(address).into_bytes();
        match address {
            ConnectAddress::Tcp(tcp_address) => match tcp::bind(tcp_address, named, options) {
                Ok((socket, local)) => Ok(Bound {
                    listener: Self::new(socket, true, None),
                    last_endpoint: tcp::endpoint_text(local).into_bytes(),
                }),
                Err((error, fd_opened)) => Err(BindFailure {
                    error,
                    fd_opened,
                    text,
                    closed_text: Vec::new(),
                }),
            },
            ConnectAddress::Ipc(ipc_address) => match ipc::bind(ipc_address, options) {
                Ok(bound) => Ok(Bound {
                    listener: Self::new(bound.socket, false, bound.temporary),
                    last_endpoint: bound.text,
                }),
                Err((error, fd_opened)) => {
                    let closed_text = [b"ipc://", text.as_slice()].concat();
                    Err(BindFailure {
                        error,
                        fd_opened,
                        text,
                        closed_text,
                    })
                }
            },
        }
    }

    fn new(socket: Socket, is_tcp: bool, temporary: Option<Temporary>) -> Self {
        let fd = socket.as_raw_fd();
        let state = Lock::new(State::Open { socket, temporary });
        Self { state, fd, is_tcp }
    }

    /// Takes the next peer; `None` if nobody waits, or it is closed.
    pub(crate) fn accept(
        &self,
        filters: &PeerFilters,
        options: &StreamOptions,
    ) -> Result<Option<Stream>, AcceptFailure> {
        let accepted = match &*self.state.lock() {
            State::Open { socket, .. } => net::accept(socket.as_raw_fd()),
            State::Closed(_) => return Ok(None),
        };
        let (socket, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(accept_failure(&error)),
        };
        let accepts = if self.is_tcp {
            filters.accept_address(tcp::peer_ip(&address))
        } else {
            let peer = || net::peer_credentials(socket.as_raw_fd()).ok();
            filters.accept_process(peer, net::is_member)
        };
        if !accepts {
            return Err(AcceptFailure {
                error: Error::Os(libc::EACCES),
                next: NextAccept::Now,
            });
        }
        let stream = if self.is_tcp {
            Stream::tcp(socket, address.as_socket())
        } else {
            Stream::ipc(socket)
        };
        stream.apply_service_class(options);
        stream
            .apply_connected(options)
            .map_err(|error| peer_failure(&error))?;
        Ok(Some(stream))
    }

    /// Watches the descriptor, edge-triggered. Closing it ends that; where a copy of the descriptor is still
    /// open elsewhere (ZMQ_USE_FD, a child process) its signals find nobody.
    pub(crate) fn register(&self, epoll: Epoll, token: Token) -> io::Result<()> {
        match &*self.state.lock() {
            State::Open { socket, .. } => {
                let fd = socket.as_raw_fd();
                let readable = Directions {
                    readable: true,
                    writable: false,
                };
                epoll.add(fd, token, readable)
            }
            State::Closed(_) => Ok(()),
        }
    }

    /// Its number, also when it is closed.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.fd
    }

    /// Closes the descriptor, then removes the file of a wildcard. The errno if that fails, the same one
    /// each time.
    pub(crate) fn close(&self) -> Result<(), i32> {
        let mut state = self.state.lock();
        let closing = match std::mem::replace(&mut *state, State::Closed(Ok(()))) {
            State::Open { socket, temporary } => {
                drop(socket);
                temporary.map_or(Ok(()), |temporary| temporary.remove())
            }
            State::Closed(closing) => closing,
        };
        *state = State::Closed(closing);
        closing
    }
}

/// Binding failed.
pub(super) fn bind_error(error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => Error::AddressInUse,
        Some(errno) => Error::Os(errno),
        None => Error::Invalid,
    }
}

/// Accepting failed. The errors that accept(2) takes from the network belong to one peer.
fn accept_failure(error: &io::Error) -> AcceptFailure {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let next = match errno {
        libc::EINTR
        | libc::ECONNABORTED
        | libc::EPROTO
        | libc::EPERM
        | libc::ENETDOWN
        | libc::ENOPROTOOPT
        | libc::EHOSTDOWN
        | libc::ENONET
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::ETIMEDOUT => NextAccept::Now,
        libc::EINVAL | libc::EOPNOTSUPP => NextAccept::Ready,
        _ => NextAccept::Later,
    };
    AcceptFailure {
        error: Error::Os(errno),
        next,
    }
}

/// Preparing the accepted stream failed, which is closed.
fn peer_failure(error: &io::Error) -> AcceptFailure {
    AcceptFailure {
        next: NextAccept::Now,
        ..accept_failure(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Endpoint, Use};

    /// Whoever left between the signal and the accept, or was another's in the end.
    #[test]
    fn an_accept_that_finds_nobody_returns() {
        let Ok(Endpoint::Tcp(address)) = Endpoint::parse(b"tcp://127.0.0.1:*", Use::Bind) else {
            panic!("no endpoint");
        };
        let options = StreamOptions::default();
        let bound = Listener::bind(&ConnectAddress::Tcp(address), None, &options).expect("bind");
        let accepted = bound.listener.accept(&PeerFilters::default(), &options);
        assert!(matches!(accepted, Ok(None)));
    }
}
