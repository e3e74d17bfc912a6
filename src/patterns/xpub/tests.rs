//! Rules of XPUB (patterns.md 8.3 to 8.5).

use super::Xpub;
use crate::error::Error;
use crate::options::PatternOption;
use crate::patterns::Pattern;
use crate::patterns::testing::{Bench, frames};
use crate::pipe::queue::Special;
use crate::pipe::{Notice, Outgoing};
use std::collections::BTreeSet;

fn set(xpub: &mut Bench<Xpub>, option: PatternOption) {
    xpub.pattern
        .set_option(&mut xpub.wires.pipes, option)
        .unwrap();
}

fn grant(xpub: &mut Bench<Xpub>, topic: &[u8]) {
    set(xpub, PatternOption::Subscribe(topic.into()));
}

/// Everything that waits, each frame with its MORE flag.
fn inbox(xpub: &mut Bench<Xpub>) -> Vec<(Vec<u8>, bool)> {
    std::iter::from_fn(|| xpub.recv_frame().ok()).collect()
}

fn notices(bodies: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
    bodies.iter().map(|body| (body.to_vec(), false)).collect()
}

/// 8.3: the first to subscribe and the last to unsubscribe, whatever the wire form.
#[test]
fn news_only() {
    let mut xpub = Bench::<Xpub>::new();
    let (one, other) = (xpub.peer(), xpub.peer());
    assert_eq!(xpub.events(), (false, true));
    xpub.subscribe(one, true, b"A");
    xpub.subscribe(one, true, b"A");
    xpub.arrive(other, &[b"\x01A"]);
    assert_eq!(xpub.events(), (true, true));
    assert_eq!(inbox(&mut xpub), notices(&[b"\x01A"]));
    xpub.subscribe(one, false, b"A");
    assert!(inbox(&mut xpub).is_empty());
    xpub.arrive(other, &[b"\0A"]);
    assert_eq!(inbox(&mut xpub), notices(&[b"\0A"]));
    // Nobody holds it; and: not this peer.
    xpub.subscribe(other, false, b"A");
    xpub.subscribe(one, true, b"B");
    xpub.subscribe(other, false, b"B");
    assert_eq!(inbox(&mut xpub), notices(&[b"\0A", b"\x01B", b"\0B"]));
    xpub.send(&[b"B"]).unwrap();
    assert_eq!(xpub.sent(one), [frames(&[b"B"])]);
}

/// 8.3: VERBOSE passes every subscribe, VERBOSER every unsubscribe too.
#[test]
fn verbose_and_verboser() {
    let mut xpub = Bench::<Xpub>::new();
    let (one, other) = (xpub.peer(), xpub.peer());
    let round = |xpub: &mut Bench<Xpub>| {
        for (key, subscribe) in [(one, true), (other, true), (one, false), (other, false)] {
            xpub.subscribe(key, subscribe, b"A");
        }
        inbox(xpub)
    };
    let (plain, verbose) = (
        notices(&[b"\x01A", b"\0A"]),
        notices(&[b"\x01A", b"\x01A", b"\0A"]),
    );
    let verboser = notices(&[b"\x01A", b"\x01A", b"\0A", b"\0A"]);
    assert_eq!(round(&mut xpub), plain);
    set(&mut xpub, PatternOption::XpubVerboser(true));
    assert_eq!(round(&mut xpub), verboser);
    set(&mut xpub, PatternOption::XpubVerbose(true));
    assert_eq!(round(&mut xpub), verbose);
    set(&mut xpub, PatternOption::XpubVerboser(true));
    set(&mut xpub, PatternOption::XpubVerbose(false));
    assert_eq!(round(&mut xpub), plain);
    set(&mut xpub, PatternOption::XpubVerboser(true));
    set(&mut xpub, PatternOption::XpubVerboser(false));
    assert_eq!(round(&mut xpub), plain);
}

/// 8.3: a departed peer's topics in order, those only that nobody else holds; VERBOSER: all.
#[test]
fn departed_peer() {
    for verboser in [false, true] {
        let mut xpub = Bench::<Xpub>::new();
        set(&mut xpub, PatternOption::XpubVerboser(verboser));
        let (gone, stays) = (xpub.peer(), xpub.peer());
        for topic in [&b"b"[..], b"abc", b"", b"a", b"ab"] {
            xpub.subscribe(gone, true, topic);
        }
        xpub.subscribe(stays, true, b"ab");
        inbox(&mut xpub);
        xpub.detach(gone);
        let mut expected: Vec<&[u8]> = vec![b"\0", b"\0a", b"\0ab", b"\0abc", b"\0b"];
        if !verboser {
            expected.remove(2);
        }
        assert_eq!(inbox(&mut xpub), notices(&expected));
        assert_eq!(xpub.pattern.topics_count(), Some(1));
    }
}

