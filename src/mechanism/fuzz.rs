//! Targets for mechanisms and ZAP; see `crate::fuzz`. Those of CURVE stand beside it.

#![forbid(unsafe_code)]

use super::curve::ServerKeys;
use super::curve::fuzz::{SERVER, keys, secret};
use super::zap::{Reply, parse_reply};
use super::{Mechanism, Question, Refusal, SecurityHandshake, Traffic, Verdict};
use crate::fuzz::Input;
use crate::protocol::ProtocolError;
use crate::protocol::fuzz::refusal;

pub(crate) use super::curve::fuzz::{curve_client, curve_server};

const USERNAME: &[u8] = b"admin";
const PASSWORD: &[u8] = b"pass";

/// What client and server choose: NULL, NULL whose server asks, PLAIN, CURVE.
pub(crate) fn mechanisms(choice: u8) -> [Mechanism; 2] {
    let null = |authenticates| Mechanism::Null { authenticates };
    match choice & 3 {
        0 => [null(false), null(false)],
        1 => [null(false), null(true)],
        2 => {
            let client = Mechanism::PlainClient {
                username: USERNAME.into(),
                password: PASSWORD.into(),
            };
            [client, Mechanism::PlainServer]
        }
        _ => {
            let server = Mechanism::CurveServer {
                keys: ServerKeys::of(secret(SERVER)),
                asks: true,
            };
            [Mechanism::CurveClient(keys()), server]
        }
    }
}

pub(crate) fn verdict(choice: u8) -> Verdict {
    match choice & 3 {
        0 => Verdict::Welcome,
        1 => Verdict::Refused(Refusal::Temporary),
        2 => Verdict::Refused(Refusal::Authentication),
        _ => Verdict::Refused(Refusal::Internal),
    }
}

/// What an ERROR says of a refusal.
pub(super) fn reason(verdict: Verdict) -> Option<&'static [u8]> {
    match verdict {
        Verdict::Refused(Refusal::Authentication) => Some(b"400"),
        Verdict::Refused(Refusal::Internal) => Some(b"500"),
        Verdict::Welcome | Verdict::Refused(Refusal::Temporary) => None,
    }
}

/// A command has a byte besides its name's length, and the name ends within.
pub(crate) fn is_named(body: &[u8]) -> bool {
    body.len() >= 2 && usize::from(body[0]) < body.len()
}

/// The first byte chooses role and verdict; then come commands, each behind two bytes with its length.
pub(crate) fn plain(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let [client, server] = mechanisms(2);
    match settings & 1 {
        0 => plain_server(begun(&server), verdict(settings >> 1), input),
        _ => plain_client(begun(&client), input),
    }
}

fn begun(mechanism: &Mechanism) -> Box<dyn SecurityHandshake> {
    mechanism.begin(OURS.to_vec()).expect("PLAIN needs nothing")
}

const OURS: &[u8] = b"\x0bSocket-Type\0\0\0\x04PULL";

fn plain_server(mut server: Box<dyn SecurityHandshake>, verdict: Verdict, mut input: Input<'_>) {
    let mut expects_hello = true;
    while !input.is_empty() {
        assert!(!server.is_received() && !server.is_complete());
        assert_eq!(server.poll_command(), Ok(None));
        assert_eq!(server.poll_question(), None);
        let body = input.long_bytes();
        let answer = server.handle_command(body);
        if expects_hello && !is_named(body) {
            return assert_eq!(answer, Err(ProtocolError::MalformedCommand));
        }
        if expects_hello {
            let Some(rest) = body.strip_prefix(b"\x05HELLO") else {
                return assert_eq!(answer, Err(ProtocolError::UnexpectedCommand));
            };
            let Some(credentials) = credentials(rest) else {
                return assert_eq!(answer, Err(ProtocolError::MalformedHello));
            };
            assert_eq!(answer, Ok(None));
            // Nobody is welcome who was not asked for.
            assert_eq!(server.poll_command(), Ok(None));
            let question = Question {
                mechanism: "PLAIN",
                credentials,
            };
            assert_eq!(server.poll_question(), Some(question));
            if input.peek() & 1 != 0 {
                let early = server.handle_command(body);
                assert_eq!(early, Err(ProtocolError::OutOfTurn));
            }
            server.handle_verdict(verdict);
            if verdict != Verdict::Welcome {
                // As libzmq spells it.
                let error = reason(verdict).map(|reason| [b"^RROR\x03", reason].concat());
                assert_eq!(server.poll_command(), Ok(error));
                let late = server.handle_command(b"\x08INITIATE");
                assert_eq!(late, Err(ProtocolError::OutOfTurn));
                assert_eq!(server.poll_command(), Ok(None));
                return assert!(!server.is_received() && !server.is_complete());
            }
            assert_eq!(server.poll_command(), Ok(Some(b"\x07WELCOME".to_vec())));
            expects_hello = false;
        } else {
            let Some(metadata) = body.strip_prefix(b"\x08INITIATE") else {
                return assert_eq!(answer, Err(ProtocolError::UnexpectedCommand));
            };
            assert_eq!(answer, Ok(Some(metadata.to_vec())));
            assert!(server.is_received() && !server.is_complete());
            let ready = [b"\x05READY", OURS].concat();
            assert_eq!(server.poll_command(), Ok(Some(ready)));
            assert!(matches!(server.take_traffic(), Some(Traffic::Clear)));
            let late = server.handle_command(body);
            return assert_eq!(late, Err(ProtocolError::OutOfTurn));
        }
    }
}

