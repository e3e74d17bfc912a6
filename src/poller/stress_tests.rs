//! Pollers under load: no wake-up is lost, whoever waits, and whatever happens to the poller meanwhile.
//!
//! No wait here may come back by its timeout: that would be a lost wake-up.

use std::thread;

use super::*;
use crate::context::Context;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::socket::api;

type Socket = &'static SocketCell;

const TRANSPORTS: [&[u8]; 3] = [b"inproc://stress", b"ipc://*", b"tcp://127.0.0.1:*"];
const TIMEOUT: Duration = Duration::from_secs(60);
const COUNT: usize = 2000;

fn set(socket: Socket, option: i32, value: i32) {
    api::set_option(socket, option, Some(&value.to_ne_bytes()), 4).expect("option");
}

/// A PULL and a PUSH with room for a few messages only, for each transport.
fn pairs(context: &Arc<Context>) -> Vec<(Socket, Socket)> {
    let pair = |endpoint: &&[u8]| {
        let pull = api::open(context, c::ZMQ_PULL).expect("socket");
        let push = api::open(context, c::ZMQ_PUSH).expect("socket");
        set(pull, c::ZMQ_RCVHWM, 5);
        set(push, c::ZMQ_SNDHWM, 5);
        api::bind(pull, endpoint).expect("bind");
        let mut text = [0; 256];
        let length = api::get_option(pull, c::ZMQ_LAST_ENDPOINT, &mut text).expect("endpoint");
        api::connect(push, &text[..length - 1]).expect("connect");
        (pull, push)
    };
    TRANSPORTS.iter().map(pair).collect()
}

fn try_receive(socket: Socket) -> bool {
    let mut message = Message::new();
    api::receive(socket, &mut Incoming::into_message(&mut message), true).is_ok()
}

/// One turn: the sockets that were reported.
fn turn(poller: &Poller<usize>, room: usize) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    let begin = clock::now();
    let result = poller.wait(room, Some(TIMEOUT), &mut |at, event| {
        found.truncate(at);
        found.push(event.user_data);
    });
    assert!(
        clock::now() - begin < TIMEOUT / 2,
        "a wait was not woken: {result:?}"
    );
    result.map(|_| found)
}

/// Sends all messages, waiting for room in a poller of its own.
fn send_all(push: Socket) {
    let poller = Poller::new().expect("poller");
    poller.add_socket(push, 0, c::ZMQ_POLLOUT).expect("add");
    for _ in 0..COUNT {
        while api::send_bytes(push, b"message", false, true).is_err() {
            turn(&poller, 1).expect("turn");
        }
    }
    poller.destroy();
}

/// Receives until `left` is 0; who takes the last message ends the poller for all.
fn receive_all(poller: &Poller<usize>, pulls: &[Socket], drain: bool, left: &AtomicUsize) {
    loop {
        let found = match turn(poller, pulls.len()) {
            Err(Error::Fault) => return,
            found => found.expect("turn"),
        };
        for at in found {
            while try_receive(pulls[at]) {
                if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    poller.destroy();
                }
                if !drain {
                    break;
                }
            }
        }
    }
}

fn end(context: &Context, pairs: &[(Socket, Socket)]) {
    for (pull, push) in pairs {
        api::close(pull).expect("close");
        api::close(push).expect("close");
    }
    assert_eq!(context.terminate(), Ok(()));
}

fn run(receivers: usize, drain: bool) {
    let context = Arc::new(Context::new());
    let pairs = pairs(&context);
    let pulls: Vec<Socket> = pairs.iter().map(|pair| pair.0).collect();
    let poller = Poller::new().expect("poller");
    for (at, pull) in pulls.iter().enumerate() {
        poller.add_socket(pull, at, c::ZMQ_POLLIN).expect("add");
    }
    let left = AtomicUsize::new(COUNT * pairs.len());
    thread::scope(|scope| {
        for _ in 0..receivers {
            scope.spawn(|| receive_all(&poller, &pulls, drain, &left));
        }
        for (_, push) in &pairs {
            scope.spawn(|| send_all(push));
        }
    });
    assert_eq!(left.load(Ordering::Relaxed), 0);
    end(&context, &pairs);
}

#[test]
fn stress_one_thread_waits() {
    run(1, true);
    run(1, false);
}

