//! Rules of XSUB (patterns.md 8.2, 8.3).

use super::Xsub;
use crate::options::PatternOption;
use crate::patterns::Pattern;
use crate::patterns::testing::{Bench, frames};
use crate::patterns::xpub::Xpub;
use crate::pipe::PipeKey;

fn set(xsub: &mut Bench<Xsub>, option: PatternOption) {
    xsub.pattern
        .set_option(&mut xsub.wires.pipes, option)
        .unwrap();
}

#[test]
fn subscriptions_and_user_messages() {
    let mut xsub = Bench::<Xsub>::new();
    assert_eq!(xsub.events(), (false, true));
    let (one, other) = (xsub.peer(), xsub.peer());
    xsub.send(&[b"\x01A"]).unwrap();
    xsub.send(&[b"\x01A"]).unwrap();
    xsub.send(&[b"\0A"]).unwrap();
    xsub.send(&[b"\0unknown"]).unwrap();
    xsub.send(&[b"\x02user", b"more"]).unwrap();
    xsub.send(&[b""]).unwrap();
    assert_eq!(xsub.pattern.topics_count(), Some(1));
    xsub.send(&[b"\0A"]).unwrap();
    let expected = [
        frames(&[b"\x01A"]),
        frames(&[b"\x01A"]),
        frames(&[b"\x02user", b"more"]),
        frames(&[b""]),
        frames(&[b"\0A"]),
    ];
    assert_eq!(xsub.sent(one), expected);
    assert_eq!(xsub.sent(other), expected);
}

#[test]
fn receives_unfiltered() {
    let mut xsub = Bench::<Xsub>::new();
    let key = xsub.peer();
    xsub.arrive(key, &[b"anything", b"more"]);
    assert_eq!(xsub.recv(), Ok(frames(&[b"anything", b"more"])));
}

#[test]
fn verbose_unsubscribe() {
    let mut xsub = Bench::<Xsub>::new();
    let key = xsub.peer();
    set(&mut xsub, PatternOption::XsubVerboseUnsubscribe(true));
    for message in [&b"\x01A"[..], b"\x01A", b"\0A", b"\0unknown"] {
        xsub.send(&[message]).unwrap();
    }
    let sent = xsub.sent(key);
    assert_eq!(sent[2..], [frames(&[b"\0A"]), frames(&[b"\0unknown"])]);
}

/// Without room a peer misses user messages, not subscriptions (queues.md 1).
#[test]
fn full_peer() {
    let mut xsub = Bench::<Xsub>::new();
    let key = xsub.peer_limited(1);
    xsub.send(&[b"u1"]).unwrap();
    xsub.send(&[b"u2"]).unwrap();
    xsub.send(&[b"\x01A"]).unwrap();
    assert_eq!(xsub.events(), (false, true));
    assert_eq!(xsub.sent(key), [frames(&[b"u1"]), frames(&[b"\x01A"])]);
}

#[test]
fn new_peer_gets_each_topic_once() {
    let mut xsub = Bench::<Xsub>::new();
    for message in [&b"\x01B"[..], b"\x01A", b"\x01A"] {
        xsub.send(&[message]).unwrap();
    }
    let key = xsub.peer();
    assert_eq!(xsub.sent(key), [frames(&[b"\x01A"]), frames(&[b"\x01B"])]);
}

/// The peer's connection is lost in the middle of a user message, whose rest goes to the others.
#[test]
fn restarted_in_mid_message() {
    let mut xsub = Bench::<Xsub>::new();
    let (back, other) = (xsub.peer(), xsub.peer());
    xsub.send(&[b"\x01A"]).unwrap();
    xsub.sent(back);
    xsub.send_frame(b"u1", true).unwrap();
    xsub.pattern.restarted(&mut xsub.wires.pipes, back);
    xsub.send_frame(b"u2", false).unwrap();
    assert_eq!(xsub.sent(back), [frames(&[b"\x01A"])]);
    assert_eq!(xsub.sent(other)[1..], [frames(&[b"u1", b"u2"])]);
}

/// Frames with their MORE flags.
type Received = Vec<(Vec<u8>, bool)>;

/// An XPUB whose peer sent these messages, that peer, and what the XPUB received.
fn through_xpub(messages: &[&[&[u8]]]) -> (Received, Bench<Xpub>, PipeKey) {
    let mut xsub = Bench::<Xsub>::new();
    let near = xsub.peer();
    for message in messages {
        xsub.send(message).unwrap();
    }
    let mut xpub = Bench::<Xpub>::new();
    let key = xpub.peer();
    for message in xsub.sent(near) {
        let message: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
        xpub.arrive(key, &message);
    }
    let received = std::iter::from_fn(|| xpub.recv_frame().ok()).collect();
    (received, xpub, key)
}

/// 8.3: subscriptions in multipart messages.
#[test]
fn subscriptions_among_user_frames() {
    let (received, xpub, _) = through_xpub(&[&[b"u1", b"\x01B"]]);
    assert_eq!(
        received,
        [(b"u1".to_vec(), true), (b"\x01B".to_vec(), false)]
    );
    assert_eq!(xpub.pattern.topics_count(), Some(1));
    let (received, ..) = through_xpub(&[&[b"\x01D", b"x"]]);
    assert_eq!(
        received,
        [(b"\x01D".to_vec(), false), (b"x".to_vec(), false)]
    );
}

/// A topic asked for twice and taken back once inside a user message stays subscribed.
#[test]
fn unsubscribe_among_user_frames() {
    let (_, mut xpub, key) = through_xpub(&[&[b"\x01E"], &[b"\x01E"], &[b"u", b"\0E"], &[b"next"]]);
    assert_eq!(xpub.pattern.topics_count(), Some(1));
    xpub.send(&[b"E"]).unwrap();
    assert_eq!(xpub.sent(key), [frames(&[b"E"])]);
}

/// 8.3: ONLY_FIRST_SUBSCRIBE.
#[test]
fn only_first_subscribe() {
    let mut xsub = Bench::<Xsub>::new();
    let key = xsub.peer();
    set(&mut xsub, PatternOption::OnlyFirstSubscribe(true));
    xsub.send(&[b"u1", b"\x01B"]).unwrap();
    assert_eq!(xsub.pattern.topics_count(), Some(0));
    xsub.send(&[b"\x01C", b"\x01D"]).unwrap();
    assert_eq!(xsub.pattern.topics_count(), Some(2));
    let expected = [
        frames(&[b"u1", b"\x01B"]),
        frames(&[b"\x01C"]),
        frames(&[b"\x01D"]),
    ];
    assert_eq!(xsub.sent(key), expected);
}
