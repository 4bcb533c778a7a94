//! Limits of a draft: a decision that does more than its bounds allow is stopped.

use super::Draft;

impl Draft<'_> {
    /// One more than the writes that may still be made: whoever collects what to write needs no more, as the decision is
    /// stopped then.
    pub(crate) fn writes_left(&self) -> usize {
        let left = self.bounds.writes.saturating_sub(self.writes.len());
        left.saturating_add(1)
    }

    /// Whether the decision did more than it may. What it came to means nothing then.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.work.exceeded.get()
    }

    /// Whether one more write is too much.
    pub(super) fn stops(&self) -> bool {
        if self.writes.len() >= self.bounds.writes {
            self.work.exceeded.set(true);
        }
        self.is_exceeded()
    }

    /// Whether a scan may pass over one more entry.
    pub(super) fn scans_on(&self) -> bool {
        let scanned = self.work.scanned.get().saturating_add(1);
        self.work.scanned.set(scanned);
        if scanned > self.bounds.scanned {
            self.work.exceeded.set(true);
        }
        !self.is_exceeded()
    }
    /// Counts one step of a request that has many, as an entry that a scan passes over; says whether the decision goes on. What takes
    /// too many is decided outside the critical section, in which everybody waits, and stopped here: its answer is not used.
    pub fn takes_step(&self) -> bool {
        self.scans_on()
    }
}
