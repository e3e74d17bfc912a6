//! Metadata: properties one behind the other (contract: zmtp.md section 5; RFC 23/ZMTP "READY").

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::protocol::ProtocolError;

/// Appends a property: name length (1 byte), name, value length (uint32), value.
///
/// # Errors
/// [`Error::Invalid`] if the name or the value is too long for its length field,
/// [`Error::NoMemory`] if `out` cannot grow; nothing is appended then.
pub(crate) fn append_property(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let name_length = u8::try_from(name.len()).map_err(|_| Error::Invalid)?;
    let value_length = u32::try_from(value.len()).map_err(|_| Error::Invalid)?;
    out.try_reserve(1 + name.len() + 4 + value.len())
        .map_err(|_| Error::NoMemory)?;
    out.push(name_length);
    out.extend_from_slice(name);
    out.extend_from_slice(&value_length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// The properties of a metadata block in their order, as (name, value). Ends after an error.
#[derive(Clone, Debug)]
pub(crate) struct Properties<'a> {
    rest: &'a [u8],
}

impl<'a> Properties<'a> {
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = std::result::Result<(&'a [u8], &'a [u8]), ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((name, value, rest)) = split(self.rest) else {
            self.rest = &[];
            return Some(Err(ProtocolError::InvalidMetadata));
        };
        self.rest = rest;
        Some(Ok((name, value)))
    }
}

/// Name and value of the first property, and what follows.
fn split(block: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&name_length, rest) = block.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(name_length))?;
    let (&value_length, rest) = rest.split_first_chunk()?;
    let value_length = usize::try_from(u32::from_be_bytes(value_length)).ok()?;
    let (value, rest) = rest.split_at_checked(value_length)?;
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_round_trip_and_no_cut_block_passes() {
        let long = [b'v'; 300];
        let properties: [(&[u8], &[u8]); 3] = [
            (b"Socket-Type", b"REP"),
            (&[b'n'; 255], b""),
            (b"X-a", &long),
        ];
        let mut block = Vec::new();
        let mut ends = vec![0];
        for (name, value) in properties {
            append_property(name, value, &mut block).unwrap();
            ends.push(block.len());
        }
        for end in 0..=block.len() {
            let read: std::result::Result<Vec<_>, _> = Properties::new(&block[..end]).collect();
            match ends.iter().position(|&whole| whole == end) {
                Some(count) => assert_eq!(read, Ok(properties[..count].to_vec())),
                None => assert_eq!(read, Err(ProtocolError::InvalidMetadata), "cut at {end}"),
            }
        }
    }

    #[test]
    fn names_have_at_most_255_bytes() {
        let mut block = Vec::new();
        assert_eq!(
            append_property(&[b'n'; 256], b"", &mut block),
            Err(Error::Invalid)
        );
        assert!(block.is_empty());
    }

    #[test]
    fn a_huge_value_length_is_an_error() {
        let mut properties = Properties::new(b"\x01n\xff\xff\xff\xffv");
        assert_eq!(properties.next(), Some(Err(ProtocolError::InvalidMetadata)));
        assert_eq!(properties.next(), None);
    }
}
