//! Raw connections: no greeting, no framing, no timer (contract: zmtp.md section 9).
//!
//! Whatever a read brings is a message, or several if it is more than one may hold; what is written are
//! the bodies of the messages, one behind the other.

#![forbid(unsafe_code)]

use super::{Decoded, Event};

/// A stream without a protocol.
#[derive(Debug)]
pub(crate) struct Raw {
    /// Bytes of a message, at most; not 0.
    message_size: usize,
}

impl Raw {
    /// `message_size`: the most that one message holds (ZMQ_IN_BATCH_SIZE), in bytes; 0 counts as 1.
    pub(crate) fn new(message_size: usize) -> Self {
        Self {
            message_size: message_size.max(1),
        }
    }

    /// The header of every frame that is sent: none. A [`super::HeaderOf`].
    pub(crate) fn header(_more: bool, _length: usize) -> ([u8; 10], usize) {
        ([0; 10], 0)
    }

    /// The bytes of a read that one message holds, as a frame. Neither bytes nor event: there are none.
    pub(crate) fn decode<'a>(&self, input: &'a [u8]) -> Decoded<'a> {
        let length = input.len().min(self.message_size);
        let body = input.get(..length).unwrap_or_default();
        Decoded {
            consumed: body.len(),
            event: (!body.is_empty()).then_some(Event::Frame { more: false, body }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Raw;
    use crate::protocol::Event;

    /// Decodes all of a read; the messages.
    fn messages(raw: &Raw, mut read: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        loop {
            let decoded = raw.decode(read);
            let Some(event) = decoded.event else {
                assert_eq!(decoded.consumed, 0);
                return messages;
            };
            let Event::Frame { more: false, body } = event else {
                panic!("{event:?}");
            };
            assert_eq!(body.len(), decoded.consumed);
            messages.push(body.to_vec());
            read = &read[decoded.consumed..];
        }
    }

    /// zmtp.md section 9: 20000 bytes arrive as 8192 + 8192 + 3616.
    #[test]
    fn a_read_is_cut_into_messages() {
        let raw = Raw::new(8192);
        let read: Vec<u8> = (0..20000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let messages = messages(&raw, &read);
        let sizes: Vec<_> = messages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [8192, 8192, 3616]);
        assert_eq!(messages.concat(), read);
    }

    #[test]
    fn each_read_by_itself() {
        let raw = Raw::new(4);
        assert_eq!(messages(&raw, b"abc"), [b"abc"]);
        assert_eq!(messages(&raw, b"defg"), [b"defg"]);
        assert_eq!(messages(&raw, b""), Vec::<Vec<u8>>::new());
    }

    /// What would be a greeting or a frame elsewhere is nothing special, and an impossible size is none.
    #[test]
    fn bytes_mean_nothing() {
        let greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03";
        assert_eq!(messages(&Raw::new(100), greeting), [greeting]);
        assert_eq!(messages(&Raw::new(0), b"ab"), [b"a", b"b"]);
    }
}
