//! Buckets of a radix tree: few keys that begin alike, one behind the other, where nodes of their own would take more
//! memory than the keys, and a search more cache lines.
//!
//! An entry of a bucket, which has the key's rest behind the label and its value:
//!
//! ```text
//! rest's length | value, 0 for a wide one | wide value |   rest
//!       1       |            1            |   0 or 4   | 0 to 253
//! ```
//!
//! Entries are sorted. What does not fit into [`MOST`] bytes becomes a node with buckets below it.

#![forbid(unsafe_code)]

use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

use super::Piece::{self, Copy, New};
use super::blocks::{Blocks, LINK, link_to, position_of};
use super::node::{BUCKET, Node, common_prefix, strip_label};
use super::{LABEL, Radix, length_of};
use crate::error::{Error, Result};
use crate::memory;

/// Bytes of all entries of a bucket, which its header has a byte for; more would be searched for longer than nodes are.
const MOST: usize = u8::MAX as usize;
/// Length and value.
const HEADER: usize = 2;
const WIDE: usize = size_of::<u32>();
/// What a node with two children takes besides what it has in common with a bucket, about. Entries repeat no more.
const NODES_COST: usize = 24;

/// An entry, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) rest: &'a [u8],
    pub(super) value: u32,
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: usize,
    /// Its bytes, all of them.
    len: usize,
    pub(super) value: u32,
    is_wide: bool,
}

impl Place {
    /// The bucket has no other.
    pub(super) fn is_all_of(&self, bucket: &Node) -> bool {
        self.range() == bucket.entries()
    }

    fn range(&self) -> Range<usize> {
        self.at..self.at + self.len
    }
}

/// The entries in these bytes, which are those of a bucket.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let (&[length, narrow], mut behind) = self.0.split_first_chunk()?;
        let mut value = u32::from(narrow);
        if narrow == 0 {
            let (wide, after) = behind.split_first_chunk()?;
            (value, behind) = (u32::from_le_bytes(*wide), after);
        }
        let (rest, behind) = behind.split_at_checked(usize::from(length))?;
        self.0 = behind;
        Some(Entry { rest, value })
    }
}

impl Entry<'_> {
    fn is_wide(value: u32) -> bool {
        value == 0 || value > u32::from(u8::MAX)
    }

    /// Bytes of an entry.
    fn size(rest: usize, value: u32) -> usize {
        HEADER + WIDE * usize::from(Self::is_wide(value)) + rest
    }
}

/// Entries as they are put together: what does not fit was looked at before.
struct Writing {
    bytes: [u8; MOST],
    len: usize,
}

