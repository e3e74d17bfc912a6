//! Mailboxes: how everybody but its owner reaches a socket, and how blocked threads wake.
//!
//! A [`Mailbox`] is a queue of commands, a stop flag and the waiters of the threads that sleep until
//! something comes. Called by `socket` (its owner), `pipe` wakers, `io` and `context`. I/O threads use
//! the bare [`CommandQueue`]. Must not know what the commands mean.
//!
//! The handshake with sleepers (protocols: "Waiting and waking"): a waiter registers, fences, then looks
//! at everything once more; a sender pushes, fences, then looks for waiters. One of the two sees the
//! other. All registered waiters are woken, so nobody has to pass a wake-up on.

mod queue;
mod waiter;

#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, loom))]
mod tests_loom;

pub(crate) use queue::{CommandQueue, Drain};
pub(crate) use waiter::Waiter;

use std::os::fd::RawFd;
use std::sync::Arc;

use crate::error::Result;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// A socket's mailbox. Shared by everybody who may command the socket; it outlives the socket.
#[derive(Debug)]
pub(crate) struct Mailbox<C> {
    commands: CommandQueue<C>,
    stopped: AtomicBool,
    /// Registered waiters, plus one for a handed-out descriptor.
    audience: AtomicUsize,
    /// There is a handed-out descriptor.
    exported: AtomicBool,
    listeners: Mutex<Listeners>,
}

/// Whom to wake. A leaf.
#[derive(Debug, Default)]
struct Listeners {
    waiters: Vec<Arc<Waiter>>,
    /// ZMQ_FD. Stays until the mailbox goes: nobody writes into a number that was reused.
    exported: Option<Arc<Waiter>>,
}

impl<C> Mailbox<C> {
    pub(crate) fn new() -> Self {
        Self {
            commands: CommandQueue::new(),
            stopped: AtomicBool::new(false),
            audience: AtomicUsize::new(0),
            exported: AtomicBool::new(false),
            listeners: Mutex::new(Listeners::default()),
        }
    }

    // ---- for everybody ----

    /// Queues a command and wakes whoever waits. Gives it back if the mailbox is closed.
    pub(crate) fn push(&self, command: C) -> std::result::Result<(), C> {
        self.commands.push(command)?;
        self.signal();
        Ok(())
    }

    /// Wakes whoever waits, without a command. For what was changed before the call.
    pub(crate) fn signal(&self) {
        fence(Ordering::SeqCst);
        if self.audience.load(Ordering::Relaxed) > 0 {
            self.wake_all();
        }
    }

    /// The context is being terminated. No command: whoever looks sees it at once.
    pub(crate) fn stop(&self) {
        self.stopped.swap(true, Ordering::Release);
        self.signal();
    }

    /// [`Mailbox::stop`] was called.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    #[cold]
    fn wake_all(&self) {
        let listeners = self.listeners.lock();
        let mut all = listeners.waiters.iter().chain(&listeners.exported);
        // Nearly always there is one. It is woken without the lock, for which it would only wait again;
        // if it was deregistered in between it wakes once for nothing.
        let first = all.next().map(Arc::clone);
        for waiter in all {
            waiter.wake();
        }
        drop(listeners);
        if let Some(waiter) = first {
            waiter.wake();
        }
    }

    // ---- for the owner: reading ----

    /// There are commands.
    pub(crate) fn has_mail(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Takes the commands, oldest first.
    pub(crate) fn drain(&self) -> Drain<C> {
        self.commands.drain()
    }

    /// Refuses commands from now on and takes those that are there, oldest first. The closer handles
    /// them; whoever is refused afterwards handles its own.
    pub(crate) fn close(&self) -> Drain<C> {
        let rest = self.commands.close();
        self.signal();
        rest
    }

    // ---- for the owner: waiting ----

    /// From now on `waiter` is woken. The caller then looks at everything once more before it sleeps.
    /// Registering it twice means deregistering it twice.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        let mut listeners = self.listeners.lock();
        listeners.waiters.push(Arc::clone(waiter));
        self.audience.fetch_add(1, Ordering::Relaxed);
        drop(listeners);
        fence(Ordering::SeqCst);
    }

    /// `waiter` is not woken any more, but perhaps once for nothing; the caller clears it when it is
    /// registered nowhere.
    pub(crate) fn deregister(&self, waiter: &Arc<Waiter>) {
        let mut listeners = self.listeners.lock();
        let found = listeners
            .waiters
            .iter()
            .position(|other| Arc::ptr_eq(other, waiter));
        let Some(at) = found else { return };
        let waiter = listeners.waiters.swap_remove(at);
        self.audience.fetch_sub(1, Ordering::Relaxed);
        drop(listeners);
        drop(waiter);
    }

    /// Somebody would be woken.
    #[cfg(test)]
    pub(crate) fn has_audience(&self) -> bool {
        self.audience.load(Ordering::Relaxed) > 0
    }

    // ---- for the owner: ZMQ_FD ----

    /// The descriptor that becomes readable with each change; made with the first call. The caller then
    /// drains, evaluates, and calls [`Mailbox::signal_exported`] if there is something.
    ///
    /// Errors: those of opening a descriptor.
    pub(crate) fn export(&self) -> Result<RawFd> {
        let mut listeners = self.listeners.lock();
        if let Some(waiter) = &listeners.exported {
            return Ok(waiter.descriptor());
        }
        let waiter = Arc::new(Waiter::new()?);
        let descriptor = waiter.descriptor();
        listeners.exported = Some(waiter);
        self.exported.store(true, Ordering::Relaxed);
        self.audience.fetch_add(1, Ordering::Relaxed);
        drop(listeners);
        fence(Ordering::SeqCst);
        Ok(descriptor)
    }

    /// There is a handed-out descriptor.
    pub(crate) fn is_exported(&self) -> bool {
        self.exported.load(Ordering::Relaxed)
    }

    /// Makes the handed-out descriptor readable, if there is one.
    pub(crate) fn signal_exported(&self) {
        if let Some(waiter) = self.exported_waiter() {
            waiter.wake();
        }
    }

    /// Makes the handed-out descriptor unreadable, if there is one. The caller drains and evaluates
    /// afterwards, never before.
    pub(crate) fn clear_exported(&self) {
        if let Some(waiter) = self.exported_waiter() {
            waiter.clear();
        }
    }

    fn exported_waiter(&self) -> Option<Arc<Waiter>> {
        if !self.is_exported() {
            return None;
        }
        self.listeners.lock().exported.clone()
    }
}

impl<C> Default for Mailbox<C> {
    fn default() -> Self {
        Self::new()
    }
}
