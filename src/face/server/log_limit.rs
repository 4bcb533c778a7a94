//! Log limit: how often one kind of line is written for one client, so that no client can flood the log.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::Flow;

/// Lines of one kind that a client's slot gets in each period.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Slots that clients share by the hash of their address: all of them together write at most 160 lines a second of a kind.
const SLOTS: usize = 16;

/// The limit of one kind of line; a `static` at the place that writes it.
#[derive(Debug)]
pub struct LogLimit {
    slots: [Mutex<Slot>; SLOTS],
}

#[derive(Debug)]
struct Slot {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LogLimit {
    /// A limit of which nothing is used.
    pub const fn new() -> Self {
        Self {
            slots: [const {
                Mutex::new(Slot {
                    since: None,
                    lines: 0,
                    left_out: 0,
                })
            }; SLOTS],
        }
    }

    /// Whether a line about a client with this address, of whom nothing else is known, may be written now; and if so, how many
    /// were left out before it, where some were.
    pub fn permit(&self, client: IpAddr) -> Option<OmittedLines> {
        self.permit_flow(Flow::of_address(client))
    }

    /// The same about work of this flow.
    pub fn permit_flow(&self, flow: Flow) -> Option<OmittedLines> {
        let mut hasher = DefaultHasher::new();
        flow.hash(&mut hasher);
        let hash = usize::try_from(hasher.finish() & 0xffff).unwrap_or_default() % SLOTS;
        let mut slot = self.slots.get(hash)?.lock();
        let now = Instant::now();
        if slot.since.is_none_or(|since| now - since >= PERIOD) {
            slot.since = Some(now);
            slot.lines = 0;
        }
        if slot.lines == LINES {
            slot.left_out += 1;
            return None;
        }
        slot.lines += 1;
        let left_out = std::mem::take(&mut slot.left_out);
        Some(OmittedLines((left_out > 0).then_some(left_out)))
    }
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::new()
    }
}

/// How many lines were left out before one; nothing where none was. The field `left_out` of that line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmittedLines(pub Option<u64>);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_gets_ten_lines_a_second_and_the_next_says_how_many_were_left_out() {
        static LIMIT: LogLimit = LogLimit::new();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let written = (0..90_000).filter(|_| LIMIT.permit(one).is_some()).count();
        assert_eq!(written, 10);
        // Another client's lines are still written.
        assert_eq!(LIMIT.permit(other), Some(OmittedLines(None)));
        tokio::time::advance(PERIOD).await;
        assert_eq!(LIMIT.permit(one), Some(OmittedLines(Some(89_990))));
        assert_eq!(LIMIT.permit(one), Some(OmittedLines(None)));
    }
}
