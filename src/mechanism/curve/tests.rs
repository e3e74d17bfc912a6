//! Handshakes and traffic, with the keys and nonces of security.md section 4.6, and with others.

use super::fuzz::{CLIENT, OF_CLIENT, OF_SERVER, PULL, PUSH, SERVER};
use super::fuzz::{client, client_with, keys, secret, server};
use super::*;
use crate::mechanism::{self, Question, Refusal, SecurityHandshake, Verdict};
use crate::sodium::sha256;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.split_whitespace().collect();
    let digits = digits.concat();
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// As it is in use, and announces nothing.
fn server_of(secret: Secret) -> Server {
    let lots = ServerLots::draw().unwrap();
    Server::new(ServerKeys::of(secret), false, lots, Vec::new())
}

fn said(handshake: &mut dyn SecurityHandshake) -> Vec<u8> {
    handshake.poll_command().unwrap().expect("something to say")
}

/// Both ends, and all four commands.
struct Whole {
    client: Client,
    server: Server,
    hello: Vec<u8>,
    welcome: Vec<u8>,
    initiate: Vec<u8>,
    ready: Vec<u8>,
}

fn whole() -> Whole {
    let (mut client, mut server) = (client(), server(false));
    let hello = said(&mut client);
    assert_eq!(client.poll_command(), Ok(None));
    assert_eq!(server.poll_command(), Ok(None));
    assert_eq!(server.handle_command(&hello), Ok(None));
    let welcome = said(&mut server);
    assert_eq!(client.handle_command(&welcome), Ok(None));
    let initiate = said(&mut client);
    assert!(!server.is_received());
    assert_eq!(server.handle_command(&initiate), Ok(Some(PUSH.to_vec())));
    assert!(server.is_received() && !server.is_complete());
    assert_eq!(server.poll_question(), None);
    let ready = said(&mut server);
    assert!(server.is_complete() && !client.is_complete() && !client.is_received());
    assert_eq!(client.handle_command(&ready), Ok(Some(PULL.to_vec())));
    assert!(client.is_received() && client.is_complete());
    Whole {
        client,
        server,
        hello,
        welcome,
        initiate,
        ready,
    }
}

fn sealed(cipher: &mut Cipher, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0; body.len() + Cipher::OVERHEAD];
    cipher.seal(flags, body, &mut message);
    message
}

fn opened(cipher: &mut Cipher, message: &[u8]) -> Result<(u8, Vec<u8>), ProtocolError> {
    let envelope = Envelope::parse(message)?;
    let mut body = vec![0; envelope.body_length()];
    let flags = cipher.open(envelope, &mut body)?;
    Ok((flags, body))
}

/// The counter of a MESSAGE, for forgeries.
fn with_counter(mut message: Vec<u8>, counter: u64) -> Vec<u8> {
    message[8..16].copy_from_slice(&counter.to_be_bytes());
    message
}

