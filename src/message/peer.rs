//! What is known of the peer that a frame came from (zmq_msg_gets, ZMQ_SRCFD).

#![forbid(unsafe_code)]

use std::ffi::CStr;

use crate::error::{Error, Result};
use crate::memory;

/// Metadata keys that this library itself looks at or writes (api.md section 5).
const IDENTITY: &CStr = c"Identity";
const ROUTING_ID: &CStr = c"Routing-Id";
const PEER_ADDRESS: &[u8] = b"Peer-Address";
const DESCRIPTOR: &[u8] = b"__fd";

/// What a connection learnt of its peer in one handshake; shared by all frames that follow it.
#[derive(Debug)]
pub(crate) struct PeerInfo {
    /// The routing id the peer announced; empty if it did not.
    pub(crate) routing_id: Box<[u8]>,
    fd: Option<i32>,
    /// Name, NUL, value, NUL, and so on: one allocation, as there is one of these per connection.
    properties: Box<[u8]>,
}

impl PeerInfo {
    /// `address`: the text for `Peer-Address`, absent if the transport has none. `fd`: the
    /// connection's descriptor, negative for none. `handshake_properties`: names and values as the
    /// peer sent them; what the connection knows itself wins over them.
    ///
    /// Errors: `NoMemory`.
    pub(crate) fn learn(
        routing_id: Box<[u8]>,
        address: Option<&str>,
        fd: i32,
        handshake_properties: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<Self> {
        let fd = (fd >= 0).then_some(fd);
        let descriptor = fd.map(|fd| fd.to_string());
        let own = [
            address.map(|text| (PEER_ADDRESS, text.as_bytes())),
            descriptor
                .as_deref()
                .map(|text| (DESCRIPTOR, text.as_bytes())),
        ];
        let received = handshake_properties
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()));
        let mut properties = Vec::new();
        for (name, value) in own.into_iter().flatten().chain(received) {
            // No C string is such a name.
            if name.contains(&0) {
                continue;
            }
            let value = until_nul(value);
            properties
                .try_reserve(name.len() + value.len() + 2)
                .map_err(|_| Error::NoMemory)?;
            properties.extend_from_slice(name);
            properties.push(0);
            properties.extend_from_slice(value);
            properties.push(0);
        }
        Ok(Self {
            routing_id,
            fd,
            properties: memory::boxed(&properties)?,
        })
    }

    /// As [`PeerInfo::learn`], with memory.
    #[cfg(test)]
    pub(crate) fn new(
        routing_id: Box<[u8]>,
        address: Option<&str>,
        fd: i32,
        handshake_properties: &[(Vec<u8>, Vec<u8>)],
    ) -> Self {
        Self::learn(routing_id, address, fd, handshake_properties).expect("memory")
    }

    /// What it takes of memory, about.
    pub(crate) fn size(&self) -> usize {
        self.routing_id.len() + self.properties.len()
    }

    /// The value of a property, up to its first NUL; the first one of that name counts. Names are
    /// compared exactly. `Identity` and `Routing-Id` answer for each other.
    pub(crate) fn get(&self, name: &CStr) -> Option<&CStr> {
        self.find(name).or_else(|| match name {
            name if name == IDENTITY => self.find(ROUTING_ID),
            name if name == ROUTING_ID => self.find(IDENTITY),
            _ => None,
        })
    }

    /// The descriptor the frames arrive on (ZMQ_SRCFD). It may have been closed since.
    pub(crate) fn fd(&self) -> Option<i32> {
        self.fd
    }

    fn find(&self, wanted: &CStr) -> Option<&CStr> {
        let mut rest = &*self.properties;
        while let Some((name, behind)) = split_string(rest) {
            let (value, behind) = split_string(behind)?;
            if name == wanted {
                return Some(value);
            }
            rest = behind;
        }
        None
    }
}

fn split_string(bytes: &[u8]) -> Option<(&CStr, &[u8])> {
    let string = CStr::from_bytes_until_nul(bytes).ok()?;
    let behind = bytes.get(string.count_bytes() + 1..)?;
    Some((string, behind))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: Option<&str>, fd: i32, properties: &[(&[u8], &[u8])]) -> PeerInfo {
        let properties: Vec<_> = properties
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        PeerInfo::new(Box::default(), address, fd, &properties)
    }

    #[test]
    fn first_of_a_name_counts_and_the_connection_wins() {
        let peer = peer(
            Some("127.0.0.1"),
            7,
            &[
                (b"Socket-Type", b"DEALER"),
                (b"Peer-Address", b"forged"),
                (b"__fd", b"1"),
                (b"X-a", b"one"),
                (b"X-a", b"two"),
            ],
        );
        assert_eq!(peer.get(c"Peer-Address"), Some(c"127.0.0.1"));
        assert_eq!(peer.get(c"__fd"), Some(c"7"));
        assert_eq!(peer.get(c"X-a"), Some(c"one"));
        assert_eq!(peer.get(c"x-A"), None);
        assert_eq!(peer.get(c"X-"), None);
        assert_eq!(peer.get(c""), None);
        assert_eq!(peer.get(c"one"), None);
        assert_eq!(peer.get(c"Socket-Type"), Some(c"DEALER"));
        assert_eq!(peer.fd(), Some(7));
    }

    #[test]
    fn without_connection_properties() {
        let peer = peer(None, -1, &[]);
        assert_eq!(peer.get(c"Peer-Address"), None);
        assert_eq!(peer.get(c"__fd"), None);
        assert_eq!(peer.get(c"Identity"), None);
        assert_eq!(peer.get(c"Socket-Type"), None);
        assert_eq!(peer.fd(), None);
    }

    #[test]
    fn identity_and_routing_id_answer_for_each_other() {
        let old = peer(None, -1, &[(b"Identity", b"me")]);
        assert_eq!(old.get(c"Identity"), Some(c"me"));
        assert_eq!(old.get(c"Routing-Id"), Some(c"me"));
        let new = peer(None, -1, &[(b"Routing-Id", b"me")]);
        assert_eq!(new.get(c"Identity"), Some(c"me"));
        let both = peer(None, -1, &[(b"Identity", b"a"), (b"Routing-Id", b"b")]);
        assert_eq!(both.get(c"Identity"), Some(c"a"));
        assert_eq!(both.get(c"Routing-Id"), Some(c"b"));
    }

    #[test]
    fn nul_cuts_values_and_rules_out_names() {
        let peer = peer(
            None,
            -1,
            &[
                (b"Identity", b"ab\0cd"),
                (b"X\0y", b"hidden"),
                (b"Empty", b""),
                (b"Nul", b"\0"),
                (b"", b"nameless"),
            ],
        );
        assert_eq!(peer.get(c"Identity"), Some(c"ab"));
        assert_eq!(peer.get(c"cd"), None);
        assert_eq!(peer.get(c"X"), None);
        assert_eq!(peer.get(c"y"), None);
        assert_eq!(peer.get(c"Empty"), Some(c""));
        assert_eq!(peer.get(c"Nul"), Some(c""));
        assert_eq!(peer.get(c""), Some(c"nameless"));
    }
}
