//! Changes that clash take turns, and what that costs.

use super::*;
use crate::model::Key;
use crate::space::read_write_set::{Depth, Effect};
use crate::space::span::Span;
use std::ops::Bound;

type Woken = oneshot::Receiver<()>;

fn write(key: &str) -> Arc<ReadWriteSet> {
    write_all(&[Key::user(key)])
}

fn write_all(keys: &[Key]) -> Arc<ReadWriteSet> {
    let writes = keys.iter().map(|key| (key.clone(), Effect::ComesOrGoes));
    Arc::new(ReadWriteSet::new(Vec::new(), writes.collect()))
}

fn delete_tree(prefix: &str, keys: &[Key]) -> Arc<ReadWriteSet> {
    let prefix = Key::user(prefix);
    let end = prefix
        .prefix_end()
        .map_or(Bound::Unbounded, Bound::Excluded);
    let writes = keys.iter().map(|key| (key.clone(), Effect::ComesOrGoes));
    let read = (Span::new(&prefix, end), Depth::Entries);
    Arc::new(ReadWriteSet::new(vec![read], writes.collect()))
}

struct Changes(Arc<CriticalSection>);

impl Changes {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn try_lock(&self, set: Arc<ReadWriteSet>, ticket: Option<&Ticket>) -> Option<WriteLocks> {
        let compared = self.compare(&set, ticket);
        let mut section = self.0.enter();
        section.try_lock(&self.0, set, ticket, &compared).ok()
    }

    /// As a change that finds itself blocked.
    fn wait(&self, set: Arc<ReadWriteSet>, ticket: Option<Ticket>) -> (Ticket, Woken) {
        let compared = self.compare(&set, ticket.as_ref());
        let mut section = self.0.enter();
        let blocked = section.try_lock(&self.0, set, ticket.as_ref(), &compared);
        section.enqueue(&self.0, blocked.unwrap_err(), ticket)
    }

    fn compare(&self, set: &Arc<ReadWriteSet>, ticket: Option<&Ticket>) -> Compared {
        let mut compared = Compared::default();
        let others = self.0.enter().uncompared(set, ticket, &compared);
        compared.compare(set, others);
        compared
    }

    fn steps(&self) -> usize {
        self.0.enter().locks.take_steps()
    }

    fn is_idle(&self) -> bool {
        let section = self.0.enter();
        section.is_idle() && section.waiting.is_empty() && section.dependents.is_empty()
    }
}

#[test]
fn a_change_of_many_keys_is_not_overtaken() {
    let changes = Changes::new();
    let delete = || delete_tree("a/", &[Key::user("a/1")]);
    let first = changes.try_lock(write("a/1"), None).unwrap();
    let (wide, mut woken) = changes.wait(delete(), None);
    // It does not clash with what is locked, but with the wide change that waits.
    assert!(changes.try_lock(write("a/2"), None).is_none());
    assert!(woken.try_recv().is_err());
    drop(first);
    assert!(woken.try_recv().is_ok());
    assert!(changes.try_lock(delete(), Some(&wide)).is_some());
    drop(wide);
    assert!(changes.is_idle());
}

#[test]
fn cancelling_a_queued_change_unblocks_the_next() {
    let changes = Changes::new();
    let locks = changes.try_lock(write("b"), None).unwrap();
    let (wide, _) = changes.wait(delete_tree("", &[Key::user("b")]), None);
    let (small, mut woken) = changes.wait(write("a"), None);
    drop(wide);
    assert!(woken.try_recv().is_ok(), "nothing blocks it any more");
    drop((locks, small));
    assert!(changes.is_idle());
}

#[test]
fn a_change_that_is_decided_again_blocks_what_it_clashes_with_now() {
    let changes = Changes::new();
    let b = changes.try_lock(write("b"), None).unwrap();
    let c = changes.try_lock(write("c"), None).unwrap();
    let (first, mut first_woken) = changes.wait(write("b"), None);
    let (second, mut second_woken) = changes.wait(write("b"), None);
    let (third, mut third_woken) = changes.wait(write("c"), None);
    drop(b);
    assert!(first_woken.try_recv().is_ok() && second_woken.try_recv().is_err());
    // Decided again it needs another key, and what waited for it goes on.
    let (first, mut first_woken) = changes.wait(write("c"), Some(first));
    assert!(second_woken.try_recv().is_ok());
    // It kept its place, before the change that waits for that key already.
    drop(c);
    assert!(first_woken.try_recv().is_ok() && third_woken.try_recv().is_err());
    let held = changes.try_lock(write("c"), Some(&first)).unwrap();
    drop(first);
    assert!(third_woken.try_recv().is_err(), "the key is in use");
    drop(held);
    assert!(third_woken.try_recv().is_ok());
    drop((second, third));
    assert!(changes.is_idle());
}

