//! The timers of zmq_timers_*: what is due when. Plain data: the caller brings the time, and calls
//! the handlers.
//!
//! Called by `ffi` alone. It must not know what a handler is, nor read the clock.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

#[cfg(test)]
mod tests;

/// A set of repeating timers, each with a handler of type `H`.
#[derive(Debug)]
pub(crate) struct Timers<H> {
    /// In the order in which they run.
    queue: BTreeMap<Key, Timer<H>>,
    /// Where a timer stands in `queue`, by its id; also those cancelled and not yet purged.
    places: HashMap<i32, Key>,
    last_id: i32,
    /// Grows with each insertion into `queue`, so that timers with one deadline run in that order.
    inserted: u64,
}

type Key = (Instant, u64);

#[derive(Debug)]
struct Timer<H> {
    id: i32,
    interval: u64,
    handler: H,
    cancelled: bool,
}

/// One pass over the due timers, see [`Timers::begin_execute`].
#[derive(Debug)]
pub(crate) struct Execution {
    now: Instant,
    /// Timers from here on were inserted during the pass: not before the next one.
    end: Key,
}

impl<H: Clone> Timers<H> {
    pub(crate) fn new() -> Self {
        Self {
            queue: BTreeMap::new(),
            places: HashMap::new(),
            last_id: 0,
            inserted: 0,
        }
    }

    /// Adds a timer that runs every `interval` ms and returns its id. Ids count up from 1.
    pub(crate) fn add(&mut self, now: Instant, interval: u64, handler: H) -> i32 {
        loop {
            // After 2^31 timers the ids begin anew.
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.places.contains_key(&self.last_id) {
                break;
            }
        }
        let id = self.last_id;
        let timer = Timer {
            id,
            interval,
            handler,
            cancelled: false,
        };
        self.insert(now, timer);
        id
    }

    /// Ends a timer. Errors: `Invalid`, there is none with this id, or it was cancelled before.
    pub(crate) fn cancel(&mut self, id: i32) -> Result<()> {
        let timer = self
            .places
            .get(&id)
            .and_then(|place| self.queue.get_mut(place))
            .filter(|timer| !timer.cancelled)
            .ok_or(Error::Invalid)?;
        // It stays in its place until that comes up: till then the other calls accept its id.
        timer.cancelled = true;
        Ok(())
    }

    /// Gives a timer another interval in ms, which begins now. A cancelled one stays cancelled.
    /// Errors: `Invalid`, there is none with this id.
    pub(crate) fn set_interval(&mut self, now: Instant, id: i32, interval: u64) -> Result<()> {
        let mut timer = self.take(id)?;
        timer.interval = interval;
        self.insert(now, timer);
        Ok(())
    }

    /// Begins a timer's interval anew. Otherwise as [`Timers::set_interval`].
    pub(crate) fn reset(&mut self, now: Instant, id: i32) -> Result<()> {
        let timer = self.take(id)?;
        self.insert(now, timer);
        Ok(())
    }

    /// Time until the next timer is due, in ms, rounded up so that it is due then; `None` without
    /// timers.
    pub(crate) fn timeout(&mut self, now: Instant) -> Option<u64> {
        self.purge();
        let ((deadline, _), _) = self.queue.first_key_value()?;
        let left = deadline.saturating_duration_since(now);
        let millis = left.as_nanos().div_ceil(1_000_000);
        Some(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Begins a pass over the timers that are due at `now`. The caller takes one after the other with
    /// [`Timers::next_due`] and calls its handler in between, which may change the timers at will.
    pub(crate) fn begin_execute(&self, now: Instant) -> Execution {
        Execution {
            now,
            end: (now, self.inserted),
        }
    }

    /// The next due timer, which begins its interval anew at the time of the pass. Each runs at most
    /// once in a pass; those that a handler adds, resets or changes wait for the next one.
    pub(crate) fn next_due(&mut self, execution: &Execution) -> Option<(i32, H)> {
        self.purge();
        let first = self.queue.first_entry()?;
        if *first.key() >= execution.end {
            return None;
        }
        let timer = first.remove();
        let due = (timer.id, timer.handler.clone());
        self.insert(execution.now, timer);
        Some(due)
    }

    /// Forgets cancelled timers that stand before all live ones.
    fn purge(&mut self) {
        while let Some(first) = self.queue.first_entry()
            && first.get().cancelled
        {
            let timer = first.remove();
            self.places.remove(&timer.id);
        }
    }

    fn take(&mut self, id: i32) -> Result<Timer<H>> {
        let place = self.places.get(&id).ok_or(Error::Invalid)?;
        self.queue.remove(place).ok_or(Error::Invalid)
    }

    fn insert(&mut self, now: Instant, timer: Timer<H>) {
        let key = (after(now, timer.interval), self.inserted);
        self.inserted += 1;
        self.places.insert(timer.id, key);
        self.queue.insert(key, timer);
    }
}

/// Any interval is legal: one beyond the clock's range ends in a hundred years.
fn after(now: Instant, interval: u64) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(Duration::from_millis(interval))
        .or_else(|| now.checked_add(NEVER))
        .unwrap_or(now)
}
