//! Commands on the keys of a running gateway.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value::Null;

use support::command::{done, kubekv, run, run_with};
use support::running::Running;

#[test]
fn a_key_is_written_read_and_deleted() {
    let gateway = Running::start("memory:");
    let done = gateway.run(&["get", "a"]);
    assert_eq!(
        (done.code, done.err.as_str()),
        (1, "kubekv: no such key: a\n")
    );
    assert_eq!(gateway.run(&["put", "a", "hello"]).code, 0);
    assert_eq!(gateway.run(&["get", "a"]).text(), "hello\n");
    assert_eq!(gateway.run(&["get", "/a", "--raw"]).text(), "hello");
    assert_eq!(gateway.run(&["delete", "a"]).code, 0);
    assert_eq!(gateway.run(&["get", "a"]).code, 1);
    assert_eq!(gateway.run(&["delete", "a"]).code, 0);
}

#[test]
fn values_of_any_bytes_round_trip() {
    let gateway = Running::start("memory:");
    let address = gateway.consul.to_string();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let put = ["put", "bytes ?#%/\u{e9}", "-", "--address", &address];
    assert_eq!(run_with(&put, &bytes).code, 0);
    assert_eq!(
        gateway.run(&["get", "bytes ?#%/\u{e9}", "--raw"]).out,
        bytes
    );
    assert_eq!(gateway.run(&["list"]).text(), "bytes ?#%/\u{e9}\n");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("value");
    std::fs::write(&file, &bytes).unwrap();
    let from_file = format!("@{}", file.display());
    assert_eq!(gateway.run(&["put", "b", &from_file]).code, 0);
    assert_eq!(gateway.run(&["get", "b", "--raw"]).out, bytes);
    assert_eq!(gateway.run(&["put", "b", "@/nowhere"]).code, 8);
}

#[test]
fn a_failed_cas_writes_nothing() {
    let gateway = Running::start("memory:");
    assert_eq!(gateway.run(&["put", "a", "1", "--cas", "0"]).code, 0);
    let done = gateway.run(&["put", "a", "2", "--cas", "0", "--json"]);
    assert_eq!((done.code, done.text()), (1, "false\n"));
    let entry = gateway.run(&["get", "a", "--json"]).json();
    let index = entry["ModifyIndex"].to_string();
    assert_eq!(gateway.run(&["delete", "a", "--cas", "999"]).code, 1);
    let flags = u64::MAX.to_string();
    assert_eq!(
        gateway
            .run(&["put", "a", "2", "--cas", &index, "--flags", &flags])
            .code,
        0
    );
    let entry = gateway.run(&["get", "a", "--json"]).json();
    assert_eq!(entry["Flags"], u64::MAX);
    assert_eq!(entry["Value"], "Mg==");
    let index = entry["ModifyIndex"].to_string();
    assert_eq!(gateway.run(&["delete", "a", "--cas", &index]).code, 0);
}

#[test]
fn keys_are_listed_by_prefix() {
    let gateway = Running::start("memory:");
    assert_eq!(gateway.run(&["list"]).text(), "");
    assert_eq!(gateway.run(&["list", "--json"]).text(), "[]\n");
    for key in ["a/b", "a/c/d", "e"] {
        assert_eq!(gateway.run(&["put", key, key]).code, 0);
    }
    assert_eq!(gateway.run(&["list", "a"]).text(), "a/b\na/c/d\n");
    assert_eq!(gateway.run(&["list", "--separator", "/"]).text(), "a/\ne\n");
    assert_eq!(
        gateway.run(&["get", "a", "--recurse"]).text(),
        "a/b:a/b\na/c/d:a/c/d\n"
    );
    let entries = gateway.run(&["get", "a", "--recurse", "--json"]).json();
    assert_eq!(entries[1]["Key"], "a/c/d");
    assert_eq!(gateway.run(&["delete", "a", "--recurse"]).code, 0);
    assert_eq!(gateway.run(&["list"]).text(), "e\n");
}

