//! ZMTP 3.1, 3.0, 2.x and 1.0 (contract: zmtp.md sections 2 to 8; RFC 37/ZMTP, 23/ZMTP, 15/ZMTP, 13/ZMTP).
//!
//! ```text
//!   input --> engine ----------> greeting --> opening -- 3.x: (mechanism), metadata --> Ready
//!                |                                +----- 2.x, 1.0: MaySend, identity --> Ready
//!                +-- traffic --> frame, frame_1_0 --> Frame, LargeFrame
//!                                command -> Subscription, Join, Leave; PING --> heartbeat --> output
//!   encrypted traffic: seal between the stream and all of that
//! ```
//! Called by `io` through [`Zmtp`]. Must not know who reads the frames, or what they mean.

#![forbid(unsafe_code)]

mod command;
mod engine;
mod frame;
mod frame_1_0;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod greeting;
mod heartbeat;
mod metadata;
mod opening;
mod seal;
mod version;

pub(crate) use command::Command;
pub(crate) use engine::{Decoded, Event, Zmtp};
pub(crate) use metadata::Properties;
pub(crate) use opening::{Config, HANDSHAKE_FRAME_LIMIT, Handshake};
pub(crate) use seal::Seal;
pub(crate) use version::HeaderOf;
#[cfg(test)]
use version::Version;

#[cfg(test)]
mod tests;
