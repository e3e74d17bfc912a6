//! The cryptography of CURVE, by libsodium: X25519, XSalsa20 and Poly1305 as NaCl puts them together.
//!
//! Called by `mechanism`, and by whoever makes or keeps keys. A [`BoxKey`] seals and opens the boxes of a handshake; a
//! [`Direction`] those of traffic, whose nonces begin alike. Must not know what the boxes are for.

#![allow(
    unsafe_code,
    reason = "libsodium is written in C; every pointer below comes from a slice or an array"
)]

use std::ffi::{c_char, c_void};
use std::fmt::{self, Debug, Formatter};
use std::sync::Once;
use std::{io, ptr, slice};

use libsodium_sys as c;

use crate::random;

/// Bytes that a box is longer than what is in it: the tag in front.
pub(crate) const TAG: usize = 16;

/// A public key, or what claims to be one: all values are accepted.
pub(crate) type PublicKey = [u8; 32];
pub(crate) type Nonce = [u8; 24];

/// The part of the block of key stream number 0 that is the tag's key; the rest covers the first bytes of a text.
const TAG_KEY: usize = 32;
/// Bytes of a block of key stream.
const BLOCK: usize = 64;

/// Chooses what this processor does best; everything that depends on it comes by here.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the functions are what they are declared to be, and stay.
        let _ = unsafe { c::randombytes_set_implementation(&raw const RANDOM) };
        // SAFETY: by one thread at a time, after the source of random numbers was set.
        let _ = unsafe { c::sodium_init() };
    });
}

/// Its own source of random numbers ends the process if the system has none. Keys are not drawn from this one either: all
/// that it serves is a mark around memory that is not used here.
static RANDOM: c::randombytes_implementation = c::randombytes_implementation {
    implementation_name: Some(random_name),
    random: Some(random_number),
    stir: None,
    uniform: None,
    buf: Some(random_bytes),
    close: None,
};

extern "C" fn random_name() -> *const c_char {
    c"system".as_ptr()
}

extern "C" fn random_number() -> u32 {
    random::u32()
}

/// Bytes stay what they were if the system has no random numbers.
unsafe extern "C" fn random_bytes(place: *mut c_void, length: usize) {
    if length > 0 {
        // SAFETY: the caller has so many bytes there.
        let bytes = unsafe { slice::from_raw_parts_mut(place.cast::<u8>(), length) };
        let _ = random::fill(bytes);
    }
}

/// Overwrites bytes that must not be found in memory later.
fn wipe(bytes: &mut [u8]) {
    // SAFETY: the slice is writable.
    unsafe { c::sodium_memzero(bytes.as_mut_ptr().cast(), bytes.len()) }
}

/// Compares in a time that does not depend on where two texts differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    // SAFETY: both are readable, and as long as the length says if they are compared.
    let differs =
        || unsafe { c::sodium_memcmp(one.as_ptr().cast(), other.as_ptr().cast(), one.len()) };
    one.len() == other.len() && differs() == 0
}

/// Bytes that nobody else may know. They stay where they are and are wiped in the end.
#[derive(Clone)]
pub(crate) struct Secret<const N: usize = 32>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Zeros, to be written to.
    pub(crate) fn blank() -> Self {
        Self(Box::new([0; N]))
    }

    /// Of these bytes, whose owner wipes them.
    pub(crate) fn copy(bytes: &[u8; N]) -> Self {
        let mut secret = Self::blank();
        *secret.0 = *bytes;
        secret
    }

    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn random() -> io::Result<Self> {
        let mut secret = Self::blank();
        random::fill(secret.bytes_mut())?;
        Ok(secret)
    }

    pub(crate) fn bytes(&self) -> &[u8; N] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl Secret {
    /// The public key that belongs to a secret key.
    pub(crate) fn public_key(&self) -> PublicKey {
        prepare();
        let mut public = PublicKey::default();
        // SAFETY: both have 32 bytes. It does not fail.
        let _ = unsafe { c::crypto_scalarmult_base(public.as_mut_ptr(), self.0.as_ptr()) };
        public
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        wipe(self.bytes_mut());
    }
}

