//! Tests of the lock.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use lock_api::RawMutex;

use super::lock::{LockWords, RawLock};
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

/// A thread that waits for a lock which is held, and has fallen asleep.
fn sleeper(wait: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    let (tell, hear) = mpsc::channel();
    let sleeper = thread::spawn(move || {
        tell.send(this_thread()).unwrap();
        wait();
    });
    let path = format!("/proc/self/task/{}/stat", hear.recv().unwrap());
    loop {
        let stat = fs::read_to_string(&path).unwrap();
        // Behind the name, which is in brackets. It waits for nothing else.
        if stat.rsplit(')').next().unwrap().starts_with(" S") {
            return sleeper;
        }
        thread::yield_now();
    }
}

fn this_thread() -> i64 {
    #[expect(unsafe_code, reason = "the C library has no call for it everywhere")]
    // SAFETY: it has no arguments.
    unsafe {
        libc::syscall(libc::SYS_gettid)
    }
}

/// A lock whose sleepers do not come back by themselves.
struct Patient(RawLock);

impl LockWords for Patient {
    const SPINS: u32 = 0;

    fn read(&self) -> u32 {
        self.0.words().read()
    }

    fn try_acquire(&self) -> bool {
        self.0.words().try_acquire()
    }

    fn set_free(&self) {
        self.0.words().set_free();
    }

    fn announce_sleeper(&self) {
        self.0.words().announce_sleeper();
    }

    fn has_sleepers(&self) -> bool {
        self.0.words().has_sleepers()
    }

    fn take_sleepers(&self) -> bool {
        self.0.words().take_sleepers()
    }

    fn sleep(&self, _timeout: Duration) -> bool {
        assert!(!self.0.words().sleep(PATIENCE), "nobody woke it");
        false
    }

    fn wake_one(&self) {
        self.0.words().wake_one();
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_release_wakes_a_sleeper() {
    let lock = Arc::new(Patient(RawLock::INIT));
    lock.acquire();
    let other = {
        let lock = Arc::clone(&lock);
        sleeper(move || lock.acquire())
    };
    assert!(!lock.try_acquire());
    lock.release();
    other.join().unwrap();
    assert!(!lock.try_acquire(), "it has the lock");
}

/// The releaser may look at who sleeps before its store is seen.
#[test]
fn a_sleeper_that_nobody_wakes_comes_back() {
    let lock = Arc::new(RawLock::INIT);
    lock.lock();
    let other = {
        let lock = Arc::clone(&lock);
        sleeper(move || lock.lock())
    };
    lock.words().set_free();
    other.join().unwrap();
    assert!(lock.is_locked());
}
