//! zmq_setsockopt and zmq_getsockopt on sockets without peers.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr::null;
use std::sync::OnceLock;

use super::{UNTOUCHED, answer};
use crate::ffi::constants as c;
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_set};
use crate::ffi::socket::{zmq_close, zmq_getsockopt, zmq_setsockopt, zmq_socket};
use crate::fuzz::Input;
use crate::z85;

/// A byte is the socket's type; then come options that are set or read.
pub(crate) fn socket_options(data: &[u8]) {
    let mut input = Input::new(data);
    let first = input.byte();
    let Some(mut socket) = Socket::open(c_int::from(first & 0x0F)) else {
        return;
    };
    while !input.is_empty() {
        let choice = input.byte();
        let number = match choice >> 4 {
            // Nearly all of them.
            0..=13 => c_int::from(input.byte()),
            _ => c_int::from_ne_bytes(input.array()),
        };
        match choice & 7 {
            0 | 1 => socket.set(number, Some(&input.array::<4>())),
            2 => socket.set(number, Some(&input.array::<8>())),
            3 => socket.set(number, Some(input.bytes())),
            4 => socket.set(
                number,
                Some(&input.take(3).repeat(usize::from(input.byte()))),
            ),
            5 => socket.set(number, None),
            6 => socket.set_null(number, input.byte().into()),
            _ => socket.get(number, input.byte().into()),
        }
    }
    // Not always, for it takes long.
    if first & 0x70 == 0x10 {
        socket.all_is_as_known();
    }
}

/// All of the library's, and some that it has not.
const NUMBERS: std::ops::Range<c_int> = 0..256;

/// Reading them does something, or what they say depends on others.
const LIVE: [c_int; 6] = [
    c::ZMQ_FD,
    c::ZMQ_EVENTS,
    c::ZMQ_TOPICS_COUNT,
    c::ZMQ_MECHANISM,
    c::ZMQ_PLAIN_SERVER,
    c::ZMQ_CURVE_SERVER,
];

/// NULL with a length is no mistake there.
const CLEARED_BY_NULL: [c_int; 2] = [c::ZMQ_SOCKS_USERNAME, c::ZMQ_SOCKS_PASSWORD];

/// What an option reads; `None` = nothing.
type Value = Option<Vec<u8>>;

struct Socket {
    handle: *mut c_void,
    socket_type: c_int,
    /// What was set, or was to be set.
    known: BTreeMap<c_int, Value>,
}

const KEPT: [c_int; 2] = [c::ZMQ_PLAIN_USERNAME, c::ZMQ_PLAIN_PASSWORD];
const SECURITY: [c_int; 7] = [
    c::ZMQ_GSSAPI_PRINCIPAL,
    c::ZMQ_GSSAPI_SERVER,
    c::ZMQ_GSSAPI_SERVICE_PRINCIPAL,
    c::ZMQ_MECHANISM,
    c::ZMQ_PLAIN_SERVER,
    c::ZMQ_PLAIN_USERNAME,
    c::ZMQ_PLAIN_PASSWORD,
];

impl Drop for Socket {
    fn drop(&mut self) {
        assert_eq!(unsafe { zmq_close(self.handle) }, 0);
    }
}

impl Socket {
    fn open(socket_type: c_int) -> Option<Self> {
        static CONTEXT: OnceLock<usize> = OnceLock::new();
        let context = *CONTEXT.get_or_init(|| unsafe {
            let context = zmq_ctx_new();
            // Nobody is connected to.
            assert_eq!(zmq_ctx_set(context, c::ZMQ_IO_THREADS, 0), 0);
            context.expose_provenance()
        });
        let context = std::ptr::with_exposed_provenance_mut(context);
        let handle = unsafe { zmq_socket(context, socket_type) };
        if handle.is_null() {
            assert_eq!(crate::ffi::errno::get(), libc::EINVAL);
            return None;
        }
        Some(Self {
            handle,
            socket_type,
            known: BTreeMap::new(),
        })
    }

    fn set(&mut self, number: c_int, value: Option<&[u8]>) {
        // The one that may be as long as it likes: what is set is to be read.
        let most = match number {
            c::ZMQ_SOCKS_PROXY => 511,
            _ => usize::MAX,
        };
        let value = value.map(|value| &value[..value.len().min(most)]);
        let (pointer, length) = match value {
            Some(value) => (value.as_ptr().cast(), value.len()),
            None => (null(), 0),
        };
        let before = self.read(number);
        let attempt = || answer(|| unsafe { zmq_setsockopt(self.handle, number, pointer, length) });
        let result = attempt();
        assert_eq!(attempt(), result, "the same twice");
        let after = self.read(number);
        match (result, &after) {
            // What is taken back stays readable.
            (Ok(0), _) if value.is_none() && KEPT.contains(&number) => assert_eq!(after, before),
            (Ok(0), Some(after)) => assert_eq!(
                *after,
                self.reads_as(number, value, before.as_deref()),
                "{number}"
            ),
            // Write-only.
            (Ok(0), None) => assert_eq!(before, None),
            (Err(libc::EINVAL), _) => assert_eq!(after, before, "{number}"),
            (other, _) => panic!("{other:?}"),
        }
        if result == Ok(0) {
            // Two names of one option.
            let other = match number {
                c::ZMQ_IPV6 => c::ZMQ_IPV4ONLY,
                c::ZMQ_IPV4ONLY => c::ZMQ_IPV6,
                _ => number,
            };
            self.known.insert(other, self.read(other));
            if SECURITY.contains(&number) {
                // Each selects a mechanism and a role.
                for other in SECURITY {
                    self.known.insert(other, self.read(other));
                }
            }
        }
        self.known.insert(number, after);
    }

