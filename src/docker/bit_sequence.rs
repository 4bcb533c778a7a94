//! Bit sequences: the bitmaps that libnetwork allots addresses and VXLAN ids from, run-length encoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bits of a block.
const BLOCK_BITS: u64 = 32;

/// The bytes before the runs, and the bytes of a run.
const HEADER: usize = 16;
const RUN: usize = 12;

/// A bitmap of numbers that are free (0) or taken (1).
///
/// Encoded it is the number of bits, the number of free ones, and the runs of equal blocks: the block's 32 bits, the first
/// number's leftmost, and how often it is repeated. All are big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitSequence {
    bits: u64,
    free: u64,
    runs: Vec<Run>,
}

/// A block and how often it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    block: u32,
    count: u64,
}

/// The bits that differ between two sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitChanges {
    /// How many.
    pub count: u64,
    /// The first one, and whether it is taken afterwards.
    pub first: Option<(u64, bool)>,
}

/// The bit is taken already, or it is not in the sequence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("requested bit is already allocated")]
pub struct BitTaken;

/// Bytes that are no bit sequence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a bit sequence: {0}")]
pub struct MalformedSequence(&'static str);

impl BitSequence {
    /// A sequence of free bits.
    pub fn new(bits: u64) -> Self {
        Self {
            bits,
            free: bits,
            runs: vec![Run {
                block: 0,
                count: bits.div_ceil(BLOCK_BITS),
            }],
        }
    }

    /// The number of bits.
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// The number of free bits, as the sequence counts them.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// Whether a bit is taken. A bit beyond the runs counts as taken.
    pub fn is_taken(&self, bit: u64) -> bool {
        self.find(bit / BLOCK_BITS).is_none_or(|(at, _)| {
            self.runs
                .get(at)
                .is_none_or(|run| run.block & mask(bit) != 0)
        })
    }

    /// The first free bit at or after `from` and not after `last`, otherwise the first from `first` on. An allotment in
    /// series gives the bit after its previous one as `from`, any other one 0.
    pub fn next_free(&self, from: u64, first: u64, last: u64) -> Option<u64> {
        let within = |bit: &u64| *bit <= last;
        let later = (from > first).then(|| self.free_from(from)).flatten();
        later
            .filter(within)
            .or_else(|| self.free_from(first).filter(within))
    }

    /// Takes a bit.
    pub fn take(&mut self, bit: u64) -> Result<(), BitTaken> {
        if self.is_taken(bit) {
            return Err(BitTaken);
        }
        self.free = self.free.saturating_sub(1);
        self.write(bit, true);
        Ok(())
    }

    /// Gives a bit back. As in libnetwork, the number of free bits grows even where the bit was free.
    pub fn release(&mut self, bit: u64) {
        self.free = self.free.saturating_add(1);
        self.write(bit, false);
    }

    /// The encoded sequence.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + RUN * self.runs.len());
        bytes.extend(self.bits.to_be_bytes());
        bytes.extend(self.free.to_be_bytes());
        for run in &self.runs {
            bytes.extend(run.block.to_be_bytes());
            bytes.extend(run.count.to_be_bytes());
        }
        bytes
    }

    /// Decodes a sequence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedSequence> {
        let (bits, rest) = split_number(bytes).ok_or(MalformedSequence("no length"))?;
        let (free, mut rest) = split_number(rest).ok_or(MalformedSequence("no count"))?;
        let mut runs = Vec::with_capacity(rest.len() / RUN);
        while !rest.is_empty() {
            let (block, after) = rest
                .split_first_chunk()
                .ok_or(MalformedSequence("part of a run"))?;
            let (count, after) = split_number(after).ok_or(MalformedSequence("part of a run"))?;
            runs.push(Run {
                block: u32::from_be_bytes(*block),
                count,
            });
            rest = after;
        }
        if runs.is_empty() {
            return Err(MalformedSequence("no runs"));
        }
        Ok(Self { bits, free, runs })
    }

    /// Whether a run has no block: libnetwork's search for a free bit never ends at one.
    pub fn has_empty_run(&self) -> bool {
        self.runs.iter().any(|run| run.count == 0)
    }

    /// Whether the runs have as many blocks as the bits need.
    pub fn has_its_length(&self) -> bool {
        let blocks = self
            .runs
            .iter()
            .try_fold(0_u64, |sum, run| sum.checked_add(run.count));
        self.bits > 0 && blocks == Some(self.bits.div_ceil(BLOCK_BITS))
    }

    /// Whether no bit is taken, and all are counted as free.
    pub fn is_fresh(&self) -> bool {
        self.free == self.bits && self.runs.iter().all(|run| run.block == 0)
    }

    /// How many bits are taken, without those of these numbers.
    pub fn taken_without(&self, left_out: &[u64]) -> u64 {
        let taken = self.runs.iter().fold(0_u64, |sum, run| {
            sum.saturating_add(run.count.saturating_mul(u64::from(run.block.count_ones())))
        });
        let left_out = left_out.iter().filter(|bit| self.is_taken(**bit)).count();
        taken.saturating_sub(u64::try_from(left_out).unwrap_or(u64::MAX))
    }

    /// The bits in which another sequence, of the same length, differs from this one.
    pub fn changes(&self, other: &Self) -> BitChanges {
        let mut changes = BitChanges::default();
        let (mut own, mut others) = (self.runs.iter().copied(), other.runs.iter().copied());
        let (mut left, mut right) = (own.next(), others.next());
        let mut block = 0_u64;
        while let (Some(mut one), Some(mut two)) = (left, right) {
            let both = one.count.min(two.count);
            let differs = one.block ^ two.block;
            if differs != 0 {
                let bits = both.saturating_mul(u64::from(differs.count_ones()));
                if changes.first.is_none() {
                    let bit = block
                        .saturating_mul(BLOCK_BITS)
                        .saturating_add(u64::from(differs.leading_zeros()));
                    changes.first = Some((bit, two.block & mask(bit) != 0));
                }
                changes.count = changes.count.saturating_add(bits);
            }
            block = block.saturating_add(both);
            one.count -= both;
            two.count -= both;
            left = if one.count == 0 {
                own.next()
            } else {
                Some(one)
            };
            right = if two.count == 0 {
                others.next()
            } else {
                Some(two)
            };
        }
        changes
    }

    /// The run that has a block, and the number of the block in it.
    fn find(&self, block: u64) -> Option<(usize, u64)> {
        let mut before = block;
        for (at, run) in self.runs.iter().enumerate() {
            match before.checked_sub(run.count) {
                None => return Some((at, before)),
                Some(left) => before = left,
            }
        }
        None
    }

    /// The first free bit at or after one. It may be beyond the last bit: the last block is padded with zeros.
    fn free_from(&self, bit: u64) -> Option<u64> {
        let (at, mut inside) = self.find(bit / BLOCK_BITS)?;
        let mut first_block = bit / BLOCK_BITS;
        // Only the first block looked at is searched from its middle.
        let mut skipped = u32::MAX.checked_shl(bit_width_left(bit)).unwrap_or(0);
        for run in self.runs.get(at..)? {
            let open = |skipped: u32| (!(run.block | skipped)).leading_zeros();
            let (block, offset) = match (open(skipped), inside.checked_add(1)) {
                (offset @ 0..32, _) => (first_block, offset),
                (_, Some(next)) if next < run.count && open(0) < 32 => (first_block + 1, open(0)),
                _ => {
                    first_block = first_block.checked_add(run.count - inside)?;
                    inside = 0;
                    skipped = 0;
                    continue;
                }
            };
            return block
                .checked_mul(BLOCK_BITS)?
                .checked_add(u64::from(offset));
        }
        None
    }

    /// Sets a bit to 1 or 0. A changed block is split off its run, and equal neighbours are merged.
    fn write(&mut self, bit: u64, taken: bool) {
        let Some((at, inside)) = self.find(bit / BLOCK_BITS) else {
            return;
        };
        let Some(run) = self.runs.get(at).copied() else {
            return;
        };
        let block = if taken {
            run.block | mask(bit)
        } else {
            run.block & !mask(bit)
        };
        if block == run.block {
            return;
        }
        let part = |count| Run {
            block: run.block,
            count,
        };
        let parts = [
            part(inside),
            Run { block, count: 1 },
            part(run.count - inside - 1),
        ];
        self.runs
            .splice(at..=at, parts.into_iter().filter(|part| part.count > 0));
        // libnetwork merges from the run before the changed block on, and not at all where the block was in the middle.
        if inside == 0 {
            self.merge_from(at.saturating_sub(1));
        } else if inside == run.count - 1 {
            self.merge_from(at);
        }
    }

    fn merge_from(&mut self, first: usize) {
        let tail = self.runs.split_off(first.min(self.runs.len()));
        for run in tail {
            let within = self.runs.len() > first;
            match self.runs.last_mut().filter(|_| within) {
                Some(last) if last.block == run.block => {
                    last.count = last.count.saturating_add(run.count);
                }
                _ => self.runs.push(run),
            }
        }
    }
}

