//! Chunks that were read and are to be written to again, by whatever queue of the process needs one next.
//!
//! Each queue keeps one of its own. Where a writer is far ahead of its reader, with many chunks under way, the others come
//! here, and the one that was read longest ago is used first. (Freed and allocated anew, it would be the one that the
//! reader's processor still has in its cache, from where it had to be fetched. Inproc, 1000 bytes: 4.7 million messages a
//! second, and 17 with the pool.) The pool is bounded, and emptied when a context has ended; contexts that go on fill it
//! anew. The spare storages of `message` are another matter: they are small, and go from thread to thread by the million.

#![allow(unsafe_code, reason = "frees chunks")]

use std::mem;

use crate::pipe::queue::chunk::{Chunk, HEADER};
use crate::sync::Lock;

/// Chunks in the pool.
const PLACES: usize = 48;
/// A stream leaves so many of them there: 1.5 MiB, about what a processor has of its own.
const REST: usize = 24;

/// The size of all of them, header included.
pub(super) const SIZE: usize = 64 * 1024;
/// What fits into one.
pub(super) const CAPACITY: usize = SIZE - HEADER;

/// A lock that is taken only if it is free: who finds it taken does without the pool. So nobody waits, and a fork in
/// between stops nobody; its child does without the pool for good.
static CHUNKS: Lock<Pool> = Lock::new(Pool::new());

#[derive(Debug)]
struct Pool {
    /// A ring.
    places: [Option<Chunk>; PLACES],
    first: usize,
    held: usize,
}

// SAFETY: nobody else knows the chunks in there, and what they hold is Send.
unsafe impl Send for Pool {}

/// Keeps a chunk that is alive, without specials, and known to nobody else; or gives it back: it is of another size, or
/// there is no room.
pub(super) fn put(chunk: Chunk) -> Option<Chunk> {
    // SAFETY: alive.
    if unsafe { chunk.capacity() } != CAPACITY {
        return Some(chunk);
    }
    match pool(|pool| pool.put(chunk)) {
        Some(surplus) => surplus,
        None => Some(chunk),
    }
}

/// One that was put in, good as new, which nobody else knows; for a stream, if enough others are there.
pub(super) fn take(for_stream: bool) -> Option<Chunk> {
    let rest = if for_stream { REST } else { 0 };
    let chunk = pool(|pool| pool.take(rest)).flatten()?;
    // SAFETY: alive, without specials, and known to nobody else.
    unsafe { chunk.reset() };
    Some(chunk)
}

/// Frees what is there, unless somebody is just using the pool.
pub(crate) fn free_all() {
    if let Some(pool) = pool(|pool| mem::replace(pool, Pool::new())) {
        pool.free();
    }
}

/// Not in models, where chunks show who has touched them: this lock is none of theirs.
fn pool<R>(work: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    if cfg!(loom) {
        return None;
    }
    CHUNKS.try_lock().map(|mut pool| work(&mut pool))
}

impl Pool {
    const fn new() -> Self {
        Self {
            places: [None; PLACES],
            first: 0,
            held: 0,
        }
    }

    fn put(&mut self, chunk: Chunk) -> Option<Chunk> {
        if self.held == PLACES {
            return Some(chunk);
        }
        self.places[(self.first + self.held) % PLACES] = Some(chunk);
        self.held += 1;
        None
    }

    fn free(mut self) {
        while let Some(chunk) = self.take(0) {
            // SAFETY: known to nobody else.
            unsafe { chunk.free() };
        }
    }

    /// The one that was put in first, if more than `rest` are there.
    fn take(&mut self, rest: usize) -> Option<Chunk> {
        if self.held <= rest {
            return None;
        }
        let chunk = self.places[self.first].take();
        self.first = (self.first + 1) % PLACES;
        self.held -= 1;
        chunk
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk::allocate(512, 0).expect("memory")
    }

    fn free(chunk: Chunk) {
        // SAFETY: of a test that knows it alone.
        unsafe { chunk.free() };
    }

    /// One that was read long ago is in nobody's cache any more.
    #[test]
    fn the_oldest_is_used_first() {
        let mut pool = Pool::new();
        for _ in 0..10 {
            let chunks = [(); 9].map(|()| chunk());
            for chunk in chunks {
                assert_eq!(pool.put(chunk), None);
            }
            assert_eq!(pool.take(9), None);
            for (taken, chunk) in chunks.into_iter().enumerate() {
                assert_eq!(pool.take(8 - taken), Some(chunk));
                free(chunk);
            }
            assert_eq!(pool.take(0), None);
        }
    }

    #[test]
    fn the_pool_is_bounded() {
        let mut pool = Pool::new();
        for number in 0..PLACES + 3 {
            let surplus = pool.put(chunk());
            assert_eq!(surplus.is_some(), number >= PLACES);
            surplus.into_iter().for_each(free);
        }
        assert_eq!(pool.held, PLACES);
        pool.free();
    }
}
