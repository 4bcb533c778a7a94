//! Bugs of earlier servers of this protocol that no other test shows; the list of all is at the head of the tests.

use kubekv::model::{Caller, LeaseProtocol};
use kubekv::wire::zookeeper::{OpCode, WatcherPath};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::server::Face;

async fn watches(face: &Face) -> String {
    let mut stream = TcpStream::connect(face.address).await.unwrap();
    stream.write_all(b"mntr").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("zk_watch_count\t"));
    line.unwrap().to_owned()
}

/// Ends a session as its expiry does.
async fn expire(face: &Face, client: &Client) {
    let named =
        |id: u128| id & u128::from(u64::MAX) == u128::from(client.response.session.unsigned_abs());
    let view = face.space.read(&Caller::System);
    let lease = view
        .leases()
        .find(|(lease, _)| named(lease.id.0))
        .unwrap()
        .0
        .id;
    let (protocol, mut kept) = (LeaseProtocol::ZooKeeper, None::<()>);
    let ended = face
        .space
        .end_lease(&Caller::System, protocol, &mut kept, lease);
    assert!(ended.await.unwrap().reply);
}

#[tokio::test]
async fn the_count_of_watches_returns_to_0() {
    let face = Face::in_memory().await;
    let mut owner = Client::connect(face.address).await;
    let mut client = Client::connect(face.address).await;
    owner.create("/p", b"", 0).await.unwrap();
    owner.create("/p/e", b"", 1).await.unwrap();
    client.get("/p/e", true).await.unwrap();
    client.exists("/p/e", true).await.unwrap();
    client.children("/p", true).await.unwrap();
    assert_eq!(watches(&face).await, "2");
    // They fire when an ephemeral goes with its session, and are gone then.
    expire(&face, &owner).await;
    assert_eq!(client.told().await.len(), 2);
    assert_eq!(watches(&face).await, "0");
    for mode in [0, 1] {
        client.add_watch("/p", mode).await;
        client.add_watch("/p/e", mode).await;
    }
    client.exists("/none", true).await.unwrap_err();
    assert_eq!(watches(&face).await, "5");
    let path = "/p/e".to_owned();
    let any = WatcherPath { path, kind: 3 };
    client.call(OpCode::RemoveWatches, &any).await.unwrap();
    assert_eq!(watches(&face).await, "3");
    // A session that ends takes its persistent ones along.
    expire(&face, &client).await;
    assert!(client.frame().await.is_none());
    assert_eq!(watches(&face).await, "0");
}

#[tokio::test]
async fn what_a_session_wrote_stays_after_its_end_and_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let face = Face::on_disk(&path).await;
    let mut client = Client::connect(face.address).await;
    client.create("/kept", b"1", 0).await.unwrap();
    client.create("/e", b"", 1).await.unwrap();
    client.set("/kept", b"2", 0).await.unwrap();
    expire(&face, &client).await;
    face.close().await;
    let face = Face::on_disk(&path).await;
    let mut other = Client::connect(face.address).await;
    let kept = other.get("/kept", false).await.unwrap();
    assert_eq!(
        (kept.data.as_deref(), kept.stat.version),
        (Some(&b"2"[..]), 1)
    );
    assert!(other.stat("/e").await.is_err());
}
