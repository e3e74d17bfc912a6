//! Moving bytes: stream -> protocol -> pipe, and pipe -> stream.
//!
//! Reading: into a slab of the thread, frames found in place, small bodies copied into the pipe, larger
//! ones as slices of the slab; one commit per read. Writing: runs of committed records go out as they
//! lie in the queue, up to [`WRITE_BUDGET`] in one system call: no work per message.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice};

use crate::error::{Error, Result};
use crate::io::connection::{Connection, Live, Loss};
use crate::io::thread::Surroundings;
use crate::message::{Slab, Storage};
use crate::pipe::queue::{Gather, Run, Special};
use crate::pipe::{COPY_LIMIT, Head, PipeEnd};
use crate::protocol::{self, Event, ProtocolError};

/// Bytes read at once; the slab's size.
const SLAB: usize = 128 * 1024;
/// Bytes written at once. Below 64 KiB every write wakes a sleeping reader.
const WRITE_BUDGET: usize = 256 * 1024;
/// Bytes moved in one direction before other connections have their turn.
const TURN: usize = 1024 * 1024;
/// Allocated for a frame before its first byte has arrived: a length field alone costs no more.
const FIRST_ALLOCATION: usize = 1024 * 1024;

/// What a connection needs only while it is driven; one per thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    slab: Slab,
    gather: Gather,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            slab: Slab::allocate(SLAB)?,
            gather: Gather::new(),
        })
    }

    /// A buffer for bytes that nobody wants.
    pub(crate) fn buffer(&mut self) -> &mut [u8] {
        // A slab whose slices are out is not written to: an empty buffer would look like EOF.
        if !self.slab.is_unique()
            && let Ok(slab) = Slab::allocate(SLAB)
        {
            self.slab = slab;
        }
        self.slab.bytes_mut()
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

/// The input side of a live connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The stream has bytes, as far as is known; cleared when the kernel says no.
    pub(crate) readable: bool,
    /// Received and not yet taken by the protocol: the beginning of a frame, or what waits for credit.
    rest: Vec<u8>,
    /// A large frame that is received straight into its own storage.
    large: Option<Large>,
    paused: bool,
}

#[derive(Debug)]
struct Large {
    more: bool,
    length: usize,
    storage: Storage,
    received: usize,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self {
            readable: true,
            ..Self::default()
        }
    }
}

/// Why decoding stopped.
enum Stopped {
    /// The bytes end inside a frame.
    NeedsMore,
    /// The pipe has no room: continue when it has.
    NoCredit,
    /// A large frame is to be received into its own storage.
    Large,
}

impl Connection {
    /// Reads until the kernel has no more, the pipe has no room, or the turn is over.
    pub(crate) fn pump_in(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Pumped, Loss> {
        let result = self.read_turn(around);
        // Complete messages of a read become visible together, also those before an error.
        if let Some(pipe) = &mut self.pipe {
            pipe.flush();
        }
        result
    }

    fn read_turn(&mut self, around: &mut Surroundings<'_>) -> std::result::Result<Pumped, Loss> {
        let mut moved = 0;
        if self.live.as_ref().is_some_and(|live| live.input.paused) {
            // Every turn looks for credit anew, whatever it was that brought it about.
            if let Some(pipe) = &mut self.pipe {
                pipe.noticed_writable();
            }
            match self.decode_rest(around)? {
                Stopped::NoCredit => return Ok(Pumped::Blocked),
                Stopped::NeedsMore | Stopped::Large => {}
            }
        }
        while moved < TURN {
            let Some(live) = &mut self.live else {
                return Ok(Pumped::Blocked);
            };
            if !live.input.readable {
                return Ok(Pumped::Blocked);
            }
            let received = if live.input.large.is_some() {
                self.receive_large(around)?
            } else {
                self.receive_into_slab(around)?
            };
            match received {
                Some(bytes) => moved += bytes,
                None => return Ok(Pumped::Blocked),
            }
        }
        Ok(Pumped::More)
    }

    /// One read into the slab, decoded. `None`: stop reading for now.
    fn receive_into_slab(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> std::result::Result<Option<usize>, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        let slab = around.scratch.slab_with_room(live.input.rest.len())?;
        let kept = live.input.rest.len();
        let (front, room) = slab.bytes_mut().split_at_mut(kept);
        front.copy_from_slice(&live.input.rest);
        let Some(received) = receive(live, room)? else {
            return Ok(None);
        };
        live.zmtp.handle_received(around.now);
        live.input.rest.clear();
        let filled = kept + received;
        let (consumed, stopped) = self.decode(filled, around)?;
        self.keep_rest(consumed..filled, around)?;
        self.note_pause(&stopped, around);
        Ok((!matches!(stopped, Stopped::NoCredit)).then_some(received))
    }

    /// Goes on with bytes that were received earlier, when there was no credit.
    fn decode_rest(&mut self, around: &mut Surroundings<'_>) -> std::result::Result<Stopped, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(Stopped::NeedsMore);
        };
        let filled = live.input.rest.len();
        let slab = around.scratch.slab_with_room(filled)?;
        if let Some(front) = slab.bytes_mut().get_mut(..filled) {
            front.copy_from_slice(&live.input.rest);
        }
        live.input.rest.clear();
        let (consumed, stopped) = self.decode(filled, around)?;
        self.keep_rest(consumed..filled, around)?;
        self.note_pause(&stopped, around);
        Ok(stopped)
    }

