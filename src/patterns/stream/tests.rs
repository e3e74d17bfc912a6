//! Rules of STREAM (patterns.md 9).

use super::Stream;
use crate::error::Error;
use crate::options::PatternOption;
use crate::patterns::testing::{Bench, frames};
use crate::patterns::{Origin, Pattern};
use crate::pipe::{Dismissal, PipeKey};

/// A peer whose connection was announced; its id.
fn peer(stream: &mut Bench<Stream>) -> (PipeKey, Vec<u8>) {
    peer_limited(stream, 0)
}

fn peer_limited(stream: &mut Bench<Stream>, send: i32) -> (PipeKey, Vec<u8>) {
    let key = stream.peer_limited(send);
    stream.arrive(key, &[b""]);
    let mut message = stream.recv().unwrap();
    assert_eq!(message.pop(), Some(Vec::new()));
    // From here on peers have their turns in the order in which they send.
    stream.assert_silent();
    (key, message.pop().unwrap())
}

fn named(id: &[u8]) -> Origin {
    Origin {
        connect_routing_id: Some(id.into()),
    }
}

#[test]
fn pairs_of_id_and_bytes() {
    let mut stream = Bench::<Stream>::new();
    let (one, one_id) = peer(&mut stream);
    let (other, other_id) = peer(&mut stream);
    assert_eq!((one_id.len(), one_id[0]), (5, 0));
    assert_ne!(one_id, other_id);
    stream.arrive(one, &[b"1"]);
    stream.arrive(one, &[b"2"]);
    stream.arrive(other, &[b"3"]);
    assert_eq!(stream.events(), (true, true));
    assert_eq!(stream.recv(), Ok(frames(&[&one_id, b"1"])));
    assert_eq!(stream.recv_frame(), Ok((other_id.clone(), true)));
    assert_eq!(stream.events(), (true, true));
    assert_eq!(stream.recv_frame(), Ok((b"3".to_vec(), false)));
    assert_eq!(stream.recv(), Ok(frames(&[&one_id, b"2"])));
    stream.assert_silent();
    assert_eq!(stream.events(), (false, true));
    stream.send(&[&other_id, b"reply"]).unwrap();
    assert_eq!(stream.sent(other), [frames(&[b"reply"])]);
    assert!(stream.sent(one).is_empty());
}

/// 1.2 and 9: an id without MORE has its other half all the same.
#[test]
fn cadence_of_two() {
    let mut stream = Bench::<Stream>::new();
    let (key, id) = peer(&mut stream);
    stream.send_frame(&id, false).unwrap();
    stream.send_frame(b"dropped", false).unwrap();
    stream.send_frame(&id, true).unwrap();
    // MORE on the bytes is ignored.
    stream.send_frame(b"a", true).unwrap();
    stream.send(&[&id, b"b"]).unwrap();
    stream.send_frame(b"anybody", false).unwrap();
    stream.send_frame(b"dropped", true).unwrap();
    stream.send(&[&id, b"c"]).unwrap();
    let sent = stream.sent(key);
    assert_eq!(sent, [frames(&[b"a"]), frames(&[b"b"]), frames(&[b"c"])]);
}

#[test]
fn unknown_and_full() {
    let mut stream = Bench::<Stream>::new();
    assert_eq!(
        stream.send_frame(b"nobody", true),
        Err(Error::HostUnreachable)
    );
    let (key, id) = peer_limited(&mut stream, 2);
    stream.send(&[&id, b"1"]).unwrap();
    stream.send(&[&id, b"2"]).unwrap();
    assert_eq!(stream.send_frame(&id, true), Err(Error::Again));
    assert_eq!(stream.events(), (false, true));
    assert_eq!(stream.sent(key).len(), 2);
    stream.relieve(key);
    stream.send(&[&id, b"3"]).unwrap();
    assert_eq!(stream.sent(key), [frames(&[b"3"])]);
}

