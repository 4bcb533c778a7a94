//! Minimized counterexample: the shortest part found of a history that is still not linearizable, printed for people.

use std::fmt::Write as _;

use crate::checker::model::{
    Effect, LockEffect, LockHolder, ObjectState, ObservedEntry, Operation, Outcome, Precondition,
};
use crate::checker::search::{Verdict, final_states, search_within};

/// The search limit for each shorter history; one that exceeds it does not count as a violation.
const MAX_CONFIGURATIONS: usize = 100_000;

/// A part of a history that has no linearization.
#[derive(Debug)]
pub struct Counterexample {
    pub start: ObjectState,
    pub ops: Vec<Operation>,
}

fn is_violation(ops: &[Operation], start: &ObjectState) -> bool {
    matches!(
        search_within(MAX_CONFIGURATIONS, ops, start),
        Verdict::NotLinearizable(..)
    )
}

/// The prefix of a history up to a time. Operations that had not returned by then have an unknown outcome.
fn prefix_until(ops: &[Operation], time: u64) -> Vec<Operation> {
    let called = ops.iter().filter(|op| op.called <= time).cloned();
    let mut ops: Vec<Operation> = called.collect();
    ops.retain(|op| op.returned <= time || !op.changes_nothing());
    for op in &mut ops {
        if op.returned > time {
            op.outcome = Outcome::Unknown;
        }
    }
    ops
}

/// Minimizes a history that is not linearizable.
pub fn minimize(ops: &[Operation], start: &ObjectState) -> Counterexample {
    let ops = shortest_prefix(ops, start);
    let (mut start, mut ops) = (start.clone(), without_redundant(ops, start));
    // Start at the last time when no operation was in flight and only one state was possible.
    let mut times: Vec<u64> = ops.iter().map(|op| op.called).collect();
    times.sort_unstable();
    for time in times.into_iter().rev() {
        let (earlier, later): (Vec<Operation>, Vec<Operation>) =
            ops.iter().cloned().partition(|op| op.called < time);
        if earlier.iter().any(|op| op.returned >= time) {
            continue;
        }
        let states = final_states(&earlier, &start).unwrap_or_default();
        if let [state] = &states.into_iter().collect::<Vec<_>>()[..]
            && is_violation(&later, state)
        {
            (start, ops) = (state.clone(), later);
            break;
        }
    }
    ops.sort_by_key(|op| op.called);
    Counterexample { start, ops }
}

/// The shortest prefix that is not linearizable, found by bisection: every prefix of a linearizable history is
/// linearizable itself.
fn shortest_prefix(ops: &[Operation], start: &ObjectState) -> Vec<Operation> {
    let mut times: Vec<u64> = ops.iter().map(|op| op.returned).collect();
    times.sort_unstable();
    times.dedup();
    let at = times.partition_point(|time| !is_violation(&prefix_until(ops, *time), start));
    match times.get(at) {
        Some(time) => prefix_until(ops, *time),
        None => ops.to_vec(),
    }
}

