//! Tests of which records may be deleted.

use super::*;

fn put(retention: &mut Retention, key: &str, at: u64, before: Option<u64>) {
    change(retention, key, at, before, true);
}

fn delete(retention: &mut Retention, key: &str, at: u64, before: u64) {
    change(retention, key, at, Some(before), false);
}

fn change(retention: &mut Retention, key: &str, at: u64, before: Option<u64>, put: bool) {
    retention.apply(&AppliedChange {
        key: Some(&Key::user(key)),
        at: Revision::new(at, 0),
        before: before.map(|main| Revision::new(main, 0)),
        put,
    });
}

fn floors(history_floor: u64, deletions_floor: u64) -> RetentionFloors {
    RetentionFloors {
        history_floor,
        deletions_floor,
    }
}

fn removed(trim: Option<TrimStep>) -> Vec<u64> {
    trim.map_or(Vec::new(), |trim| {
        trim.remove.iter().map(|at| at.main).collect()
    })
}

#[test]
fn a_record_is_trimmed_once_the_commit_that_replaced_it_is() {
    let mut retention = Retention::new(0, 0);
    put(&mut retention, "a", 1, None);
    put(&mut retention, "a", 2, Some(1));
    put(&mut retention, "a", 3, Some(2));
    put(&mut retention, "b", 4, None);
    assert_eq!(retention.next_step(100), None, "no floors were set");
    retention.raise_floors(floors(1, 0));
    assert_eq!(removed(retention.next_step(100)), Vec::<u64>::new());
    retention.raise_floors(floors(2, 0));
    assert_eq!(removed(retention.next_step(100)), [1]);
    retention.raise_floors(floors(3, 0));
    assert_eq!(removed(retention.next_step(100)), [2]);
    assert_eq!(retention.next_step(100), None, "done");
}

#[test]
fn the_newest_commit_is_never_trimmed() {
    let mut retention = Retention::new(0, 0);
    put(&mut retention, "a", 1, None);
    delete(&mut retention, "a", 2, 1);
    retention.raise_floors(floors(100, 100));
    let trim = retention.next_step(100).unwrap();
    assert_eq!((trim.history_floor, trim.deletions_floor), (1, 1));
    assert_eq!(trim.remove, Vec::new());
    put(&mut retention, "b", 3, None);
    let trim = retention.next_step(100).unwrap();
    assert_eq!((trim.history_floor, trim.deletions_floor), (2, 2));
    assert_eq!(removed(Some(trim)), [1, 2]);
}

#[test]
fn deletions_outlive_the_history_until_the_key_is_written_again() {
    let mut retention = Retention::new(0, 0);
    put(&mut retention, "a", 1, None);
    put(&mut retention, "b", 2, None);
    delete(&mut retention, "a", 3, 1);
    delete(&mut retention, "b", 4, 2);
    put(&mut retention, "a", 5, None);
    put(&mut retention, "c", 6, None);
    put(&mut retention, "c", 7, Some(6));
    retention.raise_floors(floors(6, 0));
    assert_eq!(removed(retention.next_step(100)), [1, 2, 3]);
    assert_eq!(
        retention.deletion(&Key::user("b")),
        Some(Revision::new(4, 0))
    );
    retention.raise_floors(floors(6, 4));
    assert_eq!(removed(retention.next_step(100)), [4]);
    assert_eq!(retention.deletions().count(), 0);
}

#[test]
fn trimming_goes_in_steps_of_whole_commits() {
    let mut retention = Retention::new(0, 0);
    put(&mut retention, "a", 1, None);
    for at in 2..=50 {
        put(&mut retention, "a", at, Some(at - 1));
    }
    retention.raise_floors(floors(50, 50));
    let mut steps = Vec::new();
    while let Some(trim) = retention.next_step(10) {
        assert!(trim.remove.len() <= 10);
        steps.extend(removed(Some(trim)));
    }
    assert_eq!(steps, (1..=48).collect::<Vec<_>>());
}

