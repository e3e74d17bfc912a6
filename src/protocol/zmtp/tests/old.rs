//! Peers of ZMTP 1.0 and 2.x (zmtp.md sections 2.2 to 2.4, 3.1, 12.6, 12.7).

use std::time::Duration;

use super::*;
use crate::protocol::{Event, TimedOut};

const NUMBERS: [&str; 11] = [
    "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
];

/// What an old peer sends before its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Unversioned,
    /// With the header of its identity in the long form, as if it were a signature.
    LongHeader,
    Versioned,
    Two,
}

const ALL: [Old; 4] = [Old::Unversioned, Old::LongHeader, Old::Versioned, Old::Two];

impl Old {
    fn version(self) -> Version {
        match self {
            Self::Unversioned | Self::LongHeader => Version::Unversioned,
            Self::Versioned => Version::V1_0,
            Self::Two => Version::V2_0,
        }
    }

    fn greeting(self) -> Vec<u8> {
        match self {
            Self::Unversioned | Self::LongHeader => Vec::new(),
            Self::Versioned => hex("FF 00 00 00 00 00 00 00 01 7F 00 05"),
            Self::Two => hex("FF 00 00 00 00 00 00 00 01 7F 01 05"),
        }
    }

    fn frame(self, more: bool, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Two => frame(u8::from(more), body),
            _ => frame_1_0(more, body),
        }
    }

    fn identity(self, identity: &[u8]) -> Vec<u8> {
        match self {
            Self::LongHeader => {
                let length = identity.len() as u64 + 1;
                [&[0xFF], length.to_be_bytes().as_slice(), &[0], identity].concat()
            }
            _ => self.frame(false, identity),
        }
    }

    /// What we send before our messages.
    fn answer(self, socket_type: u8, identity: &[u8]) -> Vec<u8> {
        let length = identity.len() as u64 + 1;
        let signature = [&[0xFF], length.to_be_bytes().as_slice(), &[0x7F]].concat();
        let rest = match self {
            Self::Unversioned | Self::LongHeader => identity.to_vec(),
            Self::Versioned | Self::Two => {
                [vec![3, socket_type], self.frame(false, identity)].concat()
            }
        };
        [signature, rest].concat()
    }
}

/// The naive form of zmtp.md 3.1.
fn frame_1_0(more: bool, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u64 + 1;
    let mut frame = match length {
        0..255 => vec![length as u8],
        _ => [&[0xFF], length.to_be_bytes().as_slice()].concat(),
    };
    frame.push(u8::from(more));
    [frame, body.to_vec()].concat()
}

fn old_config(socket_type: &'static str, routing_id: &[u8]) -> Config {
    let number = NUMBERS.iter().position(|name| *name == socket_type);
    Config {
        socket_type_number: number.expect("a classic type") as u8,
        routing_id: routing_id.into(),
        ..config(socket_type)
    }
}

fn introduced(old: Old, identity: &[u8]) -> Seen {
    Seen::Ready(Handshake {
        routing_id: identity.to_vec(),
        properties: Vec::new(),
        version: old.version(),
    })
}

fn subscribed_to_all() -> Seen {
    Seen::Subscription {
        subscribe: true,
        topic: Vec::new(),
    }
}

