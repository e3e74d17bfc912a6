//! Two connections that talk to each other, for all pairs of socket types.

use super::*;

/// Two ends and what is on its way between them.
struct Pair {
    ends: [Transcript; 2],
    /// Bytes of each end's output that the other one has received.
    received: [usize; 2],
    now: Instant,
}

impl Pair {
    fn new(configs: [Config; 2]) -> Self {
        let now = clock::now();
        Self {
            ends: configs.map(|config| Transcript::new(config, now)),
            received: [0, 0],
            now,
        }
    }

    /// Moves up to `piece` bytes each way in turn until nothing is on its way; what the first end sends
    /// stops at its byte `cut` until everything else has come to rest.
    fn settle(&mut self, piece: usize, cut: usize) {
        let mut limit = cut;
        loop {
            let mut moved = false;
            for from in [0, 1] {
                let end = if from == 0 { limit } else { usize::MAX };
                let start = self.received[from];
                let end = end
                    .min(start.saturating_add(piece))
                    .min(self.ends[from].sent.len());
                if start < end {
                    let bytes = self.ends[from].sent[start..end].to_vec();
                    self.ends[1 - from].receive(&bytes, self.now);
                    self.received[from] = end;
                    moved = true;
                }
            }
            if !moved {
                if limit == usize::MAX {
                    return;
                }
                limit = usize::MAX;
            }
        }
    }

    /// The application of one end sends bytes.
    fn send(&mut self, from: usize, bytes: &[u8]) {
        assert!(self.ends[from].zmtp.is_traffic());
        self.ends[from].sent.extend_from_slice(bytes);
    }
}

/// Ordered pairs of types that can talk, in the table of patterns.md section 1.1.
const COMPATIBLE: usize = 29;

/// How the bytes may come: (piece, cut of the first end's stream).
fn deliveries(sent: usize) -> impl Iterator<Item = (usize, usize)> {
    let whole = (0..=sent).map(|cut| (usize::MAX, cut));
    whole.chain([1, 2, 7].map(|piece| (piece, usize::MAX)))
}

#[test]
fn compatible_types_shake_hands_and_talk_however_the_bytes_come() {
    let mut talked = 0;
    for (one, _) in TYPES {
        for (other, accepted) in TYPES {
            if !accepted.contains(&one) {
                continue;
            }
            for (piece, cut) in deliveries(180) {
                talk(one, other, piece, cut);
            }
            talked += 1;
        }
    }
    assert_eq!(talked, COMPATIBLE);
}

fn talk(one: &'static str, other: &'static str, piece: usize, cut: usize) {
    let mut pair = Pair::new([config(one), config(other)]);
    pair.settle(piece, cut);
    for (end, peer) in pair.ends.iter().zip([other, one]) {
        assert_eq!(end.error, None, "{one} {other} {piece} {cut}");
        let [Seen::Ready(handshake)] = end.events.as_slice() else {
            panic!("{one} {other} {piece} {cut}: {:?}", end.events);
        };
        let socket_type = (b"Socket-Type".to_vec(), peer.as_bytes().to_vec());
        assert_eq!(handshake.properties.first(), Some(&socket_type));
        assert_eq!(handshake.version, Version::V3_1);
    }
    pair.send(0, &[frame(1, b"a"), frame(0, &[b'b'; 300])].concat());
    pair.send(1, &[frame(0, b""), command("PING", b"\0\0c")].concat());
    pair.settle(piece, usize::MAX);
    let expected = [
        vec![message(false, b"")],
        vec![message(true, b"a"), message(false, &[b'b'; 300])],
    ];
    for (end, expected) in pair.ends.iter().zip(expected) {
        assert_eq!(end.error, None);
        assert_eq!(end.events[1..], expected, "{one} {other} {piece} {cut}");
    }
    let pong = command("PONG", b"c");
    assert!(pair.ends[0].sent.ends_with(&pong));
}

#[test]
fn incompatible_types_part_on_both_ends_without_a_word() {
    let mut parted = 0;
    for (one, _) in TYPES {
        for (other, accepted) in TYPES {
            if accepted.contains(&one) {
                continue;
            }
            // The cuts that matter are those of the handshake frame; all of them for some pairs.
            let cuts = if one == "PULL" { 0..120 } else { 60..70 };
            for (piece, cut) in cuts.map(|cut| (usize::MAX, cut)).chain([(1, usize::MAX)]) {
                let mut pair = Pair::new([config(one), config(other)]);
                pair.settle(piece, cut);
                for end in &pair.ends {
                    assert_eq!(
                        end.error,
                        Some(ProtocolError::IncompatibleSocketType),
                        "{one} {other} {piece} {cut}"
                    );
                    assert_eq!(end.events, []);
                }
            }
            parted += 1;
        }
    }
    assert_eq!(parted, TYPES.len() * TYPES.len() - COMPATIBLE);
}

#[test]
fn a_peer_without_socket_type_is_let_in() {
    for (socket_type, _) in TYPES {
        for block in [
            Vec::new(),
            property("socket-type", b"NONSENSE"),
            property("Resource", b"r"),
        ] {
            let input = [greeting(1), command("READY", &block)].concat();
            let (events, _, error) = record(&config(socket_type), &input);
            assert_eq!(error, None);
            assert_eq!(events.len(), 1);
        }
    }
}

#[test]
fn sixty_four_kibibytes_cross_as_one_frame() {
    let mut pair = Pair::new([config("PUSH"), config("PULL")]);
    pair.settle(usize::MAX, usize::MAX);
    let body: Vec<u8> = (0..65_536_u32).map(|at| (at % 251) as u8).collect();
    pair.send(0, &[frame(0, &body), frame(0, b"next")].concat());
    pair.settle(1000, usize::MAX);
    assert_eq!(
        pair.ends[1].events[1..],
        [message(false, &body), message(false, b"next")]
    );
}
