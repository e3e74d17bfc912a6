//! Descriptors of an I/O thread that fail.

use std::sync::mpsc;
use std::time::Instant;

use super::bench::Bench;
use super::*;
use crate::endpoint::{ConnectAddress, Endpoint, Use};
use crate::io::{IoCommand, ListenerObject, ObjectId, Session};
use crate::options::SocketOptions;
use crate::sys::epoll::Epoll;
use crate::transport::Listener;

/// A listener on a bench, whose connections go to the bench's own thread.
fn listen(bench: &Bench) -> (ListenerObject, String) {
    let Ok(Endpoint::Tcp(address)) = Endpoint::parse(b"tcp://127.0.0.1:*", Use::Bind) else {
        panic!("no endpoint");
    };
    let mut session = Session::alone(c::ZMQ_PULL, SocketOptions::default());
    session.threads = Arc::new([Arc::clone(&bench.handle)]);
    let options = session.stream_options();
    let bound = Listener::bind(&ConnectAddress::Tcp(address), None, &options).expect("bind");
    let endpoint = String::from_utf8(bound.last_endpoint).expect("ASCII");
    let listener = Arc::new(bound.listener);
    let object = ListenerObject::new(ObjectId::new(), session, listener, options);
    let address = endpoint
        .strip_prefix("tcp://")
        .expect("a scheme")
        .to_owned();
    (object, address)
}

/// How many connections were given to the bench's thread.
fn started(bench: &Bench) -> usize {
    let commands = bench.handle.commands.drain();
    let is_start = |command: &IoCommand| matches!(command, IoCommand::Start(_));
    commands.filter(is_start).count()
}

#[test]
fn a_listener_that_cannot_be_watched_is_looked_at_until_it_can() {
    let mut bench = Bench::new();
    let (mut listener, address) = listen(&bench);
    let good = std::mem::replace(&mut bench.epoll, Epoll::broken());
    listener.start(&mut bench.around());
    let mut peers = Vec::new();
    let look = |listener: &mut ListenerObject, bench: &mut Bench| {
        let at: Instant = listener.deadline().expect("another look");
        assert!(at > bench.now && at <= bench.now + Duration::from_secs(1));
        bench.now = at;
        listener.handle_timeout(&bench.around());
    };
    for _ in 0..3 {
        peers.push(TcpStream::connect(&address).expect("connect"));
        look(&mut listener, &mut bench);
        assert_eq!(started(&bench), 1);
    }
    bench.epoll = good;
    look(&mut listener, &mut bench);
    assert_eq!(listener.deadline(), None);
    peers.push(TcpStream::connect(&address).expect("connect"));
    let mut events = mio::Events::with_capacity(8);
    let patience = Some(Duration::from_secs(10));
    bench.poll.poll(&mut events, patience).expect("a wait");
    let token = listener.id().token();
    assert!(events.iter().any(|event| event.token() == token));
    listener.handle_ready(&bench.around());
    assert_eq!(started(&bench), 1);
}

/// What a socket left behind will never be sent then, whether it has left before or afterwards.
#[test]
fn nobody_waits_for_an_io_thread_whose_poll_descriptor_fails() {
    for leaves_before in [true, false] {
        let peer = listener();
        let context = Arc::new(Context::new());
        let socket = api::open(&context, c::ZMQ_PUSH).expect("socket");
        let endpoint = format!("tcp://{}", peer.local_addr().expect("address"));
        api::connect(socket, endpoint.as_bytes()).expect("connect");
        let forever = Some(&(-1_i32).to_ne_bytes()[..]);
        api::set_option(socket, c::ZMQ_LINGER, forever, 4).expect("option");
        api::send_bytes(socket, b"never", false, false).expect("send");
        // It never introduces itself.
        let (_silent, _) = peer.accept().expect("accept");
        if leaves_before {
            api::close(socket).expect("close");
        }
        let threads = context.threads(0).expect("threads");
        for thread in threads.iter() {
            thread.epoll.break_down();
            thread.post(IoCommand::Drive(ObjectId::new()));
        }
        if !leaves_before {
            api::close(socket).expect("close");
        }
        let (done, end) = mpsc::channel();
        std::thread::spawn(move || done.send(context.terminate()));
        let ended = end.recv_timeout(Duration::from_secs(10));
        assert_eq!(ended, Ok(Ok(())), "{leaves_before}");
        // Nor whoever had read by itself.
        let (done, end) = mpsc::channel();
        std::thread::spawn(move || {
            threads
                .iter()
                .for_each(|thread| thread.catch_up(Duration::from_secs(1000)));
            done.send(())
        });
        assert_eq!(
            end.recv_timeout(Duration::from_secs(10)),
            Ok(()),
            "{leaves_before}"
        );
    }
}
