//! Reading: stream -> protocol -> pipe.
//!
//! Into a slab of the thread, frames found in place, small bodies copied into the pipe, larger ones as
//! slices of the slab; one commit per read. A frame that is larger than that is received straight into
//! its own storage. What the pipe has no room for stays in the slab.

#![forbid(unsafe_code)]

use std::io;
use std::ops::Range;

use crate::error::Error;
use crate::io::connection::{Connection, Live, Loss, Role};
use crate::io::large::{Kind, Large};
use crate::io::turn::{Pumped, SLAB, Scratch, Surroundings};
use crate::memory::{self, ShortBytes};
use crate::message::{Slab, Storage};
use crate::pipe::queue::Special;
use crate::pipe::{COPY_LIMIT, Leftover, PipeEnd};
use crate::protocol::{Event, HANDSHAKE_FRAME_LIMIT, ProtocolError};

/// More than the largest frame of a handshake with its header.
const HANDSHAKE_MOST: u64 = HANDSHAKE_FRAME_LIMIT + 9;
/// Where ZMQ_MAXMSGSIZE is set, a message that is still coming may weigh as much as so many of the largest frames, or
/// this if it is more; each frame weighs something, too.
const MESSAGE_FRAMES: u64 = 1000;
const MESSAGE_LEAST: u64 = 16 * 1024 * 1024;
const FRAME_WEIGHT: u64 = 64;
/// Subscriptions within a message weigh no more.
const WITHIN_LIMIT: u64 = 32 * 1024 * 1024;
/// A body of less than this holds no slab: a queue of them would hold many times what it has.
const SLICE_LEAST: usize = SLAB / 16;
/// So little was sent by itself: nobody looks for more behind it.
const LONE: usize = 4096;
/// So many frames and commands in one read are no answer to anybody.
const CROWD: usize = 16;
/// So many waits in which an application thread might have read it pass before one reads the stream again that brought a
/// crowd.
const CROWD_PAUSE: u8 = 15;
/// More than this waits for credit in its slab, less in a copy: a slow reader's connection then holds
/// no slab.
const COPIED_REST: usize = 4096;

/// The input side of a live connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The stream has bytes, as far as is known; cleared when the kernel says no.
    pub(crate) readable: bool,
    /// Nothing more will come than the kernel has.
    pub(crate) hung_up: bool,
    /// Counts what waits for the socket to read it, of a peer that has gone.
    leftover: Option<Box<Leftover>>,
    /// Received and not yet taken by the protocol: the beginning of a frame, or a little that waits for
    /// credit.
    pub(super) rest: Box<[u8]>,
    /// Much that waits for credit, or for the next turn.
    held: Option<Box<Held>>,
    /// A large frame or topic that is received straight into its own storage.
    pub(super) large: Option<Box<Large>>,
    /// The weight of the frames of the message that is coming, as far as they are complete.
    unfinished_message: u64,
    /// The weight of the subscriptions between them.
    within_message: u64,
    /// The message that is coming may weigh no more.
    message_limit: u64,
    paused: bool,
    /// The turn ended before everything was decoded that was received: it goes on with that.
    unfinished: bool,
    /// Messages came that nobody wanted: the socket has left.
    discarded: bool,
    /// Much came at once: so many waits are still passed over.
    crowd_pause: u8,
}

/// Part of a slab, in the connection's hands until it is decoded.
#[derive(Debug)]
struct Held {
    slab: Slab,
    range: Range<usize>,
}

impl Input {
    /// `largest_frame`: ZMQ_MAXMSGSIZE, if it is set.
    pub(crate) fn new(largest_frame: Option<u64>) -> Self {
        let of_frames = |largest: u64| largest.saturating_mul(MESSAGE_FRAMES).max(MESSAGE_LEAST);
        Self {
            readable: true,
            message_limit: largest_frame.map_or(u64::MAX, of_frames),
            ..Self::default()
        }
    }

    /// Counts a frame whose body has `length` bytes. A frame is bounded by ZMQ_MAXMSGSIZE and a queue by its high-water
    /// mark; without this a message of endless frames would be bounded by nothing, since it is not delivered in parts.
    fn count_frame(&mut self, more: bool, length: usize) -> Result<(), Loss> {
        let weight = self
            .unfinished_message
            .saturating_add(FRAME_WEIGHT)
            .saturating_add(length as u64);
        self.unfinished_message = if more { weight } else { 0 };
        if !more {
            self.within_message = 0;
        }
        // What is whole is welcome.
        if more && weight > self.message_limit {
            return Err(Loss::Protocol(ProtocolError::MessageTooLarge));
        }
        Ok(())
    }

