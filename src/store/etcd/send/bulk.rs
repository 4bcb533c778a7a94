//! Changes of more keys than a list of etcd's takes, in one transaction still.
//!
//! A list of compares or of operations has 128 at most (`--max-txn-ops`), but an operation may be a transaction of its own,
//! whose lists are as long as what the outer one's left. So operations are spread over transactions within, which compare
//! nothing. Compares cannot be spread: those within decide about what is within only. Where there are more guards than
//! compares, one compare guards neighbours: nothing from the first to the last was written since it was told. It does not
//! find that somebody else has deleted one of them: one that was to be deleted is gone then as it should be, one that was
//! to keep its value etcd refuses to write. A new value of a client's key always has a compare of its own.

use std::collections::HashSet;
use std::ops::Bound;

use etcd_client::{Compare, CompareOp, DeleteOptions, Txn, TxnOp};

use super::proposal::{Beside, Parts, keeps_value};
use crate::model::{Key, Realm, Write};
use crate::store::etcd::cache::key_cache::Known;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::list::load::revision;
use crate::store::shared::log::SendError;

/// The most of one list.
pub(crate) const LIST: usize = 128;

/// A write of a key that is named.
struct Item<'a> {
    zone: u8,
    key: &'a Key,
    sub: u32,
    write: &'a Write,
}

impl Item<'_> {
    /// Whether its guard may be one with its neighbours'.
    fn joins(&self) -> bool {
        let put = self.write.put.is_some();
        self.key.realm() == Realm::System || !put || keeps_value(self.write)
    }

    fn is_deletion(&self) -> bool {
        self.write.put.is_none()
    }
}

/// Writes whose guards are one compare: places in the list of all.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: usize,
    last: usize,
    /// How many entries that are not written are between this run and the one before; `None` where they cannot be one.
    gap: Option<usize>,
}

impl Run {
    fn of(at: usize) -> Self {
        Self {
            first: at,
            last: at,
            gap: None,
        }
    }

    fn items<'a, 'b>(&self, items: &'b [Item<'a>]) -> &'b [Item<'a>] {
        items.get(self.first..=self.last).unwrap_or_default()
    }
}

/// Keys of which none may be newer than this revision.
#[derive(Debug)]
pub(crate) struct Span {
    first: Key,
    last: Key,
    version: u64,
}

impl Span {
    /// Holds for keys that are not there as well.
    fn compare(&self, layout: &Layout) -> Compare {
        let next = revision(self.version + 1);
        let first = layout.value(&self.first);
        Compare::mod_revision(first, CompareOp::Less, next)
            .with_range(after(layout.value(&self.last)))
    }

    /// Whether one is, as far as is known.
    pub(crate) fn is_overtaken(&self, known: &Known) -> bool {
        let slots = known.slots.range(&self.first..=&self.last);
        let mut seen = slots.filter_map(|(_, slot)| slot.value.as_ref());
        seen.any(|seen| seen.modified > self.version)
    }
}

/// How many compares there may be beside so many operations; `None` where these are too many.
fn room(operations: usize) -> Option<usize> {
    (LIST / 2..LIST)
        .rev()
        .find(|lists| lists * (LIST - lists) >= operations)
}

/// As few operations as one list takes, the others within.
pub(crate) fn nest(compares: usize, operations: Vec<TxnOp>) -> Vec<TxnOp> {
    if operations.len() <= LIST {
        return operations;
    }
    // As long a list as can be where there are as many of them as compares, or more.
    let lists = compares.max(1)..LIST;
    let fits = |lists: &usize| lists * (LIST - lists) >= operations.len();
    let length = LIST - lists.clone().find(fits).unwrap_or(LIST / 2);
    let mut nested = Vec::new();
    let mut left = operations.into_iter().peekable();
    while left.peek().is_some() {
        let list: Vec<_> = left.by_ref().take(length).collect();
        nested.push(TxnOp::txn(Txn::new().and_then(list)));
    }
    nested
}

/// Adds the writes of named keys, each with its place among all writes.
pub(crate) fn compile<'a>(
    parts: &mut Parts,
    known: &Known,
    layout: &Layout,
    writes: Vec<(u32, &'a Key, &'a Write)>,
) -> Result<Vec<Span>, SendError> {
    let mut items: Vec<_> = writes
        .into_iter()
        .map(|(sub, key, write)| Item {
            zone: Layout::zone(key),
            key,
            sub,
            write,
        })
        .collect();
    items.sort_by(|a, b| (a.zone, a.key).cmp(&(b.zone, b.key)));
    let (mut runs, alone) = runs(known, &items);
    let mut operations = Vec::new();
    for run in alone.iter().chain(&runs) {
        let written = run.items(&items);
        for same in written.chunk_by(|a, b| a.is_deletion() && b.is_deletion()) {
            operations.push(changes(layout, same)?);
        }
    }
    operations.sort_by_key(|(sub, _)| *sub);
    for (_, own) in operations {
        parts.operations.extend(own);
    }
    // An operation that names the write may be to come.
    let room = room(parts.operations.len() + 1);
    let room = room.and_then(|room| room.checked_sub(parts.compares.len() + alone.len()));
    room.and_then(|room| join(&mut runs, room))
        .ok_or_else(|| too_many(items.len()))?;
    let mut spans = Vec::new();
    for run in alone.iter().chain(&runs) {
        match run.items(&items) {
            [] => {}
            [one] => parts.guard(known, layout, one.key),
            [first, .., last] => {
                let span = Span {
                    first: first.key.clone(),
                    last: last.key.clone(),
                    version: known.version,
                };
                parts.compares.push(span.compare(layout));
                spans.push(span);
            }
        }
    }
    Ok(spans)
}

