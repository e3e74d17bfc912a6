//! Socket options: one table row per option (`table`), and everything else derives from the row: get,
//! set, validation, defaults, `docs/options.md`, and the test against the contract's table.
//!
//! Called by `socket` for zmq_setsockopt and zmq_getsockopt; everybody reads the fields of
//! [`SocketOptions`]. Must not know who reads a value.
//!
//! Adding an option: its constant in `ffi/constants`, a field in [`SocketOptions`] or a variant of
//! [`PatternOption`], a row in the table.

#![forbid(unsafe_code)]

mod encoding;
mod lists;
mod row;
pub(crate) mod security;
mod table;
mod values;

pub(crate) use row::{Row, StateOption};
pub(crate) use values::{AcceptFilter, Bytes, SocketOptions};

use crate::error::{Error, Result};
use crate::memory::ShortBytes;
use crate::patterns::SocketType;

/// What setting an option led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The value is in the [`SocketOptions`].
    Stored,
    /// The value is valid and belongs to the pattern, which still may refuse it (SUBSCRIBE on an XPUB
    /// that is not in manual mode).
    Pattern(PatternOption),
}

/// What reading an option led to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// The value is in the buffer, this many bytes of it are to be reported.
    Written(usize),
    /// The socket knows the value and writes it with [`Row::write_int`] or [`Row::write_text`]. A
    /// buffer for an int was found long enough.
    State(StateOption, &'static Row),
}

/// A validated option of a pattern, named as in zmq.h.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternOption {
    Subscribe(ShortBytes),
    Unsubscribe(ShortBytes),
    RouterMandatory(bool),
    RouterRaw(bool),
    RouterHandover(bool),
    ProbeRouter(bool),
    ConnectRoutingId(ShortBytes),
    ReqCorrelate(bool),
    ReqRelaxed(bool),
    XpubVerbose(bool),
    XpubVerboser(bool),
    XpubNodrop(bool),
    XpubManual(bool),
    XpubManualLastValue(bool),
    XpubWelcomeMsg(ShortBytes),
    OnlyFirstSubscribe(bool),
    XsubVerboseUnsubscribe(bool),
}

/// zmq_setsockopt. `value` is `None` for a NULL pointer, `length` what the caller gave with it.
///
/// Errors: `Invalid` for an unknown or read-only number, a type that does not have the option, a wrong
/// length, a value out of range; `NoMemory`.
pub(crate) fn set(
    options: &mut SocketOptions,
    socket_type: SocketType,
    number: i32,
    value: Option<&[u8]>,
    length: usize,
) -> Result<Applied> {
    let row = Row::find(number).ok_or(Error::Invalid)?;
    let fits = match value {
        Some(value) => value.len() == length,
        None => length == 0 || row.takes_null_of_any_length(),
    };
    if !fits || !row.types.contain(socket_type) {
        return Err(Error::Invalid);
    }
    row.set(options, value)
}

/// zmq_getsockopt. Stored values are readable on every type, even where they cannot be set.
///
/// Errors: `Invalid` for an unknown or write-only number, a type that does not have the option, a
/// buffer of a wrong length.
pub(crate) fn get(
    options: &SocketOptions,
    socket_type: SocketType,
    number: i32,
    buffer: &mut [u8],
) -> Result<Answer> {
    let row = Row::find(number).ok_or(Error::Invalid)?;
    row.get(options, socket_type, buffer)
}

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;
