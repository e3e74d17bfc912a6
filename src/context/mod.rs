//! The context: I/O threads, socket slots, inproc names, orderly end.
//!
//! ```text
//!  Fresh --first zmq_socket--> Started --zmq_ctx_shutdown/term--> Stopping --term, all closed--> Ended
//! ```
//! Called by `ffi` and `socket`. Must not know patterns or the wire. Everything in here that locks is a
//! leaf (protocols: "Locks"). Contract: api.md section 2.

#![forbid(unsafe_code)]

pub(crate) mod inproc;
mod lingering;
pub(crate) mod options;

pub(crate) use lingering::Lingering;
pub(crate) use options::ContextOptions;

use std::sync::Arc;

use crate::context::inproc::Names;
use crate::error::{Error, Result};
use crate::io::{IoCommand, IoHandle, IoThread, Linger, ObjectId};
use crate::mailbox::{Mailbox, Waiter};
use crate::message::release::Released;
use crate::pipe::free_spare_chunks;
use crate::socket::SocketCommand;
use crate::sync::Mutex;
use crate::sys;
use crate::sys::fork;

/// A context (zmq_ctx_new).
#[derive(Debug)]
pub(crate) struct Context {
    options: Mutex<ContextOptions>,
    life: Mutex<Life>,
    /// inproc endpoints of this context.
    pub(crate) names: Arc<Names>,
    /// Connections that outlive their sockets.
    pub(crate) lingering: Arc<Lingering>,
    /// The process that made it or, if that made no socket, opened the first one; a forked child of that
    /// one cannot use it.
    owner: fork::Stamp,
}

#[derive(Debug, Default)]
struct Life {
    state: State,
    /// The options as they were at the first zmq_socket.
    frozen: ContextOptions,
    sockets: Vec<Arc<Mailbox<SocketCommand>>>,
    /// Slots in use, monitors included.
    slots: usize,
    max_slots: usize,
    threads: Vec<Arc<IoHandle>>,
    /// All of the threads, until the first endpoint that needs one.
    unstarted: Vec<IoThread>,
    joins: Vec<sys::thread::JoinHandle>,
    /// Threads in zmq_ctx_term.
    waiters: Vec<Arc<Waiter>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Fresh,
    Started,
    Stopping,
}

impl Context {
    pub(crate) fn new() -> Self {
        Self {
            options: Mutex::new(ContextOptions::default()),
            life: Mutex::new(Life::default()),
            names: Arc::default(),
            lingering: Arc::new(Lingering::default()),
            owner: fork::Stamp::new(),
        }
    }

    /// True in a child process that was forked from the one it belongs to.
    pub(crate) fn is_of_parent(&self) -> bool {
        self.owner.is_of_parent()
    }

    /// A context that was forked before its first socket is as good as new: the child makes it its own.
    fn adopt(&self) -> Result<()> {
        // Locked at the fork: a thread of the parent was about to start it, or to set an option.
        let life = self.life.try_lock().ok_or(Error::Interrupted)?;
        drop(self.options.try_lock().ok_or(Error::Interrupted)?);
        match life.state {
            State::Fresh => self.owner.renew(),
            State::Stopping => return Err(Error::Terminated),
            State::Started => return Err(Error::Interrupted),
        }
        Ok(())
    }

    /// zmq_ctx_set, zmq_ctx_get and their kin work on these. `Interrupted` in a child, if they were locked at
    /// the fork.
    pub(crate) fn with_options<R>(&self, work: impl FnOnce(&mut ContextOptions) -> R) -> Result<R> {
        let mut options = if self.is_of_parent() {
            self.options.try_lock().ok_or(Error::Interrupted)?
        } else {
            self.options.lock()
        };
        Ok(work(&mut options))
    }

