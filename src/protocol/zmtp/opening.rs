//! From the first byte to the end of the security handshake (contract: zmtp.md sections 2, 4, 5).

#![forbid(unsafe_code)]

use std::time::Duration;

use super::command::append_command;
use super::frame::Header;
use super::greeting::{GREETING_LEN, Greeting};
use super::metadata::{Properties, append_property};
use crate::error::Error;
use crate::mechanism::{Mechanism, SecurityHandshake};
use crate::protocol::ProtocolError;

/// What a connection has to know of its socket. Start from [`Config::default`], which has every limit
/// and timer off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// Our Socket-Type on the wire.
    pub(crate) socket_type: &'static str,
    /// The Socket-Types of peers that it can talk to.
    pub(crate) compatible: &'static [&'static str],
    /// ZMQ_ROUTING_ID; empty = none.
    pub(crate) routing_id: Box<[u8]>,
    /// Send it as Identity (REQ, DEALER, ROUTER), also when it is empty.
    pub(crate) announce_routing_id: bool,
    /// ZMQ_METADATA: names (at most 255 bytes) and values, in any order.
    pub(crate) metadata: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) mechanism: Mechanism,
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
    /// The last Identity property; empty = none.
    pub(crate) routing_id: Vec<u8>,
    /// All properties as received, also Socket-Type and Identity; of duplicates the first counts.
    pub(crate) properties: Vec<(Vec<u8>, Vec<u8>)>,
    /// 0 = the rules of ZMTP 3.0, 1 = those of 3.1.
    pub(crate) minor: u8,
}

/// The largest handshake frame of a peer.
pub(super) const HANDSHAKE_FRAME_LIMIT: u64 = 64 * 1024;
/// The largest number of properties of a peer.
pub(super) const PROPERTY_LIMIT: usize = 1024;

const SOCKET_TYPE: &[u8] = b"Socket-Type";
const IDENTITY: &[u8] = b"Identity";

/// The phases before traffic; dropped when it begins.
#[derive(Debug)]
pub(super) struct Opening {
    config: Config,
    greeting: Greeting,
    /// `Some` once the greetings are exchanged.
    security: Option<SecurityHandshake>,
    peer: Handshake,
    /// No handshake frame is larger.
    limit: u64,
}

impl Opening {
    /// Appends the beginning of our greeting to `out`.
    pub(super) fn new(config: Config, out: &mut Vec<u8>) -> Self {
        let limit = config
            .max_message_size
            .unwrap_or(u64::MAX)
            .min(HANDSHAKE_FRAME_LIMIT);
        Self {
            greeting: Greeting::begin(config.mechanism.name(), config.routing_id.len(), out),
            security: None,
            peer: Handshake::default(),
            limit,
            config,
        }
    }

    /// One step over the front of `input`: bytes consumed, and the peer once all is said. Nothing
    /// consumed and no peer: more input is needed.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Handshake>), ProtocolError> {
        let Some(security) = &mut self.security else {
            return Ok((self.decode_greeting(input, out)?, None));
        };
        if security.is_received() {
            // Frames behind the peer's last word wait for ours.
            return Ok((0, None));
        }
        let Some(header) = Header::parse(input) else {
            return Ok((0, None));
        };
        if header.length > self.limit {
            return Err(ProtocolError::MessageTooLarge);
        }
        // Within the limit, so it fits. The COMMAND bit is not asked for.
        let end = header.size + header.length as usize;
        let Some(body) = input.get(header.size..end) else {
            return Ok((0, None));
        };
        if let Some(block) = security.handle_command(body)? {
            self.check_metadata(&block)?;
        }
        Ok((end, self.advance(out)?))
    }

    fn decode_greeting(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let Some(minor) = self.greeting.handle_received(input, out)? else {
            return Ok(0);
        };
        self.peer.minor = minor;
        self.security = Some(self.config.mechanism.begin(own_metadata(&self.config)?));
        // No mechanism is complete before the peer has sent a command.
        self.advance(out)?;
        Ok(GREETING_LEN)
    }

    /// Sends what the mechanism has to say. Returns the peer if that was all.
    fn advance(&mut self, out: &mut Vec<u8>) -> Result<Option<Handshake>, ProtocolError> {
        let Some(security) = &mut self.security else {
            return Ok(None);
        };
        while let Some(body) = security.poll_command()? {
            append_command(&body, out).map_err(|_| ProtocolError::OutOfMemory)?;
        }
        Ok(security
            .is_complete()
            .then(|| std::mem::take(&mut self.peer)))
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
                _ => {}
            }
            let copy = (copy_of(name)?, copy_of(value)?);
            self.peer
                .properties
                .try_reserve(1)
                .map_err(|_| ProtocolError::OutOfMemory)?;
            self.peer.properties.push(copy);
        }
        Ok(())
    }
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

fn copy_of(bytes: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| ProtocolError::OutOfMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
