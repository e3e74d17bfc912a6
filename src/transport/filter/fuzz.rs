//! A target for accept filters; see `crate::fuzz`.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{AddressFilter, PeerFilters};
use crate::ffi::constants as c;
use crate::fuzz::Input;
use crate::options::{self, Applied, SocketOptions};
use crate::patterns::SocketType;

/// A byte chooses ZMQ_IPV6 and the kind of the peer's address, 16 bytes are the address, and the rest is
/// the filter's text.
pub(crate) fn accept_filter(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let address: [u8; 16] = input.array();
    let peer = match settings & 6 {
        0 => IpAddr::V6(address.into()),
        2 => IpAddr::V6(
            Ipv4Addr::from([address[0], address[1], address[2], address[3]]).to_ipv6_mapped(),
        ),
        _ => IpAddr::V4([address[0], address[1], address[2], address[3]].into()),
    };
    let ipv6 = settings & 1 != 0;
    let Some(filter) = parse(input.rest(), ipv6) else {
        return;
    };
    let whole = if filter.address.is_ipv4() { 32 } else { 128 };
    assert!(filter.prefix <= whole);
    assert!(ipv6 || filter.address.is_ipv4());
    assert!(
        filter.matches(filter.address),
        "an address is in its own net"
    );
    let expected = passes(filter, peer);
    assert_eq!(filter.matches(peer), expected);
    let list = PeerFilters {
        addresses: vec![filter],
        ..PeerFilters::default()
    };
    assert_eq!(list.accept_address(Some(peer)), expected);
    assert!(!list.accept_address(None));

    let text = format!("{}/{}", filter.address, filter.prefix);
    let again = parse(text.as_bytes(), ipv6).expect("our own text");
    assert_eq!(
        (again.address, again.prefix),
        (filter.address, filter.prefix),
        "{text}"
    );
}

/// Through the option.
fn parse(text: &[u8], ipv6: bool) -> Option<AddressFilter> {
    let mut options = SocketOptions {
        ipv6,
        ..SocketOptions::default()
    };
    let number = c::ZMQ_TCP_ACCEPT_FILTER;
    let set = options::set(
        &mut options,
        SocketType::Pull,
        number,
        Some(text),
        text.len(),
    );
    match (set, options.tcp_accept_filters.as_slice()) {
        (Ok(Applied::Stored), [filter]) => Some(AddressFilter {
            address: filter.address,
            prefix: filter.prefix,
        }),
        (Err(_), []) => None,
        other => panic!("{other:?}"),
    }
}

/// Bit by bit.
fn passes(filter: AddressFilter, peer: IpAddr) -> bool {
    let bits = |address: Ipv6Addr, from: u8| -> Vec<bool> {
        let bit = |at: u8| address.to_bits() >> (127 - at) & 1 != 0;
        (from..128).map(bit).collect()
    };
    let mapped = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let from = if filter.address.is_ipv4() { 96 } else { 0 };
    if from == 96 && mapped(peer).to_ipv4_mapped().is_none() {
        return false;
    }
    let prefix = usize::from(filter.prefix);
    bits(mapped(filter.address), from)[..prefix] == bits(mapped(peer), from)[..prefix]
}
