//! Z85, the text form of CURVE keys (RFC 32): four bytes as five characters.
//!
//! Called by `ffi` and by the options that hold keys. It must not know what the bytes mean.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};

/// The digits by their value.
const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// No digit.
const NONE: u8 = 0xFF;

/// The values of the characters.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Writes the text of `data` to the front of `text`, without a NUL; returns its length, 5/4 of the
/// data's. Errors: `Invalid`, the size is no multiple of 4 or `text` is too short.
pub(crate) fn encode(data: &[u8], text: &mut [u8]) -> Result<usize> {
    let length = data.len() / 4 * 5;
    if !data.len().is_multiple_of(4) || text.len() < length {
        return Err(Error::Invalid);
    }
    for (group, digits) in data.chunks_exact(4).zip(text.chunks_exact_mut(5)) {
        let mut value = group
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte));
        for digit in digits.iter_mut().rev() {
            // The remainder is below 85.
            *digit = ALPHABET[(value % 85) as usize];
            value /= 85;
        }
    }
    Ok(length)
}

/// Writes the bytes that `text` stands for to the front of `data`; returns their number, 4/5 of the
/// text's length. Errors: `Invalid`, the length is 0 or no multiple of 5, a character is no digit, a
/// group exceeds 32 bits, or `data` is too short. Part of `data` may have been written then.
pub(crate) fn decode(text: &[u8], data: &mut [u8]) -> Result<usize> {
    let length = text.len() / 5 * 4;
    if text.is_empty() || !text.len().is_multiple_of(5) || data.len() < length {
        return Err(Error::Invalid);
    }
    for (digits, group) in text.chunks_exact(5).zip(data.chunks_exact_mut(4)) {
        let mut value = 0u32;
        for digit in digits {
            let digit = VALUES[usize::from(*digit)];
            if digit == NONE {
                return Err(Error::Invalid);
            }
            value = value
                .checked_mul(85)
                .and_then(|value| value.checked_add(digit.into()))
                .ok_or(Error::Invalid)?;
        }
        group.copy_from_slice(&value.to_be_bytes());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(data: &[u8]) -> Result<String> {
        let mut text = vec![0; data.len() * 2];
        let length = encode(data, &mut text)?;
        text.truncate(length);
        Ok(String::from_utf8(text).unwrap())
    }

    fn decoded(text: &[u8]) -> Result<Vec<u8>> {
        let mut data = vec![0; text.len()];
        let length = decode(text, &mut data)?;
        data.truncate(length);
        Ok(data)
    }

    const HELLO: [u8; 8] = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];

    #[test]
    fn vectors() {
        assert_eq!(encoded(&HELLO).unwrap(), "HelloWorld");
        assert_eq!(decoded(b"HelloWorld").unwrap(), HELLO);
        // RFC 32's test key, and its text.
        let key = [
            0x8E, 0x0B, 0xDD, 0x69, 0x76, 0x28, 0xB9, 0x1D, 0x8F, 0x24, 0x55, 0x87, 0xEE, 0x95,
            0xC5, 0xB0, 0x4D, 0x48, 0x96, 0x3F, 0x79, 0x25, 0x98, 0x77, 0xB4, 0x9C, 0xD9, 0x06,
            0x3A, 0xEA, 0xD3, 0xB7,
        ];
        let text = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
        assert_eq!(encoded(&key).unwrap(), text);
        assert_eq!(decoded(text.as_bytes()).unwrap(), key);
    }

    #[test]
    fn largest_group() {
        assert_eq!(encoded(&[0xFF; 4]).unwrap(), "%nSc0");
        assert_eq!(decoded(b"%nSc0").unwrap(), [0xFF; 4]);
        assert_eq!(decoded(b"%nSc1"), Err(Error::Invalid));
        assert_eq!(decoded(b"#####"), Err(Error::Invalid));
    }

    #[test]
    fn lengths() {
        assert_eq!(encoded(b"").unwrap(), "");
        for length in [1, 2, 3, 5, 33] {
            assert_eq!(encoded(&vec![0; length]), Err(Error::Invalid), "{length}");
        }
        for length in [0, 1, 4, 6, 39, 41] {
            assert_eq!(decoded(&vec![b'0'; length]), Err(Error::Invalid));
        }
        assert_eq!(encode(&HELLO, &mut [0; 9]), Err(Error::Invalid));
        assert_eq!(encode(&HELLO, &mut [0; 10]), Ok(10));
        assert_eq!(decode(b"HelloWorld", &mut [0; 7]), Err(Error::Invalid));
        assert_eq!(decode(b"HelloWorld", &mut [0; 8]), Ok(8));
    }

    #[test]
    fn each_character_is_a_digit_or_refused() {
        for character in 0..=255u8 {
            let value = ALPHABET.iter().position(|digit| *digit == character);
            let expected = value.map(|value| vec![0, 0, 0, value as u8]);
            assert_eq!(decoded(&[b'0', b'0', b'0', b'0', character]).ok(), expected);
        }
    }

    #[test]
    fn round_trip() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        for _ in 0..1000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let data = state.to_ne_bytes();
            let text = encoded(&data).unwrap();
            assert_eq!(decoded(text.as_bytes()).unwrap(), data);
        }
    }
}
