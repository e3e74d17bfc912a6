//! Tests of queue, waiters and mailbox with real threads and descriptors; the orders are `tests_loom`'s.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::*;
use crate::sync::thread;

const SOON: Option<Duration> = Some(Duration::ZERO);

fn waiter() -> Arc<Waiter> {
    Arc::new(Waiter::new().unwrap())
}

fn is_awake(waiter: &Waiter) -> bool {
    waiter.wait(SOON).unwrap()
}

#[test]
fn commands_come_in_their_order() {
    let queue = CommandQueue::new();
    assert!(queue.is_empty());
    assert_eq!(queue.push(1), Ok(true));
    assert_eq!(queue.push(2), Ok(false));
    assert_eq!(queue.push(3), Ok(false));
    assert!(!queue.is_empty());
    assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(queue.is_empty());
    assert_eq!(queue.push(4), Ok(true), "it was empty again");
    assert_eq!(queue.drain().collect::<Vec<_>>(), [4]);
    assert_eq!(queue.drain().next(), None);
}

#[test]
fn a_closed_queue_gives_commands_back() {
    let queue = CommandQueue::new();
    queue.push(1).unwrap();
    queue.push(2).unwrap();
    assert_eq!(queue.close().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(queue.push(3), Err(3));
    assert!(queue.is_empty());
    assert_eq!(queue.drain().next(), None);
    assert_eq!(queue.close().next(), None);
}

/// Counts how many of its kind are left.
struct Counted(Arc<()>);

#[test]
fn what_nobody_takes_is_dropped() {
    let count = Arc::new(());
    let command = || Counted(Arc::clone(&count));
    let queue = CommandQueue::new();
    for _ in 0..3 {
        assert!(queue.push(command()).is_ok());
    }
    let mut drain = queue.drain();
    assert!(
        drain
            .next()
            .is_some_and(|command| Arc::strong_count(&command.0) == 4)
    );
    assert_eq!(Arc::strong_count(&count), 3);
    drop(drain);
    assert_eq!(Arc::strong_count(&count), 1);
    assert!(queue.push(command()).is_ok());
    drop(queue.close());
    assert_eq!(Arc::strong_count(&count), 1);
    let queue = CommandQueue::new();
    assert!(queue.push(command()).is_ok());
    drop(queue);
    assert_eq!(Arc::strong_count(&count), 1);
}

/// Senders against a drainer that closes in the middle: each command is seen by exactly one side, each
/// sender's in its order.
#[test]
fn two_threads_and_more_lose_nothing() {
    const SENDERS: u64 = 3;
    let count: u64 = if cfg!(miri) { 50 } else { 20_000 };
    let queue = Arc::new(CommandQueue::new());
    let refused = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (queue, refused) = (Arc::clone(&queue), Arc::clone(&refused));
            thread::spawn(move || {
                for number in 0..count {
                    if queue.push((sender, number)).is_err() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let mut taken = Vec::new();
    while (taken.len() as u64) < SENDERS * count * 2 / 3 {
        taken.extend(queue.drain());
    }
    taken.extend(queue.close());
    for sender in senders {
        sender.join().unwrap();
    }
    assert_eq!(
        taken.len() as u64 + refused.load(Ordering::Relaxed),
        SENDERS * count
    );
    for sender in 0..SENDERS {
        let own = taken.iter().filter(|(from, _)| *from == sender);
        assert!(
            own.enumerate()
                .all(|(at, (_, number))| at as u64 == *number)
        );
    }
}

#[test]
fn a_waiter_wakes_until_it_is_cleared() {
    let waiter = waiter();
    assert!(!is_awake(&waiter));
    waiter.wake();
    waiter.wake();
    assert!(is_awake(&waiter));
    assert!(is_awake(&waiter), "waiting does not clear");
    waiter.clear();
    assert!(!is_awake(&waiter));
    waiter.wake();
    assert!(is_awake(&waiter), "it can be woken again");
}

#[test]
fn a_thread_has_its_own_waiter() {
    let own = || Arc::clone(&*Waiter::current().unwrap());
    let first = own();
    first.wake();
    let again = own();
    assert!(Arc::ptr_eq(&first, &again));
    assert!(!is_awake(&again), "given out cleared");
    let other = thread::spawn(own).join().unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
}

#[test]
fn a_wait_within_a_wait_takes_none_of_its_wake_ups() {
    let outer = Waiter::current().unwrap();
    outer.wake();
    for _ in 0..3 {
        let inner = Waiter::current().unwrap();
        assert!(!is_awake(&inner));
        inner.clear();
    }
    assert!(is_awake(&outer));
}

/// Static destructors run when this thread-local's neighbours may be gone already.
#[test]
fn there_is_a_waiter_at_the_end_of_a_thread() {
    struct Last(Arc<AtomicBool>);
    impl Drop for Last {
        fn drop(&mut self) {
            let waiter = Waiter::current().unwrap();
            waiter.wake();
            self.0.store(is_awake(&waiter), Ordering::Release);
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let worked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&worked);
    // Destructors run in the order of first use: the waiter's before this one's.
    let thread = thread::spawn(move || {
        drop(Waiter::current().unwrap());
        LAST.with(|last| last.replace(Some(Last(seen))));
    });
    thread.join().unwrap();
    assert!(worked.load(Ordering::Acquire));
}

#[test]
fn everything_wakes_those_who_are_registered() {
    let mailbox = Mailbox::new();
    let waiters = [waiter(), waiter()];
    let [first, second] = &waiters;
    mailbox.register(first);
    mailbox.register(second);
    let actions: [fn(&Mailbox<u8>); 4] = [
        |mailbox| mailbox.push(1).unwrap(),
        Mailbox::signal,
        Mailbox::stop,
        |mailbox| drop(mailbox.close()),
    ];
    for action in actions {
        action(&mailbox);
        for waiter in &waiters {
            assert!(is_awake(waiter));
            waiter.clear();
        }
    }
    assert!(mailbox.is_stopped());
    assert_eq!(mailbox.push(1), Err(1));
    assert!(!is_awake(first), "a refused command wakes nobody");
    mailbox.deregister(first);
    mailbox.signal();
    assert!(!is_awake(first));
    assert!(is_awake(second));
}

#[test]
fn registering_twice_means_deregistering_twice() {
    let mailbox = Mailbox::<u8>::new();
    let waiter = waiter();
    mailbox.register(&waiter);
    mailbox.register(&waiter);
    mailbox.deregister(&waiter);
    mailbox.signal();
    assert!(is_awake(&waiter));
    waiter.clear();
    mailbox.deregister(&waiter);
    mailbox.deregister(&waiter);
    mailbox.signal();
    assert!(!is_awake(&waiter));
    assert_eq!(Arc::strong_count(&waiter), 1);
}

#[test]
fn the_descriptor_is_one_and_lasts() {
    let mailbox = Mailbox::new();
    mailbox.signal_exported();
    mailbox.clear_exported();
    assert!(!mailbox.is_exported());
    let descriptor = mailbox.export().unwrap();
    assert_eq!(mailbox.export(), Ok(descriptor));
    assert!(mailbox.is_exported());
    let exported = mailbox.exported_waiter().unwrap();
    assert_eq!(exported.descriptor(), descriptor);
    assert!(!is_awake(&exported));
    mailbox.push(1).unwrap();
    assert!(is_awake(&exported));
    assert_eq!(mailbox.drain().count(), 1);
    assert!(is_awake(&exported), "draining does not clear");
    mailbox.clear_exported();
    assert!(!is_awake(&exported));
    mailbox.signal_exported();
    assert!(is_awake(&exported));
}

/// A sleeping owner gets every command, and the stop after them.
#[test]
fn two_threads_one_of_which_sleeps() {
    let count: u32 = if cfg!(miri) { 20 } else { 5000 };
    let mailbox = Arc::new(Mailbox::new());
    let same = Arc::clone(&mailbox);
    let sender = thread::spawn(move || {
        for number in 0..count {
            same.push(number).unwrap();
            if number % 7 == 0 {
                thread::yield_now();
            }
        }
        same.stop();
    });
    let waiter = Waiter::current().unwrap();
    let mut taken = Vec::new();
    let mut look = || {
        // The stop first: what was pushed before it is there.
        let is_stopped = mailbox.is_stopped();
        taken.extend(mailbox.drain());
        is_stopped
    };
    while !look() {
        mailbox.register(&waiter);
        let is_stopped = look();
        let is_awake = is_stopped || waiter.wait(Some(Duration::from_secs(60))).unwrap();
        mailbox.deregister(&waiter);
        waiter.clear();
        assert!(is_awake, "not woken");
    }
    sender.join().unwrap();
    assert_eq!(taken, (0..count).collect::<Vec<_>>());
}
