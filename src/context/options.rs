//! Context options, in the way of the socket options: one row each, from which get, set, validation and
//! the test against the contract's table (context_options.tsv) derive.
//!
//! Called by `context` and, for what new sockets inherit, by `options`. That the first zmq_socket freezes
//! thread and slot options needs nothing here: the context takes a copy then, and later values are only
//! reported.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::decimal;
use crate::error::{Error, Result};
use crate::ffi::constants as c;

/// Longest ZMQ_THREAD_NAME_PREFIX.
const PREFIX_MAX: usize = 16;
/// Longest name that the system gives to a thread.
const THREAD_NAME_MAX: usize = 15;
/// ZMQ_SOCKET_LIMIT: reported only.
const SOCKET_LIMIT: i32 = 65535;
/// ZMQ_MSG_T_SIZE: sizeof(zmq_msg_t).
const MESSAGE_SIZE: i32 = 64;

const NOT_NEGATIVE: RangeInclusive<i32> = 0..=i32::MAX;
const POSITIVE: RangeInclusive<i32> = 1..=i32::MAX;

/// The options of a context.
#[derive(Clone, Debug)]
pub(crate) struct ContextOptions {
    io_threads: i32,
    max_sockets: i32,
    thread_priority: i32,
    thread_sched_policy: i32,
    max_message_size: i32,
    /// Sorted, each once.
    thread_cpus: Vec<i32>,
    thread_name_prefix: Vec<u8>,
    zero_copy_receive: bool,
    ipv6: bool,
    blocky: bool,
}

/// How a thread of the context is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ThreadAttributes {
    /// At most 15 bytes.
    pub(crate) name: String,
    pub(crate) priority: Option<i32>,
    pub(crate) sched_policy: Option<i32>,
    /// The CPUs it may run on; empty = all.
    pub(crate) cpus: Vec<i32>,
}

impl ContextOptions {
    /// zmq_ctx_set. `Invalid` for an unknown or read-only number, or a value out of range; `NoMemory`.
    pub(crate) fn set(&mut self, number: i32, value: i32) -> Result<()> {
        match &Row::find(number, Kind::can_set)?.kind {
            Kind::Int { accepts, set, .. } if accepts.contains(&value) => set(self, value),
            Kind::SetOnly { accepts, set } if accepts.contains(&value) => return set(self, value),
            // The text of the number; it is short.
            Kind::NamePrefix => self.thread_name_prefix = value.to_string().into_bytes(),
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    /// zmq_ctx_get. `Invalid` for an unknown or write-only number.
    pub(crate) fn get(&self, number: i32) -> Result<i32> {
        match &Row::find(number, Kind::can_get)?.kind {
            Kind::Int { get, .. } => Ok(get(self)),
            Kind::Fixed(value) => Ok(*value),
            #[expect(clippy::cast_possible_truncation, reason = "as atoi does")]
            Kind::NamePrefix => Ok(decimal::leading(&self.thread_name_prefix).unwrap_or(0) as i32),
            Kind::SetOnly { .. } => Err(Error::Invalid),
        }
    }

    /// zmq_ctx_set_ext. `value` is `None` for a NULL pointer. As [`Self::set`] for four bytes; the name
    /// prefix also takes text of another length, up to 16 bytes.
    pub(crate) fn set_ext(&mut self, number: i32, value: Option<&[u8]>) -> Result<()> {
        let value = value.ok_or(Error::Invalid)?;
        if let Ok(int) = value.try_into() {
            return self.set(number, i32::from_ne_bytes(int));
        }
        match Row::find(number, Kind::can_set)?.kind {
            Kind::NamePrefix if (1..=PREFIX_MAX).contains(&value.len()) => {
                self.thread_name_prefix = value.to_vec();
                Ok(())
            }
            _ => Err(Error::Invalid),
        }
    }

    /// zmq_ctx_get_ext. As [`Self::get`] into four bytes; the name prefix is also written as text, without
    /// a NUL, into a buffer of another length that has room for it.
    pub(crate) fn get_ext(&self, number: i32, buffer: &mut [u8]) -> Result<()> {
        if buffer.len() == size_of::<i32>() {
            buffer.copy_from_slice(&self.get(number)?.to_ne_bytes());
            return Ok(());
        }
        let Kind::NamePrefix = Row::find(number, Kind::can_get)?.kind else {
            return Err(Error::Invalid);
        };
        let text = &self.thread_name_prefix;
        buffer
            .get_mut(..text.len())
            .ok_or(Error::Invalid)?
            .copy_from_slice(text);
        Ok(())
    }

    pub(crate) fn io_threads(&self) -> usize {
        usize::try_from(self.io_threads).unwrap_or(0)
    }

    pub(crate) fn max_sockets(&self) -> usize {
        usize::try_from(self.max_sockets).unwrap_or(0)
    }

    /// How I/O thread `index` is to run.
    pub(crate) fn thread_attributes(&self, index: usize) -> ThreadAttributes {
        let prefix = self
            .thread_name_prefix
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default();
        let mut name = String::from_utf8_lossy(prefix).into_owned();
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(&format!("ZMQbg/IO/{index}"));
        while name.len() > THREAD_NAME_MAX {
            name.pop();
        }
        let set = |value: i32| (value >= 0).then_some(value);
        ThreadAttributes {
            name,
            priority: set(self.thread_priority),
            sched_policy: set(self.thread_sched_policy),
            cpus: self.thread_cpus.clone(),
        }
    }

    /// What new sockets have for ZMQ_IPV6.
    pub(crate) fn ipv6(&self) -> bool {
        self.ipv6
    }

    /// False: new sockets have ZMQ_LINGER 0.
    pub(crate) fn blocky(&self) -> bool {
        self.blocky
    }

    /// False: received messages are copied out of the receive buffers.
    pub(crate) fn zero_copy_receive(&self) -> bool {
        self.zero_copy_receive
    }

    fn add_cpu(&mut self, cpu: i32) -> Result<()> {
        if let Err(at) = self.thread_cpus.binary_search(&cpu) {
            self.thread_cpus
                .try_reserve(1)
                .map_err(|_| Error::NoMemory)?;
            self.thread_cpus.insert(at, cpu);
        }
        Ok(())
    }

    fn remove_cpu(&mut self, cpu: i32) -> Result<()> {
        let at = self
            .thread_cpus
            .binary_search(&cpu)
            .map_err(|_| Error::Invalid)?;
        self.thread_cpus.remove(at);
        Ok(())
    }
}

impl Default for ContextOptions {
    fn default() -> Self {
        let mut options = Self {
            io_threads: 0,
            max_sockets: 0,
            thread_priority: c::ZMQ_THREAD_PRIORITY_DFLT,
            thread_sched_policy: 0,
            max_message_size: 0,
            thread_cpus: Vec::new(),
            thread_name_prefix: Vec::new(),
            zero_copy_receive: false,
            ipv6: false,
            blocky: false,
        };
        for row in OPTIONS {
            if let Kind::Int { default, set, .. } = row.kind {
                set(&mut options, default);
            }
        }
        options
    }
}

/// One context option.
#[derive(Debug)]
struct Row {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the test against the contract")
    )]
    name: &'static str,
    number: i32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Int {
        default: i32,
        accepts: RangeInclusive<i32>,
        get: fn(&ContextOptions) -> i32,
        set: fn(&mut ContextOptions, i32),
    },
    SetOnly {
        accepts: RangeInclusive<i32>,
        set: fn(&mut ContextOptions, i32) -> Result<()>,
    },
    /// Read only.
    Fixed(i32),
    /// An int or text.
    NamePrefix,
}