impl Writing {
    fn new() -> Self {
        Self {
            bytes: [0; MOST],
            len: 0,
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// An entry whose rest comes in two parts.
    fn entry(&mut self, begin: &[u8], end: &[u8], value: u32) {
        // Both fit: a rest is shorter than the entries may be, and a narrow value is a byte.
        let length = (begin.len() + end.len()) as u8;
        if Entry::is_wide(value) {
            self.append(&[length, 0]);
            self.append(&value.to_le_bytes());
        } else {
            self.append(&[length, value as u8]);
        }
        self.append(begin);
        self.append(end);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The values of the entries that `text` begins with, shortest first.
#[inline]
pub(super) fn prefixes<B>(
    entries: &[u8],
    text: &[u8],
    mut visit: impl FnMut(u32) -> ControlFlow<B>,
) -> ControlFlow<B> {
    for entry in Entries(entries) {
        // Most differ in the first byte.
        match (entry.rest.first(), text.first()) {
            (Some(one), Some(other)) if one < other => continue,
            (Some(one), Some(other)) if one > other => break,
            (Some(_), None) => break,
            _ => {}
        }
        if strip_label(text, entry.rest).is_some() {
            visit(entry.value)?;
        }
    }
    ControlFlow::Continue(())
}

impl Radix {
    /// Writes a new bucket and returns its place. `NoMemory`: nothing has changed.
    pub(super) fn put_bucket(
        &mut self,
        label: &[Piece<'_>],
        entries: &[Piece<'_>],
    ) -> Result<usize> {
        // Both fit: labels are not longer, and whoever puts a bucket has looked.
        let header = [length_of(label) as u8, BUCKET, length_of(entries) as u8];
        self.write(&header, label, entries, &[])
    }

    /// The entry of a bucket that has this rest; else where it would be.
    pub(super) fn find_entry(&self, node: &Node, rest: &[u8]) -> std::result::Result<Place, usize> {
        let mut entries = Entries(self.bytes(node.entries()));
        loop {
            let at = node.end - entries.0.len();
            let Some(entry) = entries.next() else {
                return Err(at);
            };
            // Most differ in the first byte.
            let order = match (entry.rest.first(), rest.first()) {
                (Some(one), Some(other)) if one != other => one.cmp(other),
                _ => entry.rest.cmp(rest),
            };
            match order {
                Ordering::Less => {}
                Ordering::Greater => return Err(at),
                Ordering::Equal => {
                    let len = node.end - entries.0.len() - at;
                    return Ok(Place {
                        at,
                        len,
                        value: entry.value,
                        is_wide: len != HEADER + rest.len(),
                    });
                }
            }
        }
    }

    /// Adds an entry to a bucket. False if it has no room for it.
    pub(super) fn add_entry(
        &mut self,
        link: usize,
        node: &Node,
        at: usize,
        rest: &[u8],
        value: u32,
    ) -> Result<bool> {
        if node.entries().len() + Entry::size(rest.len(), value) > MOST {
            return Ok(false);
        }
        let mut entry = Writing::new();
        entry.entry(rest, &[], value);
        self.exchange(link, node, at..at, entry.bytes())?;
        Ok(true)
    }

    /// Gives an entry another value. False if the bucket has no room for a wider one.
    pub(super) fn set_entry(
        &mut self,
        link: usize,
        node: &Node,
        place: Place,
        value: u32,
    ) -> Result<bool> {
        let wide = place.at + HEADER;
        let bytes = &mut self.blocks.bytes;
        if place.is_wide {
            bytes[wide..wide + WIDE].copy_from_slice(&value.to_le_bytes());
        } else if !Entry::is_wide(value) {
            bytes[place.at + 1] = value as u8;
        } else if node.entries().len() + WIDE > MOST {
            return Ok(false);
        } else {
            let [a, b, c, d] = value.to_le_bytes();
            self.exchange(link, node, place.at + 1..wide, &[0, a, b, c, d])?;
        }
        Ok(true)
    }

    /// Takes an entry out of a bucket, which may be empty then.
    pub(super) fn remove_entry(&mut self, link: usize, node: &Node, place: Place) {
        let Range { start, end } = place.range();
        let size = node.end - node.at;
        let smaller = size - (end - start);
        let (before, behind) = (node.entries().start..start, end..node.end);
        let left = before.len() + behind.len();
        // A block that is given back whole serves the next bucket that grows; what is cut off only small nodes.
        if !Blocks::is_same_room(smaller, size)
            && let Ok(new) =
                self.put_bucket(&[Copy(node.label())], &[Copy(before), Copy(behind.clone())])
        {
            self.replace(link, node, new);
            return;
        }
        let bytes = &mut self.blocks.bytes;
        bytes.copy_within(behind, start);
        bytes[node.at + 2] = left as u8;
        self.blocks.shrink(node.at, size, smaller);
    }

    /// Puts other bytes, not fewer, into the place of some of a bucket's entries. They fit into a bucket.
    fn exchange(&mut self, link: usize, node: &Node, old: Range<usize>, new: &[u8]) -> Result<()> {
        let more = new.len() - old.len();
        let size = node.end - node.at;
        if Blocks::is_same_room(size, size + more) {
            let bytes = &mut self.blocks.bytes;
            bytes.copy_within(old.end..node.end, old.end + more);
            bytes[old.start..old.start + new.len()].copy_from_slice(new);
            bytes[node.at + 2] += more as u8;
            return Ok(());
        }
        let grown = self.put_bucket(
            &[Copy(node.label())],
            &[
                Copy(node.entries().start..old.start),
                New(new),
                Copy(old.end..node.end),
            ],
        )?;
        self.replace(link, node, grown);
        Ok(())
    }

    /// Makes one bucket of a leaf or a bucket and a key that leaves its label behind `common` bytes, and goes on with
    /// `rest`. False if that would be too much for one, or the node is none of both.
    pub(super) fn gather(
        &mut self,
        link: usize,
        node: &Node,
        common: usize,
        rest: &[u8],
        value: u32,
    ) -> Result<bool> {
        let label = node.label();
        let cut = label.start + common..label.end;
        let own = self.value(node);
        let len = if node.is_bucket() {
            let entries = Entries(self.bytes(node.entries())).count();
            if entries.saturating_sub(1) * cut.len() > NODES_COST {
                return Ok(false);
            }
            node.entries().len() + entries * cut.len()
        } else if node.children() == 0 && own != 0 {
            Entry::size(cut.len(), own)
        } else {
            return Ok(false);
        };
        if len + Entry::size(rest.len(), value) > MOST {
            return Ok(false);
        }
        let mut entries = Writing::new();
        let cut = self.bytes(cut);
        // It differs in the first byte from all that there are; from a leaf with nothing cut off it goes on, and comes
        // behind that.
        let is_first = rest.first() < cut.first();
        if is_first {
            entries.entry(rest, &[], value);
        }
        if node.is_bucket() {
            for entry in Entries(self.bytes(node.entries())) {
                entries.entry(cut, entry.rest, entry.value);
            }
        } else {
            entries.entry(cut, &[], own);
        }
        if !is_first {
            entries.entry(rest, &[], value);
        }
        let label = label.start..label.start + common;
        let new = self.put_bucket(&[Copy(label)], &[New(entries.bytes())])?;
        self.replace(link, node, new);
        Ok(true)
    }

    /// Makes a node with leaves and buckets below it of a bucket to which a key has led, with `rest` behind its label.
    /// Returns from where the key is to be followed now. `NoMemory`: nothing has changed.
    pub(super) fn burst<'a>(
        &mut self,
        link: usize,
        node: &Node,
        key: &'a [u8],
        rest: &[u8],
    ) -> Result<(usize, &'a [u8])> {
        let label = node.label();
        let from = (link, &key[key.len() - rest.len() - label.len()..]);
        let mut copy = Writing::new();
        copy.append(self.bytes(node.entries()));
        let mut entries = Entries(copy.bytes());
        let Some(first) = entries.clone().next() else {
            // Left behind when memory lacked.
            let leaf = self.put(0, &[Copy(label)], &[], &[])?;
            self.replace(link, node, leaf);
            return Ok(from);
        };
        let last = entries.clone().last().unwrap_or(first);
        // They are sorted: what these two share, all do.
        let common = common_prefix(first.rest, last.rest).min(LABEL - label.len());
        let mut value = 0;
        if first.rest.len() == common {
            value = first.value;
            entries.next();
        }
        let (mut firsts, mut links) = (Vec::new(), Vec::new());
        let new = self
            .put_groups(entries, common, &mut firsts, &mut links)
            .and_then(|()| {
                let label = [Copy(label), New(&first.rest[..common])];
                self.put(value, &label, &[New(&firsts)], &[New(links.as_flattened())])
            });
        match new {
            Ok(new) => self.replace(link, node, new),
            Err(error) => {
                for child in links {
                    let child = self.node(position_of(child));
                    self.release(&child);
                }
                return Err(error);
            }
        }
        Ok(from)
    }

    /// Makes a leaf or a bucket of all entries that go on alike behind `common` bytes, which all have.
    fn put_groups(
        &mut self,
        mut entries: Entries<'_>,
        common: usize,
        firsts: &mut Vec<u8>,
        links: &mut Vec<[u8; LINK]>,
    ) -> Result<()> {
        while let Some(first) = entries.clone().next() {
            let is_alike = |entry: &Entry<'_>| entry.rest.get(common) == first.rest.get(common);
            let group = entries.clone().take_while(is_alike);
            let count = group.clone().count();
            let last = entries.nth(count - 1).unwrap_or(first);
            let (begin, behind) = first.rest.split_at(common + 1);
            let shared = common_prefix(behind, &last.rest[common + 1..]);
            memory::push(firsts, begin[common])?;
            links.try_reserve(1).map_err(|_| Error::NoMemory)?;
            let child = if count == 1 {
                self.put(first.value, &[New(behind)], &[], &[])?
            } else {
                let mut own = Writing::new();
                for entry in group {
                    own.entry(&entry.rest[common + 1 + shared..], &[], entry.value);
                }
                self.put_bucket(&[New(&behind[..shared])], &[New(own.bytes())])?
            };
            links.push(link_to(child));
        }
        Ok(())
    }
}
