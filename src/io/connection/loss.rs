//! A stream is lost: events, the state of the pipe, and whether another attempt follows.
//!
//! Contract: zmtp.md section 8.1, transports.md section 5, queues.md section 7.

#![forbid(unsafe_code)]

use super::{Connection, Live, Phase, Role};
use crate::io::turn::{Outcome, Surroundings};
use crate::io::unwanted::Unwanted;
use crate::mechanism::Refusal;
use crate::monitor::{Event, event_value};
use crate::protocol::{ProtocolError, TimedOut};

/// Why a stream was given up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// EOF or an error of the stream, with the errno that the monitor shows.
    Stream(i32),
    /// The handshake timer or a heartbeat ran out.
    Timeout(TimedOut),
    /// The ZAP handler refused the peer.
    Refused(Refusal),
    /// The ZAP handler's reply is defective.
    Handler(ProtocolError),
    /// The peer broke the protocol: never retried.
    Protocol(ProtocolError),
    /// The application's side ended it: refusal. It is never retried.
    Dismissed,
}

impl Connection {
    /// A peer that broke the protocol in its handshake gets what we had to say: it can see then what is
    /// wrong (a mechanism mismatch shows on both ends), instead of an end without a reason.
    pub(super) fn show_what_is_wrong(&mut self, loss: Loss, around: &mut Surroundings<'_>) {
        let in_handshake = |live: &Live| matches!(live.phase, Phase::Handshake);
        if matches!(loss, Loss::Protocol(_) | Loss::Refused(_))
            && self.live.as_ref().is_some_and(in_handshake)
        {
            // As far as the kernel takes it at once.
            let _ = self.pump_out(around);
        }
    }

    pub(super) fn lose(&mut self, loss: Loss, around: &mut Surroundings<'_>) -> Outcome {
        let Some(live) = self.live.take() else {
            return Outcome::Wait;
        };
        // Of this stream, not of the next.
        self.pending = None;
        let handshaken = live.phase.is_traffic();
        if let Some(detached) = &mut self.detached {
            detached.unwanted = Unwanted::default();
        }
        live.stream.deregister(around.epoll);
        let connects = matches!(self.role, Role::Connecting(_));
        let retried = connects && self.is_retried(loss, handshaken);
        if handshaken && !matches!(loss, Loss::Dismissed) {
            self.tell_of_loss();
        }
        self.tell_of_raw_loss(&live);
        if retried {
            self.repair_pipe(&live);
        } else {
            self.end_pipe();
        }
        // Who sees the events finds the pipe as it is now.
        self.emit_loss(loss, handshaken, &live);
        drop(live);
        if !retried {
            return self.give_up();
        }
        if self.detached.is_some() && self.has_sent_everything() {
            return self.give_up();
        }
        if let Role::Connecting(connecter) = &mut self.role {
            connecter.lost();
            if self.session.options.reconnect_interval <= 0 && self.detached.is_none() {
                return self.dismiss_endpoint();
            }
        }
        self.retry(around)
    }

    /// The stream takes nothing any more. That does not end reading: what has arrived is still delivered, and the
    /// read side sees the end. But what waits for room to send to an accepted peer hears of it now: the pipe may be
    /// full in the other direction, too, and then nothing is read until the one who waits does it.
    pub(super) fn stop_sending(&mut self) {
        if let (Role::Accepted { .. }, None, Some(pipe)) =
            (&self.role, &self.detached, &mut self.pipe)
        {
            pipe.stop_reading();
        }
    }

    fn emit_loss(&self, loss: Loss, handshaken: bool, live: &Live) {
        match loss {
            Loss::Stream(errno) if !handshaken => {
                self.emit(
                    Event::HandshakeFailedNoDetail,
                    event_value(errno),
                    &live.stream,
                );
            }
            Loss::Timeout(TimedOut::Handshake) => {
                let again = event_value(libc::EAGAIN);
                self.emit(Event::HandshakeFailedNoDetail, again, &live.stream);
            }
            Loss::Protocol(error) | Loss::Handler(error) => {
                if let Some(code) = error.monitor_value() {
                    self.emit(
                        Event::HandshakeFailedProtocol,
                        u64::from(code),
                        &live.stream,
                    );
                } else if let Some(status) = error.auth_status() {
                    self.emit(Event::HandshakeFailedAuth, u64::from(status), &live.stream);
                }
            }
            Loss::Refused(refusal) => {
                let status = u64::from(refusal.status());
                self.emit(Event::HandshakeFailedAuth, status, &live.stream);
            }
            Loss::Stream(_) | Loss::Timeout(TimedOut::Heartbeat) | Loss::Dismissed => {}
        }
        self.emit(Event::Disconnected, event_value(live.fd), &live.stream);
    }

    fn is_retried(&self, loss: Loss, handshaken: bool) -> bool {
        const STOP_HANDSHAKE_FAILED: i32 =
            crate::ffi::constants::ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED;
        match loss {
            Loss::Protocol(_) => false,
            _ if self
                .detached
                .as_ref()
                .is_some_and(|detached| !detached.reconnects) =>
            {
                false
            }
            Loss::Stream(_) | Loss::Timeout(_) | Loss::Refused(_) | Loss::Handler(_) => {
                handshaken || self.session.options.reconnect_stop & STOP_HANDSHAKE_FAILED == 0
            }
            Loss::Dismissed => false,
        }
    }

    /// Brings the pipe into the state for the next connection (protocols: "Pipe states").
    fn repair_pipe(&mut self, live: &Live) {
        if self.session.options.immediate {
            // What is unread is void, unless there is news behind it.
            if self.tells_of_loss() {
                self.end_pipe();
            } else if let Some(mut pipe) = self.pipe.take() {
                pipe.abort_behind(&self.session.leftovers);
            }
            return;
        }
        let Some(pipe) = &mut self.pipe else { return };
        pipe.rollback();
        // Nothing of a message that was cut may go out on the next connection.
        if live.output.is_cut() || pipe.is_mid_read() {
            pipe.skip_rest_of_message();
        }
        // A marker that has not come yet is as good for the next connection.
        let begins_anew = self.session.row.resubscribes && !self.awaits_restart;
        if live.phase.may_send() && begins_anew && self.detached.is_none() {
            self.awaits_restart = true;
            pipe.announce_restart();
        }
    }

    /// What was delivered stays readable at the socket, nothing more comes or goes.
    pub(super) fn end_pipe(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.leave_behind(&self.session.leftovers);
        }
    }
}
