//! Telling a forked child from the process that made an object.
//!
//! A page that the kernel empties in a child (`MADV_WIPEONFORK`, Linux 4.14) holds the generation of
//! the process: asking costs one load. Without such a page the process id is asked for.

#![allow(unsafe_code, reason = "mmap, madvise and the page they make")]

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Names a process: a forked child has another one than its parent. Kept in every object that a child
/// must not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// The page's first word: the generation, 0 until it was first asked for in this process. NULL until
/// there is a page; [`NO_PAGE`] if there cannot be one.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

/// Stands in [`PAGE`] for "ask for the process id". Its value is never read.
static NO_PAGE: AtomicU64 = AtomicU64::new(0);

/// The last generation given out in this process or its ancestors. Not wiped.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The generation of the calling process. Async-signal-safe but for the first call.
#[inline]
pub(crate) fn generation() -> Generation {
    let page = PAGE.load(Ordering::Acquire);
    if !page.is_null() && !std::ptr::eq(page, &NO_PAGE) {
        // SAFETY: a page that stands in `PAGE` is never unmapped, here or in a child.
        let word = unsafe { &*page };
        let generation = word.load(Ordering::Relaxed);
        if generation != 0 {
            return Generation(generation);
        }
        return begin(word);
    }
    without_page(page)
}

/// True in a forked child of the process that `generation` names.
#[inline]
pub(crate) fn in_child_of(made_in: Generation) -> bool {
    generation() != made_in
}

/// Which process something belongs to: the one that made it or, in a child, took it over.
#[derive(Debug)]
pub(crate) struct Stamp(AtomicU64);

impl Stamp {
    /// Of the calling process.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(generation().0))
    }

    /// Of no process yet: as if a parent had made it.
    pub(crate) const fn unset() -> Self {
        Self(AtomicU64::new(0))
    }

    /// From now on it belongs to the calling process.
    pub(crate) fn renew(&self) {
        self.0.store(generation().0, Ordering::Relaxed);
    }

    /// True in a forked child of the process it belongs to.
    #[inline]
    pub(crate) fn is_of_parent(&self) -> bool {
        self.0.load(Ordering::Relaxed) != generation().0
    }
}

/// A static of which each process has its own: a forked child begins with a fresh value, and leaves alone what another
/// thread of its parent may have been changing.
#[derive(Debug)]
pub(crate) struct PerProcess<T>(AtomicPtr<(Generation, T)>);

impl<T: Default + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// That of the calling process, made when it is first asked for.
    pub(crate) fn get(&'static self) -> &'static T {
        loop {
            let there = self.0.load(Ordering::Acquire);
            // SAFETY: null, or a box that stood here once: those are never freed.
            if let Some((made_in, value)) = unsafe { there.as_ref() }
                && !in_child_of(*made_in)
            {
                return value;
            }
            let fresh = Box::into_raw(Box::new((generation(), T::default())));
            let placed =
                self.0
                    .compare_exchange(there, fresh, Ordering::Release, Ordering::Relaxed);
            if placed.is_err() {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}

/// The first time in this process: takes a number that no ancestor had.
#[cold]
fn begin(word: &AtomicU64) -> Generation {
    let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match word.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Generation(fresh),
        Err(other) => Generation(other),
    }
}

#[cold]
fn without_page(page: *const AtomicU64) -> Generation {
    if page.is_null() {
        let page = map_page().unwrap_or_else(|| (&raw const NO_PAGE).cast_mut());
        // A thread that lost the race leaks a page, once.
        let _ = PAGE.compare_exchange(
            std::ptr::null_mut(),
            page,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        return generation();
    }
    // SAFETY: getpid has no preconditions.
    let pid = unsafe { libc::getpid() };
    Generation(u64::from(pid.unsigned_abs()))
}

/// A page that reads zero in a child.
fn map_page() -> Option<*mut AtomicU64> {
    // Any size up to a page maps, and wipes, a whole one.
    const SIZE: usize = 4096;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that exists.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is the mapping just made.
    let advised = unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) };
    if advised != 0 {
        // SAFETY: the mapping just made, which nobody else knows.
        unsafe { libc::munmap(page, SIZE) };
        return None;
    }
    // Zero-filled and page-aligned: a valid atomic zero.
    Some(page.cast())
}

/// Forks, runs `work` in the child within half a minute, and tells whether it returned true there.
#[cfg(test)]
pub(crate) fn succeeds_in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child uses malloc, which the C library keeps usable, and this library, which promises it.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes a number. A child that hangs is killed, and has failed.
        unsafe { libc::alarm(30) };
        let work = std::panic::AssertUnwindSafe(work);
        let is_success = std::panic::catch_unwind(work).unwrap_or(false);
        // SAFETY: ends the child at once: nothing of the parent's is cleaned up twice.
        unsafe { libc::_exit(i32::from(!is_success)) };
    }
    let mut status = -1;
    // SAFETY: waits for the child made above; `status` is writable.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && status == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_the_same_within_a_process() {
        let first = generation();
        let others: Vec<_> = (0..4).map(|_| std::thread::spawn(generation)).collect();
        for other in others {
            assert_eq!(other.join().unwrap(), first);
        }
        assert!(!in_child_of(first));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri cannot fork")]
    fn a_child_is_told_from_its_parent() {
        let parent = generation();
        let is_told = || in_child_of(parent) && generation() == generation();
        assert!(succeeds_in_child(is_told));
        assert!(!in_child_of(parent));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri cannot fork")]
    fn a_child_has_its_own_value() {
        static VALUE: PerProcess<AtomicU64> = PerProcess::new();
        VALUE.get().store(5, Ordering::Relaxed);
        assert!(succeeds_in_child(|| {
            let is_fresh = VALUE.get().swap(7, Ordering::Relaxed) == 0;
            is_fresh && VALUE.get().load(Ordering::Relaxed) == 7
        }));
        assert_eq!(VALUE.get().load(Ordering::Relaxed), 5);
    }
}
