//! A connection: from connect (or accept) to the end, with a stream that comes and goes.
//!
//! ```text
//!             connecter                     zmtp says Ready          Detach, sent all
//!  Absent --stream is up--> Handshake ------------------> Traffic ------------------> Closing
//!    ^                          |                            |                           |
//!    +------- lost, connecting side (back-off) <-------------+                  EOF, error, deadline
//!                               |                            |                           v
//!                               +--- accepted side, protocol error, no retry ----------> gone
//! ```
//! The home I/O thread alone changes phases, emits events and handles errors. Contract:
//! transports.md sections 5 and 6; queues.md sections 6, 7, 10.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::io::closing::Closing;
use crate::io::connecter::{Attempt, Connecter};
use crate::io::output::Output;
use crate::io::thread::Surroundings;
use crate::io::traffic::{Input, Pumped};
use crate::io::{DriveConnection, EndpointTexts, Linger, ObjectId, Session};
use crate::message::PeerInfo;
use crate::monitor::Event;
use crate::patterns::Origin;
use crate::pipe::queue::Special;
use crate::pipe::{Conflate, Limits, PipeEnd, pipe};
use crate::protocol::envelope::ReplyEnvelope;
use crate::protocol::{ProtocolError, TimedOut, Zmtp};
use crate::transport::Stream;

/// Who made the connection.
#[derive(Debug)]
pub(crate) enum Role {
    /// zmq_connect: it comes back after a loss.
    Connecting(Box<Connecter>),
    /// A listener's accept: it ends with its stream.
    Accepted { listener: ObjectId },
}

/// What an object wants of its thread after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing until readiness, a command or its deadline.
    Wait,
    /// Another turn soon: there is more to do, but others come first.
    Again,
    /// It has ended.
    Gone,
}

/// Why a stream was given up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// EOF or an error of the stream, with the errno that the monitor shows.
    Stream(i32),
    /// The handshake timer or a heartbeat ran out.
    Timeout(TimedOut),
    /// The peer broke the protocol: never retried.
    Protocol(ProtocolError),
    /// The application's side ended it: unbind, refusal. No event, no retry, or an ordinary one.
    Dismissed,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ObjectId,
    pub(crate) session: Session,
    role: Role,
    /// This side's end of the pipe to the socket, as long as there is one.
    pub(crate) pipe: Option<PipeEnd>,
    pub(crate) live: Option<Live>,
    /// The socket has left: nothing is delivered any more, and no event emitted.
    pub(crate) detached: Option<Detached>,
    /// Restart markers of the socket that have to come before anything is sent again.
    pub(crate) restarts_awaited: u32,
    /// ZMQ_CONNECT_ROUTING_ID, for pipes made later (IMMEDIATE).
    origin: Origin,
    /// The listener was unbound: nothing moves any more, and the connection ends when the socket has
    /// read what arrived.
    unbound: bool,
}

/// What exists while a stream does.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) stream: Stream,
    pub(crate) zmtp: Zmtp,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// REQ only: replies with a wrong envelope are a protocol error.
    pub(crate) envelope: Option<ReplyEnvelope>,
    pub(crate) texts: EndpointTexts,
    pub(crate) fd: i32,
    /// The handshake is over.
    pub(crate) traffic: bool,
    pub(crate) closing: Option<Closing>,
}

/// Set by zmq_close and zmq_disconnect.
#[derive(Debug)]
pub(crate) struct Detached {
    /// When what is left is given up; `None` = never.
    pub(crate) deadline: Option<Instant>,
}

impl Connection {
    /// A connection that will be made by `connecter`; `pipe` is this side's end (IMMEDIATE 0).
    pub(crate) fn connecting(
        id: ObjectId,
        session: Session,
        connecter: Connecter,
        pipe: Option<PipeEnd>,
        origin: Origin,
    ) -> Self {
        Self {
            id,
            session,
            role: Role::Connecting(Box::new(connecter)),
            pipe,
            live: None,
            detached: None,
            restarts_awaited: 0,
            origin,
            unbound: false,
        }
    }

