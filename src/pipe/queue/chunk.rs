//! A chunk: memory for records, written by one side and read by the other.

#![allow(unsafe_code, reason = "shared memory without a lock")]

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::pipe::queue::Special;
use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// What a chunk holds up to some point, in one word.
///
/// Bits 0-31: bytes; 32-47: messages completed; 48-60: specials; then the flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(u64);

const ONE_MESSAGE: u64 = 1 << 32;
const ONE_SPECIAL: u64 = 1 << 48;
/// The last frame had MORE.
const MID_MESSAGE: u64 = 1 << 61;
/// Nothing will be added to the chunk: the next one follows.
const SEALED: u64 = 1 << 62;
/// With SEALED: no chunk follows yet; a later one will be found in the queue's head.
const TO_HEAD: u64 = 1 << 63;

impl Word {
    pub(super) fn bytes(self) -> usize {
        // The lower half.
        self.0 as u32 as usize
    }

    pub(super) fn messages(self) -> u64 {
        self.0 >> 32 & 0xffff
    }

    pub(super) fn specials(self) -> usize {
        (self.0 >> 48 & 0x1fff) as usize
    }

    pub(super) fn is_mid_message(self) -> bool {
        self.0 & MID_MESSAGE != 0
    }

    pub(super) fn is_sealed(self) -> bool {
        self.0 & SEALED != 0
    }

    pub(super) fn leads_to_head(self) -> bool {
        self.0 & TO_HEAD != 0
    }

    /// With a frame of this many bytes added. A chunk is too small for any of the counts to overflow.
    #[inline]
    #[must_use]
    pub(super) fn with_frame(self, bytes: usize, more: bool) -> Self {
        let added = (self.0 & !MID_MESSAGE) + bytes as u64;
        Self(if more {
            added | MID_MESSAGE
        } else {
            added + ONE_MESSAGE
        })
    }

    #[must_use]
    pub(super) fn with_special(self) -> Self {
        Self(self.0 + ONE_SPECIAL)
    }

    /// The word of an empty chunk that continues after this one.
    pub(super) fn continued(self) -> Self {
        Self(self.0 & MID_MESSAGE)
    }

    #[must_use]
    pub(super) fn sealed(self) -> Self {
        Self(self.0 | SEALED)
    }

    /// Of the last chunk of a trimmed queue.
    #[must_use]
    pub(super) fn sealed_to_head(self) -> Self {
        Self(self.0 | SEALED | TO_HEAD)
    }
}

/// A special in its place.
#[repr(C)]
pub(super) struct Entry {
    /// The chunk up to and including this record, but for the body of a frame (it is not in there).
    pub(super) upto: Word,
    pub(super) special: Special,
}

/// Bytes that a special takes of its chunk.
pub(super) const ENTRY: usize = size_of::<Entry>();
const _: () = assert!(ENTRY.is_multiple_of(8) && align_of::<Entry>() <= 8);

/// Where the records begin; on a cache line of their own.
pub(super) const HEADER: usize = 64;
const _: () = assert!(size_of::<Header>() <= HEADER);

/// The smallest size of a chunk.
#[cfg(test)]
pub(super) const MINIMUM: usize = HEADER + 64;

/// The largest capacity: what 32 bits can count, less what rounding adds.
const LARGEST: usize = 1 << 31;