/// An empty frame closes; what was queued still goes.
#[test]
fn close() {
    let mut stream = Bench::<Stream>::new();
    let (key, id) = peer(&mut stream);
    stream.send(&[&id, b"last"]).unwrap();
    stream.send(&[&id, b""]).unwrap();
    let dismissed = stream.wires.pipes.take_dismissed();
    assert_eq!(dismissed, [(key, Dismissal::Finish)]);
    assert_eq!(stream.sent(key), [frames(&[b"last"])]);
    stream.detach(key);
    assert_eq!(stream.send_frame(&id, true), Err(Error::HostUnreachable));
}

/// The other half of what was begun: dropped when sending, whole when receiving.
#[test]
fn gone_between_id_and_bytes() {
    let mut stream = Bench::<Stream>::new();
    let (key, id) = peer(&mut stream);
    let (stays, other_id) = peer(&mut stream);
    stream.arrive(key, &[b"m"]);
    stream.arrive(stays, &[b"n"]);
    stream.send_frame(&id, true).unwrap();
    assert_eq!(stream.recv_frame(), Ok((id.clone(), true)));
    stream.detach(key);
    stream.send_frame(b"dropped", false).unwrap();
    assert_eq!(stream.recv_frame(), Ok((b"m".to_vec(), false)));
    assert_eq!(stream.recv(), Ok(frames(&[&other_id, b"n"])));
    stream.send(&[&other_id, b"x"]).unwrap();
    assert_eq!(stream.sent(stays), [frames(&[b"x"])]);
}

/// A peer that has gone is read to the end and cannot be sent to.
#[test]
fn draining() {
    let mut stream = Bench::<Stream>::new();
    let (key, id) = peer(&mut stream);
    stream.send_frame(&id, true).unwrap();
    stream.arrive(key, &[b"m"]);
    stream.arrive(key, &[b""]);
    stream.drain(key);
    stream.send_frame(b"dropped", false).unwrap();
    assert_eq!(stream.send_frame(&id, true), Err(Error::HostUnreachable));
    assert_eq!(stream.recv(), Ok(frames(&[&id, b"m"])));
    assert_eq!(stream.recv(), Ok(frames(&[&id, b""])));
    assert!(stream.wires.pipes.take_exhausted().contains(&key));
}

/// CONNECT_ROUTING_ID names one pipe; a name that is taken is replaced by a generated one.
#[test]
fn named_connections() {
    let mut stream = Bench::<Stream>::new();
    let option = PatternOption::ConnectRoutingId((*b"x").into());
    let pipes = &mut stream.wires.pipes;
    stream.pattern.set_option(pipes, option).unwrap();
    let key = stream.wires.add();
    stream.attach(key, named(b"x"));
    assert!(stream.pattern.has_routing_id(b"x"));
    assert_eq!(stream.pattern.shown_routing_id(key), None);
    stream.send(&[b"x", b"m"]).unwrap();
    assert_eq!(stream.sent(key), [frames(&[b"m"])]);
    let second = stream.wires.add();
    stream.attach(second, named(b"x"));
    stream.arrive(second, &[b"heard"]);
    let message = stream.recv().unwrap();
    assert_eq!((message[0].len(), &*message[1]), (5, &b"heard"[..]));
}

/// The newest generated id is what ZMQ_ROUTING_ID shows.
#[test]
fn shown_id() {
    let mut stream = Bench::<Stream>::new();
    let (older, _) = peer(&mut stream);
    let (newer, id) = peer(&mut stream);
    assert_eq!(stream.pattern.shown_routing_id(newer), Some(&*id));
    assert_eq!(stream.pattern.shown_routing_id(older), None);
}

/// Over inproc a peer may send what no stream can: it comes whole.
#[test]
fn several_frames() {
    let mut stream = Bench::<Stream>::new();
    let (key, id) = peer(&mut stream);
    let (other, other_id) = peer(&mut stream);
    stream.arrive(key, &[b"1", b"2", b"3"]);
    stream.arrive(other, &[b"x"]);
    assert_eq!(stream.recv(), Ok(frames(&[&id, b"1", b"2", b"3"])));
    assert_eq!(stream.recv(), Ok(frames(&[&other_id, b"x"])));
}
