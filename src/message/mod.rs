//! One frame: the 64-byte value behind `zmq_msg_t`, its storage and what is known of its sender.
//!
//! Called by `ffi` (through the functions for C memory in [`layout`]), by sockets and patterns, and by
//! pipes, which keep [`Storage`] rather than messages. It must not know sockets, pipes or the wire.
//!
//! Where the bytes of a frame can lie (api.md section 5):
//!
//! | Storage | Made by | Counted | ZMQ_SHARED |
//! |---|---|---|---|
//! | inline, up to 33 bytes | init, init_size, init_buffer, small received frames | no, copied | 0 |
//! | heap, header and body in one allocation | the same, longer | yes | 1 once copied |
//! | slice of a receive slab | large received frames | yes, with its slab | 1 once copied |
//! | user buffer with free function | init_data | yes | 1 once copied |
//! | constant user buffer | init_data without function, send_const | no, lives for ever | 1 |

mod layout;
mod peer;
pub(crate) mod release;
mod spares;
mod storage;

#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::sync::Arc;

use crate::error::Result;

use layout::{Group, Payload};
pub(crate) use layout::{close_raw, from_raw, view_raw, write_raw};
pub(crate) use peer::PeerInfo;
pub(crate) use storage::{Slab, Storage, copy_front};

/// Payloads up to this many bytes lie inside the message.
pub(crate) const INLINE_MAX: usize = 33;

/// A frame with its MORE flag, group, routing id and sender: what a `zmq_msg_t` holds.
///
/// The order of the fields is the layout in C memory. Nothing outside may rely on it, except that
/// the payload's kind byte tells a live message from garbage.
#[repr(C, align(8))]
pub(crate) struct Message {
    peer: Option<Arc<PeerInfo>>,
    payload: Payload,
    more: bool,
    routing_id: u32,
    group: Group,
}

impl Message {
    /// An empty message (zmq_msg_init). Allocates nothing.
    pub(crate) const fn new() -> Self {
        Self::of(Payload::empty())
    }

    /// A message of `size` bytes with unspecified content (zmq_msg_init_size).
    /// Errors: `NoMemory`, also for sizes that no memory could have.
    pub(crate) fn with_size(size: usize) -> Result<Self> {
        Ok(Self::of(match Payload::zeroed(size) {
            Some(inline) => inline,
            None => Payload::stored(Storage::allocate(size)?),
        }))
    }

    /// A message with a copy of `bytes` (zmq_msg_init_buffer). Errors: `NoMemory`.
    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self> {
        Ok(Self::of(match Payload::inline(bytes) {
            Some(inline) => inline,
            None => Payload::stored(Storage::copy_of(bytes)?),
        }))
    }

    /// A message of what a pipe or a connection holds by reference, or of a user's buffer.
    ///
    /// Short storage of the library's own is copied, so that a tiny message does not keep a whole
    /// slab; a user's buffer is never copied, whatever its size.
    pub(crate) fn from_storage(storage: Storage) -> Self {
        if storage.len() <= INLINE_MAX
            && !storage.is_user_owned()
            && let Some(inline) = Payload::inline(storage.bytes())
        {
            return Self::of(inline);
        }
        Self::of(Payload::stored(storage))
    }

    /// A message of bytes that live for ever. Allocates nothing.
    #[cfg(test)]
    pub(crate) fn from_constant(bytes: &'static [u8]) -> Self {
        Self::of(Payload::stored(Storage::constant(bytes)))
    }

    /// The payload (zmq_msg_data, zmq_msg_size).
    pub(crate) fn bytes(&self) -> &[u8] {
        self.payload.bytes()
    }

    /// Where the payload lies: inside the message itself if it is inline. A user's pointer is given
    /// back as it came, null included. Valid until the message is changed, moved or dropped; to be
    /// written to only while the message shares its storage with no other.
    pub(crate) fn data_ptr(&mut self) -> *mut u8 {
        self.payload.data_ptr()
    }

    /// The payload's size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.payload.len()
    }

    /// The payload has no bytes.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Another frame of the same message follows (ZMQ_MORE).
    pub(crate) fn more(&self) -> bool {
        self.more
    }

    /// See [`Message::more`].
    pub(crate) fn set_more(&mut self, more: bool) {
        self.more = more;
    }

    /// The payload's storage is constant, or was copied at some time (ZMQ_SHARED).
    pub(crate) fn is_shared(&self) -> bool {
        self.payload.is_shared()
    }

    /// A second message like this one, with its flag, sender, routing id and group (zmq_msg_copy).
    /// Counted storage is shared from now on; inline bytes are copied.
    pub(crate) fn share(&mut self) -> Self {
        Self {
            peer: self.peer.clone(),
            payload: self.payload.share(),
            more: self.more,
            routing_id: self.routing_id,
            group: self.group.clone(),
        }
    }

    /// Drops the payload alone.
    pub(crate) fn clear(&mut self) {
        self.payload = Payload::empty();
    }

    /// The message, leaving an empty one (zmq_msg_move).
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The bytes are in a block of the library's own: nobody is told when they go, and nobody but who holds the message
    /// knows where they are.
    pub(crate) fn is_own_block(&self) -> bool {
        self.payload.is_own_block()
    }

    /// Another reference to the payload's storage, for a pipe; `None` if the bytes are inline.
    /// The message does not count as copied by this.
    pub(crate) fn share_storage(&self) -> Option<Storage> {
        self.payload.storage()
    }

    /// The peer this frame came from; `None` for frames built here and over inproc.
    pub(crate) fn peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref()
    }

    /// See [`Message::peer`].
    pub(crate) fn set_peer(&mut self, peer: Option<Arc<PeerInfo>>) {
        self.peer = peer;
    }

    /// Forgets the peer: sending does not pass received metadata on.
    pub(crate) fn strip(&mut self) {
        self.peer = None;
    }

    /// The routing id of SERVER and PEER sockets, 0 when none.
    pub(crate) fn routing_id(&self) -> u32 {
        self.routing_id
    }

    /// See [`Message::routing_id`].
    pub(crate) fn set_routing_id(&mut self, routing_id: u32) {
        self.routing_id = routing_id;
    }

    /// The group of RADIO and DISH sockets, empty when none.
    pub(crate) fn group(&self) -> &CStr {
        self.group.name()
    }

    /// Sets the group; the last call wins. The name ends at its first NUL and is cut to 255 bytes, as
    /// zmq_msg_set_group does. Errors: `NoMemory`, the group is as before then.
    pub(crate) fn set_group(&mut self, name: &[u8]) -> Result<()> {
        self.group = Group::named(name)?;
        Ok(())
    }

    const fn of(payload: Payload) -> Self {
        Self {
            peer: None,
            payload,
            more: false,
            routing_id: 0,
            group: Group::none(),
        }
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Message {
    /// Sizes and flags only: payloads can be large, and secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("len", &self.len())
            .field("more", &self.more)
            .field("shared", &self.is_shared())
            .field("routing_id", &self.routing_id)
            .field("group", &self.group())
            .field("peer", &self.peer.is_some())
            .finish_non_exhaustive()
    }
}
