//! The rules of api.md section 10 one by one, then random operations against a plain list.

use std::time::{Duration, Instant};

use super::*;
use crate::clock;

/// A clock that goes where the test wants it.
struct Time(Instant);

impl Time {
    fn new() -> Self {
        Self(clock::now())
    }

    fn at(&self, millis: u64) -> Instant {
        self.0 + Duration::from_millis(millis)
    }
}

/// Runs a pass with handlers that do nothing; who ran.
fn execute(timers: &mut Timers<char>, now: Instant) -> String {
    let execution = timers.begin_execute(now);
    std::iter::from_fn(|| timers.next_due(&execution))
        .map(|(_, handler)| handler)
        .collect()
}

#[test]
fn repeats_and_does_not_make_up() {
    let time = Time::new();
    let mut timers = Timers::new();
    assert_eq!(timers.timeout(time.at(0)), None);
    assert_eq!(execute(&mut timers, time.at(0)), "");
    assert_eq!(timers.add(time.at(0), 10, 'a'), 1);
    assert_eq!(timers.timeout(time.at(0)), Some(10));
    assert_eq!(execute(&mut timers, time.at(9)), "");
    assert_eq!(execute(&mut timers, time.at(10)), "a");
    assert_eq!(timers.timeout(time.at(10)), Some(10));
    // Overdue by more than two periods: runs once, and again an interval later.
    assert_eq!(timers.timeout(time.at(45)), Some(0));
    assert_eq!(execute(&mut timers, time.at(45)), "a");
    assert_eq!(execute(&mut timers, time.at(54)), "");
    assert_eq!(execute(&mut timers, time.at(55)), "a");
}

#[test]
fn timeout_is_rounded_up() {
    let time = Time::new();
    let mut timers = Timers::new();
    timers.add(time.at(0), 10, 'a');
    let nearly = time.at(9) + Duration::from_nanos(1);
    assert_eq!(timers.timeout(nearly), Some(1));
    assert_eq!(timers.timeout(time.at(9)), Some(1));
    assert_eq!(timers.timeout(time.at(8)), Some(2));
}

#[test]
fn one_deadline_runs_in_order_of_insertion() {
    let time = Time::new();
    let mut timers = Timers::new();
    for (id, (start, interval, name)) in
        (1..).zip([(0, 20, 'c'), (5, 15, 'd'), (10, 5, 'a'), (10, 10, 'e')])
    {
        assert_eq!(timers.add(time.at(start), interval, name), id);
    }
    timers.set_interval(time.at(11), 1, 9).unwrap();
    assert_eq!(execute(&mut timers, time.at(20)), "adec");
}

#[test]
fn ids_are_not_reused() {
    let time = Time::new();
    let mut timers = Timers::new();
    assert_eq!(timers.add(time.at(0), 1, 'a'), 1);
    timers.cancel(1).unwrap();
    assert_eq!(timers.timeout(time.at(0)), None);
    assert_eq!(timers.add(time.at(0), 1, 'b'), 2);
    timers.last_id = i32::MAX;
    timers.places.insert(1, (time.at(0), 0));
    assert_eq!(timers.add(time.at(0), 1, 'c'), 3);
}

#[test]
fn cancelled_answers_until_purged() {
    let time = Time::new();
    let mut timers = Timers::new();
    assert_eq!(timers.cancel(1), Err(Error::Invalid));
    assert_eq!(timers.reset(time.at(0), 1), Err(Error::Invalid));
    assert_eq!(timers.set_interval(time.at(0), 1, 5), Err(Error::Invalid));
    timers.add(time.at(0), 10, 'a');
    timers.add(time.at(0), 20, 'b');
    timers.cancel(2).unwrap();
    assert_eq!(timers.cancel(2), Err(Error::Invalid));
    // It stands behind a live one, so neither call gets to it.
    assert_eq!(timers.timeout(time.at(0)), Some(10));
    assert_eq!(execute(&mut timers, time.at(0)), "");
    assert_eq!(timers.reset(time.at(0), 2), Ok(()));
    // This does not revive it, but brings it to the front.
    assert_eq!(timers.set_interval(time.at(0), 2, 0), Ok(()));
    assert_eq!(timers.cancel(2), Err(Error::Invalid));
    assert_eq!(execute(&mut timers, time.at(0)), "");
    assert_eq!(timers.reset(time.at(0), 2), Err(Error::Invalid));

    timers.cancel(1).unwrap();
    assert_eq!(timers.reset(time.at(0), 1), Ok(()));
    assert_eq!(timers.timeout(time.at(0)), None);
    assert_eq!(timers.reset(time.at(0), 1), Err(Error::Invalid));
}

#[test]
fn interval_zero_runs_once_a_pass() {
    let time = Time::new();
    let mut timers = Timers::new();
    timers.add(time.at(0), 0, 'a');
    timers.add(time.at(0), 0, 'b');
    assert_eq!(timers.timeout(time.at(0)), Some(0));
    assert_eq!(execute(&mut timers, time.at(0)), "ab");
    assert_eq!(execute(&mut timers, time.at(0)), "ab");
    assert_eq!(execute(&mut timers, time.at(5)), "ab");
}

#[test]
fn any_interval_is_legal() {
    let time = Time::new();
    let mut timers = Timers::new();
    for interval in [u64::MAX, u64::MAX - 1, u64::MAX / 2, i64::MAX as u64] {
        timers.add(time.at(0), interval, 'x');
    }
    assert!(timers.timeout(time.at(0)) > Some(1 << 40));
    assert_eq!(execute(&mut timers, time.at(1 << 40)), "");
    timers.set_interval(time.at(0), 1, u64::MAX).unwrap();
    timers.reset(time.at(0), 1).unwrap();
}

