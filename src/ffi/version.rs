//! Version, error numbers and capabilities. Contract: api.md sections 11, 12.

use std::ffi::{CStr, c_char, c_int};

use super::{arguments, constants as c, errno, guard};

/// The calling thread's errno; for programs that link another C library than this one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_errno() -> c_int {
    errno::get()
}

/// The text for an error number; static, never NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_strerror(errnum: c_int) -> *const c_char {
    errno::text(errnum)
}

/// Writes the version of the library; NULL pointers are skipped.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_version(
    major: *mut c_int,
    minor: *mut c_int,
    patch: *mut c_int,
) {
    let parts = [
        (major, c::ZMQ_VERSION_MAJOR),
        (minor, c::ZMQ_VERSION_MINOR),
        (patch, c::ZMQ_VERSION_PATCH),
    ];
    for (place, part) in parts {
        if !place.is_null() {
            // SAFETY: not NULL; C promises an int.
            unsafe { place.write(part) }
        }
    }
}

/// Whether the library has a capability: 1 or 0. The name is compared exactly; NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_has(capability: *const c_char) -> c_int {
    guard::or(0, || {
        // SAFETY: NULL or a text.
        let capability = unsafe { arguments::text(capability) };
        c_int::from(capability.is_some_and(|name| CAPABILITIES.contains(&name)))
    })
}

/// Of the names that the contract knows: ipc pgm tipc norm curve gssapi vmci draft WS WSS vsock.
const CAPABILITIES: &[&CStr] = &[
    c"ipc",
    c"curve",
    #[cfg(feature = "gssapi")]
    c"gssapi",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null;

    #[test]
    fn the_version_is_the_package_version() {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: three ints.
        unsafe { zmq_version(&raw mut major, &raw mut minor, &raw mut patch) };
        assert_eq!(
            format!("{major}.{minor}.{patch}"),
            env!("CARGO_PKG_VERSION")
        );
    }

    #[test]
    fn capabilities_are_compared_exactly() {
        let has = |name: &CStr| {
            // SAFETY: a text.
            unsafe { zmq_has(name.as_ptr()) }
        };
        assert_eq!((has(c"ipc"), has(c"curve")), (1, 1));
        assert_eq!(has(c"gssapi"), c_int::from(cfg!(feature = "gssapi")));
        for name in [
            c"IPC", c"ipc ", c"", c"tcp", c"inproc", c"CURVE", c"plain", c"ws", c"GSSAPI",
        ] {
            assert_eq!(has(name), 0, "{name:?}");
        }
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { zmq_has(null()) }, 0);
    }
}
