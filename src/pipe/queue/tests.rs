//! Tests of the queue: random operations against a naive model, two threads, memory.

use std::collections::VecDeque;

use super::*;
use crate::sync::thread;

/// Small enough that records, messages and runs cross chunks all the time.
const TINY: &[usize] = &[chunk::MINIMUM, 192, 256];

/// xorshift64*: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = match self.below(10) {
            0 => 0,
            1 => 250 + self.below(10),
            2 => self.below(3000),
            _ => self.below(60),
        };
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A record as the model sees it.
#[derive(Clone, Debug, PartialEq)]
enum Record {
    Frame {
        more: bool,
        body: Vec<u8>,
        stored: bool,
    },
    Topic(Vec<u8>),
    Restart,
}

impl Record {
    /// The frame on the wire (23/ZMTP "Traffic"); empty for a special.
    fn wire(&self) -> Vec<u8> {
        let Self::Frame { more, body, .. } = self else {
            return Vec::new();
        };
        let mut wire = vec![u8::from(*more)];
        if body.len() > 255 {
            wire[0] |= 2;
            wire.extend((body.len() as u64).to_be_bytes());
        } else {
            wire.push(body.len() as u8);
        }
        wire.extend(body);
        wire
    }

    /// The same with [`other_header`].
    fn other_wire(&self) -> Vec<u8> {
        let Self::Frame { more, body, .. } = self else {
            return Vec::new();
        };
        let (header, size) = other_header(*more, body.len());
        [&header[..size], body].concat()
    }

    fn is_special(&self) -> bool {
        !matches!(self, Self::Frame { .. })
    }

    fn ends_message(&self) -> bool {
        matches!(self, Self::Frame { more: false, .. })
    }
}

/// A header that the queue does not know: of 1 to 10 bytes.
fn other_header(more: bool, length: usize) -> ([u8; 10], usize) {
    let mut header = [0xA0 | u8::from(more); 10];
    header[1..9].copy_from_slice(&(length as u64).to_be_bytes());
    (header, 1 + length % 10)
}

fn record_of(special: &Special) -> Record {
    match special {
        Special::Restart => Record::Restart,
        Special::Subscription { topic, .. } => Record::Topic(topic.to_vec()),
        other => panic!("{other:?} was never written"),
    }
}

/// A queue beside its model.
struct Pair {
    writer: Writer,
    reader: Reader,
    /// Visible; appended in whole messages; appended of an unfinished one.
    visible: VecDeque<Record>,
    whole: Vec<Record>,
    unfinished: Vec<Record>,
    mid_read: bool,
    /// A run may end where the writer trimmed.
    trimmed: bool,
    gather: Gather,
}

impl Pair {
    fn new(sizes: &'static [usize]) -> Self {
        let (writer, reader) = queue_with_chunks(sizes);
        Self {
            writer,
            reader,
            visible: VecDeque::new(),
            whole: Vec::new(),
            unfinished: Vec::new(),
            mid_read: false,
            trimmed: false,
            gather: Gather::new(),
        }
    }

    fn append(&mut self, random: &mut Random) {
        let (more, stored, body) = (random.below(3) == 0, random.below(3) == 0, random.bytes());
        if stored {
            let storage = Storage::copy_of(&body).unwrap();
            self.writer.append_storage(more, storage).unwrap();
        } else {
            self.writer.append(more, &body).unwrap();
        }
        self.unfinished.push(Record::Frame { more, body, stored });
        if !more {
            self.whole.append(&mut self.unfinished);
        }
    }

    /// Specials stand between messages.
    fn append_special(&mut self, random: &mut Random) {
        if !self.unfinished.is_empty() {
            return;
        }
        if random.below(3) == 0 {
            self.writer.append_special(Special::Restart).unwrap();
            self.whole.push(Record::Restart);
        } else {
            let topic = random.bytes();
            let copy = topic.clone().into_boxed_slice();
            self.writer
                .append_special(Special::Subscription {
                    subscribe: true,
                    topic: copy,
                })
                .unwrap();
            self.whole.push(Record::Topic(topic));
        }
    }

    fn commit(&mut self) {
        assert_eq!(
            self.writer.has_uncommitted(),
            !self.whole.is_empty() || !self.unfinished.is_empty()
        );
        assert!(!self.writer.commit(), "the reader never slept");
        self.visible.extend(self.whole.drain(..));
    }

    fn rollback(&mut self) {
        self.writer.rollback();
        self.unfinished.clear();
    }

    fn note_read(&mut self, record: &Record) {
        if let Record::Frame { more, .. } = record {
            self.mid_read = *more;
        }
    }

    /// Compares the head, then drops or takes it.
    fn read(&mut self, random: &mut Random) {
        let expected = self.visible.pop_front();
        let found = self.reader.peek().map(|item| match item {
            Item::Frame { more, body } => Record::Frame {
                more,
                body: body.to_vec(),
                // Not to be seen from here; compared when it is taken.
                stored: matches!(expected, Some(Record::Frame { stored: true, .. })),
            },
            Item::Special(special) => record_of(special),
        });
        assert_eq!(found, expected);
        let Some(expected) = expected else {
            assert!(self.reader.is_empty());
            return;
        };
        self.note_read(&expected);
        if random.below(3) == 0 {
            self.reader.skip();
        } else if expected.is_special() {
            assert!(self.reader.read_with(|_, _| ()).is_none());
            assert_eq!(record_of(&self.reader.take_special().unwrap()), expected);
        } else {
            assert!(self.reader.take_special().is_none());
            let taken = self.reader.read_with(|more, body| match body {
                BodyRef::Copied(body) => Record::Frame {
                    more,
                    body: body.to_vec(),
                    stored: false,
                },
                BodyRef::Stored(body) => Record::Frame {
                    more,
                    body: body.bytes().to_vec(),
                    stored: true,
                },
            });
            assert_eq!(taken, Some(expected));
        }
    }

