//! Application threads that read a connection's stream themselves while they wait: whatever happens to the connection
//! meanwhile, it is as if the I/O thread had read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Monitored, address_of, listener, opening, receive};
use crate::clock;
use crate::error::Error;
use crate::ffi::constants as c;
use crate::io::direct;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::poller::Poller;
use crate::socket::api::{self, SocketCell};
use crate::socket::poll::{self, PollItem, Target, Watched};

const PATIENCE: Duration = Duration::from_secs(20);
const PING: &[u8] = b"\x04\x0a\x04PING\0\0abc";
const PONG: &[u8] = b"\x04\x08\x04PONGabc";

/// A thread that waits in a receive call, and has borrowed what it waits for, if threads borrow at all.
fn waiting(socket: &'static SocketCell) -> JoinHandle<Result<Vec<u8>, Error>> {
    let thread = thread::spawn(move || {
        let mut message = Message::new();
        api::receive(socket, &mut Incoming::into_message(&mut message), false)?;
        Ok(message.bytes().to_vec())
    });
    if direct::is_enabled() {
        wait_until_lent(socket);
    }
    thread
}

/// Nearly always it comes at once. A thread that found the connection in the middle of something sleeps without it.
fn wait_until_lent(socket: &'static SocketCell) -> bool {
    let until = clock::now() + Duration::from_millis(100);
    while clock::now() < until {
        if api::is_any_lent(socket) {
            return true;
        }
        thread::yield_now();
    }
    false
}

fn skip_until(monitored: &Monitored, event: i32) {
    while monitored.next().expect("an event").0 != event {}
}

/// A PULL with a peer that has shaken hands, and has read all that that says.
fn pull_and_peer() -> (Monitored, TcpStream) {
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVTIMEO, -1);
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"PUSH")).expect("write");
    peer.read_exact(&mut [0; 64 + 28]).expect("its opening");
    skip_until(&monitored, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    (monitored, peer)
}

fn long_frame(length: usize) -> Vec<u8> {
    let mut frame = vec![2];
    frame.extend_from_slice(&(length as u64).to_be_bytes());
    frame.resize(9 + length, b'l');
    frame
}

#[test]
fn what_comes_while_a_thread_waits_is_whole() {
    if !direct::is_enabled() {
        return;
    }
    let (monitored, mut peer) = pull_and_peer();
    // In pieces, in the middle of headers and bodies.
    for cuts in [vec![1, 2, 3], vec![5], vec![9, 600]] {
        let frame = long_frame(1000);
        let thread = waiting(monitored.socket);
        let mut from = 0;
        for cut in cuts.into_iter().chain([frame.len()]) {
            peer.write_all(&frame[from..cut]).expect("write");
            from = cut;
            if cut < frame.len() {
                wait_until_lent(monitored.socket);
            }
        }
        let got = thread.join().expect("thread").expect("a message");
        assert_eq!(got, vec![b'l'; 1000]);
    }
    // More than a turn, and more than one message.
    let thread = waiting(monitored.socket);
    let both = [long_frame(3_000_000), b"\0\x01x".to_vec()].concat();
    let writer = thread::spawn(move || {
        peer.write_all(&both).expect("write");
        peer
    });
    let got = thread.join().expect("thread").expect("a message");
    assert_eq!(got.len(), 3_000_000);
    assert_eq!(receive(monitored.socket), Some(b"x".to_vec()));
    drop(writer.join());
}

#[test]
fn pings_are_answered_while_a_thread_waits() {
    if !direct::is_enabled() {
        return;
    }
    let (monitored, mut peer) = pull_and_peer();
    let thread = waiting(monitored.socket);
    for _ in 0..100 {
        peer.write_all(PING).expect("write");
        let mut answer = [0; PONG.len()];
        peer.read_exact(&mut answer).expect("PONG");
        assert_eq!(answer, *PONG);
    }
    // A PING and a message at once.
    peer.write_all(&[PING, b"\0\x01x".as_slice()].concat())
        .expect("write");
    assert_eq!(thread.join().expect("thread"), Ok(b"x".to_vec()));
    peer.read_exact(&mut [0; PONG.len()]).expect("PONG");
}

/// The deadline that a PING sets is the home thread's business.
#[test]
fn a_peer_that_falls_silent_is_noticed_while_a_thread_waits() {
    let (monitored, mut peer) = pull_and_peer();
    let thread = waiting(monitored.socket);
    // 200 ms to live.
    peer.write_all(b"\x04\x07\x04PING\0\x02").expect("write");
    skip_until(&monitored, c::ZMQ_EVENT_DISCONNECTED);
    api::close(monitored.socket).expect("close");
    assert_eq!(thread.join().expect("thread"), Err(Error::NotSocket));
}

