//! Greetings: what each part of the peer's brings about, and which version it shows (zmtp.md 2).

use super::*;

#[test]
fn a_greeting_is_answered_as_far_as_it_has_come() {
    let peer = greeting(1);
    let answer = [greeting(1), ready("PAIR")].concat();
    for length in 1..=peer.len() {
        let (mut transcript, now) = start(config("PAIR"));
        transcript.receive(&peer[..length], now);
        let expected = match length {
            ..10 => 10,
            10 => 11,
            11..64 => 64,
            _ => answer.len(),
        };
        assert_eq!(transcript.sent, answer[..expected], "{length} bytes");
    }
}

#[test]
fn the_padding_counts_the_routing_id() {
    for (socket_type, _) in TYPES {
        for length in [0_usize, 1, 255] {
            let own = Config {
                routing_id: vec![b'i'; length].into(),
                ..config(socket_type)
            };
            let (transcript, _) = start(own);
            let padding = (length as u64 + 1).to_be_bytes();
            let signature = [[0xFF].as_slice(), &padding, &[0x7F]].concat();
            assert_eq!(transcript.sent, signature, "{socket_type} {length}");
        }
    }
}

#[test]
fn of_the_tenth_byte_only_the_lowest_bit_counts() {
    for tenth in 0..=u8::MAX {
        let mut front = hex("FF 00 00 00 00 00 00 00 01");
        front.push(tenth);
        if tenth & 1 == 1 {
            let input = [
                &front,
                &greeting(1)[10..],
                &ready("PUSH"),
                &frame(0, b"new"),
            ]
            .concat();
            let (events, sent, error) = record(&config("PULL"), &input);
            assert_eq!(
                (events.last(), error),
                (Some(&message(false, b"new")), None)
            );
            assert_eq!(sent, [greeting(1), ready("PULL")].concat(), "{tenth:#x}");
        } else {
            // The header of an empty identity, and a frame of ZMTP 1.0.
            let input = [front, hex("04 00 6F 6C 64")].concat();
            let (events, sent, error) = record(&config("PULL"), &input);
            assert_eq!(
                (events.last(), error),
                (Some(&message(false, b"old")), None)
            );
            assert_eq!(sent, hex(SIGNATURE), "{tenth:#x}");
        }
    }
}

#[test]
fn any_other_first_byte_is_a_frame_of_1_0() {
    for first in 1..0xFF_u8 {
        let body = vec![b'i'; usize::from(first) - 1];
        let input = [vec![first, 0], body, hex("02 00 78")].concat();
        let (mut transcript, now) = start(config("PULL"));
        transcript.receive(&input, now);
        assert_eq!(transcript.events.last(), Some(&message(false, b"x")));
        assert_eq!(transcript.sent, hex(SIGNATURE), "{first:#x}");
    }
}

#[test]
fn only_3_0_has_subscriptions_as_messages() {
    for major in 2..=u8::MAX {
        for minor in [0, 1, 2, 255] {
            let mut input = opening(1, "PUB");
            (input[10], input[11]) = (major, minor);
            let (mut subscriber, now) = start(config("SUB"));
            subscriber.receive(&input, now);
            assert_eq!(subscriber.sent, [greeting(1), ready("SUB")].concat());
            let mut out = Vec::new();
            let encoded = subscriber.zmtp.encode_subscription(true, b"T", &mut out);
            encoded.expect("memory");
            let expected = match (major, minor) {
                (3, 0) => frame(0, b"\x01T"),
                _ => command("SUBSCRIBE", b"T"),
            };
            assert_eq!(out, expected, "{major}.{minor}");
        }
    }
}
