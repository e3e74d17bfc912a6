//! A connection: from connect (or accept) to the end, with a stream that comes and goes.
//!
//! ```text
//!             connecter               zmtp says MaySend, Ready       Detach, sent all
//!  Absent --stream is up--> Handshake ------------------> Traffic ------------------> Closing
//!    ^                          |                            |                           |
//!    +------- lost, connecting side (back-off) <-------------+                  EOF, error, deadline
//!                               |                            |                           v
//!                               +--- accepted side, protocol error, no retry ----------> gone
//! ```
//! Absent is a connection without [`Live`], the others are a [`Phase`] of it, of which two more stand aside: Sending, before
//! Traffic, and Unbound. The home I/O thread alone changes phases, emits events and handles errors. Contract:
//! transports.md sections 5 and 6; queues.md sections 6, 7, 10.

#![forbid(unsafe_code)]

mod authentication;
mod leaving;
mod loss;
mod notices;
mod raw;
mod starting;

use authentication::Authentication;
pub(crate) use loss::Loss;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::error::Result;
use crate::io::closing::Closing;
use crate::io::connecter::{Attempt, Connecter};
use crate::io::direct::Lent;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::sealed::Sealed;
use crate::io::turn::{Outcome, Pumped, Surroundings};
use crate::io::unwanted::Unwanted;
use crate::io::{ConnectionHandle, EndpointTexts, ObjectId, Session};
use crate::monitor::{Event, event_value};
use crate::patterns::Origin;
use crate::pipe::PipeEnd;
use crate::protocol::Protocol;
use crate::protocol::envelope::ReplyEnvelope;
use crate::socket::Attachment;
use crate::sync::Lock;
use crate::sys::epoll::Directions;
use crate::transport::Stream;

/// Who made the connection.
#[derive(Debug)]
pub(crate) enum Role {
    /// zmq_connect: it comes back after a loss.
    Connecting(Box<Connecter>),
    /// A listener's accept: it ends with its stream.
    Accepted { listener: ObjectId },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ObjectId,
    pub(crate) session: Arc<Session>,
    pub(crate) role: Role,
    /// This side's end of the pipe to the socket, as long as there is one.
    pub(crate) pipe: Option<PipeEnd>,
    pub(crate) live: Option<Live>,
    /// The socket has left: nothing is delivered any more, and no event emitted.
    pub(crate) detached: Option<Box<Detached>>,
    /// A restart marker of the socket has to come before anything is sent again.
    pub(crate) awaits_restart: bool,
    /// ZMQ_CONNECT_ROUTING_ID, for pipes made later (IMMEDIATE).
    origin: Origin,
    /// For the handles that others have of it.
    me: Weak<Lock<Self>>,
    /// What an application thread that read the stream came upon, or who wrote to it, for the home thread to deal with.
    pub(super) pending: Option<Loss>,
}

/// What exists while a stream does.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) stream: Arc<Stream>,
    /// Who reads instead of the home thread.
    pub(super) lent: Lent,
    /// The borrower left something for the home thread.
    pub(super) needs_home: bool,
    /// The home thread hears when the stream takes more.
    pub(super) watches_output: bool,
    pub(crate) protocol: Protocol,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// Both go through this on an encrypted stream.
    pub(super) sealed: Option<Box<Sealed>>,
    /// REQ only: replies with a wrong envelope are a protocol error.
    pub(crate) envelope: Option<ReplyEnvelope>,
    pub(crate) fd: i32,
    pub(crate) phase: Phase,
    /// The socket's end of a new pipe, for when what was read together with the handshake is in it: one wake-up for both.
    attachment: Option<Box<Attachment>>,
    /// The event that tells of the handshake is due.
    succeeded: bool,
    /// Raw: the socket has not been told yet that the stream is there.
    pub(crate) unannounced: bool,
    authentication: Authentication,
}

/// How far a stream is. It only goes on.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Nobody knows yet who is there.
    Handshake,
    /// A peer of ZMTP 1.0 or 2.x gets messages before it has said who it is.
    Sending,
    /// Messages go both ways.
    Traffic,
    /// The socket has left, and everything is sent: the end in order.
    Closing(Box<Closing>),
    /// The listener was unbound: nothing moves any more, and the connection ends when the socket has read what arrived.
    Unbound,
}

