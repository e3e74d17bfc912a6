//! From C arguments to Rust values.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::time::Duration;

use super::constants as c;
use super::handle::Cell;
use crate::error::{Error, Result};
use crate::socket::api::SocketCell;

/// The socket behind a handle. Errors: `NotSocket`.
pub(super) unsafe fn socket(handle: *mut c_void) -> Result<&'static SocketCell> {
    // SAFETY: C passes NULL or a handle that it was given.
    unsafe { Cell::from_handle(handle) }.ok_or(Error::NotSocket)
}

/// `length` readable bytes. Errors: `Fault` for NULL unless there are none; `NoMemory` for more than memory has.
pub(super) unsafe fn bytes<'a>(data: *const c_void, length: usize) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Error::Fault);
    }
    if isize::try_from(length).is_err() {
        return Err(Error::NoMemory);
    }
    // SAFETY: not NULL, not too long; C promises the bytes.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

/// `length` writable bytes, which need not have a value yet. Errors: `Fault` for NULL unless there are none.
pub(super) unsafe fn space<'a>(
    data: *mut c_void,
    length: usize,
) -> Result<&'a mut [MaybeUninit<u8>]> {
    if length == 0 {
        return Ok(&mut []);
    }
    if data.is_null() {
        return Err(Error::Fault);
    }
    // Callers may name a length that no memory has.
    let length = length.min(isize::MAX as usize);
    // SAFETY: not NULL, not too long; C promises the space.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), length) })
}

/// The buffer of a getter, with what it holds. Errors: `Invalid` for NULL unless it has no length.
pub(super) unsafe fn buffer<'a>(data: *mut c_void, length: usize) -> Result<&'a mut [u8]> {
    // SAFETY: passed on from the caller.
    let space = unsafe { space(data, length) }.map_err(|_| Error::Invalid)?;
    let bytes: *mut [MaybeUninit<u8>] = space;
    // SAFETY: memory that C passes has some value in every byte.
    Ok(unsafe { &mut *(bytes as *mut [u8]) })
}

/// A text, without its NUL; `None` for NULL.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: not NULL below; C promises the NUL at its end.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// A timeout in ms; negative = for ever = `None`.
pub(super) fn timeout(milliseconds: c_long) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// A size as a return code.
pub(super) fn capped(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

pub(super) fn dont_wait(flags: c_int) -> bool {
    flags & c::ZMQ_DONTWAIT != 0
}

pub(super) fn send_more(flags: c_int) -> bool {
    flags & c::ZMQ_SNDMORE != 0
}

/// Both event fields of the C structs are `short`. Errors: `Invalid` for unknown bits.
pub(super) fn events(bits: i16) -> Result<i16> {
    const KNOWN: c_int = c::ZMQ_POLLIN | c::ZMQ_POLLOUT | c::ZMQ_POLLERR | c::ZMQ_POLLPRI;
    if c_int::from(bits) & !KNOWN != 0 {
        return Err(Error::Invalid);
    }
    Ok(bits)
}
