//! What a connection knows of the socket it belongs to.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Lingering;
use crate::context::inproc::Names;
#[cfg(not(feature = "gssapi"))]
use crate::error::Error;
use crate::error::Result;
#[cfg(feature = "gssapi")]
use crate::ffi::constants as c;
#[cfg(feature = "gssapi")]
use crate::gss::{Form, Principal};
use crate::io::IoHandle;
use crate::mailbox::Mailbox;
use crate::mechanism::Mechanism;
use crate::mechanism::curve::{ClientKeys, ServerKeys};
use crate::memory;
use crate::monitor::{Event, Monitor};
#[cfg(feature = "gssapi")]
use crate::options::security::Gssapi;
use crate::options::security::Selected;
use crate::options::{AcceptFilter, SocketOptions};
use crate::patterns::TypeRow;
use crate::pipe::{Leftovers, Limits, PipeEnd, pipe};
use crate::protocol::{Config, Protocol, Raw, Zmtp};
use crate::socket::{Attachment, SocketCommand};
use crate::sync::atomic::AtomicBool;
use crate::transport::filter::{AddressFilter, PeerFilters};
use crate::transport::{Stream, StreamOptions};

/// The unchanging surroundings of a connection or listener: captured at bind or connect.
#[derive(Debug)]
pub(crate) struct Session {
    /// The socket; closed when the socket is.
    pub(crate) mailbox: Arc<Mailbox<SocketCommand>>,
    pub(crate) monitor: Arc<Monitor>,
    /// The options as they were at bind or connect.
    pub(crate) options: Arc<SocketOptions>,
    pub(crate) row: &'static TypeRow,
    /// All I/O threads of the context that may serve the endpoint (ZMQ_AFFINITY).
    pub(crate) threads: Arc<[Arc<IoHandle>]>,
    pub(crate) lingering: Arc<Lingering>,
    /// The endpoint as monitor events name it.
    pub(crate) endpoint: Arc<[u8]>,
    /// Of the socket: an endpoint was ended under ZMQ_RECONNECT_STOP_AFTER_DISCONNECT, so that ipc attempts
    /// which are refused are not repeated.
    pub(crate) stop_refused: Arc<AtomicBool>,
    /// What peers left behind that have gone, and the socket has not read: those of all listeners of the socket, or of
    /// this connection, if the socket made it.
    pub(crate) leftovers: Arc<Leftovers>,
    /// Where a ZAP handler is found.
    pub(crate) names: Arc<Names>,
}

/// Local and remote endpoint for monitor events of version 2.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointTexts {
    pub(crate) local: String,
    pub(crate) remote: String,
}

impl Session {
    /// Emits a monitor event of this endpoint.
    pub(crate) fn emit(&self, event: Event, value: u64, texts: &EndpointTexts) {
        self.emit_values(event, &[value], texts);
    }

    /// As [`Self::emit`] for events with several values.
    pub(crate) fn emit_values(&self, event: Event, values: &[u64], texts: &EndpointTexts) {
        self.monitor.emit(event, values, &self.endpoint, texts);
    }

    /// Emits an event of a stream that was `accepted`, or connected. Its texts are made only if somebody wants them.
    pub(crate) fn emit_of_stream(
        &self,
        event: Event,
        values: &[u64],
        stream: &Stream,
        accepted: bool,
    ) {
        self.emit_of_stream_after(|| (), event, values, stream, accepted);
    }

    /// Does `first`, and emits an event of a stream as if both were one step ([`Monitor::emit_after`]).
    pub(crate) fn emit_of_stream_after<R>(
        &self,
        first: impl FnOnce() -> R,
        event: Event,
        values: &[u64],
        stream: &Stream,
        accepted: bool,
    ) -> R {
        if !self.monitor.wants(event) {
            return first();
        }
        let (local, remote) = stream.endpoint_texts();
        let texts = EndpointTexts { local, remote };
        let endpoint = match accepted && !texts.local.is_empty() {
            // Behind a wildcard, the address that it came to.
            true => texts.local.as_bytes(),
            false => &self.endpoint,
        };
        self.monitor
            .emit_after(first, event, values, endpoint, &texts)
    }

    /// The least loaded thread that may serve the endpoint, lowest index on ties.
    pub(crate) fn choose_thread(&self) -> Option<Arc<IoHandle>> {
        self.threads
            .iter()
            .min_by_key(|thread| (thread.load(), thread.index()))
            .cloned()
    }

    /// Gives a new pipe to the socket. `Err` if the socket is closed: the connection has no purpose.
    pub(crate) fn attach(
        &self,
        attachment: Box<Attachment>,
    ) -> std::result::Result<(), SocketCommand> {
        self.mailbox.push(SocketCommand::Attach(attachment))
    }
}

