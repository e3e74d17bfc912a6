//! Targets for the parts of ZMTP; see `crate::fuzz`.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::command::{CONTEXT_LEN, Command, append_ping, append_pong, append_subscription};
use super::frame::{COMMAND, Header};
use super::frame_1_0;
use super::greeting::{Greeted, Greeting};
use super::metadata::{Properties, append_property};
use super::opening::{Config, PROPERTY_LIMIT};
use super::version::Version;
use crate::clock;
use crate::fuzz::Input;
use crate::mechanism::Mechanism;
use crate::protocol::ProtocolError;
use crate::protocol::transcript::{Seen, Transcript};

/// Two bytes choose our socket type and the length of our routing id; what follows is received.
pub(crate) fn greeting(data: &[u8]) {
    let mut input = Input::new(data);
    let (socket_type, routing_id_len) = (input.byte(), usize::from(input.byte()));
    let begin = |out: &mut Vec<u8>| Greeting::begin("NULL", socket_type, routing_id_len, out);
    let received = input.rest();

    let mut sent = Vec::new();
    let result = begin(&mut sent).handle_received(received, &mut sent);
    assert_eq!(result, understood(received));

    // Byte by byte: the same is sent, and never taken back; the result is there as soon as it can be.
    let mut sent_in_steps = Vec::new();
    let mut greeting = begin(&mut sent_in_steps);
    assert_eq!(
        sent_in_steps.len(),
        10,
        "the signature, before anything is received"
    );
    let mut end = 0;
    let result_in_steps = loop {
        let before = sent_in_steps.clone();
        let result = greeting.handle_received(&received[..end], &mut sent_in_steps);
        assert!(sent_in_steps.starts_with(&before));
        if result != Ok(None) || end == received.len() {
            break result;
        }
        end += 1;
    };
    assert_eq!(result_in_steps, result);
    assert_eq!(sent_in_steps, sent);

    if let Ok(Some(Greeted { version, length })) = result {
        // What is no signature shows in its first byte or in its last one.
        let (shown, whole) = match version {
            Version::Unversioned if received[0] != 0xFF => (1, 10),
            Version::Unversioned => (10, 10),
            Version::V1_0 | Version::V2_0 => (12, 12),
            Version::V3_0 | Version::V3_1 => (64, 64),
        };
        assert_eq!(end, shown, "not a byte more than it takes");
        assert!(length == 0 || length == shown);
        // A peer of ZMTP 1.0 may have shown itself before it was asked anything.
        assert_eq!(sent.len(), whole);
        // A peer like us understands what we said; the short form is an old one with our version.
        if whole == 64 {
            let mut answer = Vec::new();
            let peer =
                Greeting::begin("NULL", 0, 0, &mut answer).handle_received(&sent, &mut answer);
            let expected = Greeted {
                version: Version::V3_1,
                length: 64,
            };
            assert_eq!(peer, Ok(Some(expected)));
        }
    }
}

/// The greeting as the letter of its layout has it.
fn understood(bytes: &[u8]) -> Result<Option<Greeted>, ProtocolError> {
    let greeted = |version, length| Ok(Some(Greeted { version, length }));
    let at = |place: usize| bytes.get(place).copied();
    if at(0).is_some_and(|first| first != 0xFF) || at(9).is_some_and(|last| last & 1 == 0) {
        return greeted(Version::Unversioned, 0);
    }
    let Some(major) = at(10) else {
        return Ok(None);
    };
    let length = if major < 2 { 12 } else { 64 };
    if bytes.len() < length {
        return Ok(None);
    }
    if length == 64 && bytes[12..32] != *b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" {
        return Err(ProtocolError::MechanismMismatch);
    }
    let version = match (major, bytes[11]) {
        (0, _) => Version::V1_0,
        (1, _) => Version::V2_0,
        (3, 0) => Version::V3_0,
        _ => Version::V3_1,
    };
    greeted(version, length)
}

const VERSIONS: [Version; 5] = [
    Version::Unversioned,
    Version::V1_0,
    Version::V2_0,
    Version::V3_0,
    Version::V3_1,
];

/// A byte chooses the version; what follows are frames.
pub(crate) fn frames(data: &[u8]) {
    let mut input = Input::new(data);
    let version = VERSIONS[usize::from(input.byte()) % VERSIONS.len()];
    let mut rest = input.rest();
    while let Some(header) = header_of_no_less(version, rest) {
        assert!(version.has_flags() || !header.is_command());
        let behind = &rest[header.size..];
        // A body that is not all there, or would not fit into any memory, stands for its beginning.
        let here = usize::try_from(header.length).map_or(behind.len(), |it| it.min(behind.len()));
        let (body, next) = behind.split_at(here);
        written_and_read(version, header.more(), body);
        if here as u64 != header.length {
            return;
        }
        rest = next;
    }
}

