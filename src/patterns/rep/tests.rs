//! Rules of REP (patterns.md 4).

use super::Rep;
use crate::error::Error;
use crate::patterns::Pattern;
use crate::patterns::testing::{Bench, frames};

#[test]
fn strict_alternation_at_every_point() {
    let mut rep = Bench::<Rep>::new();
    let key = rep.peer();
    assert_eq!(rep.events(), (false, false));
    assert_eq!(rep.send(&[b"x"]), Err(Error::State));
    rep.arrive(key, &[b"", b"1", b"2"]);
    assert_eq!(rep.events(), (true, false));
    assert_eq!(rep.recv_frame(), Ok((b"1".to_vec(), true)));
    assert_eq!(rep.send(&[b"x"]), Err(Error::State));
    assert_eq!(rep.events(), (true, false));
    assert_eq!(rep.recv_frame(), Ok((b"2".to_vec(), false)));
    assert_eq!(rep.recv(), Err(Error::State));
    assert_eq!(rep.events(), (false, true));
    rep.send_frame(b"a", true).unwrap();
    assert_eq!(rep.recv(), Err(Error::State));
    rep.send_frame(b"b", false).unwrap();
    assert_eq!(rep.send(&[b"x"]), Err(Error::State));
    assert_eq!(rep.sent(key), [frames(&[b"", b"a", b"b"])]);
}

#[test]
fn envelope_goes_back() {
    let mut rep = Bench::<Rep>::new();
    let (other, key) = (rep.peer(), rep.peer());
    rep.arrive(key, &[b"X", b"Y", b"", b"A", b"", b"B"]);
    assert_eq!(rep.recv(), Ok(frames(&[b"A", b"", b"B"])));
    rep.send(&[b"reply"]).unwrap();
    assert_eq!(rep.sent(key), [frames(&[b"X", b"Y", b"", b"reply"])]);
    assert!(rep.sent(other).is_empty());
}

#[test]
fn malformed_requests_are_dropped() {
    let mut rep = Bench::<Rep>::new();
    let key = rep.peer();
    rep.arrive(key, &[b"nodelim"]);
    rep.arrive(key, &[b"A", b"B"]);
    rep.arrive(key, &[b""]);
    assert_eq!(rep.events(), (false, false));
    rep.arrive(key, &[b"", b"good"]);
    assert_eq!(rep.recv(), Ok(frames(&[b"good"])));
    rep.send(&[b"r"]).unwrap();
    // Nothing of the dropped envelopes went back.
    assert_eq!(rep.sent(key), [frames(&[b"", b"r"])]);
}

/// An empty body is a body.
#[test]
fn empty_request() {
    let mut rep = Bench::<Rep>::new();
    let key = rep.peer();
    rep.arrive(key, &[b"", b""]);
    assert_eq!(rep.recv(), Ok(frames(&[b""])));
}

#[test]
fn reply_to_a_departed_peer_is_dropped() {
    for frames_before in 0..2 {
        let mut rep = Bench::<Rep>::new();
        let (gone, stays) = (rep.peer(), rep.peer());
        rep.arrive(gone, &[b"", b"q"]);
        rep.recv().unwrap();
        for _ in 0..frames_before {
            rep.send_frame(b"part", true).unwrap();
        }
        rep.drain(gone);
        rep.detach(gone);
        rep.send_frame(b"r", false).unwrap();
        rep.arrive(stays, &[b"", b"q"]);
        assert_eq!(rep.recv(), Ok(frames(&[b"q"])));
        rep.send(&[b"r"]).unwrap();
        assert_eq!(rep.sent(stays), [frames(&[b"", b"r"])]);
    }
}

/// Not yet noticed: the write finds the pipe closed.
#[test]
fn reply_finds_the_peer_gone() {
    let mut rep = Bench::<Rep>::new();
    let key = rep.peer();
    rep.arrive(key, &[b"", b"q"]);
    rep.recv().unwrap();
    rep.wires.far(key).leave();
    assert_eq!(rep.send(&[b"r"]), Ok(()));
    assert!(!rep.wires.pipes.get(key).unwrap().is_mid_write());
}

#[test]
fn reply_to_a_full_peer_is_dropped() {
    let mut rep = Bench::<Rep>::new();
    let key = rep.peer_limited(1);
    for _ in 0..2 {
        rep.arrive(key, &[b"", b"q"]);
        rep.recv().unwrap();
        rep.send(&[b"r"]).unwrap();
    }
    assert_eq!(rep.sent(key), [frames(&[b"", b"r"])]);
    assert_eq!(rep.send(&[b"r"]), Err(Error::State));
}

#[test]
fn requests_are_fair_queued() {
    let mut rep = Bench::<Rep>::new();
    let peers = [rep.peer(), rep.peer()];
    for key in [peers[0], peers[0], peers[1]] {
        rep.arrive(key, &[&[b'0' + u8::from(key == peers[1])], b"", b"q"]);
    }
    for key in [peers[0], peers[1], peers[0]] {
        rep.recv().unwrap();
        rep.send(&[b"r"]).unwrap();
        assert_eq!(rep.sent(key).len(), 1);
    }
}

/// The requester goes in the middle of its request's body being read (a local disconnect).
#[test]
fn requester_detached_in_mid_request() {
    let mut rep = Bench::<Rep>::new();
    let (gone, stays) = (rep.peer(), rep.peer());
    rep.arrive(gone, &[b"", b"1", b"2"]);
    rep.recv_frame().unwrap();
    rep.detach(gone);
    rep.arrive(stays, &[b"", b"q"]);
    assert_eq!(rep.recv(), Ok(frames(&[b"q"])));
}

/// functions.tsv: zmq_socket_get_peer_state is for ROUTER, and REP inherits it.
#[test]
fn the_state_of_a_peer_with_an_id() {
    let mut rep = Bench::<Rep>::new();
    let unnamed = rep.peer();
    let key = rep.peer_named(b"x");
    rep.arrive(key, &[b"", b"request"]);
    let states = |rep: &mut Bench<Rep>| {
        [&b"x"[..], b"y", b""].map(|id| rep.pattern.peer_state(&mut rep.wires.pipes, id))
    };
    let unknown = Err(Error::HostUnreachable);
    assert_eq!(states(&mut rep), [Ok(2), unknown, unknown]);
    assert_eq!(rep.recv(), Ok(frames(&[b"request"])));
    assert_eq!(states(&mut rep), [Ok(2), unknown, unknown]);
    rep.drain(key);
    assert_eq!(states(&mut rep), [Ok(0), unknown, unknown]);
    rep.detach(key);
    rep.detach(unnamed);
    assert_eq!(states(&mut rep), [unknown; 3]);
}
