//! Socket types. One type per file against [`Pattern`], one row per type in [`TYPES`].
//!
//! A pattern is single-threaded and never blocks: the socket calls it under its lock, with its pipes,
//! and does all waiting. Called by `socket` only. Must not know threads, blocking, transports or the
//! wire. Reusable routing pieces are in `parts/`.
//!
//! Adding a type: a file with a struct that implements [`Pattern`], a variant of [`SocketType`], a
//! row in [`TYPES`]. There is no `match` on the type anywhere else.

#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::time::Duration;

mod dealer;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod pair;
mod parts;
mod r#pub;
mod publisher;
mod pull;
mod push;
mod rep;
mod req;
mod router;
mod stream;
mod sub;
mod subscriber;
mod xpub;
mod xsub;

#[cfg(test)]
pub(crate) mod testing;

use crate::error::{Error, Result};
use crate::memory::ShortBytes;
use crate::options::{PatternOption, SocketOptions};
use crate::pipe::{Conflate, Incoming, Outgoing, PipeKey, Pipes, Prepared};

/// ZMQ_POLLOUT, as zmq_socket_get_peer_state reports it.
const POLLOUT: i32 = 2;

/// A socket type by its number in zmq.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum SocketType {
    Pair = 0,
    Pub = 1,
    Sub = 2,
    Req = 3,
    Rep = 4,
    Dealer = 5,
    Router = 6,
    Pull = 7,
    Push = 8,
    Xpub = 9,
    Xsub = 10,
    Stream = 11,
}

/// What the rest of the library needs to know of a socket type (contract: patterns.md section 1).
#[derive(Debug)]
pub(crate) struct TypeRow {
    pub(crate) socket_type: SocketType,
    /// `Socket-Type` on the wire.
    pub(crate) wire_name: &'static str,
    /// Peer types that the handshake accepts.
    pub(crate) peers: &'static [&'static str],
    pub(crate) thread_safe: bool,
    /// ZMQ_LINGER is 0 whatever the context says.
    pub(crate) linger_zero: bool,
    /// Announces ZMQ_ROUTING_ID in the handshake (`Identity`).
    pub(crate) announces_routing_id: bool,
    /// Subscriptions from peers mean something to it (PUB, XPUB).
    pub(crate) takes_subscriptions: bool,
    /// After a lost connection it writes its subscriptions anew (SUB, XSUB): the queue towards the
    /// network is replaced.
    pub(crate) resubscribes: bool,
    /// Nobody reads its inbound queues: a pipe goes at once when the peer goes (PUSH, PUB).
    pub(crate) drops_on_end: bool,
    /// What ZMQ_CONFLATE means for pipes whose first end is this socket's: it is for user messages, never for
    /// subscriptions, which old peers send as messages.
    pub(crate) conflates: Conflate,
    /// Its connections take replies only, in their envelope (REQ): anything else is a protocol error.
    pub(crate) checks_reply_envelope: bool,
    /// A second connect to the same endpoint text is ignored.
    pub(crate) connects_once: bool,
    /// ZMQ_HELLO_MSG is effective.
    pub(crate) says_hello: bool,
    /// ZMQ_DISCONNECT_MSG is effective.
    pub(crate) hears_of_disconnects: bool,
    /// ZMQ_HICCUP_MSG is effective.
    pub(crate) hears_of_hiccups: bool,
    /// ZMQ_ROUTER_NOTIFY is effective.
    pub(crate) notifies: bool,
    /// What it receives has an envelope (REQ, REP): messages that the library makes for it have an empty
    /// one, so that they arrive as a reply, or as a request whose reply goes nowhere.
    pub(crate) takes_envelopes: bool,
    /// Its connections carry plain bytes.
    pub(crate) raw: bool,
    pub(crate) new: fn() -> Box<dyn Pattern>,
}

