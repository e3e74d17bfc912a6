//! Pollers: a lasting set of sockets and descriptors to wait for (zmq_poller_*).
//!
//! A poller owns one waiter. It is registered once in the mailbox of each socket, when that is added, so
//! that a wait costs nothing per socket but a look at its events, and, with few sockets, at the streams that it
//! may read itself; its descriptor is zmq_poller_fd. Called by `ffi`. Must not know handles of pollers, nor
//! the C structs. Contract: api.md section 7.
//!
//! A poller may be changed, or destroyed, while threads wait in it: they wake and look again. They share
//! the waiter, and whoever takes its wake-up and leaves passes it on to the others.

#![forbid(unsafe_code)]

use std::ffi::c_void;
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
use crate::socket::api::{SocketCell, left};
use crate::socket::poll::{Watched, events_from_system, events_to_system, spin};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sys::poll::{self, Descriptor};

#[cfg(test)]
mod stress_tests;
#[cfg(test)]
mod tests;

/// A poller whose entries carry a `U`.
#[derive(Debug)]
pub(crate) struct Poller<U> {
    waiter: Arc<Waiter>,
    /// A leaf.
    state: Mutex<State<U>>,
    /// Threads inside of [`Poller::wait`].
    waiting: AtomicUsize,
    /// The descriptor was handed out.
    exported: AtomicBool,
}

#[derive(Debug)]
struct State<U> {
    /// In the order of registration. Threads that wait keep what they look at; a change copies it then.
    entries: Arc<Vec<Entry<U>>>,
    /// A thread-safe socket was added once.
    had_thread_safe: bool,
    destroyed: bool,
}

#[derive(Clone, Debug)]
struct Entry<U> {
    subject: Subject,
    /// ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR, ZMQ_POLLPRI; 0 = disabled.
    events: i32,
    user_data: U,
}

#[derive(Clone, Debug)]
enum Subject {
    Socket {
        watched: Watched,
        /// Where the waiter is registered; outlives the socket.
        mailbox: Arc<Mailbox<SocketCommand>>,
    },
    Descriptor(RawFd),
}

/// What an entry is found by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Socket(&'static SocketCell),
    Descriptor(RawFd),
}

/// What a wait found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<U> {
    pub(crate) key: Key,
    pub(crate) user_data: U,
    /// For a socket what it was watched for, for a descriptor perhaps ZMQ_POLLERR besides.
    pub(crate) events: i32,
}

