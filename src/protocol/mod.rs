//! Protocols: bytes of a stream in, frames and events out, and the other way round.
//!
//! Everything here is sans-IO: no descriptor, no thread, no pipe, and the time is an argument. `io`
//! calls it with what it has received and writes what [`Protocol::poll_output`] holds. Must not know
//! sockets, pipes, options or transports.
//!
//! - [`Protocol`]: what a stream carries, one of the following;
//! - [`Zmtp`]: ZMTP on a stream transport (greeting, security handshake, traffic, heartbeats);
//! - [`Raw`]: plain bytes, cut into messages as they come (STREAM, ROUTER_RAW);
//! - [`envelope`]: the filter that REQ puts behind it;
//! - [`socks5`]: what comes before it, if a proxy is to make the stream.

#![forbid(unsafe_code)]

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use crate::error::Result;
use crate::mechanism::{Verdict, Work, Worked};
use crate::memory;

pub(crate) mod envelope;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod raw;
pub(crate) mod socks5;
#[cfg(any(fuzzing, test))]
mod transcript;
mod zmtp;

pub(crate) use raw::Raw;
pub(crate) use zmtp::{
    Command, Config, Decoded, Event, HANDSHAKE_FRAME_LIMIT, Handshake, HeaderOf, Properties, Seal,
    Zmtp,
};

/// A text with its length in front, one byte, and what follows. `None`: it does not end within.
pub(crate) fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Keeps what a peer said.
///
/// # Errors
/// [`ProtocolError::OutOfMemory`].
pub(crate) fn copy_of(bytes: &[u8]) -> std::result::Result<Vec<u8>, ProtocolError> {
    memory::copy(bytes).map_err(|_| ProtocolError::OutOfMemory)
}

/// What a stream carries. A variant is chosen when the stream comes up, and stays.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all streams carry the larger one, and its messages should find it without a detour"
)]
pub(crate) enum Protocol {
    Zmtp(Zmtp),
    Raw(Raw),
}

impl Protocol {
    /// No ZMTP, only bytes.
    pub(crate) fn is_raw(&self) -> bool {
        matches!(self, Self::Raw(_))
    }

    /// See [`Zmtp::handle_received`].
    pub(crate) fn handle_received(&mut self, now: Instant) {
        if let Self::Zmtp(zmtp) = self {
            zmtp.handle_received(now);
        }
    }

