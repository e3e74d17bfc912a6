//! One ZMTP connection, seen from the stream.

#![forbid(unsafe_code)]

use std::time::Instant;

use super::command::{self, Command};
use super::frame::{COMMAND, LONG, MORE};
use super::heartbeat::Heartbeat;
use super::opening::{Config, Handshake, Opening, Progress};
use super::seal::Seal;
use super::version::{HeaderOf, Version};
use crate::error::Result;
use crate::mechanism::{Question, Traffic, Verdict, Work, Worked};
use crate::protocol::{ProtocolError, TimedOut};

/// The protocol state of one stream, from the first byte to the last, for either role.
///
/// Three kinds of methods:
/// - what happened: [`Self::handle_received`] once per read, then [`Self::decode`] until it needs more;
///   [`Self::large_frame_done`]; [`Self::handle_timeout`] when [`Self::next_timeout`] has come;
/// - what the application wants: [`Self::set_input_paused`], [`Self::own_framing`],
///   [`Self::encode_message`], [`Self::encode_subscription`];
/// - what is to be done: [`Self::poll_output`] after each of those that happened, and
///   [`Self::next_timeout`].
///
/// After an error the rest of the output should still be written as far as the stream takes it: it lets
/// the peer see what is wrong (a mechanism mismatch shows on both ends). Nothing else is of use.
#[derive(Debug)]
pub(crate) struct Zmtp {
    phase: Phase,
    /// [`Self::decode`] has more to consider than the next frame of ZMTP 2.0 to 3.1. False only in traffic.
    attention: bool,
    /// A large frame is on its way past us.
    large: bool,
    receives_subscriptions: bool,
    receives_groups: bool,
    /// What the peer turned out to speak; the default until then.
    version: Version,
    /// A peer that cannot subscribe is in for everything, which is still to be said.
    subscribes_to_all: bool,
    /// A peer that could understand commands gets messages all the same.
    subscribes_by_message: bool,
    /// No body is longer; at most `isize::MAX`.
    limit: u64,
    /// Bytes of an uninteresting command that are still to come.
    skip: usize,
    /// What seals traffic, until the caller takes it.
    seal: Option<Box<Seal>>,
    output: Vec<u8>,
    handshake_deadline: Option<Instant>,
    heartbeat: Heartbeat,
    heartbeat_ttl: u16,
    /// When the bytes came that are being decoded.
    received_at: Instant,
}

/// Where the connection is. Only forward.
#[derive(Debug)]
enum Phase {
    /// Greeting and security handshake.
    Opening(Box<Opening>),
    Traffic,
    Failed(ProtocolError),
}

/// What [`Zmtp::decode`] found at the front of its input. Neither bytes nor event: it needs more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    /// Bytes that are done with. The body of a frame ends there.
    pub(crate) consumed: usize,
    pub(crate) event: Option<Event<'a>>,
}

