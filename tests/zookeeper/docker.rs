//! Answers for dockerd, which nobody else gets.

use std::net::SocketAddr;

use kubekv::model::{Caller, Key, Record};
use kubekv::space::Draft;
use kubekv::wire::zookeeper::{ChildrenReply, ConnectRequest, ConnectResponse, ErrorCode, OpCode};

use crate::client::{Client, again, new_session, watchable};
use crate::server::Face;

const TREE: &str = "/docker/network/v1.0";

/// A directory in libnetwork's tree.
fn directory(name: &str) -> String {
    format!("{TREE}/{name}")
}

/// The key of a network's count of endpoints.
fn count_of(network: &str) -> String {
    format!("{TREE}/endpoint_count/{network}")
}

/// A request for a session as libkv makes it, through a client library of Go.
fn of_libkv(request: ConnectRequest) -> ConnectRequest {
    ConnectRequest {
        read_only: None,
        ..request
    }
}

async fn libkv(face: SocketAddr) -> Client {
    let request = of_libkv(new_session());
    Client::connect_with(face, &request).await.unwrap()
}

/// A connection that takes the session of this answer up again.
async fn reconnect(face: SocketAddr, response: &ConnectResponse) -> Client {
    let request = of_libkv(again(response));
    let client = Client::connect_with(face, &request).await.unwrap();
    assert_eq!(client.response.session, response.session);
    client
}

async fn list(client: &mut Client, directory: &str) -> ChildrenReply {
    let list = watchable(directory, false);
    client.ask(OpCode::GetChildren2, &list).await.unwrap()
}

/// What libnetwork lists to find networks, in its order: the lists of networks and of counts.
async fn find_networks(client: &mut Client) -> [ChildrenReply; 2] {
    let [networks, counts] = ["network", "endpoint_count"].map(directory);
    client.stat(&networks).await.unwrap();
    let of_networks = list(client, &networks).await;
    client.stat(&counts).await.unwrap();
    [of_networks, list(client, &counts).await]
}

/// A keyspace with the network `1`, whose count was changed once, and with an endpoint; and who wrote it.
async fn fleet(face: &Face) -> Client {
    let mut other = Client::connect(face.address).await;
    for path in ["/docker", "/docker/network", TREE] {
        other.create(path, b"", 0).await.unwrap();
    }
    for name in ["network", "endpoint_count", "endpoint", "endpoint/1"] {
        other.create(&directory(name), b"", 0).await.unwrap();
    }
    for name in ["network/1", "endpoint_count/1", "endpoint/1/e"] {
        other.create(&directory(name), b"0", 0).await.unwrap();
    }
    other.set(&count_of("1"), b"1", -1).await.unwrap();
    other
}

#[tokio::test]
async fn dockerd_finds_counts_by_their_keys_and_others_see_plain_names() {
    let face = Face::in_memory().await;
    let mut other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    let [networks, counts] = find_networks(&mut dockerd).await;
    let key = count_of("1").trim_start_matches('/').to_owned();
    assert_eq!(
        (networks.names, &counts.names),
        (vec!["1".to_owned()], &vec![key.clone()])
    );
    // As libkv reads the entry.
    let doubled = format!("{}/{key}", directory("endpoint_count"));
    let read = dockerd.get(&doubled, false).await.unwrap();
    assert_eq!((read.data, read.stat.version), (Some(b"1".to_vec()), 1));
    // Beside it, at the same time.
    let [_, plain] = find_networks(&mut other).await;
    assert_eq!(
        (&plain.names, plain.stat.version),
        (&vec!["1".to_owned()], 0)
    );
    assert_eq!(
        other
            .children(&directory("endpoint_count"), false)
            .await
            .unwrap(),
        ["1"]
    );
    assert_eq!(
        other.get(&doubled, false).await.err(),
        Some(ErrorCode::NoNode)
    );
    let refused = other.set(&count_of("1"), b"2", counts.stat.version).await;
    assert_eq!(refused.err(), Some(ErrorCode::BadVersion));
    // The other lists keep their names.
    assert_eq!(
        list(&mut dockerd, &directory("endpoint/1")).await.names,
        ["e"]
    );
    let nodes = list(&mut dockerd, "/docker").await;
    assert_eq!(
        (nodes.names, nodes.stat.version),
        (vec!["network".to_owned()], 0)
    );
}

