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
