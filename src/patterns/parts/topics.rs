//! Topics: who wants what, at the publisher and at the subscriber (patterns.md 8.1 to 8.3).

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::memory;
use crate::patterns::parts::radix::{Entry, Radix};

/// What became of a topic that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Nobody holds it any more.
    Last,
    /// It is still held.
    Others,
    /// It had not been held.
    Unknown,
}

/// At a publisher: each topic with the pipes that want it, named by their index.
///
/// A pipe's topics form a set: asking twice is as good as once.
#[derive(Debug, Default)]
pub(crate) struct PublisherTopics {
    tree: Radix<Holders>,
    /// What each pipe holds, by its index.
    held: Vec<Held>,
}

/// The topics of one pipe.
#[derive(Debug)]
struct Held {
    count: usize,
    /// What they take, about, as if nobody shared them.
    weight: usize,
    /// Which they are, as long as they are few beside all that there are: who leaves with a few topics has nobody
    /// walk through a million others.
    few: Option<BTreeSet<Box<[u8]>>>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            count: 0,
            weight: 0,
            few: Some(BTreeSet::new()),
        }
    }
}

/// What the topics of a pipe may weigh: some millions of usual length. Further ones are not taken in.
const HELD_LIMIT: usize = 256 * 1024 * 1024;
/// Besides a topic's bytes.
const TOPIC_WEIGHT: usize = 64;
/// Topics of a pipe are few up to this, and a certain part of all.
const FEW: usize = 16;
const PART: usize = 64;

fn weight_of(topic: &[u8]) -> usize {
    TOPIC_WEIGHT + topic.len()
}

impl PublisherTopics {
    /// Adds a topic to a pipe's; true if no pipe had it.
    pub(crate) fn add(&mut self, topic: &[u8], pipe: u32) -> Result<bool> {
        let place = pipe as usize;
        if self.held.len() <= place {
            let more = place + 1 - self.held.len();
            self.held.try_reserve(more).map_err(|_| Error::NoMemory)?;
            self.held.resize_with(place + 1, Held::default);
        }
        let held = &mut self.held[place];
        if held.weight.saturating_add(weight_of(topic)) > HELD_LIMIT {
            return Err(Error::NoMemory);
        }
        let (first, new) = self.tree.insert_with(topic, |holders| {
            let first = holders.is_vacant();
            holders.insert(pipe).map(|new| (first, new))
        })??;
        if new {
            held.count += 1;
            held.weight += weight_of(topic);
            if held.count > FEW + self.tree.len() / PART {
                held.few = None;
            }
            if let Some(few) = &mut held.few {
                match memory::boxed(topic) {
                    Ok(topic) => drop(few.insert(topic)),
                    Err(_) => held.few = None,
                }
            }
        }
        Ok(first)
    }

    /// Takes a topic from a pipe. `Unknown` if this pipe did not hold it.
    pub(crate) fn remove(&mut self, topic: &[u8], pipe: u32) -> Dropped {
        let dropped = self.tree.change(topic, |holders| {
            if !holders.remove(pipe) {
                Dropped::Unknown
            } else if holders.is_vacant() {
                Dropped::Last
            } else {
                Dropped::Others
            }
        });
        let dropped = dropped.unwrap_or(Dropped::Unknown);
        if dropped != Dropped::Unknown
            && let Some(held) = self.held.get_mut(pipe as usize)
        {
            held.count -= 1;
            held.weight -= weight_of(topic);
            if held.count == 0 {
                *held = Held::default();
            } else if let Some(few) = &mut held.few {
                few.remove(topic);
            }
        }
        dropped
    }

    /// Takes all topics from a pipe and tells each, and whether it was the last to hold it. A topic
    /// comes before its extensions, then in byte order.
    pub(crate) fn remove_pipe(&mut self, pipe: u32, mut tell: impl FnMut(&[u8], bool)) {
        let Some(held) = self.held.get_mut(pipe as usize) else {
            return;
        };
        let mut take_back = |topics: &mut Self, topic: &[u8]| {
            let dropped = topics.remove(topic, pipe);
            tell(topic, dropped == Dropped::Last);
        };
        if let Some(few) = held.few.take() {
            few.iter().for_each(|topic| take_back(self, topic));
        }
        // Without memory for all of them they go in parts.
        loop {
            let topics = self.some_of(pipe);
            if topics.is_empty() {
                return;
            }
            topics.iter().for_each(|topic| take_back(self, topic));
        }
    }

