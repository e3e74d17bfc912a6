//! How option values travel through the buffers of zmq_setsockopt and zmq_getsockopt
//! (contract: socket_options.tsv, the length columns). All errors are `Invalid`.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::error::{Error, Result};
use crate::sodium::PublicKey;
use crate::z85;

/// How a byte value of length 0 is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// Refused.
    Refused,
    /// Taken if the pointer is NULL.
    Null,
    /// Taken whatever the pointer.
    Taken,
    /// The same, and a NULL pointer stands for it whatever the length.
    NullOfAnyLength,
}

/// A value of exactly N bytes.
pub(crate) fn array<const N: usize>(input: Option<&[u8]>) -> Result<[u8; N]> {
    input
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Invalid)
}

/// An int within `accepts`.
pub(crate) fn int(input: Option<&[u8]>, accepts: &RangeInclusive<i32>) -> Result<i32> {
    let value = i32::from_ne_bytes(array(input)?);
    if accepts.contains(&value) {
        Ok(value)
    } else {
        Err(Error::Invalid)
    }
}

/// Bytes with a length within `lengths`; an empty value as `empty` says.
pub(crate) fn bytes<'a>(
    input: Option<&'a [u8]>,
    lengths: &RangeInclusive<usize>,
    empty: Empty,
) -> Result<&'a [u8]> {
    match (input, empty) {
        (None, Empty::Null | Empty::Taken | Empty::NullOfAnyLength)
        | (Some([]), Empty::Taken | Empty::NullOfAnyLength) => Ok(&[]),
        (Some(bytes), _) if !bytes.is_empty() && lengths.contains(&bytes.len()) => Ok(bytes),
        _ => Err(Error::Invalid),
    }
}

/// A CURVE key, written over what `key` holds: 32 bytes, or Z85 text of 40 characters, with a NUL or without. A shorter
/// text with NULs behind it is written over the front. Part of it may have been written when there is an error.
pub(crate) fn key(input: Option<&[u8]>, key: &mut PublicKey) -> Result<()> {
    let input = input.ok_or(Error::Invalid)?;
    let text = match input.len() {
        BINARY_KEY => {
            key.copy_from_slice(input);
            return Ok(());
        }
        KEY_TEXT => input,
        KEY_TEXT_WITH_NUL => input.split(|byte| *byte == 0).next().unwrap_or_default(),
        _ => return Err(Error::Invalid),
    };
    z85::decode(text, key).map(drop)
}

/// Writes a CURVE key into a buffer of 32 bytes, or as Z85 text with a NUL into one of 41.
pub(crate) fn write_key(buffer: &mut [u8], key: &PublicKey) -> Result<usize> {
    match buffer {
        [text @ .., nul] if text.len() == KEY_TEXT => {
            z85::encode(key, text)?;
            *nul = 0;
            Ok(KEY_TEXT_WITH_NUL)
        }
        _ => write_exactly(buffer, key),
    }
}

const BINARY_KEY: usize = size_of::<PublicKey>();
const KEY_TEXT: usize = BINARY_KEY / 4 * 5;
const KEY_TEXT_WITH_NUL: usize = KEY_TEXT + 1;

/// Writes `value` into a buffer of its very size; returns the size.
pub(crate) fn write_exactly(buffer: &mut [u8], value: &[u8]) -> Result<usize> {
    if buffer.len() != value.len() {
        return Err(Error::Invalid);
    }
    write_padded(buffer, value)
}

/// Writes `value` into a buffer that may be longer; the rest becomes zero. Returns the value's size.
pub(crate) fn write_padded(buffer: &mut [u8], value: &[u8]) -> Result<usize> {
    let (front, rest) = buffer
        .split_at_mut_checked(value.len())
        .ok_or(Error::Invalid)?;
    front.copy_from_slice(value);
    rest.fill(0);
    Ok(value.len())
}

/// As [`write_padded`], but at least one zero must follow and is counted.
pub(crate) fn write_text(buffer: &mut [u8], value: &[u8]) -> Result<usize> {
    if buffer.len() <= value.len() {
        return Err(Error::Invalid);
    }
    Ok(write_padded(buffer, value)? + 1)
}
