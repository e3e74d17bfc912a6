//! Both sets of topics against sorted maps.

use super::{
    Departure, Dropped, FEW, HELD_LIMIT, PublisherTopics, SubscriberTopics, Work, weight_of,
};
use crate::error::Error;
use crate::patterns::testing::Random;
use std::collections::{BTreeMap, BTreeSet};

fn topic(random: &mut Random) -> Vec<u8> {
    (0..random.below(5))
        .map(|_| b'a' + random.below(3) as u8)
        .collect()
}

#[test]
fn publisher_against_sets() {
    let mut random = Random::new(21);
    let mut topics = PublisherTopics::default();
    let mut model = BTreeMap::<Vec<u8>, BTreeSet<u32>>::new();
    let mut departing: Option<(u32, Departure, Option<Vec<u8>>)> = None;
    for _ in 0..20_000 {
        let pipe = random.below(6) as u32;
        let topic = topic(&mut random);
        match random.below(20) {
            0 => {
                let mut told = Vec::new();
                topics.remove_pipe(pipe, |topic, last| told.push((topic.to_vec(), last)));
                let mut expected = Vec::new();
                for (topic, holders) in &mut model {
                    if holders.remove(&pipe) {
                        expected.push((topic.clone(), holders.is_empty()));
                    }
                }
                // The map's order is the promised one.
                assert_eq!(told, expected);
                departing.take_if(|(departing, ..)| *departing == pipe);
            }
            12 => {
                // Some steps of a departure, between what others do.
                let (pipe, departure, passed) =
                    departing.get_or_insert_with(|| (pipe, Departure::default(), None));
                let mut told = Vec::new();
                let mut work = Work::new(1 + random.below(600));
                let done = topics.remove_some(*pipe, departure, &mut work, |topic, last| {
                    told.push((topic.to_vec(), last));
                });
                for (topic, last) in told {
                    assert!(passed.as_ref().is_none_or(|passed| *passed < topic));
                    let holders = model.get_mut(&topic).unwrap();
                    assert!(holders.remove(pipe));
                    assert_eq!(holders.is_empty(), last);
                    *passed = Some(topic);
                }
                let holds = model.values().any(|holders| holders.contains(pipe));
                assert_eq!(done, !holds);
                departing.take_if(|_| done);
            }
            1..12 if departing.as_ref().is_some_and(|(gone, ..)| *gone == pipe) => {}
            1..12 => {
                let holders = model.entry(topic.clone()).or_default();
                assert_eq!(topics.add(&topic, pipe), Ok(holders.is_empty()));
                holders.insert(pipe);
            }
            _ => {
                let holders = model.entry(topic.clone()).or_default();
                let expected = match (holders.remove(&pipe), holders.is_empty()) {
                    (false, _) => Dropped::Unknown,
                    (true, true) => Dropped::Last,
                    (true, false) => Dropped::Others,
                };
                assert_eq!(topics.remove(&topic, pipe), expected);
            }
        }
        model.retain(|_, holders| !holders.is_empty());
        assert_eq!(topics.len(), model.len());
        let text = self::topic(&mut random);
        let mut chosen = BTreeSet::new();
        topics.matching(&text, |pipe| {
            chosen.insert(pipe);
        });
        let expected: BTreeSet<u32> = model
            .iter()
            .filter(|(topic, _)| text.starts_with(topic))
            .flat_map(|(_, holders)| holders.iter().copied())
            .collect();
        assert_eq!(chosen, expected);
    }
}

#[test]
fn subscriber_against_counts() {
    let mut random = Random::new(22);
    let mut topics = SubscriberTopics::default();
    let mut model = BTreeMap::<Vec<u8>, u32>::new();
    for _ in 0..20_000 {
        let topic = topic(&mut random);
        if random.below(2) == 0 {
            topics.add(&topic).unwrap();
            *model.entry(topic).or_default() += 1;
        } else {
            let expected = match model.get_mut(&topic) {
                None => Dropped::Unknown,
                Some(1) => {
                    model.remove(&topic);
                    Dropped::Last
                }
                Some(count) => {
                    *count -= 1;
                    Dropped::Others
                }
            };
            assert_eq!(topics.remove(&topic), expected);
        }
        let text = self::topic(&mut random);
        let expected = model.keys().any(|topic| text.starts_with(topic));
        assert_eq!(topics.matches(&text), expected);
        assert_eq!(topics.len(), model.len());
    }
    let mut all = Vec::new();
    let told = topics.for_each(|topic| all.push(topic.to_vec()));
    assert_eq!(told, Ok(()));
    assert!(all.into_iter().eq(model.into_keys()));
}

