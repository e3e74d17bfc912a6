//! Tests of the lock.

use super::{Arc, Lock, thread};

#[test]
fn excludes() {
    const THREADS: u64 = 4;
    const TURNS: u64 = 20_000;
    let counter = Arc::new(Lock::new((0_u64, 0_u64)));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                for turn in 0..TURNS {
                    let mut pair = counter.lock();
                    pair.0 += 1;
                    if turn % 1000 == 0 {
                        // Preempted while holding it: the others go to sleep.
                        thread::yield_now();
                    }
                    pair.1 += 1;
                    assert_eq!(pair.0, pair.1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*counter.lock(), (THREADS * TURNS, THREADS * TURNS));
    assert!(!counter.is_locked());
}

#[test]
fn wakes_a_sleeper() {
    let lock = Arc::new(Lock::new(0));
    let guard = lock.lock();
    let other = {
        let lock = Arc::clone(&lock);
        thread::spawn(move || *lock.lock() += 1)
    };
    for _ in 0..1000 {
        thread::yield_now();
    }
    assert!(lock.try_lock().is_none());
    drop(guard);
    other.join().unwrap();
    assert_eq!(*lock.lock(), 1);
}

/// The releaser may look at who sleeps before its store is seen.
#[test]
fn a_sleeper_that_nobody_wakes_comes_back() {
    let lock = Arc::new(Lock::new(0));
    std::mem::forget(lock.lock());
    let other = {
        let lock = Arc::clone(&lock);
        thread::spawn(move || *lock.lock() += 1)
    };
    #[expect(unsafe_code, reason = "lock_api's way to the raw lock")]
    // SAFETY: the guard was forgotten; nobody else releases it.
    let raw = unsafe { lock.raw() };
    while !raw.has_sleepers() {
        thread::yield_now();
    }
    raw.release_unnoticed();
    other.join().unwrap();
    assert_eq!(*lock.lock(), 1);
}
