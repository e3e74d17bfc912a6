//! Models of the queue. Chunks are so small that each has room for one frame or two.

use std::sync::Arc;

use loom::model::Builder;

use super::*;
use crate::message::PeerInfo;
use crate::sync::{EventFd, thread};

/// 64 bytes of records.
const TINY: &[usize] = &[chunk::MINIMUM];

/// Longer than half a chunk.
const HALF: usize = 40;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Runs `write` and `read` in a thread each. The writer rings the bell when it is told to.
///
/// The writer is the first, and neither runs in the main thread: loom remembers only the last access to
/// each object, and from there finds more orders this way.
fn run(
    write: impl FnOnce(&mut Writer, &EventFd) + 'static,
    read: impl FnOnce(&mut Reader, &EventFd) + 'static,
) {
    let (mut writer, mut reader) = queue_with_chunks(TINY);
    let bell = crate::sync::Arc::new(EventFd::new().unwrap());
    let same_bell = crate::sync::Arc::clone(&bell);
    let writing = thread::spawn(move || write(&mut writer, &bell));
    let reading = thread::spawn(move || read(&mut reader, &same_bell));
    writing.join().unwrap();
    reading.join().unwrap();
}

fn commit(writer: &mut Writer, bell: &EventFd) {
    if writer.commit() {
        bell.write();
    }
}

/// Sleeps until there is something to read.
fn wait(reader: &mut Reader, bell: &EventFd) {
    while reader.is_empty() {
        if reader.sleep() {
            bell.wait(None).unwrap();
            bell.read();
        }
    }
}

/// The frame that is there: MORE, first byte, length.
fn frame(reader: &mut Reader) -> (bool, u8, usize) {
    reader
        .read_with(|more, body| match body {
            BodyRef::Copied(bytes) => (more, bytes[0], bytes.len()),
            BodyRef::Stored(storage) => (more, storage.bytes()[0], storage.len()),
        })
        .expect("a frame")
}

fn append(writer: &mut Writer, more: bool, mark: u8, length: usize) {
    writer.append(more, &vec![mark; length]).unwrap();
}

/// Either the reader sees a commit before it sleeps, or the commit says that it sleeps.
#[test]
fn loom_commit_is_seen_or_wakes() {
    check(|| {
        run(
            |writer, bell| {
                for mark in 1..=2 {
                    append(writer, false, mark, 1);
                    commit(writer, bell);
                }
            },
            |reader, bell| {
                for mark in 1..=2 {
                    wait(reader, bell);
                    assert_eq!(frame(reader), (false, mark, 1));
                }
            },
        );
    });
}

/// One fence behind what is published to several queues: each reader sees it before it sleeps, or is to be woken.
#[test]
fn loom_many_published_queues_have_one_fence() {
    check(|| {
        let bell = crate::sync::Arc::new(EventFd::new().unwrap());
        let same_bell = crate::sync::Arc::clone(&bell);
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let (writer, reader) = queue_with_chunks(TINY);
            writers.push(writer);
            readers.push(reader);
        }
        let writing = thread::spawn(move || {
            for writer in &mut writers {
                append(writer, false, 7, 1);
                assert!(writer.publish());
            }
            before_wakes();
            for writer in &writers {
                if writer.must_wake() {
                    bell.write();
                }
            }
        });
        let reading = thread::spawn(move || {
            for reader in &mut readers {
                wait(reader, &same_bell);
                assert_eq!(frame(reader), (false, 7, 1));
            }
        });
        writing.join().unwrap();
        reading.join().unwrap();
    });
}

/// A reader that does something else in between: the flag of its sleep is put back when it finds
/// something by itself.
#[test]
fn loom_waking_by_itself() {
    check(|| {
        run(
            |writer, bell| {
                for mark in 1..=2 {
                    append(writer, false, mark, 1);
                    commit(writer, bell);
                }
            },
            |reader, bell| {
                let _ = reader.sleep();
                if !reader.is_empty() {
                    assert_eq!(frame(reader), (false, 1, 1));
                } else {
                    wait(reader, bell);
                    assert_eq!(frame(reader), (false, 1, 1));
                }
                wait(reader, bell);
                assert_eq!(frame(reader), (false, 2, 1));
            },
        );
    });
}

/// Behind a message that the reader may be reading, and into the last chunk goes one more.
#[test]
fn loom_message_across_chunks_comes_whole() {
    check(|| {
        run(
            |writer, bell| {
                append(writer, false, 1, HALF);
                commit(writer, bell);
                append(writer, true, 2, HALF);
                append(writer, true, 3, HALF);
                append(writer, false, 4, 10);
                commit(writer, bell);
                append(writer, false, 5, 10);
                commit(writer, bell);
            },
            |reader, bell| {
                wait(reader, bell);
                assert_eq!(frame(reader), (false, 1, HALF));
                wait(reader, bell);
                assert_eq!(frame(reader), (true, 2, HALF));
                // No waiting in between.
                assert_eq!(frame(reader), (true, 3, HALF));
                assert_eq!(frame(reader), (false, 4, 10));
                wait(reader, bell);
                assert_eq!(frame(reader), (false, 5, 10));
            },
        );
    });
}

