//! Answers for dockerd, which nobody else gets.

use kubekv::wire::zookeeper::{ChildrenReply, ConnectRequest, ErrorCode, OpCode};

use crate::client::{Client, new_session, watchable};
use crate::server::Face;

const LIST: &str = "/docker/network/v1.0/endpoint_count";

async fn list(client: &mut Client) -> ChildrenReply {
    client.stat(LIST).await.unwrap();
    let list = watchable(LIST, false);
    client.ask(OpCode::GetChildren2, &list).await.unwrap()
}

#[tokio::test]
async fn dockerd_finds_and_changes_what_it_lists_and_others_see_plain_names() {
    let face = Face::in_memory().await;
    let mut other = Client::connect(face.address).await;
    for path in ["/docker", "/docker/network", "/docker/network/v1.0", LIST] {
        other.create(path, b"", 0).await.unwrap();
    }
    let child = format!("{LIST}/1");
    other.create(&child, b"0", 0).await.unwrap();
    other.set(&child, b"1", -1).await.unwrap();
    let request = ConnectRequest {
        read_only: None,
        ..new_session()
    };
    let mut dockerd = Client::connect_with(face.address, &request).await.unwrap();
    let listed = list(&mut dockerd).await;
    let key = child.trim_start_matches('/');
    assert_eq!(listed.names, [key]);
    // As libkv reads the entry, and libnetwork writes it.
    let doubled = format!("{LIST}/{key}");
    let read = dockerd.get(&doubled, false).await.unwrap();
    assert_eq!((read.data, read.stat.version), (Some(b"1".to_vec()), 1));
    let set = dockerd
        .set(&child, b"2", listed.stat.version)
        .await
        .unwrap();
    assert_eq!(set.version, 2);
    // It is a compare-and-swap: somebody else was faster.
    other.set(&child, b"3", -1).await.unwrap();
    let late = dockerd.set(&child, b"4", listed.stat.version).await;
    assert_eq!(late, Err(ErrorCode::BadVersion));
    dockerd.get(&child, false).await.unwrap();
    dockerd.delete(&child, listed.stat.version).await.unwrap();
    // What it never read, it does not change.
    other.create(&child, b"", 0).await.unwrap();
    let mut again = Client::connect_with(face.address, &request).await.unwrap();
    let listed = list(&mut again).await;
    let unread = again.delete(&child, listed.stat.version).await;
    assert_eq!(unread, Err(ErrorCode::BadVersion));
    assert_eq!(list(&mut other).await.names, ["1"]);
}