#[cfg(test)]
thread_local! {
    /// As if there were no memory for chunks on this thread.
    pub(crate) static NO_MEMORY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The front of a chunk.
#[repr(C, align(64))]
#[derive(Debug)]
struct Header {
    published: AtomicU64,
    /// The chunk after this one. Looked at by the reader only when SEALED is published.
    next: AtomicPtr<Self>,
    /// What to publish once the chunk is complete. The writer's.
    complete: AtomicU64,
    capacity: usize,
    #[cfg(loom)]
    trace: trace::Trace,
}

/// A pointer to a chunk. Whoever holds one in a field owns the chunk or shares it with the other side of
/// the queue; the methods that are `unsafe` need it to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk(NonNull<Header>);

impl Chunk {
    /// Allocates one of `size` bytes in all, or larger if a record of `need` bytes wants it.
    pub(super) fn allocate(size: usize, need: usize) -> Result<Self> {
        if need > LARGEST {
            return Err(Error::NoMemory);
        }
        #[cfg(test)]
        if NO_MEMORY.get() {
            return Err(Error::NoMemory);
        }
        let capacity = need.max(size - HEADER).next_multiple_of(8);
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc(layout(capacity)?) };
        let header = NonNull::new(memory.cast::<Header>()).ok_or(Error::NoMemory)?;
        let content = Header {
            published: AtomicU64::new(0),
            next: AtomicPtr::new(std::ptr::null_mut()),
            complete: AtomicU64::new(0),
            capacity,
            #[cfg(loom)]
            trace: trace::Trace::new(capacity),
        };
        // SAFETY: fresh memory of the right layout.
        unsafe { header.write(content) };
        Ok(Self(header))
    }

    /// Gives the memory back. What specials are in there is not dropped.
    ///
    /// # Safety
    /// The chunk is alive, and nobody else knows it.
    pub(super) unsafe fn free(self) {
        // SAFETY: alive by contract.
        let capacity = unsafe { self.header() }.capacity;
        // SAFETY: nobody uses the header any more.
        unsafe { self.0.drop_in_place() };
        // The layout was valid when the chunk was made.
        if let Ok(layout) = layout(capacity) {
            // SAFETY: allocated by `allocate` with this layout.
            unsafe { dealloc(self.0.as_ptr().cast(), layout) };
        }
    }

    /// Makes a chunk that was read to its end as good as new.
    ///
    /// # Safety
    /// The chunk is alive, its specials are gone, and nobody else uses it.
    pub(super) unsafe fn reset(self) {
        // SAFETY: alive by contract.
        let header = unsafe { self.header() };
        header.published.store(0, Ordering::Relaxed);
        header.next.store(std::ptr::null_mut(), Ordering::Relaxed);
    }

    /// # Safety
    /// The chunk is alive for as long as the reference is used.
    unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: alive by contract; everything shared in there is atomic.
        unsafe { self.0.as_ref() }
    }

    /// Bytes for records and specials.
    ///
    /// # Safety
    /// The chunk is alive.
    pub(super) unsafe fn capacity(self) -> usize {
        // SAFETY: by contract.
        unsafe { self.header() }.capacity
    }

    /// Where the records begin.
    pub(super) fn base(self) -> *mut u8 {
        self.0.as_ptr().cast::<u8>().wrapping_add(HEADER)
    }

    /// Where the special of this index is, or goes.
    ///
    /// # Safety
    /// The chunk is alive, and has room for that many.
    pub(super) unsafe fn entry(self, index: usize) -> *mut Entry {
        // SAFETY: by contract.
        let capacity = unsafe { self.capacity() };
        self.base()
            .wrapping_add(capacity - (index + 1) * ENTRY)
            .cast()
    }

    /// # Safety
    /// The chunk is alive.
    pub(super) unsafe fn published(self, ordering: Ordering) -> Word {
        // SAFETY: by contract.
        Word(unsafe { self.header() }.published.load(ordering))
    }

    /// # Safety
    /// The chunk is alive; the caller is the writer, and what `word` counts is there.
    pub(super) unsafe fn publish(self, word: Word, ordering: Ordering) {
        // SAFETY: by contract.
        unsafe { self.header() }.published.store(word.0, ordering);
    }

    /// # Safety
    /// The chunk is alive.
    pub(super) unsafe fn next(self) -> Option<Self> {
        // SAFETY: by contract.
        let next = unsafe { self.header() }.next.load(Ordering::Relaxed);
        Self::from_raw(next)
    }

    /// # Safety
    /// The chunk is alive; the caller is the writer, and the chunk is not published as sealed.
    pub(super) unsafe fn set_next(self, next: Option<Self>) {
        // SAFETY: by contract.
        unsafe { self.header() }
            .next
            .store(to_raw(next), Ordering::Relaxed);
    }

    /// What [`Chunk::set_complete`] noted.
    ///
    /// # Safety
    /// The chunk is alive.
    pub(super) unsafe fn complete(self) -> Word {
        // SAFETY: by contract.
        Word(unsafe { self.header() }.complete.load(Ordering::Relaxed))
    }

    /// Notes what to publish of a chunk that the writer has left.
    ///
    /// # Safety
    /// The chunk is alive.
    pub(super) unsafe fn set_complete(self, word: Word) {
        // SAFETY: by contract.
        unsafe { self.header() }
            .complete
            .store(word.0, Ordering::Relaxed);
    }

    /// Drops the specials from index `from` up to, not including, `to`.
    ///
    /// # Safety
    /// The chunk is alive, these specials are there, and nobody else looks at them now or later.
    pub(super) unsafe fn drop_specials(self, from: usize, to: usize) {
        for index in from..to {
            self.trace_write(self.entry_position(index));
            // SAFETY: there are that many.
            let entry = unsafe { self.entry(index) };
            // SAFETY: initialised, and given up by everybody else.
            unsafe { entry.drop_in_place() };
        }
    }

    fn from_raw(raw: *mut Header) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    /// A number for the loom trace.
    pub(super) fn entry_position(self, index: usize) -> usize {
        if cfg!(loom) {
            // SAFETY: only callers that hold a live chunk trace.
            let capacity = unsafe { self.capacity() };
            return capacity - (index + 1) * ENTRY;
        }
        0
    }

    /// Tells loom that the memory at this position is written.
    #[inline(always)]
    pub(super) fn trace_write(self, _position: usize) {
        #[cfg(loom)]
        // SAFETY: only callers that hold a live chunk trace.
        unsafe { self.header() }.trace.write(_position);
    }

    /// Tells loom that the memory at this position is read.
    #[inline(always)]
    pub(super) fn trace_read(self, _position: usize) {
        #[cfg(loom)]
        // SAFETY: only callers that hold a live chunk trace.
        unsafe { self.header() }.trace.read(_position);
    }
}

