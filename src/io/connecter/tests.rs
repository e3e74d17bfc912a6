//! A connecter without a thread.

use std::net::TcpListener;

use super::*;
use crate::endpoint::{Endpoint, Use};
use crate::ffi::constants as c;
use crate::io::tests::bench::Bench;
use crate::options::SocketOptions;
use crate::sys::epoll::Epoll;
use crate::sys::poll::{self, Descriptor};

fn connecter(endpoint: &str) -> (Connecter, Session) {
    let session = Session::alone(c::ZMQ_PUSH, SocketOptions::default());
    let address = match Endpoint::parse(endpoint.as_bytes(), Use::Connect) {
        Ok(Endpoint::Tcp(address)) => ConnectAddress::Tcp(address),
        other => panic!("{other:?}"),
    };
    (Connecter::new(address, &session), session)
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
    let free = TcpListener::bind("127.0.0.1:0").expect("bind");
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
    let peer = TcpListener::bind("127.0.0.1:0").expect("bind");
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
