//! Each target over its corpus and over damaged copies of it.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;
use crate::patterns::testing::Random;

/// Damaged inputs per target; the same ones in every run.
const DAMAGED: usize = 4000;
/// The longest corpus file, in bytes.
const FILE_MAX: usize = 20 * 1024;
/// All corpus files of a target, in bytes.
const CORPUS_MAX: usize = 64 * 1024;

/// Names the input if the target panics.
struct Running<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: b\"{}\"", self.target, self.input.escape_ascii());
        }
    }
}

pub(super) fn smoke(target: &str, function: fn(&[u8])) {
    let run = |input: &[u8]| {
        let running = Running { target, input };
        function(running.input);
    };
    let corpus = corpus(target);
    run(b"");
    corpus.iter().for_each(|input| run(input));
    let mut random = Random::new(41);
    for _ in 0..DAMAGED {
        run(&damaged(&corpus, &mut random));
    }
}

/// An input of the corpus, with one to four changes of the kinds that fuzzers make.
fn damaged(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len() + 1);
        let end = at + random.below(input.len() + 1 - at);
        match random.below(7) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end.min(at + 9))),
            2 => input.insert(at, random.below(256) as u8),
            3 => {
                let again = input[at..end.min(at + 300)].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let other = &corpus[random.below(corpus.len())];
                input.splice(at.., other[random.below(other.len() + 1)..].iter().copied());
            }
            _ if at == input.len() => {}
            5 => input[at] ^= 1 << random.below(8),
            _ => {
                let edges = [0, 1, 2, 4, 0x7f, 0x80, 0xfe, 0xff, random.below(256) as u8];
                input[at] = edges[random.below(edges.len())];
            }
        }
    }
    input
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder: PathBuf = root().join("fuzz/corpus").join(target);
    names(&folder)
        .into_iter()
        .map(|name| fs::read(folder.join(name)).expect("corpus file"))
        .collect()
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let mut sorted: Vec<_> = TARGETS.iter().map(|&target| target.to_owned()).collect();
    sorted.sort();
    assert_eq!(names(&root().join("fuzz/corpus")), sorted);
    let programs: Vec<_> = sorted.iter().map(|target| format!("{target}.rs")).collect();
    assert_eq!(names(&root().join("fuzz/fuzz_targets")), programs);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("manifest");
    for target in TARGETS {
        let program = format!("fuzz/fuzz_targets/{target}.rs");
        let program = fs::read_to_string(root().join(program)).expect("program");
        assert!(
            program.contains(&format!("zmq::fuzz::{target}(data)")),
            "{target}"
        );
        assert!(
            manifest.contains(&format!("name = \"{target}\"\n")),
            "{target}"
        );
        let corpus = corpus(target);
        let sizes: Vec<_> = corpus.iter().map(Vec::len).collect();
        assert!(
            sizes.iter().all(|&size| size <= FILE_MAX),
            "{target}: {sizes:?}"
        );
        let sum: usize = sizes.iter().sum();
        assert!((1..=CORPUS_MAX).contains(&sum), "{target}: {sum} bytes");
    }
}
