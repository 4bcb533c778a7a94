//! Patched history: indexes and outcomes that answers left unknown, filled in from the watchers' events.
//!
//! etcd's robustness tests do the same under this name. An operation of unknown outcome was done if a client observed
//! its effect. It was not done if the watcher of all paths would have received it and did not.

use std::collections::BTreeMap;

use crate::checker::model::{Effect, EntrySlot, Operation, Outcome, Value};
use crate::gateway::resume_floors::ResumeFloors;
use crate::object_layout::ObjectLayout;
use crate::watch::etcd_watch::EtcdWatch;
use crate::watch::observation_gaps::{IndexInterval, ObservationGaps};

/// Patches the operations of all objects.
pub fn patch(
    watches: &[EtcdWatch],
    layout: &ObjectLayout,
    resume_floors: &ResumeFloors,
    ops: &mut [Vec<Operation>],
) {
    assign_observed_indexes(watches, ops);
    drop_never_done(watches, layout, resume_floors, ops);
}

/// Marks operations whose values were observed as done, and assigns them the observed indexes.
fn assign_observed_indexes(watches: &[EtcdWatch], ops: &mut [Vec<Operation>]) {
    let mut indexes = BTreeMap::<Value, u64>::new();
    for event in watches.iter().flat_map(|watch| &watch.events) {
        if let Some(value) = event.value {
            indexes.insert(value, event.index);
        }
    }
    for (_, entry) in ops.iter().flatten().flat_map(|op| &op.observed) {
        if let Some(entry) = entry {
            indexes.insert(entry.value, entry.index);
        }
    }
    for op in ops
        .iter_mut()
        .flatten()
        .filter(|op| op.outcome != Outcome::Refused)
    {
        for (_, effect) in &op.effects {
            if let Effect::Set(value, _) = effect
                && let Some(index) = indexes.get(value)
            {
                // An index in the client's own answer stays. So does a refusal: the validators report one that took
                // effect.
                op.index = op.index.or(Some(*index));
                op.outcome = Outcome::Done;
            }
        }
    }
}

/// Drops operations of unknown outcome that were never done.
fn drop_never_done(
    watches: &[EtcdWatch],
    layout: &ObjectLayout,
    resume_floors: &ResumeFloors,
    ops: &mut [Vec<Operation>],
) {
    let gaps = ObservationGaps::of(watches, layout, resume_floors, ops);
    let deletions = UnattributedDeletions::of(watches, layout, ops);
    for (object, ops) in ops.iter_mut().enumerate() {
        ops.retain(|op| {
            let is_set = |(_, effect): &(_, Effect)| matches!(effect, Effect::Set(..));
            let sets = op.effects.iter().any(is_set);
            let may_be_done = gaps.may_include(op)
                || (!sets && deletions.may_be_of(object, op, gaps.index_interval(op)));
            op.outcome != Outcome::Unknown || may_be_done
        });
    }
}

/// The indexes of observed deletions that no acknowledged operation made. A delete of unknown outcome made one of
/// these, or changed nothing.
struct UnattributedDeletions(BTreeMap<(usize, EntrySlot), Vec<u64>>);

impl UnattributedDeletions {
    fn of(watches: &[EtcdWatch], layout: &ObjectLayout, ops: &[Vec<Operation>]) -> Self {
        let mut deletions = BTreeMap::<_, Vec<u64>>::new();
        let events = watches.iter().flat_map(|watch| &watch.events);
        for event in events.filter(|event| event.value.is_none()) {
            if let Some(location) = layout.locate(&event.path) {
                deletions.entry(location).or_default().push(event.index);
            }
        }
        for (object, ops) in ops.iter().enumerate() {
            for op in ops.iter().filter(|op| op.outcome == Outcome::Done) {
                for (slot, effect) in &op.effects {
                    let indexes = deletions.get_mut(&(object, *slot));
                    if let (Effect::Delete, Some(indexes)) = (effect, indexes) {
                        indexes.retain(|index| Some(*index) != op.index);
                    }
                }
            }
        }
        Self(deletions)
    }

    /// Whether an operation that was done between two indexes may have made one of these deletions.
    fn may_be_of(&self, object: usize, op: &Operation, (after, before): IndexInterval) -> bool {
        let effects = op.effects.iter();
        let mut deletions = effects.filter_map(|(slot, _)| self.0.get(&(object, *slot)));
        deletions.any(|indexes| {
            indexes
                .iter()
                .any(|index| (after + 1..before).contains(index))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::model::LockEffect;
    use crate::watch::etcd_watch::{DeliveredRange, WatchEvent, WatchStyle};

    fn set(number: u32, called: u64, returned: u64, index: Option<u64>) -> Operation {
        let outcome = index.map_or(Outcome::Unknown, |_| Outcome::Done);
        Operation {
            client: 1,
            called,
            returned,
            outcome,
            preconditions: Vec::new(),
            effects: vec![(0, Effect::Set(Value::new(1, number), LockEffect::Keep))],
            observed: Vec::new(),
            index,
            failed: None,
        }
    }

    fn delete(number: u32, called: u64, index: Option<u64>) -> Operation {
        let mut delete = set(number, called, u64::MAX, index);
        delete.effects = vec![(0, Effect::Delete)];
        delete
    }

    /// The numbers that remain of two writes and two deletes of unknown outcome (70 plus the time of its call for a
    /// delete), of each one before the change at 20 and one after it. The watcher of all paths received these ranges,
    /// and one deletion that no acknowledged operation made.
    fn remaining(delivered: &[DeliveredRange], floor: u64) -> Vec<u32> {
        let layout = ObjectLayout::new("r".to_owned(), vec![vec!["r/a".to_owned()]]);
        let mut watch = EtcdWatch::new("r", true, WatchStyle::Stream);
        watch.after = 5;
        watch.delivered = delivered.to_vec();
        watch.events.extend([12, 14].map(|index| WatchEvent {
            index,
            path: "r/a".to_owned(),
            value: None,
        }));
        let mut ops = vec![vec![
            set(1, 0, 1, Some(10)),
            set(2, 2, 3, None),
            set(3, 4, 5, Some(20)),
            set(4, 6, u64::MAX, None),
            delete(7, 0, None),
            delete(8, 6, None),
            delete(9, 2, Some(14)),
        ]];
        let resume_floors = ResumeFloors::constant(floor);
        drop_never_done(&[watch], &layout, &resume_floors, &mut ops);
        let unknown = ops[0].iter().filter(|op| op.outcome == Outcome::Unknown);
        let numbers = unknown.map(|op| match op.effects[0].1 {
            Effect::Set(value, _) => value.number,
            Effect::Delete => 70 + u32::try_from(op.called).unwrap(),
        });
        numbers.collect()
    }

    #[test]
    fn unknown_outcome_that_the_watcher_would_have_received_is_dropped() {
        let range = |answered_at: u64, to: u64, cleared: Option<u64>| DeliveredRange {
            answered_at,
            to,
            cleared,
        };
        let one_by_one = [range(6, 10, None), range(6, 20, None), range(6, 30, None)];
        assert_eq!(remaining(&one_by_one, 5), [70]);
        // The leader knew only the changes after 15, and the watcher had received everything up to 10.
        let relisted = [range(6, 10, None), range(18, 20, None), range(18, 30, None)];
        assert_eq!(remaining(&relisted, 15), [2, 70]);
        assert_eq!(remaining(&relisted, 25), [2, 4, 70, 76]);
        let cleared = [
            range(6, 10, None),
            range(6, 20, None),
            range(6, 30, Some(21)),
        ];
        assert_eq!(remaining(&cleared, 5), [4, 70, 76]);
    }
}
