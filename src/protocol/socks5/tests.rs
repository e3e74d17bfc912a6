//! Dialogues with proxies made of bytes.

use super::*;

const NAMED: Target<'_> = Target::Name(b"example.test");
const LOGIN: Credentials<'_> = Credentials {
    username: b"user",
    password: b"pw",
};
const NOBODY: Credentials<'_> = Credentials {
    username: b"",
    password: b"",
};
const REQUEST: &[u8] = b"\x05\x01\0\x03\x0Cexample.test\x15\xB3";
const GRANTED: &[u8] = b"\x05\0\0\x01\x7F\0\0\x01\x12\x34";

/// What came of a dialogue.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    sent: Vec<u8>,
    result: std::result::Result<bool, Socks5Error>,
    /// Bytes of the proxy that were left alone.
    left: Vec<u8>,
}

/// All that the proxy says is there from the beginning; reads bring `most` bytes, and writes take as many.
fn converse(socks: &mut Socks5, mut said: &[u8], most: usize) -> Outcome {
    let mut sent = Vec::new();
    let result = loop {
        let output = socks.output();
        if !output.is_empty() {
            assert!(!socks.is_done());
            let taken = output.len().min(most);
            sent.extend_from_slice(&output[..taken]);
            assert!(taken == socks.output().len() || socks.room().is_empty());
            socks.handle_sent(taken);
            continue;
        }
        let room = socks.room();
        let read = room.len().min(most).min(said.len());
        if read == 0 {
            assert_eq!(room.is_empty(), socks.is_done());
            break Ok(socks.is_done());
        }
        room[..read].copy_from_slice(&said[..read]);
        said = &said[read..];
        if let Err(error) = socks.handle_received(read) {
            break Err(error);
        }
    };
    Outcome {
        sent,
        result,
        left: said.to_vec(),
    }
}

fn socks(credentials: Credentials<'_>, target: Target<'_>) -> Socks5 {
    Socks5::new(credentials, target, 5555).expect("a target")
}

/// Whatever the pieces, the outcome is the same.
fn outcome(credentials: Credentials<'_>, target: Target<'_>, said: &[u8]) -> Outcome {
    let whole = converse(&mut socks(credentials, target), said, usize::MAX);
    for most in 1..12 {
        let cut = converse(&mut socks(credentials, target), said, most);
        assert_eq!((&cut.sent, cut.result), (&whole.sent, whole.result));
        assert!(cut.left.len() >= whole.left.len(), "cut into {most}");
        if whole.result == Ok(true) {
            assert_eq!(cut.left, whole.left, "cut into {most}");
        }
    }
    whole
}

fn address(text: &str) -> Target<'static> {
    Target::Address(text.parse().expect("an address"))
}

#[test]
fn without_login() {
    let said = [b"\x05\0", GRANTED].concat();
    let outcome = outcome(NOBODY, NAMED, &said);
    assert_eq!(outcome.sent, [b"\x05\x01\0", REQUEST].concat());
    assert_eq!(outcome.result, Ok(true));
}

#[test]
fn with_login() {
    let said = [b"\x05\x02\x01\0", GRANTED].concat();
    let outcome = outcome(LOGIN, NAMED, &said);
    let sent = [b"\x05\x01\x02\x01\x04user\x02pw", REQUEST].concat();
    assert_eq!(outcome.sent, sent);
    assert_eq!(outcome.result, Ok(true));
}

#[test]
fn the_proxy_chooses_whatever_was_offered() {
    let said = [b"\x05\0", GRANTED].concat();
    let unasked = outcome(LOGIN, NAMED, &said);
    assert_eq!(unasked.sent, [b"\x05\x01\x02", REQUEST].concat());
    assert_eq!(unasked.result, Ok(true));

    let said = [b"\x05\x02\x01\0", GRANTED].concat();
    let password_alone = Credentials {
        username: b"",
        password: b"pw",
    };
    for credentials in [NOBODY, password_alone] {
        let unknown = outcome(credentials, NAMED, &said);
        let sent = [b"\x05\x01\0\x01\0\0", REQUEST].concat();
        assert_eq!(unknown.sent, sent);
        assert_eq!(unknown.result, Ok(true));
    }
}

