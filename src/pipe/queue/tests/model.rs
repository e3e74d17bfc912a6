//! Random operations on a queue, compared with a naive model.

use std::collections::VecDeque;

use super::super::*;
use super::TINY;

/// xorshift64*: the same numbers for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    /// All of it, or less.
    fn part_of(&mut self, length: usize) -> usize {
        match self.below(2) {
            0 => length,
            _ => self.below(length as u64 + 1) as usize,
        }
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
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
pub(super) fn other_header(more: bool, length: usize) -> ([u8; 10], usize) {
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
            let copy = ShortBytes::from(&topic);
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
        let written = random.part_of(bytes.len());
        let advanced = self.reader.advance(written);
        self.note_written(written, Record::wire, advanced);
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
        let written = random.part_of(bytes.len());
        let advanced = self.reader.advance_reframed(other_header, written);
        self.note_written(written, Record::other_wire, advanced);
    }

    /// Of a run so many bytes went out.
    fn note_written(
        &mut self,
        written: usize,
        wire_of: fn(&Record) -> Vec<u8>,
        advanced: Advanced,
    ) {
        let mut wire = Vec::new();
        let mut messages = 0;
        while wire.len() < written {
            let record = self.visible.pop_front().unwrap();
            wire.extend(wire_of(&record));
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
            rest
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
