//! Validators of etcd watches against each other and against the clients' operations.
//!
//! They have the names of etcd's robustness tests where those exist:
//! - ordered and unique: `EtcdWatch` and `ConsulWatch` check each watch as it receives events; unique values are
//!   checked here.
//! - reliable and resumable: here, in one check, because a watch that polls resumes after each event.
//! - bookmarkable: `ConsulWatch`, because an index of Consul is a bookmark. etcd v2 sends no progress notifications.
//! - atomic: the linearizability search, on reads of Consul's watches. etcd v2 sends the events of a transaction one
//!   by one.
//!
//! Consistent, complete, acknowledged and refused are this project's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::model::{Effect, Operation, Outcome, Value};
use crate::gateway::resume_floors::ResumeFloors;
use crate::object_layout::ObjectLayout;
use crate::watch::etcd_watch::EtcdWatch;
use crate::watch::observation_gaps::ObservationGaps;

/// All changes that a watcher, reader or writer observed, by index and path. `None` is a deletion.
pub type Changes = BTreeMap<(u64, String), Option<Value>>;

/// Runs all validators, and returns the changes that they compared, and the violations.
pub fn validate(
    watches: &[EtcdWatch],
    ops: &[Vec<Operation>],
    layout: &ObjectLayout,
    resume_floors: &ResumeFloors,
) -> (Changes, Vec<String>) {
    let (changes, mut violations) = validate_consistent(watches, ops, layout);
    for watch in watches {
        violations.extend(watch.violations.clone());
        let incomplete = validate_complete(watch);
        if incomplete.is_some() {
            violations.extend(incomplete);
            continue;
        }
        violations.extend(validate_reliable_and_resumable(
            watch,
            &changes,
            resume_floors,
        ));
    }
    let by_value = changes_by_value(&changes);
    violations.extend(validate_unique_values(&by_value));
    let gaps = ObservationGaps::of(watches, layout, resume_floors, ops);
    let is_observable = |path: &str, op: &Operation| {
        watches.iter().any(|watch| watch.covers(path)) && !gaps.may_include(op)
    };
    violations.extend(validate_acknowledged_and_refused(
        ops,
        layout,
        &by_value,
        is_observable,
    ));
    drop(by_value);
    (changes, violations)
}

fn describe(value: Option<Value>) -> String {
    value.map_or("deleted".to_owned(), |value| value.to_string())
}

/// Consistent: all clients observed the same change of a path at an index. Returns the merged changes, too.
fn validate_consistent(
    watches: &[EtcdWatch],
    ops: &[Vec<Operation>],
    layout: &ObjectLayout,
) -> (Changes, Vec<String>) {
    let mut changes = Changes::new();
    let mut violations = Vec::new();
    let mut add = |index: u64, path: &str, value: Option<Value>, observer: &str| {
        let before = changes.insert((index, path.to_owned()), value);
        if let Some(before) = before.filter(|before| *before != value) {
            let (one, other) = (describe(before), describe(value));
            violations.push(format!(
                "consistent: at {index} {path} is {one}, but {other} for {observer}"
            ));
        }
    };
    for event in watches.iter().flat_map(|watch| &watch.events) {
        if layout.locate(&event.path).is_some() {
            add(event.index, &event.path, event.value, "a watcher");
        }
    }
    for (paths, ops) in layout.objects.iter().zip(ops) {
        for op in ops {
            for (slot, entry) in &op.observed {
                if let Some(entry) = entry {
                    add(entry.index, &paths[*slot], Some(entry.value), "a reader");
                }
            }
            let (Some(index), Outcome::Done) = (op.index, op.outcome) else {
                continue;
            };
            for (slot, effect) in &op.effects {
                // A transaction that deletes an entry that does not exist changes nothing.
                if let Effect::Set(value, _) = effect {
                    add(index, &paths[*slot], Some(*value), "its writer");
                } else if op.effects.len() == 1 {
                    add(index, &paths[*slot], None, "its writer");
                }
            }
        }
    }
    (changes, violations)
}

/// Complete: a watch received the final value.
fn validate_complete(watch: &EtcdWatch) -> Option<String> {
    let EtcdWatch { path, style, .. } = watch;
    let violation = format!("{style:?} of {path}: complete: the final value never arrived");
    (!watch.is_complete).then_some(violation)
}

