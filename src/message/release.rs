//! When and where a user's free functions run: never while the library holds a lock on this thread, and not on the
//! thread that closes a socket.

#![allow(
    unsafe_code,
    reason = "runs functions that C supplied, part of the message fence"
)]

use std::cell::Cell;
use std::ptr;

use super::storage::{Foreign, dispose_foreign};

/// While one of these lives, the calling thread collects free functions instead of running them; the
/// outermost one runs them, in order, when it is dropped.
///
/// It is to be made before any lock is taken, and to be dropped after the last one is released.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The thread's own, looked up once: in a shared library that is a call.
    state: *const State,
}

impl Hold {
    pub(crate) fn new() -> Self {
        STATE.with(|state| {
            state.depth.set(state.depth.get() + 1);
            Self { state }
        })
    }

    #[inline]
    fn state(&self) -> &State {
        // SAFETY: a pointer that is not `Send` keeps this on its thread, whose state is there at any time.
        unsafe { &*self.state }
    }

    /// What was collected so far, for another thread to release. `None` if there is nothing.
    pub(crate) fn take(&self) -> Option<Released> {
        let state = self.state();
        let first = state.first.replace(ptr::null_mut());
        state.last.set(ptr::null_mut());
        (!first.is_null()).then_some(Released { first })
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        let state = self.state();
        let depth = state.depth.get() - 1;
        state.depth.set(depth);
        if depth == 0 && !state.first.get().is_null() {
            state.run_all();
        }
    }
}

/// Users' buffers that nobody holds any more. Their free functions run when this is dropped, on that thread and as
/// [`Hold`] allows there.
#[derive(Debug)]
pub(crate) struct Released {
    /// The list of [`State`]; not empty.
    first: *mut Foreign,
}

// SAFETY: the blocks are known to nobody else, and C's free functions may run on any thread
// (zmq_msg_init_data says so).
unsafe impl Send for Released {}

impl Drop for Released {
    fn drop(&mut self) {
        while !self.first.is_null() {
            let first = self.first;
            // SAFETY: blocks in the list are live until they are taken out, which is done here.
            self.first = unsafe { (*first).next };
            // SAFETY: the block is live.
            unsafe { (*first).next = ptr::null_mut() }
            // SAFETY: it was given up by `append`'s caller and is in the list no more.
            unsafe { release(first) }
        }
    }
}

/// Runs the free function of a user's buffer that nobody holds any more, or keeps it for the
/// outermost [`Hold`].
///
/// # Safety
/// `buffer` is a live block, its count is zero, and the caller gives it up.
// Not inlined: the address of the state would be asked for, by a call, wherever a body of any kind is dropped.
#[inline(never)]
pub(super) unsafe fn release(buffer: *mut Foreign) {
    STATE.with(|state| {
        if state.depth.get() == 0 {
            // SAFETY: passed on from the caller.
            unsafe { dispose_foreign(buffer) }
        } else {
            // SAFETY: passed on from the caller.
            unsafe { state.append(buffer) }
        }
    });
}

/// What a thread has collected: a list through the blocks themselves, so that collecting allocates
/// nothing and the thread's end has nothing to destroy. For the latter reason it is there at any time, also
/// while other thread-locals are being destroyed.
struct State {
    depth: Cell<usize>,
    running: Cell<bool>,
    first: Cell<*mut Foreign>,
    last: Cell<*mut Foreign>,
}

thread_local! {
    static STATE: State = const {
        State {
            depth: Cell::new(0),
            running: Cell::new(false),
            first: Cell::new(ptr::null_mut()),
            last: Cell::new(ptr::null_mut()),
        }
    };
}

impl State {
    /// # Safety
    /// As [`release`].
    unsafe fn append(&self, buffer: *mut Foreign) {
        let last = self.last.replace(buffer);
        if last.is_null() {
            self.first.set(buffer);
        } else {
            // SAFETY: blocks in the list are live until `run_all` takes them out.
            unsafe { (*last).next = buffer }
        }
    }

    /// A function may use the library, and so come here again: the loop already running goes on
    /// then, which keeps the order and does not nest.
    #[cold]
    fn run_all(&self) {
        if self.running.replace(true) {
            return;
        }
        loop {
            let first = self.first.get();
            if first.is_null() {
                break;
            }
            // SAFETY: blocks in the list are live until they are taken out, which is done here.
            let next = unsafe { (*first).next };
            self.first.set(next);
            if next.is_null() {
                self.last.set(ptr::null_mut());
            }
            // SAFETY: it was given up by `append`'s caller and is in the list no more.
            unsafe { dispose_foreign(first) }
        }
        self.running.set(false);
    }
}
