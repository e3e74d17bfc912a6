//! From the first byte to the end of the security handshake (contract: zmtp.md sections 2, 4, 5).

#![forbid(unsafe_code)]

use std::time::Duration;

use super::command::append_command;
use super::frame::Header;
use super::greeting::{Greeted, Greeting};
use super::metadata::{Properties, append_property};
use super::version::Version;
use crate::error::Error;
use crate::mechanism::{Mechanism, Question, SecurityHandshake, Traffic, Verdict, Work, Worked};
use crate::memory;
use crate::protocol::{ProtocolError, copy_of};

/// What a connection has to know of its socket. Start from [`Config::default`], which has every limit
/// and timer off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// Our Socket-Type on the wire.
    pub(crate) socket_type: &'static str,
    /// Our number in zmq.h, for peers of ZMTP 2.0.
    pub(crate) socket_type_number: u8,
    /// The Socket-Types of peers that it can talk to.
    pub(crate) compatible: &'static [&'static str],
    /// ZMQ_ROUTING_ID; empty = none.
    pub(crate) routing_id: Box<[u8]>,
    /// Send it as Identity (REQ, DEALER, ROUTER), also when it is empty.
    pub(crate) announce_routing_id: bool,
    /// ZMQ_METADATA: names (at most 255 bytes) and values, in any order.
    pub(crate) metadata: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) mechanism: Mechanism,
    /// A mechanism other than NULL, or ZMQ_ZAP_DOMAIN, is set: peers that cannot authenticate (ZMTP 1.0 and
    /// 2.x) are dropped.
    pub(crate) requires_security: bool,
    /// ZMQ_MAXMSGSIZE in bytes of a frame's body; `None` = no limit.
    pub(crate) max_message_size: Option<u64>,
    /// ZMQ_HANDSHAKE_IVL; `None` = no limit.
    pub(crate) handshake_interval: Option<Duration>,
    /// ZMQ_HEARTBEAT_IVL; `None` = no PINGs.
    pub(crate) heartbeat_interval: Option<Duration>,
    /// ZMQ_HEARTBEAT_TIMEOUT, already resolved; `None` = never.
    pub(crate) heartbeat_timeout: Option<Duration>,
    /// ZMQ_HEARTBEAT_TTL in tenths of a second.
    pub(crate) heartbeat_ttl: u16,
    /// SUBSCRIBE and CANCEL mean something (PUB, XPUB); others drop them.
    pub(crate) receives_subscriptions: bool,
    /// JOIN and LEAVE mean something (RADIO); others drop them.
    pub(crate) receives_groups: bool,
}

/// What the peer said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The last Identity property, or the first message of an old peer; empty = none.
    pub(crate) routing_id: Vec<u8>,
    /// All properties as received, also Socket-Type and Identity; of duplicates the first counts. Old peers
    /// have none.
    pub(crate) properties: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) version: Version,
}

/// What a step of the opening led to.
#[derive(Debug)]
pub(super) enum Progress {
    /// An old peer: it takes messages from now on. It has not said yet who it is.
    MaySend(Version),
    /// The mechanism has to know something; see [`Opening::handle_verdict`].
    Ask(Question),
    /// The mechanism has to have something done; see [`Opening::take_work`].
    Work,
    /// All is said.
    Ready(Handshake, Traffic),
}

/// The largest handshake frame of a peer.
pub(crate) const HANDSHAKE_FRAME_LIMIT: u64 = 64 * 1024;
/// The largest number of properties of a peer.
pub(super) const PROPERTY_LIMIT: usize = 1024;

const SOCKET_TYPE: &[u8] = b"Socket-Type";
const IDENTITY: &[u8] = b"Identity";
const USER_ID: &[u8] = b"User-Id";

/// The phases before traffic; dropped when it begins.
#[derive(Debug)]
pub(super) struct Opening {
    config: Config,
    stage: Stage,
    peer: Handshake,
    /// No handshake frame is larger.
    limit: u64,
}

