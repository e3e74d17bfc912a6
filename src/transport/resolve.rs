//! Hosts to addresses. Contract: transports.md section 2.3.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::endpoint::{TcpAddress, TcpHost, Zone};
use crate::error::{Error, Result};
use crate::inet;
use crate::sys::net;

/// Whether addresses are to be those of IPv6: wanted, and there. Where the system has none, IPv4 takes its place.
pub(crate) fn uses_ipv6(wanted: bool) -> bool {
    wanted && net::has_ipv6()
}

/// Where to listen, or connect from: `*`, a literal, an interface, an address in an old form. `NoDevice` if it is none of
/// these, or of the wrong family; `Invalid` for an unknown zone.
pub(crate) fn local(host: &TcpHost, port: u16, ipv6: bool) -> Result<SocketAddr> {
    match host {
        TcpHost::Any if ipv6 => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        TcpHost::Any => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        TcpHost::Literal(address, zone) => {
            let scope = scope(zone.as_ref()).ok_or(Error::Invalid)?;
            literal(*address, scope, port, ipv6).ok_or(Error::NoDevice)
        }
        TcpHost::Name(name) => match net::interface_addresses(name) {
            Ok(own) => {
                let wanted = own.into_iter().find(|address| address.is_ipv6() == ipv6);
                let mut address = wanted.ok_or(Error::NoDevice)?;
                address.set_port(port);
                Ok(address)
            }
            Err(error) => {
                let address = inet::ipv4(name).ok_or(error)?;
                literal(address.into(), 0, port, ipv6).ok_or(Error::NoDevice)
            }
        },
    }
}

/// The address that the text itself is, whatever the family; zones are for who knows the interfaces.
pub(crate) fn written(host: &TcpHost) -> Option<IpAddr> {
    match host {
        TcpHost::Literal(address, _) => Some(*address),
        TcpHost::Name(name) => inet::ipv4(name).map(IpAddr::V4),
        TcpHost::Any => None,
    }
}

/// The addresses of a host that needs no look-up; `None` if it needs one.
pub(crate) fn numeric(host: &TcpHost, port: u16, ipv6: bool) -> Option<Vec<SocketAddr>> {
    match host {
        TcpHost::Literal(address, zone) => {
            let found = scope(zone.as_ref()).and_then(|scope| literal(*address, scope, port, ipv6));
            Some(found.into_iter().collect())
        }
        TcpHost::Any => Some(Vec::new()),
        TcpHost::Name(name) if name.is_empty() => Some(Vec::new()),
        TcpHost::Name(name) => {
            let address = inet::ipv4(name)?;
            Some(literal(address.into(), 0, port, ipv6).into_iter().collect())
        }
    }
}

/// Where to connect to; waits for name servers. Empty if it does not resolve.
pub(crate) fn connect(host: &TcpHost, port: u16, ipv6: bool) -> Vec<SocketAddr> {
    match (numeric(host, port, ipv6), host) {
        (Some(addresses), _) => addresses,
        (None, TcpHost::Name(name)) => net::look_up(name, port, ipv6),
        (None, _) => Vec::new(),
    }
}

/// A name of a bind address that only the network may know.
#[derive(Debug)]
pub(crate) struct BindName {
    name: String,
    port: u16,
    ipv6: bool,
}

impl BindName {
    /// `None` if the address needs no name servers, or is nothing.
    pub(crate) fn of(address: &TcpAddress, ipv6: bool) -> Option<Self> {
        let ipv6 = uses_ipv6(ipv6);
        match &address.host {
            TcpHost::Name(name)
                if !name.is_empty()
                    && numeric(&address.host, 0, ipv6).is_none()
                    && local(&address.host, 0, ipv6).is_err() =>
            {
                Some(Self {
                    name: name.clone(),
                    port: address.port,
                    ipv6,
                })
            }
            _ => None,
        }
    }

    /// Its first address; waits for name servers.
    pub(crate) fn look_up(&self) -> Option<SocketAddr> {
        net::look_up(&self.name, self.port, self.ipv6)
            .into_iter()
            .next()
    }
}

/// A mapped IPv4 address is one of IPv4 where IPv6 is off.
fn literal(address: IpAddr, scope: u32, port: u16, ipv6: bool) -> Option<SocketAddr> {
    match address {
        IpAddr::V4(_) if !ipv6 => Some((address, port).into()),
        IpAddr::V4(_) => Some(mapped((address, port).into())),
        IpAddr::V6(address) if !ipv6 => Some((address.to_ipv4_mapped()?, port).into()),
        IpAddr::V6(address) => Some(SocketAddrV6::new(address, port, 0, scope).into()),
    }
}

/// The number of a zone, 0 for none. `None` if it names no interface.
fn scope(zone: Option<&Zone>) -> Option<u32> {
    match zone {
        None => Some(0),
        Some(Zone::Index(index)) => Some(*index),
        Some(Zone::Interface(name)) => net::interface_index(name),
    }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped(), address.port()).into(),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal_of(text: &str, zone: Option<Zone>) -> TcpHost {
        TcpHost::Literal(text.parse().expect("address"), zone)
    }

    #[test]
    fn mapped_addresses_are_of_both_families() {
        let host = literal_of("::ffff:127.0.0.1", None);
        let four: SocketAddr = "127.0.0.1:5".parse().expect("address");
        let six: SocketAddr = "[::ffff:127.0.0.1]:5".parse().expect("address");
        assert_eq!(local(&host, 5, false), Ok(four));
        assert_eq!(connect(&host, 5, false), [four]);
        assert_eq!(local(&host, 5, true), Ok(six));
        assert_eq!(local(&literal_of("127.0.0.1", None), 5, true), Ok(six));
        assert_eq!(
            local(&literal_of("::1", None), 5, false),
            Err(Error::NoDevice)
        );
    }

    #[test]
    fn zones_must_exist_whatever_the_address() {
        let nowhere = || Some(Zone::Interface("no such interface".into()));
        for text in ["127.0.0.1", "::1"] {
            for ipv6 in [false, true] {
                let host = literal_of(text, nowhere());
                assert_eq!(local(&host, 5, ipv6), Err(Error::Invalid), "{text} {ipv6}");
                assert_eq!(connect(&host, 5, ipv6), [], "{text} {ipv6}");
            }
        }
        assert!(local(&literal_of("127.0.0.1", Some(Zone::Index(1))), 5, false).is_ok());
    }

    #[test]
    fn written_addresses() {
        let written = |host: &TcpHost| written(host).map(|address| address.to_string());
        for (host, address) in [
            (literal_of("::ffff:1.2.3.4", None), Some("::ffff:1.2.3.4")),
            (literal_of("fe80::1", Some(Zone::Index(7))), Some("fe80::1")),
            (literal_of("1.2.3.4", None), Some("1.2.3.4")),
            (TcpHost::Name("127.2".into()), Some("127.0.0.2")),
            (TcpHost::Name("localhost".into()), None),
            (TcpHost::Name(String::new()), None),
            (TcpHost::Any, None),
        ] {
            assert_eq!(written(&host).as_deref(), address, "{host}");
        }
    }

    #[test]
    fn old_forms_are_addresses() {
        let host = TcpHost::Name("127.2".into());
        let four: SocketAddr = "127.0.0.2:5".parse().expect("address");
        assert_eq!(local(&host, 5, false), Ok(four));
        assert_eq!(numeric(&host, 5, false), Some(vec![four]));
        assert_eq!(numeric(&host, 5, true), Some(vec![mapped(four)]));
    }
}
