//! Models of the mailbox: pushing, draining, closing; waiting, waking, clearing; stop; ZMQ_FD.

use loom::cell::UnsafeCell;
use loom::model::Builder;

use super::*;
use crate::sync::{Arc as Shared, thread};

/// A command whose content loom watches: taking it must come after pushing it.
struct Letter(UnsafeCell<u32>);

impl Letter {
    fn new(number: u32) -> Self {
        let cell = UnsafeCell::new(0);
        #[expect(unsafe_code, reason = "loom's cell finds missing ordering")]
        // SAFETY: nobody else knows the cell yet.
        cell.with_mut(|place| unsafe { *place = number });
        Self(cell)
    }

    #[expect(unsafe_code, reason = "loom's cell finds missing ordering")]
    fn open(self) -> u32 {
        // SAFETY: owned; loom panics before this if the push is not ordered before it.
        self.0.with(|number| unsafe { *number })
    }
}

fn check(bound: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(bound);
    builder.check(model);
}

/// Runs two sides in a thread each. Neither runs in the main thread: loom remembers only the last access to
/// each object, and from there finds more orders this way.
fn race<A: 'static, B: 'static>(
    first: impl FnOnce() -> A + 'static,
    second: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let first = thread::spawn(first);
    let second = thread::spawn(second);
    (first.join().unwrap(), second.join().unwrap())
}

/// The same object for two threads.
fn shared<T>(value: T) -> (Shared<T>, Shared<T>) {
    let one = Shared::new(value);
    (Shared::clone(&one), one)
}

fn numbers(letters: impl Iterator<Item = Letter>) -> Vec<u32> {
    letters.map(Letter::open).collect()
}

/// Who has queued a command, and finds everything served, finds what serving it did.
#[test]
fn loom_what_is_served_was_done() {
    check(3, || {
        let (sender, server) = shared(CommandQueue::new());
        // Not in the race: loom would not look whether it is served while it is.
        assert!(sender.push(()).is_ok());
        let (done, seen) = shared(AtomicBool::new(false));
        race(
            move || assert!(!sender.is_served() || seen.load(Ordering::Relaxed)),
            move || server.serve(|()| done.store(true, Ordering::Relaxed)),
        );
    });
}

/// Each command is taken once, those of one sender in their order.
#[test]
fn loom_push_and_drain() {
    check(3, || {
        let queue = Shared::new(CommandQueue::new());
        let (one, other, same) = (
            Shared::clone(&queue),
            Shared::clone(&queue),
            Shared::clone(&queue),
        );
        let other = thread::spawn(move || assert!(other.push(Letter::new(11)).is_ok()));
        let ((), mut taken) = race(
            move || {
                assert!(one.push(Letter::new(1)).is_ok());
                assert!(one.push(Letter::new(2)).is_ok());
            },
            move || numbers(same.drain()),
        );
        other.join().unwrap();
        taken.extend(numbers(queue.drain()));
        let first: Vec<_> = taken.iter().copied().filter(|n| *n < 10).collect();
        assert_eq!(first, [1, 2]);
        assert_eq!(taken.iter().filter(|n| **n == 11).count(), 1);
        assert_eq!(taken.len(), 3);
    });
}

/// A command is either taken by the closer or given back to its sender, never both, never neither.
#[test]
fn loom_push_and_close() {
    check(3, || {
        let queue = Shared::new(CommandQueue::new());
        let senders: Vec<_> = (0..2)
            .map(|number| {
                let queue = Shared::clone(&queue);
                thread::spawn(move || match queue.push(Letter::new(number)) {
                    Ok(_) => None,
                    Err(letter) => Some(letter.open()),
                })
            })
            .collect();
        let same = Shared::clone(&queue);
        let closer = thread::spawn(move || {
            let mut seen = numbers(same.drain());
            seen.extend(numbers(same.close()));
            seen
        });
        let mut seen: Vec<_> = senders
            .into_iter()
            .filter_map(|sender| sender.join().unwrap())
            .collect();
        seen.extend(closer.join().unwrap());
        assert!(numbers(queue.drain()).is_empty(), "a closed queue is empty");
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
    });
}

/// Waits as a blocked call does, until `done` says so (protocols: "Waiting and waking").
fn wait_until<C>(mailbox: &Mailbox<C>, waiter: &Arc<Waiter>, mut done: impl FnMut() -> bool) {
    if done() {
        return;
    }
    loop {
        mailbox.register(waiter);
        if done() {
            mailbox.deregister(waiter);
            return;
        }
        waiter.wait(None).unwrap();
        mailbox.deregister(waiter);
        waiter.clear();
        if done() {
            return;
        }
    }
}