/// Reliable and resumable: between the index after which a watch began and its last event, no change of a watched path
/// is missing. A change may be missing if the gateway that answered did not know it, and the watch received a newer
/// change of its key.
fn validate_reliable_and_resumable(
    watch: &EtcdWatch,
    changes: &Changes,
    resume_floors: &ResumeFloors,
) -> Vec<String> {
    let EtcdWatch { path, style, .. } = watch;
    let end = watch.events.last().map_or(0, |event| event.index);
    let received: BTreeSet<(u64, &String)> = watch
        .events
        .iter()
        .map(|event| (event.index, &event.path))
        .collect();
    // The paths of the events received after the change in question, from the last event backwards.
    let last = watch.events.last().map(|event| &event.path);
    let mut later: BTreeSet<&String> = last.into_iter().collect();
    let mut violations = Vec::new();
    let from = (watch.after + 1, String::new());
    for ((index, of), value) in changes.range(from..(end, String::new())).rev() {
        if !watch.covers(of) {
            continue;
        }
        if received.contains(&(*index, of)) {
            later.insert(of);
            continue;
        }
        let is_received = |other: u64| received.contains(&(other, of));
        let same = same_deletion(changes, *index, of);
        if value.is_none() && same.into_iter().any(is_received) {
            continue;
        }
        // The first answer that went past the change.
        let past = watch.delivered.iter().find(|range| range.to >= *index);
        let floor = past.map_or(0, |range| resume_floors.floor(range.answered_at, range.to));
        // If the answer "index cleared" was correct, the list of current entries replaces the missing events.
        let cleared = past.and_then(|range| range.cleared);
        let is_cleared = cleared.is_some_and(|requested| requested <= floor);
        let is_superseded = later.contains(of) || is_repeated_deletion(changes, *index, of);
        if !is_cleared && (*index > floor || !is_superseded) {
            let value = describe(*value);
            violations.push(format!(
                "{style:?} of {path}: reliable and resumable: no event that {of} is {value} at {index}, from {past:?} with floor {floor}"
            ));
        }
    }
    violations
}

/// The other indexes under which the same deletion of a path was delivered. A gateway that relists knows that an entry
/// was deleted but not when, and a deleted entry cannot be deleted again.
fn same_deletion(changes: &Changes, index: u64, of: &String) -> Vec<u64> {
    let of_path = |((at, path), value): (&(u64, String), &Option<Value>)| {
        (path == of).then_some((*at, value.is_none()))
    };
    let before = changes.range(..(index, of.clone())).rev();
    let after = changes.range((index + 1, String::new())..);
    let deletion = |(at, is_deletion): (u64, bool)| is_deletion.then_some(at);
    let before = before.filter_map(of_path).map_while(deletion);
    before
        .chain(after.filter_map(of_path).map_while(deletion))
        .collect()
}

/// Whether a change deletes a path that was deleted already: a gateway that relists knows that an entry was deleted,
/// but not when.
fn is_repeated_deletion(changes: &Changes, index: u64, of: &String) -> bool {
    let mut before = changes.range(..(index, of.clone())).rev();
    let is_deletion = changes.get(&(index, of.clone())) == Some(&None);
    is_deletion
        && before
            .find(|((_, path), _)| path == of)
            .is_some_and(|(_, value)| value.is_none())
}

/// The indexes and paths at which each value was observed.
type ByValue<'a> = BTreeMap<Value, Vec<(u64, &'a str)>>;

fn changes_by_value(changes: &Changes) -> ByValue<'_> {
    let mut by_value = ByValue::new();
    for ((index, path), value) in changes {
        if let Some(value) = value {
            by_value.entry(*value).or_default().push((*index, path));
        }
    }
    by_value
}

/// Unique, across watches: each value was written once, at one index and path.
fn validate_unique_values(by_value: &ByValue<'_>) -> Vec<String> {
    let several = by_value.iter().filter(|(_, places)| places.len() > 1);
    several
        .map(|(value, places)| format!("unique: {value} appeared more than once: {places:?}"))
        .collect()
}

