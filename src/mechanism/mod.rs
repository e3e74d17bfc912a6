//! Security mechanisms: what happens between the greeting and the first message.
//!
//! A mechanism is a sans-IO state machine over command bodies: [`SecurityHandshake`] says what to send
//! next and takes what was received. Called by `protocol` only. Must not know frames, streams, threads
//! or clocks.

#![forbid(unsafe_code)]

mod null;

use crate::protocol::ProtocolError;
use null::Null;

/// The mechanism that a socket's options chose, with what it needs (contract: security.md section 1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mechanism {
    #[default]
    Null,
}

impl Mechanism {
    /// The name in the greeting.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
        }
    }

    /// Begins a handshake that announces `metadata`, a block of properties.
    pub(crate) fn begin(&self, metadata: Vec<u8>) -> SecurityHandshake {
        match self {
            Self::Null => SecurityHandshake::Null(Null::new(metadata)),
        }
    }
}

/// A handshake in progress.
#[derive(Debug)]
pub(crate) enum SecurityHandshake {
    Null(Null),
}

impl SecurityHandshake {
    /// The body of the peer's next command. Returns the peer's metadata block when this command
    /// carried it.
    ///
    /// # Errors
    /// Whatever the mechanism finds wrong with it.
    pub(crate) fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match self {
            Self::Null(null) => null.handle_command(body),
        }
    }

    /// The body of the next command to send. `None`: nothing before something else happens.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfMemory`].
    pub(crate) fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        match self {
            Self::Null(null) => null.poll_command(),
        }
    }

    /// Nothing more will be received for the handshake: further frames are traffic, which is held back
    /// until [`Self::is_complete`].
    pub(crate) fn is_received(&self) -> bool {
        match self {
            Self::Null(null) => null.is_received(),
        }
    }

    /// Both sides have said everything.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Null(null) => null.is_complete(),
        }
    }
}
