//! Handshakes and traffic over contexts that agree at once, and on nothing secret.

use super::*;
use crate::mechanism::{self, Question, Refusal, SecurityHandshake, Verdict};

const PUSH: &[u8] = b"\x0bSocket-Type\0\0\0\x04PUSH";
const PULL: &[u8] = b"\x0bSocket-Type\0\0\0\x04PULL";

/// A context that is complete after a number of steps: tokens are `1`, `2` and so on.
#[derive(Debug)]
pub(crate) struct Fake {
    next: u8,
    /// The number of the last token of all.
    last: u8,
    is_broken: bool,
}

impl Fake {
    fn initiator(last: u8) -> Context {
        Box::new(Self {
            next: 1,
            last,
            is_broken: false,
        })
    }

    fn acceptor(last: u8) -> Context {
        Box::new(Self {
            next: 2,
            last,
            is_broken: false,
        })
    }

    fn broken() -> Context {
        Box::new(Self {
            next: 1,
            last: 2,
            is_broken: true,
        })
    }

    /// The last token was sent, or taken.
    fn is_complete(&self) -> bool {
        self.next >= self.last + 2
    }

    fn complete() -> Context {
        Box::new(Self {
            next: 2,
            last: 0,
            is_broken: false,
        })
    }
}

const MARK: &[u8] = b"sealed:";

impl SecurityContext for Fake {
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failed> {
        let expected = self.next.checked_sub(1).filter(|number| *number > 0);
        let fits = token.map(<[u8]>::to_vec) == expected.map(|number| vec![b'0' + number]);
        if self.is_broken || !fits {
            return Err(Failed);
        }
        let says = self.next <= self.last;
        let token = if says {
            vec![b'0' + self.next]
        } else {
            Vec::new()
        };
        self.next += 2;
        Ok(Step {
            token,
            is_complete: self.is_complete(),
        })
    }

