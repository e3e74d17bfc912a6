//! Deadlines of the objects of one I/O thread.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::io::ObjectId;

/// Deadlines by time. An object asks for an earlier one by adding another entry; entries that an
/// object no longer wants fire idly: it looks at its own deadlines then.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BinaryHeap<Reverse<(Instant, ObjectId)>>,
}

impl Timers {
    pub(crate) fn add(&mut self, at: Instant, object: ObjectId) {
        self.entries.push(Reverse((at, object)));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an object whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, ObjectId)> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| entry)
    }
}
