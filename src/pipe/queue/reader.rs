//! The reading side of a queue.

#![allow(
    unsafe_code,
    reason = "reads records from chunks that it shares with the writer"
)]

mod framing;

mod count;

use crate::message::Storage;
use crate::pipe::queue::Special;
use crate::pipe::queue::chunk::{Chunk, Entry, Word};
use crate::pipe::queue::gather::{Gather, Run};
use crate::pipe::queue::shared::{Rest, Shared};
use crate::pipe::queue::writer::{LONG, LONG_HEADER, MORE, SHORT_HEADER};
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};

/// The reading side. One thread at a time uses it. It always stands between two records.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// The chunk it stands in; `None`: the head.
    chunk: Option<Chunk>,
    /// Where the chunk's records begin, the next one, and the end of those known to be committed.
    base: *const u8,
    position: usize,
    committed: usize,
    /// Where the next special belongs; [`NONE`] if no further one is known to be committed. For a body
    /// that is behind a header, else between two records.
    next_special: usize,
    /// What the chunk had published when it was last looked at.
    word: Word,
    /// Taken from this chunk: specials, whole messages.
    specials: usize,
    messages: u64,
    /// The last frame taken had MORE.
    mid_message: bool,
    /// It went to sleep and has not found anything since.
    sleeping: bool,
    /// The chunk where the last run that was gathered ends, as it was then.
    gathered: Option<(Chunk, Word)>,
}

/// No position.
const NONE: usize = usize::MAX;

// SAFETY: the pointers lead to chunks, whose content is Send and which the reader shares by `Shared`.
unsafe impl Send for Reader {}

/// What [`Reader::peek`] finds.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// A frame.
    Frame {
        /// More frames of the message follow.
        more: bool,
        /// The body.
        body: &'a [u8],
    },
    /// Something else.
    Special(&'a Special),
}

/// The body of a frame that is being read.
#[derive(Debug)]
pub(crate) enum BodyRef<'a> {
    /// It lies in the queue; copy it.
    Copied(&'a [u8]),
    /// It was held by reference and is the reader's now.
    Stored(Storage),
}

/// What [`Reader::advance`] went past.
#[derive(Debug)]
pub(crate) struct Advanced {
    /// Whole messages, a cut one included if its last frame is the one that was cut.
    pub(crate) messages: u64,
    /// The last frame, cut or not, had MORE.
    pub(crate) mid_message: bool,
    /// What is still to be written of the last frame.
    pub(crate) cut: Option<Cut>,
}

/// The rest of a frame, of which the beginning was written. The reader stands behind it.
#[derive(Debug)]
pub(crate) struct Cut {
    /// What is left of the header and of a copied body; may be empty.
    pub(crate) head: Vec<u8>,
    /// A body held by reference, and how much of it was written.
    pub(crate) body: Option<(Storage, usize)>,
}

