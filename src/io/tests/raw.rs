//! Connections of plain bytes. Contract: patterns.md section 9, zmtp.md section 9.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::{Monitored, UP, listener, read_to_end, receive};
use crate::error::Error;
use crate::ffi::constants as c;
use crate::socket::api;

/// One pair; the id has to be the same as in the pair before.
fn bytes_of(monitored: &Monitored, id: &mut Vec<u8>) -> Vec<u8> {
    let from = receive(monitored.socket).expect("an id");
    assert!(id.is_empty() || *id == from);
    *id = from;
    receive(monitored.socket).expect("bytes")
}

fn send(monitored: &Monitored, id: &[u8], bytes: &[u8]) {
    for (frame, more) in [(id, true), (bytes, false)] {
        let sent = api::send_bytes(monitored.socket, frame, more, false);
        assert_eq!(sent, Ok(()));
    }
}

#[test]
fn no_event_tells_of_a_handshake() {
    let monitored = Monitored::open(c::ZMQ_STREAM);
    let peer = monitored.bind_and_connect();
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
    let mut id = Vec::new();
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    drop(peer);
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);
    monitored.expect_no_more();
}

/// A peer that comes and goes while nobody reads fills the pipe up to its mark and one message, and waits then.
#[test]
fn notices_need_room() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_STREAM);
    monitored.set(c::ZMQ_RCVHWM, 4);
    monitored.connect_to(&peer);
    for _ in 0..3 {
        drop(peer.accept().expect("accept"));
    }
    // The third one was not announced: that it has gone is not seen.
    for _ in 0..2 {
        monitored.skip(&UP);
        monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED, c::ZMQ_EVENT_CONNECT_RETRIED]);
    }
    monitored.skip(&UP);
    monitored.expect_no_more();
    let mut id = Vec::new();
    for _ in 0..6 {
        assert_eq!(bytes_of(&monitored, &mut id), b"");
    }
    let (mut stream, _) = peer.accept().expect("accept");
    stream.write_all(b"m").expect("write");
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    assert_eq!(bytes_of(&monitored, &mut id), b"m");
}

/// What is queued when the stream is lost goes out on the next one, as a whole or not at all.
#[test]
fn a_message_that_was_cut_is_not_resumed() {
    const SIZE: usize = 64 << 20;
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_STREAM);
    monitored.connect_to(&peer);
    let (mut stream, _) = peer.accept().expect("accept");
    let mut id = Vec::new();
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    send(&monitored, &id, &vec![1; SIZE]);
    send(&monitored, &id, b"next");
    // More than the kernel holds: the rest is with the connection.
    stream.read_exact(&mut [0; 1]).expect("read");
    drop(stream);
    let (mut stream, _) = peer.accept().expect("accept");
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).expect("read");
    assert_eq!(&bytes, b"next");
}

/// The end of a connection that the socket closed waits for what was queued, but no longer than for the stream.
#[test]
fn closed_connections_do_not_come_back() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_STREAM);
    monitored.connect_to(&peer);
    let (stream, _) = peer.accept().expect("accept");
    let mut id = Vec::new();
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    send(&monitored, &id, &vec![1; 64 << 20]);
    send(&monitored, &id, b"");
    drop(stream);
    // Neither a notice nor an attempt, each of which would come after a millisecond.
    monitored.set(c::ZMQ_RCVTIMEO, 50);
    assert_eq!(receive(monitored.socket), None);
    peer.set_nonblocking(true).expect("option");
    assert!(peer.accept().is_err());
}

/// Before there was a stream there is nothing to wait for.
#[test]
fn closed_before_the_connection_is_up() {
    let address = listener().local_addr().expect("address");
    let monitored = Monitored::open(c::ZMQ_STREAM);
    monitored.set(c::ZMQ_LINGER, -1);
    api::set_option(monitored.socket, c::ZMQ_CONNECT_ROUTING_ID, Some(b"x"), 1).expect("option");
    api::connect(monitored.socket, format!("tcp://{address}").as_bytes()).expect("connect");
    send(&monitored, b"x", b"lost");
    send(&monitored, b"x", b"");
    // Dropping it ends the context: without an end of the connection that would wait for ever.
}

#[test]
fn messages_of_the_size_that_is_set() {
    for size in [1, 100, 70_000] {
        let monitored = Monitored::open(c::ZMQ_STREAM);
        monitored.set(c::ZMQ_IN_BATCH_SIZE, size);
        let mut peer = monitored.bind_and_connect();
        let sent: Vec<u8> = (0..2 * size + 1).map(|at| at as u8).collect();
        let mut id = Vec::new();
        assert_eq!(bytes_of(&monitored, &mut id), b"");
        peer.write_all(&sent).expect("write");
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let bytes = bytes_of(&monitored, &mut id);
            assert!((1..=size).contains(&i32::try_from(bytes.len()).expect("short")));
            received.extend(bytes);
        }
        assert_eq!(received, sent);
    }
}

/// ZMQ_OUT_BATCH_SIZE: no write is larger, whatever it is made of.
#[test]
fn bytes_arrive_whatever_the_size_of_writes() {
    for size in [1, 7, 300] {
        let monitored = Monitored::open(c::ZMQ_STREAM);
        monitored.set(c::ZMQ_OUT_BATCH_SIZE, size);
        let mut peer = monitored.bind_and_connect();
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .expect("timeout");
        let mut id = Vec::new();
        assert_eq!(bytes_of(&monitored, &mut id), b"");
        let mut sent = Vec::new();
        for length in [1, 2, 7, 8, 40, 1024, 1025, 5000] {
            let bytes = vec![length as u8; length];
            send(&monitored, &id, &bytes);
            sent.extend(bytes);
        }
        send(&monitored, &id, b"");
        assert_eq!(read_to_end(&mut peer), sent);
    }
}

/// A peer that is reset while both directions are full: who waits for room to send to it hears of the end, although
/// nothing is read.
#[test]
fn a_sender_that_waits_hears_of_the_end() {
    let monitored = Monitored::open(c::ZMQ_STREAM);
    monitored.set(c::ZMQ_RCVHWM, 1);
    monitored.set(c::ZMQ_SNDHWM, 1);
    let mut peer = monitored.bind_and_connect();
    let mut id = Vec::new();
    assert_eq!(bytes_of(&monitored, &mut id), b"");
    peer.write_all(&[1; 100_000]).expect("write");
    let large = vec![2; 16 << 20];
    // In the hands of the kernel and the connection, and in the pipe: the next one waits.
    send(&monitored, &id, &large);
    send(&monitored, &id, &large);
    let sender = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            loop {
                if let Err(error) = api::send_bytes(monitored.socket, &id, true, false) {
                    return error;
                }
                // The end may be noticed in between: these bytes go nowhere.
                let _ = api::send_bytes(monitored.socket, &large, false, false);
            }
        });
        // Unread bytes make it a reset.
        drop(peer);
        sender.join().expect("thread")
    });
    assert_eq!(sender, Error::HostUnreachable);
}
