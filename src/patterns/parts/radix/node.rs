//! What a node of a radix tree is made of.

#![forbid(unsafe_code)]

use std::ops::Range;

use super::blocks::LINK;

/// In the shape: there are children. The rest is the length of the value.
pub(super) const BRANCHES: u8 = 8;

/// Where the parts of a node lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: usize,
    pub(super) label: usize,
    pub(super) firsts: usize,
    pub(super) links: usize,
    pub(super) end: usize,
}

impl Node {
    #[inline]
    pub(super) fn at(bytes: &[u8], at: usize) -> Self {
        // No block is shorter.
        let header = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let &[label_len, shape, children] = header.unwrap_or(&[0; 3]);
        let branches = shape / BRANCHES;
        let children = usize::from(branches) * (usize::from(children) + 1);
        let value = at + 2 + usize::from(branches);
        let label = value + usize::from(shape % BRANCHES);
        let firsts = label + usize::from(label_len);
        let links = firsts + children;
        Self {
            at,
            value,
            label,
            firsts,
            links,
            end: links + children * LINK,
        }
    }

    pub(super) fn value(&self) -> Range<usize> {
        self.value..self.label
    }

    pub(super) fn label(&self) -> Range<usize> {
        self.label..self.firsts
    }

    pub(super) fn firsts(&self) -> Range<usize> {
        self.firsts..self.links
    }

    pub(super) fn links(&self) -> Range<usize> {
        self.links..self.end
    }

    pub(super) fn children(&self) -> usize {
        self.links - self.firsts
    }

    /// Where the link to a child lies.
    pub(super) fn link(&self, place: usize) -> usize {
        self.links + place * LINK
    }
}

/// The parts of a node, for those who only read.
pub(super) struct Parts<'a> {
    pub(super) value: &'a [u8],
    pub(super) label: &'a [u8],
    pub(super) firsts: &'a [u8],
    /// And what follows the node.
    pub(super) links: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    pub(super) fn of(bytes: &'a [u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        // No block is shorter.
        let &[label_len, shape, children] = rest.first_chunk()?;
        let branches = shape / BRANCHES;
        let children = usize::from(branches) * (usize::from(children) + 1);
        let rest = rest.get(2 + usize::from(branches)..)?;
        let (value, rest) = rest.split_at_checked(usize::from(shape % BRANCHES))?;
        let (label, rest) = rest.split_at_checked(usize::from(label_len))?;
        let (firsts, links) = rest.split_at_checked(children)?;
        Some(Self {
            value,
            label,
            firsts,
            links,
        })
    }
}

#[inline]
pub(super) fn number_of(value: &[u8]) -> u32 {
    let bytes = value.iter().rev();
    bytes.fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// The place of a first byte.
#[inline]
pub(super) fn place_of(firsts: &[u8], first: u8) -> Option<usize> {
    /// Below this a plain loop is faster.
    const FEW: usize = 16;
    if firsts.len() < FEW {
        firsts.iter().position(|&byte| byte == first)
    } else {
        memchr::memchr(first, firsts)
    }
}

/// What follows a label, of which most are shorter than a call takes.
#[inline]
pub(super) fn strip_label<'a>(text: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    const SHORT: usize = 4;
    let (begin, after) = text.split_at_checked(label.len())?;
    let is_equal = if label.len() <= SHORT {
        begin.iter().zip(label).all(|(one, other)| one == other)
    } else {
        begin == label
    };
    is_equal.then_some(after)
}

#[inline]
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