#[test]
fn handlers_may_change_the_timers() {
    let time = Time::new();
    let mut timers = Timers::new();
    for name in ['a', 'b', 'c', 'd'] {
        timers.add(time.at(0), 10, name);
    }
    let now = time.at(15);
    let execution = timers.begin_execute(now);
    assert_eq!(timers.next_due(&execution), Some((1, 'a')));
    // In the handler of 'a'.
    assert_eq!(timers.add(now, 0, 'e'), 5);
    timers.cancel(2).unwrap();
    timers.set_interval(now, 3, 0).unwrap();
    timers.set_interval(now, 1, 500).unwrap();
    assert_eq!(timers.next_due(&execution), Some((4, 'd')));
    // In the handler of 'd', which ends itself.
    timers.cancel(4).unwrap();
    assert_eq!(timers.cancel(4), Err(Error::Invalid));
    assert_eq!(timers.next_due(&execution), None);
    assert_eq!(timers.reset(now, 2), Err(Error::Invalid));

    assert_eq!(execute(&mut timers, now), "ec");
    timers.cancel(5).unwrap();
    timers.cancel(3).unwrap();
    assert_eq!(timers.timeout(now), Some(500));
}

#[test]
fn a_pass_within_a_pass() {
    let time = Time::new();
    let mut timers = Timers::new();
    for name in ['a', 'b', 'c'] {
        timers.add(time.at(0), 10, name);
    }
    let outer = timers.begin_execute(time.at(10));
    assert_eq!(timers.next_due(&outer), Some((1, 'a')));
    assert_eq!(execute(&mut timers, time.at(20)), "bca");
    assert_eq!(timers.next_due(&outer), None);
}

/// What the contract says, as a list that is sorted anew for each question.
#[derive(Default)]
struct Oracle {
    /// Deadline in ms, id, interval, cancelled; in order of insertion.
    list: Vec<(u64, i32, u64, bool)>,
    ids: i32,
}

impl Oracle {
    fn add(&mut self, now: u64, interval: u64) -> i32 {
        self.ids += 1;
        self.list.push((now + interval, self.ids, interval, false));
        self.ids
    }

    fn find(&self, id: i32) -> Option<usize> {
        self.list.iter().position(|timer| timer.1 == id)
    }

    fn cancel(&mut self, id: i32) -> bool {
        match self.find(id) {
            Some(place) => !std::mem::replace(&mut self.list[place].3, true),
            None => false,
        }
    }

    fn again(&mut self, now: u64, id: i32, interval: Option<u64>) -> bool {
        let Some(place) = self.find(id) else {
            return false;
        };
        let (_, id, old, cancelled) = self.list.remove(place);
        let interval = interval.unwrap_or(old);
        self.list.push((now + interval, id, interval, cancelled));
        true
    }

    /// Removes cancelled timers before the first live one, which is returned.
    fn purge(&mut self) -> Option<(u64, i32)> {
        let mut sorted = self.list.clone();
        sorted.sort_by_key(|timer| timer.0);
        for (deadline, id, _, cancelled) in sorted {
            if !cancelled {
                return Some((deadline, id));
            }
            self.list.retain(|timer| timer.1 != id);
        }
        None
    }
}

#[test]
fn random_operations_against_a_list() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    for _ in 0..if cfg!(miri) { 2 } else { 200 } {
        let time = Time::new();
        let mut timers = Timers::new();
        let mut oracle = Oracle::default();
        let mut now = 0;
        for _ in 0..200 {
            now += random(4);
            change(&mut timers, &mut oracle, &time, now, &mut random);
            match random(4) {
                0 => {
                    let expected = oracle.purge().map(|(due, _)| due.saturating_sub(now));
                    assert_eq!(timers.timeout(time.at(now)), expected);
                }
                1 => {
                    // All that is due and was there at the beginning, in order, unless a handler
                    // touches it meanwhile.
                    let execution = timers.begin_execute(time.at(now));
                    let sample = now;
                    let mut waiting: Vec<_> = oracle.list.iter().map(|timer| timer.1).collect();
                    loop {
                        let due = oracle
                            .purge()
                            .filter(|(due, id)| *due <= sample && waiting.contains(id));
                        let expected = due.map(|(_, id)| id);
                        let got = timers.next_due(&execution);
                        assert_eq!(got, expected.map(|id| (id, ())));
                        let Some(id) = expected else { break };
                        oracle.again(sample, id, None);
                        waiting.retain(|other| *other != id);
                        // The handler.
                        now += random(2);
                        if random(2) == 0 {
                            let touched = change(&mut timers, &mut oracle, &time, now, &mut random);
                            waiting.retain(|other| Some(*other) != touched);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// One random change of both; the id of the timer whose turn was put off.
fn change(
    timers: &mut Timers<()>,
    oracle: &mut Oracle,
    time: &Time,
    now: u64,
    random: &mut impl FnMut(u64) -> u64,
) -> Option<i32> {
    let id = random(oracle.ids as u64 + 2) as i32;
    let interval = random(6);
    match random(5) {
        0 | 1 => assert_eq!(
            timers.add(time.at(now), interval, ()),
            oracle.add(now, interval)
        ),
        2 => assert_eq!(timers.cancel(id).is_ok(), oracle.cancel(id)),
        3 => {
            let answer = timers.set_interval(time.at(now), id, interval);
            assert_eq!(answer.is_ok(), oracle.again(now, id, Some(interval)));
            return Some(id);
        }
        _ => {
            let answer = timers.reset(time.at(now), id);
            assert_eq!(answer.is_ok(), oracle.again(now, id, None));
            return Some(id);
        }
    }
    None
}