impl<U: Copy> Poller<U> {
    /// An empty poller. Errors: those of opening a descriptor.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            waiter: Arc::new(Waiter::new()?),
            state: Mutex::new(State {
                entries: Arc::new(Vec::new()),
                had_thread_safe: false,
                destroyed: false,
            }),
            waiting: AtomicUsize::new(0),
            exported: AtomicBool::new(false),
        })
    }

    /// Entries, disabled ones included.
    pub(crate) fn size(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Watches a socket. `NotSocket`; `Invalid` if it does already; `NoMemory`.
    pub(crate) fn add_socket(
        &self,
        cell: &'static SocketCell,
        user_data: U,
        events: i32,
    ) -> Result<()> {
        let watched = Watched::new(cell);
        let thread_safe = watched.is_thread_safe()?;
        let mailbox = watched.mailbox()?;
        // One that was closed and had this handle before is not watched any more.
        let _ = self.take(|entry| entry.is_gone_from(cell));
        mailbox.register(&self.waiter);
        let subject = Subject::Socket {
            watched,
            mailbox: Arc::clone(&mailbox),
        };
        let added = self.add(Key::Socket(cell), subject, user_data, events);
        match added {
            Ok(()) if thread_safe => self.state.lock().had_thread_safe = true,
            Ok(()) => {}
            Err(_) => mailbox.deregister(&self.waiter),
        }
        added
    }

    /// Watches a descriptor. `Invalid` if it does already; `NoMemory`.
    pub(crate) fn add_descriptor(&self, fd: RawFd, user_data: U, events: i32) -> Result<()> {
        let subject = Subject::Descriptor(fd);
        self.add(Key::Descriptor(fd), subject, user_data, events)
    }

    fn add(&self, key: Key, subject: Subject, user_data: U, events: i32) -> Result<()> {
        let mut state = self.state.lock();
        if state.destroyed {
            return Err(Error::Fault);
        }
        if state.is_watched(key) {
            return Err(Error::Invalid);
        }
        let entry = Entry {
            subject,
            events,
            user_data,
        };
        state.change()?.push(entry);
        drop(state);
        self.changed();
        Ok(())
    }

    /// Changes what an entry is watched for. `Invalid` if there is none; `NoMemory`.
    pub(crate) fn modify(&self, key: Key, events: i32) -> Result<()> {
        let mut state = self.state.lock();
        let at = state.entries.iter().position(|entry| entry.is(key));
        let at = at.ok_or(Error::Invalid)?;
        if let Some(entry) = state.change()?.get_mut(at) {
            entry.events = events;
        }
        drop(state);
        self.changed();
        Ok(())
    }

    /// Ends the entry of a descriptor. `Invalid` if there is none; `NoMemory`.
    pub(crate) fn remove_descriptor(&self, fd: RawFd) -> Result<()> {
        self.take(|entry| entry.is(Key::Descriptor(fd)))
    }

    /// Ends the entry of a socket, also of one that was closed: by what C holds. `Invalid` if there is none;
    /// `NoMemory`.
    pub(crate) fn remove_socket(&self, handle: *mut c_void) -> Result<()> {
        self.take(|entry| {
            matches!(&entry.subject, Subject::Socket { watched, .. }
                if watched.cell().handle() == handle)
        })
    }

    fn take(&self, is_meant: impl Fn(&Entry<U>) -> bool) -> Result<()> {
        let mut state = self.state.lock();
        let at = state.entries.iter().position(is_meant);
        let at = at.ok_or(Error::Invalid)?;
        let entry = state.change()?.remove(at);
        drop(state);
        self.leave(entry);
        self.changed();
        Ok(())
    }

    /// Ends all entries; threads that wait fail with `Fault`.
    pub(crate) fn destroy(&self) {
        let mut state = self.state.lock();
        state.destroyed = true;
        let entries = std::mem::take(&mut state.entries);
        drop(state);
        for entry in entries.iter() {
            self.leave(entry.clone());
        }
        self.changed();
    }

    fn leave(&self, entry: Entry<U>) {
        if let Subject::Socket { mailbox, .. } = entry.subject {
            mailbox.deregister(&self.waiter);
        }
    }

    /// Threads that wait, and who watches the descriptor, have to look at the entries again.
    fn changed(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 || self.exported.load(Ordering::Relaxed) {
            self.waiter.wake();
        }
    }

    /// The descriptor that becomes readable when a socket of the poller may need attention, and stays so
    /// until a wait finds nothing. `Invalid` if there never was a thread-safe socket.
    pub(crate) fn descriptor(&self) -> Result<RawFd> {
        if !self.state.lock().had_thread_safe {
            return Err(Error::Invalid);
        }
        Ok(self.export())
    }

    fn export(&self) -> RawFd {
        self.exported.store(true, Ordering::Relaxed);
        // What came before may have been taken by a wait.
        self.waiter.wake();
        self.waiter.descriptor()
    }

    /// Waits until there are events and reports up to `room` of them with their numbers from 0, in the order
    /// of registration: how many, at least one. `None` = for ever. A number that comes again replaces what
    /// was reported with it; on an error, all is void.
    ///
    /// Errors: `Again` when the time is over; `Fault` if nothing is watched and there is no timeout, and
    /// when the poller is destroyed; `Terminated`; `NotSocket` if a socket was closed; `NoMemory`; those of
    /// the system (EINTR).
    pub(crate) fn wait(
        &self,
        room: usize,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(usize, Found<U>),
    ) -> Result<usize> {
        // Before the first look at the entries: who changes them afterwards sees it.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let result = self.wait_for_events(room, timeout, report);
        let others = self.waiting.fetch_sub(1, Ordering::SeqCst) > 1;
        // A wake-up that was taken here is the others' as well; and the descriptor stays readable as long as
        // a wait has something to say.
        let is_news = !matches!(result, Err(Error::Again));
        if others || (is_news && self.exported.load(Ordering::Relaxed)) {
            self.waiter.wake();
        }
        result
    }

    fn wait_for_events(
        &self,
        room: usize,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(usize, Found<U>),
    ) -> Result<usize> {
        let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
        // The first look does not wait.
        let mut pause = Some(Duration::ZERO);
        let mut entries = self.entries()?;
        let mut lease = Lease::new(&self.waiter, deadline);
        loop {
            if timeout.is_none() {
                if entries.iter().all(Entry::is_disabled) {
                    return Err(Error::Fault);
                }
                if room == 0 {
                    return Err(Error::Again);
                }
            }
            if pause != Some(Duration::ZERO) {
                io::note_wait();
                self.borrow_streams(&entries, &mut lease, deadline);
            }
            let mut descriptors = self.pause(&entries, pause, &mut lease)?;
            // What was taken out meanwhile is reported no more: its owner may have freed the user data.
            let latest = self.entries()?;
            if !Arc::ptr_eq(&entries, &latest) {
                entries = latest;
                descriptors = self.pause(&entries, Some(Duration::ZERO), &mut lease)?;
            }
            let found = look(&entries, &descriptors, room, report);
            let latest = self.entries()?;
            let is_same = Arc::ptr_eq(&entries, &latest);
            entries = latest;
            match found {
                Ok(0) => {}
                // It was taken out and closed at this very moment, and is nobody's concern.
                Err(Error::NotSocket) if !is_same => {}
                other => return other,
            }
            let left = left(deadline);
            if left == Some(Duration::ZERO) {
                return Err(Error::Again);
            }
            // The wake-up of a change may be the one that was just taken.
            pause = if is_same { left } else { Some(Duration::ZERO) };
        }
    }

    fn entries(&self) -> Result<Arc<Vec<Entry<U>>>> {
        let state = self.state.lock();
        if state.destroyed {
            return Err(Error::Fault);
        }
        Ok(Arc::clone(&state.entries))
    }

    /// Before a sleep: has this thread read the streams of a few sockets by itself, and spins if that may pay.
    fn borrow_streams(&self, entries: &[Entry<U>], lease: &mut Lease, deadline: Option<Instant>) {
        if self.exported.load(Ordering::Relaxed) {
            return;
        }
        if entries.len() > Lease::MOST {
            lease.take_nothing();
        }
        let answers = io::waits_for_answer();
        let mut may_spin = true;
        for entry in entries.iter().filter(|entry| !entry.is_disabled()) {
            may_spin &= match &entry.subject {
                // One that is closed is found by the next look.
                Subject::Socket { watched, .. } => {
                    watched.lend(entry.events, lease, answers) == Ok(true)
                }
                Subject::Descriptor(_) => false,
            };
        }
        if may_spin {
            spin(entries.iter().filter_map(Entry::mailbox), lease, deadline);
        }
    }

    /// Sleeps; what became of the descriptors, in the order of their entries. A wake-up is taken, and what was borrowed
    /// given back, before the caller looks at the sockets, so that what happens afterwards wakes again.
    fn pause(
        &self,
        entries: &[Entry<U>],
        pause: Option<Duration>,
        lease: &mut Lease,
    ) -> Result<Vec<Descriptor>> {
        let watched = entries.iter().filter(|entry| !entry.is_disabled());
        let watched = watched.filter_map(|entry| match entry.subject {
            Subject::Descriptor(fd) => Some(Descriptor::new(fd, events_to_system(entry.events))),
            Subject::Socket { .. } => None,
        });
        let mut descriptors = Vec::new();
        for descriptor in watched {
            memory::push(&mut descriptors, descriptor)?;
        }
        if descriptors.is_empty() {
            if pause != Some(Duration::ZERO) {
                lease.wait(pause)?;
            }
        } else {
            let watched = descriptors.len();
            let waiter = Descriptor::new(self.waiter.descriptor(), poll::IN);
            for descriptor in lease.descriptors().chain([waiter]) {
                memory::push(&mut descriptors, descriptor)?;
            }
            poll::poll(&mut descriptors, pause, None)?;
            lease.note(descriptors.iter().skip(watched));
        }
        lease.end();
        self.waiter.clear_if_woken();
        Ok(descriptors)
    }
}

