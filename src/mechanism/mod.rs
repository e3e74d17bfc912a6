//! Security mechanisms: what happens between the greeting and the first message.
//!
//! A mechanism is a sans-IO state machine over command bodies: a [`SecurityHandshake`] says what to send
//! next, takes what was received, and asks what it cannot know: whether a peer may come in ([`Question`],
//! [`Verdict`]). Driven by `protocol`; `io` chooses one by the options, and answers its question by ZAP (RFC 27), whose
//! messages [`zap`] makes and reads. Must not know wire frames, streams, threads or clocks.
//!
//! How to add one: a file with a state machine for each role, a variant of [`Mechanism`], the options that
//! select it.

#![forbid(unsafe_code)]

pub(crate) mod curve;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
#[cfg(any(test, feature = "gssapi"))]
pub(crate) mod gssapi;
mod null;
mod plain;
pub(crate) mod zap;

use std::any::Any;
use std::fmt::{self, Debug, Formatter};

use self::curve::{ClientKeys, ServerKeys};
#[cfg(feature = "gssapi")]
use crate::gss::{Principal, krb5};
use crate::memory;
use crate::protocol::{ProtocolError, split_short};

/// The mechanism that a socket's options chose, with what it needs (contract: security.md section 1).
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// `authenticates`: ZMQ_ZAP_DOMAIN is set, so that a handler is asked, on either side.
    Null {
        authenticates: bool,
    },
    PlainClient {
        username: Box<[u8]>,
        password: Box<[u8]>,
    },
    PlainServer,
    CurveClient(ClientKeys),
    CurveServer {
        keys: ServerKeys,
        /// A handler is asked, if there is one.
        asks: bool,
    },
    #[cfg(feature = "gssapi")]
    GssapiClient {
        /// `None`: that of the ticket.
        own: Option<Principal>,
        service: Principal,
        /// Traffic is not encrypted.
        plain: bool,
    },
    #[cfg(feature = "gssapi")]
    GssapiServer {
        /// `None`: any that the keytab has.
        own: Option<Principal>,
        plain: bool,
    },
}

/// Without its secrets.
impl Debug for Mechanism {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Default for Mechanism {
    fn default() -> Self {
        Self::Null {
            authenticates: false,
        }
    }
}

impl Mechanism {
    /// The name in the greeting, and in questions to a ZAP handler.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null { .. } => "NULL",
            Self::PlainClient { .. } | Self::PlainServer => "PLAIN",
            Self::CurveClient(_) | Self::CurveServer { .. } => "CURVE",
            #[cfg(feature = "gssapi")]
            Self::GssapiClient { .. } | Self::GssapiServer { .. } => "GSSAPI",
        }
    }

    /// Begins a handshake that announces `metadata`, a block of properties.
    ///
    /// # Errors
    /// [`ProtocolError::NoRandomNumbers`].
    pub(crate) fn begin(
        &self,
        metadata: Vec<u8>,
    ) -> Result<Box<dyn SecurityHandshake>, ProtocolError> {
        Ok(match self {
            Self::Null { authenticates } => Box::new(null::Null::new(metadata, *authenticates)),
            Self::PlainClient { username, password } => Box::new(plain::Client::new(
                username.clone(),
                password.clone(),
                metadata,
            )),
            Self::PlainServer => Box::new(plain::Server::new(metadata)),
            Self::CurveClient(keys) => Box::new(curve::Client::new(
                keys.clone(),
                curve::ClientLots::draw()?,
                metadata,
            )),
            Self::CurveServer { keys, asks } => Box::new(curve::Server::new(
                keys.clone(),
                *asks,
                curve::ServerLots::draw()?,
                metadata,
            )),
            #[cfg(feature = "gssapi")]
            Self::GssapiClient {
                own,
                service,
                plain,
            } => {
                let context = krb5::Initiator::new(own.clone(), service.clone());
                Box::new(gssapi::Client::new(Box::new(context), *plain, metadata))
            }
            #[cfg(feature = "gssapi")]
            Self::GssapiServer { own, plain } => {
                let context = krb5::Acceptor::new(own.clone());
                Box::new(gssapi::Server::new(Box::new(context), *plain, metadata))
            }
        })
    }
}

/// A handshake in progress, of one mechanism and role.
pub(crate) trait SecurityHandshake: Debug + Send {
    /// The body of the peer's next command. Returns the peer's metadata block when this command
    /// carried it.
    ///
    /// # Errors
    /// Whatever the mechanism finds wrong with it.
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError>;

    /// The body of the next command to send. `None`: nothing before something else happens.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfMemory`].
    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError>;

    /// Something has to be done before the handshake goes on, and may take long: [`Self::take_work`].
    fn has_work(&self) -> bool {
        false
    }

    /// The work; its result goes to [`Self::handle_worked`].
    fn take_work(&mut self) -> Option<Work> {
        None
    }

    /// It was taken, and is not done. The peer's next command has to wait, as before.
    fn is_working(&self) -> bool {
        false
    }

    /// What came of the work.
    fn handle_worked(&mut self, worked: Worked) {
        drop(worked);
    }

