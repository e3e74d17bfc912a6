//! Sizes: ZMQ_MAXMSGSIZE, frames larger than memory, handshakes and output without end.

use super::*;
use crate::protocol::Event;
use crate::protocol::zmtp::engine::{COMMAND_LIMIT, LARGE, OUTPUT_LIMIT};
use crate::protocol::zmtp::opening::{HANDSHAKE_FRAME_LIMIT, PROPERTY_LIMIT};

fn limited(limit: u64) -> Config {
    Config {
        max_message_size: Some(limit),
        ..config("PULL")
    }
}

fn long_header(flags: u8, length: u64) -> Vec<u8> {
    [&[flags | 2], length.to_be_bytes().as_slice()].concat()
}

#[test]
fn the_limit_is_that_of_a_body_and_is_seen_in_the_header() {
    // Above the READY of a PUSH, which has 26 bytes.
    for (limit, length) in [(100, 100), (255, 255), (256, 256), (10_000, 10_000)] {
        let (mut transcript, now) = in_traffic(limited(limit), 1, "PUSH");
        let body = vec![1; length];
        transcript.receive(&frame(0, &body), now);
        transcript.receive(&frame(0, &body), now);
        assert_eq!(transcript.error, None);
        assert_eq!(
            transcript.events,
            [message(false, &body), message(false, &body)]
        );
        // Of the frame that is too large the header is enough; commands count as well.
        for flags in [0, 4] {
            let (mut transcript, now) = in_traffic(limited(limit), 1, "PUSH");
            let header = match u8::try_from(limit + 1) {
                Ok(length) => vec![flags, length],
                Err(_) => long_header(flags, limit + 1),
            };
            transcript.receive(&header, now);
            assert_eq!(transcript.error, Some(ProtocolError::MessageTooLarge));
        }
    }
    assert_eq!(ProtocolError::MessageTooLarge.monitor_value(), None);
    assert_eq!(ProtocolError::MessageTooLarge.auth_status(), None);
}

#[test]
fn the_limit_is_not_that_of_a_message() {
    let frames = [frame(1, &[1; 60]), frame(1, &[2; 60]), frame(0, &[3; 60])].concat();
    let (events, _, error) = traffic(&limited(60), 1, "PUSH", &frames);
    assert_eq!((events.len(), error), (3, None));
}

#[test]
fn the_limit_holds_for_the_handshake() {
    let input = opening(1, "PUSH");
    for (limit, passes) in [(0, false), (25, false), (26, true)] {
        let (events, _, error) = record(&limited(limit), &input);
        let expected = (!passes).then_some(ProtocolError::MessageTooLarge);
        assert_eq!(
            (events.len(), error),
            (usize::from(passes), expected),
            "{limit}"
        );
    }
}

#[test]
fn handshake_frames_are_bounded_without_a_limit() {
    for (length, passes) in [
        (HANDSHAKE_FRAME_LIMIT, true),
        (HANDSHAKE_FRAME_LIMIT + 1, false),
    ] {
        let (mut transcript, now) = start(config("PULL"));
        transcript.receive(&[greeting(1), long_header(4, length)].concat(), now);
        let expected = (!passes).then_some(ProtocolError::MessageTooLarge);
        assert_eq!(transcript.error, expected);
    }
    // As many properties as are let in, and one more.
    for (count, passes) in [(PROPERTY_LIMIT, true), (PROPERTY_LIMIT + 1, false)] {
        let block = property("X-a", b"").repeat(count);
        let (mut transcript, now) = start(config("PULL"));
        transcript.receive(&[greeting(1), command("READY", &block)].concat(), now);
        let expected = (!passes).then_some(ProtocolError::InvalidMetadata);
        assert_eq!(transcript.error, expected);
    }
}

#[test]
fn a_length_alone_takes_no_memory() {
    // The caller gets what has come; the decoder keeps nothing of it.
    for length in [LARGE as u64 + 1, 1 << 40, isize::MAX as u64] {
        let (mut transcript, _) = in_traffic(config("PULL"), 1, "PUSH");
        let capacity = transcript.zmtp.poll_output().capacity();
        let input = [long_header(1, length), b"head".to_vec()].concat();
        let decoded = transcript.zmtp.decode(&input).expect("a sound frame");
        assert_eq!(decoded.consumed, input.len());
        let event = Event::LargeFrame {
            more: true,
            length: usize::try_from(length).expect("64 bits"),
            head: b"head",
        };
        assert_eq!(decoded.event, Some(event));
        assert_eq!(transcript.zmtp.poll_output().capacity(), capacity);
    }
    for length in [isize::MAX as u64 + 1, u64::MAX] {
        for flags in [0, 4] {
            let (mut transcript, now) = in_traffic(config("PULL"), 1, "PUSH");
            transcript.receive(&long_header(flags, length), now);
            assert_eq!(transcript.error, Some(ProtocolError::MessageTooLarge));
        }
    }
}

