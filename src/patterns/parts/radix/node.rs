//! What a node of a radix tree is made of.

#![forbid(unsafe_code)]

use std::ops::Range;

use super::blocks::LINK;

/// In the shape: there are children. Below it is the length of the value.
pub(super) const BRANCHES: u8 = 8;
/// In the shape: it is a bucket, and nothing else is there.
pub(super) const BUCKET: u8 = 16;

/// Where the parts of a node lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: usize,
    pub(super) label: usize,
    pub(super) firsts: usize,
    /// Or a bucket's entries.
    pub(super) links: usize,
    pub(super) end: usize,
    is_bucket: bool,
}

/// What the first bytes of a node say: the lengths of its parts.
struct Header {
    size: usize,
    value: usize,
    label: usize,
    children: usize,
    is_bucket: bool,
    entries: usize,
}

impl Header {
    #[inline]
    fn of(&[label, shape, count]: &[u8; 3]) -> Self {
        let is_bucket = shape == BUCKET;
        let branches = shape & BRANCHES != 0;
        Self {
            size: 2 + usize::from(shape >= BRANCHES),
            value: usize::from(shape % BRANCHES),
            label: usize::from(label),
            children: usize::from(branches) * (usize::from(count) + 1),
            is_bucket,
            entries: usize::from(is_bucket) * usize::from(count),
        }
    }
}

impl Node {
    #[inline]
    pub(super) fn at(bytes: &[u8], at: usize) -> Self {
        // No block is shorter.
        let header = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let header = Header::of(header.unwrap_or(&[0; 3]));
        let value = at + header.size;
        let label = value + header.value;
        let firsts = label + header.label;
        let links = firsts + header.children;
        Self {
            at,
            value,
            label,
            firsts,
            links,
            end: links + header.children * LINK + header.entries,
            is_bucket: header.is_bucket,
        }
    }

    pub(super) fn is_bucket(&self) -> bool {
        self.is_bucket
    }

    /// Empty if it is no bucket.
    pub(super) fn entries(&self) -> Range<usize> {
        let begin = if self.is_bucket { self.links } else { self.end };
        begin..self.end
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
    /// Empty if it is no bucket.
    pub(super) entries: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    pub(super) fn of(bytes: &'a [u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        // No block is shorter.
        let header = Header::of(rest.first_chunk()?);
        let rest = rest.get(header.size..)?;
        let (value, rest) = rest.split_at_checked(header.value)?;
        let (label, rest) = rest.split_at_checked(header.label)?;
        let (firsts, links) = rest.split_at_checked(header.children)?;
        let entries = links.get(..header.entries)?;
        Some(Self {
            value,
            label,
            firsts,
            links,
            entries,
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