impl Row {
    /// Number 3 is one option to set and another to get.
    fn find(number: i32, usable: fn(&Kind) -> bool) -> Result<&'static Self> {
        let found = OPTIONS
            .iter()
            .find(|row| row.number == number && usable(&row.kind));
        found.ok_or(Error::Invalid)
    }
}

impl Kind {
    fn can_set(&self) -> bool {
        !matches!(self, Self::Fixed(_))
    }

    fn can_get(&self) -> bool {
        !matches!(self, Self::SetOnly { .. })
    }
}

macro_rules! row {
    ($name:ident, $kind:expr) => {
        Row {
            name: stringify!($name),
            number: c::$name,
            kind: $kind,
        }
    };
}

macro_rules! int {
    ($field:ident, $default:expr, $accepts:expr) => {
        Kind::Int {
            default: $default,
            accepts: $accepts,
            get: |options| options.$field,
            set: |options, value| options.$field = value,
        }
    };
}

macro_rules! flag {
    ($field:ident, $default:expr) => {
        Kind::Int {
            default: $default,
            accepts: NOT_NEGATIVE,
            get: |options| i32::from(options.$field),
            set: |options, value| options.$field = value != 0,
        }
    };
}

/// Contract: context_options.tsv, which also tells what each is good for.
static OPTIONS: &[Row] = &[
    row!(
        ZMQ_IO_THREADS,
        int!(io_threads, c::ZMQ_IO_THREADS_DFLT, NOT_NEGATIVE)
    ),
    row!(
        ZMQ_MAX_SOCKETS,
        int!(max_sockets, c::ZMQ_MAX_SOCKETS_DFLT, POSITIVE)
    ),
    row!(ZMQ_SOCKET_LIMIT, Kind::Fixed(SOCKET_LIMIT)),
    row!(
        ZMQ_THREAD_PRIORITY,
        Kind::SetOnly {
            accepts: NOT_NEGATIVE,
            set: |options, value| {
                options.thread_priority = value;
                Ok(())
            },
        }
    ),
    row!(
        ZMQ_THREAD_SCHED_POLICY,
        int!(
            thread_sched_policy,
            c::ZMQ_THREAD_SCHED_POLICY_DFLT,
            NOT_NEGATIVE
        )
    ),
    row!(
        ZMQ_MAX_MSGSZ,
        int!(max_message_size, i32::MAX, NOT_NEGATIVE)
    ),
    row!(ZMQ_MSG_T_SIZE, Kind::Fixed(MESSAGE_SIZE)),
    row!(
        ZMQ_THREAD_AFFINITY_CPU_ADD,
        Kind::SetOnly {
            accepts: NOT_NEGATIVE,
            set: ContextOptions::add_cpu
        }
    ),
    row!(
        ZMQ_THREAD_AFFINITY_CPU_REMOVE,
        Kind::SetOnly {
            accepts: NOT_NEGATIVE,
            set: ContextOptions::remove_cpu
        }
    ),
    row!(ZMQ_THREAD_NAME_PREFIX, Kind::NamePrefix),
    row!(ZMQ_ZERO_COPY_RECV, flag!(zero_copy_receive, 1)),
    row!(ZMQ_IPV6, flag!(ipv6, 0)),
    row!(ZMQ_BLOCKY, flag!(blocky, 1)),
];

#[cfg(test)]
mod tests;
