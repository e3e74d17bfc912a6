//! A counter in the kernel that a thread can sleep on, and that poll and epoll know.

#![allow(unsafe_code, reason = "system calls on the descriptor")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::sys::cancel::Shield;
use crate::sys::fork;
use crate::sys::poll::{self, Descriptor};

/// An eventfd: readable while it was written to and not read since.
#[derive(Debug)]
pub(crate) struct EventFd {
    /// `None` only while being dropped.
    descriptor: Option<OwnedFd>,
    made_in: fork::Generation,
}

impl EventFd {
    /// Opens one, close-on-exec and non-blocking. Errors: those of the system (EMFILE, ENFILE, ENOMEM).
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: takes no pointers.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        // SAFETY: just opened, owned by nobody else.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Self {
            descriptor: Some(descriptor),
            made_in: fork::generation(),
        })
    }

    /// Makes it readable. Cannot fail in a way that matters: a full counter is readable already.
    pub(crate) fn write(&self) {
        let _shield = Shield::raise();
        let one: u64 = 1;
        // SAFETY: the kernel reads eight bytes from `one`.
        unsafe { libc::write(self.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Makes it unreadable; false if it was already.
    pub(crate) fn read(&self) -> bool {
        let _shield = Shield::raise();
        let mut count: u64 = 0;
        // SAFETY: the kernel writes eight bytes to `count`.
        let read =
            unsafe { libc::read(self.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
        read > 0
    }

    /// Sleeps until it is readable (true) or `timeout` is over (false); `None` = for ever.
    ///
    /// `Interrupted` if a signal handler ran: poll is never restarted, whatever SA_RESTART says.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut descriptor = [Descriptor::new(self.as_raw_fd(), poll::IN)];
        match poll::poll(&mut descriptor, timeout, None) {
            Ok(ready) => Ok(ready > 0),
            Err(Error::Os(libc::EINTR)) => Err(Error::Interrupted),
            Err(error) => Err(error),
        }
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_ref().map_or(-1, OwnedFd::as_raw_fd)
    }
}

impl Drop for EventFd {
    /// In a forked child the number may long belong to something else: it is left alone.
    fn drop(&mut self) {
        let _shield = Shield::raise();
        let descriptor = self.descriptor.take();
        if fork::in_child_of(self.made_in) {
            std::mem::forget(descriptor);
        }
    }
}

#[cfg(test)]
#[cfg_attr(miri, allow(unused_imports, reason = "the tests are left out"))]
mod tests {
    use super::*;

    #[test]
    fn is_readable_between_write_and_read() {
        let event = EventFd::new().unwrap();
        assert_eq!(event.wait(Some(Duration::ZERO)), Ok(false));
        assert!(!event.read());
        event.write();
        event.write();
        assert_eq!(event.wait(None), Ok(true));
        assert_eq!(event.wait(None), Ok(true), "waiting does not consume");
        assert!(event.read());
        assert_eq!(event.wait(Some(Duration::ZERO)), Ok(false));
    }

    #[test]
    fn waits_as_long_as_told() {
        let event = EventFd::new().unwrap();
        let begin = crate::clock::now();
        assert_eq!(event.wait(Some(Duration::from_millis(5))), Ok(false));
        assert!(crate::clock::now() - begin >= Duration::from_millis(5));
        event.write();
        assert_eq!(event.wait(Some(Duration::MAX)), Ok(true));
    }

    #[test]
    fn is_closed_on_exec_and_does_not_block() {
        let event = EventFd::new().unwrap();
        // SAFETY: asks for the flags of an open descriptor.
        let flags = unsafe { libc::fcntl(event.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        // SAFETY: as above.
        let flags = unsafe { libc::fcntl(event.as_raw_fd(), libc::F_GETFL) };
        assert_eq!(flags & libc::O_NONBLOCK, libc::O_NONBLOCK);
    }
}
