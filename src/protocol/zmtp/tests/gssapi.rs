//! Connections of GSSAPI: frames in MESSAGEs, and commands that wait for a step. Contract: security.md section 5.

use super::*;
use crate::mechanism::gssapi::tests::{a_cipher, a_message};
use crate::protocol::Seal;
use crate::protocol::zmtp::frame::{append_header, header_of};

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_header(flags, body.len(), &mut frame);
    frame.extend_from_slice(body);
    frame
}

fn seal() -> Seal {
    Seal::new(a_cipher(), u64::MAX >> 1)
}

#[test]
fn frames_become_messages() {
    let mut out = b"before".to_vec();
    seal().seal_message(true, b"hello", &mut out).unwrap();
    assert_eq!(
        out,
        [b"before", &frame(0, &a_message(b"\x01hello"))[..]].concat()
    );
    let clear = [frame(1, b"one"), frame(4, b"\x04PING\0\0")].concat();
    let mut out = clear.clone();
    seal().seal_behind(0, &mut out).unwrap();
    let sealed =
        [b"\x01one".as_slice(), b"\x02\x04PING\0\0"].map(|text| frame(0, &a_message(text)));
    assert_eq!(out, sealed.concat());
    let mut opened = vec![0; out.len()];
    let found = seal().open_frames(&out, &mut opened);
    assert_eq!((found.consumed, found.failed), (out.len(), None));
    assert_eq!(opened[..found.written], clear);
}

/// As libzmq sends them from 4.3.6 on: topics with flags of their own.
#[test]
fn subscriptions_become_commands() {
    let topic = vec![b'x'; 300];
    for (text, clear) in [
        (b"\x04A".to_vec(), frame(4, b"\x09SUBSCRIBEA")),
        (b"\x06A".to_vec(), frame(4, b"\x09SUBSCRIBEA")),
        (b"\x08A".to_vec(), frame(4, b"\x06CANCELA")),
        (b"\x04".to_vec(), frame(4, b"\x09SUBSCRIBE")),
        (
            [b"\x08", &topic[..]].concat(),
            frame(4, &[b"\x06CANCEL", &topic[..]].concat()),
        ),
        (b"\xf3A".to_vec(), frame(5, b"A")),
    ] {
        let sealed = frame(0, &a_message(&text));
        let mut opened = vec![0; sealed.len()];
        let written = seal().open(&sealed, &mut opened).unwrap();
        assert_eq!(opened[..written], clear);
        // There is always room; if not, it is said.
        let error = seal().open(&sealed, &mut opened[..written - 1]);
        assert_eq!(error, Err(ProtocolError::MalformedMessage));
    }
    assert!(seal().subscribes_by_message());
}

/// zmtp.md: no harm is done.
#[test]
fn nothing_in_a_message() {
    let sealed = frame(0, &a_message(b""));
    let error = seal().open(&sealed, &mut [0; 64]);
    assert_eq!(error, Err(ProtocolError::MalformedMessage));
    let (_, size) = header_of(0, 0);
    assert_eq!(size, 2);
}

/// What comes while a step is being made is looked at afterwards.
#[cfg(feature = "gssapi")]
#[test]
fn commands_wait_for_the_step() {
    use crate::mechanism::Mechanism;
    use crate::protocol::zmtp::engine::Decoded;
    use crate::protocol::{Event, Zmtp};

    let mut zmtp = Zmtp::new(
        Config {
            mechanism: Mechanism::GssapiServer {
                own: None,
                plain: false,
            },
            requires_security: true,
            ..config("PAIR")
        },
        clock::now(),
    );
    let mut greeting = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 1];
    greeting.extend_from_slice(b"GSSAPI");
    greeting.resize(64, 0);
    let input = [
        greeting,
        frame(4, b"\x08INITIATE\0\0\0\x01x"),
        frame(4, b""),
    ]
    .concat();
    let mut at = 0;
    let works = loop {
        let decoded = zmtp.decode(&input[at..]).unwrap();
        at += decoded.consumed;
        match decoded.event {
            Some(event) => break event == Event::Work,
            None => assert_ne!(decoded.consumed, 0),
        }
    };
    assert!(works);
    assert_eq!(at, input.len() - 2);
    let waits = Decoded {
        consumed: 0,
        event: None,
    };
    let work = zmtp.take_work();
    assert!(work.is_some() && zmtp.take_work().is_none());
    assert_eq!(zmtp.decode(&input[at..]), Ok(waits));
    // As if it had failed: nothing is said, and nothing more taken.
    zmtp.poll_output().clear();
    zmtp.handle_worked(Box::new(())).unwrap();
    assert!(zmtp.poll_output().is_empty());
    let error = zmtp.decode(&input[at..]);
    assert_eq!(error, Err(ProtocolError::OutOfTurn));
}
