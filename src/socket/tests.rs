//! Sockets end to end, inside the library: the C interface has its own tests in `capi-tests`.

#![forbid(unsafe_code)]

mod scarcity;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::error::Error;
use crate::ffi::constants as c;
use crate::io::ConnectionHandle;
use crate::message::Message;
use crate::patterns::Origin;
use crate::pipe::queue::{NO_MEMORY, Special};
use crate::pipe::{Conflate, Head, Incoming, Limits, Notice, pipe};
use crate::socket::api::{self, SocketCell};
use crate::socket::{Attachment, SocketCommand, poll};

fn open(context: &Arc<Context>, socket_type: i32) -> &'static SocketCell {
    let socket = api::open(context, socket_type).expect("socket");
    let limit = 10_000_i32.to_ne_bytes();
    api::set_option(socket, c::ZMQ_RCVTIMEO, Some(&limit), 4).expect("timeout");
    api::set_option(socket, c::ZMQ_SNDTIMEO, Some(&limit), 4).expect("timeout");
    socket
}

fn last_endpoint(socket: &'static SocketCell) -> Vec<u8> {
    let mut text = [0; 256];
    let length = api::get_option(socket, c::ZMQ_LAST_ENDPOINT, &mut text).expect("endpoint");
    text[..length - 1].to_vec()
}

fn receive(socket: &'static SocketCell) -> Vec<u8> {
    let mut message = Message::new();
    api::receive(socket, &mut Incoming::into_message(&mut message), false).expect("frame");
    message.bytes().to_vec()
}

fn send(socket: &'static SocketCell, bytes: &[u8], more: bool) {
    assert_eq!(api::send_bytes(socket, bytes, more, false), Ok(()));
}