#[derive(Debug)]
enum Stage {
    Greeting(Greeting),
    /// ZMTP 1.0 and 2.x: the first message of each side is its identity.
    Identity,
    /// ZMTP 3.x.
    Security(Box<dyn SecurityHandshake>),
}

impl Opening {
    /// Appends the beginning of our greeting to `out`.
    pub(super) fn new(config: Config, out: &mut Vec<u8>) -> Self {
        let limit = config
            .max_message_size
            .unwrap_or(u64::MAX)
            .min(HANDSHAKE_FRAME_LIMIT);
        let greeting = Greeting::begin(
            config.mechanism.name(),
            config.socket_type_number,
            config.routing_id.len(),
            out,
        );
        Self {
            stage: Stage::Greeting(greeting),
            peer: Handshake::default(),
            limit,
            config,
        }
    }

    /// One step over the front of `input`: bytes consumed, and what came of them. Neither: more input is
    /// needed.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Progress>), ProtocolError> {
        match &mut self.stage {
            Stage::Greeting(greeting) => match greeting.handle_received(input, out)? {
                Some(greeted) => self.follow_greeting(greeted, out),
                None => Ok((0, None)),
            },
            Stage::Identity => self.decode_identity(input),
            Stage::Security(_) => self.decode_command(input, out),
        }
    }

    fn follow_greeting(
        &mut self,
        greeted: Greeted,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Progress>), ProtocolError> {
        let Greeted { version, length } = greeted;
        self.peer.version = version;
        if version.has_handshake() {
            let security = self.config.mechanism.begin(own_metadata(&self.config)?)?;
            self.stage = Stage::Security(security);
            return Ok((length, self.advance(out)?));
        }
        if self.config.requires_security {
            return Err(ProtocolError::CannotAuthenticate);
        }
        self.append_own_identity(version, out)?;
        self.stage = Stage::Identity;
        Ok((length, Some(Progress::MaySend(version))))
    }

    fn append_own_identity(
        &self,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        let identity = &self.config.routing_id;
        if version == Version::Unversioned {
            // Our signature was the header.
            out.extend_from_slice(identity);
            return Ok(());
        }
        version
            .append_frame(false, &[identity], out)
            .map_err(|_| ProtocolError::OutOfMemory)
    }

    /// The first message of an old peer, whatever its flags; commands before it are swallowed.
    fn decode_identity(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<Progress>), ProtocolError> {
        let Some((header, body)) = self.split_frame(input)? else {
            return Ok((0, None));
        };
        let consumed = header.size + body.len();
        if header.is_command() {
            return Ok((consumed, None));
        }
        self.peer.routing_id = copy_of(body)?;
        let peer = std::mem::take(&mut self.peer);
        Ok((consumed, Some(Progress::Ready(peer, Traffic::Clear))))
    }

    /// The frame at the front of `input`, if it is complete.
    fn split_frame<'a>(
        &self,
        input: &'a [u8],
    ) -> Result<Option<(Header, &'a [u8])>, ProtocolError> {
        let Some(header) = self.peer.version.parse_header(input)? else {
            return Ok(None);
        };
        if header.length > self.limit {
            return Err(ProtocolError::MessageTooLarge);
        }
        // Within the limit, so it fits.
        let end = header.size + header.length as usize;
        Ok(input.get(header.size..end).map(|body| (header, body)))
    }

    /// The answer to a question. What follows from it comes with the next [`Self::decode`], also of nothing.
    pub(super) fn handle_verdict(
        &mut self,
        verdict: Verdict,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        if let Stage::Security(security) = &mut self.stage {
            security.handle_verdict(verdict);
            say(&mut **security, out)?;
        }
        Ok(())
    }

    /// See [`SecurityHandshake::take_work`].
    pub(super) fn take_work(&mut self) -> Option<Work> {
        match &mut self.stage {
            Stage::Security(security) => security.take_work(),
            Stage::Greeting(_) | Stage::Identity => None,
        }
    }

    /// What came of the work, as [`Self::handle_verdict`].
    pub(super) fn handle_worked(
        &mut self,
        worked: Worked,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        if let Stage::Security(security) = &mut self.stage {
            security.handle_worked(worked);
            say(&mut **security, out)?;
        }
        Ok(())
    }

    /// A command of the security handshake. The COMMAND bit is not asked for.
    fn decode_command(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Progress>), ProtocolError> {
        if let Stage::Security(security) = &self.stage
            && (security.is_received() || security.has_work() || security.is_working())
        {
            // Frames behind the peer's last word wait for ours, and others for what is being done.
            return Ok((0, self.advance(out)?));
        }
        let Some((header, body)) = self.split_frame(input)? else {
            return Ok((0, None));
        };
        if let Stage::Security(security) = &mut self.stage
            && let Some(block) = security.handle_command(body)?
        {
            let tells = security.tells_of_metadata();
            self.check_metadata(&block).map_err(|error| match error {
                ProtocolError::InvalidMetadata | ProtocolError::IncompatibleSocketType if tells => {
                    ProtocolError::InvalidReadyMetadata
                }
                error => error,
            })?;
        }
        Ok((header.size + body.len(), self.advance(out)?))
    }

    /// Sends what the mechanism has to say. Returns what it has to ask, or the peer if that was all.
    fn advance(&mut self, out: &mut Vec<u8>) -> Result<Option<Progress>, ProtocolError> {
        let Stage::Security(security) = &mut self.stage else {
            return Ok(None);
        };
        say(&mut **security, out)?;
        if security.has_work() {
            return Ok(Some(Progress::Work));
        }
        if let Some(question) = security.poll_question() {
            return Ok(Some(Progress::Ask(question)));
        }
        if !security.is_complete() {
            return Ok(None);
        }
        // Never in clear because nobody said how.
        let traffic = security.take_traffic().ok_or(ProtocolError::OutOfTurn)?;
        let peer = std::mem::take(&mut self.peer);
        Ok(Some(Progress::Ready(peer, traffic)))
    }

    fn accepts(&self, socket_type: &[u8]) -> bool {
        let mut known = self.config.compatible.iter();
        known.any(|known| known.as_bytes() == socket_type)
    }

    fn check_metadata(&mut self, block: &[u8]) -> Result<(), ProtocolError> {
        for (count, property) in Properties::new(block).enumerate() {
            let (name, value) = property?;
            if count == PROPERTY_LIMIT {
                return Err(ProtocolError::InvalidMetadata);
            }
            match name {
                SOCKET_TYPE if !self.accepts(value) => {
                    return Err(ProtocolError::IncompatibleSocketType);
                }
                IDENTITY => self.peer.routing_id = copy_of(value)?,
                // Only a ZAP handler says who a peer is.
                USER_ID => continue,
                _ => {}
            }
            let copy = (copy_of(name)?, copy_of(value)?);
            memory::push(&mut self.peer.properties, copy)
                .map_err(|_| ProtocolError::OutOfMemory)?;
        }
        Ok(())
    }
}

/// Appends what the mechanism has to say.
fn say(security: &mut dyn SecurityHandshake, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
    while let Some(body) = security.poll_command()? {
        append_command(&body, out).map_err(|_| ProtocolError::OutOfMemory)?;
    }
    Ok(())
}

/// The block that we announce: Socket-Type, Identity, then the application's in the order of their
/// names.
fn own_metadata(config: &Config) -> Result<Vec<u8>, ProtocolError> {
    let mut block = Vec::new();
    let mut append = |name: &[u8], value: &[u8]| match append_property(name, value, &mut block) {
        // What fits into no property is not announced: options let none pass.
        Ok(()) | Err(Error::Invalid) => Ok(()),
        Err(_) => Err(ProtocolError::OutOfMemory),
    };
    append(SOCKET_TYPE, config.socket_type.as_bytes())?;
    if config.announce_routing_id {
        append(IDENTITY, &config.routing_id)?;
    }
    let mut sorted: Vec<_> = config.metadata.iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    sorted
        .into_iter()
        .try_for_each(|(name, value)| append(name, value))?;
    Ok(block)
}
