//! The cryptography of CURVE, by libsodium: X25519, XSalsa20 and Poly1305 as NaCl puts them together.
//!
//! Called by `mechanism`, and by whoever makes or keeps keys. A [`BoxKey`] seals and opens the boxes of a handshake; a
//! [`Direction`] those of traffic, whose nonces begin alike. Must not know what the boxes are for.

#![allow(
    unsafe_code,
    reason = "libsodium is written in C, and vectors are the processor's; every pointer comes from a slice or an array"
)]

mod direction;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
#[cfg(target_arch = "x86_64")]
mod lanes;

pub(crate) use direction::Direction;

use std::ffi::{c_char, c_void};
use std::fmt::{self, Debug, Formatter};
use std::sync::Once;
use std::{io, slice};

use libsodium_sys as c;

use crate::random;

/// Bytes that a box is longer than what is in it: the tag in front.
pub(crate) const TAG: usize = 16;

/// A public key, or what claims to be one: all values are accepted.
pub(crate) type PublicKey = [u8; 32];
pub(crate) type Nonce = [u8; 24];

/// Chooses what this processor does best; everything that depends on it comes by here.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the functions are what they are declared to be, and stay.
        let _ = unsafe { c::randombytes_set_implementation(&raw const RANDOM) };
        // SAFETY: by one thread at a time, after the source of random numbers was set.
        let _ = unsafe { c::sodium_init() };
        // A program that is linked with us may have its libsodium in this one, for keys.
        let own = &raw const c::randombytes_sysrandom_implementation;
        // SAFETY: as above.
        let _ = unsafe { c::randombytes_set_implementation(own) };
    });
}

/// While libsodium begins: its own source of random numbers ends the process if the system has none. All that this one
/// serves is a mark around memory that is not used here.
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

    pub(super) fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn key_of(seed: u8) -> BoxKey {
        BoxKey::of(Secret::copy(&std::array::from_fn(|at| {
            seed.wrapping_add(at as u8)
        })))
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
        assert_eq!(hex(&secret.public_key()), expected);
    }
}
