//! A connecter without a thread.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::endpoint::{Endpoint, Use};
use crate::ffi::constants as c;
use crate::io::tests::bench::Bench;
use crate::options::SocketOptions;
use crate::sys::epoll::Epoll;
use crate::sys::poll::{self, Descriptor};

fn address(endpoint: &str) -> TcpAddress {
    match Endpoint::parse(endpoint.as_bytes(), Use::Connect) {
        Ok(Endpoint::Tcp(address)) => address,
        other => panic!("{other:?}"),
    }
}

fn connecter(endpoint: &str) -> (Connecter, Session) {
    let session = Session::alone(c::ZMQ_PUSH, SocketOptions::default());
    let address = ConnectAddress::Tcp(address(endpoint));
    (Connecter::new(address, None, &session), session)
}

/// A connecter to `target` through a proxy.
fn proxied(proxy: &TcpListener, target: &str, options: SocketOptions) -> (Connecter, Session) {
    let session = Session::alone(c::ZMQ_PUSH, options);
    let proxy = format!("tcp://{}", proxy.local_addr().expect("address"));
    let proxy = ConnectAddress::Tcp(address(&proxy));
    let target = Some(address(target));
    (Connecter::new(proxy, target, &session), session)
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("bind")
}

/// Reads what the connecter says.
fn expect(peer: &mut TcpStream, said: &[u8]) {
    let mut read = vec![0; said.len()];
    peer.read_exact(&mut read).expect("read");
    assert_eq!(read, said);
}

/// Waits for an answer of the proxy.
fn await_answer(connecter: &Connecter) {
    let State::Asking(asking) = &connecter.state else {
        panic!("nobody is asked");
    };
    let mut descriptor = [Descriptor::new(asking.stream.as_raw_fd(), poll::IN)];
    let ready = poll::poll(&mut descriptor, Some(Duration::from_secs(10)), None);
    assert_eq!(ready, Ok(1));
}

/// Waits until the pending stream is up or broken.
fn await_stream(connecter: &Connecter) {
    let State::Pending { stream, .. } = &connecter.state else {
        panic!("nothing is pending");
    };
    let mut descriptor = [Descriptor::new(stream.as_raw_fd(), poll::OUT)];
    let ready = poll::poll(&mut descriptor, Some(Duration::from_secs(10)), None);
    assert_eq!(ready, Ok(1));
}

/// However many a name server says, an attempt ends.
#[test]
fn an_attempt_tries_the_first_addresses_of_a_name() {
    let free = listener();
    let address = free.local_addr().expect("address");
    drop(free);
    let mut bench = Bench::new();
    let (mut connecter, session) = connecter("tcp://name.invalid:9");
    let begun = connecter.begin(ObjectId::new(), &session, &mut bench.around());
    assert!(matches!(begun, Attempt::Waiting));
    let (number, addresses) = (connecter.attempt, vec![address; 40]);
    connecter.handle_resolved(number, addresses, &session, &mut bench.around());
    let mut tries = 0;
    while connecter.is_pending() {
        await_stream(&connecter);
        tries += 1;
        connecter.finish(&session, &mut bench.around());
    }
    assert_eq!(tries, 16);
    assert!(matches!(connecter.state, State::Waiting { .. }));
}

/// Without memory in the system for watching it, an attempt fails, and the next one may succeed.
#[test]
fn an_attempt_that_cannot_be_watched_fails() {
    let peer = listener();
    let endpoint = format!("tcp://{}", peer.local_addr().expect("address"));
    let mut bench = Bench::new();
    let (mut connecter, session) = connecter(&endpoint);
    let good = std::mem::replace(&mut bench.epoll, Epoll::broken());
    connecter.begin(ObjectId::new(), &session, &mut bench.around());
    bench.now = connecter.deadline().expect("another attempt");
    bench.epoll = good;
    connecter.handle_timeout(&session, &mut bench.around());
    await_stream(&connecter);
    let attempt = connecter.finish(&session, &mut bench.around());
    assert!(matches!(attempt, Attempt::Up { .. }));
}

const GREETING: &[u8] = b"\x05\x01\0";
const REQUEST: &[u8] = b"\x05\x01\0\x03\x04name\0\x09";
const GRANTED: &[u8] = b"\x05\0\0\x01\0\0\0\0\0\0";

/// Begins an attempt whose stream to the proxy comes up.
fn begin_asking(
    connecter: &mut Connecter,
    session: &Session,
    proxy: &TcpListener,
    bench: &mut Bench,
) -> TcpStream {
    connecter.begin(ObjectId::new(), session, &mut bench.around());
    await_stream(connecter);
    let attempt = connecter.finish(session, &mut bench.around());
    assert!(matches!(attempt, Attempt::Waiting));
    proxy.accept().expect("accept").0
}

