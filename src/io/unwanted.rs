//! Reading for a socket that has left.
//!
//! What comes is lost, and a peer goes on sending as long as somebody reads: nobody does without need. But a peer may
//! read nothing because it waits for room to send (a server that answers each message). When our sending stands still
//! for a while we therefore make room: as much as the kernels may hold, and again when the peer has taken something.
//! A peer that stands still for other reasons loses that much, and keeps the rest.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::transport::Stream;

/// How long sending stands still before room is made.
const STANDSTILL: Duration = Duration::from_millis(10);
/// What both kernels hold over tcp is no more than this unless they are told so.
const ENOUGH_TCP: usize = 16 * 1024 * 1024;
/// Over ipc it is a fifth of a mebibyte.
const ENOUGH_IPC: usize = 1024 * 1024;

/// When input is read that nobody wants.
#[derive(Debug, Default)]
pub(crate) struct Unwanted {
    /// `None` while sending gets on.
    due: Option<Instant>,
    /// Bytes read since it did.
    read: usize,
}

impl Unwanted {
    /// When reading is due, unless sending gets on.
    pub(crate) fn due(&self, stream: &Stream) -> Option<Instant> {
        self.due.filter(|_| self.read < enough(stream))
    }

    pub(crate) fn is_due(&self, stream: &Stream, now: Instant) -> bool {
        self.due(stream).is_some_and(|due| due <= now)
    }

    /// One turn of reading is due for another reason.
    pub(crate) fn once(now: Instant) -> Self {
        Self {
            due: Some(now),
            read: 0,
        }
    }

    /// The peer takes no more.
    pub(crate) fn note_standstill(&mut self, now: Instant) {
        self.due.get_or_insert(now + STANDSTILL);
    }

    /// The peer has taken something.
    pub(crate) fn note_progress(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn note_read(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes);
    }
}

/// The most bytes that are read to make room. Over tcp the end of a peer stands behind what the kernels hold, too.
pub(crate) fn enough(stream: &Stream) -> usize {
    match stream.is_tcp() {
        true => ENOUGH_TCP,
        false => ENOUGH_IPC,
    }
}
