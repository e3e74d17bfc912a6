//! Rules of REQ (patterns.md 3).

use super::Req;
use crate::error::Error;
use crate::options::PatternOption;
use crate::patterns::Pattern;
use crate::patterns::testing::{Bench, Frames, frames};
use crate::pipe::PipeKey;

fn set(req: &mut Bench<Req>, option: PatternOption) {
    req.pattern
        .set_option(&mut req.wires.pipes, option)
        .unwrap();
}

/// The one request that the peer got.
#[track_caller]
fn request(req: &mut Bench<Req>, key: PipeKey) -> Frames {
    let mut sent = req.sent(key);
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}

#[test]
fn strict_alternation_at_every_point() {
    let mut req = Bench::<Req>::new();
    let key = req.peer();
    assert_eq!(req.events(), (false, true));
    assert_eq!(req.recv(), Err(Error::State));
    req.send_frame(b"1", true).unwrap();
    assert_eq!(req.recv(), Err(Error::State));
    req.send_frame(b"2", false).unwrap();
    assert_eq!(req.send_frame(b"x", false), Err(Error::State));
    assert_eq!(req.events(), (false, false));
    assert_eq!(request(&mut req, key), frames(&[b"", b"1", b"2"]));
    req.arrive(key, &[b"", b"a", b"b"]);
    assert_eq!(req.events(), (true, false));
    assert_eq!(req.recv_frame(), Ok((b"a".to_vec(), true)));
    assert_eq!(req.send_frame(b"x", false), Err(Error::State));
    assert_eq!(req.recv_frame(), Ok((b"b".to_vec(), false)));
    assert_eq!(req.recv(), Err(Error::State));
    assert_eq!(req.events(), (false, true));
}

#[test]
fn round_robin() {
    let mut req = Bench::<Req>::new();
    let peers = [req.peer(), req.peer()];
    for turn in 0..4 {
        req.send(&[b"q"]).unwrap();
        let key = peers[turn % 2];
        assert_eq!(request(&mut req, key), frames(&[b"", b"q"]));
        req.arrive(key, &[b"", b"r"]);
        assert_eq!(req.recv(), Ok(frames(&[b"r"])));
    }
}

/// No peer or all full: nothing is stuck, no envelope is left behind.
#[test]
fn nowhere_to_send() {
    let mut req = Bench::<Req>::new();
    assert_eq!(req.send(&[b"q"]), Err(Error::Again));
    assert_eq!(req.recv(), Err(Error::State));
    let key = req.peer_limited(1);
    req.send(&[b"q1"]).unwrap();
    req.arrive(key, &[b"", b"r"]);
    req.recv().unwrap();
    assert_eq!(req.send(&[b"q2"]), Err(Error::Again));
    assert_eq!(req.events(), (false, false));
    assert_eq!(request(&mut req, key), frames(&[b"", b"q1"]));
    req.relieve(key);
    req.send(&[b"q2"]).unwrap();
    assert_eq!(request(&mut req, key), frames(&[b"", b"q2"]));
}

#[test]
fn what_waits_is_thrown_away_by_a_request() {
    let mut req = Bench::<Req>::new();
    let (one, other) = (req.peer(), req.peer());
    req.arrive(one, &[b"", b"stale"]);
    req.arrive(other, &[b"", b"stale"]);
    req.send(&[b"q"]).unwrap();
    assert_eq!(req.recv(), Err(Error::Again));
    req.arrive(one, &[b"", b"r"]);
    assert_eq!(req.recv(), Ok(frames(&[b"r"])));
}

#[test]
fn only_the_peer_asked_may_answer() {
    let mut req = Bench::<Req>::new();
    let (one, other) = (req.peer(), req.peer());
    req.send(&[b"q"]).unwrap();
    req.arrive(other, &[b"", b"forged"]);
    assert_eq!(req.events(), (true, false));
    assert_eq!(req.recv(), Err(Error::Again));
    // Without an envelope, with a wrong one, without a body.
    req.arrive(one, &[b"no"]);
    req.arrive(one, &[b"no", b"r"]);
    req.arrive(one, &[b""]);
    req.arrive(one, &[b"", b"r"]);
    assert_eq!(req.recv(), Ok(frames(&[b"r"])));
}

