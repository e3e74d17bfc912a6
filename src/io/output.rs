//! Writing: pipe -> stream.
//!
//! Runs of committed records go out as they lie in the queue, up to a [`Turn`](crate::io::turn::Turn) in one system call:
//! no work per message. Peers that frame otherwise (ZMTP 1.0, plain bytes) get the same runs with other headers. Before
//! them goes what is no longer in the pipe: commands, and what is left of a frame that the kernel took only in part.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::time::Instant;

use crate::io::connection::{Connection, Live, Loss};
use crate::io::turn::{Pumped, SMALL, Surroundings};
use crate::message::Storage;
use crate::pipe::queue::{Cut, Gather, HeaderOf, Run, Special};
use crate::pipe::{Head, PipeEnd};

/// Bytes of commands and subscriptions that are encoded ahead of a write.
const ENCODED: usize = 256 * 1024;

/// The output side of a live connection besides its pipe.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The stream takes bytes, as far as is known; cleared when the kernel says no.
    pub(crate) writable: bool,
    /// The kernel said no, and has taken nothing since.
    pub(crate) blocked: bool,
    /// A write failed, which the home thread has not dealt with yet.
    pub(crate) failed: bool,
    /// Goes out first.
    head: Vec<u8>,
    sent_of_head: usize,
    /// Goes out after `head`.
    body: Option<Box<(Storage, usize)>>,
    /// `head` and `body` begin inside a frame of the pipe, whose message is cut if the stream is lost.
    inside_frame: bool,
    sent_messages: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            writable: true,
            ..Self::default()
        }
    }

    /// Nothing is left to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.head().is_empty() && self.body.is_none()
    }

    /// A frame of the pipe has gone out in part. Sealed frames are none of the pipe's: what was sealed is gone from it.
    pub(crate) fn is_cut(&self) -> bool {
        self.inside_frame && !self.is_empty()
    }

    /// Something of the pipe was given to the kernel in the stream's life, or encoded to be.
    pub(crate) fn has_ever_sent_messages(&self) -> bool {
        self.sent_messages
    }

    pub(crate) fn note_messages(&mut self) {
        self.sent_messages = true;
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.get(self.sent_of_head..).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Option<&[u8]> {
        let (storage, sent) = &**self.body.as_ref()?;
        storage.bytes().get(*sent..)
    }

    /// Appends what the protocol has to say; only at a frame boundary. False without memory: `bytes` keeps it.
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>) -> bool {
        if self.head.is_empty() {
            self.head = std::mem::take(bytes);
            return true;
        }
        let has_room = self.head.try_reserve(bytes.len()).is_ok();
        if has_room {
            self.head.append(bytes);
        }
        has_room
    }

    /// Where commands are appended; only at a frame boundary, that is while no body is pending.
    pub(crate) fn at_boundary(&mut self) -> Option<&mut Vec<u8>> {
        if self.body.is_some() {
            return None;
        }
        Some(&mut self.head)
    }

    /// Consumes `written` bytes of head and body; what is left over belongs to what came behind them.
    pub(crate) fn consume(&mut self, mut written: usize) -> usize {
        let from_head = written.min(self.head().len());
        self.sent_of_head += from_head;
        written -= from_head;
        if self.sent_of_head == self.head.len() {
            self.sent_of_head = 0;
            // Idle connections own no buffer.
            self.head = Vec::new();
        }
        if let Some((storage, sent)) = self.body.as_deref_mut() {
            let from_body = written.min(storage.len() - *sent);
            *sent += from_body;
            written -= from_body;
            if *sent == storage.len() {
                self.body = None;
            }
        }
        if self.is_empty() {
            self.inside_frame = false;
        }
        written
    }

    /// Takes over what is left of a frame that the kernel cut. Nothing else is pending then.
    pub(crate) fn take_cut(&mut self, cut: Cut) {
        self.head = cut.head;
        self.sent_of_head = 0;
        self.body = cut.body.map(Box::new);
        self.inside_frame = true;
    }
}

impl Connection {
    /// Writes until the kernel takes no more, everything is sent, or the turn is over.
    pub(crate) fn pump_out(&mut self, around: &mut Surroundings<'_>) -> io::Result<Pumped> {
        let before = around.written;
        // What ZMQ_OUT_BATCH_SIZE cuts says nothing of who sends.
        let limit = self.session.write_limit();
        let small = limit.map_or(SMALL, |limit| limit.min(SMALL));
        let mut small_writes = 0;
        while around.written - before < around.turn_bytes()
            && small_writes < around.turn.small_writes
        {
            let written = around.written;
            if self.write_once(around)? == Pumped::Blocked {
                return Ok(Pumped::Blocked);
            }
            small_writes += usize::from(around.written - written < small);
        }
        around.wrote_little = small_writes >= around.turn.small_writes;
        Ok(Pumped::More)
    }