impl Session {
    /// A pipe between the socket (first) and a connection (second).
    pub(crate) fn make_pipe(&self) -> (PipeEnd, PipeEnd) {
        let socket = Limits {
            send: Some(self.options.send_hwm),
            receive: Some(self.options.receive_hwm),
        };
        pipe(socket, Limits::NONE, self.row.conflate(&self.options))
    }

    /// ZMQ_ROUTER_NOTIFY asks for notifications of this kind.
    pub(crate) fn notifies(&self, kind: i32) -> bool {
        self.row.notifies && !self.is_raw() && self.options.router_notify & kind != 0
    }

    /// Connections carry plain bytes (STREAM, ROUTER_RAW).
    pub(crate) fn is_raw(&self) -> bool {
        self.row.raw || self.options.router_raw
    }

    /// What a stream that has just come up carries. Errors: `NoMemory`.
    pub(crate) fn protocol(&self, now: Instant) -> Result<Protocol> {
        if self.is_raw() {
            return Ok(Protocol::Raw(Raw::new(self.options.raw_message_size())));
        }
        Ok(Protocol::Zmtp(Zmtp::new(self.zmtp_config()?, now)))
    }

    /// The most bytes of a read, if it is not for the connection to choose.
    pub(crate) fn read_limit(&self) -> Option<usize> {
        // A read of a raw connection is cut into messages of that size anyway.
        let set = self.options.in_batch_size.filter(|_| !self.is_raw());
        set.and_then(|size| usize::try_from(size).ok())
    }

    /// ZMQ_MAXMSGSIZE; raw connections have no frames.
    pub(crate) fn largest_frame(&self) -> Option<u64> {
        let set = u64::try_from(self.options.max_message_size).ok();
        set.filter(|_| !self.is_raw())
    }

    /// The most bytes of a write, if it is not for the connection to choose.
    ///
    /// Of a write of more than a segment (64 KiB over the loopback) into a buffer that is smaller, Linux holds back what
    /// does not fill one, until the receiver's delayed acknowledgement comes: 32 ms for each message of 64 KiB.
    pub(crate) fn write_limit(&self) -> Option<usize> {
        const SEGMENT: i32 = 64 * 1024;
        let small_buffer = (0..SEGMENT).contains(&self.options.send_buffer);
        let of_buffer = small_buffer.then_some(SEGMENT / 2);
        let limit = self.options.out_batch_size.or(of_buffer);
        limit.and_then(|size| usize::try_from(size).ok())
    }

    /// ZMQ_HANDSHAKE_IVL; `None`: no limit.
    pub(crate) fn handshake_interval(&self) -> Option<Duration> {
        milliseconds(self.options.handshake_interval)
    }

    /// What the protocol has to know of the socket.
    fn zmtp_config(&self) -> Result<Config> {
        let options = &self.options;
        let heartbeat_interval = milliseconds(options.heartbeat_interval);
        let heartbeat_timeout = match options.heartbeat_timeout {
            -1 => heartbeat_interval,
            own => milliseconds(own),
        };
        let mut metadata = Vec::new();
        for (name, value) in &options.metadata {
            // The value goes up to its first NUL (zmtp.md section 5.1).
            let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
            memory::push(&mut metadata, (memory::copy(name)?, memory::copy(value)?))?;
        }
        // Every field by name: one that is added has to be thought of here.
        let mechanism = self.mechanism()?;
        Ok(Config {
            socket_type: self.row.wire_name,
            socket_type_number: self.row.socket_type as u8,
            compatible: self.row.peers,
            routing_id: memory::boxed(&options.routing_id)?,
            announce_routing_id: self.row.announces_routing_id,
            metadata,
            max_message_size: self.largest_frame(),
            handshake_interval: self.handshake_interval(),
            heartbeat_interval,
            heartbeat_timeout,
            heartbeat_ttl: options.heartbeat_ttl,
            receives_subscriptions: self.row.takes_subscriptions,
            receives_groups: false,
            requires_security: mechanism != Mechanism::default(),
            mechanism,
        })
    }

