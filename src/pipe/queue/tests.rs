//! Tests of the queue: single operations, runs, two threads, memory. Random operations: `model`.

mod model;

use super::*;
use crate::sync::thread;
use model::{Random, other_header};

/// Small enough that records, messages and runs cross chunks all the time.
const TINY: &[usize] = &[chunk::MINIMUM, 192, 256];

#[test]
fn a_message_over_many_chunks_appears_at_once() {
    let (mut writer, mut reader) = queue_with_chunks(TINY);
    for number in 0..50_u8 {
        writer.append(true, &[number; 40]).unwrap();
        assert!(reader.is_empty());
        writer.commit();
        assert!(reader.is_empty(), "part of a message is visible");
    }
    writer.append(false, b"end").unwrap();
    assert!(reader.is_empty());
    writer.commit();
    for number in 0..50_u8 {
        let same = reader.read_with(|more, body| match body {
            BodyRef::Copied(body) => more && body == [number; 40],
            BodyRef::Stored(_) => false,
        });
        assert_eq!(same, Some(true));
    }
    assert_eq!(reader.read_with(|more, _| more), Some(false));
    assert!(reader.is_empty());
}

#[test]
fn a_commit_publishes_whole_messages_only() {
    let (mut writer, mut reader) = queue();
    writer.append(false, b"whole").unwrap();
    writer.append(true, b"part").unwrap();
    writer.commit();
    assert_eq!(reader.read_with(|more, _| more), Some(false));
    assert!(reader.is_empty());
    assert!(writer.has_uncommitted());
    writer.rollback();
    assert!(!writer.has_uncommitted());
    writer.append(false, b"next").unwrap();
    writer.commit();
    assert!(matches!(
        reader.peek(),
        Some(Item::Frame { body: b"next", .. })
    ));
}

#[test]
fn a_sleeping_reader_is_announced_once() {
    let (mut writer, mut reader) = queue();
    writer.append(false, b"1").unwrap();
    assert!(!writer.commit(), "it has not slept yet");
    assert!(!reader.sleep(), "there is something");
    reader.skip();
    assert!(reader.sleep());
    assert!(reader.sleep(), "still");
    assert!(!writer.commit(), "nothing to commit");
    writer.append(false, b"2").unwrap();
    assert!(writer.commit());
    writer.append(false, b"3").unwrap();
    assert!(!writer.commit(), "only once");
    reader.skip();
    reader.skip();
    assert!(reader.sleep());
    reader.wake_up();
    writer.append(false, b"4").unwrap();
    assert!(!writer.commit(), "it is awake");
}

#[test]
fn a_reader_that_finds_something_is_awake() {
    let (mut writer, mut reader) = queue();
    assert!(reader.sleep());
    writer.append(false, b"1").unwrap();
    assert!(writer.commit());
    // Asleep once more although there is something: it did not look.
    reader
        .shared_for_tests()
        .asleep
        .swap(true, std::sync::atomic::Ordering::Relaxed);
    reader.skip();
    writer.append(false, b"2").unwrap();
    assert!(!writer.commit());
}

#[test]
fn a_failing_reader_leaves_a_copied_frame() {
    let (mut writer, mut reader) = queue();
    writer.append(false, b"stays").unwrap();
    writer.commit();
    assert_eq!(
        reader.try_read_with(|_, _| Err::<(), _>("no")),
        Some(Err("no"))
    );
    assert_eq!(
        reader.try_read_with(|more, _| Ok::<_, ()>(more)),
        Some(Ok(false))
    );
    assert_eq!(reader.try_read_with(|more, _| Ok::<_, ()>(more)), None);
}

#[test]
fn impossible_sizes_leave_the_queue_as_it_was() {
    let (mut writer, mut reader) = queue();
    assert!(chunk::Chunk::allocate(512, usize::MAX / 2).is_err());
    assert!(chunk::Chunk::allocate(512, (1 << 31) + 1).is_err());
    writer.append(false, b"after").unwrap();
    writer.commit();
    assert!(matches!(
        reader.peek(),
        Some(Item::Frame { body: b"after", .. })
    ));
}

