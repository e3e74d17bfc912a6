//! Connections of CURVE: the frames of both ends, and what is on the stream between them. Contract: security.md section 4.

use super::*;
use crate::mechanism::Mechanism;
use crate::mechanism::curve::{ClientKeys, ServerKeys};
use crate::protocol::{Event, Seal, Zmtp};
use crate::sodium::Secret;

/// One end, as its caller runs it.
struct End {
    zmtp: Zmtp,
    seal: Option<Box<Seal>>,
    /// All that was sent.
    sent: Vec<u8>,
    /// Of that, what was sent in clear.
    clear: usize,
    rest: Vec<u8>,
    seen: Vec<Seen>,
    error: Option<ProtocolError>,
    now: Instant,
}

impl End {
    fn new(config: Config) -> Self {
        let now = clock::now();
        let mut end = Self {
            zmtp: Zmtp::new(config, now),
            seal: None,
            sent: Vec::new(),
            clear: 0,
            rest: Vec::new(),
            seen: Vec::new(),
            error: None,
            now,
        };
        end.collect();
        end
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.zmtp.handle_received(self.now);
        let mut input = std::mem::take(&mut self.rest);
        input.extend_from_slice(bytes);
        if self.seal.is_none() {
            let consumed = self.decode(&input);
            input.drain(..consumed);
        }
        if let Some(seal) = &mut self.seal {
            let mut frames = vec![0; input.len()];
            let opened = seal.open_frames(&input, &mut frames);
            input.drain(..opened.consumed);
            frames.truncate(opened.written);
            assert_eq!(self.decode(&frames), frames.len(), "whole frames");
            self.error = self.error.or(opened.failed);
        }
        self.rest = input;
        self.collect();
    }

    /// Up to the end of the handshake, at most. What was consumed.
    fn decode(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        while self.error.is_none() {
            let decoded = match self.zmtp.decode(&input[at..]) {
                Ok(decoded) => decoded,
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            };
            at += decoded.consumed;
            match decoded.event {
                None if decoded.consumed == 0 => break,
                None => {}
                Some(Event::Ready(handshake)) => {
                    self.collect();
                    self.clear = self.sent.len();
                    self.seal = self.zmtp.take_seal();
                    self.seen.push(Seen::Ready(handshake));
                    assert!(self.seal.is_some() && self.zmtp.take_seal().is_none());
                    break;
                }
                Some(Event::Frame { more, body }) => self.seen.push(message(more, body)),
                Some(Event::Subscription { subscribe, topic }) => {
                    let topic = topic.to_vec();
                    self.seen.push(Seen::Subscription { subscribe, topic });
                }
                Some(event) => panic!("{event:?}"),
            }
        }
        at
    }

    fn collect(&mut self) {
        let from = self.sent.len();
        self.sent.append(self.zmtp.poll_output());
        if let Some(seal) = &mut self.seal {
            seal.seal_behind(from, &mut self.sent).unwrap();
        }
    }

    fn send(&mut self, more: bool, body: &[u8]) {
        let seal = self.seal.as_mut().expect("a seal");
        seal.seal_message(more, body, &mut self.sent).unwrap();
    }

    /// Frames as they would be sent without encryption.
    fn send_frames(&mut self, frames: &[u8]) {
        let from = self.sent.len();
        self.sent.extend_from_slice(frames);
        let seal = self.seal.as_mut().expect("a seal");
        seal.seal_behind(from, &mut self.sent).unwrap();
    }
}

/// Client and server.
struct Pair {
    ends: [End; 2],
    received: [usize; 2],
}

impl Pair {
    fn new(types: [&'static str; 2], limit: Option<u64>) -> Self {
        let (own, of_server) = (Secret::random().unwrap(), Secret::random().unwrap());
        let keys = ClientKeys {
            public: own.public_key(),
            secret: own,
            server: of_server.public_key(),
        };
        let server = Mechanism::CurveServer {
            keys: ServerKeys::of(of_server),
            asks: false,
        };
        let mechanisms = [Mechanism::CurveClient(keys), server];
        let mut mechanisms = mechanisms.into_iter();
        let ends = types.map(|socket_type| {
            End::new(Config {
                mechanism: mechanisms.next().expect("two"),
                requires_security: true,
                max_message_size: limit,
                ..config(socket_type)
            })
        });
        Self {
            ends,
            received: [0, 0],
        }
    }

    /// After the handshake.
    fn in_traffic(types: [&'static str; 2]) -> Self {
        let mut pair = Self::new(types, None);
        pair.settle(usize::MAX);
        pair.ends.iter_mut().for_each(|end| end.seen.clear());
        pair
    }

    /// Moves up to `piece` bytes each way in turn until nothing is on its way.
    fn settle(&mut self, piece: usize) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for from in [0, 1] {
                let start = self.received[from];
                let end = start.saturating_add(piece).min(self.ends[from].sent.len());
                if start < end {
                    let bytes = self.ends[from].sent[start..end].to_vec();
                    self.ends[1 - from].receive(&bytes);
                    self.received[from] = end;
                    moved = true;
                }
            }
        }
    }

