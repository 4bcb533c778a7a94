//! Commits that share transactions, as followers reconstruct them from etcd's watch and from a full list.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use etcd_client::proto::{PbCompare, PbTargetUnion, PbTxnOpRequest, PbTxnRequest, PbTxnRequestOp};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::join;
use super::transaction::Transaction;
use super::waiting_commits::WaitingCommit;
use crate::model::{Cause, Commit, Entry, Key, Proposal, Record, Target, Write};
use crate::store::etcd::cache::apply::KeyEvent;
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::connection::access::Access;
use crate::store::etcd::connection::pool::ConnectionPool;
use crate::store::etcd::encoding::entry::{StoredValue, in_order_key};
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::leader;
use crate::store::etcd::encoding::numbering::NumberingRecord;
use crate::store::etcd::encoding::records::{TermRecord, to_json};
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::Metrics;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::LogEvent;
use crate::store::shared::write_ids::WriteId;

const KEYS: [&str; 8] = ["a", "b", "c", "d/e", "d/f", ".kubekv/x", "g", "h"];

/// What etcd calls `--max-txn-ops`.
const MAX_TXN_OPS: usize = 128;

/// An etcd that takes transactions.
#[derive(Default)]
struct Etcd {
    revision: u64,
    stored: BTreeMap<Vec<u8>, StoredValue>,
}

/// The keys that one transaction changed.
type Changed = Vec<(Vec<u8>, Option<StoredValue>)>;

impl Etcd {
    fn holds(&self, compare: &PbCompare) -> bool {
        assert!(
            compare.range_end.is_empty() && compare.result == 0,
            "{compare:?}"
        );
        let stored = self.stored.get(&compare.key);
        let number = |number: &i64| u64::try_from(*number).unwrap();
        match compare.target_union.as_ref().unwrap() {
            PbTargetUnion::ModRevision(at) => {
                stored.map_or(0, |value| value.modified) == number(at)
            }
            PbTargetUnion::CreateRevision(at) => {
                stored.map_or(0, |value| value.created) == number(at)
            }
            other @ (PbTargetUnion::Version(_)
            | PbTargetUnion::Value(_)
            | PbTargetUnion::Lease(_)) => panic!("{other:?}"),
        }
    }

    /// Does what a transaction says: which of its operations were nested ones that succeeded, and what changed.
    fn apply(&mut self, txn: PbTxnRequest) -> (Option<Vec<bool>>, Changed) {
        check_lists(&txn, MAX_TXN_OPS);
        check_keys(&txn);
        if !txn.compare.iter().all(|compare| self.holds(compare)) {
            return (None, Vec::new());
        }
        // etcd evaluates all compares before it writes anything.
        let nested = txn
            .success
            .iter()
            .map(|operation| match operation.request.as_ref() {
                Some(PbTxnOpRequest::RequestTxn(nested)) => {
                    nested.compare.iter().all(|compare| self.holds(compare))
                }
                _ => true,
            });
        let nested: Vec<_> = nested.collect();
        let mut changed = Vec::new();
        for (operation, is_taken) in txn.success.into_iter().zip(&nested) {
            match operation.request.unwrap() {
                PbTxnOpRequest::RequestTxn(nested) if *is_taken => {
                    for operation in nested.success {
                        self.operate(operation, &mut changed);
                    }
                }
                PbTxnOpRequest::RequestTxn(_) => {}
                request @ (PbTxnOpRequest::RequestRange(_)
                | PbTxnOpRequest::RequestPut(_)
                | PbTxnOpRequest::RequestDeleteRange(_)) => self.operate(
                    PbTxnRequestOp {
                        request: Some(request),
                    },
                    &mut changed,
                ),
            }
        }
        self.revision += u64::from(!changed.is_empty());
        (Some(nested), changed)
    }

