//! The client of etcd's version 3 API and real members of etcd.

use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::client::{Consistency, Failure};
use kubekv::bench::etcd3::Etcd3Client;
use kubekv::bench::target::LoadTarget;
use kubekv::config::{SourceAccess, SourceUrl, StoreAccess, StorePassword};
use support::certificates::{certificates, server_files};
use support::etcd_member::Member;
use tokio::time::timeout;

use crate::{cas_loses_against_other_writes, run, seen, target};

/// The oldest and the newest versions that are supported, and the one between.
const COMPONENTS: [&str; 3] = ["etcd", "etcd-3.5", "etcd-3.6"];

async fn target_of(member: &Member) -> Arc<LoadTarget> {
    let url = SourceUrl::Etcd3(vec![member.address()]);
    target(&url, &SourceAccess::default()).await
}

fn client(target: &Arc<LoadTarget>) -> Etcd3Client {
    Etcd3Client::new(Arc::clone(target), 0, Consistency::Linearizable)
}

fn get(member: &Member, key: &str) -> String {
    let value = member.ctl(&["get", "--print-value-only", key]);
    value.unwrap().trim_end().to_owned()
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn keys_of_etcd_are_written_and_read() {
    for component in COMPONENTS {
        let member = Member::start(component);
        run(async {
            let target = target_of(&member).await;
            let [mut one, mut other] = [client(&target), client(&target)];
            one.put("a/b", b"1").await.unwrap();
            one.put("a/b", b"put").await.unwrap();
            let found = other.get("a/b").await.unwrap();
            assert_eq!((seen(found), found.bytes), ((1, false), 3 + 3));
            assert_eq!(other.get("a/c").await, Err(Failure::no_such_key()));
            assert_eq!(other.list("b/").await, Err(Failure::no_such_key()));
            assert_eq!(seen(one.create("a/c", b"22").await.unwrap()), (0, false));
            assert_eq!(seen(other.create("a/c", b"lost").await.unwrap()), (0, true));
            let listed = other.list("a/").await.unwrap();
            assert_eq!((seen(listed), listed.bytes), ((2, false), 6 + 5));
            assert_eq!(seen(one.delete("a/c").await.unwrap()), (1, false));
            assert_eq!(seen(one.delete("a/c").await.unwrap()), (0, false));
            let mut serializable = Etcd3Client::new(target, 0, Consistency::Default);
            assert_eq!(seen(serializable.get("a/b").await.unwrap()), (1, false));
            assert_eq!(seen(serializable.list("a").await.unwrap()), (1, false));
            let refused = one.poll("a/b").await.unwrap_err();
            assert!(
                refused.to_string().contains("no blocking queries"),
                "{refused}"
            );
        });
        assert_eq!(
            (get(&member, "a/b"), get(&member, "a/c")),
            ("put".to_owned(), String::new())
        );
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn compare_and_swap_of_etcd_loses_against_other_writes() {
    for component in COMPONENTS {
        let member = Member::start(component);
        run(async {
            let target = target_of(&member).await;
            cas_loses_against_other_writes(&target).await;
        });
        assert_eq!(get(&member, "k"), "new");
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn watch_of_etcd_has_every_change() {
    for component in COMPONENTS {
        let member = Member::start(component);
        run(async {
            let target = target_of(&member).await;
            let [mut watcher, mut writer] = [client(&target), client(&target)];
            assert_eq!(seen(watcher.watch("k").await.unwrap()), (0, false));
            let short = Duration::from_millis(100);
            // A call that is broken off loses no event.
            assert!(timeout(short, watcher.watch("k")).await.is_err());
            writer.put("other", b"1").await.unwrap();
            writer.put("k", b"1").await.unwrap();
            writer.put("k", b"22").await.unwrap();
            writer.delete("k").await.unwrap();
            let (mut entries, mut bytes) = (0, 0);
            while entries < 3 {
                let seen = watcher.watch("k").await.unwrap();
                entries += seen.entries;
                bytes += seen.bytes;
            }
            assert_eq!((entries, bytes), (3, 2 + 3 + 1));
            assert!(timeout(short, watcher.watch("k")).await.is_err());
        });
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn lock_of_etcd_has_one_holder_in_the_order_of_arrival() {
    for component in COMPONENTS {
        let member = Member::start(component);
        run(async {
            let target = target_of(&member).await;
            let [mut holder, mut second, mut third] =
                [client(&target), client(&target), client(&target)];
            let held = holder.lock("l").await.unwrap();
            let short = Duration::from_millis(200);
            // A wait that is broken off gives its place up.
            assert!(timeout(short, second.lock("l")).await.is_err());
            let waiting = tokio::spawn(async move {
                let held = second.lock("l").await.unwrap();
                (second, held)
            });
            assert!(timeout(short, third.lock("l")).await.is_err());
            assert!(!waiting.is_finished());
            holder.unlock("l", held).await.unwrap();
            let (mut second, _held) = waiting.await.unwrap();
            assert!(timeout(short, third.lock("l")).await.is_err());
            // The end of a lease ends its locks.
            second.close().await.unwrap();
            let held = third.lock("l").await.unwrap();
            third.unlock("l", held).await.unwrap();
            // The stream that waited serves the next waits.
            let held = third.lock("l").await.unwrap();
            for _ in 0..3 {
                let locking = second.lock("l");
                assert!(timeout(short, locking).await.is_err());
            }
            third.unlock("l", held).await.unwrap();
            second.lock("l").await.unwrap();
        });
        let left = member
            .ctl(&["get", "--prefix", "--keys-only", "l/"])
            .unwrap();
        assert_eq!(left.split_whitespace().count(), 1, "{left}");
    }
}

#[test]
#[ignore = "needs etcd and openssl: tests/run"]
fn user_of_etcd_is_authenticated_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    let [cert, key, ca] = &server_files(at);
    let more = [
        "--cert-file",
        cert,
        "--key-file",
        key,
        "--trusted-ca-file",
        ca,
        "--client-cert-auth",
    ];
    for component in COMPONENTS {
        let mut member = Member::start_with(component, "https", &more);
        let ours = ["ours.pem", "ours.key"].map(|name| at.join(name).display().to_string());
        let options = [
            format!("--cacert={ca}"),
            format!("--cert={}", ours[0]),
            format!("--key={}", ours[1]),
        ];
        member.control.extend(options);
        for arguments in [
            &["user", "add", "root:rootpw"][..],
            &["user", "grant-role", "root", "root"],
            &["user", "add", "me:hidden"],
            &["role", "add", "own"],
            &[
                "role",
                "grant-permission",
                "own",
                "readwrite",
                "own/",
                "--prefix=true",
            ],
            &["user", "grant-role", "me", "own"],
            &["auth", "enable"],
        ] {
            member.ctl(arguments).unwrap();
        }
        let access = SourceAccess {
            access: StoreAccess {
                authorities: Some(at.join("ca.pem")),
                certificate: Some((at.join("ours.pem"), at.join("ours.key"))),
                user: Some(("me".to_owned(), StorePassword::Text("hidden".to_owned()))),
            },
            token: None,
        };
        run(async {
            let url = SourceUrl::Etcd3(vec![member.address()]);
            let mut client = client(&target(&url, &access).await);
            client.put("own/k", b"1").await.unwrap();
            assert_eq!(seen(client.get("own/k").await.unwrap()), (1, false));
            let refused = client.put("other", b"1").await.unwrap_err();
            let want = "etcdserver: permission denied".to_owned();
            assert_eq!(refused, Failure::Refused(want));
        });
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn lost_member_of_etcd_is_a_lost_connection() {
    let mut member = Member::start("etcd-3.5");
    run(async {
        let mut client = client(&target_of(&member).await);
        client.put("k", b"1").await.unwrap();
        member.kill();
        let lost = client.get("k").await.unwrap_err();
        assert!(lost.ends_connection(), "{lost}");
        let refused = client.get("k").await.unwrap_err();
        assert!(refused.ends_connection(), "{refused}");
        member.again();
        member.await_port();
        // It has the port before it has a leader.
        while client.get("k").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(seen(client.get("k").await.unwrap()), (1, false));
    });
}
