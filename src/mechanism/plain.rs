//! PLAIN: a username and a password in clear (contract: security.md section 3; RFC 24/ZMTP-PLAIN).

#![forbid(unsafe_code)]

use std::fmt::{self, Debug, Formatter};

use super::{ERROR, Question, READY, Refusal, SecurityHandshake, Traffic, Verdict};
use super::{command, refusal, split_command};
use crate::protocol::{ProtocolError, copy_of, split_short};

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
/// How libzmq 4.3 spells ERROR; its clients tell of a refusal only if it is spelled so (security.md section 3.1).
const MISSPELLED_ERROR: &[u8] = b"^RROR";
/// What a server says.
const ERROR_SENT: &[u8] = MISSPELLED_ERROR;

/// Who names itself.
pub(super) struct Client {
    username: Box<[u8]>,
    password: Box<[u8]>,
    metadata: Vec<u8>,
    phase: ClientPhase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientPhase {
    SendHello,
    AwaitWelcome,
    SendInitiate,
    AwaitReady,
    Done,
}

impl Client {
    /// Both texts have at most 255 bytes.
    pub(super) fn new(username: Box<[u8]>, password: Box<[u8]>, metadata: Vec<u8>) -> Self {
        Self {
            username,
            password,
            metadata,
            phase: ClientPhase::SendHello,
        }
    }
}

/// Without its secrets.
impl Debug for Client {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({:?})", self.phase)
    }
}

impl SecurityHandshake for Client {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        for spelled in [ERROR, MISSPELLED_ERROR] {
            if let Some(data) = body.strip_prefix(spelled) {
                return Err(refusal(data));
            }
        }
        match self.phase {
            ClientPhase::AwaitWelcome if body == WELCOME => {
                self.phase = ClientPhase::SendInitiate;
                Ok(None)
            }
            ClientPhase::AwaitWelcome if body.starts_with(WELCOME) => {
                Err(ProtocolError::MalformedWelcome)
            }
            ClientPhase::AwaitReady if body.starts_with(READY) => {
                self.phase = ClientPhase::Done;
                copy_of(body.get(READY.len()..).unwrap_or_default()).map(Some)
            }
            _ => Err(ProtocolError::UnexpectedCommand),
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let (body, next) = match self.phase {
            ClientPhase::SendHello => {
                // Options let no longer text pass.
                let lengths = [self.username.len() as u8, self.password.len() as u8];
                let [username, password] = lengths.each_ref().map(std::slice::from_ref);
                let parts = [HELLO, username, &self.username, password, &self.password];
                (command(&parts)?, ClientPhase::AwaitWelcome)
            }
            ClientPhase::SendInitiate => {
                let body = command(&[INITIATE, &self.metadata])?;
                (body, ClientPhase::AwaitReady)
            }
            ClientPhase::AwaitWelcome | ClientPhase::AwaitReady | ClientPhase::Done => {
                return Ok(None);
            }
        };
        self.phase = next;
        Ok(Some(body))
    }

    fn is_received(&self) -> bool {
        self.phase == ClientPhase::Done
    }

    fn is_complete(&self) -> bool {
        self.phase == ClientPhase::Done
    }

    fn take_traffic(&mut self) -> Option<Traffic> {
        self.is_complete().then_some(Traffic::Clear)
    }

    fn tells_of_metadata(&self) -> bool {
        true
    }
}

/// Who asks whether that one may come in.
#[derive(Debug)]
pub(super) struct Server {
    metadata: Vec<u8>,
    phase: ServerPhase,
}

#[derive(Debug, PartialEq, Eq)]
enum ServerPhase {
    AwaitHello,
    Ask(Question),
    AwaitVerdict,
    SendWelcome,
    AwaitInitiate,
    SendReady,
    SendError(Refusal),
    /// Refused, and the peer knows as much as it is to know.
    Refused,
    Done,
}

impl Server {
    pub(super) fn new(metadata: Vec<u8>) -> Self {
        Self {
            metadata,
            phase: ServerPhase::AwaitHello,
        }
    }
}

