//! The target for encrypted traffic; see `crate::fuzz`.

#![forbid(unsafe_code)]

use super::super::frame::{COMMAND, MORE, append_header};
use super::super::seal::Seal;
use super::super::version::Version;
use crate::fuzz::Input;
use crate::mechanism::fuzz::is_named;
use crate::mechanism::{Cipher, curve};
use crate::protocol::ProtocolError;

/// The first byte chooses the direction, the second one how the stream is cut, the third one how many frames there are;
/// then those, sealed one by one or together. What follows is done to the sealed frames: they are left out, repeated,
/// swapped, cut, lengthened, changed or made up. What opens is what was sealed, once and in order, up to the first that
/// is not; and it does not matter how the stream is cut.
pub(crate) fn sealed(data: &[u8]) {
    let mut input = Input::new(data);
    let (settings, seed, count) = (input.byte(), input.byte(), input.byte() & 15);
    let [mut ends, mut again] = [(); 2].map(|()| {
        let [client, server] = curve::fuzz::ciphers();
        let mut ends =
            [client, server].map(|cipher| Seal::new(Cipher::Curve(Box::new(cipher)), LIMIT));
        if settings & 1 != 0 {
            ends.reverse();
        }
        ends
    });

    let mut clear = Vec::new();
    let mut bodies = Vec::new();
    for _ in 0..count {
        let (flags, frame, body) = frame(&mut input);
        let mut stream = Vec::new();
        match flags & COMMAND != 0 || settings & 2 != 0 {
            true => {
                stream.extend_from_slice(&frame);
                ends[0].seal_behind(0, &mut stream)
            }
            false => ends[0].seal_message(flags & MORE != 0, &body, &mut stream),
        }
        .expect("memory");
        let header = if stream[0] == 0 { 2 } else { 9 };
        assert_eq!(stream.len(), header + body.len() + 33);
        assert!(stream[header..].starts_with(b"\x07MESSAGE"));
        bodies.push(stream.split_off(header));
        clear.push(frame);
    }

    let is_honest = input.is_empty();
    let (stream, expected, error) = on_the_way(&mut input, settings & 1 == 0, &bodies);
    assert!(!is_honest || (expected == clear.concat() && error.is_none()));
    let whole = opened(&mut ends[1], &stream, usize::MAX);
    assert_eq!(whole, (expected, error));
    let piece = usize::from(seed).max(1);
    assert_eq!(opened(&mut again[1], &stream, piece), whole);
}

/// No body on the stream is longer.
const LIMIT: u64 = 4000;

/// Flags, a frame in clear, and its body.
fn frame(input: &mut Input<'_>) -> (u8, Vec<u8>, Vec<u8>) {
    let choice = input.byte();
    let body = input.bytes().repeat(1 + usize::from(choice >> 4 & 7));
    let flags = choice & (MORE | COMMAND);
    let mut frame = Vec::new();
    append_header(flags, body.len(), &mut frame);
    frame.extend_from_slice(&body);
    (flags, frame, body)
}

/// What is received: the stream; the frames that open; and what is wrong with the one behind them.
fn on_the_way(
    input: &mut Input<'_>,
    of_client: bool,
    bodies: &[Vec<u8>],
) -> (Vec<u8>, Vec<u8>, Option<ProtocolError>) {
    let (mut stream, mut expected, mut error) = (Vec::new(), Vec::new(), None);
    let mut next = 0;
    let mut last = u64::from_be_bytes(curve::fuzz::LAST_COUNTER);
    while next < bodies.len() || !input.is_empty() {
        let choice = input.byte();
        let mut body = match choice & 7 {
            // Zero without an end: all that is left comes as it is.
            0..=3 => bodies.get(next).cloned().unwrap_or_default(),
            4 => {
                next += 1;
                continue;
            }
            5 => (bodies.get(usize::from(input.byte())).cloned()).unwrap_or_default(),
            _ => input.bytes().to_vec(),
        };
        next += usize::from(choice & 7 < 4);
        match choice >> 3 & 7 {
            1 if !body.is_empty() => {
                let at = usize::from(input.byte()) % body.len();
                body[at] ^= input.byte();
            }
            2 => body.truncate(usize::from(input.byte())),
            3 => body.extend_from_slice(input.bytes()),
            4 => body.extend_from_slice(&[0; LIMIT as usize]),
            _ => {}
        }
        // The flags on the stream mean nothing.
        let outer = if choice & 0x40 != 0 { MORE } else { 0 };
        let outer = outer | if choice & 0x80 != 0 { COMMAND } else { 0 };
        append_header(outer, body.len(), &mut stream);
        stream.extend_from_slice(&body);
        if error.is_some() {
            continue;
        }
        match judged(&body, of_client, last) {
            Ok((counter, frame)) => {
                expected.extend_from_slice(&frame);
                last = counter;
            }
            Err(wrong) => error = Some(wrong),
        }
    }
    (stream, expected, error)
}

/// Counter and content of a body, a frame, if it is to be opened behind the `last` one that was; in the order of the
/// contract's section 4.4. A box of that key that was sealed elsewhere, and so by somebody who has it, is as good as ours.
fn judged(body: &[u8], of_client: bool, last: u64) -> Result<(u64, Vec<u8>), ProtocolError> {
    if body.len() as u64 > LIMIT {
        return Err(ProtocolError::MessageTooLarge);
    }
    if !is_named(body) {
        return Err(ProtocolError::MalformedCommand);
    }
    if !body.starts_with(b"\x07MESSAGE") {
        return Err(ProtocolError::UnexpectedCommand);
    }
    if body.len() < 33 {
        return Err(ProtocolError::MalformedMessage);
    }
    let counter = body[8..16].try_into().expect("8 bytes");
    if u64::from_be_bytes(counter) <= last {
        return Err(ProtocolError::InvalidSequence);
    }
    let text = curve::fuzz::message_text(of_client, counter, &body[16..]);
    let text = text.ok_or(ProtocolError::Cryptographic)?;
    let mut frame = Vec::new();
    let more = if text[0] & 1 != 0 { MORE } else { 0 };
    let command = if text[0] & 2 != 0 { COMMAND } else { 0 };
    append_header(more | command, text.len() - 1, &mut frame);
    frame.extend_from_slice(&text[1..]);
    Ok((u64::from_be_bytes(counter), frame))
}

/// What comes of a stream in pieces of this size, each of them in a buffer of its own.
fn opened(seal: &mut Seal, stream: &[u8], piece: usize) -> (Vec<u8>, Option<ProtocolError>) {
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        rest.extend_from_slice(piece);
        let mut out = vec![0xAA; rest.len()];
        let opened = seal.open_frames(&rest, &mut out);
        all.extend_from_slice(&out[..opened.written]);
        if opened.failed.is_some() {
            return (all, opened.failed);
        }
        rest.drain(..opened.consumed);
        if let Some(size) = opened.incomplete {
            assert!(size > rest.len(), "whole frames are opened");
        }
        assert!(Version::V3_1.parse_header(&rest).is_ok());
    }
    assert!(rest.is_empty(), "the stream ends with a frame");
    (all, None)
}
