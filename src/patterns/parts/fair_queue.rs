//! Fair queuing: one whole message from each peer that has any, in turn (patterns.md 1.4).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::message::Message;
use crate::patterns::parts::rotation::Rotation;
use crate::pipe::{Incoming, PipeKey, Pipes, Upcoming};

/// Chooses the pipe to read from.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    rotation: Rotation,
    /// The last frame taken had MORE: the rest comes from the same pipe and is there.
    mid_message: bool,
}

impl FairQueue {
    /// Takes in a pipe. It may or may not hold something.
    pub(crate) fn attach(&mut self, key: PipeKey) {
        self.rotation.add(key);
    }

    /// A pipe that had been found empty has something.
    pub(crate) fn activate(&mut self, key: PipeKey) {
        self.rotation.activate(key);
    }

    /// Forgets a pipe; the rest of a message being read from it is lost.
    pub(crate) fn remove(&mut self, key: PipeKey) {
        if self.rotation.current() == Some(key) {
            self.mid_message = false;
        }
        self.rotation.remove(key);
    }

    /// Reads one frame and says from where. `Again` if there is none.
    #[inline(always)]
    pub(crate) fn recv(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<PipeKey> {
        // Nearly always the pipe whose turn it is has a frame, and looking for it first would take as long as reading it.
        if let Some(key) = self.rotation.current()
            && let Some(read) = pipes.read(key, into)
        {
            read?;
            self.taken(into.more);
            return Ok(key);
        }
        self.select_and_read(pipes, into)
    }

    #[inline(never)]
    fn select_and_read(&mut self, pipes: &mut Pipes, into: &mut Incoming<'_>) -> Result<PipeKey> {
        let key = self.select(pipes).ok_or(Error::Again)?;
        self.read(pipes, key, into)?;
        Ok(key)
    }

    /// The pipe whose frame is next; markers are dropped on the way. The answer stays the same until
    /// that frame is taken.
    #[inline(always)]
    pub(crate) fn select(&mut self, pipes: &mut Pipes) -> Option<PipeKey> {
        while let Some(key) = self.rotation.current() {
            if self.mid_message || pipes.has_frame(key) {
                return Some(key);
            }
            self.rotation.set_current_aside();
        }
        None
    }

    /// As [`FairQueue::select`], but a notification counts as a message.
    #[inline]
    pub(crate) fn next(&mut self, pipes: &mut Pipes) -> Option<(PipeKey, Upcoming)> {
        while let Some(key) = self.rotation.current() {
            if self.mid_message {
                return Some((key, Upcoming::Frame));
            }
            if let Some(upcoming) = pipes.upcoming(key) {
                return Some((key, upcoming));
            }
            self.rotation.set_current_aside();
        }
        None
    }

    /// Reads the frame of the pipe that was selected. An error leaves it where it is.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        into: &mut Incoming<'_>,
    ) -> Result<()> {
        // The frame is there: the pipe was selected.
        pipes.read(key, into).ok_or(Error::Again)??;
        self.taken(into.more);
        Ok(())
    }

    /// As [`FairQueue::read`], as a message of its own.
    pub(crate) fn take(&mut self, pipes: &mut Pipes, key: PipeKey) -> Result<Message> {
        let message = pipes.take(key).ok_or(Error::Again)??;
        self.taken(message.more());
        Ok(message)
    }

    /// Takes the notification that [`FairQueue::next`] found.
    pub(crate) fn take_notification(&mut self, pipes: &mut Pipes, key: PipeKey) {
        pipes.take_notification(key);
        self.taken(false);
    }

    /// Drops the frame of the pipe that was selected.
    pub(crate) fn skip(&mut self, pipes: &mut Pipes, key: PipeKey) {
        let more = pipes.skip(key).unwrap_or(false);
        self.taken(more);
    }

    /// Drops what is left of the message of the pipe that was selected.
    pub(crate) fn skip_message(&mut self, pipes: &mut Pipes, key: PipeKey) {
        loop {
            self.skip(pipes, key);
            if !self.mid_message {
                return;
            }
        }
    }

