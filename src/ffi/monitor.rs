//! Socket monitors. Contract: api.md section 9.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::{arguments, constants as c, guard};
use crate::error::Result;
use crate::socket::api;

/// Sends the events of a mask to a PAIR socket bound at an inproc endpoint; NULL stops that. -1: ENOTSOCK, ETERM,
/// EINVAL, EPROTONOSUPPORT, EADDRINUSE, EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: c_int,
) -> c_int {
    // A negative mask has bits that version 1 does not know.
    let events = i64::from(events) as u64;
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { start(socket, endpoint, events, 1, c::ZMQ_PAIR) })
}

/// zmq_socket_monitor with a version of the events (1 or 2) and a socket type (PAIR, PUB, PUSH). -1: EINVAL also for
/// another version or type.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor_versioned(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: u64,
    event_version: c_int,
    r#type: c_int,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { start(socket, endpoint, events, event_version, r#type) })
}

/// Asks for a ZMQ_EVENT_PIPES_STATS per connection. -1: ENOTSOCK, EINVAL if the event is not monitored, EAGAIN if there
/// are no connections.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor_pipes_stats(socket: *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        api::report_pipes(socket)
    })
}

unsafe fn start(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: u64,
    version: c_int,
    socket_type: c_int,
) -> Result<()> {
    // SAFETY: NULL or a handle.
    let socket = unsafe { arguments::socket(socket) }?;
    // SAFETY: NULL or a text.
    let endpoint = unsafe { arguments::text(endpoint) };
    api::monitor(
        socket,
        endpoint.map(CStr::to_bytes),
        events,
        version,
        socket_type,
    )
}
