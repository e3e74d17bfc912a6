//! Targets for connections with a mechanism other than NULL, alone and with somebody between their ends; see
//! `crate::fuzz`.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::{however_cut, introduction, plausible};
use crate::clock;
use crate::fuzz::Input;
use crate::mechanism::Verdict;
use crate::mechanism::fuzz::{mechanisms, verdict};
use crate::protocol::transcript::{Seen, Transcript};
use crate::protocol::{Config, Handshake};

/// The first byte chooses the mechanism and role, what the handler says, and whether a greeting precedes the input, or
/// much follows it; the second one says how it is cut.
pub(crate) fn secured(data: &[u8]) {
    let [settings, seed, input @ ..] = data else {
        return;
    };
    let has = |bit: u8| settings & bit != 0;
    let [client, server] = mechanisms(settings >> 1 & 3);
    let mechanism = if has(1) { server } else { client };
    let (name, is_lot) = (mechanism.name(), mechanism.name() == "CURVE");
    let config = Config {
        mechanism,
        requires_security: true,
        max_message_size: has(8).then_some(300),
        ..config("DEALER", "ROUTER")
    };
    let limit = config.max_message_size;
    let verdict = (!has(16)).then(|| verdict(settings >> 5));
    let mut stream = Vec::new();
    if seed & 1 != 0 {
        stream.extend_from_slice(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01");
        stream.extend_from_slice(name.as_bytes());
        stream.resize(64, 0);
    }
    stream.extend_from_slice(input);
    if has(128) {
        // More than any handshake may have.
        stream.resize(stream.len() + 70_000, b'm');
    }
    let [mut whole, mut pieces] = however_cut(&config, verdict, &stream, seed >> 1);
    if is_lot {
        // Keys and nonces are drawn by lot.
        assert_eq!(pieces.1.len(), whole.1.len());
        pieces.1 = std::mem::take(&mut whole.1);
        whole.1.clone_from(&pieces.1);
    }
    assert_eq!(pieces, whole, "cutting the input changes what comes of it");
    let (events, sent, _) = whole;
    plausible(&events, stream.len(), limit);
    // What was drawn is in no input, and nobody comes in who was not let in.
    let asks = has(1) && settings >> 1 & 3 != 0;
    assert!(events.is_empty() || (!is_lot && (!asks || verdict == Some(Verdict::Welcome))));
    let says_ready = sent.windows(6).any(|said| said == b"\x05READY");
    assert!(!asks || verdict == Some(Verdict::Welcome) || !says_ready);
}

fn config(socket_type: &'static str, peer: &'static str) -> Config {
    Config {
        socket_type,
        compatible: match peer {
            "ROUTER" => &["ROUTER"],
            _ => &["DEALER"],
        },
        routing_id: socket_type.as_bytes().into(),
        announce_routing_id: true,
        metadata: vec![(b"X-Of".to_vec(), socket_type.as_bytes().to_vec())],
        ..Config::default()
    }
}

/// Two ends and what is on its way between them.
struct Middle {
    /// Client and server.
    ends: [Transcript; 2],
    /// Bytes of each end that the other one has not received.
    on_the_way: [VecDeque<u8>; 2],
    /// Of each end's output: bytes that are on their way, or were.
    collected: [usize; 2],
    /// What each end has given to the other one.
    given: [Vec<Seen>; 2],
    touched: bool,
}

/// The first byte chooses the mechanism and what the handler says; then the two ends send, and somebody in the middle
/// carries, drops, repeats, changes and makes up bytes. With CURVE an end gets nothing but what the other one gave, in
/// order; left alone, with any mechanism, each end gets all of it.
pub(crate) fn middle(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let [client, server] = mechanisms(settings & 3);
    let is_curve = client.name() == "CURVE";
    let verdict = verdict(settings >> 2);
    let requires_security = settings & 3 != 0;
    let configs = [
        Config {
            mechanism: client,
            requires_security,
            ..config("DEALER", "ROUTER")
        },
        Config {
            mechanism: server,
            requires_security,
            ..config("ROUTER", "DEALER")
        },
    ];
    let introductions = [introduction(&configs[1]), introduction(&configs[0])];
    let now = clock::now();
    let mut middle = Middle {
        ends: configs.map(|config| {
            let mut end = Transcript::new(config, now);
            end.verdict = Some(verdict);
            end
        }),
        on_the_way: [VecDeque::new(), VecDeque::new()],
        collected: [0; 2],
        given: [Vec::new(), Vec::new()],
        touched: false,
    };
    while !input.is_empty() {
        middle.act(&mut input);
        if is_curve {
            middle.nothing_is_forged(&introductions);
        }
    }
    if !middle.touched {
        middle.settle();
        let welcome = !requires_security || verdict == Verdict::Welcome;
        for to in [0, 1] {
            let expected: Vec<_> = welcome
                .then(|| Seen::Ready(introductions[to].clone()))
                .into_iter()
                .chain(middle.given[1 - to].iter().cloned())
                .collect();
            assert_eq!(middle.ends[to].events, expected);
            assert_eq!(middle.ends[to].is_sealed(), welcome && is_curve);
        }
    }
}

impl Middle {
    fn act(&mut self, input: &mut Input<'_>) {
        self.collect();
        let choice = input.byte();
        let end = usize::from(choice & 1);
        match choice >> 1 & 7 {
            0 => self.send(end, choice & 0x80 != 0, input.byte()),
            1 => self.carry(end, usize::MAX),
            2 | 3 => self.carry(end, input.byte().into()),
            other => {
                let way = &mut self.on_the_way[end];
                let at = usize::from(input.byte()).min(way.len());
                let until = (at + usize::from(input.byte())).min(way.len());
                match other {
                    4 => {
                        if let Some(byte) = way.get_mut(at) {
                            *byte ^= choice >> 4 | 1;
                        }
                    }
                    5 => drop(way.drain(at..until)),
                    6 => {
                        let again: Vec<u8> = way.range(at..until).copied().collect();
                        insert(way, at, &again);
                    }
                    _ => insert(way, at, input.bytes()),
                }
                self.touched = true;
            }
        }
    }

    /// What the ends have said by now is on its way.
    fn collect(&mut self) {
        for ((end, way), collected) in
            (self.ends.iter().zip(&mut self.on_the_way)).zip(&mut self.collected)
        {
            way.extend(&end.sent[*collected..]);
            *collected = end.sent.len();
        }
    }

    fn send(&mut self, end: usize, more: bool, length: u8) {
        let from = &mut self.ends[end];
        let may_send = (from.events.iter()).any(|event| matches!(event, Seen::Ready(_)));
        if !may_send {
            return;
        }
        // No two are the same.
        let mut body = (self.given[end].len() as u16).to_be_bytes().to_vec();
        body.resize(2 + usize::from(length) * 2, length);
        from.send(more, &body);
        self.given[end].push(Seen::Frame { more, body });
    }

    /// Bytes of `from` arrive.
    fn carry(&mut self, from: usize, length: usize) {
        let way = &mut self.on_the_way[from];
        let bytes: Vec<u8> = way.drain(..length.min(way.len())).collect();
        self.ends[1 - from].receive(&bytes, clock::now());
    }

    fn settle(&mut self) {
        self.collect();
        while self.on_the_way.iter().any(|way| !way.is_empty()) {
            self.carry(0, usize::MAX);
            self.carry(1, usize::MAX);
            self.collect();
        }
    }

    fn nothing_is_forged(&self, introductions: &[Handshake; 2]) {
        for to in [0, 1] {
            let mut given = self.given[1 - to].iter();
            for (place, event) in self.ends[to].events.iter().enumerate() {
                match event {
                    Seen::Ready(handshake) => {
                        assert_eq!(place, 0);
                        assert_eq!(*handshake, introductions[to]);
                    }
                    event => assert!(
                        given.any(|given| given == event),
                        "nobody gave {event:?}, or not then"
                    ),
                }
            }
        }
    }
}

fn insert(way: &mut VecDeque<u8>, at: usize, bytes: &[u8]) {
    let behind = way.split_off(at);
    way.extend(bytes);
    way.extend(behind);
}
