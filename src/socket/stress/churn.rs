//! Endpoints that come and go during traffic.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::*;

const COUNT: u32 = 1500;

/// One thread sends while another connects the socket to a second endpoint of the same peer and
/// disconnects it, again and again. Linger is without end, so everything arrives.
fn connect_and_disconnect(endpoints: [&[u8]; 2], immediate: i32) {
    let context = Arc::new(Context::new());
    let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
    set(push, c::ZMQ_IMMEDIATE, immediate);
    limit(push, 20);
    limit(pull, 20);
    let [stable, churned] = endpoints.map(|endpoint| bind(pull, endpoint));
    api::connect(push, &stable).expect("connect");
    let done = AtomicBool::new(false);
    let mut received = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let count = COUNT as usize;
            let mut letters = Vec::new();
            while letters.len() < count {
                letters.extend(open_letter(&receive(pull)));
            }
            letters
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                api::connect(push, &churned).expect("connect");
                thread::yield_now();
                api::end_endpoint(push, Some(&churned)).expect("disconnect");
            }
        });
        for number in 0..COUNT {
            send(push, &letter(0, number));
        }
        done.store(true, Ordering::Relaxed);
        receiver.join().expect("thread")
    });
    received.sort_unstable();
    check_all_arrived(&[received], 1, COUNT);
    api::close(push).expect("close");
    assert_eq!(try_receive(pull, true), Err(Error::Again), "doubled");
    api::close(pull).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

#[test]
fn stress_connect_and_disconnect_over_tcp() {
    connect_and_disconnect([b"tcp://127.0.0.1:*", b"tcp://127.0.0.1:*"], 0);
}

#[test]
fn stress_connect_and_disconnect_over_ipc() {
    connect_and_disconnect([b"ipc://*", b"ipc://*"], 0);
}

#[test]
fn stress_connect_and_disconnect_over_inproc() {
    connect_and_disconnect([b"inproc://stable", b"inproc://churned"], 0);
}

/// With IMMEDIATE a pipe may be on its way to the socket while the socket disconnects.
#[test]
fn stress_disconnect_while_a_pipe_is_on_its_way() {
    for _ in 0..5 {
        connect_and_disconnect([b"tcp://127.0.0.1:*", b"tcp://127.0.0.1:*"], 1);
        connect_and_disconnect([b"ipc://*", b"ipc://*"], 1);
    }
}

/// Letters over one endpoint while the receiver binds and unbinds another, where peers come and go.
fn bind_and_unbind(stable: &[u8], churned: &[u8]) {
    let context = Arc::new(Context::new());
    let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
    limit(pull, 20);
    let stable = bind(pull, stable);
    api::connect(push, &stable).expect("connect");
    let sent = AtomicU32::new(0);
    let received = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut letters = Vec::new();
            // What the visitors at the other endpoint lose is theirs.
            while letters.iter().filter(|(sender, _)| *sender == 0).count() < COUNT as usize {
                letters.extend(open_letter(&receive(pull)));
            }
            letters
        });
        scope.spawn(|| {
            let mut number = 0;
            // Kept to a number of visits: descriptors close a little later than endpoints end.
            for visit in 0..COUNT / 10 {
                while sent.load(Ordering::Relaxed) < visit * 10 {
                    thread::yield_now();
                }
                let endpoint = bind(pull, churned);
                let visitor = open(&context, c::ZMQ_PUSH);
                set(visitor, c::ZMQ_LINGER, 0);
                api::connect(visitor, &endpoint).expect("connect");
                for _ in 0..5 {
                    let _ = api::send_bytes(visitor, &letter(1, number), false, true);
                    number += 1;
                }
                api::end_endpoint(pull, Some(&endpoint)).expect("unbind");
                api::close(visitor).expect("close");
            }
        });
        for number in 0..COUNT {
            send(push, &letter(0, number));
            sent.store(number, Ordering::Relaxed);
        }
        receiver.join().expect("thread")
    });
    let is_stable = |(sender, _): &(u8, u32)| *sender == 0;
    let stable = [received.into_iter().filter(is_stable).collect()];
    check_order(&stable);
    check_all_arrived(&stable, 1, COUNT);
    api::close(push).expect("close");
    api::close(pull).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

#[test]
fn stress_bind_and_unbind() {
    bind_and_unbind(b"tcp://127.0.0.1:*", b"ipc://*");
    bind_and_unbind(b"ipc://*", b"tcp://127.0.0.1:*");
    bind_and_unbind(b"tcp://127.0.0.1:*", b"inproc://churned");
    bind_and_unbind(b"inproc://stable", b"tcp://127.0.0.1:*");
}

/// Peers that bind late, and connects that are parked, while the sender waits for room.
#[test]
fn stress_inproc_connect_before_bind() {
    let context = Arc::new(Context::new());
    for _ in 0..100 {
        let push = open(&context, c::ZMQ_PUSH);
        limit(push, 2);
        api::connect(push, b"inproc://late").expect("connect");
        let received = thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..20 {
                    send(push, &letter(0, number));
                }
                send(push, b"");
            });
            let pull = open(&context, c::ZMQ_PULL);
            limit(pull, 1);
            api::bind(pull, b"inproc://late").expect("bind");
            let received = receive_all(pull);
            api::close(pull).expect("close");
            received
        });
        check_order(std::slice::from_ref(&received));
        check_all_arrived(&[received], 1, 20);
        api::close(push).expect("close");
    }
    assert_eq!(timed(|| context.terminate()), Ok(()));
}
