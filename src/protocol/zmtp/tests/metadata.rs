//! Metadata: what we say of ourselves, and which names of a peer's mean something (zmtp.md 5).

use super::*;

#[test]
fn every_type_names_itself_and_three_their_identity() {
    for (socket_type, compatible) in TYPES {
        let Some(peer) = compatible.first() else {
            continue;
        };
        for routing_id in [b"".as_slice(), b"me"] {
            let own = Config {
                routing_id: routing_id.into(),
                metadata: vec![(b"X-k".to_vec(), b"val".to_vec())],
                ..config(socket_type)
            };
            let (_, sent, error) = record(&own, &opening(1, peer));
            let identity = match socket_type {
                "REQ" | "DEALER" | "ROUTER" => property("Identity", routing_id),
                _ => Vec::new(),
            };
            let block = [
                property("Socket-Type", socket_type.as_bytes()),
                identity,
                property("X-k", b"val"),
            ];
            assert_eq!(error, None);
            assert_eq!(
                sent[64..],
                command("READY", &block.concat()),
                "{socket_type}"
            );
        }
    }
}

#[test]
fn a_ready_above_255_bytes_is_long() {
    for (length, header) in [
        (218, vec![4, 255]),
        (219, vec![6, 0, 0, 0, 0, 0, 0, 1, 0]),
        (70_000, vec![6, 0, 0, 0, 0, 0, 1, 0x11, 0x95]),
    ] {
        let value = vec![b'v'; length];
        let own = Config {
            metadata: vec![(b"X-long".to_vec(), value.clone())],
            ..config("PULL")
        };
        let (mut transcript, now) = start(own);
        transcript.receive(&greeting(1), now);
        let block = [property("Socket-Type", b"PULL"), property("X-long", &value)];
        let expected = [header, b"\x05READY".to_vec(), block.concat()].concat();
        assert_eq!(transcript.sent[64..], expected, "{length}");
    }
}

#[test]
fn names_are_compared_exactly() {
    for name in [
        "socket-type",
        "SOCKET-TYPE",
        "Socket-Typ",
        "Socket-Type ",
        "",
    ] {
        let block = [property(name, b"SUB"), property("identity", b"other")].concat();
        let input = [greeting(1), command("READY", &block)].concat();
        let (events, _, error) = record(&config("ROUTER"), &input);
        assert_eq!(error, None, "{name:?}");
        let peer = handshake(1, b"", &[(name, b"SUB"), ("identity", b"other")]);
        assert_eq!(events, [Seen::Ready(peer)], "{name:?}");
    }
}

#[test]
fn a_type_that_is_named_twice_has_to_fit_twice() {
    let fitting = property("Socket-Type", b"PUSH");
    let other = property("Socket-Type", b"SUB");
    for (block, expected) in [
        ([fitting.clone(), fitting.clone()], None),
        (
            [fitting.clone(), other.clone()],
            Some(ProtocolError::IncompatibleSocketType),
        ),
        (
            [other, fitting],
            Some(ProtocolError::IncompatibleSocketType),
        ),
    ] {
        let input = [greeting(1), command("READY", &block.concat())].concat();
        let (_, _, error) = record(&config("PULL"), &input);
        assert_eq!(error, expected);
    }
}