    /// All topics of a pipe, or those that there is memory for.
    fn some_of(&self, pipe: u32) -> Vec<Box<[u8]>> {
        let count = self.held.get(pipe as usize).map_or(0, |held| held.count);
        let mut topics = Vec::new();
        if count == 0 {
            return topics;
        }
        // What was visited before memory ran out is as good as what was copied before.
        let _ = self.tree.for_each(|topic, holders| {
            if holders.contains(pipe) {
                let pushed =
                    memory::boxed(topic).and_then(|topic| memory::push(&mut topics, topic));
                if pushed.is_err() || topics.len() == count {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        topics
    }

    /// Names the pipes that want `text`; one that wants it by several topics as often.
    #[inline]
    pub(crate) fn matching(&self, text: &[u8], mut choose: impl FnMut(u32)) {
        let _ = self.tree.prefixes(text, |holders| {
            for &pipe in holders.pipes() {
                choose(pipe);
            }
            ControlFlow::<()>::Continue(())
        });
    }

    /// Number of different topics.
    pub(crate) fn len(&self) -> usize {
        self.tree.len()
    }
}

/// The pipes that hold a topic: mostly one.
#[derive(Debug, Default)]
enum Holders {
    #[default]
    None,
    One(u32),
    /// Sorted; never empty.
    #[expect(clippy::box_collection, reason = "a smaller node is worth the step")]
    Many(Box<Vec<u32>>),
}

impl Entry for Holders {
    fn is_vacant(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Holders {
    /// False if it was there. `NoMemory`: nothing has changed.
    fn insert(&mut self, pipe: u32) -> Result<bool> {
        match self {
            Self::None => *self = Self::One(pipe),
            Self::One(other) if *other == pipe => return Ok(false),
            Self::One(other) => {
                let mut both = Vec::new();
                memory::push(&mut both, *other)?;
                memory::push(&mut both, pipe)?;
                both.sort_unstable();
                *self = Self::Many(Box::new(both));
            }
            Self::Many(pipes) => match pipes.binary_search(&pipe) {
                Ok(_) => return Ok(false),
                Err(place) => {
                    pipes.try_reserve(1).map_err(|_| Error::NoMemory)?;
                    pipes.insert(place, pipe);
                }
            },
        }
        Ok(true)
    }

    /// False if it was not there.
    fn remove(&mut self, pipe: u32) -> bool {
        match self {
            Self::One(other) if *other == pipe => *self = Self::None,
            Self::None | Self::One(_) => return false,
            Self::Many(pipes) => {
                let Ok(place) = pipes.binary_search(&pipe) else {
                    return false;
                };
                pipes.remove(place);
                if let &[last] = &pipes[..] {
                    *self = Self::One(last);
                }
            }
        }
        true
    }

    fn contains(&self, pipe: u32) -> bool {
        match self {
            Self::Many(pipes) => pipes.binary_search(&pipe).is_ok(),
            _ => self.pipes() == [pipe],
        }
    }

    #[inline]
    fn pipes(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(pipe) => std::slice::from_ref(pipe),
            Self::Many(pipes) => pipes,
        }
    }
}

/// At a subscriber: each topic with how often it was asked for.
#[derive(Debug, Default)]
pub(crate) struct SubscriberTopics {
    tree: Radix<Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count(u32);

impl Entry for Count {
    fn is_vacant(&self) -> bool {
        self.0 == 0
    }
}

impl SubscriberTopics {
    /// Asks for a topic once more.
    pub(crate) fn add(&mut self, topic: &[u8]) -> Result<()> {
        self.tree.insert_with(topic, |count| {
            count.0 = count.0.saturating_add(1);
        })
    }

    /// Takes back one request.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> Dropped {
        let dropped = self.tree.change(topic, |count| {
            count.0 -= 1;
            if count.is_vacant() {
                Dropped::Last
            } else {
                Dropped::Others
            }
        });
        dropped.unwrap_or(Dropped::Unknown)
    }

    /// True if a topic is a prefix of `text`.
    #[inline]
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        self.tree
            .prefixes(text, |_| ControlFlow::Break(()))
            .is_break()
    }

    /// Tells each topic once. `NoMemory`: not all of them.
    pub(crate) fn for_each(&self, mut tell: impl FnMut(&[u8])) -> Result<()> {
        self.tree.for_each(|topic, _| {
            tell(topic);
            ControlFlow::Continue(())
        })
    }

    /// Number of different topics.
    pub(crate) fn len(&self) -> usize {
        self.tree.len()
    }
}

#[cfg(test)]
mod tests;
