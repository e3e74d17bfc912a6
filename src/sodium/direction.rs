//! What goes one way, sealed or opened: boxes whose nonces begin alike and count on.
//!
//! What XSalsa20 makes of a nonce's first sixteen bytes and the key is computed once. A lone message takes three calls of
//! libsodium's. In a batch the key stream of the messages that follow is made ahead, of several nonces at once (`lanes`).

use std::fmt::{self, Debug, Formatter};
use std::ptr;

use libsodium_sys as c;

use super::{BoxKey, Secret, TAG, wipe};

/// The part of the block of key stream number 0 that is the tag's key; the rest covers the first bytes of a text.
const TAG_KEY: usize = 32;
/// Bytes of a block of key stream.
pub(super) const BLOCK: usize = 64;
/// Bytes of a text, its first one counted, that the rest of block number 0 covers.
const IN_BLOCK: usize = BLOCK - TAG_KEY;

/// Seals, or opens, what goes one way. A batch ends with [`Self::end_batch`].
#[derive(Debug)]
pub(crate) struct Direction {
    subkey: Secret,
    ahead: Ahead,
}

impl Direction {
    pub(crate) fn new(key: &BoxKey, prefix: &[u8; 16]) -> Self {
        let mut subkey = Secret::blank();
        let (to, key) = (subkey.bytes_mut().as_mut_ptr(), key.0.0.as_ptr());
        // SAFETY: 32, 16 and 32 bytes; NULL is the usual constant. It does not fail.
        let _ = unsafe { c::crypto_core_hsalsa20(to, prefix.as_ptr(), key, ptr::null()) };
        Self {
            subkey,
            ahead: Ahead::default(),
        }
    }

    /// Seals `first` and `rest` into all of `sealed`, which is longer by that and [`TAG`].
    pub(crate) fn seal(&mut self, counter: u64, first: u8, rest: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), rest.len() + 1 + TAG, "room for the tag");
        let (tag, boxed) = sealed.split_at_mut(TAG);
        let subkey = &self.subkey;
        let Some(stream) = self.ahead.stream(subkey, counter, boxed.len()) else {
            let mut block = Block::blank();
            let (near, far) = rest.split_at(rest.len().min(IN_BLOCK - 1));
            let covered = 1 + near.len();
            let text = block.text(covered);
            text[0] = first;
            text[1..].copy_from_slice(near);
            block.cover(subkey, counter, covered);
            let (front, back) = boxed.split_at_mut(covered);
            front.copy_from_slice(block.text(covered));
            cover(subkey, counter, 1, far, back);
            return authenticate(block.tag_key(), boxed, tag);
        };
        let (key, stream) = stream.split_at(TAG_KEY);
        boxed[0] = first ^ stream[0];
        let (near, far) = rest.split_at(rest.len().min(stream.len() - 1));
        let (front, back) = boxed[1..].split_at_mut(near.len());
        combine(near, &stream[1..], front);
        cover(subkey, counter, AHEAD_BLOCKS as u64, far, back);
        authenticate(key, boxed, tag);
    }

    /// Opens `sealed` into the first byte and all of `rest`, which is shorter by that and [`TAG`]. `None`, and nothing is
    /// written: it was not sealed like this.
    #[must_use]
    pub(crate) fn open(&mut self, counter: u64, sealed: &[u8], rest: &mut [u8]) -> Option<u8> {
        if sealed.len() != rest.len() + 1 + TAG {
            return None;
        }
        let (tag, boxed) = sealed.split_at(TAG);
        let subkey = &self.subkey;
        let Some(stream) = self.ahead.stream(subkey, counter, boxed.len()) else {
            let mut block = Block::blank();
            let (near, far) = rest.split_at_mut(rest.len().min(IN_BLOCK - 1));
            let covered = 1 + near.len();
            let (front, back) = boxed.split_at(covered);
            block.text(covered).copy_from_slice(front);
            block.cover(subkey, counter, covered);
            if !is_authentic(block.tag_key(), boxed, tag) {
                return None;
            }
            let text = block.text(covered);
            near.copy_from_slice(&text[1..]);
            let first = text[0];
            cover(subkey, counter, 1, back, far);
            return Some(first);
        };
        let (key, stream) = stream.split_at(TAG_KEY);
        if !is_authentic(key, boxed, tag) {
            return None;
        }
        let (near, far) = rest.split_at_mut(rest.len().min(stream.len() - 1));
        let (front, back) = boxed[1..].split_at(near.len());
        combine(front, &stream[1..], near);
        cover(subkey, counter, AHEAD_BLOCKS as u64, back, far);
        Some(boxed[0] ^ stream[0])
    }

    /// No message follows for a while: what was made ahead goes.
    pub(crate) fn end_batch(&mut self) {
        self.ahead = Ahead::default();
    }
}