    /// The frames that an end has sent sealed: flags and body on the stream.
    fn on_the_stream(&self, from: usize) -> Vec<(u8, Vec<u8>)> {
        let end = &self.ends[from];
        let mut rest = &end.sent[end.clear..];
        let mut frames = Vec::new();
        while let Some((flags, size, length)) = match rest {
            [] => None,
            [flags, length, ..] if flags & 2 == 0 => Some((*flags, 2, usize::from(*length))),
            [flags, length @ ..] => {
                let length = u64::from_be_bytes(*length.first_chunk().expect("a length"));
                Some((*flags, 9, length as usize))
            }
        } {
            frames.push((flags, rest[size..size + length].to_vec()));
            rest = &rest[size + length..];
        }
        frames
    }
}

#[test]
fn frames_cross_sealed_however_the_bytes_come() {
    let lengths = [0, 1, 30, 31, 32, 221, 222, 223, 255, 256, 300, 9000, 70_000];
    for (types, piece) in [
        (["PUSH", "PULL"], usize::MAX),
        (["PULL", "PUSH"], 1000),
        (["PAIR", "PAIR"], 7),
        (["DEALER", "ROUTER"], 1),
    ] {
        let mut pair = Pair::new(types, None);
        pair.settle(piece);
        for (end, peer) in pair.ends.iter().zip([types[1], types[0]]) {
            assert_eq!(end.error, None);
            let [Seen::Ready(handshake)] = end.seen.as_slice() else {
                panic!("{:?}", end.seen);
            };
            let socket_type = (b"Socket-Type".to_vec(), peer.as_bytes().to_vec());
            assert_eq!(handshake.properties.first(), Some(&socket_type));
        }
        for from in [0, 1] {
            for (at, length) in lengths.into_iter().enumerate() {
                pair.ends[from].send(at % 2 == 0, &vec![b'm'; length]);
            }
        }
        pair.settle(piece);
        for from in [0, 1] {
            let to = &pair.ends[1 - from];
            assert_eq!(to.error, None);
            assert!(to.rest.is_empty());
            let expected: Vec<_> = lengths
                .into_iter()
                .enumerate()
                .map(|(at, length)| message(at % 2 == 0, &vec![b'm'; length]))
                .collect();
            assert_eq!(to.seen[1..], expected);
            for ((flags, body), length) in pair.on_the_stream(from).into_iter().zip(lengths) {
                assert_eq!(flags, if length > 222 { 2 } else { 0 });
                assert_eq!(body.len(), length + 33);
                assert!(body.starts_with(b"\x07MESSAGE"));
                assert!(!body.windows(8).any(|window| window == [b'm'; 8]));
            }
        }
    }
}

/// PING, PONG and subscriptions are commands within, and counted like messages.
#[test]
fn commands_travel_sealed() {
    let mut pair = Pair::in_traffic(["SUB", "PUB"]);
    let mut frames = Vec::new();
    let client = &pair.ends[0].zmtp;
    client
        .encode_subscription(true, b"topic", &mut frames)
        .unwrap();
    frames.extend(command("PING", b"\0\0context"));
    client
        .encode_subscription(false, &[b't'; 300], &mut frames)
        .unwrap();
    pair.ends[0].send_frames(&frames);
    pair.settle(11);
    let seen = [(true, b"topic".to_vec()), (false, vec![b't'; 300])]
        .map(|(subscribe, topic)| Seen::Subscription { subscribe, topic });
    assert_eq!(pair.ends[1].seen, seen);
    assert_eq!(pair.ends[1].error, None);
    let of_client = pair.on_the_stream(0);
    let counters: Vec<_> = of_client.iter().map(|(_, body)| body[15]).collect();
    assert_eq!(counters, [3, 4, 5]);
    let pong = pair.on_the_stream(1);
    assert_eq!(pong.len(), 1);
    assert_eq!((pong[0].0, pong[0].1.len()), (0, 33 + 12));
    assert_eq!(pair.ends[0].error, None);
}

/// zmtp.md section 8.2.
#[test]
fn the_limit_is_that_of_what_is_on_the_stream() {
    for (length, expected) in [(267, None), (268, Some(ProtocolError::MessageTooLarge))] {
        let mut pair = Pair::new(["PUSH", "PULL"], Some(300));
        pair.settle(usize::MAX);
        pair.ends[0].send(false, &vec![0; length]);
        // The header is enough.
        let start = pair.received[0];
        let header = pair.ends[0].sent[start..start + 9].to_vec();
        pair.ends[1].receive(&header);
        assert_eq!(pair.ends[1].error, expected);
        pair.received[0] += 9;
        if expected.is_none() {
            pair.settle(usize::MAX);
            assert_eq!(pair.ends[1].seen.last(), Some(&message(false, &[0; 267])));
        }
    }
}

