//! Topics: who wants what, at the publisher and at the subscriber (patterns.md 8.1 to 8.3).

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::memory;
use crate::patterns::parts::radix::Radix;

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
    /// Their numbers are [`Holders`].
    tree: Radix,
    sets: Sets,
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

/// How much is left to be done at once: in bytes, about, with what besides a topic's bytes takes as long.
#[derive(Debug)]
pub(crate) struct Work(usize);

impl Work {
    /// Taking a topic in, or out.
    const TOPIC: usize = 256;
    /// Passing by one.
    const VISIT: usize = 32;
    /// About a tenth of a millisecond: whoever the publisher serves besides waits as long.
    pub(crate) const STEP: usize = 64 * 1024;

    pub(crate) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// What taking in a topic of this length costs.
    pub(crate) fn of_topic(length: usize) -> usize {
        length.saturating_add(Self::TOPIC)
    }

    fn is_done(&self) -> bool {
        self.0 == 0
    }

    fn note_topic(&mut self, topic: &[u8]) {
        self.0 = self.0.saturating_sub(Self::of_topic(topic.len()));
    }

    fn note_visit(&mut self, topic: &[u8]) {
        self.0 = self.0.saturating_sub(Self::VISIT + topic.len());
    }
}

/// How far the departure of a pipe is.
#[derive(Debug, Default)]
pub(crate) struct Departure {
    /// It holds none of the topics up to this one.
    passed: Option<Box<[u8]>>,
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
        let one = Holders::One(pipe).number().ok_or(Error::NoMemory)?;
        let (first, new) = match self.tree.insert(topic, one)? {
            None => (true, true),
            Some(present) => (
                false,
                self.sets.insert(&mut self.tree, topic, present, pipe)?,
            ),
        };
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
        let present = self.tree.get(topic);
        let dropped = self.sets.remove(&mut self.tree, topic, present, pipe);
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

    /// Takes topics from a pipe, as far as `work` lasts, and tells each, and whether it was the last to hold it. A topic
    /// comes before its extensions, then in byte order. True if the pipe holds none any more; else it is to be called
    /// again with the same `departure`, and the pipe gets no topics meanwhile.
    pub(crate) fn remove_some(
        &mut self,
        pipe: u32,
        departure: &mut Departure,
        work: &mut Work,
        mut tell: impl FnMut(&[u8], bool),
    ) -> bool {
        while !work.is_done() {
            let some = self.some_of(pipe, departure, work);
            for topic in &some {
                let dropped = self.remove(topic, pipe);
                tell(topic, dropped == Dropped::Last);
            }
            if self.count_of(pipe) == 0 {
                return true;
            }
            if some.is_empty() {
                // Without memory: later.
                break;
            }
        }
        self.count_of(pipe) == 0
    }