/// 8.3: user messages frame by frame; subscriptions among them count.
#[test]
fn user_messages() {
    let mut xpub = Bench::<Xpub>::new();
    let key = xpub.peer();
    xpub.arrive(key, &[b"u1", b"u2"]);
    xpub.arrive(key, &[b""]);
    assert_eq!(xpub.recv(), Ok(frames(&[b"u1", b"u2"])));
    assert_eq!(xpub.recv(), Ok(frames(&[b""])));
    xpub.arrive(key, &[b"u1", b"\x01B"]);
    assert_eq!(xpub.recv_frame(), Ok((b"u1".to_vec(), true)));
    assert_eq!(xpub.recv_frame(), Ok((b"\x01B".to_vec(), false)));
    xpub.send(&[b"B"]).unwrap();
    assert_eq!(xpub.sent(key), [frames(&[b"B"])]);
    // Nothing new, but it completes its message (the reference leaves that open).
    xpub.arrive(key, &[b"u1", b"\x01B"]);
    assert_eq!(xpub.recv(), Ok(frames(&[b"u1", b"\x01B"])));
    // A subscription in front has no MORE.
    xpub.arrive(key, &[b"\x01C", b"u"]);
    assert_eq!(inbox(&mut xpub), notices(&[b"\x01C", b"u"]));
}

/// Commands between the frames of a message leave it whole (zmtp.md 3.2), and are reported behind it.
#[test]
fn commands_within_a_message() {
    let mut xpub = Bench::<Xpub>::new();
    let key = xpub.peer();
    let commands = |topics: [&[u8]; 2]| {
        topics.map(|topic| Special::Subscription {
            subscribe: true,
            topic: topic.into(),
        })
    };
    for (topics, reported) in [
        ([b"A".as_slice(), b"B"], notices(&[b"\x01A", b"\x01B"])),
        // Nothing new.
        ([b"A", b"B"], notices(&[])),
    ] {
        let far = xpub.wires.far(key);
        for (special, frame) in commands(topics).into_iter().zip([b"u1", b"u2"]) {
            far.write(&mut Outgoing::from_bytes(frame, true), true)
                .unwrap();
            far.append_special(special).unwrap();
        }
        far.write(&mut Outgoing::from_bytes(b"u3", false), false)
            .unwrap();
        xpub.arrive(key, &[b"next"]);
        assert_eq!(xpub.recv(), Ok(frames(&[b"u1", b"u2", b"u3"])));
        let next = notices(&[b"next"]);
        assert_eq!(inbox(&mut xpub), [reported, next].concat());
    }
    xpub.send(&[b"B"]).unwrap();
    assert_eq!(xpub.sent(key), [frames(&[b"B"])]);
}

/// 8.3: ONLY_FIRST_SUBSCRIBE.
#[test]
fn only_first_subscribe() {
    let mut xpub = Bench::<Xpub>::new();
    let key = xpub.peer();
    set(&mut xpub, PatternOption::OnlyFirstSubscribe(true));
    xpub.arrive(key, &[b"u1", b"\x01B"]);
    assert_eq!(xpub.recv(), Ok(frames(&[b"u1", b"\x01B"])));
    assert_eq!(xpub.pattern.topics_count(), Some(0));
    xpub.arrive(key, &[b"\x01C", b"\x01D"]);
    assert_eq!(inbox(&mut xpub), notices(&[b"\x01C", b"\x01D"]));
    assert_eq!(xpub.pattern.topics_count(), Some(2));
}

