//! Targets for CURVE; see `crate::fuzz`. All keys and lots are those of security.md section 4.6, and known to the fuzzer:
//! its boxes open, and what is in them is anything. What is to be accepted is said by offsets, as in section 4.2.

#![forbid(unsafe_code)]

use super::{Cipher, Client, ClientKeys, ClientLots, Envelope, Server, ServerKeys, ServerLots};
use crate::fuzz::Input;
use crate::mechanism::fuzz::{is_named, reason, verdict};
use crate::mechanism::{self, Question, SecurityHandshake, Verdict};
use crate::protocol::ProtocolError;
use crate::protocol::fuzz::refusal;
use crate::sodium::{BoxKey, PublicKey, Secret};

pub(super) const PUSH: &[u8] = b"\x0bSocket-Type\0\0\0\x04PUSH";
pub(super) const PULL: &[u8] = b"\x0bSocket-Type\0\0\0\x04PULL";

// The first bytes of s, c, c' and s'.
pub(crate) const SERVER: u8 = 0x01;
pub(super) const CLIENT: u8 = 0x21;
pub(super) const OF_CLIENT: u8 = 0x41;
pub(super) const OF_SERVER: u8 = 0x61;

/// 32 consecutive values.
pub(crate) fn secret(first: u8) -> Secret {
    Secret::copy(&std::array::from_fn(|at| first + at as u8))
}

pub(crate) fn keys() -> ClientKeys {
    ClientKeys {
        public: secret(CLIENT).public_key(),
        secret: secret(CLIENT),
        server: secret(SERVER).public_key(),
    }
}

pub(super) fn client() -> Client {
    client_with(keys())
}

pub(super) fn client_with(keys: ClientKeys) -> Client {
    let lots = ClientLots {
        secret: secret(OF_CLIENT),
        vouch_nonce: [0xC3; 16],
    };
    Client::new(keys, lots, PUSH.to_vec())
}

pub(super) fn server(asks: bool) -> Server {
    let lots = ServerLots {
        secret: secret(OF_SERVER),
        cookie_key: secret(0x81),
        cookie_nonce: [0xA1; 16],
        welcome_nonce: [0xB2; 16],
    };
    Server::new(ServerKeys::of(secret(SERVER)), asks, lots, PULL.to_vec())
}

/// What seals traffic of client and server.
pub(crate) fn ciphers() -> [Cipher; 2] {
    let key = BoxKey::of(secret(0xC0));
    let last = u64::from_be_bytes(LAST_COUNTER);
    [
        Cipher::of_client(&key, last, last),
        Cipher::of_server(&key, last, last),
    ]
}

/// What is in a box of theirs.
pub(crate) fn message_text(of_client: bool, counter: [u8; 8], sealed: &[u8]) -> Option<Vec<u8>> {
    let prefix = if of_client {
        b"CurveZMQMESSAGEC"
    } else {
        b"CurveZMQMESSAGES"
    };
    let nonce = [&prefix[..], &counter].concat();
    let mut text = vec![0; sealed.len().checked_sub(16)?];
    let key = BoxKey::of(secret(0xC0));
    let opens = key.open(&nonce.try_into().expect("24 bytes"), sealed, &mut text);
    opens.then_some(text)
}

/// The counter before traffic of [`ciphers`].
pub(crate) const LAST_COUNTER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 253];

/// The text of a box, if there is one.
fn opened(public: &[u8], secret: &Secret, nonce: [&[u8]; 2], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = BoxKey::between(public.try_into().expect("a key"), secret)?;
    let mut text = vec![0; sealed.len().checked_sub(16)?];
    let nonce = nonce.concat().try_into().expect("24 bytes");
    key.open(&nonce, sealed, &mut text).then_some(text)
}

/// A box.
fn boxed(public: &[u8], secret: &Secret, nonce: [&[u8]; 2], text: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; text.len() + 16];
    let Some(key) = BoxKey::between(public.try_into().expect("a key"), secret) else {
        return sealed;
    };
    let nonce = nonce.concat().try_into().expect("24 bytes");
    key.seal(&nonce, text, &mut sealed);
    sealed
}

/// A part of a command: the usual one, or bytes of the input, as a bit of `which` has it.
fn part<const N: usize>(input: &mut Input<'_>, which: u8, bit: u8, usual: [u8; N]) -> [u8; N] {
    match which & bit == 0 {
        true => usual,
        false => input.array(),
    }
}

