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
    /// The calling thread's own waiter. Without a destructor: `thread_end` says why.
    static CURRENT: ManuallyDrop<RefCell<Option<Own>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// A thread's waiter.
struct Own {
    /// Not to be used in a child, which shares the descriptor with its parent.
    made_in: fork::Generation,
    waiter: Arc<Waiter>,
}

impl Waiter {
    /// Errors: those of opening a descriptor (EMFILE).
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            event: EventFd::new()?,
            mark: AtomicBool::new(false),
        })
    }

    /// The calling thread's own waiter, cleared. The same one each time, but for a forked child and a
    /// thread that is ending (static destructors).
    ///
    /// Errors: those of opening a descriptor.
    pub(crate) fn current() -> Result<Arc<Self>> {
        let generation = fork::generation();
        let known = CURRENT.with(|current| match &*current.borrow() {
            Some(own) if own.made_in == generation => Some(Arc::clone(&own.waiter)),
            _ => None,
        });
        if let Some(waiter) = known {
            waiter.clear_if_woken();
            return Ok(waiter);
        }
        let fresh = Arc::new(Self::new()?);
        static FORGET: fn() = || drop(CURRENT.with(|current| current.take()));
        // A waiter that nobody would close at the end of the thread lives for one call.
        if thread_end::at_end(&FORGET) {
            let own = Own {
                made_in: generation,
                waiter: Arc::clone(&fresh),
            };
            drop(CURRENT.with(|current| current.replace(Some(own))));
        }
        Ok(fresh)
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
    pub(crate) fn clear(&self) {
        self.event.read();
        self.mark.swap(false, Ordering::AcqRel);
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
}
