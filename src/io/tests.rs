//! Connections against peers that are plain streams, as the monitor sees them.
//!
//! Contract: transports.md sections 5, 6 and 14, zmtp.md section 8.1.

pub(super) mod bench;
mod curve;
mod direct;
mod failing;
mod leaving;
mod notices;
mod proxies;
mod raw;
mod reconnects;
mod turns;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::context::Context;
use crate::error::Error;
use crate::ffi::constants as c;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::socket::api::{self, SocketCell};

/// A socket and its monitor.
struct Monitored {
    context: Arc<Context>,
    socket: &'static SocketCell,
    events: &'static SocketCell,
    socket_is_closed: bool,
}

impl Monitored {
    fn open(socket_type: i32) -> Self {
        let context = Arc::new(Context::new());
        let socket = api::open(&context, socket_type).expect("socket");
        let events = api::open(&context, c::ZMQ_PAIR).expect("socket");
        api::monitor(socket, Some(b"inproc://events"), 0xFFFF, 1, c::ZMQ_PAIR).expect("monitor");
        api::connect(events, b"inproc://events").expect("connect");
        let opened = Self {
            context,
            socket,
            events,
            socket_is_closed: false,
        };
        opened.set(c::ZMQ_RECONNECT_IVL, 1);
        opened.set(c::ZMQ_RCVTIMEO, 10_000);
        opened.set(c::ZMQ_LINGER, 0);
        opened.wait_for_events(10_000);
        opened
    }

    fn close_socket(&mut self) {
        self.socket_is_closed = true;
        api::close(self.socket).expect("close");
    }

    fn set(&self, option: i32, value: i32) {
        api::set_option(self.socket, option, Some(&value.to_ne_bytes()), 4).expect("option");
    }

    fn connect_to(&self, listener: &TcpListener) {
        let port = listener.local_addr().expect("address").port();
        let endpoint = format!("tcp://127.0.0.1:{port}");
        api::connect(self.socket, endpoint.as_bytes()).expect("connect");
    }

    /// Binds to a free port of tcp, and connects there.
    fn bind_and_connect(&self) -> TcpStream {
        api::bind(self.socket, b"tcp://127.0.0.1:*").expect("bind");
        self.skip(&[c::ZMQ_EVENT_LISTENING]);
        TcpStream::connect(self.address()).expect("connect")
    }

    /// See [`address_of`].
    fn address(&self) -> String {
        address_of(self.socket)
    }

    /// The next event and its value; `None` if there is none for some time.
    fn next(&self) -> Option<(i32, u32)> {
        let head = receive(self.events)?;
        receive(self.events).expect("the endpoint");
        let (number, value) = head.split_at(2);
        Some((
            i32::from(u16::from_ne_bytes(number.try_into().expect("two bytes"))),
            u32::from_ne_bytes(value.try_into().expect("four bytes")),
        ))
    }

    /// Expects events with any values.
    fn skip(&self, events: &[i32]) {
        for &event in events {
            assert_eq!(self.next().map(|(number, _)| number), Some(event));
        }
    }

    /// Expects an event; its value.
    fn value_of(&self, event: i32) -> u32 {
        let (number, value) = self.next().expect("an event");
        assert_eq!(number, event);
        value
    }

    /// Expects no further event of what has happened up to now: whatever follows from that is done when the I/O thread
    /// serves somebody who comes later.
    fn expect_no_more(&self) {
        let later = api::open(&self.context, c::ZMQ_PULL).expect("socket");
        api::bind(later, b"tcp://127.0.0.1:*").expect("bind");
        let mut peer = TcpStream::connect(address_of(later)).expect("connect");
        peer.read_exact(&mut [0; 10]).expect("a signature");
        api::close(later).expect("close");
        self.expect_silence(0);
    }

    /// Expects no event that only time could bring, for `time`, milliseconds.
    fn expect_silence(&self, time: i32) {
        self.wait_for_events(time);
        assert_eq!(self.next(), None);
        self.wait_for_events(10_000);
    }

    /// How long [`Self::next`] waits, ms.
    fn wait_for_events(&self, time: i32) {
        api::set_option(self.events, c::ZMQ_RCVTIMEO, Some(&time.to_ne_bytes()), 4)
            .expect("option");
    }
}

impl Drop for Monitored {
    fn drop(&mut self) {
        // Its cell may be somebody else's by now.
        if !self.socket_is_closed {
            let _ = api::close(self.socket);
        }
        let _ = api::close(self.events);
        let _ = self.context.terminate();
    }
}