impl TypeRow {
    /// The row of a number given to zmq_socket; `None` = no such type.
    pub(crate) fn find(number: i32) -> Option<&'static Self> {
        TYPES.iter().find(|row| row.socket_type as i32 == number)
    }

    /// It can be a ZAP handler.
    pub(crate) fn answers_requests(&self) -> bool {
        matches!(self.socket_type, SocketType::Rep | SocketType::Router)
    }

    /// Which directions of a pipe that this socket makes keep only their newest message.
    pub(crate) fn conflate(&self, options: &SocketOptions) -> Conflate {
        if options.conflate {
            self.conflates
        } else {
            Conflate::NEITHER
        }
    }

    /// ZMQ_HELLO_MSG for a new peer, as it goes out. `NoMemory`.
    pub(crate) fn hello(&self, options: &SocketOptions) -> Result<Option<Prepared>> {
        prepare(self.says_hello, &options.hello_message, false)
    }

    /// ZMQ_DISCONNECT_MSG, as the socket receives it. `NoMemory`.
    pub(crate) fn disconnect_message(&self, options: &SocketOptions) -> Result<Option<Prepared>> {
        let message = &options.disconnect_message;
        prepare(self.hears_of_disconnects, message, self.takes_envelopes)
    }

    /// ZMQ_HICCUP_MSG, as the socket receives it. `NoMemory`.
    pub(crate) fn hiccup_message(&self, options: &SocketOptions) -> Result<Option<Prepared>> {
        let message = &options.hiccup_message;
        prepare(self.hears_of_hiccups, message, self.takes_envelopes)
    }
}

/// `None` if the message is empty, or means nothing to the type.
fn prepare(is_effective: bool, message: &[u8], delimited: bool) -> Result<Option<Prepared>> {
    if !is_effective {
        return Ok(None);
    }
    Prepared::new(message, delimited)
}

/// What most types are; a row names what differs.
const PLAIN: TypeRow = TypeRow {
    socket_type: SocketType::Pair,
    wire_name: "",
    peers: &[],
    thread_safe: false,
    linger_zero: false,
    announces_routing_id: false,
    takes_subscriptions: false,
    resubscribes: false,
    drops_on_end: false,
    conflates: Conflate::NEITHER,
    checks_reply_envelope: false,
    connects_once: false,
    says_hello: false,
    hears_of_disconnects: false,
    hears_of_hiccups: false,
    notifies: false,
    takes_envelopes: false,
    raw: false,
    new: || Box::<pair::Pair>::default(),
};

/// All socket types (contract: patterns.md 1.1 and 1.2, queues.md 4 and 6, api.md 4). The draft
/// types are not there yet.
pub(crate) static TYPES: &[TypeRow] = &[
    TypeRow {
        socket_type: SocketType::Pair,
        wire_name: "PAIR",
        peers: &["PAIR"],
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Pub,
        wire_name: "PUB",
        peers: &["SUB", "XSUB"],
        takes_subscriptions: true,
        drops_on_end: true,
        conflates: Conflate::FORTH,
        connects_once: true,
        new: || Box::<r#pub::Pub>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Sub,
        wire_name: "SUB",
        peers: &["PUB", "XPUB"],
        linger_zero: true,
        resubscribes: true,
        conflates: Conflate::BACK,
        connects_once: true,
        new: || Box::<sub::Sub>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Req,
        wire_name: "REQ",
        peers: &["REP", "ROUTER"],
        announces_routing_id: true,
        checks_reply_envelope: true,
        connects_once: true,
        says_hello: true,
        hears_of_hiccups: true,
        takes_envelopes: true,
        new: || Box::<req::Req>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Rep,
        wire_name: "REP",
        peers: &["REQ", "DEALER"],
        says_hello: true,
        hears_of_disconnects: true,
        takes_envelopes: true,
        new: || Box::<rep::Rep>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Dealer,
        wire_name: "DEALER",
        peers: &["REP", "DEALER", "ROUTER"],
        announces_routing_id: true,
        conflates: Conflate::BOTH,
        connects_once: true,
        says_hello: true,
        hears_of_hiccups: true,
        new: || Box::<dealer::Dealer>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Router,
        wire_name: "ROUTER",
        peers: &["REQ", "DEALER", "ROUTER"],
        announces_routing_id: true,
        says_hello: true,
        hears_of_disconnects: true,
        notifies: true,
        new: || Box::<router::Router>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Pull,
        wire_name: "PULL",
        peers: &["PUSH"],
        conflates: Conflate::BACK,
        new: || Box::<pull::Pull>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Push,
        wire_name: "PUSH",
        peers: &["PULL"],
        drops_on_end: true,
        conflates: Conflate::FORTH,
        new: || Box::<push::Push>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Xpub,
        wire_name: "XPUB",
        peers: &["SUB", "XSUB"],
        takes_subscriptions: true,
        new: || Box::<xpub::Xpub>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Xsub,
        wire_name: "XSUB",
        peers: &["PUB", "XPUB"],
        linger_zero: true,
        resubscribes: true,
        new: || Box::<xsub::Xsub>::default(),
        ..PLAIN
    },
    TypeRow {
        socket_type: SocketType::Stream,
        wire_name: "STREAM",
        raw: true,
        new: || Box::<stream::Stream>::default(),
        ..PLAIN
    },
];