    /// A connection that a listener accepted.
    pub(crate) fn accepted(
        session: Session,
        listener: ObjectId,
        stream: Stream,
        now: Instant,
    ) -> Self {
        let mut connection = Self {
            id: ObjectId::new(),
            session,
            role: Role::Accepted { listener },
            pipe: None,
            live: None,
            detached: None,
            restarts_awaited: 0,
            origin: Origin::default(),
            unbound: false,
        };
        connection.live = Some(connection.bring_up(stream, now));
        connection
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// The listener it came from.
    pub(crate) fn accepted_by(&self) -> Option<ObjectId> {
        match self.role {
            Role::Accepted { listener } => Some(listener),
            Role::Connecting(_) => None,
        }
    }

    // ---- what the thread calls ----

    /// First turn on the home thread.
    pub(crate) fn start(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if let Some(pipe) = &self.pipe {
            pipe.set_wake(Arc::new(DriveConnection {
                thread: Arc::clone(around.handle),
                connection: self.id,
            }));
        }
        match &self.role {
            Role::Connecting(_) => self.try_connect(around),
            Role::Accepted { .. } => {
                let Some(live) = &self.live else {
                    return Outcome::Gone;
                };
                if live
                    .stream
                    .register(around.registry, self.id.token())
                    .is_err()
                {
                    return self.lose(Loss::Stream(libc::EMFILE), around);
                }
                self.drive(around)
            }
        }
    }

    /// The stream became readable or writable, or a connection attempt ended.
    pub(crate) fn handle_ready(
        &mut self,
        readable: bool,
        writable: bool,
        around: &mut Surroundings<'_>,
    ) -> Outcome {
        if let Some(live) = &mut self.live {
            live.input.readable |= readable;
            live.output.writable |= writable;
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
        if self.live.is_none() {
            return self.drive_absent();
        }
        if self.unbound {
            return self.drive_unbound(around);
        }
        if self
            .live
            .as_ref()
            .is_some_and(|live| live.closing.is_some())
        {
            return self.drive_closing(around);
        }
        let input = match self.pump_in(around) {
            Ok(pumped) => pumped,
            Err(loss) => return self.lose(loss, around),
        };
        if self.is_refused() {
            return self.lose(Loss::Dismissed, around);
        }
        let output = match self.pump_out(around) {
            Ok(pumped) => pumped,
            // A failed send does not end reading: what has arrived is still delivered, and the read
            // side sees the end.
            Err(_) => Pumped::Blocked,
        };
        if self.detached.is_some() && self.has_sent_everything() {
            return self.begin_closing(around);
        }
        if input == Pumped::More || output == Pumped::More {
            return Outcome::Again;
        }
        Outcome::Wait
    }

    /// A deadline of this connection may have come.
    pub(crate) fn handle_timeout(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.linger_is_over(around.now) {
            return self.give_up();
        }
        if let Some(live) = &mut self.live {
            if live.closing.is_some() {
                return self.drive_closing(around);
            }
            if let Err(timed_out) = live.zmtp.handle_timeout(around.now) {
                return self.lose(Loss::Timeout(timed_out), around);
            }
            return self.drive(around);
        }
        let Role::Connecting(connecter) = &mut self.role else {
            return Outcome::Wait;
        };
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
            (Some(live), _) => match &live.closing {
                Some(closing) => closing.deadline(),
                None => live.zmtp.next_timeout(),
            },
            (None, Role::Connecting(connecter)) => connecter.deadline(),
            (None, Role::Accepted { .. }) => None,
        };
        match (linger, own) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
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
            Attempt::Up(stream) => {
                if stream.register(around.registry, self.id.token()).is_err() {
                    return self.retry(around);
                }
                let live = self.bring_up(stream, around.now);
                self.emit(Event::Connected, fd_value(live.fd), &live.texts);
                self.live = Some(live);
                self.drive(around)
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

    fn drive_absent(&mut self) -> Outcome {
        if self.is_refused() {
            // The socket wants none of this pipe, before a connection existed.
            self.end_pipe();
            return Outcome::Gone;
        }
        if self.detached.is_some() && self.has_sent_everything() {
            return self.give_up();
        }
        Outcome::Wait
    }

    // ---- a stream comes up ----

    fn bring_up(&self, stream: Stream, now: Instant) -> Live {
        let fd = stream.as_raw_fd();
        let (local, remote) = stream.endpoint_texts();
        Live {
            zmtp: Zmtp::new(self.session.zmtp_config(), now),
            input: Input::new(),
            output: Output::new(),
            envelope: self
                .session
                .row
                .checks_reply_envelope
                .then(ReplyEnvelope::default),
            texts: EndpointTexts { local, remote },
            fd,
            traffic: false,
            closing: None,
            stream,
        }
    }

    /// The handshake is complete: tell the socket who is there.
    pub(crate) fn begin_traffic(
        &mut self,
        handshake: crate::protocol::Handshake,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        live.traffic = true;
        let texts = live.texts.clone();
        let address = live.stream.peer_address_text();
        let peer = PeerInfo::new(
            handshake.routing_id.into_boxed_slice(),
            address.as_deref(),
            live.fd,
            &handshake.properties,
        );
        self.emit(Event::HandshakeSucceeded, 0, &texts);
        if self.detached.is_some() {
            return Ok(());
        }
        let new_end = if self.pipe.is_none() {
            let (theirs, ours) = self.session.make_pipe();
            ours.set_wake(Arc::new(DriveConnection {
                thread: Arc::clone(around.handle),
                connection: self.id,
            }));
            self.pipe = Some(ours);
            Some(theirs)
        } else {
            None
        };
        if let Some(pipe) = &mut self.pipe {
            pipe.append_special(Special::Peer(Arc::new(peer)))
                .map_err(|_| Loss::Dismissed)?;
            pipe.flush();
        }
        if let Some(end) = new_end {
            let origin = self.origin.clone();
            let connection = (Arc::clone(around.handle), self.id);
            if self.session.attach(end, origin, connection).is_err() {
                return Err(Loss::Dismissed);
            }
        }
        Ok(())
    }

    // ---- a stream is lost ----

    fn lose(&mut self, loss: Loss, around: &mut Surroundings<'_>) -> Outcome {
        let Some(live) = self.live.take() else {
            return Outcome::Wait;
        };
        let handshaken = live.traffic;
        live.stream.deregister(around.registry);
        self.emit_loss(loss, handshaken, &live);
        let retried = self.is_retried(loss, handshaken);
        if matches!(self.role, Role::Accepted { .. }) || !retried {
            drop(live);
            self.end_pipe();
            return self.give_up();
        }
        self.repair_pipe(&live);
        drop(live);
        if self.detached.is_some() && self.has_sent_everything() {
            return self.give_up();
        }
        if let Role::Connecting(connecter) = &mut self.role {
            connecter.lost();
            if self.session.options.reconnect_interval <= 0 && self.detached.is_none() {
                return self.dismiss_endpoint();
            }
        }
        self.retry(around)
    }

    fn emit_loss(&self, loss: Loss, handshaken: bool, live: &Live) {
        if !handshaken {
            match loss {
                Loss::Stream(errno) => {
                    self.emit(Event::HandshakeFailedNoDetail, fd_value(errno), &live.texts);
                }
                Loss::Timeout(_) => {
                    let again = fd_value(libc::EAGAIN);
                    self.emit(Event::HandshakeFailedNoDetail, again, &live.texts);
                }
                Loss::Protocol(_) | Loss::Dismissed => {}
            }
        }
        if let Loss::Protocol(error) = loss {
            if let Some(code) = error.monitor_value() {
                self.emit(Event::HandshakeFailedProtocol, u64::from(code), &live.texts);
            } else if let Some(status) = error.auth_status() {
                self.emit(Event::HandshakeFailedAuth, u64::from(status), &live.texts);
            }
        }
        self.emit(Event::Disconnected, fd_value(live.fd), &live.texts);
    }

    fn is_retried(&self, loss: Loss, handshaken: bool) -> bool {
        const STOP_HANDSHAKE_FAILED: i32 =
            crate::ffi::constants::ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED;
        match loss {
            Loss::Protocol(_) => false,
            Loss::Stream(_) | Loss::Timeout(_) => {
                handshaken || self.session.options.reconnect_stop & STOP_HANDSHAKE_FAILED == 0
            }
            Loss::Dismissed => false,
        }
    }

    /// Brings the pipe into the state for the next connection (protocols: "Pipe states").
    fn repair_pipe(&mut self, live: &Live) {
        if self.session.options.immediate {
            self.pipe = None;
            return;
        }
        let Some(pipe) = &mut self.pipe else { return };
        pipe.rollback();
        // Nothing of a message that was cut may go out on the next connection.
        if live.output.is_cut() || pipe.is_mid_read() {
            pipe.skip_rest_of_message();
        }
        if live.traffic && self.session.row.resubscribes && self.detached.is_none() {
            self.restarts_awaited += 1;
            pipe.announce_restart();
        }
    }

    /// What was delivered stays readable at the socket, nothing more comes or goes.
    fn end_pipe(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.leave();
        }
    }

    /// The listener was unbound: nothing more is read or sent, no event is emitted, and the stream ends
    /// once the socket has read what arrived.
    pub(crate) fn listener_closed(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.detached.is_some() {
            return Outcome::Wait;
        }
        let Some(pipe) = &mut self.pipe else {
            return self.leave_unbound(around);
        };
        pipe.finish();
        pipe.stop_reading();
        self.unbound = true;
        self.drive_unbound(around)
    }

    fn drive_unbound(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.pipe.as_ref().is_some_and(|pipe| !pipe.is_abandoned()) {
            return Outcome::Wait;
        }
        self.leave_unbound(around)
    }

    fn leave_unbound(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if let Some(live) = self.live.take() {
            live.stream.deregister(around.registry);
        }
        self.give_up()
    }

    /// The socket wants none of this peer (a second one for PAIR, ROUTER handover). A socket that leaves
    /// finishes its pipe instead, and a Detach follows.
    fn is_refused(&self) -> bool {
        self.detached.is_none() && self.pipe.as_ref().is_some_and(PipeEnd::is_inbound_aborted)
    }

    // ---- leaving ----

    /// The socket has left: send what is queued under `linger`, then go.
    pub(crate) fn detach(&mut self, linger: Linger, around: &mut Surroundings<'_>) -> Outcome {
        if self.detached.is_some() {
            return self.cap_linger(linger, around);
        }
        let deadline = match linger {
            Linger::Forever => None,
            Linger::For(time) => around.now.checked_add(time),
        };
        self.detached = Some(Detached { deadline });
        if let Some(pipe) = &mut self.pipe {
            pipe.rollback();
        }
        if linger == Linger::For(std::time::Duration::ZERO) {
            return self.give_up();
        }
        if let Role::Connecting(connecter) = &mut self.role
            && connecter.is_stopped()
        {
            return self.give_up();
        }
        self.drive(around)
    }

    /// A later zmq_close limits what an earlier zmq_disconnect allowed.
    pub(crate) fn cap_linger(&mut self, linger: Linger, around: &mut Surroundings<'_>) -> Outcome {
        let (Some(detached), Linger::For(time)) = (&mut self.detached, linger) else {
            return Outcome::Wait;
        };
        let cap = around.now.checked_add(time);
        detached.deadline = match (detached.deadline, cap) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if self.linger_is_over(around.now) {
            return self.give_up();
        }
        Outcome::Wait
    }

    fn linger_is_over(&self, now: Instant) -> bool {
        self.detached
            .as_ref()
            .and_then(|detached| detached.deadline)
            .is_some_and(|deadline| deadline <= now)
    }

    /// Drops everything. Descriptors close with the values that own them.
    fn give_up(&mut self) -> Outcome {
        self.end_pipe();
        if let Role::Connecting(connecter) = &mut self.role {
            connecter.abandon();
        }
        self.live = None;
        if self.detached.take().is_some() {
            self.session.lingering.finished(self.id);
        }
        Outcome::Gone
    }

    fn begin_closing(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let Some(live) = &mut self.live else {
            return self.give_up();
        };
        if !live.output.has_ever_sent_messages() {
            return self.give_up();
        }
        live.closing = Some(Closing::begin(&live.stream, around.now));
        self.drive_closing(around)
    }

    fn drive_closing(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        let Some(live) = &mut self.live else {
            return self.give_up();
        };
        let Some(closing) = &mut live.closing else {
            return Outcome::Wait;
        };
        let step = closing.step(&live.stream, around.scratch.buffer(), around.now);
        if step.obligation_met && self.detached.take().is_some() {
            self.session.lingering.finished(self.id);
        }
        if step.may_close {
            return self.give_up();
        }
        Outcome::Wait
    }

    /// Nothing is queued and nothing is partly sent.
    fn has_sent_everything(&mut self) -> bool {
        let live_is_done = self.live.as_ref().is_none_or(|live| live.output.is_empty());
        live_is_done && self.pipe.as_mut().is_none_or(PipeEnd::is_drained)
    }

    /// Emits a monitor event, unless the socket has left.
    pub(crate) fn emit(&self, event: Event, value: u64, texts: &EndpointTexts) {
        if self.detached.is_none() {
            self.session.emit(event, value, texts);
        }
    }
}

impl Session {
    /// A pipe between the socket (first) and a connection (second).
    pub(crate) fn make_pipe(&self) -> (PipeEnd, PipeEnd) {
        let socket = Limits {
            send: Some(self.options.send_hwm),
            receive: Some(self.options.receive_hwm),
        };
        let conflate = self.options.conflate && self.row.conflates;
        let both = Conflate {
            first_to_second: conflate,
            second_to_first: conflate,
        };
        pipe(
            socket,
            Limits {
                send: None,
                receive: None,
            },
            both,
        )
    }
}

/// A descriptor or errno as an event value.
pub(crate) fn fd_value(fd: i32) -> u64 {
    u64::from(fd.unsigned_abs())
}
