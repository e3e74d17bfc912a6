//! Encrypted traffic: each frame travels as the body of another one (contract: security.md section 4.2).
//!
//! Between the stream and everything else, which sees frames as of a peer without encryption.

#![forbid(unsafe_code)]

use super::frame::{COMMAND, Header, LONG_HEADER, MORE, append_header, header_of};
use crate::error::{Error, Result};
use crate::mechanism::curve::{Cipher, Envelope};
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

    /// What has come of a frame is the beginning of a MESSAGE that may come now. False: too little has.
    fn accepts_beginning(&self, frame: &[u8]) -> std::result::Result<bool, ProtocolError> {
        let size = Header::parse(frame).map(|header| header.size);
        let beginning = size.and_then(|size| frame.get(size..));
        self.cipher.accepts_beginning(beginning.unwrap_or_default())
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
        let malformed = ProtocolError::MalformedMessage;
        let size = Header::parse(frame).ok_or(malformed)?.size;
        let envelope = Envelope::parse(frame.get(size..).unwrap_or_default())?;
        let length = envelope.body_length();
        // The flags come to light with the body: the length alone says where that begins.
        let (_, size) = header_of(0, length);
        let (place, rest) = out.split_at_mut_checked(size).ok_or(malformed)?;
        let body = rest.get_mut(..length).ok_or(malformed)?;
        let flags = self.cipher.open(envelope, body)?;
        let (header, size) = header_of(from_sealed(flags), length);
        place.copy_from_slice(&header[..size]);
        Ok(size + length)
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
        self.seal(if more { Cipher::MORE } else { 0 }, body, out)
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
            self.seal(to_sealed(header.flags), body, out)?;
            rest = rest.get(end..).unwrap_or_default();
        }
        Ok(())
    }

    /// The last of what is sealed or opened at once has been.
    pub(crate) fn end_batch(&mut self) {
        self.cipher.end_batch();
    }

    fn seal(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let length = body.len().saturating_add(Cipher::OVERHEAD);
        out.try_reserve(length.saturating_add(LONG_HEADER))
            .map_err(|_| Error::NoMemory)?;
        append_header(0, length, out);
        let start = out.len();
        out.resize(start + length, 0);
        if let Some(message) = out.get_mut(start..) {
            self.cipher.seal(flags, body, message);
        }
        Ok(())
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
