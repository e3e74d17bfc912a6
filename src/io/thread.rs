//! The loop of an I/O thread: commands, timers, readiness.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token};

use crate::clock;
use crate::context::Lingering;
use crate::error::Result;
use crate::io::connection::Connection;
use crate::io::direct;
use crate::io::listener::ListenerObject;
use crate::io::producers::Producers;
use crate::io::timers::Timers;
use crate::io::turn::{Outcome, Scratch, Surroundings, Turn};
use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::message::release;
use crate::sync::Lock;
use crate::sync::atomic::{Ordering, fence};

/// The token of the thread's own waker; object ids start at 1.
pub(crate) const WAKE_TOKEN: Token = Token(0);

/// Timers that are handled before others have their turn: a thousand connections may have come at the same time.
const TIMERS: usize = 8;
/// Bytes that a turn of those moves that have little to do.
const MUCH: usize = 16 * 1024;
/// Steps of handshakes that take long (CURVE: a tenth of a millisecond) between two looks at everybody. Whoever comes
/// beyond waits in a queue of its own: neither a thousand that come at once nor those that come without an end delay the
/// others by more than this.
const HANDSHAKES: usize = 2;
/// Events taken per wait.
const EVENTS: usize = 256;

/// Objects by id. Ids are consecutive numbers: they are their own hash.
type Objects = HashMap<ObjectId, Object, BuildHasherDefault<IdHasher>>;

/// What runs on an I/O thread.
#[derive(Debug)]
struct Object {
    kind: Kind,
    /// The earliest entry in the thread's timers.
    armed: Option<Instant>,
    /// Queued for another turn without waiting for readiness.
    scheduled: bool,
    /// Its last turn took long: the next one waits in the queue, whatever it is for.
    busy: bool,
    /// Its peer sent much, or more than was taken in: the next input waits, too.
    floods: bool,
    /// It is in a handshake whose steps take long.
    shakes: bool,
}

#[derive(Debug)]
enum Kind {
    /// Under a lock: application threads move its bytes, too ([`crate::io::direct`]).
    Connection(Arc<Lock<Connection>>),
    Listener(Box<ListenerObject>),
}

/// An I/O thread before and while it runs.
#[derive(Debug)]
pub(crate) struct IoThread {
    poll: Poll,
    handle: Arc<IoHandle>,
    lingering: Arc<Lingering>,
    objects: Objects,
    timers: Timers,
    /// Connections that have or had much to do. One of them has a turn, then those others that became ready meanwhile:
    /// those who keep the thread busy delay them by one turn, however many they are.
    ready: VecDeque<ObjectId>,
    /// Connections whose next step of a handshake waits; see [`HANDSHAKES`].
    shaking: VecDeque<ObjectId>,
    /// Such steps that this round has left.
    handshakes_left: usize,
    turn: Turn,
    /// The last turn ended because little was written.
    wrote_little: bool,
    producers: Producers,
    /// Calls of the kernel that found as much as one can, since the look began.
    full_looks: usize,
    /// Objects when it began.
    objects_before: usize,
    scratch: Scratch,
    stopping: bool,
}

impl IoThread {
    /// Opens the poll descriptor and the waker. Errors: those of the system (EMFILE).
    pub(crate) fn new(index: usize, lingering: Arc<Lingering>) -> Result<(Self, Arc<IoHandle>)> {
        let poll = Poll::new()?;
        let handle = Arc::new(IoHandle::new(index, &poll)?);
        let thread = Self {
            poll,
            handle: Arc::clone(&handle),
            lingering,
            objects: Objects::default(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            shaking: VecDeque::new(),
            handshakes_left: 0,
            turn: Turn::CALM,
            wrote_little: false,
            producers: Producers::default(),
            full_looks: 0,
            objects_before: 0,
            scratch: Scratch::new()?,
            stopping: false,
        };
        Ok((thread, handle))
    }

    /// Runs until [`IoCommand::Stop`].
    pub(crate) fn run(mut self) {
        direct::this_is_an_io_thread();
        let mut events = Events::with_capacity(EVENTS);
        while !self.stopping && self.round(&mut events) {}
        // Whatever is left goes without ceremony: the context waited for those who mattered.
        let _hold = release::Hold::new();
        // Commands may own connections and reach this very queue through them: a queue left open would
        // keep them, and their descriptors, for ever.
        let rest: Vec<_> = self.handle.commands.close().collect();
        // Nobody waits for this thread any more.
        fence(Ordering::SeqCst);
        self.handle.looks.stir();
        self.forgive(&rest);
        for object in self.objects.values() {
            if let Kind::Connection(connection) = &object.kind {
                // Whoever has borrowed the stream finds it gone, before the poll descriptor is.
                connection.lock().live = None;
            }
        }
        self.objects.clear();
        drop(rest);
    }

    /// A round: everybody who has something to do, and whom the kernel has something for. False: nobody can be served any
    /// more.
    fn round(&mut self, events: &mut Events) -> bool {
        self.handshakes_left = HANDSHAKES;
        self.handle_commands();
        self.handle_timers();
        self.run_ready();
        self.run_handshakes();
        self.producers.note_round();
        match self.sleep(events) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The poll descriptor itself fails (a program may have closed it).
            Err(_) => return false,
        }
        for event in &*events {
            self.handle_event(event);
        }
        self.note_look(events.iter().count());
        true
    }

