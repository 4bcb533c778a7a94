//! The result of idle clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::options::IdleKind;
use crate::bench::measure::{OperationRecord, ServerUse};

/// What came of idle clients.
#[derive(Debug)]
pub struct IdleMeasured {
    /// How long each took to open.
    pub opened: OperationRecord,
    /// The counts.
    pub summary: IdleSummary,
    /// How long it took to open all.
    pub elapsed: Duration,
    /// The server's processes before and with them.
    pub server: Option<(ServerUse, ServerUse)>,
}

/// Idle clients, and the memory of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleSummary {
    /// What they are.
    pub kind: IdleKind,
    /// How many were opened.
    pub open: u64,
    /// The server's resident memory without them, in bytes.
    pub resident_bytes_before: Option<u64>,
    /// The server's resident memory with them, in bytes.
    pub resident_bytes_idle: Option<u64>,
}

impl IdleSummary {
    /// How much memory the server took for each, in bytes; `None` where it is not known, or took no more than before.
    pub fn bytes_each(&self) -> Option<f64> {
        let more = self
            .resident_bytes_idle?
            .checked_sub(self.resident_bytes_before?)?;
        (more > 0 && self.open > 0).then(|| float(more) / float(self.open))
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "memory and counts are far below 2^52"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_did_not_grow_is_no_figure() {
        let of = |before, idle, open| IdleSummary {
            kind: IdleKind::Session,
            open,
            resident_bytes_before: before,
            resident_bytes_idle: idle,
        };
        assert_eq!(of(Some(1_000), Some(5_000), 8).bytes_each(), Some(500.0));
        for none in [
            of(Some(5_000), Some(5_000), 8),
            of(Some(5_000), Some(1_000), 8),
            of(Some(1_000), Some(5_000), 0),
            of(None, None, 8),
        ] {
            assert_eq!(none.bytes_each(), None, "{none:?}");
        }
    }
}
