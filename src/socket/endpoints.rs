//! bind, connect, unbind, disconnect. Contract: api.md section 4, transports.md.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::context::Lingering;
use crate::context::inproc::{Binder, Owner};
use crate::endpoint::{ConnectAddress, Endpoint, Scheme, TcpAddress, Use};
use crate::error::{Error, Result};
use crate::ffi::constants::ZMQ_RECONNECT_STOP_AFTER_DISCONNECT;
use crate::io::{
    Connecter, Connection, ConnectionHandle, EndpointTexts, IoCommand, IoHandle, Linger,
    ListenerObject, ObjectId, Session,
};
use crate::memory::{self, ShortBytes};
use crate::monitor::{Event, Monitor, event_value};
use crate::options::PatternOption;
use crate::patterns::Origin;
use crate::pipe::{Limits, PipeKey, pipe};
use crate::socket::{Attachment, Core};
use crate::sync::atomic::Ordering;
use crate::transport::Listener;
use crate::transport::resolve::BindName;

/// The endpoints of a socket.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    entries: Vec<Entry>,
    /// Connections that the socket has left and that may still linger.
    lingering: Vec<(Arc<IoHandle>, ObjectId)>,
    /// ZMQ_LAST_ENDPOINT.
    pub(crate) last: Vec<u8>,
    /// ZMQ_CONNECT_ROUTING_ID for the next connect.
    pub(crate) connect_routing_id: Option<ShortBytes>,
}

#[derive(Debug)]
struct Entry {
    /// What zmq_unbind and zmq_disconnect look for.
    text: Box<[u8]>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Listener {
        thread: Arc<IoHandle>,
        id: ObjectId,
        listener: Arc<Listener>,
    },
    Connection {
        thread: Arc<IoHandle>,
        id: ObjectId,
        pipe: Option<PipeKey>,
    },
    InprocName {
        name: Box<[u8]>,
    },
    InprocPipe {
        name: Box<[u8]>,
        pipe: PipeKey,
    },
}

