//! Round-robin sending: each whole message to the next peer that has room (patterns.md 1.4).

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::patterns::parts::rotation::Rotation;
use crate::pipe::{Outgoing, PipeKey, Pipes};

/// Chooses the pipe to write to.
#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    rotation: Rotation,
    progress: Progress,
}

/// Where the message that is being sent stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// The next frame begins a message.
    #[default]
    Between,
    /// Frames were written to the pipe whose turn it is.
    Writing,
    /// The peer was lost: the rest of the message goes nowhere.
    Discarding,
}

impl LoadBalancer {
    /// Takes in a pipe.
    pub(crate) fn attach(&mut self, key: PipeKey) {
        self.rotation.add(key);
    }

    /// A pipe that had been found full has room.
    pub(crate) fn activate(&mut self, key: PipeKey) {
        self.rotation.activate(key);
    }

    /// Forgets a pipe: it is gone or its peer reads no more. What was written of an unfinished message
    /// is taken back, and the rest of that message will be swallowed.
    pub(crate) fn remove(&mut self, pipes: &mut Pipes, key: PipeKey) {
        if self.progress == Progress::Writing && self.rotation.current() == Some(key) {
            pipes.rollback(key);
            self.progress = Progress::Discarding;
        }
        self.rotation.remove(key);
    }

    /// Sends one frame; the pipe it went to, or `None` if it was swallowed because the peer of the
    /// first frames is gone. `Again` if nobody has room.
    #[inline(always)]
    pub(crate) fn send(
        &mut self,
        pipes: &mut Pipes,
        frame: &mut Outgoing<'_>,
    ) -> Result<Option<PipeKey>> {
        let more = frame.more;
        // Nearly always the pipe whose turn it is has room: one look at it for asking and writing.
        if self.progress == Progress::Between
            && let Some(key) = self.rotation.current()
            && let Some(written) = pipes.write_if_possible(key, frame, more)
        {
            written?;
            self.wrote(more);
            return Ok(Some(key));
        }
        self.select_and_send(pipes, frame)
    }

    #[inline(never)]
    fn select_and_send(
        &mut self,
        pipes: &mut Pipes,
        frame: &mut Outgoing<'_>,
    ) -> Result<Option<PipeKey>> {
        let more = frame.more;
        let key = match self.progress {
            Progress::Between => self.select(pipes).ok_or(Error::Again)?,
            Progress::Writing => match self.rotation.current() {
                Some(key) if !pipes.is_write_closed(key) => key,
                _ => {
                    self.found_dead(pipes, more);
                    return Ok(None);
                }
            },
            Progress::Discarding => {
                self.discarded(more);
                return Ok(None);
            }
        };
        pipes.write(key, frame, more)?;
        self.wrote(more);
        Ok(Some(key))
    }

    #[inline(always)]
    fn wrote(&mut self, more: bool) {
        if more {
            self.progress = Progress::Writing;
        } else {
            self.progress = Progress::Between;
            self.rotation.advance();
        }
    }

    /// Between two messages: the pipe that the next message would go to. It stays the choice of
    /// [`LoadBalancer::send`], so that an envelope can be written to it first.
    #[inline(always)]
    pub(crate) fn select(&mut self, pipes: &mut Pipes) -> Option<PipeKey> {
        while let Some(key) = self.rotation.current() {
            if pipes.can_write(key) {
                return Some(key);
            }
            self.rotation.set_current_aside();
        }
        None
    }

    /// True if the next frame would not block.
    pub(crate) fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        self.is_mid_message() || self.select(pipes).is_some()
    }

    /// Frames with MORE were sent, and the last one was not.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.progress != Progress::Between
    }

    /// The write itself finds the peer gone. As when the loss is noticed between two frames, the rest goes
    /// nowhere: an error would have the caller try the same frame again, and another peer would get the
    /// tail of a message.
    fn found_dead(&mut self, pipes: &mut Pipes, more: bool) {
        if let Some(key) = self.rotation.current() {
            pipes.rollback(key);
            self.rotation.set_current_aside();
        }
        self.discarded(more);
    }

    fn discarded(&mut self, more: bool) {
        self.progress = if more {
            Progress::Discarding
        } else {
            Progress::Between
        };
    }
}

#[cfg(test)]
mod tests {
    use super::LoadBalancer;
    use crate::error::Error;
    use crate::patterns::testing::{Random, Wires, frames};
    use crate::pipe::Outgoing;