    /// See [`Zmtp::decode`] and [`Raw::decode`].
    ///
    /// # Errors
    /// The peer broke the protocol; every later call says the same.
    #[inline]
    pub(crate) fn decode<'a>(
        &mut self,
        input: &'a [u8],
    ) -> std::result::Result<Decoded<'a>, ProtocolError> {
        match self {
            Self::Zmtp(zmtp) => zmtp.decode(input),
            Self::Raw(raw) => Ok(raw.decode(input)),
        }
    }

    /// See [`Zmtp::short_frame`].
    #[inline(always)]
    pub(crate) fn short_frame<'a>(&self, input: &'a [u8]) -> Option<(bool, &'a [u8], &'a [u8])> {
        match self {
            Self::Zmtp(zmtp) => zmtp.short_frame(input),
            Self::Raw(_) => None,
        }
    }

    /// See [`Zmtp::large_frame_done`].
    pub(crate) fn large_frame_done(&mut self) {
        if let Self::Zmtp(zmtp) = self {
            zmtp.large_frame_done();
        }
    }

    /// See [`Zmtp::handle_verdict`].
    ///
    /// # Errors
    /// [`ProtocolError::OutOfMemory`].
    pub(crate) fn handle_verdict(
        &mut self,
        verdict: Verdict,
    ) -> std::result::Result<(), ProtocolError> {
        match self {
            Self::Zmtp(zmtp) => zmtp.handle_verdict(verdict),
            Self::Raw(_) => Ok(()),
        }
    }

    /// See [`Zmtp::take_work`].
    pub(crate) fn take_work(&mut self) -> Option<Work> {
        match self {
            Self::Zmtp(zmtp) => zmtp.take_work(),
            Self::Raw(_) => None,
        }
    }

    /// See [`Zmtp::handle_worked`].
    ///
    /// # Errors
    /// What went wrong with what follows from it.
    pub(crate) fn handle_worked(
        &mut self,
        worked: Worked,
    ) -> std::result::Result<(), ProtocolError> {
        match self {
            Self::Zmtp(zmtp) => zmtp.handle_worked(worked),
            Self::Raw(_) => Ok(()),
        }
    }

    /// See [`Zmtp::take_seal`].
    pub(crate) fn take_seal(&mut self) -> Option<Box<Seal>> {
        match self {
            Self::Zmtp(zmtp) => zmtp.take_seal(),
            Self::Raw(_) => None,
        }
    }

    /// See [`Zmtp::handle_timeout`].
    ///
    /// # Errors
    /// The peer was silent for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> std::result::Result<(), TimedOut> {
        match self {
            Self::Zmtp(zmtp) => zmtp.handle_timeout(now),
            Self::Raw(_) => Ok(()),
        }
    }

    /// See [`Zmtp::handle_sent`].
    pub(crate) fn handle_sent(&mut self, now: Instant) {
        if let Self::Zmtp(zmtp) = self {
            zmtp.handle_sent(now);
        }
    }

    /// See [`Zmtp::set_input_paused`].
    pub(crate) fn set_input_paused(&mut self, paused: bool, now: Instant) {
        if let Self::Zmtp(zmtp) = self {
            zmtp.set_input_paused(paused, now);
        }
    }

    /// See [`Zmtp::own_framing`] and [`Raw::header`].
    pub(crate) fn own_framing(&self) -> Option<HeaderOf> {
        match self {
            Self::Zmtp(zmtp) => zmtp.own_framing(),
            Self::Raw(_) => Some(Raw::header),
        }
    }

    /// See [`Zmtp::encode_message`]. Raw messages do not come through here.
    ///
    /// # Errors
    /// [`crate::error::Error::NoMemory`]; nothing is appended then.
    pub(crate) fn encode_message(&self, more: bool, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Zmtp(zmtp) => zmtp.encode_message(more, body, out),
            // Only conflating types send these, and they are never raw.
            Self::Raw(_) => Ok(()),
        }
    }

    /// See [`Zmtp::encode_subscription`].
    ///
    /// # Errors
    /// [`crate::error::Error::NoMemory`]; nothing is appended then.
    pub(crate) fn encode_subscription(
        &self,
        subscribe: bool,
        topic: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match self {
            Self::Zmtp(zmtp) => zmtp.encode_subscription(subscribe, topic, out),
            Self::Raw(_) => Ok(()),
        }
    }

    /// Bytes of the protocol's own that are to be written at the next frame boundary; see
    /// [`Zmtp::poll_output`].
    pub(crate) fn poll_output(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Zmtp(zmtp) => Some(zmtp.poll_output()),
            Self::Raw(_) => None,
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Zmtp(zmtp) => zmtp.next_timeout(),
            Self::Raw(_) => None,
        }
    }
}

/// What a peer did wrong. It always ends the connection, and the connecting side does not retry
/// (contract: zmtp.md section 8.1); or what a ZAP handler did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    /// The peer speaks ZMTP 1.0 or 2.x, and we require what only later versions have.
    CannotAuthenticate,
    /// The greeting names another security mechanism than ours.
    MechanismMismatch,
    /// Another handshake command than the mechanism allows at this point.
    UnexpectedCommand,
    /// A command while the mechanism waits for something else than the peer.
    OutOfTurn,
    /// A command whose name does not end inside of it, or an empty one.
    MalformedCommand,
    MalformedHello,
    MalformedWelcome,
    MalformedInitiate,
    MalformedReady,
    MalformedMessage,
    /// A box does not open, or holds something else than it should.
    Cryptographic,
    /// A box was sealed for somebody else.
    KeyExchange,
    /// A counter that does not grow.
    InvalidSequence,
    /// An ERROR command without a reason of the length that it says.
    MalformedError,
    /// The peer refused us with an ERROR command; the status is 300, 400 or 500, or else `None`.
    Refused {
        status: Option<u16>,
    },
    /// The peer's Socket-Type cannot talk to ours.
    IncompatibleSocketType,
    /// Properties that do not fill their block exactly, or too many.
    InvalidMetadata,
    /// As those two, from a server whose client tells of them (PLAIN, CURVE, GSSAPI).
    InvalidReadyMetadata,
    /// What is wrong with the reply of a ZAP handler (security.md section 6).
    ZapUnspecified,
    ZapMalformedReply,
    ZapBadRequestId,
    ZapBadVersion,
    ZapInvalidStatusCode,
    ZapInvalidMetadata,
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
    /// The system has none, and without them there are no keys.
    NoRandomNumbers,
}

