//! Sets of the lock table that clash, found as by comparing them pair by pair.

use std::ops::Bound;

use proptest::prelude::*;

use super::*;

fn beneath(prefix: &str, depth: Depth) -> Arc<ReadWriteSet> {
    let prefix = Key::user(prefix);
    let end = prefix
        .prefix_end()
        .map_or(Bound::Unbounded, Bound::Excluded);
    set(vec![(Span::new(&prefix, end), depth)], Vec::new())
}

fn set(reads: Vec<(Span, Depth)>, writes: Vec<(Key, Effect)>) -> Arc<ReadWriteSet> {
    Arc::new(ReadWriteSet::new(reads, writes))
}

fn reads(key: &str) -> Arc<ReadWriteSet> {
    let span = Span::key(&Key::user(key));
    set(vec![(span, Depth::Entries)], Vec::new())
}

fn writes(key: &str, effect: Effect) -> Arc<ReadWriteSet> {
    let key = Key::user(key);
    let read = (Span::key(&key), Depth::Entries);
    set(vec![read], vec![(key, effect)])
}

/// Those that a set waits for, once it is compared with the long ones.
fn blockers(table: &LockTable, set: &Arc<ReadWriteSet>, number: TicketNumber) -> Vec<TicketNumber> {
    let mut compared = Compared::default();
    let others = table.uncompared(set, number, &compared);
    compared.compare(set, others);
    table.blockers(set, number, &compared)
}

fn clash(held: &Arc<ReadWriteSet>, other: &Arc<ReadWriteSet>) -> bool {
    let clash_of = |short_most| {
        let mut all = LockTable {
            short_most,
            ..LockTable::default()
        };
        all.add(held, 1, LockState::Held);
        let clash = !blockers(&all, other, 2).is_empty();
        all.remove(held, 1);
        assert!(blockers(&all, other, 2).is_empty() && all.is_empty());
        assert_eq!((all.wide_writes, all.short_parts), (0, 0));
        clash
    };
    let clash = clash_of(ShortMost::default());
    assert_eq!(clash_of(ShortMost(0)), clash, "as whole sets");
    clash
}

/// A change that reads all beneath a prefix and writes much of it.
fn rewrites(prefix: &str) -> Arc<ReadWriteSet> {
    let key = Key::user(prefix);
    let end = key.prefix_end().map_or(Bound::Unbounded, Bound::Excluded);
    let read = (Span::new(&key, end), Depth::Entries);
    let writes = vec![(key, Effect::ComesOrGoes)];
    Arc::new(ReadWriteSet::with_spans_of(0, vec![read], writes))
}

#[test]
fn only_sets_that_include_a_written_key_conflict() {
    let write = writes("a/b", Effect::Changes);
    assert!(clash(&write, &writes("a/b", Effect::Changes)));
    assert!(clash(&write, &beneath("a/", Depth::Entries)));
    assert!(clash(&write, &reads("a/b")));
    assert!(clash(&reads("a/b"), &write));
    assert!(!clash(&write, &writes("a/c", Effect::ComesOrGoes)));
    assert!(!clash(&write, &beneath("b/", Depth::Entries)));
}

#[test]
fn reads_do_not_conflict_with_reads_but_with_writes() {
    let tree = beneath("a/", Depth::Entries);
    assert!(!clash(&tree, &tree));
    assert!(clash(&tree, &writes("a/new", Effect::ComesOrGoes)));
}

#[test]
fn a_span_that_is_written_conflicts_with_every_use_of_anything_in_it() {
    let delete = rewrites("a/");
    for other in [
        reads("a/b"),
        writes("a/b", Effect::Changes),
        beneath("a/b/", Depth::Entries),
        beneath("a/b/", Depth::Keys),
        beneath("a/", Depth::Keys),
        beneath("", Depth::Entries),
        beneath("", Depth::Keys),
        rewrites("a/b/"),
        rewrites("a/"),
        rewrites(""),
    ] {
        assert!(clash(&delete, &other), "{other:?}");
        assert!(clash(&other, &delete), "{other:?}");
    }
    for other in [
        reads("a"),
        writes("b", Effect::ComesOrGoes),
        beneath("a0", Depth::Entries),
        rewrites("b/"),
    ] {
        assert!(!clash(&delete, &other), "{other:?}");
        assert!(!clash(&other, &delete), "{other:?}");
    }
}

