//! Peers that break the protocol: the error, and the monitor events that belong to it (zmtp.md 8.1).

use super::*;

/// What the connection ends with, wherever the input is cut.
fn error_of(config: &Config, input: &[u8]) -> ProtocolError {
    let (events, _, error) = record(config, input);
    assert!(
        !events.iter().any(|event| matches!(event, Seen::Ready(_))),
        "no handshake before the error"
    );
    error.unwrap_or_else(|| panic!("{input:02x?} passes"))
}

/// The value of HANDSHAKE_FAILED_PROTOCOL and of HANDSHAKE_FAILED_AUTH.
fn events_of(error: ProtocolError) -> (Option<u32>, Option<u16>) {
    (error.monitor_value(), error.auth_status())
}

#[test]
fn another_mechanism_is_a_mismatch_that_shows_on_both_ends() {
    for mechanism in [
        b"PLAIN".as_slice(),
        b"CURVE",
        b"GSSAPI",
        b"null",
        b"NULL\0x",
        b"NUL",
        b"",
        b"NULLNULLNULLNULLNULL",
    ] {
        let input = [hex(SIGNATURE), vec![3], greeting_tail(1, mechanism)].concat();
        let error = error_of(&config("PAIR"), &input);
        assert_eq!(error, ProtocolError::MechanismMismatch);
        assert_eq!(events_of(error), (Some(0x1100_0002), None));
        // Our greeting has gone out completely, so that the peer can see it as well.
        let (_, sent, _) = record(&config("PAIR"), &input);
        assert_eq!(sent, greeting(1));
    }
}

#[test]
fn any_other_command_than_ready_and_error_is_unexpected() {
    let bodies = [
        b"".as_slice(),
        b"\x05HELLO",
        b"\x04PING\0\0",
        b"\x04PONG",
        b"\x09SUBSCRIBE",
        b"\x05ready",
        b"\x06READY",
        b"\x04READY",
        b"\xFFREADY",
        b"hello",
    ];
    for body in bodies {
        for flags in [0, 1, 4] {
            let input = [greeting(1), frame(flags, body)].concat();
            let error = error_of(&config("PAIR"), &input);
            assert_eq!(error, ProtocolError::UnexpectedCommand, "{body:?}");
            assert_eq!(events_of(error), (Some(0x1000_0001), None));
        }
    }
}

#[test]
fn ready_needs_no_command_bit_and_may_be_long() {
    let body = [b"\x05READY".to_vec(), property("Socket-Type", b"PAIR")].concat();
    for flags in [0, 1, 4, 0xF8] {
        let (events, _, error) = record(
            &config("PAIR"),
            &[greeting(1), frame(flags, &body)].concat(),
        );
        assert_eq!((events.len(), error), (1, None));
    }
    let length = (body.len() as u64).to_be_bytes();
    let long = [greeting(1), vec![6], length.to_vec(), body].concat();
    let (events, _, error) = record(&config("PAIR"), &long);
    assert_eq!((events.len(), error), (1, None));
}

#[test]
fn errors_of_the_peer_carry_a_status_or_nothing() {
    for (reason, status) in [
        ("300", Some(300)),
        ("400", Some(400)),
        ("500", Some(500)),
        ("", None),
        ("200", None),
        ("4000", None),
        ("Invalid client", None),
    ] {
        let length = u8::try_from(reason.len()).expect("a short reason");
        let data = [&[length], reason.as_bytes()].concat();
        let error = error_of(
            &config("PAIR"),
            &[greeting(1), command("ERROR", &data)].concat(),
        );
        assert_eq!(error, ProtocolError::Refused { status });
        assert_eq!(events_of(error), (None, status));
    }
    let captured = hex("04 0A 05 45 52 52 4F 52 03 34 30 30");
    assert_eq!(captured, command("ERROR", b"\x03400"));
    for data in [b"".as_slice(), b"\x04400", b"\xFF", b"\x01"] {
        let error = error_of(
            &config("PAIR"),
            &[greeting(1), command("ERROR", data)].concat(),
        );
        assert_eq!(error, ProtocolError::MalformedError);
        assert_eq!(events_of(error), (Some(0x1000_0015), None));
    }
}