    /// A length, but no bytes.
    fn set_null(&mut self, number: c_int, length: usize) {
        if length > 0 {
            let before = self.read(number);
            let result = answer(|| unsafe { zmq_setsockopt(self.handle, number, null(), length) });
            if CLEARED_BY_NULL.contains(&number) {
                assert_eq!(result, Ok(0));
                assert_eq!(self.read(number).as_deref(), Some(&b"\0"[..]));
                self.set(number, None);
                return;
            }
            assert_eq!(result, Err(libc::EINVAL));
            assert_eq!(self.read(number), before);
        }
    }

    /// Into a buffer of any size.
    fn get(&self, number: c_int, size: usize) {
        let (result, buffer) = self.get_into(number, size);
        assert_eq!(
            self.get_into(number, size),
            (result, buffer.clone()),
            "the same twice"
        );
        // A size may be refused that others are not.
        let (Ok(length), Some(known)) = (result, self.read(number)) else {
            assert!(result.is_err() || number == c::ZMQ_FD);
            return;
        };
        let is_key_text = number >= c::ZMQ_CURVE_PUBLICKEY && length == 41;
        if !is_key_text {
            assert_eq!(buffer[..length], known, "{number}");
        }
        assert!(
            buffer[length..].iter().all(|&byte| byte == 0),
            "padded with zeros"
        );
        assert!(!buffer.contains(&UNTOUCHED) || known.contains(&UNTOUCHED));
    }

    fn get_into(&self, number: c_int, size: usize) -> (Result<usize, c_int>, Vec<u8>) {
        super::get(size, |buffer, length| unsafe {
            zmq_getsockopt(self.handle, number, buffer, length)
        })
    }

    /// In a size that the option takes, if there is any.
    fn read(&self, number: c_int) -> Value {
        if number == c::ZMQ_FD {
            // Not for nothing: it makes a descriptor.
            return None;
        }
        // Nothing is longer than that; the last size is the one for curve keys.
        [4, 512, 8, 32].into_iter().find_map(|size| {
            let (result, mut buffer) = self.get_into(number, size);
            buffer.truncate(result.ok()?);
            Some(buffer)
        })
    }

    /// What an option reads after it was set to `value`.
    fn reads_as(&self, number: c_int, value: Option<&[u8]>, before: Option<&[u8]>) -> Vec<u8> {
        let value = value.unwrap_or_default();
        let int = |make: fn(i32) -> i32| {
            let value = value.try_into().expect("an int");
            make(i32::from_ne_bytes(value)).to_ne_bytes().to_vec()
        };
        match number {
            c::ZMQ_INVERT_MATCHING | c::ZMQ_LOOPBACK_FASTPATH | c::ZMQ_MULTICAST_LOOP => {
                int(|value| i32::from(value != 0))
            }
            // In tenths of a second.
            c::ZMQ_HEARTBEAT_TTL => int(|value| value / 100 * 100),
            // As they are, or written over the front by a text up to its NUL.
            c::ZMQ_CURVE_PUBLICKEY..=c::ZMQ_CURVE_SERVERKEY if value.len() != 32 => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                let mut key = before.expect("a key").to_vec();
                z85::decode(text, &mut key).expect("a text");
                key
            }
            // With its NUL.
            c::ZMQ_BINDTODEVICE
            | c::ZMQ_GSSAPI_PRINCIPAL
            | c::ZMQ_GSSAPI_SERVICE_PRINCIPAL
            | c::ZMQ_PLAIN_USERNAME
            | c::ZMQ_PLAIN_PASSWORD
            | c::ZMQ_SOCKS_PROXY
            | c::ZMQ_SOCKS_USERNAME
            | c::ZMQ_SOCKS_PASSWORD
            | c::ZMQ_ZAP_DOMAIN => [value, b"\0"].concat(),
            c::ZMQ_ZAP_ENFORCE_DOMAIN => int(|value| i32::from(value != 0)),
            _ => value.to_vec(),
        }
    }

    /// What was not set is as in every new socket of the type, and what was is still so.
    fn all_is_as_known(&self) {
        static FRESH: [OnceLock<Vec<Value>>; 16] = [const { OnceLock::new() }; 16];
        let fresh = FRESH[self.socket_type as usize].get_or_init(|| {
            let fresh = Self::open(self.socket_type).expect("again");
            NUMBERS.map(|number| fresh.read(number)).collect()
        });
        for (number, fresh) in NUMBERS.zip(fresh) {
            if !LIVE.contains(&number) {
                let known = self.known.get(&number).unwrap_or(fresh);
                assert_eq!(self.read(number), *known, "{number}");
            }
        }
    }
}
