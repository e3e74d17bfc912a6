//! Z85 text. Contract: api.md section 11; RFC 32.

use std::ffi::{c_char, c_void};

use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::z85;

/// Writes size bytes as Z85 text with a NUL to dest, which needs size * 5 / 4 + 1 bytes. dest, or NULL: EINVAL if
/// size is not a multiple of 4.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_z85_encode(
    dest: *mut c_char,
    data: *const u8,
    size: usize,
) -> *mut c_char {
    guard::call(|| {
        if !size.is_multiple_of(4) {
            return Err(Error::Invalid);
        }
        // SAFETY: C promises the bytes.
        let data = unsafe { arguments::bytes(data.cast(), size) }?;
        let length = size / 4 * 5;
        // SAFETY: C promises the space.
        let text = unsafe { destination(dest.cast(), length + 1) }?;
        let written = z85::encode(data, text)?;
        *text.get_mut(written).ok_or(Error::Invalid)? = 0;
        Ok(dest)
    })
}

/// Writes the bytes of a Z85 text to dest, which needs 4/5 of the text's length. dest, or NULL: EINVAL if the
/// length is 0 or not a multiple of 5, or the text is not Z85; dest may have been written to.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_z85_decode(dest: *mut u8, string: *const c_char) -> *mut u8 {
    guard::call(|| {
        // SAFETY: NULL or a text.
        let text = unsafe { arguments::text(string) }
            .ok_or(Error::Fault)?
            .to_bytes();
        if text.is_empty() || !text.len().is_multiple_of(5) {
            return Err(Error::Invalid);
        }
        // SAFETY: C promises the space.
        let data = unsafe { destination(dest.cast(), text.len() / 5 * 4) }?;
        z85::decode(text, data)?;
        Ok(dest)
    })
}

/// Never empty, so never NULL.
unsafe fn destination<'a>(dest: *mut c_void, length: usize) -> Result<&'a mut [u8]> {
    if dest.is_null() {
        return Err(Error::Fault);
    }
    // SAFETY: passed on from the caller.
    unsafe { arguments::buffer(dest, length) }
}
