//! PUB: fan-out by topic (patterns.md 8).

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::error::{Error, Result};
use crate::options::{PatternOption, SocketOptions};
use crate::patterns::publisher::Publisher;
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Sends only: subscriptions are taken in, everything else that peers send is dropped.
#[derive(Debug, Default)]
pub(crate) struct Pub {
    publisher: Publisher,
}

impl Pattern for Pub {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.publisher.attached(pipes, key);
    }

    fn readable(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.take_in(pipes, key, None);
    }

    fn time_passed(&mut self, time: Duration) {
        self.publisher.time_passed(time);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.detached(pipes, key, None);
    }

    fn resume(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.resume(pipes, key, None);
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        self.publisher.send(pipes, frame)
    }

    fn recv(&mut self, _pipes: &mut Pipes, _into: &mut Incoming<'_>) -> Result<()> {
        Err(Error::NotSupported)
    }

    fn can_recv(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        self.publisher.set_option(option)
    }

    fn options_changed(&mut self, options: &SocketOptions) {
        self.publisher.options_changed(options);
    }

    fn topics_count(&self) -> Option<usize> {
        Some(self.publisher.topics_count())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pub;
    use crate::error::Error;
    use crate::options::{PatternOption, SocketOptions};
    use crate::patterns::Pattern;
    use crate::patterns::parts::Work;
    use crate::patterns::publisher::{BURST, STEADY};
    use crate::patterns::testing::{Bench, frames};
    use crate::pipe::Notice;
    use crate::pipe::queue::Special;

    /// patterns.md 1.2.
    #[test]
    fn fresh() {
        let mut publisher = Bench::<Pub>::new();
        assert_eq!(publisher.events(), (false, true));
        assert_eq!(publisher.send(&[b"1", b"2"]), Ok(()));
        assert_eq!(publisher.recv(), Err(Error::NotSupported));
    }

    /// patterns.md 8.1: prefix of the first frame, once for several subscriptions, binary safe.
    #[test]
    fn matching() {
        let mut publisher = Bench::<Pub>::new();
        let (some, all, none) = (publisher.peer(), publisher.peer(), publisher.peer());
        publisher.subscribe(some, true, b"a");
        publisher.subscribe(some, true, b"a\0b");
        publisher.subscribe(all, true, b"");
        publisher.send(&[b"a\0bc", b"x"]).unwrap();
        publisher.send(&[b"A", b"a"]).unwrap();
        publisher.send(&[b""]).unwrap();
        assert_eq!(publisher.sent(some), [frames(&[b"a\0bc", b"x"])]);
        let everything = [
            frames(&[b"a\0bc", b"x"]),
            frames(&[b"A", b"a"]),
            frames(&[b""]),
        ];
        assert_eq!(publisher.sent(all), everything);
        assert!(publisher.sent(none).is_empty());
    }

    /// patterns.md 8.2: subscriptions of 3.0 peers are messages; 8.3: PUB ignores user messages.
    #[test]
    fn subscriptions_as_messages() {
        let mut publisher = Bench::<Pub>::new();
        let key = publisher.peer();
        publisher.arrive(key, &[b"\x01a"]);
        publisher.arrive(key, &[b"user", b"\x01b"]);
        publisher.arrive(key, &[b""]);
        for body in [b"a", b"b", b"c"] {
            publisher.send(&[body]).unwrap();
        }
        assert_eq!(publisher.sent(key), [frames(&[b"a"]), frames(&[b"b"])]);
        publisher.arrive(key, &[b"\0a"]);
        publisher.send(&[b"a"]).unwrap();
        assert!(publisher.sent(key).is_empty());
        assert_eq!(publisher.pattern.topics_count(), Some(1));
    }

    /// patterns.md 8.5: a peer over its mark misses whole messages until it drained.
    #[test]
    fn full_peer_misses_messages() {
        let mut publisher = Bench::<Pub>::new();
        let (slow, fast) = (publisher.peer_limited(2), publisher.peer());
        publisher.subscribe(slow, true, b"");
        publisher.subscribe(fast, true, b"");
        for body in [b"1", b"2", b"3"] {
            publisher.send(&[body, b"tail"]).unwrap();
        }
        assert_eq!(publisher.events(), (false, true));
        assert_eq!(publisher.sent(fast).len(), 3);
        assert_eq!(
            publisher.sent(slow),
            [frames(&[b"1", b"tail"]), frames(&[b"2", b"tail"])]
        );
        publisher.relieve(slow);
        publisher.send(&[b"4"]).unwrap();
        assert_eq!(publisher.sent(slow), [frames(&[b"4"])]);
    }

    /// patterns.md 8.1.
    #[test]
    fn invert_matching() {
        let mut publisher = Bench::<Pub>::new();
        let (some, other) = (publisher.peer(), publisher.peer());
        publisher.subscribe(some, true, b"a");
        let options = SocketOptions {
            invert_matching: true,
            ..SocketOptions::default()
        };
        publisher.pattern.options_changed(&options);
        publisher.send(&[b"a"]).unwrap();
        publisher.send(&[b"b"]).unwrap();
        assert_eq!(publisher.sent(some), [frames(&[b"b"])]);
        assert_eq!(publisher.sent(other), [frames(&[b"a"]), frames(&[b"b"])]);
    }

    /// patterns.md 8.3: PUB has the options of XPUB; without receiving there is nobody to grant to.
    #[test]
    fn manual_mode_grants_nothing() {
        let mut publisher = Bench::<Pub>::new();
        let key = publisher.peer();
        let pipes = &mut publisher.wires.pipes;
        let topic = PatternOption::Subscribe((*b"a").into());
        assert_eq!(
            publisher.pattern.set_option(pipes, topic.clone()),
            Err(Error::Invalid)
        );
        publisher
            .pattern
            .set_option(pipes, PatternOption::XpubManual(true))
            .unwrap();
        assert_eq!(publisher.pattern.set_option(pipes, topic), Ok(()));
        publisher.subscribe(key, true, b"a");
        publisher.send(&[b"a"]).unwrap();
        assert!(publisher.sent(key).is_empty());
    }

    /// patterns.md 8.3 (TOPICS_COUNT) with the correct count after a peer left.
    #[test]
    fn departed_peer_is_forgotten() {
        let mut publisher = Bench::<Pub>::new();
        let (gone, stays) = (publisher.peer(), publisher.peer());
        publisher.subscribe(gone, true, b"a");
        publisher.subscribe(gone, true, b"b");
        publisher.subscribe(stays, true, b"b");
        publisher.send_frame(b"b", true).unwrap();
        publisher.detach(gone);
        publisher.send_frame(b"tail", false).unwrap();
        assert_eq!(publisher.pattern.topics_count(), Some(1));
        assert_eq!(publisher.sent(stays), [frames(&[b"b", b"tail"])]);
        assert!(publisher.sent(gone).is_empty());
    }

    /// A peer that does not stop asking delays a call by a few subscriptions only, and what is left comes later.
    #[test]
    fn a_flood_is_taken_in_by_and_by() {
        let mut publisher = Bench::<Pub>::new();
        let flood = publisher.peer();
        let topic_costs = Work::of_topic(4);
        let [first, step] = [BURST, STEADY].map(|work| work.div_ceil(topic_costs));
        let count = first + 3 * step / 2;
        for number in 0..count as u32 {
            let (subscribe, topic) = (true, number.to_be_bytes().into());
            let special = Special::Subscription { subscribe, topic };
            publisher.wires.arrive_special(flood, special);
        }
        for taken_in in [first, first + step, count, count] {
            let pipes = &mut publisher.wires.pipes;
            publisher.pattern.readable(pipes, flood);
            let topics = publisher.pattern.topics_count();
            assert_eq!(topics, Some(taken_in));
        }
    }

    /// What changes nothing costs more, as long as it may go on without an end.
    #[test]
    fn a_flood_without_an_end_is_taken_in_slowly() {
        let step = STEADY.div_ceil(Work::of_topic(1));
        for (last, expected) in [(false, 60..70), (true, 3..7)] {
            let mut publisher = Bench::<Pub>::new();
            let flood = publisher.peer();
            publisher.subscribe(flood, true, b"t");
            let first = BURST / (16 * Work::of_topic(1));
            let rest = (0..first + 4 * step).map(|_| *b"t");
            for topic in rest.chain([*b"x"]) {
                let (subscribe, topic) = (true, topic.into());
                let special = Special::Subscription { subscribe, topic };
                publisher.wires.arrive_special(flood, special);
            }
            let mut calls = 0;
            while publisher.pattern.topics_count() == Some(1) {
                publisher
                    .pattern
                    .readable(&mut publisher.wires.pipes, flood);
                publisher.wires.far(flood).announce_last(last);
                calls += 1;
            }
            assert!(expected.contains(&calls), "last: {last}, {calls} calls");
        }
    }

    /// A publisher that is seldom called keeps up with peers that ask for much all the time, and no call is without bounds.
    #[test]
    fn time_that_has_passed_is_for_peers_as_well() {
        let mut publisher = Bench::<Pub>::new();
        let flood = publisher.peer();
        let topics = |work: usize| work.div_ceil(Work::of_topic(4));
        let (step, burst) = (topics(STEADY), topics(BURST));
        let mut numbers = 0..;
        let mut ask = |publisher: &mut Bench<Pub>, count: usize| {
            for number in numbers.by_ref().take(count) {
                let (subscribe, topic) = (true, u32::to_be_bytes(number).into());
                let special = Special::Subscription { subscribe, topic };
                publisher.wires.arrive_special(flood, special);
            }
        };
        let call = |publisher: &mut Bench<Pub>, time| {
            let before = publisher.pattern.topics_count().unwrap();
            publisher.pattern.time_passed(time);
            let pipes = &mut publisher.wires.pipes;
            publisher.pattern.readable(pipes, flood);
            publisher.pattern.topics_count().unwrap() - before
        };
        ask(&mut publisher, burst + 1000 * step);
        assert_eq!(call(&mut publisher, Duration::ZERO), burst);
        assert_eq!(call(&mut publisher, Duration::ZERO), step);
        let earned = step + topics(10 * STEADY);
        assert_eq!(call(&mut publisher, Duration::from_millis(4)), earned);
        let most = step + topics(256 * STEADY);
        assert_eq!(call(&mut publisher, Duration::from_secs(60)), most);
    }

    /// Long topics are more work.
    #[test]
    fn a_flood_of_long_topics_is_taken_in_by_and_by() {
        let mut publisher = Bench::<Pub>::new();
        let flood = publisher.peer();
        for number in 0..60_u8 {
            let (subscribe, topic) = (true, (&vec![number; 1 << 20]).into());
            let special = Special::Subscription { subscribe, topic };
            publisher.wires.arrive_special(flood, special);
        }
        for taken_in in [28, 29, 30] {
            let pipes = &mut publisher.wires.pipes;
            publisher.pattern.readable(pipes, flood);
            assert_eq!(publisher.pattern.topics_count(), Some(taken_in));
        }
    }

    /// The topics of a peer that has gone go in steps, and meanwhile nobody else gets its number.
    #[test]
    fn many_topics_go_by_and_by() {
        let mut publisher = Bench::<Pub>::new();
        let (gone, stays) = (publisher.peer(), publisher.peer());
        let woken = publisher.wires.watch(gone);
        let step = STEADY.div_ceil(Work::of_topic(4));
        let count = 3 * step + step / 2;
        for number in 0..count as u32 {
            publisher.subscribe(gone, true, &number.to_be_bytes());
        }
        publisher.subscribe(stays, true, &[0]);
        woken.try_iter().for_each(drop);
        publisher.detach(gone);
        let mut calls = 0;
        let mut before = publisher.pattern.topics_count().unwrap();
        assert!(before > count - step);
        while before > 1 {
            assert_eq!(woken.try_iter().collect::<Vec<_>>(), [Notice::Readable]);
            let late = publisher.peer();
            assert_ne!(late.index(), gone.index());
            publisher.send(&[&[0, 0, 0, 1]]).unwrap();
            assert_eq!(publisher.sent(stays).len(), 1);
            assert!(publisher.sent(late).is_empty());
            publisher.pattern.resume(&mut publisher.wires.pipes, gone);
            let left = publisher.pattern.topics_count().unwrap();
            assert!(left < before && before - left <= step + 1);
            (before, calls) = (left, calls + 1);
        }
        assert!((3..8).contains(&calls), "{calls} calls");
        assert!(woken.try_iter().next().is_none());
        assert_eq!(publisher.peer().index(), gone.index());
    }
}