#[test]
fn the_end_of_the_peer_is_seen_while_a_thread_waits() {
    for ending in [b"".as_slice(), b"\0\x05half", b"\xff"] {
        let (monitored, mut peer) = pull_and_peer();
        let thread = waiting(monitored.socket);
        peer.write_all(ending).expect("write");
        drop(peer);
        skip_until(&monitored, c::ZMQ_EVENT_DISCONNECTED);
        // Somebody else comes, and is heard.
        let mut other = TcpStream::connect(monitored.address()).expect("connect");
        other.write_all(&opening(b"PUSH")).expect("write");
        other.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), Ok(b"x".to_vec()));
    }
}

#[test]
fn what_is_borrowed_ends_with_its_socket_and_its_endpoint() {
    // zmq_close.
    let (monitored, mut peer) = pull_and_peer();
    let thread = waiting(monitored.socket);
    api::close(monitored.socket).expect("close");
    assert_eq!(thread.join().expect("thread"), Err(Error::NotSocket));
    assert_eq!(peer.read(&mut [0; 10]).ok(), Some(0));
    // zmq_unbind.
    let (monitored, mut peer) = pull_and_peer();
    let thread = waiting(monitored.socket);
    let endpoint = format!("tcp://{}", monitored.address());
    api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())).expect("unbind");
    assert_eq!(peer.read(&mut [0; 10]).ok(), Some(0));
    api::close(monitored.socket).expect("close");
    assert_eq!(thread.join().expect("thread"), Err(Error::NotSocket));
    // zmq_disconnect.
    let bound = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVTIMEO, -1);
    monitored.connect_to(&bound);
    let (mut peer, _) = bound.accept().expect("accept");
    peer.write_all(&opening(b"PUSH")).expect("write");
    peer.read_exact(&mut [0; 64 + 28]).expect("its opening");
    skip_until(&monitored, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    let thread = waiting(monitored.socket);
    let endpoint = format!("tcp://{}", monitored.address());
    api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())).expect("disconnect");
    assert_eq!(peer.read(&mut [0; 10]).ok(), Some(0));
    api::close(monitored.socket).expect("close");
    assert_eq!(thread.join().expect("thread"), Err(Error::NotSocket));
}

/// A connection that is made anew is borrowed anew.
#[test]
fn a_lost_connection_comes_back_while_a_thread_waits() {
    let bound = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVTIMEO, -1);
    monitored.connect_to(&bound);
    let mut thread = None;
    for _ in 0..5 {
        let (mut peer, _) = bound.accept().expect("accept");
        peer.write_all(&opening(b"PUSH")).expect("write");
        skip_until(&monitored, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        thread = thread.or_else(|| Some(waiting(monitored.socket)));
    }
    let (mut peer, _) = bound.accept().expect("accept");
    peer.write_all(&opening(b"PUSH")).expect("write");
    peer.write_all(b"\0\x01x").expect("write");
    let thread = thread.expect("a thread");
    assert_eq!(thread.join().expect("thread"), Ok(b"x".to_vec()));
}

#[test]
fn several_threads_that_wait_get_everything() {
    const MESSAGES: usize = 3000;
    let (monitored, mut peer) = pull_and_peer();
    monitored.set(c::ZMQ_RCVTIMEO, 2000);
    let socket = monitored.socket;
    let start = clock::now();
    let threads = [0; 3]
        .map(|_| thread::spawn(move || std::iter::from_fn(|| receive_once(socket, start)).count()));
    for number in 0..MESSAGES {
        peer.write_all(b"\0\x01x").expect("write");
        if number % 7 == 0 {
            thread::yield_now();
        }
    }
    for _ in 0..3 {
        peer.write_all(b"\0\x04last").expect("write");
    }
    let got: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("thread"))
        .sum();
    assert_eq!(got, MESSAGES);
}

fn receive_once(socket: &'static SocketCell, start: Instant) -> Option<()> {
    assert!(clock::now() < start + PATIENCE, "it does not come");
    let message = receive(socket).expect("a message");
    (message != b"last").then_some(())
}

#[test]
fn zmq_poll_sees_what_it_borrowed() {
    polling_sees_what_it_borrowed(|socket| {
        let mut items = [PollItem {
            target: Target::Socket(Watched::new(socket)),
            events: c::ZMQ_POLLIN,
            revents: 0,
        }];
        let ready = poll::poll(&mut items, None, None);
        (ready, items[0].revents)
    });
}

