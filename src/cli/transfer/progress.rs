//! Progress lines of an import, on standard error.

use std::io::{self, Write};
use std::time::Duration;

use kubekv::transfer::ImportProgress;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The shortest time between two lines of the write phase.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Prints progress, at most one line of the write phase per [`MIN_INTERVAL`].
#[derive(Debug, Default)]
pub(super) struct ProgressPrinter {
    last: Mutex<Option<Instant>>,
}

impl ProgressPrinter {
    /// Prints a step.
    pub(super) fn print(&self, step: ImportProgress) {
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
                format!("the source changed during the import: {entries} entries differ")
            }
            ImportProgress::Verifying => "reading the target back".to_owned(),
        };
        // Standard error may be closed.
        let _unwritable = writeln!(io::stderr(), "kubekv: {text}");
    }

    fn is_due(&self, always: bool) -> bool {
        let mut last = self.last.lock();
        let now = Instant::now();
        let due = always || last.is_none_or(|last| now.duration_since(last) >= MIN_INTERVAL);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// A size in bytes, rounded down to one decimal of the largest unit.
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
    fn a_size_is_rounded_down() {
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
