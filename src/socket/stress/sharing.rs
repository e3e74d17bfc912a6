//! Several threads send and receive on the same sockets.

use std::thread::{self, ScopedJoinHandle};

use super::*;

const SENDERS: u8 = 4;
const RECEIVERS: usize = 3;
const COUNT: u32 = 700;

fn results<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let join = |thread: ScopedJoinHandle<'_, T>| thread.join().expect("thread");
    threads.into_iter().map(join).collect()
}

fn send_all(socket: Socket, sender: u8) {
    for number in 0..COUNT {
        send(socket, &letter(sender, number));
    }
}

/// All senders on one socket, all receivers on another.
fn share(types: (i32, i32), endpoint: &[u8]) {
    let pair = Pair::new(types, endpoint);
    let received = thread::scope(|scope| {
        let receivers = (0..RECEIVERS)
            .map(|_| scope.spawn(|| receive_all(pair.to)))
            .collect();
        let senders = (0..SENDERS)
            .map(|sender| scope.spawn(move || send_all(pair.from, sender)))
            .collect();
        results(senders);
        for _ in 0..RECEIVERS {
            send(pair.from, b"");
        }
        results(receivers)
    });
    check_all_arrived(&received, SENDERS, COUNT);
    check_order(&received);
    pair.end();
}

#[test]
fn stress_shared_push_and_pull() {
    for endpoint in TRANSPORTS {
        share((c::ZMQ_PUSH, c::ZMQ_PULL), endpoint);
    }
}

#[test]
fn stress_shared_dealers() {
    for endpoint in TRANSPORTS {
        share((c::ZMQ_DEALER, c::ZMQ_DEALER), endpoint);
    }
}

/// Threads that send and threads that receive on the same socket, which waits for room and for
/// messages at the same time; the other socket sends everything back.
fn echo(endpoint: &[u8]) {
    let pair = Pair::new((c::ZMQ_DEALER, c::ZMQ_DEALER), endpoint);
    let received = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let letter = receive(pair.to);
                    send(pair.to, &letter);
                    if letter.is_empty() {
                        break;
                    }
                }
            });
        }
        let receivers = (0..2)
            .map(|_| scope.spawn(|| receive_all(pair.from)))
            .collect();
        let senders = (0..2)
            .map(|sender| scope.spawn(move || send_all(pair.from, sender)))
            .collect();
        results(senders);
        // An echo that is still under way must not come after the sign to stop: one thread at a time.
        let mut received = results(stop_each(receivers, pair.from));
        received.push(Vec::new());
        received
    });
    check_some_arrived(&received);
    pair.end();
}

/// Sends a sign to stop for each thread.
fn stop_each<T>(threads: Vec<T>, socket: Socket) -> Vec<T> {
    for _ in &threads {
        send(socket, b"");
    }
    threads
}

/// The two echoing threads may overtake each other with the last letters: all but those arrived.
fn check_some_arrived(received: &[Vec<(u8, u32)>]) {
    let mut all = received.concat();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "doubled");
    assert!(count + 2 >= 2 * COUNT as usize, "only {count} came back");
}

#[test]
fn stress_shared_dealer_both_ways() {
    for endpoint in TRANSPORTS {
        echo(endpoint);
    }
}

/// Several sockets send to one, each from a thread of its own, over all transports at once.
#[test]
fn stress_many_peers() {
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    limit(pull, 3);
    let endpoints = TRANSPORTS.map(|endpoint| bind(pull, endpoint));
    let received = thread::scope(|scope| {
        let receivers = (0..2).map(|_| scope.spawn(|| receive_all(pull))).collect();
        let senders = (0_u8..6)
            .map(|sender| {
                let (context, endpoints) = (&context, &endpoints);
                scope.spawn(move || {
                    let push = open(context, c::ZMQ_PUSH);
                    limit(push, 3);
                    let endpoint = &endpoints[usize::from(sender) % endpoints.len()];
                    api::connect(push, endpoint).expect("connect");
                    send_all(push, sender);
                    push
                })
            })
            .collect();
        let pushes = results(senders);
        // One pipe each, so the sign comes last on the first; the others' letters are waited for.
        for push in pushes {
            api::close(push).expect("close");
        }
        results(stop_after(&context, &endpoints[0], receivers))
    });
    check_order(&received);
    let mut rest = Vec::new();
    while let Some(letter) = next_of_rest(pull, 6 * COUNT as usize, &received, &rest) {
        rest.push(letter);
    }
    let mut all = received;
    all.push(rest);
    check_all_arrived(&all, 6, COUNT);
    api::close(pull).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

/// Stops the receivers by a socket of its own.
fn stop_after<T>(context: &Arc<Context>, endpoint: &[u8], receivers: Vec<T>) -> Vec<T> {
    let push = open(context, c::ZMQ_PUSH);
    api::connect(push, endpoint).expect("connect");
    let receivers = stop_each(receivers, push);
    api::close(push).expect("close");
    receivers
}

fn next_of_rest(
    pull: Socket,
    count: usize,
    received: &[Vec<(u8, u32)>],
    rest: &[(u8, u32)],
) -> Option<(u8, u32)> {
    let so_far: usize = received.iter().map(Vec::len).sum();
    if so_far + rest.len() == count {
        return None;
    }
    open_letter(&receive(pull))
}
