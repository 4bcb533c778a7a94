//! Renewals on the embedded store: no write, and the full TTL after a restart.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, Deadline, Key, time};
use kubekv::space::{Draft, Keyspace, Lookup};
use kubekv::store::Store;
use prometheus_client::registry::Registry;

const HOST: &str = "docker/nodes/10.0.0.1:2376";
const TTL: Duration = Duration::from_secs(60);

async fn open(directory: &Path) -> Keyspace {
    let store = Arc::new(super::common::embedded(directory));
    let admission = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admission, &mut Registry::default()).await;
    let space = opened.unwrap().0;
    space.renew_under(&["docker/nodes".to_owned()]);
    space
}

async fn beat(space: &Keyspace) -> u64 {
    let put = |draft: &mut Draft<'_>| {
        let key = Key::user(HOST);
        let mut record = draft.successor(&key);
        record.value = "10.0.0.1:2376".into();
        record.attrs.deadline = Some(draft.deadline_in(TTL));
        draft.put(&key, record);
        draft.renews();
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, put).await.unwrap().revision
}

/// The deadline in the entry, and the one that clients are shown.
fn deadlines(space: &Keyspace) -> (Deadline, Deadline) {
    let key = Key::user(HOST);
    let view = space.read(&Caller::System);
    let stored = view.get(&key).unwrap().attrs().deadline.unwrap();
    (stored, space.deadline(&key, stored))
}

#[tokio::test]
async fn renewed_entry_has_its_full_ttl_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let space = open(directory.path()).await;
    let first = beat(&space).await;
    let (stored, shown) = deadlines(&space);
    assert_eq!((stored, stored.is_kept_by_renewals()), (shown, false));
    let told = beat(&space).await;
    assert_eq!(told, first + 1);
    for _ in 0..10 {
        assert_eq!(beat(&space).await, told, "no commit");
    }
    let (stored, shown) = deadlines(&space);
    assert!(stored.is_kept_by_renewals());
    assert!(shown.at_ms >= stored.as_written().at_ms);
    space.close().await;
    drop(space);
    let before_ms = time::unix_ms();
    let space = open(directory.path()).await;
    let (again, shown) = deadlines(&space);
    assert_eq!(again, stored);
    assert_eq!(shown.ttl_ms, 60_000);
    assert!(shown.at_ms >= before_ms + 60_000, "it has its full TTL");
    // Every watch has broken.
    assert_eq!(beat(&space).await, told + 1);
    assert_eq!(beat(&space).await, told + 1);
    space.close().await;
}
