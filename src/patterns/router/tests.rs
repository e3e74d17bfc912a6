//! Rules of ROUTER (patterns.md 6).

use super::Router;
use crate::error::Error;
use crate::options::PatternOption;
use crate::patterns::testing::{Bench, frames};
use crate::patterns::{Origin, Pattern};
use crate::pipe::PipeKey;
use crate::pipe::queue::Special;

fn set(router: &mut Bench<Router>, option: PatternOption) {
    router
        .pattern
        .set_option(&mut router.wires.pipes, option)
        .unwrap();
}

fn named(id: &[u8]) -> Origin {
    Origin {
        connect_routing_id: Some(id.into()),
    }
}

/// 6.1
#[test]
fn id_in_front_of_each_message() {
    let mut router = Bench::<Router>::new();
    let (one, other) = (router.peer_named(b"one"), router.peer_named(b"other"));
    router.arrive(one, &[b"", b"1"]);
    router.arrive(one, &[b"2"]);
    router.arrive(other, &[b"3"]);
    assert_eq!(router.events(), (true, true));
    assert_eq!(router.recv(), Ok(frames(&[b"one", b"", b"1"])));
    assert_eq!(router.recv(), Ok(frames(&[b"other", b"3"])));
    assert_eq!(router.recv_frame(), Ok((b"one".to_vec(), true)));
    assert_eq!(router.events(), (true, true));
    assert_eq!(router.recv_frame(), Ok((b"2".to_vec(), false)));
    router.assert_silent();
}

/// 6.1: the id in force stays that of the first announcement.
#[test]
fn repeated_announcement() {
    let mut router = Bench::<Router>::new();
    let key = router.peer_named(b"first");
    router.wires.introduce(key, b"second");
    router.arrive(key, &[b"m"]);
    assert_eq!(router.recv(), Ok(frames(&[b"first", b"m"])));
    assert!(router.pattern.has_routing_id(b"first"));
    assert!(!router.pattern.has_routing_id(b"second"));
}

/// 6.2: generated for a peer without id, and for one that never introduces itself.
#[test]
fn generated_ids() {
    let mut router = Bench::<Router>::new();
    let anonymous = router.peer_named(b"");
    let silent = router.peer();
    router.arrive(silent, &[b"m"]);
    router.arrive(anonymous, &[b"m"]);
    for _ in 0..2 {
        let message = router.recv().unwrap();
        assert_eq!((message[0].len(), message[0][0]), (5, 0));
        router.send(&[&message[0], b"r"]).unwrap();
    }
    assert_eq!(router.sent(silent), [frames(&[b"r"])]);
    assert_eq!(router.sent(anonymous), [frames(&[b"r"])]);
}

/// 6.2: not addressable before the id is known.
#[test]
fn unknown_peer() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterMandatory(true));
    let key = router.peer();
    assert_eq!(router.send(&[b"late", b"m"]), Err(Error::HostUnreachable));
    assert_eq!(router.events(), (false, false));
    router.wires.introduce(key, b"late");
    router.pattern.readable(&mut router.wires.pipes, key);
    assert_eq!(router.events(), (false, true));
    router.send(&[b"late", b"m"]).unwrap();
    assert_eq!(router.sent(key), [frames(&[b"m"])]);
}

/// 6.2: the newcomer is mute, also after the older one left; its pipe can still end.
#[test]
fn duplicate_id() {
    let mut router = Bench::<Router>::new();
    let older = router.peer_named(b"x");
    let newer = router.peer_named(b"x");
    router.arrive(newer, &[b"unheard"]);
    router.assert_silent();
    router.send(&[b"x", b"m"]).unwrap();
    assert_eq!(router.sent(older), [frames(&[b"m"])]);
    router.detach(older);
    router.arrive(newer, &[b"still unheard"]);
    router.assert_silent();
    router.send(&[b"x", b"m"]).unwrap();
    assert!(router.sent(newer).is_empty());
    router.drain(newer);
    assert!(router.wires.pipes.take_exhausted().contains(&newer));
}

