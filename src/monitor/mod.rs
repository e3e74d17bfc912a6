//! The socket monitor: event frames for a consumer that connects over inproc.
//!
//! One per socket, a leaf. It never blocks whoever emits: events wait in the consumer's pipe, or in a
//! backlog bounded by the default high-water mark while nobody is connected; beyond that they are
//! dropped (design choice of api.md section 9). Called by `socket` (start, stop) and `io` (emit). Must not
//! know the wire.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::io::EndpointTexts;
use crate::pipe::{Outgoing, PipeEnd};
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
}

/// Events kept for a consumer that has not connected yet, and at most waiting for one that has.
const BACKLOG: i32 = 1000;
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

/// The socket types a monitor can have. PUB and PUSH come with the issue of the whole classic surface.
pub(crate) fn check_type(socket_type: i32) -> Result<()> {
    match socket_type {
        c::ZMQ_PAIR => Ok(()),
        c::ZMQ_PUB | c::ZMQ_PUSH => Err(Error::NotSupported),
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
    version: i32,
    consumer: Option<PipeEnd>,
    backlog: VecDeque<Frames>,
}

type Frames = Vec<Vec<u8>>;

impl Monitor {
    pub(crate) fn new() -> Self {
        Self { mask: AtomicU64::new(0), active: Mutex::new(None) }
    }

    /// Begins to collect `events`.
    pub(crate) fn start(&self, events: u64, version: i32) {
        *self.active.lock() =
            Some(Active { version, consumer: None, backlog: VecDeque::new() });
        self.mask.store(events, Ordering::Release);
    }

    /// Ends, with a last event if it was asked for; false if there was no monitor.
    pub(crate) fn stop(&self) -> bool {
        self.emit(Event::MonitorStopped, 0, b"", &EndpointTexts::default());
        self.mask.store(0, Ordering::Release);
        let Some(active) = self.active.lock().take() else {
            return false;
        };
        if let Some(mut consumer) = active.consumer {
            consumer.leave();
        }
        true
    }

    /// A consumer connected; what was collected is for it. A second one is refused, like by PAIR.
    pub(crate) fn attach(&self, mut end: PipeEnd) {
        end.join_limits(BACKLOG, BACKLOG);
        let mut active = self.active.lock();
        let Some(active) = active.as_mut() else {
            drop(end);
            return;
        };
        if active.consumer.as_ref().is_some_and(|consumer| !consumer.is_write_closed()) {
            end.abort();
            return;
        }
        for frames in active.backlog.drain(..) {
            write(&mut end, &frames);
        }
        active.consumer = Some(end);
    }

    /// Sends an event, if it was asked for.
    pub(crate) fn emit(&self, event: Event, value: u64, endpoint: &[u8], texts: &EndpointTexts) {
        let number = event as u64;
        if self.mask.load(Ordering::Acquire) & number == 0 {
            return;
        }
        let mut active = self.active.lock();
        let Some(active) = active.as_mut() else {
            return;
        };
        let frames = match active.version {
            1 => version_1(number, value, endpoint),
            _ => version_2(number, value, texts),
        };
        if active.consumer.as_ref().is_some_and(PipeEnd::is_write_closed) {
            active.consumer = None;
        }
        match &mut active.consumer {
            Some(consumer) => write(consumer, &frames),
            None if active.backlog.len() < BACKLOG.unsigned_abs() as usize => {
                active.backlog.push_back(frames);
            }
            None => {}
        }
    }
}

/// Event and value packed, then the endpoint; host order.
fn version_1(number: u64, value: u64, endpoint: &[u8]) -> Frames {
    // Checked at start: the events of version 1 have 16 bits; its values have 32.
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let mut head = number.to_ne_bytes().to_vec();
    head.extend_from_slice(&value.to_ne_bytes());
    vec![head, endpoint.to_vec()]
}

/// Event, count of values, the value, local and remote endpoint.
fn version_2(number: u64, value: u64, texts: &EndpointTexts) -> Frames {
    vec![
        number.to_ne_bytes().to_vec(),
        1_u64.to_ne_bytes().to_vec(),
        value.to_ne_bytes().to_vec(),
        texts.local.as_bytes().to_vec(),
        texts.remote.as_bytes().to_vec(),
    ]
}

/// Writes an event, or drops it if the consumer is too slow.
fn write(consumer: &mut PipeEnd, frames: &Frames) {
    if !consumer.can_write() {
        // Nobody tells this end that there is room again: look at the credit itself next time.
        consumer.noticed_writable();
        return;
    }
    let last = frames.len() - 1;
    for (at, frame) in frames.iter().enumerate() {
        let more = at < last;
        let mut frame = Outgoing::from_bytes(frame, more, true);
        if consumer.write(&mut frame, more).is_err() {
            consumer.rollback();
            return;
        }
    }
}
