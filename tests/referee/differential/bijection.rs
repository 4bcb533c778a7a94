//! Bijection between the indexes of the two servers.

use std::collections::BTreeMap;

/// Pairs of indexes, in the same order on both sides.
#[derive(Clone, Debug, Default)]
pub struct Bijection {
    to_real: BTreeMap<u64, u64>,
    to_own: BTreeMap<u64, u64>,
}

impl Bijection {
    /// Whether two indexes can correspond, given the known pairs.
    pub fn fits(&self, own: u64, real: u64) -> bool {
        match (self.to_real.get(&own), self.to_own.get(&real)) {
            (Some(known), Some(_)) => *known == real,
            _ => true,
        }
    }

    /// Records two indexes as corresponding; returns whether that agrees with the known pairs.
    pub fn pair(&mut self, own: u64, real: u64) -> bool {
        match (self.to_real.get(&own), self.to_own.get(&real)) {
            (Some(known), _) => *known == real,
            (None, Some(_)) => false,
            (None, None) => {
                let before = self.to_real.range(..own).next_back();
                let after = self.to_real.range(own..).next();
                let fits = before.is_none_or(|(_, known)| *known < real)
                    && after.is_none_or(|(_, known)| *known > real)
                    && (own == 0) == (real == 0);
                if fits {
                    self.to_real.insert(own, real);
                    self.to_own.insert(real, own);
                }
                fits
            }
        }
    }
}

#[test]
fn index_pairs_preserve_equality_and_order() {
    let mut indexes = Bijection::default();
    assert!(
        indexes.pair(5, 50) && indexes.pair(5, 50) && indexes.pair(9, 51) && indexes.pair(0, 0)
    );
    assert!(
        !indexes.pair(5, 51) && !indexes.pair(6, 50),
        "an index has two counterparts"
    );
    assert!(
        !indexes.pair(7, 52) && !indexes.pair(10, 49),
        "not in order"
    );
    assert!(
        !indexes.pair(0, 1) && !indexes.pair(4, 0),
        "0 corresponds to 0 only"
    );
    assert!(indexes.pair(10, 60));
}
