//! The entry points for `ffi`: find the socket, do the call, wait where it may block.

#![forbid(unsafe_code)]

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::context::{Context, Slot};
use crate::error::{Error, Result};
use crate::ffi::handle::{Cell, Entered, Pool, Tenant};
use crate::io::{self, Lease};
use crate::mailbox::Waiter;
use crate::message::Message;
use crate::message::release::Hold;
use crate::options::SocketOptions;
use crate::patterns::TypeRow;
use crate::pipe::{Incoming, Outgoing};
use crate::socket::{Core, spin};
use crate::sys::cancel::Shield;
use crate::transport;

/// What a socket handle points to.
pub(crate) type SocketCell = Cell<Core>;

impl Tenant for Core {
    const MAGIC: u32 = 0x5a78_534b;

    fn broke(&self) {
        self.mailbox.signal();
    }
}

static SOCKETS: Pool<Core> = Pool::new();

/// A socket that a call is inside of. User callbacks wait until it is left.
#[derive(Debug)]
pub(crate) struct Inside {
    // Dropped in this order: the lock first, then what was held back is released.
    core: Entered<Core>,
    _hold: Hold,
}

impl std::ops::Deref for Inside {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl std::ops::DerefMut for Inside {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

#[inline(always)]
pub(super) fn enter(cell: &'static SocketCell) -> Result<Inside> {
    // Before the lock, which may have been held at the fork.
    if cell.is_of_parent() {
        return Err(Error::Interrupted);
    }
    let hold = Hold::new();
    let core = cell.enter_own()?.ok_or(Error::NotSocket)?;
    Ok(Inside { core, _hold: hold })
}

/// zmq_socket. `Terminated`, `TooManySockets`, `Invalid` for an unknown type; those of the system.
pub(crate) fn open(context: &Arc<Context>, socket_type: i32) -> Result<&'static SocketCell> {
    context.start()?;
    let slot = Slot::take(context)?;
    let row = TypeRow::find(socket_type).ok_or(Error::Invalid)?;
    let options = context.with_options(|options| SocketOptions::new(row.socket_type, options))?;
    let core = Core::new(slot, row, options);
    context.add_socket(&core.mailbox)?;
    Ok(SOCKETS.insert(core))
}

/// zmq_close.
pub(crate) fn close(cell: &'static SocketCell) -> Result<()> {
    if cell.is_of_parent() {
        // The parent's connections are none of ours.
        return SOCKETS.disown(cell).then_some(()).ok_or(Error::NotSocket);
    }
    let hold = Hold::new();
    let core = SOCKETS.remove(cell).ok_or(Error::NotSocket)?;
    core.close(&hold);
    Ok(())
}

/// zmq_send.
pub(crate) fn send_bytes(
    cell: &'static SocketCell,
    bytes: &[u8],
    more: bool,
    dont_wait: bool,
) -> Result<()> {
    send(cell, dont_wait, Outgoing::from_bytes(bytes, more))
}

/// zmq_msg_send: on success `message` is empty, on failure it is as before but for what [`Outgoing::mark`] does.
pub(crate) fn send_message(
    cell: &'static SocketCell,
    message: &mut Message,
    more: bool,
    dont_wait: bool,
) -> Result<()> {
    send(cell, dont_wait, Outgoing::from_message(&mut *message, more))?;
    *message = Message::new();
    Ok(())
}

fn send(cell: &'static SocketCell, dont_wait: bool, mut frame: Outgoing<'_>) -> Result<()> {
    block(cell, dont_wait, false, |core| core.send_once(&mut frame))
}

/// zmq_recv, zmq_msg_recv.
pub(crate) fn receive(
    cell: &'static SocketCell,
    into: &mut Incoming<'_>,
    dont_wait: bool,
) -> Result<()> {
    block(cell, dont_wait, true, |core| core.receive_once(into))
}

/// zmq_bind. No lock is held while name servers are asked.
pub(crate) fn bind(cell: &'static SocketCell, endpoint: &[u8]) -> Result<()> {
    let name = enter(cell)?.name_to_bind(endpoint);
    let named = name.and_then(|name| name.look_up());
    let mut inside = enter(cell)?;
    inside.bind(endpoint, named)?;
    inside.mailbox.signal();
    Ok(())
}

/// zmq_connect.
pub(crate) fn connect(cell: &'static SocketCell, endpoint: &[u8]) -> Result<()> {
    let mut inside = enter(cell)?;
    inside.connect(endpoint)?;
    // A thread that waits for a peer to send to has one now; ZMQ_FD tells as well.
    inside.mailbox.signal();
    Ok(())
}

/// zmq_unbind and zmq_disconnect. No lock is held while name servers are asked.
pub(crate) fn end_endpoint(cell: &'static SocketCell, endpoint: Option<&[u8]>) -> Result<()> {
    let mut inside = enter(cell)?;
    let ended = inside.end_endpoint(endpoint, &[]);
    let (Err(Error::NotFound), Some(text)) = (ended, endpoint) else {
        return ended;
    };
    let ipv6 = inside.options.ipv6;
    drop(inside);
    let resolved = transport::resolved_texts(text, ipv6);
    enter(cell)?.end_endpoint(endpoint, &resolved)
}

/// zmq_setsockopt; `value` `None` = NULL.
pub(crate) fn set_option(
    cell: &'static SocketCell,
    option: i32,
    value: Option<&[u8]>,
    length: usize,
) -> Result<()> {
    if cell.is_of_parent() {
        let set = cell.look(|core| core.set_option_in_child(option, value, length));
        return set.unwrap_or(Err(Error::NotSocket));
    }
    enter(cell)?.set_option(option, value, length)
}

/// zmq_getsockopt: fills `buffer`; the length that the caller is told.
pub(crate) fn get_option(
    cell: &'static SocketCell,
    option: i32,
    buffer: &mut [u8],
) -> Result<usize> {
    if cell.is_of_parent() {
        let got = cell.look(|core| core.get_option_in_child(option, buffer));
        return got.unwrap_or(Err(Error::NotSocket));
    }
    enter(cell)?.get_option(option, buffer)
}

/// zmq_socket_monitor_versioned.
pub(crate) fn monitor(
    cell: &'static SocketCell,
    endpoint: Option<&[u8]>,
    events: u64,
    version: i32,
    socket_type: i32,
) -> Result<()> {
    enter(cell)?
        .core
        .start_monitor(endpoint, events, version, socket_type)
}

/// zmq_socket_monitor_pipes_stats.
pub(crate) fn report_pipes(cell: &'static SocketCell) -> Result<()> {
    enter(cell)?.report_pipes()
}

/// ZMQ_EVENTS.
pub(crate) fn events(cell: &'static SocketCell) -> Result<i32> {
    enter(cell)?.polled_events()
}

/// ZMQ_TYPE.
pub(crate) fn socket_type(cell: &'static SocketCell) -> Result<i32> {
    Ok(enter(cell)?.row.socket_type as i32)
}

/// zmq_socket_get_peer_state.
pub(crate) fn peer_state(cell: &'static SocketCell, routing_id: &[u8]) -> Result<i32> {
    let mut inside = enter(cell)?;
    let Core { pattern, pipes, .. } = &mut *inside.core;
    pattern.peer_state(pipes, routing_id)
}

/// A thread that waits reads the stream of one of its connections.
#[cfg(test)]
pub(crate) fn is_any_lent(cell: &'static SocketCell) -> bool {
    let inside = enter(cell).expect("an open socket");
    inside
        .connections
        .values()
        .any(io::ConnectionHandle::is_lent)
}

/// Tries until something other than `Again` comes of it, a signal comes, or the time is over. `reads`: a message is waited
/// for, not room for one.
///
/// Nothing comes back but success: a result that does not fit into a register is written
/// in two halves and read as one, which the processor waits for (8 ns of a send's 57).
#[inline(always)]
fn block(
    cell: &'static SocketCell,
    dont_wait: bool,
    reads: bool,
    mut attempt: impl FnMut(&mut Core) -> Result<()>,
) -> Result<()> {
    let mut inside = enter(cell)?;
    match attempt(&mut inside.core) {
        Err(Error::Again) => try_again(cell, inside, dont_wait, reads, attempt),
        other => other,
    }
}

/// protocols: "Waiting and waking".
#[inline(never)]
fn try_again(
    cell: &'static SocketCell,
    mut inside: Inside,
    dont_wait: bool,
    reads: bool,
    mut attempt: impl FnMut(&mut Core) -> Result<()>,
) -> Result<()> {
    let _shield = Shield::raise();
    let milliseconds = match reads {
        _ if dont_wait => 0,
        true => inside.options.receive_timeout,
        false => inside.options.send_timeout,
    };
    // Less than none: for ever.
    let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    if timeout == Some(Duration::ZERO) {
        io::note_wait();
        // About to say so: what signalled ZMQ_FD is consumed.
        inside.mailbox.clear_exported();
        return attempt(&mut inside.core);
    }
    io::note_wait();
    let answers = io::waits_for_answer();
    let waiter = Waiter::current()?;
    let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
    let generation = cell.generation();
    let mailbox = Arc::clone(&inside.mailbox);
    let mut lease = Lease::new(&waiter, deadline);
    loop {
        if reads {
            inside.lend(&mut lease);
        }
        if inside.is_worth_a_spin(&lease, answers) && inside.spin.begin() {
            drop(inside);
            let spun = spin::look_again(iter::once(&mailbox), &lease, deadline);
            if spun.found {
                lease.end();
            }
            inside = enter_again(cell, generation)?;
            inside.spin.ended(spun);
            match attempt(&mut inside.core) {
                Err(Error::Again) if spun.found && left(deadline) != Some(Duration::ZERO) => {
                    continue;
                }
                Err(Error::Again) => {}
                other => return leave(inside, lease, other),
            }
        }
        mailbox.register(&waiter);
        let result = attempt(&mut inside.core);
        if !matches!(result, Err(Error::Again)) {
            mailbox.deregister(&waiter);
            return leave(inside, lease, result);
        }
        drop(inside);
        let waited = lease.wait(left(deadline));
        mailbox.deregister(&waiter);
        lease.end();
        waiter.clear_if_woken();
        inside = enter_again(cell, generation)?;
        match waited {
            Ok(true) => match attempt(&mut inside.core) {
                // What comes all the time, and is not what is waited for, does not stretch the wait.
                Err(Error::Again) if left(deadline) != Some(Duration::ZERO) => {}
                other => return other,
            },
            // The time is over: one last look.
            Ok(false) => return attempt(&mut inside.core),
            Err(error) => return Err(error),
        }
    }
}

/// Gives everything back: first the socket, then what was borrowed.
fn leave(inside: Inside, mut lease: Lease, result: Result<()>) -> Result<()> {
    drop(inside);
    lease.end();
    result
}

/// Enters the socket that the caller was inside of before.
fn enter_again(cell: &'static SocketCell, generation: u32) -> Result<Inside> {
    let inside = enter(cell)?;
    match cell.generation() == generation {
        true => Ok(inside),
        false => Err(Error::NotSocket),
    }
}

/// What is left until `deadline`; `None` = for ever.
pub(crate) fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(clock::now()))
}
