//! The writing side of a queue.

#![allow(
    unsafe_code,
    reason = "writes records into chunks that it shares with the reader"
)]

use crate::error::Result;
use crate::message::Storage;
use crate::pipe::queue::chunk::{Chunk, ENTRY, Entry, Word};
use crate::pipe::queue::shared::Shared;
use crate::pipe::queue::{Special, chunk_pool};
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};

/// Flag bits of a ZMTP 2/3 traffic frame (23/ZMTP "Traffic").
pub(super) const MORE: u8 = 1;
pub(super) const LONG: u8 = 2;
/// Bytes before the body of a short frame (up to 255 bytes) and of a long one.
pub(super) const SHORT_HEADER: usize = 2;
pub(super) const LONG_HEADER: usize = 9;

/// What goes on for so many chunks while its reader is busy is a stream.
const STREAM: u32 = 32;

/// The writing side. One thread at a time uses it.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// The end of what was appended.
    end: Position,
    /// The end of the last whole message: what a commit publishes.
    whole: Position,
    /// The end of what the reader may see.
    committed: Position,
    /// The first chunk after the head, as long as it is not published.
    first: Option<Chunk>,
    /// Where the records of the last chunk begin; where they have to end.
    base: *mut u8,
    limit: usize,
    sizes: &'static [usize],
    /// Chunks allocated since the queue was last idle.
    allocated: u32,
    /// Chunks filled while the reader did not sleep; halved by one that is filled while it does.
    streamed: u32,
}

/// A place in the queue: the chunk (`None`: the head) and what it holds up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    chunk: Option<Chunk>,
    word: Word,
}

