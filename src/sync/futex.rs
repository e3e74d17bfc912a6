//! Sleeping on a word of the process's own memory.

#![allow(unsafe_code, reason = "the futex system call")]

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use libc::{c_int, c_long, timespec};

/// Sleeps while the word has this value, not longer than `timeout`: true if that is over. Returns spuriously at will.
pub(crate) fn wait(word: &AtomicU32, value: u32, timeout: Duration) -> bool {
    let timeout = timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        // Less than a thousand million.
        tv_nsec: timeout.subsec_nanos() as c_long,
    };
    call(word, libc::FUTEX_WAIT, value, &raw const timeout) == -1
        && io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT)
}

/// Wakes one of those that sleep on the word.
pub(crate) fn wake_one(word: &AtomicU32) {
    call(word, libc::FUTEX_WAKE, 1, ptr::null());
}

/// Wakes all of them.
pub(crate) fn wake_all(word: &AtomicU32) {
    call(word, libc::FUTEX_WAKE, c_int::MAX as u32, ptr::null());
}

/// `timeout`: NULL, or readable. The kernel reads the word to wait, and else uses its address as a key only.
fn call(word: &AtomicU32, operation: c_int, value: u32, timeout: *const timespec) -> c_long {
    // SAFETY: the word is alive; the kernel reads it and the time, and nothing else.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            timeout,
        )
    }
}
