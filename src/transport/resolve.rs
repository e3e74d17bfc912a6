//! Hosts to addresses. Contract: transports.md section 2.3.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use crate::endpoint::{TcpHost, Zone};
use crate::error::{Error, Result};
use crate::sys::net;

/// Where to listen: `*`, a literal, an interface, then a name. `NoDevice` if it is none of these, or of
/// the wrong family; `Invalid` for an unknown zone.
pub(crate) fn bind(host: &TcpHost, port: u16, ipv6: bool) -> Result<SocketAddr> {
    local(host, port, ipv6).or_else(|error| match host {
        TcpHost::Name(name) => connect(&TcpHost::Name(name.clone()), port, ipv6)
            .into_iter()
            .next()
            .ok_or(error),
        _ => Err(error),
    })
}

/// Where to connect from: as [`bind`], but no names of the network.
pub(crate) fn local(host: &TcpHost, port: u16, ipv6: bool) -> Result<SocketAddr> {
    match host {
        TcpHost::Any if ipv6 => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        TcpHost::Any => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        TcpHost::Literal(address, zone) => {
            // What is left to fail with IPv6 on is a zone that names no interface.
            let error = if ipv6 {
                Error::Invalid
            } else {
                Error::NoDevice
            };
            literal(*address, zone.as_ref(), port, ipv6).ok_or(error)
        }
        TcpHost::Name(name) => {
            let own = net::interface_addresses(name)?;
            let wanted = own.into_iter().find(|address| address.is_ipv6() == ipv6);
            let mut address = wanted.ok_or(Error::NoDevice)?;
            address.set_port(port);
            Ok(address)
        }
    }
}

/// The addresses of a host that needs no look-up; `None` if it needs one.
pub(crate) fn numeric(host: &TcpHost, port: u16, ipv6: bool) -> Option<Vec<SocketAddr>> {
    match host {
        TcpHost::Literal(address, zone) => Some(
            literal(*address, zone.as_ref(), port, ipv6)
                .into_iter()
                .collect(),
        ),
        TcpHost::Any => Some(Vec::new()),
        TcpHost::Name(name) if name.is_empty() => Some(Vec::new()),
        TcpHost::Name(_) => None,
    }
}

/// Looks a host up; waits for name servers. Empty if it does not resolve. ZMQ_IPV6 off: IPv4 only; on:
/// IPv6, mapped IPv4 only if there is no other.
pub(crate) fn connect(host: &TcpHost, port: u16, ipv6: bool) -> Vec<SocketAddr> {
    if let Some(addresses) = numeric(host, port, ipv6) {
        return addresses;
    }
    let TcpHost::Name(name) = host else {
        return Vec::new();
    };
    let found: Vec<SocketAddr> = match (name.as_str(), port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(_) => return Vec::new(),
    };
    let of_family = |wanted_v6: bool| {
        found
            .iter()
            .copied()
            .filter(move |address| address.is_ipv6() == wanted_v6)
    };
    if !ipv6 {
        return of_family(false).collect();
    }
    let own: Vec<SocketAddr> = of_family(true).collect();
    if own.is_empty() {
        of_family(false).map(mapped).collect()
    } else {
        own
    }
}

fn literal(address: IpAddr, zone: Option<&Zone>, port: u16, ipv6: bool) -> Option<SocketAddr> {
    match address {
        IpAddr::V4(_) if !ipv6 => Some((address, port).into()),
        IpAddr::V4(_) => Some(mapped((address, port).into())),
        IpAddr::V6(_) if !ipv6 => None,
        IpAddr::V6(address) => {
            let scope = match zone {
                None => 0,
                Some(Zone::Index(index)) => *index,
                Some(Zone::Interface(name)) => net::interface_index(name)?,
            };
            Some(SocketAddrV6::new(address, port, 0, scope).into())
        }
    }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped(), address.port()).into(),
        IpAddr::V6(_) => address,
    }
}
