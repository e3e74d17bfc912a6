//! A futex lock whose whole state is in the lock itself.
//!
//! It is released by a plain store: a second instruction that locks the bus, besides the one that takes it, would be a
//! seventh of what sending a short message costs (9 ns of 65). So the store may become visible only after the look at
//! who sleeps, and a thread that falls asleep in between would not be woken. That takes two threads within some tens of
//! nanoseconds, of which one enters the kernel meanwhile; for this case sleepers come back by themselves.
//!
//! Locks that keep their waiters in a process-global table are of no use here: a fork at the wrong moment
//! leaves that table locked in the child, and with it every contended lock of a fresh context there.

#![allow(
    unsafe_code,
    reason = "the futex system call and lock_api's unsafe trait"
)]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// A lock. A leaf as well: those of a fresh context in a child must not depend on the parent's either.
pub(crate) type Lock<T> = lock_api::Mutex<RawLock, T>;
/// What [`Lock::lock`] returns.
pub(crate) type LockGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;
/// A [`LockGuard`] for a part of the content.
pub(crate) type MappedLockGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawLock, T>;

const FREE: u32 = 0;
const HELD: u32 = 1;

/// The first sleep is no longer than this, each further one twice as long as the one before, up to the longest.
const FIRST_SLEEP: Duration = Duration::from_millis(1);
const LONGEST_SLEEP: Duration = Duration::from_millis(64);

/// The raw lock.
#[derive(Debug)]
pub(crate) struct RawLock(Words);

// SAFETY: `lock` returns only after it changed the word from FREE to a held state, and only `unlock`
// changes it back, so at most one thread holds the lock.
unsafe impl lock_api::RawMutex for RawLock {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "lock_api wants a constant to start from"
    )]
    const INIT: Self = Self(Words {
        state: AtomicU32::new(FREE),
        sleepers: AtomicBool::new(false),
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
    /// True for who is to wake one.
    fn take_sleepers(&self) -> bool;
    /// Sleeps while the state is this, not longer than `timeout`; returns spuriously at will.
    fn wait_while(&self, state: u32, timeout: Duration);
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
        if self.spin() == FREE && self.try_acquire() {
            return;
        }
        let mut timeout = FIRST_SLEEP;
        loop {
            // Also for who has slept, and cannot know whether others still do: it wakes one when it goes, perhaps for
            // nothing.
            self.announce_sleeper();
            if self.try_acquire() {
                return;
            }
            self.wait_while(HELD, timeout);
            self.spin();
            timeout = (timeout * 2).min(LONGEST_SLEEP);
        }
    }

    /// Waits for a change for a short time; the last state seen.
    fn spin(&self) -> u32 {
        let mut turns = Self::SPINS;
        loop {
            let state = self.read();
            if state == FREE || turns == 0 {
                return state;
            }
            spin_loop();
            turns -= 1;
        }
    }
}

#[derive(Debug)]
struct Words {
    state: AtomicU32,
    /// Somebody may sleep.
    sleepers: AtomicBool,
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
        self.sleepers.swap(true, Ordering::SeqCst);
    }

    #[inline(always)]
    fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed)
    }

    fn take_sleepers(&self) -> bool {
        self.sleepers.swap(false, Ordering::Relaxed)
    }

    fn wait_while(&self, state: u32, timeout: Duration) {
        let timeout = libc::timespec {
            tv_sec: 0,
            // At most LONGEST_SLEEP.
            tv_nsec: timeout.subsec_nanos() as libc::c_long,
        };
        // SAFETY: the address is that of a live word; the kernel reads it and the time, and nothing else.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.state.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                state,
                &raw const timeout,
            );
        }
    }

    fn wake_one(&self) {
        // SAFETY: only the address is used, as a key.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.state.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }
}
