//! The captured bytes of zmtp.md sections 4, 6 and 12, as far as they concern ZMTP 3.x.

use super::*;
use crate::protocol::zmtp::frame::{MORE, append_frame};

fn encoded(frames: &[(bool, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (more, body) in frames {
        append_frame(if *more { MORE } else { 0 }, &[body], &mut out).expect("memory");
    }
    out
}

/// Two connections of which `client` has the vectors `C>S`, message for message.
#[test]
fn req_and_rep_exchange_the_bytes_of_section_12_1() {
    let (mut client, now) = start(config("REQ"));
    let (mut server, _) = start(config("REP"));
    let signature = hex(SIGNATURE);
    assert_eq!(client.sent, signature);
    assert_eq!(server.sent, signature);

    let to_client = server.receive(&client.sent.clone(), now);
    assert_eq!(to_client, hex("03"));
    let to_server = client.receive(&[signature, to_client].concat(), now);
    let tail = greeting_tail(1, b"NULL");
    assert_eq!(to_server, [hex("03"), tail.clone()].concat());

    let server_ready =
        hex("04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 52 45 50");
    let to_client = server.receive(&to_server, now);
    assert_eq!(to_client, [tail, server_ready].concat());
    let to_server = client.receive(&to_client, now);
    let client_ready = hex(
        "04 26 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 52 45 51 \
         08 49 64 65 6E 74 69 74 79 00 00 00 00",
    );
    assert_eq!(to_server, client_ready);
    assert_eq!(server.receive(&to_server, now), b"");
    assert!(client.zmtp.is_traffic() && server.zmtp.is_traffic());

    let request = hex("01 00 00 05 68 65 6C 6C 6F");
    assert_eq!(encoded(&[(true, b""), (false, b"hello")]), request);
    server.receive(&request, now);
    let reply = hex("01 00 00 05 77 6F 72 6C 64");
    assert_eq!(encoded(&[(true, b""), (false, b"world")]), reply);
    client.receive(&reply, now);
    let of_rep = handshake(1, b"", &[("Socket-Type", b"REP")]);
    let of_req = handshake(1, b"", &[("Socket-Type", b"REQ"), ("Identity", b"")]);
    assert_eq!(
        client.finish().0,
        [
            Seen::Ready(of_rep),
            message(true, b""),
            message(false, b"world")
        ]
    );
    assert_eq!(
        server.finish().0,
        [
            Seen::Ready(of_req),
            message(true, b""),
            message(false, b"hello")
        ]
    );
}

#[test]
fn subscriptions_are_commands_between_3_1_peers() {
    let (subscriber, _) = in_traffic(config("SUB"), 1, "PUB");
    assert!(subscriber.zmtp.speaks_subscribe_commands());
    let encode = |subscribe, topic: &[u8]| {
        let mut out = Vec::new();
        let encoded = subscriber
            .zmtp
            .encode_subscription(subscribe, topic, &mut out);
        encoded.expect("memory");
        out
    };
    let subscribe = hex("04 0C 09 53 55 42 53 43 52 49 42 45 41 42");
    let cancel = hex("04 09 06 43 41 4E 43 45 4C 41 42");
    assert_eq!(encode(true, b"AB"), subscribe);
    assert_eq!(encode(false, b"AB"), cancel);

    let everything = command("SUBSCRIBE", b"");
    let long = command("SUBSCRIBE", &[b't'; 300]);
    assert_eq!(encode(true, &[b't'; 300]), long);
    let as_messages = hex("00 03 01 41 42 00 03 00 41 42");
    let input = [subscribe, cancel, everything, long, as_messages].concat();
    let subscription = |subscribe, topic: &[u8]| Seen::Subscription {
        subscribe,
        topic: topic.to_vec(),
    };
    // Both forms are accepted on every connection; what a message means is the socket's business.
    for minor in [0, 1] {
        for publisher in ["PUB", "XPUB"] {
            let (events, sent, error) = traffic(&config(publisher), minor, "SUB", &input);
            assert_eq!(
                events,
                [
                    subscription(true, b"AB"),
                    subscription(false, b"AB"),
                    subscription(true, b""),
                    subscription(true, &[b't'; 300]),
                    message(false, b"\x01AB"),
                    message(false, b"\x00AB"),
                ]
            );
            assert_eq!((sent, error), (Vec::new(), None));
        }
    }
}

#[test]
fn only_publishers_see_subscribe_commands() {
    let input = [
        command("SUBSCRIBE", b"xx"),
        command("CANCEL", b"xx"),
        command("SUBSCRIBE", &[b'x'; 9000]),
        frame(0, b"m"),
    ]
    .concat();
    let (events, sent, error) = traffic_of_pull(&input);
    assert_eq!(events, [message(false, b"m")]);
    assert_eq!((sent, error), (Vec::new(), None));
}

fn traffic_of_pull(input: &[u8]) -> Record {
    // Too long to be cut at every byte: at its ends and in the middle of the long command.
    let opening = opening(1, "PUSH");
    let run = |cuts: &[usize]| {
        let (mut transcript, now) = start(config("PULL"));
        transcript.receive(&opening, now);
        transcript.events.clear();
        transcript.sent.clear();
        let mut at = 0;
        for &cut in cuts.iter().chain([&input.len()]) {
            transcript.receive(&input[at..cut], now);
            at = cut;
        }
        transcript.finish()
    };
    let whole = run(&[]);
    for cut in (0..60).chain([500, 530, 540, 5000, input.len() - 4]) {
        assert_eq!(run(&[cut]), whole, "cut at {cut}");
        assert_eq!(run(&[cut.min(20), cut]), whole, "cut at 20 and {cut}");
    }
    whole
}

#[test]
fn peers_of_3_0_get_subscriptions_as_messages() {
    let (subscriber, _) = in_traffic(config("SUB"), 0, "PUB");
    assert!(!subscriber.zmtp.speaks_subscribe_commands());
    for (subscribe, bytes) in [(true, "00 02 01 54"), (false, "00 02 00 54")] {
        let mut out = Vec::new();
        let encoded = subscriber
            .zmtp
            .encode_subscription(subscribe, b"T", &mut out);
        encoded.expect("memory");
        assert_eq!(out, hex(bytes));
    }
    // Our own greeting is unchanged.
    let (_, sent, _) = record(&config("PUB"), &opening(0, "SUB"));
    assert_eq!(sent, [greeting(1), ready("PUB")].concat());
}

#[test]
fn identity_and_metadata_travel_as_in_section_12_4() {
    let mut dealer = config("DEALER");
    dealer.routing_id = b"me".as_slice().into();
    dealer.metadata = vec![(b"X-k".to_vec(), b"val".to_vec())];
    let dealer_opening = [
        hex("FF 00 00 00 00 00 00 00 03 7F 03"),
        greeting_tail(1, b"NULL"),
        hex(
            "04 36 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 06 44 45 41 4C 45 52 \
             08 49 64 65 6E 74 69 74 79 00 00 00 02 6D 65 03 58 2D 6B 00 00 00 03 76 61 6C",
        ),
    ]
    .concat();
    let router_opening = [
        greeting(1),
        hex(
            "04 29 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 06 52 4F 55 54 45 52 \
             08 49 64 65 6E 74 69 74 79 00 00 00 00",
        ),
    ]
    .concat();
    let (events, sent, error) = record(&dealer, &router_opening);
    assert_eq!((sent, error), (dealer_opening.clone(), None));
    let of_router = [("Socket-Type", b"ROUTER".as_slice()), ("Identity", b"")];
    assert_eq!(events, [Seen::Ready(handshake(1, b"", &of_router))]);

    let z = [b'z'; 256];
    let frames: [(bool, &[u8]); 3] = [(true, b"aaa"), (true, b""), (false, &z)];
    let bytes = [
        hex("01 03 61 61 61 01 00 02 00 00 00 00 00 00 01 00"),
        z.to_vec(),
    ]
    .concat();
    assert_eq!(encoded(&frames), bytes);
    let (events, sent, error) = record(&config("ROUTER"), &[dealer_opening, bytes].concat());
    assert_eq!((sent, error), (router_opening, None));
    let of_dealer = handshake(
        1,
        b"me",
        &[
            ("Socket-Type", b"DEALER"),
            ("Identity", b"me"),
            ("X-k", b"val"),
        ],
    );
    let mut expected = vec![Seen::Ready(of_dealer)];
    expected.extend(frames.map(|(more, body)| message(more, body)));
    assert_eq!(events, expected);
}

#[test]
fn metadata_goes_out_in_the_order_of_names() {
    let mut pair = config("PAIR");
    pair.metadata = [("X-b", "2"), ("X-B", "1"), ("X-a", "3")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    let (_, sent, _) = record(&pair, &opening(1, "PAIR"));
    let block = [
        property("Socket-Type", b"PAIR"),
        property("X-B", b"1"),
        property("X-a", b"3"),
        property("X-b", b"2"),
    ]
    .concat();
    assert_eq!(sent, [greeting(1), command("READY", &block)].concat());
}

#[test]
fn pings_are_answered_as_in_section_12_5() {
    for (ping, pong) in [
        ("04 07 04 50 49 4E 47 00 0A", "04 05 04 50 4F 4E 47"),
        (
            "04 0A 04 50 49 4E 47 00 0A 43 54 58",
            "04 08 04 50 4F 4E 47 43 54 58",
        ),
    ] {
        let (events, sent, error) = traffic(&config("PULL"), 1, "PUSH", &hex(ping));
        assert_eq!((events, sent, error), (Vec::new(), hex(pong), None));
    }
    // Contexts are cut to 16 bytes; several PINGs in one read are answered in order.
    let pings = [
        command("PING", b"\0\x0A0123456789abcdef"),
        command("PING", b"\0\0fghijklmnopqrstuv"),
        command("PING", b"\0\0"),
    ]
    .concat();
    let pongs = [
        command("PONG", b"0123456789abcdef"),
        command("PONG", b"fghijklmnopqrstu"),
        command("PONG", b""),
    ]
    .concat();
    let (_, sent, _) = traffic(&config("PULL"), 0, "PUSH", &pings);
    assert_eq!(sent, pongs);
}

#[test]
fn our_ping_is_that_of_section_12_5() {
    let interval = std::time::Duration::from_secs(1);
    let mut sender = config("PUSH");
    sender.heartbeat_interval = Some(interval);
    sender.heartbeat_ttl = 10;
    let (mut sender, now) = in_traffic(sender, 1, "PULL");
    sender.zmtp.handle_timeout(now + interval).expect("alive");
    sender.collect_output();
    assert_eq!(sender.sent, hex("04 07 04 50 49 4E 47 00 0A"));
}

#[test]
fn joins_and_leaves_have_no_length_before_the_group() {
    let join = hex("04 0B 04 4A 4F 49 4E 4D 6F 76 69 65 73");
    let leave = hex("04 0C 05 4C 45 41 56 45 4D 6F 76 69 65 73");
    let group = b"Movies".to_vec();
    let longest = vec![b'g'; 255];
    let input = [
        join,
        leave,
        command("JOIN", b""),
        command("JOIN", &longest),
        // Without the COMMAND bit it is a message.
        frame(0, b"\x04JOINx"),
    ]
    .concat();
    let (events, _, error) = traffic(&config("RADIO"), 1, "DISH", &input);
    assert_eq!(error, None);
    assert_eq!(
        events,
        [
            Seen::Join {
                group: group.clone()
            },
            Seen::Leave { group },
            Seen::Join { group: Vec::new() },
            Seen::Join { group: longest },
            message(false, b"\x04JOINx"),
        ]
    );
    let data = hex("01 06 4D 6F 76 69 65 73 00 01 78 01 00 00 00");
    let (events, _, _) = traffic(&config("DISH"), 1, "RADIO", &data);
    let expected = [(true, "Movies"), (false, "x"), (true, ""), (false, "")];
    assert_eq!(
        events,
        expected.map(|(more, body)| message(more, body.as_bytes()))
    );
}

#[test]
fn frames_of_all_lengths_and_forms_arrive() {
    let sizes = [0, 1, 33, 254, 255, 256, 257, 600];
    let mut input = Vec::new();
    let mut expected = Vec::new();
    for size in sizes {
        let body = vec![b's'; size];
        input.extend(frame(1, &body));
        expected.push(message(true, &body));
    }
    // LONG with a small length, and reserved bits.
    input.extend(hex(
        "02 00 00 00 00 00 00 00 02 68 69 F8 01 61 FB 00 00 00 00 00 00 00 00",
    ));
    expected.extend([
        message(false, b"hi"),
        message(false, b"a"),
        message(true, b""),
    ]);
    let (events, sent, error) = traffic(&config("PULL"), 1, "PUSH", &input);
    assert_eq!(events, expected);
    assert_eq!((sent, error), (Vec::new(), None));
}

#[test]
fn greetings_are_answered_in_three_steps() {
    let (mut transcript, now) = start(config("PAIR"));
    let peer = greeting(1);
    for (at, byte) in peer.iter().enumerate() {
        let sent = transcript.receive(&[*byte], now);
        let expected = match at {
            9 => vec![3],
            10 => greeting_tail(1, b"NULL"),
            63 => ready("PAIR"),
            _ => Vec::new(),
        };
        assert_eq!(sent, expected, "byte {at}");
    }
}

#[test]
fn versions_and_signatures_are_taken_generously() {
    for (change, minor) in [
        (vec![], 1),
        (vec![(11, 0)], 0),
        (vec![(11, 7)], 1),
        (vec![(10, 2)], 1),
        (vec![(10, 2), (11, 0)], 1),
        (vec![(10, 4), (11, 0)], 1),
        (vec![(10, 255)], 1),
        // Padding, the rest of the signature's end, as-server and the filler mean nothing.
        (vec![(1, 9), (8, 0), (9, 1), (32, 1), (33, 5), (63, 9)], 1),
    ] {
        let mut input = opening(1, "PAIR");
        for &(at, byte) in &change {
            input[at] = byte;
        }
        let (events, _, error) = record(&config("PAIR"), &input);
        assert_eq!(error, None, "{change:?}");
        let peer = handshake(minor, b"", &[("Socket-Type", b"PAIR")]);
        assert_eq!(events, [Seen::Ready(peer)], "{change:?}");
    }
}
