//! CURVE keys. Contract: api.md section 11.

use std::ffi::{c_char, c_int};

use super::guard;
use crate::error::Error;

/// Makes a pair of keys as Z85 texts of 40 characters and a NUL each. -1: ENOTSUP without CURVE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_keypair(
    z85_public_key: *mut c_char,
    z85_secret_key: *mut c_char,
) -> c_int {
    let _ = (z85_public_key, z85_secret_key);
    guard::done(|| Err(Error::NotSupported))
}

/// Writes the public key of a secret key. -1: EINVAL if that is not a key; ENOTSUP without CURVE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_public(
    z85_public_key: *mut c_char,
    z85_secret_key: *const c_char,
) -> c_int {
    let _ = (z85_public_key, z85_secret_key);
    guard::done(|| Err(Error::NotSupported))
}
