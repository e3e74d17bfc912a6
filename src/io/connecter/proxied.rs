//! A proxy is asked for the endpoint, on a stream that has just come up (contract: security.md section 8).
//!
//! Nothing is read but what belongs to the dialogue: what comes behind it is for the connection.

#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, IoSlice};
use std::time::Instant;

use super::{Attempt, Connecter, State};
use crate::endpoint::{TcpAddress, TcpHost};
use crate::error::{Error, Result};
use crate::io::Session;
use crate::io::turn::Surroundings;
use crate::options::SocketOptions;
use crate::protocol::socks5::{Credentials, Socks5, Target};
use crate::transport::{Stream, resolve};

/// A dialogue under way.
#[derive(Debug)]
pub(super) struct Asking {
    /// It leads to the proxy.
    pub(super) stream: Stream,
    /// That of the attempt at this address, ZMQ_CONNECT_TIMEOUT; else ZMQ_HANDSHAKE_IVL from its beginning.
    pub(super) deadline: Option<Instant>,
    dialogue: Socks5,
}

impl Connecter {
    /// Begins the dialogue; an endpoint that no proxy can be asked for is a failed attempt.
    pub(super) fn ask(
        &mut self,
        stream: Stream,
        deadline: Option<Instant>,
        session: &Session,
        around: &Surroundings<'_>,
    ) -> Attempt {
        // What holds for the target's handshake holds for the proxy: one that says nothing is not waited for for ever.
        let interval = || session.handshake_interval();
        let deadline =
            deadline.or_else(|| interval().and_then(|time| around.now.checked_add(time)));
        let target = self.target.as_deref().ok_or(Error::Invalid);
        match target.and_then(|target| dialogue(target, &session.options)) {
            Ok(dialogue) => {
                let asking = Box::new(Asking {
                    stream,
                    deadline,
                    dialogue,
                });
                self.converse(asking, session, around)
            }
            Err(_) => {
                self.close(stream, session, around);
                self.wait(session, around)
            }
        }
    }

    /// Goes on with the dialogue as far as the stream allows.
    pub(super) fn converse(
        &mut self,
        mut asking: Box<Asking>,
        session: &Session,
        around: &Surroundings<'_>,
    ) -> Attempt {
        match asking.advance() {
            Ok(true) => Attempt::Up {
                stream: asking.stream,
                watched: true,
            },
            Ok(false) => {
                self.state = State::Asking(asking);
                Attempt::Waiting
            }
            Err(_) => {
                // What one address of the proxy says the others would say, too.
                self.close(asking.stream, session, around);
                self.wait(session, around)
            }
        }
    }
}

impl Asking {
    /// True at the end. Errors: those of the stream, and of the proxy's answers.
    fn advance(&mut self) -> io::Result<bool> {
        while !self.dialogue.is_done() {
            match self.step() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// One write, or one read.
    fn step(&mut self) -> io::Result<()> {
        let output = self.dialogue.output();
        if !output.is_empty() {
            let sent = self.stream.send_vectored(&[IoSlice::new(output)])?;
            self.dialogue.handle_sent(sent);
            return Ok(());
        }
        let received = self.stream.recv(self.dialogue.room())?;
        if received == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let heard = self.dialogue.handle_received(received);
        heard.map_err(|_| ErrorKind::InvalidData.into())
    }
}

/// Names are for the proxy to resolve, and zones it would not understand.
fn dialogue(target: &TcpAddress, options: &SocketOptions) -> Result<Socks5> {
    let credentials = Credentials {
        username: &options.socks_username,
        password: &options.socks_password,
    };
    let asked = match (resolve::written(&target.host), &target.host) {
        (Some(address), _) => Target::Address(address),
        (None, TcpHost::Name(name)) => Target::Name(name.as_bytes()),
        (None, _) => return Err(Error::Invalid),
    };
    Socks5::new(credentials, asked, target.port)
}
