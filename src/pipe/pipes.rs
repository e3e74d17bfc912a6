//! The pipe ends of one socket under generational keys: what a pattern works on.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::message::{Message, PeerInfo};
use crate::pipe::end::{Head, PipeEnd};
use crate::pipe::frame::{Incoming, Outgoing};
use crate::pipe::queue::{self, Special};
use crate::pipe::{Leftover, Wake};

/// Names a pipe of a socket. A key whose pipe is gone finds nothing, also after the slot was reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PipeKey {
    index: u32,
    generation: u32,
}

impl PipeKey {
    /// A small number that no other live pipe of the socket has: patterns index their tables by it.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

/// What [`Pipes::head`] finds.
#[derive(Debug)]
pub(crate) enum Item {
    /// A frame of a complete message: [`Pipes::peek`], [`Pipes::read`], [`Pipes::skip`].
    Frame,
    /// A marker, taken out: a subscription or a notification. Patterns ignore what they do not know.
    Special(Special),
}

/// What [`Pipes::upcoming`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upcoming {
    /// A frame of a complete message.
    Frame,
    /// The peer came or went: [`Pipes::take_notification`].
    Notification,
}

/// All pipes of one socket.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Pipes that were found read to their end since [`Pipes::take_exhausted`].
    exhausted: Vec<PipeKey>,
    /// Pipes that the pattern wants ended; see [`Pipes::dismiss`].
    dismissed: Vec<(PipeKey, Dismissal)>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    end: Option<PipeEnd>,
    /// See [`Pipes::hold`].
    held: bool,
}

/// How a pattern gets rid of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// The peer is refused (second peer of PAIR): both directions are void.
    Refuse,
    /// Outbound is void at once; what the peer sent stays readable to its end (ROUTER handover).
    Replace,
    /// What is queued to the peer is still sent (STREAM: close by an empty frame).
    Finish,
}

