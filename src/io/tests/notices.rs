//! What connections say and deliver by themselves, against peers that are plain streams (contract: patterns.md
//! sections 6.4 and 16).

use super::*;

fn set_message(monitored: &Monitored, option: i32, message: &[u8]) {
    api::set_option(monitored.socket, option, Some(message), message.len()).expect("option");
}

/// As [`opening`], with a routing id of one byte.
fn opening_as(socket_type: &[u8], id: u8) -> Vec<u8> {
    let length = [socket_type.len() as u8];
    let properties = [
        b"\x05READY\x0BSocket-Type\0\0\0".as_slice(),
        &length,
        socket_type,
        b"\x08Identity\0\0\0\x01",
        &[id],
    ]
    .concat();
    [
        greeting(b"NULL"),
        vec![4, properties.len() as u8],
        properties,
    ]
    .concat()
}

fn receive_all(monitored: &Monitored, messages: &[&[&[u8]]]) {
    for message in messages {
        for frame in *message {
            assert_eq!(receive(monitored.socket).as_deref(), Some(*frame));
        }
    }
    monitored.set(c::ZMQ_RCVTIMEO, 30);
    assert_eq!(receive(monitored.socket), None);
}

/// Reads until what was read ends in `end`.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("timeout");
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("more bytes");
        bytes.extend_from_slice(&byte);
    }
    bytes
}

#[test]
fn a_loss_is_told_behind_the_last_whole_message_whatever_its_cause() {
    // An end of the stream, and the header of a frame above the limit.
    let ends: [(&[u8], bool); 2] = [(b"", true), (b"\x00\x3D", false)];
    for (end, is_closed) in ends {
        let monitored = Monitored::open(c::ZMQ_ROUTER);
        monitored.set(c::ZMQ_ROUTER_NOTIFY, 3);
        set_message(&monitored, c::ZMQ_DISCONNECT_MSG, b"gone");
        let limit = 60_i64.to_ne_bytes();
        api::set_option(monitored.socket, c::ZMQ_MAXMSGSIZE, Some(&limit), 8).expect("option");
        let mut stream = monitored.bind_and_connect();
        let handshake = opening_as(b"DEALER", b'x');
        let bytes = [&handshake, b"\x00\x01m\x01\x04half".as_slice(), end].concat();
        stream.write_all(&bytes).expect("write");
        let _open = (!is_closed).then_some(stream);
        let expected: &[&[&[u8]]] = &[&[b"x", b""], &[b"x", b"m"], &[b"x", b""], &[b"x", b"gone"]];
        receive_all(&monitored, expected);
    }
}

#[test]
fn a_connection_that_was_made_tells_of_hiccups_with_each_loss() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_DEALER);
    set_message(&monitored, c::ZMQ_HICCUP_MSG, b"lost");
    set_message(&monitored, c::ZMQ_DISCONNECT_MSG, b"not ours");
    monitored.connect_to(&peer);
    // Ends in its handshake: nothing to tell.
    drop(peer.accept().expect("accept"));
    for _ in 0..2 {
        let (mut stream, _) = peer.accept().expect("accept");
        let bytes = [opening(b"ROUTER"), b"\x00\x01m\x01\x04half".to_vec()].concat();
        stream.write_all(&bytes).expect("write");
    }
    receive_all(&monitored, &[&[b"m"], &[b"lost"], &[b"m"], &[b"lost"]]);
}

#[test]
fn hello_follows_the_handshake_and_precedes_what_was_queued() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_DEALER);
    set_message(&monitored, c::ZMQ_HELLO_MSG, b"hello");
    monitored.connect_to(&peer);
    api::send_bytes(monitored.socket, b"queued", false, false).expect("send");
    for queued in [b"\x00\x06queued".as_slice(), b""] {
        let (mut stream, _) = peer.accept().expect("accept");
        stream.write_all(&opening(b"ROUTER")).expect("write");
        let handshake = read_until(
            &mut stream,
            b"READY\x0BSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0",
        );
        assert_eq!(handshake[..64], greeting(b"NULL"));
        let mut first = vec![0; b"\x00\x05hello".len() + queued.len()];
        stream.read_exact(&mut first).expect("hello");
        assert_eq!(first, [b"\x00\x05hello", queued].concat());
    }
}

#[test]
fn req_peers_get_replies_only() {
    let monitored = Monitored::open(c::ZMQ_REP);
    set_message(&monitored, c::ZMQ_HELLO_MSG, b"hello");
    let mut stream = monitored.bind_and_connect();
    let request = b"\x01\x00\x00\x03ask";
    let bytes = [opening(b"REQ"), request.to_vec()].concat();
    stream.write_all(&bytes).expect("write");
    assert_eq!(receive(monitored.socket).as_deref(), Some(&b"ask"[..]));
    api::send_bytes(monitored.socket, b"answer", false, false).expect("send");
    read_until(&mut stream, b"READY\x0BSocket-Type\0\0\0\x03REP");
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).expect("reply");
    assert_eq!(&reply, b"\x01\x00\x00\x06answer");
}

/// Peers of ZMTP 2.0 do not say whether they are REQ: what may speak to one keeps its hello for itself.
#[test]
fn hello_to_old_peers() {
    const DEALER_OF_2_0: &[u8] = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x05\0\0";
    let monitored = Monitored::open(c::ZMQ_DEALER);
    set_message(&monitored, c::ZMQ_HELLO_MSG, b"hello");
    let mut stream = monitored.bind_and_connect();
    stream.write_all(DEALER_OF_2_0).expect("write");
    // Behind our routing id, which is empty.
    read_until(&mut stream, b"\x05\0\0\0\x05hello");

    let monitored = Monitored::open(c::ZMQ_ROUTER);
    set_message(&monitored, c::ZMQ_HELLO_MSG, b"hello");
    let mut stream = monitored.bind_and_connect();
    let bytes = [DEALER_OF_2_0, b"\x00\x01m"].concat();
    stream.write_all(&bytes).expect("write");
    let id = receive(monitored.socket).expect("an id");
    assert_eq!(receive(monitored.socket).as_deref(), Some(&b"m"[..]));
    api::send_bytes(monitored.socket, &id, true, false).expect("send");
    api::send_bytes(monitored.socket, b"back", false, false).expect("send");
    let seen = read_until(&mut stream, b"\x00\x04back");
    assert!(!seen.windows(5).any(|part| part == b"hello"));
}
