//! A connection without a thread, in virtual time: what it reads when its socket has left, or is about to say so.

mod delivery;
mod scarcity;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::Connection;
use crate::ffi::constants as c;
use crate::io::tests::bench::Bench;
use crate::io::tests::opening;
use crate::io::turn::{Outcome, Surroundings, Turn};
use crate::io::{self, Linger, ObjectId, Session, direct};
use crate::options::SocketOptions;
use crate::pipe::{Head, PipeEnd};
use crate::socket::SocketCommand;
use crate::sync::Lock;
use crate::transport::Stream;

/// What a kernel holds of one direction is less.
const KERNEL: usize = 512 * 1024;
/// What a peer would send, if somebody read it.
const FLOOD: usize = 8 * 1024 * 1024;
/// Read in one turn, at most.
const TURN: usize = Turn::SHARED.bytes;
/// Read to make room; see [`crate::io::unwanted`].
const ROOM: usize = 1024 * 1024;

/// A DEALER's connection, accepted from a peer over ipc.
struct Alone {
    connection: Arc<Lock<Connection>>,
    outcome: Outcome,
    /// The socket's end of the pipe, until it leaves.
    socket: Option<PipeEnd>,
    /// The peer. It does not wait.
    peer: UnixStream,
    bench: Bench,
}

impl Alone {
    /// In traffic.
    fn open(set: impl FnOnce(&mut SocketOptions)) -> Self {
        let mut alone = Self::start(c::ZMQ_DEALER, set);
        alone.greet(b"DEALER");
        assert!(alone.socket.is_some());
        alone
    }

    /// Before its peer has said anything.
    fn start(socket_type: i32, set: impl FnOnce(&mut SocketOptions)) -> Self {
        let mut options = SocketOptions {
            receive_hwm: 1,
            send_hwm: 0,
            ..SocketOptions::default()
        };
        set(&mut options);
        let session = Session::alone(socket_type, options);
        let (near, peer) = UnixStream::pair().expect("a pair");
        peer.set_nonblocking(true).expect("non-blocking");
        let stream = Stream::from_socket(near.into());
        let bench = Bench::new();
        let connection =
            Connection::accepted(Arc::new(session), ObjectId::new(), stream, bench.now);
        let mut alone = Self {
            connection: connection.expect("memory"),
            outcome: Outcome::Wait,
            socket: None,
            peer,
            bench,
        };
        alone.work(|connection, around| connection.start(false, around));
        alone
    }

    /// The peer says what it is.
    fn greet(&mut self, socket_type: &[u8]) {
        self.say(&opening(socket_type));
        let mailbox = Arc::clone(&self.connection.lock().session.mailbox);
        for command in mailbox.drain() {
            if let SocketCommand::Attach(attachment) = command {
                self.socket = Some(attachment.end);
            }
        }
    }

