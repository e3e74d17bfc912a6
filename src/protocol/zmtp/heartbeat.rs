//! Heartbeats: PINGs of our own, and how long the peer may be silent (contract: zmtp.md section 7.2).
//!
//! A PING may wait behind a message that takes long: as long as bytes go out, the silence after it has not begun.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::protocol::TimedOut;

/// The timers of a connection in traffic. Any received byte is a sign of life, a paused input is not a
/// silent peer. Nor is it a silent end for the peer: its PINGs wait behind what is not read, and it gets PONGs
/// without having been heard.
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
    /// That TTL, in tenths of a second.
    ttl: u16,
    /// When the last PING of the peer came; before the first, when traffic began.
    peer_pinged_at: Option<Instant>,
    /// The shortest time between two PINGs of the peer; `None` = it has sent none.
    peer_interval: Option<Duration>,
    /// When the next unasked PONG may go, in a pause. It stays between pauses: a reader that is slow has many.
    next_pong: Option<Instant>,
    paused: bool,
}

/// What is to be sent at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) ping: bool,
    pub(super) pong: bool,
}

/// PONGs of a paused input: so many in an interval of the peer's, whose timeout may be shorter than that; and the
/// shortest time between two.
const PONGS_PER_INTERVAL: u32 = 4;
const SHORTEST_PONG_INTERVAL: Duration = Duration::from_millis(10);

/// A time without a sign of life.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// Its end; `None` while input is paused, or if it is too far away for the clock.
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
            ttl: 0,
            peer_pinged_at: None,
            peer_interval: None,
            next_pong: None,
            paused: false,
        }
    }

    /// The handshake is complete: the first PING is due one interval later.
    pub(super) fn start(&mut self, now: Instant) {
        self.plan_ping(now);
        self.peer_pinged_at = Some(now);
    }

    fn plan_ping(&mut self, now: Instant) {
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
        if self.after_ping.is_some() {
            self.await_answer(now);
        }
    }

    /// A frame came behind a PING in the same read.
    pub(super) fn handle_frame(&mut self) {
        self.of_peer = None;
    }

    /// A PING of the peer, which announces that it will not be silent for longer than `ttl` tenths of a second;
    /// 0 = it may.
    pub(super) fn handle_ping(&mut self, ttl: u16, now: Instant) {
        if ttl > 0 && self.of_peer.is_none() {
            self.ttl = ttl;
            self.await_peer(now);
        }
        let elapsed = self
            .peer_pinged_at
            .replace(now)
            .map(|before| now.saturating_duration_since(before));
        // Several in one read had waited together.
        if let Some(elapsed) = elapsed.filter(|elapsed| !elapsed.is_zero()) {
            let shortest = self.peer_interval.unwrap_or(elapsed).min(elapsed);
            self.peer_interval = Some(shortest);
        }
    }

    /// What is to be sent now.
    ///
    /// # Errors
    /// [`TimedOut::Heartbeat`] if the peer was silent for too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<Due, TimedOut> {
        let is_over = |silence: Option<Silence>| {
            silence
                .and_then(|silence| silence.until)
                .is_some_and(|until| until <= now)
        };
        if is_over(self.after_ping) || is_over(self.of_peer) {
            return Err(TimedOut::Heartbeat);
        }
        let is_due = |next: Option<Instant>| next.is_some_and(|next| next <= now);
        let due = Due {
            ping: is_due(self.next_ping),
            pong: self.paused && is_due(self.next_pong),
        };
        if due.pong {
            self.plan_pong(now);
        }
        if due.ping {
            self.plan_ping(now);
            if self.after_ping.is_none() {
                self.await_answer(now);
            }
        }
        Ok(due)
    }

    fn await_answer(&mut self, now: Instant) {
        let begin = |timeout| Silence::begin(timeout, now, self.paused);
        self.after_ping = self.timeout.map(begin);
    }

    fn await_peer(&mut self, now: Instant) {
        let allowed = Duration::from_millis(u64::from(self.ttl) * 100);
        self.of_peer = Some(Silence::begin(allowed, now, self.paused));
    }

    fn plan_pong(&mut self, now: Instant) {
        self.next_pong = self.peer_interval.and_then(|interval| {
            now.checked_add((interval / PONGS_PER_INTERVAL).max(SHORTEST_PONG_INTERVAL))
        });
    }

    /// While input is paused nothing can be heard: silence counts from the end of the pause.
    pub(super) fn set_paused(&mut self, paused: bool, now: Instant) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        if paused && self.next_pong.is_none() {
            self.plan_pong(now);
        }
        if self.after_ping.is_some() {
            self.await_answer(now);
        }
        if self.of_peer.is_some() {
            self.await_peer(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let until = |silence: Option<Silence>| silence.and_then(|silence| silence.until);
        [
            self.next_ping,
            self.next_pong.filter(|_| self.paused),
            until(self.after_ping),
            until(self.of_peer),
        ]
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
        Self { until }
    }
}
