//! Application threads that move a connection's bytes themselves, where handing them to the I/O thread would take
//! longer than moving them.
//!
//! **Direct write** ([`ConnectionHandle::wake`]): who sends into the pipe of a sleeping connection writes at once, if the
//! I/O thread has served the commands it had, and this is not in the middle of a burst: then the I/O thread does, in large
//! pieces, while the application prepares more.
//!
//! **Direct read** ([`Lease`]): who waits for messages of a few connections borrows their streams. While it does, their
//! home threads do not listen to them (but write, answer and keep time as ever); it reads what comes, and gives the
//! streams back before it goes on. The home thread can revoke a loan at any time, since the borrower touches the
//! connection only under its lock and looks there whether the loan still holds.
//!
//! Both move traffic only. Ends, errors and phases are the home thread's: what a borrower comes upon is left in
//! [`Connection::pending`], and a command drives the home thread. A round trip takes two system calls and two wake-ups
//! less on each side that way. Where much comes, the home thread reads (`socket::lending`, and `Input` for single
//! streams).

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use std::{io, iter};

use mio::Token;

use crate::clock;
use crate::error::Result;
use crate::io::connection::Live;
use crate::io::turn::{Pumped, Scratch, Surroundings, Turn};
use crate::io::{Connection, IoCommand, IoHandle, ObjectId};
use crate::mailbox::Waiter;
use crate::pipe::{Notice, Wake};
use crate::sync::Lock;
use crate::sys::cancel::Shield;
use crate::sys::epoll::{Directions, Epoll};
use crate::sys::poll::{self, Descriptor};
use crate::sys::switch::Switch;
use crate::sys::thread_end;
use crate::transport::Stream;

/// A connection as others reach it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle {
    pub(super) thread: Arc<IoHandle>,
    pub(super) id: ObjectId,
    pub(super) connection: Weak<Lock<Connection>>,
}

/// Sends to sleeping connections closer together than this are a burst. A thread that waited in between is not in one: a
/// round trip may be as short.
const BURST: Duration = Duration::from_micros(20);

