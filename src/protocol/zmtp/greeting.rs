//! The greeting: signature, version, mechanism (contract: zmtp.md section 2; RFC 23/ZMTP "Greeting").
//!
//! ```text
//!  own signature sent --peer's 10 bytes--> major sent --peer's 11th byte--> all sent --64 bytes--> done
//! ```

#![forbid(unsafe_code)]

use crate::protocol::ProtocolError;

/// Bytes of a greeting of ZMTP 3.
pub(super) const GREETING_LEN: usize = 64;
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
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Sent {
    Signature,
    Major,
    Everything,
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
    /// `mechanism`: its name, at most 20 bytes. `routing_id_len`: of the own routing id, for peers of ZMTP
    /// 1.0, which take the signature for the header of the frame that carries it.
    pub(super) fn begin(mechanism: &str, routing_id_len: usize, out: &mut Vec<u8>) -> Self {
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
            sent: Sent::Signature,
        }
    }

    /// Looks at everything received so far; nothing is consumed before the end. Returns the peer's minor
    /// version (0 or 1, for the rules of 3.0 or 3.1) when its greeting is complete.
    ///
    /// # Errors
    /// [`ProtocolError::UnsupportedVersion`], [`ProtocolError::MechanismMismatch`].
    pub(super) fn handle_received(
        &mut self,
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<u8>, ProtocolError> {
        match look(received) {
            Seen::Nothing => return Ok(None),
            Seen::Unversioned => return Err(ProtocolError::UnsupportedVersion),
            Seen::Major(0 | 1) => {
                self.send(Sent::Major, out);
                return Err(ProtocolError::UnsupportedVersion);
            }
            Seen::Signature => self.send(Sent::Major, out),
            Seen::Major(_) => self.send(Sent::Everything, out),
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
        Ok(Some(if is_3_0 { 0 } else { MINOR }))
    }

    /// Appends what lies between what was sent and `goal`.
    fn send(&mut self, goal: Sent, out: &mut Vec<u8>) {
        if self.sent < Sent::Major {
            out.push(MAJOR);
            self.sent = Sent::Major;
        }
        if self.sent < goal {
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
