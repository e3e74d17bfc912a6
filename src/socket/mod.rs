//! Sockets: what all types share. Enter, block with a timeout, endpoints, pipes, events, close.
//!
//! A [`Core`] lives in a cell under a lock and is entered by every API call; others reach it through its
//! mailbox only. `api` has the entry points for `ffi`. Must not know which pattern it holds, bytes on the
//! wire, or the poll loop.

#![forbid(unsafe_code)]

pub(crate) mod api;
mod close;
mod endpoints;
mod lending;
mod monitoring;
mod options;
pub(crate) mod poll;
pub(crate) mod spin;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::context::{Context, Slot};
use crate::error::{Error, Result};
use crate::io::{self, ConnectionHandle, Lease, Linger, ObjectId};
use crate::mailbox::Mailbox;
use crate::monitor::Monitor;
use crate::options::{Bytes, SocketOptions};
use crate::patterns::{Origin, Pattern, TypeRow};
use crate::pipe::queue::Special;
use crate::pipe::{
    Dismissal, Incoming, Leftovers, Notice, Outgoing, PipeEnd, PipeKey, Pipes, Prepared, Wake,
};
use crate::socket::endpoints::Endpoints;
use crate::socket::lending::Lending;
use crate::socket::spin::Spin;
use crate::sync::atomic::AtomicBool;
use crate::sys::cancel::Shield;

/// What others tell a socket. One handler: [`Core`], when it is entered.
#[derive(Debug)]
pub(crate) enum SocketCommand {
    /// From a connection whose handshake is done, or from a socket that connects over inproc.
    Attach(Box<Attachment>),
    /// From the other end of a pipe.
    Pipe(PipeKey, Notice),
    /// From a connecter that will make no further attempt: the endpoint goes.
    EndpointGone(ObjectId),
}

/// A new pipe for a socket.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) end: PipeEnd,
    pub(crate) origin: Origin,
    /// The connection behind the pipe; `None` over inproc.
    pub(crate) connection: Option<ConnectionHandle>,
    /// The connection is one that the socket made by zmq_connect, and may have left since.
    pub(crate) connects: bool,
    /// ZMQ_HELLO_MSG, over inproc; a connection sends it by itself.
    pub(crate) hello: Option<Prepared>,
}

impl Attachment {
    /// The binder's end of an inproc pipe.
    pub(crate) fn inproc(end: PipeEnd, hello: Option<Prepared>) -> Self {
        Self {
            end,
            origin: Origin::default(),
            connection: None,
            connects: false,
            hello,
        }
    }
}

/// The socket's side of a pipe: a command into its mailbox.
#[derive(Debug)]
struct NotifySocket {
    mailbox: Arc<Mailbox<SocketCommand>>,
    key: PipeKey,
}

impl Wake for NotifySocket {
    fn wake(&self, notice: Notice) {
        if matches!(notice, Notice::Readable | Notice::ReadableForeign) {
            io::note_sent();
        }
        // A closed socket has left its pipes; nobody misses the notice.
        let _ = self.mailbox.push(SocketCommand::Pipe(self.key, notice));
    }
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Core {
    context: Arc<Context>,
    mailbox: Arc<Mailbox<SocketCommand>>,
    monitor: Arc<Monitor>,
    row: &'static TypeRow,
    pattern: Box<dyn Pattern>,
    pipes: Pipes,
    connections: HashMap<PipeKey, ConnectionHandle>,
    options: SocketOptions,
    endpoints: Endpoints,
    /// See [`crate::io::Session`].
    stop_refused: Arc<AtomicBool>,
    /// See [`crate::io::Session`].
    leftovers: Arc<Leftovers>,
    spin: Spin,
    lending: Lending,
    /// ZMQ_RCVMORE.
    receive_more: bool,
    /// When what others asked for was last done, for types with `takes_subscriptions`.
    mail_handled: Option<Instant>,
    /// The stop of the context was noticed: everything but close fails.
    stopped: bool,
    monitor_slot: Option<Slot>,
    /// Comes last: once it is free the context may end.
    slot: Slot,
}

impl Core {
    fn new(slot: Slot, row: &'static TypeRow, options: SocketOptions) -> Self {
        let mut pattern = (row.new)();
        pattern.options_changed(&options);
        Self {
            context: Arc::clone(slot.context()),
            mailbox: Arc::new(Mailbox::new()),
            monitor: Arc::new(Monitor::new()),
            row,
            pattern,
            pipes: Pipes::default(),
            connections: HashMap::new(),
            options,
            endpoints: Endpoints::default(),
            stop_refused: Arc::new(AtomicBool::new(false)),
            leftovers: Arc::default(),
            spin: Spin::NEW,
            lending: Lending::default(),
            receive_more: false,
            mail_handled: None,
            stopped: false,
            monitor_slot: None,
            slot,
        }
    }

