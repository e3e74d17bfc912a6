//! Messages. Contract: api.md section 5.

use std::ffi::{c_char, c_int, c_void};
use std::mem;

use super::types::{zmq_free_fn, zmq_msg_t};
use super::{arguments, constants as c, guard};
use crate::error::{Error, Result};
use crate::message::{self, Message, Storage};
use crate::pipe::Incoming;
use crate::socket::api::{self, SocketCell};

/// Makes an empty message. Always 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init(msg: *mut zmq_msg_t) -> c_int {
    // SAFETY: C promises the memory of a message.
    guard::done_lightly(|| unsafe { put(msg, || Ok(Message::new())) })
}

/// Makes a message of size bytes, whose values are not set. -1: ENOMEM; then there is no message to close.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_size(msg: *mut zmq_msg_t, size: usize) -> c_int {
    // SAFETY: C promises the memory of a message.
    guard::done_lightly(|| unsafe { put(msg, || Message::with_size(size)) })
}

/// Makes a message of the caller's buffer, without a copy. ffn(data, hint) is called when the last message that
/// refers to it is gone, from any thread; without ffn the buffer must live for ever. -1: ENOMEM; ffn is not called
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_data(
    msg: *mut zmq_msg_t,
    data: *mut c_void,
    size: usize,
    ffn: zmq_free_fn,
    hint: *mut c_void,
) -> c_int {
    guard::done_lightly(|| {
        let make = || {
            // For its checks only.
            // SAFETY: C promises the bytes.
            unsafe { arguments::bytes(data, size) }?;
            let storage = match ffn {
                // SAFETY: checked above; C promises the function.
                Some(free) => unsafe { Storage::from_user(data, size, free, hint) }?,
                // SAFETY: checked above; C promises that the bytes stay.
                None => unsafe { Storage::constant_raw(data, size) },
            };
            Ok(Message::from_storage(storage))
        };
        // SAFETY: C promises the memory of a message.
        unsafe { put(msg, make) }
    })
}

/// Sends a message, which is empty afterwards. Its size; -1: the message is as before. To send the parts of one
/// message from several threads needs a lock of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_send(
    msg: *mut zmq_msg_t,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::call_lightly(|| unsafe { send(msg, socket, flags) })
}

/// Receives a message into an initialised one. Its size; -1 and errno on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_recv(
    msg: *mut zmq_msg_t,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::call_lightly(|| unsafe { receive(msg, socket, flags) })
}

/// Releases a message. -1: EFAULT if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_close(msg: *mut zmq_msg_t) -> c_int {
    // SAFETY: NULL, or C promises the memory of a message.
    guard::done_lightly(|| unsafe { message::close_raw(msg.cast()) })
}

/// Moves the content of src to dest; src is empty afterwards. -1: EFAULT if one of them is no message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_move(dest: *mut zmq_msg_t, src: *mut zmq_msg_t) -> c_int {
    guard::done_lightly(|| {
        // SAFETY: NULL or a message.
        let source = unsafe { edit(src) }?;
        if std::ptr::eq(dest, src) {
            drop(source.take());
            return Ok(());
        }
        // SAFETY: NULL or a message, another one.
        let destination = unsafe { edit(dest) }?;
        // Released when its successor is in place.
        drop(mem::replace(destination, source.take()));
        Ok(())
    })
}

/// Makes dest a copy of src that shares large content with it; neither may be written to afterwards. -1: EFAULT if
/// one of them is no message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_copy(dest: *mut zmq_msg_t, src: *mut zmq_msg_t) -> c_int {
    guard::done_lightly(|| {
        // SAFETY: NULL or a message.
        let source = unsafe { edit(src) }?;
        if std::ptr::eq(dest, src) {
            return Ok(());
        }
        // SAFETY: NULL or a message, another one.
        let destination = unsafe { edit(dest) }?;
        // Released when its successor is in place.
        drop(mem::replace(destination, source.share()));
        Ok(())
    })
}

/// The content of a message, until it is closed, moved, sent or received into. NULL: EFAULT if there is no message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_data(msg: *mut zmq_msg_t) -> *mut c_void {
    // SAFETY: NULL or a message.
    guard::call_lightly(|| Ok(unsafe { edit(msg) }?.data_ptr().cast()))
}

/// The size of a message in bytes. 0 and EFAULT if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_size(msg: *const zmq_msg_t) -> usize {
    // SAFETY: NULL or a message.
    guard::call_lightly(|| Ok(unsafe { view(msg) }?.len()))
}

/// Whether more parts follow: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_more(msg: *const zmq_msg_t) -> c_int {
    // SAFETY: NULL or a message.
    guard::or(0, || unsafe { view(msg) }.is_ok_and(Message::more).into())
}

/// A property of a message: ZMQ_MORE, ZMQ_SRCFD, ZMQ_SHARED. -1: EINVAL if it has none such.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_get(msg: *const zmq_msg_t, property: c_int) -> c_int {
    guard::call_lightly(|| {
        // SAFETY: NULL or a message.
        let message = unsafe { view(msg) }?;
        match property {
            c::ZMQ_MORE => Ok(message.more().into()),
            c::ZMQ_SHARED => Ok(message.is_shared().into()),
            c::ZMQ_SRCFD => message
                .peer()
                .and_then(|peer| peer.fd())
                .ok_or(Error::Invalid),
            _ => Err(Error::Invalid),
        }
    })
}

/// There are no properties to set: always -1 and EINVAL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set(
    msg: *mut zmq_msg_t,
    property: c_int,
    optval: c_int,
) -> c_int {
    let _ = (msg, property, optval);
    guard::done_lightly(|| Err(Error::Invalid))
}

