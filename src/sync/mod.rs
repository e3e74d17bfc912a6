//! STAND-IN until the real module is merged.
#![allow(dead_code, unused_imports, missing_docs)]
pub(crate) use parking_lot::{
    MappedMutexGuard as MappedLockGuard, Mutex, Mutex as Lock, MutexGuard as LockGuard,
};
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::*;
}
