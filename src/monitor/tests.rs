//! Consumers of all kinds, driven by hand.

use super::*;
use crate::message::Message;
use crate::pipe::queue::Special;
use crate::pipe::{Conflate, Head, Incoming, Limits, pipe};

const ALL: u64 = u64::MAX;

fn started(events: u64, version: i32, kind: Kind) -> Arc<Monitor> {
    let monitor = Arc::new(Monitor::new());
    monitor.start(events, version, kind);
    monitor
}

fn consumer(monitor: &Arc<Monitor>) -> PipeEnd {
    let (near, mut far) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
    monitor.attach(near);
    // What a socket is told by its mailbox.
    far.limits_changed();
    far
}

/// A consumer that subscribed before it connected.
fn subscriber(monitor: &Arc<Monitor>, topics: &[&[u8]]) -> PipeEnd {
    let (near, mut far) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
    topics
        .iter()
        .for_each(|topic| subscribe(&mut far, true, topic));
    monitor.attach(near);
    far
}

fn subscribe(end: &mut PipeEnd, subscribe: bool, topic: &[u8]) {
    let topic = topic.into();
    end.append_special(Special::Subscription { subscribe, topic })
        .expect("memory");
    end.flush();
}

fn emit(monitor: &Monitor, event: Event, value: u64) {
    let texts = EndpointTexts {
        local: "here".to_owned(),
        remote: "there".to_owned(),
    };
    monitor.emit(event, &[value], b"endpoint", &texts);
}

/// The messages that came since the last call.
fn received(end: &mut PipeEnd) -> Vec<Frames> {
    let (mut messages, mut message) = (Vec::new(), Frames::new());
    while end.head() == Head::Frame {
        let mut frame = Message::new();
        let read = end.read(&mut Incoming::into_message(&mut frame));
        assert_eq!(read, Some(Ok(())));
        message.push(frame.bytes().to_vec());
        if !frame.more() {
            messages.push(std::mem::take(&mut message));
        }
    }
    messages
}

/// Event and value of each message of version 1.
fn events(end: &mut PipeEnd) -> Vec<(u16, u32)> {
    let event = |frames: Frames| {
        let (number, value) = frames[0].split_at(2);
        assert_eq!(frames.len(), 2);
        (
            u16::from_ne_bytes(number.try_into().expect("two bytes")),
            u32::from_ne_bytes(value.try_into().expect("four bytes")),
        )
    };
    received(end).into_iter().map(event).collect()
}

fn listening(values: impl IntoIterator<Item = u32>) -> Vec<(u16, u32)> {
    let number = Event::Listening as u64 as u16;
    values.into_iter().map(|value| (number, value)).collect()
}

#[test]
fn only_the_events_asked_for_come() {
    let mask = Event::Listening as u64 | Event::MonitorStopped as u64;
    let monitor = started(mask, 1, Kind::Pair);
    assert!(monitor.wants(Event::Listening) && !monitor.wants(Event::Closed));
    let mut end = consumer(&monitor);
    emit(&monitor, Event::Closed, 1);
    emit(&monitor, Event::Listening, 2);
    assert!(monitor.stop());
    emit(&monitor, Event::Listening, 3);
    assert!(!monitor.stop());
    let stopped = Event::MonitorStopped as u64 as u16;
    assert_eq!(
        events(&mut end),
        [listening([2]), vec![(stopped, 0)]].concat()
    );
    assert!(end.is_exhausted());
}

/// The end of a monitor waits for an event whose cause it has seen.
#[test]
fn an_event_comes_with_what_it_is_about() {
    let monitor = started(ALL, 1, Kind::Pair);
    let mut end = consumer(&monitor);
    let texts = EndpointTexts::default();
    std::thread::scope(|threads| {
        let ends = || {
            threads.spawn(|| monitor.stop());
            while monitor.wants(Event::Listening) {
                std::thread::yield_now();
            }
        };
        monitor.emit_after(ends, Event::Listening, &[1], b"", &texts);
    });
    let stopped = (Event::MonitorStopped as u64 as u16, 0);
    assert_eq!(events(&mut end), [listening([1]), vec![stopped]].concat());
}

#[test]
fn version_2_has_all_values_and_both_endpoints() {
    let monitor = started(ALL, 2, Kind::Pair);
    let mut end = consumer(&monitor);
    emit(&monitor, Event::PipesStats, 7);
    monitor.emit(Event::PipesStats, &[1, 2], b"", &EndpointTexts::default());
    let number = |number: u64| number.to_ne_bytes().to_vec();
    let (here, there) = (b"here".to_vec(), b"there".to_vec());
    let expected = [
        vec![number(0x10000), number(1), number(7), here, there],
        vec![
            number(0x10000),
            number(2),
            number(1),
            number(2),
            vec![],
            vec![],
        ],
    ];
    assert_eq!(received(&mut end), expected);
}