    fn handle_event(&mut self, event: &Event) {
        if event.token() == WAKE_TOKEN {
            return;
        }
        let id = ObjectId(event.token().0 as u64);
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_error();
        let hung_up = event.is_read_closed() || event.is_error();
        let Some(object) = self.objects.get(&id) else {
            return;
        };
        let floods = object.floods;
        let shakes = object.shakes;
        let waits = match shakes {
            true => self.puts_off_handshake(id),
            false => self.waits_for_its_turn(id),
        };
        // Whoever has gone does not wait for others first.
        let is_lost = shakes && waits && (event.is_error() || event.is_write_closed());
        self.with_object(id, |kind, around| match kind {
            Kind::Connection(connection) => {
                let mut connection = connection.lock();
                if is_lost && connection.serves() {
                    return connection.lose_in_handshake(around);
                }
                connection.note_ready(readable, writable, hung_up);
                // A connection that is being made has no turns: what became of it is told once.
                match (waits && connection.live.is_some(), floods) {
                    (false, _) => connection.handle_ready(around),
                    (true, false) => connection.read_ahead(around),
                    (true, true) => Outcome::Again,
                }
            }
            Kind::Listener(listener) => listener.handle_ready(around),
        });
    }

    /// Nothing will be sent any more of what connections have left: nobody waits for it. `rest`: what others still wanted,
    /// when it was known to them that nothing more is taken on.
    fn forgive(&self, rest: &[IoCommand]) {
        let detached = |command: &IoCommand| match command {
            IoCommand::Detach(id, _) => Some(*id),
            _ => None,
        };
        let here = self.objects.keys().copied();
        for id in here.chain(rest.iter().filter_map(detached)) {
            self.lingering.finished(id);
        }
    }

    /// Waits for events, and takes them.
    ///
    /// It wakes before it takes them: whoever finds nothing there, and this thread asleep afterwards, knows that
    /// everything was dealt with ([`IoHandle::catch_up`]). One wait that does both would leave a moment in which neither
    /// the kernel has the events nor this thread.
    fn sleep(&mut self, events: &mut Events) -> io::Result<()> {
        let mut timeout = self.time_to_sleep();
        if timeout != Some(Duration::ZERO) && direct::is_enabled() {
            // If it fails, so does what follows.
            let _ = self.handle.epoll.wait(timeout);
            self.handle.asleep.store(false, Ordering::Release);
            timeout = Some(Duration::ZERO);
        }
        if self.full_looks == 0 {
            self.objects_before = self.objects.len();
        }
        self.handle.looks.begin();
        let taken = self.poll.poll(events, timeout);
        self.handle.asleep.store(false, Ordering::Relaxed);
        taken
    }

    /// What one call of the kernel has found is dealt with. That was not all if it was as much as a call finds at once; but
    /// what is found again stands behind what was there before, so there is an end to it while others go on.
    fn note_look(&mut self, events: usize) {
        self.full_looks = match events < EVENTS {
            true => 0,
            false => self.full_looks + 1,
        };
        if self.full_looks * EVENTS > self.objects_before {
            self.full_looks = 0;
        }
        if self.full_looks == 0 {
            self.handle.looks.end();
        }
    }