impl Phase {
    /// Messages may be sent.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self, Self::Sending | Self::Traffic)
    }

    /// The peer has said who it is, and messages go both ways.
    pub(crate) fn is_traffic(&self) -> bool {
        matches!(self, Self::Traffic)
    }

    /// Bytes go both ways, whatever they mean.
    fn moves(&self) -> bool {
        !matches!(self, Self::Closing(_) | Self::Unbound)
    }
}

/// Set by zmq_close and zmq_disconnect.
#[derive(Debug)]
pub(crate) struct Detached {
    /// When what is left is given up; `None` = never.
    pub(crate) deadline: Option<Instant>,
    /// After a loss what is left is sent on another stream.
    pub(crate) reconnects: bool,
    /// What the peer still sends.
    pub(crate) unwanted: Unwanted,
}

impl Connection {
    /// A connection that will be made by `connecter`; `pipe` is this side's end (IMMEDIATE 0).
    pub(crate) fn connecting(
        session: Session,
        connecter: Connecter,
        pipe: Option<PipeEnd>,
        origin: Origin,
    ) -> Arc<Lock<Self>> {
        let role = Role::Connecting(Box::new(connecter));
        let leftovers = Arc::default();
        let session = Session {
            leftovers,
            ..session
        };
        Self::new(Arc::new(session), role, |connection| {
            connection.pipe = pipe;
            connection.origin = origin;
        })
    }

    /// A connection that a listener accepted. Errors: `NoMemory`.
    pub(crate) fn accepted(
        session: Arc<Session>,
        listener: ObjectId,
        stream: Stream,
        now: Instant,
    ) -> Result<Arc<Lock<Self>>> {
        let protocol = session.protocol(now)?;
        let role = Role::Accepted { listener };
        Ok(Self::new(session, role, |connection| {
            connection.live = Some(connection.bring_up(stream, protocol));
        }))
    }

