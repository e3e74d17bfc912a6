//! What SUB and XSUB share: peers and the topics asked of them (patterns.md 8).

#![forbid(unsafe_code)]

use crate::error::Result;
use crate::memory::ShortBytes;
use crate::patterns::parts::{Distributor, Dropped, FairQueue, SubscriberTopics};
use crate::pipe::queue::Special;
use crate::pipe::{Outgoing, PipeKey, Pipes};

/// The receiving half of publish/subscribe.
///
/// Subscriptions go to the peers as markers, which need no room in a pipe.
#[derive(Debug, Default)]
pub(super) struct Subscriber {
    pub(super) queue: FairQueue,
    topics: SubscriberTopics,
    /// Upstream, to all peers.
    distributor: Distributor,
    /// Every unsubscribe is sent, not only the last.
    pub(super) verbose_unsubscribe: bool,
}

impl Subscriber {
    pub(super) fn attached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.queue.attach(key);
        self.distributor.attach(key);
        self.send_topics(pipes, key);
    }

    pub(super) fn detached(&mut self, key: PipeKey) {
        self.queue.remove(key);
        self.distributor.remove(key);
    }

    /// What was queued to the peer is void: an unfinished message too.
    pub(super) fn restarted(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.distributor.abandon(key);
        pipes.rollback(key);
        self.send_topics(pipes, key);
    }

    fn send_topics(&self, pipes: &mut Pipes, key: PipeKey) {
        let Some(end) = pipes.get(key) else { return };
        if end.is_write_closed() {
            return;
        }
        // Without memory a subscription is lost for that peer.
        let _ = self.topics.for_each(|topic| {
            if let Ok(topic) = ShortBytes::new(topic) {
                let subscribe = true;
                let _ = end.append_special(Special::Subscription { subscribe, topic });
            }
        });
        end.flush();
    }

    /// Asks for a topic, of all peers.
    pub(super) fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        self.topics.add(topic)?;
        self.tell(pipes, true, topic);
        Ok(())
    }

    /// Takes back one subscription; the peers hear of it when it was the last to this topic.
    pub(super) fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) {
        let dropped = self.topics.remove(topic);
        if dropped == Dropped::Last || self.verbose_unsubscribe {
            self.tell(pipes, false, topic);
        }
    }

    /// As [`Subscriber::subscribe`] or [`Subscriber::unsubscribe`] for one that travels to the peers
    /// as a frame. True if a publisher that takes it in forgets a topic that is still wanted.
    pub(super) fn note(&mut self, subscribe: bool, topic: &[u8]) -> Result<bool> {
        if subscribe {
            self.topics.add(topic)?;
            return Ok(false);
        }
        Ok(self.topics.remove(topic) == Dropped::Others && !self.verbose_unsubscribe)
    }

    /// Writes an (un)subscription to all peers.
    pub(super) fn tell(&self, pipes: &mut Pipes, subscribe: bool, topic: &[u8]) {
        for &key in self.distributor.members() {
            if !pipes.is_write_closed(key)
                && let Ok(topic) = ShortBytes::new(topic)
            {
                let _ = pipes.write_special(key, Special::Subscription { subscribe, topic });
            }
        }
    }

    /// Sends a frame of a user message to all peers; those without room miss the message.
    pub(super) fn send_upstream(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) {
        if !self.distributor.is_mid_message() {
            self.distributor.begin();
            self.distributor.choose_all();
        }
        self.distributor.send(pipes, frame);
    }

    #[inline]
    pub(super) fn wants(&self, first_frame: &[u8]) -> bool {
        self.topics.matches(first_frame)
    }

    pub(super) fn topics_count(&self) -> usize {
        self.topics.len()
    }
}
