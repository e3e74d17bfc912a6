//! zmq_timers_*. Contract: api.md section 10.

use std::ffi::{c_int, c_long, c_void};

use super::guard;
use super::handle::{Cell, Entered, Pool, Tenant};
use super::types::zmq_timer_fn;
use crate::clock;
use crate::error::{Error, Result};
use crate::sys::cancel;
use crate::timers::Timers;

/// Makes a set of timers.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_new() -> *mut c_void {
    guard::call(|| Ok(TIMERS.insert(Handle(Timers::new())).handle()))
}

/// Frees timers and sets the pointer to NULL. -1: EFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_destroy(timers_p: *mut *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: NULL, or C promises a pointer there.
        let handle = unsafe { timers_p.as_mut() }.ok_or(Error::Fault)?;
        // SAFETY: NULL or a handle.
        let cell = unsafe { cell(*handle) }?;
        TIMERS.remove(cell).ok_or(Error::Fault)?;
        *handle = std::ptr::null_mut();
        Ok(())
    })
}

/// Adds a timer that runs every interval ms until it is cancelled. Its id, from 1; -1: EFAULT, also without handler.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_add(
    timers: *mut c_void,
    interval: usize,
    handler: zmq_timer_fn,
    arg: *mut c_void,
) -> c_int {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let mut timers = unsafe { enter(timers) }?;
        let function = handler.ok_or(Error::Fault)?;
        let handler = Handler {
            function,
            argument: arg,
        };
        Ok(timers.0.add(clock::now(), milliseconds(interval), handler))
    })
}

/// Ends a timer. -1: EFAULT, EINVAL if there is none with this id.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_cancel(timers: *mut c_void, timer_id: c_int) -> c_int {
    // SAFETY: NULL or a handle.
    guard::done(|| unsafe { enter(timers) }?.0.cancel(timer_id))
}

/// Gives a timer another interval in ms, beginning now. -1: EFAULT, EINVAL if there is none with this id.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_set_interval(
    timers: *mut c_void,
    timer_id: c_int,
    interval: usize,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let mut timers = unsafe { enter(timers) }?;
        timers
            .0
            .set_interval(clock::now(), timer_id, milliseconds(interval))
    })
}

/// Begins the interval of a timer anew. -1: EFAULT, EINVAL if there is none with this id.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_reset(timers: *mut c_void, timer_id: c_int) -> c_int {
    // SAFETY: NULL or a handle.
    guard::done(|| unsafe { enter(timers) }?.0.reset(clock::now(), timer_id))
}

/// Time in ms until the next timer is due; -1 if there are none. -1: EFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let mut timers = unsafe { enter(timers) }?;
        let timeout = timers.0.timeout(clock::now());
        Ok(timeout.map_or(-1, |timeout| {
            c_long::try_from(timeout).unwrap_or(c_long::MAX)
        }))
    })
}

/// Runs the timers that are due, each once. -1: EFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let cell = unsafe { cell(timers) }?;
        let generation = cell.generation();
        let execution = cell
            .enter()?
            .ok_or(Error::Fault)?
            .0
            .begin_execute(clock::now());
        loop {
            // A handler may have destroyed the timers.
            let Some(mut timers) = cell.enter()? else {
                break;
            };
            if cell.generation() != generation {
                break;
            }
            let Some((id, handler)) = timers.0.next_due(&execution) else {
                break;
            };
            drop(timers);
            // SAFETY: who added it promised that it can be called.
            let call = || unsafe { (handler.function)(id, handler.argument) };
            // SAFETY: pointers have nothing to drop.
            unsafe { cancel::call_out(call) };
        }
        Ok(())
    })
}

#[derive(Clone, Copy)]
struct Handler {
    function: unsafe extern "C-unwind" fn(c_int, *mut c_void),
    argument: *mut c_void,
}

// SAFETY: the argument is only handed back to the program, on the thread that calls zmq_timers_execute.
unsafe impl Send for Handler {}

/// What a timers handle points to.
struct Handle(Timers<Handler>);

impl Tenant for Handle {
    const MAGIC: u32 = 0x5a78_544d;
}

static TIMERS: Pool<Handle> = Pool::new();

