//! The records of ZooKeeper's protocol and a real ZooKeeper, which must understand ours and be understood.

use std::time::Duration;

use kubekv::bench::zookeeper::session::{PipelinedSession, Reply, SessionOptions};
use kubekv::wire::zookeeper::{
    AclEntry, AclReply, AddWatchRequest, ChildNames, ChildrenReply, CreateRequest, CreatedReply,
    DataReply, EphemeralPaths, ErrorCode, ErrorReply, Identities, JuteRecord, MultiOperation,
    MultiReply, MultiRequest, MultiResult, NodeCount, NodePath, OpCode, PERSISTENT_RECURSIVE,
    SetAclRequest, SetDataRequest, SetWatches2Request, SetWatchesRequest, Stat, VersionedPath,
    WatchablePath, WatcherPath, create_flags, event_kind,
};
use support::zookeeper::ZooKeeper;
use tokio::net::TcpStream;

use crate::run;

fn world() -> Vec<AclEntry> {
    let entry = AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    vec![entry]
}

fn node(path: &str, data: Option<&[u8]>, flags: i32) -> CreateRequest {
    CreateRequest {
        path: path.to_owned(),
        data: data.map(<[u8]>::to_vec),
        acl: world(),
        flags,
    }
}

fn at(path: &str, watch: bool) -> WatchablePath {
    WatchablePath {
        path: path.to_owned(),
        watch,
    }
}

fn version(path: &str, version: i32) -> VersionedPath {
    VersionedPath {
        path: path.to_owned(),
        version,
    }
}

fn path(path: &str) -> NodePath {
    NodePath(path.to_owned())
}

async fn ask(session: &PipelinedSession, op: OpCode, record: &impl JuteRecord) -> Reply {
    session.request(op, record).await.unwrap()
}

async fn read<T: JuteRecord>(
    session: &PipelinedSession,
    op: OpCode,
    record: &impl JuteRecord,
) -> T {
    ask(session, op, record).await.read().unwrap()
}

