//! ZAP messages: what a handler is asked, and what it answers (contract: security.md section 6; RFC 27/ZAP).
//!
//! Message frames in and out, no pipes: `io` sends and receives them.

#![forbid(unsafe_code)]

use super::{Question, Refusal, Verdict};
use crate::memory;
use crate::protocol::{Properties, ProtocolError, copy_of};

const VERSION: &[u8] = b"1.0";
/// Each request goes through a pipe of its own, so that one id does for all.
const REQUEST_ID: &[u8] = b"1";

/// Who asks, and from where the peer comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    /// ZMQ_ZAP_DOMAIN.
    pub(crate) domain: &'a [u8],
    /// The text of Peer-Address; empty if there is none.
    pub(crate) address: &'a [u8],
    /// ZMQ_ROUTING_ID of the asking socket (the RFC's "identity").
    pub(crate) routing_id: &'a [u8],
}

/// The frames of a request, the delimiter of a REQ before them.
pub(crate) fn request<'a>(
    asker: &Asker<'a>,
    question: &'a Question,
) -> impl Iterator<Item = &'a [u8]> {
    [
        b"",
        VERSION,
        REQUEST_ID,
        asker.domain,
        asker.address,
        asker.routing_id,
        question.mechanism.as_bytes(),
    ]
    .into_iter()
    .chain(question.credentials.iter().map(Vec::as_slice))
}

/// Whether a peer may come in although there is no handler to ask (security.md section 7.2). `enforced`: the socket has a
/// domain, and ZMQ_ZAP_ENFORCE_DOMAIN. `lost`: there was a handler before.
pub(crate) fn may_enter_unasked(mechanism: &str, enforced: bool, lost: bool) -> bool {
    match mechanism {
        "NULL" | "CURVE" => !enforced && !lost,
        // Kerberos says who it is, and ENFORCE means nothing there.
        "GSSAPI" => !lost,
        // PLAIN.
        _ => false,
    }
}

/// Name and value.
type Property = (Vec<u8>, Vec<u8>);

/// What a handler says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) verdict: Verdict,
    /// User-Id, and the metadata of the reply, for the properties of messages. Nothing for who is refused.
    pub(crate) properties: Vec<Property>,
}

/// Frames of a reply, with the delimiter.
pub(crate) const REPLY_FRAMES: usize = 7;

/// Reads a reply. `accepts`: whether a Socket-Type fits.
///
/// # Errors
/// What is wrong with it, as a protocol error of the monitor.
pub(crate) fn parse_reply(
    frames: &[Vec<u8>],
    accepts: impl Fn(&[u8]) -> bool,
) -> Result<Reply, ProtocolError> {
    let [delimiter, version, id, status, _text, user, metadata] = frames else {
        return Err(ProtocolError::ZapMalformedReply);
    };
    if !delimiter.is_empty() {
        return Err(ProtocolError::ZapUnspecified);
    }
    if version != VERSION {
        return Err(ProtocolError::ZapBadVersion);
    }
    if id != REQUEST_ID {
        return Err(ProtocolError::ZapBadRequestId);
    }
    let verdict = match &status[..] {
        b"200" => Verdict::Welcome,
        b"300" => Verdict::Refused(Refusal::Temporary),
        b"400" => Verdict::Refused(Refusal::Authentication),
        b"500" => Verdict::Refused(Refusal::Internal),
        _ => return Err(ProtocolError::ZapInvalidStatusCode),
    };
    let properties = properties(user, metadata, accepts)?;
    Ok(Reply {
        verdict,
        properties: match verdict {
            Verdict::Welcome => properties,
            Verdict::Refused(_) => Vec::new(),
        },
    })
}