thread_local! {
    /// The calling thread may write by itself: it has waited since it last did so.
    static HAS_WAITED: Cell<bool> = const { Cell::new(true) };
    /// It has sent something since its last wait, and what it waits for next may be the answer.
    static HAS_SENT: Cell<bool> = const { Cell::new(false) };
    /// When it last might have written by itself but for a burst.
    static LAST_CHANCE: Cell<Option<Instant>> = const { Cell::new(None) };
    static IS_IO_THREAD: Cell<bool> = const { Cell::new(false) };
    /// What it takes to move bytes. Without a destructor: `thread_end` says why.
    static SCRATCH: ManuallyDrop<RefCell<Option<Box<Scratch>>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// How often the calling thread wrote by itself.
#[cfg(test)]
pub(crate) fn written_by_this_thread() -> usize {
    WRITES.get()
}

#[cfg(test)]
thread_local! {
    static WRITES: Cell<usize> = const { Cell::new(0) };
}

/// Whether application threads move bytes at all: not with ZEROXIDE_DIRECT=0.
pub(crate) fn is_enabled() -> bool {
    static SWITCH: Switch = Switch::new("ZEROXIDE_DIRECT", false);
    SWITCH.is_on()
}

/// Whoever sends or receives here (in a free function) leaves it to the threads: it would wait for itself to catch up.
pub(super) fn this_is_an_io_thread() {
    IS_IO_THREAD.set(true);
}

/// The calling thread is waiting, or has looked for something and found nothing: its next send stands alone.
pub(crate) fn note_wait() {
    HAS_WAITED.set(true);
}

/// The calling thread has sent something to who slept: an answer may come.
pub(crate) fn note_sent() {
    HAS_SENT.set(true);
}

/// Whether the wait that begins now may be for an answer: the calling thread has sent something since its last wait, to
/// a connection or a socket that had nothing else to do.
pub(crate) fn waits_for_answer() -> bool {
    HAS_SENT.take()
}

impl ConnectionHandle {
    /// The handle of a connection that is to run on `thread`.
    pub(crate) fn new(thread: &Arc<IoHandle>, connection: &Arc<Lock<Connection>>) -> Self {
        Self {
            thread: Arc::clone(thread),
            id: connection.lock().id(),
            connection: Arc::downgrade(connection),
        }
    }

    /// The handle of a connection that is not there.
    #[cfg(test)]
    pub(crate) fn of_nobody(thread: &Arc<IoHandle>) -> Self {
        Self {
            thread: Arc::clone(thread),
            id: ObjectId::new(),
            connection: Weak::new(),
        }
    }

    /// A thread reads its stream while it waits.
    #[cfg(test)]
    pub(crate) fn is_lent(&self) -> bool {
        self.connection.upgrade().is_some_and(|connection| {
            let connection = connection.lock();
            connection
                .live
                .as_ref()
                .is_some_and(|live| live.lent.is_lent())
        })
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// Where commands for it go.
    pub(crate) fn home(&self) -> (&Arc<IoHandle>, ObjectId) {
        (&self.thread, self.id)
    }

    /// Writes what the pipe has, unless this is a burst or the connection is busy. False: the I/O thread has to.
    fn write(&self) -> bool {
        // The home thread has looked at whatever it was to send before. Asked first: where one message goes to many, it is
        // asked to send to the second, and the clock is not read for the others.
        if !is_enabled() || !self.thread.commands.is_served() || IS_IO_THREAD.get() {
            return false;
        }
        let now = clock::now();
        let before = LAST_CHANCE.replace(Some(now));
        let is_apart = before.is_none_or(|last| now.saturating_duration_since(last) >= BURST);
        if !(HAS_WAITED.take() || is_apart) {
            return false;
        }
        // Its stream may end here, too.
        let _shield = Shield::raise();
        let Some(connection) = self.connection.upgrade() else {
            return false;
        };
        let Some(mut connection) = connection.try_lock() else {
            return false;
        };
        let written = self.with_surroundings(now, |around| connection.write_directly(around));
        written.is_some_and(|written| written)
    }

    fn with_surroundings<R>(
        &self,
        now: Instant,
        work: impl FnOnce(&mut Surroundings<'_>) -> R,
    ) -> Option<R> {
        // Taken out: a free function may come back here.
        let mut scratch = match SCRATCH.with(|scratch| scratch.take()) {
            Some(scratch) => scratch,
            None => {
                static FORGET: fn() = || drop(SCRATCH.with(|scratch| scratch.take()));
                // What nobody would free at the end of the thread is not made.
                if !thread_end::at_end(thread_end::Slot::Scratch, &FORGET) {
                    return None;
                }
                Box::new(Scratch::new().ok()?)
            }
        };
        let done = work(&mut Surroundings {
            epoll: self.thread.epoll,
            handle: &self.thread,
            scratch: &mut scratch,
            turn: Turn::SHARED,
            is_home: false,
            borrows: false,
            has_looked: false,
            read: 0,
            written: 0,
            wrote_little: false,
            now,
        });
        SCRATCH.with(|own| own.replace(Some(scratch)));
        Some(done)
    }
}

impl Wake for ConnectionHandle {
    fn wake(&self, notice: Notice) {
        if notice == Notice::Readable {
            note_sent();
            if self.write() {
                return;
            }
        }
        self.thread.post(IoCommand::Drive(self.id));
    }
}

/// Streams that the calling thread reads by itself while it waits for what they bring. Meanwhile their home threads do
/// not listen to them. Not to be held together with a socket's lock once it has been taken, but to be taken under it.
#[derive(Debug)]
pub(crate) struct Lease {
    borrowed: [Option<Borrowed>; Self::MOST],
    /// It does not borrow.
    refrains: bool,
    has_read: Cell<bool>,
    waiter: Arc<Waiter>,
    /// When the wait is to be over.
    deadline: Option<Instant>,
}

/// What a socket's traffic says of who should read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Messages come one by one, and nothing is gained if the I/O thread brings them.
    Lone,
    /// Many come, and nothing goes: who waits reads in large pieces as well, where its I/O thread has nothing else to do.
    Streaming,
    /// Much comes and goes: the I/O thread brings many messages at once.
    Busy,
}

#[derive(Debug)]
struct Borrowed {
    handle: ConnectionHandle,
    connection: Arc<Lock<Connection>>,
    /// Open until this is dropped, whatever becomes of the connection.
    stream: Arc<Stream>,
    /// A wait found it readable.
    has_come: bool,
}

impl Lease {
    /// A thread that waits for more streams than these leaves them to their home threads.
    pub(crate) const MOST: usize = 8;
    /// A home thread with more objects than these, which does not sleep, is often in the middle of something, and who
    /// reads by itself would have to wait for it ([`IoHandle::catch_up`]).
    const FEW: usize = 16;
    /// A home thread that has one connection, and perhaps its listener, has nothing else to do.
    const ALONE: usize = 2;

    /// Who has read waits for no longer than this until its I/O thread has caught up, and for at least a moment, whatever
    /// its own wait still allows.
    const MOST_PATIENCE: Duration = Duration::from_millis(100);
    const LEAST_PATIENCE: Duration = Duration::from_millis(1);

    /// Borrows nothing yet; `waiter` is woken if something is to be given back. The wait ends at `deadline`.
    pub(crate) fn new(waiter: &Arc<Waiter>, deadline: Option<Instant>) -> Self {
        Self {
            borrowed: Default::default(),
            refrains: false,
            has_read: Cell::new(false),
            waiter: Arc::clone(waiter),
            deadline,
        }
    }

    /// From now on: what is waited for is too much to be read by who waits.
    pub(crate) fn take_nothing(&mut self) {
        self.refrains = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.borrowed.iter().all(Option::is_none)
    }

    /// Borrows a stream, if there is room, it is at rest, and `terms` allow it.
    pub(crate) fn take(&mut self, handle: &ConnectionHandle, terms: Terms) {
        let load = handle.thread.load();
        let is_alone = load <= Self::ALONE;
        let allowed = match terms {
            Terms::Lone => load <= Self::FEW || handle.thread.is_asleep(),
            Terms::Streaming => is_alone,
            Terms::Busy => false,
        };
        if !allowed || self.refrains || !is_enabled() || IS_IO_THREAD.get() {
            return;
        }
        let Some(place) = self.borrowed.iter_mut().find(|place| place.is_none()) else {
            return;
        };
        let Some(connection) = handle.connection.upgrade() else {
            return;
        };
        let Some(stream) = connection.try_lock().and_then(|mut connection| {
            connection.lend(&self.waiter, handle.thread.epoll, is_alone)
        }) else {
            return;
        };
        *place = Some(Borrowed {
            handle: handle.clone(),
            connection,
            stream,
            has_come: false,
        });
    }

    /// Sleeps until the waiter is woken or something has come: true; false when `timeout` is over. What has come is read
    /// by [`Lease::end`]. `Interrupted` if a signal handler ran.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> Result<bool> {
        if self.is_empty() {
            return self.waiter.wait(timeout);
        }
        let mut descriptors = [Descriptor::new(-1, poll::IN); Self::MOST + 1];
        let waiter = Descriptor::new(self.waiter.descriptor(), poll::IN);
        let all = iter::once(waiter).chain(self.descriptors());
        for (place, descriptor) in descriptors.iter_mut().zip(all) {
            *place = descriptor;
        }
        let count = 1 + self.borrowed.iter().flatten().count();
        let descriptors = descriptors.get_mut(..count).unwrap_or_default();
        let ready = poll::poll(descriptors, timeout, None)? > 0;
        self.note(descriptors.iter().skip(1));
        Ok(ready)
    }

    /// What a wait for [`Lease::descriptors`] found.
    pub(crate) fn note<'a>(&mut self, found: impl Iterator<Item = &'a Descriptor>) {
        for (borrowed, found) in self.borrowed.iter_mut().flatten().zip(found) {
            borrowed.has_come = found.returned() != 0;
        }
    }

    /// What to wait for besides the waiter.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = Descriptor> {
        let borrowed = self.borrowed.iter().flatten();
        borrowed.map(|borrowed| Descriptor::new(borrowed.stream.as_raw_fd(), poll::IN))
    }

    /// Reads what is there; true if there was something, good or bad.
    pub(crate) fn read(&self) -> bool {
        let mut any = false;
        for borrowed in self.borrowed.iter().flatten() {
            any |= borrowed.read(&self.waiter);
        }
        self.has_read.set(self.has_read.get() || any);
        any
    }

    /// Gives everything back, having read what a wait found. No lock of a socket is held; who is still to be woken by
    /// what is read is registered.
    pub(crate) fn end(&mut self) {
        let mut any = self.has_read.take();
        for borrowed in self.borrowed.iter().flatten() {
            any |= borrowed.has_come && borrowed.read(&self.waiter);
        }
        if any {
            self.threads_catch_up();
        }
        for place in &mut self.borrowed {
            if let Some(borrowed) = place.take() {
                borrowed.give_back(&self.waiter);
            }
        }
    }

    /// Before the caller acts on what it has read: see [`IoHandle::catch_up`].
    fn threads_catch_up(&self) {
        let begin = clock::now();
        let left = self.deadline.map_or(Self::MOST_PATIENCE, |deadline| {
            deadline.saturating_duration_since(begin)
        });
        // For all of them together.
        let patience = left.clamp(Self::LEAST_PATIENCE, Self::MOST_PATIENCE);
        let mut last: Option<&Arc<IoHandle>> = None;
        for borrowed in self.borrowed.iter().flatten() {
            let thread = &borrowed.handle.thread;
            if last.is_none_or(|last| !Arc::ptr_eq(last, thread)) {
                thread.catch_up(patience.saturating_sub(clock::now() - begin));
            }
            last = Some(thread);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end();
    }
}

