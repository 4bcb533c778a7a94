//! Latencies: an HDR histogram of nanoseconds.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// The longest latency that is told apart from longer ones: an hour, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// The shortest unit, in nanoseconds.
const SHORTEST_NS: u64 = 100;

/// The significant digits of a latency.
const DIGITS: u8 = 3;

/// A distribution of latencies, precise to three digits between 0.1 us and an hour. Distributions can be added.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// A text that is no histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an HDR histogram (version 2, compressed, base64)")]
pub struct BadHistogram;

impl Latencies {
    /// No latencies.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bounds are constants, and valid"
    )]
    pub fn new() -> Self {
        let bounded = Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS);
        Self(bounded.expect("valid bounds"))
    }

    /// Records one.
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
    }

    /// Adds those of another distribution.
    pub fn add(&mut self, other: &Self) {
        // Only fails for values beyond the longest, which none has.
        let _added = self.0.add(&other.0);
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether none was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// The latency that a share of all does not exceed, in microseconds.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        micros(self.0.value_at_quantile(quantile))
    }

    /// The shortest, in microseconds.
    pub fn min_us(&self) -> f64 {
        micros(self.0.min())
    }

    /// The longest, in microseconds.
    pub fn max_us(&self) -> f64 {
        micros(self.0.max())
    }

    /// The mean, in microseconds.
    pub fn mean_us(&self) -> f64 {
        self.0.mean() / 1e3
    }

    /// The histogram in the exchange format of HDR histograms: version 2, compressed, in base64.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// The histogram of a text that [`Self::encode`] made.
    pub fn decode(text: &str) -> Result<Self, BadHistogram> {
        let bytes = STANDARD.decode(text).map_err(|_| BadHistogram)?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|_| BadHistogram)?;
        let mut own = Self::new();
        own.0.add(&read).map_err(|_| BadHistogram)?;
        Ok(own)
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a latency of three digits"
)]
fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        for ms in milliseconds {
            latencies.record(Duration::from_millis(ms));
        }
        latencies
    }

    #[test]
    fn quantiles_of_merged_histograms_are_those_of_all_latencies() {
        let (odd, even) = (of((1..=1_000).step_by(2)), of((2..=1_000).step_by(2)));
        let mut merged = Latencies::decode(&odd.encode()).unwrap();
        merged.add(&Latencies::decode(&even.encode()).unwrap());
        let whole = of(1..=1_000);
        assert_eq!(merged.count(), 1_000);
        for quantile in [0.0, 0.5, 0.99, 0.999, 1.0] {
            let (merged, whole) = (merged.quantile_us(quantile), whole.quantile_us(quantile));
            assert!((merged - whole).abs() < f64::EPSILON, "{quantile}");
        }
        assert!((merged.quantile_us(0.5) / 500_000.0 - 1.0).abs() < 0.001);
        assert!((merged.mean_us() / 500_500.0 - 1.0).abs() < 0.001);
    }

    #[test]
    fn a_latency_beyond_all_bounds_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(1 << 40));
        assert_eq!(latencies.count(), 1);
    }

    #[test]
    fn a_broken_histogram_is_an_error() {
        let whole = of([1, 2, 3]).encode();
        let half = whole.get(..whole.len() / 2).unwrap();
        for broken in ["", "x", half] {
            assert!(Latencies::decode(broken).is_err(), "{broken}");
        }
    }
}
