//! zmq_ctx_set, zmq_ctx_get, zmq_ctx_set_ext and zmq_ctx_get_ext on contexts without sockets.

use std::ffi::{c_int, c_void};
use std::ptr::null;

use super::{UNTOUCHED, answer};
use crate::ffi::constants as c;
use crate::ffi::context::{
    of_handle, zmq_ctx_get, zmq_ctx_get_ext, zmq_ctx_new, zmq_ctx_set, zmq_ctx_set_ext,
    zmq_ctx_term,
};
use crate::fuzz::Input;

/// Options that are set or read.
pub(crate) fn context_options(data: &[u8]) {
    let mut input = Input::new(data);
    let context = Context(unsafe { zmq_ctx_new() });
    while !input.is_empty() {
        let choice = input.byte();
        let number = match choice >> 4 {
            0..=9 => c_int::from(choice >> 4) + 1,
            10 => c::ZMQ_IPV6,
            11 => c::ZMQ_BLOCKY,
            _ => c_int::from_ne_bytes(input.array()),
        };
        match choice & 3 {
            0 => context.set(number, &input.array::<4>()),
            1 => context.set(number, input.bytes()),
            2 => context.get(number, input.byte().into()),
            _ => context.set_null(number, input.byte().into()),
        }
        context.threads_can_be_named();
    }
}

struct Context(*mut c_void);

impl Drop for Context {
    fn drop(&mut self) {
        assert_eq!(unsafe { zmq_ctx_term(self.0) }, 0);
    }
}

const READABLE: [c_int; 10] = [
    c::ZMQ_IO_THREADS,
    c::ZMQ_MAX_SOCKETS,
    c::ZMQ_SOCKET_LIMIT,
    c::ZMQ_THREAD_SCHED_POLICY,
    c::ZMQ_MAX_MSGSZ,
    c::ZMQ_MSG_T_SIZE,
    c::ZMQ_THREAD_NAME_PREFIX,
    c::ZMQ_ZERO_COPY_RECV,
    c::ZMQ_IPV6,
    c::ZMQ_BLOCKY,
];

impl Context {
    fn set(&self, number: c_int, value: &[u8]) {
        let before = self.all();
        let result = self.set_ext(number, value);
        if let Ok(value) = value.try_into() {
            // Both forms are one.
            let value = i32::from_ne_bytes(value);
            let again = answer(|| unsafe { zmq_ctx_set(self.0, number, value) });
            let expected = match number {
                // What was taken out of the list is out of it.
                c::ZMQ_THREAD_AFFINITY_CPU_REMOVE => Err(libc::EINVAL),
                _ => result,
            };
            assert_eq!(again, expected);
        } else {
            assert_eq!(self.set_ext(number, value), result, "the same twice");
        }
        assert!(matches!(result, Ok(0) | Err(libc::EINVAL)));
        for (option, before) in READABLE.into_iter().zip(before) {
            let after = self.read(option);
            match result {
                Ok(_) if option == number => self.reads(number, value),
                _ => assert_eq!(after, before, "{option} by {number}"),
            }
        }
    }

    fn set_null(&self, number: c_int, length: usize) {
        let before = self.all();
        let result = answer(|| unsafe { zmq_ctx_set_ext(self.0, number, null(), length) });
        assert_eq!(result, Err(libc::EINVAL));
        assert_eq!(self.all(), before);
    }

    fn set_ext(&self, number: c_int, value: &[u8]) -> Result<c_int, c_int> {
        let (pointer, length) = (value.as_ptr().cast(), value.len());
        answer(|| unsafe { zmq_ctx_set_ext(self.0, number, pointer, length) })
    }

    /// After it was set to `value`.
    fn reads(&self, number: c_int, value: &[u8]) {
        let read = self.read(number);
        let int = value.try_into().map(i32::from_ne_bytes).map_err(drop);
        match (number, int) {
            // Text whose number is read; the number is not for a fuzzer to say again.
            (c::ZMQ_THREAD_NAME_PREFIX, Ok(int)) => {
                assert_eq!(read, Ok(int));
                self.prefix_reads(int.to_string().as_bytes());
            }
            (c::ZMQ_THREAD_NAME_PREFIX, Err(_)) => {
                assert!((1..=16).contains(&value.len()));
                self.prefix_reads(value);
            }
            (c::ZMQ_ZERO_COPY_RECV | c::ZMQ_IPV6 | c::ZMQ_BLOCKY, Ok(int)) => {
                assert_eq!(read, Ok(c_int::from(int != 0)));
            }
            // One option to set, another to get.
            (c::ZMQ_SOCKET_LIMIT, Ok(_)) => assert_eq!(read, Ok(65535)),
            (_, int) => assert_eq!(Ok(read), int.map(Ok), "{number}"),
        }
    }

    fn prefix_reads(&self, text: &[u8]) {
        for size in [text.len(), text.len() + 1, 33] {
            if size != size_of::<c_int>() {
                let (result, buffer) = self.get_ext(c::ZMQ_THREAD_NAME_PREFIX, size);
                assert_eq!(result, Ok(size));
                assert!(buffer.starts_with(text));
                assert!(buffer[text.len()..].iter().all(|&byte| byte == UNTOUCHED));
            }
        }
    }

    fn get(&self, number: c_int, size: usize) {
        let (result, buffer) = self.get_ext(number, size);
        if size == size_of::<c_int>() {
            let value = buffer.try_into().map(i32::from_ne_bytes).expect("four");
            assert_eq!(result.map(|_| value), self.read(number));
        } else {
            assert!(result.is_err() || number == c::ZMQ_THREAD_NAME_PREFIX);
        }
    }

    fn get_ext(&self, number: c_int, size: usize) -> (Result<usize, c_int>, Vec<u8>) {
        super::get(size, |buffer, length| unsafe {
            zmq_ctx_get_ext(self.0, number, buffer, length)
        })
    }

    fn read(&self, number: c_int) -> Result<c_int, c_int> {
        answer(|| unsafe { zmq_ctx_get(self.0, number) })
    }

    fn all(&self) -> [Result<c_int, c_int>; READABLE.len()] {
        READABLE.map(|number| self.read(number))
    }

    /// The system takes no longer name.
    fn threads_can_be_named(&self) {
        let context = unsafe { of_handle(self.0) }.expect("a context");
        let attributes = context.with_options(|options| options.thread_attributes(0));
        let name = attributes.expect("no fork").name;
        assert!(
            (1..=15).contains(&name.len()) && !name.contains('\0'),
            "{name:?}"
        );
    }
}
