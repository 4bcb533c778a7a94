//! Tests of the linearizability search: linearizable histories are accepted, and each kind of violation is found.

use crate::checker::counterexample::minimize;
use crate::checker::model::{
    Effect, FailedPreconditions, LockEffect, LockHolder, ObjectState, ObservedEntry, Operation,
    Outcome, Precondition, Value,
};
use crate::checker::search::{Verdict, search, search_within};

fn op(client: u32, called: u64, returned: u64) -> Operation {
    Operation {
        client,
        called,
        returned,
        outcome: Outcome::Done,
        preconditions: Vec::new(),
        effects: Vec::new(),
        observed: Vec::new(),
        index: None,
        failed: None,
    }
}

fn v(number: u32) -> Value {
    Value::new(0, number)
}

fn at(number: u32, index: u64) -> ObservedEntry {
    ObservedEntry {
        value: v(number),
        index,
        holder: LockHolder::NotReported,
        version: None,
    }
}

impl Operation {
    fn set(mut self, slot: usize, number: u32) -> Self {
        self.effects
            .push((slot, Effect::Set(v(number), LockEffect::Keep)));
        self
    }

    fn delete(mut self, slot: usize) -> Self {
        self.effects.push((slot, Effect::Delete));
        self
    }

    fn need(mut self, slot: usize, precondition: Precondition) -> Self {
        self.preconditions.push((slot, precondition));
        self
    }

    fn saw(mut self, slot: usize, entry: impl Into<Option<ObservedEntry>>) -> Self {
        self.observed.push((slot, entry.into()));
        self
    }

    fn index(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    fn refused(mut self) -> Self {
        self.outcome = Outcome::Refused;
        self
    }

    fn unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self
    }
}

fn assert_linearizable(ops: &[Operation]) {
    let verdict = search(ops, &ObjectState::before(ops, 3));
    assert!(matches!(verdict, Verdict::Linearizable(_)), "{verdict:?}");
}

/// Asserts that a history is not linearizable and that its minimized counterexample is not either.
fn assert_not_linearizable(ops: &[Operation]) -> String {
    let start = ObjectState::before(ops, 3);
    let verdict = search(ops, &start);
    assert!(
        matches!(verdict, Verdict::NotLinearizable(..)),
        "{verdict:?}"
    );
    let counterexample = minimize(ops, &start);
    let verdict = search(&counterexample.ops, &counterexample.start);
    assert!(
        matches!(verdict, Verdict::NotLinearizable(..)),
        "{verdict:?}"
    );
    counterexample.describe(&["a".to_owned(), "b".to_owned(), "c".to_owned()])
}

#[test]
fn sequential_history_is_linearizable() {
    assert_linearizable(&[
        op(1, 0, 1).saw(0, None),
        op(1, 2, 3).set(0, 1).index(10),
        op(2, 4, 5).saw(0, at(1, 10)),
        op(2, 6, 7)
            .set(0, 2)
            .need(0, Precondition::Index(10))
            .index(11),
        op(1, 8, 9)
            .set(0, 3)
            .need(0, Precondition::Index(10))
            .refused(),
        op(1, 10, 11).delete(0).index(12),
        op(1, 12, 13)
            .set(0, 4)
            .need(0, Precondition::Absent)
            .index(15),
        op(1, 14, 15)
            .set(0, 5)
            .need(0, Precondition::Absent)
            .refused(),
    ]);
}

#[test]
fn concurrent_writes_have_either_order_unless_indexes_deny_it() {
    let writes = [
        op(1, 0, 10).set(0, 1).index(2),
        op(2, 0, 10).set(0, 2).index(1),
    ];
    let [one, two] = &writes;
    assert_linearizable(&[
        one.clone(),
        two.clone(),
        op(3, 3, 4).saw(0, at(2, 1)),
        op(3, 11, 12).saw(0, at(1, 2)),
    ]);
    // But not the order that contradicts the indexes.
    assert_not_linearizable(&[one.clone(), two.clone(), op(3, 11, 12).saw(0, at(2, 1))]);
    // A read concurrent with a write observes it or does not; once observed, the write stays visible.
    let write = op(1, 0, 10).set(0, 1).index(1);
    assert_linearizable(&[
        write.clone(),
        op(2, 1, 2).saw(0, None),
        op(2, 3, 4).saw(0, at(1, 1)),
    ]);
    assert_not_linearizable(&[
        write,
        op(2, 1, 2).saw(0, at(1, 1)),
        op(2, 3, 4).saw(0, None),
    ]);
}

#[test]
fn stale_read_is_found_and_minimized() {
    let description = assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).saw(0, at(1, 1)),
        op(1, 4, 5).set(0, 2).index(2),
        op(2, 6, 7).saw(0, at(2, 2)),
        op(3, 8, 9).saw(0, at(1, 1)),
        op(2, 10, 11).saw(0, at(2, 2)),
    ]);
    // Two lines remain: the initial state, and the stale read.
    let start = description.lines().next().unwrap();
    assert_eq!(start, "initial state: a=0.2 at 2, no b, no c");
    assert!(description.contains("saw a=0.1 at 1"), "{description}");
    assert_eq!(description.matches("saw").count(), 2, "{description}");
}

