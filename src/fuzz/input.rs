//! Arbitrary bytes as the choices of a target.

#![forbid(unsafe_code)]

/// Takes choices from the front of the input; behind its end everything is zero or empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The byte that comes next.
    pub(crate) fn peek(&self) -> u8 {
        let mut ahead = *self;
        ahead.byte()
    }

    /// Bytes behind two bytes with their length.
    pub(crate) fn long_bytes(&mut self) -> &'a [u8] {
        let length = u16::from_be_bytes(self.array());
        self.take(length.into())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let front = self.take(N);
        array[..front.len()].copy_from_slice(front);
        array
    }

    /// So many bytes, or those that are left.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (front, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        front
    }

    /// Bytes behind a byte with their length.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = self.byte();
        self.take(length.into())
    }
}
