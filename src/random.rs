//! Random numbers for ids, jitter and keys, from the system.

#![forbid(unsafe_code)]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::sys;

/// A uniform number, for what is no secret.
pub(crate) fn u32() -> u32 {
    let mut bytes = [0; 4];
    match fill(&mut bytes) {
        Ok(()) => u32::from_ne_bytes(bytes),
        Err(_) => unlike_others(),
    }
}

/// A number that is hardly ever the same, where the system has no random ones.
fn unlike_others() -> u32 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = (clock::now(), std::process::id(), count);
    BuildHasherDefault::<DefaultHasher>::default().hash_one(seed) as u32
}

/// Uniform bytes.
///
/// # Errors
/// As of [`fill`].
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills a buffer with uniform bytes, as good as keys need them.
///
/// # Errors
/// That of the system, which has none: then there is no key either.
pub(crate) fn fill(buffer: &mut [u8]) -> io::Result<()> {
    sys::random::fill(buffer)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_differ() {
        let drawn: HashSet<_> = (0..100).map(|_| u32()).collect();
        assert!(drawn.len() > 95);
        let made_up: HashSet<_> = (0..100).map(|_| unlike_others()).collect();
        assert!(made_up.len() > 95);
        assert_ne!(bytes::<16>().unwrap(), bytes::<16>().unwrap());
    }
}
