//! Traffic: each frame becomes a MESSAGE.

#![forbid(unsafe_code)]

use crate::mechanism::split_command;
use crate::protocol::ProtocolError;
use crate::sodium::{BoxKey, Direction, TAG};

const MESSAGE: &[u8] = b"\x07MESSAGE";
const OF_CLIENTS: &[u8; 16] = b"CurveZMQMESSAGEC";
const OF_SERVERS: &[u8; 16] = b"CurveZMQMESSAGES";

/// Seals and opens the frames of a connection, either role.
#[derive(Debug)]
pub(crate) struct Cipher {
    sends: Direction,
    receives: Direction,
    /// Of the last MESSAGE that was sent, or the handshake command.
    sent: u64,
    /// Of the last one that was received; each has to be greater.
    received: u64,
}

impl Cipher {
    /// Bytes that a MESSAGE is longer than the body which is sealed in it: name, counter, tag, flags.
    pub(crate) const OVERHEAD: usize = MESSAGE.len() + 8 + TAG + 1;

    /// `sent` and `received` are the counters of the last handshake commands that had one.
    pub(super) fn of_client(key: &BoxKey, sent: u64, received: u64) -> Self {
        Self {
            sends: Direction::new(key, OF_CLIENTS),
            receives: Direction::new(key, OF_SERVERS),
            sent,
            received,
        }
    }

    /// As [`Self::of_client`].
    pub(super) fn of_server(key: &BoxKey, sent: u64, received: u64) -> Self {
        Self {
            sends: Direction::new(key, OF_SERVERS),
            receives: Direction::new(key, OF_CLIENTS),
            sent,
            received,
        }
    }

    /// Seals a frame into all of `message`, which is longer than its body by [`Self::OVERHEAD`].
    pub(crate) fn seal(&mut self, flags: u8, body: &[u8], message: &mut [u8]) {
        // 2^64 frames are never sent.
        self.sent = self.sent.wrapping_add(1);
        let (name, rest) = message.split_at_mut(MESSAGE.len());
        let (counter, sealed) = rest.split_at_mut(size_of::<u64>());
        name.copy_from_slice(MESSAGE);
        counter.copy_from_slice(&self.sent.to_be_bytes());
        self.sends.seal(self.sent, flags, body, sealed);
    }

    /// Neither is called again for a while.
    pub(crate) fn end_batch(&mut self) {
        self.sends.end_batch();
        self.receives.end_batch();
    }

    /// Looks at what has come of a MESSAGE, before more of it is received. False: too little.
    ///
    /// # Errors
    /// What is wrong with it already.
    pub(crate) fn accepts_beginning(&self, beginning: &[u8]) -> Result<bool, ProtocolError> {
        let Some((name, rest)) = beginning.split_first_chunk::<{ MESSAGE.len() }>() else {
            return Ok(false);
        };
        if name != MESSAGE {
            return Err(ProtocolError::UnexpectedCommand);
        }
        match rest.first_chunk() {
            Some(counter) if u64::from_be_bytes(*counter) <= self.received => {
                Err(ProtocolError::InvalidSequence)
            }
            counter => Ok(counter.is_some()),
        }
    }

    /// Opens a MESSAGE into all of `body`, which has the length that [`Envelope::body_length`] says; the frame's flags.
    ///
    /// # Errors
    /// What is wrong with it; `body` means nothing then.
    pub(crate) fn open(
        &mut self,
        envelope: Envelope<'_>,
        body: &mut [u8],
    ) -> Result<u8, ProtocolError> {
        if envelope.counter <= self.received {
            return Err(ProtocolError::InvalidSequence);
        }
        let flags = self
            .receives
            .open(envelope.counter, envelope.sealed, body)
            .ok_or(ProtocolError::Cryptographic)?;
        // Not before: what nobody vouches for changes nothing.
        self.received = envelope.counter;
        Ok(flags)
    }
}

/// A MESSAGE that looks like one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    counter: u64,
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// The body of a frame.
    ///
    /// # Errors
    /// It is no MESSAGE.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, ProtocolError> {
        let malformed = ProtocolError::MalformedMessage;
        split_command(message)?;
        let rest = message
            .strip_prefix(MESSAGE)
            .ok_or(ProtocolError::UnexpectedCommand)?;
        let (&counter, sealed) = rest.split_first_chunk().ok_or(malformed)?;
        if sealed.len() < TAG + 1 {
            return Err(malformed);
        }
        Ok(Self {
            counter: u64::from_be_bytes(counter),
            sealed,
        })
    }

    /// Bytes of the body that is sealed in it.
    pub(crate) fn body_length(self) -> usize {
        self.sealed.len().saturating_sub(TAG + 1)
    }
}
