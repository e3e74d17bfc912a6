//! PAIR: one peer, both ways (patterns.md 2).

#![forbid(unsafe_code)]

use crate::error::Result;
use crate::patterns::parts::{FairQueue, LoadBalancer};
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Dismissal, Incoming, Outgoing, PipeKey, Pipes};

/// Holds at most one peer and refuses others until it is gone with all that it sent.
///
/// With one pipe, round-robin and fair queuing come down to "this pipe or nobody", and bring the rules
/// for a peer that is lost in mid-message.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    peer: Option<PipeKey>,
    balancer: LoadBalancer,
    queue: FairQueue,
}

impl Pattern for Pair {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        if self.peer.is_some() {
            pipes.dismiss(key, Dismissal::Refuse);
            return;
        }
        self.peer = Some(key);
        self.balancer.attach(key);
        self.queue.attach(key);
    }

    // The parts do not know a pipe that was refused.

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
        if self.peer == Some(key) {
            self.peer = None;
            self.balancer.remove(pipes, key);
            self.queue.remove(key);
        }
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
}

#[cfg(test)]
mod tests {
    use super::Pair;
    use crate::error::Error;
    use crate::patterns::testing::{Bench, frames};
    use crate::pipe::Dismissal;

    /// patterns.md 1.2 and 2.
    #[test]
    fn no_peer() {
        let mut pair = Bench::<Pair>::new();
        assert_eq!(pair.events(), (false, false));
        assert_eq!(pair.send_frame(b"", true), Err(Error::Again));
        pair.assert_silent();
    }

    /// patterns.md 2: frames pass as they are; a full peer blocks.
    #[test]
    fn both_ways() {
        let mut pair = Bench::<Pair>::new();
        let peer = pair.peer_limited(1);
        pair.arrive(peer, &[b"1", b"", b"3"]);
        assert_eq!(pair.events(), (true, true));
        assert_eq!(pair.recv(), Ok(frames(&[b"1", b"", b"3"])));
        pair.send(&[b"a", b""]).unwrap();
        assert_eq!(pair.send(&[b"b"]), Err(Error::Again));
        assert_eq!(pair.sent(peer), [frames(&[b"a", b""])]);
        pair.relieve(peer);
        pair.send(&[b"b"]).unwrap();
    }

    /// patterns.md 2: the second is refused, and the next is accepted once the first is gone with
    /// everything it sent.
    #[test]
    fn one_peer_at_a_time() {
        let mut pair = Bench::<Pair>::new();
        let first = pair.peer();
        let second = pair.peer();
        assert_eq!(
            pair.wires.pipes.take_dismissed(),
            [(second, Dismissal::Refuse)]
        );
        pair.arrive(second, &[b"unheard"]);
        pair.assert_silent();
        pair.send(&[b"to the first"]).unwrap();
        assert_eq!(pair.sent(first).len(), 1);
        pair.detach(second);

        pair.arrive(first, &[b"last words"]);
        pair.drain(first);
        let third = pair.peer();
        assert_eq!(
            pair.wires.pipes.take_dismissed(),
            [(third, Dismissal::Refuse)]
        );
        assert_eq!(pair.send(&[b"m"]), Err(Error::Again));
        assert_eq!(pair.recv(), Ok(frames(&[b"last words"])));
        assert_eq!(pair.wires.pipes.take_exhausted(), [first]);
        pair.detach(first);
        let fourth = pair.peer();
        assert!(pair.wires.pipes.take_dismissed().is_empty());
        pair.send(&[b"m"]).unwrap();
        assert_eq!(pair.sent(fourth), [frames(&[b"m"])]);
    }

    /// patterns.md 18: the next peer does not get the tail of a message begun with the last one.
    #[test]
    fn peer_lost_in_mid_message() {
        let mut pair = Bench::<Pair>::new();
        let first = pair.peer();
        pair.send_frame(b"1", true).unwrap();
        pair.detach(first);
        let second = pair.peer();
        pair.send_frame(b"2", false).unwrap();
        pair.send(&[b"next"]).unwrap();
        assert_eq!(pair.sent(second), [frames(&[b"next"])]);
    }
}
