//! The table of types against the contract.

use super::{TYPES, TypeRow};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::options::PatternOption;
use crate::pipe::{Incoming, Outgoing, Pipes};

/// patterns.md 1.1: number, name, peers.
#[test]
fn numbers_names_and_peers() {
    let expected: [(i32, &str, &[&str]); 12] = [
        (0, "PAIR", &["PAIR"]),
        (1, "PUB", &["SUB", "XSUB"]),
        (2, "SUB", &["PUB", "XPUB"]),
        (3, "REQ", &["REP", "ROUTER"]),
        (4, "REP", &["REQ", "DEALER"]),
        (5, "DEALER", &["REP", "DEALER", "ROUTER"]),
        (6, "ROUTER", &["REQ", "DEALER", "ROUTER"]),
        (7, "PULL", &["PUSH"]),
        (8, "PUSH", &["PULL"]),
        (9, "XPUB", &["SUB", "XSUB"]),
        (10, "XSUB", &["PUB", "XPUB"]),
        (11, "STREAM", &[]),
    ];
    assert_eq!(TYPES.len(), expected.len());
    for (number, name, peers) in expected {
        let row = TypeRow::find(number).unwrap();
        assert_eq!((row.wire_name, row.peers), (name, peers));
        // Whom it accepts, accepts it.
        for peer in peers {
            let peer = TYPES.iter().find(|row| row.wire_name == *peer).unwrap();
            assert!(peer.peers.contains(&name));
        }
    }
    for number in [-1, 12, 21] {
        assert!(TypeRow::find(number).is_none());
    }
}

/// The other columns: names of the types for which each holds.
#[test]
fn properties() {
    let named = |property: fn(&TypeRow) -> bool| -> Vec<&str> {
        let rows = TYPES.iter().filter(|row| property(row));
        rows.map(|row| row.wire_name).collect()
    };
    assert!(named(|row| row.thread_safe).is_empty());
    assert_eq!(named(|row| row.linger_zero), ["SUB", "XSUB"]);
    assert_eq!(
        named(|row| row.announces_routing_id),
        ["REQ", "DEALER", "ROUTER"]
    );
    assert_eq!(named(|row| row.takes_subscriptions), ["PUB", "XPUB"]);
    assert_eq!(named(|row| row.resubscribes), ["SUB", "XSUB"]);
    assert_eq!(named(|row| row.drops_on_end), ["PUB", "PUSH"]);
    assert_eq!(
        named(|row| row.conflates.first_to_second),
        ["PUB", "DEALER", "PUSH"]
    );
    assert_eq!(
        named(|row| row.conflates.second_to_first),
        ["SUB", "DEALER", "PULL"]
    );
    assert_eq!(
        named(|row| row.connects_once),
        ["PUB", "SUB", "REQ", "DEALER"]
    );
    assert_eq!(named(|row| row.raw), ["STREAM"]);
}

/// patterns.md 1.2: EVENTS, send, send with SNDMORE, receive, each on a fresh socket.
#[test]
fn fresh_sockets() {
    type Send = Result<()>;
    let (ok, again): (Send, Send) = (Ok(()), Err(Error::Again));
    let (refused, out_of_turn): (Send, Send) = (Err(Error::NotSupported), Err(Error::State));
    let expected = [
        ("PAIR", false, again, again, again),
        ("DEALER", false, again, again, again),
        ("PUB", true, ok, ok, refused),
        ("XPUB", true, ok, ok, again),
        ("SUB", false, refused, refused, again),
        ("XSUB", true, ok, ok, again),
        ("REQ", false, again, again, out_of_turn),
        ("REP", false, out_of_turn, out_of_turn, again),
        ("ROUTER", true, ok, ok, again),
        ("STREAM", true, ok, Err(Error::HostUnreachable), again),
        ("PULL", false, refused, refused, again),
        ("PUSH", false, again, again, refused),
    ];
    for (name, writable, send, send_more, recv) in expected {
        let row = TYPES.iter().find(|row| row.wire_name == name).unwrap();
        let mut pipes = Pipes::default();
        let mut pattern = (row.new)();
        assert!(!pattern.can_recv(&mut pipes), "{name}");
        assert_eq!(pattern.can_send(&mut pipes), writable, "{name}");
        let mut frame = Outgoing::from_bytes(b"m", false);
        assert_eq!(pattern.send(&mut pipes, &mut frame), send, "{name}");
        let mut frame = Outgoing::from_bytes(b"m", true);
        assert_eq!(
            (row.new)().send(&mut pipes, &mut frame),
            send_more,
            "{name}"
        );
        let mut message = Message::new();
        let mut into = Incoming::into_message(&mut message);
        assert_eq!(pattern.recv(&mut pipes, &mut into), recv, "{name}");
    }
}

/// socket_options.tsv: which types take which option.
#[test]
fn options_by_type() {
    let topic = || crate::memory::ShortBytes::from(b"t");
    let expected: [(PatternOption, &[&str]); 17] = [
        (PatternOption::Subscribe(topic()), &["SUB"]),
        (PatternOption::Unsubscribe(topic()), &["SUB"]),
        (PatternOption::RouterMandatory(true), &["REP", "ROUTER"]),
        (PatternOption::RouterRaw(true), &["REP", "ROUTER"]),
        (PatternOption::RouterHandover(true), &["REP", "ROUTER"]),
        (
            PatternOption::ConnectRoutingId(topic()),
            &["REP", "ROUTER", "STREAM"],
        ),
        (
            PatternOption::ProbeRouter(true),
            &["REQ", "REP", "DEALER", "ROUTER"],
        ),
        (PatternOption::ReqCorrelate(true), &["REQ"]),
        (PatternOption::ReqRelaxed(true), &["REQ"]),
        (PatternOption::XpubVerbose(true), &["PUB", "XPUB"]),
        (PatternOption::XpubVerboser(true), &["PUB", "XPUB"]),
        (PatternOption::XpubNodrop(true), &["PUB", "XPUB"]),
        (PatternOption::XpubManual(true), &["PUB", "XPUB"]),
        (PatternOption::XpubManualLastValue(true), &["PUB", "XPUB"]),
        (PatternOption::XpubWelcomeMsg(topic()), &["PUB", "XPUB"]),
        (
            PatternOption::OnlyFirstSubscribe(true),
            &["PUB", "XPUB", "XSUB"],
        ),
        (PatternOption::XsubVerboseUnsubscribe(true), &["XSUB"]),
    ];
    for (option, types) in expected {
        for row in TYPES {
            let result = (row.new)().set_option(&mut Pipes::default(), option.clone());
            let taken = types.contains(&row.wire_name);
            let name = row.wire_name;
            assert_eq!(
                result,
                if taken { Ok(()) } else { Err(Error::Invalid) },
                "{name} {option:?}"
            );
        }
    }
    // ZMQ_TOPICS_COUNT.
    for row in TYPES {
        let counts = ["PUB", "SUB", "XPUB", "XSUB"].contains(&row.wire_name);
        assert_eq!(
            (row.new)().topics_count(),
            counts.then_some(0),
            "{}",
            row.wire_name
        );
    }
}
