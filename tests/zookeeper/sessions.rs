//! Sessions and what ends with them.

use std::time::Duration;

use kubekv::model::{Caller, Key, LeaseId, LeaseProtocol};
use kubekv::space::Draft;
use kubekv::wire::zookeeper::{ConnectResponse, ErrorCode};

use crate::client::{Client, again, new_session};
use crate::server::Face;

/// The lease of the one session that there is.
fn lease_of_the_session(face: &Face) -> LeaseId {
    let view = face.space.read(&Caller::System);
    let mut sessions = view
        .leases()
        .filter(|(lease, _)| lease.protocol == LeaseProtocol::ZooKeeper);
    let (lease, _) = sessions.next().unwrap();
    assert!(sessions.next().is_none());
    lease.id
}

#[tokio::test]
async fn ephemerals_survive_their_connection_and_go_with_their_session() {
    let face = Face::in_memory().await;
    let mut owner = Client::connect(face.address).await;
    owner.create("/p", b"", 0).await.unwrap();
    owner.create("/p/e", b"x", 1).await.unwrap();
    let request = again(&owner.response);
    drop(owner);
    let mut other = Client::connect(face.address).await;
    assert_eq!(
        other.stat("/p/e").await.unwrap().ephemeral_owner,
        request.session
    );
    // Another may delete it.
    other.delete("/p/e", -1).await.unwrap();
    let mut owner = Client::connect_with(face.address, &request).await.unwrap();
    owner.create("/p/e", b"x", 1).await.unwrap();
    owner.close().await;
    assert_eq!(other.stat("/p/e").await, Err(ErrorCode::NoNode));
    assert_eq!(other.stat("/p").await.unwrap().children, 0);
}

#[tokio::test]
async fn a_session_survives_a_restart_with_its_ephemerals() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let face = Face::on_disk(&path).await;
    let mut owner = Client::connect(face.address).await;
    owner.create("/e", b"x", 1).await.unwrap();
    let request = again(&owner.response);
    drop(owner);
    face.close().await;
    let face = Face::on_disk(&path).await;
    let mut owner = Client::connect_with(face.address, &request).await.unwrap();
    assert_eq!(owner.response.session, request.session);
    assert_eq!(
        owner.stat("/e").await.unwrap().ephemeral_owner,
        request.session
    );
    owner.close().await;
    let mut other = Client::connect(face.address).await;
    assert_eq!(other.stat("/e").await, Err(ErrorCode::NoNode));
}

/// The shortest session lives between 4 and 6 s after its last request.
#[tokio::test]
async fn a_silent_session_expires_and_its_watchers_are_told() {
    let face = Face::in_memory().await;
    let shortest = kubekv::wire::zookeeper::ConnectRequest {
        timeout_ms: 0,
        ..new_session()
    };
    let mut silent = Client::connect_with(face.address, &shortest).await.unwrap();
    let mut reading = Client::connect_with(face.address, &shortest).await.unwrap();
    let mut watcher = Client::connect(face.address).await;
    for (client, path) in [(&mut silent, "/silent"), (&mut reading, "/reading")] {
        client.create(path, b"", 1).await.unwrap();
        watcher.exists(path, true).await.unwrap();
    }
    let begun = std::time::Instant::now();
    // Reads renew.
    let reads = tokio::spawn(async move {
        loop {
            reading.stat("/reading").await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    assert_eq!(watcher.event().await, (2, "/silent".to_owned()));
    assert!(
        begun.elapsed() >= Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    // Its connection is closed without a word, and it cannot be taken up.
    assert!(silent.frame().await.is_none());
    let request = again(&silent.response);
    let refused = Client::connect_with(face.address, &request).await.unwrap();
    assert_eq!(refused.response, ConnectResponse::refusal(&request));
    assert!(!reads.is_finished());
    reads.abort();
}

#[tokio::test]
async fn nothing_takes_effect_after_the_end() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let lease = lease_of_the_session(&face);
    let mut kept = None::<()>;
    let end = face
        .space
        .end_lease(&Caller::System, LeaseProtocol::ZooKeeper, &mut kept, lease);
    assert!(end.await.unwrap().reply);
    // The connection may be closed before the request could be sent.
    let frame = crate::client::request_frame(1, 1, &crate::client::create_of("/a", None, 0));
    let _sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, &frame).await;
    assert!(client.frame().await.is_none());
    let view = face.space.read(&Caller::System);
    assert!(kubekv::space::Lookup::get(&view, &Key::user("a")).is_none());
}

#[tokio::test]
async fn an_end_is_refused_to_other_protocols() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let lease = lease_of_the_session(&face);
    let mut kept = None::<()>;
    let ended = face
        .space
        .end_lease(&Caller::System, LeaseProtocol::Consul, &mut kept, lease);
    assert!(!ended.await.unwrap().reply);
    let locked = face.space.commit(&Caller::System, |draft: &mut Draft<'_>| {
        Ok::<_, ()>(draft.acquire(&Key::user("k"), lease, |_| {}))
    });
    assert_eq!(
        locked.await.unwrap().reply,
        kubekv::space::Acquired::NoLease
    );
    client.stat("/").await.unwrap();
}

#[tokio::test]
async fn a_node_ends_a_ttl_after_its_last_write_if_it_has_no_children() {
    use kubekv::wire::zookeeper::{CreateTtlRequest, OpCode};
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    for path in ["/childless", "/parent"] {
        let request = CreateTtlRequest {
            node: crate::client::create_of(path, Some(b""), 5),
            ttl_ms: 500,
        };
        client.call(OpCode::CreateTtl, &request).await.unwrap();
    }
    client.create("/parent/child", b"", 0).await.unwrap();
    client.exists("/childless", true).await.unwrap();
    assert_eq!(client.event().await, (2, "/childless".to_owned()));
    client.exists("/parent", true).await.unwrap();
    client.delete("/parent/child", -1).await.unwrap();
    assert_eq!(client.event().await, (2, "/parent".to_owned()));
}

/// As Go's clients do it.
#[tokio::test]
async fn what_was_asked_before_a_hang_up_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let face = Face::on_disk(&directory.path().join("data")).await;
    let mut leaving = Client::connect(face.address).await;
    let mut other = Client::connect(face.address).await;
    other.exists("/e", true).await.unwrap_err();
    let create = crate::client::request_frame(1, 1, &crate::client::create_of("/e", None, 1));
    let close = crate::client::request_frame(2, -11, &());
    leaving.send_bytes(&[create, close].concat()).await;
    drop(leaving);
    assert_eq!(other.event().await, (1, "/e".to_owned()));
    // The session has not to run out for it.
    while other.stat("/e").await.is_ok() {
        tokio::task::yield_now().await;
    }
    let sessions = face.space.read(&Caller::System).leases().count();
    assert_eq!(sessions, 1);
}
