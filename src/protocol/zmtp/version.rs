//! The versions of ZMTP that peers speak, and what depends on them besides the greeting.

#![forbid(unsafe_code)]

use super::frame::{self, Header};
use super::frame_1_0;
use crate::error::Result;
use crate::protocol::ProtocolError;

/// Whose rules a peer follows (contract: zmtp.md section 2.3). Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// ZMTP 1.0 without a signature (libzmq 2.x). It forwards no subscriptions.
    Unversioned,
    /// Frames of ZMTP 1.0 behind a signature with revision 0.
    V1_0,
    /// libzmq 3.x.
    V2_0,
    V3_0,
    /// Also what stands where the peer has not shown its version yet.
    #[default]
    V3_1,
}

/// The header of a frame with MORE or not, and with a body of so many bytes: so much of the array. The same as
/// `pipe::queue::HeaderOf`: neither module knows the other, `io` hands it on.
pub(crate) type HeaderOf = fn(bool, usize) -> ([u8; 10], usize);

impl Version {
    /// The peers introduce each other by a security handshake, and may send commands.
    pub(crate) fn has_handshake(self) -> bool {
        self >= Self::V3_0
    }

    /// How messages have to be framed for the peer if not as ZMTP 2.0 to 3.1 do it.
    pub(super) fn own_framing(self) -> Option<HeaderOf> {
        self.is_1_0().then_some(frame_1_0::header)
    }

    pub(super) fn is_1_0(self) -> bool {
        self <= Self::V1_0
    }

    /// The header at the front of `input`; `None` if there is not all of it.
    pub(super) fn parse_header(
        self,
        input: &[u8],
    ) -> std::result::Result<Option<Header>, ProtocolError> {
        if self.is_1_0() {
            frame_1_0::parse_header(input)
        } else {
            Ok(Header::parse(input))
        }
    }

    /// Appends a frame of a message whose body is the concatenation of `parts`.
    pub(super) fn append_frame(self, more: bool, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
        if self.is_1_0() {
            frame_1_0::append_frame(more, parts, out)
        } else {
            frame::append_frame(if more { frame::MORE } else { 0 }, parts, out)
        }
    }
}
