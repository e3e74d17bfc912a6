//! The types of `zmq.h`. Contract: constants.tsv, group "layout".
//!
//! `zmq_msg_t`, `zmq_fd_t` and the function types are written by hand in the preamble of `cbindgen.toml`.

#![allow(non_camel_case_types, reason = "the names of zmq.h")]

use std::ffi::{c_int, c_short, c_void};

/// A message; only zmq_msg_* may look inside.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct zmq_msg_t {
    _bytes: [u8; 64],
}

#[cfg(test)]
impl zmq_msg_t {
    /// Memory in which there is no message.
    pub(super) const fn zeroed() -> Self {
        Self { _bytes: [0; 64] }
    }
}

/// A descriptor of the system.
pub type zmq_fd_t = c_int;

/// Takes back a buffer given to zmq_msg_init_data.
pub type zmq_free_fn = Option<unsafe extern "C-unwind" fn(data: *mut c_void, hint: *mut c_void)>;

/// Runs when a timer is due.
pub type zmq_timer_fn = Option<unsafe extern "C-unwind" fn(timer_id: c_int, arg: *mut c_void)>;

/// Runs in a thread started by zmq_threadstart.
pub type zmq_thread_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// One thing for zmq_poll to watch: a socket or, if that is NULL, a descriptor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zmq_pollitem_t {
    /// The socket, or NULL.
    pub socket: *mut c_void,
    /// The descriptor, if there is no socket.
    pub fd: zmq_fd_t,
    /// What to watch: ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR, ZMQ_POLLPRI.
    pub events: c_short,
    /// What of it was found.
    pub revents: c_short,
}

/// What zmq_poller_wait found: a socket or, if that is NULL, a descriptor.
#[cfg(draft_api)]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zmq_poller_event_t {
    /// The socket, or NULL.
    pub socket: *mut c_void,
    /// The descriptor, or -1.
    pub fd: zmq_fd_t,
    /// What was given when it was added.
    pub user_data: *mut c_void,
    /// What can be done.
    pub events: c_short,
}

const _: () = {
    assert!(size_of::<zmq_msg_t>() == 64 && align_of::<zmq_msg_t>() == 8);
    assert!(size_of::<zmq_pollitem_t>() == 16 && align_of::<zmq_pollitem_t>() == 8);
};

#[cfg(draft_api)]
const _: () = assert!(size_of::<zmq_poller_event_t>() == 32);