impl SecurityHandshake for Server {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match self.phase {
            ServerPhase::AwaitHello => {
                split_command(body)?;
                let data = body
                    .strip_prefix(HELLO)
                    .ok_or(ProtocolError::UnexpectedCommand)?;
                let credentials = credentials(data).ok_or(ProtocolError::MalformedHello)?;
                let [username, password] = credentials.map(copy_of);
                self.phase = ServerPhase::Ask(Question {
                    mechanism: "PLAIN",
                    credentials: vec![username?, password?],
                });
                Ok(None)
            }
            // Whatever its name looks like: libzmq tells so, too.
            ServerPhase::AwaitInitiate => {
                let metadata = body
                    .strip_prefix(INITIATE)
                    .ok_or(ProtocolError::UnexpectedCommand)?;
                self.phase = ServerPhase::SendReady;
                copy_of(metadata).map(Some)
            }
            _ => Err(ProtocolError::OutOfTurn),
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let (body, next) = match self.phase {
            ServerPhase::SendWelcome => (command(&[WELCOME])?, ServerPhase::AwaitInitiate),
            ServerPhase::SendReady => (command(&[READY, &self.metadata])?, ServerPhase::Done),
            ServerPhase::SendError(refusal) => match refusal.reason() {
                Some(reason) => {
                    let body = command(&[ERROR_SENT, &[reason.len() as u8], reason])?;
                    (body, ServerPhase::Refused)
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.phase = next;
        Ok(Some(body))
    }

    fn poll_question(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.phase, ServerPhase::AwaitVerdict) {
            ServerPhase::Ask(question) => Some(question),
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        if self.phase == ServerPhase::AwaitVerdict {
            self.phase = match verdict {
                Verdict::Welcome => ServerPhase::SendWelcome,
                Verdict::Refused(refusal) => ServerPhase::SendError(refusal),
            };
        }
    }

    fn is_received(&self) -> bool {
        matches!(self.phase, ServerPhase::SendReady | ServerPhase::Done)
    }

    fn is_complete(&self) -> bool {
        self.phase == ServerPhase::Done
    }

    fn take_traffic(&mut self) -> Option<Traffic> {
        self.is_complete().then_some(Traffic::Clear)
    }
}

/// Username and password; nothing else may follow.
fn credentials(data: &[u8]) -> Option<[&[u8]; 2]> {
    let (username, rest) = split_short(data)?;
    let (password, rest) = split_short(rest)?;
    rest.is_empty().then_some([username, password])
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &[u8] = b"\x0bSocket-Type\0\0\0\x04PUSH";

    fn client() -> Client {
        let (username, password) = (b"admin".as_slice().into(), b"pass".as_slice().into());
        Client::new(username, password, METADATA.to_vec())
    }

    fn server() -> Server {
        Server::new(b"theirs".to_vec())
    }

    /// zmtp.md section 12.8.
    #[test]
    fn a_whole_handshake() {
        let (mut client, mut server) = (client(), server());
        let hello = client.poll_command().unwrap().unwrap();
        assert_eq!(hello, b"\x05HELLO\x05admin\x04pass");
        assert_eq!(client.poll_command(), Ok(None));
        assert_eq!(server.poll_command(), Ok(None));
        assert_eq!(server.handle_command(&hello), Ok(None));
        let question = Question {
            mechanism: "PLAIN",
            credentials: vec![b"admin".to_vec(), b"pass".to_vec()],
        };
        assert_eq!(server.poll_question(), Some(question));
        assert_eq!(server.poll_question(), None);
        assert_eq!(server.poll_command(), Ok(None));
        server.handle_verdict(Verdict::Welcome);
        let welcome = server.poll_command().unwrap().unwrap();
        assert_eq!(welcome, b"\x07WELCOME");
        assert_eq!(client.handle_command(&welcome), Ok(None));
        let initiate = client.poll_command().unwrap().unwrap();
        assert_eq!(initiate, [b"\x08INITIATE", METADATA].concat());
        assert_eq!(
            server.handle_command(&initiate),
            Ok(Some(METADATA.to_vec()))
        );
        assert!(server.is_received() && !server.is_complete());
        let ready = server.poll_command().unwrap().unwrap();
        assert_eq!(ready, b"\x05READYtheirs");
        assert!(server.is_complete() && !client.is_complete());
        assert_eq!(client.handle_command(&ready), Ok(Some(b"theirs".to_vec())));
        assert!(client.is_received() && client.is_complete());
    }

    #[test]
    fn refusals_are_told_but_for_temporary_ones() {
        for (refusal, said) in [
            (Refusal::Authentication, Some(b"^RROR\x03400".as_slice())),
            (Refusal::Internal, Some(b"^RROR\x03500".as_slice())),
            (Refusal::Temporary, None),
        ] {
            let mut server = server();
            server.handle_command(b"\x05HELLO\x00\x00").unwrap();
            assert!(server.poll_question().is_some());
            server.handle_verdict(Verdict::Refused(refusal));
            assert_eq!(server.poll_command().unwrap().as_deref(), said);
            assert_eq!(server.poll_command(), Ok(None));
            assert!(!server.is_complete());
        }
        for body in [b"\x05ERROR\x03400", b"^RROR\x03400".as_slice()] {
            let mut client = client();
            client.poll_command().unwrap();
            let status = Some(400);
            assert_eq!(
                client.handle_command(body),
                Err(ProtocolError::Refused { status })
            );
        }
    }

    #[test]
    fn what_a_server_refuses() {
        use ProtocolError::*;
        for (body, expected) in [
            (b"".as_slice(), MalformedCommand),
            (b"\0", MalformedCommand),
            (b"\0I", UnexpectedCommand),
            (b"\x05HELL", MalformedCommand),
            (b"\x05HELLO", MalformedHello),
            (b"\x05HELLO\x01", MalformedHello),
            (b"\x05HELLO\x01a", MalformedHello),
            (b"\x05HELLO\x01a\x02b", MalformedHello),
            (b"\x05HELLO\x01a\x01bc", MalformedHello),
            (b"\x08INITIATE", UnexpectedCommand),
        ] {
            assert_eq!(server().handle_command(body), Err(expected), "{body:?}");
        }
        let mut asked = server();
        asked.handle_command(b"\x05HELLO\x01a\x01b").unwrap();
        assert_eq!(asked.handle_command(b"\x08INITIATE"), Err(OutOfTurn));
        asked.poll_question().unwrap();
        assert_eq!(asked.handle_command(b"\x08INITIATE"), Err(OutOfTurn));
        asked.handle_verdict(Verdict::Welcome);
        asked.poll_command().unwrap();
        for body in [b"\x05HELLO\x01a\x01b".as_slice(), b"", b"\x08INITIAT"] {
            assert_eq!(asked.handle_command(body), Err(UnexpectedCommand));
        }
    }

    #[test]
    fn what_a_client_refuses() {
        use ProtocolError::*;
        for (body, expected) in [
            (b"\x07WELCOME!".as_slice(), MalformedWelcome),
            (b"\x05READY", UnexpectedCommand),
            (b"\x05HELLO\x00\x00", UnexpectedCommand),
            (b"", UnexpectedCommand),
            (b"\x05ERROR", MalformedError),
            (b"^RROR\x0440", MalformedError),
        ] {
            let mut client = client();
            client.poll_command().unwrap();
            assert_eq!(client.handle_command(body), Err(expected), "{body:?}");
        }
    }
}
