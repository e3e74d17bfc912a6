//! Encrypted traffic: each frame travels as the body of another one (contract: security.md section 4.2).
//!
//! Between the stream and everything else, which sees frames as of a peer without encryption.

#![forbid(unsafe_code)]

use super::frame::{COMMAND, Header, LONG_HEADER, MORE, append_header, header_of};
use crate::error::{Error, Result};
use crate::mechanism::Cipher;
use crate::mechanism::curve::{self, Envelope};
use crate::memory;
use crate::protocol::ProtocolError;

/// Seals what a connection sends, and opens what it receives, in this order.
#[derive(Debug)]
pub(crate) struct Seal {
    cipher: Cipher,
    /// No body on the stream is longer; at most `isize::MAX`.
    limit: u64,
}

impl Seal {
    /// `limit` is that of ZMQ_MAXMSGSIZE, for what is on the stream (zmtp.md section 8.2).
    pub(super) fn new(cipher: Cipher, limit: u64) -> Self {
        Self { cipher, limit }
    }

    /// Bytes of the frame that `input` begins with; `None`: its header is not complete.
    fn frame_size(&self, input: &[u8]) -> std::result::Result<Option<usize>, ProtocolError> {
        let Some(header) = Header::parse(input) else {
            return Ok(None);
        };
        if header.length > self.limit {
            return Err(ProtocolError::MessageTooLarge);
        }
        // At most `isize::MAX` and a header.
        Ok(Some(header.size + header.length as usize))
    }

    /// What has come of a frame is the beginning of a MESSAGE that may come now. False: too little has, or it is so short
    /// that it is looked at when it is whole, when more may be wrong with it than its beginning.
    fn accepts_beginning(&self, frame: &[u8]) -> std::result::Result<bool, ProtocolError> {
        match Header::parse(frame) {
            Some(header) if header.length > u64::from(u8::MAX) => {
                let beginning = frame.get(header.size..).unwrap_or_default();
                self.cipher.accepts_beginning(beginning)
            }
            _ => Ok(false),
        }
    }

    /// Opens the whole frames in front of `input`, and writes what is in them, frames as well, to the front of `out`, which
    /// is as long as `input` or longer.
    pub(crate) fn open_frames(&mut self, input: &[u8], out: &mut [u8]) -> Opened {
        let opened = self.open_each(input, out);
        self.end_batch();
        opened
    }

    fn open_each(&mut self, input: &[u8], out: &mut [u8]) -> Opened {
        let mut opened = Opened::default();
        loop {
            let rest = input.get(opened.consumed..).unwrap_or_default();
            let size = match self.frame_size(rest) {
                Ok(Some(size)) => size,
                Ok(None) => return opened,
                Err(error) => return opened.failed(error),
            };
            let Some(frame) = rest.get(..size) else {
                return match self.accepts_beginning(rest) {
                    Ok(true) => opened.incomplete(size),
                    Ok(false) => opened,
                    Err(error) => opened.failed(error),
                };
            };
            let room = out.get_mut(opened.written..).unwrap_or_default();
            match self.open(frame, room) {
                Ok(written) => opened.written += written,
                Err(error) => return opened.failed(error),
            }
            opened.consumed += size;
        }
    }

    /// Opens a whole frame. Writes the frame that is in it to the front of `out`, which is as long as `frame` or longer;
    /// the bytes of that. The flags on the stream mean nothing (design choice of security.md section 4.2).
    ///
    /// # Errors
    /// What is wrong with it; `out` means nothing then.
    pub(crate) fn open(
        &mut self,
        frame: &[u8],
        out: &mut [u8],
    ) -> std::result::Result<usize, ProtocolError> {
        let size = Header::parse(frame)
            .ok_or(ProtocolError::MalformedMessage)?
            .size;
        let message = frame.get(size..).unwrap_or_default();
        match &mut self.cipher {
            Cipher::Curve(cipher) => open_curve(cipher, message, out),
            #[cfg(any(test, feature = "gssapi"))]
            Cipher::Gssapi(cipher) => gssapi::open(cipher, message, out),
        }
    }

    /// Appends a frame of a message, sealed.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; nothing is appended then.
    pub(crate) fn seal_message(
        &mut self,
        more: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.seal(if more { MORE } else { 0 }, body, out)
    }

    /// Puts in the place of whole frames, which are everything behind `from`, the same frames sealed.
    ///
    /// # Errors
    /// [`Error::NoMemory`]: some of them are missing. None of them is left as it was.
    pub(crate) fn seal_behind(&mut self, from: usize, out: &mut Vec<u8>) -> Result<()> {
        let clear = memory::copy(out.get(from..).unwrap_or_default());
        out.truncate(from);
        let clear = clear?;
        let mut rest = clear.as_slice();
        while let Some(header) = Header::parse(rest) {
            let end = header.size.saturating_add(header.length as usize);
            let body = rest.get(header.size..end).unwrap_or_default();
            self.seal(header.flags, body, out)?;
            rest = rest.get(end..).unwrap_or_default();
        }
        Ok(())
    }

    /// The last of what is sealed or opened at once has been.
    pub(crate) fn end_batch(&mut self) {
        self.cipher.end_batch();
    }

