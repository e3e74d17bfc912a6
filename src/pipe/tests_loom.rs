//! Models of a pipe between two owners: credit, the end of a direction.

use std::sync::Arc;

use loom::model::Builder;

use super::*;
use crate::message::Message;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{EventFd, thread};

/// An owner that sleeps until it is told something.
#[derive(Debug)]
struct Owner {
    event: EventFd,
    writable: AtomicBool,
}

impl Owner {
    fn of(end: &PipeEnd) -> Arc<Self> {
        let owner = Arc::new(Self {
            event: EventFd::new().unwrap(),
            writable: AtomicBool::new(false),
        });
        end.set_wake(Arc::clone(&owner) as Arc<dyn Wake>);
        owner
    }

    fn sleep(&self) {
        self.event.wait(None).unwrap();
        self.event.read();
    }
}

impl Wake for Owner {
    fn wake(&self, notice: Notice) {
        if notice == Notice::Writable {
            self.writable.swap(true, Ordering::Relaxed);
        }
        self.event.write();
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

fn limited(writer: i32, reader: Option<i32>) -> (PipeEnd, PipeEnd) {
    let limits = |send, receive| Limits { send, receive };
    pipe(
        limits(Some(writer), None),
        limits(None, reader),
        Conflate::NEITHER,
    )
}

fn write(end: &mut PipeEnd, owner: &Owner, body: u8) {
    while !end.can_write() {
        owner.sleep();
        if owner.writable.swap(false, Ordering::Relaxed) {
            end.noticed_writable();
        }
    }
    end.write(&mut Outgoing::from_bytes(&[body], false), false)
        .unwrap();
}

/// The next message; `None` at the end.
fn read(end: &mut PipeEnd, owner: &Owner) -> Option<u8> {
    loop {
        match end.head() {
            Head::Frame => {
                let mut message = Message::new();
                let read = end.read(&mut Incoming::into_message(&mut message));
                assert_eq!(read, Some(Ok(())));
                return message.bytes().first().copied();
            }
            Head::Special => drop(end.take_special()),
            Head::Empty if end.is_exhausted() => return None,
            Head::Empty => owner.sleep(),
        }
    }
}

/// Runs two sides in a thread each; the ends that they return are dropped when both are through. Neither runs
/// in the main thread: loom remembers only the last access to each object, and from there finds more orders
/// this way.
fn race(first: impl FnOnce() -> PipeEnd + 'static, second: impl FnOnce() -> PipeEnd + 'static) {
    let first = thread::spawn(first);
    let second = thread::spawn(second);
    let ends = (first.join().unwrap(), second.join().unwrap());
    drop(ends);
}

/// Either the writer sees a report before it sleeps, or the report wakes it.
#[test]
fn loom_full_writer_is_woken() {
    check(|| {
        let (mut writer, mut reader) = limited(1, None);
        let (writing, reading) = (Owner::of(&writer), Owner::of(&reader));
        race(
            move || {
                for body in 1..=2 {
                    write(&mut writer, &writing, body);
                }
                writer
            },
            move || {
                for body in 1..=2 {
                    assert_eq!(read(&mut reader, &reading), Some(body));
                }
                reader
            },
        );
    });
}

/// A finished direction is read to its last message; then its end is seen, awake or asleep.
#[test]
fn loom_finish_comes_after_the_last_message() {
    check(|| {
        let (mut writer, mut reader) = limited(0, None);
        let reading = Owner::of(&reader);
        race(
            move || {
                let mut frame = Outgoing::from_bytes(b"1", false);
                writer.write(&mut frame, false).unwrap();
                writer.finish();
                writer
            },
            move || {
                // Looked at without being woken, for another reason.
                for _ in 0..2 {
                    reader.head();
                    assert!(!reader.is_exhausted(), "the message is still there");
                }
                assert_eq!(read(&mut reader, &reading), Some(b'1'));
                assert_eq!(read(&mut reader, &reading), None);
                reader
            },
        );
    });
}

/// The newest message of a conflating direction wakes a reader that sleeps.
#[test]
fn loom_newest_message_wakes() {
    check(|| {
        let limits = Limits {
            send: None,
            receive: None,
        };
        let (mut writer, mut reader) = pipe(limits, limits, Conflate::FORTH);
        let reading = Owner::of(&reader);
        race(
            move || {
                for body in [b"1", b"2"] {
                    let mut frame = Outgoing::from_bytes(body, false);
                    writer.write(&mut frame, false).unwrap();
                }
                writer
            },
            move || {
                while read(&mut reader, &reading) != Some(b'2') {}
                reader
            },
        );
    });
}
