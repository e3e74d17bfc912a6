//! A frame on its way from the application into pipes, and from a pipe to the application.

#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::error::Result;
use crate::message::{Message, PeerInfo, Storage, copy_front};

/// Bodies up to this many bytes are copied into the queue; longer ones travel by reference.
///
/// One copy into a record (10 ns per 100 bytes) is cheaper than an allocation whose release happens
/// on another thread, up to about 2 KiB.
pub(crate) const COPY_LIMIT: usize = 1024;

/// A frame that the application gave to a send call.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    body: Body<'a>,
    /// More frames of the same message follow (ZMQ_SNDMORE).
    pub(crate) more: bool,
}

#[derive(Debug)]
enum Body<'a> {
    Bytes(&'a [u8]),
    Message(&'a mut Message),
    /// Bytes that became shared storage on their way into the first of several pipes.
    Shared(Storage),
}

impl<'a> Outgoing<'a> {
    /// A frame whose bytes stay the caller's (zmq_send).
    pub(crate) fn from_bytes(bytes: &'a [u8], more: bool) -> Self {
        Self {
            body: Body::Bytes(bytes),
            more,
        }
    }

    /// A frame whose storage may move into a pipe (zmq_msg_send). After a successful send the caller
    /// has to empty `message`; after a failed one it is untouched.
    pub(crate) fn from_message(message: &'a mut Message, more: bool) -> Self {
        Self {
            body: Body::Message(message),
            more,
        }
    }

    /// A caller's message gets the MORE flag of this call and loses received metadata, also if it is not sent
    /// in the end (patterns.md 1.3).
    #[inline]
    pub(crate) fn mark(&mut self) {
        if let Body::Message(message) = &mut self.body {
            message.set_more(self.more);
            message.strip();
        }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Bytes(bytes) => bytes,
            Body::Message(message) => message.bytes(),
            Body::Shared(storage) => storage.bytes(),
        }
    }

    /// What a queue should hold for this frame; `into_stream`: its reader is a connection. Sharing leaves the frame usable
    /// for further pipes.
    #[inline(always)]
    pub(crate) fn stored(&mut self, into_stream: bool) -> Result<Stored<'_>> {
        if let Body::Bytes(bytes) = self.body {
            if bytes.len() <= COPY_LIMIT {
                return Ok(Stored::Copy(bytes));
            }
            self.body = Body::Shared(Storage::copy_of(bytes)?);
        }
        Ok(match &self.body {
            Body::Bytes(bytes) => Stored::Copy(bytes),
            Body::Shared(storage) => Stored::Reference(storage.clone()),
            Body::Message(message) if into_stream && is_short_block(message) => {
                Stored::Copy(message.bytes())
            }
            Body::Message(message) => match message.share_storage() {
                Some(storage) => Stored::Reference(storage),
                None => Stored::Copy(message.bytes()),
            },
        })
    }
}

impl Outgoing<'_> {
    /// The frame as a message of its own, which shares long bytes. Errors: `NoMemory`.
    pub(super) fn shared_message(&mut self) -> Result<Message> {
        Ok(match self.stored(false)? {
            Stored::Copy(bytes) => Message::from_slice(bytes)?,
            Stored::Reference(storage) => Message::from_storage(storage),
        })
    }

    /// Lets go of the storage, which is in a pipe now: whoever reads it there is the last to have it, so that a user's
    /// free function runs on the reader's side and not, now and then, in the middle of a send. No pipe can take this
    /// frame any more.
    #[inline(always)]
    pub(super) fn give_up(&mut self) {
        match &mut self.body {
            Body::Bytes(_) => {}
            Body::Message(message) => message.clear(),
            Body::Shared(_) => self.body = Body::Bytes(&[]),
        }
    }
}

/// What zmq_msg_init_size made, and is soon copied: by reference the I/O thread would free each block on another thread
/// than the one that asks for the next, and write each as a piece of its own. Copied, 100 B over tcp go 1.6 times as fast,
/// and a proxy does 1.5 times the round trips.
///
/// Over inproc the block itself arrives; and what is the user's goes by reference in any case, since its free function
/// tells when it was sent.
#[inline(always)]
fn is_short_block(message: &Message) -> bool {
    message.len() <= COPY_LIMIT && message.is_own_block()
}

/// How a queue takes a frame.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// Copy the bytes into the record.
    Copy(&'a [u8]),
    /// Keep this reference.
    Reference(Storage),
}

/// Where a receive call wants its frame.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    target: Target<'a>,
    /// Size of the frame received, which may exceed a buffer's.
    pub(crate) size: usize,
    /// More frames of the same message follow.
    pub(crate) more: bool,
}

#[derive(Debug)]
enum Target<'a> {
    Buffer(&'a mut [MaybeUninit<u8>]),
    Message(&'a mut Message),
}

impl<'a> Incoming<'a> {
    /// zmq_recv: what does not fit is lost.
    pub(crate) fn into_buffer(buffer: &'a mut [MaybeUninit<u8>]) -> Self {
        Self {
            target: Target::Buffer(buffer),
            size: 0,
            more: false,
        }
    }

    /// zmq_msg_recv: the old content of `message` is released when a frame arrives.
    pub(crate) fn into_message(message: &'a mut Message) -> Self {
        Self {
            target: Target::Message(message),
            size: 0,
            more: false,
        }
    }

    /// Takes a frame whose bytes lie in a queue.
    #[inline(always)]
    pub(crate) fn accept_bytes(
        &mut self,
        more: bool,
        body: &[u8],
        peer: Option<&Arc<PeerInfo>>,
    ) -> Result<()> {
        match &mut self.target {
            Target::Buffer(buffer) => copy_front(body, buffer),
            Target::Message(message) => fill(message, more, body, peer)?,
        }
        self.size = body.len();
        self.more = more;
        Ok(())
    }

    /// Takes a frame that is held by reference.
    #[inline(never)]
    pub(crate) fn accept_storage(
        &mut self,
        more: bool,
        body: Storage,
        peer: Option<&Arc<PeerInfo>>,
    ) {
        self.size = body.len();
        self.more = more;
        match &mut self.target {
            Target::Buffer(buffer) => copy_front(body.bytes(), buffer),
            Target::Message(message) => {
                let mut received = Message::from_storage(body);
                received.set_more(more);
                received.set_peer(peer.cloned());
                **message = received;
            }
        }
    }

    /// Takes a whole message object, its MORE flag and peer included.
    pub(crate) fn accept_message(&mut self, received: Message) {
        self.size = received.len();
        self.more = received.more();
        match &mut self.target {
            Target::Buffer(buffer) => copy_front(received.bytes(), buffer),
            Target::Message(message) => **message = received,
        }
    }
}

// Not inlined: what receives into buffers stays small enough to be inlined itself.
#[inline(never)]
fn fill(
    message: &mut Message,
    more: bool,
    body: &[u8],
    peer: Option<&Arc<PeerInfo>>,
) -> Result<()> {
    let mut received = Message::from_slice(body)?;
    received.set_more(more);
    received.set_peer(peer.cloned());
    *message = received;
    Ok(())
}