#[test]
fn events_wait_for_the_first_consumer() {
    for kind in [Kind::Pair, Kind::Push] {
        let monitor = started(ALL, 1, kind);
        (0..1500).for_each(|value| emit(&monitor, Event::Listening, value));
        let mut end = consumer(&monitor);
        assert_eq!(events(&mut end), listening(0..1000));
        emit(&monitor, Event::Listening, 2000);
        assert_eq!(events(&mut end), listening([2000]));
        end.leave();
        emit(&monitor, Event::Listening, 2001);
        assert_eq!(events(&mut consumer(&monitor)), listening([2001]));
    }
}

#[test]
fn what_a_consumer_does_not_read_is_dropped_at_last() {
    let monitor = started(ALL, 1, Kind::Pair);
    let mut end = consumer(&monitor);
    end.join_limits(10, 10);
    (0..2000).for_each(|value| emit(&monitor, Event::Listening, value));
    assert_eq!(events(&mut end), listening(0..1010));
    emit(&monitor, Event::Listening, 3000);
    assert_eq!(events(&mut end), listening([3000]));
}

#[test]
fn the_last_event_needs_no_room() {
    for kind in [Kind::Pair, Kind::Pub, Kind::Push] {
        let monitor = started(ALL, 1, kind);
        let mut end = match kind {
            Kind::Pub => subscriber(&monitor, &[b""]),
            Kind::Pair | Kind::Push => consumer(&monitor),
        };
        end.join_limits(10, 10);
        (0..2000).for_each(|value| emit(&monitor, Event::Listening, value));
        assert!(monitor.stop());
        let all = events(&mut end);
        let stopped = (c::ZMQ_EVENT_MONITOR_STOPPED as u16, 0);
        assert!(all.len() < 2000, "{kind:?}");
        assert_eq!(all.last(), Some(&stopped), "{kind:?}");
    }
}

#[test]
fn a_pair_has_one_consumer() {
    let monitor = started(ALL, 1, Kind::Pair);
    let mut first = consumer(&monitor);
    let second = consumer(&monitor);
    assert!(second.is_inbound_aborted() && !first.is_inbound_ended());
    emit(&monitor, Event::Listening, 1);
    assert_eq!(events(&mut first), listening([1]));
}

#[test]
fn push_takes_turns() {
    let monitor = started(ALL, 1, Kind::Push);
    let mut ends = [consumer(&monitor), consumer(&monitor), consumer(&monitor)];
    (0..6).for_each(|value| emit(&monitor, Event::Listening, value));
    let all = ends.each_mut().map(events);
    assert_eq!(
        all,
        [listening([0, 3]), listening([1, 4]), listening([2, 5])]
    );
    ends[1].leave();
    (6..10).for_each(|value| emit(&monitor, Event::Listening, value));
    let [first, _, third] = ends.each_mut().map(events);
    assert_eq!([first, third], [listening([6, 8]), listening([7, 9])]);
}

#[test]
fn pub_filters() {
    let monitor = started(ALL, 1, Kind::Pub);
    let listens = (Event::Listening as u64 as u16).to_ne_bytes();
    let mut all = subscriber(&monitor, &[b""]);
    let mut some = subscriber(&monitor, &[&listens, &listens]);
    let mut none = consumer(&monitor);
    emit(&monitor, Event::Closed, 1);
    emit(&monitor, Event::Listening, 2);
    assert_eq!(events(&mut all).len(), 2);
    assert_eq!(events(&mut some), listening([2]));
    assert_eq!(events(&mut none), []);
    subscribe(&mut some, false, &listens);
    emit(&monitor, Event::Listening, 3);
    assert_eq!(events(&mut some), listening([3]));
    subscribe(&mut some, false, &listens);
    subscribe(&mut none, true, &listens);
    emit(&monitor, Event::Listening, 4);
    assert_eq!(events(&mut some), []);
    assert_eq!(events(&mut none), listening([4]));
    assert_eq!(events(&mut all), listening([3, 4]));
}

/// Also if it subscribes after it connected.
#[test]
fn events_wait_for_the_first_subscription() {
    let monitor = started(ALL, 1, Kind::Pub);
    emit(&monitor, Event::Listening, 1);
    let mut end = consumer(&monitor);
    emit(&monitor, Event::Listening, 2);
    assert_eq!(events(&mut end), []);
    subscribe(&mut end, true, b"");
    assert_eq!(events(&mut end), listening([1, 2]));
    // From here on it has chosen.
    subscribe(&mut end, false, b"");
    emit(&monitor, Event::Listening, 3);
    subscribe(&mut end, true, b"");
    emit(&monitor, Event::Listening, 4);
    assert_eq!(events(&mut end), listening([4]));
}

#[test]
fn versions_types_and_masks_are_checked() {
    assert_eq!(check(0xffff, 1), Ok(()));
    assert_eq!(check(0x1_0000, 1), Err(Error::Invalid));
    assert_eq!(check(u64::MAX, 2), Ok(()));
    for version in [0, 3, -1] {
        assert_eq!(check(0, version), Err(Error::Invalid));
    }
    for (number, kind) in [(0, Ok(Kind::Pair)), (1, Ok(Kind::Pub)), (8, Ok(Kind::Push))] {
        assert_eq!(Kind::find(number), kind);
    }
    for number in [-1, 2, 7, 100] {
        assert_eq!(Kind::find(number), Err(Error::Invalid));
    }
}
