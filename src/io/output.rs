//! Bytes on their way out that are no longer in the pipe: commands, and what is left of a frame that
//! the kernel took only in part.

#![forbid(unsafe_code)]

use crate::message::Storage;
use crate::pipe::queue::Cut;

/// The output side of a live connection besides its pipe.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The stream takes bytes, as far as is known; cleared when the kernel says no.
    pub(crate) writable: bool,
    /// The kernel said no, and has taken nothing since.
    pub(crate) blocked: bool,
    /// A write failed, which the home thread has not dealt with yet.
    pub(crate) failed: bool,
    /// Goes out first.
    head: Vec<u8>,
    sent_of_head: usize,
    /// Goes out after `head`.
    body: Option<Box<(Storage, usize)>>,
    /// `head` and `body` begin inside a frame of the pipe, whose message is cut if the stream is lost.
    inside_frame: bool,
    sent_messages: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            writable: true,
            ..Self::default()
        }
    }

    /// Nothing is left to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.head().is_empty() && self.body.is_none()
    }

    /// A frame of the pipe has gone out in part.
    pub(crate) fn is_cut(&self) -> bool {
        self.inside_frame && !self.is_empty()
    }

    /// Something of the pipe was given to the kernel in the stream's life.
    pub(crate) fn has_ever_sent_messages(&self) -> bool {
        self.sent_messages
    }

    pub(crate) fn note_messages(&mut self) {
        self.sent_messages = true;
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.get(self.sent_of_head..).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Option<&[u8]> {
        let (storage, sent) = &**self.body.as_ref()?;
        storage.bytes().get(*sent..)
    }

    /// Appends what the protocol has to say; only at a frame boundary. False without memory: `bytes` keeps it.
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>) -> bool {
        if self.head.is_empty() {
            self.head = std::mem::take(bytes);
            return true;
        }
        let has_room = self.head.try_reserve(bytes.len()).is_ok();
        if has_room {
            self.head.append(bytes);
        }
        has_room
    }

    /// Where commands are appended; only at a frame boundary, that is while no body is pending.
    pub(crate) fn at_boundary(&mut self) -> Option<&mut Vec<u8>> {
        if self.body.is_some() {
            return None;
        }
        Some(&mut self.head)
    }

    /// Consumes `written` bytes of head and body; what is left over belongs to what came behind them.
    pub(crate) fn consume(&mut self, mut written: usize) -> usize {
        let from_head = written.min(self.head().len());
        self.sent_of_head += from_head;
        written -= from_head;
        if self.sent_of_head == self.head.len() {
            self.sent_of_head = 0;
            // Idle connections own no buffer.
            self.head = Vec::new();
        }
        if let Some((storage, sent)) = self.body.as_deref_mut() {
            let from_body = written.min(storage.len() - *sent);
            *sent += from_body;
            written -= from_body;
            if *sent == storage.len() {
                self.body = None;
            }
        }
        if self.is_empty() {
            self.inside_frame = false;
        }
        written
    }

    /// Takes over what is left of a frame that the kernel cut. Nothing else is pending then.
    pub(crate) fn take_cut(&mut self, cut: Cut) {
        self.head = cut.head;
        self.sent_of_head = 0;
        self.body = cut.body.map(Box::new);
        self.inside_frame = true;
    }
}