fn waiter() -> Arc<Waiter> {
    Arc::new(Waiter::new().unwrap())
}

/// The owner sleeps until each of two commands has come: no wake-up is lost.
#[test]
fn loom_wait_and_wake() {
    check(3, || {
        let (mailbox, own) = shared(Mailbox::new());
        let ((), taken) = race(
            move || {
                mailbox.push(1).unwrap();
                mailbox.push(2).unwrap();
            },
            move || {
                let mut taken = Vec::new();
                wait_until(&own, &waiter(), || {
                    taken.extend(own.drain());
                    taken.len() == 2
                });
                taken
            },
        );
        assert_eq!(taken, [1, 2]);
    });
}

/// Two threads sleep on one mailbox, each for its own command; whoever drains puts the command where the
/// other finds it, as a core does.
#[test]
fn loom_all_sleepers_wake() {
    check(2, || {
        let mailbox = Shared::new(Mailbox::new());
        let core = Shared::new(Mutex::new(Vec::new()));
        let same = Shared::clone(&mailbox);
        let sender = thread::spawn(move || {
            same.push(1).unwrap();
            same.push(2).unwrap();
        });
        let sleeper = |mine| {
            let mailbox = Shared::clone(&mailbox);
            let core = Shared::clone(&core);
            move || {
                wait_until(&mailbox, &waiter(), || {
                    let mut core = core.lock();
                    core.extend(mailbox.drain());
                    core.contains(&mine)
                });
            }
        };
        race(sleeper(1), sleeper(2));
        sender.join().unwrap();
    });
}

/// A thread that sleeps notices the stop, and so does one that has not yet fallen asleep.
#[test]
fn loom_stop_wakes() {
    check(3, || {
        let (mailbox, own) = shared(Mailbox::<u32>::new());
        race(
            move || mailbox.stop(),
            move || wait_until(&own, &waiter(), || own.is_stopped()),
        );
    });
}

/// The stop flag carries what was done before it.
#[test]
fn loom_stop_is_ordered() {
    check(3, || {
        let (mailbox, own) = shared(Mailbox::<u32>::new());
        let (before, seen) = shared(UnsafeCell::new(0));
        race(
            move || {
                before.with_mut(|_| ());
                mailbox.stop();
            },
            move || {
                if own.is_stopped() {
                    seen.with(|_| ());
                }
            },
        );
    });
}

/// A lasting waiter (a poller's, a handed-out descriptor's) that is cleared between wake-ups: no later one
/// is swallowed by clearing an earlier one, and one that finds the mark standing is seen all the same.
#[test]
fn loom_clear_loses_no_wake() {
    check(3, || {
        let waiter = waiter();
        let own = Arc::clone(&waiter);
        let (work, seen) = shared(AtomicUsize::new(0));
        race(
            move || {
                for _ in 0..3 {
                    work.fetch_add(1, Ordering::Relaxed);
                    waiter.wake();
                }
            },
            move || {
                while seen.load(Ordering::Relaxed) < 3 {
                    own.wait(None).unwrap();
                    own.clear();
                }
            },
        );
    });
}

/// Threads that share a lasting waiter, and look before they clear, never leave it readable for ever.
#[test]
fn loom_clear_if_woken_clears() {
    check(3, || {
        let waiter = waiter();
        let own = Arc::clone(&waiter);
        let second = Arc::clone(&own);
        let clearing = thread::spawn(move || second.clear_if_woken());
        let last = Arc::clone(&own);
        race(move || waiter.wake(), move || own.clear_if_woken());
        clearing.join().unwrap();
        last.clear_if_woken();
        assert!(!last.is_raised());
    });
}

/// An event loop on ZMQ_FD: export, look; then for ever wait for the descriptor, clear, drain. It gets
/// all commands, whether they came before, during or after the export.
#[test]
fn loom_exported_descriptor_is_raised() {
    check(3, || {
        let (mailbox, own) = shared(Mailbox::new());
        let ((), taken) = race(
            move || {
                mailbox.push(1).unwrap();
                mailbox.push(2).unwrap();
            },
            move || {
                own.export().unwrap();
                if own.has_mail() {
                    own.signal_exported();
                }
                let descriptor = own.exported_waiter().unwrap();
                let mut taken = Vec::new();
                while taken.len() < 2 {
                    descriptor.wait(None).unwrap();
                    own.clear_exported();
                    taken.extend(own.drain());
                }
                taken
            },
        );
        assert_eq!(taken, [1, 2]);
    });
}
