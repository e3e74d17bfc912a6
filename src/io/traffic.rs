//! Writing: pipe -> stream, and what both directions share.
//!
//! Runs of committed records go out as they lie in the queue, up to a [`Turn`] in one system call: no work per message. Peers that frame otherwise (ZMTP 1.0, plain bytes) get the same runs with other headers.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice};

use crate::error::Result;
use crate::io::connection::{Connection, Live};
use crate::io::thread::Surroundings;
use crate::message::Slab;
use crate::pipe::queue::{Gather, Run, Special};
use crate::pipe::{Head, PipeEnd};

/// Bytes read at once; the slab's size.
pub(super) const SLAB: usize = 128 * 1024;
/// Bytes of commands and subscriptions that are encoded ahead of a write.
const ENCODED: usize = 256 * 1024;

/// How far a connection may go, in each direction, before others have their turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Bytes moved, also by one write: below 64 KiB each would wake a sleeping reader. The last system call may move
    /// more.
    pub(super) bytes: usize,
    /// Steps of decoding: bytes alone say little of what they cost.
    pub(super) steps: usize,
}

impl Turn {
    /// While others wait.
    pub(crate) const SHARED: Self = Self {
        bytes: 64 * 1024,
        steps: 256,
    };
    /// While nobody else has much to do.
    pub(crate) const ALONE: Self = Self {
        bytes: 256 * 1024,
        steps: 1024,
    };
}

/// What a connection needs only while it is driven; one per thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(super) slab: Slab,
    /// One that a connection gave back.
    pub(super) spare: Option<Slab>,
    gather: Gather,
}

impl Scratch {
    /// Allocates its slab with the first use.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            slab: Slab::allocate(0)?,
            spare: None,
            gather: Gather::new(),
        })
    }
}

/// How far a direction got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// The kernel, or the pipe, has no more.
    Blocked,
    /// The turn is over, but there is more.
    More,
}

impl Connection {
    /// Writes until the kernel takes no more, everything is sent, or the turn is over.
    pub(crate) fn pump_out(&mut self, around: &mut Surroundings<'_>) -> io::Result<Pumped> {
        let before = around.moved;
        // ZMQ_OUT_BATCH_SIZE.
        let limit = self.session.write_limit();
        while around.moved - before < around.turn.bytes {
            let Some(live) = &mut self.live else {
                return Ok(Pumped::Blocked);
            };
            if !live.output.writable {
                return Ok(Pumped::Blocked);
            }
            // What a peer that does not read provokes waits in the protocol, which bounds it.
            if let Some(head) = live.output.at_boundary()
                && head.len() < ENCODED
                && let Some(output) = live.protocol.poll_output()
                && !live.output.take(output)
            {
                return Ok(Pumped::Blocked);
            }
            let has_run =
                live.traffic && prepare_run(live, &mut self.pipe, &mut self.restarts_awaited);
            if !has_run && live.output.is_empty() {
                return Ok(Pumped::Blocked);
            }
            // Decided once a run: most peers take frames as they lie in the pipe.
            let own_framing = live.protocol.own_framing();
            let gather = &mut around.scratch.gather;
            let budget = limit.unwrap_or(around.turn.bytes);
            let run = match (&mut self.pipe, own_framing) {
                (Some(pipe), None) if has_run => pipe.gather(budget, gather),
                (Some(pipe), Some(header_of)) if has_run => {
                    let run = pipe.gather_reframed(header_of, budget, gather);
                    if run.is_empty() && live.output.is_empty() {
                        // No memory; the next turn may find some.
                        return Ok(Pumped::Blocked);
                    }
                    run
                }
                _ => Run::empty(),
            };
            let written = match write_once(live, run, limit) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    live.output.writable = false;
                    live.output.blocked = true;
                    self.watch_output(around);
                    return Ok(Pumped::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    live.output.writable = false;
                    return Err(error);
                }
            };
            if written > 0 && std::mem::take(&mut live.output.blocked) {
                live.protocol.handle_sent(around.now);
            }
            around.moved += written;
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
        Ok(Pumped::More)
    }
}

/// Brings the head of the pipe to a run of wire bytes: markers are encoded on the way. False if there
/// is none.
fn prepare_run(live: &mut Live, pipe: &mut Option<PipeEnd>, restarts_awaited: &mut u32) -> bool {
    let Some(pipe) = pipe else { return false };
    loop {
        match pipe.head() {
            Head::Empty => return false,
            Head::Frame if *restarts_awaited > 0 => {
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
                    Some(Special::Restart) => {
                        *restarts_awaited = restarts_awaited.saturating_sub(1)
                    }
                    Some(Special::Subscription { subscribe, topic }) if *restarts_awaited == 0 => {
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

/// One system call for everything that is ready, up to the limit.
fn write_once(live: &Live, run: Run<'_>, limit: Option<usize>) -> io::Result<usize> {
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
