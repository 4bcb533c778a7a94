//! A log that cannot be written: changes are refused in each protocol's words, reads go on, and all recovers by itself.

use std::fs;
use std::os::unix::fs::symlink;

use kubekv::wire::zookeeper::ErrorCode;
use support::command::run;
use support::metrics::metric;
use support::until::until;
use support::zookeeper_client::{PERSISTENT, ZooKeeperClient};

use crate::gateway::{Audited, MARKER, ask, lines, the_one};

#[test]
fn on_a_full_disk_changes_are_refused_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (path, good) = (
        directory.path().join("audit.log"),
        directory.path().join("good.log"),
    );
    symlink(&good, &path).unwrap();
    let link = |to: &str| {
        let new = path.with_extension("new");
        symlink(to, &new).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    let audited = Audited::start_at(directory, path.clone(), &["--audit-reads"]);
    let (consul, etcd) = (audited.gateway.consul, audited.gateway.etcd);
    let mut client = ZooKeeperClient::begin(audited.gateway.zookeeper(), 30_000);
    client.create("/z", PERSISTENT);
    assert_eq!(ask(consul, "PUT /v1/kv/a", MARKER).1, "true");
    link("/dev/full");
    until("the disk is found full", || {
        ask(consul, "GET /v1/kv/a", "");
        metric(&audited.gateway, "kubekv_audit_failing") == 1
    });
    let (status, body) = ask(consul, "PUT /v1/kv/a", MARKER);
    assert_eq!(status, 500, "{body}");
    assert!(body.contains("--audit"), "{body}");
    let (status, body) = ask(etcd, "PUT /v2/keys/b", &format!("value={MARKER}"));
    assert_eq!(status, 500, "{body}");
    assert!(body.contains(r#""errorCode":300"#), "{body}");
    assert_eq!(
        client.try_set("/z", MARKER, -1),
        Some(ErrorCode::SystemError)
    );
    // Reads go on, and nothing was changed.
    assert_eq!(ask(consul, "GET /v1/kv/a", "").0, 200);
    assert_eq!(ask(etcd, "GET /v2/keys/b", "").0, 404);
    assert_eq!(client.try_get("/z"), None);
    link(good.to_str().unwrap());
    until("changes are made again", || {
        ask(consul, "PUT /v1/kv/back", MARKER).0 == 200
    });
    assert_eq!(client.try_set("/z", MARKER, -1), None);
    assert_eq!(metric(&audited.gateway, "kubekv_audit_failing"), 0);
    assert_eq!(
        metric(
            &audited.gateway,
            "kubekv_audit_lines_total{outcome=\"lost\"}"
        ),
        0
    );
    let Audited { gateway, .. } = &audited;
    gateway.signal(rustix::process::Signal::TERM);
    until("the log is whole", || {
        let text = fs::read_to_string(&good).unwrap_or_default();
        text.contains("\"back\"")
    });
    let lines = lines(&good);
    the_one(&lines, &[("event", "write"), ("key", "a")]);
    the_one(&lines, &[("event", "write"), ("key", "back")]);
}

#[test]
fn no_gateway_starts_without_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none/audit.log");
    let ports = [
        "--consul",
        "127.0.0.1:0",
        "--etcd",
        "off",
        "--admin",
        "127.0.0.1:0",
    ];
    let audit = [
        "serve",
        "--store",
        "memory:",
        "--audit",
        path.to_str().unwrap(),
    ];
    let done = run(&[&audit[..], &ports].concat());
    assert_ne!(done.code, 0);
    assert!(done.err.contains("audit log"), "{}", done.err);
}
