//! The greeting: signature, version, mechanism (contract: zmtp.md section 2; RFC 23/ZMTP "Greeting").
//!
//! ```text
//!  own signature sent --peer's 10 bytes--> major sent --peer's 11th byte--> all sent --64 bytes--> done
//!          |                                                 |
//!          |                                        major 0, 1: socket type sent --12 bytes--> done
//!          +-- no signature: the peer's bytes are frames --> done
//! ```

#![forbid(unsafe_code)]

use super::version::Version;
use crate::protocol::ProtocolError;

/// Bytes of a greeting of ZMTP 3.
const GREETING_LEN: usize = 64;
/// Bytes of a greeting of ZMTP 2.0: signature, revision, socket type.
const OLD_GREETING_LEN: usize = 12;
const SIGNATURE_LEN: usize = 10;
const MECHANISM_LEN: usize = 20;
/// Offset of the mechanism's name.
const MECHANISM_AT: usize = 12;
const MAJOR: u8 = 3;
const MINOR: u8 = 1;

/// Our side of the exchange.
#[derive(Debug)]
pub(super) struct Greeting {
    mechanism: [u8; MECHANISM_LEN],
    socket_type: u8,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Sent {
    Signature,
    Major,
    /// All of the form that suits the peer.
    Everything,
}

/// What the peer's greeting says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Greeted {
    pub(super) version: Version,
    /// Bytes of the greeting; what follows them is up to the version.
    pub(super) length: usize,
}

/// What the peer has shown of itself.
enum Seen {
    /// Nothing decisive.
    Nothing,
    /// ZMTP 1.0, without a signature: the bytes are already frames.
    Unversioned,
    /// A signature, and no more.
    Signature,
    /// The major version. Each side now says the rest, in the form that suits the lower version.
    Major(u8),
}

impl Greeting {
    /// Appends the signature, the only thing that goes out before the peer's bytes arrive.
    ///
    /// `mechanism`: its name, at most 20 bytes. `socket_type`: our number, for peers of ZMTP 2.0.
    /// `routing_id_len`: of the own routing id, for peers of ZMTP 1.0, which take the signature for the
    /// header of the frame that carries it.
    pub(super) fn begin(
        mechanism: &str,
        socket_type: u8,
        routing_id_len: usize,
        out: &mut Vec<u8>,
    ) -> Self {
        out.push(0xFF);
        // usize is never wider than u64.
        out.extend_from_slice(&(routing_id_len as u64).saturating_add(1).to_be_bytes());
        out.push(0x7F);
        let mut padded = [0; MECHANISM_LEN];
        padded
            .iter_mut()
            .zip(mechanism.bytes())
            .for_each(|(to, from)| *to = from);
        Self {
            mechanism: padded,
            socket_type,
            sent: Sent::Signature,
        }
    }

    /// Looks at everything received so far; nothing is consumed before the end. Returns the peer's version
    /// when its greeting is complete.
    ///
    /// # Errors
    /// [`ProtocolError::MechanismMismatch`].
    pub(super) fn handle_received(
        &mut self,
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Greeted>, ProtocolError> {
        match look(received) {
            Seen::Nothing => return Ok(None),
            Seen::Unversioned => {
                return Ok(Some(Greeted {
                    version: Version::Unversioned,
                    length: 0,
                }));
            }
            Seen::Signature => self.send_major(out),
            Seen::Major(major @ (0 | 1)) => {
                self.send_socket_type(out);
                let version = if major == 0 {
                    Version::V1_0
                } else {
                    Version::V2_0
                };
                // The peer's socket type is not looked at.
                let is_complete = received.len() >= OLD_GREETING_LEN;
                return Ok(is_complete.then_some(Greeted {
                    version,
                    length: OLD_GREETING_LEN,
                }));
            }
            Seen::Major(_) => self.send_rest(out),
        }
        let Some(greeting) = received.first_chunk::<GREETING_LEN>() else {
            return Ok(None);
        };
        // As-server and the filler behind the mechanism are ignored.
        if greeting[MECHANISM_AT..][..MECHANISM_LEN] != self.mechanism {
            return Err(ProtocolError::MechanismMismatch);
        }
        let (major, minor) = (greeting[SIGNATURE_LEN], greeting[SIGNATURE_LEN + 1]);
        let is_3_0 = major == MAJOR && minor == 0;
        let version = if is_3_0 { Version::V3_0 } else { Version::V3_1 };
        Ok(Some(Greeted {
            version,
            length: GREETING_LEN,
        }))
    }

    fn send_major(&mut self, out: &mut Vec<u8>) {
        if self.sent < Sent::Major {
            out.push(MAJOR);
            self.sent = Sent::Major;
        }
    }

    /// The end of a greeting that a peer of ZMTP 2.0 understands; our major version stays.
    fn send_socket_type(&mut self, out: &mut Vec<u8>) {
        self.send_major(out);
        if self.sent < Sent::Everything {
            out.push(self.socket_type);
            self.sent = Sent::Everything;
        }
    }

    fn send_rest(&mut self, out: &mut Vec<u8>) {
        self.send_major(out);
        if self.sent < Sent::Everything {
            out.push(MINOR);
            out.extend_from_slice(&self.mechanism);
            let rest = GREETING_LEN - MECHANISM_AT - MECHANISM_LEN;
            out.resize(out.len() + rest, 0);
            self.sent = Sent::Everything;
        }
    }
}

fn look(received: &[u8]) -> Seen {
    match received {
        [] => Seen::Nothing,
        [first, ..] if *first != 0xFF => Seen::Unversioned,
        [_, _, _, _, _, _, _, _, _, end, ..] if end & 1 == 0 => Seen::Unversioned,
        [_, _, _, _, _, _, _, _, _, _, major, ..] => Seen::Major(*major),
        [_, _, _, _, _, _, _, _, _, _] => Seen::Signature,
        _ => Seen::Nothing,
    }
}