    /// Counts a subscription to a topic of `length` bytes. Nobody takes it in as long as it stands within a message that
    /// is still coming, so that its peer would never have to wait.
    pub(super) fn count_subscription(&mut self, length: usize) -> Result<(), Loss> {
        if self.unfinished_message == 0 {
            return Ok(());
        }
        self.within_message = self
            .within_message
            .saturating_add(FRAME_WEIGHT)
            .saturating_add(length as u64);
        if self.within_message > WITHIN_LIMIT {
            return Err(Loss::Protocol(ProtocolError::MessageTooLarge));
        }
        Ok(())
    }

    /// The kernel has no more, as far as is known, and everything was taken in.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.readable && !self.hung_up && !self.paused && !self.unfinished
    }

    /// An application thread would read the stream in the wait that it begins: true if it is not to, since much came at
    /// once not long ago, which the home thread would read at less cost, and without keeping the application from its
    /// other peers.
    pub(super) fn passes_over_wait(&mut self) -> bool {
        let pauses = self.crowd_pause > 0;
        self.crowd_pause = self.crowd_pause.saturating_sub(1);
        pauses
    }

    /// What was received is to be looked at again, though nothing has come.
    pub(super) fn go_on(&mut self) {
        self.unfinished = true;
    }

    /// There is more to do without another event.
    pub(super) fn has_more(&self) -> bool {
        self.readable || self.hung_up || self.unfinished
    }

    /// Something came that was not delivered: the socket has left.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.discarded || self.unfinished
    }
}

/// Why decoding stopped.
pub(super) enum Stopped {
    /// The bytes end inside a frame.
    NeedsMore,
    /// The pipe has no room: continue when it has.
    NoCredit,
    /// The turn is over.
    TurnOver,
    /// A large frame or topic is to be received into its own storage.
    Large,
    /// What follows has to be opened before it is decoded.
    Sealed,
}

impl Stopped {
    /// There may be whole frames in what is left.
    fn before_the_end(&self) -> bool {
        matches!(self, Self::NoCredit | Self::TurnOver)
    }
}

impl Connection {
    /// Reads until the kernel has no more, the pipe has no room, or the turn is over.
    pub(crate) fn pump_in(&mut self, around: &mut Surroundings<'_>) -> Result<Pumped, Loss> {
        let result = self.read_turn(around);
        self.note_hang_up();
        // Complete messages of a read become visible together, also those before an error.
        let published = self.publish();
        result.and_then(|pumped| published.map(|()| pumped))
    }

    /// A peer that filled its pipe and went keeps its connection until that is read: it counts as one that left that
    /// much behind. Its reader is told that there is an end to it.
    fn note_hang_up(&mut self) {
        let (Some(live), Some(pipe)) = (&mut self.live, &self.pipe) else {
            return;
        };
        pipe.announce_last(live.input.hung_up);
        if live.input.hung_up
            && live.input.paused
            && live.input.leftover.is_none()
            && matches!(self.role, Role::Accepted { .. })
        {
            live.input.leftover = Some(Box::new(pipe.count_unread(&self.session.leftovers)));
        }
    }

