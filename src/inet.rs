//! IPv4 addresses as C's `inet_aton` reads them. The API takes such text in endpoints and accept filters, so
//! `127.1` is an address. Called by `transport` and `options`.

#![forbid(unsafe_code)]

use std::net::Ipv4Addr;

/// An IPv4 address of one to four numbers, each decimal, octal (`0`) or hexadecimal (`0x`), the last of
/// which fills what is left of the 32 bits: what inet_aton takes.
pub(crate) fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |text: &str| {
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if text.starts_with('0') => (text, 8),
            None => (text, 10),
        };
        let valid = digits.chars().all(|digit| digit.is_digit(radix));
        valid.then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let (front, last) = match text.rsplit_once('.') {
        Some((front, last)) => (Some(front), last),
        None => (None, text),
    };
    let mut bits = 0;
    let mut free = 32_u32;
    for part in front.into_iter().flat_map(|front| front.split('.')) {
        free = free.checked_sub(8).filter(|&free| free >= 8)?;
        bits |= u32::from(u8::try_from(number(part)?).ok()?) << free;
    }
    let last = number(last)?;
    (u64::from(last) >> free == 0).then(|| Ipv4Addr::from_bits(bits | last))
}

#[cfg(test)]
mod tests {
    use super::ipv4;

    #[test]
    fn reads_like_inet_aton() {
        let rows: [(&str, Option<[u8; 4]>); 14] = [
            ("1.2.3.4", Some([1, 2, 3, 4])),
            ("127.1", Some([127, 0, 0, 1])),
            ("1.2.772", Some([1, 2, 3, 4])),
            ("2130706433", Some([127, 0, 0, 1])),
            ("0x7f.1", Some([127, 0, 0, 1])),
            ("0177.0.0.01", Some([127, 0, 0, 1])),
            ("0", Some([0, 0, 0, 0])),
            ("256.1.1.1", None),
            ("1.2.3.256", None),
            ("1.2.3.4.5", None),
            ("4294967296", None),
            ("08.1", None),
            ("1..2", None),
            ("", None),
        ];
        for (text, address) in rows {
            assert_eq!(ipv4(text), address.map(Into::into), "{text:?}");
        }
    }
}
