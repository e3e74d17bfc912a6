//! Endpoints: `scheme://address` as zmq_bind and zmq_connect take it, parsed into one enum.
//!
//! Called by `socket`; `io` and `transport` use the parsed addresses. Must not resolve names: whether a
//! host is a name of an interface or of the network is for `transport` to find out.
//! Contract: api.md section 4, transports.md 1, 2.1, 3, 4.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::decimal;
use crate::error::{Error, Result};
use crate::memory;

/// Longest ipc path or abstract name, its `@` included: the socket address has room for 108 bytes.
const IPC_PATH_MAX: usize = 107;

/// What an endpoint is parsed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Bind,
    /// Bind with a descriptor of the caller's (ZMQ_USE_FD), which is what has the address.
    Adopt,
    Connect,
}

/// A parsed endpoint. Printed, it has its canonical form: IPv6 addresses in brackets, port as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A name in the context; any bytes.
    Inproc(Box<[u8]>),
    Ipc(IpcAddress),
    Tcp(TcpAddress),
}

/// What an I/O thread connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectAddress {
    Ipc(IpcAddress),
    Tcp(TcpAddress),
}

/// A Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IpcAddress {
    Path(PathBuf),
    /// A name without file (Linux), without its `@`.
    Abstract(Box<[u8]>),
    /// `*`, bind only: a file in a new directory.
    Wildcard,
}

/// The `[source;]host:port` of a tcp endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TcpAddress {
    /// Where to connect from. On bind it must be resolvable and is ignored.
    pub(crate) source: Option<TcpSource>,
    pub(crate) host: TcpHost,
    /// 0 on bind = any free port; on connect no peer has it: the attempt fails.
    pub(crate) port: u16,
}

/// The source part of a tcp endpoint; resolved as a bind address, but for names of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TcpSource {
    pub(crate) host: TcpHost,
    /// 0 = any.
    pub(crate) port: u16,
}

/// A host, unresolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TcpHost {
    /// `*`: bind and source part only.
    Any,
    /// A numeric address. The zone must exist, but says nothing about an IPv4 address.
    Literal(IpAddr, Option<Zone>),
    /// An interface, a host name, or an address in an old form (`127.1`). The empty name never resolves
    /// and stands for text of zmq_connect which is malformed beyond what zmq_connect reports.
    Name(String),
}

/// The zone of a link-local IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Zone {
    Interface(String),
    Index(u32),
}

impl Endpoint {
    /// Parses the text that a caller gave.
    ///
    /// Errors, in this order: `Invalid` for a text that is not of the form `scheme://address`;
    /// `ProtocolNotSupported` for an unknown scheme, `IncompatibleProtocol` for udp; then those of the transport: `Invalid` for its syntax,
    /// `NameTooLong` for an ipc path, `NoDevice` for a bind host that cannot be one; `NoMemory`.
    pub(crate) fn parse(text: &[u8], purpose: Use) -> Result<Self> {
        let (scheme, address) = split(text)?;
        match scheme {
            Scheme::Inproc => Ok(Self::Inproc(memory::boxed(address)?)),
            Scheme::Ipc => IpcAddress::parse(address, purpose).map(Self::Ipc),
            Scheme::Tcp => match purpose {
                Use::Adopt => Ok(Self::Tcp(TcpAddress::ANY)),
                Use::Bind => TcpAddress::parse_bind(address).map(Self::Tcp),
                Use::Connect => TcpAddress::parse_connect(address).map(Self::Tcp),
            },
        }
    }

    /// The checks of zmq_unbind and zmq_disconnect, whose key is the text: `Invalid` for a malformed one,
    /// `ProtocolNotSupported` for an unknown scheme, `IncompatibleProtocol` for udp; the address may be anything.
    pub(crate) fn check(text: &[u8]) -> Result<Scheme> {
        split(text).map(|(scheme, _)| scheme)
    }
}

/// What stands before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Inproc,
    Ipc,
    Tcp,
}