/// Frames as the connection writes them to such a peer, by both ways.
fn written(transcript: &Transcript, frames: &[(bool, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(more, body) in frames {
        let before = out.len();
        let encoded = transcript.zmtp.encode_message(more, body, &mut out);
        encoded.expect("memory");
        if let Some(header_of) = transcript.zmtp.own_framing() {
            let (header, size) = header_of(more, body.len());
            assert_eq!(out[before..], [&header[..size], body].concat());
        }
    }
    out
}

#[test]
fn an_unversioned_peer_exchanges_the_bytes_of_section_12_6() {
    let (mut router, now) = start(old_config("ROUTER", b"srv"));
    assert_eq!(router.sent, hex("FF 00 00 00 00 00 00 00 04 7F"));
    // The first byte shows the version.
    assert_eq!(router.receive(&hex("04"), now), hex("73 72 76"));
    assert_eq!(router.events, [Seen::MaySend]);
    assert_eq!(
        router.receive(&hex("00 61 62 63 01 01 03 00 68 69"), now),
        b""
    );
    let reply = written(&router, &[(true, b""), (false, b"yo")]);
    assert_eq!(reply, hex("01 01 03 00 79 6F"));
    assert_eq!(
        router.finish(),
        (
            vec![
                Seen::MaySend,
                introduced(Old::Unversioned, b"abc"),
                message(true, b""),
                message(false, b"hi")
            ],
            hex("FF 00 00 00 00 00 00 00 04 7F 73 72 76"),
            None
        )
    );

    let (mut publisher, now) = start(old_config("PUB", b""));
    publisher.receive(&hex("01 00"), now);
    assert_eq!(
        publisher.events,
        [
            Seen::MaySend,
            introduced(Old::Unversioned, b""),
            subscribed_to_all()
        ]
    );
    assert_eq!(publisher.sent, hex("FF 00 00 00 00 00 00 00 01 7F"));
    assert_eq!(written(&publisher, &[(false, b"hi")]), hex("03 00 68 69"));
}

#[test]
fn a_2_x_peer_exchanges_the_bytes_of_section_12_7() {
    let (mut router, now) = start(old_config("ROUTER", b"srv"));
    let steps = [
        (SIGNATURE, "03"),
        ("01", "06"),
        ("05", "00 03 73 72 76"),
        ("00 02 69 64 00 02 68 69", ""),
    ];
    for (received, sent) in steps {
        assert_eq!(router.receive(&hex(received), now), hex(sent));
    }
    assert_eq!(
        written(&router, &[(true, b"a"), (false, b"")]),
        hex("01 01 61 00 00")
    );
    let (events, sent, error) = router.finish();
    assert_eq!(
        events,
        [
            Seen::MaySend,
            introduced(Old::Two, b"id"),
            message(false, b"hi")
        ]
    );
    assert_eq!(
        sent,
        hex("FF 00 00 00 00 00 00 00 04 7F 03 06 00 03 73 72 76")
    );
    assert_eq!(error, None);

    let (mut router, now) = start(old_config("ROUTER", b""));
    router.receive(&hex("FF 00 00 00 00 00 00 00 01 7F 00 05"), now);
    assert_eq!(
        router.sent,
        hex("FF 00 00 00 00 00 00 00 01 7F 03 06 01 00")
    );
}

/// Both roles are the same: who connected is not to be seen here.
#[test]
fn all_types_wherever_the_input_is_cut() {
    let long = [b'l'; 300];
    for old in ALL {
        for (number, socket_type) in NUMBERS.into_iter().enumerate() {
            for identity in [b"".as_slice(), b"me", &long] {
                let own: &[u8] = if identity.len() == 2 { b"own id" } else { b"" };
                let config = old_config(socket_type, own);
                let frames: [(bool, &[u8]); 5] = [
                    (true, b""),
                    (true, &long[..253]),
                    (false, &long[..254]),
                    (false, &long[..255]),
                    (false, &long),
                ];
                let mut input = [old.greeting(), old.identity(identity)].concat();
                frames
                    .iter()
                    .for_each(|(more, body)| input.extend(old.frame(*more, body)));
                let (events, sent, error) = record(&config, &input);
                assert_eq!(error, None);
                assert_eq!(sent, old.answer(number as u8, own), "{old:?} {socket_type}");
                let mut expected = vec![Seen::MaySend, introduced(old, identity)];
                if old.version() == Version::Unversioned && config.receives_subscriptions {
                    expected.push(subscribed_to_all());
                }
                expected.extend(frames.iter().map(|(more, body)| message(*more, body)));
                assert_eq!(events, expected, "{old:?} {socket_type}");
            }
        }
    }
}

#[test]
fn our_own_long_identity_has_a_long_header() {
    let own = [b'i'; 255];
    for old in ALL {
        let input = [old.greeting(), old.identity(b"")].concat();
        let (_, sent, error) = record(&old_config("DEALER", &own), &input);
        assert_eq!((sent, error), (old.answer(5, &own), None), "{old:?}");
    }
}

#[test]
fn subscriptions_are_messages() {
    for old in ALL {
        let (mut subscriber, now) = start(old_config("SUB", b""));
        subscriber.receive(&[old.greeting(), old.identity(b"")].concat(), now);
        let mut out = Vec::new();
        for (subscribe, topic) in [(true, [b't'; 253].as_slice()), (false, &[b't'; 255])] {
            let encoded = subscriber
                .zmtp
                .encode_subscription(subscribe, topic, &mut out);
            encoded.expect("memory");
        }
        let expected = [
            old.frame(false, &[&[1], [b't'; 253].as_slice()].concat()),
            old.frame(false, &[&[0], [b't'; 255].as_slice()].concat()),
        ];
        assert_eq!(out, expected.concat(), "{old:?}");
        assert!(!subscriber.zmtp.speaks_subscribe_commands());
    }
}

/// Also SUBSCRIBE and PING, before the identity and after it, and of any length.
#[test]
fn commands_of_2_x_peers_are_swallowed() {
    let commands = [
        command("SUBSCRIBE", b"A"),
        command("PING", b"\0\x01context"),
        frame(5, b""),
        frame(4, &[9; 700]),
    ]
    .concat();
    let input = [
        Old::Two.greeting(),
        commands.clone(),
        frame(1, b"id"),
        commands.clone(),
        frame(1, b"a"),
        commands,
        frame(0, b"b"),
    ]
    .concat();
    let (events, sent, error) = record(&old_config("XPUB", b""), &input);
    assert_eq!((sent, error), (Old::Two.answer(9, b""), None));
    assert_eq!(
        events,
        [
            Seen::MaySend,
            introduced(Old::Two, b"id"),
            message(true, b"a"),
            message(false, b"b")
        ]
    );
}

#[test]
fn peers_without_security_are_dropped_where_it_is_required() {
    for old in ALL {
        let config = Config {
            requires_security: true,
            ..old_config("ROUTER", b"srv")
        };
        let input = [old.greeting(), old.identity(b"id"), old.frame(false, b"x")].concat();
        let (events, sent, error) = record(&config, &input);
        assert_eq!(
            (events, error),
            (vec![], Some(ProtocolError::CannotAuthenticate))
        );
        // Nothing of our identity.
        let (signature, rest) = sent.split_at(10);
        assert_eq!(signature, &old.answer(6, b"srv")[..10]);
        assert!(rest.is_empty() || rest == [3, 6], "{rest:?}");
        let error = error.expect("an error");
        assert_eq!((error.monitor_value(), error.auth_status()), (None, None));
    }
    // Those that have security are not concerned.
    let config = Config {
        requires_security: true,
        ..old_config("ROUTER", b"")
    };
    let (_, _, error) = record(&config, &opening(0, "DEALER"));
    assert_eq!(error, None);
}

#[test]
fn sizes_are_limited() {
    for old in ALL {
        let config = Config {
            max_message_size: Some(300),
            ..old_config("PULL", b"")
        };
        for size in [253, 254, 255, 256, 300, 301] {
            let body = vec![b'b'; size];
            let passes = size <= 300;
            let input = [old.greeting(), old.identity(b""), old.frame(false, &body)].concat();
            let (events, _, error) = record(&config, &input);
            assert_eq!(events.len(), if passes { 3 } else { 2 }, "{old:?} {size}");
            let expected = (!passes).then_some(ProtocolError::MessageTooLarge);
            assert_eq!(error, expected);
            let (_, _, error) = record(&config, &[old.greeting(), old.identity(&body)].concat());
            assert_eq!(error, expected, "identity");
        }
        // The header is enough. Without a limit a body is shorter than the address space, and an identity
        // than any handshake frame.
        let of_length = |length: u64| match old {
            Old::Two => [&[2], length.to_be_bytes().as_slice()].concat(),
            _ => [&[0xFF], (length + 1).to_be_bytes().as_slice(), &[0]].concat(),
        };
        let no_limit = old_config("PULL", b"");
        let front = [old.greeting(), old.identity(b"")].concat();
        for (config, front, length) in [
            (&config, &front, 301),
            (&no_limit, &front, u64::MAX - 1),
            (&no_limit, &front, 1 << 63),
            (&no_limit, &old.greeting(), 64 * 1024 + 1),
        ] {
            let (_, _, error) = record(config, &[front.as_slice(), &of_length(length)].concat());
            assert_eq!(
                error,
                Some(ProtocolError::MessageTooLarge),
                "{old:?} {length}"
            );
        }
    }
}

#[test]
fn a_frame_of_length_0_is_an_error() {
    for old in [Old::Unversioned, Old::LongHeader, Old::Versioned] {
        for empty in ["00", "FF 00 00 00 00 00 00 00 00"] {
            let front = [old.greeting(), old.identity(b"id"), old.frame(true, b"x")].concat();
            let (events, _, error) =
                record(&old_config("PULL", b""), &[front, hex(empty)].concat());
            assert_eq!(error, Some(ProtocolError::EmptyFrame), "{old:?}");
            assert_eq!(events.last(), Some(&message(true, b"x")));
        }
    }
    // As the identity.
    let (events, _, error) = record(&old_config("PULL", b""), &hex("00 00"));
    assert_eq!(
        (events, error),
        (vec![Seen::MaySend], Some(ProtocolError::EmptyFrame))
    );
}

#[test]
fn an_http_client_is_a_peer_of_1_0_with_an_odd_identity() {
    let request =
        b"GET / HTTP/1.1\r\nHost: example.net\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n";
    let (events, sent, error) = record(&old_config("PULL", b""), request);
    // `G` announces flags and 70 bytes.
    assert_eq!(
        events,
        [Seen::MaySend, introduced(Old::Unversioned, &request[2..72])]
    );
    assert_eq!((sent, error), (hex(SIGNATURE), None));
}

#[test]
fn large_frames_are_left_to_the_caller() {
    let body = vec![b'x'; 20_000];
    for old in ALL {
        let (mut transcript, now) = start(old_config("PULL", b""));
        transcript.receive(&[old.greeting(), old.identity(b"")].concat(), now);
        let input = [old.frame(true, &body), old.frame(false, b"behind")].concat();
        let (front, back) = input.split_at(300);
        let decoded = transcript.zmtp.decode(front).expect("a sound frame");
        let Some(Event::LargeFrame { more, length, head }) = decoded.event else {
            panic!("{:?}", decoded.event);
        };
        assert_eq!((decoded.consumed, more, length), (300, true, body.len()));
        assert_eq!(head, &body[..head.len()]);
        let rest = &back[length - head.len()..];
        assert_eq!(transcript.zmtp.decode(rest).expect("no error").consumed, 0);
        transcript.zmtp.large_frame_done();
        transcript.receive(rest, now);
        assert_eq!(transcript.events.last(), Some(&message(false, b"behind")));
    }
}

/// Frames of any size, cut anywhere, against the naive encoder: both ways of writing them, and reading them.
#[test]
fn random_frames() {
    let mut state = 0x9E37_79B9_u32;
    let mut random = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % limit
    };
    for round in 0..200 {
        let old = ALL[round % 4];
        let identity = vec![b'i'; random(20)];
        let (mut transcript, now) = start(old_config("PULL", b""));
        let mut input = [old.greeting(), old.identity(&identity)].concat();
        let mut expected = vec![Seen::MaySend, introduced(old, &identity)];
        let mut bodies = Vec::new();
        for _ in 0..random(30) {
            let length = match random(4) {
                0 => 250 + random(10),
                1 => random(20_000),
                _ => random(40),
            };
            bodies.push((random(3) == 0, vec![random(256) as u8; length]));
        }
        let mut wire = Vec::new();
        for (more, body) in &bodies {
            wire.extend(old.frame(*more, body));
            expected.push(message(*more, body));
        }
        input.extend_from_slice(&wire);
        let mut rest = input.as_slice();
        let most = [5, 300, 30_000][random(3)];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(1 + random(most)));
            transcript.receive(piece, now);
            rest = behind;
        }
        let frames: Vec<_> = bodies
            .iter()
            .map(|(more, body)| (*more, body.as_slice()))
            .collect();
        assert_eq!(written(&transcript, &frames), wire);
        let (events, _, error) = transcript.finish();
        assert_eq!((events, error), (expected, None), "round {round}");
    }
}

/// The timer runs until the peer has said who it is, and there are no heartbeats.
#[test]
fn time_and_old_peers() {
    for old in ALL {
        let config = Config {
            handshake_interval: Some(Duration::from_secs(30)),
            heartbeat_interval: Some(Duration::from_secs(1)),
            heartbeat_timeout: Some(Duration::from_secs(1)),
            ..old_config("PULL", b"")
        };
        let input = [old.greeting(), old.identity(b"id")].concat();
        for length in 0..=input.len() {
            let (mut transcript, start) = start(config.clone());
            let end = start + Duration::from_secs(30);
            transcript.receive(&input[..length], start);
            if length < input.len() {
                assert_eq!(transcript.zmtp.next_timeout(), Some(end));
                assert_eq!(
                    transcript.zmtp.handle_timeout(end),
                    Err(TimedOut::Handshake)
                );
            } else {
                assert_eq!(transcript.zmtp.next_timeout(), None);
                assert_eq!(transcript.zmtp.handle_timeout(end), Ok(()));
            }
        }
    }
}
