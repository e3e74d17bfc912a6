//! Tests of a pipe from both ends: markers, states, conflation.

mod limits;

use std::sync::Arc;

use super::frame::COPY_LIMIT;
use super::queue::{Gather, Special};
use super::*;
use crate::message::{Message, PeerInfo, Storage};
use crate::sync::atomic::Ordering;
use crate::sync::{Mutex, thread};

/// An owner that keeps what it is told.
#[derive(Debug, Default)]
struct Owner(Mutex<Vec<Notice>>);

impl Owner {
    fn of(end: &PipeEnd) -> Arc<Self> {
        let owner = Arc::new(Self::default());
        end.set_wake(Arc::clone(&owner) as Arc<dyn Wake>);
        owner
    }

    fn told(&self) -> Vec<Notice> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Wake for Owner {
    fn wake(&self, notice: Notice) {
        self.0.lock().push(notice);
    }
}

/// A pipe in one direction: what the writer's SNDHWM and the reader's RCVHWM bring in.
fn limited(writer: Option<i32>, reader: Option<i32>) -> (PipeEnd, PipeEnd) {
    pipe(
        Limits {
            send: writer,
            receive: None,
        },
        Limits {
            send: None,
            receive: reader,
        },
        Conflate::NEITHER,
    )
}

fn unlimited() -> (PipeEnd, PipeEnd) {
    limited(Some(0), Some(0))
}

fn write_frame(end: &mut PipeEnd, body: &[u8], more: bool) {
    end.write(&mut Outgoing::from_bytes(body, more), more)
        .unwrap();
}

fn write(end: &mut PipeEnd) -> bool {
    let can_write = end.can_write();
    if can_write {
        write_frame(end, b"x", false);
    }
    can_write
}

/// Writes until the pipe is full, at most `limit` messages: how many.
fn fill(end: &mut PipeEnd, limit: usize) -> usize {
    (0..limit).take_while(|_| write(end)).count()
}

fn read(end: &mut PipeEnd) -> Option<(Vec<u8>, bool)> {
    if end.head() != Head::Frame {
        return None;
    }
    let mut message = Message::new();
    let mut into = Incoming::into_message(&mut message);
    assert_eq!(end.read(&mut into), Some(Ok(())));
    let more = into.more;
    Some((message.bytes().to_vec(), more))
}

#[test]
fn the_reader_is_told_once_when_it_sleeps() {
    let (mut from, mut to) = unlimited();
    let owner = Owner::of(&to);
    assert!(write(&mut from));
    assert_eq!(owner.told(), [], "it has never looked");
    assert_eq!(to.head(), Head::Frame);
    read(&mut to).unwrap();
    assert_eq!(to.head(), Head::Empty);
    write_frame(&mut from, b"x", true);
    assert_eq!(owner.told(), [], "not a whole message");
    assert_eq!(to.head(), Head::Empty);
    write_frame(&mut from, b"x", false);
    assert_eq!(owner.told(), [Notice::Readable]);
    assert!(write(&mut from));
    assert_eq!(owner.told(), []);
}

/// Whether the bytes of a message stay where they are on their way into a pipe.
fn goes_by_reference(body: Storage, into_stream: bool) -> bool {
    let (mut from, mut to) = unlimited();
    if into_stream {
        from.leads_to_stream();
    }
    let mut message = Message::from_storage(body);
    let at = message.bytes().as_ptr();
    let mut frame = Outgoing::from_message(&mut message, false);
    from.write(&mut frame, false).unwrap();
    assert_eq!(to.head(), Head::Frame);
    let (_, bytes) = to.peek().expect("a frame");
    bytes.as_ptr() == at
}

/// Over inproc the block itself arrives (protocols: "Records"); to a connection only what is long, or the user's.
#[test]
fn short_blocks_are_copied_for_connections() {
    let own = |size| Storage::copy_of(&vec![7; size]).unwrap();
    for (size, into_stream, expected) in [
        (COPY_LIMIT, true, false),
        (COPY_LIMIT + 1, true, true),
        (COPY_LIMIT, false, true),
    ] {
        let found = goes_by_reference(own(size), into_stream);
        assert_eq!(found, expected, "{size} B, into a stream: {into_stream}");
    }
    assert!(goes_by_reference(Storage::constant(b"user's"), true));
}

#[test]
fn what_is_rolled_back_is_never_seen() {
    let (mut from, mut to) = limited(Some(1), None);
    write_frame(&mut from, b"lost", true);
    assert!(from.is_mid_write());
    assert!(from.rollback());
    assert!(!from.is_mid_write());
    assert!(!from.rollback());
    write_frame(&mut from, b"kept", false);
    assert_eq!(read(&mut to), Some((b"kept".to_vec(), false)));
    assert_eq!(read(&mut to), None);
}

#[test]
fn a_finished_direction_is_read_to_its_end() {
    let (mut from, mut to) = unlimited();
    let owner = Owner::of(&to);
    write_frame(&mut from, b"last", false);
    write_frame(&mut from, b"unfinished", true);
    from.finish();
    assert_eq!(owner.told(), [Notice::Ended]);
    assert!(!from.can_write());
    assert!(to.is_inbound_ended() && !to.is_inbound_aborted());
    assert!(!to.is_exhausted());
    assert_eq!(read(&mut to), Some((b"last".to_vec(), false)));
    assert!(to.is_drained());
    assert!(to.is_exhausted());
    assert!(to.can_write(), "the other direction goes on");
}

#[test]
fn an_aborted_direction_says_so() {
    let (mut from, to) = unlimited();
    from.finish();
    from.abort();
    assert!(to.is_inbound_aborted());
    let (mut from, to) = unlimited();
    from.abort();
    from.finish();
    assert!(to.is_inbound_aborted(), "an abort is not taken back");
}

#[test]
fn a_reader_that_is_gone_stops_the_writer() {
    let (mut from, mut to) = unlimited();
    let owner = Owner::of(&from);
    let peer = Arc::new(PeerInfo::new([].into(), None, -1, &[]));
    from.introduce(Arc::clone(&peer)).unwrap();
    from.flush();
    to.stop_reading();
    assert_eq!(owner.told(), [Notice::Ended]);
    assert_eq!(Arc::strong_count(&peer), 1, "what was queued is dropped");
    assert!(!from.can_write());
    assert!(from.is_abandoned() && from.is_write_closed());
    assert!(to.can_write(), "the other direction goes on");
}

#[test]
fn an_end_that_is_dropped_aborts_and_leaves() {
    let (from, mut to) = unlimited();
    let owner = Owner::of(&to);
    drop(from);
    assert_eq!(owner.told(), [Notice::Ended, Notice::Ended]);
    assert!(to.is_inbound_aborted());
    assert!(!to.can_write());
}

#[test]
fn leaving_keeps_what_was_written() {
    let (mut from, mut to) = unlimited();
    write_frame(&mut from, b"bye", false);
    from.leave();
    drop(from);
    assert!(!to.is_inbound_aborted());
    assert_eq!(read(&mut to), Some((b"bye".to_vec(), false)));
    assert!(to.is_drained());
}

#[test]
fn a_restart_is_asked_of_the_other_side() {
    let (mut socket, mut connection) = unlimited();
    let owner = Owner::of(&socket);
    connection.announce_restart();
    assert_eq!(owner.told(), [Notice::Restarted]);
    write_frame(&mut socket, b"old", false);
    socket.append_special(Special::Restart).unwrap();
    write_frame(&mut socket, b"new", false);
    assert_eq!(read(&mut connection), Some((b"old".to_vec(), false)));
    assert_eq!(connection.head(), Head::Special);
    assert!(matches!(connection.take_special(), Some(Special::Restart)));
    assert_eq!(read(&mut connection), Some((b"new".to_vec(), false)));
}

#[test]
fn markers_need_no_credit() {
    let (mut from, mut to) = limited(Some(1), None);
    assert_eq!(fill(&mut from, 9), 1);
    for _ in 0..5 {
        from.append_special(Special::Notify).unwrap();
    }
    from.flush();
    read(&mut to).unwrap();
    for _ in 0..5 {
        assert_eq!(to.head(), Head::Special);
        assert!(matches!(to.take_special(), Some(Special::Notify)));
    }
    assert_eq!(to.head(), Head::Empty);
}

/// It is known before the first message, and messages before and after another handshake differ.
#[test]
fn the_peer_changes_in_its_place() {
    let (mut from, mut to) = unlimited();
    for id in [b"one", b"two"] {
        let peer = PeerInfo::new(id.as_slice().into(), None, 7, &[]);
        from.introduce(Arc::new(peer)).unwrap();
        write_frame(&mut from, id, false);
    }
    let mut seen = Vec::new();
    for id in [b"one", b"two"] {
        assert_eq!(to.head(), Head::Frame);
        seen.push(to.peer().cloned().unwrap());
        assert_eq!(read(&mut to), Some((id.to_vec(), false)));
    }
    assert!(!Arc::ptr_eq(&seen[0], &seen[1]));
}

#[test]
fn a_conflating_direction_keeps_the_newest() {
    let limits = Limits {
        send: Some(1),
        receive: Some(1),
    };
    let (mut from, mut to) = pipe(limits, limits, Conflate::BOTH);
    let owner = Owner::of(&to);
    assert_eq!(to.head(), Head::Empty);
    for body in [b"1", b"2", b"3"] {
        assert!(from.can_write(), "there is always room");
        write_frame(&mut from, body, false);
    }
    assert_eq!(owner.told(), [Notice::Readable]);
    assert_eq!(read(&mut to), Some((b"3".to_vec(), false)));
    assert_eq!(read(&mut to), None);
    let mut pipes = Pipes::default();
    let key = pipes.insert(from);
    let mut frame = Outgoing::from_bytes(b"4", false);
    pipes.write_quietly(key, &mut frame, false, true).unwrap();
    pipes.wake_readers(&[key]);
    assert_eq!(owner.told(), [Notice::Readable]);
    pipes.get(key).unwrap().finish();
    assert_eq!(read(&mut to), Some((b"4".to_vec(), false)));
    assert_eq!(to.head(), Head::Empty);
    assert!(to.is_exhausted());
}

#[test]
fn keys_of_pipes_that_are_gone_find_nothing() {
    let mut pipes = Pipes::default();
    let (one, _other_of_one) = unlimited();
    let first = pipes.insert(one);
    assert_eq!(pipes.keys(), [first]);
    assert!(pipes.remove(first).is_some());
    assert!(pipes.keys().is_empty());
    let (two, _other_of_two) = unlimited();
    let second = pipes.insert(two);
    assert_eq!(first.index(), second.index(), "the place is used again");
    assert!(pipes.get(first).is_none() && pipes.remove(first).is_none());
    assert!(!pipes.can_write(first) && pipes.can_write(second));
    assert!(pipes.is_write_closed(first));
}

/// Woken through a thread's parking place.
#[derive(Debug)]
struct Parked {
    thread: thread::Thread,
    notices: Mutex<Vec<Notice>>,
}

impl Wake for Parked {
    fn wake(&self, notice: Notice) {
        self.notices.lock().push(notice);
        self.thread.unpark();
    }
}

fn park(owner: &Parked) -> Vec<Notice> {
    loop {
        let notices = std::mem::take(&mut *owner.notices.lock());
        if !notices.is_empty() {
            return notices;
        }
        thread::park();
    }
}

fn parked(end: &PipeEnd) -> Arc<Parked> {
    let owner = Arc::new(Parked {
        thread: thread::current(),
        notices: Mutex::new(Vec::new()),
    });
    end.set_wake(Arc::clone(&owner) as Arc<dyn Wake>);
    owner
}

/// A writer and a reader, both of which wait all the time, while the limits change under them.
#[test]
fn two_threads_and_little_room() {
    let count: u32 = if cfg!(miri) { 40 } else { 20_000 };
    let (mut from, mut to) = limited(Some(2), Some(1));
    let writer = thread::spawn(move || {
        let owner = parked(&from);
        for number in 0..count {
            if number % 1000 == 0 {
                from.set_limits(Some(1 + (number / 1000).cast_signed() % 5), None);
            }
            while !from.can_write() {
                for notice in park(&owner) {
                    match notice {
                        Notice::Writable => from.noticed_writable(),
                        Notice::LimitsChanged => from.limits_changed(),
                        _ => {}
                    }
                }
            }
            write_frame(&mut from, &number.to_be_bytes(), false);
        }
        from.leave();
    });
    let owner = parked(&to);
    let mut expected = 0_u32;
    while !to.is_drained() || !to.is_exhausted() {
        while let Some((body, _)) = read(&mut to) {
            assert_eq!(body, expected.to_be_bytes());
            expected += 1;
            if expected.is_multiple_of(700) {
                to.set_limits(None, Some(1 + (expected / 700).cast_signed() % 4));
            }
        }
        if !to.is_exhausted() {
            for notice in park(&owner) {
                if notice == Notice::LimitsChanged {
                    to.limits_changed();
                }
            }
        }
    }
    writer.join().unwrap();
    assert_eq!(expected, count);
}

/// What needs no credit fills no pipe without bounds: its writer is told when it should stop, and when to go on.
#[test]
fn a_pipe_is_overfull_of_what_needs_no_credit() {
    let (mut from, mut to) = limited(Some(1), None);
    let owner = Owner::of(&from);
    let mut count = 0;
    while !from.is_overfull() {
        from.append_special(Special::Notify).unwrap();
        count += 1;
        assert!(count < 100_000);
    }
    from.flush();
    while to.head() == Head::Special && owner.told().is_empty() {
        to.take_special();
    }
    assert!(!from.is_overfull() && to.head() == Head::Special);
    while to.head() == Head::Special {
        to.take_special();
    }
    let mut count = 0;
    while !from.is_overfull() {
        write_frame(&mut from, b"", false);
        count += 1;
        assert!(count < 1000);
    }
    assert!(count > 2);
    owner.told();
    read(&mut to).unwrap();
    assert_eq!(owner.told(), [Notice::Writable]);
    assert!(!from.is_overfull());
}

/// Introductions weigh what their properties take, as long as the reader has not come by.
#[test]
fn a_pipe_is_overfull_of_introductions() {
    let (mut from, mut to) = unlimited();
    let properties = [(b"X-name".to_vec(), vec![7; 60_000])];
    let peer = Arc::new(PeerInfo::new(Box::default(), None, -1, &properties));
    for _ in 0..100 {
        from.introduce(Arc::clone(&peer)).unwrap();
    }
    assert!(!from.is_overfull(), "only the last one is there");
    let mut count = 0;
    while !from.is_overfull() {
        from.introduce(Arc::clone(&peer)).unwrap();
        write_frame(&mut from, b"lost", false);
        count += 1;
        assert!(count < 100);
    }
    while read(&mut to).is_some() {}
    assert_eq!(from.unread_markers().load(Ordering::Relaxed), 0);
}