/// ZMQ_LAST_ENDPOINT without scheme.
fn address_of(socket: &'static SocketCell) -> String {
    let mut text = [0; 256];
    let length = api::get_option(socket, c::ZMQ_LAST_ENDPOINT, &mut text);
    let text = &text[..length.expect("endpoint") - 1];
    let text = String::from_utf8(text.to_vec()).expect("ASCII");
    text.split_once("://").expect("a scheme").1.to_owned()
}

fn receive(socket: &'static SocketCell) -> Option<Vec<u8>> {
    let mut message = Message::new();
    match api::receive(socket, &mut Incoming::into_message(&mut message), false) {
        Ok(_) => Some(message.bytes().to_vec()),
        Err(Error::Again) => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("bind")
}

fn greeting(mechanism: &[u8]) -> Vec<u8> {
    let mut greeting = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01".to_vec();
    greeting.extend_from_slice(mechanism);
    greeting.resize(64, 0);
    greeting
}

pub(crate) fn opening(socket_type: &[u8]) -> Vec<u8> {
    let property = [
        b"\x05READY\x0BSocket-Type\0\0\0",
        [socket_type.len() as u8].as_slice(),
        socket_type,
    ]
    .concat();
    [greeting(b"NULL"), vec![4, property.len() as u8], property].concat()
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset behind the bytes is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

const UP: [i32; 2] = [c::ZMQ_EVENT_CONNECT_DELAYED, c::ZMQ_EVENT_CONNECTED];

#[test]
fn a_mechanism_mismatch_shows_on_both_ends_and_is_not_retried() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.connect_to(&peer);
    let (mut stream, _) = peer.accept().expect("accept");
    // All at once, before ours is complete.
    stream.write_all(&greeting(b"PLAIN")).expect("write");
    assert_eq!(read_to_end(&mut stream), greeting(b"NULL"));
    monitored.skip(&UP);
    let value = monitored.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    assert_eq!(value, 0x1100_0002);
    monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);
    monitored.expect_no_more();

    let monitored = Monitored::open(c::ZMQ_PULL);
    let mut stream = monitored.bind_and_connect();
    stream.write_all(&greeting(b"CURVE")).expect("write");
    assert_eq!(read_to_end(&mut stream), greeting(b"NULL"));
    monitored.skip(&[
        c::ZMQ_EVENT_ACCEPTED,
        c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
        c::ZMQ_EVENT_DISCONNECTED,
    ]);
}

#[test]
fn refusals_end_the_session_with_the_event_that_the_cause_has() {
    let unexpected = [greeting(b"NULL"), b"\x04\x05\x04PING".to_vec()].concat();
    let malformed = [greeting(b"NULL"), b"\x04\x06\x05ERROR".to_vec()].concat();
    let refused = [greeting(b"NULL"), b"\x04\x0A\x05ERROR\x03400".to_vec()].concat();
    let protocol = c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    for (bytes, event) in [
        (opening(b"PULL"), None),
        // ZMTP 1.0: a frame without flags.
        (b"\x01\0\0".to_vec(), None),
        (unexpected, Some((protocol, 0x1000_0001))),
        (malformed, Some((protocol, 0x1000_0015))),
        (refused, Some((c::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400))),
    ] {
        let peer = listener();
        let monitored = Monitored::open(c::ZMQ_PULL);
        monitored.connect_to(&peer);
        let (mut stream, _) = peer.accept().expect("accept");
        stream.write_all(&bytes).expect("write");
        read_to_end(&mut stream);
        monitored.skip(&UP);
        if let Some((number, value)) = event {
            assert_eq!(monitored.value_of(number), value);
        }
        monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);
        monitored.expect_no_more();
        // The endpoint stays listed.
        let endpoint = format!("tcp://{}", monitored.address());
        assert_eq!(
            api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())),
            Ok(())
        );
    }
}

#[test]
fn an_end_in_the_handshake_is_retried_unless_that_is_switched_off() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.connect_to(&peer);
    for _ in 0..2 {
        let (mut stream, _) = peer.accept().expect("accept");
        // Read what comes, so that the end is no reset.
        let mut signature = [0; 10];
        stream.read_exact(&mut signature).expect("read");
        drop(stream);
        monitored.skip(&UP);
        let value = monitored.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
        assert_eq!(value, libc::EPIPE.unsigned_abs());
        monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);
        assert_eq!(monitored.value_of(c::ZMQ_EVENT_CONNECT_RETRIED), 1);
    }

    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(
        c::ZMQ_RECONNECT_STOP,
        c::ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED,
    );
    let peer = listener();
    monitored.connect_to(&peer);
    drop(peer.accept().expect("accept"));
    monitored.skip(&UP);
    monitored.skip(&[
        c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        c::ZMQ_EVENT_DISCONNECTED,
    ]);
    monitored.expect_no_more();
}

