//! Against a server that does what no ZooKeeper can be made to do on demand.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::passes as passes_of;
use super::session::{NoSession, Session};
use super::*;
use crate::model::DirMark;
use crate::transfer::LeftOut;
use crate::wire::zookeeper::{
    AclEntry, AclReply, ChildrenReply, ConnectRequest, ConnectResponse, DataReply, Record,
    ReplyHeader, RequestHeader, Secret, Writer, take, xid,
};

fn frame(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut to = Writer::default();
    write(&mut to);
    to.frame().unwrap()
}

fn reply(xid: i32, zxid: i64, error: i32, answer: &impl Record) -> Vec<u8> {
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
    /// The next frame; none where the client has gone.
    async fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = take(&mut self.input, 1 << 20).unwrap() {
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
        assert_eq!((request.session, request.read_only), (0, false));
        let response = ConnectResponse {
            version: 0,
            timeout_ms,
            session,
            password: Secret(vec![7; 16]),
            read_only,
        };
        self.send(&frame(|to| response.write(to))).await;
    }
}

fn ends() -> (DuplexStream, Server) {
    let (ours, stream) = duplex(1 << 16);
    let input = BytesMut::new();
    (ours, Server { stream, input })
}

/// What became of a session's beginning.
async fn begun(stream: DuplexStream) -> String {
    match Session::open(stream, "zk:1").await {
        Ok(_) => "begun".to_owned(),
        Err(NoSession::Closed) => "closed".to_owned(),
        Err(NoSession::Other(error)) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_gives_no_session_is_said_to_give_none() {
    for (timeout_ms, id, read_only, want) in [
        (30_000, 1, false, "begun"),
        (0, 1, false, "it gives no session"),
        (30_000, 0, false, "it gives no session"),
        (-1, 1, false, "it gives no session"),
        (30_000, 1, true, "it is cut off from the others"),
    ] {
        let (ours, mut server) = ends();
        let (said, ()) = tokio::join!(begun(ours), server.welcome(timeout_ms, id, read_only));
        assert!(said.contains(want), "{said}");
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
        let (ours, mut server) = ends();
        server.send(bytes).await;
        server.stream.shutdown().await.unwrap();
        let said = begun(ours).await;
        assert!(said.contains(want), "{said}");
    }
    let (ours, _silent) = ends();
    let said = begun(ours).await;
    assert!(said.contains("zk:1: it does not answer"), "{said}");
}

/// A session of so many seconds, and the server's end of it.
async fn session(seconds: i32) -> (Session<DuplexStream>, Server) {
    let (ours, mut server) = ends();
    let opening = Session::open(ours, "zk:1");
    let (session, ()) = tokio::join!(opening, server.welcome(seconds * 1_000, 1, false));
    (session.unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_session_while_an_answer_takes_long() {
    let (mut session, mut server) = session(12).await;
    let serving = async {
        let asked = RequestHeader::parse(&server.frame().await.unwrap()[..8]).unwrap();
        // Every 4 s; the answers to them are what keeps the client waiting.
        for _ in 0..10 {
            let ping = RequestHeader::parse(&server.frame().await.unwrap()).unwrap();
            assert_eq!((ping.xid, ping.op), (xid::PING, Op::Ping.number()));
            server.send(&reply(xid::PING, 5, 0, &())).await;
        }
        let path = Path("/".to_owned());
        server.send(&reply(asked.xid, 6, 0, &path)).await;
    };
    let root = Path("/".to_owned());
    let asking = session.once::<Path>(Op::Sync, &root);
    let (answer, ()) = tokio::join!(asking, serving);
    assert_eq!(answer.unwrap(), (Ok(Path("/".to_owned())), 6));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_is_said_to_be() {
    let root = Path("/".to_owned());
    let (mut silent, _server) = session(12).await;
    let error = silent.once::<Path>(Op::Sync, &root).await.unwrap_err();
    let want = "lost the session with ZooKeeper at zk:1: it does not answer; run this again";
    assert_eq!(error, Error::Unreachable(want.to_owned()));
    for (answer, want) in [
        (reply(1, 1, -112, &()), "it has ended the session"),
        (Vec::new(), "it closed the connection"),
        (reply(2, 1, 0, &()), "an answer to nothing that was asked"),
        (b"\0\0\0\x02ab".to_vec(), "it ends too early"),
        (b"\xff\xff\xff\xffab".to_vec(), "a frame of -1 bytes"),
        (b"\x7f\xff\xff\xffab".to_vec(), "64 MiB is the most"),
    ] {
        let (mut session, mut server) = session(12).await;
        server.send(&answer).await;
        server.stream.shutdown().await.unwrap();
        let error = session.once::<Path>(Op::Sync, &root).await.unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
}

/// Nodes as a server has them.
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

    fn answer(&self, zxid: i64, asked: &[u8]) -> Option<Vec<u8>> {
        let header = RequestHeader::parse(&asked[..8]).unwrap();
        let mut rest = crate::wire::zookeeper::Reader::new(&asked[8..]);
        let path = rest.text().unwrap_or_default().to_owned();
        let Some((data, stat)) = self.0.get(&*path) else {
            return Some(reply(header.xid, zxid, -101, &()));
        };
        let names = self.names(&path);
        let stat = Stat {
            children: names.len().try_into().unwrap(),
            ..*stat
        };
        Some(match Op::of(header.op)? {
            Op::Sync => reply(header.xid, zxid, 0, &Path(path)),
            Op::Exists => reply(header.xid, zxid, 0, &stat),
            Op::GetData if *data == "forbidden" => reply(header.xid, zxid, -102, &()),
            Op::GetData => {
                let data = data.as_bytes().to_vec();
                reply(header.xid, zxid, 0, &DataReply { data, stat })
            }
            Op::GetChildren2 => reply(header.xid, zxid, 0, &ChildrenReply { names, stat }),
            Op::GetAcl => {
                let world = AclEntry {
                    permissions: 31,
                    scheme: "world".to_owned(),
                    id: "anyone".to_owned(),
                };
                reply(
                    header.xid,
                    zxid,
                    0,
                    &AclReply {
                        list: vec![world],
                        stat,
                    },
                )
            }
            Op::Ping | Op::Auth | Op::CloseSession => return None,
        })
    }
}

/// What is read of nodes that are as these say one after the other, whenever a pass begins.
async fn read(passes: &[Nodes], chroot: &str, prefix: &str) -> Result<Listing, Error> {
    let (mut session, mut server) = session(12).await;
    let mut listing = Listing::default();
    let serving = async {
        let (mut passes, mut nodes) = (passes.iter(), &Nodes::default());
        while let Some(asked) = server.frame().await {
            if RequestHeader::parse(&asked[..8]).unwrap().op == Op::Sync.number() {
                nodes = passes.next().unwrap();
            }
            server.send(&nodes.answer(100, &asked).unwrap()).await;
        }
    };
    let reading = async {
        let read = passes_of(&mut session, chroot, prefix, &mut listing).await;
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
async fn a_pass_without_changes_is_as_of_the_change_it_began_after() {
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
    let left = |left, name: &str| LeftOut {
        left,
        name: name.to_owned(),
    };
    let lent = "docker/nodes/10.0.0.7:2376 (by 0xabc)";
    let left_out = [left(Left::Session, "0xabc"), left(Left::Ephemeral, lent)];
    assert_eq!(listing.left_out, left_out);

    let whole = read(&[tree()], "", "").await.unwrap();
    assert_eq!(whole.items[&b"kv"[..]].value, "of the chroot");
    assert!(!whole.items.keys().any(|key| key.starts_with(b"zookeeper")));
}

#[tokio::test(start_paused = true)]
async fn only_what_a_prefix_concerns_is_asked_for() {
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
    let line = "ZooKeeper lets nobody read /kv/secret who is not named there: give --from-user";
    assert!(error.to_string().starts_with(line), "{error}");
    let error = read(&[nodes], "/other", "").await.unwrap_err();
    assert_eq!(error.to_string(), "ZooKeeper at zk:1 has no /other");
}

#[tokio::test(start_paused = true)]
async fn what_changes_meanwhile_is_read_again_and_named_in_the_end() {
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
        left: Left::Changing,
        name: "both".to_owned(),
    };
    assert!(listing.left_out.contains(&changing), "{listing:?}");
    assert!(Left::Changing.is_fault());
}

#[tokio::test(start_paused = true)]
async fn locks_are_named_by_who_holds_them() {
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
    let named = |left: Left| {
        let all = listing.left_out.iter().filter(|one| one.left == left);
        all.map(|one| one.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(named(Left::Lock), ["lock (by 0x22)"]);
    assert_eq!(named(Left::Session).len(), 5);
    assert_eq!(listing.items[&b"lock"[..]].value, "value");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_does_harm(
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
            let reading = passes_of(&mut session, "", "", &mut listing);
            let read = tokio::time::timeout(Duration::from_secs(600), reading).await;
            assert!(read.is_ok(), "it waits for ever");
        });
    }
}
