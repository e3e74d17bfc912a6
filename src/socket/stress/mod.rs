//! Many threads on the same sockets: nothing is lost or doubled, each sender's order is kept, nothing hangs.
//!
//! No call here may come back by its timeout: that would be a lost wake-up.

#![forbid(unsafe_code)]

mod churn;
mod ending;
mod monitoring;
mod raw;
mod sharing;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::socket::api::{self, SocketCell};

/// A handle that threads share.
type Socket = &'static SocketCell;

const TRANSPORTS: [&[u8]; 3] = [b"inproc://stress", b"ipc://*", b"tcp://127.0.0.1:*"];

/// Longer than any call should take on a busy machine; a call that took half of it was woken by its timeout
/// only.
const TIMEOUT: Duration = Duration::from_secs(60);

fn open(context: &Arc<Context>, socket_type: i32) -> Socket {
    let socket = api::open(context, socket_type).expect("socket");
    let timeout = i32::try_from(TIMEOUT.as_millis()).expect("short");
    set(socket, c::ZMQ_RCVTIMEO, timeout);
    set(socket, c::ZMQ_SNDTIMEO, timeout);
    socket
}

fn set(socket: Socket, option: i32, value: i32) {
    api::set_option(socket, option, Some(&value.to_ne_bytes()), 4).expect("option");
}

/// High-water marks so low that senders wait all the time.
fn limit(socket: Socket, messages: i32) {
    set(socket, c::ZMQ_SNDHWM, messages);
    set(socket, c::ZMQ_RCVHWM, messages);
}

fn last_endpoint(socket: Socket) -> Vec<u8> {
    let mut text = [0; 256];
    let length = api::get_option(socket, c::ZMQ_LAST_ENDPOINT, &mut text).expect("endpoint");
    text[..length - 1].to_vec()
}

fn bind(socket: Socket, endpoint: &[u8]) -> Vec<u8> {
    api::bind(socket, endpoint).expect("bind");
    last_endpoint(socket)
}

/// Does a call that may block; a result that came by the timeout is a failure of the test.
fn timed<R>(call: impl FnOnce() -> R) -> R {
    let begin = clock::now();
    let result = call();
    assert!(
        clock::now() - begin < TIMEOUT / 2,
        "a blocked call was not woken"
    );
    result
}

fn try_receive(socket: Socket, dont_wait: bool) -> Result<Vec<u8>> {
    let mut message = Message::new();
    let mut into = Incoming::into_message(&mut message);
    timed(|| api::receive(socket, &mut into, dont_wait))?;
    Ok(message.bytes().to_vec())
}

fn receive(socket: Socket) -> Vec<u8> {
    try_receive(socket, false).expect("message")
}

fn send(socket: Socket, bytes: &[u8]) {
    let sent = timed(|| api::send_bytes(socket, bytes, false, false));
    assert_eq!(sent, Ok(()));
}

/// Message `number` of `sender`: some fit into a message, some are copied, some go by reference.
fn letter(sender: u8, number: u32) -> Vec<u8> {
    const SIZES: [usize; 7] = [5, 33, 34, 100, 300, 1500, 9000];
    let size = SIZES[number as usize % SIZES.len()];
    let mut letter = vec![number as u8; size];
    letter[0] = sender;
    letter[1..5].copy_from_slice(&number.to_be_bytes());
    letter
}

/// Sender and number, or `None` if it is the sign to stop.
fn open_letter(bytes: &[u8]) -> Option<(u8, u32)> {
    if bytes.is_empty() {
        return None;
    }
    let sender = bytes[0];
    let number = u32::from_be_bytes(bytes[1..5].try_into().expect("number"));
    assert_eq!(bytes, letter(sender, number), "garbled");
    Some((sender, number))
}

/// Receives until the sign to stop.
fn receive_all(socket: Socket) -> Vec<(u8, u32)> {
    let mut letters = Vec::new();
    while let Some(letter) = open_letter(&receive(socket)) {
        letters.push(letter);
    }
    letters
}

/// Each of `senders` sent `count` letters; what each receiver got is in its order.
fn check_all_arrived(received: &[Vec<(u8, u32)>], senders: u8, count: u32) {
    let mut all: Vec<_> = received.concat();
    all.sort_unstable();
    let expected = |sender| (0..count).map(move |number| (sender, number));
    let expected: Vec<_> = (0..senders).flat_map(expected).collect();
    assert!(
        all == expected,
        "lost {:?}, doubled {:?}",
        difference(&expected, &all),
        difference(&all, &expected)
    );
}

fn difference(from: &[(u8, u32)], what: &[(u8, u32)]) -> Vec<(u8, u32)> {
    let mut rest = from.to_vec();
    for letter in what {
        if let Ok(at) = rest.binary_search(letter) {
            rest.remove(at);
        }
    }
    rest.truncate(20);
    rest
}

/// With one pipe, each receiver sees each sender's letters in their order.
fn check_order(received: &[Vec<(u8, u32)>]) {
    for letters in received {
        let mut last = [None; 256];
        for &(sender, number) in letters {
            let last = &mut last[usize::from(sender)];
            assert!(*last < Some(number), "{number} of {sender} after {last:?}");
            *last = Some(number);
        }
    }
}

/// Both ends of one connection. Closing both and the context has to work as well.
struct Pair {
    context: Arc<Context>,
    from: Socket,
    to: Socket,
}

impl Pair {
    fn new(types: (i32, i32), endpoint: &[u8]) -> Self {
        let context = Arc::new(Context::new());
        let (from, to) = (open(&context, types.0), open(&context, types.1));
        limit(from, 5);
        limit(to, 5);
        api::connect(from, &bind(to, endpoint)).expect("connect");
        Self { context, from, to }
    }

    fn end(self) {
        api::close(self.from).expect("close");
        api::close(self.to).expect("close");
        assert_eq!(timed(|| self.context.terminate()), Ok(()));
    }
}

/// An error that a thread gets when its socket ends under it.
fn is_end(error: Error) -> bool {
    matches!(error, Error::NotSocket | Error::Terminated)
}