async fn open(server: &ZooKeeper) -> PipelinedSession {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let options = SessionOptions::default();
    PipelinedSession::open(stream, &options).await.unwrap()
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn zookeeper_understands_requests_and_its_replies_are_understood() {
    let server = ZooKeeper::start();
    run(async {
        let session = open(&server).await;
        let created: NodePath = read(&session, OpCode::Create, &node("/a", None, 0)).await;
        assert_eq!(created, path("/a"));
        let data: DataReply = read(&session, OpCode::GetData, &at("/a", false)).await;
        assert_eq!(data.data, None);
        let flags = create_flags::EPHEMERAL_SEQUENTIAL;
        let request = node("/a/e-", Some(b""), flags);
        let ephemeral: CreatedReply = read(&session, OpCode::Create2, &request).await;
        assert_eq!(ephemeral.path, "/a/e-0000000000");
        assert_eq!(ephemeral.stat.ephemeral_owner, session.id());
        let request = node("/c", Some(b"x"), create_flags::CONTAINER);
        let container: CreatedReply = read(&session, OpCode::CreateContainer, &request).await;
        assert_eq!(container.path, "/c");
        let request = SetDataRequest {
            path: "/a".to_owned(),
            data: Some(b"x".to_vec()),
            version: 0,
        };
        let set: Stat = read(&session, OpCode::SetData, &request).await;
        assert_eq!((set.version, set.length), (1, 1));
        let stale = ask(&session, OpCode::SetData, &request).await;
        assert_eq!(stale.answer, Err(ErrorCode::BadVersion));
        let request = SetAclRequest {
            path: "/c".to_owned(),
            acl: world(),
            acl_version: 0,
        };
        let set: Stat = read(&session, OpCode::SetAcl, &request).await;
        assert_eq!(set.acl_version, 1);
        let acl: AclReply = read(&session, OpCode::GetAcl, &path("/c")).await;
        assert_eq!(acl.list, world());
        let names: ChildNames = read(&session, OpCode::GetChildren, &at("/a", false)).await;
        let with_stat: ChildrenReply = read(&session, OpCode::GetChildren2, &at("/a", false)).await;
        assert_eq!((&names.0, with_stat.stat.children), (&with_stat.names, 1));
        let synced: NodePath = read(&session, OpCode::Sync, &path("/a")).await;
        assert_eq!(synced, path("/a"));
        let paths: EphemeralPaths = read(&session, OpCode::GetEphemerals, &path("/")).await;
        assert_eq!(paths.0, ["/a/e-0000000000"]);
        let count: NodeCount = read(&session, OpCode::GetAllChildrenNumber, &path("/a")).await;
        assert_eq!(count, NodeCount(1));
        let own: Identities = read(&session, OpCode::WhoAmI, &()).await;
        assert_eq!(own.0[0].0, "ip");
        let not_empty = ask(&session, OpCode::Delete, &version("/a", -1)).await;
        assert_eq!(not_empty.answer, Err(ErrorCode::NotEmpty));
        let deleted = ask(&session, OpCode::Delete, &version("/a/e-0000000000", 0)).await;
        assert_eq!(deleted.answer.as_deref(), Ok(&[][..]));
        session.close().await.unwrap();
    });
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn multis_of_zookeeper_are_done_as_a_whole() {
    let server = ZooKeeper::start();
    run(async {
        let session = open(&server).await;
        let multi = |operations: Vec<MultiOperation>| {
            let request = MultiRequest(operations);
            let session = &session;
            async move { read::<MultiReply>(session, OpCode::Multi, &request).await.0 }
        };
        // As libkv sends it.
        assert_eq!(multi(Vec::new()).await, []);
        let set = SetDataRequest {
            path: "/m".to_owned(),
            data: Some(b"new".to_vec()),
            version: 0,
        };
        let done = multi(vec![
            MultiOperation::Create(node("/m", Some(b"x"), 0)),
            MultiOperation::SetData(set),
            MultiOperation::Check(version("/m", 1)),
            MultiOperation::Create(node("/n", None, 0)),
            MultiOperation::Delete(version("/n", -1)),
        ]);
        let done = done.await;
        let [first, MultiResult::DataSet(stat), rest @ ..] = &done[..] else {
            panic!("{done:?}");
        };
        assert_eq!(*first, MultiResult::Created("/m".to_owned()));
        assert_eq!(stat.version, 1);
        let want = [
            MultiResult::Checked,
            MultiResult::Created("/n".to_owned()),
            MultiResult::Deleted,
        ];
        assert_eq!(rest, want);
        let failed = multi(vec![
            MultiOperation::Create(node("/o", None, 0)),
            MultiOperation::Check(version("/m", 7)),
            MultiOperation::Delete(version("/m", -1)),
        ]);
        let want = [0, -103, -2].map(MultiResult::Failed);
        assert_eq!(failed.await, want);
        let absent = ask(&session, OpCode::Exists, &at("/o", false)).await;
        assert_eq!(absent.answer, Err(ErrorCode::NoNode));
        let reads = MultiRequest(vec![
            MultiOperation::GetData(at("/m", false)),
            MultiOperation::GetChildren(at("/", false)),
            MultiOperation::GetData(at("/o", false)),
        ]);
        let reply: MultiReply = read(&session, OpCode::MultiRead, &reads).await;
        let [MultiResult::Data(data), MultiResult::Children(names), last] = &reply.0[..] else {
            panic!("{reply:?}");
        };
        assert_eq!(data.data.as_deref(), Some(&b"new"[..]));
        assert!(names.contains(&"m".to_owned()), "{names:?}");
        assert_eq!(*last, MultiResult::Failed(-101));
    });
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn watches_of_zookeeper_are_armed_set_again_and_removed() {
    let server = ZooKeeper::start();
    run(async {
        let (session, other) = (open(&server).await, open(&server).await);
        let mut beneath = session.watcher_beneath("/w");
        let add = AddWatchRequest {
            path: "/w".to_owned(),
            mode: PERSISTENT_RECURSIVE,
        };
        let added: ErrorReply = read(&session, OpCode::AddWatch, &add).await;
        assert_eq!(added, ErrorReply(0));
        for created in ["/w", "/w/x"] {
            let done = ask(&other, OpCode::Create, &node(created, None, 0)).await;
            done.expect().unwrap();
            let event = beneath.next().await.unwrap();
            assert_eq!((event.kind, &*event.path), (event_kind::CREATED, created));
        }
        let remove = WatcherPath {
            path: "/w".to_owned(),
            kind: 3,
        };
        for op in [OpCode::CheckWatches, OpCode::RemoveWatches] {
            ask(&session, op, &remove).await.expect().unwrap();
        }
        let gone = ask(&session, OpCode::RemoveWatches, &remove).await;
        assert_eq!(gone.answer, Err(ErrorCode::NoWatcher));
        // Set again after a change that they missed, they fire at once.
        let mut node_events = other.watcher("/w/x");
        let once = SetWatchesRequest {
            relative_zxid: 0,
            data: vec!["/w/x".to_owned()],
            ..SetWatchesRequest::default()
        };
        ask(&other, OpCode::SetWatches, &once)
            .await
            .expect()
            .unwrap();
        let event = node_events.next().await.unwrap();
        assert_eq!(event.kind, event_kind::DATA_CHANGED);
        let again = SetWatches2Request {
            recursive: vec!["/w".to_owned()],
            ..SetWatches2Request::default()
        };
        ask(&session, OpCode::SetWatches2, &again)
            .await
            .expect()
            .unwrap();
        let deleted = ask(&other, OpCode::Delete, &version("/w/x", -1)).await;
        deleted.expect().unwrap();
        let event = beneath.next().await.unwrap();
        assert_eq!((event.kind, &*event.path), (event_kind::DELETED, "/w/x"));
        let quiet = tokio::time::timeout(Duration::from_millis(100), beneath.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}