#[test]
fn stress_threads_share_a_poller() {
    run(3, true);
    run(3, false);
}

/// Entries come, go and change while a thread waits.
#[test]
fn stress_changes_while_a_thread_waits() {
    let context = Arc::new(Context::new());
    let pairs = pairs(&context);
    let pulls: Vec<Socket> = pairs.iter().map(|pair| pair.0).collect();
    let poller = Poller::new().expect("poller");
    let idle = api::open(&context, c::ZMQ_PULL).expect("socket");
    poller.add_socket(idle, 0, c::ZMQ_POLLIN).expect("add");
    let left = AtomicUsize::new(COUNT * pairs.len());
    thread::scope(|scope| {
        scope.spawn(|| receive_all(&poller, &pulls, true, &left));
        for (_, push) in &pairs {
            scope.spawn(|| send_all(push));
        }
        // Until it is destroyed. Every socket is watched again and again.
        let change = |at: usize, pull: Socket| {
            poller.add_socket(pull, at, 0)?;
            poller.modify(Key::Socket(pull), c::ZMQ_POLLIN)?;
            thread::yield_now();
            poller.remove_socket(pull.handle())
        };
        while (0..)
            .zip(&pulls)
            .try_for_each(|(at, pull)| change(at, pull))
            .is_ok()
        {}
    });
    assert_eq!(left.load(Ordering::Relaxed), 0);
    api::close(idle).expect("close");
    end(&context, &pairs);
}

/// A socket is closed, or its context stops, under a thread that waits.
#[test]
fn stress_ends_wake() {
    for round in 0..200 {
        let context = Arc::new(Context::new());
        let socket = api::open(&context, c::ZMQ_PULL).expect("socket");
        let poller = Poller::new().expect("poller");
        poller.add_socket(socket, 0, c::ZMQ_POLLIN).expect("add");
        let (closes, expected) = match round % 2 {
            0 => (true, Error::NotSocket),
            _ => (false, Error::Terminated),
        };
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turn(&poller, 1));
            if closes {
                api::close(socket).expect("close");
            } else {
                context.shutdown();
            }
            assert_eq!(waiting.join().expect("thread"), Err(expected));
        });
        if !closes {
            api::close(socket).expect("close");
        }
        poller.destroy();
        assert_eq!(context.terminate(), Ok(()));
    }
}

/// Sockets are taken out and then closed, as it should be: no thread that waits hears of it.
#[test]
fn stress_what_was_taken_out_is_nobodys_concern() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let idle = api::open(&context, c::ZMQ_PULL).expect("socket");
    poller.add_socket(idle, 0, c::ZMQ_POLLIN).expect("add");
    thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| turn(&poller, 1)));
        for _ in 0..COUNT {
            let socket = api::open(&context, c::ZMQ_PULL).expect("socket");
            poller.add_socket(socket, 1, c::ZMQ_POLLIN).expect("add");
            thread::yield_now();
            poller.remove_socket(socket.handle()).expect("remove");
            api::close(socket).expect("close");
        }
        poller.destroy();
        for waiting in waiting {
            assert_eq!(waiting.join().expect("thread"), Err(Error::Fault));
        }
    });
    api::close(idle).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// Two threads add the same socket: one of them may.
#[test]
fn stress_a_socket_is_added_once() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let socket = api::open(&context, c::ZMQ_PULL).expect("socket");
    let starts = AtomicUsize::new(0);
    let add_at = |start: usize| {
        starts.fetch_add(1, Ordering::SeqCst);
        while starts.load(Ordering::SeqCst) < start {
            std::hint::spin_loop();
        }
        poller.add_socket(socket, 0, c::ZMQ_POLLIN)
    };
    for round in 1..=300 {
        let results = thread::scope(|scope| {
            let other = scope.spawn(|| add_at(2 * round));
            [add_at(2 * round), other.join().expect("thread")]
        });
        let refused = [(Ok(()), Err(Error::Invalid)), (Err(Error::Invalid), Ok(()))];
        assert!(refused.contains(&results.into()), "{results:?}");
        poller.remove_socket(socket.handle()).expect("remove");
    }
    api::close(socket).expect("close");
    poller.destroy();
    assert_eq!(context.terminate(), Ok(()));
}
