//! Copies and lists that may find no memory: sizes that come from callers or peers end in an error, never in an abort.
//!
//! Called wherever such a size is. Must not know what the bytes mean.

#![forbid(unsafe_code)]

mod short;

pub(crate) use short::ShortBytes;

use crate::error::{Error, Result};

/// An owned copy. Errors: `NoMemory`.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut owned = Vec::new();
    owned
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::NoMemory)?;
    owned.extend_from_slice(bytes);
    Ok(owned)
}

/// As [`copy`], without room to grow.
pub(crate) fn boxed(bytes: &[u8]) -> Result<Box<[u8]>> {
    copy(bytes).map(Vec::into_boxed_slice)
}

/// Appends to a copy. Errors: `NoMemory`; it is as it was.
pub(crate) fn append(owned: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    owned
        .try_reserve(bytes.len())
        .map_err(|_| Error::NoMemory)?;
    owned.extend_from_slice(bytes);
    Ok(())
}

/// Appends one value. Errors: `NoMemory`; the list is as it was.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) -> Result<()> {
    list.try_reserve(1).map_err(|_| Error::NoMemory)?;
    list.push(value);
    Ok(())
}
