//! A queue of commands from many writers to one reader at a time.
//!
//! A linked stack that writers push to by compare-and-swap; the reader takes all of it in one step and
//! turns it round. "Closed" is a value of the same word, so a command is either taken by whoever closes
//! or given back to its sender: none is lost between the two (protocols: "Commands and keys").

#![allow(unsafe_code, reason = "the stack's nodes travel as raw pointers")]

use std::fmt;
use std::marker::PhantomData;

use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The queue. Any thread pushes; draining from several threads is safe as well, but then their order is
/// theirs to keep.
pub(crate) struct CommandQueue<T> {
    /// The youngest command; null when there is none, [`closed`] once closed.
    head: AtomicPtr<Node<T>>,
    /// Commands that were taken are being served.
    serving: AtomicBool,
    content: PhantomData<Box<Node<T>>>,
}

struct Node<T> {
    next: *mut Self,
    value: T,
}

// SAFETY: values move from thread to thread and are never shared.
unsafe impl<T: Send> Send for CommandQueue<T> {}
// SAFETY: as above; the head is atomic, and a node has one owner at any time.
unsafe impl<T: Send> Sync for CommandQueue<T> {}

impl<T> CommandQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicPtr::new(std::ptr::null_mut()),
            serving: AtomicBool::new(false),
            content: PhantomData,
        }
    }

    /// Queues `value`; true if the queue was empty. Gives it back if the queue is closed.
    pub(crate) fn push(&self, value: T) -> Result<bool, T> {
        let mut head = self.head.load(Ordering::Relaxed);
        if head == closed() {
            return Err(value);
        }
        let node = Box::into_raw(Box::new(Node { next: head, value }));
        loop {
            match self
                .head
                .compare_exchange_weak(head, node, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(head.is_null()),
                Err(other) => head = other,
            }
            if head == closed() {
                // SAFETY: the node did not get into the queue, so it is still ours.
                let node = unsafe { Box::from_raw(node) };
                return Err(node.value);
            }
            // SAFETY: as above; nobody else knows the node.
            unsafe { (*node).next = head };
        }
    }

    /// Takes everything, oldest first.
    pub(crate) fn drain(&self) -> Drain<T> {
        let mut head = self.head.load(Ordering::Relaxed);
        while !head.is_null() && head != closed() {
            match self.head.compare_exchange_weak(
                head,
                std::ptr::null_mut(),
                // Who sees that it is empty sees who emptied it ([`Self::is_served`]).
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Drain::from_stack(head),
                Err(other) => head = other,
            }
        }
        Drain::from_stack(std::ptr::null_mut())
    }

    /// Takes everything and serves it, oldest first. One thread at a time.
    pub(crate) fn serve(&self, serve: impl FnMut(T)) {
        self.serving.store(true, Ordering::Relaxed);
        self.drain().for_each(serve);
        self.serving.store(false, Ordering::Release);
    }

    /// Everything that the caller knows to have been queued was served.
    pub(crate) fn is_served(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null() && !self.serving.load(Ordering::Acquire)
    }

    /// Refuses commands from now on, and takes what is queued, oldest first. Again: takes nothing.
    pub(crate) fn close(&self) -> Drain<T> {
        let head = self.head.swap(closed(), Ordering::Acquire);
        if head == closed() {
            return Drain::from_stack(std::ptr::null_mut());
        }
        Drain::from_stack(head)
    }

    /// True if there is nothing to drain, which a closed queue has never.
    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        head.is_null() || head == closed()
    }

    /// Refuses commands for ever.
    pub(crate) fn is_closed(&self) -> bool {
        self.head.load(Ordering::Relaxed) == closed()
    }
}

impl<T> Drop for CommandQueue<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl<T> Default for CommandQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for CommandQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CommandQueue")
            .field("is_empty", &self.is_empty())
            .finish_non_exhaustive()
    }
}

/// What was taken out of a queue, oldest first. Dropping it drops what is left.
pub(crate) struct Drain<T> {
    next: *mut Node<T>,
    content: PhantomData<Box<Node<T>>>,
}

// SAFETY: owns its nodes.
unsafe impl<T: Send> Send for Drain<T> {}

impl<T> Drain<T> {
    /// Turns a stack (youngest first) round. `stack` is null or owned by the caller.
    fn from_stack(mut stack: *mut Node<T>) -> Self {
        let mut oldest_first = std::ptr::null_mut();
        while !stack.is_null() {
            // SAFETY: a node of a stack that was taken out is alive and known to nobody else.
            let node = unsafe { &mut *stack };
            let younger = stack;
            stack = std::mem::replace(&mut node.next, oldest_first);
            oldest_first = younger;
        }
        Self {
            next: oldest_first,
            content: PhantomData,
        }
    }
}

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: the list is ours, and this node leaves it here.
        let node = unsafe { Box::from_raw(self.next) };
        self.next = node.next;
        Some(node.value)
    }
}

impl<T> Drop for Drain<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> fmt::Debug for Drain<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Drain").finish_non_exhaustive()
    }
}

/// The head of a closed queue: no node has this address, being aligned and not that low.
fn closed<T>() -> *mut Node<T> {
    std::ptr::without_provenance_mut(1)
}