#[test]
fn lost_update_is_found() {
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).set(0, 2),
        op(3, 4, 5).saw(0, at(1, 1)),
    ]);
    assert_not_linearizable(&[op(1, 0, 1).set(0, 1).index(1), op(2, 2, 3).saw(0, None)]);
}

#[test]
fn second_compare_and_swap_of_one_index_is_found() {
    let swap = |client, number: u32| {
        let swap = op(client, 2, 9)
            .set(0, number)
            .need(0, Precondition::Index(1));
        swap.index(u64::from(number))
    };
    assert_not_linearizable(&[op(1, 0, 1).set(0, 1).index(1), swap(2, 2), swap(3, 3)]);
    assert_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        swap(2, 2),
        swap(3, 3).refused(),
    ]);
    // The same for creating an entry and for taking a lock.
    let create = |client, number| {
        op(client, 0, 9)
            .set(0, number)
            .need(0, Precondition::Absent)
    };
    assert_not_linearizable(&[create(1, 1), create(2, 2)]);
    assert_linearizable(&[create(1, 1), create(2, 2).refused()]);
    let lock = |client: u32| {
        let mut lock = op(client, 0, 9).need(0, Precondition::Free(client));
        let value = v(client);
        lock.effects
            .push((0, Effect::Set(value, LockEffect::Take(client))));
        lock
    };
    assert_not_linearizable(&[lock(1), lock(2)]);
    assert_linearizable(&[lock(1), lock(2).refused()]);
}

#[test]
fn refusal_without_failed_precondition_is_found() {
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3)
            .set(0, 2)
            .need(0, Precondition::Index(1))
            .refused(),
    ]);
    // A refusal that names the wrong precondition.
    let mut refused = op(2, 2, 3)
        .set(0, 2)
        .need(0, Precondition::Index(9))
        .need(1, Precondition::Absent)
        .refused();
    refused.failed = Some(FailedPreconditions::All(vec![0]));
    assert_linearizable(&[op(1, 0, 1).set(0, 1).index(1), refused.clone()]);
    refused.failed = Some(FailedPreconditions::All(vec![1]));
    assert_not_linearizable(&[op(1, 0, 1).set(0, 1).index(1), refused]);
}

#[test]
fn first_failed_precondition_is_compared() {
    let set = op(1, 0, 1).set(0, 1).index(1);
    // Of a second client whose node has another version, and of a third whose node is not there.
    let mut refused = op(2, 2, 3)
        .need(0, Precondition::Present)
        .need(0, Precondition::Version(7))
        .need(1, Precondition::Present)
        .set(0, 2)
        .refused();
    for (failed, is_explained) in [(0, false), (1, true), (2, false)] {
        refused.failed = Some(FailedPreconditions::First(failed));
        let ops = [set.clone(), refused.clone()];
        if is_explained {
            assert_linearizable(&ops);
        } else {
            assert_not_linearizable(&ops);
        }
    }
}

#[test]
fn version_counts_writes_since_the_creation() {
    let seen = |number, index, version| ObservedEntry {
        version: Some(version),
        ..at(number, index)
    };
    let writes = [
        op(1, 0, 1).set(0, 1).index(1),
        op(1, 2, 3).set(0, 2).index(2),
        op(1, 6, 7).delete(0),
        op(1, 8, 9).set(0, 3).index(4),
    ];
    let with = |first: i32, second: i32| {
        let reads = [
            op(2, 4, 5).saw(0, seen(2, 2, first)),
            op(2, 10, 11).saw(0, seen(3, 4, second)),
        ];
        [&writes[..], &reads].concat()
    };
    assert_linearizable(&with(1, 0));
    assert_not_linearizable(&with(2, 0));
    assert_not_linearizable(&with(1, 1));
}

#[test]
fn refused_write_that_took_effect_is_found() {
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3)
            .set(0, 2)
            .need(0, Precondition::Index(7))
            .refused(),
        op(3, 4, 5).saw(0, at(2, 2)),
    ]);
}

#[test]
fn partial_transaction_is_found() {
    let both = op(1, 0, 10).set(0, 1).set(1, 2).index(5);
    assert_linearizable(&[
        both.clone(),
        op(2, 1, 2).saw(0, None).saw(1, None),
        op(2, 3, 4).saw(0, at(1, 5)).saw(1, at(2, 5)),
    ]);
    assert_not_linearizable(&[both.clone(), op(2, 1, 2).saw(0, at(1, 5)).saw(1, None)]);
    // In two reads: b is observed, and then a is not.
    assert_not_linearizable(&[
        both.clone(),
        op(2, 1, 2).saw(1, at(2, 5)),
        op(2, 3, 4).saw(0, None),
    ]);
    // A crash left it half applied.
    assert_not_linearizable(&[
        both.unknown(),
        op(2, 20, 21).saw(0, at(1, 5)),
        op(2, 22, 23).saw(1, None),
    ]);
}

