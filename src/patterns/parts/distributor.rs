//! Fan-out: one message to several peers, each of which gets all frames or none (patterns.md 1.4).

#![forbid(unsafe_code)]

use crate::pipe::{Outgoing, PipeKey, Pipes};

/// The peers of a fan-out, and who of them gets the message in progress.
#[derive(Debug, Default)]
pub(crate) struct Distributor {
    members: Vec<PipeKey>,
    /// By [`PipeKey::index`]; meaningful only where `members` confirms the place.
    slots: Vec<Slot>,
    /// Stamp of the message in progress; a pipe that bears it is a receiver already. 64 bits do not
    /// wrap.
    stamp: u64,
    /// Who gets the message in progress: fixed at its first frame.
    receivers: Vec<PipeKey>,
    mid_message: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    place: u32,
    stamp: u64,
}

impl Distributor {
    /// Takes in a pipe. It takes part from the next message on.
    pub(crate) fn attach(&mut self, key: PipeKey) {
        if self.contains(key) {
            return;
        }
        self.members.push(key);
        self.note_place(self.members.len() - 1, 0);
    }

    /// Forgets a pipe.
    pub(crate) fn remove(&mut self, key: PipeKey) {
        self.abandon(key);
        let Some(place) = self.place(key) else { return };
        self.members.swap_remove(place);
        if let Some(moved) = self.members.get(place) {
            let stamp = self.slots.get(moved.index()).map_or(0, |slot| slot.stamp);
            self.note_place(place, stamp);
        }
    }

    /// The pipe gets no more frames of the message in progress (whose first ones somebody takes back).
    pub(crate) fn abandon(&mut self, key: PipeKey) {
        self.receivers.retain(|&receiver| receiver != key);
    }

    pub(crate) fn contains(&self, key: PipeKey) -> bool {
        self.place(key).is_some()
    }

    pub(crate) fn members(&self) -> &[PipeKey] {
        &self.members
    }

    /// The last frame sent had MORE: the receivers stand fixed.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.mid_message
    }

    /// Begins the choice of receivers of a new message: nobody yet.
    pub(crate) fn begin(&mut self) {
        self.stamp += 1;
        self.receivers.clear();
    }

    /// Makes the pipe with this [`PipeKey::index`] a receiver; twice counts once.
    #[inline]
    pub(crate) fn choose(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        if slot.stamp == self.stamp {
            return;
        }
        if let Some(&key) = self.members.get(slot.place as usize)
            && key.index() == index as usize
        {
            slot.stamp = self.stamp;
            self.receivers.push(key);
        }
    }

    /// Makes all pipes receivers.
    pub(crate) fn choose_all(&mut self) {
        self.receivers.clear();
        self.receivers.extend_from_slice(&self.members);
    }

    /// Makes those receivers that were not chosen, and only those.
    pub(crate) fn invert(&mut self) {
        let Self {
            members,
            slots,
            stamp,
            receivers,
            ..
        } = self;
        receivers.clear();
        let chosen = |key: &PipeKey| {
            let slot = slots.get(key.index());
            slot.is_some_and(|slot| slot.stamp == *stamp)
        };
        receivers.extend(members.iter().filter(|key| !chosen(key)));
    }

    /// Of those chosen only this pipe stays a receiver.
    pub(crate) fn restrict_to(&mut self, key: PipeKey) {
        self.receivers.retain(|&receiver| receiver == key);
    }

    /// True if a chosen receiver is there and has no room for a new message.
    pub(crate) fn is_any_full(&self, pipes: &mut Pipes) -> bool {
        let mut receivers = self.receivers.iter();
        receivers.any(|&key| !pipes.can_write(key) && !pipes.is_write_closed(key))
    }

    /// Sends one frame to the receivers. Never fails: a receiver without room at the first frame, one
    /// that goes in mid-message, and one for whose queue memory lacks miss the whole message.
    pub(crate) fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) {
        let first = !self.mid_message;
        let more = frame.more;
        let mut left = self.receivers.len();
        self.receivers.retain(|&key| {
            left -= 1;
            if first && !pipes.can_write(key) {
                return false;
            }
            let written = !pipes.is_write_closed(key)
                && pipes.write_quietly(key, frame, more, left == 0).is_ok();
            if !written {
                pipes.rollback(key);
            }
            written
        });
        self.mid_message = more;
        if !more {
            pipes.wake_readers(&self.receivers);
            self.receivers.clear();
        }
    }

    fn place(&self, key: PipeKey) -> Option<usize> {
        let place = self.slots.get(key.index())?.place as usize;
        (self.members.get(place) == Some(&key)).then_some(place)
    }

    fn note_place(&mut self, place: usize, stamp: u64) {
        let Some(key) = self.members.get(place) else {
            return;
        };
        if self.slots.len() <= key.index() {
            let vacant = Slot {
                place: u32::MAX,
                stamp: 0,
            };
            self.slots.resize(key.index() + 1, vacant);
        }
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.slots[key.index()] = Slot { place, stamp };
    }
}

