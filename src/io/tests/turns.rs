//! Turns: what one connection has to do does not keep the others waiting.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{Monitored, opening, receive};
use crate::ffi::constants as c;
use crate::io::turn::Turn;
use crate::socket::api;

/// What a monitor tells of a peer that came and went.
const A_VISIT: [i32; 3] = [
    c::ZMQ_EVENT_ACCEPTED,
    c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED,
    c::ZMQ_EVENT_DISCONNECTED,
];

/// Turns end in the middle of what was read, and the next goes on there.
#[test]
fn everything_of_a_long_read_arrives_in_order() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVHWM, 0);
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"PUSH")).expect("write");
    let mut whole = Vec::new();
    let count = u16::try_from(Turn::ALONE.steps * 5 / 2).expect("a small number");
    for number in 0..count {
        whole.extend_from_slice(b"\x04\x07\x04PING\0\0");
        whole.extend_from_slice(&[0, 2]);
        whole.extend_from_slice(&number.to_be_bytes());
    }
    peer.write_all(&whole).expect("write");
    for number in 0..count {
        assert_eq!(receive(monitored.socket), Some(number.to_be_bytes().into()));
    }
    // Every PING has its PONG.
    let mut answers = vec![0; 64 + 28 + usize::from(count) * 7];
    peer.read_exact(&mut answers).expect("PONGs");
    assert!(answers.ends_with(b"\x04\x05\x04PONG"));
    // The end behind all that is seen.
    peer.write_all(b"\0\x01x").expect("write");
    drop(peer);
    assert_eq!(receive(monitored.socket), Some(b"x".into()));
    monitored.skip(&A_VISIT);
}

/// With ZMQ_MAXMSGSIZE a message has an end, too; what is complete counts no more.
#[test]
fn a_message_without_an_end_is_an_error() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    let limit = 1000_i64.to_ne_bytes();
    api::set_option(monitored.socket, c::ZMQ_MAXMSGSIZE, Some(&limit), 8).expect("option");
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"PUSH")).expect("write");
    let mut frame = [b"\x03".as_slice(), &[0; 8], &[7; 1000]].concat();
    frame[7..9].copy_from_slice(&1000_u16.to_be_bytes());
    let part = frame.repeat(1000);
    let socket = monitored.socket;
    for _ in 0..3 {
        for _ in 0..10 {
            peer.write_all(&part).expect("write");
        }
        peer.write_all(b"\0\x01.").expect("write");
        for _ in 0..10_000 {
            assert_eq!(receive(socket).map(|frame| frame.len()), Some(1000));
        }
        assert_eq!(receive(socket), Some(b".".into()));
    }
    // Somewhere on the way the connection ends.
    let sent = (0..100).try_for_each(|_| peer.write_all(&part));
    assert!(sent.is_err());
    monitored.skip(&A_VISIT);
}

/// Subscriptions within a message that does not end are nothing to wait for.
#[test]
fn subscriptions_within_a_message_have_an_end() {
    let monitored = Monitored::open(c::ZMQ_XPUB);
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"SUB")).expect("write");
    peer.write_all(b"\x01\x01x").expect("write");
    let mut subscribe = [b"\x06".as_slice(), &[0; 8], b"\x09SUBSCRIBE", &[7; 1000]].concat();
    subscribe[7..9].copy_from_slice(&1010_u16.to_be_bytes());
    let part = subscribe.repeat(1000);
    let sent = (0..100).try_for_each(|_| peer.write_all(&part));
    assert!(sent.is_err());
    monitored.skip(&A_VISIT);
}

/// Peers that come and go are not accepted without end while nobody reads.
#[test]
fn whoever_comes_waits_while_much_is_left_unread() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    api::bind(monitored.socket, b"tcp://127.0.0.1:*").expect("bind");
    monitored.skip(&[c::ZMQ_EVENT_LISTENING]);
    let address = monitored.address();
    let visit = [opening(b"PUSH"), b"\0\x01x".into()].concat();
    let come = || {
        let mut peer = TcpStream::connect(&address).expect("connect");
        peer.write_all(&visit).expect("write");
        peer
    };
    // A pipe and a message weigh 11 of 1000.
    let visits = 91;
    for _ in 0..visits {
        come().shutdown(Shutdown::Write).expect("shutdown");
        monitored.skip(&A_VISIT);
    }
    let late = come();
    monitored.expect_silence(150);
    for _ in 0..visits + 1 {
        assert_eq!(receive(monitored.socket), Some(b"x".into()));
    }
    monitored.skip(&A_VISIT[..2]);
    drop(late);
}
