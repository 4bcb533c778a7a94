//! Reading from a scripted server, which does what a real ZooKeeper cannot be made to do on demand.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::read_passes;
use super::session::{NoSession, ZooKeeperSession};
use super::*;
use crate::model::DirMark;
use crate::transfer::{ItemVersions, LeftOut, ZnodeItem};
use crate::wire::zookeeper::{
    AclEntry, AclReply, ChildrenReply, ConnectRequest, ConnectResponse, DataReply, JuteRecord,
    JuteWriter, ReplyHeader, RequestHeader, Secret, take_frame, xid,
};

fn frame(write: impl FnOnce(&mut JuteWriter)) -> Vec<u8> {
    let mut to = JuteWriter::default();
    write(&mut to);
    to.frame().unwrap()
}

fn reply(xid: i32, zxid: i64, error: i32, answer: &impl JuteRecord) -> Vec<u8> {
    frame(|to| {
        ReplyHeader { xid, zxid, error }.write(to);
        if error == 0 {
            answer.write(to);
        }
    })
}

/// The server's end of a connection.
struct Server {
    stream: DuplexStream,
    input: BytesMut,
}

impl Server {
    /// The next frame; `None` if the client has gone.
    async fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = take_frame(&mut self.input, 1 << 20).unwrap() {
                return Some(frame.to_vec());
            }
            if self.stream.read_buf(&mut self.input).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        // The client may have gone.
        let _sent = self.stream.write_all(bytes).await;
    }

    async fn welcome(&mut self, timeout_ms: i32, session: i64, read_only: bool) {
        let request = ConnectRequest::parse(&self.frame().await.unwrap()).unwrap();
        assert_eq!((request.session, request.read_only), (0, Some(false)));
        let response = ConnectResponse {
            version: 0,
            timeout_ms,
            session,
            password: Secret(vec![7; 16]),
            read_only: Some(read_only),
        };
        self.send(&frame(|to| response.write(to))).await;
    }
}

fn ends() -> (DuplexStream, Server) {
    let (client, stream) = duplex(1 << 16);
    let input = BytesMut::new();
    (client, Server { stream, input })
}

