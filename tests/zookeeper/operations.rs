//! Operations on nodes, and their errors in the order of the real server's checks.

use kubekv::wire::zookeeper::{
    AclEntry, AclReply, ChildNames, CreateRequest, CreateTtlRequest, CreatedReply, EphemeralPaths,
    EphemeralPrefix, ErrorCode, Identities, NodeCount, NodePath, OpCode, SetAclRequest, xid,
};

use crate::client::{Client, acl, create_of, data_of, open, request_frame, versioned, watchable};
use crate::server::Face;

async fn client() -> (Face, Client) {
    let face = Face::in_memory().await;
    let client = Client::connect(face.address).await;
    (face, client)
}

#[tokio::test]
async fn nodes_are_created_read_set_and_deleted() {
    let (_face, mut client) = client().await;
    assert_eq!(client.create("/a", b"1", 0).await.unwrap(), "/a");
    assert_eq!(client.create("/a/b", b"2", 0).await.unwrap(), "/a/b");
    let read = client.get("/a", false).await.unwrap();
    assert_eq!(read.data.as_deref(), Some(&b"1"[..]));
    let set = client.set("/a", b"longer", 0).await.unwrap();
    assert_eq!((set.version, set.length, set.children), (1, 6, 1));
    assert_eq!(client.stat("/a").await.unwrap(), set);
    assert_eq!(
        client.children("/", false).await.unwrap(),
        ["a", "zookeeper"]
    );
    let names: ChildNames = client
        .ask(OpCode::GetChildren, &watchable("/a", false))
        .await
        .unwrap();
    assert_eq!(names.0, ["b"]);
    client.delete("/a/b", 0).await.unwrap();
    client.delete("/a", -1).await.unwrap();
    assert_eq!(client.stat("/a").await, Err(ErrorCode::NoNode));
}

#[tokio::test]
async fn null_data_is_not_empty_data() {
    let (_face, mut client) = client().await;
    let request = create_of("/null", None, 0);
    client.call(OpCode::Create, &request).await.unwrap();
    client.create("/empty", b"", 0).await.unwrap();
    assert_eq!(client.get("/null", false).await.unwrap().data, None);
    assert_eq!(
        client.get("/empty", false).await.unwrap().data,
        Some(Vec::new())
    );
    client.set("/null", b"", -1).await.unwrap();
    assert_eq!(
        client.get("/null", false).await.unwrap().data,
        Some(Vec::new())
    );
}