#[test]
fn a_silent_peer_has_the_handshake_interval() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_HANDSHAKE_IVL, 20);
    monitored.connect_to(&peer);
    let silent = peer.accept().expect("accept");
    monitored.skip(&UP);
    let value = monitored.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    assert_eq!(value, libc::EAGAIN.unsigned_abs());
    monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED, c::ZMQ_EVENT_CONNECT_RETRIED]);
    drop(silent);

    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_HANDSHAKE_IVL, 20);
    let silent = monitored.bind_and_connect();
    monitored.skip(&[
        c::ZMQ_EVENT_ACCEPTED,
        c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        c::ZMQ_EVENT_DISCONNECTED,
    ]);
    drop(silent);
}

#[test]
fn a_handshake_passes_by_a_full_receive_queue() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RCVHWM, 1);
    monitored.connect_to(&peer);
    let (mut first, _) = peer.accept().expect("accept");
    let bytes = [opening(b"PUSH"), b"\0\x01a\0\x01b".to_vec()].concat();
    first.write_all(&bytes).expect("write");
    monitored.skip(&UP);
    monitored.skip(&[c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    drop(first);
    // Makes room for the last message, which fills the queue; then the end is seen.
    assert_eq!(receive(monitored.socket), Some(b"a".to_vec()));
    monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED, c::ZMQ_EVENT_CONNECT_RETRIED]);
    monitored.skip(&UP);
    let (mut second, _) = peer.accept().expect("accept");
    second.write_all(&opening(b"PUSH")).expect("write");
    monitored.skip(&[c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    assert_eq!(receive(monitored.socket), Some(b"b".to_vec()));
}

/// Peers of ZMTP 2.0 and 1.0 may send before they have said who they are, but the full queue does not keep us from
/// learning it: the handshake timer has nothing to end.
#[test]
fn old_peers_say_who_they_are_to_a_full_receive_queue() {
    let greeting_2_0 = [b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x08".as_slice(), b"\0\0"].concat();
    for (opening, a, b) in [
        (greeting_2_0, b"\0\x01a", b"\0\x01b"),
        (b"\x01\0".to_vec(), b"\x02\0a", b"\x02\0b"),
    ] {
        let peer = listener();
        let monitored = Monitored::open(c::ZMQ_PULL);
        monitored.set(c::ZMQ_RCVHWM, 1);
        monitored.set(c::ZMQ_HANDSHAKE_IVL, 30);
        monitored.connect_to(&peer);
        let (mut first, _) = peer.accept().expect("accept");
        first
            .write_all(&[opening.as_slice(), a, b].concat())
            .expect("write");
        monitored.skip(&UP);
        assert_eq!(receive(monitored.socket), Some(b"a".to_vec()));
        drop(first);
        monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED, c::ZMQ_EVENT_CONNECT_RETRIED]);
        monitored.skip(&UP);
        let (mut second, _) = peer.accept().expect("accept");
        second
            .write_all(&[opening.as_slice(), a].concat())
            .expect("write");
        monitored.expect_silence(100);
        assert_eq!(receive(monitored.socket), Some(b"b".to_vec()));
        assert_eq!(receive(monitored.socket), Some(b"a".to_vec()));
    }
}

/// ZMQ_CONFLATE towards a peer that reads slowly: nothing is queued behind the message that is on its way, and what comes
/// then is the newest.
#[test]
fn conflating_waits_for_the_message_on_its_way() {
    const LENGTH: usize = 200_000;
    let monitored = Monitored::open(c::ZMQ_PUSH);
    monitored.set(c::ZMQ_CONFLATE, 1);
    monitored.set(c::ZMQ_SNDBUF, 8192);
    let mut peer = monitored.bind_and_connect();
    peer.write_all(&opening(b"PULL")).expect("write");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    peer.read_exact(&mut [0; 64 + 28]).expect("its opening");
    let mut body = vec![0; LENGTH];
    for number in 1..=100 {
        body[0] = number;
        api::send_bytes(monitored.socket, &body, false, false).expect("send");
        // A tenth of a message.
        peer.read_exact(&mut vec![0; LENGTH / 10]).expect("a part");
    }
    // Ten messages were begun and read so far, the last of them perhaps not to its end.
    let mut frame = vec![0; 9 + LENGTH];
    let rest = (9 + LENGTH) * 10 - 100 * (LENGTH / 10);
    peer.read_exact(&mut frame[..rest]).expect("the rest");
    let mut more = 0;
    while frame[9] != 100 {
        peer.read_exact(&mut frame).expect("a frame");
        more += 1;
    }
    assert!(more <= 2, "{more} messages were queued");
}

