//! Making the connections of a connect endpoint: attempts, back-off, idling.
//!
//! ```text
//!  Idle --begin--> Resolving --addresses--> Pending --writable--> (stream is up; the connection has it)
//!                     |                     |     +--proxy--> Asking --granted--^         |
//!                     |                     |                   |                         |
//!                     +------ failed -------+-------------------+--> Waiting <--- lost ---+
//!                                                                       |  timer: begin again, or
//!                                                                       +--> Held until the socket has read --> begin again
//!                                                                       +--> Stopped (RECONNECT_IVL not positive)
//! ```
//! With ZMQ_SOCKS_PROXY the addresses, and what the monitor is told, are those of the proxy, which is then asked for the
//! endpoint's own ([`proxied`]). Contract: transports.md sections 5 and 12.

#![forbid(unsafe_code)]

mod proxied;

use proxied::Asking;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::{ConnectAddress, TcpAddress};
use crate::error::Error;
use crate::io::backoff::Backoff;
use crate::io::resolver;
use crate::io::turn::Surroundings;
use crate::io::{EndpointTexts, ObjectId, Session};
use crate::monitor::{Event, event_value};
use crate::random;
use crate::sync::atomic::Ordering;
use crate::transport::{self, Connecting, Stream, StreamOptions};

/// Addresses of a name that one attempt tries: what a name server says is not for it to decide how long.
const MOST_ADDRESSES: usize = 16;

/// What a step of the connecter led to.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Something is pending; nothing to do for the connection.
    Waiting,
    /// A stream is up. `watched`: as it has been while it was connecting.
    Up { stream: Stream, watched: bool },
    /// No further attempt will be made, but the endpoint stays (RECONNECT_IVL not positive).
    Stopped,
    /// Refused, and ZMQ_RECONNECT_STOP says that the endpoint goes then.
    Refused,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connecter {
    /// What streams are connected to: the proxy, if there is one.
    address: ConnectAddress,
    /// What a proxy is asked for.
    target: Option<Box<TcpAddress>>,
    stream_options: StreamOptions,
    backoff: Backoff,
    state: State,
    /// Counts attempts, so that a late answer of a resolver finds nobody.
    attempt: u64,
    id: Option<ObjectId>,
    /// Monitor events of attempts have the target as remote endpoint.
    texts: EndpointTexts,
    /// The present attempt is for addresses of IPv6.
    ipv6: bool,
    /// Addresses that the present attempt has not tried.
    candidates: Vec<SocketAddr>,
}

#[derive(Debug)]
enum State {
    Idle,
    /// Dropped with it: nobody needs the answer any more.
    Resolving(#[allow(dead_code, reason = "held, not read")] resolver::Waiting),
    Pending {
        stream: Stream,
        deadline: Option<Instant>,
    },
    Asking(Box<Asking>),
    Waiting {
        until: Instant,
    },
    /// The socket has to read first.
    Held,
    Stopped,
}

impl Connecter {
    /// `target`: what is at `address` is a proxy, which is to be asked for that.
    pub(crate) fn new(
        address: ConnectAddress,
        target: Option<TcpAddress>,
        session: &Session,
    ) -> Self {
        let options = &session.options;
        Self {
            address,
            target: target.map(Box::new),
            stream_options: session.stream_options(),
            backoff: Backoff::new(options.reconnect_interval, options.reconnect_interval_max),
            state: State::Idle,
            attempt: 0,
            id: None,
            texts: EndpointTexts {
                local: String::new(),
                remote: String::from_utf8_lossy(&session.endpoint).into_owned(),
            },
            ipv6: false,
            candidates: Vec::new(),
        }
    }

    /// A stream is being connected.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Pending { .. } | State::Asking(_))
    }

