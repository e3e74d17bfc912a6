//! zmq_setsockopt and zmq_getsockopt: the table decides, the socket supplies what only it knows.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::options::{self, Answer, Applied, StateOption};
use crate::socket::Core;

impl Core {
    /// Errors: those of [`options::set`], and `Terminated` once the stop was noticed.
    pub(super) fn set_option(
        &mut self,
        number: i32,
        value: Option<&[u8]>,
        length: usize,
    ) -> Result<()> {
        self.refuse_if_stopped()?;
        let socket_type = self.row.socket_type;
        match options::set(&mut self.options, socket_type, number, value, length)? {
            Applied::Pattern(option) => {
                self.note_pattern_option(&option);
                self.pattern.set_option(&mut self.pipes, option)?;
                self.settle();
            }
            Applied::Stored => {
                self.pattern.options_changed(&self.options);
                if number == c::ZMQ_SNDHWM || number == c::ZMQ_RCVHWM {
                    self.apply_limits();
                }
            }
        }
        Ok(())
    }

    /// Errors: those of [`options::get`], `Terminated` once the stop was noticed; ZMQ_EVENTS notices it.
    pub(super) fn get_option(&mut self, number: i32, buffer: &mut [u8]) -> Result<usize> {
        self.refuse_if_stopped()?;
        let socket_type = self.row.socket_type;
        let (state, row) = match options::get(&self.options, socket_type, number, buffer)? {
            Answer::Written(length) => return Ok(length),
            Answer::State(state, row) => (state, row),
        };
        let value = match state {
            StateOption::LastEndpoint => {
                return row.write_text(buffer, &self.endpoints.last);
            }
            StateOption::ReceiveMore => i32::from(self.receive_more),
            StateOption::Fd => self.export_descriptor()?,
            StateOption::Events => self.polled_events()?,
            StateOption::Type => socket_type as i32,
            StateOption::Mechanism => self.options.security.selected.number(),
            StateOption::ThreadSafe => i32::from(self.row.thread_safe),
            StateOption::TopicsCount => {
                let topics = self.pattern.topics_count().ok_or(Error::Invalid)?;
                i32::try_from(topics).unwrap_or(i32::MAX)
            }
        };
        row.write_int(buffer, value)
    }

    /// Programs set ZMQ_LINGER before they close what they inherited, and try again for ever on EINTR. So what is
    /// only stored is stored, in the child's copy.
    ///
    /// Errors: those of [`Self::set_option`]; `Interrupted` for what acts on the parent's connections.
    pub(super) fn set_option_in_child(
        &mut self,
        number: i32,
        value: Option<&[u8]>,
        length: usize,
    ) -> Result<()> {
        self.refuse_if_stopped()?;
        let socket_type = self.row.socket_type;
        match options::set(&mut self.options, socket_type, number, value, length)? {
            Applied::Stored => Ok(()),
            Applied::Pattern(_) => Err(Error::Interrupted),
        }
    }

    /// Errors: those of [`Self::get_option`]; `Interrupted` for what is to be found out from the connections.
    pub(super) fn get_option_in_child(&mut self, number: i32, buffer: &mut [u8]) -> Result<usize> {
        self.refuse_if_stopped()?;
        match options::get(&self.options, self.row.socket_type, number, buffer)? {
            Answer::State(StateOption::Fd | StateOption::Events | StateOption::TopicsCount, _) => {
                Err(Error::Interrupted)
            }
            _ => self.get_option(number, buffer),
        }
    }

    /// ZMQ_FD: readable means "look at ZMQ_EVENTS". What is there already signals it, and so does an
    /// endpoint: programs count on a first signal after connect or bind. Reading it notices nothing itself.
    fn export_descriptor(&mut self) -> Result<i32> {
        if self.mailbox.is_exported() {
            return self.mailbox.export();
        }
        let descriptor = self.mailbox.export()?;
        let has_news =
            self.mailbox.has_mail() || self.mailbox.is_stopped() || self.endpoints.is_any();
        if has_news || !matches!(self.events(), Ok(0)) {
            self.mailbox.signal_exported();
        }
        Ok(descriptor)
    }

    /// These calls do not look for a stop themselves; they fail once another call has noticed it.
    pub(super) fn refuse_if_stopped(&self) -> Result<()> {
        if self.stopped {
            Err(Error::Terminated)
        } else {
            Ok(())
        }
    }
}
