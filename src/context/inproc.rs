//! The inproc names of a context, and the connects that wait for a name to be bound.
//!
//! Looking a name up and pushing to its owner happen under the same leaf, and an owner removes its names
//! before it closes its mailbox: no attachment is lost. The connecter is woken under that leaf, too: mailboxes lock
//! nothing of this module, so the order of the two is always the same. Contract: transports.md section 4.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mailbox::Mailbox;
use crate::monitor::Monitor;
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
    fn answers(&self) -> bool {
        matches!(self, Self::Socket(binder) if binder.answers)
    }

    fn is(&self, mailbox: &Arc<Mailbox<SocketCommand>>) -> bool {
        matches!(self, Self::Socket(binder) if Arc::ptr_eq(&binder.mailbox, mailbox))
    }
}

/// A socket that binds a name, as it was at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Binder {
    pub(crate) mailbox: Arc<Mailbox<SocketCommand>>,
    /// It answers requests (REP, ROUTER).
    pub(crate) answers: bool,
    /// The high-water marks that it brings into pipes.
    pub(crate) send_hwm: i32,
    pub(crate) receive_hwm: i32,
    /// ZMQ_ROUTING_ID: the connecter can address the binder before that has looked.
    pub(crate) routing_id: Arc<[u8]>,
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
        end.introduce_id(&self.routing_id);
        end.expect_farewell(self.farewell.clone());
        Attachment::inproc(end, self.hello.clone())
    }
}

/// A connect without its binder.
#[derive(Debug)]
pub(crate) struct Parked {
    /// The binder's end.
    pub(crate) end: PipeEnd,
    /// The connecting socket, and its end; `None` if it left, with messages for whoever will bind.
    connecter: Option<(Arc<Mailbox<SocketCommand>>, PipeKey)>,
}

impl Parked {
    /// The connecter's key, if that is `mailbox`.
    fn key_at(&self, mailbox: &Arc<Mailbox<SocketCommand>>) -> Option<PipeKey> {
        let (connecter, key) = self.connecter.as_ref()?;
        Arc::ptr_eq(connecter, mailbox).then_some(*key)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Names {
    inner: Mutex<Inner>,
}

/// The name of a handler that says which peers may come in (RFC 27/ZAP "ZAP endpoint").
const ZAP_HANDLER: &[u8] = b"zeromq.zap.01";

/// What became of a question to the ZAP handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Asked,
    /// There is none. `lost`: there was one before, and who needs it is refused from now on (security.md section 7.2
    /// holds only until then).
    NoHandler {
        lost: bool,
    },
}

#[derive(Debug, Default)]
struct Inner {
    /// A ZAP handler was bound at some time.
    had_handler: bool,
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
        inner.had_handler |= name == ZAP_HANDLER && owner.answers();
        inner.bound.insert(name.into(), owner);
        Ok(inner.parked.remove(name).unwrap_or_default())
    }

    /// Hands `end`, the binder's, to whoever has bound the name, or parks it. `key`: the connecter's end.
    pub(crate) fn connect(
        &self,
        name: &[u8],
        end: PipeEnd,
        connecter: &Arc<Mailbox<SocketCommand>>,
        key: PipeKey,
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
        let connecter = Some((Arc::clone(connecter), key));
        let waiting = inner.parked.entry(name.into()).or_default();
        waiting.push(Parked {
            end: parked,
            connecter,
        });
    }

    /// Hands `end`, which holds a request, to the ZAP handler of the context.
    pub(crate) fn ask_handler(&self, end: PipeEnd) -> Asked {
        let attach = SocketCommand::Attach(Box::new(Attachment::inproc(end, None)));
        // Outlives the leaf: what nobody takes is dropped outside of it.
        let refused;
        let inner = self.inner.lock();
        let lost = inner.had_handler;
        refused = match inner.bound.get(ZAP_HANDLER) {
            Some(Owner::Socket(binder)) if binder.answers => binder.mailbox.push(attach),
            _ => Err(attach),
        };
        match refused {
            Ok(()) => Asked::Asked,
            Err(_) => Asked::NoHandler { lost },
        }
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

    /// Removes all names of a socket that closes, and its parked connects but for those that have `sent`
    /// something. What is returned is to be dropped outside of the leaf.
    pub(crate) fn remove_socket(
        &self,
        mailbox: &Arc<Mailbox<SocketCommand>>,
        sent: &[PipeKey],
    ) -> Vec<Parked> {
        let mut inner = self.inner.lock();
        inner.bound.retain(|_, owner| !owner.is(mailbox));
        let mut removed = Vec::new();
        inner.parked.retain(|_, waiting| {
            removed.extend(leave(waiting, mailbox, sent));
            !waiting.is_empty()
        });
        removed
    }

    /// Takes out the connect to a name whose pipe is `key`, which leaves (zmq_disconnect). It stays if it has `sent`
    /// something, as in [`Names::remove_socket`].
    pub(crate) fn unpark(
        &self,
        name: &[u8],
        mailbox: &Arc<Mailbox<SocketCommand>>,
        key: PipeKey,
        sent: bool,
    ) -> Option<Parked> {
        let mut inner = self.inner.lock();
        let waiting = inner.parked.get_mut(name)?;
        let own = |parked: &Parked| parked.key_at(mailbox) == Some(key);
        let place = waiting.iter().position(own)?;
        if sent {
            waiting.get_mut(place)?.connecter = None;
            return None;
        }
        let removed = waiting.remove(place);
        if waiting.is_empty() {
            inner.parked.remove(name);
        }
        Some(removed)
    }

    /// Nobody will bind any more: what is left, to be dropped outside of the leaf.
    pub(crate) fn give_up(&self) -> Vec<Parked> {
        let parked = std::mem::take(&mut self.inner.lock().parked);
        parked.into_values().flatten().collect()
    }
}

/// Takes out the connects of a socket that leaves. Those with messages stay, nobody's from now on: over a network
/// they would be on their way to the binder.
fn leave(
    waiting: &mut Vec<Parked>,
    mailbox: &Arc<Mailbox<SocketCommand>>,
    sent: &[PipeKey],
) -> Vec<Parked> {
    waiting
        .extract_if(.., |parked| match parked.key_at(mailbox) {
            Some(key) if sent.contains(&key) => {
                parked.connecter = None;
                false
            }
            Some(_) => true,
            None => false,
        })
        .collect()
}
