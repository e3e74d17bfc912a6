//! The socket or the listener leaves: lingering, the orderly end of the stream, and the last breath.
//!
//! Contract: queues.md sections 6 and 10.

#![forbid(unsafe_code)]

use std::time::Instant;

use super::{Connection, Detached, Live, Phase, Role};
use crate::io::Linger;
use crate::io::closing::{Closing, Peer};
use crate::io::connection::Loss;
use crate::io::turn::{Outcome, Surroundings};
use crate::io::unwanted::Unwanted;
use crate::pipe::PipeEnd;

impl Connection {
    /// The listener was unbound: nothing more is read or sent, no event is emitted, and the stream ends
    /// once the socket has read what arrived.
    pub(crate) fn listener_closed(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if self.detached.is_some() {
            return Outcome::Wait;
        }
        let Some(pipe) = &mut self.pipe else {
            return self.leave_unbound(around);
        };
        pipe.finish();
        pipe.stop_reading();
        self.revoke(around);
        if let Some(live) = &mut self.live {
            live.phase = Phase::Unbound;
        }
        self.drive_unbound(around)
    }

    pub(super) fn drive_unbound(&mut self, around: &Surroundings<'_>) -> Outcome {
        if self.pipe.as_ref().is_some_and(|pipe| !pipe.is_abandoned()) {
            return Outcome::Wait;
        }
        self.leave_unbound(around)
    }

    pub(super) fn leave_unbound(&mut self, around: &Surroundings<'_>) -> Outcome {
        if let Some(live) = self.live.take() {
            live.stream.deregister(around.epoll);
        }
        self.give_up()
    }

    /// The socket has left: send what is queued under `linger`, then go.
    pub(crate) fn detach(&mut self, linger: Linger, around: &mut Surroundings<'_>) -> Outcome {
        if self.detached.is_some() {
            return self.cap_linger(linger, around);
        }
        let deadline = match linger {
            Linger::Forever | Linger::WhileConnected => None,
            Linger::For(time) => around.now.checked_add(time),
        };
        self.detached = Some(Box::new(Detached {
            deadline,
            reconnects: linger != Linger::WhileConnected,
            unwanted: Unwanted::default(),
        }));
        self.revoke(around);
        if let Some(pipe) = &mut self.pipe {
            pipe.rollback();
        }
        if linger == Linger::For(std::time::Duration::ZERO)
            || (linger == Linger::WhileConnected && self.live.is_none())
        {
            return self.give_up();
        }
        if let Role::Connecting(connecter) = &mut self.role
            && connecter.is_stopped()
        {
            return self.give_up();
        }
        self.drive(around)
    }

    /// A later zmq_close limits what an earlier zmq_disconnect allowed.
    pub(crate) fn cap_linger(&mut self, linger: Linger, around: &Surroundings<'_>) -> Outcome {
        let (Some(detached), Linger::For(time)) = (&mut self.detached, linger) else {
            return Outcome::Wait;
        };
        let cap = around.now.checked_add(time);
        detached.deadline = match (detached.deadline, cap) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if self.linger_is_over(around.now) {
            return self.give_up();
        }
        Outcome::Wait
    }

    /// The socket has left, or is about to say so, and nothing is read for it. But a peer that is gone, too, has an end
    /// that is to be found, and one that is not known yet may be somebody to send to.
    pub(crate) fn reads_no_more(&self, now: Instant) -> bool {
        let has_peer = |live: &&Live| live.phase.is_traffic() && !live.input.hung_up;
        let Some(live) = self.live.as_ref().filter(has_peer) else {
            return false;
        };
        match &self.detached {
            Some(detached) => !detached.unwanted.is_due(&live.stream, now),
            None => self.pipe.as_ref().is_some_and(PipeEnd::is_write_closed),
        }
    }

    /// A peer of which nothing is read is not silent before that has been looked at; nor is one whose stream was lent to a
    /// thread that does not run.
    pub(super) fn listen_before_timeout(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Loss> {
        let is_due = |live: &Live| {
            let next = live.protocol.next_timeout();
            live.phase.moves() && next.is_some_and(|next| next <= around.now)
        };
        if !self.live.as_ref().is_some_and(is_due) {
            return Ok(());
        }
        if self.live.as_ref().is_some_and(|live| live.lent.is_lent()) {
            self.revoke(around);
            if let Some(live) = &mut self.live {
                live.input.readable = true;
            }
            // What the borrower came upon is the end of it.
            match self.pending.take() {
                Some(loss) => return Err(loss),
                None => self.pump_in(around).map(drop)?,
            }
        }
        if let Some(detached) = &mut self.detached {
            let unwanted = std::mem::replace(&mut detached.unwanted, Unwanted::once(around.now));
            self.pump_in(around)?;
            if let Some(detached) = &mut self.detached {
                detached.unwanted = unwanted;
            }
        }
        Ok(())
    }

    pub(super) fn linger_is_over(&self, now: Instant) -> bool {
        self.detached
            .as_ref()
            .and_then(|detached| detached.deadline)
            .is_some_and(|deadline| deadline <= now)
    }

    /// Drops everything. Descriptors close with the values that own them.
    pub(super) fn give_up(&mut self) -> Outcome {
        self.end_pipe();
        if let Role::Connecting(connecter) = &mut self.role {
            connecter.abandon(&self.session);
        }
        self.live = None;
        if self.detached.take().is_some() {
            self.session.lingering.finished(self.id);
        }
        Outcome::Gone
    }

    pub(super) fn begin_closing(&mut self, around: &Surroundings<'_>) -> Outcome {
        let Some(live) = &mut self.live else {
            return self.give_up();
        };
        if !live.output.has_ever_sent_messages() {
            return self.give_up();
        }
        let has_answered = live.input.has_undelivered()
            || self
                .pipe
                .as_ref()
                .is_some_and(PipeEnd::has_written_messages);
        let peer = if live.protocol.is_raw() {
            Peer::Foreign
        } else if has_answered {
            Peer::Answers
        } else {
            Peer::Listens
        };
        live.phase = Phase::Closing(Box::new(Closing::begin(&live.stream, peer, around.now)));
        self.drive_closing(around)
    }

    pub(super) fn drive_closing(&mut self, around: &Surroundings<'_>) -> Outcome {
        let Some(live) = &mut self.live else {
            return self.give_up();
        };
        let Phase::Closing(closing) = &mut live.phase else {
            return Outcome::Wait;
        };
        let step = closing.step(&live.stream, live.input.hung_up, around.now);
        if step.obligation_met && self.detached.take().is_some() {
            self.session.lingering.finished(self.id);
        }
        if step.may_close {
            return self.give_up();
        }
        if step.more {
            return Outcome::Again;
        }
        Outcome::Wait
    }
}