fn exchange(endpoint: &[u8]) {
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    api::bind(pull, endpoint).expect("bind");
    let push = open(&context, c::ZMQ_PUSH);
    api::connect(push, &last_endpoint(pull)).expect("connect");
    for size in [0, 1, 33, 34, 255, 256, 1024, 1025, 4096] {
        send(push, &vec![7; size], true);
        send(push, b"end", false);
        assert_eq!(receive(pull).len(), size);
        assert_eq!(receive(pull).len(), 3);
    }
    api::close(push).expect("close");
    api::close(pull).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// ZMQ_IN_BATCH_SIZE and ZMQ_OUT_BATCH_SIZE: frames arrive whole however reads and writes cut them.
#[test]
fn batches_of_any_size() {
    for size in [1, 2, 9, 100, 8192] {
        let context = Arc::new(Context::new());
        let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
        for (socket, option) in [
            (push, c::ZMQ_OUT_BATCH_SIZE),
            (push, c::ZMQ_IN_BATCH_SIZE),
            (pull, c::ZMQ_IN_BATCH_SIZE),
        ] {
            api::set_option(socket, option, Some(&i32::to_ne_bytes(size)), 4).expect("size");
        }
        api::bind(pull, b"tcp://127.0.0.1:*").expect("bind");
        api::connect(push, &last_endpoint(pull)).expect("connect");
        let sizes = [0, 1, 33, 255, 256, 1024, 1025, 8000, 20_000];
        for size in sizes {
            let body: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
            send(push, &body, true);
            send(push, b"end", false);
            assert_eq!((receive(pull), receive(pull)), (body, b"end".to_vec()));
        }
        api::close(push).expect("close");
        api::close(pull).expect("close");
        assert_eq!(context.terminate(), Ok(()));
    }
}

/// The endpoint is free when zmq_unbind or zmq_close returns, not some time later.
#[test]
fn names_are_free_at_once() {
    let context = Arc::new(Context::new());
    let abstract_name = format!("ipc://@zeroxide-rebind-{}", std::process::id());
    for endpoint in ["tcp://127.0.0.1:*", &abstract_name] {
        let first = open(&context, c::ZMQ_PULL);
        api::bind(first, endpoint.as_bytes()).expect("bind");
        let endpoint = last_endpoint(first);
        for _ in 0..100 {
            api::end_endpoint(first, Some(&endpoint)).expect("unbind");
            assert_eq!(api::bind(first, &endpoint), Ok(()), "after unbind");
        }
        api::close(first).expect("close");
        for _ in 0..100 {
            let next = open(&context, c::ZMQ_PULL);
            assert_eq!(api::bind(next, &endpoint), Ok(()), "after close");
            api::close(next).expect("close");
        }
    }
    assert_eq!(context.terminate(), Ok(()));
}

/// A socket that is connected to its own inproc name: the name goes first, then the connection.
#[test]
fn an_own_name_goes_before_the_connects_to_it() {
    let context = Arc::new(Context::new());
    let dealer = open(&context, c::ZMQ_DEALER);
    api::bind(dealer, b"inproc://own").expect("bind");
    api::connect(dealer, b"inproc://own").expect("connect");
    assert_eq!(api::end_endpoint(dealer, Some(b"inproc://own")), Ok(()));
    send(dealer, b"the pipe stays", false);
    assert_eq!(receive(dealer), b"the pipe stays");
    assert_eq!(api::end_endpoint(dealer, Some(b"inproc://own")), Ok(()));
    assert_eq!(
        api::end_endpoint(dealer, Some(b"inproc://own")),
        Err(Error::NotFound)
    );
    api::close(dealer).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// What was sent before anybody bound is there for whoever does, though the sender left; without messages nothing
/// stays behind.
#[test]
fn messages_of_parked_connects_outlive_their_socket() {
    let context = Arc::new(Context::new());
    for closes in [false, true] {
        let push = open(&context, c::ZMQ_PUSH);
        let idle = open(&context, c::ZMQ_PUSH);
        for socket in [push, idle] {
            api::connect(socket, b"inproc://late").expect("connect");
        }
        send(push, b"one", true);
        send(push, b"part", false);
        send(push, b"unfinished", true);
        if closes {
            api::close(push).expect("close");
            api::close(idle).expect("close");
        } else {
            for socket in [push, idle] {
                assert_eq!(api::end_endpoint(socket, Some(b"inproc://late")), Ok(()));
            }
        }
        let pull = open(&context, c::ZMQ_PULL);
        api::bind(pull, b"inproc://late").expect("bind");
        assert_eq!(
            (receive(pull), receive(pull)),
            (b"one".to_vec(), b"part".to_vec())
        );
        let mut message = Message::new();
        let nothing = api::receive(pull, &mut Incoming::into_message(&mut message), true);
        assert_eq!(nothing, Err(Error::Again));
        api::close(pull).expect("close");
        if !closes {
            api::close(push).expect("close");
            api::close(idle).expect("close");
        }
    }
    // Nobody ever binds: the context ends all the same.
    let push = open(&context, c::ZMQ_PUSH);
    api::connect(push, b"inproc://never").expect("connect");
    send(push, b"lost", false);
    api::close(push).expect("close");
    assert_eq!(context.terminate(), Ok(()));
    assert!(context.names.give_up().is_empty());
}

#[test]
fn a_missing_thread_comes_between_the_scheme_and_the_address() {
    let context = Arc::new(Context::new());
    let pair = open(&context, c::ZMQ_PAIR);
    // No such thread.
    let mask = (1_u64 << 63).to_ne_bytes();
    api::set_option(pair, c::ZMQ_AFFINITY, Some(&mask), 8).expect("mask");
    for (endpoint, error) in [
        (&b"tcp://"[..], Error::Invalid),
        (b"nonsense://x", Error::ProtocolNotSupported),
        (b"tcp://nosuch0", Error::NoThread),
        (b"tcp://x$:y", Error::NoThread),
        (b"ipc://@", Error::NoThread),
    ] {
        assert_eq!(api::bind(pair, endpoint), Err(error));
        assert_eq!(api::connect(pair, endpoint), Err(error));
    }
    assert_eq!(api::bind(pair, b"inproc://x"), Ok(()));
    api::close(pair).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// A connection can be accepted while its context is on the way out: it must not outlive the context.
#[test]
fn nothing_accepted_outlives_the_context() {
    for _ in 0..100 {
        let context = Arc::new(Context::new());
        let pull = open(&context, c::ZMQ_PULL);
        api::bind(pull, b"tcp://127.0.0.1:*").expect("bind");
        let endpoint = String::from_utf8(last_endpoint(pull)).expect("text");
        let mut peer = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("connect");
        api::close(pull).expect("close");
        assert_eq!(context.terminate(), Ok(()));
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .expect("timeout");
        // The end or a reset, after whatever was sent of the greeting.
        match peer.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn push_and_pull_over_inproc() {
    exchange(b"inproc://a");
}

#[test]
fn push_and_pull_over_tcp() {
    exchange(b"tcp://127.0.0.1:*");
}

#[test]
fn push_and_pull_over_ipc() {
    exchange(b"ipc://*");
}

/// queues.md section 5: connect and bind make ZMQ_FD readable, whether it was asked for before or after,
/// and one look at ZMQ_EVENTS takes that back.
#[test]
fn endpoints_signal_the_descriptor() {
    let context = Arc::new(Context::new());
    for ask_first in [true, false] {
        for bind in [true, false] {
            let socket = open(&context, c::ZMQ_PULL);
            if ask_first {
                assert!(!is_signalled(socket));
            }
            if bind {
                api::bind(socket, b"tcp://127.0.0.1:*").expect("bind");
            } else {
                api::connect(socket, b"tcp://127.0.0.1:1").expect("connect");
            }
            assert!(is_signalled(socket), "first {ask_first}, bind {bind}");
            assert_eq!(api::events(socket), Ok(0));
            assert!(!is_signalled(socket), "first {ask_first}, bind {bind}");
            api::close(socket).expect("close");
        }
    }
    assert_eq!(context.terminate(), Ok(()));
}

fn is_signalled(socket: &'static SocketCell) -> bool {
    let mut value = [0; 4];
    api::get_option(socket, c::ZMQ_FD, &mut value).expect("descriptor");
    let mut items = [poll::PollItem {
        target: poll::Target::Descriptor(i32::from_ne_bytes(value)),
        events: c::ZMQ_POLLIN,
        revents: 0,
    }];
    poll::poll(&mut items, Some(Duration::ZERO), None).expect("poll") > 0
}

/// A reader that lets the high-water marks fill up, on both sides and in the kernel, and then catches up.
fn overtake(endpoint: &[u8]) {
    const COUNT: u32 = 20_000;
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    api::bind(pull, endpoint).expect("bind");
    let push = open(&context, c::ZMQ_PUSH);
    api::connect(push, &last_endpoint(pull)).expect("connect");
    let mut sent = 0_u32;
    let mut received = 0_u32;
    while received < COUNT {
        // Until there is no room left at the moment.
        while sent < COUNT && api::send_bytes(push, &sent.to_be_bytes(), false, true).is_ok() {
            sent += 1;
        }
        let batch = received + 700;
        while received < batch.min(sent) {
            assert_eq!(receive(pull), received.to_be_bytes());
            received += 1;
        }
    }
    api::close(push).expect("close");
    api::close(pull).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

#[test]
fn full_pipes_go_on_over_inproc() {
    overtake(b"inproc://a");
}

#[test]
fn full_pipes_go_on_over_tcp() {
    overtake(b"tcp://127.0.0.1:*");
}

#[test]
fn full_pipes_go_on_over_ipc() {
    overtake(b"ipc://*");
}

/// A panic in one call: the socket refuses every other call, whoever waits for it learns of it, and closing
/// it lets the context end.
#[test]
fn a_broken_socket_can_only_be_closed() {
    let context = Arc::new(Context::new());
    let pull = open(&context, c::ZMQ_PULL);
    api::set_option(pull, c::ZMQ_RCVTIMEO, Some(&(-1_i32).to_ne_bytes()), 4).expect("timeout");
    api::bind(pull, b"inproc://broken").expect("bind");
    let waiting = std::thread::spawn(move || {
        let mut message = Message::new();
        api::receive(pull, &mut Incoming::into_message(&mut message), false)
    });
    let mailbox = poll::Watched::new(pull).mailbox().expect("a socket");
    while !mailbox.has_audience() {
        std::thread::yield_now();
    }
    let breaking = std::thread::spawn(move || {
        let _inside = api::enter(pull);
        panic!("on purpose");
    });
    assert!(breaking.join().is_err());
    assert_eq!(waiting.join().expect("thread"), Err(Error::Broken));
    assert_eq!(api::events(pull), Err(Error::Broken));
    assert_eq!(api::close(pull), Ok(()));
    assert_eq!(api::close(pull), Err(Error::NotSocket));
    assert_eq!(context.terminate(), Ok(()));
}

/// A socket that somebody waits for is closed, and another one gets its place.
#[test]
fn who_waits_for_a_socket_does_not_get_the_next_one() {
    let context = Arc::new(Context::new());
    // Other tests take places as well.
    for _ in 0..100 {
        let closed = open(&context, c::ZMQ_PUB);
        let watched = poll::Watched::new(closed);
        assert_eq!(watched.events(), Ok(c::ZMQ_POLLOUT));
        api::close(closed).expect("close");
        assert_eq!(watched.events(), Err(Error::NotSocket));
        for _ in 0..3000 {
            let next = open(&context, c::ZMQ_PUB);
            let same_place = std::ptr::eq(next, closed);
            if same_place {
                assert_eq!(api::events(next), Ok(c::ZMQ_POLLOUT));
                assert_eq!(watched.events(), Err(Error::NotSocket));
                let mut items = [poll::PollItem {
                    target: poll::Target::Socket(watched),
                    events: c::ZMQ_POLLOUT,
                    revents: 0,
                }];
                let polled = poll::poll(&mut items, None, None);
                assert_eq!(polled, Err(Error::NotSocket));
            }
            api::close(next).expect("close");
            if same_place {
                assert_eq!(context.terminate(), Ok(()));
                return;
            }
        }
    }
    panic!("the place was not used again");
}

/// What was sent before a high-water mark was lowered counts no longer once it is on its way, and raising one
/// lets a sender go on that waits.
fn change_limits(endpoint: &[u8]) {
    let context = Arc::new(Context::new());
    let (pull, push) = (open(&context, c::ZMQ_PULL), open(&context, c::ZMQ_PUSH));
    let set = |limit: i32| {
        let limit = limit.to_ne_bytes();
        api::set_option(push, c::ZMQ_SNDHWM, Some(&limit), 4).expect("limit");
    };
    let mut numbers = 0_u32..;
    let mut expected = 0_u32..;
    set(100);
    api::bind(pull, endpoint).expect("bind");
    api::connect(push, &last_endpoint(pull)).expect("connect");
    for (limit, count) in [(100, 30), (1, 50), (10, 50), (3, 50), (0, 50), (2, 50)] {
        set(limit);
        for number in numbers.by_ref().take(count) {
            send(push, &number.to_be_bytes(), false);
        }
        for number in expected.by_ref().take(count) {
            assert_eq!(receive(pull), number.to_be_bytes());
        }
    }
    api::close(push).expect("close");
    api::close(pull).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

#[test]
fn limits_change_over_tcp() {
    change_limits(b"tcp://127.0.0.1:*");
}

#[test]
fn limits_change_over_ipc() {
    change_limits(b"ipc://*");
}

/// Opens a consumer of a monitor of version 2.
fn monitored(
    context: &Arc<Context>,
    socket: &'static SocketCell,
    events: i32,
) -> &'static SocketCell {
    let name = b"inproc://monitor";
    let events = u64::from(events.unsigned_abs());
    api::monitor(socket, Some(name), events, 2, c::ZMQ_PAIR).expect("monitor");
    let consumer = open(context, c::ZMQ_PAIR);
    api::connect(consumer, name).expect("connect");
    consumer
}

/// Event, values and endpoints of the next event.
fn next_event(consumer: &'static SocketCell) -> (u64, Vec<u64>, [String; 2]) {
    let number = || {
        let bytes = receive(consumer).try_into().expect("eight bytes");
        u64::from_ne_bytes(bytes)
    };
    let text = || String::from_utf8(receive(consumer)).expect("text");
    let event = number();
    let values = (0..number()).map(|_| number()).collect();
    (event, values, [text(), text()])
}

/// Who is told of a lost peer finds it gone.
#[test]
fn the_pipe_has_ended_when_its_event_comes() {
    for _ in 0..100 {
        let context = Arc::new(Context::new());
        let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
        let events = c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED | c::ZMQ_EVENT_DISCONNECTED;
        let consumer = monitored(&context, push, events);
        api::bind(push, b"tcp://127.0.0.1:*").expect("bind");
        api::connect(pull, &last_endpoint(push)).expect("connect");
        next_event(consumer);
        assert_eq!(api::events(push), Ok(c::ZMQ_POLLOUT));
        api::close(pull).expect("close");
        next_event(consumer);
        assert_eq!(api::events(push), Ok(0));
        api::close(push).expect("close");
        api::close(consumer).expect("close");
        assert_eq!(context.terminate(), Ok(()));
    }
}

#[test]
fn pipes_are_reported_on_request() {
    let context = Arc::new(Context::new());
    let (push, pull) = (open(&context, c::ZMQ_PUSH), open(&context, c::ZMQ_PULL));
    assert_eq!(api::report_pipes(pull), Err(Error::Invalid));
    let of_pull = monitored(&context, pull, c::ZMQ_EVENT_PIPES_STATS);
    assert_eq!(api::report_pipes(pull), Err(Error::Again));
    let stats = u64::from(c::ZMQ_EVENT_PIPES_STATS.unsigned_abs());
    let mut endpoints = Vec::new();
    for endpoint in [&b"tcp://127.0.0.1:*"[..], b"inproc://reported"] {
        api::bind(pull, endpoint).expect("bind");
        let endpoint = last_endpoint(pull);
        api::connect(push, &endpoint).expect("connect");
        endpoints.push(String::from_utf8(endpoint).expect("text"));
    }
    // One to each: over tcp first, which was connected first.
    send(push, b"", false);
    send(push, b"", false);
    let mut reported = Vec::new();
    while reported.len() < 2 {
        assert!(api::events(pull).is_ok());
        let asked = api::report_pipes(pull);
        if asked == Err(Error::Again) {
            std::thread::yield_now();
            continue;
        }
        assert_eq!(asked, Ok(()));
        // The pipe over inproc is there as soon as the pull socket looks; that over tcp when it arrives.
        let pipes = pull_pipes(pull);
        reported = (0..pipes).map(|_| next_event(of_pull)).collect();
        reported.retain(|(_, values, _)| values[1] == 1);
    }
    reported.sort();
    for (event, values, _) in &reported {
        assert_eq!((*event, &values[..]), (stats, &[0, 1][..]));
    }
    assert_eq!(reported[0].2, [String::new(), String::new()]);
    assert_eq!(reported[1].2[0], endpoints[0]);
    assert!(reported[1].2[1].starts_with("tcp://127.0.0.1:"));
    // The other side; the connection has sent its message, and nobody has reported that it was read.
    api::monitor(pull, None, 0, 1, c::ZMQ_PAIR).expect("stop");
    assert_eq!(api::report_pipes(pull), Err(Error::Invalid));
    let of_push = monitored(&context, push, c::ZMQ_EVENT_PIPES_STATS);
    assert_eq!(api::report_pipes(push), Ok(()));
    let mut reported = [next_event(of_push), next_event(of_push)];
    reported.sort();
    for (_, values, _) in &reported {
        assert_eq!(values, &[1, 0]);
    }
    assert_eq!(reported[0].2, [String::new(), endpoints[1].clone()]);
    assert_eq!(reported[1].2[1], endpoints[0]);
    for socket in [push, pull, of_push, of_pull] {
        api::close(socket).expect("close");
    }
    assert_eq!(context.terminate(), Ok(()));
}

/// How many pipes a socket has.
fn pull_pipes(pull: &'static SocketCell) -> usize {
    api::enter(pull).expect("socket").pipes.keys().len()
}

/// With IMMEDIATE a connection may offer its pipe just when zmq_disconnect has left it: nothing that is sent
/// from then on may go there.
#[test]
fn a_pipe_that_comes_after_its_disconnect_is_not_taken_in() {
    let context = Arc::new(Context::new());
    let socket = open(&context, c::ZMQ_PUSH);
    for connects in [true, false] {
        let (end, mut far) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        let inside = api::enter(socket).expect("socket");
        let thread = Arc::clone(&inside.context.threads(0).expect("threads")[0]);
        let late = Attachment {
            end,
            origin: Origin::default(),
            connection: Some(ConnectionHandle::of_nobody(&thread)),
            connects,
            hello: None,
        };
        let pushed = inside.mailbox.push(SocketCommand::Attach(Box::new(late)));
        assert!(pushed.is_ok());
        drop(inside);
        let sent = api::send_bytes(socket, b"x", false, true);
        assert_eq!(sent, if connects { Err(Error::Again) } else { Ok(()) });
        assert_eq!(far.is_inbound_ended(), connects);
        assert_eq!(far.is_drained(), connects, "something was sent");
    }
    api::close(socket).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// A connection that waits for a restart marker sends nothing before it: without memory the marker comes later.
#[test]
fn a_restart_is_made_up_for() {
    let context = Arc::new(Context::new());
    let socket = open(&context, c::ZMQ_SUB);
    let (end, mut connection) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
    let mut inside = api::enter(socket).expect("socket");
    inside.attach(Attachment::inproc(end, None));
    connection.announce_restart();
    NO_MEMORY.set(true);
    inside.process_mail();
    assert_eq!(connection.head(), Head::Empty);
    NO_MEMORY.set(false);
    inside.process_mail();
    assert_eq!(connection.head(), Head::Special);
    assert!(matches!(connection.take_special(), Some(Special::Restart)));
    assert!(!inside.mailbox.has_mail());
    drop(inside);
    api::close(socket).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}

/// However often a connection is lost while the socket is not entered, it is asked to begin anew once.
#[test]
fn restarts_do_not_pile_up() {
    let context = Arc::new(Context::new());
    let socket = open(&context, c::ZMQ_SUB);
    let interval = 1_i32.to_ne_bytes();
    api::set_option(socket, c::ZMQ_RECONNECT_IVL, Some(&interval), 4).expect("option");
    let peer = TcpListener::bind("127.0.0.1:0").expect("bind");
    let endpoint = format!("tcp://{}", peer.local_addr().expect("an address"));
    api::connect(socket, endpoint.as_bytes()).expect("connect");
    for _ in 0..20 {
        let (mut stream, _) = peer.accept().expect("accept");
        stream
            .write_all(&crate::io::tests::opening(b"PUB"))
            .expect("write");
        // To the end of its READY.
        let mut bytes = [0; 64 + 2 + b"\x05READY\x0BSocket-Type\0\0\0\x03SUB".len()];
        stream.read_exact(&mut bytes).expect("a handshake");
    }
    // It has noticed the last loss.
    drop(peer.accept().expect("accept"));
    let inside = api::enter(socket).expect("socket");
    let restarts = inside
        .mailbox
        .drain()
        .filter(|command| matches!(command, SocketCommand::Pipe(_, Notice::Restarted)))
        .count();
    assert_eq!(restarts, 1);
    drop(inside);
    api::close(socket).expect("close");
    assert_eq!(context.terminate(), Ok(()));
}
