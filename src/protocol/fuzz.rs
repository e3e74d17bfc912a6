//! Targets for whole connections; see `crate::fuzz`. More of them stand in the files below.

#![forbid(unsafe_code)]

mod secured;
mod socks5;

use std::collections::VecDeque;
use std::time::Duration;

use super::envelope::ReplyEnvelope;
use super::transcript::{Seen, Transcript};
use super::{Config, Event, Handshake, ProtocolError, Raw};
use crate::clock;
use crate::fuzz::Input;
use crate::mechanism::Verdict;
use crate::mechanism::fuzz::mechanisms;
use crate::patterns::{TYPES, TypeRow};

pub(crate) use super::zmtp::fuzz::{command, frames, greeting, metadata, refusal, sealed};
pub(crate) use secured::{middle, secured};
pub(crate) use socks5::socks5;

/// The first byte chooses the configuration and what precedes the input: nothing, a greeting or a
/// handshake, or the same of an older peer. The second one says how the input is cut.
pub(crate) fn zmtp(data: &[u8]) {
    let [settings, seed, input @ ..] = data else {
        return;
    };
    let has = |bit: u8| settings & bit != 0;
    let config = Config {
        socket_type: "XPUB",
        socket_type_number: 9,
        requires_security: has(64),
        compatible: &["SUB", "XSUB"],
        receives_subscriptions: has(4),
        receives_groups: has(8),
        max_message_size: has(16).then_some(300),
        routing_id: if has(128) {
            (*b"own").into()
        } else {
            (*b"").into()
        },
        announce_routing_id: has(128),
        ..Config::default()
    };
    let limit = config.max_message_size;
    let mut stream = Vec::new();
    if has(32) {
        let old: &[u8] = match (has(1), has(2)) {
            (false, false) => b"",
            (true, false) => b"\xFF\0\0\0\0\0\0\0\x05\0",
            (false, true) => b"\xFF\0\0\0\0\0\0\0\x01\x7F\0\x02",
            (true, true) => b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x02\0\x02id",
        };
        stream.extend_from_slice(old);
    } else if has(1) {
        stream.extend_from_slice(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01NULL");
        stream.resize(64, 0);
        if has(2) {
            stream.extend_from_slice(b"\x04\x06\x05READY");
        }
    }
    stream.extend_from_slice(input);

    let [whole, pieces] = however_cut(&config, None, &stream, *seed);
    assert_eq!(pieces, whole, "cutting the input changes what comes of it");
    let (events, sent, error) = whole;
    plausible(&events, stream.len(), limit);
    assert!(sent.len() >= 10, "our signature at least");
    if error == Some(ProtocolError::CannotAuthenticate) {
        assert!(has(64));
    }
}

/// Events, output, and the end of a connection.
type Record = (Vec<Seen>, Vec<u8>, Option<ProtocolError>);

/// What comes of a stream that is received at once, and in pieces that `seed` says the sizes of.
fn however_cut(config: &Config, verdict: Option<Verdict>, stream: &[u8], seed: u8) -> [Record; 2] {
    let now = clock::now();
    let begin = || {
        let mut transcript = Transcript::new(config.clone(), now);
        transcript.verdict = verdict;
        transcript
    };
    let mut whole = begin();
    whole.receive(stream, now);
    let mut pieces = begin();
    // Where much waits for its end, as it does in a long subscription, small pieces take too long.
    let smallest = if stream.len() > 4096 { 64 } else { 0 };
    let seed = u32::from(seed).max(smallest);
    let mut state = seed + 1;
    let mut rest = stream;
    while !rest.is_empty() {
        // xorshift; seed 0 cuts at every byte.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let length = match seed {
            0 => 1,
            _ => 1 + (state >> 8) % (4 * seed),
        } as usize;
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.receive(piece, now);
        rest = behind;
    }
    [whole.finish(), pieces.finish()]
}

/// What holds of the events of any connection that received `received` bytes.
fn plausible(events: &[Seen], received: usize, limit: Option<u64>) {
    let mut ready = false;
    let mut bytes = 0;
    for (place, event) in events.iter().enumerate() {
        let length = match event {
            Seen::MaySend => {
                assert_eq!(place, 0);
                continue;
            }
            Seen::Ready(handshake) => {
                assert!(!ready, "ready once");
                ready = true;
                let properties = handshake.properties.iter();
                let sum: usize = properties
                    .map(|(name, value)| name.len() + value.len())
                    .sum();
                sum.max(handshake.routing_id.len())
            }
            Seen::Frame { body, .. } => {
                assert!(ready);
                assert!(limit.is_none_or(|limit| body.len() as u64 <= limit));
                body.len()
            }
            Seen::Subscription { topic, .. } => {
                assert!(ready);
                topic.len()
            }
            Seen::Join { group } | Seen::Leave { group } => {
                assert!(ready && group.len() <= 255);
                group.len()
            }
        };
        bytes += length;
    }
    assert!(bytes <= received, "nothing comes of nothing");
}

