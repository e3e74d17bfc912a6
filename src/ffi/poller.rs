//! zmq_poller_*. Contract: api.md section 7.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use super::handle::{Cell, Pool, Tenant};
use super::types::{zmq_fd_t, zmq_poller_event_t};
use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::poller::{Found, Key, Poller};
use crate::sys::cancel;

/// Makes a poller. NULL and errno on failure.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_new() -> *mut c_void {
    guard::call(|| Ok(POLLERS.insert(Handle(Arc::new(Poller::new()?))).handle()))
}

/// Frees a poller and sets the pointer to NULL. -1: EFAULT.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_destroy(poller_p: *mut *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: NULL, or C promises a pointer there.
        let handle = unsafe { poller_p.as_mut() }.ok_or(Error::Fault)?;
        // SAFETY: NULL or a handle.
        let cell = unsafe { Cell::<Handle>::from_handle(*handle) }.ok_or(Error::Fault)?;
        if cell.is_of_parent() {
            // The parent's waiter, and its mailboxes, are none of ours.
            if !POLLERS.disown(cell) {
                return Err(Error::Fault);
            }
        } else {
            POLLERS.remove(cell).ok_or(Error::Fault)?.0.destroy();
        }
        *handle = std::ptr::null_mut();
        Ok(())
    })
}

/// How many sockets and descriptors a poller watches. -1: EFAULT.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        Ok(arguments::capped(poller.size()))
    })
}

/// Lets a poller watch a socket. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or if it does already, EMFILE, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        let events = arguments::events(events)?;
        poller.add_socket(socket, UserData(user_data), events.into())
    })
}

/// Changes what a poller watches a socket for. -1: EFAULT, ENOTSOCK, EINVAL for unknown events or if it does not.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        let events = arguments::events(events)?;
        poller.modify(Key::Socket(socket), events.into())
    })
}

/// Ends zmq_poller_add; best before zmq_close. -1: EFAULT, ENOTSOCK, EINVAL if the socket is not watched.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_remove(
    poller: *mut c_void,
    socket: *mut c_void,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        // A socket that was closed can be taken out as well.
        poller.remove_socket(socket).map_err(|error| {
            // SAFETY: NULL or a handle.
            let not_socket = unsafe { arguments::socket(socket) }.err();
            not_socket.unwrap_or(error)
        })
    })
}

/// Lets a poller watch a descriptor. -1: EFAULT, EBADF for -1, EINVAL for unknown events or if it does already, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        let fd = descriptor(fd)?;
        let events = arguments::events(events)?;
        poller.add_descriptor(fd, UserData(user_data), events.into())
    })
}

/// Changes what a poller watches a descriptor for. -1: EFAULT, EBADF, EINVAL for unknown events or if it does not.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_modify_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    events: c_short,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        let fd = descriptor(fd)?;
        let events = arguments::events(events)?;
        poller.modify(Key::Descriptor(fd), events.into())
    })
}

/// Ends zmq_poller_add_fd. -1: EFAULT, EBADF, EINVAL if the descriptor is not watched.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_remove_fd(poller: *mut c_void, fd: zmq_fd_t) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        poller.remove_descriptor(descriptor(fd)?)
    })
}

/// Waits for one event, at most timeout ms (-1 = for ever). -1: EFAULT, EAGAIN when the time is over, ETERM, EINTR,
/// ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut zmq_poller_event_t,
    timeout: c_long,
) -> c_int {
    // As zmq_poll.
    cancel::end_if_asked();
    guard::done(|| {
        if let Some(event) = NonNull::new(event) {
            // SAFETY: not NULL; C promises the space.
            unsafe { event.write(NOTHING) };
        }
        // SAFETY: NULL or valid.
        unsafe { wait(poller, event, 1, timeout) }.map(|_| ())
    })
}

