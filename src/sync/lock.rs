//! A futex lock whose whole state is one word in the lock itself.
//!
//! Locks that keep their waiters in a process-global table are of no use here: a fork at the wrong moment
//! leaves that table locked in the child, and with it every contended lock of a fresh context there.

#![allow(
    unsafe_code,
    reason = "the futex system call and lock_api's unsafe trait"
)]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};

/// A lock. A leaf as well: those of a fresh context in a child must not depend on the parent's either.
pub(crate) type Lock<T> = lock_api::Mutex<RawLock, T>;
/// What [`Lock::lock`] returns.
pub(crate) type LockGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;
/// A [`LockGuard`] for a part of the content.
pub(crate) type MappedLockGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawLock, T>;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may sleep on the word.
const CONTENDED: u32 = 2;

/// The raw lock: three states in one word.
#[derive(Debug)]
pub(crate) struct RawLock {
    state: AtomicU32,
}

// SAFETY: `lock` returns only after it changed the word from FREE to a held state, and only `unlock`
// changes it back, so at most one thread holds the lock.
unsafe impl lock_api::RawMutex for RawLock {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "lock_api wants a constant to start from"
    )]
    const INIT: Self = Self {
        state: AtomicU32::new(FREE),
    };

    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        self.state.acquire();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.state.try_acquire()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.state.release();
    }

    fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }
}

/// The lock's protocol over a word that threads can sleep on: the kernel's, or a model's.
pub(super) trait LockWord {
    /// Turns before a thread sleeps. Critical sections are short, but a holder that was preempted does
    /// not come back while others spin.
    const SPINS: u32;

    fn read(&self) -> u32;
    /// Changes `from` to `to`; the value found if it was another.
    fn exchange(&self, from: u32, to: u32, success: Ordering) -> Result<u32, u32>;
    fn replace(&self, value: u32, ordering: Ordering) -> u32;
    /// Sleeps while the word has this value; returns spuriously at will.
    fn wait_while(&self, value: u32);
    fn wake_one(&self);

    #[inline]
    fn try_acquire(&self) -> bool {
        self.exchange(FREE, HELD, Ordering::Acquire).is_ok()
    }

    #[inline]
    fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_contended();
        }
    }

    #[inline]
    fn release(&self) {
        if self.replace(FREE, Ordering::Release) == CONTENDED {
            self.wake_one();
        }
    }

    #[cold]
    fn acquire_contended(&self) {
        let mut state = self.spin();
        if state == FREE {
            match self.exchange(FREE, HELD, Ordering::Acquire) {
                Ok(_) => return,
                Err(other) => state = other,
            }
        }
        loop {
            // Whoever got here cannot know whether others sleep, so it takes the lock as contended.
            if state != CONTENDED && self.replace(CONTENDED, Ordering::Acquire) == FREE {
                return;
            }
            self.wait_while(CONTENDED);
            state = self.spin();
        }
    }

    /// Waits for a change for a short time; the last state seen.
    fn spin(&self) -> u32 {
        let mut turns = Self::SPINS;
        loop {
            let state = self.read();
            if state != HELD || turns == 0 {
                return state;
            }
            spin_loop();
            turns -= 1;
        }
    }
}

impl LockWord for AtomicU32 {
    const SPINS: u32 = 40;

    fn read(&self) -> u32 {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn exchange(&self, from: u32, to: u32, success: Ordering) -> Result<u32, u32> {
        self.compare_exchange(from, to, success, Ordering::Relaxed)
    }

    #[inline]
    fn replace(&self, value: u32, ordering: Ordering) -> u32 {
        self.swap(value, ordering)
    }

    fn wait_while(&self, value: u32) {
        // SAFETY: the address is that of a live word; the kernel reads it and nothing else.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                value,
                std::ptr::null::<libc::timespec>(),
            );
        }
    }

    fn wake_one(&self) {
        // SAFETY: only the address is used, as a key; the word may even be gone by now.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }
}