/// The operations of deletions that nothing is between, or of one change; with the place of the first.
fn changes(layout: &Layout, same: &[Item<'_>]) -> Result<(u32, Vec<TxnOp>), SendError> {
    let mut parts = Parts::default();
    let sub = same.iter().map(|item| item.sub).min().unwrap_or_default();
    match same {
        [] => {}
        [one] => parts.change(layout, (one.key, one.write), Beside::of(one.sub))?,
        [first, .., last] => {
            for at in [Layout::value, Layout::attributes] {
                let end = after(at(layout, last.key));
                let range = DeleteOptions::new().with_range(end);
                let deletion = TxnOp::delete(at(layout, first.key), Some(range));
                parts.operations.push(deletion);
            }
        }
    }
    Ok((sub, parts.operations))
}

/// The first key after this one.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn too_many(count: usize) -> SendError {
    SendError::TooLarge(format!(
        "{count} changes at once are more than etcd takes in one transaction (its --max-txn-ops)"
    ))
}

/// Neighbours that nothing else is between; and those that need a compare of their own.
fn runs(known: &Known, items: &[Item<'_>]) -> (Vec<Run>, Vec<Run>) {
    let (mut runs, mut alone) = (Vec::<Run>::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        if !item.joins() {
            alone.push(Run::of(at));
            continue;
        }
        let mut run = Run::of(at);
        if let Some(before) = runs.last_mut()
            && let Some(last) = items.get(before.last)
            && last.zone == item.zone
        {
            let gap = between(known, last.key, item.key);
            if gap == 0 && before.last + 1 == at {
                before.last = at;
                continue;
            }
            run.gap = Some(gap);
        }
        runs.push(run);
    }
    (runs, alone)
}

/// How many entries there are between two keys.
fn between(known: &Known, from: &Key, to: &Key) -> usize {
    let bounds = (Bound::Excluded(from), Bound::Excluded(to));
    let slots = known.slots.range::<Key, _>(bounds);
    slots.filter(|(_, slot)| slot.value.is_some()).count()
}

/// Makes neighbours one, across as few others as can be, until they are no more than this; `None` where that cannot be.
fn join(runs: &mut Vec<Run>, most: usize) -> Option<()> {
    let excess = runs.len().saturating_sub(most);
    let gaps = runs.iter().enumerate();
    let mut gaps: Vec<_> = gaps.filter_map(|(at, run)| Some((run.gap?, at))).collect();
    gaps.sort_unstable();
    let joined: HashSet<_> = gaps.get(..excess)?.iter().map(|(_, at)| *at).collect();
    let mut left = Vec::<Run>::new();
    for (at, run) in runs.drain(..).enumerate() {
        match left.last_mut() {
            Some(before) if joined.contains(&at) => before.last = run.last,
            _ => left.push(run),
        }
    }
    *runs = left;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::cache::key_cache::{Seen, Slot};

    fn run(first: usize, last: usize, gap: Option<usize>) -> Run {
        Run { first, last, gap }
    }

    #[test]
    fn the_nearest_are_joined_and_never_those_of_two_places() {
        let all = [
            run(0, 0, None),
            run(1, 2, Some(5)),
            run(3, 3, Some(1)),
            run(4, 4, None),
            run(5, 5, Some(0)),
        ];
        let joined = |most| {
            let mut runs = all.to_vec();
            join(&mut runs, most)?;
            Some(
                runs.iter()
                    .map(|run| (run.first, run.last))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(joined(5).unwrap().len(), 5);
        assert_eq!(joined(3).unwrap(), [(0, 0), (1, 3), (4, 5)]);
        assert_eq!(joined(2).unwrap(), [(0, 3), (4, 5)]);
        assert_eq!(joined(1), None);
    }

    #[test]
    fn no_list_is_longer_than_what_the_one_around_it_leaves() {
        for compares in 0..LIST {
            for operations in [1, LIST, LIST + 1, 500, 1_000, 4_096] {
                if room(operations).is_none_or(|room| room < compares) && operations > LIST {
                    continue;
                }
                let all = (0..operations).map(|at| TxnOp::put(at.to_string(), "", None));
                let nested = nest(compares, all.collect());
                assert!(nested.len() <= LIST, "{compares} {operations}");
                if operations > LIST {
                    let left = LIST - compares.max(nested.len());
                    assert!(nested.len() * left >= operations, "{compares} {operations}");
                }
            }
        }
        assert_eq!(room(4_096), Some(64));
        assert_eq!(room(4_097), None);
    }

    #[test]
    fn entries_that_are_not_written_keep_guards_apart() {
        let mut known = Known::default();
        for key in ["a/1", "a/2", "a/other", "b/1"] {
            let value = Some(Seen {
                modified: 1,
                index: 1,
                unmoved: None,
            });
            let slot = Slot {
                value,
                attributes: None,
            };
            known.slots.insert(Key::user(key), slot);
        }
        let write = Write {
            target: crate::model::Target::Key(Key::user("")),
            before: None,
            put: None,
        };
        let keys = ["a/1", "a/2", "b/1", "c/gone"].map(Key::user);
        let items = keys.iter().map(|key| Item {
            zone: 1,
            key,
            sub: 0,
            write: &write,
        });
        let (runs, alone) = runs(&known, &items.collect::<Vec<_>>());
        let found: Vec<_> = runs
            .iter()
            .map(|run| (run.first, run.last, run.gap))
            .collect();
        assert_eq!(found, [(0, 1, None), (2, 3, Some(1))]);
        assert!(alone.is_empty());
    }
}