/// What a peer did, as far as others have to know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A frame of a message.
    Frame { more: bool, body: &'a [u8] },
    /// The beginning of a frame that is too large to wait for. The caller receives the other
    /// `length - head.len()` bytes by itself, calls [`Zmtp::handle_received`] on the way, and at last
    /// [`Zmtp::large_frame_done`].
    LargeFrame {
        more: bool,
        length: usize,
        head: &'a [u8],
    },
    /// As [`Self::LargeFrame`], of a subscription or its end: `length` and `head` are the topic's.
    LargeSubscription {
        subscribe: bool,
        length: usize,
        head: &'a [u8],
    },
    /// The peer speaks ZMTP 1.0 or 2.x: messages may be sent, although the peer has not said who it is.
    /// At most once, before all others.
    MaySend,
    /// Somebody has to say whether the peer may come in: [`Zmtp::handle_verdict`]. At most once.
    Ask(Question),
    /// Something has to be done for the handshake that may take long: [`Zmtp::take_work`].
    Work,
    /// The handshake is complete, messages may be sent; exactly once, before all that follow here.
    Ready(Handshake),
    /// A SUBSCRIBE or CANCEL command (a message with the same meaning is a [`Self::Frame`]), or a peer that
    /// knows neither.
    Subscription { subscribe: bool, topic: &'a [u8] },
    /// At most 255 bytes.
    Join { group: &'a [u8] },
    /// At most 255 bytes.
    Leave { group: &'a [u8] },
}

/// A body above this size that is not complete is received by the caller.
pub(super) const LARGE: usize = 8 * 1024;
/// Our own output stays below this size if nobody takes it away: further PINGs and PONGs are dropped.
pub(super) const OUTPUT_LIMIT: usize = 64 * 1024;
/// The largest SUBSCRIBE or CANCEL command.
pub(super) const COMMAND_LIMIT: usize = 16 * 1024 * 1024;
/// So much of a command shows its name and all that counts of any but SUBSCRIBE and CANCEL.
pub(super) const COMMAND_PEEK: usize = 512;

impl Zmtp {
    /// The stream is there. The handshake timer starts, and the first bytes are in the output.
    pub(crate) fn new(config: Config, now: Instant) -> Self {
        let mut output = Vec::new();
        Self {
            attention: true,
            large: false,
            receives_subscriptions: config.receives_subscriptions,
            receives_groups: config.receives_groups,
            version: Version::default(),
            subscribes_to_all: false,
            subscribes_by_message: false,
            limit: config
                .max_message_size
                .unwrap_or(u64::MAX)
                .min(isize::MAX as u64),
            skip: 0,
            seal: None,
            handshake_deadline: config
                .handshake_interval
                .and_then(|interval| now.checked_add(interval)),
            heartbeat: Heartbeat::new(config.heartbeat_interval, config.heartbeat_timeout),
            heartbeat_ttl: config.heartbeat_ttl,
            received_at: now,
            phase: Phase::Opening(Box::new(Opening::new(config, &mut output))),
            output,
        }
    }

    // ---- what happened ----

    /// A read brought at least one byte. To be called before the bytes are decoded.
    pub(crate) fn handle_received(&mut self, now: Instant) {
        self.received_at = now;
        self.heartbeat.handle_received();
    }

    /// The stream took bytes after it had been full. What it takes while it has room shows nothing.
    pub(crate) fn handle_sent(&mut self, now: Instant) {
        self.heartbeat.handle_sent(now);
    }

    /// Decodes the front of `input`, which begins where the last call stopped consuming. The caller
    /// repeats it with what is left, and keeps that when there is neither an event nor a byte consumed.
    ///
    /// # Errors
    /// The peer broke the protocol; every later call says the same.
    #[inline]
    pub(crate) fn decode<'a>(
        &mut self,
        input: &'a [u8],
    ) -> std::result::Result<Decoded<'a>, ProtocolError> {
        match self.short_frame(input) {
            Some((more, body, rest)) => Ok(Decoded {
                consumed: input.len() - rest.len(),
                event: Some(Event::Frame { more, body }),
            }),
            None => self.decode_any(input),
        }
    }

    /// The common case by itself: the short frame of a message that `input` begins with, if it is whole and nothing else
    /// is to be looked at first. MORE, the body, and what follows.
    #[inline(always)]
    pub(crate) fn short_frame<'a>(&self, input: &'a [u8]) -> Option<(bool, &'a [u8], &'a [u8])> {
        let [flags, length, rest @ ..] = input else {
            return None;
        };
        if self.attention || flags & (LONG | COMMAND) != 0 || u64::from(*length) > self.limit {
            return None;
        }
        let (body, rest) = rest.split_at_checked(usize::from(*length))?;
        Some((flags & MORE != 0, body, rest))
    }

    /// The caller has received the rest of a large frame.
    pub(crate) fn large_frame_done(&mut self) {
        self.large = false;
        self.attention = self.version.is_1_0() || !matches!(self.phase, Phase::Traffic);
    }

    /// The answer to [`Event::Ask`]. [`Self::decode`] is to be called then, also if nothing has come. After a refusal the
    /// rest of the output should be sent, and the connection ended.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfMemory`].
    pub(crate) fn handle_verdict(
        &mut self,
        verdict: Verdict,
    ) -> std::result::Result<(), ProtocolError> {
        match &mut self.phase {
            Phase::Opening(opening) => opening.handle_verdict(verdict, &mut self.output),
            Phase::Traffic | Phase::Failed(_) => Ok(()),
        }
    }

    /// What is to be done upon [`Event::Work`]; once.
    pub(crate) fn take_work(&mut self) -> Option<Work> {
        match &mut self.phase {
            Phase::Opening(opening) => opening.take_work(),
            Phase::Traffic | Phase::Failed(_) => None,
        }
    }

    /// What came of that work. [`Self::decode`] is to be called then, also if nothing has come.
    ///
    /// # Errors
    /// What went wrong with what follows from it.
    pub(crate) fn handle_worked(
        &mut self,
        worked: Worked,
    ) -> std::result::Result<(), ProtocolError> {
        match &mut self.phase {
            Phase::Opening(opening) => opening.handle_worked(worked, &mut self.output),
            Phase::Traffic | Phase::Failed(_) => Ok(()),
        }
    }

    /// To be called upon [`Event::Ready`]. If there is a seal, what follows in the input does not go to [`Self::decode`] as
    /// it comes, but as the frames that the seal opens; and all output from now on, of the application and of
    /// [`Self::poll_output`], is to be sealed.
    pub(crate) fn take_seal(&mut self) -> Option<Box<Seal>> {
        self.seal.take()
    }

    /// The time has come that [`Self::next_timeout`] named; harmless at any other.
    ///
    /// # Errors
    /// The peer was silent for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> std::result::Result<(), TimedOut> {
        if self
            .handshake_deadline
            .is_some_and(|deadline| deadline <= now)
        {
            return Err(TimedOut::Handshake);
        }
        let due = self.heartbeat.handle_timeout(now)?;
        // Without memory the peer misses one of them.
        if due.ping && self.has_output_room() {
            let _ = command::append_ping(self.heartbeat_ttl, &mut self.output);
        }
        if due.pong && self.has_output_room() {
            let _ = command::append_pong(b"", &mut self.output);
        }
        Ok(())
    }

    // ---- what the application wants ----

    /// Input is not read because nobody takes it (or is read again): what the peer may have sent
    /// meanwhile is not held against it, and a peer that has sent PINGs gets PONGs although its next ones cannot be
    /// seen.
    pub(crate) fn set_input_paused(&mut self, paused: bool, now: Instant) {
        self.heartbeat.set_paused(paused, now);
    }

    /// How frames have to be written for this peer, if not as ZMTP 2.0 to 3.1 have them; stays the same as
    /// soon as messages may be sent.
    pub(crate) fn own_framing(&self) -> Option<HeaderOf> {
        self.version.own_framing()
    }

    /// Appends a frame of a message.
    ///
    /// # Errors
    /// [`crate::error::Error::NoMemory`]; nothing is appended then.
    pub(crate) fn encode_message(&self, more: bool, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.version.append_frame(more, &[body], out)
    }

    /// Appends a subscription or its end in the form that the peer's version understands.
    ///
    /// # Errors
    /// [`crate::error::Error::NoMemory`]; nothing is appended then.
    pub(crate) fn encode_subscription(
        &self,
        subscribe: bool,
        topic: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let version = match self.subscribes_by_message {
            true => self.version.min(Version::V3_0),
            false => self.version,
        };
        command::append_subscription(version, subscribe, topic, out)
    }

    // ---- what is to be done ----

    /// Bytes of greeting, handshake commands, PING and PONG that are to be written at the next frame
    /// boundary. The caller takes them away.
    pub(crate) fn poll_output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match (self.handshake_deadline, self.heartbeat.next_timeout()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    // ---- getters ----

    /// The handshake is complete: messages may be sent.
    #[cfg(test)]
    pub(crate) fn is_traffic(&self) -> bool {
        matches!(self.phase, Phase::Traffic)
    }

    /// Subscriptions go to this peer as commands (ZMTP 3.1) and not as messages.
    #[cfg(test)]
    pub(crate) fn speaks_subscribe_commands(&self) -> bool {
        self.version >= Version::V3_1
    }

    // ---- decoding ----

    #[inline(never)]
    fn decode_any<'a>(
        &mut self,
        input: &'a [u8],
    ) -> std::result::Result<Decoded<'a>, ProtocolError> {
        let decoded = match &mut self.phase {
            Phase::Opening(opening) => match opening.decode(input, &mut self.output) {
                Ok((consumed, None)) => Ok(Decoded {
                    consumed,
                    event: None,
                }),
                Ok((consumed, Some(Progress::MaySend(version)))) => {
                    self.version = version;
                    Ok(Decoded {
                        consumed,
                        event: Some(Event::MaySend),
                    })
                }
                Ok((consumed, Some(Progress::Ask(question)))) => Ok(Decoded {
                    consumed,
                    event: Some(Event::Ask(question)),
                }),
                Ok((consumed, Some(Progress::Work))) => Ok(Decoded {
                    consumed,
                    event: Some(Event::Work),
                }),
                Ok((consumed, Some(Progress::Ready(handshake, traffic)))) => {
                    if let Traffic::Sealed(cipher) = traffic {
                        let seal = Seal::new(cipher, self.limit);
                        self.subscribes_by_message = seal.subscribes_by_message();
                        self.seal = Some(Box::new(seal));
                    }
                    self.begin_traffic(handshake.version);
                    Ok(Decoded {
                        consumed,
                        event: Some(Event::Ready(handshake)),
                    })
                }
                Err(error) => Err(error),
            },
            Phase::Traffic => self.decode_traffic(input),
            Phase::Failed(error) => Err(*error),
        };
        if let Err(error) = decoded {
            self.phase = Phase::Failed(error);
            self.attention = true;
        }
        decoded
    }

    fn begin_traffic(&mut self, version: Version) {
        self.phase = Phase::Traffic;
        self.version = version;
        self.attention = version.is_1_0();
        self.subscribes_to_all = version == Version::Unversioned && self.receives_subscriptions;
        self.handshake_deadline = None;
        if version.has_handshake() {
            self.heartbeat.start(self.received_at);
        }
    }

    fn decode_traffic<'a>(
        &mut self,
        input: &'a [u8],
    ) -> std::result::Result<Decoded<'a>, ProtocolError> {
        if self.large {
            return Ok(NEEDS_MORE);
        }
        if self.skip > 0 {
            let consumed = self.skip.min(input.len());
            self.skip -= consumed;
            return Ok(Decoded {
                consumed,
                event: None,
            });
        }
        if self.subscribes_to_all {
            self.subscribes_to_all = false;
            return Ok(Decoded {
                consumed: 0,
                event: Some(Event::Subscription {
                    subscribe: true,
                    topic: b"",
                }),
            });
        }
        let Some(header) = self.version.parse_header(input)? else {
            return Ok(NEEDS_MORE);
        };
        if header.length > self.limit {
            return Err(ProtocolError::MessageTooLarge);
        }
        // At most `isize::MAX`, by `limit`.
        let length = header.length as usize;
        let rest = input.get(header.size..).unwrap_or_default();
        if header.is_command() {
            return if self.version.has_handshake() {
                self.decode_command(header.size, length, rest)
            } else {
                Ok(self.swallow_command(header.size, length, rest))
            };
        }
        let more = header.more();
        match rest.get(..length) {
            Some(body) => {
                self.note_frame();
                let event = Event::Frame { more, body };
                Ok(Decoded {
                    consumed: header.size + length,
                    event: Some(event),
                })
            }
            None if length > LARGE => {
                self.note_frame();
                self.large = true;
                self.attention = true;
                let event = Event::LargeFrame {
                    more,
                    length,
                    head: rest,
                };
                Ok(Decoded {
                    consumed: input.len(),
                    event: Some(event),
                })
            }
            None => Ok(NEEDS_MORE),
        }
    }

    /// A command whose body of `length` bytes begins in `rest`. A long one that needs not be seen as a
    /// whole is skipped as it comes.
    fn decode_command<'a>(
        &mut self,
        header_size: usize,
        length: usize,
        rest: &'a [u8],
    ) -> std::result::Result<Decoded<'a>, ProtocolError> {
        if rest.len() < length.min(COMMAND_PEEK) {
            return Ok(NEEDS_MORE);
        }
        let whole = rest.get(..length);
        let command = Command::parse(whole.unwrap_or(rest));
        let subscription = match command {
            Command::Subscribe(topic) if self.receives_subscriptions => Some((true, topic)),
            Command::Cancel(topic) if self.receives_subscriptions => Some((false, topic)),
            _ => None,
        };
        if subscription.is_some() && length > COMMAND_LIMIT {
            return Err(ProtocolError::MessageTooLarge);
        }
        let body = match (whole, subscription) {
            (Some(body), _) => body,
            (None, Some((subscribe, head))) if length > LARGE => {
                self.note_frame();
                self.large = true;
                self.attention = true;
                let event = Event::LargeSubscription {
                    subscribe,
                    length: length - (rest.len() - head.len()),
                    head,
                };
                return Ok(Decoded {
                    consumed: header_size + rest.len(),
                    event: Some(event),
                });
            }
            (None, Some(_)) => return Ok(NEEDS_MORE),
            (None, None) => rest,
        };
        self.note_frame();
        self.skip = length - body.len();
        self.attention = self.skip > 0;
        let event = self.handle_command(command)?;
        Ok(Decoded {
            consumed: header_size + body.len(),
            event,
        })
    }

    /// A command of a version that has none means nothing.
    fn swallow_command(
        &mut self,
        header_size: usize,
        length: usize,
        rest: &[u8],
    ) -> Decoded<'static> {
        let here = length.min(rest.len());
        self.skip = length - here;
        self.attention = self.skip > 0;
        Decoded {
            consumed: header_size + here,
            event: None,
        }
    }

    fn handle_command<'a>(
        &mut self,
        command: Command<'a>,
    ) -> std::result::Result<Option<Event<'a>>, ProtocolError> {
        let event = match command {
            Command::Subscribe(topic) if self.receives_subscriptions => Event::Subscription {
                subscribe: true,
                topic,
            },
            Command::Cancel(topic) if self.receives_subscriptions => Event::Subscription {
                subscribe: false,
                topic,
            },
            Command::Join(group) if self.receives_groups => Event::Join {
                group: checked_group(group)?,
            },
            Command::Leave(group) if self.receives_groups => Event::Leave {
                group: checked_group(group)?,
            },
            Command::Ping { ttl, context } => {
                self.handle_ping(ttl, context);
                return Ok(None);
            }
            // Unknown commands, and those out of their place, are ignored.
            _ => return Ok(None),
        };
        Ok(Some(event))
    }

    fn handle_ping(&mut self, ttl: u16, context: &[u8]) {
        self.heartbeat.handle_ping(ttl, self.received_at);
        if ttl > 0 {
            // A frame behind it ends the peer's silence.
            self.attention = true;
        }
        if self.has_output_room() {
            // Without memory the peer misses a PONG.
            let _ = command::append_pong(context, &mut self.output);
        }
    }

    /// A frame follows a PING in the same read.
    fn note_frame(&mut self) {
        self.heartbeat.handle_frame();
        self.attention = self.version.is_1_0();
    }

    fn has_output_room(&self) -> bool {
        self.output.len() < OUTPUT_LIMIT
    }
}

const NEEDS_MORE: Decoded<'static> = Decoded {
    consumed: 0,
    event: None,
};

/// The longest group (ZMQ_GROUP_MAX_LENGTH).
const GROUP_LIMIT: usize = 255;

fn checked_group(group: &[u8]) -> std::result::Result<&[u8], ProtocolError> {
    if group.len() > GROUP_LIMIT {
        Err(ProtocolError::GroupTooLong)
    } else {
        Ok(group)
    }
}
