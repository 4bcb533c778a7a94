//! A store that never answers, or cannot write.

use std::sync::Arc;
use std::time::Duration;

use kubekv::guard::Bounds;
use kubekv::space::Keyspace;
use kubekv::store::{CommitError, Store};
use prometheus_client::registry::Registry;
use support::stuck_store::{StuckAnswer, StuckStore};

use super::inside::Inside;

/// A keyspace whose store answers writes like this.
pub(super) async fn space(answer: StuckAnswer) -> Keyspace {
    let store = Arc::new(StuckStore::default());
    let admit = Arc::new(Bounds::new(store.limits()));
    let shared: Arc<dyn Store> = Arc::<StuckStore>::clone(&store);
    let opened = Keyspace::open(shared, admit, &mut Registry::default()).await;
    store.answer(answer);
    opened.unwrap().0
}

async fn face(answer: StuckAnswer) -> Inside {
    Inside::over(space(answer).await)
}

#[tokio::test(start_paused = true)]
async fn every_request_is_answered_before_dockers_client_gives_up() {
    let face = face(StuckAnswer::Never).await;
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
        let face = face(StuckAnswer::Error(error)).await;
        let (status, body) = face.status_and_body("PUT /a value=1").await;
        assert_eq!((status, &body["errorCode"]), (500, &300.into()));
        assert!(body["cause"].as_str().unwrap().contains(&why), "{body}");
        assert_eq!(face.status_and_body("GET /a").await.0, 404);
    }
}
