//! Log store: keeps entries alone from one opening to the next, as a shared store does, and takes commits in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubekv::guard::Bounds;
use kubekv::model::{Change, Commit, Entry, Key, Proposal, Revision, Target};
use kubekv::space::Keyspace;
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

/// A store in memory that outlives its keyspaces, without history and checkpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogStore(Arc<Log>);

#[derive(Debug, Default)]
struct Log {
    state: Mutex<State>,
    sent: AtomicUsize,
    /// How the next proposal is answered, which is not made.
    failure: Mutex<Option<CommitError>>,
}

#[derive(Default)]
struct State {
    sink: Option<Arc<dyn CommitSink>>,
    revision: u64,
    entries: BTreeMap<Key, Arc<Entry>>,
    /// When each entry was written, or aged.
    written: BTreeMap<Key, Instant>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl LogStore {
    /// A keyspace over what it has; those before get nothing more.
    pub(crate) async fn open(&self) -> Keyspace {
        let admit = Arc::new(Bounds::new(self.limits()));
        let store: Arc<dyn Store> = Arc::new(self.clone());
        let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
        opened.unwrap().0
    }

    /// How many proposals were sent to it.
    pub(crate) fn sent(&self) -> usize {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Fails the next proposal.
    pub(crate) fn fail_next(&self, error: CommitError) {
        *self.0.failure.lock() = Some(error);
    }

    /// Sets the deadlines in it to what they were had the wall clock, which cannot be paused, gone on with the paused one.
    pub(crate) fn age(&self) {
        let mut state = self.0.state.lock();
        let State {
            entries, written, ..
        } = &mut *state;
        for (key, entry) in entries {
            let since = written.insert(key.clone(), Instant::now());
            let passed = since.map_or(0, |since| since.elapsed().as_millis());
            let passed = i64::try_from(passed).unwrap();
            let entry = Arc::make_mut(entry);
            if let Some(deadline) = &mut entry.record.attrs.deadline {
                deadline.at_ms -= passed;
            }
            if key.as_str().is_some_and(|key| key.starts_with("deadline/")) {
                let mut record: serde_json::Value = serde_json::from_slice(entry.value()).unwrap();
                record["at_ms"] = (record["at_ms"].as_i64().unwrap() - passed).into();
                entry.record.value = serde_json::to_vec(&record).unwrap().into();
            }
        }
    }

    /// As another client of the store would.
    pub(crate) fn write_externally(&self, key: &Key, record: Option<kubekv::model::Record>) {
        let before = self.0.state.lock().entries.get(key).cloned();
        let write = kubekv::model::Write {
            target: Target::Key(key.clone()),
            before,
            put: record,
        };
        let writes = vec![write];
        let proposal = Proposal {
            writes,
            ..Proposal::default()
        };
        self.0.accept(proposal).unwrap();
    }
}

impl Log {
    fn accept(&self, proposal: Proposal) -> Result<Arc<Commit>, CommitError> {
        let mut state = self.state.lock();
        let revision = state.revision + 1;
        let mut changes = Vec::new();
        for (sub, write) in (0..).zip(proposal.writes) {
            let Target::Key(key) = write.target else {
                panic!("no in-order keys here");
            };
            let there = state.entries.get(&key).map(|entry| entry.modified);
            if there != write.before.as_ref().map(|entry| entry.modified) {
                return Err(CommitError::Conflict);
            }
            let modified = Revision::new(revision, sub);
            let now = write.put.map(|record| Arc::new(Entry { record, modified }));
            let before = write.before;
            changes.push(Change { key, now, before });
        }
        for change in &changes {
            match &change.now {
                Some(entry) => state.entries.insert(change.key.clone(), Arc::clone(entry)),
                None => state.entries.remove(&change.key),
            };
            state.written.insert(change.key.clone(), Instant::now());
        }
        state.revision = revision;
        let commit = Arc::new(Commit {
            revision,
            cause: proposal.cause,
            subject: proposal.subject,
            changes,
        });
        if let Some(sink) = &state.sink {
            sink.deliver(vec![Arc::clone(&commit)]);
        }
        Ok(commit)
    }
}

impl Store for LogStore {
    fn limits(&self) -> Limits {
        MemoryStore::new().limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        let mut state = self.0.state.lock();
        state.sink = Some(sink);
        let entries = state.entries.iter();
        let contents = StoreContents {
            revision: state.revision,
            history_floor: state.revision,
            deletions_floor: state.revision,
            entries: entries
                .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
                .collect(),
            ..StoreContents::default()
        };
        Box::pin(async move { Ok(contents) })
    }

    /// Requests of different lengths overtake each other.
    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        let sent = self.0.sent.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = self.0.failure.lock().take() {
            return Box::pin(async move { Err(error) });
        }
        Box::pin(async move {
            for _ in 0..sent * 7 % 5 {
                tokio::task::yield_now().await;
            }
            self.0.accept(proposal)
        })
    }

    fn derives_directories(&self) -> bool {
        true
    }

    fn trim(&self, _keep: RetentionFloors) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
