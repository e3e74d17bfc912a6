//! Deadlines of the objects of one I/O thread.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::Instant;

use crate::io::ObjectId;

/// Deadlines by time, at most one of each object: what peers do adds none that outlives them. A deadline that an object
/// no longer wants fires idly: it looks at its own then.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeSet<(Instant, ObjectId)>,
}

impl Timers {
    /// Sets an object's deadline; `armed`: the one that it has, if any.
    pub(crate) fn set(&mut self, at: Instant, object: ObjectId, armed: Option<Instant>) {
        self.remove(armed, object);
        self.entries.insert((at, object));
    }

    /// Forgets an object, which is armed for this.
    pub(crate) fn remove(&mut self, armed: Option<Instant>, object: ObjectId) {
        if let Some(at) = armed {
            self.entries.remove(&(at, object));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// Takes an object whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, ObjectId)> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timers;
    use crate::clock;
    use crate::io::ObjectId;

    /// However often a deadline moves, there is one entry, and none when the object has gone.
    #[test]
    fn an_object_has_one_entry() {
        let mut timers = Timers::default();
        let (now, object, other) = (clock::now(), ObjectId::new(), ObjectId::new());
        let mut armed = None;
        for step in (0..1000).rev() {
            let at = now + Duration::from_millis(step);
            timers.set(at, object, armed);
            armed = Some(at);
        }
        assert_eq!(timers.entries.len(), 1);
        timers.set(now, other, None);
        assert_eq!(timers.next(), Some(now));
        timers.remove(armed, object);
        assert_eq!(timers.pop_due(now), Some((now, other)));
        assert_eq!(timers.pop_due(now + Duration::from_secs(10)), None);
    }
}
