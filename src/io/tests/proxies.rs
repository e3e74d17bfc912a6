//! SOCKS5 proxies made of bytes, and what the monitor tells of them.
//!
//! Contract: security.md section 8, transports.md section 12.

use super::*;

const CHOSEN: &[u8] = b"\x05\0";
const GRANTED: &[u8] = b"\x05\0\0\x01\x7F\0\0\x01\x12\x34";
const REQUEST: &[u8] = b"\x05\x01\0\x03\x0Cexample.test\x15\xB3";

const FAILED: [i32; 3] = [
    c::ZMQ_EVENT_CONNECT_DELAYED,
    c::ZMQ_EVENT_CLOSED,
    c::ZMQ_EVENT_CONNECT_RETRIED,
];

fn set_text(monitored: &Monitored, option: i32, text: &[u8]) {
    api::set_option(monitored.socket, option, Some(text), text.len()).expect("option");
}

fn use_proxy(monitored: &Monitored, proxy: &TcpListener) {
    let address = proxy.local_addr().expect("address").to_string();
    set_text(monitored, c::ZMQ_SOCKS_PROXY, address.as_bytes());
}

/// A socket that connects to `target` through a proxy.
fn proxied(socket_type: i32, proxy: &TcpListener, target: &str) -> Monitored {
    let monitored = Monitored::open(socket_type);
    use_proxy(&monitored, proxy);
    api::connect(monitored.socket, target.as_bytes()).expect("connect");
    monitored
}

fn accept(proxy: &TcpListener) -> TcpStream {
    let (stream, _) = proxy.accept().expect("accept");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("timeout");
    stream
}

fn expect(stream: &mut TcpStream, said: &[u8]) {
    let mut read = vec![0; said.len()];
    stream.read_exact(&mut read).expect("read");
    assert_eq!(read, said);
}

fn say(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("write");
}

/// Accepts, and takes in greeting and request.
fn accept_request(proxy: &TcpListener) -> TcpStream {
    let mut stream = accept(proxy);
    expect(&mut stream, b"\x05\x01\0");
    say(&mut stream, CHOSEN);
    expect(&mut stream, REQUEST);
    stream
}

const TARGET: &str = "tcp://example.test:5555";

