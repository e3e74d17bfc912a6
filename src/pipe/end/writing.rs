//! The writing half of a pipe end: frames, markers, and who is woken for them.

#![forbid(unsafe_code)]

use super::{BEYOND, FLOOD, PipeEnd};
use crate::error::Result;
use crate::message::{Message, Storage};
use crate::pipe::Notice;
use crate::pipe::frame::{Outgoing, Stored};
use crate::pipe::queue::{self, Special};
use crate::sync::atomic::{AtomicU64, Ordering};

impl PipeEnd {
    /// True if the next frame may be written: the reader is there, and there is credit or a message
    /// has been begun. A pipe found full stays so until [`PipeEnd::noticed_writable`].
    #[inline(always)]
    pub(crate) fn can_write(&mut self) -> bool {
        if self.out_ended || self.out().reader_gone.load(Ordering::Acquire) {
            return false;
        }
        if self.mid_write || self.out().slot.is_some() {
            return true;
        }
        if self.full {
            return false;
        }
        if self.has_credit() {
            return true;
        }
        self.out().credit.announce_full(self.out().credit.limit());
        self.reported = self.out().credit.reported();
        if self.has_credit() {
            self.out().credit.withdraw_full();
            return true;
        }
        self.full = true;
        false
    }

    /// Whole messages that may be written before [`PipeEnd::can_write`] is to be asked again, which has just said yes. The
    /// one that has been begun counts. What else may stop a writer, like [`PipeEnd::is_flooded`], is not looked at.
    pub(crate) fn room(&self) -> u64 {
        self.credit_of(self.out().credit.limit()).max(1)
    }

    #[inline(always)]
    fn has_credit(&mut self) -> bool {
        let limit = self.out().credit.limit();
        if self.credit_of(limit) > 0 {
            return true;
        }
        self.reported = self.out().credit.reported();
        self.credit_of(limit) > 0
    }

    /// Messages that may be begun, as far as reports are known.
    #[inline(always)]
    fn credit_of(&self, limit: u64) -> u64 {
        match limit {
            0 => u64::MAX,
            limit => limit.saturating_sub(self.written.wrapping_sub(self.reported)),
        }
    }

    /// True if the other side no longer reads, or this side ended the direction.
    pub(crate) fn is_write_closed(&self) -> bool {
        self.out_ended || self.is_abandoned()
    }