    fn keep_rest(
        &mut self,
        range: std::ops::Range<usize>,
        around: &Surroundings<'_>,
    ) -> std::result::Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        if range.is_empty() {
            // Idle connections own no buffer.
            live.input.rest = Vec::new();
            return Ok(());
        }
        let bytes = around.scratch.slab.bytes().get(range).unwrap_or_default();
        live.input
            .rest
            .try_reserve(bytes.len())
            .map_err(|_| out_of_memory())?;
        live.input.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn note_pause(&mut self, stopped: &Stopped, around: &Surroundings<'_>) {
        if let Some(live) = &mut self.live {
            let paused = matches!(stopped, Stopped::NoCredit);
            if live.input.paused != paused {
                live.input.paused = paused;
                live.zmtp.set_input_paused(paused, around.now);
            }
        }
    }

    /// Decodes the first `filled` bytes of the slab; how many were consumed, and why it stopped.
    fn decode(
        &mut self,
        filled: usize,
        around: &Surroundings<'_>,
    ) -> std::result::Result<(usize, Stopped), Loss> {
        let mut at = 0;
        loop {
            if self.live.as_ref().is_some_and(|live| live.traffic) && !self.has_room() {
                return Ok((at, Stopped::NoCredit));
            }
            let Some(live) = &mut self.live else {
                return Ok((at, Stopped::NeedsMore));
            };
            let bytes = around.scratch.slab.bytes();
            let input = bytes.get(at..filled).unwrap_or_default();
            let decoded = live.zmtp.decode(input).map_err(Loss::Protocol)?;
            let end = at + decoded.consumed;
            at = end;
            match decoded.event {
                None if decoded.consumed == 0 => return Ok((at, Stopped::NeedsMore)),
                None => {}
                Some(Event::Frame { more, body }) => {
                    if let Some(envelope) = &mut live.envelope {
                        envelope.check(more, body.len()).map_err(Loss::Protocol)?;
                    }
                    let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_write_closed())
                    else {
                        continue;
                    };
                    let delivered = if body.len() <= COPY_LIMIT {
                        pipe.append_bytes(body, more)
                    } else {
                        // The body ends where the decoder stands.
                        let slice = around.scratch.slab.slice(end - body.len()..end);
                        pipe.append_storage(slice, more)
                    };
                    delivered.map_err(|_| out_of_memory())?;
                }
                Some(Event::LargeFrame { more, length, head }) => {
                    if let Some(envelope) = &mut live.envelope {
                        envelope.check(more, length).map_err(Loss::Protocol)?;
                    }
                    let large = Large::begin(more, length, head)?;
                    live.input.large = Some(large);
                    return Ok((at, Stopped::Large));
                }
                Some(Event::Subscription { subscribe, topic }) => {
                    if let Some(pipe) = &mut self.pipe {
                        let topic = copy_of(topic)?;
                        pipe.append_special(Special::Subscription { subscribe, topic })
                            .map_err(|_| out_of_memory())?;
                    }
                }
                Some(Event::Ready(handshake)) => self.begin_traffic(handshake, around)?,
                Some(Event::Join { .. } | Event::Leave { .. }) => {}
            }
        }
    }

    /// The next frame can be delivered, or nobody wants it.
    fn has_room(&mut self) -> bool {
        match &mut self.pipe {
            Some(pipe) => pipe.is_write_closed() || pipe.can_write(),
            None => true,
        }
    }

    /// One read into the storage of a large frame.
    fn receive_large(
        &mut self,
        around: &Surroundings<'_>,
    ) -> std::result::Result<Option<usize>, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        let Some(mut large) = live.input.large.take() else {
            return Ok(None);
        };
        let result = match large.room() {
            Ok(room) => receive(live, room),
            Err(loss) => Err(loss),
        };
        let Some(received) = result? else {
            live.input.large = Some(large);
            return Ok(None);
        };
        live.zmtp.handle_received(around.now);
        large.received += received;
        if large.received < large.length {
            live.input.large = Some(large);
            return Ok(Some(received));
        }
        live.zmtp.large_frame_done();
        if let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_write_closed()) {
            pipe.append_storage(large.storage, large.more)
                .map_err(|_| out_of_memory())?;
            pipe.flush();
        }
        Ok(Some(received))
    }

    /// Writes until the kernel takes no more, everything is sent, or the turn is over.
    pub(crate) fn pump_out(&mut self, around: &mut Surroundings<'_>) -> io::Result<Pumped> {
        let mut moved = 0;
        while moved < TURN {
            let Some(live) = &mut self.live else {
                return Ok(Pumped::Blocked);
            };
            if !live.output.writable {
                return Ok(Pumped::Blocked);
            }
            // What a peer that does not read provokes waits in the protocol, which bounds it.
            if let Some(head) = live.output.at_boundary()
                && head.len() < WRITE_BUDGET
            {
                head.append(live.zmtp.poll_output());
            }
            let has_run =
                live.traffic && prepare_run(live, &mut self.pipe, &mut self.restarts_awaited);
            if !has_run && live.output.is_empty() {
                return Ok(Pumped::Blocked);
            }
            let run = match &mut self.pipe {
                Some(pipe) if has_run => pipe.gather(WRITE_BUDGET, &mut around.scratch.gather),
                _ => Run::empty(),
            };
            let written = match write_once(live, run) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    live.output.writable = false;
                    return Ok(Pumped::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    live.output.writable = false;
                    return Err(error);
                }
            };
            moved += written;
            let of_run = live.output.consume(written);
            if of_run > 0
                && let Some(pipe) = &mut self.pipe
            {
                live.output.note_messages();
                if let Some(cut) = pipe.advance(of_run).cut {
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
            Head::Frame => {
                let Some(message) = pipe.take_conflated() else {
                    return true;
                };
                let Some(head) = live.output.at_boundary() else {
                    return false;
                };
                if protocol::encode_frame(false, message.bytes(), head).is_err() {
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
                        let _ = live.zmtp.encode_subscription(subscribe, &topic, head);
                        live.output.note_messages();
                    }
                    _ => {}
                }
                if live.output.head().len() >= WRITE_BUDGET {
                    return false;
                }
            }
        }
    }
}

