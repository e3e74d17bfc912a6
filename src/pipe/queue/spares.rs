//! Chunks that were read, on their way back to the writer.
//!
//! One has a place from the start. Further ones come only where the writer has been far ahead of the reader, with many
//! chunks under way: they go round in a ring, and the one that was read longest ago is used first. (Freed instead and
//! allocated anew, it would be the one that the reader's processor still has in its cache: inproc, 1000 bytes, 4.7 million
//! messages a second, and 18 with the ring.) What all rings hold is bounded, since a queue that was long once may be idle
//! for ever.

#![allow(
    unsafe_code,
    reason = "a ring that both sides use, made when it is needed"
)]

use std::sync::atomic::AtomicUsize as Count;

use crate::error::{Error, Result};
use crate::pipe::queue::chunk::{Chunk, Slot};
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Places in a ring.
const PLACES: usize = 64;
/// Chunks in the rings of a process, of 64 KiB each.
const LIMIT: usize = 192;

/// How many there are. It orders nothing, so that the models need not see it.
static HELD: Count = Count::new(0);

/// The chunks of one queue.
#[derive(Debug)]
pub(super) struct Spares {
    first: Slot,
    /// Null until the reader makes it; there until the queue is gone.
    ring: AtomicPtr<Ring>,
}

#[derive(Debug)]
struct Ring {
    places: [Slot; PLACES],
    /// Chunks put in so far. The reader's.
    put: AtomicUsize,
    /// Chunks taken out so far. The writer's.
    taken: AtomicUsize,
}

impl Spares {
    pub(super) fn new() -> Self {
        Self {
            first: Slot::new(),
            ring: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The reader puts a chunk in, which nobody else knows, or has it back: there is no room.
    pub(super) fn put(&self, chunk: Chunk) -> Option<Chunk> {
        if let Some(ring) = self.ring() {
            return ring.put(chunk);
        }
        if self.first.is_empty() {
            return self.first.exchange(chunk);
        }
        match Ring::allocate() {
            Ok(ring) => {
                self.ring.store(ring, Ordering::Release);
                self.ring().map_or(Some(chunk), |ring| ring.put(chunk))
            }
            Err(_) => Some(chunk),
        }
    }

    /// The writer takes out the chunk that was put in first, if more than `rest` are there.
    pub(super) fn take(&self, rest: usize) -> Option<Chunk> {
        let ring = self.ring();
        if rest > 0 && ring.is_none_or(|ring| ring.len() <= rest) {
            return None;
        }
        self.take_first().or_else(|| ring?.take())
    }

    /// Either side puts in a chunk that nobody else knows, and takes out what is to be freed.
    pub(super) fn exchange_first(&self, chunk: Chunk) -> Option<Chunk> {
        self.first.exchange(chunk)
    }

    /// Either side takes out what it may.
    pub(super) fn take_first(&self) -> Option<Chunk> {
        self.first.take()
    }

    fn ring(&self) -> Option<&Ring> {
        let ring = self.ring.load(Ordering::Acquire);
        // SAFETY: null, or a ring that is there as long as `self`.
        unsafe { ring.as_ref() }
    }
}

impl Drop for Spares {
    /// The caller has taken out everything.
    fn drop(&mut self) {
        let ring = self.ring.load(Ordering::Relaxed);
        if !ring.is_null() {
            // SAFETY: from `Ring::allocate`, and nobody else is there.
            drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(ring, 1)) });
        }
    }
}

impl Ring {
    /// One of a boxed slice that has no other.
    fn allocate() -> Result<*mut Self> {
        let mut one = Vec::new();
        one.try_reserve_exact(1).map_err(|_| Error::NoMemory)?;
        one.push(Self {
            places: std::array::from_fn(|_| Slot::new()),
            put: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        });
        Ok(Box::into_raw(one.into_boxed_slice()).cast())
    }

    fn put(&self, chunk: Chunk) -> Option<Chunk> {
        let put = self.put.load(Ordering::Relaxed);
        let place = &self.places[put % PLACES];
        if !place.is_empty() || !reserve() {
            return Some(chunk);
        }
        place.put(chunk);
        self.put.store(put.wrapping_add(1), Ordering::Relaxed);
        None
    }

    /// As the writer sees it: there may be more.
    fn len(&self) -> usize {
        let put = self.put.load(Ordering::Relaxed);
        put.wrapping_sub(self.taken.load(Ordering::Relaxed))
    }

    fn take(&self) -> Option<Chunk> {
        let taken = self.taken.load(Ordering::Relaxed);
        let chunk = self.places[taken % PLACES].take()?;
        HELD.fetch_sub(1, Ordering::Relaxed);
        self.taken.store(taken.wrapping_add(1), Ordering::Relaxed);
        Some(chunk)
    }
}

/// Counts one more, if there may be one.
fn reserve() -> bool {
    let may = HELD.fetch_add(1, Ordering::Relaxed) < LIMIT;
    if !may {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
    may
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
        let spares = Spares::new();
        let chunks = [(); 8].map(|()| chunk());
        for chunk in chunks {
            assert_eq!(spares.put(chunk), None);
        }
        assert_eq!(spares.take(7), None, "the first one does not count");
        for (taken, chunk) in chunks.into_iter().enumerate() {
            assert_eq!(spares.take(0), Some(chunk), "{taken} taken");
            free(chunk);
        }
        assert_eq!(spares.take(0), None);
    }

    /// Each ring has its bound, and all together have one; what is taken makes room again.
    #[test]
    fn what_is_kept_is_bounded() {
        let all: Vec<_> = (0..8).map(|_| Spares::new()).collect();
        let mut kept = 0;
        for spares in &all {
            for _ in 0..PLACES + 10 {
                match spares.put(chunk()) {
                    None => kept += 1,
                    Some(surplus) => free(surplus),
                }
            }
        }
        // Each has one outside its ring. Other tests of the process may hold some.
        assert!(kept <= LIMIT + all.len() && kept > all.len());
        for spares in &all {
            let taken = std::iter::from_fn(|| spares.take(0)).map(free).count();
            assert!(taken <= PLACES + 1);
            kept -= taken;
        }
        assert_eq!(kept, 0);
        let spares = Spares::new();
        for _ in 0..2 {
            assert_eq!(spares.put(chunk()), None);
        }
        std::iter::from_fn(|| spares.take(0)).for_each(free);
    }
}

#[cfg(all(test, loom))]
mod tests_loom {
    use super::*;
    use crate::pipe::queue::chunk::MINIMUM;
    use crate::sync::{Arc, thread};

    /// Chunks that come back through the ring are as much the writer's as one that comes back by itself.
    #[test]
    fn loom_ring_hands_chunks_back() {
        loom::model(|| {
            let spares = Arc::new(Spares::new());
            let chunks = [(); 3].map(|()| Chunk::allocate(MINIMUM, 0).unwrap());
            let reader = Arc::clone(&spares);
            let reading = thread::spawn(move || {
                for chunk in chunks {
                    chunk.trace_write(0);
                    assert_eq!(reader.put(chunk), None);
                }
            });
            let writing = thread::spawn(move || {
                let taken: Vec<_> = (0..3).filter_map(|_| spares.take(0)).collect();
                for chunk in &taken {
                    chunk.trace_write(0);
                }
                (spares, taken)
            });
            reading.join().unwrap();
            let (spares, mut taken) = writing.join().unwrap();
            taken.extend(std::iter::from_fn(|| spares.take(0)));
            assert_eq!(taken.len(), 3);
            for chunk in taken {
                // SAFETY: taken out, and known to nobody else.
                unsafe { chunk.free() };
            }
        });
    }
}
