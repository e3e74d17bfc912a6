//! A connection as its caller runs it, with everything written down: for tests and fuzzing.

#![forbid(unsafe_code)]

use std::time::Instant;

use crate::mechanism::Verdict;
use crate::protocol::{Config, Event, HANDSHAKE_FRAME_LIMIT, Handshake, ProtocolError, Seal, Zmtp};

/// A [`Zmtp`] with what it was given and what came of it.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) zmtp: Zmtp,
    pub(crate) events: Vec<Seen>,
    /// All output so far.
    pub(crate) sent: Vec<u8>,
    pub(crate) error: Option<ProtocolError>,
    /// What is said to the question whether the peer may come in; without it nothing is.
    pub(crate) verdict: Option<Verdict>,
    /// The peer was refused.
    pub(crate) refused: bool,
    /// Nobody answered.
    unanswered: bool,
    seal: Option<Box<Seal>>,
    ready: bool,
    /// Received, but not consumed.
    rest: Vec<u8>,
    large: Option<(Large, usize, Vec<u8>)>,
}

/// More than that no connection holds of what came before its handshake was complete: a frame and its header.
const HANDSHAKE_MOST: usize = HANDSHAKE_FRAME_LIMIT as usize + 9;

/// What is received past the protocol.
#[derive(Clone, Copy, Debug)]
enum Large {
    Frame { more: bool },
    Subscription { subscribe: bool },
}

impl Large {
    fn seen(self, bytes: Vec<u8>) -> Seen {
        match self {
            Self::Frame { more } => Seen::Frame { more, body: bytes },
            Self::Subscription { subscribe } => Seen::Subscription {
                subscribe,
                topic: bytes,
            },
        }
    }
}

/// An [`Event`] that owns its bytes; a frame looks the same however it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Frame { more: bool, body: Vec<u8> },
    MaySend,
    Ready(Handshake),
    Subscription { subscribe: bool, topic: Vec<u8> },
    Join { group: Vec<u8> },
    Leave { group: Vec<u8> },
}

impl Transcript {
    pub(crate) fn new(config: Config, now: Instant) -> Self {
        let mut transcript = Self {
            zmtp: Zmtp::new(config, now),
            events: Vec::new(),
            sent: Vec::new(),
            error: None,
            verdict: None,
            refused: false,
            unanswered: false,
            seal: None,
            ready: false,
            rest: Vec::new(),
            large: None,
        };
        transcript.collect_output();
        transcript
    }

