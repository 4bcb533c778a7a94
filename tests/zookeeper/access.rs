//! Access lists, and the identities that they name.

use std::net::SocketAddr;

use kubekv::wire::zookeeper::{
    AclEntry, AclReply, CreateRequest, CreateTtlRequest, CreatedReply, ErrorCode, Identities,
    MultiOperation, NodePath, OpCode, SetAclRequest, Stat,
};
use support::zookeeper::ZooKeeper;

use crate::client::{Client, acl, create_of, open, versioned, watchable};
use crate::server::Face;

/// `me:secret`, hashed.
const ME: &str = "me:016djjlksVQS5RgX3M7biBGyYwY=";

async fn restricted(client: &mut Client, path: &str, permissions: i32) {
    let request = CreateRequest {
        acl: vec![acl(permissions, "world", "anyone"), acl(31, "digest", ME)],
        ..create_of(path, Some(b"x"), 0)
    };
    client.call(OpCode::Create, &request).await.unwrap();
}

#[tokio::test]
async fn each_operation_needs_its_permission() {
    let face = Face::in_memory().await;
    let mut other = Client::connect(face.address).await;
    let mut me = Client::connect(face.address).await;
    assert_eq!(me.auth("digest", b"me:secret").await, 0);
    restricted(&mut other, "/none", 0).await;
    me.create("/none/a", b"", 0).await.unwrap();
    let denied = Err(ErrorCode::NoAuth);
    assert_eq!(other.stat("/none").await.map(|_| ()), denied);
    assert_eq!(other.get("/none", true).await.map(|_| ()), denied);
    assert_eq!(other.children("/none", true).await.map(|_| ()), denied);
    assert_eq!(other.set("/none", b"", 7).await.map(|_| ()), denied);
    assert_eq!(other.create("/none/b", b"", 0).await.map(|_| ()), denied);
    assert_eq!(other.delete("/none/a", 7).await, denied);
    // Not inherited: what is beneath may be read.
    other.stat("/none/a").await.unwrap();
    // The parent's list counts, not its own.
    restricted(&mut other, "/closed", 0).await;
    other.delete("/closed", -1).await.unwrap();
    me.set("/none", b"y", -1).await.unwrap();
    me.delete("/none/a", -1).await.unwrap();
    assert_eq!(other.told().await, []);
    // A transaction that is refused leaves nothing.
    let results = other.multi(vec![
        MultiOperation::Create(create_of("/kept", None, 0)),
        MultiOperation::Check(versioned("/none", 1)),
    ]);
    let failed = kubekv::wire::zookeeper::MultiResult::Failed;
    assert_eq!(results.await, [failed(0), failed(-102)]);
    assert_eq!(other.stat("/kept").await, Err(ErrorCode::NoNode));
}

#[tokio::test]
async fn hashes_are_hidden_from_who_may_not_administer() {
    let face = Face::in_memory().await;
    let mut other = Client::connect(face.address).await;
    restricted(&mut other, "/a", 1).await;
    let path = NodePath("/a".to_owned());
    let read: AclReply = other.ask(OpCode::GetAcl, &path).await.unwrap();
    assert_eq!(read.list[1], acl(31, "digest", "me:x"));
    assert_eq!(other.auth("digest", b"me:secret").await, 0);
    let read: AclReply = other.ask(OpCode::GetAcl, &path).await.unwrap();
    assert_eq!(read.list[1], acl(31, "digest", ME));
    let me: Identities = other.ask(OpCode::WhoAmI, &()).await.unwrap();
    assert_eq!(me.0[1], ("digest".to_owned(), "me".to_owned()));
}

#[tokio::test]
async fn auth_is_applied_to_the_requests_behind_it() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let mine = CreateRequest {
        acl: vec![acl(31, "auth", "")],
        ..create_of("/mine", None, 0)
    };
    let failed = client.call(OpCode::Create, &mine).await;
    assert_eq!(failed, Err(ErrorCode::InvalidAcl));
    // Both at once.
    let packet = kubekv::wire::zookeeper::AuthPacket {
        kind: 0,
        scheme: "digest".to_owned(),
        credentials: Some(kubekv::wire::zookeeper::Secret(b"me:secret".to_vec())),
    };
    let auth = crate::client::request_frame(-4, OpCode::Auth.number(), &packet);
    let create = crate::client::request_frame(9, OpCode::Create.number(), &mine);
    client.send_bytes(&[auth, create].concat()).await;
    for xid in [-4, 9] {
        let (header, _) = client.reply().await.unwrap();
        assert_eq!((header.xid, header.error), (xid, 0));
    }
    let read: AclReply = client
        .ask(OpCode::GetAcl, &NodePath("/mine".to_owned()))
        .await
        .unwrap();
    assert_eq!(read.list, [acl(31, "digest", ME)]);
}

