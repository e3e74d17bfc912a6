//! NULL: both sides send READY, in any order (contract: security.md section 2, zmtp.md section 4;
//! RFC 23/ZMTP "The NULL Security Mechanism").

#![forbid(unsafe_code)]

use super::{ERROR, Question, READY, Refusal, SecurityHandshake, Traffic, Verdict};
use super::{command, refusal};
use crate::protocol::{Command, ProtocolError, copy_of};

/// See the module.
#[derive(Debug)]
pub(crate) struct Null {
    metadata: Vec<u8>,
    sending: Sending,
    received: bool,
}

/// What of ours is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Question,
    /// READY waits for the answer.
    Answer,
    Ready,
    Error(Refusal),
    /// The peer was refused, and knows as much as it is to know.
    Refused,
    Done,
}

impl Null {
    pub(super) fn new(metadata: Vec<u8>, authenticates: bool) -> Self {
        Self {
            metadata,
            sending: match authenticates {
                true => Sending::Question,
                false => Sending::Ready,
            },
            received: false,
        }
    }
}

impl SecurityHandshake for Null {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match Command::parse(body) {
            Command::Ready(metadata) if !self.received => {
                self.received = true;
                copy_of(metadata).map(Some)
            }
            Command::Error(data) => Err(refusal(data)),
            _ => Err(ProtocolError::UnexpectedCommand),
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let (body, next) = match self.sending {
            Sending::Ready => {
                let metadata = std::mem::take(&mut self.metadata);
                (command(&[READY, &metadata])?, Sending::Done)
            }
            Sending::Error(refusal) => match refusal.reason() {
                Some(reason) => {
                    let body = command(&[ERROR, &[reason.len() as u8], reason])?;
                    (body, Sending::Refused)
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.sending = next;
        Ok(Some(body))
    }

    fn poll_question(&mut self) -> Option<Question> {
        if self.sending != Sending::Question {
            return None;
        }
        self.sending = Sending::Answer;
        Some(Question {
            mechanism: "NULL",
            credentials: Vec::new(),
        })
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        if self.sending == Sending::Answer {
            self.sending = match verdict {
                Verdict::Welcome => Sending::Ready,
                Verdict::Refused(refusal) => Sending::Error(refusal),
            };
        }
    }

    fn is_received(&self) -> bool {
        self.received
    }

    fn is_complete(&self) -> bool {
        self.received && self.sending == Sending::Done
    }

    fn take_traffic(&mut self) -> Option<Traffic> {
        self.is_complete().then_some(Traffic::Clear)
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        Null::new(Vec::new(), false).handle_command(body)
    }

    #[test]
    fn ready_in_any_order_completes() {
        let mut first = Null::new(b"mine".to_vec(), false);
        assert_eq!(first.poll_command(), Ok(Some(b"\x05READYmine".to_vec())));
        assert_eq!(first.poll_command(), Ok(None));
        assert!(!first.is_complete() && !first.is_received());
        assert_eq!(
            first.handle_command(b"\x05READYyours"),
            Ok(Some(b"yours".to_vec()))
        );
        assert!(first.is_complete());

        let mut second = Null::new(Vec::new(), false);
        assert_eq!(second.handle_command(b"\x05READY"), Ok(Some(Vec::new())));
        assert!(second.is_received() && !second.is_complete());
        assert_eq!(
            second.handle_command(b"\x05READY"),
            Err(ProtocolError::UnexpectedCommand)
        );
        second.poll_command().unwrap();
        assert!(second.is_complete());
    }

    #[test]
    fn ready_waits_for_the_verdict() {
        for early in [false, true] {
            let mut null = Null::new(b"mine".to_vec(), true);
            if early {
                null.handle_command(b"\x05READY").unwrap();
            }
            let question = null.poll_question().unwrap();
            assert_eq!(
                (question.mechanism, question.credentials.len()),
                ("NULL", 0)
            );
            assert_eq!(null.poll_question(), None);
            assert_eq!(null.poll_command(), Ok(None));
            null.handle_verdict(Verdict::Welcome);
            assert_eq!(null.poll_command(), Ok(Some(b"\x05READYmine".to_vec())));
            assert_eq!(null.is_complete(), early);
            if !early {
                null.handle_command(b"\x05READY").unwrap();
            }
            assert!(null.is_complete());
        }
    }

    #[test]
    fn who_is_refused_gets_no_ready() {
        for (refusal, said) in [
            (Refusal::Authentication, Some(b"\x05ERROR\x03400".to_vec())),
            (Refusal::Internal, Some(b"\x05ERROR\x03500".to_vec())),
            (Refusal::Temporary, None),
        ] {
            let mut null = Null::new(b"mine".to_vec(), true);
            null.poll_question().unwrap();
            null.handle_verdict(Verdict::Refused(refusal));
            assert_eq!(null.poll_command(), Ok(said));
            assert_eq!(null.poll_command(), Ok(None));
            null.handle_command(b"\x05READY").unwrap();
            // Once and for all.
            null.handle_verdict(Verdict::Welcome);
            assert_eq!(null.poll_command(), Ok(None));
            assert!(!null.is_complete());
        }
    }

    #[test]
    fn errors_carry_a_status_or_none_or_are_malformed() {
        for status in [300, 400, 500] {
            let body = [b"\x05ERROR\x03", status.to_string().as_bytes()].concat();
            assert_eq!(
                received(&body),
                Err(ProtocolError::Refused {
                    status: Some(status)
                })
            );
        }
        for other in [
            b"\x05ERROR\x00".as_slice(),
            b"\x05ERROR\x03200",
            b"\x05ERROR\x0440 0",
        ] {
            assert_eq!(
                received(other),
                Err(ProtocolError::Refused { status: None })
            );
        }
        for malformed in [
            b"\x05ERROR".as_slice(),
            b"\x05ERROR\x04400",
            b"\x05ERROR\x01",
        ] {
            assert_eq!(received(malformed), Err(ProtocolError::MalformedError));
        }
    }

    #[test]
    fn other_commands_are_unexpected() {
        for body in [
            b"".as_slice(),
            b"\x05HELLO",
            b"\x04PING\0\0",
            b"\x05READ",
            b"hello",
        ] {
            assert_eq!(
                received(body),
                Err(ProtocolError::UnexpectedCommand),
                "{body:?}"
            );
        }
    }
}
