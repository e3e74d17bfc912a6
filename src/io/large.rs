//! Frames that are larger than a read: they are received straight into storage of their own.
//!
//! Called by reading (`input`, `sealed`). Must not know where bytes go afterwards, but for the pipe.

#![forbid(unsafe_code)]

use crate::io::connection::{Connection, Loss};
use crate::io::input::{Stopped, out_of_memory, read_by_somebody, receive};
use crate::io::turn::Surroundings;
use crate::memory::ShortBytes;
use crate::message::Storage;
use crate::pipe::PipeEnd;
use crate::pipe::queue::Special;

/// Allocated for a frame before its first byte has arrived: a length field alone costs no more.
const FIRST_ALLOCATION: usize = 1024 * 1024;

/// A large frame or topic that is coming.
#[derive(Debug)]
pub(super) struct Large {
    what: Kind,
    length: usize,
    storage: Storage,
    received: usize,
}

/// What becomes of a [`Large`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Frame {
        more: bool,
    },
    Subscription {
        subscribe: bool,
    },
    /// A whole frame, with its header, which has to be opened.
    Sealed,
}

impl Connection {
    /// The header of a large frame or topic has come, and the beginning of its body.
    pub(super) fn begin_large(
        &mut self,
        what: Kind,
        length: usize,
        head: &[u8],
    ) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        match what {
            Kind::Frame { more } => live.expect_frame(more, length)?,
            Kind::Subscription { .. } => live.input.count_subscription(length)?,
            // What is in it is counted when that is known.
            Kind::Sealed => {}
        }
        live.input.large = Some(Large::begin(what, length, head)?);
        Ok(())
    }

    /// One read into the storage of a large frame or topic.
    pub(super) fn receive_large(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<usize>, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        let Some(mut large) = live.input.large.take() else {
            return Ok(None);
        };
        let result = match large.room() {
            Ok(room) => {
                // No more than a turn: the kernel may hold megabytes.
                let end = room.len().min(around.turn_bytes());
                receive(live, &mut room[..end])
            }
            Err(loss) => Err(loss),
        };
        let Some(received) = result? else {
            live.input.large = Some(large);
            return Ok(None);
        };
        live.protocol.handle_received(around.now);
        large.received += received;
        if large.received < large.length {
            live.input.large = Some(large);
            return Ok(Some(received));
        }
        let stopped = match large.what {
            Kind::Sealed => self.open_large(&large.storage, around)?,
            Kind::Frame { more } => {
                self.deliver_large(|pipe| Ok(pipe.append_storage(large.storage, more)?))?
            }
            Kind::Subscription { subscribe } => self.deliver_large(|pipe| {
                let topic = ShortBytes::new(large.storage.bytes())?;
                Ok(pipe.append_special(Special::Subscription { subscribe, topic })?)
            })?,
        };
        Ok((!matches!(stopped, Stopped::NoCredit)).then_some(received))
    }

    /// Puts a frame or topic that is complete into the pipe.
    fn deliver_large(
        &mut self,
        append: impl FnOnce(&mut PipeEnd) -> Result<(), Loss>,
    ) -> Result<Stopped, Loss> {
        if let Some(live) = &mut self.live {
            live.protocol.large_frame_done();
        }
        if let Some(pipe) = read_by_somebody(&mut self.pipe) {
            append(pipe)?;
            pipe.flush();
        }
        Ok(Stopped::NeedsMore)
    }
}

impl Large {
    fn begin(what: Kind, length: usize, head: &[u8]) -> Result<Box<Self>, Loss> {
        let capacity = length.min(FIRST_ALLOCATION.max(head.len()));
        let mut storage = Storage::allocate(capacity).map_err(|_| out_of_memory())?;
        if let Some(front) = storage
            .bytes_mut()
            .and_then(|bytes| bytes.get_mut(..head.len()))
        {
            front.copy_from_slice(head);
        }
        Ok(Box::new(Self {
            what,
            length,
            storage,
            received: head.len(),
        }))
    }

    /// Where the next bytes go. The storage doubles as the bytes arrive.
    fn room(&mut self) -> Result<&mut [u8], Loss> {
        if self.received == self.storage.len() {
            let capacity = self.length.min(self.storage.len().saturating_mul(2));
            self.storage.grow(capacity).map_err(|_| out_of_memory())?;
        }
        let received = self.received;
        self.storage
            .bytes_mut()
            .and_then(|bytes| bytes.get_mut(received..))
            .ok_or_else(out_of_memory)
    }
}