#[tokio::test]
async fn an_unknown_scheme_ends_the_connection_and_not_the_session() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    assert_eq!(client.auth("world", b"anyone").await, -115);
    assert!(client.frame().await.is_none());
    let request = crate::client::again(&client.response);
    let mut again = Client::connect_with(face.address, &request).await.unwrap();
    assert_eq!(again.response.session, request.session);
    again.stat("/").await.unwrap();
}

#[tokio::test]
async fn no_list_binds_the_super_user() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let closed = CreateRequest {
        acl: vec![acl(0, "world", "anyone")],
        ..create_of("/a", Some(b"x"), 0)
    };
    client.call(OpCode::Create, &closed).await.unwrap();
    assert!(client.get("/a", false).await.is_err());
    assert_eq!(client.auth("digest", b"super:secret").await, 0);
    assert_eq!(
        client.get("/a", false).await.unwrap().data,
        Some(b"x".to_vec())
    );
}

#[tokio::test]
async fn events_go_only_to_who_may_read() {
    let face = Face::in_memory().await;
    let mut watcher = Client::connect(face.address).await;
    let mut me = Client::connect(face.address).await;
    me.auth("digest", b"me:secret").await;
    watcher.exists("/a", true).await.unwrap_err();
    watcher.add_watch("/", 1).await;
    restricted(&mut me, "/a", 0).await;
    me.set("/a", b"1", -1).await.unwrap();
    me.create("/a/open", b"", 0).await.unwrap();
    me.delete("/a/open", -1).await.unwrap();
    me.delete("/a", -1).await.unwrap();
    let told = watcher.told().await;
    assert_eq!(told, [(1, "/a/open".to_owned()), (2, "/a/open".to_owned())]);
}

async fn set_acl(
    client: &mut Client,
    path: &str,
    list: Vec<AclEntry>,
    version: i32,
) -> Result<Stat, ErrorCode> {
    let request = SetAclRequest {
        path: path.to_owned(),
        acl: list,
        acl_version: version,
    };
    client.ask(OpCode::SetAcl, &request).await
}

/// What a server answers to requests that fail for more than one reason, and to a few that do not fail. The numbers are those of
/// the errors; 0 is none.
#[expect(clippy::too_many_lines, reason = "one list of requests, in order")]
async fn first_errors(address: SocketAddr) -> Vec<(String, i32)> {
    let mut other = Client::connect(address).await;
    let mut me = Client::connect(address).await;
    me.auth("digest", b"me:secret").await;
    restricted(&mut me, "/none", 0).await;
    me.create("/none/a", b"", 0).await.unwrap();
    let mut answers = Vec::new();
    let mut note = |name: &str, answer: Result<(), ErrorCode>| {
        answers.push((
            name.to_owned(),
            answer.map_or_else(ErrorCode::number, |()| 0),
        ));
    };
    let none = |path: &str, flags: i32, list: Vec<AclEntry>| CreateRequest {
        acl: list,
        ..create_of(path, Some(b""), flags)
    };
    for (name, request) in [
        ("create: flags before path", none("bad", 9, vec![])),
        ("create: path before list", none("bad", 0, vec![])),
        ("create: list before parent", none("/no/x", 0, vec![])),
        (
            "create: parent before permission",
            none("/none/b/x", 0, open()),
        ),
        (
            "create: permission before full path",
            none("/none/.", 0, open()),
        ),
        (
            "create: permission before existence",
            none("/none/a", 0, open()),
        ),
        (
            "create: an id of world",
            none("/x", 0, vec![acl(31, "world", "me")]),
        ),
        (
            "create: auth of nobody",
            none("/x", 0, vec![acl(31, "auth", "")]),
        ),
    ] {
        let answer = other.call(OpCode::Create, &request).await;
        note(name, answer.map(|_| ()));
    }
    for (name, path, version) in [
        ("delete: path before parent", "bad", 0),
        ("delete: parent before permission", "/none/b/x", 0),
        ("delete: permission before existence", "/none/b", 0),
        ("delete: permission before version", "/none/a", 7),
    ] {
        note(name, other.delete(path, version).await);
    }
    for (name, path, version) in [
        ("set: path before existence", "bad", 7),
        ("set: existence before permission", "/none/b", 7),
        ("set: permission before version", "/none", 7),
        ("set: config is nobody's", "/zookeeper/config", -1),
    ] {
        let answer = other.set(path, b"", version).await;
        note(name, answer.map(|_| ()));
    }
    for (name, path, list, version) in [
        ("set list: path before list", "bad", vec![], 7),
        ("set list: list before existence", "/no", vec![], 7),
        ("set list: existence before permission", "/no", open(), 7),
        ("set list: permission before version", "/none", open(), 7),
        (
            "set list: config is nobody's",
            "/zookeeper/config",
            open(),
            -1,
        ),
    ] {
        note(
            name,
            set_acl(&mut other, path, list, version).await.map(|_| ()),
        );
    }
    for (name, path) in [
        ("get: denied", "/none"),
        ("get: not inherited", "/none/a"),
        ("get: config", "/zookeeper/config"),
        ("get: quota", "/zookeeper/quota"),
    ] {
        note(name, other.get(path, true).await.map(|_| ()));
    }
    note(
        "children: denied",
        other.children("/none", true).await.map(|_| ()),
    );
    let closed = NodePath("/none".to_owned());
    let list = other.call(OpCode::GetAcl, &closed);
    note("get list: denied", list.await.map(|_| ()));
    let admin = vec![acl(16, "world", "anyone")];
    note(
        "set list",
        set_acl(&mut me, "/none", admin, 0).await.map(|_| ()),
    );
    let list = other.call(OpCode::GetAcl, &closed);
    note("get list: who may administer", list.await.map(|_| ()));
    note(
        "set list: version",
        set_acl(&mut other, "/none", open(), 0).await.map(|_| ()),
    );
    note(
        "set list: next version",
        set_acl(&mut other, "/none", open(), 1).await.map(|_| ()),
    );
    let synced = other.call(OpCode::Sync, &closed);
    note("sync asks nothing", synced.await.map(|_| ()));
    answers
}

