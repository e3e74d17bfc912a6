//! Bytes that are mostly few: topics, ids.

#![forbid(unsafe_code)]

use std::ops::Deref;

use crate::error::Result;

/// Owned bytes. Up to [`IN_PLACE`] need no memory besides.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ShortBytes(Place);

const IN_PLACE: usize = 22;

#[derive(Clone, PartialEq, Eq)]
enum Place {
    /// The rest is 0.
    Here { length: u8, bytes: [u8; IN_PLACE] },
    /// More than go in place.
    Elsewhere(Box<[u8]>),
}

const _: () = assert!(size_of::<ShortBytes>() == 24);

impl ShortBytes {
    /// A copy. Errors: `NoMemory`.
    #[inline]
    pub(crate) fn new(from: &[u8]) -> Result<Self> {
        let mut bytes = [0; IN_PLACE];
        Ok(Self(match bytes.get_mut(..from.len()) {
            Some(here) => {
                here.copy_from_slice(from);
                Place::Here {
                    // At most `IN_PLACE`.
                    length: from.len() as u8,
                    bytes,
                }
            }
            None => Place::Elsewhere(super::boxed(from)?),
        }))
    }
}

impl Deref for ShortBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Here { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Place::Elsewhere(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for ShortBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(formatter)
    }
}

#[cfg(test)]
impl<T: AsRef<[u8]> + ?Sized> From<&T> for ShortBytes {
    fn from(bytes: &T) -> Self {
        Self::new(bytes.as_ref()).expect("memory")
    }
}

#[cfg(test)]
impl<const N: usize> From<[u8; N]> for ShortBytes {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_PLACE, ShortBytes};

    #[test]
    fn of_every_length() {
        let all: Vec<u8> = (1..60).collect();
        for length in 0..all.len() {
            let short = ShortBytes::from(&all[..length]);
            assert_eq!(&short[..], &all[..length]);
            let is_here = matches!(short.0, super::Place::Here { .. });
            assert_eq!(is_here, length <= IN_PLACE);
            assert_eq!(short, short.clone());
            assert!(length == 0 || short != ShortBytes::from(&all[1..length]));
        }
    }
}
