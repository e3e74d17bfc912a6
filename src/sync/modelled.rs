//! loom behind the interface of the native types.

use std::fmt;

pub(crate) use loom::sync::{Arc, MutexGuard};
#[cfg(test)]
pub(crate) use loom::thread;

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::*;
}

/// A leaf lock; `lock` like parking_lot's, without poisoning.
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// A counter to sleep on, in place of the kernel's.
#[derive(Debug)]
pub(crate) struct EventFd {
    count: loom::sync::Mutex<u64>,
    raised: loom::sync::Condvar,
}

impl EventFd {
    pub(crate) fn new() -> crate::error::Result<Self> {
        Ok(Self {
            count: loom::sync::Mutex::new(0),
            raised: loom::sync::Condvar::new(),
        })
    }

    pub(crate) fn write(&self) {
        *self.count.lock().unwrap() += 1;
        self.raised.notify_all();
    }

    pub(crate) fn read(&self) -> bool {
        std::mem::take(&mut *self.count.lock().unwrap()) > 0
    }

    /// Sleeps until it is written to. A model has no time: the timeout is ignored.
    pub(crate) fn wait(&self, _timeout: Option<std::time::Duration>) -> crate::error::Result<bool> {
        let mut count = self.count.lock().unwrap();
        while *count == 0 {
            count = self.raised.wait(count).unwrap();
        }
        Ok(true)
    }

    pub(crate) fn is_raised(&self) -> bool {
        *self.count.lock().unwrap() != 0
    }
}