    fn new(session: Arc<Session>, role: Role, prepare: impl FnOnce(&mut Self)) -> Arc<Lock<Self>> {
        Arc::new_cyclic(|me| {
            let mut connection = Self {
                id: ObjectId::new(),
                session,
                role,
                pipe: None,
                live: None,
                detached: None,
                awaits_restart: false,
                origin: Origin::default(),
                me: Weak::clone(me),
                pending: None,
            };
            prepare(&mut connection);
            Lock::new(connection)
        })
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    fn handle(&self, around: &Surroundings<'_>) -> ConnectionHandle {
        ConnectionHandle {
            thread: Arc::clone(around.handle),
            id: self.id,
            connection: Weak::clone(&self.me),
        }
    }

    /// The stream takes nothing any more, which the home thread deals with.
    pub(super) fn sending_failed(&mut self) {
        if let Some(live) = &mut self.live {
            live.output.failed = true;
        }
    }

    /// The listener it came from.
    pub(crate) fn accepted_by(&self) -> Option<ObjectId> {
        match self.role {
            Role::Accepted { listener } => Some(listener),
            Role::Connecting(_) => None,
        }
    }

    // ---- what the thread calls ----

    /// First turn on the home thread. `puts_off`: what the peer has said by now has its turn later.
    pub(crate) fn start(&mut self, puts_off: bool, around: &mut Surroundings<'_>) -> Outcome {
        if let Some(pipe) = &self.pipe {
            pipe.set_wake(Arc::new(self.handle(around)));
        }
        match &self.role {
            Role::Connecting(_) => self.try_connect(around),
            Role::Accepted { .. } => {
                let Some(live) = &self.live else {
                    return Outcome::Gone;
                };
                if live.stream.register(around.epoll, self.id.token()).is_err() {
                    return self.lose(Loss::Stream(libc::EMFILE), around);
                }
                match puts_off {
                    true => Outcome::Again,
                    false => self.begin_stream(around),
                }
            }
        }
    }

    /// It is in a handshake whose steps take long, by public keys.
    pub(crate) fn shakes_hands_long(&self) -> bool {
        let is_shaking =
            |live: &Live| matches!(live.phase, Phase::Handshake) && !live.protocol.is_raw();
        self.session.options.security.selected.has_public_keys()
            && self.live.as_ref().is_some_and(is_shaking)
    }

    /// It is the server of its mechanism.
    pub(crate) fn serves(&self) -> bool {
        self.session.options.security.serves
    }

    /// The peer of a server has reset the connection before it was let in: nothing of what it said, which can still be
    /// read, is worth the time.
    pub(crate) fn lose_in_handshake(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        self.lose(Loss::Stream(libc::ECONNRESET), around)
    }

    /// The stream became readable or writable, or the peer has gone.
    pub(crate) fn note_ready(&mut self, readable: bool, writable: bool, hung_up: bool) {
        if let Some(live) = &mut self.live {
            live.input.readable |= readable;
            live.input.hung_up |= hung_up;
            live.output.writable |= writable;
        }
    }

    /// The stream is ready for something, or a connection attempt ended.
    pub(crate) fn handle_ready(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.live.is_some() {
            return self.drive(around);
        }
        match &mut self.role {
            Role::Connecting(connecter) if connecter.is_pending() => {
                let attempt = connecter.finish(&self.session, around);
                self.follow(attempt, around)
            }
            _ => Outcome::Wait,
        }
    }

    /// Moves bytes both ways as far as the kernel and credit allow.
    pub(crate) fn drive(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if let Some(pipe) = &mut self.pipe {
            // The socket may have changed its high-water marks.
            pipe.limits_changed();
        }
        match self.live.as_ref().map(|live| &live.phase) {
            None => self.drive_absent(around),
            Some(Phase::Handshake | Phase::Sending | Phase::Traffic) => self.drive_stream(around),
            Some(Phase::Closing(_)) => self.drive_closing(around),
            Some(Phase::Unbound) => self.drive_unbound(around),
        }
    }

    /// The stream is ready, but the connection has much to send, and its turn in that comes later: what its peer says is
    /// taken in all the same, before what others say afterwards.
    pub(crate) fn read_ahead(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self
            .live
            .as_ref()
            .is_some_and(|live| live.phase.is_traffic())
            && let ControlFlow::Break(outcome) = self.read(around)
        {
            return outcome;
        }
        Outcome::Again
    }

    /// The peer has sent more than its last turn took in, as far as is known.
    pub(crate) fn has_more_input(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.input.has_more())
    }

    /// Reads; a break if that ends the connection.
    fn read(&mut self, around: &mut Surroundings<'_>) -> ControlFlow<Outcome, Pumped> {
        let pending = self.pending.take();
        let read = match pending {
            Some(loss) => Err(loss),
            None => self
                .hear_worked()
                .and_then(|()| self.hear_answer())
                .and_then(|()| self.pump_in(around)),
        };
        match read {
            Ok(_) if self.is_refused() => ControlFlow::Break(self.lose(Loss::Dismissed, around)),
            Ok(pumped) => ControlFlow::Continue(pumped),
            Err(loss) => {
                self.show_what_is_wrong(loss, around);
                ControlFlow::Break(self.lose(loss, around))
            }
        }
    }

    fn drive_stream(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let input = match self.read(around) {
            ControlFlow::Continue(pumped) => pumped,
            ControlFlow::Break(outcome) => return outcome,
        };
        let output = self.send(around);
        if let Some(loss) = self.pending.take() {
            return self.lose(loss, around);
        }
        if self.detached.is_some() && self.has_sent_everything() {
            return self.begin_closing(around);
        }
        if input == Pumped::More || output == Pumped::More {
            return Outcome::Again;
        }
        Outcome::Wait
    }

    fn send(&mut self, around: &mut Surroundings<'_>) -> Pumped {
        let before = around.written;
        let pumped = self.pump_out(around).unwrap_or_else(|_| {
            self.sending_failed();
            Pumped::Blocked
        });
        let failed = |live: &mut Live| std::mem::take(&mut live.output.failed);
        if self.live.as_mut().is_some_and(failed) {
            self.stop_sending();
        }
        if let (Some(detached), Some(live)) = (&mut self.detached, &self.live) {
            if around.written > before {
                detached.unwanted.note_progress();
            }
            if live.output.blocked {
                detached.unwanted.note_standstill(around.now);
            }
        }
        pumped
    }

