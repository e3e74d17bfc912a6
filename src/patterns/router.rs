//! ROUTER: messages carry the routing id of their peer in front (patterns.md 6).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::options::PatternOption;
use crate::patterns::parts::{FairQueue, RoutingTable};
use crate::patterns::{Origin, POLLOUT, Pattern, probe};
use crate::pipe::{Dismissal, Head, Incoming, Outgoing, PipeKey, Pipes, Upcoming};

/// Addresses peers by routing id.
///
/// A pipe is in the table and in the queue once its id is known. Until then it is in `unknown`; a pipe
/// whose id was taken already is in `mute` for good.
#[derive(Debug, Default)]
pub(crate) struct Router {
    queue: FairQueue,
    table: RoutingTable,
    unknown: Vec<PipeKey>,
    mute: Vec<PipeKey>,
    /// Pipes of peers that came back, each with the pipe of its earlier connection: it is in the queue once
    /// that has been read to its end.
    behind: Vec<(PipeKey, PipeKey)>,
    inbound: Inbound,
    /// The id frame of the message that was chosen before its pipe lost that id.
    chosen_id: Option<Box<[u8]>>,
    /// The last frame sent had MORE.
    mid_send: bool,
    /// Where the message being sent goes; `None`: nowhere.
    destination: Option<PipeKey>,
    mandatory: bool,
    handover: bool,
    raw: bool,
    probes: bool,
}

/// What the next receive call gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inbound {
    /// Whatever the queue holds.
    #[default]
    Open,
    /// The id frame of this pipe.
    Id(PipeKey, Upcoming),
    /// The id frame was given out; what follows it. A notification is one empty frame.
    Content(PipeKey, Upcoming),
}

impl Pattern for Router {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, origin: Origin) {
        if self.probes && !self.raw {
            probe(pipes, key);
        }
        // The connect saw to it that its choice was free. With IMMEDIATE this pipe comes later, and the id may
        // be somebody else's by now: then it is as if there had been no choice.
        let has_choice = origin
            .connect_routing_id
            .is_some_and(|id| self.table.add(key, &id));
        if has_choice {
            self.queue.attach(key);
        } else if self.raw {
            self.table.add_generated(key);
            self.queue.attach(key);
        } else {
            self.unknown.push(key);
            self.identify(pipes, key);
        }
    }

    fn readable(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.identify(pipes, key);
        self.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.stop_sending_to(pipes, key);
        self.drop_input_if_mute(pipes, key);
    }

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.stop_sending_to(pipes, key);
        self.table.remove(key);
        self.queue.remove(key);
        self.unknown.retain(|&other| other != key);
        self.mute.retain(|&other| other != key);
        self.behind.retain(|&(newer, _)| newer != key);
        for (newer, _) in self.behind.extract_if(.., |&mut (_, older)| older == key) {
            self.queue.attach(newer);
        }
        if matches!(self.inbound, Inbound::Id(from, _) | Inbound::Content(from, _) if from == key) {
            self.inbound = Inbound::Open;
            self.chosen_id = None;
        }
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        if !self.mid_send {
            // An id without a body is nothing.
            if frame.more {
                self.destination = self.address(pipes, frame.bytes())?;
                self.mid_send = true;
            }
            return Ok(());
        }
        // To a raw peer each frame is a message, and an empty one closes the connection.
        let more = frame.more && !self.raw;
        if let Some(key) = self.destination {
            if pipes.is_write_closed(key) {
                self.stop_sending_to(pipes, key);
            } else if self.raw && frame.bytes().is_empty() {
                pipes.dismiss(key, Dismissal::Finish);
            } else {
                pipes.write(key, frame, more)?;
            }
        }
        if !more {
            self.destination = None;
        }
        self.mid_send = more;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        match self.choose_inbound(pipes) {
            Inbound::Open => Err(Error::Again),
            Inbound::Id(key, content) => {
                let id = match &self.chosen_id {
                    None => self.table.id(key).unwrap_or_default(),
                    Some(id) => id,
                };
                into.accept_bytes(true, id, pipes.peer(key))?;
                self.chosen_id = None;
                self.inbound = Inbound::Content(key, content);
                Ok(())
            }
            Inbound::Content(key, Upcoming::Notification) => {
                into.accept_bytes(false, b"", pipes.peer(key))?;
                self.queue.take_notification(pipes, key);
                self.inbound = Inbound::Open;
                Ok(())
            }
            Inbound::Content(key, Upcoming::Frame) => {
                self.queue.read(pipes, key, into)?;
                if !into.more {
                    self.inbound = Inbound::Open;
                }
                Ok(())
            }
        }
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.choose_inbound(pipes) != Inbound::Open
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        !self.mandatory || self.mid_send || self.table.pipes().any(|key| pipes.can_write(key))
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::RouterMandatory(on) => self.mandatory = on,
            PatternOption::RouterHandover(on) => self.handover = on,
            PatternOption::RouterRaw(on) => self.raw = on,
            PatternOption::ProbeRouter(on) => self.probes = on,
            // The socket keeps it for its next connect.
            PatternOption::ConnectRoutingId(_) => {}
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    fn peer_state(&mut self, pipes: &mut Pipes, routing_id: &[u8]) -> Result<i32> {
        let key = self.table.find(routing_id).ok_or(Error::HostUnreachable)?;
        Ok(if pipes.can_write(key) { POLLOUT } else { 0 })
    }

    fn has_routing_id(&self, routing_id: &[u8]) -> bool {
        self.table.find(routing_id).is_some()
    }
}

