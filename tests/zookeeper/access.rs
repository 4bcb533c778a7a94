//! Access lists, and the identities that they name.

use kubekv::wire::zookeeper::{
    AclReply, CreateRequest, ErrorCode, Identities, MultiOperation, NodePath, OpCode,
};

use crate::client::{Client, acl, create_of, versioned};
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