#[test]
fn an_export_can_be_imported_by_another_gateway() {
    let (here, there) = (Running::start("memory:"), Running::start("memory:"));
    assert_eq!(here.run(&["export"]).text(), "[]\n");
    assert_eq!(here.run(&["put", "a/<b>", "1", "--flags", "7"]).code, 0);
    assert_eq!(here.run(&["put", "a/c"]).code, 0);
    assert_eq!(here.run(&["put", "z", "2"]).code, 0);
    let export = here.run(&["export", "a/"]);
    assert_eq!(
        export.text(),
        "[\n\t{\n\t\t\"key\": \"a/<b>\",\n\t\t\"flags\": 7,\n\t\t\"value\": \"MQ==\"\n\t},\n\
         \t{\n\t\t\"key\": \"a/c\",\n\t\t\"flags\": 0,\n\t\t\"value\": \"\"\n\t}\n]\n"
    );
    let address = there.consul.to_string();
    let imported = run_with(&["import", "-", "--address", &address], &export.out);
    assert_eq!(imported.text(), "Imported: a/<b>\nImported: a/c\n");
    assert_eq!(there.run(&["export"]).out, export.out);
    // The format of Consul's own export: its JSON escapes <, > and &.
    let consuls = r#"[{"key":"\u003cx\u003e","flags":0,"value":"MQ=="}]"#;
    assert_eq!(there.run(&["import", consuls]).code, 0);
    assert_eq!(there.run(&["get", "<x>"]).text(), "1\n");
    let done = there.run(&["import", "{}"]);
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn watch_prints_each_change() {
    let gateway = Running::start("memory:");
    assert_eq!(gateway.run(&["put", "w/old", "0"]).code, 0);
    let mut watch = kubekv()
        .args(["watch", "w/", "--recurse"])
        .env("KUBEKV_ADDRESS", gateway.consul.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(watch.stdout.take().unwrap());
    let mut err = BufReader::new(watch.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert!(line.starts_with("watching from index "), "{line}");
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    };
    gateway.run(&["put", "w/a", "one\ntwo"]);
    let first = next();
    let (index, change) = first.split_once(' ').unwrap();
    assert_eq!(change, "put w/a one\\ntwo\n");
    assert!(index.parse::<u64>().unwrap() > 0);
    gateway.run(&["put", "elsewhere", "1"]);
    gateway.run(&["delete", "w/a"]);
    assert!(next().ends_with(" delete w/a\n"));
    gateway.run(&["put", "w/old", "0"]);
    assert!(next().ends_with(" put w/old 0\n"));
    assert_eq!(gateway.stop().code, 0);
    // The gateway answers the parked poll when it stops; after that it cannot be reached.
    assert_eq!(watch.wait().unwrap().code(), Some(3));
}

#[test]
fn status_reports_store_entries_and_clients() {
    let gateway = Running::start("memory:");
    gateway.run(&["put", "a", "1"]);
    let status = gateway.run(&["status", "--json"]).json();
    let index = gateway.run(&["get", "a", "--json"]).json()["ModifyIndex"].clone();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["address"], gateway.consul.to_string());
    assert_eq!(
        (&status["entries"], &status["revision"]),
        (&1.into(), &index)
    );
    let text = gateway.run(&["status"]);
    assert!(text.text().contains("entries   1\n"), "{text:?}");
}

#[test]
fn status_reports_on_the_gateway_of_the_given_admin_port() {
    let gateway = Running::start_by(kubekv(), &["--store", "memory:", "--node-name", "here-1"]);
    // Another gateway's admin port may be at the default address: its answer is not used.
    let unknown = gateway.run(&["status", "--json"]).json();
    assert_eq!((&unknown["gateway"], &unknown["role"]), (&Null, &Null));
    assert_eq!(
        unknown["leader"], "here-1",
        "the gateway that answers is the leader"
    );
    let text = gateway.run(&["status"]);
    assert!(text.text().contains("role      not known: "), "{text:?}");

    let admin = gateway.admin.to_string();
    let status = gateway.run(&["status", "--json", "--admin", &admin]).json();
    for (field, is) in [
        ("gateway", "here-1".into()),
        ("role", "leader".into()),
        ("leader", "here-1".into()),
        ("node", "here-1".into()),
        ("term", Null),
        ("entries", 0.into()),
    ] {
        assert_eq!(status[field], is, "{field}: {status}");
    }
    let text = gateway.run(&["status", "--admin", &admin]);
    for line in ["gateway   here-1", "role      leader", "leader    here-1"] {
        assert!(text.text().lines().any(|found| found == line), "{text:?}");
    }
    let done = gateway.run(&["status", "--admin", "127.0.0.1:1"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert_eq!(gateway.run(&["status", "--admin", "off"]).code, 2);
}

#[test]
fn an_unreachable_gateway_has_its_own_exit_code() {
    let gone = Running::start("memory:");
    let address = gone.consul.to_string();
    gone.stop();
    for command in [
        &["get", "a"][..],
        &["put", "a", "1"],
        &["status"],
        &["export"],
    ] {
        let done = run(&[command, &["--address", &address]].concat());
        assert_eq!(done.code, 3, "{done:?}");
        assert!(
            done.err
                .starts_with(&format!("kubekv: cannot reach a gateway at {address}: "))
        );
    }
    assert_eq!(run(&["get", "a", "--address", "nonsense"]).code, 2);
    assert_eq!(run(&["get", "a", "--address", "user:pw@h:1"]).code, 2);
}

#[test]
fn a_rejected_request_prints_the_gateways_message() {
    let gateway = Running::start("memory:");
    let address = gateway.consul.to_string();
    let big = vec![b'x'; 3 << 20];
    let done = run_with(&["put", "big", "-", "--address", &address], &big);
    assert_eq!(done.code, 4, "{done:?}");
    assert!(
        done.err.starts_with("kubekv: the gateway refused: 413: "),
        "{done:?}"
    );
}

#[test]
#[ignore = "needs consul: tests/run"]
fn exports_are_exchanged_with_the_consul_command() {
    let (here, there) = (Running::start("memory:"), Running::start("memory:"));
    let consul = |gateway: &Running, arguments: &[&str]| {
        let address = format!("-http-addr=http://{}", gateway.consul);
        let (action, rest) = arguments.split_first().unwrap();
        let mut command = std::process::Command::new("consul");
        command.args(["kv", action, &address]).args(rest);
        let done = done(command.output().unwrap());
        assert_eq!(done.code, 0, "{done:?}");
        done
    };
    for (key, value) in [
        ("a/<b>&", "one\ntwo"),
        ("a/empty", ""),
        ("a/\u{e9} ?#%", "x"),
    ] {
        assert_eq!(
            here.run(&["put", key, value, "--flags", "3304740253564472344"])
                .code,
            0
        );
    }
    let theirs = consul(&here, &["export"]);
    let ours = here.run(&["export"]);
    assert_eq!(theirs.json(), ours.json());

    assert_eq!(there.run(&["import", theirs.text()]).code, 0);
    assert_eq!(there.run(&["export"]).out, ours.out);
    assert_eq!(there.run(&["delete", "a", "--recurse"]).code, 0);
    consul(&there, &["import", ours.text()]);
    assert_eq!(there.run(&["export"]).out, ours.out);
}