#[test]
fn unknown_outcome_takes_effect_at_most_once_after_its_call() {
    let first = op(1, 0, 1).set(0, 1).index(1);
    let mut unknown = op(2, 2, u64::MAX).set(0, 2).unknown();
    unknown.index = Some(2);
    assert_linearizable(&[first.clone(), unknown.clone(), op(3, 4, 5).saw(0, at(1, 1))]);
    assert_linearizable(&[first.clone(), unknown.clone(), op(3, 4, 5).saw(0, at(2, 2))]);
    // It may take effect much later, too.
    assert_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(3, 4, 5).saw(0, at(1, 1)),
        op(3, 600, 601).saw(0, at(2, 2)),
    ]);
    // But only once.
    assert_not_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(3, 4, 5).saw(0, at(2, 2)),
        op(1, 6, 7).set(0, 3).index(3),
        op(3, 8, 9).saw(0, at(2, 2)),
    ]);
    // And not before it was called.
    assert_not_linearizable(&[op(3, 0, 1).saw(0, at(2, 2)), unknown.clone()]);
    // It explains a refusal, and a compare-and-swap that found its value.
    assert_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(1, 4, 5)
            .set(0, 3)
            .need(0, Precondition::Index(1))
            .refused(),
    ]);
    assert_linearizable(&[
        first,
        unknown,
        op(1, 4, 5)
            .set(0, 3)
            .need(0, Precondition::Value(v(2)))
            .index(3),
    ]);
}

#[test]
fn operation_takes_no_effect_after_its_process_died() {
    let unknown = op(2, 2, 10).set(0, 2).index(2).unknown();
    let first = op(1, 0, 1).set(0, 1).index(1);
    assert_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(3, 11, 12).saw(0, at(2, 2)),
    ]);
    assert_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(3, 5, 12).saw(0, at(1, 1)),
        op(3, 13, 14).saw(0, at(2, 2)),
    ]);
    // A later refusal does not exclude that the operation took effect before.
    assert_linearizable(&[
        first.clone(),
        unknown.clone(),
        op(3, 11, 20).saw(0, at(2, 2)),
        op(4, 12, 13)
            .set(0, 4)
            .need(0, Precondition::Index(7))
            .refused(),
    ]);
    // The process was dead while the old value was still read.
    assert_not_linearizable(&[
        first,
        unknown,
        op(3, 11, 12).saw(0, at(1, 1)),
        op(3, 13, 14).saw(0, at(2, 2)),
    ]);
}

#[test]
fn deleted_value_that_returns_is_found() {
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(1, 2, 3).delete(0).index(2),
        op(2, 4, 5).saw(0, None),
        op(2, 6, 7).saw(0, at(1, 1)),
    ]);
    // A crash lost an acknowledged delete while a write of unknown outcome was in flight.
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(1, 2, 3).delete(0).index(2),
        op(3, 2, 9).set(0, 5).unknown(),
        op(2, 10, 11).saw(0, at(1, 1)),
    ]);
}

#[test]
fn decreasing_index_is_found() {
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(5),
        op(1, 2, 3).set(0, 2).index(4),
    ]);
    assert_not_linearizable(&[
        op(1, 0, 1).set(0, 1).index(5),
        op(1, 2, 3).set(0, 2).index(5),
    ]);
    // The same value at another index.
    assert_not_linearizable(&[op(1, 0, 1).set(0, 1).index(5), op(1, 2, 3).saw(0, at(1, 6))]);
}

/// Many concurrent clients: the history is linearizable, and one changed answer is found.
#[test]
fn one_wrong_answer_in_a_long_history_is_found() {
    let mut ops = Vec::new();
    for number in 1..=2000_u32 {
        let time = u64::from(number) * 10;
        // Each write is concurrent with twelve others.
        let index = u64::from(number);
        ops.push(
            op(number % 12, time, time + 120)
                .set(0, number)
                .index(index),
        );
        let read = op(20, time + 55, time + 130).saw(0, at(number, index));
        ops.push(read);
        if number.is_multiple_of(400) {
            ops.push(op(30, time, u64::MAX).set(0, 100_000 + number).unknown());
        }
    }
    assert_linearizable(&ops);
    let last = ops.len() - 2;
    ops[last].observed = vec![(0, Some(at(1900, 1900)))];
    let description = assert_not_linearizable(&ops);
    assert!(description.contains("0.1900 at 1900"), "{description}");
}

/// Any of them may have taken effect in any order, and no client can observe which.
#[test]
fn equivalent_unknown_outcomes_are_tried_once() {
    let mut ops = Vec::new();
    for number in 0..36 {
        let slot = usize::try_from(number).unwrap() % 3;
        ops.push(op(number, 0, u64::MAX).set(slot, number).unknown());
    }
    ops.push(op(40, 1, 2).saw(0, at(99, 5)));
    let verdict = search_within(1_000, &ops, &ObjectState::empty(3));
    assert!(
        matches!(verdict, Verdict::NotLinearizable(..)),
        "{verdict:?}"
    );
}