/// How a pipe came to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// ZMQ_CONNECT_ROUTING_ID that was set for this connect.
    pub(crate) connect_routing_id: Option<ShortBytes>,
}

/// A socket type's rules. All calls happen under the socket's lock.
///
/// Keys handed in are live. A pipe that is `attached` stays until `detached`, which the socket calls
/// when the peer went and nothing is left to read, or when the pattern dismissed the pipe.
pub(crate) trait Pattern: Send + Debug {
    /// A peer came. The pipe may already hold frames: the socket calls [`Pattern::readable`] next.
    fn attached(&mut self, pipes: &mut Pipes, key: PipeKey, origin: Origin);

    /// There is something to read where the pipe had been empty (may be called without need).
    fn readable(&mut self, pipes: &mut Pipes, key: PipeKey);

    /// So much time has passed since this was called last, before what others ask of the socket is done: that may take a
    /// part of it (only types with `takes_subscriptions`).
    fn time_passed(&mut self, _time: Duration) {}

    /// A full pipe has room again (may be called without need).
    fn writable(&mut self, pipes: &mut Pipes, key: PipeKey);

    /// The peer reads no more, what it sent stays readable: for sending, the pipe counts as absent.
    fn draining(&mut self, pipes: &mut Pipes, key: PipeKey);

    /// The pipe goes after this call: forget the key.
    fn detached(&mut self, pipes: &mut Pipes, key: PipeKey);

    /// A pipe that has gone, and that the pattern held ([`Pipes::hold`]), woke the socket. May be called for others.
    fn resume(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    /// The connection of a locally initiated pipe was lost and its outbound queue begins anew: write
    /// again what every peer must know (only types with `resubscribes`). The socket took back an
    /// unfinished message and wrote the `Restart` marker before.
    fn restarted(&mut self, _pipes: &mut Pipes, _key: PipeKey) {}

    /// Sends one frame. `Again` = would block (the socket waits and tries again with the same frame);
    /// on any error the frame is still the caller's and nothing was written.
    fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()>;

    /// Receives one frame. `Again` = nothing there.
    fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<()>;

    /// ZMQ_POLLIN. May move a message inside (prefetch), never loses one.
    fn can_recv(&mut self, pipes: &mut Pipes) -> bool;

    /// ZMQ_POLLOUT.
    fn can_send(&mut self, pipes: &mut Pipes) -> bool;

    /// A validated write-only option of the type, or SUBSCRIBE/UNSUBSCRIBE. `Invalid` if the type does
    /// not have it. CONNECT_ROUTING_ID is only acknowledged: the socket keeps it for [`Origin`].
    fn set_option(&mut self, _pipes: &mut Pipes, _option: PatternOption) -> Result<()> {
        Err(Error::Invalid)
    }

    /// Stored options that a pattern reads changed (INVERT_MATCHING, ROUTER_NOTIFY, ...); called once
    /// before the first use and after each set.
    fn options_changed(&mut self, _options: &SocketOptions) {}

    /// ZMQ_TOPICS_COUNT.
    fn topics_count(&self) -> Option<usize> {
        None
    }

    /// zmq_socket_get_peer_state: ZMQ_POLLOUT if the peer has room, 0 if not.
    fn peer_state(&mut self, _pipes: &mut Pipes, _routing_id: &[u8]) -> Result<i32> {
        Err(Error::NotSupported)
    }

    /// True if a peer with this routing id is there (a second CONNECT_ROUTING_ID is refused).
    fn has_routing_id(&self, _routing_id: &[u8]) -> bool {
        false
    }

    /// What ZMQ_ROUTING_ID reads from the attachment of this pipe on, if that changes it (STREAM).
    fn shown_routing_id(&self, _key: PipeKey) -> Option<&[u8]> {
        None
    }
}

/// Writes the empty message of ZMQ_PROBE_ROUTER to a new pipe. Without memory there is no probe.
fn probe(pipes: &mut Pipes, key: PipeKey) {
    let _ = pipes.write_bytes(key, b"", false);
}

#[cfg(test)]
mod tests;