    /// A deadline of this connection may have come.
    pub(crate) fn handle_timeout(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.linger_is_over(around.now) {
            return self.give_up();
        }
        match self.live.as_ref().map(|live| &live.phase) {
            None => self.handle_connecter_timeout(around),
            Some(Phase::Handshake | Phase::Sending | Phase::Traffic) => {
                self.handle_stream_timeout(around)
            }
            Some(Phase::Closing(_)) => self.drive_closing(around),
            Some(Phase::Unbound) => Outcome::Wait,
        }
    }

    fn handle_stream_timeout(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if let Err(loss) = self.listen_before_timeout(around) {
            return self.lose(loss, around);
        }
        let handled = match &mut self.live {
            Some(live) => live.protocol.handle_timeout(around.now),
            None => Ok(()),
        };
        match handled {
            Ok(()) => self.drive(around),
            Err(timed_out) => self.lose(Loss::Timeout(timed_out), around),
        }
    }

    fn handle_connecter_timeout(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let is_due =
            matches!(&self.role, Role::Connecting(connecter) if connecter.is_due(around.now));
        let is_held = is_due && self.waits_for_socket(around);
        let Role::Connecting(connecter) = &mut self.role else {
            return Outcome::Wait;
        };
        if is_held {
            connecter.hold();
            return Outcome::Wait;
        }
        let attempt = connecter.handle_timeout(&self.session, around);
        self.follow(attempt, around)
    }

    /// The next time at which [`Self::handle_timeout`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let linger = self
            .detached
            .as_ref()
            .and_then(|detached| detached.deadline);
        let own = match (&self.live, &self.role) {
            (Some(live), _) => match &live.phase {
                Phase::Handshake | Phase::Sending | Phase::Traffic => self.next_timeout(live),
                Phase::Closing(closing) => closing.deadline(),
                // Nothing moves: nobody is too slow.
                Phase::Unbound => None,
            },
            (None, Role::Connecting(connecter)) => connecter.deadline(),
            (None, Role::Accepted { .. }) => None,
        };
        match (linger, own) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn next_timeout(&self, live: &Live) -> Option<Instant> {
        let unwanted = self
            .detached
            .as_ref()
            .filter(|_| live.input.readable)
            .and_then(|detached| detached.unwanted.due(&live.stream));
        [live.protocol.next_timeout(), unwanted]
            .into_iter()
            .flatten()
            .min()
    }

    /// Names were resolved for an attempt.
    pub(crate) fn handle_resolved(
        &mut self,
        attempt: u64,
        addresses: Vec<SocketAddr>,
        around: &mut Surroundings<'_>,
    ) -> Outcome {
        let Role::Connecting(connecter) = &mut self.role else {
            return Outcome::Wait;
        };
        let attempt = connecter.handle_resolved(attempt, addresses, &self.session, around);
        self.follow(attempt, around)
    }

    // ---- connecting ----

    fn try_connect(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let Role::Connecting(connecter) = &mut self.role else {
            return Outcome::Gone;
        };
        let attempt = connecter.begin(self.id, &self.session, around);
        self.follow(attempt, around)
    }

    /// Does what the connecter's step led to.
    fn follow(&mut self, attempt: Attempt, around: &mut Surroundings<'_>) -> Outcome {
        match attempt {
            Attempt::Waiting => Outcome::Wait,
            Attempt::Up { stream, watched } => {
                let token = self.id.token();
                let protocol = self.session.protocol(around.now).and_then(|protocol| {
                    match watched {
                        // Whatever has come already is told anew.
                        true => stream.watch(around.epoll, token, Directions::BOTH)?,
                        false => stream.register(around.epoll, token)?,
                    }
                    Ok(protocol)
                });
                let Ok(protocol) = protocol else {
                    // Without memory, here or in the system: a failed attempt.
                    self.emit(Event::Closed, event_value(stream.as_raw_fd()), &stream);
                    return self.retry(around);
                };
                let mut live = self.bring_up(stream, protocol);
                live.input.readable = !watched;
                self.emit(Event::Connected, event_value(live.fd), &live.stream);
                self.live = Some(live);
                self.begin_stream(around)
            }
            Attempt::Stopped => {
                if self.detached.is_some() {
                    return self.give_up();
                }
                Outcome::Wait
            }
            Attempt::Refused => self.dismiss_endpoint(),
        }
    }

