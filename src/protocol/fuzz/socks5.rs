//! The target for proxies; see `crate::fuzz`.

#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::fuzz::Input;
use crate::protocol::socks5::{Credentials, Socks5, Socks5Error, Target};

/// What comes of a dialogue: all that was sent, how it ended (true: with a stream to the target), and how many bytes of
/// the proxy were taken.
type Outcome = (Vec<u8>, Result<bool, Socks5Error>, usize);

/// The first bytes choose target, credentials, and how much a read or a write moves; then comes what the proxy says, its
/// answers and what is behind them.
pub(crate) fn socks5(data: &[u8]) {
    let mut input = Input::new(data);
    let (settings, most) = (input.byte(), usize::from(input.byte()).max(1));
    let name = input.bytes().repeat(1 + usize::from(settings >> 6));
    let target = match settings & 3 {
        0 => Target::Address(IpAddr::from(
            <[u8; 4]>::try_from(padded(&name, 4)).expect("4"),
        )),
        1 => Target::Address(IpAddr::from(
            <[u8; 16]>::try_from(padded(&name, 16)).expect("16"),
        )),
        _ => Target::Name(&name),
    };
    let username = input.bytes().repeat(1 + usize::from(settings >> 5 & 1));
    let password = input.bytes().repeat(1 + usize::from(settings >> 4 & 1));
    let credentials = Credentials {
        username: &username,
        password: &password,
    };
    let port = u16::from_be_bytes(input.array());
    let said = input.rest();

    let is_too_long = |text: &[u8]| text.len() > 255;
    let wrong_name = matches!(target, Target::Name(name) if name.is_empty() || is_too_long(name));
    let anonymous = username.is_empty();
    let wrong_login = is_too_long(&username) || (!anonymous && is_too_long(&password));
    let socks = Socks5::new(credentials, target, port);
    assert_eq!(socks.is_err(), wrong_name || wrong_login || port == 0);
    let Ok(socks) = socks else {
        return;
    };

    // By the letter of the layouts.
    let greeting = [5, 1, if anonymous { 0 } else { 2 }];
    let mut login = vec![1, username.len() as u8];
    login.extend_from_slice(&username);
    let password: &[u8] = if anonymous { b"" } else { &password };
    login.push(password.len() as u8);
    login.extend_from_slice(password);
    let mut request = vec![5, 1, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Target::Name(name) => {
            request.extend_from_slice(&[3, name.len() as u8]);
            request.extend_from_slice(name);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    let expected = understood(&greeting, &login, &request, said);
    assert_eq!(converse(socks, said, most), expected);
}

/// The front of `bytes`, with zeros behind.
fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(length, 0);
    padded
}

/// The dialogue by the letter. Each answer is judged by its first byte that is wrong.
fn understood(greeting: &[u8], login: &[u8], request: &[u8], said: &[u8]) -> Outcome {
    let mut sent = greeting.to_vec();
    let byte = |at: usize| said.get(at).copied();
    let over = |sent, result| (sent, result, said.len());
    let mut at = 0;
    match [byte(at), byte(at + 1)] {
        [None, _] | [Some(5), None] => return over(sent, Ok(false)),
        [Some(5), Some(0)] => at += 2,
        [Some(5), Some(2)] => {
            sent.extend_from_slice(login);
            at += 2;
            match [byte(at), byte(at + 1)] {
                [None, _] | [Some(1), None] => return over(sent, Ok(false)),
                [Some(1), Some(0)] => at += 2,
                [Some(1), Some(_)] => return over(sent, Err(Socks5Error::LoginFailed)),
                _ => return over(sent, Err(Socks5Error::Malformed)),
            }
        }
        [Some(5), Some(_)] => return over(sent, Err(Socks5Error::NoMethod)),
        _ => return over(sent, Err(Socks5Error::Malformed)),
    }
    sent.extend_from_slice(request);
    let answer = &said[at..];
    for (place, byte) in answer.iter().take(4).enumerate() {
        let error = match (place, *byte) {
            (0, 5) | (1 | 2, 0) | (3, 1 | 3 | 4) => continue,
            (1, _) => Socks5Error::Refused,
            _ => Socks5Error::Malformed,
        };
        return over(sent, Err(error));
    }
    let length = match answer {
        [_, _, _, 1, ..] => 10,
        [_, _, _, 4, ..] => 22,
        [_, _, _, _, length, ..] => 7 + usize::from(*length),
        _ => usize::MAX,
    };
    match answer.len() < length {
        true => over(sent, Ok(false)),
        false => (sent, Ok(true), at + length),
    }
}

/// All that the proxy says is there from the beginning; reads bring `most` bytes, and writes take as many.
fn converse(mut socks: Socks5, said: &[u8], most: usize) -> Outcome {
    let (mut sent, mut taken) = (Vec::new(), 0);
    loop {
        let output = socks.output();
        if !output.is_empty() {
            let count = output.len().min(most);
            sent.extend_from_slice(&output[..count]);
            socks.handle_sent(count);
            continue;
        }
        let is_done = socks.is_done();
        let room = socks.room();
        assert_eq!(room.is_empty(), is_done);
        let rest = &said[taken..];
        let count = room.len().min(most).min(rest.len());
        if count == 0 {
            return (sent, Ok(is_done), taken);
        }
        room[..count].copy_from_slice(&rest[..count]);
        taken += count;
        if let Err(error) = socks.handle_received(count) {
            // How far it had read says nothing.
            return (sent, Err(error), said.len());
        }
    }
}