/// A frame in the reader's chunk.
#[derive(Clone, Copy)]
struct Frame {
    more: bool,
    /// Where the header ends.
    start: usize,
    /// Length of the body.
    length: usize,
    /// The body is the next special.
    stored: bool,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            chunk: None,
            base: std::ptr::null(),
            position: 0,
            committed: 0,
            next_special: NONE,
            word: Word::default(),
            specials: 0,
            messages: 0,
            mid_message: false,
            sleeping: false,
            gathered: None,
        }
    }

    // ---- record by record ----

    /// The next committed record.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Option<Item<'_>> {
        if !self.find_item() {
            return None;
        }
        if self.position == self.next_special {
            let entry = self.next_entry();
            // SAFETY: committed and not taken, and `self` is borrowed as long as the reference.
            return Some(Item::Special(&unsafe { &*entry }.special));
        }
        let frame = self.frame();
        Some(Item::Frame {
            more: frame.more,
            body: self.body(frame),
        })
    }

    /// Reads a frame: `take` gets its MORE flag and body. `None` if no frame is next.
    ///
    /// If `take` fails for a body that lies in the queue, the frame stays. A body that was held by
    /// reference is gone with `take` in any case.
    #[inline(always)]
    pub(crate) fn try_read_with<R, E>(
        &mut self,
        take: impl FnOnce(bool, BodyRef<'_>) -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        if !self.find_item() || self.position == self.next_special {
            return None;
        }
        let frame = self.frame();
        if frame.stored {
            let body = self.take_next_special();
            self.pass(frame);
            return match body {
                Some(Special::Body(storage)) => Some(take(frame.more, BodyRef::Stored(storage))),
                // `stored` says that it is one.
                _ => None,
            };
        }
        let result = take(frame.more, BodyRef::Copied(self.body(frame)));
        if result.is_ok() {
            self.pass(frame);
        }
        Some(result)
    }

    /// Takes the next record if it is a special.
    pub(crate) fn take_special(&mut self) -> Option<Special> {
        if !self.find_item() || self.position != self.next_special {
            return None;
        }
        self.take_next_special()
    }

    /// Drops the next record, if there is one.
    pub(crate) fn skip(&mut self) {
        if !self.find_item() {
            return;
        }
        if self.position == self.next_special {
            drop(self.take_next_special());
            return;
        }
        let frame = self.frame();
        let body = if frame.stored {
            self.take_next_special()
        } else {
            None
        };
        self.pass(frame);
        drop(body);
    }

    // ---- sleeping ----

    /// Goes to sleep unless there is something to read: true, and the next commit says that the reader
    /// has to be woken. It wakes by itself when it finds something.
    pub(crate) fn sleep(&mut self) -> bool {
        if self.find_item() {
            return false;
        }
        if self.sleeping && self.shared.asleep.load(Ordering::Relaxed) {
            return true;
        }
        self.sleeping = true;
        self.shared.asleep.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // Whoever committed before it could see the flag is seen here.
        !self.find_item()
    }

    /// From now on no commit wakes this reader: it looks by itself.
    pub(crate) fn wake_up(&mut self) {
        self.sleeping = false;
        self.shared.asleep.swap(false, Ordering::Relaxed);
    }

    // ---- runs of wire bytes ----

    /// Collects wire bytes from here to the next special that is no body, the end of what is committed,
    /// or, at the end of a body or chunk, to `budget` bytes or the last slice of `gather`.
    ///
    /// Nothing is consumed before [`Reader::advance`].
    pub(crate) fn gather<'a>(&'a mut self, budget: usize, gather: &'a mut Gather) -> Run<'a> {
        gather.clear();
        if self.find_item() {
            self.refresh();
            self.collect(budget, gather);
        }
        gather.run()
    }

    fn collect(&mut self, budget: usize, gather: &mut Gather) {
        let Some(mut chunk) = self.chunk else { return };
        let (mut word, mut index) = (self.word, self.specials);
        let mut position = self.position;
        loop {
            self.gathered = Some((chunk, word));
            while index < word.specials() {
                // SAFETY: the reader's chunk, or one reached from there, is alive; there are that many.
                let entry = unsafe { chunk.entry(index) };
                chunk.trace_read(chunk.entry_position(index));
                // SAFETY: committed and not taken.
                let entry = unsafe { &*entry };
                let end = entry.upto.bytes();
                let Special::Body(body) = &entry.special else {
                    if !gather.has_room() {
                        return;
                    }
                    gather.add_records(chunk.base().wrapping_add(position), end - position);
                    return;
                };
                if gather.length() >= budget || !gather.has_room() {
                    return;
                }
                let records = chunk.base().wrapping_add(position);
                gather.add_records_and_body(records, end - position, body.bytes());
                position = end;
                index += 1;
            }
            if gather.length() >= budget || !gather.has_room() {
                return;
            }
            gather.add_records(chunk.base().wrapping_add(position), word.bytes() - position);
            if !word.is_sealed() || word.leads_to_head() {
                return;
            }
            // SAFETY: alive, and sealed.
            let Some(next) = (unsafe { chunk.next() }) else {
                return;
            };
            chunk = next;
            // SAFETY: follows a sealed chunk, so alive: this reader alone frees it.
            word = unsafe { chunk.published(Ordering::Acquire) };
            (position, index) = (0, 0);
        }
    }

    /// Consumes `bytes` of what was gathered last. A frame that this cuts is consumed as a whole, and
    /// its rest given out.
    pub(crate) fn advance(&mut self, bytes: usize) -> Advanced {
        let mut left = bytes;
        let mut messages = 0;
        let mut cut = None;
        while left > 0 {
            // Segments end behind a body, before another special, or at the end of what is committed.
            let before = self.messages;
            let (end, body) = self.segment();
            let length = end.bytes() - self.position + body;
            if length == 0 {
                if !self.go_to_next_chunk() {
                    // More than was gathered.
                    break;
                }
            } else if left >= length {
                left -= length;
                self.pass_segment(end);
                messages += self.messages - before;
            } else {
                let walked = self.walk(left, None);
                left = 0;
                (messages, cut) = (messages + walked.messages, walked.cut);
            }
        }
        self.gathered = None;
        Advanced {
            messages,
            mid_message: self.mid_message,
            cut,
        }
    }

    /// The end of the segment that begins here, and the length of the body by reference that it ends in.
    fn segment(&self) -> (Word, usize) {
        if self.next_special == NONE {
            return (self.word, 0);
        }
        // SAFETY: committed and not taken.
        let entry = unsafe { &*self.next_entry() };
        match &entry.special {
            Special::Body(body) => (entry.upto, body.len()),
            _ => (entry.upto, 0),
        }
    }

    fn pass_segment(&mut self, end: Word) {
        let is_body = self.next_special == end.bytes() && self.next_is_body();
        let body = if is_body {
            self.take_next_special()
        } else {
            None
        };
        self.position = end.bytes();
        self.messages = end.messages();
        self.mid_message = end.is_mid_message();
        drop(body);
    }

    // ---- discarding ----

    /// Drops everything that is committed, so that no storage is left for a drop at a bad time.
    pub(crate) fn discard(&mut self) {
        while self.find_item() {
            if self.position == self.next_special && !self.next_is_body() {
                drop(self.take_next_special());
                continue;
            }
            let (end, _) = self.segment();
            self.pass_segment(end);
        }
    }

    /// Gives back what an idle queue does not need: chunks that the writer is through with.
    #[cfg_attr(not(test), expect(dead_code, reason = "nobody notices idle pipes yet"))]
    pub(crate) fn trim(&mut self) {
        // Leaves a sealed chunk.
        self.find_item();
        self.shared.drop_spare();
    }

    // ---- the place ----

    /// Brings the reader to a record, if one is committed. False: it stands at the end.
    #[inline(always)]
    fn find_item(&mut self) -> bool {
        self.position < self.committed || self.position == self.next_special || self.look()
    }

    /// Looks for records behind those known.
    fn look(&mut self) -> bool {
        loop {
            if !self.go_to_next_chunk() && !self.refresh() {
                return false;
            }
            if self.position < self.committed || self.position == self.next_special {
                if self.sleeping {
                    self.wake_up();
                }
                return true;
            }
        }
    }

    /// Looks at what the chunk has published; true if that changed.
    fn refresh(&mut self) -> bool {
        let Some(chunk) = self.chunk else {
            return false;
        };
        // SAFETY: the reader's chunk is alive.
        let word = unsafe { chunk.published(Ordering::Acquire) };
        if word == self.word {
            return false;
        }
        self.adopt(word);
        true
    }

    /// Leaves a chunk that was read and will not grow; true if it went to another.
    fn go_to_next_chunk(&mut self) -> bool {
        let next = match self.chunk {
            None => self.shared.first.take(),
            Some(chunk) if self.word.is_sealed() => {
                let next = if self.word.leads_to_head() {
                    None
                } else {
                    // SAFETY: alive, and sealed.
                    unsafe { chunk.next() }
                };
                self.leave_chunk(chunk);
                if next.is_none() {
                    self.shared.first.take()
                } else {
                    next
                }
            }
            Some(_) => return false,
        };
        let Some(chunk) = next else { return false };
        self.chunk = Some(chunk);
        self.base = chunk.base();
        let word = match self.gathered {
            // In phase with the run, so that its end is the end of a segment.
            Some((last, word)) if last == chunk => word,
            // SAFETY: the reader's chunk is alive.
            _ => unsafe { chunk.published(Ordering::Acquire) },
        };
        self.adopt(word);
        true
    }

    /// Gives back a chunk of which everything was taken.
    fn leave_chunk(&mut self, chunk: Chunk) {
        self.chunk = None;
        self.base = std::ptr::null();
        self.position = 0;
        self.committed = 0;
        self.next_special = NONE;
        self.word = Word::default();
        self.specials = 0;
        self.messages = 0;
        // SAFETY: the writer left it when it sealed it, and all its specials were taken.
        unsafe { self.shared.recycle(chunk) };
    }

    /// Takes over what the chunk has published.
    fn adopt(&mut self, word: Word) {
        self.word = word;
        self.committed = word.bytes();
        self.find_next_special();
    }

    fn find_next_special(&mut self) {
        self.next_special = NONE;
        if self.specials < self.word.specials() {
            // SAFETY: committed and not taken.
            self.next_special = unsafe { &*self.next_entry() }.upto.bytes();
        }
    }

    /// The next special, of which there has to be one.
    fn next_entry(&self) -> *mut Entry {
        let Some(chunk) = self.chunk else {
            return std::ptr::null_mut();
        };
        chunk.trace_read(chunk.entry_position(self.specials));
        // SAFETY: the reader's chunk is alive, and there are more than that.
        unsafe { chunk.entry(self.specials) }
    }

    fn next_is_body(&self) -> bool {
        if self.specials >= self.word.specials() {
            return false;
        }
        // SAFETY: committed and not taken.
        matches!(unsafe { &*self.next_entry() }.special, Special::Body(_))
    }

    /// Moves the next special out.
    fn take_next_special(&mut self) -> Option<Special> {
        if self.specials >= self.word.specials() {
            return None;
        }
        let entry = self.next_entry();
        // SAFETY: committed, and counted as taken from here on.
        let entry = unsafe { entry.read() };
        self.specials += 1;
        self.find_next_special();
        Some(entry.special)
    }

    /// The frame that begins here. There has to be one.
    #[inline(always)]
    fn frame(&self) -> Frame {
        debug_assert!(self.position < self.committed);
        if let Some(chunk) = self.chunk {
            chunk.trace_read(self.position);
        }
        let at = self.base.wrapping_add(self.position);
        // SAFETY: a committed frame has a whole header.
        let [flags, length] = unsafe { at.cast::<[u8; SHORT_HEADER]>().read() };
        let (header, length) = if flags & LONG == 0 {
            (SHORT_HEADER, usize::from(length))
        } else {
            // SAFETY: as above; byte arrays need no alignment.
            let length = unsafe { at.wrapping_add(1).cast::<[u8; 8]>().read() };
            // It was a usize when it was written.
            (LONG_HEADER, u64::from_be_bytes(length) as usize)
        };
        let start = self.position + header;
        Frame {
            more: flags & MORE != 0,
            start,
            length,
            stored: start == self.next_special && self.next_is_body(),
        }
    }

    /// The body of the frame that begins here.
    #[inline(always)]
    fn body(&self, frame: Frame) -> &[u8] {
        if !frame.stored {
            return self.bytes(frame.start, frame.start + frame.length);
        }
        // SAFETY: committed and not taken, and `self` is borrowed as long as the reference.
        match &unsafe { &*self.next_entry() }.special {
            Special::Body(body) => body.bytes(),
            _ => &[],
        }
    }

    /// Committed bytes of the chunk.
    fn bytes(&self, from: usize, to: usize) -> &[u8] {
        debug_assert!(from <= to && to <= self.committed);
        // SAFETY: committed bytes are initialised and written to by nobody; the chunk stays at least as
        // long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.base.wrapping_add(from), to - from) }
    }

    /// Goes past a frame, whose body was taken if it was stored.
    #[inline(always)]
    fn pass(&mut self, frame: Frame) {
        self.position = if frame.stored {
            frame.start
        } else {
            frame.start + frame.length
        };
        self.mid_message = frame.more;
        self.messages += u64::from(!frame.more);
    }
}

impl Drop for Reader {
    /// Leaves what was not read to the last of the two sides.
    fn drop(&mut self) {
        let rest = Rest {
            chunk: self.chunk,
            specials: self.specials,
        };
        // SAFETY: the reader's only call.
        unsafe { self.shared.leave(rest) };
    }
}

#[cfg(test)]
impl Reader {
    /// As [`Reader::try_read_with`], with a `take` that cannot fail.
    pub(super) fn read_with<R>(&mut self, take: impl FnOnce(bool, BodyRef<'_>) -> R) -> Option<R> {
        let read =
            self.try_read_with(|more, body| Ok::<_, std::convert::Infallible>(take(more, body)));
        match read? {
            Ok(result) => Some(result),
            Err(never) => match never {},
        }
    }

    /// Nothing is committed that was not read.
    pub(super) fn is_empty(&mut self) -> bool {
        !self.find_item()
    }
}

#[cfg(all(test, not(loom)))]
impl Reader {
    pub(super) fn holds_no_chunk(&self) -> bool {
        self.chunk.is_none()
    }

    pub(super) fn shared_for_tests(&self) -> &Shared {
        &self.shared
    }
}
