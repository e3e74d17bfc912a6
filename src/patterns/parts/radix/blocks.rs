//! The array of a radix tree: blocks that are nodes or free.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};

/// The bytes of a link, which is a position by [`GRANULE`].
pub(super) const LINK: usize = size_of::<u32>();
/// Blocks begin at multiples of this.
pub(super) const GRANULE: usize = 2;
/// Where the link to the root lies.
pub(super) const ROOT: usize = 0;

/// The array, and which of its blocks are free.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Empty, or the link to the root and blocks.
    pub(super) bytes: Vec<u8>,
    /// By class: the first free block, 0 for none. A free block begins with the link to the next.
    free: [u32; CLASSES],
    /// A bit for each class that has a free block.
    with_free: u64,
    /// Bytes in no node.
    free_bytes: usize,
}

/// Sizes of blocks: up to a number of bytes in steps of so many. The first is the smallest block, which has room for
/// a link; the last has room for the largest node.
const BANDS: [(usize, usize); 4] = [(32, 2), (128, 8), (512, 32), (1664, 128)];
const SMALLEST: usize = LINK;
const CLASSES: usize = 48;
const _: () = assert!(class_of(1664) == CLASSES - 1 && CLASSES <= 64);

/// The class of the blocks that have room for so many bytes.
const fn class_of(size: usize) -> usize {
    let (mut class, mut above, mut band) = (0, SMALLEST, 0);
    while band < BANDS.len() {
        let (upto, step) = BANDS[band];
        if size <= upto {
            return class + size.saturating_sub(above).div_ceil(step);
        }
        class += (upto - above) / step;
        above = upto;
        band += 1;
    }
    class
}

/// The bytes of the blocks of a class.
const fn room_of(class: usize) -> usize {
    let (mut first, mut above, mut band) = (0, SMALLEST, 0);
    while band < BANDS.len() {
        let (upto, step) = BANDS[band];
        let classes = (upto - above) / step;
        if class <= first + classes {
            return above + (class - first) * step;
        }
        first += classes;
        above = upto;
        band += 1;
    }
    above
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            free: [0; CLASSES],
            with_free: 0,
            free_bytes: 0,
        }
    }
}

impl Blocks {
    /// The position that a link leads to, 0 if it leads nowhere.
    #[inline]
    pub(super) fn link(&self, at: usize) -> usize {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |&bytes| u32::from_le_bytes(bytes) as usize * GRANULE)
    }

    pub(super) fn set_link(&mut self, at: usize, to: usize) {
        self.bytes[at..at + LINK].copy_from_slice(&link_to(to));
    }

    /// A block of so many bytes. `NoMemory`: nothing has changed.
    pub(super) fn allocate(&mut self, size: usize) -> Result<usize> {
        let class = class_of(size);
        let fitting = self.with_free >> class;
        if fitting == 0 {
            return self.extend(room_of(class));
        }
        // What is left of a larger one serves smaller nodes: they are more.
        let found = class + fitting.trailing_zeros() as usize;
        let at = self.free[found] as usize * GRANULE;
        let next = self.link(at);
        self.set_first_free(found, next);
        self.free_bytes -= room_of(class);
        self.divide(at + room_of(class), room_of(found) - room_of(class));
        Ok(at)
    }

    fn extend(&mut self, room: usize) -> Result<usize> {
        let begin = self.bytes.len().max(ROOT + LINK);
        let end = begin + room;
        if u32::try_from(end / GRANULE).is_err() {
            return Err(Error::NoMemory);
        }
        self.bytes
            .try_reserve(end - self.bytes.len())
            .map_err(|_| Error::NoMemory)?;
        self.bytes.resize(end, 0);
        Ok(begin)
    }

    /// Frees a block that was allocated with this size.
    pub(super) fn release(&mut self, at: usize, size: usize) {
        let room = room_of(class_of(size));
        self.free_bytes += room;
        self.divide(at, room);
    }

    /// Makes free blocks of so many bytes. Fewer than the smallest block has are not used before the array is copied.
    fn divide(&mut self, mut at: usize, mut room: usize) {
        while room >= SMALLEST {
            let mut class = class_of(room);
            if room_of(class) > room {
                class -= 1;
            }
            let next = self.free[class] as usize * GRANULE;
            self.set_link(at, next);
            self.set_first_free(class, at);
            at += room_of(class);
            room -= room_of(class);
        }
    }

    fn set_first_free(&mut self, class: usize, at: usize) {
        self.free[class] = (at / GRANULE) as u32;
        let bit = 1 << class;
        if at == 0 {
            self.with_free &= !bit;
        } else {
            self.with_free |= bit;
        }
    }

    /// Most of the array, and enough to be worth a copy, is free.
    pub(super) fn is_sparse(&self) -> bool {
        const WORTH_IT: usize = 4096;
        self.free_bytes >= WORTH_IT && self.free_bytes > self.bytes.len() / 2
    }

    /// An array that has room for the nodes of this one and nothing else. `NoMemory` if there is none.
    pub(super) fn fresh(&self) -> Result<Self> {
        let mut fresh = Self::default();
        fresh
            .bytes
            .try_reserve_exact(self.bytes.len() - self.free_bytes)
            .map_err(|_| Error::NoMemory)?;
        Ok(fresh)
    }

    /// Copies a node of so many bytes of another array behind the nodes of this one.
    pub(super) fn append(&mut self, other: &Self, at: usize, size: usize) -> Result<usize> {
        let to = self.allocate(size)?;
        self.bytes[to..to + size].copy_from_slice(&other.bytes[at..at + size]);
        Ok(to)
    }
}

/// What leads to a block, as it is in the array. Allocation keeps positions in range.
pub(super) fn link_to(at: usize) -> [u8; LINK] {
    ((at / GRANULE) as u32).to_le_bytes()
}

#[cfg(test)]
impl Blocks {
    /// Bytes allocated.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where the free blocks lie.
    pub(super) fn free_ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut ranges = Vec::new();
        for class in 0..CLASSES {
            let mut at = self.free[class] as usize * GRANULE;
            assert_eq!(at != 0, self.with_free & (1 << class) != 0);
            while at != 0 {
                ranges.push(at..at + room_of(class));
                at = self.link(at);
            }
        }
        ranges
    }

    pub(super) fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    pub(super) fn room(size: usize) -> usize {
        room_of(class_of(size))
    }
}
