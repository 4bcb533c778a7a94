//! The ZooKeeper client and a real ZooKeeper.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::client::{Consistency, Failure};
use kubekv::bench::target::LoadTarget;
use kubekv::bench::zookeeper::ZooKeeperClient;
use kubekv::bench::zookeeper::session::{PipelinedSession, SessionOptions};
use kubekv::config::{SourceAccess, SourceUrl, StoreAccess, StorePassword};
use support::certificates::certificates;
use support::zookeeper::ZooKeeper;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{cas_loses_against_other_writes, run, seen, target};

fn url(address: SocketAddr) -> SourceUrl {
    SourceUrl::ZooKeeper(vec![address.to_string()], "/bench".to_owned())
}

async fn target_of(server: &ZooKeeper) -> Arc<LoadTarget> {
    target(&url(server.address), &SourceAccess::default()).await
}

fn client(target: &Arc<LoadTarget>) -> ZooKeeperClient {
    ZooKeeperClient::new(Arc::clone(target), 0, Consistency::Linearizable)
}

async fn session(
    server: &ZooKeeper,
    options: &SessionOptions,
) -> Result<PipelinedSession, Failure> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    PipelinedSession::open(stream, options).await
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn keys_of_zookeeper_are_written_and_read() {
    let server = ZooKeeper::start();
    run(async {
        let target = target_of(&server).await;
        let [mut one, mut other] = [client(&target), client(&target)];
        // The nodes above are made, the chroot among them.
        one.put("a/b", b"1").await.unwrap();
        one.put("a/b", b"put").await.unwrap();
        let found = other.get("a/b").await.unwrap();
        assert_eq!((seen(found), found.bytes), ((1, false), 4 + 3 + 68));
        assert_eq!(other.get("a/c").await, Err(Failure::no_such_key()));
        assert_eq!(seen(one.create("a/c", b"22").await.unwrap()), (0, false));
        assert_eq!(seen(other.create("a/c", b"lost").await.unwrap()), (0, true));
        let listed = other.list("a/").await.unwrap();
        assert_eq!(seen(listed), (2, false));
        assert_eq!(listed.bytes, 4 + 2 * 5 + 68 + 2 * (4 + 68) + 3 + 2);
        assert_eq!(other.list("none").await, Err(Failure::no_such_key()));
        assert_eq!(seen(one.delete("a/c").await.unwrap()), (1, false));
        assert_eq!(seen(one.delete("a/c").await.unwrap()), (0, false));
        let refused = one.delete("a").await.unwrap_err();
        assert_eq!(refused, Failure::Refused("NOTEMPTY (-111)".to_owned()));
    });
    let said = server.run(&["get /bench/a/b".to_owned(), "ls /bench/a".to_owned()]);
    assert!(said.contains("\nput\n") && said.contains("[b]"), "{said}");
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn ephemeral_nodes_of_zookeeper_are_numbered_and_deleted_over_one_session() {
    let server = ZooKeeper::start();
    run(async {
        let target = target_of(&server).await;
        let mut one = client(&target);
        let mut other = one.on_same_session();
        for _ in 0..3 {
            let (first, second) =
                tokio::join!(one.ephemeral("q/n-", b"1"), other.ephemeral("q/n-", b"1"));
            assert_eq!(
                (seen(first.unwrap()), seen(second.unwrap())),
                ((1, false), (1, false))
            );
        }
        assert_eq!(one.stat("q").await.unwrap().bytes, 68);
        assert_eq!(one.stat("none").await, Err(Failure::no_such_key()));
    });
    let said = server.run(&["stat /bench/q".to_owned()]);
    assert!(
        said.contains("cversion = 12") && said.contains("numChildren = 0"),
        "{said}"
    );
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn compare_and_swap_of_zookeeper_loses_against_other_writes() {
    let server = ZooKeeper::start();
    run(async {
        let target = target_of(&server).await;
        let mut one = cas_loses_against_other_writes(&target).await;
        assert_eq!(one.get("k").await.unwrap().bytes, 4 + 3 + 68);
    });
    let said = server.run(&["get -s /bench/k".to_owned()]);
    assert!(
        said.contains("\nnew\n") && said.contains("dataVersion = 0"),
        "{said}"
    );
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn changes_of_zookeeper_are_seen_by_polls_and_watches() {
    let server = ZooKeeper::start();
    run(async {
        let target = target_of(&server).await;
        let [mut poller, mut watcher, mut writer] =
            [client(&target), client(&target), client(&target)];
        assert_eq!(seen(poller.poll("k").await.unwrap()), (0, false));
        assert_eq!(seen(watcher.watch("k").await.unwrap()), (0, false));
        // Neither sees what has not happened.
        let short = Duration::from_millis(100);
        assert!(timeout(short, poller.poll("k")).await.is_err());
        assert!(timeout(short, watcher.watch("k")).await.is_err());
        for (value, entries) in [(&b"1"[..], 1), (b"22", 1), (b"", 0)] {
            if entries == 0 {
                writer.delete("k").await.unwrap();
            } else {
                writer.put("k", value).await.unwrap();
            }
            let polled = poller.poll("k").await.unwrap();
            assert_eq!(seen(polled), (entries, false));
            assert_eq!(seen(watcher.watch("k").await.unwrap()), (1, false));
        }
        // The persistent watch has every change, a poll the last.
        writer.put("k", b"1").await.unwrap();
        // A change of the children is none of the key.
        writer.put("k/child", b"1").await.unwrap();
        writer.put("k", b"22").await.unwrap();
        for _ in 0..2 {
            assert_eq!(seen(watcher.watch("k").await.unwrap()), (1, false));
        }
        assert!(timeout(short, watcher.watch("k")).await.is_err());
        assert_eq!(poller.poll("k").await.unwrap().bytes, 4 + 2 + 68);
        assert!(timeout(short, poller.poll("k")).await.is_err());
    });
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn lock_of_zookeeper_has_one_holder_in_the_order_of_arrival() {
    let server = ZooKeeper::start();
    run(async {
        let target = target_of(&server).await;
        let [mut holder, mut second, mut third] =
            [client(&target), client(&target), client(&target)];
        let held = holder.lock("l").await.unwrap();
        let short = Duration::from_millis(200);
        // A wait that is broken off gives its place up, and another's does not end the order.
        assert!(timeout(short, second.lock("l")).await.is_err());
        let waiting = tokio::spawn(async move {
            let held = second.lock("l").await.unwrap();
            (second, held)
        });
        assert!(timeout(short, third.lock("l")).await.is_err());
        assert!(!waiting.is_finished());
        holder.unlock("l", held).await.unwrap();
        let (mut second, held) = waiting.await.unwrap();
        assert!(timeout(short, third.lock("l")).await.is_err());
        // The end of a session ends its locks.
        second.close().await.unwrap();
        third.lock("l").await.unwrap();
        let lost = second.unlock("l", held).await.unwrap_err();
        assert_eq!(lost, Failure::Refused("NONODE (-101)".to_owned()));
    });
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn session_of_zookeeper_outlives_its_connection() {
    let server = ZooKeeper::start();
    run(async {
        // As clients written in Go ask.
        let go = SessionOptions {
            timeout: Duration::from_secs(4),
            read_only: None,
            ..SessionOptions::default()
        };
        let first = session(&server, &go).await.unwrap();
        assert_eq!(first.timeout(), Duration::from_secs(4));
        let identity = first.identity();
        drop(first);
        let resume = SessionOptions {
            resume: Some(identity.clone()),
            ..go
        };
        let second = session(&server, &resume).await.unwrap();
        assert_eq!(second.id(), identity.id);
        // Pings keep it for longer than its timeout.
        tokio::time::sleep(Duration::from_secs(8)).await;
        assert!(!second.is_ended());
        second.close().await.unwrap();
        let expired = session(&server, &resume).await.unwrap_err();
        let want = Failure::Refused("the session has expired".to_owned());
        assert_eq!(expired, want);
    });
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn identity_opens_nodes_of_zookeeper_that_are_closed_to_others() {
    let server = ZooKeeper::start();
    server.run(&[
        "addauth digest me:hidden".to_owned(),
        "create /bench x auth::cdrwa".to_owned(),
    ]);
    let user = ("me".to_owned(), StorePassword::Text("hidden".to_owned()));
    let access = SourceAccess {
        access: StoreAccess {
            user: Some(user),
            ..StoreAccess::default()
        },
        token: None,
    };
    run(async {
        let (open, closed) = (
            target(&url(server.address), &access).await,
            target_of(&server).await,
        );
        client(&open).put("k", b"1").await.unwrap();
        let refused = client(&closed).create("j", b"1").await.unwrap_err();
        assert_eq!(refused, Failure::Refused("NOAUTH (-102)".to_owned()));
    });
}

#[test]
#[ignore = "needs ZooKeeper and openssl: tests/run"]
fn keys_of_zookeeper_are_written_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    let (_server, secure) = ZooKeeper::start_over_tls(at);
    let access = SourceAccess {
        access: StoreAccess {
            authorities: Some(at.join("ca.pem")),
            certificate: Some((at.join("ours.pem"), at.join("ours.key"))),
            ..StoreAccess::default()
        },
        token: None,
    };
    run(async {
        let mut client = client(&target(&url(secure), &access).await);
        // More than one record of TLS.
        client.put("k", &vec![b'x'; 100_000]).await.unwrap();
        assert_eq!(client.get("k").await.unwrap().bytes, 4 + 100_000 + 68);
    });
}