    /// One read that brought `bytes`; returns what is sent upon it.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        let before = self.sent.len();
        if !bytes.is_empty() && self.error.is_none() && !self.refused {
            self.zmtp.handle_received(now);
            let mut input = std::mem::take(&mut self.rest);
            input.extend_from_slice(bytes);
            if self.seal.is_none() {
                let left = self.decode(&input).len();
                input.drain(..input.len() - left);
            }
            if self.seal.is_some() {
                self.open(&mut input);
            }
            self.rest = input;
            let over = self.ready || self.error.is_some() || self.refused;
            assert!(over || self.unanswered || self.rest.len() < HANDSHAKE_MOST);
        }
        self.collect_output();
        self.sent[before..].to_vec()
    }

    /// Takes what is in the output.
    pub(crate) fn collect_output(&mut self) {
        let from = self.sent.len();
        self.sent.append(self.zmtp.poll_output());
        if let Some(seal) = &mut self.seal {
            seal.seal_behind(from, &mut self.sent).expect("memory");
        }
    }

    /// Sends a frame of a message.
    pub(crate) fn send(&mut self, more: bool, body: &[u8]) {
        match &mut self.seal {
            Some(seal) => seal.seal_message(more, body, &mut self.sent),
            None => self.zmtp.encode_message(more, body, &mut self.sent),
        }
        .expect("memory");
    }

    /// Sends a subscription or its end.
    pub(crate) fn subscribe(&mut self, subscribe: bool, topic: &[u8]) {
        let from = self.sent.len();
        self.zmtp
            .encode_subscription(subscribe, topic, &mut self.sent)
            .expect("memory");
        if let Some(seal) = &mut self.seal {
            seal.seal_behind(from, &mut self.sent).expect("memory");
        }
    }

    /// Traffic is sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.seal.is_some()
    }

    /// Opens the whole frames that `input` begins with, and decodes what is in them.
    fn open(&mut self, input: &mut Vec<u8>) {
        let Some(seal) = &mut self.seal else {
            return;
        };
        let mut frames = vec![0; input.len()];
        let opened = seal.open_frames(input, &mut frames);
        input.drain(..opened.consumed);
        frames.truncate(opened.written);
        let left = self.decode(&frames).len();
        assert!(left == 0 || self.error.is_some(), "whole frames");
        self.error = self.error.or(opened.failed);
    }

    /// Ends the record: an unfinished large frame is listed with what came of it.
    pub(crate) fn finish(mut self) -> (Vec<Seen>, Vec<u8>, Option<ProtocolError>) {
        if let Some((large, _, body)) = self.large.take() {
            self.events.push(large.seen(body));
        }
        (self.events, self.sent, self.error)
    }

    /// Returns what is left over.
    fn decode<'a>(&mut self, mut input: &'a [u8]) -> &'a [u8] {
        loop {
            input = self.feed_large(input);
            let decoded = match self.zmtp.decode(input) {
                Ok(decoded) => decoded,
                Err(error) => {
                    assert_eq!(self.zmtp.decode(input), Err(error), "an error stays");
                    self.error = Some(error);
                    return &[];
                }
            };
            let (done, left) = input.split_at(decoded.consumed);
            input = left;
            match decoded.event {
                None if decoded.consumed == 0 => return input,
                None => {}
                Some(Event::Ask(_)) => {
                    if let Some(verdict) = self.verdict {
                        self.zmtp.handle_verdict(verdict).expect("memory");
                        self.refused = verdict != Verdict::Welcome;
                    }
                    self.unanswered = self.verdict.is_none();
                }
                Some(event) => self.note(event, done),
            }
            self.collect_output();
            if self.refused {
                return &[];
            }
            if self.ready && self.seal.is_none() {
                // What was said before is said in clear.
                self.seal = self.zmtp.take_seal();
                if self.seal.is_some() {
                    return input;
                }
            }
        }
    }

    fn note(&mut self, event: Event<'_>, consumed: &[u8]) {
        let seen = match event {
            Event::Frame { more, body } => {
                assert!(
                    consumed.ends_with(body),
                    "a body ends where the decoder stands"
                );
                Seen::Frame {
                    more,
                    body: body.to_vec(),
                }
            }
            // Nobody is there to answer, or to do it.
            Event::Ask(_) | Event::Work => return,
            Event::LargeFrame { more, length, head } => {
                assert!(head.len() < length, "a complete frame is no large frame");
                self.large = Some((Large::Frame { more }, length, head.to_vec()));
                return;
            }
            Event::LargeSubscription {
                subscribe,
                length,
                head,
            } => {
                assert!(head.len() < length, "a complete topic is no large one");
                self.large = Some((Large::Subscription { subscribe }, length, head.to_vec()));
                return;
            }
            Event::MaySend => Seen::MaySend,
            Event::Ready(handshake) => {
                self.ready = true;
                Seen::Ready(handshake)
            }
            Event::Subscription { subscribe, topic } => Seen::Subscription {
                subscribe,
                topic: topic.to_vec(),
            },
            Event::Join { group } => Seen::Join {
                group: group.to_vec(),
            },
            Event::Leave { group } => Seen::Leave {
                group: group.to_vec(),
            },
        };
        self.events.push(seen);
    }

    /// Gives the front of `input` to a large frame that is pending; returns what is behind it.
    fn feed_large<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let Some((large, length, mut body)) = self.large.take() else {
            return input;
        };
        let (of_body, rest) = input.split_at(input.len().min(length - body.len()));
        body.extend_from_slice(of_body);
        if body.len() < length {
            self.large = Some((large, length, body));
        } else {
            self.zmtp.large_frame_done();
            self.events.push(large.seen(body));
        }
        rest
    }
}
