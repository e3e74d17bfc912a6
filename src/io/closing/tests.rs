//! The rules of an orderly end (protocols: "Linger and orderly close"), over real streams in virtual time.

use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{Closing, PATIENCE, Peer, Step, TCP_GRACE};
use crate::clock;
use crate::transport::Stream;

/// An end that has sent everything, and begins to close.
struct Leaver {
    stream: Stream,
    closing: Closing,
    began: Instant,
}

impl Leaver {
    fn new(stream: Stream, peer: Peer) -> Self {
        stream
            .send_vectored(&[IoSlice::new(b"last")])
            .expect("sent");
        let began = clock::now();
        let closing = Closing::begin(&stream, peer, began);
        Self {
            stream,
            closing,
            began,
        }
    }

    /// What is found so long after the beginning.
    fn step_at(&mut self, passed: Duration) -> Step {
        self.closing.step(&self.stream, false, self.began + passed)
    }

    /// Whether nobody waits any longer, so long after the beginning.
    fn is_met_at(&mut self, passed: Duration) -> bool {
        self.step_at(passed).obligation_met
    }

    /// What the other end does is known here a little later.
    fn wait_until(&self, what: impl Fn(&Stream) -> bool) {
        while !what(&self.stream) {
            std::thread::yield_now();
        }
    }
}

fn tcp(peer: Peer) -> (Leaver, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let far = TcpStream::connect(listener.local_addr().expect("address")).expect("connected");
    let (near, _) = listener.accept().expect("accepted");
    let leaver = Leaver::new(Stream::from_socket(near.into()), peer);
    leaver.wait_until(|stream| stream.unsent().expect("asked") == 0);
    (leaver, far)
}

fn ipc(peer: Peer) -> (Leaver, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a pair");
    (Leaver::new(Stream::from_socket(near.into()), peer), far)
}

const MOMENT: Duration = Duration::from_millis(1);

/// A peer that only listens has a second to close its end; the descriptor stays for its sake.
#[test]
fn tcp_peer_that_listens() {
    for peer in [Peer::Listens, Peer::Foreign] {
        let (mut leaver, _far) = tcp(peer);
        assert!(!leaver.is_met_at(Duration::ZERO));
        assert!(!leaver.is_met_at(TCP_GRACE - MOMENT));
        let step = leaver.step_at(TCP_GRACE + Duration::from_millis(64));
        assert!(step.obligation_met && !step.may_close);
        let deadline = leaver.closing.deadline();
        assert_eq!(deadline, Some(leaver.began + PATIENCE));
        assert!(!leaver.step_at(PATIENCE - MOMENT).may_close);
        assert!(leaver.step_at(PATIENCE).may_close);
    }
}

/// One that has sent messages is waited for until it has read everything.
#[test]
fn tcp_peer_that_has_answered() {
    let (mut leaver, far) = tcp(Peer::Answers);
    for second in 0..30 {
        assert!(!leaver.is_met_at(Duration::from_secs(second)));
    }
    drop(far);
    leaver.wait_until(|stream| stream.recv(&mut [0]).is_ok());
    let step = leaver.step_at(PATIENCE - MOMENT);
    assert!(step.obligation_met && step.may_close);
}

/// One that sends anything after our end is such a peer from then on: its kernel would drop what it holds when
/// nobody is there to take it. It is not waited for beyond the patience.
#[test]
fn tcp_peer_that_answers_meanwhile() {
    let (mut leaver, mut far) = tcp(Peer::Listens);
    assert!(!leaver.is_met_at(Duration::ZERO));
    far.write_all(b"answer").expect("written");
    leaver.wait_until(|stream| {
        let mut first = [0];
        stream.recv(&mut first).is_ok()
    });
    assert!(!leaver.is_met_at(TCP_GRACE * 2));
    assert!(!leaver.is_met_at(PATIENCE - MOMENT));
    let step = leaver.step_at(PATIENCE);
    assert!(step.obligation_met && step.may_close);
}

/// A peer that closes ends it at once.
#[test]
fn peer_that_closes() {
    let (mut leaver, far) = tcp(Peer::Answers);
    drop(far);
    while !leaver.is_met_at(MOMENT) {
        std::thread::yield_now();
    }
    assert!(leaver.step_at(MOMENT).may_close);
}

/// Over ipc the kernel tells what the peer's application has read; that is waited for, and nothing else.
#[test]
fn ipc_peer_that_reads_late() {
    let (mut leaver, mut far) = ipc(Peer::Answers);
    assert!(!leaver.is_met_at(Duration::from_secs(10)));
    assert!(!leaver.is_met_at(PATIENCE * 10));
    let mut read = [0; 4];
    far.read_exact(&mut read).expect("read");
    assert_eq!(&read, b"last");
    let step = leaver.step_at(PATIENCE * 11);
    assert!(step.obligation_met && step.may_close);
}

/// A peer that does not look at our end, and sends and sends, keeps most of it: no more is taken from it than may lie
/// before its own end.
#[test]
fn peer_that_does_not_stop() {
    for (mut leaver, mut far, most) in [
        boxed(ipc(Peer::Answers), 1024 * 1024),
        boxed(tcp(Peer::Answers), 16 * 1024 * 1024),
    ] {
        let mut sent = 0;
        let mut blocked = 0;
        // The kernel takes a moment over tcp.
        while blocked < 20 {
            match far.write(&[7; 65536]) {
                Ok(bytes) => (sent, blocked) = (sent + bytes, 0),
                Err(_) => blocked += 1,
            }
            leaver.step_at(MOMENT);
            assert!(sent < 3 * most, "there is no end");
        }
        assert!(sent >= most);
        // Its end is found behind all that.
        drop(far);
        let is_over = |_| {
            std::thread::yield_now();
            leaver
                .closing
                .step(&leaver.stream, true, leaver.began)
                .may_close
        };
        assert!((0..1_000_000).any(is_over));
    }
}

/// A peer that waits a little for room.
fn boxed<Far>((leaver, far): (Leaver, Far), most: usize) -> (Leaver, Box<dyn Write>, usize)
where
    Far: Write + Into<socket2::Socket> + 'static,
{
    let far: socket2::Socket = far.into();
    let wait = Some(Duration::from_millis(5));
    far.set_write_timeout(wait).expect("timeout");
    (leaver, Box::new(far), most)
}
