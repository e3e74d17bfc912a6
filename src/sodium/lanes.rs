//! Key stream of Salsa20 for eight nonces at once.
//!
//! A short message takes a block or a few under a nonce of its own, and libsodium makes these one after the other: half of
//! the time of a stream of encrypted messages of 100 bytes. Here each of a vector's lanes is the same block of another
//! nonce, which costs a quarter of that. Only where the processor has AVX2; elsewhere libsodium does it all.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi32,
    _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_xor_si256,
};

use libsodium_sys as c;

use super::direction::BLOCK;

/// Nonces of a batch.
pub(super) const LANES: usize = 8;

/// A processor that can do this.
#[derive(Clone, Copy)]
pub(super) struct Lanes(());

impl Lanes {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Writes block number `index` of the key streams of nonces that follow each other from `first` on, each to its row.
    ///
    /// # Panics
    /// If rows end before.
    pub(super) fn write_blocks<const N: usize>(
        self,
        key: &[u8; 32],
        first: u64,
        index: usize,
        rows: &mut [[u8; N]],
    ) {
        // SAFETY: the processor has AVX2, or there were no `self`.
        let mut words = unsafe { blocks(key, first, index as u64) };
        let at = index * BLOCK;
        for (lane, row) in rows.iter_mut().enumerate().take(LANES) {
            let places = row[at..at + BLOCK].chunks_exact_mut(size_of::<u32>());
            for (place, word) in places.zip(&words) {
                place.copy_from_slice(&word[lane].to_le_bytes());
            }
        }
        // What the processor kept of vectors on the stack meanwhile is overwritten by what comes next there.
        // SAFETY: all of the array's bytes, which are of no use any more.
        unsafe { c::sodium_memzero(words.as_mut_ptr().cast(), size_of_val(&words)) }
    }
}

/// The sixteen words of a block, for each of the lanes.
type Words = [[u32; LANES]; 16];

/// The four words that make a block different from any other text.
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646E, 0x7962_2D32, 0x6B20_6574];

#[target_feature(enable = "avx2")]
fn blocks(key: &[u8; 32], first: u64, index: u64) -> Words {
    let word = |at: usize| {
        let bytes = [
            key[at * 4],
            key[at * 4 + 1],
            key[at * 4 + 2],
            key[at * 4 + 3],
        ];
        spread(u32::from_le_bytes(bytes))
    };
    let nonces: [u64; LANES] = std::array::from_fn(|lane| first.wrapping_add(lane as u64));
    // A nonce is the counter's bytes, the highest one first; words are read the other way round.
    let high = gather(nonces.map(|nonce| ((nonce >> 32) as u32).swap_bytes()));
    let low = gather(nonces.map(|nonce| (nonce as u32).swap_bytes()));
    let [sigma_0, sigma_1, sigma_2, sigma_3] = SIGMA;
    let start = [
        spread(sigma_0),
        word(0),
        word(1),
        word(2),
        word(3),
        spread(sigma_1),
        high,
        low,
        spread(index as u32),
        spread((index >> 32) as u32),
        spread(sigma_2),
        word(4),
        word(5),
        word(6),
        word(7),
        spread(sigma_3),
    ];
    let mut state = start;
    for _ in 0..10 {
        quarter_round::<0, 4, 8, 12>(&mut state);
        quarter_round::<5, 9, 13, 1>(&mut state);
        quarter_round::<10, 14, 2, 6>(&mut state);
        quarter_round::<15, 3, 7, 11>(&mut state);
        quarter_round::<0, 1, 2, 3>(&mut state);
        quarter_round::<5, 6, 7, 4>(&mut state);
        quarter_round::<10, 11, 8, 9>(&mut state);
        quarter_round::<15, 12, 13, 14>(&mut state);
    }
    let mut words = [[0; LANES]; 16];
    for ((place, mixed), start) in words.iter_mut().zip(state).zip(start) {
        let sum = _mm256_add_epi32(mixed, start);
        // SAFETY: the place has the 32 bytes of a vector, at any alignment.
        unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), sum) };
    }
    words
}