/// Does to a command what `choice` says: nothing, or a byte is changed, or it is cut or lengthened.
fn damage(input: &mut Input<'_>, choice: u8, body: &mut Vec<u8>) {
    match choice >> 4 & 3 {
        1 if !body.is_empty() => {
            let at = usize::from(u16::from_be_bytes(input.array())) % body.len();
            body[at] ^= input.byte();
        }
        2 => body.truncate(body.len().saturating_sub(input.byte().into())),
        3 => body.extend_from_slice(input.bytes()),
        _ => {}
    }
}

// ---- the server ----

/// The first byte says whether a handler is asked, and what it says; then come commands: any bytes, or HELLO and INITIATE
/// with one or the other part replaced, or damaged.
pub(crate) fn curve_server(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let mut server = server(settings & 1 != 0);
    // C', and the cookie, behind a HELLO.
    let mut greeted: Option<(PublicKey, Vec<u8>)> = None;
    while !input.is_empty() {
        assert!(!server.is_received() && !server.is_complete());
        assert!(server.take_traffic().is_none() && server.poll_question().is_none());
        assert_eq!(server.poll_command(), Ok(None));
        let cookie = greeted.as_ref().map_or(&[0; 96][..], |(_, cookie)| cookie);
        let body = command_for_server(&mut input, cookie);
        let answer = server.handle_command(&body);
        match &greeted {
            None => {
                let expected = hello_by_the_letter(&body);
                assert_eq!(answer, expected.map(|_| None));
                let Ok(client) = expected else {
                    return;
                };
                let welcome = server.poll_command().expect("memory").expect("WELCOME");
                let text = welcome_by_the_letter(&welcome, &client).expect("it opens");
                assert_eq!(text[..32], secret(OF_SERVER).public_key());
                greeted = Some((client, text[32..].to_vec()));
            }
            Some((client, cookie)) => {
                let expected = initiate_by_the_letter(&body, client, cookie);
                assert_eq!(answer, expected.clone().map(|(_, metadata)| Some(metadata)));
                if let Ok((claimed, _)) = expected {
                    let counter = u64::from_be_bytes(body[105..113].try_into().expect("8 bytes"));
                    return initiated(server, settings, client, claimed, counter);
                }
                return;
            }
        }
    }
}

fn command_for_server(input: &mut Input<'_>, cookie: &[u8]) -> Vec<u8> {
    let choice = input.byte();
    let mut body = match choice & 3 {
        0 => input.long_bytes().to_vec(),
        1 => {
            let which = input.byte();
            let version = part(input, which, 1, [1, 0]);
            let padding = part(input, which, 2, [0; 72]);
            let client = part(input, which, 4, secret(OF_CLIENT).public_key());
            let counter = part(input, which, 8, 1_u64.to_be_bytes());
            let text = part(input, which, 16, [0; 64]);
            let public = secret(SERVER).public_key();
            let nonce = [&b"CurveZMQHELLO---"[..], &counter];
            let sealed = boxed(&public, &secret(OF_CLIENT), nonce, &text);
            let front = [b"\x05HELLO", &version[..], &padding, &client, &counter];
            [front.concat(), sealed].concat()
        }
        _ => {
            let which = input.byte();
            let mut own_cookie = part(input, which, 1, [0; 96]);
            if which & 1 == 0 {
                own_cookie.copy_from_slice(cookie);
            }
            let counter = part(input, which, 2, 2_u64.to_be_bytes());
            let claimed = part(input, which, 4, secret(CLIENT).public_key());
            let vouched = [
                part(input, which, 8, secret(OF_CLIENT).public_key()),
                part(input, which, 16, secret(SERVER).public_key()),
            ];
            let lot = part(input, which, 32, [0xC3; 16]);
            let public = secret(OF_SERVER).public_key();
            // Somebody else's vouch.
            let voucher = if choice & 4 == 0 { CLIENT } else { OF_CLIENT };
            let vouched = vouched.concat();
            let vouch = boxed(&public, &secret(voucher), [b"VOUCH---", &lot], &vouched);
            let mut text = [&claimed[..], &lot, &vouch, PUSH].concat();
            if choice & 8 != 0 {
                text.truncate(128);
                damage(input, which >> 2, &mut text);
                text.extend_from_slice(input.bytes());
            }
            let nonce = [&b"CurveZMQINITIATE"[..], &counter];
            let sealed = boxed(&public, &secret(OF_CLIENT), nonce, &text);
            [&b"\x08INITIATE"[..], &own_cookie, &counter, &sealed].concat()
        }
    };
    damage(input, choice, &mut body);
    body
}

