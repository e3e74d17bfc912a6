//! DEALER: round-robin out, fair-queued in (patterns.md 5).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::options::PatternOption;
use crate::patterns::parts::{FairQueue, LoadBalancer};
use crate::patterns::{Origin, Pattern, probe};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// No envelope and no state.
#[derive(Debug, Default)]
pub(crate) struct Dealer {
    balancer: LoadBalancer,
    queue: FairQueue,
    probes: bool,
}

impl Pattern for Dealer {
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
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        self.balancer.send(pipes, frame).map(drop)
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        self.queue.recv(pipes, into).map(drop)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.queue.select(pipes).is_some()
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        self.balancer.can_send(pipes)
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::ProbeRouter(on) => self.probes = on,
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Dealer;
    use crate::error::Error;
    use crate::options::PatternOption;
    use crate::patterns::Pattern;
    use crate::patterns::testing::{Bench, frames};

    /// patterns.md 1.2 and 5.
    #[test]
    fn out_in_turn_and_in_from_all() {
        let mut dealer = Bench::<Dealer>::new();
        assert_eq!(dealer.events(), (false, false));
        assert_eq!(dealer.send(&[b""]), Err(Error::Again));
        dealer.assert_silent();
        let (one, other) = (dealer.peer(), dealer.peer());
        dealer.send(&[b"", b"1"]).unwrap();
        dealer.send(&[b"2"]).unwrap();
        assert_eq!(dealer.sent(one), [frames(&[b"", b"1"])]);
        assert_eq!(dealer.sent(other), [frames(&[b"2"])]);
        dealer.arrive(other, &[b"", b"answer"]);
        assert_eq!(dealer.events(), (true, true));
        assert_eq!(dealer.recv(), Ok(frames(&[b"", b"answer"])));
    }

    /// patterns.md 1.4: a draining peer counts as absent, what it sent is read.
    #[test]
    fn draining_peer() {
        let mut dealer = Bench::<Dealer>::new();
        let key = dealer.peer();
        dealer.arrive(key, &[b"m"]);
        dealer.drain(key);
        assert_eq!(dealer.events(), (true, false));
        assert_eq!(dealer.send(&[b""]), Err(Error::Again));
        assert_eq!(dealer.recv(), Ok(frames(&[b"m"])));
    }

    /// patterns.md 5: an empty message first, on pipes attached afterwards.
    #[test]
    fn probe_router() {
        let mut dealer = Bench::<Dealer>::new();
        let before = dealer.peer();
        let pipes = &mut dealer.wires.pipes;
        assert_eq!(
            dealer
                .pattern
                .set_option(pipes, PatternOption::ProbeRouter(true)),
            Ok(())
        );
        let refused = PatternOption::RouterMandatory(true);
        assert_eq!(
            dealer.pattern.set_option(pipes, refused),
            Err(Error::Invalid)
        );
        let after = dealer.peer();
        dealer.send(&[b"1"]).unwrap();
        dealer.send(&[b"2"]).unwrap();
        assert_eq!(dealer.sent(before), [frames(&[b"1"])]);
        assert_eq!(dealer.sent(after), [frames(&[b""]), frames(&[b"2"])]);
    }
}
