//! The operations against a server that answers everything with success.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::ZooKeeperClient;
use crate::bench::client::{Consistency, Failure, HeldLock, Outcome};
use crate::bench::constant::serve;
use crate::bench::target::LoadTarget;
use crate::config::{SourceAccess, SourceUrl};

/// A client of a constant-answer server.
async fn client() -> ZooKeeperClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::task::spawn_local(serve(listener, 100));
    let url = SourceUrl::ZooKeeper(vec![address], "/chroot".to_owned());
    let access = SourceAccess::default();
    let target = LoadTarget::resolve(&url, &access, None, false);
    let target = Arc::new(target.await.unwrap());
    ZooKeeperClient::new(target, 0, Consistency::Linearizable)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// The bytes of a record of metadata.
const STAT: u64 = 68;

#[test]
fn operations_count_entries_and_bytes() {
    run(async {
        let mut client = client().await;
        let node = 4 + 100 + STAT;
        let none = Outcome::default();
        let found = |entries, bytes| Outcome {
            entries,
            bytes,
            ..none
        };
        assert_eq!(client.get("a").await, Ok(found(1, node)));
        assert_eq!(client.stat("a").await, Ok(found(1, STAT)));
        let names = 4 + 4 + 15 + STAT;
        assert_eq!(client.list("a").await, Ok(found(1, names + node)));
        assert_eq!(client.put("a", b"x").await, Ok(found(0, STAT)));
        assert_eq!(client.cas("a", b"x").await, Ok(found(0, STAT)));
        let path = 4 + 9;
        assert_eq!(client.create("a", b"x").await, Ok(found(0, path)));
        assert_eq!(client.delete("a").await, Ok(found(1, 0)));
        let numbered = 4 + 9 + 10;
        assert_eq!(client.ephemeral("a", b"x").await, Ok(found(1, numbered)));
        let held = client.lock("a").await.unwrap();
        let place = "/chroot/a/lock-0000000000".to_owned();
        assert_eq!(held, HeldLock::Place(place));
        client.unlock("a", held).await.unwrap();
        assert_eq!(client.poll("a").await, Ok(found(1, node)));
        assert_eq!(client.watch("a").await, Ok(none));
        client.close().await.unwrap();
        // The next operation opens another session.
        assert_eq!(client.get("a").await, Ok(found(1, node)));
    });
}

#[test]
fn clients_on_one_session_lose_it_and_open_the_next_together() {
    run(async {
        let mut first = client().await;
        let mut second = first.on_same_session();
        for round in 0..2 {
            first.stat("a").await.unwrap();
            second.stat("a").await.unwrap();
            let one = first.session().await.unwrap().clone();
            let other = second.session().await.unwrap().clone();
            assert!(!one.is_ended() && !other.is_ended(), "round {round}");
            first.close().await.unwrap();
            assert!(one.is_ended() && other.is_ended(), "round {round}");
        }
    });
}

#[test]
fn a_lock_of_another_protocol_is_refused() {
    run(async {
        let mut client = client().await;
        let refused = client.unlock("a", HeldLock::Index(1)).await;
        assert!(matches!(refused, Err(Failure::Unsupported(_))));
    });
}
