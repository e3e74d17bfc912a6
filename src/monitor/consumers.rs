//! Who gets the events of a monitor, by its socket type, and what waits until somebody does.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::memory::ShortBytes;
use crate::pipe::queue::Special;
use crate::pipe::{Head, Outgoing, PipeEnd};

/// Events kept while there is no audience, and at most waiting for a consumer: the default high-water mark.
const BACKLOG: i32 = 1000;

/// The socket types that a monitor can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One consumer.
    Pair,
    /// Each consumer gets what it has subscribed to.
    Pub,
    /// Consumers take turns.
    Push,
}

impl Kind {
    /// By the number given to zmq_socket_monitor_versioned. `Invalid` for another type.
    pub(crate) fn find(socket_type: i32) -> Result<Self> {
        match socket_type {
            c::ZMQ_PAIR => Ok(Self::Pair),
            c::ZMQ_PUB => Ok(Self::Pub),
            c::ZMQ_PUSH => Ok(Self::Push),
            _ => Err(Error::Invalid),
        }
    }
}

/// One event as it is sent.
pub(super) type Frames = Vec<Vec<u8>>;

/// See the module.
#[derive(Debug)]
pub(super) struct Consumers {
    kind: Kind,
    list: Vec<Consumer>,
    /// Oldest first.
    backlog: VecDeque<Frames>,
    /// Whose turn it is (PUSH).
    next: usize,
}

#[derive(Debug)]
struct Consumer {
    end: PipeEnd,
    /// It takes events: at once, or (PUB) since it first subscribed to something.
    listens: bool,
    /// What it has subscribed to, as often as it did (PUB).
    topics: Vec<ShortBytes>,
}

impl Consumers {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            list: Vec::new(),
            backlog: VecDeque::new(),
            next: 0,
        }
    }

    /// Takes in a consumer. A second one of a PAIR is refused.
    pub(super) fn add(&mut self, mut end: PipeEnd) {
        self.forget_departed();
        if self.kind == Kind::Pair && !self.list.is_empty() {
            end.abort();
            return;
        }
        end.join_limits(BACKLOG, BACKLOG);
        self.list.push(Consumer {
            end,
            listens: self.kind != Kind::Pub,
            topics: Vec::new(),
        });
        self.listen();
    }

    /// Takes in what consumers said. An audience gets the backlog.
    pub(super) fn listen(&mut self) {
        self.forget_departed();
        for consumer in &mut self.list {
            consumer.listen();
        }
        if self.has_audience() {
            for frames in std::mem::take(&mut self.backlog) {
                self.send_now(&frames);
            }
        }
    }

    /// Sends an event, or keeps it for who comes later; drops it where there is no room.
    pub(super) fn send(&mut self, frames: Frames) {
        self.listen();
        if self.has_audience() {
            self.send_now(&frames);
        } else if self.backlog.len() < BACKLOG.unsigned_abs() as usize {
            self.backlog.push_back(frames);
        }
    }

    /// Sends the event that is the last one. It comes whether there is room or not: consumers end with it.
    pub(super) fn send_last(&mut self, frames: &Frames) {
        self.listen();
        match self.kind {
            Kind::Pair | Kind::Push => {
                if !self.send_to_next(frames)
                    && let Some(first) = self.list.first_mut()
                {
                    first.append(frames);
                }
            }
            Kind::Pub => {
                let wanted = |consumer: &&mut Consumer| consumer.wants(frames);
                for consumer in self.list.iter_mut().filter(wanted) {
                    consumer.append(frames);
                }
            }
        }
    }

    /// Takes leave: what was sent stays readable.
    pub(super) fn leave(&mut self) {
        for mut consumer in self.list.drain(..) {
            consumer.end.leave();
        }
    }

    fn has_audience(&self) -> bool {
        self.list.iter().any(|consumer| consumer.listens)
    }

    fn forget_departed(&mut self) {
        self.list.retain(|consumer| !consumer.end.is_write_closed());
    }

    fn send_now(&mut self, frames: &Frames) {
        match self.kind {
            Kind::Pair | Kind::Push => {
                self.send_to_next(frames);
            }
            Kind::Pub => {
                let wanted = |consumer: &&mut Consumer| consumer.wants(frames);
                for consumer in self.list.iter_mut().filter(wanted) {
                    consumer.write(frames);
                }
            }
        }
    }

    /// To the first one with room, beginning with whose turn it is. False if there is none.
    fn send_to_next(&mut self, frames: &Frames) -> bool {
        let turn = self.next.min(self.list.len());
        let (later, first) = self.list.split_at_mut(turn);
        let turns = first
            .iter_mut()
            .zip(turn..)
            .chain(later.iter_mut().zip(0..));
        for (consumer, at) in turns {
            if consumer.write(frames) {
                self.next = at + 1;
                return true;
            }
        }
        false
    }
}

impl Consumer {
    /// Reads subscriptions. Messages to a monitor mean nothing.
    fn listen(&mut self) {
        loop {
            match self.end.head() {
                Head::Empty => return,
                Head::Frame => {
                    self.end.skip();
                }
                Head::Special => {
                    if let Some(Special::Subscription { subscribe, topic }) =
                        self.end.take_special()
                    {
                        self.change_topic(subscribe, topic);
                    }
                }
            }
        }
    }

    fn change_topic(&mut self, subscribe: bool, topic: ShortBytes) {
        if subscribe {
            self.listens = true;
            self.topics.push(topic);
        } else if let Some(at) = self.topics.iter().position(|own| *own == topic) {
            self.topics.swap_remove(at);
        }
    }

    fn wants(&self, frames: &Frames) -> bool {
        let first = frames.first().map(Vec::as_slice).unwrap_or_default();
        self.topics.iter().any(|topic| first.starts_with(topic))
    }

    /// False if it has no room, or is gone.
    fn write(&mut self, frames: &Frames) -> bool {
        if !self.end.can_write() {
            // Looked at again with the next event.
            self.end.noticed_writable();
            return false;
        }
        self.append(frames)
    }

    /// Beyond its limit if need be. False if memory ran out.
    fn append(&mut self, frames: &Frames) -> bool {
        let last = frames.len().saturating_sub(1);
        for (at, frame) in frames.iter().enumerate() {
            let more = at < last;
            let mut frame = Outgoing::from_bytes(frame, more);
            if self.end.write(&mut frame, more).is_err() {
                self.end.rollback();
                return false;
            }
        }
        true
    }
}
