//! Whether a thread that waits for a socket reads its streams by itself.
//!
//! It does so to have a lone message, or an answer, without the detour by the I/O thread. Where much comes, that thread
//! brings many messages at once, at less cost: who takes them one by one has everybody on the way do the same. (A proxy
//! between four clients and a worker, with a hundred requests of each under way, did 0.6 times the round trips.) Who
//! receives a stream, and sends nothing, may read it in large pieces as well, if its I/O thread has nothing else to do.

#![forbid(unsafe_code)]

use crate::io::Terms;

/// More messages than these between two waits are no lone ones.
const FEW: u32 = 2;
/// So many waits with few messages follow before it may be otherwise again.
const PAUSE: u32 = 15;

/// What a socket's traffic since its last wait says.
#[derive(Debug)]
pub(super) struct Lending {
    received: u32,
    has_sent: bool,
    /// Waits to come until messages are held to be lone ones.
    pause: u32,
    /// What was found last.
    terms: Terms,
}

impl Default for Lending {
    fn default() -> Self {
        Self {
            received: 0,
            has_sent: false,
            pause: 0,
            terms: Terms::Lone,
        }
    }
}

impl Lending {
    /// A frame was received; `more` of its message follow.
    #[inline(always)]
    pub(super) fn note_received(&mut self, more: bool) {
        self.received = self.received.saturating_add(u32::from(!more));
    }

    #[inline(always)]
    pub(super) fn note_sent(&mut self) {
        self.has_sent = true;
    }

    /// The thread is about to wait: on which terms streams are lent. A wait that brought nothing says nothing.
    pub(super) fn begin_wait(&mut self) -> Terms {
        if self.received == 0 && !self.has_sent {
            return self.terms;
        }
        let received = std::mem::take(&mut self.received);
        let has_sent = std::mem::take(&mut self.has_sent);
        self.pause = match received > FEW {
            true => PAUSE,
            false => self.pause.saturating_sub(1),
        };
        self.terms = match (self.pause, has_sent) {
            (0, _) => Terms::Lone,
            (_, false) => Terms::Streaming,
            (_, true) => Terms::Busy,
        };
        self.terms
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Lending, PAUSE};
    use crate::io::Terms;

    /// Messages of several frames are one each.
    #[test]
    fn much_is_left_to_the_io_thread_for_a_while() {
        let mut lending = Lending::default();
        for (messages, sends, expected) in [
            (FEW, true, Terms::Lone),
            (FEW + 1, true, Terms::Busy),
            (FEW + 1, false, Terms::Streaming),
        ] {
            for _ in 0..messages {
                lending.note_received(true);
                lending.note_received(false);
                if sends {
                    lending.note_sent();
                }
            }
            assert_eq!(lending.begin_wait(), expected, "{messages}");
            assert_eq!(lending.begin_wait(), expected, "and nothing came");
        }
        for _ in 1..PAUSE {
            lending.note_sent();
            assert_eq!(lending.begin_wait(), Terms::Busy);
            assert_eq!(lending.begin_wait(), Terms::Busy, "and nothing came");
        }
        lending.note_sent();
        assert_eq!(lending.begin_wait(), Terms::Lone);
    }
}
