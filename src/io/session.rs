//! What a connection knows of the socket it belongs to.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::context::Lingering;
use crate::io::{IoHandle, ObjectId};
use crate::mailbox::Mailbox;
use crate::monitor::{Event, Monitor};
use crate::options::SocketOptions;
use crate::patterns::{Origin, TypeRow};
use crate::pipe::PipeEnd;
use crate::socket::SocketCommand;

/// The unchanging surroundings of a connection or listener: captured at bind or connect.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The socket; closed when the socket is.
    pub(crate) mailbox: Arc<Mailbox<SocketCommand>>,
    pub(crate) monitor: Arc<Monitor>,
    /// The options as they were at bind or connect.
    pub(crate) options: Arc<SocketOptions>,
    pub(crate) row: &'static TypeRow,
    /// All I/O threads of the context that may serve the endpoint (ZMQ_AFFINITY).
    pub(crate) threads: Arc<[Arc<IoHandle>]>,
    pub(crate) lingering: Arc<Lingering>,
    /// The endpoint as monitor events name it.
    pub(crate) endpoint: Arc<[u8]>,
}

/// Local and remote endpoint of a connection for monitor events of version 2.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointTexts {
    pub(crate) local: String,
    pub(crate) remote: String,
}

impl Session {
    /// Emits a monitor event of this endpoint.
    pub(crate) fn emit(&self, event: Event, value: u64, texts: &EndpointTexts) {
        self.monitor.emit(event, value, &self.endpoint, texts);
    }

    /// The least loaded thread that may serve the endpoint, lowest index on ties.
    pub(crate) fn choose_thread(&self) -> Option<Arc<IoHandle>> {
        self.threads.iter().min_by_key(|thread| (thread.load(), thread.index())).cloned()
    }

    /// Gives a new pipe to the socket. `Err` if the socket is closed: the connection has no purpose.
    pub(crate) fn attach(
        &self,
        end: PipeEnd,
        origin: Origin,
        connection: (Arc<IoHandle>, ObjectId),
    ) -> Result<(), SocketCommand> {
        self.mailbox.push(SocketCommand::Attach(Box::new(crate::socket::Attachment {
            end,
            origin,
            connection: Some(connection),
        })))
    }
}
