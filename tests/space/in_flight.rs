//! Commits in flight: they delay conflicting changes, and nothing else.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, Commit, Key, Proposal};
use kubekv::space::{Keyspace, Lookup};
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, oneshot};

use super::{get, keeping_put, put};

/// A store whose commits wait until they are released.
#[derive(Debug, Default)]
struct SlowStore {
    memory: MemoryStore,
    waiting: Mutex<VecDeque<oneshot::Sender<()>>>,
    arrived: Notify,
}

impl SlowStore {
    async fn waiting(&self, count: usize) {
        while self.waiting.lock().len() < count {
            self.arrived.notified().await;
        }
    }

    fn release(&self) {
        let first = self.waiting.lock().pop_front().unwrap();
        first.send(()).unwrap();
    }
}

impl Store for SlowStore {
    fn limits(&self) -> Limits {
        self.memory.limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.memory.open(sink)
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move {
            if proposal.writes.is_empty() {
                // The keyspace's own first commit.
                return self.memory.commit(proposal).await;
            }
            let (go, gone) = oneshot::channel();
            self.waiting.lock().push_back(go);
            self.arrived.notify_one();
            gone.await.unwrap();
            self.memory.commit(proposal).await
        })
    }

    fn trim(&self, keep: RetentionFloors) {
        self.memory.trim(keep);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.memory.close()
    }
}

async fn slow() -> (Arc<SlowStore>, Keyspace) {
    let store = Arc::new(SlowStore::default());
    let admit = Arc::new(Bounds::new(store.limits()));
    let shared: Arc<dyn Store> = Arc::<SlowStore>::clone(&store);
    let (space, _expiry) = Keyspace::open(shared, admit, &mut Registry::default())
        .await
        .unwrap();
    (store, space)
}

fn spawn_put(
    space: &Keyspace,
    key: &'static str,
    value: &'static str,
) -> tokio::task::JoinHandle<u64> {
    let space = space.clone();
    tokio::spawn(async move { put(&space, key, value).await })
}

#[tokio::test]
async fn independent_writes_run_concurrently() {
    let (store, space) = slow().await;
    let writes = [
        spawn_put(&space, "a", "1"),
        spawn_put(&space, "b", "1"),
        spawn_put(&space, "c", "1"),
    ];
    store.waiting(3).await;
    for write in writes {
        store.release();
        write.await.unwrap();
    }
}

#[tokio::test]
async fn conflicting_write_waits_and_sees_the_first() {
    let (store, space) = slow().await;
    let first = spawn_put(&space, "a", "1");
    store.waiting(1).await;
    let reads_first = {
        let space = space.clone();
        tokio::spawn(async move {
            let key = Key::user("a");
            let decide = |draft: &mut kubekv::space::Draft<'_>| {
                let seen = draft.get(&key).map(|entry| entry.value().clone());
                let mut record = draft.successor(&key);
                record.value = "2".into();
                draft.put(&key, record);
                Ok::<_, Infallible>(seen)
            };
            space.commit(&Caller::System, decide).await.unwrap().reply
        })
    };
    // An unrelated write overtakes both: the second one has not reached the store.
    let other = spawn_put(&space, "b", "1");
    store.waiting(2).await;
    store.release();
    first.await.unwrap();
    store.waiting(2).await;
    store.release();
    other.await.unwrap();
    store.release();
    assert_eq!(reads_first.await.unwrap().as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn uncommitted_write_is_not_visible() {
    let (store, space) = slow().await;
    let write = spawn_put(&space, "a", "1");
    store.waiting(1).await;
    assert_eq!(get(&space, "a"), None);
    store.release();
    write.await.unwrap();
    assert_eq!(get(&space, "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn disconnected_clients_write_completes_and_blocks_nobody() {
    let (store, space) = slow().await;
    let first = spawn_put(&space, "a", "1");
    store.waiting(1).await;
    let queued = spawn_put(&space, "a", "lost");
    tokio::task::yield_now().await;
    let last = spawn_put(&space, "a", "3");
    tokio::task::yield_now().await;
    first.abort();
    queued.abort();
    assert!(first.await.is_err() && queued.await.is_err());
    store.release();
    store.waiting(1).await;
    assert_eq!(
        get(&space, "a").as_deref(),
        Some("1"),
        "it was on its way: it happened"
    );
    store.release();
    last.await.unwrap();
    assert_eq!(
        get(&space, "a").as_deref(),
        Some("3"),
        "what waited for its turn never was"
    );
}

#[tokio::test]
async fn what_a_locked_change_keeps_is_kept_until_its_outcome_is_known() {
    let (store, space) = slow().await;
    let kept = Arc::new(());
    let write = keeping_put(&space, 1, &kept);
    store.waiting(1).await;
    write.abort();
    assert!(write.await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&kept), 2, "it is on its way");
    store.release();
    while Arc::strong_count(&kept) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&space, "0").as_deref(), Some("v"));
}