#[test]
fn refused_attempts_go_on_or_end_the_endpoint() {
    let free = listener();
    let endpoint = format!("tcp://{}", free.local_addr().expect("address"));
    drop(free);
    let failed = [c::ZMQ_EVENT_CONNECT_DELAYED, c::ZMQ_EVENT_CLOSED];
    let monitored = Monitored::open(c::ZMQ_PULL);
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    for _ in 0..3 {
        monitored.skip(&failed);
        assert_eq!(monitored.value_of(c::ZMQ_EVENT_CONNECT_RETRIED), 1);
    }

    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RECONNECT_STOP, c::ZMQ_RECONNECT_STOP_CONN_REFUSED);
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    monitored.skip(&failed);
    monitored.expect_no_more();
    assert_eq!(
        api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())),
        Err(Error::NotFound)
    );

    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_RECONNECT_IVL, -1);
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    monitored.skip(&failed);
    monitored.expect_no_more();
    assert_eq!(
        api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())),
        Ok(())
    );
}

#[test]
fn after_a_disconnect_refused_ipc_attempts_may_end() {
    let path = std::env::temp_dir().join(format!("zeroxide-stale-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    // A file behind which nobody listens.
    drop(UnixListener::bind(&path).expect("bind"));
    let endpoint = format!("ipc://{}", path.display());
    let attempt = [c::ZMQ_EVENT_CLOSED, c::ZMQ_EVENT_CONNECT_RETRIED];

    let monitored = Monitored::open(c::ZMQ_PULL);
    // All bits but the one: they mean nothing to ipc.
    monitored.set(c::ZMQ_RECONNECT_STOP, 3);
    monitored.set(c::ZMQ_RECONNECT_IVL, 20);
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    monitored.skip(&attempt);
    monitored.skip(&attempt);
    // Any other endpoint; the bit counts at this moment.
    api::connect(monitored.socket, b"inproc://other").expect("connect");
    monitored.set(
        c::ZMQ_RECONNECT_STOP,
        c::ZMQ_RECONNECT_STOP_AFTER_DISCONNECT,
    );
    api::end_endpoint(monitored.socket, Some(b"inproc://other")).expect("disconnect");
    let mut seen = Vec::new();
    api::set_option(
        monitored.events,
        c::ZMQ_RCVTIMEO,
        Some(&200_i32.to_ne_bytes()),
        4,
    )
    .expect("option");
    while let Some((event, _)) = monitored.next() {
        seen.push(event);
        assert!(seen.len() < 100, "it goes on");
    }
    assert_eq!(seen.last(), Some(&c::ZMQ_EVENT_CLOSED));
    assert_eq!(
        api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())),
        Err(Error::NotFound)
    );
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_disconnect_closes_an_attempt_that_is_pending() {
    // A backlog of one that is full: further attempts wait.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("address");
    full.bind(&any.into()).expect("bind");
    full.listen(0).expect("listen");
    let address = full.local_addr().expect("address");
    let fillers: Vec<_> = (0..4)
        .map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
            filler.set_nonblocking(true).expect("non-blocking");
            let _ = filler.connect(&address);
            filler
        })
        .collect();
    let monitored = Monitored::open(c::ZMQ_PULL);
    let port = address.as_socket().expect("address").port();
    let endpoint = format!("tcp://127.0.0.1:{port}");
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    monitored.skip(&[c::ZMQ_EVENT_CONNECT_DELAYED]);
    api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())).expect("disconnect");
    monitored.skip(&[c::ZMQ_EVENT_CLOSED]);
    monitored.expect_no_more();

    // CONNECT_TIMEOUT ends it as well.
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_CONNECT_TIMEOUT, 20);
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    monitored.skip(&[
        c::ZMQ_EVENT_CONNECT_DELAYED,
        c::ZMQ_EVENT_CLOSED,
        c::ZMQ_EVENT_CONNECT_RETRIED,
    ]);
    drop(fillers);
}

