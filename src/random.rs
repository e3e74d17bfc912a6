//! Random numbers for ids, jitter and keys, from the system.

#![forbid(unsafe_code)]

/// A uniform number.
pub(crate) fn u32() -> u32 {
    let mut bytes = [0; 4];
    crate::sys::random::fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}
