//! Indexes finer than etcd's revisions: a store of the release before, and gateways of that release beside this one.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::{get, leading, put, start, state, until, until_ready};
use support::command::run;
use support::etcd_member::Member;
use support::requests::ask;
use support::running::Running;

/// Writes keys in one transaction, as they are.
fn write_raw(member: &Member, keys: &[(&str, &str)]) {
    let mut request = "\n".to_owned();
    for (key, value) in keys {
        assert!(!value.contains('\''), "{value}");
        writeln!(request, "put {key} '{value}'").unwrap();
    }
    request += "\n\n";
    let done = member.ctl_with(&["txn"], request.as_bytes()).unwrap();
    assert!(done.contains("SUCCESS"), "{done}");
}

/// A key as etcd has it: its value and the revision of that.
fn raw(member: &Member, key: &str) -> (String, u64) {
    let read = |more: &[&str]| member.ctl(&[&["get", key][..], more].concat()).unwrap();
    let value = read(&["--print-value-only"]);
    let fields: Value = serde_json::from_str(&read(&["-w", "json"])).unwrap();
    let modified = &fields["kvs"][0]["mod_revision"];
    (value.trim_end().to_owned(), modified.as_u64().unwrap())
}

/// An entry as a client of Consul sees it.
fn entry(gateway: &Running, key: &str) -> Value {
    let answer = ask(gateway.consul, &format!("GET /v1/kv/{key}"));
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let all: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    all[0].clone()
}

fn index(gateway: &Running, key: &str) -> u64 {
    entry(gateway, key)["ModifyIndex"].as_u64().unwrap()
}

/// The index of the whole keyspace that etcd v2's clients see.
fn head(gateway: &Running) -> u64 {
    let answer = ask(gateway.etcd, "GET /v2/keys/");
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("X-Etcd-Index: "));
    line.unwrap_or_else(|| panic!("{answer}"))
        .trim()
        .parse()
        .unwrap()
}

/// The leader record of the release before, released by a gateway that stopped.
fn record_before(term: u64, offset: u64) -> String {
    json!({"term": term, "holder": "before", "name": "before", "durationMs": 2_000, "beat": 3, "attempt": 3,
        "released": true, "identity": 77, "offset": offset, "past": [], "fences": [], "floor": 1})
    .to_string()
}