/// The result of opening a session.
async fn open_result(stream: DuplexStream) -> String {
    match ZooKeeperSession::open(stream, "zk:1").await {
        Ok(_) => "opened".to_owned(),
        Err(NoSession::Closed) => "closed".to_owned(),
        Err(NoSession::Other(error)) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn errors_name_a_server_that_gives_no_session() {
    for (timeout_ms, id, read_only, want) in [
        (30_000, 1, false, "opened"),
        (0, 1, false, "it gives no session"),
        (30_000, 0, false, "it gives no session"),
        (-1, 1, false, "it gives no session"),
        (30_000, 1, true, "it is read-only"),
    ] {
        let (client, mut server) = ends();
        let (result, ()) = tokio::join!(
            open_result(client),
            server.welcome(timeout_ms, id, read_only)
        );
        assert!(result.contains(want), "{result}");
    }
    for (bytes, want) in [
        (&b""[..], "closed"),
        (b"\0\0\0\x25\0", "it ends too early"),
        (
            b"\0\0\0\x02\0\0",
            "this is not what ZooKeeper answers (zk:1): it ends too early",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "this is not what ZooKeeper answers (zk:1)",
        ),
    ] {
        let (client, mut server) = ends();
        server.send(bytes).await;
        server.stream.shutdown().await.unwrap();
        let result = open_result(client).await;
        assert!(result.contains(want), "{result}");
    }
    let (client, _silent) = ends();
    let result = open_result(client).await;
    assert!(result.contains("zk:1: it does not answer"), "{result}");
}

/// A session with this timeout in seconds, and the server's end of it.
async fn session(seconds: i32) -> (ZooKeeperSession<DuplexStream>, Server) {
    let (client, mut server) = ends();
    let opening = ZooKeeperSession::open(client, "zk:1");
    let (session, ()) = tokio::join!(opening, server.welcome(seconds * 1_000, 1, false));
    (session.unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_session_alive_during_a_slow_reply() {
    let (mut session, mut server) = session(12).await;
    let serving = async {
        let request = RequestHeader::parse(&server.frame().await.unwrap()[..8]).unwrap();
        // Every 4 s; the replies to the pings keep the client waiting.
        for _ in 0..10 {
            let ping = RequestHeader::parse(&server.frame().await.unwrap()).unwrap();
            assert_eq!((ping.xid, ping.op), (xid::PING, OpCode::Ping.number()));
            server.send(&reply(xid::PING, 5, 0, &())).await;
        }
        let path = NodePath("/".to_owned());
        server.send(&reply(request.xid, 6, 0, &path)).await;
    };
    let root = NodePath("/".to_owned());
    let requesting = session.request::<NodePath>(OpCode::Sync, &root);
    let (answer, ()) = tokio::join!(requesting, serving);
    assert_eq!(answer.unwrap(), (Ok(NodePath("/".to_owned())), 6));
}

#[tokio::test(start_paused = true)]
async fn errors_name_a_lost_session() {
    let root = NodePath("/".to_owned());
    let (mut silent, _server) = session(12).await;
    let error = silent
        .request::<NodePath>(OpCode::Sync, &root)
        .await
        .unwrap_err();
    let want = "lost the session with ZooKeeper at zk:1: it does not answer; run this again";
    assert_eq!(error, Error::Unreachable(want.to_owned()));
    for (answer, want) in [
        (reply(1, 1, -112, &()), "it has ended the session"),
        (Vec::new(), "it closed the connection"),
        (reply(2, 1, 0, &()), "a reply to no request"),
        (b"\0\0\0\x02ab".to_vec(), "it ends too early"),
        (b"\xff\xff\xff\xffab".to_vec(), "a frame of -1 bytes"),
        (b"\x7f\xff\xff\xffab".to_vec(), "64 MiB is the most"),
    ] {
        let (mut session, mut server) = session(12).await;
        server.send(&answer).await;
        server.stream.shutdown().await.unwrap();
        let error = session
            .request::<NodePath>(OpCode::Sync, &root)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
}

const SYNC: i32 = OpCode::Sync.number();
const EXISTS: i32 = OpCode::Exists.number();
const GET_DATA: i32 = OpCode::GetData.number();
const GET_CHILDREN: i32 = OpCode::GetChildren2.number();
const GET_ACL: i32 = OpCode::GetAcl.number();

/// The nodes of a server.
#[derive(Clone, Default)]
struct Nodes(BTreeMap<&'static str, (&'static str, Stat)>);

impl Nodes {
    fn put(&mut self, path: &'static str, data: &'static str, modified: i64) -> &mut Stat {
        let stat = Stat {
            modified,
            children_modified: modified,
            ..Stat::default()
        };
        &mut self.0.entry(path).or_insert((data, stat)).1
    }

    fn names(&self, path: &str) -> Vec<String> {
        let within = format!("{}/", path.trim_end_matches('/'));
        let beneath = self.0.keys().filter_map(|key| key.strip_prefix(&*within));
        beneath
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    fn answer(&self, zxid: i64, request: &[u8]) -> Option<Vec<u8>> {
        let header = RequestHeader::parse(&request[..8]).unwrap();
        let mut rest = crate::wire::zookeeper::JuteReader::new(&request[8..]);
        let path = rest.text().unwrap_or_default().into_owned();
        let Some((data, stat)) = self.0.get(&*path) else {
            return Some(reply(header.xid, zxid, -101, &()));
        };
        let names = self.names(&path);
        let stat = Stat {
            children: names.len().try_into().unwrap(),
            ..*stat
        };
        Some(match header.op {
            SYNC => reply(header.xid, zxid, 0, &NodePath(path)),
            EXISTS => reply(header.xid, zxid, 0, &stat),
            GET_DATA if *data == "forbidden" => reply(header.xid, zxid, -102, &()),
            GET_DATA => {
                let data = (*data != "null").then(|| data.as_bytes().to_vec());
                reply(header.xid, zxid, 0, &DataReply { data, stat })
            }
            GET_CHILDREN => reply(header.xid, zxid, 0, &ChildrenReply { names, stat }),
            GET_ACL => {
                let (scheme, id) = match *data {
                    "closed" => ("digest", "me:4ZxV8b6DBzx3qMzDhVkzY3yS0bE="),
                    "masked" => ("digest", "me:x"),
                    _ => ("world", "anyone"),
                };
                let list = vec![AclEntry {
                    permissions: 31,
                    scheme: scheme.to_owned(),
                    id: id.to_owned(),
                }];
                reply(header.xid, zxid, 0, &AclReply { list, stat })
            }
            _ => return None,
        })
    }
}

/// Reads from a server whose nodes are the next of `passes` at the beginning of each pass.
async fn read(passes: &[Nodes], chroot: &str, prefix: &str) -> Result<Listing, Error> {
    let (mut session, mut server) = session(12).await;
    let mut listing = Listing::default();
    let serving = async {
        let (mut passes, mut nodes) = (passes.iter(), &Nodes::default());
        while let Some(request) = server.frame().await {
            if RequestHeader::parse(&request[..8]).unwrap().op == OpCode::Sync.number() {
                nodes = passes.next().unwrap();
            }
            server.send(&nodes.answer(100, &request).unwrap()).await;
        }
    };
    let reading = async {
        let read = read_passes(&mut session, chroot, prefix, &mut listing).await;
        drop(session);
        read
    };
    let (read, ()) = tokio::join!(reading, serving);
    read.map(|()| listing)
}

fn tree() -> Nodes {
    let mut nodes = Nodes::default();
    for (path, data) in [
        ("/", ""),
        ("/zookeeper", ""),
        ("/zookeeper/quota", ""),
        ("/kv", "of the chroot"),
        ("/kv/docker", ""),
        ("/kv/docker/network", ""),
        ("/kv/docker/network/n1", "record"),
        ("/kv/docker/nodes", ""),
        ("/kv/both", "value"),
        ("/kv/both/in", "x"),
    ] {
        nodes.put(path, data, 100);
    }
    let lent = nodes.put("/kv/docker/nodes/10.0.0.7:2376", "10.0.0.7:2376", 200);
    lent.ephemeral_owner = 0xabc;
    nodes
}

fn keys(listing: &Listing) -> Vec<(&str, DirMark)> {
    let items = listing.items.iter();
    items
        .map(|(key, item)| (std::str::from_utf8(key).unwrap(), item.dir))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_pass_without_changes_is_as_of_the_zxid_it_began_after() {
    let listing = read(&[tree()], "/kv", "").await.unwrap();
    assert_eq!(listing.index, Some(100));
    let all = [
        ("both", DirMark::No),
        ("both/in", DirMark::No),
        ("docker/", DirMark::Implied),
        ("docker/network/", DirMark::Implied),
        ("docker/network/n1", DirMark::No),
        ("docker/nodes/", DirMark::Made),
    ];
    assert_eq!(keys(&listing), all);
    let left = |reason, name: &str| LeftOut {
        reason,
        name: name.to_owned(),
    };
    let lent = "docker/nodes/10.0.0.7:2376 (by 0xabc)";
    let left_out = [
        left(LeftOutReason::Session, "0xabc"),
        left(LeftOutReason::Ephemeral, lent),
    ];
    assert_eq!(listing.left_out, left_out);

    let whole = read(&[tree()], "", "").await.unwrap();
    assert_eq!(whole.items[&b"kv"[..]].value, "of the chroot");
    assert!(!whole.items.keys().any(|key| key.starts_with(b"zookeeper")));
    // The node that clients call `/`; one of which nothing was set is none.
    assert_eq!(listing.root.unwrap().value, "of the chroot");
    assert_eq!(whole.root, None);
}

#[tokio::test(start_paused = true)]
async fn access_lists_null_data_and_versions_are_read() {
    let mut nodes = tree();
    let stat = nodes.put("/kv/docker/closed", "closed", 1);
    (stat.version, stat.acl_version) = (7, 2);
    nodes.put("/kv/docker/null", "null", 1).version = -1;
    let listing = read(&[nodes.clone()], "/kv", "docker/").await.unwrap();
    let closed = &listing.items[&b"docker/closed"[..]];
    let acl = closed.znode.as_ref().unwrap().acl.as_ref().unwrap();
    let [entry] = acl.entries() else {
        panic!("{acl:?}")
    };
    let want = (31, "digest", "me:4ZxV8b6DBzx3qMzDhVkzY3yS0bE=");
    assert_eq!((entry.perms, &*entry.scheme, &*entry.id), want);
    assert_eq!(closed.versions, Some(ItemVersions { data: 7, acl: 2 }));
    let null = &listing.items[&b"docker/null/"[..]];
    let znode = null.znode.as_ref().unwrap();
    assert_eq!((znode.null, znode.acl.as_ref()), (true, None));
    // ZooKeeper's counter goes below zero after 2^31 writes.
    let data = u64::from(u32::MAX);
    assert_eq!(null.versions, Some(ItemVersions { data, acl: 0 }));
    let plain = &listing.items[&b"docker/network/n1"[..]];
    assert_eq!(plain.znode, Some(ZnodeItem::default()));
    assert!(
        listing
            .left_out
            .iter()
            .all(|left| left.reason != LeftOutReason::AccessList)
    );

    nodes.put("/kv/docker/masked", "masked", 1);
    let listing = read(&[nodes], "/kv", "docker/").await.unwrap();
    let masked = LeftOut {
        reason: LeftOutReason::AccessList,
        name: "docker/masked".to_owned(),
    };
    assert!(listing.left_out.contains(&masked), "{listing:?}");
    assert!(masked.reason.is_fault());
}

#[tokio::test(start_paused = true)]
async fn only_nodes_with_the_prefix_are_requested() {
    let mut nodes = tree();
    nodes.put("/kv/secret", "forbidden", 1);
    for (prefix, want) in [
        (
            "docker/n",
            &["docker/network/", "docker/network/n1", "docker/nodes/"][..],
        ),
        ("docker/network/", &["docker/network/", "docker/network/n1"]),
        ("docker/network/n1", &["docker/network/n1"]),
        ("docker/network/n1/", &[]),
        ("nothing/here", &[]),
        ("docker//network", &[]),
        ("../zookeeper/", &[]),
        ("/docker/", &[]),
    ] {
        let listing = read(&[nodes.clone()], "/kv", prefix).await.unwrap();
        let found = keys(&listing).into_iter().map(|(key, _)| key);
        assert_eq!(found.collect::<Vec<_>>(), want, "{prefix}");
    }
    let error = read(&[nodes.clone()], "/kv", "").await.unwrap_err();
    let line = "ZooKeeper does not permit this client to read /kv/secret: give --from-user";
    assert!(error.to_string().starts_with(line), "{error}");
    let error = read(&[nodes], "/other", "").await.unwrap_err();
    assert_eq!(error.to_string(), "ZooKeeper at zk:1 has no /other");
}

#[tokio::test(start_paused = true)]
async fn changing_nodes_are_read_again_and_reported_at_the_end() {
    let mut changed = tree();
    changed
        .0
        .get_mut("/kv/docker/network/n1")
        .unwrap()
        .1
        .modified = 101;
    let listing = read(&[changed.clone(), tree()], "/kv", "").await.unwrap();
    assert_eq!((listing.index, listing.left_out.len()), (Some(100), 2));

    let mut children = tree();
    children.0.get_mut("/kv/both").unwrap().1.children_modified = 101;
    let passes = [children.clone(), changed, children];
    let listing = read(&passes, "/kv", "").await.unwrap();
    assert_eq!(listing.index, None);
    let changing = LeftOut {
        reason: LeftOutReason::Changing,
        name: "both".to_owned(),
    };
    assert!(listing.left_out.contains(&changing), "{listing:?}");
    assert!(LeftOutReason::Changing.is_fault());
}

#[tokio::test(start_paused = true)]
async fn locks_are_reported_with_their_holder() {
    let mut nodes = tree();
    nodes.put("/kv/lock", "value", 1);
    for (path, owner) in [
        ("/kv/lock/_c_ff-lock-0000000002", 0x22),
        ("/kv/lock/_c_00-lock-0000000010", 0x33),
        ("/kv/docker/nodes/n-0000000001", 0x44),
        ("/kv/lock/_c_11-lock-000000001x", 0x55),
    ] {
        nodes.put(path, "", 1).ephemeral_owner = owner;
    }
    let listing = read(&[nodes], "/kv", "").await.unwrap();
    let named = |left: LeftOutReason| {
        let all = listing.left_out.iter().filter(|one| one.reason == left);
        all.map(|one| one.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(named(LeftOutReason::Lock), ["lock (by 0x22)"]);
    assert_eq!(named(LeftOutReason::Session).len(), 5);
    assert_eq!(listing.items[&b"lock"[..]].value, "value");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_replies_never_panic_or_hang(
        answers in vec((0_i32..4, any::<i64>(), prop_oneof![Just(0), any::<i32>()], vec(any::<u8>(), 0..90)), 1..6),
        raw: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut session, mut server) = session(12).await;
            for (xid, zxid, error, rest) in answers {
                let whole = frame(|to| {
                    ReplyHeader { xid, zxid, error }.write(to);
                    for byte in &rest {
                        to.bool(*byte == 1);
                    }
                });
                server.send(if raw { &rest } else { &whole }).await;
            }
            server.stream.shutdown().await.unwrap();
            let mut listing = Listing::default();
            let reading = read_passes(&mut session, "", "", &mut listing);
            let read = tokio::time::timeout(Duration::from_secs(600), reading).await;
            assert!(read.is_ok(), "it waits for ever");
        });
    }
}
