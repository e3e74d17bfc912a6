//! XPUB: fan-out by topic, and subscriptions as messages (patterns.md 8.3, 8.4).

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::error::{Error, Result};
use crate::options::{PatternOption, SocketOptions};
use crate::patterns::publisher::{Inbox, Publisher};
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Incoming, Outgoing, PipeKey, Pipes};

/// As PUB; what the peers send is taken in at once, since subscriptions have to take effect, and waits
/// in the inbox.
#[derive(Debug, Default)]
pub(crate) struct Xpub {
    publisher: Publisher,
    inbox: Inbox,
}

impl Pattern for Xpub {
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, _origin: Origin) {
        self.publisher.attached(pipes, key);
    }

    fn readable(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.take_in(pipes, key, Some(&mut self.inbox));
    }

    fn time_passed(&mut self, time: Duration) {
        self.publisher.time_passed(time);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn draining(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.detached(pipes, key, Some(&mut self.inbox));
    }

    fn resume(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.publisher.resume(pipes, key, Some(&mut self.inbox));
    }

    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        self.publisher.send(pipes, frame)
    }

    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()> {
        let upstream = self.inbox.pop_front().ok_or(Error::Again)?;
        self.publisher.delivered(upstream.kind);
        self.publisher.received(pipes, &upstream, &mut self.inbox);
        into.accept_message(upstream.message);
        Ok(())
    }

    fn can_recv(&mut self, _pipes: &mut Pipes) -> bool {
        !self.inbox.is_empty()
    }

    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn set_option(&mut self, _pipes: &mut Pipes, option: PatternOption) -> Result<()> {
        self.publisher.set_option(option)
    }

    fn options_changed(&mut self, options: &SocketOptions) {
        self.publisher.options_changed(options);
    }

    fn topics_count(&self) -> Option<usize> {
        Some(self.publisher.topics_count())
    }
}

#[cfg(test)]
mod tests;
