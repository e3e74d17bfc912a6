//! The one door to locks, atomics and threads: std and an own lock in the library, loom in its models.
//!
//! Used by everybody. Must not know anything above it. [`Mutex`] is for leaf locks; [`Lock`] for a
//! socket's core and for connections (protocols: "Locks").
//!
//! Under `--cfg loom` the names stand for loom's types; modules that loom cannot compile (statics with
//! atomics, system calls) are left out of that build.

#[cfg(not(loom))]
mod lock;
#[cfg(loom)]
mod modelled;
#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(not(loom))]
pub(crate) use native::*;

#[cfg(loom)]
pub(crate) use modelled::*;

#[cfg(not(loom))]
mod native {
    pub(crate) use super::lock::{Lock, Lock as Mutex, LockGuard, MappedLockGuard};
    pub(crate) use std::sync::Arc;
    #[cfg(test)]
    pub(crate) use std::thread;

    pub(crate) mod atomic {
        pub(crate) use std::sync::atomic::*;
    }
}
