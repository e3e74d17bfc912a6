//! XSUB: everything the peers send, and subscriptions as messages (patterns.md 8.2).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::options::PatternOption;
use crate::patterns::publisher::parse_subscription;
use crate::patterns::subscriber::Subscriber;
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// Sends (un)subscriptions and user messages upstream; receives unfiltered.
///
/// Frames at the start of a message that subscribe travel as markers. Behind a user frame they have to
/// complete its message, so they travel as frames, which the publisher understands as well.
#[derive(Debug, Default)]
pub(crate) struct Xsub {
    subscriber: Subscriber,
    only_first: bool,
    /// The last frame sent had MORE.
    mid_send: bool,
    /// Frames of the message being sent may subscribe.
    may_subscribe: bool,
    /// A user frame of the message being sent went out.
    mid_upstream: bool,
    /// Topics that the message being sent takes back once too often: asked for again after it.
    still_wanted: Vec<Box<[u8]>>,
}

impl Pattern for Xsub {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.subscriber.attached(pipes, key);
    }

    fn readable(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.subscriber.queue.activate(key);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn detached(&mut self, _pipes: &mut Pipes, key: PipeKey) {
        self.subscriber.detached(key);
    }

    fn restarted(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.subscriber.restarted(pipes, key);
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        let change = parse_subscription(frame.bytes());
        if !self.mid_send {
            self.may_subscribe = !self.only_first || change.is_some();
        }
        match change.filter(|_| self.may_subscribe) {
            None => self.send_upstream(pipes, frame),
            Some((subscribe, topic)) if self.mid_upstream => {
                let still_wanted = self.subscriber.note(subscribe, topic)?;
                if still_wanted {
                    self.still_wanted.push(topic.into());
                }
                self.send_upstream(pipes, frame);
            }
            Some((true, topic)) => self.subscriber.subscribe(pipes, topic)?,
            Some((false, topic)) => self.subscriber.unsubscribe(pipes, topic),
        }
        self.mid_send = frame.more;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        self.subscriber.queue.recv(pipes, into).map(drop)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.subscriber.queue.select(pipes).is_some()
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        match option {
            PatternOption::OnlyFirstSubscribe(on) => self.only_first = on,
            PatternOption::XsubVerboseUnsubscribe(on) => self.subscriber.verbose_unsubscribe = on,
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    fn topics_count(&self) -> Option<usize> {
        Some(self.subscriber.topics_count())
    }
}

impl Xsub {
    fn send_upstream(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) {
        self.subscriber.send_upstream(pipes, frame);
        self.mid_upstream = frame.more;
        if !frame.more {
            for topic in self.still_wanted.drain(..) {
                self.subscriber.tell(pipes, true, &topic);
            }
        }
    }
}

#[cfg(test)]
mod tests;
