//! Zipfian ranks: rank k comes 1/k times as often as the first one.

/// The ranks from 1 to a number, chosen by Hörmann and Derflinger's rejection-inversion: it needs no table, which would have
/// an entry a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZipfianRanks {
    count: f64,
    /// The integral of 1/x up to the end of the last rank.
    top: f64,
    /// Where the part of the first rank begins.
    bottom: f64,
    /// A rank this close to where it was drawn needs no further test.
    squeeze: f64,
}

impl ZipfianRanks {
    /// The ranks up to `count`, which is at least 1.
    pub(super) fn new(count: u64) -> Self {
        let count = float(count);
        Self {
            count,
            top: (count + 0.5).ln(),
            bottom: 1.5_f64.ln() - 1.0,
            squeeze: 2.0 - (2.5_f64.ln() - 0.5).exp(),
        }
    }

    /// The next rank.
    pub(super) fn choose(&self, random: &mut fastrand::Rng) -> u64 {
        loop {
            let drawn = self.top + random.f64() * (self.bottom - self.top);
            let at = drawn.exp();
            let rank = at.round().clamp(1.0, self.count);
            if rank - at <= self.squeeze || drawn >= (rank + 0.5).ln() - 1.0 / rank {
                return whole(rank);
            }
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a number of keys, far below 2^52"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank, between 1 and the number of keys"
)]
fn whole(rank: f64) -> u64 {
    rank as u64
}