    /// The other side reads no more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.out().reader_gone.load(Ordering::Acquire)
    }

    /// A report of the reader was noticed: the pipe is no longer held to be full.
    pub(crate) fn noticed_writable(&mut self) {
        self.full = false;
    }

    /// Writes a frame; the last frame of a message makes all of it visible and wakes a sleeping
    /// reader. Does not test credit.
    #[inline(always)]
    pub(crate) fn write(&mut self, frame: &mut Outgoing<'_>, more: bool) -> Result<()> {
        if more {
            return self.append(frame, more);
        }
        if self.out().slot.is_some() {
            let newest = frame.shared_message()?;
            frame.give_up();
            self.replace_newest(newest);
            return Ok(());
        }
        self.append(frame, more)?;
        frame.give_up();
        self.flush();
        Ok(())
    }

    /// As [`PipeEnd::write`], but the reader is not woken: the caller owes it [`queue::before_wakes`] and
    /// [`PipeEnd::wake_reader`], once for all pipes that a message goes to. `last`: no other pipe takes the frame.
    #[inline(always)]
    pub(crate) fn write_quietly(
        &mut self,
        frame: &mut Outgoing<'_>,
        more: bool,
        last: bool,
    ) -> Result<()> {
        self.append(frame, more)?;
        if last {
            frame.give_up();
        }
        if !more {
            self.writer.publish();
        }
        Ok(())
    }

    /// The outbound direction keeps only its newest message.
    #[inline(always)]
    pub(in crate::pipe) fn writes_newest_only(&self) -> bool {
        self.out().slot.is_some()
    }

    /// Wakes the reader if it sleeps.
    #[inline(always)]
    pub(crate) fn wake_reader(&mut self) {
        let foreign = std::mem::take(&mut self.foreign);
        if self.writer.must_wake() {
            self.wake_other(match foreign {
                true => Notice::ReadableForeign,
                false => Notice::Readable,
            });
        }
    }

    /// As [`PipeEnd::write`], but nothing becomes visible before [`PipeEnd::flush`].
    #[inline(always)]
    pub(crate) fn append(&mut self, frame: &mut Outgoing<'_>, more: bool) -> Result<()> {
        if self.out().slot.is_some() {
            self.replace_newest(frame.shared_message()?);
            return Ok(());
        }
        match frame.stored(self.into_stream)? {
            Stored::Copy(bytes) => self.writer.append(more, bytes)?,
            Stored::Reference(storage) => {
                self.foreign |= storage.is_user_owned();
                self.writer.append_storage(more, storage)?;
            }
        }
        self.count_written(more);
        Ok(())
    }

    /// As [`PipeEnd::append`] for bytes.
    #[inline]
    pub(crate) fn append_bytes(&mut self, body: &[u8], more: bool) -> Result<()> {
        if self.out().slot.is_some() {
            self.replace_newest(Message::from_slice(body)?);
            return Ok(());
        }
        self.writer.append(more, body)?;
        self.count_written(more);
        Ok(())
    }

    /// As [`PipeEnd::append`] for a body held by reference.
    pub(crate) fn append_storage(&mut self, body: Storage, more: bool) -> Result<()> {
        if self.out().slot.is_some() {
            self.replace_newest(Message::from_storage(body));
            return Ok(());
        }
        self.writer.append_storage(more, body)?;
        self.count_written(more);
        Ok(())
    }

    #[inline(always)]
    fn count_written(&mut self, more: bool) {
        self.mid_write = more;
        if !more {
            self.written += 1;
            if self.mid_write_markers > 0 {
                let weight = std::mem::take(&mut self.mid_write_markers);
                self.count_markers(weight);
            }
        }
    }

    /// What those weigh that this end wrote.
    pub(in crate::pipe) fn unread_markers(&self) -> &AtomicU64 {
        &self.out().markers
    }

    fn count_markers(&self, weight: u64) {
        self.out().markers.fetch_add(weight, Ordering::Relaxed);
    }

    /// Tells the reader whether the peer has hung up: then what comes has an end.
    pub(crate) fn announce_last(&self, last: bool) {
        let announced = &self.out().last;
        // Looked at first: the reader's cache line stays where it is.
        if announced.load(Ordering::Relaxed) != last {
            announced.store(last, Ordering::Relaxed);
        }
    }

    /// So many markers are unread that the writer is to wait; it is woken. Not inside a message, of
    /// which the reader sees nothing before it is whole.
    pub(crate) fn is_flooded(&self) -> bool {
        !self.mid_write && self.out().markers.load(Ordering::Relaxed) >= FLOOD
    }

    /// The writer has put so much into the pipe without credit that it should write nothing more of that kind; it is
    /// woken when that may have changed.
    pub(crate) fn is_overfull(&mut self) -> bool {
        if self.is_write_closed() {
            return false;
        }
        if self.is_flooded() {
            return true;
        }
        let limit = self.out().credit.limit();
        if limit == 0 || self.outbound_queue_length() < limit + BEYOND {
            return false;
        }
        // Announced anew each time.
        self.full = false;
        !self.can_write()
    }

    fn replace_newest(&self, message: Message) {
        let Some(slot) = &self.out().slot else {
            return;
        };
        let old = slot.newest.lock().replace(message);
        let asleep = slot.reader_asleep.swap(false, Ordering::AcqRel);
        drop(old);
        if asleep {
            self.wake_other(Notice::Readable);
        }
    }

    /// Appends a marker (no message, no credit). Visible after [`PipeEnd::flush`].
    pub(crate) fn append_special(&mut self, special: Special) -> Result<()> {
        let weight = special.weight();
        self.writer.append_special(special)?;
        match weight {
            0 => {}
            weight if self.mid_write => self.mid_write_markers += weight,
            weight => self.count_markers(weight),
        }
        Ok(())
    }

    /// Makes what was appended visible, and wakes the reader if it sleeps.
    #[inline(always)]
    pub(crate) fn flush(&mut self) {
        if self.writer.publish() {
            queue::before_wakes();
            self.wake_reader();
        }
    }

    /// Takes back the frames of an unfinished message; true if there were any.
    pub(crate) fn rollback(&mut self) -> bool {
        let unfinished = self.mid_write;
        self.mid_write = false;
        self.mid_write_markers = 0;
        self.writer.rollback();
        unfinished
    }

    /// A message has been begun and not finished.
    #[cfg(test)]
    pub(crate) fn is_mid_write(&self) -> bool {
        self.mid_write
    }
}