/// 6.2: what nobody hears takes the room that it would take otherwise.
#[test]
fn a_mute_peer_fills_its_pipe() {
    let mut router = Bench::<Router>::new();
    router.peer_named(b"x");
    let newer = router.peer_named(b"x");
    for _ in 0..3 {
        router.arrive(newer, &[b"unheard"]);
        router.assert_silent();
    }
    let mut unread = 0;
    while router.wires.pipes.has_frame(newer) {
        router.wires.pipes.skip(newer);
        unread += 1;
    }
    assert_eq!(unread, 3);
}

/// 6.2: ROUTER_HANDOVER.
#[test]
fn handover() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterHandover(true));
    let older = router.peer_named(b"x");
    router.send_frame(b"x", true).unwrap();
    router.send_frame(b"half", true).unwrap();
    let newer = router.peer_named(b"x");
    router.replace(older);
    router.send_frame(b"rest", false).unwrap();
    router.send(&[b"x", b"m"]).unwrap();
    assert!(router.sent(older).is_empty());
    assert_eq!(router.sent(newer), [frames(&[b"m"])]);
    router.arrive(newer, &[b"m"]);
    assert_eq!(router.recv(), Ok(frames(&[b"x", b"m"])));
}

/// 6.2: what the old peer sent stays readable under the new id of its pipe, to which nothing can be sent.
#[test]
fn handover_of_unread_messages() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterHandover(true));
    set(&mut router, PatternOption::RouterMandatory(true));
    let older = router.peer_named(b"x");
    router.arrive(older, &[b"1", b"2"]);
    router.arrive(older, &[b"3"]);
    assert_eq!(router.recv_frame(), Ok((b"x".to_vec(), true)));
    let newer = router.peer_named(b"x");
    router.replace(older);
    router.arrive(newer, &[b"new"]);
    assert_eq!(router.recv_frame(), Ok((b"1".to_vec(), true)));
    assert_eq!(router.recv_frame(), Ok((b"2".to_vec(), false)));
    assert_eq!(router.recv(), Ok(frames(&[b"x", b"new"])));
    assert!(router.wires.pipes.take_exhausted().is_empty());
    let renamed = router.recv().unwrap();
    assert_eq!((renamed[0].len(), renamed[0][0]), (5, 0));
    assert_eq!(renamed[1], b"3");
    assert_eq!(router.wires.pipes.take_exhausted(), [older]);
    let refused = router.send_frame(&renamed[0], true);
    assert_eq!(refused, Err(Error::HostUnreachable));
    router.detach(older);
    router.assert_silent();
}

/// The message was chosen by POLLIN: its id is settled, as it is in 4.3.4.
#[test]
fn handover_after_poll() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterHandover(true));
    let older = router.peer_named(b"x");
    router.arrive(older, &[b"chosen"]);
    router.arrive(older, &[b"next"]);
    assert_eq!(router.events(), (true, true));
    router.peer_named(b"x");
    router.replace(older);
    assert_eq!(router.recv(), Ok(frames(&[b"x", b"chosen"])));
    assert_eq!(router.recv().unwrap()[0].len(), 5);
}

/// A peer that is gone keeps its id for what it sent, and does not keep the next one from having it. What that
/// sends comes later, also after a third connection.
#[test]
fn id_of_a_departed_peer() {
    for handover in [false, true] {
        let mut router = Bench::<Router>::new();
        set(&mut router, PatternOption::RouterHandover(handover));
        let older = router.peer_named(b"x");
        router.arrive(older, &[b"old"]);
        router.drain(older);
        let newer = router.peer_named(b"x");
        router.arrive(newer, &[b"new"]);
        router.send(&[b"x", b"m"]).unwrap();
        assert_eq!(router.sent(newer), [frames(&[b"m"])]);
        router.drain(newer);
        let newest = router.peer_named(b"x");
        router.arrive(newest, &[b"newest"]);
        assert_eq!(router.recv(), Ok(frames(&[b"x", b"old"])));
        assert_eq!(router.wires.pipes.take_exhausted(), [older]);
        router.assert_silent();
        router.detach(older);
        assert_eq!(router.recv(), Ok(frames(&[b"x", b"new"])));
        router.detach(newer);
        assert_eq!(router.recv(), Ok(frames(&[b"x", b"newest"])));
        assert!(router.pattern.has_routing_id(b"x"));
        assert!(router.wires.pipes.take_dismissed().is_empty());
    }
}