    /// Waits for the next attempt, or stays idle if there is none (RECONNECT_IVL not positive).
    fn retry(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let Role::Connecting(connecter) = &mut self.role else {
            return Outcome::Gone;
        };
        let attempt = connecter.wait(&self.session, around);
        self.follow(attempt, around)
    }

    /// The socket is to forget the endpoint: no further attempt will be made.
    fn dismiss_endpoint(&mut self) -> Outcome {
        self.end_pipe();
        // A closed socket needs no telling.
        let _ = self
            .session
            .mailbox
            .push(crate::socket::SocketCommand::EndpointGone(self.id));
        self.give_up()
    }

    fn drive_absent(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.is_refused() {
            // The socket wants none of this pipe, before a connection existed.
            return self.give_up();
        }
        if self.detached.is_some() && self.has_sent_everything() {
            return self.give_up();
        }
        let is_held = matches!(&self.role, Role::Connecting(connecter) if connecter.is_held());
        match is_held && !self.waits_for_socket(around) {
            true => self.try_connect(around),
            false => Outcome::Wait,
        }
    }

    /// Earlier streams have left so much to the socket without credit that it is to read before another one comes: a peer
    /// that ends its connections again and again fills no pipe without bounds. Then a drive comes when that has changed.
    fn waits_for_socket(&mut self, around: &Surroundings<'_>) -> bool {
        if self.detached.is_some() {
            return false;
        }
        match &mut self.pipe {
            Some(pipe) => pipe.is_overfull(),
            None => {
                let leftovers = &self.session.leftovers;
                leftovers.wait_if_enough(|| Arc::new(self.handle(around)))
            }
        }
    }

    /// The socket wants none of this peer (a second one for PAIR, ROUTER handover). A socket that leaves
    /// finishes its pipe instead, and a Detach follows.
    fn is_refused(&self) -> bool {
        self.detached.is_none() && self.pipe.as_ref().is_some_and(PipeEnd::is_inbound_aborted)
    }

    /// Nothing is queued and nothing is partly sent.
    fn has_sent_everything(&mut self) -> bool {
        let live_is_done = self.live.as_ref().is_none_or(|live| live.output.is_empty());
        live_is_done && self.pipe.as_mut().is_none_or(PipeEnd::is_drained)
    }

    /// Emits the lengths of the pipe's queues, as far as reads were reported: `outbound` is the socket's.
    pub(crate) fn report_pipe(&self, outbound: u64) -> Outcome {
        let Some(pipe) = self.pipe.as_ref().filter(|_| self.detached.is_none()) else {
            return Outcome::Wait;
        };
        let values = [outbound, pipe.outbound_queue_length()];
        if let Some(live) = &self.live {
            let accepted = self.accepted_by().is_some();
            self.session
                .emit_of_stream(Event::PipesStats, &values, &live.stream, accepted);
            return Outcome::Wait;
        }
        let texts = EndpointTexts {
            local: String::new(),
            remote: String::from_utf8_lossy(&self.session.endpoint).into_owned(),
        };
        self.session.emit_values(Event::PipesStats, &values, &texts);
        Outcome::Wait
    }

    /// Tells that a listener made it.
    pub(super) fn emit_accepted(&self) {
        if let Some(live) = &self.live {
            self.emit(Event::Accepted, event_value(live.fd), &live.stream);
        }
    }

    /// Emits a monitor event of a stream, unless the socket has left.
    pub(crate) fn emit(&self, event: Event, value: u64, stream: &Stream) {
        if self.detached.is_none() {
            let accepted = self.accepted_by().is_some();
            self.session
                .emit_of_stream(event, &[value], stream, accepted);
        }
    }
}

#[cfg(test)]
mod tests;
