//! Protocols: bytes of a stream in, frames and events out, and the other way round.
//!
//! Everything here is sans-IO: no descriptor, no thread, no pipe, and the time is an argument. `io`
//! calls it with what it has received and writes what [`Zmtp::poll_output`] holds. Must not know
//! sockets, pipes, options or transports.
//!
//! - [`Zmtp`]: ZMTP on a stream transport (greeting, security handshake, traffic, heartbeats);
//! - [`envelope`]: the filter that REQ puts behind it.

#![forbid(unsafe_code)]

use std::fmt::{self, Display, Formatter};

pub(crate) mod envelope;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
#[cfg(any(fuzzing, test))]
mod transcript;
mod zmtp;

pub(crate) use zmtp::{Command, Config, Event, Handshake, Zmtp};
#[cfg(any(fuzzing, test))]
use zmtp::{Properties, append_property};

/// What a peer did wrong. It always ends the connection, and the connecting side does not retry
/// (contract: zmtp.md section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    /// The peer speaks ZMTP 1.0 or 2.x, and we require what only later versions have.
    CannotAuthenticate,
    /// The greeting names another security mechanism than ours.
    MechanismMismatch,
    /// Another handshake command than the mechanism allows at this point.
    UnexpectedCommand,
    /// An ERROR command without a reason of the length that it says.
    MalformedError,
    /// The peer refused us with an ERROR command; the status is 300, 400 or 500, or else `None`.
    Refused { status: Option<u16> },
    /// The peer's Socket-Type cannot talk to ours.
    IncompatibleSocketType,
    /// Properties that do not fill their block exactly, or too many.
    InvalidMetadata,
    /// A frame above ZMQ_MAXMSGSIZE, or above the limits of handshakes and commands.
    MessageTooLarge,
    /// A reply to REQ that does not begin with [request id], delimiter.
    InvalidEnvelope,
    /// JOIN or LEAVE with a group of more than 255 bytes.
    GroupTooLong,
    /// A frame of ZMTP 1.0 whose length leaves no room for its flags.
    EmptyFrame,
    /// What the peer sent does not fit into memory.
    OutOfMemory,
}

impl ProtocolError {
    /// The value of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL (`ZMQ_PROTOCOL_ERROR_*`); `None` = no such
    /// event.
    pub(crate) fn monitor_value(self) -> Option<u32> {
        match self {
            Self::UnexpectedCommand => Some(0x1000_0001),
            Self::MalformedError => Some(0x1000_0015),
            Self::MechanismMismatch => Some(0x1100_0002),
            Self::CannotAuthenticate
            | Self::Refused { .. }
            | Self::IncompatibleSocketType
            | Self::InvalidMetadata
            | Self::MessageTooLarge
            | Self::InvalidEnvelope
            | Self::GroupTooLong
            | Self::EmptyFrame
            | Self::OutOfMemory => None,
        }
    }

    /// The value of ZMQ_EVENT_HANDSHAKE_FAILED_AUTH (300, 400 or 500); `None` = no such event.
    pub(crate) fn auth_status(self) -> Option<u16> {
        match self {
            Self::Refused { status } => status,
            _ => None,
        }
    }
}

impl Display for ProtocolError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CannotAuthenticate => "the peer's version of ZMTP has no security",
            Self::MechanismMismatch => "the peer uses another security mechanism",
            Self::UnexpectedCommand => "unexpected handshake command",
            Self::MalformedError => "malformed ERROR command",
            Self::Refused { .. } => "the peer refused the connection",
            Self::IncompatibleSocketType => "incompatible socket type",
            Self::InvalidMetadata => "invalid metadata",
            Self::MessageTooLarge => "frame too large",
            Self::InvalidEnvelope => "invalid reply envelope",
            Self::GroupTooLong => "group too long",
            Self::EmptyFrame => "frame without flags",
            Self::OutOfMemory => "out of memory",
        })
    }
}

/// The peer was silent for too long. A connecting side retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimedOut {
    /// The handshake was not complete within ZMQ_HANDSHAKE_IVL.
    Handshake,
    /// Nothing came within ZMQ_HEARTBEAT_TIMEOUT of a PING, or within the TTL that the peer gave.
    Heartbeat,
}