    /// The pipe from which the rest of a message is to be read.
    pub(crate) fn in_progress(&self) -> Option<PipeKey> {
        if self.mid_message {
            self.rotation.current()
        } else {
            None
        }
    }

    fn taken(&mut self, more: bool) {
        self.mid_message = more;
        if !more {
            self.rotation.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FairQueue;
    use crate::message::Message;
    use crate::patterns::testing::{Random, Wires, frames, recv_from};
    use crate::pipe::Incoming;
    use std::collections::VecDeque;

    /// patterns.md 1.4: with N peers each holding 2 messages, the first N receives give one each.
    #[test]
    fn one_message_from_each() {
        let mut wires = Wires::default();
        let mut queue = FairQueue::default();
        for peer in 0..3 {
            let key = wires.add();
            wires.arrive(key, &[&[b'a' + peer]]);
            wires.arrive(key, &[&[b'a' + peer]]);
            queue.attach(key);
        }
        let mut got = Vec::new();
        for _ in 0..6 {
            let mut message = Message::new();
            let mut into = Incoming::into_message(&mut message);
            queue.recv(&mut wires.pipes, &mut into).unwrap();
            got.push(message.bytes()[0]);
        }
        assert_eq!(got, b"abcabc");
    }

    /// Whole messages, each peer's in order, nothing lost, and nobody overtaken twice.
    #[test]
    fn random_arrivals_against_queues() {
        let mut random = Random::new(3);
        let mut wires = Wires::default();
        let mut queue = FairQueue::default();
        let keys: Vec<_> = (0..5).map(|_| wires.add()).collect();
        keys.iter().for_each(|&key| queue.attach(key));
        let mut sent = vec![VecDeque::new(); keys.len()];
        // How many messages of others were read while this one had some.
        let mut waited = vec![0; keys.len()];
        for serial in 0..20_000_u32 {
            let peer = random.below(keys.len());
            if random.below(2) == 0 {
                let name = [u8::try_from(peer).unwrap()];
                let serial = serial.to_be_bytes();
                let message: Vec<&[u8]> = match random.below(3) {
                    0 => vec![&name],
                    1 => vec![&name, &serial],
                    _ => vec![&name, &serial, b""],
                };
                wires.arrive(keys[peer], &message);
                queue.activate(keys[peer]);
                sent[peer].push_back(frames(&message));
                continue;
            }
            let all_empty = sent.iter().all(VecDeque::is_empty);
            match recv_from(
                |pipes, into| queue.recv(pipes, into).map(drop),
                &mut wires.pipes,
            ) {
                Err(_) => assert!(all_empty),
                Ok(message) => {
                    let from = usize::from(message[0][0]);
                    assert_eq!(sent[from].pop_front().as_ref(), Some(&message));
                    waited[from] = 0;
                    for other in (0..keys.len()).filter(|&other| other != from) {
                        waited[other] = if sent[other].is_empty() {
                            0
                        } else {
                            waited[other] + 1
                        };
                        // One round, and one more when a change of members reordered it.
                        assert!(waited[other] <= 2 * keys.len(), "peer {other} starves");
                    }
                }
            }
        }
    }

    #[test]
    fn a_pipe_removed_in_mid_message_leaves_a_clean_start() {
        let mut wires = Wires::default();
        let mut queue = FairQueue::default();
        let (gone, stays) = (wires.add(), wires.add());
        wires.arrive(gone, &[b"1", b"2"]);
        wires.arrive(stays, &[b"x"]);
        queue.attach(gone);
        queue.attach(stays);
        let mut message = Message::new();
        queue
            .recv(&mut wires.pipes, &mut Incoming::into_message(&mut message))
            .unwrap();
        assert_eq!(queue.in_progress(), Some(gone));
        queue.remove(gone);
        assert_eq!(queue.in_progress(), None);
        let next = recv_from(
            |pipes, into| queue.recv(pipes, into).map(drop),
            &mut wires.pipes,
        );
        assert_eq!(next, Ok(frames(&[b"x"])));
    }
}
