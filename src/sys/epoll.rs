//! What an epoll descriptor waits for: changed from any thread, also to nothing at all, for which mio has no words.

#![allow(unsafe_code, reason = "system calls")]

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::Token;

use crate::error::Result;
use crate::sys::poll::{self, Descriptor};

/// Names the epoll descriptor of a [`mio::Poll`]. Whoever uses it knows that this is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoll(RawFd);

/// The directions in which a descriptor is watched, edge-triggered. Its end and its errors always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directions {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Directions {
    pub(crate) const BOTH: Self = Self {
        readable: true,
        writable: true,
    };
}

impl Epoll {
    pub(crate) fn of(poll: &mio::Poll) -> Self {
        Self(std::os::fd::AsRawFd::as_raw_fd(poll))
    }

    /// One that can watch nothing.
    #[cfg(test)]
    pub(crate) fn broken() -> Self {
        Self(-1)
    }

    /// Makes every wait on it fail.
    #[cfg(test)]
    pub(crate) fn break_down(self) {
        crate::sys::scarcity::replace(self.0);
    }

    /// Watches `fd`. Errors: those of epoll_ctl(2).
    pub(crate) fn add(self, fd: RawFd, token: Token, directions: Directions) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, directions)
    }

    /// Changes the directions. What is there already is told anew. Errors: those of epoll_ctl(2).
    pub(crate) fn change(self, fd: RawFd, token: Token, directions: Directions) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, directions)
    }

    /// Watches `fd` no more, if it did.
    pub(crate) fn remove(self, fd: RawFd) {
        // SAFETY: takes no pointer for this operation.
        unsafe { libc::epoll_ctl(self.0, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
    }

    /// Something was found that nobody has taken yet.
    pub(crate) fn has_events(self) -> bool {
        self.wait(Some(Duration::ZERO)).is_ok_and(|found| found)
    }

    /// Waits until something is found, and leaves it there: true; false when `timeout` is over. `Interrupted` if a signal
    /// handler ran.
    pub(crate) fn wait(self, timeout: Option<Duration>) -> Result<bool> {
        let mut descriptor = [Descriptor::new(self.0, poll::IN)];
        Ok(poll::poll(&mut descriptor, timeout, None)? > 0)
    }

    fn control(
        self,
        operation: i32,
        fd: RawFd,
        token: Token,
        directions: Directions,
    ) -> io::Result<()> {
        let read = if directions.readable {
            libc::EPOLLIN | libc::EPOLLRDHUP
        } else {
            0
        };
        let write = if directions.writable {
            libc::EPOLLOUT
        } else {
            0
        };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLET | read | write) as u32,
            u64: token.0 as u64,
        };
        // SAFETY: the kernel reads one live event.
        let status = unsafe { libc::epoll_ctl(self.0, operation, fd, &raw mut event) };
        match status {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
