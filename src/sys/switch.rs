//! Parts of the library that the environment switches on and off.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

/// A part that the value 0 of a variable switches off. The variable is read once, without a lock that a fork
/// could leave held.
#[derive(Debug)]
pub(crate) struct Switch {
    variable: &'static str,
    /// It works only where several processors do.
    needs_processors: bool,
    state: AtomicU8,
}

const UNKNOWN: u8 = 0;
const ON: u8 = 1;
const OFF: u8 = 2;

impl Switch {
    pub(crate) const fn new(variable: &'static str, needs_processors: bool) -> Self {
        Self {
            variable,
            needs_processors,
            state: AtomicU8::new(UNKNOWN),
        }
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        match self.state.load(Ordering::Relaxed) {
            UNKNOWN => self.find_out(),
            state => state == ON,
        }
    }

    #[cold]
    fn find_out(&self) -> bool {
        let on = std::env::var_os(self.variable).is_none_or(|value| value != "0")
            && (!self.needs_processors
                || std::thread::available_parallelism().is_ok_and(|count| count.get() > 1));
        self.state
            .store(if on { ON } else { OFF }, Ordering::Relaxed);
        on
    }
}