impl Borrowed {
    /// Reads what is there; true if there was something, good or bad.
    fn read(&self, waiter: &Arc<Waiter>) -> bool {
        let mut connection = self.connection.lock();
        if !connection.is_lent_to(waiter) {
            return true;
        }
        let has_sent = HAS_SENT.get();
        let read = |around: &mut Surroundings<'_>| connection.read_directly(around);
        // Without what it takes the home thread reads.
        let read = self.handle.with_surroundings(clock::now(), read);
        // What this thread has read for its own socket, it has not sent.
        HAS_SENT.set(has_sent);
        read.unwrap_or(true)
    }

    fn give_back(self, waiter: &Arc<Waiter>) {
        let mut connection = self.connection.lock();
        if !connection.is_lent_to(waiter) {
            return;
        }
        let drive = connection.take_back(self.handle.thread.epoll);
        drop(connection);
        if drive {
            self.handle.thread.post(IoCommand::Drive(self.handle.id));
        }
    }
}

/// Whether a stream is lent. Who borrowed it is woken when this goes.
#[derive(Debug, Default)]
pub(crate) struct Lent(Option<Arc<Waiter>>);

impl Lent {
    pub(super) fn is_lent(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(waiter) = self.0.take() {
            waiter.wake();
        }
    }
}