/// The request is not sent again; the restriction to the peer asked is lifted.
#[test]
fn peer_lost_while_waiting() {
    let mut req = Bench::<Req>::new();
    let lost = req.peer();
    req.send(&[b"q"]).unwrap();
    req.detach(lost);
    let other = req.peer();
    assert_eq!(req.recv(), Err(Error::Again));
    assert_eq!(req.send(&[b"q"]), Err(Error::State));
    assert!(req.sent(other).is_empty());
    req.arrive(other, &[b"", b"r"]);
    assert_eq!(req.recv(), Ok(frames(&[b"r"])));
}

/// patterns.md 1.4: the rest of a request goes nowhere; then REQ waits as if the request was lost.
#[test]
fn peer_lost_in_mid_request() {
    let mut req = Bench::<Req>::new();
    let (lost, other) = (req.peer(), req.peer());
    req.send_frame(b"1", true).unwrap();
    req.detach(lost);
    req.send_frame(b"2", false).unwrap();
    assert_eq!(req.recv(), Err(Error::Again));
    assert!(req.sent(other).is_empty());
}

/// patterns.md 1.4: a last frame that finds the peer gone ends a request that is lost, as when the loss was noticed.
#[test]
fn last_frame_finds_the_peer_gone() {
    let mut req = Bench::<Req>::new();
    let (lost, other) = (req.peer(), req.peer());
    req.send_frame(b"1", true).unwrap();
    req.wires.far(lost).leave();
    req.send_frame(b"2", false).unwrap();
    assert!(req.sent(other).is_empty());
    assert_eq!(req.send_frame(b"again", false), Err(Error::State));
}

#[test]
fn correlate() {
    let mut req = Bench::<Req>::new();
    let key = req.peer();
    set(&mut req, PatternOption::ReqCorrelate(true));
    let mut numbers = Vec::new();
    for _ in 0..2 {
        req.send(&[b"q"]).unwrap();
        let sent = request(&mut req, key);
        assert_eq!(sent[1..], frames(&[b"", b"q"]));
        let id: [u8; 4] = sent[0][..].try_into().unwrap();
        numbers.push(u32::from_ne_bytes(id));
        req.arrive(key, &[b"", b"no id"]);
        let other = u32::from_ne_bytes(id).wrapping_sub(1).to_ne_bytes();
        req.arrive(key, &[&other, b"", b"wrong id"]);
        req.arrive(key, &[&id, b"no delimiter"]);
        req.arrive(key, &[&id, b"", b"r"]);
        assert_eq!(req.recv(), Ok(frames(&[b"r"])));
    }
    assert_eq!(numbers[1], numbers[0].wrapping_add(1));
}

#[test]
fn relaxed_abandons_the_request() {
    let mut req = Bench::<Req>::new();
    let key = req.peer();
    set(&mut req, PatternOption::ReqRelaxed(true));
    set(&mut req, PatternOption::ReqCorrelate(true));
    req.send(&[b"q1"]).unwrap();
    assert_eq!(req.events(), (false, true));
    req.send(&[b"q2"]).unwrap();
    let sent = req.sent(key);
    assert_eq!(sent.len(), 2);
    for (request, answer) in sent.iter().zip([b"r1", b"r2"]) {
        req.arrive(key, &[&request[0], b"", answer]);
    }
    assert_eq!(req.recv(), Ok(frames(&[b"r2"])));
}

#[test]
fn relaxed_abandons_a_half_read_reply() {
    let mut req = Bench::<Req>::new();
    let (one, other) = (req.peer(), req.peer());
    set(&mut req, PatternOption::ReqRelaxed(true));
    req.send(&[b"q1"]).unwrap();
    req.arrive(one, &[b"", b"1", b"2"]);
    req.recv_frame().unwrap();
    req.send(&[b"q2"]).unwrap();
    assert_eq!(req.recv(), Err(Error::Again));
    req.arrive(other, &[b"", b"r2"]);
    assert_eq!(req.recv(), Ok(frames(&[b"r2"])));
}

/// A relaxed send that would block leaves the outstanding request as it is.
#[test]
fn relaxed_without_room() {
    let mut req = Bench::<Req>::new();
    let key = req.peer_limited(1);
    set(&mut req, PatternOption::ReqRelaxed(true));
    req.send(&[b"q1"]).unwrap();
    req.arrive(key, &[b"", b"r1"]);
    assert_eq!(req.send(&[b"q2"]), Err(Error::Again));
    assert_eq!(req.recv(), Ok(frames(&[b"r1"])));
}
