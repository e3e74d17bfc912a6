//! Everything an application can see go wrong.
//!
//! One enum for the whole library; `ffi/errno` alone turns it into `errno` numbers. What a *peer*
//! can do wrong is [`crate::protocol::ProtocolError`].

#![forbid(unsafe_code)]

/// The reason a call failed (contract: api.md section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Would block, or the timeout ran out (EAGAIN).
    Again,
    /// A signal handler ran in the calling thread (EINTR).
    Interrupted,
    /// The context was shut down (ETERM).
    Terminated,
    /// The handle is not a live socket (ENOTSOCK).
    NotSocket,
    /// The handle, message or pointer is not valid (EFAULT).
    Fault,
    /// An argument is out of its domain (EINVAL).
    Invalid,
    /// The socket type cannot do this (ENOTSUP).
    NotSupported,
    /// REQ/REP called out of turn (EFSM).
    State,
    /// No peer with that routing id (EHOSTUNREACH).
    HostUnreachable,
    /// The transport cannot carry this socket type (ENOCOMPATPROTO).
    IncompatibleProtocol,
    /// No I/O thread may serve this endpoint (EMTHREAD).
    NoThread,
    /// Unknown transport (EPROTONOSUPPORT).
    ProtocolNotSupported,
    /// The address is taken (EADDRINUSE).
    AddressInUse,
    /// The name resolves to no interface or address (ENODEV).
    NoDevice,
    /// No such endpoint (ENOENT).
    NotFound,
    /// An ipc path of 108 bytes or more (ENAMETOOLONG).
    NameTooLong,
    /// No socket slot or descriptor left (EMFILE).
    TooManySockets,
    /// Memory ran out (ENOMEM).
    NoMemory,
    /// A descriptor argument that cannot be one (EBADF).
    BadDescriptor,
    /// A panic in an earlier call may have left the object half changed (ENOTRECOVERABLE).
    Broken,
    /// Any other error of the operating system, as its number.
    Os(i32),
}

impl From<std::io::Error> for Error {
    /// Keeps the system's number; an error without one (never from a system call) is `Invalid`.
    fn from(error: std::io::Error) -> Self {
        error.raw_os_error().map_or(Self::Invalid, Self::Os)
    }
}

/// The result of everything that can fail towards the application.
pub type Result<T> = std::result::Result<T, Error>;