#[tokio::test]
async fn an_entry_of_a_list_is_changed_if_it_is_as_listed() {
    let face = Face::in_memory().await;
    let mut other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    let [_, counts] = find_networks(&mut dockerd).await;
    let set = dockerd.set(&count_of("1"), b"2", counts.stat.version).await;
    assert_eq!(set.unwrap().version, 2);
    // The next change rests on the version of that one.
    let set = dockerd.set(&count_of("1"), b"3", 2).await;
    assert_eq!(set.unwrap().version, 3);
    let [_, counts] = find_networks(&mut dockerd).await;
    other.set(&count_of("1"), b"4", -1).await.unwrap();
    for late in [
        dockerd
            .set(&count_of("1"), b"5", counts.stat.version)
            .await
            .err(),
        dockerd
            .delete(&count_of("1"), counts.stat.version)
            .await
            .err(),
    ] {
        assert_eq!(late, Some(ErrorCode::BadVersion));
    }
    let [networks, counts] = find_networks(&mut dockerd).await;
    let endpoints = list(&mut dockerd, &directory("endpoint/1")).await;
    for (path, listed) in [
        (count_of("1"), counts),
        (directory("endpoint/1/e"), endpoints),
        (directory("network/1"), networks),
    ] {
        dockerd.delete(&path, listed.stat.version).await.unwrap();
    }
    // One that was made anew is not the one that was listed.
    other.create(&count_of("1"), b"0", 0).await.unwrap();
    let [_, counts] = find_networks(&mut dockerd).await;
    other.delete(&count_of("1"), -1).await.unwrap();
    let gone = dockerd.delete(&count_of("1"), counts.stat.version).await;
    assert_eq!(gone, Err(ErrorCode::NoNode));
    other.create(&count_of("1"), b"0", 0).await.unwrap();
    let anew = dockerd.delete(&count_of("1"), counts.stat.version).await;
    assert_eq!(anew, Err(ErrorCode::BadVersion));
}

#[tokio::test]
async fn of_two_changes_that_rest_on_one_list_one_is_made() {
    let face = Face::in_memory().await;
    let _other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    // Two goroutines of one dockerd, which share its connection.
    let [_, one] = find_networks(&mut dockerd).await;
    let [_, two] = find_networks(&mut dockerd).await;
    dockerd
        .set(&count_of("1"), b"2", one.stat.version)
        .await
        .unwrap();
    dockerd.get(&count_of("1"), true).await.unwrap();
    let lost = dockerd.set(&count_of("1"), b"2", two.stat.version).await;
    assert_eq!(lost, Err(ErrorCode::BadVersion));
}

#[tokio::test]
async fn dockerd_stays_recognized_when_it_takes_its_session_up_on_another_gateway() {
    let directory_of_data = tempfile::tempdir().unwrap();
    let face = Face::on_disk(directory_of_data.path()).await;
    let _other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    let [_, counts] = find_networks(&mut dockerd).await;
    let key = count_of("1").trim_start_matches('/').to_owned();
    let counts_of = directory("endpoint_count");
    while !is_kept(&face) {
        tokio::task::yield_now().await;
    }
    // On the same gateway, between the steps of a search.
    let mut dockerd = reconnect(face.address, &dockerd.response).await;
    assert_eq!(list(&mut dockerd, &counts_of).await.names, [&*key]);
    face.close().await;
    let face = Face::on_disk(directory_of_data.path()).await;
    let mut dockerd = reconnect(face.address, &dockerd.response).await;
    assert_eq!(list(&mut dockerd, &counts_of).await.names, [&*key]);
    let set = dockerd.set(&count_of("1"), b"2", counts.stat.version).await;
    assert_eq!(set.unwrap().version, 2);
}

/// Whether a session of dockerd's is written down as such.
fn is_kept(face: &Face) -> bool {
    let view = face.space.read(&Caller::System);
    view.leases().any(|(lease, _)| {
        lease
            .labels
            .get("client")
            .is_some_and(|client| client == "dockerd")
    })
}

