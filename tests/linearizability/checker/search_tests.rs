//! The checker is checked: histories that are right, and histories each of which is wrong in a way of its own.

use crate::checker::counterexample::shorten;
use crate::checker::model::{Condition, Effect, Holder, Lock, Op, Outcome, Seen, State, Value};
use crate::checker::search::{Verdict, search, search_within};

fn op(client: u32, called: u64, returned: u64) -> Op {
    Op {
        client,
        called,
        returned,
        outcome: Outcome::Yes,
        conditions: Vec::new(),
        effects: Vec::new(),
        before: Vec::new(),
        index: None,
        failed: None,
    }
}

fn v(number: u32) -> Value {
    Value::new(0, number)
}

fn at(number: u32, index: u64) -> Seen {
    Seen {
        value: v(number),
        index,
        holder: Holder::Untold,
    }
}

impl Op {
    fn set(mut self, slot: usize, number: u32) -> Self {
        self.effects
            .push((slot, Effect::Set(v(number), Lock::Keep)));
        self
    }

    fn delete(mut self, slot: usize) -> Self {
        self.effects.push((slot, Effect::Delete));
        self
    }

    fn need(mut self, slot: usize, condition: Condition) -> Self {
        self.conditions.push((slot, condition));
        self
    }

    fn saw(mut self, slot: usize, seen: impl Into<Option<Seen>>) -> Self {
        self.before.push((slot, seen.into()));
        self
    }

    fn index(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    fn no(mut self) -> Self {
        self.outcome = Outcome::No;
        self
    }

    fn unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self
    }
}

fn right(ops: &[Op]) {
    let verdict = search(ops, &State::empty(3));
    assert!(matches!(verdict, Verdict::Linearizable(_)), "{verdict:?}");
}

/// Wrong, and the wrong is still there in what is printed of it.
fn wrong(ops: &[Op]) -> String {
    let start = State::empty(3);
    let verdict = search(ops, &start);
    assert!(matches!(verdict, Verdict::Not(..)), "{verdict:?}");
    let offence = shorten(ops, &start);
    let verdict = search(&offence.ops, &offence.start);
    assert!(matches!(verdict, Verdict::Not(..)), "{verdict:?}");
    offence.tell(&["a".to_owned(), "b".to_owned(), "c".to_owned()])
}

#[test]
fn one_after_the_other() {
    right(&[
        op(1, 0, 1).saw(0, None),
        op(1, 2, 3).set(0, 1).index(10),
        op(2, 4, 5).saw(0, at(1, 10)),
        op(2, 6, 7)
            .set(0, 2)
            .need(0, Condition::Index(10))
            .index(11),
        op(1, 8, 9).set(0, 3).need(0, Condition::Index(10)).no(),
        op(1, 10, 11).delete(0).index(12),
        op(1, 12, 13).set(0, 4).need(0, Condition::Absent).index(15),
        op(1, 14, 15).set(0, 5).need(0, Condition::Absent).no(),
    ]);
}

#[test]
fn side_by_side_either_order_will_do() {
    let writes = [
        op(1, 0, 10).set(0, 1).index(2),
        op(2, 0, 10).set(0, 2).index(1),
    ];
    let [one, two] = &writes;
    right(&[
        one.clone(),
        two.clone(),
        op(3, 3, 4).saw(0, at(2, 1)),
        op(3, 11, 12).saw(0, at(1, 2)),
    ]);
    // But not the order that the indexes deny.
    wrong(&[one.clone(), two.clone(), op(3, 11, 12).saw(0, at(2, 1))]);
    // A read side by side with a write sees it or does not; once it was seen it stays.
    let write = op(1, 0, 10).set(0, 1).index(1);
    right(&[
        write.clone(),
        op(2, 1, 2).saw(0, None),
        op(2, 3, 4).saw(0, at(1, 1)),
    ]);
    wrong(&[
        write,
        op(2, 1, 2).saw(0, at(1, 1)),
        op(2, 3, 4).saw(0, None),
    ]);
}