    /// No further attempt will be made.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// The delay before the next attempt is over.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, State::Waiting { until } if until <= now)
    }

    /// The next attempt waits until the owner begins it.
    pub(crate) fn hold(&mut self) {
        self.state = State::Held;
    }

    /// See [`Self::hold`].
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.state, State::Held)
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Pending { deadline, .. } => *deadline,
            State::Asking(asking) => asking.deadline,
            State::Waiting { until } => Some(*until),
            State::Idle | State::Resolving(_) | State::Held | State::Stopped => None,
        }
    }

    /// Starts an attempt.
    pub(crate) fn begin(
        &mut self,
        id: ObjectId,
        session: &Session,
        around: &mut Surroundings<'_>,
    ) -> Attempt {
        self.id = Some(id);
        self.attempt += 1;
        match &self.address {
            ConnectAddress::Ipc(path) => {
                let connecting = transport::ipc::connect(path);
                self.follow(connecting, session, around)
            }
            ConnectAddress::Tcp(address) => {
                self.ipv6 = resolver::uses_ipv6(session.options.ipv6);
                match resolver::numeric(&address.host, address.port, self.ipv6) {
                    Some(addresses) => {
                        self.candidates = addresses;
                        self.try_next_address(session, around)
                    }
                    None => {
                        let waiting = resolver::resolve(
                            address.host.clone(),
                            address.port,
                            self.ipv6,
                            resolver::Reply {
                                thread: Arc::clone(around.handle),
                                connection: id,
                                attempt: self.attempt,
                            },
                        );
                        self.state = State::Resolving(waiting);
                        Attempt::Waiting
                    }
                }
            }
        }
    }

    /// The addresses for an attempt came.
    pub(crate) fn handle_resolved(
        &mut self,
        attempt: u64,
        addresses: Vec<SocketAddr>,
        session: &Session,
        around: &mut Surroundings<'_>,
    ) -> Attempt {
        if attempt != self.attempt || !matches!(self.state, State::Resolving(_)) {
            return Attempt::Waiting;
        }
        self.candidates = addresses;
        self.candidates.truncate(MOST_ADDRESSES);
        self.try_next_address(session, around)
    }

    /// The pending stream is ready for something, or broken.
    pub(crate) fn finish(&mut self, session: &Session, around: &mut Surroundings<'_>) -> Attempt {
        let (stream, deadline) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Pending { stream, deadline } => (stream, deadline),
            State::Asking(asking) => return self.converse(asking, session, around),
            other => {
                self.state = other;
                return Attempt::Waiting;
            }
        };
        match stream.finish_connecting(&self.stream_options) {
            Ok(()) if self.target.is_some() => self.ask(stream, deadline, session, around),
            Ok(()) => Attempt::Up {
                stream,
                watched: true,
            },
            Err(error) => {
                let refused = error.raw_os_error() == Some(libc::ECONNREFUSED);
                self.close(stream, session, around);
                if refused && self.candidates.is_empty() && self.stops_when_refused(session) {
                    self.state = State::Stopped;
                    return Attempt::Refused;
                }
                self.try_next_address(session, around)
            }
        }
    }

    /// CONNECT_TIMEOUT ran out, or the delay is over.
    pub(crate) fn handle_timeout(
        &mut self,
        session: &Session,
        around: &mut Surroundings<'_>,
    ) -> Attempt {
        if self.deadline().is_none_or(|deadline| deadline > around.now) {
            return Attempt::Waiting;
        }
        match self.take_stream(State::Idle) {
            Some(stream) => {
                self.close(stream, session, around);
                // Each address has its time.
                self.try_next_address(session, around)
            }
            None => match self.id {
                Some(id) => self.begin(id, session, around),
                None => Attempt::Waiting,
            },
        }
    }

    /// An established connection was lost: the delays start over.
    pub(crate) fn lost(&mut self) {
        self.backoff.reset();
    }

    /// Waits before the next attempt.
    pub(crate) fn wait(&mut self, session: &Session, around: &Surroundings<'_>) -> Attempt {
        let Some(delay) = self.backoff.next_delay(random::u32()) else {
            self.state = State::Stopped;
            return Attempt::Stopped;
        };
        let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        session.emit(Event::ConnectRetried, milliseconds, &self.texts);
        self.state = State::Waiting {
            until: around.now + delay,
        };
        Attempt::Waiting
    }

    /// The connection ends; a descriptor that is still connecting is closed with it.
    pub(crate) fn abandon(&mut self, session: &Session) {
        if let Some(stream) = self.take_stream(State::Stopped) {
            session.emit(Event::Closed, event_value(stream.as_raw_fd()), &self.texts);
        }
    }

    /// The stream that is being connected, which is not waited for any more.
    fn take_stream(&mut self, next: State) -> Option<Stream> {
        match std::mem::replace(&mut self.state, next) {
            State::Pending { stream, .. } => Some(stream),
            State::Asking(asking) => Some(asking.stream),
            State::Idle
            | State::Resolving(_)
            | State::Waiting { .. }
            | State::Held
            | State::Stopped => None,
        }
    }

    /// The stream led to nothing.
    fn close(&self, stream: Stream, session: &Session, around: &Surroundings<'_>) {
        stream.deregister(around.epoll);
        session.emit(Event::Closed, event_value(stream.as_raw_fd()), &self.texts);
    }

    /// Tries the addresses one after the other; when none is left the attempt has failed.
    fn try_next_address(&mut self, session: &Session, around: &mut Surroundings<'_>) -> Attempt {
        let ConnectAddress::Tcp(address) = &self.address else {
            return self.wait(session, around);
        };
        if self.candidates.is_empty() {
            return self.wait(session, around);
        }
        let target = self.candidates.remove(0);
        // Where to connect from is said with either.
        let of_target = self
            .target
            .as_ref()
            .and_then(|target| target.source.as_ref());
        let source = match address.source.as_ref().or(of_target) {
            None => None,
            Some(source) => match resolver::local(source, self.ipv6) {
                Some(source) => Some(source),
                None => return self.wait(session, around),
            },
        };
        let connecting = transport::tcp::connect(target, source, &self.stream_options);
        self.follow(connecting, session, around)
    }

    fn follow(
        &mut self,
        connecting: Connecting,
        session: &Session,
        around: &mut Surroundings<'_>,
    ) -> Attempt {
        match connecting {
            Connecting::Done(stream) if self.target.is_some() => {
                match self.watch(stream, session, around) {
                    Some(failed) => failed,
                    None => self.finish(session, around),
                }
            }
            Connecting::Done(stream) => {
                self.state = State::Idle;
                match stream.finish_connecting(&self.stream_options) {
                    Ok(()) => Attempt::Up {
                        stream,
                        watched: false,
                    },
                    Err(_) => {
                        session.emit(Event::Closed, event_value(stream.as_raw_fd()), &self.texts);
                        self.try_next_address(session, around)
                    }
                }
            }
            Connecting::InProgress(stream) => {
                session.emit(
                    Event::ConnectDelayed,
                    event_value(libc::EINPROGRESS),
                    &self.texts,
                );
                let failed = self.watch(stream, session, around);
                failed.unwrap_or(Attempt::Waiting)
            }
            Connecting::Failed { fd_opened, error } => {
                if let Some(fd) = fd_opened {
                    session.emit(Event::Closed, event_value(fd), &self.texts);
                }
                if self.stops_after_disconnect(error, session) {
                    self.state = State::Stopped;
                    return Attempt::Refused;
                }
                self.try_next_address(session, around)
            }
        }
    }
}