/// Block number 0 of a key stream: the tag's key, and the beginning of a text, covered.
struct Block([u8; BLOCK]);

impl Block {
    fn blank() -> Self {
        Self([0; BLOCK])
    }

    fn tag_key(&self) -> &[u8] {
        &self.0[..TAG_KEY]
    }

    /// The first `length` bytes of the text, at most [`IN_BLOCK`].
    fn text(&mut self, length: usize) -> &mut [u8] {
        &mut self.0[TAG_KEY..TAG_KEY + length]
    }

    /// Covers, or uncovers, them, and makes the tag's key.
    fn cover(&mut self, subkey: &Secret, counter: u64, length: usize) {
        let bytes = &mut self.0[..TAG_KEY + length];
        let (at, nonce) = (bytes.as_mut_ptr(), counter.to_be_bytes());
        let (length, key) = (bytes.len() as u64, subkey.0.as_ptr());
        // SAFETY: it may write where it reads; nonce and key have their lengths. It does not fail.
        let _ = unsafe { c::crypto_stream_salsa20_xor(at, at, length, nonce.as_ptr(), key) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Blocks of each nonce that are made ahead, at most: what is longer is worth libsodium's own batches.
const AHEAD_BLOCKS: usize = 4;

/// Key stream that was made ahead.
#[derive(Default)]
struct Ahead {
    /// The batch has had a message: another one is likely.
    is_batch: bool,
    streams: Streams,
}

/// The beginnings of the key streams of nonces that follow each other from `first` on.
#[derive(Default)]
struct Streams {
    first: u64,
    /// So many blocks of each are there.
    blocks: usize,
    rows: Vec<[u8; AHEAD_BLOCKS * BLOCK]>,
}

impl Ahead {
    /// The key stream of `counter`, at least as much as a text of `length` bytes takes, or all that is ever made ahead.
    /// `None`: the message is a lone one, or the processor has no lanes, or there is no memory.
    fn stream(&mut self, subkey: &Secret, counter: u64, length: usize) -> Option<&[u8]> {
        if !std::mem::replace(&mut self.is_batch, true) {
            return None;
        }
        let blocks = (TAG_KEY + length).div_ceil(BLOCK).min(AHEAD_BLOCKS);
        self.streams.prepare(subkey, counter, blocks)
    }
}

impl Streams {
    #[cfg(target_arch = "x86_64")]
    fn prepare(&mut self, subkey: &Secret, counter: u64, blocks: usize) -> Option<&[u8]> {
        use super::lanes::{LANES, Lanes};

        let lanes = Lanes::detect()?;
        if self.rows.is_empty() {
            self.rows.try_reserve_exact(LANES).ok()?;
            self.rows.resize(LANES, [0; AHEAD_BLOCKS * BLOCK]);
        }
        // What lies before `first` is far behind it, too.
        let mut lane = counter.wrapping_sub(self.first);
        if lane >= LANES as u64 {
            (self.first, self.blocks, lane) = (counter, 0, 0);
        }
        while self.blocks < blocks {
            lanes.write_blocks(subkey.bytes(), self.first, self.blocks, &mut self.rows);
            self.blocks += 1;
        }
        self.rows.get(lane as usize).map(<[u8; _]>::as_slice)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn prepare(&mut self, _subkey: &Secret, _counter: u64, _blocks: usize) -> Option<&[u8]> {
        None
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        wipe(self.rows.as_flattened_mut());
    }
}

/// Without the bytes.
impl Debug for Ahead {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ahead")
    }
}

/// `text` and as much of `stream`, which is as long or longer.
fn combine(text: &[u8], stream: &[u8], to: &mut [u8]) {
    for ((to, text), stream) in to.iter_mut().zip(text).zip(stream) {
        *to = text ^ stream;
    }
}

/// Covers, or uncovers, `from` into `to`, which is as long, with the key stream from `block` on.
fn cover(subkey: &Secret, counter: u64, block: u64, from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "as long");
    if from.is_empty() {
        return;
    }
    let (length, nonce, key) = (from.len() as u64, counter.to_be_bytes(), subkey.0.as_ptr());
    let (to, from) = (to.as_mut_ptr(), from.as_ptr());
    // SAFETY: the lengths are the same, as was asserted; nonce and key have theirs. It does not fail.
    let _ =
        unsafe { c::crypto_stream_salsa20_xor_ic(to, from, length, nonce.as_ptr(), block, key) };
}

/// Writes the tag of a box.
fn authenticate(key: &[u8], boxed: &[u8], tag: &mut [u8]) {
    assert!(tag.len() == TAG && key.len() == TAG_KEY);
    let (tag, from) = (tag.as_mut_ptr(), boxed.as_ptr());
    // SAFETY: the tag has 16 bytes, its key 32; the box is as long as said. It does not fail.
    let _ = unsafe { c::crypto_onetimeauth_poly1305(tag, from, boxed.len() as u64, key.as_ptr()) };
}

/// In a time that does not depend on where tags differ.
fn is_authentic(key: &[u8], boxed: &[u8], tag: &[u8]) -> bool {
    assert!(tag.len() == TAG && key.len() == TAG_KEY);
    let (tag, from) = (tag.as_ptr(), boxed.as_ptr());
    // SAFETY: the tag has 16 bytes, its key 32; the box is as long as said.
    let failed = unsafe {
        c::crypto_onetimeauth_poly1305_verify(tag, from, boxed.len() as u64, key.as_ptr())
    };
    failed == 0
}

#[cfg(test)]
mod tests {
    use super::super::Nonce;
    use super::super::tests::key_of;
    use super::*;

    const PREFIX: &[u8; 16] = b"CurveZMQMESSAGEC";

    fn text_of(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn nonce_of(counter: u64) -> Nonce {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(PREFIX);
        nonce[16..].copy_from_slice(&counter.to_be_bytes());
        nonce
    }

    /// Seals and opens a text, and compares with a box of the same nonce.
    fn check(directions: &mut [Direction; 2], key: &BoxKey, counter: u64, length: usize) {
        let text = text_of(length + 1);
        let (mut sealed, mut expected) = (vec![0; length + 17], vec![0; length + 17]);
        let [sends, receives] = directions;
        sends.seal(counter, text[0], &text[1..], &mut sealed);
        key.seal(&nonce_of(counter), &text, &mut expected);
        assert_eq!(sealed, expected, "{length}");
        let mut rest = vec![0xAA; length];
        let first = receives.open(counter, &sealed, &mut rest);
        assert_eq!(first, Some(text[0]), "{length}");
        assert_eq!(rest, text[1..], "{length}");
    }

    fn both(key: &BoxKey) -> [Direction; 2] {
        [0, 1].map(|_| Direction::new(key, PREFIX))
    }

    #[test]
    fn a_direction_seals_as_a_box_does() {
        let key = key_of(3);
        let (mut lone, mut batch) = (both(&key), both(&key));
        for length in (0..300).chain([511, 512, 513, 1000, 4096, 10_000, 100_001]) {
            let counter = 0x0102_0304_0506_0708_u64.wrapping_mul(length as u64 + 1);
            check(&mut lone, &key, counter, length);
            lone.iter_mut().for_each(Direction::end_batch);
            check(&mut batch, &key, counter, length);
        }
    }

    /// What was made ahead fits all that follow, whatever their lengths and the gaps between them.
    #[test]
    fn a_batch_is_what_its_messages_are() {
        let key = key_of(4);
        let mut directions = both(&key);
        let mut seed = 1_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut counter = u64::from(u32::MAX) - 100;
        for _ in 0..3000 {
            counter += match next(10) {
                0 => next(40),
                _ => 1,
            };
            let most = [33, 300, 1000][next(3) as usize];
            check(&mut directions, &key, counter, next(most) as usize);
            if next(50) == 0 {
                directions.iter_mut().for_each(Direction::end_batch);
            }
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        for is_batch in [false, true] {
            for length in [0, 1, 30, 31, 32, 40, 100, 250] {
                let [mut sends, mut receives] = both(&key_of(1));
                let mut open = |counter, sealed: &[u8], rest: &mut [u8]| {
                    if !is_batch {
                        receives.end_batch();
                    }
                    receives.open(counter, sealed, rest)
                };
                let (text, mut sealed) = (text_of(length), vec![0; length + 17]);
                sends.seal(5, 1, &text, &mut sealed);
                let mut rest = vec![0xAA; length];
                for bit in 0..sealed.len() * 8 {
                    sealed[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(open(5, &sealed, &mut rest), None);
                    sealed[bit / 8] ^= 1 << (bit % 8);
                }
                assert_eq!(open(6, &sealed, &mut rest), None);
                assert_eq!(open(4, &sealed, &mut rest), None);
                assert!(rest.iter().all(|byte| *byte == 0xAA));
                assert_eq!(open(5, &sealed[..length + 16], &mut rest), None);
                assert_eq!(open(5, &sealed, &mut rest), Some(1));
                assert_eq!(rest, text);
                for short in 0..17 {
                    assert_eq!(open(5, &sealed[..short], &mut []), None);
                }
            }
        }
    }

    #[test]
    fn what_was_made_ahead_is_not_shown() {
        let [mut direction, _] = both(&key_of(1));
        let shown = format!("{direction:?}");
        for counter in 1..4 {
            direction.seal(counter, 0, b"text", &mut [0; 21]);
        }
        assert_eq!(format!("{direction:?}"), shown);
        assert_eq!(shown, "Direction { subkey: Secret, ahead: Ahead }");
    }
}