#[test]
fn a_stale_read() {
    let told = wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).saw(0, at(1, 1)),
        op(1, 4, 5).set(0, 2).index(2),
        op(2, 6, 7).saw(0, at(2, 2)),
        op(3, 8, 9).saw(0, at(1, 1)),
        op(2, 10, 11).saw(0, at(2, 2)),
    ]);
    // Two lines are left of it: what was there, and the read.
    let start = told.lines().next().unwrap();
    assert_eq!(start, "before: a=0.2 at 2, no b, no c");
    assert!(told.contains("saw a=0.1 at 1"), "{told}");
    assert_eq!(told.matches("saw").count(), 2, "{told}");
}

#[test]
fn a_lost_update() {
    wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).set(0, 2),
        op(3, 4, 5).saw(0, at(1, 1)),
    ]);
    wrong(&[op(1, 0, 1).set(0, 1).index(1), op(2, 2, 3).saw(0, None)]);
}

#[test]
fn two_swaps_of_one_index() {
    let swap = |client, number: u32| {
        let swap = op(client, 2, 9).set(0, number).need(0, Condition::Index(1));
        swap.index(u64::from(number))
    };
    wrong(&[op(1, 0, 1).set(0, 1).index(1), swap(2, 2), swap(3, 3)]);
    right(&[op(1, 0, 1).set(0, 1).index(1), swap(2, 2), swap(3, 3).no()]);
    // The same of creating, and of taking a lock.
    let create = |client, number| op(client, 0, 9).set(0, number).need(0, Condition::Absent);
    wrong(&[create(1, 1), create(2, 2)]);
    right(&[create(1, 1), create(2, 2).no()]);
    let lock = |client: u32| {
        let mut lock = op(client, 0, 9).need(0, Condition::Free(client));
        let value = v(client);
        lock.effects
            .push((0, Effect::Set(value, Lock::Take(client))));
        lock
    };
    wrong(&[lock(1), lock(2)]);
    right(&[lock(1), lock(2).no()]);
}

#[test]
fn refused_for_no_reason() {
    wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).set(0, 2).need(0, Condition::Index(1)).no(),
    ]);
    // A refusal that names the wrong condition.
    let mut refused = op(2, 2, 3)
        .set(0, 2)
        .need(0, Condition::Index(9))
        .need(1, Condition::Absent)
        .no();
    refused.failed = Some(vec![0]);
    right(&[op(1, 0, 1).set(0, 1).index(1), refused.clone()]);
    refused.failed = Some(vec![1]);
    wrong(&[op(1, 0, 1).set(0, 1).index(1), refused]);
}

#[test]
fn a_refused_write_that_was_done() {
    wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(2, 2, 3).set(0, 2).need(0, Condition::Index(7)).no(),
        op(3, 4, 5).saw(0, at(2, 2)),
    ]);
}

#[test]
fn half_a_transaction() {
    let both = op(1, 0, 10).set(0, 1).set(1, 2).index(5);
    right(&[
        both.clone(),
        op(2, 1, 2).saw(0, None).saw(1, None),
        op(2, 3, 4).saw(0, at(1, 5)).saw(1, at(2, 5)),
    ]);
    wrong(&[both.clone(), op(2, 1, 2).saw(0, at(1, 5)).saw(1, None)]);
    // In two reads: b is seen, and then a is not.
    wrong(&[
        both.clone(),
        op(2, 1, 2).saw(1, at(2, 5)),
        op(2, 3, 4).saw(0, None),
    ]);
    // Left half done by a crash.
    wrong(&[
        both.unknown(),
        op(2, 20, 21).saw(0, at(1, 5)),
        op(2, 22, 23).saw(1, None),
    ]);
}