impl Endpoints {
    /// The socket is bound or connected to something.
    pub(super) fn is_any(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The connecter gave up for good.
    pub(super) fn forget(&mut self, connection: ObjectId) {
        self.entries
            .retain(|entry| !matches!(entry.kind, Kind::Connection { id, .. } if id == connection));
    }

    /// A pipe ended. An inproc connect ends with it; a network endpoint stays.
    pub(super) fn pipe_is_gone(&mut self, key: PipeKey) {
        self.entries.retain_mut(|entry| match &mut entry.kind {
            Kind::InprocPipe { pipe, .. } => *pipe != key,
            Kind::Connection { pipe, .. } => {
                if *pipe == Some(key) {
                    *pipe = None;
                }
                true
            }
            Kind::Listener { .. } | Kind::InprocName { .. } => true,
        });
    }

    pub(super) fn connections(&self) -> Vec<(Arc<IoHandle>, ObjectId)> {
        let connection = |entry: &Entry| match &entry.kind {
            Kind::Connection { thread, id, .. } => Some((Arc::clone(thread), *id)),
            _ => None,
        };
        self.entries.iter().filter_map(connection).collect()
    }

    fn inproc_pipes(&self) -> Vec<PipeKey> {
        let pipe = |entry: &Entry| match entry.kind {
            Kind::InprocPipe { pipe, .. } => Some(pipe),
            _ => None,
        };
        self.entries.iter().filter_map(pipe).collect()
    }

    /// Closes the listeners, and tells the monitor of it.
    pub(super) fn close_listeners(&self, monitor: &Monitor) {
        for entry in &self.entries {
            if let Kind::Listener { listener, .. } = &entry.kind {
                let (event, value) = ListenerObject::close(listener);
                let texts = EndpointTexts {
                    local: String::from_utf8_lossy(&entry.text).into_owned(),
                    remote: String::new(),
                };
                monitor.emit(event, &[value], &entry.text, &texts);
            }
        }
    }

    /// The I/O threads forget the listeners. Accepted connections that are still in their handshake end with them.
    pub(super) fn end_listeners(&self) {
        for entry in &self.entries {
            if let Kind::Listener { thread, id, .. } = &entry.kind {
                thread.post(IoCommand::CloseListener(*id));
            }
        }
    }

    /// The text of the inproc connect that this pipe comes from.
    pub(super) fn inproc_text(&self, key: PipeKey) -> Option<&[u8]> {
        let own =
            |entry: &&Entry| matches!(entry.kind, Kind::InprocPipe { pipe, .. } if pipe == key);
        self.entries.iter().find(own).map(|entry| &*entry.text)
    }

    /// Connections that the socket has left and that may still linger.
    pub(super) fn lingering(&self) -> Vec<(Arc<IoHandle>, ObjectId)> {
        self.lingering.clone()
    }

    /// A connection may linger on its own: zmq_close will limit that.
    pub(super) fn remember_lingering(
        &mut self,
        thread: Arc<IoHandle>,
        connection: ObjectId,
        lingering: &Lingering,
    ) {
        self.lingering.push((thread, connection));
        self.lingering.retain(|(_, id)| lingering.contains(*id));
    }

    /// A zmq_connect that was not taken back made this connection.
    pub(super) fn has_connection(&self, connection: ObjectId) -> bool {
        let is_it =
            |entry: &Entry| matches!(entry.kind, Kind::Connection { id, .. } if id == connection);
        self.entries.iter().any(is_it)
    }

    fn have_connection(&self, text: &[u8]) -> bool {
        let is_it =
            |entry: &Entry| *entry.text == *text && matches!(entry.kind, Kind::Connection { .. });
        self.entries.iter().any(is_it)
    }

    fn add(&mut self, text: &[u8], kind: Kind) {
        self.entries.push(Entry {
            text: text.into(),
            kind,
        });
    }

    /// Takes out all entries with one of these texts; of an inproc name that is bound here just that, though the
    /// socket may be connected to it, too.
    fn take(&mut self, texts: &[Box<[u8]>]) -> Vec<Kind> {
        let is_name = |entry: &Entry| {
            texts.contains(&entry.text) && matches!(entry.kind, Kind::InprocName { .. })
        };
        if let Some(at) = self.entries.iter().position(is_name) {
            return vec![self.entries.remove(at).kind];
        }
        let taken = self
            .entries
            .extract_if(.., |entry| texts.contains(&entry.text));
        taken.map(|entry| entry.kind).collect()
    }
}

/// The name is free at once, the I/O thread does the rest.
fn close_listener(thread: &IoHandle, id: ObjectId, listener: &Listener) {
    // A failure is for the monitor, to which the I/O thread tells it.
    let _ = listener.close();
    thread.post(IoCommand::CloseListener(id));
}

impl Core {
    /// What zmq_bind has to ask name servers for before it enters again; nothing if it fails anyway.
    pub(super) fn name_to_bind(&mut self, text: &[u8]) -> Option<BindName> {
        self.notice().ok()?;
        self.look_for_thread(text).ok()?;
        match Endpoint::parse(text, Use::Bind) {
            Ok(Endpoint::Tcp(address)) if self.options.use_fd < 0 => {
                BindName::of(&address, self.options.ipv6)
            }
            _ => None,
        }
    }

    /// zmq_bind; `named` is what a name server said. Errors: api.md section 4.
    pub(super) fn bind(&mut self, text: &[u8], named: Option<SocketAddr>) -> Result<()> {
        self.notice()?;
        let purpose = if self.options.use_fd < 0 {
            Use::Bind
        } else {
            Use::Adopt
        };
        self.look_for_thread(text)?;
        let endpoint = Endpoint::parse(text, purpose)
            .inspect_err(|error| self.emit_malformed(text, *error))?;
        match endpoint {
            Endpoint::Inproc(name) => self.bind_inproc(text, &name),
            Endpoint::Ipc(address) => self.bind_stream(&ConnectAddress::Ipc(address), None),
            Endpoint::Tcp(address) => self.bind_stream(&ConnectAddress::Tcp(address), named),
        }
    }

