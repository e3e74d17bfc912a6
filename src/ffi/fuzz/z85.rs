//! zmq_z85_encode and zmq_z85_decode.

use std::ffi::CString;

use super::{BEHIND, UNTOUCHED};
use crate::ffi::errno;
use crate::ffi::z85::{zmq_z85_decode, zmq_z85_encode};

const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// A byte says whether the rest is data or text.
pub(crate) fn z85(data: &[u8]) {
    match data {
        [] => {}
        [first, data @ ..] if first & 1 == 0 => {
            let Ok(text) = encode(data) else {
                assert_ne!(data.len() % 4, 0);
                return;
            };
            assert_eq!(text.len(), data.len() / 4 * 5);
            assert!(text.iter().all(|digit| DIGITS.contains(digit)));
            if !data.is_empty() {
                assert_eq!(decode(&text).as_deref(), Ok(data));
            }
        }
        [_, text @ ..] => {
            let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
            let decoded = decode(text);
            assert_eq!(decoded.is_ok(), is_z85(text));
            if let Ok(data) = decoded {
                assert_eq!(encode(&data).as_deref(), Ok(text));
            }
        }
    }
}

fn is_z85(text: &[u8]) -> bool {
    let value = |digit: &u8| DIGITS.iter().position(|it| it == digit);
    let fits = |group: &[u8]| {
        let number = group
            .iter()
            .try_fold(0, |number, digit| Some(number * 85 + value(digit)?));
        number.is_some_and(|number| number <= 0xFFFF_FFFF_usize)
    };
    !text.is_empty() && text.len().is_multiple_of(5) && text.chunks(5).all(fits)
}

/// The text without its NUL; or `errno`.
fn encode(data: &[u8]) -> Result<Vec<u8>, i32> {
    let room = data.len() * 5 / 4 + 1;
    let mut buffer = vec![UNTOUCHED; room + BEHIND];
    errno::set(0);
    let result = unsafe { zmq_z85_encode(buffer.as_mut_ptr().cast(), data.as_ptr(), data.len()) };
    let behind = buffer.split_off(room);
    assert_eq!(behind, [UNTOUCHED; BEHIND]);
    if result.is_null() {
        assert_eq!(errno::get(), libc::EINVAL);
        assert!(buffer.iter().all(|&byte| byte == UNTOUCHED));
        return Err(errno::get());
    }
    assert_eq!(result, buffer.as_mut_ptr().cast());
    assert_eq!(buffer.pop(), Some(0));
    Ok(buffer)
}

fn decode(text: &[u8]) -> Result<Vec<u8>, i32> {
    let room = text.len() * 4 / 5;
    let text = CString::new(text).expect("no NUL");
    let mut buffer = vec![UNTOUCHED; room + BEHIND];
    errno::set(0);
    let result = unsafe { zmq_z85_decode(buffer.as_mut_ptr(), text.as_ptr()) };
    let behind = buffer.split_off(room);
    assert_eq!(behind, [UNTOUCHED; BEHIND]);
    if result.is_null() {
        assert_eq!(errno::get(), libc::EINVAL);
        return Err(errno::get());
    }
    assert_eq!(result, buffer.as_mut_ptr());
    Ok(buffer)
}