    /// One system call for what is left of before, commands, and what the pipe has. Blocked: that is nothing, or the kernel
    /// takes no more.
    fn write_once(&mut self, around: &mut Surroundings<'_>) -> io::Result<Pumped> {
        // ZMQ_OUT_BATCH_SIZE.
        let limit = self.session.write_limit();
        let Some(live) = &mut self.live else {
            return Ok(Pumped::Blocked);
        };
        if !live.output.writable {
            return Ok(Pumped::Blocked);
        }
        let (pipe, awaits_restart) = (&mut self.pipe, &mut self.awaits_restart);
        let has_run = if live.sealed.is_some() {
            // No bytes of the pipe go out as they are.
            let sealed = live.seal_ahead(pipe, awaits_restart, around.turn_bytes());
            if sealed.is_err() {
                // What could not be sealed is missing in what the peer would see.
                self.pending = Some(Loss::Stream(libc::ENOMEM));
                return Ok(Pumped::Blocked);
            }
            false
        } else if take_commands(live) {
            live.phase.may_send() && prepare_run(live, pipe, awaits_restart)
        } else {
            return Ok(Pumped::Blocked);
        };
        // Decided once a run: most peers take frames as they lie in the pipe.
        let own_framing = live.protocol.own_framing();
        let run = match &mut self.pipe {
            Some(pipe) if has_run => {
                let budget = limit.unwrap_or_else(|| around.turn_bytes());
                let gather = &mut around.scratch.gather;
                match own_framing {
                    None => pipe.gather(budget, gather),
                    // Empty without memory; the next turn may find some.
                    Some(header_of) => pipe.gather_reframed(header_of, budget, gather),
                }
            }
            _ => Run::empty(),
        };
        if run.is_empty() && live.output.is_empty() {
            return Ok(Pumped::Blocked);
        }
        match send(live, run, limit) {
            Ok(written) => {
                around.written += written;
                self.note_written(written, own_framing, around.now);
                Ok(Pumped::More)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                live.output.writable = false;
                live.output.blocked = true;
                self.watch_output(around);
                Ok(Pumped::Blocked)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Pumped::More),
            Err(error) => {
                live.output.writable = false;
                Err(error)
            }
        }
    }

    /// The kernel has taken so many bytes of what was offered.
    fn note_written(&mut self, written: usize, own_framing: Option<HeaderOf>, now: Instant) {
        let Some(live) = &mut self.live else { return };
        if written > 0 && std::mem::take(&mut live.output.blocked) {
            live.protocol.handle_sent(now);
        }
        let of_run = live.output.consume(written);
        if of_run > 0
            && let Some(pipe) = &mut self.pipe
        {
            live.output.note_messages();
            let advanced = match own_framing {
                None => pipe.advance(of_run),
                Some(header_of) => pipe.advance_reframed(header_of, of_run),
            };
            if let Some(cut) = advanced.cut {
                live.output.take_cut(cut);
            }
        }
    }
}

/// Takes what the protocol has to say, if it may go out now. What a peer that does not read provokes waits in the protocol,
/// which bounds it. False without memory for it.
pub(super) fn take_commands(live: &mut Live) -> bool {
    if let Some(head) = live.output.at_boundary()
        && head.len() < ENCODED
        && let Some(output) = live.protocol.poll_output()
    {
        return live.output.take(output);
    }
    true
}

/// Brings the head of the pipe to a run of wire bytes: markers are encoded on the way. False if there
/// is none.
pub(super) fn prepare_run(
    live: &mut Live,
    pipe: &mut Option<PipeEnd>,
    awaits_restart: &mut bool,
) -> bool {
    let Some(pipe) = pipe else { return false };
    loop {
        match pipe.head() {
            Head::Empty => return false,
            Head::Frame if *awaits_restart => {
                // Queued before the loss, for the connection that was: the socket begins anew.
                pipe.skip();
            }
            Head::Frame if live.protocol.is_raw() && matches!(pipe.peek(), Some((_, []))) => {
                // No bytes are no message there.
                pipe.skip();
            }
            Head::Frame if !pipe.conflates() => return true,
            Head::Frame => {
                if !live.output.is_empty() {
                    // The newest is the one that there is when the one before has gone out.
                    return false;
                }
                let Some(message) = pipe.take_conflated() else {
                    return false;
                };
                let Some(head) = live.output.at_boundary() else {
                    return false;
                };
                let encoded = live.protocol.encode_message(false, message.bytes(), head);
                if encoded.is_err() {
                    return false;
                }
                live.output.note_messages();
                return false;
            }
            Head::Special => {
                let Some(head) = live.output.at_boundary() else {
                    return false;
                };
                match pipe.take_special() {
                    Some(Special::Restart) => *awaits_restart = false,
                    Some(Special::Subscription { subscribe, topic }) if !*awaits_restart => {
                        // Without memory for it the peer misses the topic; nothing else suffers.
                        let _ = live.protocol.encode_subscription(subscribe, &topic, head);
                        live.output.note_messages();
                    }
                    _ => {}
                }
                if live.output.head().len() >= ENCODED {
                    return false;
                }
            }
        }
    }
}

/// Sends everything that is ready, up to the limit.
fn send(live: &Live, run: Run<'_>, limit: Option<usize>) -> io::Result<usize> {
    let pending = [live.output.head(), live.output.body().unwrap_or_default()];
    let limit = limit.unwrap_or(usize::MAX);
    let (slices, count) = slices_up_to(limit, pending.into_iter().chain(run.slices()));
    live.stream.send_vectored(&slices[..count])
}

/// The first `limit` bytes; how many slices that are.
fn slices_up_to<'a>(
    limit: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> ([IoSlice<'a>; 2 + Gather::SLICES], usize) {
    let mut slices = [IoSlice::new(&[]); 2 + Gather::SLICES];
    let mut count = 0;
    let mut room = limit;
    for bytes in pieces {
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if !bytes.is_empty() {
            let Some(slice) = slices.get_mut(count) else {
                break;
            };
            *slice = IoSlice::new(bytes);
            count += 1;
            room -= bytes.len();
        }
    }
    (slices, count)
}

#[cfg(test)]
mod tests {
    use super::slices_up_to;

    /// ZMQ_OUT_BATCH_SIZE bounds a write.
    #[test]
    fn a_write_ends_at_the_limit() {
        let pieces: [&[u8]; 5] = [b"ab", b"", b"cde", b"f", b"g"];
        for limit in 0..10 {
            let (slices, count) = slices_up_to(limit, pieces.into_iter());
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            assert_eq!(bytes, b"abcdefg"[..limit.min(7)]);
            assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
        }
    }
}