    fn read_turn(&mut self, around: &mut Surroundings<'_>) -> Result<Pumped, Loss> {
        let before = around.read;
        if self
            .live
            .as_ref()
            .is_some_and(|live| live.lent.is_lent() && !around.borrows)
        {
            return Ok(Pumped::Blocked);
        }
        around.has_looked = true;
        if self.live.as_ref().is_some_and(|live| live.unannounced) && !self.announce_raw()? {
            return Ok(Pumped::Blocked);
        }
        let has_undecoded = |live: &Live| live.input.paused || live.input.unfinished;
        if self.live.as_ref().is_some_and(has_undecoded) {
            // Every turn looks for credit anew, whatever it was that brought it about.
            if let Some(pipe) = &mut self.pipe {
                pipe.noticed_writable();
            }
            match self.decode_rest(around)? {
                Stopped::NoCredit => return Ok(Pumped::Blocked),
                Stopped::TurnOver => return Ok(Pumped::More),
                Stopped::NeedsMore | Stopped::Large | Stopped::Sealed => {}
            }
        }
        while around.read - before < around.turn_bytes() {
            let reads_no_more = self.reads_no_more(around.now);
            let Some(live) = &mut self.live else {
                return Ok(Pumped::Blocked);
            };
            if !live.input.readable || (reads_no_more && live.input.large.is_none()) {
                return Ok(Pumped::Blocked);
            }
            if !live.phase.is_traffic() && live.input.rest.len() as u64 > HANDSHAKE_MOST {
                // Messages behind the peer's last word wait in the kernel until we have said ours: a ZAP handler may
                // take its time.
                return Ok(Pumped::Blocked);
            }
            let received = if live.input.large.is_some() {
                self.receive_large(around)?
            } else if live.sealed.is_some() {
                self.receive_sealed(around)?
            } else {
                self.receive_into_slab(around)?
            };
            match received {
                Some(bytes) => {
                    around.read += bytes;
                    if let Some(detached) = &mut self.detached {
                        detached.unwanted.note_read(bytes);
                    }
                }
                None => return Ok(Pumped::Blocked),
            }
            if self.live.as_ref().is_some_and(|live| live.input.unfinished) {
                break;
            }
        }
        Ok(Pumped::More)
    }

    /// One read into the slab, decoded. `None`: stop reading for now.
    fn receive_into_slab(&mut self, around: &mut Surroundings<'_>) -> Result<Option<usize>, Loss> {
        // ZMQ_IN_BATCH_SIZE.
        let limit = self
            .session
            .read_limit()
            .unwrap_or_else(|| around.turn_bytes());
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        let kept = live.input.rest.len();
        let slab = around.scratch.slab_with_room(kept)?;
        let start = slab.bytes().len();
        let (front, room) = slab.room().split_at_mut(kept);
        front.copy_from_slice(&live.input.rest);
        // At least as much as is kept: what is kept is copied for each read, and that has to stay in proportion.
        let mut limit = limit.max(kept).min(room.len());
        if !live.phase.is_traffic() {
            // No more is ever kept.
            limit = limit.min((HANDSHAKE_MOST as usize + 1).saturating_sub(kept));
        }
        let Some(received) = receive(live, &mut room[..limit])? else {
            return Ok(None);
        };
        slab.fill(kept + received);
        live.protocol.handle_received(around.now);
        // Idle connections own no buffer.
        live.input.rest = Box::default();
        let end = start + kept + received;
        let stopped = match self.decode_scratch(start..end, around)? {
            Stopped::Sealed => self.open_rest(around)?,
            stopped => stopped,
        };
        Ok((!matches!(stopped, Stopped::NoCredit)).then_some(received))
    }

    /// Decodes a part of the thread's slab, and keeps what is left of it.
    pub(super) fn decode_scratch(
        &mut self,
        range: Range<usize>,
        around: &mut Surroundings<'_>,
    ) -> Result<Stopped, Loss> {
        let end = range.end;
        let (at, stopped) = self.decode(&around.scratch.slab, range, around)?;
        self.note_stop(&stopped, around);
        if stopped.before_the_end() && end - at > COPIED_REST {
            let slab = around.scratch.give_slab()?;
            self.hold(slab, at..end);
        } else {
            self.keep_rest(&around.scratch.slab, at..end)?;
        }
        Ok(stopped)
    }

