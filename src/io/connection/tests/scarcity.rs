//! A peer that sends what there is no memory for loses its connection, and nobody else anything.

use std::ops::RangeInclusive;

use super::*;
use crate::error::Error;
use crate::message::Message;
use crate::options::Bytes;
use crate::pipe::{Head, Incoming};
use crate::sys::scarcity::Scarcity;

/// The socket's side has no memory of these sizes for what its peer says: the connection ends.
fn ends_without(alone: &mut Alone, sizes: RangeInclusive<usize>, bytes: &[u8], what: &str) {
    let scarcity = Scarcity::of(sizes);
    alone.say(bytes);
    assert!(scarcity.refusals() > 0, "{what}: there was memory");
    drop(scarcity);
    assert_eq!(alone.outcome, Outcome::Gone, "{what}");
    let error = alone.peer.write(b"more").expect_err(what);
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{what}");
}

/// With its header.
fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    [&[flags | 2], &(body.len() as u64).to_be_bytes()[..], body].concat()
}

#[test]
fn a_body_without_memory_ends_its_connection() {
    const MEBIBYTE: usize = 1024 * 1024;
    for (length, sizes) in [
        // Copied out of the slab; begun in the slab; grown to its length.
        (5000, 5000..=6000),
        (200_000, 200_000..=300_000),
        (3 * MEBIBYTE, 2 * MEBIBYTE..=4 * MEBIBYTE),
    ] {
        let mut alone = Alone::open(|options| options.receive_hwm = 0);
        alone.say(&frame(0, b"whole"));
        let bytes = frame(0, &vec![7; length]);
        ends_without(&mut alone, sizes, &bytes, &format!("a body of {length}"));
        // What came before is delivered.
        let mut socket = alone.socket.take().expect("a socket");
        assert_eq!(socket.head(), Head::Frame);
        let mut message = Message::new();
        let read = socket.read(&mut Incoming::into_message(&mut message));
        assert_eq!(read, Some(Ok(())));
        assert_eq!(message.bytes(), b"whole");
    }
}

/// Small ones lie in the pipe itself, which grows with them.
#[test]
fn a_queue_without_memory_ends_its_connection() {
    let mut alone = Alone::open(|options| options.receive_hwm = 0);
    let bytes = frame(0, &[7; 50]).repeat(5000);
    ends_without(&mut alone, 1000..=100_000, &bytes, "a queue");
}

#[test]
fn a_topic_without_memory_ends_its_connection() {
    for length in [5000, 200_000] {
        let mut alone = Alone::start(c::ZMQ_XPUB, |_| ());
        alone.greet(b"SUB");
        let body = [b"\x09SUBSCRIBE".as_slice(), &vec![7; length]].concat();
        let sizes = length..=length + 1000;
        let what = format!("a topic of {length}");
        ends_without(&mut alone, sizes, &frame(4, &body), &what);
    }
}

/// READY with a property besides the type.
fn ready(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY\x0BSocket-Type\0\0\0\x06DEALER".to_vec();
    body.push(name.len() as u8);
    body.extend_from_slice(name);
    body.extend_from_slice(&(value.len() as u32).to_be_bytes());
    body.extend_from_slice(value);
    [&opening(b"DEALER")[..64], &frame(4, &body)].concat()
}

/// What a peer says of itself.
#[test]
fn properties_and_ids_without_memory_end_their_connection() {
    for (name, length, sizes) in [
        // As the command is collected, and with the copies of it.
        (b"X-long".as_slice(), 30_000, 30_000..=100_000),
        (b"X-long", 30_000, 30_000..=30_000),
        (b"Identity", 251, 251..=251),
    ] {
        let bytes = ready(name, &vec![7; length]);
        let mut alone = Alone::start(c::ZMQ_ROUTER, |_| ());
        ends_without(&mut alone, sizes, &bytes, &format!("{length} bytes"));
        let mut alone = Alone::start(c::ZMQ_ROUTER, |_| ());
        alone.say(&bytes);
        assert_eq!(alone.outcome, Outcome::Wait, "{length} bytes with memory");
    }
}

/// ZMQ_METADATA may be long, and each connection has a copy.
#[test]
fn a_connection_needs_memory_for_what_its_socket_says_of_itself() {
    const LENGTH: usize = 200_000;
    let bytes = |bytes: &[u8]| Bytes::copy(bytes).expect("memory");
    let options = SocketOptions {
        metadata: vec![(bytes(b"X-long"), bytes(&[7; LENGTH]))],
        ..SocketOptions::default()
    };
    let session = Session::alone(c::ZMQ_DEALER, options);
    let (near, mut peer) = UnixStream::pair().expect("a pair");
    let stream = Stream::from_socket(near.into());
    let now = Bench::new().now;
    let scarcity = Scarcity::of(LENGTH..=LENGTH);
    let connection = Connection::accepted(Arc::new(session), ObjectId::new(), stream, now);
    assert_eq!(connection.err(), Some(Error::NoMemory));
    assert_eq!(scarcity.refusals(), 1);
    assert_eq!(peer.read(&mut [0]).expect("the end"), 0);
}
