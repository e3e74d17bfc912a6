//! Frames: `flags length body` (contract: zmtp.md section 3.2; RFC 23/ZMTP "Framing").

#![forbid(unsafe_code)]

use crate::error::{Error, Result};

/// Another frame of the same message follows.
pub(super) const MORE: u8 = 0x01;
/// The length is a uint64 instead of one byte.
pub(super) const LONG: u8 = 0x02;
/// A command, no part of a message.
pub(super) const COMMAND: u8 = 0x04;

/// The header of a frame whose body has so many bytes: the first ones of the array. LONG is set here and nowhere else.
pub(super) fn header_of(flags: u8, length: usize) -> ([u8; LONG_HEADER], usize) {
    let mut header = [0; LONG_HEADER];
    match u8::try_from(length) {
        Ok(short) => {
            header[..SHORT_HEADER].copy_from_slice(&[flags, short]);
            (header, SHORT_HEADER)
        }
        Err(_) => {
            header[0] = flags | LONG;
            // usize is never wider than u64.
            header[1..].copy_from_slice(&(length as u64).to_be_bytes());
            (header, LONG_HEADER)
        }
    }
}

/// Appends the header of a frame, for which there is room.
pub(super) fn append_header(flags: u8, length: usize, out: &mut Vec<u8>) {
    let (header, size) = header_of(flags, length);
    out.extend_from_slice(&header[..size]);
}

/// Appends a frame whose body is the concatenation of `parts`.
///
/// # Errors
/// [`Error::NoMemory`] if `out` cannot grow; nothing is appended then.
pub(super) fn append_frame(flags: u8, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.try_reserve(LONG_HEADER + length)
        .map_err(|_| Error::NoMemory)?;
    append_header(flags, length, out);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// What precedes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) flags: u8,
    /// Bytes of the header itself: 2 or 9.
    pub(super) size: usize,
    /// Bytes of the body, as the peer says.
    pub(super) length: u64,
}

impl Header {
    /// The header at the front of `input`; `None` if there is not all of it. Reserved bits are ignored,
    /// LONG with a small length is accepted.
    #[inline]
    pub(super) fn parse(input: &[u8]) -> Option<Self> {
        let (&flags, rest) = input.split_first()?;
        if flags & LONG == 0 {
            let &length = rest.first()?;
            return Some(Self {
                flags,
                size: SHORT_HEADER,
                length: u64::from(length),
            });
        }
        let &length = rest.first_chunk()?;
        Some(Self {
            flags,
            size: LONG_HEADER,
            length: u64::from_be_bytes(length),
        })
    }

    pub(super) fn more(self) -> bool {
        self.flags & MORE != 0
    }

    pub(super) fn is_command(self) -> bool {
        self.flags & COMMAND != 0
    }
}

const SHORT_HEADER: usize = 2;
pub(super) const LONG_HEADER: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_set_exactly_above_255_bytes() {
        for (length, header) in [
            (0, vec![0x01, 0]),
            (255, vec![0x01, 255]),
            (256, vec![0x03, 0, 0, 0, 0, 0, 0, 1, 0]),
            (70_000, vec![0x03, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
        ] {
            let body = vec![b'z'; length];
            let mut out = Vec::new();
            append_frame(MORE, &[&body], &mut out).unwrap();
            assert_eq!(out, [header, body].concat());
        }
    }

    #[test]
    fn headers_parse_from_all_their_bytes_only() {
        let long = [0x06, 0, 0, 0, 0, 0, 0, 0, 7];
        for end in 0..long.len() {
            assert_eq!(Header::parse(&long[..end]), None, "{end} bytes");
        }
        let header = Header::parse(&long).unwrap();
        assert_eq!((header.size, header.length, header.more()), (9, 7, false));
        assert!(header.is_command());
        assert_eq!(Header::parse(&[0xF9]), None);
        let header = Header::parse(&[0xF9, 200]).unwrap();
        assert_eq!((header.size, header.length, header.more()), (2, 200, true));
        assert!(!header.is_command());
    }
}