impl<const N: usize> Debug for Secret<N> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl<const N: usize> Default for Secret<N> {
    fn default() -> Self {
        Self::blank()
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.bytes(), other.bytes())
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// What two ends share who know a secret key and the other one's public key, or anything secret of this length: the key
/// of a `box`, or of a `secretbox`.
#[derive(Clone, Debug)]
pub(crate) struct BoxKey(Secret);

impl BoxKey {
    /// `None`: the public key is one of the few that leave no secret.
    pub(crate) fn between(public: &PublicKey, secret: &Secret) -> Option<Self> {
        prepare();
        let mut shared = Secret::blank();
        let key = shared.bytes_mut().as_mut_ptr();
        // SAFETY: all three have 32 bytes.
        let failed = unsafe { c::crypto_box_beforenm(key, public.as_ptr(), secret.0.as_ptr()) };
        (failed == 0).then_some(Self(shared))
    }

    /// Of a key that one end keeps to itself.
    pub(crate) fn of(secret: Secret) -> Self {
        prepare();
        Self(secret)
    }

    /// Seals `text` into all of `sealed`, which is longer by [`TAG`].
    pub(crate) fn seal(&self, nonce: &Nonce, text: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), text.len() + TAG, "room for the tag");
        let (to, from, key) = (sealed.as_mut_ptr(), text.as_ptr(), self.0.0.as_ptr());
        // SAFETY: the lengths fit, as was asserted; nonce and key have theirs. It does not fail.
        let _ =
            unsafe { c::crypto_secretbox_easy(to, from, text.len() as u64, nonce.as_ptr(), key) };
    }

    /// Opens `sealed` into all of `text`, which is shorter by [`TAG`]. False, and the text means nothing: it was not sealed
    /// with this key and nonce.
    #[must_use]
    pub(crate) fn open(&self, nonce: &Nonce, sealed: &[u8], text: &mut [u8]) -> bool {
        if sealed.len() != text.len() + TAG {
            return false;
        }
        let (to, from, key) = (text.as_mut_ptr(), sealed.as_ptr(), self.0.0.as_ptr());
        // SAFETY: the lengths fit, as was asked; nonce and key have theirs.
        let failed = unsafe {
            c::crypto_secretbox_open_easy(to, from, sealed.len() as u64, nonce.as_ptr(), key)
        };
        failed == 0
    }
}

/// Seals, or opens, what goes one way under nonces that differ in their last eight bytes only: what XSalsa20 makes of the
/// other sixteen and the key is computed once.
#[derive(Debug)]
pub(crate) struct Direction(Secret);

/// Key stream, and what was made of it.
struct Block([u8; BLOCK]);

impl Drop for Block {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Bytes behind the first one of a text that go through the block which the tag's key is of.
const REST_IN_BLOCK: usize = BLOCK - TAG_KEY - 1;

impl Direction {
    pub(crate) fn new(key: &BoxKey, prefix: &[u8; 16]) -> Self {
        let mut subkey = Secret::blank();
        let (to, key) = (subkey.bytes_mut().as_mut_ptr(), key.0.0.as_ptr());
        // SAFETY: 32, 16 and 32 bytes; NULL is the usual constant. It does not fail.
        let _ = unsafe { c::crypto_core_hsalsa20(to, prefix.as_ptr(), key, ptr::null()) };
        Self(subkey)
    }

