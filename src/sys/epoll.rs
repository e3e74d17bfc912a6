//! Changes of what an epoll descriptor waits for that mio has no words for: nothing at all.

#![allow(unsafe_code, reason = "a system call")]

use std::io;
use std::os::fd::RawFd;

/// Changes the directions in which `fd` is watched, edge-triggered; with neither of them its end and its errors still
/// are. What is there already is told anew. Errors: those of epoll_ctl(2).
pub(crate) fn watch(
    epoll: RawFd,
    fd: RawFd,
    token: u64,
    readable: bool,
    writable: bool,
) -> io::Result<()> {
    let read = if readable {
        libc::EPOLLIN | libc::EPOLLRDHUP
    } else {
        0
    };
    let write = if writable { libc::EPOLLOUT } else { 0 };
    let mut event = libc::epoll_event {
        events: (libc::EPOLLET | read | write) as u32,
        u64: token,
    };
    // SAFETY: the kernel reads one live event.
    let status = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, &raw mut event) };
    match status {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
