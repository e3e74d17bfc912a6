//! Corners of the operating system. Everything above is portable; a port to another system supplies:
//!
//! - [`cancel`]: where a thread may be ended by another one;
//! - [`epoll`]: changes of what an epoll descriptor waits for;
//! - [`eventfd`]: a descriptor that one thread makes readable and another waits for;
//! - [`fork`]: a number that is another one in a forked child;
//! - [`net`]: unsent bytes of a stream, peer credentials, group membership, interfaces;
//! - [`poll`]: waiting for descriptors, interrupted by signal handlers;
//! - [`random`]: the system's random source;
//! - [`switch`]: variables of the environment;
//! - [`thread`]: threads with a name, blocked signals and scheduling;
//! - [`thread_end`]: a function that a thread calls when it ends.
//!
//! Called from everywhere above. Must not know anything of this library.

#![allow(unsafe_code, reason = "the fence around system calls")]

pub(crate) mod cancel;
pub(crate) mod epoll;
#[cfg(not(loom))]
pub(crate) mod eventfd;
pub(crate) mod fork;
pub(crate) mod net;
pub(crate) mod poll;
pub(crate) mod random;
#[cfg(test)]
pub(crate) mod scarcity;
pub(crate) mod switch;
pub(crate) mod thread;
pub(crate) mod thread_end;
