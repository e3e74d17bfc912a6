//! What a peer sends is delivered, in order and no more than there is room for, however it comes in pieces.

use super::*;
use crate::message::Message;
use crate::patterns::testing::Random;
use crate::pipe::Incoming;

/// A frame: MORE, and its body.
type Frame = (bool, Vec<u8>);

/// Frames of whole messages, what a peer sends for them, with commands in between that are none, and where they end there.
fn conversation(random: &mut Random, messages: usize) -> (Vec<Frame>, Vec<u8>, Vec<usize>) {
    let (mut frames, mut wire, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..messages {
        let parts = [1, 1, 1, 2, 5][random.below(5)];
        for part in 1..=parts {
            // Short ones for the most part; a long header; longer than what is copied; longer than a slab.
            let length = match random.below(60) {
                0 => 256 + random.below(1000),
                1 => 2000 + random.below(20_000),
                2 if part == parts => 200_000,
                _ => random.below(256),
            };
            let (more, byte) = (
                part < parts,
                u8::try_from(frames.len() % 251).expect("small"),
            );
            let body = vec![byte; length];
            match u8::try_from(length) {
                Ok(short) => wire.extend([u8::from(more), short]),
                Err(_) => {
                    wire.push(u8::from(more) | 2);
                    wire.extend((length as u64).to_be_bytes());
                }
            }
            wire.extend(&body);
            frames.push((more, body));
            ends.push(wire.len());
            if random.below(20) == 0 {
                wire.extend(b"\x04\x07\x04PING\x00\x00");
            }
        }
    }
    (frames, wire, ends)
}

impl Alone {
    /// Somebody has told the I/O thread to look after its connection.
    fn is_driven(&self) -> bool {
        let mut driven = false;
        self.bench.handle.commands.serve(|command| {
            driven |= matches!(command, io::IoCommand::Drive(_));
        });
        driven
    }

    /// It waits for the peer, not for the socket.
    fn is_at_rest(&self) -> bool {
        let connection = self.connection.lock();
        connection
            .live
            .as_ref()
            .is_some_and(|live| live.input.is_at_rest())
    }

    /// The peer takes what there is, which changes nothing here.
    fn take_answers(&mut self) {
        while matches!(self.peer.read(&mut [0; 65536]), Ok(bytes) if bytes > 0) {}
    }

    /// The socket reads so many messages, or what there is.
    fn read(&mut self, messages: usize, frames: &mut Vec<Frame>) -> usize {
        let socket = self.socket.as_mut().expect("a socket");
        for read in 0..messages {
            loop {
                let mut message = Message::new();
                let mut into = Incoming::into_message(&mut message);
                let Some(result) = socket.read(&mut into) else {
                    return read;
                };
                result.expect("memory");
                let more = into.more;
                frames.push((more, message.bytes().to_vec()));
                if !more {
                    break;
                }
            }
        }
        messages
    }
}

#[test]
fn what_comes_in_pieces_is_delivered_as_there_is_room() {
    let rounds = if cfg!(miri) { 2 } else { 60 };
    for seed in 0..rounds {
        let random = &mut Random::new(seed);
        let limit = [0, 1, 2, 3, 7, 500][random.below(6)];
        let mut alone = Alone::open(|options| options.receive_hwm = limit);
        let (sent, wire, ends) = conversation(random, 400);
        let (mut received, mut at) = (Vec::new(), 0);
        while at < wire.len() || received.len() < sent.len() {
            // To the end of a frame for the most part: a read that ends there has its own ways.
            let frame = ends.partition_point(|end| *end <= at) + random.below(3);
            let length = [3, 700, 10_000, 150_000][random.below(4)];
            let piece = match ends.get(frame) {
                Some(end) if random.below(5) > 1 => end - at,
                _ => random.below(length) + 1,
            };
            let piece = piece.min(wire.len() - at);
            if piece > 0
                && let Ok(taken) = alone.peer.write(&wire[at..at + piece])
            {
                at += taken;
                alone.settle();
            }
            let messages = random.below(12);
            let read = alone.read(messages, &mut received);
            // Without a word from the pipe nothing would happen.
            let driven = alone.is_driven();
            if driven {
                alone.settle();
            }
            if read < messages && !driven {
                assert!(
                    alone.is_at_rest(),
                    "seed {seed}, limit {limit}: it stands still"
                );
            }
            alone.take_answers();
        }
        assert!(sent == received, "seed {seed}, limit {limit}");
    }
}