/// Not a test: prints time per match and memory per topic (run it alone, optimised, with --nocapture).
#[test]
#[ignore = "a measurement"]
fn measure_matching() {
    for count in [1, 7, 1000, 100_000, 1_000_000] {
        let mut random = Random::new(1);
        let name = |random: &mut Random| {
            let (venue, symbol) = (random.below(4), random.below(count));
            format!("md.{venue}.{symbol:07}.bid").into_bytes()
        };
        let mut topics = PublisherTopics::default();
        for pipe in 0..count {
            topics.add(&name(&mut random), pipe as u32).unwrap();
        }
        let texts: Vec<_> = (0..1 << 16).map(|_| name(&mut random)).collect();
        let start = crate::clock::now();
        let mut matched = 0_usize;
        for text in &texts {
            topics.matching(text, |_| matched += 1);
        }
        let time = start.elapsed().as_nanos() as usize / texts.len();
        let bytes = topics.tree.memory() / topics.len();
        eprintln!("{count}: {time} ns a match, {bytes} B a topic, {matched} matched");
    }
}

#[test]
fn the_topics_of_one_pipe_are_bounded() {
    let mut topics = PublisherTopics::default();
    assert_eq!(topics.add(b"first", 0), Ok(true));
    topics.held[0].weight = HELD_LIMIT - weight_of(b"more");
    assert_eq!(topics.add(b"other", 0), Err(Error::NoMemory));
    assert_eq!(topics.add(b"more", 0), Ok(true));
    assert_eq!(topics.add(b"", 0), Err(Error::NoMemory));
    // Others are not concerned, and there is room again when something goes.
    assert_eq!(topics.add(b"other", 1), Ok(true));
    assert_eq!(topics.remove(b"more", 0), Dropped::Last);
    assert_eq!(topics.add(b"none", 0), Ok(true));
    assert_eq!(topics.remove(b"other", 0), Dropped::Unknown);
    assert_eq!(topics.len(), 3);
}

/// Who has a few topics among many leaves without a look at the others.
#[test]
fn few_topics_are_known_by_themselves() {
    let mut topics = PublisherTopics::default();
    for number in 0..FEW as u32 + 1 {
        topics.add(&number.to_be_bytes(), 0).unwrap();
    }
    assert!(topics.held[0].few.is_none());
    topics.add(b"a", 1).unwrap();
    topics.add(b"b", 1).unwrap();
    topics.remove(b"a", 1);
    assert!(
        topics.held[1]
            .few
            .as_ref()
            .is_some_and(|few| few.len() == 1)
    );
    for (pipe, count) in [(0, FEW + 1), (1, 1)] {
        let mut told = 0;
        topics.remove_pipe(pipe, |_, last| told += usize::from(last));
        assert_eq!(told, count);
        assert!(
            topics.held[pipe as usize]
                .few
                .as_ref()
                .is_some_and(|few| few.is_empty())
        );
    }
}

/// A departure goes in steps that are bounded whatever there is of others, and of long topics.
#[test]
fn departures_take_bounded_steps() {
    let mut topics = PublisherTopics::default();
    for number in 0..30_000_u32 {
        topics.add(&number.to_be_bytes(), number % 3).unwrap();
    }
    for number in 0..30_u8 {
        topics.add(&[number; 10_000], 0).unwrap();
    }
    let (mut departure, mut steps, mut told) = (Departure::default(), 0, 0);
    loop {
        let before = told;
        let mut work = Work::new(30_000);
        let done = topics.remove_some(0, &mut departure, &mut work, |_, last| {
            assert!(last);
            told += 1;
        });
        steps += 1;
        assert!(told - before <= 30_000 / 256 + 1);
        if done {
            break;
        }
    }
    assert_eq!((told, topics.len()), (10_030, 20_000));
    assert!((100..400).contains(&steps), "{steps} steps");
}
