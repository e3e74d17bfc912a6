//! A futex lock whose whole state is in the lock itself.
//!
//! It is released by a plain store: a second instruction that locks the bus, besides the one that takes it, would be a
//! seventh of what sending a short message costs (9 ns of 65). So the store may become visible only after the look at
//! who sleeps, and a thread that falls asleep in between would not be woken. So who has said that it sleeps watches the
//! lock for some time more, far longer than stores take to be seen; and as nothing promises that, sleepers come back by
//! themselves.
//!
//! They sleep on the word that says so, not on the state: who wakes one clears it first, and then nobody can fall asleep
//! whom the next release would not see.
//!
//! Locks that keep their waiters in a process-global table are of no use here: a fork at the wrong moment
//! leaves that table locked in the child, and with it every contended lock of a fresh context there.

#![allow(unsafe_code, reason = "lock_api's unsafe trait")]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};
use std::time::Duration;

use crate::sync::futex;

/// A lock. A leaf as well: those of a fresh context in a child must not depend on the parent's either.
pub(crate) type Lock<T> = lock_api::Mutex<RawLock, T>;
/// What [`Lock::lock`] returns.
pub(crate) type LockGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;
/// A [`LockGuard`] for a part of the content.
pub(crate) type MappedLockGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawLock, T>;

const FREE: u32 = 0;
const HELD: u32 = 1;

/// Nobody sleeps whom a release is to wake.
const NONE: u32 = 0;
const SOME: u32 = 1;

/// The first sleep is no longer than this, each further one twice as long as the one before, up to the longest.
const FIRST_SLEEP: Duration = Duration::from_millis(1);
const LONGEST_SLEEP: Duration = Duration::from_millis(64);

/// The raw lock.
#[derive(Debug)]
pub(crate) struct RawLock(Words);

// SAFETY: `lock` returns only after it changed the state from FREE to HELD, and only `unlock` changes it back, so at
// most one thread holds the lock. `unlock` looks at the lock once more when it is free already: it is alive, since who
// unlocks has borrowed it.
unsafe impl lock_api::RawMutex for RawLock {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "lock_api wants a constant to start from"
    )]
    const INIT: Self = Self(Words {
        state: AtomicU32::new(FREE),
        sleepers: AtomicU32::new(NONE),
    });

    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        self.0.acquire();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.0.try_acquire()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.release();
    }

    fn is_locked(&self) -> bool {
        self.0.read() != FREE
    }
}

#[cfg(all(test, not(loom)))]
impl RawLock {
    pub(super) fn words(&self) -> &impl LockWords {
        &self.0
    }
}

/// The lock's protocol over words that threads can sleep on: the kernel's, or a model's.
pub(super) trait LockWords {
    /// Turns before a thread sleeps. Critical sections are short, but a holder that was preempted does
    /// not come back while others spin.
    const SPINS: u32;

    /// The state.
    fn read(&self) -> u32;
    /// Takes a free lock.
    fn try_acquire(&self) -> bool;
    /// The state is free.
    fn set_free(&self);
    /// Somebody may sleep; seen before what the caller does next.
    fn announce_sleeper(&self);
    fn has_sleepers(&self) -> bool;
    /// Takes back what was announced. True for who is to wake one.
    fn take_sleepers(&self) -> bool;
    /// Sleeps while nobody has taken back what was announced, not longer than `timeout`, true if that is over; returns
    /// spuriously at will.
    fn sleep(&self, timeout: Duration) -> bool;
    fn wake_one(&self);

    #[inline(always)]
    fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_contended();
        }
    }

    #[inline(always)]
    fn release(&self) {
        self.set_free();
        // In this order, as far as the compiler is concerned.
        compiler_fence(Ordering::SeqCst);
        if self.has_sleepers() {
            self.wake_sleeper();
        }
    }

    #[cold]
    fn wake_sleeper(&self) {
        if self.take_sleepers() {
            self.wake_one();
        }
    }

    #[cold]
    fn acquire_contended(&self) {
        self.spin();
        if self.try_acquire() {
            return;
        }
        let mut timeout = FIRST_SLEEP;
        loop {
            // Also for who has slept, and cannot know whether others still do: it wakes one when it goes, perhaps for
            // nothing.
            self.announce_sleeper();
            self.spin();
            if self.try_acquire() {
                return;
            }
            if self.sleep(timeout) {
                timeout = (timeout * 2).min(LONGEST_SLEEP);
            }
            // Found free now, it needs no release to wake anybody.
            self.spin();
        }
    }

    /// Waits for the lock to be free, for a short time.
    fn spin(&self) {
        for _ in 0..Self::SPINS {
            if self.read() == FREE {
                return;
            }
            spin_loop();
        }
    }
}

#[derive(Debug)]
struct Words {
    state: AtomicU32,
    /// What threads sleep on.
    sleepers: AtomicU32,
}

impl LockWords for Words {
    const SPINS: u32 = 40;

    fn read(&self) -> u32 {
        self.state.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn try_acquire(&self) -> bool {
        self.state
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline(always)]
    fn set_free(&self) {
        self.state.store(FREE, Ordering::Release);
    }

    fn announce_sleeper(&self) {
        self.sleepers.swap(SOME, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    #[inline(always)]
    fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed) != NONE
    }

    fn take_sleepers(&self) -> bool {
        // Who announces itself after this finds the state free.
        self.sleepers.swap(NONE, Ordering::Release) != NONE
    }

    fn sleep(&self, timeout: Duration) -> bool {
        futex::wait(&self.sleepers, SOME, timeout)
    }

    fn wake_one(&self) {
        futex::wake_one(&self.sleepers);
    }
}
