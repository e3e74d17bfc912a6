//! The only reader of the monotonic clock.

#![forbid(unsafe_code)]

use std::time::Instant;

/// The current time. Everything below the API takes it as an argument instead of calling this.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
