//! ZMTP 3.1 and 3.0 (contract: zmtp.md sections 2 to 8; RFC 37/ZMTP, RFC 23/ZMTP).
//!
//! ```text
//!   input --> engine ----------> greeting --> opening --> (mechanism) --> Ready
//!                |                                            metadata
//!                +-- traffic --> frame --> Frame, LargeFrame
//!                                command -> Subscription, Join, Leave; PING --> heartbeat --> output
//! ```
//! Called by `io` through [`Zmtp`]. Must not know who reads the frames, or what they mean.

#![forbid(unsafe_code)]

mod command;
mod engine;
mod frame;
mod greeting;
mod heartbeat;
mod metadata;
mod opening;

pub(crate) use command::Command;
pub(crate) use engine::{Decoded, Event, Zmtp};
pub(crate) use frame::encode_frame;
#[cfg(any(fuzzing, test))]
pub(crate) use metadata::{Properties, append_property};
pub(crate) use opening::{Config, Handshake};

#[cfg(test)]
mod tests;
