//! zmq_poller_*. Contract: api.md section 7.
//!
//! There are no pollers yet: zmq_poller_new fails with ENOTSUP, and so no handle is one (EFAULT).

use std::ffi::{c_int, c_long, c_short, c_void};

use super::types::{zmq_fd_t, zmq_poller_event_t};
use super::{arguments, guard};
use crate::error::{Error, Result};

/// Makes a poller. NULL and errno on failure.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_new() -> *mut c_void {
    guard::call(|| Err(Error::NotSupported))
}

/// Frees a poller and sets the pointer to NULL. -1: EFAULT.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_destroy(poller_p: *mut *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: NULL, or C promises a pointer there.
        let poller = unsafe { poller_p.as_mut() }.ok_or(Error::Fault)?;
        of_handle(*poller)
    })
}

/// How many sockets and descriptors a poller watches. -1: EFAULT.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    guard::done(|| of_handle(poller))
}

/// Lets a poller watch a socket. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or if it does already, EMFILE, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    let _ = user_data;
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { with_socket(poller, socket, events) })
}

/// Changes what a poller watches a socket for. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or if it does not.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { with_socket(poller, socket, events) })
}

/// Ends zmq_poller_add; must come before zmq_close. -1: EFAULT, ENOTSOCK, EINVAL if the socket is not watched.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_remove(poller: *mut c_void, socket: *mut c_void) -> c_int {
    // SAFETY: NULL or handles.
    guard::done(|| unsafe { with_socket(poller, socket, 0) })
}

/// Lets a poller watch a descriptor. -1: EFAULT, EBADF for -1, EINVAL for unknown events or if it does already, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    let _ = user_data;
    guard::done(|| with_descriptor(poller, fd, events))
}

/// Changes what a poller watches a descriptor for. -1: EFAULT, EBADF, EINVAL for unknown events or if it does not.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_modify_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    events: c_short,
) -> c_int {
    guard::done(|| with_descriptor(poller, fd, events))
}

/// Ends zmq_poller_add_fd. -1: EFAULT, EBADF, EINVAL if the descriptor is not watched.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_remove_fd(poller: *mut c_void, fd: zmq_fd_t) -> c_int {
    guard::done(|| with_descriptor(poller, fd, 0))
}

/// Waits for one event, at most timeout ms (-1 = for ever). -1: EFAULT, EAGAIN when the time is over, ETERM, EINTR,
/// ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut zmq_poller_event_t,
    timeout: c_long,
) -> c_int {
    let _ = (event, timeout);
    guard::done(|| of_handle(poller))
}

/// Waits for at most n_events events, at most timeout ms (-1 = for ever). How many; -1: EFAULT, EINVAL if n_events is
/// negative, EAGAIN when the time is over, ETERM, EINTR, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> c_int {
    let _ = (events, n_events, timeout);
    guard::done(|| of_handle(poller))
}

/// The descriptor that becomes readable when a thread-safe socket of a poller needs attention. -1: EFAULT, EINVAL if it
/// never had one.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut zmq_fd_t) -> c_int {
    let _ = fd;
    guard::done(|| of_handle(poller))
}

/// Errors: `Fault`, always, until there are pollers.
fn of_handle(poller: *mut c_void) -> Result<()> {
    let _ = poller;
    Err(Error::Fault)
}

/// The checks in their order: poller, socket, events.
unsafe fn with_socket(poller: *mut c_void, socket: *mut c_void, events: i16) -> Result<()> {
    of_handle(poller)?;
    // SAFETY: passed on from the caller.
    let _socket = unsafe { arguments::socket(socket) }?;
    arguments::events(events)?;
    Err(Error::NotSupported)
}

/// The checks in their order: poller, descriptor, events.
fn with_descriptor(poller: *mut c_void, fd: zmq_fd_t, events: i16) -> Result<()> {
    of_handle(poller)?;
    if fd == -1 {
        return Err(Error::BadDescriptor);
    }
    arguments::events(events)?;
    Err(Error::NotSupported)
}
