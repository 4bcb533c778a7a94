//! Sessions with a scripted server, which does what a real ZooKeeper cannot be made to do on demand.

mod handshakes;
mod losses;
mod server;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use self::server::{ScriptedServer, event, reply, session};
use super::{PipelinedSession, ReplyFuture};
use crate::bench::client::Failure;
use crate::wire::zookeeper::{ErrorCode, NodePath, OpCode, event_kind, xid};

const TIMEOUT: Duration = Duration::from_secs(12);

fn sync(session: &PipelinedSession, path: &str) -> ReplyFuture {
    session.request(OpCode::Sync, &NodePath(path.to_owned()))
}

/// Answers every request with its path, and events before each; the path `error` is refused.
async fn echo(server: &mut ScriptedServer) {
    while let Some((header, path)) = server.request().await {
        let answer = if path == "error" {
            reply(header.xid, -101, &())
        } else {
            reply(header.xid, 0, &NodePath(path.clone()))
        };
        let before = event(event_kind::DATA_CHANGED, &path);
        server.send(&[before, answer].concat()).await;
    }
}

async fn path_of(pending: ReplyFuture) -> String {
    pending.await.unwrap().read::<NodePath>().unwrap().0
}

#[tokio::test]
async fn every_task_gets_its_own_reply_and_every_watcher_its_events() {
    let (session, mut server) = session(TIMEOUT).await;
    let mut watchers = ["/5", "/nobody"].map(|path| session.watcher(path));
    let mut beneath = session.watcher_beneath("/6");
    let mut root = session.watcher_beneath("/");
    let serving = tokio::spawn(async move { echo(&mut server).await });
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let session = session.clone();
            tokio::spawn(async move {
                let paths = [format!("/{number}"), format!("/{number}/x")];
                let sent = paths.clone().map(|path| sync(&session, &path));
                for (path, pending) in paths.into_iter().zip(sent) {
                    assert_eq!(path_of(pending).await, path);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // `/60` is not beneath `/6`.
    assert_eq!(beneath.next().await.unwrap().path, "/6");
    assert_eq!(beneath.next().await.unwrap().path, "/6/x");
    let seen = watchers[0].next().await.unwrap();
    assert_eq!((seen.path.as_str(), seen.kind), ("/5", 3));
    for _ in 0..200 {
        root.next().await.unwrap();
    }
    // The session's end is what all of them see next.
    drop(session);
    serving.await.unwrap();
    let [five, nobody] = &mut watchers;
    let ends = [&mut beneath, &mut root, five, nobody];
    for watcher in ends {
        assert!(matches!(watcher.next().await, Err(Failure::Connection(_))));
    }
}

#[tokio::test]
async fn errors_of_the_server_are_replies() {
    let (session, mut server) = session(TIMEOUT).await;
    tokio::spawn(async move { echo(&mut server).await });
    let failed = sync(&session, "error").await.unwrap();
    assert_eq!(failed.answer, Err(ErrorCode::NoNode));
    let refused = Failure::Refused("NONODE (-101)".to_owned());
    assert_eq!(failed.read::<NodePath>(), Err(refused));
    assert_eq!(path_of(sync(&session, "/a")).await, "/a");
    assert_eq!(session.identity().last_zxid, 102);
}

#[tokio::test]
async fn replies_that_nobody_waits_for_are_dropped() {
    let (session, mut server) = session(TIMEOUT).await;
    drop(sync(&session, "/unsent"));
    let before = sync(&session, "/before");
    let unanswered = sync(&session, "/unanswered");
    let after = sync(&session, "/after");
    let first = server.request().await.unwrap();
    assert_eq!(first.1, "/unsent");
    drop(unanswered);
    server
        .send(&reply(first.0.xid, 0, &NodePath("/unsent".to_owned())))
        .await;
    tokio::spawn(async move { echo(&mut server).await });
    assert_eq!(path_of(after).await, "/after");
    // It was answered before; taken or not, the later ones are.
    drop(before);
    assert_eq!(path_of(sync(&session, "/last")).await, "/last");
    let requests = format!("{:?}", session.shared.lock().requests);
    assert!(requests.contains("all: []"), "{requests}");
}

#[tokio::test(start_paused = true)]
async fn pings_keep_an_idle_session_and_a_slow_request() {
    let (session, mut server) = session(TIMEOUT).await;
    let mut pending = None;
    for round in 0..10 {
        let before = tokio::time::Instant::now();
        let (ping, _) = server.request().await.unwrap();
        assert_eq!((ping.xid, ping.op), (xid::PING, OpCode::Ping.number()));
        assert!(before.elapsed() <= TIMEOUT / 3, "{:?}", before.elapsed());
        server.send(&reply(xid::PING, 0, &())).await;
        if round == 5 {
            pending = Some(sync(&session, "/slow"));
            assert_eq!(server.request().await.unwrap().1, "/slow");
        }
    }
    server
        .send(&reply(1, 0, &NodePath("/slow".to_owned())))
        .await;
    assert_eq!(path_of(pending.unwrap()).await, "/slow");
}

#[tokio::test(start_paused = true)]
async fn a_busy_session_does_not_ping() {
    let (session, mut server) = session(TIMEOUT).await;
    let serving = tokio::spawn(async move {
        for _ in 0..20 {
            let (header, path) = server.request().await.unwrap();
            assert_eq!(header.op, OpCode::Sync.number());
            server.send(&reply(header.xid, 0, &NodePath(path))).await;
        }
    });
    for _ in 0..20 {
        path_of(sync(&session, "/")).await;
        tokio::time::sleep(TIMEOUT / 4).await;
    }
    serving.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Replies and events arrive however the network splits them, long ones too.
    #[test]
    fn frames_arrive_however_they_are_split(
        lengths in vec(prop_oneof![0_usize..200, 10_000_usize..70_000], 1..6),
        step in prop_oneof![1_usize..300, 10_000_usize..40_000],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (session, mut server) = session(TIMEOUT).await;
            let mut watcher = session.watcher("/event");
            let paths: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let pending: Vec<_> = paths.iter().map(|_| sync(&session, "/")).collect();
            let mut answers = Vec::new();
            for path in &paths {
                let (header, _) = server.request().await.unwrap();
                answers.extend(event(1, "/event"));
                answers.extend(reply(header.xid, 0, &NodePath(path.clone())));
            }
            let sending = tokio::spawn(async move {
                for part in answers.chunks(step) {
                    server.send(part).await;
                    tokio::task::yield_now().await;
                }
                server
            });
            for (path, pending) in paths.iter().zip(pending) {
                assert_eq!(path_of(pending).await, *path);
                assert_eq!(watcher.next().await.unwrap().path, "/event");
            }
            sending.await.unwrap();
        });
    }
}