#[test]
fn what_comes_right_behind_the_reply_is_zmtp() {
    let proxy = listener();
    let monitored = proxied(c::ZMQ_PULL, &proxy, TARGET);
    let mut stream = accept_request(&proxy);
    let message = b"\0\x05hello".to_vec();
    let all = [GRANTED.to_vec(), opening(b"PUSH"), message].concat();
    say(&mut stream, &all);
    assert_eq!(receive(monitored.socket).as_deref(), Some(&b"hello"[..]));
    monitored.skip(&UP);
    monitored.skip(&[c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    let mut greeted = [0; 64];
    stream.read_exact(&mut greeted).expect("read");
    assert_eq!(greeted[..], greeting(b"NULL"));
    // A stream that is lost begins with the proxy anew.
    drop(stream);
    monitored.skip(&[
        c::ZMQ_EVENT_DISCONNECTED,
        c::ZMQ_EVENT_CONNECT_RETRIED,
        c::ZMQ_EVENT_CONNECT_DELAYED,
    ]);
    let mut stream = accept_request(&proxy);
    say(&mut stream, GRANTED);
    monitored.skip(&[c::ZMQ_EVENT_CONNECTED]);
}

#[test]
fn plain_streams_go_through_as_well() {
    let proxy = listener();
    let monitored = proxied(c::ZMQ_STREAM, &proxy, TARGET);
    let mut stream = accept_request(&proxy);
    say(&mut stream, &[GRANTED, b"bytes"].concat());
    let mut received: Vec<_> = (0..4)
        .map(|_| receive(monitored.socket).expect("a frame"))
        .collect();
    assert_eq!(received.pop().as_deref(), Some(&b"bytes"[..]));
}

#[test]
fn events_name_the_proxy() {
    let proxy = listener();
    let monitored = proxied(c::ZMQ_PULL, &proxy, TARGET);
    let mut stream = accept_request(&proxy);
    say(&mut stream, &[GRANTED, &opening(b"PUSH")].concat());
    let name = format!("tcp://{}", proxy.local_addr().expect("address"));
    for event in [UP[0], UP[1], c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED] {
        let head = receive(monitored.events).expect("an event");
        assert_eq!(head[..2], (event as u16).to_ne_bytes());
        assert_eq!(receive(monitored.events).as_deref(), Some(name.as_bytes()));
    }
    // To the socket it is what the application called it.
    assert_eq!(monitored.address(), "example.test:5555");
    let ended = api::end_endpoint(monitored.socket, Some(TARGET.as_bytes()));
    assert_eq!(ended, Ok(()));
}

#[test]
fn targets_are_not_resolved() {
    for (target, encoded) in [
        ("tcp://1.2.3.4:5555", &b"\x01\x01\x02\x03\x04"[..]),
        ("tcp://127.1:5555", b"\x01\x7F\0\0\x01"),
        ("tcp://localhost:5555", b"\x03\x09localhost"),
        (
            "tcp://[2001:db8::1]:5555",
            b"\x04\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01",
        ),
    ] {
        let proxy = listener();
        let monitored = proxied(c::ZMQ_PULL, &proxy, target);
        let mut stream = accept(&proxy);
        expect(&mut stream, b"\x05\x01\0");
        say(&mut stream, CHOSEN);
        expect(&mut stream, &[b"\x05\x01\0", encoded, b"\x15\xB3"].concat());
        say(&mut stream, GRANTED);
        monitored.skip(&UP);
    }
}

#[test]
fn a_login_may_fail_and_is_tried_again() {
    let proxy = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    use_proxy(&monitored, &proxy);
    set_text(&monitored, c::ZMQ_SOCKS_USERNAME, b"user");
    set_text(&monitored, c::ZMQ_SOCKS_PASSWORD, b"pw");
    api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
    // What is set now is for others.
    set_text(&monitored, c::ZMQ_SOCKS_PASSWORD, b"other");
    set_text(&monitored, c::ZMQ_SOCKS_PROXY, b"127.0.0.1:1");
    for status in [1, 0] {
        let mut stream = accept(&proxy);
        expect(&mut stream, b"\x05\x01\x02");
        say(&mut stream, b"\x05\x02");
        expect(&mut stream, b"\x01\x04user\x02pw");
        say(&mut stream, &[1, status]);
        if status == 0 {
            expect(&mut stream, REQUEST);
            say(&mut stream, GRANTED);
            monitored.skip(&UP);
        } else {
            assert_eq!(read_to_end(&mut stream), b"");
            monitored.skip(&FAILED);
        }
    }
}

/// Refusals, nonsense, and ends in the middle: each is a failed attempt, and the next one begins.
#[test]
fn every_failure_is_tried_again() {
    let proxy = listener();
    let monitored = proxied(c::ZMQ_PULL, &proxy, TARGET);
    let methods: [&[u8]; 5] = [b"\x05\xFF", b"\x05\x01", b"\x04\0", b"\0", b"HTTP/1.1 400"];
    for answer in methods {
        let mut stream = accept(&proxy);
        expect(&mut stream, b"\x05\x01\0");
        say(&mut stream, answer);
        read_to_end(&mut stream);
        monitored.skip(&FAILED);
    }
    let codes = (1..=9).chain([255]).map(|code| vec![5, code, 0, 1]);
    let nonsense = [b"\x05\0\0\x02".to_vec(), b"\x04\x5A\0\0".to_vec()];
    for answer in codes.chain(nonsense) {
        let mut stream = accept_request(&proxy);
        say(&mut stream, &answer);
        read_to_end(&mut stream);
        monitored.skip(&FAILED);
    }
    for said in 0..GRANTED.len() {
        let mut stream = accept_request(&proxy);
        say(&mut stream, &GRANTED[..said]);
        drop(stream);
        monitored.skip(&FAILED);
    }
    for said in 0..CHOSEN.len() {
        let mut stream = accept(&proxy);
        say(&mut stream, &CHOSEN[..said]);
        // What was not read makes it a reset.
        drop(stream);
        monitored.skip(&FAILED);
    }
    let mut stream = accept_request(&proxy);
    say(&mut stream, GRANTED);
    monitored.skip(&UP);
}

#[test]
fn a_silent_proxy_has_the_time_of_an_attempt() {
    let proxy = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    use_proxy(&monitored, &proxy);
    monitored.set(c::ZMQ_CONNECT_TIMEOUT, 50);
    // That is for the handshake behind.
    monitored.set(c::ZMQ_HANDSHAKE_IVL, 1);
    api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
    for _ in 0..2 {
        let mut stream = accept(&proxy);
        assert_eq!(read_to_end(&mut stream), b"\x05\x01\0");
        monitored.skip(&FAILED);
    }
}

#[test]
fn a_silent_proxy_has_an_end_without_a_time_for_attempts() {
    let proxy = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    use_proxy(&monitored, &proxy);
    monitored.set(c::ZMQ_HANDSHAKE_IVL, 50);
    api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
    for _ in 0..2 {
        let mut stream = accept(&proxy);
        say(&mut stream, b"\x05");
        assert_eq!(read_to_end(&mut stream), b"\x05\x01\0");
        monitored.skip(&FAILED);
    }
}

#[test]
fn a_text_that_is_no_proxy_only_brings_another_attempt() {
    for text in [&b"127.0.0.1"[..], b"127.0.0.1:x", b"[::1]:1080", b":1080"] {
        let monitored = Monitored::open(c::ZMQ_PULL);
        set_text(&monitored, c::ZMQ_SOCKS_PROXY, text);
        api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
        monitored.skip(&[c::ZMQ_EVENT_CONNECT_RETRIED; 3]);
    }
}

#[test]
fn a_socket_that_closes_leaves_the_proxy() {
    let proxy = listener();
    for answers in [&[][..], &[CHOSEN], &[CHOSEN, b"\x05"]] {
        let mut monitored = proxied(c::ZMQ_PULL, &proxy, TARGET);
        let mut stream = accept(&proxy);
        expect(&mut stream, b"\x05\x01\0");
        for (number, answer) in answers.iter().enumerate() {
            say(&mut stream, answer);
            if number == 0 {
                expect(&mut stream, REQUEST);
            }
        }
        monitored.close_socket();
        assert_eq!(read_to_end(&mut stream), b"");
    }
}

#[test]
fn a_disconnect_ends_the_dialogue() {
    let proxy = listener();
    let monitored = proxied(c::ZMQ_PULL, &proxy, TARGET);
    let mut stream = accept_request(&proxy);
    api::end_endpoint(monitored.socket, Some(TARGET.as_bytes())).expect("disconnect");
    assert_eq!(read_to_end(&mut stream), b"");
    monitored.skip(&[c::ZMQ_EVENT_CONNECT_DELAYED, c::ZMQ_EVENT_CLOSED]);
    monitored.expect_no_more();
}

/// libzmq aborts here.
#[test]
fn a_socket_may_leave_while_a_failed_attempt_waits() {
    for closes in [true, false] {
        let proxy = listener();
        let mut monitored = Monitored::open(c::ZMQ_PULL);
        use_proxy(&monitored, &proxy);
        monitored.set(c::ZMQ_RECONNECT_IVL, 100_000);
        api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
        let mut stream = accept_request(&proxy);
        say(&mut stream, b"\x05\x05\0\x01\0\0\0\0\0\0");
        monitored.skip(&FAILED);
        if closes {
            monitored.close_socket();
        } else {
            api::end_endpoint(monitored.socket, Some(TARGET.as_bytes())).expect("disconnect");
            monitored.expect_no_more();
        }
    }
}

/// A proxy that does what it should, for whoever comes, until somebody says the one thing that is no greeting.
fn serve(proxy: &TcpListener) {
    loop {
        let mut stream = accept(proxy);
        let mut said = [0; 3];
        // Whoever has left says nothing any more.
        if stream.read_exact(&mut said).is_err() {
            continue;
        }
        if said == *b"end" {
            return;
        }
        let mut asked = [0; REQUEST.len()];
        let _ = stream.write_all(CHOSEN);
        if stream.read_exact(&mut asked).is_ok() {
            let _ = stream.write_all(&[GRANTED, &opening(b"PUSH")].concat());
        }
    }
}

/// Whatever the dialogue has come to, the context ends.
#[test]
fn sockets_leave_at_any_moment() {
    let proxy = listener();
    let address = proxy.local_addr().expect("address");
    let server = std::thread::spawn(move || serve(&proxy));
    for moment in 0..200 {
        let mut monitored = Monitored::open(c::ZMQ_PULL);
        let text = address.to_string();
        set_text(&monitored, c::ZMQ_SOCKS_PROXY, text.as_bytes());
        api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
        (0..moment).for_each(|_| std::thread::yield_now());
        if moment % 2 == 0 {
            monitored.close_socket();
        } else {
            let ended = api::end_endpoint(monitored.socket, Some(TARGET.as_bytes()));
            assert_eq!(ended, Ok(()));
        }
    }
    let mut last = TcpStream::connect(address).expect("connect");
    say(&mut last, b"end");
    server.join().expect("the proxy");
}

/// What was sent before outlives the socket, whose connection comes up afterwards.
#[test]
fn what_lingers_goes_through_the_proxy() {
    let proxy = listener();
    let mut monitored = Monitored::open(c::ZMQ_PUSH);
    monitored.set(c::ZMQ_LINGER, 10_000);
    use_proxy(&monitored, &proxy);
    api::connect(monitored.socket, TARGET.as_bytes()).expect("connect");
    api::send_bytes(monitored.socket, b"hello", false, false).expect("send");
    let mut stream = accept(&proxy);
    monitored.close_socket();
    expect(&mut stream, b"\x05\x01\0");
    say(&mut stream, CHOSEN);
    expect(&mut stream, REQUEST);
    say(&mut stream, &[GRANTED, &opening(b"PULL")].concat());
    let sent = read_to_end(&mut stream);
    assert!(sent.ends_with(b"\0\x05hello"));
}

#[test]
fn only_connects_of_tcp_go_through_a_proxy() {
    let monitored = Monitored::open(c::ZMQ_PULL);
    set_text(&monitored, c::ZMQ_SOCKS_PROXY, b"nonsense");
    let peer = monitored.bind_and_connect();
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
    drop(peer);
    let path = std::env::temp_dir().join(format!("zeroxide-direct-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("bind");
    let endpoint = format!("ipc://{}", path.display());
    api::connect(monitored.socket, endpoint.as_bytes()).expect("connect");
    let (mut stream, _) = listener.accept().expect("accept");
    let _ = std::fs::remove_file(&path);
    let mut greeted = [0; 10];
    stream.read_exact(&mut greeted).expect("read");
    assert_eq!(greeted[..], greeting(b"NULL")[..10]);
    api::bind(monitored.socket, b"inproc://peer").expect("bind");
    api::connect(monitored.socket, b"inproc://other").expect("connect");

    // NULL takes it back.
    let peer = super::listener();
    api::set_option(monitored.socket, c::ZMQ_SOCKS_PROXY, None, 0).expect("option");
    monitored.connect_to(&peer);
    let (mut stream, _) = peer.accept().expect("accept");
    stream.read_exact(&mut greeted).expect("read");
    assert_eq!(greeted[..], greeting(b"NULL")[..10]);
}
