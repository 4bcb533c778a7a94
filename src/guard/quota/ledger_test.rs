//! The ledger against a naive count, for random changes in whatever order they come true or fail.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use proptest::prelude::*;

use super::ledger::{LedgerReservation, QuotaLedger};
use super::path_shapes::{PathShape, PathShapes, ShapeSegment};
use super::usage::Usage;
use crate::model::{Cause, Change, Commit, Entry, Key, Record, Revision, Target, Write};
use crate::space::{EntrySource, ReservedOrder};

type Entries = BTreeMap<Vec<u8>, usize>;

/// The entries that were delivered, with the last commit.
#[derive(Debug, Default)]
struct Delivered(Mutex<(u64, Entries)>);

fn entry(length: usize) -> Arc<Entry> {
    let record = Record {
        value: vec![b'v'; length].into(),
        ..Record::default()
    };
    let modified = Revision::new(1, 0);
    Arc::new(Entry { record, modified })
}

impl EntrySource for Delivered {
    fn each_entry(&self, visit: &mut dyn FnMut(&Key, &Entry)) -> u64 {
        let (revision, entries) = &*self.0.lock();
        for (key, length) in entries {
            visit(&Key::user(key), &entry(*length));
        }
        *revision
    }
}

/// One key, and the length of its new value; `None` to delete.
type KeyWrite = (String, Option<usize>);

#[derive(Clone, Debug)]
enum Step {
    /// A change of different keys is handed over.
    HandOver(Vec<KeyWrite>),
    /// With a key that the store names.
    HandOverUnnamed(String, usize),
    /// The oldest that is on its way comes true.
    Deliver,
    /// Everything on its way fails; of uncertain ones the newest alone.
    Fail,
    /// Somebody else changes a key that nothing on its way changes.
    External(KeyWrite),
    /// Other paths are counted: these of all.
    Count(Vec<usize>),
}

const SHAPES: [&str; 5] = ["", "a", "*", "a/*", "*/b"];

fn shape(text: &str) -> PathShape {
    let segments = text.split('/').filter(|segment| !segment.is_empty());
    let segment = |segment: &str| match segment {
        "*" => ShapeSegment::Any,
        literal => ShapeSegment::Literal(literal.to_owned()),
    };
    segments.map(segment).collect()
}

fn key() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", ""]), 1..4)
        .prop_map(|path| path.join("/"))
}

fn key_write() -> impl Strategy<Value = KeyWrite> {
    (key(), prop::option::weighted(0.7, 0..20_usize))
}

fn step() -> impl Strategy<Value = Step> {
    let shapes = (0..SHAPES.len()).collect::<Vec<_>>();
    prop_oneof![
        8 => prop::collection::vec(key_write(), 1..4).prop_map(Step::HandOver),
        1 => (key(), 0..20_usize).prop_map(|(key, length)| Step::HandOverUnnamed(key, length)),
        6 => Just(Step::Deliver),
        2 => Just(Step::Fail),
        2 => key_write().prop_map(Step::External),
        1 => prop::sample::subsequence(shapes, 0..5).prop_map(Step::Count),
    ]
}

/// A change on its way.
struct OnItsWay {
    writes: Vec<(Vec<u8>, Option<usize>)>,
    before: Vec<Option<usize>>,
    reservation: Option<LedgerReservation>,
}

struct Model {
    ledger: Arc<QuotaLedger>,
    delivered: Arc<Delivered>,
    order: ReservedOrder,
    /// Whether what a change does is summed up before.
    sums_before: bool,
    on_its_way: VecDeque<OnItsWay>,
    shapes: Vec<usize>,
    named: u64,
}

fn shapes_of(numbers: &[usize]) -> PathShapes {
    PathShapes::of(numbers.iter().map(|number| shape(SHAPES[*number])))
}

/// Whether a key is beneath a path, and the path has one of the forms.
fn is_beneath(key: &[u8], path: &str) -> bool {
    let rest = key.strip_prefix(path.as_bytes());
    rest.is_some_and(|rest| path.is_empty() || rest.is_empty() || rest[0] == b'/')
}

