//! Who has a key that clients have tickets for.

#![forbid(unsafe_code)]

use super::with_length;
use super::{Context, INITIATE, field_of, metadata_of, ready, step, stepped, traffic};
use crate::mechanism::{Question, SecurityHandshake, Traffic, Verdict, Work, Worked};
use crate::protocol::{ProtocolError, copy_of};

/// See the module.
#[derive(Debug)]
pub(in crate::mechanism) struct Server {
    /// ZMQ_GSSAPI_PLAINTEXT.
    plain: bool,
    metadata: Vec<u8>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    AwaitToken(Context),
    /// With the client's token.
    Step(Context, Vec<u8>),
    /// Somebody else makes it.
    Stepping,
    Send {
        context: Context,
        token: Vec<u8>,
        is_complete: bool,
    },
    /// Whatever it is: the client has taken the last token.
    AwaitEnd(Context),
    Ask(Question, Context),
    AwaitVerdict(Context),
    SendReady(Context),
    AwaitReady(Context),
    Done(Option<Traffic>),
    /// Nothing follows: the context failed (see the mechanism), or the client was refused, who is not told.
    Failed,
}

impl Server {
    pub(in crate::mechanism) fn new(context: Context, plain: bool, metadata: Vec<u8>) -> Self {
        Self {
            plain,
            metadata,
            phase: Phase::AwaitToken(context),
        }
    }
}

impl SecurityHandshake for Server {
    fn handle_command(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        match std::mem::replace(&mut self.phase, Phase::Failed) {
            Phase::AwaitToken(context) => {
                let token = field_of(INITIATE, body, ProtocolError::MalformedInitiate)?;
                self.phase = Phase::Step(context, copy_of(token)?);
                Ok(None)
            }
            Phase::AwaitEnd(context) => {
                // Without a name nobody comes in.
                if let Ok(principal) = context.initiator() {
                    let question = Question {
                        mechanism: "GSSAPI",
                        credentials: vec![principal],
                    };
                    self.phase = Phase::Ask(question, context);
                }
                Ok(None)
            }
            Phase::AwaitReady(mut context) => {
                let metadata = metadata_of(&mut context, self.plain, body)?;
                self.phase = Phase::Done(Some(traffic(context, self.plain)));
                Ok(Some(metadata))
            }
            other => {
                self.phase = other;
                Err(ProtocolError::OutOfTurn)
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
                    true => Phase::AwaitEnd(context),
                    false => Phase::AwaitToken(context),
                };
                match token.is_empty() {
                    true => Ok(None),
                    false => with_length(INITIATE, &token).map(Some),
                }
            }
            Phase::SendReady(mut context) => {
                let body = ready(&mut context, self.plain, &self.metadata)?;
                self.phase = Phase::AwaitReady(context);
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
            Phase::Step(context, token) => Some(step(context, Some(token))),
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

    fn poll_question(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.phase, Phase::Failed) {
            Phase::Ask(question, context) => {
                self.phase = Phase::AwaitVerdict(context);
                Some(question)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.phase = match (std::mem::replace(&mut self.phase, Phase::Failed), verdict) {
            (Phase::AwaitVerdict(context), Verdict::Welcome) => Phase::SendReady(context),
            (Phase::AwaitVerdict(_), Verdict::Refused(_)) => Phase::Failed,
            (other, _) => other,
        };
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
            Phase::Done(traffic) => traffic.take(),
            _ => None,
        }
    }
}
