//! Routing ids of peers: which pipe an id means and which id a pipe has (patterns.md 6.2).

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::pipe::PipeKey;
use crate::random;

/// Both ways of the relation between routing ids and pipes. An id means one pipe; a pipe that is only
/// read from any more may have an id that means another ([`RoutingTable::pass_on`]).
#[derive(Debug)]
pub(crate) struct RoutingTable {
    /// Ids of the form of generated ones (0x00 and four bytes), whoever gave them.
    generated: HashMap<u32, PipeKey, Mixing>,
    /// All others.
    given: HashMap<Box<[u8]>, PipeKey>,
    /// By [`PipeKey::index`].
    ids: Vec<Option<(PipeKey, RoutingId)>>,
    /// The next id to generate; starts at random, so that a late reply to a peer of an earlier socket
    /// does not find one of this.
    next: u32,
}

#[derive(Clone, Debug)]
enum RoutingId {
    Generated([u8; GENERATED_LENGTH]),
    Given(Box<[u8]>),
}

const GENERATED_LENGTH: usize = 5;

impl Default for RoutingTable {
    fn default() -> Self {
        Self {
            generated: HashMap::with_hasher(Mixing {
                seed: RandomState::new().hash_one(0),
            }),
            given: HashMap::default(),
            ids: Vec::new(),
            next: random::u32(),
        }
    }
}

impl RoutingTable {
    /// Gives the pipe this id; false (and nothing done) if another pipe has it.
    pub(crate) fn add(&mut self, key: PipeKey, id: &[u8]) -> bool {
        if self.find(id).is_some() {
            return false;
        }
        self.pass_on(key, id);
        true
    }

    /// Gives the pipe this id. A pipe that had it is still said to have it, but the id no longer means it.
    pub(crate) fn pass_on(&mut self, key: PipeKey, id: &[u8]) {
        self.remove(key);
        let id = match generated_number(id) {
            Some(number) => {
                self.generated.insert(number, key);
                RoutingId::Generated(generated_id(number))
            }
            None => {
                self.given.insert(id.into(), key);
                RoutingId::Given(id.into())
            }
        };
        if self.ids.len() <= key.index() {
            self.ids.resize(key.index() + 1, None);
        }
        self.ids[key.index()] = Some((key, id));
    }

    /// Gives the pipe an id that nobody has.
    pub(crate) fn add_generated(&mut self, key: PipeKey) {
        // An application may have chosen an id of this form; there are fewer pipes than numbers.
        loop {
            let id = generated_id(self.next);
            self.next = self.next.wrapping_add(1);
            if self.add(key, &id) {
                return;
            }
        }
    }

    /// Forgets the pipe, and frees its id if that means it.
    pub(crate) fn remove(&mut self, key: PipeKey) {
        let Some(slot) = self.ids.get_mut(key.index()) else {
            return;
        };
        let Some((_, id)) = slot.take_if(|(owner, _)| *owner == key) else {
            return;
        };
        match id {
            RoutingId::Generated([_, number @ ..]) => {
                let number = u32::from_be_bytes(number);
                if self.generated.get(&number) == Some(&key) {
                    self.generated.remove(&number);
                }
            }
            RoutingId::Given(id) => {
                if self.given.get(&id) == Some(&key) {
                    self.given.remove(&id);
                }
            }
        }
    }

    /// The pipe that an id means.
    #[inline]
    pub(crate) fn find(&self, id: &[u8]) -> Option<PipeKey> {
        match generated_number(id) {
            Some(number) => self.generated.get(&number).copied(),
            None => self.given.get(id).copied(),
        }
    }

    /// The id that a pipe has.
    #[inline]
    pub(crate) fn id(&self, key: PipeKey) -> Option<&[u8]> {
        match self.ids.get(key.index())? {
            Some((owner, id)) if *owner == key => Some(match id {
                RoutingId::Generated(id) => id,
                RoutingId::Given(id) => id,
            }),
            _ => None,
        }
    }

    /// All pipes that have an id.
    pub(crate) fn pipes(&self) -> impl Iterator<Item = PipeKey> {
        self.ids.iter().flatten().map(|(key, _)| *key)
    }
}

fn generated_id(number: u32) -> [u8; GENERATED_LENGTH] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, a, b, c, d]
}

fn generated_number(id: &[u8]) -> Option<u32> {
    match *id {
        [0, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

/// Hashes one number by a multiplication. Peers may choose ids of this form, hence the seed.
#[derive(Clone, Debug)]
struct Mixing {
    seed: u64,
}

impl BuildHasher for Mixing {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer(self.seed)
    }
}

struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The halves of the product together depend on all bits of number and seed.
        const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ u64::from(number)) * MULTIPLIER;
        self.0 = (product ^ (product >> 64)) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::RoutingTable;
    use crate::patterns::testing::{Random, keys};
    use crate::pipe::PipeKey;
    use std::collections::BTreeMap;

    #[test]
    fn random_changes_against_a_map() {
        let keys = keys(10);
        let mut random = Random::new(9);
        let mut table = RoutingTable::default();
        let mut model = BTreeMap::<PipeKey, Vec<u8>>::new();
        let mut owners = BTreeMap::<Vec<u8>, PipeKey>::new();
        let names: [&[u8]; 6] = [
            b"a",
            b"b",
            b"",
            b"\0",
            b"\0\0\0\0\x07",
            b"long enough to be no number",
        ];
        for _ in 0..20_000 {
            let key = keys[random.below(keys.len())];
            let mut change = |id: Option<Vec<u8>>| {
                owners.retain(|_, owner| *owner != key);
                model.remove(&key);
                if let Some(id) = id {
                    owners.insert(id.clone(), key);
                    model.insert(key, id);
                }
            };
            let name = names[random.below(names.len())];
            match random.below(5) {
                0 => {
                    let taken = table.find(name).is_some();
                    assert_eq!(table.add(key, name), !taken);
                    if !taken {
                        change(Some(name.to_vec()));
                    }
                }
                1 => {
                    table.pass_on(key, name);
                    change(Some(name.to_vec()));
                }
                2 => {
                    table.add_generated(key);
                    let id = table.id(key).unwrap().to_vec();
                    assert!(id.len() == 5 && id[0] == 0);
                    change(None);
                    assert!(!owners.contains_key(&id));
                    owners.insert(id.clone(), key);
                    model.insert(key, id);
                }
                _ => {
                    table.remove(key);
                    change(None);
                }
            }
            for &key in &keys {
                assert_eq!(table.id(key), model.get(&key).map(Vec::as_slice));
            }
            for name in names {
                assert_eq!(table.find(name), owners.get(name).copied());
            }
            let mut present: Vec<_> = table.pipes().collect();
            present.sort();
            assert!(present.into_iter().eq(model.keys().copied()));
        }
    }

    /// patterns.md 6.2: 0x00, then a counter in big-endian order, plus one for each id.
    #[test]
    fn generated_ids_count_up() {
        let keys = keys(2);
        let mut table = RoutingTable {
            next: 0x0102_03ff,
            ..RoutingTable::default()
        };
        table.add_generated(keys[0]);
        table.add_generated(keys[1]);
        assert_eq!(table.id(keys[0]), Some(&[0, 1, 2, 3, 0xff][..]));
        assert_eq!(table.id(keys[1]), Some(&[0, 1, 2, 4, 0][..]));
    }
}
