//! Targets that call the C functions; see `crate::fuzz`.

#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with arguments that they check"
)]

use std::ffi::{c_int, c_void};

use super::errno;

pub(crate) mod context_options;
pub(crate) mod inet;
pub(crate) mod socket_options;
pub(crate) mod z85;

/// What a buffer holds before a call, and what lies behind it.
const UNTOUCHED: u8 = 0xA5;
/// So much behind a buffer is looked at.
const BEHIND: usize = 16;
/// As much as any buffer has; compared as a whole, because each comparison is one that fuzzers look into.
const BLANK: [u8; 512] = [UNTOUCHED; 512];

/// What a call gave: a value, or `errno`. -1 is a value where `errno` was left alone.
fn answer(call: impl FnOnce() -> c_int) -> Result<c_int, c_int> {
    errno::set(0);
    match (call(), errno::get()) {
        (-1, number) if number != 0 => Err(number),
        (value, _) => Ok(value),
    }
}

/// A buffer of `size` bytes for a getter, which is given pointer and size. What came of the call, and what
/// is in the buffer. Panics if anything else was written to.
fn get(
    size: usize,
    call: impl FnOnce(*mut c_void, *mut usize) -> c_int,
) -> (Result<usize, c_int>, Vec<u8>) {
    let mut buffer = vec![UNTOUCHED; size + BEHIND];
    let mut length = size;
    let result = answer(|| call(buffer.as_mut_ptr().cast(), &raw mut length));
    let behind = buffer.split_off(size);
    assert_eq!(behind, [UNTOUCHED; BEHIND]);
    if let Err(number) = result {
        assert_eq!(number, libc::EINVAL);
        assert_eq!(length, size);
        assert_eq!(buffer, BLANK[..size]);
    }
    (result.map(|_| length), buffer)
}