    /// Learns of a stop of the context, and does what others asked for. The first thing that the calls
    /// listed in api.md section 2 do.
    #[inline(always)]
    fn notice(&mut self) -> Result<()> {
        if self.stopped || self.mailbox.is_stopped() {
            self.stopped = true;
            return Err(Error::Terminated);
        }
        self.process_mail();
        Ok(())
    }

    #[inline(always)]
    fn process_mail(&mut self) {
        if self.mailbox.has_mail() {
            self.handle_mail();
        }
    }

    fn handle_mail(&mut self) {
        if self.row.takes_subscriptions {
            self.tell_time();
        }
        for command in self.mailbox.drain() {
            match command {
                SocketCommand::Attach(attachment) => self.attach_unless_left(*attachment),
                SocketCommand::Pipe(key, notice) => self.handle_notice(key, notice),
                SocketCommand::EndpointGone(connection) => self.endpoints.forget(connection),
            }
        }
        self.settle();
    }

    fn tell_time(&mut self) {
        let now = clock::now();
        let before = self.mail_handled.unwrap_or(now);
        let passed = now.saturating_duration_since(before);
        // Moments are saved up.
        if passed >= Duration::from_millis(1) || self.mail_handled.is_none() {
            self.pattern.time_passed(passed);
            self.mail_handled = Some(now);
        }
    }

    /// A pipe that was on its way (ZMQ_IMMEDIATE) while zmq_disconnect left its connection is not taken in: what
    /// is sent into it would be lost.
    fn attach_unless_left(&mut self, attachment: Attachment) {
        // As above.
        let _shield = Shield::raise();
        let connection = attachment.connection.as_ref().map(ConnectionHandle::id);
        if attachment.connects && connection.is_some_and(|id| !self.endpoints.has_connection(id)) {
            let mut end = attachment.end;
            end.leave();
            return;
        }
        self.attach(attachment);
    }

    /// Takes in a pipe.
    fn attach(&mut self, attachment: Attachment) -> PipeKey {
        let Attachment {
            mut end,
            origin,
            connection,
            hello,
            ..
        } = attachment;
        if connection.is_some() {
            end.leads_to_stream();
        }
        let key = self.pipes.insert(end);
        if let Some(connection) = connection {
            self.connections.insert(key, connection);
        }
        let mailbox = Arc::clone(&self.mailbox);
        if let Some(end) = self.pipes.get(key) {
            end.set_wake(Arc::new(NotifySocket { mailbox, key }));
            end.set_limits(Some(self.options.send_hwm), Some(self.options.receive_hwm));
            if let Some(hello) = &hello {
                // Without memory the peer misses it; nothing else suffers.
                let _ = end.write_prepared(hello);
            }
        }
        self.pattern.attached(&mut self.pipes, key, origin);
        if let Some(id) = self.pattern.shown_routing_id(key)
            && let Ok(id) = Bytes::copy(id)
        {
            self.options.routing_id = id;
        }
        self.pattern.readable(&mut self.pipes, key);
        self.look_at_end(key);
        key
    }

    fn handle_notice(&mut self, key: PipeKey, notice: Notice) {
        let Some(end) = self.pipes.get(key) else {
            self.pattern.resume(&mut self.pipes, key);
            return;
        };
        match notice {
            Notice::Readable | Notice::ReadableForeign => {
                self.pattern.readable(&mut self.pipes, key)
            }
            Notice::Writable => {
                end.noticed_writable();
                self.pattern.writable(&mut self.pipes, key);
            }
            Notice::LimitsChanged => end.limits_changed(),
            Notice::Restarted => {
                end.rollback();
                if end.append_special(Special::Restart).is_err() {
                    // The connection sends nothing before it has the marker.
                    end.postpone_restart();
                    return;
                }
                self.pattern.restarted(&mut self.pipes, key);
                if let Some(end) = self.pipes.get(key) {
                    end.flush();
                }
            }
            Notice::Ended => self.look_at_end(key),
        }
    }