impl Version {
    /// Its frames begin with flags.
    fn has_flags(self) -> bool {
        !self.is_1_0()
    }
}

/// The header at the front, which nothing shorter shows, and nothing behind it changes.
fn header_of_no_less(version: Version, input: &[u8]) -> Option<Header> {
    let parsed = version.parse_header(input);
    let longest = input.len().min(10);
    for end in 0..=longest {
        match version.parse_header(&input[..end]) {
            Ok(None) => {}
            early => {
                assert_eq!(early, parsed);
                let size = early.ok()??.size;
                assert_eq!(size, end);
                return parsed.ok()?;
            }
        }
    }
    assert_eq!(parsed, Ok(None));
    None
}

fn written_and_read(version: Version, more: bool, body: &[u8]) {
    let mut written = Vec::new();
    let (front, back) = body.split_at(body.len() / 3);
    version
        .append_frame(more, &[front, back], &mut written)
        .expect("memory");
    let header = version
        .parse_header(&written)
        .expect("our own frame")
        .expect("a whole frame");
    assert_eq!((header.more(), header.is_command()), (more, false));
    assert_eq!(header.length, body.len() as u64);
    assert_eq!(written[header.size..], *body);
    let shortest = match version.own_framing() {
        Some(header_of) => {
            let (bytes, size) = header_of(more, body.len());
            assert_eq!(bytes[..size], written[..header.size]);
            if body.len() < 254 { 2 } else { 10 }
        }
        None if body.len() < 256 => 2,
        None => 9,
    };
    assert_eq!(header.size, shortest);
    if version.is_1_0() {
        let mut again = Vec::new();
        frame_1_0::append_frame(more, &[body], &mut again).expect("memory");
        assert_eq!(again, written);
    }
}

/// The names that mean something.
const NAMES: [&[u8]; 8] = [
    b"READY",
    b"ERROR",
    b"SUBSCRIBE",
    b"CANCEL",
    b"JOIN",
    b"LEAVE",
    b"PING",
    b"PONG",
];

/// The body of a command.
pub(crate) fn command(data: &[u8]) {
    let named = NAMES.iter().find_map(|&name| {
        let rest = data.strip_prefix(&[name.len() as u8])?.strip_prefix(name)?;
        Some((name, rest))
    });
    let parsed = Command::parse(data);
    let expected = match named {
        Some((b"READY", rest)) => Command::Ready(rest),
        Some((b"ERROR", rest)) => Command::Error(rest),
        Some((b"SUBSCRIBE", rest)) => Command::Subscribe(rest),
        Some((b"CANCEL", rest)) => Command::Cancel(rest),
        Some((b"JOIN", rest)) => Command::Join(rest),
        Some((b"LEAVE", rest)) => Command::Leave(rest),
        Some((b"PONG", _)) => Command::Pong,
        Some((_, [high, low, rest @ ..])) => Command::Ping {
            ttl: u16::from_be_bytes([*high, *low]),
            context: &rest[..rest.len().min(CONTEXT_LEN)],
        },
        _ => Command::Other,
    };
    assert_eq!(parsed, expected);

    let mut handshake = Mechanism::default()
        .begin(Vec::new())
        .expect("NULL needs nothing");
    let answer = handshake.handle_command(data);
    match parsed {
        Command::Ready(block) => {
            assert_eq!(answer, Ok(Some(block.to_vec())));
            let again = handshake.handle_command(data);
            assert_eq!(again, Err(ProtocolError::UnexpectedCommand));
        }
        Command::Error(reason) => assert_eq!(answer, Err(refusal(reason))),
        _ => assert_eq!(answer, Err(ProtocolError::UnexpectedCommand)),
    }

    match parsed {
        Command::Subscribe(topic) => subscription_is_understood(true, topic),
        Command::Cancel(topic) => subscription_is_understood(false, topic),
        Command::Ping { ttl, context } => {
            let mut out = Vec::new();
            append_ping(ttl, &mut out).expect("memory");
            assert_eq!(
                Command::parse(&out[2..]),
                Command::Ping { ttl, context: b"" }
            );
            out.clear();
            append_pong(context, &mut out).expect("memory");
            assert_eq!(Command::parse(&out[2..]), Command::Pong);
            assert!(out.ends_with(context));
        }
        _ => {}
    }
}

fn refusal(data: &[u8]) -> ProtocolError {
    match data {
        [length, rest @ ..] if usize::from(*length) <= rest.len() => ProtocolError::Refused {
            status: match &rest[..usize::from(*length)] {
                b"300" => Some(300),
                b"400" => Some(400),
                b"500" => Some(500),
                _ => None,
            },
        },
        _ => ProtocolError::MalformedError,
    }
}