    fn send(
        balancer: &mut LoadBalancer,
        wires: &mut Wires,
        body: &[u8],
        more: bool,
    ) -> Result<(), Error> {
        balancer
            .send(&mut wires.pipes, &mut Outgoing::from_bytes(body, more))
            .map(drop)
    }

    /// patterns.md 1.4: 2N sends to N writable peers give each exactly 2.
    #[test]
    fn each_in_turn() {
        let mut wires = Wires::default();
        let mut balancer = LoadBalancer::default();
        let keys = [wires.add(), wires.add(), wires.add()];
        keys.iter().for_each(|&key| balancer.attach(key));
        for _ in 0..6 {
            send(&mut balancer, &mut wires, b"m", false).unwrap();
        }
        for key in keys {
            assert_eq!(wires.sent(key), [frames(&[b"m"]), frames(&[b"m"])]);
        }
    }

    /// patterns.md 1.4: the loss is noticed between frames.
    #[test]
    fn lost_between_frames() {
        let mut wires = Wires::default();
        let mut balancer = LoadBalancer::default();
        let (lost, other) = (wires.add(), wires.add());
        balancer.attach(lost);
        balancer.attach(other);
        send(&mut balancer, &mut wires, b"1", true).unwrap();
        balancer.remove(&mut wires.pipes, lost);
        assert!(balancer.can_send(&mut wires.pipes));
        send(&mut balancer, &mut wires, b"2", true).unwrap();
        send(&mut balancer, &mut wires, b"3", false).unwrap();
        send(&mut balancer, &mut wires, b"next", false).unwrap();
        assert!(wires.sent(lost).is_empty());
        assert_eq!(wires.sent(other), [frames(&[b"next"])]);
    }

    /// patterns.md 1.4: the write itself finds the pipe dead.
    #[test]
    fn write_finds_the_peer_gone() {
        for last in [true, false] {
            let mut wires = Wires::default();
            let mut balancer = LoadBalancer::default();
            let (lost, other) = (wires.add(), wires.add());
            balancer.attach(lost);
            balancer.attach(other);
            send(&mut balancer, &mut wires, b"1", true).unwrap();
            wires.far(lost).stop_reading();
            send(&mut balancer, &mut wires, b"2", !last).unwrap();
            assert_eq!(balancer.is_mid_message(), !last);
            if !last {
                send(&mut balancer, &mut wires, b"3", false).unwrap();
            }
            send(&mut balancer, &mut wires, b"next", false).unwrap();
            assert_eq!(wires.sent(other), [frames(&[b"next"])]);
        }
    }

    /// Messages arrive whole, each at one peer, and only full or absent peers are passed over.
    #[test]
    fn random_traffic_against_counts() {
        const LIMIT: usize = 3;
        let mut random = Random::new(11);
        let mut wires = Wires::default();
        let mut balancer = LoadBalancer::default();
        let keys: Vec<_> = (0..4).map(|_| wires.add_limited(3)).collect();
        keys.iter().for_each(|&key| balancer.attach(key));
        let mut queued = vec![0; keys.len()];
        let (mut accepted, mut arrived) = (0_u32, 0_u32);
        for _ in 0..20_000 {
            if random.below(5) < 3 {
                let serial = accepted.to_be_bytes();
                let had_room = queued.iter().any(|&count| count < LIMIT);
                match send(&mut balancer, &mut wires, &serial, true) {
                    Ok(()) => {
                        assert!(had_room);
                        send(&mut balancer, &mut wires, &serial, false).unwrap();
                        accepted += 1;
                    }
                    Err(error) => {
                        assert_eq!(error, Error::Again);
                        assert!(!had_room);
                    }
                }
            } else {
                // The reader empties one pipe, reports, and the writer hears of it.
                let place = random.below(keys.len());
                for message in wires.sent(keys[place]) {
                    assert_eq!(message.len(), 2);
                    assert_eq!(message[0], message[1]);
                    arrived += 1;
                }
                wires.relieve(keys[place]);
                balancer.activate(keys[place]);
            }
            for (&key, count) in keys.iter().zip(&mut queued) {
                *count = wires.queued(key);
            }
        }
        keys.iter()
            .for_each(|&key| arrived += u32::try_from(wires.sent(key).len()).unwrap());
        assert_eq!(arrived, accepted);
    }
}