unsafe fn cell(handle: *mut c_void) -> Result<&'static Cell<Handle>> {
    // SAFETY: passed on from the caller.
    unsafe { Cell::from_handle(handle) }.ok_or(Error::Fault)
}

unsafe fn enter(handle: *mut c_void) -> Result<Entered<Handle>> {
    // SAFETY: passed on from the caller.
    unsafe { cell(handle) }?.enter()?.ok_or(Error::Fault)
}

fn milliseconds(interval: usize) -> u64 {
    u64::try_from(interval).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with valid arguments"
)]
mod tests {
    use super::*;
    use crate::ffi::version::zmq_errno;
    use std::ptr::null_mut;

    /// What the handlers of one test share.
    struct Log {
        timers: *mut c_void,
        ran: Vec<c_int>,
    }

    unsafe extern "C-unwind" fn note(id: c_int, log: *mut c_void) {
        let log = unsafe { &mut *log.cast::<Log>() };
        log.ran.push(id);
    }

    /// Cancels the other timer and adds one.
    unsafe extern "C-unwind" fn change(id: c_int, log: *mut c_void) {
        unsafe {
            note(id, log);
            let timers = (*log.cast::<Log>()).timers;
            assert_eq!(zmq_timers_cancel(timers, 2), 0);
            assert_eq!(zmq_timers_add(timers, 0, Some(note), log), 3);
        }
    }

    unsafe extern "C-unwind" fn destroy(id: c_int, log: *mut c_void) {
        unsafe {
            note(id, log);
            assert_eq!(zmq_timers_destroy(&raw mut (*log.cast::<Log>()).timers), 0);
        }
    }

    #[test]
    fn handlers_may_change_the_timers() {
        unsafe {
            let timers = zmq_timers_new();
            let mut log = Log {
                timers,
                ran: Vec::new(),
            };
            let arg: *mut c_void = (&raw mut log).cast();
            assert_eq!(zmq_timers_add(timers, 0, Some(change), arg), 1);
            assert_eq!(zmq_timers_add(timers, 0, Some(note), arg), 2);
            assert_eq!(zmq_timers_timeout(timers), 0);
            assert_eq!(zmq_timers_execute(timers), 0);
            assert_eq!((*arg.cast::<Log>()).ran, [1]);
            assert_eq!(zmq_timers_cancel(timers, 2), -1);
            assert_eq!(zmq_errno(), libc::EINVAL);
            assert_eq!(zmq_timers_destroy(&raw mut (*arg.cast::<Log>()).timers), 0);
            let mut foreign = [0u64; 8];
            assert_eq!(zmq_timers_execute(foreign.as_mut_ptr().cast()), -1);
            assert_eq!(zmq_errno(), libc::EFAULT);
        }
    }

    #[test]
    fn a_handler_may_destroy_the_timers() {
        unsafe {
            let timers = zmq_timers_new();
            let mut log = Log {
                timers,
                ran: Vec::new(),
            };
            let arg: *mut c_void = (&raw mut log).cast();
            assert_eq!(zmq_timers_add(timers, 0, Some(destroy), arg), 1);
            assert_eq!(zmq_timers_add(timers, 0, Some(note), arg), 2);
            assert_eq!(zmq_timers_execute(timers), 0);
            assert_eq!((*arg.cast::<Log>()).ran, [1]);
            assert!((*arg.cast::<Log>()).timers.is_null());
        }
    }

    #[test]
    fn arguments_are_checked() {
        unsafe {
            let mut timers = zmq_timers_new();
            assert_eq!(zmq_timers_timeout(timers), -1);
            assert_eq!(zmq_timers_add(timers, 1, None, null_mut()), -1);
            assert_eq!(zmq_errno(), libc::EFAULT);
            assert_eq!(
                zmq_timers_add(timers, usize::MAX, Some(note), null_mut()),
                1
            );
            assert!(zmq_timers_timeout(timers) > 0);
            assert_eq!(zmq_timers_execute(timers), 0);
            assert_eq!(zmq_timers_destroy(&raw mut timers), 0);
            assert!(timers.is_null());
            assert_eq!(zmq_timers_destroy(&raw mut timers), -1);
            assert_eq!(zmq_errno(), libc::EFAULT);
        }
    }
}
