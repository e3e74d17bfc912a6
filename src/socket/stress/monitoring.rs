//! Monitors while connections, consumers and the monitors themselves come and go: nobody waits for anybody.

use std::thread;

use super::*;

const ROUNDS: usize = 150;

/// One thread connects and disconnects, so that events come from it and from the I/O thread; one starts and
/// stops the monitor; two consume.
fn churn(monitor: i32, consumer: i32) {
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    let endpoint = bind(pull, b"tcp://127.0.0.1:*");
    let consume = || {
        for round in 0..ROUNDS {
            let socket = open(&context, consumer);
            if consumer == c::ZMQ_SUB {
                api::set_option(socket, c::ZMQ_SUBSCRIBE, Some(b""), 0).expect("subscribe");
            }
            api::connect(socket, b"inproc://events").expect("connect");
            for _ in 0..round % 7 {
                let _ = try_receive(socket, true);
                thread::yield_now();
            }
            api::close(socket).expect("close");
        }
    };
    thread::scope(|scope| {
        scope.spawn(consume);
        scope.spawn(consume);
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let all = u64::from(c::ZMQ_EVENT_ALL.unsigned_abs());
                let name: Option<&[u8]> = Some(b"inproc://events");
                timed(|| api::monitor(pull, name, all, 2, monitor)).expect("start");
                for _ in 0..20 {
                    thread::yield_now();
                }
                timed(|| api::monitor(pull, None, 0, 2, monitor)).expect("stop");
            }
        });
        for _ in 0..ROUNDS {
            let push = open(&context, c::ZMQ_PUSH);
            api::connect(push, &endpoint).expect("connect");
            send(push, b"message");
            receive(pull);
            api::close(push).expect("close");
        }
    });
    api::close(pull).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

#[test]
fn stress_monitors_of_all_types() {
    churn(c::ZMQ_PAIR, c::ZMQ_PAIR);
    churn(c::ZMQ_PUB, c::ZMQ_SUB);
    churn(c::ZMQ_PUSH, c::ZMQ_PULL);
}

/// Every event arrives, in its order, however the consumer waits.
#[test]
fn stress_all_events_arrive() {
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    let events = u64::from((c::ZMQ_EVENT_ACCEPTED | c::ZMQ_EVENT_DISCONNECTED).unsigned_abs());
    api::monitor(pull, Some(b"inproc://events"), events, 1, c::ZMQ_PAIR).expect("monitor");
    let consumer = open(&context, c::ZMQ_PAIR);
    api::connect(consumer, b"inproc://events").expect("connect");
    let endpoint = bind(pull, b"tcp://127.0.0.1:*");
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let push = open(&context, c::ZMQ_PUSH);
                api::connect(push, &endpoint).expect("connect");
                send(push, b"message");
                receive(pull);
                api::close(push).expect("close");
            }
        });
        let mut counts = [0; 2];
        while counts != [ROUNDS; 2] {
            let head = receive(consumer);
            receive(consumer);
            let event = i32::from(u16::from_ne_bytes([head[0], head[1]]));
            counts[usize::from(event == c::ZMQ_EVENT_DISCONNECTED)] += 1;
            assert!(counts[1] <= counts[0], "lost before it was accepted");
        }
    });
    api::close(pull).expect("close");
    api::close(consumer).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}
