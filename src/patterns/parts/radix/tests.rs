//! The tree against a sorted map, and its arrays against their invariants.

use super::blocks::{Blocks, ROOT};
use super::bucket::{Entries, Entry};
use super::{LABEL, Piece, Radix};
use crate::patterns::testing::Random;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

impl Radix {
    /// Bytes allocated, for measurements.
    pub(crate) fn memory(&self) -> usize {
        self.blocks.memory()
    }
}

/// Keys that share much, branch widely, or are long.
fn random_key(random: &mut Random, longest: usize) -> Vec<u8> {
    let mut key = random_key_of_any_length(random);
    key.truncate(longest);
    key
}

fn random_key_of_any_length(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => (0..random.below(6))
            .map(|_| b'a' + random.below(2) as u8)
            .collect(),
        1 => vec![b'w', random.below(256) as u8],
        2 => format!("md.{}.{}", random.below(4), random.below(30)).into_bytes(),
        // Where buckets, and labels, are full.
        3 => [
            &vec![b'q'; 235 + random.below(30)][..],
            &[random.below(3) as u8],
        ]
        .concat(),
        4 => format!("s.{}", random.below(900))
            .repeat(1 + random.below(3))
            .into_bytes(),
        _ => vec![b'x'; random.below(300)],
    }
}

fn contents(tree: &Radix) -> Vec<(Vec<u8>, u32)> {
    let mut all = Vec::new();
    let visited = tree.for_each(|key, value| {
        all.push((key.to_vec(), value));
        ControlFlow::Continue(())
    });
    assert_eq!(visited, Ok(()));
    all
}

/// Every byte is in one node, or free, or the link to the root; no node is there for nothing. Where there were keys of
/// more bytes than a label has, nodes may be left whose label did not go into one with the child's.
fn check_blocks(tree: &Radix, longest: usize) {
    let mut taken = vec![false; tree.blocks.bytes.len()];
    let mut occupy = |range: std::ops::Range<usize>| {
        for byte in &mut taken[range] {
            assert!(!std::mem::replace(byte, true), "blocks overlap");
        }
    };
    let (mut used, mut keys) = (0, 0);
    let root = tree.blocks.link(ROOT);
    let mut pending = Vec::new();
    if root != 0 {
        used += 4;
        occupy(ROOT..ROOT + 4);
        pending.push(root);
    }
    while let Some(at) = pending.pop() {
        let node = tree.node(at);
        let room = Blocks::room(node.end - at);
        occupy(at..at + room);
        used += room;
        let is_chain = node.children() == 1 && longest > LABEL;
        let entries: Vec<_> = Entries(tree.bytes(node.entries())).collect();
        let entry_bytes =
            |entry: &Entry<'_>| entry.rest.len() + if entry.value > 255 { 6 } else { 2 };
        let least: usize = entries.iter().map(entry_bytes).sum();
        assert!(least <= node.entries().len() && entries.iter().all(|entry| entry.value != 0));
        assert!((node.entries().len() - least).is_multiple_of(4));
        keys += entries.len() + usize::from(tree.value(&node) != 0);
        assert!(entries.is_sorted_by(|one, next| one.rest < next.rest));
        assert!(
            tree.value(&node) != 0 || node.children() > 1 || !entries.is_empty() || is_chain,
            "a node that is neither key nor branch: {node:?}"
        );
        let firsts = tree.bytes(node.firsts());
        assert!(firsts.is_sorted_by(|one, next| one < next));
        pending.extend((0..firsts.len()).map(|place| tree.blocks.link(node.link(place))));
    }
    for free in tree.blocks.free_ranges() {
        occupy(free);
    }
    assert_eq!(used + tree.blocks.free_bytes(), tree.blocks.bytes.len());
    assert_eq!(keys, tree.len());
}

#[test]
fn random_changes_against_a_sorted_map() {
    for seed in 1..9 {
        let longest = if seed % 2 == 0 { usize::MAX } else { LABEL };
        let mut random = Random::new(seed);
        let mut tree = Radix::default();
        let mut model = BTreeMap::<Vec<u8>, u32>::new();
        for step in 0..4000 {
            // Grows, then shrinks to nothing.
            let grow = if step < 2500 { 3 } else { 1 };
            let key = random_key(&mut random, longest);
            if random.below(4) < grow {
                let highest = if random.below(2) == 0 { 300 } else { 70_000 };
                let value = 1 + random.below(highest) as u32;
                let old = tree.insert(&key, value).unwrap();
                assert_eq!(old, model.get(&key).copied());
                assert_eq!(tree.get(&key), old.unwrap_or(value));
                tree.set(&key, value).unwrap();
                model.insert(key, value);
            } else {
                // Mostly a key that is there.
                let key = match model.keys().nth(random.below(model.len() + 1)) {
                    Some(present) => present.clone(),
                    None => key,
                };
                assert_eq!(tree.get(&key), model.remove(&key).unwrap_or(0));
                tree.remove(&key);
                assert_eq!(tree.get(&key), 0);
            }
            assert_eq!(tree.len(), model.len());
            if step % 50 == 0 {
                check_blocks(&tree, longest);
                assert!(contents(&tree).into_iter().eq(model.clone()));
            }
            let text = random_key(&mut random, longest);
            let mut found = Vec::new();
            let _ = tree.prefixes(&text, |value| {
                found.push(value);
                ControlFlow::<()>::Continue(())
            });
            let expected: Vec<u32> = (0..=text.len())
                .filter_map(|len| model.get(&text[..len]).copied())
                .collect();
            assert_eq!(found, expected);
        }
        for key in model.into_keys() {
            assert_ne!(tree.get(&key), 0);
            tree.remove(&key);
            check_blocks(&tree, longest);
        }
        assert_eq!((tree.len(), tree.memory()), (0, 0));
    }
}