fn split(text: &[u8]) -> Result<(Scheme, &[u8])> {
    const SEPARATOR: &[u8] = b"://";
    let at = text
        .windows(SEPARATOR.len())
        .position(|part| part == SEPARATOR);
    let at = at.ok_or(Error::Invalid)?;
    let (scheme, address) = (&text[..at], &text[at + SEPARATOR.len()..]);
    if scheme.is_empty() || address.is_empty() {
        return Err(Error::Invalid);
    }
    let scheme = match scheme {
        b"inproc" => Scheme::Inproc,
        b"ipc" => Scheme::Ipc,
        b"tcp" => Scheme::Tcp,
        // No type that exists so far takes it.
        b"udp" => return Err(Error::IncompatibleProtocol),
        _ => return Err(Error::ProtocolNotSupported),
    };
    Ok((scheme, address))
}

impl IpcAddress {
    fn parse(address: &[u8], purpose: Use) -> Result<Self> {
        if purpose != Use::Connect && address.starts_with(b"*") {
            return Ok(Self::Wildcard);
        }
        if address.len() > IPC_PATH_MAX {
            return Err(Error::NameTooLong);
        }
        match address {
            b"@" => Err(Error::Invalid),
            [b'@', name @ ..] => Ok(Self::Abstract(memory::boxed(name)?)),
            path => Ok(Self::Path(OsString::from_vec(memory::copy(path)?).into())),
        }
    }
}

impl TcpAddress {
    const ANY: Self = Self {
        source: None,
        host: TcpHost::Any,
        port: 0,
    };

    fn parse_bind(text: &[u8]) -> Result<Self> {
        let (source, target) = split_source(text);
        let (host, port) = parse_local(target)?;
        let source = match source {
            None => None,
            Some(text) => {
                let (host, port) = parse_local(text)?;
                Some(TcpSource { host, port })
            }
        };
        Ok(Self { source, host, port })
    }

    /// The reference looks at the characters only, and finds out about the rest in the I/O thread, where
    /// it retries for ever. What does not parse is therefore a name that does not resolve.
    fn parse_connect(text: &[u8]) -> Result<Self> {
        check_characters(text)?;
        Self::parse_remote(text)
    }

    /// What ZMQ_SOCKS_PROXY says, which zmq_setsockopt takes as it is: what does not parse is a name that does not resolve.
    /// `NoMemory`.
    pub(crate) fn parse_proxy(text: &[u8]) -> Result<Self> {
        let has_port = |(_, port)| port != b"*" && parse_local_port(port).is_ok();
        if split_port(text).is_some_and(has_port) {
            Self::parse_remote(text)
        } else {
            Ok(Self {
                source: None,
                host: TcpHost::unresolvable(),
                port: 0,
            })
        }
    }

    fn parse_remote(text: &[u8]) -> Result<Self> {
        let (source, target) = split_source(text);
        let source = source.map(|text| match parse_local(text) {
            Ok((host, port)) => Ok(TcpSource { host, port }),
            Err(Error::NoMemory) => Err(Error::NoMemory),
            Err(_) => Ok(TcpSource {
                host: TcpHost::unresolvable(),
                port: 0,
            }),
        });
        let (host, port) = match split_port(target) {
            // A number that is no port cannot be meant (the reference takes its low 16 bits).
            Some((host, port)) => (
                parse_remote_host(host)?,
                u16::try_from(decimal::leading(port).unwrap_or(0)).map_err(|_| Error::Invalid)?,
            ),
            None => (TcpHost::unresolvable(), 0),
        };
        Ok(Self {
            source: source.transpose()?,
            host,
            port,
        })
    }
}

impl TcpHost {
    fn unresolvable() -> Self {
        Self::Name(String::new())
    }
}

/// The character test of zmq_connect.
fn check_characters(text: &[u8]) -> Result<()> {
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || b"[:".contains(byte);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b".-:%;[]_*".contains(byte);
    let (_, port) = split_port(text).ok_or(Error::Invalid)?;
    let valid = text.first().is_some_and(begins)
        && text.iter().all(allowed)
        && port.first().is_some_and(u8::is_ascii_digit);
    if valid { Ok(()) } else { Err(Error::Invalid) }
}