impl Pipes {
    /// Takes in a new end.
    pub(crate) fn insert(&mut self, end: PipeEnd) -> PipeKey {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.end = Some(end);
            return PipeKey {
                index,
                generation: slot.generation,
            };
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            end: Some(end),
            held: false,
        });
        PipeKey {
            index,
            generation: 0,
        }
    }

    /// Takes an end out; its key is dead from now on.
    pub(crate) fn remove(&mut self, key: PipeKey) -> Option<PipeEnd> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let end = slot.end.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        if !slot.held {
            self.free.push(key.index);
        }
        Some(end)
    }

    /// The index of this pipe, which is about to go, will not be another one's before [`Pipes::release`]. The result
    /// wakes the socket, which then calls [`crate::patterns::Pattern::resume`]. `None`: it is not held.
    pub(crate) fn hold(&mut self, key: PipeKey) -> Option<Arc<dyn Wake>> {
        let wake = self.get(key)?.own_wake()?;
        self.slots.get_mut(key.index as usize)?.held = true;
        Some(wake)
    }

    /// See [`Pipes::hold`].
    pub(crate) fn release(&mut self, key: PipeKey) {
        if let Some(slot) = self.slots.get_mut(key.index as usize)
            && std::mem::take(&mut slot.held)
            && slot.end.is_none()
        {
            self.free.push(key.index);
        }
    }

    /// What the connection of this pipe left, for the pattern to count; see [`crate::pipe::Leftovers`].
    pub(crate) fn take_leftover(&mut self, key: PipeKey) -> Option<Leftover> {
        self.get(key)?.take_leftover()
    }

    #[inline(always)]
    pub(crate) fn get(&mut self, key: PipeKey) -> Option<&mut PipeEnd> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.end.as_mut()
    }

    /// The keys of all pipes, in no particular order.
    pub(crate) fn keys(&self) -> Vec<PipeKey> {
        let key = |(index, slot): (usize, &Slot)| {
            slot.end.as_ref().map(|_| PipeKey {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                generation: slot.generation,
            })
        };
        self.slots.iter().enumerate().filter_map(key).collect()
    }

    /// See [`PipeEnd::can_write`].
    #[inline(always)]
    pub(crate) fn can_write(&mut self, key: PipeKey) -> bool {
        self.get(key).is_some_and(PipeEnd::can_write)
    }

    /// The peer reads no more, or the pipe is gone.
    pub(crate) fn is_write_closed(&mut self, key: PipeKey) -> bool {
        self.get(key).is_none_or(|end| end.is_write_closed())
    }

    /// Writes a frame (`more` as given, not as in `frame`); the last one makes the message visible.
    ///
    /// Does not test credit. `NotFound` if the pipe is gone, `NoMemory`.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        key: PipeKey,
        frame: &mut Outgoing<'_>,
        more: bool,
    ) -> Result<()> {
        self.get(key).ok_or(Error::NotFound)?.write(frame, more)
    }

    /// As [`Pipes::write`] where [`Pipes::can_write`] holds, else `None`.
    #[inline(always)]
    pub(crate) fn write_if_possible(
        &mut self,
        key: PipeKey,
        frame: &mut Outgoing<'_>,
        more: bool,
    ) -> Option<Result<()>> {
        let end = self.get(key)?;
        end.can_write().then(|| end.write(frame, more))
    }

    /// As [`Pipes::write`] for a frame that goes to several pipes, this one the `last` of them or not. Nobody is woken
    /// before [`Pipes::wake_readers`].
    #[inline(always)]
    pub(crate) fn write_quietly(
        &mut self,
        key: PipeKey,
        frame: &mut Outgoing<'_>,
        more: bool,
        last: bool,
    ) -> Result<()> {
        let end = self.get(key).ok_or(Error::NotFound)?;
        end.write_quietly(frame, more, last)
    }

    /// Wakes those who sleep at the other ends of pipes that a whole message was written to quietly.
    pub(crate) fn wake_readers(&mut self, keys: &[PipeKey]) {
        queue::before_wakes();
        for &key in keys {
            // A conflating pipe has woken its reader by itself.
            if let Some(end) = self.get(key).filter(|end| !end.writes_newest_only()) {
                end.wake_reader();
            }
        }
    }

    /// Writes a frame that the pattern made itself (a delimiter, an envelope).
    pub(crate) fn write_bytes(&mut self, key: PipeKey, body: &[u8], more: bool) -> Result<()> {
        self.write(key, &mut Outgoing::from_bytes(body, more), more)
    }

    /// Writes a marker and makes it visible, with whatever complete messages precede it.
    pub(crate) fn write_special(&mut self, key: PipeKey, special: Special) -> Result<()> {
        let end = self.get(key).ok_or(Error::NotFound)?;
        end.append_special(special)?;
        end.flush();
        Ok(())
    }

    /// Takes back the frames of an unfinished outbound message.
    pub(crate) fn rollback(&mut self, key: PipeKey) {
        if let Some(end) = self.get(key) {
            end.rollback();
        }
    }

    /// What stands at the head of the pipe; `None` if nothing, and then the pipe tells when there is.
    pub(crate) fn head(&mut self, key: PipeKey) -> Option<Item> {
        match self.look(key) {
            Head::Frame => Some(Item::Frame),
            Head::Special => self.get(key)?.take_special().map(Item::Special),
            Head::Empty => None,
        }
    }

    /// As [`Pipes::head`], for those who pass notifications on: one is found, not taken, and other markers
    /// are dropped.
    #[inline]
    pub(crate) fn upcoming(&mut self, key: PipeKey) -> Option<Upcoming> {
        loop {
            match self.look(key) {
                Head::Frame => return Some(Upcoming::Frame),
                Head::Special if self.get(key)?.is_at_notification() => {
                    return Some(Upcoming::Notification);
                }
                Head::Special => drop(self.get(key)?.take_special()),
                Head::Empty => return None,
            }
        }
    }

    /// The owner is to come back to this pipe: it leaves something unread that is there.
    pub(crate) fn remind(&mut self, key: PipeKey) {
        if let Some(end) = self.get(key) {
            end.remind();
        }
    }

    /// The peer has hung up: there is an end to what comes.
    pub(crate) fn is_last(&mut self, key: PipeKey) -> bool {
        self.get(key).is_some_and(|end| end.is_last())
    }

    /// Takes the notification at the head.
    pub(crate) fn take_notification(&mut self, key: PipeKey) {
        if let Some(end) = self.get(key)
            && end.is_at_notification()
        {
            end.take_special();
            self.note_end_of_message(key);
        }
    }

    /// True if a frame is there; markers in front of it are dropped.
    #[inline(always)]
    pub(crate) fn has_frame(&mut self, key: PipeKey) -> bool {
        loop {
            match self.look(key) {
                Head::Frame => return true,
                Head::Special => drop(self.get(key).and_then(PipeEnd::take_special)),
                Head::Empty => return false,
            }
        }
    }

    #[inline(always)]
    fn look(&mut self, key: PipeKey) -> Head {
        let Some(end) = self.get(key) else {
            return Head::Empty;
        };
        let head = end.head();
        if head == Head::Empty && end.is_exhausted() {
            self.exhausted.push(key);
        }
        head
    }

    /// MORE flag and bytes of the frame at the head; call [`Pipes::head`] or [`Pipes::has_frame`]
    /// first. `None` for a conflating pipe.
    pub(crate) fn peek(&mut self, key: PipeKey) -> Option<(bool, &[u8])> {
        self.get(key)?.peek()
    }

    /// Reads the frame at the head; `None` if there is none.
    #[inline(always)]
    pub(crate) fn read(&mut self, key: PipeKey, into: &mut Incoming<'_>) -> Option<Result<()>> {
        let end = self.get(key)?;
        let result = end.read(into);
        if end.is_inbound_ended() {
            self.note_end_of_message(key);
        }
        result
    }

    /// As [`Pipes::read`], as a message of its own (envelopes, topics).
    pub(crate) fn take(&mut self, key: PipeKey) -> Option<Result<Message>> {
        let mut message = Message::new();
        let result = self.read(key, &mut Incoming::into_message(&mut message))?;
        Some(result.map(|()| message))
    }

    /// Drops the frame at the head; its MORE flag.
    pub(crate) fn skip(&mut self, key: PipeKey) -> Option<bool> {
        let more = self.get(key)?.skip();
        self.note_end_of_message(key);
        more
    }

    /// Drops the frames that are left of the message in progress.
    pub(crate) fn skip_rest_of_message(&mut self, key: PipeKey) {
        while self.get(key).is_some_and(|end| end.is_mid_read()) && self.skip(key).is_some() {}
    }

    /// The delimiter is looked for after the last frame, so that a pipe ends with its last message.
    fn note_end_of_message(&mut self, key: PipeKey) {
        let Some(end) = self.get(key) else { return };
        if !end.is_mid_read() && end.is_inbound_ended() && end.head() == Head::Empty {
            self.exhausted.push(key);
        }
    }

    /// What the peer said of itself; known before its first message.
    pub(crate) fn peer(&mut self, key: PipeKey) -> Option<&Arc<PeerInfo>> {
        self.get(key)?.peer()
    }

    /// The pattern wants no more of this pipe. It counts as absent from now on; the socket ends it
    /// after the call and reports [`crate::patterns::Pattern::detached`] for it.
    pub(crate) fn dismiss(&mut self, key: PipeKey, how: Dismissal) {
        self.dismissed.push((key, how));
    }

    /// Pipes that were read to their end since the last call.
    pub(crate) fn take_exhausted(&mut self) -> Vec<PipeKey> {
        std::mem::take(&mut self.exhausted)
    }

    /// Pipes that were dismissed since the last call.
    pub(crate) fn take_dismissed(&mut self) -> Vec<(PipeKey, Dismissal)> {
        std::mem::take(&mut self.dismissed)
    }

    /// True if [`Pipes::take_exhausted`] or [`Pipes::take_dismissed`] has something.
    pub(crate) fn has_departures(&self) -> bool {
        !self.exhausted.is_empty() || !self.dismissed.is_empty()
    }
}
