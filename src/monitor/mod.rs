//! The socket monitor: event frames for consumers that connect over inproc.
//!
//! One per socket, a leaf. It never blocks whoever emits: events wait in the consumers' pipes, or in a
//! backlog bounded by the default high-water mark while nobody is there; beyond that they are dropped
//! (design choice of api.md section 9). Called by `socket` (start, stop), `io` (emit) and the consumers'
//! sockets through their pipes. Must not know the wire.

#![forbid(unsafe_code)]

mod consumers;
#[cfg(test)]
mod tests;

pub(crate) use consumers::Kind;

use std::sync::{Arc, Weak};

use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::io::EndpointTexts;
use crate::monitor::consumers::{Consumers, Frames};
use crate::pipe::{Notice, PipeEnd, Wake};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// What can be monitored; the number is the bit in zmq.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Event {
    Connected = c::ZMQ_EVENT_CONNECTED as u64,
    ConnectDelayed = c::ZMQ_EVENT_CONNECT_DELAYED as u64,
    ConnectRetried = c::ZMQ_EVENT_CONNECT_RETRIED as u64,
    Listening = c::ZMQ_EVENT_LISTENING as u64,
    BindFailed = c::ZMQ_EVENT_BIND_FAILED as u64,
    Accepted = c::ZMQ_EVENT_ACCEPTED as u64,
    AcceptFailed = c::ZMQ_EVENT_ACCEPT_FAILED as u64,
    Closed = c::ZMQ_EVENT_CLOSED as u64,
    CloseFailed = c::ZMQ_EVENT_CLOSE_FAILED as u64,
    Disconnected = c::ZMQ_EVENT_DISCONNECTED as u64,
    MonitorStopped = c::ZMQ_EVENT_MONITOR_STOPPED as u64,
    HandshakeFailedNoDetail = c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL as u64,
    HandshakeSucceeded = c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED as u64,
    HandshakeFailedProtocol = c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL as u64,
    HandshakeFailedAuth = c::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH as u64,
    /// On request, two values: the lengths of the outbound and of the inbound queue.
    PipesStats = c::ZMQ_EVENT_PIPES_STATS as u64,
}

/// A descriptor or an errno as the value of an event.
pub(crate) fn event_value(number: i32) -> u64 {
    u64::from(number.unsigned_abs())
}

/// Events of version 1 have 16 bits.
const VERSION_1_EVENTS: u64 = 0xffff;

/// The first checks of zmq_socket_monitor_versioned: `Invalid` for an unknown version or event bits that
/// the version has no room for.
pub(crate) fn check(events: u64, version: i32) -> Result<()> {
    match version {
        1 if events & !VERSION_1_EVENTS == 0 => Ok(()),
        2 => Ok(()),
        _ => Err(Error::Invalid),
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Monitor {
    /// The events asked for; 0 = no monitor. Looked at before the lock is taken.
    mask: AtomicU64,
    active: Mutex<Option<Active>>,
}

#[derive(Debug)]
struct Active {
    /// Those asked for. Whoever emits may have looked at the mask of the monitor before.
    events: u64,
    version: i32,
    consumers: Consumers,
}

/// The monitor's side of a consumer's pipe: it looks at what the consumer has subscribed to.
#[derive(Debug)]
struct NotifyMonitor(Weak<Monitor>);

impl Wake for NotifyMonitor {
    fn wake(&self, _notice: Notice) {
        if let Some(monitor) = self.0.upgrade() {
            monitor.listen();
        }
    }
}

impl Monitor {
    pub(crate) fn new() -> Self {
        Self {
            mask: AtomicU64::new(0),
            active: Mutex::new(None),
        }
    }

    /// Begins to collect `events`.
    pub(crate) fn start(&self, events: u64, version: i32, kind: Kind) {
        *self.active.lock() = Some(Active {
            events,
            version,
            consumers: Consumers::new(kind),
        });
        self.mask.store(events, Ordering::Release);
    }

    /// Ends, with a last event if it was asked for; false if there was no monitor.
    pub(crate) fn stop(&self) -> bool {
        let mask = self.mask.swap(0, Ordering::AcqRel);
        // Whoever emits at this time was faster, or finds nothing.
        let Some(mut active) = self.active.lock().take() else {
            return false;
        };
        let last = Event::MonitorStopped;
        if mask & last as u64 != 0 {
            let frames = active.frames(last, &[0], b"", &EndpointTexts::default());
            active.consumers.send_last(&frames);
        }
        active.consumers.leave();
        true
    }

    /// A consumer connected; what was collected is for it.
    pub(crate) fn attach(self: &Arc<Self>, end: PipeEnd) {
        end.set_wake(Arc::new(NotifyMonitor(Arc::downgrade(self))));
        match &mut *self.active.lock() {
            Some(active) => active.consumers.add(end),
            None => drop(end),
        }
    }

    /// A consumer said something, or left.
    fn listen(&self) {
        if let Some(active) = &mut *self.active.lock() {
            active.consumers.listen();
        }
    }

    /// This event was asked for.
    pub(crate) fn wants(&self, event: Event) -> bool {
        self.mask.load(Ordering::Acquire) & event as u64 != 0
    }

    /// Sends an event, if it was asked for. Version 1 has room for the first value.
    pub(crate) fn emit(
        &self,
        event: Event,
        values: &[u64],
        endpoint: &[u8],
        texts: &EndpointTexts,
    ) {
        if self.wants(event) {
            self.emit_after(|| (), event, values, endpoint, texts);
        }
    }

    /// Does `first` and sends an event that was asked for, before anybody can end the monitor: who sees what `first` did
    /// and then ends it gets the event.
    pub(crate) fn emit_after<R>(
        &self,
        first: impl FnOnce() -> R,
        event: Event,
        values: &[u64],
        endpoint: &[u8],
        texts: &EndpointTexts,
    ) -> R {
        let mut active = self.active.lock();
        let result = first();
        if let Some(active) = &mut *active
            && active.events & event as u64 != 0
        {
            let frames = active.frames(event, values, endpoint, texts);
            active.consumers.send(frames);
        }
        result
    }
}

impl Active {
    fn frames(
        &self,
        event: Event,
        values: &[u64],
        endpoint: &[u8],
        texts: &EndpointTexts,
    ) -> Frames {
        match self.version {
            1 => version_1(event as u64, values, endpoint),
            _ => version_2(event as u64, values, texts),
        }
    }
}

/// Event and value packed, then the endpoint; host order.
fn version_1(number: u64, values: &[u64], endpoint: &[u8]) -> Frames {
    // Checked at start: the events of version 1 have 16 bits; its values have 32.
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let value = values.first().copied().unwrap_or_default();
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let mut head = number.to_ne_bytes().to_vec();
    head.extend_from_slice(&value.to_ne_bytes());
    vec![head, endpoint.to_vec()]
}

/// Event, count of values, the values, local and remote endpoint; host order.
fn version_2(number: u64, values: &[u64], texts: &EndpointTexts) -> Frames {
    let count = values.len() as u64;
    let numbers = [number, count].into_iter().chain(values.iter().copied());
    let mut frames: Frames = numbers
        .map(|number| number.to_ne_bytes().to_vec())
        .collect();
    frames.push(texts.local.as_bytes().to_vec());
    frames.push(texts.remote.as_bytes().to_vec());
    frames
}
