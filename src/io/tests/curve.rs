//! CURVE over streams: sockets with each other, and with peers that break off, lie, or send in clear.
//!
//! Contract: security.md section 4.

use super::*;
use crate::mechanism::curve::{self, ClientKeys, Envelope, ServerKeys};
use crate::mechanism::{Cipher, Mechanism, SecurityHandshake};
use crate::sodium::Secret;

/// The keys of a server, and of a client.
struct Keys {
    server: Secret,
    client: Secret,
}

impl Keys {
    fn new() -> Self {
        Self {
            server: Secret::random().expect("random"),
            client: Secret::random().expect("random"),
        }
    }

    fn make_server(&self, socket: &'static SocketCell) {
        set_key(socket, c::ZMQ_CURVE_SECRETKEY, self.server.bytes());
        let on = 1_i32.to_ne_bytes();
        api::set_option(socket, c::ZMQ_CURVE_SERVER, Some(&on), 4).expect("option");
    }

    fn make_client(&self, socket: &'static SocketCell) {
        set_key(socket, c::ZMQ_CURVE_PUBLICKEY, &self.client.public_key());
        set_key(socket, c::ZMQ_CURVE_SECRETKEY, self.client.bytes());
        set_key(socket, c::ZMQ_CURVE_SERVERKEY, &self.server.public_key());
    }

    fn client(&self) -> Mechanism {
        Mechanism::CurveClient(ClientKeys {
            public: self.client.public_key(),
            secret: self.client.clone(),
            server: self.server.public_key(),
        })
    }

    fn server(&self) -> Mechanism {
        Mechanism::CurveServer {
            keys: ServerKeys::of(self.server.clone()),
            asks: false,
        }
    }
}

fn set_key(socket: &'static SocketCell, option: i32, key: &[u8; 32]) {
    api::set_option(socket, option, Some(key), key.len()).expect("option");
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(length) => [&[flags, length], body].concat(),
        Err(_) => {
            let length = (body.len() as u64).to_be_bytes();
            [&[flags | 2], &length[..], body].concat()
        }
    }
}

/// A peer that is a plain stream, after the handshake.
struct Peer {
    stream: TcpStream,
    cipher: Box<curve::Cipher>,
}

impl Peer {
    fn new(mut stream: TcpStream, mechanism: &Mechanism, socket_type: &[u8]) -> Self {
        let length = [0, 0, 0, socket_type.len() as u8];
        let metadata = [b"\x0bSocket-Type", &length[..], socket_type].concat();
        let mut handshake = mechanism.begin(metadata).expect("a handshake");
        begin(&mut stream);
        while !handshake.is_complete() {
            step(&mut stream, &mut *handshake);
        }
        let cipher = handshake.take_traffic().expect("traffic").cipher();
        Self { stream, cipher }
    }

    /// A frame of a message, sealed and framed.
    fn sealed(&mut self, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![0; body.len() + curve::Cipher::OVERHEAD];
        self.cipher.seal(flags, body, &mut message);
        frame(0, &message)
    }

    /// The next frame: flags and body.
    fn opened(&mut self) -> (u8, Vec<u8>) {
        let message = next_frame(&mut self.stream);
        let envelope = Envelope::parse(&message).expect("MESSAGE");
        let mut body = vec![0; envelope.body_length()];
        let flags = self.cipher.open(envelope, &mut body).expect("it opens");
        (flags, body)
    }
}

/// Exchanges greetings.
fn begin(stream: &mut TcpStream) {
    stream.write_all(&greeting(b"CURVE")).expect("write");
    stream.read_exact(&mut [0; 64]).expect("a greeting");
}

/// Says what is to be said, or hears what is to be heard.
fn step(stream: &mut TcpStream, handshake: &mut dyn SecurityHandshake) {
    match handshake.poll_command().expect("a command") {
        Some(body) => stream.write_all(&frame(4, &body)).expect("write"),
        None => {
            let body = next_frame(stream);
            handshake.handle_command(&body).expect("in order");
        }
    }
}

fn next_frame(stream: &mut TcpStream) -> Vec<u8> {
    let (mut flags, mut short, mut long) = ([0], [0], [0; 8]);
    stream.read_exact(&mut flags).expect("flags");
    let length = if flags[0] & 2 == 0 {
        stream.read_exact(&mut short).expect("a length");
        usize::from(short[0])
    } else {
        stream.read_exact(&mut long).expect("a length");
        u64::from_be_bytes(long) as usize
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    body
}

fn send(socket: &'static SocketCell, body: &[u8], more: bool) {
    assert_eq!(api::send_bytes(socket, body, more, false), Ok(()));
}

/// A PULL that is a server, and a peer in traffic with it.
fn pull_and_peer(set: impl FnOnce(&Monitored)) -> (Monitored, Peer) {
    let keys = Keys::new();
    let monitored = Monitored::open(c::ZMQ_PULL);
    keys.make_server(monitored.socket);
    set(&monitored);
    let stream = monitored.bind_and_connect();
    let peer = Peer::new(stream, &keys.client(), b"PUSH");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED, c::ZMQ_EVENT_HANDSHAKE_SUCCEEDED]);
    (monitored, peer)
}