    fn wrap(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Failed> {
        if self.is_broken || !self.is_complete() {
            return Err(Failed);
        }
        out.extend_from_slice(MARK);
        out.extend(text.iter().map(|byte| byte ^ 0x55));
        Ok(())
    }

    fn unwrap(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        let text = sealed.strip_prefix(MARK).ok_or(Failed)?;
        Ok(text.iter().map(|byte| byte ^ 0x55).collect())
    }

    fn initiator(&self) -> Result<Vec<u8>, Failed> {
        match self.is_broken {
            true => Err(Failed),
            false => Ok(b"somebody@REALM".to_vec()),
        }
    }
}

fn client(plain: bool) -> Client {
    Client::new(Fake::initiator(2), plain, PUSH.to_vec())
}

fn server(plain: bool) -> Server {
    Server::new(Fake::acceptor(2), plain, PULL.to_vec())
}

/// Does the work that there is.
fn work(handshake: &mut dyn SecurityHandshake) {
    assert!(handshake.has_work());
    assert_eq!(handshake.poll_command(), Ok(None));
    let work = handshake.take_work().expect("work");
    assert!(handshake.take_work().is_none() && !handshake.has_work());
    assert!(handshake.is_working());
    handshake.handle_worked(work());
    assert!(!handshake.is_working());
}

fn said(handshake: &mut dyn SecurityHandshake) -> Vec<u8> {
    handshake.poll_command().unwrap().expect("something to say")
}

fn message(text: &[u8]) -> Vec<u8> {
    let sealed: Vec<_> = text.iter().map(|byte| byte ^ 0x55).collect();
    let length = (MARK.len() + sealed.len()) as u32;
    [MESSAGE, &length.to_be_bytes(), MARK, &sealed].concat()
}

/// Up to the question.
fn up_to_question(client: &mut Client, server: &mut Server) -> Question {
    work(client);
    let initiate = said(client);
    assert_eq!(initiate, b"\x08INITIATE\0\0\0\x011");
    assert_eq!(server.handle_command(&initiate), Ok(None));
    work(server);
    let answer = said(server);
    assert_eq!(answer, b"\x08INITIATE\0\0\0\x012");
    assert_eq!(server.poll_question(), None);
    assert_eq!(client.handle_command(&answer), Ok(None));
    work(client);
    // The last step gave no token.
    let end = said(client);
    assert!(end.is_empty());
    assert_eq!(server.handle_command(&end), Ok(None));
    let question = server.poll_question().expect("a question");
    assert_eq!(server.poll_question(), None);
    assert_eq!(server.poll_command(), Ok(None));
    question
}

fn cipher(handshake: &mut dyn SecurityHandshake) -> Cipher {
    match handshake.take_traffic() {
        Some(Traffic::Sealed(mechanism::Cipher::Gssapi(cipher))) => cipher,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handshake_and_traffic() {
    let (mut client, mut server) = (client(false), server(false));
    let question = up_to_question(&mut client, &mut server);
    assert_eq!(question.mechanism, "GSSAPI");
    assert_eq!(question.credentials, [b"somebody@REALM".to_vec()]);
    server.handle_verdict(Verdict::Welcome);
    let ready = said(&mut server);
    assert_eq!(ready, message(&[b"\0\x05READY", PULL].concat()));
    assert!(!server.is_received() && !server.is_complete() && !client.is_received());
    assert_eq!(client.handle_command(&ready), Ok(Some(PULL.to_vec())));
    assert!(client.is_received() && !client.is_complete());
    let ready = said(&mut client);
    assert_eq!(ready, message(&[b"\0\x05READY", PUSH].concat()));
    assert!(client.is_complete());
    assert_eq!(server.handle_command(&ready), Ok(Some(PUSH.to_vec())));
    assert!(server.is_received() && server.is_complete());
    assert_eq!(
        (client.poll_command(), server.poll_command()),
        (Ok(None), Ok(None))
    );

    let (mut of_client, mut of_server) = (cipher(&mut client), cipher(&mut server));
    assert!(client.take_traffic().is_none());
    let sealed = of_client.seal(mechanism::Cipher::MORE, b"hello").unwrap();
    assert_eq!(sealed, message(b"\x01hello"));
    let opened = of_server.open(&sealed).unwrap();
    assert_eq!((opened.flags, opened.body()), (1, b"hello".as_slice()));
    let empty = of_server.seal(0, b"").unwrap();
    assert!(of_client.open(&empty).unwrap().body().is_empty());
}

/// READY in clear, and no cipher.
#[test]
fn plaintext() {
    let (mut client, mut server) = (client(true), server(true));
    up_to_question(&mut client, &mut server);
    server.handle_verdict(Verdict::Welcome);
    let ready = said(&mut server);
    assert_eq!(ready, [b"\x05READY", PULL].concat());
    assert_eq!(client.handle_command(&ready), Ok(Some(PULL.to_vec())));
    let ready = said(&mut client);
    assert_eq!(server.handle_command(&ready), Ok(Some(PUSH.to_vec())));
    assert!(client.is_complete() && server.is_complete());
    assert!(matches!(client.take_traffic(), Some(Traffic::Clear)));
    assert!(matches!(server.take_traffic(), Some(Traffic::Clear)));
}

/// The client's last step gives a token, which is the end of tokens, too.
#[test]
fn three_tokens() {
    let mut client = Client::new(Fake::initiator(3), false, PUSH.to_vec());
    let mut server = Server::new(Fake::acceptor(3), false, PULL.to_vec());
    work(&mut client);
    server.handle_command(&said(&mut client)).unwrap();
    work(&mut server);
    client.handle_command(&said(&mut server)).unwrap();
    work(&mut client);
    let third = said(&mut client);
    assert_eq!(third, b"\x08INITIATE\0\0\0\x013");
    server.handle_command(&third).unwrap();
    work(&mut server);
    // No token; the server waits for another command, unread.
    assert_eq!(server.poll_command(), Ok(None));
    server.handle_command(b"").unwrap();
    assert!(server.poll_question().is_some());
}

/// Nobody is told, and nothing follows.
#[test]
fn who_is_refused() {
    for refusal in [
        Refusal::Temporary,
        Refusal::Authentication,
        Refusal::Internal,
    ] {
        let (mut client, mut server) = (client(false), server(false));
        up_to_question(&mut client, &mut server);
        server.handle_verdict(Verdict::Refused(refusal));
        assert_eq!(server.poll_command(), Ok(None));
        server.handle_verdict(Verdict::Welcome);
        assert_eq!(server.poll_command(), Ok(None));
        assert!(!server.is_complete() && !server.is_received());
        assert_eq!(server.handle_command(b""), Err(ProtocolError::OutOfTurn));
    }
}

/// A context that fails says so to nobody: the handshake's time limit ends it.
#[test]
fn contexts_that_fail_are_silent() {
    let mut failed = Client::new(Fake::broken(), false, PUSH.to_vec());
    work(&mut failed);
    assert_eq!(failed.poll_command(), Ok(None));
    let token = b"\x08INITIATE\0\0\0\x012";
    assert_eq!(
        failed.handle_command(token),
        Err(ProtocolError::UnexpectedCommand)
    );

    let mut server = server(false);
    server.handle_command(b"\x08INITIATE\0\0\0\x019").unwrap();
    work(&mut server);
    assert_eq!(server.poll_command(), Ok(None));
    assert!(!server.has_work() && server.poll_question().is_none());
    assert_eq!(server.handle_command(token), Err(ProtocolError::OutOfTurn));

    // What nobody asked for.
    let mut other = client(false);
    other.handle_worked(Box::new(()));
    work(&mut other);
    assert!(other.poll_command().unwrap().is_some());
    let mut other = client(false);
    drop(other.take_work());
    other.handle_worked(Box::new(()));
    assert_eq!(other.poll_command(), Ok(None));
    assert!(!other.is_working());
}

fn awaits_token() -> Client {
    let mut client = client(false);
    work(&mut client);
    said(&mut client);
    client
}

#[test]
fn tokens_that_are_none() {
    use ProtocolError::*;
    for (body, error) in [
        (b"".as_slice(), MalformedCommand),
        (b"\x09INITIATE", MalformedCommand),
        (b"\x05READY", UnexpectedCommand),
        (b"\x08INITIATF\0\0\0\x011", UnexpectedCommand),
        (b"\x08INITIATE", MalformedInitiate),
        (b"\x08INITIATE\0\0\0", MalformedInitiate),
        (b"\x08INITIATE\0\0\0\x02x", MalformedInitiate),
        (b"\x08INITIATE\0\0\0\x01xy", MalformedInitiate),
        (b"\x08INITIATE\xff\xff\xff\xffxy", MalformedInitiate),
    ] {
        assert_eq!(server(false).handle_command(body), Err(error), "{body:?}");
        assert_eq!(awaits_token().handle_command(body), Err(error), "{body:?}");
    }
    // Before a token was sent.
    let token = b"\x08INITIATE\0\0\0\x012";
    assert_eq!(client(false).handle_command(token), Err(UnexpectedCommand));
}

/// A client that waits for READY, and a server.
fn await_ready(plain: bool) -> (Client, Server) {
    let (mut client, mut server) = (client(plain), server(plain));
    up_to_question(&mut client, &mut server);
    server.handle_verdict(Verdict::Welcome);
    said(&mut server);
    (client, server)
}

#[test]
fn what_is_wrong_with_ready() {
    use ProtocolError::*;
    let ready = message(&[b"\0\x05READY", PUSH].concat());
    let mut forged = ready.clone();
    forged[12] ^= 1;
    for (body, error) in [
        (b"".as_slice(), MalformedCommand),
        (b"\x05READY", UnexpectedCommand),
        (b"\x08INITIATE\0\0\0\x012", UnexpectedCommand),
        (b"\x07MESSAGE", MalformedMessage),
        (b"\x07MESSAGE\0\0\0\x01", MalformedMessage),
        (&ready[..ready.len() - 1], MalformedMessage),
        (&forged, Cryptographic),
        (&message(b""), MalformedMessage),
        (&message(b"\0"), MalformedCommand),
        (&message(b"\0\x05READ"), MalformedCommand),
        (&message(b"\0\x05HELLO"), UnexpectedCommand),
    ] {
        let (mut client, mut server) = await_ready(false);
        assert_eq!(client.handle_command(body), Err(error), "{body:?}");
        assert_eq!(server.handle_command(body), Err(error), "{body:?}");
    }
    // Only one of them is plain.
    let (mut client, mut server) = await_ready(true);
    assert_eq!(client.handle_command(&ready), Err(UnexpectedCommand));
    assert_eq!(server.handle_command(&ready), Err(UnexpectedCommand));
}

#[test]
fn what_is_wrong_with_messages() {
    use ProtocolError::*;
    let mut cipher = Cipher::new(Fake::complete());
    let sealed = message(b"\0text");
    let mut changed = sealed.clone();
    changed[12] ^= 1;
    for (body, error) in [
        (b"".as_slice(), MalformedCommand),
        (b"hello", MalformedCommand),
        (b"\x04PING\0\0", UnexpectedCommand),
        (b"\x07MESSAGE\0\0\0", MalformedMessage),
        (b"\x07MESSAGE\0\0\0\0", Cryptographic),
        (&changed, Cryptographic),
        (&sealed[..sealed.len() - 1], MalformedMessage),
        (&message(b""), MalformedMessage),
    ] {
        assert_eq!(cipher.open(body).unwrap_err(), error, "{body:?}");
    }
    assert_eq!(cipher.open(&sealed).unwrap().body(), b"text");
    let mut broken = Cipher::new(Fake::broken());
    assert_eq!(broken.seal(0, b"").unwrap_err(), Cryptographic);
}

/// A cipher whose context is complete, for the tests of others.
pub(crate) fn a_cipher() -> mechanism::Cipher {
    mechanism::Cipher::Gssapi(Cipher::new(Fake::complete()))
}

/// What [`a_cipher`] takes: a MESSAGE with this text.
pub(crate) fn a_message(text: &[u8]) -> Vec<u8> {
    message(text)
}
