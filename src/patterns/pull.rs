//! PULL: one message from each peer in turn (patterns.md 7).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::patterns::parts::FairQueue;
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Receives only.
#[derive(Debug, Default)]
pub(crate) struct Pull {
    queue: FairQueue,
}

impl Pattern for Pull {
    fn attached(&mut self, _pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.queue.attach(key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn detached(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.queue.remove(key);
    }

    fn send(&mut self, _pipes: &mut Pipes, _frame: &mut Outgoing<'_>) -> Result<()> {
        Err(Error::NotSupported)
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        self.queue.recv(pipes, into).map(drop)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.queue.select(pipes).is_some()
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Pull;
    use crate::error::Error;
    use crate::patterns::testing::{Bench, frames};
    use crate::pipe::Conflate;

    /// patterns.md 1.2.
    #[test]
    fn fresh() {
        let mut pull = Bench::<Pull>::new();
        assert_eq!(pull.events(), (false, false));
        assert_eq!(pull.send(&[b""]), Err(Error::NotSupported));
        assert_eq!(pull.recv(), Err(Error::Again));
    }

    /// patterns.md 1.4 and 18.
    #[test]
    fn whole_messages_in_turn() {
        let mut pull = Bench::<Pull>::new();
        let (one, other) = (pull.peer(), pull.peer());
        pull.arrive(one, &[b"a1", b"a2"]);
        pull.arrive(one, &[b"a3"]);
        pull.arrive(other, &[b"b1", b"b2"]);
        assert_eq!(pull.events(), (true, false));
        let order = [pull.recv(), pull.recv(), pull.recv()];
        let expected = [
            frames(&[b"a1", b"a2"]),
            frames(&[b"b1", b"b2"]),
            frames(&[b"a3"]),
        ];
        assert_eq!(order, expected.map(Ok));
        pull.assert_silent();
        pull.arrive(other, &[b"b3"]);
        assert_eq!(pull.recv(), Ok(frames(&[b"b3"])));
    }

    /// queues.md 6: what a peer sent before it went stays readable to the delimiter.
    #[test]
    fn departed_peer() {
        let mut pull = Bench::<Pull>::new();
        let key = pull.peer();
        pull.arrive(key, &[b"1", b"2"]);
        pull.arrive(key, &[b"3"]);
        pull.drain(key);
        assert_eq!(pull.recv(), Ok(frames(&[b"1", b"2"])));
        assert!(pull.wires.pipes.take_exhausted().is_empty());
        assert_eq!(pull.recv(), Ok(frames(&[b"3"])));
        assert_eq!(pull.wires.pipes.take_exhausted(), [key]);
        pull.detach(key);
        pull.assert_silent();
    }

    /// queues.md 4.
    #[test]
    fn conflating_pipe() {
        let mut pull = Bench::<Pull>::new();
        let key = pull.wires.add_pipe(0, Conflate::BACK);
        pull.attach(key, Default::default());
        pull.arrive(key, &[b"1"]);
        pull.arrive(key, &[b"2"]);
        assert_eq!(pull.events(), (true, false));
        assert_eq!(pull.recv(), Ok(frames(&[b"2"])));
        pull.assert_silent();
    }
}
