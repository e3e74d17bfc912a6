//! A path-compressed radix tree over byte strings in flat arrays.
//!
//! Four arrays hold everything: nodes, label bytes, and for each node's children their first bytes
//! and their links, sorted. Freed nodes and blocks are used again; labels are compacted. A topic
//! costs one or two nodes of 16 bytes and the value, 5 bytes a link, and the bytes that it does not
//! share. Indexes that the code follows come from the tree itself: a node's label and block lie
//! inside their arrays and its links name live nodes.

#![forbid(unsafe_code)]

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::memory;

/// What a key maps to. A vacant value is as good as none: its key is not in the tree.
pub(crate) trait Entry: Default {
    fn is_vacant(&self) -> bool;
}

/// A map from byte strings.
#[derive(Debug)]
pub(crate) struct Radix<V> {
    nodes: Vec<Node<V>>,
    free_nodes: Vec<u32>,
    labels: Vec<u8>,
    /// Bytes of `labels` that no node uses.
    dead_labels: usize,
    children: Children,
    /// Keys in the tree.
    len: usize,
}

#[derive(Debug, Default)]
struct Node<V> {
    /// The bytes between the parent and this node, in `labels`; empty for the root only.
    label_start: u32,
    label_len: u32,
    children: Block,
    value: V,
}

const ROOT: u32 = 0;

impl<V: Entry> Default for Radix<V> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            free_nodes: Vec::new(),
            labels: Vec::new(),
            dead_labels: 0,
            children: Children::default(),
            len: 0,
        }
    }
}

impl<V: Entry> Radix<V> {
    /// Changes the value of `key`, which is vacant if the key is not there. `NoMemory` before any change.
    pub(crate) fn insert_with<R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<R> {
        let node = self.find_or_add(key)?;
        let value = &mut self.nodes[node as usize].value;
        let was_vacant = value.is_vacant();
        let result = change(value);
        if was_vacant && !value.is_vacant() {
            self.len += 1;
        }
        Ok(result)
    }

    /// Changes the value of `key` if it is there; a value left vacant takes the key out.
    pub(crate) fn change<R>(&mut self, key: &[u8], change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let (parent, node) = self.find(key)?;
        let value = &mut self.nodes[node as usize].value;
        if value.is_vacant() {
            return None;
        }
        let result = change(value);
        if value.is_vacant() {
            self.len -= 1;
            self.prune(parent, node);
        }
        Some(result)
    }

    /// The values of all keys that are prefixes of `text`, shortest first.
    #[inline]
    pub(crate) fn prefixes<B>(
        &self,
        text: &[u8],
        mut visit: impl FnMut(&V) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(mut node) = self.nodes.first() else {
            return ControlFlow::Continue(());
        };
        let mut rest = text;
        loop {
            if !node.value.is_vacant() {
                visit(&node.value)?;
            }
            let Some(&first) = rest.first() else { break };
            let Some(child) = self.children.find(node.children, first) else {
                break;
            };
            node = &self.nodes[child as usize];
            let Some(after) = rest.strip_prefix(self.label(node)) else {
                break;
            };
            rest = after;
        }
        ControlFlow::Continue(())
    }

    /// All keys with their values: a key before its extensions, then in byte order. `NoMemory` if there is none to
    /// put a key together: those before it were visited.
    pub(crate) fn for_each(
        &self,
        mut visit: impl FnMut(&[u8], &V) -> ControlFlow<()>,
    ) -> Result<()> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        // Nodes to come, each with the length of the key that it extends.
        let mut pending = Vec::new();
        memory::push(&mut pending, (ROOT, 0))?;
        let mut key = Vec::new();
        while let Some((node, depth)) = pending.pop() {
            let node = &self.nodes[node as usize];
            key.truncate(depth);
            memory::append(&mut key, self.label(node))?;
            if !node.value.is_vacant() && visit(&key, &node.value).is_break() {
                return Ok(());
            }
            let links = self.children.links(node.children);
            pending
                .try_reserve(links.len())
                .map_err(|_| Error::NoMemory)?;
            pending.extend(links.iter().rev().map(|&child| (child, key.len())));
        }
        Ok(())
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn label(&self, node: &Node<V>) -> &[u8] {
        let start = node.label_start as usize;
        &self.labels[start..start + node.label_len as usize]
    }