/// 8.4: nothing is applied by itself, everything is delivered, grants go to who asked.
#[test]
fn manual() {
    let mut xpub = Bench::<Xpub>::new();
    let (one, other) = (xpub.peer(), xpub.peer());
    set(&mut xpub, PatternOption::XpubManual(true));
    grant(&mut xpub, b"A"); // nobody asked yet
    xpub.subscribe(one, true, b"A");
    xpub.subscribe(one, true, b"A");
    xpub.subscribe(other, true, b"A");
    assert_eq!(xpub.recv(), Ok(frames(&[b"\x01A"])));
    xpub.send(&[b"A"]).unwrap();
    grant(&mut xpub, b"XA");
    // User messages do not change whom a grant means; nor does an empty receive.
    assert_eq!(inbox(&mut xpub), notices(&[b"\x01A", b"\x01A"]));
    xpub.arrive(one, &[b"user"]);
    assert_eq!(inbox(&mut xpub), notices(&[b"user"]));
    grant(&mut xpub, b"XB");
    for body in [b"XA", b"XB"] {
        xpub.send(&[body]).unwrap();
    }
    assert_eq!(xpub.sent(one), [frames(&[b"XA"])]);
    assert_eq!(xpub.sent(other), [frames(&[b"XB"])]);
    set(&mut xpub, PatternOption::Unsubscribe((*b"XB").into()));
    xpub.send(&[b"XB"]).unwrap();
    assert!(xpub.sent(other).is_empty());
    // Off again.
    set(&mut xpub, PatternOption::XpubManual(false));
    let pipes = &mut xpub.wires.pipes;
    let topic = PatternOption::Subscribe((*b"A").into());
    assert_eq!(xpub.pattern.set_option(pipes, topic), Err(Error::Invalid));
    xpub.subscribe(other, true, b"Y");
    xpub.send(&[b"Y"]).unwrap();
    assert_eq!(xpub.sent(other), [frames(&[b"Y"])]);
}

/// 8.4: what a departed peer asked for is delivered, its grants go, and nobody is meant afterwards.
#[test]
fn manual_departure() {
    let mut xpub = Bench::<Xpub>::new();
    let (gone, stays) = (xpub.peer(), xpub.peer());
    set(&mut xpub, PatternOption::XpubManual(true));
    for key in [gone, stays] {
        xpub.subscribe(key, true, b"A");
        xpub.recv().unwrap();
        grant(&mut xpub, b"X");
    }
    xpub.detach(gone);
    assert_eq!(inbox(&mut xpub), notices(&[b"\0A"]));
    grant(&mut xpub, b"Y");
    xpub.send(&[b"X"]).unwrap();
    xpub.send(&[b"Y"]).unwrap();
    assert_eq!(xpub.sent(stays), [frames(&[b"X"])]);
    // A subscription whose sender left before it was received means nobody either.
    let late = xpub.peer();
    xpub.subscribe(late, true, b"L");
    xpub.detach(late);
    assert_eq!(inbox(&mut xpub), notices(&[b"\x01L", b"\0L"]));
    assert_eq!(xpub.pattern.topics_count(), Some(1));
}

/// 8.4: the first message after a subscription goes to its sender only.
#[test]
fn manual_last_value() {
    let mut xpub = Bench::<Xpub>::new();
    let (one, other) = (xpub.peer(), xpub.peer());
    set(&mut xpub, PatternOption::XpubManualLastValue(true));
    for key in [one, other] {
        xpub.subscribe(key, true, b"A");
        xpub.recv().unwrap();
        grant(&mut xpub, b"A");
    }
    xpub.send(&[b"A", b"last value"]).unwrap();
    xpub.send(&[b"A", b"all"]).unwrap();
    assert_eq!(xpub.sent(one), [frames(&[b"A", b"all"])]);
    assert_eq!(
        xpub.sent(other),
        [frames(&[b"A", b"last value"]), frames(&[b"A", b"all"])]
    );
    // It rests while manual mode is off.
    xpub.subscribe(one, true, b"A");
    xpub.recv().unwrap();
    set(&mut xpub, PatternOption::XpubManual(false));
    xpub.send(&[b"A"]).unwrap();
    set(&mut xpub, PatternOption::XpubManual(true));
    xpub.send(&[b"A", b"last value"]).unwrap();
    assert_eq!(
        xpub.sent(one),
        [frames(&[b"A"]), frames(&[b"A", b"last value"])]
    );
    assert_eq!(xpub.sent(other), [frames(&[b"A"])]);
    // No matching grant: lost for all.
    xpub.subscribe(one, true, b"B");
    xpub.recv().unwrap();
    xpub.send(&[b"B"]).unwrap();
    xpub.send(&[b"A"]).unwrap();
    assert_eq!(xpub.sent(one), [frames(&[b"A"])]);
    assert_eq!(xpub.sent(other), [frames(&[b"A"])]);
}

