//! Walks through all of a radix tree: its keys in order, and the copy that makes its array compact.

#![forbid(unsafe_code)]

use std::ops::ControlFlow;

use super::Radix;
use super::blocks::ROOT;
use super::bucket::Entries;
use crate::error::{Error, Result};
use crate::memory;

impl Radix {
    /// All keys with their values: a key before its extensions, then in byte order. `NoMemory` if there is none to
    /// put a key together: those before it were visited.
    pub(crate) fn for_each(&self, visit: impl FnMut(&[u8], u32) -> ControlFlow<()>) -> Result<()> {
        self.for_each_after(None, visit)
    }

    /// As [`Self::for_each`] for the keys that come behind `after` in that order; it need not be there itself.
    pub(crate) fn for_each_after(
        &self,
        after: Option<&[u8]>,
        mut visit: impl FnMut(&[u8], u32) -> ControlFlow<()>,
    ) -> Result<()> {
        let root = self.blocks.link(ROOT);
        if root == 0 {
            return Ok(());
        }
        // Nodes to come, each with the length of the key that it extends, and by what besides its label; and with what
        // the rest of its keys has to be behind of, if they need not all be.
        let mut pending = Vec::new();
        memory::push(&mut pending, (root, 0, None, after))?;
        let mut key = Vec::new();
        while let Some((node, depth, first, after)) = pending.pop() {
            let node = self.node(node);
            key.truncate(depth);
            if let Some(first) = first {
                memory::push(&mut key, first)?;
            }
            let label = self.bytes(node.label());
            memory::append(&mut key, label)?;
            let rest = after.and_then(|after| after.strip_prefix(label));
            if rest.is_none() && after.is_some_and(|after| label < after) {
                continue;
            }
            let shared = key.len();
            for entry in Entries(self.bytes(node.entries())) {
                if rest.is_none_or(|rest| entry.rest > rest) {
                    key.truncate(shared);
                    memory::append(&mut key, entry.rest)?;
                    if visit(&key, entry.value).is_break() {
                        return Ok(());
                    }
                }
            }
            let value = self.value(&node);
            if rest.is_none() && value != 0 && visit(&key, value).is_break() {
                return Ok(());
            }
            // On the way to `after`: it itself, and the keys before it, are left out.
            let (next, behind) = match rest.and_then(<[u8]>::split_first) {
                Some((next, behind)) => (Some(next), Some(behind)),
                None => (None, None),
            };
            pending
                .try_reserve(node.children())
                .map_err(|_| Error::NoMemory)?;
            let firsts = self.bytes(node.firsts()).iter().enumerate().rev();
            let wanted = firsts.filter(|(_, first)| next.is_none_or(|next| *first >= next));
            pending.extend(wanted.map(|(place, &first)| {
                let child = self.blocks.link(node.link(place));
                let after = behind.filter(|_| next == Some(&first));
                (child, shared, Some(first), after)
            }));
        }
        Ok(())
    }

    pub(super) fn compact_if_sparse(&mut self) {
        if self.blocks.is_sparse() {
            // Without memory for the copy the array stays, which is not compact but right.
            let _ = self.compact();
        }
    }

    /// Copies the nodes to an array of their own, in the order of the keys. `NoMemory`: nothing has changed.
    fn compact(&mut self) -> Result<()> {
        let mut blocks = self.blocks.fresh()?;
        // Links to come: to which old node, and where the new one lies.
        let mut pending = Vec::new();
        memory::push(&mut pending, (self.blocks.link(ROOT), ROOT))?;
        while let Some((old, link)) = pending.pop() {
            let node = self.node(old);
            let at = blocks.append(&self.blocks, old, node.end - old)?;
            blocks.set_link(link, at);
            pending
                .try_reserve(node.children())
                .map_err(|_| Error::NoMemory)?;
            let places = (0..node.children()).rev().map(|place| node.link(place));
            pending.extend(places.map(|link| (self.blocks.link(link), link - old + at)));
        }
        self.blocks = blocks;
        Ok(())
    }
}
