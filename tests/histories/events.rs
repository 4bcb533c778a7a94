//! What etcd's watchers were told, held against each other and against what clients know: every change exactly once,
//! in order, and nothing else.

use std::collections::BTreeMap;

use super::model::{Effect, Op, Outcome, Value};
use super::record::Layout;
use super::watch_etcd::Watched;

/// Every change there is evidence of, by index and path.
type Changes = BTreeMap<(u64, String), Option<Value>>;

/// What is wrong with what watchers were told.
pub fn faults(watched: &[Watched], ops: &[Vec<Op>], layout: &Layout) -> Vec<String> {
    let mut faults = Vec::new();
    let mut changes = Changes::new();
    let mut add = |index: u64, path: &str, value: Option<Value>, who: &str| {
        let before = changes.insert((index, path.to_owned()), value);
        if let Some(before) = before.filter(|before| *before != value) {
            let (a, b) = (told(before), told(value));
            faults.push(format!("at {index} {path} is both {a} and {b}, says {who}"));
        }
    };
    for watched in watched {
        for event in &watched.events {
            if layout.place(&event.path).is_some() {
                add(event.index, &event.path, event.value, "a watcher");
            }
        }
    }
    for (object, ops) in ops.iter().enumerate() {
        for op in ops {
            let paths = &layout.objects[object];
            for (slot, seen) in &op.before {
                if let Some(seen) = seen {
                    add(seen.index, &paths[*slot], Some(seen.value), "a reader");
                }
            }
            if let (Some(index), Outcome::Yes) = (op.index, op.outcome) {
                for (slot, effect) in &op.effects {
                    // A transaction that deletes what is not there changes nothing.
                    if let Effect::Set(value, _) = effect {
                        add(index, &paths[*slot], Some(*value), "its writer");
                    } else if op.effects.len() == 1 {
                        add(index, &paths[*slot], None, "its writer");
                    }
                }
            }
        }
    }
    for watched in watched {
        faults.extend(watched.faults.clone());
        if !watched.whole {
            let Watched { path, style, .. } = watched;
            faults.push(format!("{style:?} of {path}: never saw the last value"));
            continue;
        }
        faults.extend(missed(watched, &changes));
    }
    faults.extend(unheard(watched, ops, layout, &changes));
    faults
}

fn told(value: Option<Value>) -> String {
    value.map_or("gone".to_owned(), |value| value.to_string())
}

/// Changes from where a watcher began to where it ended that it was not told.
fn missed(watched: &Watched, changes: &Changes) -> Vec<String> {
    let end = watched.events.last().map_or(0, |event| event.index);
    let mut seen = watched
        .events
        .iter()
        .map(|event| (event.index, &event.path));
    let seen: std::collections::BTreeSet<(u64, &String)> = seen.by_ref().collect();
    let from = (watched.after + 1, String::new());
    let range = changes.range(from..(end, String::new()));
    let missed =
        range.filter(|((index, path), _)| watched.covers(path) && !seen.contains(&(*index, path)));
    let Watched { path, style, .. } = watched;
    missed
        .map(|((index, of), value)| {
            format!(
                "{style:?} of {path}: was not told that {of} is {} at {index}",
                told(*value)
            )
        })
        .collect()
}

/// Acknowledged values that no watcher was told of, and refused ones that one was.
fn unheard(
    watched: &[Watched],
    ops: &[Vec<Op>],
    layout: &Layout,
    changes: &Changes,
) -> Vec<String> {
    let mut heard = BTreeMap::<Value, Vec<(u64, &str)>>::new();
    for ((index, path), value) in changes {
        if let Some(value) = value {
            heard.entry(*value).or_default().push((*index, path));
        }
    }
    let mut faults = Vec::new();
    for (value, places) in &heard {
        if places.len() > 1 {
            faults.push(format!("{value} appeared more than once: {places:?}"));
        }
    }
    for (object, ops) in ops.iter().enumerate() {
        for op in ops {
            for (slot, effect) in &op.effects {
                let path = &layout.objects[object][*slot];
                let Effect::Set(value, _) = effect else {
                    continue;
                };
                let covered = watched.iter().any(|watched| watched.covers(path));
                match op.outcome {
                    Outcome::Yes if covered && !heard.contains_key(value) => {
                        faults.push(format!("no watcher was told that {path} is {value}"));
                    }
                    Outcome::No if heard.contains_key(value) => {
                        faults.push(format!("{path}={value} was refused and done"));
                    }
                    Outcome::Yes | Outcome::No | Outcome::Unknown => {}
                }
            }
        }
    }
    faults
}

/// Indexes that were seen go to the operations that must have had them; what was seen was done.
pub fn settle(watched: &[Watched], ops: &mut [Vec<Op>]) {
    let mut indexes = BTreeMap::<Value, u64>::new();
    for event in watched.iter().flat_map(|watched| &watched.events) {
        if let Some(value) = event.value {
            indexes.insert(value, event.index);
        }
    }
    for (_, seen) in ops.iter().flatten().flat_map(|op| &op.before) {
        if let Some(seen) = seen {
            indexes.insert(seen.value, seen.index);
        }
    }
    for op in ops
        .iter_mut()
        .flatten()
        .filter(|op| op.outcome != Outcome::No)
    {
        for (_, effect) in &op.effects {
            if let Effect::Set(value, _) = effect
                && let Some(index) = indexes.get(value)
            {
                // A refusal that was told otherwise is found by its client's answer.
                op.index = op.index.or(Some(*index));
                op.outcome = Outcome::Yes;
            }
        }
    }
}