/// What many keys took comes back when few are left.
#[test]
fn a_few_of_many_take_little() {
    let mut tree = Radix::default();
    let key = |number: u32| format!("{:08x}", number.wrapping_mul(0x9e37_79b9)).into_bytes();
    for number in 0..20_000 {
        tree.insert(&key(number), 3).unwrap();
    }
    let most = tree.memory();
    for number in 10..20_000 {
        tree.remove(&key(number));
    }
    check_blocks(&tree, LABEL);
    assert!(tree.memory() < most / 10, "{} of {most}", tree.memory());
    let mut left: Vec<_> = (0..10).map(|number| (key(number), 3)).collect();
    left.sort();
    assert_eq!(contents(&tree), left);
}

/// Keys of which few begin alike share a bucket, in whatever order they come.
#[test]
fn keys_that_share_much_take_little() {
    let key = |number: usize, tail: usize| format!("md.{:04}.{:x<tail$}", number / 20, number % 20);
    for (tail, most) in [(3, 25), (30, 110)] {
        for is_in_turn in [false, true] {
            let mut tree = Radix::default();
            for step in 0..40_000 {
                let number = if is_in_turn {
                    step % 2000 * 20 + step / 2000
                } else {
                    step
                };
                assert_eq!(tree.insert(key(number, tail).as_bytes(), 1), Ok(None));
            }
            check_blocks(&tree, LABEL);
            let each = tree.blocks.bytes.len() / 40_000;
            assert!(each < most, "{each} bytes each");
            for number in 0..40_000 {
                assert_eq!(tree.get(key(number, tail).as_bytes()), 1);
            }
        }
    }
}

/// A value that takes more bytes than a full bucket has room for; less is written where it was.
#[test]
fn values_of_a_full_bucket() {
    let mut tree = Radix::default();
    let keys: Vec<_> = (0..84_u8).map(|byte| vec![byte]).collect();
    for key in &keys {
        assert_eq!(tree.insert(key, 1), Ok(None));
    }
    for (value, other) in [(1 << 31, 7), (255, 256), (2, 1)] {
        for key in &keys {
            assert_eq!(tree.set(key, value), Ok(()));
            assert_eq!(tree.set(key, other), Ok(()));
            assert_eq!(tree.get(key), other);
            check_blocks(&tree, LABEL);
        }
    }
    assert!(keys.iter().all(|key| tree.get(key) == 1));
}

/// A bucket whose last entry went when there was no memory for taking it out of the tree.
#[test]
fn an_empty_bucket() {
    let mut tree = Radix::default();
    let empty = tree.put_bucket(&[Piece::New(b"label")], &[]).unwrap();
    tree.blocks.set_link(ROOT, empty);
    assert_eq!(tree.get(b"label"), 0);
    tree.remove(b"label");
    let mut other = b"label".to_vec();
    other.resize(300, b'x');
    assert_eq!(tree.insert(&other, 2), Ok(None));
    assert_eq!(tree.insert(b"label", 3), Ok(None));
    assert_eq!(contents(&tree), [(b"label".to_vec(), 3), (other, 2)]);
}

/// What is removed makes room for what comes.
#[test]
fn free_blocks_are_used_again() {
    let mut tree = Radix::default();
    for round in 0..200_u32 {
        let key = [&round.to_be_bytes()[..], &[7; 100]].concat();
        tree.insert(&key, 1).unwrap();
        tree.insert(b"stays", 2).unwrap();
        tree.remove(&key);
    }
    assert!(tree.memory() < 4096, "{} bytes", tree.memory());
    assert_eq!(contents(&tree), [(b"stays".to_vec(), 2)]);
}

/// Longer keys than a label are chains of nodes, cut anywhere and taken away as a whole.
#[test]
fn long_keys() {
    let long = vec![b'x'; 5000];
    let mut tree = Radix::default();
    let mut model = BTreeMap::new();
    tree.insert(b"y", 1).unwrap();
    model.insert(b"y".to_vec(), 1);
    for length in (0..1100).chain([4000, 5000]).rev() {
        let mut key = long[..length].to_vec();
        key.push(b'z');
        assert_eq!(tree.insert(&key, 7), Ok(None));
        model.insert(key, 7);
    }
    check_blocks(&tree, usize::MAX);
    assert!(contents(&tree).into_iter().eq(model.clone()));
    for key in model.into_keys() {
        assert_ne!(tree.get(&key), 0);
        tree.remove(&key);
    }
    assert_eq!((tree.len(), tree.memory()), (0, 0));
}

#[test]
fn what_comes_behind_a_key() {
    let mut random = Random::new(23);
    let mut tree = Radix::default();
    let mut model = BTreeMap::new();
    for _ in 0..2000 {
        let key = random_key(&mut random, usize::MAX);
        if random.below(3) == 0 {
            tree.remove(&key);
            model.remove(&key);
        } else if model.insert(key.clone(), 1).is_none() {
            assert_eq!(tree.insert(&key, 1), Ok(None));
        }
        let after = random_key(&mut random, usize::MAX);
        let mut behind = Vec::new();
        let visited = tree.for_each_after(Some(&after), |key, _| {
            behind.push(key.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!(visited, Ok(()));
        let expected = model.keys().filter(|key| **key > after);
        assert!(behind.iter().eq(expected), "behind {after:?}");
    }
}
