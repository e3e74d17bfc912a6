//! Plain connections to a STREAM that come and go at random.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use super::*;

const THREADS: u32 = 8;
const CONNECTIONS: u32 = 25;

/// How a connection ends once its bytes came back; the first byte that a peer sends. Any other: by the
/// peer.
const BY_SOCKET: u8 = 0;
/// The peer goes without reading what comes back.
const ABRUPTLY: u8 = 1;

/// What the socket knows of a connection.
#[derive(Default)]
struct Known {
    /// How it ends and how many bytes come, once the five bytes in front of them are there.
    head: Vec<u8>,
    received: usize,
}

/// A small xorshift generator.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 4) % bound
    }
}

/// One connection: sends, and gets the same back.
fn visit(address: &str, random: &mut Random) {
    let how = random.below(3) as u8;
    let size = [1, 100, 5000, 100_000][random.below(4) as usize] + random.below(100);
    let mut bytes = vec![how];
    bytes.extend(size.to_be_bytes());
    bytes.extend((0..size).map(|_| random.below(256) as u8));
    let stream = TcpStream::connect(address).expect("connect");
    // A failure of the socket's side is to end the test.
    stream.set_read_timeout(Some(TIMEOUT)).expect("timeout");
    let (mut from, mut to) = (&stream, &stream);
    if how == ABRUPTLY {
        // The socket may close or not: it is gone in any case.
        to.write_all(&bytes).expect("write");
        return;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let piece = rest.len().min(1 + random.below(20_000) as usize);
                to.write_all(&rest[..piece]).expect("write");
                rest = &rest[piece..];
            }
        });
        let mut back = vec![0; bytes.len()];
        from.read_exact(&mut back).expect("read");
        assert!(back == bytes, "garbled");
    });
    if how == BY_SOCKET {
        assert_eq!(from.read(&mut [0]).expect("read"), 0, "no end");
    } else {
        stream.shutdown(Shutdown::Both).expect("shutdown");
    }
}

/// Sends a pair; false if the peer has gone.
fn send_to(socket: Socket, id: &[u8], bytes: &[u8]) -> bool {
    match timed(|| api::send_bytes(socket, id, true, false)) {
        Ok(_) => {
            send(socket, bytes);
            true
        }
        Err(error) => {
            assert_eq!(error, Error::HostUnreachable);
            false
        }
    }
}

/// Returns all bytes, and closes the connections that are to be closed here.
fn echo(socket: Socket, connections: u32) {
    let mut known = HashMap::<Vec<u8>, Known>::new();
    let mut come = 0;
    while come < connections || !known.is_empty() {
        let (id, bytes) = (receive(socket), receive(socket));
        if bytes.is_empty() {
            if known.remove(&id).is_none() {
                come += 1;
                known.insert(id, Known::default());
            }
            continue;
        }
        let peer = known.get_mut(&id).expect("an announced peer");
        let missing = (5 - peer.head.len()).min(bytes.len());
        peer.head.extend(&bytes[..missing]);
        peer.received += bytes.len();
        let is_there = send_to(socket, &id, &bytes);
        if let [how, size @ ..] = &peer.head[..]
            && let Ok(size) = <[u8; 4]>::try_from(size)
        {
            let size = 5 + u32::from_be_bytes(size) as usize;
            assert!(peer.received <= size, "too much");
            if *how == BY_SOCKET && peer.received == size {
                assert!(is_there && send_to(socket, &id, b""));
                // There is no notice of it.
                known.remove(&id);
            }
        }
    }
}

#[test]
fn stress_plain_connections() {
    let context = Arc::new(Context::new());
    let stream = open(&context, c::ZMQ_STREAM);
    limit(stream, 5);
    let endpoint = String::from_utf8(bind(stream, b"tcp://127.0.0.1:*")).expect("text");
    let address = endpoint.trim_start_matches("tcp://");
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                let mut random = Random(0x9e37_79b9 ^ (number + 1));
                for _ in 0..CONNECTIONS {
                    visit(address, &mut random);
                }
            });
        }
        echo(stream, THREADS * CONNECTIONS);
    });
    assert_eq!(
        try_receive(stream, true),
        Err(Error::Again),
        "a second notice"
    );
    api::close(stream).expect("close");
    assert_eq!(timed(|| context.terminate()), Ok(()));
}