    /// What takes an I/O thread needs one before its address is looked at. `NoThread`, those of
    /// [`Endpoint::check`].
    fn look_for_thread(&self, text: &[u8]) -> Result<()> {
        if Endpoint::check(text)? != Scheme::Inproc {
            self.context.threads(self.options.affinity)?;
        }
        Ok(())
    }

    /// An address that is malformed is a failed bind to a monitor, too.
    fn emit_malformed(&self, text: &[u8], error: Error) {
        let address = [b"tcp://", b"ipc://"]
            .into_iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .filter(|address| !address.is_empty());
        if let Some(address) = address {
            let errno = event_value(crate::ffi::errno::number(error));
            let texts = EndpointTexts::default();
            self.monitor
                .emit(Event::BindFailed, &[errno], address, &texts);
        }
    }

    fn bind_inproc(&mut self, text: &[u8], name: &[u8]) -> Result<()> {
        let binder = Binder {
            mailbox: Arc::clone(&self.mailbox),
            answers: self.row.answers_requests(),
            send_hwm: self.options.send_hwm,
            receive_hwm: self.options.receive_hwm,
            routing_id: (*self.options.routing_id).into(),
            hello: self.row.hello(&self.options)?,
            farewell: self.row.disconnect_message(&self.options)?,
        };
        let owner = Owner::Socket(binder.clone());
        let parked = self.context.names.bind(name, owner)?;
        for parked in parked {
            self.attach(binder.join(parked.end));
        }
        self.settle();
        self.endpoints
            .add(text, Kind::InprocName { name: name.into() });
        text.clone_into(&mut self.endpoints.last);
        Ok(())
    }

    fn bind_stream(&mut self, address: &ConnectAddress, named: Option<SocketAddr>) -> Result<()> {
        let threads = self.context.threads(self.options.affinity)?;
        let mut session = self.session(threads, b"");
        let thread = session.choose_thread().ok_or(Error::NoThread)?;
        let stream_options = session.stream_options();
        let bound = match Listener::bind(address, named, &stream_options) {
            Ok(bound) => bound,
            Err(failure) => {
                self.emit_bind_failure(&failure, &mut session);
                return Err(failure.error);
            }
        };
        let last: Arc<[u8]> = bound.last_endpoint.as_slice().into();
        session.endpoint = Arc::clone(&last);
        let texts = EndpointTexts {
            local: String::from_utf8_lossy(&last).into_owned(),
            remote: String::new(),
        };
        let listener = Arc::new(bound.listener);
        let fd = listener.as_raw_fd();
        session.emit(Event::Listening, event_value(fd), &texts);
        let id = ObjectId::new();
        let object = ListenerObject::new(id, session, Arc::clone(&listener), stream_options);
        thread.add_load();
        thread.post(IoCommand::Listen(Box::new(object)));
        let kind = Kind::Listener {
            thread,
            id,
            listener,
        };
        self.endpoints.add(&last, kind);
        self.endpoints.last = last.to_vec();
        Ok(())
    }

    fn emit_bind_failure(&self, failure: &crate::transport::BindFailure, session: &mut Session) {
        if let Some(fd) = failure.fd_opened {
            session.endpoint = failure.closed_text.as_slice().into();
            session.emit(Event::Closed, event_value(fd), &EndpointTexts::default());
        }
        session.endpoint = failure.text.as_slice().into();
        let errno = crate::ffi::errno::number(failure.error);
        session.emit(
            Event::BindFailed,
            event_value(errno),
            &EndpointTexts::default(),
        );
    }

