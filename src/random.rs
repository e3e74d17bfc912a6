//! Random numbers for ids, jitter and keys, from the system.

#![forbid(unsafe_code)]

use crate::sys;

/// A uniform number.
pub(crate) fn u32() -> u32 {
    u32::from_ne_bytes(bytes())
}

/// Uniform bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Fills a buffer with uniform bytes.
pub(crate) fn fill(buffer: &mut [u8]) {
    sys::random::fill(buffer);
}