    /// What has to be asked before the handshake goes on; once.
    fn poll_question(&mut self) -> Option<Question> {
        None
    }

    /// The answer to the question. After a refusal the rest of the handshake's commands should be sent, and the
    /// connection ended.
    fn handle_verdict(&mut self, verdict: Verdict) {
        let _ = verdict;
    }

    /// Nothing more will be received for the handshake: further frames are traffic, which is held back
    /// until [`Self::is_complete`].
    fn is_received(&self) -> bool;

    /// Both sides have said everything.
    fn is_complete(&self) -> bool;

    /// What is wrong with the peer's metadata is told as a protocol error (security.md sections 3.2, 4.4).
    fn tells_of_metadata(&self) -> bool {
        false
    }

    /// How all further frames travel; once, when the handshake is complete. `None`: it is not, or this was said already.
    fn take_traffic(&mut self) -> Option<Traffic>;
}

/// How frames travel after a handshake.
#[derive(Debug)]
pub(crate) enum Traffic {
    Clear,
    Sealed(Cipher),
}

#[cfg(any(fuzzing, test))]
impl Traffic {
    /// That of CURVE.
    pub(crate) fn cipher(self) -> Box<curve::Cipher> {
        match self {
            Self::Sealed(Cipher::Curve(cipher)) => cipher,
            other => panic!("{other:?}"),
        }
    }
}

/// Something that a mechanism leaves to others, who have the time; and what came of it.
pub(crate) type Work = Box<dyn FnOnce() -> Worked + Send>;
pub(crate) type Worked = Box<dyn Any + Send>;

/// What seals and opens the frames of a connection.
#[derive(Debug)]
pub(crate) enum Cipher {
    Curve(Box<curve::Cipher>),
    #[cfg(any(test, feature = "gssapi"))]
    Gssapi(gssapi::Cipher),
}

impl Cipher {
    /// Flags of a frame, which travel sealed, and all mechanisms have.
    pub(crate) const MORE: u8 = 0x01;
    pub(crate) const COMMAND: u8 = 0x02;

    /// Looks at what has come of a MESSAGE, before more of it is received. False: too little.
    ///
    /// # Errors
    /// What is wrong with it already.
    pub(crate) fn accepts_beginning(&self, beginning: &[u8]) -> Result<bool, ProtocolError> {
        match self {
            Self::Curve(cipher) => cipher.accepts_beginning(beginning),
            #[cfg(any(test, feature = "gssapi"))]
            Self::Gssapi(_) => gssapi::Cipher::accepts_beginning(beginning),
        }
    }

    /// The last of what is sealed or opened at once has been.
    pub(crate) fn end_batch(&mut self) {
        match self {
            Self::Curve(cipher) => cipher.end_batch(),
            #[cfg(any(test, feature = "gssapi"))]
            Self::Gssapi(_) => {}
        }
    }
}

/// Whether a peer may come in: what a ZAP handler is asked (security.md section 6).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) mechanism: &'static str,
    pub(crate) credentials: Vec<Vec<u8>>,
}

/// Without the credentials.
impl Debug for Question {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "Question({})", self.mechanism)
    }
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    Refused(Refusal),
}

/// Why a peer may not come in (RFC 27/ZAP "Status codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 300: a temporary error. The peer is told nothing, and tries again.
    Temporary,
    /// 400: the credentials are wrong.
    Authentication,
    /// 500: the handler's own fault.
    Internal,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Temporary => 300,
            Self::Authentication => 400,
            Self::Internal => 500,
        }
    }

    /// The reason in an ERROR command; `None`: there is none.
    fn reason(self) -> Option<&'static [u8; 3]> {
        match self {
            Self::Temporary => None,
            Self::Authentication => Some(b"400"),
            Self::Internal => Some(b"500"),
        }
    }
}

/// What the data of an ERROR command means: reason length, reason.
fn refusal(data: &[u8]) -> ProtocolError {
    let Some((&length, rest)) = data.split_first() else {
        return ProtocolError::MalformedError;
    };
    let status = match rest.get(..usize::from(length)) {
        None => return ProtocolError::MalformedError,
        Some(b"300") => Some(300),
        Some(b"400") => Some(400),
        Some(b"500") => Some(500),
        Some(_) => None,
    };
    ProtocolError::Refused { status }
}

/// Name and data of a command body.
///
/// # Errors
/// [`ProtocolError::MalformedCommand`]: it has less than two bytes, or its name does not end inside of it.
fn split_command(body: &[u8]) -> Result<(&[u8], &[u8]), ProtocolError> {
    match body {
        // Not even an empty name stands alone.
        [_] => None,
        _ => split_short(body),
    }
    .ok_or(ProtocolError::MalformedCommand)
}

/// A command body of these parts.
fn command(parts: &[&[u8]]) -> Result<Vec<u8>, ProtocolError> {
    let mut body = Vec::new();
    for part in parts {
        memory::append(&mut body, part).map_err(|_| ProtocolError::OutOfMemory)?;
    }
    Ok(body)
}

const READY: &[u8] = b"\x05READY";
const ERROR: &[u8] = b"\x05ERROR";