    /// Goes on with bytes that were received earlier, when there was no credit.
    fn decode_rest(&mut self, around: &mut Surroundings<'_>) -> Result<Stopped, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(Stopped::NeedsMore);
        };
        let Held { slab, range } = match live.input.held.take() {
            Some(held) => *held,
            None => Held::copy_of(&std::mem::take(&mut live.input.rest), around.scratch)?,
        };
        match self.decode_held(slab, range, around)? {
            Stopped::Sealed => self.open_rest(around),
            stopped => Ok(stopped),
        }
    }

    /// Decodes a part of a slab of the connection's, and keeps what is left of it.
    pub(super) fn decode_held(
        &mut self,
        slab: Slab,
        range: Range<usize>,
        around: &mut Surroundings<'_>,
    ) -> Result<Stopped, Loss> {
        let end = range.end;
        let (at, stopped) = self.decode(&slab, range, around)?;
        self.note_stop(&stopped, around);
        if stopped.before_the_end() && end - at > COPIED_REST {
            self.hold(slab, at..end);
        } else {
            self.keep_rest(&slab, at..end)?;
            around.scratch.take_slab(slab);
        }
        Ok(stopped)
    }

    fn hold(&mut self, slab: Slab, range: Range<usize>) {
        if let Some(live) = &mut self.live {
            live.input.held = Some(Box::new(Held { slab, range }));
        }
    }

    fn keep_rest(&mut self, slab: &Slab, range: Range<usize>) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        if range.is_empty() {
            return Ok(());
        }
        let bytes = slab.bytes().get(range).unwrap_or_default();
        // It was taken, or is empty.
        live.input.rest = memory::boxed(bytes)?;
        Ok(())
    }

    fn note_stop(&mut self, stopped: &Stopped, around: &Surroundings<'_>) {
        if let Some(live) = &mut self.live {
            live.input.unfinished = matches!(stopped, Stopped::TurnOver);
            let paused = matches!(stopped, Stopped::NoCredit);
            if !paused {
                live.input.leftover = None;
            }
            if live.input.paused != paused {
                live.input.paused = paused;
                live.protocol.set_input_paused(paused, around.now);
            }
        }
    }

    /// Decodes a part of a slab; where it stopped, and why.
    fn decode(
        &mut self,
        slab: &Slab,
        range: Range<usize>,
        around: &Surroundings<'_>,
    ) -> Result<(usize, Stopped), Loss> {
        let mut at = range.start;
        let (mut steps, mut check) = (0, around.turn.stride);
        loop {
            let Some(live) = &mut self.live else {
                return Ok((at, Stopped::NeedsMore));
            };
            if at < range.end {
                // A full pipe stops traffic only (not who the peer is), and only traffic that has come: the end of the
                // stream is seen behind the last message that fits.
                if live.phase.is_traffic() && !has_room(&mut self.pipe) {
                    return Ok((at, Stopped::NoCredit));
                }
                // What is left is at least a byte, or there would be nothing to go on with.
                if steps >= check {
                    if steps >= around.turn.steps || around.is_hurried() {
                        return Ok((at, Stopped::TurnOver));
                    }
                    check += around.turn.stride;
                }
            }
            let input = slab.bytes().get(at..range.end).unwrap_or_default();
            let (bytes, frames) =
                live.take_short_frames(&mut self.pipe, input, check.saturating_sub(steps))?;
            at += bytes;
            steps += frames.max(1);
            if steps >= CROWD {
                live.input.crowd_pause = CROWD_PAUSE;
            }
            if frames > 0 {
                continue;
            }
            let decoded = live.protocol.decode(input).map_err(Loss::Protocol)?;
            at += decoded.consumed;
            match decoded.event {
                None if decoded.consumed == 0 => return Ok((at, Stopped::NeedsMore)),
                None => {}
                Some(Event::Frame { more, body }) => {
                    live.expect_frame(more, body.len())?;
                    match read_by_somebody(&mut self.pipe) {
                        None => live.input.discarded = true,
                        Some(pipe) if body.len() <= COPY_LIMIT => pipe.append_bytes(body, more)?,
                        Some(pipe) => {
                            // It ends where the decoder stands.
                            let range = at - body.len()..at;
                            let shares = self.session.options.zero_copy_receive;
                            pipe.append_storage(long_body(slab, range, shares)?, more)?;
                        }
                    }
                }
                Some(Event::Subscription { subscribe, topic }) => {
                    self.deliver_subscription(subscribe, topic)?;
                }
                Some(Event::LargeFrame { more, length, head }) => {
                    self.begin_large(Kind::Frame { more }, length, head)?;
                    return Ok((at, Stopped::Large));
                }
                Some(Event::LargeSubscription {
                    subscribe,
                    length,
                    head,
                }) => {
                    self.begin_large(Kind::Subscription { subscribe }, length, head)?;
                    return Ok((at, Stopped::Large));
                }
                Some(Event::Ask(question)) => self.ask(&question, around)?,
                Some(Event::Work) => self.begin_work(around),
                Some(Event::MaySend) => self.begin_sending(around)?,
                Some(Event::Ready(handshake)) => {
                    self.begin_traffic(handshake, around)?;
                    if self.live.as_ref().is_some_and(|live| live.sealed.is_some()) {
                        return Ok((at, Stopped::Sealed));
                    }
                }
                Some(Event::Join { .. } | Event::Leave { .. }) => {}
            }
        }
    }

    fn deliver_subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<(), Loss> {
        if let Some(live) = &mut self.live {
            live.input.count_subscription(topic.len())?;
        }
        if let Some(pipe) = read_by_somebody(&mut self.pipe) {
            let topic = ShortBytes::new(topic)?;
            pipe.append_special(Special::Subscription { subscribe, topic })?;
        }
        Ok(())
    }
}

