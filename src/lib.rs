//! Zeroxide: libzmq's C ABI on a Rust engine. (Map: to be written at the end of the first slice.)

pub mod error;
mod clock;
