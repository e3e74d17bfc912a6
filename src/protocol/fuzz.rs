//! What a fuzzer calls with arbitrary bytes; the tests run a small corpus through it.

#![forbid(unsafe_code)]

use crate::clock;
use crate::protocol::transcript::Transcript;
use crate::protocol::{Command, Config, Properties, append_property};

/// A whole connection. The first byte chooses the configuration and what precedes the input: nothing, a
/// greeting or a handshake, or the same of an older peer. The second one says how the input is cut. However it is
/// cut, the same must come of it.
///
/// # Panics
/// If it does not.
pub fn fuzz_zmtp(data: &[u8]) {
    let [settings, seed, input @ ..] = data else {
        return;
    };
    let has = |bit: u8| settings & bit != 0;
    let config = Config {
        socket_type: "XPUB",
        socket_type_number: 9,
        requires_security: has(64),
        compatible: &["SUB", "XSUB"],
        receives_subscriptions: has(4),
        receives_groups: has(8),
        max_message_size: has(16).then_some(300),
        ..Config::default()
    };
    let mut stream = Vec::new();
    if has(32) {
        let old: &[u8] = match (has(1), has(2)) {
            (false, false) => b"",
            (true, false) => b"\xFF\0\0\0\0\0\0\0\x05\0",
            (false, true) => b"\xFF\0\0\0\0\0\0\0\x01\x7F\0\x02",
            (true, true) => b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x02\0\x02id",
        };
        stream.extend_from_slice(old);
    } else if has(1) {
        stream.extend_from_slice(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01NULL");
        stream.resize(64, 0);
        if has(2) {
            stream.extend_from_slice(b"\x04\x06\x05READY");
        }
    }
    stream.extend_from_slice(input);

    let now = clock::now();
    let mut whole = Transcript::new(config.clone(), now);
    whole.receive(&stream, now);
    let mut pieces = Transcript::new(config, now);
    let mut state = u32::from(*seed) + 1;
    let mut rest = stream.as_slice();
    while !rest.is_empty() {
        // xorshift; seed 0 cuts at every byte.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let length = if *seed == 0 {
            1
        } else {
            1 + (state >> 8) as usize % (4 * usize::from(*seed))
        };
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.receive(piece, now);
        rest = behind;
    }
    assert_eq!(
        pieces.finish(),
        whole.finish(),
        "cutting the input changes what comes of it"
    );
}

/// A metadata block: what can be read gives the same block again.
///
/// # Panics
/// If it does not.
pub fn fuzz_metadata(data: &[u8]) {
    let mut again = Vec::new();
    for property in Properties::new(data) {
        let Ok((name, value)) = property else {
            assert!(
                data.starts_with(&again),
                "the properties before an error are as received"
            );
            return;
        };
        append_property(name, value, &mut again).expect("what was read fits");
    }
    assert_eq!(again, data, "the properties are the whole block");
}

/// The body of a command: no part of it is longer than itself.
///
/// # Panics
/// If one is.
pub fn fuzz_command(data: &[u8]) {
    let part = match Command::parse(data) {
        Command::Ready(part)
        | Command::Error(part)
        | Command::Subscribe(part)
        | Command::Cancel(part)
        | Command::Join(part)
        | Command::Leave(part)
        | Command::Ping { context: part, .. } => part,
        Command::Pong | Command::Other => &[],
    };
    assert!(part.len() <= data.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound handshake with traffic of all kinds behind it.
    fn corpus() -> Vec<Vec<u8>> {
        let ready = b"\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03SUB".as_slice();
        let frames = [
            b"\x01\0\0\x05hello\x02\0\0\0\0\0\0\0\x02hi".as_slice(),
            b"\x04\x0C\x09SUBSCRIBEAB\x04\x09\x06CANCELAB\x04\x0A\x04PING\0\x0ACTX\x04\0",
            b"\x04\x07\x04JOINab\x04\x08\x05LEAVEab\x04\x05\x04PONG\x00\x03end",
            &[
                b"\x06\0\0\0\0\0\0\x40\0\x07UNKNOWN".as_slice(),
                &[9; 0x4000 - 8],
                b"\0\x01x",
            ]
            .concat(),
            &[
                b"\x03\0\0\0\0\0\0\x30\0".as_slice(),
                &[7; 0x3000],
                b"\0\x01x",
            ]
            .concat(),
            &[
                b"\x06\0\0\0\0\0\0\x30\0\x09SUBSCRIBE".as_slice(),
                &[7; 0x3000],
            ]
            .concat(),
            b"\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFrest",
        ]
        .map(<[u8]>::to_vec);
        let mut corpus: Vec<_> = frames.iter().map(|frame| [ready, frame].concat()).collect();
        corpus.extend(frames.iter().cloned());
        corpus.push(b"GET / HTTP/1.1\r\n\r\n".to_vec());
        // ZMTP 1.0, and behind some greetings also 2.0: identity, small and large frames, an empty one.
        let old = b"\x04\0idx\x01\x01\x03\0hi\xFF\0\0\0\0\0\0\0\x03\x01ab";
        corpus.push([old.as_slice(), b"\x02\0z\0"].concat());
        let large = [b"\xFF\0\0\0\0\0\0\x30\x01\x01".as_slice(), &[7; 0x3000]].concat();
        corpus.push([old, large.as_slice(), b"\x02\0z", &[0xFF; 9], b"\0"].concat());
        corpus.push(b"\0\x02id\x04\x08\x07UNKNOWN\x01\0\0\x02hi\x04\x03\x02AB".to_vec());
        corpus.push(Vec::new());
        corpus
    }

    #[test]
    fn a_connection_does_not_depend_on_cuts() {
        for input in corpus() {
            // Required security matters for older peers only.
            for settings in (0..64).chain(96..100) {
                for seed in [0, 1, 7, 255] {
                    fuzz_zmtp(&[&[settings, seed], input.as_slice()].concat());
                }
            }
        }
    }

    #[test]
    fn damaged_connections_are_survived() {
        let mut state = 0x2545_F491_u32;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        for input in corpus()
            .into_iter()
            .filter(|input| (1..400).contains(&input.len()))
        {
            for _ in 0..300 {
                let mut damaged = vec![random() as u8, random() as u8];
                damaged.extend_from_slice(&input);
                for _ in 0..random() % 4 {
                    let at = 2 + random() as usize % input.len();
                    damaged[at] = random() as u8;
                }
                fuzz_zmtp(&damaged);
                fuzz_metadata(&damaged[9..]);
                fuzz_command(&damaged[4..]);
            }
        }
    }
}
