//! Corners of the operating system.
//!
//! A port to another system supplies: [`eventfd`] (a descriptor to sleep on), [`fork`] (telling a
//! forked child from its parent). Must not know anything above it.

pub(crate) mod eventfd;
pub(crate) mod fork;
