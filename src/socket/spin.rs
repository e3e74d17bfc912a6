//! Whether a thread that waits spins before it sleeps.
//!
//! To be woken costs more than most answers take, but who spins for nothing takes the processor from those who could
//! answer. So a spin that found nothing is followed by ever more waits without one.

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
/// Waits without a spin after many spins for nothing.
const LONGEST_PAUSE: u32 = 63;

/// What a socket's waits have taught.
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
    pub(crate) fn ended(&mut self, found: bool) {
        self.pause = match found {
            true => 0,
            false => (self.pause * 2 + 1).min(LONGEST_PAUSE),
        };
        self.left = self.pause;
    }
}

/// Not with ZEROXIDE_SPIN=0, nor where there is one processor: nobody could answer meanwhile.
fn is_enabled() -> bool {
    static SWITCH: Switch = Switch::new("ZEROXIDE_SPIN", true, true);
    SWITCH.is_on()
}

/// Looks again and again for a short time; whether anything came. No lock of a socket is held.
pub(crate) fn look_again(
    mailboxes: &[Arc<Mailbox<SocketCommand>>],
    lease: &Lease,
    deadline: Option<Instant>,
) -> bool {
    let until = clock::now() + SPIN;
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    loop {
        let has_news = |mailbox: &Arc<Mailbox<_>>| mailbox.has_mail() || mailbox.is_stopped();
        if mailboxes.iter().any(has_news) || lease.read() {
            return true;
        }
        if clock::now() >= until {
            return false;
        }
        // Who could answer may wait for this processor.
        std::thread::yield_now();
    }
}
