//! What peers left behind: pipes whose connection has ended, and which the socket has not let go of yet.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::memory;
use crate::pipe::{Notice, Wake};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The weight of all that peers of one socket left behind. High-water marks bound the pipe of one peer; this is what
/// bounds the pipes of those who come, leave something behind and go, again and again.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    weight: AtomicUsize,
    /// Those who wait until it is no longer enough.
    waiting: Mutex<Vec<Arc<dyn Wake>>>,
}

/// A pipe weighs as much as so many messages.
const PIPE: usize = 10;
/// As many bytes of what a peer said of itself, or of subscriptions, weigh as much as a message.
const MESSAGE_BYTES: usize = 1024;
/// More messages of one pipe do not count: how many of them were read is not known exactly.
const MOST: usize = 1000;
/// Ten thousand peers who left nothing, or a hundred full queues of the usual size.
const ENOUGH: usize = if cfg!(test) { 1000 } else { 100_000 };

impl Leftovers {
    /// So much was left that nobody new should come before the socket has taken some.
    pub(crate) fn is_enough(&self) -> bool {
        self.weight.load(Ordering::Relaxed) >= ENOUGH
    }

    /// True if it is enough: then what `waiter` makes is woken once as soon as it is not.
    pub(crate) fn wait_if_enough(&self, waiter: impl FnOnce() -> Arc<dyn Wake>) -> bool {
        if !self.is_enough() {
            return false;
        }
        let mut waiting = self.waiting.lock();
        // Looked at under the lock, which is taken by whoever lets go of something after that has happened. Without
        // memory nobody waits, and there is none for somebody new.
        self.is_enough() && memory::push(&mut waiting, waiter()).is_ok()
    }

    /// Counts a pipe with so many unread messages, and so many bytes of what is no message, until the result is dropped.
    pub(super) fn count(self: &Arc<Self>, messages: u64, bytes: usize) -> Leftover {
        let messages = usize::try_from(messages).unwrap_or(MOST).min(MOST);
        let weight = PIPE + messages + bytes / MESSAGE_BYTES;
        self.weight.fetch_add(weight, Ordering::Relaxed);
        Leftover {
            leftovers: Arc::clone(self),
            weight,
        }
    }
}

/// One pipe that counts.
#[derive(Debug)]
pub(crate) struct Leftover {
    leftovers: Arc<Leftovers>,
    weight: usize,
}

impl Leftover {
    /// Counts as a pipe with so many bytes of what is no message.
    pub(crate) fn weigh(&mut self, bytes: usize) {
        let weight = PIPE + bytes / MESSAGE_BYTES;
        let before = std::mem::replace(&mut self.weight, weight);
        if weight > before {
            let more = weight - before;
            self.leftovers.weight.fetch_add(more, Ordering::Relaxed);
        } else {
            self.lose(before - weight);
        }
    }

    fn lose(&self, less: usize) {
        let Leftovers { weight, waiting } = &*self.leftovers;
        let before = weight.fetch_sub(less, Ordering::Relaxed);
        if before >= ENOUGH && before - less < ENOUGH {
            let waiting = std::mem::take(&mut *waiting.lock());
            waiting.iter().for_each(|wake| wake.wake(Notice::Writable));
        }
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        self.lose(self.weight);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{AtomicUsize, ENOUGH, Leftovers, MESSAGE_BYTES, Notice, Ordering, PIPE, Wake};
    use crate::memory::ShortBytes;
    use crate::message::PeerInfo;
    use crate::pipe::queue::Special;
    use crate::pipe::{Conflate, Limits, PipeEnd, pipe};
    use std::sync::Arc;

    /// What is no message counts by its bytes: what a peer said of itself, and subscriptions.
    #[test]
    fn bytes_weigh_as_much_as_messages() {
        let weight_of = |leave: &dyn Fn(&mut PipeEnd)| {
            let leftovers = Arc::new(Leftovers::default());
            let (_socket, mut connection) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
            leave(&mut connection);
            connection.flush();
            connection.leave_behind(&leftovers);
            leftovers.weight.load(Ordering::Relaxed)
        };
        let size = 20 * MESSAGE_BYTES;
        assert_eq!(weight_of(&|_| ()), PIPE);
        let subscribes = weight_of(&|end| {
            let topic = ShortBytes::from(&vec![7; size]);
            let subscribe = true;
            end.append_special(Special::Subscription { subscribe, topic })
                .unwrap();
        });
        assert!((PIPE + 20..PIPE + 25).contains(&subscribes));
        let introduces = weight_of(&|end| {
            let properties = [(b"X-name".to_vec(), vec![7; size])];
            let peer = PeerInfo::new(Box::default(), None, -1, &properties);
            end.introduce(Arc::new(peer)).unwrap();
        });
        assert!((PIPE + 20..PIPE + 25).contains(&introduces));
    }

    /// Who waits is woken once, when it is no longer enough.
    #[test]
    fn those_who_wait_are_woken() {
        #[derive(Debug, Default)]
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(&self, _notice: Notice) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let leftovers = Arc::new(Leftovers::default());
        let woken = Arc::new(Woken::default());
        let wait = || leftovers.wait_if_enough(|| Arc::clone(&woken) as Arc<dyn Wake>);
        assert!(!wait());
        let mut pipes: Vec<_> = (0..=ENOUGH / PIPE).map(|_| leftovers.count(0, 0)).collect();
        assert!(wait());
        pipes.pop();
        assert_eq!(woken.0.load(Ordering::Relaxed), 0, "still enough");
        pipes.clear();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(!wait());
    }

    /// It counts from the peer's end until the socket has let go of its side.
    #[test]
    fn pipes_count_as_long_as_the_socket_has_them() {
        let leftovers = Arc::new(Leftovers::default());
        let mut sockets = Vec::new();
        for number in 0..ENOUGH / (PIPE + 1) {
            assert!(!leftovers.is_enough(), "after {number} peers");
            let (socket, mut connection) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
            connection.append_bytes(b"unread", false).unwrap();
            connection.flush();
            connection.leave_behind(&leftovers);
            drop(connection);
            sockets.push(socket);
        }
        let (socket, mut connection) = pipe(Limits::NONE, Limits::NONE, Conflate::NEITHER);
        connection.leave_behind(&leftovers);
        assert!(leftovers.is_enough());
        drop((socket, connection));
        assert!(!leftovers.is_enough());
        drop(sockets);
        assert_eq!(leftovers.weight.load(Ordering::Relaxed), 0);
    }
}
