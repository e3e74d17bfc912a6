//! What a row of the option table holds, and what follows from it.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::error::{Error, Result};
use crate::memory::ShortBytes;
use crate::options::encoding::{self, Empty};
use crate::options::table::OPTIONS;
use crate::options::values::{Bytes, SocketOptions};
use crate::options::{Answer, Applied, PatternOption};
use crate::patterns::{SocketType, TypeRow};
use crate::sodium::{PublicKey, Secret};

/// One socket option.
#[derive(Debug)]
pub(crate) struct Row {
    /// As in zmq.h.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the tests of the table")
    )]
    pub(crate) name: &'static str,
    pub(crate) number: i32,
    pub(crate) kind: Kind,
    /// Types that can set it; values that are not stored can also be read on these only.
    pub(crate) types: Types,
    /// Without it the option can neither be read nor set.
    pub(crate) needs: Option<Feature>,
    pub(crate) documentation: Documentation,
}

/// A part of the library that a build may be without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature {
    /// As in Cargo.toml.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the tests of the table")
    )]
    pub(crate) name: &'static str,
    pub(crate) is_built: bool,
}

/// What only readers of the table need.
#[derive(Debug)]
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "a test writes docs/options.md from it")
)]
pub(crate) struct Documentation {
    pub(crate) alias: &'static str,
    pub(crate) status: Status,
    pub(crate) effect: Effect,
    pub(crate) text: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Stable,
    Deprecated,
    Draft,
}

/// When a value that was set takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Immediately,
    /// Captured by each bind and connect.
    NextEndpoint,
    NextBind,
    NextConnect,
    /// Used up by one connect.
    OneConnect,
    /// For peers that come afterwards.
    NextPeer,
    NextRequest,
    Never,
}

/// Socket types that have an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Types {
    All,
    Only(&'static [SocketType]),
    NotThreadSafe,
}

/// What the value is and where it lives.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A stored int.
    Int {
        default: i32,
        accepts: RangeInclusive<i32>,
        get: fn(&SocketOptions) -> i32,
        set: fn(&mut SocketOptions, i32),
    },
    /// A stored int that cannot be read.
    SetOnlyInt {
        default: i32,
        accepts: RangeInclusive<i32>,
        set: fn(&mut SocketOptions, i32),
    },
    /// A stored int64_t; all values are accepted.
    Int64 {
        default: i64,
        get: fn(&SocketOptions) -> i64,
        set: fn(&mut SocketOptions, i64),
    },
    /// A stored uint64_t; all values are accepted.
    Uint64 {
        default: u64,
        get: fn(&SocketOptions) -> u64,
        set: fn(&mut SocketOptions, u64),
    },
    /// Stored bytes, empty by default.
    Bytes {
        lengths: RangeInclusive<usize>,
        empty: Empty,
        read: Read,
        get: fn(&SocketOptions) -> &Bytes,
        set: fn(&mut SocketOptions, Bytes),
    },
    /// A stored CURVE key, zeros by default; the secret ones look alike.
    Key {
        get: fn(&SocketOptions) -> &PublicKey,
        set: fn(&mut SocketOptions, &PublicKey),
    },
    /// A stored list to which each call adds; empty by default, cannot be read.
    List {
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "read by the tests of the table")
        )]
        c_type: &'static str,
        add: fn(&mut SocketOptions, Option<&[u8]>) -> Result<()>,
    },
    /// An on/off int of the pattern, off by default, that cannot be read. `note` lets the value leave
    /// a trace in the stored ones.
    PatternFlag {
        accepts: RangeInclusive<i32>,
        make: fn(bool) -> PatternOption,
        note: fn(&mut SocketOptions, bool),
    },
    /// Bytes for the pattern that cannot be read.
    PatternBytes {
        empty: Empty,
        make: fn(ShortBytes) -> PatternOption,
    },
    /// State of the socket, which cannot be set.
    State { state: StateOption, shape: Shape },
    /// Not in this build: can neither be read nor set.
    Absent(
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "read by the tests of the table")
        )]
        Constant,
    ),
}

