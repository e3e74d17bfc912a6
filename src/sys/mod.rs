//! Corners of the operating system.
//!
//! A port to another system supplies: [`eventfd`] (a descriptor to sleep on), [`fork`] (telling a
//! forked child from its parent), [`poll`] (sleeping on several descriptors), [`thread`] (threads that
//! take no signals). Must not know anything above it.

#![allow(unsafe_code, reason = "system calls")]

pub(crate) mod eventfd;
pub(crate) mod fork;
#[cfg(not(loom))]
pub(crate) mod poll;
#[cfg(not(loom))]
pub(crate) mod thread;