/// One system call for everything that is ready.
fn write_once(live: &Live, run: Run<'_>) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); 2 + Gather::SLICES];
    let mut count = 0;
    let pending = [live.output.head(), live.output.body().unwrap_or_default()];
    for bytes in pending.into_iter().filter(|bytes| !bytes.is_empty()) {
        slices[count] = IoSlice::new(bytes);
        count += 1;
    }
    for slice in run.io_slices() {
        slices[count] = slice;
        count += 1;
    }
    live.stream.send_vectored(&slices[..count])
}

/// One read. `None` if the kernel has nothing.
fn receive(live: &mut Live, room: &mut [u8]) -> std::result::Result<Option<usize>, Loss> {
    loop {
        match live.stream.recv(room) {
            Ok(0) => return Err(Loss::Stream(libc::EPIPE)),
            Ok(received) => return Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                live.input.readable = false;
                return Ok(None);
            }
            Err(error) => {
                return Err(Loss::Stream(
                    error.raw_os_error().unwrap_or(libc::ECONNRESET),
                ));
            }
        }
    }
}

impl Scratch {
    /// The slab, with nothing of it in anybody's hands and room behind `kept` bytes.
    fn slab_with_room(&mut self, kept: usize) -> std::result::Result<&mut Slab, Loss> {
        let wanted = SLAB.max(kept.saturating_mul(2));
        // One that was made for a huge command is not kept for ever.
        let fits = (wanted..=wanted.saturating_mul(4)).contains(&self.slab.capacity());
        if !self.slab.is_unique() || !fits {
            self.slab = Slab::allocate(wanted).map_err(|_| out_of_memory())?;
        }
        Ok(&mut self.slab)
    }
}

impl Large {
    fn begin(more: bool, length: usize, head: &[u8]) -> std::result::Result<Self, Loss> {
        let capacity = length.min(FIRST_ALLOCATION.max(head.len()));
        let mut storage = Storage::allocate(capacity).map_err(|_| out_of_memory())?;
        if let Some(front) = storage
            .bytes_mut()
            .and_then(|bytes| bytes.get_mut(..head.len()))
        {
            front.copy_from_slice(head);
        }
        Ok(Self {
            more,
            length,
            storage,
            received: head.len(),
        })
    }

    /// Where the next bytes go. The storage doubles as the bytes arrive.
    fn room(&mut self) -> std::result::Result<&mut [u8], Loss> {
        if self.received == self.storage.len() {
            let capacity = self.length.min(self.storage.len().saturating_mul(2));
            let mut grown = Storage::allocate(capacity).map_err(|_| out_of_memory())?;
            if let Some(front) = grown
                .bytes_mut()
                .and_then(|bytes| bytes.get_mut(..self.received))
            {
                front.copy_from_slice(self.storage.bytes());
            }
            self.storage = grown;
        }
        let received = self.received;
        self.storage
            .bytes_mut()
            .and_then(|bytes| bytes.get_mut(received..))
            .ok_or_else(out_of_memory)
    }
}

fn copy_of(bytes: &[u8]) -> std::result::Result<Box<[u8]>, Loss> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| out_of_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

/// What the peer sent does not fit into memory: the connection ends like for a frame that is too large.
fn out_of_memory() -> Loss {
    Loss::Protocol(ProtocolError::OutOfMemory)
}

impl From<Error> for Loss {
    fn from(_: Error) -> Self {
        out_of_memory()
    }
}
