//! The filter between the protocol and a REQ socket (contract: patterns.md section 3).

#![forbid(unsafe_code)]

use crate::protocol::ProtocolError;

/// Where in a reply the next frame is: `[request id], delimiter, body frames`.
///
/// One per connection of a REQ socket; begins anew with each connection. Commands do not pass it.
#[derive(Debug, Default)]
pub(crate) struct ReplyEnvelope {
    expected: Expected,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    /// The first frame: a request id of 4 bytes, or the delimiter.
    #[default]
    First,
    /// The empty frame behind a request id.
    Delimiter,
    /// A frame for the application, the last one if it is without MORE.
    Body,
}

/// ZMQ_REQ_CORRELATE: a 32-bit number.
const REQUEST_ID_LEN: usize = 4;

impl ReplyEnvelope {
    /// Takes note of a received frame; its content does not matter.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidEnvelope`] if no reply looks like that.
    pub(crate) fn check(&mut self, more: bool, body_len: usize) -> Result<(), ProtocolError> {
        self.expected = match (self.expected, more, body_len) {
            (Expected::First | Expected::Delimiter, true, 0) => Expected::Body,
            (Expected::First, true, REQUEST_ID_LEN) => Expected::Delimiter,
            (Expected::Body, true, _) => Expected::Body,
            (Expected::Body, false, _) => Expected::First,
            (Expected::First | Expected::Delimiter, ..) => {
                return Err(ProtocolError::InvalidEnvelope);
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(frames: &[(bool, usize)]) -> Result<(), ProtocolError> {
        let mut envelope = ReplyEnvelope::default();
        frames
            .iter()
            .try_for_each(|&(more, body_len)| envelope.check(more, body_len))
    }

    #[test]
    fn replies_pass_one_after_the_other() {
        let plain = [(true, 0), (false, 5)];
        let correlated = [(true, 4), (true, 0), (true, 4), (true, 0), (false, 0)];
        assert_eq!(
            check_all(&[plain.as_slice(), &correlated, &plain].concat()),
            Ok(())
        );
    }

    #[test]
    fn anything_else_is_refused_at_the_first_wrong_frame() {
        let wrong: &[&[(bool, usize)]] = &[
            &[(false, 0)],
            &[(false, 5)],
            &[(false, 4)],
            &[(true, 3)],
            &[(true, 5)],
            &[(true, 4), (true, 4)],
            &[(true, 4), (false, 0)],
            &[(true, 0), (false, 5), (false, 5)],
            &[(true, 0), (true, 4), (false, 4), (true, 1)],
        ];
        for frames in wrong {
            assert_eq!(
                check_all(frames),
                Err(ProtocolError::InvalidEnvelope),
                "{frames:?}"
            );
            assert_eq!(check_all(&frames[..frames.len() - 1]), Ok(()), "{frames:?}");
        }
    }
}