/// C'.
fn hello_by_the_letter(body: &[u8]) -> Result<PublicKey, ProtocolError> {
    if !is_named(body) {
        return Err(ProtocolError::MalformedCommand);
    }
    if !body.starts_with(b"\x05HELLO") {
        return Err(ProtocolError::UnexpectedCommand);
    }
    if body.len() != 200 || body[6..8] != [1, 0] {
        return Err(ProtocolError::MalformedHello);
    }
    let nonce = [b"CurveZMQHELLO---", &body[112..120]];
    opened(&body[80..112], &secret(SERVER), nonce, &body[120..])
        .map(|_| body[80..112].try_into().expect("a key"))
        .ok_or(ProtocolError::Cryptographic)
}

/// S' and the cookie.
fn welcome_by_the_letter(body: &[u8], client: &PublicKey) -> Option<Vec<u8>> {
    if body.len() != 168 || !body.starts_with(b"\x07WELCOME") {
        return None;
    }
    let nonce = [b"WELCOME-", &body[8..24]];
    opened(client, &secret(SERVER), nonce, &body[24..])
}

/// C and the metadata.
fn initiate_by_the_letter(
    body: &[u8],
    client: &PublicKey,
    cookie: &[u8],
) -> Result<(PublicKey, Vec<u8>), ProtocolError> {
    if !is_named(body) {
        return Err(ProtocolError::MalformedCommand);
    }
    if !body.starts_with(b"\x08INITIATE") {
        return Err(ProtocolError::UnexpectedCommand);
    }
    if body.len() < 257 {
        return Err(ProtocolError::MalformedInitiate);
    }
    let error = ProtocolError::Cryptographic;
    // Nobody but the server can make one.
    if body[9..105] != *cookie {
        return Err(error);
    }
    let own = secret(OF_SERVER);
    let nonce = [b"CurveZMQINITIATE", &body[105..113]];
    let text = opened(client, &own, nonce, &body[113..]).ok_or(error)?;
    let (claimed, nonce) = (&text[..32], [b"VOUCH---", &text[32..48]]);
    let vouched = opened(claimed, &own, nonce, &text[48..128]).ok_or(error)?;
    if vouched[..32] != *client || vouched[32..] != secret(SERVER).public_key() {
        return Err(ProtocolError::KeyExchange);
    }
    let claimed = claimed.try_into().expect("a key");
    Ok((claimed, text[128..].to_vec()))
}

/// A server behind an INITIATE that was accepted.
fn initiated(
    mut server: Server,
    settings: u8,
    client: &PublicKey,
    claimed: PublicKey,
    counter: u64,
) {
    if settings & 1 != 0 {
        // Nothing is said before the answer.
        assert!(!server.is_received());
        assert_eq!(server.poll_command(), Ok(None));
        let question = Question {
            mechanism: "CURVE",
            credentials: vec![claimed.to_vec()],
        };
        assert_eq!(server.poll_question(), Some(question));
        let verdict = verdict(settings >> 1);
        server.handle_verdict(verdict);
        if verdict != Verdict::Welcome {
            let error = reason(verdict).map(|reason| [b"\x05ERROR\x03", reason].concat());
            assert_eq!(server.poll_command(), Ok(error));
            assert_eq!(server.poll_command(), Ok(None));
            return assert!(!server.is_complete() && server.take_traffic().is_none());
        }
    }
    assert_eq!(server.poll_question(), None);
    assert!(server.is_received() && !server.is_complete());
    let ready = server.poll_command().expect("memory").expect("READY");
    assert!(ready.starts_with(b"\x05READY\0\0\0\0\0\0\0\x01"));
    let own = secret(OF_SERVER);
    let nonce = [b"CurveZMQREADY---", &ready[6..14]];
    assert_eq!(
        opened(client, &own, nonce, &ready[14..]).as_deref(),
        Some(PULL)
    );
    let mut cipher = server.take_traffic().expect("traffic").cipher();
    assert!(server.is_complete() && server.take_traffic().is_none());

    // What the server says is for the client; what the client says counts on from INITIATE.
    let mut message = vec![0; 33 + 5];
    cipher.seal(mechanism::Cipher::MORE, b"world", &mut message);
    assert!(message.starts_with(b"\x07MESSAGE\0\0\0\0\0\0\0\x02"));
    let nonce = [b"CurveZMQMESSAGES", &message[8..16]];
    let text = opened(client, &own, nonce, &message[16..]);
    assert_eq!(text.as_deref(), Some(&b"\x01world"[..]));
    for next in [counter, counter.saturating_add(1)] {
        let next_bytes = next.to_be_bytes();
        let nonce = [&b"CurveZMQMESSAGEC"[..], &next_bytes];
        let sealed = boxed(client, &own, nonce, b"\0hello");
        let message = [&b"\x07MESSAGE"[..], &next_bytes, &sealed].concat();
        let mut body = [0; 5];
        let flags = cipher.open(Envelope::parse(&message).expect("a MESSAGE"), &mut body);
        match next > counter {
            true => assert_eq!((flags, &body), (Ok(0), b"hello")),
            false => assert_eq!(flags, Err(ProtocolError::InvalidSequence)),
        }
    }
}

