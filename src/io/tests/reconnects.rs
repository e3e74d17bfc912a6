//! Servers that shake hands and end the connection, again and again, while the owner of the socket does not come by.

use super::*;

/// A wait for somebody who should not come.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

/// Lets somebody come, shakes hands and ends the connection. False if nobody comes.
fn end_one(peer: &TcpListener, peer_type: &[u8], own_type: &[u8], patience: Duration) -> bool {
    let listener = socket2::SockRef::from(peer);
    listener
        .set_read_timeout(Some(patience))
        .expect("a timeout");
    let Ok((mut stream, _)) = peer.accept() else {
        return false;
    };
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    stream.write_all(&opening(peer_type)).expect("write");
    let mut read = Vec::new();
    let is_last = |bytes: &[u8]| bytes.windows(own_type.len()).any(|part| part == own_type);
    while !is_last(&read) {
        let mut bytes = [0; 100];
        match stream.read(&mut bytes).expect("a handshake") {
            0 => panic!("no handshake"),
            count => read.extend_from_slice(&bytes[..count]),
        }
    }
    true
}

/// As often as somebody comes, and no more than `most` times: how often.
fn end_all(peer: &TcpListener, peer_type: &[u8], own_type: &[u8], most: usize) -> usize {
    (0..most)
        .take_while(|_| end_one(peer, peer_type, own_type, SHORT))
        .count()
}

/// Word of losses needs no credit. When much of it is unread the connection stays away, and comes back when its
/// socket reads; nothing is lost.
#[test]
fn hiccups_are_bounded() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_DEALER);
    monitored.set(c::ZMQ_RCVHWM, 5);
    let hiccup = Some(b"lost".as_slice());
    api::set_option(monitored.socket, c::ZMQ_HICCUP_MSG, hiccup, 4).expect("option");
    monitored.connect_to(&peer);
    for _ in 0..3 {
        let ended = end_all(&peer, b"ROUTER", b"DEALER", 200);
        assert!((1..200).contains(&ended), "{ended} unread hiccups");
        for _ in 0..ended {
            assert_eq!(receive(monitored.socket).as_deref(), hiccup);
        }
    }
    assert!(end_one(&peer, b"ROUTER", b"DEALER", LONG));
}

/// With ZMQ_IMMEDIATE each stream has a pipe of its own, which stays until the socket takes it in.
#[test]
fn pipes_of_streams_that_ended_are_bounded() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_IMMEDIATE, 1);
    monitored.connect_to(&peer);
    for _ in 0..2 {
        let ended = end_all(&peer, b"PUSH", b"PULL", 400);
        assert!((1..400).contains(&ended), "{ended} pipes");
        monitored.set(c::ZMQ_RCVTIMEO, 0);
        assert_eq!(receive(monitored.socket), None);
    }
    assert!(end_one(&peer, b"PUSH", b"PULL", LONG));
}