/// Two ends of a connection, with a virtual clock; see [`pair`].
struct Talk {
    ends: [Transcript; 2],
    /// Of the other end's output: bytes received.
    received: [usize; 2],
    /// What each end is still to get.
    expected: [VecDeque<Seen>; 2],
    /// Events of each end that were looked at.
    checked: [usize; 2],
    /// What each end is to hear of the other one.
    introductions: [Handshake; 2],
    compatible: bool,
    is_null: bool,
}

/// The first bytes choose two socket types, a mechanism, routing ids, heartbeats and properties; then come sends,
/// subscriptions, bytes on their way, and time that goes by. The first one is the client.
pub(crate) fn pair(data: &[u8]) {
    let mut input = Input::new(data);
    let rows = [(); 2].map(|()| &TYPES[usize::from(input.byte()) % TYPES.len()]);
    let mut now = clock::now();
    // Of the settings of the first one.
    let mut mechanisms = mechanisms(input.peek() >> 3 & 3).into_iter();
    let configs = rows.map(|row| Config {
        mechanism: mechanisms.next().expect("two of them"),
        ..config_of(row, &mut input)
    });
    let is_null = configs[0].mechanism.name() == "NULL";
    let mut talk = Talk {
        compatible: rows[0].peers.contains(&rows[1].wire_name),
        introductions: [introduction(&configs[1]), introduction(&configs[0])],
        is_null,
        ends: configs.map(|config| {
            let mut end = Transcript::new(config, now);
            end.verdict = Some(Verdict::Welcome);
            end
        }),
        received: [0; 2],
        expected: [VecDeque::new(), VecDeque::new()],
        checked: [0; 2],
    };
    assert_eq!(talk.compatible, rows[1].peers.contains(&rows[0].wire_name));
    while !input.is_empty() {
        let choice = input.byte();
        let end = usize::from(choice & 1);
        match choice >> 1 & 7 {
            0 | 1 => {
                // Few are large, for those take time.
                let shift = [0, 0, 0, 0, 0, 1, 4, 7][usize::from(choice >> 4 & 7)];
                let length = usize::from(input.byte()) << shift;
                talk.send(end, choice & 0x80 != 0, length);
            }
            2 => talk.subscribe(end, rows[1 - end], choice & 0x80 != 0, input.bytes()),
            3 => {
                now += Duration::from_millis(u64::from(input.byte()));
                for end in &mut talk.ends {
                    // Without a timeout nobody is given up.
                    assert_eq!(end.zmtp.handle_timeout(now), Ok(()));
                    end.collect_output();
                }
            }
            _ => {
                let length = usize::from(input.byte()) << (choice >> 4);
                talk.carry(end, length, now);
            }
        }
    }
    talk.settle(now);
}

fn config_of(row: &'static TypeRow, input: &mut Input<'_>) -> Config {
    let settings = input.byte();
    let property = |input: &mut Input<'_>| {
        let name = [b"X-", input.bytes()].concat();
        (name[..name.len().min(255)].to_vec(), input.bytes().to_vec())
    };
    Config {
        socket_type: row.wire_name,
        socket_type_number: row.socket_type as u8,
        compatible: row.peers,
        routing_id: input.bytes().into(),
        announce_routing_id: row.announces_routing_id,
        metadata: (0..settings & 3).map(|_| property(input)).collect(),
        heartbeat_interval: (settings & 4 != 0).then_some(Duration::from_millis(20)),
        receives_subscriptions: row.takes_subscriptions,
        ..Config::default()
    }
}

/// What a peer hears of an end with this configuration.
fn introduction(config: &Config) -> Handshake {
    let mut properties = vec![(b"Socket-Type".to_vec(), config.socket_type.into())];
    let mut routing_id = Vec::new();
    if config.announce_routing_id {
        routing_id.extend_from_slice(&config.routing_id);
        properties.push((b"Identity".to_vec(), routing_id.clone()));
    }
    let mut own = config.metadata.clone();
    own.sort_by(|(one, _), (other, _)| one.cmp(other));
    properties.append(&mut own);
    Handshake {
        routing_id,
        properties,
        ..Handshake::default()
    }
}

impl Talk {
    fn may_send(&self, end: usize) -> bool {
        self.ends[end]
            .events
            .iter()
            .any(|event| matches!(event, Seen::Ready(_)))
    }

