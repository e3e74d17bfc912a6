//! I/O threads: run connections and listeners.
//!
//! A [`IoThread`] owns a poll loop, timers and objects ([`connection`], [`listener`]). Sockets reach it
//! by [`IoCommand`]s through an [`IoHandle`]; it reaches sockets by their mailboxes and pipes. Called by
//! `context` (start, stop) and `socket` (commands). Must not know patterns or socket internals.

#![forbid(unsafe_code)]

mod background;
mod backoff;
mod closing;
mod connecter;
mod connection;
mod direct;
mod input;
mod large;
mod listener;
mod looks;
mod output;
mod producers;
mod resolver;
mod sealed;
mod session;
mod thread;
mod timers;
mod turn;
mod unwanted;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use connecter::Connecter;
pub(crate) use connection::Connection;
pub(crate) use direct::{ConnectionHandle, Lease, Terms, note_sent, note_wait, waits_for_answer};
pub(crate) use listener::ListenerObject;
pub(crate) use session::{EndpointTexts, Session};
pub(crate) use thread::IoThread;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::looks::{LookAfter, Looks};
use crate::clock;
use crate::mailbox::CommandQueue;
use crate::message::release::Released;
use crate::sync::Lock;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sys::cancel::Shield;
use crate::sys::epoll::Epoll;

/// Names a connection or listener for the life of the process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId(u64);

impl ObjectId {
    /// A fresh name.
    pub(crate) fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The object in events of its thread's poll.
    pub(crate) fn token(self) -> mio::Token {
        // 64-bit systems only: ids are never reused.
        mio::Token(self.0 as usize)
    }
}

/// How long a detached connection may go on sending (ZMQ_LINGER).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linger {
    /// Until everything is sent.
    Forever,
    /// For this long; zero drops what is queued.
    For(Duration),
    /// Until everything is sent or the stream is lost: no other one follows.
    WhileConnected,
}

impl Linger {
    /// From the option's value in ms; -1 = for ever.
    pub(crate) fn from_option(milliseconds: i32) -> Self {
        u64::try_from(milliseconds).map_or(Self::Forever, |ms| Self::For(Duration::from_millis(ms)))
    }
}

/// What others want of an I/O thread. One handler: [`IoThread`].
#[derive(Debug)]
pub(crate) enum IoCommand {
    /// From zmq_connect, or from a listener that accepted: run this connection.
    Start(Arc<Lock<Connection>>),
    /// From zmq_bind: serve this listener.
    Listen(Box<ListenerObject>),
    /// From a pipe: there is something to send, or room to receive, or the socket's end changed.
    Drive(ObjectId),
    /// From zmq_disconnect and zmq_close: the socket has left the pipe; send what is queued, no longer
    /// than this, and go.
    Detach(ObjectId, Linger),
    /// From zmq_close: connections that were disconnected earlier may linger no longer than this.
    CapLinger(ObjectId, Linger),
    /// From zmq_socket_monitor_pipes_stats: emit the event for this connection, whose socket has so many
    /// messages in its outbound queue.
    ReportPipe(ObjectId, u64),
    /// From a socket that has let go of what peers had left behind: this listener waits for that no longer.
    Accept(ObjectId),
    /// From zmq_unbind and zmq_close, which closed the descriptor: forget it.
    CloseListener(ObjectId),
    /// From a listener that closed: connections accepted there end when their socket has read what
    /// arrived.
    ListenerClosed(ObjectId),
    /// From a resolver thread: the addresses for this attempt.
    Resolved(ObjectId, u64, Vec<SocketAddr>),
    /// From zmq_close: free functions to run.
    Release(Released),
    /// From zmq_ctx_term: no object is needed any more.
    Stop,
}

/// So long who waits for an I/O thread yields to it, before it sleeps.
const YIELDS: Duration = Duration::from_millis(1);
/// How often who waits for an I/O thread looks between two yields: some 5 us.
const CATCH_UP_SPINS: u32 = 100;

/// Reaches an I/O thread. Shared by everybody who may command it.
#[derive(Debug)]
pub(crate) struct IoHandle {
    commands: CommandQueue<IoCommand>,
    asleep: AtomicBool,
    waker: mio::Waker,
    /// For those who change from elsewhere what the thread waits for.
    epoll: Epoll,
    looks: Looks,
    /// Objects on the thread; the least loaded gets the next one.
    load: AtomicUsize,
    index: usize,
}

impl IoHandle {
    fn new(index: usize, poll: &mio::Poll) -> io::Result<Self> {
        Ok(Self {
            commands: CommandQueue::new(),
            asleep: AtomicBool::new(false),
            waker: mio::Waker::new(poll.registry(), thread::WAKE_TOKEN)?,
            epoll: Epoll::of(poll),
            looks: Looks::new(),
            load: AtomicUsize::new(0),
            index,
        })
    }

    /// Queues a command and wakes the thread if it sleeps. False: the thread has stopped, and nobody needs it any more.
    pub(crate) fn post(&self, command: IoCommand) -> bool {
        let accepted = self.commands.push(command).is_ok();
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            let _shield = Shield::raise();
            // A full eventfd counter is a wake-up already; nothing else can fail.
            let _ = self.waker.wake();
        }
        accepted
    }

    /// The thread sleeps: it has done everything that it was asked for.
    fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// Waits until the thread has taken in what had come when this was called, as far as it would have before it read
    /// anything that came later.
    ///
    /// For an application thread that has read by itself. What it has read may be the answer to a message that the
    /// thread is just counting as sent, and whoever has the answer is to find the room that it left; and a subscription
    /// that was there before is to be in force. Of a connection that keeps the thread busy it takes in no more than its
    /// turns bring. The caller holds no lock of ours: the thread may be waiting for it.
    ///
    /// But it may be in a free function of the user's, which waits for a lock of the caller's; or on a processor that the
    /// caller leaves it nothing of. So there is an end to it: after `patience` what came is acted on as if it had come
    /// before.
    fn catch_up(&self, patience: Duration) {
        if self.has_caught_up() {
            return;
        }
        let look = self.looks.after();
        let is_over = || self.is_soon_over(look) || self.has_caught_up();
        self.looks.while_awaited(|| {
            let begin = clock::now();
            let mut waited = Duration::ZERO;
            while !is_over() && waited < patience {
                match waited < YIELDS {
                    true => std::thread::yield_now(),
                    // A thread of a lower class runs only while this one sleeps.
                    false => self.looks.sleep(is_over, patience.saturating_sub(waited)),
                }
                waited = clock::now() - begin;
            }
        });
    }

    /// There is nothing to wait for.
    fn has_caught_up(&self) -> bool {
        // What was found and taken, the thread is dealing with, and it had woken before: so this order. The first look
        // only saves a system call.
        self.is_asleep() && !self.epoll.has_events() && self.is_asleep()
    }

    /// Looks for as long as a yield takes: true if the look is over, or the thread has ended.
    fn is_soon_over(&self, look: LookAfter) -> bool {
        for _ in 0..CATCH_UP_SPINS {
            if self.looks.is_over(look) || self.commands.is_closed() {
                return true;
            }
            if self.is_asleep() {
                break;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Objects on the thread.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Creation order, 0 first (ZMQ_AFFINITY bit).
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Counts an object that is on its way to the thread.
    pub(crate) fn add_load(&self) {
        self.load.fetch_add(1, Ordering::Relaxed);
    }

    fn remove_load(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}
