//! Sessions that end: by the client, the server, silence or garbage.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::server::{reply, session};
use super::{TIMEOUT, sync};
use crate::bench::client::Failure;
use crate::wire::zookeeper::{NodePath, OpCode};

#[tokio::test]
async fn all_requests_fail_with_the_connection() {
    let (session, mut server) = session(TIMEOUT).await;
    let pending: Vec<_> = (0..3).map(|_| sync(&session, "/")).collect();
    let (header, path) = server.request().await.unwrap();
    server.send(&reply(header.xid, 0, &NodePath(path))).await;
    drop(server);
    let mut results = Vec::new();
    for one in pending {
        results.push(one.await.map(|reply| reply.zxid));
    }
    let lost = Failure::Connection("closed by the server".to_owned());
    assert_eq!(results, [Ok(101), Err(lost.clone()), Err(lost.clone())]);
    assert_eq!(sync(&session, "/").await, Err(lost.clone()));
    assert_eq!(session.failure(), Some(lost));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_two_thirds_of_the_timeout() {
    let (session, _server) = session(TIMEOUT).await;
    let begun = Instant::now();
    assert_eq!(sync(&session, "/").await, Err(Failure::Timeout));
    let waited = begun.elapsed();
    assert!(waited >= TIMEOUT * 2 / 3 && waited < TIMEOUT, "{waited:?}");
}

#[tokio::test]
async fn a_closed_session_is_ended_and_a_dropped_one_is_not() {
    let (closed, mut server) = session(TIMEOUT).await;
    let closing = tokio::spawn(closed.close());
    let (header, _) = server.request().await.unwrap();
    assert_eq!(header.op, OpCode::CloseSession.number());
    server.send(&reply(header.xid, 0, &())).await;
    drop(server);
    closing.await.unwrap().unwrap();

    let (dropped, mut server) = session(TIMEOUT).await;
    let other = dropped.clone();
    drop(dropped);
    drop(sync(&other, "/last"));
    assert_eq!(server.request().await.unwrap().1, "/last");
    drop(other);
    assert_eq!(server.frame().await, None);
}

#[tokio::test]
async fn garbage_ends_a_session_with_its_reason() {
    for (bytes, want) in [
        (reply(2, 0, &()), "bad answer: a reply to no request"),
        (b"\0\0\0\x02ab".to_vec(), "bad answer: it ends too early"),
        (
            b"\xff\xff\xff\xffab".to_vec(),
            "bad answer: a frame of -1 bytes",
        ),
        (
            b"\x7f\xff\xff\xffab".to_vec(),
            "bad answer: a frame of 2147483647 bytes",
        ),
        (reply(1, -112, &()), "connection: SESSIONEXPIRED (-112)"),
        (Vec::new(), "connection: closed by the server"),
    ] {
        let (session, mut server) = session(TIMEOUT).await;
        let pending = sync(&session, "/");
        server.send(&bytes).await;
        server.stream.shutdown().await.unwrap();
        assert_eq!(pending.await.unwrap_err().to_string(), want);
    }
    // More replies than requests.
    let (session, mut server) = session(TIMEOUT).await;
    server.send(&reply(1, 0, &())).await;
    let mut watcher = session.watcher("/");
    let failure = watcher.next().await.unwrap_err();
    assert_eq!(failure.to_string(), "bad answer: a reply to no request");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_or_hang(bytes in vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (session, mut server) = session(TIMEOUT).await;
            let pending = [sync(&session, "/"), sync(&session, "/")];
            server.send(&bytes).await;
            drop(server);
            for one in pending {
                let _answered_or_lost = one.await;
            }
            assert!(session.watcher("/").next().await.is_err());
        });
    }
}