/// A text that the sender's connection is described by, which lives as long as the message. NULL: EINVAL if there is
/// none of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_gets(
    msg: *const zmq_msg_t,
    property: *const c_char,
) -> *const c_char {
    guard::call_lightly(|| {
        // SAFETY: NULL or a message.
        let message = unsafe { view(msg) }?;
        // SAFETY: NULL or a text.
        let property = unsafe { arguments::text(property) }.ok_or(Error::Invalid)?;
        let peer = message.peer().ok_or(Error::Invalid)?;
        Ok(peer.get(property).ok_or(Error::Invalid)?.as_ptr())
    })
}

/// zmq_msg_send with other argument order.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sendmsg(
    socket: *mut c_void,
    msg: *mut zmq_msg_t,
    flags: c_int,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::call_lightly(|| unsafe { send(msg, socket, flags) })
}

/// zmq_msg_recv with other argument order.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recvmsg(
    socket: *mut c_void,
    msg: *mut zmq_msg_t,
    flags: c_int,
) -> c_int {
    // SAFETY: NULL or valid.
    guard::call_lightly(|| unsafe { receive(msg, socket, flags) })
}

/// Makes a message with a copy of size bytes. -1: ENOMEM.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_buffer(
    msg: *mut zmq_msg_t,
    buf: *const c_void,
    size: usize,
) -> c_int {
    guard::done_lightly(|| {
        // SAFETY: C promises the bytes.
        let bytes = unsafe { arguments::bytes(buf, size) }?;
        // SAFETY: C promises the memory of a message.
        unsafe { put(msg, || Message::from_slice(bytes)) }
    })
}

/// Names the peer that a SERVER or PEER sends to. -1: EINVAL for 0.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set_routing_id(
    msg: *mut zmq_msg_t,
    routing_id: u32,
) -> c_int {
    guard::done_lightly(|| {
        if routing_id == 0 {
            return Err(Error::Invalid);
        }
        // SAFETY: NULL or a message.
        unsafe { edit(msg) }?.set_routing_id(routing_id);
        Ok(())
    })
}

/// The peer that a SERVER or PEER received from, or 0.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_routing_id(msg: *mut zmq_msg_t) -> u32 {
    // SAFETY: NULL or a message.
    guard::call_lightly(|| Ok(unsafe { view(msg) }?.routing_id()))
}

/// Names the group that a RADIO sends to; at most 255 bytes count. -1: ENOMEM, EINVAL for NULL.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set_group(
    msg: *mut zmq_msg_t,
    group: *const c_char,
) -> c_int {
    guard::done_lightly(|| {
        // SAFETY: NULL or a text.
        let group = unsafe { arguments::text(group) }.ok_or(Error::Invalid)?;
        // SAFETY: NULL or a message.
        unsafe { edit(msg) }?.set_group(group.to_bytes())
    })
}

/// The group of a message, or "", as long as it lives.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_group(msg: *mut zmq_msg_t) -> *const c_char {
    // SAFETY: NULL or a message.
    guard::call_lightly(|| Ok(unsafe { view(msg) }?.group().as_ptr()))
}

/// Initialises the memory at `msg`. Errors: `Fault` if it cannot hold a message, and those of `make`.
unsafe fn put(msg: *mut zmq_msg_t, make: impl FnOnce() -> Result<Message>) -> Result<()> {
    if msg.is_null() || !msg.is_aligned() {
        return Err(Error::Fault);
    }
    let made = make()?;
    // SAFETY: aligned; C promises the memory.
    unsafe { message::write_raw(msg.cast(), made) };
    Ok(())
}

/// The message at `msg`, to change it. Errors: `Fault`.
unsafe fn edit<'a>(msg: *mut zmq_msg_t) -> Result<&'a mut Message> {
    // SAFETY: NULL, or C promises the memory, and that nobody else uses it during the call.
    unsafe { message::from_raw(msg.cast()) }.ok_or(Error::Fault)
}

/// The message at `msg`, to look at it. Errors: `Fault`.
unsafe fn view<'a>(msg: *const zmq_msg_t) -> Result<&'a Message> {
    // SAFETY: NULL, or C promises the memory, and that nobody changes it during the call.
    unsafe { message::view_raw(msg.cast()) }.ok_or(Error::Fault)
}

unsafe fn send(msg: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> Result<c_int> {
    // SAFETY: NULL or a handle.
    let socket = unsafe { arguments::socket(socket) }?;
    // SAFETY: NULL or a message.
    let message = unsafe { edit(msg) }.or_else(|fault| after_stop(socket, fault))?;
    let more = arguments::send_more(flags);
    let size = message.len();
    api::send_message(socket, message, more, arguments::dont_wait(flags))?;
    Ok(arguments::capped(size))
}

unsafe fn receive(msg: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> Result<c_int> {
    // SAFETY: NULL or a handle.
    let socket = unsafe { arguments::socket(socket) }?;
    // SAFETY: NULL or a message.
    let message = unsafe { edit(msg) }.or_else(|fault| after_stop(socket, fault))?;
    let mut incoming = Incoming::into_message(message);
    api::receive(socket, &mut incoming, arguments::dont_wait(flags))?;
    Ok(arguments::capped(incoming.size))
}

/// `fault`, unless the context has ended, which comes first.
fn after_stop<T>(socket: &'static SocketCell, fault: Error) -> Result<T> {
    api::events(socket)?;
    Err(fault)
}