#[tokio::test]
async fn the_first_error_is_the_one_that_zookeeper_finds_first() {
    let face = Face::in_memory().await;
    let errors: Vec<_> = first_errors(face.address).await;
    let errors: Vec<_> = errors
        .iter()
        .map(|(name, error)| (name.as_str(), *error))
        .collect();
    assert_eq!(
        errors,
        [
            ("create: flags before path", -8),
            ("create: path before list", -8),
            ("create: list before parent", -114),
            ("create: parent before permission", -101),
            ("create: permission before full path", -102),
            ("create: permission before existence", -102),
            ("create: an id of world", -114),
            ("create: auth of nobody", -114),
            ("delete: path before parent", -8),
            ("delete: parent before permission", -101),
            ("delete: permission before existence", -102),
            ("delete: permission before version", -102),
            ("set: path before existence", -8),
            ("set: existence before permission", -101),
            ("set: permission before version", -102),
            ("set: config is nobody's", -102),
            ("set list: path before list", -8),
            ("set list: list before existence", -114),
            ("set list: existence before permission", -101),
            ("set list: permission before version", -102),
            ("set list: config is nobody's", -102),
            ("get: denied", -102),
            ("get: not inherited", 0),
            ("get: config", 0),
            ("get: quota", 0),
            ("children: denied", -102),
            ("get list: denied", -102),
            ("set list", 0),
            ("get list: who may administer", 0),
            ("set list: version", -103),
            ("set list: next version", 0),
            ("sync asks nothing", 0),
        ]
    );
}

#[tokio::test]
#[ignore = "needs ZooKeeper: tests/run"]
async fn a_real_zookeeper_finds_the_same_errors_first() {
    let real = ZooKeeper::start();
    let face = Face::in_memory().await;
    assert_eq!(
        first_errors(face.address).await,
        first_errors(real.address).await
    );
}

