//! Frame by frame: runs for peers that do not read frames as they lie in the queue, and runs of which the
//! stream took a part.

#![allow(
    unsafe_code,
    reason = "reads records from chunks that it shares with the writer"
)]

use super::{Advanced, Cut, Frame, Reader};
use crate::pipe::queue::gather::{Gather, Run};
use crate::pipe::queue::writer::{LONG, LONG_HEADER, MORE, SHORT_HEADER};
use crate::pipe::queue::{HeaderOf, Special};
use crate::sync::atomic::Ordering;

impl Reader {
    /// As [`Reader::gather`], with headers by `header_of`; it may end behind any frame, but has at least one
    /// if there is one and memory for it. To be consumed by [`Reader::advance_reframed`].
    pub(crate) fn gather_reframed<'a>(
        &'a mut self,
        header_of: HeaderOf,
        budget: usize,
        gather: &'a mut Gather,
    ) -> Run<'a> {
        gather.clear();
        self.gathered = None;
        if self.find_item() {
            self.refresh();
            self.collect_reframed(header_of, budget, gather);
        }
        gather.run()
    }

    /// As [`Reader::advance`], for what [`Reader::gather_reframed`] gathered with the same `header_of`.
    pub(crate) fn advance_reframed(&mut self, header_of: HeaderOf, bytes: usize) -> Advanced {
        self.walk(bytes, Some(header_of))
    }

    fn collect_reframed(&self, header_of: HeaderOf, budget: usize, gather: &mut Gather) {
        let Some(mut chunk) = self.chunk else { return };
        let (mut word, mut index) = (self.word, self.specials);
        let mut position = self.position;
        loop {
            let special = (index < word.specials()).then(|| {
                chunk.trace_read(chunk.entry_position(index));
                // SAFETY: the reader's chunk, or one reached from there, is alive; there are that many.
                let entry = unsafe { chunk.entry(index) };
                // SAFETY: committed and not taken.
                unsafe { &*entry }
            });
            let (end, stored, is_last) = match special {
                None => (word.bytes(), None, false),
                Some(entry) => match &entry.special {
                    Special::Body(body) => (entry.upto.bytes(), Some(body.bytes()), false),
                    _ => (entry.upto.bytes(), None, true),
                },
            };
            if end > position {
                chunk.trace_read(position);
            }
            let records = chunk.base().wrapping_add(position);
            // SAFETY: committed bytes of a chunk that is alive, which nobody writes to.
            let records = unsafe { std::slice::from_raw_parts(records, end - position) };
            if !add_frames(records, stored, header_of, budget, gather) || is_last {
                return;
            }
            if special.is_some() {
                (position, index) = (end, index + 1);
                continue;
            }
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

    /// Consumes `left` bytes, frame by frame; `header_of`: if their headers are not those of the queue.
    pub(super) fn walk(&mut self, mut left: usize, header_of: Option<HeaderOf>) -> Advanced {
        let mut messages = 0;
        let mut cut = None;
        while left > 0 && self.find_item() && self.position != self.next_special {
            let frame = self.frame();
            let (header, size) = match header_of {
                Some(header_of) => header_of(frame.more, frame.length),
                None => self.header(frame),
            };
            let header = header.get(..size).unwrap_or_default();
            let length = header.len() + frame.length;
            if left < length {
                cut = Some(self.cut(frame, header, left));
            } else {
                self.drop_frame(frame);
            }
            left = left.saturating_sub(length);
            messages += u64::from(!frame.more);
        }
        Advanced {
            messages,
            mid_message: self.mid_message,
            cut,
        }
    }

    /// The header of the frame that begins here, as it is.
    fn header(&self, frame: Frame) -> ([u8; LONG_HEADER + 1], usize) {
        let bytes = self.bytes(self.position, frame.start);
        let mut header = [0; LONG_HEADER + 1];
        header
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        (header, bytes.len())
    }

    fn drop_frame(&mut self, frame: Frame) {
        let body = if frame.stored {
            self.take_next_special()
        } else {
            None
        };
        self.pass(frame);
        drop(body);
    }

    /// Consumes the frame that begins here, of which `written` bytes, `header` included, went out.
    fn cut(&mut self, frame: Frame, header: &[u8], written: usize) -> Cut {
        let of_header = written.min(header.len());
        let of_body = written - of_header;
        let mut head = header.get(of_header..).unwrap_or_default().to_vec();
        let mut body = None;
        if frame.stored {
            if let Some(Special::Body(storage)) = self.take_next_special() {
                body = Some((storage, of_body));
            }
        } else {
            head.extend_from_slice(self.bytes(frame.start + of_body, frame.start + frame.length));
        }
        self.pass(frame);
        Cut { head, body }
    }
}

/// Adds the frames that lie in `records`, the last of which ends in `stored` if there is such a body. False:
/// not all of them.
fn add_frames(
    mut records: &[u8],
    stored: Option<&[u8]>,
    header_of: HeaderOf,
    budget: usize,
    gather: &mut Gather,
) -> bool {
    while let Some((more, length, behind)) = split_header(records) {
        let (body, rest) = match stored {
            Some(stored) if behind.is_empty() => (stored, behind),
            _ => behind.split_at(length),
        };
        let (header, size) = header_of(more, length);
        let header = header.get(..size).unwrap_or_default();
        if gather.length() >= budget || !gather.add_frame(header, body) {
            return false;
        }
        records = rest;
    }
    true
}

/// MORE, the length of the body, and what follows the header at the front.
fn split_header(records: &[u8]) -> Option<(bool, usize, &[u8])> {
    let flags = *records.first()?;
    let more = flags & MORE != 0;
    if flags & LONG == 0 {
        let length = usize::from(*records.get(1)?);
        return Some((more, length, &records[SHORT_HEADER..]));
    }
    let (_, rest) = records.split_first()?;
    let (&length, rest) = rest.split_first_chunk()?;
    // It was a usize when it was written.
    Some((more, u64::from_be_bytes(length) as usize, rest))
}