/// The bit's place in its block.
fn mask(bit: u64) -> u32 {
    1_u32.rotate_right(1) >> (bit % BLOCK_BITS)
}

/// How many bits of its block are at or after a bit.
fn bit_width_left(bit: u64) -> u32 {
    u32::try_from(BLOCK_BITS - bit % BLOCK_BITS).unwrap_or(0)
}

fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

impl Serialize for BitSequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for BitSequence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

/// A bit sequence with its id: the pool's, for addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitSequenceRecord {
    /// The id.
    pub id: String,
    /// The sequence.
    pub sequence: BitSequence,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{decode, encode};

    /// Values of a pool of 256 addresses, as a real dockerd wrote them in turn.
    const FRESH: &str = "AAAAAAAAAQAAAAAAAAABAAAAAAAAAAAAAAAACA==";
    const NETWORK_TAKEN: &str = "AAAAAAAAAQAAAAAAAAAA/4AAAAAAAAAAAAAAAQAAAAAAAAAAAAAABw==";
    const BROADCAST_TAKEN: &str =
        "AAAAAAAAAQAAAAAAAAAA/oAAAAAAAAAAAAAAAQAAAAAAAAAAAAAABgAAAAEAAAAAAAAAAQ==";
    const GATEWAY_TAKEN: &str =
        "AAAAAAAAAQAAAAAAAAAA/cAAAAAAAAAAAAAAAQAAAAAAAAAAAAAABgAAAAEAAAAAAAAAAQ==";
    /// Values of the VXLAN ids.
    const NO_VXLAN: &str = "AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A==";
    const ONE_VXLAN: &str = "AAAAAAD//wAAAAAAAP/+/4AAAAAAAAAAAAAAAQAAAAAAAAAAAAf/9w==";

    fn text(sequence: &BitSequence) -> String {
        STANDARD.encode(sequence.to_bytes())
    }

    #[test]
    fn operations_give_the_recorded_successors() {
        let mut addresses = BitSequence::new(256);
        assert_eq!(text(&addresses), FRESH);
        addresses.take(0).unwrap();
        assert_eq!(text(&addresses), NETWORK_TAKEN);
        assert_eq!(addresses.take(0), Err(BitTaken));
        addresses.take(255).unwrap();
        assert_eq!(text(&addresses), BROADCAST_TAKEN);
        let gateway = addresses.next_free(0, 0, 255).unwrap();
        addresses.take(gateway).unwrap();
        assert_eq!((gateway, text(&addresses)), (1, GATEWAY_TAKEN.to_owned()));
        addresses.release(gateway);
        assert_eq!(text(&addresses), BROADCAST_TAKEN);

        let mut ids = super::super::VXLAN_IDS.free();
        assert_eq!(text(&ids), NO_VXLAN);
        ids.take(0).unwrap();
        assert_eq!(text(&ids), ONE_VXLAN);
        ids.release(0);
        assert_eq!(text(&ids), NO_VXLAN);
    }

    #[test]
    fn decoded_and_encoded_again_a_value_is_the_same() {
        for text in [FRESH, GATEWAY_TAKEN, NO_VXLAN, ONE_VXLAN] {
            let value =
                format!("{{\"id\":\"GlobalDefault/10.55.0.0/24\",\"sequence\":\"{text}\"}}");
            let record: BitSequenceRecord = decode(value.as_bytes()).unwrap();
            assert_eq!(encode(&record).unwrap(), value.as_bytes());
        }
    }

    #[test]
    fn an_allotment_in_series_goes_on_after_the_last_one() {
        let mut bits = BitSequence::new(40);
        for bit in 0..5 {
            bits.take(bit).unwrap();
        }
        bits.release(1);
        assert_eq!(bits.next_free(5, 0, 39), Some(5));
        assert_eq!(bits.next_free(0, 0, 39), Some(1));
        for bit in 5..40 {
            bits.take(bit).unwrap();
        }
        // From the end it begins again; the padding after the last bit is never allotted.
        assert_eq!(bits.next_free(40, 0, 39), Some(1));
        bits.take(1).unwrap();
        assert_eq!(bits.next_free(40, 0, 39), None);
        assert!(bits.is_taken(200));
    }

    #[test]
    fn any_order_of_operations_agrees_with_a_plain_bitmap() {
        let mut bits = BitSequence::new(300);
        let mut plain = [false; 300];
        let mut state = 7_u64;
        for _ in 0..5_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let bit = (state >> 33) % 300;
            let at = usize::try_from(bit).unwrap();
            if plain[at] {
                assert!(bits.is_taken(bit));
                bits.release(bit);
            } else {
                bits.take(bit).unwrap();
            }
            plain[at] = !plain[at];
            let next = (at..300)
                .find(|at| !plain[*at])
                .or_else(|| (0..300).find(|at| !plain[*at]));
            assert_eq!(
                bits.next_free(bit, 0, 299),
                next.map(|at| u64::try_from(at).unwrap())
            );
            let free = plain.iter().filter(|taken| !**taken).count();
            assert_eq!(bits.free(), u64::try_from(free).unwrap());
            assert_eq!(BitSequence::from_bytes(&bits.to_bytes()).unwrap(), bits);
        }
    }

    #[test]
    fn changes_are_those_of_the_plain_bitmap() {
        let mut bits = BitSequence::new(300);
        for bit in [0, 5, 64, 65, 299] {
            let before = bits.clone();
            bits.take(bit).unwrap();
            let first = Some((bit, true));
            assert_eq!(before.changes(&bits), BitChanges { count: 1, first });
            let first = Some((bit, false));
            assert_eq!(bits.changes(&before), BitChanges { count: 1, first });
        }
        let all = BitSequence::new(300).changes(&bits);
        assert_eq!((all.count, all.first), (5, Some((0, true))));
        assert_eq!(bits.changes(&bits), BitChanges::default());
        assert_eq!(bits.taken_without(&[0, 1]), 4);
        assert!(!bits.is_fresh() && bits.has_its_length() && !bits.has_empty_run());
    }

    #[test]
    fn bytes_that_are_no_sequence_are_refused() {
        let bytes = BitSequence::new(32).to_bytes();
        for length in [0, 8, 16, 20, 27] {
            assert!(
                BitSequence::from_bytes(&bytes[..length]).is_err(),
                "{length}"
            );
        }
    }
}
