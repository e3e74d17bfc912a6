//! Who may connect to a listener: ZMQ_TCP_ACCEPT_FILTER and ZMQ_IPC_FILTER_*.
//!
//! Contract: transports.md sections 2.5 and 3. IPv4 peers are compared as IPv4 whatever the listener's
//! family (design choice).

#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::sys::net::Credentials;

/// Addresses that share the first `prefix` bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressFilter {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// All filters of a listener; an empty list lets everybody in.
#[derive(Debug, Default)]
pub(crate) struct PeerFilters {
    pub(crate) addresses: Vec<AddressFilter>,
    pub(crate) pids: Vec<i32>,
    pub(crate) uids: Vec<u32>,
    pub(crate) gids: Vec<u32>,
}

impl PeerFilters {
    /// tcp.
    pub(crate) fn accept_address(&self, peer: Option<IpAddr>) -> bool {
        self.addresses.is_empty()
            || peer.is_some_and(|peer| self.addresses.iter().any(|filter| filter.matches(peer)))
    }

    /// ipc: a peer passes that is on any of the lists. Its credentials are asked for if there is a list, and whether the
    /// user is a member of one of these groups only if that alone may let it in: the system may have to ask others.
    pub(crate) fn accept_process(
        &self,
        peer: impl FnOnce() -> Option<Credentials>,
        is_member: impl FnOnce(u32, &[u32]) -> bool,
    ) -> bool {
        if self.pids.is_empty() && self.uids.is_empty() && self.gids.is_empty() {
            return true;
        }
        let Some(peer) = peer() else {
            return false;
        };
        self.uids.contains(&peer.uid)
            || self.gids.contains(&peer.gid)
            || self.pids.contains(&peer.pid)
            || (!self.gids.is_empty() && is_member(peer.uid, &self.gids))
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

    const PEER: Credentials = Credentials {
        pid: 7,
        uid: 8,
        gid: 9,
    };

    #[test]
    fn lists_are_or_ed_and_empty_ones_let_everybody_in() {
        let unasked = |_: u32, _: &[u32]| panic!("nobody needs to know");
        let mut filters = PeerFilters::default();
        assert!(filters.accept_process(|| None, unasked));
        filters.pids = vec![6];
        assert!(!filters.accept_process(|| Some(PEER), unasked));
        assert!(!filters.accept_process(|| None, unasked));
        filters.gids = vec![10, 9];
        assert!(filters.accept_process(|| Some(PEER), unasked));
        filters.gids = vec![10];
        filters.uids = vec![8];
        assert!(filters.accept_process(|| Some(PEER), unasked));
    }

    /// The system is asked once for all groups, and not if it is clear already.
    #[test]
    fn membership_is_asked_for_when_nothing_else_lets_a_peer_in() {
        let filters = PeerFilters {
            gids: vec![10, 11],
            ..PeerFilters::default()
        };
        for answer in [true, false] {
            let is_member = |uid: u32, groups: &[u32]| {
                assert_eq!((uid, groups), (PEER.uid, [10, 11].as_slice()));
                answer
            };
            assert_eq!(filters.accept_process(|| Some(PEER), is_member), answer);
        }
    }
}
