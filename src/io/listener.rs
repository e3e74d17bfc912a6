//! A listening endpoint on its I/O thread. Contract: transports.md section 6.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::io::connection::Connection;
use crate::io::turn::{Outcome, Surroundings};
use crate::io::{EndpointTexts, IoCommand, IoHandle, ObjectId, Session};
use crate::monitor::{Event, event_value};
use crate::pipe::{Notice, Wake};
use crate::transport::filter::PeerFilters;
use crate::transport::{AcceptFailure, Listener, NextAccept, Stream, StreamOptions};

/// Out of descriptors or memory: the next try comes after this, since the connection that waits in the
/// backlog never signals again.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Connections accepted before other objects of the thread have their turn.
const ACCEPTS: usize = 4;

/// A listener and the socket that it serves.
#[derive(Debug)]
pub(crate) struct ListenerObject {
    id: ObjectId,
    session: Arc<Session>,
    listener: Arc<Listener>,
    filters: PeerFilters,
    /// For the streams that it accepts.
    stream_options: StreamOptions,
    texts: EndpointTexts,
    retry_at: Option<Instant>,
    /// The socket has not let go of what enough peers left behind: whoever comes waits in the backlog until it does.
    waits_for_socket: bool,
    /// The thread hears when somebody waits to be accepted.
    watched: bool,
}

/// Tells a listener that waits for its socket.
#[derive(Debug)]
struct SocketHasRead {
    thread: Arc<IoHandle>,
    id: ObjectId,
}

impl Wake for SocketHasRead {
    fn wake(&self, _notice: Notice) {
        self.thread.post(IoCommand::Accept(self.id));
    }
}

impl ListenerObject {
    /// `stream_options`: those of `session`, with which it was bound.
    pub(crate) fn new(
        id: ObjectId,
        session: Session,
        listener: Arc<Listener>,
        stream_options: StreamOptions,
    ) -> Self {
        let texts = EndpointTexts {
            local: String::from_utf8_lossy(&session.endpoint).into_owned(),
            remote: String::new(),
        };
        Self {
            id,
            filters: session.peer_filters(),
            session: Arc::new(session),
            listener,
            stream_options,
            texts,
            retry_at: None,
            waits_for_socket: false,
            watched: false,
        }
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    pub(crate) fn start(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        self.handle_ready(around)
    }

    /// Accepts those who are there, up to a limit.
    pub(crate) fn handle_ready(&mut self, around: &Surroundings<'_>) -> Outcome {
        self.retry_at = None;
        let outcome = self.accept_some(around);
        self.watched = self.watched
            || self
                .listener
                .register(around.epoll, self.id.token())
                .is_ok();
        if !self.watched && self.retry_at.is_none() {
            // Looked at by timer, until the system has memory for watching it.
            self.retry_at = Some(around.now + ACCEPT_RETRY);
        }
        outcome
    }

    fn accept_some(&mut self, around: &Surroundings<'_>) -> Outcome {
        for _ in 0..ACCEPTS {
            if self.waits_for_socket(around) {
                return Outcome::Wait;
            }
            let accepted = self.listener.accept(&self.filters, &self.stream_options);
            let begun = match accepted {
                Ok(None) => return Outcome::Wait,
                Ok(Some(stream)) => self.begin(stream, around.now),
                Err(failure) => Err(failure),
            };
            let Err(failure) = begun else {
                continue;
            };
            let errno = crate::ffi::errno::number(failure.error);
            self.session
                .emit(Event::AcceptFailed, event_value(errno), &self.texts);
            match failure.next {
                NextAccept::Now => {}
                NextAccept::Later => {
                    self.retry_at = Some(around.now + ACCEPT_RETRY);
                    return Outcome::Wait;
                }
                NextAccept::Ready => return Outcome::Wait,
            }
        }
        // There may be more: after the others' turn.
        self.retry_at = Some(around.now);
        Outcome::Wait
    }

    fn waits_for_socket(&mut self, around: &Surroundings<'_>) -> bool {
        let (thread, id) = (around.handle, self.id);
        self.waits_for_socket = self.waits_for_socket
            || self.session.leftovers.wait_if_enough(|| {
                let thread = Arc::clone(thread);
                Arc::new(SocketHasRead { thread, id })
            });
        self.waits_for_socket
    }

    /// The socket has let go of enough.
    pub(crate) fn socket_has_read(&mut self, around: &Surroundings<'_>) -> Outcome {
        self.waits_for_socket = false;
        self.handle_ready(around)
    }

    /// Gives a peer to the thread that is to serve it.
    fn begin(&self, stream: Stream, now: Instant) -> Result<(), AcceptFailure> {
        let Some(thread) = self.session.choose_thread() else {
            return Ok(());
        };
        let session = Arc::clone(&self.session);
        let connection = Connection::accepted(session, self.id, stream, now);
        let connection = connection.map_err(|error| AcceptFailure {
            error,
            next: NextAccept::Now,
        })?;
        connection.lock().emit_accepted();
        thread.add_load();
        thread.post(IoCommand::Start(connection));
        Ok(())
    }

    pub(crate) fn handle_timeout(&mut self, around: &Surroundings<'_>) -> Outcome {
        match self.retry_at {
            Some(at) if at <= around.now => self.handle_ready(around),
            _ => Outcome::Wait,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Closes a listener, unless it is; what a monitor is told of that.
    pub(crate) fn close(listener: &Listener) -> (Event, u64) {
        match listener.close() {
            Ok(()) => (Event::Closed, event_value(listener.as_raw_fd())),
            Err(errno) => (Event::CloseFailed, event_value(errno)),
        }
    }

    /// The socket closed it. The connections that were accepted here hear of it behind their start, on
    /// whichever thread they are.
    pub(crate) fn closed(&self) -> Outcome {
        let (event, value) = Self::close(&self.listener);
        self.session.emit(event, value, &self.texts);
        for thread in self.session.threads.iter() {
            thread.post(IoCommand::ListenerClosed(self.id));
        }
        Outcome::Gone
    }
}
