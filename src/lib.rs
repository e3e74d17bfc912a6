//! Zeroxide: libzmq's C ABI on a Rust engine. (Map: to be written at the end of the first slice.)

mod clock;
pub mod error;
mod message;
mod options;
mod patterns;
mod pipe;
mod sync;
mod timers;
mod z85;
