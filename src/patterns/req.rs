//! REQ: a request, then its reply (patterns.md 3).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::options::PatternOption;
use crate::patterns::parts::{FairQueue, LoadBalancer};
use crate::patterns::{Origin, Pattern, probe};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};
use crate::random;

/// Sends a request round-robin and takes the reply from the peer that was asked.
#[derive(Debug)]
pub(crate) struct Req {
    balancer: LoadBalancer,
    queue: FairQueue,
    /// The request is out: the reply is awaited or half read.
    awaiting: bool,
    /// Where the request went. `None`: that peer is gone, and any may answer.
    asked: Option<PipeKey>,
    /// Number of the request that went out last.
    request_id: u32,
    correlates: bool,
    relaxed: bool,
    probes: bool,
}

impl Default for Req {
    fn default() -> Self {
        Self {
            balancer: LoadBalancer::default(),
            queue: FairQueue::default(),
            awaiting: false,
            asked: None,
            request_id: random::u32(),
            correlates: false,
            relaxed: false,
            probes: false,
        }
    }
}

impl Pattern for Req {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        if self.probes {
            probe(pipes, key);
        }
        self.balancer.attach(key);
        self.queue.attach(key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.balancer.activate(key);
    }

    fn draining(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.balancer.remove(pipes, key);
    }

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.balancer.remove(pipes, key);
        self.queue.remove(key);
        if self.asked == Some(key) {
            self.asked = None;
        }
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        if self.awaiting && !self.relaxed {
            return Err(Error::State);
        }
        if !self.balancer.is_mid_message() {
            let key = self.balancer.select(pipes).ok_or(Error::Again)?;
            self.begin_request(pipes, key)?;
        }
        let more = frame.more;
        let result = self.balancer.send(pipes, frame);
        if result.is_err()
            && !self.balancer.is_mid_message()
            && let Some(key) = self.asked
        {
            // The envelope alone is not a message.
            pipes.rollback(key);
        }
        result?;
        self.awaiting = !more;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        if !self.awaiting {
            return Err(Error::State);
        }
        let key = match self.queue.in_progress() {
            Some(key) => key,
            None => self.find_reply(pipes).ok_or(Error::Again)?,
        };
        self.queue.read(pipes, key, into)?;
        self.awaiting = into.more;
        Ok(())
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.awaiting && self.queue.select(pipes).is_some()
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        (!self.awaiting || self.relaxed) && self.balancer.can_send(pipes)
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::ReqCorrelate(on) => self.correlates = on,
            PatternOption::ReqRelaxed(on) => self.relaxed = on,
            PatternOption::ProbeRouter(on) => self.probes = on,
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }
}

impl Req {
    /// Writes the envelope, which is not visible before the body is complete, and throws away what
    /// waits, so that no stale reply matches.
    fn begin_request(&mut self, pipes: &mut Pipes, key: PipeKey) -> Result<()> {
        let request_id = self.request_id.wrapping_add(1);
        if self.correlates {
            pipes.write_bytes(key, &request_id.to_ne_bytes(), true)?;
        }
        if let Err(error) = pipes.write_bytes(key, b"", true) {
            pipes.rollback(key);
            return Err(error);
        }
        if self.correlates {
            self.request_id = request_id;
        }
        while let Some(stale) = self.queue.select(pipes) {
            self.queue.skip_message(pipes, stale);
        }
        self.asked = Some(key);
        self.awaiting = false;
        Ok(())
    }

    /// The pipe at whose head the body of the reply stands; drops everything else on the way.
    fn find_reply(&mut self, pipes: &mut Pipes) -> Option<PipeKey> {
        loop {
            let key = self.queue.select(pipes)?;
            let from_asked = self.asked.is_none_or(|asked| asked == key);
            if from_asked && self.take_envelope(pipes, key) {
                return Some(key);
            }
            self.queue.skip_message(pipes, key);
        }
    }

    /// Takes the envelope off; false if it is not that of the reply, and then something of the message
    /// is left.
    fn take_envelope(&mut self, pipes: &mut Pipes, key: PipeKey) -> bool {
        let id = self.request_id.to_ne_bytes();
        let mut envelope: &[&[u8]] = &[&id, b""];
        if !self.correlates {
            envelope = &envelope[1..];
        }
        for part in envelope {
            if pipes.peek(key) != Some((true, part)) {
                return false;
            }
            self.queue.skip(pipes, key);
        }
        true
    }
}

#[cfg(test)]
mod tests;
