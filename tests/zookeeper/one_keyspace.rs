//! Nodes and the keys of other protocols.

use kubekv::model::{Caller, Key, Record};
use kubekv::space::{Draft, Lookup as _};
use kubekv::wire::zookeeper::ErrorCode;

use crate::client::Client;
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