    /// As [`Self::remove_some`] to the end, in many steps.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn remove_pipe(&mut self, pipe: u32, mut tell: impl FnMut(&[u8], bool)) {
        let mut departure = Departure::default();
        while !self.remove_some(pipe, &mut departure, &mut Work::new(300), &mut tell) {}
    }

    fn count_of(&self, pipe: u32) -> usize {
        self.held.get(pipe as usize).map_or(0, |held| held.count)
    }

    /// What the topics of a pipe take, about, as if nobody shared them.
    pub(crate) fn weight_of(&self, pipe: u32) -> usize {
        self.held.get(pipe as usize).map_or(0, |held| held.weight)
    }

    /// The next topics of a pipe that departs: as many as work and memory allow.
    fn some_of(&mut self, pipe: u32, departure: &mut Departure, work: &mut Work) -> Vec<Box<[u8]>> {
        let count = self.count_of(pipe);
        let mut topics = Vec::new();
        if count == 0 {
            return topics;
        }
        if let Some(few) = self
            .held
            .get_mut(pipe as usize)
            .and_then(|held| held.few.as_mut())
        {
            while !work.is_done()
                && topics.try_reserve(1).is_ok()
                && let Some(topic) = few.pop_first()
            {
                work.note_topic(&topic);
                topics.push(topic);
            }
            return topics;
        }
        // What was visited before memory ran out is as good as what was copied before.
        let mut last = None;
        let _ = self
            .tree
            .for_each_after(departure.passed.as_deref(), |topic, holders| {
                work.note_visit(topic);
                if self.sets.contains(holders, pipe) {
                    let pushed =
                        memory::boxed(topic).and_then(|topic| memory::push(&mut topics, topic));
                    if pushed.is_err() {
                        return ControlFlow::Break(());
                    }
                    work.note_topic(topic);
                }
                if topics.len() == count || work.is_done() {
                    last = memory::boxed(topic).ok();
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
        if last.is_some() {
            departure.passed = last;
        }
        topics
    }

    /// Names the pipes that want `text`; one that wants it by several topics as often.
    #[inline]
    pub(crate) fn matching(&self, text: &[u8], mut choose: impl FnMut(u32)) {
        let _ = self.tree.prefixes(text, |holders| {
            match Holders::of(holders) {
                Holders::None => {}
                Holders::One(pipe) => choose(pipe),
                Holders::Many(set) => self.sets.get(set).iter().for_each(|&pipe| choose(pipe)),
            }
            ControlFlow::<()>::Continue(())
        });
    }

    /// Number of different topics.
    pub(crate) fn len(&self) -> usize {
        self.tree.len()
    }
}

/// The pipes that hold a topic, as a number in the tree: mostly one.
#[derive(Clone, Copy, Debug)]
enum Holders {
    /// 0.
    None,
    /// Its index and 1.
    One(u32),
    /// The index of a set, and [`MANY`].
    Many(u32),
}

const MANY: u32 = 1 << 31;

impl Holders {
    #[inline]
    fn of(number: u32) -> Self {
        match number {
            0 => Self::None,
            set if set & MANY != 0 => Self::Many(set & !MANY),
            pipe => Self::One(pipe - 1),
        }
    }

    /// `None` if the index is out of range.
    fn number(self) -> Option<u32> {
        match self {
            Self::None => Some(0),
            Self::One(pipe) => pipe.checked_add(1).filter(|number| number & MANY == 0),
            Self::Many(set) => (set & MANY == 0).then_some(set | MANY),
        }
    }
}

/// The sets of pipes of topics that several hold: sorted, two at least.
#[derive(Debug, Default)]
struct Sets {
    sets: Vec<Vec<u32>>,
    free: Vec<u32>,
}

impl Sets {
    #[inline]
    fn get(&self, set: u32) -> &[u32] {
        self.sets.get(set as usize).map_or(&[], |set| &set[..])
    }

    fn contains(&self, holders: u32, pipe: u32) -> bool {
        match Holders::of(holders) {
            Holders::None => false,
            Holders::One(one) => one == pipe,
            Holders::Many(set) => self.get(set).binary_search(&pipe).is_ok(),
        }
    }

    /// Adds a pipe to the holders of a topic that is there. False if it was there. `NoMemory`: nothing has changed.
    fn insert(&mut self, tree: &mut Radix, topic: &[u8], holders: u32, pipe: u32) -> Result<bool> {
        match Holders::of(holders) {
            Holders::None => return Ok(false),
            Holders::One(other) if other == pipe => return Ok(false),
            Holders::One(other) => {
                let set = self.add(other.min(pipe), other.max(pipe))?;
                let number = Holders::Many(set).number().ok_or(Error::NoMemory);
                let placed = number.and_then(|number| tree.set(topic, number));
                placed.inspect_err(|_| self.give_back(set))?;
            }
            Holders::Many(set) => {
                let Some(pipes) = self.sets.get_mut(set as usize) else {
                    return Ok(false);
                };
                let Err(place) = pipes.binary_search(&pipe) else {
                    return Ok(false);
                };
                pipes.try_reserve(1).map_err(|_| Error::NoMemory)?;
                pipes.insert(place, pipe);
            }
        }
        Ok(true)
    }

    fn remove(&mut self, tree: &mut Radix, topic: &[u8], holders: u32, pipe: u32) -> Dropped {
        match Holders::of(holders) {
            Holders::One(one) if one == pipe => {
                tree.remove(topic);
                return Dropped::Last;
            }
            Holders::None | Holders::One(_) => return Dropped::Unknown,
            Holders::Many(set) => {
                let Some(pipes) = self.sets.get_mut(set as usize) else {
                    return Dropped::Unknown;
                };
                let Ok(place) = pipes.binary_search(&pipe) else {
                    return Dropped::Unknown;
                };
                pipes.remove(place);
                if let &[last] = &pipes[..]
                    && let Some(one) = Holders::One(last).number()
                    // Never fails: it is not larger.
                    && tree.set(topic, one).is_ok()
                {
                    self.give_back(set);
                }
            }
        }
        Dropped::Others
    }

    fn add(&mut self, one: u32, other: u32) -> Result<u32> {
        let mut pipes = Vec::new();
        memory::push(&mut pipes, one)?;
        memory::push(&mut pipes, other)?;
        if let Some(set) = self.free.pop() {
            self.sets[set as usize] = pipes;
            return Ok(set);
        }
        let set = u32::try_from(self.sets.len()).map_err(|_| Error::NoMemory)?;
        // A set that is given back needs no memory.
        self.free
            .try_reserve(self.sets.len() + 1)
            .map_err(|_| Error::NoMemory)?;
        memory::push(&mut self.sets, pipes)?;
        Ok(set)
    }

    fn give_back(&mut self, set: u32) {
        self.sets[set as usize] = Vec::new();
        self.free.push(set);
        if self.free.len() == self.sets.len() {
            *self = Self::default();
        }
    }
}

/// At a subscriber: each topic with how often it was asked for.
#[derive(Debug, Default)]
pub(crate) struct SubscriberTopics {
    /// Its numbers are the counts.
    tree: Radix,
}

impl SubscriberTopics {
    /// Asks for a topic once more.
    pub(crate) fn add(&mut self, topic: &[u8]) -> Result<()> {
        match self.tree.insert(topic, 1)? {
            None => Ok(()),
            Some(count) => self.tree.set(topic, count.saturating_add(1)),
        }
    }

    /// Takes back one request.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> Dropped {
        match self.tree.get(topic) {
            0 => Dropped::Unknown,
            1 => {
                self.tree.remove(topic);
                Dropped::Last
            }
            count => {
                // Never fails: it is smaller.
                let _ = self.tree.set(topic, count - 1);
                Dropped::Others
            }
        }
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
