//! Test bench of the socket types: real pipes in memory, whose far ends the test drives by hand.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, mpsc};

use crate::error::{Error, Result};
use crate::message::{Message, PeerInfo};
use crate::patterns::{Origin, Pattern};
use crate::pipe::queue::Special;
use crate::pipe::{
    Conflate, Dismissal, Head, Incoming, Limits, Notice, Outgoing, PipeEnd, PipeKey, Pipes, Wake,
    pipe,
};

/// A message as its frames.
pub(crate) type Frames = Vec<Vec<u8>>;

pub(crate) fn frames(message: &[&[u8]]) -> Frames {
    message.iter().map(|frame| frame.to_vec()).collect()
}

/// Some keys of live pipes, for parts that only store them.
pub(crate) fn keys(count: usize) -> Vec<PipeKey> {
    let mut wires = Wires::default();
    (0..count).map(|_| wires.add()).collect()
}

/// A small xorshift generator.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Reads frames up to the last one of a message.
pub(crate) fn recv_from(
    mut recv: impl FnMut(&mut Pipes, &mut Incoming<'_>) -> Result<()>,
    pipes: &mut Pipes,
) -> Result<Frames> {
    let mut message = Frames::new();
    loop {
        let mut frame = Message::new();
        let mut into = Incoming::into_message(&mut frame);
        recv(pipes, &mut into)?;
        let more = into.more;
        message.push(frame.bytes().to_vec());
        if !more {
            return Ok(message);
        }
    }
}

/// Passes on what it is told.
#[derive(Debug)]
struct Told(mpsc::Sender<Notice>);

impl Wake for Told {
    fn wake(&self, notice: Notice) {
        let _ = self.0.send(notice);
    }
}

/// The pipes of a socket and the other end of each.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) pipes: Pipes,
    far: HashMap<PipeKey, PipeEnd>,
}

impl Wires {
    pub(crate) fn add(&mut self) -> PipeKey {
        self.add_limited(0)
    }

    /// A pipe with a high-water mark for what the socket sends.
    pub(crate) fn add_limited(&mut self, send: i32) -> PipeKey {
        self.add_pipe(send, Conflate::NEITHER)
    }

    pub(crate) fn add_pipe(&mut self, send: i32, conflate: Conflate) -> PipeKey {
        let near = Limits {
            send: Some(send),
            receive: Some(0),
        };
        let far = Limits {
            send: None,
            receive: None,
        };
        let (near, far) = pipe(near, far, conflate);
        let key = self.pipes.insert(near);
        self.far.insert(key, far);
        key
    }

    /// What the socket's end of the pipe is told from now on.
    pub(crate) fn watch(&mut self, key: PipeKey) -> mpsc::Receiver<Notice> {
        let (sender, receiver) = mpsc::channel();
        let end = self.pipes.get(key).unwrap();
        end.set_wake(Arc::new(Told(sender)));
        receiver
    }

    pub(crate) fn far(&mut self, key: PipeKey) -> &mut PipeEnd {
        self.far.get_mut(&key).unwrap()
    }

    /// The peer says who it is.
    pub(crate) fn introduce(&mut self, key: PipeKey, routing_id: &[u8]) {
        let peer = PeerInfo::new(routing_id.into(), None, -1, &[]);
        let far = self.far(key);
        far.introduce(Arc::new(peer)).unwrap();
        far.flush();
    }

    pub(crate) fn arrive_special(&mut self, key: PipeKey, special: Special) {
        let far = self.far(key);
        far.append_special(special).unwrap();
        far.flush();
    }

    /// A message comes from the peer.
    pub(crate) fn arrive(&mut self, key: PipeKey, message: &[&[u8]]) {
        let far = self.far(key);
        for (place, frame) in message.iter().enumerate() {
            let more = place + 1 < message.len();
            let mut frame = Outgoing::from_bytes(frame, more);
            far.write(&mut frame, more).unwrap();
        }
    }

    /// What the socket sent to the peer since the last call; a subscription reads as 0 or 1 and topic,
    /// other markers are left out.
    pub(crate) fn sent(&mut self, key: PipeKey) -> Vec<Frames> {
        use crate::pipe::queue::Special::Subscription;
        let far = self.far.get_mut(&key).unwrap();
        let (mut messages, mut message) = (Vec::new(), Frames::new());
        loop {
            match far.head() {
                Head::Empty => break,
                Head::Special => {
                    if let Some(Subscription { subscribe, topic }) = far.take_special() {
                        messages.push(vec![[&[u8::from(subscribe)], &topic[..]].concat()]);
                    }
                }
                Head::Frame => {
                    let mut frame = Message::new();
                    far.read(&mut Incoming::into_message(&mut frame))
                        .unwrap()
                        .unwrap();
                    message.push(frame.bytes().to_vec());
                    if !frame.more() {
                        messages.push(std::mem::take(&mut message));
                    }
                }
            }
        }
        assert!(message.is_empty(), "a partial message became visible");
        messages
    }