#[test]
fn messages_of_all_sizes_arrive_whoever_connects() {
    let sizes = [
        0, 1, 100, 255, 8000, 8192, 20_000, 131_072, 300_000, 3_000_000,
    ];
    for binds in [true, false] {
        for receive_hwm in [1_i32, 1000] {
            let keys = Keys::new();
            let context = Arc::new(Context::new());
            let push = api::open(&context, c::ZMQ_PUSH).expect("socket");
            let pull = api::open(&context, c::ZMQ_PULL).expect("socket");
            let hwm = receive_hwm.to_ne_bytes();
            api::set_option(pull, c::ZMQ_RCVHWM, Some(&hwm), 4).expect("option");
            let patience = 10_000_i32.to_ne_bytes();
            api::set_option(pull, c::ZMQ_RCVTIMEO, Some(&patience), 4).expect("option");
            let (server, client) = if binds { (pull, push) } else { (push, pull) };
            keys.make_server(server);
            keys.make_client(client);
            api::bind(server, b"tcp://127.0.0.1:*").expect("bind");
            let endpoint = format!("tcp://{}", address_of(server));
            api::connect(client, endpoint.as_bytes()).expect("connect");
            let sender = std::thread::spawn(move || {
                for round in 0..300_usize {
                    let size = sizes[if round < 40 {
                        round % sizes.len()
                    } else {
                        round % 4
                    }];
                    send(push, &vec![round as u8; size], true);
                    send(push, &round.to_ne_bytes(), false);
                }
            });
            for round in 0..300_usize {
                let size = sizes[if round < 40 {
                    round % sizes.len()
                } else {
                    round % 4
                }];
                assert!(receive(pull) == Some(vec![round as u8; size]), "{round}");
                assert_eq!(receive(pull).as_deref(), Some(&round.to_ne_bytes()[..]));
            }
            sender.join().expect("sent");
            api::close(push).expect("close");
            api::close(pull).expect("close");
            context.terminate().expect("terminate");
        }
    }
}

#[test]
fn messages_come_in_the_same_read_as_ready() {
    let keys = Keys::new();
    let listener = listener();
    let monitored = Monitored::open(c::ZMQ_PULL);
    keys.make_client(monitored.socket);
    monitored.connect_to(&listener);
    let (mut stream, _) = listener.accept().expect("accept");
    let mut handshake = keys.server().begin(Vec::new()).expect("a handshake");
    begin(&mut stream);
    for _hello_welcome_initiate in 0..3 {
        step(&mut stream, &mut *handshake);
    }
    let ready = handshake.poll_command().expect("memory").expect("READY");
    let cipher = handshake.take_traffic().expect("traffic").cipher();
    let mut peer = Peer { stream, cipher };
    let together = [
        frame(4, &ready),
        peer.sealed(1, b"one"),
        peer.sealed(0, &[2; 20_000]),
        peer.sealed(0, b"three"),
    ];
    peer.stream.write_all(&together.concat()).expect("write");
    for expected in [&b"one"[..], &[2; 20_000], b"three"] {
        assert_eq!(receive(monitored.socket).as_deref(), Some(expected));
    }
}

/// What came before is delivered, also if there is no room for it at once; then the connection ends.
#[test]
fn what_is_wrong_ends_the_connection_behind_what_was_right() {
    for receive_hwm in [1, 0] {
        for (wrong, expected) in [
            (Wrong::Clear, 0x1000_0011),
            (Wrong::Command, 0x1000_0001),
            (Wrong::Short, 0x1000_0012),
            (Wrong::Repeated, 0x1000_0002),
            (Wrong::Changed, 0x1100_0001),
            (Wrong::LargeClear, 0x1000_0001),
        ] {
            let (monitored, mut peer) =
                pull_and_peer(|monitored| monitored.set(c::ZMQ_RCVHWM, receive_hwm));
            let mut bytes = Vec::new();
            for number in 0..10 {
                bytes.extend(peer.sealed(0, &[number; 300]));
            }
            let last = peer.sealed(0, b"last");
            bytes.extend_from_slice(&last);
            bytes.extend(match wrong {
                Wrong::Clear => frame(0, b"hello"),
                Wrong::Command => frame(4, b"\x04PING\0\0"),
                Wrong::Short => frame(0, b"\x07MESSAGE01234567"),
                Wrong::Repeated => last,
                Wrong::Changed => {
                    let mut changed = peer.sealed(0, b"changed");
                    *changed.last_mut().expect("bytes") ^= 1;
                    changed
                }
                Wrong::LargeClear => frame(0, &[b'x'; 100_000]),
            });
            peer.stream.write_all(&bytes).expect("write");
            for number in 0..10 {
                assert_eq!(receive(monitored.socket), Some(vec![number; 300]));
            }
            assert_eq!(receive(monitored.socket), Some(b"last".to_vec()));
            let value = monitored.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
            assert_eq!(value, expected);
            monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);
        }
    }
}

