//! From [`Error`] to the numbers of `errno`, and from numbers to texts. Contract: api.md section 12.

use std::ffi::{CStr, c_char, c_int};

use super::constants as c;
use crate::error::Error;

/// The `errno` number of `error`.
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
        Error::Broken => libc::ENOTRECOVERABLE,
        Error::Os(number) => number,
    }
}

/// The calling thread's `errno`.
pub(crate) fn get() -> c_int {
    // SAFETY: no arguments; never NULL.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the place belongs to this thread.
    unsafe { *place }
}

/// Sets the calling thread's `errno`.
pub(crate) fn set(number: c_int) {
    // SAFETY: no arguments; never NULL.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the place belongs to this thread.
    unsafe { *place = number }
}

/// The text for an `errno` number, never NULL. Programs compare our own ones.
pub(super) fn text(number: c_int) -> *const c_char {
    match own_text(number) {
        Some(text) => text.as_ptr(),
        // SAFETY: takes any number; the C library owns the text.
        None => unsafe { libc::strerror(number) },
    }
}

fn own_text(number: c_int) -> Option<&'static CStr> {
    match number {
        c::EFSM => Some(c"Operation cannot be accomplished in current state"),
        c::ENOCOMPATPROTO => Some(c"The protocol is not compatible with the socket type"),
        c::ETERM => Some(c"Context was terminated"),
        c::EMTHREAD => Some(c"No thread available"),
        libc::EHOSTUNREACH => Some(c"Host unreachable"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(number: c_int) -> String {
        // SAFETY: never NULL, and ends with NUL.
        let text = unsafe { CStr::from_ptr(text(number)) };
        text.to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn errno_is_set_per_thread() {
        set(number(Error::Terminated));
        std::thread::spawn(|| set(number(Error::Again)))
            .join()
            .expect("thread");
        assert_eq!(get(), 156_384_765);
    }

    #[test]
    fn texts_of_own_and_foreign_numbers() {
        assert_eq!(
            text_of(156_384_763),
            "Operation cannot be accomplished in current state"
        );
        assert_eq!(
            text_of(156_384_764),
            "The protocol is not compatible with the socket type"
        );
        assert_eq!(text_of(156_384_765), "Context was terminated");
        assert_eq!(text_of(156_384_766), "No thread available");
        assert_eq!(text_of(libc::EHOSTUNREACH), "Host unreachable");
        assert_eq!(text_of(libc::EAGAIN), "Resource temporarily unavailable");
        assert_eq!(text_of(1_000_000), "Unknown error 1000000");
    }
}
