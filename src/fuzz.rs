//! Fuzz inputs: seeds with some of their bytes changed, the same in each run of a test.
//!
//! The targets are beside the parsers that they run. `cargo fuzz` runs them for hours, guided by coverage (`fuzz/`); tests run
//! them for a moment each.

use std::path::Path;

use fastrand::Rng;

/// Lengths where parsers of binary records go wrong.
const LENGTHS: [i32; 10] = [-1, -2, 0, 1, 2, 3, 255, 0xf_ffff, i32::MAX, i32::MIN];

/// The files of a target in `fuzz/seeds`, in the order of their names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = std::fs::read_dir(directory.join(target)).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// Runs a target on each seed, and on so many inputs that are made of them.
pub(crate) fn run(seeds: &[Vec<u8>], count: usize, target: impl Fn(&[u8])) {
    for seed in seeds {
        target(seed);
    }
    let mut random = Rng::with_seed(1);
    for _ in 0..count {
        target(&input(seeds, &mut random));
    }
}

/// A seed with some changes, or once in a while bytes that are nothing.
pub(crate) fn input(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = if random.u8(..8) == 0 {
        (0..random.usize(..200)).map(|_| random.u8(..)).collect()
    } else {
        seeds[random.usize(..seeds.len())].clone()
    };
    for _ in 0..random.usize(1..6) {
        mutate(&mut input, seeds, random);
    }
    input
}

/// Changes an input: bytes, lengths, its end, or a part that is replaced by a part of another one.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=input.len());
    match random.u8(..6) {
        0 => input.truncate(at),
        1 => input.insert(at, random.u8(..)),
        2 if at < input.len() => input[at] = random.u8(..),
        3 if at < input.len() => input[at] ^= 1 << random.u8(..8),
        4 if at + 4 <= input.len() => {
            let length = LENGTHS[random.usize(..LENGTHS.len())];
            input[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        _ => {
            let other = &seeds[random.usize(..seeds.len())];
            let from = random.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}
