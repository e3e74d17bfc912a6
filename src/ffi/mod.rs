//! The C interface: `zmq.h` as functions, types and numbers.
//!
//! C programs and the bindings of other languages call it. It checks arguments, turns pointers into
//! references and errors into `errno`, and stops panics; what a call *does* it leaves to the modules
//! behind it. It must not know how sockets, patterns or protocols work.

#![allow(unsafe_code, reason = "pointers come from C")]

pub mod constants;
pub(crate) mod errno;
pub(crate) mod handle;