    /// The node of exactly this key and its parent (the root is its own).
    fn find(&self, key: &[u8]) -> Option<(u32, u32)> {
        let (mut parent, mut node, mut rest) = (ROOT, ROOT, key);
        if self.nodes.is_empty() {
            return None;
        }
        while let Some(&first) = rest.first() {
            let child = self
                .children
                .find(self.nodes[node as usize].children, first)?;
            rest = rest.strip_prefix(self.label(&self.nodes[child as usize]))?;
            (parent, node) = (node, child);
        }
        Some((parent, node))
    }

    fn find_or_add(&mut self, key: &[u8]) -> Result<u32> {
        self.reserve(key.len())?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let (mut node, mut rest) = (ROOT, key);
        while let Some(&first) = rest.first() {
            let Some(child) = self
                .children
                .find(self.nodes[node as usize].children, first)
            else {
                let leaf = self.add_node(rest);
                self.link(node, first, leaf);
                return Ok(leaf);
            };
            let label = self.label(&self.nodes[child as usize]);
            let common = common_prefix(label, rest);
            node = if common < label.len() {
                self.split(node, first, child, common)
            } else {
                child
            };
            rest = &rest[common..];
        }
        Ok(node)
    }

    /// Makes room for one more key, so that nothing fails afterwards: at most two nodes, the label,
    /// and a larger block for the parent and a new one for the split.
    fn reserve(&mut self, label: usize) -> Result<()> {
        let fits = self
            .labels
            .len()
            .checked_add(label)
            .is_some_and(|len| u32::try_from(len).is_ok());
        // A quarter of the number range is out of reach for memory, and keeps the links valid.
        if !fits || self.nodes.len() > (u32::MAX / 4) as usize {
            return Err(Error::NoMemory);
        }
        self.nodes.try_reserve(3).map_err(|_| Error::NoMemory)?;
        self.labels
            .try_reserve(label)
            .map_err(|_| Error::NoMemory)?;
        self.children.reserve()
    }

    fn add_node(&mut self, label: &[u8]) -> u32 {
        let node = Node {
            // The sums were checked by `reserve`.
            label_start: self.labels.len() as u32,
            label_len: label.len() as u32,
            children: Block::default(),
            value: V::default(),
        };
        self.labels.extend_from_slice(label);
        self.place_node(node)
    }