#[derive(Clone, Copy)]
enum Wrong {
    Clear,
    Command,
    Short,
    Repeated,
    Changed,
    LargeClear,
}

/// What was sealed dies with its stream, and what is left of its message with it.
#[test]
fn a_cut_message_does_not_go_on_elsewhere() {
    let keys = Keys::new();
    let listener = listener();
    let monitored = Monitored::open(c::ZMQ_PUSH);
    keys.make_client(monitored.socket);
    monitored.set(c::ZMQ_SNDHWM, 0);
    monitored.connect_to(&listener);
    let accept = || {
        let (stream, _) = listener.accept().expect("accept");
        Peer::new(stream, &keys.server(), b"PULL")
    };
    let mut peer = accept();
    for part in 0..200 {
        send(monitored.socket, &[part; 100_000], true);
    }
    send(monitored.socket, b"end", false);
    send(monitored.socket, b"next", false);
    for part in 0..3 {
        assert_eq!(peer.opened(), (1, vec![part; 100_000]));
    }
    drop(peer);
    assert_eq!(accept().opened(), (0, b"next".to_vec()));
}

/// Its key pair is the client's only for the one whose key the server has.
#[test]
fn a_wrong_server_key_shows_at_the_server_and_the_client_tries_again() {
    let (keys, others) = (Keys::new(), Keys::new());
    let monitored = Monitored::open(c::ZMQ_PULL);
    keys.make_server(monitored.socket);
    let mut stream = monitored.bind_and_connect();
    begin(&mut stream);
    step(
        &mut stream,
        &mut *others.client().begin(Vec::new()).expect("a handshake"),
    );
    assert_eq!(read_to_end(&mut stream), b"");
    monitored.skip(&[c::ZMQ_EVENT_ACCEPTED]);
    let value = monitored.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    assert_eq!(value, 0x1100_0001);
    monitored.skip(&[c::ZMQ_EVENT_DISCONNECTED]);

    let listener = listener();
    let client = Monitored::open(c::ZMQ_PUSH);
    keys.make_client(client.socket);
    client.connect_to(&listener);
    client.skip(&UP);
    let (mut stream, _) = listener.accept().expect("accept");
    begin(&mut stream);
    next_frame(&mut stream);
    drop(stream);
    client.value_of(c::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    client.skip(&[c::ZMQ_EVENT_DISCONNECTED, c::ZMQ_EVENT_CONNECT_RETRIED]);
    assert!(listener.accept().is_ok());
}

/// HELLO_MSG, heartbeats and subscriptions are sealed like messages.
#[test]
fn nothing_is_sent_in_clear() {
    let keys = Keys::new();
    let listener = listener();
    let monitored = Monitored::open(c::ZMQ_DEALER);
    keys.make_client(monitored.socket);
    monitored.set(c::ZMQ_HEARTBEAT_IVL, 10);
    monitored.set(c::ZMQ_HEARTBEAT_TIMEOUT, 10_000);
    api::set_option(monitored.socket, c::ZMQ_HELLO_MSG, Some(b"hello"), 5).expect("option");
    monitored.connect_to(&listener);
    let (stream, _) = listener.accept().expect("accept");
    let mut peer = Peer::new(stream, &keys.server(), b"DEALER");
    assert_eq!(peer.opened(), (0, b"hello".to_vec()));
    assert_eq!(peer.opened(), (Cipher::COMMAND, b"\x04PING\0\0".to_vec()));
    let ping = peer.sealed(Cipher::COMMAND, b"\x04PING\0\0mine");
    peer.stream.write_all(&ping).expect("write");
    loop {
        match peer.opened() {
            (Cipher::COMMAND, body) if body.starts_with(b"\x04PING") => {}
            answer => {
                assert_eq!(answer, (Cipher::COMMAND, b"\x04PONGmine".to_vec()));
                break;
            }
        }
    }

    let subscriber = Monitored::open(c::ZMQ_SUB);
    keys.make_client(subscriber.socket);
    let topics: Vec<_> = (0..3000).map(|number| format!("topic {number}")).collect();
    for topic in &topics {
        let topic = topic.as_bytes();
        api::set_option(
            subscriber.socket,
            c::ZMQ_SUBSCRIBE,
            Some(topic),
            topic.len(),
        )
        .expect("option");
    }
    subscriber.connect_to(&listener);
    let (stream, _) = listener.accept().expect("accept");
    let mut peer = Peer::new(stream, &keys.server(), b"PUB");
    let mut heard = std::collections::BTreeSet::new();
    for _ in &topics {
        let (flags, body) = peer.opened();
        assert_eq!(flags, Cipher::COMMAND);
        let topic = body.strip_prefix(b"\x09SUBSCRIBE").expect("SUBSCRIBE");
        heard.insert(String::from_utf8(topic.to_vec()).expect("ASCII"));
    }
    assert_eq!(heard, topics.into_iter().collect());
}
