//! Waiting on several sockets and descriptors: zmq_poll, and what pollers share with it. Contract: api.md section 7.

#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::io;
use crate::mailbox::{Mailbox, Waiter};
use crate::socket::SocketCommand;
use crate::socket::api::{self, Inside, SocketCell, left};
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
    Socket(Watched),
    /// -1 is never ready.
    Descriptor(RawFd),
}

/// A socket that somebody waits for: this one, and not the next one in its cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    cell: &'static SocketCell,
    generation: u32,
}

impl Watched {
    /// The socket that is in the cell now.
    pub(crate) fn new(cell: &'static SocketCell) -> Self {
        Self {
            cell,
            generation: cell.generation(),
        }
    }

    pub(crate) fn cell(&self) -> &'static SocketCell {
        self.cell
    }

    /// It was not closed yet.
    pub(crate) fn is_there(&self) -> bool {
        self.cell.generation() == self.generation
    }

    /// ZMQ_EVENTS. Errors: `NotSocket` once it is closed; `Terminated`, `Interrupted` in a forked child.
    pub(crate) fn events(&self) -> Result<i32> {
        self.enter()?.polled_events()
    }

    /// Where a waiter registers.
    pub(crate) fn mailbox(&self) -> Result<Arc<Mailbox<SocketCommand>>> {
        Ok(Arc::clone(&self.enter()?.mailbox))
    }

    /// ZMQ_THREAD_SAFE.
    pub(crate) fn is_thread_safe(&self) -> Result<bool> {
        Ok(self.enter()?.row.thread_safe)
    }

    fn enter(&self) -> Result<Inside> {
        let inside = api::enter(self.cell)?;
        // Under the lock no other socket moves in.
        if !self.is_there() {
            return Err(Error::NotSocket);
        }
        Ok(inside)
    }
}

/// Waits until an item is ready: how many are. `None` = for ever.
///
/// Errors: `Terminated`, `NotSocket`, `Interrupted`, `NoMemory`.
pub(crate) fn poll(
    items: &mut [PollItem],
    timeout: Option<Duration>,
    mask: Option<&Mask>,
) -> Result<usize> {
    if mask.is_some() {
        // Signals that are pending and let in by the mask come first: a program whose sockets are always
        // ready would never see them otherwise.
        poll::poll(&mut [], Some(Duration::ZERO), mask)?;
    }
    let ready = look(items, Some(Duration::ZERO), None, None)?;
    if ready > 0 || timeout == Some(Duration::ZERO) {
        return Ok(ready);
    }
    io::note_wait();
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
    let watched = items.iter().filter_map(|item| match item.target {
        Target::Descriptor(fd) => Some(Descriptor::new(fd, events_to_system(item.events))),
        Target::Socket(_) => None,
    });
    let waiter = waiter.map(|waiter| Descriptor::new(waiter.descriptor(), poll::IN));
    let mut descriptors = Vec::new();
    // The caller chooses how many there are.
    let count = watched.clone().count() + usize::from(waiter.is_some());
    descriptors
        .try_reserve_exact(count)
        .map_err(|_| Error::NoMemory)?;
    descriptors.extend(watched.chain(waiter));
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
                socket.events()? & item.events & (c::ZMQ_POLLIN | c::ZMQ_POLLOUT)
            }
        };
        ready += usize::from(item.revents != 0);
    }
    Ok(ready)
}

/// The bits of poll(2).
pub(crate) fn events_to_system(events: i32) -> i16 {
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
pub(crate) fn events_from_system(returned: i16) -> i32 {
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
                // The same socket may stand there twice: it is registered, and taken out, twice.
                let mailbox = socket.mailbox()?;
                registered
                    .mailboxes
                    .try_reserve(1)
                    .map_err(|_| Error::NoMemory)?;
                mailbox.register(waiter);
                registered.mailboxes.push(mailbox);
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
