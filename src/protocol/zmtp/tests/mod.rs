//! Whole connections: their bytes, their events, their time. Contract: zmtp.md.

mod greetings;
mod gssapi;
mod limits;
mod malformed;
mod metadata;
mod old;
mod pairs;
mod sealed;
mod time;
mod vectors;

use std::time::Instant;

use crate::clock;
use crate::protocol::transcript::{Seen, Transcript};
use crate::protocol::zmtp::Version;
use crate::protocol::{Config, Handshake, ProtocolError};

/// Socket types and the types that they talk to, as patterns.md 1.1 lists them.
const TYPES: [(&str, &[&str]); 20] = [
    ("PAIR", &["PAIR"]),
    ("PUB", &["SUB", "XSUB"]),
    ("SUB", &["PUB", "XPUB"]),
    ("REQ", &["REP", "ROUTER"]),
    ("REP", &["REQ", "DEALER"]),
    ("DEALER", &["REP", "DEALER", "ROUTER"]),
    ("ROUTER", &["REQ", "DEALER", "ROUTER"]),
    ("PULL", &["PUSH"]),
    ("PUSH", &["PULL"]),
    ("XPUB", &["SUB", "XSUB"]),
    ("XSUB", &["PUB", "XPUB"]),
    ("SERVER", &["CLIENT"]),
    ("CLIENT", &["SERVER"]),
    ("RADIO", &["DISH"]),
    ("DISH", &["RADIO"]),
    ("GATHER", &["SCATTER"]),
    ("SCATTER", &["GATHER"]),
    ("PEER", &["PEER"]),
    ("CHANNEL", &["CHANNEL"]),
    // No such type: for peers that name one which nobody knows.
    ("OTHER", &[]),
];

fn config(socket_type: &'static str) -> Config {
    let (_, compatible) = TYPES
        .into_iter()
        .find(|(name, _)| *name == socket_type)
        .expect("a type of the table");
    Config {
        socket_type,
        compatible,
        announce_routing_id: matches!(socket_type, "REQ" | "DEALER" | "ROUTER"),
        receives_subscriptions: matches!(socket_type, "PUB" | "XPUB"),
        receives_groups: socket_type == "RADIO",
        ..Config::default()
    }
}

fn start(config: Config) -> (Transcript, Instant) {
    let now = clock::now();
    (Transcript::new(config, now), now)
}

/// Bytes written as in zmtp.md: pairs of hexadecimal digits between blanks.
fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
        .collect()
}

const SIGNATURE: &str = "FF 00 00 00 00 00 00 00 01 7F";

/// `G53` of zmtp.md section 12 behind `minor`.
fn greeting_tail(minor: u8, mechanism: &[u8]) -> Vec<u8> {
    let mut tail = vec![minor];
    tail.extend_from_slice(mechanism);
    tail.resize(53, 0);
    tail
}

/// A whole greeting of version 3.`minor` with NULL.
fn greeting(minor: u8) -> Vec<u8> {
    [hex(SIGNATURE), vec![3], greeting_tail(minor, b"NULL")].concat()
}

fn property(name: &str, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("a short value");
    [
        &[u8::try_from(name.len()).expect("a short name")],
        name.as_bytes(),
        &length.to_be_bytes(),
        value,
    ]
    .concat()
}

/// A frame with `flags`; LONG is set when it has to be.
fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(length) => [&[flags, length], body].concat(),
        Err(_) => [
            &[flags | 2],
            (body.len() as u64).to_be_bytes().as_slice(),
            body,
        ]
        .concat(),
    }
}

fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    frame(4, &[&[length], name.as_bytes(), data].concat())
}

fn ready(socket_type: &str) -> Vec<u8> {
    command("READY", &property("Socket-Type", socket_type.as_bytes()))
}

/// What a peer of version 3.`minor` sends up to the end of the handshake.
fn opening(minor: u8, socket_type: &str) -> Vec<u8> {
    [greeting(minor), ready(socket_type)].concat()
}

/// A connection in traffic with a peer of the given type and minor version; its record begins here.
fn in_traffic(config: Config, minor: u8, peer: &str) -> (Transcript, Instant) {
    let (mut transcript, now) = start(config);
    transcript.receive(&opening(minor, peer), now);
    assert_eq!(transcript.error, None);
    assert!(transcript.zmtp.is_traffic());
    transcript.events.clear();
    transcript.sent.clear();
    (transcript, now)
}

fn message(more: bool, body: &[u8]) -> Seen {
    Seen::Frame {
        more,
        body: body.to_vec(),
    }
}

type Record = (Vec<Seen>, Vec<u8>, Option<ProtocolError>);

/// What comes of `input`; it must be the same wherever the input is cut: in two pieces at each byte,
/// and at all bytes.
fn record(config: &Config, input: &[u8]) -> Record {
    let run = |pieces: &[&[u8]]| {
        let (mut transcript, now) = start(config.clone());
        for piece in pieces {
            transcript.receive(piece, now);
        }
        transcript.finish()
    };
    let whole = run(&[input]);
    for at in 0..=input.len() {
        let (front, back) = input.split_at(at);
        assert_eq!(run(&[front, back]), whole, "cut at {at}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "cut everywhere");
    whole
}

/// The events of `traffic` behind a handshake of version 3.`minor` with `peer`, wherever it is cut, and
/// the error at its end.
fn traffic(
    config: &Config,
    minor: u8,
    peer: &str,
    traffic: &[u8],
) -> (Vec<Seen>, Vec<u8>, Option<ProtocolError>) {
    let opening = opening(minor, peer);
    let (_, own_opening, error) = record(config, &opening);
    assert_eq!(error, None);
    let (mut events, sent, error) = record(config, &[opening.as_slice(), traffic].concat());
    assert!(matches!(events.remove(0), Seen::Ready(_)));
    (events, sent[own_opening.len()..].to_vec(), error)
}

fn handshake(minor: u8, routing_id: &[u8], properties: &[(&str, &[u8])]) -> Handshake {
    Handshake {
        routing_id: routing_id.to_vec(),
        properties: properties
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect(),
        version: if minor == 0 {
            Version::V3_0
        } else {
            Version::V3_1
        },
    }
}
