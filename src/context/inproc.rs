//! The inproc names of a context, and the connects that wait for a name to be bound.
//!
//! Looking a name up and pushing to its owner happen under the same leaf, and an owner removes its names
//! before it closes its mailbox: no attachment is lost. Contract: transports.md section 4.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mailbox::Mailbox;
use crate::message::PeerInfo;
use crate::monitor::Monitor;
use crate::options::Bytes;
use crate::pipe::{PipeEnd, PipeKey, Prepared};
use crate::socket::{Attachment, SocketCommand};
use crate::sync::Mutex;

/// Who answers to a name.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    Socket(Binder),
    /// A monitor: connects complete at once.
    Monitor(Arc<Monitor>),
}

impl Owner {
    fn is(&self, mailbox: &Arc<Mailbox<SocketCommand>>) -> bool {
        matches!(self, Self::Socket(binder) if Arc::ptr_eq(&binder.mailbox, mailbox))
    }
}

/// A socket that binds a name, as it was at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Binder {
    pub(crate) mailbox: Arc<Mailbox<SocketCommand>>,
    /// The high-water marks that it brings into pipes.
    pub(crate) send_hwm: i32,
    pub(crate) receive_hwm: i32,
    pub(crate) routing_id: Bytes,
    /// ZMQ_HELLO_MSG.
    pub(crate) hello: Option<Prepared>,
    /// ZMQ_DISCONNECT_MSG.
    pub(crate) farewell: Option<Prepared>,
}

impl Binder {
    /// Its end of a pipe that a connect made, for the socket to take in.
    pub(crate) fn join(&self, mut end: PipeEnd) -> Attachment {
        // The connecter may send, or leave, before the binder looks.
        end.join_limits(self.send_hwm, self.receive_hwm);
        introduce(&mut end, &self.routing_id);
        end.expect_farewell(self.farewell.clone());
        Attachment::inproc(end, self.hello.clone())
    }
}

/// Over inproc the routing id travels as the first thing on the pipe, whatever the type.
pub(crate) fn introduce(end: &mut PipeEnd, routing_id: &[u8]) {
    let peer = PeerInfo::new(routing_id.into(), None, -1, &[]);
    // Without memory the peer generates an id.
    if end.introduce(Arc::new(peer)).is_ok() {
        end.flush();
    }
}

/// A connect without its binder.
#[derive(Debug)]
pub(crate) struct Parked {
    /// The binder's end.
    pub(crate) end: PipeEnd,
    /// The connecting socket.
    connecter: Arc<Mailbox<SocketCommand>>,
    /// Its end of the pipe.
    pipe: PipeKey,
}

impl Parked {
    fn is_of(&self, mailbox: &Arc<Mailbox<SocketCommand>>) -> bool {
        Arc::ptr_eq(&self.connecter, mailbox)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Names {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bound: HashMap<Box<[u8]>, Owner>,
    parked: HashMap<Box<[u8]>, Vec<Parked>>,
}

impl Names {
    /// Binds a name; the connects that waited for it, in their order. `AddressInUse`.
    pub(crate) fn bind(&self, name: &[u8], owner: Owner) -> Result<Vec<Parked>> {
        let mut inner = self.inner.lock();
        if inner.bound.contains_key(name) {
            return Err(Error::AddressInUse);
        }
        inner.bound.insert(name.into(), owner);
        Ok(inner.parked.remove(name).unwrap_or_default())
    }

    /// Hands `end`, the binder's of the connecter's `pipe`, to whoever has bound the name, or parks it.
    pub(crate) fn connect(
        &self,
        name: &[u8],
        end: PipeEnd,
        connecter: &Arc<Mailbox<SocketCommand>>,
        pipe: PipeKey,
    ) {
        let mut inner = self.inner.lock();
        let parked = match inner.bound.get(name) {
            None => end,
            Some(Owner::Monitor(monitor)) => {
                monitor.attach(end);
                return;
            }
            Some(Owner::Socket(binder)) => {
                let attachment = Box::new(binder.join(end));
                match binder.mailbox.push(SocketCommand::Attach(attachment)) {
                    Ok(()) => return,
                    // Closed without removing its name: cannot be, but then nobody is there.
                    Err(SocketCommand::Attach(attachment)) => attachment.end,
                    Err(_) => return,
                }
            }
        };
        let connecter = Arc::clone(connecter);
        let waiting = inner.parked.entry(name.into()).or_default();
        waiting.push(Parked {
            end: parked,
            connecter,
            pipe,
        });
    }

    /// Removes a name, if `mailbox` has bound it. `NotFound`.
    pub(crate) fn unbind(&self, name: &[u8], mailbox: &Arc<Mailbox<SocketCommand>>) -> Result<()> {
        let mut inner = self.inner.lock();
        match inner.bound.get(name) {
            Some(owner) if owner.is(mailbox) => {
                inner.bound.remove(name);
                Ok(())
            }
            _ => Err(Error::NotFound),
        }
    }

    /// Removes the name of a monitor that stops.
    pub(crate) fn unbind_monitor(&self, monitor: &Arc<Monitor>) {
        let is_other =
            |owner: &Owner| !matches!(owner, Owner::Monitor(own) if Arc::ptr_eq(own, monitor));
        self.inner.lock().bound.retain(|_, owner| is_other(owner));
    }

    /// Removes all names of a socket that closes, and those of its parked connects whose pipe is `idle`; the others
    /// wait on for a binder, as do those that it has left before. What is removed is to be dropped outside of the leaf.
    pub(crate) fn remove_socket(
        &self,
        mailbox: &Arc<Mailbox<SocketCommand>>,
        idle: &[PipeKey],
    ) -> Vec<Parked> {
        let mut inner = self.inner.lock();
        inner.bound.retain(|_, owner| !owner.is(mailbox));
        inner.take_parked(|parked| parked.is_of(mailbox) && idle.contains(&parked.pipe))
    }

    /// Drops the parked connect with this pipe of `mailbox` to a name (zmq_disconnect).
    pub(crate) fn unpark(
        &self,
        name: &[u8],
        mailbox: &Arc<Mailbox<SocketCommand>>,
        pipe: PipeKey,
    ) -> Vec<Parked> {
        let mut inner = self.inner.lock();
        let Some(waiting) = inner.parked.get_mut(name) else {
            return Vec::new();
        };
        let removed = waiting
            .extract_if(.., |parked| parked.is_of(mailbox) && parked.pipe == pipe)
            .collect();
        if waiting.is_empty() {
            inner.parked.remove(name);
        }
        removed
    }

    /// What nobody has bound when the context ends, to be dropped outside of the leaf.
    pub(crate) fn take_parked(&self) -> Vec<Parked> {
        self.inner.lock().take_parked(|_| true)
    }
}

impl Inner {
    fn take_parked(&mut self, chosen: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        let mut taken = Vec::new();
        self.parked.retain(|_, waiting| {
            taken.extend(waiting.extract_if(.., |parked| chosen(parked)));
            !waiting.is_empty()
        });
        taken
    }
}
