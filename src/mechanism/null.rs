//! NULL: both sides send READY, in any order (contract: security.md section 2, zmtp.md section 4;
//! RFC 23/ZMTP "The NULL Security Mechanism").

#![forbid(unsafe_code)]

use crate::memory;
use crate::protocol::{Command, ProtocolError};

/// See the module.
#[derive(Debug)]
pub(crate) struct Null {
    /// The metadata block of our READY; `None` once it was sent.
    unsent: Option<Vec<u8>>,
    received: bool,
}

impl Null {
    pub(super) fn new(metadata: Vec<u8>) -> Self {
        Self {
            unsent: Some(metadata),
            received: false,
        }
    }

    pub(super) fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match Command::parse(body) {
            Command::Ready(metadata) if !self.received => {
                self.received = true;
                let block = memory::copy(metadata);
                block.map(Some).map_err(|_| ProtocolError::OutOfMemory)
            }
            Command::Error(data) => Err(refusal(data)),
            _ => Err(ProtocolError::UnexpectedCommand),
        }
    }

    pub(super) fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let Some(metadata) = self.unsent.take() else {
            return Ok(None);
        };
        let mut body = Vec::new();
        body.try_reserve_exact(READY.len() + metadata.len())
            .map_err(|_| ProtocolError::OutOfMemory)?;
        body.extend_from_slice(READY);
        body.extend_from_slice(&metadata);
        Ok(Some(body))
    }

    pub(super) fn is_received(&self) -> bool {
        self.received
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received && self.unsent.is_none()
    }
}

/// What the data of an ERROR command means: reason length, reason.
fn refusal(data: &[u8]) -> ProtocolError {
    let Some((&length, rest)) = data.split_first() else {
        return ProtocolError::MalformedError;
    };
    let status = match rest.get(..usize::from(length)) {
        None => return ProtocolError::MalformedError,
        Some(b"300") => Some(300),
        Some(b"400") => Some(400),
        Some(b"500") => Some(500),
        Some(_) => None,
    };
    ProtocolError::Refused { status }
}

const READY: &[u8] = b"\x05READY";

#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        Null::new(Vec::new()).handle_command(body)
    }

    #[test]
    fn ready_in_any_order_completes() {
        let mut first = Null::new(b"mine".to_vec());
        assert_eq!(first.poll_command(), Ok(Some(b"\x05READYmine".to_vec())));
        assert_eq!(first.poll_command(), Ok(None));
        assert!(!first.is_complete() && !first.is_received());
        assert_eq!(
            first.handle_command(b"\x05READYyours"),
            Ok(Some(b"yours".to_vec()))
        );
        assert!(first.is_complete());

        let mut second = Null::new(Vec::new());
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