/// A store as the release before left it.
fn store_before(member: &Member) {
    write_raw(
        member,
        &[
            ("p/.kubekv/lead", &record_before(1, 0)),
            ("p/.kubekv/term", r#"{"term":1}"#),
        ],
    );
    let attributes = r#"{"commit":{"stamp":{"term":1,"sequence":1}},"attrs":{"flags":7}}"#;
    write_raw(
        member,
        &[("p/a", "one"), ("p/.kubekv/attributes/a", attributes)],
    );
    let created = raw(member, "p/a").1;
    let attributes = format!(
        r#"{{"commit":{{"stamp":{{"term":1,"sequence":2}}}},"attrs":{{"version":1,"created":{{"at":{created}}}}}}}"#
    );
    write_raw(
        member,
        &[("p/a", "two"), ("p/.kubekv/attributes/a", &attributes)],
    );
    member.ctl(&["put", "p/by-hand", "v"]).unwrap();
    let renamed = r#"{"sub":1,"at":3,"attrs":{}}"#;
    let name = "00000000000000000003";
    write_raw(
        member,
        &[
            (&format!("p/q/{name}"), "job"),
            (&format!("p/.kubekv/attributes/q/{name}"), renamed),
        ],
    );
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn entries_of_the_release_before_keep_their_indexes_and_new_ones_are_above() {
    let member = Member::start("etcd-3.6");
    store_before(&member);
    let of = |key: &str| raw(&member, &format!("p/{key}")).1;
    let before = [
        ("a", of("a")),
        ("by-hand", of("by-hand")),
        ("q/00000000000000000003", 3),
    ];
    let gateway = leading(&member.store("p"), &[]);
    for (key, index_before) in before {
        assert_eq!(index(&gateway, key), index_before, "{key}");
    }
    assert_eq!(entry(&gateway, "a")["CreateIndex"], of("a") - 1);
    assert_eq!(get(&gateway, "a").as_deref(), Some("two"));
    put(&gateway, "b", "v");
    put(&gateway, "a", "three");
    let (b, a) = (index(&gateway, "b"), index(&gateway, "a"));
    assert!(
        b > of("q/00000000000000000003") && a >= b + 128,
        "{b} and {a}"
    );
    // The record is of the release before as well as of this one.
    let record: Value = serde_json::from_str(&raw(&member, "p/.kubekv/lead").0).unwrap();
    assert_eq!(record["layout"], 2);
    assert_eq!(record["indexes"]["offset"], 0);
    let at = head(&gateway);
    assert_eq!(gateway.stop().code, 0);
    let next = leading(&member.store("p"), &[]);
    assert_eq!((index(&next, "b"), index(&next, "a")), (b, a));
    assert_eq!(index(&next, "by-hand"), before[1].1);
    assert!(head(&next) >= at);
    put(&next, "c", "v");
    assert!(index(&next, "c") > at);
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn no_index_falls_when_the_release_before_takes_over_and_this_one_again() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    for n in 0..5 {
        put(&gateway, &format!("k{n}"), "v");
    }
    let (shown, at) = (index(&gateway, "k4"), head(&gateway));
    assert_eq!(gateway.stop().code, 0);
    let (record, written) = raw(&member, "p/.kubekv/lead");
    let record: Value = serde_json::from_str(&record).unwrap();
    // Its index of anything is the revision and this offset, and it drops what it does not know.
    let offset = record["offset"].as_u64().unwrap();
    let shown_before = raw(&member, "p/k4").1 + offset;
    assert!(shown_before > shown && shown_before > at);
    assert!(written + offset > at);
    let term = record["term"].as_u64().unwrap() + 1;
    write_raw(
        &member,
        &[
            ("p/.kubekv/lead", &record_before(term, offset)),
            ("p/.kubekv/term", &json!({"term": term}).to_string()),
        ],
    );
    let next = leading(&member.store("p"), &[]);
    assert_eq!(
        index(&next, "k4"),
        shown_before,
        "as that release showed it"
    );
    let at = head(&next);
    put(&next, "k4", "w");
    assert!(index(&next, "k4") > at);
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn indexes_go_on_where_the_leader_record_was_deleted_while_no_gateway_ran() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    for n in 0..5 {
        put(&gateway, &format!("k{n}"), "v");
    }
    let at = head(&gateway);
    assert_eq!(gateway.stop().code, 0);
    member.ctl(&["del", "p/.kubekv/lead"]).unwrap();
    let next = start(&member.store("p"), "next", &[]);
    until_ready(&next);
    assert!(head(&next) >= at);
    put(&next, "k", "v");
    assert!(index(&next, "k") > at);
    assert_eq!(next.stop().code, 0);
}

/// What a gateway says of a store of a newer release.
const REFUSED: &str = "was written by a newer kubekv (layout 3; this one reads up to 2)";

#[test]
#[ignore = "needs etcd: tests/run"]
fn store_of_a_newer_layout_is_refused_by_name() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    put(&gateway, "k", "v");
    let standby = start(&member.store("p"), "standby", &[]);
    until("standing by", || state(&standby) == "standby");
    let newer = || {
        let (record, _) = raw(&member, "p/.kubekv/lead");
        let mut record: Value = serde_json::from_str(&record).unwrap();
        record["layout"] = 3.into();
        record["holder"] = "newer".into();
        record.to_string()
    };
    // A heartbeat may come between.
    until("the newer gateway leads", || {
        write_raw(&member, &[("p/.kubekv/lead", &newer())]);
        state(&gateway) != "ok"
    });
    let record = raw(&member, "p/.kubekv/lead");
    let read = run(&["export", "--from", &member.store("p")]);
    assert!(read.code != 0 && read.err.contains(REFUSED), "{read:?}");
    // For longer than leadership lasts, which is 2 s.
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(raw(&member, "p/.kubekv/lead"), record, "nobody takes over");
    }
    for refused in [gateway, standby] {
        assert_ne!(state(&refused), "ok");
        let done = refused.stop();
        assert!(done.err.contains(REFUSED), "{}", done.err);
    }
}
