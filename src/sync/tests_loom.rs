//! Models of the lock: its protocol over a word and a kernel that loom can run.

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::lock::LockWord;

/// A futex: looking at the word and falling asleep are one step for whoever wakes.
struct Futex {
    word: AtomicU32,
    bucket: Mutex<()>,
    sleepers: Condvar,
}

impl Futex {
    fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            bucket: Mutex::new(()),
            sleepers: Condvar::new(),
        }
    }
}

impl LockWord for Futex {
    const SPINS: u32 = 0;

    fn read(&self) -> u32 {
        self.word.load(Ordering::Relaxed)
    }

    fn exchange(&self, from: u32, to: u32, success: Ordering) -> Result<u32, u32> {
        self.word
            .compare_exchange(from, to, success, Ordering::Relaxed)
    }

    fn replace(&self, value: u32, ordering: Ordering) -> u32 {
        self.word.swap(value, ordering)
    }

    fn wait_while(&self, value: u32) {
        let bucket = self.bucket.lock().unwrap();
        if self.read() == value {
            drop(self.sleepers.wait(bucket).unwrap());
        }
    }

    fn wake_one(&self) {
        let bucket = self.bucket.lock().unwrap();
        self.sleepers.notify_one();
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

/// Each of three threads gets the lock, alone.
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