/// Username and password, if their lengths fill the rest of a HELLO.
fn credentials(rest: &[u8]) -> Option<Vec<Vec<u8>>> {
    let middle = 1 + usize::from(*rest.first()?);
    let end = middle + 1 + usize::from(*rest.get(middle)?);
    let is_whole = rest.len() == end;
    is_whole.then(|| vec![rest[1..middle].to_vec(), rest[middle + 1..].to_vec()])
}

fn plain_client(mut client: Box<dyn SecurityHandshake>, mut input: Input<'_>) {
    let hello = b"\x05HELLO\x05admin\x04pass".to_vec();
    assert_eq!(client.poll_command(), Ok(Some(hello)));
    let mut welcomed = false;
    while !input.is_empty() {
        assert!(!client.is_received() && !client.is_complete());
        assert_eq!(client.poll_command(), Ok(None));
        let body = input.long_bytes();
        let answer = client.handle_command(body);
        let error = (body.strip_prefix(b"\x05ERROR")).or_else(|| body.strip_prefix(b"^RROR"));
        if let Some(error) = error {
            return assert_eq!(answer, Err(refusal(error)));
        }
        match (welcomed, body.strip_prefix(b"\x07WELCOME")) {
            (false, Some(b"")) => {
                assert_eq!(answer, Ok(None));
                let initiate = [b"\x08INITIATE", OURS].concat();
                assert_eq!(client.poll_command(), Ok(Some(initiate)));
                welcomed = true;
                continue;
            }
            (false, Some(_)) => return assert_eq!(answer, Err(ProtocolError::MalformedWelcome)),
            _ => {}
        }
        let Some(metadata) = body.strip_prefix(b"\x05READY").filter(|_| welcomed) else {
            return assert_eq!(answer, Err(ProtocolError::UnexpectedCommand));
        };
        assert_eq!(answer, Ok(Some(metadata.to_vec())));
        assert!(client.is_received() && client.is_complete());
        assert_eq!(client.poll_command(), Ok(None));
        let late = client.handle_command(body);
        return assert_eq!(late, Err(ProtocolError::UnexpectedCommand));
    }
}

/// The frames of a handler's reply: a byte for each says which of the usual ones it is, or that bytes follow.
pub(crate) fn zap(data: &[u8]) {
    let mut input = Input::new(data);
    let mut frames = Vec::new();
    while !input.is_empty() && frames.len() < 10 {
        let usual: &[u8] = match input.byte() {
            0 => b"",
            1 => b"1.0",
            2 => b"1",
            3 => b"200",
            4 => b"300",
            5 => b"400",
            6 => b"500",
            7 => b"\x0bSocket-Type\0\0\0\x04PUSH",
            8 => b"\x08Identity\0\0\0\x02id\x01X\0\0\0\x01v",
            _ => input.long_bytes(),
        };
        frames.push(usual.to_vec());
    }
    let reply = parse_reply(&frames, |socket_type| socket_type == b"PUSH");
    assert_eq!(reply, reply_by_the_letter(&frames));
}

/// In the order of security.md section 6.
fn reply_by_the_letter(frames: &[Vec<u8>]) -> Result<Reply, ProtocolError> {
    if frames.len() != 7 {
        return Err(ProtocolError::ZapMalformedReply);
    }
    let wrong = [
        (!frames[0].is_empty(), ProtocolError::ZapUnspecified),
        (frames[1] != b"1.0", ProtocolError::ZapBadVersion),
        (frames[2] != b"1", ProtocolError::ZapBadRequestId),
    ];
    if let Some((_, error)) = wrong.into_iter().find(|(wrong, _)| *wrong) {
        return Err(error);
    }
    let verdict = match frames[3].as_slice() {
        b"200" => verdict(0),
        b"300" => verdict(1),
        b"400" => verdict(2),
        b"500" => verdict(3),
        _ => return Err(ProtocolError::ZapInvalidStatusCode),
    };
    let mut properties = vec![(b"User-Id".to_vec(), frames[5].clone())];
    let mut block = frames[6].as_slice();
    while let [name_length, rest @ ..] = block {
        let end = usize::from(*name_length);
        let error = ProtocolError::ZapInvalidMetadata;
        let length = rest.get(end..end + 4).ok_or(error)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let value = rest.get(end + 4..end + 4 + length).ok_or(error)?;
        block = &rest[end + 4 + length..];
        match &rest[..end] {
            b"Socket-Type" if value != b"PUSH" => return Err(error),
            b"Identity" => {}
            name => properties.push((name.to_vec(), value.to_vec())),
        }
    }
    if verdict != Verdict::Welcome {
        properties.clear();
    }
    Ok(Reply {
        verdict,
        properties,
    })
}