#[test]
fn broken_metadata_and_wrong_types_end_without_an_event() {
    let socket_type = property("Socket-Type", b"PAIR");
    for end in 1..socket_type.len() {
        let input = [greeting(1), command("READY", &socket_type[..end])].concat();
        let error = error_of(&config("PAIR"), &input);
        assert_eq!(error, ProtocolError::InvalidMetadata, "cut to {end}");
        assert_eq!(events_of(error), (None, None));
    }
    for stray in [b"\0".as_slice(), b"\x01", b"\x01n\xFF\xFF\xFF\xFFv"] {
        let block = [&socket_type, stray].concat();
        let error = error_of(
            &config("PAIR"),
            &[greeting(1), command("READY", &block)].concat(),
        );
        assert_eq!(error, ProtocolError::InvalidMetadata);
    }
    for wrong in ["PULL", "pair", "PAIR\0", "PAI", "", "NONSENSE"] {
        let error = error_of(&config("PAIR"), &opening(1, wrong));
        assert_eq!(error, ProtocolError::IncompatibleSocketType, "{wrong:?}");
        assert_eq!(events_of(error), (None, None));
    }
}

#[test]
fn identities_of_any_length_are_taken_and_the_last_one_counts() {
    for identity in [b"".as_slice(), b"\0zero", &[b'i'; 300]] {
        let block = [
            property("Socket-Type", b"DEALER"),
            property("Identity", b"first"),
            property("X-a", b"1"),
            property("X-a", b"2"),
            property("Identity", identity),
        ]
        .concat();
        let (events, _, error) = record(
            &config("ROUTER"),
            &[greeting(1), command("READY", &block)].concat(),
        );
        assert_eq!(error, None);
        let [Seen::Ready(handshake)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(handshake.routing_id, identity);
        // As received: whoever looks a name up takes the first.
        assert_eq!(handshake.properties.len(), 5);
    }
}

#[test]
fn commands_without_meaning_are_ignored_in_traffic() {
    let noise = [
        frame(4, b""),
        frame(5, b""),
        command("UNKNOWN", &[7; 300]),
        command("READY", b"junk"),
        command("ERROR", b"\x03400"),
        command("HELLO", b""),
        command("PONG", b"whatever"),
        command("ping", b"\0\0"),
        // Names longer than their bodies, PINGs without TTL.
        hex("04 01 09 04 03 FF 41 42 04 05 04 50 49 4E 47 04 06 04 50 49 4E 47 01"),
        hex("06 00 00 00 00 00 00 00 00"),
    ]
    .concat();
    let input = [frame(1, b"a"), noise.clone(), frame(0, b"b"), noise].concat();
    for (own, peer) in [("PULL", "PUSH"), ("XPUB", "SUB"), ("RADIO", "DISH")] {
        let (events, sent, error) = traffic(&config(own), 1, peer, &input);
        assert_eq!(events, [message(true, b"a"), message(false, b"b")]);
        assert_eq!((sent, error), (Vec::new(), None));
    }
}

#[test]
fn frames_pipelined_behind_ready_are_traffic() {
    let input = [opening(1, "PUSH"), ready("PUSH"), frame(0, b"early")].concat();
    let (events, sent, error) = record(&config("PULL"), &input);
    assert_eq!(error, None);
    assert!(matches!(events[0], Seen::Ready(_)));
    assert_eq!(events[1..], [message(false, b"early")]);
    assert_eq!(sent, [greeting(1), ready("PULL")].concat());
}

#[test]
fn groups_above_255_bytes_end_a_radios_connection() {
    for name in ["JOIN", "LEAVE"] {
        for length in [256, 300, 1000] {
            let input = command(name, &vec![b'g'; length]);
            let (events, _, error) = traffic(&config("RADIO"), 1, "DISH", &input);
            assert_eq!(
                (events, error),
                (Vec::new(), Some(ProtocolError::GroupTooLong))
            );
            // Others drop it like any command.
            let (_, _, error) = traffic(&config("PULL"), 1, "PUSH", &input);
            assert_eq!(error, None);
        }
    }
    assert_eq!(events_of(ProtocolError::GroupTooLong), (None, None));
}

#[test]
fn an_envelope_violation_and_lack_of_memory_emit_no_handshake_event() {
    for error in [ProtocolError::InvalidEnvelope, ProtocolError::OutOfMemory] {
        assert_eq!(events_of(error), (None, None));
    }
}

#[test]
fn all_events_before_an_error_are_delivered() {
    let mut own = config("PULL");
    own.max_message_size = Some(100);
    let input = [
        frame(1, b"a"),
        frame(0, b"b"),
        frame(0, &[0; 101]),
        frame(0, b"c"),
    ]
    .concat();
    let (events, _, error) = traffic(&own, 1, "PUSH", &input);
    assert_eq!(events, [message(true, b"a"), message(false, b"b")]);
    assert_eq!(error, Some(ProtocolError::MessageTooLarge));
}
