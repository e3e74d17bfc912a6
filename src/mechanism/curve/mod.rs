//! CURVE: both ends know each other by their keys, and nobody else can read or change what they say (contract: security.md
//! section 4; RFC 26/CurveZMQ).
//!
//! ```text
//!  client --HELLO--> server       C', and that S is the server's key
//!         <-WELCOME-              S', and a cookie
//!         -INITIATE->             the cookie, C, a vouch that C' is C's, metadata
//!         <--READY---             metadata; ERROR instead, if a ZAP handler refuses C
//!         <-MESSAGE->             each frame: Cipher
//! ```
//! C and S are the keys of the application, C' and S' those of the connection; small letters are the secret ones. A
//! server's cookie holds what it knows already: it is asked for because clients have to prove that they read WELCOME.

#![forbid(unsafe_code)]

mod cipher;
mod client;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use cipher::{Cipher, Envelope};
pub(super) use client::Client;
pub(super) use server::Server;

use std::io;

use crate::protocol::ProtocolError;
use crate::random;
use crate::sodium::{BoxKey, Nonce, PublicKey, Secret, TAG};

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";

const VERSION: [u8; 2] = [1, 0];
const COOKIE: usize = 96;
/// What is sealed in a cookie: C' and s'.
const COOKIE_TEXT: usize = 64;
/// What is sealed in WELCOME: S' and the cookie.
const WELCOME_TEXT: usize = 32 + COOKIE;
/// The sealed vouch: C' and S.
const VOUCH: usize = VOUCH_TEXT + TAG;
const VOUCH_TEXT: usize = 64;
/// What is sealed in INITIATE before the metadata: C, the vouch's nonce, and the vouch.
const CLAIM: usize = 32 + 16 + VOUCH;

const HELLO_NONCE: &[u8; 16] = b"CurveZMQHELLO---";
const INITIATE_NONCE: &[u8; 16] = b"CurveZMQINITIATE";
const READY_NONCE: &[u8; 16] = b"CurveZMQREADY---";
const WELCOME_NONCE: &[u8; 8] = b"WELCOME-";
const COOKIE_NONCE: &[u8; 8] = b"COOKIE--";
const VOUCH_NONCE: &[u8; 8] = b"VOUCH---";

/// The keys of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientKeys {
    pub(crate) public: PublicKey,
    pub(crate) secret: Secret,
    /// The server's.
    pub(crate) server: PublicKey,
}

/// The keys of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerKeys {
    pub(crate) public: PublicKey,
    pub(crate) secret: Secret,
}

#[cfg(test)]
impl ServerKeys {
    pub(crate) fn of(secret: Secret) -> Self {
        let public = secret.public_key();
        Self { public, secret }
    }
}

/// What a client's handshake draws by lot.
#[derive(Debug)]
pub(super) struct ClientLots {
    /// c'.
    secret: Secret,
    vouch_nonce: [u8; 16],
}

impl ClientLots {
    /// # Errors
    /// [`ProtocolError::NoRandomNumbers`].
    pub(super) fn draw() -> Result<Self, ProtocolError> {
        Ok(Self {
            secret: fresh(Secret::random())?,
            vouch_nonce: fresh(random::bytes())?,
        })
    }
}

/// What a server's handshake draws by lot.
#[derive(Debug)]
pub(super) struct ServerLots {
    /// s'.
    secret: Secret,
    cookie_key: Secret,
    cookie_nonce: [u8; 16],
    welcome_nonce: [u8; 16],
}

impl ServerLots {
    /// # Errors
    /// [`ProtocolError::NoRandomNumbers`].
    pub(super) fn draw() -> Result<Self, ProtocolError> {
        Ok(Self {
            secret: fresh(Secret::random())?,
            cookie_key: fresh(Secret::random())?,
            cookie_nonce: fresh(random::bytes())?,
            welcome_nonce: fresh(random::bytes())?,
        })
    }
}

fn fresh<T>(drawn: io::Result<T>) -> Result<T, ProtocolError> {
    drawn.map_err(|_| ProtocolError::NoRandomNumbers)
}

fn counted(prefix: &[u8; 16], counter: [u8; 8]) -> Nonce {
    let mut nonce = Nonce::default();
    let (front, back) = nonce.split_at_mut(prefix.len());
    front.copy_from_slice(prefix);
    back.copy_from_slice(&counter);
    nonce
}

fn drawn(prefix: &[u8; 8], lot: [u8; 16]) -> Nonce {
    let mut nonce = Nonce::default();
    let (front, back) = nonce.split_at_mut(prefix.len());
    front.copy_from_slice(prefix);
    back.copy_from_slice(&lot);
    nonce
}

/// The key that two ends share.
///
/// # Errors
/// [`ProtocolError::Cryptographic`]: with this public key there is none.
fn key_between(public: &PublicKey, secret: &Secret) -> Result<BoxKey, ProtocolError> {
    BoxKey::between(public, secret).ok_or(ProtocolError::Cryptographic)
}

/// The text of a box of any length.
///
/// # Errors
/// [`ProtocolError::Cryptographic`]; [`ProtocolError::OutOfMemory`].
fn open(key: &BoxKey, nonce: &Nonce, sealed: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let length = sealed.len().checked_sub(TAG);
    let mut text = zeros(length.ok_or(ProtocolError::Cryptographic)?)?;
    match key.open(nonce, sealed, &mut text) {
        true => Ok(text),
        false => Err(ProtocolError::Cryptographic),
    }
}

/// A box with a text of any length.
///
/// # Errors
/// [`ProtocolError::OutOfMemory`].
fn seal(key: &BoxKey, nonce: &Nonce, text: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut sealed = zeros(text.len().saturating_add(TAG))?;
    key.seal(nonce, text, &mut sealed);
    Ok(sealed)
}

fn zeros(length: usize) -> Result<Vec<u8>, ProtocolError> {
    let mut zeros = Vec::new();
    zeros
        .try_reserve_exact(length)
        .map_err(|_| ProtocolError::OutOfMemory)?;
    zeros.resize(length, 0);
    Ok(zeros)
}