/// A source part before the last semicolon, and the rest.
fn split_source(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match split_last(text, b';') {
        Some((source, rest)) => (Some(source), rest),
        None => (None, text),
    }
}

fn split_port(text: &[u8]) -> Option<(&[u8], &[u8])> {
    split_last(text, b':')
}

fn split_last(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Host and port of a bind address. `Invalid`, `NoDevice`, `NoMemory`.
fn parse_local(text: &[u8]) -> Result<(TcpHost, u16)> {
    let (host, port) = split_port(text).ok_or(Error::Invalid)?;
    let port = parse_local_port(port)?;
    Ok((parse_local_host(host)?, port))
}

/// `*` and `0` are any free port; no other text may come to 0. Numbers beyond 65535 are refused (design
/// choice of api.md section 4).
fn parse_local_port(text: &[u8]) -> Result<u16> {
    match text {
        b"*" | b"0" => Ok(0),
        _ => match decimal::leading(text).map(u16::try_from) {
            Some(Ok(port)) if port != 0 => Ok(port),
            _ => Err(Error::Invalid),
        },
    }
}

fn parse_local_host(text: &[u8]) -> Result<TcpHost> {
    let (host, zone) = split_zone(text);
    let zone = match zone {
        None => None,
        Some(zone) => Some(parse_zone(zone)?.ok_or(Error::Invalid)?),
    };
    match host {
        b"*" => Ok(TcpHost::Any),
        _ if host.is_empty() => Err(Error::NoDevice),
        _ => literal_or_name(host, zone)?.ok_or(Error::NoDevice),
    }
}

fn parse_remote_host(text: &[u8]) -> Result<TcpHost> {
    let (host, zone) = split_zone(text);
    let zone = match zone.map(parse_zone).transpose()? {
        None => None,
        Some(Some(zone)) => Some(zone),
        Some(None) => return Ok(TcpHost::unresolvable()),
    };
    Ok(literal_or_name(host, zone)?.unwrap_or_else(TcpHost::unresolvable))
}

/// Takes brackets off and splits at the last percent sign.
fn split_zone(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let text = match text {
        [b'[', inner @ .., b']'] => inner,
        _ => text,
    };
    match split_last(text, b'%') {
        Some((host, zone)) => (host, Some(zone)),
        None => (text, None),
    }
}

/// `None` if it can be no zone.
fn parse_zone(text: &[u8]) -> Result<Option<Zone>> {
    if text.first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(string(text)?.map(Zone::Interface));
    }
    let index = decimal::leading(text).and_then(|index| u32::try_from(index).ok());
    Ok(index.filter(|&index| index != 0).map(Zone::Index))
}

/// `None` if it is not text. Zones mean nothing to names.
fn literal_or_name(host: &[u8], zone: Option<Zone>) -> Result<Option<TcpHost>> {
    let Ok(text) = std::str::from_utf8(host) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(address) => Ok(Some(TcpHost::Literal(address, zone))),
        Err(_) => Ok(string(host)?.map(TcpHost::Name)),
    }
}

fn string(text: &[u8]) -> Result<Option<String>> {
    Ok(String::from_utf8(memory::copy(text)?).ok())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inproc(name) => write!(f, "inproc://{}", String::from_utf8_lossy(name)),
            Self::Ipc(address) => write!(f, "ipc://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl fmt::Display for IpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
            Self::Wildcard => f.write_str("*"),
        }
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(TcpSource { host, port }) = &self.source {
            write!(f, "{host}:{port};")?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for TcpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Literal(IpAddr::V4(address), _) => address.fmt(f),
            Self::Literal(IpAddr::V6(address), None) => write!(f, "[{address}]"),
            Self::Literal(IpAddr::V6(address), Some(zone)) => write!(f, "[{address}%{zone}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Index(index) => index.fmt(f),
        }
    }
}

#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
