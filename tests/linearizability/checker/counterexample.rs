//! The shortest history that still cannot be explained, for people to read.

use std::fmt::Write as _;

use crate::checker::model::{Condition, Effect, Holder, Lock, Op, Outcome, Seen, State};
use crate::checker::search::{Verdict, ends, search_within};

/// How many configurations a shorter history may take to be found wrong.
const MOST: usize = 100_000;

/// A part of a history that no order explains.
#[derive(Debug)]
pub struct Offence {
    pub start: State,
    pub ops: Vec<Op>,
}

fn fails(ops: &[Op], start: &State) -> bool {
    matches!(search_within(MOST, ops, start), Verdict::Not(..))
}

/// What was seen of a history until a time. What had not returned by then may or may not have been done.
fn until(ops: &[Op], time: u64) -> Vec<Op> {
    let called = ops.iter().filter(|op| op.called <= time).cloned();
    let mut ops: Vec<Op> = called.collect();
    ops.retain(|op| op.returned <= time || !op.is_pure());
    for op in &mut ops {
        if op.returned > time {
            op.outcome = Outcome::Unknown;
        }
    }
    ops
}

/// Cuts a history that cannot be explained down to what shows it.
pub fn shorten(ops: &[Op], start: &State) -> Offence {
    let ops = shortest_beginning(ops, start);
    let (mut start, mut ops) = (start.clone(), without_needless(ops, start));
    // From the last moment on when nothing was in flight and only one state was possible.
    let mut times: Vec<u64> = ops.iter().map(|op| op.called).collect();
    times.sort_unstable();
    for time in times.into_iter().rev() {
        let (earlier, later): (Vec<Op>, Vec<Op>) =
            ops.iter().cloned().partition(|op| op.called < time);
        if earlier.iter().any(|op| op.returned >= time) {
            continue;
        }
        let states = ends(&earlier, &start).unwrap_or_default();
        if let [state] = &states.into_iter().collect::<Vec<_>>()[..]
            && fails(&later, state)
        {
            (start, ops) = (state.clone(), later);
            break;
        }
    }
    ops.sort_by_key(|op| op.called);
    Offence { start, ops }
}

/// A beginning of a history that can be explained has an order itself, so the first that has none is found by halves.
fn shortest_beginning(ops: &[Op], start: &State) -> Vec<Op> {
    let mut times: Vec<u64> = ops.iter().map(|op| op.returned).collect();
    times.sort_unstable();
    times.dedup();
    let at = times.partition_point(|time| !fails(&until(ops, *time), start));
    match times.get(at) {
        Some(time) => until(ops, *time),
        None => ops.to_vec(),
    }
}

/// Leaves out, in ever smaller pieces, what changes nothing and is not needed to show it. A write cannot be left out.
fn without_needless(mut ops: Vec<Op>, start: &State) -> Vec<Op> {
    let mut size = ops.len();
    while size > 0 {
        let mut from = 0;
        while from < ops.len() {
            let piece = from..(from + size).min(ops.len());
            let mut fewer = ops.clone();
            let mut at = 0;
            fewer.retain(|op| {
                at += 1;
                !(piece.contains(&(at - 1)) && op.is_pure())
            });
            if fewer.len() < ops.len() && fails(&fewer, start) {
                ops = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    ops
}

impl Offence {
    /// The history with the names of the entries, then how far an order was found.
    pub fn tell(&self, names: &[String]) -> String {
        let mut text = String::new();
        let zero = self.ops.iter().map(|op| op.called).min().unwrap_or(0);
        let _ = writeln!(text, "before: {}", state(&self.start, names));
        let _ = writeln!(text, "microseconds from call to return, client, operation:");
        for op in &self.ops {
            let returned = match op.returned {
                u64::MAX => "...".to_owned(),
                returned => ((returned - zero) / 1000).to_string(),
            };
            let called = (op.called - zero) / 1000;
            let told = operation(op, names);
            let _ = writeln!(
                text,
                "  {called:>9} {returned:>9}  {:>3}  {told}",
                op.client
            );
        }
        if let Verdict::Not(order, after) = search_within(MOST, &self.ops, &self.start) {
            let _ = writeln!(text, "no order explains all of it; the longest goes");
            for at in &order {
                let op = &self.ops[*at];
                let _ = writeln!(text, "  {:>3}  {}", op.client, operation(op, names));
            }
            let _ = writeln!(
                text,
                "then there is: {}; and left are",
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

fn state(state: &State, names: &[String]) -> String {
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
        format!("{name}={} at {index}{lock}", entry.value)
    });
    each.collect::<Vec<_>>().join(", ")
}

fn seen(seen: Option<Seen>) -> String {
    let Some(seen) = seen else {
        return "nothing".to_owned();
    };
    let lock = match seen.holder {
        Holder::Session(session) => format!(" held by {session}"),
        Holder::Nobody | Holder::Untold => String::new(),
    };
    format!("{} at {}{lock}", seen.value, seen.index)
}

fn condition(condition: Condition) -> String {
    match condition {
        Condition::Always => String::new(),
        Condition::Absent => " if absent".to_owned(),
        Condition::Present => " if present".to_owned(),
        Condition::Index(index) => format!(" if at {index}"),
        Condition::AbsentOrIndex(index) => format!(" if absent or at {index}"),
        Condition::Value(value) => format!(" if {value}"),
        Condition::Free(session) => format!(" if free for {session}"),
        Condition::HeldBy(session) => format!(" if held by {session}"),
    }
}

/// One operation in a line.
pub fn operation(op: &Op, names: &[String]) -> String {
    let mut parts = Vec::new();
    for (slot, effect) in &op.effects {
        let name = &names[*slot];
        parts.push(match effect {
            Effect::Delete => format!("delete {name}"),
            Effect::Set(value, Lock::Keep) => format!("{name}={value}"),
            Effect::Set(value, Lock::Take(session)) => format!("{session} locks {name}={value}"),
            Effect::Set(value, Lock::Release) => format!("unlock {name}={value}"),
        });
    }
    for (slot, needed) in &op.conditions {
        let needed = condition(*needed);
        if !needed.is_empty() {
            parts.push(format!("{}{needed}", names[*slot]));
        }
    }
    for (slot, shown) in &op.before {
        parts.push(format!("saw {}={}", names[*slot], seen(*shown)));
    }
    let outcome = match op.outcome {
        Outcome::Yes => "done",
        Outcome::No => "refused",
        Outcome::Unknown => "outcome unknown",
    };
    let index = op
        .index
        .map_or(String::new(), |index| format!(" at {index}"));
    if op.effects.is_empty() && op.outcome == Outcome::Yes {
        return parts.join(", ");
    }
    format!("{}: {outcome}{index}", parts.join(", "))
}