impl Connection {
    /// Moves what the pipe has into the kernel, if nothing else is going on. False: the home thread has to go on.
    fn write_directly(&mut self, around: &mut Surroundings<'_>) -> bool {
        let idle = self.live.as_ref().is_some_and(|live| {
            live.phase.may_send() && live.output.writable && live.output.is_empty()
        });
        if !idle || self.detached.is_some() {
            return false;
        }
        #[cfg(test)]
        WRITES.set(WRITES.get() + 1);
        match self.pump_out(around) {
            Ok(Pumped::Blocked) => self.pending.is_none(),
            Ok(Pumped::More) => false,
            Err(_) => {
                self.sending_failed();
                false
            }
        }
    }

    /// Lends the stream to the thread of `waiter`, if it is open, at rest, and nobody has it; one that much comes by only
    /// if it is `alone` on its home thread.
    fn lend(&mut self, waiter: &Arc<Waiter>, epoll: Epoll, alone: bool) -> Option<Arc<Stream>> {
        if self.detached.is_some() || self.pending.is_some() {
            return None;
        }
        let token = self.id().token();
        let live = self.live.as_mut()?;
        let rests = live.phase.is_traffic() && !live.lent.is_lent() && live.input.is_at_rest();
        if !rests || (!alone && live.input.passes_over_wait()) {
            return None;
        }
        let writes = !live.output.writable;
        live.watch(epoll, token, false, writes).ok()?;
        live.lent = Lent(Some(Arc::clone(waiter)));
        Some(Arc::clone(&live.stream))
    }