/// 8.5: EAGAIN if any matching peer is full, and nobody gets it.
#[test]
fn no_drop() {
    let mut xpub = Bench::<Xpub>::new();
    let (slow, fast, idle) = (xpub.peer_limited(1), xpub.peer(), xpub.peer_limited(1));
    xpub.subscribe(slow, true, b"a");
    xpub.subscribe(fast, true, b"");
    xpub.subscribe(idle, true, b"i");
    set(&mut xpub, PatternOption::XpubNodrop(true));
    xpub.send(&[b"i"]).unwrap();
    xpub.send(&[b"a", b"1"]).unwrap();
    assert_eq!(xpub.send(&[b"a", b"2"]), Err(Error::Again));
    assert!(xpub.events().1);
    xpub.send(&[b"other"]).unwrap();
    assert_eq!(
        xpub.sent(fast),
        [frames(&[b"i"]), frames(&[b"a", b"1"]), frames(&[b"other"])]
    );
    assert_eq!(xpub.sent(slow), [frames(&[b"a", b"1"])]);
    // Read, but not yet noticed.
    assert_eq!(xpub.send(&[b"a", b"2"]), Err(Error::Again));
    xpub.relieve(slow);
    xpub.send(&[b"a", b"2"]).unwrap();
    // A peer that is leaving holds nobody up.
    xpub.drain(slow);
    xpub.send(&[b"a", b"3"]).unwrap();
    assert_eq!(xpub.sent(fast).len(), 2);
}

/// 8.5: first into the pipe of every new peer.
#[test]
fn welcome_message() {
    let mut xpub = Bench::<Xpub>::new();
    let before = xpub.peer();
    set(&mut xpub, PatternOption::XpubWelcomeMsg((*b"W").into()));
    let after = xpub.peer();
    set(&mut xpub, PatternOption::XpubWelcomeMsg((*b"").into()));
    let cleared = xpub.peer();
    assert!(xpub.sent(before).is_empty());
    assert_eq!(xpub.sent(after), [frames(&[b"W"])]);
    assert!(xpub.sent(cleared).is_empty());
}

/// A peer whose subscriptions are not received has to wait; others do not.
#[test]
fn unread_subscriptions_are_bounded() {
    let mut xpub = Bench::<Xpub>::new();
    let (greedy, other) = (xpub.peer(), xpub.peer());
    let topic = |number: u32| [number.to_be_bytes().as_slice(), &[7; 100_000]].concat();
    for number in 0..1000 {
        xpub.subscribe(greedy, true, &topic(number));
    }
    let taken_in = xpub.pattern.topics_count().unwrap();
    assert!((600..700).contains(&taken_in), "{taken_in}");
    xpub.subscribe(other, true, b"a");
    assert_eq!(xpub.pattern.topics_count(), Some(taken_in + 1));
    let mut numbers = Vec::new();
    while xpub.events().0 {
        while let Ok((frame, _)) = xpub.recv_frame() {
            if frame.len() > 100 {
                numbers.push(u32::from_be_bytes(frame[1..5].try_into().unwrap()));
            }
        }
        xpub.pattern.readable(&mut xpub.wires.pipes, greedy);
    }
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    assert_eq!(xpub.pattern.topics_count(), Some(1001));
}

/// Notices of departures count, too: what nobody receives makes those who left wait, not the memory.
#[test]
fn unread_departures_are_bounded() {
    let mut xpub = Bench::<Xpub>::new();
    let mut expected = BTreeSet::new();
    let topic = |peer: u8, number: u32| {
        let mut topic = vec![peer; 20_000];
        topic.extend_from_slice(&number.to_be_bytes());
        topic
    };
    let mut gone = Vec::new();
    for peer in 0..2 {
        let key = xpub.peer();
        gone.push((key, xpub.wires.watch(key)));
        for number in 0..3000 {
            xpub.subscribe(key, true, &topic(peer, number));
            expected.insert([&[0], &topic(peer, number)[..]].concat());
            inbox(&mut xpub);
        }
    }
    for (key, _) in &gone {
        xpub.detach(*key);
    }
    // Goes on as long as somebody is woken.
    let go_on = |xpub: &mut Bench<Xpub>| {
        while let Some((key, _)) = gone
            .iter()
            .find(|(_, woken)| woken.try_iter().last() == Some(Notice::Readable))
        {
            xpub.pattern.resume(&mut xpub.wires.pipes, *key);
        }
    };
    go_on(&mut xpub);
    let mut received = 0;
    loop {
        let notices = inbox(&mut xpub);
        let weight: usize = notices.iter().map(|(notice, _)| notice.len()).sum();
        assert!(weight < 80 * 1024 * 1024, "{weight} bytes of notices");
        if notices.is_empty() {
            break;
        }
        received += notices.len();
        for (notice, _) in &notices {
            assert!(expected.remove(notice));
        }
        go_on(&mut xpub);
    }
    assert_eq!(received, 6000);
    assert_eq!(xpub.pattern.topics_count(), Some(0));
}