#[test]
fn targets() {
    let longest = [b'n'; 255];
    let long = [b"\x03\xFF", &longest[..]].concat();
    for (target, encoded) in [
        (address("1.2.3.4"), &b"\x01\x01\x02\x03\x04"[..]),
        (
            address("2001:db8::1"),
            b"\x04\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01",
        ),
        (Target::Name(b"a"), b"\x03\x01a"),
        (Target::Name(&longest), &long),
    ] {
        let said = [b"\x05\0", GRANTED].concat();
        let outcome = outcome(NOBODY, target, &said);
        let request = [b"\x05\x01\0\x05\x01\0", encoded, b"\x15\xB3"].concat();
        assert_eq!(outcome.sent, request);
        assert_eq!(outcome.result, Ok(true));
    }
}

#[test]
fn nobody_is_asked_for_what_cannot_be_said() {
    let new = |credentials, target, port| Socks5::new(credentials, target, port).map(|_| ());
    assert_eq!(new(NOBODY, NAMED, 0), Err(Error::Invalid));
    assert_eq!(new(NOBODY, Target::Name(b""), 1), Err(Error::Invalid));
    let too_long = [b'n'; 256];
    assert_eq!(new(NOBODY, Target::Name(&too_long), 1), Err(Error::Invalid));
    for credentials in [
        Credentials {
            username: &too_long,
            password: b"",
        },
        Credentials {
            username: b"user",
            password: &too_long,
        },
    ] {
        assert_eq!(new(credentials, NAMED, 1), Err(Error::Invalid));
    }
    let longest = Credentials {
        username: &too_long[1..],
        password: &too_long[1..],
    };
    let outcome = outcome(longest, NAMED, b"\x05\x02");
    assert_eq!(outcome.sent.len(), 3 + 1 + 2 * 256);
    assert_eq!(outcome.result, Ok(false));
}

/// The replies have many lengths, and what is behind them is somebody else's.
#[test]
fn what_follows_the_reply_is_left_alone() {
    let of_name = |length: u8| {
        let mut reply = b"\x05\0\0\x03".to_vec();
        reply.push(length);
        reply.resize(7 + usize::from(length), b'n');
        reply
    };
    let of_ipv6 = [b"\x05\0\0\x04".as_slice(), &[7; 18]].concat();
    for reply in [
        GRANTED.to_vec(),
        of_ipv6,
        of_name(0),
        of_name(1),
        of_name(255),
    ] {
        for behind in [&b""[..], b"\xFF", &[0xFF; 300]] {
            let said = [b"\x05\x02\x01\0", &reply[..], behind].concat();
            let outcome = outcome(LOGIN, NAMED, &said);
            assert_eq!(outcome.result, Ok(true), "{reply:?}");
            assert_eq!(outcome.left, behind, "{reply:?}");
        }
        // One byte less is no reply.
        let said = [b"\x05\0", &reply[..reply.len() - 1]].concat();
        assert_eq!(outcome(NOBODY, NAMED, &said).result, Ok(false));
    }
}

/// Each first byte that is wrong ends it, whether more comes or not.
#[test]
fn every_answer_that_is_wrong_is_refused_at_once() {
    let expect = |credentials, said: &[u8], error| {
        assert_eq!(
            outcome(credentials, NAMED, said).result,
            Err(error),
            "{said:?}"
        );
    };
    let malformed = Socks5Error::Malformed;
    for byte in 0..=255 {
        if byte != 5 {
            expect(NOBODY, &[byte], malformed);
            expect(NOBODY, &[5, 0, byte], malformed);
        }
        if byte != 0 && byte != 2 {
            expect(NOBODY, &[5, byte], Socks5Error::NoMethod);
        }
        if byte != 1 {
            expect(LOGIN, &[5, 2, byte], malformed);
        }
        if byte != 0 {
            expect(LOGIN, &[5, 2, 1, byte], Socks5Error::LoginFailed);
            expect(NOBODY, &[5, 0, 5, byte], Socks5Error::Refused);
            expect(NOBODY, &[5, 0, 5, 0, byte], malformed);
        }
        if ![1, 3, 4].contains(&byte) {
            expect(NOBODY, &[5, 0, 5, 0, 0, byte], malformed);
        }
    }
}

/// A claim to have read more than there was room for.
#[test]
fn counts_are_not_trusted() {
    let mut socks = socks(NOBODY, NAMED);
    socks.handle_sent(usize::MAX);
    assert!(socks.output().is_empty());
    socks.room().copy_from_slice(b"\x05\0");
    assert_eq!(socks.handle_received(usize::MAX), Ok(()));
    assert_eq!(socks.output(), REQUEST);
    assert!(socks.room().is_empty());
    assert_eq!(socks.handle_received(usize::MAX), Ok(()));
    assert_eq!(socks.output(), REQUEST);
}