#[test]
fn a_proxy_is_asked_step_by_step() {
    let proxy = listener();
    let mut bench = Bench::new();
    let (mut connecter, session) = proxied(&proxy, "tcp://name:9", SocketOptions::default());
    let mut peer = begin_asking(&mut connecter, &session, &proxy, &mut bench);
    assert!(connecter.is_pending());
    // ZMQ_HANDSHAKE_IVL, where attempts have no time of their own; without that either there is no end.
    let interval = Duration::from_secs(30);
    assert_eq!(connecter.deadline(), Some(bench.now + interval));
    expect(&mut peer, GREETING);
    // Nothing has come: it goes on waiting.
    let attempt = connecter.finish(&session, &mut bench.around());
    assert!(matches!(attempt, Attempt::Waiting));
    for byte in [5, 0] {
        peer.write_all(&[byte]).expect("write");
        await_answer(&connecter);
        let attempt = connecter.finish(&session, &mut bench.around());
        assert!(matches!(attempt, Attempt::Waiting));
    }
    expect(&mut peer, REQUEST);
    peer.write_all(&[GRANTED, b"\xFFbehind"].concat())
        .expect("write");
    await_answer(&connecter);
    let attempt = connecter.finish(&session, &mut bench.around());
    let Attempt::Up {
        stream,
        watched: true,
    } = attempt
    else {
        panic!("{attempt:?}");
    };
    assert!(!connecter.is_pending());
    let mut behind = [0; 100];
    let length = stream.recv(&mut behind).expect("read");
    assert_eq!(&behind[..length], b"\xFFbehind");
}

/// One limit for the whole attempt, whatever the proxy says meanwhile.
#[test]
fn a_silent_proxy_has_the_time_of_an_attempt() {
    let proxy = listener();
    let mut bench = Bench::new();
    let options = SocketOptions {
        connect_timeout: 5000,
        ..SocketOptions::default()
    };
    let (mut connecter, session) = proxied(&proxy, "tcp://name:9", options);
    let begun = bench.now;
    let mut peer = begin_asking(&mut connecter, &session, &proxy, &mut bench);
    let deadline = Some(begun + Duration::from_secs(5));
    assert_eq!(connecter.deadline(), deadline);
    bench.now += Duration::from_millis(4999);
    peer.write_all(b"\x05\0").expect("write");
    await_answer(&connecter);
    connecter.finish(&session, &mut bench.around());
    connecter.handle_timeout(&session, &mut bench.around());
    assert_eq!(connecter.deadline(), deadline);
    assert!(connecter.is_pending());
    bench.now += Duration::from_millis(1);
    connecter.handle_timeout(&session, &mut bench.around());
    assert!(matches!(connecter.state, State::Waiting { .. }));
    expect(&mut peer, &[GREETING, REQUEST].concat());
    assert_eq!(peer.read(&mut [0]).expect("the end"), 0);
}

#[test]
fn a_proxy_that_answers_at_once_is_asked_as_well() {
    let proxy = listener();
    let mut bench = Bench::new();
    let (mut connecter, session) = proxied(&proxy, "tcp://name:9", SocketOptions::default());
    connecter.id = Some(ObjectId::new());
    let stream = TcpStream::connect(proxy.local_addr().expect("address")).expect("connect");
    let connecting = Connecting::Done(Stream::from_socket(stream.into()));
    let (mut peer, _) = proxy.accept().expect("accept");
    let attempt = connecter.follow(connecting, &session, &mut bench.around());
    assert!(matches!(attempt, Attempt::Waiting));
    expect(&mut peer, GREETING);
    assert!(connecter.is_pending());
}

#[test]
fn no_proxy_is_asked_for_what_cannot_be_said() {
    let long = format!("tcp://{}:9", "n".repeat(256));
    for target in ["tcp://name:0", "tcp://:9", &long] {
        let proxy = listener();
        let mut bench = Bench::new();
        let (mut connecter, session) = proxied(&proxy, target, SocketOptions::default());
        let mut peer = begin_asking(&mut connecter, &session, &proxy, &mut bench);
        assert!(matches!(connecter.state, State::Waiting { .. }));
        assert_eq!(peer.read(&mut [0]).expect("the end"), 0);
    }
}

/// Who is refused by the proxy's host is not refused by the target.
#[test]
fn a_proxy_that_is_away_is_tried_again() {
    for (has_proxy, goes_on) in [(true, true), (false, false)] {
        let proxy = listener();
        let mut bench = Bench::new();
        let options = SocketOptions {
            reconnect_stop: c::ZMQ_RECONNECT_STOP_CONN_REFUSED,
            ..SocketOptions::default()
        };
        let (mut connecter, session) = proxied(&proxy, "tcp://name:9", options);
        connecter.target.take_if(|_| !has_proxy);
        drop(proxy);
        connecter.begin(ObjectId::new(), &session, &mut bench.around());
        await_stream(&connecter);
        let attempt = connecter.finish(&session, &mut bench.around());
        assert_eq!(matches!(attempt, Attempt::Waiting), goes_on);
        assert_eq!(connecter.is_stopped(), !goes_on);
    }
}

/// Where the endpoint says that one is to connect from, unless the proxy's text does.
#[test]
fn the_source_is_that_of_either_text() {
    for (of_proxy, of_target, source) in [
        ("", "127.0.0.2:0;", "127.0.0.2"),
        ("127.0.0.3:0;", "127.0.0.2:0;", "127.0.0.3"),
    ] {
        let proxy = listener();
        let proxy_address = proxy.local_addr().expect("address");
        let mut bench = Bench::new();
        let session = Session::alone(c::ZMQ_PUSH, SocketOptions::default());
        let at = address(&format!("tcp://{of_proxy}{proxy_address}"));
        let target = address(&format!("tcp://{of_target}name:9"));
        let mut connecter = Connecter::new(ConnectAddress::Tcp(at), Some(target), &session);
        let mut peer = begin_asking(&mut connecter, &session, &proxy, &mut bench);
        let from = peer.peer_addr().expect("address");
        assert_eq!(from.ip().to_string(), source);
        expect(&mut peer, GREETING);
    }
}
