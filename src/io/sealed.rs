//! Encrypted connections: what is between the stream and the rest of reading and writing.
//!
//! Received bytes are opened into the thread's slab, and decoded there like those of others. What goes out is sealed when
//! it is about to be written, in the order on the wire: counters have to follow that. What was sealed and not written dies
//! with its stream. Contract: security.md section 4.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::io::connection::{Connection, Live, Loss};
use crate::io::input::{Stopped, receive};
use crate::io::large::Kind;
use crate::io::output::{prepare_run, take_commands};
use crate::io::turn::Surroundings;
use crate::memory;
use crate::message::{Slab, Storage};
use crate::pipe::PipeEnd;
use crate::protocol::{ProtocolError, Seal};

/// A frame that is larger than this, and not complete, is received into its own storage.
const LARGE: usize = 8 * 1024;
/// Bytes that are sealed before they are written: with the stream they are lost, where clear ones would still be in the
/// pipe.
const AHEAD: usize = 64 * 1024;

/// What an encrypted stream has besides what others have.
#[derive(Debug)]
pub(crate) struct Sealed {
    seal: Box<Seal>,
    /// Received: the beginning of a frame.
    rest: Box<[u8]>,
    /// What is wrong with what came behind that which is being decoded.
    failed: Option<ProtocolError>,
}

impl Live {
    /// The handshake is complete: from now on nothing is sent or taken in clear, if it agreed on that.
    pub(super) fn begin_sealing(&mut self) -> Result<()> {
        let Some(seal) = self.protocol.take_seal() else {
            return Ok(());
        };
        // The end of the handshake goes out as it is.
        let is_said = |output: &mut Vec<u8>| output.is_empty();
        if !take_commands(self) || !self.protocol.poll_output().is_none_or(is_said) {
            return Err(Error::NoMemory);
        }
        self.sealed = Some(Box::new(Sealed {
            seal,
            rest: Box::default(),
            failed: None,
        }));
        Ok(())
    }

    /// Seals what the output's head has got behind its first `from` bytes, on an encrypted stream.
    pub(super) fn seal_behind(&mut self, from: usize) -> Result<()> {
        match (&mut self.sealed, self.output.at_boundary()) {
            (Some(sealed), Some(head)) if head.len() > from => sealed.seal.seal_behind(from, head),
            _ => Ok(()),
        }
    }

    /// Seals what goes out next, up to `most` bytes (and [`AHEAD`]) or one frame more, if all that was sealed before is
    /// written.
    ///
    /// # Errors
    /// [`Error::NoMemory`]: something of it is lost, and so is the stream.
    pub(super) fn seal_ahead(
        &mut self,
        pipe: &mut Option<PipeEnd>,
        awaits_restart: &mut bool,
        most: usize,
    ) -> Result<()> {
        if !self.output.is_empty() {
            return Ok(());
        }
        let done = self.seal_batch(pipe, awaits_restart, most.min(AHEAD));
        if let Some(sealed) = &mut self.sealed {
            sealed.seal.end_batch();
        }
        done
    }

    fn seal_batch(
        &mut self,
        pipe: &mut Option<PipeEnd>,
        awaits_restart: &mut bool,
        most: usize,
    ) -> Result<()> {
        if !take_commands(self) {
            return Err(Error::NoMemory);
        }
        self.seal_behind(0)?;
        while self.phase.may_send() && self.output.head().len() < most {
            let from = self.output.head().len();
            let has_frame = prepare_run(self, pipe, awaits_restart);
            self.seal_behind(from)?;
            let Some(pipe) = pipe.as_mut().filter(|_| has_frame) else {
                break;
            };
            let (Some((more, body)), Some(sealed)) = (pipe.peek(), &mut self.sealed) else {
                break;
            };
            let Some(head) = self.output.at_boundary() else {
                break;
            };
            sealed.seal.seal_message(more, body, head)?;
            self.output.note_messages();
            pipe.skip();
        }
        Ok(())
    }
}