    /// How long the next wait may last. `Some(0)` while there is work. Going to sleep is announced
    /// before the last look at the commands, so that none is overlooked.
    fn time_to_sleep(&self) -> Option<Duration> {
        if !self.ready.is_empty() || !self.shaking.is_empty() || self.stopping {
            return Some(Duration::ZERO);
        }
        self.handle.asleep.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !self.handle.commands.is_empty() {
            self.handle.asleep.swap(false, Ordering::Relaxed);
            return Some(Duration::ZERO);
        }
        self.handle.looks.stir();
        let next = self.timers.next()?;
        let left = next.saturating_duration_since(clock::now());
        // Rounded up to the resolution of the wait: timers are never early, and never spin.
        Some(Duration::from_millis(
            u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
        ))
    }

    fn handle_commands(&mut self) {
        let handle = Arc::clone(&self.handle);
        handle
            .commands
            .serve(|command| self.handle_command(command));
    }

    fn handle_command(&mut self, command: IoCommand) {
        match command {
            IoCommand::Start(connection) => {
                let id = connection.lock().id();
                self.add(id, Kind::Connection(connection));
                let puts_off = self.puts_off_handshake(id);
                self.with_connection(id, |connection, around| connection.start(puts_off, around));
            }
            IoCommand::Listen(listener) => {
                let id = listener.id();
                self.add(id, Kind::Listener(listener));
                self.with_listener(id, ListenerObject::start);
            }
            IoCommand::Drive(id) if self.waits_for_its_turn(id) => {
                self.with_connection(id, |_, _| Outcome::Again);
            }
            IoCommand::Drive(id) => self.with_connection(id, Connection::drive),
            // It ended before: it owes nothing.
            IoCommand::Detach(id, _) if !self.objects.contains_key(&id) => {
                self.lingering.finished(id);
            }
            IoCommand::Detach(id, linger) => {
                self.with_connection(id, |connection, around| connection.detach(linger, around));
            }
            IoCommand::CapLinger(id, linger) => {
                self.with_connection(id, |connection, around| {
                    connection.cap_linger(linger, around)
                });
            }
            IoCommand::ReportPipe(id, outbound) => {
                self.with_connection(id, |connection, _| connection.report_pipe(outbound));
            }
            IoCommand::Accept(id) => {
                self.with_listener(id, |listener, around| listener.socket_has_read(around));
            }
            IoCommand::CloseListener(id) => self.with_listener(id, |listener, _| listener.closed()),
            IoCommand::ListenerClosed(listener) => {
                let accepted = |(id, object): (&ObjectId, &Object)| match &object.kind {
                    Kind::Connection(connection)
                        if connection.lock().accepted_by() == Some(listener) =>
                    {
                        Some(*id)
                    }
                    _ => None,
                };
                let ids: Vec<_> = self.objects.iter().filter_map(accepted).collect();
                for id in ids {
                    self.with_connection(id, Connection::listener_closed);
                }
            }
            IoCommand::Resolved(id, attempt, addresses) => {
                self.with_connection(id, |connection, around| {
                    connection.handle_resolved(attempt, addresses, around)
                });
            }
            IoCommand::Release(released) => drop(released),
            IoCommand::Stop => self.stopping = true,
        }
    }

    fn handle_timers(&mut self) {
        if self.timers.next().is_none() {
            return;
        }
        let now = clock::now();
        for _ in 0..TIMERS {
            let Some((at, id)) = self.timers.pop_due(now) else {
                return;
            };
            if let Some(object) = self.objects.get_mut(&id)
                && object.armed == Some(at)
            {
                object.armed = None;
            }
            self.with_object(id, |kind, around| match kind {
                Kind::Connection(connection) => connection.lock().handle_timeout(around),
                Kind::Listener(listener) => listener.handle_timeout(around),
            });
        }
    }

    fn run_ready(&mut self) {
        let Some(id) = self.ready.pop_front() else {
            return;
        };
        if let Some(object) = self.objects.get_mut(&id) {
            object.scheduled = false;
        }
        let small_writes = self.producers.small_writes();
        self.turn = match self.ready.is_empty() {
            true => Turn::ALONE.again(small_writes),
            false => Turn::SHARED.again(small_writes),
        };
        self.wrote_little = false;
        self.with_connection(id, Connection::drive);
        self.turn = Turn::CALM;
        self.producers
            .note_turn(self.wrote_little, self.ready.len());
    }

    /// The next steps of handshakes that waited, in the order in which they came.
    fn run_handshakes(&mut self) {
        while self.handshakes_left > 0
            && let Some(id) = self.shaking.pop_front()
        {
            // It may have gone.
            if let Some(object) = self.objects.get_mut(&id) {
                object.scheduled = false;
                self.handshakes_left -= 1;
                self.with_connection(id, Connection::drive);
            }
        }
    }

