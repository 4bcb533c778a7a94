//! The metadata of nodes.

use kubekv::wire::zookeeper::Stat;

use crate::client::Client;
use crate::server::Face;

#[tokio::test]
async fn each_field_moves_with_what_it_is_about() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let made = client.create2("/p", b"abc", 0).await.unwrap().stat;
    let created = client.zxid;
    assert!(made.ctime_ms > 0 && made.mtime_ms == made.ctime_ms);
    let fresh = Stat {
        created,
        modified: created,
        children_modified: created,
        length: 3,
        ctime_ms: made.ctime_ms,
        mtime_ms: made.mtime_ms,
        ..Stat::default()
    };
    assert_eq!(made, fresh);
    // A child that comes: cversion and pzxid, nothing else.
    client.create("/p/a", b"", 0).await.unwrap();
    let with_child = Stat {
        children: 1,
        children_version: 1,
        children_modified: client.zxid,
        ..fresh
    };
    assert_eq!(client.stat("/p").await.unwrap(), with_child);
    // Its data: nothing.
    client.set("/p/a", b"x", -1).await.unwrap();
    assert_eq!(client.stat("/p").await.unwrap(), with_child);
    client.create("/p/a/deep", b"", 0).await.unwrap();
    assert_eq!(client.stat("/p").await.unwrap(), with_child);
    client.delete("/p/a/deep", -1).await.unwrap();
    // It goes.
    client.delete("/p/a", -1).await.unwrap();
    let childless = Stat {
        children: 0,
        children_version: 2,
        children_modified: client.zxid,
        ..fresh
    };
    assert_eq!(client.stat("/p").await.unwrap(), childless);
    // Equal bytes are a version.
    let set = client.set("/p", b"abc", 0).await.unwrap();
    assert_eq!((set.version, set.modified), (1, client.zxid));
    assert_eq!(set.children_modified, childless.children_modified);
    // Made again, it is new.
    client.delete("/p", -1).await.unwrap();
    let again = client.create2("/p", b"", 0).await.unwrap().stat;
    assert_eq!((again.version, again.children_version), (0, 0));
    assert_eq!(
        (again.created, again.children_modified),
        (client.zxid, client.zxid)
    );
}

#[tokio::test]
async fn built_in_nodes_have_no_age() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let root = client.stat("/").await.unwrap();
    let empty = Stat {
        children: 1,
        children_version: -1,
        ..Stat::default()
    };
    assert_eq!(root, empty);
    let config = client.get("/zookeeper/config", false).await.unwrap();
    assert_eq!(
        (config.data, config.stat.acl_version),
        (Some(Vec::new()), -1)
    );
    assert_eq!(
        client.children("/zookeeper", false).await.unwrap(),
        ["config", "quota"]
    );
    client.create("/a", b"", 0).await.unwrap();
    let root = client.stat("/").await.unwrap();
    assert_eq!((root.children, root.children_version), (2, 0));
    assert_eq!(root.children_modified, client.zxid);
}

#[tokio::test]
async fn a_parent_of_many_children_counts_them() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/p", b"", 0).await.unwrap();
    for number in 0..100 {
        client
            .create(&format!("/p/{number:03}"), b"", 0)
            .await
            .unwrap();
    }
    let stat = client.stat("/p").await.unwrap();
    assert_eq!((stat.children, stat.children_version), (100, 100));
    let names = client.children("/p", false).await.unwrap();
    let expected: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn all_of_it_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let face = Face::on_disk(&path).await;
    let mut client = Client::connect(face.address).await;
    client.create("/p", b"", 0).await.unwrap();
    for _ in 0..3 {
        client.create("/p/n-", b"x", 2).await.unwrap();
    }
    client.delete("/p/n-0000000002", -1).await.unwrap();
    client.set("/p", b"y", -1).await.unwrap();
    let before = [
        client.stat("/p").await.unwrap(),
        client.stat("/p/n-0000000001").await.unwrap(),
    ];
    drop(client);
    face.close().await;
    let face = Face::on_disk(&path).await;
    let mut client = Client::connect(face.address).await;
    let after = [
        client.stat("/p").await.unwrap(),
        client.stat("/p/n-0000000001").await.unwrap(),
    ];
    assert_eq!(after, before);
    assert_eq!(
        client.create("/p/n-", b"", 2).await.unwrap(),
        "/p/n-0000000003"
    );
}
