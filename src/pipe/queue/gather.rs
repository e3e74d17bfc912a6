//! Wire bytes of many records as few slices.

#![allow(
    unsafe_code,
    reason = "holds pointers into a queue while that is borrowed"
)]

/// Short runs of headers and copied bodies, and small bodies by reference beside them, are copied
/// together: a slice more costs the kernel 26 to 50 ns, and up to about 2 KiB that is more than a copy.
const SHORT_RECORDS: usize = 256;
const SMALL_BODY: usize = 2048;

/// Room for what is copied together.
const STAGING: usize = 64 * 1024;

/// Memory for gathering, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    pieces: Vec<Piece>,
    /// Allocated with the first use, [`STAGING`] bytes for good.
    staging: Vec<u8>,
    length: usize,
}

// SAFETY: the pointers in `pieces` are followed through a `Run` only, which borrows what they lead to.
unsafe impl Send for Gather {}

#[derive(Clone, Copy, Debug)]
enum Piece {
    /// Bytes in the queue.
    Direct { at: *const u8, length: usize },
    /// A range of the staging buffer.
    Staged { from: usize, to: usize },
}

/// What was gathered. Borrows the reader: the bytes stay where they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pieces: &'a [Piece],
    staging: &'a [u8],
}

impl Gather {
    /// Slices that a run has at most.
    pub(crate) const SLICES: usize = 64;

    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.pieces.reserve(Self::SLICES);
        self.staging.clear();
        self.length = 0;
    }

    pub(super) fn run(&self) -> Run<'_> {
        Run {
            pieces: &self.pieces,
            staging: &self.staging,
        }
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// A body with the records before it still fits.
    pub(super) fn has_room(&self) -> bool {
        self.pieces.len() + 2 <= Self::SLICES
    }

    /// Adds records that lie in a chunk, at committed bytes that stay as long as the next run.
    pub(super) fn add_records(&mut self, at: *const u8, length: usize) {
        let joins = matches!(self.pieces.last(), Some(Piece::Staged { .. }));
        self.add(at, length, joins && length < SHORT_RECORDS);
    }

    /// Adds records, the last of which ends in `body`, that stays as long as the next run.
    pub(super) fn add_records_and_body(&mut self, at: *const u8, length: usize, body: &[u8]) {
        let joins = matches!(self.pieces.last(), Some(Piece::Staged { .. }));
        let is_small = body.len() <= SMALL_BODY;
        self.add(at, length, (is_small || joins) && length < SHORT_RECORDS);
        self.add(body.as_ptr(), body.len(), is_small);
    }

    /// Adds a frame with another header than it has in the queue. `body` has to stay as long as the next run.
    /// False, and nothing is added: there is no room.
    pub(super) fn add_frame(&mut self, header: &[u8], body: &[u8]) -> bool {
        let is_small = body.len() <= SMALL_BODY;
        let staged = header.len() + if is_small { body.len() } else { 0 };
        if !self.has_room() || !self.has_staging(staged) {
            return false;
        }
        self.add(header.as_ptr(), header.len(), true);
        self.add(body.as_ptr(), body.len(), is_small);
        true
    }

    fn add(&mut self, at: *const u8, length: usize, copy: bool) {
        if length == 0 {
            return;
        }
        self.length += length;
        if !copy || !self.stage(at, length) {
            self.pieces.push(Piece::Direct { at, length });
        }
    }

    /// Copies bytes behind those staged; false if there is no room.
    fn stage(&mut self, at: *const u8, length: usize) -> bool {
        if !self.has_staging(length) {
            return false;
        }
        let from = self.staging.len();
        let to = from + length;
        // SAFETY: the caller's bytes are initialised and not written to.
        let bytes = unsafe { std::slice::from_raw_parts(at, length) };
        self.staging.extend_from_slice(bytes);
        if let Some(Piece::Staged { to: end, .. }) = self.pieces.last_mut() {
            // Nothing else was staged since.
            *end = to;
        } else {
            self.pieces.push(Piece::Staged { from, to });
        }
        true
    }

    /// So many bytes more can be staged.
    fn has_staging(&mut self, length: usize) -> bool {
        if self.staging.capacity() == 0 && self.staging.try_reserve_exact(STAGING).is_err() {
            return false;
        }
        length <= STAGING - self.staging.len()
    }
}

impl<'a> Run<'a> {
    /// A run of nothing.
    pub(crate) fn empty() -> Self {
        Self {
            pieces: &[],
            staging: &[],
        }
    }

    /// Nothing was gathered.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes in all.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slices().map(|slice| slice.len()).sum()
    }

    /// The bytes in order, in at most [`Gather::SLICES`] slices.
    pub(crate) fn slices(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let staging = self.staging;
        self.pieces.iter().map(move |piece| match *piece {
            // In bounds from construction.
            Piece::Staged { from, to } => &staging[from..to],
            // SAFETY: committed bytes or a body, which the reader that is borrowed for 'a keeps.
            Piece::Direct { at, length } => unsafe { std::slice::from_raw_parts(at, length) },
        })
    }
}
