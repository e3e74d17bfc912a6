//! STREAM: bytes to and from peers that speak no ZMTP, by routing id (patterns.md 9).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::message::Message;
use crate::options::PatternOption;
use crate::patterns::parts::{FairQueue, RoutingTable};
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Dismissal, Incoming, Outgoing, PipeKey, Pipes};

/// Messages are pairs: the routing id of a peer, and bytes; no bytes stand for its coming and going.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    queue: FairQueue,
    table: RoutingTable,
    /// What follows the id frame that was given out. Taken from the pipe together with it, so that the pair
    /// is whole even if the connection is closed in between.
    received: Option<Message>,
    outbound: Outbound,
    /// The pipe that was given a generated id last.
    newest: Option<PipeKey>,
}

/// What the next send call brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outbound {
    #[default]
    Id,
    /// For this pipe; `None`: for nobody.
    Bytes(Option<PipeKey>),
}

impl Pattern for Stream {
    fn attached(&mut self, _pipes: &mut Pipes, key: PipeKey, origin: Origin) {
        let named = origin
            .connect_routing_id
            .is_some_and(|id| self.table.add(key, &id));
        if !named {
            self.table.add_generated(key);
            self.newest = Some(key);
        }
        self.queue.attach(key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.stop_sending_to(key);
    }

    fn detached(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.stop_sending_to(key);
        self.table.remove(key);
        self.queue.remove(key);
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        self.outbound = match self.outbound {
            // An id alone still has its other half: bytes for nobody.
            Outbound::Id if !frame.more => Outbound::Bytes(None),
            Outbound::Id => Outbound::Bytes(Some(self.address(pipes, frame.bytes())?)),
            Outbound::Bytes(key) => {
                if let Some(key) = key.filter(|&key| !pipes.is_write_closed(key)) {
                    if frame.bytes().is_empty() {
                        pipes.dismiss(key, Dismissal::Finish);
                    } else {
                        // The pair is complete, whatever MORE says.
                        pipes.write(key, frame, false)?;
                    }
                }
                Outbound::Id
            }
        };
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        if let Some(received) = self.received.take() {
            into.accept_message(received);
            return Ok(());
        }
        let key = self.queue.select(pipes).ok_or(Error::Again)?;
        if self.queue.in_progress() == Some(key) {
            // Only over inproc there is more than one frame.
            return self.queue.read(pipes, key, into);
        }
        let id = self.table.id(key).unwrap_or_default();
        into.accept_bytes(true, id, pipes.peer(key))?;
        self.received = Some(self.queue.take(pipes, key)?);
        Ok(())
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.received.is_some() || self.queue.select(pipes).is_some()
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            // The socket keeps it for its next connect.
            PatternOption::ConnectRoutingId(_) => Ok(()),
            _ => Err(Error::Invalid),
        }
    }

    fn has_routing_id(&self, routing_id: &[u8]) -> bool {
        self.table.find(routing_id).is_some()
    }

    fn shown_routing_id(&self, key: PipeKey) -> Option<&[u8]> {
        self.table.id(key).filter(|_| self.newest == Some(key))
    }
}

impl Stream {
    /// The pipe that an id frame means.
    fn address(&self, pipes: &mut Pipes, id: &[u8]) -> Result<PipeKey> {
        match self.table.find(id) {
            Some(key) if pipes.can_write(key) => Ok(key),
            Some(key) if !pipes.is_write_closed(key) => Err(Error::Again),
            _ => Err(Error::HostUnreachable),
        }
    }

    /// The bytes of a pair whose id was sent go nowhere.
    fn stop_sending_to(&mut self, key: PipeKey) {
        if self.outbound == Outbound::Bytes(Some(key)) {
            self.outbound = Outbound::Bytes(None);
        }
    }
}

#[cfg(test)]
mod tests;