    /// Messages the socket wrote to the peer whose reading was not reported.
    pub(crate) fn queued(&mut self, key: PipeKey) -> usize {
        let near = self.pipes.get(key).unwrap();
        usize::try_from(near.outbound_queue_length()).unwrap()
    }

    /// The socket notices the peer's reports.
    pub(crate) fn relieve(&mut self, key: PipeKey) {
        self.pipes.get(key).unwrap().noticed_writable();
    }
}

/// A socket type with its pipes, called as the socket calls it.
#[derive(Debug)]
pub(crate) struct Bench<P> {
    pub(crate) pattern: P,
    pub(crate) wires: Wires,
}

impl<P: Pattern + Default> Bench<P> {
    pub(crate) fn new() -> Self {
        Self {
            pattern: P::default(),
            wires: Wires::default(),
        }
    }
}

impl<P: Pattern> Bench<P> {
    /// A peer without limits comes.
    pub(crate) fn peer(&mut self) -> PipeKey {
        self.peer_limited(0)
    }

    pub(crate) fn peer_limited(&mut self, send: i32) -> PipeKey {
        let key = self.wires.add_limited(send);
        self.attach(key, Origin::default());
        key
    }

    /// A peer with a routing id comes.
    pub(crate) fn peer_named(&mut self, routing_id: &[u8]) -> PipeKey {
        let key = self.wires.add();
        self.wires.introduce(key, routing_id);
        self.attach(key, Origin::default());
        key
    }

    pub(crate) fn attach(&mut self, key: PipeKey, origin: Origin) {
        self.pattern.attached(&mut self.wires.pipes, key, origin);
        self.pattern.readable(&mut self.wires.pipes, key);
    }

    pub(crate) fn arrive(&mut self, key: PipeKey, message: &[&[u8]]) {
        self.wires.arrive(key, message);
        self.pattern.readable(&mut self.wires.pipes, key);
    }

    pub(crate) fn arrive_special(&mut self, key: PipeKey, special: Special) {
        self.wires.arrive_special(key, special);
        self.pattern.readable(&mut self.wires.pipes, key);
    }

    pub(crate) fn subscribe(&mut self, key: PipeKey, subscribe: bool, topic: &[u8]) {
        let topic = topic.into();
        self.arrive_special(key, Special::Subscription { subscribe, topic });
    }

    /// The peer goes: what it sent stays readable.
    pub(crate) fn drain(&mut self, key: PipeKey) {
        self.wires.far(key).leave();
        self.pattern.draining(&mut self.wires.pipes, key);
    }

    /// The socket ends what the pattern dismissed for the sake of another pipe, and the peer follows.
    pub(crate) fn replace(&mut self, key: PipeKey) {
        let dismissed = self.wires.pipes.take_dismissed();
        assert_eq!(dismissed, [(key, Dismissal::Replace)]);
        self.wires.pipes.get(key).unwrap().abort();
        self.drain(key);
    }

    /// The pipe goes.
    pub(crate) fn detach(&mut self, key: PipeKey) {
        self.pattern.detached(&mut self.wires.pipes, key);
        self.wires.pipes.remove(key);
    }

    pub(crate) fn sent(&mut self, key: PipeKey) -> Vec<Frames> {
        self.wires.sent(key)
    }

    /// The socket notices that the peer read.
    pub(crate) fn relieve(&mut self, key: PipeKey) {
        self.wires.relieve(key);
        self.pattern.writable(&mut self.wires.pipes, key);
    }

    pub(crate) fn send_frame(&mut self, body: &[u8], more: bool) -> Result<()> {
        let mut frame = Outgoing::from_bytes(body, more);
        self.pattern.send(&mut self.wires.pipes, &mut frame)
    }

    pub(crate) fn send(&mut self, message: &[&[u8]]) -> Result<()> {
        for (place, frame) in message.iter().enumerate() {
            self.send_frame(frame, place + 1 < message.len())?;
        }
        Ok(())
    }

    /// One frame and its MORE flag.
    pub(crate) fn recv_frame(&mut self) -> Result<(Vec<u8>, bool)> {
        let mut frame = Message::new();
        let mut into = Incoming::into_message(&mut frame);
        self.pattern.recv(&mut self.wires.pipes, &mut into)?;
        let more = into.more;
        Ok((frame.bytes().to_vec(), more))
    }

    pub(crate) fn recv(&mut self) -> Result<Frames> {
        let pattern = &mut self.pattern;
        recv_from(
            |pipes, into| pattern.recv(pipes, into),
            &mut self.wires.pipes,
        )
    }

    /// Asserts that there is nothing to receive.
    #[track_caller]
    pub(crate) fn assert_silent(&mut self) {
        assert_eq!(self.recv(), Err(Error::Again));
    }

    /// (POLLIN, POLLOUT)
    pub(crate) fn events(&mut self) -> (bool, bool) {
        let pipes = &mut self.wires.pipes;
        (self.pattern.can_recv(pipes), self.pattern.can_send(pipes))
    }
}