    /// Gathers a run, "writes" all or a part of it.
    fn write_run(&mut self, random: &mut Random) {
        let budget = 1 + random.below(5000) as usize;
        let run = self.reader.gather(budget, &mut self.gather);
        let bytes: Vec<u8> = run.slices().flat_map(|slice| slice.to_vec()).collect();
        assert!(run.slices().len() <= Gather::SLICES);
        let frames = self
            .visible
            .iter()
            .take_while(|record| !record.is_special());
        let expected: Vec<u8> = frames.flat_map(Record::wire).collect();
        assert!(expected.starts_with(&bytes));
        assert_eq!(bytes.is_empty(), expected.is_empty());
        assert!(
            bytes.len() == expected.len()
                || self.trimmed
                || bytes.len() >= budget
                || run.slices().len() + 2 > Gather::SLICES,
            "the run is shorter than it has to be"
        );
        let written = match random.below(2) {
            0 => bytes.len(),
            _ => random.below(bytes.len() as u64 + 1) as usize,
        };
        let advanced = self.reader.advance(written);
        let mut wire = Vec::new();
        let mut messages = 0;
        while wire.len() < written {
            let record = self.visible.pop_front().unwrap();
            wire.extend(record.wire());
            messages += u64::from(record.ends_message());
            self.note_read(&record);
        }
        assert_eq!(advanced.messages, messages);
        assert_eq!(advanced.mid_message, self.mid_read);
        let rest = advanced.cut.map_or_else(Vec::new, |cut| {
            let mut rest = cut.head;
            if let Some((body, sent)) = cut.body {
                rest.extend(&body.bytes()[sent..]);
            }
            assert!(!rest.is_empty() || written == wire.len());
            rest
        });
        assert_eq!(rest, wire[written..]);
    }

    /// The same for frames with other headers.
    fn write_reframed_run(&mut self, random: &mut Random) {
        let budget = 1 + random.below(5000) as usize;
        let run = self
            .reader
            .gather_reframed(other_header, budget, &mut self.gather);
        let bytes: Vec<u8> = run.slices().flat_map(|slice| slice.to_vec()).collect();
        assert!(run.slices().len() <= Gather::SLICES);
        let is_full = run.slices().len() + 2 > Gather::SLICES;
        let mut expected = Vec::new();
        let mut ends = vec![0];
        for record in &self.visible {
            if record.is_special() {
                break;
            }
            expected.extend(record.other_wire());
            ends.push(expected.len());
        }
        assert!(expected.starts_with(&bytes));
        assert!(ends.contains(&bytes.len()), "whole frames only");
        assert_eq!(bytes.is_empty(), expected.is_empty());
        assert!(
            bytes.len() == expected.len() || self.trimmed || bytes.len() >= budget || is_full,
            "the run is shorter than it has to be"
        );
        let written = match random.below(2) {
            0 => bytes.len(),
            _ => random.below(bytes.len() as u64 + 1) as usize,
        };
        let advanced = self.reader.advance_reframed(other_header, written);
        let mut wire = Vec::new();
        let mut messages = 0;
        while wire.len() < written {
            let record = self.visible.pop_front().unwrap();
            wire.extend(record.other_wire());
            messages += u64::from(record.ends_message());
            self.note_read(&record);
        }
        assert_eq!(advanced.messages, messages);
        if written > 0 {
            assert_eq!(advanced.mid_message, self.mid_read);
        }
        let rest = advanced.cut.map_or_else(Vec::new, |cut| {
            let body = cut
                .body
                .iter()
                .flat_map(|(body, sent)| &body.bytes()[*sent..]);
            cut.head.iter().chain(body).copied().collect()
        });
        assert_eq!(rest, wire[written..]);
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..40 => self.append(random),
            40..46 => self.append_special(random),
            46..60 => self.commit(),
            60..63 => self.rollback(),
            63..85 => self.read(random),
            85..89 => self.write_run(random),
            89..93 => self.write_reframed_run(random),
            95 if random.below(20) == 0 => {
                self.reader.discard();
                while let Some(record) = self.visible.pop_front() {
                    self.note_read(&record);
                }
            }
            96 => {
                self.writer.trim();
                self.trimmed = !self.visible.is_empty();
            }
            97 => self.reader.trim(),
            _ => {}
        }
    }
}

fn compare_with_model(sizes: &'static [usize], seeds: std::ops::Range<u64>, steps: u32) {
    for seed in seeds {
        let mut random = Random(seed * 2 + 1);
        let mut pair = Pair::new(sizes);
        for _ in 0..steps {
            pair.step(&mut random);
        }
        // Dropped in either order, with records in all three states.
        if seed % 2 == 0 {
            drop(pair.writer);
            drop(pair.reader);
        } else {
            drop(pair.reader);
            drop(pair.writer);
        }
    }
}

#[test]
fn random_operations_agree_with_a_model() {
    let seeds = if cfg!(miri) { 3 } else { 300 };
    let steps = if cfg!(miri) { 300 } else { 2000 };
    compare_with_model(TINY, 1..seeds, steps);
    compare_with_model(&[chunk::MINIMUM], 1..seeds, steps);
    compare_with_model(CHUNK_SIZES, 1..seeds / 2, steps);
}

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
