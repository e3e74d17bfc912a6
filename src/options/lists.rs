//! Setters of the options that collect values: filters and metadata.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decimal;
use crate::error::{Error, Result};
use crate::inet;
use crate::memory;
use crate::options::encoding::{self, Empty};
use crate::options::values::{AcceptFilter, Bytes, SocketOptions};

/// Longest name of a ZMQ_METADATA property.
const PROPERTY_NAME_MAX: usize = 255;

/// ZMQ_TCP_ACCEPT_FILTER: `address` or `address/prefix`, up to the first NUL. The address is a literal.
pub(super) fn add_tcp_filter(options: &mut SocketOptions, input: Option<&[u8]>) -> Result<()> {
    let text = encoding::bytes(input, &(1..=255), Empty::Null)?;
    if text.is_empty() {
        options.tcp_accept_filters.clear();
        return Ok(());
    }
    let filter = parse_filter(until_nul(text), options.ipv6).ok_or(Error::Invalid)?;
    memory::push(&mut options.tcp_accept_filters, filter)
}

/// ZMQ_IPC_FILTER_PID.
pub(super) fn add_pid(options: &mut SocketOptions, input: Option<&[u8]>) -> Result<()> {
    add_id(&mut options.ipc_filter_pids, input, i32::from_ne_bytes)
}

/// ZMQ_IPC_FILTER_UID.
pub(super) fn add_uid(options: &mut SocketOptions, input: Option<&[u8]>) -> Result<()> {
    add_id(&mut options.ipc_filter_uids, input, u32::from_ne_bytes)
}

/// ZMQ_IPC_FILTER_GID.
pub(super) fn add_gid(options: &mut SocketOptions, input: Option<&[u8]>) -> Result<()> {
    add_id(&mut options.ipc_filter_gids, input, u32::from_ne_bytes)
}

/// ZMQ_METADATA: `X-Name:value`. The first value of a name stays; name and value end at their first NUL.
pub(super) fn add_metadata(options: &mut SocketOptions, input: Option<&[u8]>) -> Result<()> {
    let text = encoding::bytes(input, &(1..=usize::MAX), Empty::Refused)?;
    // The reference takes four bytes for an int, whatever they are.
    if text.len() == 4 {
        return Err(Error::Invalid);
    }
    let colon = text
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(Error::Invalid)?;
    let (name, value) = (&text[..colon], &text[colon + 1..]);
    if !name.starts_with(b"X-") || name.len() > PROPERTY_NAME_MAX || value.is_empty() {
        return Err(Error::Invalid);
    }
    let name = until_nul(name);
    if options
        .metadata
        .iter()
        .any(|(present, _)| **present == *name)
    {
        return Ok(());
    }
    let property = (Bytes::copy(name)?, Bytes::copy(until_nul(value))?);
    memory::push(&mut options.metadata, property)
}

fn add_id<T>(list: &mut Vec<T>, input: Option<&[u8]>, from: fn([u8; 4]) -> T) -> Result<()> {
    if input.is_none() {
        list.clear();
        return Ok(());
    }
    memory::push(list, from(encoding::array(input)?))
}

/// `None` if it is malformed, or of IPv6 while `ipv6` is off.
fn parse_filter(text: &[u8], ipv6: bool) -> Option<AcceptFilter> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, prefix) = match text.rsplit_once('/') {
        Some((address, prefix)) => (address, Some(decimal::leading(prefix.as_bytes())?)),
        None => (text, None),
    };
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(address);
    // The scope of a link-local address says nothing about the peer.
    let address = address
        .split_once('%')
        .map_or(address, |(address, _)| address);
    let prefix = prefix.map(u8::try_from).transpose().ok()?;
    match address
        .parse()
        .ok()
        .or_else(|| inet::ipv4(address).map(IpAddr::V4))?
    {
        IpAddr::V4(address) => ipv4_filter(address, prefix.unwrap_or(32), ipv6),
        IpAddr::V6(address) => ipv6.then(|| ipv6_filter(address, prefix.unwrap_or(128)))?,
    }
}

/// With ZMQ_IPV6 the reference counts the prefix of an IPv4 address over the mapped form, so callers may
/// have written up to 128; up to 32 they mean IPv4 bits.
fn ipv4_filter(address: Ipv4Addr, prefix: u8, ipv6: bool) -> Option<AcceptFilter> {
    let prefix = match prefix {
        0..=32 => prefix,
        33..=128 if ipv6 => prefix.saturating_sub(96),
        _ => return None,
    };
    Some(AcceptFilter {
        address: IpAddr::V4(address),
        prefix,
    })
}

fn ipv6_filter(address: Ipv6Addr, prefix: u8) -> Option<AcceptFilter> {
    if prefix > 128 {
        return None;
    }
    match address.to_ipv4_mapped() {
        Some(address) if prefix >= 96 => Some(AcceptFilter {
            address: IpAddr::V4(address),
            prefix: prefix - 96,
        }),
        _ => Some(AcceptFilter {
            address: IpAddr::V6(address),
            prefix,
        }),
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}