// SAFETY: the pointers lead to chunks, whose content is Send and which the writer shares by `Shared`.
unsafe impl Send for Writer {}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, sizes: &'static [usize]) -> Self {
        Self {
            shared,
            end: Position::default(),
            whole: Position::default(),
            committed: Position::default(),
            first: None,
            base: std::ptr::null_mut(),
            limit: 0,
            sizes,
            allocated: 0,
            streamed: 0,
        }
    }

    /// Appends a frame and copies its body, of less than 2 GiB. `NoMemory` leaves the queue as it was.
    #[inline(always)]
    pub(crate) fn append(&mut self, more: bool, body: &[u8]) -> Result<()> {
        let header = header_length(body.len());
        let need = header + body.len();
        let at = self.reserve(need)?;
        write_header(at, more, body.len());
        let to = at.wrapping_add(header);
        // SAFETY: `reserve` found room for header and body, where the reader does not look before a
        // commit; `body` cannot overlap it.
        unsafe { std::ptr::copy_nonoverlapping(body.as_ptr(), to, body.len()) };
        self.end.word = self.end.word.with_frame(need, more);
        if !more {
            self.whole = self.end;
        }
        Ok(())
    }

    /// Appends a frame whose body stays where it is. `NoMemory` leaves the queue as it was (and drops
    /// the reference).
    pub(crate) fn append_storage(&mut self, more: bool, body: Storage) -> Result<()> {
        let header = header_length(body.len());
        let at = self.reserve(header + ENTRY)?;
        write_header(at, more, body.len());
        self.end.word = self.end.word.with_frame(header, more);
        self.put_special(Special::Body(body));
        if !more {
            self.whole = self.end;
        }
        Ok(())
    }

    /// Appends a record that is no frame. Inside a message it becomes visible with it. `NoMemory` leaves
    /// the queue as it was (and drops `special`).
    pub(crate) fn append_special(&mut self, special: Special) -> Result<()> {
        debug_assert!(!matches!(special, Special::Body(_)), "a body has a header");
        self.reserve(ENTRY)?;
        self.put_special(special);
        if !self.end.word.is_mid_message() {
            self.whole = self.end;
        }
        Ok(())
    }

    /// Makes the whole messages appended so far visible, all at once; false if there are none. A wake-up is owed then:
    /// [`before_wakes`], once for any number of queues, and [`Self::must_wake`].
    #[inline(always)]
    pub(crate) fn publish(&mut self) -> bool {
        if self.committed == self.whole {
            return false;
        }
        if self.committed.chunk == self.whole.chunk
            && let Some(last) = self.whole.chunk
        {
            // SAFETY: alive: the reader cannot have passed a chunk that is not sealed.
            unsafe { last.publish(self.whole.word, Ordering::Release) };
            self.committed = self.whole;
        } else {
            self.publish_chunks();
        }
        true
    }

    /// True if the reader sleeps: the caller has to wake it, and will not be told again.
    #[inline(always)]
    pub(crate) fn must_wake(&self) -> bool {
        // Looked at first: the flag is rarely set, and the swap would take its cache line each time.
        self.shared.asleep.load(Ordering::Relaxed)
            && self.shared.asleep.swap(false, Ordering::AcqRel)
    }

    /// Something was appended that is not visible yet.
    pub(crate) fn has_uncommitted(&self) -> bool {
        self.end != self.committed
    }

    /// Takes back the frames of an unfinished message. Whole messages stay, committed or not.
    pub(crate) fn rollback(&mut self) {
        if self.end == self.whole {
            return;
        }
        self.take_back(self.whole);
    }

    /// Gives back what an idle queue does not need: the spare chunk, and the last one as soon as the
    /// reader looks. Not inside a message.
    #[cfg_attr(not(test), expect(dead_code, reason = "nobody notices idle pipes yet"))]
    pub(crate) fn trim(&mut self) {
        self.shared.drop_spare();
        // While the head holds a chunk that the reader has not taken, the queue is not idle.
        let Some(last) = self.committed.chunk else {
            return;
        };
        if self.has_uncommitted() || !self.shared.first.is_empty() {
            return;
        }
        // SAFETY: the writer's last chunk is alive: the reader frees none that is not sealed.
        unsafe { last.publish(self.committed.word.sealed_to_head(), Ordering::Release) };
        // From here on the chunk is the reader's.
        self.committed = Position::default();
        self.whole = Position::default();
        self.first = None;
        (self.allocated, self.streamed) = (0, 0);
        self.go_to(Position::default());
    }

    /// The place for a record of `need` bytes, specials included, which the caller then writes.
    #[inline(always)]
    fn reserve(&mut self, need: usize) -> Result<*mut u8> {
        let mut at = self.end.word.bytes();
        if need > self.limit - at {
            self.go_to_fresh_chunk(need)?;
            at = 0;
        }
        if let Some(chunk) = self.end.chunk {
            chunk.trace_write(at);
        }
        Ok(self.base.wrapping_add(at))
    }

    #[cold]
    fn go_to_fresh_chunk(&mut self, need: usize) -> Result<()> {
        let fresh = self.fresh_chunk(need)?;
        match self.end.chunk {
            Some(full) => {
                // SAFETY: the writer's last chunk is alive and not sealed.
                unsafe { full.set_complete(self.end.word.sealed()) };
                // SAFETY: as above.
                unsafe { full.set_next(Some(fresh)) };
            }
            None => self.first = Some(fresh),
        }
        self.go_to(Position {
            chunk: Some(fresh),
            word: self.end.word.continued(),
        });
        Ok(())
    }

    /// One that was read, or a new one. A stream does not take the one that was just read: it is still in the cache of the
    /// reader's processor, and would have to be fetched from there. (100 bytes, two processors: inproc 13 to 16 million
    /// messages a second.)
    fn fresh_chunk(&mut self, need: usize) -> Result<Chunk> {
        self.streamed = match self.shared.asleep.load(Ordering::Relaxed) {
            true => self.streamed / 2,
            false => (self.streamed + 1).min(2 * STREAM),
        };
        let step = usize::try_from(self.allocated).unwrap_or(usize::MAX);
        let size = self.sizes[step.min(self.sizes.len() - 1)];
        let pooled = size == chunk_pool::SIZE && need <= chunk_pool::CAPACITY;
        let is_stream = pooled && self.streamed >= STREAM;
        if !is_stream && let Some(chunk) = self.shared.reuse(need) {
            return Ok(chunk);
        }
        if pooled && let Some(chunk) = chunk_pool::take(is_stream) {
            return Ok(chunk);
        }
        match Chunk::allocate(size, need) {
            Ok(chunk) => {
                self.allocated = self.allocated.saturating_add(1);
                Ok(chunk)
            }
            // Any is better than none.
            Err(error) if is_stream => self.shared.reuse(need).ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// Makes `position` the end of the queue.
    fn go_to(&mut self, position: Position) {
        self.end = position;
        match position.chunk {
            Some(chunk) => {
                self.base = chunk.base();
                // SAFETY: alive: a chunk of the writer's that the reader cannot have passed.
                let capacity = unsafe { chunk.capacity() };
                self.limit = capacity - position.word.specials() * ENTRY;
            }
            None => {
                self.base = std::ptr::null_mut();
                self.limit = 0;
            }
        }
    }

    /// Writes a special to the room that `reserve` found.
    fn put_special(&mut self, special: Special) {
        let Some(chunk) = self.end.chunk else { return };
        let index = self.end.word.specials();
        self.end.word = self.end.word.with_special();
        self.limit -= ENTRY;
        let entry = Entry {
            upto: self.end.word,
            special,
        };
        chunk.trace_write(chunk.entry_position(index));
        // SAFETY: the last chunk is alive and has room for it.
        let place = unsafe { chunk.entry(index) };
        // SAFETY: free memory, aligned, where the reader does not look before a commit.
        unsafe { place.write(entry) };
    }

    /// Publishes everything up to the last whole message, which is in another chunk than what was published before.
    #[cold]
    fn publish_chunks(&mut self) {
        let Some(last) = self.whole.chunk else { return };
        // Later chunks first; the reader gets to them by the store below only.
        // SAFETY: alive, as it is not published.
        unsafe { last.publish(self.whole.word, Ordering::Relaxed) };
        let mut between = match self.committed.chunk {
            // SAFETY: alive: not sealed.
            Some(chunk) => unsafe { chunk.next() },
            None => self.first,
        };
        while let Some(chunk) = between.filter(|chunk| *chunk != last) {
            // SAFETY: alive: not published.
            let complete = unsafe { chunk.complete() };
            // SAFETY: as above.
            unsafe { chunk.publish(complete, Ordering::Relaxed) };
            // SAFETY: as above.
            between = unsafe { chunk.next() };
        }
        match (self.committed.chunk, self.first) {
            (Some(chunk), _) => {
                // SAFETY: alive: not sealed.
                let complete = unsafe { chunk.complete() };
                // SAFETY: as above.
                unsafe { chunk.publish(complete, Ordering::Release) };
            }
            (None, Some(first)) => {
                self.shared.first.put(first);
                self.first = None;
            }
            (None, None) => {}
        }
        self.committed = self.whole;
    }

    /// Drops everything after `position`, which is not committed.
    fn take_back(&mut self, position: Position) {
        let mut next = match position.chunk {
            Some(chunk) => {
                let until = self.specials_of(chunk);
                // SAFETY: alive, and the reader does not see these.
                unsafe { chunk.drop_specials(position.word.specials(), until) };
                // SAFETY: alive: not sealed.
                let next = unsafe { chunk.next() };
                // SAFETY: as above.
                unsafe { chunk.set_next(None) };
                next
            }
            None => self.first.take(),
        };
        while let Some(chunk) = next {
            let until = self.specials_of(chunk);
            // SAFETY: alive, and never published.
            unsafe { chunk.drop_specials(0, until) };
            // SAFETY: as above.
            next = unsafe { chunk.next() };
            // SAFETY: as above, and now unlinked.
            unsafe { self.shared.recycle(chunk) };
        }
        self.go_to(position);
    }

    /// Specials that were appended to one of the writer's chunks.
    fn specials_of(&self, chunk: Chunk) -> usize {
        if self.end.chunk == Some(chunk) {
            return self.end.word.specials();
        }
        // SAFETY: alive: one of the chunks that are not published as sealed.
        unsafe { chunk.complete() }.specials()
    }
}

impl Drop for Writer {
    /// What is not committed is nobody's.
    fn drop(&mut self) {
        if self.has_uncommitted() {
            self.take_back(self.committed);
        }
    }
}

#[cfg(test)]
impl Writer {
    /// All of it. True if the caller has to wake the reader.
    pub(crate) fn commit(&mut self) -> bool {
        let any = self.publish();
        before_wakes();
        any && self.must_wake()
    }
}

/// Between what was published and the look at who sleeps: a reader that falls asleep does the same in the other order, so
/// that one of the two sees the other.
#[inline(always)]
pub(crate) fn before_wakes() {
    fence(Ordering::SeqCst);
}

/// Bytes before a body of this length.
#[inline]
pub(super) fn header_length(body: usize) -> usize {
    if body <= usize::from(u8::MAX) {
        SHORT_HEADER
    } else {
        LONG_HEADER
    }
}

/// Writes the header of a frame to room found by [`Writer::reserve`].
#[inline]
fn write_header(at: *mut u8, more: bool, body: usize) {
    let flags = u8::from(more) * MORE;
    match u8::try_from(body) {
        Ok(length) => {
            // SAFETY: room for a short header, which the reader does not see yet.
            unsafe { at.cast::<[u8; SHORT_HEADER]>().write([flags, length]) };
        }
        Err(_) => {
            // SAFETY: room for a long header.
            unsafe { at.write(flags | LONG) };
            let length = (body as u64).to_be_bytes();
            // SAFETY: as above; byte arrays need no alignment.
            unsafe { at.wrapping_add(1).cast::<[u8; 8]>().write(length) };
        }
    }
}

#[cfg(all(test, not(loom)))]
impl Writer {
    pub(super) fn holds_no_chunk(&self) -> bool {
        self.end.chunk.is_none() && self.committed.chunk.is_none()
    }
}
