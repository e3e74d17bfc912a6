//! A socket that leaves a connection reads nothing more of it on its way, however it leaves.

use std::io::{Read, Write};
use std::net::TcpStream;

use socket2::SockRef;

use super::{Monitored, listener, opening};
use crate::ffi::constants as c;
use crate::socket::api;
use crate::transport::Stream;

/// More than one read, and less than three turns.
const MESSAGES: usize = 200;

/// A PULL whose queue holds one message; its connections take in some more and leave the rest to the kernel.
fn open() -> Monitored {
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVHWM, 1);
    monitored.set(c::ZMQ_RCVBUF, 1024 * 1024);
    monitored
}

/// Sends more than is read; all of it has arrived.
fn fill(mut peer: TcpStream) -> TcpStream {
    let sizes = SockRef::from(&peer);
    sizes.set_send_buffer_size(1024 * 1024).expect("buffer");
    let mut frame = [b"\x02".as_slice(), &[0; 8], &[7; 1000]].concat();
    frame[7..9].copy_from_slice(&1000_u16.to_be_bytes());
    let all = [opening(b"PUSH"), frame.repeat(MESSAGES)].concat();
    peer.write_all(&all).expect("write");
    let stream = Stream::from_socket(peer.try_clone().expect("a copy").into());
    while stream.unsent().expect("asked") > 0 {
        std::thread::yield_now();
    }
    peer.set_nonblocking(false).expect("blocking");
    peer
}

/// tcp tells: the end of a stream that was read to its end is no reset.
fn expect_reset(mut peer: TcpStream) {
    let mut bytes = Vec::new();
    let end = peer.read_to_end(&mut bytes);
    let reset = end.expect_err("everything was read, and is lost");
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn close() {
    for linger in [-1, 0, 1000] {
        let mut monitored = open();
        monitored.set(c::ZMQ_LINGER, linger);
        let peer = fill(monitored.bind_and_connect());
        monitored.skip(&[c::ZMQ_EVENT_ACCEPTED, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
        monitored.close_socket();
        expect_reset(peer);
    }
}

#[test]
fn disconnect() {
    for linger in [-1, 0, 1000] {
        let monitored = open();
        monitored.set(c::ZMQ_LINGER, linger);
        let listener = listener();
        monitored.connect_to(&listener);
        let peer = fill(listener.accept().expect("accept").0);
        monitored.skip(&super::UP);
        monitored.skip(&[c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
        let endpoint = format!("tcp://{}", listener.local_addr().expect("address"));
        api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())).expect("disconnect");
        expect_reset(peer);
    }
}
