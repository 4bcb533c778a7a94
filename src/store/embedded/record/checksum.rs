//! Checksums: xxh3-64 over bytes in pieces.

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// The longest input that is summed in one go, in bytes: xxh3 begins another way with longer ones.
const SHORT: usize = 240;

/// The checksum of these pieces, one after another. Most are short, and the state of a sum in pieces is longer than they are.
pub(super) fn xxh3(seed: u64, pieces: &[&[u8]]) -> u64 {
    let mut short = [0; SHORT];
    let mut length = 0;
    for piece in pieces {
        let end = length + piece.len();
        let Some(place) = short.get_mut(length..end) else {
            return long_xxh3(seed, pieces);
        };
        place.copy_from_slice(piece);
        length = end;
    }
    xxh3_64_with_seed(short.get(..length).unwrap_or_default(), seed)
}

fn long_xxh3(seed: u64, pieces: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::with_seed(seed);
    for piece in pieces {
        hash.update(piece);
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn the_sum_of_pieces_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(2_000).collect();
        for length in (0..300).chain([1_000, 2_000]) {
            let whole = &bytes[..length];
            for split in [0, length / 3, length] {
                let (a, b) = whole.split_at(split);
                assert_eq!(xxh3(0, &[a, b]), xxh3_64(whole), "{length}, {split}");
                let seeded = xxh3_64_with_seed(whole, 7);
                assert_eq!(xxh3(7, &[a, &[], b]), seeded, "{length}, {split}");
            }
        }
    }
}
