//! The only place that knows errno numbers, and the only one that sets errno.

use std::ffi::c_int;

use crate::error::Error;
use crate::ffi::constants as c;

/// The number that C programs see for an error.
pub(crate) fn number(error: Error) -> c_int {
    match error {
        Error::Again => libc::EAGAIN,
        Error::Interrupted => libc::EINTR,
        Error::Terminated => c::ETERM,
        Error::NotSocket => libc::ENOTSOCK,
        Error::Fault => libc::EFAULT,
        Error::Invalid => libc::EINVAL,
        Error::NotSupported => libc::ENOTSUP,
        Error::State => c::EFSM,
        Error::HostUnreachable => libc::EHOSTUNREACH,
        Error::IncompatibleProtocol => c::ENOCOMPATPROTO,
        Error::NoThread => c::EMTHREAD,
        Error::ProtocolNotSupported => libc::EPROTONOSUPPORT,
        Error::AddressInUse => libc::EADDRINUSE,
        Error::NoDevice => libc::ENODEV,
        Error::NotFound => libc::ENOENT,
        Error::NameTooLong => libc::ENAMETOOLONG,
        Error::TooManySockets => libc::EMFILE,
        Error::NoMemory => libc::ENOMEM,
        Error::BadDescriptor => libc::EBADF,
        Error::Os(errno) => errno,
    }
}

/// Sets the calling thread's errno.
pub(crate) fn set(errno: c_int) {
    // SAFETY: the location is the calling thread's own and lives as long as it.
    let location = unsafe { libc::__errno_location().as_mut() };
    if let Some(location) = location {
        *location = errno;
    }
}

/// The calling thread's errno.
pub(crate) fn get() -> c_int {
    // SAFETY: as in `set`.
    let location = unsafe { libc::__errno_location().as_ref() };
    location.copied().unwrap_or(0)
}