    /// Seals `first` and `rest` into all of `sealed`, which is longer by that and [`TAG`].
    pub(crate) fn seal(&self, counter: u64, first: u8, rest: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), rest.len() + 1 + TAG, "room for the tag");
        let nonce = counter.to_be_bytes();
        let (tag, boxed) = sealed.split_at_mut(TAG);
        let (near, far) = rest.split_at(rest.len().min(REST_IN_BLOCK));
        let end = TAG_KEY + 1 + near.len();
        let mut block = Block([0; BLOCK]);
        block.0[TAG_KEY] = first;
        block.0[TAG_KEY + 1..end].copy_from_slice(near);
        self.cover_in_place(&nonce, &mut block.0[..end]);
        let (front, back) = boxed.split_at_mut(1 + near.len());
        front.copy_from_slice(&block.0[TAG_KEY..end]);
        self.cover(&nonce, far, back);
        // SAFETY: the tag has 16 bytes, its key 32; the box is as long as said. It does not fail.
        let _ = unsafe {
            c::crypto_onetimeauth_poly1305(
                tag.as_mut_ptr(),
                boxed.as_ptr(),
                boxed.len() as u64,
                block.0.as_ptr(),
            )
        };
    }

    /// Opens `sealed` into the first byte and all of `rest`, which is shorter by that and [`TAG`]. `None`, and nothing is
    /// written: it was not sealed like this.
    #[must_use]
    pub(crate) fn open(&self, counter: u64, sealed: &[u8], rest: &mut [u8]) -> Option<u8> {
        if sealed.len() != rest.len() + 1 + TAG {
            return None;
        }
        let nonce = counter.to_be_bytes();
        let (tag, boxed) = sealed.split_at(TAG);
        let (near, far) = rest.split_at_mut(rest.len().min(REST_IN_BLOCK));
        let end = TAG_KEY + 1 + near.len();
        let (front, back) = boxed.split_at(1 + near.len());
        let mut block = Block([0; BLOCK]);
        block.0[TAG_KEY..end].copy_from_slice(front);
        self.cover_in_place(&nonce, &mut block.0[..end]);
        // SAFETY: the tag has 16 bytes, its key 32; the box is as long as said.
        let failed = unsafe {
            c::crypto_onetimeauth_poly1305_verify(
                tag.as_ptr(),
                boxed.as_ptr(),
                boxed.len() as u64,
                block.0.as_ptr(),
            )
        };
        if failed != 0 {
            return None;
        }
        near.copy_from_slice(&block.0[TAG_KEY + 1..end]);
        self.cover(&nonce, back, far);
        Some(block.0[TAG_KEY])
    }

    /// Covers, or uncovers, `bytes` with the beginning of the key stream.
    fn cover_in_place(&self, nonce: &[u8; 8], bytes: &mut [u8]) {
        let (at, key) = (bytes.as_mut_ptr(), self.0.0.as_ptr());
        // SAFETY: it may write where it reads; nonce and key have their lengths. It does not fail.
        let _ = unsafe {
            c::crypto_stream_salsa20_xor(at, at, bytes.len() as u64, nonce.as_ptr(), key)
        };
    }

    /// Covers, or uncovers, `from` into `to`, which is as long, with the key stream from block number 1 on.
    fn cover(&self, nonce: &[u8; 8], from: &[u8], to: &mut [u8]) {
        assert_eq!(from.len(), to.len(), "as long");
        if from.is_empty() {
            return;
        }
        let (length, key) = (from.len() as u64, self.0.0.as_ptr());
        let (to, from) = (to.as_mut_ptr(), from.as_ptr());
        // SAFETY: the lengths are the same, as was asserted; nonce and key have theirs. It does not fail.
        let _ =
            unsafe { c::crypto_stream_salsa20_xor_ic(to, from, length, nonce.as_ptr(), 1, key) };
    }
}

