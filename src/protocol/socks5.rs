//! SOCKS5, the client's side: a proxy is asked for a stream to somebody else (RFC 1928, the login: RFC 1929).
//!
//! ```text
//!  greeting --> Method --choice 0------------------> request --> Reply --granted--> Done
//!                  |                                    ^
//!                  +--choice 2--> login --> Login --ok--+
//! ```
//! A state is the answer that is awaited, behind what is sent for it. Anything else than that answer is an error, and then
//! the stream is of no use any more. Contract: security.md section 8.

#![forbid(unsafe_code)]

use std::fmt::{self, Debug, Formatter};
use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::memory;

const VERSION: u8 = 5;
/// The version of the login.
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const SUCCEEDED: u8 = 0;

// Methods of authentication.
const NONE: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;

// Types of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Version, method; and version, status of the login.
const SHORT_ANSWER: usize = 2;
/// A reply up to its address, and the first byte of that: a name's length.
const REPLY_HEAD: usize = 5;
/// Of a reply: what is not the address.
const REPLY_REST: usize = 6;
/// A reply with a name of 255 bytes.
const LONGEST_REPLY: usize = REPLY_REST + 1 + 255;

/// Whom the proxy is asked for. A name is for the proxy to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Address(IpAddr),
    Name(&'a [u8]),
}

/// Who asks. An empty username: nobody in particular.
#[derive(Clone, Copy, Default)]
pub(crate) struct Credentials<'a> {
    pub(crate) username: &'a [u8],
    pub(crate) password: &'a [u8],
}

/// Without what is in it.
impl Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials")
    }
}

/// Why there will be no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socks5Error {
    /// The answer is not one of this protocol.
    Malformed,
    /// The proxy wants another method of authentication.
    NoMethod,
    /// It does not know this user, or not with this password.
    LoginFailed,
    /// It does not, or cannot, connect to the target.
    Refused,
}

/// One dialogue. Send [`Self::output`]; when all is sent, fill [`Self::room`]; over and over until [`Self::is_done`].
pub(crate) struct Socks5 {
    state: State,
    greeting: [u8; 3],
    login: Vec<u8>,
    request: Vec<u8>,
    /// Bytes of what this state sends that are sent.
    sent: usize,
    /// The answer that is awaited; `received` bytes of it have come.
    answer: [u8; LONGEST_REPLY],
    received: usize,
}

/// Without the login.
impl Debug for Socks5 {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "Socks5({:?})", self.state)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Method,
    Login,
    Reply,
    Done,
}

impl Socks5 {
    /// Errors: `Invalid` if no proxy can be asked for that: the port is 0, the name empty or longer than 255 bytes, as is a
    /// credential; `NoMemory`.
    pub(crate) fn new(credentials: Credentials<'_>, target: Target<'_>, port: u16) -> Result<Self> {
        let method = match credentials.username {
            [] => NONE,
            _ => USERNAME_PASSWORD,
        };
        Ok(Self {
            state: State::Method,
            greeting: [VERSION, 1, method],
            login: login(credentials)?,
            request: request(target, port)?,
            sent: 0,
            answer: [0; LONGEST_REPLY],
            received: 0,
        })
    }

    /// What is to be sent next.
    pub(crate) fn output(&self) -> &[u8] {
        let all = match self.state {
            State::Method => &self.greeting[..],
            State::Login => &self.login,
            State::Reply => &self.request,
            State::Done => &[],
        };
        all.get(self.sent..).unwrap_or_default()
    }