#[target_feature(enable = "avx2")]
#[inline]
fn quarter_round<const A: usize, const B: usize, const C: usize, const D: usize>(
    state: &mut [__m256i; 16],
) {
    mix::<B, A, D, 7, 25>(state);
    mix::<C, B, A, 9, 23>(state);
    mix::<D, C, B, 13, 19>(state);
    mix::<A, D, C, 18, 14>(state);
}

/// `LEFT` and `RIGHT` are 32 together: shifts that make a rotation.
#[target_feature(enable = "avx2")]
#[inline]
fn mix<const TO: usize, const ONE: usize, const OTHER: usize, const LEFT: i32, const RIGHT: i32>(
    state: &mut [__m256i; 16],
) {
    let sum = _mm256_add_epi32(state[ONE], state[OTHER]);
    let rotated = _mm256_or_si256(
        _mm256_slli_epi32::<LEFT>(sum),
        _mm256_srli_epi32::<RIGHT>(sum),
    );
    state[TO] = _mm256_xor_si256(state[TO], rotated);
}

#[target_feature(enable = "avx2")]
#[inline]
fn spread(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn gather(words: [u32; LANES]) -> __m256i {
    let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
    _mm256_setr_epi32(a, b, c, d, e, f, g, h)
}

#[cfg(test)]
mod tests {
    use super::super::{Secret, tests::hex};
    use super::*;

    #[allow(
        clippy::disallowed_macros,
        reason = "the test says that it did nothing"
    )]
    fn is_missing() -> bool {
        let is_missing = Lanes::detect().is_none();
        if is_missing {
            println!("SKIPPED: the processor has no AVX2");
        }
        is_missing
    }

    fn streams(key: &[u8; 32], first: u64) -> [[u8; 4 * BLOCK]; LANES] {
        let mut rows = [[0xAA; 4 * BLOCK]; LANES];
        let lanes = Lanes::detect().expect("asked before");
        for index in 0..4 {
            lanes.write_blocks(key, first, index, &mut rows);
        }
        rows
    }

    /// eSTREAM's verified test vectors of Salsa20/20: 256-bit keys, set 1, vector number 0.
    #[test]
    fn published_vectors() {
        if is_missing() {
            return;
        }
        let mut key = [0; 32];
        key[0] = 0x80;
        let stream = streams(&key, 0)[0];
        let first = "e3be8fdd8beca2e3ea8ef9475b29a6e7003951e1097a5c38d23b7a5fad9f6844\
                     b22c97559e2723c7cbbd3fe4fc8d9a0744652a83e72a9c461876af4d7ef1a117";
        let last = "57be81f47b17d9ae7c4ff15429a73e10acf250ed3a90a93c711308a74c6216a9\
                    ed84cd126da7f28e8abf8bb63517e1ca98e712f4fb2e1a6aed9fdc73291faa17";
        assert_eq!(hex(&stream[..64]), first);
        assert_eq!(hex(&stream[192..]), last);
    }

    #[test]
    fn lanes_are_what_libsodium_makes() {
        if is_missing() {
            return;
        }
        for round in 0..2000_u64 {
            let key = Secret::<32>::random().unwrap();
            let first =
                [0, 1, u64::from(u32::MAX) - 3, u64::MAX - 3, round << 29][round as usize % 5];
            for (lane, stream) in streams(key.bytes(), first).iter().enumerate() {
                let nonce = first.wrapping_add(lane as u64).to_be_bytes();
                let mut expected = [0; 4 * BLOCK];
                let length = expected.len() as u64;
                // SAFETY: as many bytes, 8 and 32.
                let _ = unsafe {
                    c::crypto_stream_salsa20(
                        expected.as_mut_ptr(),
                        length,
                        nonce.as_ptr(),
                        key.bytes().as_ptr(),
                    )
                };
                assert_eq!(*stream, expected, "{first} {lane}");
            }
        }
    }
}
