//! SUB: messages that match a subscription, from all peers in turn (patterns.md 8).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::message::Message;
use crate::options::{PatternOption, SocketOptions};
use crate::patterns::subscriber::Subscriber;
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Receives only. The publisher filters already; this is the second filter, for what was on its way or
/// comes from a publisher that does not filter.
#[derive(Debug, Default)]
pub(crate) struct Sub {
    subscriber: Subscriber,
    /// From a conflating pipe, which cannot be looked into, taken out to be looked at.
    prefetched: Option<Message>,
    /// At the head of this pipe is a message that was wanted when the application was told of input: it stays
    /// so, whatever is unsubscribed meanwhile.
    promised: Option<PipeKey>,
    invert: bool,
}

/// Where the next frame for the application is.
enum Found {
    InPipe(PipeKey),
    Prefetched,
}

impl Pattern for Sub {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.subscriber.attached(pipes, key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.subscriber.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn detached(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        if self.promised == Some(key) {
            self.promised = None;
        }
        self.subscriber.detached(key);
    }

    fn restarted(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.subscriber.restarted(pipes, key);
    }

    fn send(&mut self, _pipes: &mut Pipes, _frame: &mut Outgoing<'_>) -> Result<()> {
        Err(Error::NotSupported)
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        match self.find(pipes)? {
            Found::InPipe(key) => {
                self.promised = None;
                self.subscriber.queue.read(pipes, key, into)
            }
            Found::Prefetched => {
                let message = self.prefetched.take().ok_or(Error::Again)?;
                into.accept_message(message);
                Ok(())
            }
        }
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        match self.find(pipes) {
            Ok(Found::InPipe(key)) => self.promised = Some(key),
            Ok(Found::Prefetched) => {}
            Err(_) => return false,
        }
        true
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn set_option(&mut self, pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::Subscribe(topic) => self.subscriber.subscribe(pipes, &topic)?,
            PatternOption::Unsubscribe(topic) => self.subscriber.unsubscribe(pipes, &topic),
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    fn options_changed(&mut self, options: &SocketOptions) {
        self.invert = options.invert_matching;
    }

    fn topics_count(&self) -> Option<usize> {
        Some(self.subscriber.topics_count())
    }
}

impl Sub {
    /// Finds the next frame for the application and drops what does not match on the way.
    fn find(&mut self, pipes: &mut Pipes) -> Result<Found> {
        if self.prefetched.is_some() {
            return Ok(Found::Prefetched);
        }
        if let Some(key) = self
            .promised
            .or_else(|| self.subscriber.queue.in_progress())
        {
            return Ok(Found::InPipe(key));
        }
        loop {
            let key = self.subscriber.queue.select(pipes).ok_or(Error::Again)?;
            if let Some((_, first_frame)) = pipes.peek(key) {
                if self.subscriber.wants(first_frame) != self.invert {
                    return Ok(Found::InPipe(key));
                }
                self.subscriber.queue.skip_message(pipes, key);
            } else {
                let message = self.subscriber.queue.take(pipes, key)?;
                if self.subscriber.wants(message.bytes()) != self.invert {
                    self.prefetched = Some(message);
                    return Ok(Found::Prefetched);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sub;
    use crate::error::Error;
    use crate::options::{PatternOption, SocketOptions};
    use crate::patterns::Pattern;
    use crate::patterns::testing::{Bench, frames};
    use crate::pipe::Conflate;

    fn subscribe(sub: &mut Bench<Sub>, topic: &[u8]) {
        let option = PatternOption::Subscribe(topic.into());
        sub.pattern
            .set_option(&mut sub.wires.pipes, option)
            .unwrap();
    }

    fn unsubscribe(sub: &mut Bench<Sub>, topic: &[u8]) {
        let option = PatternOption::Unsubscribe(topic.into());
        sub.pattern
            .set_option(&mut sub.wires.pipes, option)
            .unwrap();
    }

    /// patterns.md 1.2.
    #[test]
    fn fresh() {
        let mut sub = Bench::<Sub>::new();
        assert_eq!(sub.events(), (false, false));
        assert_eq!(sub.send(&[b""]), Err(Error::NotSupported));
        sub.assert_silent();
        let pipes = &mut sub.wires.pipes;
        let refused = PatternOption::OnlyFirstSubscribe(true);
        assert_eq!(sub.pattern.set_option(pipes, refused), Err(Error::Invalid));
    }

    /// patterns.md 8.1: whole messages are dropped, and POLLIN knows.
    #[test]
    fn second_filter() {
        let mut sub = Bench::<Sub>::new();
        let key = sub.peer();
        subscribe(&mut sub, b"a");
        sub.arrive(key, &[b"b", b"a"]);
        sub.arrive(key, &[b""]);
        assert_eq!(sub.events(), (false, false));
        sub.arrive(key, &[b"ab", b"b"]);
        assert_eq!(sub.events(), (true, false));
        assert_eq!(sub.recv(), Ok(frames(&[b"ab", b"b"])));
        subscribe(&mut sub, b"");
        sub.arrive(key, &[b""]);
        assert_eq!(sub.recv(), Ok(frames(&[b""])));
        sub.assert_silent();
    }

    /// Where input was announced, there is input; not from a pipe that went.
    #[test]
    fn what_was_announced_is_there() {
        let mut sub = Bench::<Sub>::new();
        let (key, leaver) = (sub.peer(), sub.peer());
        subscribe(&mut sub, b"a");
        sub.arrive(key, &[b"a1", b"b"]);
        sub.arrive(key, &[b"a2"]);
        assert_eq!(sub.events(), (true, false));
        unsubscribe(&mut sub, b"a");
        assert_eq!(sub.recv(), Ok(frames(&[b"a1", b"b"])));
        sub.assert_silent();
        subscribe(&mut sub, b"a");
        sub.arrive(leaver, &[b"a3"]);
        assert_eq!(sub.events(), (true, false));
        sub.detach(leaver);
        sub.assert_silent();
    }

    /// patterns.md 8.1.
    #[test]
    fn invert_matching() {
        let mut sub = Bench::<Sub>::new();
        let key = sub.peer();
        subscribe(&mut sub, b"a");
        let options = SocketOptions {
            invert_matching: true,
            ..SocketOptions::default()
        };
        sub.pattern.options_changed(&options);
        sub.arrive(key, &[b"a"]);
        sub.arrive(key, &[b"b"]);
        assert_eq!(sub.recv(), Ok(frames(&[b"b"])));
        sub.assert_silent();
    }

    /// patterns.md 8.2: subscribes are all sent, unsubscribes when the count reaches zero.
    #[test]
    fn forwarding() {
        let mut sub = Bench::<Sub>::new();
        let key = sub.peer();
        subscribe(&mut sub, b"a");
        subscribe(&mut sub, b"a");
        unsubscribe(&mut sub, b"a");
        unsubscribe(&mut sub, b"unknown");
        assert_eq!(sub.sent(key), [frames(&[b"\x01a"]), frames(&[b"\x01a"])]);
        assert_eq!(sub.pattern.topics_count(), Some(1));
        unsubscribe(&mut sub, b"a");
        assert_eq!(sub.sent(key), [frames(&[b"\0a"])]);
        assert_eq!(sub.pattern.topics_count(), Some(0));
    }

    /// patterns.md 8.2: a new peer and one that is back gets each topic once; queues.md 1: without
    /// regard to its room.
    #[test]
    fn new_and_returning_peers() {
        let mut sub = Bench::<Sub>::new();
        for topic in [&b"b"[..], b"a", b"a", b""] {
            subscribe(&mut sub, topic);
        }
        let key = sub.peer_limited(1);
        let topics = [frames(&[b"\x01"]), frames(&[b"\x01a"]), frames(&[b"\x01b"])];
        assert_eq!(sub.sent(key), topics);
        sub.pattern.restarted(&mut sub.wires.pipes, key);
        assert_eq!(sub.sent(key), topics);
    }

    /// queues.md 4: the newest of each publisher, filtered.
    #[test]
    fn conflating_pipe() {
        let mut sub = Bench::<Sub>::new();
        subscribe(&mut sub, b"a");
        let key = sub.wires.add_pipe(0, Conflate::BACK);
        sub.attach(key, Default::default());
        sub.arrive(key, &[b"a1"]);
        sub.arrive(key, &[b"a2"]);
        assert_eq!(sub.events(), (true, false));
        assert_eq!(sub.recv(), Ok(frames(&[b"a2"])));
        sub.arrive(key, &[b"b"]);
        assert_eq!(sub.events(), (false, false));
        sub.assert_silent();
    }
}
