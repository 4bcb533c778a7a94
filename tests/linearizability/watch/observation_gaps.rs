//! What whoever watches all there is was told of, if it was done.
//!
//! Nobody can say so of what may have been done where the gateway that led did not know every change itself.

use std::collections::BTreeMap;

use crate::checker::model::{Effect, Op, Outcome, Slot};
use crate::gateway::resume_floors::Memory;
use crate::history::Layout;
use crate::watch::etcd_watch::{Style, Watched};

/// Changes after one index, up to another.
type Span = (u64, u64);

/// Leaves out what was never done, of what has no certain outcome. To be called when what was seen counts as done.
pub fn leave_out(watched: &[Watched], layout: &Layout, memory: &Memory, ops: &mut [Vec<Op>]) {
    let untold = Untold::of(watched, layout, memory, ops);
    let ends = Ends::of(watched, layout, ops);
    for (object, ops) in ops.iter_mut().enumerate() {
        ops.retain(|op| {
            let is_set = |(_, effect): &(_, Effect)| matches!(effect, Effect::Set(..));
            let sets = op.effects.iter().any(is_set);
            let may_be_done = untold.may_have(op)
                || (!sets && ends.may_be_of(object, op, untold.clock.between(op)));
            op.outcome != Outcome::Unknown || may_be_done
        });
    }
}

/// When entries went, as far as nobody says that it was he who deleted them. A delete is one of these, or changed nothing.
struct Ends(BTreeMap<(usize, Slot), Vec<u64>>);

impl Ends {
    fn of(watched: &[Watched], layout: &Layout, ops: &[Vec<Op>]) -> Self {
        let mut ends = BTreeMap::<_, Vec<u64>>::new();
        let events = watched.iter().flat_map(|watched| &watched.events);
        for event in events.filter(|event| event.value.is_none()) {
            if let Some(place) = layout.place(&event.path) {
                ends.entry(place).or_default().push(event.index);
            }
        }
        for (object, ops) in ops.iter().enumerate() {
            for op in ops.iter().filter(|op| op.outcome == Outcome::Yes) {
                for (slot, effect) in &op.effects {
                    if let (Effect::Delete, Some(ends)) = (effect, ends.get_mut(&(object, *slot))) {
                        ends.retain(|index| Some(*index) != op.index);
                    }
                }
            }
        }
        Self(ends)
    }

    /// Whether one of them may be of an operation that was done after an index and before another.
    fn may_be_of(&self, object: usize, op: &Op, (after, before): Span) -> bool {
        let ends = op.effects.iter();
        let mut ends = ends.filter_map(|(slot, _)| self.0.get(&(object, *slot)));
        ends.any(|ends| ends.iter().any(|index| (after + 1..before).contains(index)))
    }
}

/// Of which changes the watcher of all there is need not have been told.
pub struct Untold {
    spans: Vec<Span>,
    clock: Clock,
}

impl Untold {
    pub fn of(watched: &[Watched], layout: &Layout, memory: &Memory, ops: &[Vec<Op>]) -> Self {
        let sees_all =
            |watched: &&Watched| watched.style == Style::Stream && watched.path == layout.root;
        let watcher = watched.iter().find(sees_all);
        Self {
            spans: watcher.map_or(vec![(0, u64::MAX)], |watcher| spans(watcher, memory)),
            clock: Clock::of(ops),
        }
    }

    /// Whether it may have been such a change, by when it was asked for and answered.
    pub fn may_have(&self, op: &Op) -> bool {
        let (after, before) = self.clock.between(op);
        let meets = |(from, to): &Span| *from < before && *to > after;
        self.spans.iter().any(meets)
    }
}

/// Where a watcher that was told of everything else need not have been told of a change.
fn spans(watcher: &Watched, memory: &Memory) -> Vec<Span> {
    let mut known = watcher.after;
    let mut spans = Vec::new();
    for told in &watcher.told {
        let floor = memory.floor(told.at, told.to).min(told.to);
        let to = if told.cleared.is_some() {
            told.to
        } else {
            floor
        };
        if to > known {
            spans.push((known, to));
        }
        known = told.to;
    }
    spans
}

/// Which indexes changes have that are done at a time.
struct Clock {
    /// When changes were acknowledged, and the highest index so far.
    returned: Vec<(u64, u64)>,
    /// When they were asked for, latest first, and the lowest index from there on.
    called: Vec<(u64, u64)>,
}

impl Clock {
    fn of(ops: &[Vec<Op>]) -> Self {
        let done = ops.iter().flatten();
        let done = done.filter(|op| op.outcome == Outcome::Yes && !op.is_pure());
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

    /// After which index it was done, and before which, if it was.
    fn between(&self, op: &Op) -> Span {
        let earlier = self.returned.partition_point(|(at, _)| *at < op.called);
        let later = self.called.partition_point(|(at, _)| *at > op.returned);
        let of =
            |found: &[(u64, u64)], count: usize| found[..count].last().map(|(_, index)| *index);
        let after = of(&self.returned, earlier).unwrap_or(0);
        let before = of(&self.called, later).unwrap_or(u64::MAX);
        (after, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::model::{Lock, Value};
    use crate::watch::etcd_watch::{Event, Told};

    fn set(number: u32, called: u64, returned: u64, index: Option<u64>) -> Op {
        let outcome = index.map_or(Outcome::Unknown, |_| Outcome::Yes);
        Op {
            client: 1,
            called,
            returned,
            outcome,
            conditions: Vec::new(),
            effects: vec![(0, Effect::Set(Value::new(1, number), Lock::Keep))],
            before: Vec::new(),
            index,
            failed: None,
        }
    }

    /// What is left of two writes and two deletes of unknown outcome, of each one before the change at 20 and one after it,
    /// where the watcher was told so; it was told of one end that nobody is known to have made.
    fn left(told: &[Told], floor: u64) -> Vec<u32> {
        let layout = Layout::new("r".to_owned(), vec![vec!["r/a".to_owned()]]);
        let mut watcher = Watched::new("r", true, Style::Stream);
        watcher.after = 5;
        watcher.told = told.to_vec();
        let delete = |number: u32, called: u64, index: Option<u64>| {
            let mut delete = set(number, called, u64::MAX, index);
            delete.effects = vec![(0, Effect::Delete)];
            delete
        };
        watcher.events.extend([12, 14].map(|index| Event {
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
        let memory = Memory::whose_floor_is(floor);
        leave_out(&[watcher], &layout, &memory, &mut ops);
        let unknown = ops[0].iter().filter(|op| op.outcome == Outcome::Unknown);
        let numbers = unknown.map(|op| match op.effects[0].1 {
            Effect::Set(value, _) => value.number,
            Effect::Delete => 70 + u32::try_from(op.called).unwrap(),
        });
        numbers.collect()
    }

    #[test]
    fn what_would_have_been_told_was_not_done() {
        let told = |at: u64, to: u64, cleared: Option<u64>| Told { at, to, cleared };
        let one_by_one = [told(6, 10, None), told(6, 20, None), told(6, 30, None)];
        assert_eq!(left(&one_by_one, 5), [70]);
        // Whoever led knew only what was after 15, and told one that knew all up to 10.
        let anew = [told(6, 10, None), told(18, 20, None), told(18, 30, None)];
        assert_eq!(left(&anew, 15), [2, 70]);
        assert_eq!(left(&anew, 25), [2, 4, 70, 76]);
        let cleared = [told(6, 10, None), told(6, 20, None), told(6, 30, Some(21))];
        assert_eq!(left(&cleared, 5), [4, 70, 76]);
    }
}
