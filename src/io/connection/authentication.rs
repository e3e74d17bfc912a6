//! What a handshake waits for besides its peer.
//!
//! Whether a peer may come in: a mechanism's question goes to the context's ZAP handler, and its answer back.
//!
//! The request lies in a pipe of its own, whose other end the handler's socket gets as if it had been connected to. A stale
//! answer has nowhere to go: the pipe ends with the stream. A request that the handler has not begun to read goes with it,
//! and until the handler's socket knows counts as left behind: peers that come and go make no more requests than it can
//! take in. Contract: security.md
//! sections 6 and 7.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Connection, Live, Loss};
use crate::context::inproc::Asked;
use crate::io::background::{self, Pending};
use crate::io::turn::Surroundings;
use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::mechanism::zap::{self, Asker};
use crate::mechanism::{Question, Verdict};
use crate::memory;
use crate::pipe::{Conflate, Head, Leftovers, Limits, Notice, PipeEnd, Wake, pipe};

/// What a stream's handshake has to do with a ZAP handler.
#[derive(Debug, Default)]
pub(crate) struct Authentication {
    inquiry: Option<Inquiry>,
    /// What the mechanism has had begun.
    work: Option<Pending>,
    /// What the handler said of the peer.
    pub(super) properties: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A request without an answer.
#[derive(Debug)]
struct Inquiry {
    /// This side's end of its pipe.
    pipe: PipeEnd,
    leftovers: Arc<Leftovers>,
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        // Nobody is to be kept waiting for an answer that means nothing any more. Whoever is reading the request reads the
        // rest of it.
        self.pipe.abort_behind(&self.leftovers);
    }
}

/// Wakes the I/O thread: the handler's socket is locked where it answers.
#[derive(Debug)]
struct Answered {
    thread: Arc<IoHandle>,
    id: ObjectId,
}

impl Wake for Answered {
    fn wake(&self, _notice: Notice) {
        self.thread.post(IoCommand::Drive(self.id));
    }
}

impl Connection {
    /// The mechanism asks.
    pub(crate) fn ask(
        &mut self,
        question: &Question,
        around: &Surroundings<'_>,
    ) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        let session = Arc::clone(&self.session);
        let options = &session.options;
        let address = live.stream.peer_address_text().unwrap_or_default();
        let asker = Asker {
            domain: &options.security.zap_domain,
            address: address.as_bytes(),
            routing_id: &options.routing_id,
        };
        let (mut ours, theirs) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        let mut frames = zap::request(&asker, question).peekable();
        while let Some(frame) = frames.next() {
            ours.append_bytes(frame, frames.peek().is_some())?;
        }
        ours.flush();
        ours.set_wake(Arc::new(Answered {
            thread: Arc::clone(around.handle),
            id: self.id,
        }));
        match session.names.ask_handler(theirs) {
            Asked::Asked => {
                live.authentication.inquiry = Some(Inquiry {
                    pipe: ours,
                    leftovers: Arc::clone(&session.leftovers),
                });
                // It may have answered already; if not, it wakes from now on.
                self.hear_answer()
            }
            Asked::NoHandler { lost } => {
                let security = &options.security;
                let enforced = security.zap_enforces_domain && !security.zap_domain.is_empty();
                if zap::may_enter_unasked(question.mechanism, enforced, lost) {
                    return live.answer(Verdict::Welcome);
                }
                // Nobody will bind a handler any more for a socket that has gone and only waits to be rid of its messages.
                match lost && self.detached.is_some() {
                    true => Err(Loss::Dismissed),
                    false => Err(NO_HANDLER),
                }
            }
        }
    }

    /// The mechanism has work that may take long.
    pub(crate) fn begin_work(&mut self, around: &Surroundings<'_>) {
        if let Some(live) = &mut self.live
            && let Some(work) = live.protocol.take_work()
        {
            let thread = Arc::clone(around.handle);
            live.authentication.work = Some(background::begin(work, thread, self.id));
        }
    }

    /// What has come of it by now.
    pub(super) fn hear_worked(&mut self) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        let authentication = &mut live.authentication;
        let Some(worked) = authentication.work.as_ref().and_then(Pending::take) else {
            return Ok(());
        };
        authentication.work = None;
        live.protocol
            .handle_worked(worked)
            .map_err(Loss::Protocol)?;
        live.input.go_on();
        Ok(())
    }

    /// What the handler has answered by now.
    pub(super) fn hear_answer(&mut self) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        let Some(inquiry) = &mut live.authentication.inquiry else {
            return Ok(());
        };
        let Some(frames) = read_reply(&mut inquiry.pipe)? else {
            return Ok(());
        };
        live.authentication.inquiry = None;
        let peers = self.session.row.peers;
        let accepts = |socket_type: &[u8]| peers.iter().any(|peer| peer.as_bytes() == socket_type);
        let reply = zap::parse_reply(&frames, accepts).map_err(Loss::Handler)?;
        live.authentication.properties = reply.properties;
        live.answer(reply.verdict)?;
        match reply.verdict {
            Verdict::Welcome => Ok(()),
            Verdict::Refused(refusal) => Err(Loss::Refused(refusal)),
        }
    }
}

impl Live {
    fn answer(&mut self, verdict: Verdict) -> Result<(), Loss> {
        self.protocol
            .handle_verdict(verdict)
            .map_err(Loss::Protocol)?;
        // What follows from it comes with the next look at what was received.
        self.input.go_on();
        Ok(())
    }
}

/// The handler is not there, or went without an answer.
const NO_HANDLER: Loss = Loss::Stream(libc::EFAULT);

/// The frames of a reply, no more than one too many. `None`: it has not come.
fn read_reply(inquiry: &mut PipeEnd) -> Result<Option<Vec<Vec<u8>>>, Loss> {
    let mut frames = Vec::new();
    loop {
        match inquiry.head() {
            Head::Empty if inquiry.is_exhausted() => return Err(NO_HANDLER),
            Head::Empty => return Ok(None),
            Head::Special => {
                // Nothing that a reply has.
                drop(inquiry.take_special());
            }
            Head::Frame => {
                let Some((more, body)) = inquiry.peek() else {
                    return Ok(None);
                };
                if !more && body.is_empty() && frames.is_empty() {
                    // A handler with ZMQ_PROBE_ROUTER says this to everybody first.
                    inquiry.skip();
                    continue;
                }
                memory::push(&mut frames, memory::copy(body)?)?;
                if !more || frames.len() > zap::REPLY_FRAMES {
                    return Ok(Some(frames));
                }
                inquiry.skip();
            }
        }
    }
}