/// 6.2: usable at once, before the peer is there; the peer's own id is ignored.
#[test]
fn connect_routing_id() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterMandatory(true));
    set(
        &mut router,
        PatternOption::ConnectRoutingId((*b"mine").into()),
    );
    let key = router.wires.add();
    router.attach(key, named(b"mine"));
    assert!(router.pattern.has_routing_id(b"mine"));
    router.send(&[b"mine", b"m"]).unwrap();
    assert_eq!(router.sent(key), [frames(&[b"m"])]);
    router.wires.introduce(key, b"own");
    router.arrive(key, &[b"r"]);
    assert_eq!(router.recv(), Ok(frames(&[b"mine", b"r"])));
    assert_eq!(router.send(&[b"own", b"m"]), Err(Error::HostUnreachable));
    router.detach(key);
    assert!(!router.pattern.has_routing_id(b"mine"));
}

/// 6.2: a pipe that comes when the id chosen for it is taken has the one that its peer announces.
#[test]
fn late_choice() {
    let mut router = Bench::<Router>::new();
    let owner = router.peer_named(b"x");
    let key = router.wires.add();
    router.wires.introduce(key, b"own");
    router.attach(key, named(b"x"));
    router.arrive(key, &[b"m"]);
    assert_eq!(router.recv(), Ok(frames(&[b"own", b"m"])));
    router.send(&[b"x", b"1"]).unwrap();
    router.send(&[b"own", b"2"]).unwrap();
    assert_eq!(router.sent(owner), [frames(&[b"1"])]);
    assert_eq!(router.sent(key), [frames(&[b"2"])]);
}

/// 6.3: an id frame without MORE is nothing, regardless of MANDATORY.
#[test]
fn id_without_body() {
    for mandatory in [false, true] {
        let mut router = Bench::<Router>::new();
        set(&mut router, PatternOption::RouterMandatory(mandatory));
        let key = router.peer_named(b"x");
        router.send(&[b"nobody"]).unwrap();
        router.send(&[b"x"]).unwrap();
        router.send(&[b"x", b"m"]).unwrap();
        assert_eq!(router.sent(key), [frames(&[b"m"])]);
    }
}

/// 6.3: all frames are swallowed, or the id frame is refused and the socket stays at message start.
#[test]
fn unroutable() {
    let mut router = Bench::<Router>::new();
    let key = router.peer_named(b"x");
    router.send(&[b"nobody", b"x", b"m"]).unwrap();
    router.send(&[b"x", b"1"]).unwrap();
    set(&mut router, PatternOption::RouterMandatory(true));
    assert_eq!(
        router.send_frame(b"nobody", true),
        Err(Error::HostUnreachable)
    );
    router.send(&[b"x", b"2"]).unwrap();
    assert_eq!(router.sent(key), [frames(&[b"1"]), frames(&[b"2"])]);
}

/// 6.3: the mark is tested at the id frame only.
#[test]
fn full_peer() {
    let mut router = Bench::<Router>::new();
    let key = router.wires.add_limited(1);
    router.wires.introduce(key, b"x");
    router.attach(key, Origin::default());
    router.send(&[b"x", b"1", b"2", b"3"]).unwrap();
    router.send(&[b"x", b"dropped"]).unwrap();
    assert_eq!(router.events(), (false, true));
    set(&mut router, PatternOption::RouterMandatory(true));
    assert_eq!(router.send_frame(b"x", true), Err(Error::Again));
    assert_eq!(router.events(), (false, false));
    let pipes = &mut router.wires.pipes;
    assert_eq!(router.pattern.peer_state(pipes, b"x"), Ok(0));
    assert_eq!(
        router.pattern.peer_state(pipes, b"y"),
        Err(Error::HostUnreachable)
    );
    assert_eq!(router.sent(key), [frames(&[b"1", b"2", b"3"])]);
    router.relieve(key);
    assert_eq!(
        router.pattern.peer_state(&mut router.wires.pipes, b"x"),
        Ok(2)
    );
    router.send(&[b"x", b"m"]).unwrap();
    assert_eq!(router.sent(key), [frames(&[b"m"])]);
}

