//! A store that never answers, or cannot write.

use std::sync::Arc;
use std::time::Duration;

use kubekv::guard::Bounds;
use kubekv::model::{Commit, Proposal};
use kubekv::space::Keyspace;
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use prometheus_client::registry::Registry;

use super::inside::Inside;

/// A store in memory that answers every client's write with this error, or never.
#[derive(Debug)]
struct Stuck {
    inner: MemoryStore,
    answer: Option<CommitError>,
}

impl Store for Stuck {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn open(&self, feed: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.inner.open(feed)
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        // The keyspace's own first revision.
        if proposal.writes.is_empty() {
            return self.inner.commit(proposal);
        }
        match self.answer.clone() {
            Some(error) => Box::pin(async { Err(error) }),
            None => Box::pin(std::future::pending()),
        }
    }

    fn trim(&self, keep: RetentionFloors) {
        self.inner.trim(keep);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

async fn face(answer: Option<CommitError>) -> Inside {
    let store = Arc::new(Stuck {
        inner: MemoryStore::new(),
        answer,
    });
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    Inside::over(opened.unwrap().0)
}

#[tokio::test(start_paused = true)]
async fn every_request_is_answered_before_dockers_client_gives_up() {
    let face = face(None).await;
    for line in [
        "PUT /a value=1",
        "PUT /a?prevExist=false value=1",
        "POST /q value=1",
    ] {
        let before = tokio::time::Instant::now();
        let (status, body) = face.status_and_body(line).await;
        assert!(before.elapsed() < Duration::from_secs(3), "{line}");
        // Never a refusal: the outcome is not known yet.
        assert_eq!((status, &body["errorCode"]), (500, &300.into()), "{line}");
    }
    assert_eq!(face.status_and_body("GET /a").await.0, 404);
}

#[tokio::test]
async fn a_store_that_cannot_write_reports_the_cause_and_still_serves_reads() {
    for error in [
        CommitError::Full("the disk is full".to_owned()),
        CommitError::Unavailable("closing".to_owned()),
        CommitError::Unknown("the connection broke".to_owned()),
    ] {
        let why = error.to_string();
        let face = face(Some(error)).await;
        let (status, body) = face.status_and_body("PUT /a value=1").await;
        assert_eq!((status, &body["errorCode"]), (500, &300.into()));
        assert!(body["cause"].as_str().unwrap().contains(&why), "{body}");
        assert_eq!(face.status_and_body("GET /a").await.0, 404);
    }
}