    /// The first zmq_socket freezes thread and slot options and opens what the I/O threads need; they start with the first
    /// endpoint that needs one.
    ///
    /// Errors: `Terminated`; `Interrupted` in a child; those of the system without descriptors.
    pub(crate) fn start(&self) -> Result<()> {
        if self.is_of_parent() {
            self.adopt()?;
        }
        let options = self.options.lock().clone();
        let mut life = self.life.lock();
        match life.state {
            State::Stopping => return Err(Error::Terminated),
            State::Started => return Ok(()),
            State::Fresh => {}
        }
        life.max_slots = options.max_sockets();
        life.frozen = options;
        life.prepare_threads(&self.lingering)?;
        life.state = State::Started;
        Ok(())
    }

    /// The I/O threads, running. For who holds a [`Slot`]: zmq_ctx_term waits for that, and ends the threads then.
    ///
    /// Errors: those of the system when a thread cannot start.
    fn running_threads(&self) -> Result<Vec<Arc<IoHandle>>> {
        let mut life = self.life.lock();
        if let Err(error) = life.start_threads(&self.lingering) {
            // All or none: the next try begins anew.
            let joins = life.stop_threads();
            drop(life);
            join_all(joins);
            return Err(error);
        }
        Ok(life.threads.clone())
    }

    /// From now on the context stops this socket when it stops itself. `Terminated` if it has.
    pub(crate) fn add_socket(&self, mailbox: &Arc<Mailbox<SocketCommand>>) -> Result<()> {
        let mut life = self.life.lock();
        if life.state == State::Stopping {
            return Err(Error::Terminated);
        }
        life.sockets.push(Arc::clone(mailbox));
        Ok(())
    }

    pub(crate) fn remove_socket(&self, mailbox: &Arc<Mailbox<SocketCommand>>) {
        let mut life = self.life.lock();
        if let Some(at) = life
            .sockets
            .iter()
            .position(|other| Arc::ptr_eq(other, mailbox))
        {
            life.sockets.swap_remove(at);
        }
    }

    /// The I/O threads that `affinity` allows (bit n = thread n; 0 = all). For who holds a [`Slot`].
    ///
    /// Errors: `NoThread`; those of the system when a thread cannot start.
    pub(crate) fn threads(&self, affinity: u64) -> Result<Arc<[Arc<IoHandle>]>> {
        let mut threads = self.running_threads()?;
        threads.retain(|thread| {
            affinity == 0 || (thread.index() < 64 && affinity >> thread.index() & 1 == 1)
        });
        if threads.is_empty() {
            return Err(Error::NoThread);
        }
        Ok(threads.into())
    }

    /// zmq_ctx_shutdown: no new sockets, blocked calls wake.
    pub(crate) fn shutdown(&self) {
        if self.is_of_parent() {
            return;
        }
        let mut life = self.life.lock();
        life.state = State::Stopping;
        for mailbox in &life.sockets {
            mailbox.stop();
        }
    }

    /// zmq_ctx_term: waits until every socket is closed and has finished lingering, then ends the
    /// threads. Not for a child.
    ///
    /// Errors: `Interrupted` by a signal; then it can be called again. `Os(EDEADLK)` on one of the threads that
    /// it would wait for, where only a user's free function can call it.
    pub(crate) fn terminate(&self) -> Result<()> {
        let own_thread = |join: &sys::thread::JoinHandle| join.is_current();
        if self.life.lock().joins.iter().any(own_thread) {
            return Err(Error::Os(libc::EDEADLK));
        }
        self.shutdown();
        if !self.is_quiet() {
            self.wait_until_quiet()?;
        }
        let joins = self.life.lock().stop_threads();
        join_all(joins);
        for parked in self.names.give_up() {
            let mut end = parked.end;
            end.leave();
        }
        free_spare_chunks();
        Ok(())
    }

    /// No socket is open, and nothing is left to be sent.
    fn is_quiet(&self) -> bool {
        self.life.lock().slots == 0 && self.lingering.is_empty()
    }

    /// Errors: `Interrupted`; those of the system without a descriptor to wait on.
    fn wait_until_quiet(&self) -> Result<()> {
        let waiter = Waiter::current()?;
        self.life.lock().waiters.push(Arc::clone(&waiter));
        self.lingering.register(&waiter);
        let result = loop {
            if self.is_quiet() {
                break Ok(());
            }
            if let Err(error) = waiter.wait(None) {
                break Err(error);
            }
            waiter.clear();
        };
        self.lingering.deregister(&waiter);
        self.life
            .lock()
            .waiters
            .retain(|other| !Arc::ptr_eq(other, &waiter));
        waiter.clear();
        result
    }

