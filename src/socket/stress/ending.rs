//! Sockets and contexts that end while threads are inside of calls on them; forks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::socket::poll::{self, PollItem, Target, Watched};
use crate::sys::fork;

const ROUNDS: usize = 12;

/// How the test ends what the threads use.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Close,
    Shutdown,
    Terminate,
}

fn send_until_end(socket: Socket, sent: &AtomicUsize) -> Error {
    loop {
        match timed(|| api::send_bytes(socket, &[7; 60], false, false)) {
            Ok(_) => sent.fetch_add(1, Ordering::Relaxed),
            Err(error) => return error,
        };
    }
}

fn receive_until_end(socket: Socket) -> Error {
    loop {
        if let Err(error) = try_receive(socket, false) {
            return error;
        }
    }
}

fn poll_until_end(socket: Socket) -> Error {
    loop {
        let mut items = [PollItem {
            target: Target::Socket(Watched::new(socket)),
            events: c::ZMQ_POLLIN,
            revents: 0,
        }];
        match timed(|| poll::poll(&mut items, Some(TIMEOUT), None)) {
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// Threads in send, receive and poll, awake and asleep; each of them learns of the end.
fn end_under_way(endpoint: &[u8], ending: Ending, traffic: usize) {
    let context = Arc::new(Context::new());
    let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
    for socket in [push, pull] {
        limit(socket, 5);
        set(socket, c::ZMQ_LINGER, 0);
    }
    api::connect(push, &bind(pull, endpoint)).expect("connect");
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..2 {
            threads.push(scope.spawn(|| send_until_end(push, &sent)));
            threads.push(scope.spawn(|| receive_until_end(pull)));
        }
        threads.push(scope.spawn(|| poll_until_end(pull)));
        while sent.load(Ordering::Relaxed) < traffic {
            thread::yield_now();
        }
        match ending {
            Ending::Close => close_both(push, pull),
            Ending::Shutdown => context.shutdown(),
            Ending::Terminate => {
                let context = Arc::clone(&context);
                scope.spawn(move || assert_eq!(timed(|| context.terminate()), Ok(())));
            }
        }
        for thread in threads {
            let error = thread.join().expect("thread");
            assert!(is_end(error), "{error:?} after {ending:?}");
        }
        if !matches!(ending, Ending::Close) {
            close_both(push, pull);
        }
    });
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

fn close_both(push: Socket, pull: Socket) {
    assert_eq!(api::close(push), Ok(()));
    assert_eq!(api::close(pull), Ok(()));
}

fn end_many_times(ending: Ending) {
    for round in 0..ROUNDS {
        for endpoint in TRANSPORTS {
            end_under_way(endpoint, ending, round * 20);
        }
    }
}

#[test]
fn stress_close_under_way() {
    end_many_times(Ending::Close);
}

#[test]
fn stress_shutdown_under_way() {
    end_many_times(Ending::Shutdown);
}

#[test]
fn stress_terminate_under_way() {
    end_many_times(Ending::Terminate);
}

/// Two threads close the same socket: one of them does.
#[test]
fn stress_close_twice() {
    let context = Arc::new(Context::new());
    for _ in 0..200 {
        let socket = open(&context, c::ZMQ_DEALER);
        let closed: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| usize::from(api::close(socket).is_ok())))
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, usize>| thread.join().expect("thread");
            threads.into_iter().map(join).sum()
        });
        assert_eq!(closed, 1);
    }
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

/// What a socket closes with is still delivered: linger is without end.
#[test]
fn stress_close_after_sending() {
    for round in 0..ROUNDS {
        for endpoint in TRANSPORTS {
            let context = Arc::new(Context::new());
            let pull = open(&context, c::ZMQ_PULL);
            let endpoint = bind(pull, endpoint);
            let count = u32::try_from(round * 60).expect("few");
            let received = thread::scope(|scope| {
                let receiver = scope.spawn(|| receive_all(pull));
                let push = open(&context, c::ZMQ_PUSH);
                api::connect(push, &endpoint).expect("connect");
                for number in 0..count {
                    send(push, &letter(0, number));
                }
                send(push, b"");
                api::close(push).expect("close");
                receiver.join().expect("thread")
            });
            check_all_arrived(&[received], 1, count);
            api::close(pull).expect("close");
            assert_eq!(timed(|| context.terminate()), Ok(()));
        }
    }
}

/// A child that is forked in the middle of traffic: the parent's sockets are refused there and can be
/// closed, a context of its own works; the parent goes on undisturbed.
#[test]
fn stress_fork_under_way() {
    for endpoint in TRANSPORTS {
        let pair = Pair::new((c::ZMQ_PUSH, c::ZMQ_PULL), endpoint);
        let received = thread::scope(|scope| {
            let receiver = scope.spawn(|| receive_all(pair.to));
            let sender = scope.spawn(|| {
                for number in 0..3000 {
                    send(pair.from, &letter(0, number));
                }
                send(pair.from, b"");
            });
            for _ in 0..4 {
                assert!(fork::succeeds_in_child(|| child(&pair)), "in the child");
            }
            sender.join().expect("thread");
            receiver.join().expect("thread")
        });
        check_all_arrived(std::slice::from_ref(&received), 1, 3000);
        check_order(&[received]);
        pair.end();
    }
}

fn child(pair: &Pair) -> bool {
    let refused = api::send_bytes(pair.from, b"x", false, true) == Err(Error::Interrupted)
        && try_receive(pair.to, true) == Err(Error::Interrupted);
    let own = Pair::new((c::ZMQ_PUSH, c::ZMQ_PULL), b"tcp://127.0.0.1:*");
    send(own.from, b"hello");
    let works = receive(own.to) == b"hello";
    own.end();
    refused && works
}
