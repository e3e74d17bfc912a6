//! Contexts. Contract: api.md section 2.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use super::handle::{Cell, Pool, Tenant};
use super::{arguments, constants as c, guard};
use crate::context::Context;
use crate::error::{Error, Result};

/// Makes a context. It opens and starts nothing before the first zmq_socket. NULL and errno on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_new() -> *mut c_void {
    guard::call(|| Ok(new(Context::new())))
}

/// Ends a context: waits until every socket was closed and has lingered, then frees it. -1: EFAULT if it is none,
/// EINTR if a signal came, EMFILE without a descriptor to wait on; then call again. EDEADLK from a free function that
/// runs on a thread of this context. In a forked child it only gives up the parent's context.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_term(context: *mut c_void) -> c_int {
    // SAFETY: C passes NULL or a handle that it was given.
    guard::done(|| unsafe { terminate(context) })
}

/// Lets every blocked call on the context's sockets, and all later ones, fail with ETERM. Does not wait. -1:
/// EFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_shutdown(context: *mut c_void) -> c_int {
    guard::done(|| {
        // SAFETY: C passes NULL or a handle that it was given.
        unsafe { of_handle(context) }?.shutdown();
        Ok(())
    })
}

/// Sets an option of a context. -1: EFAULT, EINVAL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_set(
    context: *mut c_void,
    option: c_int,
    optval: c_int,
) -> c_int {
    guard::done(|| {
        // SAFETY: C passes NULL or a handle that it was given.
        let context = unsafe { of_handle(context) }?;
        context.with_options(|options| options.set(option, optval))?
    })
}

/// The value of an option of a context. -1: EFAULT, EINVAL; some options can be negative.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_get(context: *mut c_void, option: c_int) -> c_int {
    guard::call(|| {
        // SAFETY: C passes NULL or a handle that it was given.
        let context = unsafe { of_handle(context) }?;
        context.with_options(|options| options.get(option))?
    })
}

/// Old form of zmq_ctx_new, with the number of I/O threads. NULL: EINVAL if that is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_init(io_threads: c_int) -> *mut c_void {
    guard::call(|| {
        let context = Context::new();
        context.with_options(|options| options.set(c::ZMQ_IO_THREADS, io_threads))??;
        Ok(new(context))
    })
}

/// Old name of zmq_ctx_term.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_term(context: *mut c_void) -> c_int {
    // SAFETY: C passes NULL or a handle that it was given.
    guard::done(|| unsafe { terminate(context) })
}

/// Old name of zmq_ctx_term.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_destroy(context: *mut c_void) -> c_int {
    // SAFETY: C passes NULL or a handle that it was given.
    guard::done(|| unsafe { terminate(context) })
}

/// zmq_ctx_set for options that are not an int. -1: EFAULT, EINVAL.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_set_ext(
    context: *mut c_void,
    option: c_int,
    optval: *const c_void,
    optvallen: usize,
) -> c_int {
    guard::done(|| {
        // SAFETY: C passes NULL or a handle that it was given.
        let context = unsafe { of_handle(context) }?;
        // SAFETY: C promises the bytes.
        let value = unsafe { arguments::bytes(optval, optvallen) }.map_err(|_| Error::Invalid)?;
        context.with_options(|options| options.set_ext(option, Some(value)))?
    })
}

/// zmq_ctx_get for options that are not an int; does not change *optvallen. -1: EFAULT, EINVAL.
#[cfg(draft_api)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_get_ext(
    context: *mut c_void,
    option: c_int,
    optval: *mut c_void,
    optvallen: *mut usize,
) -> c_int {
    guard::done(|| {
        // SAFETY: C passes NULL or a handle that it was given.
        let context = unsafe { of_handle(context) }?;
        // SAFETY: NULL, or C promises a length.
        let length = *unsafe { optvallen.as_ref() }.ok_or(Error::Invalid)?;
        // SAFETY: C promises the space.
        let buffer = unsafe { arguments::buffer(optval, length) }?;
        context.with_options(|options| options.get_ext(option, buffer))?
    })
}

/// What a context handle points to. Shared, because nobody may wait inside of a cell.
struct Handle(Arc<Context>);

impl Tenant for Handle {
    const MAGIC: u32 = 0x5a78_4358;
}

static CONTEXTS: Pool<Handle> = Pool::new();

fn new(context: Context) -> *mut c_void {
    CONTEXTS.insert(Handle(Arc::new(context))).handle()
}

/// The context of a handle. Errors: `Fault`.
pub(super) unsafe fn of_handle(handle: *mut c_void) -> Result<Arc<Context>> {
    // SAFETY: passed on from the caller.
    let cell = unsafe { Cell::<Handle>::from_handle(handle) }.ok_or(Error::Fault)?;
    let inside = cell.enter()?.ok_or(Error::Fault)?;
    Ok(Arc::clone(&inside.0))
}

unsafe fn terminate(handle: *mut c_void) -> Result<()> {
    // SAFETY: passed on from the caller.
    let cell = unsafe { Cell::<Handle>::from_handle(handle) }.ok_or(Error::Fault)?;
    let was_of_parent = cell.is_of_parent();
    let context = match cell.enter()?.map(|inside| Arc::clone(&inside.0)) {
        Some(context) if !context.is_of_parent() => context,
        // Moved out.
        None if !was_of_parent => return Err(Error::Fault),
        // In a child, where there is nothing to wait for: what goes on goes on in the parent. Nothing of it is
        // dropped either. EINTR, which libzmq gives, makes callers that try again do so for ever.
        _ => return CONTEXTS.disown(cell).then_some(()).ok_or(Error::Fault),
    };
    context.terminate()?;
    // Of two threads that ended it one is late, and may find the next context here.
    CONTEXTS.remove_if(cell, |inside| Arc::ptr_eq(&inside.0, &context));
    Ok(())
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with valid arguments"
)]
mod tests {
    use super::*;
    use crate::ffi::version::zmq_errno;
    use std::ptr::null_mut;

    #[test]
    fn only_contexts_are_accepted() {
        unsafe {
            let context = zmq_ctx_new();
            assert_eq!(zmq_ctx_set(context, c::ZMQ_IO_THREADS, 3), 0);
            assert_eq!(zmq_ctx_get(context, c::ZMQ_IO_THREADS), 3);
            assert_eq!(zmq_ctx_set(context, 4711, 3), -1);
            assert_eq!(zmq_errno(), libc::EINVAL);
            assert_eq!(zmq_ctx_shutdown(context), 0);
            assert_eq!(zmq_ctx_term(context), 0);
            let mut foreign = [0u64; 8];
            for handle in [null_mut(), foreign.as_mut_ptr().cast()] {
                assert_eq!(zmq_ctx_term(handle), -1);
                assert_eq!(zmq_errno(), libc::EFAULT);
                assert_eq!(zmq_ctx_shutdown(handle), -1);
                assert_eq!(zmq_errno(), libc::EFAULT);
                assert_eq!(zmq_ctx_get(handle, c::ZMQ_IO_THREADS), -1);
                assert_eq!(zmq_errno(), libc::EFAULT);
            }
        }
    }

    #[test]
    fn the_old_form_takes_the_number_of_threads() {
        unsafe {
            let context = zmq_init(2);
            assert_eq!(zmq_ctx_get(context, c::ZMQ_IO_THREADS), 2);
            assert_eq!(zmq_term(context), 0);
            assert!(zmq_init(-1).is_null());
            assert_eq!(zmq_errno(), libc::EINVAL);
        }
    }
}
