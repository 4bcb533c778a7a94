//! Watches, and the order of events and replies.

use kubekv::wire::zookeeper::{
    ErrorCode, OpCode, SetWatches2Request, SetWatchesRequest, WatcherPath, append_event, xid,
};

use crate::client::{Client, again, request_frame, watchable};
use crate::server::Face;

fn event(kind: i32, path: &str) -> (i32, String) {
    (kind, path.to_owned())
}

#[tokio::test]
async fn watches_of_data_and_children_fire_once() {
    let face = Face::in_memory().await;
    let mut watcher = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    assert_eq!(watcher.exists("/a", true).await, Err(ErrorCode::NoNode));
    assert!(watcher.get("/none", true).await.is_err());
    writer.create("/a", b"", 0).await.unwrap();
    assert_eq!(watcher.told().await, [event(1, "/a")]);
    watcher.get("/a", true).await.unwrap();
    watcher.exists("/a", true).await.unwrap();
    watcher.children("/a", true).await.unwrap();
    writer.set("/a", b"1", -1).await.unwrap();
    writer.set("/a", b"2", -1).await.unwrap();
    assert_eq!(watcher.told().await, [event(3, "/a")]);
    writer.create("/a/b", b"", 0).await.unwrap();
    writer.create("/a/c", b"", 0).await.unwrap();
    assert_eq!(watcher.told().await, [event(4, "/a")]);
    // A child's data is no change of the children.
    watcher.children("/a", true).await.unwrap();
    writer.set("/a/b", b"x", -1).await.unwrap();
    assert_eq!(watcher.told().await, []);
    for child in ["/a/b", "/a/c"] {
        writer.delete(child, -1).await.unwrap();
    }
    assert_eq!(watcher.told().await, [event(4, "/a")]);
    // Both kinds of one node: its deletion is told once.
    watcher.get("/a", true).await.unwrap();
    watcher.children("/a", true).await.unwrap();
    watcher.children("/", true).await.unwrap();
    writer.delete("/a", -1).await.unwrap();
    assert_eq!(watcher.told().await, [event(2, "/a"), event(4, "/")]);
    writer.create("/none", b"", 0).await.unwrap();
    assert_eq!(watcher.told().await, []);
}

#[tokio::test]
async fn persistent_and_recursive_watches_stay() {
    let face = Face::in_memory().await;
    let mut watcher = Client::connect(face.address).await;
    let mut deep = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    watcher.add_watch("/a", 0).await;
    deep.add_watch("/a", 1).await;
    // A watch that fires once beside it ends neither.
    watcher.exists("/a", true).await.unwrap_err();
    for _ in 0..2 {
        writer.create("/a", b"", 0).await.unwrap();
        writer.create("/a/b", b"", 0).await.unwrap();
        writer.set("/a/b", b"1", -1).await.unwrap();
        writer.set("/a", b"1", -1).await.unwrap();
        writer.delete("/a/b", -1).await.unwrap();
        writer.delete("/a", -1).await.unwrap();
        let of_node = [
            event(1, "/a"),
            event(4, "/a"),
            event(3, "/a"),
            event(4, "/a"),
            event(2, "/a"),
        ];
        assert_eq!(watcher.told().await, of_node);
        let of_tree = [
            event(1, "/a"),
            event(1, "/a/b"),
            event(3, "/a/b"),
            event(3, "/a"),
            event(2, "/a/b"),
            event(2, "/a"),
        ];
        assert_eq!(deep.told().await, of_tree);
    }
    let remove = |kind| WatcherPath {
        path: "/a".to_owned(),
        kind,
    };
    for (kind, error) in [(0, -5), (2, -121), (5, -121)] {
        let failed = watcher.call(OpCode::CheckWatches, &remove(kind)).await;
        assert_eq!(failed.map_err(ErrorCode::number), Err(error), "{kind}");
    }
    watcher
        .call(OpCode::CheckWatches, &remove(4))
        .await
        .unwrap();
    watcher
        .call(OpCode::RemoveWatches, &remove(4))
        .await
        .unwrap();
    deep.call(OpCode::RemoveWatches, &remove(3)).await.unwrap();
    writer.create("/a", b"", 0).await.unwrap();
    assert_eq!(
        (watcher.told().await, deep.told().await),
        (Vec::new(), Vec::new())
    );
}

#[tokio::test]
async fn an_event_has_the_zxid_of_its_change_and_these_bytes() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.exists("/a", true).await.unwrap_err();
    let create = crate::client::create_of("/a", None, 0);
    client.send(OpCode::Create, &create).await;
    let (header, body) = client.frame().await.unwrap();
    assert_eq!((header.xid, header.error), (xid::EVENT, 0));
    let mut expected = Vec::new();
    append_event(&mut expected, header.zxid, 1, "/a").unwrap();
    assert_eq!(&body[..], &expected[20..]);
    // Then the reply, at the same zxid.
    let (reply, _) = client.frame().await.unwrap();
    assert_eq!(reply.zxid, header.zxid);
}

