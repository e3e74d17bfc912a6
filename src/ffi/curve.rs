//! CURVE keys. Contract: api.md section 11.

use std::ffi::{c_char, c_int};

use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::sodium::{PublicKey, Secret};
use crate::z85;

/// Characters of a key.
const TEXT: usize = 40;

/// Makes a pair of keys as Z85 texts of 40 characters and a NUL each. -1: the system has no random numbers (its errno).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_curve_keypair(
    z85_public_key: *mut c_char,
    z85_secret_key: *mut c_char,
) -> c_int {
    guard::done(|| {
        let secret = Secret::random()?;
        // SAFETY: C promises the space.
        unsafe { write(z85_public_key, &secret.public_key()) }?;
        // SAFETY: as above.
        unsafe { write(z85_secret_key, secret.bytes()) }
    })
}

/// Writes the public key of a secret key. -1: EINVAL if that is not a key.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_curve_public(
    z85_public_key: *mut c_char,
    z85_secret_key: *const c_char,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a text.
        let text = unsafe { arguments::text(z85_secret_key) }.ok_or(Error::Fault)?;
        // A shorter one would leave bytes without a value.
        if text.count_bytes() != TEXT {
            return Err(Error::Invalid);
        }
        let mut secret = Secret::blank();
        z85::decode(text.to_bytes(), secret.bytes_mut())?;
        // SAFETY: C promises the space.
        unsafe { write(z85_public_key, &secret.public_key()) }
    })
}

/// Writes a key and a NUL. The caller promises the space unless it is NULL.
unsafe fn write(place: *mut c_char, key: &PublicKey) -> Result<()> {
    if place.is_null() {
        return Err(Error::Fault);
    }
    // SAFETY: not NULL, and as promised.
    let text = unsafe { arguments::buffer(place.cast(), TEXT + 1) }?;
    z85::encode(key, text)?;
    *text.last_mut().ok_or(Error::Invalid)? = 0;
    Ok(())
}
