//! The orderly end of a stream: after the last byte is in the kernel, nothing that the peer has not
//! read may be destroyed by our leaving (protocols: "Linger and orderly close").
//!
//! Order: drain input, `shutdown(SHUT_WR)`, then keep discarding input until the peer closes. One byte
//! that arrives after a plain close would reset the connection and destroy what is unsent.

#![forbid(unsafe_code)]

use std::io;
use std::time::{Duration, Instant};

use crate::io::unwanted::enough;
use crate::transport::Stream;

/// Past the obligation the descriptor stays open this long for the peer's sake.
const PATIENCE: Duration = Duration::from_secs(30);
/// tcp: how long after everything was acknowledged the EOF of a peer is waited for that sends nothing itself.
const TCP_GRACE: Duration = Duration::from_secs(1);
/// How often the kernel is asked how much is unsent; grows by doubling to the maximum.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const MAXIMAL_LOOK: Duration = Duration::from_millis(64);
/// Reads before other connections have their turn: a peer that never stops sending holds up nobody.
const READS: usize = 8;
/// Bytes discarded by one read.
const DISCARDED: usize = 8192;

/// A stream that has been shut down for writing and waits for the peer's EOF.
#[derive(Debug)]
pub(crate) struct Closing {
    give_up_at: Instant,
    /// Since when nothing is unsent.
    acknowledged_since: Option<Instant>,
    next_look: Instant,
    interval: Duration,
    peer: Peer,
    obligation_met: bool,
    discarded: usize,
}

/// Whether the peer may send something when the descriptor is gone. The reset that answers it makes libzmq, if it
/// waits for room in its receive queue, drop what its kernel still holds for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It has sent nothing so far.
    Listens,
    /// It has sent messages, or anything at all (a subscription, too) since we ended our side: only its EOF says that
    /// it has read everything, and it may be slow.
    Answers,
    /// It does not speak ZMTP. Nobody knows whether it closes its side when we close ours.
    Foreign,
}

/// What [`Closing::step`] found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// zmq_ctx_term need not wait for this stream any longer.
    pub(crate) obligation_met: bool,
    /// The descriptor may be closed.
    pub(crate) may_close: bool,
    /// The turn is over, but there is more input.
    pub(crate) more: bool,
}

impl Closing {
    pub(crate) fn begin(stream: &Stream, peer: Peer, now: Instant) -> Self {
        // If it fails the stream is broken, and the first read says so.
        let _ = stream.shutdown_write();
        Self {
            give_up_at: now + PATIENCE,
            acknowledged_since: None,
            next_look: now,
            interval: FIRST_LOOK,
            peer,
            obligation_met: false,
            discarded: 0,
        }
    }

    /// Discards input, no more than enough of it before the peer's end is known, and looks how far the peer is.
    /// `hung_up`: nothing more will come than the kernel has.
    pub(crate) fn step(&mut self, stream: &Stream, hung_up: bool, now: Instant) -> Step {
        let mut discarded = [0; DISCARDED];
        let enough = enough(stream);
        let mut more = true;
        for _ in 0..READS {
            if self.discarded >= enough && !hung_up {
                more = false;
                break;
            }
            match stream.recv(&mut discarded) {
                Ok(0) => return self.over(),
                Ok(bytes) => {
                    self.discarded = self.discarded.saturating_add(bytes);
                    if self.peer == Peer::Listens {
                        self.peer = Peer::Answers;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    more = false;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.over(),
            }
        }
        if now >= self.next_look {
            self.look(stream, now);
        }
        // Over ipc what the peer has not read may be lost with the descriptor, however long that takes.
        if now >= self.give_up_at && (self.obligation_met || stream.is_tcp()) {
            return self.over();
        }
        Step {
            obligation_met: self.obligation_met,
            may_close: false,
            more,
        }
    }

    /// When to call [`Closing::step`] again if nothing is heard of the peer.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(if self.obligation_met {
            self.give_up_at
        } else {
            self.next_look
        })
    }

    fn look(&mut self, stream: &Stream, now: Instant) {
        if stream.unsent().is_ok_and(|bytes| bytes == 0) {
            let since = *self.acknowledged_since.get_or_insert(now);
            // On a unix socket "unsent" means "not yet read by the peer's application".
            self.obligation_met |=
                !stream.is_tcp() || (self.peer != Peer::Answers && now >= since + TCP_GRACE);
        } else {
            self.acknowledged_since = None;
        }
        self.next_look = now + self.interval;
        self.interval = (self.interval * 2).min(MAXIMAL_LOOK);
    }

    fn over(&mut self) -> Step {
        self.obligation_met = true;
        Step {
            obligation_met: true,
            may_close: true,
            more: false,
        }
    }
}

#[cfg(test)]
mod tests;
