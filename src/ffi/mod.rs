//! The C interface: `zmq.h` as functions, types and numbers, one file per section of the header.
//!
//! C programs and the bindings of other languages call it. It checks arguments, turns pointers into
//! references and errors into `errno`, and stops panics; what a call *does* it leaves to the modules
//! behind it. It must not know how sockets, patterns or protocols work.
//!
//! The doc comments of functions, types and constants become the comments of the header, which
//! `capi-tests/header.rs` generates and compares.

#![allow(
    unsafe_code,
    reason = "the border to C: pointers come in, symbols go out"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what C owes every function is the same and stands here: pointers are NULL or valid for what the \
              function does with them"
)]
#![allow(
    unreachable_pub,
    reason = "public for C: cbindgen and the linker look at it, no Rust crate does"
)]

pub mod clock_threads;
pub mod constants;
pub mod context;
pub mod counters;
pub mod curve;
pub mod draft;
pub mod message;
pub mod monitor;
pub mod poll;
pub mod poller;
pub mod proxy;
pub mod socket;
pub mod timers;
pub mod types;
pub mod version;
pub mod z85;

mod arguments;
pub(crate) mod errno;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod guard;
pub(crate) mod handle;

#[cfg(test)]
mod child_tests;
#[cfg(test)]
mod tests;