#[test]
fn key_only_reads_do_not_conflict_with_new_values() {
    let exists = beneath("a/", Depth::Keys);
    assert!(!clash(&exists, &writes("a/b", Effect::Changes)));
    assert!(clash(&exists, &writes("a/b", Effect::ComesOrGoes)));
    assert!(!clash(&writes("a/b", Effect::Changes), &exists));
    assert!(clash(&writes("a/b", Effect::ComesOrGoes), &exists));
}

#[test]
fn a_write_beside_ten_thousand_wide_reads_looks_at_those_it_may_lie_in() {
    let mut table = LockTable::default();
    for number in 1..=10_000 {
        let read = beneath(&format!("tree/{number}/"), Depth::Entries);
        table.add(&read, number, LockState::Held);
    }
    table.take_steps();
    let write = writes("tree/777/k", Effect::Changes);
    assert_eq!(blockers(&table, &write, TicketNumber::MAX), [777]);
    let steps = table.take_steps();
    assert!(steps < 20, "{steps}");
}

type Looks = (Vec<(Span, Depth)>, Vec<(Key, Effect)>);

fn keys() -> impl Strategy<Value = Key> {
    let bytes = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(255)], 0..4);
    bytes.prop_map(Key::user)
}

fn looks() -> impl Strategy<Value = Looks> {
    let end = prop_oneof![
        keys().prop_map(|key| key.prefix_end().map_or(Bound::Unbounded, Bound::Excluded)),
        keys().prop_map(Bound::Included),
        Just(Bound::Unbounded),
    ];
    let span = (keys(), end).prop_map(|(from, to)| Span::new(&from, to));
    let span = prop_oneof![span, keys().prop_map(|key| Span::key(&key))];
    let depth = prop_oneof![Just(Depth::Entries), Just(Depth::Keys)];
    let effect = prop_oneof![Just(Effect::Changes), Just(Effect::ComesOrGoes)];
    (
        prop::collection::vec((span, depth), 0..4),
        prop::collection::vec((keys(), effect), 0..3),
    )
}

/// By the definition: pair by pair.
fn clash_by_pairs((reads, writes): &Looks, (others_reads, others_writes): &Looks) -> bool {
    let disturbs = |writes: &[(Key, Effect)], reads: &[(Span, Depth)]| {
        writes.iter().any(|(key, effect)| {
            let read = |(span, depth): &(Span, Depth)| {
                let disturbs = *effect == Effect::ComesOrGoes || *depth == Depth::Entries;
                disturbs && span.contains(key)
            };
            reads.iter().any(read)
        })
    };
    let both = |(key, _): &(Key, Effect)| others_writes.iter().any(|(other, _)| other == key);
    writes.iter().any(both) || disturbs(writes, others_reads) || disturbs(others_writes, reads)
}

proptest! {
    #[test]
    fn finds_a_clash_where_a_comparison_by_pairs_does(
        others in prop::collection::vec((looks(), any::<bool>()), 0..8),
        own in looks(),
        place in 0_u64..9,
        many in prop_oneof![Just(0_usize), Just(1), Just(64)],
        short_most in 0_usize..6,
    ) {
        let set = |(reads, writes): &Looks| {
            let set = ReadWriteSet::with_spans_of(many, reads.clone(), writes.clone());
            Arc::new(set)
        };
        let mut table = LockTable {
            short_most: ShortMost(short_most),
            ..LockTable::default()
        };
        let mut expected = false;
        let sets: Vec<_> = others.iter().map(|(other, _)| set(other)).collect();
        for (number, (other, held)) in (0..).zip(&others) {
            let state = if *held { LockState::Held } else { LockState::Waiting };
            table.add(&sets[usize::try_from(number).unwrap()], number, state);
            expected |= (*held || number < place) && clash_by_pairs(other, &own);
        }
        let found = blockers(&table, &set(&own), place);
        prop_assert!(!found.is_empty() || !expected);
        // A span that is written stands for more than the keys that are.
        prop_assert!(many < 64 || found.is_empty() || expected);
        for number in found {
            let (other, held) = &others[usize::try_from(number).unwrap()];
            prop_assert!(*held || number < place);
            prop_assert!(many < 64 || clash_by_pairs(other, &own));
        }
        for (number, set) in (0..).zip(&sets) {
            table.remove(set, number);
        }
        prop_assert!(table.is_empty() && table.short_parts == 0);
    }
}
