//! STAND-IN for the modules behind the C interface, with their names and signatures, until they are
//! wired in. Then: delete this file and its line in `mod.rs`, and replace `super::unwired::` and
//! `crate::ffi::unwired::` by `crate::`.

#![forbid(unsafe_code)]
#![allow(dead_code, reason = "stand-in")]

use crate::error::{Error, Result};

pub(crate) mod context {
    use super::{Error, Result};
    use crate::context::ContextOptions;
    use crate::sync::Mutex;

    #[derive(Debug)]
    pub(crate) struct Context {
        options: Mutex<ContextOptions>,
    }

    impl Context {
        pub(crate) fn new() -> Self {
            Self {
                options: Mutex::new(ContextOptions::default()),
            }
        }
        pub(crate) fn with_options<R>(&self, work: impl FnOnce(&mut ContextOptions) -> R) -> R {
            work(&mut self.options.lock())
        }
        pub(crate) fn shutdown(&self) {}
        pub(crate) fn terminate(&self) -> Result<()> {
            let never = self.options.is_locked();
            if never {
                Err(Error::Interrupted)
            } else {
                Ok(())
            }
        }
    }
}

pub(crate) mod socket {
    pub(crate) mod api {
        use super::super::context::Context;
        use super::super::{Error, Result};
        use crate::ffi::handle::{Cell, Tenant};
        use crate::message::Message;
        use crate::pipe::Incoming;
        use std::sync::Arc;

        #[derive(Debug)]
        pub(crate) struct Core;
        impl Tenant for Core {
            const MAGIC: u32 = 0x5a78_534b;
        }
        pub(crate) type SocketCell = Cell<Core>;

        pub(crate) fn open(_: &Arc<Context>, _socket_type: i32) -> Result<&'static SocketCell> {
            Err(Error::NotSupported)
        }
        pub(crate) fn close(_: &'static SocketCell) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn send_bytes(
            _: &'static SocketCell,
            _bytes: &[u8],
            _more: bool,
            _dont_wait: bool,
        ) -> Result<usize> {
            Err(Error::NotSupported)
        }
        pub(crate) fn send_message(
            _: &'static SocketCell,
            _message: &mut Message,
            _more: bool,
            _dont_wait: bool,
        ) -> Result<usize> {
            Err(Error::NotSupported)
        }
        pub(crate) fn receive(
            _: &'static SocketCell,
            _into: &mut Incoming<'_>,
            _dont_wait: bool,
        ) -> Result<usize> {
            Err(Error::NotSupported)
        }
        pub(crate) fn bind(_: &'static SocketCell, _endpoint: &[u8]) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn connect(_: &'static SocketCell, _endpoint: &[u8]) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn end_endpoint(_: &'static SocketCell, _endpoint: Option<&[u8]>) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn set_option(
            _: &'static SocketCell,
            _option: i32,
            _value: Option<&[u8]>,
            _length: usize,
        ) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn get_option(
            _: &'static SocketCell,
            _option: i32,
            _buffer: &mut [u8],
        ) -> Result<usize> {
            Err(Error::NotSupported)
        }
        pub(crate) fn monitor(
            _: &'static SocketCell,
            _endpoint: Option<&[u8]>,
            _events: u64,
            _version: i32,
            _socket_type: i32,
        ) -> Result<()> {
            Err(Error::NotSupported)
        }
        pub(crate) fn peer_state(_: &'static SocketCell, _routing_id: &[u8]) -> Result<i32> {
            Err(Error::NotSupported)
        }
    }

    pub(crate) mod poll {
        use super::super::sys::poll::Mask;
        use super::super::{Error, Result};
        use super::api::SocketCell;
        use std::os::fd::RawFd;
        use std::time::Duration;

        #[derive(Debug)]
        pub(crate) struct PollItem {
            pub(crate) target: Target,
            pub(crate) events: i16,
            pub(crate) revents: i16,
        }
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Target {
            Socket(&'static SocketCell),
            Descriptor(RawFd),
        }
        pub(crate) fn poll(
            _items: &mut [PollItem],
            _timeout: Option<Duration>,
            _mask: Option<&Mask>,
        ) -> Result<usize> {
            Err(Error::NotSupported)
        }
        pub(crate) fn sleep(_timeout: Option<Duration>, _mask: Option<&Mask>) -> Result<usize> {
            Err(Error::NotSupported)
        }
    }
}

pub(crate) mod sys {
    pub(crate) mod poll {
        /// Signals to block while waiting.
        pub(crate) type Mask = libc::sigset_t;
    }
}

pub(crate) mod proxy {
    use super::socket::api::SocketCell;
    use super::{Error, Result};

    pub(crate) fn run(
        _frontend: &'static SocketCell,
        _backend: &'static SocketCell,
        _capture: Option<&'static SocketCell>,
        _control: Option<&'static SocketCell>,
    ) -> Result<()> {
        Err(Error::NotSupported)
    }
}