    /// zmq_connect. Errors: api.md section 4.
    pub(super) fn connect(&mut self, text: &[u8]) -> Result<()> {
        self.notice()?;
        self.look_for_thread(text)?;
        let endpoint = Endpoint::parse(text, Use::Connect)?;
        if self.row.connects_once && self.endpoints.have_connection(text) {
            return Ok(());
        }
        let routing_id = &mut self.endpoints.connect_routing_id;
        // The choice is spent: it would be in the way of every later connect, and cannot be taken back.
        if routing_id
            .take_if(|id| self.pattern.has_routing_id(id))
            .is_some()
        {
            return Err(Error::Invalid);
        }
        let origin = Origin {
            connect_routing_id: routing_id.clone(),
        };
        match endpoint {
            Endpoint::Inproc(name) => self.connect_inproc(text, &name, origin)?,
            Endpoint::Ipc(address) => {
                self.connect_stream(text, ConnectAddress::Ipc(address), None, origin)?;
            }
            Endpoint::Tcp(target) if !self.options.socks_proxy.is_empty() => {
                let proxy = TcpAddress::parse_proxy(&self.options.socks_proxy)?;
                self.connect_stream(text, ConnectAddress::Tcp(proxy), Some(target), origin)?;
            }
            Endpoint::Tcp(address) => {
                self.connect_stream(text, ConnectAddress::Tcp(address), None, origin)?;
            }
        }
        self.endpoints.connect_routing_id = None;
        text.clone_into(&mut self.endpoints.last);
        Ok(())
    }

    fn connect_inproc(&mut self, text: &[u8], name: &[u8], origin: Origin) -> Result<()> {
        let own = Limits {
            send: Some(self.options.send_hwm),
            receive: Some(self.options.receive_hwm),
        };
        let hello = self.row.hello(&self.options)?;
        let (mut mine, theirs) = pipe(own, Limits::NONE, self.row.conflate(&self.options));
        mine.introduce_id(&self.options.routing_id);
        let key = self.attach(Attachment {
            end: mine,
            origin,
            connection: None,
            connects: true,
            hello,
        });
        self.settle();
        if self.pipes.get(key).is_none() {
            // This socket itself refused the pipe: a PAIR that has its peer.
            return Ok(());
        }
        self.endpoints.add(
            text,
            Kind::InprocPipe {
                name: name.into(),
                pipe: key,
            },
        );
        self.context.names.connect(name, theirs, &self.mailbox, key);
        Ok(())
    }

    /// `target`: what is at `address` is a proxy, which is to be asked for that.
    fn connect_stream(
        &mut self,
        text: &[u8],
        address: ConnectAddress,
        target: Option<TcpAddress>,
        origin: Origin,
    ) -> Result<()> {
        let threads = self.context.threads(self.options.affinity)?;
        let session = match &target {
            None => self.session(threads, text),
            // Monitors hear of the proxy.
            Some(_) => {
                let mut endpoint = memory::copy(b"tcp://")?;
                memory::append(&mut endpoint, &self.options.socks_proxy)?;
                self.session(threads, &endpoint)
            }
        };
        let thread = session.choose_thread().ok_or(Error::NoThread)?;
        let (mine, theirs) = match self.options.immediate {
            true => (None, None),
            false => {
                let (mine, theirs) = session.make_pipe();
                (Some(mine), Some(theirs))
            }
        };
        let connecter = Connecter::new(address, target, &session);
        let connection = Connection::connecting(session, connecter, theirs, origin.clone());
        let handle = ConnectionHandle::new(&thread, &connection);
        let id = handle.id();
        let pipe = mine.map(|end| {
            self.attach(Attachment {
                end,
                origin,
                connection: Some(handle),
                connects: true,
                hello: None,
            })
        });
        self.settle();
        thread.add_load();
        thread.post(IoCommand::Start(connection));
        self.endpoints
            .add(text, Kind::Connection { thread, id, pipe });
        Ok(())
    }