#[test]
fn a_large_copied_body_gets_a_chunk_of_its_size() {
    let (mut writer, mut reader) = queue();
    let large = vec![7_u8; 300_000];
    for _ in 0..3 {
        writer.append(false, &large).unwrap();
        writer.append(false, b"").unwrap();
    }
    writer.commit();
    for _ in 0..3 {
        assert!(matches!(reader.peek(), Some(Item::Frame { body, .. }) if body == large));
        reader.skip();
        assert!(matches!(reader.peek(), Some(Item::Frame { body: b"", .. })));
        reader.skip();
    }
    assert!(reader.is_empty());
}

#[test]
fn small_stored_bodies_are_gathered_into_few_slices() {
    let (mut writer, mut reader) = queue();
    for _ in 0..1000 {
        let body = Storage::copy_of(&[1; 40]).unwrap();
        writer.append_storage(false, body).unwrap();
    }
    writer.commit();
    let mut gather = Gather::new();
    let run = reader.gather(256 * 1024, &mut gather);
    assert_eq!(run.len(), 1000 * 42);
    assert_eq!(run.slices().len(), 1);
    assert_eq!(reader.advance(1000 * 42).messages, 1000);
    assert!(reader.is_empty());
    let run = reader.gather(256 * 1024, &mut gather);
    assert_eq!(run.len(), 0);
}

#[test]
fn reframed_bodies_go_out_as_they_lie_unless_they_are_small() {
    let (mut writer, mut reader) = queue();
    let large = Storage::copy_of(&[1; 5000]).unwrap();
    let at = large.bytes().as_ptr();
    for _ in 0..100 {
        writer.append(true, &[2; 40]).unwrap();
        writer.append(true, &[3; 50]).unwrap();
        writer.append_storage(false, large.clone()).unwrap();
    }
    writer.commit();
    let mut gather = Gather::new();
    let run = reader.gather_reframed(other_header, 1 << 20, &mut gather);
    // 40 and 50 bytes have headers of 1 byte, 5000 too.
    let slices: Vec<_> = run.slices().map(|slice| slice.len()).collect();
    assert_eq!(slices[..4], [93, 5000, 93, 5000]);
    assert!(slices.len() >= Gather::SLICES - 1, "{}", slices.len());
    assert_eq!(run.slices().nth(1).unwrap().as_ptr(), at);
    assert_eq!(reader.advance_reframed(other_header, 2 * 5093).messages, 2);
}

#[test]
fn a_steady_stream_of_small_frames_fills_whole_writes_reframed() {
    let (mut writer, mut reader) = queue();
    for number in 0..10_000_u32 {
        writer.append(false, &number.to_be_bytes()).unwrap();
    }
    writer.commit();
    let mut gather = Gather::new();
    let mut written = Vec::new();
    let mut runs = 0;
    loop {
        let run = reader.gather_reframed(other_header, 1 << 20, &mut gather);
        if run.is_empty() {
            break;
        }
        let bytes: Vec<u8> = run.slices().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(run.slices().len(), 1);
        reader.advance_reframed(other_header, bytes.len());
        written.extend(bytes);
        runs += 1;
    }
    let expected: Vec<u8> = (0..10_000_u32)
        .flat_map(|number| {
            let (header, size) = other_header(false, 4);
            [&header[..size], &number.to_be_bytes()].concat()
        })
        .collect();
    assert_eq!(written, expected);
    assert_eq!(runs, 2);
}

/// Also where something that is no message stands behind so many bodies.
#[test]
fn a_run_has_no_more_slices_than_it_says() {
    let (mut writer, mut reader) = queue();
    for _ in 0..Gather::SLICES / 2 {
        let body = Storage::copy_of(&[7; 2049]).unwrap();
        writer.append_storage(false, body).unwrap();
    }
    writer.append(false, b"short").unwrap();
    let topic = b"topic".as_slice().into();
    let special = Special::Subscription {
        subscribe: true,
        topic,
    };
    writer.append_special(special).unwrap();
    writer.commit();
    let mut gather = Gather::new();
    let run = reader.gather(1 << 20, &mut gather);
    let (slices, length) = run.slices().fold((0, 0), |(slices, length), slice| {
        (slices + 1, length + slice.len())
    });
    assert!(slices <= Gather::SLICES, "{slices} slices");
    reader.advance(length);
    let run = reader.gather(1 << 20, &mut gather);
    assert_eq!(run.slices().collect::<Vec<_>>().concat(), b"\0\x05short");
}

