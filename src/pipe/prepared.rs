//! A message of the library's own that waits for its occasion: ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG and
//! ZMQ_HICCUP_MSG (patterns.md section 16).

#![forbid(unsafe_code)]

use crate::error::Result;
use crate::message::Storage;
use crate::pipe::{COPY_LIMIT, PipeEnd};

/// One frame, and an empty one in front of it where the receiving socket expects an envelope. Clones share
/// the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    body: Storage,
    delimited: bool,
}

impl Prepared {
    /// A copy of `body`; `None` if that is empty, which stands for no message. `NoMemory`.
    pub(crate) fn new(body: &[u8], delimited: bool) -> Result<Option<Self>> {
        if body.is_empty() {
            return Ok(None);
        }
        let body = Storage::copy_of(body)?;
        Ok(Some(Self { body, delimited }))
    }
}

impl PipeEnd {
    /// Writes the message behind what was written, whatever room there is; an unfinished message is taken
    /// back. `NoMemory`, and then nothing of it was written.
    pub(crate) fn write_prepared(&mut self, message: &Prepared) -> Result<()> {
        self.rollback();
        let written = self.append_prepared(message);
        if written.is_err() {
            self.rollback();
        }
        self.flush();
        written
    }

    fn append_prepared(&mut self, message: &Prepared) -> Result<()> {
        if message.delimited {
            self.append_bytes(b"", true)?;
        }
        if message.body.len() <= COPY_LIMIT {
            self.append_bytes(message.body.bytes(), false)
        } else {
            self.append_storage(message.body.clone(), false)
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Prepared;
    use crate::message::Message;
    use crate::pipe::{Conflate, Head, Incoming, Limits, Outgoing, PipeEnd, pipe};

    fn ends(hwm: i32) -> (PipeEnd, PipeEnd) {
        let own = Limits {
            send: Some(hwm),
            receive: None,
        };
        pipe(own, Limits::NONE, Conflate::NEITHER)
    }

    fn prepared(body: &[u8], delimited: bool) -> Prepared {
        Prepared::new(body, delimited).unwrap().unwrap()
    }

    fn write(end: &mut PipeEnd, body: &[u8], more: bool) {
        let frame = &mut Outgoing::from_bytes(body, more);
        end.write(frame, more).unwrap();
    }

    /// Everything that is there, with the MORE flags.
    fn read(end: &mut PipeEnd) -> Vec<(Vec<u8>, bool)> {
        let mut frames = Vec::new();
        while end.head() == Head::Frame {
            let mut message = Message::new();
            let mut into = Incoming::into_message(&mut message);
            end.read(&mut into).unwrap().unwrap();
            frames.push((message.bytes().to_vec(), message.more()));
        }
        frames
    }

    #[test]
    fn needs_no_room_and_follows_whole_messages() {
        let (mut writer, mut reader) = ends(1);
        write(&mut writer, b"whole", false);
        assert!(!writer.can_write());
        writer.noticed_writable();
        write(&mut writer, b"begun", true);
        writer.write_prepared(&prepared(b"news", true)).unwrap();
        let long = vec![7; 5000];
        writer.write_prepared(&prepared(&long, false)).unwrap();
        let expected = [
            (b"whole".to_vec(), false),
            (Vec::new(), true),
            (b"news".to_vec(), false),
            (long, false),
        ];
        assert_eq!(read(&mut reader), expected);
        assert!(Prepared::new(b"", true).unwrap().is_none());
    }

    #[test]
    fn farewell_is_the_last_thing_that_is_read() {
        let (mut leaving, mut staying) = ends(0);
        staying.expect_farewell(Some(prepared(b"bye", false)));
        write(&mut leaving, b"whole", false);
        write(&mut leaving, b"begun", true);
        leaving.leave();
        let expected = [(b"whole".to_vec(), false), (b"bye".to_vec(), false)];
        assert_eq!(read(&mut staying), expected);
        assert!(staying.is_drained() && staying.is_exhausted());
    }

    /// Not from one that is refused, or whose peer left first.
    #[test]
    fn no_farewell_to_those_who_want_none() {
        for refuse in [PipeEnd::abort, PipeEnd::leave] {
            let (mut leaving, mut staying) = ends(0);
            staying.expect_farewell(Some(prepared(b"bye", false)));
            refuse(&mut staying);
            leaving.leave();
            assert!(read(&mut staying).is_empty());
        }
    }
}
