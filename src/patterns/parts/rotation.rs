//! A round of pipes: each has its turn, those that have nothing to do are set aside.

#![forbid(unsafe_code)]

use crate::pipe::PipeKey;

/// Pipes of which the active ones take turns.
///
/// Removal and setting aside close the gap with the last active pipe, so that the order after a
/// change of members is not promised, only that every active pipe has one turn in each round. The
/// pipe whose turn it is keeps it, whatever happens to the others.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// The active pipes, then those set aside.
    members: Vec<PipeKey>,
    active: usize,
    /// Whose turn it is: `current < active`, or 0.
    current: usize,
    /// Place in `members` by [`PipeKey::index`]; meaningful only where `members` confirms it.
    places: Vec<u32>,
}

impl Rotation {
    /// Takes in a pipe, as the last active one.
    pub(crate) fn add(&mut self, key: PipeKey) {
        if self.place(key).is_none() {
            self.members.push(key);
            self.note_place(self.members.len() - 1);
        }
        self.activate(key);
    }

    /// Gives a pipe that was set aside its turns again, as the last active one.
    pub(crate) fn activate(&mut self, key: PipeKey) {
        if let Some(place) = self.place(key)
            && place >= self.active
        {
            self.swap(place, self.active);
            self.active += 1;
        }
    }

    /// Forgets a pipe.
    pub(crate) fn remove(&mut self, key: PipeKey) {
        let Some(place) = self.place(key) else { return };
        let place = self.deactivate(place);
        self.swap(place, self.members.len() - 1);
        self.members.pop();
    }

    /// The pipe whose turn it is.
    #[inline]
    pub(crate) fn current(&self) -> Option<PipeKey> {
        if self.active == 0 {
            return None;
        }
        self.members.get(self.current).copied()
    }

    /// The turn goes to the next active pipe.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.current += 1;
        if self.current >= self.active {
            self.current = 0;
        }
    }

    /// The pipe whose turn it is has nothing to do; the turn goes on.
    pub(crate) fn set_current_aside(&mut self) {
        if self.active > 0 {
            self.deactivate(self.current);
        }
    }

    /// Moves an active pipe behind the active ones; its new place.
    fn deactivate(&mut self, place: usize) -> usize {
        if place >= self.active {
            return place;
        }
        self.active -= 1;
        let last = self.active;
        self.swap(place, last);
        // Also when the turn was with the last one, which now stands at `place`.
        if self.current == last {
            self.current = if place == last { 0 } else { place };
        }
        last
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one != other {
            self.members.swap(one, other);
            self.note_place(one);
            self.note_place(other);
        }
    }

    fn place(&self, key: PipeKey) -> Option<usize> {
        let place = *self.places.get(key.index())? as usize;
        (self.members.get(place) == Some(&key)).then_some(place)
    }

    fn note_place(&mut self, place: usize) {
        let Some(key) = self.members.get(place) else {
            return;
        };
        if self.places.len() <= key.index() {
            self.places.resize(key.index() + 1, u32::MAX);
        }
        self.places[key.index()] = u32::try_from(place).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::Rotation;
    use crate::patterns::testing::{Random, keys};
    use crate::pipe::PipeKey;

    /// The same rules over sets: a round is a permutation of the active pipes.
    #[test]
    fn every_active_pipe_has_one_turn_in_each_round() {
        let keys = keys(12);
        let mut random = Random::new(7);
        let mut rotation = Rotation::default();
        let (mut members, mut active) = (Vec::<PipeKey>::new(), Vec::<PipeKey>::new());
        for _ in 0..20_000 {
            let key = keys[random.below(keys.len())];
            let turn = rotation.current();
            let operation = random.below(5);
            match operation {
                0 => {
                    rotation.add(key);
                    members.retain(|&other| other != key);
                    members.push(key);
                    active.retain(|&other| other != key);
                    active.push(key);
                }
                1 => {
                    rotation.activate(key);
                    if members.contains(&key) && !active.contains(&key) {
                        active.push(key);
                    }
                }
                2 => {
                    rotation.remove(key);
                    members.retain(|&other| other != key);
                    active.retain(|&other| other != key);
                }
                3 => {
                    if let Some(current) = rotation.current() {
                        active.retain(|&other| other != current);
                    }
                    rotation.set_current_aside();
                }
                _ => rotation.advance(),
            }
            if let Some(turn) = turn
                && active.contains(&turn)
                && operation != 4
            {
                assert_eq!(rotation.current(), Some(turn), "the turn was lost");
            }
            let mut round = Vec::new();
            for _ in 0..active.len() {
                round.extend(rotation.current());
                rotation.advance();
            }
            round.sort();
            let mut expected = active.clone();
            expected.sort();
            assert_eq!(round, expected);
            assert_eq!(rotation.current().is_none(), active.is_empty());
        }
    }

    #[test]
    fn the_turn_stays_when_others_go() {
        let keys = keys(4);
        let mut rotation = Rotation::default();
        for &key in &keys {
            rotation.add(key);
        }
        for _ in 0..3 {
            rotation.advance();
        }
        assert_eq!(rotation.current(), Some(keys[3]));
        rotation.remove(keys[0]);
        assert_eq!(rotation.current(), Some(keys[3]));
        rotation.remove(keys[2]);
        rotation.remove(keys[1]);
        assert_eq!(rotation.current(), Some(keys[3]));
    }
}
