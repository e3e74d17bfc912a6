//! The system's random source.

/// Fills `buffer` with random bytes.
pub(crate) fn fill(buffer: &mut [u8]) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // SAFETY: `rest` is live and as long as said.
        let result = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        // Only a signal during the wait for the first entropy after boot makes it fail: again.
        filled += usize::try_from(result).unwrap_or(0);
    }
}
