//! What the two sides of a queue share besides chunks.

#![allow(unsafe_code, reason = "frees chunks")]

use std::cell::UnsafeCell;

use crate::pipe::queue::chunk::{Chunk, HEADER, Slot};
use crate::pipe::queue::chunk_pool;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The head of a queue.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where the reader goes on when it has no chunk: the beginning, and after a trim.
    pub(super) first: Slot,
    /// The reader sleeps: the next commit has to wake it. Only ever swapped.
    pub(super) asleep: AtomicBool,
    /// A chunk on its way back to the writer.
    spare: Slot,
    /// The least and the largest capacity of chunks that are worth keeping.
    kept: (u32, u32),
    /// Where the reader stood when it was dropped.
    rest: UnsafeCell<Rest>,
}

/// A position in the queue.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) chunk: Option<Chunk>,
    /// Specials of the chunk that were taken.
    pub(super) specials: usize,
}

// SAFETY: chunks hold bytes and specials, which are all Send, as asserted below.
unsafe impl Send for Shared {}
// SAFETY: the slots and the flag are atomic; `rest` is written by the reader's drop and read when the last
// of the two sides is gone, which the reference count orders.
unsafe impl Sync for Shared {}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<crate::pipe::queue::Special>();
};

/// Chunks are smaller.
fn in_32_bits(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl Shared {
    pub(super) fn new(sizes: &[usize]) -> Arc<Self> {
        // The smallest size is for pipes that see a few messages only.
        let first = sizes
            .get(1)
            .or_else(|| sizes.first())
            .copied()
            .unwrap_or_default();
        let last = sizes.last().copied().unwrap_or_default();
        Arc::new(Self {
            first: Slot::new(),
            asleep: AtomicBool::new(false),
            spare: Slot::new(),
            // In sizes with the header; a capacity is less by that.
            kept: (in_32_bits(first.saturating_sub(HEADER)), in_32_bits(last)),
            rest: UnsafeCell::new(Rest::default()),
        })
    }

    /// Keeps a chunk for a writer, of this queue or another, or frees it.
    ///
    /// # Safety
    /// The chunk is alive, its specials are gone, and nobody else knows it.
    pub(super) unsafe fn recycle(&self, chunk: Chunk) {
        let (least, most) = self.kept;
        // SAFETY: alive.
        let capacity = unsafe { chunk.capacity() };
        let older = match (least..=most).contains(&in_32_bits(capacity)) {
            true => self.spare.exchange(chunk),
            false => Some(chunk),
        };
        if let Some(surplus) = older.and_then(chunk_pool::put) {
            // SAFETY: either the caller's or one that was kept: known to nobody else.
            unsafe { surplus.free() };
        }
    }

    /// The chunk that was read to its end and is kept, if there is room for `need` bytes in it.
    pub(super) fn reuse(&self, need: usize) -> Option<Chunk> {
        let chunk = self.spare.take()?;
        // SAFETY: chunks in the slot are alive and known to nobody else.
        let capacity = unsafe { chunk.capacity() };
        if capacity < need {
            // SAFETY: as above.
            unsafe { chunk.free() };
            return None;
        }
        // SAFETY: as above; whoever put it there had taken its specials.
        unsafe { chunk.reset() };
        Some(chunk)
    }

    /// Frees the chunk that is kept, if any.
    pub(super) fn drop_spare(&self) {
        if let Some(chunk) = self.spare.take() {
            // SAFETY: chunks in the slot are alive and known to nobody else.
            unsafe { chunk.free() };
        }
    }

    /// Notes where the reader stands for good.
    ///
    /// # Safety
    /// Called by the reader, once, in its drop.
    pub(super) unsafe fn leave(&self, rest: Rest) {
        let place = self.rest.get();
        // SAFETY: only the reader writes, and nobody reads before both sides are gone.
        unsafe { place.write(rest) };
    }
}

impl Drop for Shared {
    /// Both sides are gone: drops what nobody read, and the chunks.
    fn drop(&mut self) {
        self.drop_spare();
        let Rest { chunk, specials } = std::mem::take(self.rest.get_mut());
        let mut taken = specials;
        let mut at = chunk.or_else(|| self.first.take());
        while let Some(chunk) = at {
            // SAFETY: reached from the reader's place, so alive; nobody else is there.
            let word = unsafe { chunk.published(Ordering::Relaxed) };
            // SAFETY: published, not taken, and nobody else is there.
            unsafe { chunk.drop_specials(taken, word.specials()) };
            taken = 0;
            at = if word.leads_to_head() {
                self.first.take()
            } else if word.is_sealed() {
                // SAFETY: alive.
                unsafe { chunk.next() }
            } else {
                None
            };
            // SAFETY: alive, and the way on is known.
            unsafe { chunk.free() };
        }
    }
}
