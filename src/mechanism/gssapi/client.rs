//! Who has a ticket; "client" is a role, whoever connects.

#![forbid(unsafe_code)]

use super::with_length;
use super::{Context, INITIATE, field_of, metadata_of, ready, step, stepped, traffic};
use crate::mechanism::{SecurityHandshake, Traffic, Work, Worked};
use crate::protocol::{ProtocolError, copy_of};

/// See the module.
#[derive(Debug)]
pub(in crate::mechanism) struct Client {
    /// ZMQ_GSSAPI_PLAINTEXT.
    plain: bool,
    metadata: Vec<u8>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// With the server's token, if there is one.
    Step(Context, Option<Vec<u8>>),
    /// Somebody else makes it.
    Stepping,
    /// A token, or that there is none.
    Send {
        context: Context,
        token: Vec<u8>,
        is_complete: bool,
    },
    AwaitToken(Context),
    AwaitReady(Context),
    SendReady(Context),
    Done(Option<Traffic>),
    /// Nothing follows (see the mechanism).
    Failed,
}

impl Client {
    pub(in crate::mechanism) fn new(context: Context, plain: bool, metadata: Vec<u8>) -> Self {
        Self {
            plain,
            metadata,
            phase: Phase::Step(context, None),
        }
    }
}

impl SecurityHandshake for Client {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match std::mem::replace(&mut self.phase, Phase::Failed) {
            Phase::AwaitToken(context) => {
                let token = field_of(INITIATE, body, ProtocolError::MalformedInitiate)?;
                self.phase = Phase::Step(context, Some(copy_of(token)?));
                Ok(None)
            }
            Phase::AwaitReady(mut context) => {
                let metadata = metadata_of(&mut context, self.plain, body)?;
                self.phase = Phase::SendReady(context);
                Ok(Some(metadata))
            }
            other => {
                self.phase = other;
                Err(ProtocolError::UnexpectedCommand)
            }
        }
    }

    fn poll_command(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        match std::mem::replace(&mut self.phase, Phase::Failed) {
            Phase::Send {
                context,
                token,
                is_complete,
            } => {
                self.phase = match is_complete {
                    true => Phase::AwaitReady(context),
                    false => Phase::AwaitToken(context),
                };
                match token.is_empty() {
                    true => Ok(Some(Vec::new())),
                    false => with_length(INITIATE, &token).map(Some),
                }
            }
            Phase::SendReady(mut context) => {
                let body = ready(&mut context, self.plain, &self.metadata)?;
                self.phase = Phase::Done(Some(traffic(context, self.plain)));
                Ok(Some(body))
            }
            other => {
                self.phase = other;
                Ok(None)
            }
        }
    }

    fn has_work(&self) -> bool {
        matches!(self.phase, Phase::Step(..))
    }

    fn take_work(&mut self) -> Option<Work> {
        match std::mem::replace(&mut self.phase, Phase::Stepping) {
            Phase::Step(context, token) => Some(step(context, token)),
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn is_working(&self) -> bool {
        matches!(self.phase, Phase::Stepping)
    }

    fn handle_worked(&mut self, worked: Worked) {
        if !matches!(self.phase, Phase::Stepping) {
            return;
        }
        self.phase = match stepped(worked) {
            Ok((context, step)) => Phase::Send {
                context,
                token: step.token,
                is_complete: step.is_complete,
            },
            Err(_) => Phase::Failed,
        };
    }

    fn is_received(&self) -> bool {
        matches!(self.phase, Phase::SendReady(_) | Phase::Done(_))
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    fn tells_of_metadata(&self) -> bool {
        true
    }

    fn take_traffic(&mut self) -> Option<Traffic> {
        match &mut self.phase {
            Phase::Done(traffic) => traffic.take(),
            _ => None,
        }
    }
}