fn usage(key: &[u8], length: usize) -> Usage {
    Usage {
        keys: 1,
        bytes: i64::try_from(key.len() + length).unwrap(),
    }
}

impl Model {
    fn new(order: ReservedOrder, sums_before: bool) -> Self {
        let (ledger, delivered) = (Arc::<QuotaLedger>::default(), Arc::<Delivered>::default());
        let source: Weak<Delivered> = Arc::downgrade(&delivered);
        ledger.begin(source);
        let mut own = Self {
            ledger,
            delivered,
            order,
            sums_before,
            on_its_way: VecDeque::new(),
            shapes: Vec::new(),
            named: 0,
        };
        own.step(&Step::Count((0..SHAPES.len()).collect()));
        own
    }

    /// What a decision rests on.
    fn seen(&self) -> Entries {
        let mut seen = self.delivered.0.lock().1.clone();
        if self.order == ReservedOrder::Accepted {
            for change in &self.on_its_way {
                for (key, length) in &change.writes {
                    match length {
                        Some(length) => drop(seen.insert(key.clone(), *length)),
                        None => drop(seen.remove(key)),
                    }
                }
            }
        }
        seen
    }

    /// Where outcomes are uncertain, what is on its way is locked.
    fn is_locked(&self, key: &[u8]) -> bool {
        self.order == ReservedOrder::Uncertain
            && self
                .on_its_way
                .iter()
                .any(|change| change.writes.iter().any(|(own, _)| own == key))
    }

    fn hand_over(&mut self, changes: &[(Target, Vec<u8>, Option<usize>)]) {
        let seen = self.seen();
        let before: Vec<_> = changes
            .iter()
            .map(|(_, key, _)| seen.get(key).copied())
            .collect();
        let writes: Vec<_> = changes
            .iter()
            .zip(&before)
            .map(|((target, _, length), before)| Write {
                target: target.clone(),
                before: before.map(entry),
                put: length.map(|length| entry(length).record.clone()),
            })
            .collect();
        let judge = |_: &[u8], _, _: Option<&Key>| Ok::<_, Infallible>(());
        let summed = self.sums_before.then(|| self.ledger.sum_writes(&writes));
        let writes_and_sum = (&writes[..], summed.as_ref());
        let Ok(reservation) = self.ledger.reserve(writes_and_sum, self.order, judge);
        self.on_its_way.push_back(OnItsWay {
            writes: changes
                .iter()
                .map(|(_, key, length)| (key.clone(), *length))
                .collect(),
            before,
            reservation,
        });
    }