#[test]
fn a_poller_sees_what_it_borrowed() {
    let watch = |socket| {
        let poller = Poller::new().expect("a poller");
        poller.add_socket(socket, (), c::ZMQ_POLLIN).expect("add");
        poller
    };
    let wait = |poller: &Poller<()>| {
        let mut events = 0;
        let ready = poller.wait(1, None, &mut |_, found| events = found.events);
        (ready, events)
    };
    polling_sees_what_it_borrowed(move |socket| wait(&watch(socket)));
    // With a descriptor beside it.
    let (reader, _writer) = std::io::pipe().expect("pipe");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
    polling_sees_what_it_borrowed(move |socket| {
        let poller = watch(socket);
        poller.add_descriptor(fd, (), c::ZMQ_POLLIN).expect("add");
        wait(&poller)
    });
}

fn polling_sees_what_it_borrowed(
    wait: impl Fn(&'static SocketCell) -> (Result<usize, Error>, i32) + Copy + Send + 'static,
) {
    let (monitored, mut peer) = pull_and_peer();
    let socket = monitored.socket;
    let mut loans = 0;
    for round in 0..20 {
        let thread = thread::spawn(move || wait(socket));
        if direct::is_enabled() {
            loans += usize::from(wait_until_lent(socket));
        }
        if round % 2 == 0 {
            // Nothing to see yet.
            peer.write_all(PING).expect("write");
            peer.read_exact(&mut [0; PONG.len()]).expect("PONG");
        }
        peer.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), (Ok(1), c::ZMQ_POLLIN));
        assert_eq!(receive(socket), Some(b"x".to_vec()));
    }
    assert!(loans > 0 || !direct::is_enabled(), "never borrowed");
}

/// Who only receives waits for no answer, though what it reads by itself wakes its own socket.
#[test]
fn a_thread_that_reads_by_itself_has_sent_nothing() {
    let (monitored, mut peer) = pull_and_peer();
    for _ in 0..10 {
        let socket = monitored.socket;
        let thread = thread::spawn(move || {
            let mut message = Message::new();
            let received = api::receive(socket, &mut Incoming::into_message(&mut message), false);
            (received, direct::waits_for_answer())
        });
        if direct::is_enabled() {
            wait_until_lent(monitored.socket);
        }
        peer.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), (Ok(()), false));
    }
}

/// Subscribes by one connection of an I/O thread and sends by another: who then receives finds in force what it was told
/// before. `together`: topics in one write. `filler`: bytes that the subscriber is sent each time, before.
///
/// Not without direct reads: while the I/O thread writes to a stream, the kernel keeps back what comes by it, and may show
/// it what came later by another one first.
fn a_subscription_is_in_force(rounds: u32, together: u32, filler: usize) {
    if !direct::is_enabled() {
        return;
    }
    let publisher = Monitored::open(c::ZMQ_PUB);
    let mut subscriber = publisher.bind_and_connect();
    subscriber.write_all(&opening(b"SUB")).expect("write");
    subscriber
        .read_exact(&mut [0; 64 + 27])
        .expect("an opening");
    subscriber
        .set_read_timeout(Some(PATIENCE))
        .expect("timeout");
    // Or the kernel keeps a second small write back.
    subscriber.set_nodelay(true).expect("no delay");
    let pull = api::open(&publisher.context, c::ZMQ_PULL).expect("socket");
    let _closed_at_the_end = ClosedAtTheEnd(pull);
    api::bind(pull, b"tcp://127.0.0.1:*").expect("bind");
    let mut peer = TcpStream::connect(address_of(pull)).expect("connect");
    peer.set_nodelay(true).expect("no delay");
    peer.write_all(&opening(b"PUSH")).expect("write");
    peer.write_all(b"\0\x01x").expect("write");
    assert_eq!(receive(pull), Some(b"x".to_vec()));
    let subscribe = |topic: [u8; 4]| [b"\0\x05\x01".as_slice(), &topic].concat();
    subscriber.write_all(&subscribe(*b"fill")).expect("write");
    let long = [b"fill".as_slice(), &vec![0; filler]].concat();
    for round in 0..rounds {
        if filler > 0 {
            let sent = api::send_bytes(publisher.socket, &long, false, false);
            assert_eq!(sent, Ok(()));
        }
        let topics = (round * together..(round + 1) * together).map(u32::to_be_bytes);
        let last = topics.clone().next_back().expect("a topic");
        let thread = waiting(pull);
        let commands: Vec<_> = topics.flat_map(subscribe).collect();
        subscriber.write_all(&commands).expect("subscribe");
        peer.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), Ok(b"x".to_vec()));
        let sent = api::send_bytes(publisher.socket, &last, false, false);
        assert_eq!(sent, Ok(()));
        // The first filler may have come before its subscription.
        while next_frame(&mut subscriber) == long {}
    }
}

