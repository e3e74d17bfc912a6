//! What objects run on in tests without an I/O thread.

use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::io::turn::{Scratch, Surroundings, Turn};
use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::sys::epoll::Epoll;

/// In virtual time.
pub(in crate::io) struct Bench {
    pub(in crate::io) poll: mio::Poll,
    pub(in crate::io) handle: Arc<IoHandle>,
    /// That of `poll`, or one that fails.
    pub(in crate::io) epoll: Epoll,
    pub(in crate::io) now: Instant,
    scratch: Scratch,
}

impl Bench {
    pub(in crate::io) fn new() -> Self {
        let poll = mio::Poll::new().expect("poll");
        let handle = Arc::new(IoHandle::new(0, &poll).expect("a handle"));
        // Nobody serves it: who sends leaves it to the test to write.
        assert!(handle.post(IoCommand::Drive(ObjectId::new())));
        Self {
            poll,
            epoll: handle.epoll,
            handle,
            now: clock::now(),
            scratch: Scratch::new().expect("a slab"),
        }
    }

    pub(in crate::io) fn around(&mut self) -> Surroundings<'_> {
        Surroundings {
            epoll: self.epoll,
            handle: &self.handle,
            scratch: &mut self.scratch,
            turn: Turn::SHARED,
            is_home: true,
            borrows: false,
            has_looked: false,
            read: 0,
            written: 0,
            wrote_little: false,
            now: self.now,
        }
    }
}