impl Router {
    /// Where a message with this id frame goes; `None`: nowhere, silently.
    fn address(&self, pipes: &mut Pipes, id: &[u8]) -> Result<Option<PipeKey>> {
        let error = match self.table.find(id) {
            Some(key) if pipes.can_write(key) => return Ok(Some(key)),
            Some(key) if !pipes.is_write_closed(key) => Error::Again,
            _ => Error::HostUnreachable,
        };
        if self.mandatory { Err(error) } else { Ok(None) }
    }

    /// Takes back what was written of a message to this pipe; the rest of it will be swallowed.
    fn stop_sending_to(&mut self, pipes: &mut Pipes, key: PipeKey) {
        if self.destination == Some(key) {
            pipes.rollback(key);
            self.destination = None;
        }
    }

    /// Settles what the next receive call gets.
    fn choose_inbound(&mut self, pipes: &mut Pipes) -> Inbound {
        if self.inbound == Inbound::Open
            && let Some((key, upcoming)) = self.queue.next(pipes)
        {
            self.inbound = Inbound::Id(key, upcoming);
        }
        self.inbound
    }

    /// Gives a pipe its id as soon as that can be known: the peer introduced itself, or sends without
    /// having done so (over inproc, a type that is no partner of ROUTER).
    fn identify(&mut self, pipes: &mut Pipes, key: PipeKey) {
        let Some(place) = self.unknown.iter().position(|&other| other == key) else {
            return;
        };
        let Some(end) = pipes.get(key) else { return };
        // Introductions are taken in on the way to the head.
        let sends = end.head() == Head::Frame;
        let id: Box<[u8]> = match end.peer() {
            Some(peer) => peer.routing_id.clone(),
            None if sends => Box::default(),
            None => return,
        };
        self.unknown.swap_remove(place);
        if id.is_empty() {
            self.table.add_generated(key);
        } else if let Some(owner) = self.table.find(&id) {
            if pipes.is_write_closed(owner) {
                // That peer is gone; what it sent is read first, under the same id.
                self.table.pass_on(key, &id);
                self.behind.push((key, owner));
                return;
            } else if self.handover {
                self.replace_owner(pipes, owner, &id);
                self.table.add(key, &id);
            } else {
                self.mute.push(key);
                return;
            }
        } else {
            self.table.add(key, &id);
        }
        self.queue.attach(key);
    }

    /// Handover: takes the id from the pipe that has it. That pipe goes once it is read to its end, under a
    /// generated id.
    fn replace_owner(&mut self, pipes: &mut Pipes, owner: PipeKey, id: &[u8]) {
        self.stop_sending_to(pipes, owner);
        if matches!(self.inbound, Inbound::Id(from, _) if from == owner) {
            self.chosen_id = Some(id.into());
        }
        self.table.add_generated(owner);
        pipes.dismiss(owner, Dismissal::Replace);
    }

    /// Nobody reads a mute pipe, so that its peer has to wait when it is full; but its end has to be noticed.
    fn drop_input_if_mute(&self, pipes: &mut Pipes, key: PipeKey) {
        if self.mute.contains(&key) {
            while pipes.has_frame(key) {
                pipes.skip(key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
