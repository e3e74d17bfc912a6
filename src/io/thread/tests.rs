//! Rounds of an I/O thread that is run by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use super::*;
use crate::ffi::constants as c;
use crate::io::Session;
use crate::mechanism::curve::ClientKeys;
use crate::mechanism::{Mechanism, SecurityHandshake};
use crate::options::SocketOptions;
use crate::options::security::Selected;
use crate::sodium::Secret;
use crate::transport::Stream;

/// A greeting, ours and theirs.
const GREETING: usize = 64;
/// A framed WELCOME.
const WELCOME: usize = 170;

struct ByHand {
    thread: IoThread,
    events: Events,
    session: Arc<Session>,
    server: Secret,
}

impl ByHand {
    /// Of a server of CURVE.
    fn new() -> Self {
        let server = Secret::random().expect("random");
        let mut options = SocketOptions::default();
        options.security.selected = Selected::Curve;
        options.security.serves = true;
        options.security.curve.of_secret = server.public_key();
        options.security.curve.secret = server.clone();
        let (thread, _) = IoThread::new(0, Arc::default()).expect("descriptors");
        Self {
            thread,
            events: Events::with_capacity(EVENTS),
            session: Arc::new(Session::alone(c::ZMQ_DEALER, options)),
            server,
        }
    }

    fn round(&mut self) {
        // So that it does not wait.
        self.thread.stopping = true;
        assert!(self.thread.round(&mut self.events));
    }

    /// A connection is accepted.
    fn accept(&self) -> UnixStream {
        let (near, peer) = UnixStream::pair().expect("a pair");
        peer.set_nonblocking(true).expect("non-blocking");
        self.begin(Stream::from_socket(near.into()));
        peer
    }

    fn begin(&self, stream: Stream) {
        let session = Arc::clone(&self.session);
        let connection = Connection::accepted(session, ObjectId::new(), stream, clock::now());
        let start = IoCommand::Start(connection.expect("memory"));
        assert!(self.thread.handle.post(start));
    }

    /// HELLO and the rest of a client's handshake.
    fn client(&self) -> Box<dyn SecurityHandshake> {
        let own = Secret::random().expect("random");
        let keys = ClientKeys {
            public: own.public_key(),
            secret: own,
            server: self.server.public_key(),
        };
        let metadata = b"\x0bSocket-Type\0\0\0\x06DEALER".to_vec();
        Mechanism::CurveClient(keys)
            .begin(metadata)
            .expect("a handshake")
    }
}

fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    greeting[..17].copy_from_slice(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01CURVE");
    greeting
}

fn command_of(client: &mut dyn SecurityHandshake) -> Vec<u8> {
    let body = client.poll_command().expect("memory").expect("a command");
    match u8::try_from(body.len()) {
        Ok(length) => [&[4, length], &body[..]].concat(),
        Err(_) => [&[6], &(body.len() as u64).to_be_bytes()[..], &body].concat(),
    }
}

/// What a peer has got, without waiting.
fn take(mut peer: &UnixStream) -> Vec<u8> {
    let (mut got, mut part) = (Vec::new(), [0; 1000]);
    loop {
        match peer.read(&mut part) {
            Ok(0) => return got,
            Ok(count) => got.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return got,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Handshakes by public keys that come at once take their turns, a few in each round; all of them come to their end, in the
/// order in which they began, and each round looks at everybody else, too.
#[test]
fn many_handshakes_at_once_take_turns() {
    let mut by_hand = ByHand::new();
    let said = [&greeting()[..], &command_of(&mut *by_hand.client())].concat();
    let peers: Vec<_> = (0..20)
        .map(|_| {
            let mut peer = by_hand.accept();
            peer.write_all(&said).expect("room");
            peer
        })
        .collect();
    let (mut welcomed, mut rounds) = (0, 0);
    while welcomed < peers.len() {
        by_hand.round();
        rounds += 1;
        let now = peers[welcomed..]
            .iter()
            .take_while(|peer| take(peer).len() == GREETING + WELCOME)
            .count();
        assert!(now <= HANDSHAKES, "{now} in a round");
        welcomed += now;
        assert!(rounds <= 2 * peers.len(), "they come to their end");
    }
    assert!(rounds >= peers.len() / HANDSHAKES);
    // In the next step, too.
    for mut peer in &peers {
        // Nobody is let in with that as a cookie; it is a step like any other.
        let initiate = [&b"\x06\0\0\0\0\0\0\x01\x15\x08INITIATE"[..], &[1; 268]].concat();
        peer.write_all(&initiate).expect("room");
    }
    let mut ended = 0;
    while !by_hand.thread.objects.is_empty() {
        let before = by_hand.thread.objects.len();
        by_hand.round();
        let now = before - by_hand.thread.objects.len();
        assert!(now <= HANDSHAKES, "{now} in a round");
        ended += 1;
        assert!(ended <= 2 * peers.len(), "they come to their end");
    }
}

/// Peers that reset the connection while they wait for their turn hold nothing until it comes, and cost nothing then.
#[test]
fn those_who_have_gone_do_not_wait() {
    let mut by_hand = ByHand::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let said = [&greeting()[..], &command_of(&mut *by_hand.client())].concat();
    let peers: Vec<_> = (0..20)
        .map(|_| {
            let mut peer = TcpStream::connect(address).expect("connect");
            let (near, _) = listener.accept().expect("accept");
            near.set_nonblocking(true).expect("non-blocking");
            by_hand.begin(Stream::from_socket(near.into()));
            peer.write_all(&said).expect("room");
            peer
        })
        .collect();
    by_hand.round();
    assert_eq!(by_hand.thread.objects.len(), peers.len());
    for peer in peers {
        // A reset.
        let peer = socket2::Socket::from(peer);
        peer.set_linger(Some(Duration::ZERO)).expect("option");
    }
    by_hand.round();
    assert!(by_hand.thread.objects.is_empty());
}

/// A connection alone waits for nobody: each step is taken in the round in which it comes.
#[test]
fn a_handshake_alone_does_not_wait() {
    let mut by_hand = ByHand::new();
    let mut client = by_hand.client();
    let mut peer = by_hand.accept();
    by_hand.round();
    assert_eq!(take(&peer).len(), 10, "a signature");
    peer.write_all(&greeting()).expect("room");
    by_hand.round();
    assert_eq!(take(&peer).len(), GREETING - 10);
    peer.write_all(&command_of(&mut *client)).expect("room");
    by_hand.round();
    let welcome = take(&peer);
    assert_eq!(welcome.len(), WELCOME);
    assert_eq!(client.handle_command(&welcome[2..]), Ok(None));
    peer.write_all(&command_of(&mut *client)).expect("room");
    by_hand.round();
    let ready = take(&peer);
    assert!(client.handle_command(&ready[2..]).expect("READY").is_some());
    assert!(by_hand.thread.shaking.is_empty());
}
