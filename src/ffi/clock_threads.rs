//! Stopwatches, sleeping, threads. Contract: api.md section 11.

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::mem::MaybeUninit;
use std::time::Instant;

use super::guard;
use super::types::zmq_thread_fn;
use crate::clock;
use crate::error::{Error, Result};

/// Starts a stopwatch.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_start() -> *mut c_void {
    Box::into_raw(Box::new(clock::now())).cast()
}

/// Microseconds since the start.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_intermediate(watch: *mut c_void) -> c_ulong {
    // SAFETY: NULL or made by zmq_stopwatch_start.
    let start = unsafe { watch.cast::<Instant>().as_ref() };
    start.map_or(0, microseconds_since)
}

/// Microseconds since the start; frees the stopwatch.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_stop(watch: *mut c_void) -> c_ulong {
    if watch.is_null() {
        return 0;
    }
    // SAFETY: made by zmq_stopwatch_start, and stopped once.
    let start = unsafe { Box::from_raw(watch.cast::<Instant>()) };
    microseconds_since(&start)
}

/// Sleeps for whole seconds, or until a signal comes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sleep(seconds: c_int) {
    let Ok(seconds) = c_uint::try_from(seconds) else {
        return;
    };
    unsafe extern "C-unwind" {
        fn sleep(seconds: c_uint) -> c_uint;
    }
    // A thread may be cancelled there, and then ends through here.
    // SAFETY: any number is allowed.
    unsafe { sleep(seconds) };
}

/// Runs a function in a new thread, in which all signals are blocked. NULL and errno if there can be
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_threadstart(
    func: zmq_thread_fn,
    arg: *mut c_void,
) -> *mut c_void {
    guard::call(|| {
        let function = func.ok_or(Error::Fault)?;
        let thread = start(Start {
            function,
            argument: arg,
        })?;
        Ok(Box::into_raw(Box::new(thread)).cast())
    })
}

/// Waits until the thread has ended, and frees the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_threadclose(thread: *mut c_void) {
    if thread.is_null() {
        return;
    }
    // SAFETY: made by zmq_threadstart, and closed once.
    let thread = *unsafe { Box::from_raw(thread.cast::<libc::pthread_t>()) };
    unsafe extern "C-unwind" {
        fn pthread_join(thread: libc::pthread_t, value: *mut *mut c_void) -> c_int;
    }
    // A thread may be cancelled there, and then ends through here.
    // SAFETY: a thread that is joined only here.
    unsafe { pthread_join(thread, std::ptr::null_mut()) };
}

fn microseconds_since(start: &Instant) -> c_ulong {
    let elapsed = clock::now().saturating_duration_since(*start);
    c_ulong::try_from(elapsed.as_micros()).unwrap_or(c_ulong::MAX)
}

/// What a new thread is to do.
struct Start {
    function: unsafe extern "C-unwind" fn(*mut c_void),
    argument: *mut c_void,
}

/// Not a thread of the standard library: the function may need the stack that the system gives by default.
fn start(start: Start) -> Result<libc::pthread_t> {
    unsafe extern "C" {
        // As libc declares it, but that a thread may end by an exception of the C library.
        fn pthread_create(
            thread: *mut libc::pthread_t,
            attributes: *const libc::pthread_attr_t,
            run: extern "C-unwind" fn(*mut c_void) -> *mut c_void,
            argument: *mut c_void,
        ) -> c_int;
    }
    let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let start = Box::into_raw(Box::new(start));
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: two sets. The new thread inherits what is blocked here.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: `run` takes the box over, if it runs.
    let status = unsafe {
        pthread_create(
            thread.as_mut_ptr(),
            std::ptr::null(),
            run,
            start.cast::<c_void>(),
        )
    };
    // SAFETY: the set was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    if status != 0 {
        // SAFETY: no thread took it over.
        drop(unsafe { Box::from_raw(start) });
        return Err(Error::Os(status));
    }
    // SAFETY: written, since a thread was made.
    Ok(unsafe { thread.assume_init() })
}

/// Nothing in it has to be dropped where the function is called: the thread may end there.
extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: the box that `start` gave to this thread.
    let start = *unsafe { Box::from_raw(start.cast::<Start>()) };
    // SAFETY: no arguments.
    let own = unsafe { libc::pthread_self() };
    // SAFETY: a thread that runs, and a short text.
    unsafe { libc::pthread_setname_np(own, c"ZMQapp".as_ptr()) };
    // SAFETY: the caller of zmq_threadstart promised it.
    unsafe { (start.function)(start.argument) };
    std::ptr::null_mut()
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with valid arguments"
)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_stopwatch_does_not_run_backwards() {
        unsafe {
            let watch = zmq_stopwatch_start();
            let first = zmq_stopwatch_intermediate(watch);
            let second = zmq_stopwatch_intermediate(watch);
            assert!(first <= second);
            assert!(second <= zmq_stopwatch_stop(watch));
        }
    }

    #[derive(Default)]
    struct Seen {
        name: String,
        blocked: bool,
    }

    unsafe extern "C-unwind" fn look(seen: *mut c_void) {
        let seen = unsafe { &mut *seen.cast::<Seen>() };
        let mut name = [0; 16];
        let mut set = MaybeUninit::uninit();
        unsafe {
            libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), name.len());
            seen.name = CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
            let set = set.assume_init();
            seen.blocked = libc::sigismember(&raw const set, libc::SIGUSR1) == 1
                && libc::sigismember(&raw const set, libc::SIGINT) == 1;
        }
    }

    #[test]
    fn a_thread_has_its_name_and_no_signals() {
        let mut seen = Seen::default();
        unsafe {
            let thread = zmq_threadstart(Some(look), (&raw mut seen).cast());
            zmq_threadclose(thread);
            let mut set = MaybeUninit::uninit();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
            let set = set.assume_init();
            assert_eq!(libc::sigismember(&raw const set, libc::SIGUSR1), 0);
            assert!(zmq_threadstart(None, std::ptr::null_mut()).is_null());
        }
        assert_eq!(seen.name, "ZMQapp");
        assert!(seen.blocked);
    }
}
