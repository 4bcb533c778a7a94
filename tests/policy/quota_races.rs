//! Races for the last places that a quota has: what is on its way to the store counts, whatever becomes of it.

use std::sync::Arc;

use kubekv::guard::PolicyMode;
use kubekv::model::{Commit, Proposal};
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::gateway::{Gateway, ME};
use super::held_store::{HeldStore, run};
use super::quotas::{USED, quota};

/// A store that judges each change by itself, and writes one for each permit that the test gives.
#[derive(Debug)]
struct GatedStore {
    memory: MemoryStore,
    gate: Arc<Semaphore>,
}

impl Store for GatedStore {
    fn limits(&self) -> Limits {
        self.memory.limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.memory.open(sink)
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move {
            if !proposal.writes.is_empty() {
                match self.gate.acquire().await {
                    Ok(permit) => permit.forget(),
                    Err(_) => return Err(CommitError::Full("no space left".to_owned())),
                }
            }
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

const SENTENCE: &str = "over quota 'few': it allows no more keys";

fn of(keys: u64) -> String {
    quota(&format!("beneath = [\"t\"]\nkeys = {keys}"))
}

/// Sends a request that may have to wait.
fn send(gateway: &Arc<Gateway>, what: &str) -> JoinHandle<(u16, String)> {
    let (gateway, what) = (Arc::clone(gateway), what.to_owned());
    tokio::spawn(async move {
        let answer = gateway.consul(ME, &what, "1").await;
        (answer.status, answer.body)
    })
}

fn made() -> (u16, String) {
    (200, "true".to_owned())
}

fn refused() -> (u16, String) {
    (413, SENTENCE.to_owned())
}

async fn gated(keys: u64) -> (Arc<Gateway>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let store = GatedStore {
        memory: MemoryStore::new(),
        gate: Arc::clone(&gate),
    };
    let gateway = Gateway::over(Arc::new(store), PolicyMode::Enforce, &of(keys)).await;
    (Arc::new(gateway), gate)
}

#[tokio::test]
async fn where_outcomes_are_uncertain_what_is_in_flight_has_its_place() {
    let (gateway, gate) = gated(2).await;
    let first = ["PUT kv/t/a", "PUT kv/t/b"].map(|what| send(&gateway, what));
    run().await;
    // Neither is there, and the third is refused.
    assert_eq!(gateway.metric(USED[0]), Some(0));
    assert_eq!(send(&gateway, "PUT kv/t/c").await.unwrap(), refused());
    // A delete on its way makes no room yet: it may fail.
    gate.add_permits(2);
    for one in first {
        assert_eq!(one.await.unwrap(), made());
    }
    let delete = send(&gateway, "DELETE kv/t/a");
    run().await;
    assert_eq!(send(&gateway, "PUT kv/t/c").await.unwrap(), refused());
    gate.add_permits(1);
    assert_eq!(delete.await.unwrap(), made());
    let put = send(&gateway, "PUT kv/t/c");
    run().await;
    gate.add_permits(1);
    assert_eq!(put.await.unwrap(), made());
    assert_eq!(gateway.metric(USED[0]), Some(2));
}

#[tokio::test]
async fn what_fails_or_whose_client_is_gone_gives_its_place_back_when_that_is_known() {
    let (gateway, gate) = gated(1).await;
    let gone = send(&gateway, "PUT kv/t/a");
    run().await;
    gone.abort();
    run().await;
    assert_eq!(send(&gateway, "PUT kv/t/b").await.unwrap(), refused());
    // The store refuses everything from now on.
    gate.close();
    run().await;
    let failed = send(&gateway, "PUT kv/t/b").await.unwrap();
    assert_eq!(failed.0, 500, "{failed:?}");
}

#[tokio::test]
async fn where_changes_are_accepted_in_order_the_last_place_is_given_once() {
    let store = HeldStore::default();
    let held = Arc::new(store.clone());
    let gateway = Arc::new(Gateway::over(held, PolicyMode::Enforce, &of(2)).await);
    let first = ["PUT kv/t/a", "PUT kv/t/b"].map(|what| send(&gateway, what));
    store.accepted(2).await;
    // Refused for what is not durable: so it waits for that.
    let third = send(&gateway, "PUT kv/t/c");
    store.accepted(3).await;
    assert_eq!(store.held(), (3, 1));
    store.sync();
    for one in first {
        assert_eq!(one.await.unwrap(), made());
    }
    assert_eq!(third.await.unwrap(), refused());
    // A delete that is accepted makes room: what comes after it fails with it.
    let both = ["DELETE kv/t/a", "PUT kv/t/c"].map(|what| send(&gateway, what));
    store.accepted(2).await;
    store.sync();
    for one in both {
        assert_eq!(one.await.unwrap(), made());
    }
    assert_eq!(gateway.metric(USED[0]), Some(2));
}

#[tokio::test]
async fn where_what_was_accepted_fails_its_place_goes_to_who_was_refused_for_it() {
    let store = HeldStore::default();
    let held = Arc::new(store.clone());
    let gateway = Arc::new(Gateway::over(held, PolicyMode::Enforce, &of(1)).await);
    let first = send(&gateway, "PUT kv/t/a");
    store.accepted(1).await;
    // Its client is gone: the change is not.
    first.abort();
    run().await;
    let second = send(&gateway, "PUT kv/t/b");
    store.accepted(2).await;
    store.refuse();
    // It is decided again, without the one that failed.
    store.accepted(1).await;
    assert_eq!(store.held(), (1, 0));
    store.sync();
    assert_eq!(second.await.unwrap(), made());
    assert_eq!(gateway.metric(USED[0]), Some(1));
    let third = send(&gateway, "PUT kv/t/c");
    assert_eq!(third.await.unwrap(), refused());
}