#[test]
fn the_vectors() {
    let mut whole = whole();
    for (first, public) in [
        (
            SERVER,
            "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c",
        ),
        (
            CLIENT,
            "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b",
        ),
        (
            OF_CLIENT,
            "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466",
        ),
        (
            OF_SERVER,
            "244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49",
        ),
    ] {
        assert_eq!(secret(first).public_key(), *hex(public));
    }
    assert_eq!(
        whole.hello[120..],
        hex("baea222ddf8349a61ae5f09ff82e6b68fb7ae512d0f2deadd113580fa28702ce62029d36c7bb283b80487527e00ebba3
             80ca7e32ea1cd8a5fd5eae4189a38598573cf55be3f6c9e57647e56236541f94")
    );
    assert_eq!(
        whole.welcome[24..],
        hex("a64ab0c958e650b45a674719874bf7a1cff509b7a61d58c5893ca140d10c8469cc5c7fa0486c0b487c6de1bd4b29b383
             29071a6972a33680f822fbfa7a97c90431ae52df916f9ebda741eddeea373b10e45b43f92f262cf88404c45e2260889b
             c716f0cd80bd6114121f80e6018db5f465646f9d13b7e092914197568ee91f0e0c060fc40f646f866e9d0b510e56806c")
    );
    // The cookie comes back as it was sent.
    assert_eq!(whole.initiate[9..25], [0xA1; 16]);
    assert_eq!(
        whole.initiate[25..105],
        hex("5c42969e8e72bf68c125c0dec79cde32512abcac3bea66e2327bbc35ed0177f5b14013ec1546739206c2de0348a2ec2e
             8aa329c52cce3e6728c948d5e4c3ba7d01a6aba2460f9ea88e6f3e3dbc574fde")
    );
    assert_eq!(
        whole.initiate[113..],
        hex("2f1f15375385b0f1a63596c465341a334cdb4301112074fafdde36317da53cbd134893ba792dd895c1c7d6041e09c695
             a415703c121da5f68687e2da3712aa8c3c639afadf21643f2e24640f2da9f21e5ece74f7b0afb53c09891efc70686344
             dcadf03c9ab003648c5f26e7d7a84615db729ab14b97dcfb619e4df089c6ca6bc4a2ab29a2acba687a87db9515201cc7
             809cddc3ea2122cba635ffd37b8c2fbca5ea0584")
    );
    let key = BoxKey::between(&secret(OF_SERVER).public_key(), &secret(OF_CLIENT)).unwrap();
    let nonce = counted(INITIATE_NONCE, 2_u64.to_be_bytes());
    let text = open(&key, &nonce, &whole.initiate[113..]).unwrap();
    assert_eq!(
        text[48..128],
        hex("be8d5759acf0783af6ccc134d2ad9adf0d44e80c47826cfdfb99183ada89e2d5f077307e8a3c188efd30f96d14f004dc
             9366f041bdf2845446498fd68bee0719f7425a8c699bfc01780c7d7426115fa8")
    );
    assert_eq!(
        whole.ready,
        hex("05524541445900000000000000019905dd3dc3d5f6a933ecc82cb5ecb7bf3bcb18921ea0eb9a90d6a67ba3cec16ed7f6
             d7b3")
    );
    for (command, length, hash) in [
        (
            &whole.hello,
            200,
            "ebaee50e7cd610680bda3e519c6bf48574089c925248c6df652ba1715c72e036",
        ),
        (
            &whole.welcome,
            168,
            "860e1a12e97bb2dc8a12563957bde140269ef0a13ae7227c895d74ca3fe7d59a",
        ),
        (
            &whole.initiate,
            277,
            "339f1910a445ae7d2cf50edf29d8d64757906d4cfec92ea1edd16ab19cc3a9ac",
        ),
    ] {
        assert_eq!(command.len(), length);
        assert_eq!(sha256(command), *hex(hash));
    }

    let mut of_client = whole.client.take_traffic().unwrap().cipher();
    let mut of_server = whole.server.take_traffic().unwrap().cipher();
    let message = sealed(&mut of_client, 0, b"hello");
    let expected = "074d4553534147450000000000000003d509af6b933a256ebf82f70fba5f11bf0f7bc73a210c";
    assert_eq!(message, hex(expected));
    assert_eq!(opened(&mut of_server, &message), Ok((0, b"hello".to_vec())));
    let message = sealed(&mut of_server, mechanism::Cipher::MORE, b"world");
    let expected = "074d4553534147450000000000000002a087677a4f5cec53cdc9282a5f49dd9309f773366f5d";
    assert_eq!(message, hex(expected));
    assert_eq!(opened(&mut of_client, &message), Ok((1, b"world".to_vec())));
}

/// The session key of the vectors, by a box that it opens.
#[test]
fn the_session_key() {
    let key = "fad97f4c552999bded1d5887896dc849ad1ba9485b616188a9df62dce12b4603";
    let key = BoxKey::of(Secret::copy(hex(key).first_chunk().unwrap()));
    let nonce = counted(READY_NONCE, 1_u64.to_be_bytes());
    assert_eq!(open(&key, &nonce, &whole().ready[14..]), Ok(PULL.to_vec()));
}

#[test]
fn keys_are_drawn_anew() {
    let keys = ClientKeys {
        server: secret(SERVER).public_key(),
        ..ClientKeys::default()
    };
    let mut hellos = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut client = Client::new(keys.clone(), ClientLots::draw().unwrap(), Vec::new());
        let hello = said(&mut client);
        assert!(hellos.insert(hello[80..112].to_vec()));
        let mut server = server_of(secret(SERVER));
        server.handle_command(&hello).unwrap();
        assert!(hellos.insert(said(&mut server)));
    }
}

#[test]
fn who_is_asked_for_is_the_client_by_its_key() {
    let question = Question {
        mechanism: "CURVE",
        credentials: vec![secret(CLIENT).public_key().to_vec()],
    };
    let asked = || {
        let Whole {
            hello, initiate, ..
        } = whole();
        let mut server = server(true);
        server.handle_command(&hello).unwrap();
        server.poll_command().unwrap();
        assert_eq!(server.poll_question(), None);
        assert_eq!(server.handle_command(&initiate), Ok(Some(PUSH.to_vec())));
        assert_eq!(server.poll_question(), Some(question.clone()));
        assert_eq!(server.poll_question(), None);
        assert_eq!(server.poll_command(), Ok(None));
        assert!(!server.is_received());
        server
    };
    let mut welcomed = asked();
    let out_of_turn = Err(ProtocolError::OutOfTurn);
    assert_eq!(welcomed.handle_command(b"\x07MESSAGE"), out_of_turn);
    welcomed.handle_verdict(Verdict::Welcome);
    assert!(welcomed.is_received());
    assert_eq!(said(&mut welcomed), whole().ready);
    assert!(welcomed.take_traffic().is_some() && welcomed.take_traffic().is_none());
    for (refusal, told) in [
        (Refusal::Authentication, Some(b"\x05ERROR\x03400".to_vec())),
        (Refusal::Internal, Some(b"\x05ERROR\x03500".to_vec())),
        (Refusal::Temporary, None),
    ] {
        let mut refused = asked();
        refused.handle_verdict(Verdict::Refused(refusal));
        assert_eq!(refused.poll_command(), Ok(told));
        assert_eq!(refused.poll_command(), Ok(None));
        assert!(!refused.is_complete() && refused.take_traffic().is_none());
    }
}

/// Every bit counts, but for the padding of HELLO.
#[test]
fn changed_commands_are_refused() {
    let whole = whole();
    for at in 0..whole.hello.len() * 8 {
        let mut hello = whole.hello.clone();
        hello[at / 8] ^= 1 << (at % 8);
        let padding = (8..80).contains(&(at / 8));
        // X25519 ignores the topmost bit of a public key: it is the same key, but the cookie is another's.
        let same_key = at == 111 * 8 + 7;
        let taken = server(false).handle_command(&hello).is_ok();
        assert_eq!(taken, padding || same_key, "bit {at} of HELLO");
    }
    for at in 0..whole.welcome.len() * 8 {
        let mut client = client();
        client.poll_command().unwrap();
        let mut welcome = whole.welcome.clone();
        welcome[at / 8] ^= 1 << (at % 8);
        assert!(
            client.handle_command(&welcome).is_err(),
            "bit {at} of WELCOME"
        );
    }
    for at in 0..whole.initiate.len() * 8 {
        let mut server = server(false);
        server.handle_command(&whole.hello).unwrap();
        server.poll_command().unwrap();
        let mut initiate = whole.initiate.clone();
        initiate[at / 8] ^= 1 << (at % 8);
        assert!(
            server.handle_command(&initiate).is_err(),
            "bit {at} of INITIATE"
        );
    }
    for at in 0..whole.ready.len() * 8 {
        let mut client = client();
        client.poll_command().unwrap();
        client.handle_command(&whole.welcome).unwrap();
        client.poll_command().unwrap();
        let mut ready = whole.ready.clone();
        ready[at / 8] ^= 1 << (at % 8);
        assert!(client.handle_command(&ready).is_err(), "bit {at} of READY");
    }
}

/// As far as they are longer than the least that the layout asks for, their end is missed by the box.
#[test]
fn cut_commands_are_refused() {
    use ProtocolError::{Cryptographic, MalformedCommand, MalformedHello, MalformedInitiate};
    use ProtocolError::{MalformedReady, UnexpectedCommand};
    let whole = whole();
    for end in 0..whole.hello.len() {
        let expected = if end < 6 {
            MalformedCommand
        } else {
            MalformedHello
        };
        let cut = &whole.hello[..end];
        assert_eq!(server(false).handle_command(cut), Err(expected), "{end}");
    }
    let longer = [&whole.hello[..], b"x"].concat();
    assert_eq!(server(false).handle_command(&longer), Err(MalformedHello));
    for end in 0..=whole.welcome.len() {
        let mut client = client();
        client.poll_command().unwrap();
        let cut = [&whole.welcome[..end], if end == 168 { b"x" } else { b"" }].concat();
        let expected = if end < 8 {
            UnexpectedCommand
        } else {
            Cryptographic
        };
        assert_eq!(client.handle_command(&cut), Err(expected), "{end}");
    }
    for end in 0..whole.initiate.len() {
        let mut server = server(false);
        server.handle_command(&whole.hello).unwrap();
        server.poll_command().unwrap();
        let expected = match end {
            ..9 => MalformedCommand,
            9..257 => MalformedInitiate,
            _ => Cryptographic,
        };
        let cut = &whole.initiate[..end];
        assert_eq!(server.handle_command(cut), Err(expected), "{end}");
    }
    for end in 0..whole.ready.len() {
        let mut client = client();
        client.poll_command().unwrap();
        client.handle_command(&whole.welcome).unwrap();
        client.poll_command().unwrap();
        let expected = match end {
            ..6 => UnexpectedCommand,
            6..30 => MalformedReady,
            _ => Cryptographic,
        };
        let cut = &whole.ready[..end];
        assert_eq!(client.handle_command(cut), Err(expected), "{end}");
    }
}

/// security.md section 4.1: counters of the handshake are not compared with anything.
#[test]
fn a_hello_has_any_counter() {
    let key = BoxKey::between(&secret(SERVER).public_key(), &secret(OF_CLIENT)).unwrap();
    for counter in [0_u64, 1, 77, u64::MAX] {
        let counter = counter.to_be_bytes();
        let mut hello = whole().hello;
        hello[112..120].copy_from_slice(&counter);
        // Nor is what is sealed in it.
        let sealed = seal(&key, &counted(HELLO_NONCE, counter), &[9; 64]).unwrap();
        hello[120..].copy_from_slice(&sealed);
        assert_eq!(server(false).handle_command(&hello), Ok(None));
    }
}

/// An INITIATE as a client might make it, to a server that has sent its WELCOME.
fn initiated(
    cookie: impl FnOnce(&mut [u8]),
    vouched: [&[u8]; 2],
    voucher: u8,
    metadata: &[u8],
) -> Result<Option<Vec<u8>>, ProtocolError> {
    let Whole {
        hello, initiate, ..
    } = whole();
    let mut server = server(false);
    server.handle_command(&hello).unwrap();
    server.poll_command().unwrap();
    let of_server = secret(OF_SERVER).public_key();
    let vouches = BoxKey::between(&of_server, &secret(voucher)).unwrap();
    let lot = [0xC3; 16];
    let vouch = seal(&vouches, &drawn(VOUCH_NONCE, lot), &vouched.concat()).unwrap();
    let public = secret(CLIENT).public_key();
    let text = [&public[..], &lot, &vouch, metadata].concat();
    let key = BoxKey::between(&of_server, &secret(OF_CLIENT)).unwrap();
    let counter = 9_u64.to_be_bytes();
    let sealed = seal(&key, &counted(INITIATE_NONCE, counter), &text).unwrap();
    let mut body = [&initiate[..105], &counter, &sealed].concat();
    cookie(&mut body[9..105]);
    server.handle_command(&body)
}

#[test]
fn a_vouch_is_for_this_connection_and_this_server() {
    let c = secret(OF_CLIENT).public_key();
    let s = secret(SERVER).public_key();
    let as_it_came = |_: &mut [u8]| {};
    let refused = |error| Err::<Option<Vec<u8>>, _>(error);
    for metadata in [b"".as_slice(), PUSH] {
        let taken = initiated(as_it_came, [&c, &s], CLIENT, metadata);
        assert_eq!(taken, Ok(Some(metadata.to_vec())));
    }
    let other = secret(0xA1).public_key();
    let exchanged = refused(ProtocolError::KeyExchange);
    assert_eq!(initiated(as_it_came, [&other, &s], CLIENT, PUSH), exchanged);
    assert_eq!(initiated(as_it_came, [&c, &other], CLIENT, PUSH), exchanged);
    let cryptographic = refused(ProtocolError::Cryptographic);
    assert_eq!(initiated(as_it_came, [&c, &s], 0xA1, PUSH), cryptographic);
}

/// One that another connection got, or whose content was exchanged by who knows the key.
#[test]
fn a_cookie_is_that_of_this_connection() {
    let c = secret(OF_CLIENT).public_key();
    let s = secret(SERVER).public_key();
    for (key, public, own) in [
        (0x82, OF_CLIENT, OF_SERVER),
        (0x81, OF_SERVER, OF_SERVER),
        (0x81, OF_CLIENT, OF_CLIENT),
    ] {
        let other = |cookie: &mut [u8]| {
            let content = [&secret(public).public_key()[..], secret(own).bytes()].concat();
            let nonce = drawn(COOKIE_NONCE, [0xA1; 16]);
            let sealed = seal(&BoxKey::of(secret(key)), &nonce, &content).unwrap();
            cookie[16..].copy_from_slice(&sealed);
        };
        let result = initiated(other, [&c, &s], CLIENT, PUSH);
        assert_eq!(result, Err(ProtocolError::Cryptographic));
    }
}

#[test]
fn commands_out_of_turn() {
    use ProtocolError::{MalformedCommand, OutOfTurn, UnexpectedCommand};
    let mut whole = whole();
    for (body, expected) in [
        (b"".as_slice(), MalformedCommand),
        (b"\0", MalformedCommand),
        (b"\x05HELL", MalformedCommand),
        (b"\x05HELLo", UnexpectedCommand),
        (&whole.initiate, UnexpectedCommand),
        (b"\x05ERROR\x03400", UnexpectedCommand),
    ] {
        assert_eq!(
            server(false).handle_command(body),
            Err(expected),
            "{body:?}"
        );
    }
    let mut greeted = server(false);
    greeted.handle_command(&whole.hello).unwrap();
    let again = greeted.handle_command(&whole.hello);
    assert_eq!(again, Err(OutOfTurn), "before WELCOME");
    greeted.poll_command().unwrap();
    let again = greeted.handle_command(&whole.hello);
    assert_eq!(again, Err(UnexpectedCommand), "instead of INITIATE");
    let again = whole.server.handle_command(&whole.initiate);
    assert_eq!(again, Err(OutOfTurn), "behind READY");

    let unexpected = Err(UnexpectedCommand);
    for body in [&whole.hello[..], &whole.ready, b"", b"\x07MESSAGE"] {
        let mut client = client();
        client.poll_command().unwrap();
        assert_eq!(client.handle_command(body), unexpected);
    }
    let mut client = client();
    assert_eq!(client.handle_command(b"\x05ERROR\x03400"), unexpected);
    client.poll_command().unwrap();
    client.handle_command(&whole.welcome).unwrap();
    assert_eq!(client.handle_command(&whole.welcome), unexpected);
    client.poll_command().unwrap();
    assert_eq!(client.handle_command(&whole.welcome), unexpected);
    assert_eq!(whole.client.handle_command(&whole.ready), unexpected);
}

#[test]
fn errors_are_heard_while_an_answer_is_awaited() {
    use ProtocolError::{MalformedError, Refused};
    for (body, expected) in [
        (
            b"\x05ERROR\x03400".as_slice(),
            Refused { status: Some(400) },
        ),
        (b"\x05ERROR\x03999", Refused { status: None }),
        (b"\x05ERROR", MalformedError),
        (b"\x05ERROR\x0440", MalformedError),
    ] {
        let mut client = client();
        client.poll_command().unwrap();
        assert_eq!(client.handle_command(body), Err(expected));
        client.handle_command(&whole().welcome).unwrap();
        client.poll_command().unwrap();
        assert_eq!(client.handle_command(body), Err(expected));
    }
}

/// security.md section 4.5.
#[test]
fn missing_and_wrong_keys() {
    let cryptographic = Err(ProtocolError::Cryptographic);
    let right = keys();
    // No key of the server: there is nothing that could be said.
    let keys = ClientKeys {
        server: [0; 32],
        ..right.clone()
    };
    assert_eq!(client_with(keys).poll_command(), cryptographic);
    let keys = ClientKeys {
        server: secret(0xA1).public_key(),
        ..right.clone()
    };
    let hello = said(&mut client_with(keys));
    assert!(server(false).handle_command(&hello) == Err(ProtocolError::Cryptographic));
    let mut keyless = server_of(Secret::blank());
    let hello = said(&mut client());
    assert!(keyless.handle_command(&hello) == Err(ProtocolError::Cryptographic));
    // A pair that does not belong together, and none.
    for (public, own) in [
        (secret(0xA1).public_key(), secret(CLIENT)),
        ([0; 32], Secret::blank()),
    ] {
        let mut client = client_with(ClientKeys {
            public,
            secret: own,
            ..right.clone()
        });
        let mut server = server(false);
        server.handle_command(&said(&mut client)).unwrap();
        client.handle_command(&said(&mut server)).unwrap();
        let result = server.handle_command(&said(&mut client));
        assert_eq!(result, Err(ProtocolError::Cryptographic));
    }
}

#[test]
fn counters_of_traffic_grow() {
    let mut whole = whole();
    let mut of_client = whole.client.take_traffic().unwrap().cipher();
    let mut of_server = whole.server.take_traffic().unwrap().cipher();
    let messages: Vec<_> = (0..5_u8)
        .map(|flags| sealed(&mut of_client, flags, &[flags; 3]))
        .collect();
    assert_eq!(opened(&mut of_server, &messages[0]), Ok((0, vec![0; 3])));
    // Gaps are allowed.
    assert_eq!(opened(&mut of_server, &messages[3]), Ok((3, vec![3; 3])));
    for old in [3, 2, 0] {
        let replayed = opened(&mut of_server, &messages[old]);
        assert_eq!(replayed, Err(ProtocolError::InvalidSequence));
    }
    // A number alone opens nothing, and moves nothing.
    let forged = with_counter(messages[4].clone(), 1000);
    let cryptographic = Err(ProtocolError::Cryptographic);
    assert_eq!(opened(&mut of_server, &forged), cryptographic);
    assert_eq!(opened(&mut of_server, &messages[4]), Ok((4, vec![4; 3])));
    // What one sends comes back.
    let own = sealed(&mut of_server, 0, b"own");
    assert_eq!(
        opened(&mut of_server, &with_counter(own, 1000)),
        cryptographic
    );
}

#[test]
fn what_is_no_message() {
    use ProtocolError::{Cryptographic, MalformedCommand, MalformedMessage, UnexpectedCommand};
    let mut whole = whole();
    let mut of_client = whole.client.take_traffic().unwrap().cipher();
    let mut of_server = whole.server.take_traffic().unwrap().cipher();
    let message = sealed(&mut of_client, 0, b"");
    assert_eq!(message.len(), Cipher::OVERHEAD);
    for (body, expected) in [
        (b"".as_slice(), MalformedCommand),
        (b"hello", MalformedCommand),
        (b"\x07MESSAG", MalformedCommand),
        (b"\x07message", UnexpectedCommand),
        (b"\x05READY", UnexpectedCommand),
        (b"\x07MESSAGE", MalformedMessage),
        (&message[..32], MalformedMessage),
        (&[&message[..], b"x"].concat(), Cryptographic),
    ] {
        assert_eq!(opened(&mut of_server, body), Err(expected), "{body:?}");
    }
    for at in 0..message.len() * 8 {
        let mut changed = message.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(opened(&mut of_server, &changed).is_err(), "bit {at}");
    }
    assert_eq!(opened(&mut of_server, &message), Ok((0, Vec::new())));
}
