//! What a peer said of itself, on its way to the reader.

#![forbid(unsafe_code)]

use std::sync::{Arc, Weak};

use crate::error::Result;
use crate::message::PeerInfo;
use crate::pipe::PipeEnd;
use crate::pipe::queue::Special;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The place of a peer's information in a queue. As long as the reader has not come by, the writer may put
/// what a later handshake said there: a peer that comes and goes takes no more room than one that stays.
#[derive(Debug)]
pub(crate) struct Introduction(Arc<Place>);

type Place = Mutex<Option<Arc<PeerInfo>>>;

/// The writer's last introduction.
#[derive(Debug)]
pub(super) enum LastIntroduction {
    /// Together with the pipe, of so many bytes; none counts as empty.
    WithPipe(usize),
    InQueue {
        place: Weak<Place>,
        /// Whole messages that the writer had written before it.
        written: u64,
    },
}

impl Introduction {
    pub(crate) fn new(peer: Arc<PeerInfo>) -> Self {
        Self(Arc::new(Mutex::new(Some(peer))))
    }

    /// What it weighs as a marker, as long as the reader has not taken it.
    pub(super) fn weight(&self) -> u64 {
        self.0.lock().as_deref().map_or(0, weight_of)
    }

    /// For the reader: what is in force from here on.
    pub(super) fn take(&self) -> Option<Arc<PeerInfo>> {
        self.0.lock().take()
    }
}

/// What the marker with it weighs.
pub(super) fn weight_of(peer: &PeerInfo) -> u64 {
    64 + peer.size() as u64
}

impl LastIntroduction {
    /// Bytes of what no marker holds.
    pub(super) fn beside_the_queue(&self) -> usize {
        match self {
            Self::WithPipe(size) => *size,
            Self::InQueue { .. } => 0,
        }
    }

    /// False if the reader was there, or messages are in between. `markers`: what the unread ones weigh.
    fn replace(&self, peer: &Arc<PeerInfo>, messages: u64, markers: &AtomicU64) -> bool {
        let Self::InQueue { place, written } = self else {
            return false;
        };
        let Some(place) = place.upgrade().filter(|_| *written == messages) else {
            return false;
        };
        let mut unread = place.lock();
        let old = match unread.as_mut() {
            Some(old) => std::mem::replace(old, Arc::clone(peer)),
            None => return false,
        };
        // Before the reader takes it.
        markers.fetch_add(weight_of(peer), Ordering::Relaxed);
        drop(unread);
        markers.fetch_sub(weight_of(&old), Ordering::Relaxed);
        true
    }
}

impl PipeEnd {
    /// Appends what the peer behind this end says of itself, in force for the messages that follow. Visible
    /// after [`PipeEnd::flush`].
    pub(crate) fn introduce(&mut self, peer: Arc<PeerInfo>) -> Result<()> {
        let last = &self.introduction;
        if last.replace(&peer, self.written, self.unread_markers()) {
            return Ok(());
        }
        let introduction = Introduction::new(peer);
        let place = Arc::downgrade(&introduction.0);
        self.append_special(Special::Peer(introduction))?;
        let written = self.written;
        self.introduction = LastIntroduction::InQueue { place, written };
        Ok(())
    }

    /// As [`PipeEnd::introduce`] on a pipe whose `other` end nobody has got yet: it takes no room of the queue.
    pub(crate) fn introduce_to(&mut self, other: &mut Self, peer: Arc<PeerInfo>) {
        self.introduction = LastIntroduction::WithPipe(peer.size());
        other.take_introduction(peer);
    }

    /// What is in force from here on.
    pub(super) fn take_introduction(&mut self, peer: Arc<PeerInfo>) {
        self.stamps = peer.fd().is_some();
        self.peer = Some(peer);
    }

    /// Over inproc the routing id is all that a socket says of itself, as the first thing on the pipe, whatever the
    /// type.
    pub(crate) fn introduce_id(&mut self, routing_id: &[u8]) {
        // Without memory the peer generates an id.
        let introduced = PeerInfo::learn(routing_id.into(), None, -1, &[])
            .and_then(|peer| self.introduce(Arc::new(peer)));
        if introduced.is_ok() {
            self.flush();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use crate::message::{Message, PeerInfo};
    use crate::pipe::{Conflate, Head, Incoming, Limits, PipeEnd, pipe};

    fn introduce(end: &mut PipeEnd, id: &[u8]) -> Arc<PeerInfo> {
        let peer = Arc::new(PeerInfo::new(id.into(), None, 7, &[]));
        end.introduce(Arc::clone(&peer)).unwrap();
        end.flush();
        peer
    }

    fn id(end: &PipeEnd) -> Vec<u8> {
        end.peer().unwrap().routing_id.to_vec()
    }

    #[test]
    fn nobody_reads_of_those_who_went() {
        let (mut from, mut to) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        let gone: Vec<_> = (0..100).map(|_| introduce(&mut from, b"gone")).collect();
        let there = introduce(&mut from, b"there");
        assert!(gone.iter().all(|peer| Arc::strong_count(peer) == 1));
        assert_eq!(Arc::strong_count(&there), 2);
        assert_eq!(to.head(), Head::Empty);
        assert_eq!(id(&to), b"there");
        // The reader was there: the next one is another record.
        introduce(&mut from, b"back");
        assert_eq!(id(&to), b"there");
        assert_eq!(to.head(), Head::Empty);
        assert_eq!(id(&to), b"back");
    }

    #[test]
    fn a_new_pipe_comes_with_its_peer() {
        let (mut from, mut to) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        let peer = Arc::new(PeerInfo::new(b"first".as_slice().into(), None, 7, &[]));
        let size = peer.size();
        from.introduce_to(&mut to, peer);
        assert_eq!(id(&to), b"first");
        assert_eq!(from.introduction.beside_the_queue(), size);
        // Not in place of it: messages may have been read under it.
        introduce(&mut from, b"second");
        assert_eq!(id(&to), b"first");
        assert_eq!(to.head(), Head::Empty);
        assert_eq!(id(&to), b"second");
    }

    #[test]
    fn messages_keep_their_peer() {
        let (mut from, mut to) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        for name in [b"one".as_slice(), b"two"] {
            introduce(&mut from, b"gone");
            introduce(&mut from, name);
            from.append_bytes(name, false).unwrap();
            from.flush();
        }
        for name in [b"one".as_slice(), b"two"] {
            assert_eq!(to.head(), Head::Frame);
            assert_eq!(id(&to), name);
            to.skip();
        }
    }
    /// A reader that does not ask first what there is.
    #[test]
    fn the_newest_message_has_the_peer_that_sent_it() {
        let (mut from, mut to) = pipe(Limits::NONE, Limits::NONE, Conflate::FORTH);
        for name in [b"one".as_slice(), b"two"] {
            introduce(&mut from, name);
            from.append_bytes(name, false).unwrap();
            let mut message = Message::new();
            let mut into = Incoming::into_message(&mut message);
            assert_eq!(to.read(&mut into), Some(Ok(())));
            assert_eq!(&message.peer().unwrap().routing_id[..], name);
        }
    }
}