impl Connection {
    /// One read, opened and decoded. `None`: stop reading for now.
    pub(super) fn receive_sealed(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Option<usize>, Loss> {
        let mut buffer = around.scratch.take_sealed()?;
        let received = self.receive_and_open(&mut buffer, around);
        around.scratch.give_sealed(buffer);
        received
    }

    fn receive_and_open(
        &mut self,
        buffer: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Option<usize>, Loss> {
        // ZMQ_IN_BATCH_SIZE.
        let limit = self
            .session
            .read_limit()
            .unwrap_or_else(|| around.turn_bytes());
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        let Some(sealed) = &mut live.sealed else {
            return Ok(None);
        };
        if let Some(error) = sealed.failed {
            return Err(Loss::Protocol(error));
        }
        let kept = sealed.rest.len();
        let (front, room) = buffer.split_at_mut(kept);
        front.copy_from_slice(&sealed.rest);
        // What is kept is copied for each read, and that has to stay in proportion.
        let limit = limit.max(kept).min(room.len());
        let Some(received) = receive(live, &mut room[..limit])? else {
            return Ok(None);
        };
        live.protocol.handle_received(around.now);
        let stopped = self.open(&buffer[..kept + received], around)?;
        Ok((!matches!(stopped, Stopped::NoCredit)).then_some(received))
    }

    /// Opens what came behind the handshake in the same read, and is not taken yet.
    pub(super) fn open_rest(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Stopped, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(Stopped::NeedsMore);
        };
        let rest = std::mem::take(&mut live.input.rest);
        self.open(&rest, around)
    }

    /// Opens `input`, which begins with a frame, and decodes what is in it. An incomplete frame is kept.
    fn open(
        &mut self,
        input: &[u8],
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Stopped, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(Stopped::NeedsMore);
        };
        let Some(sealed) = &mut live.sealed else {
            return Ok(Stopped::NeedsMore);
        };
        let slab = around.scratch.slab_for(input.len())?;
        let start = slab.bytes().len();
        let opened = sealed.seal.open_frames(input, slab.room());
        slab.fill(opened.written);
        // Idle connections own no buffer.
        sealed.rest = Box::default();
        // Only whole frames are decoded: nothing is left of earlier ones.
        debug_assert!(live.input.rest.is_empty());
        // Before anything else can fail: what came first is delivered first.
        let stopped = self.decode_scratch(start..start + opened.written, around)?;
        let rest = input.get(opened.consumed..).unwrap_or_default();
        let Some(live) = &mut self.live else {
            return Ok(stopped);
        };
        let Some(sealed) = &mut live.sealed else {
            return Ok(stopped);
        };
        match (opened.failed, opened.incomplete) {
            (Some(error), _) if matches!(stopped, Stopped::NeedsMore) => {
                return Err(Loss::Protocol(error));
            }
            (Some(error), _) => {
                sealed.failed = Some(error);
                live.input.readable = true;
            }
            (None, Some(size)) if size > LARGE => {
                self.begin_large(Kind::Sealed, size, rest)?;
            }
            (None, _) => sealed.rest = memory::boxed(rest)?,
        }
        Ok(stopped)
    }

    /// Opens a large frame that is complete, and decodes what is in it.
    pub(super) fn open_large(
        &mut self,
        frame: &Storage,
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Stopped, Loss> {
        let Some(sealed) = self.live.as_mut().and_then(|live| live.sealed.as_mut()) else {
            return Ok(Stopped::NeedsMore);
        };
        // Of its own, so that a message holds no more than what it is made of.
        let mut slab = Slab::allocate(frame.len())?;
        let opened = sealed.seal.open(frame.bytes(), slab.room());
        sealed.seal.end_batch();
        let written = opened.map_err(Loss::Protocol)?;
        slab.fill(written);
        self.decode_held(slab, 0..written, around)
    }
}