#[tokio::test]
async fn a_create_fails_at_the_first_check_that_the_real_server_makes() {
    let (_face, mut client) = client().await;
    client.create("/a", b"", 0).await.unwrap();
    client.create("/e", b"", 1).await.unwrap();
    let bad_acl = || CreateRequest {
        acl: Vec::new(),
        ..create_of("/none/.", None, 0)
    };
    for (request, error) in [
        (
            CreateRequest {
                flags: 9,
                ..bad_acl()
            },
            ErrorCode::BadArguments,
        ),
        (
            CreateRequest {
                flags: 5,
                ..bad_acl()
            },
            ErrorCode::BadArguments,
        ),
        (
            CreateRequest {
                path: "x".to_owned(),
                ..bad_acl()
            },
            ErrorCode::BadArguments,
        ),
        (bad_acl(), ErrorCode::InvalidAcl),
        (create_of("/none/.", None, 0), ErrorCode::NoNode),
        (create_of("/a/.", None, 0), ErrorCode::BadArguments),
        (create_of("/a", None, 0), ErrorCode::NodeExists),
        (create_of("/", None, 0), ErrorCode::NodeExists),
        (
            create_of("/e/x", None, 0),
            ErrorCode::NoChildrenForEphemerals,
        ),
        (create_of("/a\u{1f600}", None, 0), ErrorCode::BadArguments),
    ] {
        let failed = client.call(OpCode::Create, &request).await;
        assert_eq!(failed, Err(error), "{request:?}");
    }
    // Nothing of that was done.
    assert_eq!(
        client.children("/a", false).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn deletes_sets_and_lists_fail_in_order() {
    let (_face, mut client) = client().await;
    client.create("/a", b"", 0).await.unwrap();
    client.create("/a/b", b"", 0).await.unwrap();
    for (path, version, error) in [
        ("a", -1, ErrorCode::BadArguments),
        ("/", -1, ErrorCode::BadArguments),
        ("/zookeeper", -1, ErrorCode::BadArguments),
        ("/zookeeper/quota", -1, ErrorCode::BadArguments),
        ("/none/x", -1, ErrorCode::NoNode),
        ("/none", -1, ErrorCode::NoNode),
        ("/a", 1, ErrorCode::BadVersion),
        ("/a", -2, ErrorCode::BadVersion),
        ("/a", 0, ErrorCode::NotEmpty),
    ] {
        assert_eq!(
            client.delete(path, version).await,
            Err(error),
            "{path} {version}"
        );
    }
    for (path, version, error) in [
        ("a", -1, ErrorCode::BadArguments),
        ("/a/", -1, ErrorCode::BadArguments),
        ("/none", 3, ErrorCode::NoNode),
        ("/a", 3, ErrorCode::BadVersion),
        ("/a", -2, ErrorCode::BadVersion),
        ("/zookeeper/config", -1, ErrorCode::NoAuth),
    ] {
        assert_eq!(
            client.set(path, b"", version).await,
            Err(error),
            "{path} {version}"
        );
    }
    for path in [
        "",
        "/",
        "/zookeeper",
        "/zookeeper/config",
        "/zookeeper/quota",
    ] {
        client.stat(path).await.unwrap();
    }
    for path in ["a", "/a/", "//", "/.", "/\u{1}"] {
        assert_eq!(client.stat(path).await, Err(ErrorCode::NoNode), "{path}");
        assert_eq!(
            client.get(path, false).await.unwrap_err(),
            ErrorCode::NoNode
        );
        assert_eq!(client.children(path, false).await, Err(ErrorCode::NoNode));
    }
    assert_eq!(client.stat("/a\0").await, Err(ErrorCode::BadArguments));
}

#[tokio::test]
async fn sequence_numbers_count_the_children_ever_created() {
    let (_face, mut client) = client().await;
    client.create("/q", b"", 0).await.unwrap();
    assert_eq!(client.create("/q/", b"", 2).await.unwrap(), "/q/0000000000");
    assert_eq!(
        client.create("/q/n-", b"", 3).await.unwrap(),
        "/q/n-0000000001"
    );
    // Plain ones count, deleted ones do not lower it, refused ones do not raise it.
    client.create("/q/plain", b"", 0).await.unwrap();
    assert!(client.create("/q/plain", b"", 0).await.is_err());
    client.delete("/q/0000000000", -1).await.unwrap();
    assert_eq!(
        client.create("/q/n-", b"", 2).await.unwrap(),
        "/q/n-0000000003"
    );
    assert_eq!(client.create("/s", b"", 2).await.unwrap(), "/s0000000001");
}

#[tokio::test]
async fn the_other_creates_answer_with_the_metadata() {
    let (_face, mut client) = client().await;
    let made = client.create2("/a", b"xy", 0).await.unwrap();
    assert_eq!((made.path.as_str(), made.stat.length), ("/a", 2));
    assert_eq!(client.stat("/a").await.unwrap(), made.stat);
    assert_eq!(made.stat.created, client.zxid);
    let container = create_of("/c", Some(b""), 4);
    let made: CreatedReply = client
        .ask(OpCode::CreateContainer, &container)
        .await
        .unwrap();
    assert_eq!(made.stat.ephemeral_owner, 0);
    let with_ttl = CreateTtlRequest {
        node: create_of("/t", Some(b""), 5),
        ttl_ms: 60_000,
    };
    let made: CreatedReply = client.ask(OpCode::CreateTtl, &with_ttl).await.unwrap();
    assert_eq!((made.path.as_str(), made.stat.ephemeral_owner), ("/t", 0));
    let without = CreateTtlRequest {
        ttl_ms: 0,
        ..with_ttl
    };
    let failed = client.call(OpCode::CreateTtl, &without).await;
    assert_eq!(failed, Err(ErrorCode::BadArguments));
    let ephemeral = client.create2("/e", b"", 1).await.unwrap();
    assert_eq!(ephemeral.stat.ephemeral_owner, client.response.session);
}

#[tokio::test]
async fn access_lists_are_set_by_their_version() {
    let (_face, mut client) = client().await;
    let made = client.create2("/a", b"", 0).await.unwrap();
    let path = NodePath("/a".to_owned());
    let read: AclReply = client.ask(OpCode::GetAcl, &path).await.unwrap();
    assert_eq!((read.list, read.stat), (open(), made.stat));
    let request = |acl_version, list: &[AclEntry]| SetAclRequest {
        path: "/a".to_owned(),
        acl: list.to_vec(),
        acl_version,
    };
    let list = [acl(31, "world", "anyone"), acl(1, "ip", "10.0.0.0/8")];
    let stat: kubekv::wire::zookeeper::Stat = client
        .ask(OpCode::SetAcl, &request(0, &list))
        .await
        .unwrap();
    assert_eq!((stat.acl_version, stat.version), (1, 0));
    assert_eq!(stat.modified, made.stat.modified);
    let read: AclReply = client.ask(OpCode::GetAcl, &path).await.unwrap();
    assert_eq!((&read.list[..], read.stat), (&list[..], stat));
    for (version, list, error) in [
        (0, &list[..], ErrorCode::BadVersion),
        (0, &[], ErrorCode::InvalidAcl),
        (-1, &[acl(1, "world", "x")], ErrorCode::InvalidAcl),
    ] {
        let failed = client.call(OpCode::SetAcl, &request(version, list)).await;
        assert_eq!(failed, Err(error));
    }
}

#[tokio::test]
async fn lists_of_ephemerals_counts_and_identities_are_answered() {
    let (_face, mut client) = client().await;
    for (path, flags) in [
        ("/a", 0),
        ("/a/b", 1),
        ("/a/c", 0),
        ("/a/c/d", 0),
        ("/e", 1),
    ] {
        client.create(path, b"", flags).await.unwrap();
    }
    let ask = |prefix: Option<&str>| EphemeralPrefix(prefix.map(str::to_owned));
    for (prefix, paths) in [
        (None, &["/a/b", "/e"][..]),
        (Some("/"), &["/a/b", "/e"]),
        (Some("/a"), &["/a/b"]),
        (Some("/x"), &[]),
    ] {
        let found: EphemeralPaths = client
            .ask(OpCode::GetEphemerals, &ask(prefix))
            .await
            .unwrap();
        assert_eq!(found.0, paths);
    }
    let count = |path: &str| NodePath(path.to_owned());
    let all: NodeCount = client
        .ask(OpCode::GetAllChildrenNumber, &count("/a"))
        .await
        .unwrap();
    assert_eq!(all.0, 3);
    let all: NodeCount = client
        .ask(OpCode::GetAllChildrenNumber, &count("/e"))
        .await
        .unwrap();
    assert_eq!(all.0, 0);
    let missing = client
        .call(OpCode::GetAllChildrenNumber, &count("/x"))
        .await;
    assert_eq!(missing, Err(ErrorCode::NoNode));
    let me: Identities = client.ask(OpCode::WhoAmI, &()).await.unwrap();
    assert_eq!(me.0, [("ip".to_owned(), "127.0.0.1".to_owned())]);
    let synced: NodePath = client.ask(OpCode::Sync, &count("/a")).await.unwrap();
    assert_eq!(synced.0, "/a");
}

#[tokio::test]
async fn what_is_not_served_is_refused_as_the_real_server_refuses_it() {
    let (face, mut client) = client().await;
    // Members that join, that leave, all of them, and a version.
    let reconfig = [0xff; 20];
    let frame = [&[0, 0, 0, 28, 0, 0, 0, 5, 0, 0, 0, 16][..], &reconfig].concat();
    client.send_bytes(&frame).await;
    let (header, _) = client.reply().await.unwrap();
    assert_eq!((header.xid, header.error), (5, -123));
    for (op, error) in [
        (13, Some(-6)),
        (20, Some(-6)),
        (999, Some(-6)),
        (-1, Some(-6)),
        (102, None),
    ] {
        let mut client = Client::connect(face.address).await;
        client
            .send_bytes(&request_frame(1, op, &versioned("/", -1)))
            .await;
        let answer = client.reply().await.map(|(header, _)| header);
        let wanted = error.map(|error| (error, -1));
        assert_eq!(
            answer.map(|header| (header.error, header.zxid)),
            wanted,
            "{op}"
        );
        assert!(client.frame().await.is_none(), "{op}");
    }
}

#[tokio::test]
async fn requests_are_read_as_leniently_as_the_real_server_reads_them() {
    let (_face, mut client) = client().await;
    // Without its path; a path that is null; a length that is too long.
    for body in [
        &[][..],
        &[0xff; 4],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 1],
    ] {
        let length = u32::try_from(8 + body.len()).unwrap().to_be_bytes();
        let frame = [&length[..], &[0, 0, 0, 9, 0, 0, 0, 4], body].concat();
        client.send_bytes(&frame).await;
        let (header, _) = client.reply().await.unwrap();
        assert_eq!((header.xid, header.error), (9, -5), "{body:?}");
    }
    // A path that is null, to operations that check it before they look for its node.
    let no_list = SetAclRequest {
        path: String::new(),
        acl: open(),
        acl_version: -1,
    };
    for (mut frame, error) in [
        (request_frame(9, 5, &data_of("", b"x", -1)), -8),
        (request_frame(9, 7, &no_list), -8),
        (request_frame(9, 9, &NodePath(String::new())), 0),
        (request_frame(9, 17, &versioned("", 1)), -121),
        (request_frame(9, 18, &versioned("", 1)), -121),
        (request_frame(9, 106, &versioned("", 0)), 0),
    ] {
        // After the length and the header.
        frame[12..16].fill(0xff);
        client.send_bytes(&frame).await;
        let (header, _) = client.reply().await.unwrap();
        assert_eq!((header.xid, header.error), (9, error), "{frame:?}");
    }
    // A bool that is 7, bytes that follow, and the same number again.
    let mut frame = request_frame(9, OpCode::Exists.number(), &watchable("/", true));
    *frame.last_mut().unwrap() = 7;
    frame.extend([1, 2, 3]);
    frame[3] += 3;
    client.send_bytes(&frame).await;
    let (header, _) = client.reply().await.unwrap();
    assert_eq!((header.xid, header.error), (9, 0));
    // Not UTF-8.
    for (op, error) in [(4, -101), (1, -8)] {
        let mut frame = request_frame(0, op, &create_of("/x", None, 0));
        let at = frame.iter().position(|byte| *byte == b'x').unwrap();
        frame[at] = 0xff;
        client.send_bytes(&frame).await;
        let (header, _) = client.reply().await.unwrap();
        assert_eq!((header.xid, header.error), (0, error));
    }
}

#[tokio::test]
async fn pings_are_answered() {
    let (_face, mut client) = client().await;
    client.create("/a", b"", 0).await.unwrap();
    let zxid = client.zxid;
    client.send_bytes(&request_frame(-2, 11, &())).await;
    let (header, body) = client.reply().await.unwrap();
    assert_eq!(
        (header.xid, header.zxid, header.error),
        (xid::PING, zxid, 0)
    );
    assert!(body.is_empty());
}
