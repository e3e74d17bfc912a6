//! Draft functions on sockets: groups and peers. Contract: functions.tsv.

use std::ffi::{c_char, c_int, c_void};

use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::socket::api;

/// Lets a DISH receive a group. -1: ENOTSOCK, ENOTSUP for another type, EINVAL if the name is longer than 255 bytes or
/// was joined before.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { change_group(socket, group) })
}

/// Ends zmq_join. -1: ENOTSOCK, ENOTSUP for another type, EINVAL if the group was not joined.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { change_group(socket, group) })
}

/// zmq_connect of a PEER. The routing id of the new peer; 0: ENOTSOCK, ENOTSUP for another type, EFAULT with
/// ZMQ_IMMEDIATE, and those of zmq_connect.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect_peer(
    socket: *mut c_void,
    endpoint: *const c_char,
) -> u32 {
    let _ = endpoint;
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let _socket = unsafe { arguments::socket(socket) }?;
        Err(Error::NotSupported)
    })
}

/// Ends the connection of a SERVER or PEER to a peer. -1: ENOTSOCK, ENOTSUP for another type, EHOSTUNREACH.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_disconnect_peer(socket: *mut c_void, routing_id: u32) -> c_int {
    let _ = routing_id;
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let _socket = unsafe { arguments::socket(socket) }?;
        Err(Error::NotSupported)
    })
}

/// Whether a ROUTER can send to a peer: ZMQ_POLLOUT or 0. -1: ENOTSOCK, ENOTSUP for another type, EHOSTUNREACH.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: C promises the bytes.
        let routing_id = unsafe { arguments::bytes(routing_id, routing_id_size) }?;
        api::peer_state(socket, routing_id)
    })
}

unsafe fn change_group(socket: *mut c_void, group: *const c_char) -> Result<()> {
    let _ = group;
    // SAFETY: NULL or a handle.
    let _socket = unsafe { arguments::socket(socket) }?;
    // There is no DISH yet: the socket is of another type, which comes before complaints about the name.
    Err(Error::NotSupported)
}
