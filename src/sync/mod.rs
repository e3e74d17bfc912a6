//! The one door to locks, atomics and threads: std and an own lock in the library, loom in its models.
//!
//! Used by everybody. Must not know anything above it. [`Mutex`] is for leaf locks; [`Lock`] for a
//! socket's core and for connections (protocols: "Locks").
//!
//! Under `--cfg loom` the names stand for loom's types, but for [`Lock`], whose protocol has a model of its
//! own. Statics take std's atomics: loom's cannot be made in a constant. The models run by
//! `RUSTFLAGS="--cfg loom" cargo test --profile quick --lib loom_`.

pub(crate) mod futex;
mod lock;
#[cfg(loom)]
mod modelled;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, loom))]
mod tests_loom;

pub(crate) use lock::{Lock, LockGuard, MappedLockGuard};
#[cfg(loom)]
pub(crate) use modelled::*;
#[cfg(not(loom))]
pub(crate) use native::*;

#[cfg(not(loom))]
mod native {
    pub(crate) use super::lock::Lock as Mutex;
    pub(crate) use std::sync::Arc;
    #[cfg(test)]
    pub(crate) use std::thread;

    pub(crate) mod atomic {
        pub(crate) use std::sync::atomic::*;
    }
}
