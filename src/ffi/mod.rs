//! STAND-IN until the real module is merged.
pub(crate) mod constants;
