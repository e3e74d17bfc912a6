//! Something to be done when a thread ends.
//!
//! Not by the destructor of a thread-local: to register one takes the lock which dlopen holds while it runs a
//! constructor, so that a thread which does so first would wait for a constructor that may wait for the thread.

use std::ffi::c_void;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

/// The keys of the C library, plus one; 0 before there is one. One for each [`Slot`].
static KEYS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
/// Stands in [`KEYS`] when this library is being unloaded.
const GONE: u32 = u32::MAX;

/// Who asks. Each may ask for one thing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Waiter,
    Scratch,
}

impl Slot {
    fn key(self) -> &'static AtomicU32 {
        match self {
            Self::Waiter => &KEYS[0],
            Self::Scratch => &KEYS[1],
        }
    }
}

/// Calls `work` on the calling thread at its end: once, also if it was asked for more often. False if it will not
/// be called: there are no keys left, or the process is ending.
pub(crate) fn at_end(slot: Slot, work: &'static fn()) -> bool {
    let Some(key) = key(slot) else { return false };
    // SAFETY: a key that was made below; the value is only handed back to `run`.
    unsafe { libc::pthread_setspecific(key, std::ptr::from_ref(work).cast()) == 0 }
}

fn key(slot: Slot) -> Option<libc::pthread_key_t> {
    match slot.key().load(Ordering::Acquire) {
        0 => make_key(slot),
        GONE => None,
        key => Some(key - 1),
    }
}

#[cold]
fn make_key(slot: Slot) -> Option<libc::pthread_key_t> {
    let mut made = 0;
    // SAFETY: writable; `run` takes the values that `at_end` sets.
    let status = unsafe { libc::pthread_key_create(&raw mut made, Some(run)) };
    if status != 0 {
        return None;
    }
    let won = slot
        .key()
        .compare_exchange(0, made + 1, Ordering::AcqRel, Ordering::Acquire);
    if won.is_err() {
        // SAFETY: made above, and nobody else knows it.
        unsafe { libc::pthread_key_delete(made) };
    }
    match won {
        Ok(_) => Some(made),
        Err(GONE) => None,
        Err(other) => Some(other - 1),
    }
}

extern "C" fn run(work: *mut c_void) {
    // SAFETY: what `at_end` was given.
    let work = unsafe { *work.cast::<fn()>() };
    if let Err(payload) = catch_unwind(work) {
        // It was reported by the hook. Dropping an unknown payload could panic again.
        std::mem::forget(payload);
    }
}

/// Where the code may go away (a plug-in that contains the static library) no thread may call it at its end.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_UNLOAD: extern "C" fn() = forget_key;

extern "C" fn forget_key() {
    KEYS.iter().for_each(forget);
}

fn forget(key: &AtomicU32) {
    let key = key.swap(GONE, Ordering::AcqRel);
    if key == 0 || key == GONE {
        return;
    }
    // The thread that unloads does so now. At the end of the process that is the main thread, whose keys are not
    // looked at.
    // SAFETY: a key that was made above.
    let work = unsafe { libc::pthread_getspecific(key - 1) };
    // SAFETY: as above; nobody finds it any more.
    unsafe { libc::pthread_key_delete(key - 1) };
    if !work.is_null() {
        run(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn is_called_once_by_each_thread_that_asked() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        static COUNT: fn() = || {
            CALLS.fetch_add(1, Ordering::Relaxed);
        };
        for _ in 0..3 {
            let thread = std::thread::spawn(|| {
                assert!(at_end(Slot::Waiter, &COUNT));
                assert!(at_end(Slot::Waiter, &COUNT));
            });
            thread.join().unwrap();
        }
        std::thread::spawn(|| ()).join().unwrap();
        assert_eq!(CALLS.load(Ordering::Relaxed), 3);
    }
}