impl ProtocolError {
    /// The value of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL (`ZMQ_PROTOCOL_ERROR_*`); `None` = no such
    /// event.
    pub(crate) fn monitor_value(self) -> Option<u32> {
        match self {
            Self::OutOfTurn => Some(0x1000_0000),
            Self::UnexpectedCommand => Some(0x1000_0001),
            Self::InvalidSequence => Some(0x1000_0002),
            Self::KeyExchange => Some(0x1000_0003),
            Self::MalformedCommand => Some(0x1000_0011),
            Self::MalformedMessage => Some(0x1000_0012),
            Self::MalformedHello => Some(0x1000_0013),
            Self::MalformedInitiate => Some(0x1000_0014),
            Self::MalformedError => Some(0x1000_0015),
            Self::MalformedReady => Some(0x1000_0016),
            Self::MalformedWelcome => Some(0x1000_0017),
            Self::InvalidReadyMetadata => Some(0x1000_0018),
            Self::Cryptographic => Some(0x1100_0001),
            Self::MechanismMismatch => Some(0x1100_0002),
            Self::ZapUnspecified => Some(0x2000_0000),
            Self::ZapMalformedReply => Some(0x2000_0001),
            Self::ZapBadRequestId => Some(0x2000_0002),
            Self::ZapBadVersion => Some(0x2000_0003),
            Self::ZapInvalidStatusCode => Some(0x2000_0004),
            Self::ZapInvalidMetadata => Some(0x2000_0005),
            Self::CannotAuthenticate
            | Self::Refused { .. }
            | Self::IncompatibleSocketType
            | Self::InvalidMetadata
            | Self::MessageTooLarge
            | Self::InvalidEnvelope
            | Self::GroupTooLong
            | Self::EmptyFrame
            | Self::OutOfMemory
            | Self::NoRandomNumbers => None,
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
            Self::OutOfTurn => "command out of turn",
            Self::MalformedCommand => "malformed command",
            Self::MalformedHello => "malformed HELLO command",
            Self::MalformedWelcome => "malformed WELCOME command",
            Self::MalformedInitiate => "malformed INITIATE command",
            Self::MalformedReady => "malformed READY command",
            Self::MalformedMessage => "malformed MESSAGE command",
            Self::Cryptographic => "a box does not open",
            Self::KeyExchange => "a box for somebody else",
            Self::InvalidSequence => "a counter that does not grow",
            Self::MalformedError => "malformed ERROR command",
            Self::Refused { .. } => "the peer refused the connection",
            Self::IncompatibleSocketType => "incompatible socket type",
            Self::InvalidMetadata | Self::InvalidReadyMetadata => "invalid metadata",
            Self::ZapUnspecified
            | Self::ZapMalformedReply
            | Self::ZapBadRequestId
            | Self::ZapBadVersion
            | Self::ZapInvalidStatusCode
            | Self::ZapInvalidMetadata => "the ZAP handler's reply is defective",
            Self::MessageTooLarge => "frame too large",
            Self::InvalidEnvelope => "invalid reply envelope",
            Self::GroupTooLong => "group too long",
            Self::EmptyFrame => "frame without flags",
            Self::OutOfMemory => "out of memory",
            Self::NoRandomNumbers => "no random numbers",
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
