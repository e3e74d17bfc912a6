//! Decimal numbers as C's `atoi` reads them. The API takes such text in endpoints, accept filters and
//! thread names, so `5x` is 5. Called by `endpoint` and the option tables.

#![forbid(unsafe_code)]

/// The number at the front of `text`: blanks, a sign, digits; what follows is ignored. Saturates.
/// `None` without a digit (there `atoi` gives 0).
pub(crate) fn leading(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let value =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_i64, |value, byte| {
                value
                    .saturating_mul(10)
                    .saturating_add(i64::from(byte - b'0'))
            });
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::leading;

    #[test]
    fn reads_like_atoi() {
        let rows: [(&str, Option<i64>); 12] = [
            ("", None),
            ("x", None),
            ("-", None),
            ("*", None),
            ("0", Some(0)),
            ("5x", Some(5)),
            (" 47111", Some(47111)),
            ("+47111", Some(47111)),
            ("-1", Some(-1)),
            ("--1", None),
            ("00012", Some(12)),
            ("99999999999999999999", Some(i64::MAX)),
        ];
        for (text, value) in rows {
            assert_eq!(leading(text.as_bytes()), value, "{text:?}");
        }
    }
}
