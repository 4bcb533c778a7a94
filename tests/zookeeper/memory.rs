//! Memory: how much of it one request, and one client, may have.

use std::time::Duration;

use kubekv::fairness::MemoryLimits;
use kubekv::wire::zookeeper::{
    ErrorCode, MultiOperation, MultiReply, MultiRequest, OpCode, SetWatches2Request,
};

use crate::client::{Client, create_of, watchable};
use crate::server::Face;

async fn read_all(client: &mut Client, reads: Vec<MultiOperation>) -> Result<usize, ErrorCode> {
    let request = MultiRequest(reads);
    let read: Result<MultiReply, _> = client.ask(OpCode::MultiRead, &request).await;
    read.map(|read| read.0.len())
}

/// One request of a mebibyte could ask for 50 GiB.
#[tokio::test]
async fn one_request_reads_no_more_than_64_mebibytes() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client
        .create("/long", &vec![b'x'; 900_000], 0)
        .await
        .unwrap();
    let data = MultiOperation::GetData(watchable("/long", false));
    let too_much = Err(ErrorCode::MarshallingError);
    assert_eq!(
        read_all(&mut client, vec![data.clone(); 100]).await,
        too_much
    );
    assert_eq!(read_all(&mut client, vec![data; 3]).await, Ok(3));
    // Lists are weighed before any is made.
    client.create("/d", b"", 0).await.unwrap();
    let children =
        (0..100).map(|number| MultiOperation::Create(create_of(&format!("/d/{number}"), None, 0)));
    client.multi(children.collect()).await;
    let list = MultiOperation::GetChildren(watchable("/d", false));
    assert_eq!(
        read_all(&mut client, vec![list.clone(); 20_000]).await,
        too_much
    );
    assert_eq!(read_all(&mut client, vec![list; 20]).await, Ok(20));
    client.close().await;
}

#[tokio::test]
async fn a_read_is_refused_where_its_client_has_no_more_memory_and_a_change_is_answered() {
    // A client may have half of it.
    let face = Face::with_limits(MemoryLimits {
        answers: 200_000,
        ..MemoryLimits::default()
    });
    let face = face.await;
    let mut client = Client::connect(face.address).await;
    client
        .create("/long", &vec![b'x'; 150_000], 0)
        .await
        .unwrap();
    client
        .create("/short", &vec![b'x'; 50_000], 0)
        .await
        .unwrap();
    let refused = client.get("/long", true).await;
    assert_eq!(refused.err(), Some(ErrorCode::Throttled));
    assert_eq!(
        client.get("/short", false).await.unwrap().stat.length,
        50_000
    );
    let nodes =
        (0..1_500).map(|number| MultiOperation::Create2(create_of(&format!("/{number}"), None, 0)));
    assert_eq!(client.multi(nodes.collect()).await.len(), 1_500);
    // All of it is given back.
    assert_eq!(
        client.get("/short", false).await.unwrap().stat.length,
        50_000
    );
    client.close().await;
}

/// As in ZooKeeper, where a read that fails sets none.
#[tokio::test]
async fn a_read_that_is_refused_for_its_memory_leaves_no_watch() {
    let face = Face::with_limits(MemoryLimits {
        answers: 200_000,
        ..MemoryLimits::default()
    });
    let face = face.await;
    let mut client = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    let long = vec![b'x'; 150_000];
    writer.create("/long", &long, 0).await.unwrap();
    let refused = client.get("/long", true).await;
    assert_eq!(refused.err(), Some(ErrorCode::Throttled));
    writer.set("/long", b"short", -1).await.unwrap();
    assert!(client.told().await.is_empty());
    client.get("/long", true).await.unwrap();
    writer.set("/long", b"", -1).await.unwrap();
    assert_eq!(client.told().await, [(3, "/long".to_owned())]);
    client.close().await;
    writer.close().await;
}

/// Sets so many persistent watches; whether the connection goes on.
async fn watch(client: &mut Client, paths: std::ops::Range<usize>) -> bool {
    let request = SetWatches2Request {
        persistent: paths.map(|number| format!("/{number}")).collect(),
        ..SetWatches2Request::default()
    };
    client.send(OpCode::SetWatches2, &request).await;
    client.reply().await.is_some()
}

/// A watch that takes 13 bytes to ask for takes 800 to keep.
#[tokio::test]
async fn watches_are_as_many_as_their_client_has_memory_for() {
    // A client may have half of it.
    let limits = MemoryLimits {
        bodies: 600_000,
        ..MemoryLimits::default()
    };
    let face = Face::with_limits(limits).await;
    let (mut client, mut other) = (
        Client::connect(face.address).await,
        Client::connect(face.address).await,
    );
    assert!(watch(&mut client, 0..150).await);
    assert!(watch(&mut other, 0..150).await);
    // Those that are there already take nothing more.
    assert!(watch(&mut client, 0..150).await);
    assert!(!watch(&mut client, 150..300).await);
    // What it had is given back.
    let mut again = Client::connect(face.address).await;
    assert!(watch(&mut again, 0..150).await);
    again.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_request_is_counted_before_it_is_there_as_a_whole() {
    let limits = MemoryLimits {
        bodies: 400_000,
        ..MemoryLimits::default()
    };
    let face = Face::with_limits(limits).await;
    let mut client = Client::connect(face.address).await;
    let mut part = 1_000_000_u32.to_be_bytes().to_vec();
    part.resize(300_000, b'x');
    client.send_bytes(&part).await;
    let closed = tokio::time::timeout(Duration::from_secs(20), client.frame());
    assert!(closed.await.is_ok_and(|frame| frame.is_none()));
}