    /// A step of a handshake that takes long is to wait, for others are before it or have taken their time; if not, it is
    /// counted.
    fn puts_off_handshake(&mut self, id: ObjectId) -> bool {
        let Some(object) = self.objects.get(&id).filter(|object| object.shakes) else {
            return false;
        };
        if object.scheduled || self.handshakes_left == 0 || !self.shaking.is_empty() {
            return true;
        }
        self.handshakes_left -= 1;
        false
    }

    /// Whether a connection has its turn from the queue, rather than as soon as it is ready.
    fn waits_for_its_turn(&self, id: ObjectId) -> bool {
        self.objects
            .get(&id)
            .is_some_and(|object| object.scheduled || object.busy)
    }

    fn add(&mut self, id: ObjectId, kind: Kind) {
        let shakes = match &kind {
            Kind::Connection(connection) => connection.lock().shakes_hands_long(),
            Kind::Listener(_) => false,
        };
        self.objects.insert(
            id,
            Object {
                kind,
                armed: None,
                scheduled: false,
                busy: false,
                floods: false,
                shakes,
            },
        );
    }

    fn with_connection(
        &mut self,
        id: ObjectId,
        work: impl FnOnce(&mut Connection, &mut Surroundings<'_>) -> Outcome,
    ) {
        self.with_object(id, |kind, around| match kind {
            Kind::Connection(connection) => work(&mut connection.lock(), around),
            Kind::Listener(_) => Outcome::Wait,
        });
    }

    fn with_listener(
        &mut self,
        id: ObjectId,
        work: impl FnOnce(&mut ListenerObject, &mut Surroundings<'_>) -> Outcome,
    ) {
        self.with_object(id, |kind, around| match kind {
            Kind::Listener(listener) => work(listener, around),
            Kind::Connection(_) => Outcome::Wait,
        });
    }

    /// Runs `work` on an object, if it is still there, and does what its outcome asks. A panic ends
    /// that object only: it is not entered again, and its pipe ends with it. Storage that is dropped
    /// meanwhile is released afterwards.
    fn with_object(
        &mut self,
        id: ObjectId,
        work: impl FnOnce(&mut Kind, &mut Surroundings<'_>) -> Outcome,
    ) {
        let _hold = release::Hold::new();
        let Some(object) = self.objects.get_mut(&id) else {
            return;
        };
        let mut around = Surroundings {
            epoll: self.handle.epoll,
            handle: &self.handle,
            scratch: &mut self.scratch,
            turn: self.turn,
            is_home: true,
            borrows: false,
            has_looked: false,
            read: 0,
            written: 0,
            wrote_little: false,
            now: clock::now(),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut object.kind, &mut around)))
            .unwrap_or_else(|_| {
                // Nobody waits for what cannot come.
                self.lingering.finished(id);
                Outcome::Gone
            });
        let (read, written, has_looked) = (around.read, around.written, around.has_looked);
        self.wrote_little = around.wrote_little;
        match outcome {
            Outcome::Gone => {
                self.timers.remove(object.armed, id);
                let ended = self.objects.remove(&id);
                // What panicked may do so again on its way out.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(ended)));
                self.handle.remove_load();
                return;
            }
            Outcome::Again | Outcome::Wait => {}
        }
        object.busy = outcome == Outcome::Again || read + written >= MUCH;
        let (deadline, has_more) = match &object.kind {
            Kind::Connection(connection) => {
                let connection = connection.lock();
                object.shakes = connection.shakes_hands_long();
                (connection.deadline(), connection.has_more_input())
            }
            Kind::Listener(listener) => (listener.deadline(), false),
        };
        if outcome == Outcome::Again && !object.scheduled {
            object.scheduled = true;
            match object.shakes {
                true => self.shaking.push_back(id),
                false => self.ready.push_back(id),
            }
        }
        // Without a look at its input it is what it was.
        if has_looked {
            object.floods = read >= MUCH || has_more;
        }
        if let Some(deadline) = deadline
            && object.armed.is_none_or(|armed| deadline < armed)
        {
            self.timers.set(deadline, id, object.armed);
            object.armed = Some(deadline);
        }
    }
}

/// See [`Objects`].
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The table takes its bucket from the low bits and its tag from the high ones.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests;
