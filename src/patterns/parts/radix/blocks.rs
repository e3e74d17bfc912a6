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

/// Sizes of blocks: up to a number of bytes in steps of so many. The smallest has as many bytes as a link, which a
/// free block begins with; the largest node has 1542.
const BANDS: [(u16, u16); 4] = [(32, 2), (128, 8), (512, 32), (LARGEST as u16, 128)];
const SMALLEST: usize = LINK;
const LARGEST: usize = 1664;
const CLASSES: usize = 48;
const _: () = assert!(rooms()[CLASSES - 1] as usize == LARGEST && CLASSES <= u64::BITS as usize);

/// The bytes of the blocks of each class, and the class of each size by [`GRANULE`], rounded up.
static ROOMS: [u16; CLASSES] = rooms();
static CLASS_OF: [u8; LARGEST / GRANULE + 1] = class_of_sizes();

const fn rooms() -> [u16; CLASSES] {
    let mut rooms = [SMALLEST as u16; CLASSES];
    let (mut class, mut band) = (1, 0);
    while class < CLASSES {
        let room = rooms[class - 1] + BANDS[band].1;
        rooms[class] = room;
        if room == BANDS[band].0 {
            band += 1;
        }
        class += 1;
    }
    rooms
}

const fn class_of_sizes() -> [u8; LARGEST / GRANULE + 1] {
    let rooms = rooms();
    let mut classes = [0; LARGEST / GRANULE + 1];
    let (mut class, mut size) = (0, 0);
    while size < classes.len() {
        if rooms[class] as usize / GRANULE < size {
            class += 1;
        }
        classes[size] = class as u8;
        size += 1;
    }
    classes
}

/// The class of the blocks that have room for so many bytes.
#[inline]
fn class_of(size: usize) -> usize {
    usize::from(CLASS_OF[size.div_ceil(GRANULE)])
}

/// The bytes of the blocks of a class.
#[inline]
fn room_of(class: usize) -> usize {
    usize::from(ROOMS[class])
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
        bytes.map_or(0, |&bytes| position_of(bytes))
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
        // What is left of a larger one serves smaller nodes.
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

    /// Blocks of both sizes take the same room.
    pub(super) fn is_same_room(one: usize, other: usize) -> bool {
        class_of(one) == class_of(other)
    }

    /// Frees the end of a block: what it holds has become smaller.
    pub(super) fn shrink(&mut self, at: usize, size: usize, smaller: usize) {
        let (room, left) = (room_of(class_of(size)), room_of(class_of(smaller)));
        self.free_bytes += room - left;
        self.divide(at + left, room - left);
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

/// Where a link leads to.
#[inline]
pub(super) fn position_of(link: [u8; LINK]) -> usize {
    u32::from_le_bytes(link) as usize * GRANULE
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