/// The body of the next frame. What does not come in time is an error.
fn next_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 2];
    stream.read_exact(&mut header).expect("a message");
    let mut length = usize::from(header[1]);
    if header[0] & 2 != 0 {
        let mut rest = [0; 7];
        stream.read_exact(&mut rest).expect("a header");
        length = rest
            .into_iter()
            .fold(length, |sum, byte| sum << 8 | usize::from(byte));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    body
}

#[test]
fn a_subscription_that_came_before_a_message_is_in_force_after_it() {
    a_subscription_is_in_force(2000, 1, 0);
}

#[test]
fn many_subscriptions_that_came_before_a_message_are_in_force_after_it() {
    a_subscription_is_in_force(500, 60, 0);
}

/// What is sent to a peer does not delay what it says.
#[test]
fn a_subscription_of_a_peer_that_much_is_sent_to_is_in_force_in_time() {
    a_subscription_is_in_force(500, 1, 40_000);
}

/// A home thread that sleeps keeps nobody waiting, however many objects it has.
#[test]
fn a_stream_beside_many_idle_ones_is_lent() {
    if !direct::is_enabled() {
        return;
    }
    let (monitored, mut peer) = pull_and_peer();
    let other = api::open(&monitored.context, c::ZMQ_PULL).expect("socket");
    let _closed_at_the_end = ClosedAtTheEnd(other);
    for _ in 0..20 {
        api::bind(other, b"tcp://127.0.0.1:*").expect("bind");
    }
    let until = clock::now() + PATIENCE;
    let mut was_lent = false;
    while !was_lent {
        assert!(clock::now() < until, "never lent");
        let socket = monitored.socket;
        let thread = thread::spawn(move || receive(socket));
        was_lent = wait_until_lent(socket);
        peer.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), Some(b"x".to_vec()));
    }
}

/// Its home thread reads it at less cost, and who waits is not kept from others; but not for ever.
#[test]
fn a_stream_that_brings_a_crowd_is_not_lent_for_a_while() {
    if !direct::is_enabled() {
        return;
    }
    let (monitored, mut peer) = pull_and_peer();
    // So that its home thread has something else to do.
    let other = api::open(&monitored.context, c::ZMQ_PULL).expect("socket");
    let _closed_at_the_end = ClosedAtTheEnd(other);
    api::bind(other, b"tcp://127.0.0.1:*").expect("bind");
    let is_lent_for_a_message = |peer: &mut TcpStream| {
        let socket = monitored.socket;
        let thread = thread::spawn(move || receive(socket));
        let was_lent = wait_until_lent(socket);
        peer.write_all(b"\0\x01x").expect("write");
        assert_eq!(thread.join().expect("thread"), Some(b"x".to_vec()));
        was_lent
    };
    let until = clock::now() + PATIENCE;
    while !is_lent_for_a_message(&mut peer) {
        assert!(clock::now() < until, "never lent");
    }
    peer.write_all(&PING.repeat(20)).expect("write");
    peer.read_exact(&mut [0; 20 * PONG.len()]).expect("PONGs");
    assert!(!is_lent_for_a_message(&mut peer));
    while !is_lent_for_a_message(&mut peer) {
        assert!(clock::now() < until, "never lent again");
    }
}

/// A socket of somebody else's context, which would wait for it when the test has failed.
struct ClosedAtTheEnd(&'static SocketCell);

impl Drop for ClosedAtTheEnd {
    fn drop(&mut self) {
        let _ = api::close(self.0);
    }
}

/// A send that stands alone is written by the caller; a burst is not, and arrives as well.
#[test]
fn alone_or_in_a_burst_everything_is_sent_in_order() {
    let monitored = Monitored::open(c::ZMQ_PUSH);
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"PULL")).expect("write");
    peer.read_exact(&mut [0; 64 + 28]).expect("its opening");
    let mut number = 0_u32;
    let mut send_and_read = |burst: u32| {
        direct::note_wait();
        for each in 0..burst {
            let bytes = (number + each).to_be_bytes();
            let sent = api::send_bytes(monitored.socket, &bytes, false, false);
            assert_eq!(sent, Ok(()));
        }
        for _ in 0..burst {
            let mut frame = [0; 6];
            peer.read_exact(&mut frame).expect("a frame");
            assert_eq!(frame[2..], number.to_be_bytes());
            number += 1;
        }
    };
    for burst in [1, 1, 2, 1000, 1, 50, 3] {
        send_and_read(burst);
    }
    // Not while the I/O thread is still busy with what was sent before.
    let until = clock::now() + PATIENCE;
    while direct::is_enabled() && direct::written_by_this_thread() == 0 {
        assert!(clock::now() < until, "never by the caller");
        send_and_read(1);
    }
}
