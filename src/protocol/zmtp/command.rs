//! Commands: `name length, name, data` (contract: zmtp.md sections 4 and 6; RFC 37/ZMTP "Commands").

#![forbid(unsafe_code)]

use super::frame::{COMMAND, append_frame};
use super::version::Version;
use crate::error::Result;
use crate::protocol::split_short;

/// The body of a command frame, or of a frame during the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// The metadata block.
    Ready(&'a [u8]),
    /// Reason length and reason, not yet checked.
    Error(&'a [u8]),
    Subscribe(&'a [u8]),
    Cancel(&'a [u8]),
    Join(&'a [u8]),
    Leave(&'a [u8]),
    Ping {
        /// Tenths of a second; 0 = none.
        ttl: u16,
        /// At most [`CONTEXT_LEN`] bytes; what the peer sent beyond is cut off.
        context: &'a [u8],
    },
    Pong,
    /// Unknown, empty, or without the parts that its name asks for.
    Other,
}

/// The longest context that a PONG echoes.
pub(super) const CONTEXT_LEN: usize = 16;

impl<'a> Command<'a> {
    /// Names are compared exactly, with their case.
    pub(crate) fn parse(body: &'a [u8]) -> Self {
        let Some((name, data)) = split_short(body) else {
            return Self::Other;
        };
        match name {
            b"READY" => Self::Ready(data),
            b"ERROR" => Self::Error(data),
            b"SUBSCRIBE" => Self::Subscribe(data),
            b"CANCEL" => Self::Cancel(data),
            b"JOIN" => Self::Join(data),
            b"LEAVE" => Self::Leave(data),
            b"PONG" => Self::Pong,
            b"PING" => match data.split_first_chunk() {
                Some((&ttl, context)) => Self::Ping {
                    ttl: u16::from_be_bytes(ttl),
                    context: context.get(..CONTEXT_LEN).unwrap_or(context),
                },
                // Shorter than 7 bytes: there is nothing that could be echoed.
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// Appends a subscription as the peer understands it: a command for ZMTP 3.1, a message before.
pub(super) fn append_subscription(
    version: Version,
    subscribe: bool,
    topic: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    if version < Version::V3_1 {
        return version.append_frame(false, &[&[u8::from(subscribe)], topic], out);
    }
    let name: &[u8] = if subscribe {
        b"\x09SUBSCRIBE"
    } else {
        b"\x06CANCEL"
    };
    append_frame(COMMAND, &[name, topic], out)
}

/// Appends a PING without context.
pub(super) fn append_ping(ttl: u16, out: &mut Vec<u8>) -> Result<()> {
    append_frame(COMMAND, &[b"\x04PING", &ttl.to_be_bytes()], out)
}

pub(super) fn append_pong(context: &[u8], out: &mut Vec<u8>) -> Result<()> {
    append_frame(COMMAND, &[b"\x04PONG", context], out)
}

/// Appends a command of the security handshake, whose body a mechanism made.
pub(super) fn append_command(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    append_frame(COMMAND, &[body], out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_by_length_bytes_and_case() {
        assert_eq!(Command::parse(b"\x05READYxy"), Command::Ready(b"xy"));
        assert_eq!(Command::parse(b"\x09SUBSCRIBE"), Command::Subscribe(b""));
        assert_eq!(Command::parse(b"\x06CANCELt"), Command::Cancel(b"t"));
        for other in [
            b"".as_slice(),
            b"\x00",
            b"\x05READ",
            b"\x05ready",
            b"\x04READY",
            b"\xffSUBSCRIBE",
            b"\x08SUBSCRIBE",
        ] {
            assert_eq!(Command::parse(other), Command::Other, "{other:?}");
        }
    }

    #[test]
    fn pings_are_cut_or_ignored() {
        let ping = |context| Command::Ping {
            ttl: 0x010A,
            context,
        };
        assert_eq!(Command::parse(b"\x04PING"), Command::Other);
        assert_eq!(Command::parse(b"\x04PING\x01"), Command::Other);
        assert_eq!(Command::parse(b"\x04PING\x01\x0A"), ping(b""));
        assert_eq!(
            Command::parse(b"\x04PING\x01\x0A0123456789abcdef"),
            ping(b"0123456789abcdef")
        );
        assert_eq!(
            Command::parse(b"\x04PING\x01\x0A0123456789abcdefg"),
            ping(b"0123456789abcdef")
        );
    }

    #[test]
    fn subscriptions_take_the_form_of_the_version() {
        let encode = |version, subscribe, topic: &[u8]| {
            let mut out = Vec::new();
            append_subscription(version, subscribe, topic, &mut out).unwrap();
            out
        };
        assert_eq!(
            encode(Version::V3_1, true, b"AB"),
            b"\x04\x0C\x09SUBSCRIBEAB"
        );
        assert_eq!(encode(Version::V3_1, false, b"AB"), b"\x04\x09\x06CANCELAB");
        for version in [Version::V3_0, Version::V2_0] {
            assert_eq!(encode(version, true, b"AB"), b"\x00\x03\x01AB");
            assert_eq!(encode(version, false, b"AB"), b"\x00\x03\x00AB");
        }
        for version in [Version::V1_0, Version::Unversioned] {
            assert_eq!(encode(version, true, b"AB"), b"\x04\x00\x01AB");
            assert_eq!(encode(version, false, b"AB"), b"\x04\x00\x00AB");
        }
        // The prefix counts for LONG.
        let topic = [b't'; 246];
        assert_eq!(
            encode(Version::V3_1, true, &topic)[..9],
            [6, 0, 0, 0, 0, 0, 0, 1, 0]
        );
        assert_eq!(encode(Version::V3_1, true, &topic[1..])[..3], [4, 255, 9]);
        assert_eq!(
            encode(Version::V3_0, false, &[b't'; 255])[..10],
            [2, 0, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(encode(Version::V3_0, false, &[b't'; 254])[..3], [0, 255, 0]);
    }
}