/// How stored bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Not at all.
    Never,
    /// As they are.
    Binary,
    /// With a NUL.
    Text,
}

/// A value that only the socket knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateOption {
    /// ZMQ_RCVMORE.
    ReceiveMore,
    /// ZMQ_FD.
    Fd,
    /// ZMQ_EVENTS.
    Events,
    /// ZMQ_TYPE.
    Type,
    /// ZMQ_LAST_ENDPOINT.
    LastEndpoint,
    /// ZMQ_MECHANISM.
    Mechanism,
    /// ZMQ_THREAD_SAFE.
    ThreadSafe,
    /// ZMQ_TOPICS_COUNT.
    TopicsCount,
}

/// How state is written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An int in a buffer of four bytes.
    ExactInt,
    /// An int at the front of a buffer that may be longer.
    PaddedInt,
    /// Text with a NUL.
    Text,
}

/// The value of an option that is not in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    Int(i32),
    Uint64(u64),
    Bytes,
}

impl Row {
    /// A row for every type and of stable status; the methods below change that.
    pub(super) const fn new(
        name: &'static str,
        number: i32,
        kind: Kind,
        effect: Effect,
        text: &'static str,
    ) -> Self {
        let documentation = Documentation {
            alias: "",
            status: Status::Stable,
            effect,
            text,
        };
        Self {
            name,
            number,
            kind,
            types: Types::All,
            needs: None,
            documentation,
        }
    }

    pub(super) const fn only(mut self, types: &'static [SocketType]) -> Self {
        self.types = Types::Only(types);
        self
    }

    pub(super) const fn not_thread_safe(mut self) -> Self {
        self.types = Types::NotThreadSafe;
        self
    }

    pub(super) const fn needs(mut self, feature: Feature) -> Self {
        self.needs = Some(feature);
        self
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.documentation.alias = alias;
        self
    }

    pub(super) const fn draft(mut self) -> Self {
        self.documentation.status = Status::Draft;
        self
    }

    pub(super) const fn deprecated(mut self) -> Self {
        self.documentation.status = Status::Deprecated;
        self
    }

