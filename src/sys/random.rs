//! The system's random source.

use std::fs::File;
use std::io::{self, Read};

/// Fills `buffer` with random bytes, as good as keys need them.
///
/// # Errors
/// There are none to be had: the process may use neither the system call nor the device.
pub(crate) fn fill(buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // SAFETY: `rest` is live and as long as said.
        let result = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(result) {
            Ok(count) => filled += count,
            // A signal during the wait for the first entropy after boot.
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            // An old system has no such call, and a sandbox may forbid it.
            Err(_) => return File::open("/dev/urandom")?.read_exact(rest),
        }
    }
    Ok(())
}