/// Removes, in ever smaller pieces, operations that change nothing and are not needed for the violation. Writes stay:
/// without one, answers that observed it would be wrong.
fn without_redundant(mut ops: Vec<Operation>, start: &ObjectState) -> Vec<Operation> {
    let mut size = ops.len();
    while size > 0 {
        let mut from = 0;
        while from < ops.len() {
            let piece = from..(from + size).min(ops.len());
            let mut fewer = ops.clone();
            let mut at = 0;
            fewer.retain(|op| {
                at += 1;
                !(piece.contains(&(at - 1)) && op.changes_nothing())
            });
            if fewer.len() < ops.len() && is_violation(&fewer, start) {
                ops = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    ops
}

impl Counterexample {
    /// The operations with the names of the entries, then the longest partial linearization.
    pub fn describe(&self, names: &[String]) -> String {
        let mut text = String::new();
        let zero = self.ops.iter().map(|op| op.called).min().unwrap_or(0);
        let _ = writeln!(text, "initial state: {}", state(&self.start, names));
        let _ = writeln!(text, "microseconds from call to return, client, operation:");
        for op in &self.ops {
            let returned = match op.returned {
                u64::MAX => "...".to_owned(),
                returned => ((returned - zero) / 1000).to_string(),
            };
            let called = (op.called - zero) / 1000;
            let line = operation(op, names);
            let _ = writeln!(
                text,
                "  {called:>9} {returned:>9}  {:>3}  {line}",
                op.client
            );
        }
        if let Verdict::NotLinearizable(order, after) =
            search_within(MAX_CONFIGURATIONS, &self.ops, &self.start)
        {
            let _ = writeln!(text, "no linearization exists; the longest partial one is");
            for at in &order {
                let op = &self.ops[*at];
                let _ = writeln!(text, "  {:>3}  {}", op.client, operation(op, names));
            }
            let _ = writeln!(
                text,
                "state after it: {}; not linearized are",
                state(&after, names)
            );
            for (at, op) in self.ops.iter().enumerate() {
                if !order.contains(&at) && op.outcome != Outcome::Unknown {
                    let _ = writeln!(text, "  {:>3}  {}", op.client, operation(op, names));
                }
            }
        }
        text
    }
}

fn state(state: &ObjectState, names: &[String]) -> String {
    let each = state.entries.iter().zip(names).map(|(entry, name)| {
        let Some(entry) = entry else {
            return format!("no {name}");
        };
        let index = entry
            .index
            .map_or("?".to_owned(), |index| index.to_string());
        let lock = entry
            .session
            .map_or(String::new(), |session| format!(" held by {session}"));
        let version = version(entry.version);
        format!("{name}={} at {index}{version}{lock}", entry.value)
    });
    each.collect::<Vec<_>>().join(", ")
}

fn observed(entry: Option<ObservedEntry>) -> String {
    let Some(entry) = entry else {
        return "nothing".to_owned();
    };
    let lock = match entry.holder {
        LockHolder::Session(session) => format!(" held by {session}"),
        LockHolder::Unlocked | LockHolder::NotReported => String::new(),
    };
    let version = version(entry.version);
    format!("{} at {}{version}{lock}", entry.value, entry.index)
}

fn version(version: Option<i32>) -> String {
    version.map_or(String::new(), |version| format!(" of version {version}"))
}

fn precondition(precondition: Precondition) -> String {
    match precondition {
        Precondition::Always => String::new(),
        Precondition::Absent => " if absent".to_owned(),
        Precondition::Present => " if present".to_owned(),
        Precondition::Index(index) => format!(" if at {index}"),
        Precondition::AbsentOrIndex(index) => format!(" if absent or at {index}"),
        Precondition::Value(value) => format!(" if {value}"),
        Precondition::Version(version) => format!(" if absent or of version {version}"),
        Precondition::Free(session) => format!(" if free for {session}"),
        Precondition::HeldBy(session) => format!(" if held by {session}"),
    }
}

/// An operation on one line.
pub fn operation(op: &Operation, names: &[String]) -> String {
    let mut parts = Vec::new();
    for (slot, effect) in &op.effects {
        let name = &names[*slot];
        parts.push(match effect {
            Effect::Delete => format!("delete {name}"),
            Effect::Set(value, LockEffect::Keep) => format!("{name}={value}"),
            Effect::Set(value, LockEffect::Take(session)) => {
                format!("{session} locks {name}={value}")
            }
            Effect::Set(value, LockEffect::Release) => format!("unlock {name}={value}"),
        });
    }
    for (slot, needed) in &op.preconditions {
        let needed = precondition(*needed);
        if !needed.is_empty() {
            parts.push(format!("{}{needed}", names[*slot]));
        }
    }
    for (slot, entry) in &op.observed {
        parts.push(format!("saw {}={}", names[*slot], observed(*entry)));
    }
    let outcome = match op.outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Unknown => "outcome unknown",
    };
    let index = op
        .index
        .map_or(String::new(), |index| format!(" at {index}"));
    if op.effects.is_empty() && op.outcome == Outcome::Done {
        return parts.join(", ");
    }
    format!("{}: {outcome}{index}", parts.join(", "))
}