#[test]
fn changes_of_one_key_that_give_up_in_any_order_leave_the_others_their_turns() {
    let changes = Changes::new();
    let held = changes.try_lock(write("k"), None).unwrap();
    let mut waiting: Vec<_> = (0..100)
        .map(|_| Some(changes.wait(write("k"), None)))
        .collect();
    for gone in (0..100).filter(|place| place % 3 != 0).rev() {
        waiting[gone] = None;
    }
    drop(held);
    for (ticket, mut woken) in waiting.into_iter().flatten() {
        assert!(woken.try_recv().is_ok());
        drop(changes.try_lock(write("k"), Some(&ticket)).unwrap());
    }
    assert!(changes.is_idle());
}

#[test]
fn each_of_a_thousand_writers_of_one_key_is_looked_at_a_few_times() {
    const WRITERS: usize = 1_000;
    let changes = Changes::new();
    let mut held = changes.try_lock(write("k"), None).unwrap();
    let waiting: Vec<_> = (0..WRITERS)
        .map(|_| changes.wait(write("k"), None))
        .collect();
    for (ticket, mut woken) in waiting {
        assert!(woken.try_recv().is_err());
        drop(held);
        assert!(woken.try_recv().is_ok());
        held = changes.try_lock(write("k"), Some(&ticket)).unwrap();
    }
    drop(held);
    let steps = changes.steps();
    assert!(steps <= 16 * WRITERS, "{steps} steps");
    assert!(changes.is_idle());
}

/// Each waits for a write of one of its keys; then the first of them for the other's end, beside it.
#[test]
fn wide_deletes_that_meet_in_the_queue_cost_what_they_are_long() {
    const KEYS: usize = 20_000;
    let changes = Changes::new();
    let keys = |tree: &str| -> Vec<Key> {
        (0..KEYS)
            .map(|key| Key::user(format!("{tree}/{key:06}")))
            .collect()
    };
    let trees = [keys("a"), keys("b")];
    let sets = [delete_tree("a/", &trees[0]), delete_tree("b/", &trees[1])];
    let blockers = ["a/010000", "b/010000"].map(|key| changes.try_lock(write(key), None).unwrap());
    let waiting = sets.clone().map(|set| changes.wait(set, None));
    changes.steps();
    // Others in the meantime.
    for other in 0..100 {
        drop(
            changes
                .try_lock(write(&format!("c/{other}")), None)
                .unwrap(),
        );
    }
    let steps = changes.steps();
    assert!(
        steps <= 100 * 10,
        "{steps} steps for a hundred small changes"
    );
    drop(blockers);
    for ((ticket, mut woken), set) in waiting.into_iter().zip(sets) {
        assert!(woken.try_recv().is_ok());
        drop(changes.try_lock(set, Some(&ticket)).unwrap());
    }
    let steps = changes.steps();
    assert!(steps <= 10 * 2 * KEYS, "{steps} steps");
    assert!(changes.is_idle());
}

/// As the ends of two sessions with many ephemerals each, side by side in the same directories.
#[test]
fn wide_changes_of_single_keys_cost_no_step_for_each_key() {
    const KEYS: usize = 20_000;
    let changes = Changes::new();
    let keys = |own: usize| -> Vec<Key> {
        (0..KEYS)
            .map(|key| Key::user(format!("d/{key:06}/{own}")))
            .collect()
    };
    let (first, second) = (keys(0), keys(1));
    let small = changes.try_lock(write("d/010000/1"), None).unwrap();
    changes.steps();
    let held = changes.try_lock(write_all(&first), None).unwrap();
    let (ticket, mut woken) = changes.wait(write_all(&second), None);
    // Others in the meantime: one of another key, and one of a key that is written.
    drop(changes.try_lock(write("d/000000/2"), None).unwrap());
    assert!(changes.try_lock(write("d/019999/0"), None).is_none());
    drop(small);
    assert!(woken.try_recv().is_ok(), "the two do not clash");
    let second = changes.try_lock(write_all(&second), Some(&ticket)).unwrap();
    // One that clashes with both of them waits for both.
    let both = [first, keys(1)].concat();
    let (ticket, mut woken) = changes.wait(write_all(&both), None);
    drop(held);
    assert!(woken.try_recv().is_err());
    drop(second);
    assert!(woken.try_recv().is_ok());
    drop(changes.try_lock(write_all(&both), Some(&ticket)).unwrap());
    let steps = changes.steps();
    assert!(steps < 100, "{steps} steps");
    assert!(changes.is_idle());
}

#[test]
fn a_wide_change_waits_for_another_that_it_was_not_compared_with() {
    let changes = Changes::new();
    let keys = |own: usize| -> Vec<Key> {
        let keys = (0..1_000).map(|key| Key::user(format!("{own}/{key}")));
        keys.collect()
    };
    let held = changes.try_lock(write_all(&keys(0)), None).unwrap();
    let mut section = changes.0.enter();
    let blocked = section.try_lock(&changes.0, write_all(&keys(1)), None, &Compared::default());
    let (ticket, mut woken) = section.enqueue(&changes.0, blocked.unwrap_err(), None);
    drop(section);
    assert!(woken.try_recv().is_err());
    drop(held);
    assert!(woken.try_recv().is_ok());
    drop(ticket);
    assert!(changes.is_idle());
}
