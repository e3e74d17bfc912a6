//! A target for the sets of topics; see `crate::fuzz`.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Dropped, PublisherTopics, SubscriberTopics};
use crate::fuzz::Input;

/// Each step is a byte that says what happens and to which of 8 pipes, and a topic. Letters of a topic come
/// as they are, or repeated: so that it has many branches, or long ones.
pub(crate) fn topics(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Both::default();
    while !input.is_empty() {
        let choice = input.byte();
        let pipe = u32::from(choice & 7);
        let topic = match choice >> 6 {
            0 => input.bytes().to_vec(),
            1 => input.take(1).repeat(usize::from(input.byte())),
            // What is held already, whole or cut, and with one more byte.
            held => pair.near_held(input.byte(), held == 2, input.byte()),
        };
        match choice >> 3 & 7 {
            0 => pair.remove_pipe(pipe),
            1..=4 => pair.add(topic, pipe),
            _ => pair.remove(&topic, pipe),
        }
    }
    pair.ends();
}

/// The sets, and maps that hold the same.
#[derive(Default)]
struct Both {
    publisher: PublisherTopics,
    subscriber: SubscriberTopics,
    holders: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    counts: BTreeMap<Vec<u8>, u32>,
}

impl Both {
    fn near_held(&self, which: u8, whole: bool, byte: u8) -> Vec<u8> {
        let at = usize::from(which) % self.holders.len().max(1);
        let mut topic = self.holders.keys().nth(at).cloned().unwrap_or_default();
        if !whole {
            topic.truncate(usize::from(byte) % (topic.len() + 1));
            topic.push(byte);
        }
        topic
    }

    fn add(&mut self, topic: Vec<u8>, pipe: u32) {
        self.subscriber.add(&topic).expect("memory");
        *self.counts.entry(topic.clone()).or_default() += 1;
        let first = !self.holders.contains_key(&topic);
        assert_eq!(self.publisher.add(&topic, pipe), Ok(first));
        self.holders.entry(topic.clone()).or_default().insert(pipe);
        self.matches(&topic);
    }

    fn remove(&mut self, topic: &[u8], pipe: u32) {
        let expected = match self.counts.get_mut(topic) {
            None => Dropped::Unknown,
            Some(1) => Dropped::Last,
            Some(count) => {
                *count -= 1;
                Dropped::Others
            }
        };
        if expected == Dropped::Last {
            self.counts.remove(topic);
        }
        assert_eq!(self.subscriber.remove(topic), expected);

        let held = self.holders.get_mut(topic);
        let left = held.and_then(|pipes| pipes.remove(&pipe).then_some(pipes.len()));
        let expected = match left {
            None => Dropped::Unknown,
            Some(0) => Dropped::Last,
            Some(_) => Dropped::Others,
        };
        if expected == Dropped::Last {
            self.holders.remove(topic);
        }
        assert_eq!(self.publisher.remove(topic, pipe), expected);
        self.matches(topic);
    }

    fn remove_pipe(&mut self, pipe: u32) {
        let mut told = Vec::new();
        self.publisher
            .remove_pipe(pipe, |topic, last| told.push((topic.to_vec(), last)));
        let mut expected = Vec::new();
        self.holders.retain(|topic, pipes| {
            if pipes.remove(&pipe) {
                expected.push((topic.clone(), pipes.is_empty()));
            }
            !pipes.is_empty()
        });
        // The map's order is the promised one.
        assert_eq!(told, expected);
    }

    /// Who gets a message of this text, and one that is a byte longer.
    fn matches(&self, text: &[u8]) {
        let longer = [text, b"!"].concat();
        for text in [text, &longer] {
            let mut chosen = Vec::new();
            self.publisher.matching(text, |pipe| chosen.push(pipe));
            // A pipe once for each of its topics; shorter ones come first.
            let prefixes = self
                .holders
                .iter()
                .filter(|(topic, _)| text.starts_with(topic));
            assert!(prefixes.flat_map(|(_, pipes)| pipes).eq(&chosen));
            let wanted = self.counts.keys().any(|topic| text.starts_with(topic));
            assert_eq!(self.subscriber.matches(text), wanted);
        }
        assert_eq!(self.publisher.len(), self.holders.len());
        assert_eq!(self.subscriber.len(), self.counts.len());
    }

    /// What is left, and that it goes.
    fn ends(mut self) {
        let mut all = Vec::new();
        let told = self.subscriber.for_each(|topic| all.push(topic.to_vec()));
        assert_eq!(told, Ok(()));
        assert!(all.iter().eq(self.counts.keys()));
        for pipe in 0..8 {
            self.remove_pipe(pipe);
        }
        assert_eq!(self.publisher.len(), 0);
    }
}
