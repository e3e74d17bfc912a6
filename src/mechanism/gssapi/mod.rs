//! GSSAPI: both ends know each other by Kerberos tickets, and nobody else can read or change what they say, unless
//! ZMQ_GSSAPI_PLAINTEXT is set on both (contract: security.md section 5; RFC 38/ZMTP-GSSAPI).
//!
//! ```text
//!  client -INITIATE-> server      a token; and so on, until both contexts are complete
//!         <-INITIATE-
//!         --(empty)->             if the client's last step gave no token: usual
//!         <--READY---             metadata; the connection ends instead, if a ZAP handler refuses the principal
//!         ---READY-->             metadata
//!         <-MESSAGE->             each frame: Cipher
//! ```
//! READY is the text of a MESSAGE, too, unless all is plain. A context that fails says so to nobody, as libzmq has it: the
//! handshake stops, and its time limit ends it. So peers without a ticket come back with the pace of that limit.

#![forbid(unsafe_code)]

mod cipher;
mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use cipher::Cipher;
pub(super) use client::Client;
pub(super) use server::Server;

use super::{READY, Traffic, Work, Worked, command, split_command};
use crate::gss::{Failed, SecurityContext, Step};
use crate::protocol::{ProtocolError, copy_of};

const INITIATE: &[u8] = b"\x08INITIATE";
const MESSAGE: &[u8] = b"\x07MESSAGE";

/// The context, while no step is being made.
type Context = Box<dyn SecurityContext>;

/// What a step led to, and the context.
type Stepped = (Context, Result<Step, Failed>);

/// A step as something that is done elsewhere.
fn step(mut context: Context, token: Option<Vec<u8>>) -> Work {
    Box::new(move || {
        let step = context.step(token.as_deref());
        let stepped: Stepped = (context, step);
        Box::new(stepped)
    })
}

/// What came of [`step`].
///
/// # Errors
/// It failed.
fn stepped(worked: Worked) -> Result<(Context, Step), Failed> {
    let stepped = worked.downcast::<Stepped>().map_err(|_| Failed)?;
    let (context, step) = *stepped;
    let step = step?;
    // Who is not complete has something to say, or nobody would ever be.
    match step.is_complete || !step.token.is_empty() {
        true => Ok((context, step)),
        false => Err(Failed),
    }
}

/// A command with a length before its only field.
fn with_length(name: &[u8], field: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let length = u32::try_from(field.len()).map_err(|_| ProtocolError::OutOfMemory)?;
    command(&[name, &length.to_be_bytes(), field])
}

/// The field of a command like that.
///
/// # Errors
/// It is another command; `malformed`: the length is not that of what follows.
fn field_of<'a>(
    name: &[u8],
    body: &'a [u8],
    malformed: ProtocolError,
) -> Result<&'a [u8], ProtocolError> {
    split_command(body)?;
    let rest = body
        .strip_prefix(name)
        .ok_or(ProtocolError::UnexpectedCommand)?;
    let (length, field) = rest.split_first_chunk().ok_or(malformed)?;
    match u32::from_be_bytes(*length) as usize == field.len() {
        true => Ok(field),
        false => Err(malformed),
    }
}

/// READY with this metadata.
fn ready(context: &mut Context, plain: bool, metadata: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    if plain {
        return command(&[READY, metadata]);
    }
    cipher::seal(&mut **context, 0, &[READY, metadata])
}

/// How frames travel from now on.
fn traffic(context: Context, plain: bool) -> Traffic {
    match plain {
        true => Traffic::Clear,
        false => Traffic::Sealed(super::Cipher::Gssapi(Cipher::new(context))),
    }
}

/// The metadata of READY.
fn metadata_of(context: &mut Context, plain: bool, body: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let opened;
    let body = match plain {
        true => body,
        false => {
            opened = cipher::open(&mut **context, body)?;
            opened.body()
        }
    };
    split_command(body)?;
    let metadata = body
        .strip_prefix(READY)
        .ok_or(ProtocolError::UnexpectedCommand)?;
    copy_of(metadata)
}
