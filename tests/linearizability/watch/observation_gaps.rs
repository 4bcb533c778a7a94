//! Observation gaps: the intervals of indexes in which the watcher of all paths may have missed changes.
//!
//! A change outside all gaps is received if it was done. Inside a gap the leader did not observe every change itself.

use crate::checker::model::{Operation, Outcome};
use crate::gateway::resume_floors::ResumeFloors;
use crate::object_layout::ObjectLayout;
use crate::watch::etcd_watch::{EtcdWatch, WatchStyle};

/// The changes after one index and before, or up to, another.
pub type IndexInterval = (u64, u64);

/// The gaps of the watcher of all paths.
pub struct ObservationGaps {
    gaps: Vec<IndexInterval>,
    clock: IndexClock,
}

impl ObservationGaps {
    pub fn of(
        watches: &[EtcdWatch],
        layout: &ObjectLayout,
        resume_floors: &ResumeFloors,
        ops: &[Vec<Operation>],
    ) -> Self {
        let covers_all =
            |watch: &&EtcdWatch| watch.style == WatchStyle::Stream && watch.path == layout.root;
        let watch = watches.iter().find(covers_all);
        Self {
            gaps: watch.map_or(vec![(0, u64::MAX)], |watch| gaps_of(watch, resume_floors)),
            clock: IndexClock::of(ops),
        }
    }

    /// Whether an operation may have taken effect in a gap, by the times of its call and its return.
    pub fn may_include(&self, op: &Operation) -> bool {
        let (after, before) = self.index_interval(op);
        let overlaps = |(from, to): &IndexInterval| *from < before && *to > after;
        self.gaps.iter().any(overlaps)
    }

    /// The indexes that an operation may have, if it was done.
    pub fn index_interval(&self, op: &Operation) -> IndexInterval {
        self.clock.interval(op)
    }
}

/// The intervals of indexes in which a watch may have missed changes.
fn gaps_of(watch: &EtcdWatch, resume_floors: &ResumeFloors) -> Vec<IndexInterval> {
    let mut delivered_to = watch.after;
    let mut gaps = Vec::new();
    for range in &watch.delivered {
        let floor = resume_floors.floor(range.answered_at, range.to);
        let to = if range.cleared.is_some() {
            range.to
        } else {
            floor.min(range.to)
        };
        if to > delivered_to {
            gaps.push((delivered_to, to));
        }
        delivered_to = range.to;
    }
    gaps
}

/// A clock that maps times to indexes, by the acknowledged changes.
struct IndexClock {
    /// Pairs of the time when a change was acknowledged and the highest index acknowledged by then.
    returned: Vec<(u64, u64)>,
    /// Pairs of the time when a change was called and the lowest index called from then on, latest first.
    called: Vec<(u64, u64)>,
}

impl IndexClock {
    fn of(ops: &[Vec<Operation>]) -> Self {
        let done = ops.iter().flatten();
        let done = done.filter(|op| op.outcome == Outcome::Done && !op.changes_nothing());
        let (mut returned, mut called) = (Vec::new(), Vec::new());
        for op in done {
            if let Some(index) = op.index {
                returned.push((op.returned, index));
                called.push((op.called, index));
            }
        }
        returned.sort_unstable();
        called.sort_unstable_by(|one, other| other.cmp(one));
        let (mut high, mut low) = (0, u64::MAX);
        for (_, index) in &mut returned {
            high = high.max(*index);
            *index = high;
        }
        for (_, index) in &mut called {
            low = low.min(*index);
            *index = low;
        }
        Self { returned, called }
    }

    /// The index after which an operation was done, and the index before which it was done, if it was.
    fn interval(&self, op: &Operation) -> IndexInterval {
        let earlier = self.returned.partition_point(|(at, _)| *at < op.called);
        let later = self.called.partition_point(|(at, _)| *at > op.returned);
        let last =
            |found: &[(u64, u64)], count: usize| found[..count].last().map(|(_, index)| *index);
        let after = last(&self.returned, earlier).unwrap_or(0);
        let before = last(&self.called, later).unwrap_or(u64::MAX);
        (after, before)
    }
}
