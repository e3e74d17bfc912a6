//! The entry points for `ffi`: contexts behind handles.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::ffi::handle::{Cell, Pool, Tenant};

/// What a context handle points to. Calls take the context out from under the lock, since
/// zmq_ctx_term waits.
#[derive(Debug)]
pub(crate) struct Held(Arc<Context>);

impl Tenant for Held {
    const MAGIC: u32 = 0x5a78_4358;
}

/// See [`Held`].
pub(crate) type ContextCell = Cell<Held>;

static CONTEXTS: Pool<Held> = Pool::new();

/// zmq_ctx_new.
pub(crate) fn open() -> &'static ContextCell {
    CONTEXTS.insert(Held(Arc::new(Context::new())))
}

/// The context behind a handle. `Fault` if it has been terminated.
pub(crate) fn get(cell: &'static ContextCell) -> Result<Arc<Context>> {
    let held = cell.enter().ok_or(Error::Fault)?;
    Ok(Arc::clone(&held.0))
}

/// zmq_ctx_term: waits, and gives the handle back when everything is over. `Fault`, `Interrupted`.
pub(crate) fn terminate(cell: &'static ContextCell) -> Result<()> {
    get(cell)?.terminate()?;
    // Somebody may have waited in parallel and been faster.
    CONTEXTS.remove(cell).map(|_| ()).ok_or(Error::Fault)
}
