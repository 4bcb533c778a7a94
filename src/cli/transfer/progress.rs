//! What is told on standard error while entries are moved.

use std::io::{self, Write};
use std::time::Duration;

use kubekv::transfer::ImportProgress;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The shortest time between two lines about the same thing.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells what has been done, not too often.
#[derive(Debug, Default)]
pub(super) struct Progress {
    last: Mutex<Option<Instant>>,
}

impl Progress {
    /// Tells a step.
    pub(super) fn tell(&self, step: ImportProgress) {
        let text = match step {
            ImportProgress::Read { entries, bytes } => {
                format!("read {entries} entries, {}", size(bytes))
            }
            ImportProgress::WaitingForLeadership { name } => {
                let name = name.escape_debug();
                format!("waiting for the leadership of the store, which {name} held last")
            }
            ImportProgress::Writing { done, of, bytes } => {
                if !self.is_due(done == of) {
                    return;
                }
                let part = done * 100 / of.max(1);
                format!("written {done} of {of} ({part} %), {}", size(bytes))
            }
            ImportProgress::SourceChanged { entries } => {
                format!("the source has changed meanwhile: {entries} entries differ")
            }
            ImportProgress::Verifying => "reading the target back".to_owned(),
        };
        // Nobody may be reading.
        let _unwritable = writeln!(io::stderr(), "kubekv: {text}");
    }

    fn is_due(&self, at_all_events: bool) -> bool {
        let mut last = self.last.lock();
        let now = Instant::now();
        let due = at_all_events || last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// Bytes, as people say it.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_next_lower_unit() {
        for (bytes, text) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_999_999, "1.9 MB"),
            (20_000_000_000, "20.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
