//! Forked children, with locks of the parent held at the fork.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with valid arguments"
)]

use std::ffi::{CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::mpsc;

use super::constants as c;
use super::context::{self, zmq_ctx_get, zmq_ctx_new, zmq_ctx_term};
use super::poller::*;
use super::socket::{zmq_bind, zmq_close, zmq_connect, zmq_recv, zmq_send, zmq_socket};
use super::{arguments, errno};

/// Runs `child` in a forked child; its answer. A child that hangs is ended by a signal.
fn in_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child uses this library and exits without running the parent's handlers.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: no memory is involved.
        unsafe { libc::alarm(10) };
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(c_int::from(!matches!(answer, Ok(true)))) };
    }
    let mut status = -1;
    // SAFETY: waits for the child made above; `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status == 0
}

unsafe fn exchange(context: *mut c_void) -> bool {
    // SAFETY: handles of this test; the buffers are as long as said.
    unsafe {
        let (one, other) = (
            zmq_socket(context, c::ZMQ_PAIR),
            zmq_socket(context, c::ZMQ_PAIR),
        );
        let mut byte = 0u8;
        let endpoint = CString::new(format!("ipc://@zeroxide-{}", std::process::id())).unwrap();
        let done = zmq_bind(one, endpoint.as_ptr()) == 0
            && zmq_connect(other, endpoint.as_ptr()) == 0
            && zmq_send(other, (&raw const byte).cast(), 1, 0) == 1
            && zmq_recv(one, (&raw mut byte).cast(), 1, 0) == 1;
        done && zmq_close(one) == 0 && zmq_close(other) == 0 && zmq_ctx_term(context) == 0
    }
}

#[test]
#[cfg_attr(miri, ignore = "miri cannot fork")]
fn a_socket_that_was_locked_at_the_fork_answers() {
    // SAFETY: handles of this test.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, c::ZMQ_PAIR);
        let cell = arguments::socket(socket).unwrap();
        let (entered, is_entered) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let inside = cell.enter();
            entered.send(()).unwrap();
            let _ = may_leave.recv();
            drop(inside);
        });
        is_entered.recv().unwrap();
        let answers = in_child(|| {
            let send = zmq_send(socket, null_mut(), 0, c::ZMQ_DONTWAIT);
            let refused = send == -1 && errno::get() == libc::EINTR;
            let closed = zmq_close(socket) == 0;
            let twice = zmq_close(socket) == -1 && errno::get() == libc::ENOTSOCK;
            let term = zmq_ctx_term(context) == 0;
            let term_twice = zmq_ctx_term(context) == -1 && errno::get() == libc::EFAULT;
            refused && closed && twice && term && term_twice && exchange(zmq_ctx_new())
        });
        leave.send(()).unwrap();
        holder.join().unwrap();
        assert!(answers, "the child hung or got another answer");
        assert_eq!(zmq_close(socket), 0, "the parent's socket lives");
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

/// Another thread is in zmq_ctx_get, or about to set an option, for the length of the fork.
#[test]
#[cfg_attr(miri, ignore = "miri cannot fork")]
fn a_context_that_was_locked_at_the_fork_answers() {
    // SAFETY: handles of this test.
    unsafe {
        let context = zmq_ctx_new();
        let inside = context::of_handle(context).unwrap();
        let answers = inside.with_options(|_| {
            in_child(|| {
                let get = zmq_ctx_get(context, c::ZMQ_IO_THREADS);
                let refused = get == -1 && errno::get() == libc::EINTR;
                let socket = zmq_socket(context, c::ZMQ_PAIR).is_null();
                let no_socket = socket && errno::get() == libc::EINTR;
                refused && no_socket && zmq_ctx_term(context) == 0
            })
        });
        assert_eq!(answers, Ok(true), "the child hung or got another answer");
        assert_eq!(zmq_ctx_get(context, c::ZMQ_IO_THREADS), 1);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "miri cannot fork")]
fn a_context_without_sockets_serves_the_child() {
    // SAFETY: handles of this test.
    unsafe {
        let context = zmq_ctx_new();
        assert!(in_child(|| exchange(context)));
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

/// The parent's wake-ups are not the child's to take.
#[test]
#[cfg_attr(miri, ignore = "miri cannot fork")]
fn a_poller_stays_with_the_parent() {
    // SAFETY: handles of this test.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, c::ZMQ_PUB);
        let mut poller = zmq_poller_new();
        assert_eq!(zmq_poller_add(poller, socket, null_mut(), 2), 0);
        let mut place = poller;
        assert!(in_child(|| {
            let mut event = MaybeUninit::uninit();
            let waited = zmq_poller_wait(place, event.as_mut_ptr(), 0);
            waited == -1
                && errno::get() == libc::EINTR
                && zmq_poller_size(place) == -1
                && zmq_poller_destroy(&raw mut place) == 0
                && place.is_null()
                && zmq_poller_destroy(&raw mut poller) == -1
                && errno::get() == libc::EFAULT
        }));
        let mut event = MaybeUninit::uninit();
        assert_eq!(zmq_poller_wait(poller, event.as_mut_ptr(), -1), 0);
        assert_eq!(event.assume_init().socket, socket);
        assert_eq!(zmq_poller_destroy(&raw mut poller), 0);
        assert_eq!(zmq_close(socket), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}
