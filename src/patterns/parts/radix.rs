//! A path-compressed radix tree over byte strings, all of it in one array of bytes.
//!
//! The array begins with the link to the root; blocks follow, which are nodes or free. A link is a
//! position by two, 0 for none. A node says all that a step of a search asks for, side by side:
//!
//! ```text
//! label's length | shape | children - 1 | value  | label    | first bytes | links
//!       1        |   1   |    0 or 1    | 0 to 4 | 0 to 255 |  children   | 4 x children
//! ```
//!
//! The first byte of a node's string lies at its parent, sorted; the label is what follows it. A longer label is a
//! chain of nodes. Where few keys are left, they are not nodes but the entries of one, a [`bucket`]:
//!
//! ```text
//! label's length | shape | entries' length | label    | entries
//!       1        |   1   |        1        | 0 to 255 | 0 to 255
//! ```
//!
//! A key costs two bytes (six with a value above 255) and those that it does not share in a bucket, some ten as a node.
//! A node that outgrows its block is written anew elsewhere; free blocks are used again, by smaller nodes, too, and an
//! array that is mostly free is copied. Positions that the code follows come from the array itself: links name live
//! nodes, and every node lies inside the array.

#![forbid(unsafe_code)]

use std::ops::{ControlFlow, Range};

use crate::error::{Error, Result};

mod blocks;
mod bucket;
mod node;
mod walk;

use blocks::{Blocks, LINK, ROOT, link_to, position_of};
use node::{BRANCHES, Node, Parts, common_prefix, number_of, place_of, strip_label};

/// A map from byte strings to numbers. 0 is none: its key is not in the tree.
#[derive(Debug, Default)]
pub(crate) struct Radix {
    blocks: Blocks,
    /// Keys in the tree.
    len: usize,
}

/// A label is that long at most.
const LABEL: usize = u8::MAX as usize;

/// How far a key leads.
enum End<'a> {
    /// To the node whose link lies there.
    At(usize, Node),
    /// To a node that has no child for the first byte of the rest.
    Below(usize, Node, &'a [u8]),
    /// Into the label of a node, behind so many of its bytes.
    Within(usize, Node, usize, &'a [u8]),
    /// To a bucket, in which the rest may be.
    Bucket(usize, Node, &'a [u8]),
}

/// What a part of a new node is made of.
enum Piece<'a> {
    Copy(Range<usize>),
    New(&'a [u8]),
}

impl Piece<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Copy(range) => range.len(),
            Self::New(bytes) => bytes.len(),
        }
    }
}

use Piece::{Copy, New};

