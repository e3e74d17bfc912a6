//! Models of the lock: its protocol over words and a kernel that loom can run.

use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::lock::LockWords;

/// Words and a kernel. Sleepers do not come back by themselves here: all that the protocol leaves to the timeout is a
/// state that is seen late, which the fences exclude.
struct Futex {
    state: AtomicU32,
    sleepers: AtomicBool,
    bucket: Mutex<()>,
    asleep: Condvar,
}

impl Futex {
    fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            sleepers: AtomicBool::new(false),
            bucket: Mutex::new(()),
            asleep: Condvar::new(),
        }
    }
}

impl LockWords for Futex {
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
        // Mixed with read-modify-writes, a plain store gives loom false deadlocks.
        self.state.swap(0, Ordering::Release);
    }

    fn announce_sleeper(&self) {
        self.sleepers.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    fn has_sleepers(&self) -> bool {
        fence(Ordering::SeqCst);
        self.sleepers.load(Ordering::Relaxed)
    }

    fn take_sleepers(&self) -> bool {
        self.sleepers.swap(false, Ordering::Relaxed)
    }

    fn sleep(&self, _timeout: Duration) -> bool {
        let bucket = self.bucket.lock().unwrap();
        if self.sleepers.load(Ordering::Relaxed) {
            drop(self.asleep.wait(bucket).unwrap());
        }
        false
    }

    fn wake_one(&self) {
        let bucket = self.bucket.lock().unwrap();
        self.asleep.notify_one();
        drop(bucket);
    }
}

struct Guarded {
    lock: Futex,
    value: UnsafeCell<u32>,
}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: Futex::new(),
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

/// Each of three threads gets the lock, alone: who is woken wakes the next one.
#[test]
fn loom_lock_excludes_and_wakes() {
    race(vec![Guarded::add, Guarded::add, Guarded::add]);
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