/// A place that both sides know, with a chunk or without.
#[derive(Debug)]
pub(super) struct Slot(AtomicPtr<Header>);

impl Slot {
    pub(super) fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Puts a chunk in, everything written to it included. The place is empty.
    pub(super) fn put(&self, chunk: Chunk) {
        self.0.store(chunk.0.as_ptr(), Ordering::Release);
    }

    /// Takes out what is there.
    pub(super) fn take(&self) -> Option<Chunk> {
        if self.is_empty() {
            return None;
        }
        Chunk::from_raw(self.0.swap(std::ptr::null_mut(), Ordering::AcqRel))
    }

    /// Puts a chunk in and takes out what was there.
    pub(super) fn exchange(&self, chunk: Chunk) -> Option<Chunk> {
        Chunk::from_raw(self.0.swap(chunk.0.as_ptr(), Ordering::AcqRel))
    }
}

fn to_raw(chunk: Option<Chunk>) -> *mut Header {
    chunk.map_or(std::ptr::null_mut(), |chunk| chunk.0.as_ptr())
}

fn layout(capacity: usize) -> Result<Layout> {
    Layout::from_size_align(HEADER + capacity, align_of::<Header>()).map_err(|_| Error::NoMemory)
}

#[cfg(loom)]
mod trace {
    use std::fmt;

    use loom::cell::UnsafeCell;

    /// One cell per byte, touched where records begin: shows loom which accesses must be ordered.
    pub(super) struct Trace(Box<[UnsafeCell<()>]>);

    impl Trace {
        pub(super) fn new(capacity: usize) -> Self {
            Self((0..capacity).map(|_| UnsafeCell::new(())).collect())
        }

        pub(super) fn write(&self, position: usize) {
            self.0[position].with_mut(|_| ());
        }

        pub(super) fn read(&self, position: usize) {
            self.0[position].with(|_| ());
        }
    }

    impl fmt::Debug for Trace {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("Trace")
        }
    }
}
