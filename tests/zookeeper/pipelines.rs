//! Requests that are sent without waiting for answers.

use std::sync::Arc;

use kubekv::model::Caller;
use kubekv::store::CommitError;
use kubekv::wire::zookeeper::{
    DataReply, ErrorCode, JuteRecord, NodePath, OpCode, ReplyHeader, Stat,
};

use support::stuck_store::{StuckAnswer, StuckStore};

use crate::client::{Client, create_of, data_of, request_frame, versioned, watchable};
use crate::server::Face;

async fn faces() -> (tempfile::TempDir, [Face; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let on_disk = Face::on_disk(&directory.path().join("data")).await;
    (directory, [on_disk, Face::in_memory().await])
}

async fn replies(client: &mut Client, count: usize) -> Vec<(ReplyHeader, bytes::Bytes)> {
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.push(client.reply().await.unwrap());
    }
    replies
}

#[tokio::test]
async fn answers_come_in_order_and_each_request_sees_those_before_it() {
    let (_directory, faces) = faces().await;
    for face in &faces {
        let mut client = Client::connect(face.address).await;
        client
            .send(OpCode::Create, &create_of("/a", Some(b""), 0))
            .await;
        for version in 0..50 {
            client
                .send(OpCode::SetData, &data_of("/a", b"x", version))
                .await;
        }
        client.send(OpCode::SetData, &data_of("/a", b"x", 7)).await;
        client.send(OpCode::Create, &create_of("/a", None, 0)).await;
        client.send(OpCode::GetData, &watchable("/a", false)).await;
        client.send(OpCode::Delete, &versioned("/a", 50)).await;
        client.send(OpCode::GetData, &watchable("/a", false)).await;
        client
            .send(OpCode::Create, &create_of("/a", Some(b"again"), 0))
            .await;
        client.send(OpCode::Exists, &watchable("/a", false)).await;
        let all = replies(&mut client, 58).await;
        let xids: Vec<i32> = all.iter().map(|(header, _)| header.xid).collect();
        assert_eq!(xids, (1..=58).collect::<Vec<_>>());
        assert!(all.is_sorted_by_key(|(header, _)| header.zxid));
        let errors: Vec<i32> = all[51..].iter().map(|(header, _)| header.error).collect();
        assert_eq!(errors, [-103, -110, 0, 0, -101, 0, 0]);
        for (version, (header, body)) in (1..=50).zip(&all[1..]) {
            let stat = Stat::parse(body).unwrap();
            assert_eq!((stat.version, stat.modified), (version, header.zxid));
        }
        let read = DataReply::parse(&all[53].1).unwrap();
        assert_eq!(read.stat.version, 50);
        assert_eq!(Stat::parse(&all[57].1).unwrap().length, 5);
    }
}

#[tokio::test]
async fn a_read_shows_nothing_that_was_sent_behind_it() {
    let (_directory, faces) = faces().await;
    for face in &faces {
        let mut client = Client::connect(face.address).await;
        client.create("/a", b"", 0).await.unwrap();
        for version in 0..100 {
            client
                .send(OpCode::SetData, &data_of("/a", b"", version))
                .await;
            client.send(OpCode::Exists, &watchable("/a", false)).await;
        }
        for version in 1..=100 {
            for (header, body) in replies(&mut client, 2).await {
                assert_eq!(header.error, 0);
                assert_eq!(Stat::parse(&body).unwrap().version, version);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn numbers_of_many_clients_under_one_parent_are_all_different() {
    const CLIENTS: usize = 16;
    const EACH: usize = 50;
    let (_directory, faces) = faces().await;
    for face in &faces {
        let mut first = Client::connect(face.address).await;
        first.create("/q", b"", 0).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let address = face.address;
            tasks.spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..EACH {
                    client
                        .send(OpCode::Create, &create_of("/q/n-", Some(b""), 3))
                        .await;
                }
                let mut names = Vec::new();
                for (header, body) in replies(&mut client, EACH).await {
                    assert_eq!(header.error, 0);
                    names.push(NodePath::parse(&body).unwrap().0);
                }
                assert!(names.is_sorted());
                (client, names)
            });
        }
        let done = tasks.join_all().await;
        let mut names: Vec<_> = done.iter().flat_map(|(_, names)| names.clone()).collect();
        names.sort_unstable();
        let all = (0..CLIENTS * EACH).map(|number| format!("/q/n-{number:010}"));
        assert!(names.into_iter().eq(all));
        let stat = first.stat("/q").await.unwrap();
        assert_eq!((stat.children, stat.children_version), (800, 800));
        // Their sessions end, all of them at once.
        for (client, _) in done {
            client.close().await;
        }
        assert_eq!(first.stat("/q").await.unwrap().children_version, 1_600);
    }
}

#[tokio::test]
async fn pings_do_not_wait_for_changes() {
    let (_directory, [face, _]) = faces().await;
    let mut client = Client::connect(face.address).await;
    client.send(OpCode::Create, &create_of("/a", None, 0)).await;
    client.send_bytes(&request_frame(-2, 11, &())).await;
    let mut xids = Vec::new();
    for (header, _) in replies(&mut client, 2).await {
        assert_eq!(header.error, 0);
        xids.push(header.xid);
    }
    xids.sort_unstable();
    assert_eq!(xids, [-2, 1]);
}

#[tokio::test]
async fn a_long_request_is_taken_and_a_longer_one_is_not() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let overhead = request_frame(1, 1, &create_of("/a", Some(b""), 0)).len() - 4;
    let longest = vec![7; 0xf_ffff - overhead];
    client.create("/a", &longest, 0).await.unwrap();
    assert_eq!(
        client.get("/a", false).await.unwrap().data,
        Some(longest.clone())
    );
    let longer = [&longest[..], b"x"].concat();
    client
        .send(OpCode::Create, &create_of("/b", Some(&longer), 0))
        .await;
    assert!(client.frame().await.is_none());
    let mut other = Client::connect(face.address).await;
    assert_eq!(other.stat("/b").await, Err(ErrorCode::NoNode));
}

