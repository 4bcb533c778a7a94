//! Nodes and the keys of other protocols.

use kubekv::model::{Caller, Key, Record};
use kubekv::space::{Draft, Lookup as _};
use kubekv::wire::zookeeper::{ErrorCode, OpCode};
use support::{faces, http_client};

use crate::client::{Client, create_of, data_of, request_frame, versioned};
use crate::server::Face;

/// Writes and deletes keys as another face does.
async fn change(face: &Face, puts: &[(&str, &str)], deletes: &[&str]) {
    let change = |draft: &mut Draft<'_>| {
        for (key, value) in puts {
            let key = Key::user(*key);
            let record = Record {
                value: value.as_bytes().to_vec().into(),
                ..draft.successor(&key)
            };
            draft.put(&key, record);
        }
        for key in deletes {
            draft.delete(&Key::user(*key));
        }
        Ok::<_, ()>(())
    };
    face.space.commit(&Caller::System, change).await.unwrap();
}

#[tokio::test]
async fn keys_of_others_are_nodes_and_so_are_their_parents() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.exists("/a", true).await.unwrap_err();
    client.exists("/a/b/c", true).await.unwrap_err();
    client.children("/", true).await.unwrap();
    change(&face, &[("a/b/c", "1")], &[]).await;
    let event = |kind, path: &str| (kind, path.to_owned());
    let told = client.told().await;
    assert_eq!(told, [event(1, "/a"), event(4, "/"), event(1, "/a/b/c")]);
    let implied = client.stat("/a").await.unwrap();
    assert_eq!(
        (implied.version, implied.children, implied.length),
        (0, 1, 0)
    );
    assert_eq!(
        implied.created,
        client.stat("/a/b/c").await.unwrap().created
    );
    assert_eq!(
        client.get("/a", false).await.unwrap().data,
        Some(Vec::new())
    );
    assert_eq!(client.children("/a/b", false).await.unwrap(), ["c"]);
    // Written here, it is an entry: as old as it was.
    let set = client.set("/a", b"x", 0).await.unwrap();
    assert_eq!(
        (set.version, set.created, set.children),
        (1, implied.created, 1)
    );
    // Each write of others is a version.
    change(&face, &[("a/b/c", "2"), ("a/b/c", "3")], &[]).await;
    assert_eq!(client.stat("/a/b/c").await.unwrap().version, 1);
    client.exists("/a/b", true).await.unwrap();
    change(&face, &[], &["a/b/c"]).await;
    assert_eq!(client.told().await, [event(2, "/a/b")]);
    assert_eq!(client.stat("/a/b").await, Err(ErrorCode::NoNode));
    client.stat("/a").await.unwrap();
}

#[tokio::test]
async fn a_delete_takes_no_parent_along() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    change(&face, &[("a/b/c", "1")], &[]).await;
    client.delete("/a/b/c", 0).await.unwrap();
    assert_eq!(client.stat("/a/b").await.unwrap().children, 0);
    client.delete("/a/b", -1).await.unwrap();
    client.delete("/a", -1).await.unwrap();
    assert_eq!(client.children("/", false).await.unwrap(), ["zookeeper"]);
}

#[tokio::test]
async fn a_key_and_the_key_with_a_slash_are_one_node() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    change(&face, &[("a/", "slash")], &[]).await;
    assert_eq!(
        client.get("/a", false).await.unwrap().data,
        Some(b"slash".to_vec())
    );
    client.set("/a", b"set", -1).await.unwrap();
    change(&face, &[("a", "plain")], &[]).await;
    assert_eq!(
        client.get("/a", false).await.unwrap().data,
        Some(b"plain".to_vec())
    );
    assert_eq!(
        client.children("/", false).await.unwrap(),
        ["a", "zookeeper"]
    );
    client.delete("/a", -1).await.unwrap();
    let view = face.space.read(&Caller::System);
    assert!(
        ["a", "a/"]
            .iter()
            .all(|key| view.get(&Key::user(*key)).is_none())
    );
}

#[tokio::test]
async fn names_that_no_client_may_say_are_not_shown() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.add_watch("/", 1).await;
    let keys = [
        ("a//b", ""),
        ("zookeeper/x", ""),
        ("a/../b", ""),
        ("a/\u{1}", ""),
        ("ok", ""),
    ];
    change(&face, &keys, &[]).await;
    let told = client.told().await;
    assert!(told.contains(&(1, "/ok".to_owned())), "{told:?}");
    assert!(
        told.iter().all(|(_, path)| path == "/ok" || path == "/a"),
        "{told:?}"
    );
    assert_eq!(
        client.children("/zookeeper", false).await.unwrap(),
        ["config", "quota"]
    );
    assert_eq!(
        client.children("/a", false).await.unwrap(),
        Vec::<String>::new()
    );
}

/// The keys of all events beneath `p` from an index on, as a client of etcd v2 is told of them: one by each poll, and the
/// next from the index behind it.
async fn polled(face: &Face, mut index: u64, last: &str) -> Vec<String> {
    let etcd = faces::both_of(face.space.clone()).await;
    let mut keys = Vec::new();
    while keys.last().is_none_or(|key| key != last) {
        let path = format!("/v2/keys/p?wait=true&recursive=true&waitIndex={index}");
        let answer = http_client::request(etcd.etcd, "GET", &path, &[], b"").await;
        let event = answer.json();
        index = event["node"]["modifiedIndex"].as_u64().unwrap() + 1;
        let key = event["node"]["key"].as_str().unwrap().to_owned();
        keys.push(format!("{} {key}", event["action"].as_str().unwrap()));
    }
    keys
}

/// What shared an index would be lost to a client that resumes behind it.
#[tokio::test]
async fn an_etcd_poll_is_told_of_each_change_of_a_pipeline() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/p", b"", 0).await.unwrap();
    let index = face.space.read(&Caller::System).revision() + 1;
    let mut frames = Vec::new();
    let mut expected = Vec::new();
    let mut push = |frame: Vec<u8>, event: String| {
        frames.extend(frame);
        expected.push(event);
    };
    for number in 0..20 {
        let path = format!("/p/{number:02}");
        let create = create_of(&path, Some(b"1"), 0);
        push(
            request_frame(1, OpCode::Create.number(), &create),
            format!("create {path}"),
        );
        let set = data_of(&path, b"2", -1);
        push(
            request_frame(1, OpCode::SetData.number(), &set),
            format!("set {path}"),
        );
        let delete = versioned(&path, -1);
        push(
            request_frame(1, OpCode::Delete.number(), &delete),
            format!("delete {path}"),
        );
    }
    client.send_bytes(&frames).await;
    let mut zxids = Vec::new();
    for _ in &expected {
        let (header, _) = client.reply().await.unwrap();
        assert_eq!(header.error, 0);
        zxids.push(header.zxid);
    }
    assert!(zxids.is_sorted_by(|one, next| one < next), "{zxids:?}");
    let last = expected.last().unwrap();
    assert_eq!(polled(&face, index, last).await, expected);
}
