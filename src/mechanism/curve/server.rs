//! Whose key clients know.

#![forbid(unsafe_code)]

use super::{CLAIM, COOKIE, COOKIE_TEXT, Cipher, HELLO, INITIATE, ServerKeys, ServerLots};
use super::{COOKIE_NONCE, HELLO_NONCE, INITIATE_NONCE, READY_NONCE, VOUCH_NONCE, WELCOME_NONCE};
use super::{
    VERSION, VOUCH, VOUCH_TEXT, WELCOME, WELCOME_TEXT, counted, drawn, key_between, open, seal,
};
use crate::mechanism::{self, ERROR, READY, command, split_command};
use crate::mechanism::{Question, Refusal, SecurityHandshake, Traffic, Verdict};
use crate::protocol::{ProtocolError, copy_of};
use crate::sodium::{BoxKey, PublicKey, Secret, TAG};

/// The counter of READY.
const FIRST: u64 = 1;

/// See the module.
#[derive(Debug)]
pub(in crate::mechanism) struct Server {
    keys: ServerKeys,
    /// A ZAP handler is asked.
    asks: bool,
    lots: ServerLots,
    metadata: Vec<u8>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    AwaitHello,
    SendWelcome {
        /// C'.
        client: PublicKey,
        /// Of C' and s.
        key: BoxKey,
    },
    AwaitInitiate {
        /// C'.
        client: PublicKey,
    },
    Ask(Question, Agreed),
    /// The answer.
    AwaitVerdict(Agreed),
    SendReady(Agreed),
    SendError(Refusal),
    /// Refused, and the peer knows as much as it is to know.
    Refused,
    Done(Option<Box<Cipher>>),
}

/// What INITIATE leads to.
#[derive(Debug)]
struct Agreed {
    /// Of C' and s'.
    key: BoxKey,
    /// The counter of INITIATE.
    received: u64,
}

impl Server {
    pub(in crate::mechanism) fn new(
        keys: ServerKeys,
        asks: bool,
        lots: ServerLots,
        metadata: Vec<u8>,
    ) -> Self {
        Self {
            keys,
            asks,
            lots,
            metadata,
            phase: Phase::AwaitHello,
        }
    }

