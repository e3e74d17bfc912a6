//! Who connects to a server whose key it knows; "client" is a role, whoever connects.

#![forbid(unsafe_code)]

use super::{CLAIM, COOKIE, ClientKeys, ClientLots, HELLO, INITIATE, VERSION, VOUCH, VOUCH_TEXT};
use super::{Cipher, WELCOME, WELCOME_TEXT, counted, drawn, key_between, open, seal};
use super::{HELLO_NONCE, INITIATE_NONCE, READY_NONCE, VOUCH_NONCE, WELCOME_NONCE};
use crate::mechanism::{self, ERROR, READY, SecurityHandshake, Traffic, command, refusal};
use crate::memory;
use crate::protocol::ProtocolError;
use crate::sodium::{BoxKey, PublicKey, TAG};

/// Counters of HELLO and INITIATE.
const FIRST: u64 = 1;
const SECOND: u64 = 2;

/// See the module.
#[derive(Debug)]
pub(in crate::mechanism) struct Client {
    keys: ClientKeys,
    lots: ClientLots,
    metadata: Vec<u8>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    SendHello,
    AwaitWelcome {
        /// Of c' and S.
        key: BoxKey,
    },
    SendInitiate {
        cookie: Box<[u8; COOKIE]>,
        /// S'.
        server: PublicKey,
    },
    AwaitReady {
        /// Of c' and S'.
        key: BoxKey,
    },
    Done(Option<Box<Cipher>>),
}

impl Client {
    pub(in crate::mechanism) fn new(keys: ClientKeys, lots: ClientLots, metadata: Vec<u8>) -> Self {
        Self {
            keys,
            lots,
            metadata,
            phase: Phase::SendHello,
        }
    }

    fn hello(&self, key: &BoxKey) -> Result<Vec<u8>, ProtocolError> {
        let counter = FIRST.to_be_bytes();
        let sealed = seal(key, &counted(HELLO_NONCE, counter), &[0; 64])?;
        let public = self.lots.secret.public_key();
        command(&[HELLO, &VERSION, &[0; 72], &public, &counter, &sealed])
    }

    fn handle_welcome(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        const SIZE: usize = WELCOME.len() + 16 + WELCOME_TEXT + TAG;
        let Phase::AwaitWelcome { key } = &self.phase else {
            return Err(ProtocolError::UnexpectedCommand);
        };
        let malformed = ProtocolError::Cryptographic;
        let rest = body.strip_prefix(WELCOME).ok_or(malformed)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(malformed)?;
        let mut text = [0; WELCOME_TEXT];
        if body.len() != SIZE || !key.open(&drawn(WELCOME_NONCE, *nonce), sealed, &mut text) {
            return Err(malformed);
        }
        let (server, cookie) = text.split_first_chunk().ok_or(malformed)?;
        let cookie = cookie.first_chunk().ok_or(malformed)?;
        self.phase = Phase::SendInitiate {
            cookie: Box::new(*cookie),
            server: *server,
        };
        Ok(())
    }

    fn initiate(
        &self,
        cookie: &[u8; COOKIE],
        server: &PublicKey,
        key: &BoxKey,
    ) -> Result<Vec<u8>, ProtocolError> {
        let vouches = key_between(server, &self.keys.secret)?;
        let mut vouched = [0; VOUCH_TEXT];
        let (of_connection, of_server) = vouched.split_at_mut(32);
        of_connection.copy_from_slice(&self.lots.secret.public_key());
        of_server.copy_from_slice(&self.keys.server);
        let mut vouch = [0; VOUCH];
        let lot = self.lots.vouch_nonce;
        vouches.seal(&drawn(VOUCH_NONCE, lot), &vouched, &mut vouch);

        let mut text = Vec::new();
        let room = CLAIM.saturating_add(self.metadata.len());
        text.try_reserve_exact(room)
            .map_err(|_| ProtocolError::OutOfMemory)?;
        for part in [&self.keys.public[..], &lot, &vouch, &self.metadata] {
            memory::append(&mut text, part).map_err(|_| ProtocolError::OutOfMemory)?;
        }
        let counter = SECOND.to_be_bytes();
        let sealed = seal(key, &counted(INITIATE_NONCE, counter), &text)?;
        command(&[INITIATE, cookie, &counter, &sealed])
    }

    fn handle_ready(&mut self, body: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let Phase::AwaitReady { key } = &self.phase else {
            return Err(ProtocolError::UnexpectedCommand);
        };
        let malformed = ProtocolError::MalformedReady;
        let rest = body.strip_prefix(READY).ok_or(malformed)?;
        let (counter, sealed) = rest.split_first_chunk().ok_or(malformed)?;
        if sealed.len() < TAG {
            return Err(malformed);
        }
        let metadata = open(key, &counted(READY_NONCE, *counter), sealed)?;
        let cipher = Cipher::of_client(key, SECOND, u64::from_be_bytes(*counter));
        self.phase = Phase::Done(Some(Box::new(cipher)));
        Ok(metadata)
    }
}

impl SecurityHandshake for Client {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        let awaits = matches!(
            self.phase,
            Phase::AwaitWelcome { .. } | Phase::AwaitReady { .. }
        );
        if body.starts_with(WELCOME) {
            return self.handle_welcome(body).map(|()| None);
        }
        if body.starts_with(READY) {
            return self.handle_ready(body).map(Some);
        }
        match body.strip_prefix(ERROR) {
            Some(data) if awaits => Err(refusal(data)),
            _ => Err(ProtocolError::UnexpectedCommand),
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let (body, next) = match &self.phase {
            Phase::SendHello => {
                // With a server key that was never set there is no secret, now or later: it is not tried again.
                let key = key_between(&self.keys.server, &self.lots.secret)?;
                (self.hello(&key)?, Phase::AwaitWelcome { key })
            }
            Phase::SendInitiate { cookie, server } => {
                let key = key_between(server, &self.lots.secret)?;
                let body = self.initiate(cookie, server, &key)?;
                (body, Phase::AwaitReady { key })
            }
            Phase::AwaitWelcome { .. } | Phase::AwaitReady { .. } | Phase::Done(_) => {
                return Ok(None);
            }
        };
        self.phase = next;
        Ok(Some(body))
    }

    fn is_received(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    fn tells_of_metadata(&self) -> bool {
        true
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