#[test]
fn copied_records_are_gathered_where_they_lie() {
    let (mut writer, mut reader) = queue_with_chunks(&[64 * 1024]);
    for _ in 0..100 {
        writer.append(false, &[1; 100]).unwrap();
    }
    writer.commit();
    let first = match reader.peek() {
        Some(Item::Frame { body, .. }) => body.as_ptr().wrapping_sub(2),
        _ => panic!("a frame was written"),
    };
    let mut gather = Gather::new();
    let run = reader.gather(1 << 20, &mut gather);
    let slices: Vec<_> = run.slices().collect();
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].as_ptr(), first);
}

#[test]
fn a_steady_stream_uses_the_same_chunks() {
    let (mut writer, mut reader) = queue_with_chunks(TINY);
    let mut places = std::collections::HashSet::new();
    for _ in 0..2000 {
        writer.append(false, &[0; 50]).unwrap();
        writer.commit();
        if let Some(Item::Frame { body, .. }) = reader.peek() {
            places.insert(body.as_ptr());
        }
        reader.skip();
    }
    assert!(
        places.len() < 20,
        "{} places for 2000 messages",
        places.len()
    );
}

#[test]
fn a_trimmed_queue_holds_no_chunk_and_goes_on() {
    let (mut writer, mut reader) = queue();
    for round in 0..3 {
        for _ in 0..2000 {
            writer.append(false, &[round; 100]).unwrap();
        }
        writer.commit();
        writer.append(true, b"unfinished").unwrap();
        writer.trim();
        writer.rollback();
        while !reader.is_empty() {
            reader.skip();
        }
        writer.trim();
        reader.trim();
        assert!(writer.holds_no_chunk() && reader.holds_no_chunk());
    }
}

#[test]
fn two_threads_lose_and_double_nothing() {
    const MESSAGES: u64 = if cfg!(miri) { 200 } else { 200_000 };
    for sizes in [TINY, CHUNK_SIZES] {
        let (mut writer, mut reader) = queue_with_chunks(sizes);
        let parked = thread::current();
        let sender = thread::spawn(move || {
            let mut random = Random(99);
            for number in 0..MESSAGES {
                let frames = 1 + random.below(3);
                for frame in 1..=frames {
                    let more = frame < frames;
                    if random.below(4) == 0 {
                        let body = Storage::copy_of(&number.to_le_bytes()).unwrap();
                        writer.append_storage(more, body).unwrap();
                    } else {
                        writer.append(more, &number.to_le_bytes()).unwrap();
                    }
                }
                if random.below(50) == 0 {
                    // Never seen: taken back.
                    writer.append(true, b"rolled back").unwrap();
                    writer.rollback();
                }
                if (random.below(4) == 0 || number + 1 == MESSAGES) && writer.commit() {
                    parked.unpark();
                }
            }
        });
        let mut expected = 0;
        while expected < MESSAGES {
            let read = reader.read_with(|more, body| {
                let mut number = [0; 8];
                match body {
                    BodyRef::Copied(body) => number.copy_from_slice(body),
                    BodyRef::Stored(body) => number.copy_from_slice(body.bytes()),
                }
                (more, u64::from_le_bytes(number))
            });
            match read {
                Some((more, number)) => {
                    assert_eq!(number, expected);
                    expected += u64::from(!more);
                }
                None if reader.sleep() => thread::park(),
                None => {}
            }
        }
        sender.join().unwrap();
        assert!(reader.is_empty());
    }
}

#[test]
fn the_last_of_two_threads_frees_everything() {
    for round in 0..if cfg!(miri) { 4 } else { 200 } {
        let (mut writer, mut reader) = queue_with_chunks(TINY);
        let storage = Storage::copy_of(&[1; 100]).unwrap();
        let kept = storage.clone();
        let other = thread::spawn(move || {
            for _ in 0..round {
                reader.skip();
            }
        });
        for number in 0..100 {
            writer
                .append_storage(number % 3 == 0, storage.clone())
                .unwrap();
            if number % 7 == 0 {
                writer.commit();
            }
        }
        drop(storage);
        drop(writer);
        other.join().unwrap();
        let mut last = kept;
        assert!(
            last.bytes_mut().is_some(),
            "somebody still holds a reference"
        );
    }
}

