//! A lease with very many locks on the embedded store.

use std::convert::Infallible;
use std::sync::Arc;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, FaceName, Key, Lease, LeaseEnd, LeaseId, LeaseProtocol, Principal};
use kubekv::space::{Draft, Keyspace, Lookup};
use kubekv::store::Store;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use prometheus_client::registry::Registry;

/// Its end is one commit that rewrites every entry it has locked: more than a client may write at once.
#[tokio::test]
async fn lease_with_very_many_locks_can_end() {
    let directory = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::new(
        directory.path().join("data"),
        Arc::new(|why| panic!("{why}")),
    );
    let store = Arc::new(EmbeddedStore::new(options));
    let admission = Arc::new(Bounds::new(store.limits()));
    let (space, _) = Keyspace::open(store, admission, &mut Registry::default())
        .await
        .unwrap();
    let client = Caller::Client {
        face: FaceName::Consul,
        peer: "127.0.0.1:1".parse().unwrap(),
        credentials: kubekv::model::Credentials::default(),
    };
    let lease = Lease {
        id: LeaseId::random(),
        term_ms: None,
        on_end: LeaseEnd::Release,
        lock_delay_ms: 0,
        labels: std::collections::BTreeMap::default(),
        owner: Principal::Anonymous,
        protocol: LeaseProtocol::Consul,
    };
    let begin = |draft: &mut Draft<'_>| {
        draft.put_lease(&lease);
        Ok::<_, Infallible>(())
    };
    space.commit(&client, begin).await.unwrap();
    let value = bytes::Bytes::from(vec![b'v'; 2 << 20]);
    for number in 0..40 {
        let key = Key::user(format!("locked/{number}"));
        let lock = |draft: &mut Draft<'_>| {
            Ok::<_, Infallible>(
                draft.acquire(&key, lease.id, |record| record.value = value.clone()),
            )
        };
        space.commit(&client, lock).await.unwrap();
    }
    let end = |draft: &mut Draft<'_>| Ok::<_, Infallible>(draft.end_lease(lease.id));
    assert!(space.commit(&client, end).await.unwrap().reply);
    let view = space.read(&Caller::System);
    let free = view
        .scan(&Key::user("locked/"))
        .filter(|(_, entry)| entry.attrs().lock.is_none() && *entry.value() == value);
    assert_eq!(free.count(), 40);
    space.close().await;
}