    /// The row of an option number.
    pub(crate) fn find(number: i32) -> Option<&'static Self> {
        let at = OPTIONS
            .binary_search_by_key(&number, |row| row.number)
            .ok()?;
        OPTIONS.get(at)
    }

    /// What it needs is built.
    pub(super) fn is_built(&self) -> bool {
        self.needs.is_none_or(|feature| feature.is_built)
    }

    /// A NULL pointer clears it, even with a length.
    pub(super) fn takes_null_of_any_length(&self) -> bool {
        matches!(
            self.kind,
            Kind::Bytes {
                empty: Empty::NullOfAnyLength,
                ..
            }
        )
    }

    /// Sets the value. `None` is a NULL pointer. Errors: `Invalid`, `NoMemory`.
    pub(super) fn set(&self, options: &mut SocketOptions, input: Option<&[u8]>) -> Result<Applied> {
        if !self.is_built() {
            return Err(Error::Invalid);
        }
        match &self.kind {
            Kind::Int { accepts, set, .. } | Kind::SetOnlyInt { accepts, set, .. } => {
                set(options, encoding::int(input, accepts)?);
            }
            Kind::Int64 { set, .. } => set(options, i64::from_ne_bytes(encoding::array(input)?)),
            Kind::Uint64 { set, .. } => set(options, u64::from_ne_bytes(encoding::array(input)?)),
            Kind::Bytes {
                lengths,
                empty,
                set,
                ..
            } => {
                set(
                    options,
                    Bytes::copy(encoding::bytes(input, lengths, *empty)?)?,
                );
            }
            Kind::Key { get, set } => {
                // It may be a secret one.
                let mut key = Secret::copy(get(options));
                encoding::key(input, key.bytes_mut())?;
                set(options, key.bytes());
            }
            Kind::List { add, .. } => add(options, input)?,
            Kind::PatternFlag {
                accepts,
                make,
                note,
            } => {
                let on = encoding::int(input, accepts)? != 0;
                note(options, on);
                return Ok(Applied::Pattern(make(on)));
            }
            Kind::PatternBytes { empty, make } => {
                let bytes = encoding::bytes(input, &(1..=usize::MAX), *empty)?;
                return Ok(Applied::Pattern(make(ShortBytes::new(bytes)?)));
            }
            Kind::State { .. } | Kind::Absent(_) => return Err(Error::Invalid),
        }
        Ok(Applied::Stored)
    }

    /// Reads the value into `buffer`. Error: `Invalid`.
    pub(super) fn get(
        &'static self,
        options: &SocketOptions,
        socket_type: SocketType,
        buffer: &mut [u8],
    ) -> Result<Answer> {
        if !self.is_built() {
            return Err(Error::Invalid);
        }
        let written = match &self.kind {
            Kind::Int { get, .. } => encoding::write_exactly(buffer, &get(options).to_ne_bytes()),
            Kind::Int64 { get, .. } => encoding::write_exactly(buffer, &get(options).to_ne_bytes()),
            Kind::Uint64 { get, .. } => {
                encoding::write_exactly(buffer, &get(options).to_ne_bytes())
            }
            Kind::Bytes {
                get,
                read: Read::Binary,
                ..
            } => encoding::write_padded(buffer, get(options)),
            Kind::Bytes {
                get,
                read: Read::Text,
                ..
            } => encoding::write_text(buffer, get(options)),
            Kind::Key { get, .. } => encoding::write_key(buffer, get(options)),
            Kind::State { state, shape } => {
                if !self.types.contain(socket_type) || !shape.fits(buffer) {
                    return Err(Error::Invalid);
                }
                return Ok(Answer::State(*state, self));
            }
            Kind::Bytes {
                read: Read::Never, ..
            }
            | Kind::SetOnlyInt { .. }
            | Kind::List { .. }
            | Kind::PatternFlag { .. }
            | Kind::PatternBytes { .. }
            | Kind::Absent(_) => Err(Error::Invalid),
        };
        written.map(Answer::Written)
    }

    /// Writes an int of the socket by the row's rule; returns the length to report. Error: `Invalid`.
    pub(crate) fn write_int(&self, buffer: &mut [u8], value: i32) -> Result<usize> {
        match self.kind {
            Kind::State {
                shape: Shape::PaddedInt,
                ..
            } => encoding::write_padded(buffer, &value.to_ne_bytes()),
            _ => encoding::write_exactly(buffer, &value.to_ne_bytes()),
        }
    }

    /// Writes text of the socket with a NUL; returns the length to report. Error: `Invalid`.
    pub(crate) fn write_text(&self, buffer: &mut [u8], value: &[u8]) -> Result<usize> {
        encoding::write_text(buffer, value)
    }

    /// Puts the default in place, also where it is outside of what can be set.
    pub(super) fn put_default(&self, options: &mut SocketOptions) {
        match &self.kind {
            Kind::Int { default, set, .. } | Kind::SetOnlyInt { default, set, .. } => {
                set(options, *default);
            }
            Kind::Int64 { default, set, .. } => set(options, *default),
            Kind::Uint64 { default, set, .. } => set(options, *default),
            // Empty, and not stored.
            Kind::Bytes { .. }
            | Kind::Key { .. }
            | Kind::List { .. }
            | Kind::PatternFlag { .. }
            | Kind::PatternBytes { .. }
            | Kind::State { .. }
            | Kind::Absent(_) => {}
        }
    }
}

impl Types {
    pub(crate) fn contain(self, socket_type: SocketType) -> bool {
        match self {
            Self::All => true,
            Self::Only(types) => types.contains(&socket_type),
            Self::NotThreadSafe => {
                TypeRow::find(socket_type as i32).is_some_and(|row| !row.thread_safe)
            }
        }
    }
}

impl Shape {
    /// Whether a buffer can hold the value; text is only known when it is written.
    fn fits(self, buffer: &[u8]) -> bool {
        match self {
            Self::ExactInt => buffer.len() == size_of::<i32>(),
            Self::PaddedInt => buffer.len() >= size_of::<i32>(),
            Self::Text => true,
        }
    }
}
