//! Waiting in all ways: poll from several threads, event loops on ZMQ_FD, calls that others set free.

use std::os::fd::RawFd;
use std::thread;

use super::*;
use crate::socket::poll::{self, PollItem, Target, Watched};

const COUNT: u32 = 1500;

fn wait_for(socket: Socket, events: i32) {
    let mut items = [PollItem {
        target: Target::Socket(Watched::new(socket)),
        events,
        revents: 0,
    }];
    assert_eq!(timed(|| poll::poll(&mut items, Some(TIMEOUT), None)), Ok(1));
}

/// Polls and takes what is there without blocking, until the sign to stop.
fn poll_and_receive(socket: Socket) -> Vec<(u8, u32)> {
    let mut letters = Vec::new();
    loop {
        wait_for(socket, c::ZMQ_POLLIN);
        while let Ok(bytes) = try_receive(socket, true) {
            match open_letter(&bytes) {
                Some(letter) => letters.push(letter),
                None => return letters,
            }
        }
    }
}

fn poll_and_send(socket: Socket, sender: u8) {
    for number in 0..COUNT {
        let letter = letter(sender, number);
        while api::send_bytes(socket, &letter, false, true) == Err(Error::Again) {
            wait_for(socket, c::ZMQ_POLLOUT);
        }
    }
}

#[test]
fn stress_poll_from_several_threads() {
    for endpoint in TRANSPORTS {
        let pair = Pair::new((c::ZMQ_PUSH, c::ZMQ_PULL), endpoint);
        let received = thread::scope(|scope| {
            let receivers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| poll_and_receive(pair.to)))
                .collect();
            let senders: Vec<_> = (0..2)
                .map(|sender| scope.spawn(move || poll_and_send(pair.from, sender)))
                .collect();
            for sender in senders {
                sender.join().expect("thread");
            }
            for _ in &receivers {
                send(pair.from, b"");
            }
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("thread");
            receivers.into_iter().map(join).collect::<Vec<_>>()
        });
        check_order(&received);
        check_all_arrived(&received, 2, COUNT);
        pair.end();
    }
}

/// An edge-triggered event loop on the descriptor of a socket.
struct EventLoop {
    socket: Socket,
    poll: mio::Poll,
    events: mio::Events,
}

impl EventLoop {
    fn new(socket: Socket) -> Self {
        let mut value = [0; 4];
        api::get_option(socket, c::ZMQ_FD, &mut value).expect("descriptor");
        let descriptor: RawFd = i32::from_ne_bytes(value);
        let poll = mio::Poll::new().expect("epoll");
        let mut source = mio::unix::SourceFd(&descriptor);
        poll.registry()
            .register(&mut source, mio::Token(0), mio::Interest::READABLE)
            .expect("register");
        Self {
            socket,
            poll,
            events: mio::Events::with_capacity(4),
        }
    }

    /// Waits for an edge until `events` are among those of ZMQ_EVENTS.
    fn wait_for(&mut self, events: i32) {
        while api::events(self.socket).expect("events") & events == 0 {
            let Self {
                poll,
                events: found,
                ..
            } = self;
            timed(|| poll.poll(found, Some(TIMEOUT))).expect("epoll");
        }
    }
}

/// Event loops at both ends, edge-triggered: no edge is lost, whether the loop drains to the end or takes
/// one message a turn.
fn event_loops(endpoint: &[u8], drain: bool) {
    let pair = Pair::new((c::ZMQ_PUSH, c::ZMQ_PULL), endpoint);
    let received = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut turns = EventLoop::new(pair.to);
            let mut letters = Vec::new();
            while letters.len() < COUNT as usize {
                turns.wait_for(c::ZMQ_POLLIN);
                while let Ok(bytes) = try_receive(pair.to, true) {
                    letters.extend(open_letter(&bytes));
                    if !drain {
                        break;
                    }
                }
            }
            letters
        });
        let mut turns = EventLoop::new(pair.from);
        for number in 0..COUNT {
            let letter = letter(0, number);
            while api::send_bytes(pair.from, &letter, false, true) == Err(Error::Again) {
                turns.wait_for(c::ZMQ_POLLOUT);
            }
        }
        receiver.join().expect("thread")
    });
    check_order(std::slice::from_ref(&received));
    check_all_arrived(&[received], 1, COUNT);
    pair.end();
}

#[test]
fn stress_event_loops() {
    for endpoint in TRANSPORTS {
        event_loops(endpoint, true);
        event_loops(endpoint, false);
    }
}

/// A sender without a peer waits; another thread gives the socket one.
fn free_the_sender(attach: impl Fn(Socket) + Sync, peer: impl Fn(&Arc<Context>) -> Socket) {
    let context = Arc::new(Context::new());
    let pull = peer(&context);
    let push = open(&context, c::ZMQ_PUSH);
    thread::scope(|scope| {
        scope.spawn(|| send(push, b"hello"));
        // A poll of the same socket waits as well.
        scope.spawn(|| wait_for(push, c::ZMQ_POLLOUT));
        for _ in 0..100 {
            thread::yield_now();
        }
        attach(push);
    });
    assert_eq!(receive(pull), b"hello");
    api::close(push).expect("close");
    api::close(pull).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}

#[test]
fn stress_connect_frees_a_sender() {
    for _ in 0..20 {
        free_the_sender(
            |push| api::connect(push, b"inproc://here").expect("connect"),
            |context| {
                let pull = open(context, c::ZMQ_PULL);
                bind(pull, b"inproc://here");
                pull
            },
        );
    }
}

#[test]
fn stress_bind_frees_a_sender() {
    for _ in 0..20 {
        free_the_sender(
            |push| api::bind(push, b"inproc://here").expect("bind"),
            |context| {
                let pull = open(context, c::ZMQ_PULL);
                api::connect(pull, b"inproc://here").expect("connect");
                pull
            },
        );
    }
}

/// A network connect takes messages before it is connected.
#[test]
fn stress_network_connect_frees_a_sender() {
    for _ in 0..5 {
        let context = Arc::new(Context::new());
        let pull = open(&context, c::ZMQ_PULL);
        let endpoint = bind(pull, b"tcp://127.0.0.1:*");
        free_the_sender(
            |push| api::connect(push, &endpoint).expect("connect"),
            |_| pull,
        );
        // `free_the_sender` has closed it.
        assert_eq!(timed(|| context.terminate()), Ok(()));
    }
}