/// Looks at all entries, once; `descriptors` says what became of theirs.
fn look<U: Copy>(
    entries: &[Entry<U>],
    descriptors: &[Descriptor],
    room: usize,
    report: &mut dyn FnMut(usize, Found<U>),
) -> Result<usize> {
    let mut returned = descriptors.iter().map(Descriptor::returned);
    let mut found = 0;
    for entry in entries.iter().filter(|entry| !entry.is_disabled()) {
        if found == room {
            break;
        }
        let (key, events) = match &entry.subject {
            Subject::Socket { watched, .. } => {
                let events = watched.events()? & entry.events;
                let events = events & (c::ZMQ_POLLIN | c::ZMQ_POLLOUT);
                (Key::Socket(watched.cell()), events)
            }
            Subject::Descriptor(fd) => {
                let events = events_from_system(returned.next().unwrap_or_default());
                (Key::Descriptor(*fd), events)
            }
        };
        if events != 0 {
            let user_data = entry.user_data;
            let event = Found {
                key,
                user_data,
                events,
            };
            report(found, event);
            found += 1;
        }
    }
    Ok(found)
}

impl<U: Copy> State<U> {
    fn is_watched(&self, key: Key) -> bool {
        self.entries.iter().any(|entry| entry.is(key))
    }

    /// The entries with room for one more, not seen by anybody else.
    fn change(&mut self) -> Result<&mut Vec<Entry<U>>> {
        if Arc::get_mut(&mut self.entries).is_none() {
            let mut copy = Vec::new();
            copy.try_reserve_exact(self.entries.len())
                .map_err(|_| Error::NoMemory)?;
            copy.extend_from_slice(&self.entries);
            self.entries = Arc::new(copy);
        }
        let entries = Arc::get_mut(&mut self.entries).ok_or(Error::NoMemory)?;
        entries.try_reserve(1).map_err(|_| Error::NoMemory)?;
        Ok(entries)
    }
}

impl<U> Entry<U> {
    fn is(&self, key: Key) -> bool {
        match (&self.subject, key) {
            (Subject::Socket { watched, .. }, Key::Socket(cell)) => {
                std::ptr::eq(watched.cell(), cell) && watched.is_there()
            }
            (Subject::Descriptor(own), Key::Descriptor(fd)) => *own == fd,
            _ => false,
        }
    }

    /// It watches a socket that was closed, and whose cell this is.
    fn is_gone_from(&self, cell: &SocketCell) -> bool {
        matches!(&self.subject, Subject::Socket { watched, .. }
            if std::ptr::eq(watched.cell(), cell) && !watched.is_there())
    }

    fn mailbox(&self) -> Option<&Arc<Mailbox<SocketCommand>>> {
        match &self.subject {
            Subject::Socket { mailbox, .. } => Some(mailbox),
            Subject::Descriptor(_) => None,
        }
    }

    fn is_disabled(&self) -> bool {
        self.events == 0
    }
}
