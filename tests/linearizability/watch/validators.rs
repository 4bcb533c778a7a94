//! What etcd's watchers were told, held against each other and against what clients know: every change exactly once,
//! in order, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::model::{Effect, Op, Outcome, Value};
use crate::gateway::resume_floors::Memory;
use crate::history::Layout;
use crate::watch::etcd_watch::Watched;
use crate::watch::observation_gaps::Untold;

/// Every change there is evidence of, by index and path.
type Changes = BTreeMap<(u64, String), Option<Value>>;

/// What is wrong with what watchers were told.
pub fn faults(
    watched: &[Watched],
    ops: &[Vec<Op>],
    layout: &Layout,
    memory: &Memory,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut changes = Changes::new();
    let mut add = |index: u64, path: &str, value: Option<Value>, who: &str| {
        let before = changes.insert((index, path.to_owned()), value);
        if let Some(before) = before.filter(|before| *before != value) {
            let (a, b) = (told_as(before), told_as(value));
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
        faults.extend(missed(watched, &changes, memory));
    }
    let untold = Untold::of(watched, layout, memory, ops);
    faults.extend(unheard(watched, ops, layout, &changes, &untold));
    faults
}

fn told_as(value: Option<Value>) -> String {
    value.map_or("gone".to_owned(), |value| value.to_string())
}

/// Changes from where a watcher began to where it ended that it was not told, though whoever answered knew them or had
/// nothing newer to tell of their keys.
fn missed(watched: &Watched, changes: &Changes, memory: &Memory) -> Vec<String> {
    let Watched {
        path, style, told, ..
    } = watched;
    let end = watched.events.last().map_or(0, |event| event.index);
    let seen: BTreeSet<(u64, &String)> = watched
        .events
        .iter()
        .map(|event| (event.index, &event.path))
        .collect();
    // The paths of what it was told after the one that is looked at, from its end on.
    let last = watched.events.last().map(|event| &event.path);
    let mut later: BTreeSet<&String> = last.into_iter().collect();
    let mut faults = Vec::new();
    let from = (watched.after + 1, String::new());
    for ((index, of), value) in changes.range(from..(end, String::new())).rev() {
        if !watched.covers(of) {
            continue;
        }
        if seen.contains(&(*index, of)) {
            later.insert(of);
            continue;
        }
        let is_told = |other: u64| seen.contains(&(other, of));
        if value.is_none() && same_end(changes, *index, of).into_iter().any(is_told) {
            continue;
        }
        // The answer that went past it.
        let past = told.iter().find(|told| told.to >= *index);
        let known = past.map_or(0, |told| memory.floor(told.at, told.to));
        // Where that is right, what there is stands for all that happened.
        let cleared = past.and_then(|told| told.cleared);
        let cleared = cleared.is_some_and(|asked| asked <= known);
        let superseded = later.contains(of) || is_repeated(changes, *index, of);
        if !cleared && (*index > known || !superseded) {
            let value = told_as(*value);
            faults.push(format!(
                "{style:?} of {path}: was not told that {of} is {value} at {index}, by {past:?} which knew all after {known}"
            ));
        }
    }
    faults
}

/// Under which other indexes the same end of an entry was told. One that reads all anew knows that an entry is gone, not
/// when it went; and what is gone does not go again.
fn same_end(changes: &Changes, index: u64, of: &String) -> Vec<u64> {
    let of_it = |((at, path), value): (&(u64, String), &Option<Value>)| {
        (path == of).then_some((*at, value.is_none()))
    };
    let before = changes.range(..(index, of.clone())).rev();
    let after = changes.range((index + 1, String::new())..);
    let ends = |(at, is_end): (u64, bool)| is_end.then_some(at);
    let before = before.filter_map(of_it).map_while(ends);
    before
        .chain(after.filter_map(of_it).map_while(ends))
        .collect()
}

/// Whether it was deleted already: one that reads all anew knows that an entry is gone, not when it went.
fn is_repeated(changes: &Changes, index: u64, of: &String) -> bool {
    let mut before = changes.range(..(index, of.clone())).rev();
    let is_gone = changes.get(&(index, of.clone())) == Some(&None);
    is_gone
        && before
            .find(|((_, path), _)| path == of)
            .is_some_and(|(_, value)| value.is_none())
}

/// Acknowledged values that no watcher was told of, though one must have been, and refused ones that one was. Nobody read
/// those either, so another change came after them.
fn unheard(
    watched: &[Watched],
    ops: &[Vec<Op>],
    layout: &Layout,
    changes: &Changes,
    untold: &Untold,
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
                    Outcome::Yes
                        if covered && !heard.contains_key(value) && !untold.may_have(op) =>
                    {
                        faults.push(format!(
                            "no watcher was told that {path} is {value}: {op:?}"
                        ));
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

/// A watcher of `r` that began after 10, and was told that `r/a` is 2 at 30.
#[cfg(test)]
fn example(told: crate::watch::etcd_watch::Told) -> Watched {
    use crate::watch::etcd_watch::{Event, Style};

    let mut watched = Watched::new("r", true, Style::Poll);
    watched.after = 10;
    watched.told.push(told);
    watched.events.push(Event {
        index: 30,
        path: "r/a".to_owned(),
        value: Some(Value::new(1, 2)),
    });
    watched
}

#[test]
fn an_end_that_is_told_at_another_index_is_told() {
    use crate::watch::etcd_watch::{Event, Told};

    let (at, to) = (40, 30);
    let mut watched = example(Told {
        at,
        to,
        cleared: None,
    });
    let mut changes = Changes::new();
    changes.insert((12, "r/b".to_owned()), Some(Value::new(1, 3)));
    changes.insert((30, "r/a".to_owned()), Some(Value::new(1, 2)));
    for index in [15, 17, 18] {
        changes.insert((index, "r/b".to_owned()), None);
    }
    let count = |watched: &Watched, changes: &Changes| {
        let memory = Memory::whose_floor_is(12);
        missed(watched, changes, &memory).len()
    };
    assert_eq!(count(&watched, &changes), 4, "nothing of it was told");
    let told = |index, value| Event {
        index,
        path: "r/b".to_owned(),
        value,
    };
    watched.events.insert(0, told(12, Some(Value::new(1, 3))));
    assert_eq!(count(&watched, &changes), 3, "not that it went");
    watched.events.insert(1, told(17, None));
    assert_eq!(count(&watched, &changes), 0);
    changes.insert((16, "r/b".to_owned()), Some(Value::new(1, 4)));
    assert_eq!(count(&watched, &changes), 2, "it was there in between");
}

#[test]
fn what_is_not_told_must_be_forgotten_and_superseded() {
    use crate::watch::etcd_watch::Told;

    let mut changes = Changes::new();
    changes.insert((20, "r/a".to_owned()), Some(Value::new(1, 1)));
    changes.insert((30, "r/a".to_owned()), Some(Value::new(1, 2)));
    let one = Told {
        at: 40,
        to: 30,
        cleared: None,
    };
    let count = |told, changes: &Changes, floor| {
        let memory = Memory::whose_floor_is(floor);
        missed(&example(told), changes, &memory).len()
    };
    assert_eq!(count(one, &changes, 19), 1, "it was known");
    assert_eq!(count(one, &changes, 20), 0, "its last change was told");
    changes.insert((15, "r/b".to_owned()), Some(Value::new(1, 3)));
    assert_eq!(count(one, &changes, 25), 1, "the last change of another");
    changes.insert((16, "r/b".to_owned()), None);
    changes.insert((17, "r/b".to_owned()), None);
    assert_eq!(count(one, &changes, 25), 2, "what went went once");
    let cleared = Some(11);
    let all = Told { cleared, ..one };
    assert_eq!(count(all, &changes, 11), 0, "what there is was read");
    assert_eq!(count(all, &changes, 10), 4, "without need");
}