/// A client that sends and takes nothing keeps others from nothing, and loses nothing.
#[tokio::test]
async fn a_client_that_reads_no_answers_is_not_answered_without_end() {
    let face = Face::in_memory().await;
    let mut slow = Client::connect(face.address).await;
    slow.create("/a", &vec![7; 100_000], 0).await.unwrap();
    let (reads, read) = (200, request_frame(1, 4, &watchable("/a", false)));
    let mut sent = 0;
    while sent < reads {
        slow.send_bytes(&read).await;
        sent += 1;
    }
    let mut other = Client::connect(face.address).await;
    other.stat("/a").await.unwrap();
    for (header, body) in replies(&mut slow, reads).await {
        assert_eq!(header.error, 0);
        assert_eq!(DataReply::parse(&body).unwrap().stat.length, 100_000);
    }
}

/// On a store where each commit is a request, creates that wait for each other share one. What stands between them does not.
#[tokio::test]
async fn numbered_creates_of_a_pipeline_share_commits_and_keep_their_places() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    for parent in ["/q", "/r"] {
        client.create(parent, b"", 0).await.unwrap();
    }
    let before = face.space.read(&Caller::System).revision();
    let create = OpCode::Create.number();
    let mut frames = Vec::new();
    for _ in 0..10 {
        frames.extend(request_frame(1, create, &create_of("/q/n", Some(b""), 2)));
    }
    frames.extend(request_frame(2, create, &create_of("/q/a", Some(b""), 0)));
    frames.extend(request_frame(3, create, &create_of("/r/n", Some(b""), 2)));
    for _ in 0..10 {
        frames.extend(request_frame(4, create, &create_of("/q/n", Some(b""), 2)));
    }
    client.send_bytes(&frames).await;
    let mut names = Vec::new();
    let mut zxids = Vec::new();
    for (header, body) in replies(&mut client, 22).await {
        assert_eq!(header.error, 0);
        names.push(NodePath::parse(&body).unwrap().0);
        zxids.push(header.zxid);
    }
    let numbered = |from: u32, to: u32| (from..to).map(|n| format!("/q/n{n:010}"));
    let expected: Vec<_> = numbered(0, 10)
        .chain(["/q/a".to_owned(), "/r/n0000000000".to_owned()])
        .chain(numbered(11, 21))
        .collect();
    assert_eq!(names, expected);
    assert!(zxids.is_sorted());
    zxids.dedup();
    let commits = face.space.read(&Caller::System).revision() - before;
    assert_eq!((zxids.len(), commits), (4, 4));
}

/// A client that loses its connection knows by what is there how far its requests came.
#[tokio::test]
async fn nothing_takes_effect_behind_a_change_that_perhaps_did_not() {
    let store = Arc::new(StuckStore::default());
    let face = Face::over(Arc::<StuckStore>::clone(&store)).await;
    let silence = || CommitError::Unknown("silence".to_owned());
    let mut client = Client::connect(face.address).await;
    client.create("/q", b"", 0).await.unwrap();
    for (path, flags) in [("/a", 0), ("/q/n", 2)] {
        let mut client = Client::connect(face.address).await;
        let create = OpCode::Create.number();
        let mut frames = request_frame(1, create, &create_of(path, Some(b""), flags));
        for path in ["/b", "/c"] {
            frames.extend(request_frame(2, create, &create_of(path, Some(b""), 0)));
        }
        store.answer(StuckAnswer::ErrorOnce(silence()));
        client.send_bytes(&frames).await;
        assert!(client.frame().await.is_none(), "the connection is closed");
    }
    assert_eq!(
        client.children("/", false).await.unwrap(),
        ["q", "zookeeper"]
    );
    assert_eq!(
        client.children("/q", false).await.unwrap(),
        Vec::<String>::new()
    );
}
