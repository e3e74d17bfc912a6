//! Heartbeats: PINGs of our own, and how long the peer may be silent (contract: zmtp.md section 7.2).
//!
//! A PING may wait behind a message that takes long: as long as bytes go out, the silence after it has not begun.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::protocol::TimedOut;

/// The timers of a connection in traffic. Any received byte is a sign of life, a paused input is not a
/// silent peer.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Between two PINGs; `None` = none are sent.
    interval: Option<Duration>,
    /// Silence allowed after a PING; `None` = any.
    timeout: Option<Duration>,
    next_ping: Option<Instant>,
    /// Runs from the first PING after a sign of life.
    after_ping: Option<Silence>,
    /// Runs from a PING of the peer that had a TTL.
    of_peer: Option<Silence>,
    paused: bool,
}

/// A time without a sign of life.
#[derive(Clone, Copy, Debug)]
struct Silence {
    allowed: Duration,
    /// `None` while input is paused, or if it is too far away for the clock.
    until: Option<Instant>,
}

impl Heartbeat {
    /// Nothing runs before [`Self::start`].
    pub(super) fn new(interval: Option<Duration>, timeout: Option<Duration>) -> Self {
        Self {
            interval,
            timeout,
            next_ping: None,
            after_ping: None,
            of_peer: None,
            paused: false,
        }
    }

    /// The handshake is complete: the first PING is due one interval later.
    pub(super) fn start(&mut self, now: Instant) {
        self.next_ping = self.interval.and_then(|interval| now.checked_add(interval));
    }

    /// Something was received.
    pub(super) fn handle_received(&mut self) {
        self.after_ping = None;
        self.of_peer = None;
    }

    /// A stream that had taken no more took bytes: the peer's system has acknowledged some, and our PING may still
    /// be behind them.
    pub(super) fn handle_sent(&mut self, now: Instant) {
        if let Some(silence) = &mut self.after_ping {
            *silence = Silence::begin(silence.allowed, now, self.paused);
        }
    }

    /// A frame came behind a PING in the same read.
    pub(super) fn handle_frame(&mut self) {
        self.of_peer = None;
    }

    /// The peer announced that it will not be silent for longer than `ttl` tenths of a second.
    pub(super) fn handle_ttl(&mut self, ttl: u16, now: Instant) {
        if ttl > 0 && self.of_peer.is_none() {
            // 32 bits: up to 6553.5 s.
            let allowed = Duration::from_millis(u64::from(ttl) * 100);
            self.of_peer = Some(Silence::begin(allowed, now, self.paused));
        }
    }

    /// Whether a PING is to be sent now.
    ///
    /// # Errors
    /// [`TimedOut::Heartbeat`] if the peer was silent for too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<bool, TimedOut> {
        let is_over = |silence: Option<Silence>| {
            silence
                .and_then(|silence| silence.until)
                .is_some_and(|until| until <= now)
        };
        if is_over(self.after_ping) || is_over(self.of_peer) {
            return Err(TimedOut::Heartbeat);
        }
        if self.next_ping.is_none_or(|next_ping| next_ping > now) {
            return Ok(false);
        }
        self.start(now);
        if self.after_ping.is_none() {
            self.after_ping = self
                .timeout
                .map(|timeout| Silence::begin(timeout, now, self.paused));
        }
        Ok(true)
    }

    /// While input is paused nothing can be heard: silence counts from the end of the pause.
    pub(super) fn set_paused(&mut self, paused: bool, now: Instant) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        for silence in [&mut self.after_ping, &mut self.of_peer]
            .into_iter()
            .flatten()
        {
            *silence = Silence::begin(silence.allowed, now, paused);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let until = |silence: Option<Silence>| silence.and_then(|silence| silence.until);
        [self.next_ping, until(self.after_ping), until(self.of_peer)]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Silence {
    fn begin(allowed: Duration, now: Instant, paused: bool) -> Self {
        let until = if paused {
            None
        } else {
            now.checked_add(allowed)
        };
        Self { allowed, until }
    }
}
