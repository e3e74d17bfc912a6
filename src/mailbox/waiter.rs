//! What a blocked thread sleeps on.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
#[cfg(loom)]
use crate::sync::EventFd;
use crate::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(loom))]
use crate::sys::eventfd::EventFd;
use crate::sys::{fork, thread_end};

/// A descriptor with a mark that saves writing to it twice.
///
/// A thread has one of its own and registers it wherever something can happen that it waits for;
/// sharing one between sleepers loses wake-ups. A handed-out ZMQ_FD is one too.
#[derive(Debug)]
pub(crate) struct Waiter {
    event: EventFd,
    /// The descriptor is, or is about to become, readable. Only ever swapped.
    mark: AtomicBool,
}

thread_local! {
    /// The calling thread's own waiter while no wait uses it. Without a destructor: `thread_end` says why.
    static IDLE: ManuallyDrop<RefCell<Option<Own>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// A thread's waiter.
#[derive(Debug)]
struct Own {
    /// Not to be used in a child, which shares the descriptor with its parent.
    made_in: fork::Generation,
    waiter: Arc<Waiter>,
}

/// The calling thread's waiter, in use by one wait.
#[derive(Debug)]
pub(crate) struct Current {
    made_in: fork::Generation,
    waiter: Arc<Waiter>,
    /// It is kept for the next wait.
    lasts: bool,
}

impl std::ops::Deref for Current {
    type Target = Arc<Waiter>;

    fn deref(&self) -> &Arc<Waiter> {
        &self.waiter
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if !self.lasts {
            return;
        }
        let own = Own {
            made_in: self.made_in,
            waiter: Arc::clone(&self.waiter),
        };
        drop(IDLE.with(|idle| idle.replace(Some(own))));
    }
}

impl Waiter {
    /// Errors: those of opening a descriptor (EMFILE).
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            event: EventFd::new()?,
            mark: AtomicBool::new(false),
        })
    }

    /// The calling thread's own waiter, cleared. The same one for each wait, but for a forked child, a thread
    /// that is ending (static destructors), and a wait within a wait (by a free function): that would take
    /// the wake-ups of the outer one.
    ///
    /// Errors: those of opening a descriptor.
    pub(crate) fn current() -> Result<Current> {
        let generation = fork::generation();
        if let Some(own) = IDLE.with(|idle| idle.take())
            && own.made_in == generation
        {
            own.waiter.clear_if_woken();
            return Ok(Current {
                made_in: generation,
                waiter: own.waiter,
                lasts: true,
            });
        }
        let waiter = Arc::new(Self::new()?);
        static FORGET: fn() = || drop(IDLE.with(|idle| idle.take()));
        Ok(Current {
            made_in: generation,
            waiter,
            // A waiter that nobody would close at the end of the thread lives for one call.
            lasts: thread_end::at_end(thread_end::Slot::Waiter, &FORGET),
        })
    }

    /// Wakes whoever waits now or next, once.
    pub(crate) fn wake(&self) {
        if !self.mark.swap(true, Ordering::AcqRel) {
            self.event.write();
        }
    }

    /// Takes wake-ups back. The caller looks afterwards at what it was woken for.
    ///
    /// The order matters: a wake between the two steps leaves the descriptor readable, while the other
    /// way round its write would be read away and the mark left standing, and nobody could wake any more.
    /// Where there was nothing to read, whoever set the mark is about to write, and the mark stays: a
    /// descriptor that is readable without it would never be cleared by [`Self::clear_if_woken`].
    pub(crate) fn clear(&self) {
        if self.event.read() {
            self.mark.swap(false, Ordering::AcqRel);
        }
    }

    /// As [`Self::clear`]; costs next to nothing if nobody woke it.
    pub(crate) fn clear_if_woken(&self) {
        if self.mark.load(Ordering::Relaxed) {
            self.clear();
        }
    }

    /// Sleeps until woken (true) or until `timeout` is over (false); `None` = for ever.
    ///
    /// `Interrupted` if a signal handler ran.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        self.event.wait(timeout)
    }

    /// The descriptor, to be polled for reading among others. It lives as long as the waiter.
    #[cfg(not(loom))]
    pub(crate) fn descriptor(&self) -> RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.event)
    }

    #[cfg(loom)]
    pub(crate) fn descriptor(&self) -> RawFd {
        -1
    }

    #[cfg(all(test, loom))]
    pub(crate) fn is_raised(&self) -> bool {
        self.event.is_raised()
    }
}