    fn place_node(&mut self, node: Node<V>) -> u32 {
        if let Some(index) = self.free_nodes.pop() {
            self.nodes[index as usize] = node;
            return index;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    fn link(&mut self, parent: u32, first: u8, child: u32) {
        let block = &mut self.nodes[parent as usize].children;
        *block = self.children.insert(*block, first, child);
    }

    /// Puts a node into the label of `child`, after `common` of its bytes.
    fn split(&mut self, parent: u32, first: u8, child: u32, common: usize) -> u32 {
        // Shorter than the label, whose length is a u32.
        let common = common as u32;
        let lower = &mut self.nodes[child as usize];
        let label_start = lower.label_start;
        lower.label_start += common;
        lower.label_len -= common;
        let lower_first = self.labels[lower.label_start as usize];
        let upper = self.place_node(Node {
            label_start,
            label_len: common,
            children: Block::default(),
            value: V::default(),
        });
        self.children
            .replace(self.nodes[parent as usize].children, first, upper);
        self.link(upper, lower_first, child);
        upper
    }

    /// Removes a node that lost its value, if it is not needed as a branch.
    fn prune(&mut self, parent: u32, node: u32) {
        if self.len == 0 {
            *self = Self::default();
            return;
        }
        if node == ROOT {
            return;
        }
        if self.nodes[node as usize].children.len > 0 {
            self.merge_with_only_child(node);
        } else {
            let first = self.label(&self.nodes[node as usize])[0];
            let block = self.nodes[parent as usize].children;
            self.nodes[parent as usize].children = self.children.remove(block, first);
            self.release(node);
            if parent != ROOT && self.nodes[parent as usize].value.is_vacant() {
                self.merge_with_only_child(parent);
            }
        }
        self.compact_labels();
        self.shrink();
    }

    /// Moves a few keys that are left of many into a new tree: nodes do not move within one. Without memory for
    /// that it stays as it is.
    fn shrink(&mut self) {
        const WORTH_IT: usize = 1024;
        if self.nodes.len() < WORTH_IT || self.nodes.len() / 16 < self.len {
            return;
        }
        let mut keys = Vec::<Box<[u8]>>::new();
        let visited = self.for_each(|key, _| {
            match memory::boxed(key).and_then(|key| memory::push(&mut keys, key)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        if visited.is_err() || keys.len() < self.len {
            return;
        }
        let mut small = Self::default();
        if keys
            .iter()
            .any(|key| small.insert_with(key, |_| ()).is_err())
        {
            return;
        }
        for key in keys {
            if let Some((_, node)) = self.find(&key) {
                let value = std::mem::take(&mut self.nodes[node as usize].value);
                let _ = small.insert_with(&key, |place| *place = value);
            }
        }
        *self = small;
    }

    /// Joins a branch that is none any more with its child. Without memory the two stay apart, which
    /// is not compact but right.
    fn merge_with_only_child(&mut self, node: u32) {
        let block = self.nodes[node as usize].children;
        let &[child] = self.children.links(block) else {
            return;
        };
        let (upper, lower) = (&self.nodes[node as usize], &self.nodes[child as usize]);
        let label_len = upper.label_len + lower.label_len;
        let mut label_start = upper.label_start;
        if label_start + upper.label_len != lower.label_start {
            let fits = u32::try_from(self.labels.len() + label_len as usize).is_ok();
            if !fits || self.labels.try_reserve(label_len as usize).is_err() {
                return;
            }
            label_start = self.labels.len() as u32;
            for node in [node, child] {
                let part = &self.nodes[node as usize];
                let start = part.label_start as usize;
                self.labels
                    .extend_from_within(start..start + part.label_len as usize);
            }
            self.dead_labels += label_len as usize;
        }
        self.children.release(block);
        let mut merged = std::mem::take(&mut self.nodes[child as usize]);
        self.free_nodes.push(child);
        merged.label_start = label_start;
        merged.label_len = label_len;
        self.nodes[node as usize] = merged;
    }

    /// Frees a node without children.
    fn release(&mut self, node: u32) {
        let released = std::mem::take(&mut self.nodes[node as usize]);
        self.dead_labels += released.label_len as usize;
        // Without memory its place stays empty as long as this tree is there.
        let _ = memory::push(&mut self.free_nodes, node);
    }

    /// Writes the labels anew when a quarter of them is dead.
    fn compact_labels(&mut self) {
        const WORTH_IT: usize = 1024;
        if self.dead_labels < WORTH_IT || self.dead_labels < self.labels.len() / 4 {
            return;
        }
        let mut compact = Vec::new();
        if compact
            .try_reserve_exact(self.labels.len() - self.dead_labels)
            .is_err()
        {
            return;
        }
        // Free nodes have an empty label.
        for node in &mut self.nodes {
            let start = node.label_start as usize;
            let label = &self.labels[start..start + node.label_len as usize];
            node.label_start = compact.len() as u32;
            compact.extend_from_slice(label);
        }
        self.labels = compact;
        self.dead_labels = 0;
    }
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// The children of one node: `len` entries at `start` in both arrays, in a block of `1 << class`.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    start: u32,
    len: u16,
    class: u8,
}

/// Blocks of 1 to 256 children.
const CLASSES: usize = 9;

/// First bytes and links of all children.
#[derive(Debug, Default)]
struct Children {
    firsts: Vec<u8>,
    links: Vec<u32>,
    free: [Vec<u32>; CLASSES],
    /// The largest class handed out so far.
    largest: u8,
}

impl Children {
    #[inline]
    fn find(&self, block: Block, first: u8) -> Option<u32> {
        /// Below this a plain loop is faster.
        const FEW: usize = 8;
        let start = block.start as usize;
        let firsts = &self.firsts[start..start + usize::from(block.len)];
        let place = if firsts.len() < FEW {
            firsts.iter().position(|&byte| byte == first)?
        } else {
            memchr::memchr(first, firsts)?
        };
        Some(self.links[start + place])
    }

    fn links(&self, block: Block) -> &[u32] {
        let start = block.start as usize;
        &self.links[start..start + usize::from(block.len)]
    }

    /// Room for what one key can need: a block of the next larger class, and the two smallest.
    fn reserve(&mut self) -> Result<()> {
        let most = (2 << self.largest) + 3;
        if self.links.len() > (u32::MAX / 2) as usize {
            return Err(Error::NoMemory);
        }
        self.firsts.try_reserve(most).map_err(|_| Error::NoMemory)?;
        self.links.try_reserve(most).map_err(|_| Error::NoMemory)
    }

    fn allocate(&mut self, class: u8) -> u32 {
        self.largest = self.largest.max(class);
        if let Some(start) = self.free[usize::from(class)].pop() {
            return start;
        }
        let start = self.links.len();
        let end = start + (1 << class);
        self.firsts.resize(end, 0);
        self.links.resize(end, 0);
        // `reserve` keeps the arrays below half the range.
        start as u32
    }

    fn release(&mut self, block: Block) {
        if block.len > 0 {
            // As with nodes.
            let _ = memory::push(&mut self.free[usize::from(block.class)], block.start);
        }
    }

    /// The block with one more child. The byte is not in it, so it has at most 255.
    fn insert(&mut self, mut block: Block, first: u8, link: u32) -> Block {
        if block.len == 0 {
            block = Block {
                start: self.allocate(0),
                len: 0,
                class: 0,
            };
        } else if block.len == 1 << block.class {
            block = self.move_to(block, block.class + 1);
        }
        let start = block.start as usize;
        let len = usize::from(block.len);
        let firsts = &self.firsts[start..start + len];
        let place = start + firsts.partition_point(|&byte| byte < first);
        self.firsts.copy_within(place..start + len, place + 1);
        self.links.copy_within(place..start + len, place + 1);
        self.firsts[place] = first;
        self.links[place] = link;
        block.len += 1;
        block
    }

    fn replace(&mut self, block: Block, first: u8, link: u32) {
        let start = block.start as usize;
        let firsts = &self.firsts[start..start + usize::from(block.len)];
        if let Some(place) = firsts.iter().position(|&byte| byte == first) {
            self.links[start + place] = link;
        }
    }

    /// The block with one child less.
    fn remove(&mut self, mut block: Block, first: u8) -> Block {
        let start = block.start as usize;
        let end = start + usize::from(block.len);
        let firsts = &self.firsts[start..end];
        let Some(place) = firsts.iter().position(|&byte| byte == first) else {
            return block;
        };
        let place = start + place;
        if block.len == 1 {
            self.release(block);
            return Block::default();
        }
        self.firsts.copy_within(place + 1..end, place);
        self.links.copy_within(place + 1..end, place);
        block.len -= 1;
        // A quarter full: halve it, if there is a block of that size already.
        if block.class > 1
            && block.len == 1 << (block.class - 2)
            && !self.free[usize::from(block.class - 1)].is_empty()
        {
            block = self.move_to(block, block.class - 1);
        }
        block
    }

    fn move_to(&mut self, block: Block, class: u8) -> Block {
        let start = self.allocate(class);
        let from = block.start as usize..block.start as usize + usize::from(block.len);
        self.firsts.copy_within(from.clone(), start as usize);
        self.links.copy_within(from, start as usize);
        self.release(block);
        Block {
            start,
            len: block.len,
            class,
        }
    }
}

#[cfg(test)]
mod tests;