impl Connecter {
    /// The stream is pending from now on; otherwise what that led to.
    fn watch(
        &mut self,
        stream: Stream,
        session: &Session,
        around: &Surroundings<'_>,
    ) -> Option<Attempt> {
        let Some(id) = self.id else {
            return Some(Attempt::Waiting);
        };
        if stream.register(around.epoll, id.token()).is_err() {
            session.emit(Event::Closed, event_value(stream.as_raw_fd()), &self.texts);
            return Some(self.wait(session, around));
        }
        let timeout = u64::try_from(session.options.connect_timeout).unwrap_or(0);
        let deadline = (timeout > 0).then(|| around.now + Duration::from_millis(timeout));
        self.state = State::Pending { stream, deadline };
        None
    }

    /// ipc: refused, after a zmq_disconnect of the socket under ZMQ_RECONNECT_STOP_AFTER_DISCONNECT.
    fn stops_after_disconnect(&self, error: Error, session: &Session) -> bool {
        matches!(self.address, ConnectAddress::Ipc(_))
            && crate::ffi::errno::number(error) == libc::ECONNREFUSED
            && session.stop_refused.load(Ordering::Relaxed)
    }

    /// A proxy that is away for a while says nothing of the target.
    fn stops_when_refused(&self, session: &Session) -> bool {
        let stop = session.options.reconnect_stop;
        self.target.is_none() && stop & crate::ffi::constants::ZMQ_RECONNECT_STOP_CONN_REFUSED != 0
    }
}

#[cfg(test)]
mod tests;
