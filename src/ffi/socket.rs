//! Sockets: options, endpoints, sending and receiving of buffers. Contract: api.md sections 3, 4, 6.

use std::ffi::{c_char, c_int, c_void};

use libc::iovec;

use super::context;
use super::{arguments, guard};
use crate::error::{Error, Result};
use crate::message::{Message, Storage};
use crate::pipe::Incoming;
use crate::socket::api;

/// Opens a socket. NULL: EFAULT if context is none, ETERM, EMFILE, EINVAL for an unknown type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket(context: *mut c_void, r#type: c_int) -> *mut c_void {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let context = unsafe { context::of_handle(context) }?;
        Ok(api::open(&context, r#type)?.handle())
    })
}

/// Closes a socket, without waiting; its unsent messages linger. -1: ENOTSOCK.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_close(socket: *mut c_void) -> c_int {
    // SAFETY: NULL or a handle.
    guard::done(|| api::close(unsafe { arguments::socket(socket) }?))
}

/// Sets an option. -1: ENOTSOCK, ETERM, EINVAL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_setsockopt(
    socket: *mut c_void,
    option: c_int,
    optval: *const c_void,
    optvallen: usize,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        let value = if optval.is_null() {
            None
        } else {
            // SAFETY: C promises the bytes.
            let bytes = unsafe { arguments::bytes(optval, optvallen) };
            Some(bytes.map_err(|_| Error::Invalid)?)
        };
        api::set_option(socket, option, value, optvallen)
    })
}

/// Writes an option to optval, which has room for *optvallen bytes, and its length to *optvallen. -1: ENOTSOCK,
/// ETERM, EINVAL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_getsockopt(
    socket: *mut c_void,
    option: c_int,
    optval: *mut c_void,
    optvallen: *mut usize,
) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: NULL, or C promises a length.
        let length = unsafe { optvallen.as_mut() }.ok_or(Error::Invalid)?;
        // SAFETY: C promises the space.
        let buffer = unsafe { arguments::buffer(optval, *length) }?;
        *length = api::get_option(socket, option, buffer)?;
        Ok(())
    })
}

/// Accepts connections at an endpoint. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT, ENOCOMPATPROTO, EADDRINUSE,
/// EADDRNOTAVAIL, ENODEV, EMTHREAD, and those of the system.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: NULL or a text.
        let endpoint = unsafe { arguments::text(endpoint) }.ok_or(Error::Invalid)?;
        api::bind(socket, endpoint.to_bytes())
    })
}

/// Connects to an endpoint, in the background. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT, ENOCOMPATPROTO,
/// EMTHREAD, ENAMETOOLONG.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    guard::done(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: NULL or a text.
        let endpoint = unsafe { arguments::text(endpoint) }.ok_or(Error::Invalid)?;
        api::connect(socket, endpoint.to_bytes())
    })
}

/// Ends what zmq_bind began. -1: ENOTSOCK, ETERM, EINVAL, EPROTONOSUPPORT, ENOENT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { end_endpoint(socket, endpoint) })
}

/// Ends what zmq_connect began; messages already queued are still sent. -1: ENOTSOCK, ETERM, EINVAL,
/// EPROTONOSUPPORT, ENOENT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_disconnect(
    socket: *mut c_void,
    endpoint: *const c_char,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::done(|| unsafe { end_endpoint(socket, endpoint) })
}

/// Sends a copy of len bytes as one part of a message; ZMQ_SNDMORE says that more follow. len; -1: ENOTSOCK,
/// EAGAIN, ENOTSUP, EINVAL, EFSM, EHOSTUNREACH, ETERM, EINTR. To send the parts of one message from several threads
/// needs a lock of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send(
    socket: *mut c_void,
    buf: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guard::call_lightly(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: C promises the bytes.
        let bytes = unsafe { arguments::bytes(buf, len) }?;
        let more = arguments::send_more(flags);
        api::send_bytes(socket, bytes, more, arguments::dont_wait(flags))?;
        Ok(arguments::capped(bytes.len()))
    })
}