/// cargo test --profile quick --lib -- --ignored --nocapture queue_speed
#[test]
#[ignore = "measures"]
fn queue_speed() {
    use std::io::Write;
    const MESSAGES: u64 = 10_000_000;
    for (batch, copy_out) in [(1, false), (16, false), (256, false), (1, true), (16, true)] {
        let (mut writer, mut reader) = queue();
        let sender = thread::spawn(move || {
            let body = [1_u8; 100];
            for number in 1..=MESSAGES {
                writer.append(false, &body).unwrap();
                if number % batch == 0 || number == MESSAGES {
                    writer.commit();
                }
            }
        });
        let begin = crate::clock::now();
        let mut read = 0;
        let mut buffer = [0_u8; 100];
        while read < MESSAGES {
            let taken = reader.read_with(|_, body| {
                if let BodyRef::Copied(body) = body {
                    if copy_out {
                        buffer.copy_from_slice(body);
                    } else {
                        buffer[0] ^= body[0];
                    }
                }
            });
            match taken {
                Some(()) => read += 1,
                None => std::hint::spin_loop(),
            }
        }
        let nanoseconds = (crate::clock::now() - begin).as_nanos() as f64 / MESSAGES as f64;
        sender.join().unwrap();
        let _ = writeln!(
            std::io::stderr(),
            "commit per {batch:3}, copied out {copy_out}: {nanoseconds:.1} ns a message"
        );
        std::hint::black_box(buffer);
    }
}

/// Counted across chunks and past specials; what is not committed does not count.
#[test]
fn unread_messages_are_counted() {
    let (mut writer, mut reader) = queue();
    assert_eq!(reader.count_messages(), 0);
    let large = Storage::copy_of(&[1; 5000]).unwrap();
    let mut committed = 0;
    for round in 0..500_u64 {
        writer.append(true, &[2; 40]).unwrap();
        writer.append_storage(false, large.clone()).unwrap();
        writer.append_special(Special::Restart).unwrap();
        if round % 3 == 0 {
            writer.commit();
            committed = round + 1;
        }
        assert_eq!(reader.count_messages(), committed);
    }
    for read in 0..committed {
        assert_eq!(reader.count_messages(), committed - read);
        reader.skip();
        assert_eq!(reader.count_messages(), committed - read);
        reader.skip();
        assert_eq!(reader.count_messages(), committed - read - 1);
        assert!(matches!(reader.take_special(), Some(Special::Restart)));
    }
}

/// Where bodies of a stream of so many messages lie. Each is read before the next; `sleeps`: the reader sleeps in between.
fn places_of_a_stream(
    writer: &mut Writer,
    reader: &mut Reader,
    messages: usize,
    sleeps: bool,
) -> std::collections::HashSet<usize> {
    let mut places = std::collections::HashSet::new();
    for _ in 0..messages {
        if sleeps {
            assert!(reader.sleep());
        }
        writer.append(false, &[7; 200]).unwrap();
        writer.commit();
        if let Some(Item::Frame { body, .. }) = reader.peek() {
            places.insert(body.as_ptr().addr() / chunk_pool::SIZE);
        }
        reader.skip();
    }
    places
}

/// What comes now and then, to a reader that sleeps meanwhile, has two chunks; a stream has many, but takes what there is
/// if there is no memory for them.
#[test]
fn only_a_stream_has_many_chunks() {
    const MESSAGES: usize = if cfg!(miri) { 2000 } else { 50_000 };
    let (mut writer, mut reader) = queue();
    for _ in 0..1000 {
        writer.append(false, &[7; 200]).unwrap();
    }
    writer.commit();
    reader.discard();
    // A chunk may lie across two of these places.
    assert!(places_of_a_stream(&mut writer, &mut reader, MESSAGES, true).len() <= 4);
    let stream = places_of_a_stream(&mut writer, &mut reader, MESSAGES, false).len();
    assert!(stream > 8 || cfg!(miri), "{stream}");
    free_spare_chunks();
    NO_MEMORY.set(true);
    places_of_a_stream(&mut writer, &mut reader, MESSAGES, false);
    NO_MEMORY.set(false);
}