fn length_of(pieces: &[Piece<'_>]) -> usize {
    pieces.iter().map(Piece::len).sum()
}

impl Radix {
    /// Gives `key` a value, not 0, if it has none; else returns the one that it has. `NoMemory`: no key has changed.
    pub(crate) fn insert(&mut self, key: &[u8], value: u32) -> Result<Option<u32>> {
        if self.blocks.link(ROOT) == 0 {
            let root = self.put_leaf(key, value)?;
            self.blocks.set_link(ROOT, root);
            self.len += 1;
            return Ok(None);
        }
        let mut from = (ROOT, key);
        loop {
            match self.follow(from) {
                End::At(link, node) => match self.value(&node) {
                    0 => self.set_value(link, &node, value)?,
                    present => return Ok(Some(present)),
                },
                End::Below(link, node, rest) => {
                    let common = node.label().len();
                    if !self.gather(link, &node, common, rest, value)? {
                        self.add_child(link, &node, rest, value)?;
                    }
                }
                End::Within(link, node, common, rest) => {
                    if !self.gather(link, &node, common, rest, value)? {
                        self.split(link, &node, common, rest, value)?;
                    }
                }
                End::Bucket(link, node, rest) => match self.find_entry(&node, rest) {
                    Ok(present) => return Ok(Some(present.value)),
                    Err(at) => {
                        if !self.add_entry(link, &node, at, rest, value)? {
                            from = self.burst(link, &node, key, rest)?;
                            continue;
                        }
                    }
                },
            }
            self.len += 1;
            self.compact_if_sparse();
            return Ok(None);
        }
    }

    /// The value of a key, 0 if it is not there.
    pub(crate) fn get(&self, key: &[u8]) -> u32 {
        if self.blocks.link(ROOT) == 0 {
            return 0;
        }
        match self.follow((ROOT, key)) {
            End::At(_, node) => self.value(&node),
            End::Bucket(_, node, rest) => {
                let found = self.find_entry(&node, rest);
                found.map_or(0, |place| place.value)
            }
            _ => 0,
        }
    }

    /// Gives a key that is there another value, not 0. `NoMemory`: it has the old one; not if the new one is
    /// the smaller.
    pub(crate) fn set(&mut self, key: &[u8], value: u32) -> Result<()> {
        if self.blocks.link(ROOT) == 0 {
            return Ok(());
        }
        let mut from = (ROOT, key);
        loop {
            match self.follow(from) {
                End::At(link, node) if self.value(&node) != 0 => {
                    return self.set_value(link, &node, value);
                }
                End::Bucket(link, node, rest) => {
                    let Ok(place) = self.find_entry(&node, rest) else {
                        return Ok(());
                    };
                    if self.set_entry(link, &node, place, value)? {
                        return Ok(());
                    }
                    from = self.burst(link, &node, key, rest)?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        // The last link on the way that leads out of a node which stays.
        let mut branch = None;
        let (mut link, mut rest) = (ROOT, key);
        let (node, entry) = loop {
            let target = self.blocks.link(link);
            if target == 0 {
                return;
            }
            let node = self.node(target);
            let label = self.bytes(node.label());
            let Some(after) = rest.strip_prefix(label) else {
                return;
            };
            if node.is_bucket() {
                let Ok(place) = self.find_entry(&node, after) else {
                    return;
                };
                break (node, Some(place));
            }
            let Some((&first, after)) = after.split_first() else {
                break (node, None);
            };
            let Some(place) = self.child(&node, first) else {
                return;
            };
            if link == ROOT || node.children() > 1 || self.value(&node) != 0 {
                branch = Some((link, place));
            }
            (link, rest) = (node.link(place), after);
        };
        if entry.is_none() && self.value(&node) == 0 {
            return;
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
            return;
        }
        // From here on it is gone. Without memory for new nodes the old ones stay, which is not compact but right.
        if let Some(entry) = entry {
            let is_out = entry.is_all_of(&node)
                && branch.is_some_and(|(link, place)| self.detach(link, place).is_ok());
            if !is_out {
                self.remove_entry(link, &node, entry);
            }
        } else {
            self.blocks.bytes[node.value()].fill(0);
            let _ = match (node.children(), branch) {
                (0, Some((link, place))) => self.detach(link, place),
                (1, _) => self.join(link, &node, 0),
                _ => Ok(()),
            };
        }
        self.compact_if_sparse();
    }

    /// The values of all keys that are prefixes of `text`, shortest first.
    #[inline]
    pub(crate) fn prefixes<B>(
        &self,
        text: &[u8],
        mut visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (mut at, mut rest) = (self.blocks.link(ROOT), text);
        while at != 0 {
            let Some(node) = Parts::of(&self.blocks.bytes, at) else {
                break;
            };
            let Some(after) = strip_label(rest, node.label) else {
                break;
            };
            if !node.entries.is_empty() {
                return bucket::prefixes(node.entries, after, visit);
            }
            if !node.value.is_empty() {
                let value = number_of(node.value);
                if value != 0 {
                    visit(value)?;
                }
            }
            let Some((&first, after)) = after.split_first() else {
                break;
            };
            let Some(place) = place_of(node.firsts, first) else {
                break;
            };
            let link = node.links.get(place * LINK..).and_then(<[u8]>::first_chunk);
            at = link.map_or(0, |&link| position_of(link));
            rest = after;
        }
        ControlFlow::Continue(())
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    // ---- reading ----

    #[inline]
    fn node(&self, at: usize) -> Node {
        Node::at(&self.blocks.bytes, at)
    }

    #[inline]
    fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.blocks.bytes[range]
    }

    #[inline]
    fn value(&self, node: &Node) -> u32 {
        number_of(self.bytes(node.value()))
    }

    /// The place of the child that begins with this byte.
    #[inline]
    fn child(&self, node: &Node, first: u8) -> Option<usize> {
        place_of(self.bytes(node.firsts()), first)
    }

    /// Follows what is left of a key from the node of a link, which is there.
    fn follow<'a>(&self, (mut link, mut rest): (usize, &'a [u8])) -> End<'a> {
        loop {
            let node = self.node(self.blocks.link(link));
            let label = self.bytes(node.label());
            let common = common_prefix(label, rest);
            let after = &rest[common..];
            if common < label.len() {
                return End::Within(link, node, common, after);
            }
            if node.is_bucket() {
                return End::Bucket(link, node, after);
            }
            let Some((&first, behind)) = after.split_first() else {
                return End::At(link, node);
            };
            let Some(place) = self.child(&node, first) else {
                return End::Below(link, node, after);
            };
            (link, rest) = (node.link(place), behind);
        }
    }

    // ---- changing ----

    /// Writes a new node and returns its place. First bytes and links are as many. `NoMemory`: nothing has changed.
    fn put(
        &mut self,
        value: u32,
        label: &[Piece<'_>],
        firsts: &[Piece<'_>],
        links: &[Piece<'_>],
    ) -> Result<usize> {
        let (label_len, children) = (length_of(label), length_of(firsts));
        let value = value.to_le_bytes();
        let value_len = LINK - value.iter().rev().take_while(|&&byte| byte == 0).count();
        // Both fit: labels are not longer, and a node has one child for a byte at most.
        let mut header = [label_len as u8, value_len as u8, 0, 0, 0, 0, 0];
        let mut len = 2;
        if children > 0 {
            header[1] |= BRANCHES;
            header[2] = (children - 1) as u8;
            len = 3;
        }
        header[len..len + value_len].copy_from_slice(&value[..value_len]);
        self.write(&header[..len + value_len], label, firsts, links)
    }

    /// Writes a node of these parts and returns its place. `NoMemory`: nothing has changed.
    fn write(
        &mut self,
        header: &[u8],
        label: &[Piece<'_>],
        firsts: &[Piece<'_>],
        links: &[Piece<'_>],
    ) -> Result<usize> {
        let size = header.len() + length_of(label) + length_of(firsts) + length_of(links);
        let at = self.blocks.allocate(size)?;
        let bytes = &mut self.blocks.bytes;
        let mut to = at;
        for piece in [&New(header)]
            .into_iter()
            .chain(label)
            .chain(firsts)
            .chain(links)
        {
            let end = to + piece.len();
            match piece {
                Copy(range) => bytes.copy_within(range.clone(), to),
                New(new) => bytes[to..end].copy_from_slice(new),
            }
            to = end;
        }
        Ok(at)
    }

    /// Writes a node again, with another label.
    fn put_again(&mut self, node: &Node, label: &[Piece<'_>]) -> Result<usize> {
        if node.is_bucket() {
            return self.put_bucket(label, &[Copy(node.entries())]);
        }
        self.put_valued(self.value(node), node, label)
    }

    /// Writes a node, no bucket, again, with another value and label.
    fn put_valued(&mut self, value: u32, node: &Node, label: &[Piece<'_>]) -> Result<usize> {
        self.put(value, label, &[Copy(node.firsts())], &[Copy(node.links())])
    }

    /// Puts a node into the place of another.
    fn replace(&mut self, link: usize, old: &Node, new: usize) {
        self.blocks.set_link(link, new);
        self.release(old);
    }

    fn release(&mut self, node: &Node) {
        self.blocks.release(node.at, node.end - node.at);
    }

    fn set_value(&mut self, link: usize, node: &Node, value: u32) -> Result<()> {
        let room = node.value().len();
        let bytes = value.to_le_bytes();
        if bytes[room..].iter().all(|&byte| byte == 0) {
            self.blocks.bytes[node.value()].copy_from_slice(&bytes[..room]);
            return Ok(());
        }
        let new = self.put_valued(value, node, &[Copy(node.label())])?;
        self.replace(link, node, new);
        Ok(())
    }

    /// Adds a child that holds what of a key is left.
    fn add_child(&mut self, link: usize, node: &Node, rest: &[u8], value: u32) -> Result<()> {
        let Some((&first, rest)) = rest.split_first() else {
            return Ok(());
        };
        let leaf = self.put_leaf(rest, value)?;
        let firsts = self.bytes(node.firsts());
        let place = firsts.partition_point(|&byte| byte < first);
        let at = node.firsts + place;
        let new = self.put(
            self.value(node),
            &[Copy(node.label())],
            &[
                Copy(node.firsts..at),
                New(&[first]),
                Copy(at..node.firsts().end),
            ],
            &[
                Copy(node.links..node.link(place)),
                New(&link_to(leaf)),
                Copy(node.link(place)..node.end),
            ],
        );
        match new {
            Ok(new) => self.replace(link, node, new),
            Err(error) => {
                self.release_chain(leaf);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Puts a node into the label of another, behind `common` of its bytes; there what is left of the key, and the
    /// rest of the label, go on.
    fn split(
        &mut self,
        link: usize,
        node: &Node,
        common: usize,
        rest: &[u8],
        value: u32,
    ) -> Result<()> {
        let at = node.label + common;
        let lower_first = self.blocks.bytes[at];
        let lower = self.put_again(node, &[Copy(at + 1..node.firsts)])?;
        let label = [Copy(node.label..at)];
        let upper = match rest.split_first() {
            None => self.put(
                value,
                &label,
                &[New(&[lower_first])],
                &[New(&link_to(lower))],
            ),
            Some((&first, rest)) => self.put_leaf(rest, value).and_then(|leaf| {
                let mut children = [(lower_first, lower), (first, leaf)];
                children.sort_unstable();
                let firsts = children.map(|(first, _)| first);
                let links = children.map(|(_, child)| link_to(child));
                self.put(0, &label, &[New(&firsts)], &[New(links.as_flattened())])
                    .inspect_err(|_| self.release_chain(leaf))
            }),
        };
        match upper {
            Ok(upper) => self.replace(link, node, upper),
            Err(error) => {
                self.release(&self.node(lower));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes a node with this label, and those above it that it needs because of its length.
    fn put_leaf(&mut self, label: &[u8], value: u32) -> Result<usize> {
        // Each of those above takes its label and the first byte of the next.
        let above = label.len() / (LABEL + 1);
        let (upper, last) = label.split_at(above * (LABEL + 1));
        let mut leaf = self.put(value, &[New(last)], &[], &[])?;
        for part in upper.rchunks(LABEL + 1) {
            let (label, first) = part.split_at(LABEL);
            leaf = self
                .put(0, &[New(label)], &[New(first)], &[New(&link_to(leaf))])
                .inspect_err(|_| self.release_chain(leaf))?;
        }
        Ok(leaf)
    }

    /// Frees a node, and those below it, each of them the only child.
    fn release_chain(&mut self, mut at: usize) {
        loop {
            let node = self.node(at);
            self.release(&node);
            if node.children() != 1 {
                return;
            }
            at = self.first_child(&node);
        }
    }

    /// The first child.
    fn first_child(&self, node: &Node) -> usize {
        self.blocks.link(node.link(0))
    }

    /// Takes a child, with a chain of only children below it, from a node, which is joined with the one that is left
    /// if it is needed no more.
    fn detach(&mut self, link: usize, place: usize) -> Result<()> {
        let node = self.node(self.blocks.link(link));
        let chain = self.blocks.link(node.link(place));
        let is_needed = self.value(&node) != 0;
        if is_needed || node.children() != 2 || self.join(link, &node, 1 - place).is_err() {
            let at = node.firsts + place;
            let new = self.put(
                self.value(&node),
                &[Copy(node.label())],
                &[Copy(node.firsts..at), Copy(at + 1..node.links)],
                &[
                    Copy(node.links..node.link(place)),
                    Copy(node.link(place + 1)..node.end),
                ],
            )?;
            self.replace(link, &node, new);
        }
        self.release_chain(chain);
        Ok(())
    }

    /// Makes one node of a node and one of its children; others are lost. `NoMemory`, also if their labels do not go
    /// into one: nothing has changed.
    fn join(&mut self, link: usize, node: &Node, place: usize) -> Result<()> {
        let child = self.node(self.blocks.link(node.link(place)));
        let first = node.firsts + place;
        if node.label().len() + 1 + child.label().len() > LABEL {
            return Err(Error::NoMemory);
        }
        let label = [
            Copy(node.label()),
            Copy(first..first + 1),
            Copy(child.label()),
        ];
        let new = self.put_again(&child, &label)?;
        self.replace(link, node, new);
        self.release(&child);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
