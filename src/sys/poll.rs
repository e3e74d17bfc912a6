//! Waiting for descriptors: ppoll(2), which a signal handler interrupts whatever SA_RESTART says.

use std::os::fd::RawFd;
use std::time::Duration;

use crate::error::Result;
use crate::sys::cancel::{self, Shield};

/// Readable.
pub(crate) const IN: i16 = libc::POLLIN;
/// Writable.
pub(crate) const OUT: i16 = libc::POLLOUT;
/// Urgent data.
pub(crate) const PRI: i16 = libc::POLLPRI;

/// A descriptor and what is asked of it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Descriptor(libc::pollfd);

impl std::fmt::Debug for Descriptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Descriptor({})", self.0.fd)
    }
}

impl Descriptor {
    /// `events`: [`IN`], [`OUT`], [`PRI`]. A negative descriptor is never ready.
    pub(crate) fn new(fd: RawFd, events: i16) -> Self {
        Self(libc::pollfd {
            fd,
            events,
            revents: 0,
        })
    }

    /// What the last [`poll`] found; conditions that were not asked for (hang-up, error, not open)
    /// included.
    pub(crate) fn returned(&self) -> i16 {
        self.0.revents
    }
}

/// The signals to block while waiting (zmq_ppoll).
#[derive(Clone, Copy)]
pub(crate) struct Mask(pub(crate) libc::sigset_t);

impl std::fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Mask")
    }
}

/// Waits until a descriptor is ready: how many are. `None` = for ever. `Os(EINTR)` after a signal.
pub(crate) fn poll(
    descriptors: &mut [Descriptor],
    timeout: Option<Duration>,
    mask: Option<&Mask>,
) -> Result<usize> {
    // What is only a look lets nobody in.
    let _shield = (timeout == Some(Duration::ZERO)).then(Shield::close);
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
    });
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    let mask = mask.map_or(std::ptr::null(), |mask| std::ptr::from_ref(&mask.0));
    let count = descriptors.len() as libc::nfds_t;
    // SAFETY: `Descriptor` is a transparent pollfd and `count` the length of the slice; the other
    // pointers are null or point to live values.
    let ready = unsafe { cancel::ppoll(descriptors.as_mut_ptr().cast(), count, timeout, mask) };
    Ok(ready?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_becomes_readable_and_hangs_up() {
        let (reader, writer) = std::io::pipe().expect("pipe");
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let mut descriptors = [Descriptor::new(fd, IN), Descriptor::new(-1, IN)];
        assert_eq!(poll(&mut descriptors, Some(Duration::ZERO), None), Ok(0));
        drop(writer);
        assert_eq!(poll(&mut descriptors, None, None), Ok(1));
        assert_eq!(descriptors[0].returned(), libc::POLLHUP);
        assert_eq!(descriptors[1].returned(), 0);
    }
}
