//! Helpers of the store tests: a recording commit sink, proposals, stores in real directories.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kubekv::model::{
    AccessEntry, AccessList, Attrs, Cause, Commit, Entry, Key, LeaseId, Proposal, Record, Target,
    Write,
};
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use kubekv::store::{CommitError, CommitSink, Store, StoreContents, StoreError};
use parking_lot::Mutex;

/// A commit sink that records every delivery.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    delivered: Mutex<Vec<Arc<Commit>>>,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn delivered(&self) -> Vec<Arc<Commit>> {
        self.delivered.lock().clone()
    }
}

impl CommitSink for Recorder {
    fn deliver(&self, commits: Vec<Arc<Commit>>) {
        self.delivered.lock().extend(commits);
    }
}

/// A record that uses every kind of attribute.
pub(crate) fn record(value: impl Into<Bytes>) -> Record {
    let mut attrs = Attrs {
        flags: u64::MAX,
        lock: Some(LeaseId(7)),
        ctime_ms: 1_700_000_000_000,
        mtime_ms: 1_700_000_000_001,
        other: std::iter::once(("acl".to_owned(), serde_json::json!([{"perms": 31}]))).collect(),
        ..Attrs::default()
    };
    attrs.import_versions(3, 4);
    attrs.set_container(true);
    attrs.set_childless_ttl_ms(Some(60_000));
    attrs.set_access(AccessList::from(vec![AccessEntry {
        perms: 31,
        scheme: "digest".to_owned(),
        id: "u:\u{e9}\"".to_owned(),
    }]));
    let value = value.into();
    Record { value, attrs }
}

/// As a client of ZooKeeper sets the access list of an entry, whose data is null.
pub(crate) fn closed(before: &Entry) -> Record {
    let mut null = before.clone();
    null.record.set_data(None);
    Record::with_access(&null, AccessList::open())
}

pub(crate) fn write(key: &Key, before: Option<&Arc<Entry>>, value: Option<&str>) -> Write {
    Write {
        target: Target::Key(key.clone()),
        before: before.cloned(),
        put: value.map(|value| record(value.to_owned())),
    }
}

pub(crate) fn proposal(writes: Vec<Write>) -> Proposal {
    Proposal {
        cause: Cause::Set,
        subject: None,
        writes,
    }
}

/// Writes one key, whatever the value.
pub(crate) async fn put(
    store: &dyn Store,
    key: &Key,
    before: Option<&Arc<Entry>>,
    value: &str,
) -> Result<Arc<Commit>, CommitError> {
    commit(store, vec![write(key, before, Some(value))]).await
}

pub(crate) async fn delete(
    store: &dyn Store,
    key: &Key,
    before: &Arc<Entry>,
) -> Result<Arc<Commit>, CommitError> {
    commit(store, vec![write(key, Some(before), None)]).await
}

/// Makes writes together. On a shared store a slow answer begins a new term, which refuses what is on its way; writes that
/// were refused are sent again, as the keyspace would after deciding again, and a second refusal is their own.
pub(crate) async fn commit(
    store: &dyn Store,
    writes: Vec<Write>,
) -> Result<Arc<Commit>, CommitError> {
    match store.commit(proposal(writes.clone())).await {
        Err(CommitError::Conflict) if store.derives_directories() => {
            store.commit(proposal(writes)).await
        }
        outcome => outcome,
    }
}

/// The entry a commit gave the key.
pub(crate) fn entry(commit: &Commit, key: &Key) -> Arc<Entry> {
    Arc::clone(commit.entry(key).unwrap())
}

/// Options under which a fatal error fails the test.
pub(crate) fn never() -> OnFatal {
    Arc::new(|why| panic!("the store failed: {why}"))
}

pub(crate) fn embedded(path: &Path) -> EmbeddedStore {
    EmbeddedStore::new(EmbeddedOptions::new(path, never()))
}

/// Opens the store in a directory.
pub(crate) async fn open(path: &Path) -> Result<(EmbeddedStore, StoreContents), StoreError> {
    let store = embedded(path);
    let opened = store.open(Recorder::new()).await?;
    Ok((store, opened))
}

/// Opens the store in a directory, reads what it holds, and closes it.
pub(crate) async fn look(path: &Path) -> Result<StoreContents, StoreError> {
    let (store, opened) = open(path).await?;
    store.close().await;
    Ok(opened)
}

/// The entries, in the order of keys.
pub(crate) fn sorted(opened: &StoreContents) -> Vec<(Key, Arc<Entry>)> {
    let mut entries = opened.entries.clone();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    entries
}