    fn deliver(&self, writes: &[(Vec<u8>, Option<usize>)]) {
        let (revision, entries) = &mut *self.delivered.0.lock();
        *revision += 1;
        let changes = writes.iter().map(|(key, length)| {
            let before = match length {
                Some(length) => entries.insert(key.clone(), *length),
                None => entries.remove(key),
            };
            Change {
                key: Key::user(key),
                now: length.map(entry),
                before: before.map(entry),
            }
        });
        let commit = Commit {
            revision: *revision,
            cause: Cause::Set,
            subject: None,
            changes: changes.collect(),
        };
        let summed = self.sums_before.then(|| self.ledger.sum_commit(&commit));
        self.ledger.follow(&[Arc::new(commit)], summed.as_ref());
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::HandOver(writes) => {
                let mut changes: Vec<(Target, Vec<u8>, Option<usize>)> = Vec::new();
                for (key, length) in writes {
                    let bytes = key.as_bytes().to_vec();
                    let is_new = changes.iter().all(|(_, own, _)| *own != bytes);
                    if is_new && !self.is_locked(&bytes) {
                        changes.push((Target::Key(Key::user(key)), bytes, *length));
                    }
                }
                self.hand_over(&changes);
            }
            Step::HandOverUnnamed(parent, length) => {
                let parent = format!("{parent}/");
                self.named += 1;
                let key = format!("{parent}{:020}", self.named).into_bytes();
                let target = Target::InOrder(Key::user(parent));
                self.hand_over(&[(target, key, Some(*length))]);
            }
            Step::Deliver => {
                if let Some(change) = self.on_its_way.pop_front() {
                    self.deliver(&change.writes);
                    // The reservation is dropped later, and changes nothing then.
                    self.check();
                    drop(change.reservation);
                }
            }
            Step::Fail if self.order == ReservedOrder::Accepted => self.on_its_way.clear(),
            Step::Fail => drop(self.on_its_way.pop_back()),
            Step::External((key, length)) => {
                let key = key.as_bytes().to_vec();
                if self.order == ReservedOrder::Uncertain && !self.is_locked(&key) {
                    self.deliver(&[(key, *length)]);
                }
            }
            // What is on its way when other paths are counted may be taken for something else until it is delivered.
            Step::Count(_) if !self.on_its_way.is_empty() => {}
            Step::Count(shapes) => {
                let counted = shapes_of(shapes);
                self.ledger.count_also(&counted);
                self.ledger.count_only(&counted);
                self.shapes.clone_from(shapes);
            }
        }
        self.check();
    }

    fn check(&self) {
        let delivered = self.delivered.0.lock().1.clone();
        let mut keys: Vec<_> = delivered.keys().cloned().collect();
        for change in &self.on_its_way {
            keys.extend(change.writes.iter().map(|(key, _)| key.clone()));
        }
        for (path, is_counted) in paths(&self.shapes) {
            let beneath = delivered.iter().filter(|(key, _)| is_beneath(key, &path));
            let there = beneath.fold(Usage::default(), |sum, (key, length)| {
                sum.plus(usage(key, *length))
            });
            let expected = if is_counted { there } else { Usage::default() };
            assert_eq!(self.ledger.delivered(path.as_bytes()), expected, "'{path}'");
            if is_counted {
                assert_eq!(
                    self.ledger.reserved(path.as_bytes()),
                    self.reserved(&path),
                    "'{path}'"
                );
            }
        }
    }

    fn reserved(&self, path: &str) -> Usage {
        self.on_its_way
            .iter()
            .fold(Usage::default(), |sum, change| {
                let writes = change.writes.iter().zip(&change.before);
                let own = writes.filter(|((key, _), _)| is_beneath(key, path));
                let added = own.fold(Usage::default(), |sum, ((key, length), before)| {
                    let weight = |length: &Option<usize>| {
                        length.map_or_else(Usage::default, |length| usage(key, length))
                    };
                    sum.plus(weight(length).minus(weight(before)))
                });
                sum.plus(match self.order {
                    ReservedOrder::Accepted => added,
                    ReservedOrder::Uncertain => added.added(),
                })
            })
    }
}

/// Some paths, and whether each is counted.
fn paths(shapes: &[usize]) -> Vec<(String, bool)> {
    let texts: Vec<&str> = shapes.iter().map(|number| SHAPES[*number]).collect();
    let is_counted = |path: &str| {
        let mut segments = path.split('/');
        let fits = |shape: &&str| {
            let own: Vec<&str> = shape.split('/').collect();
            let given: Vec<&str> = path.split('/').collect();
            own.len() == given.len()
                && own
                    .iter()
                    .zip(&given)
                    .all(|(own, given)| *own == "*" || own == given)
        };
        segments.all(|segment| !segment.is_empty() || path.is_empty()) && texts.iter().any(fits)
    };
    ["", "a", "b", "a/a", "a/b", "b/b", "b/a", "a/b/a"]
        .into_iter()
        .map(|path| {
            // The shape "*" is no form of the empty path.
            let counted = if path.is_empty() {
                texts.contains(&"")
            } else {
                is_counted(path)
            };
            (path.to_owned(), counted)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_is_exact_whatever_comes_true(
        in_order in any::<bool>(),
        sums_before in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let order = if in_order { ReservedOrder::Accepted } else { ReservedOrder::Uncertain };
        let mut model = Model::new(order, sums_before);
        for step in &steps {
            model.step(step);
        }
        model.on_its_way.clear();
        model.check();
        prop_assert!(model.ledger.is_settled());
    }
}
