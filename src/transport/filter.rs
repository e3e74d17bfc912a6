//! Who may connect to a listener: ZMQ_TCP_ACCEPT_FILTER and ZMQ_IPC_FILTER_*.
//!
//! Contract: transports.md sections 2.5 and 3. IPv4 peers are compared as IPv4 whatever the listener's
//! family (design choice).

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::sync::Arc;

use crate::sys::net::{self, Credentials};

/// Addresses that share the first `prefix` bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressFilter {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// All filters of a listener; an empty list lets everybody in.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerFilters {
    pub(crate) addresses: Arc<[AddressFilter]>,
    pub(crate) pids: Arc<[i32]>,
    pub(crate) uids: Arc<[u32]>,
    pub(crate) gids: Arc<[u32]>,
}

impl PeerFilters {
    /// tcp.
    pub(crate) fn accept_address(&self, peer: Option<IpAddr>) -> bool {
        self.addresses.is_empty()
            || peer.is_some_and(|peer| self.addresses.iter().any(|filter| filter.matches(peer)))
    }

    /// ipc: a peer passes that is on any of the lists. Its credentials are looked up only if asked for.
    pub(crate) fn accept_process(&self, peer: impl FnOnce() -> Option<Credentials>) -> bool {
        if self.pids.is_empty() && self.uids.is_empty() && self.gids.is_empty() {
            return true;
        }
        let Some(peer) = peer() else {
            return false;
        };
        self.uids.contains(&peer.uid)
            || self.gids.contains(&peer.gid)
            || self.pids.contains(&peer.pid)
            || self.gids.iter().any(|gid| net::is_member(peer.uid, *gid))
    }
}

impl AddressFilter {
    fn matches(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                let host_bits = 32_u32.saturating_sub(u32::from(self.prefix));
                (own.to_bits() ^ peer.to_bits())
                    .checked_shr(host_bits)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(own), _) => {
                let peer = match peer {
                    IpAddr::V4(peer) => peer.to_ipv6_mapped(),
                    IpAddr::V6(peer) => peer,
                };
                let host_bits = 128_u32.saturating_sub(u32::from(self.prefix));
                (own.to_bits() ^ peer.to_bits())
                    .checked_shr(host_bits)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, prefix: u8, peer: &str) -> bool {
        let address = filter.parse().expect("filter");
        AddressFilter { address, prefix }.matches(peer.parse().expect("peer"))
    }

    #[test]
    fn prefixes() {
        assert!(matches("10.0.0.0", 8, "10.255.3.4"));
        assert!(!matches("10.0.0.0", 8, "11.0.0.0"));
        assert!(matches("10.1.2.3", 32, "10.1.2.3"));
        assert!(!matches("10.1.2.3", 32, "10.1.2.2"));
        assert!(matches("10.1.2.3", 0, "200.1.1.1"));
        assert!(
            matches("10.0.0.0", 8, "::ffff:10.1.1.1"),
            "mapped peers are IPv4"
        );
        assert!(!matches("10.0.0.0", 8, "::1"));
        assert!(matches("fe80::", 10, "fe80::1"));
        assert!(!matches("fe80::", 10, "fec0::1"));
        assert!(matches("::", 0, "::1"));
        assert!(matches("::ffff:0.0.0.0", 96, "::ffff:1.2.3.4"));
    }

    #[test]
    fn lists_are_or_ed_and_empty_ones_let_everybody_in() {
        let peer = || {
            Some(Credentials {
                pid: 7,
                uid: 1_000_001,
                gid: 1_000_002,
            })
        };
        let mut filters = PeerFilters::default();
        assert!(filters.accept_process(|| None));
        filters.pids = Arc::new([8]);
        assert!(!filters.accept_process(peer));
        assert!(!filters.accept_process(|| None));
        filters.gids = Arc::new([1_000_002]);
        assert!(filters.accept_process(peer));
    }
}