impl Live {
    /// The common case by itself: delivers short frames from the front of `input`, at most `most` of them, and no more
    /// messages than the pipe has room for; the caller has seen that it has room for one. Who has gone meanwhile, or
    /// changed a limit, is seen afterwards. The bytes that they took, and how many they were.
    #[inline]
    fn take_short_frames(
        &mut self,
        pipe: &mut Option<PipeEnd>,
        input: &[u8],
        most: usize,
    ) -> Result<(usize, usize), Loss> {
        let Some(pipe) = read_by_somebody(pipe) else {
            return Ok((0, 0));
        };
        let (mut left, mut frames) = (input, 0);
        let mut room = pipe.room();
        while frames < most
            && room > 0
            && let Some((more, body, rest)) = self.protocol.short_frame(left)
        {
            self.expect_frame(more, body.len())?;
            pipe.append_bytes(body, more)?;
            left = rest;
            frames += 1;
            room -= u64::from(!more);
        }
        Ok((input.len() - left.len(), frames))
    }

    /// A frame of `length` bytes is there, or coming: it may not be wrong.
    #[inline]
    pub(super) fn expect_frame(&mut self, more: bool, length: usize) -> Result<(), Loss> {
        if let Some(envelope) = &mut self.envelope {
            envelope.check(more, length).map_err(Loss::Protocol)?;
        }
        self.input.count_frame(more, length)
    }
}

/// A body that is too long for the pipe itself: a slice of its slab, if that `shares`, or a copy.
fn long_body(slab: &Slab, range: Range<usize>, shares: bool) -> Result<Storage, Loss> {
    if shares && range.len() >= SLICE_LEAST {
        return Ok(slab.slice(range));
    }
    let body = slab.bytes().get(range).unwrap_or_default();
    Ok(Storage::copy_of(body)?)
}

/// The next frame can be delivered, or nobody wants it.
fn has_room(pipe: &mut Option<PipeEnd>) -> bool {
    match pipe {
        Some(pipe) => pipe.is_write_closed() || (pipe.can_write() && !pipe.is_flooded()),
        None => true,
    }
}

/// One read. `None` if the kernel has nothing.
pub(super) fn receive(live: &mut Live, room: &mut [u8]) -> Result<Option<usize>, Loss> {
    loop {
        match live.stream.recv(room) {
            Ok(0) => return Err(Loss::Stream(libc::EPIPE)),
            Ok(received) => {
                // Less than there was room for is all that there is; what comes later is told anew, but for the
                // end, if that has been told already. Behind much there is often more by now.
                if received < room.len().min(LONE) && !live.input.hung_up {
                    live.input.readable = false;
                }
                return Ok(Some(received));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                live.input.readable = false;
                return Ok(None);
            }
            Err(error) => {
                return Err(Loss::Stream(
                    error.raw_os_error().unwrap_or(libc::ECONNRESET),
                ));
            }
        }
    }
}

impl Held {
    /// A slab with a copy of `bytes`.
    fn copy_of(bytes: &[u8], scratch: &mut Scratch) -> Result<Self, Loss> {
        scratch.slab_with_room(bytes.len())?;
        let mut slab = scratch.give_slab()?;
        let start = slab.bytes().len();
        if let Some(front) = slab.room().get_mut(..bytes.len()) {
            front.copy_from_slice(bytes);
            slab.fill(bytes.len());
        }
        let range = start..start + bytes.len();
        Ok(Self { slab, range })
    }
}

/// The pipe, unless the socket has left it: nobody would ever read what came.
pub(super) fn read_by_somebody(pipe: &mut Option<PipeEnd>) -> Option<&mut PipeEnd> {
    pipe.as_mut().filter(|pipe| !pipe.is_write_closed())
}

/// What the peer sent does not fit into memory: the connection ends like for a frame that is too large.
pub(super) fn out_of_memory() -> Loss {
    Loss::Protocol(ProtocolError::OutOfMemory)
}

impl From<Error> for Loss {
    fn from(_: Error) -> Self {
        out_of_memory()
    }
}
