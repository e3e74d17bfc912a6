//! zmq_poll. Contract: api.md section 7.

use std::ffi::{c_int, c_long};
use std::slice;

use super::types::zmq_pollitem_t;
use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::socket::poll::{self, PollItem, Target, Watched};
use crate::sys::cancel;
use crate::sys::poll::Mask;

/// Waits until something can be done with one of nitems sockets and descriptors, or timeout ms have passed (-1 = for
/// ever). How many have non-zero revents; -1: ETERM, EINTR, ENOTSOCK, EFAULT, EINVAL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poll(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
) -> c_int {
    // Who finds something ready again and again waits nowhere.
    cancel::end_if_asked();
    // SAFETY: C promises the items.
    guard::call(|| unsafe { wait(items, nitems, timeout, None, Accepted::All) })
}

/// zmq_poll with the signal mask replaced while it waits. -1: as zmq_poll, and EINVAL for a socket that is thread-safe.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ppoll(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
    sigmask: *const libc::sigset_t,
) -> c_int {
    // SAFETY: NULL, or C promises a mask.
    let mask = unsafe { sigmask.as_ref() }.map(|mask| Mask(*mask));
    // SAFETY: C promises the items.
    guard::call(|| unsafe {
        wait(
            items,
            nitems,
            timeout,
            mask.as_ref(),
            Accepted::NotThreadSafe,
        )
    })
}

/// Which sockets may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    All,
    NotThreadSafe,
}

unsafe fn wait(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
    mask: Option<&Mask>,
    accepted: Accepted,
) -> Result<c_int> {
    let count = usize::try_from(nitems).map_err(|_| Error::Invalid)?;
    let timeout = arguments::timeout(timeout);
    if count == 0 {
        return Ok(arguments::capped(poll::sleep(timeout, mask)?));
    }
    if items.is_null() {
        return Err(Error::Fault);
    }
    // SAFETY: not NULL; C promises the items.
    let items = unsafe { slice::from_raw_parts_mut(items, count) };
    let mut watched = Vec::new();
    watched
        .try_reserve_exact(count)
        .map_err(|_| Error::NoMemory)?;
    for item in items.iter() {
        // SAFETY: C promises a handle, or NULL.
        let item = unsafe { poll_item(item) }?;
        if let (Accepted::NotThreadSafe, Target::Socket(socket)) = (accepted, item.target)
            && socket.is_thread_safe()?
        {
            return Err(Error::Invalid);
        }
        watched.push(item);
    }
    let ready = poll::poll(&mut watched, timeout, mask)?;
    for (item, watched) in items.iter_mut().zip(&watched) {
        // Only bits that were asked for, and the error bit, come back.
        item.revents = i16::try_from(watched.revents).unwrap_or(i16::MAX);
    }
    Ok(arguments::capped(ready))
}

unsafe fn poll_item(item: &zmq_pollitem_t) -> Result<PollItem> {
    let target = if item.socket.is_null() {
        Target::Descriptor(item.fd)
    } else {
        // SAFETY: passed on from the caller.
        Target::Socket(Watched::new(unsafe { arguments::socket(item.socket) }?))
    };
    Ok(PollItem {
        target,
        events: i32::from(item.events),
        revents: 0,
    })
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls of the C functions with arguments that they check"
)]
mod tests {
    use super::*;
    use crate::ffi::version::zmq_errno;
    use std::ptr::null_mut;

    #[test]
    fn arguments_are_checked_as_in_the_stable_build() {
        let errno = || unsafe { zmq_errno() };
        assert_eq!(unsafe { zmq_poll(null_mut(), -1, 0) }, -1);
        assert_eq!(errno(), libc::EINVAL);
        assert_eq!(unsafe { zmq_poll(null_mut(), 1, 0) }, -1);
        assert_eq!(errno(), libc::EFAULT);
        let mut foreign = [0u64; 8];
        let mut item = zmq_pollitem_t {
            socket: foreign.as_mut_ptr().cast(),
            fd: 0,
            events: 1,
            revents: 0,
        };
        assert_eq!(unsafe { zmq_poll(&raw mut item, 1, 0) }, -1);
        assert_eq!(errno(), libc::ENOTSOCK);
    }
}
