//! Back-pressure of one direction: the writer counts messages written, the reader reports messages
//! read in low-water steps (contract: queues.md section 2).

#![forbid(unsafe_code)]

use crate::sync::atomic::{AtomicI32, AtomicU64, Ordering, fence};

/// A reader limit that takes no part in the sum: the far end is a connection.
pub(crate) const NOT_COUNTED: i32 = -1;

/// The shared half of one direction's credit.
#[derive(Debug)]
pub(crate) struct Credit {
    /// Messages the reader has told the writer about.
    reported: AtomicU64,
    /// The limit at which the writer found no room, and waits to be woken; 0 = it does not wait. Only ever
    /// swapped.
    full: AtomicU64,
    /// The writer's high-water mark; 0 = unlimited.
    writer_limit: AtomicI32,
    /// The reader's high-water mark, added to the writer's; 0 = unlimited, or [`NOT_COUNTED`].
    reader_limit: AtomicI32,
}

impl Credit {
    pub(crate) fn new(writer_limit: i32, reader_limit: i32) -> Self {
        Self {
            reported: AtomicU64::new(0),
            full: AtomicU64::new(0),
            writer_limit: AtomicI32::new(writer_limit),
            reader_limit: AtomicI32::new(reader_limit),
        }
    }

    /// The limit in messages; 0 = unlimited.
    #[inline(always)]
    pub(crate) fn limit(&self) -> u64 {
        let limits = (
            self.writer_limit.load(Ordering::Relaxed),
            self.reader_limit.load(Ordering::Relaxed),
        );
        match limits {
            (0, _) | (_, 0) => 0,
            (NOT_COUNTED, NOT_COUNTED) => 0,
            (one, NOT_COUNTED) | (NOT_COUNTED, one) => u64::from(one.unsigned_abs()),
            (one, other) => u64::from(one.unsigned_abs()) + u64::from(other.unsigned_abs()),
        }
    }

    /// Messages reported as read, as the writer sees it.
    pub(crate) fn reported(&self) -> u64 {
        self.reported.load(Ordering::Acquire)
    }

    /// Called by the writer who found the pipe full at this limit: from now on a report wakes it. The caller
    /// looks at [`Self::reported`] and [`Self::limit`] once more afterwards.
    pub(crate) fn announce_full(&self, limit: u64) {
        self.full.swap(limit.max(1), Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Called by the writer who found room after all.
    pub(crate) fn withdraw_full(&self) {
        self.full.swap(0, Ordering::Relaxed);
    }

    /// The limit at which the writer waits, if that was less than `limit` (0 = unlimited): it may have written
    /// less than that allows.
    pub(crate) fn full_below(&self, limit: u64) -> Option<u64> {
        let full = self.full.load(Ordering::Relaxed);
        (full != 0 && (limit == 0 || full < limit)).then_some(full)
    }

    /// Reports `read` messages; true if the writer waits for it and has to be woken.
    pub(crate) fn report(&self, read: u64) -> bool {
        self.reported.store(read, Ordering::Release);
        fence(Ordering::SeqCst);
        self.full.load(Ordering::Relaxed) != 0 && self.full.swap(0, Ordering::Relaxed) != 0
    }

    pub(crate) fn set_writer_limit(&self, limit: i32) {
        self.writer_limit.swap(limit, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn set_reader_limit(&self, limit: i32) {
        self.reader_limit.swap(limit, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Clears "full" and says whether the writer had been waiting (a parked connect that is bound).
    pub(crate) fn take_full(&self) -> bool {
        fence(Ordering::SeqCst);
        self.full.swap(0, Ordering::AcqRel) != 0
    }
}

/// The step in which a reader reports: (limit + 1) / 2; 0 = never (unlimited).
pub(crate) fn low_water_step(limit: u64) -> u64 {
    limit.div_ceil(2)
}
