//! Who has read by itself waits until the I/O thread has taken in what came before.
//!
//! [`crate::io::direct`] says for what. The thread counts its looks at the kernel ([`Looks::begin`], [`Looks::end`]: both
//! per round, not per message); who waits asks whether the first one is over that began afterwards ([`Looks::after`]).

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

/// What an I/O thread has looked at, and who waits for it.
#[derive(Debug)]
pub(super) struct Looks {
    /// How often the thread has begun to look at what the kernel has, and how often it was through with what it found: odd
    /// in between. Only the thread writes it.
    count: AtomicU32,
    /// Threads that wait.
    awaited: AtomicUsize,
    /// Those of them that sleep.
    sleeping: AtomicUsize,
    /// What they sleep on: another one when there may be nothing to wait for any more.
    word: AtomicU32,
}

/// The end of the first look that begins after some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookAfter {
    before: u32,
    steps: u32,
}

impl Looks {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            awaited: AtomicUsize::new(0),
            sleeping: AtomicUsize::new(0),
            word: AtomicU32::new(0),
        }
    }

    /// The thread is about to take what the kernel has. A look that one call of the kernel was not enough for goes on.
    pub(super) fn begin(&self) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count | 1, Ordering::Release);
        // Seen before the kernel is asked: who finds the count as it was before has what came before it looked at, too.
        fence(Ordering::SeqCst);
    }

    /// The thread is through with what it found. Whoever falls asleep meanwhile is stirred.
    pub(super) fn end(&self) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.wrapping_add(1), Ordering::Release);
        fence(Ordering::SeqCst);
        self.stir();
    }

    /// Those who sleep look again: a look has ended, the thread falls asleep, or it has ended itself. `fence(SeqCst)` has
    /// come between that and this: who falls asleep does the same in the other order.
    #[cfg(not(loom))]
    pub(super) fn stir(&self) {
        if self.sleeping.load(Ordering::Relaxed) > 0 {
            self.word.fetch_add(1, Ordering::Release);
            crate::sync::futex::wake_all(&self.word);
        }
    }

    #[cfg(loom)]
    pub(super) fn stir(&self) {}

    /// Sleeps, unless `is_over`, until that may have changed, and no longer than `timeout`. Returns spuriously at will.
    #[cfg(not(loom))]
    pub(super) fn sleep(&self, is_over: impl Fn() -> bool, timeout: Duration) {
        self.sleeping.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let word = self.word.load(Ordering::Acquire);
        if !is_over() {
            crate::sync::futex::wait(&self.word, word, timeout);
        }
        self.sleeping.fetch_sub(1, Ordering::Relaxed);
    }

    #[cfg(loom)]
    pub(super) fn sleep(&self, _is_over: impl Fn() -> bool, _timeout: Duration) {}

    /// What was there when this is called has been looked at when that look is over.
    pub(super) fn after(&self) -> LookAfter {
        let before = self.count.load(Ordering::Acquire);
        // A look that is under way may have been too early.
        LookAfter {
            before,
            steps: 2 + before % 2,
        }
    }

    pub(super) fn is_over(&self, look: LookAfter) -> bool {
        let count = self.count.load(Ordering::Acquire);
        count.wrapping_sub(look.before) >= look.steps
    }

    /// Somebody waits: turns are to be short.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed) > 0
    }

    /// Runs `wait`, during which the thread is awaited.
    pub(super) fn while_awaited(&self, wait: impl FnOnce()) {
        self.awaited.fetch_add(1, Ordering::Relaxed);
        wait();
        self.awaited.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::Looks;
    use crate::clock;
    use crate::sync::Arc;
    use crate::sync::atomic::{AtomicBool, Ordering, fence};

    /// Whatever it is that ends the wait: a look, or that the thread falls asleep without one.
    #[test]
    fn who_sleeps_is_stirred() {
        const PATIENCE: Duration = Duration::from_secs(30);
        for by_a_look in [true, false] {
            let looks = Arc::new(Looks::new());
            let idle = Arc::new(AtomicBool::new(false));
            let look = looks.after();
            let waiter = {
                let (looks, idle) = (Arc::clone(&looks), Arc::clone(&idle));
                thread::spawn(move || {
                    let begin = clock::now();
                    let is_over = || looks.is_over(look) || idle.load(Ordering::Acquire);
                    while !is_over() {
                        looks.sleep(is_over, PATIENCE);
                    }
                    clock::now() - begin
                })
            };
            while looks.sleeping.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            if by_a_look {
                looks.begin();
                looks.end();
            } else {
                idle.store(true, Ordering::Release);
                fence(Ordering::SeqCst);
                looks.stir();
            }
            assert!(waiter.join().unwrap() < PATIENCE, "nobody woke it");
        }
    }
}

#[cfg(all(test, loom))]
mod tests_loom {
    use super::*;
    use crate::sync::Arc;
    use crate::sync::atomic::AtomicBool;
    use loom::thread;

    /// What had come when somebody began to wait is in force when the wait is over.
    #[test]
    fn loom_what_had_come_is_taken_in() {
        loom::model(|| {
            let looks = Arc::new(Looks::new());
            let has_come = Arc::new(AtomicBool::new(false));
            let in_force = Arc::new(AtomicBool::new(false));
            let io_thread = {
                let (looks, has_come, in_force) = (
                    Arc::clone(&looks),
                    Arc::clone(&has_come),
                    Arc::clone(&in_force),
                );
                thread::spawn(move || {
                    for _ in 0..2 {
                        looks.begin();
                        if has_come.load(Ordering::Acquire) {
                            in_force.store(true, Ordering::Relaxed);
                        }
                        looks.end();
                    }
                })
            };
            has_come.store(true, Ordering::Release);
            // The kernel's, which brings what has come and then something else that is read.
            fence(Ordering::SeqCst);
            let look = looks.after();
            if looks.is_over(look) {
                assert!(in_force.load(Ordering::Relaxed));
            }
            io_thread.join().unwrap();
            assert!(!looks.is_over(look) || in_force.load(Ordering::Relaxed));
        });
    }
}