    /// One end sends a frame of a message.
    fn send(&mut self, end: usize, more: bool, length: usize) {
        if !self.may_send(end) {
            return;
        }
        let sender = &mut self.ends[end];
        let fill = sender.sent.len() as u8;
        let body: Vec<u8> = (0..length).map(|at| fill.wrapping_add(at as u8)).collect();
        sender.send(more, &body);
        self.expected[1 - end].push_back(Seen::Frame { more, body });
    }

    /// One end subscribes; the other one hears of it if that means something to it.
    fn subscribe(&mut self, end: usize, to: &TypeRow, subscribe: bool, topic: &[u8]) {
        if !self.may_send(end) {
            return;
        }
        self.ends[end].subscribe(subscribe, topic);
        if to.takes_subscriptions {
            self.expected[1 - end].push_back(Seen::Subscription {
                subscribe,
                topic: topic.to_vec(),
            });
        }
    }

    /// So many bytes arrive at one end.
    fn carry(&mut self, to: usize, length: usize, now: std::time::Instant) {
        let sent = &self.ends[1 - to].sent[self.received[to]..];
        let bytes = sent[..length.min(sent.len())].to_vec();
        self.received[to] += bytes.len();
        self.ends[to].receive(&bytes, now);
        self.check(to);
    }

    /// Everything arrives.
    fn settle(&mut self, now: std::time::Instant) {
        while (0..2).any(|end| self.received[end] < self.ends[1 - end].sent.len()) {
            self.carry(0, usize::MAX, now);
            self.carry(1, usize::MAX, now);
        }
        for end in 0..2 {
            assert_eq!(self.may_send(end), self.compatible);
            assert!(
                self.expected[end].is_empty(),
                "lost: {:?}",
                self.expected[end]
            );
        }
    }

    fn check(&mut self, end: usize) {
        let seen = &self.ends[end];
        let refused = match end {
            // A client says so.
            0 if !self.is_null => ProtocolError::InvalidReadyMetadata,
            _ => ProtocolError::IncompatibleSocketType,
        };
        assert!(seen.error.is_none() || (!self.compatible && seen.error == Some(refused)));
        for event in &seen.events[self.checked[end]..] {
            if let Seen::Ready(handshake) = event {
                assert_eq!(self.checked[end], 0, "first of all, and once");
                assert_eq!(*handshake, self.introductions[end]);
            } else {
                assert_eq!(Some(event), self.expected[end].pop_front().as_ref());
            }
            self.checked[end] += 1;
        }
    }
}

/// Two bytes say how much one message holds; then come reads, each behind a byte with its length.
pub(crate) fn raw(data: &[u8]) {
    let mut input = Input::new(data);
    let size = usize::from(u16::from_be_bytes(input.array()));
    let raw = Raw::new(size);
    let size = size.max(1);
    while !input.is_empty() {
        let repeat = 1 + usize::from(input.byte() & 15);
        let read = input.bytes().repeat(repeat);
        let mut rest = read.as_slice();
        let mut messages = Vec::new();
        loop {
            let decoded = raw.decode(rest);
            let Some(Event::Frame { more: false, body }) = decoded.event else {
                assert_eq!((decoded.consumed, decoded.event), (0, None));
                break;
            };
            assert_eq!(body.len(), decoded.consumed);
            messages.push(body);
            rest = &rest[decoded.consumed..];
        }
        assert!(rest.is_empty(), "a read is used up");
        assert_eq!(messages.concat(), read);
        assert_eq!(messages.len(), read.len().div_ceil(size));
        assert!(
            messages
                .iter()
                .all(|message| (1..=size).contains(&message.len()))
        );
        assert_eq!(Raw::header(false, read.len()).1, 0);
    }
}

/// Each byte is a frame: its highest bit is MORE, the others its length.
pub(crate) fn envelope(data: &[u8]) {
    let frames: Vec<_> = data
        .iter()
        .map(|byte| (byte & 0x80 != 0, usize::from(byte & 0x7F)))
        .collect();
    let mut envelope = ReplyEnvelope::default();
    let mut checked = frames
        .iter()
        .map(|&(more, length)| envelope.check(more, length));
    // Messages by themselves; the last one may lack its end.
    for message in frames.split_inclusive(|(more, _)| !more) {
        let sound = match message {
            [(true, 0), ..] => message.len(),
            [(true, 4), (true, 0), ..] => message.len(),
            [(true, 4), ..] => 1,
            _ => 0,
        };
        for place in 0..message.len() {
            let expected = if place < sound {
                Ok(())
            } else {
                Err(ProtocolError::InvalidEnvelope)
            };
            assert_eq!(checked.next(), Some(expected));
            if place >= sound {
                // The connection is gone.
                return;
            }
        }
    }
    assert_eq!(checked.next(), None);
}