    /// A socket leaves a connection, which may go on sending for `linger`. Counted before the socket
    /// stops counting, so that zmq_ctx_term overlooks nothing.
    pub(crate) fn detach(&self, thread: &IoHandle, connection: ObjectId, linger: Linger) {
        if linger != Linger::For(std::time::Duration::ZERO) {
            self.lingering.begin(connection);
        }
        if !thread.post(IoCommand::Detach(connection, linger)) {
            self.lingering.finished(connection);
        }
    }

    /// Has an I/O thread run free functions; the calling one, if there is none. For who holds a [`Slot`].
    pub(crate) fn release(&self, released: Released) {
        let threads = self.running_threads().unwrap_or_default();
        if let Some(thread) = threads.first() {
            thread.post(IoCommand::Release(released));
        }
    }
}

/// A socket's or monitor's place in a context, given back when dropped: zmq_ctx_term waits for that.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Context>);

impl Slot {
    /// `Terminated`, or `TooManySockets`.
    pub(crate) fn take(context: &Arc<Context>) -> Result<Self> {
        let mut life = context.life.lock();
        if life.state == State::Stopping {
            return Err(Error::Terminated);
        }
        if life.slots >= life.max_slots {
            return Err(Error::TooManySockets);
        }
        life.slots += 1;
        drop(life);
        Ok(Self(Arc::clone(context)))
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut life = self.0.life.lock();
        life.slots -= 1;
        wake_all(&life.waiters);
    }
}

impl Life {
    /// Opens what the I/O threads need, all of it or nothing.
    fn prepare_threads(&mut self, lingering: &Arc<Lingering>) -> Result<()> {
        let threads = (0..self.frozen.io_threads())
            .map(|index| IoThread::new(index, Arc::clone(lingering)))
            .collect::<Result<Vec<_>>>()?;
        (self.unstarted, self.threads) = threads.into_iter().unzip();
        Ok(())
    }

    fn start_threads(&mut self, lingering: &Arc<Lingering>) -> Result<()> {
        if self.threads.is_empty() {
            // An earlier try failed.
            self.prepare_threads(lingering)?;
        }
        for (index, thread) in std::mem::take(&mut self.unstarted).into_iter().enumerate() {
            let attributes = self.frozen.thread_attributes(index);
            let join = sys::thread::spawn(&attributes, move || thread.run())?;
            self.joins.push(join);
        }
        Ok(())
    }

    /// Ends the I/O threads; they are to be waited for without the lock.
    fn stop_threads(&mut self) -> Vec<sys::thread::JoinHandle> {
        self.unstarted.clear();
        for thread in self.threads.drain(..) {
            thread.post(IoCommand::Stop);
        }
        std::mem::take(&mut self.joins)
    }
}

fn join_all(joins: Vec<sys::thread::JoinHandle>) {
    for join in joins {
        join.join();
    }
}

fn wake_all(waiters: &[Arc<Waiter>]) {
    for waiter in waiters {
        waiter.wake();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn running(context: &Context) -> usize {
        context.life.lock().joins.len()
    }

    /// What needs no I/O thread costs none.
    #[test]
    fn threads_start_when_one_is_needed() {
        let context = Arc::new(Context::new());
        let set =
            context.with_options(|options| options.set(crate::ffi::constants::ZMQ_IO_THREADS, 2));
        set.unwrap().unwrap();
        context.start().unwrap();
        let slot = Slot::take(&context).unwrap();
        assert_eq!(running(&context), 0);
        assert_eq!(context.threads(0).unwrap().len(), 2);
        assert_eq!(context.threads(2).unwrap()[0].index(), 1);
        assert_eq!(running(&context), 2);
        drop(slot);
        context.terminate().unwrap();
        assert_eq!(running(&context), 0);
    }
}
