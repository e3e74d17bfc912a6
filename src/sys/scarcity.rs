//! Memory and epoll descriptors that fail when a test wants it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;

thread_local! {
    /// The sizes that the thread gets no memory of, first and last.
    static REFUSED: Cell<(usize, usize)> = const { Cell::new((1, 0)) };
    static REFUSALS: Cell<usize> = const { Cell::new(0) };
}

/// While this lives, the calling thread gets no memory of these sizes, in bytes. Whoever asks for it without a way to fail
/// aborts the tests.
#[derive(Debug)]
pub(crate) struct Scarcity(());

impl Scarcity {
    pub(crate) fn of(sizes: RangeInclusive<usize>) -> Self {
        REFUSALS.set(0);
        REFUSED.set((*sizes.start(), *sizes.end()));
        Self(())
    }

    /// How often something was refused.
    pub(crate) fn refusals(&self) -> usize {
        REFUSALS.get()
    }
}

impl Drop for Scarcity {
    fn drop(&mut self) {
        REFUSED.set((1, 0));
    }
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn is_refused(size: usize) -> bool {
    let (first, last) = REFUSED.get();
    let refused = (first..=last).contains(&size);
    if refused {
        REFUSALS.set(REFUSALS.get() + 1);
    }
    refused
}

// SAFETY: the system's allocator, or a null pointer, which is how an allocator says that there is no memory.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: by contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: by contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: by contract.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Puts something that is no epoll descriptor in the place of `fd`, as a program does that closes what is not its own.
pub(crate) fn replace(fd: RawFd) {
    let (reader, _writer) = std::io::pipe().expect("pipe");
    // SAFETY: no memory is involved.
    let replaced = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&reader), fd) };
    assert_eq!(replaced, fd);
}