    /// The other side of a pipe may have ended it.
    fn look_at_end(&mut self, key: PipeKey) {
        let Some(end) = self.pipes.get(key) else {
            return;
        };
        let write_closed = end.is_write_closed();
        let inbound_ended = end.is_inbound_ended();
        // Whoever is inside a message reads the rest of it.
        let is_void = end.is_inbound_aborted() && !end.is_mid_read();
        if is_void || (write_closed && self.row.drops_on_end) {
            self.drop_pipe(key);
            return;
        }
        if inbound_ended {
            // What is unread stays readable; an empty pipe goes at once.
            self.pattern.readable(&mut self.pipes, key);
            if self
                .pipes
                .get(key)
                .is_some_and(|end| end.is_drained() && end.is_exhausted())
            {
                self.drop_pipe(key);
                return;
            }
        }
        if write_closed || inbound_ended {
            self.pattern.draining(&mut self.pipes, key);
        }
    }

    /// Takes leave of a pipe in both directions.
    fn drop_pipe(&mut self, key: PipeKey) {
        // A connection may close with it.
        let _shield = Shield::raise();
        if self.pipes.get(key).is_none() {
            return;
        }
        self.pattern.detached(&mut self.pipes, key);
        self.connections.remove(&key);
        self.endpoints.pipe_is_gone(key);
        if let Some(mut end) = self.pipes.remove(key) {
            end.leave();
        }
    }

    /// Ends the pipes that were read to their end, and those that the pattern dismissed.
    #[inline(always)]
    fn settle(&mut self) {
        if self.pipes.has_departures() {
            self.take_leave();
        }
    }

    #[cold]
    fn take_leave(&mut self) {
        while self.pipes.has_departures() {
            for key in self.pipes.take_exhausted() {
                // Looked at again: a pattern may have met it more than once.
                if self.pipes.get(key).is_some_and(|end| end.is_exhausted()) {
                    self.drop_pipe(key);
                }
            }
            for (key, how) in self.pipes.take_dismissed() {
                let connection = self.connections.get(&key).cloned();
                match (how, connection) {
                    (Dismissal::Finish, Some(connection)) => {
                        self.drop_pipe(key);
                        let (thread, id) = connection.home();
                        self.context.detach(thread, id, Linger::WhileConnected);
                        self.endpoints.remember_lingering(
                            Arc::clone(thread),
                            id,
                            &self.context.lingering,
                        );
                    }
                    (Dismissal::Finish, None) => self.drop_pipe(key),
                    (Dismissal::Replace, _) => {
                        // The other side ends its direction in turn, and then the pipe goes when it is read.
                        if let Some(end) = self.pipes.get(key) {
                            end.abort();
                        }
                    }
                    (Dismissal::Refuse, _) => {
                        if let Some(end) = self.pipes.get(key) {
                            end.abort();
                        }
                        self.drop_pipe(key);
                    }
                }
            }
        }
    }

    /// One try to send a frame; `Again` = would block.
    #[inline(always)]
    fn send_once(&mut self, frame: &mut Outgoing<'_>) -> Result<()> {
        self.notice()?;
        frame.mark();
        let sent = self.pattern.send(&mut self.pipes, frame);
        self.settle();
        sent?;
        self.lending.note_sent();
        Ok(())
    }

    /// Whether what a thread waits for is an answer that comes from other sockets of the process, or by streams that it
    /// reads itself.
    fn is_worth_a_spin(&self, lease: &Lease, answers: bool) -> bool {
        answers && (self.connections.is_empty() || !lease.is_empty())
    }

    /// Lends the streams that messages come by to a thread that is about to wait for them.
    fn lend(&mut self, lease: &mut Lease) {
        let terms = self.lending.begin_wait();
        // With ZMQ_FD handed out somebody else may wait for them, too.
        if self.connections.len() <= Lease::MOST && !self.mailbox.is_exported() {
            self.connections
                .values()
                .for_each(|connection| lease.take(connection, terms));
        }
    }

    /// One try to receive a frame; `Again` = nothing there.
    #[inline(always)]
    fn receive_once(&mut self, into: &mut Incoming<'_>) -> Result<()> {
        self.notice()?;
        let received = self.pattern.recv(&mut self.pipes, into);
        self.settle();
        received?;
        self.receive_more = into.more;
        self.lending.note_received(into.more);
        Ok(())
    }

    /// ZMQ_EVENTS, consuming the signal of ZMQ_FD: clear, drain, evaluate, in that order.
    fn polled_events(&mut self) -> Result<i32> {
        self.mailbox.clear_exported();
        self.events()
    }

    fn events(&mut self) -> Result<i32> {
        self.notice()?;
        let mut events = 0;
        if self.pattern.can_recv(&mut self.pipes) {
            events |= crate::ffi::constants::ZMQ_POLLIN;
        }
        if self.pattern.can_send(&mut self.pipes) {
            events |= crate::ffi::constants::ZMQ_POLLOUT;
        }
        self.settle();
        Ok(events)
    }
}

#[cfg(test)]
mod stress;
#[cfg(test)]
mod tests;
