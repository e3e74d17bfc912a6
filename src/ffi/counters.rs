//! Atomic counters. Contract: api.md section 11.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

/// Makes a counter with the value 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_new() -> *mut c_void {
    Box::into_raw(Box::new(AtomicI32::new(0))).cast()
}

/// Sets the value of a counter.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_set(counter: *mut c_void, value: c_int) {
    // SAFETY: NULL or a counter.
    if let Some(counter) = unsafe { counter_at(counter) } {
        counter.store(value, Ordering::SeqCst);
    }
}

/// Adds 1; the value before.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_inc(counter: *mut c_void) -> c_int {
    // SAFETY: NULL or a counter.
    let counter = unsafe { counter_at(counter) };
    counter.map_or(0, |counter| counter.fetch_add(1, Ordering::SeqCst))
}

/// Subtracts 1; 0 if the value is 0 now, else 1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_dec(counter: *mut c_void) -> c_int {
    // SAFETY: NULL or a counter.
    let counter = unsafe { counter_at(counter) };
    counter.map_or(0, |counter| {
        c_int::from(counter.fetch_sub(1, Ordering::SeqCst) != 1)
    })
}

/// The value of a counter.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_value(counter: *mut c_void) -> c_int {
    // SAFETY: NULL or a counter.
    let counter = unsafe { counter_at(counter) };
    counter.map_or(0, |counter| counter.load(Ordering::SeqCst))
}

/// Frees a counter and sets the pointer to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_destroy(counter_p: *mut *mut c_void) {
    if counter_p.is_null() {
        return;
    }
    // SAFETY: not NULL; C promises a pointer there.
    let counter = unsafe { counter_p.replace(std::ptr::null_mut()) };
    if !counter.is_null() {
        // SAFETY: made by zmq_atomic_counter_new, and nobody has it any more.
        drop(unsafe { Box::from_raw(counter.cast::<AtomicI32>()) });
    }
}

unsafe fn counter_at<'a>(counter: *mut c_void) -> Option<&'a AtomicI32> {
    // SAFETY: NULL or made by zmq_atomic_counter_new.
    unsafe { counter.cast::<AtomicI32>().as_ref() }
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with valid arguments"
)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_contract_says() {
        unsafe {
            let mut counter = zmq_atomic_counter_new();
            assert_eq!(zmq_atomic_counter_value(counter), 0);
            assert_eq!(zmq_atomic_counter_inc(counter), 0);
            assert_eq!(zmq_atomic_counter_inc(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 0);
            // Below zero.
            assert_eq!(zmq_atomic_counter_dec(counter), 1);
            assert_eq!(zmq_atomic_counter_value(counter), -1);
            zmq_atomic_counter_set(counter, i32::MAX);
            assert_eq!(zmq_atomic_counter_inc(counter), i32::MAX);
            assert_eq!(zmq_atomic_counter_value(counter), i32::MIN);
            zmq_atomic_counter_destroy(&raw mut counter);
            assert!(counter.is_null());
            zmq_atomic_counter_destroy(&raw mut counter);
        }
    }
}