#[test]
fn a_descriptor_that_does_not_listen_is_not_tried_again_before_it_does() {
    let idle = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("address");
    idle.bind(&any.into()).expect("bind");
    let same = idle.try_clone().expect("a copy");
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_USE_FD, idle.into_raw_fd());
    api::bind(monitored.socket, b"tcp://127.0.0.1:*").expect("bind");
    monitored.skip(&[c::ZMQ_EVENT_LISTENING]);
    let failed = (c::ZMQ_EVENT_ACCEPT_FAILED, libc::EINVAL.unsigned_abs());
    assert_eq!(monitored.next(), Some(failed));
    monitored.wait_for_events(200);
    // A look at the beginning, and one when the system called it broken.
    if let Some(event) = monitored.next() {
        assert_eq!(event, failed);
        assert_eq!(monitored.next(), None);
    }
    monitored.wait_for_events(10_000);
    same.listen(1).expect("listen");
    let _peer = TcpStream::connect(monitored.address()).expect("connect");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
}

#[test]
fn filtered_peers_are_closed_and_others_let_in() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    let filter = b"127.0.0.2/32";
    api::set_option(
        monitored.socket,
        c::ZMQ_TCP_ACCEPT_FILTER,
        Some(filter),
        filter.len(),
    )
    .expect("option");
    let mut rejected = monitored.bind_and_connect();
    monitored.skip(&[c::ZMQ_EVENT_ACCEPT_FAILED]);
    assert_eq!(read_to_end(&mut rejected), b"");
    let accepted = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    let source: std::net::SocketAddr = "127.0.0.2:0".parse().expect("address");
    let target: std::net::SocketAddr = monitored.address().parse().expect("address");
    accepted.bind(&source.into()).expect("bind");
    accepted.connect(&target.into()).expect("connect");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
}

#[test]
fn heartbeats_end_a_connection_to_a_silent_peer_and_it_is_retried() {
    let peer = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    monitored.set(c::ZMQ_HEARTBEAT_IVL, 10);
    monitored.connect_to(&peer);
    let (mut stream, _) = peer.accept().expect("accept");
    stream.write_all(&opening(b"PUSH")).expect("write");
    monitored.skip(&UP);
    monitored.skip(&[
        c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED,
        c::ZMQ_EVENT_DISCONNECTED,
        c::ZMQ_EVENT_CONNECT_RETRIED,
    ]);
    let sent = read_to_end(&mut stream);
    assert!(sent.ends_with(b"\x04\x07\x04PING\0\0"));
}

#[test]
fn unbind_ends_connections_that_are_still_in_their_handshake() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    let mut stream = monitored.bind_and_connect();
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
    let endpoint = format!("tcp://{}", monitored.address());
    api::end_endpoint(monitored.socket, Some(endpoint.as_bytes())).expect("unbind");
    // The signature, then the end.
    assert_eq!(read_to_end(&mut stream), greeting(b"NULL")[..10]);
    // No DISCONNECTED on this side.
    monitored.skip(&[c::ZMQ_EVENT_CLOSED]);
    monitored.expect_no_more();
}

#[test]
fn a_flood_of_subscriptions_waits_until_the_socket_looks() {
    const BOUND: usize = 64 * 1024 * 1024;
    let monitored = Monitored::open(c::ZMQ_PUB);
    let mut stream = monitored.bind_and_connect();
    stream.write_all(&opening(b"SUB")).expect("write");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    // One topic again and again: memory grows only with what is queued.
    let flood = b"\x04\x0B\x09SUBSCRIBEt".repeat(10_000);
    let patience = Some(Duration::from_millis(300));
    stream.set_write_timeout(patience).expect("timeout");
    let mut written = 0;
    let rest = loop {
        let at = written % flood.len();
        match stream.write(&flood[at..]) {
            Ok(bytes) => written += bytes,
            Err(_) => break &flood[at..],
        }
        assert!(written < BOUND, "nothing holds the peer back");
    };
    // The socket looks, and everything moves again.
    let patience = Some(Duration::from_secs(10));
    stream.set_write_timeout(patience).expect("timeout");
    let writer = std::thread::spawn({
        let more = [rest, &flood.repeat(40)].concat();
        move || stream.write_all(&more).map(|()| stream)
    });
    while !writer.is_finished() {
        api::events(monitored.socket).expect("events");
    }
    writer.join().expect("join").expect("write");
}