    /// The peer sends this, as far as somebody takes it.
    fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.outcome != Outcome::Gone {
            match self.peer.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).expect("no more"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            self.settle();
        }
    }

    fn work(&mut self, work: impl FnOnce(&mut Connection, &mut Surroundings<'_>) -> Outcome) {
        self.outcome = work(&mut self.connection.lock(), &mut self.bench.around());
    }

    /// Turns until it waits. The kernel says what it can.
    fn settle(&mut self) {
        if self.outcome == Outcome::Gone {
            return;
        }
        self.connection.lock().note_ready(true, true, false);
        self.outcome = Outcome::Again;
        while self.outcome == Outcome::Again {
            self.work(Connection::drive);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.bench.now += time;
        if self.outcome != Outcome::Gone {
            self.work(Connection::handle_timeout);
        }
        self.settle();
    }

    /// The socket sends more than goes, so that sending stands still.
    fn send_more_than_goes(&mut self) {
        let socket = self.socket.as_mut().expect("a socket");
        for _ in 0..4 * KERNEL / 1000 {
            socket.append_bytes(&[1; 1000], false).expect("memory");
        }
        socket.flush();
        self.settle();
    }

    fn detach(&mut self) {
        self.work(|connection, around| connection.detach(Linger::Forever, around));
        drop(self.socket.take());
        self.settle();
    }

    /// The peer sends until nobody takes more, but no more than `most`; how many bytes that was.
    fn flood(&mut self, most: usize) -> usize {
        let message = [[0, 200].as_slice(), &[7; 200]].concat();
        let mut sent = 0;
        let mut written = 0;
        while sent < most && self.outcome != Outcome::Gone {
            match self.peer.write(&message[written..]) {
                Ok(bytes) => {
                    sent += bytes;
                    written = (written + bytes) % message.len();
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    self.settle();
                    let Ok(1) = self.peer.write(&message[written..=written]) else {
                        break;
                    };
                    sent += 1;
                    written = (written + 1) % message.len();
                }
            }
        }
        sent
    }

    /// The peer takes what there is.
    fn take(&mut self) {
        while matches!(self.peer.read(&mut [0; 65536]), Ok(bytes) if bytes > 0) {}
        self.settle();
    }
}

/// A pipe that was left, before Detach: on a thread there is nothing in between, or a turn that is not over yet.
#[test]
fn nothing_is_read_for_a_socket_that_is_about_to_detach() {
    let mut alone = Alone::open(|_| ());
    assert!((TURN..KERNEL).contains(&alone.flood(FLOOD)));
    alone.socket.take().expect("a socket").leave();
    alone.settle();
    assert_eq!(alone.flood(FLOOD), 0);
    // The end of a peer that goes at that time is found.
    alone.peer.shutdown(Shutdown::Both).expect("shutdown");
    alone.connection.lock().note_ready(true, true, true);
    alone.settle();
    assert_eq!(alone.outcome, Outcome::Gone);
}

/// It has nothing to send, and goes.
#[test]
fn nothing_is_read_for_a_socket_that_detaches() {
    let mut alone = Alone::open(|_| ());
    alone.flood(FLOOD);
    alone.work(|connection, around| connection.detach(Linger::Forever, around));
    assert_eq!(alone.outcome, Outcome::Gone);
    let unread = alone.peer.write(b"more").expect_err("closed");
    assert_eq!(unread.kind(), ErrorKind::BrokenPipe);
}

/// As long as sending gets on nothing is read; when it stands still, as much as makes room, and again after the next
/// success.
#[test]
fn what_comes_is_read_to_make_room_and_no_more() {
    let mut alone = Alone::open(|_| ());
    alone.send_more_than_goes();
    alone.flood(FLOOD);
    alone.detach();
    for _ in 0..3 {
        // What was held is dropped; nothing of that makes room in the kernel.
        assert_eq!(alone.flood(FLOOD), 0);
        assert_eq!(
            alone.connection.lock().deadline(),
            Some(alone.bench.now + STANDSTILL)
        );
        alone.pass(STANDSTILL - MOMENT);
        assert_eq!(alone.flood(FLOOD), 0);
        alone.pass(MOMENT);
        let room = alone.flood(FLOOD);
        assert!((ROOM..ROOM + TURN).contains(&room), "{room}");
        assert_eq!(alone.connection.lock().deadline(), None);
        alone.pass(Duration::from_secs(100));
        assert_eq!(alone.flood(FLOOD), 0);
        alone.take();
    }
}

/// The end of a peer shows behind all that it sent.
#[test]
fn the_end_of_a_peer_is_found() {
    let mut alone = Alone::open(|_| ());
    alone.send_more_than_goes();
    alone.flood(FLOOD);
    alone.detach();
    alone.peer.shutdown(Shutdown::Write).expect("shutdown");
    alone.settle();
    assert_eq!(alone.outcome, Outcome::Wait);
    alone.connection.lock().note_ready(true, true, true);
    alone.settle();
    assert_eq!(alone.outcome, Outcome::Gone);
}

/// A peer that takes nothing is alive as long as something of it comes.
#[test]
fn heartbeats_are_heard_though_nothing_is_read() {
    let mut alone = Alone::open(|options| options.heartbeat_interval = 100);
    alone.send_more_than_goes();
    alone.flood(FLOOD);
    alone.detach();
    alone.pass(STANDSTILL);
    alone.flood(FLOOD);
    let mut heard = 0;
    while alone.outcome != Outcome::Gone && heard < 100 * TURN {
        alone.pass(Duration::from_millis(50));
        heard += alone.flood(TURN / 2);
    }
    assert_eq!(alone.outcome, Outcome::Wait);
    for _ in 0..100 {
        alone.pass(Duration::from_millis(50));
    }
    assert_eq!(alone.outcome, Outcome::Gone);
}

/// The socket hears that there is an end to what comes.
#[test]
fn a_peer_that_hung_up_is_announced() {
    let mut alone = Alone::open(|_| ());
    alone.say(b"\0\x01m\0\x01m\0\x01m");
    assert!(!alone.socket.as_ref().expect("a socket").is_last());
    alone.connection.lock().note_ready(true, true, true);
    alone.work(Connection::drive);
    assert!(alone.socket.as_ref().expect("a socket").is_last());
}

/// A connection that has turn after turn has another one when it has written little, so that more may come together.
#[test]
fn small_writes_end_a_turn() {
    let again = |alone: &mut Alone| {
        alone.work(|connection, around| {
            around.turn = Turn::SHARED.again(1);
            connection.drive(around)
        });
        alone.outcome
    };
    let send = |alone: &mut Alone, message: &[u8]| {
        let socket = alone.socket.as_mut().expect("a socket");
        socket.append_bytes(message, false).expect("memory");
        socket.flush();
    };
    let mut alone = Alone::open(|_| ());
    send(&mut alone, b"m");
    alone.work(Connection::drive);
    assert_eq!(alone.outcome, Outcome::Wait);
    send(&mut alone, b"m");
    assert_eq!(again(&mut alone), Outcome::Again);
    assert_eq!(again(&mut alone), Outcome::Wait);
    // Nothing is known of who sends if writes are cut.
    let mut alone = Alone::open(|options| options.out_batch_size = Some(10));
    send(&mut alone, &[1; 98]);
    assert_eq!(again(&mut alone), Outcome::Wait);
    send(&mut alone, &[1; 99]);
    assert_eq!(again(&mut alone), Outcome::Again);
}

/// What its home thread was asked for before comes before; whether that sleeps does not matter.
#[test]
fn who_sends_alone_writes_when_the_home_thread_has_served_its_commands() {
    let mut alone = Alone::open(|_| ());
    let send = |alone: &mut Alone| {
        let before = direct::written_by_this_thread();
        io::note_wait();
        let socket = alone.socket.as_mut().expect("a socket");
        socket.append_bytes(b"m", false).expect("memory");
        socket.flush();
        let by_itself = direct::written_by_this_thread() > before;
        alone.settle();
        by_itself
    };
    assert!(!send(&mut alone), "the bench has a command");
    alone.bench.handle.commands.serve(drop);
    assert_eq!(send(&mut alone), direct::is_enabled());
}

#[test]
fn a_connection_that_has_much_to_send_hears_its_peer() {
    let mut alone = Alone::open(|_| ());
    alone.send_more_than_goes();
    alone.peer.write_all(b"\0\x01m").expect("room");
    alone.connection.lock().note_ready(true, false, false);
    alone.work(Connection::read_ahead);
    assert_eq!(alone.outcome, Outcome::Again, "its turn comes later");
    assert_eq!(alone.socket.as_mut().expect("a socket").head(), Head::Frame);
    alone.peer.shutdown(Shutdown::Both).expect("an end");
    alone.connection.lock().note_ready(true, false, true);
    alone.work(Connection::read_ahead);
    assert_eq!(alone.outcome, Outcome::Gone);
}

#[test]
fn turns_are_shorter_while_somebody_waits_for_the_thread() {
    let mut alone = Alone::open(|options| options.receive_hwm = 0);
    let messages = vec![0_u8; 200_000];
    let sent = alone.peer.write(&messages).expect("room");
    assert!(sent > 2 * TURN, "an empty message is two zeros");
    let turn = |alone: &mut Alone| {
        alone.connection.lock().note_ready(true, true, false);
        let mut read = 0;
        alone.work(|connection, around| {
            around.turn.steps = usize::MAX;
            around.turn.stride = usize::MAX;
            let outcome = connection.drive(around);
            read = around.read;
            outcome
        });
        read
    };
    assert_eq!(turn(&mut alone), TURN);
    let handle = Arc::clone(&alone.bench.handle);
    handle
        .looks
        .while_awaited(|| assert_eq!(turn(&mut alone), TURN / 2));
    let pipe = alone.socket.as_mut().expect("a socket");
    assert_eq!(pipe.inbound_queue_length(), (TURN + TURN / 2) as u64 / 2);
}

const STANDSTILL: Duration = Duration::from_millis(10);
const MOMENT: Duration = Duration::from_millis(1);

/// ZMQ_OUT_BATCH_SIZE counts, or else a ZMQ_SNDBUF that holds less than a segment.
#[test]
fn a_small_send_buffer_limits_writes() {
    for (send_buffer, batch, limit) in [
        (-1, None, None),
        (4096, None, Some(32 * 1024)),
        (65_536, None, None),
        (4096, Some(100_000), Some(100_000)),
        (-1, Some(1), Some(1)),
    ] {
        let options = SocketOptions {
            send_buffer,
            out_batch_size: batch,
            ..SocketOptions::default()
        };
        let session = Session::alone(c::ZMQ_PUSH, options);
        assert_eq!(session.write_limit(), limit, "{send_buffer} {batch:?}");
    }
}