/// The first message of the queue, found in its head.
#[test]
fn loom_first_message_across_chunks_comes_whole() {
    check(|| {
        run(
            |writer, bell| {
                append(writer, true, 1, HALF);
                append(writer, true, 2, HALF);
                append(writer, false, 3, HALF);
                commit(writer, bell);
            },
            |reader, bell| {
                wait(reader, bell);
                assert_eq!(frame(reader), (true, 1, HALF));
                assert_eq!(frame(reader), (true, 2, HALF));
                assert_eq!(frame(reader), (false, 3, HALF));
            },
        );
    });
}

/// A connection's way of reading: a run ends at the end of a message, bytes and count belong together.
#[test]
fn loom_runs_are_whole_messages() {
    check(|| {
        run(
            |writer, bell| {
                append(writer, true, 1, 50);
                append(writer, false, 2, 12);
                commit(writer, bell);
                let body = Storage::copy_of(&[3; 10]).unwrap();
                writer.append_storage(false, body).unwrap();
                commit(writer, bell);
            },
            |reader, bell| {
                let mut gather = Gather::new();
                let (mut messages, mut bytes) = (0, 0);
                while messages < 2 {
                    wait(reader, bell);
                    let length = reader.gather(1 << 20, &mut gather).len();
                    let advanced = reader.advance(length);
                    assert!(advanced.cut.is_none() && !advanced.mid_message);
                    messages += advanced.messages;
                    bytes += length;
                    assert_eq!(bytes, [0, 66, 78][messages as usize]);
                }
            },
        );
    });
}

/// What is taken back is never seen, and its memory is used again.
#[test]
fn loom_rollback_is_invisible() {
    check(|| {
        let peer = Arc::new(PeerInfo::new([].into(), None, -1, &[]));
        let sent = Arc::clone(&peer);
        run(
            move |writer, bell| {
                append(writer, false, 1, 10);
                commit(writer, bell);
                append(writer, true, 2, 10);
                append(writer, true, 3, HALF);
                writer
                    .append_special(Special::Peer(Introduction::new(sent)))
                    .unwrap();
                writer.rollback();
                append(writer, true, 3, 1);
                writer.rollback();
                append(writer, false, 4, 10);
                append(writer, false, 5, HALF);
                commit(writer, bell);
            },
            |reader, bell| {
                for (mark, length) in [(1, 10), (4, 10), (5, HALF)] {
                    wait(reader, bell);
                    assert_eq!(frame(reader), (false, mark, length));
                }
            },
        );
        assert_eq!(Arc::strong_count(&peer), 1);
    });
}

/// The writer fills a chunk again only after everything in it was read.
#[test]
fn loom_spare_chunk_is_handed_back() {
    check(|| {
        run(
            |writer, bell| {
                for mark in 1..=3 {
                    append(writer, false, mark, HALF);
                    commit(writer, bell);
                }
            },
            |reader, bell| {
                for mark in 1..=3 {
                    wait(reader, bell);
                    assert_eq!(frame(reader), (false, mark, HALF));
                }
            },
        );
    });
}

/// A writer that gives its last chunk away goes on in the head.
#[test]
fn loom_trim_loses_nothing() {
    check(|| {
        run(
            |writer, bell| {
                append(writer, false, 1, 10);
                commit(writer, bell);
                writer.trim();
                append(writer, false, 2, 10);
                commit(writer, bell);
                writer.trim();
            },
            |reader, bell| {
                for mark in 1..=2 {
                    wait(reader, bell);
                    assert_eq!(frame(reader), (false, mark, 10));
                }
                reader.trim();
            },
        );
    });
}

/// The two sides go in any order, with anything read or not: everything is dropped, once.
#[test]
fn loom_last_side_drops_the_rest() {
    check(|| {
        let peer = Arc::new(PeerInfo::new([].into(), None, -1, &[]));
        let sent = Arc::clone(&peer);
        run(
            move |writer, _| {
                let special = || Special::Peer(Introduction::new(Arc::clone(&sent)));
                writer.append_special(special()).unwrap();
                writer.commit();
                append(writer, true, 1, HALF);
                append(writer, false, 2, 1);
                writer.append_special(special()).unwrap();
                writer.commit();
                append(writer, true, 3, 1);
                writer.append_special(special()).unwrap();
            },
            |reader, _| {
                drop(reader.take_special());
                reader.skip();
            },
        );
        assert_eq!(Arc::strong_count(&peer), 1);
    });
}
