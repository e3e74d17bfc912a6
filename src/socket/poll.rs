//! Waiting on several sockets and descriptors: zmq_poll, and what pollers share with it. Contract: api.md section 7.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::io::{self, Lease};
use crate::mailbox::{Mailbox, Waiter};
use crate::memory;
use crate::socket::SocketCommand;
use crate::socket::api::{self, Inside, SocketCell, left};
use crate::socket::spin::{self, Spin};
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

    /// Borrows its streams if it is polled for input. True if a spin may find what `events` ask for; `answers`: see
    /// [`io::waits_for_answer`].
    pub(crate) fn lend(&self, events: i32, lease: &mut Lease, answers: bool) -> Result<bool> {
        let mut inside = self.enter()?;
        if events & c::ZMQ_POLLIN != 0 {
            inside.lend(lease);
        }
        Ok(inside.is_worth_a_spin(lease, answers))
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
    let ready = look(items)?;
    if ready > 0 || timeout == Some(Duration::ZERO) {
        return Ok(ready);
    }
    io::note_wait();
    let answers = io::waits_for_answer();
    let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
    let waiter = Waiter::current()?;
    let mailboxes = mailboxes(items)?;
    let mut lease = Lease::new(&waiter, deadline);
    loop {
        if lend(items, &mut lease, answers)? {
            spin(mailboxes.iter(), &mut lease, deadline);
        }
        let registered = Registered::new(&mailboxes, &waiter);
        match look(items) {
            Ok(0) => {}
            other => return other,
        }
        let left = left(deadline);
        let slept = sleep_until_something(items, left, mask, &mut lease, &waiter);
        drop(registered);
        lease.end();
        waiter.clear_if_woken();
        slept?;
        match look(items) {
            Ok(0) if left == Some(Duration::ZERO) => return Ok(0),
            Ok(0) => {}
            other => return other,
        }
    }
}

thread_local! {
    /// What the calling thread's polls have taught.
    static SPIN: Cell<Spin> = const { Cell::new(Spin::NEW) };
}

/// Spins for what comes to one of several sockets, unless earlier spins of the thread say that it does not pay.
pub(crate) fn spin<'a>(
    mailboxes: impl Iterator<Item = &'a Arc<Mailbox<SocketCommand>>> + Clone,
    lease: &mut Lease,
    deadline: Option<Instant>,
) {
    let mut spin = SPIN.get();
    if spin.begin() {
        let spun = spin::look_again(mailboxes, lease, deadline);
        if spun.found {
            lease.end();
        }
        spin.ended(spun);
    }
    SPIN.set(spin);
}

/// Borrows the streams that the sockets among the items are polled for, if these are few. True if a spin may find what is
/// waited for.
fn lend(items: &[PollItem], lease: &mut Lease, answers: bool) -> Result<bool> {
    if items.len() > Lease::MOST {
        lease.take_nothing();
    }
    let mut may_spin = true;
    for item in items {
        let Target::Socket(socket) = item.target else {
            // It would have to be asked for each time.
            may_spin = false;
            continue;
        };
        may_spin &= socket.lend(item.events, lease, answers)?;
    }
    Ok(may_spin)
}

/// Sleeps until an item may be ready, a stream on loan has something, the waiter is woken or the time is over.
fn sleep_until_something(
    items: &[PollItem],
    timeout: Option<Duration>,
    mask: Option<&Mask>,
    lease: &mut Lease,
    waiter: &Arc<Waiter>,
) -> Result<()> {
    let mut descriptors = watched_descriptors(items)?;
    let watched = descriptors.len();
    let waiter = Descriptor::new(waiter.descriptor(), poll::IN);
    for descriptor in lease.descriptors().chain([waiter]) {
        memory::push(&mut descriptors, descriptor)?;
    }
    poll::poll(&mut descriptors, timeout, mask)?;
    lease.note(descriptors.iter().skip(watched));
    Ok(())
}

fn watched_descriptors(items: &[PollItem]) -> Result<Vec<Descriptor>> {
    let mut descriptors = Vec::new();
    for item in items {
        if let Target::Descriptor(fd) = item.target {
            // The caller chooses how many there are.
            let descriptor = Descriptor::new(fd, events_to_system(item.events));
            memory::push(&mut descriptors, descriptor)?;
        }
    }
    Ok(descriptors)
}

/// One pass over all items: how many are ready.
fn look(items: &mut [PollItem]) -> Result<usize> {
    let mut descriptors = watched_descriptors(items)?;
    if !descriptors.is_empty() {
        poll::poll(&mut descriptors, Some(Duration::ZERO), None)?;
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

/// Where the sockets among the items have their waiters. The same socket may stand there twice.
fn mailboxes(items: &[PollItem]) -> Result<Vec<Arc<Mailbox<SocketCommand>>>> {
    let mut mailboxes = Vec::new();
    for item in items {
        if let Target::Socket(socket) = item.target {
            memory::push(&mut mailboxes, socket.mailbox()?)?;
        }
    }
    Ok(mailboxes)
}

/// A thread's waiter in the mailboxes of all sockets that it polls; taken out when dropped.
struct Registered<'a> {
    mailboxes: &'a [Arc<Mailbox<SocketCommand>>],
    waiter: &'a Arc<Waiter>,
}

impl<'a> Registered<'a> {
    fn new(mailboxes: &'a [Arc<Mailbox<SocketCommand>>], waiter: &'a Arc<Waiter>) -> Self {
        for mailbox in mailboxes {
            mailbox.register(waiter);
        }
        Self { mailboxes, waiter }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        for mailbox in self.mailboxes {
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