/// Waits for at most n_events events, at most timeout ms (-1 = for ever). How many; -1: EFAULT, EINVAL if n_events is
/// negative, EAGAIN when the time is over, ETERM, EINTR, ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> c_int {
    // As zmq_poll.
    cancel::end_if_asked();
    // SAFETY: NULL or valid.
    guard::call(|| unsafe { wait(poller, events, n_events, timeout) })
}

/// The descriptor that becomes readable when a thread-safe socket of a poller needs attention. -1: EFAULT, EINVAL if it
/// never had one.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_fd(poller: *mut c_void, fd: *mut zmq_fd_t) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let poller = unsafe { of_handle(poller) }?;
        let place = NonNull::new(fd).ok_or(Error::Fault)?;
        let descriptor = poller.descriptor()?;
        // SAFETY: not NULL; C promises the space.
        unsafe { place.write(descriptor) };
        Ok(())
    })
}

/// What a poller handle points to. Shared, because nobody may wait inside of a cell.
#[derive(Debug)]
struct Handle(Arc<Poller<UserData>>);

impl Tenant for Handle {
    const MAGIC: u32 = 0x5a78_504c;
}

static POLLERS: Pool<Handle> = Pool::new();

/// A pointer of the program's, given back as it came.
#[derive(Clone, Copy, Debug)]
struct UserData(*mut c_void);

// SAFETY: the library never looks at what it points to.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// What stands where there is no event.
const NOTHING: zmq_poller_event_t = zmq_poller_event_t {
    socket: std::ptr::null_mut(),
    fd: NO_DESCRIPTOR,
    user_data: std::ptr::null_mut(),
    events: 0,
};

const NO_DESCRIPTOR: zmq_fd_t = -1;

/// Errors: `Fault`; `Interrupted` in a forked child, whose parent's it is.
unsafe fn of_handle(poller: *mut c_void) -> Result<Arc<Poller<UserData>>> {
    // SAFETY: passed on from the caller.
    let cell = unsafe { Cell::<Handle>::from_handle(poller) }.ok_or(Error::Fault)?;
    if cell.is_of_parent() {
        return Err(Error::Interrupted);
    }
    let inside = cell.enter()?.ok_or(Error::Fault)?;
    Ok(Arc::clone(&inside.0))
}

/// Errors: `BadDescriptor` for -1.
fn descriptor(fd: zmq_fd_t) -> Result<zmq_fd_t> {
    if fd == NO_DESCRIPTOR {
        return Err(Error::BadDescriptor);
    }
    Ok(fd)
}

/// Fills `events`, of which those that are not used say [`NOTHING`]; how many are. The checks in their order:
/// poller, place, number.
unsafe fn wait(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> Result<c_int> {
    // SAFETY: NULL or a handle.
    let poller = unsafe { of_handle(poller) }?;
    let events = NonNull::new(events).ok_or(Error::Fault)?;
    let room = usize::try_from(n_events).map_err(|_| Error::Invalid)?;
    let write = |at: usize, event: zmq_poller_event_t| {
        // SAFETY: within the array that C promises.
        let place = unsafe { events.add(at) };
        // SAFETY: as above; it need not have been written before.
        unsafe { place.write(event) };
    };
    let result = poller.wait(room, arguments::timeout(timeout), &mut |at, event| {
        write(at, event_for_c(event));
    });
    let used = result.unwrap_or(0);
    (used..room).for_each(|at| write(at, NOTHING));
    result.map(arguments::capped)
}

fn event_for_c(event: Found<UserData>) -> zmq_poller_event_t {
    let (socket, fd) = match event.key {
        Key::Socket(cell) => (cell.handle(), NO_DESCRIPTOR),
        Key::Descriptor(fd) => (std::ptr::null_mut(), fd),
    };
    zmq_poller_event_t {
        socket,
        fd,
        user_data: event.user_data.0,
        // Four bits.
        events: c_short::try_from(event.events).unwrap_or(c_short::MAX),
    }
}
