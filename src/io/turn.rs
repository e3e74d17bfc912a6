//! A turn of an object on its I/O thread: what it may use, how far it may go, and what it wants afterwards.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::io::IoHandle;
use crate::message::Slab;
use crate::pipe::queue::Gather;
use crate::sys::epoll::Epoll;

/// What an object needs of its thread while it runs.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) epoll: Epoll,
    pub(crate) handle: &'a Arc<IoHandle>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) turn: Turn,
    /// The caller is the home thread.
    pub(crate) is_home: bool,
    /// The caller is the application thread that has borrowed the stream.
    pub(crate) borrows: bool,
    /// This turn has looked at what the peer has sent.
    pub(crate) has_looked: bool,
    /// Bytes that this turn has read.
    pub(crate) read: usize,
    /// Bytes that it has written.
    pub(crate) written: usize,
    /// It ended because little was written; see [`Turn::small_writes`].
    pub(crate) wrote_little: bool,
    pub(crate) now: Instant,
}

impl Surroundings<'_> {
    /// Bytes that a direction may move in this turn. Less while somebody waits for the home thread.
    pub(super) fn turn_bytes(&self) -> usize {
        match self.is_hurried() {
            true => self.turn.hasty_bytes,
            false => self.turn.bytes,
        }
    }

    /// Somebody waits for the home thread ([`IoHandle::catch_up`]).
    pub(super) fn is_hurried(&self) -> bool {
        self.is_home && self.handle.looks.is_awaited()
    }
}

/// What an object wants of its thread after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing until readiness, a command or its deadline.
    Wait,
    /// Another turn soon: there is more to do, but others come first.
    Again,
    /// It has ended.
    Gone,
}

/// How far a direction got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// The kernel, or the pipe, has no more.
    Blocked,
    /// The turn is over, but there is more.
    More,
}

/// How far a connection may go, in each direction, before others have their turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Bytes moved, also by one write: below 64 KiB each would wake a sleeping reader. The last system call may move
    /// more.
    pub(super) bytes: usize,
    /// As many if somebody waits for the thread.
    pub(super) hasty_bytes: usize,
    /// Steps of decoding, 10 to 200 ns each: bytes alone say little of what they cost.
    pub(super) steps: usize,
    /// After so many of them, and as many again, it is over if somebody waits for the thread; a divisor of `steps`.
    pub(super) stride: usize,
    /// Writes of less than [`SMALL`]: who sends is slower than this thread, and is to have time to send more.
    pub(super) small_writes: usize,
}

/// Bytes of a write that was hardly worth a system call; see [`crate::io::producers`].
pub(super) const SMALL: usize = 16 * 1024;

impl Turn {
    /// Of who had little to do before. What it says in one go is taken in together, as far as can be, and so before what
    /// others say afterwards: a thousand subscriptions, say, and then a request by another connection. It is what others
    /// wait for, and not cut short for them.
    pub(crate) const CALM: Self = Self {
        bytes: 64 * 1024,
        hasty_bytes: 64 * 1024,
        steps: 1024,
        stride: 1024,
        small_writes: 2,
    };
    /// Of who keeps the thread busy, while others do, too.
    pub(crate) const SHARED: Self = Self {
        bytes: 64 * 1024,
        hasty_bytes: 32 * 1024,
        steps: 256,
        stride: 32,
        small_writes: 2,
    };
    /// Of who keeps the thread busy alone.
    pub(crate) const ALONE: Self = Self {
        bytes: 256 * 1024,
        hasty_bytes: 32 * 1024,
        steps: 1024,
        stride: 32,
        small_writes: 2,
    };

    /// As before, for who has had a turn and wanted another: see [`Turn::small_writes`].
    pub(crate) fn again(self, small_writes: usize) -> Self {
        Self {
            small_writes,
            ..self
        }
    }
}

/// What a connection needs only while it is driven; one per thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(super) slab: Slab,
    /// One that a connection gave back.
    pub(super) spare: Option<Slab>,
    pub(super) gather: Gather,
    /// Where encrypted bytes are received; allocated with the first use.
    sealed: Vec<u8>,
}

impl Scratch {
    /// Allocates its slab with the first use.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            slab: Slab::allocate(0)?,
            spare: None,
            gather: Gather::new(),
            sealed: Vec::new(),
        })
    }

    /// The slab, with room behind `kept` bytes.
    pub(super) fn slab_with_room(&mut self, kept: usize) -> Result<&mut Slab> {
        self.slab_for(LEAST_ROOM.max(kept.saturating_mul(2)))
    }

    /// The slab, with room for so many bytes at `least`.
    pub(super) fn slab_for(&mut self, least: usize) -> Result<&mut Slab> {
        let wanted = SLAB.max(least);
        self.slab.clear();
        // One that was made for a huge command is not kept for ever.
        let is_huge = self.slab.capacity() > wanted.saturating_mul(4);
        if is_huge || self.slab.room().len() < least {
            self.slab = Slab::allocate(wanted)?;
        }
        Ok(&mut self.slab)
    }

    /// [`SLAB`] bytes to receive into; to be given back.
    pub(super) fn take_sealed(&mut self) -> Result<Vec<u8>> {
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed
            .try_reserve_exact(SLAB.saturating_sub(sealed.len()))
            .map_err(|_| Error::NoMemory)?;
        sealed.resize(SLAB, 0);
        Ok(sealed)
    }

    pub(super) fn give_sealed(&mut self, sealed: Vec<u8>) {
        self.sealed = sealed;
    }

    /// Hands the slab over; another one takes its place.
    pub(super) fn give_slab(&mut self) -> Result<Slab> {
        let other = match self.spare.take() {
            Some(spare) => spare,
            None => Slab::allocate(SLAB)?,
        };
        Ok(std::mem::replace(&mut self.slab, other))
    }

    /// Takes a slab back that may still have slices out.
    pub(super) fn take_slab(&mut self, mut slab: Slab) {
        if self.spare.is_none() && slab.clear() && slab.capacity() == SLAB {
            self.spare = Some(slab);
        }
    }
}

/// Bytes read at once; the slab's size.
pub(super) const SLAB: usize = 128 * 1024;
/// A slab with less room than this is not read into.
const LEAST_ROOM: usize = 16 * 1024;