#[test]
fn nothing_is_taken_in_clear() {
    use ProtocolError::{MalformedCommand, MalformedMessage, UnexpectedCommand};
    for (frame, expected) in [
        (frame(0, b"hello"), MalformedCommand),
        (frame(0, b""), MalformedCommand),
        (frame(1, b"\x05hello"), UnexpectedCommand),
        (command("PING", b"\0\0"), UnexpectedCommand),
        (command("SUBSCRIBE", b""), UnexpectedCommand),
        (ready("PUSH"), UnexpectedCommand),
        (command("MESSAGE", &[0; 24]), MalformedMessage),
        (frame(0, &[b'x'; 70_000]), UnexpectedCommand),
        (frame(0, &[0; 70_000]), UnexpectedCommand),
    ] {
        let mut pair = Pair::in_traffic(["PUSH", "PULL"]);
        pair.ends[0].send(false, b"before");
        pair.ends[0].sent.extend_from_slice(&frame);
        pair.settle(usize::MAX);
        assert_eq!(
            pair.ends[1].error,
            Some(expected),
            "{:?}",
            &frame[..9.min(frame.len())]
        );
        assert_eq!(pair.ends[1].seen, [message(false, b"before")]);
    }
}

/// A length says how much is to be received: not before it belongs to what may come now.
#[test]
fn a_large_frame_is_looked_at_when_it_begins() {
    use ProtocolError::{InvalidSequence, UnexpectedCommand};
    let beginning = |name: &[u8; 8], counter: u64| {
        let length = 1_000_000_u64.to_be_bytes();
        [&[2][..], &length, name, &counter.to_be_bytes()].concat()
    };
    for (frame, come, expected) in [
        (beginning(b"\x07MESSAGE", 4), 25, None),
        (beginning(b"\x07MESSAGE", 3), 25, Some(InvalidSequence)),
        (beginning(b"\x07MESSAGE", 3), 24, None),
        (beginning(b"\x07MASSAGE", 4), 17, Some(UnexpectedCommand)),
        (beginning(b"\x07MASSAGE", 4), 16, None),
    ] {
        let mut pair = Pair::in_traffic(["PUSH", "PULL"]);
        pair.ends[0].send(false, b"before");
        pair.ends[0].sent.extend_from_slice(&frame[..come]);
        pair.settle(usize::MAX);
        assert_eq!(pair.ends[1].error, expected, "{frame:?}");
        assert_eq!(pair.ends[1].seen, [message(false, b"before")]);
    }
}

#[test]
fn what_was_changed_or_repeated_is_refused() {
    let original = || {
        let mut pair = Pair::in_traffic(["PUSH", "PULL"]);
        pair.ends[0].send(true, b"hello");
        let start = pair.received[0];
        (pair, start)
    };
    let (pair, start) = original();
    for bit in 0..(pair.ends[0].sent.len() - start) * 8 {
        let (mut pair, start) = original();
        pair.ends[0].sent[start + bit / 8] ^= 1 << (bit % 8);
        pair.settle(usize::MAX);
        let to = &pair.ends[1];
        // Flags on the stream mean nothing, but that of the length; a longer frame has not come yet.
        let harmless = bit < 8 && bit != 1;
        let is_waiting = to.error.is_none() && !to.rest.is_empty();
        assert_eq!(!to.seen.is_empty(), harmless, "bit {bit}");
        assert!(harmless || to.error.is_some() || is_waiting, "bit {bit}");
    }
    let (mut pair, start) = original();
    let again = pair.ends[0].sent[start..].to_vec();
    pair.ends[0].sent.extend_from_slice(&again);
    pair.settle(usize::MAX);
    assert_eq!(pair.ends[1].seen, [message(true, b"hello")]);
    assert_eq!(pair.ends[1].error, Some(ProtocolError::InvalidSequence));
}

/// security.md section 1.
#[test]
fn two_of_a_role_do_not_get_on() {
    let mut clients = Pair::new(["PAIR", "PAIR"], None);
    let keys = ClientKeys {
        server: Secret::random().unwrap().public_key(),
        ..ClientKeys::default()
    };
    clients.ends = [0, 1].map(|_| {
        End::new(Config {
            mechanism: Mechanism::CurveClient(keys.clone()),
            ..config("PAIR")
        })
    });
    clients.settle(usize::MAX);
    for end in &clients.ends {
        assert_eq!(end.error, Some(ProtocolError::UnexpectedCommand));
    }
    let mut servers = Pair::new(["PAIR", "PAIR"], None);
    servers.ends = [0, 1].map(|_| {
        End::new(Config {
            mechanism: Mechanism::CurveServer {
                keys: ServerKeys::of(Secret::random().unwrap()),
                asks: false,
            },
            ..config("PAIR")
        })
    });
    servers.settle(usize::MAX);
    for end in &servers.ends {
        assert_eq!((end.error, end.sent.len()), (None, 64));
    }
}