#[tokio::test]
async fn root_has_data_and_a_list_as_any_node() {
    let directory = tempfile::tempdir().unwrap();
    let face = Face::on_disk(directory.path()).await;
    let mut client = Client::connect(face.address).await;
    let first = client.get("/", true).await.unwrap();
    assert_eq!((first.data, first.stat.version), (Some(Vec::new()), 0));
    let set = client.set("/", b"x", 0).await.unwrap();
    assert_eq!(
        (set.version, set.acl_version, set.created, set.length),
        (1, 0, 0, 1)
    );
    assert!(set.modified > 0 && set.mtime_ms > 0);
    assert_eq!(client.told().await, [(3, "/".to_owned())]);
    assert_eq!(client.set("/", b"y", 0).await, Err(ErrorCode::BadVersion));
    client.create("/a", b"", 0).await.unwrap();
    let closed = set_acl(&mut client, "/", vec![acl(1 | 2, "world", "anyone")], 0)
        .await
        .unwrap();
    assert_eq!(
        (closed.acl_version, closed.version, closed.modified),
        (1, 1, set.modified)
    );
    let denied = Err(ErrorCode::NoAuth);
    assert_eq!(client.create("/b", b"", 0).await.map(|_| ()), denied);
    assert_eq!(client.delete("/a", -1).await, denied);
    assert_eq!(
        set_acl(&mut client, "/", open(), -1).await.map(|_| ()),
        denied
    );
    client.set("/zookeeper/quota", b"q", -1).await.unwrap();
    let config = client.get("/zookeeper/config", false).await.unwrap();
    assert_eq!(
        (config.data, config.stat.acl_version),
        (Some(Vec::new()), -1)
    );
    // It is kept.
    drop(client);
    face.close().await;
    let face = Face::on_disk(directory.path()).await;
    let mut client = Client::connect(face.address).await;
    let read = client.get("/", false).await.unwrap();
    assert_eq!(
        (read.data, read.stat.version, read.stat.acl_version),
        (Some(b"x".to_vec()), 1, 1)
    );
    assert_eq!((read.stat.created, read.stat.modified), (0, set.modified));
    assert_eq!(client.create("/b", b"", 0).await.map(|_| ()), denied);
    client.auth("digest", b"super:secret").await;
    set_acl(&mut client, "/", open(), 1).await.unwrap();
    client.create("/b", b"", 0).await.unwrap();
    // Fixed for that user too: nothing that is accepted comes to nothing.
    let config = "/zookeeper/config";
    assert_eq!(client.set(config, b"x", -1).await.map(|_| ()), denied);
    let listed = set_acl(&mut client, config, open(), -1).await;
    assert_eq!(listed.map(|_| ()), denied);
    let path = NodePath(config.to_owned());
    let read: AclReply = client.ask(OpCode::GetAcl, &path).await.unwrap();
    assert_eq!(
        (read.list, read.stat.acl_version),
        (vec![acl(1, "world", "anyone")], -1)
    );
    face.close().await;
}

#[tokio::test]
async fn every_kind_of_node_is_created_with_its_list() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.auth("digest", b"me:secret").await;
    let node = |path: &str, flags: i32| CreateRequest {
        acl: vec![acl(1, "world", "anyone"), acl(31, "auth", "")],
        ..create_of(path, None, flags)
    };
    let mut made = Vec::new();
    for (op, flags) in [
        (OpCode::Create2, 0),
        (OpCode::Create2, 3),
        (OpCode::CreateContainer, 4),
    ] {
        let path = format!("/n{}-", made.len());
        let reply: CreatedReply = client.ask(op, &node(&path, flags)).await.unwrap();
        made.push(reply.path);
    }
    let with_ttl = CreateTtlRequest {
        node: node("/ttl", 5),
        ttl_ms: 60_000,
    };
    let reply: CreatedReply = client.ask(OpCode::CreateTtl, &with_ttl).await.unwrap();
    made.push(reply.path);
    for path in made {
        let read: AclReply = client.ask(OpCode::GetAcl, &NodePath(path)).await.unwrap();
        assert_eq!(
            read.list,
            [acl(1, "world", "anyone"), acl(31, "digest", ME)]
        );
        assert_eq!(read.stat.acl_version, 0);
    }
}

#[tokio::test]
async fn watches_set_again_tell_nothing_of_what_may_not_be_read() {
    let face = Face::in_memory().await;
    let mut me = Client::connect(face.address).await;
    me.auth("digest", b"me:secret").await;
    restricted(&mut me, "/closed", 0).await;
    me.create("/open", b"", 0).await.unwrap();
    let mut watcher = Client::connect(face.address).await;
    let request = kubekv::wire::zookeeper::SetWatchesRequest {
        relative_zxid: 0,
        data: vec!["/closed".to_owned(), "/open".to_owned()],
        ..kubekv::wire::zookeeper::SetWatchesRequest::default()
    };
    watcher.call(OpCode::SetWatches, &request).await.unwrap();
    assert_eq!(watcher.told().await, [(3, "/open".to_owned())]);
    let seen = watcher
        .ask::<Stat>(OpCode::Exists, &watchable("/closed", false))
        .await;
    assert_eq!(seen, Err(ErrorCode::NoAuth));
}
