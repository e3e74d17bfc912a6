//! The tree against a sorted map, and its arrays against their invariants.

use super::{Block, CLASSES, Entry, Node, ROOT, Radix};
use crate::patterns::testing::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

impl Entry for u8 {
    fn is_vacant(&self) -> bool {
        *self == 0
    }
}

impl<V> Radix<V> {
    /// Bytes allocated, for measurements.
    pub(crate) fn memory(&self) -> usize {
        let free: usize = self.children.free.iter().map(Vec::capacity).sum();
        self.nodes.capacity() * size_of::<Node<V>>()
            + (self.free_nodes.capacity() + self.children.links.capacity() + free)
                * size_of::<u32>()
            + self.labels.capacity()
            + self.children.firsts.capacity()
    }
}

/// Keys that share much, branch widely, or are long.
fn random_key(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => (0..random.below(6))
            .map(|_| b'a' + random.below(2) as u8)
            .collect(),
        1 => vec![b'w', random.below(256) as u8],
        2 => format!("md.{}.{}", random.below(4), random.below(30)).into_bytes(),
        _ => vec![b'x'; random.below(300)],
    }
}

fn contents(tree: &Radix<u8>) -> Vec<(Vec<u8>, u8)> {
    let mut all = Vec::new();
    let visited = tree.for_each(|key, value| {
        all.push((key.to_vec(), *value));
        ControlFlow::Continue(())
    });
    assert_eq!(visited, Ok(()));
    all
}

/// Every node and block is either reachable once or free once; labels add up.
fn check_arrays(tree: &Radix<u8>) {
    if tree.nodes.is_empty() {
        assert!(tree.labels.is_empty() && tree.free_nodes.is_empty());
        return;
    }
    let mut seen = BTreeSet::new();
    let mut slots = vec![false; tree.children.links.len()];
    let mut occupy = |start: u32, class: usize| {
        for slot in &mut slots[start as usize..start as usize + (1 << class)] {
            assert!(!std::mem::replace(slot, true), "blocks overlap");
        }
    };
    let mut used_labels = 0;
    let mut pending = vec![ROOT];
    while let Some(index) = pending.pop() {
        assert!(seen.insert(index));
        let node = &tree.nodes[index as usize];
        used_labels += node.label_len as usize;
        let Block { start, len, class } = node.children;
        if len > 0 {
            occupy(start, usize::from(class));
        }
        assert!(
            index == ROOT || node.value != 0 || len > 1,
            "a node that is neither key nor branch"
        );
        pending.extend_from_slice(tree.children.links(node.children));
    }
    for &free in &tree.free_nodes {
        assert!(seen.insert(free));
    }
    assert_eq!(seen.len(), tree.nodes.len());
    for class in 0..CLASSES {
        for &start in &tree.children.free[class] {
            occupy(start, class);
        }
    }
    assert!(slots.into_iter().all(|taken| taken), "a block leaked");
    assert_eq!(used_labels + tree.dead_labels, tree.labels.len());
}

#[test]
fn random_changes_against_a_sorted_map() {
    for seed in 1..6 {
        let mut random = Random::new(seed);
        let mut tree = Radix::<u8>::default();
        let mut model = BTreeMap::<Vec<u8>, u8>::new();
        for step in 0..4000 {
            // Grows, then shrinks to nothing.
            let grow = if step < 2500 { 3 } else { 1 };
            let key = random_key(&mut random);
            if random.below(4) < grow {
                let value = 1 + random.below(200) as u8;
                let old = tree
                    .insert_with(&key, |slot| std::mem::replace(slot, value))
                    .unwrap();
                assert_eq!(old, model.insert(key, value).unwrap_or(0));
            } else {
                // Mostly a key that is there.
                let key = match model.keys().nth(random.below(model.len() + 1)) {
                    Some(present) => present.clone(),
                    None => key,
                };
                assert_eq!(tree.change(&key, std::mem::take), model.remove(&key));
            }
            assert_eq!(tree.len(), model.len());
            if step % 50 == 0 {
                check_arrays(&tree);
                assert!(contents(&tree).into_iter().eq(model.clone()));
            }
            let text = random_key(&mut random);
            let mut found = Vec::new();
            let _ = tree.prefixes(&text, |value| {
                found.push(*value);
                ControlFlow::<()>::Continue(())
            });
            let expected: Vec<u8> = (0..=text.len())
                .filter_map(|len| model.get(&text[..len]).copied())
                .collect();
            assert_eq!(found, expected);
        }
        for key in model.into_keys() {
            assert!(tree.change(&key, std::mem::take).is_some());
            check_arrays(&tree);
        }
        assert_eq!((tree.len(), tree.nodes.capacity()), (0, 0));
    }
}

/// What many keys took comes back when few are left.
#[test]
fn a_few_of_many_take_little() {
    let mut tree = Radix::<u8>::default();
    let key = |number: u32| format!("{:08x}", number.wrapping_mul(0x9e37_79b9)).into_bytes();
    for number in 0..20_000 {
        tree.insert_with(&key(number), |value| *value = 3).unwrap();
    }
    let most = tree.memory();
    for number in 10..20_000 {
        tree.change(&key(number), std::mem::take);
    }
    check_arrays(&tree);
    assert!(tree.memory() < most / 10, "{} of {most}", tree.memory());
    let mut left: Vec<_> = (0..10).map(|number| (key(number), 3)).collect();
    left.sort();
    assert_eq!(contents(&tree), left);
}

#[test]
fn dead_labels_are_compacted() {
    let mut tree = Radix::<u8>::default();
    for round in 0..200_u32 {
        let key = [&round.to_be_bytes()[..], &[7; 100]].concat();
        tree.insert_with(&key, |value| *value = 1).unwrap();
        tree.insert_with(b"stays", |value| *value = 2).unwrap();
        tree.change(&key, |value| *value = 0);
    }
    assert!(
        tree.labels.len() < 4096,
        "{} bytes of labels",
        tree.labels.len()
    );
    assert_eq!(contents(&tree), [(b"stays".to_vec(), 2)]);
}
