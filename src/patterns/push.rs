//! PUSH: each message to the next peer (patterns.md 7).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::patterns::parts::LoadBalancer;
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Sends only. Never drops for want of room; what a peer might send is not read.
#[derive(Debug, Default)]
pub(crate) struct Push {
    balancer: LoadBalancer,
}

impl Pattern for Push {
    fn attached(&mut self, _pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.balancer.attach(key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn writable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.balancer.activate(key);
    }

    fn draining(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.balancer.remove(pipes, key);
    }

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.balancer.remove(pipes, key);
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        self.balancer.send(pipes, frame).map(drop)
    }

    fn recv(&mut self, _pipes: &mut Pipes, _into: &mut Incoming<'_>) -> Result<()> {
        Err(Error::NotSupported)
    }

    fn can_recv(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        self.balancer.can_send(pipes)
    }
}

#[cfg(test)]
mod tests {
    use super::Push;
    use crate::error::Error;
    use crate::patterns::testing::{Bench, frames};
    use crate::pipe::Conflate;

    /// patterns.md 1.2.
    #[test]
    fn fresh() {
        let mut push = Bench::<Push>::new();
        assert_eq!(push.events(), (false, false));
        assert_eq!(push.send_frame(b"", false), Err(Error::Again));
        assert_eq!(push.send_frame(b"", true), Err(Error::Again));
        assert_eq!(push.recv(), Err(Error::NotSupported));
    }

    /// patterns.md 7: all full blocks, nothing is dropped; a full peer is passed over.
    #[test]
    fn full_peers_are_passed_over_until_they_drain() {
        let mut push = Bench::<Push>::new();
        let (small, large) = (push.peer_limited(1), push.peer_limited(3));
        for _ in 0..4 {
            push.send(&[b"m"]).unwrap();
        }
        assert_eq!(push.events(), (false, false));
        assert_eq!(push.send(&[b"m"]), Err(Error::Again));
        assert_eq!(push.sent(small).len(), 1);
        push.relieve(small);
        assert_eq!(push.events(), (false, true));
        push.send(&[b"again"]).unwrap();
        assert_eq!(push.sent(small), [frames(&[b"again"])]);
        assert_eq!(push.sent(large).len(), 3);
    }

    /// patterns.md 7 and 18: a message begun is never refused for the high-water mark.
    #[test]
    fn multipart_stays_together() {
        let mut push = Bench::<Push>::new();
        let (one, other) = (push.peer_limited(1), push.peer());
        push.send(&[b"1", b"2", b"3"]).unwrap();
        push.send(&[b"4", b"5"]).unwrap();
        assert_eq!(push.sent(one), [frames(&[b"1", b"2", b"3"])]);
        assert_eq!(push.sent(other), [frames(&[b"4", b"5"])]);
    }

    /// patterns.md 1.4: the loss is noticed between frames; both ways of losing.
    #[test]
    fn peer_lost_in_mid_message() {
        for drained in [true, false] {
            let mut push = Bench::<Push>::new();
            let (lost, other) = (push.peer(), push.peer());
            push.send_frame(b"1", true).unwrap();
            if drained {
                push.drain(lost);
            }
            push.detach(lost);
            push.send_frame(b"2", true).unwrap();
            push.send_frame(b"3", false).unwrap();
            push.send(&[b"next"]).unwrap();
            assert_eq!(push.sent(other), [frames(&[b"next"])]);
        }
    }

    /// patterns.md 1.4: the write finds the peer gone, at a frame in the middle and at the last one.
    #[test]
    fn write_finds_the_peer_gone() {
        for last in [false, true] {
            let mut push = Bench::<Push>::new();
            let lost = push.peer();
            let other = push.peer();
            push.send_frame(b"1", true).unwrap();
            push.wires.far(lost).leave();
            push.send_frame(b"2", !last).unwrap();
            if !last {
                push.send_frame(b"3", false).unwrap();
            }
            assert!(push.sent(other).is_empty());
            push.send(&[b"next"]).unwrap();
            assert_eq!(push.sent(other), [frames(&[b"next"])]);
        }
    }

    /// queues.md 4: only the newest survives, and the limit does not count.
    #[test]
    fn conflating_pipe() {
        let mut push = Bench::<Push>::new();
        let key = push.wires.add_pipe(1, Conflate::FORTH);
        push.attach(key, Default::default());
        for body in [b"1", b"2", b"3"] {
            push.send(&[body]).unwrap();
        }
        assert_eq!(push.sent(key), [frames(&[b"3"])]);
    }
}
