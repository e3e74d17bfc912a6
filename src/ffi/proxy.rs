//! Proxies. Contract: api.md section 8.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::proxy;

/// Forwards messages between two sockets, and copies them to capture unless that is NULL, until something fails. -1:
/// EFAULT if frontend or backend is NULL, ETERM, EINTR, and those of sending and receiving.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { run(frontend, backend, capture, null_mut()) })
}

/// zmq_proxy that obeys PAUSE, RESUME, TERMINATE and STATISTICS from control, unless that is NULL. 0 after
/// TERMINATE.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { run(frontend, backend, capture, control) })
}

/// Old form of zmq_proxy; type is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_device(
    r#type: c_int,
    frontend: *mut c_void,
    backend: *mut c_void,
) -> c_int {
    let _ = r#type;
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { run(frontend, backend, null_mut(), null_mut()) })
}

unsafe fn run(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> Result<()> {
    if frontend.is_null() || backend.is_null() {
        return Err(Error::Fault);
    }
    let optional = |handle: *mut c_void| {
        // SAFETY: passed on from the caller.
        (!handle.is_null()).then(|| unsafe { arguments::socket(handle) })
    };
    // SAFETY: passed on from the caller.
    let frontend = unsafe { arguments::socket(frontend) }?;
    // SAFETY: passed on from the caller.
    let backend = unsafe { arguments::socket(backend) }?;
    let capture = optional(capture).transpose()?;
    let control = optional(control).transpose()?;
    proxy::run(frontend, backend, capture, control)
}