/// For vectors that are too long to be written down.
#[cfg(test)]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    // SAFETY: 32 bytes, and as many as said.
    let _ = unsafe { c::crypto_hash_sha256(hash.as_mut_ptr(), bytes.as_ptr(), bytes.len() as u64) };
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(seed: u8) -> BoxKey {
        BoxKey::of(Secret::copy(&std::array::from_fn(|at| {
            seed.wrapping_add(at as u8)
        })))
    }

    fn text_of(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 % 251) as u8).collect()
    }

    const PREFIX: &[u8; 16] = b"CurveZMQMESSAGEC";

    fn nonce_of(counter: u64) -> Nonce {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(PREFIX);
        nonce[16..].copy_from_slice(&counter.to_be_bytes());
        nonce
    }

    #[test]
    fn two_ends_share_a_key() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        let ours = BoxKey::between(&other.public_key(), &one).unwrap();
        let theirs = BoxKey::between(&one.public_key(), &other).unwrap();
        let (nonce, mut sealed, mut opened) = ([7; 24], [0; 21], [0; 5]);
        ours.seal(&nonce, b"hello", &mut sealed);
        assert!(theirs.open(&nonce, &sealed, &mut opened));
        assert_eq!(&opened, b"hello");
        assert!(!theirs.open(&[8; 24], &sealed, &mut opened));
        assert!(!key_of(0).open(&nonce, &sealed, &mut opened));
        assert!(!theirs.open(&nonce, &sealed[..20], &mut opened));
        assert!(!theirs.open(&nonce, &sealed[..15], &mut []));
    }

    #[test]
    fn keys_that_leave_no_secret_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for public in [[0; 32], one] {
            assert!(BoxKey::between(&public, &Secret::random().unwrap()).is_none());
        }
    }

    /// A direction is a box with the same nonce.
    #[test]
    fn a_direction_seals_as_a_box_does() {
        let key = key_of(3);
        let direction = Direction::new(&key, PREFIX);
        for length in (0..300).chain([511, 512, 513, 1000, 4096, 10_000, 100_001]) {
            let text = text_of(length + 1);
            let counter = 0x0102_0304_0506_0708_u64.wrapping_mul(length as u64 + 1);
            let (mut sealed, mut expected) = (vec![0; length + 17], vec![0; length + 17]);
            direction.seal(counter, text[0], &text[1..], &mut sealed);
            key.seal(&nonce_of(counter), &text, &mut expected);
            assert_eq!(sealed, expected, "{length}");
            let mut rest = vec![0xAA; length];
            assert_eq!(direction.open(counter, &sealed, &mut rest), Some(text[0]));
            assert_eq!(rest, text[1..], "{length}");
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let direction = Direction::new(&key_of(1), PREFIX);
        for length in [0, 1, 30, 31, 32, 40, 100] {
            let (text, mut sealed) = (text_of(length), vec![0; length + 17]);
            direction.seal(5, 1, &text, &mut sealed);
            let mut rest = vec![0xAA; length];
            for bit in 0..sealed.len() * 8 {
                sealed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(direction.open(5, &sealed, &mut rest), None);
                sealed[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(direction.open(6, &sealed, &mut rest), None);
            assert!(rest.iter().all(|byte| *byte == 0xAA));
            assert_eq!(direction.open(5, &sealed[..length + 16], &mut rest), None);
            assert_eq!(direction.open(5, &sealed, &mut rest), Some(1));
            for short in 0..17 {
                assert_eq!(direction.open(5, &sealed[..short], &mut []), None);
            }
        }
    }

    #[test]
    fn secrets_are_wiped_and_not_shown() {
        let mut bytes = [0x55; 40];
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 40]);
        let secret = Secret::copy(&[0x55; 32]);
        assert_eq!(
            format!("{secret:?} {:?}", BoxKey::of(secret.clone())),
            "Secret BoxKey(Secret)"
        );
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, Secret::blank());
        assert!(!is_same(b"ab", b"a"));
    }

    /// security.md section 4.6: s and S.
    #[test]
    fn a_public_key() {
        let secret = Secret::copy(&std::array::from_fn(|at| at as u8 + 1));
        let expected = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
        let hex: String = secret
            .public_key()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected);
    }
}