/// Acknowledged: each acknowledged value that a watcher had to receive was observed. The search does not find these: no
/// client read them, so another change followed. Refused: no refused value was observed.
fn validate_acknowledged_and_refused(
    ops: &[Vec<Operation>],
    layout: &ObjectLayout,
    by_value: &ByValue<'_>,
    is_observable: impl Fn(&str, &Operation) -> bool,
) -> Vec<String> {
    let mut violations = Vec::new();
    for (paths, ops) in layout.objects.iter().zip(ops) {
        for op in ops {
            for (slot, effect) in &op.effects {
                let path = &paths[*slot];
                let Effect::Set(value, _) = effect else {
                    continue;
                };
                let is_observed = by_value.contains_key(value);
                match op.outcome {
                    Outcome::Done if !is_observed && is_observable(path, op) => {
                        violations.push(format!(
                            "acknowledged: no watcher received that {path} is {value}: {op:?}"
                        ));
                    }
                    Outcome::Refused if is_observed => {
                        violations.push(format!("refused: {path}={value} took effect"));
                    }
                    Outcome::Done | Outcome::Refused | Outcome::Unknown => {}
                }
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::etcd_watch::{DeliveredRange, WatchEvent, WatchStyle};

    fn event(index: u64, path: &str, value: Option<Value>) -> WatchEvent {
        WatchEvent {
            index,
            path: path.to_owned(),
            value,
        }
    }

    /// A watch of `r` that began after 10 and received, in one range, that `r/a` is 2 at 30.
    fn example(range: DeliveredRange) -> EtcdWatch {
        let mut watch = EtcdWatch::new("r", true, WatchStyle::Poll);
        watch.after = 10;
        watch.delivered.push(range);
        let value = Some(Value::new(1, 2));
        watch.events.push(event(30, "r/a", value));
        watch
    }

    const RANGE: DeliveredRange = DeliveredRange {
        answered_at: 40,
        to: 30,
        cleared: None,
    };

    fn violations(watch: &EtcdWatch, changes: &Changes, floor: u64) -> usize {
        let resume_floors = ResumeFloors::constant(floor);
        validate_reliable_and_resumable(watch, changes, &resume_floors).len()
    }

    #[test]
    fn deletion_received_at_another_index_is_received() {
        let mut watch = example(RANGE);
        let mut changes = Changes::new();
        changes.insert((12, "r/b".to_owned()), Some(Value::new(1, 3)));
        changes.insert((30, "r/a".to_owned()), Some(Value::new(1, 2)));
        for index in [15, 17, 18] {
            changes.insert((index, "r/b".to_owned()), None);
        }
        let count = |watch: &EtcdWatch, changes: &Changes| violations(watch, changes, 12);
        assert_eq!(count(&watch, &changes), 4, "nothing of r/b was received");
        let value = Some(Value::new(1, 3));
        watch.events.insert(0, event(12, "r/b", value));
        assert_eq!(count(&watch, &changes), 3, "its deletion was not received");
        watch.events.insert(1, event(17, "r/b", None));
        assert_eq!(count(&watch, &changes), 0);
        changes.insert((16, "r/b".to_owned()), Some(Value::new(1, 4)));
        assert_eq!(count(&watch, &changes), 2, "it existed in between");
    }

    #[test]
    fn missing_change_must_be_below_the_floor_and_superseded() {
        let mut changes = Changes::new();
        changes.insert((20, "r/a".to_owned()), Some(Value::new(1, 1)));
        changes.insert((30, "r/a".to_owned()), Some(Value::new(1, 2)));
        let count = |range, changes: &Changes, floor| violations(&example(range), changes, floor);
        assert_eq!(count(RANGE, &changes, 19), 1, "above the floor");
        assert_eq!(count(RANGE, &changes, 20), 0, "a later change was received");
        changes.insert((15, "r/b".to_owned()), Some(Value::new(1, 3)));
        assert_eq!(count(RANGE, &changes, 25), 1, "the last change of r/b");
        changes.insert((16, "r/b".to_owned()), None);
        changes.insert((17, "r/b".to_owned()), None);
        assert_eq!(count(RANGE, &changes, 25), 2, "one deletion at two indexes");
        let cleared = Some(11);
        let list = DeliveredRange { cleared, ..RANGE };
        assert_eq!(count(list, &changes, 11), 0, "the list replaced the events");
        assert_eq!(count(list, &changes, 10), 4, "cleared without need");
    }
}