fn subscription_is_understood(subscribe: bool, topic: &[u8]) {
    for version in VERSIONS {
        let mut out = Vec::new();
        append_subscription(version, subscribe, topic, &mut out).expect("memory");
        let header = version.parse_header(&out).expect("our own").expect("whole");
        let body = &out[header.size..];
        assert_eq!(header.length, body.len() as u64);
        assert!(!header.more());
        if header.flags & COMMAND == 0 {
            assert!(version < Version::V3_1);
            assert_eq!(body, [&[u8::from(subscribe)], topic].concat());
        } else {
            assert_eq!(version, Version::V3_1);
            let expected = if subscribe {
                Command::Subscribe(topic)
            } else {
                Command::Cancel(topic)
            };
            assert_eq!(Command::parse(body), expected);
        }
    }
}

/// A metadata block, as the peer of a SUB socket sends it.
pub(crate) fn metadata(data: &[u8]) {
    let mut again = Vec::new();
    let mut properties = Vec::new();
    let mut sound = true;
    for property in Properties::new(data) {
        match property {
            Ok((name, value)) => {
                assert!(sound, "an error is the last that comes");
                append_property(name, value, &mut again).expect("what was read fits");
                properties.push((name.to_vec(), value.to_vec()));
            }
            Err(error) => {
                assert_eq!(error, ProtocolError::InvalidMetadata);
                sound = false;
            }
        }
    }
    assert!(data.starts_with(&again), "what was read is as received");
    assert_eq!(sound, again.len() == data.len());
    received(data, sound, &properties);
    if sound {
        announced(properties);
    }
}

/// The block in the READY of a peer.
fn received(block: &[u8], sound: bool, properties: &[(Vec<u8>, Vec<u8>)]) {
    let config = Config {
        socket_type: "SUB",
        compatible: &["PUB", "XPUB"],
        ..Config::default()
    };
    let mut greeting = [0; 64];
    greeting[..16].copy_from_slice(b"\xFF\0\0\0\0\0\0\0\0\x7F\x03\x01NULL");
    let body = [b"\x05READY", block].concat();
    let mut input = greeting.to_vec();
    Version::V3_1
        .append_frame(false, &[&body], &mut input)
        .expect("memory");
    let now = clock::now();
    let mut transcript = Transcript::new(config, now);
    transcript.receive(&input, now);
    let (events, _, error) = transcript.finish();

    let wrong_type = |(name, value): &(Vec<u8>, Vec<u8>)| {
        name == b"Socket-Type" && value != b"PUB" && value != b"XPUB"
    };
    // Whatever comes first ends it.
    let expected = if body.len() > 64 * 1024 {
        Some(ProtocolError::MessageTooLarge)
    } else if properties.iter().take(PROPERTY_LIMIT).any(wrong_type) {
        Some(ProtocolError::IncompatibleSocketType)
    } else if !sound || properties.len() > PROPERTY_LIMIT {
        Some(ProtocolError::InvalidMetadata)
    } else {
        None
    };
    assert_eq!(error, expected);
    match (error, events.as_slice()) {
        (Some(_), []) => {}
        (None, [Seen::Ready(handshake)]) => {
            assert_eq!(handshake.properties, properties);
            let mut identities = properties
                .iter()
                .rev()
                .filter(|(name, _)| name == b"Identity");
            let identity = identities.next().map_or(&[][..], |(_, value)| value);
            assert_eq!(handshake.routing_id, identity);
        }
        (_, events) => panic!("{events:?}"),
    }
}

/// The properties as ours.
fn announced(properties: Vec<(Vec<u8>, Vec<u8>)>) {
    let config = Config {
        socket_type: "PUB",
        metadata: properties.clone(),
        ..Config::default()
    };
    let now = clock::now();
    let mut own = Transcript::new(config, now);
    own.receive(b"\xFF\0\0\0\0\0\0\0\0\x7F\x03\x01NULL", now);
    own.receive(&[0; 48], now);
    let frame = &own.sent[64..];
    let header = Header::parse(frame).expect("our READY");
    let Command::Ready(block) = Command::parse(&frame[header.size..]) else {
        panic!("{frame:?}");
    };
    let mut read = Properties::new(block).map(|property| property.expect("ours is sound"));
    assert_eq!(read.next(), Some((&b"Socket-Type"[..], &b"PUB"[..])));
    // In the order of their names; of the same name in the order that they were given.
    let mut by_name = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in &properties {
        by_name
            .entry(name.as_slice())
            .or_default()
            .push(value.as_slice());
    }
    let expected = by_name
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name, value)));
    assert!(read.eq(expected));
}
