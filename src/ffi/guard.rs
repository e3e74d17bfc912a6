//! What every exported function runs in: `Result` becomes a return code with `errno`, and no panic reaches C.
//! That the object which a panic passed through is not used again is the business of `handle`.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::errno;
use crate::error::{Error, Result};
use crate::sys::cancel::{self, Shield};

/// A type that C functions return, with the value that means failure.
pub(super) trait Outcome: Copy {
    const FAILURE: Self;
}

impl Outcome for c_int {
    const FAILURE: Self = -1;
}

impl Outcome for c_long {
    const FAILURE: Self = -1;
}

/// zmq_connect_peer, zmq_msg_routing_id.
impl Outcome for u32 {
    const FAILURE: Self = 0;
}

/// zmq_msg_size.
impl Outcome for usize {
    const FAILURE: Self = 0;
}

impl Outcome for *mut c_void {
    const FAILURE: Self = std::ptr::null_mut();
}

impl Outcome for *mut c_char {
    const FAILURE: Self = std::ptr::null_mut();
}

impl Outcome for *mut u8 {
    const FAILURE: Self = std::ptr::null_mut();
}

impl Outcome for *const c_char {
    const FAILURE: Self = std::ptr::null();
}

/// The value of `body`, or [`Outcome::FAILURE`] and `errno`. Nobody ends the thread meanwhile but where it waits.
#[inline]
pub(super) fn call<T: Outcome>(body: impl FnOnce() -> Result<T>) -> T {
    let caught = {
        let _shield = Shield::raise();
        catch_unwind(AssertUnwindSafe(body))
    };
    conclude(caught)
}

/// [`call`] for functions that are called for each message: what makes system calls in them has a shield of its own,
/// but for the report of a panic.
#[inline]
pub(super) fn call_lightly<T: Outcome>(body: impl FnOnce() -> Result<T>) -> T {
    conclude(catch_unwind(AssertUnwindSafe(body)))
}

#[inline(always)]
fn conclude<T: Outcome>(caught: std::thread::Result<Result<T>>) -> T {
    match caught {
        Ok(Ok(value)) => {
            // A wait within may have been cancelled, and another thread have brought what it was for.
            cancel::end_if_due();
            value
        }
        Ok(Err(error)) => {
            fail(error);
            T::FAILURE
        }
        Err(payload) => {
            after_panic(payload);
            T::FAILURE
        }
    }
}

#[inline(never)]
fn fail(error: Error) {
    // A wait that ended with the thread looks like any that was interrupted.
    cancel::end_if_asked();
    errno::set(errno::number(error));
}

/// [`call`] for functions that answer 0.
#[inline]
pub(super) fn done(body: impl FnOnce() -> Result<()>) -> c_int {
    call(|| body().map(|()| 0))
}

/// [`call_lightly`] for functions that answer 0.
#[inline]
pub(super) fn done_lightly(body: impl FnOnce() -> Result<()>) -> c_int {
    call_lightly(|| body().map(|()| 0))
}

/// For functions without a failure value: `fallback` if `body` panics.
#[inline]
pub(super) fn or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        after_panic(payload);
        fallback
    })
}

/// The panic hook has written its report to stderr already.
#[cold]
fn after_panic(payload: Box<dyn std::any::Any + Send>) {
    // Dropping an unknown payload could panic again.
    std::mem::forget(payload);
    errno::set(errno::number(Error::Broken));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_the_failure_value_and_errno() {
        assert_eq!(call(|| Ok(7)), 7);
        assert_eq!(done(|| Err(Error::Again)), -1);
        assert_eq!(errno::get(), libc::EAGAIN);
        let pointer: *mut c_void = call(|| Err(Error::NotSocket));
        assert!(pointer.is_null());
        assert_eq!(errno::get(), libc::ENOTSOCK);
        assert_eq!(call::<u32>(|| Err(Error::Os(5))), 0);
        assert_eq!(errno::get(), 5);
    }

    #[test]
    fn a_panic_is_a_failure() {
        errno::set(0);
        assert_eq!(done(|| panic!("on purpose")), -1);
        assert_eq!(errno::get(), libc::ENOTRECOVERABLE);
        assert_eq!(or(3, || panic!("on purpose")), 3);
    }
}