#[tokio::test]
async fn dockerd_is_recognized_by_what_it_was_told_before_a_gateway_could_keep_it() {
    let face = Face::in_memory().await;
    let _other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    let [_, counts] = find_networks(&mut dockerd).await;
    let counts_of = directory("endpoint_count");
    // A new session, as after one that has expired.
    let mut anew = libkv(face.address).await;
    let doubled = format!("{counts_of}{}", count_of("1"));
    assert_eq!(
        anew.get(&doubled, false).await.unwrap().data,
        Some(b"1".to_vec())
    );
    assert_eq!(list(&mut anew, &counts_of).await.names, counts.names);
    let mut anew = libkv(face.address).await;
    anew.set(&count_of("1"), b"2", counts.stat.version)
        .await
        .unwrap();
    assert_eq!(list(&mut anew, &counts_of).await.names, counts.names);
}

#[tokio::test]
async fn other_clients_of_go_see_plain_names_beside_dockerd() {
    let face = Face::in_memory().await;
    let _other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    find_networks(&mut dockerd).await;
    let counts = directory("endpoint_count");
    let is_plain = |listed: &ChildrenReply| listed.names == ["1"] && listed.stat.version == 0;
    // One that asks for what dockerd asks for, but lists what is above it first, as who walks through a tree does.
    let mut walker = libkv(face.address).await;
    for path in ["/", "/docker", "/docker/network", TREE] {
        walker.stat(path).await.unwrap();
        list(&mut walker, path).await;
    }
    for _ in 0..2 {
        for listed in find_networks(&mut walker).await {
            assert!(is_plain(&listed), "{listed:?}");
        }
    }
    // One that looks at the counts alone.
    let mut reader = libkv(face.address).await;
    for _ in 0..2 {
        reader.stat(&counts).await.unwrap();
        let listed = list(&mut reader, &counts).await;
        assert!(is_plain(&listed), "{listed:?}");
    }
    // And dockerd's way through clients that are not libkv's.
    for request in [
        new_session(),
        ConnectRequest {
            timeout_ms: 10_001,
            ..of_libkv(new_session())
        },
    ] {
        let mut client = Client::connect_with(face.address, &request).await.unwrap();
        for _ in 0..2 {
            for listed in find_networks(&mut client).await {
                assert!(is_plain(&listed), "{listed:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_long_path_is_not_searched_again_for_each_of_its_parts() {
    let face = Face::in_memory().await;
    let _other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    find_networks(&mut dockerd).await;
    // Where the work grows with the square of the length, this takes more than a minute.
    let refused = dockerd.get(&"/a".repeat(200_000), false).await;
    assert_eq!(refused.err(), Some(ErrorCode::NoNode));
}

/// Writes a key as another face does.
async fn write(face: &Face, key: &str, bytes: usize) {
    let change = |draft: &mut Draft<'_>| {
        let key = Key::user(key);
        let record = Record {
            value: vec![b'x'; bytes].into(),
            ..draft.successor(&key)
        };
        draft.put(&key, record);
        Ok::<_, ()>(())
    };
    face.space.commit(&Caller::System, change).await.unwrap();
}

#[tokio::test]
async fn dockerd_gets_no_frame_that_would_end_it() {
    let face = Face::in_memory().await;
    let mut other = fleet(&face).await;
    let mut dockerd = libkv(face.address).await;
    find_networks(&mut dockerd).await;
    // Its client library has a buffer of 1.5 MiB, less 16 bytes. A reply has a header of 16, the value's length and a Stat.
    let longest = 1_572_848 - 16 - 4 - 68;
    write(&face, "long", longest).await;
    let read = dockerd.get("/long", false).await.unwrap();
    assert_eq!(read.data.map(|data| data.len()), Some(longest));
    write(&face, "long", longest + 1).await;
    let refused = dockerd.get("/long", false).await;
    assert_eq!(refused.err(), Some(ErrorCode::MarshallingError));
    let read = other.get("/long", false).await.unwrap();
    assert_eq!(read.data.map(|data| data.len()), Some(longest + 1));
    // The connection goes on.
    dockerd.stat("/long").await.unwrap();
}