// ---- the client ----

/// Commands: any bytes, or WELCOME and READY with one or the other part replaced, or damaged.
pub(crate) fn curve_client(data: &[u8]) {
    let mut input = Input::new(data);
    let mut client = client();
    let hello = client.poll_command().expect("keys").expect("HELLO");
    let own = secret(OF_CLIENT);
    let public = own.public_key();
    assert_eq!(hello_by_the_letter(&hello), Ok(public));
    // S'.
    let mut welcomed: Option<PublicKey> = None;
    while !input.is_empty() {
        assert!(!client.is_received() && !client.is_complete() && client.take_traffic().is_none());
        assert_eq!(client.poll_command(), Ok(None));
        let body = command_for_client(&mut input, &public);
        let answer = client.handle_command(&body);
        if body.starts_with(b"\x07WELCOME") {
            if welcomed.is_some() {
                return assert_eq!(answer, Err(ProtocolError::UnexpectedCommand));
            }
            let Some(text) = welcome_by_the_letter(&body, &public) else {
                return assert_eq!(answer, Err(ProtocolError::Cryptographic));
            };
            assert_eq!(answer, Ok(None));
            let server: PublicKey = text[..32].try_into().expect("a key");
            let initiate = client.poll_command();
            if BoxKey::between(&server, &own).is_none() {
                return assert_eq!(initiate, Err(ProtocolError::Cryptographic));
            }
            let initiate = initiate.expect("keys").expect("INITIATE");
            assert_eq!((initiate.len(), &initiate[9..105]), (277, &text[32..]));
            if server == secret(OF_SERVER).public_key() {
                let expected = (secret(CLIENT).public_key(), PUSH.to_vec());
                let read = initiate_by_the_letter(&initiate, &public, &text[32..]);
                assert_eq!(read, Ok(expected));
            }
            welcomed = Some(server);
            continue;
        }
        if !body.starts_with(b"\x05READY") {
            let expected = match body.strip_prefix(b"\x05ERROR") {
                Some(data) => refusal(data),
                None => ProtocolError::UnexpectedCommand,
            };
            return assert_eq!(answer, Err(expected));
        }
        let Some(server) = welcomed else {
            return assert_eq!(answer, Err(ProtocolError::UnexpectedCommand));
        };
        if body.len() < 30 {
            return assert_eq!(answer, Err(ProtocolError::MalformedReady));
        }
        let nonce = [b"CurveZMQREADY---", &body[6..14]];
        let Some(metadata) = opened(&server, &own, nonce, &body[14..]) else {
            return assert_eq!(answer, Err(ProtocolError::Cryptographic));
        };
        assert_eq!(answer, Ok(Some(metadata)));
        assert!(client.is_received() && client.is_complete());
        assert!(client.take_traffic().is_some() && client.take_traffic().is_none());
        for late in [&body[..], b"\x05ERROR\x03400", b"\x07WELCOME"] {
            let late = client.handle_command(late);
            assert_eq!(late, Err(ProtocolError::UnexpectedCommand));
        }
        return;
    }
}

fn command_for_client(input: &mut Input<'_>, client: &PublicKey) -> Vec<u8> {
    let choice = input.byte();
    // Who does not have the server's key has another one.
    let secret_of = |usual: u8| secret(if choice & 4 == 0 { usual } else { CLIENT });
    let mut body = match choice & 3 {
        0 => input.long_bytes().to_vec(),
        1 => {
            let which = input.byte();
            let lot = part(input, which, 1, [0xB2; 16]);
            let server = part(input, which, 2, secret(OF_SERVER).public_key());
            let cookie = part(input, which, 4, [0xA1; 96]);
            let text = [&server[..], &cookie].concat();
            let sealed = boxed(client, &secret_of(SERVER), [b"WELCOME-", &lot], &text);
            [b"\x07WELCOME", &lot[..], &sealed].concat()
        }
        _ => {
            let which = input.byte();
            let counter = part(input, which, 1, 1_u64.to_be_bytes());
            let metadata = if which & 2 == 0 { PULL } else { input.bytes() };
            let nonce = [&b"CurveZMQREADY---"[..], &counter];
            let sealed = boxed(client, &secret_of(OF_SERVER), nonce, metadata);
            [b"\x05READY", &counter[..], &sealed].concat()
        }
    };
    damage(input, choice, &mut body);
    body
}
