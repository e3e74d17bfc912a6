//! Frames of ZMTP 1.0: `length flags body`, where length counts the flags too (contract: zmtp.md section
//! 3.1; RFC 13/ZMTP).

#![forbid(unsafe_code)]

use super::frame::{Header, MORE};
use crate::error::{Error, Result};
use crate::protocol::ProtocolError;

/// Instead of a length: it follows as a uint64.
const LONG: u8 = 0xFF;
const SHORT_HEADER: usize = 2;
const LONG_HEADER: usize = 10;

/// The header of a frame with a body of `length` bytes, and how much of the array it is.
pub(super) fn header(more: bool, length: usize) -> ([u8; LONG_HEADER], usize) {
    let mut header = [0; LONG_HEADER];
    let flags = if more { MORE } else { 0 };
    // Bodies are shorter than the address space.
    let counted = (length as u64).saturating_add(1);
    match u8::try_from(counted) {
        Ok(short) if short != LONG => {
            [header[0], header[1]] = [short, flags];
            (header, SHORT_HEADER)
        }
        _ => {
            let [first, count @ .., last] = &mut header;
            (*first, *count, *last) = (LONG, counted.to_be_bytes(), flags);
            (header, LONG_HEADER)
        }
    }
}

/// Appends a frame whose body is the concatenation of `parts`.
///
/// # Errors
/// [`Error::NoMemory`] if `out` cannot grow; nothing is appended then.
pub(super) fn append_frame(more: bool, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let length = parts.iter().map(|part| part.len()).sum();
    out.try_reserve(LONG_HEADER + length)
        .map_err(|_| Error::NoMemory)?;
    let (header, size) = header(more, length);
    out.extend(header.iter().take(size));
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// The header at the front of `input`; `None` if there is not all of it. Of the flags only MORE counts.
///
/// # Errors
/// [`ProtocolError::EmptyFrame`]: not even flags.
pub(super) fn parse_header(input: &[u8]) -> std::result::Result<Option<Header>, ProtocolError> {
    let (counted, rest, size) = match input {
        [] => return Ok(None),
        [LONG, rest @ ..] => match rest.split_first_chunk() {
            Some((&counted, rest)) => (u64::from_be_bytes(counted), rest, LONG_HEADER),
            None => return Ok(None),
        },
        [counted, rest @ ..] => (u64::from(*counted), rest, SHORT_HEADER),
    };
    let length = counted.checked_sub(1).ok_or(ProtocolError::EmptyFrame)?;
    Ok(rest.first().map(|flags| Header {
        flags: flags & MORE,
        size,
        length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_begins_with_a_body_of_254_bytes() {
        for (length, expected) in [
            (0, vec![1, 1]),
            (253, vec![0xFE, 1]),
            (254, vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0xFF, 1]),
            (255, vec![0xFF, 0, 0, 0, 0, 0, 0, 1, 0, 1]),
            (70_000, vec![0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 1]),
        ] {
            let (bytes, size) = header(true, length);
            assert_eq!(bytes[..size], expected);
            let body = vec![b'z'; length];
            let (front, back) = body.split_at(length / 3);
            let mut out = Vec::new();
            append_frame(true, &[front, back], &mut out).unwrap();
            assert_eq!(out, [expected, body].concat());
        }
    }

    #[test]
    fn headers_parse_from_all_their_bytes_only() {
        for (bytes, length) in [
            (vec![1, 0xF1], 0),
            (vec![0xFE, 1], 253),
            // The long form of a small length.
            (vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 8, 0x81], 7),
            ([&[0xFF; 9], [1].as_slice()].concat(), u64::MAX - 1),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(parse_header(&bytes[..end]), Ok(None), "{end} of {bytes:?}");
            }
            let header = parse_header(&bytes).unwrap().unwrap();
            assert_eq!((header.size, header.length), (bytes.len(), length));
            assert!(header.more() && !header.is_command());
        }
        let last = parse_header(&[1, 0xFE]).unwrap().unwrap();
        assert!(!last.more() && !last.is_command());
    }

    #[test]
    fn a_frame_has_flags() {
        assert_eq!(parse_header(&[0]), Err(ProtocolError::EmptyFrame));
        let long = [0xFF, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(parse_header(&long), Err(ProtocolError::EmptyFrame));
        assert_eq!(parse_header(&long[..8]), Ok(None));
    }
}