#[test]
fn an_unknown_outcome_is_any_outcome() {
    let first = op(1, 0, 1).set(0, 1).index(1);
    let mut unknown = op(2, 2, u64::MAX).set(0, 2).unknown();
    unknown.index = Some(2);
    right(&[first.clone(), unknown.clone(), op(3, 4, 5).saw(0, at(1, 1))]);
    right(&[first.clone(), unknown.clone(), op(3, 4, 5).saw(0, at(2, 2))]);
    // Much later, too.
    right(&[
        first.clone(),
        unknown.clone(),
        op(3, 4, 5).saw(0, at(1, 1)),
        op(3, 600, 601).saw(0, at(2, 2)),
    ]);
    // But only once.
    wrong(&[
        first.clone(),
        unknown.clone(),
        op(3, 4, 5).saw(0, at(2, 2)),
        op(1, 6, 7).set(0, 3).index(3),
        op(3, 8, 9).saw(0, at(2, 2)),
    ]);
    // And not before it was asked for.
    wrong(&[op(3, 0, 1).saw(0, at(2, 2)), unknown.clone()]);
    // It explains a refusal, and a swap that found what nobody else wrote.
    right(&[
        first.clone(),
        unknown.clone(),
        op(1, 4, 5).set(0, 3).need(0, Condition::Index(1)).no(),
    ]);
    right(&[
        first,
        unknown,
        op(1, 4, 5)
            .set(0, 3)
            .need(0, Condition::Value(v(2)))
            .index(3),
    ]);
}

#[test]
fn the_dead_do_nothing() {
    let unknown = op(2, 2, 10).set(0, 2).index(2).unknown();
    let first = op(1, 0, 1).set(0, 1).index(1);
    right(&[
        first.clone(),
        unknown.clone(),
        op(3, 11, 12).saw(0, at(2, 2)),
    ]);
    right(&[
        first.clone(),
        unknown.clone(),
        op(3, 5, 12).saw(0, at(1, 1)),
        op(3, 13, 14).saw(0, at(2, 2)),
    ]);
    // A read that came to nothing new later does not keep it from having been done before.
    right(&[
        first.clone(),
        unknown.clone(),
        op(3, 11, 20).saw(0, at(2, 2)),
        op(4, 12, 13).set(0, 4).need(0, Condition::Index(7)).no(),
    ]);
    // The server was dead when the old value was still there.
    wrong(&[
        first,
        unknown,
        op(3, 11, 12).saw(0, at(1, 1)),
        op(3, 13, 14).saw(0, at(2, 2)),
    ]);
}

#[test]
fn a_value_that_comes_back() {
    wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(1, 2, 3).delete(0).index(2),
        op(2, 4, 5).saw(0, None),
        op(2, 6, 7).saw(0, at(1, 1)),
    ]);
    // An acknowledged delete that a crash forgot, while an unknown write was under way.
    wrong(&[
        op(1, 0, 1).set(0, 1).index(1),
        op(1, 2, 3).delete(0).index(2),
        op(3, 2, 9).set(0, 5).unknown(),
        op(2, 10, 11).saw(0, at(1, 1)),
    ]);
}

#[test]
fn an_index_that_falls() {
    wrong(&[
        op(1, 0, 1).set(0, 1).index(5),
        op(1, 2, 3).set(0, 2).index(4),
    ]);
    wrong(&[
        op(1, 0, 1).set(0, 1).index(5),
        op(1, 2, 3).set(0, 2).index(5),
    ]);
    // The same value at another index.
    wrong(&[op(1, 0, 1).set(0, 1).index(5), op(1, 2, 3).saw(0, at(1, 6))]);
}

/// Many clients at once: right histories are found to be, and one answer changed is found out.
#[test]
fn long_histories() {
    let mut ops = Vec::new();
    for number in 1..=2000_u32 {
        let time = u64::from(number) * 10;
        // Each write is under way for as long as twelve others are.
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
    right(&ops);
    let last = ops.len() - 2;
    ops[last].before = vec![(0, Some(at(1900, 1900)))];
    let told = wrong(&ops);
    assert!(told.contains("0.1900 at 1900"), "{told}");
}

/// Any of them may have been done, in any order: which it was makes no difference to anybody.
#[test]
fn what_nobody_saw_is_tried_once() {
    let mut ops = Vec::new();
    for number in 0..36 {
        let slot = usize::try_from(number).unwrap() % 3;
        ops.push(op(number, 0, u64::MAX).set(slot, number).unknown());
    }
    ops.push(op(40, 1, 2).saw(0, at(99, 5)));
    let verdict = search_within(1_000, &ops, &State::empty(3));
    assert!(matches!(verdict, Verdict::Not(..)), "{verdict:?}");
}