/// 6.3: dropped, or EHOSTUNREACH under MANDATORY; what the peer sent is still read.
#[test]
fn closing_peer() {
    let mut router = Bench::<Router>::new();
    let key = router.peer_named(b"x");
    router.arrive(key, &[b"last"]);
    router.drain(key);
    router.send(&[b"x", b"m"]).unwrap();
    set(&mut router, PatternOption::RouterMandatory(true));
    assert_eq!(router.send_frame(b"x", true), Err(Error::HostUnreachable));
    assert_eq!(router.recv(), Ok(frames(&[b"x", b"last"])));
}

/// 6.3: the peer vanishes between frames, noticed or not.
#[test]
fn peer_lost_in_mid_message() {
    for noticed in [true, false] {
        let mut router = Bench::<Router>::new();
        let (lost, other) = (router.peer_named(b"x"), router.peer_named(b"y"));
        router.send_frame(b"x", true).unwrap();
        router.send_frame(b"1", true).unwrap();
        if noticed {
            router.detach(lost);
        } else {
            router.wires.far(lost).leave();
        }
        router.send_frame(b"y", true).unwrap();
        router.send_frame(b"3", false).unwrap();
        router.send(&[b"y", b"m"]).unwrap();
        assert_eq!(router.sent(other), [frames(&[b"m"])]);
    }
}

/// 5: the probe of a peer is an empty message; a probing ROUTER sends one.
#[test]
fn probe() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::ProbeRouter(true));
    let key = router.peer_named(b"x");
    assert_eq!(router.sent(key), [frames(&[b""])]);
    router.arrive(key, &[b""]);
    assert_eq!(router.recv(), Ok(frames(&[b"x", b""])));
}

/// 6.4: notifications stand in line with the peer's messages.
#[test]
fn notifications() {
    let mut router = Bench::<Router>::new();
    let key = router.wires.add();
    router.wires.introduce(key, b"x");
    router.wires.arrive_special(key, Special::Notify);
    router.wires.arrive(key, &[b"m"]);
    router.wires.arrive_special(key, Special::Notify);
    router.attach(key, Origin::default());
    assert_eq!(router.events(), (true, true));
    assert_eq!(router.recv(), Ok(frames(&[b"x", b""])));
    assert_eq!(router.recv(), Ok(frames(&[b"x", b"m"])));
    assert_eq!(router.recv(), Ok(frames(&[b"x", b""])));
    router.assert_silent();
}

/// The notification of a peer that went keeps the pipe, polled for or not, until it is received.
#[test]
fn notification_at_the_end() {
    let mut router = Bench::<Router>::new();
    let key = router.peer_named(b"x");
    router.arrive_special(key, Special::Notify);
    assert_eq!(router.events(), (true, true));
    router.drain(key);
    let end = router.wires.pipes.get(key).unwrap();
    assert!(!end.is_drained());
    assert_eq!(router.recv_frame(), Ok((b"x".to_vec(), true)));
    assert!(router.wires.pipes.take_exhausted().is_empty());
    assert_eq!(router.recv_frame(), Ok((Vec::new(), false)));
    assert_eq!(router.wires.pipes.take_exhausted(), [key]);
}

/// A local disconnect while a message is half read, or only its id.
#[test]
fn detached_in_mid_read() {
    for frames_read in 1..3 {
        let mut router = Bench::<Router>::new();
        let (gone, stays): (PipeKey, PipeKey) = (router.peer_named(b"x"), router.peer_named(b"y"));
        router.arrive(gone, &[b"1", b"2"]);
        for _ in 0..frames_read {
            router.recv_frame().unwrap();
        }
        router.detach(gone);
        router.arrive(stays, &[b"m"]);
        assert_eq!(router.recv(), Ok(frames(&[b"y", b"m"])));
    }
}

/// 6.4: raw peers have generated ids whatever they say.
#[test]
fn raw() {
    let mut router = Bench::<Router>::new();
    set(&mut router, PatternOption::RouterRaw(true));
    let key = router.peer_named(b"x");
    assert!(!router.pattern.has_routing_id(b"x"));
    router.arrive(key, &[b"m"]);
    assert_eq!(router.recv().unwrap()[0].len(), 5);
}
