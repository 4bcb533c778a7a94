//! Several operations in one request.

use kubekv::wire::zookeeper::{
    CreateTtlRequest, DataReply, ErrorCode, JuteRecord, MultiOperation, MultiReply, MultiRequest,
    MultiResult, OpCode, Stat,
};

use crate::client::{Client, create_of, data_of, versioned, watchable};
use crate::server::Face;

#[tokio::test]
async fn all_is_done_in_one_zxid_and_each_sees_those_before_it() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let results = client
        .multi(vec![
            MultiOperation::Create(create_of("/a", Some(b""), 0)),
            MultiOperation::Create2(create_of("/a/b", Some(b"1"), 2)),
            MultiOperation::SetData(data_of("/a", b"x", 0)),
            MultiOperation::SetData(data_of("/a", b"y", 1)),
            MultiOperation::Check(versioned("/a", 2)),
            MultiOperation::CreateTtl(CreateTtlRequest {
                node: create_of("/t", Some(b""), 5),
                ttl_ms: 1 << 30,
            }),
        ])
        .await;
    let zxid = client.zxid;
    let [
        MultiResult::Created(path),
        MultiResult::Created2(second),
        first,
        last,
        MultiResult::Checked,
        MultiResult::Created2(ttl),
    ] = &results[..]
    else {
        panic!("{results:?}");
    };
    assert_eq!(
        (path.as_str(), second.path.as_str()),
        ("/a", "/a/b0000000000")
    );
    assert_eq!((second.stat.created, ttl.stat.created), (zxid, zxid));
    let (MultiResult::DataSet(first), MultiResult::DataSet(last)) = (first, last) else {
        panic!("{results:?}");
    };
    assert_eq!((first.version, last.version, last.children), (1, 2, 1));
    let stat = client.stat("/a").await.unwrap();
    assert_eq!(
        (stat.version, stat.children, stat.children_version),
        (2, 1, 1)
    );
    // What comes and goes in one was never there.
    let gone = vec![
        MultiOperation::Create(create_of("/a/x", None, 0)),
        MultiOperation::Delete(versioned("/a/x", 0)),
    ];
    let gone = client.multi(gone).await;
    let made = MultiResult::Created("/a/x".to_owned());
    assert_eq!(gone, [made, MultiResult::Deleted]);
    assert_eq!(client.stat("/a").await.unwrap(), stat);
    assert_eq!(
        (stat.created, stat.modified, stat.children_modified),
        (zxid, zxid, zxid)
    );
}

#[tokio::test]
async fn a_failure_keeps_nothing_and_names_the_operation() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/a", b"", 0).await.unwrap();
    client.get("/a", true).await.unwrap();
    client.children("/a", true).await.unwrap();
    let results = client
        .multi(vec![
            MultiOperation::SetData(data_of("/a", b"x", -1)),
            MultiOperation::Create(create_of("/a/n-", Some(b""), 2)),
            MultiOperation::Delete(versioned("/none", -1)),
            MultiOperation::Create(create_of("/b", Some(b""), 0)),
        ])
        .await;
    let failed = |code| MultiResult::Failed(code);
    assert_eq!(results, [failed(0), failed(0), failed(-101), failed(-2)]);
    assert_eq!(client.told().await, []);
    let stat = client.stat("/a").await.unwrap();
    assert_eq!((stat.version, stat.children_version), (0, 0));
    // No number was used up.
    assert_eq!(
        client.create("/a/n-", b"", 2).await.unwrap(),
        "/a/n-0000000000"
    );
}

#[tokio::test]
async fn an_empty_one_is_legal_and_a_read_in_it_is_not() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    assert_eq!(client.multi(Vec::new()).await, []);
    let read = MultiRequest(vec![MultiOperation::GetData(watchable("/", false))]);
    let failed = client.call(OpCode::Multi, &read).await;
    assert_eq!(failed, Err(ErrorCode::MarshallingError));
}

#[tokio::test]
async fn reads_fail_each_by_itself() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/a", b"1", 0).await.unwrap();
    client.create("/a/b", b"", 0).await.unwrap();
    let request = MultiRequest(vec![
        MultiOperation::GetData(watchable("/a", true)),
        MultiOperation::GetData(watchable("/none", false)),
        MultiOperation::GetChildren(watchable("/a", false)),
    ]);
    let reply: MultiReply = client.ask(OpCode::MultiRead, &request).await.unwrap();
    let stat = client.stat("/a").await.unwrap();
    let data = Some(b"1".to_vec());
    let expected = [
        MultiResult::Data(DataReply { data, stat }),
        MultiResult::Failed(-101),
        MultiResult::Children(vec!["b".to_owned()]),
    ];
    assert_eq!(reply.0, expected);
    // The real server reads them without their watches.
    client.set("/a", b"", -1).await.unwrap();
    assert_eq!(client.told().await, []);
}

#[tokio::test]
async fn a_wide_one_is_made_whole() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let create = |number: i32| MultiOperation::Create(create_of(&format!("/{number}"), None, 0));
    let results = client.multi((0..1_000).map(create).collect()).await;
    assert_eq!(results.len(), 1_000);
    let root = client.stat("/").await.unwrap();
    assert_eq!(
        (root.children, root.children_modified),
        (1_001, client.zxid)
    );
}

#[tokio::test]
async fn a_multi_of_many_operations_takes_effect_in_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    let face = Face::on_disk(directory.path()).await;
    let mut client = Client::connect(face.address).await;
    // It rests on a create that is on its way, and a read rests on it.
    let sets = (0..2_000).map(|_| MultiOperation::SetData(data_of("/a", b"x", -1)));
    let sent = [
        client.send(OpCode::Create, &create_of("/a", None, 0)).await,
        client
            .send(OpCode::Multi, &MultiRequest(sets.collect()))
            .await,
        client.send(OpCode::Exists, &watchable("/a", false)).await,
    ];
    for xid in sent {
        let (header, body) = client.reply().await.unwrap();
        assert_eq!((header.xid, header.error), (xid, 0));
        if xid == sent[2] {
            assert_eq!(Stat::parse(&body).unwrap().version, 2_000);
        }
    }
    client.close().await;
    face.close().await;
}