    fn handle_hello(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        let malformed = ProtocolError::MalformedHello;
        let rest = body
            .strip_prefix(HELLO)
            .ok_or(ProtocolError::UnexpectedCommand)?;
        let (version, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (_padding, rest) = rest.split_first_chunk::<72>().ok_or(malformed)?;
        let (client, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (counter, sealed) = rest.split_first_chunk().ok_or(malformed)?;
        let mut zeros = [0; 64];
        if *version != VERSION || sealed.len() != zeros.len() + TAG {
            return Err(malformed);
        }
        let key = key_between(client, &self.keys.secret)?;
        if !key.open(&counted(HELLO_NONCE, *counter), sealed, &mut zeros) {
            return Err(ProtocolError::Cryptographic);
        }
        self.phase = Phase::SendWelcome {
            client: *client,
            key,
        };
        Ok(())
    }

    /// What is sealed in a cookie.
    fn cookie_text(&self, client: &PublicKey) -> Secret<COOKIE_TEXT> {
        let mut text = Secret::blank();
        let (front, back) = text.bytes_mut().split_at_mut(client.len());
        front.copy_from_slice(client);
        back.copy_from_slice(self.lots.secret.bytes());
        text
    }

    fn welcome(&self, client: &PublicKey, key: &BoxKey) -> Result<Vec<u8>, ProtocolError> {
        let lot = self.lots.cookie_nonce;
        let mut text = [0; WELCOME_TEXT];
        let (public, cookie) = text.split_at_mut(32);
        public.copy_from_slice(&self.lots.secret.public_key());
        let (nonce, sealed) = cookie.split_at_mut(lot.len());
        nonce.copy_from_slice(&lot);
        let content = self.cookie_text(client);
        BoxKey::of(self.lots.cookie_key.clone()).seal(
            &drawn(COOKIE_NONCE, lot),
            content.bytes(),
            sealed,
        );
        let lot = self.lots.welcome_nonce;
        let sealed = seal(key, &drawn(WELCOME_NONCE, lot), &text)?;
        command(&[WELCOME, &lot, &sealed])
    }

    /// The peer's metadata.
    fn handle_initiate(
        &self,
        client: &PublicKey,
        body: &[u8],
    ) -> Result<(Agreed, Question, Vec<u8>), ProtocolError> {
        let malformed = ProtocolError::MalformedInitiate;
        let rest = body
            .strip_prefix(INITIATE)
            .ok_or(ProtocolError::UnexpectedCommand)?;
        let (cookie, rest) = rest.split_first_chunk::<COOKIE>().ok_or(malformed)?;
        let (counter, sealed) = rest.split_first_chunk().ok_or(malformed)?;
        if sealed.len() < CLAIM + TAG {
            return Err(malformed);
        }
        self.check_cookie(client, cookie)?;
        let key = key_between(client, &self.lots.secret)?;
        let text = open(&key, &counted(INITIATE_NONCE, *counter), sealed)?;
        let (claimed, rest) = text.split_first_chunk().ok_or(malformed)?;
        let (lot, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (vouch, metadata) = rest.split_first_chunk().ok_or(malformed)?;
        self.check_vouch(client, claimed, *lot, vouch)?;
        let agreed = Agreed {
            key,
            received: u64::from_be_bytes(*counter),
        };
        let question = Question {
            mechanism: "CURVE",
            credentials: vec![copy_of(claimed)?],
        };
        Ok((agreed, question, copy_of(metadata)?))
    }

    fn check_cookie(&self, client: &PublicKey, cookie: &[u8; COOKIE]) -> Result<(), ProtocolError> {
        let error = ProtocolError::Cryptographic;
        let (lot, sealed) = cookie.split_first_chunk().ok_or(error)?;
        let mut content = Secret::<COOKIE_TEXT>::blank();
        let key = BoxKey::of(self.lots.cookie_key.clone());
        let opens = key.open(&drawn(COOKIE_NONCE, *lot), sealed, content.bytes_mut());
        match opens && content == self.cookie_text(client) {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Who has c says that c' is its own, and that it means this server.
    fn check_vouch(
        &self,
        client: &PublicKey,
        claimed: &PublicKey,
        lot: [u8; 16],
        vouch: &[u8; VOUCH],
    ) -> Result<(), ProtocolError> {
        let key = key_between(claimed, &self.lots.secret)?;
        let mut vouched = [0; VOUCH_TEXT];
        if !key.open(&drawn(VOUCH_NONCE, lot), vouch, &mut vouched) {
            return Err(ProtocolError::Cryptographic);
        }
        let (of_connection, of_server) = vouched.split_at(client.len());
        match of_connection == client && of_server == self.keys.public {
            true => Ok(()),
            false => Err(ProtocolError::KeyExchange),
        }
    }

    fn ready(&self, key: &BoxKey) -> Result<Vec<u8>, ProtocolError> {
        let counter = FIRST.to_be_bytes();
        let sealed = seal(key, &counted(READY_NONCE, counter), &self.metadata)?;
        command(&[READY, &counter, &sealed])
    }
}

impl SecurityHandshake for Server {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match self.phase {
            Phase::AwaitHello => {
                split_command(body)?;
                self.handle_hello(body).map(|()| None)
            }
            Phase::AwaitInitiate { client } => {
                split_command(body)?;
                let (agreed, question, metadata) = self.handle_initiate(&client, body)?;
                self.phase = match self.asks {
                    true => Phase::Ask(question, agreed),
                    false => Phase::SendReady(agreed),
                };
                Ok(Some(metadata))
            }
            _ => Err(ProtocolError::OutOfTurn),
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let (body, next) = match &self.phase {
            Phase::SendWelcome { client, key } => {
                let body = self.welcome(client, key)?;
                (body, Phase::AwaitInitiate { client: *client })
            }
            Phase::SendReady(Agreed { key, received }) => {
                let cipher = Cipher::of_server(key, FIRST, *received);
                (self.ready(key)?, Phase::Done(Some(Box::new(cipher))))
            }
            Phase::SendError(refusal) => match refusal.reason() {
                Some(reason) => {
                    let body = command(&[ERROR, &[reason.len() as u8], reason])?;
                    (body, Phase::Refused)
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.phase = next;
        Ok(Some(body))
    }

    fn poll_question(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.phase, Phase::Refused) {
            Phase::Ask(question, agreed) => {
                self.phase = Phase::AwaitVerdict(agreed);
                Some(question)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.phase = match (std::mem::replace(&mut self.phase, Phase::Refused), verdict) {
            (Phase::AwaitVerdict(agreed), Verdict::Welcome) => Phase::SendReady(agreed),
            (Phase::AwaitVerdict(_), Verdict::Refused(refusal)) => Phase::SendError(refusal),
            (other, _) => other,
        };
    }

    fn is_received(&self) -> bool {
        matches!(self.phase, Phase::SendReady(_) | Phase::Done(_))
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    fn take_traffic(&mut self) -> Option<Traffic> {
        match &mut self.phase {
            Phase::Done(cipher) => cipher
                .take()
                .map(mechanism::Cipher::Curve)
                .map(Traffic::Sealed),
            _ => None,
        }
    }
}