    fn is_lent_to(&self, waiter: &Arc<Waiter>) -> bool {
        let lent = self.live.as_ref().and_then(|live| live.lent.0.as_ref());
        lent.is_some_and(|holder| Arc::ptr_eq(holder, waiter))
    }

    /// Reads as the borrower; true if something came, or something is wrong.
    fn read_directly(&mut self, around: &mut Surroundings<'_>) -> bool {
        if self.pending.is_some() {
            return true;
        }
        let before = self.deadline();
        if let Some(live) = &mut self.live {
            live.input.readable = true;
        }
        around.borrows = true;
        let pumped = self.pump_in(around);
        let came = around.read > 0;
        match pumped {
            Ok(Pumped::Blocked) => {}
            Ok(Pumped::More) => self.needs_home(),
            Err(loss) => self.pending = Some(loss),
        }
        if came {
            // What the peer asked for, and deadlines that have come closer, are the home thread's.
            let earlier = match (before, self.deadline()) {
                (Some(before), Some(after)) => after < before,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let answers = self
                .live
                .as_mut()
                .and_then(|live| live.protocol.poll_output())
                .is_some_and(|output| !output.is_empty());
            if earlier || answers {
                self.needs_home();
            }
        }
        came || self.pending.is_some()
    }

    fn needs_home(&mut self) {
        if let Some(live) = &mut self.live {
            live.needs_home = true;
        }
    }

    /// The borrower reads no more; true if the home thread has something to do.
    fn take_back(&mut self, epoll: Epoll) -> bool {
        let (token, pending) = (self.id().token(), self.pending.is_some());
        let Some(live) = &mut self.live else {
            return false;
        };
        live.lent.0 = None;
        let writes = !live.output.writable;
        // A stream that cannot be watched any more is broken, which the home thread finds out.
        let watched = live.watch(epoll, token, true, writes);
        let needs_home = std::mem::take(&mut live.needs_home);
        watched.is_err() || pending || needs_home || live.input.has_more()
    }

    /// Takes the stream back from whoever has borrowed it: the home thread needs it.
    pub(super) fn revoke(&mut self, around: &Surroundings<'_>) {
        let token = self.id().token();
        if let Some(live) = &mut self.live
            && live.lent.is_lent()
        {
            live.lent = Lent::default();
            // A stream that cannot be watched any more is broken: the end of this turn finds it out.
            let _ = live.watch(around.epoll, token, true, true);
        }
    }

    /// The stream takes no more: the home thread is to hear when it does.
    pub(super) fn watch_output(&mut self, around: &Surroundings<'_>) {
        let token = self.id().token();
        if let Some(live) = &mut self.live
            && !live.watches_output
        {
            let reads = !live.lent.is_lent();
            // As above.
            let _ = live.watch(around.epoll, token, reads, true);
        }
    }
}

impl Live {
    fn watch(
        &mut self,
        epoll: Epoll,
        token: Token,
        readable: bool,
        writable: bool,
    ) -> io::Result<()> {
        self.watches_output = writable;
        let directions = Directions { readable, writable };
        self.stream.watch(epoll, token, directions)
    }
}