    /// So many bytes of [`Self::output`] were sent.
    pub(crate) fn handle_sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count);
    }

    /// Where the next bytes of the proxy go: no more than certainly belong to its answer, for what follows the last one is
    /// the target's. Empty as long as there is something to send, and at the end.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if !self.output().is_empty() {
            return &mut [];
        }
        let end = self.answer_length();
        self.answer.get_mut(self.received..end).unwrap_or_default()
    }

    /// So many bytes were put into [`Self::room`]. An error ends the dialogue.
    pub(crate) fn handle_received(&mut self, count: usize) -> std::result::Result<(), Socks5Error> {
        self.received += count.min(self.room().len());
        let answer = self.answer.get(..self.received).unwrap_or_default();
        let next = match self.state {
            State::Method => method_chosen(answer)?,
            State::Login => login_answered(answer)?,
            State::Reply => {
                check_reply(answer)?;
                State::Done
            }
            State::Done => State::Done,
        };
        if self.received == self.answer_length() {
            self.state = next;
            self.sent = 0;
            self.received = 0;
        }
        Ok(())
    }

    /// The stream leads to the target.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of the awaited answer, as far as is known.
    fn answer_length(&self) -> usize {
        match self.state {
            State::Method | State::Login => SHORT_ANSWER,
            State::Reply if self.received < REPLY_HEAD => REPLY_HEAD,
            State::Reply => match self.answer {
                [_, _, _, IPV4, ..] => REPLY_REST + 4,
                [_, _, _, IPV6, ..] => REPLY_REST + 16,
                [_, _, _, _, length, ..] => REPLY_REST + 1 + usize::from(length),
            },
            State::Done => 0,
        }
    }
}

/// The state behind the choice of a method, of which perhaps not everything has come.
fn method_chosen(answer: &[u8]) -> std::result::Result<State, Socks5Error> {
    match answer {
        // Whatever was offered: a proxy may ask nobody for a name, and it may want to hear that there is none.
        [] | [VERSION] | [VERSION, NONE] => Ok(State::Reply),
        [VERSION, USERNAME_PASSWORD] => Ok(State::Login),
        [VERSION, ..] => Err(Socks5Error::NoMethod),
        _ => Err(Socks5Error::Malformed),
    }
}

/// The same behind the answer to the login.
fn login_answered(answer: &[u8]) -> std::result::Result<State, Socks5Error> {
    match answer {
        [] | [LOGIN_VERSION] | [LOGIN_VERSION, SUCCEEDED] => Ok(State::Reply),
        [LOGIN_VERSION, ..] => Err(Socks5Error::LoginFailed),
        _ => Err(Socks5Error::Malformed),
    }
}

/// What has come of a reply. The address in it says nothing to us.
fn check_reply(answer: &[u8]) -> std::result::Result<(), Socks5Error> {
    match answer {
        [] | [VERSION] | [VERSION, SUCCEEDED] | [VERSION, SUCCEEDED, RESERVED] => Ok(()),
        [VERSION, SUCCEEDED, RESERVED, IPV4 | NAME | IPV6, ..] => Ok(()),
        [VERSION, SUCCEEDED, ..] => Err(Socks5Error::Malformed),
        [VERSION, ..] => Err(Socks5Error::Refused),
        _ => Err(Socks5Error::Malformed),
    }
}

fn login(credentials: Credentials<'_>) -> Result<Vec<u8>> {
    let Credentials { username, password } = credentials;
    // A password alone is nobody's.
    let password = match username {
        [] => &[],
        _ => password,
    };
    let mut message = memory::copy(&[LOGIN_VERSION])?;
    for text in [username, password] {
        memory::push(&mut message, length_of(text)?)?;
        memory::append(&mut message, text)?;
    }
    Ok(message)
}

fn request(target: Target<'_>, port: u16) -> Result<Vec<u8>> {
    let mut message = memory::copy(&[VERSION, CONNECT, RESERVED])?;
    match target {
        Target::Address(IpAddr::V4(address)) => {
            memory::push(&mut message, IPV4)?;
            memory::append(&mut message, &address.octets())?;
        }
        Target::Address(IpAddr::V6(address)) => {
            memory::push(&mut message, IPV6)?;
            memory::append(&mut message, &address.octets())?;
        }
        Target::Name([]) => return Err(Error::Invalid),
        Target::Name(name) => {
            memory::append(&mut message, &[NAME, length_of(name)?])?;
            memory::append(&mut message, name)?;
        }
    }
    if port == 0 {
        return Err(Error::Invalid);
    }
    memory::append(&mut message, &port.to_be_bytes())?;
    Ok(message)
}

fn length_of(text: &[u8]) -> Result<u8> {
    u8::try_from(text.len()).map_err(|_| Error::Invalid)
}

#[cfg(test)]
mod tests;
