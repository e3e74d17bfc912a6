//! One direction of a pipe: a queue with a single writer and a single reader.
//!
//! It holds **records**: ZMTP 2/3 traffic frames as they go on the wire, and [`Special`]s for everything
//! else. They lie in linked chunks; the bytes grow from a chunk's beginning, the specials from its end:
//!
//! ```text
//!  published (bytes, messages, specials, flags)      next
//!  | frame | frame | header of a stored body |  free  | Special 1 | Special 0 |
//!    0 ->                                                 <- capacity
//! ```
//!
//! - A frame's header and copied body never straddle chunks. A body held by reference is
//!   [`Special::Body`] at the position right behind its header. Other specials are records of their own,
//!   between two frames. Nothing that a peer sends can become a special.
//! - The writer appends privately. [`Writer::commit`] makes the whole messages appended so far visible
//!   together, by one release store: later chunks are filled in first, the word of the chunk where the
//!   reader may stand last. Bytes and message counts share that word, so they cannot disagree.
//! - The reader puts itself to sleep ([`Reader::sleep`]); the commit after that says that it has to be
//!   woken. Both sides store, fence and look (protocols: "Sleeping reader").
//! - A chunk that was read goes back to the writer through a slot, or to any writer by way of `chunk_pool`: what goes on
//!   steadily allocates nothing. Chunks grow with each that has to be allocated, that is when the reader is behind.
//!
//! Called by `pipe` only. Must not know credit, conflation, or who is at the two ends.

mod chunk;
mod chunk_pool;
mod gather;
mod reader;
mod shared;

mod writer;

#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, loom))]
mod tests_loom;

#[cfg(test)]
pub(crate) use chunk::NO_MEMORY;
pub(crate) use chunk_pool::free_all as free_spare_chunks;
pub(crate) use gather::{Gather, Run};
pub(crate) use reader::{Advanced, BodyRef, Cut, Item, Reader};
pub(crate) use writer::{Writer, before_wakes};

use crate::memory::ShortBytes;
use crate::message::Storage;
use crate::pipe::introduction::Introduction;
use shared::Shared;

/// What travels in a queue besides bytes. Counts as no message, except that the frame of a body may.
#[derive(Debug)]
pub(crate) enum Special {
    /// The body, by reference, of the frame whose header precedes it.
    Body(Storage),
    /// What the peer said of itself in the handshake; before the messages that it concerns.
    Peer(Introduction),
    /// A subscription or its end.
    Subscription {
        /// False to cancel it.
        subscribe: bool,
        /// The prefix.
        topic: ShortBytes,
    },
    /// The socket begins anew: what precedes this was for a connection that is lost.
    Restart,
    /// The peer came, or went (ZMQ_ROUTER_NOTIFY).
    Notify,
}

impl Special {
    /// The memory that it takes, about, as far as a peer brings it about; 0 for everything else.
    pub(crate) fn weight(&self) -> u64 {
        const MARKER: u64 = 64;
        match self {
            Self::Subscription { topic, .. } => MARKER + topic.len() as u64,
            Self::Peer(introduction) => introduction.weight(),
            Self::Notify => MARKER,
            Self::Body(_) | Self::Restart => 0,
        }
    }
}

/// The header of a frame in another form than the queue's: of one with MORE or not, and with a body of so
/// many bytes. It is so much of the array; if it may be empty, an empty frame has to be skipped by itself when it
/// comes first.
pub(crate) type HeaderOf = fn(bool, usize) -> ([u8; writer::LONG_HEADER + 1], usize);

/// Sizes of the chunks that a queue allocates one after the other, header included, as long as its
/// reader is behind. An idle pipe holds none, a slow one little.
const CHUNK_SIZES: &[usize] = &[512, 4096, 32 * 1024, chunk_pool::SIZE];

/// Makes a queue. Nothing but a small head is allocated before the first record.
pub(crate) fn queue() -> (Writer, Reader) {
    queue_with_chunks(CHUNK_SIZES)
}

/// As [`queue`], with chunks of these sizes: not empty, each at least `chunk::MINIMUM`.
fn queue_with_chunks(sizes: &'static [usize]) -> (Writer, Reader) {
    let shared = Shared::new(sizes);
    let writer = Writer::new(shared.clone(), sizes);
    (writer, Reader::new(shared))
}