#[tokio::test]
async fn the_watches_of_an_earlier_connection_are_set_again() {
    let face = Face::in_memory().await;
    let mut first = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    for path in ["/same", "/set", "/gone", "/parent"] {
        writer.create(path, b"", 0).await.unwrap();
    }
    first.told().await;
    let seen = first.zxid;
    let request = again(&first.response);
    let mut second = Client::connect_with(face.address, &request).await.unwrap();
    writer.set("/set", b"", -1).await.unwrap();
    writer.delete("/gone", -1).await.unwrap();
    writer.create("/parent/a", b"", 0).await.unwrap();
    writer.create("/made", b"", 0).await.unwrap();
    let paths = |all: &[&str]| all.iter().map(|path| (*path).to_owned()).collect();
    let watches = SetWatches2Request {
        once: SetWatchesRequest {
            relative_zxid: seen,
            data: paths(&["/same", "/set", "/gone"]),
            exist: paths(&["/made", "/later"]),
            child: paths(&["/same", "/parent", "/gone"]),
        },
        persistent: paths(&["/set"]),
        recursive: Vec::new(),
    };
    let frame = request_frame(xid::SET_WATCHES, OpCode::SetWatches2.number(), &watches);
    second.send_bytes(&frame).await;
    let (header, _) = second.reply().await.unwrap();
    assert_eq!((header.xid, header.error), (xid::SET_WATCHES, 0));
    let missed = [
        event(3, "/set"),
        event(2, "/gone"),
        event(1, "/made"),
        event(4, "/parent"),
        event(2, "/gone"),
    ];
    assert_eq!(std::mem::take(&mut second.events), missed);
    writer.set("/same", b"", -1).await.unwrap();
    writer.set("/set", b"", -1).await.unwrap();
    writer.create("/later", b"", 0).await.unwrap();
    writer.create("/same/a", b"", 0).await.unwrap();
    let since = [
        event(3, "/same"),
        event(3, "/set"),
        event(1, "/later"),
        event(4, "/same"),
    ];
    assert_eq!(second.told().await, since);
}

/// A client may have any number of watches. The test has one thread, as if the machine had one processor.
#[tokio::test]
async fn others_are_served_while_many_watches_are_set_again() {
    const GONE: usize = 600;
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    let mut other = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    writer.create("/n", b"", 0).await.unwrap();
    let paths = |name: &str, count| (0..count).map(|n| format!("/{name}{n}")).collect();
    let watches = SetWatches2Request {
        once: SetWatchesRequest {
            relative_zxid: writer.zxid,
            data: paths("gone", GONE),
            exist: paths("later", 20_000),
            child: Vec::new(),
        },
        ..SetWatches2Request::default()
    };
    let set = client.send(OpCode::SetWatches2, &watches).await;
    let behind = client.send(OpCode::GetData, &watchable("/n", false)).await;
    let mut served = 0;
    let serve = async {
        loop {
            other.get("/n", false).await.unwrap();
            served += 1;
        }
    };
    let (header, _) = tokio::select! {
        reply = client.reply() => reply.unwrap(),
        () = serve => unreachable!(),
    };
    assert!(served > 0, "nobody else was served");
    assert_eq!((header.xid, header.error), (set, 0));
    let missed = (0..GONE).map(|n| event(2, &format!("/gone{n}")));
    assert_eq!(
        std::mem::take(&mut client.events),
        missed.collect::<Vec<_>>()
    );
    assert_eq!(client.reply().await.unwrap().0.xid, behind);
    for created in ["/later0", "/later19999", "/gone0"] {
        writer.create(created, b"", 0).await.unwrap();
    }
    let later = [event(1, "/later0"), event(1, "/later19999")];
    assert_eq!(client.told().await, later);
}

/// A client that pipelines reads that watch, against another that writes: no reply shows a change whose event is not sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_reply_overtakes_the_event_of_what_it_shows() {
    const EVENTS: u32 = 50;
    let directory = tempfile::tempdir().unwrap();
    let face = Face::on_disk(&directory.path().join("data")).await;
    let mut reader = Client::connect(face.address).await;
    let mut writer = Client::connect(face.address).await;
    writer.create("/a", b"", 0).await.unwrap();
    let writes = tokio::spawn(async move {
        let mut sent = 0_u32;
        loop {
            sent += 1;
            if writer.set("/a", &sent.to_be_bytes(), -1).await.is_err() || sent > 100_000 {
                return;
            }
        }
    });
    let (mut version, mut is_watched, mut fired) = (-1, false, 0);
    let mut outstanding = 0;
    while fired < EVENTS {
        while outstanding < 32 {
            reader.send(OpCode::GetData, &watchable("/a", true)).await;
            outstanding += 1;
        }
        let (header, body) = reader.frame().await.unwrap();
        if header.xid == xid::EVENT {
            assert!(
                is_watched,
                "an event before the reply to the request that set its watch"
            );
            is_watched = false;
            fired += 1;
            continue;
        }
        outstanding -= 1;
        let reply =
            <kubekv::wire::zookeeper::DataReply as kubekv::wire::zookeeper::JuteRecord>::parse(
                &body,
            );
        let shown = reply.unwrap().stat.version;
        assert!(
            !is_watched || shown == version,
            "a reply shows {shown} after {version} without an event"
        );
        version = shown;
        is_watched = true;
    }
    writes.abort();
}

#[tokio::test]
async fn the_end_of_a_session_tells_its_watchers_in_one_zxid() {
    let face = Face::in_memory().await;
    let mut owner = Client::connect(face.address).await;
    let mut watcher = Client::connect(face.address).await;
    owner.create("/p", b"", 0).await.unwrap();
    for name in ["/p/a", "/p/b"] {
        owner.create(name, b"", 1).await.unwrap();
        watcher.exists(name, true).await.unwrap();
    }
    watcher.children("/p", true).await.unwrap();
    owner.close().await;
    let mut zxids = Vec::new();
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let (header, body) = watcher.frame().await.unwrap();
        zxids.push(header.zxid);
        kinds.push(i32::from_be_bytes(body[..4].try_into().unwrap()));
    }
    zxids.dedup();
    assert_eq!((zxids.len(), kinds), (1, vec![2, 4, 2]));
    let stat = watcher.stat("/p").await.unwrap();
    assert_eq!(
        (stat.children, stat.children_version, stat.children_modified),
        (0, 4, zxids[0])
    );
}
