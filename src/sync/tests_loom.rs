//! Models of the lock: its protocol over words that loom watches.

use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;

use super::lock::LockWords;

/// Words whose sleepers come back at once: a model has no time. What they wait for is theirs to look at.
struct Words {
    state: AtomicU32,
    sleepers: AtomicBool,
}

impl LockWords for Words {
    const SPINS: u32 = 0;

    fn read(&self) -> u32 {
        self.state.load(Ordering::Relaxed)
    }

    fn try_acquire(&self) -> bool {
        self.state
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn set_free(&self) {
        // Loom would let a thread that waits read what a plain store has replaced, for ever.
        self.state.swap(0, Ordering::Release);
    }

    fn announce_sleeper(&self) {
        self.sleepers.swap(true, Ordering::SeqCst);
    }

    fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed)
    }

    fn take_sleepers(&self) -> bool {
        self.sleepers.swap(false, Ordering::Relaxed)
    }

    fn wait_while(&self, _state: u32, _timeout: Duration) {
        thread::yield_now();
    }

    fn wake_one(&self) {}
}

struct Guarded {
    lock: Words,
    value: UnsafeCell<u32>,
}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: Words {
                state: AtomicU32::new(0),
                sleepers: AtomicBool::new(false),
            },
            value: UnsafeCell::new(0),
        })
    }

    fn add(&self) {
        self.lock.acquire();
        self.add_and_release();
    }

    /// The lock is held.
    fn add_and_release(&self) {
        self.bump();
        self.lock.release();
    }

    #[expect(unsafe_code, reason = "loom's cell finds whether the lock excludes")]
    fn bump(&self) {
        self.value.with_mut(|value| {
            // SAFETY: the lock is held; loom panics before this if it does not exclude.
            unsafe { *value += 1 };
        });
    }
}

/// Runs each turn in a thread of its own, none in the main thread: loom remembers only the last access to
/// each object, and from there finds more orders this way.
fn race(turns: Vec<fn(&Guarded)>) {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let guarded = Guarded::new();
        let start = |turn: &fn(&Guarded)| {
            let (guarded, turn) = (Arc::clone(&guarded), *turn);
            thread::spawn(move || turn(&guarded))
        };
        let threads: Vec<_> = turns.iter().map(start).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        guarded.add();
    });
}

/// Each of two threads gets the lock, alone, and so does who comes afterwards.
#[test]
fn loom_lock_excludes() {
    race(vec![Guarded::add, Guarded::add]);
}

/// A thread that only tries, beside one that waits.
#[test]
fn loom_lock_is_tried() {
    let tries = |guarded: &Guarded| {
        if guarded.lock.try_acquire() {
            guarded.add_and_release();
        }
        guarded.add();
    };
    race(vec![Guarded::add, tries]);
}
