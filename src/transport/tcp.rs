//! tcp: opening, binding and connecting. Contract: transports.md section 2.

#![forbid(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::endpoint::TcpAddress;
use crate::error::{Error, Result};
use crate::sys::net;
use crate::transport::listener::bind_error;
use crate::transport::resolve;
use crate::transport::stream::apply_service_class;
use crate::transport::{Connecting, Stream, StreamOptions};

/// A failed bind: the reason, and the descriptor if one had been opened.
pub(super) type Failed = (Error, Option<RawFd>);

/// Opens a listening socket in the caller's thread; `named` is what the network says of its host.
pub(super) fn bind(
    address: &TcpAddress,
    named: Option<SocketAddr>,
    options: &StreamOptions,
) -> std::result::Result<(Socket, SocketAddr), Failed> {
    if let Some(fd) = options.use_fd {
        let socket = adopt(fd).map_err(|error| (error, None))?;
        return match local_address(&socket) {
            Ok(local) => Ok((socket, local)),
            Err(error) => {
                // A socket of another family stays the caller's.
                let _ = socket.into_raw_fd();
                Err((error, None))
            }
        };
    }
    let resolved = match named {
        Some(address) => Ok(address),
        None => {
            let ipv6 = resolve::uses_ipv6(options.ipv6);
            resolve::local(&address.host, address.port, ipv6)
        }
    };
    let resolved = resolved.map_err(|error| (error, None))?;
    let socket = open(resolved, options).map_err(|error| (error.into(), None))?;
    listen(socket, resolved, options)
}

fn listen(
    socket: Socket,
    address: SocketAddr,
    options: &StreamOptions,
) -> std::result::Result<(Socket, SocketAddr), Failed> {
    let fd = socket.as_raw_fd();
    let prepare = || {
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(options.listen_backlog())
    };
    prepare().map_err(|error| (bind_error(&error), Some(fd)))?;
    let local = local_address(&socket).map_err(|error| (error, Some(fd)))?;
    Ok((socket, local))
}

/// ZMQ_USE_FD: the descriptor is taken as it is, and closed by us.
pub(super) fn adopt(fd: RawFd) -> Result<Socket> {
    let socket = Socket::from(net::adopt(fd)?);
    // A readiness that is gone by the time of the accept must not block the thread.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or(Error::Invalid)
}

/// Begins to connect to `target`, from `source` if given.
pub(crate) fn connect(
    target: SocketAddr,
    source: Option<SocketAddr>,
    options: &StreamOptions,
) -> Connecting {
    let socket = match open(target, options) {
        Ok(socket) => socket,
        Err(error) => {
            return Connecting::Failed {
                fd_opened: None,
                error: error.into(),
            };
        }
    };
    let fd_opened = Some(socket.as_raw_fd());
    let begin = || {
        if let Some(source) = source {
            socket.set_reuse_address(true)?;
            socket.bind(&source.into())?;
        }
        socket.connect(&target.into())
    };
    match begin() {
        Ok(()) => Connecting::Done(Stream::tcp(socket, Some(target))),
        Err(error) if is_in_progress(&error) => {
            Connecting::InProgress(Stream::tcp(socket, Some(target)))
        }
        Err(error) => Connecting::Failed {
            fd_opened,
            error: error.into(),
        },
    }
}

/// An interrupted connect goes on in the background as well.
fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

/// A socket with the options that precede bind or connect.
fn open(address: SocketAddr, options: &StreamOptions) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    apply_service_class(&socket, options);
    if let Some(device) = &options.bind_to_device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    // What the system refuses of these is ignored: they are about speed only, and one needs a privilege.
    if let Some(size) = options.send_buffer {
        let _ = socket.set_send_buffer_size(size);
    }
    if let Some(size) = options.receive_buffer {
        let _ = socket.set_recv_buffer_size(size);
    }
    if let Some(microseconds) = options.busy_poll {
        let _ = socket.set_busy_poll(microseconds.unsigned_abs());
    }
    Ok(socket)
}

/// `tcp://host:port`, IPv6 in brackets, with the zone of a link-local address.
pub(crate) fn endpoint_text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => format!("tcp://{}:{}", address.ip(), address.port()),
        SocketAddr::V6(_) => format!("tcp://[{}]:{}", host_text(address), address.port()),
    }
}

/// The numeric host, with the zone of a link-local address.
pub(crate) fn host_text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            let zone = net::interface_name(address.scope_id());
            let zone = zone.unwrap_or_else(|| address.scope_id().to_string());
            format!("{}%{zone}", address.ip())
        }
        SocketAddr::V6(address) => address.ip().to_string(),
    }
}

/// The address of an accepted peer.
pub(super) fn peer_ip(address: &SockAddr) -> Option<IpAddr> {
    Some(address.as_socket()?.ip())
}
