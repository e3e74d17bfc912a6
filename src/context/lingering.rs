//! Connections whose socket has left and that still have something to send.

#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::sync::Arc;

use crate::io::ObjectId;
use crate::mailbox::Waiter;
use crate::sync::Mutex;

/// zmq_ctx_term waits until this is empty. A leaf.
#[derive(Debug, Default)]
pub(crate) struct Lingering {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    connections: HashSet<ObjectId>,
    waiters: Vec<Arc<Waiter>>,
}

impl Lingering {
    /// Counts a connection; before its socket stops counting.
    pub(crate) fn begin(&self, connection: ObjectId) {
        self.inner.lock().connections.insert(connection);
    }

    /// The connection owes nothing any more. Harmless for one that was not counted.
    pub(crate) fn finished(&self, connection: ObjectId) {
        let mut inner = self.inner.lock();
        inner.connections.remove(&connection);
        if inner.connections.is_empty() {
            for waiter in &inner.waiters {
                waiter.wake();
            }
        }
    }

    /// The connection still owes something.
    pub(crate) fn contains(&self, connection: ObjectId) -> bool {
        self.inner.lock().connections.contains(&connection)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inner.lock().connections.is_empty()
    }

    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        self.inner.lock().waiters.push(Arc::clone(waiter));
    }

    pub(crate) fn deregister(&self, waiter: &Arc<Waiter>) {
        self.inner
            .lock()
            .waiters
            .retain(|other| !Arc::ptr_eq(other, waiter));
    }
}