#[cfg(test)]
mod tests {
    use super::Distributor;
    use crate::patterns::testing::{Random, Wires, frames};
    use crate::pipe::{Outgoing, PipeKey};

    fn send(distributor: &mut Distributor, wires: &mut Wires, body: &[u8], more: bool) {
        distributor.send(&mut wires.pipes, &mut Outgoing::from_bytes(body, more));
    }

    fn index(key: PipeKey) -> u32 {
        u32::try_from(key.index()).unwrap()
    }

    /// patterns.md 1.4: the set is fixed at the first frame.
    #[test]
    fn newcomers_wait_for_the_next_message() {
        let mut wires = Wires::default();
        let mut distributor = Distributor::default();
        let (old, new) = (wires.add(), wires.add());
        distributor.attach(old);
        distributor.begin();
        distributor.choose_all();
        send(&mut distributor, &mut wires, b"1", true);
        distributor.attach(new);
        send(&mut distributor, &mut wires, b"2", false);
        assert_eq!(wires.sent(old), [frames(&[b"1", b"2"])]);
        assert!(wires.sent(new).is_empty());
    }

    /// patterns.md 18: who goes or is full in the middle gets all or nothing.
    #[test]
    fn whole_or_not_at_all() {
        let mut wires = Wires::default();
        let mut distributor = Distributor::default();
        let (lost, tight) = (wires.add(), wires.add_limited(1));
        distributor.attach(lost);
        distributor.attach(tight);
        for round in 0..2 {
            distributor.begin();
            distributor.choose_all();
            send(&mut distributor, &mut wires, b"1", true);
            if round == 1 {
                wires.far(lost).stop_reading();
            }
            send(&mut distributor, &mut wires, b"2", false);
        }
        assert_eq!(wires.sent(tight), [frames(&[b"1", b"2"])]);
        assert!(!wires.pipes.get(lost).unwrap().is_mid_write());
    }

    /// Random choices of receivers against plain sets.
    #[test]
    fn random_choices_against_sets() {
        let mut random = Random::new(5);
        let mut wires = Wires::default();
        let mut distributor = Distributor::default();
        let keys: Vec<_> = (0..6).map(|_| wires.add()).collect();
        let mut members = Vec::<PipeKey>::new();
        for serial in 0..10_000_u32 {
            let key = keys[random.below(keys.len())];
            match random.below(4) {
                0 => {
                    distributor.attach(key);
                    members.retain(|&other| other != key);
                    members.push(key);
                }
                1 => {
                    distributor.remove(key);
                    members.retain(|&other| other != key);
                }
                _ => {
                    distributor.begin();
                    let mut chosen = Vec::new();
                    for _ in 0..random.below(5) {
                        let key = keys[random.below(keys.len())];
                        distributor.choose(index(key));
                        if members.contains(&key) {
                            chosen.push(key);
                        }
                    }
                    let inverted = random.below(3) == 0;
                    if inverted {
                        distributor.invert();
                    }
                    send(&mut distributor, &mut wires, &serial.to_be_bytes(), false);
                    for &key in &keys {
                        let meant = members.contains(&key) && chosen.contains(&key) != inverted;
                        let expected = if meant {
                            vec![frames(&[&serial.to_be_bytes()])]
                        } else {
                            vec![]
                        };
                        assert_eq!(wires.sent(key), expected);
                    }
                }
            }
            let mut present = distributor.members().to_vec();
            present.sort();
            members.sort();
            assert_eq!(present, members);
        }
    }
}