fn properties(
    user: &[u8],
    metadata: &[u8],
    accepts: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Property>, ProtocolError> {
    let mut properties = vec![(b"User-Id".to_vec(), copy_of(user)?)];
    for property in Properties::new(metadata) {
        let (name, value) = property.map_err(|_| ProtocolError::ZapInvalidMetadata)?;
        match name {
            b"Socket-Type" if !accepts(value) => return Err(ProtocolError::ZapInvalidMetadata),
            // The peer says itself who it is (design choice of security.md section 6).
            b"Identity" => continue,
            _ => {}
        }
        memory::push(&mut properties, (copy_of(name)?, copy_of(value)?))
            .map_err(|_| ProtocolError::OutOfMemory)?;
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capture of security.md section 6.
    #[test]
    fn a_request() {
        let asker = Asker {
            domain: b"dom",
            address: b"127.0.0.1",
            routing_id: b"",
        };
        let question = Question {
            mechanism: "PLAIN",
            credentials: vec![b"admin".to_vec(), b"pass".to_vec()],
        };
        let frames: Vec<_> = request(&asker, &question).collect();
        let expected: [&[u8]; 9] = [
            b"",
            b"1.0",
            b"1",
            b"dom",
            b"127.0.0.1",
            b"",
            b"PLAIN",
            b"admin",
            b"pass",
        ];
        assert_eq!(frames, expected);
    }

    fn reply(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<Reply, ProtocolError> {
        let mut frames: Vec<_> = [b"".as_slice(), b"1.0", b"1", b"200", b"OK", b"user", b""]
            .iter()
            .map(|frame| frame.to_vec())
            .collect();
        change(&mut frames);
        parse_reply(&frames, |socket_type| socket_type == b"PULL")
    }

    fn property(name: &str, value: &[u8]) -> Vec<u8> {
        let mut block = vec![name.len() as u8];
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(&(value.len() as u32).to_be_bytes());
        block.extend_from_slice(value);
        block
    }

    #[test]
    fn welcome_with_properties() {
        let welcome = reply(|frames| {
            frames[6] = [
                property("Colour", b"red"),
                property("Identity", b"other"),
                property("Socket-Type", b"PULL"),
                property("User-Id", b"not this one"),
            ]
            .concat();
        });
        let expected = [
            ("User-Id", "user"),
            ("Colour", "red"),
            ("Socket-Type", "PULL"),
            ("User-Id", "not this one"),
        ];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(
            welcome,
            Ok(Reply {
                verdict: Verdict::Welcome,
                properties: expected.to_vec(),
            })
        );
    }

    #[test]
    fn refusals() {
        for refusal in [
            Refusal::Temporary,
            Refusal::Authentication,
            Refusal::Internal,
        ] {
            let refused = reply(|frames| frames[3] = refusal.status().to_string().into_bytes());
            assert_eq!(
                refused,
                Ok(Reply {
                    verdict: Verdict::Refused(refusal),
                    properties: Vec::new(),
                })
            );
        }
    }

    #[test]
    fn nobody_is_let_in_where_a_handler_is_needed() {
        for mechanism in ["NULL", "CURVE"] {
            assert!(may_enter_unasked(mechanism, false, false));
            assert!(!may_enter_unasked(mechanism, true, false));
            assert!(!may_enter_unasked(mechanism, false, true));
        }
        for (enforced, lost) in [(false, false), (true, false), (false, true), (true, true)] {
            assert!(!may_enter_unasked("PLAIN", enforced, lost));
            assert_eq!(may_enter_unasked("GSSAPI", enforced, lost), !lost);
        }
    }

    #[test]
    fn defects() {
        use ProtocolError::*;
        let set = |at: usize, value: &[u8]| {
            let value = value.to_vec();
            reply(move |frames| frames[at] = value)
        };
        assert_eq!(set(0, b"x"), Err(ZapUnspecified));
        assert_eq!(set(1, b"1.1"), Err(ZapBadVersion));
        assert_eq!(set(2, b"2"), Err(ZapBadRequestId));
        for status in [b"".as_slice(), b"201", b"600", b"2000", b"20"] {
            assert_eq!(set(3, status), Err(ZapInvalidStatusCode));
        }
        assert_eq!(set(6, b"\x01"), Err(ZapInvalidMetadata));
        let misfit = property("Socket-Type", b"PUSH");
        assert_eq!(set(6, &misfit), Err(ZapInvalidMetadata));
        assert_eq!(reply(|frames| drop(frames.pop())), Err(ZapMalformedReply));
        assert_eq!(
            reply(|frames| frames.push(Vec::new())),
            Err(ZapMalformedReply)
        );
    }
}
