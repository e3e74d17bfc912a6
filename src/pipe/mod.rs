//! The pipe: two queues between two owners, the only place where messages wait.
//!
//! A socket holds one [`PipeEnd`] per peer; the other end belongs to a connection or, over inproc,
//! to another socket. Whoever holds an end is by that the single writer of one queue and the single
//! reader of the other. Ending an end marks the shared [`Link`] and wakes the other side; there is
//! no handshake (protocols: "Pipe states").
//!
//! Called by `patterns` (through [`Pipes`]), `socket` and `io`. Must not know who is at the other
//! end: it is woken through [`Wake`].

mod credit;
mod end;
mod frame;
mod introduction;
mod leftovers;
mod pipes;
mod prepared;
pub(crate) mod queue;

pub(crate) use end::{Conflate, Head, Limits, PipeEnd, pipe};
pub(crate) use frame::{COPY_LIMIT, Incoming, Outgoing};
pub(crate) use leftovers::{Leftover, Leftovers};
pub(crate) use pipes::{Dismissal, Item, PipeKey, Pipes, Upcoming};
pub(crate) use prepared::Prepared;
pub(crate) use queue::free_spare_chunks;

use std::fmt::Debug;

/// What the other side of a pipe did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It committed messages, and this side's reader slept.
    Readable,
    /// As [`Notice::Readable`]; among what it committed are users' buffers, whose free functions have to run on a
    /// thread other than the caller's.
    ReadableForeign,
    /// It reported messages read, and this side had found the pipe full.
    Writable,
    /// It finished, aborted or stopped reading.
    Ended,
    /// It changed its high-water marks: the reporting step has to follow.
    LimitsChanged,
    /// The connection behind it was lost: its queue begins anew (types that resubscribe).
    Restarted,
}

/// How a pipe end reaches its owner, who may be asleep.
///
/// Implemented by the socket's mailbox and by the I/O thread. Called with any lock held, so it may
/// only take leaf locks.
pub(crate) trait Wake: Send + Sync + Debug {
    /// Tells the owner of the end about `notice`.
    fn wake(&self, notice: Notice);
}

#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, loom))]
mod tests_loom;
