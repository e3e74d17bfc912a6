//! The reading half of a pipe end: records, runs of wire bytes, and the reports of what was read.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{ABORTED, FLOOD, OPEN, PipeEnd};
use crate::error::Result;
use crate::message::{Message, PeerInfo};
use crate::pipe::Notice;
use crate::pipe::credit::low_water_step;
use crate::pipe::frame::Incoming;
use crate::pipe::introduction;
use crate::pipe::queue::{self, Advanced, BodyRef, Gather, HeaderOf, Run, Special};
use crate::sync::atomic::Ordering;

impl PipeEnd {
    // ---- record by record ----

    /// What stands at the head of the inbound queue. Peer information is taken in on the way; an
    /// empty queue puts the reader to sleep, so that the next commit wakes this side.
    #[inline(always)]
    pub(crate) fn head(&mut self) -> Head {
        loop {
            match self.reader.peek() {
                Some(queue::Item::Frame { .. }) => return Head::Frame,
                Some(queue::Item::Special(Special::Peer(_))) => {
                    if let Some(Special::Peer(introduction)) = self.reader.take_special()
                        && let Some(peer) = introduction.take()
                    {
                        self.note_marker_read(introduction::weight_of(&peer));
                        self.take_introduction(peer);
                    }
                }
                Some(queue::Item::Special(_)) => return Head::Special,
                None => {
                    if self.has_newest() {
                        return Head::Frame;
                    }
                    // The state is looked at before the queue is found empty for good.
                    let state = self.inbound().writer.load(Ordering::Acquire);
                    if self.reader.sleep() && !self.newest_arrived_while_falling_asleep() {
                        if state != OPEN {
                            self.exhausted = true;
                        }
                        return Head::Empty;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn has_newest(&self) -> bool {
        self.inbound()
            .slot
            .as_ref()
            .is_some_and(|slot| slot.newest.lock().is_some())
    }

    fn newest_arrived_while_falling_asleep(&self) -> bool {
        let Some(slot) = &self.inbound().slot else {
            return false;
        };
        let newest = slot.newest.lock();
        // Under the lock: a writer that replaces the value afterwards sees the flag.
        slot.reader_asleep.swap(newest.is_none(), Ordering::Release);
        newest.is_some()
    }

    /// The frame at the head, if [`PipeEnd::head`] said there is one: its MORE flag and bytes. For a
    /// conflating pipe there is no peeking (its patterns do not need it): `None`.
    pub(crate) fn peek(&mut self) -> Option<(bool, &[u8])> {
        match self.reader.peek()? {
            queue::Item::Frame { more, body, .. } => Some((more, body)),
            queue::Item::Special(_) => None,
        }
    }

    /// Reads the frame at the head into `into`; `None` if there is none. An error (no memory) leaves
    /// the frame where it is.
    #[inline(always)]
    pub(crate) fn read(&mut self, into: &mut Incoming<'_>) -> Option<Result<()>> {
        if self.inbound().slot.is_some()
            && self.head() == Head::Frame
            && let Some(message) = self.take_newest()
        {
            into.accept_message(message);
            return Some(Ok(()));
        }
        let peer = self.peer.as_ref().filter(|_| self.stamps);
        let result = self.reader.try_read_with(|more, body| match body {
            BodyRef::Copied(bytes) => into.accept_bytes(more, bytes, peer),
            BodyRef::Stored(storage) => {
                into.accept_storage(more, storage, peer);
                Ok(())
            }
        })?;
        if result.is_ok() {
            self.count_read(into.more);
        }
        Some(result)
    }

    #[inline(always)]
    fn take_newest(&self) -> Option<Message> {
        let mut message = self.inbound().slot.as_ref()?.newest.lock().take()?;
        message.set_peer(self.peer.clone().filter(|_| self.stamps));
        Some(message)
    }

    /// Drops the frame at the head; its MORE flag, or `None` if there is none.
    pub(crate) fn skip(&mut self) -> Option<bool> {
        if self.take_newest().is_some() {
            return Some(false);
        }
        let queue::Item::Frame { more, .. } = self.reader.peek()? else {
            return None;
        };
        self.reader.skip();
        self.count_read(more);
        Some(more)
    }

    /// The marker at the head is a notification.
    pub(crate) fn is_at_notification(&mut self) -> bool {
        let head = self.reader.peek();
        matches!(head, Some(queue::Item::Special(Special::Notify)))
    }

    /// The marker at the head, if there is one.
    pub(crate) fn take_special(&mut self) -> Option<Special> {
        let special = self.reader.take_special()?;
        let weight = special.weight();
        if weight > 0 {
            self.note_marker_read(weight);
        }
        Some(special)
    }

    fn note_marker_read(&self, weight: u64) {
        let markers = &self.inbound().markers;
        let before = markers.fetch_sub(weight, Ordering::Relaxed);
        // A writer that waits saw more than this.
        if before >= FLOOD / 2 && before.saturating_sub(weight) < FLOOD / 2 {
            self.wake_other(Notice::Writable);
        }
    }

    #[inline(always)]
    fn count_read(&mut self, more: bool) {
        self.mid_read = more;
        if !more {
            self.count_messages_read(1);
        }
    }

    /// Counts whole messages read and reports at the low-water steps.
    fn count_messages_read(&mut self, messages: u64) {
        self.read += messages;
        self.report_if_due();
    }

    #[inline(always)]
    fn report_if_due(&mut self) {
        if self.read >= self.next_report {
            self.report_steps();
        }
    }

    #[cold]
    fn report_steps(&mut self) {
        if !self.adopt_larger_step() {
            self.report(self.read - self.read % self.step.max(1));
        }
    }

    /// Reports `read` messages, and takes the step that belongs to the present limits: it changes only with a
    /// report. Where the limits have shrunk, so that this leaves more unreported than they allow, that is
    /// reported, too.
    pub(super) fn report(&mut self, mut read: u64) {
        let mut wanted = false;
        loop {
            wanted |= self.inbound().credit.report(read);
            self.adopt_step(low_water_step(self.inbound().credit.limit()));
            if self.read < self.next_report {
                break;
            }
            read = self.read - self.read % self.step;
        }
        if wanted {
            self.wake_other(Notice::Writable);
        }
    }

    /// From now on reports are due at multiples of `step`; 0 = never.
    pub(super) fn adopt_step(&mut self, step: u64) {
        self.step = step;
        self.next_report = match self.inbound().credit.reported().checked_div(step) {
            Some(reports) => (reports + 1) * step,
            None => u64::MAX,
        };
    }

    /// The limits of the inbound direction changed: when the step gets smaller, report at once, else
    /// keep the old step until the next regular report.
    ///
    /// What the reader sees may be the last of several changes. A writer that found the pipe full at a smaller
    /// limit in between writes no more until it gets a report, and may have written less than the reader's step:
    /// then the step is the one of that limit.
    pub(crate) fn limits_changed(&mut self) {
        let credit = &self.inbound().credit;
        let limit = credit.limit();
        let step = low_water_step(limit);
        if step != 0 && (self.step == 0 || step < self.step) {
            self.report(self.read);
        } else if let Some(full) = credit.full_below(limit)
            && credit.reported() + full < self.next_report
        {
            self.adopt_step(low_water_step(full));
            self.report_if_due();
        }
    }

    /// True if the limits have grown so that the report now due is due later. Less than the old step is
    /// unreported, so the writer gets a report before it can use up the larger limit. A writer that waits
    /// since the limits were smaller gets its report now: it may not have written as much as the larger step.
    fn adopt_larger_step(&mut self) -> bool {
        let credit = &self.inbound().credit;
        let limit = credit.limit();
        let step = low_water_step(limit);
        if step <= self.step || credit.full_below(limit).is_some() {
            return false;
        }
        if self.read >= (credit.reported() / step + 1) * step {
            return false;
        }
        self.adopt_step(step);
        true
    }

    /// Messages that are there and were not read.
    pub(crate) fn inbound_queue_length(&mut self) -> u64 {
        match &self.inbound().slot {
            Some(slot) => u64::from(slot.newest.lock().is_some()),
            None => self.reader.count_messages(),
        }
    }

    /// The last frame read had MORE: the rest of its message is there.
    pub(crate) fn is_mid_read(&self) -> bool {
        self.mid_read
    }

    /// What the peer said of itself in the handshake that precedes the frame last read.
    pub(crate) fn peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref()
    }

    /// The peer has hung up: there is an end to what comes. See [`PipeEnd::announce_last`].
    pub(crate) fn is_last(&self) -> bool {
        self.inbound().last.load(Ordering::Relaxed)
    }

    /// The inbound direction has ended and is read to its end.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// The other side will write no more (what is queued may still be readable).
    pub(crate) fn is_inbound_ended(&self) -> bool {
        self.inbound().writer.load(Ordering::Acquire) != OPEN
    }

    /// The other side aborted: what is unread is void.
    pub(crate) fn is_inbound_aborted(&self) -> bool {
        self.inbound().writer.load(Ordering::Acquire) == ABORTED
    }

    // ---- a connection's way of reading: runs of wire bytes ----

    /// The longest run of committed wire bytes; see [`Reader::gather`]. Falls asleep like
    /// [`PipeEnd::head`] is the caller's business: it looks at `head` first.
    pub(crate) fn gather<'a>(&'a mut self, budget: usize, gather: &'a mut Gather) -> Run<'a> {
        self.reader.gather(budget, gather)
    }

    /// Consumes `bytes` of what was gathered.
    pub(crate) fn advance(&mut self, bytes: usize) -> Advanced {
        let advanced = self.reader.advance(bytes);
        self.note_advanced(&advanced);
        advanced
    }

    /// As [`PipeEnd::gather`], with headers by `header_of`; see [`Reader::gather_reframed`].
    pub(crate) fn gather_reframed<'a>(
        &'a mut self,
        header_of: HeaderOf,
        budget: usize,
        gather: &'a mut Gather,
    ) -> Run<'a> {
        self.reader.gather_reframed(header_of, budget, gather)
    }

    /// Consumes `bytes` of what was gathered with headers by `header_of`.
    pub(crate) fn advance_reframed(&mut self, header_of: HeaderOf, bytes: usize) -> Advanced {
        let advanced = self.reader.advance_reframed(header_of, bytes);
        self.note_advanced(&advanced);
        advanced
    }

    fn note_advanced(&mut self, advanced: &Advanced) {
        self.mid_read = advanced.mid_message;
        self.count_messages_read(advanced.messages);
    }

    /// The inbound direction keeps only its newest message.
    pub(crate) fn conflates(&self) -> bool {
        self.inbound().slot.is_some()
    }

    /// Takes the newest message, if there is one.
    pub(crate) fn take_conflated(&self) -> Option<Message> {
        self.take_newest()
    }

    /// Drops the messages that stand in front of the next marker.
    pub(crate) fn drop_unsent(&mut self) {
        while self.head() == Head::Frame && self.skip().is_some() {}
    }

    /// Skips the frames that are left of a message whose first part was read.
    pub(crate) fn skip_rest_of_message(&mut self) {
        while self.mid_read && self.skip().is_some() {}
        self.mid_read = false;
    }
}

/// What a reader finds at the head of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A frame of a complete message.
    Frame,
    /// A marker; see [`PipeEnd::take_special`].
    Special,
    /// Nothing; the next commit wakes this side.
    Empty,
}
