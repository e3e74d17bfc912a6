//! The target for what seals traffic; see `crate::fuzz`.

#![forbid(unsafe_code)]

use super::{BoxKey, Direction, Nonce, Secret, TAG};
use crate::fuzz::Input;

const PREFIX: &[u8; 16] = b"CurveZMQMESSAGEC";

/// A key, a first counter, then messages: two bytes choose how much of a text it has, a third one how far its counter is
/// from the last, and whether a batch ends before it. What is sealed is the box that libsodium makes of the same text and
/// nonce, and opens; with one of its bits changed it does not.
pub(crate) fn direction(data: &[u8]) {
    let mut input = Input::new(data);
    let key = BoxKey::of(Secret::copy(&input.array()));
    let mut counter = u64::from_be_bytes(input.array());
    let [mut sends, mut receives] = [(); 2].map(|()| Direction::new(&key, PREFIX));
    while !input.is_empty() {
        let length = usize::from(u16::from_be_bytes(input.array())) % 1200;
        let choice = input.byte();
        let seed = input.take(8);
        let text: Vec<u8> = (0..=length)
            .map(|at| seed.get(at % 8).copied().unwrap_or_default() ^ at as u8)
            .collect();
        counter = counter.wrapping_add(u64::from(choice & 15));
        if choice & 16 != 0 {
            sends.end_batch();
        }
        if choice & 32 != 0 {
            receives.end_batch();
        }

        let (mut sealed, mut expected) = (vec![0; length + 1 + TAG], vec![0; length + 1 + TAG]);
        sends.seal(counter, text[0], &text[1..], &mut sealed);
        let mut nonce = Nonce::default();
        nonce[..16].copy_from_slice(PREFIX);
        nonce[16..].copy_from_slice(&counter.to_be_bytes());
        key.seal(&nonce, &text, &mut expected);
        assert_eq!(sealed, expected);

        let mut rest = vec![0; length];
        assert_eq!(receives.open(counter, &sealed, &mut rest), Some(text[0]));
        assert_eq!(rest, text[1..]);
        let at = usize::from(u16::from_be_bytes(input.array())) % sealed.len();
        sealed[at] ^= 1 << (choice >> 6);
        assert_eq!(receives.open(counter, &sealed, &mut rest), None);
    }
}