    fn operate(&mut self, operation: PbTxnRequestOp, changed: &mut Changed) {
        let modified = self.revision + 1;
        match operation.request.unwrap() {
            PbTxnOpRequest::RequestPut(put) => {
                let was = self.stored.get(&put.key);
                let bytes = if put.ignore_value {
                    was.unwrap().bytes.clone()
                } else {
                    Bytes::from(put.value)
                };
                let value = StoredValue {
                    bytes,
                    version: was.map_or(1, |was| was.version + 1),
                    created: was.map_or(modified, |was| was.created),
                    modified,
                };
                self.stored.insert(put.key.clone(), value.clone());
                changed.push((put.key, Some(value)));
            }
            PbTxnOpRequest::RequestDeleteRange(delete) => {
                assert!(delete.range_end.is_empty());
                if self.stored.remove(&delete.key).is_some() {
                    changed.push((delete.key, None));
                }
            }
            other @ (PbTxnOpRequest::RequestRange(_) | PbTxnOpRequest::RequestTxn(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

/// As etcd refuses longer ones.
fn check_lists(txn: &PbTxnRequest, most: usize) {
    let longest = txn.compare.len().max(txn.success.len());
    assert!(longest <= most, "{longest} of {most}");
    for operation in &txn.success {
        if let Some(PbTxnOpRequest::RequestTxn(nested)) = &operation.request {
            check_lists(nested, most - longest);
        }
    }
}

/// As etcd refuses transactions that put a key twice, or put and delete it.
fn check_keys(txn: &PbTxnRequest) {
    let mut seen = HashSet::new();
    for operation in &txn.success {
        let all = match operation.request.as_ref().unwrap() {
            PbTxnOpRequest::RequestTxn(nested) => nested.success.as_slice(),
            PbTxnOpRequest::RequestRange(_)
            | PbTxnOpRequest::RequestPut(_)
            | PbTxnOpRequest::RequestDeleteRange(_) => std::slice::from_ref(operation),
        };
        for operation in all {
            let key = match operation.request.as_ref().unwrap() {
                PbTxnOpRequest::RequestPut(put) => &put.key,
                PbTxnOpRequest::RequestDeleteRange(delete) => &delete.key,
                other @ (PbTxnOpRequest::RequestRange(_) | PbTxnOpRequest::RequestTxn(_)) => {
                    panic!("{other:?}")
                }
            };
            assert!(seen.insert(key), "twice: {}", key.escape_ascii());
        }
    }
}

/// A leader, and what it sees of its store.
struct Leader {
    etcd: Etcd,
    prefix: Prefix,
    entries: BTreeMap<Key, Arc<Entry>>,
    last_index: u64,
    sequence: u64,
}

impl Leader {
    /// Leads since revision 7 of an etcd whose indexes have an offset of 1,000.
    fn new() -> Self {
        let pool = ConnectionPool::new(Vec::new(), Access::default(), Metrics::default()).unwrap();
        let mut leader = Self {
            etcd: Etcd::default(),
            prefix: Prefix::new(pool, Layout::new("p")),
            entries: BTreeMap::new(),
            last_index: 0,
            sequence: 0,
        };
        leader.etcd.revision = 6;
        leader.fence(1);
        leader
    }

    /// Takes leadership in a term.
    fn fence(&mut self, term: u64) {
        let cache = self.prefix.cache.lock();
        let last = cache.leader_record().cloned().unwrap_or(LeaderRecord {
            offset: 1_000,
            ..LeaderRecord::default()
        });
        let shown = cache.index();
        drop(cache);
        let record = LeaderRecord { term, ..last };
        let mut fence = Transaction::default();
        let layout = &self.prefix.layout;
        let indexes = NumberingRecord::of(&record);
        fence.put(layout.leader(), leader::write(&record, shown).unwrap());
        fence.put(
            layout.term(),
            to_json(&TermRecord { term, indexes }).unwrap(),
        );
        self.transact(fence);
        self.relist();
    }

    /// Begins with a full list, as after a lost watch.
    fn relist(&mut self) {
        let (listed, contents) = self.list();
        *self.prefix.cache.lock() = listed;
        self.entries = contents;
    }

    fn list(&self) -> (KeyCache, BTreeMap<Key, Arc<Entry>>) {
        let stored = self.etcd.stored.iter();
        let layout = &self.prefix.layout;
        let keys = stored.map(|(key, value)| (layout.decode(key).unwrap(), value.clone()));
        let (cache, contents) = KeyCache::from_list(1, self.etcd.revision, keys.collect());
        assert_eq!(contents.revision, cache.index());
        (cache, contents.entries.into_iter().collect())
    }

    /// Sends a transaction; what etcd's watch then shows, in its order.
    fn transact(&mut self, transaction: Transaction) -> (Option<Vec<bool>>, Vec<LogEvent>) {
        let (taken, changed) = self.etcd.apply(transaction.into_txn().into());
        if changed.is_empty() {
            return (taken, Vec::new());
        }
        let layout = &self.prefix.layout;
        let events = changed.into_iter().map(|(key, put)| KeyEvent {
            key: layout.decode(&key).unwrap(),
            put,
        });
        let events = events.collect();
        let events = self.prefix.cache.lock().apply(self.etcd.revision, events);
        for event in &events {
            let LogEvent::Commit { commit, .. } = event else {
                continue;
            };
            assert!(commit.revision > self.last_index, "an index fell");
            self.last_index = commit.revision;
            for change in &commit.changes {
                match &change.now {
                    Some(entry) => {
                        assert_eq!(entry.index(), commit.revision);
                        self.entries.insert(change.key.clone(), Arc::clone(entry))
                    }
                    None => self.entries.remove(&change.key),
                };
            }
        }
        (taken, events)
    }

    fn write_by_hand(&mut self, random: &mut fastrand::Rng) {
        let key = Key::user(KEYS[random.usize(..KEYS.len())]);
        let mut transaction = Transaction::default();
        if random.bool() {
            transaction.put(self.prefix.layout.value(&key), "by hand");
        } else {
            transaction.delete(self.prefix.layout.value(&key));
        }
        self.transact(transaction);
    }

    /// Some commits of different keys, each decided on what the leader sees.
    fn commits(&mut self, random: &mut fastrand::Rng) -> Vec<WaitingCommit> {
        let mut keys: Vec<_> = KEYS.iter().map(|key| Key::user(*key)).collect();
        keys.extend((0..4).map(|n| Key::system(format!("lease/{n}"))));
        random.shuffle(&mut keys);
        let mut commits = Vec::new();
        while !keys.is_empty() {
            let mut writes = Vec::new();
            for key in keys.split_off(keys.len().saturating_sub(random.usize(1..=3))) {
                writes.push(self.write(key, random));
            }
            if random.u8(..5) == 0 {
                writes.insert(0, put(Target::InOrder(Key::user("q/")), None, random));
            }
            self.sequence += 1;
            let causes = [
                Cause::Set,
                Cause::Create,
                Cause::CompareAndSwap,
                Cause::Expire,
            ];
            commits.push(WaitingCommit {
                write_id: WriteId {
                    term: 1,
                    sequence: self.sequence,
                },
                proposal: Arc::new(Proposal {
                    cause: causes[random.usize(..causes.len())],
                    subject: random.bool().then(|| Key::user("d")),
                    writes,
                }),
                since: Instant::now(),
                is_alone: false,
                answer: oneshot::channel().0,
            });
        }
        commits.truncate(random.usize(2..=8));
        commits
    }

    fn write(&self, key: Key, random: &mut fastrand::Rng) -> Write {
        let before = self.entries.get(&key).cloned();
        if before.is_some() && random.bool() {
            return Write {
                target: Target::Key(key),
                before,
                put: None,
            };
        }
        put(Target::Key(key), before, random)
    }
}

fn put(target: Target, before: Option<Arc<Entry>>, random: &mut fastrand::Rng) -> Write {
    let mut record = Record {
        value: Bytes::from(random.u8(..3).to_string()),
        ..Record::default()
    };
    record.attrs.flags = random.u64(..);
    Write {
        target,
        before,
        put: Some(record),
    }
}

/// The keys that a commit changes, and the values they get.
fn changes_of(proposal: &Proposal, index: u64) -> Vec<(Key, Option<Bytes>)> {
    let writes = proposal.writes.iter().map(|write| {
        let key = match &write.target {
            Target::Key(key) => key.clone(),
            Target::InOrder(parent) => in_order_key(parent.as_bytes(), index),
        };
        (key, write.put.as_ref().map(|put| put.value.clone()))
    });
    writes.collect()
}

fn changes(commit: &Commit) -> Vec<(Key, Option<Bytes>)> {
    let changes = commit.changes.iter();
    let changes = changes.map(|change| {
        let now = change.now.as_ref();
        (change.key.clone(), now.map(|entry| entry.value().clone()))
    });
    changes.collect()
}

#[tokio::test]
async fn follower_reconstructs_each_commit_of_a_transaction_in_its_order() {
    let (mut refused, mut shared) = (0, 0);
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut leader = Leader::new();
        for _ in 0..12 {
            let commits = leader.commits(&mut random);
            let sent: Vec<_> = commits
                .iter()
                .map(|commit| (commit.write_id, Arc::clone(&commit.proposal)))
                .collect();
            let batch = join(&leader.prefix, commits).0.unwrap();
            // What was decided on an entry that has changed is refused, and nothing else.
            if random.u8(..4) == 0 {
                leader.write_by_hand(&mut random);
            }
            let (taken, events) = leader.transact(batch.into_transaction());
            let taken = taken.unwrap();
            assert_eq!(taken.len(), sent.len());
            let mut events = events.into_iter();
            for (place, ((write_id, proposal), is_taken)) in sent.iter().zip(&taken).enumerate() {
                refused += usize::from(!is_taken);
                if !is_taken {
                    continue;
                }
                let Some(LogEvent::Commit {
                    commit,
                    write_id: shown,
                }) = events.next()
                else {
                    panic!("seed {seed}: no commit at {place}");
                };
                shared += 1;
                let place = u8::try_from(place).unwrap();
                let cache = leader.prefix.cache.lock();
                let index = cache.numbering.index(cache.revision, place);
                assert_eq!(
                    (shown, commit.revision),
                    (Some(*write_id), index),
                    "seed {seed}"
                );
                assert_eq!(
                    (commit.cause, &commit.subject),
                    (proposal.cause, &proposal.subject)
                );
                assert_eq!(changes(&commit), changes_of(proposal, index), "seed {seed}");
            }
            assert!(events.next().is_none(), "seed {seed}");
            let (_, listed) = leader.list();
            assert_eq!(listed, leader.entries, "seed {seed}");
            if random.u8(..6) == 0 {
                leader.relist();
            }
        }
    }
    assert!(refused > 100 && shared > 5_000, "{refused} and {shared}");
}

#[tokio::test]
async fn transaction_of_a_deposed_leader_does_nothing() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut leader = Leader::new();
    let commits = leader.commits(&mut random);
    let late = join(&leader.prefix, commits).0.unwrap();
    leader.fence(2);
    let before = leader.etcd.stored.clone().into_keys().collect::<Vec<_>>();
    let (taken, events) = leader.transact(late.into_transaction());
    assert!(taken.is_none() && events.is_empty());
    assert_eq!(leader.etcd.stored.into_keys().collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn indexes_go_on_from_those_before_the_switch_and_over_a_fence() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut leader = Leader::new();
    let numbering = leader.prefix.cache.lock().numbering;
    assert_eq!(
        (numbering.switch(), numbering.index(7, 0)),
        (Some(7), 1_007)
    );
    for term in 1..5 {
        let mut commits = leader.commits(&mut random);
        for commit in &mut commits {
            commit.write_id.term = term;
        }
        let batch = join(&leader.prefix, commits).0.unwrap();
        leader.transact(batch.into_transaction());
        leader.fence(term + 1);
        assert_eq!(leader.prefix.cache.lock().numbering, numbering);
    }
}