    /// `flags` are those of the frame in clear.
    fn seal(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &mut self.cipher {
            Cipher::Curve(cipher) => seal_curve(cipher, to_sealed(flags), body, out),
            #[cfg(any(test, feature = "gssapi"))]
            Cipher::Gssapi(cipher) => gssapi::seal(cipher, to_sealed(flags), body, out),
        }
    }

    /// Subscriptions are to be sent as messages, as peers of ZMTP 3.0 have them, whatever the version.
    ///
    /// Under GSSAPI libzmq up to 4.3.5 sends and takes a SUBSCRIBE command as if it were a message, which loses what it means.
    /// What ZMTP 3.0 has for it every version takes.
    pub(crate) fn subscribes_by_message(&self) -> bool {
        match self.cipher {
            Cipher::Curve(_) => false,
            #[cfg(any(test, feature = "gssapi"))]
            Cipher::Gssapi(_) => true,
        }
    }
}

fn open_curve(
    cipher: &mut curve::Cipher,
    message: &[u8],
    out: &mut [u8],
) -> std::result::Result<usize, ProtocolError> {
    let malformed = ProtocolError::MalformedMessage;
    let envelope = Envelope::parse(message)?;
    let length = envelope.body_length();
    // The flags come to light with the body: the length alone says where that begins.
    let (_, size) = header_of(0, length);
    let (place, rest) = out.split_at_mut_checked(size).ok_or(malformed)?;
    let body = rest.get_mut(..length).ok_or(malformed)?;
    let flags = cipher.open(envelope, body)?;
    let (header, size) = header_of(from_sealed(flags), length);
    place.copy_from_slice(&header[..size]);
    Ok(size + length)
}

fn seal_curve(cipher: &mut curve::Cipher, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = body.len().saturating_add(curve::Cipher::OVERHEAD);
    out.try_reserve(length.saturating_add(LONG_HEADER))
        .map_err(|_| Error::NoMemory)?;
    append_header(0, length, out);
    let start = out.len();
    out.resize(start + length, 0);
    if let Some(message) = out.get_mut(start..) {
        cipher.seal(flags, body, message);
    }
    Ok(())
}

/// Frames that GSSAPI seals: nobody knows their lengths beforehand.
#[cfg(any(test, feature = "gssapi"))]
mod gssapi {
    use super::{COMMAND, Error, LONG_HEADER, ProtocolError, Result};
    use super::{append_header, from_sealed, header_of};
    use crate::mechanism::gssapi::Cipher;
    use crate::memory;

    pub(super) fn open(
        cipher: &mut Cipher,
        message: &[u8],
        out: &mut [u8],
    ) -> std::result::Result<usize, ProtocolError> {
        let opened = cipher.open(message)?;
        // A topic alone becomes the command that others send.
        let (name, flags): (&[u8], u8) = match opened.flags {
            flags if flags & Cipher::SUBSCRIBE != 0 => (b"\x09SUBSCRIBE", COMMAND),
            flags if flags & Cipher::CANCEL != 0 => (b"\x06CANCEL", COMMAND),
            flags => (b"", from_sealed(flags)),
        };
        let length = name.len() + opened.body().len();
        let (header, size) = header_of(flags, length);
        // What a context adds is more than a name.
        let mut rest = out;
        for part in [&header[..size], name, opened.body()] {
            let (place, behind) = rest
                .split_at_mut_checked(part.len())
                .ok_or(ProtocolError::MalformedMessage)?;
            place.copy_from_slice(part);
            rest = behind;
        }
        Ok(size + length)
    }

    pub(super) fn seal(
        cipher: &mut Cipher,
        flags: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        // A context that has expired ends the connection as want of memory does.
        let message = cipher.seal(flags, body).map_err(|_| Error::NoMemory)?;
        out.try_reserve(message.len().saturating_add(LONG_HEADER))
            .map_err(|_| Error::NoMemory)?;
        append_header(0, message.len(), out);
        memory::append(out, &message)
    }
}

/// What [`Seal::open_frames`] found.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Bytes of the frames that were opened, and of those in them.
    pub(crate) consumed: usize,
    pub(crate) written: usize,
    /// The bytes of the frame that follows, which is not all there, but looks right as far as it is.
    pub(crate) incomplete: Option<usize>,
    /// What is wrong with the frame that follows.
    pub(crate) failed: Option<ProtocolError>,
}

impl Opened {
    fn incomplete(mut self, size: usize) -> Self {
        self.incomplete = Some(size);
        self
    }

    fn failed(mut self, error: ProtocolError) -> Self {
        self.failed = Some(error);
        self
    }
}

fn to_sealed(flags: u8) -> u8 {
    let more = if flags & MORE != 0 { Cipher::MORE } else { 0 };
    let command = flags & COMMAND != 0;
    more | if command { Cipher::COMMAND } else { 0 }
}

fn from_sealed(flags: u8) -> u8 {
    let more = if flags & Cipher::MORE != 0 { MORE } else { 0 };
    let command = flags & Cipher::COMMAND != 0;
    more | if command { COMMAND } else { 0 }
}
