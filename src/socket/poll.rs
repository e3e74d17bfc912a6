//! Waiting on several sockets and descriptors: zmq_poll. Contract: api.md section 7.

#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::error::Result;
use crate::ffi::constants as c;
use crate::mailbox::{Mailbox, Waiter};
use crate::socket::SocketCommand;
use crate::socket::api::{self, SocketCell, left};
use crate::sys::poll::{self, Descriptor, Mask};

/// One thing to watch.
#[derive(Debug)]
pub(crate) struct PollItem {
    pub(crate) target: Target,
    /// ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR, ZMQ_POLLPRI.
    pub(crate) events: i32,
    /// Written on each pass.
    pub(crate) revents: i32,
}

/// What a poll item names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Socket(&'static SocketCell),
    /// -1 is never ready.
    Descriptor(RawFd),
}

/// Waits until an item is ready: how many are. `None` = for ever.
///
/// Errors: `Terminated`, `NotSocket`, `Interrupted`.
pub(crate) fn poll(
    items: &mut [PollItem],
    timeout: Option<Duration>,
    mask: Option<&Mask>,
) -> Result<usize> {
    let ready = look(items, Some(Duration::ZERO), None, None)?;
    if ready > 0 || timeout == Some(Duration::ZERO) {
        // With a mask, signals that it lets in are noticed also without waiting.
        if ready == 0 && mask.is_some() {
            return look(items, Some(Duration::ZERO), None, mask);
        }
        return Ok(ready);
    }
    let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
    let waiter = Waiter::current()?;
    let registered = Registered::new(items, &waiter)?;
    let result = loop {
        match look(items, Some(Duration::ZERO), None, None) {
            Ok(0) => {}
            other => break other,
        }
        let left = left(deadline);
        match look(items, left, Some(&waiter), mask) {
            Ok(0) if left == Some(Duration::ZERO) => break Ok(0),
            Ok(0) => waiter.clear(),
            other => break other,
        }
    };
    drop(registered);
    waiter.clear();
    result
}

/// One pass over all items. Waits for descriptors, and for `waiter` if given, up to `timeout`.
fn look(
    items: &mut [PollItem],
    timeout: Option<Duration>,
    waiter: Option<&Arc<Waiter>>,
    mask: Option<&Mask>,
) -> Result<usize> {
    let mut descriptors = Vec::new();
    for item in items.iter() {
        if let Target::Descriptor(fd) = item.target {
            descriptors.push(Descriptor::new(fd, events_to_system(item.events)));
        }
    }
    if let Some(waiter) = waiter {
        descriptors.push(Descriptor::new(waiter.descriptor(), poll::IN));
    }
    if !descriptors.is_empty() || timeout != Some(Duration::ZERO) {
        poll::poll(&mut descriptors, timeout, mask)?;
    }
    let mut results = descriptors.iter();
    let mut ready = 0;
    for item in items.iter_mut() {
        item.revents = match item.target {
            Target::Descriptor(_) => results
                .next()
                .map_or(0, |found| events_from_system(found.returned())),
            Target::Socket(socket) => {
                api::events(socket)? & item.events & (c::ZMQ_POLLIN | c::ZMQ_POLLOUT)
            }
        };
        ready += usize::from(item.revents != 0);
    }
    Ok(ready)
}

fn events_to_system(events: i32) -> i16 {
    let map = [
        (c::ZMQ_POLLIN, poll::IN),
        (c::ZMQ_POLLOUT, poll::OUT),
        (c::ZMQ_POLLPRI, poll::PRI),
    ];
    map.into_iter()
        .filter(|(ours, _)| events & ours != 0)
        .fold(0, |all, (_, system)| all | system)
}

/// Whatever is neither input, output nor urgent data is an error, asked for or not.
fn events_from_system(returned: i16) -> i32 {
    let map = [
        (poll::IN, c::ZMQ_POLLIN),
        (poll::OUT, c::ZMQ_POLLOUT),
        (poll::PRI, c::ZMQ_POLLPRI),
    ];
    let known = map
        .into_iter()
        .filter(|(system, _)| returned & system != 0)
        .fold(0, |all, (_, ours)| all | ours);
    let others = returned & !(poll::IN | poll::OUT | poll::PRI);
    known | if others != 0 { c::ZMQ_POLLERR } else { 0 }
}

/// A thread's waiter in the mailboxes of all sockets that it polls; taken out when dropped.
struct Registered<'a> {
    mailboxes: Vec<Arc<Mailbox<SocketCommand>>>,
    waiter: &'a Arc<Waiter>,
}

impl<'a> Registered<'a> {
    fn new(items: &[PollItem], waiter: &'a Arc<Waiter>) -> Result<Self> {
        let mut registered = Self {
            mailboxes: Vec::new(),
            waiter,
        };
        for item in items {
            if let Target::Socket(socket) = item.target {
                let mailbox = api::mailbox(socket)?;
                // The same socket may stand there twice; one registration wakes the thread.
                if !registered
                    .mailboxes
                    .iter()
                    .any(|other| Arc::ptr_eq(other, &mailbox))
                {
                    mailbox.register(waiter);
                    registered.mailboxes.push(mailbox);
                }
            }
        }
        Ok(registered)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        for mailbox in &self.mailboxes {
            mailbox.deregister(self.waiter);
        }
    }
}

/// zmq_poll without items: waits, or is interrupted.
pub(crate) fn sleep(timeout: Option<Duration>, mask: Option<&Mask>) -> Result<usize> {
    match poll::poll(&mut [], timeout, mask) {
        Ok(_) => Ok(0),
        Err(error) => Err(error),
    }
}