/// zmq_send without a copy: the bytes must stay as they are for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send_const(
    socket: *mut c_void,
    buf: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guard::call_lightly(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // For its checks only.
        // SAFETY: C promises the bytes.
        unsafe { arguments::bytes(buf, len) }?;
        // SAFETY: checked above; C promises that the bytes stay.
        let storage = unsafe { Storage::constant_raw(buf.cast_mut(), len) };
        let mut message = Message::from_storage(storage);
        let more = arguments::send_more(flags);
        api::send_message(socket, &mut message, more, arguments::dont_wait(flags))?;
        Ok(arguments::capped(len))
    })
}

/// Receives one part of a message; of a longer one than len bytes the rest is lost. Its whole size; -1: ENOTSOCK,
/// EAGAIN, ENOTSUP, EFSM, ETERM, EINTR.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recv(
    socket: *mut c_void,
    buf: *mut c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guard::call_lightly(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: C promises the space.
        let space = unsafe { arguments::space(buf, len) }?;
        let mut incoming = Incoming::into_buffer(space);
        api::receive(socket, &mut incoming, arguments::dont_wait(flags))?;
        Ok(arguments::capped(incoming.size))
    })
}

/// Sends count buffers, as copies: with ZMQ_SNDMORE as one message, else each as its own. The size of the last one;
/// -1: EINVAL if there are none, and those of zmq_send; what was sent before stays sent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sendiov(
    socket: *mut c_void,
    iov: *mut iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: C promises the array.
        let buffers = unsafe { array(iov, count) }?;
        let mut size = 0;
        for (index, buffer) in buffers.iter().enumerate() {
            // SAFETY: C promises the bytes.
            let bytes = unsafe { arguments::bytes(buffer.iov_base, buffer.iov_len) }?;
            let more = arguments::send_more(flags) && index + 1 < buffers.len();
            api::send_bytes(socket, bytes, more, arguments::dont_wait(flags))?;
            size = bytes.len();
        }
        Ok(arguments::capped(size))
    })
}

/// Receives the parts of one message, at most *count, each into memory that the caller releases with free().
/// *count says how many were received, also on failure. Their number; -1: EINVAL if there is no room, ENOMEM, and
/// those of zmq_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recviov(
    socket: *mut c_void,
    iov: *mut iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    guard::call(|| {
        // SAFETY: NULL or a handle.
        let socket = unsafe { arguments::socket(socket) }?;
        // SAFETY: NULL, or C promises a number.
        let count = unsafe { count.as_mut() }.ok_or(Error::Invalid)?;
        // SAFETY: C promises the array.
        let buffers = unsafe { array(iov, *count) }?;
        *count = 0;
        for buffer in buffers {
            let mut part = Message::new();
            let mut incoming = Incoming::into_message(&mut part);
            api::receive(socket, &mut incoming, arguments::dont_wait(flags))?;
            let more = incoming.more;
            *buffer = malloced(part.bytes())?;
            *count += 1;
            if !more {
                break;
            }
        }
        Ok(arguments::capped(*count))
    })
}

unsafe fn end_endpoint(socket: *mut c_void, endpoint: *const c_char) -> Result<()> {
    // SAFETY: NULL or a handle.
    let socket = unsafe { arguments::socket(socket) }?;
    // SAFETY: NULL or a text.
    let endpoint = unsafe { arguments::text(endpoint) };
    // ETERM comes before the complaint about NULL.
    api::end_endpoint(socket, endpoint.map(|endpoint| endpoint.to_bytes()))
}

/// Errors: `Invalid` for NULL or none.
unsafe fn array<'a>(iov: *mut iovec, count: usize) -> Result<&'a mut [iovec]> {
    if iov.is_null() || count == 0 || count > isize::MAX as usize / size_of::<iovec>() {
        return Err(Error::Invalid);
    }
    // SAFETY: not NULL, not too long; C promises the array.
    Ok(unsafe { std::slice::from_raw_parts_mut(iov, count) })
}

/// A copy that C can free(). Errors: `NoMemory`.
fn malloced(bytes: &[u8]) -> Result<iovec> {
    // One byte for an empty part, so that NULL always means that memory ran out.
    // SAFETY: any size is allowed.
    let memory = unsafe { libc::malloc(bytes.len().max(1)) };
    if memory.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: new memory of that size.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.cast(), bytes.len()) };
    Ok(iovec {
        iov_base: memory,
        iov_len: bytes.len(),
    })
}
