//! Whether a thread that waits spins before it sleeps.
//!
//! To be woken costs more than most answers take, but who spins takes the processor from those who could answer. So a
//! spin yields it in each turn, and is over as soon as somebody else had use for it; and a spin that found nothing, or
//! that somebody paid for, is followed by ever more waits without one.
//!
//! Nobody spins for what an I/O thread brings: that has to be woken, too, before it comes. Nor for what comes without
//! having been asked for: a reader who takes each piece at once takes smaller ones. (Two processes that stream messages of
//! 1000 bytes on two processors lose up to a third of their rate; two threads over inproc, 10 bytes, nearly half.)

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::io::Lease;
use crate::mailbox::Mailbox;
use crate::socket::SocketCommand;
use crate::sys::switch::Switch;

/// How long a spin lasts. Shorter than the peer's turn it finds nothing, longer it finds little more.
const SPIN: Duration = Duration::from_micros(50);
/// A yield that takes longer has let somebody else run: perhaps whoever answers.
const SHORT: Duration = Duration::from_micros(5);
/// A yield that takes longer has let somebody run who computes, and does not wait for us.
const LONG: Duration = Duration::from_micros(300);
/// Waits without a spin after many spins for nothing.
const LONGEST_PAUSE: u32 = 63;
/// Waits without a spin after one beside somebody who wanted the processor: who yields it to a thread that computes has it
/// back after milliseconds, which is to happen to one answer in a thousand at most.
const CONTENDED_PAUSE: u32 = 1023;

/// What the waits for a socket, or those of a thread for several, have taught.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spin {
    /// Waits to come without a spin.
    left: u32,
    /// As many after the next spin for nothing.
    pause: u32,
}

impl Spin {
    /// Nothing is known yet: the first wait spins.
    pub(crate) const NEW: Self = Self { left: 0, pause: 0 };

    /// Whether the wait that begins now is to spin.
    pub(crate) fn begin(&mut self) -> bool {
        if !is_enabled() {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        true
    }

    /// A spin has ended.
    pub(crate) fn ended(&mut self, spun: Spun) {
        self.pause = match spun.last_yield {
            long if long > LONG => CONTENDED_PAUSE,
            short if short <= SHORT && spun.found => 0,
            _ => (self.pause * 2 + 1).min(LONGEST_PAUSE),
        };
        self.left = self.pause;
    }
}

/// Not with ZEROXIDE_SPIN=0, nor where there is one processor: nobody could answer meanwhile.
fn is_enabled() -> bool {
    static SWITCH: Switch = Switch::new("ZEROXIDE_SPIN", true);
    SWITCH.is_on()
}

/// What came of a spin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spun {
    /// Something came.
    pub(crate) found: bool,
    /// How long the last yield took, if that ended the spin.
    last_yield: Duration,
}

/// Looks again and again for a short time. No lock of a socket is held.
pub(crate) fn look_again<'a>(
    mailboxes: impl Iterator<Item = &'a Arc<Mailbox<SocketCommand>>> + Clone,
    lease: &Lease,
    deadline: Option<Instant>,
) -> Spun {
    let until = clock::now() + SPIN;
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    let has_news = |mailbox: &Arc<Mailbox<_>>| mailbox.has_mail() || mailbox.is_stopped();
    let look = || mailboxes.clone().any(has_news) || lease.read();
    loop {
        if look() {
            return Spun {
                found: true,
                last_yield: Duration::ZERO,
            };
        }
        let before_yield = clock::now();
        if before_yield >= until {
            return Spun {
                found: false,
                last_yield: Duration::ZERO,
            };
        }
        std::thread::yield_now();
        let last_yield = clock::now() - before_yield;
        if last_yield > SHORT {
            return Spun {
                found: look(),
                last_yield,
            };
        }
    }
}
