//! REP: a request, then its reply to whoever asked (patterns.md 4).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::options::PatternOption;
use crate::patterns::parts::FairQueue;
use crate::patterns::{Origin, POLLOUT, Pattern, probe};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Takes requests fair-queued. The return envelope is written to the requester's pipe at once, where it
/// waits, invisible, for the body of the reply.
#[derive(Debug, Default)]
pub(crate) struct Rep {
    queue: FairQueue,
    turn: Turn,
    /// Where the reply goes; `None`: nowhere, since the requester is gone or had no room.
    requester: Option<PipeKey>,
    probes: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// The next frame is the first of a request's body.
    #[default]
    Request,
    /// The rest of a request's body stands at the head of the queue.
    Body,
    Reply,
}

impl Pattern for Rep {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        if self.probes {
            probe(pipes, key);
        }
        self.queue.attach(key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.lose_requester(pipes, key);
    }

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.lose_requester(pipes, key);
        if self.queue.in_progress() == Some(key) {
            self.turn = Turn::Request;
        }
        self.queue.remove(key);
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        if self.turn != Turn::Reply {
            return Err(Error::State);
        }
        let more = frame.more;
        if let Some(key) = self.requester {
            if pipes.is_write_closed(key) {
                self.lose_requester(pipes, key);
            } else {
                pipes.write(key, frame, more)?;
            }
        }
        if !more {
            self.requester = None;
            self.turn = Turn::Request;
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        if self.turn == Turn::Reply {
            return Err(Error::State);
        }
        let key = self.find_body(pipes).ok_or(Error::Again)?;
        self.queue.read(pipes, key, into)?;
        self.turn = if into.more { Turn::Body } else { Turn::Reply };
        Ok(())
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.turn != Turn::Reply && self.find_body(pipes).is_some()
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        self.turn == Turn::Reply
    }

    /// Finds the peers that announced an id; it has none to give to the others.
    fn peer_state(&mut self, pipes: &mut Pipes, routing_id: &[u8]) -> Result<i32> {
        for key in pipes.keys() {
            // What the peer said of itself is taken in by a look at what comes.
            pipes.has_frame(key);
            let peer = pipes.peer(key);
            if peer.is_some_and(|peer| !routing_id.is_empty() && *peer.routing_id == *routing_id) {
                return Ok(if pipes.can_write(key) { POLLOUT } else { 0 });
            }
        }
        Err(Error::HostUnreachable)
    }

    /// The options of ROUTER are accepted; only the probe means something without routing ids.
    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::ProbeRouter(on) => self.probes = on,
            PatternOption::RouterMandatory(_)
            | PatternOption::RouterRaw(_)
            | PatternOption::RouterHandover(_)
            | PatternOption::ConnectRoutingId(_) => {}
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }
}

impl Rep {
    /// The pipe at whose head a request's body stands. Requests without envelope or body are dropped
    /// on the way.
    fn find_body(&mut self, pipes: &mut Pipes) -> Option<PipeKey> {
        if self.turn == Turn::Body {
            return self.queue.in_progress();
        }
        loop {
            let key = self.queue.select(pipes)?;
            self.requester = pipes.can_write(key).then_some(key);
            if self.take_envelope(pipes, key) {
                self.turn = Turn::Body;
                return Some(key);
            }
            self.lose_requester(pipes, key);
            self.queue.skip_message(pipes, key);
        }
    }

    /// Moves the frames up to the first empty one to the requester's pipe; false if there is none in
    /// front of a body, and then something of the message is left.
    fn take_envelope(&mut self, pipes: &mut Pipes, key: PipeKey) -> bool {
        loop {
            let delimiter = match pipes.peek(key) {
                Some((true, frame)) => frame.is_empty(),
                _ => return false,
            };
            if let Some(requester) = self.requester {
                // Without memory for the frame the request is treated as malformed.
                let Ok(mut frame) = self.queue.take(pipes, key) else {
                    return false;
                };
                let mut frame = Outgoing::from_message(&mut frame, true);
                if pipes.write(requester, &mut frame, true).is_err() {
                    self.lose_requester(pipes, requester);
                }
            } else {
                self.queue.skip(pipes, key);
            }
            if delimiter {
                return true;
            }
        }
    }

    /// Takes back what was written of the reply, if this pipe was to get it.
    fn lose_requester(&mut self, pipes: &mut Pipes, key: PipeKey) {
        if self.requester == Some(key) {
            pipes.rollback(key);
            self.requester = None;
        }
    }
}

#[cfg(test)]
mod tests;