    /// zmq_unbind and zmq_disconnect: whatever has this text, or one of those that it `resolved` to. `Invalid`,
    /// `ProtocolNotSupported`, `NotFound`.
    pub(super) fn end_endpoint(
        &mut self,
        text: Option<&[u8]>,
        resolved: &[Box<[u8]>],
    ) -> Result<()> {
        self.refuse_if_stopped()?;
        let text = text.ok_or(Error::Invalid)?;
        self.notice()?;
        Endpoint::check(text)?;
        let mut ended = self.endpoints.take(&[text.into()]);
        if ended.is_empty() {
            ended = self.endpoints.take(resolved);
        }
        if ended.is_empty() {
            return Err(Error::NotFound);
        }
        if self.options.reconnect_stop & ZMQ_RECONNECT_STOP_AFTER_DISCONNECT != 0 {
            self.stop_refused.store(true, Ordering::Relaxed);
        }
        let linger = Linger::from_option(self.options.linger);
        for kind in ended {
            self.end(kind, linger);
        }
        self.settle();
        Ok(())
    }

    fn end(&mut self, kind: Kind, linger: Linger) {
        match kind {
            Kind::Listener {
                thread,
                id,
                listener,
            } => close_listener(&thread, id, &listener),
            Kind::Connection { thread, id, pipe } => {
                let own = |(key, connection): (&PipeKey, &ConnectionHandle)| {
                    (connection.id() == id).then_some(*key)
                };
                // With IMMEDIATE the pipe came by attachment, and one that was lost may still have to be read.
                let pipes: Vec<PipeKey> = match pipe {
                    Some(key) => vec![key],
                    None => self.connections.iter().filter_map(own).collect(),
                };
                for key in pipes {
                    self.drop_pipe(key);
                }
                self.context.detach(&thread, id, linger);
                self.endpoints
                    .remember_lingering(thread, id, &self.context.lingering);
            }
            Kind::InprocName { name } => {
                // It is there as long as the entry is.
                let _ = self.context.names.unbind(&name, &self.mailbox);
            }
            Kind::InprocPipe { name, pipe } => {
                let sent = self.has_sent(pipe);
                let parked = self.context.names.unpark(&name, &self.mailbox, pipe, sent);
                self.drop_pipe(pipe);
                if let Some(mut parked) = parked {
                    parked.end.leave();
                }
            }
        }
    }

    /// Whole messages lie in the pipe that nobody has read.
    fn has_sent(&mut self, key: PipeKey) -> bool {
        let end = self.pipes.get(key);
        end.is_some_and(|end| end.outbound_queue_length() > 0)
    }

    /// The pipes of inproc connects in which something waits for the other side.
    pub(super) fn inproc_connects_with_messages(&mut self) -> Vec<PipeKey> {
        let mut keys = self.endpoints.inproc_pipes();
        keys.retain(|key| self.has_sent(*key));
        keys
    }

    /// What listeners and connections capture of this socket.
    fn session(&self, threads: Arc<[Arc<IoHandle>]>, endpoint: &[u8]) -> Session {
        Session {
            mailbox: Arc::clone(&self.mailbox),
            monitor: Arc::clone(&self.monitor),
            options: Arc::new(self.options.clone()),
            row: self.row,
            threads,
            lingering: Arc::clone(&self.context.lingering),
            endpoint: endpoint.into(),
            stop_refused: Arc::clone(&self.stop_refused),
            leftovers: Arc::clone(&self.leftovers),
            names: Arc::clone(&self.context.names),
        }
    }

    /// ZMQ_CONNECT_ROUTING_ID is kept for the next connect.
    pub(super) fn note_pattern_option(&mut self, option: &PatternOption) {
        if let PatternOption::ConnectRoutingId(id) = option {
            self.endpoints.connect_routing_id = Some(id.clone());
        }
    }

    /// High-water marks take effect on pipes that exist.
    pub(super) fn apply_limits(&mut self) {
        for key in self.pipes.keys() {
            if let Some(end) = self.pipes.get(key) {
                end.set_limits(Some(self.options.send_hwm), Some(self.options.receive_hwm));
            }
        }
    }
}
