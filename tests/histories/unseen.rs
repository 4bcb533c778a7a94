//! Writes of unknown outcome that were never done: whoever watches all there is would have been told of them.
//!
//! Nobody can say so of a delete, which has no value, nor of what may have been done where the gateway that led did not
//! know every change itself.

use super::memory::Memory;
use super::model::{Effect, Op, Outcome};
use super::record::Layout;
use super::watch_etcd::{Style, Watched};

/// Changes after one index, up to another.
type Span = (u64, u64);

/// Leaves out what was never done. To be called when what was seen counts as done.
pub fn leave_out(watched: &[Watched], layout: &Layout, memory: &Memory, ops: &mut [Vec<Op>]) {
    let sees_all =
        |watched: &&Watched| watched.style == Style::Stream && watched.path == layout.root;
    let Some(watcher) = watched.iter().find(sees_all) else {
        return;
    };
    let untold = untold(watcher, memory);
    let clock = Clock::of(ops);
    for ops in ops {
        ops.retain(|op| {
            let sets = |(_, effect): &(_, Effect)| matches!(effect, Effect::Set(..));
            let would_be_seen = op.outcome == Outcome::Unknown && op.effects.iter().any(sets);
            let (after, before) = clock.between(op);
            let meets = |(from, to): &Span| *from < before && *to > after;
            !would_be_seen || untold.iter().any(meets)
        });
    }
}

/// Where a watcher that was told of everything else need not have been told of a change.
fn untold(watcher: &Watched, memory: &Memory) -> Vec<Span> {
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
    use super::super::model::{Lock, Value};
    use super::super::watch_etcd::Told;
    use super::*;

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

    /// What is left of two writes of unknown outcome, one before the change at 20 and one after it, where the watcher was
    /// told so.
    fn left(told: &[Told], floor: u64) -> Vec<u32> {
        let layout = Layout::new("r".to_owned(), vec![vec!["r/a".to_owned()]]);
        let mut watcher = Watched::new("r", true, Style::Stream);
        watcher.after = 5;
        watcher.told = told.to_vec();
        let mut delete = set(9, 0, u64::MAX, None);
        delete.effects = vec![(0, Effect::Delete)];
        let mut ops = vec![vec![
            set(1, 0, 1, Some(10)),
            set(2, 2, 3, None),
            set(3, 4, 5, Some(20)),
            set(4, 6, u64::MAX, None),
            delete,
        ]];
        let memory = Memory::whose_floor_is(floor);
        leave_out(&[watcher], &layout, &memory, &mut ops);
        assert!(ops[0].iter().any(|op| op.effects[0].1 == Effect::Delete));
        let numbers = ops[0].iter().filter_map(|op| match op.effects[0].1 {
            Effect::Set(value, _) if op.outcome == Outcome::Unknown => Some(value.number),
            Effect::Set(..) | Effect::Delete => None,
        });
        numbers.collect()
    }

    #[test]
    fn what_would_have_been_told_was_not_done() {
        let told = |at: u64, to: u64, cleared: Option<u64>| Told { at, to, cleared };
        let one_by_one = [told(6, 10, None), told(6, 20, None), told(6, 30, None)];
        assert_eq!(left(&one_by_one, 5), [0; 0]);
        // Whoever led knew only what was after 15, and told one that knew all up to 10.
        let anew = [told(6, 10, None), told(18, 20, None), told(18, 30, None)];
        assert_eq!(left(&anew, 15), [2]);
        assert_eq!(left(&anew, 25), [2, 4]);
        let cleared = [told(6, 10, None), told(6, 20, None), told(6, 30, Some(21))];
        assert_eq!(left(&cleared, 5), [4]);
    }
}