    fn mechanism(&self) -> Result<Mechanism> {
        let security = &self.options.security;
        Ok(match (security.selected, security.serves) {
            (Selected::Null, _) => Mechanism::Null {
                authenticates: !security.zap_domain.is_empty(),
            },
            (Selected::Plain, true) => Mechanism::PlainServer,
            (Selected::Plain, false) => Mechanism::PlainClient {
                username: memory::boxed(&security.plain_username)?,
                password: memory::boxed(&security.plain_password)?,
            },
            (Selected::Curve, true) => Mechanism::CurveServer {
                keys: ServerKeys {
                    public: security.curve.of_secret,
                    secret: security.curve.secret.clone(),
                },
                asks: !security.zap_enforces_domain || !security.zap_domain.is_empty(),
            },
            (Selected::Curve, false) => Mechanism::CurveClient(ClientKeys {
                public: security.curve.public,
                secret: security.curve.secret.clone(),
                server: security.curve.server,
            }),
            #[cfg(feature = "gssapi")]
            (Selected::Gssapi, true) => Mechanism::GssapiServer {
                own: security.gssapi.own()?,
                plain: security.gssapi.plain,
            },
            #[cfg(feature = "gssapi")]
            (Selected::Gssapi, false) => Mechanism::GssapiClient {
                own: security.gssapi.own()?,
                service: principal(&security.gssapi.service, security.gssapi.service_form)?,
                plain: security.gssapi.plain,
            },
            // No option selects it then.
            #[cfg(not(feature = "gssapi"))]
            (Selected::Gssapi, _) => return Err(Error::NotSupported),
        })
    }

    /// What is set on descriptors.
    pub(crate) fn stream_options(&self) -> StreamOptions {
        let options = &self.options;
        let positive = |value: i32| (value > 0).then_some(value);
        let not_negative = |value: i32| usize::try_from(value).ok();
        let not_default = |value: i32| (value >= 0).then_some(value);
        StreamOptions {
            tos: positive(options.type_of_service),
            priority: positive(options.priority),
            bind_to_device: (!options.bind_to_device.is_empty())
                .then(|| String::from_utf8_lossy(&options.bind_to_device).into_owned()),
            send_buffer: not_negative(options.send_buffer),
            receive_buffer: not_negative(options.receive_buffer),
            busy_poll: positive(options.busy_poll),
            keepalive: match options.tcp_keepalive {
                -1 => None,
                value => Some(value != 0),
            },
            keepalive_count: not_default(options.tcp_keepalive_count),
            keepalive_idle: not_default(options.tcp_keepalive_idle),
            keepalive_interval: not_default(options.tcp_keepalive_interval),
            max_retransmit: positive(options.tcp_max_retransmit),
            backlog: options.backlog,
            ipv6: options.ipv6,
            use_fd: (options.use_fd >= 0).then_some(options.use_fd),
        }
    }

    /// Who may connect to a listener.
    pub(crate) fn peer_filters(&self) -> PeerFilters {
        let options = &self.options;
        PeerFilters {
            addresses: options
                .tcp_accept_filters
                .iter()
                .map(address_filter)
                .collect(),
            pids: options.ipc_filter_pids.clone(),
            uids: options.ipc_filter_uids.clone(),
            gids: options.ipc_filter_gids.clone(),
        }
    }
}

#[cfg(test)]
impl Session {
    /// That of a socket which takes nothing out of its mailbox.
    pub(crate) fn alone(socket_type: i32, options: SocketOptions) -> Self {
        Self {
            mailbox: Arc::new(Mailbox::new()),
            monitor: Arc::new(Monitor::new()),
            options: Arc::new(options),
            row: TypeRow::find(socket_type).expect("a type"),
            threads: Arc::new([]),
            lingering: Arc::new(Lingering::default()),
            endpoint: b"ipc://alone".as_slice().into(),
            stop_refused: Arc::new(AtomicBool::new(false)),
            leftovers: Arc::new(Leftovers::default()),
            names: Arc::default(),
        }
    }
}

fn address_filter(filter: &AcceptFilter) -> AddressFilter {
    AddressFilter {
        address: filter.address,
        prefix: filter.prefix,
    }
}

/// `form` is one of ZMQ_GSSAPI_NT_*.
#[cfg(feature = "gssapi")]
fn principal(text: &[u8], form: i32) -> Result<Principal> {
    let form = match form {
        c::ZMQ_GSSAPI_NT_USER_NAME => Form::User,
        c::ZMQ_GSSAPI_NT_KRB5_PRINCIPAL => Form::Kerberos,
        _ => Form::HostBased,
    };
    let text = memory::boxed(text)?;
    Ok(Principal { text, form })
}

#[cfg(feature = "gssapi")]
impl Gssapi {
    /// ZMQ_GSSAPI_PRINCIPAL, if it is set.
    fn own(&self) -> Result<Option<Principal>> {
        let is_set = !self.principal.is_empty();
        is_set
            .then(|| principal(&self.principal, self.principal_form))
            .transpose()
    }
}

/// Times of options: 0 = off.
fn milliseconds(value: i32) -> Option<Duration> {
    u64::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .map(Duration::from_millis)
}
