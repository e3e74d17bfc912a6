//! Traffic: each frame becomes a MESSAGE.

#![forbid(unsafe_code)]

use super::{Context, MESSAGE, field_of};
use crate::gss::SecurityContext;
use crate::memory;
use crate::protocol::ProtocolError;

/// Seals and opens the frames of a connection, either role.
#[derive(Debug)]
pub(crate) struct Cipher {
    context: Context,
}

impl Cipher {
    /// Looks at what has come of a MESSAGE, before more of it is received. False: too little.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn accepts_beginning(beginning: &[u8]) -> Result<bool, ProtocolError> {
        match beginning.get(..MESSAGE.len()) {
            Some(name) if name != MESSAGE => Err(ProtocolError::UnexpectedCommand),
            name => Ok(name.is_some()),
        }
    }

    /// More flags than [`crate::mechanism::Cipher`] has: the body is a topic. libzmq up to 4.3.5 does not know them, so that
    /// they are only received.
    pub(crate) const SUBSCRIBE: u8 = 0x04;
    pub(crate) const CANCEL: u8 = 0x08;

    pub(super) fn new(context: Context) -> Self {
        Self { context }
    }

    /// The MESSAGE that a frame becomes.
    ///
    /// # Errors
    /// As [`seal`].
    pub(crate) fn seal(&mut self, flags: u8, body: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        seal(&mut *self.context, flags, &[body])
    }

    /// The frame in a MESSAGE.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn open(&mut self, message: &[u8]) -> Result<Opened, ProtocolError> {
        open(&mut *self.context, message)
    }
}

/// A frame that was sealed.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) flags: u8,
    /// Flags and body.
    text: Vec<u8>,
}

impl Opened {
    pub(crate) fn body(&self) -> &[u8] {
        self.text.get(1..).unwrap_or_default()
    }
}

/// A MESSAGE of a frame whose body is in these parts.
///
/// # Errors
/// [`ProtocolError::Cryptographic`]: the context does not seal any more, or not as much as that;
/// [`ProtocolError::OutOfMemory`].
pub(super) fn seal(
    context: &mut dyn SecurityContext,
    flags: u8,
    parts: &[&[u8]],
) -> Result<Vec<u8>, ProtocolError> {
    let memory = |_| ProtocolError::OutOfMemory;
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut text = Vec::new();
    text.try_reserve_exact(length.saturating_add(1))
        .map_err(|_| ProtocolError::OutOfMemory)?;
    text.push(flags);
    for part in parts {
        memory::append(&mut text, part).map_err(memory)?;
    }
    let mut message = memory::copy(MESSAGE).map_err(memory)?;
    // Its length is known when it is there.
    memory::append(&mut message, &[0; 4]).map_err(memory)?;
    let start = message.len();
    context
        .wrap(&text, &mut message)
        .map_err(|_| ProtocolError::Cryptographic)?;
    let length = u32::try_from(message.len().saturating_sub(start))
        .map_err(|_| ProtocolError::Cryptographic)?;
    if let Some(place) = message.get_mut(MESSAGE.len()..start) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(message)
}

/// The frame in a MESSAGE.
///
/// # Errors
/// It is no MESSAGE; [`ProtocolError::Cryptographic`]: it does not open; there is not even a byte of flags in it.
pub(super) fn open(
    context: &mut dyn SecurityContext,
    message: &[u8],
) -> Result<Opened, ProtocolError> {
    let malformed = ProtocolError::MalformedMessage;
    let sealed = field_of(MESSAGE, message, malformed)?;
    let text = context
        .unwrap(sealed)
        .map_err(|_| ProtocolError::Cryptographic)?;
    let flags = *text.first().ok_or(malformed)?;
    Ok(Opened { flags, text })
}
