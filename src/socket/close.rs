//! zmq_close: the socket detaches at once; what is left to send is the connections' business.
//!
//! No handshake between objects: inproc pipes are ended, each connection keeps its outbound queue and
//! drains it under its own linger deadline (architecture section 2).

#![forbid(unsafe_code)]

use crate::context::Slot;
use crate::io::{IoCommand, Linger};
use crate::message::release::Hold;
use crate::socket::{Core, SocketCommand};

impl Core {
    /// Takes leave of everything. The handle is already refused.
    ///
    /// The messages that nobody received are released by an I/O thread: a caller may hold the lock that its free
    /// functions take (api.md 5).
    pub(super) fn close(mut self: Box<Self>, hold: &Hold) {
        self.leave();
        let slot = self.into_slot();
        if let Some(released) = hold.take() {
            slot.context().release(released);
        }
        // Not before: now the context may end.
        drop(slot);
    }

    fn leave(&mut self) {
        let linger = Linger::from_option(self.options.linger);
        // The names first, so that nobody is attached to a closed mailbox.
        let sent = self.inproc_connects_with_messages();
        let parked = self.context.names.remove_socket(&self.mailbox, &sent);
        for parked in parked {
            let mut end = parked.end;
            end.leave();
        }
        for command in self.mailbox.close() {
            if let SocketCommand::Attach(attachment) = command {
                self.attach(*attachment);
            }
        }
        for key in self.pipes.keys() {
            if let Some(mut end) = self.pipes.remove(key) {
                end.leave();
            }
            if let Some(connection) = self.connections.remove(&key) {
                let (thread, id) = connection.home();
                self.context.detach(thread, id, linger);
            }
        }
        for (thread, connection) in self.endpoints.connections() {
            // Also those without a pipe; a second detach of the same one does nothing more.
            self.context.detach(&thread, connection, linger);
        }
        for (thread, connection) in self.endpoints.lingering() {
            thread.post(IoCommand::CapLinger(connection, linger));
        }
        self.endpoints.close_listeners(&self.monitor);
        // Before the I/O threads hear of it: they would tell the same.
        self.stop_monitor();
        self.endpoints.end_listeners();
        self.context.remove_socket(&self.mailbox);
    }

    fn into_slot(self: Box<Self>) -> Slot {
        self.slot
    }
}