#[test]
fn a_frame_is_waited_for_up_to_the_large_size_only() {
    for (length, is_large) in [(LARGE, false), (LARGE + 1, true)] {
        let (mut transcript, _) = in_traffic(config("PULL"), 1, "PUSH");
        let input = frame(0, &vec![5; length]);
        let cut = &input[..input.len() - 1];
        let decoded = transcript.zmtp.decode(cut).expect("a sound frame");
        assert_eq!(decoded.consumed == cut.len(), is_large);
        assert_eq!(decoded.event.is_some(), is_large);
    }
    // Complete in the input it is a frame like others.
    let (mut transcript, now) = in_traffic(config("PULL"), 1, "PUSH");
    transcript.receive(&frame(0, &[5; LARGE + 1]), now);
    assert_eq!(transcript.events, [message(false, &[5; LARGE + 1])]);
}

#[test]
fn a_large_frame_keeps_the_decoder_waiting_until_it_is_done() {
    let (mut transcript, now) = in_traffic(config("PULL"), 1, "PUSH");
    let input = long_header(0, LARGE as u64 + 1);
    let decoded = transcript.zmtp.decode(&input).expect("a sound frame");
    assert!(matches!(
        decoded.event,
        Some(Event::LargeFrame { head: [], .. })
    ));
    let decoded = transcript.zmtp.decode(b"\x00\x01x").expect("no error");
    assert_eq!((decoded.consumed, decoded.event), (0, None));
    transcript.zmtp.large_frame_done();
    transcript.receive(b"\x00\x01x", now);
    assert_eq!(transcript.events, [message(false, b"x")]);
}

#[test]
fn long_commands_without_meaning_are_skipped_as_they_come() {
    let body = [b"\x07UNKNOWN".to_vec(), vec![0; 1 << 20]].concat();
    let input = [frame(4, &body), frame(0, b"x")].concat();
    let (mut transcript, _) = in_traffic(config("PULL"), 1, "PUSH");
    // No input is kept for longer than its first bytes, whatever the pieces.
    let mut rest = Vec::new();
    let mut most = 0;
    for piece in input.chunks(1000) {
        rest.extend_from_slice(piece);
        loop {
            let decoded = transcript.zmtp.decode(&rest).expect("no error");
            if let Some(event) = decoded.event {
                assert!(matches!(event, Event::Frame { body: b"x", .. }));
            } else if decoded.consumed == 0 {
                break;
            }
            let consumed = decoded.consumed;
            rest.drain(..consumed);
        }
        most = most.max(rest.len());
    }
    assert_eq!(rest, b"");
    assert!(most < 1000, "{most} bytes kept");
}

#[test]
fn subscriptions_are_bounded() {
    for (length, passes) in [(COMMAND_LIMIT, true), (COMMAND_LIMIT + 1, false)] {
        let (mut transcript, now) = in_traffic(config("XPUB"), 1, "SUB");
        let mut input = long_header(4, length as u64);
        input.extend_from_slice(b"\x09SUBSCRIBE");
        input.resize(input.len() + 600, b't');
        transcript.receive(&input, now);
        let expected = (!passes).then_some(ProtocolError::MessageTooLarge);
        assert_eq!(transcript.error, expected);
    }
}

/// A long topic is not kept and looked at anew with every byte.
#[test]
fn long_subscriptions_go_past_the_protocol() {
    for (name, subscribe) in [("SUBSCRIBE", true), ("CANCEL", false)] {
        let topic = vec![b't'; LARGE * 3];
        let mut input = command(name, &topic);
        input.extend_from_slice(&frame(0, b"x"));
        for piece in [input.len(), LARGE, 1] {
            let (mut transcript, now) = in_traffic(config("XPUB"), 1, "SUB");
            for bytes in input.chunks(piece) {
                transcript.receive(bytes, now);
            }
            let topic = topic.clone();
            let seen = [
                Seen::Subscription { subscribe, topic },
                message(false, b"x"),
            ];
            assert_eq!(transcript.events, seen, "in pieces of {piece}");
        }
        let (mut transcript, _) = in_traffic(config("XPUB"), 1, "SUB");
        let decoded = transcript.zmtp.decode(&input[..LARGE]);
        assert!(decoded.is_ok_and(|decoded| decoded.consumed == LARGE));
    }
}

#[test]
fn pongs_that_nobody_takes_away_are_dropped() {
    let (mut transcript, _) = in_traffic(config("PULL"), 1, "PUSH");
    let ping = command("PING", b"\0\0context");
    for _ in 0..20_000 {
        transcript.zmtp.decode(&ping).expect("a sound frame");
    }
    let waiting = transcript.zmtp.poll_output().len();
    assert!(
        (OUTPUT_LIMIT..OUTPUT_LIMIT + 32).contains(&waiting),
        "{waiting}"
    );
    // Whole PONGs only, and they go on once there is room.
    let pong = command("PONG", b"context");
    assert_eq!(waiting % pong.len(), 0);
    transcript.zmtp.poll_output().clear();
    transcript.zmtp.decode(&ping).expect("a sound frame");
    assert_eq!(*transcript.zmtp.poll_output(), pong);
}