#[test]
fn floors_never_fall() {
    let mut retention = Retention::new(0, 0);
    for at in 1..=9 {
        put(&mut retention, "a", at, (at > 1).then(|| at - 1));
    }
    retention.raise_floors(floors(5, 5));
    assert_eq!(retention.next_step(100).unwrap().history_floor, 5);
    retention.raise_floors(floors(2, 2));
    assert_eq!(retention.next_step(100), None);
}

fn change_of(key: &str) -> Change {
    Change {
        key: Key::user(key),
        now: None,
        before: None,
    }
}

#[test]
fn deletions_that_are_recorded_ahead_are_those_of_their_commit_once_it_has_a_revision() {
    let mut retention = Retention::new(0, 0);
    for (at, key) in (1..).zip(["a", "b", "c", "d"]) {
        put(&mut retention, key, at, None);
    }
    let number = AheadNumber(1);
    let changes = ["a", "b", "c"].map(change_of);
    retention.delete_ahead(number, (0..).zip(&changes[..2]));
    // Others go on meanwhile, and their floors wait for nobody.
    delete(&mut retention, "d", 5, 4);
    retention.delete_ahead(number, (2..).zip(&changes[2..]));
    retention.raise_floors(floors(5, 5));
    assert_eq!(removed(retention.next_step(100)), Vec::<u64>::new());
    let obsolete = (1..=3).map(|main| Revision::new(main, 0)).collect();
    retention.number_ahead(number, 6, obsolete);
    put(&mut retention, "b", 7, None);
    put(&mut retention, "e", 8, None);
    retention.raise_floors(floors(7, 7));
    let trim = retention.next_step(100).unwrap();
    assert_eq!((trim.history_floor, trim.deletions_floor), (7, 7));
    // The entries that went, the deletion that "b" made obsolete, and the deletions below the floor.
    let mut expected: Vec<_> = [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 0),
        (6, 1),
        (6, 2),
    ]
    .into();
    let mut found: Vec<_> = trim.remove.iter().map(|at| (at.main, at.sub)).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(retention.deleted.is_empty() && retention.deleted_in_order.is_empty());
}

#[test]
fn deletions_that_are_taken_back_leave_nothing() {
    let mut retention = Retention::new(0, 0);
    put(&mut retention, "a", 1, None);
    put(&mut retention, "b", 2, None);
    let changes = [change_of("a")];
    retention.delete_ahead(AheadNumber(1), (0..).zip(&changes));
    retention.take_back_ahead(AheadNumber(1), changes.iter());
    delete(&mut retention, "b", 3, 2);
    put(&mut retention, "a", 4, Some(1));
    put(&mut retention, "c", 5, None);
    retention.raise_floors(floors(4, 4));
    let trim = retention.next_step(100).unwrap();
    assert_eq!((trim.history_floor, trim.deletions_floor), (4, 4));
    assert_eq!(removed(Some(trim)), [2, 1, 3]);
    assert!(retention.deleted.is_empty() && retention.deleted_in_order.is_empty());
}

#[test]
fn what_a_wide_commit_made_obsolete_is_trimmed_in_steps_and_before_its_deletions() {
    let count = MOST_AT_ONCE + 100;
    let mut retention = Retention::new(0, 0);
    let key = |n: usize| format!("{n:05}");
    let all: Vec<_> = (0..count).collect();
    for n in &all {
        put(&mut retention, &key(*n), 1, None);
    }
    for n in &all {
        delete(&mut retention, &key(*n), 2, 1);
    }
    put(&mut retention, "other", 3, None);
    retention.raise_floors(floors(2, 2));
    let mut steps = Vec::new();
    while let Some(trim) = retention.next_step(2_000) {
        let puts = trim.remove.iter().filter(|at| at.main == 1).count();
        let is_last = !trim.is_partial;
        assert!(trim.remove.len() <= 2_000 && trim.history_floor == 2);
        assert!(
            is_last || puts == trim.remove.len(),
            "what it deleted goes first"
        );
        assert!(trim.deletions_floor == 2 && is_last || trim.deletions_floor < 2);
        steps.push(trim.remove.len());
    }
    assert_eq!(steps.iter().sum::<usize>(), 2 * count);
    assert!(steps.len() >= 2 * count / 2_000);
}
